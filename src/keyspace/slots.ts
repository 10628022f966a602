// The keys of one keyspace and what each has in its slot: a Map's methods and order, whatever their number.
//
// One Map of V8 holds while there are few. It ends at 2^24 entries, and long before that it stops everything each time
// that it doubles: 40 ms at half a million keys, a second at eight million. So a Map that is full gives way to a table that
// grows in small steps (see key-table.ts). Reading a table costs more than reading a Map of a few thousand keys, and no
// more than one of a million.

import { KeyTable, type TableCursor, type TableLimits } from './key-table.js'

export interface SlotsLimits extends TableLimits {
  /** The most entries that are kept in one Map. */
  mapEntries: number
  /** Entries that each change then moves from the Map to the table. */
  moves: number
}

/**
 * A Map of so many has doubled for the last time at 65,536: some 5 ms. Chunks are small for the sake of V8's collector: while it
 * marks, all it still has to look at is gone through in one piece at each collection of young objects, and it takes 64 chunks up
 * at a time. With 4,096 entries each that alone took up to 16 ms; with 256 it takes 5, and reading costs hardly more.
 */
const LIMITS: SlotsLimits = { mapEntries: 131_072, moves: 4, chunkEntries: 256, segmentPlaces: 4096 }

/** For a table that lives beside another one: its Map has doubled for the last time at 8,192, in less than 1 ms. */
export const TABLE_BESIDE_LIMITS: SlotsLimits = { ...LIMITS, mapEntries: 16_384 }

const MOVED = Symbol('moved')

export class Slots<T> {
  readonly #limits: SlotsLimits
  readonly #mapEntries: number
  readonly #seed: () => number
  /** All of it, while there is no table. Afterwards those who still walk it keep it, as it was. */
  #map = new Map<string, T | typeof MOVED>()
  #table: KeyTable<T> | null = null
  /** While entries are on their way from the Map to the table, in their order. */
  #moving: MapIterator<[string, T | typeof MOVED]> | null = null
  /** How many have been. */
  #moved = 0

  /** `seed` gives a whole number, so that nobody outside can tell which keys fall together. */
  constructor(seed: () => number, limits = LIMITS) {
    this.#seed = seed
    this.#limits = limits
    this.#mapEntries = limits.mapEntries
  }

  get size(): number {
    if (this.#table === null) return this.#map.size
    return this.#table.size + (this.#moving === null ? 0 : this.#map.size - this.#moved)
  }

  get(key: string): T | undefined {
    if (this.#table === null) return this.#map.get(key) as T | undefined
    return this.#heldInMap(key) ?? this.#table.get(key)
  }

  has(key: string): boolean {
    if (this.#table === null) return this.#map.has(key)
    return this.#heldInMap(key) !== undefined || this.#table.has(key)
  }

  set(key: string, slot: T): void {
    // Before it is set: the Map would double first.
    if (this.#map.size >= this.#mapEntries && this.#table === null && !this.#map.has(key)) this.#becomeTable()
    if (this.#table === null) {
      this.#map.set(key, slot)
      return
    }
    this.#move(this.#limits.moves)
    if (this.#heldInMap(key) === undefined) this.#table.set(key, slot)
    else this.#map.set(key, slot)
  }

  /** Says whether it was there. */
  delete(key: string): boolean {
    if (this.#table === null) return this.#map.delete(key)
    this.#move(this.#limits.moves)
    return this.#heldInMap(key) === undefined ? this.#table.delete(key) : this.#map.delete(key)
  }

  /** So many are to come, if that is true. To be told before the first: then none has to move later. */
  expect(entries: number): void {
    if (this.#table === null && this.#map.size === 0 && entries > this.#mapEntries) this.#becomeTable(entries)
  }

  /** As a Map's: in insertion order, safe against changes meanwhile, and what is added behind is met too. */
  entries(): IterableIterator<[string, T]> {
    const inMap = this.#table === null ? (this.#map.entries() as IterableIterator<[string, T]>) : null
    return new Walk(this, inMap, (key, slot) => [key, slot])
  }

  keys(): IterableIterator<string> {
    return new Walk(this, this.#table === null ? this.#map.keys() : null, (key) => key)
  }

  values(): IterableIterator<T> {
    const inMap = this.#table === null ? (this.#map.values() as IterableIterator<T>) : null
    return new Walk(this, inMap, (_key, slot) => slot)
  }

  [Symbol.iterator](): IterableIterator<[string, T]> {
    return this.entries()
  }

  /** @internal For a walk through the Map: where it stands in the table; null while there is none. */
  cursor(walk: IterableIterator<unknown> | null): TableCursor<T> | null {
    if (this.#table === null) return null
    this.#move(Number.POSITIVE_INFINITY)
    if (walk === null) return this.#table.cursor()
    // Nothing came into the Map or left it since the last entry was moved: what the walk has not met tells where it is.
    let left = 0
    for (const _entry of walk) left++
    return this.#table.cursor(this.#moved - left)
  }

  #becomeTable(entries = 0): void {
    this.#table = new KeyTable<T>(this.#seed(), this.#limits, entries)
    this.#moving = this.#map.entries()
  }

  /** What is in the Map and not in the table. */
  #heldInMap(key: string): T | undefined {
    if (this.#moving === null) return undefined
    const slot = this.#map.get(key)
    return slot === MOVED ? undefined : slot
  }

  /** Moves so many entries. A mark is left in the Map, so that walks through it know where they are. */
  #move(count: number): void {
    if (this.#moving === null) return
    for (; count > 0; count--) {
      const step = this.#moving.next()
      if (step.done === true) {
        this.#table!.endAdoption()
        this.#moving = null
        this.#map = new Map()
        return
      }
      const [key, slot] = step.value
      this.#table!.adopt(key, slot as T)
      this.#map.set(key, MOVED)
      this.#moved++
    }
  }
}

class Walk<T, R> implements IterableIterator<R> {
  readonly #slots: Slots<T>
  readonly #shape: (key: string, slot: T) => R
  #inMap: IterableIterator<R> | null
  #cursor: TableCursor<T> | null = null
  #isOver = false

  constructor(slots: Slots<T>, inMap: IterableIterator<R> | null, shape: (key: string, slot: T) => R) {
    this.#slots = slots
    this.#inMap = inMap
    this.#shape = shape
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<R, undefined> {
    if (this.#isOver) return { done: true, value: undefined }
    this.#cursor ??= this.#slots.cursor(this.#inMap)
    const cursor = this.#cursor
    if (cursor === null) {
      const step = this.#inMap!.next() as IteratorResult<R, undefined>
      if (step.done === true) this.#isOver = true
      return step
    }
    this.#inMap = null
    if (cursor.advance()) return { done: false, value: this.#shape(cursor.key, cursor.value as T) }
    this.#isOver = true
    return { done: true, value: undefined }
  }
}
