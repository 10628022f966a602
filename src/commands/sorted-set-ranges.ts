// Ranges of sorted sets by rank, by score and by bytes: read, counted, removed, stored.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { type Command, type Context, command, option, text } from './command.js'
import { int64 } from './int64.js'
import { readAs, writeAs } from './lookup.js'
import {
  deleteRanks,
  lexRange,
  type Range,
  type Ranks,
  ranksBetween,
  ranksOf,
  replyPair,
  replyPairCount,
  scoreRange,
  storeResult,
} from './scores.js'

type By = 'rank' | 'score' | 'lex'

/** What a command's name says already; ZRANGE's options say the rest. */
interface Given {
  by?: By
  isReverse?: boolean
}

interface Query {
  /** Start and stop, where it goes by rank. */
  range: Range | { by: 'rank'; start: number; stop: number }
  isReverse: boolean
  withScores: boolean
  /** Of those in the range so many are left out first; negative: all. */
  offset: number
  /** Negative: no limit. */
  limit: number
}

/** ZRANGE's arguments: start and stop at argv[first], options behind them. `mayReply`: WITHSCORES is one of them. */
function queryOf(argv: readonly Arg[], first: number, given: Given, mayReply: boolean): Query {
  let { by, isReverse } = given
  let withScores = false
  let offset = 0
  let limit = -1
  for (let i = first + 2; i < argv.length; i++) {
    const word = option(argv[i])
    if (mayReply && word === 'WITHSCORES') withScores = true
    else if (word === 'LIMIT' && i + 2 < argv.length) {
      offset = Number(int64(argv[++i]))
      limit = Number(int64(argv[++i]))
    } else if (word === 'REV' && isReverse === undefined) isReverse = true
    else if (word === 'BYLEX' && by === undefined) by = 'lex'
    else if (word === 'BYSCORE' && by === undefined) by = 'score'
    else throw replyErrors.syntax()
  }
  if (limit !== -1 && (by ?? 'rank') === 'rank')
    throw new ReplyError('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX')
  if (withScores && by === 'lex')
    throw new ReplyError('ERR syntax error, WITHSCORES not supported in combination with BYLEX')
  isReverse ??= false
  return { range: rangeOf(argv, first, by ?? 'rank', isReverse), isReverse, withScores, offset, limit }
}

/** Scores and bytes are given in the order of the reply, ranks count in that direction. */
function rangeOf(argv: readonly Arg[], first: number, by: By, isReverse: boolean): Query['range'] {
  const [start, stop] = [argv[first], argv[first + 1]]
  if (by === 'rank') return { by, start: Number(int64(start)), stop: Number(int64(stop)) }
  const [min, max] = isReverse ? [stop, start] : [start, stop]
  return by === 'score' ? scoreRange(min, max) : lexRange(min, max)
}

/** Where a walk over what was asked for begins, and how far it goes. */
interface Stretch {
  from: number
  count: number
  step: 1 | -1
}

function stretchOf(set: SortedSet, { range, isReverse, offset, limit }: Query): Stretch {
  const step = isReverse ? -1 : 1
  if (range.by === 'rank') {
    const { from, to } = ranksBetween(set, range.start, range.stop)
    return { from: isReverse ? set.size - 1 - from : from, count: to - from, step }
  }
  const { from, to } = ranksOf(set, range)
  const rest = offset < 0 ? 0 : Math.max(0, to - from - offset)
  const count = limit < 0 ? rest : Math.min(limit, rest)
  return { from: isReverse ? to - 1 - offset : from + offset, count, step }
}

function range(ctx: Context, argv: readonly Arg[], given: Given): void {
  const { reply } = ctx
  const query = queryOf(argv, 2, given, true)
  const set = readAs(ctx, text(argv[1]), SortedSet)
  if (set === undefined) {
    reply.array(0)
    return
  }
  const { from, count, step } = stretchOf(set, query)
  if (query.withScores) {
    replyPairCount(ctx, count)
    set.walk(from, count, step, (member, score) => replyPair(ctx, member, score))
  } else {
    reply.array(count)
    const members: string[] = []
    set.walk(from, count, step, (member) => void members.push(member))
    reply.bulks(members)
  }
}

function zrangestore(ctx: Context, argv: Arg[]): void {
  const query = queryOf(argv, 3, {}, false)
  const set = readAs(ctx, text(argv[2]), SortedSet)
  const result = new SortedSet()
  if (set !== undefined) {
    const { from, count, step } = stretchOf(set, query)
    set.walk(from, count, step, (member, score) => void result.set(member, score))
  }
  storeResult(ctx, text(argv[1]), result, 'zrangestore')
}

function count(ctx: Context, argv: readonly Arg[], range: Range): void {
  const set = readAs(ctx, text(argv[1]), SortedSet)
  const { from, to } = set === undefined ? { from: 0, to: 0 } : ranksOf(set, range)
  ctx.reply.integer(to - from)
}

function remove(ctx: Context, argv: readonly Arg[], event: string, ranks: (set: SortedSet) => Ranks): void {
  const key = text(argv[1])
  const set = writeAs(ctx, key, SortedSet)
  const found = set === undefined ? { from: 0, to: 0 } : ranks(set)
  if (set !== undefined && found.to > found.from) deleteRanks(ctx, key, set, found, event)
  ctx.reply.integer(found.to - found.from)
}

function zremrangebyrank(ctx: Context, argv: Arg[]): void {
  const [start, stop] = [Number(int64(argv[2])), Number(int64(argv[3]))]
  remove(ctx, argv, 'zremrangebyrank', (set) => ranksBetween(set, start, stop))
}

function zremrangebyscore(ctx: Context, argv: Arg[]): void {
  const range = scoreRange(argv[2], argv[3])
  remove(ctx, argv, 'zremrangebyscore', (set) => ranksOf(set, range))
}

function zremrangebylex(ctx: Context, argv: Arg[]): void {
  const range = lexRange(argv[2], argv[3])
  remove(ctx, argv, 'zremrangebylex', (set) => ranksOf(set, range))
}

const one = { group: 'sorted-set', keys: '1 1 1' } as const
const complexity = 'O(log(N)+M) for M members out of N'
const reading = { ...one, arity: -4, flags: 'readonly', complexity } as const
const counting = { ...one, arity: 4, flags: 'readonly fast', complexity: 'O(log(N)) for N members' } as const
const removing = { ...one, arity: 4, flags: 'write', complexity } as const

export const sortedSetRanges: readonly Command[] = [
  command({
    ...reading,
    name: 'ZRANGE',
    since: '1.2.0',
    summary: 'The members of a range: of ranks, of scores, or of bytes where all scores are the same.',
    syntax: 'key start:string stop:string [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]',
    run: (ctx, argv) => range(ctx, argv, {}),
  }),
  command({
    ...reading,
    name: 'ZREVRANGE',
    since: '1.2.0',
    summary: 'The members of a range of ranks, which count from the highest score.',
    syntax: 'key start:integer stop:integer [WITHSCORES]',
    run: (ctx, argv) => range(ctx, argv, { by: 'rank', isReverse: true }),
  }),
  command({
    ...reading,
    name: 'ZRANGEBYSCORE',
    since: '1.0.5',
    summary: 'The members whose scores are in a range.',
    syntax: 'key min:double max:double [WITHSCORES] [LIMIT offset count]',
    run: (ctx, argv) => range(ctx, argv, { by: 'score', isReverse: false }),
  }),
  command({
    ...reading,
    name: 'ZREVRANGEBYSCORE',
    since: '2.2.0',
    summary: 'The members whose scores are in a range, from the highest one down.',
    syntax: 'key max:double min:double [WITHSCORES] [LIMIT offset count]',
    run: (ctx, argv) => range(ctx, argv, { by: 'score', isReverse: true }),
  }),
  command({
    ...reading,
    name: 'ZRANGEBYLEX',
    since: '2.8.9',
    summary: 'The members between two, by their bytes, where all scores are the same.',
    syntax: 'key min max [LIMIT offset count]',
    run: (ctx, argv) => range(ctx, argv, { by: 'lex', isReverse: false }),
  }),
  command({
    ...reading,
    name: 'ZREVRANGEBYLEX',
    since: '2.8.9',
    summary: 'The members between two, by their bytes, from the last one back.',
    syntax: 'key max min [LIMIT offset count]',
    run: (ctx, argv) => range(ctx, argv, { by: 'lex', isReverse: true }),
  }),
  command({
    name: 'ZRANGESTORE',
    arity: -5,
    flags: 'write denyoom',
    keys: '1 2 1',
    group: 'sorted-set',
    since: '6.2.0',
    summary: 'Makes a range of one sorted set another one.',
    complexity,
    syntax: 'dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]',
    run: zrangestore,
  }),
  command({
    ...counting,
    name: 'ZCOUNT',
    since: '2.0.0',
    summary: 'How many members have scores in a range.',
    syntax: 'key min:double max:double',
    run: (ctx, argv) => count(ctx, argv, scoreRange(argv[2], argv[3])),
  }),
  command({
    ...counting,
    name: 'ZLEXCOUNT',
    since: '2.8.9',
    summary: 'How many members lie between two, by their bytes.',
    syntax: 'key min max',
    run: (ctx, argv) => count(ctx, argv, lexRange(argv[2], argv[3])),
  }),
  command({
    ...removing,
    name: 'ZREMRANGEBYRANK',
    since: '2.0.0',
    summary: 'Removes the members of a range of ranks.',
    syntax: 'key start:integer stop:integer',
    run: zremrangebyrank,
  }),
  command({
    ...removing,
    name: 'ZREMRANGEBYSCORE',
    since: '1.2.0',
    summary: 'Removes the members whose scores are in a range.',
    syntax: 'key min:double max:double',
    run: zremrangebyscore,
  }),
  command({
    ...removing,
    name: 'ZREMRANGEBYLEX',
    since: '2.8.9',
    summary: 'Removes the members between two, by their bytes.',
    syntax: 'key min max',
    run: zremrangebylex,
  }),
]
