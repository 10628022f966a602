// REPLICAOF, ROLE and what replicas say to a primary, against a real server: the replies, and what the commands of the
// server and transaction groups put into the stream. How links live and die is tested in test/replication.

import * as assert from 'uvu/assert'
import { encode, RawClient, type Reply } from '../client.js'
import { freePort } from '../peers.js'
import { suite } from '../suite.js'
import { type Both, type Mask, type Request, skip, startBoth, type World } from './both.js'

const test = suite('replication commands')
let world: World

test.before(async () => {
  // A snapshot is sent at once, and nothing else comes into the stream meanwhile.
  if (skip === undefined)
    world = await startBoth({ 'repl-diskless-sync-delay': '0', 'repl-ping-replica-period': '3600' })
})
test.after(() => world?.close())

async function onBoth(run: (both: Both) => Promise<void>): Promise<void> {
  await using both = await world.connect()
  await run(both)
}

const same = (...requests: Request[]): Promise<void> => onBoth((both) => both.same(requests))

/** Runs with both as replicas of a port where nobody listens. */
async function asReplicas(run: (both: Both, port: number) => Promise<void>): Promise<void> {
  const port = await freePort()
  await onBoth(async (both) => {
    await both.same([`REPLICAOF 127.0.0.1 ${port}`])
    try {
      await run(both, port)
    } finally {
      await both.same(['REPLICAOF NO ONE'])
    }
  })
}

test('REPLICAOF: what is refused', { skip }, () =>
  same(
    ...['REPLICAOF', 'REPLICAOF a', 'REPLICAOF NO', 'REPLICAOF localhost x', 'REPLICAOF localhost -1', 'SLAVEOF a b'],
    ...['REPLICAOF localhost 65536', 'REPLICAOF localhost 99999999999999999999', 'REPLICAOF a b c', 'SLAVEOF NO TWO'],
  ),
)

test('REPLICAOF NO ONE on a primary', { skip }, () =>
  same('REPLICAOF NO ONE', 'replicaof no one', 'SLAVEOF No One', 'SET a 1', 'DEL a'),
)

test('a replica without its primary', { skip }, () =>
  asReplicas(async (both, port) => {
    await both.same(
      [
        ...[`REPLICAOF 127.0.0.1 ${port}`, `SLAVEOF 127.0.0.1 ${port}`, 'CONFIG GET replicaof', 'HELLO 2'],
        ...['SET a 1', 'FLUSHALL', 'SWAPDB 0 1', 'MULTI', 'GET a', 'SET a 1', 'EXEC', 'GET a', 'PSYNC ? -1', 'SYNC'],
      ],
      (reply) => reply.replace(/\$2\r\nid\r\n:\d+/, ''),
    )
    for (const one of [both.ours, both.real]) {
      const role = (await one.ok('ROLE')) as Reply[]
      assert.equal(role.slice(0, 3), ['slave', '127.0.0.1', port])
      assert.match(String(role[3]), /^connect(?:ing)?$/)
      assert.is(role[4], -1)
    }
  }),
)

/** What differs from run to run. */
const withoutIds: Mask = (reply) =>
  reply
    .replace(/^[$]\d+/, '')
    .replace(/(master_replid2?):[0-9a-f]{40}/g, '$1:')
    .replace(/((?:repl|read_repl|second_repl)_offset|repl_backlog_\w+):-?\d+/g, '$1:')
    // -1, for a link that never was up, is the same on both.
    .replace(/(master_link_down_since_seconds):\d+/, '$1:')

test('INFO replication of a primary and of a replica', { skip }, async () => {
  await onBoth((both) => both.same(['INFO replication'], withoutIds))
  await asReplicas((both) => both.same(['INFO replication'], withoutIds))
})

test('min-replicas-to-write: counted in INFO, and writes are refused', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['CONFIG SET min-replicas-to-write 1'])
    const info = await both.replies('INFO replication')
    const write = await both.replies('SET a 1')
    await both.same(['CONFIG SET min-replicas-to-write 0'])
    assert.is(withoutIds(info[0]), withoutIds(info[1]))
    assert.is(write[0], write[1])
  }),
)

test('promotion starts a new history and remembers the old one', { skip }, async () => {
  const history = async (one: RawClient): Promise<(string | undefined)[]> => {
    const text = String(await one.ok('INFO', 'replication'))
    return ['master_replid', 'master_replid2'].map((name) => new RegExp(`${name}:(\\w+)`).exec(text)?.[1])
  }
  await onBoth(async (both) => {
    for (const one of [both.ours, both.real]) {
      const [before] = await history(one)
      await one.ok('REPLICAOF', '127.0.0.1', await freePort())
      await one.ok('REPLICAOF', 'NO', 'ONE')
      const [after, second] = await history(one)
      assert.is.not(after, before)
      assert.ok(second === before || /^0+$/.test(second!), `replid2 ${second}`)
    }
  })
})

test('ROLE of a primary alone', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['ROLE x'])
    await both.same(['ROLE'], (reply) => reply.replace(/:\d+/, ':'))
  }),
)

test('REPLCONF: what is answered', { skip }, () =>
  same(
    ...['REPLCONF', 'REPLCONF a', 'REPLCONF foo bar', 'REPLCONF Foo bar', 'REPLCONF listening-port 1 foo bar'],
    ...['REPLCONF listening-port x', 'REPLCONF listening-port 6380', 'REPLCONF LISTENING-PORT 6380'],
    ...['REPLCONF ip-address 1.2.3.4', `REPLCONF ip-address ${'a'.repeat(300)}`, 'REPLCONF capa'],
    ...['REPLCONF capa eof capa psync2 capa foo', 'REPLCONF rdb-only 1', 'REPLCONF rdb-only x', 'REPLCONF rdb-only 5'],
    ...['REPLCONF rdb-only 0', 'REPLCONF rdb-filter-only functions', 'REPLCONF rdb-filter-only foo'],
    ...[
      ['REPLCONF', 'rdb-filter-only', ''],
      ['REPLCONF', 'rdb-filter-only', 'functions keys'],
    ],
    ['REPLCONF', 'rdb-filter-only', '"functions'],
    ...['REPLCONF ack', 'PSYNC a b', 'PSYNC ? x', 'PSYNC', 'PSYNC ?', 'SYNC x'],
  ),
)

test('REPLCONF ACK and GETACK are never answered', { skip }, () =>
  onBoth(async (both) => {
    for (const request of ['REPLCONF ack 5', 'REPLCONF ack 5 fack 3', 'REPLCONF ack x', 'REPLCONF getack *'])
      both.tell(request)
    await both.same(['PING'])
  }),
)

test("Valkey's and later Redis' REPLCONF version", { skip }, () =>
  onBoth(async ({ ours }) => {
    assert.is(await ours.call('REPLCONF', 'version', '9.0.0'), 'OK')
  }),
)

/** Makes the connection a replica's and reads the snapshot. What follows is the stream. */
async function attach(client: RawClient): Promise<void> {
  client.send(encode('PSYNC', '?', -1))
  assert.match(await client.readLine(), /^\+FULLRESYNC [0-9a-f]{40} \d+$/)
  let line = await client.readUntil('\n')
  // Empty lines keep the link alive while the snapshot is made.
  while (line.toString() === '\n') line = await client.readUntil('\n')
  assert.match(line.toString(), /^\$\d+\r\n$/)
  await client.read(Number(line.toString().slice(1)))
}

/** What the requests put into the stream, as the bytes of its commands. Those in `before` come before the snapshot. */
async function streamOf(port: number, requests: readonly Request[], before: readonly string[] = []): Promise<string> {
  const replica = await RawClient.connect({ port })
  const client = await RawClient.connect({ port })
  try {
    await client.ok('FLUSHALL')
    for (const request of before) await client.ok(...request.split(' '))
    await attach(replica)
    for (const request of requests) await client.call(...(typeof request === 'string' ? request.split(' ') : request))
    await client.ok('SELECT', 15)
    await client.ok('SET', 'the', 'end')
    return (await replica.readUntil(encode('SET', 'the', 'end'))).toString('latin1')
  } finally {
    await client.ok('FLUSHALL')
    await client.close()
    await replica.close()
  }
}

const streams: [title: string, requests: Request[]][] = [
  [
    'FLUSHALL and FLUSHDB, though nothing was there',
    ['FLUSHALL', 'flushall async', 'SELECT 5', 'FLUSHDB', 'flushdb SYNC'],
  ],
  ['FLUSHALL of something', ['SET a 1', 'FLUSHALL', 'SELECT 3', 'SET a 1', 'FLUSHDB']],
  ['SWAPDB', ['SWAPDB 0 0', 'SWAPDB 0 1', 'SET a 1', 'swapdb 1 0', 'SET a 2']],
  [
    'what is no write',
    ['PING', 'GET a', 'SELECT 3', 'WATCH a', 'UNWATCH', 'CONFIG SET hz 10', 'DEBUG SLEEP 0', 'INFO', 'DEL a'],
  ],
  ['a transaction with nothing in it', ['MULTI', 'EXEC', 'MULTI', 'GET a', 'EXEC', 'MULTI', 'DEL a', 'EXEC']],
  ['a transaction with one write', ['MULTI', 'SET a 1', 'GET a', 'EXEC', 'multi', 'INCR a', 'exec']],
  ['a transaction with several', ['MULTI', 'SET a 1', 'GET a', 'SET b 2', 'EXEC', 'SET c 3']],
  ['a transaction over databases', ['MULTI', 'SET a 1', 'SELECT 2', 'SET b 2', 'FLUSHDB', 'EXEC', 'SET c 3']],
  ['a transaction with an error in it', ['SET w x', 'MULTI', 'SET a 1', 'INCR w', 'SET b 2', 'EXEC']],
  ['a transaction with effects', ['MULTI', 'SET a 1 EXAT 9999999999', 'GETDEL a', 'EXPIREAT a 9999999999', 'EXEC']],
  ['a transaction that was given up', ['MULTI', 'SET a 1', 'DISCARD', 'MULTI', 'SET a 1', 'NOSUCH', 'EXEC']],
  ['a transaction with a flush alone', ['MULTI', 'FLUSHALL', 'EXEC', 'MULTI', 'FLUSHDB', 'FLUSHDB', 'EXEC']],
]

for (const [title, requests] of streams)
  test(`in the stream: ${title}`, { skip }, async () => {
    const [ours, real] = await Promise.all([world.ours, world.real].map((port) => streamOf(port, requests)))
    assert.is(ours, real)
  })

// A server says what it is before it asks. What says nothing may be a tool that keeps the snapshot, and nothing after it.
test('in the stream: nothing that belongs into the snapshot', { skip }, async () => {
  const before = ['XADD s 1-1 a b', 'XADD s 2-1 a b', 'XDEL s 1-1', 'XGROUP CREATE s g 0']
  const [ours, real] = await Promise.all([world.ours, world.real].map((port) => streamOf(port, ['SET a 1'], before)))
  assert.is(ours, real)
})

test('a replica is listed, and ACKs move it on', { skip }, () =>
  onBoth(async (both) => {
    await using replicas = await world.connect()
    await replicas.same(['REPLCONF listening-port 6399', 'REPLCONF ip-address 10.1.2.3', 'REPLCONF capa psync2'])
    for (const [one, replica] of [
      [both.ours, replicas.ours],
      [both.real, replicas.real],
    ]) {
      await attach(replica)
      const offset = Number(((await one.ok('ROLE')) as Reply[])[1])
      replica.send(encode('REPLCONF', 'ACK', offset))
      await one.ok('SET', 'a', '1')
      await replica.readUntil(encode('SET', 'a', '1'))
      replica.send(encode('REPLCONF', 'ACK', offset + 5))
      // The ACK has come before what is sent after it on another connection only if somebody waits for it.
      for (;;) {
        const [kind, , list] = (await one.ok('ROLE')) as Reply[]
        assert.is(kind, 'master')
        if (String((list as Reply[][])[0]?.[2]) !== String(offset + 5)) continue
        assert.equal(list, [['10.1.2.3', '6399', String(offset + 5)]])
        break
      }
      const info = String(await one.ok('INFO', 'replication'))
      assert.match(info, /connected_slaves:1\r\nslave0:ip=10\.1\.2\.3,port=6399,state=online,offset=\d+,lag=[01]\r\n/)
      const line = String(await one.ok('CLIENT', 'LIST', 'TYPE', 'replica'))
      assert.match(line, / flags=S .* cmd=replconf user=default /)
      assert.is(await one.ok('CLIENT', 'KILL', 'TYPE', 'slave'), 1)
      await replica.closed
    }
  }),
)

test.run()
