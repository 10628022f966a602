// BITFIELD: a string value as integers of 1 to 64 bits at any bit, read, written and added to. The highest bit comes
// first, as SETBIT counts them.

import { type Arg, argOfLatin1, latin1Slice } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { bitOffset } from './bitmaps.js'
import { bigInteger, type Command, type Context, command, option, parseInteger, text } from './command.js'
import { readString, replaceShown, shownBytes, writeString } from './lookup.js'
import { checkFits, spliced } from './ranges.js'

const MAX_SIGNED_BITS = 64
/** One fewer: a reply holds a signed integer. */
const MAX_UNSIGNED_BITS = 63

type Overflow = 'WRAP' | 'SAT' | 'FAIL'

interface IntegerType {
  isSigned: boolean
  bits: number
}

interface Operation extends IntegerType {
  word: 'GET' | 'SET' | 'INCRBY'
  offset: number
  overflow: Overflow
  /** What is written or added. */
  operand: bigint
}

function typeOf(arg: Arg): IntegerType {
  const given = text(arg)
  const isSigned = given.startsWith('i')
  const bits = isSigned || given.startsWith('u') ? Number(parseInteger(given.slice(1)) ?? 0) : 0
  if (bits < 1 || bits > (isSigned ? MAX_SIGNED_BITS : MAX_UNSIGNED_BITS))
    throw new ReplyError(
      'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
    )
  return { isSigned, bits }
}

function overflowOf(arg: Arg): Overflow {
  const word = option(arg)
  if (word === 'WRAP' || word === 'SAT' || word === 'FAIL') return word
  throw new ReplyError('ERR Invalid OVERFLOW type specified')
}

function operationsOf(ctx: Context, argv: readonly Arg[]): Operation[] {
  const operations: Operation[] = []
  let overflow: Overflow = 'WRAP'
  for (let i = 2; i < argv.length; ) {
    const word = option(argv[i])
    const left = argv.length - i - 1
    if (word === 'OVERFLOW' && left >= 1) {
      overflow = overflowOf(argv[i + 1])
      i += 2
    } else if ((word === 'GET' && left >= 2) || ((word === 'SET' || word === 'INCRBY') && left >= 3)) {
      const type = typeOf(argv[i + 1])
      const offset = bitOffset(ctx, argv[i + 2], type.bits)
      const operand = word === 'GET' ? 0n : bigInteger(argv[i + 3])
      operations.push({ ...type, word, offset, overflow, operand })
      i += word === 'GET' ? 3 : 4
    } else throw replyErrors.syntax()
  }
  return operations
}

function bitfield(ctx: Context, argv: Arg[]): void {
  const operations = operationsOf(ctx, argv)
  const key = text(argv[1])
  if (operations.some(({ word }) => word !== 'GET')) write(ctx, key, operations)
  else read(ctx, key, operations)
}

function bitfieldRo(ctx: Context, argv: Arg[]): void {
  const operations = operationsOf(ctx, argv)
  if (operations.some(({ word }) => word !== 'GET'))
    throw new ReplyError('ERR BITFIELD_RO only supports the GET subcommand')
  read(ctx, text(argv[1]), operations)
}

/** A part of a value, just wide enough for the operations. Bytes behind it are zeros. */
class Window {
  readonly #startByte: number
  readonly #bytes: Buffer

  /** It ends at `lengthBytes`, even if the operations read further on. */
  constructor(value: string, lengthBytes: number, operations: readonly Operation[]) {
    const startByte = Math.floor(Math.min(...operations.map(({ offset }) => offset)) / 8)
    const endByte = Math.max(startByte, Math.min(lengthBytes, endByteOf(operations)))
    this.#startByte = startByte
    this.#bytes = Buffer.alloc(endByte - startByte)
    this.#bytes.write(value.slice(startByte, endByte), 'latin1')
  }

  get({ offset, bits, isSigned }: Operation): bigint {
    const first = Math.floor(offset / 8)
    const end = Math.ceil((offset + bits) / 8)
    let around = 0n
    for (let at = first; at < end; at++) around = (around << 8n) | BigInt(this.#bytes[at - this.#startByte] ?? 0)
    const value = around >> BigInt(end * 8 - offset - bits)
    return isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
  }

  set({ offset, bits }: Operation, value: bigint): void {
    const end = Math.ceil((offset + bits) / 8)
    const shift = BigInt(end * 8 - offset - bits)
    let mask = BigInt.asUintN(bits, -1n) << shift
    let placed = BigInt.asUintN(bits, value) << shift
    for (let at = end - 1; mask > 0n; at--, mask >>= 8n, placed >>= 8n) {
      const index = at - this.#startByte
      this.#bytes[index] = (this.#bytes[index] & ~Number(mask & 0xffn)) | Number(placed & 0xffn)
    }
  }

  writtenInto(value: string): string {
    return spliced(value, this.#startByte, latin1Slice(this.#bytes))
  }
}

function endByteOf(operations: readonly Operation[]): number {
  return Math.ceil(Math.max(...operations.map(({ offset, bits }) => offset + bits)) / 8)
}

function read(ctx: Context, key: string, operations: readonly Operation[]): void {
  const value = readString(ctx, key)
  ctx.reply.array(operations.length)
  const bytes = value === undefined ? '' : shownBytes(value)
  // Each by itself: they may lie far apart.
  for (const operation of operations) ctx.reply.integer(new Window(bytes, bytes.length, [operation]).get(operation))
}

function write(ctx: Context, key: string, operations: readonly Operation[]): void {
  const { reply } = ctx
  const held = writeString(ctx, key)
  const value = held === undefined ? '' : shownBytes(held)
  const endByte = endByteOf(operations.filter(({ word }) => word !== 'GET'))
  checkFits(endByte)
  const window = new Window(value, Math.max(endByte, value.length), operations)
  const results: (bigint | null)[] = []
  const isLonger = endByte > value.length
  let changes = 0
  for (const operation of operations) {
    const before = window.get(operation)
    if (operation.word === 'GET') {
      results.push(before)
      continue
    }
    const after = resultOf(operation, before)
    results.push(operation.word === 'SET' && after !== null ? before : after)
    if (after === null) continue
    window.set(operation, after)
    if (isLonger || after !== before) changes++
  }
  // Redis makes the value longer even if each operation fails, but tells its replicas nothing of that: ours hear of it.
  if (isLonger || changes > 0) {
    replaceShown(ctx, key, held, argOfLatin1(window.writtenInto(value)))
    if (changes > 1) ctx.changed(changes - 1)
    if (changes > 0) ctx.notify('$', 'setbit', key)
  }
  reply.array(results.length)
  for (const result of results) result === null ? reply.null() : reply.integer(result)
}

/** What is to be written; null when it does not fit and must then not be. */
function resultOf({ word, isSigned, bits, overflow, operand }: Operation, before: bigint): bigint | null {
  // An unsigned integer takes what is set as unsigned: below zero is far too much, not too little.
  const wanted = word === 'INCRBY' ? before + operand : isSigned ? operand : BigInt.asUintN(64, operand)
  const fits = isSigned ? BigInt.asIntN(bits, wanted) : BigInt.asUintN(bits, wanted)
  if (fits === wanted || overflow === 'WRAP') return fits
  if (overflow === 'FAIL') return null
  const limit = isSigned ? BigInt.asUintN(bits - 1, -1n) : BigInt.asUintN(bits, -1n)
  // Redis compares the way to the limit, in 64 bits: far below zero it looks like one that goes up.
  const isAbove = word === 'SET' && isSigned ? BigInt.asIntN(64, limit - wanted) < 0n : wanted > limit
  if (isAbove) return limit
  return isSigned ? -limit - 1n : 0n
}

const one = { group: 'bitmap', keys: '1 1 1', arity: -2, complexity: 'O(1) for each operation' } as const
const getSyntax = 'GET <encoding:string offset>'

export const bitfieldCommands: readonly Command[] = [
  command({
    ...one,
    name: 'BITFIELD',
    flags: 'write denyoom',
    since: '3.2.0',
    summary: 'Reads and writes integers of any number of bits in a string value.',
    syntax: `key [<${getSyntax} | [OVERFLOW <WRAP | SAT | FAIL>] <SET <encoding:string offset value:integer> | INCRBY <encoding:string offset increment>>> ...]`,
    run: bitfield,
  }),
  command({
    ...one,
    name: 'BITFIELD_RO',
    flags: 'readonly fast',
    since: '6.0.0',
    summary: 'Reads integers of any number of bits in a string value.',
    syntax: `key [${getSyntax} [${getSyntax} ...]]`,
    run: bitfieldRo,
  }),
]
