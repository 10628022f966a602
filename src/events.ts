// What a store tells, and to whom. A listener that throws stops neither the store nor the listeners after it.

import { EventEmitter } from 'eventemitter3'
import type { Progress } from './commands/save.js'
import type { Logger } from './env.js'
import type { LinkState } from './replication/replica.js'

/** Key, number of the keyspace. Told after the change, on replicas too. */
type KeyEvent = (key: string, db: number) => void

export interface StoreEvents {
  set: KeyEvent
  delete: KeyEvent
  expire: KeyEvent
  evict: KeyEvent
  clear: (db: number) => void
  role: (role: 'primary' | 'replica') => void
  /** The link to the primary changed its state; the error says why it broke. */
  link: (state: LinkState, error?: Error) => void
  /** A full sync replaced the data. */
  sync: () => void
  /** A save began, has come this far (ten times a second), or is over. */
  progress: (progress: Progress) => void
  /** A replica came, changed its state, or went. */
  replica: (replica: { name: string; state: string }) => void
  /** A listener of an event threw. Without a listener here it is logged. */
  error: (error: unknown) => void
}

const DATA_EVENTS = ['set', 'delete', 'expire', 'evict', 'clear'] as const

type Listener = (...args: unknown[]) => void

export class Events {
  readonly #emitter = new EventEmitter()
  /** What `once` puts on, and what it was given: `off` takes either. */
  readonly #onceOf = new WeakMap<object, unknown>()
  readonly #log: Logger
  readonly #observe: (isObserved: boolean) => void

  /** `observe` hears whether anybody listens to changes of data. */
  constructor(log: Logger, observe: (isObserved: boolean) => void) {
    this.#log = log
    this.#observe = observe
  }

  on<E extends keyof StoreEvents>(event: E, listener: StoreEvents[E]): void {
    this.#emitter.on(event, listener as Listener)
    this.#look()
  }

  once<E extends keyof StoreEvents>(event: E, listener: StoreEvents[E]): void {
    const once = (...args: unknown[]): void => {
      this.off(event, once as StoreEvents[E])
      ;(listener as Listener)(...args)
    }
    this.#onceOf.set(once, listener)
    this.on(event, once as StoreEvents[E])
  }

  off<E extends keyof StoreEvents>(event: E, listener: StoreEvents[E]): void {
    for (const each of this.#emitter.listeners(event)) {
      if (each === listener || this.#onceOf.get(each) === listener) this.#emitter.off(event, each)
    }
    this.#look()
  }

  emit(event: keyof StoreEvents, ...args: unknown[]): void {
    for (const listener of this.#emitter.listeners(event)) {
      try {
        listener(...args)
      } catch (error) {
        if (event !== 'error' && this.#emitter.listenerCount('error') > 0) this.emit('error', error)
        else this.#log.error(`a listener of '${event}' threw: ${error}`)
      }
    }
  }

  #look(): void {
    this.#observe(DATA_EVENTS.some((event) => this.#emitter.listenerCount(event) > 0))
  }
}
