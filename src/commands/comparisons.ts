// Strings compared with what a client believes them to be, by value or by digest: SET's IFEQ and its kin, DELEX, DIGEST, as
// Redis 8.6 has them. Replicas get the outcome, SET or DEL, which servers of any version know.

import { type Arg, latin1OfArg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { isString } from '../keyspace/keyspace.js'
import { type Command, type Context, command, option, text } from './command.js'
import { lookupRead, readString, shownBytes } from './lookup.js'
import { xxh3Hex } from './xxh3.js'

export interface Comparison {
  word: 'IFEQ' | 'IFNE' | 'IFDEQ' | 'IFDNE'
  operand: Arg
}

const DIGEST_DIGITS = 16

/** Whether the comparison holds. A missing string is equal to nothing. Throws when a digest has not its sixteen digits. */
export function holds({ word, operand }: Comparison, value: Arg | undefined): boolean {
  const wantsEqual = word === 'IFEQ' || word === 'IFDEQ'
  if (value === undefined) return !wantsEqual
  if (word === 'IFEQ' || word === 'IFNE') return (shownBytes(value) === latin1OfArg(operand)) === wantsEqual
  const digest = latin1OfArg(operand)
  if (digest.length !== DIGEST_DIGITS)
    throw new ReplyError(`ERR must be exactly ${DIGEST_DIGITS} hexadecimal characters`)
  return (xxh3Hex(shownBytes(value)) === digest.toLowerCase()) === wantsEqual
}

/** Replicas get the outcome. */
function remove(ctx: Context, key: string): void {
  ctx.db.delete(key)
  ctx.changed()
  ctx.effect('DEL', key)
  ctx.notify('g', 'del', key)
}

function delex(ctx: Context, argv: Arg[]): void {
  if (argv.length !== 2 && argv.length !== 4) throw replyErrors.arity('delex')
  const key = text(argv[1])
  const value = lookupRead(ctx, key)
  const isDeleted = value !== undefined && (argv.length === 2 || mayDelete(value, argv))
  if (isDeleted) remove(ctx, key)
  ctx.reply.integer(isDeleted ? 1 : 0)
}

/** Valkey 9's form of DELEX key IFEQ value. */
function delifeq(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  const value = readString(ctx, key)
  const isDeleted = value !== undefined && holds({ word: 'IFEQ', operand: argv[2] }, value)
  if (isDeleted) remove(ctx, key)
  ctx.reply.integer(isDeleted ? 1 : 0)
}

function mayDelete(value: Parameters<typeof isString>[0], argv: readonly Arg[]): boolean {
  if (!isString(value)) throw new ReplyError('ERR Key should be of string type if conditions are specified')
  const word = option(argv[2])
  if (word !== 'IFEQ' && word !== 'IFNE' && word !== 'IFDEQ' && word !== 'IFDNE')
    throw new ReplyError('ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE')
  return holds({ word, operand: argv[3] }, value)
}

function digest(ctx: Context, argv: Arg[]): void {
  const value = readString(ctx, text(argv[1]))
  ctx.reply.bulk(value === undefined ? null : xxh3Hex(shownBytes(value)))
}

const one = { group: 'string', keys: '1 1 1', since: '8.4.0' } as const
const byDigest = 'O(N) for a value of N bytes'

export const comparisons: readonly Command[] = [
  command({
    ...one,
    name: 'DELEX',
    arity: -2,
    flags: 'write fast',
    summary: 'Deletes a key if its value, or the digest of it, is what the client believes it to be.',
    complexity: `O(1); with a digest ${byDigest}`,
    syntax: 'key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]',
    run: delex,
  }),
  command({
    ...one,
    name: 'DELIFEQ',
    arity: 3,
    flags: 'write fast',
    summary: 'Deletes a string key if its value is what the client believes it to be.',
    complexity: 'O(1)',
    syntax: 'key value',
    run: delifeq,
  }),
  command({
    ...one,
    name: 'DIGEST',
    arity: 2,
    flags: 'readonly fast',
    summary: 'The XXH3 hash of a value, as sixteen hexadecimal digits.',
    complexity: byDigest,
    syntax: 'key',
    run: digest,
  }),
]
