// INCR and its kin: strings that hold a number.

import { type Arg, textOfArg } from '../bytes.js'
import { isTagged, shownValue } from '../codec.js'
import { ReplyError, replyErrors } from '../errors.js'
import { type Command, type Context, command, INT64_MIN, text } from './command.js'
import { addInt64, type Int64, int64 } from './int64.js'
import {
  addLongDoubles,
  formatLongDouble,
  type Infinite,
  type LongDouble,
  parseLongDouble,
  zero,
} from './long-double.js'
import { replaceShown, replaceString, writeString } from './lookup.js'

function increase(ctx: Context, key: string, by: Int64): void {
  const counted = ctx.db.numberAt(key)
  const held = counted === undefined ? writeString(ctx, key) : undefined
  const before = counted ?? (held === undefined ? 0 : int64(typeof held === 'string' ? held : shownValue(held)))
  const after = addInt64(before, by)
  if (after === undefined) throw replyErrors.overflow()
  if (typeof after === 'number' && (held === undefined || !isTagged(held))) {
    ctx.db.replaceByNumber(key, after)
    ctx.changed()
  } else replaceShown(ctx, key, held, String(after))
  ctx.notify('$', 'incrby', key)
  ctx.reply.integer(after)
}

function incr(ctx: Context, argv: Arg[]): void {
  increase(ctx, text(argv[1]), 1)
}

function decr(ctx: Context, argv: Arg[]): void {
  increase(ctx, text(argv[1]), -1)
}

function incrby(ctx: Context, argv: Arg[]): void {
  increase(ctx, text(argv[1]), int64(argv[2]))
}

function decrby(ctx: Context, argv: Arg[]): void {
  const by = int64(argv[2])
  // Its negative does not fit into 64 bits.
  if (by === INT64_MIN) throw new ReplyError('ERR decrement would overflow')
  increase(ctx, text(argv[1]), -by)
}

function incrbyfloat(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const held = writeString(ctx, key)
  const before = held === undefined ? zero : longDouble(shownValue(held))
  const by = longDouble(argv[2])
  const after = before === 'infinite' || by === 'infinite' ? 'infinite' : addLongDoubles(before, by)
  if (after === 'infinite') throw new ReplyError('ERR increment would produce NaN or Infinity')
  const digits = formatLongDouble(after)
  replaceString(ctx, key, held, digits)
  ctx.effect('SET', key, digits, 'KEEPTTL')
  ctx.notify('$', 'incrbyfloat', key)
  ctx.reply.bulk(digits)
}

function longDouble(arg: Arg): LongDouble | Infinite {
  const value = parseLongDouble(textOfArg(arg))
  if (value === undefined) throw replyErrors.notFloat()
  return value
}

const one = { group: 'string', keys: '1 1 1', flags: 'write denyoom fast', complexity: 'O(1)' } as const

export const counters: readonly Command[] = [
  command({
    ...one,
    name: 'INCR',
    arity: 2,
    since: '1.0.0',
    summary: 'Adds one to the integer at a key; a missing key counts as 0.',
    syntax: 'key',
    run: incr,
  }),
  command({
    ...one,
    name: 'DECR',
    arity: 2,
    since: '1.0.0',
    summary: 'Takes one from the integer at a key; a missing key counts as 0.',
    syntax: 'key',
    run: decr,
  }),
  command({
    ...one,
    name: 'INCRBY',
    arity: 3,
    since: '1.0.0',
    summary: 'Adds an integer to the one at a key.',
    syntax: 'key increment',
    run: incrby,
  }),
  command({
    ...one,
    name: 'DECRBY',
    arity: 3,
    since: '1.0.0',
    summary: 'Takes an integer from the one at a key.',
    syntax: 'key decrement',
    run: decrby,
  }),
  command({
    ...one,
    name: 'INCRBYFLOAT',
    arity: 3,
    since: '2.6.0',
    summary: 'Adds a decimal fraction to the number at a key.',
    syntax: 'key increment:double',
    run: incrbyfloat,
  }),
]
