// Links between the threads of one process (node:worker_threads) and between a process and its children (node:cluster,
// child_process.fork), over the message channel that stands between them already. One exchange per channel carries any
// number of links, either way. The user's own messages on the channel are left alone, and ours can be told by
// `isLinkMessage`. What a link does with its bytes is in port-link.ts.

import { isMainThread, MessagePort, parentPort, threadId } from 'node:worker_threads'
import { StoreError } from '../errors.js'
import type { Link, Listening, Transport } from '../link.js'
import { type Message, PortLink } from './port-link.js'

/** A Worker, parentPort, or one end of a MessageChannel. */
export interface ThreadChannel {
  postMessage(value: unknown, transfer?: ArrayBuffer[]): void
  on(event: string, listener: (value: unknown) => void): unknown
  off(event: string, listener: (value: unknown) => void): unknown
  /** A Worker's; -1 once it has exited. */
  readonly threadId?: number
}

/** A worker of node:cluster, a ChildProcess made by fork, or `process` in either of them. */
export interface ProcessChannel {
  send?(message: unknown, handle: undefined, options: undefined, sent: (error: Error | null) => void): unknown
  on(event: string, listener: (value: unknown) => void): unknown
  off(event: string, listener: (value: unknown) => void): unknown
  readonly connected?: boolean
  readonly pid?: number
  /** A cluster worker's. */
  readonly process?: { readonly pid?: number; readonly connected?: boolean }
}

/**
 * The other end of a message channel, as a place to listen at and to connect to. In the main thread or process give it
 * the worker: `store.listen(messagePorts(worker))`. In the worker give it nothing: `replica.replicaOf(messagePorts())`.
 * Each channel has one listener. A worker that ends closes its links; one that is started in its place is a new channel.
 * Throws INVALID where there is no channel.
 */
export function messagePorts(channel: ThreadChannel | ProcessChannel = channelToParent()): Transport {
  let exchange = exchanges.get(channel)
  if (exchange === undefined) exchanges.set(channel, (exchange = new Exchange(channel)))
  const { name } = exchange
  return {
    address: name,
    host: name,
    port: 0,
    listen: async (accept) => exchange.listen(accept),
    connect: () => exchange.connect(),
  }
}

/** Whether a message that a `message` listener of the user's own has received belongs to a link, and is to be ignored. */
export function isLinkMessage(message: unknown): boolean {
  return typeof message === 'object' && message !== null && MARK in message
}

/** One for each channel, however many transports were made for it. */
const exchanges = new WeakMap<ThreadChannel | ProcessChannel, Exchange>()

/** Marks our messages. The value is the number of the link. */
const MARK = '@hotspare/link'

/** A message as it travels. `dialled`: the sender is the end that connected, so the numbers of both ends never meet. */
interface Frame {
  readonly [MARK]: number
  readonly dialled: boolean
  readonly kind: Message['kind']
  /** base64 where the channel takes JSON only. In `open` and `opened` one byte, to see in which form it arrives. */
  readonly bytes?: Uint8Array<ArrayBuffer> | string
  readonly count?: number
}

class Exchange {
  readonly name: string
  readonly #local: string
  readonly #channel: ThreadChannel | ProcessChannel
  readonly #dialled = new Map<number, PortLink>()
  readonly #accepted = new Map<number, PortLink>()
  #accept: ((link: Link) => void) | undefined
  #lastId = 0
  /** `detached`: nobody uses the channel, and a listener of ours would keep the process alive for nothing. */
  #state: 'detached' | 'attached' | 'gone' = 'detached'
  /** Whether bytes pass this channel as they are. JSON, the default between processes, turns them into text. */
  #form: 'bytes' | 'base64'

  constructor(channel: ThreadChannel | ProcessChannel) {
    this.#channel = channel
    this.#form = isThread(channel) ? 'bytes' : 'base64'
    this.name = nameOf(channel)
    this.#local = isMainThread ? `process ${process.pid}` : `thread ${threadId}`
    // These keep nothing alive, unlike `message` and `disconnect`. A thread's end is announced once only.
    if (isThread(channel)) for (const event of ['exit', 'close']) channel.on(event, this.#gone)
    if (!this.#listenersKeepAlive()) this.#attach()
  }

  listen(accept: (link: Link) => void): Listening {
    if (this.#accept !== undefined) throw new StoreError('ADDRESS', `cannot listen at ${this.name}: somebody does`)
    if (this.#isOver()) throw new StoreError('ADDRESS', `cannot listen at ${this.name}: it is gone`)
    this.#accept = accept
    this.#attach()
    return {
      address: this.name,
      close: async () => {
        if (this.#accept === accept) this.#accept = undefined
        this.#detachIfIdle()
      },
    }
  }

  connect(): Link {
    const id = ++this.#lastId
    const link = this.#link(id, 'dialled')
    if (this.#isOver()) link.lost(this.#goneError())
    else this.#attach()
    return link
  }

  #link(id: number, side: 'dialled' | 'accepted'): PortLink {
    const links = side === 'dialled' ? this.#dialled : this.#accepted
    const outlet = {
      post: (message: Message) => this.#post(id, side, message),
      release: () => {
        links.delete(id)
        this.#detachIfIdle()
      },
    }
    const link = new PortLink(outlet, side, this.#local, this.name)
    links.set(id, link)
    return link
  }

  #post(id: number, side: 'dialled' | 'accepted', message: Message): void {
    if (this.#isOver()) return
    const frame = { [MARK]: id, dialled: side === 'dialled', ...message }
    const channel = this.#channel
    if (isThread(channel)) {
      channel.postMessage(frame, message.kind === 'data' ? [message.bytes.buffer] : [])
      return
    }
    // A message that cannot be sent any more is no news: `disconnect` says the same, and closes the links.
    channel.send?.({ ...frame, bytes: this.#encode(message) }, undefined, undefined, () => {})
  }

  #encode(message: Message): Frame['bytes'] {
    if (message.kind === 'open' || message.kind === 'opened') return PROBE
    if (message.kind !== 'data') return undefined
    return this.#form === 'bytes' ? message.bytes : Buffer.from(message.bytes.buffer).toString('base64')
  }

  readonly #receive = (value: unknown): void => {
    if (!isLinkMessage(value)) return
    const frame = value as Frame
    const id = frame[MARK]
    if (frame.kind !== 'data' && frame.bytes instanceof Uint8Array) this.#form = 'bytes'
    if (frame.kind === 'open') return void this.#receiveOpen(id)
    const link = (frame.dialled ? this.#accepted : this.#dialled).get(id)
    // Closed here while the message was on its way.
    if (link === undefined) return
    if (frame.kind === 'data') {
      const bytes = bytesOf(frame.bytes)
      if (bytes === undefined) link.refuse('data that are no bytes')
      else link.receive({ kind: 'data', bytes })
    } else if (frame.kind === 'ack') link.receive({ kind: 'ack', count: frame.count ?? 0 })
    else link.receive({ kind: frame.kind })
  }

  #receiveOpen(id: number): void {
    // A number that is in use belongs to a thread that is gone, whose successor got hold of the same port.
    this.#accepted.get(id)?.lost(this.#goneError())
    if (this.#accept === undefined) this.#post(id, 'accepted', { kind: 'close' })
    else this.#accept(this.#link(id, 'accepted'))
  }

  readonly #gone = (): void => {
    if (this.#state === 'gone') return
    this.#detach()
    this.#state = 'gone'
    const error = this.#goneError()
    for (const link of [...this.#dialled.values(), ...this.#accepted.values()]) link.lost(error)
  }

  #goneError(): StoreError {
    return new StoreError('LINK', `${this.name} is gone`)
  }

  #isOver(): boolean {
    if (this.#state === 'gone') return true
    const channel = this.#channel
    if (isThread(channel)) return channel.threadId === -1
    return channel.send === undefined || (channel.process ?? channel).connected === false
  }

  /** Like an open socket, a link or a listener keeps the process alive, and without one nothing of ours does. */
  #attach(): void {
    if (this.#state !== 'detached') return
    this.#state = 'attached'
    this.#channel.on('message', this.#receive)
    if (!isThread(this.#channel)) this.#channel.on('disconnect', this.#gone)
  }

  #detachIfIdle(): void {
    if (this.#accept !== undefined || this.#dialled.size > 0 || this.#accepted.size > 0) return
    if (this.#listenersKeepAlive()) this.#detach()
  }

  /** Ports and `process` do so; a worker that one started keeps alive by itself, and is told when nobody listens. */
  #listenersKeepAlive(): boolean {
    return this.#channel === process || this.#channel instanceof MessagePort
  }

  #detach(): void {
    if (this.#state !== 'attached') return
    this.#state = 'detached'
    this.#channel.off('message', this.#receive)
    if (!isThread(this.#channel)) this.#channel.off('disconnect', this.#gone)
  }
}

const PROBE = new Uint8Array(1)

/** Undefined for what is none: the other end may be of another version, or no friend. */
function bytesOf(bytes: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (typeof bytes === 'string') return Buffer.from(bytes, 'base64')
  return bytes instanceof Uint8Array ? (bytes as Uint8Array<ArrayBuffer>) : undefined
}

function isThread(channel: ThreadChannel | ProcessChannel): channel is ThreadChannel {
  return 'postMessage' in channel
}

function nameOf(channel: ThreadChannel | ProcessChannel): string {
  if (channel === parentPort || channel === process) return 'parent'
  if (isThread(channel)) return channel.threadId === undefined ? 'port' : `thread ${channel.threadId}`
  return `process ${(channel.process ?? channel).pid ?? 'unknown'}`
}

function channelToParent(): ThreadChannel | ProcessChannel {
  if (parentPort !== null) return parentPort
  if (process.send !== undefined) return process
  throw new StoreError('INVALID', 'this is the main thread: say which worker to talk to')
}
