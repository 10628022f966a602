// Keyspace events: what notify-keyspace-events asks for is published on `__keyspace@<db>__:<key>`, with the event as the
// message, and on `__keyevent@<db>__:<event>`, with the key. Here only, as in Redis: a replica makes its own.

import type { Arg } from '../bytes.js'
import type { Channels } from '../commands/channels.js'
import type { EventClass } from '../commands/command.js'
import type { Config } from '../config/config.js'
import type { Change, Keyspace } from '../keyspace/keyspace.js'
import type { Watcher } from './contents.js'

export interface NotificationsHost {
  readonly config: Config
  readonly channels: Channels
  /** Which changes have to be heard is another than before. */
  observeIfNeeded(): void
}

/** What `A` stands for. New keys and misses have to be asked for by themselves. */
const ALL = 'g$lshzxet'

export class Notifications implements Watcher {
  readonly #host: NotificationsHost
  #classes: ReadonlySet<string> = new Set()
  #byKey = false
  #byEvent = false
  /** Nobody asks for any event while it is false. */
  isOn = false

  constructor(host: NotificationsHost) {
    this.#host = host
    host.config.on('notify-keyspace-events', () => this.#read())
    this.#read()
  }

  #read(): void {
    const flags = this.#host.config.text('notify-keyspace-events').replace('A', ALL)
    this.#classes = new Set(flags)
    this.#byKey = flags.includes('K')
    this.#byEvent = flags.includes('E')
    this.isOn = this.#byKey || this.#byEvent
    this.#host.observeIfNeeded()
  }

  notify(eventClass: EventClass, event: string, key: string, db: number): void {
    if (!this.#classes.has(eventClass)) return
    const { channels } = this.#host
    if (this.#byKey) channels.publish(`__keyspace@${db}__:${key}`, event)
    if (this.#byEvent) channels.publish(`__keyevent@${db}__:${event}`, key)
  }

  /** For a change that no command made: what it is told to replicas as says which event it is. */
  notifyEffect(db: number, [name, key, ...rest]: readonly (Arg | number)[]): void {
    const events = effectEvents[String(name)]
    if (events === undefined || typeof key !== 'string') return
    const [eventClass, event] = events
    this.notify(eventClass, event, key, db)
    if (event === 'set' && rest.includes('PXAT')) this.notify('g', 'expire', key, db)
  }

  // New keys. They are announced before what made them.

  get isWatching(): boolean {
    return this.isOn && this.#classes.has('n')
  }

  changed(change: Change, key: string, keyspace: Keyspace, isNew: boolean): void {
    if (isNew && change === 'set') this.notify('n', 'new', key, keyspace.index)
  }

  replaced(): void {}
}

/** The effects that the Map face writes. */
const effectEvents: Readonly<Record<string, readonly [EventClass, string]>> = {
  SET: ['$', 'set'],
  DEL: ['g', 'del'],
  PEXPIREAT: ['g', 'expire'],
  PERSIST: ['g', 'persist'],
}
