// A list: both ends in O(1).

import { type Collection, ELEMENT_OVERHEAD_BYTES } from './collection.js'

export class List implements Collection {
  readonly type = 'list'
  heldBytes = 0
  #items: string[] = []

  get size(): number {
    return this.#items.length
  }

  pushBack(item: string): void {
    this.#items.push(item)
    this.heldBytes += item.length + ELEMENT_OVERHEAD_BYTES
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#items[Symbol.iterator]()
  }

  clone(): List {
    const copy = new List()
    for (const item of this) copy.pushBack(item)
    return copy
  }
}
