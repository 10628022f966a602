// LZF: what goes in comes out, and damaged data is told from sound.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { compress, decompress, MAX_EXPANSION } from '../../src/rdb/lzf.js'
import { suite } from '../suite.js'

const test = suite('lzf')

/** The compressed form, or undefined when there is none that is shorter. */
function compressed(bytes: Buffer, limit = bytes.length - 1): Buffer | undefined {
  // One byte beyond the limit tells whether it was kept.
  const target = Buffer.alloc(Math.max(0, limit) + 1, 0xee)
  const count = compress(bytes, 0, bytes.length, target, limit)
  assert.ok(count <= Math.max(0, limit))
  assert.is(target[Math.max(0, limit)], 0xee)
  return count === 0 ? undefined : target.subarray(0, count)
}

function decompressed(bytes: Uint8Array, length: number): Buffer | undefined {
  const target = Buffer.alloc(length + 1, 0xee)
  const sound = decompress(bytes, 0, bytes.length, target, length)
  assert.is(target[length], 0xee)
  return sound ? target.subarray(0, length) : undefined
}

/** Bytes in which hardly anything comes twice. */
function noise(length: number): Buffer {
  let state = 1
  return Buffer.from(Array.from({ length }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 24))
}

/** Bytes with repetitions near and far, as data has. */
const repetitive = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 40 })), { maxLength: 30 })
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array(times).fill(Buffer.from(bytes)))))

test('what was compressed comes back', () => {
  let shorter = 0
  fc.assert(
    fc.property(repetitive, (bytes) => {
      const short = compressed(bytes)
      if (short === undefined) return
      shorter++
      assert.equal(decompressed(short, bytes.length), bytes)
    }),
    { numRuns: 500 },
  )
  assert.ok(shorter > 100)
})

test('copies of every length and from every distance class come back', () => {
  for (const run of [3, 8, 9, 10, 11, 12, 263, 264, 265, 266, 528, 10_000]) {
    const bytes = Buffer.from(`abc${'x'.repeat(run)}def`)
    const short = compressed(bytes)
    if (short !== undefined) assert.equal(decompressed(short, bytes.length), bytes)
    assert.is(short !== undefined, run > 5)
  }
  const bytesOnce = noise(20_000)
  for (const distance of [3, 255, 256, 300, 8191, 8192, 8193]) {
    const bytes = Buffer.concat([bytesOnce.subarray(0, distance), bytesOnce.subarray(0, Math.min(distance, 300))])
    const short = compressed(bytes, bytes.length + 1000)
    // Noise has a chance repetition here and there: what counts is whether the tail was found again.
    const plain = bytes.length * (1 + 1 / 32)
    const saved = plain - (short?.length ?? plain)
    if (distance < 256) assert.ok(short === undefined || saved < 256)
    else assert.is(saved > 200, distance <= 8192, `distance ${distance}`)
    if (short !== undefined) assert.equal(decompressed(short, bytes.length), bytes)
  }
})

test('the same bytes always compress alike, whatever came before', () => {
  const bytes = Buffer.from('the cat sat on the mat, the cat sat on the hat; '.repeat(3))
  const first = Buffer.from(compressed(bytes)!)
  compressed(Buffer.from('on the mat, the other cat '.repeat(50)))
  assert.equal(compressed(bytes), first)
})

test('only the given range is read', () => {
  const bytes = Buffer.from(`abcabcabc${'abc'.repeat(20)}abcabcabc`)
  const target = Buffer.alloc(100)
  compress(bytes, 0, 9, target, 100) // Leaves memories of the bytes just before the range.
  const count = compress(bytes, 9, 69, target, 100)
  assert.is(decompressed(target.subarray(0, count), 60)?.toString(), 'abc'.repeat(20))
})

test('no gain, no result', () => {
  for (const text of ['', 'a', 'aa', 'aaa', 'abcdefghijklmnopqrstuvwxyz']) {
    assert.is(compressed(Buffer.from(text)), undefined)
  }
  assert.is(compressed(noise(5000)), undefined)
})

test('a copy may overlap itself', () => {
  // One literal 'a', then 9 more from one byte back; then the long form.
  assert.is(decompressed(Buffer.of(0, 97, 0xe0, 0, 0), 10)?.toString(), 'a'.repeat(10))
  assert.is(decompressed(Buffer.of(1, 97, 98, 0x60, 1), 7)?.toString(), 'abababa')
  assert.is(decompressed(Buffer.of(0, 97, 0xe0, 255, 0), 1 + 3 * MAX_EXPANSION)?.toString(), 'a'.repeat(265))
})

test('damaged data is refused', () => {
  const cases: [string, number[], number][] = [
    ['literals past the end', [2, 97, 98], 3],
    ['a copy without its distance', [0, 97, 0x20], 4],
    ['a long copy without its length', [0, 97, 0xe0], 10],
    ['a long copy without its distance', [0, 97, 0xe0, 0], 10],
    ['a copy from before the start', [0, 97, 0x20, 1], 4],
    ['literals beyond the length', [2, 97, 98, 99], 2],
    ['a copy beyond the length', [0, 97, 0x20, 0], 3],
    ['less than the length', [0, 97, 0x20, 0], 5],
    ['nothing for something', [], 1],
  ]
  for (const [what, bytes, length] of cases) assert.is(decompressed(Buffer.from(bytes), length), undefined, what)
})

test('garbage never writes or reads outside', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(600), (bytes, length) => {
      decompressed(Buffer.from(bytes), length)
    }),
  )
})

test.run()
