// What Redis 7.0 says of commands in COMMAND INFO and DOCS that does not follow from our own table: which access each key
// sees, categories that break the rule, hints for cluster-aware clients, and what is out of date. Commands that are not
// here get what their flags imply.

import type { Command } from './command.js'

/** A key specification: where the keys stand, and what is done with them. */
export interface KeySpec {
  first: number
  last: number
  step: number
  flags: string[]
}

const keyUses: readonly [flags: string, names: string][] = [
  ['RO', 'exists touch type strlen object|encoding object|freq object|idletime object|refcount memory|usage watch'],
  ['RW update', 'expire expireat persist pexpire pexpireat setrange'],
  ['RW insert', 'append'],
  ['RW access delete', 'getdel'],
  ['RW access update variable_flags', 'set'],
  ['OW update', 'mset psetex setex restore restore-asking'],
  ['OW insert', 'msetnx setnx'],
  ['RM delete', 'del unlink'],
  ['not_key', 'spublish ssubscribe sunsubscribe'],
]

const usesByName = new Map(keyUses.flatMap(([flags, names]) => names.split(' ').map((name) => [name, flags])))

/** Commands that do one thing to their first key and another to their second. */
const twoUses: Readonly<Record<string, readonly [string, string]>> = {
  copy: ['RO access', 'OW update'],
  rename: ['RW access delete', 'OW update'],
  renamenx: ['RW access delete', 'OW insert'],
}

/** Empty for commands without keys. */
export function keySpecsOf({ name, keys, flags }: Command): KeySpec[] {
  if (keys === null) return []
  const { first, last, step } = keys
  const two = twoUses[name]
  if (two !== undefined)
    return two.map((use, i) => ({ first: first + i, last: first + i, step: 1, flags: use.split(' ') }))
  const implied = flags.has('write') ? 'RW access update' : 'RO access'
  return [{ first, last, step, flags: (usesByName.get(name) ?? implied).split(' ') }]
}

const categoryOrder = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
]

/** Group to category, where commands of the group are in it as a rule. */
const categoryOfGroup: Readonly<Record<string, string>> = {
  string: 'string',
  generic: 'keyspace',
  connection: 'connection',
  transactions: 'transaction',
  pubsub: 'pubsub',
}

/** In place of the group's. Subcommands are listed under their container, which itself is in none. */
const ownCategories: Readonly<Record<string, string>> = {
  command: 'connection',
  dbsize: 'keyspace',
  flushall: 'keyspace dangerous',
  flushdb: 'keyspace dangerous',
  info: 'dangerous',
  keys: 'keyspace dangerous',
  lastsave: 'admin dangerous',
  migrate: 'keyspace dangerous',
  'pubsub|help': '',
  restore: 'keyspace dangerous',
  'restore-asking': 'keyspace dangerous',
  role: 'admin dangerous',
  sort: 'set sortedset list dangerous',
  sort_ro: 'set sortedset list dangerous',
  swapdb: 'keyspace dangerous',
  wait: 'connection',
}

/** ACL categories, without the `@`. */
export function categoriesOf({ name, flags, subcommands, spec }: Command): string[] {
  const container = name.split('|', 1)[0]
  const given = ownCategories[name] ?? ownCategories[container] ?? categoryOfGroup[spec.group] ?? ''
  // COMMAND is the one container that does something by itself.
  const found = new Set(subcommands === null || name === 'command' ? given.split(' ') : [])
  if (flags.has('write')) found.add('write')
  if (flags.has('readonly')) found.add('read')
  if (flags.has('admin')) found.add('admin').add('dangerous')
  if (flags.has('pubsub')) found.add('pubsub')
  if (flags.has('blocking')) found.add('blocking')
  found.add(flags.has('fast') ? 'fast' : 'slow')
  return categoryOrder.filter((category) => found.has(category))
}

const ANY_SHARD = 'request_policy:all_shards'
const MANY_SHARDS = 'request_policy:multi_shard'
const ALL_SUCCEED = 'response_policy:all_succeeded'
const SUM = 'response_policy:agg_sum'
const UNSURE = 'nondeterministic_output'
const UNSURE_ORDER = 'nondeterministic_output_order'

const tips: Readonly<Record<string, readonly string[]>> = {
  'client|info': [UNSURE],
  'client|list': [UNSURE],
  command: [UNSURE_ORDER],
  'command|docs': [UNSURE_ORDER],
  'command|info': [UNSURE_ORDER],
  'command|list': [UNSURE_ORDER],
  'config|set': ['request_policy:all_nodes', ALL_SUCCEED],
  dbsize: [ANY_SHARD, SUM],
  del: [MANY_SHARDS, SUM],
  dump: [UNSURE],
  exists: [MANY_SHARDS, SUM],
  flushall: [ANY_SHARD, ALL_SUCCEED],
  flushdb: [ANY_SHARD, ALL_SUCCEED],
  info: [UNSURE, ANY_SHARD, 'response_policy:special'],
  keys: [ANY_SHARD, UNSURE_ORDER],
  lastsave: [UNSURE],
  mget: [MANY_SHARDS],
  'module|list': [UNSURE_ORDER],
  mset: [MANY_SHARDS, ALL_SUCCEED],
  msetnx: [MANY_SHARDS, 'response_policy:agg_min'],
  'object|encoding': [UNSURE],
  'object|freq': [UNSURE],
  'object|idletime': [UNSURE],
  'object|refcount': [UNSURE],
  ping: [ANY_SHARD, ALL_SUCCEED],
  pttl: [UNSURE],
  randomkey: [ANY_SHARD, UNSURE],
  scan: [UNSURE, 'request_policy:special'],
  time: [UNSURE],
  touch: [MANY_SHARDS, SUM],
  ttl: [UNSURE],
  unlink: [MANY_SHARDS, SUM],
  wait: [ANY_SHARD, 'response_policy:agg_min'],
}

export function tipsOf({ name }: Command): readonly string[] {
  return tips[name] ?? []
}

/** Since when a command is out of date, and what to use instead. */
export const deprecated: Readonly<Record<string, { since: string; use: string }>> = {
  getset: { since: '6.2.0', use: '`SET` with the `!GET` argument' },
  slaveof: { since: '5.0.0', use: '`REPLICAOF`' },
  substr: { since: '2.0.0', use: '`GETRANGE`' },
}

/** Commands that are no use to a person. */
export const systemCommands: ReadonlySet<string> = new Set(['debug', 'replconf', 'restore-asking'])
