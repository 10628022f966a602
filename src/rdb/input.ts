// The bytes of an RDB file as they come: in pieces of any size, cut anywhere. The reader asks for a number, a length or a
// string; each answer is the thing, or "not all of it is here yet", and then nothing was taken and the same question is
// asked again when there are more bytes. Knows lengths and string encodings; knows no opcodes, types or keys.
// Small things that are cut in two wait in a few hundred bytes; a string that is not whole grows in memory with the
// bytes that really came, never with what its length claims.

import { type Arg, argOfBuffer, isAsciiText, latin1Slice } from '../bytes.js'
import { assert, StoreError } from '../errors.js'
import { type StreamId, type Uint64, uint64 } from '../keyspace/stream-id.js'
import { Crc64 } from './crc64.js'
import { decompress, MAX_EXPANSION } from './lzf.js'
import { MAX_SHORTCUT_BYTES, sliceText } from './packed.js'

/** The longest thing besides a string's bytes that is taken at once: a score as text. */
const MAX_UNIT_BYTES = 256

/** Bigger strings that were cut in two, and bigger compressed ones, get memory of their own instead of a shared piece. */
const SCRATCH_BYTES = 64 * 1024

/** V8 has no longer string, on any 64-bit machine. A little less than Redis' 512 MiB. */
const MAX_TEXT_BYTES = 2 ** 29 - 24

/** Not all of it is here. What can be negative is asked for with `has` instead. */
const MORE = -1

const NOTHING = Buffer.alloc(0)

export class RdbInput {
  readonly #maxStringBytes: number
  readonly #crc = new Crc64()

  /** The bytes being read: a piece as it was given, or `#joint`. Only during `feed`. */
  #bytes: Buffer = NOTHING
  #at = 0
  #end = 0
  /** Where in the file `#bytes[0]` stands. */
  #base = 0
  /** `#bytes` before this are in the checksum. */
  #summed = 0

  /** What was left of earlier pieces: the first `#kept` bytes. The start of the next piece is put behind it. */
  readonly #joint = Buffer.allocUnsafeSlow(2 * MAX_UNIT_BYTES)
  #kept = 0

  /** The string under way: bytes still to be had in the file (MORE: its head was not read), and inflated (MORE: plain). */
  #wanted = MORE
  #inflated = MORE
  #headOffset = 0
  #partial: Buffer = NOTHING
  #filled = 0

  /** The string that `string` found: bytes in `#source`, or a number that was kept as one. Good until the next question. */
  #source: Buffer = NOTHING
  #start = 0
  #stop = 0
  #decimal = ''
  #scratch: Buffer | undefined

  constructor(maxStringBytes: number) {
    this.#maxStringBytes = Math.min(maxStringBytes, MAX_TEXT_BYTES)
  }

  /** The position in the file of the next byte to be taken. */
  get offset(): number {
    return this.#base + this.#at
  }

  /** Whether bytes are here that were not taken. Only during `feed`. */
  get unread(): boolean {
    return this.#at < this.#end
  }

  /** Takes all that is here, a copy. Only during `feed`. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.#bytes.subarray(this.#at, this.#end))
    this.#at = this.#end
    return rest
  }

  /** Lets `read` take from the next bytes as often as is needed to use them up. Keeps no reference to `piece`. */
  feed(piece: Buffer, read: () => void): void {
    let from = 0
    if (this.#kept > 0) {
      const kept = this.#kept
      const added = piece.copy(this.#joint, kept, 0, MAX_UNIT_BYTES)
      this.#run(this.#joint, 0, kept + added, read)
      // Less was taken than had waited: then the piece was so short that all of it waits now.
      if (this.#at < kept) {
        this.#keep()
        return
      }
      from = this.#at - kept
    }
    this.#run(piece, from, piece.length, read)
    this.#keep()
  }

  #run(bytes: Buffer, from: number, end: number, read: () => void): void {
    this.#base = this.offset - from
    this.#bytes = bytes
    this.#at = from
    this.#summed = from
    this.#end = end
    read()
    this.#sum()
    this.#source = NOTHING
  }

  /** Puts what was not taken aside, and lets go of the piece. */
  #keep(): void {
    this.#kept = this.#end - this.#at
    assert(this.#kept <= MAX_UNIT_BYTES, 'the reader left bytes that it could have taken')
    this.#bytes.copy(this.#joint, 0, this.#at, this.#end)
    this.#base = this.offset
    this.#bytes = NOTHING
    this.#at = this.#end = 0
  }

  /** Brings the checksum up to the last byte taken. */
  #sum(): void {
    this.#crc.update(this.#bytes, this.#summed, this.#at)
    this.#summed = this.#at
  }

  /** The checksum of everything taken so far. */
  checksum(): Crc64 {
    this.#sum()
    return this.#crc
  }

  /** Whether `count` bytes, 256 at most, can be taken. */
  has(count: number): boolean {
    return this.#end - this.#at >= count
  }

  skip(count: number): void {
    this.#at += count
  }

  // The take methods are asked after `has`.

  takeByte(): number {
    return this.#bytes[this.#at++]
  }

  takeUint32(): number {
    this.#at += 4
    return this.#bytes.readUInt32LE(this.#at - 4)
  }

  takeInt32(): number {
    return this.takeUint32() | 0
  }

  /** As a number: exact up to 2^53, as every time is that means something. */
  takeInt64(): number {
    const low = this.takeUint32()
    return this.takeInt32() * 2 ** 32 + low
  }

  takeDouble(): number {
    this.#at += 8
    return this.#bytes.readDoubleLE(this.#at - 8)
  }

  /** A stream's id, 16 bytes, highest first. */
  takeId(): StreamId {
    this.#at += 16
    return idAt(this.#bytes, this.#at - 16)
  }

  takeLatin1(count: number): string {
    this.#at += count
    return latin1Slice(this.#bytes, this.#at - count, this.#at)
  }

  /** A length, or MORE (negative). Above 2^53 not exact, which is far past every limit. */
  length(): number {
    if (this.#at >= this.#end) return MORE
    const lead = this.#bytes[this.#at]
    if (lead < 0x40) {
      this.#at++
      return lead
    }
    if (lead < 0x80) {
      if (!this.has(2)) return MORE
      this.#at += 2
      return ((lead & 0x3f) << 8) | this.#bytes[this.#at - 1]
    }
    if (lead === 0x80) {
      if (!this.has(5)) return MORE
      this.#at += 5
      return this.#bytes.readUInt32BE(this.#at - 4)
    }
    if (lead === 0x81) {
      if (!this.has(9)) return MORE
      this.#at += 9
      return this.#bytes.readUInt32BE(this.#at - 8) * 2 ** 32 + this.#bytes.readUInt32BE(this.#at - 4)
    }
    throw this.error(`0x${lead.toString(16)} where a length should be`)
  }

  /** A length of 64 bits, exact; or MORE (negative). */
  wideLength(): Uint64 {
    if (this.#at >= this.#end || this.#bytes[this.#at] !== 0x81) return this.length()
    if (!this.has(9)) return MORE
    this.#at += 9
    return uint64(this.#bytes.readBigUInt64BE(this.#at - 8))
  }

  /** Takes a string. True: `text`, `arg` and `latin1` give it, until the next question. False: not all of it is here. */
  string(): boolean {
    if (this.#wanted === MORE) {
      this.#headOffset = this.offset
      if (!this.#stringHead()) return false
      if (this.#wanted === MORE) return true // It was a number, and is whole.
    }
    const count = this.#wanted
    if (this.#filled === 0 && this.#end - this.#at >= count) {
      this.#source = this.#bytes
      this.#start = this.#at
      this.#stop = this.#at += count
    } else {
      if (!this.#collect(count)) return false
      this.#source = this.#partial
      this.#start = 0
      this.#stop = count
      this.#partial = NOTHING
      this.#filled = 0
    }
    this.#wanted = MORE
    if (this.#inflated !== MORE) this.#inflate(this.#inflated)
    return true
  }

  /** Takes what says how long the string is, or all of a string that was kept as a number. */
  #stringHead(): boolean {
    this.#decimal = ''
    this.#inflated = MORE
    const start = this.#at
    if (start >= this.#end) return false
    const lead = this.#bytes[start]
    if (lead < 0xc0) {
      this.#wanted = this.#limited(this.length())
      return this.#wanted !== MORE
    }
    switch (lead) {
      case 0xc0:
        if (!this.has(2)) return false
        this.#decimal = String(this.#bytes.readInt8(start + 1))
        this.#at += 2
        return true
      case 0xc1:
        if (!this.has(3)) return false
        this.#decimal = String(this.#bytes.readInt16LE(start + 1))
        this.#at += 3
        return true
      case 0xc2:
        if (!this.has(5)) return false
        this.#decimal = String(this.#bytes.readInt32LE(start + 1))
        this.#at += 5
        return true
      case 0xc3:
        return this.#compressedHead()
      default:
        throw this.error(`unknown string encoding ${lead & 0x3f}`)
    }
  }

  #compressedHead(): boolean {
    const start = this.#at
    this.#at++
    const compressed = this.length()
    const inflated = compressed === MORE ? MORE : this.length()
    if (inflated === MORE) {
      this.#at = start
      return false
    }
    if (inflated > this.#limited(compressed) * MAX_EXPANSION) {
      throw this.error(`${compressed} compressed bytes cannot become ${inflated}`, this.#headOffset)
    }
    this.#inflated = this.#limited(inflated)
    this.#wanted = compressed
    return true
  }

  #limited(length: number): number {
    if (length <= this.#maxStringBytes) return length
    throw this.error(`a string of ${length} bytes is over the limit of ${this.#maxStringBytes}`, this.#headOffset)
  }

  /** Adds what is here to the string under way. Memory doubles as bytes come, so each byte is copied a few times at most. */
  #collect(count: number): boolean {
    const added = Math.min(count - this.#filled, this.#end - this.#at)
    const filled = this.#filled + added
    if (filled > this.#partial.length) {
      const size = Math.min(count, Math.max(SCRATCH_BYTES, 2 * filled))
      const grown = Buffer.allocUnsafeSlow(size)
      this.#partial.copy(grown, 0, 0, this.#filled)
      this.#partial = grown
    }
    this.#bytes.copy(this.#partial, this.#filled, this.#at, this.#at + added)
    this.#at += added
    this.#filled = filled
    return filled === count
  }

  #inflate(length: number): void {
    let target: Buffer
    if (length > SCRATCH_BYTES) target = Buffer.allocUnsafeSlow(length)
    else target = this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    if (!decompress(this.#source, this.#start, this.#stop, target, length)) {
      throw this.error('a damaged compressed string', this.#headOffset)
    }
    this.#source = target
    this.#start = 0
    this.#stop = length
  }

  /** The string as text: a key, a field, a member. */
  text(): string {
    return this.#decimal !== '' ? this.#decimal : sliceText(this.#source, this.#start, this.#stop)
  }

  /** The string as a value. */
  arg(): Arg {
    if (this.#decimal !== '') return this.#decimal
    if (this.#stop - this.#start <= MAX_SHORTCUT_BYTES) {
      const latin1 = latin1Slice(this.#source, this.#start, this.#stop)
      if (isAsciiText(latin1)) return latin1
    }
    return argOfBuffer(this.#source, this.#start, this.#stop)
  }

  /** The string's bytes, one a character. */
  latin1(): string {
    return this.#decimal !== '' ? this.#decimal : latin1Slice(this.#source, this.#start, this.#stop)
  }

  /** The string's bytes themselves: not to be kept or changed. */
  view(): Buffer {
    return this.#decimal !== '' ? Buffer.from(this.#decimal) : this.#source.subarray(this.#start, this.#stop)
  }

  /** An error that says where in the file the trouble is. */
  error(what: string, offset = this.offset): StoreError {
    return new StoreError('RDB', `damaged or unsupported RDB: ${what}, at byte ${offset}`)
  }
}

/** The stream id whose 16 bytes, highest first, stand there. */
export function idAt(bytes: Buffer, at: number): StreamId {
  return { ms: uint64(bytes.readBigUInt64BE(at)), seq: uint64(bytes.readBigUInt64BE(at + 8)) }
}
