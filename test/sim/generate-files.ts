// Folders for nodes, and what happens to them, out of a seed: a chance of its own, so that the rest of a schedule is the same
// whether or not there are files.

import { RandomStream } from '../../src/transports/random-stream.js'
import { NEXT } from './acts.js'
import type { NodePlan, Step } from './schedule.js'
import { Workload } from './workload.js'

/** One node in so many has no folder. */
const WITHOUT = 4
const CLIENTS = ['f1', 'f2']

export class FileTrouble {
  readonly #random: RandomStream
  readonly #untilMs: number
  readonly #steps: Step[] = []
  #work: Workload | null = null
  #names: string[] = []
  #atMs = 0

  constructor(seed: number, untilMs: number) {
    this.#random = new RandomStream(seed, 'files')
    this.#untilMs = untilMs
  }

  /** Whether this seed has files at all. */
  isChosen(): boolean {
    return this.#chance(2)
  }

  /** The same nodes, most of them with a folder. */
  furnish(nodes: readonly NodePlan[]): NodePlan[] {
    const limit = this.#pick(['268435456', '268435456', '1000000', '20000'])
    return nodes.map((node) => {
      const files = !this.#chance(WITHOUT)
      if (files) this.#names.push(node.name)
      const config = { ...node.config, 'snapshot-preimage-limit': limit, ...(files && this.#config()) }
      return { ...node, files, config }
    })
  }

  #config(): Record<string, string> {
    return {
      appendonly: this.#chance(4) ? 'no' : 'yes',
      appendfsync: this.#policy(),
      save: this.#savePoints(),
      'auto-aof-rewrite-min-size': this.#pick(['5000', '50000', '67108864']),
      'auto-aof-rewrite-percentage': this.#pick(['100', '30']),
      'aof-timestamp-enabled': this.#chance(4) ? 'yes' : 'no',
      'stop-writes-on-bgsave-error': this.#chance(2) ? 'yes' : 'no',
    }
  }

  #policy(): string {
    return this.#pick(['always', 'always', 'everysec', 'everysec', 'no'])
  }

  #savePoints(): string {
    return this.#pick(['', '2 1', '20 10', '3600 1'])
  }

  /** None without a folder. */
  steps(): readonly Step[] {
    if (this.#names.length === 0) return []
    this.#work = new Workload(this.#random, { databases: 4, largestBytes: 2000, compared: 0 })
    for (const client of CLIENTS) this.#put('connect', client, this.#where())
    const acts = [
      ...this.#times(6, () => this.#crash()),
      ...this.#times(4, () => this.#askForFiles()),
      ...this.#times(4, () => this.#write()),
      ...this.#perhaps(2, () => this.#crashTwice()),
      ...this.#perhaps(2, () => this.#fill()),
      ...this.#perhaps(2, () => this.#fail()),
      ...this.#perhaps(2, () => this.#slow()),
      ...this.#perhaps(1, () => this.#rot()),
      ...this.#perhaps(1, () => this.#configure()),
    ]
    const calm = this.#pick([1, 2, 4])
    while (this.#atMs < this.#untilMs) {
      this.#pick(acts)()
      this.#atMs += this.#pick([10, 500, 2000, 5000, 12_000]) * calm
    }
    return this.#steps
  }

  #times(count: number, act: () => void): (() => void)[] {
    return Array.from({ length: count }, () => act)
  }

  #perhaps(count: number, act: () => void): (() => void)[] {
    return this.#chance(3) ? [] : this.#times(count, act)
  }

  /** A client that is told of what it did, or the owner, who is not. */
  #write(): void {
    const client = this.#pick(CLIENTS)
    if (this.#chance(4)) this.#put('connect', client, this.#where())
    for (let count = 1 + this.#below(5); count > 0; count--) {
      if (this.#chance(3)) this.#put('call', this.#where(), this.#work!.db(), ...this.#several())
      else this.#put('send', client, 'SELECT', this.#work!.db(), NEXT, ...this.#several())
      this.#atMs += this.#pick([0, 0, 1, 3, 300])
    }
  }

  #several(): string[] {
    const words = this.#work!.write()
    for (let more = this.#below(4); more > 0; more--) words.push(NEXT, ...this.#work!.write())
    return words
  }

  /** A node goes in the middle of work, and comes back. */
  #crash(): void {
    const name = this.#where()
    if (!this.#chance(4)) this.#write()
    if (this.#chance(3)) this.#askForFilesOf(name)
    this.#pick([
      () => this.#put('crash', name),
      () => this.#put('crash', name, 'silent'),
      () => this.#put('outage', name),
      () => this.#crashAtTheDisk(name),
      () => this.#crashAtTheDisk(name),
      () => this.#put('close', name),
    ])()
    this.#comeBack(name)
  }

  #crashAtTheDisk(name: string): void {
    this.#put('disk-crash', name, String(this.#below(this.#pick([3, 10, 40]))), this.#pick(['power', 'power', 'kill']))
    this.#write()
  }

  /** Once more while it loads, or right after. */
  #crashTwice(): void {
    const name = this.#where()
    this.#write()
    this.#put('crash', name)
    this.#atMs += 5
    this.#put('disk-crash', name, String(this.#below(this.#pick([8, 40]))), 'power')
    this.#put('restart', '*')
    this.#atMs += this.#pick([0, 100, 3000])
    this.#put('outage', name)
    this.#comeBack(name)
  }

  #comeBack(name: string): void {
    const awayMs = this.#pick([5, 5, 200, 2000, 30_000])
    if (!this.#chance(4)) this.#putIn(awayMs, 'restart', '*')
    else {
      this.#putIn(awayMs, 'start', name.startsWith('*') ? this.#pick(this.#names) : name)
      this.#putIn(awayMs, 'follow', name, this.#where())
    }
    this.#putIn(awayMs + 40_000, 'restart', '*')
  }

  #askForFiles(): void {
    this.#askForFilesOf(this.#where())
  }

  #askForFilesOf(name: string): void {
    this.#put('call', name, '0', this.#pick(['BGREWRITEAOF', 'BGREWRITEAOF', 'BGSAVE', 'SAVE']))
    this.#atMs += this.#pick([0, 1, 5, 20])
  }

  #fill(): void {
    const name = this.#where()
    this.#put('disk-full', name, this.#pick(['0', '50', '3000']))
    this.#write()
    if (this.#chance(3)) this.#crash()
    this.#mendLater(name)
  }

  #fail(): void {
    const name = this.#where()
    this.#put('disk-failing', name, this.#pick(['sync', 'sync', 'sync,folder', 'write', 'rename', 'open,write,sync']))
    this.#write()
    if (this.#chance(2)) this.#askForFilesOf(name)
    if (this.#chance(3)) this.#crash()
    this.#mendLater(name)
  }

  #slow(): void {
    const name = this.#where()
    this.#put('disk-slow', name, this.#pick(['50', '900', '3000', '6000']))
    this.#write()
    this.#mendLater(name)
  }

  #mendLater(name: string): void {
    this.#putIn(this.#pick([20, 1500, 8000, 40_000]), 'disk-mended', name.startsWith('*') ? '*' : name)
  }

  /** Of a node that is away. */
  #rot(): void {
    const name = this.#pick(this.#names)
    this.#put(this.#pick(['crash', 'outage', 'close']), name)
    this.#put('bit-rot', name, this.#pick(['snapshot', 'snapshot', 'increment']), String(this.#below(2 ** 30)))
    this.#comeBack(name)
  }

  #configure(): void {
    const [directive, value] = this.#pick([
      ['appendfsync', this.#policy()],
      ['appendonly', this.#pick(['yes', 'yes', 'no'])],
      ['save', this.#savePoints()],
    ])
    this.#put('config-kept', this.#pick(this.#names), directive, value)
  }

  /** Mostly a primary, for it is the one that promises. */
  #where(): string {
    return this.#chance(3) ? this.#pick(this.#names) : '*0'
  }

  #put(act: string, ...args: string[]): void {
    this.#putIn(0, act, ...args)
  }

  #putIn(inMs: number, act: string, ...args: string[]): void {
    this.#steps.push({ atMs: this.#atMs + inMs, act, args })
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count)
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]
  }

  #chance(oneIn: number): boolean {
    return this.#below(oneIn) === 0
  }
}
