// Intset: a set of integers of one width, in their order.
//
//   u32 width: 2, 4 or 8 | u32 count | integers         little-endian

import { Damage, type Packed } from './packed.js'

const HEADER_BYTES = 8

export class Intset implements Packed {
  readonly #bytes: Buffer
  readonly #width: number
  #at = HEADER_BYTES
  #last: number | bigint = Number.NEGATIVE_INFINITY

  constructor(bytes: Buffer) {
    if (bytes.length < HEADER_BYTES) throw new Damage(`an intset of ${bytes.length} bytes`)
    const width = bytes.readUInt32LE(0)
    if (width !== 2 && width !== 4 && width !== 8) throw new Damage(`an intset of integers of ${width} bytes`)
    if (bytes.readUInt32LE(4) * width !== bytes.length - HEADER_BYTES)
      throw new Damage(`an intset that says other than its ${bytes.length} bytes`)
    this.#bytes = bytes
    this.#width = width
  }

  next(): boolean {
    const bytes = this.#bytes
    const at = this.#at
    if (at === bytes.length) return false
    const value =
      this.#width === 2 ? bytes.readInt16LE(at) : this.#width === 4 ? bytes.readInt32LE(at) : bytes.readBigInt64LE(at)
    if (value <= this.#last) throw new Damage('an intset out of order')
    this.#last = value
    this.#at += this.#width
    return true
  }

  text(): string {
    return String(this.#last)
  }
}
