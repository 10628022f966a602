// Walking over all keys: KEYS at once, SCAN bit by bit, RANDOMKEY at hazard.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { globMatch } from '../glob.js'
import { type Command, type Context, command, option, text } from './command.js'
import { type Int64, int64 } from './int64.js'
import { lookupUntouched } from './lookup.js'

/** As Redis 7.0, for which a cursor is a C unsigned long. */
const MAX_CURSOR = 2n ** 64n - 1n
const DEFAULT_COUNT = 10

export interface ScanOptions {
  count: Int64
  pattern: string | undefined
  type: string | undefined
}

function keys(ctx: Context, argv: Arg[]): void {
  const { db, reply } = ctx
  const pattern = text(argv[1])
  const found = /[*?[\\]/.test(pattern) ? matching(db.keys(), pattern) : db.has(pattern) ? [pattern] : []
  reply.array(found.length)
  for (const key of found) reply.bulk(key)
}

export function matching(keys: Iterable<string>, pattern: string): string[] {
  const all = [...keys]
  return pattern === '*' ? all : all.filter((key) => globMatch(pattern, key))
}

function scan(ctx: Context, argv: Arg[]): void {
  const { reply } = ctx
  const cursor = scanCursor(argv[1])
  const { count, pattern, type } = scanOptions(argv, 2)
  const step = ctx.db.scan(cursor, Number(count))
  let keys = pattern === undefined ? step.keys : matching(step.keys, pattern)
  if (type !== undefined) keys = keys.filter((key) => isOfType(ctx, key, type))
  reply.array(2)
  reply.bulk(String(step.cursor))
  reply.array(keys.length)
  for (const key of keys) reply.bulk(key)
}

/** What strtoul reads: a sign is taken, no digits at all are 0. */
export function scanCursor(arg: Arg): number {
  const digits = text(arg)
  if (!/^(?:[+-]?[0-9]+)?$/.test(digits)) throw invalidCursor()
  const cursor = BigInt(digits.replace(/^[+-]/, ''))
  if (cursor > MAX_CURSOR) throw invalidCursor()
  return Number(digits.startsWith('-') ? BigInt.asUintN(64, -cursor) : cursor)
}

function invalidCursor(): ReplyError {
  return new ReplyError('ERR invalid cursor')
}

/** The options from argv[first] on, as SCAN, HSCAN, SSCAN and ZSCAN take them; only SCAN knows TYPE. */
export function scanOptions(argv: readonly Arg[], first: number): ScanOptions {
  const options: ScanOptions = { count: DEFAULT_COUNT, pattern: undefined, type: undefined }
  for (let i = first; i < argv.length; i += 2) {
    const word = option(argv[i])
    if (i + 1 === argv.length) throw replyErrors.syntax()
    const value = argv[i + 1]
    if (word === 'COUNT') {
      options.count = int64(value)
      if (options.count < 1) throw replyErrors.syntax()
    } else if (word === 'MATCH') options.pattern = text(value)
    else if (word === 'TYPE' && first === 2) options.type = text(value).toLowerCase()
    else throw replyErrors.syntax()
  }
  return options
}

function isOfType(ctx: Context, key: string, type: string): boolean {
  return lookupUntouched(ctx, key) !== undefined && ctx.db.typeOf(key) === type
}

function randomkey(ctx: Context): void {
  ctx.reply.bulk(ctx.db.randomKey() ?? null)
}

export const scans: readonly Command[] = [
  command({
    name: 'KEYS',
    arity: 2,
    flags: 'readonly',
    group: 'generic',
    since: '1.0.0',
    summary: 'All keys that match a pattern.',
    complexity: 'O(N) for N keys in the keyspace',
    syntax: 'pattern',
    run: keys,
  }),
  command({
    name: 'SCAN',
    arity: -2,
    flags: 'readonly touches_arbitrary_keys',
    group: 'generic',
    since: '2.8.0',
    summary: 'Some of the keys, and where to go on for the next ones.',
    complexity: 'O(1) for a call, O(N) for a walk over N keys',
    syntax: 'cursor [MATCH pattern] [COUNT count] [TYPE type]',
    run: scan,
  }),
  command({
    name: 'RANDOMKEY',
    arity: 1,
    flags: 'readonly touches_arbitrary_keys',
    group: 'generic',
    since: '1.0.0',
    summary: 'Some key, chosen at random.',
    complexity: 'O(1)',
    syntax: '',
    run: randomkey,
  }),
]
