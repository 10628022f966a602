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
}

/** A Map of so many has doubled for the last time at 65,536: some 5 ms. */
const LIMITS: SlotsLimits = { mapEntries: 131_072, chunkEntries: 4096, segmentPlaces: 4096 }

export class Slots<T> {
  readonly #limits: SlotsLimits
  readonly #mapEntries: number
  readonly #seed: () => number
  /** All of it, while there is no table. Afterwards those who still walk it keep it, as it was. */
  #map = new Map<string, T>()
  #table: KeyTable<T> | null = null
  /** Entries with which the table was made. */
  #founders = 0

  /** `seed` gives a whole number, so that nobody outside can tell which keys fall together. */
  constructor(seed: () => number, limits = LIMITS) {
    this.#seed = seed
    this.#limits = limits
    this.#mapEntries = limits.mapEntries
  }

  get size(): number {
    return this.#table === null ? this.#map.size : this.#table.size
  }

  get(key: string): T | undefined {
    return this.#table === null ? this.#map.get(key) : this.#table.get(key)
  }

  has(key: string): boolean {
    return this.#table === null ? this.#map.has(key) : this.#table.has(key)
  }

  set(key: string, slot: T): void {
    // Before it is set: the Map would double first.
    if (this.#map.size >= this.#mapEntries && this.#table === null && !this.#map.has(key)) this.#becomeTable()
    if (this.#table === null) this.#map.set(key, slot)
    else this.#table.set(key, slot)
  }

  /** Says whether it was there. */
  delete(key: string): boolean {
    return this.#table === null ? this.#map.delete(key) : this.#table.delete(key)
  }

  /** As a Map's: in insertion order, safe against changes meanwhile, and what is added behind is met too. */
  entries(): IterableIterator<[string, T]> {
    return new Walk(this, this.#table === null ? this.#map.entries() : null, (key, slot) => [key, slot])
  }

  keys(): IterableIterator<string> {
    return new Walk(this, this.#table === null ? this.#map.keys() : null, (key) => key)
  }

  values(): IterableIterator<T> {
    return new Walk(this, this.#table === null ? this.#map.values() : null, (_key, slot) => slot)
  }

  [Symbol.iterator](): IterableIterator<[string, T]> {
    return this.entries()
  }

  /** @internal For a walk through the Map: where it stands in the table; null while there is none. */
  cursor(walk: IterableIterator<unknown> | null): TableCursor<T> | null {
    if (this.#table === null) return null
    if (walk === null) return this.#table.cursor()
    // The Map was left as it was when the table was made, so what the walk has not met tells where it is.
    let left = 0
    for (const _entry of walk) left++
    return this.#table.cursor(this.#founders - left)
  }

  #becomeTable(): void {
    this.#table = new KeyTable<T>(this.#seed(), this.#limits, this.#map)
    this.#founders = this.#map.size
    this.#map = new Map()
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
