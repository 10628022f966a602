// The checksum: its known values, and that pieces and alignment make no difference.

import * as assert from 'uvu/assert'
import { Crc64, hex64 } from '../../src/rdb/crc64.js'
import { suite } from '../suite.js'

const test = suite('crc64')

/** The definition, bit by bit. */
function slowly(bytes: Uint8Array): string {
  let crc = 0n
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n
  }
  return crc.toString(16).padStart(16, '0')
}

test('the check value', () => {
  assert.is(new Crc64().update(Buffer.from('123456789')).toString(), 'e9c6d914c4b8d9ca')
})

test('nothing gives zero', () => {
  assert.is(new Crc64().toString(), '0000000000000000')
})

test('the same as the definition, at every length and alignment', () => {
  const bytes = Buffer.alloc(80, 0).map((_, i) => (i * 167 + 13) & 0xff)
  for (let start = 0; start < 9; start++) {
    for (let end = start; end <= bytes.length; end++) {
      assert.is(new Crc64().update(bytes, start, end).toString(), slowly(bytes.subarray(start, end)))
    }
  }
})

test('in pieces as in one go', () => {
  const bytes = Buffer.alloc(1000, 0).map((_, i) => (i * i) & 0xff)
  const whole = new Crc64().update(bytes).toString()
  for (let size = 1; size < 40; size++) {
    const crc = new Crc64()
    for (let at = 0; at < bytes.length; at += size) crc.update(bytes, at, Math.min(bytes.length, at + size))
    assert.is(crc.toString(), whole)
    assert.is(hex64(crc.low, crc.high), whole)
  }
})

test.run()
