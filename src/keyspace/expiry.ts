// What has a time, in the order of the times: an indexed binary heap, so that the next one due is known without looking
// for it, and one whose time changes moves in O(log n). Keys are kept in one, and a hash's fields. It knows no clock.

import type { Value } from './keyspace.js'

/** What the heap orders. */
export interface Due {
  /** Milliseconds since 1970. */
  expiresAt: number
  /** The heap's own: where in it this stands; -1 when it does not. */
  position: number
}

/** A value with a time. Keyspace keeps it in the key's place; the heap orders it. */
export class Timed implements Due {
  readonly key: string
  value: Value
  /** Milliseconds since 1970. Past it the key is gone for every reader. */
  expiresAt: number
  position = -1

  constructor(key: string, value: Value, expiresAt: number) {
    this.key = key
    this.value = value
    this.expiresAt = expiresAt
  }
}

export class Expiry<T extends Due = Timed> {
  readonly #heap: T[] = []
  readonly #changed: () => void

  /** `changed` is called when a time has come, gone or moved. */
  constructor(changed: () => void = () => {}) {
    this.#changed = changed
  }

  get size(): number {
    return this.#heap.length
  }

  /** The one that is due first. */
  get first(): T | undefined {
    return this.#heap[0]
  }

  /** Any one of them: `at` in [0, 1) picks. */
  any(at: number): T | undefined {
    return this.#heap[Math.floor(at * this.#heap.length)]
  }

  /** How many of the first ones meet a test that nothing meets which is due later than one that fails it. */
  countFirst(meets: (timed: T) => boolean, at = 0): number {
    const timed = this.#heap[at]
    if (timed === undefined || !meets(timed)) return 0
    return 1 + this.countFirst(meets, 2 * at + 1) + this.countFirst(meets, 2 * at + 2)
  }

  add(timed: T): void {
    timed.position = this.#heap.push(timed) - 1
    this.#up(timed)
    this.#changed()
  }

  remove(timed: T): void {
    this.#changed()
    const last = this.#heap.pop()!
    const hole = timed.position
    timed.position = -1
    if (last === timed) return
    last.position = hole
    this.#heap[hole] = last
    this.#settle(last)
  }

  move(timed: T, expiresAt: number): void {
    timed.expiresAt = expiresAt
    this.#settle(timed)
    this.#changed()
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#heap[Symbol.iterator]()
  }

  #settle(timed: T): void {
    this.#up(timed)
    this.#down(timed)
  }

  #up(timed: T): void {
    const heap = this.#heap
    let at = timed.position
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent.expiresAt <= timed.expiresAt) break
      heap[at] = parent
      parent.position = at
      at = above
    }
    heap[at] = timed
    timed.position = at
  }

  #down(timed: T): void {
    const heap = this.#heap
    const size = heap.length
    let at = timed.position
    for (;;) {
      let below = 2 * at + 1
      if (below >= size) break
      if (below + 1 < size && heap[below + 1].expiresAt < heap[below].expiresAt) below++
      const child = heap[below]
      if (child.expiresAt >= timed.expiresAt) break
      heap[at] = child
      child.position = at
      at = below
    }
    heap[at] = timed
    timed.position = at
  }
}
