// Sorted sets: what a group of random commands is made of, see group.ts.

import fc from 'fast-check'
import { count, counted, float, integer, key, line, maybe, member, options, some, words } from './grammar.js'
import type { Group } from './group.js'

const scored = fc.tuple(float, member).map((both) => both as (typeof both)[number][])
const score = fc.oneof(
  { weight: 4, arbitrary: float },
  fc.integer({ min: -10, max: 10 }).map((n) => `(${n}`),
)
const lexical = fc.oneof(
  { weight: 3, arbitrary: words('[a', '(a', '[m', '(m', '[o', '(z', '[1', '-', '+') },
  { weight: 1, arbitrary: words('a', '', '[', '(') },
)
const limit = line('LIMIT', integer, integer)
// No negative ones: Redis tells -0 from 0 in some of its encodings, and we do not.
const weight = words('1', '2', '0.5', '3.0e-3', 'inf', 'x')
const weights = line('WEIGHTS', weight, weight)
const aggregate = line('AGGREGATE', words('SUM', 'MIN', 'max', 'x'))

// By bytes only where all scores are the same: else the order is nobody's promise.
const even = words('even', 'even', 'other')
const level = fc.tuple(fc.constant('0'), member).map((both) => both as (typeof both)[number][])

export const sortedSets: Group = {
  title: 'sorted sets',
  config: { 'zset-max-listpack-entries': '8' },
  likeness: { ZSCAN: 'shape', ZRANDMEMBER: 'shape' },
  commands: [
    line('ZADD', key, some(scored, 4, 1)),
    line('ZADD', key, some(scored, 4, 1)),
    line(
      'ZADD',
      key,
      options(line('', words('NX', 'XX')), line('', words('GT', 'LT')), line('CH'), line('INCR')),
      some(scored, 2, 1),
    ),
    line('ZADD', even, some(level, 4, 1)),
    line('ZADD', even, some(level, 4, 1)),
    line('SADD', key, some(member, 3, 1)),
    line('ZINCRBY', key, float, member),
    line('ZREM', key, some(member, 3, 1)),
    line('ZCARD', key),
    line('ZSCORE', key, member),
    line('ZMSCORE', key, some(member, 3, 1)),
    line('ZRANK', key, member),
    line('ZREVRANK', key, member),
    line('ZCOUNT', key, score, score),
    line('ZLEXCOUNT', even, lexical, lexical),
    line('ZRANGE', key, integer, integer, options(line('REV'), line('WITHSCORES'))),
    line('ZRANGE', key, score, score, 'BYSCORE', options(line('REV'), limit, line('WITHSCORES'))),
    line('ZRANGE', even, lexical, lexical, 'BYLEX', options(line('REV'), limit, line('WITHSCORES'))),
    line('ZREVRANGE', key, integer, integer, maybe(line('WITHSCORES'))),
    line('ZRANGEBYSCORE', key, score, score, options(line('WITHSCORES'), limit)),
    line('ZREVRANGEBYSCORE', key, score, score, options(line('WITHSCORES'), limit)),
    line('ZRANGEBYLEX', even, lexical, lexical, options(limit)),
    line('ZREVRANGEBYLEX', even, lexical, lexical, options(limit)),
    line('ZRANGESTORE', key, key, integer, integer, options(line('REV'))),
    line('ZRANGESTORE', key, key, score, score, 'BYSCORE', options(line('REV'), limit)),
    line('ZREMRANGEBYRANK', key, integer, integer),
    line('ZREMRANGEBYSCORE', key, score, score),
    line('ZREMRANGEBYLEX', even, lexical, lexical),
    line('ZPOPMIN', key, maybe(line('', count))),
    line('ZPOPMAX', key, maybe(line('', count))),
    line('ZMPOP', counted(key), words('MIN', 'MAX', 'x'), maybe(line('COUNT', count))),
    line('ZRANDMEMBER', key, maybe(line('', count), line('', count, 'WITHSCORES'))),
    line('ZUNION', counted(key, 2), options(weights, aggregate, line('WITHSCORES'))),
    line('ZINTER', counted(key, 2), options(weights, aggregate, line('WITHSCORES'))),
    line('ZDIFF', counted(key, 2), maybe(line('WITHSCORES'))),
    line('ZUNIONSTORE', key, counted(key, 2), options(weights, aggregate)),
    line('ZINTERSTORE', key, counted(key, 2), options(weights, aggregate)),
    line('ZDIFFSTORE', key, counted(key, 2)),
    line('ZINTERCARD', counted(key, 2), options(line('LIMIT', count))),
    line('ZSCAN', key, '0', options(line('MATCH', words('*', 'm*')), line('COUNT', count))),
    line('OBJECT ENCODING', key),
  ],
}
