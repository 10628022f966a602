// Replies out of bytes, as a server sends them to us when we are its client: RESP2, and RESP3 if it was asked for. The
// counterpart of writer.ts.

import { latin1Slice, textOfLatin1 } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { ProtocolError } from './parser.js'

/**
 * Bulk strings and statuses are text. An error reply is a value, as it may stand in an array. A bigint is an integer that no
 * number holds; Maps and booleans come with RESP3 only.
 */
export type Answer = string | number | bigint | boolean | null | ReplyError | Answer[] | Map<Answer, Answer>

const MAX_LINE_BYTES = 64 * 1024
const MAX_DEPTH = 8
/** `txt:` before a verbatim string. */
const VERBATIM_HEAD = 4

/** An array begins: its elements come next. */
const OPENED = Symbol('opened')

/** An array under way, or a map, whose keys and values come in turn. */
interface Open {
  items: Answer[]
  isMap: boolean
  /** Elements still to come. */
  left: number
}

export class AnswerParser {
  readonly #maxBytes: number
  /** What came and was not taken: `#text` from `#at` on, and behind it `#pieces`, which wait until they are enough. */
  #text = ''
  #at = 0
  #pieces: string[] = []
  #pieceBytes = 0
  /** So many bytes more must be there before looking again is of use. */
  #missing = 0
  /** Arrays that are not whole, the outermost first. So nothing is read twice, however the bytes are cut. */
  #open: Open[] = []
  /** Bytes of the answer under way that were taken. */
  #takenBytes = 0

  /** An answer of more than `maxBytes` is a ProtocolError. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  feed(chunk: Uint8Array): void {
    this.#pieces.push(latin1Slice(chunk))
    this.#pieceBytes += chunk.length
    const bytes = this.#takenBytes + this.#text.length - this.#at + this.#pieceBytes
    if (bytes > this.#maxBytes) throw new ProtocolError(`an answer of more than ${this.#maxBytes} bytes`)
  }

  /** The next answer; undefined when it is not whole yet. Throws ProtocolError. */
  next(): Answer | undefined {
    if (this.#pieceBytes < this.#missing) return undefined
    if (this.#pieceBytes > 0) {
      this.#text = this.#text.slice(this.#at) + this.#pieces.join('')
      this.#at = 0
      this.#pieces = []
      this.#pieceBytes = 0
    }
    this.#missing = 0
    for (;;) {
      const value = this.#value()
      if (value === undefined) return undefined
      if (value === OPENED) continue
      const answer = this.#put(value)
      if (answer === undefined) continue
      this.#takenBytes = 0
      return answer
    }
  }

  /** Puts a value where it belongs; the whole answer, if it was the last of it. */
  #put(value: Answer): Answer | undefined {
    for (let whole = value; ; ) {
      const array = this.#open.at(-1)
      if (array === undefined) return whole
      array.items.push(whole)
      if (--array.left > 0) return undefined
      whole = array.isMap ? mapOf(array.items) : array.items
      this.#open.pop()
    }
  }

  /** The next value that is no array with elements; OPENED for one that is; undefined: bytes are missing. */
  #value(): Answer | typeof OPENED | undefined {
    const start = this.#at
    const end = this.#text.indexOf('\r\n', start)
    if (end < 0) {
      if (this.#text.length - start > MAX_LINE_BYTES) throw new ProtocolError('a line without end')
      this.#missing = 1
      return undefined
    }
    const kind = this.#text[start]
    const line = this.#text.slice(start + 1, end)
    if (kind === '+') return this.#taken(end + 2, textOfLatin1(line))
    if (kind === '-') return this.#taken(end + 2, new ReplyError(textOfLatin1(line)))
    if (kind === '_') return this.#taken(end + 2, null)
    if (kind === '#') return this.#taken(end + 2, line === 't')
    if (kind === ',') return this.#taken(end + 2, numberOf(line, doubleOf(line)))
    const number = numberOf(line, Number(line))
    if (kind === ':' || kind === '(') return this.#taken(end + 2, integerOf(line, number))
    if (!Number.isSafeInteger(number)) throw new ProtocolError(`no length: ${line.slice(0, 40)}`)
    if (number === -1 && (kind === '$' || kind === '*')) return this.#taken(end + 2, null)
    if (number < 0 || number > this.#maxBytes) throw new ProtocolError('invalid length')
    if (kind === '$') return this.#bulk(end + 2, number)
    if (kind === '=') return this.#bulk(end + 2, number)?.slice(VERBATIM_HEAD)
    if (!'*%~'.includes(kind) || this.#open.length >= MAX_DEPTH)
      throw new ProtocolError(`not an answer: ${JSON.stringify(kind)}`)
    const isMap = kind === '%'
    if (number === 0) return this.#taken(end + 2, isMap ? new Map() : [])
    this.#open.push({ items: [], isMap, left: isMap ? number * 2 : number })
    return this.#taken(end + 2, OPENED)
  }

  #bulk(start: number, length: number): string | undefined {
    const end = start + length + 2
    if (end > this.#text.length) {
      this.#missing = end - this.#text.length
      return undefined
    }
    return this.#taken(end, textOfLatin1(this.#text.slice(start, start + length)))
  }

  #taken<T>(end: number, value: T): T {
    this.#takenBytes += end - this.#at
    this.#at = end
    return value
  }
}

/** Throws ProtocolError when the line is none. */
function numberOf(line: string, number: number): number {
  if (line === '' || (Number.isNaN(number) && line !== 'nan'))
    throw new ProtocolError(`no number: ${line.slice(0, 40)}`)
  return number
}

function integerOf(line: string, number: number): number | bigint {
  if (!/^[+-]?\d+$/.test(line)) throw new ProtocolError(`no integer: ${line.slice(0, 40)}`)
  return Number.isSafeInteger(number) ? number : BigInt(line)
}

function doubleOf(line: string): number {
  return /^-?inf$/.test(line) ? Number(line.replace('inf', 'Infinity')) : Number(line)
}

function mapOf(items: readonly Answer[]): Map<Answer, Answer> {
  return new Map(Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i], items[2 * i + 1]]))
}
