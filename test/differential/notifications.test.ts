// Keyspace events of commands on all types, at random, beside a real server: see crowd.ts.

import fc from 'fast-check'
import { by, crowd, piece } from './crowd.js'
import { everything, likeness } from './everything.js'
import { line, words } from './grammar.js'

const CONNECTIONS = 4
/** Those who listen, and those who act. */
const ears = fc.nat(1)
const hands = fc.integer({ min: 2, max: CONNECTIONS - 1 })
const anybody = fc.nat(CONNECTIONS - 1)

const classes = fc.oneof(
  words('KEA', 'KEAn', 'KEAnm', 'KA', 'EA', 'KEnm', ''),
  fc.subarray([...'KEg$lshzxetnmd']).map((flags) => flags.join('')),
)
const configure = line('CONFIG SET', 'notify-keyspace-events', classes)
const listen = fc.oneof(
  line('PSUBSCRIBE', words('*', '__keyspace@0__:*', '__keyevent@*', '__key*__:?')),
  line('SUBSCRIBE', words('__keyspace@0__:a', '__keyevent@0__:del', '__keyevent@0__:new', '__keyevent@1__:set')),
  line('PUNSUBSCRIBE'),
  line('UNSUBSCRIBE'),
  line('HELLO', words('2', '3')),
)
// It looks keys up in the order of a set's members, which is chance.
const change = fc.oneof(...everything).filter(([name]) => name !== 'SORT_RO')

const test = crowd({
  title: 'keyspace events',
  connections: CONNECTIONS,
  likeness,
  apart: true,
  config: { 'stream-node-max-entries': '3' },
  prologue: fc.tuple(
    by(fc.constant(0), line('PSUBSCRIBE', '*')),
    by(fc.constant(1), line('SUBSCRIBE', words('__keyevent@0__:del', '__keyspace@0__:a'))),
    by(fc.constant(2), line('CONFIG SET', 'notify-keyspace-events', words('KEAnm', 'EAnm', 'KAnm'))),
  ),
  acts: fc.oneof(
    { weight: 12, arbitrary: by(hands, change) },
    { weight: 6, arbitrary: piece(hands, change, change, change) },
    { weight: 1, arbitrary: by(hands, configure) },
    { weight: 1, arbitrary: by(ears, listen) },
    { weight: 1, arbitrary: by(anybody, fc.oneof(listen, change, line('RESET'))) },
    { weight: 1, arbitrary: by(hands, line('', words('MULTI', 'EXEC', 'EXEC', 'DISCARD'))) },
    { weight: 2, arbitrary: piece(hands, line('MULTI'), change, change, change, line('EXEC')) },
  ),
})

test.run()
