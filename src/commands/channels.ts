// Who subscribes to what: channels, patterns, and shard channels, which have names of their own. Knows clients and how a
// message looks, no command. A message is put together once for all who speak the same protocol.

import { type Arg, latin1Of, latin1OfArg } from '../bytes.js'
import { globMatch } from '../glob.js'
import { bulkLatin1 } from '../protocol/writer.js'
import type { Client } from './client.js'

export type ChannelKind = 'channel' | 'pattern' | 'shard'

/** What one client is subscribed to, in the order it came. */
export interface Subscriptions {
  readonly channel: Set<string>
  readonly pattern: Set<string>
  readonly shard: Set<string>
}

/** Redis' CLIENT_PUBSUB: with RESP2 such a client may do little else. */
export function isSubscriber({ subscriptions }: Client): boolean {
  return subscriptions !== null
}

/** What the replies to SUBSCRIBE and its kin count: shard channels by themselves, channels and patterns together. */
export function subscriptionCount({ subscriptions }: Client, kind: ChannelKind): number {
  if (subscriptions === null) return 0
  return kind === 'shard' ? subscriptions.shard.size : subscriptions.channel.size + subscriptions.pattern.size
}

export class Channels {
  /** By name, those who subscribe, in the order they came. Nobody: no entry. */
  readonly #subscribers: Readonly<Record<ChannelKind, Map<string, Set<Client>>>> = {
    channel: new Map(),
    pattern: new Map(),
    shard: new Map(),
  }

  /** What a transaction that may be undone has to say. */
  #held: (() => void)[] | null = null

  /** How many channels or patterns have a subscriber. */
  size(kind: ChannelKind): number {
    return this.#subscribers[kind].size
  }

  /** Those that have a subscriber. */
  names(kind: ChannelKind): IterableIterator<string> {
    return this.#subscribers[kind].keys()
  }

  /** How many subscribe to this name; a pattern that fits it does not count. */
  count(kind: ChannelKind, name: string): number {
    return this.#subscribers[kind].get(name)?.size ?? 0
  }

  subscribe(client: Client, kind: ChannelKind, name: string): void {
    client.subscriptions ??= { channel: new Set(), pattern: new Set(), shard: new Set() }
    client.subscriptions[kind].add(name)
    const clients = this.#subscribers[kind].get(name)
    if (clients === undefined) this.#subscribers[kind].set(name, new Set([client]))
    else clients.add(client)
  }

  unsubscribe(client: Client, kind: ChannelKind, name: string): void {
    const { subscriptions } = client
    if (subscriptions === null || !subscriptions[kind].delete(name)) return
    const clients = this.#subscribers[kind].get(name)
    clients?.delete(client)
    if (clients?.size === 0) this.#subscribers[kind].delete(name)
    const { channel, pattern, shard } = subscriptions
    if (channel.size + pattern.size + shard.size === 0) client.subscriptions = null
  }

  /** RESET, or the client is gone. */
  unsubscribeAll(client: Client): void {
    for (const kind of ['channel', 'pattern', 'shard'] as const)
      for (const name of client.subscriptions?.[kind] ?? []) this.unsubscribe(client, kind, name)
  }

  /** PUBLISH: to those who subscribe to the channel, then for each pattern that fits to its own. How many were told. */
  publish(channel: string, message: Arg): number {
    let told = this.#tell('channel', channel, 'message', channel, message)
    for (const pattern of this.#subscribers.pattern.keys()) {
      if (globMatch(pattern, channel)) told += this.#tell('pattern', pattern, 'pmessage', channel, message)
    }
    return told
  }

  /** SPUBLISH. */
  publishToShard(channel: string, message: Arg): number {
    return this.#tell('shard', channel, 'smessage', channel, message)
  }

  /** From here on nobody is told anything, until `release`. */
  hold(): void {
    this.#held = []
  }

  /** Tells what was held back, or, with `undone`, forgets it. */
  release(undone: boolean): void {
    const held = this.#held ?? []
    this.#held = null
    if (!undone) for (const tell of held) tell()
  }

  #tell(kind: ChannelKind, name: string, word: string, channel: string, message: Arg): number {
    const clients = this.#subscribers[kind].get(name)
    if (clients === undefined) return 0
    const { size } = clients
    if (this.#held !== null) {
      this.#held.push(() => void this.#tell(kind, name, word, channel, message))
      return size
    }
    const parts = [word, ...(kind === 'pattern' ? [latin1Of(name)] : []), latin1Of(channel), latin1OfArg(message)]
    const body = `${parts.length}\r\n${parts.map(bulkLatin1).join('')}`
    const resp2 = `*${body}`
    const resp3 = `>${body}`
    // One that does not read is closed and leaves the set while it is walked: a Set bears that.
    for (const client of clients) client.send(client.protocol === 2 ? resp2 : resp3)
    return size
  }
}
