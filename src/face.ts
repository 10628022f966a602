// The Map face of one numbered keyspace: Map's own methods and semantics, plus time. Synchronous. It reads and writes the
// keyspace directly, which saves putting a command together and taking it apart; what it changes goes into the stream by
// the engine's `wrote`, as every command's effect does.

import { type Arg, Binary, keyText, textOf } from './bytes.js'
import type { ValueCodec } from './codec.js'
import type { Engine } from './engine/engine.js'
import { StoreError } from './errors.js'
import { globMatch } from './glob.js'
import { Handle, type HandleHost } from './handles/handle.js'
import { HashHandle } from './handles/hash.js'
import { ListHandle } from './handles/list.js'
import { SetHandle } from './handles/set.js'
import { SortedSetHandle } from './handles/sorted-set.js'
import { StreamHandle } from './handles/stream.js'
import { isString, type Keyspace, type Value } from './keyspace/keyspace.js'
import type { ReplyValue } from './protocol/writer.js'
import { runTransaction } from './transaction.js'

export interface SetOptions {
  /** Milliseconds from now until the key is gone. */
  ttl?: number
  /** The same as a time: milliseconds since 1970, or a Date. */
  expiresAt?: number | Date
  /** Leaves the key's time as it is; else a set without a time takes it away. */
  keepTtl?: boolean
  /** Sets only if there is no such key; `set` then says whether it did. */
  ifAbsent?: boolean
  /** Sets only if there is one; `set` then says whether it did. */
  ifPresent?: boolean
}

export type Condition = { ifAbsent: true } | { ifPresent: true }

export interface FaceOptions<V> {
  codec: ValueCodec<V>
  /** Plain objects and arrays are deep-frozen when they are set. */
  freeze: boolean
}

export class Face<V> {
  readonly #engine: Engine
  readonly #index: number
  readonly #codec: ValueCodec<V>
  readonly #keepsText: boolean
  readonly #freeze: boolean
  /** Kept at hand: to ask the engine for it would take a quarter of the time of a `get`. */
  #keyspace: Keyspace
  readonly #handleHost: HandleHost

  /** @internal */
  constructor(engine: Engine, index: number, options: FaceOptions<V>) {
    this.#engine = engine
    this.#index = index
    this.#keyspace = engine.dataset.keyspaces[index]
    this.#handleHost = new HostOfHandles(engine, index)
    engine.contents.onKeyspaces((keyspaces) => {
      this.#keyspace = keyspaces[index]
    })
    this.#codec = options.codec
    this.#keepsText = options.codec.keepsText
    this.#freeze = options.freeze
  }

  get [Symbol.toStringTag](): string {
    return 'Store'
  }

  /** Keys held. As DBSIZE it counts those whose time has just passed and that nobody has removed yet. */
  get size(): number {
    return this.#keyspace.size
  }

  /** The value, or undefined. What was set is shared, not copied: the same object comes back. Throws StoreError CODEC. */
  get(key: string): V | undefined {
    // The hot path: a key that needs no look of its own is found as it is. Saves a quarter of the time of a hit.
    const slot = this.#keyspace.get(key)
    if (typeof slot === 'string' && this.#keepsText) return slot as V
    return this.#getSlowly(key, slot)
  }

  has(key: string): boolean {
    return this.#keyspace.has(keyOf(key))
  }

  /**
   * Sets a value, and its time. Returns the store as Map does; with `ifAbsent` or `ifPresent`, whether it was set.
   * Throws READONLY on a replica, OOM past `maxMemory` without a policy, StoreError CODEC and INVALID.
   */
  set(key: string, value: V, options: SetOptions & Condition): boolean
  set(key: string, value: V, options?: SetOptions): this
  set(key: string, value: V, options?: SetOptions): this | boolean {
    const engine = this.#engine
    engine.assertWritable()
    const name = keyOf(key)
    if (options !== undefined) return this.#setWith(name, value, options)
    const slot = this.#slotOf(value)
    this.#makeRoom()
    this.#keyspace.set(name, slot)
    engine.wrote(this.#index, ['SET', name, slot])
    return this
  }

  /** @internal A value's bytes, as `set` would keep them. Throws StoreError CODEC. */
  encoded(value: V): Arg {
    const slot = this.#slotOf(value)
    if (slot instanceof Binary) slot.latin1
    return slot
  }

  /** Says whether the key was there. */
  delete(key: string): boolean {
    this.#engine.assertWritable()
    const name = keyOf(key)
    const keyspace = this.#keyspace
    if (!keyspace.has(name)) return false
    keyspace.delete(name)
    this.#engine.wrote(this.#index, ['DEL', name])
    return true
  }

  /** Empties this keyspace, and no other. */
  clear(): void {
    this.#engine.assertWritable()
    this.#engine.flush(this.#index)
    this.#engine.wrote(this.#index, ['FLUSHDB'])
  }

  *keys(): IterableIterator<string> {
    for (const [key] of this.#slots()) yield key
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value
  }

  *entries(): IterableIterator<[string, V]> {
    for (const [key, slot] of this.#slots()) yield [key, this.#valueOf(key, slot)]
  }

  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.entries()
  }

  forEach(visit: (value: V, key: string, store: this) => void, thisArg?: unknown): void {
    for (const [key, value] of this.entries()) visit.call(thisArg, value, key, this)
  }

  /** The entries whose keys match a pattern as Redis' KEYS takes it: `*`, `?`, `[a-z]`, `\` before what is meant itself. */
  *scan(pattern = '*'): IterableIterator<[string, V]> {
    for (const [key, slot] of this.#slots()) {
      if (pattern === '*' || globMatch(pattern, key)) yield [key, this.#valueOf(key, slot)]
    }
  }

  /** Milliseconds until the key is gone; null when it lasts, undefined when there is none. */
  ttl(key: string): number | null | undefined {
    const expiresAt = this.#keyspace.expiresAt(keyOf(key))
    return expiresAt == null ? expiresAt : Math.max(0, expiresAt - this.#engine.now)
  }

  /** Gives the key this many milliseconds, or until that Date. Says whether there is such a key. 0 or less deletes it. */
  expire(key: string, ttl: number | Date): boolean {
    this.#engine.assertWritable()
    const name = keyOf(key)
    const keyspace = this.#keyspace
    if (!keyspace.has(name)) return false
    const expiresAt = timeOf(ttl, this.#engine.now)
    if (expiresAt <= this.#engine.now) {
      this.delete(name)
      return true
    }
    keyspace.setExpiry(name, expiresAt)
    this.#engine.wrote(this.#index, ['PEXPIREAT', name, expiresAt])
    this.#engine.timesChanged()
    return true
  }

  /** Takes the key's time away. Says whether it had one. */
  persist(key: string): boolean {
    this.#engine.assertWritable()
    const name = keyOf(key)
    if (this.#keyspace.expiresAt(name) == null) return false
    this.#keyspace.setExpiry(name, null)
    this.#engine.wrote(this.#index, ['PERSIST', name])
    this.#engine.timesChanged()
    return true
  }

  /** Reads, changes and writes in one step, and keeps the key's time. `undefined` deletes. Returns the new value. */
  update(key: string, change: (old: V | undefined) => V): V
  update(key: string, change: (old: V | undefined) => V | undefined): V | undefined {
    this.#engine.assertWritable()
    const next = change(this.get(key))
    if (next === undefined) this.delete(key)
    else this.set(key, next, { keepTtl: true })
    return next
  }

  /** Adds to a number and returns the sum; a key that is not there counts as 0. The key's time stays. Throws INVALID. */
  increment(key: string, by = 1): number {
    const sum = increased(key, this.get(key), by)
    this.set(key, sum as V, { keepTtl: true })
    return Number(sum)
  }

  /**
   * Everything that `work` does, in this keyspace or another, is one for every replica: they see all of it or nothing.
   * If it throws, nothing was done. `work` is synchronous; one that returns a promise is refused.
   */
  transaction<T>(work: () => T): T {
    this.#engine.assertWritable()
    return runTransaction(this.#engine, work)
  }

  /**
   * Runs a command as a client would, in this keyspace, and returns its reply: text as strings, other bytes as Buffers,
   * maps as Maps. An error reply is thrown as ReplyError.
   */
  call(...argv: (string | number | bigint | Uint8Array)[]): ReplyValue {
    if (argv.length === 0) throw new StoreError('INVALID', 'a command has a name')
    return this.#engine.call(argv.map(argOf), this.#index)
  }

  /** The hash at a key, or to be made there, as a live Map of strings. */
  hashAt(key: string): HashHandle {
    return new HashHandle(this.#handleHost, keyOf(key))
  }

  /** The list at a key, or to be made there, as a live Array of strings. */
  listAt(key: string): ListHandle {
    return new ListHandle(this.#handleHost, keyOf(key))
  }

  /** The set at a key, or to be made there, as a live Set of strings. */
  setAt(key: string): SetHandle {
    return new SetHandle(this.#handleHost, keyOf(key))
  }

  /** The sorted set at a key, or to be made there, as a live Map from members to scores. */
  sortedSetAt(key: string): SortedSetHandle {
    return new SortedSetHandle(this.#handleHost, keyOf(key))
  }

  /** The stream at a key, or to be made there. */
  streamAt(key: string): StreamHandle {
    return new StreamHandle(this.#handleHost, keyOf(key))
  }

  #handleOf(key: string, held: Exclude<Value, Arg>): AnyHandle {
    switch (held.type) {
      case 'hash':
        return this.hashAt(key)
      case 'list':
        return this.listAt(key)
      case 'set':
        return this.setAt(key)
      case 'zset':
        return this.sortedSetAt(key)
      case 'stream':
        return this.streamAt(key)
      case 'vectorset':
        return Object.freeze({ type: 'vectorset', size: held.size, dim: held.form.dim })
    }
  }

  #getSlowly(key: string, found: Value | undefined): V | undefined {
    const slot = found ?? this.#keyspace.get(keyOf(key))
    return slot === undefined ? undefined : this.#valueOf(key, slot)
  }

  /** As a Map's iterator, one that meets a `clear` goes on with what was set after it: in the keyspace put in the place. */
  *#slots(): Generator<[string, Value], undefined> {
    let keyspace = this.#keyspace
    let entries = keyspace.entries()
    for (;;) {
      const step = entries.next()
      if (step.done) return
      yield step.value
      if (keyspace === this.#keyspace) continue
      keyspace = this.#keyspace
      entries = keyspace.entries()
    }
  }

  #setWith(name: string, value: V, options: SetOptions): this | boolean {
    const engine = this.#engine
    const keyspace = this.#keyspace
    const conditional = options.ifAbsent === true || options.ifPresent === true
    if (conditional && keyspace.has(name) !== (options.ifPresent === true)) return false
    const given = options.ttl ?? options.expiresAt
    let expiresAt: number | null = null
    if (options.ttl !== undefined) expiresAt = timeOf(options.ttl, engine.now)
    else if (given !== undefined) expiresAt = Number(given)
    else if (options.keepTtl === true) expiresAt = keyspace.expiresAt(name) ?? null
    if (expiresAt !== null && !Number.isSafeInteger(expiresAt)) {
      throw new StoreError('INVALID', `a time is a whole number of milliseconds, not ${expiresAt}`)
    }
    // SET takes no time that is 0 or less, from a primary neither: the first millisecond is as past as any before it.
    if (expiresAt !== null) expiresAt = Math.max(1, expiresAt)
    const slot = this.#slotOf(value)
    this.#makeRoom()
    keyspace.set(name, slot, expiresAt)
    engine.wrote(this.#index, expiresAt === null ? ['SET', name, slot] : ['SET', name, slot, 'PXAT', expiresAt])
    engine.timesChanged()
    return conditional ? true : this
  }

  #makeRoom(): void {
    if (!this.#engine.makeRoom()) throw this.#engine.outOfMemory()
  }

  #slotOf(value: V): Arg {
    if (typeof value === 'string' && this.#keepsText && value.isWellFormed()) return value
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new StoreError('CODEC', `a ${typeof value} cannot be turned into bytes`)
    }
    if (value instanceof Handle) throw new StoreError('CODEC', 'a handle is no value: set what it stands for')
    if (this.#freeze && typeof value === 'object' && value !== null) deepFreeze(value)
    const slot = this.#codec.slotOf(value)
    // A value that has no bytes must fail before it is set, not when a replica or the bookkeeping of sizes asks for it.
    if ((this.#engine.stream.active || this.#keyspace.recency !== null) && slot instanceof Binary) slot.latin1
    return slot
  }

  #valueOf(key: string, slot: Value): V {
    if (!isString(slot)) return this.#handleOf(key, slot) as V
    if (slot instanceof Binary) return this.#codec.valueOf(slot)
    if (this.#keepsText) return slot as V
    const decoded = this.#codec.decodeText(slot)
    this.#keyspace.refine(keyOf(key), decoded)
    return decoded.value as V
  }
}

/** What the face shows of a vector set, which is worked with by commands only: how many elements, of how many components. */
export interface VectorSetSize {
  readonly type: 'vectorset'
  readonly size: number
  readonly dim: number
}

export type AnyHandle = HashHandle | ListHandle | SetHandle | SortedSetHandle | StreamHandle | VectorSetSize

export class HostOfHandles implements HandleHost {
  readonly #engine: Engine
  readonly #index: number

  constructor(engine: Engine, index: number) {
    this.#engine = engine
    this.#index = index
  }

  get keyspace(): Keyspace {
    return this.#engine.dataset.keyspaces[this.#index]
  }

  random(): number {
    return this.#engine.env.random()
  }

  call(...argv: (string | number)[]): ReplyValue {
    return this.#engine.call(argv.map(argOf), this.#index)
  }
}

/** A value with a number added to it. Decimal text, as Redis' clients write counters, stays decimal text. Throws INVALID. */
export function increased(key: string, old: unknown, by: number): number | string {
  const number = typeof old === 'string' && old.trim() !== '' ? Number(old) : (old ?? 0)
  const sum = typeof number === 'number' ? number + by : Number.NaN
  if (!Number.isFinite(sum)) {
    throw new StoreError('INVALID', `the value of '${key}' is not a number`)
  }
  return typeof old === 'string' ? String(sum) : sum
}

export function keyOf(key: string): string {
  if (typeof key !== 'string') throw new StoreError('INVALID', `a key is a string, not ${typeof key}`)
  return key.isWellFormed() ? key : keyText(key)
}

export function argOf(arg: string | number | bigint | Uint8Array): Arg {
  if (typeof arg === 'string') return keyText(arg)
  if (arg instanceof Uint8Array) {
    const bytes = Buffer.from(arg)
    const text = textOf(bytes)
    return text.isWellFormed() ? text : new Binary(bytes.toString('latin1'))
  }
  return String(arg)
}

/** The largest time that every reader of the stream can hold. */
const LATEST_TIME_MS = Number.MAX_SAFE_INTEGER

export function timeOf(ttl: number | Date, now: number): number {
  const at = typeof ttl === 'number' ? now + Math.ceil(ttl) : Number(ttl)
  if (!Number.isFinite(at)) throw new StoreError('INVALID', `a time to live is a number of milliseconds, not ${ttl}`)
  return Math.min(at, LATEST_TIME_MS)
}

/** Plain objects and arrays only: what has a class of its own may need to change. */
function deepFreeze(value: object): void {
  if (Object.isFrozen(value)) return
  const prototype = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return
  Object.freeze(value)
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
}
