// Save points: `save 3600 1 300 100` saves when 3600 seconds have gone by and there was a change, or 300 seconds and there
// were 100. After a save that failed the next one is tried 5 seconds later, as in Redis.

import type { Config } from '../config/config.js'
import type { Env, Timer } from '../env.js'

export interface SavePointsHost {
  readonly env: Env
  readonly config: Config
  /** Since the last save. */
  changes(): number
  /** Ms since 1970. */
  lastSaveAt(): number
  readonly file: { readonly isSaving: boolean; readonly lastSaveFailed: boolean; save(): Promise<void> }
}

/** Save points count in seconds. */
const LOOK_MS = 1000
const RETRY_MS = 5000

export class SavePoints {
  readonly #host: SavePointsHost
  #timer: Timer | null = null
  #unlisten: (() => void) | null = null
  /** When a save was last begun (ms since 1970). */
  #triedAt = 0
  #isDue = false

  constructor(host: SavePointsHost) {
    this.#host = host
  }

  start(): void {
    this.#unlisten = this.#host.config.on('save', () => this.#arm())
    this.#arm()
  }

  stop(): void {
    this.#unlisten?.()
    this.#unlisten = null
    this.#timer?.cancel()
    this.#timer = null
  }

  /** A save was begun, by whomever. */
  tried(): void {
    this.#triedAt = this.#host.env.now()
    this.#isDue = false
  }

  /** A save is due whatever has changed, if there are save points at all. */
  dueAtOnce(): void {
    this.#isDue = true
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = null
    const { config, env } = this.#host
    if (this.#unlisten === null || config.savePoints().length === 0) return
    this.#timer = env.after(LOOK_MS, () => {
      this.#look()
      this.#arm()
    })
  }

  #look(): void {
    const { env, config, file } = this.#host
    if (file.isSaving) return
    const now = env.now()
    if (file.lastSaveFailed && now - this.#triedAt <= RETRY_MS) return
    const changes = this.#host.changes()
    const elapsedMs = now - this.#host.lastSaveAt()
    const reached = config.savePoints().find((one) => changes >= one.changes && elapsedMs > one.seconds * 1000)
    if (reached !== undefined) env.log.info(`${reached.changes} changes in ${reached.seconds} seconds. Saving...`)
    else if (!this.#isDue) return
    // What goes wrong is in the log and in INFO, and writes may be refused.
    file.save().catch(() => {})
  }
}
