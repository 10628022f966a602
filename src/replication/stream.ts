// The log: every change as a Redis command in RESP, in order, under one history. It appends to the backlog, counts the
// offset, and tells its feeder that there is more to send. Until a replica was ever attached there is no backlog; as long as
// no file wants the bytes either, nothing is encoded, and the offset stands still, as in Redis.

import { encodeCommand } from '../protocol/parser.js'
import { Backlog } from './backlog.js'
import type { History } from './history.js'

const MULTI = encodeCommand(['MULTI'])
const EXEC = encodeCommand(['EXEC'])

/** One command for the stream, encoded (latin1), and the keyspace it belongs to. */
export interface Entry {
  db: number
  latin1: string
}

/** Somebody who gets every byte of the stream beside the backlog: a file. */
export interface Tap {
  append(latin1: string): void
  appendBytes(chunk: Buffer, start: number, end: number): void
}

export class Stream {
  readonly history: History
  /** Set between two commands. Whoever sets it calls `forgetSelected` if what it gets has to stand alone. */
  tap: Tap | null = null
  /** Called after each append. The feeder sets it. */
  appended: () => void = () => {}
  #backlog: Backlog | null = null
  /** The keyspace that the stream's reader stands in; -1: a SELECT is due before the next write. */
  #selectedDb = -1

  constructor(history: History) {
    this.history = history
  }

  /** Whether anybody may ever read what is written. While not, nothing has to be encoded. */
  get active(): boolean {
    return this.#backlog !== null || this.tap !== null
  }
  get backlog(): Backlog | null {
    return this.#backlog
  }

  /** Makes a backlog where the stream stands. One made from nothing starts a new history, as nobody can continue the old. */
  open(sizeBytes: number): void {
    if (this.#backlog !== null) return
    this.history.becomeNew()
    this.reopen(sizeBytes)
  }

  /** A backlog that starts here, under the history as it is: after a full sync, or for a replica of a replica. */
  reopen(sizeBytes: number): void {
    this.#backlog = new Backlog(sizeBytes, this.history.offset)
    this.#selectedDb = -1
  }

  /** Nobody has been reading for long: the backlog goes, and with it the chance to continue. */
  free(): void {
    this.#backlog = null
    this.history.becomeNew()
  }

  resize(sizeBytes: number): void {
    if (this.#backlog !== null) this.#backlog.sizeBytes = sizeBytes
  }

  /** The keyspace in which the stream goes on without a SELECT; 0 where it will say so. */
  get db(): number {
    return Math.max(0, this.#selectedDb)
  }

  /** The next write is preceded by a SELECT: a reader joins whose keyspace is not known. */
  forgetSelected(): void {
    this.#selectedDb = -1
  }

  write(db: number, latin1: string): void {
    this.#select(db)
    this.#append(latin1)
  }

  /** A command that came as canonical RESP: its bytes as they are, twenty times cheaper than encoding them again. */
  writeBytes(db: number, chunk: Buffer, start: number, end: number): void {
    this.#select(db)
    this.relay(chunk, start, end)
  }

  /** Several commands that a replica must apply as one. */
  writeAll(entries: readonly Entry[]): void {
    if (entries.length === 1) {
      this.write(entries[0].db, entries[0].latin1)
      return
    }
    this.write(entries[0].db, MULTI)
    for (const { db, latin1 } of entries) this.write(db, latin1)
    this.#append(EXEC)
  }

  /** PING, REPLCONF GETACK: commands without a keyspace. */
  writeControl(latin1: string): void {
    if (this.#backlog !== null) this.#append(latin1)
  }

  /** Our primary's bytes, unchanged. */
  relay(chunk: Buffer, start: number, end: number): void {
    this.#backlog?.appendBytes(chunk, start, end)
    this.tap?.appendBytes(chunk, start, end)
    this.history.offset += end - start
    this.appended()
  }

  #select(db: number): void {
    if (db === this.#selectedDb) return
    this.#selectedDb = db
    this.#append(encodeCommand(['SELECT', String(db)]))
  }

  #append(latin1: string): void {
    this.#backlog?.append(latin1)
    this.tap?.append(latin1)
    this.history.offset += latin1.length
    this.appended()
  }
}
