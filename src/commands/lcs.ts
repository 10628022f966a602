// LCS: the longest common subsequence of two strings, by the table that Redis 7.0 builds and walks: where several
// subsequences are longest, the answer is the same one.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { isString, type Value } from '../keyspace/keyspace.js'
import { type Context, command, option, text } from './command.js'
import { type Int64, int64 } from './int64.js'
import { lookupRead, shownBytes } from './lookup.js'

interface Options {
  wantsLength: boolean
  wantsMatches: boolean
  withMatchLength: boolean
  minMatchLength: Int64
}

/** A run of bytes that both strings have: first and last index in each. */
interface Match {
  aStart: number
  aEnd: number
  bStart: number
  bEnd: number
}

function run(ctx: Context, argv: Arg[]): void {
  const values = [argv[1], argv[2]].map((key) => lookupRead(ctx, text(key)))
  const [a, b] = values.map(bytesOf)
  const options = optionsOf(argv)
  const table = tableOf(a, b, ctx.server.config.number('proto-max-bulk-len'))
  const length = table[table.length - 1]
  if (options.wantsMatches) replyMatches(ctx, options, matchesOf(table, a, b), length)
  else if (options.wantsLength) ctx.reply.integer(length)
  else {
    const matches = matchesOf(table, a, b).reverse()
    ctx.reply.bytes(matches.map(({ aStart, aEnd }) => a.slice(aStart, aEnd + 1)).join(''))
  }
}

function bytesOf(value: Value | undefined): string {
  if (value !== undefined && !isString(value)) {
    throw new ReplyError('ERR The specified keys must contain string values')
  }
  return value === undefined ? '' : shownBytes(value)
}

function optionsOf(argv: readonly Arg[]): Options {
  const options: Options = { wantsLength: false, wantsMatches: false, withMatchLength: false, minMatchLength: 0 }
  for (let i = 3; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'IDX') options.wantsMatches = true
    else if (word === 'LEN') options.wantsLength = true
    else if (word === 'WITHMATCHLEN') options.withMatchLength = true
    else if (word === 'MINMATCHLEN' && i + 1 < argv.length) options.minMatchLength = int64(argv[++i])
    else throw replyErrors.syntax()
  }
  if (options.wantsMatches && options.wantsLength)
    throw new ReplyError('ERR If you want both the length and indexes, please just use IDX.')
  return options
}

/** Row i, column j: the length of the longest common subsequence of a's first i and b's first j bytes. */
function tableOf(a: string, b: string, limitBytes: number): Uint32Array {
  const width = b.length + 1
  const size = (a.length + 1) * width
  if (size * Uint32Array.BYTES_PER_ELEMENT > limitBytes)
    throw new ReplyError('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len')
  const table = new Uint32Array(size)
  for (let i = 1; i <= a.length; i++) {
    const unit = a.charCodeAt(i - 1)
    const row = i * width
    for (let j = 1; j <= b.length; j++) {
      const at = row + j
      table[at] = unit === b.charCodeAt(j - 1) ? table[at - width - 1] + 1 : Math.max(table[at - width], table[at - 1])
    }
  }
  return table
}

/** The runs of one longest common subsequence, last one first, as Redis walks them: on a tie it goes back in b. */
function matchesOf(table: Uint32Array, a: string, b: string): Match[] {
  const width = b.length + 1
  const matches: Match[] = []
  let open: Match | undefined
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    if (a.charCodeAt(i - 1) === b.charCodeAt(j - 1)) {
      i--
      j--
      if (open === undefined) matches.push((open = { aStart: i, aEnd: i, bStart: j, bEnd: j }))
      open.aStart = i
      open.bStart = j
    } else {
      open = undefined
      if (table[(i - 1) * width + j] > table[i * width + j - 1]) i--
      else j--
    }
  }
  return matches
}

function replyMatches(ctx: Context, options: Options, matches: readonly Match[], length: number): void {
  const { reply } = ctx
  const shown = matches.filter(({ aStart, aEnd }) => aEnd - aStart + 1 >= options.minMatchLength)
  reply.map(2)
  reply.bulk('matches')
  reply.array(shown.length)
  for (const { aStart, aEnd, bStart, bEnd } of shown) {
    reply.array(options.withMatchLength ? 3 : 2)
    reply.array(2)
    reply.integer(aStart)
    reply.integer(aEnd)
    reply.array(2)
    reply.integer(bStart)
    reply.integer(bEnd)
    if (options.withMatchLength) reply.integer(aEnd - aStart + 1)
  }
  reply.bulk('len')
  reply.integer(length)
}

export const lcs = command({
  name: 'LCS',
  arity: -3,
  flags: 'readonly',
  keys: '1 2 1',
  group: 'string',
  since: '7.0.0',
  summary: 'The longest sequence of bytes that two values have in common, gaps allowed.',
  complexity: 'O(N*M) for values of N and M bytes',
  syntax: 'key1 key2 [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]',
  run,
})
