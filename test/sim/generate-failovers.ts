// Roles that are handed over, and who waits for replicas, out of a seed: a chance of its own, so that the rest of a schedule is
// the same whether or not there are failovers.

import { RandomStream } from '../../src/transports/random-stream.js'
import { NEXT } from './acts.js'
import type { Step } from './schedule.js'
import { Workload } from './workload.js'

const CLIENTS = ['w1', 'w2']

export class FailoverTrouble {
  readonly #random: RandomStream
  readonly #names: readonly string[]
  readonly #untilMs: number
  readonly #steps: Step[] = []
  readonly #work: Workload
  #atMs = 0

  constructor(seed: number, names: readonly string[], untilMs: number) {
    this.#random = new RandomStream(seed, 'failovers')
    this.#names = names
    this.#untilMs = untilMs
    this.#work = new Workload(this.#random, { databases: 4, largestBytes: 2000, compared: 0 })
  }

  /** Whether this seed has failovers at all. */
  isChosen(): boolean {
    return this.#chance(2)
  }

  steps(): readonly Step[] {
    for (const client of CLIENTS) this.#put('connect', client, '*0')
    const acts = [
      () => this.#failover(),
      () => this.#failover(),
      () => this.#wait(),
      () => this.#wait(),
      () => this.#token(),
      () => this.#forward(),
      () => this.#pause(),
      () => this.#restrict(),
    ]
    const calm = this.#pick([1, 2, 4])
    while (this.#atMs < this.#untilMs) {
      this.#pick(acts)()
      this.#atMs += this.#pick([10, 500, 2000, 5000, 12_000]) * calm
    }
    return this.#steps
  }

  /** Under load, and with luck in the middle of some fault. */
  #failover(): void {
    this.#write()
    const timeoutMs = this.#pick(['0', '30', '800', '5000'])
    const to = this.#chance(2) ? '' : this.#pick(this.#names)
    if (this.#chance(3)) {
      const target = to === '' ? [] : ['TO', to, '0']
      this.#put(
        'send',
        this.#pick(CLIENTS),
        'FAILOVER',
        ...target,
        ...(timeoutMs === '0' ? [] : ['TIMEOUT', timeoutMs]),
      )
    } else {
      const isForced = to !== '' && timeoutMs !== '0' && this.#chance(3)
      this.#put('failover', this.#where(), to, timeoutMs, ...(isForced ? ['force'] : []))
    }
    for (let writes = this.#below(4); writes > 0; writes--) {
      this.#atMs += this.#pick([0, 1, 10, 100])
      this.#write()
    }
    const trouble = this.#pick(['', '', '', 'cut', 'partition', 'crash', 'freeze', 'abort'])
    const name = this.#pick(this.#names)
    this.#atMs += this.#pick([0, 1, 10, 100, 500])
    if (trouble === 'cut') this.#put('cut', name, this.#pick(this.#names), this.#pick(['both', 'first', 'nobody']))
    else if (trouble === 'partition') this.#partition(name)
    else if (trouble === 'freeze') {
      this.#put('freeze', name)
      this.#later('thaw', name)
    } else if (trouble === 'abort') this.#put('abort-failover', '*0')
    else if (trouble === 'crash') {
      this.#put('crash', name, ...(this.#chance(2) ? ['silent'] : []))
      const awayMs = this.#pick([5, 2000, 20_000])
      this.#putIn(awayMs, 'start', name)
      this.#putIn(awayMs, 'follow', name, '*0')
    }
    // One that did not come to an end is given up some time.
    if (this.#chance(2)) for (const each of this.#names) this.#later('abort-failover', each)
  }

  #partition(name: string): void {
    const others = this.#names.filter((one) => one !== name).join(',')
    this.#put('partition', name, others, ...(this.#chance(3) ? ['one-way'] : []))
    this.#later('heal', name, others)
  }

  /** A client that is told of what it did, or the owner, who is not. */
  #write(): void {
    if (this.#chance(3)) this.#put('call', '*0', this.#work.db(), ...this.#work.write())
    else this.#put('send', this.#client(), 'SELECT', this.#work.db(), NEXT, ...this.#work.write())
  }

  /** The one behind the other: a client's words, or the face's. */
  #wait(): void {
    this.#write()
    const replicas = this.#pick(['0', '1', '1', '2', '4'])
    const timeoutMs = this.#pick(['0', '100', '3000'])
    if (this.#chance(3)) this.#put('wait', this.#where(), replicas, timeoutMs)
    else {
      const words = this.#chance(4)
        ? ['WAITAOF', this.#pick(['0', '1']), replicas, timeoutMs]
        : ['WAIT', replicas, timeoutMs]
      this.#put('send', this.#client(), ...this.#work.write(), NEXT, ...words)
    }
  }

  #token(): void {
    this.#write()
    this.#put('token', this.#where(), this.#pick(this.#names), this.#pick(['50', '3000', '30000']))
  }

  #forward(): void {
    this.#put('forward', this.#pick(this.#names), ...this.#work.write())
  }

  #pause(): void {
    const client = this.#client()
    this.#put('send', client, 'CLIENT', 'PAUSE', this.#pick(['20', '1000', '20000']), this.#pick(['WRITE', 'ALL']))
    this.#write()
    if (this.#chance(2)) this.#later('send', client, 'CLIENT', 'UNPAUSE')
  }

  #restrict(): void {
    const name = this.#pick(this.#names)
    this.#put('config', name, 'min-replicas-max-lag', this.#pick(['0', '1', '5', '10']))
    this.#put('config', name, 'min-replicas-to-write', this.#pick(['0', '1', '2']))
    this.#later('config', name, 'min-replicas-to-write', '0')
  }

  #client(): string {
    const client = this.#pick(CLIENTS)
    if (this.#chance(4)) this.#put('connect', client, this.#where())
    return client
  }

  /** Mostly a primary. */
  #where(): string {
    return this.#chance(6) ? this.#pick(this.#names) : '*0'
  }

  #put(act: string, ...args: string[]): void {
    this.#putIn(0, act, ...args)
  }

  #putIn(inMs: number, act: string, ...args: string[]): void {
    this.#steps.push({ atMs: this.#atMs + inMs, act, args })
  }

  #later(act: string, ...args: string[]): void {
    this.#putIn(this.#pick([10, 500, 4000, 12_000, 30_000]), act, ...args)
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
