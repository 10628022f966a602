// How long calls take. The clock is read once a call: where several requests came in one chunk, the end of one is the
// start of the next. What it costs to read a request and to write its effects counts as the call's own.

import type { Arg } from '../bytes.js'
import type { Client } from '../commands/client.js'
import type { Command } from '../commands/command.js'
import { LatencyMonitor } from '../commands/latency.js'
import { LatencyHistogram } from '../commands/latency-histogram.js'
import { Slowlog } from '../commands/slowlog.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'

export class Timing {
  readonly slowlog: Slowlog
  readonly latency: LatencyMonitor
  readonly #env: Env
  /** latency-tracking: how calls are spread is kept for each command. */
  #tracksCommands: boolean
  #lastMs = 0
  /** `lastMs` is when the work before the next call ended. */
  #isFresh = false

  constructor(env: Env, config: Config) {
    this.#env = env
    this.slowlog = new Slowlog(config)
    this.latency = new LatencyMonitor(config)
    this.#tracksCommands = config.flag('latency-tracking')
    config.on('latency-tracking', (value) => {
      this.#tracksCommands = value === 'yes'
    })
  }

  /** Time has passed that belongs to no call: the next one reads the clock itself. */
  pass(): void {
    this.#isFresh = false
  }

  /** A call begins: when, in ms of the monotonic clock. */
  begin(): number {
    if (this.#isFresh) return this.#lastMs
    this.#isFresh = true
    return (this.#lastMs = this.#env.monotonic())
  }

  /** The call is over. */
  end(client: Client, command: Command, argv: readonly Arg[], beganMs: number): void {
    const endMs = this.#env.monotonic()
    this.#lastMs = endMs
    const takenMs = endMs - beganMs
    const microseconds = takenMs * 1000
    command.microseconds += microseconds
    if (this.#tracksCommands) {
      command.latency ??= new LatencyHistogram()
      command.latency.add(takenMs * 1e6)
    }
    if (microseconds >= this.slowlog.slowerThanMicroseconds && !command.flags.has('skip_slowlog')) {
      this.slowlog.add(client, command, argv, microseconds, this.#env.now())
    }
    if (takenMs >= this.latency.thresholdMs) {
      this.latency.add(command.flags.has('fast') ? 'fast-command' : 'command', takenMs, this.#env.now())
    }
  }

  /** The call is over, but waits: its time is told when it goes on. */
  pause(): void {
    this.#lastMs = this.#env.monotonic()
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
