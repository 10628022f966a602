// XCLAIM and XAUTOCLAIM: pending entries pass from one consumer to another. XNACK: they are given back, for whoever asks.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { formatId, MIN_ID, type Pending, type StreamEntry, type StreamId } from '../keyspace/stream.js'
import { compareIds, idAfter, parseId, plus64, type Uint64, uint64 } from '../keyspace/stream-id.js'
import { quoteArg } from '../protocol/writer.js'
import { type Command, type Context, command, option, parseInteger, text } from './command.js'
import { lookupRead } from './lookup.js'
import {
  didChangeGroup,
  type GroupOfKey,
  groupIn,
  idArg,
  integerOr,
  readGroup,
  replyEntry,
  replyId,
  startArg,
  streamErrors,
} from './stream-args.js'
import { claimEffect, setIdEffect } from './stream-reads.js'

const group = 'stream'
/** XAUTOCLAIM looks at so many pending entries for each one that it may claim. */
const LOOKS_PER_CLAIM = 10
const DEFAULT_COUNT = 100
const MAX_COUNT = 2n ** 59n - 1n
/** Of what was given back as hopeless. It is not counted up from there (Redis 7.0 goes on below zero). */
const MOST_DELIVERIES = uint64(2n ** 63n - 1n)
const MAX_IDS = 2n ** 31n - 1n

/** One run of either command: who claims, and what it came to. */
class Claim {
  readonly #ctx: Context
  readonly #key: string
  readonly #name: string
  readonly #of: GroupOfKey
  readonly #justIds: boolean
  readonly #claimed: (StreamEntry | StreamId)[] = []
  /** Effects that were named, each of which tells replicas the group's last id. */
  effects = 0

  constructor(ctx: Context, of: GroupOfKey, key: Arg, consumer: Arg, justIds: boolean) {
    this.#ctx = ctx
    this.#of = of
    this.#key = text(key)
    this.#name = text(consumer)
    this.#justIds = justIds
  }

  /** The entry goes to the consumer. `deliveries`: unless it is counted up. */
  take(id: StreamId, idText: string, deliveredAt: number, deliveries?: Uint64): void {
    const { group } = this.#of
    let consumer = group.consumers.get(this.#name)
    if (consumer === undefined) {
      consumer = group.createConsumer(this.#name, this.#ctx.now)!
      this.#ctx.notify('t', 'xgroup-createconsumer', this.#key)
    }
    consumer.seenAt = this.#ctx.now
    consumer.activeAt = this.#ctx.now
    // An entry that nobody had (FORCE) begins with one delivery, which is counted up like the others.
    const before = group.pending.get(id)
    const times = before?.deliveries ?? 1
    const isHopeless = before?.consumer === null && times === MOST_DELIVERIES
    const counted = this.#justIds || isHopeless ? times : plus64(times, 1)
    group.assign(id, consumer, deliveredAt, deliveries ?? counted)
    this.#claimed.push(this.#justIds ? id : this.#of.stream.get(id)!)
    this.#tell(id, idText)
  }

  /** The entry itself is gone: it is pending no more. A replica finds the same when it is told to claim it. */
  drop(id: StreamId, idText: string): void {
    const { group } = this.#of
    if (group.pending.get(id)!.consumer !== null) this.#tell(id, idText)
    else {
      this.#ctx.effect('XACK', this.#key, group.name, idText)
      this.effects++
    }
    group.acknowledge(id)
  }

  /** Something was changed, or nothing. */
  finish(): void {
    if (this.effects === 0) return
    didChangeGroup(this.#ctx, this.#key, this.#of.stream)
    this.#ctx.changed(this.effects)
  }

  reply(): void {
    const { reply } = this.#ctx
    reply.array(this.#claimed.length)
    for (const one of this.#claimed) {
      if ('fields' in one) replyEntry(reply, one)
      else replyId(reply, one)
    }
  }

  #tell(id: StreamId, idText: string): void {
    claimEffect(this.#ctx, this.#key, this.#of.group, id, idText)
    this.effects++
  }
}

interface ClaimOptions {
  force: boolean
  justIds: boolean
  /** ms since 1970. */
  deliveredAt: number
  deliveries?: Uint64
  lastId: StreamId
}

/** XCLAIM's options, behind the ids. */
function claimOptions({ now }: Context, argv: readonly Arg[], first: number): ClaimOptions {
  const options: ClaimOptions = { force: false, justIds: false, deliveredAt: now, lastId: MIN_ID }
  for (let i = first; i < argv.length; i++) {
    const word = option(argv[i])
    const isLast = i + 1 === argv.length
    if (word === 'FORCE') options.force = true
    else if (word === 'JUSTID') options.justIds = true
    else if (word === 'IDLE' && !isLast) options.deliveredAt = now - timeArg(argv[++i], 'IDLE')
    else if (word === 'TIME' && !isLast) options.deliveredAt = timeArg(argv[++i], 'TIME')
    else if (word === 'RETRYCOUNT' && !isLast) {
      const value = parseInteger(argv[++i])
      if (value === undefined) throw new ReplyError('ERR Invalid RETRYCOUNT option argument for XCLAIM')
      if (value >= 0n) options.deliveries = uint64(value)
      else delete options.deliveries
    } else if (word === 'LASTID' && !isLast) options.lastId = idArg(argv[++i])
    else {
      throw new ReplyError(`ERR Unrecognized XCLAIM option '${quoteArg(argv[i], Number.POSITIVE_INFINITY)}'`)
    }
  }
  if (options.deliveredAt < 0 || options.deliveredAt > now) options.deliveredAt = now
  return options
}

function timeArg(arg: Arg, name: string): number {
  return integerOr(arg, `ERR Invalid ${name} option argument for XCLAIM`)
}

function minIdleArg(arg: Arg, name: string): number {
  return Math.max(0, integerOr(arg, `ERR Invalid min-idle-time argument for ${name}`))
}

function isIdle({ now }: Context, pending: Pending, minIdleMs: number): boolean {
  return pending.consumer === null || minIdleMs === 0 || now - pending.deliveredAt >= minIdleMs
}

function xclaim(ctx: Context, argv: Arg[]): void {
  const of = readGroup(ctx, argv[1], argv[2])
  if (of === undefined) throw streamErrors.noKeyOrGroup(argv[1], argv[2])
  const { stream, group } = of
  const minIdleMs = minIdleArg(argv[4], 'XCLAIM')
  const ids: StreamId[] = []
  for (let i = 5; i < argv.length; i++) {
    const id = parseId(text(argv[i]), 0)
    if (id === undefined) break
    ids.push(id)
  }
  const { force, justIds, deliveredAt, deliveries, lastId } = claimOptions(ctx, argv, 5 + ids.length)
  const key = text(argv[1])
  ctx.db.willChange(key)
  const claim = new Claim(ctx, of, argv[1], argv[3], justIds)
  const movesOn = compareIds(lastId, group.lastId) > 0
  if (movesOn) group.lastId = lastId
  for (const [i, id] of ids.entries()) {
    const pending = group.pending.get(id)
    const idText = text(argv[5 + i])
    if (!stream.has(id)) {
      if (pending !== undefined) claim.drop(id, idText)
    } else if (pending === undefined ? force : isIdle(ctx, pending, minIdleMs)) {
      claim.take(id, idText, deliveredAt, deliveries)
    }
  }
  if (movesOn && claim.effects === 0) {
    setIdEffect(ctx, key, group)
    claim.effects++
  }
  claim.finish()
  claim.reply()
}

function xautoclaim(ctx: Context, argv: Arg[]): void {
  // Redis looks before it reads the arguments, and counts that.
  const value = lookupRead(ctx, text(argv[1]))
  const minIdleMs = minIdleArg(argv[4], 'XAUTOCLAIM')
  const start = startArg(argv[5])
  let count = DEFAULT_COUNT
  let justIds = false
  for (let i = 6; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'COUNT' && i + 1 < argv.length) count = countArg(argv[++i])
    else if (word === 'JUSTID') justIds = true
    else throw replyErrors.syntax()
  }
  const of = groupIn(value, argv[2])
  if (of === undefined) throw streamErrors.noKeyOrGroup(argv[1], argv[2])
  const { stream, group } = of
  ctx.db.willChange(text(argv[1]))
  const claim = new Claim(ctx, of, argv[1], argv[3], justIds)
  const gone: StreamId[] = []
  let pending = group.pending.ceiling(start)
  for (let looks = count * LOOKS_PER_CLAIM; looks > 0 && count > 0 && pending !== undefined; looks--) {
    const { id } = pending
    if (!stream.has(id)) {
      claim.drop(id, formatId(id))
      gone.push(id)
      count--
    } else if (isIdle(ctx, pending, minIdleMs)) {
      claim.take(id, formatId(id), ctx.now)
      count--
    }
    const next = idAfter(id)
    pending = next === undefined ? undefined : group.pending.ceiling(next)
  }
  claim.finish()
  ctx.reply.array(3)
  replyId(ctx.reply, pending?.id ?? MIN_ID)
  claim.reply()
  ctx.reply.array(gone.length)
  for (const id of gone) replyId(ctx.reply, id)
}

type Mode = 'SILENT' | 'FAIL' | 'FATAL'

interface NackOptions {
  ids: StreamId[]
  force: boolean
  deliveries?: Uint64
}

function nackOptions(argv: readonly Arg[]): NackOptions {
  let ids: readonly Arg[] | undefined
  let force = false
  let deliveries: Uint64 | undefined
  for (let i = 4; i < argv.length; i++) {
    const word = option(argv[i])
    const isLast = i + 1 === argv.length
    if (word === 'IDS' && !isLast) {
      const count = parseInteger(argv[++i])
      if (count === undefined || count < 1n || count > MAX_IDS)
        throw new ReplyError('ERR numids must be a positive integer')
      ids = argv.slice(i + 1, i + 1 + Number(count))
      if (ids.length < count) throw new ReplyError("ERR number of IDs doesn't match numids")
      i += ids.length
    } else if (word === 'FORCE') force = true
    else if (word === 'RETRYCOUNT' && !isLast) {
      const value = parseInteger(argv[++i])
      if (value === undefined) throw replyErrors.notInteger()
      if (value < 0n) throw new ReplyError('ERR Invalid RETRYCOUNT value, must be >= 0')
      deliveries = uint64(value)
    } else throw new ReplyError(`ERR Unrecognized XNACK option '${quoteArg(argv[i], Number.POSITIVE_INFINITY)}'`)
  }
  if (ids === undefined) throw new ReplyError('ERR syntax error, expected IDS keyword')
  return { ids: ids.map((id) => idArg(id)), force, deliveries }
}

function deliveriesAfter(mode: Mode, before: Uint64): Uint64 {
  if (mode === 'FATAL') return MOST_DELIVERIES
  return mode === 'FAIL' || before === 0 ? before : plus64(before, -1)
}

function xnack(ctx: Context, argv: Arg[]): void {
  const of = readGroup(ctx, argv[1], argv[2])
  if (of === undefined) throw streamErrors.noKeyOrGroup(argv[1], argv[2])
  const mode = option(argv[3])
  if (mode !== 'SILENT' && mode !== 'FAIL' && mode !== 'FATAL')
    throw new ReplyError('ERR mode must be SILENT, FAIL, or FATAL')
  const { ids, force, deliveries } = nackOptions(argv)
  const { stream, group } = of
  const key = text(argv[1])
  ctx.db.willChange(key)
  let count = 0
  for (const id of ids) {
    const pending = group.pending.get(id)
    if (pending === undefined && !(force && stream.has(id))) continue
    group.release(id, deliveries ?? deliveriesAfter(mode, pending?.deliveries ?? 0))
    count++
  }
  if (count > 0) {
    didChangeGroup(ctx, key, stream)
    ctx.changed(count)
  }
  ctx.reply.integer(count)
}

function countArg(arg: Arg): number {
  const count = parseInteger(arg)
  if (count === undefined || count < 1n || count > MAX_COUNT) throw new ReplyError('ERR COUNT must be > 0')
  return Number(count)
}

export const streamClaims: readonly Command[] = [
  command({
    name: 'XCLAIM',
    arity: -6,
    flags: 'write fast',
    keys: '1 1 1',
    group,
    since: '5.0.0',
    summary: 'Makes a consumer the owner of pending entries.',
    complexity: 'O(log N) for each of them, N being the pending entries of the group.',
    syntax:
      'key group consumer min-idle-time id [id ...] [IDLE ms:integer] [TIME unix-time-milliseconds] [RETRYCOUNT count] ' +
      '[FORCE] [JUSTID] [LASTID id]',
    run: xclaim,
  }),
  command({
    name: 'XAUTOCLAIM',
    arity: -6,
    flags: 'write fast',
    keys: '1 1 1',
    group,
    since: '6.2.0',
    summary: 'Makes a consumer the owner of entries that have been pending for long.',
    complexity: 'O(1) when COUNT is small.',
    syntax: 'key group consumer min-idle-time start [COUNT count] [JUSTID]',
    run: xautoclaim,
  }),
  command({
    name: 'XNACK',
    arity: -7,
    flags: 'write fast',
    keys: '1 1 1',
    group,
    since: '8.8.0',
    summary: 'Gives pending entries back to their group, for whoever claims them.',
    complexity: 'O(log N) for each of them, N being the pending entries of the group.',
    syntax: 'key group <SILENT | FAIL | FATAL> <IDS numids id [id ...]> [RETRYCOUNT count] [FORCE]',
    run: xnack,
  }),
]
