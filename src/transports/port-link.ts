// One end of a link over a port that is shared by several. Bytes go out in frames; the receiver acknowledges what its
// owner has taken, and no more than WINDOW_BYTES are on the way unacknowledged, so a slow thread costs a window and no
// more. Knows frames, and neither threads nor processes.
//
//   connecting ──opened──> open ──end()────────────> ending  (sends what is queued, drops what comes in) ──┐
//                          open ──the other's close─> leaving (hands over what has arrived, sends nothing) ─┴─> closed
//   destroy(), and the loss of the port, from each of them ───────────────────────────────────────────────────> closed

import { assert, StoreError } from '../errors.js'
import type { Link, LinkHandlers } from '../link.js'

/** What a link says to its other end. */
export type Message =
  | { readonly kind: 'open' | 'opened' | 'close' }
  /** The bytes are the frame's own: they may be transferred to another thread. */
  | { readonly kind: 'data'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'ack'; readonly count: number }

/** The shared port, as one link sees it. */
export interface Outlet {
  post(message: Message): void
  /** The link is closed: no message for it is expected any more. */
  release(): void
}

/** Bytes taken but not yet acknowledged above which `send` returns false; also what may be on the way at once. */
const WINDOW_BYTES = 1024 * 1024
const FRAME_BYTES = 64 * 1024
/** Acknowledged at once when so much was taken; less waits for the end of the turn. */
const ACK_BYTES = WINDOW_BYTES / 4

export class PortLink implements Link {
  readonly fromOutside = false
  readonly local: string
  readonly remote: string
  readonly #outlet: Outlet
  #state: 'connecting' | 'open' | 'ending' | 'leaving' | 'closed'
  #handlers: LinkHandlers | undefined
  #error: Error | undefined
  #reading: 'flowing' | 'paused' = 'flowing'
  /** `unheard`: it was opened before the owner was known. */
  #opening: 'waiting' | 'unheard' | 'done'
  /** Set in `ending`, when the queue has left. */
  #closeSent = false

  /** What `send` took and no frame has carried. The first `#headSent` bytes of the first piece are gone. */
  #queue: (Uint8Array | string)[] = []
  #headSent = 0
  #queuedBytes = 0
  /** Carried by frames, not acknowledged. */
  #unackedBytes = 0
  #flush: 'idle' | 'scheduled' = 'idle'
  /** Set when `send` returned false, until `drain` was called. */
  #owesDrain = false

  /** What has arrived and the owner has not taken; the window bounds it. */
  #inbox: Buffer[] = []
  #inboxBytes = 0
  /** Taken by the owner, not yet acknowledged. */
  #takenBytes = 0
  #ack: 'idle' | 'scheduled' = 'idle'

  constructor(outlet: Outlet, side: 'dialled' | 'accepted', local: string, remote: string) {
    this.#outlet = outlet
    this.local = local
    this.remote = remote
    this.#state = side === 'dialled' ? 'connecting' : 'open'
    this.#opening = side === 'dialled' ? 'waiting' : 'done'
    outlet.post({ kind: side === 'dialled' ? 'open' : 'opened' })
  }

  get pendingBytes(): number {
    return this.#queuedBytes + this.#unackedBytes
  }

  open(handlers: LinkHandlers): void {
    assert(this.#handlers === undefined, 'a link is opened once')
    this.#handlers = handlers
    // What was closed by now is told here; what closes later, by becomeClosed.
    const closedBefore = this.#state === 'closed'
    queueMicrotask(() => {
      if (closedBefore) return handlers.closed(this.#error)
      if (this.#opening === 'unheard') {
        this.#opening = 'done'
        if (this.#state === 'open' || this.#state === 'leaving') handlers.opened?.()
      }
      this.#deliver()
    })
  }

  send(data: Uint8Array | string): boolean {
    if (this.#state !== 'open' && this.#state !== 'connecting') return false
    if (data.length > 0) {
      this.#queue.push(data)
      this.#queuedBytes += data.length
      this.#scheduleFlush()
    }
    if (this.pendingBytes <= WINDOW_BYTES) return true
    this.#owesDrain = true
    return false
  }

  pause(): void {
    this.#reading = 'paused'
  }

  resume(): void {
    this.#reading = 'flowing'
    if (this.#inbox.length > 0) queueMicrotask(() => this.#deliver())
  }

  end(): void {
    if (this.#state === 'leaving') this.#becomeClosed()
    if (this.#state !== 'open' && this.#state !== 'connecting') return
    this.#state = 'ending'
    this.#dropInbox()
    this.#scheduleFlush()
  }

  destroy(error?: Error): void {
    if (this.#state === 'closed') return
    if (this.#state !== 'leaving' && !this.#closeSent) this.#outlet.post({ kind: 'close' })
    this.#becomeClosed(error)
  }

  /** The port is gone, and the other end with it. */
  lost(error: Error): void {
    if (this.#state !== 'closed') this.#becomeClosed(error)
  }

  /** The other end does not keep to the protocol. */
  refuse(why: string): void {
    this.destroy(new StoreError('PROTOCOL', `${this.remote} sent a frame that makes no sense: ${why}`))
  }

  /** A message from the other end. */
  receive(message: Message): void {
    switch (message.kind) {
      case 'opened':
        this.#becomeOpen()
        break
      case 'ack':
        this.#receiveAck(message.count)
        break
      case 'close':
        this.#receiveClose()
        break
      case 'data':
        this.#receiveData(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength))
        break
      case 'open':
        assert(false, 'open makes a link, and is not for one')
    }
  }

  #becomeOpen(): void {
    if (this.#opening !== 'waiting') return
    const heard = this.#handlers !== undefined
    this.#opening = heard ? 'done' : 'unheard'
    if (this.#state !== 'connecting') return
    this.#state = 'open'
    if (heard) this.#handlers?.opened?.()
  }

  #receiveData(bytes: Buffer): void {
    this.#inbox.push(bytes)
    this.#inboxBytes += bytes.length
    if (this.#state === 'open') this.#deliver()
    else this.#dropInbox()
    if (this.#inboxBytes > WINDOW_BYTES + FRAME_BYTES) this.refuse('more bytes than the window holds')
  }

  #receiveAck(count: number): void {
    // What was on the way was dropped with the queue: there is nothing to count any more.
    if (this.#state === 'leaving' || this.#state === 'closed') return
    if (!(Number.isSafeInteger(count) && count >= 0 && count <= this.#unackedBytes)) {
      this.refuse('more bytes acknowledged than were sent')
      return
    }
    this.#unackedBytes -= count
    this.#flushNow()
    if (!this.#owesDrain || this.pendingBytes > WINDOW_BYTES / 2) return
    if (this.#state !== 'open' && this.#state !== 'connecting') return
    this.#owesDrain = false
    this.#handlers?.drain()
  }

  #receiveClose(): void {
    if (this.#opening === 'waiting') {
      this.#becomeClosed(new StoreError('LINK', `connection refused: nobody listens at ${this.remote}`))
      return
    }
    // The other end waits for this answer; what it has sent before can be taken later.
    if (!this.#closeSent) this.#outlet.post({ kind: 'close' })
    if (this.#state === 'ending') {
      this.#becomeClosed()
      return
    }
    this.#state = 'leaving'
    this.#dropQueue()
    this.#deliver()
  }

  #deliver(): void {
    while (this.#inbox.length > 0 && this.#reading === 'flowing' && this.#handlers !== undefined) {
      if (this.#state !== 'open' && this.#state !== 'leaving') break
      const bytes = this.#inbox.shift()!
      this.#inboxBytes -= bytes.length
      this.#taken(bytes.length)
      this.#handlers.data(bytes)
    }
    if (this.#state === 'leaving' && this.#inbox.length === 0 && this.#handlers !== undefined) this.#becomeClosed()
  }

  #taken(size: number): void {
    this.#takenBytes += size
    if (this.#takenBytes >= ACK_BYTES) this.#acknowledge()
    if (this.#takenBytes === 0 || this.#ack === 'scheduled') return
    this.#ack = 'scheduled'
    setImmediate(() => {
      this.#ack = 'idle'
      this.#acknowledge()
    })
  }

  #acknowledge(): void {
    if (this.#takenBytes === 0 || this.#state === 'closed' || this.#state === 'leaving') return
    this.#outlet.post({ kind: 'ack', count: this.#takenBytes })
    this.#takenBytes = 0
  }

  /** One frame carries all that is sent in one turn, where it fits: a message costs far more than its bytes. */
  #scheduleFlush(): void {
    if (this.#flush === 'scheduled') return
    this.#flush = 'scheduled'
    queueMicrotask(() => {
      this.#flush = 'idle'
      this.#flushNow()
    })
  }

  #flushNow(): void {
    while (this.#queuedBytes > 0 && this.#unackedBytes < WINDOW_BYTES) {
      const bytes = this.#takeFrame()
      this.#unackedBytes += bytes.length
      this.#outlet.post({ kind: 'data', bytes })
    }
    if (this.#state === 'ending' && this.#queuedBytes === 0 && !this.#closeSent) {
      this.#closeSent = true
      this.#outlet.post({ kind: 'close' })
    }
  }

  /**
   * The next bytes to go, copied into memory of their own. Never the sender's memory: transferring would take it from
   * everybody who shares it (a segment of the backlog, the pool behind small Buffers), and cloning a view copies the
   * whole of what it looks at.
   */
  #takeFrame(): Uint8Array<ArrayBuffer> {
    const frame = Buffer.from(new ArrayBuffer(Math.min(this.#queuedBytes, FRAME_BYTES)))
    let filled = 0
    let used = 0
    while (filled < frame.length) {
      const piece = this.#queue[used]!
      const size = Math.min(piece.length - this.#headSent, frame.length - filled)
      const end = this.#headSent + size
      if (typeof piece === 'string') frame.write(piece.slice(this.#headSent, end), filled, 'latin1')
      else frame.set(piece.subarray(this.#headSent, end), filled)
      filled += size
      this.#headSent = end
      if (end < piece.length) break
      this.#headSent = 0
      used++
    }
    this.#queue.splice(0, used)
    this.#queuedBytes -= frame.length
    return frame
  }

  #dropQueue(): void {
    this.#queue = []
    this.#headSent = 0
    this.#queuedBytes = 0
    this.#unackedBytes = 0
  }

  #dropInbox(): void {
    for (const bytes of this.#inbox) this.#taken(bytes.length)
    this.#inbox = []
    this.#inboxBytes = 0
  }

  #becomeClosed(error?: Error): void {
    assert(this.#state !== 'closed', 'a link closes once')
    this.#state = 'closed'
    this.#error = error
    this.#inbox = []
    this.#inboxBytes = 0
    this.#dropQueue()
    this.#outlet.release()
    const handlers = this.#handlers
    if (handlers !== undefined) queueMicrotask(() => handlers.closed(error))
  }
}
