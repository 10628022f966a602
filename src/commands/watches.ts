// WATCH: who waits for which key to change. A change breaks the watch of everyone who watches the key.

import type { Client } from './client.js'

export class Watches {
  readonly #byDb = new Map<number, Map<string, Set<Client>>>()

  get isEmpty(): boolean {
    return this.#byDb.size === 0
  }

  add(client: Client, db: number, key: string, wasExpired: boolean): void {
    if (client.watched.some((watched) => watched.db === db && watched.key === key)) return
    client.watched.push({ db, key, wasExpired })
    let keys = this.#byDb.get(db)
    if (keys === undefined) this.#byDb.set(db, (keys = new Map()))
    const clients = keys.get(key)
    if (clients === undefined) keys.set(key, new Set([client]))
    else clients.add(client)
  }

  remove(client: Client): void {
    for (const { db, key } of client.watched) {
      const keys = this.#byDb.get(db)
      const clients = keys?.get(key)
      clients?.delete(client)
      if (clients?.size === 0) keys!.delete(key)
      if (keys?.size === 0) this.#byDb.delete(db)
    }
    client.watched = []
    client.watchBroken = false
  }

  /** The key was changed, unless all that happened is that a key went whose time had passed before it was watched. */
  touch(db: number, key: string, expired: boolean): void {
    for (const client of this.#byDb.get(db)?.get(key) ?? []) {
      const watched = client.watched.find((one) => one.db === db && one.key === key)
      if (expired && watched?.wasExpired) watched.wasExpired = false
      else client.watchBroken = true
    }
  }

  /** Every watched key of a keyspace that `concerns` says was changed. */
  touchAll(db: number, concerns: (key: string) => boolean): void {
    for (const key of this.#byDb.get(db)?.keys() ?? []) if (concerns(key)) this.touch(db, key, false)
  }
}
