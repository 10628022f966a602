// The writer: what it writes the reader reads back, in Redis' own encodings, in chunks that are nobody else's.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Arg, argOfBuffer, Binary, bufferOf, latin1OfArg, textOf } from '../../src/bytes.js'
import { RdbWriter } from '../../src/rdb/writer.js'
import { suite } from '../suite.js'
import { load } from './corpus.js'

const test = suite('rdb writer')

type Options = NonNullable<ConstructorParameters<typeof RdbWriter>[1]>

function write(work: (writer: RdbWriter) => void, options: Options = {}): { bytes: Buffer; chunks: Buffer[] } {
  const chunks: Buffer[] = []
  const writer = new RdbWriter((chunk) => void chunks.push(chunk), options)
  writer.header()
  work(writer)
  writer.end()
  const bytes = Buffer.concat(chunks)
  assert.is(writer.bytesWritten, bytes.length)
  return { bytes, chunks }
}

/** How a value stands in the file, one byte a character, after a key of one character. */
function encoded(value: Arg, options: Options = {}): string {
  const { bytes } = write((writer) => writer.string('k', value, null), options)
  return bytes.toString('latin1', 12, bytes.length - 9)
}

function readBack(key: string, value: Arg, options: Options = {}): string | undefined {
  const { bytes } = write((writer) => {
    writer.selectDb(0)
    writer.string(key, value, null)
  }, options)
  return load(bytes).dbs.get(0)?.get(bufferOf(key).toString('latin1'))?.latin1
}

test('an empty file', () => {
  const { bytes } = write(() => undefined)
  assert.is(bytes.toString('latin1', 0, 10), 'REDIS0009\xff')
  assert.is(bytes.length, 18)
  load(bytes)
  assert.is(write(() => undefined, { version: 11 }).bytes.toString('latin1', 0, 9), 'REDIS0011')
})

test('without a checksum: eight zeros', () => {
  const { bytes } = write((writer) => writer.aux('a', 'b'), { checksum: false })
  assert.equal(bytes.subarray(-8), Buffer.alloc(8))
  load(bytes)
})

test('records', () => {
  const { bytes } = write((writer) => {
    writer.aux('redis-ver', '7.0.15')
    writer.aux('redis-bits', '64')
    writer.selectDb(9)
    writer.resizeDb(300, 2)
    writer.string('a', 'x', 4102444800000)
    writer.string('b', '', -1500)
    writer.selectDb(100)
    writer.resizeDb(70000, 2 ** 33)
    writer.string('a', 'y', null)
  })
  const sink = load(bytes)
  assert.equal(sink.fields, [
    ['redis-ver', '7.0.15'],
    ['redis-bits', '64'],
  ])
  assert.equal(sink.sizes, [
    [9, 300, 2],
    [100, 70000, 2 ** 33],
  ])
  assert.is(sink.dbs.get(9)?.get('a')?.expiresAt, 4102444800000)
  assert.is(sink.dbs.get(9)?.get('b')?.expiresAt, -1500)
  assert.is(sink.dbs.get(100)?.get('a')?.latin1, 'y')
})

test('integers of 32 bits in their one decimal form are encoded, nothing else is', () => {
  for (const [text, form] of [
    ['0', '\xc0\x00'],
    ['7', '\xc0\x07'],
    ['127', '\xc0\x7f'],
    ['128', '\xc1\x80\x00'],
    ['-128', '\xc0\x80'],
    ['-129', '\xc1\x7f\xff'],
    ['32767', '\xc1\xff\x7f'],
    ['32768', '\xc2\x00\x80\x00\x00'],
    ['-32768', '\xc1\x00\x80'],
    ['-32769', '\xc2\xff\x7f\xff\xff'],
    ['2147483647', '\xc2\xff\xff\xff\x7f'],
    ['-2147483648', '\xc2\x00\x00\x00\x80'],
  ]) {
    assert.is(encoded(text), form, text)
    assert.is(encoded(new Binary(text)), form, text)
    assert.is(readBack(text, text), text)
  }
  for (const text of [
    ...['', '-', '-0', '00', '007', '+7', ' 7', '7 ', '1.0', '1e3', '0x7', '--7', '-07', '٣'],
    ...['2147483648', '-2147483649', '9999999999', '99999999999', '-9999999999'],
  ]) {
    const bytes = Buffer.from(text)
    assert.is(encoded(text), String.fromCharCode(bytes.length) + bytes.toString('latin1'), text)
    assert.is(readBack(text, text), bytes.toString('latin1'), text)
  }
})

test('strings longer than 20 bytes are compressed when that saves four', () => {
  assert.is(encoded('a'.repeat(20)), `\x14${'a'.repeat(20)}`)
  assert.is(encoded('a'.repeat(21)).charCodeAt(0), 0xc3)
  assert.is(encoded('a'.repeat(21), { compress: false }), `\x15${'a'.repeat(21)}`)
  assert.is(encoded('abcdefghijklmnopqrstuvwxyz'), '\x1aabcdefghijklmnopqrstuvwxyz')
  for (const length of [22, 24, 26, 62, 64, 300, 16383, 16384, 70_000, 1_000_000, 1024 * 1024]) {
    for (const value of ['ab'.repeat(length / 2), 'é'.repeat(length / 2), new Binary('\xff\xfe'.repeat(length / 2))]) {
      assert.is(encoded(value).charCodeAt(0), 0xc3)
      assert.is(readBack('k', value), latin1OfArg(value))
    }
  }
})

test('values of every size, in chunks of every size', () => {
  const noise = (length: number): string => {
    let text = ''
    for (let i = 0; i < length; i++) text += String.fromCharCode(33 + ((Math.imul(i + 1, 0x9e3779b1) >>> 13) % 90))
    return text
  }
  const text = noise(200_000)
  const values: Arg[] = []
  for (const length of [0, 1, 24, 25, 63, 64, 65, 255, 16383, 16384, 65_536, 200_000]) {
    values.push(text.slice(0, length), `é${text.slice(0, length)}`, new Binary(`\xff${text.slice(0, length)}`))
    values.push(`${text.slice(0, length)}\udcff`, '😀'.repeat(length / 2), 'é'.repeat(length))
  }
  for (const chunkBytes of [1, 256, 257, 1000, 65_536, 1_000_000]) {
    for (const compress of [false, true]) {
      const { bytes, chunks } = write(
        (writer) => {
          writer.selectDb(0)
          for (const [i, value] of values.entries()) writer.string(`key ${i}`, value, i)
        },
        { chunkBytes, compress },
      )
      for (const chunk of chunks) assert.ok(chunk.length > 0 && chunk.length <= Math.max(256, chunkBytes))
      const keys = load(bytes, () => 50_000).dbs.get(0)!
      for (const [i, value] of values.entries()) {
        assert.ok(keys.get(`key ${i}`)?.latin1 === latin1OfArg(value), `value ${i}`)
      }
    }
  }
})

test('a value larger than what is compressed goes out in pieces as it is', () => {
  for (const value of ['ab'.repeat(1_000_000), 'é😀'.repeat(400_000), new Binary('\xff'.repeat(1_500_000))]) {
    const { bytes, chunks } = write((writer) => {
      writer.selectDb(0)
      writer.string('k', value, null)
    })
    const length = latin1OfArg(value).length
    assert.ok(bytes.length > length)
    for (const chunk of chunks.slice(0, -1)) assert.ok(chunk.length > 32_768 && chunk.length <= 65_536)
    assert.ok(
      load(bytes, () => 60_000)
        .dbs.get(0)
        ?.get('k')?.latin1 === latin1OfArg(value),
    )
  }
})

test('chunks have memory of their own that is not written again', () => {
  const seen = new Set<ArrayBufferLike>()
  const copies: Buffer[] = []
  const chunks: Buffer[] = []
  const writer = new RdbWriter((chunk) => {
    assert.not(seen.has(chunk.buffer))
    seen.add(chunk.buffer)
    chunks.push(chunk)
    copies.push(Buffer.from(chunk))
  })
  writer.header()
  for (let i = 0; i < 50_000; i++) writer.string(`key:${i}`, `value ${i}`, null)
  writer.end()
  assert.ok(chunks.length > 10)
  for (const [i, chunk] of chunks.entries()) assert.ok(chunk.equals(copies[i]))
})

/** Bytes of all kinds: noise, digits, ASCII, UTF-8, and the same many times over. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.integer().map((n) => Buffer.from(String(n))),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text)),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 10 }), fc.nat(200)).map(([bytes, times]) => {
    return Buffer.concat(Array(times).fill(Buffer.from(bytes)))
  }),
)

test('what is written is read back: any keys, values and times, in any chunks and pieces', () => {
  const key = fc.tuple(anyBytes, anyBytes, fc.option(fc.maxSafeInteger(), { nil: null }))
  const keys = fc.uniqueArray(key, { selector: ([name]) => name.toString('latin1'), maxLength: 30 })
  const options = fc.record({ compress: fc.boolean(), checksum: fc.boolean(), chunkBytes: fc.nat(2000) })
  fc.assert(
    fc.property(keys, options, fc.integer({ min: 1, max: 3000 }), (given, settings, size) => {
      const { bytes } = write((writer) => {
        writer.selectDb(3)
        for (const [name, value, at] of given) writer.string(textOf(name), argOfBuffer(value), at === -1 ? null : at)
      }, settings)
      const got = [...(load(bytes, () => size).dbs.get(3) ?? [])]
      const expected = given.map(([name, value, at]) => [
        name.toString('latin1'),
        value.toString('latin1'),
        at === -1 ? null : at,
      ])
      assert.equal(
        got.map(([name, { latin1, expiresAt }]) => [name, latin1, expiresAt]),
        expected,
      )
    }),
    { numRuns: 500 },
  )
})

test.run()
