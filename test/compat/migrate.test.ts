// MIGRATE with real servers: from a Store to each of them, from each of them to a Store, and what it answers where it cannot.

import { createServer } from 'node:net'
import * as assert from 'uvu/assert'
import { type Argument, ErrorReply, type Reply } from '../client.js'
import { skip as skipBoth, startBoth } from '../commands/both.js'
import { suite } from '../suite.js'
import { families, type Node, running, StoreNode, startReal } from './nodes.js'

const test = suite('migrate')

const migrate = (port: number, key: string, ...rest: Argument[]): Argument[] => [
  'MIGRATE',
  '127.0.0.1',
  port,
  key,
  ...rest,
]

/** One key of each type that every server has, some of them large. */
const values: Record<string, Argument[]> = {
  text: ['SET', 'text', 'Some Value'],
  'b\u00ffnary': ['SET', 'b\u00ffnary', Buffer.from([0, 255, 10, 13, 128])],
  number: ['SET', 'number', '12345'],
  list: ['RPUSH', 'list', ...Array.from({ length: 2000 }, (_, i) => `item ${i}`)],
  hash: ['HSET', 'hash', ...Array.from({ length: 12 }, (_, i) => `field${i}`)],
  set: ['SADD', 'set', '1', '2', 'three'],
  numbers: ['SADD', 'numbers', '1', '2', '-70000'],
  ranking: ['ZADD', 'ranking', '1.5', 'a', '-inf', 'b', '17', 'c'],
  stream: ['XADD', 'stream', '1-1', 'a', 'b'],
}

async function fill(node: Node): Promise<void> {
  await node.call('FLUSHALL')
  for (const request of Object.values(values)) await node.call(...request)
  await node.call('XGROUP', 'CREATE', 'stream', 'group', '0')
  await node.call('XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', 1, 'STREAMS', 'stream', '>')
  await node.call('XADD', 'stream', '2-1', 'a', 'c')
  await node.call('XDEL', 'stream', '2-1')
  await node.call('PEXPIRE', 'hash', 100_000)
}

/** What a person would see of all values in keyspace `db`, whichever server holds them. */
async function contents(node: Node, db: number): Promise<Record<string, string>> {
  await using client = await node.connect()
  await client.ok('SELECT', db)
  const shown: Record<string, string> = {}
  const show = async (name: string, ...request: Argument[]): Promise<void> => {
    shown[name] = JSON.stringify(sorted(await client.ok(...request)))
  }
  await show('keys', 'KEYS', '*')
  for (const key of ['text', 'b\u00ffnary', 'number']) await show(key, 'GET', key)
  await show('list', 'LRANGE', 'list', 0, -1)
  await show('hash', 'HVALS', 'hash')
  await show('set', 'SMEMBERS', 'set')
  await show('numbers', 'SMEMBERS', 'numbers')
  await show('ranking', 'ZRANGE', 'ranking', 0, -1, 'WITHSCORES')
  await show('stream', 'XRANGE', 'stream', '-', '+')
  await show('pending', 'XPENDING', 'stream', 'group')
  const ttl = Number(await client.ok('PTTL', 'hash'))
  assert.ok(ttl > 80_000 && ttl <= 100_000, `${ttl} ms are left`)
  return shown
}

function sorted(reply: Reply): Reply {
  return Array.isArray(reply) && reply.every((one) => typeof one === 'string') ? [...reply].sort() : reply
}

/** Starts one that accepts connections and says nothing. */
async function startSilent(): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    open.push(socket)
  })
  const open: { destroy(): void }[] = []
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return {
    port: address.port,
    close: async () => {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

for (const { family, version, name, skip } of families) {
  for (const way of ['to', 'from'] as const)
    test(`all types ${way} ${name}, one key at a time and several at once`, { skip }, () =>
      running(async (start) => {
        const real = await start(startReal({ family, version }))
        const ours = await start(StoreNode.start())
        const [source, target] = way === 'to' ? [ours, real] : [real, ours]
        await fill(source)
        const before = await contents(source, 0)
        const keys = Object.keys(values)

        for (const key of keys) assert.is(await source.call(...migrate(target.port, key, 9, 5000)), 'OK', key)
        assert.is(await source.call('DBSIZE'), 0)
        assert.equal(await contents(target, 9), before)

        await fill(source)
        const all = migrate(target.port, '', 8, 5000, 'KEYS', 'none', ...keys, 'no other')
        assert.is(await source.call(...all), 'OK')
        assert.is(await source.call('DBSIZE'), 0)
        assert.equal(await contents(target, 8), before)
        assert.is(await source.call(...all), 'NOKEY')
      }),
    )

  test(`${name}: COPY and REPLACE, and what is there already`, { skip }, () =>
    running(async (start) => {
      const target = await start(startReal({ family, version }))
      const ours = await start(StoreNode.start())
      await using source = await ours.connect()
      await target.call('MSET', 'c', '_', 'd', '_')
      await source.ok('MSET', 'a', 1, 'b', 2, 'c', 3, 'd', 4, 'e', 5)
      const busy = await source.call(...migrate(target.port, '', 0, 5000, 'KEYS', 'a', 'b', 'c', 'd', 'e'))
      assert.ok(busy instanceof ErrorReply)
      assert.is(busy.message, 'ERR Target instance replied with error: BUSYKEY Target key name already exists.')
      assert.equal(sorted(await source.ok('KEYS', '*')), ['c', 'd'], 'only what the target took is gone')
      assert.is(await target.call('DBSIZE'), 5)
      assert.is(await source.ok(...migrate(target.port, 'c', 0, 5000, 'COPY', 'REPLACE')), 'OK')
      assert.is(await source.ok('GET', 'c'), '3')
      assert.is(await target.call('GET', 'c'), '3')
      assert.is(await source.ok(...migrate(target.port, '', 0, 5000, 'REPLACE', 'KEYS', 'c', 'd')), 'OK')
      assert.is(await target.call('GET', 'd'), '4')
      assert.is(await source.ok('DBSIZE'), 0)
    }),
  )
}

test('a large list', { skip: families[0].skip }, () =>
  running(async (start) => {
    const target = await start(startReal(families[0]))
    const ours = await start(StoreNode.start())
    const items = Array.from({ length: 40_000 }, (_, i) => (i % 2 === 0 ? `item ${i}` : i))
    for (let i = 0; i < 10; i++) await ours.call('RPUSH', 'key', ...items)
    assert.is(await ours.call(...migrate(target.port, 'key', 0, 10_000)), 'OK')
    assert.is(await target.call('LLEN', 'key'), 400_000)
    assert.is(await target.call('LINDEX', 'key', -1), '39999')
    assert.is(await ours.call('DBSIZE'), 0)
  }),
)

test(
  'the form fits the target: times of fields to Valkey, times of consumers to Redis 7.0',
  {
    skip: families[0].skip ?? families[2].skip,
  },
  () =>
    running(async (start) => {
      const redis7 = await start(startReal(families[0]))
      const valkey = await start(startReal(families[2]))
      const other = await start(StoreNode.start())
      const ours = await start(StoreNode.start())
      const makeHash = async (): Promise<void> => {
        await ours.call('HSET', 'h', 'f', 'v', 'g', 'w')
        await ours.call('HPEXPIRE', 'h', 100_000, 'FIELDS', 1, 'f')
      }
      for (const target of [valkey, other]) {
        await makeHash()
        assert.is(await ours.call(...migrate(target.port, 'h', 0, 5000)), 'OK')
        const [timed, untimed] = (await target.call('HPTTL', 'h', 'FIELDS', 2, 'f', 'g')) as number[]
        assert.ok(timed > 80_000 && timed <= 100_000)
        assert.is(untimed, -1)
      }
      await makeHash()
      try {
        await ours.call(...migrate(redis7.port, 'h', 0, 5000))
        assert.unreachable('Redis 7.0 has no times of fields')
      } catch (error) {
        assert.match((error as Error).message, /DUMP payload version or checksum are wrong/)
      }
      assert.is(await ours.call('HLEN', 'h'), 2)

      for (const target of [redis7, valkey, other]) {
        await ours.call('DEL', 's')
        await ours.call('XADD', 's', '1-1', 'a', 'b')
        await ours.call('XGROUP', 'CREATE', 's', 'g', '0')
        await ours.call('XREADGROUP', 'GROUP', 'g', 'me', 'STREAMS', 's', '>')
        await ours.call('XGROUP', 'CREATECONSUMER', 's', 'g', 'idle')
        assert.is(await ours.call(...migrate(target.port, 's', 0, 5000)), 'OK')
        assert.is(((await target.call('XPENDING', 's', 'g', '-', '+', 10)) as unknown[]).length, 1)
        assert.is(((await target.call('XINFO', 'CONSUMERS', 's', 'g')) as unknown[]).length, 2)
      }
    }),
)

test('AUTH and AUTH2, and a password that is wrong', { skip: families[0].skip }, () =>
  running(async (start) => {
    const target = await start(startReal(families[0]))
    const ours = await start(StoreNode.start())
    await using guard = await target.connect()
    await guard.ok('CONFIG', 'SET', 'requirepass', 'foobar')
    await guard.ok('AUTH', 'foobar')
    await ours.call('MSET', 'a', 1, 'b', 2, 'c', 3)
    assert.is(await ours.call(...migrate(target.port, 'a', 0, 5000, 'AUTH', 'foobar')), 'OK')
    assert.is(await ours.call(...migrate(target.port, 'b', 0, 5000, 'AUTH2', 'default', 'foobar')), 'OK')
    await using source = await ours.connect()
    for (const [login, why] of [
      [['AUTH', 'other'], 'WRONGPASS invalid username-password pair or user is disabled.'],
      [['AUTH2', 'who', 'foobar'], 'WRONGPASS invalid username-password pair or user is disabled.'],
      [[], 'NOAUTH Authentication required.'],
    ] as const) {
      const refused = await source.call(...migrate(target.port, 'c', 0, 5000, ...login))
      assert.ok(refused instanceof ErrorReply)
      assert.is(refused.message, `ERR Target instance replied with error: ${why}`)
    }
    assert.is(await ours.call('EXISTS', 'c'), 1)
    assert.equal(await guard.ok('MGET', 'a', 'b', 'c'), ['1', '2', null])
  }),
)

test('what is refused, and nobody who answers: as redis-server', { skip: skipBoth }, () =>
  running(async (start) => {
    const world = await start(startBoth())
    const silent = await start(startSilent())
    const target = await start(startReal(families[0]))
    const gone = await startSilent()
    await gone.close()
    await using both = await world.connect()
    const to = (port: number, ...rest: Argument[]): Argument[] => ['MIGRATE', '127.0.0.1', port, ...rest]
    const { port } = target
    await both.same([
      to(port, 'k', 0, 100),
      to(port, '', 0, 100, 'KEYS'),
      to(port, '', 0, 100, 'KEYS', 'a', 'b'),
      ['SET', 'k', 'v'],
      to(port, 'k', 0),
      to(port, 'k', 'x', 100),
      to(port, 'k', 0, 'x'),
      to(port, 'k', 0, 100, 'WHAT'),
      to(port, 'k', 0, 100, 'AUTH'),
      to(port, 'k', 0, 100, 'AUTH2', 'x'),
      to(port, 'k', 0, 100, 'COPY', 'KEYS', 'a'),
      to(port, 'k', 99, 1000),
      to(port, 'k', 0, 1000, 'AUTH', 'x'),
      to(silent.port, 'k', 0, 100),
      to(gone.port, 'k', 0, 100),
      ['GET', 'k'],
      ['COMMAND', 'INFO', 'MIGRATE'],
      ['COMMAND', 'GETKEYS', ...to(port, 'k', 0, 100)],
      ['COMMAND', 'GETKEYS', ...to(port, '', 0, 100, 'AUTH2', 'keys', 'keys', 'COPY', 'keys', 'a', 'b')],
      ['COMMAND', 'GETKEYS', ...to(port, 'k', 0, 100, 'KEYS', 'a')],
      ['COMMAND', 'GETKEYSANDFLAGS', ...to(port, '', 0, 100, 'KEYS', 'a', 'b')],
    ])
  }),
)

test('a Store that migrates a key to itself, into another keyspace', () =>
  running(async (start) => {
    const ours = await start(StoreNode.start())
    await ours.call('SET', 'k', 'v')
    assert.is(await ours.call(...migrate(ours.port, 'k', 3, 5000)), 'OK')
    assert.is(ours.store.has('k'), false)
    assert.is(ours.store.db(3).get('k'), 'v')
  }))

test.run()
