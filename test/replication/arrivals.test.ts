// Tokens: what was written on one node has arrived on another, on a virtual clock: lags, failovers, lost writes, time, close.

import * as assert from 'uvu/assert'
import { type Store, StoreError, type Token } from '../../src/index.js'
import { World } from '../sim/world.js'
import { suite } from '../suite.js'

const test = suite('arrivals')

/** What became of a wait: `held`, or the code of its error; undefined while it goes on. */
function waiting(store: Store, token: Token, options?: { timeoutMs?: number; signal?: AbortSignal }) {
  const outcome: { is?: string } = {}
  const settled = store.waitFor(token, options).then(
    () => 'held',
    (error) => {
      assert.instance(error, StoreError)
      return (error as StoreError).code
    },
  )
  void settled.then((is) => Object.assign(outcome, { is }))
  return outcome
}

test('a replica holds a write as soon as it has arrived, not before', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  world.sim.delay(500)
  a.set('k', 'v')
  const outcome = waiting(b, a.token())
  await world.sim.advance(499)
  assert.is(outcome.is, undefined)
  assert.is(b.get('k'), undefined)
  await world.sim.advance(2)
  assert.is(outcome.is, 'held')
  assert.is(b.get('k'), 'v')
  // What is here already is not waited for, on the primary neither.
  await b.waitFor(a.token())
  await a.waitFor(b.token())
})

test('a token that was taken before there was a replica', async () => {
  await using world = new World()
  const a = await world.node('a')
  a.set('k', 'v')
  const token = a.token()
  a.set('later', 1)
  assert.ok(a.token().offset > token.offset)
  const b = await world.node('b')
  const other = await world.sim.until(b.waitFor(token)).catch((error: StoreError) => error.code)
  assert.is(other, 'HISTORY', 'a primary of its own')
  world.sim.delay(100)
  const following = b.replicaOf(world.sim.at('a'))
  const outcome = waiting(b, token)
  await world.sim.until(following)
  await world.sim.settle()
  assert.is(outcome.is, 'held')
  assert.is(b.get('k'), 'v')
})

test('tokens of before a failover are understood after it, and those of writes that it lost are not held', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'b')
  a.set('k', 1)
  const kept = a.token()
  await world.sim.settle()
  world.sim.partition('a', 'b')
  a.set('k', 2)
  const lost = a.token()
  const outcomes = [waiting(b, lost, { timeoutMs: 60_000 }), waiting(c, lost, { timeoutMs: 60_000 })]
  await world.sim.advance(1000)
  assert.equal(outcomes, [{}, {}])
  await b.promote()
  await world.sim.advance(5000)
  assert.equal(outcomes, [{ is: 'HISTORY' }, { is: 'HISTORY' }])
  b.set('k', 3)
  const after = b.token()
  for (const store of [b, c]) {
    await world.sim.until(store.waitFor(kept))
    await world.sim.until(store.waitFor(after))
    assert.is(store.get('k'), 3)
  }
  // The old primary learns of the new history when it follows.
  const old = waiting(a, after, { timeoutMs: 1000 })
  await world.sim.settle()
  assert.is(old.is, 'HISTORY', 'a primary stands in its own history')
  world.sim.heal()
  const following = a.replicaOf(world.sim.at('b'))
  const outcome = waiting(a, after)
  await world.sim.until(following)
  await world.sim.settle()
  assert.is(outcome.is, 'held')
})

test('it ends: when the time is over, when it is aborted, when the store closes', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  world.sim.partition('a', 'b')
  a.set('k', 1)
  const token = a.token()
  const controller = new AbortController()
  const late = waiting(b, token, { timeoutMs: 300 })
  const byDefault = waiting(b, token)
  const aborted = waiting(b, token, { signal: controller.signal, timeoutMs: 60_000 })
  const closed = waiting(b, token, { timeoutMs: 60_000 })
  await world.sim.advance(299)
  assert.is(late.is, undefined)
  await world.sim.advance(2)
  assert.is(late.is, 'TIMEOUT')
  controller.abort()
  await world.sim.advance(1)
  assert.is(aborted.is, 'ABORTED')
  assert.is(waiting(b, token, { signal: controller.signal }).is, undefined)
  await world.sim.advance(9800)
  assert.equal([byDefault.is, closed.is], ['TIMEOUT', undefined])
  await b.close()
  await world.sim.settle()
  assert.is(closed.is, 'CLOSED')
  assert.is(b.engine.replication.arrivals.isDue, false)
})

test('what is no token is refused', async () => {
  await using world = new World()
  const a = await world.node('a')
  for (const token of [{ replid: 'x', offset: -1 }, { replid: 'x', offset: 0.5 }, { offset: 1 }, {}]) {
    const error = await a.waitFor(token as Token).catch((error: StoreError) => error.code)
    assert.is(error, 'INVALID')
  }
})

test.run()
