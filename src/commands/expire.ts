// The time of a key: the EXPIRE family, TTL and its kin, PERSIST; and the arithmetic of times, for SET and GETEX too.
// Times are milliseconds since 1970 in JS numbers. Redis keeps 64 bits: beyond 2^53 (some 285,000 years) ours are rounded.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { quoteArg } from '../protocol/writer.js'
import { type Command, type Context, command, type Handler, text } from './command.js'
import { type Int64, int64, isInt64 } from './int64.js'
import { lookupUntouched } from './lookup.js'

/** The largest number below 2^63: what a snapshot's 64 bits still hold. */
const LATEST_MS = 2 ** 63 - 1024

/** `amount` units after `baseMs`, or undefined where Redis' 64 bits would overflow. */
export function timeAfter(baseMs: number, amount: Int64, unitMs: 1 | 1000): number | undefined {
  if (typeof amount === 'number') {
    const product = amount * unitMs
    const sum = baseMs + product
    if (Number.isSafeInteger(product) && Number.isSafeInteger(sum)) return sum
  }
  const product = BigInt(amount) * BigInt(unitMs)
  const sum = BigInt(baseMs) + product
  return isInt64(product) && isInt64(sum) ? Math.min(Number(sum), LATEST_MS) : undefined
}

/** A time with all its digits: above 2^53 a JS number would print zeros in the place of the last ones. */
export function wholeMs(ms: number): number | bigint {
  return Number.isSafeInteger(ms) ? ms : BigInt(ms)
}

export function timeArg(ms: number): Arg {
  return String(wholeMs(ms))
}

/** Whether a time that a key is to get means its end at once (Redis' checkAlreadyExpired). A replica waits for the DEL. */
export function isDue(ctx: Context, expiresAt: number): boolean {
  return expiresAt <= ctx.now && ctx.server.role === 'primary' && !ctx.fromPrimary
}

/** Deletes a key that is due, and says so in the stream. */
export function deleteDue(ctx: Context, key: string): void {
  ctx.db.delete(key)
  ctx.changed()
  ctx.effect(ctx.server.config.flag('lazyfree-lazy-expire') ? 'UNLINK' : 'DEL', key)
  ctx.notify('g', 'del', key)
}

interface Conditions {
  nx: boolean
  xx: boolean
  gt: boolean
  lt: boolean
}

function conditionsOf(argv: readonly Arg[]): Conditions {
  const conditions: Conditions = { nx: false, xx: false, gt: false, lt: false }
  for (const arg of argv.slice(3)) {
    const word = text(arg).toLowerCase()
    if (word !== 'nx' && word !== 'xx' && word !== 'gt' && word !== 'lt')
      throw new ReplyError(`ERR Unsupported option ${quoteArg(arg, Number.POSITIVE_INFINITY)}`)
    conditions[word] = true
  }
  const { nx, xx, gt, lt } = conditions
  if (nx && (xx || gt || lt))
    throw new ReplyError('ERR NX and XX, GT or LT options at the same time are not compatible')
  if (gt && lt) throw new ReplyError('ERR GT and LT options at the same time are not compatible')
  return conditions
}

/** Whether the key, with the time it has, may get that one. No time counts as endless. */
function meets({ nx, xx, gt, lt }: Conditions, current: number | null, expiresAt: number): boolean {
  if (nx && current !== null) return false
  if (xx && current === null) return false
  if (gt && (current === null || expiresAt <= current)) return false
  return !(lt && current !== null && expiresAt >= current)
}

/** When the key is due. To change that is to use the key; to ask is not. */
function usedExpiry({ db }: Context, key: string): number | null | undefined {
  const expiresAt = db.expiresAt(key)
  if (expiresAt !== undefined) db.recency?.touch(key)
  return expiresAt
}

type Name = 'EXPIRE' | 'PEXPIRE' | 'EXPIREAT' | 'PEXPIREAT'

function expireHandler(name: Name): Handler {
  const unitMs = name.startsWith('P') ? 1 : 1000
  const isRelative = !name.endsWith('AT')
  return (ctx, argv) => {
    const conditions = argv.length > 3 ? conditionsOf(argv) : undefined
    const expiresAt = timeAfter(isRelative ? ctx.now : 0, int64(argv[2]), unitMs)
    if (expiresAt === undefined) throw replyErrors.invalidExpire(name.toLowerCase())
    const key = text(argv[1])
    const current = usedExpiry(ctx, key)
    if (current === undefined || (conditions !== undefined && !meets(conditions, current, expiresAt))) {
      ctx.reply.integer(0)
      return
    }
    if (isDue(ctx, expiresAt)) deleteDue(ctx, key)
    else {
      ctx.db.setExpiry(key, expiresAt)
      ctx.changed()
      const asItStands = name === 'PEXPIREAT' && Number.isSafeInteger(expiresAt)
      if (!asItStands) ctx.effect('PEXPIREAT', key, timeArg(expiresAt), ...argv.slice(3))
      ctx.notify('g', 'expire', key)
    }
    ctx.reply.integer(1)
  }
}

function ttlHandler(isAbsolute: boolean, unitMs: 1 | 1000): Handler {
  return (ctx, argv) => {
    const key = text(argv[1])
    if (lookupUntouched(ctx, key) === undefined) {
      ctx.reply.integer(-2)
      return
    }
    const expiresAt = ctx.db.expiresAt(key)
    if (expiresAt == null) {
      ctx.reply.integer(-1)
      return
    }
    const ms = Math.max(0, isAbsolute ? expiresAt : expiresAt - ctx.now)
    ctx.reply.integer(wholeMs(unitMs === 1 ? ms : Math.floor((ms + 500) / 1000)))
  }
}

function persist(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const had = usedExpiry(ctx, key) != null
  if (had) {
    ctx.db.setExpiry(key, null)
    ctx.changed()
    ctx.notify('g', 'persist', key)
  }
  ctx.reply.integer(had ? 1 : 0)
}

const one = { group: 'generic', keys: '1 1 1', complexity: 'O(1)' } as const
const conditionSyntax = '[NX | XX | GT | LT]'

export const expiry: readonly Command[] = [
  command({
    ...one,
    name: 'EXPIRE',
    arity: -3,
    flags: 'write fast',
    since: '1.0.0',
    summary: 'Lets a key live for that many seconds more.',
    syntax: `key seconds ${conditionSyntax}`,
    run: expireHandler('EXPIRE'),
  }),
  command({
    ...one,
    name: 'PEXPIRE',
    arity: -3,
    flags: 'write fast',
    since: '2.6.0',
    summary: 'Lets a key live for that many milliseconds more.',
    syntax: `key milliseconds ${conditionSyntax}`,
    run: expireHandler('PEXPIRE'),
  }),
  command({
    ...one,
    name: 'EXPIREAT',
    arity: -3,
    flags: 'write fast',
    since: '1.2.0',
    summary: 'Lets a key live until a Unix time in seconds.',
    syntax: `key unix-time-seconds ${conditionSyntax}`,
    run: expireHandler('EXPIREAT'),
  }),
  command({
    ...one,
    name: 'PEXPIREAT',
    arity: -3,
    flags: 'write fast',
    since: '2.6.0',
    summary: 'Lets a key live until a Unix time in milliseconds.',
    syntax: `key unix-time-milliseconds ${conditionSyntax}`,
    run: expireHandler('PEXPIREAT'),
  }),
  command({
    ...one,
    name: 'TTL',
    arity: 2,
    flags: 'readonly fast',
    since: '1.0.0',
    summary: 'How many seconds a key has left.',
    syntax: 'key',
    run: ttlHandler(false, 1000),
  }),
  command({
    ...one,
    name: 'PTTL',
    arity: 2,
    flags: 'readonly fast',
    since: '2.6.0',
    summary: 'How many milliseconds a key has left.',
    syntax: 'key',
    run: ttlHandler(false, 1),
  }),
  command({
    ...one,
    name: 'EXPIRETIME',
    arity: 2,
    flags: 'readonly fast',
    since: '7.0.0',
    summary: 'The Unix time in seconds at which a key ends.',
    syntax: 'key',
    run: ttlHandler(true, 1000),
  }),
  command({
    ...one,
    name: 'PEXPIRETIME',
    arity: 2,
    flags: 'readonly fast',
    since: '7.0.0',
    summary: 'The Unix time in milliseconds at which a key ends.',
    syntax: 'key',
    run: ttlHandler(true, 1),
  }),
  command({
    ...one,
    name: 'PERSIST',
    arity: 2,
    flags: 'write fast',
    since: '2.2.0',
    summary: 'Takes a key its time away: it stays until it is deleted.',
    syntax: 'key',
    run: persist,
  }),
]
