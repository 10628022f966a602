// Taking the members with the lowest or highest scores out of sorted sets, and waiting for some. What goes into the
// stream is always ZPOPMIN or ZPOPMAX.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { type Command, type Context, command, numberedKeys, option, text } from './command.js'
import { parseInt64 } from './int64.js'
import { writeAs } from './lookup.js'
import { deleteRanks, replyPair, replyPairCount } from './scores.js'
import { timeoutOf } from './timeout.js'

type Where = 'MIN' | 'MAX'

const names = { MIN: 'ZPOPMIN', MAX: 'ZPOPMAX' } as const
const events = { MIN: 'zpopmin', MAX: 'zpopmax' } as const

/** An integer of at least `least`; the same error whatever it is instead. */
function countOf(arg: Arg, least: number, message: string): number {
  const value = parseInt64(arg)
  if (value === undefined || value < least) throw new ReplyError(message)
  return Number(value)
}

/** Calls `write` with each of the first `count` members, and removes them. */
function take(
  ctx: Context,
  key: string,
  set: SortedSet,
  where: Where,
  count: number,
  write: (member: string, score: number) => void,
): void {
  const { size } = set
  if (where === 'MIN') set.walk(0, count, 1, write)
  else set.walk(size - 1, count, -1, write)
  const ranks = where === 'MIN' ? { from: 0, to: count } : { from: size - count, to: size }
  deleteRanks(ctx, key, set, ranks, events[where])
}

function zpop(ctx: Context, argv: readonly Arg[], where: Where): void {
  const { reply } = ctx
  if (argv.length > 3) throw replyErrors.syntax()
  const wanted = argv.length === 3 ? countOf(argv[2], 0, 'ERR value is out of range, must be positive') : undefined
  const key = text(argv[1])
  const set = writeAs(ctx, key, SortedSet)
  const count = Math.min(wanted ?? 1, set?.size ?? 0)
  if (set === undefined || count === 0) reply.array(0)
  else if (wanted !== undefined) {
    replyPairCount(ctx, count)
    take(ctx, key, set, where, count, (member, score) => replyPair(ctx, member, score))
  } else {
    reply.array(2)
    take(ctx, key, set, where, 1, (member, score) => {
      reply.bulk(member)
      reply.double(score)
    })
  }
}

/** ZMPOP from the first of the keys that is there. Whether there was one. */
function multiPop(ctx: Context, keys: readonly string[], where: Where, wanted: number): boolean {
  const { reply } = ctx
  for (const key of keys) {
    const set = writeAs(ctx, key, SortedSet)
    if (set === undefined) continue
    const count = Math.min(wanted, set.size)
    reply.array(2)
    reply.bulk(key)
    reply.array(count)
    take(ctx, key, set, where, count, (member, score) => {
      reply.array(2)
      reply.bulk(member)
      reply.double(score)
    })
    ctx.effect(names[where], key, count)
    return true
  }
  return false
}

interface MultiPop {
  keys: string[]
  where: Where
  count: number
}

/** ZMPOP's arguments from the number of keys on. */
function multiPopOf(argv: readonly Arg[], at: number): MultiPop {
  const end = at + 1 + countOf(argv[at], 1, 'ERR numkeys should be greater than 0')
  if (end >= argv.length) throw replyErrors.syntax()
  const where = option(argv[end])
  if (where !== 'MIN' && where !== 'MAX') throw replyErrors.syntax()
  let count: number | undefined
  for (let i = end + 1; i < argv.length; i++) {
    if (count !== undefined || option(argv[i]) !== 'COUNT' || i + 1 === argv.length) throw replyErrors.syntax()
    count = countOf(argv[++i], 1, 'ERR count should be greater than 0')
  }
  return { keys: argv.slice(at + 1, end).map(text), where, count: count ?? 1 }
}

function zmpop(ctx: Context, argv: Arg[]): void {
  const { keys, where, count } = multiPopOf(argv, 1)
  if (!multiPop(ctx, keys, where, count)) ctx.reply.nullArray()
}

function bzpop(ctx: Context, argv: readonly Arg[], where: Where): void {
  const { reply } = ctx
  const timeoutMs = timeoutOf(argv[argv.length - 1])
  const keys = argv.slice(1, -1).map(text)
  for (const key of candidates(ctx, keys)) {
    const set = writeAs(ctx, key, SortedSet)
    if (set === undefined) continue
    reply.array(3)
    reply.bulk(key)
    take(ctx, key, set, where, 1, (member, score) => {
      reply.bulk(member)
      reply.double(score)
    })
    ctx.effect(names[where], key)
    return
  }
  waitFor(ctx, keys, timeoutMs)
}

function bzmpop(ctx: Context, argv: Arg[]): void {
  const { keys, where, count } = multiPopOf(argv, 2)
  const timeoutMs = timeoutOf(argv[1])
  if (!multiPop(ctx, candidates(ctx, keys), where, count)) waitFor(ctx, keys, timeoutMs)
}

/** A client that was woken by a key is served from that one, whatever the others hold by now. */
function candidates({ readyKey }: Context, keys: readonly string[]): readonly string[] {
  return readyKey === undefined ? keys : [readyKey]
}

function waitFor(ctx: Context, keys: readonly string[], timeoutMs: number): void {
  if (ctx.mayBlock) ctx.block({ keys, type: 'zset', timeoutMs, timedOut: (reply) => reply.nullArray() })
  else ctx.reply.nullArray()
}

const one = {
  arity: -2,
  flags: 'write fast',
  keys: '1 1 1',
  group: 'sorted-set',
  since: '5.0.0',
  complexity: 'O(log(N)*M) for M members out of N',
  syntax: 'key [count]',
} as const

const waiting = {
  arity: -3,
  flags: 'write noscript blocking fast',
  keys: '1 -2 1',
  group: 'sorted-set',
  since: '5.0.0',
  complexity: 'O(log(N)) for N members',
  syntax: 'key [key ...] timeout',
} as const

const several = {
  keys: '0 0 0',
  group: 'sorted-set',
  since: '7.0.0',
  complexity: 'O(K) + O(M*log(N)) for K keys and M members out of N',
} as const

export const sortedSetPops: readonly Command[] = [
  command({
    ...one,
    name: 'ZPOPMIN',
    summary: 'Takes out the members with the lowest scores.',
    run: (ctx, argv) => zpop(ctx, argv, 'MIN'),
  }),
  command({
    ...one,
    name: 'ZPOPMAX',
    summary: 'Takes out the members with the highest scores.',
    run: (ctx, argv) => zpop(ctx, argv, 'MAX'),
  }),
  command({
    ...waiting,
    name: 'BZPOPMIN',
    summary: 'Takes out the member with the lowest score of the first set that there is, or waits for one.',
    run: (ctx, argv) => bzpop(ctx, argv, 'MIN'),
  }),
  command({
    ...waiting,
    name: 'BZPOPMAX',
    summary: 'Takes out the member with the highest score of the first set that there is, or waits for one.',
    run: (ctx, argv) => bzpop(ctx, argv, 'MAX'),
  }),
  command({
    ...several,
    name: 'ZMPOP',
    arity: -4,
    flags: 'write movablekeys',
    findKeys: (argv) => numberedKeys(argv, 1),
    summary: 'Takes several members out of the first sorted set that there is.',
    syntax: 'numkeys key [key ...] <MIN | MAX> [COUNT count]',
    run: zmpop,
  }),
  command({
    ...several,
    name: 'BZMPOP',
    arity: -5,
    flags: 'write blocking movablekeys',
    findKeys: (argv) => numberedKeys(argv, 2),
    summary: 'Takes several members out of the first sorted set that there is, or waits for one.',
    syntax: 'timeout numkeys key [key ...] <MIN | MAX> [COUNT count]',
    run: bzmpop,
  }),
]
