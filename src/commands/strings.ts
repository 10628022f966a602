// String values as wholes: GET, SET and what surrounds them. Their parts are in ranges.ts, numbers in counters.ts.
// SET without options and GET are the hottest commands of all: they allocate nothing but what is kept.

import type { Arg } from '../bytes.js'
import { replyErrors } from '../errors.js'
import { type Command, type Context, command, option, text } from './command.js'
import { counters } from './counters.js'
import { deleteDue, isDue, timeAfter, timeArg } from './expire.js'
import { int64 } from './int64.js'
import { lcs } from './lcs.js'
import { readString, replyShown } from './lookup.js'
import { ranges } from './ranges.js'

/** What a word says of the time behind it. */
const times = {
  EX: { isRelative: true, unitMs: 1000 },
  PX: { isRelative: true, unitMs: 1 },
  EXAT: { isRelative: false, unitMs: 1000 },
  PXAT: { isRelative: false, unitMs: 1 },
} as const

type TimeWord = keyof typeof times

interface Options {
  condition?: 'NX' | 'XX'
  get?: boolean
  /** At most one of these three. */
  keepTtl?: boolean
  persist?: boolean
  time?: { word: TimeWord; amount: Arg }
}

const SET_WORDS: ReadonlySet<string> = new Set(['NX', 'XX', 'GET', 'KEEPTTL'])

/** SET's and GETEX's options from argv[first] on, as Redis 7.0 takes them: each may come again, `EX 1 EX 2` is EX 2. */
function optionsOf(argv: readonly Arg[], first: number, command: 'SET' | 'GETEX'): Options {
  const options: Options = {}
  for (let i = first; i < argv.length; i++) {
    const word = option(argv[i])
    if (command === 'GETEX' ? SET_WORDS.has(word) : word === 'PERSIST') throw replyErrors.syntax()
    switch (word) {
      case 'NX':
      case 'XX':
        if ((options.condition ?? word) !== word) throw replyErrors.syntax()
        options.condition = word
        break
      case 'GET':
        options.get = true
        break
      case 'KEEPTTL':
        if (options.time !== undefined) throw replyErrors.syntax()
        options.keepTtl = true
        break
      case 'PERSIST':
        if (options.time !== undefined) throw replyErrors.syntax()
        options.persist = true
        break
      case 'EX':
      case 'PX':
      case 'EXAT':
      case 'PXAT':
        if (options.keepTtl || options.persist || (options.time?.word ?? word) !== word) throw replyErrors.syntax()
        if (++i === argv.length) throw replyErrors.syntax()
        options.time = { word, amount: argv[i] }
        break
      default:
        throw replyErrors.syntax()
    }
  }
  return options
}

/** When a key ends that gets `amount` with the given word. Unlike EXPIRE, these commands refuse what is not positive. */
function endOf(ctx: Context, name: string, word: TimeWord, amount: Arg): number {
  const { isRelative, unitMs } = times[word]
  const given = int64(amount)
  const end = given > 0 ? timeAfter(isRelative ? ctx.now : 0, given, unitMs) : undefined
  if (end === undefined) throw replyErrors.invalidExpire(name)
  return end
}

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
  db.set(key, argv[2])
  ctx.changed()
  ctx.reply.ok()
}

function setWithOptions(ctx: Context, argv: Arg[]): void {
  const { db, reply } = ctx
  const { condition, get, keepTtl, time } = optionsOf(argv, 3, 'SET')
  const end = time === undefined ? null : endOf(ctx, 'set', time.word, time.amount)
  // Owned even if the key is there: with a time its string may be kept beside the one that the map holds.
  const key = text(argv[1])
  const old = get ? readString(ctx, key) : undefined
  const isThere = db.has(key)
  const isRefused = (condition === 'NX' && isThere) || (condition === 'XX' && !isThere)
  if (!isRefused) {
    const value = argv[2]
    db.set(key, value, keepTtl ? (db.expiresAt(key) ?? null) : end)
    ctx.changed()
    if (end !== null) ctx.effect('SET', key, value, 'PXAT', timeArg(end))
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
  }
  ctx.reply.integer(isNew ? 1 : 0)
}

function setUntil(ctx: Context, key: string, value: Arg, end: number): void {
  ctx.db.set(key, value, end)
  ctx.changed()
  ctx.effect('SET', key, value, 'PXAT', timeArg(end))
  ctx.reply.ok()
}

function setex(ctx: Context, argv: Arg[]): void {
  setUntil(ctx, text(argv[1]), argv[3], endOf(ctx, 'setex', 'EX', argv[2]))
}

function psetex(ctx: Context, argv: Arg[]): void {
  setUntil(ctx, text(argv[1]), argv[3], endOf(ctx, 'psetex', 'PX', argv[2]))
}

function getset(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const old = readString(ctx, key)
  ctx.db.set(key, argv[2])
  ctx.changed()
  ctx.effect('SET', key, argv[2])
  replyShown(ctx, old)
}

function getdel(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const old = readString(ctx, key)
  if (old !== undefined) {
    ctx.db.delete(key)
    ctx.changed()
    ctx.effect('DEL', key)
  }
  replyShown(ctx, old)
}

function getex(ctx: Context, argv: Arg[]): void {
  const { persist, time } = optionsOf(argv, 2, 'GETEX')
  const key = text(argv[1])
  const value = readString(ctx, key)
  if (value !== undefined && time !== undefined) {
    const end = endOf(ctx, 'getex', time.word, time.amount)
    // Only a point in time can be past: a relative time is positive.
    if (!times[time.word].isRelative && isDue(ctx, end)) deleteDue(ctx, key)
    else {
      ctx.db.setExpiry(key, end)
      ctx.changed()
      ctx.effect('PEXPIREAT', key, timeArg(end))
    }
  } else if (value !== undefined && persist && ctx.db.expiresAt(key) != null) {
    ctx.db.setExpiry(key, null)
    ctx.changed()
    ctx.effect('PERSIST', key)
  }
  replyShown(ctx, value)
}

function mget(ctx: Context, argv: Arg[]): void {
  ctx.reply.array(argv.length - 1)
  for (let i = 1; i < argv.length; i++) replyShown(ctx, readString(ctx, text(argv[i])))
}

function setPairs(ctx: Context, argv: Arg[]): void {
  for (let i = 1; i < argv.length; i += 2) ctx.db.set(text(argv[i]), argv[i + 1])
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
]

export const stringCommands: readonly Command[] = [...whole, ...ranges, ...counters, lcs]
