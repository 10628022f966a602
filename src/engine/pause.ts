// CLIENT PAUSE, and the pauses of a shutdown and of a failover: requests wait until its time is over, those that may write or
// all. Each has an end of its own. While one lasts, a primary expires and evicts nothing either, so that its data and its
// offset stand still. And keys that are kept as they are for a while, as they
// are on their way to another server (MIGRATE): requests that may write to one of them wait. Replicas and our primary's stream
// are never held up. The store's owner cannot be made to wait: during a failover its writes are refused.

import { type Arg, textOfArg } from '../bytes.js'
import type { Client } from '../commands/client.js'
import type { Command } from '../commands/command.js'
import type { Env, Timer } from '../env.js'
import { StoreError } from '../errors.js'

export type PauseKind = 'write' | 'all'
export type PauseReason = 'client' | 'shutdown' | 'failover'

interface Span {
  readonly kind: PauseKind
  /** Ms since 1970. */
  readonly until: number
  readonly timer: Timer
}

export class Pause {
  readonly #env: Env
  /** Called when it begins and when it is over. */
  readonly #changed: () => void
  #state: 'off' | PauseKind = 'off'
  readonly #spans = new Map<PauseReason, Span>()
  /** In the order they came. */
  readonly #waiting = new Set<Client>()
  /** Keys that are kept, by keyspace number. */
  readonly #kept = new Map<number, Set<string>>()
  /** A write is under way that is not held up: the owner's, or one that a client has waited for (BLPOP). */
  isPassing = false
  /** Some requests have to wait: `hold` is to be asked. */
  mayHold = false

  constructor(env: Env, changed: () => void) {
    this.#env = env
    this.#changed = changed
  }

  get isOn(): boolean {
    return this.#state !== 'off'
  }
  /** Nothing is to expire or to be evicted. A write that passes meets keys that are past their time, and its replicas must hear of it. */
  get isStill(): boolean {
    return this.isOn && !this.isPassing
  }

  /** Clients whose request waits. */
  get count(): number {
    return this.#waiting.size
  }

  /** Until a time in ms since 1970. One for the same reason is made longer and stricter, never the other way. */
  begin(until: number, kind: PauseKind, reason: PauseReason = 'client'): void {
    const before = this.#spans.get(reason)
    before?.timer.cancel()
    const later = Math.max(before?.until ?? 0, until)
    const timer = this.#env.after(later - this.#env.now(), () => this.end(reason))
    this.#spans.set(reason, { kind: before?.kind === 'all' ? 'all' : kind, until: later, timer })
    this.#become()
  }

  end(reason: PauseReason = 'client'): void {
    const span = this.#spans.get(reason)
    if (span === undefined) return
    span.timer.cancel()
    this.#spans.delete(reason)
    this.#become()
    this.#resumeAll()
  }

  /** Throws PAUSED for a write of the store's owner. */
  assertOwnerMayWrite(): void {
    if (this.#spans.has('failover')) {
      throw new StoreError('PAUSED', 'a failover is under way: the data may not be changed until its end')
    }
  }

  /** The strictest there is. */
  #become(): void {
    const kinds = [...this.#spans.values()].map(({ kind }) => kind)
    this.#state = kinds.includes('all') ? 'all' : (kinds[0] ?? 'off')
    this.mayHold = this.isOn || this.#kept.size > 0
    this.#changed()
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
    const isPaused = this.#state === 'all' || (this.#state === 'write' && writes(client, command))
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
    for (const { timer } of this.#spans.values()) timer.cancel()
  }

  /** The client is gone. */
  forget(client: Client): void {
    this.#waiting.delete(client)
  }
}

function writes(client: Client, command: Command): boolean {
  if (command.name === 'exec') return client.transaction?.queue.some((queued) => mayReplicate(queued.command)) === true
  return mayReplicate(command)
}

/** Whether it may write to the stream. */
export function mayReplicate(command: Command): boolean {
  return command.isWrite || command.flags.has('may_replicate')
}
