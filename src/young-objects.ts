// When young objects are collected while much is loaded (see young-space.ts): often, so that they are few.

import type { Env } from './env.js'

/** So much time of loading makes some 2 MB of young objects: they take about 3 ms. More often would cost more altogether. */
const EVERY_MS = 5

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
