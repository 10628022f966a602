// One numbered keyspace: keys, their values and their times. It knows no command, no log and no clock of its own.
//
// A key's slot in the map is its value itself, so that reading a plain string costs one lookup and no object; only a key
// with a time has an object around its value (Timed). While a snapshot walks the keyspace a deleted key leaves a mark
// (GONE) in its slot, so that the walk still meets it. A string that counting made is held as the number it is: a third of the
// memory, and nothing to read or to make at the next count.

import { type Arg, Binary } from '../bytes.js'
import type { Collection } from './collection.js'
import { Expiry, Timed } from './expiry.js'
import { type Fields, Hash, LiveFields } from './hash.js'
import type { List } from './list.js'
import type { Recency } from './recency.js'
import type { MemberSet } from './set.js'
import { Slots, TABLE_BESIDE_LIMITS } from './slots.js'
import type { SortedSet } from './sorted-set.js'
import type { StreamLog } from './stream.js'
import type { VectorSet } from './vector-set.js'

/** What a key can hold: a string, as text or bytes, or a collection, which is changed in place. */
export type Value = Arg | List | Hash | MemberSet | SortedSet | StreamLog | VectorSet

/** Whether the value is of the type string. */
export function isString(value: Arg | object): value is Arg {
  return typeof value === 'string' || value instanceof Binary
}

/** The value itself, or a copy of a collection: what stays as it is when the key changes. */
export function frozen(value: Value): Value {
  return isString(value) ? value : value.clone()
}

export const GONE = Symbol('gone')
export type Slot = Value | number | Timed | typeof GONE

/** What a slot holds that is not empty. */
export function valueIn(slot: Exclude<Slot, typeof GONE>): Value {
  if (typeof slot === 'number') return String(slot)
  return slot instanceof Timed ? slot.value : slot
}

/** When what a slot holds is past its time; null: it has none. */
export function timeIn(slot: Slot): number | null {
  return slot instanceof Timed ? slot.expiresAt : null
}

export type Change = 'set' | 'delete' | 'expire' | 'evict' | 'time' | 'clear'

/** What a keyspace asks of whoever owns it. */
export interface KeyspaceOwner {
  /** Whether a time lies in the past, as far as commands are concerned right now. */
  isPast(expiresAt: number): boolean
  /** A reader met a key whose time is past. The owner may delete it; to the reader it is gone either way. */
  metExpired(keyspace: Keyspace, key: string): void
  /**
   * A reader met a hash that has fields whose time is past. The owner may delete them, and the key with the last one; if it
   * does not, they are hidden from readers (`live`).
   */
  metExpiredFields(keyspace: Keyspace, key: string, hash: Hash): void
  /** The time of some key or field has come, gone or moved. */
  timesChanged(): void
  /** A number in [0, 1). */
  random(): number
}

/** A snapshot that is under way: told what a key held before the key changes. */
export interface Capture {
  before(key: string, slot: Slot | undefined): void
}

/** Told of each change, after it was made. The key is empty for `clear`. `isNew`: there was no such key before. */
export type Observer = (change: Change, key: string, keyspace: Keyspace, isNew: boolean) => void

/** A scan under way. */
interface Scan {
  readonly position: Iterator<string>
  /** Slots there were at the start, less those passed. What was there then comes first: the rest need not be walked, and
   * keys that come and go faster than the scan advances would never let it end. */
  left: number
}

export type TypeName = 'string' | Collection['type'] | 'none'

export class Keyspace {
  /** Its number; changes with SWAPDB. */
  index: number
  /** The slots, in insertion order. Only for snapshots and for this class: everyone else asks below. */
  readonly slots: Slots<Slot>
  readonly expiry: Expiry
  /** Hashes that have fields with a time, in the order of their first field's. */
  readonly fieldExpiry: Expiry
  readonly #timedHashes = new Map<string, Timed>()
  readonly #owner: KeyspaceOwner
  readonly #seed = (): number => Math.floor(this.#owner.random() * 2 ** 32)
  readonly #captures: Capture[] = []
  readonly #scans = new Map<number, Scan>()
  /** Keys whose slot holds a mark: to be swept when the last capture is released. */
  readonly #gone = new Set<string>()
  /** Keys that hold, or once held, a stream or a vector set. */
  readonly #special = new Set<string>()
  /** How many `#special` may be before those that hold no such thing any more are looked for. */
  #specialLimit = MIN_SPECIAL_LIMIT
  #nextCursor = 1
  #rover: Iterator<string> | undefined
  #recency: Recency | null = null
  #observer: Observer | null = null
  /** Nothing but the map has to be told of a change: no time, snapshot, recency or observer. */
  #plain = true

  constructor(index: number, owner: KeyspaceOwner) {
    this.index = index
    this.slots = new Slots(this.#seed)
    this.#owner = owner
    this.expiry = new Expiry(() => owner.timesChanged())
    this.fieldExpiry = new Expiry(() => owner.timesChanged())
  }

  /** Keys held, as DBSIZE counts them: those whose time is past and that nobody has deleted yet are counted. */
  get size(): number {
    return this.slots.size - this.#gone.size
  }

  /** A table for what is to be known of some of its keys meanwhile. As the keyspace's own, it grows in small steps. */
  tableBeside<T extends object | string | symbol>(): Slots<T> {
    return new Slots(this.#seed, TABLE_BESIDE_LIMITS)
  }

  /** So many keys are to come, if that is true. */
  expect(keys: number): void {
    this.slots.expect(keys)
  }

  /** The value, or undefined when there is none or its time is past. Counts as a use of the key. */
  get(key: string): Value | undefined {
    const slot = this.slots.get(key)
    if (typeof slot === 'string' && this.#recency === null) return slot
    const value = this.#open(key, slot)
    if (value !== undefined) this.#recency?.touch(key)
    return value
  }

  /** As `get`, without counting as a use (OBJECT, TYPE, TTL). */
  peek(key: string): Value | undefined {
    return this.#open(key, this.slots.get(key))
  }

  /** As `peek`, also while its time is past and nobody has deleted it (DEBUG OBJECT). */
  held(key: string): Value | undefined {
    const slot = this.slots.get(key)
    return slot === undefined || slot === GONE ? undefined : valueIn(slot)
  }

  has(key: string): boolean {
    return this.peek(key) !== undefined
  }

  /** When the key's time is past, in ms since 1970; null when it has no time, undefined when there is no such key. */
  expiresAt(key: string): number | null | undefined {
    const slot = this.slots.get(key)
    if (this.#open(key, slot) === undefined) return undefined
    return timeIn(slot!)
  }

  /** Whether the key is held although its time is past. Changes nothing. */
  holdsExpired(key: string): boolean {
    const slot = this.slots.get(key)
    return slot instanceof Timed && this.#owner.isPast(slot.expiresAt)
  }

  typeOf(key: string): TypeName {
    const value = this.peek(key)
    if (value === undefined) return 'none'
    return isString(value) ? 'string' : value.type
  }

  /** Sets value and time (none: the key lasts). */
  set(key: string, value: Value, expiresAt: number | null = null): void {
    if (this.#plain && expiresAt === null && firstExpiryIn(value) === undefined) {
      this.slots.set(key, value)
      if (typeof value !== 'string') this.#noteSpecial(key, value)
      return
    }
    const before = this.#beforeChange(key)
    if (before === GONE) this.#gone.delete(key)
    if (expiresAt === null) {
      if (before instanceof Timed) this.expiry.remove(before)
      this.slots.set(key, value)
    } else if (before instanceof Timed) {
      before.value = value
      this.expiry.move(before, expiresAt)
    } else this.#setTimed(key, value, expiresAt)
    if (typeof value !== 'string') this.#noteSpecial(key, value)
    this.#followFields(key, value)
    this.#recency?.add(key, value)
    this.#settlePlain()
    this.#observer?.('set', key, this, before === undefined || before === GONE)
  }

  /** Sets the value and leaves the key's time as it is. */
  replace(key: string, value: Value): void {
    if (this.#plain) {
      this.set(key, value)
      return
    }
    const slot = this.slots.get(key)
    this.set(key, value, slot === undefined ? null : timeIn(slot))
  }

  /** The number that is held there as a number; undefined says nothing of what else there may be. */
  numberAt(key: string): number | undefined {
    if (!this.#plain) return undefined
    const slot = this.slots.get(key)
    return typeof slot === 'number' ? slot : undefined
  }

  /** As `replace`, with a whole number's digits as the value. */
  replaceByNumber(key: string, value: number): void {
    // Of 32 bits: V8 keeps those in the slot itself.
    if (this.#plain && (value | 0) === value) this.slots.set(key, value)
    else this.replace(key, String(value))
  }

  /**
   * To be called before the collection at a key is changed in place, so that a snapshot can keep what it was, and
   * `didChange` afterwards. A collection that is not in the keyspace yet is filled first and then `set`.
   */
  willChange(key: string): void {
    if (!this.#plain) this.#beforeChange(key)
  }

  /** The collection at a key was changed in place. One that became empty is deleted, as Redis does; a stream stays. */
  didChange(key: string, value: Collection): void {
    if (value.size === 0 && value.type !== 'stream') {
      this.delete(key)
      return
    }
    if (this.#plain && (value.type !== 'hash' || firstExpiryIn(value as Hash) === undefined)) return
    this.#followFields(key, value as Value)
    this.#recency?.add(key, value as Value)
    this.#settlePlain()
    this.#observer?.('set', key, this, false)
  }

  /** A hash as a reader should see it: fields whose time is past and that nobody has deleted yet are hidden. */
  live(hash: Hash): Fields {
    return this.#hasPastFields(hash) ? new LiveFields(hash, (expiresAt) => this.#owner.isPast(expiresAt)) : hash
  }

  /** Puts the decoded form in the place of the same bytes. Not a change: nobody is told. */
  refine(key: string, value: Value): void {
    const slot = this.slots.get(key)
    if (slot instanceof Timed) slot.value = value
    else this.slots.set(key, value)
  }

  /** Deletes a key, whether its time is past or not. Says whether it was there. */
  delete(key: string, change: 'delete' | 'expire' | 'evict' = 'delete'): boolean {
    if (this.#plain) return this.slots.delete(key)
    const before = this.#beforeChange(key)
    if (before === undefined || before === GONE) return false
    if (before instanceof Timed) this.expiry.remove(before)
    if (this.#captures.length === 0) this.slots.delete(key)
    else {
      this.slots.set(key, GONE)
      this.#gone.add(key)
    }
    this.#followFields(key, undefined)
    this.#recency?.remove(key)
    this.#settlePlain()
    this.#observer?.(change, key, this, false)
    return true
  }

  /** Gives an existing key a time, or takes it away (null). */
  setExpiry(key: string, expiresAt: number | null): void {
    const before = this.#beforeChange(key)
    if (before === undefined || before === GONE) return
    if (before instanceof Timed) {
      if (expiresAt === null) {
        this.expiry.remove(before)
        this.slots.set(key, before.value)
      } else this.expiry.move(before, expiresAt)
    } else if (expiresAt !== null) this.#setTimed(key, valueIn(before), expiresAt)
    this.#settlePlain()
    this.#observer?.('time', key, this, false)
  }

  /** Keys in insertion order, those past their time left out. Safe against changes while it runs, as a Map's is. */
  *keys(): Generator<string, undefined> {
    for (const [key, slot] of this.slots) if (this.#isLive(slot)) yield key
  }

  /** Keys and values, likewise. */
  *entries(): Generator<[string, Value], undefined> {
    for (const [key, slot] of this.slots) {
      if (this.#isLive(slot)) yield [key, valueIn(slot)]
    }
  }

  /** Streams, vector sets, and hashes that have fields with a time: all that not every form of a snapshot can hold. */
  *special(): Generator<[string, SpecialValue], undefined> {
    for (const [key, { value }] of this.#timedHashes) yield [key, value as Hash]
    for (const key of this.#special) {
      const value = specialIn(this.slots.get(key))
      if (value === undefined) this.#special.delete(key)
      else yield [key, value]
    }
  }

  /**
   * The next keys of a scan, about `count` of them, and the cursor to go on with: 0 when the scan is through. A key that
   * is there from the first call to the last is returned at least once. A cursor is good for one call; one that is not
   * known (any more) starts from the beginning, which may repeat keys and misses none.
   */
  scan(cursor: number, count: number): { cursor: number; keys: string[] } {
    const scan = this.#scans.get(cursor) ?? { position: this.slots.keys(), left: this.slots.size }
    this.#scans.delete(cursor)
    const keys: string[] = []
    for (let i = 0; i < count; i++) {
      if (scan.left-- === 0) return { cursor: 0, keys }
      const step = scan.position.next()
      if (step.done) return { cursor: 0, keys }
      if (this.#open(step.value, this.slots.get(step.value)) !== undefined) keys.push(step.value)
    }
    if (this.#scans.size >= MAX_OPEN_SCANS) this.#scans.delete(this.#scans.keys().next().value!)
    const next = this.#nextCursor++
    this.#scans.set(next, scan)
    return { cursor: next, keys }
  }

  /** Some key, or undefined when there is none. Walks on from the last one by a random step: every key gets its turn. */
  randomKey(): string | undefined {
    let steps = 1 + Math.floor(this.#owner.random() * 16)
    for (let tries = 0; this.size > 0 && tries < RANDOM_KEY_TRIES; tries++) {
      this.#rover ??= this.slots.keys()
      const { value, done } = this.#rover.next()
      if (done) {
        this.#rover = undefined
        continue
      }
      if (--steps <= 0 && this.#open(value!, this.slots.get(value!)) !== undefined) return value
    }
    return undefined
  }

  /** Turns bookkeeping on and off. */
  set recency(recency: Recency | null) {
    recency?.begin(this.entries(), this.#recency)
    this.#recency = recency
    this.#settlePlain()
  }
  get recency(): Recency | null {
    return this.#recency
  }
  set observer(observer: Observer | null) {
    this.#observer = observer
    this.#settlePlain()
  }

  /** From now on `capture` hears of each change before it is made, until `release`. */
  capture(capture: Capture): void {
    this.#captures.push(capture)
    this.#settlePlain()
  }

  release(capture: Capture): void {
    const at = this.#captures.indexOf(capture)
    if (at >= 0) this.#captures.splice(at, 1)
    if (this.#captures.length === 0) this.#sweep(SWEPT_AT_ONCE)
    this.#settlePlain()
  }

  #open(key: string, slot: Slot | undefined): Value | undefined {
    if (slot === GONE) return undefined
    if (slot instanceof Timed && this.#owner.isPast(slot.expiresAt)) {
      this.#owner.metExpired(this, key)
      return undefined
    }
    if (slot === undefined) return undefined
    const value = valueIn(slot)
    if (this.#timedHashes.size === 0 || !(value instanceof Hash) || !this.#hasPastFields(value)) return value
    this.#owner.metExpiredFields(this, key, value)
    return this.slots.get(key) === slot ? value : undefined
  }

  #hasPastFields(hash: Hash): boolean {
    const first = hash.nextExpiry
    return first !== undefined && this.#owner.isPast(first)
  }

  /** Keeps the order of hashes by their first field's time. */
  #followFields(key: string, value: Value | undefined): void {
    const first = value === undefined ? undefined : firstExpiryIn(value)
    const timed = this.#timedHashes.get(key)
    if (timed === undefined) {
      if (first === undefined) return
      const added = new Timed(key, value!, first)
      this.#timedHashes.set(key, added)
      this.fieldExpiry.add(added)
    } else if (first === undefined) {
      this.#timedHashes.delete(key)
      this.fieldExpiry.remove(timed)
    } else {
      timed.value = value!
      if (timed.expiresAt !== first) this.fieldExpiry.move(timed, first)
    }
  }

  #isLive(slot: Slot): slot is Exclude<Slot, typeof GONE> {
    if (slot instanceof Timed) return !this.#owner.isPast(slot.expiresAt)
    return slot !== GONE
  }

  #beforeChange(key: string): Slot | undefined {
    if (this.#captures.length === 0) {
      if (this.#gone.size > 0) this.#sweep(SWEPT_A_CHANGE, key)
      return this.slots.get(key)
    }
    const slot = this.slots.get(key)
    for (const capture of this.#captures) capture.before(key, slot)
    return slot
  }

  /** Takes away marks that nobody needs any more: that at a key, and some others. */
  #sweep(most: number, first?: string): void {
    if (first !== undefined && this.#gone.delete(first)) this.slots.delete(first)
    let swept = 0
    for (const key of this.#gone) {
      if (swept++ === most) return
      this.#gone.delete(key)
      this.slots.delete(key)
    }
  }

  #noteSpecial(key: string, value: Value): void {
    if (isString(value) || (value.type !== 'stream' && value.type !== 'vectorset')) return
    this.#special.add(key)
    if (this.#special.size < this.#specialLimit) return
    for (const one of this.#special) if (specialIn(this.slots.get(one)) === undefined) this.#special.delete(one)
    this.#specialLimit = Math.max(MIN_SPECIAL_LIMIT, 2 * this.#special.size)
  }

  #setTimed(key: string, value: Value, expiresAt: number): void {
    const timed = new Timed(key, value, expiresAt)
    this.expiry.add(timed)
    this.slots.set(key, timed)
  }

  #settlePlain(): void {
    this.#plain =
      this.expiry.size === 0 &&
      this.#timedHashes.size === 0 &&
      this.#gone.size === 0 &&
      this.#captures.length === 0 &&
      this.#recency === null &&
      this.#observer === null
  }
}

/** When the first field of a hash is due; undefined for everything else. */
function firstExpiryIn(value: Value): number | undefined {
  return typeof value !== 'string' && value instanceof Hash ? value.nextExpiry : undefined
}

export type SpecialValue = Hash | StreamLog | VectorSet

/** The stream or vector set that is held there. */
function specialIn(slot: Slot | undefined): StreamLog | VectorSet | undefined {
  if (slot === undefined || slot === GONE) return undefined
  const value = valueIn(slot)
  return isString(value) || (value.type !== 'stream' && value.type !== 'vectorset') ? undefined : value
}

const MIN_SPECIAL_LIMIT = 1024

/** Marks that the last capture leaves behind are swept at once up to so many, about 1 ms; the others with later changes. */
const SWEPT_AT_ONCE = 4096
const SWEPT_A_CHANGE = 4

/** Scans that may be open at once in one keyspace; past it the oldest starts over. */
const MAX_OPEN_SCANS = 1024
/** How many keys past their time RANDOMKEY walks over before it gives up on finding a live one. */
const RANDOM_KEY_TRIES = 1000
