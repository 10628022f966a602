// What one call or transaction does, until the outermost of them is over: its effects then go into the stream as one, and
// its changes are told. Told only after that: a listener that writes must not come before what it was told of.

import type { Arg } from '../bytes.js'
import type { Change, Keyspace } from '../keyspace/keyspace.js'
import { encodeCommand, type RequestParser } from '../protocol/parser.js'
import type { Entry, Stream } from '../replication/stream.js'

export interface JournalHost {
  readonly stream: Stream
  now(): number
  /** Whether the stream is ours to write: a replica's is its primary's. */
  mayWrite(): boolean
  /** Effects are in the stream: times may have changed. */
  settled(): void
  tell(change: Change, key: string, keyspace: Keyspace): void
}

export class Journal {
  readonly #host: JournalHost
  #depth = 0
  #frozenNow: number | null = null
  #effects: Entry[] = []
  #changes: { change: Change; key: string; keyspace: Keyspace }[] = []
  #touched = false

  constructor(host: JournalHost) {
    this.#host = host
  }

  /** A call or transaction is under way. */
  get isOpen(): boolean {
    return this.#depth > 0
  }
  /** Milliseconds since 1970; stands still within a transaction. */
  get now(): number {
    return this.#frozenNow ?? this.#host.now()
  }

  enter(): void {
    this.#depth++
  }

  /** As `enter`, and the time stands still until the matching `leave`. */
  enterTransaction(): void {
    this.#depth++
    this.#frozenNow ??= this.#host.now()
  }

  /** The effects so far do not belong together: outside of a transaction each goes into the stream by itself. */
  part(): void {
    if (this.#depth > 1) return
    const effects = this.#effects
    this.#effects = []
    if (this.#host.stream.active) for (const effect of effects) this.#host.stream.writeAll([effect])
  }

  /** What was written so far goes into the stream at once: what follows is written to another one. */
  flush(): void {
    const effects = this.#effects
    if (effects.length === 0) return
    this.#effects = []
    if (this.#host.stream.active) this.#host.stream.writeAll(effects)
  }

  leave(): void {
    if (--this.#depth > 0) return
    this.#frozenNow = null
    if (this.#touched) this.#settle()
  }

  /** Something was changed: there is work to do when the outermost call is over. */
  touch(): void {
    this.#touched = true
    if (this.#depth === 0) this.#settle()
  }

  /** A command for the stream, in keyspace `db`. Not encoded while nobody reads the stream. */
  write(db: number, argv: readonly (Arg | number)[]): void {
    const { stream } = this.#host
    if (!stream.active || !this.#host.mayWrite()) return
    if (this.#depth === 0) stream.write(db, encodeCommand(argv))
    else {
      this.#effects.push({ db, latin1: encodeCommand(argv) })
      this.#touched = true
    }
  }

  /** As `write`, for a request that the parser holds as canonical RESP: its bytes go in as they are, if nothing else has to. */
  writeRequest(db: number, argv: readonly Arg[], parser: RequestParser | null): void {
    const { stream } = this.#host
    if (!stream.active) return
    const alone = this.#depth === 1 && this.#effects.length === 0
    const raw = alone ? parser?.raw : undefined
    if (raw === undefined) this.write(db, argv)
    else if (this.#host.mayWrite()) stream.writeBytes(db, raw.chunk, raw.start, raw.end)
  }

  /** A change that listeners want to hear of. */
  note(change: Change, key: string, keyspace: Keyspace): void {
    this.#changes.push({ change, key, keyspace })
    this.#touched = true
  }

  /** Forgets what a transaction that was undone wanted to write and to tell. */
  discard(): void {
    this.#effects = []
    this.#changes = []
  }

  #settle(): void {
    this.#touched = false
    this.flush()
    this.#host.settled()
    for (let next = this.#changes.shift(); next !== undefined; next = this.#changes.shift()) {
      this.#host.tell(next.change, next.key, next.keyspace)
    }
  }
}
