// What the stream commands ask of their arguments, and how they show entries. Knows no single command.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { Value } from '../keyspace/keyspace.js'
import {
  type ConsumerGroup,
  formatId,
  type NodeLimits,
  type StreamEntry,
  type StreamId,
  StreamLog,
} from '../keyspace/stream.js'
import { idAfter, idBefore, parseId, UINT64_MAX, type Uint64 } from '../keyspace/stream-id.js'
import { quoteArg, type Reply } from '../protocol/writer.js'
import { type Context, parseInteger, text } from './command.js'
import { lookupRead } from './lookup.js'

export const streamErrors = {
  invalidId: () => new ReplyError('ERR Invalid stream ID specified as stream command argument'),
  noGroup: (key: Arg, group: Arg) =>
    new ReplyError(`NOGROUP No such consumer group '${whole(group)}' for key name '${whole(key)}'`),
  noKeyOrGroup: (key: Arg, group: Arg, where = '') =>
    new ReplyError(`NOGROUP No such key '${whole(key)}' or consumer group '${whole(group)}'${where}`),
  /** `name`: the command's, in capitals. */
  subcommandSyntax: (name: string, word: Arg) =>
    new ReplyError(`ERR unknown subcommand or wrong number of arguments for '${quoteArg(word)}'. Try ${name} HELP.`),
} as const

/** An argument for an error message, however long. */
function whole(arg: Arg): string {
  return quoteArg(arg, Number.POSITIVE_INFINITY)
}

/** An id of an entry: `ms` or `ms-seq`. `missingSeq`: what stands for a second number that is left out. */
export function idArg(arg: Arg, missingSeq: Uint64 = 0): StreamId {
  const id = parseId(text(arg), missingSeq)
  if (id === undefined) throw streamErrors.invalidId()
  return id
}

/** As `idArg`; also `-` and `+`, the lowest and the highest there can be. */
export function anyIdArg(arg: Arg, missingSeq: Uint64 = 0): StreamId {
  const id = text(arg)
  if (id === '-') return { ms: 0, seq: 0 }
  return id === '+' ? { ms: UINT64_MAX, seq: UINT64_MAX } : idArg(arg, missingSeq)
}

/** Where a range begins; behind the id when it is given as `(id`. */
export function startArg(arg: Arg): StreamId {
  const id = text(arg)
  if (!isExclusive(id)) return anyIdArg(arg)
  const start = idAfter(idArg(id.slice(1)))
  if (start === undefined) throw new ReplyError('ERR invalid start ID for the interval')
  return start
}

/** Where a range ends; before the id when it is given as `(id`. */
export function endArg(arg: Arg): StreamId {
  const id = text(arg)
  if (!isExclusive(id)) return anyIdArg(arg, UINT64_MAX)
  const end = idBefore(idArg(id.slice(1), UINT64_MAX))
  if (end === undefined) throw new ReplyError('ERR invalid end ID for the interval')
  return end
}

function isExclusive(id: string): boolean {
  return id.length > 1 && id.startsWith('(')
}

/** All of them, before the first is acted upon. */
export function idArgs(argv: readonly Arg[], first: number): StreamId[] {
  const ids: StreamId[] = []
  for (let i = first; i < argv.length; i++) ids.push(idArg(argv[i]))
  return ids
}

/** An integer of 64 bits, as a number. Beyond 2^53 it is near enough for counts and times. Throws an error of its own. */
export function integerOr(arg: Arg, message: string): number {
  const value = parseInteger(arg)
  if (value === undefined) throw new ReplyError(message)
  return Number(value)
}

export function nodeLimits({ server: { config } }: Context): NodeLimits {
  return { maxEntries: config.number('stream-node-max-entries'), maxBytes: config.number('stream-node-max-bytes') }
}

export interface GroupOfKey {
  stream: StreamLog
  group: ConsumerGroup
}

/** The group at a key, for commands that Redis counts as reads of it; undefined when there is no such key or group. */
export function readGroup(ctx: Context, key: Arg, name: Arg): GroupOfKey | undefined {
  return groupIn(lookupRead(ctx, text(key)), name)
}

/** The group in what was found at a key. Throws WRONGTYPE. */
export function groupIn(value: Value | undefined, name: Arg): GroupOfKey | undefined {
  if (value === undefined) return undefined
  if (!(value instanceof StreamLog)) throw replyErrors.wrongType()
  const group = value.groups.get(text(name))
  return group === undefined ? undefined : { stream: value, group }
}

/**
 * A change to a group only, not to the entries, is over: such a change does not break a WATCH, nor wake anybody. Before it
 * comes `ctx.db.willChange(key)`.
 */
export function didChangeGroup({ db }: Context, key: string, stream: StreamLog): void {
  db.recency?.add(key, stream)
}

export function replyId(reply: Reply, id: StreamId): void {
  reply.bulk(formatId(id))
}

export function replyEntry(reply: Reply, { id, fields }: StreamEntry): void {
  reply.array(2)
  replyId(reply, id)
  reply.array(fields.length)
  for (const one of fields) reply.bulk(one)
}

export function replyEntries(reply: Reply, entries: readonly StreamEntry[]): void {
  reply.array(entries.length)
  for (const entry of entries) replyEntry(reply, entry)
}
