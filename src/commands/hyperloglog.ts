// PFADD, PFCOUNT, PFMERGE: how many different elements there are, about, in at most 12 KB. What a HyperLogLog is made of
// is in keyspace/hyperloglog.ts; to everyone else it is a string value.

import { type Arg, argOfLatin1, latin1OfArg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { CorruptHll, countRegisters, HyperLogLog, REGISTERS } from '../keyspace/hyperloglog.js'
import { quoteArg } from '../protocol/writer.js'
import { type Command, type Context, command, type Handler, option, text } from './command.js'
import { readString, replaceShown, shownBytes, writeString } from './lookup.js'

/** Throws WRONGTYPE for a string that is none. */
function hllOf(value: Arg): HyperLogLog {
  const hll = HyperLogLog.parse(shownBytes(value))
  if (hll === null) throw new ReplyError('WRONGTYPE Key is not a valid HyperLogLog string value.')
  return hll
}

/** The handler, answering as Redis does if the runs of a sparse one make no sense. */
function checked(run: Handler): Handler {
  return (ctx, argv) => {
    try {
      run(ctx, argv)
    } catch (error) {
      if (error instanceof CorruptHll) throw new ReplyError('INVALIDOBJ Corrupted HLL object detected')
      throw error
    }
  }
}

function maxSparseBytes({ server }: Context): number {
  return server.config.number('hll-sparse-max-bytes')
}

function pfadd(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const held = writeString(ctx, key)
  const hll = held === undefined ? HyperLogLog.empty() : hllOf(held)
  const maxBytes = maxSparseBytes(ctx)
  let changes = held === undefined ? 1 : 0
  for (let i = 2; i < argv.length; i++) if (hll.add(latin1OfArg(argv[i]), maxBytes)) changes++
  if (changes > 0) {
    hll.cardinality = null
    store(ctx, key, held, hll)
    if (changes > 1) ctx.changed(changes - 1)
    ctx.notify('$', 'pfadd', key)
  }
  ctx.reply.integer(changes > 0 ? 1 : 0)
}

/** One change. */
function store(ctx: Context, key: string, held: Arg | undefined, hll: HyperLogLog): void {
  replaceShown(ctx, key, held, argOfLatin1(hll.latin1))
}

function pfcount(ctx: Context, argv: Arg[]): void {
  if (argv.length > 2) {
    ctx.reply.integer(countRegisters(merged(ctx, argv.slice(1)).registers))
    return
  }
  const key = text(argv[1])
  const held = readString(ctx, key)
  if (held === undefined) {
    ctx.reply.integer(0)
    return
  }
  const hll = hllOf(held)
  let { cardinality } = hll
  if (cardinality === null) {
    cardinality = hll.count()
    hll.cardinality = cardinality
    // A replica holds what its primary holds, to the byte: there a client's question changes nothing, unlike in Redis.
    if (ctx.server.role === 'primary' || ctx.fromPrimary) store(ctx, key, held, hll)
  }
  ctx.reply.integer(cardinality)
}

/** All of them in one. A key that is missing is an empty one. */
function merged(ctx: Context, keys: readonly Arg[]): { registers: Uint8Array; hasDense: boolean } {
  const registers = new Uint8Array(REGISTERS)
  let hasDense = false
  for (const key of keys) {
    const held = readString(ctx, text(key))
    if (held === undefined) continue
    const hll = hllOf(held)
    hasDense ||= hll.encoding === 'dense'
    hll.mergeInto(registers)
  }
  return { registers, hasDense }
}

function pfmerge(ctx: Context, argv: Arg[]): void {
  const { registers, hasDense } = merged(ctx, argv.slice(1))
  const key = text(argv[1])
  const held = writeString(ctx, key)
  const hll = held === undefined ? HyperLogLog.empty() : hllOf(held)
  const maxBytes = maxSparseBytes(ctx)
  if (hasDense) hll.toDense()
  for (let i = 0; i < REGISTERS; i++) if (registers[i] > 0) hll.raise(i, registers[i], maxBytes)
  hll.cardinality = null
  store(ctx, key, held, hll)
  ctx.notify('$', 'pfadd', key)
  ctx.reply.ok()
}

function pfdebug(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const key = text(argv[2])
  const held = writeString(ctx, key)
  if (held === undefined) throw new ReplyError('ERR The specified key does not exist')
  const hll = hllOf(held)
  const isSparse = hll.encoding === 'sparse'
  switch (option(argv[1])) {
    case 'GETREG':
      becomeDense(ctx, key, held, hll)
      writeRegisters(ctx, hll)
      break
    case 'DECODE':
      if (!isSparse) throw new ReplyError('ERR HLL encoding is not sparse')
      reply.bulk(decoded(hll))
      break
    case 'ENCODING':
      reply.status(hll.encoding)
      break
    case 'TODENSE':
      becomeDense(ctx, key, held, hll)
      reply.integer(isSparse ? 1 : 0)
      break
    default:
      throw new ReplyError(`ERR Unknown PFDEBUG subcommand '${quoteArg(argv[1])}'`)
  }
}

function becomeDense(ctx: Context, key: string, held: Arg, hll: HyperLogLog): void {
  if (hll.encoding === 'dense') return
  hll.toDense()
  store(ctx, key, held, hll)
}

function writeRegisters({ reply }: Context, hll: HyperLogLog): void {
  const registers = new Uint8Array(REGISTERS)
  hll.mergeInto(registers)
  reply.array(REGISTERS)
  for (const value of registers) reply.integer(value)
}

/** The runs: `z` short zeros, `Z` long ones, `v` a value. */
function decoded(hll: HyperLogLog): string {
  const words: string[] = []
  for (const { value, count, isLong } of hll.runs()) {
    words.push(value > 0 ? `v:${value},${count}` : `${isLong ? 'Z' : 'z'}:${count}`)
  }
  return words.join(' ')
}

/** Fewer than Redis adds, which is busy for seconds with it. */
const SELFTEST_ELEMENTS = 100_000
/** Six times the expected error: a good one is hardly ever as far off. */
const SELFTEST_ERROR = (6 * 1.04) / Math.sqrt(REGISTERS)

function pfselftest(ctx: Context): void {
  const sparse = HyperLogLog.empty()
  const dense = HyperLogLog.empty()
  dense.toDense()
  const start = `${ctx.server.env.random()}:`
  const maxBytes = maxSparseBytes(ctx)
  let checkpoint = 1
  for (let i = 1; i <= SELFTEST_ELEMENTS; i++) {
    sparse.add(start + i, maxBytes)
    dense.add(start + i, maxBytes)
    if (i !== checkpoint) continue
    if (i < maxBytes / 2 && sparse.encoding !== 'sparse') throw new ReplyError('TESTFAILED sparse encoding not used')
    const counted = dense.count()
    if (counted !== sparse.count()) throw new ReplyError('TESTFAILED dense/sparse disagree')
    const error = Math.abs(i - Number(counted))
    if (error > Math.ceil(SELFTEST_ERROR * i))
      throw new ReplyError(`TESTFAILED Too big error. card:${i} abserr:${error}`)
    checkpoint *= 10
  }
  ctx.reply.ok()
}

export const hyperloglogCommands: readonly Command[] = [
  command({
    group: 'hyperloglog',
    keys: '1 1 1',
    name: 'PFADD',
    arity: -2,
    flags: 'write denyoom fast',
    since: '2.8.9',
    summary: 'Adds elements to a HyperLogLog; whether its count has changed.',
    complexity: 'O(N) for N elements',
    syntax: 'key [element [element ...]]',
    run: checked(pfadd),
  }),
  command({
    group: 'hyperloglog',
    keys: '1 -1 1',
    name: 'PFCOUNT',
    arity: -2,
    flags: 'readonly may_replicate',
    since: '2.8.9',
    summary: 'About how many different elements were added to a HyperLogLog, or to several.',
    complexity: 'O(1) for one that has not changed, O(N) for N of them',
    syntax: 'key [key ...]',
    run: checked(pfcount),
  }),
  command({
    group: 'hyperloglog',
    keys: '1 -1 1',
    name: 'PFMERGE',
    arity: -2,
    flags: 'write denyoom',
    since: '2.8.9',
    summary: 'Merges HyperLogLogs into one.',
    complexity: 'O(N) for N of them',
    syntax: 'destkey sourcekey [sourcekey ...]',
    run: checked(pfmerge),
  }),
  command({
    group: 'hyperloglog',
    keys: '2 2 1',
    name: 'PFDEBUG',
    arity: 3,
    flags: 'write denyoom admin',
    since: '2.8.9',
    summary: 'Looks into a HyperLogLog: registers, runs, encoding.',
    complexity: 'N/A',
    syntax: 'subcommand:string key',
    run: checked(pfdebug),
  }),
  command({
    group: 'hyperloglog',
    name: 'PFSELFTEST',
    arity: 1,
    flags: 'admin',
    since: '2.8.9',
    summary: 'Checks that HyperLogLogs count right.',
    complexity: 'N/A',
    run: pfselftest,
  }),
]
