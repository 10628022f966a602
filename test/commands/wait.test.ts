// WAIT and FAILOVER against a real server, as far as one connection sees them; WAITAOF against Redis 8.6, which has it.

import * as assert from 'uvu/assert'
import { type ErrorReply, RawClient } from '../client.js'
import { missingPeer, startServer } from '../peers.js'
import { suite } from '../suite.js'
import { skip, startBoth, type World } from './both.js'

const test = suite('wait and failover')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth({ 'repl-ping-replica-period': '3600' })
})
test.after(() => world?.close())

test('WAIT: what is answered and refused', { skip }, async () => {
  await using both = await world.connect()
  await both.same([
    ...['WAIT', 'WAIT 1', 'WAIT 1 2 3', 'WAIT x 0', 'WAIT 0 x', 'WAIT 0 -1', 'WAIT 0 99999999999999999999'],
    ...['WAIT 0 0', 'WAIT -1 0', 'WAIT 1 10', 'SET a 1', 'WAIT 0 0', 'WAIT 1 1'],
    ...['MULTI', 'WAIT 1 0', 'WAIT x 0', 'EXEC'],
  ])
})

test('FAILOVER: what is refused without replicas', { skip }, async () => {
  await using both = await world.connect()
  await both.same([
    ...['FAILOVER', 'FAILOVER ABORT', 'FAILOVER x', 'FAILOVER TO a', 'FAILOVER TO a b', 'FAILOVER TO a 1'],
    ...['FAILOVER TIMEOUT', 'FAILOVER TIMEOUT x', 'FAILOVER TIMEOUT 0', 'FAILOVER TIMEOUT -1', 'FAILOVER FORCE'],
    ...['FAILOVER TIMEOUT 1 TIMEOUT 2', 'FAILOVER TO a 1 TO a 1', 'FAILOVER FORCE FORCE', 'FAILOVER ABORT x'],
    ...['failover to a 1 force timeout 5', 'FAILOVER TO a 1 ABORT', 'MULTI', 'FAILOVER', 'EXEC'],
    ...['PSYNC ? -1 FAILOVER', 'PSYNC x 1 failover', 'PING'],
  ])
})

test('both on a replica', { skip }, async () => {
  await using both = await world.connect()
  await both.same(['REPLICAOF 127.0.0.1 1'])
  try {
    await both.same([
      ...['WAIT 0 0', 'WAIT x 0', 'FAILOVER', 'FAILOVER ABORT', 'FAILOVER TO a 1 FORCE', 'FAILOVER TIMEOUT 0'],
      ...['PSYNC x 1 FAILOVER', 'PSYNC ? -1 FAILOVER'],
    ])
  } finally {
    await both.same(['REPLICAOF NO ONE'])
  }
})

test('WAITAOF: what is answered and refused', { skip: missingPeer('redis', '8.6.3') }, async () => {
  const server = await startServer({ family: 'redis', version: '8.6.3' })
  const ours = await RawClient.connect({ port: world.ours })
  const real = await server.connect()
  try {
    for (const request of [
      ...[
        'WAITAOF',
        'WAITAOF 0 0',
        'WAITAOF 0 0 0',
        'WAITAOF 1 0 0',
        'WAITAOF 2 0 0',
        'WAITAOF -1 0 0',
        'WAITAOF x 0 0',
      ],
      ...['WAITAOF 0 -1 0', 'WAITAOF 0 x 0', 'WAITAOF 0 0 x', 'WAITAOF 0 0 -1', 'WAITAOF 0 1 10', 'SET a 1'],
      ...[
        'WAITAOF 0 1 10',
        'MULTI',
        'WAITAOF 0 1 0',
        'EXEC',
        'REPLICAOF 127.0.0.1 1',
        'WAITAOF 0 0 0',
        'WAITAOF x 0 0',
      ],
      ...['WAITAOF 1 0 0', 'REPLICAOF NO ONE'],
    ]) {
      const [mine, theirs] = await Promise.all([ours, real].map((client) => client.call(...request.split(' '))))
      const said = (reply: unknown): unknown => (reply instanceof Error ? (reply as ErrorReply).message : reply)
      assert.equal(said(mine), said(theirs), request)
    }
  } finally {
    await ours.close()
    await real.close()
    await server.stop()
  }
})

test.run()
