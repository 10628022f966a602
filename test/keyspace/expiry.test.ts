// The heap of keys with a time: its first is always the one that is due first.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Expiry, Timed } from '../../src/keyspace/expiry.js'
import { suite } from '../suite.js'

const test = suite('expiry')

const step = fc.record({
  do: fc.constantFrom('add', 'add', 'move', 'remove'),
  at: fc.nat(),
  time: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
})

/** Every one stands where it says, none before its parent. */
function assertHeap(expiry: Expiry): void {
  const all = [...expiry]
  all.forEach((timed, i) => {
    assert.is(timed.position, i)
    if (i > 0) assert.ok(all[(i - 1) >> 1].expiresAt <= timed.expiresAt)
  })
}

test('under random changes the first is the earliest, and each knows its place', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const expiry = new Expiry()
      const held: Timed[] = []
      for (const [i, one] of steps.entries()) {
        const some = held[one.at % Math.max(1, held.length)]
        if (one.do === 'add' || some === undefined) {
          const timed = new Timed(`k${i}`, 'v', one.time)
          held.push(timed)
          expiry.add(timed)
        } else if (one.do === 'move') expiry.move(some, one.time)
        else {
          expiry.remove(some)
          assert.is(some.position, -1)
          held.splice(held.indexOf(some), 1)
        }
        assertHeap(expiry)
        assert.is(expiry.size, held.length)
        const earliest = held.length === 0 ? undefined : Math.min(...held.map((timed) => timed.expiresAt))
        assert.is(expiry.first?.expiresAt, earliest)
      }
    }),
  )
})

test('taken from the front, they come in the order of their times', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), (times) => {
      const expiry = new Expiry()
      for (const time of times) expiry.add(new Timed('k', 'v', time))
      const taken: number[] = []
      for (let first = expiry.first; first !== undefined; first = expiry.first) {
        taken.push(first.expiresAt)
        expiry.remove(first)
      }
      assert.equal(
        taken,
        times.sort((one, other) => one - other),
      )
    }),
  )
})

test('any of them can be picked', () => {
  const expiry = new Expiry()
  assert.is(expiry.any(0.5), undefined)
  for (let i = 0; i < 10; i++) expiry.add(new Timed(`k${i}`, 'v', i))
  const picked = new Set(Array.from({ length: 10 }, (_, i) => expiry.any(i / 10)?.key))
  assert.is(picked.size, 10)
  assert.ok(expiry.any(0.999999999))
})

test.run()
