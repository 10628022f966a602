// A replica that takes writes ends the keys that its own clients gave a time; those of its primary wait for the primary's word.

import * as assert from 'uvu/assert'
import { SilentReply } from '../../src/protocol/silent-reply.js'
import type { Store } from '../../src/store.js'
import { World } from '../sim/world.js'
import { suite } from '../suite.js'

const test = suite('times given on a replica')

/** As a connection asks: the store's owner cannot write to a replica. */
function asClient(store: Store): (...argv: string[]) => void {
  const reply = new SilentReply()
  const client = store.engine.connect({ kind: 'normal', reply })
  return (...argv) => {
    store.engine.execute(client, argv)
    assert.is(reply.lastError, null)
  }
}

test('keys that clients gave a time end by themselves, those of the primary do not', async () => {
  await using world = new World({})
  const a = await world.node('a', { config: { 'enable-debug-command': 'yes' } })
  const spare = await world.replica('spare', 'a', {
    config: { 'replica-read-only': 'no', 'enable-debug-command': 'yes' },
  })
  a.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
  a.call('SET', 'of the primary', '1', 'PX', '1000')
  await world.sim.settle()
  const write = asClient(spare)
  write('SET', 'set', '1', 'PX', '1000')
  write('SET', 'late', '1')
  write('EXPIRE', 'late', '100')
  write('SET', 'kept', '1', 'PX', '1000')
  write('PERSIST', 'kept')
  const { offset, replid } = spare.status()
  await world.sim.advance(900)
  assert.is(spare.call('DBSIZE'), 4)
  await world.sim.advance(300)
  assert.is(spare.call('DBSIZE'), 3)
  assert.is(spare.call('EXISTS', 'of the primary'), 0)
  assert.match(String(spare.call('DEBUG', 'OBJECT', 'of the primary')), 'encoding:int', 'nobody has deleted it')
  await world.sim.advance(98_000)
  assert.is(spare.call('DBSIZE'), 3)
  await world.sim.advance(1500)
  assert.is(spare.call('DBSIZE'), 2)
  assert.equal([spare.status().replid, spare.call('KEYS', '*')], [replid, ['kept']])
  assert.ok(spare.status().offset >= offset)
})

test('told later that it takes writes, and promoted: nothing is left to it that a primary does', async () => {
  await using world = new World({})
  await world.node('a')
  const spare = await world.replica('spare', 'a')
  spare.call('CONFIG', 'SET', 'replica-read-only', 'no')
  const write = asClient(spare)
  write('SET', 'k', '1', 'PX', '5000')
  await world.sim.until(spare.promote())
  await world.sim.advance(4900)
  assert.is(spare.call('DBSIZE'), 1)
  await world.sim.advance(300)
  assert.is(spare.call('DBSIZE'), 0)
})

test.run()
