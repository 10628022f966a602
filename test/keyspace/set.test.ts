// Sets against a simple model: what is in them, what a scan meets, what chance gives.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ELEMENT_OVERHEAD_BYTES } from '../../src/keyspace/collection.js'
import { MemberSet } from '../../src/keyspace/set.js'
import { suite } from '../suite.js'

const test = suite('set')
const seeded = { seed: 20260703, numRuns: 200 }

const member = fc.constantFrom(...Array.from({ length: 40 }, (_, i) => `m${i}`))
const step = fc.record({ do: fc.constantFrom('add', 'add', 'delete'), member })

test('under random changes it holds what a Set holds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const set = new MemberSet()
      const model = new Set<string>()
      for (const one of steps) {
        if (one.do === 'add') {
          assert.is(set.add(one.member), !model.has(one.member))
          model.add(one.member)
        } else assert.is(set.delete(one.member), model.delete(one.member))
        assert.is(set.size, model.size)
        assert.is(set.has(one.member), model.has(one.member))
      }
      assert.equal([...set].sort(), [...model].sort())
      const bytes = [...model].reduce((sum, held) => sum + held.length + ELEMENT_OVERHEAD_BYTES, 0)
      assert.is(set.heldBytes, bytes)
      const copy = set.clone()
      set.add('only in one')
      assert.equal([...copy].sort(), [...model].sort())
      assert.is(copy.heldBytes, bytes)
    }),
    seeded,
  )
})

test('a scan meets each member that is there all the time, whatever comes and goes meanwhile', () => {
  const change = fc.record({ do: fc.constantFrom('add', 'delete', 'scan', 'scan'), member })
  fc.assert(
    fc.property(
      fc.array(member),
      fc.array(change, { maxLength: 100 }),
      fc.integer({ min: 1, max: 5 }),
      (first, changes, count) => {
        const set = new MemberSet(first)
        const lasting = new Set(set)
        const seen = new Set<string>()
        let cursor = 0
        let isThrough = false
        const advance = (): void => {
          const found = set.scan(cursor, count)
          for (const one of found.members) {
            assert.ok(set.has(one))
            seen.add(one)
          }
          cursor = found.cursor
          isThrough = cursor === 0
        }
        for (const one of changes) {
          if (isThrough) break
          if (one.do === 'scan') advance()
          else if (one.do === 'add') set.add(one.member)
          else {
            set.delete(one.member)
            lasting.delete(one.member)
          }
        }
        while (!isThrough) advance()
        for (const one of lasting) assert.ok(seen.has(one), `${one} was not seen`)
      },
    ),
    seeded,
  )
})

test('a scan with a cursor from nowhere ends', () => {
  const set = new MemberSet(['a', 'b', 'c'])
  assert.equal(set.scan(2 ** 60, 2), { cursor: 1, members: ['b', 'c'] })
  assert.equal(set.scan(1, 2), { cursor: 0, members: ['a'] })
})

test('a sample has so many different members, each as often as any other', () => {
  const set = new MemberSet(Array.from({ length: 20 }, (_, i) => `m${i}`))
  let state = 1
  const random = (): number => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
  for (const count of [1, 5, 15, 19]) {
    const times = new Map<string, number>()
    for (let i = 0; i < 2000; i++) {
      const sample = set.sample(count, random)
      assert.is(new Set(sample).size, count)
      for (const one of sample) times.set(one, (times.get(one) ?? 0) + 1)
    }
    const expected = (2000 * count) / 20
    for (const one of set) assert.ok(Math.abs((times.get(one) ?? 0) - expected) < expected * 0.4, `${one} of ${count}`)
  }
  assert.is(set.sample(50, random).length, 20)
})

test('what Redis would keep as integers', () => {
  const isIntset = (...members: string[]): boolean => new MemberSet(members).isIntset(3)
  assert.ok(isIntset('1', '-5', '0'))
  assert.ok(isIntset('9223372036854775807', '-9223372036854775808'))
  for (const not of ['', 'a', '01', '-0', '+1', ' 1', '1.0', '9223372036854775808', '-9223372036854775809', '--1'])
    assert.not(isIntset(not), not)
  assert.not(isIntset('1', '2', '3', '4'))
  const set = new MemberSet(['1', 'a'])
  set.delete('a')
  assert.not(set.isIntset(3), 'it does not come back')
  assert.not(set.clone().isIntset(3), 'nor does its copy')
  set.renew()
  assert.ok(set.isIntset(3))
})

test.run()
