// A schedule out of a seed: which nodes with which settings, what work, which faults. Each run leaves some kinds of trouble
// out and has more of others, so that runs differ in kind and not only in detail.

import { RandomStream } from '../../src/transports/random-stream.js'
import { NEXT } from './acts.js'
import { FailoverTrouble } from './generate-failovers.js'
import { FileTrouble } from './generate-files.js'
import type { NodePlan, Schedule, Step } from './schedule.js'
import { Workload } from './workload.js'

export interface GenerateOptions {
  nodes?: number
  /** Simulated minutes, the end of the run included. */
  minutes?: number
  /** Whether nodes have folders; if it is not said, the seed decides. */
  files?: boolean
  /** Whether roles are handed over; if it is not said, the seed decides. */
  failovers?: boolean
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const CLIENTS = ['c1', 'c2', 'c3', 'c4', 'c5']
const MINUTE_MS = 60_000
/** What the end of a run takes: the rest after healing, a cut, a change of the primary. */
const END_MS = 150_000
/** At least so much of a run is work and faults. */
const SHORTEST_MS = 20_000

export function generate(seed: number, options: GenerateOptions = {}): Schedule {
  return new Generator(seed, options).schedule()
}

class Generator {
  readonly #seed: number
  readonly #random: RandomStream
  readonly #work: Workload
  readonly #names: readonly string[]
  readonly #steps: Step[] = []
  readonly #healAtMs: number
  readonly #files: boolean | undefined
  readonly #failovers: boolean | undefined
  #atMs = 0

  constructor(seed: number, { nodes = 5, minutes = 10, files, failovers }: GenerateOptions) {
    this.#files = files
    this.#failovers = failovers
    this.#seed = seed
    this.#random = new RandomStream(seed, 'schedule')
    this.#names = NAMES.slice(0, nodes)
    this.#healAtMs = Math.max(SHORTEST_MS, minutes * MINUTE_MS - END_MS)
    this.#work = new Workload(this.#random, {
      databases: 4,
      largestBytes: this.#pick([2000, 20_000, 200_000]),
      compared: this.#chance(3) ? 0 : 100,
    })
  }

  schedule(): Schedule {
    const network = {
      split: this.#chance(2),
      highWaterBytes: this.#pick([2000, 65_536, 1_048_576]),
      lookMs: this.#pick([0, 0, 0.01, 0.4]),
    }
    const nodes = this.#nodes()
    this.#begin()
    // In half of the runs nothing arrives at once, so that what breaks finds something in flight.
    if (this.#chance(2)) {
      this.#put('delay', String(this.#pick([1, 15, 80])))
      this.#put('jitter', String(this.#pick([1, 30])))
    }
    if (this.#chance(3)) this.#put('loss', this.#pick(['0.0005', '0.003']))
    const acts = this.#mix()
    const calm = this.#pick([1, 1, 2, 4])
    while (this.#atMs < this.#healAtMs) {
      this.#pick(acts)()
      this.#atMs += this.#pick([0, 0, 1, 30, 200, 1000, 1000, 3000, 9000]) * calm
    }
    const trouble = new FileTrouble(this.#seed, this.#healAtMs)
    const isChosen = trouble.isChosen()
    const withFiles = this.#files ?? isChosen
    const furnished = withFiles ? trouble.furnish(nodes) : nodes
    // The undoing of a fault was put further on than what came after it.
    const handing = new FailoverTrouble(this.#seed, this.#names, this.#healAtMs)
    const withFailovers = this.#failovers ?? handing.isChosen()
    const added = [...(withFiles ? trouble.steps() : []), ...(withFailovers ? handing.steps() : [])]
    const steps = [...this.#steps, ...added]
      .filter(({ atMs }) => atMs < this.#healAtMs)
      .sort((one, other) => one.atMs - other.atMs)
    return { seed: this.#seed, network, nodes: furnished, steps, healAtMs: this.#healAtMs }
  }

  #nodes(): NodePlan[] {
    const [timeout, period] = this.#pick([
      ['5', '1'],
      ['10', '3'],
      ['30', '10'],
      ['60', '10'],
    ])
    const shared = {
      'repl-timeout': timeout,
      'repl-ping-replica-period': period,
      'repl-backlog-size': this.#pick(['16384', '65536', '1048576', '4194304']),
      'repl-backlog-ttl': this.#pick(['5', '60', '3600', '0']),
      'client-query-buffer-limit': '1048576',
      'client-output-buffer-limit': this.#pick([
        'replica 65536 32768 5',
        'replica 4194304 1048576 20',
        'replica 268435456 67108864 60',
      ]),
      'enable-debug-command': 'yes',
      ...this.#form(),
    }
    const delay = this.#pick(['0', '0', '1', '5'])
    const isBounded = this.#chance(3)
    return this.#names.map((name) => ({
      name,
      observed: this.#chance(3),
      max: isBounded && this.#chance(2) ? 60 : 0,
      files: false,
      config: {
        ...shared,
        'repl-diskless-sync-delay': delay,
        ...(isBounded && this.#chance(2) && this.#memory()),
        ...(this.#chance(4) && { 'lazyfree-lazy-expire': 'yes', 'lazyfree-lazy-eviction': 'yes' }),
      },
    }))
  }

  /** How collections are kept decides how they are written. */
  #form(): Record<string, string> {
    if (this.#chance(2)) return {}
    return {
      'hash-max-listpack-entries': '4',
      'zset-max-listpack-entries': '4',
      'set-max-intset-entries': '4',
      'stream-node-max-entries': '3',
      'list-max-listpack-size': '3',
    }
  }

  #memory(): Record<string, string> {
    return { maxmemory: this.#pick(['20000', '200000']), 'maxmemory-policy': this.#policy() }
  }

  #policy(): string {
    return this.#pick([
      'allkeys-lru',
      'allkeys-random',
      'volatile-lru',
      'volatile-ttl',
      'volatile-random',
      'noeviction',
    ])
  }

  /** A tree: each node follows one before it. */
  #begin(): void {
    for (const [i, name] of this.#names.entries()) {
      if (i > 0) this.#put('follow', name, this.#names[this.#chance(2) ? 0 : this.#below(i)])
    }
    for (const client of CLIENTS) this.#put('connect', client, this.#pick(this.#names))
    this.#atMs += this.#pick([0, 10, 2000])
  }

  /** Acts by how often they come. Each kind of trouble is left out of one run in three. */
  #mix(): (() => void)[] {
    const restless = this.#chance(4) ? 5 : 1
    const kinds: [weight: number, act: () => void][] = [
      [30, () => this.#write()],
      [8, () => this.#clientWork()],
      [3, () => this.#blockingWork()],
      ...this.#perhaps(2, () => this.#large()),
      ...this.#perhaps(2, () => this.#syncUnderLoad()),
      ...this.#perhaps(6, () => this.#breakLinks()),
      ...this.#perhaps(4, () => this.#partition()),
      ...this.#perhaps(4, () => this.#disturb()),
      ...this.#perhaps(2, () => this.#freeze()),
      ...this.#perhaps(3 * restless, () => this.#moveNode()),
      ...this.#perhaps(2 * restless, () => this.#changePrimary()),
      ...this.#perhaps(2 * restless, () => this.#endNode()),
      ...this.#perhaps(2, () => this.#configure()),
      ...this.#perhaps(1, () => this.#clientTrouble()),
      [1, () => this.#inspect()],
      [1, () => this.#put('read', this.#pick(this.#names))],
    ]
    return kinds.flatMap(([weight, act]) => Array.from({ length: weight }, () => act))
  }

  #perhaps(weight: number, act: () => void): [number, () => void][] {
    return this.#chance(3) ? [] : [[weight * this.#pick([1, 1, 3]), act]]
  }

  #write(): void {
    const where = this.#where()
    const db = this.#work.db()
    for (let count = 1 + this.#below(4); count > 0; count--) {
      const kind = this.#below(10)
      if (kind === 0) {
        this.#put('set', where, db, this.#work.key(), this.#value(), ...(this.#chance(3) ? [this.#ttl()] : []))
      } else if (kind === 1) this.#put(this.#pick(['get', 'delete']), where, db, this.#work.key())
      else if (kind === 2) this.#put('transaction', where, db, ...this.#several())
      else this.#put('call', where, db, ...this.#several())
    }
  }

  #several(): string[] {
    const words = this.#work.write()
    for (let more = this.#below(3); more > 0; more--) words.push(NEXT, ...this.#work.write())
    return words
  }

  #value(): string {
    const value = this.#work.value()
    return this.#pick([value, value, `#${this.#below(1000)}`, `{${value}`])
  }

  #ttl(): string {
    return String(1 + this.#below(this.#chance(3) ? 300_000 : 8000))
  }

  #clientWork(): void {
    const client = this.#pick(CLIENTS)
    if (this.#chance(6)) this.#put('connect', client, this.#where())
    if (this.#chance(3)) {
      const watch = this.#chance(2) ? ['WATCH', this.#work.key(), NEXT] : []
      this.#put(
        'send',
        client,
        ...watch,
        'MULTI',
        NEXT,
        ...this.#several(),
        NEXT,
        this.#pick(['EXEC', 'EXEC', 'DISCARD']),
      )
    } else if (this.#chance(2)) this.#put('send', client, ...this.#work.read(), NEXT, ...this.#work.read())
    else this.#put('send', client, 'SELECT', this.#work.db(), NEXT, ...this.#several())
  }

  #blockingWork(): void {
    const client = this.#pick(CLIENTS)
    this.#put('send', client, ...this.#work.blocking(), ...(this.#chance(2) ? [NEXT, ...this.#work.write()] : []))
  }

  #large(): void {
    const [where, db] = [this.#where(), this.#work.db()]
    if (this.#chance(2)) this.#put('fill', where, db, 'bulk:', String(this.#below(1500)), String(this.#below(200)))
    else {
      const [command, key] = this.#pick([
        ['RPUSH', 'l0'],
        ['HSET', 'h0'],
        ['SADD', 'e0'],
        ['ZADD', 'z0'],
      ])
      this.#put('grow', where, db, command, key, String(this.#below(2000)))
    }
  }

  /** Much data goes to a node that takes it slowly, and is changed meanwhile. */
  #syncUnderLoad(): void {
    const [where, db, name] = [this.#where(), this.#work.db(), this.#pick(this.#names)]
    this.#put('fill', where, db, 'bulk:', String(200 + this.#below(1000)), String(this.#below(300)))
    this.#put('slow', name, String(this.#pick([20_000, 200_000])))
    this.#put(this.#pick(['crash', 'close']), name)
    this.#put('start', name)
    this.#put('follow', name, this.#chance(3) ? this.#pick(this.#names) : '*0')
    for (let writes = 5 + this.#below(15); writes > 0; writes--) {
      this.#atMs += this.#pick([1, 20, 300])
      this.#put('call', where, db, ...this.#work.bulk(), NEXT, ...this.#work.bulk(), NEXT, ...this.#work.write())
    }
    this.#later('slow', name, '1e9')
  }

  #breakLinks(): void {
    const [one, other] = [this.#pick(this.#names), this.#pick(this.#names)]
    const told = this.#pick(['both', 'both', 'both', 'first', 'nobody'])
    // Right behind some writes, when their bytes are on the way.
    if (this.#chance(2)) {
      this.#write()
      this.#atMs += this.#pick([0, 1, 5, 20, 60])
    }
    if (this.#chance(3)) this.#put('cut', one, '', told)
    else this.#put('cut', one, other, told)
  }

  #partition(): void {
    const cut = 1 + this.#below(this.#names.length - 1)
    const mixed = [...this.#names].sort(() => 0)
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = this.#below(i + 1)
      ;[mixed[i], mixed[j]] = [mixed[j], mixed[i]]
    }
    const sides = [mixed.slice(0, cut).join(','), mixed.slice(cut).join(',')]
    this.#put('partition', ...sides, ...(this.#chance(4) ? ['one-way'] : []))
    // Those who are cut off meet keys that are past their time, and nobody has told them so.
    if (this.#chance(2)) this.#later('read', this.#pick(this.#names))
    this.#later('heal', ...sides)
  }

  #disturb(): void {
    const [one, other] = [this.#pick(this.#names), this.#pick(this.#names)]
    this.#pick([
      () => {
        this.#put('delay', String(this.#below(300)))
        this.#put('jitter', String(this.#pick([0, 5, 500])))
        this.#later('delay', '1')
        this.#later('jitter', '1')
      },
      () => {
        this.#put('loss', this.#pick(['0.001', '0.01', '0.1']))
        this.#later('loss', '0')
      },
      () => {
        this.#put('delay', String(this.#below(4000)), one, other)
        this.#later('delay', '0', one, other)
      },
      () => {
        this.#put('slow', one, String(this.#pick([300, 3000, 30_000])))
        this.#later('slow', one, '1e9')
      },
    ])()
  }

  #freeze(): void {
    const name = this.#pick(this.#names)
    this.#put('freeze', name)
    if (this.#chance(3)) this.#overrun()
    this.#later('thaw', name)
  }

  /** More than a replica that does not read may lag behind. */
  #overrun(): void {
    const where = '*0'
    this.#put('config', where, 'client-output-buffer-limit', 'replica 20000 0 0')
    this.#put('fill', where, this.#work.db(), 'bulk:', '800', '200')
    this.#later('config', where, 'client-output-buffer-limit', 'replica 4194304 1048576 20')
  }

  #moveNode(): void {
    const act = this.#chance(4) ? 'replicaof' : 'follow'
    this.#put(act, this.#pick(this.#names), this.#pick(this.#names))
  }

  /** A node takes over, and the others follow it, all or some, at once or later. */
  #changePrimary(): void {
    const heir = this.#pick(this.#names)
    this.#put('promote', heir)
    if (this.#chance(4)) return
    const others = this.#names.filter((name) => name !== heir && !this.#chance(5))
    const chain = this.#chance(4)
    for (const [i, name] of others.entries()) {
      this.#putIn(this.#pick([0, 0, 10, 3000]), 'follow', name, chain && i > 0 ? others[i - 1] : heir)
    }
  }

  #endNode(): void {
    const name = this.#pick(this.#names)
    this.#pick([
      () => this.#put('close', name),
      () => this.#put('crash', name),
      () => this.#put('crash', name, 'silent'),
    ])()
    const awayMs = this.#pick([0, 500, 5000, 40_000])
    this.#putIn(awayMs, 'start', name)
    if (!this.#chance(4)) this.#putIn(awayMs + this.#pick([0, 0, 1000]), 'follow', name, this.#pick(this.#names))
  }

  #configure(): void {
    const name = this.#pick(this.#names)
    const [directive, value] = this.#pick([
      ['repl-backlog-size', this.#pick(['16384', '100000', '2097152'])],
      ['repl-backlog-ttl', this.#pick(['1', '20', '3600'])],
      ['repl-timeout', this.#pick(['4', '15', '60'])],
      ['repl-ping-replica-period', this.#pick(['1', '5', '10'])],
      ['repl-diskless-sync-delay', this.#pick(['0', '2'])],
      ['client-output-buffer-limit', this.#pick(['replica 100000 50000 3', 'replica 0 0 0', 'replica 10485760 0 0'])],
      ['maxmemory', this.#pick(['0', '30000', '300000'])],
      ['maxmemory-policy', this.#policy()],
      ['maxclients', this.#pick(['3', '10000'])],
      ['min-replicas-to-write', this.#pick(['0', '0', '1'])],
      ['rdbcompression', this.#pick(['yes', 'no'])],
      ['notify-keyspace-events', this.#pick(['KEA', ''])],
      ['slowlog-log-slower-than', this.#pick(['0', '10000'])],
      ['latency-monitor-threshold', this.#pick(['0', '1'])],
    ])
    if (directive === 'maxmemory' && this.#chance(2)) this.#put('config', name, 'maxmemory-policy', this.#policy())
    this.#put('config', name, directive, value)
  }

  #clientTrouble(): void {
    const client = this.#pick(CLIENTS)
    this.#pick([
      () => {
        this.#put('stop-reading', client)
        this.#later('go-on-reading', client)
      },
      () => this.#put('hang-up', client),
      () => this.#put('slow', client, String(this.#pick([100, 5000, 1e9]))),
      () => this.#put('send', client, 'CLIENT', 'PAUSE', String(this.#below(3000)), this.#pick(['WRITE', 'ALL'])),
      () => this.#put('send', client, 'CLIENT', 'UNBLOCK', String(1 + this.#below(9))),
      () => this.#put('subscribe', client, 'SUBSCRIBE', 'news', '__keyevent@0__:set'),
      () => this.#put('send', client, 'CLIENT', 'KILL', 'TYPE', this.#pick(['normal', 'replica', 'master'])),
      () => this.#put('send', client, 'MULTI'),
    ])()
  }

  #inspect(): void {
    if (this.#chance(3)) this.#put('reload', this.#where())
    else this.#put('verify', this.#where())
  }

  /** Mostly a primary, the first one mostly; now and then any node, which may refuse. */
  #where(): string {
    if (this.#chance(12)) return this.#pick(this.#names)
    return this.#chance(5) ? '*1' : '*0'
  }

  #put(act: string, ...args: string[]): void {
    this.#putIn(0, act, ...args)
  }

  #putIn(inMs: number, act: string, ...args: string[]): void {
    this.#steps.push({ atMs: this.#atMs + inMs, act, args })
  }

  /** The end of a fault: within half a minute mostly. */
  #later(act: string, ...args: string[]): void {
    this.#putIn(this.#pick([10, 500, 4000, 4000, 12_000, 30_000, 90_000]), act, ...args)
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
