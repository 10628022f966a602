// A consumer group: how far it has read, its consumers, and which entries were handed to whom and not acknowledged yet (the
// pending entries). Knows no entries, only their ids.

import { ELEMENT_OVERHEAD_BYTES, type Weight } from './collection.js'
import { IdOrder, type OrderImage } from './id-order.js'
import { compareIds, type StreamId, type Uint64 } from './stream-id.js'

/** An entry that was handed out. In the group's list and in its consumer's it is the same object; another when it changes. */
export interface Pending {
  readonly id: StreamId
  /** Null: it was given back (XNACK, Redis 8.8), and whoever asks gets it. */
  readonly consumer: Consumer | null
  /** When it was handed out last, ms since 1970; 0 for what was given back. */
  readonly deliveredAt: number
  /** How often it was handed out. */
  readonly deliveries: Uint64
  /** The order in which entries were given back; 0 for those that a consumer has. */
  readonly turn: number
}

export class Consumer {
  readonly name: string
  /** When it last tried to read, ms since 1970. */
  seenAt: number
  /** When it last got something (Redis 7.2), ms since 1970; -1 for never. */
  activeAt: number
  /** What it has to acknowledge. Changed by the group only. */
  readonly pending: IdOrder<Pending>

  constructor(name: string, seenAt: number, activeAt: number, pending = new IdOrder<Pending>()) {
    this.name = name
    this.seenAt = seenAt
    this.activeAt = activeAt
    this.pending = pending
  }
}

type PendingImage = Pick<
  OrderImage<Pick<Pending, 'id' | 'deliveredAt' | 'deliveries' | 'turn'>>,
  'size' | typeof Symbol.iterator
>

/** What a snapshot reads of a consumer. */
export interface ConsumerImage extends Pick<Consumer, 'name' | 'seenAt' | 'activeAt'> {
  readonly pending: PendingImage
}

/** What a snapshot reads of a group. */
export interface GroupImage extends Pick<ConsumerGroup, 'name' | 'lastId' | 'entriesRead' | 'released'> {
  readonly pending: PendingImage
  readonly consumers: ReadonlyMap<string, ConsumerImage>
}

const PENDING_BYTES = 3 * ELEMENT_OVERHEAD_BYTES
const CONSUMER_BYTES = 4 * ELEMENT_OVERHEAD_BYTES
export const GROUP_BYTES = 8 * ELEMENT_OVERHEAD_BYTES

/** Made by StreamLog.createGroup. */
export class ConsumerGroup {
  readonly name: string
  /** The last entry that was handed out for the first time. */
  lastId: StreamId
  /** How many entries of all that were ever added lie up to `lastId`; null when nobody knows. */
  entriesRead: Uint64 | null
  /** All entries that wait for an acknowledgement. Changed through the methods below only. */
  readonly pending: IdOrder<Pending>
  readonly #consumers = new Map<string, Consumer>()
  readonly #weight: Weight
  #released = 0
  #lastTurn = 0

  constructor(
    name: string,
    lastId: StreamId,
    entriesRead: Uint64 | null,
    weight: Weight,
    pending = new IdOrder<Pending>(),
  ) {
    this.name = name
    this.lastId = lastId
    this.entriesRead = entriesRead
    this.#weight = weight
    this.pending = pending
  }

  /** By name, in the order in which they came. Redis shows them in the order of their names' bytes. */
  get consumers(): ReadonlyMap<string, Consumer> {
    return this.#consumers
  }

  /** How many pending entries no consumer has. */
  get released(): number {
    return this.#released
  }

  /** The new consumer, or undefined when there is one of that name. Times in ms since 1970, -1 for never. */
  createConsumer(name: string, seenAt: number, activeAt = -1): Consumer | undefined {
    if (this.#consumers.has(name)) return undefined
    const consumer = new Consumer(name, seenAt, activeAt)
    this.#consumers.set(name, consumer)
    this.#weight.bytes += name.length + CONSUMER_BYTES
    return consumer
  }

  /** The consumer goes, and what it had pending is pending no more. Whether it was there. */
  deleteConsumer(name: string): boolean {
    const consumer = this.#consumers.get(name)
    if (consumer === undefined) return false
    for (const { id } of consumer.pending) this.pending.delete(id)
    this.#consumers.delete(name)
    this.#weight.bytes -= name.length + CONSUMER_BYTES + consumer.pending.size * PENDING_BYTES
    return true
  }

  /**
   * An entry is pending with this consumer from now on, whoever had it before. Makes the entry of the list, or changes the
   * one that is there.
   */
  assign(id: StreamId, consumer: Consumer, deliveredAt: number, deliveries: Uint64): Pending {
    const before = this.pending.get(id)
    if (before?.consumer === consumer) return this.redeliver(before, deliveredAt, deliveries)
    const pending = { id, consumer, deliveredAt, deliveries, turn: 0 }
    this.#put(before, pending)
    consumer.pending.add(pending)
    return pending
  }

  /** A pending entry was handed out to its consumer again. */
  redeliver(before: Pending, deliveredAt: number, deliveries: Uint64): Pending {
    const pending = { ...before, deliveredAt, deliveries }
    this.pending.replace(pending)
    pending.consumer?.pending.replace(pending)
    return pending
  }

  /** A pending entry has no consumer from now on, behind those that were given back before. Makes it or changes it, too. */
  release(id: StreamId, deliveries: Uint64): void {
    this.#put(this.pending.get(id), { id, consumer: null, deliveredAt: 0, deliveries, turn: ++this.#lastTurn })
    this.#released++
  }

  /** Takes an entry off the list: it was acknowledged, or is gone. Whether it was there. */
  acknowledge(id: StreamId): boolean {
    const pending = this.pending.delete(id)
    if (pending === undefined) return false
    this.#leave(pending)
    this.#weight.bytes -= PENDING_BYTES
    return true
  }

  #put(before: Pending | undefined, pending: Pending): void {
    if (before === undefined) {
      this.pending.add(pending)
      this.#weight.bytes += PENDING_BYTES
    } else {
      this.#leave(before)
      this.pending.replace(pending)
    }
  }

  /** It is not its consumer's any more, or not given back any more. */
  #leave({ id, consumer }: Pending): void {
    if (consumer === null) this.#released--
    else consumer.pending.delete(id)
  }

  /** Whether the entry needs this group no more: it was handed out, and is not pending. */
  isDoneWith(id: StreamId): boolean {
    return compareIds(id, this.lastId) <= 0 && this.pending.get(id) === undefined
  }

  /** What a group of that name takes, its consumers and its list included. */
  get heldBytes(): number {
    let bytes = this.name.length + GROUP_BYTES + this.pending.size * PENDING_BYTES
    for (const name of this.#consumers.keys()) bytes += name.length + CONSUMER_BYTES
    return bytes
  }

  /** `closers` gets what is to be called when nobody reads the image any more. */
  image(weight: Weight, closers: (() => void)[]): GroupImage {
    const { name, lastId, entriesRead, released } = this
    const consumers = new Map<string, ConsumerImage>()
    for (const { name: id, seenAt, activeAt, pending: own } of this.#consumers.values()) {
      const pending = own.image(weight)
      closers.push(pending.close)
      consumers.set(id, { name: id, seenAt, activeAt, pending })
    }
    const pending = this.pending.image(weight)
    closers.push(pending.close)
    return { name, lastId, entriesRead, released, pending, consumers }
  }

  /** A copy that belongs to another stream, whose `weight` counts it already. */
  cloneFor(weight: Weight): ConsumerGroup {
    const consumers = new Map<Consumer, Consumer>()
    for (const one of this.#consumers.values()) consumers.set(one, new Consumer(one.name, one.seenAt, one.activeAt))
    const ownerOf = ({ consumer }: Pending): Consumer | null => (consumer === null ? null : consumers.get(consumer)!)
    const pending = this.pending.clone((one) => ({ ...one, consumer: ownerOf(one) }))
    const copy = new ConsumerGroup(this.name, this.lastId, this.entriesRead, weight, pending)
    for (const one of consumers.values()) copy.#consumers.set(one.name, one)
    for (const one of pending) one.consumer?.pending.add(one)
    copy.#released = this.#released
    copy.#lastTurn = this.#lastTurn
    return copy
  }
}
