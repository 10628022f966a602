// The options that SET, GETEX and MSETEX share.

import type { Arg } from '../bytes.js'
import { replyErrors } from '../errors.js'
import { type Context, option } from './command.js'
import type { Comparison } from './comparisons.js'
import { timeAfter } from './expire.js'
import { int64 } from './int64.js'

/** What a word says of the time behind it. */
export const timeWords = {
  EX: { isRelative: true, unitMs: 1000 },
  PX: { isRelative: true, unitMs: 1 },
  EXAT: { isRelative: false, unitMs: 1000 },
  PXAT: { isRelative: false, unitMs: 1 },
} as const

export type TimeWord = keyof typeof timeWords

export interface SetOptions {
  condition?: 'NX' | 'XX'
  comparison?: Comparison
  get?: boolean
  /** At most one of these three. */
  keepTtl?: boolean
  persist?: boolean
  time?: { word: TimeWord; amount: Arg }
}

const times = Object.keys(timeWords)
const known = {
  SET: new Set(['NX', 'XX', 'IFEQ', 'IFNE', 'IFDEQ', 'IFDNE', 'GET', 'KEEPTTL', ...times]),
  GETEX: new Set(['PERSIST', ...times]),
  MSETEX: new Set(['NX', 'XX', 'KEEPTTL', ...times]),
} as const

/** The options from argv[first] on, as Redis takes them: each may come again, `EX 1 EX 2` is EX 2. */
export function setOptions(argv: readonly Arg[], first: number, command: keyof typeof known): SetOptions {
  const options: SetOptions = {}
  for (let i = first; i < argv.length; i++) {
    const word = option(argv[i])
    if (!known[command].has(word)) throw replyErrors.syntax()
    switch (word) {
      case 'NX':
      case 'XX':
        if ((options.condition ?? word) !== word) throw replyErrors.syntax()
        options.condition = word
        break
      case 'IFEQ':
      case 'IFNE':
      case 'IFDEQ':
      case 'IFDNE':
        // Redis 8.6 takes NX and XX behind a comparison, though not before one: then both have to hold.
        if (options.condition !== undefined || (options.comparison?.word ?? word) !== word) throw replyErrors.syntax()
        if (++i === argv.length) throw replyErrors.syntax()
        options.comparison = { word, operand: argv[i] }
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
      default:
        if (options.keepTtl || options.persist || (options.time?.word ?? word) !== word) throw replyErrors.syntax()
        if (++i === argv.length) throw replyErrors.syntax()
        options.time = { word: word as TimeWord, amount: argv[i] }
    }
  }
  return options
}

/** When a key ends that is given this time; null for none. Unlike EXPIRE, these commands refuse what is not positive. */
export function endOf(ctx: Context, name: string, time: SetOptions['time']): number | null {
  if (time === undefined) return null
  const { isRelative, unitMs } = timeWords[time.word]
  const given = int64(time.amount)
  const end = given > 0 ? timeAfter(isRelative ? ctx.now : 0, given, unitMs) : undefined
  if (end === undefined) throw replyErrors.invalidExpire(name)
  return end
}
