// A hash: fields with values, and a time for those fields that have one.

import { type Collection, ELEMENT_OVERHEAD_BYTES } from './collection.js'

export class Hash implements Collection {
  readonly type = 'hash'
  heldBytes = 0
  readonly #fields = new Map<string, string>()
  readonly #times = new Map<string, number>()

  get size(): number {
    return this.#fields.size
  }

  get(field: string): string | undefined {
    return this.#fields.get(field)
  }

  /** Sets the value, and takes the field's time away unless another is given (ms since 1970). Whether the field is new. */
  set(field: string, value: string, expiresAt: number | null = null): boolean {
    const before = this.#fields.get(field)
    this.#fields.set(field, value)
    this.heldBytes +=
      before === undefined ? field.length + value.length + ELEMENT_OVERHEAD_BYTES : value.length - before.length
    if (expiresAt === null) this.#times.delete(field)
    else this.#times.set(field, expiresAt)
    return before === undefined
  }

  /** When the field's time is past, ms since 1970; null when it has none. */
  expiresAt(field: string): number | null {
    return this.#times.get(field) ?? null
  }

  /** Fields and values, in the order they were first set. */
  [Symbol.iterator](): Iterator<[string, string]> {
    return this.#fields[Symbol.iterator]()
  }

  clone(): Hash {
    const copy = new Hash()
    for (const [field, value] of this) copy.set(field, value, this.expiresAt(field))
    return copy
  }
}
