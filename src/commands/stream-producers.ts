// Retries that add nothing (Redis 8.6): XADD with IDMP or IDMPAUTO, and the commands that set up what is remembered of the
// producers. A primary streams the first of equal messages with its id, and the others as they came, with `*`.

import { type Arg, latin1Of, latin1Slice } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { type StreamId, StreamLog } from '../keyspace/stream.js'
import { plus64 } from '../keyspace/stream-id.js'
import { Idempotence } from '../keyspace/stream-idempotence.js'
import { bigInteger, type Command, type Context, command, option, text } from './command.js'
import { writeAs } from './lookup.js'
import { didChangeGroup, idArg, replyId } from './stream-args.js'

const group = 'stream'
const MAX_DURATION_SECONDS = 86_400
const MAX_MESSAGES = 10_000

/** What an XADD says of where it comes from. */
export interface Message {
  producer: string
  /** The producer's own id of it; null: the same fields are the same message. */
  id: string | null
  /** Arguments that it takes. */
  size: number
}

/** `IDMP producer id` or `IDMPAUTO producer` at argv[i]; null for anything else. */
export function messageOption(word: string, argv: readonly Arg[], i: number, before: Message | null): Message | null {
  const size = word === 'IDMP' ? 3 : word === 'IDMPAUTO' ? 2 : 0
  if (size === 0 || i + size > argv.length) return null
  if (before !== null) throw new ReplyError('ERR syntax error, IDMP/IDMPAUTO specified multiple times')
  const producer = text(argv[i + 1])
  if (producer === '') throw new ReplyError(`ERR syntax error, ${word} requires a non-empty producer ID`)
  if (size === 2) return { producer, id: null, size }
  const id = text(argv[i + 2])
  if (id === '') throw new ReplyError('ERR syntax error, IDMP requires a non-empty idempotent ID')
  return { producer, id, size }
}

/** Whether the message is there already: then it is answered with the id of its entry. `isOpen`: it was given no id. */
export function repeated(
  ctx: Context,
  { idempotence }: StreamLog,
  message: Message,
  fields: readonly string[],
  isOpen: boolean,
): boolean {
  // A primary has decided: it gives an id to those that are new.
  if (ctx.fromPrimary) {
    if (isOpen && idempotence !== null) idempotence.duplicates = plus64(idempotence.duplicates, 1)
    return isOpen
  }
  if (idempotence === null) return false
  const since = ctx.now - idempotence.durationSeconds * 1000
  const found = idempotence.find(message.producer, messageId(ctx, message, fields), since)
  if (found === undefined) return false
  idempotence.duplicates = plus64(idempotence.duplicates, 1)
  replyId(ctx.reply, found)
  return true
}

export function remember(
  ctx: Context,
  stream: StreamLog,
  message: Message,
  fields: readonly string[],
  id: StreamId,
): void {
  stream.idempotence ??= new Idempotence()
  const { idempotence } = stream
  idempotence.forgetBefore(ctx.now - idempotence.durationSeconds * 1000)
  idempotence.remember(message.producer, messageId(ctx, message, fields), id)
  idempotence.added = plus64(idempotence.added, 1)
}

/** An id made of the fields is a hash: ours, not that of Redis, and no other node ever sees it. */
function messageId({ server }: Context, { id }: Message, fields: readonly string[]): string {
  return id ?? latin1Slice(server.env.sha1(latin1Of(JSON.stringify(fields))))
}

function xcfgset(ctx: Context, argv: Arg[]): void {
  let durationSeconds: number | undefined
  let maxSize: number | undefined
  for (let i = 2; i < argv.length; i += 2) {
    const word = option(argv[i])
    if (i + 1 === argv.length) throw replyErrors.syntax()
    if (word === 'IDMP-DURATION') durationSeconds = between(argv[i + 1], MAX_DURATION_SECONDS, word, 'seconds')
    else if (word === 'IDMP-MAXSIZE') maxSize = between(argv[i + 1], MAX_MESSAGES, word, 'entries')
    else throw replyErrors.syntax()
  }
  const key = text(argv[1])
  const stream = writeAs(ctx, key, StreamLog)
  if (stream === undefined) throw replyErrors.noSuchKey()
  if (durationSeconds === undefined && maxSize === undefined)
    throw new ReplyError('ERR At least one parameter must be specified')
  const before = stream.idempotence ?? new Idempotence()
  const after = new Idempotence(durationSeconds ?? before.durationSeconds, maxSize ?? before.maxSize)
  ctx.reply.ok()
  if (after.durationSeconds === before.durationSeconds && after.maxSize === before.maxSize) return
  ctx.db.willChange(key)
  // What was remembered under other rules is forgotten.
  after.added = before.added
  after.duplicates = before.duplicates
  stream.idempotence = after
  didChangeGroup(ctx, key, stream)
  ctx.changed()
}

function between(arg: Arg, max: number, name: string, unit: string): number {
  const value = bigInteger(arg)
  if (value < 1n || value > max) throw new ReplyError(`ERR ${name} must be between 1 and ${max} ${unit}`)
  return Number(value)
}

function xidmprecord(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const stream = writeAs(ctx, key, StreamLog)
  if (stream === undefined) throw replyErrors.noSuchKey()
  const id = idArg(argv[4])
  if (!stream.has(id)) throw new ReplyError('ERR No such message in stream')
  ctx.db.willChange(key)
  stream.idempotence ??= new Idempotence()
  stream.idempotence.remember(text(argv[2]), text(argv[3]), id)
  didChangeGroup(ctx, key, stream)
  ctx.changed()
  ctx.reply.ok()
}

export const producerCommands: readonly Command[] = [
  command({
    name: 'XCFGSET',
    arity: -2,
    flags: 'write fast',
    keys: '1 1 1',
    group,
    since: '8.6.0',
    summary: 'Sets how long and how many messages of each producer a stream remembers.',
    complexity: 'O(1)',
    syntax: 'key [IDMP-DURATION duration:integer] [IDMP-MAXSIZE maxsize:integer]',
    run: xcfgset,
  }),
  command({
    name: 'XIDMPRECORD',
    arity: 5,
    flags: 'write denyoom fast',
    keys: '1 1 1',
    group,
    since: '8.6.2',
    summary: "Remembers which entry a producer's message became, for replication.",
    complexity: 'O(1)',
    syntax: 'key pid iid stream-id',
    run: xidmprecord,
  }),
]
