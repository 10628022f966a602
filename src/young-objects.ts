// When young objects are collected while much is loaded (see young-space.ts): often, so that they are few.

import type { Env } from './env.js'

/**
 * So much time of loading makes some 5 MB of young objects, which take about 5 ms. Half of it makes the longest pause hardly shorter, and
 * loading longer: the fewer there are, the less V8's second thread does of it.
 */
const EVERY_MS = 12

/** Collects young objects each few milliseconds of work. */
export class YoungObjects {
  readonly #env: Env
  #workedMs = 0

  constructor(env: Env) {
    this.#env = env
  }

  /** So much work was done, and what is not kept of it is not in use any more. */
  worked(ms: number): void {
    this.#workedMs += ms
    if (this.#workedMs < EVERY_MS) return
    this.#workedMs = 0
    this.#env.collectYoung()
  }
}
