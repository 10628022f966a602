// Streams: entries added, trimmed and listed. They are deleted in stream-deletions.ts and read as they come in
// stream-reads.ts; groups are in stream-groups.ts and stream-claims.ts, what XINFO tells in stream-info.ts.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { formatId, MIN_ID, type StreamId, StreamLog } from '../keyspace/stream.js'
import { compareIds, idAfter, isZeroId, UINT64_MAX, type Uint64, uint64 } from '../keyspace/stream-id.js'
import { bigInteger, type Command, type Context, command, option, text } from './command.js'
import { readAs, writeAs } from './lookup.js'
import { didChangeGroup, endArg, idArg, nodeLimits, replyEntries, replyId, startArg } from './stream-args.js'
import { streamClaims } from './stream-claims.js'
import { streamDeletions } from './stream-deletions.js'
import { streamGroups } from './stream-groups.js'
import { streamInfo } from './stream-info.js'
import { type Message, messageOption, producerCommands, remember, repeated } from './stream-producers.js'
import { streamReads } from './stream-reads.js'
import { trimHooks } from './stream-references.js'
import { settleThreshold, TrimOptions } from './stream-trim.js'

const group = 'stream'

interface Addition {
  options: TrimOptions
  limit: number
  /** Where the id stands in argv. */
  idAt: number
  /** None: `*`. */
  ms?: Uint64
  /** None: `*` or `ms-*`. */
  seq?: Uint64
  mayCreate: boolean
  message: Message | null
}

function additionOf(ctx: Context, argv: readonly Arg[]): Addition {
  const options = new TrimOptions()
  const addition: Addition = { options, limit: 0, idAt: 2, mayCreate: true, message: null }
  for (let i = 2; i < argv.length; ) {
    addition.idAt = i
    if (text(argv[i]) === '*') break
    const taken = options.take(argv, i) || takeAddition(addition, argv, i)
    if (taken === 0) {
      Object.assign(addition, newId(text(argv[i])))
      break
    }
    i += taken
    addition.idAt = i
  }
  addition.limit = options.limit(ctx, false)
  return addition
}

/** The options that only XADD has. */
function takeAddition(addition: Addition, argv: readonly Arg[], i: number): number {
  const word = option(argv[i])
  if (word === 'NOMKSTREAM') {
    addition.mayCreate = false
    return 1
  }
  const found = messageOption(word, argv, i, addition.message)
  if (found === null) return 0
  addition.message = found
  return found.size
}

/** `ms-seq`, `ms` or `ms-*`. */
function newId(id: string): { ms: Uint64; seq?: Uint64 } {
  const isOpen = id.endsWith('-*')
  const { ms, seq } = idArg(isOpen ? `${id.slice(0, -1)}0` : id)
  return isOpen ? { ms } : { ms, seq }
}

function xadd(ctx: Context, argv: Arg[]): void {
  const addition = additionOf(ctx, argv)
  const { options, idAt, ms, seq, message } = addition
  const first = idAt + 1
  if (argv.length - first < 2 || (argv.length - first) % 2 === 1) throw replyErrors.arity('xadd')
  if (ms === 0 && seq === 0) throw new ReplyError('ERR The ID specified in XADD must be greater than 0-0')
  if (message !== null && ms !== undefined && !ctx.fromPrimary)
    throw new ReplyError('ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs')
  const key = text(argv[1])
  const before = writeAs(ctx, key, StreamLog)
  if (before === undefined && !addition.mayCreate) {
    ctx.reply.null()
    return
  }
  const fields = argv.slice(first).map(text)
  if (message !== null && before !== undefined && repeated(ctx, before, message, fields, ms === undefined)) return
  const stream = before ?? new StreamLog()
  const id = idFor(ctx, stream, ms, seq)
  if (before !== undefined) ctx.db.willChange(key)
  stream.append(id, fields, nodeLimits(ctx))
  if (message !== null) remember(ctx, stream, message, fields, id)
  const { trimming } = options
  const trimmed =
    trimming === null
      ? 0
      : stream.trim({ ...trimming, limit: addition.limit, ...trimHooks(stream, options.references) })
  if (before === undefined) ctx.db.set(key, stream)
  else ctx.db.didChange(key, stream)
  ctx.server.blocking.signal(ctx.db.index, key)
  ctx.changed()
  replyId(ctx.reply, id)
  ctx.notify('t', 'xadd', key)
  if (trimmed > 0) ctx.notify('t', 'xtrim', key)
  if (seq === undefined || trimming?.approximate) {
    const effect = argv.slice()
    if (trimming !== null) settleThreshold(effect, trimming, stream)
    if (seq === undefined) effect[idAt] = formatId(id)
    ctx.effect(...effect)
  }
}

/** The id of an entry that is to be added. Throws when it would not be above all others. */
function idFor({ now }: Context, { lastId }: StreamLog, ms: Uint64 | undefined, seq: Uint64 | undefined): StreamId {
  if (lastId.ms === UINT64_MAX && lastId.seq === UINT64_MAX)
    throw new ReplyError('ERR The stream has exhausted the last possible ID, unable to add more items')
  if (ms === undefined) return now > lastId.ms ? { ms: now, seq: 0 } : idAfter(lastId)!
  if (seq === undefined && ms === lastId.ms && lastId.seq !== UINT64_MAX) return idAfter(lastId)!
  const id = { ms, seq: seq ?? 0 }
  if (compareIds(id, lastId) <= 0)
    throw new ReplyError('ERR The ID specified in XADD is equal or smaller than the target stream top item')
  return id
}

function xtrim(ctx: Context, argv: Arg[]): void {
  const options = new TrimOptions()
  for (let i = 2; i < argv.length; ) {
    const taken = options.take(argv, i)
    if (taken === 0) throw replyErrors.syntax()
    i += taken
  }
  const limit = options.limit(ctx, true)
  const trimming = options.trimming!
  const key = text(argv[1])
  const stream = writeAs(ctx, key, StreamLog)
  if (stream === undefined) {
    ctx.reply.integer(0)
    return
  }
  ctx.db.willChange(key)
  const trimmed = stream.trim({ ...trimming, limit, ...trimHooks(stream, options.references) })
  ctx.reply.integer(trimmed)
  if (trimmed === 0) return
  ctx.db.didChange(key, stream)
  ctx.changed(trimmed)
  ctx.notify('t', 'xtrim', key)
  if (trimming.approximate) {
    const effect = argv.slice()
    settleThreshold(effect, trimming, stream)
    ctx.effect(...effect)
  }
}

function xlen(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(readAs(ctx, text(argv[1]), StreamLog)?.size ?? 0)
}

function range(ctx: Context, argv: Arg[], reverse: boolean): void {
  const start = startArg(argv[reverse ? 3 : 2])
  const end = endArg(argv[reverse ? 2 : 3])
  let count = Number.POSITIVE_INFINITY
  for (let i = 4; i < argv.length; i += 2) {
    if (option(argv[i]) !== 'COUNT' || i + 1 === argv.length) throw replyErrors.syntax()
    count = Number(bigInteger(argv[i + 1]))
  }
  const stream = readAs(ctx, text(argv[1]), StreamLog)
  if (stream === undefined) ctx.reply.array(0)
  else if (count <= 0) ctx.reply.nullArray()
  else replyEntries(ctx.reply, stream.range(start, end, count, reverse))
}

function xsetid(ctx: Context, argv: Arg[]): void {
  const id = idArg(argv[2])
  let entriesAdded: bigint | undefined
  let maxDeletedId: StreamId = MIN_ID
  for (let i = 3; i < argv.length; i += 2) {
    const word = option(argv[i])
    if (i + 1 === argv.length) throw replyErrors.syntax()
    if (word === 'ENTRIESADDED') {
      entriesAdded = bigInteger(argv[i + 1])
      if (entriesAdded < 0n) throw new ReplyError('ERR entries_added must be positive')
    } else if (word === 'MAXDELETEDID') {
      maxDeletedId = idArg(argv[i + 1])
      if (compareIds(id, maxDeletedId) < 0)
        throw new ReplyError('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id')
    } else throw replyErrors.syntax()
  }
  const key = text(argv[1])
  const stream = writeAs(ctx, key, StreamLog)
  if (stream === undefined) throw replyErrors.noSuchKey()
  const last = stream.lastEntryId
  if (last !== undefined) {
    if (compareIds(id, last) < 0)
      throw new ReplyError('ERR The ID specified in XSETID is smaller than the target stream top item')
    if (entriesAdded !== undefined && stream.size > entriesAdded)
      throw new ReplyError('ERR The entries_added specified in XSETID is smaller than the target stream length')
  }
  ctx.db.willChange(key)
  stream.lastId = id
  if (entriesAdded !== undefined) stream.entriesAdded = uint64(entriesAdded)
  if (!isZeroId(maxDeletedId)) stream.maxDeletedId = maxDeletedId
  didChangeGroup(ctx, key, stream)
  ctx.changed()
  ctx.reply.ok()
  ctx.notify('t', 'xsetid', key)
}

const trimSyntax = '<<MAXLEN | MINID> [= | ~] threshold [LIMIT count]>'

export const streamCommands: readonly Command[] = [
  command({
    name: 'XADD',
    arity: -5,
    flags: 'write denyoom fast',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Appends an entry to a stream.',
    complexity: 'O(1), and O(N) for N entries that are trimmed.',
    syntax: `key [NOMKSTREAM] [${trimSyntax.slice(1, -1)}] <* | id> field value [field value ...]`,
    run: xadd,
  }),
  command({
    name: 'XTRIM',
    arity: -4,
    flags: 'write',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Removes the oldest entries of a stream.',
    complexity: 'O(N) for N entries that are removed.',
    syntax: `key ${trimSyntax}`,
    run: xtrim,
  }),
  command({
    name: 'XLEN',
    arity: 2,
    flags: 'readonly fast',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Counts the entries of a stream.',
    complexity: 'O(1)',
    syntax: 'key',
    run: xlen,
  }),
  command({
    name: 'XRANGE',
    arity: -4,
    flags: 'readonly',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Lists the entries between two ids.',
    complexity: 'O(log N) to find the first, and O(M) for M entries.',
    syntax: 'key start end [COUNT count]',
    run: (ctx, argv) => range(ctx, argv, false),
  }),
  command({
    name: 'XREVRANGE',
    arity: -4,
    flags: 'readonly',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Lists the entries between two ids, the newest first.',
    complexity: 'O(log N) to find the first, and O(M) for M entries.',
    syntax: 'key end start [COUNT count]',
    run: (ctx, argv) => range(ctx, argv, true),
  }),
  command({
    name: 'XSETID',
    arity: -3,
    flags: 'write denyoom fast',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: "Sets a stream's last id and counters, for replication.",
    complexity: 'O(1)',
    syntax: 'key last-id [ENTRIESADDED entries_added:integer] [MAXDELETEDID max_deleted_entry_id]',
    run: xsetid,
  }),
  ...streamDeletions,
  ...producerCommands,
  ...streamReads,
  ...streamGroups,
  ...streamClaims,
  streamInfo,
]
