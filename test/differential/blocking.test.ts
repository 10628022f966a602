// Clients that wait for keys, at random, beside a real server: see crowd.ts. Who is served, in which order, and with what.

import fc from 'fast-check'
import { by, crowd, piece } from './crowd.js'
import { count, line, maybe, options, some, value, words } from './grammar.js'

const CONNECTIONS = 6
/** The first listens, the last never waits. */
const LAST = CONNECTIONS - 1
const who = fc.integer({ min: 1, max: LAST })
const id = fc.integer({ min: 1, max: LAST }).map((n) => `{${n}}`)
const key = words('a', 'b', 'c')
const end = words('LEFT', 'RIGHT')
const scored = fc.tuple(words('1', '2', '-3'), words('m', 'n', 'o')).map((both) => both as (typeof both)[number][])

const waiting = fc.oneof(
  line('BLPOP', some(key, 3, 1), '0'),
  line('BRPOP', some(key, 2, 1), '0'),
  line('BLMOVE', key, key, end, end, '0'),
  line('BRPOPLPUSH', key, key, '0'),
  line('BLMPOP 0 2', key, key, end, maybe(line('COUNT', count))),
  line('BZPOPMIN', some(key, 2, 1), '0'),
  line('BZPOPMAX', some(key, 2, 1), '0'),
  line('BZMPOP 0 2', key, key, words('MIN', 'MAX'), maybe(line('COUNT', count))),
  line('XREAD', options(line('COUNT', count)), 'BLOCK', '0', 'STREAMS', key, words('$', '0', '5')),
  line('XREAD BLOCK 0 STREAMS', key, key, words('$', '0'), words('$', '3')),
  line(
    'XREADGROUP GROUP g',
    words('x', 'y'),
    maybe(line('COUNT 1')),
    'BLOCK',
    '0',
    'STREAMS',
    key,
    words('>', '>', '>', '0'),
  ),
  line('BLPOP', key, words('-1', 'x', '')),
)
const pushing = fc.oneof(
  line('RPUSH', key, some(value, 4, 1)),
  line('LPUSH', key, some(value, 4, 1)),
  line('RPUSH', key, value),
  line('ZADD', key, some(scored, 3, 1)),
  line('XADD', key, words('1-1', '5-1', '6-2', '9-1', '12-1'), 'f', value),
  line('SADD', key, value),
  line('SET', key, value),
  line('DEL', some(key, 3, 1)),
  line('DEL', key),
  line('UNLINK', key),
  line('RENAME', key, key),
  line('COPY', key, key, maybe(line('REPLACE'))),
  line('LMOVE', key, key, end, end),
  line('LPOP', key),
  line('ZPOPMIN', key),
  line('SORT', key, 'ALPHA', 'STORE', key),
  line('ZUNIONSTORE', key, '2', key, key),
  line('XGROUP CREATE', key, 'g', words('$', '0'), maybe(line('MKSTREAM'))),
  line('XGROUP DESTROY', key, 'g'),
  line('XGROUP SETID', key, 'g', words('0', '$')),
  line('XDEL', key, '5-1'),
  line('EXPIRE', key, '-1'),
  line('LRANGE', key, '0', '-1'),
)
// No SWAPDB: the order in which Redis then serves several keys is chance, that of a hash table.
const rare = fc.oneof(
  line('SELECT', words('0', '0', '1')),
  line('MOVE', key, words('0', '1')),
  line('FLUSHALL'),
  line('HELLO', words('2', '3')),
  line('RESET'),
  line('WATCH', key),
)
const release = fc.oneof(
  line('CLIENT UNBLOCK', id, maybe(line('TIMEOUT'), line('ERROR'), line('FOO'))),
  line('CLIENT UNBLOCK', id, 'ERROR'),
  line('CLIENT KILL ID', id),
)
const command = fc.oneof({ weight: 6, arbitrary: pushing }, { weight: 1, arbitrary: rare })
const anything = fc.oneof(waiting, command)

const test = crowd({
  title: 'blocking',
  connections: CONNECTIONS,
  apart: true,
  prologue: fc.tuple(
    by(fc.constant(0), line('PSUBSCRIBE', '__keyspace*')),
    by(fc.constant(LAST), line('CONFIG SET notify-keyspace-events', words('KA', 'KA', 'K'))),
  ),
  acts: fc.oneof(
    { weight: 8, arbitrary: by(who, waiting) },
    { weight: 10, arbitrary: by(who, command) },
    { weight: 3, arbitrary: by(fc.constant(LAST), command) },
    { weight: 2, arbitrary: by(who, release) },
    { weight: 2, arbitrary: piece(who, waiting, anything) },
    { weight: 2, arbitrary: piece(who, line('MULTI'), command, anything, command, line('EXEC')) },
    { weight: 1, arbitrary: piece(fc.constant(LAST), line('MULTI'), pushing, pushing, pushing, line('EXEC')) },
    { weight: 1, arbitrary: by(who, line('', words('MULTI', 'EXEC', 'EXEC', 'DISCARD'))) },
    { weight: 1, arbitrary: fc.record({ who, lines: fc.constant([]) }) },
  ),
})

test.run()
