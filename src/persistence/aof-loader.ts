// Reads one file of an append-only file: an RDB file, commands, or (before Redis 7) the one followed by the other; and
// applies it. A file that ends in the middle of a command or a transaction is told apart from one that is damaged.

import { type Arg, textOfArg } from '../bytes.js'
import { StoreError } from '../errors.js'
import { ProtocolError, type RequestLimits, RequestParser } from '../protocol/parser.js'
import type { SnapshotLoad } from '../replication/replica.js'

/** The engine, as far as a file that is loaded needs it. */
export interface AofTarget {
  /** A snapshot takes the place of all data, once it is whole; `followed` gets what comes behind it. Only ours say their place. */
  beginBase(followed: (bytes: Buffer) => void, placed: (replid: string, offset: number) => void): SnapshotLoad
  /** Another file begins: it stands in keyspace 0, and outside of a transaction. */
  beginCommands(): void
  /** Throws a StoreError for a command that is not known, or fails. */
  replay(argv: Arg[], parser: RequestParser): void
  readonly isInTransaction: boolean
}

/** A place in a history. */
export interface Place {
  replid: string
  offset: number
}

const LIMITS: RequestLimits = { maxBulkBytes: 2 ** 29 - 24, maxArguments: 2 ** 24 }
const MAGIC = 'REDIS'
const VALKEY_MAGIC = 'VALKEY'
const STAR = 42
const HASH = 35
/** Comments are short, as in Redis. */
const MAX_COMMENT_BYTES = 1024

export class AofReader {
  readonly #target: AofTarget
  /** Undecided until the first bytes are here. */
  #form: 'undecided' | 'snapshot' | 'commands' = 'undecided'
  #undecided: Buffer = Buffer.alloc(0)
  #load: SnapshotLoad | null = null
  #behind: Buffer[] = []
  readonly #parser = new RequestParser(LIMITS)
  /** Where in the file the commands begin. */
  #origin = 0
  /** Bytes of commands given to the parser. */
  #fed = 0
  /** Where the command under way begins, and its first byte. */
  #start = 0
  #first = -1
  /** Nothing but zeros from `#start` on: space that was allotted and never written (a crash). */
  #zeros = false
  /** Bytes of the batch under way, and those that are left of it; -1 when no batch was told of. */
  #batch = -1
  #left = -1
  #bytes = 0
  /** Up to here the file holds whole commands and whole transactions. */
  validBytes = 0
  #validOffset = 0
  /** Where in a history the file's end stands, if all of it says so. */
  place: Place | null = null

  constructor(target: AofTarget) {
    this.#target = target
    target.beginCommands()
  }

  /** Takes the next bytes and applies what is whole; the buffer must not be used again. Throws StoreError AOF or RDB. */
  write(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#form === 'undecided') {
      chunk = Buffer.concat([this.#undecided, chunk])
      this.#undecided = chunk
      const start = chunk.toString('latin1', 0, VALKEY_MAGIC.length)
      if (MAGIC.startsWith(start) || (VALKEY_MAGIC.startsWith(start) && start !== VALKEY_MAGIC)) return
      this.#become(start.startsWith(MAGIC) || start === VALKEY_MAGIC ? 'snapshot' : 'commands')
    }
    if (this.#form === 'snapshot') this.#snapshot(chunk)
    else this.#commands(chunk)
  }

  /** No more bytes come. Says whether the file ends in the middle of something: `validBytes` are whole then. */
  end(): 'whole' | 'torn' {
    if (this.#form === 'snapshot') this.#load!.commit()
    if (this.#form !== 'commands') {
      if (this.#undecided.length > 0 && this.#form === 'undecided') return 'torn'
      this.validBytes = this.#bytes
      return 'whole'
    }
    const whole = this.#start === this.#fed
    const torn = !whole || this.#target.isInTransaction
    // What would be cut off goes beyond the last batch: a length was damaged, and what follows it is good. Not so for a line that
    // was torn itself, behind a tail that was cut off before.
    if (!whole && this.#first === STAR && this.#left > 0 && this.#start + this.#left < this.#fed && !this.#zeros) {
      throw damage(this.#origin + this.#start, 'a command that goes beyond what was written with it')
    }
    if (this.#left > 0 && this.#left < this.#batch && !torn) this.place = null
    if (torn && this.place !== null) this.place.offset = this.#validOffset
    return torn ? 'torn' : 'whole'
  }

  #become(form: 'snapshot' | 'commands'): void {
    this.#form = form
    if (form !== 'snapshot') return
    this.#load = this.#target.beginBase(
      (bytes) => this.#behind.push(bytes),
      (replid, offset) => {
        this.place = { replid, offset }
      },
    )
  }

  #snapshot(chunk: Buffer): void {
    this.#load!.write(chunk)
    if (this.#behind.length === 0) return
    this.#load!.commit()
    this.#load = null
    this.#form = 'commands'
    this.#target.beginCommands()
    const rest = Buffer.concat(this.#behind)
    this.#origin = this.validBytes = this.#bytes - rest.length
    this.#commands(rest)
  }

  #commands(chunk: Buffer): void {
    const base = this.#fed
    this.#fed += chunk.length
    if (this.#start === base) this.#begin(chunk, 0)
    if (this.#zeros) {
      if (chunk.subarray(Math.max(0, this.#start - base)).some((byte) => byte !== 0)) throw this.#badFormat()
      return
    }
    this.#parser.feed(chunk)
    while (this.#next()) {
      const end = this.#parser.consumedBytes
      this.#apply(end)
      this.#start = end
      if (end < this.#fed) this.#begin(chunk, end - base)
      if (this.#zeros) {
        if (chunk.subarray(end - base).some((byte) => byte !== 0)) throw this.#badFormat()
        return
      }
    }
  }

  /** A command begins there. */
  #begin(chunk: Buffer, at: number): void {
    this.#first = chunk[at]
    this.#zeros = this.#first === 0
    if (this.#first !== STAR && this.#first !== HASH && !this.#zeros) throw this.#badFormat()
  }

  #next(): boolean {
    try {
      const found = this.#parser.next()
      if (!found && this.#first === HASH && this.#fed - this.#start > MAX_COMMENT_BYTES) throw this.#badFormat()
      return found
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      throw damage(this.#origin + this.#start, error.message)
    }
  }

  #apply(end: number): void {
    const { argv } = this.#parser
    if (this.#first === HASH) this.#comment(textOfArg(argv[0]))
    else {
      try {
        this.#target.replay(argv, this.#parser)
      } catch (cause) {
        if (!(cause instanceof StoreError)) throw cause
        throw damage(this.#origin + this.#start, cause.message)
      }
      this.#advance(end - this.#start, argv[0])
    }
    if (this.#target.isInTransaction) return
    this.validBytes = this.#origin + end
    this.#validOffset = this.place?.offset ?? 0
  }

  /** Bytes of commands that were not told of are somebody else's, but for the SELECT that says where the next ones stand. */
  #advance(bytes: number, name: Arg): void {
    if (this.#left <= 0 && textOfArg(name).toLowerCase() === 'select') return
    if (this.#left < bytes) {
      this.#left = -1
      this.place = null
      return
    }
    this.#left -= bytes
    if (this.place !== null) this.place.offset += bytes
  }

  #comment(line: string): void {
    const place = /^#HS:([0-9a-zA-Z]{40}):(\d{1,15})$/.exec(line)
    if (place !== null) {
      this.place = { replid: place[1], offset: Number(place[2]) }
      // What the last batch lacks was cut off with a torn tail: it counts for nothing any more.
      this.#left = -1
    }
    const batch = /^#B:(\d{1,15})$/.exec(line)
    if (batch === null) return
    if (this.#left > 0) this.place = null
    this.#batch = this.#left = Number(batch[1])
  }

  #badFormat(): StoreError {
    return damage(this.#origin + this.#start, 'neither a command nor a comment begins here')
  }
}

function damage(at: number, why: string): StoreError {
  return new StoreError('AOF', `byte ${at}: ${why}`)
}
