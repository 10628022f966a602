// Listpack: what Redis 7.0 and later keep small collections in, and every version the entries of streams.
//
//   u32 bytes | u16 count (65535: not known) | entries | ff          numbers are little-endian
//   entry: lead byte and data | its own length once more, in groups of 7 bits, so that it can be walked from the end
//
// Reading walks forward and checks the length from behind; writing puts entries one after the other.

import { bufferOf, latin1Write } from '../bytes.js'
import { Damage, type Packed, readInt24, sliceText } from './packed.js'

const HEADER_BYTES = 6
const END = 0xff
const COUNT_UNKNOWN = 0xffff

/** Lead bytes of what does not fit into a short form. */
const STRING_32 = 0xf0
const INT_16 = 0xf1
const INT_24 = 0xf2
const INT_32 = 0xf3
const INT_64 = 0xf4

export class Listpack implements Packed {
  readonly #bytes: Buffer
  readonly #count: number
  /** Where the END byte stands. */
  readonly #end: number
  #at = HEADER_BYTES
  #seen = 0
  /** The element: bytes from `#start` to `#stop`, or a number when `#start` is negative. */
  #start = -1
  #stop = 0
  #number = 0
  #wide: bigint | null = null

  constructor(bytes: Buffer) {
    const { length } = bytes
    if (length <= HEADER_BYTES) throw new Damage(`a listpack of ${length} bytes`)
    if (bytes.readUInt32LE(0) !== length) throw new Damage(`a listpack that says other than its ${length} bytes`)
    if (bytes[length - 1] !== END) throw new Damage('a listpack without its end')
    this.#bytes = bytes
    this.#count = bytes.readUInt16LE(4)
    this.#end = length - 1
  }

  /** Elements passed so far. */
  get seen(): number {
    return this.#seen
  }

  next(): boolean {
    if (this.#at === this.#end) {
      if (this.#count !== COUNT_UNKNOWN && this.#count !== this.#seen)
        throw new Damage(`a listpack of ${this.#seen} elements that says ${this.#count}`)
      return false
    }
    const start = this.#at
    this.#decode(start)
    this.#skipBack(this.#at - start)
    this.#seen++
    return true
  }

  text(): string {
    if (this.#start >= 0) return sliceText(this.#bytes, this.#start, this.#stop)
    return String(this.#wide ?? this.#number)
  }

  /** The element as an integer, where only one can be: a number if it has at most 32 bits. */
  integer(): number | bigint {
    if (this.#start < 0) return this.#wide ?? this.#number
    const digits = this.#stop - this.#start > 20 ? '' : this.text()
    if (!/^-?[0-9]+$/.test(digits)) throw new Damage('a string where a number should be')
    return BigInt(digits)
  }

  /** The element as a count or a size. */
  count(): number {
    const value = Number(this.integer())
    if (value >= 0 && value <= this.#bytes.length) return value
    throw new Damage(`a count of ${value}`)
  }

  #decode(at: number): void {
    const bytes = this.#bytes
    const lead = bytes[at]
    this.#start = -1
    this.#wide = null
    if (lead < 0x80) {
      this.#number = lead
      this.#at = at + 1
    } else if (lead < 0xc0) this.#string(at + 1, lead & 0x3f)
    else if (lead < 0xe0) {
      this.#need(at, 2)
      const value = ((lead & 0x1f) << 8) | bytes[at + 1]
      this.#number = value >= 0x1000 ? value - 0x2000 : value
      this.#at = at + 2
    } else if (lead < STRING_32) {
      this.#need(at, 2)
      this.#string(at + 2, ((lead & 0x0f) << 8) | bytes[at + 1])
    } else if (lead === STRING_32) {
      this.#need(at, 5)
      this.#string(at + 5, bytes.readUInt32LE(at + 1))
    } else this.#integer(at, lead)
  }

  #integer(at: number, lead: number): void {
    const bytes = this.#bytes
    const size = lead === INT_16 ? 3 : lead === INT_24 ? 4 : lead === INT_32 ? 5 : lead === INT_64 ? 9 : 0
    if (size === 0) throw new Damage(`an element of a listpack that starts with 0x${lead.toString(16)}`)
    this.#need(at, size)
    if (lead === INT_16) this.#number = bytes.readInt16LE(at + 1)
    else if (lead === INT_24) this.#number = readInt24(bytes, at + 1)
    else if (lead === INT_32) this.#number = bytes.readInt32LE(at + 1)
    else this.#wide = bytes.readBigInt64LE(at + 1)
    this.#at = at + size
  }

  #string(start: number, length: number): void {
    if (length > this.#end - start) throw new Damage('a string that does not fit in its listpack')
    this.#start = start
    this.#stop = start + length
    this.#at = this.#stop
  }

  #need(at: number, count: number): void {
    if (count > this.#end - at) throw new Damage('an element that does not fit in its listpack')
  }

  /**
   * Passes the length of `size` bytes behind an element. At the boundary between two widths Redis, and Valkey up to 8.1,
   * take one byte more than it needs: 16383 is `00 ff ff` there, and `7f ff` in Valkey 9.1.
   */
  #skipBack(size: number): void {
    const bytes = this.#bytes
    const widest = backBytes(size, true)
    const width = bytes[this.#at] === 0 ? widest : backBytes(size, false)
    if (width > this.#end - this.#at) throw new Damage('a listpack that ends inside of an element')
    let value = bytes[this.#at] & 0x7f
    let isMarked = bytes[this.#at] < 0x80
    for (let i = 1; i < width; i++) {
      const byte = bytes[this.#at + i]
      value = value * 128 + (byte & 0x7f)
      isMarked &&= byte >= 0x80
    }
    if (!isMarked || value !== size) throw new Damage('an element of a listpack whose length is not told behind it')
    this.#at += width
  }
}

/** Bytes that the length behind an element takes; `old`: with the boundaries as Redis has them. */
function backBytes(size: number, old: boolean): number {
  const more = old ? 0 : 1
  if (size < 128) return 1
  if (size < 16383 + more) return 2
  if (size < 2097151 + more) return 3
  if (size < 268435455 + more) return 4
  return 5
}

/** Puts a listpack together. */
export class ListpackWriter {
  readonly #newBackLengths: boolean
  #bytes = Buffer.allocUnsafeSlow(512)
  #at = HEADER_BYTES
  #count = 0

  /** `newBackLengths`: as Valkey 9.1 writes and reads them; else as all others do. */
  constructor(newBackLengths: boolean) {
    this.#newBackLengths = newBackLengths
  }

  get length(): number {
    return this.#at + 1
  }

  reset(): void {
    this.#at = HEADER_BYTES
    this.#count = 0
  }

  /** An integer of 64 bits at most. */
  integer(value: number | bigint): void {
    this.#reserve(9)
    const start = this.#at
    const bytes = this.#bytes
    if (value >= 0 && value < 128) bytes[this.#at++] = Number(value)
    else if (value >= -4096 && value < 4096) {
      const low = Number(value) & 0x1fff
      bytes[this.#at++] = 0xc0 | (low >> 8)
      bytes[this.#at++] = low & 0xff
    } else if (value >= -0x8000 && value < 0x8000) this.#at = bytes.writeInt16LE(Number(value), this.#lead(INT_16))
    else if (value >= -0x80_0000 && value < 0x80_0000) this.#at = bytes.writeIntLE(Number(value), this.#lead(INT_24), 3)
    else if (value >= -0x8000_0000 && value < 0x8000_0000)
      this.#at = bytes.writeInt32LE(Number(value), this.#lead(INT_32))
    else this.#at = bytes.writeBigInt64LE(BigInt(value), this.#lead(INT_64))
    this.#back(start)
  }

  /** A string; one that is an integer's only decimal form is kept as that, as Redis does. */
  text(text: string): void {
    const integer = integerOf(text)
    if (integer !== undefined) {
      this.integer(integer)
      return
    }
    const isAscii = Buffer.byteLength(text) === text.length
    const encoded = isAscii ? null : bufferOf(text)
    const size = encoded === null ? text.length : encoded.length
    this.#reserve(5 + size)
    const start = this.#at
    const bytes = this.#bytes
    if (size < 64) bytes[this.#at++] = 0x80 | size
    else if (size < 4096) {
      bytes[this.#at++] = 0xe0 | (size >> 8)
      bytes[this.#at++] = size & 0xff
    } else this.#at = bytes.writeUInt32LE(size, this.#lead(STRING_32))
    if (encoded === null) latin1Write(bytes, text, this.#at)
    else encoded.copy(bytes, this.#at)
    this.#at += size
    this.#back(start)
  }

  /** The whole; good until the next `reset`. */
  finish(): Buffer {
    this.#reserve(1)
    this.#bytes[this.#at] = END
    const whole = this.#bytes.subarray(0, this.#at + 1)
    whole.writeUInt32LE(whole.length, 0)
    whole.writeUInt16LE(Math.min(this.#count, COUNT_UNKNOWN), 4)
    return whole
  }

  #lead(byte: number): number {
    this.#bytes[this.#at] = byte
    return this.#at + 1
  }

  #back(start: number): void {
    const size = this.#at - start
    const width = backBytes(size, !this.#newBackLengths)
    this.#reserve(width)
    let value = size
    for (let i = width - 1; i >= 0; i--) {
      this.#bytes[this.#at + i] = (value & 0x7f) | (i === 0 ? 0 : 0x80)
      value = Math.floor(value / 128)
    }
    this.#at += width
    this.#count++
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#at + count))
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
  }
}

const INTEGER = /^(?:0|-?[1-9][0-9]{0,18})$/

/** The 64-bit integer whose only decimal form this is. */
function integerOf(text: string): bigint | undefined {
  if (text.length > 20 || !INTEGER.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? value : undefined
}
