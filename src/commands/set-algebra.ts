// What several sets have in common, have together, or have left: SINTER, SUNION, SDIFF, and the commands that store the
// result or only count it.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { MemberSet } from '../keyspace/set.js'
import { type Command, type Context, command, numberedKeys, option, parseInteger, text } from './command.js'
import type { Int64 } from './int64.js'
import { dropExpired, readAs } from './lookup.js'

type Operation = (ctx: Context, sets: readonly (MemberSet | undefined)[]) => MemberSet

/** The members as Redis walks over them: those of an intset by value. The order of the others is nobody's business. */
export function membersInOrder({ server }: Context, set: MemberSet): readonly string[] {
  const members = [...set]
  return set.isIntset(server.config.number('set-max-intset-entries')) ? members.sort(compareIntegers) : members
}

/** Compares by value what is written as Redis writes integers. */
function compareIntegers(a: string, b: string): number {
  const isNegative = a.startsWith('-')
  if (isNegative !== b.startsWith('-')) return isNegative ? -1 : 1
  const order = a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
  return isNegative ? -order : order
}

/** The sets at argv[first] and behind, up to argv[end]; undefined where there is none. */
function setsAt(ctx: Context, argv: readonly Arg[], first: number, end = argv.length): (MemberSet | undefined)[] {
  const sets: (MemberSet | undefined)[] = []
  for (let i = first; i < end; i++) sets.push(readAs(ctx, text(argv[i]), MemberSet))
  return sets
}

/** What all of them have, in the order of the smallest; null when one of them is missing. */
function* common(ctx: Context, sets: readonly (MemberSet | undefined)[]): Generator<string, undefined> {
  const present = sets.filter((set) => set !== undefined)
  if (present.length < sets.length) return
  const [smallest, ...others] = present.sort((a, b) => a.size - b.size)
  for (const member of membersInOrder(ctx, smallest)) {
    if (others.every((other) => other === smallest || other.has(member))) yield member
  }
}

const intersection: Operation = (ctx, sets) => new MemberSet(common(ctx, sets))

const union: Operation = (_ctx, sets) => {
  const all = new MemberSet()
  for (const set of sets) if (set !== undefined) for (const member of set) all.add(member)
  return all
}

/** Redis' two ways: which one it takes shows in how it keeps the result. */
const difference: Operation = (_ctx, [first, ...others]) => {
  const rest = new MemberSet()
  if (first === undefined || others.includes(first)) return rest
  const present = others.filter((set) => set !== undefined)
  const work = present.reduce((sum, set) => sum + set.size, first.size)
  if (Math.trunc((first.size * (present.length + 1)) / 2) <= work) {
    present.sort((a, b) => b.size - a.size)
    for (const member of first) if (!present.some((set) => set.has(member))) rest.add(member)
    return rest
  }
  for (const member of first) rest.add(member)
  for (const set of present) for (const member of set) rest.delete(member)
  return rest
}

function sinter(ctx: Context, argv: Arg[]): void {
  const members = [...common(ctx, setsAt(ctx, argv, 1))]
  ctx.reply.set(members.length)
  for (const member of members) ctx.reply.bulk(member)
}

function replying(operation: Operation): (ctx: Context, argv: Arg[]) => void {
  return (ctx, argv) => {
    const members = membersInOrder(ctx, operation(ctx, setsAt(ctx, argv, 1)))
    ctx.reply.set(members.length)
    for (const member of members) ctx.reply.bulk(member)
  }
}

/** The result takes the place of whatever the destination holds; an empty one deletes it. */
function storing(operation: Operation, event: string): (ctx: Context, argv: Arg[]) => void {
  return (ctx, argv) => {
    const key = text(argv[1])
    const result = operation(ctx, setsAt(ctx, argv, 2))
    if (result.size > 0) {
      dropExpired(ctx, key)
      ctx.db.set(key, result)
      ctx.changed()
      ctx.notify('s', event, key)
    } else if (ctx.db.delete(key)) {
      ctx.changed()
      ctx.notify('g', 'del', key)
    }
    ctx.reply.integer(result.size)
  }
}

function sintercard(ctx: Context, argv: Arg[]): void {
  const count = parseInteger(argv[1])
  if (count === undefined || count < 1) throw new ReplyError('ERR numkeys should be greater than 0')
  if (count > argv.length - 2) throw new ReplyError("ERR Number of keys can't be greater than number of args")
  const end = 2 + Number(count)
  let limit: Int64 = 0
  for (let i = end; i < argv.length; i += 2) {
    if (option(argv[i]) !== 'LIMIT' || i + 1 === argv.length) throw replyErrors.syntax()
    const given = parseInteger(argv[i + 1])
    if (given === undefined || given < 0) throw new ReplyError("ERR LIMIT can't be negative")
    limit = given
  }
  let cardinality = 0
  for (const _ of common(ctx, setsAt(ctx, argv, 2, end))) if (++cardinality === Number(limit)) break
  ctx.reply.integer(cardinality)
}

const reading = { group: 'set', arity: -2, flags: 'readonly', keys: '1 -1 1', syntax: 'key [key ...]' } as const
const writing = {
  group: 'set',
  arity: -3,
  flags: 'write denyoom',
  keys: '1 -1 1',
  syntax: 'destination key [key ...]',
} as const
const smallestTimesSets = 'O(N*M) for the smallest of N members and M sets'
const allMembers = 'O(N) for N members in all sets'

export const setAlgebra: readonly Command[] = [
  command({
    ...reading,
    name: 'SINTER',
    since: '1.0.0',
    summary: 'What sets have in common.',
    complexity: smallestTimesSets,
    run: sinter,
  }),
  command({
    ...writing,
    name: 'SINTERSTORE',
    since: '1.0.0',
    summary: 'Stores what sets have in common.',
    complexity: smallestTimesSets,
    run: storing(intersection, 'sinterstore'),
  }),
  command({
    group: 'set',
    name: 'SINTERCARD',
    arity: -3,
    flags: 'readonly movablekeys',
    keys: '0 0 0',
    findKeys: (argv) => numberedKeys(argv, 1),
    since: '7.0.0',
    summary: 'How many members sets have in common.',
    complexity: smallestTimesSets,
    syntax: 'numkeys key [key ...] [LIMIT limit]',
    run: sintercard,
  }),
  command({
    ...reading,
    name: 'SUNION',
    since: '1.0.0',
    summary: 'What is in any of the sets.',
    complexity: allMembers,
    run: replying(union),
  }),
  command({
    ...writing,
    name: 'SUNIONSTORE',
    since: '1.0.0',
    summary: 'Stores what is in any of the sets.',
    complexity: allMembers,
    run: storing(union, 'sunionstore'),
  }),
  command({
    ...reading,
    name: 'SDIFF',
    since: '1.0.0',
    summary: 'What is in the first set and in none of the others.',
    complexity: allMembers,
    run: replying(difference),
  }),
  command({
    ...writing,
    name: 'SDIFFSTORE',
    since: '1.0.0',
    summary: 'Stores what is in the first set and in none of the others.',
    complexity: allMembers,
    run: storing(difference, 'sdiffstore'),
  }),
]
