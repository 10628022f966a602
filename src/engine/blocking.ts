// Clients that wait for a key (BLPOP, XREAD BLOCK and their like): who waits for what, in which order they came, and
// whom a change may serve. A client that may be served runs its command again; if there is still nothing for it, it keeps
// its place. The command itself knows nothing of this but `ctx.block`.
//
// As in Redis 7.0 it is not any change that serves somebody, but a signal: a key that is new, or what takes the place of a
// stream, or nothing in its place; and those that a command gives (an entry more, a group less, a key renamed). A list that
// overwrites another value serves nobody.

import type { Arg } from '../bytes.js'
import type { Blocked, Client } from '../commands/client.js'
import type { Command, Wait } from '../commands/command.js'
import type { Env } from '../env.js'
import { BECAME_REPLICA } from '../errors.js'
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

type WaitType = Wait['type']

interface Awaited {
  /** In the order they came. */
  readonly clients: Set<Client>
  /** What the key holds, as of its last change. */
  type: TypeName
}

interface Ready {
  db: number
  key: string
}

export class Blocking implements Watcher {
  readonly #host: BlockingHost
  /** Keys that somebody waits for, by keyspace number. */
  readonly #waiting = new Map<number, Map<string, Awaited>>()
  /** Keys that may serve somebody, in the order of the first signal since their last turn. */
  #ready = new Map<string, Ready>()
  /** Those who wait for no key, and whose waiting may end before its time (WAIT). */
  readonly #keyless = new Set<Client>()
  #count = 0
  /** For what they wait: nobody hears of a type that nobody waits for, at whichever key. */
  readonly #counts: Record<WaitType, number> = { list: 0, zset: 0, stream: 0 }
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

  changed(change: Change, key: string, keyspace: Keyspace, isNew: boolean): void {
    const db = keyspace.index
    if (change === 'clear') {
      this.replaced(db)
      return
    }
    const awaited = this.#waiting.get(db)?.get(key)
    if (awaited === undefined) return
    const wasStream = awaited.type === 'stream'
    awaited.type = this.#host.typeOf(db, key)
    if (isNew) this.#mark(db, key, awaited.type)
    else if (wasStream && awaited.type !== 'stream') this.#mark(db, key, 'stream')
  }

  replaced(index: number): void {
    const keys = this.#waiting.get(index) ?? []
    for (const [key, awaited] of keys) {
      const wasStream = awaited.type === 'stream'
      awaited.type = this.#host.typeOf(index, key)
      if (wasStream && awaited.type !== 'stream') this.#mark(index, key, 'stream')
    }
    for (const [key, { type }] of keys) this.#mark(index, key, type)
  }

  /** What is at this key is as good as new to those who wait for it. */
  signal(db: number, key: string): void {
    if (this.#count > 0 && this.#waiting.get(db)?.has(key)) this.#mark(db, key, this.#host.typeOf(db, key))
  }

  #mark(db: number, key: string, type: TypeName): void {
    if (type in this.#counts && this.#counts[type as WaitType] > 0) this.#ready.set(`${db} ${key}`, { db, key })
  }

  /** Lets a client wait. One that waits already, and was given another try, keeps its place and its time. */
  block(client: Client, command: Command, argv: Arg[], wait: Wait): void {
    if (client.blocked !== null) return
    const timer = wait.timeoutMs > 0 ? this.#host.env.after(wait.timeoutMs, () => this.release(client)) : null
    const blocked: Blocked = { command, argv: wait.argv ?? argv, wait, db: client.db, timer }
    client.blocked = blocked
    this.#counts[wait.type]++
    if (wait.ended !== undefined) this.#keyless.add(client)
    let keys = this.#waiting.get(client.db)
    if (keys === undefined) this.#waiting.set(client.db, (keys = new Map()))
    for (const key of wait.keys) {
      const awaited = keys.get(key)
      if (awaited !== undefined) awaited.clients.add(client)
      else keys.set(key, { clients: new Set([client]), type: this.#host.typeOf(client.db, key) })
    }
    if (++this.#count === 1) this.#host.observeIfNeeded()
  }

  /** The client waits no more, because it is gone. */
  forget(client: Client): void {
    const { blocked } = client
    if (blocked === null) return
    blocked.timer?.cancel()
    client.blocked = null
    this.#counts[blocked.wait.type]--
    if (this.#keyless.delete(client)) blocked.wait.ended!()
    const keys = this.#waiting.get(blocked.db)
    for (const key of blocked.wait.keys) {
      const clients = keys?.get(key)?.clients
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
  releaseAll(): void {
    const waiting = [...this.#keyless]
    for (const keys of this.#waiting.values()) for (const { clients } of keys.values()) waiting.push(...clients)
    for (const client of waiting) {
      if (client.blocked === null) continue
      client.closeAfterReply = true
      this.release(client, BECAME_REPLICA)
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
    for (const client of this.#waiting.get(db)?.get(key)?.clients ?? []) {
      const { blocked } = client
      if (blocked === null) continue
      if (blocked.wait.wakesOnDelete || this.#host.typeOf(db, key) === blocked.wait.type)
        this.#host.retry(client, blocked, key)
    }
  }
}
