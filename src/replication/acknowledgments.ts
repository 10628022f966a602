// Which replicas have what, as they acknowledged it, and those who wait until enough of them do: WAIT, WAITAOF, store.wait.

import type { Env } from '../env.js'
import { BECAME_REPLICA, ReplyError, StoreError } from '../errors.js'
import type { Replica } from './primary.js'

export interface AcknowledgmentsHost {
  readonly env: Env
  replicas(): Iterable<Replica>
  /** Where the stream ends, without what only asks for ACKs and is not counted by them. */
  writtenOffset(): number
  /** Asks all replicas for an ACK, through the stream. */
  requestAcks(): void
}

export interface WaitOptions {
  /** 0: as long as it takes. */
  timeoutMs: number
  signal?: AbortSignal
}

interface Waiting {
  isMet(): boolean
  met(): void
}

export class Acknowledgments {
  readonly #host: AcknowledgmentsHost
  readonly #waiting = new Set<Waiting>()
  /** Waits of the store's owner. */
  readonly #promises = new Set<(error: Error) => void>()
  #isAskDue = false
  #isLookDue = false
  #closed = false

  constructor(host: AcknowledgmentsHost) {
    this.#host = host
  }

  /** That offset, or where the data ends: what only asks for ACKs behind it is waited for by nobody. */
  wanted(offset: number): number {
    return Math.min(offset, this.#host.writtenOffset())
  }

  /** Replicas that have acknowledged everything up to that offset. */
  count(offset: number): number {
    const wanted = this.wanted(offset)
    return this.#count(({ acknowledged }) => acknowledged >= wanted)
  }

  /** Those that have it in their append-only files, on their disks. */
  countFsynced(offset: number): number {
    const wanted = this.wanted(offset)
    return this.#count(({ fsynced }) => fsynced >= wanted)
  }

  /** Calls `met` once, never from inside, when `isMet`; what comes back takes that back. Replicas are asked for ACKs. */
  wait(isMet: () => boolean, met: () => void): () => void {
    const waiting: Waiting = { isMet, met }
    this.#waiting.add(waiting)
    this.#ask()
    return () => void this.#waiting.delete(waiting)
  }

  /**
   * How many replicas have everything up to that offset, as soon as there are so many, or when the time is over. Rejects
   * with StoreError ABORTED and CLOSED, and with ReplyError UNBLOCKED when this node becomes a replica.
   */
  replicated(replicas: number, offset: number, { timeoutMs, signal }: WaitOptions): Promise<number> {
    return new Promise((resolve, reject) => {
      const { env } = this.#host
      const settle = (error?: Error): void => {
        forget()
        timer?.cancel()
        signal?.removeEventListener('abort', aborted)
        this.#promises.delete(settle)
        release()
        if (error === undefined) resolve(this.count(offset))
        else reject(error)
      }
      const aborted = (): void => settle(new StoreError('ABORTED', 'the wait was aborted', { cause: signal?.reason }))
      const forget = this.wait(
        () => this.count(offset) >= replicas,
        () => settle(),
      )
      const timer = timeoutMs > 0 ? env.after(timeoutMs, () => settle()) : null
      const release = env.hold() // somebody awaits this: the process stays until then
      this.#promises.add(settle)
      if (this.#closed) settle(new StoreError('CLOSED', 'the store is closed'))
      else if (signal?.aborted) aborted()
      else if (this.count(offset) >= replicas) settle()
      else signal?.addEventListener('abort', aborted)
    })
  }

  /** A replica acknowledged more, or more of our own file is on the disk. Looked at once in a turn. */
  arrived(): void {
    if (this.#waiting.size === 0 || this.#isLookDue) return
    this.#isLookDue = true
    this.#host.env.soon(() => {
      this.#isLookDue = false
      for (const waiting of [...this.#waiting]) {
        // One that is met may end others.
        if (!this.#waiting.has(waiting) || !waiting.isMet()) continue
        this.#waiting.delete(waiting)
        waiting.met()
      }
    })
  }

  /** Nobody acknowledges to us any more what was written. */
  becomeReplica(): void {
    for (const settle of [...this.#promises]) settle(new ReplyError(BECAME_REPLICA))
  }

  close(): void {
    this.#closed = true
    for (const settle of [...this.#promises]) settle(new StoreError('CLOSED', 'the store was closed'))
  }

  #count(has: (replica: Replica) => boolean): number {
    let count = 0
    for (const replica of this.#host.replicas()) if (replica.state === 'online' && has(replica)) count++
    return count
  }

  /** Once in a turn, however many begin to wait in it. */
  #ask(): void {
    if (this.#isAskDue) return
    this.#isAskDue = true
    this.#host.env.soon(() => {
      this.#isAskDue = false
      if (!this.#closed && this.#waiting.size > 0) this.#host.requestAcks()
    })
  }
}
