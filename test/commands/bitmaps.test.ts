// Bits of strings, each edge case on a real server too.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { skip } from './both.js'
import { Cases } from './cases.js'

const test = suite('bitmaps')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

test('SETBIT and GETBIT', { skip }, () =>
  cases.same(String.raw`
    SETBIT k 7 1; SETBIT k 7 1; GET k; SETBIT k 7 0; SETBIT k 100 0; STRLEN k; SETBIT k 100 0; SETBIT k 5 1; GETBIT k 5
    GETBIT k 6; GETBIT k 100000; GETBIT n 0; SETBIT n 0 0; GET n; SETBIT k -1 1; SETBIT k 4294967296 1
    SETBIT k 9223372036854775808 1; SETBIT k x 1; SETBIT k 01 1; SETBIT k 1 2; SETBIT k 1 -1; SETBIT k 1 x; SETBIT k #1 1
    GETBIT k -1; GETBIT k x; GETBIT k 4294967296; GETBIT k 4294967295; SET i 123; SETBIT i 30 1; GET i; GETBIT i 2
    SET u "\xc3\xa4\xff"; GETBIT u 0; GETBIT u 16; SETBIT u 23 0; GET u; SADD s a; SETBIT s 1 1; GETBIT s 1
    SETBIT; SETBIT k; SETBIT k 1; GETBIT k; GETBIT k 1 1; SET t v EX 100; SETBIT t 1 1; TTL t
  `),
)

test('BITCOUNT', { skip }, () =>
  cases.same(String.raw`
    SET k foobar; BITCOUNT k; BITCOUNT n; BITCOUNT k 0 0; BITCOUNT k 1 1; BITCOUNT k 0 -1; BITCOUNT k -2 -1
    BITCOUNT k -1 -2; BITCOUNT k 3 1; BITCOUNT k 100 200; BITCOUNT k -100 100; BITCOUNT k 5 30 BIT; BITCOUNT k 5 30 byte
    BITCOUNT k 0 0 BIT; BITCOUNT k -8 -1 bit; BITCOUNT k 1 -1 BIT; BITCOUNT k 0; BITCOUNT k 0 x; BITCOUNT k x 0
    BITCOUNT k 0 1 FOO; BITCOUNT k -1 -2 FOO; BITCOUNT k 0 1 BIT 3; BITCOUNT n 0; BITCOUNT n x y FOO BAR; SET e ""
    BITCOUNT e; BITCOUNT e 0 -1; BITCOUNT e 0 -1 BIT; SADD s a; BITCOUNT s; BITCOUNT s x; SET u "\xff\xfe\xc3\xa4"
    BITCOUNT u; SET i 12345; BITCOUNT i; BITCOUNT k -9223372036854775807 -9223372036854775808
    BITCOUNT k -9223372036854775808 9223372036854775807; BITCOUNT k 0 9223372036854775808
  `),
)

test('BITPOS', { skip }, () =>
  cases.same(String.raw`
    BITPOS n 0; BITPOS n 1; BITPOS n 0 5; BITPOS n 1 x; BITPOS n 2; BITPOS n x; SET z "\x00\x00\x00"; SET o "\xff\xff\xff"
    BITPOS z 0; BITPOS z 1; BITPOS o 0; BITPOS o 1; BITPOS o 0 1; BITPOS o 0 1 -1; BITPOS o 0 3; BITPOS z 0 3; BITPOS z 1 1
    SET k "\x00\xff\xf0"; BITPOS k 1; BITPOS k 0; BITPOS k 0 1; BITPOS k 0 1 1; BITPOS k 1 2; BITPOS k 1 -1; BITPOS k 0 -1 -1
    BITPOS k 1 0 0; BITPOS k 1 9 20 BIT; BITPOS k 0 9 20 BIT; BITPOS k 0 9 15 bit; BITPOS k 1 0 7 BIT; BITPOS k 0 8 -5 BIT
    BITPOS k 0 8 -4 BIT; BITPOS k 1 3 3 BIT; BITPOS k 1 1 2 BYTE; BITPOS k 1 1 2 FOO; BITPOS k 1 1 2 BIT x; BITPOS k 1 x
    BITPOS k 1 1 x; BITPOS k 1 5 1; BITPOS k 1 -100 100; BITPOS k; SET e ""; BITPOS e 0; BITPOS e 1; BITPOS e 0 0; BITPOS e 0 0 -1
    SADD s a; BITPOS s 1; BITPOS s 2; BITPOS k 1 0 BIT
  `),
)

test('BITOP', { skip }, () =>
  cases.same(String.raw`
    SET a "\x0f\xff"; SET b "\xf1"; BITOP AND d a b; GET d; BITOP or d a b; GET d; BITOP XOR d a b n; GET d; BITOP NOT d a; GET d
    BITOP AND d a n; GET d; BITOP NOT d n; EXISTS d; BITOP AND d n n; BITOP NOT d a b; BITOP FOO d a; BITOP AND d; BITOP NOT d
    SADD s x; BITOP OR d a s; BITOP OR s a; TYPE s; SET t v EX 100; BITOP OR t a; TTL t; BITOP OR a a b; GET a; SET e ""
    BITOP OR d e e; SET d 1; BITOP OR d e; EXISTS d; SET f foobar; BITOP NOT f f; BITOP NOT f f; GET f; BITOP OR n n a; GET n
  `),
)

test('BITFIELD', { skip }, () =>
  cases.same(`
    BITFIELD k; BITFIELD k SET u8 0 255 GET u8 0 GET i8 0 GET u4 2; GET k; BITFIELD k SET u8 #1 7 SET u8 #0 1; GET k
    BITFIELD k INCRBY u2 100 1 INCRBY u2 100 1 INCRBY u2 100 3; STRLEN k; BITFIELD k INCRBY i5 100 1 GET u4 0
    BITFIELD k SET i64 3 -1 GET i64 3; BITFIELD k SET u63 3 9223372036854775807 GET u63 3 INCRBY u63 3 1
    BITFIELD k SET i64 0 9223372036854775807 INCRBY i64 0 1 GET i64 0; BITFIELD k INCRBY i64 0 -1
    BITFIELD k OVERFLOW SAT INCRBY i64 0 9223372036854775807 INCRBY i64 0 5 OVERFLOW FAIL INCRBY i64 0 1 OVERFLOW WRAP INCRBY i64 0 1
    BITFIELD k OVERFLOW SAT SET u8 0 -1 SET u8 0 300 SET i8 0 -300 SET i8 0 300 OVERFLOW FAIL SET u8 0 256 SET i8 0 128
    BITFIELD k OVERFLOW SAT SET i1 0 -9223372036854775808 SET i8 0 -9223372036854775700 SET i8 0 -9223372036854775600 GET i8 0
    BITFIELD k OVERFLOW SAT SET i2 0 -9223372036854775808 SET i63 0 -9223372036854775808 SET i63 0 -4611686018427387905 GET i63 0
    BITFIELD k OVERFLOW SAT INCRBY u8 0 -500 INCRBY u8 0 500 INCRBY i8 8 -500 INCRBY i8 8 500 GET i8 8
    BITFIELD k SET u8 0 -1 SET u8 0 300 SET i8 0 -300 GET i8 0; BITFIELD k SET i1 0 1 GET i1 0 SET i1 0 -1 INCRBY i1 0 1
    BITFIELD k GET u64 0; BITFIELD k GET i65 0; BITFIELD k GET i0 0; BITFIELD k GET x8 0; BITFIELD k GET u08 0; BITFIELD k GET U8 0
    BITFIELD k GET u 0; BITFIELD k GET u8 -1; BITFIELD k GET u8 x; BITFIELD k GET u8 "#"; BITFIELD k GET u8 #-1; BITFIELD k GET u8
    BITFIELD k SET u8 0; BITFIELD k SET u8 0 x; BITFIELD k SET u8 0 9223372036854775808; BITFIELD k INCRBY u8 0 ""; BITFIELD k FOO
    BITFIELD k OVERFLOW; BITFIELD k OVERFLOW FOO GET u8 0; BITFIELD k GET u8 4294967288 GET u8 4294967295; BITFIELD k GET u8 4294967296
    BITFIELD k GET u8 #536870911 GET u8 100000; BITFIELD k get u8 0 incrby u8 0 1 overflow sat; BITFIELD n GET u8 0; EXISTS n
    BITFIELD_RO k GET u8 0 GET i16 #1; BITFIELD_RO k SET u8 0 1; BITFIELD_RO k; BITFIELD_RO n GET u8 0; BITFIELD_RO k OVERFLOW SAT GET u8 0
    SADD s a; BITFIELD s GET u8 0; BITFIELD s SET u8 0 1; BITFIELD_RO s GET u8 0; SET i 12; BITFIELD i INCRBY u8 8 1; GET i
    BITFIELD k SET u8 0 5 SET u8 0 5; BITFIELD k SET u8 0 5; BITFIELD m SET u8 0 0; BITFIELD m SET u8 8 0 GET u8 0; STRLEN m
    SET t v EX 100; BITFIELD t SET u8 0 0; TTL t
  `),
)

test('a BITFIELD that fails makes the value longer, here and on replicas', { skip }, async () => {
  const { both } = cases
  await both.same(['DEL f', 'BITFIELD f OVERFLOW FAIL SET u2 22 9', 'STRLEN f', 'GET f'])
  await cases.ourStream()
  assert.equal(await both.ours.call('BITFIELD', 'f', 'OVERFLOW', 'FAIL', 'SET', 'u2', '30', '9'), [null])
  assert.equal(await cases.ourStream(), [['BITFIELD', 'f', 'OVERFLOW', 'FAIL', 'SET', 'u2', '30', '9']])
})

test('a JavaScript value is worked on as it is shown, and replicas get the result', { skip }, async () => {
  const { store, both } = cases
  store.set('n', 41)
  store.set('m', 1)
  await cases.ourStream()
  assert.is(await both.ours.call('SETBIT', 'n', '6', '1'), 0)
  assert.equal(await both.ours.call('BITFIELD', 'm', 'SET', 'u8', '0', '50'), [49])
  assert.is(await both.ours.call('BITCOUNT', 'm'), 3)
  store.set('o', 1)
  assert.is(await both.ours.call('BITOP', 'OR', 'd', 'o', 'm'), 1)
  const stream = await cases.ourStream()
  assert.equal(
    stream.filter(([name, key]) => name !== 'SET' || key !== 'o'),
    [
      ['SET', 'n', '61', 'KEEPTTL'],
      ['SET', 'm', '2', 'KEEPTTL'],
      ['SET', 'd', '3'],
    ],
  )
})

const key = fc.constantFrom('a', 'b')
const offset = fc.integer({ min: 0, max: 80 }).map(String)
const index = fc.integer({ min: -50, max: 50 }).map(String)
const unit = fc.constantFrom('BIT', 'BYTE')
const bit = fc.constantFrom('0', '1')
const type = fc.oneof(
  fc.integer({ min: 1, max: 64 }).map((bits) => `i${bits}`),
  fc.integer({ min: 1, max: 63 }).map((bits) => `u${bits}`),
)
const operand = fc
  .oneof(fc.integer({ min: -300, max: 300 }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
  .map(String)
const operation = fc.oneof(
  fc.tuple(fc.constant('GET'), type, offset),
  fc.tuple(fc.constantFrom('SET', 'INCRBY'), type, offset, operand),
  fc.tuple(fc.constant('OVERFLOW'), fc.constantFrom('SAT', 'WRAP')),
)
const bytes = fc.uint8Array({ maxLength: 8 }).map((array) => Buffer.from(array))
const anyCommand = fc.oneof(
  fc.tuple(fc.constant('SET'), key, bytes),
  fc.tuple(fc.constant('SETBIT'), key, offset, bit),
  fc.tuple(fc.constant('GETBIT'), key, offset),
  fc.tuple(fc.constant('BITCOUNT'), key, index, index, unit),
  fc.tuple(fc.constant('BITPOS'), key, bit, index, index, unit),
  fc.tuple(fc.constant('BITPOS'), key, bit, index),
  fc.tuple(fc.constantFrom('BITOP'), fc.constantFrom('AND', 'OR', 'XOR'), key, key, key),
  fc
    .tuple(fc.constant('BITFIELD'), key, fc.array(operation, { maxLength: 4 }))
    .map(([name, of, all]) => [name, of, ...all.flat()]),
)

test('random bits', { skip }, () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyCommand, { maxLength: 40, size: 'max' }), (commands) => cases.sameCommands(commands)),
    { seed: 20260703, numRuns: 60 },
  ),
)

test.run()
