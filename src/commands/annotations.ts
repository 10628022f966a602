// What Redis 7.0 says of commands in COMMAND INFO and DOCS that does not follow from our own table: which access each key
// sees, categories that break the rule, hints for cluster-aware clients, and what is out of date. Commands that are not
// here get what their flags imply.

import type { Command } from './command.js'

/** A key specification as COMMAND INFO gives it: where to begin, and how to find the keys from there. */
export interface KeySpec {
  flags: string[]
  begin: SpecPart
  find: SpecPart
}

export interface SpecPart {
  type: 'index' | 'keyword' | 'range' | 'keynum' | 'unknown'
  spec: Readonly<Record<string, number | string>>
}

const keyUses: readonly [flags: string, names: string][] = [
  ['RO', 'hlen hstrlen hexists'],
  ['RW insert', 'hsetnx'],
  ['RW update', 'hset hmset hsetex hpersist hexpire hpexpire hexpireat hpexpireat'],
  ['RW delete', 'hdel'],
  ['RW access delete', 'hgetdel'],
  ['RW delete variable_flags', 'delex'],
  ['RO', 'exists touch type strlen object|encoding object|freq object|idletime object|refcount memory|usage watch'],
  ['RO', 'sismember scard'],
  ['RW access', 'pfcount pfdebug'],
  ['RW update', 'expire expireat persist pexpire pexpireat setrange'],
  ['RW insert', 'append sadd pfadd'],
  ['RO', 'llen'],
  ['RW insert', 'lpush rpush lpushx rpushx linsert'],
  ['RW update', 'lset'],
  ['RW delete', 'ltrim lrem'],
  ['RW access delete', 'lpop rpop blpop brpop'],
  ['RW delete', 'srem'],
  ['RO', 'xlen'],
  ['RW insert', 'xgroup|create xgroup|createconsumer'],
  ['RW update', 'xadd xsetid xack xclaim xgroup|setid xcfgset xidmprecord'],
  ['RW delete', 'xdel xdelex xtrim xautoclaim xgroup|destroy xgroup|delconsumer'],
  ['RW update delete', 'xackdel'],
  ['RW access delete', 'getdel spop'],
  ['RW access update variable_flags', 'set bitfield'],
  ['OW update', 'mset psetex setex restore restore-asking'],
  ['OW insert', 'msetnx setnx'],
  ['RM delete', 'del unlink'],
  ['RO', 'zcard'],
  ['RW update', 'zadd geoadd'],
  ['RW delete', 'zrem zremrangebyrank zremrangebyscore zremrangebylex'],
  ['RW access delete', 'zpopmin zpopmax bzpopmin bzpopmax'],
  ['not_key', 'spublish ssubscribe sunsubscribe'],
]

const usesByName = new Map(keyUses.flatMap(([flags, names]) => names.split(' ').map((name) => [name, flags])))

/**
 * Commands whose keys are not all in one row, or not all treated alike. Behind the `@`: `1` one key, `2..-1` all from
 * there on, `numkeys 1` a number and so many keys, `STORE 6` one key behind that word, which is looked for from argument
 * 6 on, `KEYS -2 all` all behind it, `STREAMS 1 half` the first half of that, `unknown` not for a client to know.
 */
const severalUses: Readonly<Record<string, readonly string[]>> = {
  bitop: ['OW update @ 2', 'RO access @ 3..-1'],
  blmove: ['RW access delete @ 1', 'RW insert @ 2'],
  blmpop: ['RW access delete @ numkeys 2'],
  brpoplpush: ['RW access delete @ 1', 'RW insert @ 2'],
  copy: ['RO access @ 1', 'OW update @ 2'],
  lmove: ['RW access delete @ 1', 'RW insert @ 2'],
  lmpop: ['RW access delete @ numkeys 1'],
  migrate: ['RW access delete @ 3', 'RW access delete incomplete @ KEYS -2 all'],
  msetex: ['OW update @ numkeys 1'],
  pfmerge: ['RW access insert @ 1', 'RO access @ 2..-1'],
  rpoplpush: ['RW access delete @ 1', 'RW insert @ 2'],
  rename: ['RW access delete @ 1', 'OW update @ 2'],
  renamenx: ['RW access delete @ 1', 'OW insert @ 2'],
  sdiffstore: ['OW update @ 1', 'RO access @ 2..-1'],
  sintercard: ['RO access @ numkeys 1'],
  sinterstore: ['RW update @ 1', 'RO access @ 2..-1'],
  smove: ['RW access delete @ 1', 'RW insert @ 2'],
  sort: ['RO access @ 1', 'RO access @ unknown', 'OW update @ unknown'],
  sort_ro: ['RO access @ 1', 'RO access @ unknown'],
  sunionstore: ['OW update @ 1', 'RO access @ 2..-1'],
  xread: ['RO access @ STREAMS 1 half'],
  xreadgroup: ['RO access @ STREAMS 4 half'],
  bzmpop: ['RW access delete @ numkeys 2'],
  georadius: ['RO access @ 1', 'OW update @ STORE 6', 'OW update @ STOREDIST 6'],
  georadiusbymember: ['RO access @ 1', 'OW update @ STORE 5', 'OW update @ STOREDIST 5'],
  geosearchstore: ['OW update @ 1', 'RO access @ 2'],
  zdiff: ['RO access @ numkeys 1'],
  zdiffstore: ['OW update @ 1', 'RO access @ numkeys 2'],
  zinter: ['RO access @ numkeys 1'],
  zintercard: ['RO access @ numkeys 1'],
  zinterstore: ['OW update @ 1', 'RO access @ numkeys 2'],
  zmpop: ['RW access delete @ numkeys 1'],
  zrangestore: ['OW update @ 1', 'RO access @ 2'],
  zunion: ['RO access @ numkeys 1'],
  zunionstore: ['OW update @ 1', 'RO access @ numkeys 2'],
}

/** Empty for commands without keys. */
export function keySpecsOf({ name, keys, flags }: Command): KeySpec[] {
  const several = severalUses[name]
  if (several !== undefined) return several.map(parseKeySpec)
  if (keys === null) return []
  const { first, last, step } = keys
  const implied = flags.has('write') ? 'RW access update' : 'RO access'
  // The last key counts from the first one; negative, from the end of the arguments.
  const find = range(last < 0 ? last : last - first, step)
  return [{ flags: (usesByName.get(name) ?? implied).split(' '), begin: index(first), find }]
}

function parseKeySpec(line: string): KeySpec {
  const [uses, place] = line.split(' @ ')
  const flags = uses.split(' ')
  const [word, from, extent] = place.split(' ')
  if (word === 'unknown') return { flags, begin: { type: 'unknown', spec: {} }, find: { type: 'unknown', spec: {} } }
  if (word === 'numkeys') {
    const find: SpecPart = { type: 'keynum', spec: { keynumidx: 0, firstkey: 1, keystep: 1 } }
    return { flags, begin: index(Number(from)), find }
  }
  if (from !== undefined) {
    const begin: SpecPart = { type: 'keyword', spec: { keyword: word, startfrom: Number(from) } }
    const find = extent === undefined ? range(0) : range(-1, 1, extent === 'half' ? 2 : 0)
    return { flags, begin, find }
  }
  return { flags, begin: index(Number.parseInt(word, 10)), find: range(word.endsWith('..-1') ? -1 : 0) }
}

function index(at: number): SpecPart {
  return { type: 'index', spec: { index: at } }
}

function range(lastkey: number, keystep = 1, limit = 0): SpecPart {
  return { type: 'range', spec: { lastkey, keystep, limit } }
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
  scripting: 'scripting',
  list: 'list',
  set: 'set',
  'sorted-set': 'sortedset',
  geo: 'geo',
  hash: 'hash',
  bitmap: 'bitmap',
  hyperloglog: 'hyperloglog',
  stream: 'stream',
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
  waitaof: 'connection',
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
const ANY_NODE = 'request_policy:all_nodes'
const MANY_SHARDS = 'request_policy:multi_shard'
const ALL_SUCCEED = 'response_policy:all_succeeded'
const SUM = 'response_policy:agg_sum'
const UNSURE = 'nondeterministic_output'
const UNSURE_ORDER = 'nondeterministic_output_order'

const tips: Readonly<Record<string, readonly string[]>> = {
  'function|delete': [ANY_SHARD, ALL_SUCCEED],
  'function|flush': [ANY_SHARD, ALL_SUCCEED],
  'function|kill': [ANY_SHARD, 'response_policy:one_succeeded'],
  'function|list': [UNSURE_ORDER],
  'function|load': [ANY_SHARD, ALL_SUCCEED],
  'function|restore': [ANY_SHARD, ALL_SUCCEED],
  'function|stats': [UNSURE, ANY_SHARD, 'response_policy:special'],
  'client|info': [UNSURE],
  'client|list': [UNSURE],
  command: [UNSURE_ORDER],
  'command|docs': [UNSURE_ORDER],
  'command|info': [UNSURE_ORDER],
  'command|list': [UNSURE_ORDER],
  'config|set': [ANY_NODE, ALL_SUCCEED],
  dbsize: [ANY_SHARD, SUM],
  del: [MANY_SHARDS, SUM],
  dump: [UNSURE],
  exists: [MANY_SHARDS, SUM],
  flushall: [ANY_SHARD, ALL_SUCCEED],
  flushdb: [ANY_SHARD, ALL_SUCCEED],
  hgetall: [UNSURE_ORDER],
  hkeys: [UNSURE_ORDER],
  hpttl: [UNSURE],
  hrandfield: [UNSURE],
  hscan: [UNSURE],
  httl: [UNSURE],
  hvals: [UNSURE_ORDER],
  info: [UNSURE, ANY_SHARD, 'response_policy:special'],
  keys: [ANY_SHARD, UNSURE_ORDER],
  lastsave: [UNSURE],
  'latency|doctor': [UNSURE, ANY_NODE, 'response_policy:special'],
  'latency|graph': [UNSURE, ANY_NODE, 'response_policy:special'],
  'latency|histogram': [UNSURE, ANY_NODE, 'response_policy:special'],
  'latency|history': [UNSURE, ANY_NODE, 'response_policy:special'],
  'latency|latest': [UNSURE, ANY_NODE, 'response_policy:special'],
  'latency|reset': [ANY_NODE, ALL_SUCCEED],
  'memory|doctor': [UNSURE, ANY_SHARD, 'response_policy:special'],
  'memory|malloc-stats': [UNSURE, ANY_SHARD, 'response_policy:special'],
  'memory|purge': [ANY_SHARD, ALL_SUCCEED],
  'memory|stats': [UNSURE, ANY_SHARD, 'response_policy:special'],
  mget: [MANY_SHARDS],
  migrate: [UNSURE],
  'module|list': [UNSURE_ORDER],
  mset: [MANY_SHARDS, ALL_SUCCEED],
  msetex: [MANY_SHARDS, ALL_SUCCEED],
  msetnx: [MANY_SHARDS, 'response_policy:agg_min'],
  'object|encoding': [UNSURE],
  'object|freq': [UNSURE],
  'object|idletime': [UNSURE],
  'object|refcount': [UNSURE],
  ping: [ANY_SHARD, ALL_SUCCEED],
  pttl: [UNSURE],
  randomkey: [ANY_SHARD, UNSURE],
  scan: [UNSURE, 'request_policy:special'],
  'script|exists': [ANY_SHARD, 'response_policy:agg_logical_and'],
  'script|flush': [ANY_NODE, ALL_SUCCEED],
  'script|kill': [ANY_SHARD, 'response_policy:one_succeeded'],
  'script|load': [ANY_NODE, ALL_SUCCEED],
  sdiff: [UNSURE_ORDER],
  sinter: [UNSURE_ORDER],
  smembers: [UNSURE_ORDER],
  spop: [UNSURE],
  srandmember: [UNSURE],
  sscan: [UNSURE],
  sunion: [UNSURE_ORDER],
  'slowlog|get': [ANY_NODE, UNSURE],
  'slowlog|len': [ANY_NODE, SUM, UNSURE],
  'slowlog|reset': [ANY_NODE, ALL_SUCCEED],
  time: [UNSURE],
  touch: [MANY_SHARDS, SUM],
  ttl: [UNSURE],
  unlink: [MANY_SHARDS, SUM],
  wait: [ANY_SHARD, 'response_policy:agg_min'],
  waitaof: [ANY_SHARD, 'response_policy:agg_min'],
  xadd: [UNSURE],
  xautoclaim: [UNSURE],
  xclaim: [UNSURE],
  'xinfo|consumers': [UNSURE],
  xpending: [UNSURE],
  xtrim: [UNSURE],
  zrandmember: [UNSURE],
  zscan: [UNSURE],
}

export function tipsOf({ name }: Command): readonly string[] {
  return tips[name] ?? []
}

/** Since when a command is out of date, and what to use instead. */
export const deprecated: Readonly<Record<string, { since: string; use: string }>> = {
  brpoplpush: { since: '6.2.0', use: '`BLMOVE` with the `RIGHT` and `LEFT` arguments' },
  getset: { since: '6.2.0', use: '`SET` with the `!GET` argument' },
  rpoplpush: { since: '6.2.0', use: '`LMOVE` with the `RIGHT` and `LEFT` arguments' },
  hmset: { since: '4.0.0', use: '`HSET` with multiple field-value pairs' },
  slaveof: { since: '5.0.0', use: '`REPLICAOF`' },
  substr: { since: '2.0.0', use: '`GETRANGE`' },
  georadius: { since: '6.2.0', use: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument' },
  georadius_ro: { since: '6.2.0', use: '`GEOSEARCH` with the `BYRADIUS` argument' },
  georadiusbymember: {
    since: '6.2.0',
    use: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments',
  },
  georadiusbymember_ro: { since: '6.2.0', use: '`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments' },
  zrangebylex: { since: '6.2.0', use: '`ZRANGE` with the `BYLEX` argument' },
  zrangebyscore: { since: '6.2.0', use: '`ZRANGE` with the `BYSCORE` argument' },
  zrevrange: { since: '6.2.0', use: '`ZRANGE` with the `REV` argument' },
  zrevrangebylex: { since: '6.2.0', use: '`ZRANGE` with the `REV` and `BYLEX` arguments' },
  zrevrangebyscore: { since: '6.2.0', use: '`ZRANGE` with the `REV` and `BYSCORE` arguments' },
}

/** Commands that are no use to a person. */
export const systemCommands: ReadonlySet<string> = new Set([
  'debug',
  'pfdebug',
  'pfselftest',
  'replconf',
  'restore-asking',
])
