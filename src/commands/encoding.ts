// How Redis would keep a value: what OBJECT ENCODING says. We keep values as JavaScript does, so this is what Redis would
// have made of the same bytes and of the limits in the configuration.

import type { Arg } from '../bytes.js'
import { isTagged } from '../codec.js'
import type { Config } from '../config/config.js'
import { isString, type Value } from '../keyspace/keyspace.js'
import { parseInt64 } from './int64.js'
import { shownLength } from './lookup.js'

/** Redis keeps strings of at most this many bytes in one piece with their header. */
const EMBEDDED_MAX_BYTES = 44

export function encodingOf(_config: Config, value: Value): string {
  if (isString(value)) return stringEncodingOf(value)
  switch (value.type) {
    case 'list':
      return 'quicklist'
    case 'set':
      return 'hashtable'
    case 'hash':
      return 'hashtable'
    case 'zset':
      return 'skiplist'
    case 'stream':
      return 'stream'
  }
}

function stringEncodingOf(value: Arg): string {
  if (isTagged(value)) return 'msgpack'
  if (parseInt64(value) !== undefined) return 'int'
  return shownLength(value) <= EMBEDDED_MAX_BYTES ? 'embstr' : 'raw'
}
