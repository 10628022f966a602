// Parts of string values: APPEND, SETRANGE, GETRANGE, STRLEN. They count bytes, so they work on the latin1 form; ASCII
// text is its own.

import { type Arg, argOfLatin1, latin1OfArg } from '../bytes.js'
import { shownValue } from '../codec.js'
import { ReplyError } from '../errors.js'
import { type Command, type Context, command, text } from './command.js'
import { type Int64, int64 } from './int64.js'
import { readString, replaceShown, shownBytes, shownLength, writeString } from './lookup.js'

/** The longest string that V8 makes, in characters: 24 fewer than Redis' default limit for a value. */
const MAX_STRING_LENGTH = 2 ** 29 - 24

/** Redis' checkStringLength: a primary's own stream is not checked, as long as the value can be held at all. */
function checkLength(ctx: Context, lengthBytes: number): void {
  checkFits(lengthBytes, ctx.fromPrimary ? MAX_STRING_LENGTH : ctx.server.config.number('proto-max-bulk-len'))
}

/** Throws if a value of that many bytes is not allowed, or cannot be held at all. */
export function checkFits(lengthBytes: number, limitBytes = MAX_STRING_LENGTH): void {
  if (lengthBytes > Math.min(limitBytes, MAX_STRING_LENGTH))
    throw new ReplyError('ERR string exceeds maximum allowed size (proto-max-bulk-len)')
}

function append(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const tail = argv[2]
  const held = writeString(ctx, key)
  const length = held === undefined ? 0 : shownLength(held)
  const total = length + shownLength(tail)
  if (held !== undefined) checkLength(ctx, total)
  replaceShown(ctx, key, held, held === undefined ? tail : joined(shownValue(held), tail))
  ctx.notify('$', 'append', key)
  ctx.reply.integer(total)
}

/** Text behind text is text; pieces of characters are bytes, which may become one. */
function joined(head: Arg, tail: Arg): Arg {
  if (isWholeText(head) && isWholeText(tail)) return head + tail
  return argOfLatin1(latin1OfArg(head) + latin1OfArg(tail))
}

function isWholeText(value: Arg): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

function setrange(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const offset = int64(argv[2])
  if (offset < 0) throw new ReplyError('ERR offset is out of range')
  const part = latin1OfArg(argv[3])
  const held = writeString(ctx, key)
  if (part === '') {
    ctx.reply.integer(held === undefined ? 0 : shownLength(held))
    return
  }
  checkLength(ctx, Number(offset) + part.length)
  const bytes = spliced(held === undefined ? '' : shownBytes(held), Number(offset), part)
  replaceShown(ctx, key, held, argOfLatin1(bytes))
  ctx.notify('$', 'setrange', key)
  ctx.reply.integer(bytes.length)
}

/** The bytes with a part written over them from an offset on; zeros fill a gap. */
export function spliced(bytes: string, offset: number, part: string): string {
  return bytes.slice(0, offset).padEnd(offset, '\0') + part + bytes.slice(offset + part.length)
}

function getrange(ctx: Context, argv: Arg[]): void {
  const from = int64(argv[2])
  const to = int64(argv[3])
  const value = readString(ctx, text(argv[1]))
  const bytes = value === undefined ? '' : shownBytes(value)
  if (from < 0 && to < 0 && from > to) {
    ctx.reply.bytes('')
    return
  }
  const start = indexOf(from, bytes.length)
  const end = indexOf(to, bytes.length)
  ctx.reply.bytes(bytes.slice(start, end + 1))
}

/** Negative: counted from the end, and no further back than the start. */
function indexOf(given: Int64, length: number): number {
  const index = Number(given)
  return Math.max(0, index < 0 ? length + index : index)
}

function strlen(ctx: Context, argv: Arg[]): void {
  const value = readString(ctx, text(argv[1]))
  ctx.reply.integer(value === undefined ? 0 : shownLength(value))
}

const one = { group: 'string', keys: '1 1 1' } as const

export const ranges: readonly Command[] = [
  command({
    ...one,
    name: 'APPEND',
    arity: 3,
    flags: 'write denyoom fast',
    since: '2.0.0',
    summary: 'Writes bytes behind the value of a key, which is made if it is missing.',
    complexity: 'O(N) for a result of N bytes',
    syntax: 'key value',
    run: append,
  }),
  command({
    ...one,
    name: 'STRLEN',
    arity: 2,
    flags: 'readonly fast',
    since: '2.2.0',
    summary: 'How many bytes the value of a key has.',
    complexity: 'O(1)',
    syntax: 'key',
    run: strlen,
  }),
  command({
    ...one,
    name: 'SETRANGE',
    arity: 4,
    flags: 'write denyoom',
    since: '2.2.0',
    summary: 'Writes bytes over the value of a key, from an offset on; zeros fill a gap.',
    complexity: 'O(N) for a result of N bytes',
    syntax: 'key offset value',
    run: setrange,
  }),
  command({
    ...one,
    name: 'GETRANGE',
    arity: 4,
    flags: 'readonly',
    since: '2.4.0',
    summary: 'A part of the value of a key, both ends included.',
    complexity: 'O(N) for N bytes returned',
    syntax: 'key start:integer end:integer',
    run: getrange,
  }),
  command({
    ...one,
    name: 'SUBSTR',
    arity: 4,
    flags: 'readonly',
    since: '1.0.0',
    summary: 'An old name of GETRANGE.',
    complexity: 'O(N) for N bytes returned',
    syntax: 'key start:integer end:integer',
    run: getrange,
  }),
]
