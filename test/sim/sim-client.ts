// A client of a run: it sends requests over a link and counts replies. It reads as fast as it is let.

import { ReplyError } from '../../src/errors.js'
import type { Link } from '../../src/link.js'
import { type Answer, AnswerParser } from '../../src/protocol/replies.js'
import type { MemoryNetwork } from '../../src/transports/memory.js'
import type { Trace } from './trace.js'

/** More than any reply here. */
const MOST_BYTES = 64 * 1024 * 1024

export class SimClient {
  readonly name: string
  requests = 0
  replies = 0
  /** It subscribes: what it gets are not only replies. */
  isSubscriber = false
  readonly #net: MemoryNetwork
  readonly #trace: Trace
  #link: Link | null = null
  #parser = new AnswerParser(MOST_BYTES)

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
    this.#parser = new AnswerParser(MOST_BYTES)
    const parser = this.#parser
    link.open({
      data: (chunk) => {
        if (this.#link === link && this.#parser === parser) this.#received(chunk)
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
    this.#parser.feed(chunk)
    for (let answer = this.#parser.next(); answer !== undefined; answer = this.#parser.next()) {
      if (!this.isSubscriber && !isRefusal(answer)) this.replies++
    }
    if (!this.isSubscriber) this.#trace.add(this.name, `has ${this.replies} of ${this.requests} replies`)
  }
}

/** What a server says of itself to one that it does not take. */
function isRefusal(answer: Answer): boolean {
  return answer instanceof ReplyError && answer.message.startsWith('ERR max number of clients')
}
