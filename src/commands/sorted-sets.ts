// Members of sorted sets, one by one. Ranges are in sorted-set-ranges.ts, popping in sorted-set-pops.ts, several sets at
// once in sorted-set-algebra.ts.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { formatDouble } from '../protocol/double.js'
import { type Command, type Context, command, INT64_MAX, option, text } from './command.js'
import { isListpackSortedSet } from './encoding.js'
import { type Int64, int64 } from './int64.js'
import { readAs, writeAs } from './lookup.js'
import { matching, scanCursor, scanOptions } from './scan.js'
import { double, replyPair, replyPairCount } from './scores.js'
import { sortedSetAlgebra } from './sorted-set-algebra.js'
import { sortedSetPops } from './sorted-set-pops.js'
import { sortedSetRanges } from './sorted-set-ranges.js'

// ZADD's options.
const NX = 1
const XX = 2
const GT = 4
const LT = 8
const CH = 16
const INCR = 32

/** Digits, signs and the point stand up to it, letters behind. */
const NINE = 57

const addOptions: ReadonlyMap<string, number> = new Map([
  ['NX', NX],
  ['XX', XX],
  ['GT', GT],
  ['LT', LT],
  ['CH', CH],
  ['INCR', INCR],
])

/** ZADD's scores while it runs: kept, so that a call makes no array. Those of longer calls may stand behind them. */
const scores: number[] = []
const MOST_SCORES_KEPT = 1024

/** ZADD and ZINCRBY, which is ZADD with one option given. */
function add(ctx: Context, argv: readonly Arg[], given: number): void {
  let options = given
  let first = 2
  for (; first < argv.length; first++) {
    const word = text(argv[first])
    // As a rule it is a score.
    if (word.charCodeAt(0) <= NINE) break
    const bit = addOptions.get(word.toUpperCase())
    if (bit === undefined) break
    options |= bit
  }
  const count = argv.length - first
  if (count === 0 || count % 2 !== 0) throw replyErrors.syntax()
  checkAddOptions(options, count / 2)
  // All scores first: the command is carried out as a whole or not at all.
  for (let i = 0; i < count / 2; i++) scores[i] = double(argv[first + 2 * i])
  addAll(ctx, argv, first, options, count / 2)
  if (scores.length > MOST_SCORES_KEPT) scores.length = 0
}

function checkAddOptions(options: number, pairs: number): void {
  if ((options & NX) !== 0 && (options & XX) !== 0)
    throw new ReplyError('ERR XX and NX options at the same time are not compatible')
  const exclusive = options & (NX | GT | LT)
  if (exclusive !== NX && exclusive !== GT && exclusive !== LT && exclusive !== 0)
    throw new ReplyError('ERR GT, LT, and/or NX options at the same time are not compatible')
  if ((options & INCR) !== 0 && pairs > 1)
    throw new ReplyError('ERR INCR option supports a single increment-element pair')
}

/** Adds the first `pairs` of `scores`, with the members behind them in argv. */
function addAll(ctx: Context, argv: readonly Arg[], first: number, options: number, pairs: number): void {
  const { db, reply } = ctx
  const key = text(argv[1])
  const held = writeAs(ctx, key, SortedSet)
  const isIncrement = (options & INCR) !== 0
  if (held === undefined && (options & XX) !== 0) {
    if (isIncrement) reply.null()
    else reply.integer(0)
    return
  }
  const set = held ?? new SortedSet()
  let added = 0
  let updated = 0
  let result: number | undefined
  for (let i = 0; i < pairs; i++) {
    const member = text(argv[first + 1 + 2 * i])
    const before = set.score(member)
    if (before === undefined ? (options & XX) !== 0 : (options & NX) !== 0) continue
    let score = scores[i]
    if (before !== undefined) {
      if (isIncrement) score += before
      if (Number.isNaN(score)) throw new ReplyError('ERR resulting score is not a number (NaN)')
      if (((options & LT) !== 0 && score >= before) || ((options & GT) !== 0 && score <= before)) continue
      result = score
      if (score === before) continue
    }
    result = score
    if (added + updated === 0 && held !== undefined) db.willChange(key)
    if (set.set(member, score)) added++
    else updated++
  }
  const changes = added + updated
  if (changes > 0) {
    if (held === undefined) db.set(key, set)
    else db.didChange(key, set)
    ctx.changed(changes)
    ctx.notify('z', isIncrement ? 'zincr' : 'zadd', key)
  }
  if (!isIncrement) reply.integer((options & CH) !== 0 ? changes : added)
  else if (result === undefined) reply.null()
  else reply.double(result)
}

/** ZADD with scores that are no arguments: GEOADD. argv as ZADD's. */
export function addWithScores(ctx: Context, argv: readonly Arg[]): void {
  add(ctx, argv, 0)
}

function zrem(ctx: Context, argv: Arg[]): void {
  const { db } = ctx
  const key = text(argv[1])
  const set = writeAs(ctx, key, SortedSet)
  let removed = 0
  for (let i = 2; set !== undefined && i < argv.length; i++) {
    const member = text(argv[i])
    if (!set.has(member)) continue
    if (removed++ === 0) db.willChange(key)
    set.delete(member)
  }
  if (set !== undefined && removed > 0) {
    db.didChange(key, set)
    ctx.changed(removed)
    ctx.notify('z', 'zrem', key)
    if (set.size === 0) ctx.notify('g', 'del', key)
  }
  ctx.reply.integer(removed)
}

function zcard(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(readAs(ctx, text(argv[1]), SortedSet)?.size ?? 0)
}

function replyScore({ reply }: Context, score: number | undefined): void {
  if (score === undefined) reply.null()
  else reply.double(score)
}

function zscore(ctx: Context, argv: Arg[]): void {
  replyScore(ctx, readAs(ctx, text(argv[1]), SortedSet)?.score(text(argv[2])))
}

function zmscore(ctx: Context, argv: Arg[]): void {
  const set = readAs(ctx, text(argv[1]), SortedSet)
  ctx.reply.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) replyScore(ctx, set?.score(text(argv[i])))
}

/** ZRANK and ZREVRANK, with Redis 7.2's WITHSCORE. */
function rank(ctx: Context, argv: readonly Arg[], isReverse: boolean): void {
  const { reply } = ctx
  const withScore = argv.length > 3
  if (withScore && option(argv[3]) !== 'WITHSCORE') throw replyErrors.syntax()
  const set = readAs(ctx, text(argv[1]), SortedSet)
  const member = text(argv[2])
  const rank = set?.rank(member)
  if (set === undefined || rank === undefined) {
    if (withScore) reply.nullArray()
    else reply.null()
    return
  }
  if (withScore) reply.array(2)
  reply.integer(isReverse ? set.size - 1 - rank : rank)
  if (withScore) replyScore(ctx, set.score(member))
}

function zrandmember(ctx: Context, argv: Arg[]): void {
  const { reply, server } = ctx
  const random = (): number => server.env.random()
  const count = argv.length > 2 ? int64(argv[2]) : undefined
  const withScores = argv.length > 3
  if (count !== undefined) checkRandomCount(count, argv)
  const set = readAs(ctx, text(argv[1]), SortedSet)
  if (count === undefined) {
    reply.bulk(set?.pick(random()) ?? null)
    return
  }
  let members: Iterable<string> = []
  let size = 0
  if (set !== undefined && count >= 0) {
    size = Math.min(set.size, Number(count))
    members = set.sample(size, random)
  } else if (set !== undefined) {
    size = -Number(count)
    members = picks(set, size, random)
  }
  if (withScores) replyPairCount(ctx, size)
  else reply.array(size)
  for (const member of members) {
    if (withScores) replyPair(ctx, member, set!.score(member)!)
    else reply.bulk(member)
  }
}

function checkRandomCount(count: Int64, argv: readonly Arg[]): void {
  if (count < -INT64_MAX)
    throw new ReplyError(`ERR value is out of range, value must between -${INT64_MAX} and ${INT64_MAX}`)
  if (argv.length > 4 || (argv.length === 4 && option(argv[3]) !== 'WITHSCORES')) throw replyErrors.syntax()
  // With scores there are twice as many replies.
  const limit = INT64_MAX / 2n
  if (argv.length === 4 && (count > limit || count < -limit)) throw replyErrors.outOfRange()
}

function* picks(set: SortedSet, count: number, random: () => number): Generator<string> {
  for (let i = 0; i < count; i++) yield set.pick(random())
}

function zscan(ctx: Context, argv: Arg[]): void {
  const { reply, server } = ctx
  const cursor = scanCursor(argv[2])
  const set = readAs(ctx, text(argv[1]), SortedSet)
  if (set === undefined) {
    // Redis looks at the options only when there is something to scan.
    reply.array(2)
    reply.bulk('0')
    reply.array(0)
    return
  }
  const { count, pattern } = scanOptions(argv, 3)
  // Redis gives away a set that is in one piece as a whole.
  const isWhole = isListpackSortedSet(server.config, set)
  const step = isWhole ? { cursor: 0, members: Array.from(set, ([member]) => member) } : set.scan(cursor, Number(count))
  const members = pattern === undefined ? step.members : matching(step.members, pattern)
  reply.array(2)
  reply.bulk(String(step.cursor))
  reply.array(members.length * 2)
  for (const member of members) {
    reply.bulk(member)
    reply.bulk(formatDouble(set.score(member)!))
  }
}

const one = { group: 'sorted-set', keys: '1 1 1' } as const

const single: readonly Command[] = [
  command({
    ...one,
    name: 'ZADD',
    arity: -4,
    flags: 'write denyoom fast',
    since: '1.2.0',
    summary: 'Adds members to a sorted set, or sets their scores.',
    complexity: 'O(log(N)) for each member, N in the set',
    syntax: 'key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]',
    run: (ctx, argv) => add(ctx, argv, 0),
  }),
  command({
    ...one,
    name: 'ZINCRBY',
    arity: 4,
    flags: 'write denyoom fast',
    since: '1.2.0',
    summary: "Adds to a member's score, which counts as 0 if it is new.",
    complexity: 'O(log(N)) for N members',
    syntax: 'key increment member',
    run: (ctx, argv) => add(ctx, argv, INCR),
  }),
  command({
    ...one,
    name: 'ZREM',
    arity: -3,
    flags: 'write fast',
    since: '1.2.0',
    summary: 'Removes members from a sorted set; how many were there.',
    complexity: 'O(M*log(N)) for M members out of N',
    syntax: 'key member [member ...]',
    run: zrem,
  }),
  command({
    ...one,
    name: 'ZCARD',
    arity: 2,
    flags: 'readonly fast',
    since: '1.2.0',
    summary: 'How many members a sorted set has.',
    complexity: 'O(1)',
    syntax: 'key',
    run: zcard,
  }),
  command({
    ...one,
    name: 'ZSCORE',
    arity: 3,
    flags: 'readonly fast',
    since: '1.2.0',
    summary: "A member's score.",
    complexity: 'O(1)',
    syntax: 'key member',
    run: zscore,
  }),
  command({
    ...one,
    name: 'ZMSCORE',
    arity: -3,
    flags: 'readonly fast',
    since: '6.2.0',
    summary: 'The scores of several members.',
    complexity: 'O(N) for N members asked for',
    syntax: 'key member [member ...]',
    run: zmscore,
  }),
  command({
    ...one,
    name: 'ZRANK',
    arity: 3,
    maxCount: 4,
    flags: 'readonly fast',
    since: '2.0.0',
    summary: 'How many members stand before this one, from the lowest score on.',
    complexity: 'O(log(N)) for N members',
    syntax: 'key member',
    run: (ctx, argv) => rank(ctx, argv, false),
  }),
  command({
    ...one,
    name: 'ZREVRANK',
    arity: 3,
    maxCount: 4,
    flags: 'readonly fast',
    since: '2.0.0',
    summary: 'How many members stand before this one, from the highest score on.',
    complexity: 'O(log(N)) for N members',
    syntax: 'key member',
    run: (ctx, argv) => rank(ctx, argv, true),
  }),
  command({
    ...one,
    name: 'ZRANDMEMBER',
    arity: -2,
    flags: 'readonly',
    since: '6.2.0',
    summary: 'Members chosen at random: different ones, or with a negative count any.',
    complexity: 'O(N) for N members returned',
    syntax: 'key [count [WITHSCORES]]',
    run: zrandmember,
  }),
  command({
    ...one,
    name: 'ZSCAN',
    arity: -3,
    flags: 'readonly',
    since: '2.8.0',
    summary: 'Some members with their scores, and where to go on for the next ones.',
    complexity: 'O(1) for a call, O(N) for a walk over N members',
    syntax: 'key cursor [MATCH pattern] [COUNT count]',
    run: zscan,
  }),
]

export const sortedSetCommands: readonly Command[] = [
  ...single,
  ...sortedSetRanges,
  ...sortedSetPops,
  ...sortedSetAlgebra,
]
