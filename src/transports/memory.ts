// A network inside the process. In real time it carries a user's unit tests; with a seed it has a clock of its own that
// the test moves, and every random choice, the network's and the nodes', comes from the seed. Faults are ordinary method
// calls. Bytes travel in memory-link.ts, time stands in virtual-clock.ts.

import { type Env, type Logger, sha1, silentLog, systemEnv } from '../env.js'
import { StoreError } from '../errors.js'
import type { Link, Listening, Transport } from '../link.js'
import { MemoryLink, type Wire } from './memory-link.js'
import { RandomStream } from './random-stream.js'
import { VirtualClock } from './virtual-clock.js'

export interface MemoryNetworkOptions {
  /** Any number. With it, time is virtual and every run is the same. Without, time and randomness are real. */
  seed?: number
  /** Cuts what is sent into pieces at random places, so that parsers meet every boundary. Default false. */
  split?: boolean
  /** Bytes sent but not delivered above which `send` returns false. Default 1 MiB. */
  highWaterBytes?: number
}

/** One node's name, or several. */
export type Nodes = string | readonly string[]

/** Where virtual time starts: 2026-01-01T00:00:00Z. */
const VIRTUAL_START_MS = Date.UTC(2026, 0, 1)
const HIGH_WATER_BYTES = 1024 * 1024

export class MemoryNetwork {
  readonly #clock: VirtualClock | undefined
  readonly #seed: number
  readonly #streams = new Map<string, RandomStream>()
  readonly #listeners = new Map<string, (link: Link) => void>()
  readonly #links = new Set<MemoryLink>()
  /** Pairs that no byte passes between, in both orders. */
  readonly #parted = new Set<string>()
  readonly #pairDelays = new Map<string, number>()
  readonly #rates = new Map<string, number>()
  #delayMs = 0
  #loss = 0
  #unnamed = 0
  readonly #wire: Wire

  constructor(options: MemoryNetworkOptions = {}) {
    const { seed, split = false, highWaterBytes = HIGH_WATER_BYTES } = options
    this.#seed = seed ?? 0
    this.#clock = seed === undefined ? undefined : new VirtualClock()
    this.#wire = this.#makeWire(split, highWaterBytes)
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
    const clock = this.#clock
    if (clock === undefined) return systemEnv({ ...options, name })
    const random = this.#stream(`node ${name}`)
    return {
      name,
      now: () => VIRTUAL_START_MS + Math.floor(clock.nowMs),
      monotonic: () => clock.nowMs,
      random: () => random.next(),
      randomHex: (bytes) => random.hex(bytes),
      sha1,
      hold: () => () => {},
      after: (delayMs, fn) => clock.after(delayMs, fn, 'timer'),
      soon: (fn) => void clock.after(0, fn, 'work'),
      block: () => {},
      // The same on every machine, since INFO shows them and a trace must not differ.
      memory: () => ({ residentBytes: 2 ** 26, heapBytes: 2 ** 25 }),
      process: { pid: 1000 + [...this.#streams.keys()].indexOf(`node ${name}`), ...VIRTUAL_PROCESS },
      log: options.log ?? silentLog,
    }
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

  // Faults.

  /** From now on nothing passes between these nodes, either way. What is sent waits; connecting hangs. */
  partition(a: Nodes, b: Nodes): void {
    for (const key of pairs(a, b)) this.#parted.add(key)
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

  /** Breaks every link of `a`, or every link between the two. Both ends are told; bytes in flight are lost. */
  cut(a: string, b?: string): void {
    const error = (): Error => new StoreError('LINK', `the link was cut: ${b === undefined ? a : `${a} - ${b}`}`)
    for (const link of [...this.#links]) if (link.isBetween(a, b)) link.sever(error())
  }

  /** Each chunk that arrives breaks its link with this probability (0 to 1) instead. */
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

  #makeWire(split: boolean, highWaterBytes: number): Wire {
    const clock = this.#clock
    const network = this.#stream('network')
    return {
      split,
      highWaterBytes,
      nowMs: clock === undefined ? () => performance.now() : () => clock.nowMs,
      random: clock === undefined ? Math.random : () => network.next(),
      later: clock === undefined ? realLater : (delayMs, fn) => void clock.after(delayMs, fn, 'work'),
      isParted: (from, to) => this.#parted.size > 0 && this.#parted.has(pair(from, to)),
      delayMs: (from, to) =>
        this.#pairDelays.size === 0 ? this.#delayMs : (this.#pairDelays.get(pair(from, to)) ?? this.#delayMs),
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

const VIRTUAL_PROCESS = { arch: 'virtual', platform: 'virtual', nodeVersion: '20.19.0' }

/** Unlike env.after this keeps the process alive: bytes in flight are work to do. */
function realLater(delayMs: number, fn: () => void): void {
  if (delayMs === 0) setImmediate(fn)
  else setTimeout(fn, Math.ceil(delayMs))
}

function pair(from: string, to: string): string {
  return `${from}\n${to}`
}

/** Every pair of a node in `a` and one in `b`, in both orders. */
function pairs(a: Nodes, b: Nodes): string[] {
  const keys: string[] = []
  for (const one of [a].flat()) for (const other of [b].flat()) keys.push(pair(one, other), pair(other, one))
  return keys
}
