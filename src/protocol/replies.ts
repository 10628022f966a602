// Replies out of bytes: RESP2, as a server sends them to us when we are its client. The counterpart of writer.ts.

import { latin1Slice, textOfLatin1 } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { ProtocolError } from './parser.js'

/** Bulk strings and statuses are text. An error reply is a value, as it may stand in an array. */
export type Answer = string | number | null | ReplyError | Answer[]

const MAX_LINE_BYTES = 64 * 1024
const MAX_DEPTH = 8

/** Cannot be told yet: bytes are missing. */
const INCOMPLETE = Symbol('incomplete')

export class AnswerParser {
  readonly #maxBytes: number
  #latin1 = ''
  #at = 0

  /** An answer of more than `maxBytes` is a ProtocolError. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  feed(chunk: Uint8Array): void {
    this.#latin1 += latin1Slice(chunk)
    if (this.#latin1.length > this.#maxBytes) throw new ProtocolError(`an answer of more than ${this.#maxBytes} bytes`)
  }

  /** The next answer; undefined when it is not whole yet. Throws ProtocolError. */
  next(): Answer | undefined {
    this.#at = 0
    const answer = this.#value(0)
    if (answer === INCOMPLETE) return undefined
    this.#latin1 = this.#latin1.slice(this.#at)
    return answer
  }

  #value(depth: number): Answer | typeof INCOMPLETE {
    const end = this.#latin1.indexOf('\r\n', this.#at)
    if (end < 0) {
      if (this.#latin1.length - this.#at > MAX_LINE_BYTES) throw new ProtocolError('a line without end')
      return INCOMPLETE
    }
    const kind = this.#latin1[this.#at]
    const line = this.#latin1.slice(this.#at + 1, end)
    this.#at = end + 2
    if (kind === '+') return textOfLatin1(line)
    if (kind === '-') return new ReplyError(textOfLatin1(line))
    const number = Number(line)
    if (line === '' || !Number.isSafeInteger(number)) throw new ProtocolError(`no number: ${line.slice(0, 40)}`)
    if (kind === ':') return number
    if (number === -1 && (kind === '$' || kind === '*')) return null
    if (number < 0 || number > this.#maxBytes) throw new ProtocolError('invalid length')
    if (kind === '$') return this.#bulk(number)
    if (kind === '*' && depth < MAX_DEPTH) return this.#array(number, depth)
    throw new ProtocolError(`not an answer: ${JSON.stringify(kind)}`)
  }

  #bulk(length: number): string | typeof INCOMPLETE {
    const start = this.#at
    if (this.#latin1.length < start + length + 2) return INCOMPLETE
    this.#at = start + length + 2
    return textOfLatin1(this.#latin1.slice(start, start + length))
  }

  #array(length: number, depth: number): Answer[] | typeof INCOMPLETE {
    const items: Answer[] = []
    while (items.length < length) {
      const item = this.#value(depth + 1)
      if (item === INCOMPLETE) return INCOMPLETE
      items.push(item)
    }
    return items
  }
}
