// A hash: fields with values, and a time for those fields that have one. It knows no clock: a field whose time is past is
// there until it is deleted. Whom such a field has to be hidden from gets LiveFields in the hash's place.

import { isAsciiText, latin1Of } from '../bytes.js'
import { type Collection, ELEMENT_OVERHEAD_BYTES, type Weight } from './collection.js'
import { type Due, Expiry } from './expiry.js'
import { FieldsImage, type HashImage } from './hash-image.js'
import { Roster } from './roster.js'

/** What a reader asks of a hash. */
export interface Fields {
  readonly size: number
  get(field: string): string | undefined
  has(field: string): boolean
  /** When the field's time is past, ms since 1970; null when it has none. */
  expiresAt(field: string): number | null
  /** Fields and values, in the order they were first set. Safe against changes while it runs, as a Map's is. */
  [Symbol.iterator](): Iterator<[field: string, value: string]>
  /** A field by chance; undefined when there is none. */
  pick(random: () => number): string | undefined
  /** `count` different fields, at most all of them. */
  sample(count: number, random: () => number): string[]
  /** As SCAN: about `count` fields, and the cursor to go on with; 0 begins and ends. */
  scan(cursor: number, count: number): { cursor: number; fields: string[] }
}

/** Marks that the last image leaves behind are swept at once up to so many, about 1 ms; the others with later changes. */
const SWEPT_AT_ONCE = 4096
const SWEPT_A_CHANGE = 4

/** A field's time in the order of times. */
class FieldTime implements Due {
  readonly field: string
  expiresAt: number
  position = -1

  constructor(field: string, expiresAt: number) {
    this.field = field
    this.expiresAt = expiresAt
  }
}

/** A field's times, kept once by name and once in their order. */
interface Times {
  byField: Map<string, FieldTime>
  inOrder: Expiry<FieldTime>
}

/** About what a time costs. */
const TIME_BYTES = 2 * ELEMENT_OVERHEAD_BYTES

export class Hash implements Collection, Fields {
  readonly type = 'hash'
  heldBytes = 0
  /** A field that was deleted while images were open leaves a mark, null: it keeps its place in the order, should it return. */
  readonly #fields = new Map<string, string | null>()
  #marked: Set<string> | null = null
  #images: FieldsImage[] | null = null
  /** Made when a field gets its first time. */
  #times: Times | null = null
  /** Made when somebody wants a random field, or scans. */
  #roster: Roster | null = null
  #peakSize = 0
  #longestBytes = 0

  get size(): number {
    return this.#marked === null ? this.#fields.size : this.#fields.size - this.#marked.size
  }

  get(field: string): string | undefined {
    return this.#fields.get(field) ?? undefined
  }

  has(field: string): boolean {
    return typeof this.#fields.get(field) === 'string'
  }

  /** Sets the value, and takes the field's time away unless another is given (ms since 1970). Whether the field is new. */
  set(field: string, value: string, expiresAt: number | null = null): boolean {
    const isNew = this.replace(field, value)
    if (expiresAt !== null || this.#times !== null) this.setExpiry(field, expiresAt)
    return isNew
  }

  /** Sets the value, and leaves the field's time as it is. Whether the field is new. */
  replace(field: string, value: string): boolean {
    const before = this.#fields.get(field) ?? undefined
    if (this.#images !== null || this.#marked !== null) this.#beforeChange(field, before)
    this.#fields.set(field, value)
    this.#measure(value)
    if (before !== undefined) {
      this.heldBytes += value.length - before.length
      return false
    }
    this.#measure(field)
    this.heldBytes += field.length + value.length + ELEMENT_OVERHEAD_BYTES
    if (this.size > this.#peakSize) this.#peakSize = this.size
    this.#roster?.add(field)
    return true
  }

  /** Whether it was there. */
  delete(field: string): boolean {
    const value = this.#fields.get(field) ?? undefined
    if (value === undefined) return false
    if (this.#images !== null || this.#marked !== null) this.#beforeChange(field, value)
    if (this.#times !== null) this.setExpiry(field, null)
    if (this.#images === null) this.#fields.delete(field)
    else {
      this.#fields.set(field, null)
      this.#marked ??= new Set()
      this.#marked.add(field)
    }
    this.heldBytes -= field.length + value.length + ELEMENT_OVERHEAD_BYTES
    this.#roster?.remove(field)
    return true
  }

  expiresAt(field: string): number | null {
    return this.#times?.byField.get(field)?.expiresAt ?? null
  }

  /** Gives a field that is there a time, or takes it away (null). */
  setExpiry(field: string, expiresAt: number | null): void {
    const time = this.#times?.byField.get(field)
    if (this.#images !== null) this.#beforeChange(field, this.get(field))
    if (expiresAt === null) {
      if (time === undefined) return
      this.#times!.byField.delete(field)
      this.#times!.inOrder.remove(time)
      this.heldBytes -= TIME_BYTES
      return
    }
    this.#times ??= { byField: new Map(), inOrder: new Expiry<FieldTime>() }
    if (time !== undefined) {
      this.#times.inOrder.move(time, expiresAt)
      return
    }
    const added = new FieldTime(field, expiresAt)
    this.#times.byField.set(field, added)
    this.#times.inOrder.add(added)
    this.heldBytes += TIME_BYTES
  }

  /** When the first field's time is past, ms since 1970; undefined when no field has a time. */
  get nextExpiry(): number | undefined {
    return this.#times?.inOrder.first?.expiresAt
  }

  /** How many fields have a time. */
  get timedSize(): number {
    return this.#times?.byField.size ?? 0
  }

  /** How many fields have a time that is past. */
  countPast(isPast: (expiresAt: number) => boolean): number {
    return this.#times?.inOrder.countFirst(({ expiresAt }) => isPast(expiresAt)) ?? 0
  }

  /** Deletes fields whose time is past, at most `most` of them, and returns which. */
  expire(isPast: (expiresAt: number) => boolean, most: number): string[] {
    const expired: string[] = []
    while (expired.length < most) {
      const first = this.#times?.inOrder.first
      if (first === undefined || !isPast(first.expiresAt)) break
      expired.push(first.field)
      this.delete(first.field)
    }
    return expired
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    if (this.#images === null && this.#marked === null) {
      // Marks that come later are for HashHandle to pass over: nobody else goes on with an iterator after a change.
      return this.#fields[Symbol.iterator]() as Iterator<[string, string]>
    }
    return withoutMarks(this.#fields)
  }

  pick(random: () => number): string | undefined {
    return this.size === 0 ? undefined : this.#rosterOf().pick(random)
  }

  sample(count: number, random: () => number): string[] {
    return this.#rosterOf().sample(count, random)
  }

  scan(cursor: number, count: number): { cursor: number; fields: string[] } {
    const step = this.#rosterOf().scan(cursor, count)
    return { cursor: step.cursor, fields: step.names }
  }

  /**
   * Whether it never held more than `maxSize` fields, nor any text of more than `maxBytes`: Redis keeps such a hash as a
   * listpack, and what has outgrown that does not come back to it.
   */
  isListpack(maxSize: number, maxBytes: number): boolean {
    return this.#peakSize <= maxSize && this.#longestBytes <= maxBytes
  }

  /** Whether a field ever had a time: Redis 7.4 and later then keep places for times. */
  get wasTimed(): boolean {
    return this.#times !== null
  }

  image(weight: Weight): HashImage {
    const { size, timedSize, nextExpiry } = this
    const image = new FieldsImage({ size, timedSize, nextExpiry }, this.#fields, this, weight, () =>
      this.#release(image),
    )
    this.#images = [...(this.#images ?? []), image]
    return image
  }

  clone(): Hash {
    const copy = new Hash()
    for (const [field, value] of this) copy.set(field, value, this.expiresAt(field))
    copy.#peakSize = this.#peakSize
    copy.#longestBytes = this.#longestBytes
    return copy
  }

  #rosterOf(): Roster {
    this.#roster ??= new Roster(Array.from(this, ([field]) => field))
    return this.#roster
  }

  /** Only while there are images or marks. */
  #beforeChange(field: string, value: string | undefined): void {
    if (this.#images === null) {
      this.#sweep(SWEPT_A_CHANGE)
      // As if it had been swept: a field that returns stands behind the others.
      if (this.#marked?.delete(field)) this.#fields.delete(field)
      if (this.#marked?.size === 0) this.#marked = null
      return
    }
    for (const image of this.#images) image.before(field, value, this.expiresAt(field))
    if (value === undefined) this.#marked?.delete(field)
  }

  #release(image: FieldsImage): void {
    const others = this.#images?.filter((one) => one !== image) ?? []
    this.#images = others.length > 0 ? others : null
    if (this.#images === null) this.#sweep(SWEPT_AT_ONCE)
  }

  #sweep(most: number): void {
    const marked = this.#marked
    if (marked === null) return
    let swept = 0
    for (const field of marked) {
      if (swept++ === most) return
      marked.delete(field)
      this.#fields.delete(field)
    }
    this.#marked = null
  }

  #measure(text: string): void {
    // A character is at most three bytes: most texts are surely not the longest.
    if (text.length * 3 <= this.#longestBytes) return
    const bytes = isAsciiText(text) ? text.length : latin1Of(text).length
    if (bytes > this.#longestBytes) this.#longestBytes = bytes
  }
}

function* withoutMarks(fields: ReadonlyMap<string, string | null>): Generator<[string, string], undefined> {
  for (const [field, value] of fields) if (value !== null) yield [field, value]
}

/** How often a field is drawn before those that are there are looked for one by one. */
const DRAWS = 16

/**
 * A hash without the fields whose time is past. A primary has deleted them before anybody reads; on a replica, which waits
 * for the primary's HDEL, they are hidden from readers like this.
 */
export class LiveFields implements Fields {
  readonly #hash: Hash
  readonly #isPast: (expiresAt: number) => boolean

  constructor(hash: Hash, isPast: (expiresAt: number) => boolean) {
    this.#hash = hash
    this.#isPast = isPast
  }

  get size(): number {
    return this.#hash.size - this.#hash.countPast(this.#isPast)
  }

  get(field: string): string | undefined {
    return this.#isLive(field) ? this.#hash.get(field) : undefined
  }

  has(field: string): boolean {
    return this.#hash.has(field) && this.#isLive(field)
  }

  expiresAt(field: string): number | null {
    return this.#isLive(field) ? this.#hash.expiresAt(field) : null
  }

  *[Symbol.iterator](): Iterator<[string, string]> {
    for (const pair of this.#hash) if (this.#isLive(pair[0])) yield pair
  }

  pick(random: () => number): string | undefined {
    for (let draws = 0; draws < DRAWS; draws++) {
      const field = this.#hash.pick(random)
      if (field === undefined || this.#isLive(field)) return field
    }
    const live = this.#all()
    return live[Math.floor(random() * live.length)]
  }

  sample(count: number, random: () => number): string[] {
    return new Roster(this.#all()).sample(count, random)
  }

  scan(cursor: number, count: number): { cursor: number; fields: string[] } {
    const step = this.#hash.scan(cursor, count)
    return { cursor: step.cursor, fields: step.fields.filter((field) => this.#isLive(field)) }
  }

  #all(): string[] {
    return Array.from(this, ([field]) => field)
  }

  #isLive(field: string): boolean {
    const expiresAt = this.#hash.expiresAt(field)
    return expiresAt === null || !this.#isPast(expiresAt)
  }
}
