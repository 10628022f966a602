// Places: members of sorted sets, whose scores are where they are. Searching by area is in geo-search.ts.

import type { Arg } from '../bytes.js'
import { replyErrors } from '../errors.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { type Command, type Context, command, option, text } from './command.js'
import { geoSearch } from './geo-search.js'
import { pointAt, replyDistance, replyPoint, unitOf } from './geo-units.js'
import { decode, distance, encodeDigits, geohashText } from './geohash.js'
import { readAs } from './lookup.js'
import { addWithScores } from './sorted-sets.js'

const addOptions: ReadonlySet<string> = new Set(['NX', 'XX', 'CH'])

/** Becomes a ZADD, for replicas too. */
function geoadd(ctx: Context, argv: Arg[]): void {
  let first = 2
  const given = new Set<string>()
  for (; first < argv.length && addOptions.has(option(argv[first])); first++) given.add(option(argv[first]))
  if ((argv.length - first) % 3 !== 0 || (given.has('NX') && given.has('XX'))) throw replyErrors.syntax()
  const zadd: Arg[] = ['zadd', ...argv.slice(1, first)]
  for (let i = first; i < argv.length; i += 3) zadd.push(encodeDigits(pointAt(argv, i)), argv[i + 2])
  addWithScores(ctx, zadd)
  ctx.effect(...zadd)
}

function geopos(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const set = readAs(ctx, text(argv[1]), SortedSet)
  reply.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) {
    const score = set?.score(text(argv[i]))
    if (score === undefined) reply.nullArray()
    else replyPoint(ctx, decode(score))
  }
}

function geohash(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const set = readAs(ctx, text(argv[1]), SortedSet)
  reply.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) {
    const score = set?.score(text(argv[i]))
    reply.bulk(score === undefined ? null : geohashText(decode(score)))
  }
}

function geodist(ctx: Context, argv: Arg[]): void {
  if (argv.length > 5) throw replyErrors.syntax()
  const unit = argv.length === 5 ? unitOf(argv[4]) : 1
  const set = readAs(ctx, text(argv[1]), SortedSet)
  const [from, to] = [set?.score(text(argv[2])), set?.score(text(argv[3]))]
  if (from === undefined || to === undefined) ctx.reply.null()
  else replyDistance(ctx, distance(decode(from), decode(to)) / unit)
}

const one = { group: 'geo', keys: '1 1 1' } as const

export const geoCommands: readonly Command[] = [
  command({
    ...one,
    name: 'GEOADD',
    arity: -5,
    flags: 'write denyoom',
    since: '3.2.0',
    summary: 'Adds members to a sorted set, with places as their scores.',
    complexity: 'O(log(N)) for each member, N in the set',
    syntax: 'key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]',
    run: geoadd,
  }),
  command({
    ...one,
    name: 'GEOPOS',
    arity: -2,
    flags: 'readonly',
    since: '3.2.0',
    summary: 'Where members are: longitude and latitude.',
    complexity: 'O(N) for N members asked for',
    syntax: 'key member [member ...]',
    run: geopos,
  }),
  command({
    ...one,
    name: 'GEODIST',
    arity: -4,
    flags: 'readonly',
    since: '3.2.0',
    summary: 'How far two members are from each other.',
    complexity: 'O(log(N)) for N members',
    syntax: 'key member1 member2 [M | KM | FT | MI]',
    run: geodist,
  }),
  command({
    ...one,
    name: 'GEOHASH',
    arity: -2,
    flags: 'readonly',
    since: '3.2.0',
    summary: 'Where members are, as standard geohashes.',
    complexity: 'O(N) for N members asked for',
    syntax: 'key member [member ...]',
    run: geohash,
  }),
  ...geoSearch,
]
