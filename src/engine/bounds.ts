// Bounded mode: how many keys and bytes there may be, and who has to go. Only a primary evicts; its replicas get the DEL.

import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import type { Dataset } from '../keyspace/dataset.js'
import { type Policy, victimOf } from '../keyspace/eviction.js'
import type { Keyspace } from '../keyspace/keyspace.js'

export interface BoundsHost {
  readonly env: Env
  readonly config: Config
  readonly dataset: Dataset
  mayEvict(): boolean
  /** Runs work that may take long, and notes it if it does. */
  watch<T>(work: () => T): T
  /** Deletes the key and tells the replicas; false when it was not there. */
  evict(keyspace: Keyspace, key: string): boolean
}

export class Bounds {
  readonly #host: BoundsHost
  /** Most keys in all keyspaces; 0: no limit. */
  readonly #maxEntries: number
  #maxMemory = 0
  #policy: Policy = 'noeviction'

  constructor(host: BoundsHost, maxEntries: number) {
    this.#host = host
    this.#maxEntries = maxEntries
    for (const name of ['maxmemory', 'maxmemory-policy'] as const) host.config.on(name, () => this.#read())
    // A limit that was lowered is kept before anybody writes.
    host.config.on('maxmemory', () => host.env.soon(() => void this.makeRoom()))
    this.#read()
  }

  get hasMaxEntries(): boolean {
    return this.#maxEntries > 0
  }

  /** Turns the bookkeeping on for a dataset that has just become ours. */
  furnish(dataset: Dataset): void {
    dataset.bounded = this.#maxMemory > 0 || this.#maxEntries > 0
  }

  /** Evicts until the data is within maxmemory; false when the policy finds no victim. */
  makeRoom(): boolean {
    if (this.#maxMemory === 0 || !this.#host.mayEvict()) return true
    if (this.#host.dataset.bytes <= this.#maxMemory) return true
    return this.#host.watch(() => this.#evictToFit())
  }

  #evictToFit(): boolean {
    while (this.#host.dataset.bytes > this.#maxMemory) if (!this.#evictOne(this.#policy)) return false
    return true
  }

  keepWithinEntries(): void {
    if (!this.#host.mayEvict()) return
    while (this.#host.dataset.size > this.#maxEntries) if (!this.#evictOne('allkeys-lru')) return
  }

  #read(): void {
    const { config, dataset } = this.#host
    this.#maxMemory = config.number('maxmemory')
    this.#policy = config.text('maxmemory-policy') as Policy
    this.furnish(dataset)
  }

  /** From the keyspace that holds most: the order of use is kept for each by itself. */
  #evictOne(policy: Policy): boolean {
    let largest: Keyspace | undefined
    for (const keyspace of this.#host.dataset.keyspaces) {
      const candidates = policy.startsWith('volatile') ? keyspace.expiry.size : keyspace.size
      if (candidates > 0 && (largest === undefined || keyspace.size > largest.size)) largest = keyspace
    }
    if (largest === undefined) return false
    const victim = victimOf(largest, policy, this.#host.env.random())
    return victim !== undefined && this.#host.evict(largest, victim)
  }
}
