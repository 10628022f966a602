// One end of an in-process link. Each end owns the queue of what it sends; an item leaves the queue when the other end
// takes it, so what waits in a queue is what is in flight. Order is kept by the queue alone, whatever the delays do.
// Asks the network (a Wire) for time, faults and listeners, and knows no other link than its own other end.
//
//   connecting ──opened──> open ──end()──> ending ──the other end took it──> closed
//   and from each of them: destroy(), sever(), the other end's close ──────> closed

import { assert, StoreError } from '../errors.js'
import type { Link, LinkHandlers } from '../link.js'

/** What a link asks of the network it lies in. `from` and `to` are names of nodes. */
export interface Wire {
  readonly highWaterBytes: number
  /** Whether chunks are cut at random places. */
  readonly split: boolean
  nowMs(): number
  random(): number
  /** Calls `fn` once in a later turn, `delayMs` from now. */
  later(delayMs: number, fn: () => void): void
  /** The same at once, for a node: while that is frozen it hears nothing. */
  tell(name: string, fn: () => void): void
  isFrozen(name: string): boolean
  /** Somebody watches what is sent. */
  saw: ((event: NetworkEvent) => void) | undefined
  nextLink(): number
  isParted(from: string, to: string): boolean
  delayMs(from: string, to: string): number
  /** Infinity where there is no limit. */
  bytesPerSecond(from: string, to: string): number
  /** The probability that a chunk breaks its link. */
  lossProbability(): number
  listener(name: string): ((link: Link) => void) | undefined
  /** Both ends are closed. Called for each of them. */
  forget(link: MemoryLink): void
}

/** Something that happens on a network, as its `watch` is told. */
export interface NetworkEvent {
  /** Milliseconds on the network's clock. */
  readonly atMs: number
  /** `close`: the end at `from` is closed from now on; the other one hears of it later, or never. */
  readonly kind: 'connect' | 'accept' | 'refuse' | 'send' | 'close'
  /** Links are counted from 1; both ends have the same number. */
  readonly link: number
  readonly from: string
  readonly to: string
  /** What is sent; a string stands for one byte a character. */
  readonly data?: Uint8Array | string
}

/** Who hears that a link is cut: both ends, the first one (the other when it sends something), or nobody. */
export type Told = 'both' | 'first' | 'nobody'

type Item =
  | { readonly kind: 'connect' | 'opened' | 'refused' | 'close'; readonly dueMs: number }
  | { readonly kind: 'bytes'; readonly dueMs: number; data: Buffer | string }

/** Strings sent one after the other travel as one chunk up to this length. */
const COALESCE_BYTES = 64 * 1024
/** With `split`, every other piece has at most this many bytes. */
const SMALL_PIECE_BYTES = 16

export class MemoryLink implements Link {
  readonly local: string
  readonly remote: string
  readonly fromOutside = false
  readonly #number: number
  readonly #wire: Wire
  readonly #side: 'dialled' | 'accepted'
  #peer: MemoryLink | undefined
  #state: 'connecting' | 'open' | 'ending' | 'closed' = 'connecting'
  #handlers: LinkHandlers | undefined
  #error: Error | undefined
  #reading: 'flowing' | 'paused' = 'flowing'
  #queue: Item[] = []
  /** While they are handed over: how many of these the other end has. */
  #taken = 0
  #delivery: 'idle' | 'scheduled' = 'idle'
  #pendingBytes = 0
  /** Set when `send` returned false, until `drain` was called. */
  #owesDrain = false
  /** When the line has carried everything that was sent so far; matters where bandwidth is limited. */
  #lineFreeMs = 0
  /** What becomes of what is sent: it arrives, it is answered with a reset (the other end is gone), or nobody gets it. */
  #way: 'through' | 'reset' | 'void' = 'through'

  private constructor(wire: Wire, number: number, side: 'dialled' | 'accepted', local: string, remote: string) {
    this.#wire = wire
    this.#number = number
    this.#side = side
    this.local = local
    this.remote = remote
  }

  /** The connecting end of a new link. The listener gets the other end when the request has arrived there. */
  static dial(wire: Wire, from: string, to: string): MemoryLink {
    const number = wire.nextLink()
    const near = new MemoryLink(wire, number, 'dialled', from, to)
    const far = new MemoryLink(wire, number, 'accepted', to, from)
    near.#peer = far
    far.#peer = near
    near.#saw('connect')
    near.#enqueue('connect')
    return near
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  open(handlers: LinkHandlers): void {
    assert(this.#handlers === undefined, 'a link is opened once')
    this.#handlers = handlers
    if (this.#state === 'closed') this.#wire.tell(this.local, () => handlers.closed(this.#error))
    else this.#other.kick()
  }

  send(data: Uint8Array | string): boolean {
    if (this.#state === 'ending' || this.#state === 'closed') return false
    if (data.length > 0) {
      this.#saw('send', data)
      this.#pendingBytes += data.length
      this.#enqueueBytes(data)
    }
    if (this.#pendingBytes <= this.#wire.highWaterBytes) return true
    this.#owesDrain = true
    return false
  }

  pause(): void {
    this.#reading = 'paused'
  }

  resume(): void {
    this.#reading = 'flowing'
    this.#other.kick()
  }

  end(): void {
    if (this.#state === 'ending' || this.#state === 'closed') return
    this.#state = 'ending'
    this.#enqueue('close')
    // What comes in from now on is dropped, so it need not wait for an owner that paused.
    this.#other.kick()
  }

  destroy(error?: Error): void {
    if (this.#state === 'closed') return
    this.#becomeClosed(error)
    if (this.#side === 'dialled' && this.#other.#state === 'connecting') {
      // The listener has not heard of this link, and never will.
      this.#other.#becomeClosed()
    } else {
      this.#enqueue('close')
    }
  }

  /** Both ends are closed at once, with the error; what is in flight is lost, but where chunks are cut for a part of it. */
  sever(error: Error): void {
    if (this.#wire.split) {
      const parts = [this, this.#other].map((end) => end.#partInFlight())
      ;[this.#other, this].forEach((end, i) => {
        end.#hear(parts[i])
      })
    }
    this.#becomeClosed(error)
    this.#other.#becomeClosed(error)
  }

  /** A cut of which not both ends hear. `first` names the node that does. */
  cutOff(first: string, told: Told, error: Error): void {
    if (told === 'both') {
      this.sever(error)
      return
    }
    for (const end of [this, this.#other]) {
      end.#way = told === 'first' ? 'reset' : 'void'
      if (told === 'first' && end.local === first) end.#becomeClosed(error)
      end.kick()
    }
  }

  /** The node at one end is gone, with all that it knew. The other end hears of it, or with `silent` never does. */
  vanish(name: string, silent: boolean): void {
    const unheard = this.#state === 'connecting' && this.local === name
    for (const end of [this, this.#other]) {
      if (end.local === name) {
        end.#handlers = undefined
        end.#becomeClosed()
      }
      end.#way = 'void'
    }
    // The listener has not heard of a link that was still being made, and never will.
    if (unheard) this.#other.#becomeClosed()
    if (!silent) this.sever(new StoreError('LINK', `the node ${name} is gone`))
    this.kickBoth()
  }

  isBetween(a: string, b: string | undefined): boolean {
    if (b === undefined) return this.local === a || this.remote === a
    return (this.local === a && this.remote === b) || (this.local === b && this.remote === a)
  }

  /** What held the deliveries of this link up, in either direction, may be gone. */
  kickBoth(): void {
    this.kick()
    this.#other.kick()
  }

  /** Sees to it that what this end sent is delivered once it is due. */
  kick(): void {
    if (this.#delivery === 'scheduled' || this.#queue.length === 0) return
    this.#delivery = 'scheduled'
    const waitMs = this.#queue[0]!.dueMs - this.#wire.nowMs()
    this.#wire.later(Math.max(0, waitMs), this.#deliverDue)
  }

  #saw(kind: NetworkEvent['kind'], data?: Uint8Array | string): void {
    const { saw } = this.#wire
    if (saw === undefined) return
    const event = { atMs: this.#wire.nowMs(), kind, link: this.#number, from: this.local, to: this.remote }
    saw(data === undefined ? event : { ...event, data })
  }

  get #other(): MemoryLink {
    assert(this.#peer !== undefined, 'a link has two ends')
    return this.#peer
  }

  #enqueue(kind: 'connect' | 'opened' | 'refused' | 'close'): void {
    this.#queue.push({ kind, dueMs: this.#dueMs(0) })
    this.kick()
  }

  #enqueueBytes(data: Uint8Array | string): void {
    const dueMs = this.#dueMs(data.length)
    const last = this.#queue.at(-1)
    if (
      typeof data === 'string' &&
      last?.kind === 'bytes' &&
      typeof last.data === 'string' &&
      last.dueMs === dueMs &&
      last.data.length + data.length <= COALESCE_BYTES
    ) {
      last.data += data
    } else {
      const chunk = typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      this.#queue.push({ kind: 'bytes', dueMs, data: chunk })
    }
    this.kick()
  }

  /** When something of `size` bytes that is sent now arrives; 0, which is always past, where nothing delays it. */
  #dueMs(size: number): number {
    const delayMs = this.#wire.delayMs(this.local, this.remote)
    const bytesPerSecond = this.#wire.bytesPerSecond(this.local, this.remote)
    if (bytesPerSecond < Infinity) {
      this.#lineFreeMs = Math.max(this.#lineFreeMs, this.#wire.nowMs()) + (size / bytesPerSecond) * 1000
      return this.#lineFreeMs + delayMs
    }
    return delayMs === 0 ? 0 : this.#wire.nowMs() + delayMs
  }

  /** Hands over what is due. What is sent meanwhile waits for a later turn, as on any network. */
  readonly #deliverDue = (): void => {
    this.#delivery = 'idle'
    const queue = this.#queue
    // Looked at once: real time goes on meanwhile, and the loop and what follows it have to agree on what is due.
    const nowMs = this.#wire.nowMs()
    let taken = 0
    let stop: 'none' | 'early' | 'held up' = 'none'
    for (const count = queue.length; taken < count; taken++) {
      const item = queue[taken]!
      this.#taken = taken
      stop = item.dueMs > nowMs ? 'early' : this.#deliverItem(item) ? 'none' : 'held up'
      // A handler closed this end, which emptied the queue.
      if (this.#queue !== queue) return
      if (stop !== 'none') break
    }
    queue.splice(0, taken)
    this.#taken = 0
    // Whatever holds an item up calls kick() when it no longer does.
    if (stop !== 'held up') this.kick()
  }

  /** Returns false if something holds the item up. */
  #deliverItem(item: Item): boolean {
    if (this.#way !== 'through') {
      if (item.kind === 'bytes') this.#left(item.data.length)
      if (this.#way === 'reset' && this.#other.#state === 'closed')
        this.#becomeClosed(new StoreError('LINK', `${this.remote} knows of no such link`))
      return true
    }
    if (this.#wire.isParted(this.local, this.remote) || this.#wire.isFrozen(this.remote)) return false
    if (item.kind === 'bytes') return this.#deliverBytes(item)
    if (item.kind !== 'connect' && !this.#other.#canHear()) return false
    this.#other.#arrived(item.kind)
    return true
  }

  /** Returns false if the other end does not take all of it now; then the item keeps the rest. */
  #deliverBytes(item: { data: Buffer | string }): boolean {
    const other = this.#other
    const wire = this.#wire
    if (other.#state === 'open' && !other.#canTake()) return false
    if (this.#isLost()) return true
    let rest = typeof item.data === 'string' ? Buffer.from(item.data, 'latin1') : item.data
    // No longer a string, which what is sent meanwhile would be added to, and be lost with.
    item.data = rest
    while (rest.length > 0) {
      item.data = rest
      if (other.#state === 'open' && !other.#canTake()) return false
      const size = wire.split ? pieceSize(rest.length, wire) : rest.length
      if (size < rest.length && this.#isLost()) return true
      const piece = rest.subarray(0, size)
      rest = rest.subarray(size)
      this.#left(size)
      if (other.#state === 'open') other.#handlers?.data(piece)
    }
    return true
  }

  /** Whether the network lost what comes next, and with it the link. */
  #isLost(): boolean {
    const loss = this.#wire.lossProbability()
    if (loss === 0 || this.#wire.random() >= loss) return false
    this.sever(new StoreError('LINK', `the network lost bytes from ${this.local} to ${this.remote}`))
    return true
  }

  /** The first bytes of what this end sent and the other has not got: as many as chance wants. */
  #partInFlight(): Buffer | undefined {
    const first = this.#queue[this.#taken]
    const { local, remote } = this
    if (first?.kind !== 'bytes' || this.#way !== 'through') return undefined
    if (this.#wire.isParted(local, remote) || this.#wire.isFrozen(remote)) return undefined
    const bytes = typeof first.data === 'string' ? Buffer.from(first.data, 'latin1') : first.data
    return bytes.subarray(0, Math.floor(this.#wire.random() * bytes.length))
  }

  /** The last bytes before the link breaks. */
  #hear(part: Buffer | undefined): void {
    const handlers = this.#handlers
    if (part === undefined || part.length === 0 || handlers === undefined) return
    if (this.#state === 'open' && this.#canTake()) this.#wire.tell(this.local, () => handlers.data(part))
  }

  #canTake(): boolean {
    return this.#handlers !== undefined && this.#reading === 'flowing'
  }

  /** News waits for an owner to tell it to. */
  #canHear(): boolean {
    return this.#state === 'closed' || this.#handlers !== undefined
  }

  #left(size: number): void {
    if (this.#state === 'closed') return
    this.#pendingBytes -= size
    if (!this.#owesDrain || this.#pendingBytes > this.#wire.highWaterBytes / 2) return
    this.#owesDrain = false
    this.#wire.tell(this.local, () => {
      if (this.#state === 'open' || this.#state === 'connecting') this.#handlers?.drain()
    })
  }

  /** Something other than bytes came from the other end. */
  #arrived(kind: 'connect' | 'opened' | 'refused' | 'close'): void {
    if (this.#state === 'closed') return
    switch (kind) {
      case 'connect':
        this.#becomeAccepted(this.#wire.listener(this.local))
        break
      case 'opened':
        if (this.#state !== 'connecting') break
        this.#state = 'open'
        this.#handlers?.opened?.()
        break
      case 'refused':
        this.#becomeClosed(new StoreError('LINK', `connection refused: nobody listens at ${this.remote}`))
        break
      case 'close':
        this.#becomeClosed()
        if (this.#other.#state !== 'closed') this.#enqueue('close')
    }
  }

  #becomeAccepted(accept: ((link: Link) => void) | undefined): void {
    this.#saw(accept === undefined ? 'refuse' : 'accept')
    this.#enqueue(accept === undefined ? 'refused' : 'opened')
    // Not by becomeClosed, which empties the queue: the refusal has to travel.
    this.#state = accept === undefined ? 'closed' : 'open'
    accept?.(this)
  }

  #becomeClosed(error?: Error): void {
    if (this.#state === 'closed') return
    this.#saw('close')
    this.#state = 'closed'
    this.#error = error
    this.#queue = []
    this.#taken = 0
    this.#pendingBytes = 0
    if (this.#other.#state === 'closed') {
      this.#wire.forget(this)
      this.#wire.forget(this.#other)
    }
    const handlers = this.#handlers
    if (handlers !== undefined) this.#wire.tell(this.local, () => handlers.closed(error))
    // Bytes that were held up by this end can be dropped now.
    this.#other.kick()
  }
}

function pieceSize(length: number, wire: Wire): number {
  const most = wire.random() < 0.5 ? Math.min(length, SMALL_PIECE_BYTES) : length
  return 1 + Math.floor(wire.random() * most)
}
