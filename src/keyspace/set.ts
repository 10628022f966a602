// A set of members.

import { type Collection, ELEMENT_OVERHEAD_BYTES } from './collection.js'

export class MemberSet implements Collection {
  readonly type = 'set'
  heldBytes = 0
  readonly #members = new Set<string>()

  get size(): number {
    return this.#members.size
  }

  /** Whether it was not there yet. */
  add(member: string): boolean {
    if (this.#members.has(member)) return false
    this.#members.add(member)
    this.heldBytes += member.length + ELEMENT_OVERHEAD_BYTES
    return true
  }

  has(member: string): boolean {
    return this.#members.has(member)
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#members[Symbol.iterator]()
  }

  clone(): MemberSet {
    const copy = new MemberSet()
    for (const member of this) copy.add(member)
    return copy
  }
}
