// A sorted set: members with scores, in the order of score and then bytes. By member in O(1), by rank and by range in
// O(log n). A member's score stands at its place in an array; the last member takes the place of one that is removed,
// which is what `scan` relies on.

import { bufferOf } from '../bytes.js'
import { type Collection, ELEMENT_OVERHEAD_BYTES, type Image, type Weight } from './collection.js'
import { ANY_SCORE, Ranking, type Visit } from './ranking.js'
import { sampleOf } from './roster.js'

export { ANY_SCORE, type Visit }

/** What a snapshot reads of a sorted set: lowest first. */
export interface SortedSetImage extends Image {
  readonly type: 'zset'
  [Symbol.iterator](): Iterator<[member: string, score: number]>
}

export class SortedSet implements Collection {
  readonly type = 'zset'
  heldBytes = 0
  /** Where each member stands in the two arrays. */
  #places = new Map<string, number>()
  #members: string[] = []
  #scores: number[] = []
  #ranking = new Ranking()
  #peakSize = 0
  #longestBytes = 0

  get size(): number {
    return this.#members.length
  }

  /** Whether it never had more or longer members than that: Redis keeps such a set in one piece. */
  isListpack(maxSize: number, maxBytes: number): boolean {
    return this.#peakSize <= maxSize && this.#longestBytes <= maxBytes
  }

  /** Sets the score, which must not be NaN. Whether the member is new. There is no -0: as in Redis' listpacks, it is 0. */
  set(member: string, given: number): boolean {
    const score = given + 0
    const place = this.#places.get(member)
    if (place !== undefined) {
      const before = this.#scores[place]
      if (before === score) return false
      this.#ranking.remove(before, member)
      this.#ranking.insert(score, member)
      this.#scores[place] = score
      return false
    }
    // First what V8 may refuse: a Map ends at 2^24 entries.
    this.#places.set(member, this.#members.length)
    const size = this.#members.push(member)
    this.#scores.push(score)
    this.#ranking.insert(score, member)
    if (size > this.#peakSize) this.#peakSize = size
    const bytes = byteLengthOf(member)
    if (bytes > this.#longestBytes) this.#longestBytes = bytes
    this.heldBytes += member.length + ELEMENT_OVERHEAD_BYTES
    return true
  }

  /** Whether it was there. */
  delete(member: string): boolean {
    const place = this.#places.get(member)
    if (place === undefined) return false
    this.#ranking.remove(this.#scores[place], member)
    this.#forget(member, place)
    return true
  }

  /** Takes out the members of the ranks from `from` up to but not including `to`, which are there. */
  deleteRanks(from: number, to: number): void {
    for (let left = to - from; left > 0; left--) {
      const member = this.#ranking.removeAt(from)
      this.#forget(member, this.#places.get(member)!)
    }
  }

  #forget(member: string, place: number): void {
    this.#places.delete(member)
    const last = this.#members.pop()!
    const lastScore = this.#scores.pop()!
    if (last !== member) {
      this.#members[place] = last
      this.#scores[place] = lastScore
      this.#places.set(last, place)
    }
    this.heldBytes -= member.length + ELEMENT_OVERHEAD_BYTES
  }

  has(member: string): boolean {
    return this.#places.has(member)
  }

  score(member: string): number | undefined {
    const place = this.#places.get(member)
    return place === undefined ? undefined : this.#scores[place]
  }

  /** How many members stand before it. */
  rank(member: string): number | undefined {
    const place = this.#places.get(member)
    return place === undefined ? undefined : this.#ranking.countBefore(this.#scores[place], member, 1)
  }

  /** How many members have a lower score; with `andEqual`, that or a lower one. */
  countBelow(score: number, andEqual: boolean): number {
    return this.#ranking.countBefore(score, null, andEqual ? -1 : 1)
  }

  /**
   * How many members come before these bytes; with `andEqual`, that member included. Only where all have the same score;
   * else the result is any number from 0 to the size.
   */
  countBeforeText(text: string, andEqual: boolean): number {
    return this.#ranking.countBefore(ANY_SCORE, text, andEqual ? -1 : 1)
  }

  /** Calls `visit` for up to `count` members from a rank on; `step` -1: downwards. It must not change the set. */
  walk(from: number, count: number, step: 1 | -1, visit: Visit): void {
    this.#ranking.walk(from, count, step, visit)
  }

  /** The member that `random`, a number in [0, 1), falls on. Not for an empty set. */
  pick(random: number): string {
    return this.#members[Math.floor(random * this.#members.length)]
  }

  /** `count` different members, at most all of them, in any order; all of them, the highest first, as Redis gives them. */
  sample(count: number, random: () => number): string[] {
    const size = this.size
    if (count >= size) return Array.from(this, ([member]) => member).reverse()
    return sampleOf(this.#members, count, random)
  }

  /**
   * The next members of a scan, `count` of them, and the cursor to go on with: 0 when the scan is through. A member that
   * is there from the first call to the last is returned at least once. The cursor says how many places from the front
   * are still to be seen: a removal moves only the last member, which was seen already or comes no later than before, and
   * additions go behind.
   */
  scan(cursor: number, count: number): { cursor: number; members: string[] } {
    const end = cursor === 0 ? this.size : Math.min(cursor, this.size)
    const start = Math.max(0, end - count)
    return { cursor: start, members: this.#members.slice(start, end) }
  }

  /** Members and scores, lowest first. Not to be changed while it is iterated. */
  [Symbol.iterator](): Iterator<[string, number]> {
    return this.#ranking[Symbol.iterator]()
  }

  image(weight: Weight): SortedSetImage {
    const { entries, close } = this.#ranking.image(weight)
    return { type: 'zset', size: this.size, close, [Symbol.iterator]: entries }
  }

  clone(): SortedSet {
    const copy = new SortedSet()
    copy.heldBytes = this.heldBytes
    copy.#places = new Map(this.#places)
    copy.#members = this.#members.slice()
    copy.#scores = this.#scores.slice()
    copy.#ranking = this.#ranking.clone()
    copy.#peakSize = this.#peakSize
    copy.#longestBytes = this.#longestBytes
    return copy
  }
}

function byteLengthOf(text: string): number {
  const bytes = Buffer.byteLength(text)
  return bytes === text.length || text.isWellFormed() ? bytes : bufferOf(text).length
}
