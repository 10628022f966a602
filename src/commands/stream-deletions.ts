// Entries deleted one by one: XDEL, and with a say in what becomes of them in the groups XDELEX and XACKDEL (Redis 8.2).

import type { Arg } from '../bytes.js'
import { StreamLog } from '../keyspace/stream.js'
import { type Command, type Context, command, text } from './command.js'
import { writeAs } from './lookup.js'
import { didChangeGroup, idArgs } from './stream-args.js'
import { deletionArgs, dropReferences, isReferenced } from './stream-references.js'

const group = 'stream'

function xdel(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const stream = writeAs(ctx, key, StreamLog)
  if (stream === undefined) {
    ctx.reply.integer(0)
    return
  }
  const ids = idArgs(argv, 2)
  let deleted = 0
  for (const id of ids) {
    if (!stream.has(id)) continue
    ctx.db.willChange(key)
    stream.delete(id)
    deleted++
  }
  ctx.reply.integer(deleted)
  if (deleted > 0) deletedFrom(ctx, key, stream, deleted)
}

function deletedFrom(ctx: Context, key: string, stream: StreamLog, count: number): void {
  ctx.db.didChange(key, stream)
  ctx.changed(count)
  ctx.notify('t', 'xdel', key)
}

/** What XDELEX and XACKDEL answer for each id. */
const NOT_THERE = -1
const DELETED = 1
const STILL_REFERENCED = 2

function xdelex(ctx: Context, argv: Arg[]): void {
  const { references, ids } = deletionArgs(argv, 2)
  const key = text(argv[1])
  const stream = writeAs(ctx, key, StreamLog)
  const { reply } = ctx
  if (stream === undefined) {
    reply.array(ids.length)
    for (const _ of ids) reply.integer(NOT_THERE)
    return
  }
  const parsed = idArgs(ids, 0)
  ctx.db.willChange(key)
  let deleted = 0
  let dropped = 0
  reply.array(parsed.length)
  for (const id of parsed) {
    if (references === 'ACKED' && isReferenced(stream, id)) {
      reply.integer(STILL_REFERENCED)
      continue
    }
    if (references === 'DELREF' && dropReferences(stream, id)) dropped++
    const isDeleted = stream.delete(id)
    if (isDeleted) deleted++
    reply.integer(isDeleted ? DELETED : NOT_THERE)
  }
  if (deleted > 0) deletedFrom(ctx, key, stream, deleted)
  else if (dropped > 0) {
    didChangeGroup(ctx, key, stream)
    ctx.changed(dropped)
  }
}

function xackdel(ctx: Context, argv: Arg[]): void {
  const { references, ids } = deletionArgs(argv, 3)
  const key = text(argv[1])
  const stream = writeAs(ctx, key, StreamLog)
  const own = stream?.groups.get(text(argv[2]))
  const { reply } = ctx
  if (stream === undefined || own === undefined) {
    reply.array(ids.length)
    for (const _ of ids) reply.integer(NOT_THERE)
    return
  }
  const parsed = idArgs(ids, 0)
  ctx.db.willChange(key)
  let acknowledged = 0
  let deleted = 0
  reply.array(parsed.length)
  for (const id of parsed) {
    if (!own.acknowledge(id)) {
      reply.integer(NOT_THERE)
      continue
    }
    acknowledged++
    if (references === 'ACKED' && isReferenced(stream, id)) {
      reply.integer(STILL_REFERENCED)
      continue
    }
    if (references === 'DELREF') dropReferences(stream, id)
    if (stream.delete(id)) deleted++
    reply.integer(DELETED)
  }
  if (deleted > 0) deletedFrom(ctx, key, stream, acknowledged)
  else if (acknowledged > 0) {
    didChangeGroup(ctx, key, stream)
    ctx.changed(acknowledged)
  }
}

export const streamDeletions: readonly Command[] = [
  command({
    name: 'XDEL',
    arity: -3,
    flags: 'write fast',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Deletes entries of a stream.',
    complexity: 'O(log N) for each entry.',
    syntax: 'key id [id ...]',
    run: xdel,
  }),
  command({
    name: 'XDELEX',
    arity: -5,
    flags: 'write fast',
    keys: '1 1 1',
    group,
    since: '8.2.0',
    summary: 'Deletes entries, and says what becomes of them in the groups that have not acknowledged them.',
    complexity: 'O(log N) for each entry and group.',
    syntax: 'key [KEEPREF | DELREF | ACKED] <IDS numids id [id ...]>',
    run: xdelex,
  }),
  command({
    name: 'XACKDEL',
    arity: -6,
    flags: 'write fast',
    keys: '1 1 1',
    group,
    since: '8.2.0',
    summary: 'Acknowledges entries for a group and deletes them.',
    complexity: 'O(log N) for each entry and group.',
    syntax: 'key group [KEEPREF | DELREF | ACKED] <IDS numids id [id ...]>',
    run: xackdel,
  }),
]
