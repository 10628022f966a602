// CLIENT TRACKING and commands on all types, at random, beside a real server: see crowd.ts.

import fc from 'fast-check'
import type { Argument } from '../client.js'
import { by, crowd, piece } from './crowd.js'
import { everything, likeness } from './everything.js'
import { key, line, options, some, value, words } from './grammar.js'

const CONNECTIONS = 4
const who = fc.nat(CONNECTIONS - 1)
const id = fc.oneof(
  fc.nat(CONNECTIONS - 1).map((n) => `{${n}}`),
  words('999999'),
)
const prefix = words('a', 'b', 'ä', '', 'ab')

const on = fc.oneof(
  line('CLIENT TRACKING', 'ON', options(line('NOLOOP'), line('REDIRECT', id))),
  line('CLIENT TRACKING', 'ON', words('OPTIN', 'OPTOUT'), options(line('NOLOOP'), line('REDIRECT', id))),
  line(
    'CLIENT TRACKING',
    'ON',
    'BCAST',
    some(line('PREFIX', prefix), 2),
    options(line('NOLOOP'), line('REDIRECT', id)),
  ),
)
const state = fc.oneof(
  line('CLIENT TRACKING', 'OFF'),
  line('CLIENT TRACKINGINFO'),
  line('CLIENT GETREDIR'),
  line('CLIENT CACHING', words('YES', 'NO', 'x')),
  line('HELLO', words('2', '3', '3')),
  line('SUBSCRIBE', '__redis__:invalidate'),
  line('UNSUBSCRIBE'),
  line('RESET'),
  line('FLUSHALL'),
)
const leave = fc.oneof(line('QUIT'), line('CLIENT KILL ID', id))
const control = line('', words('MULTI', 'EXEC', 'EXEC', 'DISCARD'))
/** With a wrong option before STREAMS Redis takes the keys for keys where COMMAND GETKEYS asks, but not here. */
const isClear = (argv: readonly Argument[]): boolean =>
  argv[0] !== 'XREAD' || /^XREAD( COUNT \S*)? STREAMS /.test(argv.join(' '))
const command = fc.oneof(
  { weight: 4, arbitrary: fc.oneof(...everything).filter(isClear) },
  { weight: 2, arbitrary: line('MGET', some(key, 3, 1)) },
  { weight: 1, arbitrary: line('SET', key, value) },
)
/** What came of an announcement. */
const shows = fc.oneof(line('CLIENT TRACKINGINFO'), command)

const test = crowd({
  title: 'tracking',
  connections: CONNECTIONS,
  likeness,
  // One that acts, and is told in the place of another, is told at once: before or behind its reply.
  apart: true,
  config: { 'stream-node-max-entries': '3' },
  prologue: fc.tuple(
    by(fc.constant(0), line('HELLO 3')),
    by(fc.constant(0), on),
    by(fc.constant(1), line('SUBSCRIBE', '__redis__:invalidate')),
    by(fc.constant(2), line('HELLO 3')),
  ),
  acts: fc.oneof(
    { weight: 12, arbitrary: by(who, command) },
    { weight: 4, arbitrary: piece(who, command, command, command) },
    { weight: 2, arbitrary: by(who, on) },
    { weight: 2, arbitrary: by(who, state) },
    { weight: 1, arbitrary: by(who, fc.oneof(control, leave)) },
    { weight: 2, arbitrary: piece(who, line('CLIENT CACHING', words('YES', 'NO')), command, shows) },
    { weight: 2, arbitrary: piece(who, line('MULTI'), command, command, line('EXEC')) },
  ),
})

test.run()
