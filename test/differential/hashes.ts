// Hashes: what a group of random commands is made of, see group.ts.

import fc from 'fast-check'
import { count, float, integer, key, line, maybe, member, options, some, value, words } from './grammar.js'
import type { Group } from './group.js'

const pair = fc.tuple(member, value)

export const hashes: Group = {
  title: 'hashes',
  config: { 'hash-max-listpack-entries': '8' },
  likeness: { HGETALL: 'members', HKEYS: 'members', HVALS: 'members', HSCAN: 'shape', HRANDFIELD: 'shape' },
  commands: [
    line(
      'HSET',
      key,
      some(
        pair.map((both) => both as (typeof both)[number][]),
        4,
        1,
      ),
    ),
    line('HSET', key, some(member, 3)),
    line(
      'HMSET',
      key,
      some(
        pair.map((both) => both as (typeof both)[number][]),
        2,
        1,
      ),
    ),
    line('HSETNX', key, member, value),
    line('HGET', key, member),
    line('HMGET', key, some(member, 3, 1)),
    line('HGETALL', key),
    line('HKEYS', key),
    line('HVALS', key),
    line('HLEN', key),
    line('HSTRLEN', key, member),
    line('HEXISTS', key, member),
    line('HDEL', key, some(member, 3, 1)),
    line('HINCRBY', key, member, integer),
    line('HINCRBYFLOAT', key, member, float),
    line('HRANDFIELD', key, maybe(line('', count), line('', count, 'WITHVALUES'), line('', count, 'FOO'))),
    line('HSCAN', key, '0', options(line('MATCH', words('*', 'm*', '?')), line('COUNT', count))),
    line('OBJECT ENCODING', key),
  ],
}
