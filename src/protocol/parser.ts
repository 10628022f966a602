// Requests out of bytes: RESP arrays of bulk strings, and the inline form. An explicit state machine that is fed chunks
// and asked for one request at a time, so that its owner decides when to stop (a blocked or paused client).
// It knows no command. What it cannot read is a ProtocolError, after which it must not be asked again.
//
//             '*'                 '$'                all bytes there
//   start ---------> arguments ---------> bulk ------------------------> arguments ... -> start (a request is out)
//     \--- other byte: an inline line, whole or not yet                  (one bulk may span chunks: it is gathered)

import {
  type Arg,
  argOfBuffer,
  argOfLatin1,
  bufferOf,
  isAscii,
  isAsciiText,
  isUtf8,
  latin1Slice,
  textOf,
  utf8Slice,
} from '../bytes.js'
import { splitLatin1 } from '../config/words.js'

/** The peer sent what is not the protocol. The message is Redis' own, without the leading `ERR Protocol error: `. */
export class ProtocolError extends Error {}

export interface RequestLimits {
  /** Longest argument, bytes (proto-max-bulk-len). */
  maxBulkBytes: number
  /** Most arguments in one request. */
  maxArguments: number
  /** A primary's stream has no inline commands: there, what is no array is garbage. Default: they are read. */
  refuseInline?: boolean
}

/** A line (a count, a length, an inline request) may be this long, as in Redis. */
const MAX_LINE_BYTES = 64 * 1024
/** Before AUTH a client may send ten arguments of 16 KiB and no more (Redis 6.2 and later). */
export const UNAUTHENTICATED_LIMITS: RequestLimits = { maxBulkBytes: 16 * 1024, maxArguments: 10 }
/** V8 copies a substring shorter than this; a longer one keeps the whole chunk it was cut from alive. */
const SLICED_STRING_LENGTH = 13
/** Up to this length it is looked at whether an argument is the one of the request before: longer ones are cut out faster. */
const ALIKE_LENGTH = 32

const INT32_MAX = 2 ** 31 - 1
const CR = 13
const LF = 10
const ZERO = 48
const DOLLAR = 36
const STAR = 42
const EMPTY: Buffer = Buffer.alloc(0)

export class RequestParser {
  /** The arguments of the request that `next` found: a fresh array each time, of strings that keep no chunk alive. */
  argv: Arg[] = []
  limits: RequestLimits

  #chunk = EMPTY
  #text: string | null = null // the chunk in latin1 form: to cut short strings out of it is ten times cheaper than out of the buffer
  #ascii = true
  #position = 0

  #start = 0 // where the request in argv starts in the chunk; -1 when it began in an earlier one
  #repeated: readonly Arg[] | null = null // its arguments, when they were those of the request before
  #words: DataView | null = null // the chunk's, made when it is first compared
  #missing = 0 // arguments still to come
  #taken = 0 // arguments that came
  #takenBytes = 0 // how long those are that came
  #gathered: Buffer | null = null // a bulk that spans chunks: grows with what arrives, never with what is claimed
  #gatheredBytes = 0
  #gatherTotal = 0
  #completed = false // a gathered bulk was the last of its request
  #lineEnd = 0 // behind the line that #number read
  #consumed = 0 // bytes of all chunks before this one

  constructor(limits: RequestLimits) {
    this.limits = limits
  }

  /** Bytes that wait here for the rest of a request; its arguments so far count. */
  get bufferedBytes(): number {
    const taken = this.#missing > 0 ? this.#takenBytes : 0
    return taken + this.#gatheredBytes + this.#chunk.length - this.#position
  }

  /** Stream bytes up to the end of the last request that `next` gave. */
  get consumedBytes(): number {
    return this.#consumed + this.#position
  }

  /** Takes the next bytes. `next` must have returned false before, or the owner accepts that bytes are joined. */
  feed(chunk: Buffer): void {
    if (this.#gathered !== null) {
      chunk = this.#gather(chunk)
      if (chunk.length === 0) return
    }
    const left = this.#chunk.length - this.#position
    const joined = left === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#position), chunk])
    this.#consumed += this.#position
    if (this.#missing > 0) this.#start = -1
    this.#chunk = joined
    this.#position = 0
    this.#words = null
    this.#ascii = isAscii(joined)
    this.#text = null
  }

  /** Whether a whole request is there; it is then in `argv`. Throws ProtocolError. An empty one (`*0`, an empty line) is passed over. */
  next(): boolean {
    if (this.#completed) {
      this.#completed = false
      return true
    }
    for (;;) {
      if (this.#missing === 0) {
        if (this.#usual()) return true
        if (this.#position >= this.#chunk.length) return false
        this.#start = this.#position
        this.#repeated = null
        const first = this.#chunk[this.#position]
        if (first !== STAR) {
          if (this.limits.refuseInline === true && first !== LF && first !== CR) {
            throw new ProtocolError(`expected '*', got byte ${first}`)
          }
          const found = this.#inline()
          if (found !== 'empty') return found === 'request'
          continue
        }
        const count = this.#number(this.#position + 1, 'too big mbulk count string', 'invalid multibulk length')
        if (count === undefined) return false
        if (count > this.limits.maxArguments) {
          const unauthenticated = count <= INT32_MAX && this.limits === UNAUTHENTICATED_LIMITS
          throw new ProtocolError(unauthenticated ? 'unauthenticated multibulk length' : 'invalid multibulk length')
        }
        this.#position = this.#lineEnd
        if (count <= 0) continue
        this.#missing = count
        this.argv = argvFor(count)
        this.#taken = 0
        this.#takenBytes = 0
      }
      return this.#bulks()
    }
  }

  /**
   * Takes a request as most are: up to 99 arguments of up to 9,999 bytes, all there, in ASCII. Says so, or changes nothing, and
   * it is read step by step: the same in two thirds of the time, since nothing is kept in case the chunk ends.
   */
  #usual(): boolean {
    const chunk = this.#chunk
    const start = this.#position
    const last = chunk.length - 1
    if (!this.#ascii || start + 4 > last || chunk[start] !== STAR) return false
    if (this.#repeated !== null && this.#again(this.#repeated, start)) return true
    let count = chunk[start + 1] - ZERO
    if (count < 1 || count > 9) return false
    let at = start + 2
    if (chunk[at] !== CR) {
      const digit = chunk[at++] - ZERO
      if (digit < 0 || digit > 9) return false
      count = count * 10 + digit
    }
    const { maxArguments, maxBulkBytes } = this.limits
    if (chunk[at] !== CR || chunk[at + 1] !== LF || count > maxArguments) return false
    at += 2
    const before = this.argv
    const argv = argvFor(count)
    let alike = count === before.length
    for (let index = 0; index < count; index++) {
      if (at + 5 > last || chunk[at] !== DOLLAR) return false
      let length = chunk[at + 1] - ZERO
      if (length < 0 || length > 9) return false
      for (at += 2; chunk[at] !== CR; at++) {
        const digit = chunk[at] - ZERO
        if (digit < 0 || digit > 9 || length === 0 || length > 999) return false
        length = length * 10 + digit
      }
      const from = at + 2
      const end = from + length
      if (length > maxBulkBytes) return false
      if (end + 1 > last || chunk[at + 1] !== LF || chunk[end] !== CR || chunk[end + 1] !== LF) return false
      const known = index < before.length ? before[index] : undefined
      // In a pipeline the command's name, and often the key, come again: a string that is there is known to every table.
      if (typeof known === 'string' && known.length === length && length <= ALIKE_LENGTH && isAt(chunk, from, known)) {
        argv[index] = known
      } else {
        argv[index] = this.#cut(from, end)
        alike = false
      }
      at = end + 2
    }
    this.argv = argv
    this.#start = start
    this.#position = at
    this.#repeated = alike ? argv.slice() : null
    return true
  }

  /**
   * Takes a request whose bytes are those of the one right before it in this chunk: in pipelines they come again and again.
   * To compare them, in words, takes half as long as to read them, and a fifth with many arguments.
   */
  #again(argv: readonly Arg[], start: number): boolean {
    // The chunk's first request has none before it.
    const size = start - this.#start
    const last = start + size - 4
    if (start === 0 || last + 4 > this.#chunk.length) return false
    this.#words ??= viewOf(this.#chunk)
    const words = this.#words
    for (let at = start; at < last; at += 4) {
      if (words.getInt32(at, true) !== words.getInt32(at - size, true)) return false
    }
    if (words.getInt32(last, true) !== words.getInt32(last - size, true)) return false
    this.argv = argv.slice()
    this.#start = start
    this.#position = start + size
    return true
  }

  /** An argument as a string of its own, a byte a character. */
  #cut(start: number, end: number): string {
    // A short substring is a copy. A longer one would be a window on the whole chunk: it would keep that alive, and V8
    // compares it with a map's keys fifteen times slower than a string of its own.
    if (end - start >= SLICED_STRING_LENGTH) return latin1Slice(this.#chunk, start, end)
    this.#text ??= latin1Slice(this.#chunk)
    return this.#text.substring(start, end)
  }

  /** The request's own bytes, if they are one canonical RESP array within one chunk: else undefined. Valid until `feed`. */
  get raw(): { chunk: Buffer; start: number; end: number } | undefined {
    if (this.#start < 0) return undefined
    return { chunk: this.#chunk, start: this.#start, end: this.#position }
  }

  /** What has arrived and was not consumed: the rest, when the owner stops speaking this protocol. */
  takeRest(): Buffer {
    const rest = this.#chunk.subarray(this.#position)
    this.#chunk = EMPTY
    this.#words = null
    this.#position = 0
    return rest
  }

  /** The number between `from` and CR LF; undefined when the line is not whole yet. Canonical decimals only. */
  #number(from: number, tooLong: string, invalid: string): number | undefined {
    const chunk = this.#chunk
    const end = chunk.length
    let i = from
    const negative = chunk[i] === 45
    if (negative) i++
    let value = 0
    const first = i
    for (; i < end; i++) {
      const digit = chunk[i] - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (i >= end || (chunk[i] === CR && i + 1 >= end)) {
      if (i - from > MAX_LINE_BYTES) throw new ProtocolError(tooLong)
      return undefined
    }
    const canonical = i > first && (chunk[first] !== ZERO || (i === first + 1 && !negative)) && i - first < 16
    if (chunk[i] !== CR || !canonical) {
      // Redis looks for the end of the line first: without one there is no error yet, but for the line's length.
      if (chunk.indexOf(CR, i) < 0) {
        if (end - from > MAX_LINE_BYTES) throw new ProtocolError(tooLong)
        return undefined
      }
      throw new ProtocolError(invalid)
    }
    if (chunk[i + 1] !== LF) this.#start = -1 // Redis reads on, and so do we, but such bytes are not handed on
    this.#lineEnd = i + 2
    return negative ? -value : value
  }

  #bulks(): boolean {
    const chunk = this.#chunk
    while (this.#missing > 0) {
      const at = this.#position
      if (at >= chunk.length) return false
      if (chunk[at] !== DOLLAR) {
        this.#mustEnd(at)
        return false
      }
      const length = this.#number(at + 1, 'too big bulk count string', 'invalid bulk length')
      if (length === undefined) return false
      if (length < 0 || length > this.limits.maxBulkBytes) {
        const unauthenticated = length >= 0 && this.limits === UNAUTHENTICATED_LIMITS
        throw new ProtocolError(unauthenticated ? 'unauthenticated bulk length' : 'invalid bulk length')
      }
      const from = this.#lineEnd
      if (from + length + 2 > chunk.length) {
        this.#startGathering(from, length + 2)
        return false
      }
      this.#take(from, from + length)
      this.#position = from + length + 2
      if (chunk[from + length] !== CR || chunk[from + length + 1] !== LF) this.#start = -1
      this.#missing--
    }
    return true
  }

  /** A line that should start with `$` and does not. Redis says so when the line is whole, and so do we. */
  #mustEnd(at: number): void {
    const chunk = this.#chunk
    const end = chunk.indexOf(CR, at)
    if (end >= 0 && end + 1 < chunk.length) {
      throw new ProtocolError(`expected '$', got '${textOf(chunk.subarray(at, at + 1))}'`)
    }
    if (end < 0 && chunk.length - at > MAX_LINE_BYTES) throw new ProtocolError('too big bulk count string')
  }

  #take(start: number, end: number): void {
    this.#takenBytes += end - start
    const latin1 = this.#cut(start, end)
    this.argv[this.#taken++] = this.#ascii || isAsciiText(latin1) ? latin1 : argOfBuffer(this.#chunk, start, end)
  }

  #startGathering(from: number, total: number): void {
    const there = this.#chunk.subarray(from)
    this.#gathered = Buffer.allocUnsafeSlow(Math.max(4096, Math.min(total, there.length * 2)))
    there.copy(this.#gathered)
    this.#gatheredBytes = there.length
    this.#gatherTotal = total
    this.#position = this.#chunk.length
    this.#start = -1
  }

  /** Adds to the bulk that spans chunks; returns what is left of the chunk behind it. */
  #gather(chunk: Buffer): Buffer {
    const wanted = Math.min(chunk.length, this.#gatherTotal - this.#gatheredBytes)
    let gathered = this.#gathered!
    const size = this.#gatheredBytes + wanted
    if (size > gathered.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#gatherTotal, Math.max(size, gathered.length * 2)))
      gathered.copy(grown, 0, 0, this.#gatheredBytes)
      this.#gathered = gathered = grown
    }
    chunk.copy(gathered, this.#gatheredBytes, 0, wanted)
    this.#gatheredBytes = size
    this.#consumed += wanted
    if (size < this.#gatherTotal) return EMPTY
    const bulk = gathered.subarray(0, this.#gatherTotal - 2)
    this.#takenBytes += bulk.length
    this.argv[this.#taken++] = isAscii(bulk) ? latin1Slice(bulk) : isUtf8(bulk) ? utf8Slice(bulk) : argOfBuffer(bulk)
    this.#missing--
    this.#gathered = null
    this.#gatheredBytes = 0
    this.#consumed += this.#position
    this.#chunk = EMPTY
    this.#position = 0
    if (this.#missing === 0) this.#completed = true
    return chunk.subarray(wanted)
  }

  #inline(): 'request' | 'empty' | false {
    const lineFeed = this.#chunk.indexOf(LF, this.#position)
    const length = (lineFeed < 0 ? this.#chunk.length : lineFeed) - this.#position
    if (length > MAX_LINE_BYTES) throw new ProtocolError('too big inline request')
    if (lineFeed < 0) return false
    const end = lineFeed > this.#position && this.#chunk[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed
    const words = splitInline(latin1Slice(this.#chunk, this.#position, end))
    if (words === undefined) throw new ProtocolError('unbalanced quotes in request')
    this.#position = lineFeed + 1
    this.#start = -1
    if (words.length === 0) return 'empty'
    this.argv = words
    return 'request'
  }
}

/** Whether this ASCII text stands there. From its end: keys that belong together begin alike. */
function isAt(bytes: Buffer, start: number, text: string): boolean {
  for (let i = text.length - 1; i >= 0; i--) if (bytes[start + i] !== text.charCodeAt(i)) return false
  return true
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length)
}

/** By name: an array literal of plain constants is copied by V8 once more when it is first changed. */
const blank = ''

/** An array with room for the arguments of usual requests. One that grows from nothing takes room for 17: garbage that adds up. */
function argvFor(count: number): Arg[] {
  switch (count) {
    case 1:
      return [blank]
    case 2:
      return [blank, blank]
    case 3:
      return [blank, blank, blank]
    case 4:
      return [blank, blank, blank, blank]
    default:
      return []
  }
}

/** Splits a latin1 line as redis-server does, up to a zero byte. Undefined: quotes left open. */
export function splitInline(line: string): Arg[] | undefined {
  const zero = line.indexOf('\0')
  return splitLatin1(zero < 0 ? line : line.slice(0, zero))?.map(argOfLatin1)
}

/** A command as the stream, the append-only file and clients write it, in latin1 form. */
export function encodeCommand(argv: readonly (Arg | number)[]): string {
  let out = `*${argv.length}\r\n`
  for (const arg of argv) {
    if (typeof arg === 'number') {
      const digits = String(arg)
      out += `$${digits.length}\r\n${digits}\r\n`
    } else if (typeof arg === 'string') {
      const bytes = Buffer.byteLength(arg)
      if (bytes === arg.length) out += `$${bytes}\r\n${arg}\r\n`
      else {
        const latin1 = latin1Slice(bufferOf(arg))
        out += `$${latin1.length}\r\n${latin1}\r\n`
      }
    } else out += `$${arg.latin1.length}\r\n${arg.latin1}\r\n`
  }
  return out
}
