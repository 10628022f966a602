// The checksum of RDB files and of DUMP payloads: CRC-64/Jones, reflected in and out, initial value and final xor 0.
// Eight bytes a step (Intel's "slicing by 8"), each 64-bit entry as two 32-bit halves: BigInt would cost an allocation a
// step. About 1.1 GB/s on an EPYC, so that a snapshot of 100 MB spends 0.1 s here.

/** The polynomial ad93d23594c935a9, bits reversed, in halves. */
const POLYNOMIAL_LOW = 0xac4bc9b5
const POLYNOMIAL_HIGH = 0x95ac9329

const SLICES = 8

/** Entry 256*n + b: what byte b does to the checksum when n zero bytes follow it. Low and high halves. */
const LOW = new Int32Array(SLICES * 256)
const HIGH = new Int32Array(SLICES * 256)

for (let byte = 0; byte < 256; byte++) {
  let low = byte
  let high = 0
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (carry === 1) {
      low ^= POLYNOMIAL_LOW
      high ^= POLYNOMIAL_HIGH
    }
  }
  LOW[byte] = low
  HIGH[byte] = high
}
for (let i = 256; i < SLICES * 256; i++) {
  const low = LOW[i - 256]
  const high = HIGH[i - 256]
  LOW[i] = ((low >>> 8) | (high << 24)) ^ LOW[low & 0xff]
  HIGH[i] = (high >>> 8) ^ HIGH[low & 0xff]
}

/** Words are read as the machine keeps them; a big-endian one takes the byte-wise way alone. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** A checksum that grows with the bytes it is shown. */
export class Crc64 {
  #low = 0
  #high = 0

  /** Takes `bytes[start, end)`. In pieces or whole makes no difference. */
  update(bytes: Uint8Array, start = 0, end = bytes.length): this {
    // A typed array of words must start on a multiple of four: bytes singly up to there, and after the last whole pair.
    const aligned = Math.min(end, start + (-(bytes.byteOffset + start) & 3))
    const pairs = LITTLE_ENDIAN ? (end - aligned) >>> 3 : 0
    this.#updateBytes(bytes, start, aligned)
    if (pairs > 0) this.#updateWords(new Int32Array(bytes.buffer, bytes.byteOffset + aligned, pairs * 2))
    this.#updateBytes(bytes, aligned + pairs * 8, end)
    return this
  }

  /** The low 32 bits, unsigned: what stands first in a file. */
  get low(): number {
    return this.#low >>> 0
  }

  /** The high 32 bits, unsigned. */
  get high(): number {
    return this.#high >>> 0
  }

  /** Sixteen hexadecimal digits. */
  toString(): string {
    return hex64(this.low, this.high)
  }

  #updateBytes(bytes: Uint8Array, start: number, end: number): void {
    let low = this.#low
    let high = this.#high
    for (let i = start; i < end; i++) {
      const entry = (low ^ bytes[i]) & 0xff
      low = ((low >>> 8) | (high << 24)) ^ LOW[entry]
      high = (high >>> 8) ^ HIGH[entry]
    }
    this.#low = low
    this.#high = high
  }

  #updateWords(words: Int32Array): void {
    let low = this.#low
    let high = this.#high
    for (let i = 0; i < words.length; i += 2) {
      const x = low ^ words[i]
      const y = high ^ words[i + 1]
      const a = 0x700 | (x & 0xff)
      const b = 0x600 | ((x >>> 8) & 0xff)
      const c = 0x500 | ((x >>> 16) & 0xff)
      const d = 0x400 | (x >>> 24)
      const e = 0x300 | (y & 0xff)
      const f = 0x200 | ((y >>> 8) & 0xff)
      const g = 0x100 | ((y >>> 16) & 0xff)
      const h = y >>> 24
      low = LOW[a] ^ LOW[b] ^ LOW[c] ^ LOW[d] ^ LOW[e] ^ LOW[f] ^ LOW[g] ^ LOW[h]
      high = HIGH[a] ^ HIGH[b] ^ HIGH[c] ^ HIGH[d] ^ HIGH[e] ^ HIGH[f] ^ HIGH[g] ^ HIGH[h]
    }
    this.#low = low
    this.#high = high
  }
}

/** A 64-bit number in halves as sixteen hexadecimal digits. */
export function hex64(low: number, high: number): string {
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}
