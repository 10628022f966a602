// The disk of one node. It outlives the node's processes: each of them gets the disk as the one before left it. What does not
// end in `Now` takes virtual time, so that a crash finds writes that no sync has followed yet; the rest can be crashed at by
// number, in the middle of a turn. Its faults are those of the acts that begin with `disk-`.

import { RandomStream } from '../../src/transports/random-stream.js'
import { type Act, MemoryDisk } from '../persistence/memory-disk.js'

/** The folder of a node's files, on its disk. */
export const FOLDER = '/data'

/** What a process has of the world that it needs for a disk. */
interface Time {
  after(delayMs: number, fn: () => void): unknown
}

/** `power`: what was not synced is lost, or a part of it. `kill`: the process is gone, and the system lives on. */
export type Crash = 'kill' | 'power'

/** A short while for what a disk does at once, and for what it is waited for. */
const ACT_MS = 0.2
const SYNC_MS = 4
/** After a disk was slow the promises of its node may be late for so long. */
const LATE_MS = 30_000

/** What is damaged, so that what is loaded of it is told apart. */
export type Rot = 'snapshot' | 'increment'

export class SimDisk {
  readonly #random: RandomStream
  readonly #nowMs: () => number
  #medium: MemoryDisk
  #syncMs = SYNC_MS
  #slowest: { ms: number; untilMs: number } = { ms: SYNC_MS, untilMs: 0 }
  #failing: ReadonlySet<Act> = new Set()
  #isFull = false
  #crashAt: { acts: number; crash: () => void } | null = null
  rot: Rot | null = null

  constructor(seed: number, name: string, nowMs: () => number) {
    this.#random = new RandomStream(seed, `disk ${name}`)
    this.#nowMs = nowMs
    this.#medium = new MemoryDisk(() => this.#random.next())
  }

  /** What a process of the node works with, until the next crash. */
  attach(time: Time): MemoryDisk {
    const medium = this.#medium
    medium.believe()
    medium.pause = (act) => {
      const ms = (act === 'sync' ? this.#syncMs : ACT_MS) * (0.5 + this.#random.next())
      return new Promise((resolve) => void time.after(ms, resolve))
    }
    medium.fails = (act) => {
      if (medium !== this.#medium) return undefined
      this.#count()
      return this.#failing.has(act) ? 'EIO' : undefined
    }
    return medium
  }

  /** Whether something may fail that should not. */
  get isFaulty(): boolean {
    return this.#isFull || this.#failing.size > 0
  }

  /** The longest that a sync took lately, or may take. */
  get slowestMs(): number {
    const { ms, untilMs } = this.#slowest
    return 1.5 * (this.#nowMs() < untilMs + LATE_MS ? Math.max(ms, this.#syncMs) : this.#syncMs)
  }

  get names(): string[] {
    return this.#medium.names()
  }

  crash(how: Crash): void {
    this.#crashAt = null
    this.#medium = how === 'power' ? this.#medium.crash() : this.#medium.kill()
    if (this.#isFull) this.fill(0)
  }

  /** Before the disk does its next act but so many. */
  crashAt(acts: number, crash: () => void): void {
    this.#crashAt = { acts, crash }
  }

  #count(): void {
    const { acts = 0, crash } = this.#crashAt ?? {}
    if (crash === undefined) return
    if (acts > 0) this.#crashAt = { acts: acts - 1, crash }
    else {
      this.#crashAt = null
      crash()
    }
  }

  /** It takes so many more bytes. */
  fill(bytes: number): void {
    this.#isFull = true
    this.#medium.capacityBytes = this.#medium.usedBytes + bytes
  }

  fail(acts: readonly Act[]): void {
    this.#failing = new Set(acts)
  }

  /** How long it takes to force something to it. */
  slow(ms: number): void {
    this.#slowest = { ms: Math.max(this.#syncMs, ms), untilMs: this.#nowMs() }
    this.#syncMs = ms
  }

  mend(): void {
    this.#isFull = false
    this.#medium.capacityBytes = Number.POSITIVE_INFINITY
    this.#failing = new Set()
    this.#crashAt = null
    if (this.#syncMs !== SYNC_MS) this.slow(SYNC_MS)
  }

  /** One bit of a file of that kind becomes another. Only while no process has it open. */
  damage(rot: Rot, where: number): void {
    const pattern = rot === 'snapshot' ? /\.rdb$/ : /\.incr\.aof$/
    const names = this.names.filter((name) => pattern.test(name) && this.#medium.bytesOf(name).length > 0)
    if (names.length === 0) return
    const name = names[where % names.length]
    const bytes = Buffer.from(this.#medium.bytesOf(name))
    const bit = Math.floor(where / names.length) % (8 * bytes.length)
    bytes[bit >> 3] ^= 1 << (bit & 7)
    this.#medium.put(name, bytes)
    this.rot = this.rot === 'increment' ? 'increment' : rot
  }

  /** A new disk in its place. */
  renew(): void {
    this.#medium = new MemoryDisk(() => this.#random.next())
    this.rot = null
    if (this.#isFull) this.fill(0)
  }

  has(end: string): boolean {
    return this.names.some((name) => name.endsWith(end))
  }
}
