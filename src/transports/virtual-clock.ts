// A clock that stands still until it is moved. What is due runs in order of time, and within one instant in order of
// creation. Between two events every promise reaction runs to its end, so the clock never overtakes a chain of awaits.
// Knows nothing of links or nodes.

import type { Timer } from '../env.js'
import { StoreError } from '../errors.js'

/** Timers may repeat for ever; work (deliveries, what `soon` was given) runs out by itself, which `settle` waits for. */
export type EventKind = 'timer' | 'work'

class ClockEvent implements Timer {
  readonly atMs: number
  readonly order: number
  readonly kind: EventKind
  /** Undefined once it has run or was cancelled. */
  fn: (() => void) | undefined
  readonly #cancelled: (event: ClockEvent) => void

  constructor(atMs: number, order: number, kind: EventKind, fn: () => void, cancelled: (event: ClockEvent) => void) {
    this.atMs = atMs
    this.order = order
    this.kind = kind
    this.fn = fn
    this.#cancelled = cancelled
  }

  cancel(): void {
    if (this.fn === undefined) return
    this.fn = undefined
    this.#cancelled(this)
  }
}

/** Events that may run in one `settle`, or in one instant, before it counts as going round in circles. */
const BUSY_LIMIT = 5_000_000
/** After so many events the event loop turns once. */
const EVENTS_PER_REAL_TURN = 256
/** Cancelled events are swept out of the heap when there are more of them than this, and than live ones. */
const SWEEP_AT = 1024

export class VirtualClock {
  #nowMs = 0
  #created = 0
  #work = 0
  #cancelled = 0
  #heap: ClockEvent[] = []
  #state: 'standing' | 'moving' = 'standing'

  /** Milliseconds since the clock was made, with fractions. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Work that is under way takes so long: what falls due meanwhile comes late. Returns the time after it. */
  spend(ms: number): number {
    this.#nowMs += ms
    return this.#nowMs
  }

  /** Calls `fn` once, `delayMs` from now. A delay that is not a number, or below 0, is 0; Infinity never comes. */
  after(delayMs: number, fn: () => void, kind: EventKind): Timer {
    const waitMs = Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs)
    const event = new ClockEvent(this.#nowMs + waitMs, this.#created++, kind, fn, this.#countCancelled)
    this.#push(event)
    if (kind === 'work') this.#work++
    return event
  }

  /** Runs what is due in the next `ms` milliseconds; then the clock stands `ms` later. */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) throw new StoreError('INVALID', `cannot move the clock by ${ms} ms`)
    const endMs = this.#nowMs + ms
    await this.#move(() => this.#peek() <= endMs)
    this.#nowMs = Math.max(this.#nowMs, endMs)
  }

  /** Runs until no work is left, and the timers that are due before it. Throws TIMEOUT if the work never ends. */
  async settle(): Promise<void> {
    let ran = 0
    await this.#move(() => {
      if (this.#work === 0 || this.#peek() === Infinity) return false
      if (++ran > BUSY_LIMIT) throw new StoreError('TIMEOUT', `still busy after ${BUSY_LIMIT} events`)
      return true
    })
  }

  /** Moves on until the promise is settled. Throws TIMEOUT when it is not after `withinMs` on this clock. */
  async until<T>(promise: Promise<T>, withinMs: number): Promise<T> {
    if (!(withinMs >= 0 && withinMs < Infinity)) throw new StoreError('INVALID', `cannot wait for ${withinMs} ms`)
    const endMs = this.#nowMs + withinMs
    let settled = false
    const done = (): void => {
      settled = true
    }
    promise.then(done, done)
    await this.#move(() => !settled && this.#peek() <= endMs)
    if (settled) return promise
    this.#nowMs = Math.max(this.#nowMs, endMs)
    throw new StoreError('TIMEOUT', `not settled after ${withinMs} ms of virtual time`)
  }

  async #move(goOn: () => boolean): Promise<void> {
    if (this.#state === 'moving') throw new StoreError('INVALID', 'the clock is being moved already: await that first')
    this.#state = 'moving'
    let ran = 0
    let inOneInstant = 0
    try {
      await realTurn()
      while (goOn()) {
        const event = this.#pop()
        if (event === undefined) break
        inOneInstant = event.atMs > this.#nowMs ? 0 : inOneInstant + 1
        if (inOneInstant > BUSY_LIMIT) throw new StoreError('TIMEOUT', `${BUSY_LIMIT} events in one instant`)
        this.#nowMs = Math.max(this.#nowMs, event.atMs)
        const fn = event.fn!
        event.fn = undefined
        if (event.kind === 'work') this.#work--
        fn()
        await (++ran % EVENTS_PER_REAL_TURN === 0 ? realTurn() : promiseReactions())
      }
    } finally {
      this.#state = 'standing'
    }
  }

  readonly #countCancelled = (event: ClockEvent): void => {
    if (event.kind === 'work') this.#work--
    if (++this.#cancelled < SWEEP_AT || this.#cancelled * 2 < this.#heap.length) return
    const live = this.#heap.filter((each) => each.fn !== undefined)
    this.#heap = []
    this.#cancelled = 0
    for (const each of live) this.#push(each)
  }

  /** When the next live event is due; Infinity if there is none, or none that ever comes. */
  #peek(): number {
    while (this.#heap.length > 0 && this.#heap[0]!.fn === undefined) {
      this.#removeFirst()
      this.#cancelled--
    }
    return this.#heap.length > 0 ? this.#heap[0]!.atMs : Infinity
  }

  #pop(): ClockEvent | undefined {
    return this.#peek() === Infinity ? undefined : this.#removeFirst()
  }

  // A binary heap: the first event is at 0, the children of i are at 2i+1 and 2i+2.

  #push(event: ClockEvent): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, event)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #removeFirst(): ClockEvent {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(last, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: ClockEvent, b: ClockEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/**
 * Lets every promise reaction that is ready run, however long the chain: a tick that is asked for among promise
 * reactions comes when no reaction is left. Measured: a turn of the event loop for each event costs three times as much.
 */
function promiseReactions(): Promise<void> {
  return new Promise(onTick)
}

function onTick(resolve: () => void): void {
  process.nextTick(resolve)
}

/** Lets the real world in: timers and input of the process, such as a test's own time limit. */
function realTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
