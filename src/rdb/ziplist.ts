// Ziplist: what Redis up to 6.2 kept small collections in.
//
//   u32 bytes | u32 where the last entry starts | u16 count (65535: not known) | entries | ff       little-endian
//   entry: length of the entry before it, one byte or fe and u32 | lead byte and data

import { Damage, type Packed, readInt24, sliceText } from './packed.js'

const HEADER_BYTES = 10
const END = 0xff
const COUNT_UNKNOWN = 0xffff
/** In the place of the entry before: its length takes four bytes more. */
const LONG = 0xfe

const STRING_32 = 0x80
const INT_16 = 0xc0
const INT_32 = 0xd0
const INT_64 = 0xe0
const INT_24 = 0xf0
const INT_8 = 0xfe
/** From here to 0xfd: 0 to 12, in the lead byte itself. */
const SMALL = 0xf1

export class Ziplist implements Packed {
  readonly #bytes: Buffer
  readonly #end: number
  #at = HEADER_BYTES
  #seen = 0
  /** Where the entry starts, and how long the one before it was. */
  #entry = HEADER_BYTES
  #before = 0
  #start = -1
  #stop = 0
  #number = 0
  #wide: bigint | null = null

  constructor(bytes: Buffer) {
    const { length } = bytes
    if (length <= HEADER_BYTES) throw new Damage(`a ziplist of ${length} bytes`)
    if (bytes.readUInt32LE(0) !== length) throw new Damage(`a ziplist that says other than its ${length} bytes`)
    if (bytes[length - 1] !== END) throw new Damage('a ziplist without its end')
    this.#bytes = bytes
    this.#end = length - 1
  }

  next(): boolean {
    if (this.#at === this.#end) {
      this.#checkWhole()
      return false
    }
    this.#entry = this.#at
    this.#previous()
    this.#decode(this.#at)
    this.#before = this.#at - this.#entry
    this.#seen++
    return true
  }

  text(): string {
    if (this.#start >= 0) return sliceText(this.#bytes, this.#start, this.#stop)
    return String(this.#wide ?? this.#number)
  }

  #checkWhole(): void {
    const count = this.#bytes.readUInt16LE(8)
    if (count !== COUNT_UNKNOWN && count !== this.#seen)
      throw new Damage(`a ziplist of ${this.#seen} elements that says ${count}`)
    if (this.#bytes.readUInt32LE(4) !== this.#entry)
      throw new Damage('a ziplist whose last element is not where it says')
  }

  #previous(): void {
    const at = this.#at
    let length = this.#bytes[at]
    this.#at++
    if (length === LONG) {
      this.#need(at, 5)
      length = this.#bytes.readUInt32LE(at + 1)
      this.#at += 4
    }
    if (length !== this.#before) throw new Damage('an element of a ziplist that tells a wrong length of the one before')
  }

  #decode(at: number): void {
    const bytes = this.#bytes
    this.#need(at, 1)
    const lead = bytes[at]
    this.#start = -1
    this.#wide = null
    if (lead < 0x40) this.#string(at + 1, lead)
    else if (lead < STRING_32) {
      this.#need(at, 2)
      this.#string(at + 2, ((lead & 0x3f) << 8) | bytes[at + 1])
    } else if (lead === STRING_32) {
      this.#need(at, 5)
      this.#string(at + 5, bytes.readUInt32BE(at + 1))
    } else if (lead >= SMALL && lead < INT_8) {
      this.#number = lead - SMALL
      this.#at = at + 1
    } else this.#integer(at, lead)
  }

  #integer(at: number, lead: number): void {
    const bytes = this.#bytes
    const size = sizes.get(lead)
    if (size === undefined) throw new Damage(`an element of a ziplist that starts with 0x${lead.toString(16)}`)
    this.#need(at, size)
    if (lead === INT_8) this.#number = bytes.readInt8(at + 1)
    else if (lead === INT_16) this.#number = bytes.readInt16LE(at + 1)
    else if (lead === INT_24) this.#number = readInt24(bytes, at + 1)
    else if (lead === INT_32) this.#number = bytes.readInt32LE(at + 1)
    else this.#wide = bytes.readBigInt64LE(at + 1)
    this.#at = at + size
  }

  #string(start: number, length: number): void {
    if (length > this.#end - start) throw new Damage('a string that does not fit in its ziplist')
    this.#start = start
    this.#stop = start + length
    this.#at = this.#stop
  }

  #need(at: number, count: number): void {
    if (count > this.#end - at) throw new Damage('an element that does not fit in its ziplist')
  }
}

/** Bytes that an integer takes, its lead included. */
const sizes: ReadonlyMap<number, number> = new Map([
  [INT_8, 2],
  [INT_16, 3],
  [INT_24, 4],
  [INT_32, 5],
  [INT_64, 9],
])
