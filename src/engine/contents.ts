// What a node holds, and who has to hear when it changes: all keyspaces, those who keep one at hand, watches, clients that
// wait for a key, and the store's owner. Which commands change it is the engine's business.

import type { Client } from '../commands/client.js'
import { Watches } from '../commands/watches.js'
import { Dataset } from '../keyspace/dataset.js'
import type { Change, Keyspace, KeyspaceOwner } from '../keyspace/keyspace.js'

export interface ContentsHost {
  readonly owner: KeyspaceOwner
  readonly databases: number
  /** The owner of the store wants to hear of this change. */
  note(change: Change, key: string, keyspace: Keyspace): void
}

/** Somebody inside the engine who has to hear of changes. */
export interface Watcher {
  /** While it is false, nobody is told, and changes cost nothing. */
  readonly isWatching: boolean
  changed(change: Change, key: string, keyspace: Keyspace, isNew: boolean): void
  /** Keys of this keyspace may be others than before: FLUSHDB, SWAPDB, a full sync. */
  replaced(index: number): void
}

export class Contents {
  dataset: Dataset
  readonly watches = new Watches()
  /** Told of each one that is made empty, before anything is in it. */
  onFresh: (fresh: Dataset) => void = () => {}
  readonly #host: ContentsHost
  readonly #holders: ((keyspaces: readonly Keyspace[]) => void)[] = []
  readonly #watchers: Watcher[] = []
  #isObserved = false

  constructor(host: ContentsHost) {
    this.#host = host
    this.dataset = this.fresh()
  }

  /** An empty one, as a full sync fills it. */
  fresh(): Dataset {
    const fresh = new Dataset(this.#host.databases, this.#host.owner)
    this.onFresh(fresh)
    return fresh
  }

  keyspace(index: number): Keyspace {
    return this.dataset.keyspaces[index]
  }

  /** Whether this is what its number stands for now, and not one that was flushed or replaced. */
  holds(keyspace: Keyspace): boolean {
    return this.dataset.keyspaces[keyspace.index] === keyspace
  }

  /** Empties one keyspace and returns how many keys it held. */
  flush(index: number): number {
    const keyspace = this.keyspace(index)
    this.watches.touchAll(index, (key) => keyspace.has(key))
    const size = this.dataset.flush(index)
    this.#placed([index])
    return size
  }

  flushAll(): number {
    let count = 0
    for (const { index, size } of [...this.dataset.keyspaces]) if (size > 0) count += this.flush(index)
    return count
  }

  swap(a: number, b: number): void {
    const { keyspaces } = this.dataset
    for (const db of [a, b]) this.watches.touchAll(db, (key) => keyspaces[a].has(key) || keyspaces[b].has(key))
    this.dataset.swap(a, b)
    this.#placed([a, b])
  }

  /** Undoes what `flush` and `swap` did. */
  restore(places: readonly Keyspace[]): void {
    this.dataset.restore(places)
    this.#placed(places.map(({ index }) => index))
  }

  /** Another dataset takes the place of all. */
  replace(fresh: Dataset): void {
    const old = this.dataset
    for (const { index } of old.keyspaces) {
      this.watches.touchAll(index, (key) => old.keyspaces[index].has(key) || fresh.keyspaces[index].has(key))
    }
    old.observer = null
    this.dataset = fresh
    this.observeIfNeeded()
    this.#placed(fresh.keyspaces.map(({ index }) => index))
  }

  /** Tells whoever keeps keyspaces at hand when others have come in their places. */
  onKeyspaces(told: (keyspaces: readonly Keyspace[]) => void): void {
    this.#holders.push(told)
  }

  addWatcher(watcher: Watcher): void {
    this.#watchers.push(watcher)
  }

  watch(client: Client, key: string): void {
    this.watches.add(client, client.db, key, this.keyspace(client.db).holdsExpired(key))
    this.observeIfNeeded()
  }

  unwatch(client: Client): void {
    this.watches.remove(client)
    this.observeIfNeeded()
  }

  hasExpiredWatch(client: Client): boolean {
    return client.watched.some(({ db, key, wasExpired }) => !wasExpired && this.keyspace(db).holdsExpired(key))
  }

  get isObserved(): boolean {
    return this.#isObserved
  }
  /** The owner wants to hear of each change; while nobody does, nothing is told. */
  set isObserved(observed: boolean) {
    this.#isObserved = observed
    this.observeIfNeeded()
  }

  /** To be called when somebody began or ceased to watch. */
  observeIfNeeded(): void {
    const wanted = this.#isObserved || !this.watches.isEmpty || this.#watchers.some((one) => one.isWatching)
    this.dataset.observer = wanted ? this.#observe : null
  }

  readonly #observe = (change: Change, key: string, keyspace: Keyspace, isNew: boolean): void => {
    if (change !== 'clear') this.watches.touch(keyspace.index, key, change === 'expire')
    for (const watcher of this.#watchers) if (watcher.isWatching) watcher.changed(change, key, keyspace, isNew)
    if (this.#isObserved) this.#host.note(change, key, keyspace)
  }

  #placed(indexes: readonly number[]): void {
    for (const told of this.#holders) told(this.dataset.keyspaces)
    for (const watcher of this.#watchers) {
      if (watcher.isWatching) for (const index of indexes) watcher.replaced(index)
    }
  }
}
