// What the commands of sorted sets share: scores and ranges as clients write them, members with scores as clients read
// them, and a result that becomes a key.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { SortedSet } from '../keyspace/sorted-set.js'
import { parseDouble, scanDouble } from '../protocol/double.js'
import { type Context, text } from './command.js'
import { dropExpired } from './lookup.js'

/** A finite or infinite number. Throws `message` for anything else. */
export function double(arg: Arg, message?: string): number {
  const value = parseDouble(text(arg))
  if (value !== undefined) return value
  throw message === undefined ? replyErrors.notFloat() : new ReplyError(message)
}

/** Members by score. */
interface ScoreRange {
  by: 'score'
  min: number
  max: number
  withoutMin: boolean
  withoutMax: boolean
}

/** Members by their bytes; null: no bound on that side. */
interface LexRange {
  by: 'lex'
  min: LexBound
  max: LexBound
}

type LexBound = 'first' | 'last' | { text: string; isOpen: boolean }

export type Range = ScoreRange | LexRange

/** Throws if one of them is no score. */
export function scoreRange(min: Arg, max: Arg): ScoreRange {
  const [low, withoutMin] = scoreBound(text(min))
  const [high, withoutMax] = scoreBound(text(max))
  return { by: 'score', min: low, max: high, withoutMin, withoutMax }
}

/** A number, `(` before it to leave it out. Unlike scores it may have blanks before it, and nothing at all is 0. */
function scoreBound(bound: string): [value: number, isOpen: boolean] {
  const isOpen = bound.startsWith('(')
  const digits = isOpen ? bound.slice(1) : bound
  const { value, length } = scanDouble(digits)
  const isWhole = length === digits.length || digits[length] === '\0'
  if (!isWhole || Number.isNaN(value)) throw new ReplyError('ERR min or max is not a float')
  return [value, isOpen]
}

/** Throws if one of them is neither `-`, `+`, `[text` nor `(text`. */
export function lexRange(min: Arg, max: Arg): LexRange {
  return { by: 'lex', min: lexBound(text(min)), max: lexBound(text(max)) }
}

function lexBound(bound: string): LexBound {
  if (bound === '-') return 'first'
  if (bound === '+') return 'last'
  const isOpen = bound.startsWith('(')
  if (!isOpen && !bound.startsWith('[')) throw new ReplyError('ERR min or max not valid string range item')
  return { text: bound.slice(1), isOpen }
}

/** The ranks from `from` up to but not including `to`; never more in `from` than in `to`. */
export interface Ranks {
  from: number
  to: number
}

export function ranksOf(set: SortedSet, range: Range): Ranks {
  const from = range.by === 'score' ? set.countBelow(range.min, range.withoutMin) : countBefore(set, range.min, false)
  const to = range.by === 'score' ? set.countBelow(range.max, !range.withoutMax) : countBefore(set, range.max, true)
  return { from, to: Math.max(from, to) }
}

function countBefore(set: SortedSet, bound: LexBound, isMax: boolean): number {
  if (bound === 'first') return 0
  if (bound === 'last') return set.size
  return set.countBeforeText(bound.text, bound.isOpen !== isMax)
}

/** The same for START and STOP, both of which may count from the end, and STOP is included. */
export function ranksBetween(set: SortedSet, start: number, stop: number): Ranks {
  const { size } = set
  const from = Math.max(0, start < 0 ? size + start : start)
  const to = Math.min(size, (stop < 0 ? size + stop : stop) + 1)
  return from < to ? { from, to } : { from: 0, to: 0 }
}

/** Members with their scores come in pairs in RESP3, and one after the other in RESP2. */
export function replyPairCount(ctx: Context, count: number): void {
  ctx.reply.array(ctx.client.protocol === 3 ? count : count * 2)
}

export function replyPair(ctx: Context, member: string, score: number): void {
  if (ctx.client.protocol === 3) ctx.reply.array(2)
  ctx.reply.bulk(member)
  ctx.reply.double(score)
}

/** Makes a result a key, in place of what was there, or deletes that if there is no result. Replies with its size. */
export function storeResult(ctx: Context, key: string, result: SortedSet, event: string, changes = 1): void {
  const { size } = result
  if (size > 0) {
    dropExpired(ctx, key)
    ctx.db.set(key, result)
    ctx.changed(changes)
    ctx.notify('z', event, key)
  } else if (ctx.db.delete(key)) {
    ctx.changed()
    ctx.notify('g', 'del', key)
  }
  ctx.reply.integer(size)
}

/** Deletes the members of these ranks, of which there is one at least, and the key with the last. */
export function deleteRanks(ctx: Context, key: string, set: SortedSet, { from, to }: Ranks, event: string): void {
  ctx.db.willChange(key)
  set.deleteRanks(from, to)
  ctx.db.didChange(key, set)
  ctx.changed(to - from)
  ctx.notify('z', event, key)
  if (set.size === 0) ctx.notify('g', 'del', key)
}
