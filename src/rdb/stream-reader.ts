// Reads a stream: its nodes, which are listpacks, its counters, its groups, and what producers sent. Each version of the
// format adds something behind what was there before.

import {
  type ConsumerGroup,
  compareIds,
  formatId,
  MIN_ID,
  type StreamId,
  StreamLog,
  type Uint64,
} from '../keyspace/stream.js'
import { plus64, UINT64_MAX } from '../keyspace/stream-id.js'
import { DEFAULT_DURATION_SECONDS, DEFAULT_MAX_SIZE, Idempotence } from '../keyspace/stream-idempotence.js'
import { STREAM, STREAM_3, STREAM_4, STREAM_5 } from './forms.js'
import { idAt, type RdbInput } from './input.js'
import { Listpack } from './listpack.js'
import { Damage } from './packed.js'
import type { Reading } from './values.js'

/** An entry's flags. */
const DELETED = 1
const SAME_FIELDS = 2

const ID_BYTES = 16

/** Throws Damage. */
export function* readStream(input: RdbInput, type: number): Reading<StreamLog> {
  const stream = new StreamLog()
  const top = yield* readNodes(input, stream)

  let length: number
  while ((length = input.length()) < 0) yield
  if (length !== stream.size) throw new Damage(`a stream of ${stream.size} entries that says ${length}`)
  stream.lastId = yield* readIdNumbers(input)
  if (compareIds(stream.lastId, top) < 0) throw new Damage('an entry above the last id')
  stream.findFirstId()
  if (type === STREAM) stream.entriesAdded = length
  else {
    yield* readIdNumbers(input) // the first id, which was found already
    stream.maxDeletedId = yield* readIdNumbers(input)
    stream.entriesAdded = yield* readWide(input)
  }

  let groups: number
  while ((groups = input.length()) < 0) yield
  for (let i = 0; i < groups; i++) yield* readGroup(input, stream, type)
  if (type >= STREAM_4) yield* readIdempotence(input, stream)
  return stream
}

function* readWide(input: RdbInput): Reading<Uint64> {
  let value: Uint64
  while ((value = input.wideLength()) < 0) yield
  return value
}

/** An id as two lengths. */
function* readIdNumbers(input: RdbInput): Reading<StreamId> {
  const ms = yield* readWide(input)
  const seq = yield* readWide(input)
  return { ms, seq }
}

/** An id as 16 bytes. */
function* readIdBytes(input: RdbInput): Reading<StreamId> {
  while (!input.has(ID_BYTES)) yield
  return input.takeId()
}

/** Reads all nodes; returns the id of the last entry that is there. */
function* readNodes(input: RdbInput, stream: StreamLog): Reading<StreamId> {
  let count: number
  while ((count = input.length()) < 0) yield
  const filling = new Filling(stream)
  for (let i = 0; i < count; i++) {
    while (!input.string()) yield
    const master = input.view()
    if (master.length !== ID_BYTES) throw new Damage(`a node of a stream with an id of ${master.length} bytes`)
    const id = idAt(master, 0)
    while (!input.string()) yield
    filling.node(id, new Listpack(input.view()))
  }
  return filling.lastLive
}

/** Puts the entries of nodes into a stream, and sees to it that their ids ascend. */
class Filling {
  lastLive: StreamId = MIN_ID
  readonly #stream: StreamLog
  #last: StreamId | null = null

  constructor(stream: StreamLog) {
    this.#stream = stream
  }

  node(master: StreamId, items: Listpack): void {
    const live = count(items)
    const deleted = count(items)
    const names: string[] = []
    for (let left = count(items); left > 0; left--) names.push(text(items))
    if (Number(integer(items)) !== 0) throw new Damage('a node of a stream without an end of its field names')
    if (this.#last !== null && compareIds(master, this.#last) <= 0) throw new Damage('nodes of a stream out of order')
    this.#stream.addNode(master, names)
    let rows = 0
    let marked = 0
    for (; items.next(); rows++) if (this.#entry(master, rows === 0, names, items)) marked++
    if (rows === 0) throw new Damage('a node of a stream without entries')
    if (rows - marked !== live || marked !== deleted)
      throw new Damage(
        `a node of a stream that says ${live} and ${deleted} entries, but has ${rows - marked} and ${marked}`,
      )
  }

  /** The item that stands there is an entry's first. Returns whether the entry is deleted. */
  #entry(master: StreamId, isFirst: boolean, names: readonly string[], items: Listpack): boolean {
    const before = items.seen
    const flags = Number(items.integer())
    if (flags < 0 || flags > (DELETED | SAME_FIELDS)) throw new Damage(`an entry of a stream with flags ${flags}`)
    const ms = plus64(master.ms, integer(items))
    const id = { ms, seq: plus64(master.seq, integer(items)) }
    const isAscending = isFirst ? compareIds(id, master) >= 0 : compareIds(id, this.#last!) > 0
    if (!isAscending) throw new Damage('entries of a stream out of order')
    const fields: string[] = []
    if ((flags & SAME_FIELDS) !== 0) for (const name of names) fields.push(name, text(items))
    else for (let left = count(items); left > 0; left--) fields.push(text(items), text(items))
    if (Number(integer(items)) !== items.seen - before) throw new Damage('an entry of a stream that says a wrong size')
    const isDeleted = (flags & DELETED) !== 0
    this.#stream.addEntry(id, fields, isDeleted)
    this.#last = id
    if (!isDeleted) this.lastLive = id
    return isDeleted
  }
}

function advance(items: Listpack): Listpack {
  if (!items.next()) throw new Damage('a node of a stream that ends too early')
  return items
}

function text(items: Listpack): string {
  return advance(items).text()
}

function integer(items: Listpack): number | bigint {
  return advance(items).integer()
}

function count(items: Listpack): number {
  return advance(items).count()
}

interface Handed {
  id: StreamId
  deliveredAt: number
  deliveries: Uint64
}

function* readGroup(input: RdbInput, stream: StreamLog, type: number): Reading<void> {
  while (!input.string()) yield
  const name = input.text()
  const lastId = yield* readIdNumbers(input)
  let entriesRead: Uint64 | null
  if (type === STREAM) entriesRead = stream.addedUpTo(lastId)
  else {
    entriesRead = yield* readWide(input)
    if (entriesRead === UINT64_MAX) entriesRead = null
  }
  const group = stream.createGroup(name, lastId, entriesRead)
  if (group === undefined) throw new Damage('a group twice')

  const handed = new Map<string, Handed>()
  let pending: number
  while ((pending = input.length()) < 0) yield
  for (let i = 0; i < pending; i++) {
    const id = yield* readIdBytes(input)
    while (!input.has(8)) yield
    const deliveredAt = input.takeInt64()
    handed.set(formatId(id), { id, deliveredAt, deliveries: yield* readWide(input) })
    if (handed.size !== i + 1) throw new Damage('a pending entry twice')
  }
  let consumers: number
  while ((consumers = input.length()) < 0) yield
  for (let i = 0; i < consumers; i++) yield* readConsumer(input, group, handed, type)
  if (type >= STREAM_5) yield* readGivenBack(input, group, handed)
  if (handed.size > 0) throw new Damage('a pending entry without a consumer')
}

function* readConsumer(
  input: RdbInput,
  group: ConsumerGroup,
  handed: Map<string, Handed>,
  type: number,
): Reading<void> {
  while (!input.string()) yield
  const name = input.text()
  while (!input.has(8)) yield
  const seenAt = input.takeInt64()
  let activeAt = seenAt
  if (type >= STREAM_3) {
    while (!input.has(8)) yield
    activeAt = input.takeInt64()
  }
  const consumer = group.createConsumer(name, seenAt, activeAt)
  if (consumer === undefined) throw new Damage('a consumer twice')
  let pending: number
  while ((pending = input.length()) < 0) yield
  for (let i = 0; i < pending; i++) {
    const { id, deliveredAt, deliveries } = yield* readHanded(input, handed)
    group.assign(id, consumer, deliveredAt, deliveries)
  }
}

/** Those that no consumer has, in the order in which they were given back (Redis 8.8). */
function* readGivenBack(input: RdbInput, group: ConsumerGroup, handed: Map<string, Handed>): Reading<void> {
  let count: number
  while ((count = input.length()) < 0) yield
  for (let i = 0; i < count; i++) {
    const { id, deliveries } = yield* readHanded(input, handed)
    group.release(id, deliveries)
  }
}

/** The next of those that nobody was said to have yet. */
function* readHanded(input: RdbInput, handed: Map<string, Handed>): Reading<Handed> {
  const key = formatId(yield* readIdBytes(input))
  const entry = handed.get(key)
  if (entry === undefined) throw new Damage('a pending entry that its group does not know, or another consumer has')
  handed.delete(key)
  return entry
}

/** What producers sent lately (Redis 8.6). Written for every stream, also where nobody asked for it. */
function* readIdempotence(input: RdbInput, stream: StreamLog): Reading<void> {
  const durationSeconds = Number(yield* readWide(input))
  const maxSize = Number(yield* readWide(input))
  // What was taken has to be written again.
  if (!(Number.isSafeInteger(durationSeconds) && Number.isSafeInteger(maxSize)))
    throw new Damage('a memory for messages that is too large')
  const memory = new Idempotence(durationSeconds, maxSize)
  let producers: number
  while ((producers = input.length()) < 0) yield
  for (let i = 0; i < producers; i++) {
    while (!input.string()) yield
    const producer = input.text()
    if (memory.producers.has(producer)) throw new Damage('a producer twice')
    const messages = new Map<string, StreamId>()
    memory.producers.set(producer, messages)
    let sent: number
    while ((sent = input.length()) < 0) yield
    for (let k = 0; k < sent; k++) {
      while (!input.string()) yield
      const message = input.text()
      if (messages.has(message)) throw new Damage('a message of a producer twice')
      messages.set(message, yield* readIdNumbers(input))
    }
  }
  memory.added = yield* readWide(input)
  memory.duplicates = yield* readWide(input)
  if (!isUnused(memory)) stream.idempotence = memory
}

function isUnused({ durationSeconds, maxSize, producers, added }: Idempotence): boolean {
  const isDefault = durationSeconds === DEFAULT_DURATION_SECONDS && maxSize === DEFAULT_MAX_SIZE
  return isDefault && producers.size === 0 && added === 0
}
