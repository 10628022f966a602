// Lists. What commands do at their two ends is in list-ends.ts, those that wait for a list in lists-blocking.ts.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { List } from '../keyspace/list.js'
import { type Command, type Context, command, numberedKeys, option, parseInteger, text } from './command.js'
import { int64 } from './int64.js'
import {
  type End,
  endNames,
  endOf,
  move,
  multiPop,
  multiPopOf,
  pushTo,
  replyTaken,
  take,
  tellIfEmptied,
} from './list-ends.js'
import { blockingListCommands } from './lists-blocking.js'
import { readAs, writeAs } from './lookup.js'

function push(ctx: Context, argv: Arg[], end: End, ifThere = false): void {
  const { db } = ctx
  const key = text(argv[1])
  const before = writeAs(ctx, key, List)
  if (before === undefined && ifThere) {
    ctx.reply.integer(0)
    return
  }
  const list = before ?? new List()
  if (before !== undefined) db.willChange(key)
  for (let i = 2; i < argv.length; i++) pushTo(list, end, text(argv[i]))
  if (before === undefined) db.set(key, list)
  else db.didChange(key, list)
  ctx.changed(argv.length - 2)
  ctx.reply.integer(list.size)
  ctx.notify('l', endNames[end].pushed, key)
}

function pop(ctx: Context, argv: Arg[], end: End): void {
  if (argv.length > 3) throw replyErrors.arity(endNames[end].popped)
  const count = argv.length === 3 ? popCount(argv[2]) : undefined
  const key = text(argv[1])
  const list = writeAs(ctx, key, List)
  if (list === undefined) {
    if (count === undefined) ctx.reply.null()
    else ctx.reply.nullArray()
  } else if (count === undefined) ctx.reply.bulk(take(ctx, key, list, end))
  else if (count === 0) ctx.reply.array(0)
  else replyTaken(ctx, key, list, end, Math.min(count, list.size))
}

function popCount(arg: Arg): number {
  const count = parseInteger(arg)
  if (count === undefined || count < 0n) throw new ReplyError('ERR value is out of range, must be positive')
  return Number(count)
}

function llen(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(readAs(ctx, text(argv[1]), List)?.size ?? 0)
}

/** Indexes are whole numbers of 64 bits; those that a JS number does not hold exactly lie outside of any list. */
function indexArg(arg: Arg): number {
  return Number(int64(arg))
}

function lindex(ctx: Context, argv: Arg[]): void {
  const list = readAs(ctx, text(argv[1]), List)
  if (list === undefined) {
    ctx.reply.null()
    return
  }
  const index = indexArg(argv[2])
  ctx.reply.bulk(list.at(index < 0 ? index + list.size : index) ?? null)
}

function lset(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const list = writeAs(ctx, key, List)
  if (list === undefined) throw replyErrors.noSuchKey()
  const given = indexArg(argv[2])
  const index = given < 0 ? given + list.size : given
  if (list.at(index) === undefined) throw new ReplyError('ERR index out of range')
  ctx.db.willChange(key)
  list.set(index, text(argv[3]))
  ctx.db.didChange(key, list)
  ctx.changed()
  ctx.reply.ok()
  ctx.notify('l', 'lset', key)
}

/** First and last index, as LRANGE counts them, to a range without its end; [0, 0] for an empty one. */
function rangeOf(size: number, first: number, last: number): [start: number, end: number] {
  const start = Math.max(first < 0 ? first + size : first, 0)
  const end = Math.min((last < 0 ? last + size : last) + 1, size)
  return start < end ? [start, end] : [0, 0]
}

function lrange(ctx: Context, argv: Arg[]): void {
  const first = indexArg(argv[2])
  const last = indexArg(argv[3])
  const list = readAs(ctx, text(argv[1]), List)
  const [start, end] = rangeOf(list?.size ?? 0, first, last)
  ctx.reply.array(end - start)
  if (list !== undefined) ctx.reply.bulks(list.slice(start, end))
}

function ltrim(ctx: Context, argv: Arg[]): void {
  const first = indexArg(argv[2])
  const last = indexArg(argv[3])
  const key = text(argv[1])
  const list = writeAs(ctx, key, List)
  ctx.reply.ok()
  if (list === undefined) return
  const [start, end] = rangeOf(list.size, first, last)
  const removed = list.size - (end - start)
  if (removed > 0) {
    ctx.db.willChange(key)
    list.trim(start, end)
    ctx.db.didChange(key, list)
    ctx.changed(removed)
  }
  ctx.notify('l', 'ltrim', key)
  tellIfEmptied(ctx, key, list)
}

function lrem(ctx: Context, argv: Arg[]): void {
  const count = indexArg(argv[2])
  const key = text(argv[1])
  const item = text(argv[3])
  const list = writeAs(ctx, key, List)
  if (list === undefined || firstMatch(list, item) < 0) {
    ctx.reply.integer(0)
    return
  }
  ctx.db.willChange(key)
  const most = count === 0 ? undefined : Math.abs(count)
  const removed = count < 0 ? list.removeFromBack(item, most) : list.remove(item, most)
  ctx.db.didChange(key, list)
  ctx.changed(removed)
  ctx.reply.integer(removed)
  ctx.notify('l', 'lrem', key)
  tellIfEmptied(ctx, key, list)
}

/** The index of the first item that is equal to this one; -1 when there is none. */
function firstMatch(list: List, item: string): number {
  for (let i = 0; i < list.size; i++) if (list.at(i) === item) return i
  return -1
}

function linsert(ctx: Context, argv: Arg[]): void {
  const where = option(argv[2])
  if (where !== 'BEFORE' && where !== 'AFTER') throw replyErrors.syntax()
  const key = text(argv[1])
  const list = writeAs(ctx, key, List)
  const at = list === undefined ? -1 : firstMatch(list, text(argv[3]))
  if (list === undefined || at < 0) {
    ctx.reply.integer(list === undefined ? 0 : -1)
    return
  }
  ctx.db.willChange(key)
  list.insert(where === 'BEFORE' ? at : at + 1, text(argv[4]))
  ctx.db.didChange(key, list)
  ctx.changed()
  ctx.reply.integer(list.size)
  ctx.notify('l', 'linsert', key)
}

interface Search {
  /** The first match to tell of; negative: counted from the end of the list, which is where the search begins. */
  rank: number
  /** Matches to tell of; 0: all. None: one, and not as an array. */
  count?: number
  /** Items to look at; 0: all. */
  most: number
}

function searchOf(argv: readonly Arg[]): Search {
  const search: Search = { rank: 1, most: 0 }
  for (let i = 3; i < argv.length; i += 2) {
    const word = option(argv[i])
    if (i + 1 === argv.length) throw replyErrors.syntax()
    if (word === 'RANK') search.rank = rankOf(argv[i + 1])
    else if (word === 'COUNT') search.count = notNegative(argv[i + 1], word)
    else if (word === 'MAXLEN') search.most = notNegative(argv[i + 1], word)
    else throw replyErrors.syntax()
  }
  return search
}

function rankOf(arg: Arg): number {
  const rank = indexArg(arg)
  if (rank !== 0) return rank
  const uses =
    'use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list'
  throw new ReplyError(`ERR RANK can't be zero: ${uses}`)
}

function notNegative(arg: Arg, word: string): number {
  const value = parseInteger(arg)
  if (value === undefined || value < 0n) throw new ReplyError(`ERR ${word} can't be negative`)
  return Number(value)
}

function lpos(ctx: Context, argv: Arg[]): void {
  const { rank, count, most } = searchOf(argv)
  const item = text(argv[2])
  const list = readAs(ctx, text(argv[1]), List)
  const size = list?.size ?? 0
  const looked = most === 0 ? size : Math.min(most, size)
  const wanted = count === undefined ? 1 : count === 0 ? size : count
  const found: number[] = []
  let toSkip = Math.abs(rank) - 1
  for (let i = 0; i < looked && found.length < wanted; i++) {
    const index = rank < 0 ? size - 1 - i : i
    if (list!.at(index) === item && --toSkip < 0) found.push(index)
  }
  if (count !== undefined) {
    ctx.reply.array(found.length)
    for (const index of found) ctx.reply.integer(index)
  } else if (found.length > 0) ctx.reply.integer(found[0])
  else ctx.reply.null()
}

function lmove(ctx: Context, argv: Arg[]): void {
  const from = endOf(argv[3])
  const to = endOf(argv[4])
  ctx.reply.bulk(move(ctx, text(argv[1]), text(argv[2]), from, to) ?? null)
}

function rpoplpush(ctx: Context, argv: Arg[]): void {
  ctx.reply.bulk(move(ctx, text(argv[1]), text(argv[2]), 'RIGHT', 'LEFT') ?? null)
}

function lmpop(ctx: Context, argv: Arg[]): void {
  const { first, end, from, count } = multiPopOf(argv, 1)
  if (!multiPop(ctx, argv.slice(first, end).map(text), from, count)) ctx.reply.nullArray()
}

const one = { group: 'list', keys: '1 1 1' } as const
const pushes = {
  ...one,
  arity: -3,
  flags: 'write denyoom fast',
  complexity: 'O(N) for N items.',
  syntax: 'key element [element ...]',
} as const
const pops = { ...one, arity: -2, flags: 'write fast', complexity: 'O(N) for N items.', syntax: 'key [count]' } as const

const ends: readonly Command[] = [
  command({
    ...pushes,
    name: 'LPUSH',
    since: '1.0.0',
    summary: 'Puts items before the first of a list, one after the other.',
    run: (ctx, argv) => push(ctx, argv, 'LEFT'),
  }),
  command({
    ...pushes,
    name: 'RPUSH',
    since: '1.0.0',
    summary: 'Puts items behind the last of a list.',
    run: (ctx, argv) => push(ctx, argv, 'RIGHT'),
  }),
  command({
    ...pushes,
    name: 'LPUSHX',
    since: '2.2.0',
    summary: 'Puts items before the first of a list, if there is one.',
    run: (ctx, argv) => push(ctx, argv, 'LEFT', true),
  }),
  command({
    ...pushes,
    name: 'RPUSHX',
    since: '2.2.0',
    summary: 'Puts items behind the last of a list, if there is one.',
    run: (ctx, argv) => push(ctx, argv, 'RIGHT', true),
  }),
  command({
    ...pops,
    name: 'LPOP',
    since: '1.0.0',
    summary: 'Takes the first items off a list.',
    run: (ctx, argv) => pop(ctx, argv, 'LEFT'),
  }),
  command({
    ...pops,
    name: 'RPOP',
    since: '1.0.0',
    summary: 'Takes the last items off a list.',
    run: (ctx, argv) => pop(ctx, argv, 'RIGHT'),
  }),
  command({
    name: 'LMOVE',
    arity: 5,
    flags: 'write denyoom',
    keys: '1 2 1',
    group: 'list',
    since: '6.2.0',
    summary: 'Moves an item from one end of a list to one of another.',
    complexity: 'O(1)',
    syntax: 'source destination <LEFT | RIGHT> <LEFT | RIGHT>',
    run: lmove,
  }),
  command({
    name: 'RPOPLPUSH',
    arity: 3,
    flags: 'write denyoom',
    keys: '1 2 1',
    group: 'list',
    since: '1.2.0',
    summary: 'Moves the last item of a list to the front of another.',
    complexity: 'O(1)',
    syntax: 'source destination',
    run: rpoplpush,
  }),
  command({
    name: 'LMPOP',
    arity: -4,
    flags: 'write movablekeys',
    keys: '0 0 0',
    findKeys: (argv) => numberedKeys(argv, 1),
    group: 'list',
    since: '7.0.0',
    summary: 'Takes several items off the first list that there is.',
    complexity: 'O(N+M) for N keys and M items.',
    syntax: 'numkeys key [key ...] <LEFT | RIGHT> [COUNT count]',
    run: lmpop,
  }),
]

const items: readonly Command[] = [
  command({
    ...one,
    name: 'LLEN',
    arity: 2,
    flags: 'readonly fast',
    since: '1.0.0',
    summary: 'How many items a list has.',
    complexity: 'O(1)',
    syntax: 'key',
    run: llen,
  }),
  command({
    ...one,
    name: 'LINDEX',
    arity: 3,
    flags: 'readonly',
    since: '1.0.0',
    summary: 'The item at an index, counted from 0, or from -1 at the end.',
    complexity: 'O(1)',
    syntax: 'key index',
    run: lindex,
  }),
  command({
    ...one,
    name: 'LSET',
    arity: 4,
    flags: 'write denyoom',
    since: '1.0.0',
    summary: 'Replaces the item at an index.',
    complexity: 'O(1)',
    syntax: 'key index element',
    run: lset,
  }),
  command({
    ...one,
    name: 'LRANGE',
    arity: 4,
    flags: 'readonly',
    since: '1.0.0',
    summary: 'The items from one index to another.',
    complexity: 'O(N) for N items.',
    syntax: 'key start:integer stop:integer',
    run: lrange,
  }),
  command({
    ...one,
    name: 'LTRIM',
    arity: 4,
    flags: 'write',
    since: '1.0.0',
    summary: 'Keeps the items from one index to another, and no others.',
    complexity: 'O(N) for N items that go.',
    syntax: 'key start:integer stop:integer',
    run: ltrim,
  }),
  command({
    ...one,
    name: 'LREM',
    arity: 4,
    flags: 'write',
    since: '1.0.0',
    summary: 'Takes out items that are equal to one: the first so many, the last, or all.',
    complexity: 'O(N) for a list of N items.',
    syntax: 'key count element',
    run: lrem,
  }),
  command({
    ...one,
    name: 'LINSERT',
    arity: 5,
    flags: 'write denyoom',
    since: '2.2.0',
    summary: 'Puts an item before or behind another.',
    complexity: 'O(N) for a list of N items.',
    syntax: 'key <BEFORE | AFTER> pivot element',
    run: linsert,
  }),
  command({
    ...one,
    name: 'LPOS',
    arity: -3,
    flags: 'readonly',
    since: '6.0.6',
    summary: 'Where in a list items stand that are equal to one.',
    complexity: 'O(N) for a list of N items.',
    syntax: 'key element [RANK rank] [COUNT num-matches:integer] [MAXLEN len:integer]',
    run: lpos,
  }),
]

export const listCommands: readonly Command[] = [...ends, ...items, ...blockingListCommands]
