// How commands find keys, with the hits and misses that INFO counts where Redis' lookupKeyRead counts them, and how they
// read and replace string values. Knows no single command.

import { type Arg, latin1OfArg } from '../bytes.js'
import { isTagged, shownValue } from '../codec.js'
import { replyErrors } from '../errors.js'
import type { Collection } from '../keyspace/collection.js'
import { isString, type Keyspace, type Value } from '../keyspace/keyspace.js'
import type { Context } from './command.js'

/** The value for a reader: counts a hit or a miss, and as a use of the key. */
export function lookupRead(ctx: Context, key: string): Value | undefined {
  return counted(ctx, key, ctx.db.get(key))
}

/** The same for one who only looks: no use of the key (Redis' LOOKUP_NOTOUCH). */
export function lookupUntouched(ctx: Context, key: string): Value | undefined {
  return counted(ctx, key, ctx.db.peek(key))
}

/** The same, and a miss is no event (Redis' LOOKUP_NONOTIFY). */
export function lookupUnnoticed(ctx: Context, key: string): Value | undefined {
  return counted(ctx, key, ctx.db.peek(key), true)
}

function counted(ctx: Context, key: string, value: Value | undefined, isUnnoticed = false): Value | undefined {
  const { stats } = ctx.server
  if (value !== undefined) stats.hits++
  else {
    stats.misses++
    if (!isUnnoticed) ctx.notify('m', 'keymiss', key)
  }
  return value
}

/** A string's value for a reader. Throws WRONGTYPE. */
export function readString(ctx: Context, key: string): Arg | undefined {
  const value = lookupRead(ctx, key)
  if (value === undefined || isString(value)) return value
  throw replyErrors.wrongType()
}

/** A string's value for one who is about to change it: neither hit nor miss. Throws WRONGTYPE. */
export function writeString(ctx: Context, key: string): Arg | undefined {
  const value = ctx.db.get(key)
  if (value === undefined || isString(value)) return value
  throw replyErrors.wrongType()
}

type Kind<T extends Collection> = new (...args: never[]) => T

/** The collection of this kind at a key, for a reader: `readAs(ctx, key, Hash)`. Throws WRONGTYPE. */
export function readAs<T extends Collection>(ctx: Context, key: string, kind: Kind<T>): T | undefined {
  return ofKind(lookupRead(ctx, key), kind)
}

/**
 * The same for one who is about to change it: neither hit nor miss. Before the change comes `ctx.db.willChange(key)`, and
 * after it `ctx.db.didChange(key, it)`; a new one is filled and then `ctx.db.set`.
 */
export function writeAs<T extends Collection>(ctx: Context, key: string, kind: Kind<T>): T | undefined {
  return ofKind(ctx.db.get(key), kind)
}

/** Before a key is set that nobody has looked at: what is past its time there goes first, as it would for a reader. */
export function dropExpired({ db }: Context, key: string): void {
  if (db.expiry.size > 0 && db.holdsExpired(key)) db.has(key)
}

/** Sets a key as Redis does where it deletes first what was there: whatever comes is a new key. */
export function setAnew(ctx: Context, db: Keyspace, key: string, value: Value, expiresAt: number | null): void {
  const isTaken = db.holdsExpired(key) || db.has(key)
  db.set(key, value, expiresAt)
  if (!isTaken) return
  ctx.server.notify('n', 'new', key, db.index)
  ctx.server.blocking.signal(db.index, key)
}

function ofKind<T extends Collection>(value: Value | undefined, kind: Kind<T>): T | undefined {
  if (value === undefined || value instanceof kind) return value
  throw replyErrors.wrongType()
}

/** The bytes that a client sees of a value, one a character. */
export function shownBytes(value: Arg): string {
  return latin1OfArg(shownValue(value))
}

/** Replies with a value as a client should see it, or null. */
export function replyShown(ctx: Context, value: Arg | undefined): void {
  if (value === undefined) ctx.reply.bulk(null)
  else ctx.reply.bulk(typeof value === 'string' ? value : shownValue(value))
}

/** How many bytes a client sees of a value. */
export function shownLength(value: Arg): number {
  if (typeof value === 'string' && value.isWellFormed()) return Buffer.byteLength(value)
  return shownBytes(value).length
}

/** Puts a new value in a key's place; the key's time stays. `before` is what `writeString` found. */
export function replaceString(ctx: Context, key: string, before: Arg | undefined, after: Arg): void {
  if (before === undefined) ctx.db.set(key, after)
  else ctx.db.replace(key, after)
  ctx.changed()
}

/**
 * The same for a command that worked on the value as it is shown. Replicas that know nothing of tags could not do that to
 * a tagged value: they get the result.
 */
export function replaceShown(ctx: Context, key: string, before: Arg | undefined, after: Arg): void {
  replaceString(ctx, key, before, after)
  if (before !== undefined && isTagged(before)) ctx.effect('SET', key, after, 'KEEPTTL')
}
