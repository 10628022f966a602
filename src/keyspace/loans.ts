// Parts of a collection, arrays, that images hold as well: they are copied before they are changed. Made for the
// first image, and dropped with the last.

import { ELEMENT_OVERHEAD_BYTES, type Weight } from './collection.js'

export class Loans<T> {
  /** Whether there are images. */
  isOpen = false
  readonly #lent = new Set<readonly T[]>()
  readonly #weights: Weight[] = []

  /** Somebody else reads these parts until he calls the result. What is copied meanwhile is counted into `weight`. */
  lend(parts: Iterable<readonly T[]>, weight: Weight): () => void {
    for (const part of parts) this.#lent.add(part)
    this.#weights.push(weight)
    this.isOpen = true
    return () => {
      const at = this.#weights.indexOf(weight)
      if (at >= 0) this.#weights.splice(at, 1)
      if (this.#weights.length > 0) return
      this.isOpen = false
      this.#lent.clear()
    }
  }

  /** Puts a copy in the place of a part that is lent. */
  own(parts: T[][], at: number): void {
    const part = parts[at]
    if (!this.#lent.delete(part)) return
    parts[at] = part.slice()
    for (const weight of this.#weights) weight.bytes += part.length * ELEMENT_OVERHEAD_BYTES
  }
}
