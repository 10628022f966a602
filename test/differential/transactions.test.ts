// Transactions over all types, at random, beside a real server: see group.ts.

import fc from 'fast-check'
import { count, integer, key, line, maybe, member, some, value, words } from './grammar.js'
import { differential } from './group.js'

const scored = fc.tuple(words('1', '2', '0.5', '-3'), member).map((both) => both as (typeof both)[number][])
const pair = fc.tuple(member, value).map((both) => both as (typeof both)[number][])
const control = fc.oneof(
  line('MULTI'),
  line('EXEC'),
  line('EXEC'),
  line('DISCARD'),
  line('WATCH', some(key, 2, 1)),
  line('UNWATCH'),
)

const test = differential({
  title: 'transactions',
  // The order of a set's members is nobody's promise, inside of EXEC neither: none is asked for here.
  commands: [
    control,
    control,
    control,
    line('SET', key, value),
    line('GET', key),
    line('INCRBY', key, integer),
    line('APPEND', key, value),
    line('RPUSH', key, some(value, 3, 1)),
    line('LPOP', key, maybe(line('', count))),
    line('LRANGE', key, '0', '-1'),
    line('SADD', key, some(member, 3, 1)),
    line('SCARD', key),
    line('SREM', key, member),
    line('HSET', key, pair),
    line('HGET', key, member),
    line('HINCRBY', key, member, integer),
    line('ZADD', key, some(scored, 2, 1)),
    line('ZRANGE', key, '0', '-1', 'WITHSCORES'),
    line('ZPOPMIN', key),
    line('XLEN', key),
    line('DEL', some(key, 2, 1)),
    line('EXPIRE', key, words('100000', '-1')),
    line('COPY', key, key, 'REPLACE'),
    line('SUBSCRIBE'),
    line('NONSENSE', key),
    line('GET'),
  ],
})

test.run()
