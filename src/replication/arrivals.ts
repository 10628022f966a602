// Those who wait until this node holds everything up to a place in a history: what was written elsewhere has arrived here.

import type { Env } from '../env.js'
import { StoreError } from '../errors.js'
import type { History, Place } from './history.js'

export interface ArrivalsHost {
  readonly env: Env
  readonly history: History
  /** Whether more may come from a primary. */
  isReplica(): boolean
}

export interface ArrivalOptions {
  timeoutMs: number
  signal?: AbortSignal
}

interface Waiter {
  readonly place: Place
  settle(error?: Error): void
}

export class Arrivals {
  readonly #host: ArrivalsHost
  readonly #waiting = new Set<Waiter>()
  /** Nobody waits for less, in the history in which we stood when it was looked last. */
  #leastOffset = 0
  #lookedIn = ''
  #closed = false

  constructor(host: ArrivalsHost) {
    this.#host = host
  }

  /** Somebody waits: `moved` is to be called when the offset moves. */
  get isDue(): boolean {
    return this.#waiting.size > 0
  }

  /** Rejects with StoreError HISTORY, TIMEOUT, ABORTED, CLOSED. */
  wait(place: Place, { timeoutMs, signal }: ArrivalOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const { env } = this.#host
      const settle = (error?: Error): void => {
        this.#waiting.delete(waiter)
        timer.cancel()
        signal?.removeEventListener('abort', aborted)
        release()
        if (error === undefined) resolve()
        else reject(error)
      }
      const aborted = (): void => settle(new StoreError('ABORTED', 'the wait was aborted', { cause: signal?.reason }))
      const waiter: Waiter = { place, settle }
      const timer = env.after(timeoutMs, () => settle(this.#tooLate(place, timeoutMs)))
      const release = env.hold() // somebody awaits this: the process stays until then
      if (this.#closed) settle(new StoreError('CLOSED', 'the store is closed'))
      else if (signal?.aborted) aborted()
      else {
        signal?.addEventListener('abort', aborted)
        this.#waiting.add(waiter)
        this.look()
      }
    })
  }

  /** The offset moved on. */
  moved(): void {
    const { history } = this.#host
    if (history.offset >= this.#leastOffset || history.replid !== this.#lookedIn) this.look()
  }

  /** Whoever waited long enough, or waits in vain, is told so. */
  look(): void {
    if (this.#waiting.size === 0) return
    const { history } = this.#host
    this.#lookedIn = history.replid
    this.#leastOffset = Number.POSITIVE_INFINITY
    for (const { place, settle } of [...this.#waiting]) {
      const standing = history.standingOf(place)
      if (standing === 'held') settle()
      else if (standing === 'parted' || !this.#host.isReplica()) settle(this.#inVain(place))
      else if (standing === 'ahead') this.#leastOffset = Math.min(this.#leastOffset, place.offset)
    }
  }

  /** Nothing arrives any more. */
  close(): void {
    this.#closed = true
    for (const { settle } of [...this.#waiting]) settle(new StoreError('CLOSED', 'the store was closed'))
  }

  #inVain({ replid, offset }: Place): StoreError {
    const { history } = this.#host
    const ours = `${history.replid} at ${history.offset}`
    return new StoreError('HISTORY', `this node stands in ${ours}, and does not hold ${replid} up to ${offset}`)
  }

  #tooLate({ replid, offset }: Place, timeoutMs: number): StoreError {
    const { history } = this.#host
    const ours = `it stands in ${history.replid} at ${history.offset}`
    return new StoreError('TIMEOUT', `${replid} up to ${offset} did not arrive here within ${timeoutMs} ms: ${ours}`)
  }
}
