// The ring of the stream's last bytes: where things lie, what is forgotten, what can be read.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Backlog } from '../../src/replication/backlog.js'
import { suite } from '../suite.js'

const test = suite('backlog')

/** Bytes of a stream: which one stands where can be told. */
function bytesAt(position: number, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, i) => ((position + i) * 7 + ((position + i) >> 8)) & 0xff))
}

/** All from `position` on, put together. */
function readFrom(backlog: Backlog, position: number): Buffer {
  const pieces: Buffer[] = []
  let at = position
  for (let bytes = backlog.read(at); bytes !== undefined; bytes = backlog.read(at)) {
    assert.ok(bytes.length > 0)
    pieces.push(bytes)
    at += bytes.length
  }
  return Buffer.concat(pieces)
}

test('a new backlog stands where the stream stands, and is empty', () => {
  const backlog = new Backlog(100, 1000)
  assert.equal([backlog.start, backlog.end, backlog.lengthBytes], [1000, 1000, 0])
  assert.is(backlog.read(1000), undefined)
  backlog.append('')
  backlog.trim(1000)
  assert.equal([backlog.start, backlog.end], [1000, 1000])
})

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('append'), count: fc.nat(80) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('appendBytes'), count: fc.nat(80) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trim'), count: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize'), count: fc.integer({ min: 1, max: 100 }) }) },
)

test('whatever is appended, by whichever way, is read at every position that is still here', () => {
  const anySize = fc.integer({ min: 1, max: 50 })
  fc.assert(
    fc.property(anySize, fc.nat(1000), fc.array(step, { maxLength: 30 }), (sizeBytes, origin, steps) => {
      const backlog = new Backlog(sizeBytes, origin)
      let end = origin
      let start = origin
      for (const one of steps) {
        const bytes = bytesAt(end, one.count)
        if (one.do === 'append') backlog.append(bytes.toString('latin1'))
        else if (one.do === 'appendBytes') {
          backlog.appendBytes(Buffer.concat([Buffer.of(1, 2), bytes, Buffer.of(3)]), 2, 2 + bytes.length)
        } else if (one.do === 'resize') backlog.sizeBytes = one.count
        else {
          // A cursor that lags: nothing from it on may go.
          const needed = Math.max(start, end - one.count)
          backlog.trim(needed)
          start = Math.max(start, Math.min(end - backlog.sizeBytes, needed))
        }
        if (one.do === 'append' || one.do === 'appendBytes') end += one.count
        assert.equal([backlog.start, backlog.end, backlog.lengthBytes], [start, end, end - start])
        for (let position = start; position <= end; position++) {
          assert.equal(readFrom(backlog, position), bytesAt(position, end - position))
        }
      }
      if (start > 0) assert.throws(() => backlog.read(start - 1), /in the ring/)
    }),
    { numRuns: 200 },
  )
})

test('both ways to append lay the bytes out alike', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(200), { maxLength: 20 }), (counts) => {
      const [one, other] = [new Backlog(64, 0), new Backlog(64, 0)]
      for (const count of counts) {
        const bytes = bytesAt(one.end, count)
        one.append(bytes.toString('latin1'))
        other.appendBytes(bytes, 0, bytes.length)
      }
      for (let position = 0; position < one.end; position++) assert.equal(one.read(position), other.read(position))
    }),
  )
})

test('segments are of 64 KiB, and larger texts go over several', () => {
  const backlog = new Backlog(2 ** 20, 0)
  const text = 'x'.repeat(200_000)
  backlog.append(text)
  assert.is(backlog.read(0)?.length, 65536)
  assert.is(backlog.read(65535)?.length, 1)
  assert.is(backlog.read(65536)?.length, 65536)
  assert.is(readFrom(backlog, 0).toString(), text)
})

test('a view that was read stays as it was, whatever comes after and falls out', () => {
  const backlog = new Backlog(16, 0)
  backlog.append('0123456789')
  const view = backlog.read(3)!
  backlog.append('abcdefghijklmnopqrstuvwxyz'.repeat(10))
  backlog.trim(backlog.end)
  assert.is(view.toString(), '3456789')
})

test('a trim keeps the size, and no more than whole segments beyond it', () => {
  const backlog = new Backlog(100, 0)
  for (let i = 0; i < 1000; i++) {
    backlog.append('0123456789')
    backlog.trim(backlog.end)
    assert.is(backlog.lengthBytes, Math.min(100, backlog.end))
  }
  assert.is(readFrom(backlog, backlog.start).length, 100)
})

test.run()
