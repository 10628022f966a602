// Loading a file: in slices, with its progress told, while clients hear that it is not over; and broken off.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Progress } from '../../src/commands/save.js'
import { MemoryNetwork, Store } from '../../src/index.js'
import { RawClient } from '../client.js'
import { suite } from '../suite.js'
import { FailingDisk } from './failing-disk.js'
import { MemoryDisk } from './memory-disk.js'

const test = suite('loading')

const KEYS = 100_000
let dir: string

test.before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'hotspare-loading-'))
  const store = await Store.open({ dir })
  for (let i = 0; i < KEYS; i++) store.set(`key:${i}`, `a value of some length ${i}`)
  await store.close()
})
test.after(() => rmSync(dir, { recursive: true, force: true }))

test('other work gets its turn, again and again; progress goes up, and ends at all of it', async () => {
  let turns = 0
  let isOver = false
  const count = (): void => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const told: Progress[] = []
  const store = await Store.open({ dir, onProgress: (progress) => void told.push(progress) })
  isOver = true
  assert.is(store.size, KEYS)
  assert.ok(turns >= 10, `${turns} turns of the event loop`)
  assert.is(told[0].percent, 0)
  assert.equal(told.at(-1), { of: 'load', state: 'done', keys: KEYS, bytes: told.at(-1)!.bytes, percent: 100 })
  for (const [i, { percent }] of told.entries()) assert.ok(i === 0 || percent >= told[i - 1].percent)
  assert.match(String(store.call('INFO', 'persistence')), new RegExp(`rdb_last_load_keys_loaded:${KEYS}\r`))
  await store.close({ save: false })
})

test('keys that are past their time are counted apart, and replicas hear of their end', async () => {
  const other = mkdtempSync(join(tmpdir(), 'hotspare-loading-'))
  const before = await Store.open({ dir: other, config: { 'enable-debug-command': 'yes' } })
  before.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
  before.set('stays', 'x')
  for (let i = 0; i < 5; i++) before.call('SET', `goes:${i}`, 'x', 'PX', '1')
  const until = Date.now() + 2
  while (Date.now() < until);
  await before.close()
  const log: string[] = []
  const note = (line: string): void => void log.push(line)
  const store = await Store.open({ dir: other, log: { debug: note, info: note, warn: note, error: note } })
  assert.match(
    String(store.call('INFO', 'persistence')),
    'rdb_last_load_keys_expired:5\r\nrdb_last_load_keys_loaded:1\r',
  )
  assert.ok(log.includes('Done loading RDB, keys loaded: 1, keys expired: 5.'), log.join('\n'))
  await store.close({ save: false })
  // Who is to follow leaves that to its primary.
  const replica = await Store.open({ dir: other, config: { replicaof: '127.0.0.1 1' } })
  assert.match(
    String(replica.call('INFO', 'persistence')),
    'rdb_last_load_keys_expired:0\r\nrdb_last_load_keys_loaded:6\r',
  )
  await replica.close({ save: false })
  rmSync(other, { recursive: true, force: true })
})

test('a signal breaks it off, before it begins or in the middle; the folder is free again', async () => {
  const before = new AbortController()
  before.abort(new Error('enough'))
  assert.is((await rejected(Store.open({ dir, signal: before.signal }))).code, 'ABORTED')
  const midway = new AbortController()
  const onProgress = ({ state }: Progress): void => {
    states.push(state)
    midway.abort()
  }
  const states: string[] = []
  assert.is((await rejected(Store.open({ dir, signal: midway.signal, onProgress }))).code, 'ABORTED')
  assert.equal(states, ['running', 'failed'])
  const store = await Store.open({ dir })
  assert.is(store.size, KEYS)
  await store.close({ save: false })
})

test('meanwhile clients are told LOADING, INFO shows how far it is, and close ends it', async () => {
  const disk = new FailingDisk()
  const store = new Store()
  let goOn = (): void => {}
  disk.reads = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const begun = new Promise<void>((resolve) => {
    store.on('progress', () => resolve())
  })
  const opening = rejected(store.openFile(() => dir, { disk }))
  const { port } = await store.listen({ port: 0 })
  await begun
  await using client = await RawClient.connect({ port })
  for (const request of [['GET', 'a'], ['SET', 'a', 'b'], ['PING'], ['DBSIZE'], ['SAVE'], ['PSYNC', '?', '-1']]) {
    assert.match(String(await client.call(...request)), /LOADING Redis is loading the dataset in memory$/, request[0])
  }
  assert.match(String(await client.call('CONFIG', 'GET', 'port')), /port/)
  const info = String(await client.call('INFO', 'persistence'))
  assert.match(info, /\nloading:1\r/)
  assert.match(info, /\nloading_start_time:\d{10}\r\nloading_total_bytes:[1-9]\d+\r\nloading_rdb_used_mem:\d+\r/)
  assert.match(info, /\nloading_loaded_bytes:0\r\nloading_loaded_perc:0\.00\r\nloading_eta_seconds:1\r/)
  await client.ok('MULTI')
  assert.match(String(await client.call('GET', 'a')), /LOADING/)
  assert.match(String(await client.call('EXEC')), /EXECABORT/)
  const closed = store.close()
  goOn()
  await closed
  assert.is((await opening).code, 'CLOSED')
})

test('key-load-delay: each key takes its time, of a snapshot and of an append-only file, and a signal still ends it', async () => {
  for (const appendonly of ['no', 'yes']) {
    const net = new MemoryNetwork({ seed: 1 })
    const env = net.env('a')
    const disk = new MemoryDisk()
    const open = (delay: string, signal?: AbortSignal): Promise<Store> =>
      Store.open({ dir: '/slow', disk, env, signal, config: { appendonly, 'key-load-delay': delay } })
    const before = await net.until(open('0'))
    for (let i = 0; i < 100; i++) before.set(`key:${i}`, 'x')
    await net.until(before.close())
    const since = env.now()
    const after = await net.until(open('1500'))
    assert.is(after.size, 100)
    assert.ok(env.now() - since >= 150, `${env.now() - since} ms for 100 keys, appendonly ${appendonly}`)
    await net.until(after.close())
    const controller = new AbortController()
    const opening = rejected(open('1000000000', controller.signal))
    await net.advance(60_000)
    controller.abort()
    assert.is((await net.until(opening)).code, 'ABORTED')
  }
})

async function rejected(promise: Promise<unknown>): Promise<{ code?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('it was expected to fail')
}

test.run()
