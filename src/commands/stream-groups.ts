// Consumer groups: made, set back, acknowledged to, and what is pending in them. Entries are handed out in stream-reads.ts
// and change hands in stream-claims.ts.

import { type Arg, compareText } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { type Consumer, type ConsumerGroup, MIN_ID, type StreamId, StreamLog } from '../keyspace/stream.js'
import { compareIds, signed64, type Uint64, uint64 } from '../keyspace/stream-id.js'
import { bigInteger, type Command, type Context, command, option, text } from './command.js'
import { helpCommand } from './help.js'
import { writeAs } from './lookup.js'
import {
  anyIdArg,
  didChangeGroup,
  endArg,
  type GroupOfKey,
  idArg,
  idArgs,
  readGroup,
  replyId,
  startArg,
  streamErrors,
} from './stream-args.js'

const group = 'stream'

interface GroupOptions {
  makesStream: boolean
  /** Null: unknown. */
  entriesRead: Uint64 | null
}

/** What may follow the id in XGROUP CREATE and SETID. */
function groupOptions(argv: readonly Arg[], mayMakeStream: boolean): GroupOptions {
  const options: GroupOptions = { makesStream: false, entriesRead: null }
  for (let i = 5; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'MKSTREAM' && mayMakeStream) options.makesStream = true
    else if (word === 'ENTRIESREAD' && i + 1 < argv.length) {
      const value = bigInteger(argv[++i])
      if (value < -1n) throw new ReplyError('ERR value for ENTRIESREAD must be positive or -1')
      options.entriesRead = value === -1n ? null : uint64(value)
    } else throw streamErrors.subcommandSyntax('XGROUP', argv[1])
  }
  return options
}

function streamToChange(ctx: Context, argv: readonly Arg[]): StreamLog {
  const stream = writeAs(ctx, text(argv[2]), StreamLog)
  if (stream !== undefined) return stream
  throw new ReplyError(
    'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to ' +
      'create an empty stream automatically.',
  )
}

/** The group that argv names. Throws NOGROUP. */
function groupToChange(ctx: Context, argv: readonly Arg[]): GroupOfKey {
  const stream = streamToChange(ctx, argv)
  const group = stream.groups.get(text(argv[3]))
  if (group === undefined) throw streamErrors.noGroup(argv[2], argv[3])
  return { stream, group }
}

function create(ctx: Context, argv: Arg[]): void {
  const { makesStream, entriesRead } = groupOptions(argv, true)
  const key = text(argv[2])
  const before = makesStream ? writeAs(ctx, key, StreamLog) : streamToChange(ctx, argv)
  if (argv.length > 8) throw streamErrors.subcommandSyntax('XGROUP', argv[1])
  const id = text(argv[4]) === '$' ? (before?.lastId ?? MIN_ID) : idArg(argv[4])
  const name = text(argv[3])
  if (before?.groups.has(name)) throw new ReplyError('BUSYGROUP Consumer Group name already exists')
  const stream = before ?? new StreamLog()
  if (before !== undefined) ctx.db.willChange(key)
  stream.createGroup(name, id, entriesRead)
  if (before === undefined) ctx.db.set(key, stream)
  else didChangeGroup(ctx, key, stream)
  ctx.changed()
  ctx.reply.ok()
  ctx.notify('t', 'xgroup-create', key)
}

function setid(ctx: Context, argv: Arg[]): void {
  const { entriesRead } = groupOptions(argv, false)
  const { stream, group } = groupToChange(ctx, argv)
  if (argv.length !== 5 && argv.length !== 7) throw streamErrors.subcommandSyntax('XGROUP', argv[1])
  const id = text(argv[4]) === '$' ? stream.lastId : anyIdArg(argv[4])
  const key = text(argv[2])
  ctx.db.willChange(key)
  group.lastId = id
  group.entriesRead = entriesRead
  didChangeGroup(ctx, key, stream)
  ctx.changed()
  ctx.reply.ok()
  ctx.notify('t', 'xgroup-setid', key)
}

function destroy(ctx: Context, argv: Arg[]): void {
  const stream = streamToChange(ctx, argv)
  const key = text(argv[2])
  const name = text(argv[3])
  if (!stream.groups.has(name)) {
    ctx.reply.integer(0)
    return
  }
  ctx.db.willChange(key)
  stream.deleteGroup(name)
  ctx.db.didChange(key, stream)
  // Those who wait in this group have to hear of it.
  ctx.server.blocking.signal(ctx.db.index, key)
  ctx.changed()
  ctx.reply.integer(1)
  ctx.notify('t', 'xgroup-destroy', key)
}

function createConsumer(ctx: Context, argv: Arg[]): void {
  const { stream, group } = groupToChange(ctx, argv)
  const key = text(argv[2])
  const name = text(argv[4])
  if (group.consumers.has(name)) {
    ctx.reply.integer(0)
    return
  }
  ctx.db.willChange(key)
  group.createConsumer(name, ctx.now)
  didChangeGroup(ctx, key, stream)
  ctx.changed()
  ctx.reply.integer(1)
  ctx.notify('t', 'xgroup-createconsumer', key)
}

function deleteConsumer(ctx: Context, argv: Arg[]): void {
  const { stream, group } = groupToChange(ctx, argv)
  const key = text(argv[2])
  const consumer = group.consumers.get(text(argv[4]))
  ctx.reply.integer(consumer?.pending.size ?? 0)
  if (consumer === undefined) return
  ctx.db.willChange(key)
  group.deleteConsumer(consumer.name)
  didChangeGroup(ctx, key, stream)
  ctx.changed()
  ctx.notify('t', 'xgroup-delconsumer', key)
}

function xack(ctx: Context, argv: Arg[]): void {
  const found = readGroup(ctx, argv[1], argv[2])
  if (found === undefined) {
    ctx.reply.integer(0)
    return
  }
  const { stream, group } = found
  const key = text(argv[1])
  let acknowledged = 0
  for (const id of idArgs(argv, 3)) {
    if (group.pending.get(id) === undefined) continue
    ctx.db.willChange(key)
    group.acknowledge(id)
    acknowledged++
  }
  ctx.reply.integer(acknowledged)
  if (acknowledged === 0) return
  didChangeGroup(ctx, key, stream)
  ctx.changed(acknowledged)
}

interface PendingQuery {
  start: StreamId
  end: StreamId
  count: number
  minIdleMs: number
  consumer: string | undefined
}

function pendingQuery(argv: readonly Arg[]): PendingQuery | undefined {
  if (argv.length === 3) return undefined
  if (argv.length < 6 || argv.length > 9) throw replyErrors.syntax()
  let at = 3
  let minIdleMs = 0
  if (option(argv[3]) === 'IDLE') {
    minIdleMs = Number(bigInteger(argv[4]))
    if (argv.length < 8) throw replyErrors.syntax()
    at = 5
  }
  const count = Number(bigInteger(argv[at + 2]))
  const start = startArg(argv[at])
  const end = endArg(argv[at + 1])
  return { start, end, count, minIdleMs, consumer: argv.length > at + 3 ? text(argv[at + 3]) : undefined }
}

function xpending(ctx: Context, argv: Arg[]): void {
  const query = pendingQuery(argv)
  const found = readGroup(ctx, argv[1], argv[2])
  if (found === undefined) throw streamErrors.noKeyOrGroup(argv[1], argv[2])
  if (query === undefined) pendingSummary(ctx, found.group)
  else pendingList(ctx, found.group, query)
}

function pendingSummary({ reply }: Context, { pending, consumers }: ConsumerGroup): void {
  reply.array(4)
  reply.integer(pending.size)
  if (pending.size === 0) {
    reply.null()
    reply.null()
    reply.nullArray()
    return
  }
  replyId(reply, pending.first!.id)
  replyId(reply, pending.last!.id)
  const busy = sortedByName(consumers).filter((one) => one.pending.size > 0)
  reply.array(busy.length)
  for (const consumer of busy) {
    reply.array(2)
    reply.bulk(consumer.name)
    reply.bulk(String(consumer.pending.size))
  }
}

/** As Redis shows consumers and groups. */
export function sortedByName<T extends Consumer | ConsumerGroup>(all: ReadonlyMap<string, T>): T[] {
  return [...all.values()].sort((a, b) => compareText(a.name, b.name))
}

function pendingList({ reply, now }: Context, group: ConsumerGroup, query: PendingQuery): void {
  const { start, end, count, minIdleMs } = query
  const consumer = query.consumer === undefined ? undefined : group.consumers.get(query.consumer)
  const list = query.consumer === undefined ? group.pending : consumer?.pending
  const found = []
  if (list !== undefined && count > 0) {
    for (const pending of list.from(start)) {
      if (compareIds(pending.id, end) > 0) break
      if (pending.consumer !== null && minIdleMs !== 0 && now - pending.deliveredAt < minIdleMs) continue
      if (found.push(pending) === count) break
    }
  }
  reply.array(found.length)
  for (const { id, consumer, deliveredAt, deliveries } of found) {
    reply.array(4)
    replyId(reply, id)
    reply.bulk(consumer?.name ?? '')
    reply.integer(consumer === null ? -1 : Math.max(0, now - deliveredAt))
    reply.integer(signed64(deliveries))
  }
}

const xgroup = command({
  name: 'XGROUP',
  arity: -2,
  flags: '',
  group,
  since: '5.0.0',
  summary: 'Makes, changes and removes consumer groups and their consumers.',
  complexity: 'Depends on the subcommand.',
  subcommands: [
    command({
      name: 'XGROUP CREATE',
      arity: -5,
      flags: 'write denyoom',
      keys: '2 2 1',
      group,
      since: '5.0.0',
      summary: 'Makes a consumer group.',
      complexity: 'O(1)',
      syntax: 'key groupname <id | $> [MKSTREAM] [ENTRIESREAD entries_read:integer]',
      run: create,
    }),
    command({
      name: 'XGROUP SETID',
      arity: -5,
      flags: 'write',
      keys: '2 2 1',
      group,
      since: '5.0.0',
      summary: 'Sets the last entry that a group has read.',
      complexity: 'O(1)',
      syntax: 'key groupname <id | $> [ENTRIESREAD entries_read:integer]',
      run: setid,
    }),
    command({
      name: 'XGROUP DESTROY',
      arity: 4,
      flags: 'write',
      keys: '2 2 1',
      group,
      since: '5.0.0',
      summary: 'Removes a consumer group.',
      complexity: 'O(N) for N pending entries.',
      syntax: 'key groupname',
      run: destroy,
    }),
    command({
      name: 'XGROUP CREATECONSUMER',
      arity: 5,
      flags: 'write denyoom',
      keys: '2 2 1',
      group,
      since: '6.2.0',
      summary: 'Makes a consumer in a group.',
      complexity: 'O(1)',
      syntax: 'key groupname consumername',
      run: createConsumer,
    }),
    command({
      name: 'XGROUP DELCONSUMER',
      arity: 5,
      flags: 'write',
      keys: '2 2 1',
      group,
      since: '5.0.0',
      summary: 'Removes a consumer, with what is pending in its name.',
      complexity: 'O(N log M) for N of M pending entries.',
      syntax: 'key groupname consumername',
      run: deleteConsumer,
    }),
    helpCommand({
      of: 'XGROUP',
      group,
      since: '5.0.0',
      lines: [
        'CREATE <key> <groupname> <id|$> [option]',
        '    Make a consumer group. Options are:',
        '    * MKSTREAM',
        '      Make an empty stream if there is none.',
        '    * ENTRIESREAD entries_read',
        '      How many entries the group has read, for replication.',
        'CREATECONSUMER <key> <groupname> <consumer>',
        '    Make a consumer in the group.',
        'DELCONSUMER <key> <groupname> <consumer>',
        '    Remove a consumer.',
        'DESTROY <key> <groupname>',
        '    Remove the group.',
        'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
        '    Set the last entry, and how many, the group has read.',
      ],
    }),
  ],
})

export const streamGroups: readonly Command[] = [
  xgroup,
  command({
    name: 'XACK',
    arity: -4,
    flags: 'write fast',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Acknowledges entries: they are pending no more.',
    complexity: 'O(log N) for each entry.',
    syntax: 'key group id [id ...]',
    run: xack,
  }),
  command({
    name: 'XPENDING',
    arity: -3,
    flags: 'readonly',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Sums up or lists the pending entries of a group.',
    complexity: 'O(log N) to find the first, and O(M) for M entries.',
    syntax: 'key group [[IDLE min-idle-time:integer] start end count [consumer]]',
    run: xpending,
  }),
]
