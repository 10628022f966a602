// Strings: what a group of random commands is made of, see group.ts.

import fc from 'fast-check'
import { float, integer, key, line, maybe, options, some, value, words } from './grammar.js'
import type { Group } from './group.js'

/** Times that are far away, past, or none. */
const seconds = words('100000', '-1', '0', 'x', '9223372036854775807')
const milliseconds = words('100000000', '-1', '0', 'x')
const atSeconds = words('4000000000', '1', '0', '-1', 'x')
const atMilliseconds = words('4000000000000', '1', '0', '-1', 'x')
const times = fc.oneof(
  line('EX', seconds),
  line('PX', milliseconds),
  line('EXAT', atSeconds),
  line('PXAT', atMilliseconds),
)
const condition = line('', words('NX', 'XX', 'nx'))
const offset = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: -30, max: 60 }).map(String) }, integer)
const pairs = some(
  fc.tuple(key, value).map((both) => both as (typeof both)[number][]),
  3,
  1,
)

export const strings: Group = {
  title: 'strings',
  // How Redis keeps a string depends on how it came to be, ours on what it is.
  likeness: { 'OBJECT ENCODING': 'shape' },
  commands: [
    line('SET', key, value),
    line('SET', key, integer),
    line('SET', key, value, options(times, condition, line('GET'), line('KEEPTTL'))),
    line('GET', key),
    line('GETSET', key, value),
    line('GETDEL', key),
    line('GETEX', key, options(times, line('PERSIST'))),
    line('SETNX', key, value),
    line('SETEX', key, seconds, value),
    line('PSETEX', key, milliseconds, value),
    line('MSET', pairs),
    line('MSETNX', pairs),
    line('MGET', some(key, 4, 1)),
    line('APPEND', key, value),
    line('STRLEN', key),
    line('SETRANGE', key, offset, value),
    line('GETRANGE', key, offset, offset),
    line('SUBSTR', key, offset, offset),
    line('INCR', key),
    line('DECR', key),
    line('INCRBY', key, integer),
    line('DECRBY', key, integer),
    line('INCRBYFLOAT', key, float),
    line('LCS', key, key, options(line('LEN'), line('IDX'), line('MINMATCHLEN', integer), line('WITHMATCHLEN'))),
    line('OBJECT ENCODING', key),
    line('SADD', key, maybe(line('', value)), value),
  ],
}
