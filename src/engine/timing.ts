// How long calls take. Where several requests came in one chunk, the end of one is the start of the next, and what it costs
// to read a request and to write its effects counts as the call's own.
// To read the clock costs as much as a fifth of a GET. So calls of commands that cannot take long are timed in groups, and
// each gets its share; what stalls such a group (garbage collection, a busy machine) is in no slow log. Each is timed by
// itself while LATENCY watches, or while the slow log keeps calls that took less than a stall does.

import type { Arg } from '../bytes.js'
import type { Client } from '../commands/client.js'
import type { Command } from '../commands/command.js'
import { LatencyMonitor } from '../commands/latency.js'
import { LatencyHistogram } from '../commands/latency-histogram.js'
import { Slowlog } from '../commands/slowlog.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'

/** Most calls of a group. */
const GROUP_SIZE = 16
/** A slow log that keeps less than this has each call timed. */
const STALL_MICROSECONDS = 1000
/** In place of when a call began: it is timed with its group. */
const IN_GROUP = -1

export class Timing {
  readonly slowlog: Slowlog
  readonly latency: LatencyMonitor
  readonly #env: Env
  /** latency-tracking: how calls are spread is kept for each command. */
  #tracksCommands: boolean
  #lastMs = 0
  /** `lastMs` is when the work before the next call or group ended. */
  #isFresh = false
  /** Its first so many: the calls since `lastMs`, which share the time until the clock is read again. */
  readonly #group: Command[] = []
  #groupSize = 0

  constructor(env: Env, config: Config) {
    this.#env = env
    this.slowlog = new Slowlog(config)
    this.latency = new LatencyMonitor(config)
    this.#tracksCommands = config.flag('latency-tracking')
    config.on('latency-tracking', (value) => {
      this.#tracksCommands = value === 'yes'
    })
  }

  /** To be called before and after work that makes calls: time passes that belongs to none. */
  pass(): void {
    if (this.#groupSize > 0) this.#read()
    this.#isFresh = false
  }

  /** A call begins. What this gives is for `end`. */
  begin(command: Command, argv: readonly Arg[]): number {
    const inGroup = argv.length <= command.briefArguments && !this.#isExact()
    return inGroup && this.#isFresh ? IN_GROUP : this.#begin(inGroup)
  }

  #begin(inGroup: boolean): number {
    if (!this.#isFresh || (!inGroup && this.#groupSize > 0)) {
      this.#read()
      this.#isFresh = true
    }
    return inGroup ? IN_GROUP : this.#lastMs
  }

  /** The call is over. */
  end(client: Client, command: Command, argv: readonly Arg[], beganMs: number): void {
    if (beganMs === IN_GROUP) {
      this.#group[this.#groupSize++] = command
      if (this.#groupSize === GROUP_SIZE) this.#read()
    } else this.#endAlone(client, command, argv, beganMs)
  }

  #endAlone(client: Client, command: Command, argv: readonly Arg[], beganMs: number): void {
    this.#read()
    const takenMs = this.#lastMs - beganMs
    const microseconds = takenMs * 1000
    this.#count(command, takenMs)
    if (microseconds >= this.slowlog.slowerThanMicroseconds && !command.flags.has('skip_slowlog')) {
      this.slowlog.add(client, command, argv, microseconds, this.#env.now())
    }
    if (takenMs >= this.latency.thresholdMs) {
      this.latency.add(command.flags.has('fast') ? 'fast-command' : 'command', takenMs, this.#env.now())
    }
  }

  /** The call is over, but waits: its time is told when it goes on. */
  pause(): void {
    this.#read()
  }

  /** Somebody wants to hear of single calls, though they took little. */
  #isExact(): boolean {
    return (
      this.slowlog.slowerThanMicroseconds < STALL_MICROSECONDS || this.latency.thresholdMs !== Number.POSITIVE_INFINITY
    )
  }

  /** Reads the clock, and shares out the time since the last reading. */
  #read(): void {
    const nowMs = this.#env.monotonic()
    const size = this.#groupSize
    if (size > 0) {
      const eachMs = (nowMs - this.#lastMs) / size
      for (let i = 0; i < size; i++) this.#count(this.#group[i], eachMs)
      this.#groupSize = 0
    }
    this.#lastMs = nowMs
  }

  #count(command: Command, takenMs: number): void {
    command.microseconds += takenMs * 1000
    if (!this.#tracksCommands) return
    command.latency ??= new LatencyHistogram()
    command.latency.add(takenMs * 1e6)
  }

  /** Runs work that is no call, and notes it under this name if it takes long. */
  watch<T>(event: string, work: () => T): T {
    if (this.latency.thresholdMs === Number.POSITIVE_INFINITY) return work()
    const beganMs = this.#env.monotonic()
    const result = work()
    this.latency.add(event, this.#env.monotonic() - beganMs, this.#env.now())
    return result
  }
}
