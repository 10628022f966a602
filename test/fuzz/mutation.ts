// How inputs are made from others: bits and bytes changed, pieces cut out, doubled, moved and taken from other inputs,
// numbers and lengths that lie, words of the format put in. Everything comes from one seed.

import { RandomStream } from '../../src/transports/random-stream.js'

export class Chance {
  readonly #stream: RandomStream

  constructor(seed: number, name: string) {
    this.#stream = new RandomStream(seed, name)
  }

  /** A whole number from 0 on, below `count`. */
  below(count: number): number {
    return Math.floor(this.#stream.next() * count)
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]
  }

  bool(): boolean {
    return this.#stream.next() < 0.5
  }

  /** Between 1 and `most`: small ones far more often than large ones. */
  few(most: number): number {
    return Math.max(1, Math.floor(most ** this.#stream.next()))
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)))
  }
}

/** Numbers as text formats have them. Each is at the edge of something. */
export const numbers: readonly string[] = [
  '0',
  '1',
  '-1',
  '2',
  '-0',
  '3.0e-1',
  '16',
  '127',
  '255',
  '256',
  '1000',
  '65535',
  '65536',
  '1048576',
  '2147483647',
  '2147483648',
  '-2147483649',
  '4294967295',
  '4294967296',
  '536870888',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '18446744073709551615',
  '99999999999999999999999',
  '1e308',
  '-inf',
  'nan',
  '+5',
  '007',
  '0x10',
  '',
]

/** Bytes that are a length, a mark or the edge of a number in one of the binary formats. */
const edges: readonly string[] = [
  '\0',
  '\x01',
  '\x3f',
  '\x7f\xff',
  '\x80\xff\xff\xff\xff',
  '\x80\0\x01\0\0',
  '\x81\0\0\x01\0\0\0\0\0',
  '\x81\xff\xff\xff\xff\xff\xff\xff\xff',
  '\xc0\xff',
  '\xc3\x04\x80\x1f\xff\xff\xff',
  '\xf0\xff\xff\xff\x7f',
  '\xfe\xff\xff\xff\xff',
  '\xff',
  '\xff\xff',
  '\xff\xff\xff\xff',
  '\xff\xff\xff\xff\xff\xff\xff\xff',
  '\0\0\0\0\0\0\0\0',
  '\r\n',
  '\xc3\xa4',
  '\xed\xa0\x80',
]

export class Mutator {
  readonly #chance: Chance
  readonly #words: readonly Buffer[]
  readonly #maxBytes: number

  constructor(chance: Chance, words: readonly string[], maxBytes: number) {
    this.#chance = chance
    this.#words = [...edges, ...words].map((word) => Buffer.from(word, 'latin1'))
    this.#maxBytes = maxBytes
  }

  /** A changed copy of `input`; `other` lends pieces. */
  mutate(input: Buffer, other: Buffer): Buffer {
    let bytes: Buffer = Buffer.from(input)
    for (let steps = this.#chance.few(8); steps > 0; steps--) bytes = this.#step(bytes, other)
    return bytes.length > this.#maxBytes ? bytes.subarray(0, this.#maxBytes) : bytes
  }

  #step(bytes: Buffer, other: Buffer): Buffer {
    const chance = this.#chance
    const at = chance.below(bytes.length + 1)
    const until = Math.min(bytes.length, at + chance.few(64))
    const put = (middle: Buffer, end = at): Buffer =>
      Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(end)])
    switch (chance.below(13)) {
      case 0:
        if (at < bytes.length) bytes[at] ^= 1 << chance.below(8)
        return bytes
      case 1:
        if (at < bytes.length) bytes[at] = chance.below(256)
        return bytes
      case 2:
        if (at < bytes.length) bytes[at] += chance.bool() ? chance.few(35) : -chance.few(35)
        return bytes
      case 3: {
        const word = chance.of(this.#words)
        return put(word, Math.min(bytes.length, at + word.length))
      }
      case 4:
      case 5:
        return put(chance.of(this.#words), chance.bool() ? at : until)
      case 6:
        return put(Buffer.alloc(0), until)
      case 7:
        return bytes.subarray(0, at)
      case 8:
        return this.#repeat(bytes, at, until)
      case 9: {
        const from = chance.below(other.length + 1)
        return put(other.subarray(from, from + chance.few(256)), chance.bool() ? at : until)
      }
      case 10:
        return Buffer.concat([bytes.subarray(0, at), other.subarray(chance.below(other.length + 1))])
      case 11:
        return put(chance.bytes(chance.few(8)), chance.bool() ? at : until)
      default:
        return this.#number(bytes, at)
    }
  }

  #repeat(bytes: Buffer, at: number, until: number): Buffer {
    const room = Math.max(0, this.#maxBytes - bytes.length)
    const times = Math.min(this.#chance.few(400), Math.floor(room / Math.max(1, until - at)))
    const piece = bytes.subarray(at, until)
    return Buffer.concat([bytes.subarray(0, at), ...Array<Buffer>(times).fill(piece), bytes.subarray(at)])
  }

  /** Another number in the place of the next one that is written in digits. */
  #number(bytes: Buffer, at: number): Buffer {
    const isDigit = (i: number): boolean => bytes[i] >= 0x30 && bytes[i] <= 0x39
    let start = at
    while (start < bytes.length && !isDigit(start)) start++
    let end = start
    while (end < bytes.length && isDigit(end)) end++
    const was = Number(bytes.toString('latin1', start, end))
    const number = this.#chance.bool() ? this.#chance.of(numbers) : String(was + this.#chance.below(5) - 2)
    return Buffer.concat([bytes.subarray(0, start), Buffer.from(number), bytes.subarray(end)])
  }
}
