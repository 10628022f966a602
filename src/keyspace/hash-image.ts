// A hash as it was at one moment. The fields are met in the order of the hash's own map, in which one that is deleted leaves a
// mark as long as there are images: so each is met once. What a field was before its first change is kept aside.

import { ELEMENT_OVERHEAD_BYTES, type Image, type Weight } from './collection.js'

/** What a snapshot reads of a hash. */
export interface HashImage extends Image {
  readonly type: 'hash'
  readonly timedSize: number
  /** When the first field's time is past, ms since 1970; undefined when no field has a time. */
  readonly nextExpiry: number | undefined
  /** When a field's time is past; to be asked for when the field is met. */
  expiresAt(field: string): number | null
  [Symbol.iterator](): Iterator<[field: string, value: string]>
}

interface Times {
  expiresAt(field: string): number | null
}

/** What a field was; null: it was not there. */
type Before = { readonly value: string; readonly expiresAt: number | null } | null

export class FieldsImage implements HashImage {
  readonly type = 'hash'
  readonly size: number
  readonly timedSize: number
  readonly nextExpiry: number | undefined
  readonly close: () => void
  readonly #fields: ReadonlyMap<string, string | null>
  readonly #hash: Times
  readonly #weight: Weight
  readonly #before = new Map<string, Before>()

  constructor(
    { size, timedSize, nextExpiry }: Pick<HashImage, 'size' | 'timedSize' | 'nextExpiry'>,
    fields: ReadonlyMap<string, string | null>,
    hash: Times,
    weight: Weight,
    close: () => void,
  ) {
    this.size = size
    this.timedSize = timedSize
    this.nextExpiry = nextExpiry
    this.#fields = fields
    this.#hash = hash
    this.#weight = weight
    this.close = close
  }

  /** To be called before a field changes. */
  before(field: string, value: string | undefined, expiresAt: number | null): void {
    if (this.#before.has(field)) return
    this.#before.set(field, value === undefined ? null : { value, expiresAt })
    this.#weight.bytes += 2 * ELEMENT_OVERHEAD_BYTES + (value?.length ?? 0)
  }

  expiresAt(field: string): number | null {
    const before = this.#before.get(field)
    return before === undefined ? this.#hash.expiresAt(field) : (before?.expiresAt ?? null)
  }

  *[Symbol.iterator](): Generator<[string, string], undefined> {
    let left = this.size
    if (left === 0) return
    for (const [field, value] of this.#fields) {
      const before = this.#before.get(field)
      if (before === null || (before === undefined && value === null)) continue
      yield [field, before === undefined ? value! : before.value]
      // Those that came meanwhile stand behind: they may come faster than they can be passed over.
      if (--left === 0) return
    }
  }
}
