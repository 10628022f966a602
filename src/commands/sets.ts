// Sets, one at a time: their members, added, removed, counted, drawn at random. Several at once are in set-algebra.ts.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { MemberSet } from '../keyspace/set.js'
import { type Command, type Context, command, INT64_MAX, text } from './command.js'
import { int64, parseInt64 } from './int64.js'
import { lookupRead, readAs, writeAs } from './lookup.js'
import { matching, scanCursor, scanOptions } from './scan.js'
import { membersInOrder, setAlgebra } from './set-algebra.js'

function sadd(ctx: Context, argv: Arg[]): void {
  const { db } = ctx
  const key = text(argv[1])
  const held = writeAs(ctx, key, MemberSet)
  const set = held ?? new MemberSet()
  let added = 0
  for (let i = 2; i < argv.length; i++) {
    const member = text(argv[i])
    if (set.has(member)) continue
    if (added === 0 && held !== undefined) db.willChange(key)
    set.add(member)
    added++
  }
  if (added > 0) {
    if (held === undefined) db.set(key, set)
    else db.didChange(key, set)
    ctx.changed(added)
    ctx.notify('s', 'sadd', key)
  }
  ctx.reply.integer(added)
}

function srem(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const set = writeAs(ctx, key, MemberSet)
  let removed = 0
  if (set !== undefined) {
    for (let i = 2; i < argv.length; i++) {
      const member = text(argv[i])
      if (!set.has(member)) continue
      if (removed === 0) ctx.db.willChange(key)
      set.delete(member)
      removed++
    }
    if (removed > 0) tellRemoved(ctx, key, set, 'srem', removed)
  }
  ctx.reply.integer(removed)
}

/** `count` members are gone, and the key with the last of them. */
function tellRemoved(ctx: Context, key: string, set: MemberSet, event: string, count: number): void {
  ctx.db.didChange(key, set)
  ctx.changed(count)
  ctx.notify('s', event, key)
  if (set.size === 0) ctx.notify('g', 'del', key)
}

function smove(ctx: Context, argv: Arg[]): void {
  const { db, reply } = ctx
  const [, from, to, member] = argv.map(text)
  const source = db.get(from)
  const destination = db.get(to)
  if (source === undefined) {
    reply.integer(0)
    return
  }
  if (!(source instanceof MemberSet) || !(destination === undefined || destination instanceof MemberSet))
    throw replyErrors.wrongType()
  const isThere = source.has(member)
  if (isThere && source !== destination) {
    db.willChange(from)
    source.delete(member)
    tellRemoved(ctx, from, source, 'srem', 1)
    if (addOne(ctx, to, destination, member)) {
      ctx.changed()
      ctx.notify('s', 'sadd', to)
    }
  }
  reply.integer(isThere ? 1 : 0)
}

function addOne({ db }: Context, key: string, held: MemberSet | undefined, member: string): boolean {
  if (held === undefined) {
    db.set(key, new MemberSet([member]))
    return true
  }
  if (held.has(member)) return false
  db.willChange(key)
  held.add(member)
  db.didChange(key, held)
  return true
}

function sismember(ctx: Context, argv: Arg[]): void {
  const set = readAs(ctx, text(argv[1]), MemberSet)
  ctx.reply.integer(set?.has(text(argv[2])) ? 1 : 0)
}

function smismember(ctx: Context, argv: Arg[]): void {
  const set = readAs(ctx, text(argv[1]), MemberSet)
  ctx.reply.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) ctx.reply.integer(set?.has(text(argv[i])) ? 1 : 0)
}

function scard(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(readAs(ctx, text(argv[1]), MemberSet)?.size ?? 0)
}

function smembers(ctx: Context, argv: Arg[]): void {
  const set = readAs(ctx, text(argv[1]), MemberSet)
  const members = set === undefined ? [] : membersInOrder(ctx, set)
  ctx.reply.set(members.length)
  ctx.reply.bulks(members)
}

function spop(ctx: Context, argv: Arg[]): void {
  if (argv.length > 3) throw replyErrors.syntax()
  if (argv.length === 3) {
    popSeveral(ctx, argv)
    return
  }
  const key = text(argv[1])
  const set = writeAs(ctx, key, MemberSet)
  if (set === undefined) {
    ctx.reply.null()
    return
  }
  const member = set.pick(ctx.server.env.random())
  ctx.db.willChange(key)
  set.delete(member)
  tellRemoved(ctx, key, set, 'spop', 1)
  ctx.effect('SREM', key, member)
  ctx.reply.bulk(member)
}

/** Redis takes one member after the other, unless so many go that it builds a new set of those that stay. */
const MOST_TO_POP_SINGLY = 5

function popSeveral(ctx: Context, argv: Arg[]): void {
  const { db, reply, server } = ctx
  const count = parseInt64(argv[2])
  if (count === undefined || count < 0) throw new ReplyError('ERR value is out of range, must be positive')
  const key = text(argv[1])
  const set = writeAs(ctx, key, MemberSet)
  if (set === undefined || count === 0) {
    reply.set(0)
    return
  }
  const { size } = set
  let members: readonly string[]
  if (count >= size) {
    lookupRead(ctx, key) // Redis does here what SMEMBERS does: it is a hit
    members = membersInOrder(ctx, set)
    db.delete(key)
    ctx.changed(size)
    ctx.notify('s', 'spop', key)
    ctx.notify('g', 'del', key)
    ctx.effect('DEL', key)
  } else {
    members = set.sample(Number(count), () => server.env.random())
    db.willChange(key)
    for (const member of members) set.delete(member)
    if (set.size * MOST_TO_POP_SINGLY <= members.length) set.renew()
    tellRemoved(ctx, key, set, 'spop', members.length)
    for (const member of members) ctx.effect('SREM', key, member)
  }
  reply.set(members.length)
  for (const member of members) reply.bulk(member)
}

function srandmember(ctx: Context, argv: Arg[]): void {
  if (argv.length > 3) throw replyErrors.syntax()
  const { reply, server } = ctx
  const count = argv.length === 3 ? drawCount(argv[2]) : undefined
  const set = readAs(ctx, text(argv[1]), MemberSet)
  if (count === undefined) reply.bulk(set?.pick(server.env.random()) ?? null)
  else if (set === undefined) reply.array(0)
  else if (count < 0) {
    // Negative: drawn anew each time, so that a member may come again.
    reply.array(-count)
    for (let i = count; i < 0; i++) reply.bulk(set.pick(server.env.random()))
  } else {
    const isAll = count > 1 && count >= set.size
    const members = isAll ? membersInOrder(ctx, set) : set.sample(count, () => server.env.random())
    reply.array(members.length)
    for (const member of members) reply.bulk(member)
  }
}

function drawCount(arg: Arg): number {
  const count = int64(arg)
  if (count < -INT64_MAX)
    throw new ReplyError(`ERR value is out of range, value must between ${-INT64_MAX} and ${INT64_MAX}`)
  return Number(count)
}

function sscan(ctx: Context, argv: Arg[]): void {
  const { reply, server } = ctx
  const cursor = scanCursor(argv[2])
  const set = readAs(ctx, text(argv[1]), MemberSet)
  // Redis looks at the options only when there is something to scan.
  const { count, pattern } = set === undefined ? { count: 1, pattern: undefined } : scanOptions(argv, 3)
  let next = 0
  let members: readonly string[] = []
  if (set?.isIntset(server.config.number('set-max-intset-entries'))) members = membersInOrder(ctx, set)
  else if (set !== undefined) ({ cursor: next, members } = set.scan(cursor, Number(count)))
  if (pattern !== undefined) members = matching(members, pattern)
  reply.array(2)
  reply.bulk(String(next))
  reply.array(members.length)
  for (const member of members) reply.bulk(member)
}

const one = { group: 'set', keys: '1 1 1' } as const

const single: readonly Command[] = [
  command({
    ...one,
    name: 'SADD',
    arity: -3,
    flags: 'write denyoom fast',
    since: '1.0.0',
    summary: 'Adds members to a set; how many of them are new.',
    complexity: 'O(N) for N members',
    syntax: 'key member [member ...]',
    run: sadd,
  }),
  command({
    ...one,
    name: 'SREM',
    arity: -3,
    flags: 'write fast',
    since: '1.0.0',
    summary: 'Removes members from a set; how many of them were there.',
    complexity: 'O(N) for N members',
    syntax: 'key member [member ...]',
    run: srem,
  }),
  command({
    group: 'set',
    keys: '1 2 1',
    name: 'SMOVE',
    arity: 4,
    flags: 'write fast',
    since: '1.0.0',
    summary: 'Moves a member from one set to another.',
    complexity: 'O(1)',
    syntax: 'source destination member',
    run: smove,
  }),
  command({
    ...one,
    name: 'SISMEMBER',
    arity: 3,
    flags: 'readonly fast',
    since: '1.0.0',
    summary: 'Whether it is a member of a set.',
    complexity: 'O(1)',
    syntax: 'key member',
    run: sismember,
  }),
  command({
    ...one,
    name: 'SMISMEMBER',
    arity: -3,
    flags: 'readonly fast',
    since: '6.2.0',
    summary: 'Whether each of them is a member of a set.',
    complexity: 'O(N) for N members',
    syntax: 'key member [member ...]',
    run: smismember,
  }),
  command({
    ...one,
    name: 'SCARD',
    arity: 2,
    flags: 'readonly fast',
    since: '1.0.0',
    summary: 'How many members a set has.',
    complexity: 'O(1)',
    syntax: 'key',
    run: scard,
  }),
  command({
    ...one,
    name: 'SMEMBERS',
    arity: 2,
    flags: 'readonly',
    since: '1.0.0',
    summary: 'All members of a set.',
    complexity: 'O(N) for N members',
    syntax: 'key',
    run: smembers,
  }),
  command({
    ...one,
    name: 'SPOP',
    arity: -2,
    flags: 'write fast',
    since: '1.0.0',
    summary: 'Takes members out of a set, chosen at random.',
    complexity: 'O(1), or O(N) for N members',
    syntax: 'key [count]',
    run: spop,
  }),
  command({
    ...one,
    name: 'SRANDMEMBER',
    arity: -2,
    flags: 'readonly',
    since: '1.0.0',
    summary: 'Members of a set, chosen at random; with a negative count a member may come again.',
    complexity: 'O(1), or O(N) for N members',
    syntax: 'key [count]',
    run: srandmember,
  }),
  command({
    ...one,
    name: 'SSCAN',
    arity: -3,
    flags: 'readonly',
    since: '2.8.0',
    summary: 'Some members of a set, and where to go on for the next ones.',
    complexity: 'O(1) for a call, O(N) for a walk over N members',
    syntax: 'key cursor [MATCH pattern] [COUNT count]',
    run: sscan,
  }),
]

export const setCommands: readonly Command[] = [...single, ...setAlgebra]
