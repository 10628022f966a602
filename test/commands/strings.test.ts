// String commands, each edge case on a real server too.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { skip } from './both.js'
import { Cases } from './cases.js'

const test = suite('strings')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

test('GET and SET', { skip }, () =>
  cases.same(String.raw`
    GET k; SET k v; GET k; get K; SET k ""; GET k; SET k "\xff\xfe"; GET k
    SET k "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"; GET k; STRLEN k; SET "\xffkey" v; GET "\xffkey"; GET; GET a b
    SET a; SET; set k 1234567890123456789012345678901234567890; get k
  `),
)

test("SET's options", { skip }, () =>
  cases.same(`
    SET k v NX; SET k w NX; GET k; SET k w XX; SET n w XX; GET n; SET k x GET; SET n x GET; SET n y NX GET
    SET m y NX GET; SET m z XX GET; SET o z XX GET; EXISTS o; SET k v nx xx; SET k v xx nx; SET k v NX NX
    SET z v XX XX; SET k v XX XX GET GET; SET k v FOO; SET k v GET FOO; SET k v EX; SET k v PX
    SET k v EX 10 PX 10; SET k v EX 10 EX 20; TTL k; SET k v EX 10 KEEPTTL; SET k v KEEPTTL EX 10
    SET k w KEEPTTL; TTL k; SET k x KEEPTTL KEEPTTL GET; TTL k; SET q x KEEPTTL; TTL q; SET k v PERSIST
    SET k v EX 0; SET k v EX -1; SET k v EX x; SET k v EX 1.5; SET k v EX 01; SET k v EX " 1"
    SET k v EX 9223372036854775807; SET k v EX 9223372036854776; SET k v PX 9223372036854775807
    SET k v EX 9223372036854775808; SET k v EXAT 99999999999; PEXPIRETIME k; SET k v PXAT 99999999999999
    PEXPIRETIME k; EXPIRETIME k; SET k v ex 100 get; SET k v px 100000 nx; SET nn v px 100000 nx
    SET nn v2 px 100000 xx; SET k w; TTL k; SET k w GET EX 50; SET k w keepttl get xx; set k w get
    Set k w Get xX; SET GET GET GET; GET GET; SET k v PXAT 0; SET k v EXAT 0; SET k v PXAT -5
    SET k v XX NX EX x; SET k v EX x FOO; SET k v GET EX 0; SET missing v EXAT 1 XX
  `),
)

test('SETNX, SETEX, PSETEX, GETSET, GETDEL', { skip }, () =>
  cases.same(`
    SETNX k v; SETNX k w; GET k; SETNX k; SETEX k 10 v; TTL k; SETEX k 0 v; SETEX k -1 v; SETEX k x v
    SETEX k 9223372036854775807 v; PSETEX k 10000 w; TTL k; PSETEX k 0 v; PSETEX k -1 v; PSETEX k 1.5 v
    PSETEX k 9223372036854775807 w; SETEX k 10; GETSET k x; TTL k; GETSET n x; GETSET n; GETDEL k; GETDEL k
    GETDEL; GETDEL a b
  `),
)

test('GETEX', { skip }, () =>
  cases.same(String.raw`
    GETEX k; GETEX k EX 10; SET k v; GETEX k; GETEX k EX 10; TTL k; GETEX k; TTL k; GETEX k PERSIST; TTL k
    GETEX k PERSIST; GETEX k PX 100000; TTL k; GETEX k EXAT 99999999999; PEXPIRETIME k
    GETEX k PXAT 99999999999999; PEXPIRETIME k; GETEX k EX; GETEX k EX 10 PX 10; GETEX k EX 10 EX 20; TTL k
    GETEX k PERSIST EX 10; GETEX k EX 10 PERSIST; GETEX k PERSIST PERSIST; GETEX k NX; GETEX k GET
    GETEX k KEEPTTL; GETEX k FOO; GETEX k EX 0; GETEX k EX -1; GETEX k EX x; GETEX n EX 0; GETEX n FOO
    GETEX k EX 9223372036854775807; GETEX k PXAT 1; EXISTS k; SET k v; GETEX k EXAT 1; EXISTS k; GETEX
    SET k "\xff\x00"; GETEX k EX 100
  `),
)

test('APPEND and STRLEN', { skip }, () =>
  cases.same(String.raw`
    APPEND k abc; APPEND k def; GET k; APPEND k ""; GET k; APPEND n ""; EXISTS n; STRLEN n; APPEND u "\xc3"
    GET u; APPEND u "\xa4"; GET u; STRLEN u; APPEND u "\xff"; APPEND u abc; GET u; SET b "\xf0\x9f\x98"
    APPEND b "\x80"; GET b; APPEND t "\xc3\xa4"; APPEND t "\xf0\x9f\x98\x80x"; STRLEN t; GET t; SET x y EX 100
    APPEND x z; TTL x; APPEND k; APPEND k a b; SET i 10; APPEND i 5; INCR i; STRLEN; STRLEN nokey
    SET e "\xff\xfe"; STRLEN e
  `),
)

test('SETRANGE', { skip }, () =>
  cases.same(String.raw`
    SETRANGE k 0 abc; GET k; SETRANGE k 1 XY; GET k; SETRANGE k 5 z; GET k; SETRANGE k 0 ""; SETRANGE n 0 ""
    SETRANGE n 10 ""; EXISTS n; SETRANGE n 3 x; GET n; SETRANGE k -1 x; SETRANGE k x x; SETRANGE k 536870912 x
    SETRANGE k 9223372036854775807 x; SETRANGE k 9223372036854775807 ""; SETRANGE k 9223372036854775808 x
    SET u "\xc3\xa4\xc3\xb6"; SETRANGE u 1 x; GET u; SETRANGE u 0 "\xff"; GET u; SETRANGE u 1 "\xa4"
    SETRANGE u 0 "\xc3"; GET u; STRLEN u; SET x yy EX 100; SETRANGE x 1 z; TTL x; SETRANGE x 1; SETRANGE x 1.0 x
  `),
)

test('GETRANGE and SUBSTR', { skip }, () =>
  cases.same(String.raw`
    SET k "Hello World"; GETRANGE k 0 -1; SUBSTR k 0 -1; GETRANGE k 0 0; SUBSTR k 0 0; GETRANGE k 0 4
    SUBSTR k 0 4; GETRANGE k -3 -1; SUBSTR k -3 -1; GETRANGE k -1 -3; SUBSTR k -1 -3; GETRANGE k 5 3
    SUBSTR k 5 3; GETRANGE k 0 100; SUBSTR k 0 100; GETRANGE k 100 200; SUBSTR k 100 200; GETRANGE k -100 3
    SUBSTR k -100 3; GETRANGE k -100 -200; SUBSTR k -100 -200; GETRANGE k -200 -100; SUBSTR k -200 -100
    GETRANGE k -100 -99; SUBSTR k -100 -99; GETRANGE k 11 11; SUBSTR k 11 11; GETRANGE k 10 10; SUBSTR k 10 10
    GETRANGE k -11 -11; SUBSTR k -11 -11; GETRANGE k -12 -12; SUBSTR k -12 -12; GETRANGE k -12 0; SUBSTR k -12 0
    GETRANGE k 3 -20; SUBSTR k 3 -20; GETRANGE k -9223372036854775807 -9223372036854775808
    GETRANGE k -9223372036854775808 -9223372036854775807; GETRANGE k 0 9223372036854775807
    GETRANGE k -9223372036854775808 9223372036854775807; GETRANGE k 9223372036854775808 1; GETRANGE k x 1
    GETRANGE k 1 x; GETRANGE n 0 -1; GETRANGE n x 1; GETRANGE k 0; SET u "\xc3\xa4\xf0\x9f\x98\x80"
    GETRANGE u 0 0; GETRANGE u 0 1; GETRANGE u 1 2; GETRANGE u 2 5; GETRANGE u -1 -1; SET b "\xff\xfe\x00"
    GETRANGE b 1 2; SET e ""; GETRANGE e 0 0; GETRANGE e -1 0; SUBSTR k 0; SET i 123; GETRANGE i 1 1
  `),
)

test('MSET, MSETNX and MGET', { skip }, () =>
  cases.same(String.raw`
    MSET a 1 b 2; MGET a b c; MGET a a; MSET a; MSET a 1 b; MGET; MSET a 1 a 2; GET a; MSETNX a 1 z 2; EXISTS z
    MSETNX y 1 z 2; MGET y z; MSETNX q 1 q 2; GET q; MSETNX q; MSETNX q 1 w; SET x v EX 100; MSET x w; TTL x
    MSET "\xff" "\xfe"; MGET "\xff"
  `),
)

test('INCR, DECR, INCRBY and DECRBY', { skip }, () =>
  cases.same(String.raw`
    INCR k; INCR k; DECR k; INCRBY k 10; DECRBY k 3; GET k; INCRBY k -20; INCRBY k x; INCRBY k 1.5; INCRBY k 01
    INCRBY k +1; INCRBY k " 1"; INCRBY k 9223372036854775807; INCRBY k 9223372036854775807
    DECRBY k -9223372036854775808; DECRBY k 9223372036854775807; DECRBY k 9223372036854775808
    SET m 9223372036854775806; INCR m; INCR m; GET m; SET m -9223372036854775807; DECR m; DECR m; INCRBY m 5
    DECRBY m -1; INCRBY m -9223372036854775808; SET s abc; INCR s; SET s 1.0; INCR s; SET s " 1"; INCR s
    SET s ""; INCR s; SET s 00; INCR s; SET s -0; INCR s; SET s 9223372036854775808; INCR s; SET s "\xff"
    INCR s; SET s 11; INCR s; SET t 5 EX 100; INCR t; TTL t; DECR n; DECRBY n2 0; GET n2; INCRBY n3 0
    SET big 999999999999999; INCR big; INCR big; INCRBY big 9007199254740991; INCRBY big -9007199254740991
    SET big -999999999999999; DECR big; INCRBY big 999999999999999; INCR; INCRBY k; DECR k 1
  `),
)

test('INCRBYFLOAT', { skip }, () =>
  cases.same(String.raw`
    INCRBYFLOAT k 10.5; INCRBYFLOAT k 0.1; GET k; INCRBYFLOAT k -5; INCRBYFLOAT k 5.0e3; SET k 5.0e3
    INCRBYFLOAT k 2.0e2; SET k 3; INCRBYFLOAT k 1.000000000000000005; INCRBYFLOAT k x; INCRBYFLOAT k ""
    INCRBYFLOAT k " 1"; INCRBYFLOAT k "1 "; INCRBYFLOAT k inf; INCRBYFLOAT k -INF; INCRBYFLOAT k infinity
    INCRBYFLOAT k infinit; INCRBYFLOAT k nan; INCRBYFLOAT k 0x10; INCRBYFLOAT k -0x1.8p1; INCRBYFLOAT k 0x
    INCRBYFLOAT k 0x.8; INCRBYFLOAT k 0xp1; INCRBYFLOAT k 1e; INCRBYFLOAT k 1e+; INCRBYFLOAT k .
    INCRBYFLOAT k .5; INCRBYFLOAT k 5.; INCRBYFLOAT k +5; INCRBYFLOAT k --5; INCRBYFLOAT k 1e4931
    INCRBYFLOAT k 1e4932; INCRBYFLOAT k 1e4933; INCRBYFLOAT k 1e999999999999999999999
    INCRBYFLOAT k 1e-999999999999999999999; INCRBYFLOAT k 0e999999999999999999999; INCRBYFLOAT k 1.1e4932
    INCRBYFLOAT k -1e4932; SET k 0; INCRBYFLOAT k 1e-4940; INCRBYFLOAT k 1e-4951; INCRBYFLOAT k 3e-4951
    INCRBYFLOAT k 1e-4952; INCRBYFLOAT k 1e-18; INCRBYFLOAT k -1e-18; SET k 0; INCRBYFLOAT k -0
    INCRBYFLOAT k -1e-17; INCRBYFLOAT k -1e-30; SET k abc; INCRBYFLOAT k 1; SET k "\xff"; INCRBYFLOAT k 1
    SET t 1.5 EX 100; INCRBYFLOAT t 1; TTL t; SET k 9223372036854775807; INCRBYFLOAT k 1
    SET k 18446744073709551615; INCRBYFLOAT k 1; INCRBYFLOAT k 1; SET k 1e20; INCRBYFLOAT k 0.1; SET k 0.3
    INCRBYFLOAT k 0.6; SET k 1.7976931348623157e308; INCRBYFLOAT k 1.7976931348623157e308; INCRBYFLOAT k 1_000
    INCRBYFLOAT k "1\x00"; INCRBYFLOAT k; SET k 0x7fffffffffffffff.8; INCRBYFLOAT k 0.5
    SET k 123456789.123456789123456789; INCRBYFLOAT k 0
  `),
)

test('LCS', { skip }, () =>
  cases.same(String.raw`
    MSET a ohmytext b mynewtext; LCS a b; LCS a b LEN; LCS a b IDX; LCS a b IDX MINMATCHLEN 4
    LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN; LCS a b WITHMATCHLEN; LCS a b IDX WITHMATCHLEN MINMATCHLEN -5
    LCS a b IDX MINMATCHLEN 9223372036854775807; LCS a b LEN IDX; LCS a b MINMATCHLEN; LCS a b MINMATCHLEN x
    LCS a b FOO; LCS a n; LCS a n IDX; LCS n n2 LEN; LCS a; LCS a a IDX; SET u "\xc3\xa4\xff"
    SET v "\xa4\xff\xc3"; LCS u v; LCS u v IDX; MSET p abcbdab q bdcaba; LCS p q; LCS p q IDX WITHMATCHLEN
    LCS q p IDX; MSET x aaaa y aa; LCS x y IDX; LCS y x IDX; lcs x y len len
  `),
)

/** Whole characters, halves of them, and what is no text at all. */
const pieces = ['ascii', '\\0', 'ä', '€', '😀'].map((piece) => Buffer.from(piece))
const bytes = fc.oneof(
  fc.constantFrom(
    ...pieces,
    ...pieces.map((piece) => piece.subarray(0, 1)),
    ...pieces.map((piece) => piece.subarray(1)),
  ),
  fc.uint8Array({ maxLength: 3 }).map((array) => Buffer.from(array)),
)
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.tuple(fc.bigInt(), fc.integer({ min: -4960, max: 4940 })).map(([digits, power]) => `${digits}e${power}`),
  fc.tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: 0, max: 99 })).map(([a, b]) => `${a}.${b}`),
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String),
)
const index = fc.integer({ min: -20, max: 40 }).map(String)
const key = fc.constantFrom('a', 'b')
const anyCommand = fc.oneof(
  fc.tuple(fc.constant('APPEND'), key, bytes),
  fc.tuple(fc.constant('SETRANGE'), key, index, bytes),
  fc.tuple(fc.constantFrom('GETRANGE', 'SUBSTR'), key, index, index),
  fc.tuple(fc.constantFrom('GET', 'STRLEN'), key),
  fc.tuple(fc.constant('LCS'), key, key, fc.constantFrom('IDX', 'LEN', 'WITHMATCHLEN')),
  fc.tuple(fc.constantFrom('SET', 'INCRBYFLOAT', 'INCRBY', 'DECRBY'), fc.constantFrom('x', 'y'), number),
)

test('random bytes and numbers', { skip }, () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyCommand, { maxLength: 40, size: 'max' }), (commands) => cases.sameCommands(commands)),
    { numRuns: 40 },
  ),
)

test('a JavaScript value is worked on as it is shown, and replicas get the result', { skip }, async () => {
  const { store, both } = cases
  const call = (...argv: string[]) => both.ours.call(...argv)
  store.set('n', 41)
  store.set('o', { a: [1, 'ä'] })
  store.set('timed', 1, { ttl: 60_000 })
  await cases.ourStream()
  assert.is(await call('GET', 'n'), '41')
  assert.is(await call('OBJECT', 'ENCODING', 'n'), 'msgpack')
  assert.is(await call('INCR', 'n'), 42)
  assert.is(await call('OBJECT', 'ENCODING', 'n'), 'int')
  assert.is(await call('INCR', 'n'), 43)
  assert.is(await call('STRLEN', 'o'), Buffer.byteLength('{"a":[1,"ä"]}'))
  assert.is(await call('GETRANGE', 'o', '0', '3'), '{"a"')
  assert.is(await call('APPEND', 'o', '!'), Buffer.byteLength('{"a":[1,"ä"]}!'))
  assert.is(await call('INCRBYFLOAT', 'timed', '0.5'), '1.5')
  assert.is(await call('TTL', 'timed'), 60)
  assert.equal(await cases.ourStream(), [
    ['SET', 'n', '42', 'KEEPTTL'],
    ['INCR', 'n'],
    ['SET', 'o', Buffer.from('{"a":[1,"ä"]}!').toString('latin1'), 'KEEPTTL'],
    ['SET', 'timed', '1.5', 'KEEPTTL'],
  ])
})

test.run()
