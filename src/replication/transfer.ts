// One snapshot on its way to one replica or several that asked at the same time, in slices between which other work gets its
// turn. Each gets every byte, as fast as its link takes them; the fastest is at most a window ahead of the slowest. Knows
// neither the stream nor what comes after the snapshot.
//
//   measuring (only where the length comes first) --> sending --> over

import type { Env } from '../env.js'
import type { Link } from '../link.js'
import { KEYS_PER_LOOK, type SnapshotSource, sliceEnd } from '../snapshot-pace.js'

/** Who gets it. */
export interface Receiver {
  readonly link: Pick<Link, 'send' | 'destroy'>
  readonly name: string
  /** The link took no more: wait for `drain`. */
  blocked: boolean
}

export interface TransferHost {
  readonly env: Env
  /** How long each key is to take, in ms: 0, but for tests of what happens meanwhile (rdb-key-save-delay). */
  keyDelayMs(): number
  /** What goes ahead of the snapshot has been sent to all: the bytes follow. */
  begun(): void
  /** This one has been sent all of it. */
  sent(receiver: Receiver): void
}

/** How far the fastest may be ahead of the slowest. Held once, whatever their number. */
const WINDOW_BYTES = 16 * 1024 * 1024
/** Who takes nothing for so long while the others have to wait for it is dropped. */
const STALL_MS = 5000
const EOF_MARK_BYTES = 20

/** How far one is. */
interface Progress {
  /** The chunk that comes next, counted from the first of all. */
  next: number
  /** When it took something last (monotonic ms). */
  movedAt: number
}

export class Transfer {
  readonly #host: TransferHost
  readonly #source: SnapshotSource
  /** A twin of the same moment, that was taken only to be measured. */
  readonly #measured: SnapshotSource | null
  readonly #mark: string
  readonly #receivers = new Map<Receiver, Progress>()
  #state: 'measuring' | 'sending' | 'over'
  #chunks: Buffer[] = []
  /** Chunks that all have passed, and are not held any more. */
  #passed = 0
  #heldBytes = 0
  #isScheduled = false
  #marked = false

  /**
   * `source` was taken just now. `measured`: a twin of it, where the length has to come first; else the end is marked. Nothing
   * is sent before `begin`.
   */
  constructor(
    host: TransferHost,
    receivers: Iterable<Receiver>,
    source: SnapshotSource,
    measured: SnapshotSource | null,
  ) {
    this.#host = host
    this.#source = source
    this.#measured = measured
    this.#mark = measured === null ? host.env.randomHex(EOF_MARK_BYTES) : ''
    this.#state = measured === null ? 'sending' : 'measuring'
    for (const receiver of receivers) this.#receivers.set(receiver, { next: 0, movedAt: 0 })
  }

  begin(): void {
    if (this.#measured !== null) this.#measure(this.#measured, 0)
    else this.#becomeSending(`$EOF:${this.#mark}\r\n`)
  }

  /** A link has room again. */
  drained(): void {
    if (this.#state === 'sending') this.#send()
  }

  /** This one is gone. Without anybody left the snapshot is given up. */
  leave(receiver: Receiver): void {
    if (!this.#receivers.delete(receiver)) return
    if (this.#receivers.size === 0) this.#give()
    else this.drained()
  }

  /** To be called now and then. */
  dropStalled(): void {
    if (this.#state !== 'sending' || this.#receivers.size < 2 || this.#heldBytes < WINDOW_BYTES) return
    const { env } = this.#host
    const now = env.monotonic()
    for (const [receiver, { next, movedAt }] of [...this.#receivers]) {
      if (next !== this.#passed || now - movedAt < STALL_MS) continue
      env.log.warn(
        `Disconnecting replica ${receiver.name}: it took nothing of the snapshot for ${STALL_MS / 1000} s, and others wait for it`,
      )
      receiver.link.destroy()
    }
  }

  #give(): void {
    this.#state = 'over'
    this.#source.cancel()
    this.#measured?.cancel()
    this.#chunks = []
  }

  #measure(measured: SnapshotSource, before: number): void {
    if (this.#state !== 'measuring') return
    let bytes = before
    const until = sliceEnd(this.#host.env, measured)
    do {
      const chunks = this.#read(measured)
      if (chunks === null) return
      for (const { length } of chunks) bytes += length
    } while (!measured.done && this.#host.env.monotonic() < until)
    if (measured.done) this.#becomeSending(`$${bytes}\r\n`)
    else this.#host.env.soon(() => this.#measure(measured, bytes))
  }

  #becomeSending(header: string): void {
    this.#state = 'sending'
    const now = this.#host.env.monotonic()
    for (const [receiver, progress] of this.#receivers) {
      progress.movedAt = now
      if (!receiver.link.send(header)) receiver.blocked = true
    }
    this.#host.begun()
    this.#send()
  }

  /** For one slice of time, or until no link takes more. */
  #send(): void {
    if (this.#state !== 'sending') return
    const { env } = this.#host
    const until = sliceEnd(env, this.#source)
    this.#deal()
    const keyDelayMs = this.#host.keyDelayMs()
    const keys = keyDelayMs === 0 ? KEYS_PER_LOOK : Math.ceil(1 / keyDelayMs)
    if (keyDelayMs > 0 && this.#isScheduled) return
    while (this.#mayRead()) {
      const chunks = this.#read(this.#source, keys)
      if (chunks === null) return
      for (const chunk of chunks) this.#take(chunk)
      if (this.#source.done && !this.#marked) {
        this.#marked = true
        if (this.#mark !== '') this.#take(Buffer.from(this.#mark, 'latin1'))
      }
      this.#deal()
      if (keyDelayMs > 0 || env.monotonic() >= until) break
    }
    if (!this.#isScheduled && this.#mayRead()) {
      this.#isScheduled = true
      const next = (): void => {
        this.#isScheduled = false
        this.#send()
      }
      if (keyDelayMs === 0) env.soon(next)
      else env.after(keys * keyDelayMs, next)
    }
  }

  #mayRead(): boolean {
    if (this.#state !== 'sending' || this.#marked || this.#heldBytes >= WINDOW_BYTES) return false
    for (const { blocked } of this.#receivers.keys()) if (!blocked) return true
    return false
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#heldBytes += chunk.length
  }

  /** Each gets what its link takes; what all have is forgotten, and who has all is done. */
  #deal(): void {
    const end = this.#passed + this.#chunks.length
    let slowest = end
    for (const [receiver, progress] of this.#receivers) {
      if (progress.next < end && !receiver.blocked) progress.movedAt = this.#host.env.monotonic()
      while (progress.next < end && !receiver.blocked) {
        if (!receiver.link.send(this.#chunks[progress.next++ - this.#passed])) receiver.blocked = true
      }
      slowest = Math.min(slowest, progress.next)
    }
    for (const { length } of this.#chunks.splice(0, slowest - this.#passed)) this.#heldBytes -= length
    this.#passed = slowest
    if (!this.#marked) return
    for (const [receiver, { next }] of [...this.#receivers]) {
      if (next < end) continue
      this.#receivers.delete(receiver)
      this.#host.sent(receiver)
    }
    if (this.#receivers.size === 0) this.#state = 'over'
  }

  /** Null: it failed, and all who wait for it are told by their links. They ask again. */
  #read(source: SnapshotSource, keys = KEYS_PER_LOOK): Buffer[] | null {
    try {
      return source.read(keys)
    } catch (error) {
      const receivers = [...this.#receivers.keys()]
      this.#receivers.clear()
      this.#give()
      for (const { name, link } of receivers) {
        this.#host.env.log.warn(`Snapshot for replica ${name} failed: ${(error as Error).message}`)
        link.destroy()
      }
      return null
    }
  }
}
