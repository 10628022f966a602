// CLIENT PAUSE: requests wait until its time is over, those that may write or all. While it lasts, a primary expires and
// evicts nothing either, so that its data and its offset stand still. Replicas, our primary's stream and the store's owner
// are never held up.

import type { Arg } from '../bytes.js'
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
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const client of waiting) client.isPaused = false
    this.#changed()
    // Not from inside the call that ended it: what waited are calls of their own.
    this.#env.soon(() => {
      for (const client of waiting) client.resume()
    })
  }

  /** Puts the request aside if it has to wait; says whether it did. */
  hold(client: Client, command: Command, argv: Arg[]): boolean {
    if (client.kind !== 'normal' || !(this.#state === 'all' || mayReplicate(client, command))) return false
    client.held = argv
    client.isPaused = true
    this.#waiting.add(client)
    return true
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
