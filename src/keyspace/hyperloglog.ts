// A HyperLogLog, in the bytes in which Redis keeps it: they are a string value, which clients, snapshots and other servers
// read and write as it is.
//
//   HYLL encoding 0 0 0   8 bytes: the cardinality, lowest byte first; the highest bit says that it is out of date
//   dense    16384 registers of 6 bits, the lowest bits first
//   sparse   runs of registers:  00xxxxxx zeros, x+1   01xxxxxx xxxxxxxx zeros, x+1   1vvvvvxx value v+1, x+1 times

import { latin1Slice, latin1Write } from '../bytes.js'
import { hash, hashed } from './murmur.js'

const MAGIC = 'HYLL'
const ENCODING_AT = 4
const CARDINALITY_AT = 8
/** Whose highest bit says that the cardinality is out of date. */
const STALE_AT = 15
const HEADER_BYTES = 16

const INDEX_BITS = 14
export const REGISTERS = 2 ** INDEX_BITS
/** The hash bits that do not choose the register: the longest run of zeros in them, and one. */
const MAX_RUN = 64 - INDEX_BITS + 1
const SEED = 0xadc83b19
const DENSE_BYTES = HEADER_BYTES + (REGISTERS * 6) / 8

const MAX_SPARSE_VALUE = 32
const MAX_VALUE_RUN = 4
const MAX_SHORT_ZEROS = 64
/** How many runs are looked at for neighbours that can be merged, after one was changed. */
const MERGE_REACH = 5

/** 0.5 / ln 2 */
const ALPHA = 0.7213475204444817

export type HllEncoding = 'dense' | 'sparse'

/** The runs do not add up to the registers. */
export class CorruptHll extends Error {}

export class HyperLogLog {
  /** Longer than what is held while a sparse one grows. */
  #bytes: Buffer
  #length: number

  private constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#length = bytes.length
  }

  /** An empty one: sparse, all registers in one run of zeros. */
  static empty(): HyperLogLog {
    const bytes = Buffer.alloc(HEADER_BYTES + 2)
    latin1Write(bytes, MAGIC, 0)
    bytes[ENCODING_AT] = 1
    bytes.set(zeros(REGISTERS), HEADER_BYTES)
    return new HyperLogLog(bytes)
  }

  /** From a string value in latin1 form; null when that is none. The runs of a sparse one are not looked at yet. */
  static parse(latin1: string): HyperLogLog | null {
    if (latin1.length < HEADER_BYTES || !latin1.startsWith(MAGIC)) return null
    const encoding = latin1.charCodeAt(ENCODING_AT)
    if (encoding > 1 || (encoding === 0 && latin1.length !== DENSE_BYTES)) return null
    return new HyperLogLog(Buffer.from(latin1, 'latin1'))
  }

  get encoding(): HllEncoding {
    return this.#bytes[ENCODING_AT] === 0 ? 'dense' : 'sparse'
  }

  get latin1(): string {
    return latin1Slice(this.#bytes, 0, this.#length)
  }

  /** The cardinality when it was last counted, or null when registers have changed since. */
  get cardinality(): bigint | null {
    return (this.#bytes[STALE_AT] & 0x80) === 0 ? this.#bytes.readBigUInt64LE(CARDINALITY_AT) : null
  }
  set cardinality(cardinality: bigint | null) {
    if (cardinality === null) this.#bytes[STALE_AT] |= 0x80
    else this.#bytes.writeBigUInt64LE(cardinality, CARDINALITY_AT)
  }

  /** Adds an element, in latin1 form. Whether a register changed. Throws CorruptHll. */
  add(latin1: string, maxSparseBytes: number): boolean {
    hash(latin1, SEED)
    const { high, low } = hashed
    const rest = low >>> INDEX_BITS
    const run = rest !== 0 ? trailingZeros(rest) + 1 : high !== 0 ? trailingZeros(high) + 33 - INDEX_BITS : MAX_RUN
    return this.raise(low & (REGISTERS - 1), run, maxSparseBytes)
  }

  /**
   * Sets a register if it is below `value`. Whether it was. A sparse one becomes dense when it cannot hold the value or
   * would outgrow `maxSparseBytes`. Throws CorruptHll.
   */
  raise(index: number, value: number, maxSparseBytes: number): boolean {
    if (this.encoding === 'sparse') {
      const isRaised = value > MAX_SPARSE_VALUE ? undefined : this.#raiseSparse(index, value, maxSparseBytes)
      if (isRaised !== undefined) return isRaised
      this.toDense()
    }
    if (this.#register(index) >= value) return false
    this.#setRegister(index, value)
    return true
  }

  /** Throws CorruptHll. */
  toDense(): void {
    if (this.encoding === 'dense') return
    const registers = new Uint8Array(REGISTERS)
    this.mergeInto(registers)
    const sparse = this.#bytes
    this.#bytes = Buffer.alloc(DENSE_BYTES)
    this.#length = DENSE_BYTES
    sparse.copy(this.#bytes, 0, 0, HEADER_BYTES)
    this.#bytes[ENCODING_AT] = 0
    for (let i = 0; i < REGISTERS; i++) if (registers[i] > 0) this.#setRegister(i, registers[i])
  }

  /** Raises each of the registers to ours. Throws CorruptHll. */
  mergeInto(registers: Uint8Array): void {
    if (this.encoding === 'dense') {
      for (let i = 0; i < REGISTERS; i++) registers[i] = Math.max(registers[i], this.#register(i))
      return
    }
    let index = 0
    for (const { value, count } of this.runs()) {
      if (value > 0) {
        if (index + count > REGISTERS) throw new CorruptHll()
        for (let i = index; i < index + count; i++) registers[i] = Math.max(registers[i], value)
      }
      index += count
    }
    if (index !== REGISTERS) throw new CorruptHll()
  }

  /** About how many different elements were added. Throws CorruptHll. */
  count(): bigint {
    const histogram = new Array<number>(64).fill(0)
    if (this.encoding === 'dense') {
      for (let i = 0; i < REGISTERS; i++) histogram[this.#register(i)]++
    } else {
      let registers = 0
      for (const { value, count } of this.runs()) {
        histogram[value] += count
        registers += count
      }
      if (registers !== REGISTERS) throw new CorruptHll()
    }
    return estimate(histogram)
  }

  /** The runs of a sparse one: zeros, short or long, and values. */
  *runs(): Generator<{ value: number; count: number; isLong: boolean }, undefined> {
    for (let at = HEADER_BYTES; at < this.#length; at += this.#runBytes(at)) {
      yield { value: this.#runValue(at), count: this.#runCount(at), isLong: this.#runBytes(at) === 2 }
    }
  }

  #register(index: number): number {
    const at = HEADER_BYTES + ((index * 6) >> 3)
    const shift = (index * 6) & 7
    return ((this.#bytes[at] >> shift) | (this.#bytes[at + 1] << (8 - shift))) & 63
  }

  #setRegister(index: number, value: number): void {
    const bytes = this.#bytes
    const at = HEADER_BYTES + ((index * 6) >> 3)
    const shift = (index * 6) & 7
    bytes[at] = (bytes[at] & ~(63 << shift)) | (value << shift)
    if (shift > 2) bytes[at + 1] = (bytes[at + 1] & ~(63 >> (8 - shift))) | (value >> (8 - shift))
  }

  #isValue(at: number): boolean {
    return (this.#bytes[at] & 0x80) !== 0
  }
  #runBytes(at: number): number {
    return (this.#bytes[at] & 0xc0) === 0x40 ? 2 : 1
  }
  #runValue(at: number): number {
    return this.#isValue(at) ? ((this.#bytes[at] >> 2) & 0x1f) + 1 : 0
  }
  #runCount(at: number): number {
    const code = this.#bytes[at]
    if (this.#isValue(at)) return (code & 3) + 1
    if (this.#runBytes(at) === 1) return (code & 0x3f) + 1
    // A second byte that is missing counts as zero, as for Redis.
    return (((code & 0x3f) << 8) | (at + 1 < this.#length ? this.#bytes[at + 1] : 0)) + 1
  }

  /** Whether the register was raised; undefined when it has to become dense for that. */
  #raiseSparse(index: number, value: number, maxBytes: number): boolean | undefined {
    let at = HEADER_BYTES
    let before: number | undefined
    let first = 0
    while (at < this.#length && index >= first + this.#runCount(at)) {
      first += this.#runCount(at)
      before = at
      at += this.#runBytes(at)
    }
    if (at >= this.#length) throw new CorruptHll()
    const held = this.#runValue(at)
    if (held >= value) return false
    const left = index - first
    const right = this.#runCount(at) - left - 1
    // The run is split: what is before the register, the register, what is behind it.
    const parts = [...runOf(held, left), ...runOf(value, 1), ...runOf(held, right)]
    const growth = parts.length - Math.min(this.#runBytes(at), this.#length - at)
    if (growth > 0 && this.#length + growth > maxBytes) return undefined
    this.#replace(at, parts, growth)
    this.#mergeNeighbours(before ?? HEADER_BYTES)
    this.cardinality = null
    return true
  }

  /** Puts `parts` in the place of the run at `at`. */
  #replace(at: number, parts: readonly number[], growth: number): void {
    const length = this.#length + growth
    if (length > this.#bytes.length) {
      const bytes = Buffer.alloc(length * 2)
      this.#bytes.copy(bytes)
      this.#bytes = bytes
    }
    if (growth !== 0) this.#bytes.copyWithin(at + parts.length, at + parts.length - growth, this.#length)
    this.#bytes.set(parts, at)
    this.#length = length
  }

  /** Runs of the same value side by side become one, as far as one can hold them. */
  #mergeNeighbours(from: number): void {
    let at = from
    for (let looked = 0; looked < MERGE_REACH && at < this.#length; looked++) {
      const next = at + 1
      const canMerge =
        this.#isValue(at) &&
        next < this.#length &&
        this.#isValue(next) &&
        this.#runValue(at) === this.#runValue(next) &&
        this.#runCount(at) + this.#runCount(next) <= MAX_VALUE_RUN
      if (canMerge) this.#replace(at, runOf(this.#runValue(at), this.#runCount(at) + this.#runCount(next)), -1)
      else at += this.#runBytes(at)
    }
  }
}

/** The cardinality that registers stand for, one a byte. */
export function countRegisters(registers: Uint8Array): bigint {
  const histogram = new Array<number>(64).fill(0)
  for (const value of registers) histogram[value]++
  return estimate(histogram)
}

function runOf(value: number, count: number): number[] {
  if (count === 0) return []
  return value === 0 ? zeros(count) : [0x80 | ((value - 1) << 2) | (count - 1)]
}

function zeros(count: number): number[] {
  const code = count - 1
  return count <= MAX_SHORT_ZEROS ? [code] : [0x40 | (code >> 8), code & 0xff]
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word)
}

/**
 * From how many registers hold each value. Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches,
 * arXiv:1702.01284, algorithm 6; the order of the operations is that of Redis, so that the last digit is too.
 */
function estimate(histogram: readonly number[]): bigint {
  let z = REGISTERS * tau((REGISTERS - histogram[MAX_RUN]) / REGISTERS)
  for (let value = MAX_RUN - 1; value >= 1; value--) z = (z + histogram[value]) * 0.5
  z += REGISTERS * sigma(histogram[0] / REGISTERS)
  const estimated = Math.round((ALPHA * REGISTERS * REGISTERS) / z)
  return Number.isFinite(estimated) ? BigInt(estimated) : 0n
}

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY
  let x = share
  let y = 1
  let z = x
  for (let before = Number.NaN; before !== z; ) {
    x *= x
    before = z
    z += x * y
    y += y
  }
  return z
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let x = share
  let y = 1
  let z = 1 - x
  for (let before = Number.NaN; before !== z; ) {
    x = Math.sqrt(x)
    before = z
    y *= 0.5
    z -= (1 - x) * (1 - x) * y
  }
  return z / 3
}
