// Bounded mode: how many keys and bytes there may be, and who has to go. Only a primary evicts; its replicas get the DEL.
// Says also whether the use of keys is recorded: while there is a bound or a policy, and from the first time that somebody
// asks for it. Otherwise nothing is kept, and reading pays nothing.

import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import type { Dataset } from '../keyspace/dataset.js'
import { type Policy, victimOf } from '../keyspace/eviction.js'
import type { Keyspace } from '../keyspace/keyspace.js'
import type { UseRules } from '../keyspace/recency.js'
import type { Contents } from './contents.js'

const read = ['maxmemory', 'maxmemory-policy', 'maxmemory-samples', 'lfu-log-factor', 'lfu-decay-time'] as const

export interface BoundsHost {
  readonly env: Env
  readonly config: Config
  readonly contents: Contents
  /** Another number for each call, and for each write outside of one. */
  call(): number
  mayEvict(): boolean
  /** Runs work that may take long, and notes it if it does. */
  watch<T>(work: () => T): T
  /** Deletes the key and tells the replicas; false when it was not there. */
  evict(keyspace: Keyspace, key: string): boolean
}

export class Bounds implements UseRules {
  readonly #host: BoundsHost
  /** Most keys in all keyspaces; 0: no limit. */
  readonly #maxEntries: number
  #maxMemory = 0
  #policy: Policy = 'noeviction'
  #isUseAsked = false
  samples = 0
  isCounted = false
  logFactor = 0
  decayMinutes = 0
  isQuiet = false

  constructor(host: BoundsHost, maxEntries: number) {
    this.#host = host
    this.#maxEntries = maxEntries
    host.contents.onFresh = (fresh) => this.#listen(fresh)
    this.#listen(host.contents.dataset)
    for (const name of read) host.config.on(name, () => this.#read())
    // A limit that was lowered is kept before anybody writes.
    host.config.on('maxmemory', () => host.env.soon(() => void this.makeRoom()))
    this.#read()
  }

  get hasMaxEntries(): boolean {
    return this.#maxEntries > 0
  }

  /** Turns the bookkeeping on for a dataset that has just become ours. */
  furnish(dataset: Dataset): void {
    dataset.record(this.#isRecorded ? this : null, this.#isBounded)
  }

  get #isBounded(): boolean {
    return this.#maxMemory > 0 || this.#maxEntries > 0
  }
  get #isRecorded(): boolean {
    return this.#isBounded || this.#policy !== 'noeviction' || this.#isUseAsked
  }

  // The rules of the record

  get second(): number {
    return Math.floor(this.#host.env.now() / 1000)
  }
  get call(): number {
    return this.#host.call()
  }
  random(): number {
    return this.#host.env.random()
  }

  /** Whether reading is no use from now on, and returns whether it was none before. */
  hush(isQuiet: boolean): boolean {
    const wasQuiet = this.isQuiet
    this.isQuiet = isQuiet
    return wasQuiet
  }

  /** Evicts until the data is within maxmemory; false when the policy finds no victim. */
  makeRoom(): boolean {
    if (this.#maxMemory === 0 || !this.#host.mayEvict()) return true
    if (this.#host.contents.dataset.bytes <= this.#maxMemory) return true
    return this.#host.watch(() => this.#evictToFit())
  }

  #evictToFit(): boolean {
    const { dataset } = this.#host.contents
    while (dataset.bytes > this.#maxMemory) if (!this.#evictOne(this.#policy)) return false
    return true
  }

  keepWithinEntries(): void {
    if (!this.#host.mayEvict()) return
    const { dataset } = this.#host.contents
    const policy = this.#policy === 'allkeys-lfu' ? 'allkeys-lfu' : 'allkeys-lru'
    while (dataset.size > this.#maxEntries) if (!this.#evictOne(policy)) return
  }

  #read(): void {
    const { config, contents } = this.#host
    this.#maxMemory = config.number('maxmemory')
    this.#policy = config.text('maxmemory-policy') as Policy
    this.samples = config.number('maxmemory-samples')
    this.isCounted = this.#policy.endsWith('-lfu')
    this.logFactor = config.number('lfu-log-factor')
    this.decayMinutes = config.number('lfu-decay-time')
    this.furnish(contents.dataset)
  }

  /** Begins the record when somebody asks for it, also in a dataset that is yet being loaded. */
  #listen(dataset: Dataset): void {
    dataset.onUseAsked = (what) => {
      // Without a policy counters are nobody's: Redis drops them.
      if (!this.#isRecorded && what === 'frequency') return
      this.#isUseAsked ||= !this.#isRecorded
      for (const one of [this.#host.contents.dataset, dataset]) this.furnish(one)
    }
  }

  /** From the keyspace that holds most: the order of use is kept for each by itself. */
  #evictOne(policy: Policy): boolean {
    let largest: Keyspace | undefined
    for (const keyspace of this.#host.contents.dataset.keyspaces) {
      const candidates = policy.startsWith('volatile') ? keyspace.expiry.size : keyspace.size
      if (candidates > 0 && (largest === undefined || keyspace.size > largest.size)) largest = keyspace
    }
    if (largest === undefined) return false
    const victim = victimOf(largest, policy, this)
    return victim !== undefined && this.#host.evict(largest, victim)
  }
}
