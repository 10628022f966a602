// For how long a snapshot is read at a time.

import * as assert from 'uvu/assert'
import { readSlice } from '../src/snapshot-pace.js'
import { MemoryNetwork } from '../src/transports/memory.js'
import { suite } from './suite.js'

const test = suite('snapshot pace')

/** Chunks that one slice takes of a source each read of which takes a tenth of a millisecond. */
function chunksOfSlice(pressure: number, chunks = Number.POSITIVE_INFINITY): number {
  let ms = 0
  let read = 0
  const env = { ...new MemoryNetwork({ seed: 1 }).env('a'), monotonic: () => ms }
  const source = {
    get done() {
      return read === chunks
    },
    pressure,
    read: () => {
      ms += 0.1
      read++
      return [Buffer.alloc(1)]
    },
    cancel: () => {},
  }
  return readSlice(env, source).length
}

test('half a millisecond, and ten once half of the room for pre-images is taken', () => {
  assert.ok(Math.abs(chunksOfSlice(0) - 5) <= 1)
  assert.ok(Math.abs(chunksOfSlice(0.49) - 5) <= 1)
  assert.ok(Math.abs(chunksOfSlice(0.5) - 100) <= 1)
  assert.is(chunksOfSlice(0.5, 3), 3)
})

test.run()
