// CLIENT TRACKING: what every connection gets, byte for byte, beside a real server.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { suite, until } from '../suite.js'
import { skip, startBoth, type World } from './both.js'
import { sameScene } from './scene.js'

const test = suite('tracking')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

test('what was read is told of once', { skip }, () =>
  sameScene(
    world,
    `
      a: HELLO 3 ;; FLUSHALL ;; CLIENT TRACKING ON
      a: GET k ;; MGET k l
      b: SET k v
      b: SET k v
      b: MSET k 1 l 2
      a: PING
      a: GET k
      b: EXPIRE k 100
      a: GET k
      b: PERSIST k
      a: GET k
      b: APPEND k x
      a: GET k
      b: GETEX k EX 100
      a: STRLEN k ;; TYPE l
      b: RENAME k m
      b: DEL l
      a: EXISTS m
      b: DEL m
      a: GET m
      b: DEL m
      b: SETNX m 1
      a: GET m
      b: SELECT 1 ;; SET m 1
      b: SELECT 0 ;; SWAPDB 0 1
      a: GET m
      b: COPY m n
      b: COPY n m REPLACE
      a: CLIENT TRACKING OFF
      a: GET m
      b: DEL m`,
  ),
)

test("a client's own changes come behind its replies", { skip }, () =>
  sameScene(
    world,
    `
      a: HELLO 3 ;; FLUSHALL ;; CLIENT TRACKING ON
      a: GET k ;; SET k v ;; GET k ;; INCR k ;; SET k 1 ;; GET k
      a: MULTI ;; INCR k ;; GET k ;; INCR k ;; FLUSHALL ;; GET l ;; SET l 1 ;; EXEC
      b: DEL k l
      a: CLIENT TRACKING ON NOLOOP ;; GET k ;; SET k v ;; GET k
      b: SET k w
      a: MULTI ;; CLIENT TRACKING OFF ;; CLIENT TRACKING ON ;; GET k ;; DEL k ;; EXEC
      a: FLUSHALL ;; FLUSHDB
      b: FLUSHALL
      b: MULTI ;; FLUSHDB ;; FLUSHDB ;; EXEC
      a: CLIENT REPLY OFF ;; GET k ;; SET k 1 ;; GET k ;; CLIENT REPLY ON
      b: SET k 2`,
  ),
)

test('OPTIN, OPTOUT and CLIENT CACHING', { skip }, () =>
  sameScene(
    world,
    `
      a: HELLO 3 ;; FLUSHALL ;; CLIENT TRACKING ON OPTIN
      a: GET k ;; CLIENT CACHING YES ;; GET l ;; GET m
      b: MSET k 1 l 1 m 1
      a: CLIENT CACHING YES ;; CLIENT ID
      a: CLIENT TRACKINGINFO
      a: MULTI ;; GET k ;; GET l ;; EXEC ;; GET m
      b: MSET k 1 l 1 m 1
      a: CLIENT CACHING NO ;; CLIENT CACHING MAYBE ;; CLIENT TRACKING ON OPTOUT
      a: CLIENT TRACKING OFF ;; CLIENT CACHING YES ;; CLIENT TRACKING ON OPTOUT NOLOOP
      a: GET k ;; CLIENT CACHING NO ;; GET l ;; GET m
      a: CLIENT CACHING NO ;; CLIENT TRACKINGINFO
      b: MSET k 1 l 1 m 1
      a: CLIENT CACHING YES`.replace(' ;; CLIENT ID', ' ;; CLIENT GETNAME'),
  ),
)

test('broadcast', { skip }, () =>
  sameScene(
    world,
    `
      a: HELLO 3 ;; FLUSHALL ;; CLIENT TRACKING ON BCAST
      b: HELLO 3 ;; CLIENT TRACKING ON BCAST PREFIX user: PREFIX obj: NOLOOP
      c: MSET user:2 1 user:1 2 other 1 obj:1 1
      a: PING
      b: CLIENT TRACKINGINFO
      b: SET obj:1 2
      b: MULTI ;; SET obj:3 1 ;; SET user:9 1 ;; EXEC
      a: SET obj:1 2
      a: MULTI ;; SET obj:3 1 ;; SET user:9 1 ;; GET user:9 ;; EXEC
      c: DEL user:1 user:2 nosuch
      c: GET other
      b: CLIENT TRACKING ON BCAST PREFIX new:
      b: CLIENT TRACKINGINFO
      c: SET new:1 1
      b: CLIENT TRACKING OFF
      c: FLUSHALL
      c: SET user:1 1
      a: CLIENT TRACKINGINFO`,
  ),
)

test('REDIRECT', { skip }, () =>
  sameScene(
    world,
    `
      r: SUBSCRIBE __redis__:invalidate
      a: FLUSHALL ;; CLIENT TRACKING ON REDIRECT {r}
      a: GET k ;; SET k v ;; CLIENT TRACKINGINFO
      r: PING
      b: SET k 1 ;; FLUSHALL
      r: PING
      s: HELLO 3
      a: CLIENT TRACKING ON REDIRECT {s} ;; CLIENT TRACKINGINFO ;; MGET k l
      b: MSET k 1 l 1
      s: PING
      a: CLIENT TRACKING OFF ;; CLIENT TRACKING ON REDIRECT {r} BCAST PREFIX p
      b: MSET p1 1 p2 2 q1 1
      r: PING
      a: CLIENT TRACKING OFF
      q: HELLO 3 ;; CLIENT TRACKING ON REDIRECT {q} ;; GET k
      b: SET k 2
      t: CLIENT TRACKING ON ;; GET k ;; SET k 4 ;; GET k
      b: SET k 3`,
  ),
)

test('options that do not go together', { skip }, () =>
  sameScene(
    world,
    `
      a: CLIENT TRACKING ;; CLIENT TRACKING MAYBE ;; CLIENT TRACKING ON MAYBE ;; CLIENT TRACKING ON REDIRECT
      a: CLIENT TRACKING ON REDIRECT x ;; CLIENT TRACKING ON REDIRECT 99999 ;; CLIENT TRACKING ON PREFIX
      a: CLIENT TRACKING ON REDIRECT {a} REDIRECT {a} ;; CLIENT TRACKING ON PREFIX a
      a: CLIENT TRACKING ON OPTIN OPTOUT ;; CLIENT TRACKING ON BCAST OPTIN ;; CLIENT TRACKING ON BCAST OPTOUT
      a: CLIENT TRACKING ON BCAST PREFIX ab PREFIX a ;; CLIENT TRACKING ON BCAST PREFIX a PREFIX ab
      a: CLIENT TRACKING ON BCAST PREFIX a PREFIX a ;; CLIENT TRACKING ON BCAST PREFIX "" PREFIX a
      a: CLIENT TRACKING ON BCAST PREFIX a ;; CLIENT TRACKING ON BCAST PREFIX ab ;; CLIENT TRACKING ON BCAST PREFIX ""
      a: CLIENT TRACKING ON ;; CLIENT TRACKING ON BCAST OPTIN ;; CLIENT TRACKING OFF FOO ;; CLIENT TRACKING OFF
      a: CLIENT TRACKING ON ;; CLIENT TRACKING ON BCAST ;; CLIENT TRACKING ON OPTIN ;; CLIENT TRACKING ON OPTOUT
      a: CLIENT CACHING ;; CLIENT CACHING MAYBE ;; CLIENT GETREDIR ;; CLIENT TRACKINGINFO x
      a: CLIENT TRACKING OFF ;; CLIENT GETREDIR ;; CLIENT TRACKINGINFO ;; CLIENT TRACKING OFF ;; CLIENT CACHING NO`,
  ),
)

// Left out is what differs on purpose: Redis puts messages in the middle of a transaction's replies, and the null of a
// flush in the form that the tracking client speaks, not the one that is told.
const key = fc.constantFrom('a', 'ab', 'b', 'c')
const mode = fc.constantFrom(
  ...['', 'NOLOOP', 'OPTIN', 'OPTOUT', 'OPTIN NOLOOP', 'REDIRECT {y}', 'REDIRECT {y} NOLOOP', 'BCAST', 'BCAST NOLOOP'],
  ...['BCAST PREFIX a', 'BCAST PREFIX b NOLOOP', 'BCAST REDIRECT {y} PREFIX ab'],
)
const words = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
  fc.tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part))).map((all) => all.join(' '))
const request = fc.oneof(
  ...[words('GET', key), words('MGET', key, key), words('SET', key, '1'), words('MSET', key, '1', key, '2')],
  ...[words('DEL', key, key), words('INCR', key), words('EXPIRE', key, '100'), words('CLIENT TRACKING ON', mode)],
  ...[words('SUBSCRIBE', key), words('UNSUBSCRIBE', key), words('PSUBSCRIBE a*'), words('PUNSUBSCRIBE')],
  ...[words('SSUBSCRIBE', key), words('SUNSUBSCRIBE', key), words('SPUBLISH none m'), words('CLIENT CACHING YES')],
  ...[words('CLIENT CACHING NO'), words('CLIENT TRACKINGINFO'), words('PUBSUB NUMSUB a b'), words('HELLO 3')],
  ...[words('HELLO 2'), words('RESET'), words('CLIENT TRACKING OFF')],
)
const transaction = fc.array(request, { maxLength: 4 }).map((queued) => ['MULTI', ...queued, 'EXEC'].join(' ;; '))
const acting = fc.constantFrom('x', 'z', 'w')
const line = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(acting, fc.oneof(request, words('PUBLISH', key, 'm'))) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('y'), request) },
  { weight: 1, arbitrary: fc.tuple(acting, transaction) },
)

test('random scenes', { skip }, () =>
  fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 20, maxLength: 60 }), async (lines) => {
      const begin = ['x: HELLO 3 ;; FLUSHALL', 'y: SUBSCRIBE y', 'z: HELLO 3', 'w: PING']
      await sameScene(world, [...begin, ...lines.map(([name, command]) => `${name}: ${command}`)].join('\n'))
    }),
    { seed: 20261123, numRuns: 30 },
  ),
)

async function withStore(
  config: Record<string, string>,
  work: (store: Store, port: number) => Promise<void>,
): Promise<void> {
  const store = new Store({ config })
  const { port } = await store.listen({ port: 0 })
  try {
    await work(store, port!)
  } finally {
    await store.close()
  }
}

const of = (...keys: string[]): unknown => ['invalidate', keys]

test('what the owner does, keys that expire, and evicted ones', () =>
  withStore({ 'maxmemory-policy': 'allkeys-lru' }, async (store, port) => {
    await using client = await RawClient.connect({ port, protocol: 3 })
    await client.ok('CLIENT', 'TRACKING', 'ON')
    await client.ok('MGET', 'k', 'l')
    store.set('k', 'v')
    assert.equal(await client.push(), of('k'))
    store.set('l', 'v', { ttl: 5 })
    assert.equal(await client.push(), of('l'))
    await client.ok('MGET', 'k', 'l')
    assert.equal(await client.push(), of('l'))
    store.call('CONFIG', 'SET', 'maxmemory', 1)
    assert.equal(await client.push(), of('k'))
    store.clear()
    assert.equal(await client.push(), ['invalidate', null])
  }))

test('who tracks again, when nobody did meanwhile, is told of what was read before', { skip }, () =>
  sameScene(
    world,
    `
      a: HELLO 3 ;; FLUSHALL ;; CLIENT TRACKING ON
      a: MGET k l m ;; CLIENT TRACKING OFF
      b: SET l v
      a: CLIENT TRACKING ON OPTIN
      b: MSET k 1 l 2
      a: PING ;; RESET ;; HELLO 3 ;; CLIENT TRACKING ON
      b: SET m 1
      a: PING
    `,
  ),
)

test('a client whose messages go nowhere is told', () =>
  withStore({}, async (store, port) => {
    await using client = await RawClient.connect({ port, protocol: 3 })
    const other = await RawClient.connect({ port })
    const id = Number(await other.ok('CLIENT', 'ID'))
    await client.ok('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id)
    await client.ok('GET', 'k')
    await other.ok('QUIT')
    store.set('k', 'v')
    assert.equal(await client.push(), ['tracking-redir-broken', id])
    assert.match(String(store.call('CLIENT', 'LIST')), new RegExp(` flags=tR .* redir=${id} `))
    const info = (await client.ok('CLIENT', 'TRACKINGINFO')) as Map<string, unknown>
    assert.equal([...(info.get('flags') as Set<string>)], ['on', 'broken_redirect'])
    await other.close()
  }))

test('the table is bounded: what it drops is invalidated', () =>
  withStore({ 'tracking-table-max-keys': '3' }, async (store, port) => {
    const counts = (): string[] => String(store.call('INFO')).match(/tracking_(?:clients|total_\w+):\d+/g)!
    {
      await using client = await RawClient.connect({ port, protocol: 3 })
      await client.ok('CLIENT', 'TRACKING', 'ON', 'NOLOOP')
      await client.ok('MGET', 'a', 'b', 'c', 'd', 'e')
      assert.equal(await client.push(), of('a'))
      assert.equal(await client.push(), of('b'))
      assert.equal(counts(), [
        'tracking_clients:1',
        'tracking_total_keys:3',
        'tracking_total_items:3',
        'tracking_total_prefixes:0',
      ])
      await client.ok('CONFIG', 'SET', 'tracking-table-max-keys', 2)
      assert.equal(await client.push(), of('c'))
      await using second = await RawClient.connect({ port, protocol: 3 })
      await second.ok('CLIENT', 'TRACKING', 'ON')
      await second.ok('GET', 'd')
      assert.is(counts()[2], 'tracking_total_items:3')
      store.set('d', 'v')
      assert.equal(await client.push(), of('d'))
      assert.equal(await second.push(), of('d'))
    }
    // Nobody is left to be told.
    await until(
      () =>
        counts()
          .slice(0, 3)
          .every((line) => line.endsWith(':0')),
      { what: 'an empty table' },
    )
  }))

test.run()
