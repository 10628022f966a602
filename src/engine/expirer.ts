// The active expiry of a primary: one timer, armed for the key or the hash's field that is due first. A replica waits for
// its primary's DEL and HDEL.

import type { EventClass } from '../commands/command.js'
import type { Env, Timer } from '../env.js'
import type { Dataset } from '../keyspace/dataset.js'
import type { Hash } from '../keyspace/hash.js'
import type { Keyspace } from '../keyspace/keyspace.js'

export interface ExpirerHost {
  readonly env: Env
  readonly dataset: Dataset
  /** Whether this node may delete by itself: it is a primary, and open. */
  mayExpire(): boolean
  expire(keyspace: Keyspace, key: string): void
  /** Whether a time lies in the past, as far as commands are concerned right now. */
  isPast(expiresAt: number): boolean
  /** An effect for the stream. */
  write(db: number, effect: readonly string[]): void
  notify(eventClass: EventClass, event: string, key: string, db: number): void
  /** Runs work that may take long, and notes it if it does. */
  watch(work: () => void): void
  /** The change is whole, and may be told. */
  changed(): void
}

/** Keys and fields that one turn deletes at most, so that a great many due at once do not stop the event loop. */
const DELETED_PER_TURN = 1000

export class Expirer {
  readonly #host: ExpirerHost
  #active = true
  #isStale = false
  #armed: { timer: Timer; at: number } | null = null

  constructor(host: ExpirerHost) {
    this.#host = host
  }

  get active(): boolean {
    return this.#active
  }
  /** DEBUG SET-ACTIVE-EXPIRE. */
  set active(active: boolean) {
    this.#active = active
    this.arm()
  }

  /** Some key's time is another than before: `settle` is to be called when the change is whole. */
  timesChanged(): void {
    this.#isStale = true
  }

  settle(): void {
    if (!this.#isStale) return
    this.#isStale = false
    this.arm()
  }

  /** To be called whenever the dataset or the role have changed. */
  arm(): void {
    const { env, dataset } = this.#host
    const due = this.#active && this.#host.mayExpire() ? dataset.nextExpiry : undefined
    if (due === this.#armed?.at) return
    this.#armed?.timer.cancel()
    this.#armed = null
    if (due === undefined) return
    const timer = env.after(Math.max(1, due + 1 - env.now()), () => {
      this.#armed = null
      this.#host.watch(() => this.#expireDue(env.now()))
      this.arm()
    })
    this.#armed = { timer, at: due }
  }

  /** Somebody reads a hash, and is not to see what is past: all of it goes at once. */
  metFields(keyspace: Keyspace, key: string, hash: Hash): void {
    const { dataset } = this.#host
    if (!this.#host.mayExpire() || dataset.keyspaces[keyspace.index] !== keyspace) return
    for (let next = hash.nextExpiry; next !== undefined && this.#host.isPast(next); next = hash.nextExpiry) {
      this.#expireFields(keyspace, key, hash, DELETED_PER_TURN)
    }
  }

  #expireDue(now: number): void {
    let left = DELETED_PER_TURN
    for (const keyspace of this.#host.dataset.keyspaces) {
      const { expiry, fieldExpiry } = keyspace
      for (let first = expiry.first; first !== undefined && now > first.expiresAt; first = expiry.first) {
        if (left-- === 0) return
        this.#host.expire(keyspace, first.key)
      }
      for (let first = fieldExpiry.first; first !== undefined && now > first.expiresAt; first = fieldExpiry.first) {
        if (left <= 0) return
        left -= this.#expireFields(keyspace, first.key, first.value as Hash, left) || left
      }
    }
  }

  /** Deletes fields that are due, the key with the last one, and says how many. */
  #expireFields(keyspace: Keyspace, key: string, hash: Hash, most: number): number {
    const host = this.#host
    keyspace.willChange(key)
    const fields = hash.expire((expiresAt) => host.isPast(expiresAt), most)
    keyspace.didChange(key, hash)
    host.write(keyspace.index, ['HDEL', key, ...fields])
    host.notify('h', 'hexpired', key, keyspace.index)
    if (hash.size === 0) host.notify('g', 'del', key, keyspace.index)
    host.changed()
    return fields.length
  }
}
