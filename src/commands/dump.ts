// DUMP and RESTORE: a key's value as a string of bytes, the same that real servers make and take.

import { type Arg, argOfLatin1, latin1OfArg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { KeyUse } from '../keyspace/recency.js'
import { dumpValue, payloadVersion, restoreValue } from '../rdb/payload.js'
import { type Command, type Context, command, option, text } from './command.js'
import { isDue, timeAfter, timeArg } from './expire.js'
import { int64 } from './int64.js'
import { lookupRead, setAnew } from './lookup.js'

/** What Redis 7.0 reads, so that a replica of that version can be sent the client's own bytes. */
const MAX_COMMON_VERSION = 10
const MAX_FREQUENCY = 255

function dump(ctx: Context, argv: Arg[]): void {
  const value = lookupRead(ctx, text(argv[1]))
  if (value === undefined) ctx.reply.null()
  else ctx.reply.bytes(dumpValue(value))
}

function optionsOf(argv: readonly Arg[]): { replace: boolean; absolute: boolean; use: KeyUse | null } {
  let replace = false
  let absolute = false
  let idleSeconds: number | undefined
  let frequency: number | undefined
  for (let i = 4; i < argv.length; i++) {
    const word = option(argv[i])
    const hasValue = i + 1 < argv.length
    if (word === 'REPLACE') replace = true
    else if (word === 'ABSTTL') absolute = true
    else if (word === 'IDLETIME' && hasValue && frequency === undefined) {
      idleSeconds = Number(int64(argv[++i]))
      if (idleSeconds < 0) throw new ReplyError('ERR Invalid IDLETIME value, must be >= 0')
    } else if (word === 'FREQ' && hasValue && idleSeconds === undefined) {
      frequency = Number(int64(argv[++i]))
      if (frequency < 0 || frequency > MAX_FREQUENCY)
        throw new ReplyError('ERR Invalid FREQ value, must be >= 0 and <= 255')
    } else throw replyErrors.syntax()
  }
  const isTold = idleSeconds !== undefined || frequency !== undefined
  return { replace, absolute, use: isTold ? { idleSeconds, frequency } : null }
}

function restore(ctx: Context, argv: Arg[]): void {
  const { db } = ctx
  const { replace, absolute, use } = optionsOf(argv)
  const key = text(argv[1])
  if (!replace && db.has(key)) throw new ReplyError('BUSYKEY Target key name already exists.')
  const ttl = int64(argv[2])
  if (ttl < 0) throw new ReplyError('ERR Invalid TTL value, must be >= 0')
  const payload = Buffer.from(latin1OfArg(argv[3]), 'latin1')
  const version = payloadVersion(payload)
  if (version === undefined) throw new ReplyError('ERR DUMP payload version or checksum are wrong')
  const value = restoreValue(payload, version)
  if (value === undefined) throw new ReplyError('ERR Bad data format')

  const expiresAt = ttl > 0 ? timeAfter(absolute ? 0 : ctx.now, ttl, 1) : null
  if (expiresAt === undefined) throw replyErrors.invalidExpire('restore')
  if (expiresAt !== null && isDue(ctx, expiresAt)) {
    if (replace && db.has(key) && db.delete(key)) {
      ctx.changed()
      ctx.effect(ctx.server.config.flag('lazyfree-lazy-server-del') ? 'UNLINK' : 'DEL', key)
      ctx.notify('g', 'del', key)
    }
    ctx.reply.ok()
    return
  }
  setAnew(ctx, db, key, value, expiresAt)
  if (use !== null) ctx.server.dataset.askForUse(use.idleSeconds === undefined ? 'frequency' : 'idleSeconds')
  db.recency?.place(key)
  if (use !== null) db.recency?.assign(key, use)
  ctx.changed()
  const isCommon = version <= MAX_COMMON_VERSION
  if (!isCommon || (expiresAt !== null && !absolute)) {
    const bytes = isCommon ? argv[3] : argOfLatin1(dumpValue(value))
    const time = expiresAt === null ? '0' : timeArg(expiresAt)
    const isMarked = expiresAt === null || absolute
    ctx.effect(argv[0], argv[1], time, bytes, ...argv.slice(4), ...(isMarked ? [] : ['ABSTTL']))
  }
  ctx.notify('g', 'restore', key)
  ctx.reply.ok()
}

const restoring = {
  arity: -4,
  keys: '1 1 1',
  complexity: 'O(N) for a value of N elements; O(N*log(N)) for a sorted set',
  syntax: 'key ttl:integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]',
  run: restore,
} as const

export const dumpCommands: readonly Command[] = [
  command({
    name: 'DUMP',
    arity: 2,
    flags: 'readonly',
    keys: '1 1 1',
    group: 'generic',
    since: '2.6.0',
    summary: 'A value as bytes that RESTORE takes, here and on a real server.',
    complexity: 'O(N) for a value of N elements',
    syntax: 'key',
    run: dump,
  }),
  command({
    ...restoring,
    name: 'RESTORE',
    flags: 'write denyoom',
    group: 'generic',
    since: '2.6.0',
    summary: 'Creates a key from bytes that DUMP gave.',
  }),
  command({
    ...restoring,
    name: 'RESTORE-ASKING',
    flags: 'write denyoom asking',
    group: 'server',
    since: '3.0.0',
    summary: 'RESTORE, as the nodes of a cluster send it to one another.',
  }),
]
