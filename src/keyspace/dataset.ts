// All numbered keyspaces of a store: what a full sync replaces as a whole, and a snapshot walks.

import { Keyspace, type KeyspaceOwner, type Observer } from './keyspace.js'
import type { Libraries } from './libraries.js'
import { type KeyUse, Recency, type UseRules } from './recency.js'

export class Dataset {
  /** By number. FLUSHDB puts a new one in the place of the old, so that a snapshot can go on walking that. */
  readonly keyspaces: Keyspace[]
  /** They belong to no keyspace: nothing but their own commands changes them. */
  readonly libraries: Libraries = new Map()
  readonly #owner: KeyspaceOwner
  #observer: Observer | null = null
  /** Called when the use of keys is asked for. Whoever keeps this dataset may then `record` it. */
  onUseAsked: (what: keyof KeyUse) => void = () => {}
  #rules: UseRules | null = null
  #isSized = false

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

  /** By which rules the use of keys is recorded; null: it is not. `isSized`: so are their sizes (see Recency). */
  record(rules: UseRules | null, isSized: boolean): void {
    if (rules === this.#rules && isSized === this.#isSized) return
    this.#rules = rules
    this.#isSized = isSized
    for (const keyspace of this.keyspaces) {
      keyspace.recency = rules === null ? null : new Recency(rules, isSized, keyspace.recency)
    }
  }

  /** To be called before `recency` of a keyspace is told or asked how keys were used. */
  askForUse(what: keyof KeyUse): void {
    if (this.#rules === null) this.onUseAsked(what)
  }

  #furnish(keyspace: Keyspace): void {
    keyspace.observer = this.#observer
    if (this.#rules !== null) keyspace.recency = new Recency(this.#rules, this.#isSized)
  }
}
