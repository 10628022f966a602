// All numbered keyspaces of a store: what a full sync replaces as a whole, and a snapshot walks.

import { Recency } from './eviction.js'
import { Keyspace, type KeyspaceOwner, type Observer } from './keyspace.js'
import type { Libraries } from './libraries.js'

export class Dataset {
  /** By number. FLUSHDB puts a new one in the place of the old, so that a snapshot can go on walking that. */
  readonly keyspaces: Keyspace[]
  /** They belong to no keyspace: nothing but their own commands changes them. */
  readonly libraries: Libraries = new Map()
  readonly #owner: KeyspaceOwner
  #observer: Observer | null = null
  #bounded = false

  constructor(count: number, owner: KeyspaceOwner) {
    this.#owner = owner
    this.keyspaces = Array.from({ length: count }, (_, index) => new Keyspace(index, owner))
  }

  /** Keys held in all keyspaces. */
  get size(): number {
    return this.keyspaces.reduce((sum, keyspace) => sum + keyspace.size, 0)
  }

  /** About how many bytes keys and values take. Known in bounded mode only; else 0. */
  get bytes(): number {
    return this.keyspaces.reduce((sum, keyspace) => sum + (keyspace.recency?.bytes ?? 0), 0)
  }

  /** Empties one keyspace and returns how many keys it held. */
  flush(index: number): number {
    const flushed = this.keyspaces[index]
    const { size } = flushed
    const fresh = new Keyspace(index, this.#owner)
    this.#furnish(fresh)
    this.keyspaces[index] = fresh
    this.#observer?.('clear', '', fresh, false)
    return size
  }

  /** Every holder of one number sees the other's keys from now on. */
  swap(a: number, b: number): void {
    const { keyspaces } = this
    const first = keyspaces[a]
    keyspaces[a] = keyspaces[b]
    keyspaces[b] = first
    keyspaces[a].index = a
    keyspaces[b].index = b
  }

  /** Puts each keyspace back at its number, after a flush or a swap that is being undone. */
  restore(places: readonly Keyspace[]): void {
    places.forEach((keyspace, index) => {
      this.keyspaces[index] = keyspace
      keyspace.index = index
    })
  }

  /** When the next key or field is due, in ms since 1970; undefined when none has a time. */
  get nextExpiry(): number | undefined {
    let earliest = Number.POSITIVE_INFINITY
    for (const { expiry, fieldExpiry } of this.keyspaces) {
      for (const { first } of [expiry, fieldExpiry])
        if (first !== undefined) earliest = Math.min(earliest, first.expiresAt)
    }
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
  }

  /** Told of every change in every keyspace, those to come included. */
  set observer(observer: Observer | null) {
    this.#observer = observer
    for (const keyspace of this.keyspaces) keyspace.observer = observer
  }

  /** Whether the order of use and sizes are kept. */
  set bounded(bounded: boolean) {
    if (bounded === this.#bounded) return
    this.#bounded = bounded
    for (const keyspace of this.keyspaces) keyspace.recency = bounded ? new Recency() : null
  }

  #furnish(keyspace: Keyspace): void {
    keyspace.observer = this.#observer
    if (this.#bounded) keyspace.recency = new Recency()
  }
}
