// The bytes of a client's replies until they leave, as latin1 strings: those are cheaper to send than Buffers.
// Most replies are short, and to put strings together costs more than to write a few bytes: so those gather in one block of
// bytes first, and become a string when something long follows or when they leave. The block is one for all clients, and
// belongs to whom was written last: requests of one client run in a row.

import { latin1Slice } from '../bytes.js'

/** Texts up to this length are written byte by byte, 2 ns each: a longer one is faster as the string it is. */
export const SHORT_LENGTH = 24
/** Room for any short one: a marker, a number, and a text, with their line ends. */
const MOST_AT_ONCE = SHORT_LENGTH + 40
const BLOCK_BYTES = 8192
/** From here on a number is written as a string: below it has at most nine digits, and 32 bits hold it. */
const MAX_PLAIN = 1e9
/** Handed on as pieces of about this many characters, so that no string grows without end. */
const PIECE_LENGTH = 256 * 1024

const CR = 13
const LF = 10
const DOLLAR = 36
const ZERO = 48

const block: Uint8Array = Buffer.allocUnsafeSlow(BLOCK_BYTES)
/** Whose the block's first `used` bytes are. */
let holder: ReplyBytes | null = null
let used = 0

export class ReplyBytes {
  #pieces: string[] = []
  #pieceBytes = 0
  /** What follows the pieces; what is in the block follows it. */
  #text = ''

  /** Bytes added since the last `take`. */
  get length(): number {
    return this.#pieceBytes + this.#text.length + (holder === this ? used : 0)
  }

  /** What was added since the last call, in order, one byte a character. */
  take(): string[] {
    if (holder === this) {
      this.#empty()
      holder = null
    }
    const pieces = this.#pieces
    if (this.#text !== '') pieces.push(this.#text)
    this.#pieces = []
    this.#pieceBytes = 0
    this.#text = ''
    return pieces
  }

  /** Adds bytes in latin1 form. */
  add(latin1: string): void {
    if (holder === this) this.#empty()
    this.#text += latin1
    if (this.#text.length > PIECE_LENGTH) this.#cut()
  }

  /** Adds a line: a byte that says what it is, and a whole number. */
  line(marker: number, value: number | bigint): void {
    if (typeof value !== 'number' || value < 0 || value >= MAX_PLAIN) {
      this.add(`${String.fromCharCode(marker)}${value}\r\n`)
      return
    }
    this.#reserve()
    used = writeLine(used, marker, value | 0) // as an int32, in which V8 divides fast
  }

  /** Adds a bulk string if it is ASCII and short; says whether it was. */
  shortBulk(text: string): boolean {
    const { length } = text
    if (length > SHORT_LENGTH) return false
    this.#reserve()
    let at = writeLine(used, DOLLAR, length)
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) return false
      block[at++] = code
    }
    block[at] = CR
    block[at + 1] = LF
    used = at + 2
    return true
  }

  /** Adds a few bytes in latin1 form. */
  short(latin1: string): void {
    this.#reserve()
    let at = used
    for (let i = 0; i < latin1.length; i++) block[at++] = latin1.charCodeAt(i)
    used = at
  }

  /** Makes the block ours, with room for something short. */
  #reserve(): void {
    if (holder !== this) {
      if (holder !== null) holder.#empty()
      holder = this
    } else if (used > BLOCK_BYTES - MOST_AT_ONCE) this.#empty()
  }

  #empty(): void {
    if (used === 0) return
    this.#text += latin1Slice(block, 0, used)
    used = 0
    if (this.#text.length > PIECE_LENGTH) this.#cut()
  }

  #cut(): void {
    this.#pieces.push(this.#text)
    this.#pieceBytes += this.#text.length
    this.#text = ''
  }
}

/** Where the line ends. */
function writeLine(at: number, marker: number, value: number): number {
  block[at] = marker
  const last = at + digitsOf(value)
  let rest = value
  for (let i = last; i > at; i--) {
    const tenth = (rest / 10) | 0
    block[i] = ZERO + rest - tenth * 10
    rest = tenth
  }
  block[last + 1] = CR
  block[last + 2] = LF
  return last + 3
}

function digitsOf(value: number): number {
  if (value < 10) return 1
  if (value < 100) return 2
  if (value < 1000) return 3
  let digits = 4
  for (let bound = 10_000; value >= bound; bound *= 10) digits++
  return digits
}
