// XREAD and XREADGROUP: entries as they come, for anybody or, handed out, for the consumers of a group. Both may wait for one.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import {
  type Consumer,
  type ConsumerGroup,
  compareIds,
  formatId,
  MAX_ID,
  type StreamEntry,
  type StreamId,
  StreamLog,
} from '../keyspace/stream.js'
import { idAfter, idBefore, MIN_ID, plus64, signed64 } from '../keyspace/stream-id.js'
import { bigInteger, type Command, type Context, command, option, parseInteger, text } from './command.js'
import { lookupRead } from './lookup.js'
import { didChangeGroup, idArg, replyEntries, replyEntry, replyId, streamErrors } from './stream-args.js'

const group = 'stream'
/** How many entries one who waited gets at once, unless COUNT says. */
const COUNT_AFTER_WAIT = 1000

interface Reading {
  /** Milliseconds, 0 for ever; undefined: not at all. */
  block?: number
  /** 0: all. */
  count: number
  noAck: boolean
  group?: Arg
  consumer?: string
  /** Where the keys begin in argv, and how many there are; as many ids are behind them. */
  first: number
  size: number
}

function readingOf(argv: readonly Arg[], forGroup: boolean): Reading {
  const reading: Reading = { count: 0, noAck: false, first: 0, size: 0 }
  for (let i = 1; i < argv.length && reading.first === 0; i++) {
    const word = option(argv[i])
    const left = argv.length - 1 - i
    if (word === 'BLOCK' && left >= 1) reading.block = blockArg(argv[++i])
    else if (word === 'COUNT' && left >= 1) reading.count = Math.max(0, Number(bigInteger(argv[++i])))
    else if (word === 'STREAMS' && left >= 1) {
      if (left % 2 !== 0) {
        throw new ReplyError(
          "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
        )
      }
      reading.first = i + 1
      reading.size = left / 2
    } else if (word === 'GROUP' && left >= 2) {
      if (!forGroup) throw groupOnly('GROUP')
      reading.group = argv[i + 1]
      reading.consumer = text(argv[i + 2])
      i += 2
    } else if (word === 'NOACK') {
      if (!forGroup) throw groupOnly('NOACK')
      reading.noAck = true
    } else throw replyErrors.syntax()
  }
  if (reading.first === 0) throw replyErrors.syntax()
  if (forGroup && reading.group === undefined) throw new ReplyError('ERR Missing GROUP option for XREADGROUP')
  return reading
}

function groupOnly(name: string): ReplyError {
  return new ReplyError(`ERR The ${name} option is only supported by XREADGROUP. You called XREAD instead.`)
}

function blockArg(arg: Arg): number {
  const ms = parseInteger(arg)
  if (ms === undefined) throw new ReplyError('ERR timeout is not an integer or out of range')
  if (ms < 0n) throw new ReplyError('ERR timeout is negative')
  return Number(ms)
}

/** For a stream that has something to tell: writes the reply's part for its key. */
type Part = () => void

function answer(ctx: Context, parts: readonly (readonly [key: string, part: Part])[]): void {
  const { reply, client } = ctx
  // Redis 7.0 answers a map in RESP3, and pairs in RESP2.
  if (client.protocol === 3) reply.map(parts.length)
  else reply.array(parts.length)
  for (const [key, part] of parts) {
    if (client.protocol !== 3) reply.array(2)
    reply.bulk(key)
    part()
  }
}

/** Nothing to tell: the client waits, or is told so. `argv`: what it runs again. */
function waitOrGiveUp(ctx: Context, { block, first, size }: Reading, argv: Arg[], wakesOnDelete: boolean): void {
  if (block === undefined || !ctx.mayBlock) {
    ctx.reply.nullArray()
    return
  }
  ctx.block({
    keys: argv.slice(first, first + size).map(text),
    type: 'stream',
    wakesOnDelete,
    timeoutMs: block,
    timedOut: (reply) => reply.nullArray(),
    argv,
  })
}

function streamAt(ctx: Context, key: string): StreamLog | undefined {
  const value = ctx.readyKey === undefined ? lookupRead(ctx, key) : ctx.db.peek(key)
  if (value === undefined || value instanceof StreamLog) return value
  throw replyErrors.wrongType()
}

function xread(ctx: Context, argv: Arg[]): void {
  const reading = readingOf(argv, false)
  const { first, size } = reading
  const after: StreamId[] = []
  for (let i = first; i < first + size; i++) {
    if (ctx.readyKey !== undefined && text(argv[i]) !== ctx.readyKey) after.push(MAX_ID)
    else after.push(readFrom(streamAt(ctx, text(argv[i])), argv[i + size]))
  }
  const parts: [string, Part][] = []
  for (let i = 0; i < size; i++) {
    const key = text(argv[first + i])
    if (ctx.readyKey !== undefined && key !== ctx.readyKey) continue
    const stream = streamAt(ctx, key)
    const entries = stream === undefined ? [] : entriesAfter(stream, after[i], countOf(ctx, reading))
    if (entries.length > 0 || hasPassed(ctx, stream, after[i]))
      parts.push([key, () => replyEntries(ctx.reply, entries)])
    // A key that was named twice counts once to one who waits: with its first id.
    if (ctx.readyKey !== undefined) break
  }
  if (parts.length > 0) answer(ctx, parts)
  else waitOrGiveUp(ctx, reading, withFixedIds(argv, reading, after), false)
}

/** The id behind which XREAD begins. */
function readFrom(stream: StreamLog | undefined, arg: Arg): StreamId {
  const id = text(arg)
  if (id === '$') return stream?.lastId ?? MIN_ID
  // Redis 7.4: the last entry, or what comes when there is none.
  if (id === '+') return (stream?.lastEntryId && idBefore(stream.lastEntryId)) ?? stream?.lastId ?? MIN_ID
  if (id === '>') {
    throw new ReplyError(
      'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
    )
  }
  return idArg(arg)
}

/** The request as it is run again: `$` stays what it meant when it came. */
function withFixedIds(argv: Arg[], { first, size }: Reading, after: readonly StreamId[]): Arg[] {
  return [...argv.slice(0, first + size), ...after.map(formatId)]
}

function countOf({ readyKey }: Context, { count }: Reading): number {
  if (count > 0) return count
  return readyKey === undefined ? Number.POSITIVE_INFINITY : COUNT_AFTER_WAIT
}

function entriesAfter(stream: StreamLog, id: StreamId, count: number): StreamEntry[] {
  const start = idAfter(id)
  return start === undefined ? [] : stream.range(start, MAX_ID, count)
}

/** To one who waits it is news that there was an entry, though it is deleted by now: no entries is what they get. */
function hasPassed({ readyKey }: Context, stream: StreamLog | undefined, id: StreamId): boolean {
  return readyKey !== undefined && stream !== undefined && compareIds(stream.lastId, id) > 0
}

/** What XREADGROUP does with one key, once it is known that it does something. */
interface Turn {
  key: string
  stream: StreamLog
  group: ConsumerGroup
  /** The consumer's own history from here on, instead of what is new. */
  historyAfter?: StreamId
}

function xreadgroup(ctx: Context, argv: Arg[]): void {
  const reading = readingOf(argv, true)
  const { first, size } = reading
  const turns: Turn[] = []
  for (let i = first; i < first + size; i++) {
    const key = text(argv[i])
    if (ctx.readyKey !== undefined && key !== ctx.readyKey) continue
    const { stream, group } = groupToRead(ctx, argv[i], reading.group!)
    const historyAfter = historyFrom(argv[i + size])
    turns.push(historyAfter === undefined ? { key, stream, group } : { key, stream, group, historyAfter })
    if (ctx.readyKey !== undefined) break
  }
  // Redis looks each key up a second time.
  if (ctx.readyKey === undefined) for (const { key } of turns) lookupRead(ctx, key)
  const parts: [string, Part][] = []
  let effects = 0
  for (const turn of turns) {
    const { key, stream, group, historyAfter } = turn
    const last = stream.lastEntryId
    const isNews = (last !== undefined && compareIds(last, group.lastId) > 0) || hasPassed(ctx, stream, group.lastId)
    if (historyAfter === undefined && !isNews) continue
    ctx.db.willChange(key)
    const name = reading.consumer!
    let consumer = group.consumers.get(name)
    if (consumer === undefined) {
      consumer = group.createConsumer(name, ctx.now)!
      ctx.notify('t', 'xgroup-createconsumer', key)
      if (reading.noAck) {
        ctx.effect('XGROUP', 'CREATECONSUMER', key, group.name, name)
        effects++
      }
    }
    consumer.seenAt = ctx.now
    if (historyAfter !== undefined)
      parts.push([key, history(ctx, stream, group, consumer, historyAfter, reading.count)])
    else {
      const entries = entriesAfter(stream, group.lastId, countOf(ctx, reading))
      effects += handOut(ctx, turn, consumer, entries, reading.noAck)
      parts.push([key, () => replyEntries(ctx.reply, entries)])
    }
    didChangeGroup(ctx, key, stream)
    ctx.changed()
  }
  if (effects === 0) ctx.noEffect()
  if (parts.length > 0) answer(ctx, parts)
  else waitOrGiveUp(ctx, reading, argv, true)
}

function groupToRead(ctx: Context, key: Arg, name: Arg): { stream: StreamLog; group: ConsumerGroup } {
  if (ctx.readyKey !== undefined) {
    // It waited for this key.
    const value = ctx.db.peek(text(key))
    if (!(value instanceof StreamLog)) throw new ReplyError('UNBLOCKED the stream key no longer exists')
    const group = value.groups.get(text(name))
    if (group !== undefined) return { stream: value, group }
    throw new ReplyError('NOGROUP the consumer group this client was blocked on no longer exists')
  }
  const stream = streamAt(ctx, text(key))
  const group = stream?.groups.get(text(name))
  if (group === undefined) throw streamErrors.noKeyOrGroup(key, name, ' in XREADGROUP with GROUP option')
  return { stream: stream!, group }
}

/** The id behind which a consumer's history is asked for; undefined for `>`, what is new. */
function historyFrom(arg: Arg): StreamId | undefined {
  const id = text(arg)
  if (id === '$') {
    throw new ReplyError(
      'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by ' +
        'specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
    )
  }
  if (id === '>') return undefined
  const after = idArg(arg)
  // The highest id there can be means the same to Redis.
  return compareIds(after, MAX_ID) === 0 ? undefined : after
}

/** New entries go to a consumer. Says how many effects that has. */
function handOut(
  ctx: Context,
  { key, stream, group }: Turn,
  consumer: Consumer,
  entries: readonly StreamEntry[],
  noAck: boolean,
): number {
  for (const { id } of entries) {
    if (group.entriesRead !== null && !stream.hasGapFrom(id)) group.entriesRead = plus64(group.entriesRead, 1)
    else if (stream.entriesAdded !== 0) group.entriesRead = stream.addedUpTo(id)
    group.lastId = id
    if (!noAck) {
      group.assign(id, consumer, ctx.now, 1)
      claimEffect(ctx, key, group, id, formatId(id))
    }
  }
  if (entries.length === 0) return 0
  consumer.activeAt = ctx.now
  if (!noAck) return entries.length
  setIdEffect(ctx, key, group)
  return 1
}

/** Streams what is known of a pending entry that a consumer has, as Redis 7.0 does: again and again with the same outcome. */
export function claimEffect(ctx: Context, key: string, group: ConsumerGroup, id: StreamId, idText: string): void {
  const { consumer, deliveredAt, deliveries } = group.pending.get(id)!
  const delivery = ['TIME', deliveredAt, 'RETRYCOUNT', String(signed64(deliveries)), 'FORCE', 'JUSTID']
  const lastId = formatId(group.lastId)
  ctx.effect('XCLAIM', key, group.name, consumer!.name, 0, idText, ...delivery, 'LASTID', lastId)
}

export function setIdEffect(ctx: Context, key: string, { name, lastId, entriesRead }: ConsumerGroup): void {
  ctx.effect(
    'XGROUP',
    'SETID',
    key,
    name,
    formatId(lastId),
    'ENTRIESREAD',
    entriesRead === null ? -1 : String(signed64(entriesRead)),
  )
}

/** What the consumer was handed out before and has not acknowledged: counts as handed out again. */
function history(
  { reply, now }: Context,
  stream: StreamLog,
  group: ConsumerGroup,
  consumer: Consumer,
  after: StreamId,
  count: number,
): Part {
  const entries: (StreamEntry | StreamId)[] = []
  for (const pending of consumer.pending.from(idAfter(after)!)) {
    const entry = stream.get(pending.id)
    if (entry !== undefined) group.redeliver(pending, now, plus64(pending.deliveries, 1))
    if (entries.push(entry ?? pending.id) === count) break
  }
  return () => {
    reply.array(entries.length)
    for (const one of entries) {
      if ('fields' in one) replyEntry(reply, one)
      else {
        // The entry was deleted meanwhile.
        reply.array(2)
        replyId(reply, one)
        reply.nullArray()
      }
    }
  }
}

/** The first half of what is behind STREAMS, which is looked for from argv[from] on. */
function keysBehindStreams(argv: readonly Arg[], from: number): number[] {
  const at = argv.findIndex((arg, i) => i >= from && option(arg) === 'STREAMS')
  if (at < 0) return []
  return Array.from({ length: Math.floor((argv.length - 1 - at) / 2) }, (_, i) => at + 1 + i)
}

export const streamReads: readonly Command[] = [
  command({
    name: 'XREAD',
    arity: -4,
    flags: 'readonly blocking movablekeys',
    keys: '0 0 0',
    findKeys: (argv) => keysBehindStreams(argv, 1),
    group,
    since: '5.0.0',
    summary: 'Lists the entries behind given ids in several streams, or waits for one.',
    complexity: 'O(M) for M entries.',
    syntax: '[COUNT count] [BLOCK milliseconds] STREAMS <key [key ...] id [id ...]>',
    run: xread,
  }),
  command({
    name: 'XREADGROUP',
    arity: -7,
    flags: 'write blocking movablekeys',
    keys: '0 0 0',
    findKeys: (argv) => keysBehindStreams(argv, 4),
    group,
    since: '5.0.0',
    summary: 'Hands new entries of streams out to a consumer of a group, or lists those that it was handed before.',
    complexity: 'O(M) for M entries.',
    syntax: 'GROUP <group consumer> [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS <key [key ...] id [id ...]>',
    run: xreadgroup,
  }),
]
