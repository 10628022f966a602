// The active expiry of a primary: one timer, armed for the key that is due first. A replica waits for its primary's DEL.

import type { Env, Timer } from '../env.js'
import type { Dataset } from '../keyspace/dataset.js'
import type { Keyspace } from '../keyspace/keyspace.js'

export interface ExpirerHost {
  readonly env: Env
  readonly dataset: Dataset
  /** Whether this node may delete by itself: it is a primary, and open. */
  mayExpire(): boolean
  expire(keyspace: Keyspace, key: string): void
}

/** Keys that one turn deletes at most, so that a great many due at once do not stop the event loop. */
const KEYS_PER_TURN = 1000

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
      this.#expireDue(env.now())
      this.arm()
    })
    this.#armed = { timer, at: due }
  }

  #expireDue(now: number): void {
    let left = KEYS_PER_TURN
    for (const keyspace of this.#host.dataset.keyspaces) {
      for (
        let first = keyspace.expiry.first;
        first !== undefined && now > first.expiresAt;
        first = keyspace.expiry.first
      ) {
        if (left-- === 0) return
        this.#host.expire(keyspace, first.key)
      }
    }
  }
}
