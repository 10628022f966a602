// How Redis would keep a value: what OBJECT ENCODING says. We keep values as JavaScript does, so this is what Redis would
// have made of the same bytes and of the limits in the configuration.

import type { Arg } from '../bytes.js'
import { isTagged } from '../codec.js'
import type { Config } from '../config/config.js'
import type { Hash } from '../keyspace/hash.js'
import { isString, type Value } from '../keyspace/keyspace.js'
import type { SortedSet } from '../keyspace/sorted-set.js'
import { parseInt64 } from './int64.js'
import { shownLength } from './lookup.js'

/** Redis keeps strings of at most this many bytes in one piece with their header. */
const EMBEDDED_MAX_BYTES = 44

export function encodingOf(config: Config, value: Value): string {
  if (isString(value)) return stringEncodingOf(value)
  switch (value.type) {
    case 'list':
      return 'quicklist'
    case 'set':
      return value.isIntset(config.number('set-max-intset-entries')) ? 'intset' : 'hashtable'
    case 'hash':
      if (!isListpackHash(config, value)) return 'hashtable'
      return value.wasTimed ? 'listpackex' : 'listpack'
    case 'zset':
      return isListpackSortedSet(config, value) ? 'listpack' : 'skiplist'
    case 'stream':
      return 'stream'
    case 'vectorset':
      return 'raw'
  }
}

/** Whether Redis would keep a hash in one piece, in the order in which the fields came. */
export function isListpackHash(config: Config, hash: Hash): boolean {
  return hash.isListpack(config.number('hash-max-listpack-entries'), config.number('hash-max-listpack-value'))
}

/** Whether Redis would keep a sorted set in one piece. */
export function isListpackSortedSet(config: Config, set: SortedSet): boolean {
  return set.isListpack(config.number('zset-max-listpack-entries'), config.number('zset-max-listpack-value'))
}

function stringEncodingOf(value: Arg): string {
  if (isTagged(value)) return 'msgpack'
  if (parseInt64(value) !== undefined) return 'int'
  return shownLength(value) <= EMBEDDED_MAX_BYTES ? 'embstr' : 'raw'
}
