// The keys of a keyspace: whatever is done to them, in whatever order, as a Map has it; with parts of a few entries, so that
// all of them fill, part and join again.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Slots, type SlotsLimits } from '../../src/keyspace/slots.js'
import { suite } from '../suite.js'

const test = suite('slots')

const SMALL: SlotsLimits = { mapEntries: 8, moves: 1, chunkEntries: 8, segmentPlaces: 8 }

function make(limits = SMALL): Slots<number> {
  return new Slots<number>(() => 0x1234_5678, limits)
}

/** Few keys, so that they come, go and come back. Some are made to fall together: see "keys that fall together". */
const name = fc.oneof(
  fc.nat(60).map((n) => `k${n}`),
  fc.nat(2000).map((n) => `key:${n}`),
  fc.string({ unit: 'binary', maxLength: 3 }),
)
const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key: name }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('delete' as const), key: name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('add many' as const), count: fc.nat(60) }) },
  // Of those that are there, all but each `step`th, from the front.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('thin' as const), step: fc.integer({ min: 2, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('empty' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('walk' as const), walk: fc.nat(50), steps: fc.nat(30) }) },
)

function assertSame(slots: Slots<number>, model: Map<string, number>): void {
  assert.is(slots.size, model.size)
  assert.equal([...slots], [...model])
  assert.equal([...slots.keys()], [...model.keys()])
  assert.equal([...slots.values()], [...model.values()])
}

test('random changes and walks through them: always as a Map', () => {
  fc.assert(
    fc.property(
      fc.array(act, { maxLength: 120, size: 'max' }),
      fc.nat(30),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(0, 20, 200, 1e9),
      (acts, mapEntries, moves, announced) => {
        const slots = make({ ...SMALL, mapEntries, moves })
        slots.expect(announced)
        const model = new Map<string, number>()
        const walks: [Iterator<[string, number]>, Iterator<[string, number]>][] = []
        let count = 0
        const set = (key: string): void => {
          slots.set(key, ++count)
          model.set(key, count)
        }
        for (const each of acts) {
          if (each.do === 'set') set(each.key)
          else if (each.do === 'delete') {
            assert.is(slots.delete(each.key), model.delete(each.key))
            assert.not(slots.has(each.key))
          } else if (each.do === 'add many') for (let i = 0; i < each.count; i++) set(`many:${count}`)
          else if (each.do === 'thin') {
            for (const [i, key] of [...model.keys()].entries()) {
              if (i % each.step !== 0) assert.is(slots.delete(key), model.delete(key))
            }
          } else if (each.do === 'empty')
            for (const key of [...model.keys()]) assert.ok(slots.delete(key) && model.delete(key))
          else if (each.do === 'begin') walks.push([slots.entries(), model.entries()])
          else if (walks.length > 0) {
            const [ours, theirs] = walks[each.walk % walks.length]
            for (let i = 0; i < each.steps; i++) assert.equal(ours.next(), theirs.next())
          }
          assert.is(slots.size, model.size)
          if (each.do === 'set') assert.is(slots.get(each.key), count)
        }
        assertSame(slots, model)
        for (const [key, value] of model) assert.is(slots.get(key), value)
        for (const [ours, theirs] of walks) {
          for (let step = theirs.next(); ; step = theirs.next()) {
            assert.equal(ours.next(), step)
            if (step.done) break
          }
          set('behind the end')
          assert.equal(ours.next(), theirs.next(), 'over is over')
        }
      },
    ),
    { numRuns: 2000, seed: 5 },
  )
})

test('a walk that began in the Map goes on in the table from where it stood', () => {
  for (let steps = 0; steps <= 8; steps++) {
    const slots = make({ mapEntries: 8, moves: 2, chunkEntries: 4, segmentPlaces: 4 })
    for (let i = 0; i < 8; i++) slots.set(`k${i}`, i)
    const [early, late] = [slots.keys(), slots.keys()]
    for (let i = 0; i < steps; i++) assert.is(early.next().value, `k${i}`)
    slots.delete('k0')
    slots.set('k0', 8)
    for (let i = 9; i < 100; i++) slots.set(`k${i}`, i)
    for (let i = 1; i < 50; i++) slots.delete(`k${i}`)
    assert.equal([...early], ['k0', ...Array.from({ length: 50 }, (_, i) => `k${i + 50}`)], `after ${steps} steps`)
    assert.equal([...late].length, 51)
  }
})

test('as many as were announced, or not: always as a Map', () => {
  for (const [announced, came] of [
    [9, 40],
    [1000, 3],
    [1e9, 40],
    [1e9, 3000],
    [9, 0],
    [2, 40],
  ]) {
    const slots = make()
    const model = new Map<string, number>()
    slots.expect(announced)
    const walk = slots.entries()
    for (let i = 0; i < came; i++) {
      slots.set(`k${i}`, i)
      model.set(`k${i}`, i)
      if (i % 3 !== 0) continue
      slots.delete(`k${i >> 1}`)
      model.delete(`k${i >> 1}`)
    }
    slots.expect(1000)
    assertSame(slots, model)
    assert.equal([...walk], [...model])
  }
})

test('keys that fall together are told apart', () => {
  // One segment of one chunk each: everything stands at a few places, and hashes have next to nothing to part them by.
  const slots = make({ mapEntries: 0, moves: 1, chunkEntries: 2, segmentPlaces: 2 })
  const model = new Map<string, number>()
  for (let i = 0; i < 3000; i++) {
    slots.set(`${i}`, i)
    model.set(`${i}`, i)
  }
  assertSame(slots, model)
  for (let i = 0; i < 3000; i += 3) assert.is(slots.delete(`${i}`), model.delete(`${i}`))
  assertSame(slots, model)
  for (let i = 0; i < 3000; i++) assert.is(slots.get(`${i}`), model.get(`${i}`))
})

test('with its real limits: a million keys, most of them deleted, and filled again', () => {
  const slots = new Slots<number>(() => 7)
  const held = (): [number, number] => {
    let [count, sum] = [0, 0]
    for (const value of slots.values()) {
      count++
      sum += value
    }
    return [count, sum]
  }
  const KEYS = 1_000_000
  for (let i = 0; i < KEYS; i++) slots.set(`key:${i}`, i)
  assert.is(slots.size, KEYS)
  assert.equal(held(), [KEYS, (KEYS * (KEYS - 1)) / 2])
  for (let i = 0; i < KEYS; i++) if (i % 100 !== 0) slots.delete(`key:${i}`)
  assert.equal(held(), [KEYS / 100, (KEYS * (KEYS / 100 - 1)) / 2])
  for (let i = 0; i < KEYS; i++) assert.is(slots.get(`key:${i}`), i % 100 === 0 ? i : undefined)
  for (let i = 0; i < KEYS; i++) slots.set(`key:${i}`, i)
  assert.equal(held(), [KEYS, (KEYS * (KEYS - 1)) / 2])
})

test.run()
