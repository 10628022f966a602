// Writes an RDB file: REDIS0009 unless told otherwise, which every server from Redis 6.2 and Valkey on loads. Knows values,
// but neither keyspaces nor where the chunks go: in which order things come, and that no key comes twice, is the caller's
// part. A version is a promise: each value is written in the lowest form that holds it and that the version has; what it has
// no form for (times of fields, counters of streams, vector sets) is left out.

import type { Arg } from '../bytes.js'
import { assert } from '../errors.js'
import type { KeyUse } from '../keyspace/recency.js'
import { FIRST_FUNCTION_VERSION, MAX_REDIS_VERSION, STRING, VALKEY_VERSION } from './forms.js'
import { type OutputOptions, RdbOutput } from './output.js'
import { type Steps, typeFor, type Writable, writeValue } from './value-writer.js'

const EOF = 255
const SELECT_DB = 254
const EXPIRE_MS = 252
const RESIZE_DB = 251
const AUX = 250
const FREQ = 249
const IDLE = 248
const FUNCTION = 245

const DEFAULT_VERSION = 9

export interface WriterOptions extends OutputOptions {
  /** 9 to 13 of Redis, or 80 of Valkey. */
  version?: number
}

/** All data, in the order in which somebody who walks it puts it down: an RDB file, or commands. */
export interface DataWriter {
  readonly bytesWritten: number
  header(): void
  aux(name: string, value: string): void
  function(code: string): void
  selectDb(index: number): void
  resizeDb(keys: number, expires: number): void
  string(key: string, value: Arg, expiresAt: number | null, use: KeyUse | null): void
  value(key: string, value: Writable, expiresAt: number | null, use: KeyUse | null): void
  valueInSteps(key: string, value: Writable, expiresAt: number | null, use: KeyUse | null): Steps
  end(): void
}

export class RdbWriter implements DataWriter {
  readonly #output: RdbOutput
  readonly #version: number

  /** `emit` gets chunks of about `chunkBytes` (256 at least), each in memory of its own that is never used again here. */
  constructor(emit: (chunk: Buffer) => void, options: WriterOptions = {}) {
    this.#output = new RdbOutput(emit, options)
    this.#version = options.version ?? DEFAULT_VERSION
    const isRedis = this.#version >= DEFAULT_VERSION && this.#version <= MAX_REDIS_VERSION
    assert(isRedis || this.#version === VALKEY_VERSION, `RDB version ${this.#version} is not written`)
  }

  get bytesWritten(): number {
    return this.#output.bytesWritten
  }

  header(): void {
    const isValkey = this.#version === VALKEY_VERSION
    this.#output.latin1Bytes(isValkey ? `VALKEY0${VALKEY_VERSION}` : `REDIS${String(this.#version).padStart(4, '0')}`)
  }

  /** A field about the file or its writer; real servers ignore names that they do not know. */
  aux(name: string, value: string): void {
    this.#output.byte(AUX)
    this.#output.text(name)
    this.#output.text(value)
  }

  /** A library of functions, one byte a character; left out where the version has none. */
  function(code: string): void {
    if (this.#version < FIRST_FUNCTION_VERSION) return
    this.#output.byte(FUNCTION)
    this.#output.latin1(code)
  }

  selectDb(index: number): void {
    this.#output.byte(SELECT_DB)
    this.#output.length(index)
  }

  /** How many keys, and keys with an expiry, the database has. */
  resizeDb(keys: number, expires: number): void {
    this.#output.byte(RESIZE_DB)
    this.#output.length(keys)
    this.#output.length(expires)
  }

  /** A string key. `expiresAt`: whole milliseconds since 1970; null: none. `use`: what the file shall tell of it. */
  string(key: string, value: Arg, expiresAt: number | null, use: KeyUse | null = null): void {
    this.#keyHead(STRING, key, expiresAt, use)
    this.#output.arg(value)
  }

  /** Any key. */
  value(key: string, value: Writable, expiresAt: number | null, use: KeyUse | null = null): void {
    for (const _ of this.valueInSteps(key, value, expiresAt, use));
  }

  /** Any key: a value that is no image must not change before the last step, nor anything else be written. */
  *valueInSteps(key: string, value: Writable, expiresAt: number | null, use: KeyUse | null = null): Steps {
    const type = typeFor(value, this.#version)
    if (type === null) return
    this.#keyHead(type, key, expiresAt, use)
    yield* writeValue(this.#output, type, value, this.#version)
  }

  /** The end of the file: its mark, the checksum or zeros, and the last chunk. */
  end(): void {
    this.#output.byte(EOF)
    this.#output.end()
  }

  /** What stands before every value: its expiry, use, type and key. */
  #keyHead(type: number, key: string, expiresAt: number | null, use: KeyUse | null): void {
    if (expiresAt !== null) {
      this.#output.byte(EXPIRE_MS)
      this.#output.int64(expiresAt)
    }
    if (use?.idleSeconds !== undefined) {
      this.#output.byte(IDLE)
      this.#output.length(use.idleSeconds)
    }
    if (use?.frequency !== undefined) {
      this.#output.byte(FREQ)
      this.#output.byte(use.frequency)
    }
    this.#output.byte(type)
    this.#output.text(key)
  }
}
