// Writes a stream: the counterpart of stream-reader.ts. Its nodes become the listpacks that they are in Redis.

import { IdOrder } from '../keyspace/id-order.js'
import type { ConsumerImage, GroupImage, StreamImage, StreamNode } from '../keyspace/stream.js'
import { compareIds, isZeroId, minus64, type StreamId, UINT64_MAX } from '../keyspace/stream-id.js'
import { Idempotence } from '../keyspace/stream-idempotence.js'
import { STREAM, STREAM_2, STREAM_3, STREAM_4, STREAM_5, VALKEY_VERSION } from './forms.js'
import { givenBackOf } from './given-back.js'
import { ListpackWriter } from './listpack.js'
import type { RdbOutput } from './output.js'

const DELETED = 1
const SAME_FIELDS = 2
const ID_BYTES = 16
/** Things written in one step. */
const STEP_SIZE = 256

type Steps = Generator<void, void, void>
type Readable = Omit<StreamImage, 'close'>

/** The lowest form that holds the stream, as far as the version has one that does. */
export function typeForStream(stream: Readable, version: number): number {
  if (hasGivenBack(stream) && version >= 14 && version !== VALKEY_VERSION) return STREAM_5
  if (stream.idempotence !== null && version >= 13 && version !== VALKEY_VERSION) return STREAM_4
  if (version >= 11 && hasActiveTimes(stream)) return STREAM_3
  return version >= 10 && hasCounters(stream) ? STREAM_2 : STREAM
}

/** Whether there is something that a loader of the first form would not find out by itself. */
function hasCounters(stream: Readable): boolean {
  if (stream.entriesAdded !== stream.size || !isZeroId(stream.maxDeletedId)) return true
  for (const group of stream.groups.values()) if (hasOwnCount(stream, group)) return true
  return false
}

/**
 * Whether a loader of the first form, to which all entries ever added are those that are there, would make another number of
 * entries read than the group has.
 */
export function hasOwnCount({ size, firstId, lastId }: Readable, group: GroupImage): boolean {
  const toLast = compareIds(group.lastId, lastId)
  const toFirst = compareIds(group.lastId, firstId)
  let guess: number | null = null
  if (size === 0) guess = 0
  else if (toLast === 0) guess = size
  else if (toLast < 0 && toFirst <= 0) guess = toFirst === 0 ? 1 : 0
  return group.entriesRead !== guess
}

function hasGivenBack(stream: Readable): boolean {
  for (const { released } of stream.groups.values()) if (released > 0) return true
  return false
}

/** Whether a consumer tried to read later than it got something, so that one time does not tell both. */
function hasActiveTimes(stream: Readable): boolean {
  for (const group of stream.groups.values()) {
    for (const { seenAt, activeAt } of group.consumers.values()) if (seenAt !== activeAt) return true
  }
  return false
}

/** In steps of a node, or some hundred pending entries. `newBackLengths`: see ListpackWriter. */
export function* writeStream(output: RdbOutput, type: number, stream: Readable, newBackLengths: boolean): Steps {
  output.length(stream.nodeCount)
  const listpack = new ListpackWriter(newBackLengths)
  for (const node of stream.nodes) {
    output.length(ID_BYTES)
    output.id(node.id)
    listpack.reset()
    putNode(listpack, node)
    output.bytes(listpack.finish())
    yield
  }
  output.length(stream.size)
  putIdNumbers(output, stream.lastId)
  if (type !== STREAM) {
    putIdNumbers(output, stream.firstId)
    putIdNumbers(output, stream.maxDeletedId)
    output.wideLength(stream.entriesAdded)
  }
  output.length(stream.groups.size)
  for (const group of stream.groups.values()) {
    yield* writeGroup(output, type, group)
  }
  if (type >= STREAM_4) yield* writeIdempotence(output, stream.idempotence ?? new Idempotence())
}

function putNode(listpack: ListpackWriter, node: StreamNode): void {
  listpack.integer(node.live)
  listpack.integer(node.deleted)
  listpack.integer(node.names.length)
  for (const name of node.names) listpack.text(name)
  listpack.integer(0)
  for (let row = 0; row < node.rows; row++) putEntry(listpack, node, row)
}

function putEntry(listpack: ListpackWriter, node: StreamNode, row: number): void {
  const isSame = node.hasSameNamesAt(row)
  const { id, fields } = node.entryAt(row)
  listpack.integer((node.isDeletedAt(row) ? DELETED : 0) | (isSame ? SAME_FIELDS : 0))
  listpack.integer(minus64(id.ms, node.id.ms))
  listpack.integer(minus64(id.seq, node.id.seq))
  const pairs = fields.length / 2
  if (!isSame) listpack.integer(pairs)
  for (let i = isSame ? 1 : 0; i < fields.length; i += isSame ? 2 : 1) listpack.text(fields[i])
  listpack.integer(isSame ? pairs + 3 : 2 * pairs + 4)
}

function putIdNumbers(output: RdbOutput, { ms, seq }: StreamId): void {
  output.wideLength(ms)
  output.wideLength(seq)
}

function* writeGroup(output: RdbOutput, type: number, group: GroupImage): Steps {
  output.text(group.name)
  putIdNumbers(output, group.lastId)
  if (type !== STREAM) output.wideLength(group.entriesRead ?? UINT64_MAX)
  output.length(group.pending.size)
  let written = 0
  for (const { id, deliveredAt, deliveries } of group.pending) {
    if (++written % STEP_SIZE === 0) yield
    output.id(id)
    output.int64(deliveredAt)
    output.wideLength(deliveries)
  }
  const nobodys = givenBackOf(group).map(({ id }) => id)
  if (type === STREAM_5) {
    output.length(group.consumers.size)
    for (const consumer of group.consumers.values()) yield* writeConsumer(output, type, consumer)
    output.length(nobodys.length)
    yield* writeIds(output, nobodys)
    return
  }
  // Older forms have nothing that is nobody's: it is put down to a consumer without a name, from whom it can be claimed.
  const isNew = nobodys.length > 0 && !group.consumers.has('')
  output.length(group.consumers.size + (isNew ? 1 : 0))
  for (const consumer of group.consumers.values())
    yield* writeConsumer(output, type, consumer, consumer.name === '' ? nobodys : [])
  if (isNew) yield* writeConsumer(output, type, NOBODY, nobodys)
}

const NOBODY: ConsumerImage = { name: '', seenAt: 0, activeAt: 0, pending: new IdOrder() }

function* writeConsumer(
  output: RdbOutput,
  type: number,
  consumer: ConsumerImage,
  more: readonly StreamId[] = [],
): Steps {
  output.text(consumer.name)
  output.int64(consumer.seenAt)
  if (type !== STREAM && type !== STREAM_2) output.int64(consumer.activeAt)
  output.length(consumer.pending.size + more.length)
  let written = 0
  for (const { id } of consumer.pending) {
    output.id(id)
    if (++written % STEP_SIZE === 0) yield
  }
  yield* writeIds(output, more)
  yield
}

function* writeIds(output: RdbOutput, ids: readonly StreamId[]): Steps {
  let written = 0
  for (const id of ids) {
    output.id(id)
    if (++written % STEP_SIZE === 0) yield
  }
}

function* writeIdempotence(output: RdbOutput, memory: Idempotence): Steps {
  output.length(memory.durationSeconds)
  output.length(memory.maxSize)
  output.length(memory.producers.size)
  for (const [producer, messages] of memory.producers) {
    output.text(producer)
    output.length(messages.size)
    for (const [message, id] of messages) {
      output.text(message)
      putIdNumbers(output, id)
    }
    yield
  }
  output.wideLength(memory.added)
  output.wideLength(memory.duplicates)
}
