// CLIENT PAUSE: requests wait until its time is over, those that may write or all. While it lasts, a primary expires and
// evicts nothing either, so that its data and its offset stand still. And keys that are kept as they are for a while, as they
// are on their way to another server (MIGRATE): requests that may write to one of them wait. Replicas, our primary's stream
// and the store's owner are never held up.

import { type Arg, textOfArg } from '../bytes.js'
import type { Client } from '../commands/client.js'
import type { Command } from '../commands/command.js'
import type { Env, Timer } from '../env.js'

export type PauseKind = 'write' | 'all'

export class Pause {
  readonly #env: Env
  /** Called when it begins and when it is over. */
  readonly #changed: () => void
  #state: 'off' | PauseKind = 'off'
  #until = 0
  #timer: Timer | null = null
  /** In the order they came. */
  readonly #waiting = new Set<Client>()
  /** Keys that are kept, by keyspace number. */
  readonly #kept = new Map<number, Set<string>>()
  /** Some requests have to wait: `hold` is to be asked. */
  mayHold = false

  constructor(env: Env, changed: () => void) {
    this.#env = env
    this.#changed = changed
  }

  get isOn(): boolean {
    return this.#state !== 'off'
  }

  /** Clients whose request waits. */
  get count(): number {
    return this.#waiting.size
  }

  /** Until a time in ms since 1970. A pause that is on already is made longer and stricter, never the other way. */
  begin(until: number, kind: PauseKind): void {
    if (this.#state !== 'all') this.#state = kind
    this.mayHold = true
    this.#until = Math.max(this.#until, until)
    this.#timer?.cancel()
    this.#timer = this.#env.after(this.#until - this.#env.now(), () => this.end())
    this.#changed()
  }

  end(): void {
    if (this.#state === 'off') return
    this.#state = 'off'
    this.#until = 0
    this.#timer?.cancel()
    this.#timer = null
    this.mayHold = this.#kept.size > 0
    this.#changed()
    this.#resumeAll()
  }

  /** No client changes these keys until `release`. */
  keep(db: number, kept: readonly string[]): void {
    let keys = this.#kept.get(db)
    if (keys === undefined) this.#kept.set(db, (keys = new Set()))
    for (const key of kept) keys.add(key)
    this.mayHold = true
  }

  release(db: number, kept: readonly string[]): void {
    const keys = this.#kept.get(db)
    if (keys === undefined) return
    for (const key of kept) keys.delete(key)
    if (keys.size === 0) this.#kept.delete(db)
    this.mayHold = this.isOn || this.#kept.size > 0
    this.#resumeAll()
  }

  /** Those who have to wait still, or again, are put aside anew. */
  #resumeAll(): void {
    const waiting = [...this.#waiting]
    if (waiting.length === 0) return
    this.#waiting.clear()
    for (const client of waiting) client.isPaused = false
    // Not from inside the call that ended it: what waited are calls of their own.
    this.#env.soon(() => {
      for (const client of waiting) client.resume()
    })
  }

  /** Puts the request aside if it has to wait; says whether it did. */
  hold(client: Client, command: Command, argv: Arg[]): boolean {
    if (client.kind !== 'normal') return false
    const isPaused = this.#state === 'all' || (this.#state === 'write' && mayReplicate(client, command))
    if (!isPaused && !this.#touchesKept(client, command, argv)) return false
    client.held = argv
    client.isPaused = true
    this.#waiting.add(client)
    return true
  }

  /** A write without keys (FLUSHALL) may change any. */
  #touchesKept(client: Client, command: Command, argv: Arg[]): boolean {
    if (this.#kept.size === 0) return false
    if (command.name === 'exec') {
      const queue = client.transaction?.queue ?? []
      return queue.some((queued) => this.#touchesKept(client, queued.command, queued.argv))
    }
    if (!command.isWrite) return false
    if (command.keys === null) return true
    const kept = this.#kept.get(client.db)
    return kept !== undefined && command.keyIndexes(argv).some((i) => kept.has(textOfArg(argv[i])))
  }

  /** Nothing is to happen any more. */
  close(): void {
    this.#timer?.cancel()
  }

  /** The client is gone. */
  forget(client: Client): void {
    this.#waiting.delete(client)
  }
}

function mayReplicate(client: Client, command: Command): boolean {
  if (command.name === 'exec') return client.transaction?.queue.some((queued) => writes(queued.command)) === true
  return writes(command)
}

function writes(command: Command): boolean {
  return command.isWrite || command.flags.has('may_replicate')
}
