// Unions, intersections and differences of sorted sets, and of sets, whose members count as having the score 1.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { MemberSet } from '../keyspace/set.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { type Command, type Context, command, numberedKeys, option, text } from './command.js'
import { type Int64, int64, parseInt64 } from './int64.js'
import { lookupRead } from './lookup.js'
import { double, replyPair, replyPairCount, storeResult } from './scores.js'

type Operation = 'union' | 'inter' | 'diff'
type Source = SortedSet | MemberSet

interface Weighted {
  source: Source | undefined
  size: number
  weight: number
}

type Aggregate = (a: number, b: number) => number

const aggregates: Readonly<Record<string, Aggregate>> = {
  // Both infinities together are 0, as a matter of convention.
  SUM: (a, b) => orZero(a + b),
  MIN: (a, b) => chosen(a, b, b < a),
  MAX: (a, b) => chosen(a, b, b > a),
}

/** Unlike Math.min and Math.max: a score that is no number (infinity with the weight 0) changes nothing. */
function chosen(score: number, other: number, isBetter: boolean): number {
  return isBetter ? other : score
}

interface Request {
  sources: Weighted[]
  aggregate: Aggregate
  withScores: boolean
  /** ZINTERCARD's; 0: none. */
  limit: Int64
}

/** Where a command takes options that others do not. */
interface Form {
  operation: Operation
  isStored?: boolean
  onlyCounts?: boolean
}

/** The arguments from the number of keys on, in the order in which Redis finds fault with them. */
function requestOf(ctx: Context, name: string, argv: readonly Arg[], at: number, form: Form): Request {
  const count = int64(argv[at])
  if (count < 1) throw new ReplyError(`ERR at least 1 input key is needed for '${name}' command`)
  if (count > argv.length - at - 1) throw replyErrors.syntax()
  const end = at + 1 + Number(count)
  const sources = argv.slice(at + 1, end).map((key) => sourceAt(ctx, text(key)))
  const request: Request = { sources, aggregate: aggregates.SUM, withScores: false, limit: 0 }
  for (let i = end; i < argv.length; ) i = readOption(argv, i, request, form)
  return request
}

function sourceAt(ctx: Context, key: string): Weighted {
  const value = lookupRead(ctx, key)
  if (value === undefined) return { source: undefined, size: 0, weight: 1 }
  if (!(value instanceof SortedSet) && !(value instanceof MemberSet)) throw replyErrors.wrongType()
  return { source: value, size: value.size, weight: 1 }
}

/** Reads the option at argv[i] into the request. Says where the next one stands. */
function readOption(argv: readonly Arg[], i: number, request: Request, form: Form): number {
  const { sources } = request
  const left = argv.length - i
  const isWeighed = form.operation !== 'diff' && !form.onlyCounts
  switch (option(argv[i])) {
    case 'WEIGHTS':
      if (!isWeighed || left < sources.length + 1) break
      for (const [k, source] of sources.entries())
        source.weight = double(argv[i + 1 + k], 'ERR weight value is not a float')
      return i + 1 + sources.length
    case 'AGGREGATE': {
      const aggregate = left < 2 ? undefined : aggregates[option(argv[i + 1])]
      if (!isWeighed || aggregate === undefined) break
      request.aggregate = aggregate
      return i + 2
    }
    case 'WITHSCORES':
      if (form.isStored || form.onlyCounts) break
      request.withScores = true
      return i + 1
    case 'LIMIT': {
      if (!form.onlyCounts || left < 2) break
      const limit = parseInt64(argv[i + 1])
      if (limit === undefined || limit < 0) throw new ReplyError("ERR LIMIT can't be negative")
      request.limit = limit
      return i + 2
    }
  }
  throw replyErrors.syntax()
}

/** Calls `visit` for each member with its score. */
function eachOf(source: Source | undefined, visit: (member: string, score: number) => void): void {
  if (source instanceof SortedSet) source.walk(source.size - 1, source.size, -1, visit)
  else if (source !== undefined) for (const member of source) visit(member, 1)
}

function scoreIn(source: Source | undefined, member: string): number | undefined {
  if (source instanceof SortedSet) return source.score(member)
  return source?.has(member) ? 1 : undefined
}

function orZero(score: number): number {
  return Number.isNaN(score) ? 0 : score
}

/** Scores are added from the smallest set on: doubles are not associative, and results should be Redis' to the bit. */
function bySize(sources: readonly Weighted[]): Weighted[] {
  return [...sources].sort((a, b) => a.size - b.size)
}

function unionOf({ sources, aggregate }: Request): SortedSet {
  const scores = new Map<string, number>()
  for (const { source, weight } of bySize(sources)) {
    eachOf(source, (member, score) => {
      const weighed = orZero(weight * score)
      const before = scores.get(member)
      scores.set(member, before === undefined ? weighed : aggregate(before, weighed))
    })
  }
  const result = new SortedSet()
  for (const [member, score] of scores) result.set(member, score)
  return result
}

function intersectionOf({ sources, aggregate }: Request): SortedSet {
  const [first, ...others] = bySize(sources)
  const result = new SortedSet()
  eachOf(first.source, (member, score) => {
    let sum = orZero(first.weight * score)
    for (const { source, weight } of others) {
      const other = scoreIn(source, member)
      if (other === undefined) return
      sum = aggregate(sum, other * weight)
    }
    result.set(member, sum)
  })
  return result
}

function differenceOf({ sources: [first, ...others] }: Request): SortedSet {
  const result = new SortedSet()
  eachOf(first.source, (member, score) => {
    if (others.every(({ source }) => scoreIn(source, member) === undefined)) result.set(member, score)
  })
  return result
}

const results = { union: unionOf, inter: intersectionOf, diff: differenceOf } as const

function reply(ctx: Context, argv: readonly Arg[], operation: Operation): void {
  const request = requestOf(ctx, `z${operation}`, argv, 1, { operation })
  const result = results[operation](request)
  if (request.withScores) {
    replyPairCount(ctx, result.size)
    result.walk(0, result.size, 1, (member, score) => replyPair(ctx, member, score))
  } else {
    ctx.reply.array(result.size)
    result.walk(0, result.size, 1, (member) => ctx.reply.bulk(member))
  }
}

function store(ctx: Context, argv: readonly Arg[], operation: Operation): void {
  const name = `z${operation}store`
  const request = requestOf(ctx, name, argv, 2, { operation, isStored: true })
  storeResult(ctx, text(argv[1]), results[operation](request), name)
}

function zintercard(ctx: Context, argv: Arg[]): void {
  const { sources, limit } = requestOf(ctx, 'zintercard', argv, 1, { operation: 'inter', onlyCounts: true })
  const [{ source: first }, ...others] = bySize(sources)
  let count = 0
  for (const entry of first ?? []) {
    const member = typeof entry === 'string' ? entry : entry[0]
    if (others.some(({ source }) => scoreIn(source, member) === undefined)) continue
    if (++count === limit) break
  }
  ctx.reply.integer(count)
}

/** The sources' keys, and then the destination. */
function keysOfStore(argv: readonly Arg[]): number[] {
  const sources = numberedKeys(argv, 2)
  return sources.length === 0 ? [] : [...sources, 1]
}

const unionCost = 'O(N)+O(M*log(M)) for N members in all sets and M in the result'
const interCost = 'O(N*K)+O(M*log(M)) for K sets, N members in the smallest and M in the result'
const diffCost = 'O(L+M*log(M)) for L members in all sets and M in the result'

const reading = {
  arity: -3,
  flags: 'readonly movablekeys',
  keys: '0 0 0',
  findKeys: (argv: readonly Arg[]) => numberedKeys(argv, 1),
  group: 'sorted-set',
} as const

const storing = {
  arity: -4,
  flags: 'write denyoom movablekeys',
  keys: '1 1 1',
  findKeys: keysOfStore,
  group: 'sorted-set',
} as const

const weighing = 'numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]'

export const sortedSetAlgebra: readonly Command[] = [
  command({
    ...reading,
    name: 'ZUNION',
    since: '6.2.0',
    summary: 'The members of all given sets, their scores put together.',
    complexity: unionCost,
    syntax: `${weighing} [WITHSCORES]`,
    run: (ctx, argv) => reply(ctx, argv, 'union'),
  }),
  command({
    ...reading,
    name: 'ZINTER',
    since: '6.2.0',
    summary: 'The members that are in each of the sets, their scores put together.',
    complexity: interCost,
    syntax: `${weighing} [WITHSCORES]`,
    run: (ctx, argv) => reply(ctx, argv, 'inter'),
  }),
  command({
    ...reading,
    name: 'ZDIFF',
    since: '6.2.0',
    summary: 'The members of the first set that are in none of the others.',
    complexity: diffCost,
    syntax: 'numkeys key [key ...] [WITHSCORES]',
    run: (ctx, argv) => reply(ctx, argv, 'diff'),
  }),
  command({
    ...storing,
    name: 'ZUNIONSTORE',
    since: '2.0.0',
    summary: 'Makes the union of sets a key.',
    complexity: unionCost,
    syntax: `destination ${weighing}`,
    run: (ctx, argv) => store(ctx, argv, 'union'),
  }),
  command({
    ...storing,
    name: 'ZINTERSTORE',
    since: '2.0.0',
    summary: 'Makes the intersection of sets a key.',
    complexity: interCost,
    syntax: `destination ${weighing}`,
    run: (ctx, argv) => store(ctx, argv, 'inter'),
  }),
  command({
    ...storing,
    name: 'ZDIFFSTORE',
    since: '6.2.0',
    summary: 'Makes the difference of sets a key.',
    complexity: diffCost,
    syntax: 'destination numkeys key [key ...]',
    run: (ctx, argv) => store(ctx, argv, 'diff'),
  }),
  command({
    ...reading,
    name: 'ZINTERCARD',
    since: '7.0.0',
    summary: 'How many members are in each of the sets.',
    complexity: 'O(N*K) for K sets and N members in the smallest',
    syntax: 'numkeys key [key ...] [LIMIT limit]',
    run: zintercard,
  }),
]
