// What commands do at the two ends of a list: push, pop, move from one to another. Shared by those that block and those
// that do not.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { List } from '../keyspace/list.js'
import { type Context, option, parseInteger } from './command.js'
import { writeAs } from './lookup.js'

export type End = 'LEFT' | 'RIGHT'

/** The names of what is done there, in the stream and in keyspace events. */
export const endNames = {
  LEFT: { pop: 'LPOP', popped: 'lpop', pushed: 'lpush' },
  RIGHT: { pop: 'RPOP', popped: 'rpop', pushed: 'rpush' },
} as const

/** LEFT or RIGHT. Throws a syntax error. */
export function endOf(arg: Arg): End {
  const word = option(arg)
  if (word !== 'LEFT' && word !== 'RIGHT') throw replyErrors.syntax()
  return word
}

export function pushTo(list: List, end: End, item: string): void {
  if (end === 'LEFT') list.pushFront(item)
  else list.pushBack(item)
}

function popFrom(list: List, end: End): string {
  return (end === 'LEFT' ? list.popFront() : list.popBack())!
}

/** Takes one item off the list at a key. */
export function take(ctx: Context, key: string, list: List, end: End): string {
  ctx.db.willChange(key)
  const item = popFrom(list, end)
  ctx.db.didChange(key, list)
  ctx.changed()
  ctx.notify('l', endNames[end].popped, key)
  tellIfEmptied(ctx, key, list)
  return item
}

/** Replies with an array of the items it takes off the list at a key: `count` of them, or all. */
export function replyTaken(ctx: Context, key: string, list: List, end: End, count: number): void {
  ctx.db.willChange(key)
  ctx.reply.array(count)
  for (let i = 0; i < count; i++) ctx.reply.bulk(popFrom(list, end))
  ctx.db.didChange(key, list)
  ctx.changed(count)
  ctx.notify('l', endNames[end].popped, key)
  tellIfEmptied(ctx, key, list)
}

export function tellIfEmptied(ctx: Context, key: string, list: List): void {
  if (list.size === 0) ctx.notify('g', 'del', key)
}

/** Moves an item from one list to another, or within one; undefined when there is none. Throws WRONGTYPE. */
export function move(ctx: Context, source: string, destination: string, from: End, to: End): string | undefined {
  const { db } = ctx
  const list = writeAs(ctx, source, List)
  if (list === undefined) return undefined
  const target = writeAs(ctx, destination, List)
  db.willChange(source)
  const item = popFrom(list, from)
  if (target === list) pushTo(list, to, item)
  else if (target === undefined) {
    const fresh = new List()
    pushTo(fresh, to, item)
    db.set(destination, fresh)
  } else {
    db.willChange(destination)
    pushTo(target, to, item)
    db.didChange(destination, target)
  }
  db.didChange(source, list)
  ctx.changed()
  ctx.notify('l', endNames[to].pushed, destination)
  ctx.notify('l', endNames[from].popped, source)
  tellIfEmptied(ctx, source, list)
  return item
}

/** What LMPOP and BLMPOP are asked for. */
export interface MultiPop {
  /** Where the keys stand in argv: from `first` up to `end`, itself excluded. */
  first: number
  end: number
  from: End
  count: number
}

/** `numkeys key [key ...] <LEFT | RIGHT> [COUNT count]`, from `at` on. */
export function multiPopOf(argv: readonly Arg[], at: number): MultiPop {
  const keys = positive(argv[at], 'numkeys')
  const end = at + 1 + keys
  if (end >= argv.length) throw replyErrors.syntax()
  const from = endOf(argv[end])
  let count: number | undefined
  for (let i = end + 1; i < argv.length; i += 2) {
    if (count !== undefined || option(argv[i]) !== 'COUNT' || i + 1 === argv.length) throw replyErrors.syntax()
    count = positive(argv[i + 1], 'count')
  }
  return { first: at + 1, end, from, count: count ?? 1 }
}

function positive(arg: Arg, name: string): number {
  const value = parseInteger(arg)
  if (value === undefined || value < 1n) throw new ReplyError(`ERR ${name} should be greater than 0`)
  return Number(value)
}

/** Pops from the first of the keys that has a list, and replies with the key and the items. Whether there was one. */
export function multiPop(ctx: Context, keys: readonly string[], from: End, count: number): boolean {
  for (const key of keys) {
    const list = writeAs(ctx, key, List)
    if (list === undefined) continue
    const taken = Math.min(count, list.size)
    ctx.reply.array(2)
    ctx.reply.bulk(key)
    replyTaken(ctx, key, list, from, taken)
    ctx.effect(endNames[from].pop, key, taken)
    return true
  }
  return false
}
