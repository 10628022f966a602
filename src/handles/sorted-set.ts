// A sorted set as a Map from members to scores, in the order of the scores.

import { SortedSet } from '../keyspace/sorted-set.js'
import { formatDouble } from '../protocol/double.js'
import type { ReplyValue } from '../protocol/writer.js'
import { Handle, type HandleHost, textOfReply } from './handle.js'

export interface ScoreRange {
  /** Lowest score, itself included. Default: no bound. */
  min?: number
  /** Highest score, itself included. Default: no bound. */
  max?: number
  /** Leaves `min` itself out. */
  above?: boolean
  /** Leaves `max` itself out. */
  below?: boolean
  /** At most so many. */
  limit?: number
  /** From the highest score down. */
  reverse?: boolean
}

export class SortedSetHandle extends Handle<SortedSet> {
  /** @internal */
  constructor(host: HandleHost, key: string) {
    super(host, key, SortedSet)
  }

  get size(): number {
    return this.held?.size ?? 0
  }

  /** A member's score. */
  get(member: string): number | undefined {
    return this.held?.score(member)
  }

  has(member: string): boolean {
    return this.held?.has(member) ?? false
  }

  set(member: string, score: number): this {
    this.run('ZADD', formatDouble(score), member)
    return this
  }

  /** Adds to a score, from 0 for a member that is not there, and returns the sum. */
  increment(member: string, by = 1): number {
    return Number(this.run('ZINCRBY', formatDouble(by), member))
  }

  /** Says whether it was there. The last one takes the key with it. */
  delete(member: string): boolean {
    return this.run('ZREM', member) === 1
  }

  /** How many members come before this one; undefined when it is not there. O(log n). */
  rank(member: string): number | undefined {
    return this.held?.rank(member)
  }

  /** Members and scores from rank `start` up to and not including `end`, as Array's slice counts. O(log n + found). */
  slice(start = 0, end: number = this.size): [member: string, score: number][] {
    const { size } = this
    const from = start < 0 ? Math.max(0, size + start) : start
    const to = end < 0 ? size + end : Math.min(end, size)
    return this.#walk(from, to - from, 1)
  }

  /** Members and scores between two scores, in order. O(log n + found). */
  range(between: ScoreRange = {}): [member: string, score: number][] {
    const set = this.held
    if (set === undefined) return []
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, limit = Number.POSITIVE_INFINITY } = between
    const from = set.countBelow(min, between.above === true)
    const to = set.countBelow(max, between.below !== true)
    const count = Math.min(limit, to - from)
    return between.reverse === true ? this.#walk(to - 1, count, -1) : this.#walk(from, count, 1)
  }

  /** Removes the member with the lowest score and returns both. */
  popMin(): [member: string, score: number] | undefined {
    return pairOf(this.run('ZPOPMIN'))
  }

  popMax(): [member: string, score: number] | undefined {
    return pairOf(this.run('ZPOPMAX'))
  }

  *keys(): IterableIterator<string> {
    for (const [member] of this) yield member
  }

  *values(): IterableIterator<number> {
    for (const [, score] of this) yield score
  }

  *entries(): IterableIterator<[string, number]> {
    yield* this
  }

  /** Lowest score first. */
  *[Symbol.iterator](): IterableIterator<[string, number]> {
    yield* this.held ?? []
  }

  forEach(visit: (score: number, member: string, set: this) => void, thisArg?: unknown): void {
    for (const [member, score] of this) visit.call(thisArg, score, member, this)
  }

  #walk(from: number, count: number, step: 1 | -1): [string, number][] {
    const found: [string, number][] = []
    if (count > 0) this.held?.walk(from, count, step, (member, score) => found.push([member, score]))
    return found
  }
}

function pairOf(reply: ReplyValue): [string, number] | undefined {
  const [member, score] = (reply as ReplyValue[]).flat() as ReplyValue[]
  return member === undefined ? undefined : [textOfReply(member), Number(score)]
}
