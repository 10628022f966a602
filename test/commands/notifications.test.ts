// Keyspace events: what a subscriber to all channels hears of each command, beside a real server.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { suite } from '../suite.js'
import { skip, startBoth, type World } from './both.js'
import { sameScene } from './scene.js'

const test = suite('notifications')
let world: World
/** A list, as DUMP gives it. */
const DUMPED = String.raw`\x12\x01\x02\x0a\x0a\x00\x00\x00\x01\x00\x81\x78\x02\xff\x0a\x00\xd1\x7b\x3f\xb8\x5c\x03\x06\x0e`

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

/** Every command by one connection, and after each what another has heard. */
function heard(flags: string, commands: string): Promise<void> {
  const lines = commands
    .split(/\n|(?<!;);(?!;)/)
    .filter((line) => line.trim() !== '')
    .map((line) => `c: ${line.trim()}\np: PING`)
  return sameScene(
    world,
    `c: FLUSHALL ;; CONFIG SET notify-keyspace-events ${flags}\np: PSUBSCRIBE *\n${lines.join('\n')}`,
  )
}

test('strings', { skip }, () =>
  heard(
    'KEAnm',
    `SET a 1; SET a 2; SET a 3 EX 100; SET a 1 KEEPTTL; SET a 1 NX; SET b 1 XX; SET b 1 XX GET; SET b 1 NX GET
     SETNX a 1; SETNX n 1; SETEX e 100 v; PSETEX e 100000 v; GETSET a w; GETSET g w; GETDEL g; GETDEL g; GETEX a
     GETEX a EX 100; GETEX a PERSIST; GETEX a PERSIST; GETEX a EXAT 1; GETEX a; APPEND s x; APPEND s y; SETRANGE s 3 z
     SETRANGE s 3 ""; INCR i; DECR i; INCRBY i 5; DECRBY i 2; INCRBYFLOAT i 1.5; INCR s; MSET a 1 b 2; MSETNX a 1 zz 2
     MSETNX x 1 y 2; MGET a nokey b; GET nokey; STRLEN nokey; GETRANGE nokey 0 1; LCS a nokey; RPUSH l x; LCS l nokey`,
  ),
)

test('keys', { skip }, () =>
  heard(
    'KEAnm',
    `SET a 1; SET b 2; RENAME a c; RENAME c b; RENAME b b; RENAMENX b d; SET e 1; RENAMENX d e; RENAME nokey x; COPY d f
     COPY d f; COPY d f REPLACE; COPY d f DB 1; COPY nokey f; MOVE d 1; MOVE nokey 1; MOVE f 1; DEL f nokey e; UNLINK nokey
     SET x 1; SET y 1; UNLINK x y; SET x 1; EXPIRE x 100; EXPIRE x 100 NX; PEXPIREAT x 99999999999999; PERSIST x
     PERSIST x; EXPIRE x -1; EXPIRE nokey 1; EXISTS nokey; TYPE nokey; TTL nokey; TOUCH nokey; OBJECT ENCODING nokey
     SET k v; SWAPDB 0 1; FLUSHDB; FLUSHALL; MULTI ;; SET k v ;; DEL k ;; EXEC; SELECT 3; SET k v; DEL k`,
  ),
)

test('a key past its time goes before another takes its place', { skip }, () =>
  heard(
    'KEAnm',
    `SADD s m; ZADD z 1 m; GEOADD g 1 2 m; SET k 1 PXAT 1 ;; SET k 2; SET k 1 PXAT 1 ;; MSET k 2 j 1; SET k 1 PXAT 1 ;; SETEX k 100 v
     SET k 1 PXAT 1 ;; PSETEX k 100000 v; SET k 1 PXAT 1 ;; SETNX k v; SET k 1 PXAT 1 ;; GETSET k v; SET k 1 PXAT 1 ;; SET k v KEEPTTL
     SET k 1 PXAT 1 ;; SUNIONSTORE k s; SET k 1 PXAT 1 ;; ZUNIONSTORE k 1 z; SET k 1 PXAT 1 ;; ZRANGESTORE k z 0 -1
     SET k 1 PXAT 1 ;; SORT s ALPHA STORE k; SET k 1 PXAT 1 ;; BITOP OR k j; SET k 1 PXAT 1 ;; RESTORE k 0 "${DUMPED}" REPLACE
     SET k 1 PXAT 1 ;; GEOSEARCHSTORE k g FROMMEMBER m BYRADIUS 1 m; SET k 1 PXAT 1 ;; COPY s k REPLACE; SET k 1 PXAT 1 ;; RENAME j k
     SET k 1 PXAT 1 ;; SUNIONSTORE k none; SET k 1 PXAT 1 ;; SORT none STORE k; SET k 1 PXAT 1 ;; PFMERGE k`,
  ),
)

test('RESTORE', { skip }, () =>
  heard('KEAnm', `RESTORE l 0 "${DUMPED}"; RESTORE l 0 "${DUMPED}"; RESTORE l 0 "${DUMPED}" REPLACE`),
)

test('only what is asked for', { skip }, async () => {
  const commands = 'SET a 1; EXPIRE a 100; DEL a; GET a; INCR i; RENAME i j'
  for (const flags of ['K$', 'E$', 'Kg', 'En', 'Km', 'KE', 'KEn$', 'AE', 'A', 'KEAn', '""'])
    await heard(flags, commands)
})

test('CONFIG GET shows the flags as Redis does', { skip }, () =>
  sameScene(
    world,
    ['KEA', 'gxKE', 'KEAn', 'KEg$lshzxetdn', 'n', 'mnK', '""', 'AA', 'q']
      .map((flags) => `c: CONFIG SET notify-keyspace-events ${flags}\nc: CONFIG GET notify-keyspace-events`)
      .join('\n'),
  ),
)

/** A Store, and what a subscriber hears of what is done to it. */
async function heardOf(config: Record<string, string>, act: (store: Store) => void, count: number): Promise<string[]> {
  const store = new Store({ config })
  const { port } = await store.listen({ port: 0 })
  try {
    await using client = await RawClient.connect({ port: port! })
    await client.call('PSUBSCRIBE', '*')
    act(store)
    const all: string[] = []
    while (all.length < count) {
      const [, , channel, message] = (await client.reply()) as string[]
      all.push(`${channel} ${message}`)
    }
    assert.is(client.drain().length, 0)
    return all
  } finally {
    await store.close()
  }
}

test('expired and evicted keys', async () => {
  const expired = await heardOf({ 'notify-keyspace-events': 'KEx' }, (store) => store.call('SET', 'k', 'v', 'PX', 5), 2)
  assert.equal(expired, ['__keyspace@0__:k expired', '__keyevent@0__:expired k'])
  const policy = { 'notify-keyspace-events': 'Ee', 'maxmemory-policy': 'allkeys-lru' }
  const evict = (store: Store): void => {
    store.call('SET', 'k', 'v')
    store.call('CONFIG', 'SET', 'maxmemory', 1)
  }
  assert.equal(await heardOf(policy, evict, 1), ['__keyevent@0__:evicted k'])
})

test('what the owner of a store does', async () => {
  const act = (store: Store): void => {
    store.set('k', 'v')
    store.set('k', 'w', { ttl: 100_000 })
    store.persist('k')
    store.expire('k', 100_000)
    store.delete('k')
    store.db(2).set('k', 'v')
  }
  const events = ['0__:new k', '0__:set k', '0__:set k', '0__:expire k', '0__:persist k', '0__:expire k', '0__:del k']
  const all = await heardOf({ 'notify-keyspace-events': 'EAn' }, act, 9)
  assert.equal(
    all,
    [...events, '2__:new k', '2__:set k'].map((event) => `__keyevent@${event}`),
  )
})

test('what was undone is no event', async () => {
  const act = (store: Store): void => {
    store.set('a', '1')
    const failing = (): void => {
      store.set('a', '2')
      store.set('b', '1')
      store.call('PUBLISH', 'c', 'm')
      throw new Error('changed my mind')
    }
    assert.throws(() => store.transaction(failing), 'changed my mind')
    store.transaction(() => store.set('a', '3').call('PUBLISH', 'c', 'n'))
  }
  const all = await heardOf({ 'notify-keyspace-events': 'KAn' }, act, 4)
  assert.equal(all, ['__keyspace@0__:a new', '__keyspace@0__:a set', '__keyspace@0__:a set', 'c n'])
})

test.run()
