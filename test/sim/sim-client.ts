// A client of a run: it sends requests over a link and counts replies. It reads as fast as it is let.

import type { Link } from '../../src/link.js'
import type { MemoryNetwork } from '../../src/transports/memory.js'
import { ErrorReply, parse, type Reply } from '../resp.js'
import type { Trace } from './trace.js'

export class SimClient {
  readonly name: string
  requests = 0
  replies = 0
  /** It subscribes: what it gets are not only replies. */
  isSubscriber = false
  readonly #net: MemoryNetwork
  readonly #trace: Trace
  #link: Link | null = null
  /** What came of a reply that is not whole yet, and how long that is at least. */
  #bytes: Buffer = Buffer.alloc(0)
  #needed = 1

  constructor(name: string, net: MemoryNetwork, trace: Trace) {
    this.name = name
    this.#net = net
    this.#trace = trace
  }

  get isConnected(): boolean {
    return this.#link !== null
  }

  connect(to: string): void {
    this.hangUp()
    const link = this.#net.at(to).connect(this.name)
    this.#link = link
    this.requests = this.replies = 0
    this.isSubscriber = false
    this.#bytes = Buffer.alloc(0)
    this.#needed = 1
    link.open({
      data: (chunk) => {
        if (this.#link === link) this.#received(chunk)
      },
      drain: () => {},
      closed: () => {
        if (this.#link === link) this.#link = null
      },
    })
  }

  send(bytes: string, requests: number): void {
    if (this.#link === null) return
    this.requests += requests
    this.#link.send(bytes)
  }

  pause(): void {
    this.#link?.pause()
  }

  resume(): void {
    this.#link?.resume()
  }

  hangUp(): void {
    this.#link?.destroy()
    this.#link = null
    this.requests = this.replies = 0
  }

  #received(chunk: Buffer): void {
    let bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    while (bytes.length >= this.#needed) {
      const parsed = parse(bytes, 'latin1')
      if (parsed.kind === 'incomplete') {
        this.#needed = Math.max(parsed.needed, bytes.length + 1)
        break
      }
      bytes = bytes.subarray(parsed.length)
      this.#needed = 1
      if (parsed.kind === 'reply' && !this.isSubscriber && !isRefusal(parsed.value)) this.replies++
    }
    this.#bytes = bytes
    if (!this.isSubscriber) this.#trace.add(this.name, `has ${this.replies} of ${this.requests} replies`)
  }
}

/** What a server says of itself to one that it does not take. */
function isRefusal(reply: Reply): boolean {
  return reply instanceof ErrorReply && reply.message.startsWith('ERR max number of clients')
}
