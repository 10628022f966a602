// Set commands, each edge case on a real server too.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { skip } from './both.js'
import { Cases } from './cases.js'

const test = suite('sets')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

test('SADD, SREM, SCARD, SISMEMBER, SMISMEMBER', { skip }, () =>
  cases.same(
    String.raw`
    SADD s a; SADD s a b c; SADD s a; SCARD s; SCARD n; SISMEMBER s a; SISMEMBER s x; SISMEMBER n a
    SMISMEMBER s a x c; SMISMEMBER n a b; SREM s x; SREM s a x b b; SCARD s; SREM s c; EXISTS s; SREM s c; SREM n c
    SADD s "\xff\x00"; SISMEMBER s "\xff\x00"; SMEMBERS s; SADD s "" ; SCARD s; SMEMBERS n
    SADD; SADD s; SREM s; SCARD; SISMEMBER s; SISMEMBER s a b; SMISMEMBER s; SMEMBERS; SMEMBERS s s
    SET str v; SADD str a; SREM str a; SCARD str; SISMEMBER str a; SMISMEMBER str a; SMEMBERS str; SPOP str
    SPOP str 1; SRANDMEMBER str; SRANDMEMBER str 1; SSCAN str 0; SMOVE str s a; SMOVE s str a; SMOVE n str a
    SADD t a; PEXPIREAT t 9999999999999; SADD t b; SREM t a; PEXPIRETIME t; GET t; TYPE t
  `,
    { unordered: true },
  ),
)

test('integers are given in their order, all of them at once', { skip }, () =>
  cases.same(`
    SADD i 10 9 -1 -10 100 0 9223372036854775807 -9223372036854775808; SMEMBERS i; SSCAN i 0; SSCAN i 7 COUNT 1
    SSCAN i 0 MATCH 1*; SINTER i; SUNION i; SDIFF i; SADD j 5 100 9 8; SINTER i j; SUNION i j; SDIFF i j; SDIFF j i
    SRANDMEMBER i 100; OBJECT ENCODING i; SINTERSTORE d i j; OBJECT ENCODING d; SUNIONSTORE d i j; OBJECT ENCODING d
    SADD m 1 a; OBJECT ENCODING m; SREM m a; OBJECT ENCODING m; SDIFFSTORE d m n; OBJECT ENCODING d
    SUNIONSTORE d m m; OBJECT ENCODING d; COPY m c; OBJECT ENCODING c; SPOP i 100; SADD i 1; OBJECT ENCODING i
    CONFIG SET set-max-intset-entries 3; SADD k 1 2 3; OBJECT ENCODING k; SADD k 4; OBJECT ENCODING k; SREM k 4
    OBJECT ENCODING k; SADD l 1 2 3; SUNIONSTORE l l k; OBJECT ENCODING l; SADD o 1 2 3 a
    SDIFFSTORE d o k; OBJECT ENCODING d; SDIFFSTORE d o x; OBJECT ENCODING d
    SDIFFSTORE d o x y z; OBJECT ENCODING d; SADD p a; SDIFFSTORE d o p; OBJECT ENCODING d; SDIFFSTORE d o p p p p
    OBJECT ENCODING d; CONFIG SET set-max-intset-entries 512
  `),
)

test('SINTER, SUNION, SDIFF', { skip }, () =>
  cases.same(
    `
    SADD a 1 2 3 x y z; SADD b 2 3 x q; SADD c 3 x; SET str v; SINTER a b c; SINTER a b n; SINTER n a; SINTER a a
    SINTER a str; SINTER n str; SINTER str; SUNION a b c; SUNION n; SUNION n a; SUNION a str; SDIFF a b; SDIFF a b c n
    SDIFF a a; SDIFF b a a; SDIFF n a; SDIFF a n; SDIFF a str; SDIFF n str; SDIFF a b a; SINTER; SUNION; SDIFF
    SINTERCARD; SINTERCARD 1; SINTERCARD 0 a; SINTERCARD a a; SINTERCARD -1 a; SINTERCARD 2 a; SINTERCARD 1 a
    SINTERCARD 3 a b c; SINTERCARD 2 a b LIMIT 0; SINTERCARD 2 a b LIMIT 2; SINTERCARD 2 a b limit 10
    SINTERCARD 2 a b LIMIT -1; SINTERCARD 2 a b LIMIT x; SINTERCARD 2 a b LIMIT; SINTERCARD 2 a b FOO
    SINTERCARD 2 a b LIMIT 2 LIMIT 1; SINTERCARD 2 a n; SINTERCARD 2 a str; SINTERCARD 2 n str
    SINTERCARD 1 a b; SINTERCARD 9999999999999999999 a
  `,
    { unordered: true },
  ),
)

test('SINTERSTORE, SUNIONSTORE, SDIFFSTORE', { skip }, () =>
  cases.same(
    `
    SADD a 1 2 3 x y z; SADD b 2 3 x q; SET str v; SINTERSTORE d a b; SUNIONSTORE e a b n; SDIFFSTORE f a b
    SINTERSTORE d a n; EXISTS d; SINTERSTORE d n a; SDIFFSTORE f a a; EXISTS f; SDIFFSTORE f n; SUNIONSTORE e n n
    EXISTS e; SINTERSTORE str a; TYPE str; SET str v; SINTERSTORE d a str; SUNIONSTORE str str; SDIFFSTORE d str
    SINTERSTORE a a b; SUNIONSTORE b a b; SDIFFSTORE b b a; SADD t a; EXPIRE t 100; SUNIONSTORE t a; TTL t
    SINTERSTORE d; SUNIONSTORE; SDIFFSTORE d; SADD g 1; SADD h 2; SINTERSTORE d g h; SADD d 1; SINTERSTORE d g h
    SADD p x; PEXPIREAT p 1; SINTERSTORE p g h
  `,
    { unordered: true },
  ),
)

test('SMOVE', { skip }, () =>
  cases.same(
    `
    SADD a 1 2 3; SADD b 3 4; SMOVE a b 1; SMOVE a b 1; SMOVE a b 3; SMOVE a a 2; SMOVE a a 9; SMOVE n b 1; SMOVE a n 2
    EXISTS a; SMEMBERS n; SMEMBERS b; SMOVE n n 2; SMOVE a b; SMOVE b c x; SMOVE b c 4; SMEMBERS c
  `,
    { unordered: true },
  ),
)

test('SPOP and SRANDMEMBER where nothing is left to chance', { skip }, () =>
  cases.same(
    `
    SADD s a; SRANDMEMBER s; SRANDMEMBER s 0; SRANDMEMBER s 5; SRANDMEMBER s -3; SRANDMEMBER n; SRANDMEMBER n 3
    SRANDMEMBER n -3; SRANDMEMBER s x; SRANDMEMBER s 1 2; SRANDMEMBER s -9223372036854775808
    SRANDMEMBER s 9223372036854775808; SPOP s 0; SPOP s -1; SPOP s x; SPOP s 1 2; SPOP n; SPOP n 0; SPOP n 3; SPOP s
    EXISTS s; SADD s a; SPOP s 1; EXISTS s; SADD s a b; SPOP s 2; SADD s a b c; SPOP s 100; EXISTS s; SADD s 1 1
    SPOP s; SADD t a; EXPIRE t 100; SPOP t 3; SRANDMEMBER; SPOP
  `,
    { unordered: true },
  ),
)

test('SSCAN', { skip }, () =>
  cases.same(
    `
    SADD s a b c; SSCAN s 0; SSCAN s 0 COUNT 100; SSCAN s 0 MATCH a*; SSCAN s 0 MATCH x COUNT 5; SSCAN s x; SSCAN s -1x
    SSCAN s 0 COUNT 0; SSCAN s 0 COUNT x; SSCAN s 0 FOO; SSCAN s 0 COUNT; SSCAN s 0 TYPE set; SSCAN n 0 FOO; SSCAN n 5
    SSCAN n x; SSCAN s; SSCAN s 0 MATCH * COUNT 10; SSCAN s 18446744073709551616
  `,
    { unordered: true },
  ),
)

test('what is chosen at random goes to replicas by name', { skip }, async () => {
  const { both } = cases
  const call = (...argv: string[]) => both.ours.call(...argv)
  await call('FLUSHALL')
  await call('SADD', 's', ...Array.from({ length: 20 }, (_, i) => `m${i}`))
  await cases.ourStream()
  const one = String(await call('SPOP', 's'))
  assert.equal(await cases.ourStream(), [['SREM', 's', one]])
  for (const count of ['4', '14']) {
    const popped = (await call('SPOP', 's', count)) as string[]
    assert.is(popped.length, Number(count))
    assert.equal(
      await cases.ourStream(),
      popped.map((member) => ['SREM', 's', member]),
    )
    assert.equal(
      await call('SMISMEMBER', 's', ...popped),
      popped.map(() => 0),
    )
  }
  assert.is(await call('SCARD', 's'), 1)
  await call('SPOP', 's', '1')
  assert.equal(await cases.ourStream(), [['DEL', 's']])
})

const key = fc.constantFrom('a', 'b', 'c')
const member = fc.constantFrom('1', '2', '3', '40', '-5', 'x', 'y', '\xff', '')
const members = fc.array(member, { minLength: 1, maxLength: 6 })
const keys = fc.array(key, { minLength: 1, maxLength: 3 })
const anyCommand = fc.oneof(
  fc
    .tuple(fc.constantFrom('SADD', 'SADD', 'SREM', 'SMISMEMBER'), key, members)
    .map(([name, to, all]) => [name, to, ...all]),
  fc.tuple(fc.constant('SMOVE'), key, key, member),
  fc
    .tuple(fc.constantFrom('SCARD', 'SMEMBERS', 'SPOP'), key)
    .map(([name, of]) => (name === 'SPOP' ? [name, of, '100'] : [name, of])),
  fc.tuple(fc.constantFrom('SINTER', 'SUNION', 'SDIFF'), keys).map(([name, all]) => [name, ...all]),
  fc
    .tuple(fc.constantFrom('SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE'), key, keys)
    .map(([name, to, all]) => [name, to, ...all]),
  fc.tuple(fc.constant('OBJECT'), fc.constant('ENCODING'), key),
)

test('random members and keys', { skip }, () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyCommand, { maxLength: 40, size: 'max' }), (commands) =>
      cases.sameCommands(
        commands.map((argv) => argv.map((word) => Buffer.from(word, 'latin1'))),
        { unordered: true },
      ),
    ),
    { seed: 20260703, numRuns: 40 },
  ),
)

test.run()
