// String values as wholes: GET, SET and what surrounds them. Their parts are in ranges.ts, numbers in counters.ts.
// SET without options and GET are the hottest commands of all: they allocate nothing but what is kept.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { isString } from '../keyspace/keyspace.js'
import { type Command, type Context, command, INT32_MAX, numberedKeys, option, text } from './command.js'
import { comparisons, holds } from './comparisons.js'
import { counters } from './counters.js'
import { deleteDue, isDue, timeArg } from './expire.js'
import { parseInt64 } from './int64.js'
import { lcs } from './lcs.js'
import { dropExpired, lookupRead, readString, replyShown } from './lookup.js'
import { ranges } from './ranges.js'
import { endOf, setOptions, timeWords } from './set-options.js'

function get(ctx: Context, argv: Arg[]): void {
  replyShown(ctx, readString(ctx, text(argv[1])))
}

function set(ctx: Context, argv: Arg[]): void {
  if (argv.length > 3) {
    setWithOptions(ctx, argv)
    return
  }
  const { db } = ctx
  const key = text(argv[1])
  dropExpired(ctx, key)
  db.set(key, argv[2])
  ctx.changed()
  ctx.notify('$', 'set', key)
  ctx.reply.ok()
}

function setWithOptions(ctx: Context, argv: Arg[]): void {
  const { db, reply } = ctx
  const { condition, comparison, get, keepTtl, time } = setOptions(argv, 3, 'SET')
  const end = endOf(ctx, 'set', time)
  // Owned even if the key is there: with a time its string may be kept beside the one that the map holds.
  const key = text(argv[1])
  const old = get || comparison !== undefined ? readString(ctx, key) : undefined
  const isThere = db.has(key)
  const isRefused =
    (condition === 'NX' && isThere) ||
    (condition === 'XX' && !isThere) ||
    (comparison !== undefined && !holds(comparison, old))
  if (!isRefused) {
    const value = argv[2]
    db.set(key, value, keepTtl ? (db.expiresAt(key) ?? null) : end)
    ctx.changed()
    ctx.notify('$', 'set', key)
    if (end !== null) ctx.notify('g', 'expire', key)
    if (end !== null) ctx.effect('SET', key, value, 'PXAT', timeArg(end))
    else if (comparison !== undefined) ctx.effect('SET', key, value, ...(keepTtl ? ['KEEPTTL'] : []))
    else if (get) ctx.effect(...argv.filter((arg, i) => i < 3 || option(arg) !== 'GET'))
  }
  if (get) replyShown(ctx, old)
  else if (isRefused) reply.null()
  else reply.ok()
}

function setnx(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const isNew = !ctx.db.has(key)
  if (isNew) {
    ctx.db.set(key, argv[2])
    ctx.changed()
    ctx.notify('$', 'set', key)
  }
  ctx.reply.integer(isNew ? 1 : 0)
}

function setUntil(ctx: Context, key: string, value: Arg, end: number): void {
  dropExpired(ctx, key)
  ctx.db.set(key, value, end)
  ctx.changed()
  ctx.effect('SET', key, value, 'PXAT', timeArg(end))
  ctx.notify('$', 'set', key)
  ctx.notify('g', 'expire', key)
  ctx.reply.ok()
}

function setex(ctx: Context, argv: Arg[]): void {
  setUntil(ctx, text(argv[1]), argv[3], endOf(ctx, 'setex', { word: 'EX', amount: argv[2] })!)
}

function psetex(ctx: Context, argv: Arg[]): void {
  setUntil(ctx, text(argv[1]), argv[3], endOf(ctx, 'psetex', { word: 'PX', amount: argv[2] })!)
}

function getset(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const old = readString(ctx, key)
  ctx.db.set(key, argv[2])
  ctx.changed()
  ctx.effect('SET', key, argv[2])
  ctx.notify('$', 'set', key)
  replyShown(ctx, old)
}

function getdel(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const old = readString(ctx, key)
  if (old !== undefined) {
    ctx.db.delete(key)
    ctx.changed()
    ctx.effect('DEL', key)
    ctx.notify('g', 'del', key)
  }
  replyShown(ctx, old)
}

function getex(ctx: Context, argv: Arg[]): void {
  const { persist, time } = setOptions(argv, 2, 'GETEX')
  const key = text(argv[1])
  const value = readString(ctx, key)
  if (value !== undefined && time !== undefined) {
    const end = endOf(ctx, 'getex', time)!
    // Only a point in time can be past: a relative time is positive.
    if (!timeWords[time.word].isRelative && isDue(ctx, end)) deleteDue(ctx, key)
    else {
      ctx.db.setExpiry(key, end)
      ctx.changed()
      ctx.effect('PEXPIREAT', key, timeArg(end))
      ctx.notify('g', 'expire', key)
    }
  } else if (value !== undefined && persist && ctx.db.expiresAt(key) != null) {
    ctx.db.setExpiry(key, null)
    ctx.changed()
    ctx.effect('PERSIST', key)
    ctx.notify('g', 'persist', key)
  }
  replyShown(ctx, value)
}

function mget(ctx: Context, argv: Arg[]): void {
  ctx.reply.array(argv.length - 1)
  for (let i = 1; i < argv.length; i++) {
    // What is no string is answered as if it were not there.
    const value = lookupRead(ctx, text(argv[i]))
    replyShown(ctx, value !== undefined && isString(value) ? value : undefined)
  }
}

function setPairs(ctx: Context, argv: Arg[]): void {
  for (let i = 1; i < argv.length; i += 2) {
    const key = text(argv[i])
    dropExpired(ctx, key)
    ctx.db.set(key, argv[i + 1])
    ctx.notify('$', 'set', key)
  }
  ctx.changed((argv.length - 1) / 2)
}

function mset(ctx: Context, argv: Arg[]): void {
  if (argv.length % 2 === 0) throw replyErrors.arity('mset')
  setPairs(ctx, argv)
  ctx.reply.ok()
}

function msetnx(ctx: Context, argv: Arg[]): void {
  if (argv.length % 2 === 0) throw replyErrors.arity('msetnx')
  const isFree = argv.every((arg, i) => i % 2 === 0 || !ctx.db.has(text(arg)))
  if (isFree) setPairs(ctx, argv)
  ctx.reply.integer(isFree ? 1 : 0)
}

/** From Redis 8.4. Replicas get a SET for each key, which servers of any version know. */
function msetex(ctx: Context, argv: Arg[]): void {
  const { db, reply } = ctx
  const count = Number(parseInt64(argv[1]) ?? 0)
  if (count < 1 || count > INT32_MAX) throw new ReplyError('ERR invalid numkeys value')
  const behind = 2 + 2 * count
  if (behind > argv.length) throw new ReplyError('ERR wrong number of key-value pairs')
  const { condition, keepTtl, time } = setOptions(argv, behind, 'MSETEX')
  const end = endOf(ctx, 'msetex', time)
  const pairs = argv.slice(2, behind)
  const isRefused =
    condition !== undefined && pairs.some((arg, i) => i % 2 === 0 && db.has(text(arg)) !== (condition === 'XX'))
  reply.integer(isRefused ? 0 : 1)
  if (isRefused) return
  for (let i = 0; i < pairs.length; i += 2) {
    const key = text(pairs[i])
    const value = pairs[i + 1]
    dropExpired(ctx, key)
    db.set(key, value, keepTtl ? (db.expiresAt(key) ?? null) : end)
    ctx.notify('$', 'set', key)
    if (end !== null) {
      ctx.effect('SET', key, value, 'PXAT', timeArg(end))
      ctx.notify('g', 'expire', key)
    } else ctx.effect('SET', key, value, ...(keepTtl ? ['KEEPTTL'] : []))
  }
  ctx.changed(count)
}

const one = { group: 'string', keys: '1 1 1', complexity: 'O(1)' } as const
const timeSyntax = 'EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds'

const whole: readonly Command[] = [
  command({
    ...one,
    name: 'GET',
    arity: 2,
    flags: 'readonly fast',
    since: '1.0.0',
    summary: 'The value of a key.',
    syntax: 'key',
    run: get,
  }),
  command({
    ...one,
    name: 'SET',
    arity: -3,
    flags: 'write denyoom',
    since: '1.0.0',
    summary: 'Gives a key a value, whatever it held before, and a time if asked to.',
    syntax: `key value [NX | XX] [GET] [${timeSyntax} | KEEPTTL]`,
    run: set,
  }),
  command({
    ...one,
    name: 'SETNX',
    arity: 3,
    flags: 'write denyoom fast',
    since: '1.0.0',
    summary: 'Gives a key a value if there is no such key yet.',
    syntax: 'key value',
    run: setnx,
  }),
  command({
    ...one,
    name: 'SETEX',
    arity: 4,
    flags: 'write denyoom',
    since: '2.0.0',
    summary: 'Gives a key a value for some seconds.',
    syntax: 'key seconds value',
    run: setex,
  }),
  command({
    ...one,
    name: 'PSETEX',
    arity: 4,
    flags: 'write denyoom',
    since: '2.6.0',
    summary: 'Gives a key a value for some milliseconds.',
    syntax: 'key milliseconds value',
    run: psetex,
  }),
  command({
    ...one,
    name: 'GETSET',
    arity: 3,
    flags: 'write denyoom fast',
    since: '1.0.0',
    summary: 'Gives a key a value; the answer is the old one.',
    syntax: 'key value',
    run: getset,
  }),
  command({
    ...one,
    name: 'GETDEL',
    arity: 2,
    flags: 'write fast',
    since: '6.2.0',
    summary: 'The value of a key, which is deleted.',
    syntax: 'key',
    run: getdel,
  }),
  command({
    ...one,
    name: 'GETEX',
    arity: -2,
    flags: 'write fast',
    since: '6.2.0',
    summary: 'The value of a key, whose time is set or taken away.',
    syntax: `key [${timeSyntax} | PERSIST]`,
    run: getex,
  }),
  command({
    group: 'string',
    name: 'MGET',
    arity: -2,
    flags: 'readonly fast',
    keys: '1 -1 1',
    since: '1.0.0',
    summary: 'The values of several keys.',
    complexity: 'O(N) for N keys',
    syntax: 'key [key ...]',
    run: mget,
  }),
  command({
    group: 'string',
    name: 'MSET',
    arity: -3,
    flags: 'write denyoom',
    keys: '1 -1 2',
    since: '1.0.1',
    summary: 'Gives several keys their values at once.',
    complexity: 'O(N) for N keys',
    syntax: 'key value [key value ...]',
    run: mset,
  }),
  command({
    group: 'string',
    name: 'MSETNX',
    arity: -3,
    flags: 'write denyoom',
    keys: '1 -1 2',
    since: '1.0.1',
    summary: 'Gives several keys their values at once if none of them is there yet.',
    complexity: 'O(N) for N keys',
    syntax: 'key value [key value ...]',
    run: msetnx,
  }),
  command({
    group: 'string',
    name: 'MSETEX',
    arity: -4,
    flags: 'write denyoom movablekeys',
    keys: '0 0 0',
    findKeys: (argv) => numberedKeys(argv, 1).map((_, i) => 2 + 2 * i),
    since: '8.4.0',
    summary: 'Gives several keys their values at once, and a time if asked to.',
    complexity: 'O(N) for N keys',
    syntax: `numkeys <key value ...> [NX | XX] [${timeSyntax} | KEEPTTL]`,
    run: msetex,
  }),
]

export const stringCommands: readonly Command[] = [...whole, ...comparisons, ...ranges, ...counters, lcs]
