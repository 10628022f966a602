// Replies. Commands write them through the Reply interface, in the order of the wire; one implementation makes RESP2 or
// RESP3 bytes for a client, the other JavaScript values for `store.call`.

import { type Arg, latin1Of, latin1OfArg, textOfLatin1 } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { formatDouble } from './double.js'
import { ReplyBytes, SHORT_LENGTH } from './reply-bytes.js'

export interface Reply {
  ok(): void
  /** A simple string: plain ASCII without line ends. */
  status(text: string): void
  /** `message` starts with its code. Line ends become spaces. */
  error(message: string): void
  integer(value: number | bigint): void
  /** A bulk string; text is encoded. */
  bulk(value: Arg | null): void
  /** Several bulk strings in a row. */
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

/** Long texts that `bulks` puts together before it looks at their bytes. */
const BULKS_AT_ONCE = 512

const COLON = 58
const STAR = 42
const PERCENT = 37
const TILDE = 126
const GREATER = 62

export class RespReply implements Reply {
  protocol: 2 | 3 = 2
  readonly #bytes = new ReplyBytes()

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#bytes.length
  }

  /** What was written since the last call, in order, one byte a character. */
  take(): string[] {
    return this.#bytes.take()
  }

  /** Bytes that are RESP already. */
  raw(latin1: string): void {
    this.#bytes.add(latin1)
  }

  ok(): void {
    this.#bytes.short('+OK\r\n')
  }
  status(text: string): void {
    this.#bytes.add(`+${text}\r\n`)
  }
  error(message: string): void {
    this.#bytes.add(`-${latin1Of(message.replace(/[\r\n]/g, ' '))}\r\n`)
  }
  integer(value: number | bigint): void {
    this.#bytes.line(COLON, value)
  }
  bulk(value: Arg | null): void {
    if (value === null) this.null()
    else if (typeof value !== 'string') this.bytes(value.latin1)
    else if (!this.#bytes.shortBulk(value)) this.bytes(latin1Of(value))
  }
  bulks(texts: readonly string[]): void {
    for (let from = 0; from < texts.length; ) {
      let long = ''
      let end = from
      for (; end < texts.length && end - from < BULKS_AT_ONCE && texts[end].length > SHORT_LENGTH; end++) {
        long += bulkLatin1(texts[end])
      }
      // One look at all of them: as a rule they are ASCII, and so their own bytes.
      if (end === from) this.bulk(texts[from++])
      else if (Buffer.byteLength(long) === long.length) {
        this.#bytes.add(long)
        from = end
      } else while (from < end) this.bulk(texts[from++])
    }
  }
  bytes(latin1: string): void {
    this.#bytes.add(bulkLatin1(latin1))
  }
  null(): void {
    this.#bytes.short(this.protocol === 2 ? '$-1\r\n' : '_\r\n')
  }
  nullArray(): void {
    this.#bytes.short(this.protocol === 2 ? '*-1\r\n' : '_\r\n')
  }
  array(size: number): void {
    this.#bytes.line(STAR, size)
  }
  map(size: number): void {
    if (this.protocol === 2) this.#bytes.line(STAR, size * 2)
    else this.#bytes.line(PERCENT, size)
  }
  set(size: number): void {
    this.#bytes.line(this.protocol === 2 ? STAR : TILDE, size)
  }
  push(size: number): void {
    this.#bytes.line(this.protocol === 2 ? STAR : GREATER, size)
  }
  double(value: number, digits = formatDouble(value)): void {
    if (this.protocol === 2) this.bulk(digits)
    else this.#bytes.add(`,${digits}\r\n`)
  }
  bool(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0)
    else this.#bytes.short(value ? '#t\r\n' : '#f\r\n')
  }
  verbatim(text: string): void {
    const latin1 = latin1Of(text)
    if (this.protocol === 2) this.bytes(latin1)
    else this.#bytes.add(`=${latin1.length + 4}\r\ntxt:${latin1}\r\n`)
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
