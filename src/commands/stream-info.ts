// XINFO: what there is to tell of a stream, its groups and their consumers.

import type { Arg } from '../bytes.js'
import { replyErrors } from '../errors.js'
import type { IdOrder } from '../keyspace/id-order.js'
import { type Consumer, type ConsumerGroup, MAX_ID, MIN_ID, type Pending, StreamLog } from '../keyspace/stream.js'
import { minus64, signed64 } from '../keyspace/stream-id.js'
import { bigInteger, type Context, command, option, text } from './command.js'
import { helpCommand } from './help.js'
import { readAs } from './lookup.js'
import { replyEntries, replyEntry, replyId, streamErrors } from './stream-args.js'
import { sortedByName } from './stream-groups.js'

const group = 'stream'
/** Of each list in the full form, unless COUNT says otherwise. */
const DEFAULT_COUNT = 10

function streamOf(ctx: Context, key: Arg): StreamLog {
  const stream = readAs(ctx, text(key), StreamLog)
  if (stream === undefined) throw replyErrors.noSuchKey()
  return stream
}

function consumers(ctx: Context, argv: Arg[]): void {
  const of = streamOf(ctx, argv[2]).groups.get(text(argv[3]))
  if (of === undefined) throw streamErrors.noGroup(argv[2], argv[3])
  const { reply, now } = ctx
  reply.array(of.consumers.size)
  for (const { name, pending, seenAt } of sortedByName(of.consumers)) {
    reply.map(3)
    reply.bulk('name')
    reply.bulk(name)
    reply.bulk('pending')
    reply.integer(pending.size)
    reply.bulk('idle')
    reply.integer(Math.max(0, now - seenAt))
  }
}

function groups(ctx: Context, argv: Arg[]): void {
  const stream = streamOf(ctx, argv[2])
  const { reply } = ctx
  reply.array(stream.groups.size)
  for (const one of sortedByName(stream.groups)) {
    reply.map(6)
    reply.bulk('name')
    reply.bulk(one.name)
    reply.bulk('consumers')
    reply.integer(one.consumers.size)
    reply.bulk('pending')
    reply.integer(one.pending.size)
    replyProgress(ctx, stream, one)
  }
}

/** How far the group has read. */
function replyProgress({ reply }: Context, stream: StreamLog, { lastId, entriesRead }: ConsumerGroup): void {
  reply.bulk('last-delivered-id')
  replyId(reply, lastId)
  reply.bulk('entries-read')
  if (entriesRead === null) reply.null()
  else reply.integer(signed64(entriesRead))
  reply.bulk('lag')
  const isExact = entriesRead !== null && !stream.hasGapFrom(lastId)
  const read = isExact ? entriesRead : stream.addedUpTo(lastId)
  if (stream.entriesAdded === 0) reply.integer(0)
  else if (read === null) reply.null()
  else reply.integer(minus64(stream.entriesAdded, read))
}

function stream(ctx: Context, argv: Arg[]): void {
  const stream = streamOf(ctx, argv[2])
  const count = fullCount(argv)
  const { reply } = ctx
  reply.map(count === undefined ? 10 : 9)
  reply.bulk('length')
  reply.integer(stream.size)
  reply.bulk('radix-tree-keys')
  reply.integer(stream.nodeCount)
  reply.bulk('radix-tree-nodes')
  reply.integer(radixTreeNodes(stream))
  reply.bulk('last-generated-id')
  replyId(reply, stream.lastId)
  reply.bulk('max-deleted-entry-id')
  replyId(reply, stream.maxDeletedId)
  reply.bulk('entries-added')
  reply.integer(signed64(stream.entriesAdded))
  reply.bulk('recorded-first-entry-id')
  replyId(reply, stream.firstId)
  if (count !== undefined) {
    reply.bulk('entries')
    replyEntries(reply, stream.range(MIN_ID, MAX_ID, count))
    reply.bulk('groups')
    reply.array(stream.groups.size)
    for (const one of sortedByName(stream.groups)) replyGroup(ctx, stream, one, count)
    return
  }
  reply.bulk('groups')
  reply.integer(stream.groups.size)
  reply.bulk('first-entry')
  replyEnd(ctx, stream, false)
  reply.bulk('last-entry')
  replyEnd(ctx, stream, true)
}

/** COUNT of the full form, undefined for the short one. */
function fullCount(argv: readonly Arg[]): number | undefined {
  if (argv.length === 3) return undefined
  const isFull = (argv.length === 4 || argv.length === 6) && option(argv[3]) === 'FULL'
  if (!isFull || (argv.length === 6 && option(argv[4]) !== 'COUNT'))
    throw streamErrors.subcommandSyntax('XINFO', argv[1])
  const count = argv.length === 6 ? Number(bigInteger(argv[5])) : DEFAULT_COUNT
  if (count === 0) return Number.POSITIVE_INFINITY
  return count < 0 ? DEFAULT_COUNT : count
}

function replyEnd({ reply }: Context, stream: StreamLog, isLast: boolean): void {
  const [entry] = stream.range(MIN_ID, MAX_ID, 1, isLast)
  if (entry === undefined) reply.null()
  else replyEntry(reply, entry)
}

function replyGroup(ctx: Context, stream: StreamLog, of: ConsumerGroup, count: number): void {
  const { reply } = ctx
  reply.map(7)
  reply.bulk('name')
  reply.bulk(of.name)
  replyProgress(ctx, stream, of)
  reply.bulk('pel-count')
  reply.integer(of.pending.size)
  reply.bulk('pending')
  replyPending(ctx, of.pending, count, true)
  reply.bulk('consumers')
  reply.array(of.consumers.size)
  for (const one of sortedByName(of.consumers)) replyConsumer(ctx, one, count)
}

function replyConsumer(ctx: Context, { name, seenAt, pending }: Consumer, count: number): void {
  const { reply } = ctx
  reply.map(4)
  reply.bulk('name')
  reply.bulk(name)
  reply.bulk('seen-time')
  reply.integer(seenAt)
  reply.bulk('pel-count')
  reply.integer(pending.size)
  reply.bulk('pending')
  replyPending(ctx, pending, count, false)
}

function replyPending({ reply }: Context, list: IdOrder<Pending>, count: number, withConsumer: boolean): void {
  let left = Math.min(count, list.size)
  reply.array(left)
  for (const { id, consumer, deliveredAt, deliveries } of list) {
    if (left-- === 0) break
    reply.array(withConsumer ? 4 : 3)
    replyId(reply, id)
    if (withConsumer) reply.bulk(consumer?.name ?? '')
    reply.integer(deliveredAt)
    reply.integer(signed64(deliveries))
  }
}

/** How many nodes Redis' radix tree has, whose keys are the nodes' ids as 16 bytes. */
function radixTreeNodes({ nodes, nodeCount }: StreamLog): number {
  const keys: Buffer[] = []
  for (const { id } of nodes) {
    const key = Buffer.alloc(KEY_BYTES)
    key.writeBigUInt64BE(BigInt(id.ms))
    key.writeBigUInt64BE(BigInt(id.seq), 8)
    keys.push(key)
  }
  return nodeCount === 0 ? 1 : treeNodesOf(keys, 0, nodeCount, 0)
}

const KEY_BYTES = 16

/** Of the keys from `first` to before `end`, which share `depth` bytes: the nodes below those bytes. */
function treeNodesOf(keys: readonly Buffer[], first: number, end: number, depth: number): number {
  // A stretch of bytes without a fork is one node, the end of a key another.
  if (end - first === 1) return depth < KEY_BYTES ? 2 : 1
  let fork = depth
  while (keys[first][fork] === keys[end - 1][fork]) fork++
  let count = fork > depth ? 2 : 1
  for (let start = first, i = first + 1; i <= end; i++) {
    if (i < end && keys[i][fork] === keys[start][fork]) continue
    count += treeNodesOf(keys, start, i, fork + 1)
    start = i
  }
  return count
}

export const streamInfo = command({
  name: 'XINFO',
  arity: -2,
  flags: '',
  group,
  since: '5.0.0',
  summary: 'Tells of streams, groups and consumers.',
  complexity: 'Depends on the subcommand.',
  subcommands: [
    command({
      name: 'XINFO CONSUMERS',
      arity: 4,
      flags: 'readonly',
      keys: '2 2 1',
      group,
      since: '5.0.0',
      summary: 'Lists the consumers of a group.',
      complexity: 'O(1)',
      syntax: 'key groupname',
      run: consumers,
    }),
    command({
      name: 'XINFO GROUPS',
      arity: 3,
      flags: 'readonly',
      keys: '2 2 1',
      group,
      since: '5.0.0',
      summary: 'Lists the groups of a stream.',
      complexity: 'O(1)',
      syntax: 'key',
      run: groups,
    }),
    command({
      name: 'XINFO STREAM',
      arity: -3,
      flags: 'readonly',
      keys: '2 2 1',
      group,
      since: '5.0.0',
      summary: 'Tells of a stream, in full with its entries and groups.',
      complexity: 'O(1)',
      syntax: 'key [FULL <[COUNT count]>]',
      run: stream,
    }),
    helpCommand({
      of: 'XINFO',
      group,
      since: '5.0.0',
      lines: [
        'CONSUMERS <key> <groupname>',
        '    The consumers of the group.',
        'GROUPS <key>',
        '    The groups of the stream.',
        'STREAM <key> [FULL [COUNT <count>]',
        '    The stream itself; in full, with its entries and groups.',
      ],
    }),
  ],
})
