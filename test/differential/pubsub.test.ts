// Channels, patterns and shard channels, at random, beside a real server: see crowd.ts.

import fc from 'fast-check'
import type { Argument } from '../client.js'
import { by, crowd, piece } from './crowd.js'
import { line, maybe, some, value, words } from './grammar.js'

const CONNECTIONS = 4
const who = fc.nat(CONNECTIONS - 1)
const id = fc.nat(CONNECTIONS - 1).map((n) => `{${n}}`)
const channel = fc.constantFrom<Argument[]>('c', 'd', '', 'ä€', 'news.1', 'news.22', Buffer.of(0xff, 0x00))
const pattern = words('*', 'c*', '[cd]', '?', 'news.*', 'news.?', 'n*[0-9]', 'ä*', '', '\\c', '[^c]')

const one = fc.oneof(
  line('SUBSCRIBE', some(channel, 3, 1)),
  line('SUBSCRIBE', some(channel, 2, 1)),
  line('PSUBSCRIBE', some(pattern, 3, 1)),
  line('SSUBSCRIBE', some(channel, 2, 1)),
  line('UNSUBSCRIBE', some(channel, 2, 1)),
  line('UNSUBSCRIBE', some(channel, 2)),
  line('PUNSUBSCRIBE', some(pattern, 2, 1)),
  line('PUNSUBSCRIBE', some(pattern, 2)),
  line('SUNSUBSCRIBE', some(channel, 2)),
  line('PING', maybe(line('', value), line('', value, value))),
)
const other = fc.oneof(
  line('PUBLISH', channel, value),
  line('PUBLISH', channel, value),
  line('PUBLISH', channel, value),
  line('SPUBLISH', channel, value),
  line('PUBSUB CHANNELS', maybe(line('', pattern))),
  line('PUBSUB NUMSUB', some(channel, 3)),
  line('PUBSUB NUMPAT'),
  line('PUBSUB SHARDCHANNELS', maybe(line('', pattern))),
  line('PUBSUB SHARDNUMSUB', some(channel, 3)),
  line('PUBSUB', words('NUMPAT', 'NONSENSE', 'CHANNELS', 'NUMSUB'), maybe(line('', value, value))),
  line('GET', words('k')),
  line('SET', 'k', value),
  line('ECHO', value),
  line('CLIENT ID'),
  line('NONSENSE'),
  line('SUBSCRIBE'),
  line('PUBLISH', channel),
)
const state = fc.oneof(
  line('HELLO', words('2', '3', '3', '3', '4')),
  line('RESET'),
  line('QUIT'),
  line('MULTI'),
  line('EXEC'),
  line('DISCARD'),
  line('WATCH k'),
  line('CLIENT KILL ID', id, maybe(line('SKIPME no'))),
  line('CLIENT KILL TYPE', words('pubsub', 'pubsub', 'replica', 'x'), 'SKIPME', words('yes', 'no', 'x')),
)
const anything = fc.oneof(one, other)

const test = crowd({
  title: 'pub/sub',
  connections: CONNECTIONS,
  likeness: { 'PUBSUB CHANNELS': 'members', 'PUBSUB SHARDCHANNELS': 'members', EXEC: 'members' },
  acts: fc.oneof(
    { weight: 8, arbitrary: by(who, one) },
    { weight: 8, arbitrary: by(who, other) },
    { weight: 3, arbitrary: by(who, state) },
    { weight: 1, arbitrary: piece(who, anything, anything, anything) },
    { weight: 1, arbitrary: piece(who, line('MULTI'), anything, anything, anything, line('EXEC')) },
    { weight: 1, arbitrary: piece(who, line('CLIENT REPLY SKIP'), anything) },
    { weight: 1, arbitrary: piece(who, line('HELLO 3'), line('CLIENT REPLY OFF'), anything, line('CLIENT REPLY ON')) },
    { weight: 1, arbitrary: fc.record({ who, lines: fc.constant([]) }) },
  ),
})

test.run()
