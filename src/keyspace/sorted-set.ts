// A sorted set: members with scores, in the order of score and then bytes. By rank and by range in O(log n).

import { type Collection, ELEMENT_OVERHEAD_BYTES } from './collection.js'

export class SortedSet implements Collection {
  readonly type = 'zset'
  heldBytes = 0
  readonly #scores = new Map<string, number>()

  get size(): number {
    return this.#scores.size
  }

  /** Whether the member is new. */
  set(member: string, score: number): boolean {
    const isNew = !this.#scores.has(member)
    this.#scores.set(member, score)
    if (isNew) this.heldBytes += member.length + ELEMENT_OVERHEAD_BYTES
    return isNew
  }

  score(member: string): number | undefined {
    return this.#scores.get(member)
  }

  /** Members and scores, lowest first. */
  [Symbol.iterator](): Iterator<[string, number]> {
    return this.#scores[Symbol.iterator]()
  }

  clone(): SortedSet {
    const copy = new SortedSet()
    for (const [member, score] of this) copy.set(member, score)
    return copy
  }
}
