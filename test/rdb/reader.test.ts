// The reader, on files that real servers wrote and on files made by hand: what is in them, cut in all ways, damaged in
// all ways.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Binary } from '../../src/bytes.js'
import { isString } from '../../src/keyspace/keyspace.js'
import { readableTypes } from '../../src/rdb/forms.js'
import { payloadVersion, restoreValue } from '../../src/rdb/payload.js'
import { RdbReader } from '../../src/rdb/reader.js'
import { suite } from '../suite.js'
import {
  contents,
  difference,
  expectedValue,
  feed,
  fileOf,
  fixture,
  fixtureNames,
  KeepingSink,
  load,
  manifestKeys,
  rdbError,
  shown,
  withChecksum,
} from './corpus.js'

const test = suite('rdb reader')

const readable = fixtureNames()

/** Larger files are not cut byte by byte: what is in them is in smaller ones too. */
const MAX_SLOW_BYTES = 20_000

function randomSizes(seed: number, most: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return 1 + ((state >>> 8) % most)
  }
}

for (const name of readable) {
  test(`${name}: every key, its type, value and expiry`, () => {
    const { bytes, manifest } = fixture(name)
    const sink = load(bytes)
    const expected = manifestKeys(manifest)
    let count = 0
    for (const keys of sink.dbs.values()) count += keys.size
    assert.is(count, expected.length)
    for (const [index, one] of expected) {
      const { key, type, pexpireat } = one
      const got = sink.dbs.get(index)?.get(key)
      assert.ok(got, `key ${JSON.stringify(key)}`)
      assert.is(isString(got.value) ? 'string' : got.value.type, type)
      const found = difference(shown(got.value), expectedValue(one))
      // Servers did not show any more which time the field had whose time was past.
      const isPast = key === 'deadfield' && /^\[0\]\[2\]: 17953\d{8} instead of null$/.test(found ?? '')
      assert.ok(found === undefined || isPast, `value of ${JSON.stringify(key)}: ${found}`)
      assert.is(got.expiresAt, pexpireat < 0 ? null : pexpireat)
    }
    assert.equal(sink.fields, manifest.aux)
    assert.equal(sink.functions.sort(), manifest.functions.map(({ code }) => code).sort())
    assert.is(sink.sizes.length, manifest.opcodes[251] ?? 0)
  })

  test(`${name}: cut byte by byte and at random`, () => {
    const { bytes } = fixture(name)
    const whole = JSON.stringify(contents(load(bytes)))
    const sizes = [randomSizes(2, 40), randomSizes(4, 5000)]
    if (bytes.length < MAX_SLOW_BYTES) sizes.push(() => 1, randomSizes(1, 3), randomSizes(3, 500))
    for (const size of sizes) assert.ok(JSON.stringify(contents(load(bytes, size))) === whole)
  })

  test(`${name}: every dump is restored`, () => {
    for (const [, one] of manifestKeys(fixture(name).manifest)) {
      const { key, dump_b64 } = one
      if (dump_b64 === undefined) continue
      const payload = Buffer.from(dump_b64, 'base64')
      const version = payloadVersion(payload)
      assert.ok(version !== undefined, `checksum of ${JSON.stringify(key)}`)
      const restored = restoreValue(payload, version)
      assert.ok(restored !== undefined, `payload of ${JSON.stringify(key)}`)
      assert.is(difference(shown(restored), expectedValue(one)), undefined, `value of ${JSON.stringify(key)}`)
    }
  })
}

test('a module that a value belongs to is named', () => {
  // the id of vector sets, but for its last letter
  const id = [0x81, 0xbd, 0xe7, 0x2d, 0xa2, 0xbb, 0x1e, 0xb8, 0]
  assert.match(
    rdbError(() => load(fileOf('REDIS0012', [0xfe, 0, 7, 1], 'k', id, [0]))),
    /a module that starts at byte 11: it belongs to the module 'vectorseu', which is not known, at byte \d+/,
  )
})

test('every type and record that cannot be read is named with its number and offset', () => {
  const read = [...readableTypes, 243, 244, 245, 247, 248, 249, 250, 251, 252, 253, 254, 255]
  for (let kind = 0; kind < 256; kind++) {
    if (read.includes(kind)) continue
    const message = rdbError(() => load(fileOf('REDIS0011', [0xfe, 0], [kind, 1, 1, 1, 1, 1])))
    const noun = kind >= 243 ? 'opcode' : 'type'
    const known = (kind > 0 && kind < 28 && kind !== 8) || kind === 246
    assert.match(message, new RegExp(`${noun} ${kind} \\(${known ? '' : 'unknown'}.* at byte 11$`))
    if (known) assert.not.match(message, /unknown/)
  }
})

// What the file says, made by hand.

const one = (...parts: (string | number[])[]): KeepingSink => load(fileOf('REDIS0012', [0xfe, 0], ...parts))
const valueAt = (...parts: (string | number[])[]): string | undefined =>
  one([0, 1], 'k', ...parts)
    .dbs.get(0)!
    .get('k')?.latin1

test('every encoding of a string', () => {
  assert.is(valueAt([0]), '')
  assert.is(valueAt([3], 'abc'), 'abc')
  assert.is(valueAt([0xc0, 0x80]), '-128')
  assert.is(valueAt([0xc0, 0]), '0')
  assert.is(valueAt([0xc1, 0, 0x80]), '-32768')
  assert.is(valueAt([0xc2, 0, 0, 0, 0x80]), '-2147483648')
  assert.is(valueAt([0xc2, 0xff, 0xff, 0xff, 0x7f]), '2147483647')
  assert.is(valueAt([0xc3, 5, 10, 0, 97, 0xe0, 0, 0]), 'aaaaaaaaaa')
})

test('lengths longer than they need be', () => {
  assert.is(valueAt([0x40, 3], 'abc'), 'abc')
  assert.is(valueAt([0x80, 0, 0, 0, 3], 'abc'), 'abc')
  assert.is(valueAt([0x81, 0, 0, 0, 0, 0, 0, 0, 3], 'abc'), 'abc')
  assert.is(valueAt([0xc3, 0x80, 0, 0, 0, 5, 0x81, 0, 0, 0, 0, 0, 0, 0, 10, 0, 97, 0xe0, 0, 0]), 'aaaaaaaaaa')
})

test('a key may be encoded too', () => {
  const keys = one([0, 0xc0, 0xf9, 1], 'a', [0, 0xc3, 5, 10, 0, 97, 0xe0, 0, 0, 1], 'b').dbs.get(0)!
  assert.equal([...keys.keys()], ['-7', 'aaaaaaaaaa'])
})

test('text comes as text, other bytes as Binary', () => {
  const keys = one([0, 1], 'a', [2, 0xc3, 0xa9], [0, 1], 'b', [2, 0xff, 0xfe], [0, 2, 0xff, 0x6b, 0]).dbs.get(0)!
  assert.is(keys.get('a')?.value, 'é')
  const binary = keys.get('b')?.value
  assert.ok(binary instanceof Binary)
  assert.is(binary.latin1, '\xff\xfe')
  assert.ok(keys.has('\xffk'))
})

test('expiry in seconds and milliseconds holds for the next key only', () => {
  const keys = one(
    ...[[0xfd, 0xff, 0xff, 0xff, 0x7f], [0, 1], 'a', [0]],
    ...[[0xfc, 0, 0xd8, 0xc3, 0x2c, 0xbb, 3, 0, 0], [0, 1], 'b', [0]],
    ...[[0, 1], 'c', [0]],
    ...[[0xfc, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0, 1], 'd', [0]],
    ...[[0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0, 1], 'e', [0]],
  ).dbs.get(0)!
  assert.equal(
    [...keys.values()].map(({ expiresAt }) => expiresAt),
    [2147483647000, 4102444800000, null, -2, null],
  )
})

test('what is of no use is passed over: idle, frequency, slots, a module beside the keys', () => {
  const moduleId = [0x81, 1, 2, 3, 4, 5, 6, 7, 8]
  const items = [2, 1, 1, 5, 2, 0x40, 7, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 3, 97, 98, 99, 5, 0xc0, 1, 0]
  const file = fileOf(
    'REDIS0012',
    [0xfe, 0, 0xfb, 2, 0, 0xf4, 0x7f, 0xff, 1, 0, 0xf7, ...moduleId, ...items],
    ...['\xf8\x80\x00\x00\x00\x09', [0, 1], 'a', [0], '\xf9\xff', [0, 1], 'b', [0]],
  )
  for (const size of [1, 2, 7, 1000]) {
    const sink = load(file, () => size)
    assert.equal([...sink.dbs.get(0)!.keys()], ['a', 'b'])
    assert.equal(sink.sizes, [[0, 2, 0]])
  }
  assert.match(
    rdbError(() => one([0xf7, 1, 2, 0, 9])),
    /unknown item 9 in a module's data, at byte 15/,
  )
})

test('every version of the format', () => {
  const body = Buffer.from('\xfe\x00\x00\x01k\x01v\xff', 'latin1')
  for (let version = 1; version <= 15; version++) {
    const file = Buffer.concat([Buffer.from(`REDIS${String(version).padStart(4, '0')}`), body])
    const sink = load(version < 5 ? file : withChecksum(file))
    assert.is(sink.dbs.get(0)?.get('k')?.latin1, 'v')
  }
  load(withChecksum(Buffer.concat([Buffer.from('VALKEY080'), body])))
  for (const magic of ['REDIS0000', 'REDIS0016', 'REDIS9999', 'VALKEY079', 'VALKEY081']) {
    assert.match(
      rdbError(() => load(withChecksum(Buffer.concat([Buffer.from(magic), body])))),
      `can't handle RDB format version ${Number(/\d+/.exec(magic)![0])}`,
    )
  }
  for (const magic of ['RODIS0011', 'redis0011', 'REDIS 011', 'VALKEY00a', '+FULLSYNC', 'REDIS-001']) {
    assert.match(
      rdbError(() => load(Buffer.from(magic))),
      /does not start as an RDB file does/,
    )
  }
})

// Damage.

const sample = (): Buffer => Buffer.from(fixture('redis-7.0.15-multidb').bytes)

test('a wrong checksum, a wrong bit', () => {
  const bytes = sample()
  for (let i = bytes.length - 8; i < bytes.length; i++) {
    const damaged = Buffer.from(bytes)
    damaged[i] ^= 1
    assert.match(
      rdbError(() => load(damaged)),
      /checksum .* at byte \d+/,
    )
  }
  for (let i = 0; i < bytes.length; i++) {
    const damaged = Buffer.from(bytes)
    damaged[i] ^= 0x10
    // A broken length may find a file that is too short or goes on after its end; nothing passes.
    rdbError(() => load(damaged))
  }
})

test('no checksum, and a zero where it should be', () => {
  const bytes = sample()
  bytes.fill(0, bytes.length - 8)
  load(bytes, () => 5)
})

test('cut off at every byte: an error at the end, not before', () => {
  const bytes = sample()
  for (let length = 0; length < bytes.length; length++) {
    for (const size of [1, 1000]) {
      const reader = new RdbReader(new KeepingSink())
      feed(reader, bytes.subarray(0, length), () => size)
      assert.not(reader.done)
      assert.match(
        rdbError(() => reader.end()),
        `short read, the file ends before its end, at byte ${length}`,
      )
      rdbError(() => reader.write(bytes))
    }
  }
})

test('bytes after the end', () => {
  for (const file of [sample(), Buffer.from('REDIS0004\xff', 'latin1')]) {
    const longer = Buffer.concat([file, Buffer.of(10)])
    for (const size of [1, 3, file.length, longer.length]) {
      assert.match(
        rdbError(() => load(longer, () => size)),
        `trailing bytes after the end, at byte ${file.length}`,
      )
    }
  }
})

test('after an error the reader stays broken', () => {
  const reader = new RdbReader(new KeepingSink())
  const first = rdbError(() => reader.write(Buffer.from('no RDB file')))
  assert.is(
    rdbError(() => reader.write(sample())),
    first,
  )
  assert.is(
    rdbError(() => reader.end()),
    first,
  )
  assert.not(reader.done)
})

test('what the sink throws comes out', () => {
  const sink = new KeepingSink()
  sink.selectDb = () => {
    throw new RangeError('no such database')
  }
  assert.throws(() => new RdbReader(sink).write(sample()), /no such database/)
})

test('a wrong string encoding or length', () => {
  assert.match(
    rdbError(() => valueAt([0xc4])),
    /unknown string encoding 4, at byte 14/,
  )
  assert.match(
    rdbError(() => valueAt([0x82])),
    /0x82 where a length should be, at byte 14/,
  )
  assert.match(
    rdbError(() => one([0xfe, 0xc0, 1])),
    /0xc0 where a length should be, at byte 12/,
  )
  assert.match(
    rdbError(() => valueAt([0xc3, 4, 10, 0, 97, 0xe0, 0, 0])),
    /damaged compressed string, at byte 14/,
  )
})

test('a length past the limit fails at once', () => {
  const head = Buffer.from('REDIS0011\xfe\x00\x00\x01k', 'latin1')
  for (const [length, limit] of [
    ['\x80\x20\x00\x00\x00', undefined], // 512 MiB: more than a JavaScript string can hold
    ['\x81\xff\xff\xff\xff\xff\xff\xff\xff', undefined],
    ['\x80\x00\x00\x00\x65', 100],
    ['\xc3\x40\x65\x40\x66', 100],
    ['\xc3\x0a\x40\x65', 100],
  ] as const) {
    const file = Buffer.concat([head, Buffer.from(length, 'latin1')])
    const reader = new RdbReader(new KeepingSink(), { maxStringBytes: limit })
    assert.match(
      rdbError(() => feed(reader, file, () => 1)),
      /a string of \d+ bytes is over the limit of \d+, at byte 14/,
    )
  }
  const reader = new RdbReader(new KeepingSink(), { maxStringBytes: 3 })
  reader.write(fileOf('REDIS0011', '\xfe\x00\x00\x01k\x03abc'))
  reader.end()
})

test('a compressed string that claims more than it can become fails at once', () => {
  const file = Buffer.from('REDIS0011\xfe\x00\x00\x01k\xc3\x0a\x80\x10\x00\x00\x00', 'latin1')
  assert.match(
    rdbError(() => new RdbReader(new KeepingSink()).write(file)),
    /10 compressed bytes cannot become 268435456, at byte 14/,
  )
})

test('a length that lies allocates nothing', () => {
  const before = process.memoryUsage().arrayBuffers
  const readers: RdbReader[] = []
  for (let i = 0; i < 20; i++) {
    for (const head of ['\x80\x1f\x00\x00\x00', '\xc3\x80\x1f\x00\x00\x00\x80\x1f\x00\x00\x00']) {
      const reader = new RdbReader(new KeepingSink())
      reader.write(Buffer.from(`REDIS0011\xfe\x00\x00\x01k${head}0123456789`, 'latin1'))
      readers.push(reader)
    }
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < readers.length * 128 * 1024)
  for (const reader of readers) rdbError(() => reader.end())
})

test('a big string in small pieces takes time in proportion', () => {
  const size = 24 * 1024 * 1024
  const head = Buffer.from('REDIS0004\xfe\x00\x00\x01k\x80\x01\x80\x00\x00', 'latin1')
  const sink = new KeepingSink()
  const reader = new RdbReader(sink)
  reader.write(head)
  const piece = Buffer.alloc(256, 'x')
  for (let sent = 0; sent < size; sent += piece.length) reader.write(piece)
  reader.write(Buffer.of(0xff))
  reader.end()
  assert.is(sink.dbs.get(0)?.get('k')?.latin1.length, size)
})

test('garbage is an error, never a hang or a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
      const reader = new RdbReader(new KeepingSink())
      rdbError(() => {
        feed(reader, Buffer.concat([Buffer.from('REDIS0011\xfe\x00', 'latin1'), bytes]), () => size)
        reader.end()
        if (reader.done) rdbError(() => reader.write(Buffer.of(0)))
      })
    }),
    { numRuns: 2000 },
  )
})

test.run()
