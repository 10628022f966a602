// Times for the fields of hashes: HEXPIRE and its kin (Redis 7.4), HGETEX, HSETEX and HGETDEL (8.0), as Redis 8.6 has them.
//
// Replicas get absolute times: HPEXPIREAT, HPERSIST, HSETEX with PXAT; and HDEL for what ended. A replica of a version that
// does not know one of these commands logs an error and keeps the link: there the fields stay without a time until the
// HDEL comes, but a value that HSETEX gave together with a time is missing. What says the same as HSET is streamed as HSET.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { Hash } from '../keyspace/hash.js'
import { type Command, type Context, command, type Handler, INT32_MAX, option, text } from './command.js'
import { isDue, timeAfter, timeArg, wholeMs } from './expire.js'
import { deleteFields, keepHash, readFields } from './hashes.js'
import { int64, parseInt64 } from './int64.js'
import { writeAs } from './lookup.js'
import { type TimeWord, timeWords } from './set-options.js'

/** Redis' latest time for a field: 46 bits, in the year 4199. Valkey's primaries know later ones. */
const LATEST_MS = 2 ** 46 - 1

/** What a field gets: a time in ms since 1970, none (null), or the one it has (undefined). */
type NewTime = number | null | undefined

function endOf(ctx: Context, name: string, amount: Arg, { isRelative, unitMs }: (typeof timeWords)[TimeWord]): number {
  const given = int64(amount)
  if (given < 0) throw new ReplyError('ERR invalid expire time, must be >= 0')
  const end = timeAfter(isRelative ? ctx.now : 0, given, unitMs)
  if (end === undefined || (end > LATEST_MS && !ctx.fromPrimary)) throw replyErrors.invalidExpire(name)
  return end
}

/** Where the fields stand in argv. */
interface Span {
  first: number
  end: number
}

/** What is wrong with FIELDS is said in other words by HEXPIRE and its kin than by HGETEX and HSETEX. */
interface Complaints {
  count: string
  none: string
}

const expireComplaints: Complaints = {
  count: 'ERR Parameter `numFields` should be greater than 0',
  none: 'ERR FIELDS requires at least numfields and one field argument',
}
const valueComplaints: Complaints = { count: 'ERR invalid number of fields', none: 'ERR wrong number of arguments' }

/**
 * Finds `FIELDS n field…` between other words, each of which is given to `take`: it returns how many arguments are behind
 * the word, or undefined when it does not know it. `width`: arguments for each field.
 */
function spanOf(
  argv: readonly Arg[],
  from: number,
  width: 1 | 2,
  complaints: Complaints,
  take: (word: string, at: number) => number | undefined,
): Span {
  let span: Span | undefined
  for (let i = from; i < argv.length; i++) {
    const word = option(argv[i])
    if (word !== 'FIELDS') {
      const behind = take(word, i)
      if (behind === undefined) throw new ReplyError(`ERR unknown argument: ${text(argv[i])}`)
      i += behind
      continue
    }
    if (span !== undefined) throw new ReplyError('ERR FIELDS keyword specified multiple times')
    if (i + 2 >= argv.length) throw new ReplyError(complaints.none)
    const count = Number(parseInt64(argv[i + 1]) ?? 0)
    if (count < 1 || count > INT32_MAX) throw new ReplyError(complaints.count)
    span = { first: i + 2, end: i + 2 + count * width }
    if (span.end > argv.length) throw new ReplyError('ERR wrong number of arguments')
    i = span.end - 1
  }
  if (span === undefined) throw new ReplyError('ERR missing FIELDS argument')
  return span
}

/** `FIELDS n field…` as the last arguments, from argv[at] on: HTTL, HPERSIST, HGETDEL. */
function fieldsAtEnd(argv: readonly Arg[], at: number): readonly string[] {
  if (option(argv[at]) !== 'FIELDS')
    throw new ReplyError('ERR Mandatory argument FIELDS is missing or not at the right position')
  const count = Number(parseInt64(argv[at + 1]) ?? 0)
  if (count < 1) throw new ReplyError('ERR Number of fields must be a positive integer')
  if (count !== argv.length - at - 2)
    throw new ReplyError('ERR The `numfields` parameter must match the number of arguments')
  return argv.slice(at + 2).map(text)
}

/** Gives existing fields a time, or takes it away, and tells; only those that change are to be named. */
function retime(ctx: Context, key: string, hash: Hash, fields: readonly string[], expiresAt: number | null): void {
  if (fields.length === 0) return
  ctx.db.willChange(key)
  for (const field of fields) hash.setExpiry(field, expiresAt)
  ctx.db.didChange(key, hash)
  ctx.changed(fields.length)
  const count = String(fields.length)
  if (expiresAt === null) ctx.effect('HPERSIST', key, 'FIELDS', count, ...fields)
  else ctx.effect('HPEXPIREAT', key, timeArg(expiresAt), 'FIELDS', count, ...fields)
  ctx.notify('h', expiresAt === null ? 'hpersist' : 'hexpire', key)
}

/** Deletes fields whose new time is past already. */
function endFields(ctx: Context, key: string, hash: Hash, fields: readonly string[]): void {
  const ended = deleteFields(ctx, key, hash, fields)
  if (ended.length > 0) ctx.effect('HDEL', key, ...ended)
}

const conditions = new Set(['NX', 'XX', 'GT', 'LT'])

/** Whether a field with that time may get the new one. No time counts as endless. */
function meets(condition: string, current: number | null, expiresAt: number): boolean {
  switch (condition) {
    case 'NX':
      return current === null
    case 'XX':
      return current !== null
    case 'GT':
      return current !== null && expiresAt > current
    case 'LT':
      return current === null || expiresAt < current
    default:
      return true
  }
}

/** What HEXPIRE says of each field. */
const NO_SUCH_FIELD = -2
const NO_TIME = -1
const NOT_MET = 0
const DONE = 1
const ENDED = 2

function expireHandler(name: string, time: (typeof timeWords)[TimeWord]): Handler {
  return (ctx, argv) => {
    const key = text(argv[1])
    const hash = writeAs(ctx, key, Hash)
    const expiresAt = endOf(ctx, name, argv[2], time)
    let condition = ''
    const { first, end } = spanOf(argv, 3, 1, expireComplaints, (word) => {
      if (!conditions.has(word)) return undefined
      if (condition !== '' && condition !== word) throw new ReplyError('ERR Multiple condition flags specified')
      condition = word
      return 0
    })
    const isPast = isDue(ctx, expiresAt)
    const met = new Set<string>()
    ctx.reply.array(end - first)
    for (let i = first; i < end; i++) {
      const field = text(argv[i])
      const isMet = met.has(field)
      if (hash === undefined || !hash.has(field) || (isMet && isPast)) ctx.reply.integer(NO_SUCH_FIELD)
      else if (!meets(condition, isMet ? expiresAt : hash.expiresAt(field), expiresAt)) ctx.reply.integer(NOT_MET)
      else {
        met.add(field)
        ctx.reply.integer(isPast ? ENDED : DONE)
      }
    }
    if (hash === undefined) return
    if (isPast) endFields(ctx, key, hash, [...met])
    else retime(ctx, key, hash, [...met], expiresAt)
  }
}

function ttlHandler(isAbsolute: boolean, unitMs: 1 | 1000): Handler {
  return (ctx, argv) => {
    const hash = readFields(ctx, text(argv[1]))
    const fields = fieldsAtEnd(argv, 2)
    ctx.reply.array(fields.length)
    for (const field of fields) {
      const expiresAt = hash?.expiresAt(field) ?? null
      if (expiresAt !== null) {
        const ms = isAbsolute ? expiresAt : expiresAt - ctx.now
        ctx.reply.integer(wholeMs(unitMs === 1 ? ms : Math.ceil(ms / unitMs)))
      } else ctx.reply.integer(hash?.has(field) ? NO_TIME : NO_SUCH_FIELD)
    }
  }
}

function hpersist(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const hash = writeAs(ctx, key, Hash)
  const fields = fieldsAtEnd(argv, 2)
  const persisted = new Set<string>()
  ctx.reply.array(fields.length)
  for (const field of fields) {
    if (!hash?.has(field)) ctx.reply.integer(NO_SUCH_FIELD)
    else if (hash.expiresAt(field) === null || persisted.has(field)) ctx.reply.integer(NO_TIME)
    else {
      persisted.add(field)
      ctx.reply.integer(DONE)
    }
  }
  if (hash !== undefined) retime(ctx, key, hash, [...persisted], null)
}

/** HGETEX's and HSETEX's words for a time, as `take` of `spanOf` wants them; `lasting` is the one without a number. */
class TimeWords {
  time: NewTime
  /** What the time was given as; none: no word came. */
  word: TimeWord | 'PERSIST' | 'KEEPTTL' | undefined
  readonly #ctx: Context
  readonly #name: string
  readonly #argv: readonly Arg[]
  readonly #lasting: 'PERSIST' | 'KEEPTTL'

  constructor(ctx: Context, name: string, argv: readonly Arg[], lasting: 'PERSIST' | 'KEEPTTL') {
    this.#ctx = ctx
    this.#name = name
    this.#argv = argv
    this.#lasting = lasting
    this.time = undefined
    this.word = undefined
  }

  take(word: string, at: number): number | undefined {
    const isLasting = word === this.#lasting
    if (!isLasting && !Object.hasOwn(timeWords, word)) {
      // Each of the two knows the other's word, and does not name it.
      if (word === 'PERSIST' || word === 'KEEPTTL') throw new ReplyError('ERR unknown argument')
      return undefined
    }
    if (this.word !== undefined)
      throw new ReplyError(`ERR Only one of EX, PX, EXAT, PXAT or ${this.#lasting} arguments can be specified`)
    this.word = word as TimeWord
    if (isLasting) return 0
    if (at + 1 === this.#argv.length) throw new ReplyError('ERR missing expire time')
    this.time = endOf(this.#ctx, this.#name, this.#argv[at + 1], timeWords[word as TimeWord])
    return 1
  }
}

function hgetex(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const hash = writeAs(ctx, key, Hash)
  const words = new TimeWords(ctx, 'hgetex', argv, 'PERSIST')
  const { first, end } = spanOf(argv, 2, 1, valueComplaints, (word, at) => words.take(word, at))
  const isPast = words.time != null && isDue(ctx, words.time)
  const found = new Set<string>()
  ctx.reply.array(end - first)
  for (let i = first; i < end; i++) {
    const field = text(argv[i])
    const value = isPast && found.has(field) ? undefined : hash?.get(field)
    if (value !== undefined) found.add(field)
    ctx.reply.bulk(value ?? null)
  }
  if (hash === undefined) return
  if (isPast) endFields(ctx, key, hash, [...found])
  else if (words.time != null) retime(ctx, key, hash, [...found], words.time)
  else if (words.word === 'PERSIST') {
    const timed = [...found].filter((field) => hash.expiresAt(field) !== null)
    retime(ctx, key, hash, timed, null)
  }
}

function hsetex(ctx: Context, argv: Arg[]): void {
  const words = new TimeWords(ctx, 'hsetex', argv, 'KEEPTTL')
  let condition = ''
  const { first, end } = spanOf(argv, 2, 2, valueComplaints, (word, at) => {
    if (word !== 'FNX' && word !== 'FXX') return words.take(word, at)
    if (condition !== '') throw new ReplyError('ERR Only one of FXX or FNX arguments can be specified')
    condition = word
    return 0
  })
  const pairs = argv.slice(first, end).map(text)
  const key = text(argv[1])
  const held = writeAs(ctx, key, Hash)
  const isRefused =
    condition !== '' && pairs.some((field, i) => i % 2 === 0 && held?.has(field) !== (condition === 'FXX'))
  ctx.reply.integer(isRefused ? 0 : 1)
  if (isRefused) return
  if (words.time != null && isDue(ctx, words.time)) {
    if (held !== undefined)
      endFields(
        ctx,
        key,
        held,
        pairs.filter((_, i) => i % 2 === 0),
      )
    return
  }
  setUntil(ctx, key, held, pairs, words.word === 'KEEPTTL' ? undefined : (words.time ?? null))
}

function setUntil(ctx: Context, key: string, held: Hash | undefined, pairs: readonly string[], time: NewTime): void {
  const hash = held ?? new Hash()
  const hadTimes = hash.timedSize > 0
  if (held !== undefined) ctx.db.willChange(key)
  for (let i = 0; i < pairs.length; i += 2) {
    if (time === undefined) hash.replace(pairs[i], pairs[i + 1])
    else hash.set(pairs[i], pairs[i + 1], time)
  }
  keepHash(ctx, key, held, hash)
  const count = pairs.length / 2
  ctx.changed(count)
  if (time === null || (time === undefined && !hadTimes)) ctx.effect('HSET', key, ...pairs)
  else if (time === undefined) ctx.effect('HSETEX', key, 'KEEPTTL', 'FIELDS', String(count), ...pairs)
  else ctx.effect('HSETEX', key, 'PXAT', timeArg(time), 'FIELDS', String(count), ...pairs)
  ctx.notify('h', 'hset', key)
  if (time != null) ctx.notify('h', 'hexpire', key)
}

function hgetdel(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const hash = writeAs(ctx, key, Hash)
  const fields = fieldsAtEnd(argv, 2)
  const found = new Set<string>()
  ctx.reply.array(fields.length)
  for (const field of fields) {
    const value = found.has(field) ? undefined : hash?.get(field)
    if (value !== undefined) found.add(field)
    ctx.reply.bulk(value ?? null)
  }
  if (hash !== undefined) endFields(ctx, key, hash, [...found])
}

const one = { group: 'hash', keys: '1 1 1', complexity: 'O(N) for N fields' } as const
const fieldsSyntax = 'FIELDS <numfields <field ...>>'
const timeSyntax = 'EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds'

function expireCommand(name: string, amount: string, time: (typeof timeWords)[TimeWord], summary: string): Command {
  return command({
    ...one,
    name,
    arity: -6,
    flags: 'write fast',
    since: '7.4.0',
    summary,
    syntax: `key ${amount} [NX | XX | GT | LT] ${fieldsSyntax}`,
    run: expireHandler(name.toLowerCase(), time),
  })
}

function ttlCommand(name: string, isAbsolute: boolean, unitMs: 1 | 1000, summary: string): Command {
  return command({
    ...one,
    name,
    arity: -5,
    flags: 'readonly fast',
    since: '7.4.0',
    summary,
    syntax: `key ${fieldsSyntax}`,
    run: ttlHandler(isAbsolute, unitMs),
  })
}

export const fieldTimeCommands: readonly Command[] = [
  expireCommand('HEXPIRE', 'seconds', timeWords.EX, 'Lets fields of a hash live for that many seconds more.'),
  expireCommand(
    'HPEXPIRE',
    'milliseconds',
    timeWords.PX,
    'Lets fields of a hash live for that many milliseconds more.',
  ),
  expireCommand('HEXPIREAT', 'unix-time-seconds', timeWords.EXAT, 'Lets fields of a hash live until a Unix time.'),
  expireCommand('HPEXPIREAT', 'unix-time-milliseconds', timeWords.PXAT, 'The same in milliseconds.'),
  ttlCommand('HTTL', false, 1000, 'How many seconds fields of a hash have left.'),
  ttlCommand('HPTTL', false, 1, 'How many milliseconds fields of a hash have left.'),
  ttlCommand('HEXPIRETIME', true, 1000, 'The Unix time in seconds at which fields of a hash end.'),
  ttlCommand('HPEXPIRETIME', true, 1, 'The Unix time in milliseconds at which fields of a hash end.'),
  command({
    ...one,
    name: 'HPERSIST',
    arity: -5,
    flags: 'write fast',
    since: '7.4.0',
    summary: 'Takes fields of a hash their time away: they stay until they are deleted.',
    syntax: `key ${fieldsSyntax}`,
    run: hpersist,
  }),
  command({
    ...one,
    name: 'HGETEX',
    arity: -5,
    flags: 'write fast',
    since: '8.0.0',
    summary: 'The values of fields, whose time is set or taken away.',
    syntax: `key [${timeSyntax} | PERSIST] ${fieldsSyntax}`,
    run: hgetex,
  }),
  command({
    ...one,
    name: 'HSETEX',
    arity: -6,
    flags: 'write denyoom fast',
    since: '8.0.0',
    summary: 'Gives fields their values, and a time if asked to.',
    syntax: `key [FNX | FXX] [${timeSyntax} | KEEPTTL] FIELDS <numfields field value [field value ...]>`,
    run: hsetex,
  }),
  command({
    ...one,
    name: 'HGETDEL',
    arity: -5,
    flags: 'write fast',
    since: '8.0.0',
    summary: 'The values of fields, which are deleted.',
    syntax: `key ${fieldsSyntax}`,
    run: hgetdel,
  }),
]
