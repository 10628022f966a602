// Keys, whatever they hold: deleting, renaming, copying, looking. Times are in expire.ts, walking over all keys in
// scan.ts, OBJECT in object.ts.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { frozen, type Keyspace } from '../keyspace/keyspace.js'
import { type Command, type Context, command, INT32_MAX, INT32_MIN, integerBetween, option, text } from './command.js'
import { expiry } from './expire.js'
import { lookupRead, lookupUntouched, setAnew } from './lookup.js'
import { object } from './object.js'
import { scans } from './scan.js'

function del(ctx: Context, argv: Arg[]): void {
  let deleted = 0
  for (let i = 1; i < argv.length; i++) {
    const key = text(argv[i])
    // Asked first: a key past its time is not deleted by us, but was gone before.
    if (!ctx.db.has(key) || !ctx.db.delete(key)) continue
    deleted++
    ctx.notify('g', 'del', key)
  }
  if (deleted > 0) ctx.changed(deleted)
  ctx.reply.integer(deleted)
}

function exists(ctx: Context, argv: Arg[]): void {
  let count = 0
  for (let i = 1; i < argv.length; i++) if (lookupUntouched(ctx, text(argv[i])) !== undefined) count++
  ctx.reply.integer(count)
}

function touch(ctx: Context, argv: Arg[]): void {
  let count = 0
  for (let i = 1; i < argv.length; i++) if (lookupRead(ctx, text(argv[i])) !== undefined) count++
  ctx.reply.integer(count)
}

function type(ctx: Context, argv: Arg[]): void {
  const key = text(argv[1])
  lookupUntouched(ctx, key)
  ctx.reply.status(ctx.db.typeOf(key))
}

/** Renames; false when `ifFree` and there is such a key already. */
function moveName(ctx: Context, key: string, newKey: string, ifFree: boolean): boolean {
  const { db } = ctx
  const value = db.get(key)
  if (value === undefined) throw replyErrors.noSuchKey()
  if (key === newKey) return !ifFree
  const isTaken = db.has(newKey)
  if (isTaken && ifFree) {
    db.recency?.touch(newKey)
    return false
  }
  setAnew(ctx, db, newKey, value, db.expiresAt(key) ?? null)
  db.recency?.place(newKey, db.recency.look(key))
  db.delete(key)
  ctx.changed()
  ctx.notify('g', 'rename_from', key)
  ctx.notify('g', 'rename_to', newKey)
  return true
}

function rename(ctx: Context, argv: Arg[]): void {
  moveName(ctx, text(argv[1]), text(argv[2]), false)
  ctx.reply.ok()
}

function renamenx(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(moveName(ctx, text(argv[1]), text(argv[2]), true) ? 1 : 0)
}

function keyspaceOf(ctx: Context, arg: Arg): Keyspace {
  const keyspace = ctx.server.dataset.keyspaces[integerBetween(arg, INT32_MIN, INT32_MAX)]
  if (keyspace === undefined) throw replyErrors.dbIndex()
  return keyspace
}

function sameObject(): ReplyError {
  return new ReplyError('ERR source and destination objects are the same')
}

function copy(ctx: Context, argv: Arg[]): void {
  let target = ctx.db
  let replace = false
  for (let i = 3; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'REPLACE') replace = true
    else if (word === 'DB' && i + 1 < argv.length) target = keyspaceOf(ctx, argv[++i])
    else throw replyErrors.syntax()
  }
  const key = text(argv[1])
  const newKey = text(argv[2])
  if (target === ctx.db && key === newKey) throw sameObject()
  const value = lookupRead(ctx, key)
  const isTaken = target.has(newKey)
  const isCopied = value !== undefined && (!isTaken || replace)
  if (isCopied) {
    setAnew(ctx, target, newKey, frozen(value), ctx.db.expiresAt(key) ?? null)
    target.recency?.place(newKey)
    ctx.changed()
    ctx.server.notify('g', 'copy_to', newKey, target.index)
  } else if (value !== undefined) target.recency?.touch(newKey)
  ctx.reply.integer(isCopied ? 1 : 0)
}

function move(ctx: Context, argv: Arg[]): void {
  const { db } = ctx
  const target = keyspaceOf(ctx, argv[2])
  if (target === db) throw sameObject()
  const key = text(argv[1])
  const value = db.get(key)
  const isMoved = value !== undefined && !target.has(key)
  if (isMoved) {
    target.set(key, value, db.expiresAt(key) ?? null)
    if (db.recency !== null) target.recency?.place(key, db.recency.look(key))
    db.delete(key)
    ctx.changed()
    ctx.notify('g', 'move_from', key)
    ctx.server.notify('g', 'move_to', key, target.index)
  }
  ctx.reply.integer(isMoved ? 1 : 0)
}

const several = { group: 'generic', arity: -2, keys: '1 -1 1', complexity: 'O(N) for N keys' } as const
const two = { group: 'generic', keys: '1 2 1', complexity: 'O(1)' } as const

const single: readonly Command[] = [
  command({
    ...several,
    name: 'DEL',
    flags: 'write',
    since: '1.0.0',
    summary: 'Deletes keys.',
    syntax: 'key [key ...]',
    run: del,
  }),
  command({
    ...several,
    name: 'UNLINK',
    flags: 'write fast',
    since: '4.0.0',
    summary: 'Deletes keys; the memory is given back later.',
    syntax: 'key [key ...]',
    run: del,
  }),
  command({
    ...several,
    name: 'EXISTS',
    flags: 'readonly fast',
    since: '1.0.0',
    summary: 'How many of the keys are there; one that is named twice counts twice.',
    syntax: 'key [key ...]',
    run: exists,
  }),
  command({
    ...several,
    name: 'TOUCH',
    flags: 'readonly fast',
    since: '3.2.1',
    summary: 'Counts as a use of the keys; how many of them are there.',
    syntax: 'key [key ...]',
    run: touch,
  }),
  command({
    name: 'TYPE',
    arity: 2,
    flags: 'readonly fast',
    keys: '1 1 1',
    group: 'generic',
    since: '1.0.0',
    summary: 'What kind of value a key has.',
    complexity: 'O(1)',
    syntax: 'key',
    run: type,
  }),
  command({
    ...two,
    name: 'RENAME',
    arity: 3,
    flags: 'write',
    since: '1.0.0',
    summary: 'Gives a key another name, whether that is taken or not.',
    syntax: 'key newkey',
    run: rename,
  }),
  command({
    ...two,
    name: 'RENAMENX',
    arity: 3,
    flags: 'write fast',
    since: '1.0.0',
    summary: 'Gives a key another name, if that is free.',
    syntax: 'key newkey',
    run: renamenx,
  }),
  command({
    ...two,
    name: 'COPY',
    arity: -3,
    flags: 'write denyoom',
    since: '6.2.0',
    summary: 'Copies a value and its time to another key.',
    complexity: 'O(N) for a value of N members, O(1) for a string',
    syntax: 'source destination [DB destination-db] [REPLACE]',
    run: copy,
  }),
  command({
    name: 'MOVE',
    arity: 3,
    flags: 'write fast',
    keys: '1 1 1',
    group: 'generic',
    since: '1.0.0',
    summary: 'Moves a key to another numbered keyspace.',
    complexity: 'O(1)',
    syntax: 'key db',
    run: move,
  }),
]

export const keyCommands: readonly Command[] = [...single, ...expiry, ...scans, object]
