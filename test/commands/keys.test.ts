// Commands on keys, each edge case on a real server too.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient, type Reply } from '../client.js'
import { suite, until } from '../suite.js'
import { skip } from './both.js'
import { becomeReplica, Cases } from './cases.js'

const test = suite('keys')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

test('DEL, UNLINK, EXISTS, TYPE and TOUCH', { skip }, () =>
  cases.same(`
    MSET a 1 b 2 c 3; DEL a b x; DEL a; UNLINK c c; UNLINK; DEL; SET a 1; EXISTS a a b; EXISTS; TYPE a; TYPE b
    TYPE; TOUCH a b a; TOUCH
  `),
)

test('RENAME and RENAMENX', { skip }, () =>
  cases.same(String.raw`
    RENAME a b; SET a 1; RENAME a b; GET a; GET b; RENAME b b; RENAMENX b b; RENAME x x; RENAMENX x x
    SET c 3 EX 100; RENAME c b; TTL b; GET b; SET d 4; RENAME d b; TTL b; SET e 5; RENAMENX e b; RENAMENX e f
    GET f; RENAME a; RENAMENX a b c; RENAME "\xff" a
  `),
)

test('COPY', { skip }, () =>
  cases.same(String.raw`
    COPY a b; SET a 1; COPY a b; GET b; COPY a b; SET a 2 EX 100; COPY a b; COPY a b REPLACE; TTL b; GET b
    COPY a a; COPY a a REPLACE; COPY a a DB 0; COPY a a DB 1; COPY a c DB 99; COPY a c DB -1; COPY a c DB x
    COPY a c DB 99999999999; COPY a c DB; COPY a c FOO; COPY a c DB 2 DB 0 REPLACE REPLACE; GET c
    COPY n c REPLACE; SELECT 1; GET a; TTL a; COPY a a DB 0; COPY a a DB 0 REPLACE; SELECT 0; COPY a
    SET a "\xff"; COPY a z; GET z; copy a zz db 3
  `),
)

const COLLECTIONS = `
  RPUSH list a b c; HSET hash f 1 g 2; SADD set 1 2 x; SADD ints 3 1 2; ZADD zset 1.5 one -inf low inf high 0.1 small
  XADD stream 1-1 f v; XADD stream 2-1 g w h x; XGROUP CREATE stream group 1-1
`
const DIGESTS = 'DEBUG DIGEST-VALUE list hash set ints zset stream list2 hash2 set2 ints2 zset2 stream2; DEBUG DIGEST'

test('COPY of collections: the copy stays as it is when the original changes, and the other way about', { skip }, () =>
  cases.same(`
    ${COLLECTIONS}; ${DIGESTS}
    COPY list list2; COPY hash hash2; COPY set set2; COPY ints ints2; COPY zset zset2; COPY stream stream2; ${DIGESTS}
    RPUSH list d; HSET hash f 3; SADD set y; SADD ints 9; ZADD zset 2 one; XADD stream 3-1 a b; XLEN stream2; ${DIGESTS}
    LPOP list2; HDEL hash2 f; SREM set2 x; SREM ints2 1; ZREM zset2 one; XDEL stream2 1-1; XGROUP DESTROY stream2 group
    XINFO GROUPS stream; OBJECT ENCODING ints2; COPY list set2; COPY list set2 REPLACE; TYPE set2; COPY hash hash DB 1
    EXPIRE list 100; COPY list timed; TTL timed; ${DIGESTS}
  `),
)

test('RENAME and MOVE of collections', { skip }, () =>
  cases.same(`
    ${COLLECTIONS}; RENAME list list2; LRANGE list2 0 -1; RENAMENX hash hash2; HGET hash2 f; RENAME set ints; SCARD ints
    MOVE zset 1; MOVE stream 2; MOVE list2 1; EXISTS zset stream list2; TYPE ints; SELECT 1; ZRANGE zset 0 -1 WITHSCORES
    LPUSH list2 z; LRANGE list2 0 -1; SELECT 2; XLEN stream; XADD stream 3-1 a b; ${DIGESTS}; SWAPDB 1 2; XLEN stream
    ZCARD zset; RENAME zset zset; ${DIGESTS}
  `),
)

test('SCAN with TYPE, and TYPE, of collections', { skip }, () =>
  cases.same(
    `
    ${COLLECTIONS}; SET string x; TYPE list; TYPE hash; TYPE set; TYPE zset; TYPE stream; SCAN 0 COUNT 100 TYPE list
    SCAN 0 COUNT 100 TYPE hash; SCAN 0 COUNT 100 TYPE SET; SCAN 0 COUNT 100 TYPE zset; SCAN 0 COUNT 100 TYPE stream
    SCAN 0 COUNT 100 TYPE string; SCAN 0 COUNT 100 TYPE nothing; SCAN 0 COUNT 100 TYPE list MATCH *s*; KEYS *s*
  `,
    { unordered: true },
  ),
)

test('OBJECT of collections', { skip }, () =>
  cases.same(`
    ${COLLECTIONS}; OBJECT ENCODING list; OBJECT ENCODING hash; OBJECT ENCODING set; OBJECT ENCODING ints
    OBJECT ENCODING zset; OBJECT ENCODING stream; OBJECT REFCOUNT list; OBJECT FREQ list
  `),
)

test('OBJECT REFCOUNT: small integers are shared unless each has to remember its use', { skip }, async () => {
  await cases.same(`
    SET n 7; OBJECT REFCOUNT n; CONFIG SET maxmemory 1gb maxmemory-policy allkeys-random; SET n 7; OBJECT REFCOUNT n
    CONFIG SET maxmemory-policy volatile-lru; SET m 7; OBJECT REFCOUNT m; CONFIG SET maxmemory-policy allkeys-lfu
    SET m 7; OBJECT REFCOUNT m; CONFIG SET maxmemory 0 maxmemory-policy noeviction; SET n 7; OBJECT REFCOUNT n
  `)
})

test('MOVE', { skip }, () =>
  cases.same(`
    MOVE a 1; SET a 1; MOVE a 0; MOVE a 99; MOVE a -1; MOVE a x; MOVE a 99999999999
    MOVE a 9999999999999999999999; MOVE n 99; MOVE a 1; EXISTS a; SET a 2 EX 100; MOVE a 1; SELECT 1; GET a
    SELECT 0; MOVE a 2; SELECT 2; TTL a; MOVE a 0; SELECT 0; TTL a; MOVE a
  `),
)

test('OBJECT', { skip }, () =>
  cases.same(String.raw`
    SET i 123; SET s abc; SET l 01234567890123456789012345678901234567890123
    SET l2 012345678901234567890123456789012345678901234; SET big 9223372036854775807
    SET big2 9223372036854775808; SET neg -5; SET z 007; SET e ""; SET u "\xff"
    SET umlaut "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
    OBJECT ENCODING i; OBJECT ENCODING s; OBJECT ENCODING l; OBJECT ENCODING l2; OBJECT ENCODING big
    OBJECT ENCODING big2; OBJECT ENCODING neg; OBJECT ENCODING z; OBJECT ENCODING e; OBJECT ENCODING u
    OBJECT ENCODING umlaut; OBJECT ENCODING none; OBJECT REFCOUNT i; OBJECT REFCOUNT s; OBJECT REFCOUNT neg
    SET i 10000; OBJECT REFCOUNT i; SET i 9999; OBJECT REFCOUNT i; INCR i; OBJECT REFCOUNT i; DECR i
    OBJECT REFCOUNT i; OBJECT REFCOUNT none; OBJECT FREQ i; OBJECT FREQ none; OBJECT IDLETIME i
    OBJECT IDLETIME none; OBJECT FOO; OBJECT; OBJECT ENCODING; OBJECT ENCODING a b; object encoding i
  `),
)

test('the EXPIRE family, TTL and PERSIST', { skip }, () =>
  cases.same(String.raw`
    EXPIRE k 10; SET k v; EXPIRE k 10; TTL k; PEXPIRE k 20000; TTL k; EXPIREAT k 99999999999; EXPIRETIME k
    PEXPIREAT k 99999999999999; PEXPIRETIME k; EXPIRETIME k; TTL k; PERSIST k; PERSIST k; TTL k; PTTL k
    EXPIRETIME k; PEXPIRETIME k; TTL n; PTTL n; EXPIRETIME n; PEXPIRETIME n; PERSIST n; EXPIRE k x; EXPIRE k 1.5
    EXPIRE k; EXPIRE n x; EXPIRE k 9223372036854775807; EXPIRE k -9223372036854775808; EXPIRE k 9223372036854776
    EXPIRE k 9223372036854775; PEXPIRE k 9223372036854775807; EXPIREAT k 9223372036854776
    EXPIREAT k 9007199254740; PEXPIREAT k 9223372036854775808; EXPIREAT n 9223372036854776; EXPIRE k 100 NX
    SET k v; EXPIRE k 100 XX; EXPIRE k 100 GT; EXPIRE k 100 NX; EXPIRE k 200 NX; EXPIRE k 200 XX; TTL k
    EXPIRE k 100 GT; EXPIRE k 300 GT; TTL k; EXPIRE k 400 LT; EXPIRE k 50 LT; TTL k; EXPIRE k 60 XX GT
    EXPIRE k 10 XX LT; EXPIRE k 10 nx Xx; EXPIRE k 10 NX GT; EXPIRE k 10 NX LT; EXPIRE k 10 GT LT
    EXPIRE k 10 NX XX GT LT; EXPIRE k 10 FOO; EXPIRE k x FOO; EXPIRE k x NX XX; EXPIRE k 10 gt gt
    PEXPIREAT k 99999999999999 gt; PEXPIREAT k 99999999999998 Gt; PEXPIREAT k 99999999999998 Lt; PERSIST k
    EXPIRE k 500 LT; EXPIREAT k 1 GT; EXISTS k; EXPIREAT k 1 LT; EXISTS k; SET k v; EXPIRE k 0; EXISTS k
    SET k v; EXPIRE k -1; SET k v; PEXPIRE k -1; SET k v; PEXPIREAT k 1; SET k v; EXPIREAT k -100
    SET k v EX 100; EXPIREAT k 1 NX; EXPIREAT k 1 XX; EXISTS k; SET k v; PEXPIREAT k -9223372036854775808
    SET k v; PEXPIRE k -9223372036854775808; EXISTS k; TTL; EXPIRE k 10 "\xffoo"; TTL k k
    PEXPIREAT k 99999999999999
  `),
)

test('times in the past', { skip }, () =>
  cases.same(`
    SET k v PXAT 1; GET k; EXISTS k; SET k v EXAT 1; SET k w NX; GET k; SET k v PXAT 1; APPEND k x; GET k
    SET k v PXAT 1; INCR k; TTL k; SET k v PXAT 1; DEL k; SET k v PXAT 1; RENAME k l; SET k v PXAT 1 GET
    SET k w KEEPTTL; TTL k; SET k v PXAT 1; EXPIRE k 10; SET k v PXAT 1; PERSIST k; SET k v PXAT 1; COPY k l
    SET k v PXAT 1; SET l v; RENAMENX l k; GET k; SET k v PXAT 1; SETNX k v; SET k v PXAT 1; MSETNX k v m v
    SET k v PXAT 1; MOVE k 1; SET k v PXAT 1; TYPE k; OBJECT ENCODING k; STRLEN k; GETRANGE k 0 -1; TTL k
  `),
)

test('SCAN', { skip }, () =>
  cases.same(`
    SCAN 0; SET k v; SCAN 0; SCAN 0 COUNT 10; SCAN 0 MATCH k; SCAN 0 MATCH x; SCAN 0 MATCH x MATCH *
    SCAN 0 MATCH * MATCH x; SCAN 0 TYPE string; SCAN 0 TYPE STRING; SCAN 0 TYPE hash; SCAN 0 TYPE foo
    SCAN 0 TYPE ""; SCAN 0 COUNT 0; SCAN 0 COUNT -1; SCAN 0 COUNT x; SCAN 0 COUNT 9223372036854775807
    SCAN 0 COUNT 9223372036854775808; SCAN 0 COUNT; SCAN 0 MATCH; SCAN 0 TYPE; SCAN 0 FOO; SCAN 0 FOO 1; SCAN
    SCAN ""; SCAN +0; SCAN -0; SCAN " 0"; SCAN 0x; SCAN -; SCAN 18446744073709551616; SCAN x; SCAN 00
    SCAN 0 match k count 5 type string
  `),
)

test('RANDOMKEY', { skip }, () =>
  cases.same(`
    RANDOMKEY; SET k v; RANDOMKEY; RANDOMKEY x
  `),
)

test('KEYS', { skip }, () =>
  cases.same(
    String.raw`
    KEYS *; MSET one 1 two 2 three 3 four 4 "\xffa" 1; KEYS o*; KEYS one; KEYS none; KEYS "\xff?"; KEYS "\xffa"
    KEYS t??; KEYS [; KEYS ""; KEYS one\\; KEYS; KEYS a b; SET "" e; KEYS ""; KEYS *e; KEYS t[^w]*e
  `,
    { unordered: true },
  ),
)

/** All keys that a scan from end to end returns; `between` runs after each step. */
async function walk(client: RawClient, argv: string[], between = async (): Promise<void> => {}): Promise<Set<Reply>> {
  const found = new Set<Reply>()
  let cursor = '0'
  do {
    const [next, keys] = (await client.ok('SCAN', cursor, ...argv)) as [string, Reply[]]
    for (const key of keys) found.add(key)
    cursor = next
    await between()
  } while (cursor !== '0')
  return found
}

test('SCAN meets every key that stays, whatever comes and goes meanwhile', { skip }, async () => {
  const { both } = cases
  await both.same(['FLUSHALL'])
  const keys = Array.from({ length: 500 }, (_, i) => `key:${i}`)
  const staying = keys.filter((_, i) => i % 5 !== 0)
  for (const client of [both.ours, both.real]) {
    await client.ok('MSET', ...keys.flatMap((key) => [key, 'v']))
    let step = 0
    const found = await walk(client, ['COUNT', '7'], async () => {
      await client.ok('DEL', `key:${5 * step++}`)
      await client.ok('SET', `new:${step}`, 'v')
    })
    assert.equal(
      staying.filter((key) => !found.has(key)),
      [],
    )
  }
})

test('SCAN filters by pattern and type', { skip }, async () => {
  const { both } = cases
  await both.same(['FLUSHALL'])
  for (const client of [both.ours, both.real]) {
    await client.ok('MSET', ...Array.from({ length: 60 }, (_, i) => [`${'ab'[i % 2]}${i}`, 'v']).flat())
    assert.is((await walk(client, ['MATCH', 'a*', 'COUNT', '5'])).size, 30)
    assert.is((await walk(client, ['TYPE', 'String', 'MATCH', '*0', 'COUNT', '100'])).size, 6)
    assert.is((await walk(client, ['TYPE', 'hash'])).size, 0)
  }
})

test('RANDOMKEY gives every key its turn', { skip }, async () => {
  const { both } = cases
  await both.same(['FLUSHALL', 'MSET a 1 b 2 c 3'])
  const seen = new Set<Reply>()
  for (let tries = 0; seen.size < 3 && tries < 1000; tries++) seen.add(await both.ours.ok('RANDOMKEY'))
  assert.equal([...seen].sort(), ['a', 'b', 'c'])
})

test('a replica keeps a key whose time is past, hides it, and deletes it when it is told to', { skip }, async () => {
  const { real } = cases.both
  await using spare = new Store<string>()
  await spare.replicaOf(`redis://127.0.0.1:${cases.realPort}`)
  const after = async (...argv: string[]): Promise<void> => {
    await real.ok(...argv)
    await real.ok('INCR', 'steps')
    const steps = await real.ok('GET', 'steps')
    await until(() => spare.get('steps') === steps, { what: `the replica to apply ${argv.join(' ')}` })
  }
  await after('FLUSHALL')
  await after('SET', 'k', 'v', 'PXAT', '1')
  assert.equal([spare.get('k'), spare.size, spare.call('TTL', 'k')], [undefined, 2, -2])
  await after('APPEND', 'k', 'w')
  assert.equal([spare.get('k'), spare.size, spare.call('TTL', 'k')], ['w', 2, -1])
})

// The last one: what it leaves in the streams is no case's.
test('SCAN and RANDOMKEY delete what they meet past its time, each key by itself', { skip }, async () => {
  const expected = ['DEL', 'DEL', 'SET']
  for (const port of [cases.ourPort, cases.realPort]) {
    await using client = await RawClient.connect({ port })
    await using stream = await RawClient.connect({ port, bulk: 'latin1' })
    await becomeReplica(stream)
    for (const command of [['SCAN', '0'], ['RANDOMKEY']]) {
      await client.ok('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
      await client.ok('FLUSHALL')
      for (const key of ['a', 'b']) await client.ok('SET', key, '1', 'PX', '1')
      await client.ok('DEBUG', 'SLEEP', '0.01')
      await client.ok(...(command as [string]))
      await client.ok('SET', 'after', 'x')
      const names: string[] = []
      while (names.at(-1) !== 'SET' || names.length < 5) {
        const [name] = ((await stream.reply()) as Reply[]).map((word) => String(word).toUpperCase())
        if (!['SELECT', 'PING', 'FLUSHALL'].includes(name)) names.push(name)
      }
      assert.equal(names.slice(2), expected, `${command} at ${port}`)
    }
  }
})

test.run()
