// A network inside the process. In real time it carries a user's unit tests; with a seed it has a clock of its own that
// the test moves, and every random choice, the network's and the nodes', comes from the seed. Faults are ordinary method
// calls. Bytes travel in memory-link.ts, time stands in virtual-clock.ts, nodes live in virtual-node.ts.

import { type Env, type Logger, systemEnv } from '../env.js'
import { StoreError } from '../errors.js'
import type { Link, Listening, Transport } from '../link.js'
import { MemoryLink, type NetworkEvent, type Told, type Wire } from './memory-link.js'
import { RandomStream } from './random-stream.js'
import { VirtualClock } from './virtual-clock.js'
import { VirtualNode } from './virtual-node.js'

export interface MemoryNetworkOptions {
  /** Any number. With it, time is virtual and every run is the same. Without, time and randomness are real. */
  seed?: number
  /**
   * Cuts what is sent into pieces at random places, so that parsers meet every boundary; and of what is in flight when a
   * link breaks, a part may still arrive. Default false.
   */
  split?: boolean
  /** Bytes sent but not delivered above which `send` returns false. Default 1 MiB. */
  highWaterBytes?: number
  /**
   * With a seed: so many milliseconds have passed each time a node looks at its monotonic clock. Work that is cut into
   * slices of time takes several then, as it does in a real process. Default 0: work takes no time.
   */
  lookMs?: number
  /** Is told of what happens on the links, as it happens. It may do nothing to the network from inside. */
  watch?: (event: NetworkEvent) => void
}

/** One node's name, or several. */
export type Nodes = string | readonly string[]

const HIGH_WATER_BYTES = 1024 * 1024

export class MemoryNetwork {
  readonly #clock: VirtualClock | undefined
  readonly #seed: number
  readonly #lookMs: number
  readonly #nodes = new Map<string, VirtualNode>()
  readonly #streams = new Map<string, RandomStream>()
  readonly #listeners = new Map<string, (link: Link) => void>()
  readonly #links = new Set<MemoryLink>()
  /** Pairs that no byte passes between, from the first to the second. */
  readonly #parted = new Set<string>()
  readonly #pairDelays = new Map<string, number>()
  readonly #rates = new Map<string, number>()
  #delayMs = 0
  #jitterMs = 0
  #loss = 0
  #unnamed = 0
  #dialled = 0
  readonly #wire: Wire

  constructor(options: MemoryNetworkOptions = {}) {
    const { seed, split = false, highWaterBytes = HIGH_WATER_BYTES, lookMs = 0, watch } = options
    this.#seed = seed ?? 0
    this.#lookMs = lookMs
    this.#clock = seed === undefined ? undefined : new VirtualClock()
    this.#wire = this.#makeWire(split, highWaterBytes, watch)
  }

  /** The place on this network that has this name: a Store listens at it, others connect to it. */
  at(name: string): Transport {
    return {
      address: name,
      host: name,
      port: 0,
      listen: (accept) => this.#listen(name, accept),
      connect: (from = `unnamed-${++this.#unnamed}`) => {
        const link = MemoryLink.dial(this.#wire, from, name)
        this.#links.add(link)
        return link
      },
    }
  }

  /**
   * The world of one node. With a seed: the virtual clock, and random numbers of the node's own that go on where they
   * were when the node is made anew. Without: the real world, under this name.
   */
  env(name: string, options: { log?: Logger } = {}): Env {
    if (this.#clock === undefined) return systemEnv({ ...options, name })
    const random = this.#stream(`node ${name}`)
    const pid = 1000 + [...this.#streams.keys()].indexOf(`node ${name}`)
    return this.#node(name).env(name, random, pid, this.#lookMs, options.log)
  }

  // Time. Only with a seed.

  /** Moves the clock by `ms`, running what falls due in order. Throws INVALID without a seed. */
  advance(ms: number): Promise<void> {
    return this.#virtualClock().advance(ms)
  }

  /**
   * Runs until nothing is in flight. The clock moves only as far as deliveries need. What a partition or a paused reader
   * holds up is not in flight. Throws INVALID without a seed, TIMEOUT if the nodes never come to rest.
   */
  settle(): Promise<void> {
    return this.#virtualClock().settle()
  }

  /** Moves the clock until the promise is settled, and answers what it did. Throws TIMEOUT after `withinMs` (60,000). */
  until<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    return this.#virtualClock().until(promise, withinMs)
  }

  /** Timers that the node has armed and that have neither fired nor been cancelled. A store that is closed leaves none. */
  timers(name: string): number {
    this.#virtualClock()
    return this.#nodes.get(name)?.timers ?? 0
  }

  // Faults.

  /**
   * From now on nothing passes between these nodes, or with `oneWay` nothing from the first to the second. What is sent
   * waits; connecting hangs.
   */
  partition(a: Nodes, b: Nodes, options: { oneWay?: boolean } = {}): void {
    for (const key of pairs(a, b, options.oneWay)) this.#parted.add(key)
  }

  /** Ends partitions, all of them or those between these nodes. What waited is delivered. */
  heal(): void
  heal(a: Nodes, b: Nodes): void
  heal(a?: Nodes, b?: Nodes): void {
    if (a === undefined || b === undefined) this.#parted.clear()
    else for (const key of pairs(a, b)) this.#parted.delete(key)
    for (const link of this.#links) link.kickBoth()
  }

  /** What is sent from now on takes `ms` to arrive, everywhere or between these nodes. */
  delay(ms: number): void
  delay(ms: number, a: Nodes, b: Nodes): void
  delay(ms: number, a?: Nodes, b?: Nodes): void {
    if (!(ms >= 0 && ms < Infinity)) throw new StoreError('INVALID', `a delay cannot be ${ms} ms`)
    if (a === undefined || b === undefined) this.#delayMs = ms
    else for (const key of pairs(a, b)) this.#pairDelays.set(key, ms)
  }

  /** Every send takes up to `ms` longer, by chance. Bytes of one link stay in order; those of two links may not. */
  jitter(ms: number): void {
    if (!(ms >= 0 && ms < Infinity)) throw new StoreError('INVALID', `a delay cannot vary by ${ms} ms`)
    this.#jitterMs = ms
  }

  /**
   * Breaks every link of `a`, or every link between the two. Both ends are told; bytes in flight are lost. With `told`
   * `first` only `a` hears of it, and the other end when it sends something: the link is half open until then. With
   * `nobody` neither hears of it, and what is sent is lost, as behind a router that forgot the connection.
   */
  cut(a: string, b?: string, options: { told?: Told } = {}): void {
    const error = (): Error => new StoreError('LINK', `the link was cut: ${b === undefined ? a : `${a} - ${b}`}`)
    for (const link of [...this.#links]) if (link.isBetween(a, b)) link.cutOff(a, options.told ?? 'both', error())
  }

  /**
   * Stops a node, as a debugger or a long pause does: it hears nothing, and its timers wait. Its links stand, and what is
   * sent to it waits. Only with a seed, as the next three.
   */
  freeze(name: string): void {
    this.#node(name).freeze()
  }

  /** The node goes on: first what waited, in order. */
  thaw(name: string): void {
    this.#node(name).thaw()
    for (const link of this.#links) if (link.isBetween(name, undefined)) link.kickBoth()
  }

  /**
   * Kills a node: its timers never fire, it frees its name, and the other ends of its links hear that they are closed; with
   * `silent` they never do, as when the power fails. A node of the same name that is made afterwards is a new one.
   */
  crash(name: string, options: { silent?: boolean } = {}): void {
    this.#node(name).end()
    this.#nodes.delete(name)
    this.#listeners.delete(name)
    for (const link of [...this.#links]) if (link.isBetween(name, undefined)) link.vanish(name, options.silent ?? false)
  }

  /** Each chunk that arrives, or piece of one, breaks its link with this probability (0 to 1) instead. */
  loss(probability: number): void {
    if (!(probability >= 0 && probability <= 1)) throw new StoreError('INVALID', `${probability} is no probability`)
    this.#loss = probability
  }

  /** Each link to or from the node carries at most so many bytes a second each way. Infinity takes the limit away. */
  slow(name: string, bytesPerSecond: number): void {
    if (!(bytesPerSecond > 0)) throw new StoreError('INVALID', `${bytesPerSecond} bytes a second are no bandwidth`)
    this.#rates.set(name, bytesPerSecond)
  }

  #virtualClock(): VirtualClock {
    if (this.#clock === undefined) throw new StoreError('INVALID', 'this network runs in real time: give it a seed')
    return this.#clock
  }

  #node(name: string): VirtualNode {
    let node = this.#nodes.get(name)
    if (node === undefined) this.#nodes.set(name, (node = new VirtualNode(this.#virtualClock())))
    return node
  }

  #stream(name: string): RandomStream {
    let stream = this.#streams.get(name)
    if (stream === undefined) this.#streams.set(name, (stream = new RandomStream(this.#seed, name)))
    return stream
  }

  async #listen(name: string, accept: (link: Link) => void): Promise<Listening> {
    if (this.#listeners.has(name)) throw new StoreError('ADDRESS', `cannot listen at ${name}: the name is taken`)
    this.#listeners.set(name, accept)
    return {
      address: name,
      close: async () => {
        if (this.#listeners.get(name) === accept) this.#listeners.delete(name)
      },
    }
  }

  #makeWire(split: boolean, highWaterBytes: number, watch: MemoryNetworkOptions['watch']): Wire {
    const clock = this.#clock
    const network = this.#stream('network')
    return {
      split,
      highWaterBytes,
      nowMs: clock === undefined ? () => performance.now() : () => clock.nowMs,
      random: clock === undefined ? Math.random : () => network.next(),
      later: clock === undefined ? realLater : (delayMs, fn) => void clock.after(delayMs, fn, 'work'),
      tell: clock === undefined ? (_, fn) => realLater(0, fn) : (name, fn) => this.#node(name).soon(fn),
      isFrozen: (name) => this.#nodes.get(name)?.isFrozen === true,
      saw: watch,
      nextLink: () => ++this.#dialled,
      isParted: (from, to) => this.#parted.size > 0 && this.#parted.has(pair(from, to)),
      delayMs: (from, to) => {
        const ms = this.#pairDelays.size === 0 ? this.#delayMs : (this.#pairDelays.get(pair(from, to)) ?? this.#delayMs)
        return this.#jitterMs === 0 ? ms : ms + this.#wire.random() * this.#jitterMs
      },
      bytesPerSecond: (from, to) =>
        this.#rates.size === 0
          ? Infinity
          : Math.min(this.#rates.get(from) ?? Infinity, this.#rates.get(to) ?? Infinity),
      lossProbability: () => this.#loss,
      listener: (name) => this.#listeners.get(name),
      forget: (link) => void this.#links.delete(link),
    }
  }
}

/** Unlike env.after this keeps the process alive: bytes in flight are work to do. */
function realLater(delayMs: number, fn: () => void): void {
  if (delayMs === 0) setImmediate(fn)
  else setTimeout(fn, Math.ceil(delayMs))
}

function pair(from: string, to: string): string {
  return `${from}\n${to}`
}

/** Every pair of a node in `a` and one in `b`, in both orders or with the one in `a` first. */
function pairs(a: Nodes, b: Nodes, oneWay = false): string[] {
  const keys: string[] = []
  for (const one of [a].flat()) {
    for (const other of [b].flat()) {
      keys.push(pair(one, other))
      if (!oneWay) keys.push(pair(other, one))
    }
  }
  return keys
}
