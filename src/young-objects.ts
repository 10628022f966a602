// When young objects are collected while much is loaded (see young-space.ts): often, so that they are few.

import type { Env } from './env.js'

/** How long a collection should take: so much work comes before it as made this of the last one. */
const WANTED_MS = 4
/**
 * 12 ms of loading make some 5 MB of young objects, which take 5 ms, and 12 ms at times when V8's second thread does not help.
 * After less work than this a collection costs more than it saves.
 */
const LEAST_WORK_MS = 3
const MOST_WORK_MS = 12
const FIRST_WORK_MS = 6

/** Collects young objects each few milliseconds of work. */
export class YoungObjects {
  readonly #env: Env
  #everyMs = FIRST_WORK_MS
  #workedMs = 0

  constructor(env: Env) {
    this.#env = env
  }

  /** So much work was done, and what is not kept of it is not in use any more. */
  worked(ms: number): void {
    this.#workedMs += ms
    if (this.#workedMs < this.#everyMs) return
    const beganMs = this.#env.monotonic()
    this.#env.collectYoung()
    const tookMs = this.#env.monotonic() - beganMs
    const wanted = tookMs > 0 ? (this.#workedMs * WANTED_MS) / tookMs : MOST_WORK_MS
    this.#everyMs = Math.min(MOST_WORK_MS, Math.max(LEAST_WORK_MS, wanted))
    this.#workedMs = 0
  }
}
