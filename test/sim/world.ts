// Stores on one memory network with a virtual clock, each listening under its own name; and what they say.

import * as assert from 'uvu/assert'
import { Store, type StoreOptions } from '../../src/store.js'
import { MemoryNetwork, type MemoryNetworkOptions } from '../../src/transports/memory.js'
import { parse } from '../resp.js'

export class World {
  readonly sim: MemoryNetwork
  readonly #stores: Store[] = []

  constructor(options: MemoryNetworkOptions = {}) {
    this.sim = new MemoryNetwork({ seed: 1, ...options })
  }

  async node(name: string, options: StoreOptions<unknown> = {}): Promise<Store> {
    const store = new Store({ env: this.sim.env(name), ...options })
    this.#stores.push(store)
    await store.listen(this.sim.at(name))
    return store
  }

  /** A new node that has synced from `primary`. */
  async replica(name: string, primary: string, options: StoreOptions<unknown> = {}): Promise<Store> {
    const store = await this.node(name, options)
    await this.follow(store, primary)
    return store
  }

  async follow(store: Store, primary: string): Promise<void> {
    await this.sim.until(store.replicaOf(this.sim.at(primary)))
    await this.sim.settle()
  }

  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()))
    await this.sim.settle()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A primary `a` and a replica `b` in step. */
export async function pair(options: StoreOptions<unknown> = {}): Promise<{ world: World; a: Store; b: Store }> {
  const world = new World()
  const a = await world.node('a', options)
  const b = await world.replica('b', 'a', options)
  return { world, a, b }
}

/** The commands that `work` puts into the stream, their words joined by spaces. */
export function streamOf(store: Store, work: () => void): string[] {
  const { stream } = store.engine
  stream.open(2 ** 20)
  const position = stream.backlog!.end
  work()
  const commands: string[] = []
  for (let bytes = stream.backlog!.read(position) ?? Buffer.alloc(0); bytes.length > 0; ) {
    const parsed = parse(bytes, 'latin1')
    assert.ok(parsed.kind === 'reply' && Array.isArray(parsed.value), 'whole commands')
    commands.push(parsed.value.join(' '))
    bytes = bytes.subarray(parsed.length)
  }
  return commands
}

/** What the store tells from now on, as lines. */
export function listenTo(store: Store): string[] {
  const told: string[] = []
  for (const event of ['set', 'delete', 'expire', 'evict'] as const)
    store.on(event, (key, db) => told.push(`${event} ${key} ${db}`))
  store.on('clear', (db) => told.push(`clear ${db}`))
  return told
}
