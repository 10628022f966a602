// Streams without groups, each edge case on a real server too.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { StreamLog } from '../../src/keyspace/stream.js'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { suite } from '../suite.js'
import { skip } from './both.js'
import { Cases, commandLines } from './cases.js'

const test = suite('streams')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

test('XADD', { skip }, () =>
  cases.same(String.raw`
    XADD s 1-1 a 1; XADD s 1-1 a 1; XADD s 1-0 a 1; XADD s 0-0 a 1; XADD n 0-0 a 1; EXISTS n; XADD n 0-* a 1
    XADD s 1-* a 1 b 2; XADD s 2-* a 1; XADD s 2 a 1; XADD s 3 a 1; XADD s 3-* b 1; XADD s 1-* a 1; XADD s 4-1 a
    XADD s 4-1 a 1 b; XADD s 4-1; XADD s; XADD s x-1 a 1; XADD s 4-x a 1; XADD s - a 1; XADD s + a 1; XADD s -* a 1
    XADD s 5-**  a 1; XADD s " 5-6" a 1; XADD s 5-06 a 1; XADD s 5-+7 a 1; XADD s "5-8\x00-1" a 1; XADD s 5--1 a 1
    XADD s 5--09 a 1; XADD s 99999999999999999999-1 a 1; XADD t 18446744073709551615-18446744073709551614 a 1
    XADD t 18446744073709551615-* a 1; XADD t 18446744073709551615-* a 1; XADD t * a 1; XRANGE t - +
    XADD b 9007199254740991-9007199254740991 a 1; XADD b 9007199254740991-* a 1; XADD b 9007199254740991-* a 1
    XADD b 9007199254740993-9223372036854775807 a 1; XADD b 9007199254740993-* a 1; XRANGE b - +; XLEN b
    XADD m NOMKSTREAM 1-1 a 1; EXISTS m; XADD s NOMKSTREAM 9-1 a 1; SET str v; XADD str 1-1 a 1; XLEN str; XLEN nosuch
    XADD s 10-1 "\xff\x00" "\xc3\xa4" "" ""; XRANGE s 10 10; XADD u nomkstream NOMKSTREAM 1-1 a 1; xadd low 1-1 a 1
    DEBUG DIGEST-VALUE s; DEBUG DIGEST-VALUE b; TYPE s; OBJECT ENCODING s; XRANGE s - +; XINFO STREAM s; DEBUG DIGEST
  `),
)

test('XADD and XTRIM: what they trim', { skip }, () =>
  cases.same(`
    XADD s MAXLEN 2 1-1 a 1; XADD s MAXLEN = 2 1-2 a 1; XADD s MAXLEN ~ 2 1-3 a 1; XADD s MAXLEN 2 1-4 a 1; XRANGE s - +
    XADD s MINID 1-4 1-5 a 1; XADD s MINID = 1-5 1-6 a 1; XADD s MINID ~ 1-6 1-7 a 1; XRANGE s - +; XADD s MINID 9 1-8 a 1
    XLEN s; XINFO STREAM s; XADD s MAXLEN 0 2-1 a 1; XLEN s; XINFO STREAM s; XADD s MAXLEN -1 3-1 a 1
    XADD s MAXLEN x 3-1 a 1; XADD s MAXLEN 1 MINID 1 3-1 a 1; XADD s MAXLEN 1 MAXLEN 1 3-1 a 1; XADD s LIMIT 5 3-1 a 1
    XADD s LIMIT 0 3-1 a 1; XADD s MAXLEN 5 LIMIT 1 3-2 a 1; XADD s MAXLEN ~ 5 LIMIT 1 3-3 a 1
    XADD s MAXLEN ~ 5 LIMIT -1 3-4 a 1; XADD s MAXLEN ~ 5 LIMIT x 3-4 a 1; XADD s LIMIT 3 MAXLEN ~ 5 3-4 a 1
    XADD s MAXLEN ~ 3-5 a 1; XADD s MAXLEN 3-5 a 1; XADD s MAXLEN 5; XADD s MAXLEN 5 3-5; XADD s MINID + 3-6 a 1
    XTRIM s MAXLEN 2; XTRIM s MAXLEN = 1; XTRIM s MAXLEN ~ 0; XTRIM s MINID 9-9; XTRIM s MAXLEN 0; XTRIM nosuch MAXLEN 1
    XTRIM s FOO 1; XTRIM s MAXLEN 1 FOO; XTRIM s LIMIT 1 1; XTRIM s LIMIT 0; XTRIM s MAXLEN 1 LIMIT 1; XTRIM s MAXLEN
    XTRIM s MAXLEN 1 MINID 1; SET str v; XTRIM str MAXLEN 1; XTRIM str MAXLEN x; XINFO STREAM s; XADD s MAXLEN ~ 0 4-1 a 1
    xtrim s maxlen ~ 0 limit 0; xadd s minid ~ 5 limit 10 5-1 a b; XTRIM s MAXLEN 9223372036854775807
    XTRIM s MAXLEN 9223372036854775808; XRANGE s - +
  `),
)

test('XRANGE and XREVRANGE', { skip }, () =>
  cases.same(`
    XADD s 1-1 a 1; XADD s 1-2 a 2; XADD s 2-1 a 3; XADD s 3-0 a 4; XRANGE s - +; XREVRANGE s + -; XRANGE s 1 1; XRANGE s 1-2 2
    XRANGE s (1-1 (3-0; XREVRANGE s (3 (1; XRANGE s ( +; XRANGE s (- +; XRANGE s - (+; XRANGE s + -; XRANGE s (1-1 2-0
    XRANGE s (18446744073709551615-18446744073709551615 +; XRANGE s - (0-0; XRANGE s - (0; XREVRANGE s (0-0 -
    XRANGE s - + COUNT 2; XREVRANGE s + - COUNT 1; XRANGE s - + COUNT 0; XRANGE s - + COUNT -5; XRANGE s - + COUNT
    XRANGE s - + COUNT x; XRANGE s - + FOO 1; XRANGE s - + COUNT 1 COUNT 3; XRANGE s x +; XRANGE s - x; XRANGE s -
    XRANGE nosuch - +; XRANGE nosuch - + COUNT 0; XRANGE nosuch x +; SET str v; XRANGE str - +; XRANGE s 5 +; XRANGE s - 0
    XRANGE s 2 2-5; XREVRANGE s 2 1-2; XREVRANGE nosuch + -; XDEL s 1-2 2-1; XRANGE s - +; XREVRANGE s + - COUNT 1
  `),
)

test('XDEL and XSETID', { skip }, () =>
  cases.same(`
    XADD s 1-1 a 1; XADD s 1-2 a 2; XADD s 2-1 a 3; XADD s 3-0 a 4; XDEL s 9-9; XDEL s 1-2; XDEL s 1-2; XDEL s 1-1 2-1 x
    XDEL s 1-1 2-1 2-1; XINFO STREAM s; XDEL s 3; XINFO STREAM s; EXISTS s; XDEL s 3; XDEL nosuch 1 x; XDEL s - ; XDEL s
    SET str v; XDEL str 1; XADD s 3-0 a 1; XADD s 4-0 a 1; XSETID s 3-9; XSETID s 5; XSETID s x; XSETID s -; XSETID nosuch 1
    XSETID str 1; XSETID s 9 ENTRIESADDED 0; XSETID s 9 ENTRIESADDED 7; XSETID s 9 ENTRIESADDED -1; XSETID s 9 ENTRIESADDED x
    XSETID s 9 ENTRIESADDED; XSETID s 9 MAXDELETEDID 10; XSETID s 9 MAXDELETEDID 9; XSETID s 9 MAXDELETEDID 0
    XSETID s 9 MAXDELETEDID 8-0 ENTRIESADDED 9223372036854775807; XINFO STREAM s; XADD s 9-1 a 1; XINFO STREAM s; XSETID s 9 FOO 1
    XSETID s; DEBUG DIGEST-VALUE s; XADD e 1-1 a 1; XDEL e 1-1; XSETID e 0-1; XSETID e 5-5 ENTRIESADDED 0; XINFO STREAM e
  `),
)

test('XREAD', { skip }, () =>
  cases.same(`
    XADD s 1-1 a 1; XADD s 1-2 a 2; XADD t 2-1 a 3; XREAD STREAMS s 0; XREAD STREAMS s t 0 0; XREAD COUNT 1 STREAMS s t 0 2-0
    XREAD STREAMS s $; XREAD STREAMS s t 1-2 2-1; XREAD STREAMS s t $ 0; XREAD STREAMS nosuch 0; XREAD STREAMS nosuch s 0 0
    XREAD COUNT 0 STREAMS s 0; XREAD COUNT -1 STREAMS s 0; XREAD COUNT x STREAMS s 0; XREAD STREAMS s; XREAD STREAMS s t 0
    XREAD STREAMS; XREAD; XREAD s 0 0; XREAD COUNT 1 s 0; XREAD BLOCK x STREAMS s 0; XREAD BLOCK -1 STREAMS s 0
    XREAD BLOCK 9223372036854775807 STREAMS s 0; XREAD BLOCK 1.5 STREAMS s 0; XREAD GROUP g c STREAMS s 0; XREAD NOACK STREAMS s 0
    XREAD STREAMS s >; XREAD STREAMS s x; XREAD STREAMS s -; SET str v; XREAD STREAMS str 0; XREAD STREAMS s str 0 x
    XREAD STREAMS s x str 0; XREAD BLOCK 1 STREAMS s $; XREAD BLOCK 1 STREAMS s 0; XDEL s 1-2; XREAD STREAMS s 1-1; XREAD STREAMS s s 0 1
    XREAD STREAMS s 18446744073709551615-18446744073709551615; MULTI; XREAD BLOCK 0 STREAMS s $; EXEC
    COMMAND GETKEYS XREAD COUNT 1 STREAMS s t 0 0; COMMAND GETKEYS XREAD STREAMS STREAMS 0
    COMMAND GETKEYS XREADGROUP GROUP STREAMS c STREAMS s >; COMMAND GETKEYS XREAD COUNT 1 STREAMS s t 0
  `),
)

test('in RESP3', { skip }, async () => {
  await using both = await cases.connect()
  await both.replies('HELLO 3')
  await both.same(['FLUSHALL', 'XADD s 1-1 a 1', 'XGROUP CREATE s g 0', 'XINFO GROUPS s', 'XINFO STREAM s'])
  await both.same([
    'XREAD STREAMS s s 0 0',
    'XREAD STREAMS s $',
    'XRANGE s - + COUNT 0',
    'XREADGROUP GROUP g c STREAMS s >',
  ])
  await both.same([
    'XREADGROUP GROUP g c STREAMS s 0',
    'XREADGROUP GROUP g c STREAMS s >',
    'XPENDING s g',
    'XACK s g 1-1',
  ])
  await both.same(['XPENDING s g', 'XDEL s 1-1', 'XINFO STREAM s', 'XINFO STREAM s FULL'], (reply) =>
    reply.replace(/:\d{13}/, ':time'),
  )
})

test('a node counts the bytes that it has in a listpack', { skip }, async () => {
  const { both } = cases
  await both.same(['CONFIG SET rdbcompression no stream-node-max-bytes 0'])
  const lengths = [0, 1, 20, 21, 62, 63, 64, 65, 124, 125, 126, 127, 4095, 4096, 4097, 16377, 16378, 16379, 16400]
  const integers = [0, 127, 128, 4095, 4096, 32767, 32768, 8388607, 8388608, 2147483647, 2147483648].flatMap((n) => [
    n,
    -n,
    -n - 1,
  ])
  const others = [
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
    '01',
    '-0',
    '+1',
    ' 1',
    'é',
    '€',
  ]
  for (const value of [...lengths.map((length) => 'x'.repeat(length)), ...integers.map(String), ...others]) {
    const stream = new StreamLog()
    await both.replies('DEL s')
    for (const [ms, fields] of [
      [5, ['f', value]],
      [7, ['f', value]],
      [4000, [value, value, 'g', '1']],
    ] as const) {
      stream.append({ ms, seq: 1 }, fields, { maxEntries: 100, maxBytes: 0 })
      await both.same([['XADD', 's', `${ms}-1`, ...fields]])
    }
    stream.delete({ ms: 7, seq: 1 })
    await both.same(['XDEL s 7-1'])
    const [node] = stream.nodes
    const reply = await both.real.callRaw('DUMP', 's')
    // The type, one node, the length of its id, the id, the length of the listpack in one, two or five bytes, and its head.
    const start = reply.indexOf('\r\n') + 2 + 1 + 1 + 17
    const head = start + [1, 2, 5][reply[start] >> 6]
    assert.is(node.listpackBytes, reply.readUInt32LE(head), value)
  }
  await both.same(['CONFIG SET rdbcompression yes stream-node-max-bytes 4096'])
})

test('nodes end where those of Redis end', { skip }, async () => {
  const long = 'v'.repeat(60)
  for (const limits of ['100 200', '3 4096', '0 120', '0 0', '4 0', '1 1']) {
    const [entries, bytes] = limits.split(' ')
    await cases.both.same([`CONFIG SET stream-node-max-entries ${entries} stream-node-max-bytes ${bytes}`])
    const add = (i: number) => [
      `XADD s ${i}-${i % 3} f ${i * i * i * i} ${i % 4 ? 'g' : 'ghi'} ${long.slice(0, i)}`,
      ...(i % 7 ? [] : [`XADD s ${i}-9 -${10 ** (i / 7)} 0${i} é 9223372036854775808`]),
    ]
    const adds = Array.from({ length: 60 }, (_, i) => add(i + 1)).flat()
    const trims = [50, 40, 33, 32, 8, 1].flatMap((n) => [
      `XTRIM s MAXLEN ~ ${n}`,
      'XINFO STREAM s',
      `XTRIM s MINID ~ ${60 - n}`,
    ])
    await cases.same(
      [...adds, 'XINFO STREAM s', 'XDEL s 50-2 51-0 52-1 53-2', 'XINFO STREAM s', ...trims, 'XRANGE s - +'].join('\n'),
    )
  }
  // And how many nodes the tree of their ids has.
  const far = [
    '1-1',
    '1-2',
    '257-1',
    '258-1',
    '513-1',
    '514-1',
    '514-256',
    '65536-0',
    '1099511627776-1',
    '72057594037927936-9',
  ]
  await cases.both.same(['CONFIG SET stream-node-max-entries 1'])
  await cases.same(far.map((one) => `XADD s ${one} a 1; XINFO STREAM s`).join('\n'))
  await cases.both.same(['CONFIG SET stream-node-max-entries 100 stream-node-max-bytes 4096'])
})

const ms = fc.integer({ min: 0, max: 30 })
const id = fc.oneof(
  ms.map(String),
  fc.tuple(ms, fc.integer({ min: 0, max: 3 })).map((pair) => pair.join('-')),
  ms.map((one) => `${one}-*`),
  fc.constantFrom('9007199254740992-1', '9007199254740991-9007199254740991', '18446744073709551615-5'),
)
const bound = fc.oneof(
  id,
  id.map((one) => `(${one}`),
  fc.constantFrom('-', '+'),
)
const key = fc.constantFrom('a', 'b')
const fields = fc.constantFrom('f 1', 'f 22', 'g 1', 'f 1 g 2', 'f -5 g xyz', '"\\xff" "\\x00"')
const threshold = fc.oneof(
  fc
    .tuple(fc.constantFrom('MAXLEN', 'MAXLEN ~', 'MAXLEN ='), fc.integer({ min: 0, max: 9 }))
    .map((parts) => parts.join(' ')),
  fc.tuple(fc.constantFrom('MINID', 'MINID ~', 'MINID ='), id).map((parts) => parts.join(' ')),
  fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })).map(([n, m]) => `MAXLEN ~ ${n} LIMIT ${m}`),
)
const count = fc.constantFrom('', '', ' COUNT 1', ' COUNT 3', ' COUNT 0')
const line = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((words) => words.join(' '))
const c = fc.constant
const anyCommand = fc.oneof(
  { weight: 6, arbitrary: line(c('XADD'), key, id, fields) },
  { weight: 2, arbitrary: line(c('XADD'), key, threshold, id, fields) },
  line(c('XTRIM'), key, threshold),
  { weight: 2, arbitrary: line(c('XDEL'), key, id, id) },
  line(
    c('XRANGE'),
    key,
    bound,
    bound.chain((one) => count.map((n) => one + n)),
  ),
  line(
    c('XREVRANGE'),
    key,
    bound,
    bound.chain((one) => count.map((n) => one + n)),
  ),
  line(c('XREAD STREAMS a b'), id, id),
  line(c('XSETID'), key, id),
  line(c('XSETID'), key, id, c('MAXDELETEDID'), id, c('ENTRIESADDED 50')),
  line(c('XINFO STREAM'), key),
  line(c('XLEN'), key),
  line(c('DEBUG DIGEST-VALUE'), key),
  line(c('COPY a b REPLACE')),
  line(c('DEL'), key),
)

test('random commands', { skip }, async () => {
  await cases.both.same(['CONFIG SET stream-node-max-entries 4'])
  const property = fc.asyncProperty(fc.array(anyCommand, { minLength: 30, maxLength: 60 }), (lines) =>
    cases.same([...lines, 'XINFO STREAM a', 'XRANGE a - +', 'XREVRANGE a + -', 'DEBUG DIGEST'].join('\n')),
  )
  await fc.assert(property, { seed: 41, numRuns: 30 })
  await cases.both.same(['CONFIG SET stream-node-max-entries 100'])
})

async function onStore(run: (client: RawClient, store: Store) => Promise<void>): Promise<void> {
  await using store = new Store()
  const listener = await store.listen({ port: 0 })
  const client = await RawClient.connect({ port: listener.port! })
  await run(client, store)
  await client.close()
}

test('XADD chooses ids by the clock', () =>
  onStore(async (client) => {
    const before = Date.now()
    const first = String(await client.ok('XADD', 's', '*', 'a', '1'))
    assert.ok(Number(first.split('-')[0]) >= before)
    await client.ok('XADD', 's', '9999999999999-7', 'a', '1')
    assert.is(await client.ok('XADD', 's', '*', 'a', '1'), '9999999999999-8')
  }))

test('one who waits is served what comes, and $ means when it came', { skip }, async () => {
  const { both } = cases
  for (const text of [
    'XADD s 1-1 a 1',
    'XADD s 1-2 a 2; DEL s; XADD s 1-1 a 3',
    'XADD s 5-5 a b; XDEL s 5-5; XADD s 6-6 c d',
  ]) {
    await both.same(['FLUSHALL', 'XADD s 0-1 a 0'])
    await using waiting = await cases.connect()
    waiting.tell('XREAD BLOCK 5000 STREAMS s t $ $')
    await cases.untilWaiting()
    await both.same(commandLines(text))
    const [ours, real] = await Promise.all([waiting.ours.reply(), waiting.real.reply()])
    assert.equal(ours, real, text)
  }
})

test('XREAD + begins with the last entry', () =>
  onStore(async (client) => {
    assert.is(await client.ok('XREAD', 'STREAMS', 's', '+'), null)
    for (const one of ['1-1', '1-2', '2-0']) await client.ok('XADD', 's', one, 'a', one)
    assert.equal(await client.ok('XREAD', 'STREAMS', 's', '+'), [['s', [['2-0', ['a', '2-0']]]]])
  }))

test.run()
