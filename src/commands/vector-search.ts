// VSIM: the elements nearest to a vector. All are looked at, so the answer is exact and options that say how hard to look
// make no difference.

import type { Arg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { type Vector, valuesOf } from '../keyspace/vector.js'
import { VectorSet } from '../keyspace/vector-set.js'
import { parseDouble } from '../protocol/double.js'
import { type Context, option, text } from './command.js'
import { parseInt64 } from './int64.js'
import { readAs } from './lookup.js'
import { givenVector, replyNumber } from './vector-args.js'

const DEFAULT_COUNT = 10
/** As far apart as two vectors can be, twice. */
const NO_EPSILON = 2

export function vsim(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const set = readAs(ctx, text(argv[1]), VectorSet)
  if (set === undefined) {
    reply.array(0)
    return
  }
  const { query, next } = queryOf(set, argv)
  const { count, epsilon, withScores, withAttributes } = searchOptions(argv, next)
  const nearest = set.nearest(query, count)
  const found = nearest.filter(({ distance }) => !(distance / 2 > epsilon))
  const properties = (withScores ? 1 : 0) + (withAttributes ? 1 : 0)
  const asMap = ctx.client.protocol === 3 && properties > 0
  if (asMap) reply.map(found.length)
  else reply.array(found.length * (1 + properties))
  for (const { node, distance } of found) {
    reply.bulk(node.name)
    if (asMap && properties > 1) reply.array(properties)
    if (withScores) replyNumber(reply, 1 - distance / 2)
    if (withAttributes) reply.bulk(node.attribute === '' ? null : node.attribute)
  }
}

function queryOf(set: VectorSet, argv: readonly Arg[]): { query: Vector; next: number } {
  if (option(argv[2]) === 'ELE') {
    const node = set.get(text(argv[3]))
    if (node === undefined) throw new ReplyError('ERR element not found in set')
    // As Redis does: what the element was before is put into the set's form once more.
    return { query: set.queryFor(valuesOf(node.vector, set.form.dim)), next: 4 }
  }
  const { values, next } = givenVector(argv, 2, false)
  const { dim, projection } = set.form
  const { length } = values
  if (length !== dim && length !== projection?.inputDim) {
    if (projection === null) throw new ReplyError(`ERR Vector dimension mismatch - got ${length} but set has ${dim}`)
    throw new ReplyError(
      `ERR Input dimension mismatch for projection - got ${length} but projection expects ${projection.inputDim}`,
    )
  }
  return { query: set.queryFor(values), next }
}

interface SearchOptions {
  count: number
  epsilon: number
  withScores: boolean
  withAttributes: boolean
}

function searchOptions(argv: readonly Arg[], at: number): SearchOptions {
  const options = { count: DEFAULT_COUNT, epsilon: NO_EPSILON, withScores: false, withAttributes: false }
  for (; at < argv.length; at++) {
    const word = option(argv[at])
    const isLast = at + 1 === argv.length
    if (word === 'WITHSCORES') options.withScores = true
    else if (word === 'WITHATTRIBS') options.withAttributes = true
    else if (word === 'TRUTH' || word === 'NOTHREAD') continue
    else if (isLast) throw new ReplyError('ERR syntax error in VSIM command')
    else if (word === 'COUNT') options.count = positive(argv[++at], word)
    else if (word === 'EF' || word === 'FILTER-EF') positive(argv[++at], word)
    else if (word === 'EPSILON') {
      const epsilon = parseDouble(text(argv[++at]))
      if (epsilon === undefined || epsilon <= 0) throw new ReplyError('ERR invalid EPSILON')
      options.epsilon = epsilon
    } else if (word === 'FILTER') throw new ReplyError('ERR VSIM with FILTER is not supported here')
    else throw new ReplyError('ERR syntax error in VSIM command')
  }
  return options
}

function positive(arg: Arg, word: string): number {
  const value = parseInt64(arg)
  if (value === undefined || value <= 0) throw new ReplyError(`ERR invalid ${word}`)
  return Number(value)
}
