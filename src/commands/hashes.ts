// Hashes. What gives their fields times is in field-times.ts. Whoever changes a hash finds no field in it whose time is
// past: a primary has deleted those by then, and for the primary's stream nothing is past. Readers ask `readFields`.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { type Fields, Hash } from '../keyspace/hash.js'
import { type Command, type Context, command, INT64_MAX, option, text } from './command.js'
import { isListpackHash } from './encoding.js'
import { addInt64, type Int64, int64, parseInt64 } from './int64.js'
import { addLongDoubles, formatLongDouble, parseLongDouble, zero } from './long-double.js'
import { readAs, shownLength, writeAs } from './lookup.js'
import { matching, scanCursor, scanOptions } from './scan.js'

/** The hash at a key as a reader should see it. Throws WRONGTYPE. */
export function readFields(ctx: Context, key: string): Fields | undefined {
  const hash = readAs(ctx, key, Hash)
  return hash === undefined ? undefined : ctx.db.live(hash)
}

/** Puts a changed hash in its place: `held` is what was there, and had its `willChange`, or undefined. */
export function keepHash(ctx: Context, key: string, held: Hash | undefined, hash: Hash): void {
  if (held === undefined) ctx.db.set(key, hash)
  else ctx.db.didChange(key, hash)
}

/** Deletes the fields from `fields[first]` on, the key with the last one, tells, and returns which of them were there. */
export function deleteFields(ctx: Context, key: string, hash: Hash, fields: readonly Arg[], first = 0): string[] {
  const deleted: string[] = []
  for (let i = first; i < fields.length; i++) {
    const field = text(fields[i])
    if (!hash.has(field)) continue
    if (deleted.length === 0) ctx.db.willChange(key)
    hash.delete(field)
    deleted.push(field)
  }
  if (deleted.length > 0) tellDeleted(ctx, key, hash, deleted.length)
  return deleted
}

function tellDeleted(ctx: Context, key: string, hash: Hash, count: number): void {
  ctx.db.didChange(key, hash)
  ctx.changed(count)
  ctx.notify('h', 'hdel', key)
  if (hash.size === 0) ctx.notify('g', 'del', key)
}

/** Sets the pairs from argv[2] on; how many fields are new. */
function setPairs(ctx: Context, argv: Arg[], name: string): number {
  if (argv.length % 2 === 1) throw replyErrors.arity(name)
  const key = text(argv[1])
  const held = writeAs(ctx, key, Hash)
  const hash = held ?? new Hash()
  if (held !== undefined) ctx.db.willChange(key)
  let added = 0
  for (let i = 2; i < argv.length; i += 2) if (hash.set(text(argv[i]), text(argv[i + 1]))) added++
  keepHash(ctx, key, held, hash)
  ctx.changed((argv.length - 2) / 2)
  ctx.notify('h', 'hset', key)
  return added
}

function hset(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(setPairs(ctx, argv, 'hset'))
}

function hmset(ctx: Context, argv: Arg[]): void {
  setPairs(ctx, argv, 'hmset')
  ctx.reply.ok()
}

function hsetnx(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const field = text(argv[2])
  const held = writeAs(ctx, key, Hash)
  const isFree = held?.has(field) !== true
  if (isFree) {
    const hash = held ?? new Hash()
    if (held !== undefined) ctx.db.willChange(key)
    hash.set(field, text(argv[3]))
    keepHash(ctx, key, held, hash)
    ctx.changed()
    ctx.notify('h', 'hset', key)
  }
  ctx.reply.integer(isFree ? 1 : 0)
}

function hget(ctx: Context, argv: Arg[]): void {
  ctx.reply.bulk(readFields(ctx, text(argv[1]))?.get(text(argv[2])) ?? null)
}

function hmget(ctx: Context, argv: Arg[]): void {
  const fields = readFields(ctx, text(argv[1]))
  ctx.reply.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) ctx.reply.bulk(fields?.get(text(argv[i])) ?? null)
}

function hgetall(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const fields = readFields(ctx, text(argv[1]))
  reply.map(fields?.size ?? 0)
  if (fields === undefined) return
  const all: string[] = []
  for (const [field, value] of fields) all.push(field, value)
  reply.bulks(all)
}

function hkeys(ctx: Context, argv: Arg[]): void {
  replyEach(ctx, readFields(ctx, text(argv[1])), 0)
}

function hvals(ctx: Context, argv: Arg[]): void {
  replyEach(ctx, readFields(ctx, text(argv[1])), 1)
}

function replyEach(ctx: Context, fields: Fields | undefined, part: 0 | 1): void {
  ctx.reply.array(fields?.size ?? 0)
  if (fields !== undefined) ctx.reply.bulks(Array.from(fields, (pair) => pair[part]))
}

function hlen(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(readFields(ctx, text(argv[1]))?.size ?? 0)
}

function hstrlen(ctx: Context, argv: Arg[]): void {
  const value = readFields(ctx, text(argv[1]))?.get(text(argv[2]))
  ctx.reply.integer(value === undefined ? 0 : shownLength(value))
}

function hexists(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(readFields(ctx, text(argv[1]))?.has(text(argv[2])) ? 1 : 0)
}

function hdel(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const hash = writeAs(ctx, key, Hash)
  ctx.reply.integer(hash === undefined ? 0 : deleteFields(ctx, key, hash, argv, 2).length)
}

/** Puts a counted value in a field's place; the field's time stays. */
function replaceField(ctx: Context, key: string, held: Hash | undefined, field: string, value: string): void {
  const hash = held ?? new Hash()
  if (held !== undefined) ctx.db.willChange(key)
  hash.replace(field, value)
  keepHash(ctx, key, held, hash)
  ctx.changed()
}

function hincrby(ctx: Context, argv: Arg[]): void {
  const by = int64(argv[3])
  const key = text(argv[1])
  const field = text(argv[2])
  const held = writeAs(ctx, key, Hash)
  const value = held?.get(field)
  const before: Int64 | undefined = value === undefined ? 0 : parseInt64(value)
  if (before === undefined) throw new ReplyError('ERR hash value is not an integer')
  const after = addInt64(before, by)
  if (after === undefined) throw replyErrors.overflow()
  replaceField(ctx, key, held, field, String(after))
  ctx.notify('h', 'hincrby', key)
  ctx.reply.integer(after)
}

function hincrbyfloat(ctx: Context, argv: Arg[]): void {
  const by = parseLongDouble(text(argv[3]))
  if (by === undefined) throw replyErrors.notFloat()
  if (by === 'infinite') throw new ReplyError('ERR value is NaN or Infinity')
  const key = text(argv[1])
  const field = text(argv[2])
  const held = writeAs(ctx, key, Hash)
  const value = held?.get(field)
  const before = value === undefined ? zero : parseLongDouble(value)
  if (before === undefined) throw new ReplyError('ERR hash value is not a float')
  const after = before === 'infinite' ? before : addLongDoubles(before, by)
  if (after === 'infinite') throw new ReplyError('ERR increment would produce NaN or Infinity')
  const digits = formatLongDouble(after)
  replaceField(ctx, key, held, field, digits)
  // The digits, not the sum: the replica may count otherwise. HSET would take the field's time away.
  if (held === undefined || held.expiresAt(field) === null) ctx.effect('HSET', key, field, digits)
  else ctx.effect('HSETEX', key, 'KEEPTTL', 'FIELDS', '1', field, digits)
  ctx.notify('h', 'hincrbyfloat', key)
  ctx.reply.bulk(digits)
}

function hrandfield(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const random = (): number => ctx.server.env.random()
  const key = text(argv[1])
  if (argv.length === 2) {
    reply.bulk(readFields(ctx, key)?.pick(random) ?? null)
    return
  }
  const count = drawCount(argv)
  const withValues = argv.length > 3
  const fields = readFields(ctx, key)
  if (fields === undefined || count === 0 || fields.size === 0) {
    reply.array(0)
    return
  }
  const isNested = withValues && ctx.client.protocol === 3
  const isFlat = withValues && !isNested
  const size = count < 0 ? -count : Math.min(count, fields.size)
  reply.array(isFlat ? size * 2 : size)
  const give = (field: string): void => {
    if (isNested) reply.array(2)
    reply.bulk(field)
    if (withValues) reply.bulk(fields.get(field)!)
  }
  // Negative: drawn anew each time, so that a field may come again.
  if (count < 0) for (let i = count; i < 0; i++) give(fields.pick(random)!)
  else if (count >= fields.size) for (const [field] of fields) give(field)
  else for (const field of fields.sample(count, random)) give(field)
}

function drawCount(argv: readonly Arg[]): number {
  const count = int64(argv[2])
  if (count < -INT64_MAX)
    throw new ReplyError(`ERR value is out of range, value must between ${-INT64_MAX} and ${INT64_MAX}`)
  if (argv.length > 4 || (argv.length === 4 && option(argv[3]) !== 'WITHVALUES')) throw replyErrors.syntax()
  // Twice as many elements have to be counted.
  const most = INT64_MAX / 2n
  if (argv.length === 4 && (count < -most || count > most)) throw replyErrors.outOfRange()
  return Number(count)
}

function hscan(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const cursor = scanCursor(argv[2])
  const hash = readAs(ctx, text(argv[1]), Hash)
  if (hash === undefined) {
    // Redis looks at the options only when there is something to scan.
    reply.array(2)
    reply.bulk('0')
    reply.array(0)
    return
  }
  const fields = ctx.db.live(hash)
  const { count, pattern } = scanOptions(argv, 3)
  // A small hash is given away whole, in its order, as Redis does.
  const step = isListpackHash(ctx.server.config, hash)
    ? { cursor: 0, fields: Array.from(fields, ([field]) => field) }
    : fields.scan(cursor, Number(count))
  const found = pattern === undefined ? step.fields : matching(step.fields, pattern)
  reply.array(2)
  reply.bulk(String(step.cursor))
  reply.array(found.length * 2)
  for (const field of found) {
    reply.bulk(field)
    reply.bulk(fields.get(field)!)
  }
}

const one = { group: 'hash', keys: '1 1 1' } as const

export const hashCommands: readonly Command[] = [
  command({
    ...one,
    name: 'HSET',
    arity: -4,
    flags: 'write denyoom fast',
    since: '2.0.0',
    summary: 'Gives fields of a hash their values; how many of them are new.',
    complexity: 'O(N) for N fields',
    syntax: 'key field value [field value ...]',
    run: hset,
  }),
  command({
    ...one,
    name: 'HSETNX',
    arity: 4,
    flags: 'write denyoom fast',
    since: '2.0.0',
    summary: 'Gives a field of a hash a value if there is no such field yet.',
    complexity: 'O(1)',
    syntax: 'key field value',
    run: hsetnx,
  }),
  command({
    ...one,
    name: 'HMSET',
    arity: -4,
    flags: 'write denyoom fast',
    since: '2.0.0',
    summary: 'Gives fields of a hash their values.',
    complexity: 'O(N) for N fields',
    syntax: 'key field value [field value ...]',
    run: hmset,
  }),
  command({
    ...one,
    name: 'HGET',
    arity: 3,
    flags: 'readonly fast',
    since: '2.0.0',
    summary: 'The value of a field of a hash.',
    complexity: 'O(1)',
    syntax: 'key field',
    run: hget,
  }),
  command({
    ...one,
    name: 'HMGET',
    arity: -3,
    flags: 'readonly fast',
    since: '2.0.0',
    summary: 'The values of several fields of a hash.',
    complexity: 'O(N) for N fields',
    syntax: 'key field [field ...]',
    run: hmget,
  }),
  command({
    ...one,
    name: 'HGETALL',
    arity: 2,
    flags: 'readonly',
    since: '2.0.0',
    summary: 'All fields of a hash and their values.',
    complexity: 'O(N) for N fields in the hash',
    syntax: 'key',
    run: hgetall,
  }),
  command({
    ...one,
    name: 'HKEYS',
    arity: 2,
    flags: 'readonly',
    since: '2.0.0',
    summary: 'All fields of a hash.',
    complexity: 'O(N) for N fields in the hash',
    syntax: 'key',
    run: hkeys,
  }),
  command({
    ...one,
    name: 'HVALS',
    arity: 2,
    flags: 'readonly',
    since: '2.0.0',
    summary: 'All values in a hash.',
    complexity: 'O(N) for N fields in the hash',
    syntax: 'key',
    run: hvals,
  }),
  command({
    ...one,
    name: 'HLEN',
    arity: 2,
    flags: 'readonly fast',
    since: '2.0.0',
    summary: 'How many fields a hash has.',
    complexity: 'O(1)',
    syntax: 'key',
    run: hlen,
  }),
  command({
    ...one,
    name: 'HSTRLEN',
    arity: 3,
    flags: 'readonly fast',
    since: '3.2.0',
    summary: "How many bytes a field's value has.",
    complexity: 'O(1)',
    syntax: 'key field',
    run: hstrlen,
  }),
  command({
    ...one,
    name: 'HEXISTS',
    arity: 3,
    flags: 'readonly fast',
    since: '2.0.0',
    summary: 'Whether a hash has a field.',
    complexity: 'O(1)',
    syntax: 'key field',
    run: hexists,
  }),
  command({
    ...one,
    name: 'HDEL',
    arity: -3,
    flags: 'write fast',
    since: '2.0.0',
    summary: 'Deletes fields of a hash; how many of them were there.',
    complexity: 'O(N) for N fields',
    syntax: 'key field [field ...]',
    run: hdel,
  }),
  command({
    ...one,
    name: 'HINCRBY',
    arity: 4,
    flags: 'write denyoom fast',
    since: '2.0.0',
    summary: 'Adds an integer to the one in a field; a missing field counts as 0.',
    complexity: 'O(1)',
    syntax: 'key field increment',
    run: hincrby,
  }),
  command({
    ...one,
    name: 'HINCRBYFLOAT',
    arity: 4,
    flags: 'write denyoom fast',
    since: '2.6.0',
    summary: 'Adds a decimal fraction to the number in a field.',
    complexity: 'O(1)',
    syntax: 'key field increment:double',
    run: hincrbyfloat,
  }),
  command({
    ...one,
    name: 'HRANDFIELD',
    arity: -2,
    flags: 'readonly',
    since: '6.2.0',
    summary: 'Fields of a hash, chosen at random.',
    complexity: 'O(N) for N fields asked for',
    syntax: 'key [count [WITHVALUES]]',
    run: hrandfield,
  }),
  command({
    ...one,
    name: 'HSCAN',
    arity: -3,
    flags: 'readonly',
    since: '2.8.0',
    summary: 'Some of the fields of a hash with their values, and where to go on for the next ones.',
    complexity: 'O(1) for a call, O(N) for a walk over N fields',
    syntax: 'key cursor [MATCH pattern] [COUNT count]',
    run: hscan,
  }),
]
