// What is known of the use of one keyspace's keys: in which order they were used, when last, how often, and about how many
// bytes they hold. The order is lru-cache's. Kept only while somebody needs it: see engine/bounds.ts. Knows no clock, and
// no policy: who has to go is chosen in eviction.ts.

import { LRUCache } from 'lru-cache'
import { Binary } from '../bytes.js'
import type { Value } from './keyspace.js'

/** What a key costs beside its characters: measured on a million 16-byte keys with 64-byte values, Node 20, rounded. */
const ENTRY_OVERHEAD_BYTES = 64

/** A new key's counter, as in Redis: at 0 it would be the next to go before it had a chance to be used. */
const FIRST_COUNTER = 5
const MAX_COUNTER = 255
/** How many of the least used keys are remembered from one choice to the next, as in Redis. */
const POOL_KEYS = 16
/** Keys that were given an idle time are put in their places after so many choices, as a part of all keys. */
const REORDER_SHARE = 0.1

/** About how many bytes a key and its value take. */
export function entryBytes(key: string, value: Value): number {
  return ENTRY_OVERHEAD_BYTES + key.length + bytesOf(value)
}

function bytesOf(value: Value): number {
  if (typeof value === 'string') return value.length
  return value instanceof Binary ? value.latin1.length : value.heldBytes
}

/** By which rules use is recorded: they may change at any time. */
export interface UseRules {
  /** Now, in seconds since 1970. */
  readonly second: number
  /** A number in [0, 1). */
  random(): number
  /** Whether uses are counted (an LFU policy), and not only timed. */
  readonly isCounted: boolean
  /** lfu-log-factor: how much less likely a counter grows the higher it stands. */
  readonly logFactor: number
  /** lfu-decay-time: a counter loses one in so many minutes without a use; 0: none, ever. */
  readonly decayMinutes: number
  /** Reading is no use just now (CLIENT NO-TOUCH). */
  readonly isQuiet: boolean
  /** Another number for each call: a command that reads a key and then sets it has used it once. */
  readonly call: number
}

/** How a key was used, as snapshots and RESTORE tell it. */
export interface KeyUse {
  readonly idleSeconds?: number
  /** 0 to 255. */
  readonly frequency?: number
}

/** One key's record. */
export interface Use {
  /** Of the last use, since 1970. */
  second: number
  /** Of uses: its logarithm, about, as it stood at the last use. */
  counter: number
}

/** A key that may have to go, as it was when it was drawn. */
interface Candidate {
  readonly key: string
  /** What was left of its counter. */
  readonly counter: number
  readonly second: number
  readonly was: number
}

function goesBefore(one: Candidate, other: Candidate): boolean {
  return one.counter === other.counter ? one.second < other.second : one.counter < other.counter
}

export class Recency {
  // lru-cache wants a bound when it is made; ours may move at any time (CONFIG SET maxmemory), so it gets none that it
  // could ever reach, and evicts nothing by itself.
  readonly #order = new LRUCache<string, Use>({ maxSize: Number.MAX_SAFE_INTEGER })
  readonly #rules: UseRules
  readonly #isSized: boolean
  /** When the record began. */
  readonly #began: number
  /** What was used last, and in which call. */
  #touched: Use | undefined
  #call = 0
  /** Whom the last draws found, the least used first. */
  readonly #pool: Candidate[] = []
  #isDisordered = false
  /** Choices until the order may be put right again: each time costs a walk over all keys. */
  #untilReorder = 0

  /**
   * `isSized`: bytes are counted, and every key has its place in the order. Otherwise only keys that are used from now on
   * cost anything; of the others it is said that they were used last when the record began. `before` is gone on with.
   */
  constructor(rules: UseRules, isSized: boolean, before: Recency | null = null) {
    this.#rules = rules
    this.#isSized = isSized
    this.#began = before === null ? rules.second : before.#began
  }

  /** Takes in the keys that are there when the record begins, and what `before` knew of them. */
  begin(entries: Iterable<[string, Value]>, before: Recency | null = null): void {
    if (this.#isSized) for (const [key, value] of entries) this.#insert(key, value, this.#began)
    if (before === null) return
    this.#isDisordered = before.#isDisordered
    for (const key of before.#order.rkeys()) {
      const use = before.#order.peek(key)!
      const mine = this.#order.get(key)
      if (mine !== undefined) Object.assign(mine, use)
      else if (!this.#isSized) this.#order.set(key, use, { size: 1 })
    }
  }

  /** About how many bytes the keys and values take; 0 if they are not counted. */
  get bytes(): number {
    return this.#isSized ? this.#order.calculatedSize : 0
  }

  /** A key that is there was read. */
  touch(key: string): void {
    const rules = this.#rules
    if (rules.isQuiet) return
    const use = this.#order.get(key) ?? this.#insertLate(key)
    if (use === undefined) return
    this.#touched = use
    this.#call = rules.call
    this.#countUse(use)
  }

  /** A key was set, or the collection at it changed. */
  add(key: string, value: Value): void {
    const use = this.#order.get(key)
    if (use === undefined) {
      this.#touched = this.#insert(key, value, this.#rules.second)
      this.#call = this.#rules.call
      return
    }
    if (this.#isSized) this.#order.set(key, use, { size: entryBytes(key, value) })
    if (use === this.#touched && this.#call === this.#rules.call) return
    this.#touched = use
    this.#call = this.#rules.call
    this.#countUse(use)
  }

  remove(key: string): void {
    this.#order.delete(key)
  }

  /** The record of a key that is there, for `place`. */
  look(key: string): Readonly<Use> {
    return this.#order.peek(key) ?? { second: this.#began, counter: FIRST_COUNTER }
  }

  /** Gives a key that was just set the record of another; without one, that of a new key. */
  place(key: string, use: Readonly<Use> = { second: this.#rules.second, counter: FIRST_COUNTER }): void {
    const mine = this.#order.peek(key)
    if (mine === undefined) return
    mine.second = use.second
    mine.counter = use.counter
  }

  /** Takes over what is told of a key that was just set. As in Redis, its idle time unless uses are counted, and else its count. */
  assign(key: string, { idleSeconds, frequency }: KeyUse): void {
    const use = this.#order.peek(key) ?? this.#insertLate(key)
    if (use === undefined) return
    const { second, isCounted } = this.#rules
    if (isCounted) {
      if (frequency === undefined) return
      use.counter = frequency
      use.second = second
    } else if (idleSeconds !== undefined) {
      use.second = Math.max(0, second - idleSeconds)
      this.#isDisordered ||= idleSeconds > 0
    }
  }

  /** How a key that is there was used. */
  useOf(key: string): Required<KeyUse> {
    const { second } = this.#rules
    const use = this.look(key)
    return { idleSeconds: Math.max(0, second - use.second), frequency: this.#decayed(use, second) }
  }

  /** The keys, least recently used first. Keys with idle times that they were given are in their places, but for the last few. */
  oldest(): Generator<string> {
    if (this.#isDisordered && --this.#untilReorder < 0) this.#reorder()
    return this.#order.rkeys()
  }

  /**
   * The key that was used least of those that are drawn, so many of them, and of the least used of earlier draws; of
   * several, the one whose last use is longest past. `mayGo`: whether the key still is one to be drawn.
   */
  leastUsed(draw: () => string | undefined, samples: number, mayGo: (key: string) => boolean): string | undefined {
    const now = this.#rules.second
    for (let i = 0; i < samples; i++) {
      const key = draw()
      if (key !== undefined && !this.#pool.some((one) => one.key === key)) this.#consider(key, now)
    }
    for (;;) {
      const best = this.#pool.shift()
      if (best === undefined) return undefined
      if (!mayGo(best.key)) continue
      // It may have been used since it was drawn: then it is judged anew, once.
      const use = this.#order.peek(best.key)
      if (use === undefined || (use.second === best.second && use.counter === best.was)) return best.key
      this.#consider(best.key, now)
    }
  }

  /** Puts a key in its place in the pool. */
  #consider(key: string, now: number): void {
    const use = this.#order.peek(key)
    if (use === undefined && this.#isSized) return
    const { second, counter: was } = use ?? this.look(key)
    const candidate = { key, counter: this.#decayed({ second, counter: was }, now), second, was }
    let at = this.#pool.length
    while (at > 0 && goesBefore(candidate, this.#pool[at - 1])) at--
    if (at === POOL_KEYS) return
    this.#pool.splice(at, 0, candidate)
    if (this.#pool.length > POOL_KEYS) this.#pool.pop()
  }

  #insert(key: string, value: Value, second: number): Use {
    const use = { second, counter: FIRST_COUNTER }
    this.#order.set(key, use, { size: this.#isSized ? entryBytes(key, value) : 1 })
    return use
  }

  /** A key that was there when the record began; undefined for one that was past its time then. */
  #insertLate(key: string): Use | undefined {
    if (this.#isSized) return undefined
    const use = { second: this.#began, counter: FIRST_COUNTER }
    this.#order.set(key, use, { size: 1 })
    return use
  }

  #countUse(use: Use): void {
    const rules = this.#rules
    const { second } = rules
    if (rules.isCounted) {
      const counter = this.#decayed(use, second)
      const chance = 1 / (Math.max(0, counter - FIRST_COUNTER) * rules.logFactor + 1)
      use.counter = counter < MAX_COUNTER && rules.random() < chance ? counter + 1 : counter
    }
    use.second = second
  }

  /** What is left of a counter: Redis counts the minutes that began since the last use. */
  #decayed({ second, counter }: Readonly<Use>, now: number): number {
    const { decayMinutes } = this.#rules
    if (decayMinutes === 0) return counter
    const minutes = Math.floor(now / 60) - Math.floor(second / 60)
    return Math.max(0, Math.min(counter, counter - Math.floor(minutes / decayMinutes)))
  }

  /** Puts all keys in the order of their last uses; those of the same second stay as they are. */
  #reorder(): void {
    const bySecond = new Map<number, string[]>()
    for (const key of this.#order.rkeys()) {
      const { second } = this.#order.peek(key)!
      const keys = bySecond.get(second)
      if (keys === undefined) bySecond.set(second, [key])
      else keys.push(key)
    }
    for (const second of [...bySecond.keys()].sort((one, other) => one - other)) {
      for (const key of bySecond.get(second)!) this.#order.get(key)
    }
    this.#isDisordered = false
    this.#untilReorder = Math.floor(this.#order.size * REORDER_SHARE)
  }
}
