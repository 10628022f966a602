// Things in the order of their stream ids: found by id, or by the next id up or down, in O(log n); put in and taken out
// anywhere, for what is about the cost of a search. For the nodes of a stream and for the lists of pending entries.
//
// Two levels of sorted arrays: chunks of at most CHUNK_SIZE things, and the list of chunks. A thing behind all others, the
// usual case, opens a new chunk instead of splitting the last one, so chunks fill up.

import type { Weight } from './collection.js'
import { Loans } from './loans.js'
import { compareIds, type StreamId } from './stream-id.js'

const CHUNK_SIZE = 128

/** The things in order, as they were at one moment. They themselves must not be changed meanwhile, but replaced. */
export interface OrderImage<T> {
  readonly size: number
  [Symbol.iterator](): Iterator<T>
  close(): void
}

export class IdOrder<T extends { readonly id: StreamId }> {
  #size = 0
  /** None of them is empty. */
  #chunks: T[][] = []
  /** Chunks that images hold too. */
  #loans: Loans<T> | null = null

  get size(): number {
    return this.#size
  }

  get first(): T | undefined {
    return this.#chunks[0]?.[0]
  }

  get last(): T | undefined {
    return this.#chunks.at(-1)?.at(-1)
  }

  get(id: StreamId): T | undefined {
    const found = this.floor(id)
    return found !== undefined && compareIds(found.id, id) === 0 ? found : undefined
  }

  /** The last thing whose id is at most this one. */
  floor(id: StreamId): T | undefined {
    const chunk = this.#chunks[this.#chunkOf(id)]
    return chunk?.[rankIn(chunk, id)]
  }

  /** The first thing whose id is at least this one. */
  ceiling(id: StreamId): T | undefined {
    for (const item of this.from(id)) return item
    return undefined
  }

  /** Puts it in its place. False, and nothing is done, when there is something with its id. */
  add(item: T): boolean {
    const chunks = this.#chunks
    const at = this.#chunkOf(item.id)
    if (at < 0) {
      if (chunks.length === 0) chunks.push([item])
      else this.#insert(0, 0, item)
    } else {
      const chunk = chunks[at]
      const rank = rankIn(chunk, item.id)
      if (compareIds(chunk[rank].id, item.id) === 0) return false
      this.#insert(at, rank + 1, item)
    }
    this.#size++
    return true
  }

  delete(id: StreamId): T | undefined {
    const at = this.#chunkOf(id)
    if (at < 0) return undefined
    if (this.#loans !== null) this.#loans.own(this.#chunks, at)
    const chunk = this.#chunks[at]
    const rank = rankIn(chunk, id)
    const found = chunk[rank]
    if (compareIds(found.id, id) !== 0) return undefined
    if (rank === 0) chunk.shift()
    else chunk.splice(rank, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
    this.#size--
    return found
  }

  /** Puts it in the place of the one with the same id, which must be there. */
  replace(item: T): void {
    const at = this.#chunkOf(item.id)
    if (this.#loans !== null) this.#loans.own(this.#chunks, at)
    const chunk = this.#chunks[at]
    chunk[rankIn(chunk, item.id)] = item
  }

  /** Ascending. Not to be gone on with after a change. */
  [Symbol.iterator](): Generator<T, undefined> {
    return allOf(this.#chunks)
  }

  /** Ascending from this id on, itself included. Not to be gone on with after a change. */
  *from(id: StreamId): Generator<T, undefined> {
    const chunks = this.#chunks
    let at = Math.max(0, this.#chunkOf(id))
    if (at >= chunks.length) return
    let rank = rankIn(chunks[at], id)
    if (rank < 0 || compareIds(chunks[at][rank].id, id) < 0) rank++
    for (; at < chunks.length; at++, rank = 0) {
      const chunk = chunks[at]
      for (; rank < chunk.length; rank++) yield chunk[rank]
    }
  }

  /** Descending from this id on, itself included. Not to be gone on with after a change. */
  *downFrom(id: StreamId): Generator<T, undefined> {
    for (let at = this.#chunkOf(id); at >= 0; at--) {
      const chunk = this.#chunks[at]
      for (let rank = rankIn(chunk, id); rank >= 0; rank--) yield chunk[rank]
    }
  }

  /** Another with the same things in it, or with what `each` makes of them; ids stay. */
  clone(each?: (item: T) => T): IdOrder<T> {
    const copy = new IdOrder<T>()
    copy.#chunks = this.#chunks.map((chunk) => (each === undefined ? chunk.slice() : chunk.map(each)))
    copy.#size = this.#size
    return copy
  }

  /** Takes a word for each chunk: 10,000,000 things about 3 ms. */
  image(weight: Weight): OrderImage<T> {
    const chunks = this.#chunks.slice()
    const loans = (this.#loans ??= new Loans())
    const giveBack = loans.lend(chunks, weight)
    const close = (): void => {
      giveBack()
      if (!loans.isOpen) this.#loans = null
    }
    return { size: this.#size, close, [Symbol.iterator]: () => allOf(chunks) }
  }

  #insert(at: number, rank: number, item: T): void {
    if (this.#loans !== null) this.#loans.own(this.#chunks, at)
    const chunk = this.#chunks[at]
    if (chunk.length < CHUNK_SIZE) {
      if (rank === chunk.length) chunk.push(item)
      else chunk.splice(rank, 0, item)
    } else if (rank === chunk.length && at === this.#chunks.length - 1) this.#chunks.push([item])
    else {
      this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK_SIZE / 2))
      const behind = rank - CHUNK_SIZE / 2
      if (behind > 0) this.#chunks[at + 1].splice(behind, 0, item)
      else chunk.splice(rank, 0, item)
    }
  }

  /** The index of the last chunk that begins at or before the id; -1 when none does. */
  #chunkOf(id: StreamId): number {
    const chunks = this.#chunks
    let low = 0
    let high = chunks.length
    // Most are about the end.
    if (high > 0 && compareIds(chunks[high - 1][0].id, id) <= 0) return high - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareIds(chunks[middle][0].id, id) <= 0) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

function* allOf<T>(chunks: readonly (readonly T[])[]): Generator<T, undefined> {
  for (const chunk of chunks) yield* chunk
}

/** The index of the last thing in a chunk whose id is at most this one; -1 when there is none. */
function rankIn(chunk: readonly { readonly id: StreamId }[], id: StreamId): number {
  let low = 0
  let high = chunk.length
  if (compareIds(chunk[high - 1].id, id) <= 0) return high - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareIds(chunk[middle].id, id) <= 0) low = middle + 1
    else high = middle
  }
  return low - 1
}
