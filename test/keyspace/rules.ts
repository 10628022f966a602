// Rules for a record of use (see recency.ts) that a test moves by hand.

import type { UseRules } from '../../src/keyspace/recency.js'

export class Rules implements UseRules {
  second = 1_700_000_000
  isCounted = false
  logFactor = 10
  decayMinutes = 1
  isQuiet = false
  #calls = 0
  #seed: number

  constructor(seed = 1) {
    this.#seed = seed
  }

  /** Each use is one by itself. */
  get call(): number {
    return ++this.#calls
  }

  random(): number {
    this.#seed = (this.#seed * 16807) % 2147483647
    return this.#seed / 2147483647
  }
}
