// Loading in slices: after a few milliseconds of reading everything else gets its turn. Meanwhile clients are told that data
// is being loaded, INFO shows how far it has come, and it can be broken off.

import type { Loading, Progress } from '../commands/save.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { StoreError } from '../errors.js'
import { YoungObjects } from '../young-objects.js'

/** The engine, as far as this needs it. */
export interface PaceOwner {
  readonly env: Env
  readonly config: Config
  readonly isClosed: boolean
  loading: Loading | null
}

/** The event loop gets its turn after this long of reading. */
const SLICE_MS = 1
/** Bytes between two looks at the clock. */
export const LOOK_BYTES = 4 * 1024
const PROGRESS_MS = 100

export class LoadPace {
  readonly #owner: PaceOwner
  readonly #signal: AbortSignal | undefined
  readonly #progress: (progress: Progress) => void
  readonly #loading: Loading
  #keys: () => number = () => 0
  /** Keys that have taken the time that each is to take. */
  #delayedKeys = 0
  #state: 'waiting' | 'running' | 'over' = 'waiting'
  #sliceBeganAt = 0
  readonly #young: YoungObjects
  #toldAt = 0
  #letGrow = (): void => {}

  /** From now on the node is loading, until `end`. */
  constructor(owner: PaceOwner, progress: (progress: Progress) => void, signal?: AbortSignal) {
    this.#owner = owner
    this.#progress = progress
    this.#signal = signal
    this.#young = new YoungObjects(owner.env)
    this.#loading = { startedAt: owner.env.now(), totalBytes: 0, loadedBytes: 0, usedBytes: 0 }
    owner.loading = this.#loading
  }

  /** What the file says it took in memory when it was written. */
  set usedBytes(bytes: number) {
    this.#loading.usedBytes = bytes
  }

  /** There is something to load. */
  begin(totalBytes: number, keys: () => number): void {
    this.assertGoesOn()
    this.#loading.totalBytes = totalBytes
    this.#keys = keys
    this.#state = 'running'
    this.#letGrow = this.#owner.env.holdYoungSpace()
    this.#sliceBeganAt = this.#toldAt = this.#owner.env.monotonic()
    this.#tell('running')
  }

  /** So much of it was read by now. Comes back when it may go on. Throws StoreError ABORTED, CLOSED. */
  async at(loadedBytes: number): Promise<void> {
    this.assertGoesOn()
    this.#loading.loadedBytes = loadedBytes
    const { env, config } = this.#owner
    const keyDelayMs = config.number('key-load-delay') / 1000
    if (keyDelayMs > 0) await this.#delay(keyDelayMs)
    const now = env.monotonic()
    if (now - this.#sliceBeganAt < SLICE_MS) return
    if (now - this.#toldAt >= PROGRESS_MS) {
      this.#toldAt = now
      this.#tell('running')
    }
    this.#young.worked(now - this.#sliceBeganAt)
    await new Promise<void>((resolve) => env.soon(resolve))
    this.assertGoesOn()
    this.#sliceBeganAt = env.monotonic()
  }

  /** Keys take their time (key-load-delay), for tests of what happens meanwhile: in steps, so that it can be broken off. */
  async #delay(keyDelayMs: number): Promise<void> {
    const { env } = this.#owner
    const keys = this.#keys()
    let leftMs = (keys - this.#delayedKeys) * keyDelayMs
    this.#delayedKeys = keys
    const release = env.hold()
    try {
      while (leftMs > 0) {
        const stepMs = Math.min(leftMs, PROGRESS_MS)
        await new Promise<void>((resolve) => void env.after(stepMs, resolve))
        this.assertGoesOn()
        leftMs -= stepMs
      }
    } finally {
      release()
    }
  }

  end(state: 'done' | 'failed'): void {
    if (this.#state === 'running') this.#tell(state)
    this.#state = 'over'
    this.#letGrow()
    this.#owner.loading = null
  }

  assertGoesOn(): void {
    const signal = this.#signal
    if (signal?.aborted) throw new StoreError('ABORTED', 'the loading was aborted', { cause: signal.reason })
    if (this.#owner.isClosed) throw new StoreError('CLOSED', 'the store was closed')
  }

  #tell(state: Progress['state']): void {
    const { loadedBytes, totalBytes } = this.#loading
    const percent = (loadedBytes / Math.max(1, totalBytes)) * 100
    this.#progress({ of: 'load', state, keys: this.#keys(), bytes: loadedBytes, percent })
  }
}
