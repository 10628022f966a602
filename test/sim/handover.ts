// Whether what clients were told survives: small runs of a few nodes and writers on a virtual clock, from seeds, under delays,
// cuts and partitions. Nobody but the runs themselves changes roles here, so that it can be known what has to be there in the end.

import type { Store } from '../../src/store.js'
import { randomFrom } from '../compat/load.js'
import { Caller } from './caller.js'
import { type Invariant, Violation, violationOf } from './checker.js'
import { equal } from './equal.js'
import { World } from './world.js'

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

function expect(holds: boolean, invariant: Invariant, message: string): void {
  if (!holds) throw new Violation(invariant, message)
}

function expectHeld(store: Store, writers: readonly Writer[], invariant: Invariant): void {
  for (const { confirmed } of writers)
    for (const key of confirmed) expect(store.has(key), invariant, `${key} was acknowledged, and is gone`)
}

function expectEqual(primary: Store, stores: readonly Store[]): void {
  try {
    equal(primary, ...stores.filter((store) => store !== primary))
  } catch (error) {
    throw new Violation('agreement', (error as Error).message)
  }
}

/**
 * Coordinated failovers lose nothing that a client heard OK for, and there are never two primaries. Says what became of
 * them, and how many writes were acknowledged.
 */
export async function coordinated(seed: number): Promise<{ outcomes: Map<string, number>; confirmed: number }> {
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
    expect(primaries().length < 2, 'handed over', `there are two primaries at step ${step}`)
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
  // By then every writer has found the primary, and is let in.
  for (const writer of writers) {
    const before = writer.confirmed.length
    for (let step = 0; step < 2 * names.length; step++) {
      writer.step(0)
      await sim.advance(5000)
    }
    expect(writer.confirmed.length > before, 'handed over', 'in the end a writer is not answered')
  }
  await sim.advance(5000)
  expect(primaries().length === 1, 'handed over', `there are ${primaries().length} primaries in the end`)
  const [primary] = primaries()
  expect(!primary.engine.replication.failover.isUnderWay, 'handed over', 'a failover does not end')
  expectEqual(primary, [...stores.values()])
  expectHeld(primary, writers, 'handed over')
  return { outcomes: run.outcomes, confirmed: writers.reduce((sum, { confirmed }) => sum + confirmed.length, 0) }
}

/**
 * What WAIT confirmed survives the crash of its primary when the most advanced of the others is promoted. Says how many
 * writes were confirmed.
 */
export async function crashes(seed: number): Promise<number> {
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
    // Often it writes on alone before it crashes.
    if (run.chance(0.5)) {
      const others = names.filter((name) => name !== primary)
      sim.partition([primary], others)
      for (let step = 0; step < 5; step++) {
        await sim.advance(1 + run.below(80))
        for (const writer of writers) writer.step(0)
      }
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
    expectHeld(promoted, writers, 'confirmed')
    await run.start(primary)
    primary = best
    for (const [name, store] of stores) if (name !== best) await world.follow(store, best)
    for (const writer of writers) writer.moveTo(best)
  }
  await sim.advance(100_000)
  const all = [...stores.values()]
  expectEqual(stores.get(primary)!, all)
  expectHeld(stores.get(primary)!, writers, 'confirmed')
  return writers.reduce((sum, { confirmed }) => sum + confirmed.length, 0)
}

/** A primary that is cut off from its replicas acknowledges nothing any more once min-replicas-max-lag is over. */
export async function cutOff(seed: number): Promise<void> {
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
  expect(writer.confirmedAt > 1900, 'cut off', 'writes are refused before the cut')
  sim.partition(a, others)
  await until(12_000)
  // One ACK may have been under way. They come every second: one second of lag is taken for two.
  const windowMs = writer.confirmedAt - 2000
  const allowed = `min-replicas-max-lag is ${maxLagSeconds} s`
  expect(
    windowMs <= Math.max(maxLagSeconds, 2) * 1000 + delayMs,
    'cut off',
    `${windowMs} ms after the cut it acknowledges: ${allowed}`,
  )
  expect(windowMs >= (maxLagSeconds - 1) * 1000, 'cut off', `${windowMs} ms after the cut it refuses: ${allowed}`)
  expect(writer.refused > 100, 'cut off', `${writer.refused} writes were refused`)
  expectHeld(store, [writer], 'cut off')
  run.calm()
  await until(90_000, 500)
  expect(writer.confirmedAt > 88_000, 'cut off', 'it does not take writes again')
}

/** All three, from one seed. */
export async function handover(seed: number): Promise<{ acknowledged: number; failure: Violation | null }> {
  let acknowledged = 0
  try {
    acknowledged += (await coordinated(seed)).confirmed + (await crashes(seed))
    await cutOff(seed)
  } catch (error) {
    return { acknowledged, failure: violationOf(error) }
  }
  return { acknowledged, failure: null }
}
