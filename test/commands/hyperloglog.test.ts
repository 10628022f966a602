// HyperLogLogs: the same elements to a Store and to a real server give the same bytes.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { skip } from './both.js'
import { Cases } from './cases.js'

const test = suite('hyperloglog')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

test('PFADD, PFCOUNT, PFMERGE', { skip }, () =>
  cases.same(String.raw`
    PFADD h; GET h; PFADD h; PFCOUNT h; GET h; PFADD h a b c; PFCOUNT h; GET h; PFADD h a; PFADD h ""; GET h; PFCOUNT h
    PFADD h "\xff\x00\xc3\xa4" 12345678 123456789 1234567890123456; GET h; PFCOUNT n; PFCOUNT h n; PFADD g c d e
    PFCOUNT h g; PFCOUNT g h; PFMERGE m h g n; GET m; PFCOUNT m; PFMERGE m; GET m; PFMERGE x; GET x; PFMERGE g h; GET g
    SET t ""; PFADD t a; SET s v; PFADD s a; PFCOUNT s; PFCOUNT h s; PFMERGE s h; PFMERGE m s; SADD set a; PFADD set a
    PFCOUNT set; PFCOUNT h set; PFMERGE set h; PFMERGE h set; SET i 123456789012345678; PFADD i a; PFADD; PFCOUNT; PFMERGE
    PFADD u a; EXPIRE u 100; PFADD u b; PFCOUNT u; TTL u; PFMERGE u g; TTL u
  `),
)

test('PFDEBUG', { skip }, () =>
  cases.same(`
    PFADD h a b c d e f g; PFDEBUG ENCODING h; PFDEBUG DECODE h; PFDEBUG encoding n; PFDEBUG FOO h; PFDEBUG GETREG h
    PFDEBUG DECODE h; PFDEBUG ENCODING h; GET h; PFDEBUG TODENSE h; PFADD g a; PFDEBUG TODENSE g; PFDEBUG TODENSE g; GET g
    PFCOUNT g; PFADD g a; PFADD g b; PFCOUNT g; GET g; SET s v; PFDEBUG ENCODING s; PFDEBUG; PFDEBUG ENCODING
    PFDEBUG ENCODING h x; PFADD e; PFDEBUG DECODE e; PFSELFTEST x
  `),
)

const header = String.raw`HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80`

test('what is damaged is found out', { skip }, () =>
  cases.same(String.raw`
    SET h HYL; PFCOUNT h; SET h "HYLX\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"; PFCOUNT h
    SET h "HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"; PFADD h a
    SET h "HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"; PFADD h a; PFCOUNT h
    SET h "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80"; PFCOUNT h; PFADD h a; PFCOUNT h h; PFMERGE m h
    SET h "${header}\x7f\xfe"; PFCOUNT h; PFCOUNT h h; PFMERGE m h; PFDEBUG GETREG h; PFDEBUG TODENSE h; PFDEBUG DECODE h
    SET h "${header}\x7f\xff\x00"; PFCOUNT h; PFCOUNT h h; PFMERGE m h; PFADD h a
    SET h "${header}\x7f\xff\x80"; PFCOUNT h; PFCOUNT h h; PFMERGE m h; PFDEBUG TODENSE h
    SET h "${header}\x7f\xfe\x83"; PFCOUNT h; PFCOUNT h h; PFMERGE m2 h; PFDEBUG TODENSE h
    SET h "${header}\x7f\xfe\x80"; PFCOUNT h; GET h; SET h "HYLL\x01\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x7f\xff"
    PFCOUNT h; PFCOUNT h h; GET h
  `),
)

/** So many different elements from a number on. */
function elements(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `element:${from + i}`)
}

test('from sparse to dense, by size', { skip }, async () => {
  const commands: string[][] = []
  for (let from = 0; from < 3000; from += 100)
    commands.push(['PFADD', 'h', ...elements(from, 100)], ['GET', 'h'], ['PFCOUNT', 'h'])
  for (let from = 10000; from < 200000; from += 20000)
    commands.push(['PFADD', 'h', ...elements(from, 20000)], ['PFCOUNT', 'h'])
  commands.push(
    ['GET', 'h'],
    ['PFADD', 'g', ...elements(5000, 1000)],
    ['PFDEBUG', 'DECODE', 'g'],
    ['PFCOUNT', 'g', 'h'],
  )
  commands.push(['PFMERGE', 'm', 'g'], ['GET', 'm'], ['PFMERGE', 'm', 'h'], ['GET', 'm'], ['PFCOUNT', 'm'])
  commands.push(['PFADD', 'f', ...elements(7000, 700)], ['PFMERGE', 'k', 'f', 'g'], ['GET', 'k'], ['PFCOUNT', 'k'])
  await cases.sameCommands(commands)
})

test('hll-sparse-max-bytes', { skip }, () =>
  cases.sameCommands([
    ...['0', '20', '100', '20000'].flatMap((bytes) => [
      ['CONFIG', 'SET', 'hll-sparse-max-bytes', bytes],
      ...[1, 3, 30, 300, 3000].flatMap((count) => [
        ['PFADD', `h${bytes}`, ...elements(0, count)],
        ['PFDEBUG', 'ENCODING', `h${bytes}`],
        ['GET', `h${bytes}`],
        ['PFMERGE', `m${bytes}`, `h${bytes}`],
        ['GET', `m${bytes}`],
      ]),
    ]),
    ['CONFIG', 'SET', 'hll-sparse-max-bytes', '3000'],
  ]),
)

test('PFSELFTEST', { skip, limitMs: 20_000 }, async () => {
  assert.is(await cases.both.ours.call('PFSELFTEST'), 'OK')
})

const key = fc.constantFrom('a', 'b', 'c')
const element = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
  fc.nat().map((number) => Buffer.from(String(number))),
)
const anyCommand = fc.oneof(
  fc.tuple(key, fc.array(element, { maxLength: 60, size: 'max' })).map(([to, all]) => ['PFADD', to, ...all]),
  fc
    .tuple(fc.constantFrom('PFCOUNT', 'PFMERGE'), fc.array(key, { minLength: 1, maxLength: 3 }))
    .map(([name, all]) => [name, ...all]),
  fc.tuple(fc.constant('GET'), key),
)

test('random elements', { skip }, () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyCommand, { maxLength: 40, size: 'max' }), (commands) => cases.sameCommands(commands)),
    { seed: 20260703, numRuns: 30 },
  ),
)

test.run()
