// Whether what was acknowledged survives: runs of a few nodes and writers on a virtual clock, from seeds, under delays, cuts and
// partitions. Coordinated failovers lose nothing that a client heard OK for, and there are never two primaries; what WAIT
// confirmed survives the crash of its primary when the most advanced of the others is promoted; and a primary that is cut off
// acknowledges nothing any more once min-replicas-max-lag is over.

import * as assert from 'uvu/assert'
import type { Store } from '../../src/store.js'
import { randomFrom } from '../compat/load.js'
import { suite } from '../suite.js'
import { Caller } from './caller.js'
import { equal } from './equal.js'
import { World } from './world.js'

const test = suite('handover')

const READONLY = /^-READONLY /
const NOT_ENOUGH = /^-NOREPLICAS /

class Run {
  readonly world: World
  readonly names: string[]
  readonly stores = new Map<string, Store>()
  readonly random: () => number
  /** What became of failovers that were asked for, and how often. */
  readonly outcomes = new Map<string, number>()

  constructor(seed: number, nodes: number) {
    this.random = randomFrom(seed)
    this.world = new World({ seed, split: this.chance(0.3) })
    this.names = Array.from({ length: nodes }, (_, i) => `n${i}`)
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]
  }

  async start(name: string, config: Record<string, string> = {}): Promise<Store> {
    const store = await this.world.node(name, { dial: (host) => this.world.sim.at(host), config })
    this.stores.set(name, store)
    return store
  }

  /** A fault that passes, or the end of those there are. */
  disturb(): void {
    const { sim } = this.world
    const [a, b] = [this.pick(this.names), this.pick(this.names)]
    const what = a === b ? 'heal' : this.pick(['cut', 'cut', 'partition', 'delay'])
    if (what === 'heal') sim.heal()
    else if (what === 'cut') sim.cut(a, b)
    else if (what === 'partition') sim.partition(a, b, { oneWay: this.chance(0.5) })
    else sim.delay(this.below(60), a, b)
  }

  calm(): void {
    const { sim } = this.world
    sim.heal()
    sim.jitter(0)
    sim.delay(0)
    for (const a of this.names) for (const b of this.names) if (a !== b) sim.delay(0, a, b)
  }

  count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }
}

/** Writes one key after the other, each when the one before is answered; goes on elsewhere when it is sent away. */
class Writer {
  /** The keys whose writes count. */
  readonly confirmed: string[] = []
  /** When the last of them was heard of. */
  confirmedAt = 0
  refused = 0
  readonly #run: Run
  readonly #name: string
  /** Asks `WAIT n 0` behind each write. */
  readonly #replicas: number
  #at: string
  #caller: Caller | null = null
  #key = ''
  #written = 0
  #heard = ''

  constructor(run: Run, name: string, at: string, replicas = 0) {
    this.#run = run
    this.#name = name
    this.#at = at
    this.#replicas = replicas
  }

  /** Takes what was answered, and writes on. */
  step(nowMs: number): void {
    if (this.#caller === null || this.#caller.isClosed) {
      this.#connect()
      this.#write()
      return
    }
    this.#heard += this.#caller.heard()
    const lines = this.#heard.split('\r\n')
    if (READONLY.test(lines[0])) this.#connect()
    else if (NOT_ENOUGH.test(lines[0])) this.refused++
    else if (lines.length - 1 < (this.#replicas === 0 ? 1 : 2)) return
    else if (lines[0] === '+OK' && (this.#replicas === 0 || Number(lines[1].slice(1)) >= this.#replicas)) {
      this.confirmed.push(this.#key)
      this.confirmedAt = nowMs
    }
    this.#write()
  }

  moveTo(name: string): void {
    this.#at = name
    this.#caller?.close()
    this.#caller = null
  }

  /** A write that it has not heard of may have been made or not: it is not written again. */
  #connect(): void {
    this.#caller?.close()
    const { names } = this.#run
    if (this.#caller !== null) this.#at = names[(names.indexOf(this.#at) + 1) % names.length]
    this.#caller = new Caller(this.#run.world.sim, this.#at, this.#name)
  }

  #write(): void {
    this.#heard = ''
    this.#key = `${this.#name}:${this.#written++}`
    this.#caller!.send(`SET ${this.#key} ${this.#at}`)
    if (this.#replicas > 0) this.#caller!.send(`WAIT ${this.#replicas} 0`)
  }
}

const holds = (store: Store, writers: readonly Writer[], seed: number): void => {
  for (const { confirmed } of writers)
    for (const key of confirmed) assert.ok(store.has(key), `seed ${seed}: ${key} was acknowledged`)
}

async function coordinated(seed: number): Promise<{ outcomes: Map<string, number>; confirmed: number }> {
  const run = new Run(seed, 2 + (seed % 4))
  const { world, names, stores } = run
  await using _ = world
  const { sim } = world
  for (const [i, name] of names.entries()) {
    await run.start(name)
    if (i > 0) await world.follow(stores.get(name)!, run.pick(names.slice(0, i)))
  }
  sim.delay(run.below(10))
  sim.jitter(run.below(20))
  const writers = [0, 1, 2].map((i) => new Writer(run, `w${i}`, run.pick(names)))
  const primaries = (): Store[] => [...stores.values()].filter(({ role }) => role === 'primary')
  for (let step = 0; step < 300; step++) {
    await sim.advance(1 + run.below(60))
    for (const writer of writers) writer.step(0)
    assert.ok(primaries().length < 2, `seed ${seed}: two primaries at step ${step}`)
    if (run.chance(0.06)) run.disturb()
    if (run.chance(0.05)) sim.heal()
    for (const primary of primaries()) {
      const { failover } = primary.engine.replication
      // Given up only before the target was asked: after that it may have taken over.
      if (failover.state === 'waiting-for-sync' && run.chance(0.02)) failover.abort()
      if (failover.isUnderWay || !run.chance(0.1)) continue
      const { host } = run.pick([...primary.status().replicas, { host: 'nobody' }])
      const to = run.chance(0.5) ? sim.at(host) : undefined
      const timeoutMs = run.chance(0.5) ? 50 + run.below(1000) : undefined
      primary.failover({ to, timeoutMs }).then(
        () => run.count('over'),
        (error: { code: string }) => run.count(error.code),
      )
    }
  }
  run.calm()
  // Links that hang are given up after repl-timeout.
  await sim.advance(200_000)
  for (const writer of writers) writer.step(0)
  await sim.advance(5000)
  assert.is(primaries().length, 1, `seed ${seed}: one primary in the end`)
  const [primary] = primaries()
  assert.not(primary.engine.replication.failover.isUnderWay)
  equal(primary, ...[...stores.values()].filter((store) => store !== primary))
  holds(primary, writers, seed)
  return { outcomes: run.outcomes, confirmed: writers.reduce((sum, { confirmed }) => sum + confirmed.length, 0) }
}

for (const first of [1, 11, 21, 31]) {
  test(`coordinated failovers lose nothing: seeds ${first} to ${first + 9}`, async () => {
    const total: Record<string, number> = {}
    for (let seed = first; seed < first + 10; seed++) {
      const { outcomes, confirmed } = await coordinated(seed)
      assert.ok(confirmed > 50, `seed ${seed}: ${confirmed} writes were acknowledged`)
      for (const [outcome, count] of outcomes) total[outcome] = (total[outcome] ?? 0) + count
    }
    // The runs are worth something: failovers succeed, and fail in the ways in which they can here.
    assert.ok(total.over >= 20, JSON.stringify(total))
    const { INVALID = 0, TIMEOUT = 0, LINK = 0, ABORTED = 0 } = total
    assert.ok(INVALID > 0 && TIMEOUT + LINK + ABORTED > 0, JSON.stringify(total))
    assert.is(total.REFUSED, undefined)
  })
}

async function crashes(seed: number): Promise<number> {
  const run = new Run(seed, 3 + (seed % 3))
  const { world, names, stores } = run
  await using _ = world
  const { sim } = world
  for (const name of names) await run.start(name)
  let primary = names[0]
  for (const name of names.slice(1)) await world.follow(stores.get(name)!, primary)
  const writers = [1, 1, 2].map((replicas, i) => new Writer(run, `w${i}`, primary, replicas))
  for (let round = 0; round < 4; round++) {
    sim.delay(run.below(10))
    sim.jitter(run.below(20))
    for (let step = 0; step < 60; step++) {
      await sim.advance(1 + run.below(80))
      for (const writer of writers) writer.step(0)
      if (run.chance(0.1)) run.disturb()
      if (run.chance(0.05)) sim.heal()
    }
    const { replid } = stores.get(primary)!.status()
    sim.crash(primary, { silent: run.chance(0.5) })
    stores.delete(primary)
    run.calm()
    await sim.advance(100)
    // The others that stood in its history: one that is elsewhere still has confirmed nothing to it.
    const standing = [...stores].filter(([, store]) => store.status().replid === replid)
    standing.sort(([, a], [, b]) => b.status().offset - a.status().offset)
    const [best, promoted] = standing[0]
    await promoted.promote()
    holds(promoted, writers, seed)
    await run.start(primary)
    primary = best
    for (const [name, store] of stores) if (name !== best) await world.follow(store, best)
    for (const writer of writers) writer.moveTo(best)
  }
  await sim.advance(100_000)
  const all = [...stores.values()]
  equal(stores.get(primary)!, ...all)
  holds(stores.get(primary)!, writers, seed)
  return writers.reduce((sum, { confirmed }) => sum + confirmed.length, 0)
}

for (const first of [101, 111]) {
  test(`what WAIT confirmed survives crashes: seeds ${first} to ${first + 9}`, async () => {
    for (let seed = first; seed < first + 10; seed++) {
      const confirmed = await crashes(seed)
      assert.ok(confirmed > 20, `seed ${seed}: ${confirmed} writes were confirmed`)
    }
  })
}

async function cutOff(seed: number): Promise<void> {
  const run = new Run(seed, 3)
  const { world, names } = run
  await using _ = world
  const { sim } = world
  const maxLagSeconds = 1 + run.below(5)
  const [a, ...others] = names
  const store = await run.start(a, {
    'min-replicas-to-write': String(1 + run.below(2)),
    'min-replicas-max-lag': String(maxLagSeconds),
  })
  for (const name of others) await world.follow(await run.start(name), a)
  const delayMs = run.below(100)
  sim.delay(delayMs, others, a)
  await sim.advance(run.below(3000) + 1000)
  const writer = new Writer(run, 'w', a)
  let nowMs = 0
  const until = async (endMs: number, stepMs = 10): Promise<void> => {
    while (nowMs < endMs) {
      await sim.advance(stepMs)
      nowMs += stepMs
      writer.step(nowMs)
    }
  }
  await until(2000)
  assert.ok(writer.confirmedAt > 1900, `seed ${seed}: it takes writes`)
  sim.partition(a, others)
  await until(12_000)
  // ACKs count in whole seconds, as in Redis; one may have been under way.
  const windowMs = writer.confirmedAt - 2000
  assert.ok(windowMs <= (maxLagSeconds + 1) * 1000 + delayMs, `seed ${seed}: acknowledged ${windowMs} ms after the cut`)
  assert.ok(windowMs >= (maxLagSeconds - 1) * 1000, `seed ${seed}: refused ${windowMs} ms after the cut already`)
  assert.ok(writer.refused > 100)
  assert.ok(store.has(writer.confirmed.at(-1)!))
  run.calm()
  await until(90_000, 500)
  assert.ok(writer.confirmedAt > 88_000, `seed ${seed}: it takes writes again`)
}

test('a primary that is cut off acknowledges nothing once min-replicas-max-lag is over: seeds 201 to 212', async () => {
  for (let seed = 201; seed <= 212; seed++) await cutOff(seed)
})

test.run()
