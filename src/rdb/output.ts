// The numbers, lengths and strings of an RDB file, put straight into the chunk that is handed out when full, with the
// checksum of it all. The counterpart of input.ts: knows string encodings; knows no records, types or keys.

import { type Arg, bufferOf, latin1Write } from '../bytes.js'
import type { StreamId, Uint64 } from '../keyspace/stream-id.js'
import { Crc64 } from './crc64.js'
import { compress } from './lzf.js'

const DEFAULT_CHUNK_BYTES = 64 * 1024
const MIN_CHUNK_BYTES = 256

/** A length takes this much at most. */
const MAX_LENGTH_BYTES = 9

/** Redis compresses strings longer than 20 bytes, and keeps the result if it saves at least 4. */
const MIN_COMPRESSED_BYTES = 21
const MIN_SAVED_BYTES = 4
/**
 * Longer strings stay as they are, unlike in Redis: compressing needs the whole string and its result in memory beside
 * the value, and stops the event loop for some milliseconds a megabyte.
 */
const MAX_COMPRESSED_BYTES = 1024 * 1024

/** Text is turned into bytes in pieces of so many characters when it is longer than a part of a chunk. */
const PIECE_CHARACTERS = 16 * 1024

/** Up to this length a loop over the characters is faster than a call into Buffer's native code. */
const MAX_LOOP_CHARACTERS = 24

/** Up to this number a loop over bytes is faster than Buffer.copy, which makes an object of the part that is copied. */
const MAX_LOOP_BYTES = 128

const NOTHING = Buffer.alloc(0)

export interface OutputOptions {
  compress?: boolean
  checksum?: boolean
  chunkBytes?: number
}

export class RdbOutput {
  readonly #emit: (chunk: Buffer) => void
  readonly #compress: boolean
  readonly #crc: Crc64 | undefined
  readonly #chunkBytes: number
  /** Strings up to this length are put into a chunk in one go; for a longer one the chunk's end does not matter. */
  readonly #inlineBytes: number
  #chunk: Buffer = NOTHING
  #at = 0
  #flushed = 0
  #compressed: Buffer = NOTHING

  /** `emit` gets chunks of about `chunkBytes` (256 at least), each in memory of its own that is never used again here. */
  constructor(emit: (chunk: Buffer) => void, options: OutputOptions = {}) {
    this.#emit = emit
    this.#compress = options.compress ?? true
    this.#crc = (options.checksum ?? true) ? new Crc64() : undefined
    this.#chunkBytes = Math.max(MIN_CHUNK_BYTES, options.chunkBytes ?? DEFAULT_CHUNK_BYTES)
    this.#inlineBytes = this.#chunkBytes >>> 2
  }

  get bytesWritten(): number {
    return this.#flushed + this.#at
  }

  /** The checksum of everything so far, or zeros, and the last chunk. */
  end(): void {
    this.#reserve(8)
    this.#crc?.update(this.#chunk, 0, this.#at)
    this.#chunk.writeUInt32LE(this.#crc?.low ?? 0, this.#at)
    this.#chunk.writeUInt32LE(this.#crc?.high ?? 0, this.#at + 4)
    this.#at += 8
    this.#handOver()
  }

  /** The last chunk, and nothing behind it: of what is no RDB file. */
  finish(): void {
    this.#flush()
  }

  /** Makes sure that `count` bytes, a chunk at most, fit without a look at the chunk's end. */
  #reserve(count: number): void {
    if (this.#at + count <= this.#chunk.length) return
    this.#flush()
    this.#chunk = Buffer.allocUnsafeSlow(this.#chunkBytes)
  }

  #flush(): void {
    if (this.#at === 0) return
    this.#crc?.update(this.#chunk, 0, this.#at)
    this.#handOver()
  }

  #handOver(): void {
    const chunk = this.#chunk.subarray(0, this.#at)
    this.#flushed += this.#at
    this.#at = 0
    this.#chunk = NOTHING
    this.#emit(chunk)
  }

  byte(byte: number): void {
    this.#reserve(1)
    this.#chunk[this.#at++] = byte
  }

  int64(value: number): void {
    this.#reserve(8)
    const high = Math.floor(value / 2 ** 32)
    this.#chunk.writeUInt32LE(value - high * 2 ** 32, this.#at)
    this.#chunk.writeInt32LE(high, this.#at + 4)
    this.#at += 8
  }

  uint16(value: number): void {
    this.#reserve(2)
    this.#at = this.#chunk.writeUInt16LE(value, this.#at)
  }

  double(value: number): void {
    this.#reserve(8)
    this.#at = this.#chunk.writeDoubleLE(value, this.#at)
  }

  /** A stream's id as 16 bytes, highest first. */
  id({ ms, seq }: StreamId): void {
    this.#reserve(16)
    this.#at = this.#chunk.writeBigUInt64BE(BigInt(ms), this.#at)
    this.#at = this.#chunk.writeBigUInt64BE(BigInt(seq), this.#at)
  }

  /** A length of 64 bits. */
  wideLength(length: Uint64): void {
    if (typeof length === 'number') this.length(length)
    else {
      this.#reserve(MAX_LENGTH_BYTES)
      this.#chunk[this.#at] = 0x81
      this.#at = this.#chunk.writeBigUInt64BE(length, this.#at + 1)
    }
  }

  length(length: number): void {
    this.#reserve(MAX_LENGTH_BYTES)
    this.#at = putLength(this.#chunk, this.#at, length)
  }

  /** A string-type value. */
  arg(value: Arg): void {
    if (typeof value === 'string') this.text(value)
    else this.latin1(value.latin1)
  }

  /** A string-type value: a step for each piece of one that is too long to be compressed. */
  *argInSteps(value: Arg): Generator<void, void, void> {
    const text = typeof value === 'string' ? value : value.latin1
    const isLatin1 = typeof value !== 'string' || Buffer.byteLength(text) === text.length
    if (!isLatin1 || text.length <= MAX_COMPRESSED_BYTES) {
      this.arg(value)
      return
    }
    this.length(text.length)
    for (let done = 0; done < text.length; done += this.#chunkBytes) {
      this.latin1Bytes(text.slice(done, done + this.#chunkBytes))
      yield
    }
  }

  /** A string given as text. */
  text(text: string): void {
    if (text.length <= MAX_LOOP_CHARACTERS && this.#shortAscii(text)) return
    const count = Buffer.byteLength(text)
    if (count === text.length) this.latin1(text)
    else if (count <= (this.#compress ? MAX_COMPRESSED_BYTES : this.#inlineBytes)) this.bytes(bufferOf(text))
    else if (text.isWellFormed()) this.#longText(text, count)
    else this.bytes(bufferOf(text)) // Escaped bytes in a long text: rare enough for a copy of the whole.
  }

  /** Writes a short ASCII string; false, and nothing was written, if it is not ASCII. */
  #shortAscii(text: string): boolean {
    const count = text.length
    if (this.#integer(text)) return true
    this.#reserve(1 + MAX_LOOP_CHARACTERS)
    const chunk = this.#chunk
    const start = this.#at + 1
    let seen = 0
    for (let i = 0; i < count; i++) {
      const unit = text.charCodeAt(i)
      seen |= unit
      chunk[start + i] = unit
    }
    if (seen >= 0x80) return false
    chunk[this.#at] = count
    this.#at = start + count
    if (count >= MIN_COMPRESSED_BYTES) this.#squeeze(start - 1, start)
    return true
  }

  /** A string given as its bytes, one a character. */
  latin1(latin1: string): void {
    if (this.#integer(latin1)) return
    const count = latin1.length
    if (count <= this.#inlineBytes) {
      this.#reserve(MAX_LENGTH_BYTES + count)
      const head = this.#at
      const start = putLength(this.#chunk, head, count)
      latin1Write(this.#chunk, latin1, start)
      this.#at = start + count
      this.#squeeze(head, start)
      return
    }
    if (this.#compress && count <= MAX_COMPRESSED_BYTES) {
      this.bytes(Buffer.from(latin1, 'latin1'))
      return
    }
    this.length(count)
    this.latin1Bytes(latin1)
  }

  /** A string given as bytes. */
  bytes(bytes: Buffer): void {
    const compressed = this.#compressTo(bytes, 0, bytes.length)
    if (compressed > 0) {
      this.#putCompressed(compressed, bytes.length)
      return
    }
    this.length(bytes.length)
    this.#put(bytes, bytes.length)
  }

  /** Text that is not ASCII and too long to be compressed, in pieces that are never cut inside of a character. */
  #longText(text: string, count: number): void {
    this.length(count)
    for (let start = 0; start < text.length; ) {
      let end = Math.min(text.length, start + PIECE_CHARACTERS)
      const last = text.charCodeAt(end - 1)
      if (last >= 0xd800 && last <= 0xdbff) end-- // The other half of this character is in the next piece.
      const piece = Buffer.from(text.slice(start, end))
      this.#put(piece, piece.length)
      start = end
    }
  }

  /** Replaces the string that was just put down, head at `head` and bytes from `start`, by its compressed form if shorter. */
  #squeeze(head: number, start: number): void {
    const count = this.#at - start
    const compressed = this.#compressTo(this.#chunk, start, this.#at)
    if (compressed === 0) return
    this.#at = head
    this.#putCompressed(compressed, count)
  }

  /** Puts the compressed form into `#compressed` and returns its length, or 0 if that is no use. */
  #compressTo(bytes: Buffer, start: number, end: number): number {
    const count = end - start
    if (!this.#compress || count < MIN_COMPRESSED_BYTES || count > MAX_COMPRESSED_BYTES) return 0
    if (this.#compressed.length < count) {
      this.#compressed = Buffer.allocUnsafeSlow(Math.min(MAX_COMPRESSED_BYTES, Math.max(4096, 2 * count)))
    }
    return compress(bytes, start, end, this.#compressed, count - MIN_SAVED_BYTES)
  }

  #putCompressed(compressed: number, count: number): void {
    this.byte(0xc3)
    this.length(compressed)
    this.length(count)
    this.#put(this.#compressed, compressed)
  }

  /** Writes text that is the decimal form of a 32-bit integer as one; false, and nothing was written, if it is not. */
  #integer(text: string): boolean {
    const value = integerOf(text)
    if (value === undefined) return false
    this.#reserve(5)
    const chunk = this.#chunk
    if (value >= -0x80 && value <= 0x7f) {
      chunk[this.#at] = 0xc0
      this.#at = chunk.writeInt8(value, this.#at + 1)
    } else if (value >= -0x8000 && value <= 0x7fff) {
      chunk[this.#at] = 0xc1
      this.#at = chunk.writeInt16LE(value, this.#at + 1)
    } else {
      chunk[this.#at] = 0xc2
      this.#at = chunk.writeInt32LE(value, this.#at + 1)
    }
    return true
  }

  /** The first `count` of these bytes, over as many chunks as it takes. */
  #put(bytes: Buffer, count: number): void {
    if (count <= MAX_LOOP_BYTES) {
      this.#reserve(count)
      for (let i = 0; i < count; i++) this.#chunk[this.#at + i] = bytes[i]
      this.#at += count
      return
    }
    for (let done = 0; done < count; ) {
      this.#reserve(1)
      const copied = bytes.copy(this.#chunk, this.#at, done, count)
      this.#at += copied
      done += copied
    }
  }

  /** These bytes, one a character, over as many chunks as it takes. Slices of a string are views: nothing is copied. */
  latin1Bytes(latin1: string): void {
    for (let done = 0; done < latin1.length; ) {
      this.#reserve(1)
      const count = Math.min(latin1.length - done, this.#chunk.length - this.#at)
      latin1Write(this.#chunk, latin1.slice(done, done + count), this.#at)
      this.#at += count
      done += count
    }
  }
}

/** Writes a length at `at` and returns where it ends. */
function putLength(chunk: Buffer, at: number, length: number): number {
  if (length < 0x40) {
    chunk[at] = length
    return at + 1
  }
  if (length < 0x4000) {
    chunk[at] = 0x40 | (length >>> 8)
    chunk[at + 1] = length & 0xff
    return at + 2
  }
  if (length <= 0xffff_ffff) {
    chunk[at] = 0x80
    return chunk.writeUInt32BE(length, at + 1)
  }
  chunk[at] = 0x81
  chunk.writeUInt32BE(Math.floor(length / 2 ** 32), at + 1)
  return chunk.writeUInt32BE(length % 2 ** 32, at + 5)
}

/** The 32-bit integer whose only decimal form this is: no leading zero, plus sign or "-0". */
function integerOf(text: string): number | undefined {
  const count = text.length
  if (count === 0 || count > 11) return undefined
  const negative = text.charCodeAt(0) === 0x2d
  const start = negative ? 1 : 0
  const first = text.charCodeAt(start)
  if (first === 0x30) return count === 1 ? 0 : undefined
  let value = 0
  for (let i = start; i < count; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (!(digit >= 0 && digit <= 9)) return undefined
    value = value * 10 + digit
  }
  if (count === start) return undefined
  if (negative) return value <= 0x8000_0000 ? -value : undefined
  return value <= 0x7fff_ffff ? value : undefined
}
