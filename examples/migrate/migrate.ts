// npx tsx examples/migrate/migrate.ts: moves a live Redis into a Store, and back, without losing a write. A writer goes on
// all the time; it knows where the primary is at the moment, and waits when it is told to. `redis-server` has to be
// installed (`apt install redis-server`): one is started for this, on a port of its own. It exits 0 only if every
// acknowledged write is there after each move, and none was done twice.
//
// There: the steps one by one, as they work with every Redis since 4.0. Back: the same steps as store.failover takes them.

import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Store } from 'hotspare'
import { Redis } from 'ioredis'

const folder = mkdtempSync(join(tmpdir(), 'migrate-'))

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, `not within 20 s: ${what}`)
    await sleep(5)
  }
}

async function fieldOf(server: Redis, name: string): Promise<string | undefined> {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await server.info('replication'))?.[1]
}

function say(text: string): void {
  console.log(`${(performance.now() / 1000).toFixed(1).padStart(5)} s  ${text}`)
}

// A Redis with some data of all kinds.

const redisPort = await freePort()
const settings = { port: redisPort, bind: '127.0.0.1', save: '', dir: folder, 'repl-diskless-sync-delay': 0 }
const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
const server = spawn('redis-server', flags, { stdio: 'ignore' })
server.once('error', (error) => {
  console.error(`redis-server cannot be started (apt install redis-server): ${error.message}`)
  process.exit(1)
})
process.once('exit', () => {
  server.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const redis = new Redis({ port: redisPort, retryStrategy: () => 50, maxRetriesPerRequest: null })
redis.on('error', () => {})
for (let i = 0; i < 1000; i++) {
  await redis
    .pipeline()
    .hset(`user:${i}`, { name: `u${i}` })
    .zadd('scores', i, `u${i}`)
    .rpush('log', `line ${i}`)
    .exec()
}
await redis.set('session', 'short', 'PX', 600_000)

// The writer: a counter, which shows what is lost or done twice, and a key for each number.

let primaryPort = redisPort
let acknowledged = 0
let refused = 0
let longestWaitMs = 0
let isWriting = true

async function write(): Promise<void> {
  let client = new Redis({ port: primaryPort })
  let lastMs = performance.now()
  while (isWriting) {
    try {
      const number = await client.incr('counter')
      acknowledged++
      longestWaitMs = Math.max(longestWaitMs, performance.now() - lastMs)
      lastMs = performance.now()
      await client.set(`number:${number}`, number)
    } catch (error) {
      // The primary has moved. What was refused was not done: it is done again where it has moved to.
      assert.match(String(error), /READONLY/)
      refused++
      client.disconnect()
      await sleep(5)
      client = new Redis({ port: primaryPort })
    }
  }
  client.disconnect()
}

/** The number of increments at each side is that of those that were acknowledged, and the data is the same. */
async function nothingLost(): Promise<void> {
  isWriting = false
  await writing
  await until('both sides to be in step', async () => {
    return (await fieldOf(redis, 'master_repl_offset')) === String(store.status().offset)
  })
  assert.equal(Number(await redis.get('counter')), acknowledged)
  assert.equal(Number(store.get('counter')), acknowledged)
  assert.equal(await redis.dbsize(), store.size)
  assert.equal(store.hashAt('user:999').get('name'), 'u999')
  assert.equal(store.sortedSetAt('scores').size, 1000)
  assert.ok(store.ttl('session')! > 0)
  say(`  ${acknowledged} writes were acknowledged, all are there, none twice; ${refused} were refused and done again`)
  isWriting = true
  writing = write()
}

const more = async (count: number): Promise<void> => {
  const wanted = acknowledged + count
  await until(`${count} more writes`, () => acknowledged >= wanted)
}

const store = new Store<string>({ codec: 'string' })
const listener = await store.listen({ port: 0 })
let writing = write()

say(`A Redis at port ${redisPort} with ${await redis.dbsize()} keys, and a writer`)
await more(500)

say('There. 1: the Store follows the Redis, while the writer goes on')
await store.replicaOf(`redis://127.0.0.1:${redisPort}`)
await more(500)

say('2: the writer waits (CLIENT PAUSE WRITE), until the Store has everything')
// No byte comes into the stream any more: a PING that the Store does not have would cost the Redis a full sync later.
await redis.config('SET', 'repl-ping-replica-period', '3600')
await redis.call('CLIENT', 'PAUSE', '10000', 'WRITE')
await until('equal offsets', async () => (await fieldOf(redis, 'master_repl_offset')) === String(store.status().offset))
assert.equal(await fieldOf(redis, 'master_replid'), store.status().replid)

say('3: the Store is promoted, the Redis follows it, and only then the writer goes on')
await store.promote()
await redis.replicaof('127.0.0.1', String(listener.port))
primaryPort = listener.port!
await redis.call('CLIENT', 'UNPAUSE')
await until('the Redis to follow', async () => (await fieldOf(redis, 'master_link_status')) === 'up')
assert.match(String(store.call('INFO', 'stats')), /sync_full:0\r\nsync_partial_ok:1/, 'it had everything already')
await more(500)
await nothingLost()

say('Back. store.failover does the same: it waits, compares, and hands over')
await more(500)
await store.failover({ to: `redis://127.0.0.1:${redisPort}`, timeoutMs: 10_000 })
primaryPort = redisPort
assert.equal(store.role, 'replica')
assert.equal(await fieldOf(redis, 'role'), 'master')
await more(500)
await nothingLost()
await more(100)

isWriting = false
await writing
say(`the writer waited ${longestWaitMs.toFixed(0)} ms at most`)
say('Every step held.')
await store.close()
redis.disconnect()
process.exit(0)
