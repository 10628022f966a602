// Keys that clients gave a time on a replica that takes writes (replica-read-only no). Its primary knows nothing of them, and
// no DEL will come: they are ended here, and nobody is told. Those of the primary's stream are left alone.

import type { Config } from '../config/config.js'
import type { Env, Timer } from '../env.js'
import type { Change, Keyspace } from '../keyspace/keyspace.js'
import type { Contents, Watcher } from './contents.js'

export interface OwnTimesHost {
  readonly env: Env
  readonly config: Config
  readonly contents: Contents
  readonly role: 'primary' | 'replica'
  /** Whether what happens now comes from our primary. */
  readonly upstream: { readonly isApplying: boolean }
}

/** All of them are looked through, so not for each by itself. */
const LEAST_MS = 100

export class OwnTimes implements Watcher {
  readonly #host: OwnTimesHost
  readonly #expire: (keyspace: Keyspace, key: string) => void
  /** By keyspace number. */
  readonly #keys = new Map<number, Set<string>>()
  #armed: { readonly at: number; readonly timer: Timer } | null = null

  constructor(host: OwnTimesHost, expire: (keyspace: Keyspace, key: string) => void) {
    this.#host = host
    this.#expire = expire
    host.config.on('replica-read-only', () => host.contents.observeIfNeeded())
  }

  get isWatching(): boolean {
    return this.#host.role === 'replica' && !this.#host.config.flag('replica-read-only')
  }

  changed(change: Change, key: string, keyspace: Keyspace): void {
    if ((change !== 'set' && change !== 'time') || this.#host.upstream.isApplying) return
    const expiresAt = keyspace.expiresAt(key)
    if (typeof expiresAt !== 'number') return
    const known = this.#keys.get(keyspace.index)
    if (known === undefined) this.#keys.set(keyspace.index, new Set([key]))
    else known.add(key)
    this.#arm(expiresAt)
  }

  /** Those that are there no more are noticed when they are due. */
  replaced(): void {}

  #arm(due: number): void {
    const { env } = this.#host
    const at = Math.max(due + 1, env.now() + LEAST_MS)
    if (this.#armed !== null && this.#armed.at <= at) return
    this.#armed?.timer.cancel()
    const timer = env.after(at - env.now(), () => {
      this.#armed = null
      this.#endDue()
    })
    this.#armed = { at, timer }
  }

  #endDue(): void {
    // A primary ends whatever is due.
    if (this.#host.role === 'primary') this.#keys.clear()
    const now = this.#host.env.now()
    let next = Number.POSITIVE_INFINITY
    for (const [index, keys] of this.#keys) {
      const keyspace = this.#host.contents.keyspace(index)
      for (const key of keys) {
        const expiresAt = keyspace.expiresAt(key)
        if (typeof expiresAt === 'number' && now <= expiresAt) {
          next = Math.min(next, expiresAt)
          continue
        }
        keys.delete(key)
        if (keyspace.holdsExpired(key)) this.#expire(keyspace, key)
      }
      if (keys.size === 0) this.#keys.delete(index)
    }
    if (this.#keys.size > 0) this.#arm(next)
  }
}
