// Reads an RDB file that comes in pieces, and hands each thing in it to a sink as soon as it is whole. What the file's
// records look like stands here; what lengths and strings look like, and pieces cut anywhere, are RdbInput's business.
//
// The format is followed by a generator, from top to bottom as the file runs: where bytes are missing it yields, and goes
// on from there with the next piece. So a type that takes a million small steps needs no state beside its own loop:
//     while (!input.string()) yield         // until the whole string is here
//     const member = input.text()
// Values are read in values.ts. Knows nothing of the keyspace: what is loaded becomes visible, or is thrown away after an
// error, elsewhere.

import type { Arg } from '../bytes.js'
import type { StoreError } from '../errors.js'
import type { Value } from '../keyspace/keyspace.js'
import type { KeyUse } from '../keyspace/recency.js'
import { hex64 } from './crc64.js'
import { isKnownVersion, readableTypes, STRING, typeNames, VALKEY_VERSION } from './forms.js'
import { RdbInput } from './input.js'
import { KEY_METADATA, skipKeyMetadata, skipModuleItems } from './module-data.js'
import { Damage } from './packed.js'
import { type Reading, readValue } from './values.js'

/** What a file holds, in its order. An error thrown by a method ends the reading. */
export interface RdbSink {
  /** A field about the file or its writer. Names that are not known are to be ignored. */
  aux(name: string, value: string): void
  /** The keys that follow belong to this database. */
  selectDb(index: number): void
  /** How many keys, and keys with an expiry, the database has: a hint, never to be trusted for allocation. */
  resizeDb(keys: number, expires: number): void
  /** A string key. `expiresAt`: milliseconds since 1970, which may be long past; null: none. `use`: null if the file is silent. */
  string(key: string, value: Arg, expiresAt: number | null, use: KeyUse | null): void
  /** A key of any other type. */
  value(key: string, value: Value, expiresAt: number | null, use: KeyUse | null): void
  /** The source of a function library, one byte a character. */
  function(code: string): void
  /** Something that only a module understands, and that may be left out. */
  leftOut?(what: string): void
}

/** The first byte of a record that is not a key. */
const EOF = 255
const SELECT_DB = 254
const EXPIRE_SECONDS = 253
const EXPIRE_MS = 252
const RESIZE_DB = 251
const AUX = 250
const FREQ = 249
const IDLE = 248
const MODULE_AUX = 247
const FUNCTION = 245
const SLOT_INFO = 244

/** For errors: what cannot be read by name. Everything from 243 on is a record, everything below a type. */
const FIRST_OPCODE = 243
const opcodeNames: Readonly<Record<number, string>> = {
  [KEY_METADATA]: 'slot import of Valkey',
  246: 'function of a release candidate',
}

/** From this version on a checksum follows the end. */
const FIRST_CHECKSUM_VERSION = 5

const MAGIC_BYTES = 9
const DEFAULT_MAX_STRING_BYTES = 512 * 1024 * 1024

export class RdbReader {
  readonly #sink: RdbSink
  readonly #followed: ((bytes: Buffer) => void) | undefined
  readonly #input: RdbInput
  readonly #steps: Generator<void, void, void>
  readonly #step = (): void => void this.#steps.next()
  #done = false
  #bytesRead = 0
  /** What `write` threw. It is thrown again from then on. */
  #failure: unknown

  /**
   * No string of more than `maxStringBytes` is read; 512 MiB unless given, as in Redis. `followed` gets the bytes behind the
   * end, which are an error otherwise.
   */
  constructor(sink: RdbSink, options: { maxStringBytes?: number; followed?: (bytes: Buffer) => void } = {}) {
    this.#sink = sink
    this.#followed = options.followed
    this.#input = new RdbInput(options.maxStringBytes ?? DEFAULT_MAX_STRING_BYTES)
    this.#steps = this.#file()
  }

  /**
   * Takes the next bytes; the buffer may be used again afterwards. Throws a StoreError with the code RDB that says what is
   * wrong and where, or what the sink threw; then the reader is of no more use.
   */
  write(chunk: Buffer): void {
    if (this.#failure !== undefined) throw this.#failure
    if (chunk.length === 0) return
    try {
      this.#bytesRead += chunk.length
      this.#input.feed(chunk, this.#step)
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  /** Whether the whole file was read, with its checksum. */
  get done(): boolean {
    return this.#done && this.#failure === undefined
  }

  /** The bytes that were given to `write`. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** To be called when no more bytes come. Throws a StoreError with the code RDB unless the file is whole. */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#done) return
    this.#failure = this.#input.error('short read, the file ends before its end', this.#bytesRead)
    throw this.#failure
  }

  *#file(): Generator<void, void, void> {
    const input = this.#input
    const sink = this.#sink

    while (!input.has(MAGIC_BYTES)) yield
    const version = this.#magic(input.takeLatin1(MAGIC_BYTES))

    let expiresAt: number | null = null
    let use = null as KeyUse | null
    let first: number
    let second: number
    for (;;) {
      while (!input.has(1)) yield
      const kind = input.takeByte()
      switch (kind) {
        case STRING: {
          while (!input.string()) yield
          const key = input.text()
          while (!input.string()) yield
          sink.string(key, input.arg(), expiresAt, use)
          expiresAt = use = null
          break
        }
        case EXPIRE_MS:
          while (!input.has(8)) yield
          expiresAt = expiryOf(input.takeInt64())
          break
        case EXPIRE_SECONDS:
          while (!input.has(4)) yield
          expiresAt = expiryOf(input.takeInt32() * 1000)
          break
        case FREQ:
          while (!input.has(1)) yield
          use = { idleSeconds: use?.idleSeconds, frequency: input.takeByte() }
          break
        case IDLE:
          while ((first = input.length()) < 0) yield
          use = { idleSeconds: first, frequency: use?.frequency }
          break
        case AUX: {
          while (!input.string()) yield
          const name = input.text()
          while (!input.string()) yield
          sink.aux(name, input.text())
          break
        }
        case SELECT_DB:
          while ((first = input.length()) < 0) yield
          sink.selectDb(first)
          break
        case RESIZE_DB:
          while ((first = input.length()) < 0) yield
          while ((second = input.length()) < 0) yield
          sink.resizeDb(first, second)
          break
        case SLOT_INFO: // slot, keys, expires: three lengths, though they look like RESIZE_DB's two
          for (let i = 0; i < 3; i++) while (input.length() < 0) yield
          break
        case FUNCTION:
          while (!input.string()) yield
          sink.function(input.latin1())
          break
        case KEY_METADATA:
          if (version === VALKEY_VERSION) throw this.#refusal(kind)
          for (const name of yield* skipKeyMetadata(input)) sink.leftOut?.(`metadata of keys of the class '${name}'`)
          break
        case MODULE_AUX:
          while (input.length() < 0) yield // its id
          yield* skipModuleItems(input)
          break
        case EOF:
          if (version >= FIRST_CHECKSUM_VERSION) yield* this.#checksum()
          // Returning would let bytes of a later piece pass unseen.
          for (;;) {
            if (input.unread) {
              if (this.#followed === undefined) throw input.error('trailing bytes after the end')
              this.#done = true
              this.#followed(input.takeRest())
            }
            this.#done = true
            yield
          }
        default: {
          if (!readableTypes.has(kind)) throw this.#refusal(kind)
          const start = input.offset - 1
          while (!input.string()) yield
          const key = input.text()
          const value = yield* this.#value(kind, version === VALKEY_VERSION, start)
          // A collection of none is left out, as Redis does: there is no such value.
          if (value !== null) sink.value(key, value, expiresAt, use)
          expiresAt = use = null
        }
      }
    }
  }

  /** `start`: where the key's record began. */
  *#value(type: number, fromValkey: boolean, start: number): Reading<Value | null> {
    try {
      return yield* readValue(this.#input, type, fromValkey)
    } catch (error) {
      if (!(error instanceof Damage)) throw error
      throw this.#input.error(`a ${typeNames[type]} that starts at byte ${start}: ${error.message}`)
    }
  }

  #magic(magic: string): number {
    const family = /^(REDIS\d{4}|VALKEY\d{3})$/.exec(magic)
    if (family === null) throw this.#input.error(`it does not start as an RDB file does: ${JSON.stringify(magic)}`, 0)
    const valkey = magic.startsWith('VALKEY')
    const version = Number(magic.slice(valkey ? 6 : 5))
    if (!isKnownVersion(version) || valkey !== (version === VALKEY_VERSION))
      throw this.#input.error(`can't handle RDB format version ${version} (${magic})`, 0)
    return version
  }

  /** Compares the checksum of everything so far with the eight bytes that follow; eight zeros say that there is none. */
  *#checksum(): Generator<void, void, void> {
    const input = this.#input
    const computed = input.checksum().toString()
    while (!input.has(8)) yield
    const low = input.takeUint32()
    const high = input.takeUint32()
    if (low === 0 && high === 0) return
    const stored = hex64(low, high)
    if (stored !== computed) {
      throw input.error(`the checksum is ${stored}, but the bytes give ${computed}`, input.offset - 8)
    }
  }

  /** For a first byte whose record cannot be read. How long it is cannot be known, so neither what follows. */
  #refusal(kind: number): StoreError {
    const noun = kind >= FIRST_OPCODE ? 'opcode' : 'type'
    const name = opcodeNames[kind] ?? typeNames[kind] ?? 'unknown'
    return this.#input.error(`${noun} ${kind} (${name}) cannot be read`, this.#input.offset - 1)
  }
}

/** -1 stands for "none" in the loaders of Redis and Valkey. */
function expiryOf(ms: number): number | null {
  return ms === -1 ? null : ms
}
