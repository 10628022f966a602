// BLPOP and its like: as their forms that do not wait, but for a client that finds nothing and waits until a key has a
// list. What it took goes into the stream as the form that does not wait.

import type { Arg } from '../bytes.js'
import { List } from '../keyspace/list.js'
import { type Command, type Context, command, numberedKeys, text } from './command.js'
import { type End, endNames, endOf, move, multiPop, multiPopOf, take } from './list-ends.js'
import { writeAs } from './lookup.js'
import { timeoutOf } from './timeout.js'

/** A client that was woken by a key is served from that one, whatever the others hold by now. */
function candidates({ readyKey }: Context, argv: readonly Arg[], first: number, end: number): string[] {
  return readyKey === undefined ? argv.slice(first, end).map(text) : [readyKey]
}

function waitFor(ctx: Context, keys: readonly string[], timeoutMs: number): void {
  ctx.block({ keys, type: 'list', timeoutMs, timedOut: (reply) => reply.nullArray() })
}

function bpop(ctx: Context, argv: Arg[], from: End): void {
  const timeoutMs = timeoutOf(argv[argv.length - 1])
  const keys = candidates(ctx, argv, 1, argv.length - 1)
  for (const key of keys) {
    const list = writeAs(ctx, key, List)
    if (list === undefined) continue
    const item = take(ctx, key, list, from)
    ctx.reply.array(2)
    ctx.reply.bulk(key)
    ctx.reply.bulk(item)
    ctx.effect(endNames[from].pop, key)
    return
  }
  if (ctx.mayBlock) waitFor(ctx, keys, timeoutMs)
  else ctx.reply.nullArray()
}

/** Moves, or waits for something to move. Says whether it moved. */
function bmove(ctx: Context, source: string, destination: string, from: End, to: End, timeoutMs: number): boolean {
  const item = move(ctx, source, destination, from, to)
  if (item !== undefined) ctx.reply.bulk(item)
  else if (ctx.mayBlock) waitFor(ctx, [source], timeoutMs)
  else ctx.reply.null()
  return item !== undefined
}

function blmove(ctx: Context, argv: Arg[]): void {
  const from = endOf(argv[3])
  const to = endOf(argv[4])
  const [, source, destination] = argv
  const isMoved = bmove(ctx, text(source), text(destination), from, to, timeoutOf(argv[5]))
  if (!isMoved) return
  // Redis names the ends as it was told, and after a wait in its own words.
  if (ctx.readyKey === undefined) ctx.effect('LMOVE', source, destination, argv[3], argv[4])
  else ctx.effect('LMOVE', source, destination, from.toLowerCase(), to.toLowerCase())
}

function brpoplpush(ctx: Context, argv: Arg[]): void {
  const [, source, destination] = argv
  const isMoved = bmove(ctx, text(source), text(destination), 'RIGHT', 'LEFT', timeoutOf(argv[3]))
  if (isMoved) ctx.effect('RPOPLPUSH', source, destination)
}

function blmpop(ctx: Context, argv: Arg[]): void {
  const { first, end, from, count } = multiPopOf(argv, 2)
  const timeoutMs = timeoutOf(argv[1])
  const keys = candidates(ctx, argv, first, end)
  if (multiPop(ctx, keys, from, count)) return
  if (ctx.mayBlock) waitFor(ctx, keys, timeoutMs)
  else ctx.reply.nullArray()
}

const several = { group: 'list', flags: 'write noscript blocking', arity: -3, keys: '1 -2 1' } as const
const moves = { group: 'list', flags: 'write denyoom noscript blocking', keys: '1 2 1', complexity: 'O(1)' } as const

export const blockingListCommands: readonly Command[] = [
  command({
    ...several,
    name: 'BLPOP',
    since: '2.0.0',
    summary: 'Pops the first item of the first list that there is, or waits for one.',
    complexity: 'O(N) for N keys.',
    syntax: 'key [key ...] timeout',
    run: (ctx, argv) => bpop(ctx, argv, 'LEFT'),
  }),
  command({
    ...several,
    name: 'BRPOP',
    since: '2.0.0',
    summary: 'Pops the last item of the first list that there is, or waits for one.',
    complexity: 'O(N) for N keys.',
    syntax: 'key [key ...] timeout',
    run: (ctx, argv) => bpop(ctx, argv, 'RIGHT'),
  }),
  command({
    ...moves,
    name: 'BLMOVE',
    arity: 6,
    since: '6.2.0',
    summary: 'Moves an item from one list to another, or waits for one to move.',
    syntax: 'source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout',
    run: blmove,
  }),
  command({
    ...moves,
    name: 'BRPOPLPUSH',
    arity: 4,
    since: '2.2.0',
    summary: 'Moves the last item of a list to the front of another, or waits for one to move.',
    syntax: 'source destination timeout',
    run: brpoplpush,
  }),
  command({
    name: 'BLMPOP',
    arity: -5,
    flags: 'write blocking movablekeys',
    keys: '0 0 0',
    findKeys: (argv) => numberedKeys(argv, 2),
    group: 'list',
    since: '7.0.0',
    summary: 'Pops several items of the first list that there is, or waits for one.',
    complexity: 'O(N+M) for N keys and M items.',
    syntax: 'timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]',
    run: blmpop,
  }),
]
