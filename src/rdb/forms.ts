// The numbers that stand for types of values in RDB files and DUMP payloads: how each of our values may be written, and
// what each number is called in errors.

export const STRING = 0
export const LIST = 1
export const SET = 2
export const ZSET_TEXT = 3
export const HASH = 4
export const ZSET = 5
const MODULE_1 = 6
/** The one module whose values are known is that of Redis 8's vector sets. */
export const MODULE = 7
export const HASH_ZIPMAP = 9
export const LIST_ZIPLIST = 10
export const SET_INTSET = 11
export const ZSET_ZIPLIST = 12
export const HASH_ZIPLIST = 13
export const LIST_QUICKLIST = 14
export const STREAM = 15
export const HASH_LISTPACK = 16
export const ZSET_LISTPACK = 17
export const LIST_QUICKLIST_2 = 18
/** With the first id, the highest deleted one, entries ever added and entries that groups have read: Redis 7.0. */
export const STREAM_2 = 19
export const SET_LISTPACK = 20
/** With the times at which consumers last got something: Redis 7.2. */
export const STREAM_3 = 21
/** In a file of Valkey: field, value, time. In one of a release candidate of Redis 7.4: time, field, value. */
export const HASH_TIMES_22 = 22
export const HASH_TIMES_23 = 23
export const HASH_TIMES = 24
export const HASH_TIMES_LISTPACK = 25
/** With what was added lately by which producer: Redis 8.6. */
export const STREAM_4 = 26
/** With pending entries that no consumer has, as they were given back by XNACK: Redis 8.8. */
export const STREAM_5 = 27

/** What can be read. */
export const readableTypes: ReadonlySet<number> = new Set([
  ...[STRING, LIST, SET, ZSET_TEXT, HASH, ZSET, HASH_ZIPMAP, LIST_ZIPLIST, SET_INTSET, ZSET_ZIPLIST, HASH_ZIPLIST],
  ...[LIST_QUICKLIST, STREAM, HASH_LISTPACK, ZSET_LISTPACK, LIST_QUICKLIST_2, STREAM_2, SET_LISTPACK, STREAM_3],
  ...[HASH_TIMES_22, HASH_TIMES_23, HASH_TIMES, HASH_TIMES_LISTPACK, STREAM_4, STREAM_5, MODULE],
])

/** For errors. Everything from 243 on is no type, but another record. */
export const typeNames: Readonly<Record<number, string>> = {
  [STRING]: 'string',
  [LIST]: 'list',
  [SET]: 'set',
  [ZSET_TEXT]: 'sorted set, scores as text',
  [HASH]: 'hash',
  [ZSET]: 'sorted set',
  [MODULE_1]: 'module, first version',
  [MODULE]: 'module',
  [HASH_ZIPMAP]: 'hash as zipmap',
  [LIST_ZIPLIST]: 'list as ziplist',
  [SET_INTSET]: 'set as intset',
  [ZSET_ZIPLIST]: 'sorted set as ziplist',
  [HASH_ZIPLIST]: 'hash as ziplist',
  [LIST_QUICKLIST]: 'list as quicklist',
  [STREAM]: 'stream',
  [HASH_LISTPACK]: 'hash as listpack',
  [ZSET_LISTPACK]: 'sorted set as listpack',
  [LIST_QUICKLIST_2]: 'list as quicklist 2',
  [STREAM_2]: 'stream, version 2',
  [SET_LISTPACK]: 'set as listpack',
  [STREAM_3]: 'stream, version 3',
  [HASH_TIMES_22]: 'hash with field expiry, 22',
  [HASH_TIMES_23]: 'hash with field expiry as listpack, 23',
  [HASH_TIMES]: 'hash with field expiry',
  [HASH_TIMES_LISTPACK]: 'hash with field expiry as listpack',
  [STREAM_4]: 'stream, version 4',
  [STREAM_5]: 'stream, version 5',
}

/** From this version of the format on there are functions in it. */
export const FIRST_FUNCTION_VERSION = 10

/** Valkey's own versions, from 9.0 on, are counted from here. */
export const VALKEY_VERSION = 80
/** The highest of Redis that are understood. Types and records are told by their numbers, not by the version. */
export const MAX_REDIS_VERSION = 15

export function isKnownVersion(version: number): boolean {
  return (version >= 1 && version <= MAX_REDIS_VERSION) || version === VALKEY_VERSION
}
