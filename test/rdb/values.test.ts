// Values in every form: what is written is read back, whatever it is; what the packed forms must not be is refused.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { argOfBuffer, textOf } from '../../src/bytes.js'
import { Hash } from '../../src/keyspace/hash.js'
import type { Value } from '../../src/keyspace/keyspace.js'
import { List } from '../../src/keyspace/list.js'
import { MemberSet } from '../../src/keyspace/set.js'
import { SortedSet } from '../../src/keyspace/sorted-set.js'
import { StreamLog } from '../../src/keyspace/stream.js'
import { UINT64_MAX, uint64 } from '../../src/keyspace/stream-id.js'
import { Idempotence } from '../../src/keyspace/stream-idempotence.js'
import { Intset } from '../../src/rdb/intset.js'
import { Listpack, ListpackWriter } from '../../src/rdb/listpack.js'
import { Damage, type Packed } from '../../src/rdb/packed.js'
import { dumpValue, payloadVersion, restoreValue } from '../../src/rdb/payload.js'
import { RdbWriter } from '../../src/rdb/writer.js'
import { Ziplist } from '../../src/rdb/ziplist.js'
import { Zipmap } from '../../src/rdb/zipmap.js'
import { suite } from '../suite.js'
import { fileOf, load, rdbError, shown } from './corpus.js'

const test = suite('rdb values')

const SEED = 20_261_123

// Any value at all.

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => textOf(Buffer.from(bytes))),
  fc.tuple(fc.constantFrom('x', 'ab', 'é', '\udcff'), fc.nat(6000)).map(([unit, count]) => unit.repeat(count)),
)
const texts = fc.uniqueArray(text, { minLength: 1, maxLength: 20 })
const time = fc.option(fc.integer({ min: 0, max: 2 ** 45 }), { nil: null })
const score = fc.double({ noNaN: true })
const number64 = fc.oneof(
  fc.nat(1000),
  fc.maxSafeInteger().map(Math.abs),
  fc.bigInt({ min: 0n, max: UINT64_MAX }).map(uint64),
)

const list = fc.array(text, { minLength: 1, maxLength: 30 }).map((items) => {
  const made = new List()
  for (const item of items) made.pushBack(item)
  return made
})
const set = texts.map((members) => {
  const made = new MemberSet()
  for (const member of members) made.add(member)
  return made
})
const sortedSet = fc.tuple(texts, fc.array(score, { minLength: 20, maxLength: 20 })).map(([members, scores]) => {
  const made = new SortedSet()
  for (const [i, member] of members.entries()) made.set(member, scores[i])
  return made
})
const hash = fc.tuple(texts, fc.array(fc.tuple(text, time), { minLength: 20, maxLength: 20 })).map(([fields, rest]) => {
  const made = new Hash()
  for (const [i, field] of fields.entries()) made.set(field, ...rest[i])
  return made
})

const entry = fc.record({
  ms: fc.nat(50),
  seq: fc.oneof(fc.nat(3), fc.constant(2 ** 40)),
  fields: fc.array(fc.tuple(fc.constantFrom('a', 'b', '7'), text), { minLength: 1, maxLength: 3 }),
  gone: fc.boolean(),
})
const group = fc.record({
  name: text,
  lastSeq: fc.nat(100),
  read: fc.option(number64, { nil: null }),
  consumers: fc.uniqueArray(text, { maxLength: 3 }),
  pending: fc.array(fc.record({ at: number64, when: fc.nat(2 ** 31), times: number64, isBack: fc.boolean() }), {
    maxLength: 5,
  }),
})
const stream = fc
  .record({
    base: number64,
    entries: fc.array(entry, { maxLength: 30 }),
    groups: fc.uniqueArray(group, { selector: ({ name }) => name, maxLength: 3 }),
    maxEntries: fc.integer({ min: 1, max: 10 }),
    remembers: fc.boolean(),
  })
  .map(({ base, entries, groups, maxEntries, remembers }) => {
    const made = new StreamLog()
    let ms = BigInt(base) % 2n ** 63n
    for (const one of entries) {
      ms += BigInt(one.ms) + 1n
      made.append({ ms: uint64(ms), seq: uint64(one.seq) }, one.fields.flat(), { maxEntries, maxBytes: 4096 })
    }
    let at = 0
    for (const { id } of [...made]) if (entries[at++].gone) made.delete(id)
    for (const { name, lastSeq, read, consumers, pending } of groups) {
      const one = made.createGroup(name, { ms: made.lastId.ms, seq: lastSeq }, read === UINT64_MAX ? null : read)!
      const all = consumers.map((consumer, i) => one.createConsumer(consumer, 1000 + i, i === 0 ? -1 : 900)!)
      if (all.length === 0) continue
      for (const [i, given] of pending.entries())
        one.assign({ ms: given.at, seq: i }, all[i % all.length], given.when, given.times)
      for (const [i, given] of [...pending.entries()].reverse())
        if (given.isBack) one.release({ ms: given.at, seq: i }, given.times)
    }
    if (remembers) {
      made.idempotence = new Idempotence(50, 7)
      made.idempotence.remember('producer', 'message', { ms: 1, seq: base })
    }
    return made
  })

const string = fc.oneof(
  text,
  fc.uint8Array({ maxLength: 200 }).map((bytes) => argOfBuffer(Buffer.from(bytes))),
)
const anyValue: fc.Arbitrary<Value> = fc.oneof(string, list, set, sortedSet, hash, stream)

const asText = (value: Value): string => JSON.stringify(shown(value), (_, one) => (Object.is(one, -0) ? '-0' : one))

test('a dump is restored to what was dumped', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const payload = Buffer.from(dumpValue(value), 'latin1')
      const version = payloadVersion(payload)
      assert.ok(version !== undefined && version >= 9 && version <= 14)
      const restored = restoreValue(payload, version)
      assert.ok(restored !== undefined)
      assert.is(asText(restored), asText(value))
      assert.is(dumpValue(restored), dumpValue(value))
    }),
    { seed: SEED, numRuns: 400, endOnFailure: true },
  )
})

/** Valkey's version has no place for what producers sent, nor for what was given back. */
function leaveToRedis(stream: StreamLog): void {
  stream.idempotence = null
  for (const group of stream.groups.values())
    for (const { id, turn } of [...group.pending]) if (turn > 0) group.acknowledge(id)
}

test('a file is read back, in any version that holds it and any pieces', () => {
  const options = fc.record({ compress: fc.boolean(), chunkBytes: fc.nat(2000), version: fc.constantFrom(14, 80) })
  fc.assert(
    fc.property(
      fc.array(anyValue, { maxLength: 6 }),
      options,
      fc.integer({ min: 1, max: 3000 }),
      (values, given, size) => {
        const chunks: Buffer[] = []
        const writer = new RdbWriter((chunk) => void chunks.push(chunk), given)
        writer.header()
        writer.selectDb(0)
        for (const [i, value] of values.entries()) {
          if (value instanceof StreamLog && given.version === 80) leaveToRedis(value)
          writer.value(`k${i}`, value, null)
        }
        writer.end()
        const bytes = Buffer.concat(chunks)
        assert.is(writer.bytesWritten, bytes.length)
        const keys = load(bytes, () => size).dbs.get(0)!
        assert.is(keys.size, values.length)
        for (const [i, value] of values.entries()) assert.is(asText(keys.get(`k${i}`)!.value), asText(value))
      },
    ),
    { seed: SEED, numRuns: 200, endOnFailure: true },
  )
})

// Packed forms, made by hand.

const bytes = (...parts: (string | number[] | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))))

function all(packed: Packed): string[] {
  const found: string[] = []
  while (packed.next()) found.push(packed.text())
  return found
}

function damage(work: () => void): string {
  try {
    work()
  } catch (error) {
    if (error instanceof Damage) return error.message
    throw error
  }
  throw new Error('nothing was thrown')
}

test('a listpack: integers of every width and strings of every length', () => {
  const numbers = [0, 127, 128, 4095, 4096, -1, -4096, -4097, 32767, -32768, 32768, 8388607, -8388608, 8388608]
  numbers.push(2147483647, -2147483648, 2147483648, Number.MAX_SAFE_INTEGER)
  const wide = [2n ** 63n - 1n, -(2n ** 63n)]
  const strings = ['', 'a', '007', '-0', '9223372036854775808', '\udcff']
  for (const length of [63, 64, 127, 4095, 4096, 16377, 16378, 16379, 70_000]) strings.push('x'.repeat(length))
  for (const newBackLengths of [false, true]) {
    const writer = new ListpackWriter(newBackLengths)
    for (const one of numbers) writer.text(String(one))
    for (const one of wide) writer.integer(one)
    for (const one of strings) writer.text(one)
    const wanted = [...numbers.map(String), ...wide.map(String), ...strings]
    const whole = Buffer.from(writer.finish())
    assert.is(whole.length, writer.length)
    assert.equal(all(new Listpack(whole)), wanted)
    writer.reset()
    writer.text('again')
    assert.equal(all(new Listpack(writer.finish())), ['again'])
  }
})

test('an element of 16378 bytes: Redis and Valkey 9.1 tell its length behind it in two ways', () => {
  for (const [newBackLengths, back] of [
    [false, '\x00\xff\xff'],
    [true, '\x7f\xff'],
  ] as const) {
    const writer = new ListpackWriter(newBackLengths)
    writer.text('x'.repeat(16378))
    const whole = writer.finish()
    assert.is(whole.toString('latin1', whole.length - 1 - back.length, whole.length - 1), back)
    assert.is(all(new Listpack(whole))[0].length, 16378)
  }
})

const listpack = (count: number, ...parts: (string | number[])[]): Buffer => {
  const whole = bytes([0, 0, 0, 0, count & 0xff, count >> 8], ...parts, [0xff])
  whole.writeUInt32LE(whole.length, 0)
  return whole
}

test('a listpack that is none', () => {
  assert.equal(all(new Listpack(listpack(2, [5, 1, 0x81], 'a', [2]))), ['5', 'a'])
  assert.equal(all(new Listpack(listpack(0xffff, [5, 1]))), ['5'])
  for (const [wrong, why] of [
    [listpack(3, [5, 1]), /of 1 elements that says 3/],
    [listpack(1, [5, 2]), /length is not told/],
    [listpack(1, [5]), /ends inside of an element/],
    [listpack(1, [0x85], 'abc', [4]), /does not fit/],
    [listpack(1, [0xf0, 0xff, 0xff, 0xff, 0x7f], 'abc', [4]), /does not fit/],
    [listpack(1, [0xf4, 1, 2]), /does not fit/],
    [listpack(1, [0xf5, 1]), /starts with 0xf5/],
    [listpack(1, [0xe0]), /does not fit/],
    [bytes([9, 0, 0, 0, 0, 0, 0xff]), /says other than its 7 bytes/],
    [bytes([7, 0, 0, 0, 0, 0, 0]), /without its end/],
    [bytes([1, 0]), /of 2 bytes/],
  ] as const) {
    assert.match(
      damage(() => all(new Listpack(wrong))),
      why,
    )
  }
})

const ziplist = (count: number, tail: number, ...parts: (string | number[])[]): Buffer => {
  const whole = bytes([0, 0, 0, 0, tail, 0, 0, 0, count, 0], ...parts, [0xff])
  whole.writeUInt32LE(whole.length, 0)
  return whole
}

test('a ziplist, and one that is none', () => {
  const good = ziplist(4, 19, [0, 1], 'a', [3, 0xf1, 2, 0xc0, 0, 0x80, 0xfe, 4, 0, 0, 0, 0xfe, 0x80])
  assert.equal(all(new Ziplist(good)), ['a', '0', '-32768', '-128'])
  assert.equal(all(new Ziplist(ziplist(0, 10))), [])
  for (const [wrong, why] of [
    [ziplist(2, 10, [0, 1], 'a'), /of 1 elements that says 2/],
    [ziplist(1, 11, [0, 1], 'a'), /not where it says/],
    [ziplist(1, 10, [1, 1], 'a'), /wrong length of the one before/],
    [ziplist(1, 10, [0, 9], 'a'), /does not fit/],
    [ziplist(1, 10, [0, 0x80, 0xff, 0xff, 0xff, 0xff], 'a'), /does not fit/],
    [ziplist(1, 10, [0, 0x90, 0, 0, 0, 1], 'a'), /starts with 0x90/],
    [ziplist(1, 10, [0xfe, 0, 0]), /does not fit/],
    [ziplist(1, 10, [0]), /does not fit/],
  ] as const) {
    assert.match(
      damage(() => all(new Ziplist(wrong))),
      why,
    )
  }
})

test('an intset, and one that is none', () => {
  assert.equal(all(new Intset(bytes([2, 0, 0, 0, 2, 0, 0, 0], [0xff, 0xff, 5, 0]))), ['-1', '5'])
  for (const [wrong, why] of [
    [bytes([2, 0, 0, 0, 2, 0, 0, 0], [5, 0, 5, 0]), /out of order/],
    [bytes([2, 0, 0, 0, 3, 0, 0, 0], [5, 0, 6, 0]), /says other than/],
    [bytes([3, 0, 0, 0, 1, 0, 0, 0], [5, 0, 6]), /of 3 bytes/],
    [bytes([2, 0]), /of 2 bytes/],
  ] as const) {
    assert.match(
      damage(() => all(new Intset(wrong))),
      why,
    )
  }
})

test('a zipmap, and one that is none', () => {
  const long = 'v'.repeat(300)
  const good = bytes([2, 1], 'f', [1, 2], 'v..', [1], 'g', [0xfe, 44, 1, 0, 0, 0], long, [0xff])
  assert.equal(all(new Zipmap(good)), ['f', 'v', 'g', long])
  for (const [wrong, why] of [
    [bytes([2, 1], 'f', [1, 0], 'v', [0xff]), /of 1 pairs that says 2/],
    [bytes([1, 1], 'f', [0xff]), /field without a value/],
    [bytes([1, 9], 'f', [0xff]), /does not fit/],
    [bytes([1, 1], 'f', [1, 9], 'v', [0xff]), /does not fit/],
    [bytes([1, 0xff], 'f', [0xff]), /ends before its end/],
    [bytes([1, 1]), /without its end/],
  ] as const) {
    assert.match(
      damage(() => all(new Zipmap(wrong))),
      why,
    )
  }
})

// What servers refuse, or leave out.

const key = (type: number, ...parts: (string | number[] | Buffer)[]): Buffer =>
  fileOf('REDIS0012', [0xfe, 0], [type, 1], 'k', bytes(...parts).toString('latin1'), [0, 1], 'l', [1], 'v')

test('an old hash as a zipmap', () => {
  const zipmap = bytes([1, 1], 'f', [1, 0], 'v', [0xff])
  const { value } = load(key(9, [zipmap.length], zipmap))
    .dbs.get(0)!
    .get('k')!
  assert.equal(shown(value), [['f', 'v', null]])
})

test('collections of none are left out of a file, and are no payload', () => {
  for (const type of [1, 2, 4, 5])
    assert.equal(
      [
        ...load(key(type, [0]))
          .dbs.get(0)!
          .keys(),
      ],
      ['l'],
    )
  const none = listpack(0)
  for (const type of [16, 17, 20])
    assert.equal(
      [
        ...load(key(type, [none.length], none))
          .dbs.get(0)!
          .keys(),
      ],
      ['l'],
    )
  assert.is(restoreValue(bytes([1, 0], Buffer.alloc(10)), 9), undefined)
})

test('what is twice, no number or not paired is refused, with the type and the place', () => {
  const refused = (type: number, ...parts: (string | number[] | Buffer)[]): string =>
    rdbError(() => load(key(type, ...parts)))
  const packed = (...parts: (string | number[])[]): Buffer => {
    const whole = listpack(0xffff, ...parts)
    return bytes([whole.length], whole)
  }
  assert.match(refused(2, [2, 1], 'a', [1], 'a'), /a set that starts at byte 11: a member twice, at byte \d+$/)
  assert.match(refused(4, [2, 1], 'a', [1], 'x', [1], 'a', [1], 'y'), /a hash .*: a field twice/)
  assert.match(refused(5, [1, 1], 'a', [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]), /a score that is no number/)
  assert.match(refused(3, [1, 1], 'a', [253]), /a score that is no number/)
  assert.match(refused(3, [1, 1], 'a', [3], '1.x'), /a score that is no number/)
  assert.match(refused(17, packed([1, 1, 1, 1, 1, 1])), /a member without a score/)
  assert.match(refused(17, packed([1, 1, 1, 1, 1, 1, 2, 1])), /a member twice/)
  assert.match(refused(16, packed([1, 1])), /a field without a value/)
  assert.match(refused(25, [1, 0, 0, 0, 0, 0, 0, 0], packed([1, 1, 1, 1])), /a place for its time/)
  assert.match(refused(18, [1, 3, 1], 'a'), /a part of a quicklist of kind 3/)
  assert.equal(
    shown(
      load(key(3, [3, 1], 'a', [254, 1], 'b', [255, 1], 'c', [4], '-1.5'))
        .dbs.get(0)!
        .get('k')!.value,
    ),
    [
      ['b', '-inf'],
      ['c', '-1.5'],
      ['a', 'inf'],
    ],
  )
})

test('a stream of Redis 8.8, with pending entries that were given back', () => {
  const id = (ms: number): number[] => [0, 0, 0, 0, 0, 0, 0, ms, 0, 0, 0, 0, 0, 0, 0, 0]
  const handed = (ms: number, at: number, times: number): number[] => [...id(ms), at, 0, 0, 0, 0, 0, 0, 0, times]
  const time = (ms: number): number[] => [ms, 0, 0, 0, 0, 0, 0, 0]
  const none = [0, 0, 9, 0, 0, 0, 0, 0, 0] // nodes; length, last id, first id, deleted id, entries added
  const pending = [3, ...handed(5, 0, 2), ...handed(6, 7, 1), ...handed(7, 0, 4)]
  const consumers = [1, 1, 0x63, ...time(8), ...time(9), 1, ...id(6)]
  const idempotence = [0x40, 100, 0x40, 100, 0, 0, 0]
  const body = (...givenBack: number[]): Buffer =>
    bytes(none, [1, 1, 0x67, 9, 0, 1], pending, consumers, givenBack, idempotence)
  const streamOf = (...givenBack: number[]): Buffer => key(27, body(...givenBack))
  const { value } = load(streamOf(2, ...id(7), ...id(5)))
    .dbs.get(0)!
    .get('k')!
  const group = (value as StreamLog).groups.get('g')!
  assert.is(group.released, 2)
  assert.equal(
    [...group.pending].map((one) => [one.id.ms, one.consumer?.name, one.deliveredAt, one.deliveries, one.turn]),
    [
      [5, undefined, 0, 2, 2],
      [6, 'c', 7, 1, 0],
      [7, undefined, 0, 4, 1],
    ],
  )
  assert.is(dumpValue(value).slice(1, -10), body(2, ...id(7), ...id(5)).toString('latin1'))
  const refused = (...givenBack: number[]): string => rdbError(() => load(streamOf(...givenBack)))
  assert.match(refused(1, ...id(7)), /without a consumer/)
  assert.match(refused(2, ...id(7), ...id(7)), /its group does not know/)
  assert.match(refused(2, ...id(7), ...id(6)), /another consumer has/)
})

test('streams that are none', () => {
  const id = (ms: number, seq: number): number[] => [0, 0, 0, 0, 0, 0, 0, ms, 0, 0, 0, 0, 0, 0, 0, seq]
  // One live entry, one field `f`: value `v`.
  const head = (live: number, deleted: number): number[] => [live, 1, deleted, 1, 1, 1, 0x81, 0x66, 2, 0, 1]
  const row = (flags: number, ms: number, seq: number, size = 4): number[] => [
    ...[flags, 1, ms, 1, seq, 1, 0x81, 0x76, 2, size, 1],
  ]
  const node = (first: number[], ...parts: number[][]): Buffer => {
    const whole = listpack(0xffff, ...parts)
    return bytes([16], first, [whole.length], whole)
  }
  const tail = (length: number, ...groups: (string | number[])[]): Buffer => bytes([length, 9, 0], ...groups)
  const none = [0]
  const streamOf = (...parts: (Buffer | number[])[]): Value =>
    load(key(15, ...parts))
      .dbs.get(0)!
      .get('k')!.value
  const refused = (...parts: (Buffer | number[])[]): string => rdbError(() => streamOf(...parts))

  const two = node(id(5, 0), head(2, 0), row(2, 0, 0), row(2, 1, 0))
  assert.is((streamOf([1], two, tail(2), none) as StreamLog).size, 2)
  assert.match(refused([1], two, tail(3), none), /a stream of 2 entries that says 3/)
  assert.match(refused([1], node(id(5, 0), head(1, 0), row(2, 0, 0), row(2, 1, 0)), tail(2), none), /says 1 and 0/)
  assert.match(refused([1], node(id(5, 0), head(2, 0), row(2, 1, 0), row(2, 1, 0)), tail(2), none), /out of order/)
  assert.match(refused([2], two, two, tail(4), none), /nodes of a stream out of order/)
  assert.match(refused([1], node(id(5, 0), head(1, 0), row(2, 0, 0, 5)), tail(1), none), /wrong size/)
  assert.match(refused([1], node(id(5, 0), head(1, 0), row(7, 0, 0)), tail(1), none), /flags 7/)
  assert.match(refused([1], node(id(5, 0), head(0, 0)), tail(0), none), /without entries/)
  assert.match(refused([1], node([1], head(1, 0), row(2, 0, 0)), tail(1), none), /RDB/)
  assert.match(refused([1], node(id(50, 0), head(1, 0), row(2, 0, 0)), tail(1), none), /above the last id/)

  const groups = (...pel: number[][]): number[] => [1, 1, 0x67, 9, 0, ...pel.flat()]
  const pending = [...id(5, 0), 0, 0, 0, 0, 0, 0, 0, 0, 1]
  const consumer = (...ids: number[][]): number[] => [1, 0x63, 0, 0, 0, 0, 0, 0, 0, 0, ids.length, ...ids.flat()]
  streamOf([1], two, tail(2), groups([1], pending, [1], consumer(id(5, 0))))
  assert.match(refused([1], two, tail(2), groups([1], pending, [0])), /without a consumer/)
  assert.match(refused([1], two, tail(2), groups([2], pending, pending, [0])), /pending entry twice/)
  assert.match(refused([1], two, tail(2), groups([0], [1], consumer(id(5, 0)))), /its group does not know/)
  assert.match(
    refused([1], two, tail(2), groups([1], pending, [1], consumer(id(5, 0), id(5, 0)))),
    /its group does not know/,
  )
  assert.match(refused([1], two, tail(2), groups([0], [2], consumer(), consumer())), /a consumer twice/)
})

test.run()
