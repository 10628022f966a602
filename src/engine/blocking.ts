// Clients that wait for a key (BLPOP, XREAD BLOCK and their like): who waits for what, in which order they came, and
// whom a change may serve. A client that may be served runs its command again; if there is still nothing for it, it keeps
// its place. The command itself knows nothing of this but `ctx.block`.

import type { Arg } from '../bytes.js'
import type { Blocked, Client } from '../commands/client.js'
import type { Command, Wait } from '../commands/command.js'
import type { Env } from '../env.js'
import type { Change, Keyspace, TypeName } from '../keyspace/keyspace.js'
import type { Watcher } from './contents.js'

export interface BlockingHost {
  readonly env: Env
  /** Runs the client's command again, for this key only. */
  retry(client: Client, blocked: Blocked, key: string): void
  /** Answers a client that waited with an error. */
  refuse(client: Client, blocked: Blocked, error: string): void
  /** Somebody began or ceased to wait. */
  observeIfNeeded(): void
  typeOf(db: number, key: string): TypeName
}

interface Ready {
  db: number
  key: string
}

export class Blocking implements Watcher {
  readonly #host: BlockingHost
  /** By keyspace number and key, those who wait, in the order they came. */
  readonly #waiting = new Map<number, Map<string, Set<Client>>>()
  /** Keys that were changed and may serve somebody, in the order of the first change since their last turn. */
  #ready = new Map<string, Ready>()
  #count = 0
  /** Of these, those who also want to hear that a key is gone. */
  #wakingOnDelete = 0
  #isServing = false

  constructor(host: BlockingHost) {
    this.#host = host
  }

  /** Clients that wait: INFO's blocked_clients. */
  get count(): number {
    return this.#count
  }

  get isWatching(): boolean {
    return this.#count > 0
  }

  /** Somebody may be served: `serve` is to be called. */
  get isDue(): boolean {
    return this.#ready.size > 0
  }

  changed(change: Change, key: string, keyspace: Keyspace): void {
    if (change === 'clear') this.replaced(keyspace.index)
    else if (change !== 'set' && this.#wakingOnDelete === 0) return
    else if (this.#waiting.get(keyspace.index)?.has(key)) this.#mark(keyspace.index, key)
  }

  replaced(index: number): void {
    for (const key of this.#waiting.get(index)?.keys() ?? []) this.#mark(index, key)
  }

  #mark(db: number, key: string): void {
    this.#ready.set(`${db} ${key}`, { db, key })
  }

  /** Lets a client wait. One that waits already, and was given another try, keeps its place and its time. */
  block(client: Client, command: Command, argv: Arg[], wait: Wait): void {
    if (client.blocked !== null) return
    const timer = wait.timeoutMs > 0 ? this.#host.env.after(wait.timeoutMs, () => this.release(client)) : null
    const blocked: Blocked = { command, argv: wait.argv ?? argv, wait, db: client.db, timer }
    client.blocked = blocked
    if (wait.wakesOnDelete) this.#wakingOnDelete++
    let keys = this.#waiting.get(client.db)
    if (keys === undefined) this.#waiting.set(client.db, (keys = new Map()))
    for (const key of wait.keys) {
      const clients = keys.get(key)
      if (clients === undefined) keys.set(key, new Set([client]))
      else clients.add(client)
    }
    if (++this.#count === 1) this.#host.observeIfNeeded()
  }

  /** The client waits no more, because it is gone. */
  forget(client: Client): void {
    const { blocked } = client
    if (blocked === null) return
    blocked.timer?.cancel()
    client.blocked = null
    if (blocked.wait.wakesOnDelete) this.#wakingOnDelete--
    const keys = this.#waiting.get(blocked.db)
    for (const key of blocked.wait.keys) {
      const clients = keys?.get(key)
      clients?.delete(client)
      if (clients?.size === 0) keys!.delete(key)
    }
    if (keys?.size === 0) this.#waiting.delete(blocked.db)
    if (--this.#count === 0) this.#host.observeIfNeeded()
  }

  /** The client waits no more and has its reply. What it sent meanwhile runs in a turn of its own, as in Redis. */
  end(client: Client): void {
    if (client.blocked === null) return
    this.forget(client)
    this.#host.env.soon(() => client.resume())
  }

  /** Ends a client's waiting: with what its command answers when the time is over, or with an error (CLIENT UNBLOCK). */
  release(client: Client, error?: string): void {
    const { blocked } = client
    if (blocked === null) return
    if (error === undefined) blocked.wait.timedOut(client.reply)
    else this.#host.refuse(client, blocked, error)
    this.end(client)
  }

  /** All who wait are told that they wait in vain, and are sent away: this node became a replica. */
  releaseAll(error: string): void {
    for (const keys of [...this.#waiting.values()])
      for (const clients of [...keys.values()])
        for (const client of [...clients]) {
          client.closeAfterReply = true
          this.release(client, error)
        }
  }

  /** Serves whom the changes so far can serve, and whom serving those can serve in turn. */
  serve(): void {
    if (this.#ready.size === 0 || this.#isServing) return
    this.#isServing = true
    try {
      // A key that is changed while others are served has its turn after them.
      while (this.#ready.size > 0) {
        const ready = this.#ready
        this.#ready = new Map()
        for (const [id, { db, key }] of ready) {
          ready.delete(id)
          this.#serveKey(db, key)
        }
      }
    } finally {
      this.#isServing = false
    }
  }

  #serveKey(db: number, key: string): void {
    // Those who are served leave the set meanwhile; nobody joins it.
    for (const client of this.#waiting.get(db)?.get(key) ?? []) {
      const type = this.#host.typeOf(db, key)
      if (type === 'none' && this.#wakingOnDelete === 0) return
      const { blocked } = client
      if (blocked === null) continue
      if (type !== blocked.wait.type && blocked.wait.wakesOnDelete !== true) continue
      this.#host.retry(client, blocked, key)
    }
  }
}
