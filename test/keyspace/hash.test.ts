// Hashes against a simple model: fields, values and times, what a scan meets, what chance gives, what a replica hides.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Hash, LiveFields } from '../../src/keyspace/hash.js'
import { suite } from '../suite.js'

const test = suite('hash')
const seeded = { seed: 20260703, numRuns: 200 }

const field = fc.constantFrom(...Array.from({ length: 30 }, (_, i) => `f${i}`))
const time = fc.option(fc.integer({ min: 1, max: 100 }))
const step = fc.record({
  do: fc.constantFrom('set', 'set', 'replace', 'delete', 'setExpiry', 'expire', 'pick', 'scan'),
  field,
  value: fc.string({ maxLength: 5 }),
  time,
})

type Model = Map<string, { value: string; time: number | null }>

function fill(hash: Hash, model: Model): Hash {
  for (const [name, { value, time }] of model) hash.set(name, value, time)
  return hash
}

function assertHolds(hash: Hash, model: Model): void {
  assert.is(hash.size, model.size)
  assert.equal(
    [...hash],
    [...model].map(([name, { value }]) => [name, value]),
  )
  const times = [...model.values()].flatMap(({ time }) => time ?? [])
  for (const [name, { time }] of model) assert.is(hash.expiresAt(name), time)
  assert.is(hash.timedSize, times.length)
  assert.is(hash.nextExpiry, times.length === 0 ? undefined : Math.min(...times))
  assert.is(hash.heldBytes, fill(new Hash(), model).heldBytes)
}

function apply(hash: Hash, model: Model, one: { do: string; field: string; value: string; time: number | null }): void {
  const { field: name, value, time } = one
  const held = model.get(name)
  switch (one.do) {
    case 'set':
      assert.is(hash.set(name, value, time), held === undefined)
      model.set(name, { value, time })
      break
    case 'replace':
      assert.is(hash.replace(name, value), held === undefined)
      model.set(name, { value, time: held?.time ?? null })
      break
    case 'delete':
      assert.is(hash.delete(name), model.delete(name))
      break
    case 'setExpiry':
      if (held === undefined) break
      hash.setExpiry(name, time)
      held.time = time
      break
    case 'expire': {
      const isPast = (expiresAt: number): boolean => expiresAt < (time ?? 0)
      const past = [...model].filter(([, { time }]) => time !== null && isPast(time)).map(([past]) => past)
      assert.is(hash.countPast(isPast), past.length)
      const expired = hash.expire(isPast, 3)
      assert.is(expired.length, Math.min(3, past.length))
      for (const gone of expired) assert.ok(past.includes(gone) && model.delete(gone))
      break
    }
    case 'pick': {
      const picked = hash.pick(() => value.length / 6)
      assert.ok(picked === undefined ? model.size === 0 : model.has(picked))
      break
    }
    default:
      for (const found of hash.scan(0, 5).fields) assert.ok(model.has(found))
  }
  assert.is(hash.get(name), model.get(name)?.value)
  assert.is(hash.has(name), model.has(name))
}

test('under random changes it holds what a Map holds, and the times', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const hash = new Hash()
      const model: Model = new Map()
      for (const one of steps) {
        apply(hash, model, one)
        assert.is(hash.size, model.size)
      }
      assertHolds(hash, model)
      const copy = hash.clone()
      hash.set('only in one', '', 1)
      assertHolds(copy, model)
    }),
    seeded,
  )
})

test('a scan meets each field that is there all the time, whatever comes, goes and is drawn meanwhile', () => {
  const change = fc.record({ do: fc.constantFrom('set', 'delete', 'delete', 'pick', 'sample', 'scan', 'scan'), field })
  fc.assert(
    fc.property(
      fc.array(field),
      fc.array(change, { maxLength: 150 }),
      fc.integer({ min: 1, max: 5 }),
      (first, changes, count) => {
        const hash = new Hash()
        for (const name of first) hash.set(name, '')
        const lasting = new Set(first)
        const seen = new Set<string>()
        let cursor = 0
        let isThrough = false
        const advance = (): void => {
          const found = hash.scan(cursor, count)
          for (const one of found.fields) {
            assert.ok(hash.has(one))
            seen.add(one)
          }
          cursor = found.cursor
          isThrough = cursor === 0
        }
        advance()
        const random = fc.sample(fc.double({ min: 0, max: 0.999, noNaN: true }), { numRuns: 7, seed: 1 })
        let draws = 0
        for (const one of changes) {
          if (isThrough) break
          if (one.do === 'set') hash.set(one.field, '')
          else if (one.do === 'pick') hash.pick(() => random[draws++ % 7])
          else if (one.do === 'sample') hash.sample(hash.size, () => random[draws++ % 7])
          else if (one.do === 'scan') advance()
          else {
            hash.delete(one.field)
            lasting.delete(one.field)
          }
        }
        while (!isThrough) advance()
        for (const name of lasting) assert.ok(seen.has(name), name)
      },
    ),
    seeded,
  )
})

/** Numbers in [0, 1) that are the same each time. */
function chance(): () => number {
  let seed = 1
  return () => {
    seed = (seed * 16807) % 2147483647
    return seed / 2147483647
  }
}

test('chance: every field alike, also after some have gone; samples are different fields', () => {
  const hash = new Hash()
  const random = chance()
  for (let i = 0; i < 20; i++) hash.set(`f${i}`, '')
  hash.pick(random)
  for (let i = 0; i < 8; i++) hash.delete(`f${i}`)
  hash.set('f3', 'again')
  const drawn = new Map<string, number>()
  for (let i = 0; i < 13_000; i++) {
    const name = hash.pick(random)!
    drawn.set(name, (drawn.get(name) ?? 0) + 1)
  }
  assert.is(drawn.size, 13)
  for (const [name, times] of drawn) assert.ok(times > 800 && times < 1200, `${name}: ${times} of 13000`)
  for (const count of [0, 1, 3, 4, 5, 12, 13, 20]) {
    const sample = hash.sample(count, random)
    assert.is(new Set(sample).size, Math.min(count, 13))
    assert.ok(sample.every((name) => hash.has(name)))
  }
  assert.is(new Hash().pick(random), undefined)
})

test('fields whose time is past are hidden from whoever has LiveFields', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(field, time)), fc.integer({ min: 0, max: 101 }), (fields, now) => {
      const hash = new Hash()
      for (const [name, time] of fields) hash.set(name, `of ${name}`, time)
      const live = new LiveFields(hash, (expiresAt) => now > expiresAt)
      const expected = [...hash].filter(([name]) => !((hash.expiresAt(name) ?? 1000) < now))
      assert.equal([...live], expected)
      assert.is(live.size, expected.length)
      const names = new Set(expected.map(([name]) => name))
      for (const [name] of hash) {
        assert.is(live.has(name), names.has(name))
        assert.is(live.get(name), names.has(name) ? `of ${name}` : undefined)
        assert.is(live.expiresAt(name), names.has(name) ? hash.expiresAt(name) : null)
      }
      const random = chance()
      const picked = live.pick(random)
      assert.ok(picked === undefined ? names.size === 0 : names.has(picked))
      assert.equal(live.sample(100, random).sort(), [...names].sort())
      assert.equal(live.scan(0, 100).fields.sort(), [...names].sort())
    }),
    seeded,
  )
})

test('what was ever in it says how Redis keeps it', () => {
  const hash = new Hash()
  hash.set('a', 'x'.repeat(10))
  assert.ok(hash.isListpack(1, 10))
  assert.not(hash.isListpack(1, 9))
  hash.set('ä€', 'x')
  assert.ok(hash.isListpack(2, 10))
  hash.set('b', '€€€€')
  assert.ok(hash.isListpack(3, 12))
  assert.not(hash.isListpack(3, 11))
  hash.delete('b')
  hash.delete('a')
  assert.not(hash.isListpack(2, 12))
  assert.not(hash.clone().isListpack(2, 12))
  hash.set('\udcff\udcfe', '')
  assert.ok(hash.isListpack(3, 12))
  assert.not(hash.wasTimed)
  hash.setExpiry('ä€', 5)
  hash.setExpiry('ä€', null)
  assert.ok(hash.wasTimed)
})

test.run()
