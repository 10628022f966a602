// Random work on random trees of stores while the network fails at random, all of it from one seed. At the end the network
// is whole again, and every node has to come to hold the same. HOTSPARE_SEEDS=200 runs more seeds, HOTSPARE_SEED=7 one.

import * as assert from 'uvu/assert'
import type { Store } from '../../src/store.js'
import { suite } from '../suite.js'
import { equal } from './equal.js'
import { World } from './world.js'

const test = suite('simulation')

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const
const STEPS = 150

class Run {
  readonly world: World
  /** The first is the primary; each other follows one that stands before it. */
  order: Store[] = []
  readonly nameOf = new Map<Store, string>()
  readonly #random: () => number
  #written = 0

  constructor(seed: number) {
    this.world = new World({ seed, split: seed % 2 === 0, highWaterBytes: seed % 3 === 0 ? 2000 : undefined })
    this.#random = this.world.sim.env('the test').random
  }

  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]
  }

  async start(): Promise<void> {
    const [timeout, period] = this.pick([
      ['5', '1'],
      ['60', '10'],
    ] as const)
    const config = {
      'repl-backlog-size': this.pick(['16384', '1048576']),
      'repl-timeout': timeout,
      'repl-ping-replica-period': period,
      'repl-backlog-ttl': this.pick(['5', '3600']),
    }
    const options = this.below(4) === 0 ? { config, max: 40 } : { config }
    for (const name of NAMES) {
      const store = await this.world.node(name, options)
      this.order.push(store)
      this.nameOf.set(store, name)
    }
    this.followAll()
  }

  followAll(): void {
    this.order.forEach((_, i) => {
      if (i > 0) this.follow(i)
    })
  }

  follow(i: number): void {
    const above = this.nameOf.get(this.order[this.below(i)])!
    // The wait ends with the store; what comes of the following is looked at in the end.
    this.order[i].replicaOf(this.world.sim.at(above)).catch(() => {})
  }

  async promoteSomebody(): Promise<void> {
    const next = this.pick(this.order)
    if (next === this.order[0]) return
    await next.promote()
    this.order = [next, ...this.order.filter((one) => one !== next)]
    this.followAll()
  }

  write(): void {
    const [primary] = this.order
    const face = primary.db(this.below(3))
    const key = `k${this.below(30)}`
    const value = `${++this.#written} ${'x'.repeat(this.below(400))}`
    const kinds = [
      () => face.set(key, value),
      () => face.set(key, { value, list: [this.#written] }),
      () => face.set(key, value, { ttl: this.below(20_000) }),
      () => face.delete(key),
      () => face.expire(key, this.below(5000) - 100),
      () => face.persist(key),
      () => face.call('APPEND', key, value),
      () => face.call('COPY', key, 'copy', 'REPLACE'),
      () => face.call('MOVE', key, (this.below(2) + 3) % 5),
      () => face.get(key),
      () => this.below(10) === 0 && face.clear(),
      () => this.below(10) === 0 && primary.call('SWAPDB', 0, 1),
      () =>
        primary.transaction(() => {
          face.set(key, value)
          primary.db(1).set('total', this.#written)
        }),
    ]
    try {
      this.pick(kinds)()
    } catch (error) {
      assert.match((error as Error).message, /source and destination/)
    }
  }

  fault(): void {
    const { sim } = this.world
    const [one, other] = [this.pick(NAMES), this.pick(NAMES)]
    const kinds = [
      () => sim.cut(one),
      () => sim.cut(one, other),
      () => sim.partition(one, other),
      () => sim.partition(one, other),
      () => sim.heal(),
      () => sim.heal(),
      () => sim.delay(this.below(300)),
      () => sim.delay(this.below(3000), one, other),
      () => sim.loss(this.pick([0, 0, 0.01, 0.2])),
      () => sim.slow(one, this.pick([1000, 20_000, Number.POSITIVE_INFINITY])),
    ]
    this.pick(kinds)()
  }

  async step(): Promise<void> {
    for (let writes = this.below(10); writes > 0; writes--) this.write()
    if (this.below(4) === 0) this.fault()
    if (this.below(25) === 0) await this.promoteSomebody()
    if (this.below(15) === 0) this.follow(1 + this.below(NAMES.length - 1))
    await this.world.sim.advance(this.pick([0, 1, 50, 1000, 7000]))
  }

  /** The network is whole again, and time passes. */
  async rest(): Promise<void> {
    const { sim } = this.world
    sim.heal()
    sim.loss(0)
    sim.delay(0)
    for (const name of NAMES) {
      sim.slow(name, Number.POSITIVE_INFINITY)
      for (const other of NAMES) sim.delay(0, name, other)
    }
    await sim.advance(120_000)
    await sim.settle()
  }
}

const seeds =
  process.env.HOTSPARE_SEED === undefined
    ? Array.from({ length: Number(process.env.HOTSPARE_SEEDS ?? 20) }, (_, i) => i + 1)
    : [Number(process.env.HOTSPARE_SEED)]

for (const seed of seeds) {
  test(`all nodes end equal after random work and faults, HOTSPARE_SEED=${seed}`, { limitMs: 60_000 }, async () => {
    const run = new Run(seed)
    await run.start()
    for (let i = 0; i < STEPS; i++) await run.step()
    await run.rest()
    const [primary, ...others] = run.order
    assert.is(primary.role, 'primary')
    for (const other of others) {
      assert.is(other.status().link, 'connected', `the link of ${run.nameOf.get(other)}`)
    }
    equal(primary, ...others)
    for (const { engine } of run.order) {
      for (const { slots, size } of engine.dataset.keyspaces) assert.is(slots.size, size, 'no marks are left')
    }
    await run.world.close()
  })
}

test('one seed is one run, to the last byte', async () => {
  const statesOf = async (): Promise<unknown> => {
    const run = new Run(4)
    await run.start()
    for (let i = 0; i < 40; i++) await run.step()
    const states = run.order.map((store) => [run.nameOf.get(store), store.status(), [...store]])
    await run.world.close()
    return states
  }
  assert.equal(await statesOf(), await statesOf())
})

test.run()
