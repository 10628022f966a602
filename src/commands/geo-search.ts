// Searching by area: GEOSEARCH, and GEORADIUS, which it replaced.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { type Command, type Context, command, option, text } from './command.js'
import { pointAt, replyDistance, replyPoint, unitOf } from './geo-units.js'
import { centroidOf, decode, distanceWithin, type Point, type Shape, spansCovering } from './geohash.js'
import { int64, parseInt64 } from './int64.js'
import { readAs } from './lookup.js'
import { double, storeResult } from './scores.js'

/** What a command may be told, and where: GEOSEARCH by options, GEORADIUS by place. */
interface Form {
  kind: 'search' | 'radius' | 'radius-by-member'
  /** Where the searched key stands. */
  source: number
  /** Of search: GEOSEARCHSTORE. Of the others: STORE and STOREDIST are options. */
  canStore: boolean
}

type Size =
  | { kind: 'circle'; radius: number; unit: number }
  | { kind: 'box'; width: number; height: number; unit: number }
  | { kind: 'polygon'; vertices: Point[]; unit: 1 }

interface Query {
  /** Undefined where there is no key to search: then the center may not be known. */
  center: Point | undefined
  size: Size | undefined
  /** A member was named as the center, or coordinates were; a polygon has its own. */
  from: 'member' | 'coordinates' | 'polygon' | undefined
  withDistance: boolean
  withHash: boolean
  withPoint: boolean
  order: 'ASC' | 'DESC' | undefined
  /** 0: all. */
  count: number
  /** The first ones found will do, rather than the nearest. */
  anyWillDo: boolean
  storeAt: string | undefined
  storesDistance: boolean
}

function freshQuery(): Query {
  return {
    center: undefined,
    size: undefined,
    from: undefined,
    withDistance: false,
    withHash: false,
    withPoint: false,
    order: undefined,
    count: 0,
    anyWillDo: false,
    storeAt: undefined,
    storesDistance: false,
  }
}

function queryOf(argv: readonly Arg[], set: SortedSet | undefined, form: Form): Query {
  const query = freshQuery()
  let first = form.source + 1
  if (form.kind === 'radius') {
    query.center = pointAt(argv, 2)
    query.size = circleAt(argv, 4)
    first = 6
  } else if (form.kind === 'radius-by-member') {
    // Without a key to search only the options count, which say what the answer is.
    if (set !== undefined) {
      query.center = pointOf(set, argv[2])
      query.size = circleAt(argv, 3)
    }
    first = 5
  } else if (form.canStore) query.storeAt = text(argv[1])
  for (let i = first; i < argv.length; ) i = readOption(argv, i, query, set, form)
  check(query, argv, form)
  return query
}

function pointOf(set: SortedSet, member: Arg): Point {
  const score = set.score(text(member))
  if (score === undefined) throw new ReplyError('ERR could not decode requested zset member')
  return decode(score)
}

function circleAt(argv: readonly Arg[], at: number): Size {
  const radius = double(argv[at], 'ERR need numeric radius')
  if (radius < 0) throw new ReplyError('ERR radius cannot be negative')
  return { kind: 'circle', radius, unit: unitOf(argv[at + 1]) }
}

function boxAt(argv: readonly Arg[], at: number): Size {
  const width = double(argv[at], 'ERR need numeric width')
  const height = double(argv[at + 1], 'ERR need numeric height')
  if (width < 0 || height < 0) throw new ReplyError('ERR height or width cannot be negative')
  return { kind: 'box', width, height, unit: unitOf(argv[at + 2]) }
}

/** Valkey 9's shape. */
function polygonAt(argv: readonly Arg[], at: number): Point[] {
  const count = parseInt64(argv[at])
  if (count === undefined) throw new ReplyError('ERR invalid number of vertices')
  if (count < 3 || count > (argv.length - at - 1) / 2)
    throw new ReplyError('ERR GEOSEARCH BYPOLYGON must have at least 3 vertices')
  return Array.from({ length: Number(count) }, (_, i) => pointAt(argv, at + 1 + 2 * i))
}

/** Reads the option at argv[i] into the query. Says where the next one stands. */
function readOption(argv: readonly Arg[], i: number, query: Query, set: SortedSet | undefined, form: Form): number {
  const left = argv.length - i - 1
  const word = option(argv[i])
  switch (word) {
    case 'WITHDIST':
      query.withDistance = true
      return i + 1
    case 'WITHHASH':
      query.withHash = true
      return i + 1
    case 'WITHCOORD':
      query.withPoint = true
      return i + 1
    case 'ANY':
      query.anyWillDo = true
      return i + 1
    case 'ASC':
    case 'DESC':
      query.order = word
      return i + 1
    case 'COUNT':
      if (left < 1) break
      query.count = Number(int64(argv[i + 1]))
      if (query.count <= 0) throw new ReplyError('ERR COUNT must be > 0')
      return i + 2
  }
  return form.kind === 'search'
    ? readSearchOption(argv, i, query, set, form)
    : readRadiusOption(argv, i, query, form.canStore)
}

function readSearchOption(
  argv: readonly Arg[],
  i: number,
  query: Query,
  set: SortedSet | undefined,
  form: Form,
): number {
  const left = argv.length - i - 1
  const word = option(argv[i])
  if (word === 'STOREDIST' && form.canStore) {
    query.storesDistance = true
    return i + 1
  }
  if (word === 'FROMMEMBER' && left >= 1 && (query.from ?? 'member') === 'member') {
    if (set !== undefined) query.center = pointOf(set, argv[i + 1])
    query.from = 'member'
    return i + 2
  }
  if (word === 'FROMLONLAT' && left >= 2 && (query.from ?? 'coordinates') === 'coordinates') {
    query.center = pointAt(argv, i + 1)
    query.from = 'coordinates'
    return i + 3
  }
  if (word === 'BYRADIUS' && left >= 2 && (query.size?.kind ?? 'circle') === 'circle') {
    query.size = circleAt(argv, i + 1)
    return i + 3
  }
  if (word === 'BYBOX' && left >= 3 && (query.size?.kind ?? 'box') === 'box') {
    query.size = boxAt(argv, i + 1)
    return i + 4
  }
  const isFree = (query.from ?? 'polygon') === 'polygon' && (query.size?.kind ?? 'polygon') === 'polygon'
  if (word === 'BYPOLYGON' && left >= 1 && isFree) {
    const vertices = polygonAt(argv, i + 1)
    query.size = { kind: 'polygon', vertices, unit: 1 }
    query.center = centroidOf(vertices)
    query.from = 'polygon'
    return i + 2 + 2 * vertices.length
  }
  throw replyErrors.syntax()
}

function readRadiusOption(argv: readonly Arg[], i: number, query: Query, canStore: boolean): number {
  const word = option(argv[i])
  if (!canStore || i + 1 === argv.length || (word !== 'STORE' && word !== 'STOREDIST')) throw replyErrors.syntax()
  query.storeAt = text(argv[i + 1])
  query.storesDistance = word === 'STOREDIST'
  return i + 2
}

function check(query: Query, argv: readonly Arg[], { kind }: Form): void {
  const isSearch = kind === 'search'
  if (query.storeAt !== undefined && (query.withDistance || query.withHash || query.withPoint)) {
    const what = isSearch ? 'GEOSEARCHSTORE' : 'STORE option in GEORADIUS'
    throw new ReplyError(`ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`)
  }
  if (isSearch && query.from === undefined)
    throw new ReplyError(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${text(argv[0])}`)
  if (isSearch && query.size === undefined)
    throw new ReplyError(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${text(argv[0])}`)
  if (query.anyWillDo && query.count === 0) throw new ReplyError('ERR the ANY argument requires COUNT argument')
}

interface Found {
  member: string
  score: number
  point: Point
  meters: number
}

/** In the order of the areas, and of the scores in them; `limit` 0: all. */
function find(set: SortedSet, shape: Shape, limit: number): Found[] {
  const found: Found[] = []
  for (const { min, max } of spansCovering(shape)) {
    const from = set.countBelow(min, false)
    set.walk(from, set.countBelow(max, false) - from, 1, (member, score) => {
      if (limit > 0 && found.length >= limit) return
      const point = decode(score)
      const meters = distanceWithin(shape, point)
      if (meters !== undefined) found.push({ member, score, point, meters })
    })
    if (limit > 0 && found.length >= limit) break
  }
  return found
}

function results(set: SortedSet, shape: Shape, { count, anyWillDo, order }: Query): Found[] {
  const found = find(set, shape, anyWillDo ? count : 0)
  // Some of them all, without an order, are the nearest ones.
  const sorting = order ?? (count > 0 && !anyWillDo ? 'ASC' : undefined)
  if (sorting === 'ASC') found.sort((a, b) => a.meters - b.meters)
  if (sorting === 'DESC') found.sort((a, b) => b.meters - a.meters)
  return count > 0 ? found.slice(0, count) : found
}

function search(ctx: Context, argv: readonly Arg[], form: Form): void {
  const set = readAs(ctx, text(argv[form.source]), SortedSet)
  const query = queryOf(argv, set, form)
  const { center, size, storeAt } = query
  const found = set === undefined ? [] : results(set, { center: center!, ...size! }, query)
  const unit = size?.unit ?? 1
  if (storeAt === undefined) replyFound(ctx, found, query, unit)
  else {
    const result = new SortedSet()
    for (const { member, meters, score } of found) result.set(member, query.storesDistance ? meters / unit : score)
    storeResult(ctx, storeAt, result, form.kind === 'search' ? 'geosearchstore' : 'georadiusstore', result.size)
  }
}

function replyFound(ctx: Context, found: readonly Found[], query: Query, unit: number): void {
  const { reply } = ctx
  const { withDistance, withHash, withPoint } = query
  const parts = Number(withDistance) + Number(withHash) + Number(withPoint)
  reply.array(found.length)
  for (const { member, score, point, meters } of found) {
    if (parts > 0) reply.array(parts + 1)
    reply.bulk(member)
    if (withDistance) replyDistance(ctx, meters / unit)
    // A score that GEOADD did not write may have a fraction.
    if (withHash) reply.integer(BigInt(Math.trunc(score)))
    if (withPoint) replyPoint(ctx, point)
  }
}

/** The searched key, and those behind STORE and STOREDIST, which are looked for from argv[first] on. */
function keysOfRadius(argv: readonly Arg[], first: number): number[] {
  const words = argv.map((arg, i) => (i < first || i + 1 === argv.length ? '' : option(arg)))
  const stored = ['STORE', 'STOREDIST'].map((word) => words.indexOf(word)).filter((at) => at >= 0)
  return [1, ...stored.map((at) => at + 1)]
}

const complexity = 'O(N+log(M)) for N members around the area and M inside'
const unit = '<M | KM | FT | MI>'
const from = '<FROMMEMBER member | FROMLONLAT longitude latitude>'
const by = `<BYRADIUS radius ${unit} | BYBOX width height ${unit}>`
const reading = '[WITHCOORD] [WITHDIST] [WITHHASH]'
const choosing = '[COUNT count [ANY]] [ASC | DESC]'
const storing = '[STORE key] [STOREDIST key]'
const geo = { group: 'geo', complexity } as const

export const geoSearch: readonly Command[] = [
  command({
    ...geo,
    name: 'GEOSEARCH',
    arity: -7,
    flags: 'readonly',
    keys: '1 1 1',
    since: '6.2.0',
    summary: 'The members in a circle, a box or a polygon.',
    syntax: `key ${from} ${by} [ASC | DESC] [COUNT count [ANY]] ${reading}`,
    run: (ctx, argv) => search(ctx, argv, { kind: 'search', source: 1, canStore: false }),
  }),
  command({
    ...geo,
    name: 'GEOSEARCHSTORE',
    arity: -8,
    flags: 'write denyoom',
    keys: '1 2 1',
    since: '6.2.0',
    summary: 'Makes the members in a circle, a box or a polygon a sorted set.',
    syntax: `destination source ${from} ${by} [ASC | DESC] [COUNT count [ANY]] [STOREDIST]`,
    run: (ctx, argv) => search(ctx, argv, { kind: 'search', source: 2, canStore: true }),
  }),
  command({
    ...geo,
    name: 'GEORADIUS',
    arity: -6,
    flags: 'write denyoom movablekeys',
    keys: '1 1 1',
    findKeys: (argv) => keysOfRadius(argv, 6),
    since: '3.2.0',
    summary: 'The members around a place.',
    syntax: `key longitude latitude radius ${unit} ${reading} ${choosing} ${storing}`,
    run: (ctx, argv) => search(ctx, argv, { kind: 'radius', source: 1, canStore: true }),
  }),
  command({
    ...geo,
    name: 'GEORADIUS_RO',
    arity: -6,
    flags: 'readonly',
    keys: '1 1 1',
    since: '3.2.10',
    summary: 'The members around a place; never stores them.',
    syntax: `key longitude latitude radius ${unit} ${reading} ${choosing}`,
    run: (ctx, argv) => search(ctx, argv, { kind: 'radius', source: 1, canStore: false }),
  }),
  command({
    ...geo,
    name: 'GEORADIUSBYMEMBER',
    arity: -5,
    flags: 'write denyoom movablekeys',
    keys: '1 1 1',
    findKeys: (argv) => keysOfRadius(argv, 5),
    since: '3.2.0',
    summary: 'The members around one of them.',
    syntax: `key member radius ${unit} ${reading} ${choosing} ${storing}`,
    run: (ctx, argv) => search(ctx, argv, { kind: 'radius-by-member', source: 1, canStore: true }),
  }),
  command({
    ...geo,
    name: 'GEORADIUSBYMEMBER_RO',
    arity: -5,
    flags: 'readonly',
    keys: '1 1 1',
    since: '3.2.10',
    summary: 'The members around one of them; never stores them.',
    syntax: `key member radius ${unit} ${reading} ${choosing}`,
    run: (ctx, argv) => search(ctx, argv, { kind: 'radius-by-member', source: 1, canStore: false }),
  }),
]
