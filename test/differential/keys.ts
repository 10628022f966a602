// Keys of every type and what is done with them as wholes: what a group of random commands is made of, see group.ts.

import fc from 'fast-check'
import { count, integer, key, line, maybe, member, options, some, value, words } from './grammar.js'
import type { Group } from './group.js'

const seconds = words('100000', '200000', '-1', '0', 'x', '9223372036854775807')
const condition = line('', words('NX', 'XX', 'GT', 'LT', 'gt'))
/**
 * As good as never the same twice, and none of `seconds`: which of two equal ones is later would depend on whether a
 * millisecond has passed in between.
 */
const someTime = fc.noBias(fc.integer({ min: 1_000_000, max: 1_000_000_000 })).map((n) => `${n}000`)
const scored = fc.tuple(words('1', '2', '0.5', '-3'), member).map((both) => both as (typeof both)[number][])
const pair = fc.tuple(member, value).map((both) => both as (typeof both)[number][])
const pattern = words('*', 'a*', '?', '[ab]', 'x')

export const keys: Group = {
  title: 'keys',
  likeness: {
    KEYS: 'members',
    SCAN: 'shape',
    RANDOMKEY: 'shape',
    TTL: 'shape',
    PTTL: 'shape',
    EXPIRETIME: 'shape',
    PEXPIRETIME: 'shape',
    'OBJECT IDLETIME': 'shape',
    // SORT of a sorted set changes how Redis keeps it.
    'OBJECT ENCODING': 'shape',
    DUMP: 'shape',
    // Of a set, unsorted.
    SORT_RO: 'members',
  },
  commands: [
    line('SET', key, value),
    line('RPUSH', key, some(value, 3, 1)),
    line('SADD', key, some(member, 3, 1)),
    line('HSET', key, some(pair, 2, 1)),
    line('ZADD', key, some(scored, 3, 1)),
    line('XADD', key, words('1-1', '2-1', '3-1', '4-1'), pair),
    line('DEL', some(key, 3, 1)),
    line('UNLINK', some(key, 3, 1)),
    line('EXISTS', some(key, 3, 1)),
    line('TOUCH', some(key, 3, 1)),
    line('TYPE', key),
    line('RENAME', key, key),
    line('RENAMENX', key, key),
    line('COPY', key, key, options(line('DB', words('0', '1', '16', 'x')), line('REPLACE'))),
    line('MOVE', key, words('0', '1', '16', 'x')),
    line('DBSIZE'),
    line('KEYS', pattern),
    line('SCAN', '0', options(line('MATCH', pattern), line('COUNT', count), line('TYPE', words('list', 'zset', 'x')))),
    line('RANDOMKEY'),
    line('OBJECT ENCODING', key),
    line('OBJECT FREQ', key),
    line('OBJECT NONSENSE', key),
    line('PERSIST', key),
    line('TTL', key),
    line('PTTL', key),
    line('EXPIRETIME', key),
    line('PEXPIRETIME', key),
    line('EXPIRE', key, seconds, maybe(line('', words('NX', 'XX')))),
    line('PEXPIRE', key, seconds, maybe(line('', words('NX', 'XX')))),
    line('EXPIRE', key, someTime, condition),
    line('PEXPIRE', key, someTime, condition),
    line('EXPIREAT', key, words('4000000000', '5000000000', '1', 'x'), maybe(condition)),
    line('PEXPIREAT', key, words('4000000000000', '1', '0', 'x'), maybe(condition)),
    line('SORT', key, options(line('ALPHA'), line('LIMIT', integer, integer), line('DESC')), maybe(line('STORE', key))),
    line('SORT_RO', key, 'BY', words('nosort', 'w_*', 'a'), maybe(line('GET', words('#', 'v_*', 'h->f')))),
    line('DUMP', key),
    line('RESTORE', key, words('0', '-1', 'x'), value, maybe(line('REPLACE'))),
    line('SELECT', words('0', '0', '0', '1')),
    line('SWAPDB', '0', words('0', '1', '99')),
    line('FLUSHDB'),
  ],
}
