// What travels between a primary and its replicas, looked at from outside: every byte of the stream that is sent has to be
// the next one of the history that was named, and none may be sent before the replica has its snapshot.
//
//   asked --+CONTINUE--> stream
//      \---+FULLRESYNC--> full --$EOF--> snapshot --mark--> unacked --ACK--> stream

import type { NetworkEvent } from '../../src/transports/memory-link.js'
import type { Branches } from './branches.js'
import { short } from './branches.js'
import { parseAck, parsePsync } from './replication-commands.js'

interface Conversation {
  readonly replica: string
  state: 'other' | 'asked' | 'full' | 'snapshot' | 'unacked' | 'stream'
  /** What the replica asked for. */
  wantedReplid: string
  wanted: number
  replid: string
  /** Position of the next byte of the stream. */
  position: number
  mark: string
  tail: string
}

export interface WireHost {
  readonly branches: Branches
  violated(invariant: 'partial resync' | 'prefix' | 'acknowledged' | 'snapshot first', message: string): void
  /** How far a node has applied the stream that it follows; undefined for who is no node. */
  appliedBy(name: string): number | undefined
  /** The history that a node stands in. */
  replidOf(name: string): string | undefined
}

export class WireChecker {
  readonly #host: WireHost
  readonly #conversations = new Map<number, Conversation>()
  /** Links of which no end is closed, by the names of those who hold an end. */
  readonly #links = new Map<number, string[]>()
  partialSyncs = 0
  fullSyncs = 0

  constructor(host: WireHost) {
    this.#host = host
  }

  /** Links that a node holds an end of. */
  openLinks(name: string): number {
    return [...this.#links.values()].filter((holders) => holders.includes(name)).length
  }

  saw({ kind, link, from, to, data }: NetworkEvent): void {
    if (kind === 'connect') this.#links.set(link, [from])
    else if (kind === 'accept') this.#links.get(link)?.push(from)
    else if (kind !== 'send') this.#links.delete(link)
    // A node that follows itself gets nowhere, and its two ends could not be told apart.
    if (from === to) return
    if (kind === 'connect') {
      this.#conversations.set(link, {
        replica: from,
        state: 'other',
        wantedReplid: '',
        wanted: 0,
        replid: '',
        position: 0,
        mark: '',
        tail: '',
      })
      return
    }
    const conversation = this.#conversations.get(link)
    if (conversation === undefined) return
    if (kind === 'close') this.#conversations.delete(link)
    else if (data === undefined) return
    else if (from === conversation.replica) this.#fromReplica(conversation, data, to)
    else if (conversation.state !== 'other') this.#fromPrimary(conversation, data, from)
  }

  #fromReplica(conversation: Conversation, data: Uint8Array | string, primary: string): void {
    if (typeof data !== 'string') return
    const psync = parsePsync(data)
    if (psync !== undefined) {
      conversation.state = 'asked'
      conversation.wantedReplid = psync.replid
      conversation.wanted = psync.wanted
      return
    }
    const ack = parseAck(data)
    if (ack === undefined) return
    const { replica } = conversation
    const applied = this.#host.appliedBy(replica)
    if (applied !== undefined && ack > applied) {
      this.#host.violated('acknowledged', `${replica} tells ${primary} of ${ack} and has applied ${applied}`)
    }
    if (conversation.state === 'unacked') conversation.state = 'stream'
  }

  #fromPrimary(conversation: Conversation, data: Uint8Array | string, primary: string): void {
    switch (conversation.state) {
      case 'asked':
        this.#answered(conversation, data, primary)
        break
      case 'full': {
        const header = typeof data === 'string' ? /^\$EOF:(.{40})\r\n$/.exec(data) : null
        if (header === null) break
        conversation.mark = header[1]
        conversation.tail = ''
        conversation.state = 'snapshot'
        break
      }
      case 'snapshot': {
        const end = typeof data === 'string' ? data.slice(-40) : Buffer.from(data.slice(-40)).toString('latin1')
        conversation.tail = (conversation.tail + end).slice(-40)
        if (conversation.tail === conversation.mark) conversation.state = 'unacked'
        break
      }
      case 'unacked':
        this.#host.violated('snapshot first', `${primary} sends the stream to ${conversation.replica} before its ACK`)
        conversation.state = 'other'
        break
      case 'stream': {
        const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
        const { replica, replid, position } = conversation
        const wrong = this.#host.branches.compare(replid, position, bytes)
        if (wrong !== undefined) {
          this.#host.violated('partial resync', `${primary} sends ${replica} bytes from ${position} on: ${wrong}`)
          conversation.state = 'other'
        }
        conversation.position += bytes.length
      }
    }
  }

  #answered(conversation: Conversation, data: Uint8Array | string, primary: string): void {
    if (typeof data !== 'string') return
    const { branches } = this.#host
    const { replica, wanted, wantedReplid } = conversation
    const continued = /^\+CONTINUE(?: (\w{40}))?\r\n$/.exec(data)
    if (continued !== null) {
      this.partialSyncs++
      conversation.state = 'stream'
      conversation.replid = continued[1] ?? this.#host.replidOf(primary) ?? ''
      conversation.position = wanted - 1
      const [has, gets] = [wantedReplid, conversation.replid].map((replid) => branches.origin(replid, wanted - 1))
      if (has !== gets) {
        const message = `${primary} continues ${replica} at ${wanted} of ${short(wantedReplid)} with ${short(conversation.replid)}, which has another past`
        this.#host.violated('partial resync', message)
      }
      return
    }
    const full = /^\+FULLRESYNC (\w{40}) (\d+)\r\n$/.exec(data)
    if (full === null) return
    this.fullSyncs++
    conversation.state = 'full'
    conversation.replid = full[1]
    conversation.position = Number(full[2])
  }
}
