// Bits of string values: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. Bit 0 is the highest one of the first byte. Integers of
// some bits are in bitfield.ts.

import { type Arg, argOfLatin1, latin1Slice } from '../bytes.js'
import { isTagged } from '../codec.js'
import { ReplyError, replyErrors } from '../errors.js'
import { type Command, type Context, command, option, parseInteger, text } from './command.js'
import { int64 } from './int64.js'
import { dropExpired, readString, replaceShown, shownBytes, writeString } from './lookup.js'
import { checkFits, spliced } from './ranges.js'

/** The offset of a bit, as Redis 7.0 limits it. With `width` also `#n`: the n-th integer of so many bits. */
export function bitOffset(ctx: Context, arg: Arg, width = 0): number {
  const given = text(arg)
  const isCounted = width > 0 && given.startsWith('#')
  const number = parseInteger(isCounted ? given.slice(1) : given)
  const offset = number === undefined ? -1 : Number(number) * (isCounted ? width : 1)
  const limitBytes = ctx.fromPrimary ? Number.MAX_SAFE_INTEGER : ctx.server.config.number('proto-max-bulk-len')
  if (offset < 0 || Math.floor(offset / 8) >= limitBytes)
    throw new ReplyError('ERR bit offset is not an integer or out of range')
  return offset
}

function setbit(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const offset = bitOffset(ctx, argv[2])
  const bit = text(argv[3])
  if (bit !== '0' && bit !== '1') throw new ReplyError('ERR bit is not an integer or out of range')
  const held = writeString(ctx, key)
  const bytes = held === undefined ? '' : shownBytes(held)
  const at = Math.floor(offset / 8)
  const mask = 0x80 >> (offset % 8)
  const byte = at < bytes.length ? bytes.charCodeAt(at) : 0
  const before = (byte & mask) === 0 ? 0 : 1
  if (at >= bytes.length || before !== Number(bit)) {
    checkFits(at + 1)
    const after = String.fromCharCode(bit === '1' ? byte | mask : byte & ~mask)
    replaceShown(ctx, key, held, argOfLatin1(spliced(bytes, at, after)))
    ctx.notify('$', 'setbit', key)
  }
  ctx.reply.integer(before)
}

function getbit(ctx: Context, argv: Arg[]): void {
  const offset = bitOffset(ctx, argv[2])
  const value = readString(ctx, text(argv[1]))
  const bytes = value === undefined ? '' : shownBytes(value)
  const at = Math.floor(offset / 8)
  const byte = at < bytes.length ? bytes.charCodeAt(at) : 0
  ctx.reply.integer((byte & (0x80 >> (offset % 8))) === 0 ? 0 : 1)
}

/** Bits of a value, both ends included: the bytes they are in, and which bits of the first and the last byte count. */
interface BitRange {
  bytes: Buffer
  startByte: number
  firstMask: number
  lastMask: number
}

/** Null when there is nothing between the two. They count bytes or bits; negative, from the end. */
function rangeOf(value: Arg, start: number, end: number, countsBits: boolean): BitRange | null {
  const held = shownBytes(value)
  const total = countsBits ? held.length * 8 : held.length
  const first = Math.max(0, start < 0 ? total + start : start)
  const last = Math.min(total - 1, Math.max(0, end < 0 ? total + end : end))
  if (first > last) return null
  const startByte = countsBits ? Math.floor(first / 8) : first
  const endByte = countsBits ? Math.floor(last / 8) : last
  return {
    bytes: Buffer.from(held.slice(startByte, endByte + 1), 'latin1'),
    startByte,
    firstMask: countsBits ? 0xff >> (first % 8) : 0xff,
    lastMask: countsBits ? 0xff << (7 - (last % 8)) : 0xff,
  }
}

/** BIT or BYTE. */
function isBitUnit(arg: Arg): boolean {
  const unit = option(arg)
  if (unit !== 'BIT' && unit !== 'BYTE') throw replyErrors.syntax()
  return unit === 'BIT'
}

function bitcount(ctx: Context, argv: Arg[]): void {
  const value = readString(ctx, text(argv[1]))
  if (value === undefined) {
    ctx.reply.integer(0)
    return
  }
  if (argv.length === 3 || argv.length > 5) throw replyErrors.syntax()
  const start = argv.length > 2 ? int64(argv[2]) : 0
  const end = argv.length > 2 ? int64(argv[3]) : -1
  // Redis answers this before it looks at the unit.
  const isEmpty = start < 0 && end < 0 && start > end
  const range = isEmpty ? null : rangeOf(value, Number(start), Number(end), argv.length === 5 && isBitUnit(argv[4]))
  ctx.reply.integer(range === null ? 0 : countOnes(range))
}

function countOnes({ bytes, firstMask, lastMask }: BitRange): number {
  bytes[0] &= firstMask
  bytes[bytes.length - 1] &= lastMask
  let count = 0
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) count += onesOf(bytes.readInt32LE(i))
  for (; i < bytes.length; i++) count += onesOf(bytes[i])
  return count
}

/** How many bits of a 32-bit integer are set: sums of 2, 4 and 8 bits side by side, then those of the four bytes. */
function onesOf(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

function bitpos(ctx: Context, argv: Arg[]): void {
  const bit = int64(argv[2])
  if (bit !== 0 && bit !== 1) throw new ReplyError('ERR The bit argument must be 1 or 0.')
  const value = readString(ctx, text(argv[1]))
  if (value === undefined) {
    ctx.reply.integer(bit === 1 ? -1 : 0)
    return
  }
  if (argv.length > 6) throw replyErrors.syntax()
  const start = argv.length > 3 ? Number(int64(argv[3])) : 0
  const countsBits = argv.length === 6 && isBitUnit(argv[5])
  const end = argv.length > 4 ? Number(int64(argv[4])) : -1
  const range = rangeOf(value, start, end, countsBits)
  let position = range === null ? -1 : firstBit(range, bit)
  // Without an end, what is behind the value counts as zeros.
  if (position < 0 && range !== null && bit === 0 && argv.length < 5)
    position = (range.startByte + range.bytes.length) * 8
  ctx.reply.integer(position)
}

/** Where the first such bit is; -1 when there is none. */
function firstBit({ bytes, startByte, firstMask, lastMask }: BitRange, bit: 0 | 1): number {
  const flip = bit === 1 ? 0 : 0xff
  for (let i = 0; i < bytes.length; i++) {
    let found = bytes[i] ^ flip
    if (found === 0) continue
    if (i === 0) found &= firstMask
    if (i === bytes.length - 1) found &= lastMask
    if (found !== 0) return (startByte + i) * 8 + Math.clz32(found) - 24
  }
  return -1
}

function bitop(ctx: Context, argv: Arg[]): void {
  const { db, reply } = ctx
  const operation = option(argv[1])
  if (!isOperation(operation)) throw replyErrors.syntax()
  if (operation === 'NOT' && argv.length !== 4)
    throw new ReplyError('ERR BITOP NOT must be called with a single source key.')
  const key = text(argv[2])
  const values = argv.slice(3).map((source) => readString(ctx, text(source)))
  const result = combine(
    operation,
    values.map((value) => Buffer.from(value === undefined ? '' : shownBytes(value), 'latin1')),
  )
  // Replicas that know nothing of tags get the result.
  const isForeign = values.some((value) => value !== undefined && isTagged(value))
  if (result.length > 0) {
    const after = argOfLatin1(latin1Slice(result))
    dropExpired(ctx, key)
    db.set(key, after)
    ctx.changed()
    if (isForeign) ctx.effect('SET', key, after)
    ctx.notify('$', 'set', key)
  } else if (db.delete(key)) {
    ctx.changed()
    ctx.notify('g', 'del', key)
  }
  reply.integer(result.length)
}

const operations = ['AND', 'OR', 'XOR', 'NOT'] as const
type Operation = (typeof operations)[number]

function isOperation(word: string): word is Operation {
  return (operations as readonly string[]).includes(word)
}

/** As long as the longest; the others are filled up with zeros. */
function combine(operation: Operation, [first, ...others]: readonly Buffer[]): Buffer {
  const result = Buffer.alloc(Math.max(first.length, ...others.map((other) => other.length)))
  first.copy(result)
  if (operation === 'NOT') for (let i = 0; i < result.length; i++) result[i] = ~result[i]
  for (const other of others) {
    const { length } = other
    if (operation === 'OR') for (let i = 0; i < length; i++) result[i] |= other[i]
    else if (operation === 'XOR') for (let i = 0; i < length; i++) result[i] ^= other[i]
    else {
      for (let i = 0; i < length; i++) result[i] &= other[i]
      result.fill(0, length)
    }
  }
  return result
}

const one = { group: 'bitmap', keys: '1 1 1' } as const

export const bitmapCommands: readonly Command[] = [
  command({
    ...one,
    name: 'SETBIT',
    arity: 4,
    flags: 'write denyoom',
    since: '2.2.0',
    summary: 'Sets or clears a bit of a string value; the answer is what it was.',
    complexity: 'O(1)',
    syntax: 'key offset value:integer',
    run: setbit,
  }),
  command({
    ...one,
    name: 'GETBIT',
    arity: 3,
    flags: 'readonly fast',
    since: '2.2.0',
    summary: 'A bit of a string value.',
    complexity: 'O(1)',
    syntax: 'key offset',
    run: getbit,
  }),
  command({
    ...one,
    name: 'BITCOUNT',
    arity: -2,
    flags: 'readonly',
    since: '2.6.0',
    summary: 'How many bits of a string value, or of a part of it, are set.',
    complexity: 'O(N) for N bytes',
    syntax: 'key [start:integer end:integer [BYTE | BIT]]',
    run: bitcount,
  }),
  command({
    ...one,
    name: 'BITPOS',
    arity: -3,
    flags: 'readonly',
    since: '2.8.7',
    summary: 'Where the first bit is that is set, or the first one that is not.',
    complexity: 'O(N) for N bytes',
    syntax: 'key bit:integer [start:integer [end:integer [BYTE | BIT]]]',
    run: bitpos,
  }),
  command({
    group: 'bitmap',
    keys: '2 -1 1',
    name: 'BITOP',
    arity: -4,
    flags: 'write denyoom',
    since: '2.6.0',
    summary: 'Combines the bits of string values (AND, OR, XOR, NOT) and stores the result.',
    complexity: 'O(N) for N bytes in the longest',
    syntax: 'operation:string destkey key [key ...]',
    run: bitop,
  }),
]
