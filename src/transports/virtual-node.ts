// One node's world on a virtual clock. It can be frozen, as a process that is stopped or a machine that hangs, and ended,
// as one that is killed: from then on nothing of it runs any more. Knows the clock and nothing of links.

import { type Env, type Logger, sha1, silentLog, type Timer } from '../env.js'
import type { RandomStream } from './random-stream.js'
import type { EventKind, VirtualClock } from './virtual-clock.js'

/** Where virtual time starts: 2026-01-01T00:00:00Z. */
const VIRTUAL_START_MS = Date.UTC(2026, 0, 1)

const VIRTUAL_PROCESS = { arch: 'virtual', platform: 'virtual', nodeVersion: '20.19.0' }

export class VirtualNode {
  /** Timers that were armed, have not fired, and were not cancelled. */
  timers = 0
  readonly #clock: VirtualClock
  #state: 'running' | 'frozen' | 'ended' = 'running'
  /** What came up while it was frozen, in order. */
  #held: (() => void)[] = []

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen'
  }

  env(name: string, random: RandomStream, pid: number, lookMs: number, log: Logger = silentLog): Env {
    const clock = this.#clock
    return {
      name,
      isVirtual: true,
      now: () => VIRTUAL_START_MS + Math.floor(clock.nowMs),
      monotonic: lookMs === 0 ? () => clock.nowMs : () => clock.spend(lookMs),
      random: () => random.next(),
      randomHex: (bytes) => random.hex(bytes),
      sha1,
      hold: () => () => {},
      after: (delayMs, fn) => this.#arm(delayMs, fn),
      soon: (fn) => this.soon(fn),
      block: () => {},
      collectYoung: () => {},
      holdYoungSpace: () => () => {},
      // The same on every machine, since INFO shows them and a trace must not differ.
      memory: () => ({ residentBytes: 2 ** 26, heapBytes: 2 ** 25 }),
      process: { pid, ...VIRTUAL_PROCESS },
      log,
    }
  }

  /** Calls `fn` in a later turn, once the node runs. */
  soon(fn: () => void): void {
    this.#later(0, fn, 'work')
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen'
  }

  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'running'
    const held = this.#held
    this.#held = []
    for (const fn of held) this.soon(fn)
  }

  end(): void {
    this.#state = 'ended'
    this.#held = []
    this.timers = 0
  }

  #arm(delayMs: number, fn: () => void): Timer {
    let isArmed = true
    const disarm = (): void => {
      if (isArmed && this.#state !== 'ended') this.timers--
      isArmed = false
    }
    this.timers++
    const timer = this.#later(
      delayMs,
      () => {
        // One that was frozen when it fell due can be cancelled still.
        if (!isArmed) return
        disarm()
        fn()
      },
      'timer',
    )
    return {
      cancel: () => {
        disarm()
        timer.cancel()
      },
    }
  }

  #later(delayMs: number, fn: () => void, kind: EventKind): Timer {
    return this.#clock.after(delayMs, () => this.#run(fn), kind)
  }

  #run(fn: () => void): void {
    if (this.#state === 'running') fn()
    else if (this.#state === 'frozen') this.#held.push(fn)
  }
}
