// A stream: entries in the order of their ids, and consumer groups that read them.

import type { Collection } from './collection.js'

/** `ms-seq`, as two numbers of at most 64 bits. */
export interface StreamId {
  readonly ms: bigint
  readonly seq: bigint
}

export class StreamLog implements Collection {
  readonly type = 'stream'
  heldBytes = 0
  #entries: { id: StreamId; fields: string[] }[] = []

  get size(): number {
    return this.#entries.length
  }

  [Symbol.iterator](): Iterator<{ id: StreamId; fields: string[] }> {
    return this.#entries[Symbol.iterator]()
  }

  clone(): StreamLog {
    const copy = new StreamLog()
    copy.#entries = [...this.#entries]
    return copy
  }
}
