// Publish and subscribe: what every connection gets, byte for byte, beside a real server; and messages across replication.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { startServer } from '../peers.js'
import { suite, until } from '../suite.js'
import { skip, startBoth, type World } from './both.js'
import { sameScene } from './scene.js'

const test = suite('pubsub')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

test('SUBSCRIBE, PUBLISH, UNSUBSCRIBE', { skip }, () =>
  sameScene(
    world,
    String.raw`
      a: SUBSCRIBE one two one
      b: PUBLISH one hello
      b: PUBLISH two "\xff\x00\xc3\xa4"
      b: PUBLISH none hello
      b: PUBLISH one ""
      c: SUBSCRIBE one "" "\xff"
      b: PUBLISH one again
      b: PUBLISH "" m
      b: PUBLISH "\xff" m
      a: UNSUBSCRIBE one
      b: PUBLISH one more
      a: UNSUBSCRIBE one nosuch
      a: UNSUBSCRIBE two
      a: UNSUBSCRIBE
      a: GET k
      b: SUBSCRIBE
      b: PUBLISH one
      b: SPUBLISH one two three`,
  ),
)

test('patterns and shard channels', { skip }, () =>
  sameScene(
    world,
    `
      a: PSUBSCRIBE n?ws.* h[ae]llo *
      a: PUNSUBSCRIBE *
      a: SUBSCRIBE news.a
      b: PUBLISH news.a x
      b: PUBLISH nws.a x
      b: PUBLISH hallo x
      c: SSUBSCRIBE news.a s2
      b: SPUBLISH news.a y
      b: PUBLISH s2 y
      b: PUBSUB CHANNELS
      b: PUBSUB CHANNELS *.a
      b: PUBSUB CHANNELS x*
      b: PUBSUB NUMPAT
      b: PUBSUB NUMSUB
      b: PUBSUB NUMSUB news.a none news.a
      b: PUBSUB SHARDCHANNELS s*
      b: PUBSUB SHARDNUMSUB s2 news.a none
      b: PUBSUB CHANNELS a b
      b: PUBSUB SHARDCHANNELS a b
      b: PUBSUB NUMPAT a
      b: PUBSUB
      b: PUBSUB NOSUCH
      c: SUNSUBSCRIBE s2 nosuch
      c: SUNSUBSCRIBE
      a: PUNSUBSCRIBE h[ae]llo
      a: PUNSUBSCRIBE nosuch
      a: PUNSUBSCRIBE
      a: UNSUBSCRIBE news.a
      b: PUBSUB CHANNELS
      b: PUBSUB NUMPAT`,
  ),
)

test('what a subscriber may call', { skip }, () =>
  sameScene(
    world,
    `
      a: SUBSCRIBE c
      a: GET k
      a: CLIENT LIST
      a: NOSUCH
      a: GET
      a: EXEC
      a: HELLO 3
      a: PUBLISH c x
      a: PING
      a: PING a b
      a: RESET
      a: GET k
      a: SSUBSCRIBE c
      a: GET k
      a: RESET
      a: HELLO 3
      a: SUBSCRIBE c
      a: GET k ;; PING ;; PUBLISH c x ;; GET k
      a: UNSUBSCRIBE ;; PUNSUBSCRIBE ;; SUNSUBSCRIBE`,
  ),
)

test('within a transaction', { skip }, () =>
  sameScene(
    world,
    `
      a: MULTI ;; SUBSCRIBE c ;; GET k ;; UNSUBSCRIBE ;; SSUBSCRIBE c ;; PSUBSCRIBE c* ;; PUBLISH other x ;; EXEC
      a: GET k
      b: MULTI ;; PUBLISH c x ;; SPUBLISH c x ;; PUBLISH none x ;; EXEC
      a: PUNSUBSCRIBE c*
      b: MULTI ;; PUBLISH c ;; EXEC`,
  ),
)

test('CLIENT REPLY does not silence messages', { skip }, () =>
  sameScene(
    world,
    `
      a: CLIENT REPLY OFF ;; SUBSCRIBE c ;; GET k ;; UNSUBSCRIBE c ;; CLIENT REPLY ON ;; SUBSCRIBE d
      b: HELLO 3 ;; CLIENT REPLY OFF ;; SUBSCRIBE c ;; PUBLISH c x ;; GET k ;; CLIENT REPLY ON
      c: CLIENT REPLY SKIP ;; SUBSCRIBE c ;; PING
      b: PUBLISH c y`,
  ),
)

test('in RESP3, a message to who runs a transaction comes behind its replies', async () => {
  const store = new Store()
  const { port } = await store.listen({ port: 0 })
  try {
    await using client = await RawClient.connect({ port: port!, protocol: 3 })
    client.send('SUBSCRIBE c\r\n')
    await client.push()
    client.send('MULTI\r\nPUBLISH c x\r\nGET k\r\nEXEC\r\n')
    const bytes = (await client.readUntil('x\r\n')).toString()
    assert.ok(bytes.endsWith('*2\r\n:1\r\n_\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n'), bytes)
  } finally {
    await store.close()
  }
})

/** A subscriber at that port, and the channels and messages that it gets. */
async function subscriber(port: number): Promise<{ client: RawClient; next(): Promise<unknown> }> {
  const client = await RawClient.connect({ port })
  await client.call('SUBSCRIBE', 'c')
  client.send('SSUBSCRIBE c\r\n')
  await client.reply()
  return { client, next: () => client.reply() }
}

test('messages go down a chain of replicas, and not up', { skip }, async () => {
  await using top = await startServer({ family: 'redis', version: '7.0.15' })
  await using bottom = await startServer({ family: 'redis', version: '7.0.15' })
  const store = new Store()
  const { port } = await store.listen({ port: 0 })
  const clients: RawClient[] = []
  try {
    await store.replicaOf({ host: '127.0.0.1', port: top.port })
    await bottom.call('REPLICAOF', '127.0.0.1', port!)
    await until(async () => String(await bottom.call('INFO', 'replication')).includes('master_link_status:up'), {
      what: 'the chain',
    })
    const [upper, middle, lower] = await Promise.all([top.port, port!, bottom.port].map(subscriber))
    clients.push(upper.client, middle.client, lower.client)
    await top.call('PUBLISH', 'c', 'from the top')
    await top.call('SPUBLISH', 'c', 'to shards')
    for (const { next } of [upper, middle, lower]) {
      assert.equal(await next(), ['message', 'c', 'from the top'])
      assert.equal(await next(), ['smessage', 'c', 'to shards'])
    }
    assert.is(store.call('PUBLISH', 'c', 'here'), 1)
    assert.equal(await middle.next(), ['message', 'c', 'here'])
    await top.call('PUBLISH', 'c', 'last')
    assert.equal(await upper.next(), ['message', 'c', 'last'])
    assert.equal(await lower.next(), ['message', 'c', 'last'])
    const offset = String(await top.call('INFO', 'replication')).match(/master_repl_offset:(\d+)/)![1]
    await until(() => String(store.call('INFO', 'replication')).includes(`master_repl_offset:${offset}`), {
      what: 'the same offset',
    })
  } finally {
    for (const client of clients) await client.close()
    await store.close()
  }
})

test('CLIENT LIST, INFO and CLIENT KILL know subscribers', async () => {
  const store = new Store()
  const { port } = await store.listen({ port: 0 })
  try {
    await using client = await RawClient.connect({ port: port! })
    await client.call('SUBSCRIBE', 'a')
    client.send('PSUBSCRIBE a* b*\r\nSSUBSCRIBE s\r\n')
    for (let i = 0; i < 3; i++) await client.reply()
    const [line] = String(store.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB')).split('\n')
    assert.match(line, / flags=P db=0 sub=1 psub=2 ssub=1 /)
    assert.match(
      String(store.call('INFO', 'stats')),
      /pubsub_channels:1\r\npubsub_patterns:2\r\npubsubshard_channels:1/,
    )
    assert.is(store.call('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1)
    await client.closed
    await until(() => store.call('PUBSUB', 'NUMPAT') === 0, { what: 'the subscriptions to go' })
  } finally {
    await store.close()
  }
})

test('a subscriber that does not read is closed', async () => {
  const store = new Store({ config: { 'client-output-buffer-limit': 'pubsub 1mb 0 0' } })
  const { port } = await store.listen({ port: 0 })
  try {
    await using client = await RawClient.connect({ port: port! })
    await client.call('SUBSCRIBE', 'c')
    client.pause()
    const message = 'x'.repeat(100_000)
    await until(
      () => {
        for (let i = 0; i < 10; i++) store.call('PUBLISH', 'c', message)
        return store.call('PUBSUB', 'NUMSUB', 'c')?.toString() === 'c,0'
      },
      { what: 'the end of the connection' },
    )
  } finally {
    await store.close()
  }
})

test('the owner of a store publishes, but does not subscribe', async () => {
  const store = new Store()
  assert.is(store.call('PUBLISH', 'c', 'm'), 0)
  assert.throws(() => store.call('SUBSCRIBE', 'c'), /isn't allowed for a DENY BLOCKING client/)
  await store.close()
})

test.run()
