// Replies. Commands write them through the Reply interface, in the order of the wire; one implementation makes RESP2 or
// RESP3 bytes for a client, the other JavaScript values for `store.call`.
// Bytes are put together as one latin1 string: for many small replies that is faster than any way with Buffers.

import { type Arg, latin1Of, latin1OfArg, textOfLatin1 } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { formatDouble } from './double.js'

export interface Reply {
  ok(): void
  /** A simple string: plain ASCII without line ends. */
  status(text: string): void
  /** `message` starts with its code. Line ends become spaces. */
  error(message: string): void
  integer(value: number | bigint): void
  /** A bulk string; text is encoded. */
  bulk(value: Arg | null): void
  /** Several bulk strings in a row. For many short ones three times as fast as one by one. */
  bulks(texts: readonly string[]): void
  /** A bulk string from bytes in latin1 form. */
  bytes(latin1: string): void
  null(): void
  /** RESP2's null array, which is plain null in RESP3. */
  nullArray(): void
  /** `size` elements follow. */
  array(size: number): void
  /** `size` pairs follow: a flat array in RESP2. */
  map(size: number): void
  set(size: number): void
  /** Out of band; an array in RESP2. */
  push(size: number): void
  /** A double: a bulk string in RESP2. `digits` in place of those of formatDouble. */
  double(value: number, digits?: string): void
  bool(value: boolean): void
  /** Text for people, as INFO gives it: a bulk string in RESP2. */
  verbatim(text: string): void
}

/** A bulk string as RESP, from bytes in latin1 form. */
export function bulkLatin1(latin1: string): string {
  return `$${latin1.length}\r\n${latin1}\r\n`
}

/** Replies of this many characters are handed on as a piece, so that no string grows without end. */
const PIECE_LENGTH = 256 * 1024
/** What `bulks` puts together before it looks at the bytes. */
const BULKS_AT_ONCE = 512
/** What stands before a bulk string of so many bytes. */
const HEADS = Array.from({ length: 256 }, (_, length) => `$${length}\r\n`)
/** Integers below 1,000 as replies; and below 1,000,000 in two halves: to put two strings together is cheaper than to make one. */
const INTEGERS = Array.from({ length: 1000 }, (_, value) => `:${value}\r\n`)
const THOUSANDS = Array.from({ length: 1000 }, (_, value) => `:${value}`)
const UNITS = Array.from({ length: 1000 }, (_, value) => `${String(value).padStart(3, '0')}\r\n`)

export class RespReply implements Reply {
  protocol: 2 | 3 = 2
  #text = ''
  #pieces: string[] = []
  #pieceBytes = 0

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#pieceBytes + this.#text.length
  }

  /** What was written since the last call, in order, one byte a character. */
  take(): string[] {
    const pieces = this.#pieces
    if (this.#text !== '') pieces.push(this.#text)
    this.#pieces = []
    this.#pieceBytes = 0
    this.#text = ''
    return pieces
  }

  /** Bytes that are RESP already. */
  raw(latin1: string): void {
    this.#text += latin1
  }

  ok(): void {
    this.#text += '+OK\r\n'
  }
  status(text: string): void {
    this.#text += `+${text}\r\n`
  }
  error(message: string): void {
    this.#text += `-${latin1Of(message.replace(/[\r\n]/g, ' '))}\r\n`
  }
  integer(value: number | bigint): void {
    if (typeof value !== 'number' || value < 0 || value >= 1e6) this.#text += `:${value}\r\n`
    else if (value < 1000) this.#text += INTEGERS[value]
    else {
      const thousands = Math.trunc(value / 1000)
      this.#text += THOUSANDS[thousands] + UNITS[value - thousands * 1000]
    }
  }
  bulk(value: Arg | null): void {
    if (typeof value === 'string') {
      // A text of as many bytes as characters is ASCII, and so its own bytes.
      const bytes = Buffer.byteLength(value)
      if (bytes === value.length) {
        this.#text += `$${bytes}\r\n${value}\r\n`
        if (this.#text.length > PIECE_LENGTH) this.#cut()
      } else this.bytes(latin1Of(value))
    } else if (value === null) this.null()
    else this.bytes(value.latin1)
  }
  bulks(texts: readonly string[]): void {
    for (let from = 0; from < texts.length; from += BULKS_AT_ONCE) {
      const end = Math.min(texts.length, from + BULKS_AT_ONCE)
      let all = ''
      for (let i = from; i < end; i++) {
        const text = texts[i]
        all += `${(text.length < HEADS.length ? HEADS[text.length] : `$${text.length}\r\n`) + text}\r\n`
      }
      // One look at all of them: as a rule they are ASCII, and so their own bytes.
      if (Buffer.byteLength(all) === all.length) {
        this.#text += all
        if (this.#text.length > PIECE_LENGTH) this.#cut()
      } else for (let i = from; i < end; i++) this.bulk(texts[i])
    }
  }
  bytes(latin1: string): void {
    this.#text += `$${latin1.length}\r\n${latin1}\r\n`
    if (this.#text.length > PIECE_LENGTH) this.#cut()
  }
  null(): void {
    this.#text += this.protocol === 2 ? '$-1\r\n' : '_\r\n'
  }
  nullArray(): void {
    this.#text += this.protocol === 2 ? '*-1\r\n' : '_\r\n'
  }
  array(size: number): void {
    this.#text += `*${size}\r\n`
    if (this.#text.length > PIECE_LENGTH) this.#cut()
  }
  map(size: number): void {
    this.#text += this.protocol === 2 ? `*${size * 2}\r\n` : `%${size}\r\n`
  }
  set(size: number): void {
    this.#text += this.protocol === 2 ? `*${size}\r\n` : `~${size}\r\n`
  }
  push(size: number): void {
    this.#text += this.protocol === 2 ? `*${size}\r\n` : `>${size}\r\n`
  }
  double(value: number, digits = formatDouble(value)): void {
    this.#text += this.protocol === 2 ? `$${digits.length}\r\n${digits}\r\n` : `,${digits}\r\n`
  }
  bool(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0)
    else this.#text += value ? '#t\r\n' : '#f\r\n'
  }
  verbatim(text: string): void {
    const latin1 = latin1Of(text)
    if (this.protocol === 2) this.bytes(latin1)
    else this.#text += `=${latin1.length + 4}\r\ntxt:${latin1}\r\n`
  }

  #cut(): void {
    this.#pieces.push(this.#text)
    this.#pieceBytes += this.#text.length
    this.#text = ''
  }
}

export type ReplyValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Buffer
  | ReplyError
  | ReplyValue[]
  | Map<ReplyValue, ReplyValue>

/** Builds what `store.call` returns: text as strings, bytes that are no text as Buffers, maps as Maps, errors as values. */
export class ValueReply implements Reply {
  #root: ReplyValue = null
  #open: { into: ReplyValue[]; left: number; asMap: boolean; place: (value: ReplyValue) => void }[] = []

  get value(): ReplyValue {
    return this.#root
  }

  ok(): void {
    this.#put('OK')
  }
  status(text: string): void {
    this.#put(text)
  }
  error(message: string): void {
    this.#put(new ReplyError(message))
  }
  integer(value: number | bigint): void {
    const small = typeof value === 'bigint' && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
    this.#put(small ? Number(value) : value)
  }
  bulk(value: Arg | null): void {
    if (value === null || typeof value === 'string') this.#put(value)
    else this.bytes(value.latin1)
  }
  bulks(texts: readonly string[]): void {
    for (const text of texts) this.bulk(text)
  }
  bytes(latin1: string): void {
    const text = textOfLatin1(latin1)
    this.#put(text.isWellFormed() ? text : Buffer.from(latin1, 'latin1'))
  }
  null(): void {
    this.#put(null)
  }
  nullArray(): void {
    this.#put(null)
  }
  array(size: number): void {
    this.#nest(size, false)
  }
  map(size: number): void {
    this.#nest(size * 2, true)
  }
  set(size: number): void {
    this.#nest(size, false)
  }
  push(size: number): void {
    this.#nest(size, false)
  }
  double(value: number): void {
    this.#put(value)
  }
  bool(value: boolean): void {
    this.#put(value)
  }
  verbatim(text: string): void {
    this.#put(text)
  }

  #nest(size: number, asMap: boolean): void {
    const into: ReplyValue[] = []
    const parent = this.#open.at(-1)
    const place = parent === undefined ? (value: ReplyValue) => (this.#root = value) : this.#slotOf(parent)
    this.#open.push({ into, left: size, asMap, place })
    this.#closeFull()
  }

  #slotOf(parent: { into: ReplyValue[]; left: number }): (value: ReplyValue) => void {
    const index = parent.into.push(null) - 1
    parent.left--
    return (value) => (parent.into[index] = value)
  }

  #put(value: ReplyValue): void {
    const parent = this.#open.at(-1)
    if (parent === undefined) this.#root = value
    else {
      parent.into.push(value)
      parent.left--
      this.#closeFull()
    }
  }

  #closeFull(): void {
    for (let level = this.#open.at(-1); level !== undefined && level.left === 0; level = this.#open.at(-1)) {
      this.#open.pop()
      const { into, asMap, place } = level
      if (!asMap) place(into)
      else place(new Map(Array.from({ length: into.length / 2 }, (_, i) => [into[2 * i], into[2 * i + 1]])))
    }
  }
}

/**
 * The text of an argument for an error message: cut to `maxBytes`, and before a zero byte, as C's `%.128s` does; line ends
 * made visible as spaces.
 */
export function quoteArg(arg: Arg, maxBytes = 128): string {
  const latin1 = latin1OfArg(arg).slice(0, maxBytes)
  const zero = latin1.indexOf('\0')
  return textOfLatin1(zero < 0 ? latin1 : latin1.slice(0, zero)).replace(/[\r\n]/g, ' ')
}
