// Times of hash fields: the replies of a real Redis 8.6, and what our own primaries and replicas do when they are past.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { missingPeer, type PeerServer, startServer } from '../peers.js'
import { listenTo, pair, streamOf, World } from '../sim/world.js'
import { suite } from '../suite.js'
import { Both } from './both.js'
import { commandLines } from './cases.js'

const test = suite('field-times')
const skip = missingPeer('redis', '8.6.3')

let real: PeerServer
let ours: Store
let both: Both

test.before(async () => {
  if (skip !== undefined) return
  real = await startServer({ family: 'redis', version: '8.6.3' })
  ours = new Store()
  const { port } = await ours.listen({ port: 0 })
  both = new Both(await RawClient.connect({ port: port! }), await RawClient.connect({ port: real.port }))
})
test.after(async () => {
  await both?.close()
  await ours?.close()
  await real?.stop()
})

/** The same replies to the same lines, but for times that pass meanwhile, and the order of fields. */
async function same(text: string): Promise<void> {
  await both.same(['FLUSHALL'])
  for (const argv of commandLines(text)) {
    const name = String(argv[0]).toUpperCase()
    const isTime = /^H(P?TTL|P?EXPIRETIME)$/.test(name)
    await both.same([argv], (reply) => {
      if (isTime) return reply.replace(/:(\d{13}|\d{1,10})\r/g, (_, time: string) => `:${roughly(time)}\r`)
      return name === 'HGETALL' ? reply.split('\r\n').sort().join(' ') : reply
    })
  }
}

function roughly(time: string): string {
  const step = time.length > 10 ? 100_000 : time.length > 8 ? 100 : time.length > 4 ? 10_000 : 10
  return `about ${Math.round(Number(time) / step)}`
}

test('HEXPIRE and its kin', { skip }, () =>
  same(`
    HEXPIRE; HEXPIRE k 10 FIELDS 1 a; HSET k a 1 b 2 c 3; HEXPIRE k 100 FIELDS 1 a; HTTL k FIELDS 3 a b z
    HEXPIRE k 100 FIELDS 3 a z a; HEXPIRE k 100 NX FIELDS 3 a b c; HEXPIRE k 300 XX FIELDS 3 a b c
    HEXPIRE k 200 GT FIELDS 3 a b c; HEXPIRE k 200 LT FIELDS 2 a b; HEXPIRE k 400 GT FIELDS 1 a; HTTL k FIELDS 3 a b c
    HPERSIST k FIELDS 2 a z; HPERSIST k FIELDS 2 a b; HEXPIRE k 100 GT FIELDS 1 a; HEXPIRE k 100 LT FIELDS 1 a
    HEXPIRE k 100 FIELDS 1 a NX; HEXPIRE k 100 fields 2 a b nx; HEXPIRE k 100 FIELDS 1 NX; HEXPIRE k 100 NX NX FIELDS 1 a
    HPEXPIRE k 100000 FIELDS 1 a; HPTTL k FIELDS 1 a; HEXPIREAT k 9999999999 FIELDS 1 a; HEXPIRETIME k FIELDS 2 a z
    HPEXPIREAT k 9999999999999 FIELDS 2 b c; HPEXPIRETIME k FIELDS 3 b c z; HTTL n FIELDS 2 a b; HPERSIST n FIELDS 1 a
    HEXPIREAT n 9999999999 FIELDS 2 a b; HSET k a 5; HTTL k FIELDS 1 a; HINCRBY k b 1; HPEXPIRETIME k FIELDS 1 b
    HINCRBYFLOAT k b 1; HPEXPIRETIME k FIELDS 1 b; HSETNX k b 1; HPEXPIRETIME k FIELDS 1 b; HMSET k b 1; HTTL k FIELDS 1 b
  `),
)

test('a time in the past is the end', { skip }, () =>
  same(`
    HSET k a 1 b 2 c 3 d 4; HEXPIRE k 0 FIELDS 2 a b; HGETALL k; HPEXPIREAT k 1 FIELDS 3 c c z; HEXPIREAT k 1 NX FIELDS 1 d
    EXISTS k; HSETEX k FIELDS 2 a 1 b 2; HGETEX k PXAT 1 FIELDS 3 a a z; HGETALL k; HGETEX k EX 0 FIELDS 1 b; EXISTS k
    HSETEX k PXAT 1 FIELDS 1 a 1; EXISTS k; HSETEX k FIELDS 2 a 1 b 2; HSETEX k EX 0 FIELDS 2 a 5 c 6; HGETALL k
    HSETEX k EXAT 1 FIELDS 1 b 5; EXISTS k
  `),
)

test('HSETEX, HGETEX, HGETDEL', { skip }, () =>
  same(`
    HSETEX k EX 100 FIELDS 2 a 1 b 2; HTTL k FIELDS 2 a b; HSETEX k FIELDS 1 a 9; HTTL k FIELDS 2 a b
    HSETEX k KEEPTTL FIELDS 2 b 9 c 1; HTTL k FIELDS 3 a b c; HSETEX k FNX FIELDS 2 a 1 d 1; HSETEX k FXX FIELDS 2 a 1 d 1
    HSETEX k FNX FIELDS 1 d 1; HSETEX k FXX FIELDS 1 d 2; HSETEX n FXX FIELDS 1 c 2; EXISTS n; HGETALL k
    HSETEX k FIELDS 1 c 2 EX 100; HSETEX k FIELDS 1 c 2 FXX PXAT 9999999999999; HPEXPIRETIME k FIELDS 1 c
    HSETEX k FIELDS 2 e 1 e 2; HGET k e; HGETEX k FIELDS 3 a z b; HGETEX n FIELDS 2 a b; HGETEX k EX 100 FIELDS 2 a z
    HTTL k FIELDS 2 a b; HGETEX k PERSIST FIELDS 2 a b; HTTL k FIELDS 2 a b; HGETEX k FIELDS 1 a PX 100000; HTTL k FIELDS 1 a
    HGETDEL k FIELDS 3 a z a; HGETDEL n FIELDS 2 a b; HGETALL k; HGETDEL k FIELDS 4 b c d e; EXISTS k
  `),
)

test('what is wrong is said in the same words', { skip }, () =>
  same(`
    HSET k a 1; SET s 1; HEXPIRE k 10 FIELDS 2 a; HEXPIRE k 10 FIELDS 1 a b; HEXPIRE k 10 FIELDS 0 a; HEXPIRE k 10 FIELDS -1 a
    HEXPIRE k 10 FIELDS x a; HEXPIRE k 10 FIELDS 99999999999 a; HEXPIRE k 10 NX 1 a; HEXPIRE k 10 NX NX NX
    HEXPIRE k 10 NX FIELDS 1; HEXPIRE k 10 NX NX FIELDS; HEXPIRE k 5 NX XX FIELDS 1 a; HEXPIRE k 5 GT LT FIELDS 1 a
    HEXPIRE k 5 FIELDS 1 a XX GT; HEXPIRE k 5 FOO FIELDS 1 a; HEXPIRE k 5 FIELDS 1 a FIELDS 1 b; HEXPIRE k x FOO FIELDS 1 a
    HEXPIRE k -1 FIELDS 2 a; HEXPIRE k 1.5 FIELDS 1 a; HEXPIRE k 9223372036854775807 FIELDS 1 a
    HPEXPIREAT k 70368744177663 FIELDS 1 a; HPEXPIRETIME k FIELDS 1 a; HEXPIRETIME k FIELDS 1 a
    HPEXPIREAT k 70368744177664 FIELDS 1 a; HPEXPIREAT k -5 FIELDS 1 z; HEXPIRE s x FIELDS 0 a; HEXPIRE n x FIELDS 1 a
    HTTL k FIELDS 0 a; HTTL k FIELDS x a; HTTL k FOO 1 a; HTTL k FIELDS 1 a b; HTTL k FIELDS 3 a b; HTTL s FOO 1 a; HTTL k a
    HPERSIST k FIELDS 0; HPERSIST k FOO 1 a; HPERSIST k FIELDS 2 a; HPERSIST k FIELDS -1 a; HPERSIST s FOO 5 a
    HGETDEL k FIELDS 0 a; HGETDEL k FOO 1 a; HGETDEL k FIELDS 1 a b; HGETDEL s FIELDS 5 a; HGETDEL k FIELDS 1
    HGETEX k EX 10 PX 10 FIELDS 1 a; HGETEX k EX 10 PERSIST FIELDS 1 a; HGETEX k KEEPTTL FIELDS 1 a; HGETEX k NX FIELDS 1 a
    HGETEX k FIELDS 0 a; HGETEX k FIELDS 3 a b; HGETEX k FIELDS 1 a b; HGETEX k FOO 1 a; HGETEX k EX x FIELDS 1 a
    HGETEX n EX -1 FIELDS 1 a; HGETEX s EX x FIELDS 1 a; HGETEX k EX FIELDS 1 a; HGETEX k PXAT 281474976710656 FIELDS 1 a
    HGETEX k FIELDS 1 a EX; HGETEX k FIELDS 1 a FIELDS 1 a; HGETEX k; HSETEX k FIELDS 1 a; HSETEX k FXX FIELDS 1 a
    HSETEX k FNX FXX FIELDS 1 c 2; HSETEX k FNX FNX FIELDS 1 c 2; HSETEX k EX 10 EX 10 FIELDS 1 c 2
    HSETEX k EX 10 KEEPTTL FIELDS 1 c 2; HSETEX k FIELDS 1 c 2 FIELDS 1 d 3; HSETEX k FIELDS 2 c 2; HSETEX k FIELDS 1 c 2 d
    HSETEX k FIELDS 0 c 2; HSETEX k FIELDS x c 2; HSETEX k FOO FIELDS 1 c 2; HSETEX k EX 0x FIELDS 1 c 2
    HSETEX k EX -1 FIELDS 1 c 2; HSETEX k EX 9223372036854775807 FOO 1 a b; HSETEX k PERSIST FIELDS 1 c 2
    HSETEX s EX x FIELDS 2 a b; HSETEX s FOO FIELDS 1 a b; HSETEX s FIELDS 1 a b; HSETEX k FIELDS 1 a b EX
  `),
)

test('OBJECT ENCODING knows of times', { skip }, () =>
  same(`
    HSET k a 1; OBJECT ENCODING k; HEXPIRE k 100 FIELDS 1 a; OBJECT ENCODING k; HPERSIST k FIELDS 1 a; OBJECT ENCODING k
    HSET k b ${'x'.repeat(65)}; OBJECT ENCODING k
  `),
)

test('a real replica of 8.6 ends with the same fields and times', { skip }, async () => {
  const replica = await startServer({ family: 'redis', version: '8.6.3' })
  try {
    const store = new Store()
    const { port } = await store.listen({ port: 0 })
    const client = await replica.connect()
    store.call('HSET', 'before', 'a', '1', 'b', '2')
    store.call('HPEXPIREAT', 'before', '9999999999999', 'FIELDS', '1', 'b')
    await client.ok('REPLICAOF', '127.0.0.1', port!)
    for (let tries = 0; tries < 200; tries++) {
      if (String(await client.ok('INFO', 'replication')).includes('master_link_status:up')) break
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    for (const argv of commandLines(`
      HSETEX k PXAT 9999999999999 FIELDS 3 a 1 b 2 c 3; HSETEX k KEEPTTL FIELDS 1 a 5; HINCRBYFLOAT k b 0.5; HINCRBY k c 4
      HSETEX k FIELDS 2 d 4 e 5; HPEXPIRE k 900000 FIELDS 1 d; HPERSIST k FIELDS 1 d; HEXPIREAT k 9999999998 FIELDS 1 e
      HGETDEL k FIELDS 1 a; HSET l a 1 b 2; HPEXPIRE l 1 FIELDS 1 a; HSET m a 1; HEXPIRE m 0 FIELDS 1 a; HSET n a 1
      HGETEX n PXAT 9999999999999 FIELDS 1 a
    `))
      store.call(...(argv.map(String) as [string, ...string[]]))
    await new Promise((resolve) => setTimeout(resolve, 20))
    store.call('SET', 'last', '1')
    for (let tries = 0; tries < 200 && (await client.ok('EXISTS', 'last')) !== 1; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(((await client.ok('KEYS', '*')) as string[]).sort(), ['before', 'k', 'l', 'last', 'n'])
    for (const key of ['before', 'k', 'l', 'n']) {
      const fields = ['a', 'b', 'c', 'd', 'e']
      for (const command of ['HMGET', 'HPEXPIRETIME']) {
        const argv = [command, key, ...(command === 'HMGET' ? [] : ['FIELDS', '5']), ...fields]
        assert.equal(await client.ok(...argv), store.call(...(argv as [string, ...string[]])), `${command} ${key}`)
      }
    }
    await client.close()
    await store.close()
  } finally {
    await replica.stop()
  }
})

test('replicas get absolute times, and what servers of any version know where it says the same', async () => {
  await using world = new World()
  const store = await world.node('a')
  const call = (line: string): unknown => store.call(...(line.split(' ') as [string, ...string[]]))
  const now = store.engine.now
  const effects: [string, string[]][] = [
    ['HSETEX k FIELDS 3 a 1 b 2 c 3', ['SELECT 0', 'HSET k a 1 b 2 c 3']],
    ['HEXPIRE k 10 FIELDS 3 a z b', [`HPEXPIREAT k ${now + 10_000} FIELDS 2 a b`]],
    ['HEXPIRE k 20 NX FIELDS 3 a b c', [`HPEXPIREAT k ${now + 20_000} FIELDS 1 c`]],
    ['HEXPIRE k 5 GT FIELDS 3 a b c', []],
    ['HSETEX k FXX PX 500 FIELDS 1 a 1', [`HSETEX k PXAT ${now + 500} FIELDS 1 a 1`]],
    ['HSETEX k KEEPTTL FIELDS 1 a 2', ['HSETEX k KEEPTTL FIELDS 1 a 2']],
    ['HSETEX n KEEPTTL FIELDS 1 a 2', ['HSET n a 2']],
    ['HSETEX k FNX FIELDS 1 a 2', []],
    ['HINCRBYFLOAT k a 1', ['HSETEX k KEEPTTL FIELDS 1 a 3']],
    ['HINCRBYFLOAT n a 1', ['HSET n a 3']],
    ['HPERSIST k FIELDS 3 a n b', ['HPERSIST k FIELDS 2 a b']],
    ['HPERSIST k FIELDS 1 a', []],
    ['HGETEX k EX 1 FIELDS 2 a z', [`HPEXPIREAT k ${now + 1000} FIELDS 1 a`]],
    ['HGETEX k PERSIST FIELDS 2 a b', ['HPERSIST k FIELDS 1 a']],
    ['HGETEX k FIELDS 2 a b', []],
    ['HGETEX k EX 0 FIELDS 2 a z', ['HDEL k a']],
    ['HSETEX k EX 0 FIELDS 2 b 1 new 2', ['HDEL k b']],
    ['HGETDEL n FIELDS 2 z a', ['HDEL n a']],
    ['HPEXPIREAT k 1 FIELDS 2 c z', ['HDEL k c']],
  ]
  for (const [line, expected] of effects)
    assert.equal(
      streamOf(store, () => call(line)),
      expected,
      line,
    )
  assert.equal(store.call('KEYS', '*'), [])
})

test('a primary deletes what is due, in the order of times, and says so', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  a.call('HSET', 'k', 'a', '1', 'b', '2', 'c', '3')
  a.call('HSET', 'l', 'a', '1')
  a.call('HPEXPIRE', 'k', '100', 'FIELDS', '1', 'a')
  a.call('HPEXPIRE', 'k', '50', 'FIELDS', '1', 'b')
  a.call('HPEXPIRE', 'l', '70', 'FIELDS', '1', 'a')
  await world.sim.settle()
  const told = [listenTo(a), listenTo(b)]
  await world.sim.advance(60)
  assert.equal(b.call('HKEYS', 'k'), ['a', 'c'])
  await world.sim.advance(15)
  assert.equal(b.call('EXISTS', 'l'), 0)
  await world.sim.advance(100)
  for (const lines of told) assert.equal(lines, ['set k 0', 'delete l 0', 'set k 0'])
  for (const store of [a, b]) assert.equal(store.call('HGETALL', 'k'), store.call('HGETALL', 'k'))
  assert.equal(b.call('HGETALL', 'k'), new Map([['c', '3']]))
  a.call('HPEXPIRE', 'k', '50', 'FIELDS', '1', 'c')
  a.call('RENAME', 'k', 'm')
  await world.sim.advance(100)
  assert.equal(a.call('KEYS', '*'), [])
  assert.equal(b.call('KEYS', '*'), [])
})

test('a primary with its active expiry off deletes what a reader meets', async () => {
  await using world = new World()
  const a = await world.node('a')
  a.engine.activeExpire = false
  a.call('HSET', 'k', 'a', '1', 'b', '2')
  a.call('HPEXPIRE', 'k', '10', 'FIELDS', '1', 'a')
  await world.sim.advance(20)
  assert.equal(
    streamOf(a, () => assert.is(a.call('HLEN', 'k'), 1)),
    ['SELECT 0', 'HDEL k a'],
  )
  a.call('HPEXPIRE', 'k', '10', 'FIELDS', '1', 'b')
  await world.sim.advance(20)
  assert.equal(
    streamOf(a, () => assert.is(a.call('HINCRBY', 'k', 'b', '7'), 7)),
    ['MULTI', 'HDEL k b', 'HINCRBY k b 7', 'EXEC'],
  )
  a.call('HPEXPIRE', 'k', '10', 'FIELDS', '1', 'b')
  await world.sim.advance(20)
  assert.is(a.call('TYPE', 'k'), 'none')
  assert.is(a.size, 0)
})

test('a replica hides what is past, deletes nothing, and applies what comes as it stands', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  a.call('HSET', 'k', 'a', '1', 'b', '2', 'c', '3')
  a.call('HPEXPIRE', 'k', '100', 'FIELDS', '2', 'a', 'b')
  await world.sim.settle()
  a.engine.activeExpire = false
  await world.sim.advance(200)
  assert.is(b.call('HGET', 'k', 'a'), null)
  assert.equal(b.call('HMGET', 'k', 'a', 'b', 'c'), [null, null, '3'])
  assert.is(b.call('HLEN', 'k'), 1)
  assert.is(b.call('HEXISTS', 'k', 'a'), 0)
  assert.is(b.call('HSTRLEN', 'k', 'a'), 0)
  assert.equal(b.call('HKEYS', 'k'), ['c'])
  assert.equal(b.call('HVALS', 'k'), ['3'])
  assert.equal(b.call('HGETALL', 'k'), new Map([['c', '3']]))
  assert.equal(b.call('HSCAN', 'k', '0'), ['0', ['c', '3']])
  assert.equal(b.call('HRANDFIELD', 'k', '-5'), ['c', 'c', 'c', 'c', 'c'])
  assert.equal(b.call('HRANDFIELD', 'k', '5'), ['c'])
  assert.equal(b.call('HTTL', 'k', 'FIELDS', '2', 'a', 'c'), [-2, -1])
  a.call('RPUSH', 'list', 'k')
  await world.sim.settle()
  assert.equal(b.call('SORT_RO', 'list', 'BY', 'nosort', 'GET', '*->a', 'GET', '*->c'), [null, '3'])
  assert.equal(b.call('HPEXPIRETIME', 'k', 'FIELDS', '1', 'b'), [-2])
  // Not seen by readers, but still there: what the primary sends finds it.
  assert.is(a.call('HINCRBY', 'k', 'a', '5'), 5)
  await world.sim.settle()
  assert.is(b.call('HGET', 'k', 'a'), '5')
  assert.is(a.call('HGET', 'k', 'a'), '5')
  assert.equal(b.call('HTTL', 'k', 'FIELDS', '1', 'a'), [-1])
})

test('a promoted replica deletes what became due before', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  a.call('HSET', 'k', 'a', '1', 'b', '2')
  a.call('HPEXPIRE', 'k', '100', 'FIELDS', '1', 'a')
  await world.sim.settle()
  a.engine.activeExpire = false
  await world.sim.advance(200)
  b.promote()
  assert.equal(
    streamOf(b, () => void b.call('HLEN', 'k')),
    ['SELECT 0', 'HDEL k a'],
  )
})

test('a transaction that is undone puts fields and times back', async () => {
  await using world = new World()
  const a = await world.node('a')
  a.call('HSET', 'k', 'a', '1', 'b', '2')
  a.call('HPEXPIRE', 'k', '100', 'FIELDS', '1', 'a')
  assert.throws(() =>
    a.transaction(() => {
      a.call('HPERSIST', 'k', 'FIELDS', '1', 'a')
      a.call('HDEL', 'k', 'b')
      throw new Error('undone')
    }),
  )
  assert.equal(a.call('HPTTL', 'k', 'FIELDS', '2', 'a', 'b'), [100, -1])
  await world.sim.advance(200)
  assert.equal(a.call('HGETALL', 'k'), new Map([['b', '2']]))
})

test('more fields than one turn deletes', async () => {
  await using world = new World()
  const a = await world.node('a')
  const fields = Array.from({ length: 2500 }, (_, i) => `f${i}`)
  a.call('HSET', 'k', 'stays', '1', ...fields.flatMap((field) => [field, '1']))
  a.call('HPEXPIRE', 'k', '10', 'FIELDS', String(fields.length), ...fields)
  const stream = streamOf(a, () => {})
  assert.equal(stream, [])
  await world.sim.advance(20)
  assert.equal(a.call('HGETALL', 'k'), new Map([['stays', '1']]))
  a.engine.activeExpire = false
  a.call('HSET', 'k', ...fields.flatMap((field) => [field, '1']))
  a.call('HPEXPIRE', 'k', '10', 'FIELDS', String(fields.length), ...fields)
  await world.sim.advance(20)
  const effects = streamOf(a, () => assert.is(a.call('HLEN', 'k'), 1)).filter((line) => line.startsWith('HDEL'))
  assert.equal(
    effects.map((line) => line.split(' ').length - 2),
    [1000, 1000, 500],
  )
})

test.run()
