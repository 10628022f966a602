// Vector sets, a module of Redis 8: elements with vectors, added, removed, shown. Which of them are near: vector-search.ts.

import { type Arg, compareText, latin1Slice } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { bytesOf, projectionOf, type Quantization, valuesOf } from '../keyspace/vector.js'
import type { VectorNode } from '../keyspace/vector-graph.js'
import { VectorSet } from '../keyspace/vector-set.js'
import { type Command, type Context, command, INT32_MAX, option, text } from './command.js'
import { type Int64, parseInt64 } from './int64.js'
import { readAs, writeAs } from './lookup.js'
import { type GivenVector, givenVector, replyNumber } from './vector-args.js'
import { vsim } from './vector-search.js'

const DEFAULT_M = 16
const MIN_M = 4
const MAX_M = 4096
const MAX_EF = 1_000_000

function vadd(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const given = givenVector(argv, 2, true)
  if (given.next >= argv.length) throw replyErrors.arity('VADD')
  const name = text(argv[given.next])
  const options = addOptions(argv, given.next + 1)
  const held = writeAs(ctx, key, VectorSet)
  if (held !== undefined) assertFits(held, given, options)
  const set = held ?? newSet(given, options)
  const vector = set.vectorFor(given.values)
  if (held !== undefined) ctx.db.willChange(key)
  const isNew = set.set(name, vector, options.attribute)
  if (held === undefined) ctx.db.set(key, set)
  else ctx.db.didChange(key, set)
  // Redis tells its replicas nothing of an element that gets another vector: there they differ from then on.
  ctx.changed()
  ctx.reply.bool(isNew)
}

interface AddOptions {
  quantization: Quantization
  m: number
  attribute: string | null
}

function addOptions(argv: readonly Arg[], at: number): AddOptions {
  const options: AddOptions = { quantization: 'int8', m: DEFAULT_M, attribute: null }
  for (; at < argv.length; at++) {
    const word = option(argv[at])
    const hasNext = at + 1 < argv.length
    // An insertion beside others in time and the effort for its links: for us there is nothing to choose.
    if (word === 'CAS') continue
    if (word === 'EF' && hasNext) numberUpTo(argv[++at], 1, MAX_EF, word)
    else if (word === 'M' && hasNext) options.m = numberUpTo(argv[++at], MIN_M, MAX_M, word)
    else if (word === 'SETATTR' && hasNext) options.attribute = text(argv[++at])
    else if (word === 'NOQUANT') options.quantization = 'f32'
    else if (word === 'BIN') options.quantization = 'bin'
    else if (word === 'Q8') options.quantization = 'int8'
    else throw new ReplyError('ERR invalid option after element')
  }
  return options
}

function numberUpTo(arg: Arg, min: number, max: number, word: string): number {
  const value = parseInt64(arg)
  if (value === undefined || value < min || value > max) throw new ReplyError(`ERR invalid ${word}`)
  return Number(value)
}

function newSet({ values, reducedDim }: GivenVector, { quantization, m }: AddOptions): VectorSet {
  const projection = reducedDim === 0 ? null : projectionOf(values.length, reducedDim)
  return new VectorSet({ dim: reducedDim || values.length, quantization, m, projection })
}

function assertFits({ form }: VectorSet, { values, reducedDim }: GivenVector, { quantization, m }: AddOptions): void {
  const { dim, projection } = form
  const { length } = values
  if (form.quantization !== quantization)
    throw new ReplyError('ERR asked quantization mismatch with existing vector set')
  if (form.m !== m) throw new ReplyError('ERR asked M value mismatch with existing vector set')
  if (dim !== (projection === null ? length : reducedDim))
    throw new ReplyError(`ERR Vector dimension mismatch - got ${length} but set has ${dim}`)
  if (projection === null) {
    if (reducedDim > 0) throw new ReplyError('ERR cannot add projection to existing set without projection')
  } else if (length !== projection.inputDim) {
    throw new ReplyError(
      `ERR Input dimension mismatch for projection - got ${length} but projection expects ${projection.inputDim}`,
    )
  }
}

function vrem(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const name = text(argv[2])
  const set = writeAs(ctx, key, VectorSet)
  const isThere = set?.get(name) !== undefined
  if (isThere) {
    ctx.db.willChange(key)
    set.delete(name)
    ctx.db.didChange(key, set)
    ctx.changed()
  }
  ctx.reply.bool(isThere)
}

function vsetattr(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const name = text(argv[2])
  const set = writeAs(ctx, key, VectorSet)
  const isThere = set?.get(name) !== undefined
  if (isThere) {
    ctx.db.willChange(key)
    set.setAttribute(set.get(name)!, text(argv[3]))
    ctx.db.didChange(key, set)
    ctx.changed()
  }
  ctx.reply.bool(isThere)
}

/** The element that a key and a name lead to. */
function elementAt(ctx: Context, argv: readonly Arg[]): VectorNode | undefined {
  return readAs(ctx, text(argv[1]), VectorSet)?.get(text(argv[2]))
}

function vgetattr(ctx: Context, argv: Arg[]): void {
  const attribute = elementAt(ctx, argv)?.attribute ?? ''
  ctx.reply.bulk(attribute === '' ? null : attribute)
}

function vismember(ctx: Context, argv: Arg[]): void {
  ctx.reply.bool(elementAt(ctx, argv) !== undefined)
}

function vcard(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(readAs(ctx, text(argv[1]), VectorSet)?.size ?? 0)
}

function vdim(ctx: Context, argv: Arg[]): void {
  const set = readAs(ctx, text(argv[1]), VectorSet)
  if (set === undefined) throw new ReplyError('ERR key does not exist')
  ctx.reply.integer(set.form.dim)
}

function vemb(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const isRaw = argv.length > 3
  if (argv.slice(3).some((arg) => option(arg) !== 'RAW')) throw new ReplyError('ERR invalid option')
  const set = readAs(ctx, text(argv[1]), VectorSet)
  const vector = set?.get(text(argv[2]))?.vector
  if (set === undefined || vector === undefined) {
    reply.null()
    return
  }
  const { dim, quantization } = set.form
  if (isRaw) {
    reply.array(quantization === 'int8' ? 4 : 3)
    reply.status(quantization)
    reply.bytes(latin1Slice(bytesOf(vector)))
    replyNumber(reply, vector.norm)
    if (quantization === 'int8') replyNumber(reply, vector.range)
  } else {
    reply.array(dim)
    for (const value of valuesOf(vector, dim)) replyNumber(reply, value)
  }
}

function vinfo(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const set = readAs(ctx, text(argv[1]), VectorSet)
  if (set === undefined) {
    reply.nullArray()
    return
  }
  const { dim, quantization, m, projection } = set.form
  const numbers: [string, number][] = [
    ['hnsw-m', m],
    ['vector-dim', dim],
    ['projection-input-dim', projection?.inputDim ?? 0],
    ['size', set.size],
    ['max-level', set.topLevel],
    ['attributes-count', set.attributes],
    ['vset-uid', 0], // Redis counts the sets that it ever made: of no meaning elsewhere.
    ['hnsw-max-node-uid', set.lastId],
  ]
  reply.map(1 + numbers.length)
  reply.status('quant-type')
  reply.status(quantization)
  for (const [name, number] of numbers) {
    reply.status(name)
    reply.integer(number)
  }
}

function vrandmember(ctx: Context, argv: Arg[]): void {
  if (argv.length > 3) throw replyErrors.arity('VRANDMEMBER')
  const { reply, server } = ctx
  const random = (): number => server.env.random()
  const count = argv.length === 3 ? drawCount(argv[2]) : undefined
  if (count === 0) {
    reply.array(0)
    return
  }
  const set = readAs(ctx, text(argv[1]), VectorSet)
  if (count === undefined) {
    if (set === undefined) reply.null()
    else reply.bulk(set.pick(random()).name)
  } else if (set === undefined) reply.array(0)
  else if (count < 0) {
    reply.array(-count)
    for (let i = count; i < 0; i++) reply.bulk(set.pick(random()).name)
  } else {
    const nodes = set.sample(count, random)
    reply.array(nodes.length)
    for (const { name } of nodes) reply.bulk(name)
  }
}

function drawCount(arg: Arg): number {
  const count = countOf(arg)
  if (count < -INT32_MAX) throw replyErrors.outOfRange()
  return Number(count)
}

function countOf(arg: Arg, message = 'ERR COUNT value is not an integer'): Int64 {
  const count = parseInt64(arg)
  if (count === undefined) throw new ReplyError(message)
  return count
}

function vrange(ctx: Context, argv: Arg[]): void {
  if (argv.length > 5) throw replyErrors.arity('VRANGE')
  const isBehind = bound(argv[2], 'start', 1)
  const isBefore = bound(argv[3], 'end', -1)
  const count = argv.length === 5 ? Number(countOf(argv[4], 'ERR invalid COUNT value')) : -1
  if (option(argv[2]) === '+' || option(argv[3]) === '-')
    throw new ReplyError("ERR '-' can only be used as first argument, '+' only as second")
  const set = readAs(ctx, text(argv[1]), VectorSet)
  const names: string[] = []
  for (const { name } of set ?? []) if (isBehind(name) && isBefore(name)) names.push(name)
  names.sort(compareText)
  const shown = count < 0 ? names : names.slice(0, count)
  ctx.reply.array(shown.length)
  for (const name of shown) ctx.reply.bulk(name)
}

/** `direction`: where the names of the range lie, seen from the bound. */
function bound(arg: Arg, which: string, direction: 1 | -1): (name: string) => boolean {
  const spec = text(arg)
  if (spec === '-' || spec === '+') return () => true
  const edge = spec.slice(1)
  if (edge !== '' && spec.startsWith('[')) return (name) => compareText(name, edge) * direction >= 0
  if (edge !== '' && spec.startsWith('(')) return (name) => compareText(name, edge) * direction > 0
  throw new ReplyError(`ERR invalid ${which} range format`)
}

function vlinks(): void {
  throw new ReplyError('ERR VLINKS is not supported here: queries look at every element')
}

const one = { group: 'module', keys: '1 1 1', since: '8.0.0' } as const
const vector = '<FP32 | VALUES> vector'

export const vectorSetCommands: readonly Command[] = [
  command({
    ...one,
    name: 'VADD',
    arity: -5,
    flags: 'write denyoom module',
    summary: 'Adds an element with its vector to a vector set, or gives it another vector; whether it is new.',
    complexity: 'O(N) for N components, and what replicas and files cost later',
    syntax: `key [REDUCE dim:integer] ${vector} element [CAS] [NOQUANT | BIN | Q8] [EF build-exploration-factor:integer] [SETATTR attributes] [M numlinks:integer]`,
    run: vadd,
  }),
  command({
    ...one,
    name: 'VREM',
    arity: 3,
    flags: 'write module',
    summary: 'Removes an element from a vector set; whether it was there.',
    complexity: 'O(1) for the number of elements',
    syntax: 'key element',
    run: vrem,
  }),
  command({
    ...one,
    name: 'VSETATTR',
    arity: 4,
    flags: 'write module fast',
    summary: 'Gives an element of a vector set an attribute, as JSON; the empty one takes it away.',
    complexity: 'O(1)',
    syntax: 'key element json',
    run: vsetattr,
  }),
  command({
    ...one,
    name: 'VGETATTR',
    arity: 3,
    flags: 'readonly module fast',
    summary: 'The attribute of an element of a vector set.',
    complexity: 'O(1)',
    syntax: 'key element',
    run: vgetattr,
  }),
  command({
    ...one,
    name: 'VCARD',
    arity: 2,
    flags: 'readonly module fast',
    summary: 'How many elements a vector set has.',
    complexity: 'O(1)',
    syntax: 'key',
    run: vcard,
  }),
  command({
    ...one,
    name: 'VDIM',
    arity: 2,
    flags: 'readonly module fast',
    summary: 'How many components the vectors of a vector set have.',
    complexity: 'O(1)',
    syntax: 'key',
    run: vdim,
  }),
  command({
    ...one,
    name: 'VEMB',
    arity: -3,
    flags: 'readonly module fast',
    summary: 'The vector of an element, about as it was given or as it is kept.',
    complexity: 'O(N) for N components',
    syntax: 'key element [RAW]',
    run: vemb,
  }),
  command({
    ...one,
    name: 'VISMEMBER',
    arity: 3,
    flags: 'readonly module',
    since: '8.2.0',
    summary: 'Whether it is an element of a vector set.',
    complexity: 'O(1)',
    syntax: 'key element',
    run: vismember,
  }),
  command({
    ...one,
    name: 'VINFO',
    arity: 2,
    flags: 'readonly module fast',
    summary: 'How a vector set is made, and how large it is.',
    complexity: 'O(N) for N elements',
    syntax: 'key',
    run: vinfo,
  }),
  command({
    ...one,
    name: 'VRANDMEMBER',
    arity: -2,
    flags: 'readonly module',
    summary: 'Elements of a vector set, chosen at random; with a negative count an element may come again.',
    complexity: 'O(1), or O(N) for N elements',
    syntax: 'key [count]',
    run: vrandmember,
  }),
  command({
    ...one,
    name: 'VRANGE',
    arity: -4,
    flags: 'readonly module',
    since: '8.4.0',
    summary: 'Elements of a vector set between two names, in the order of their names.',
    complexity: 'O(N) for N elements, and O(M*log(M)) for M of them in the range',
    syntax: 'key start:string end:string [count]',
    run: vrange,
  }),
  command({
    ...one,
    name: 'VSIM',
    arity: -4,
    flags: 'readonly module',
    summary: 'The elements of a vector set whose vectors are nearest to a vector.',
    complexity: 'O(N*log(N)) for N elements',
    syntax:
      'key <ELE | FP32 | VALUES> vector_or_element [WITHSCORES] [WITHATTRIBS] [COUNT count] [EPSILON max_distance:double] [EF search-exploration-factor:integer] [FILTER expression] [FILTER-EF max-filtering-effort:integer] [TRUTH] [NOTHREAD]',
    run: vsim,
  }),
  command({
    ...one,
    name: 'VLINKS',
    arity: -3,
    flags: 'readonly module fast',
    summary: 'The neighbours of an element in the graph of Redis: refused, as there is none to search in.',
    complexity: 'O(1)',
    syntax: 'key element [WITHSCORES]',
    run: vlinks,
  }),
]
