// One keyspace: keys, times, scans, and what snapshots ask of it.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Timed } from '../../src/keyspace/expiry.js'
import { GONE, Keyspace, type Slot } from '../../src/keyspace/keyspace.js'
import { Recency } from '../../src/keyspace/recency.js'
import { suite } from '../suite.js'
import { Rules } from './rules.js'

const test = suite('keyspace')

/** A keyspace whose clock is `at.now`; a reader that meets a key past its time does not delete it. */
function make(): { keyspace: Keyspace; at: { now: number }; met: string[] } {
  const at = { now: 0 }
  const met: string[] = []
  let seed = 1
  const keyspace = new Keyspace(0, {
    isPast: (expiresAt) => at.now > expiresAt,
    metExpired: (_keyspace, key) => void met.push(key),
    metExpiredFields: (_keyspace, key) => void met.push(key),
    timesChanged() {},
    random: () => {
      seed = (seed * 16807) % 2147483647
      return seed / 2147483647
    },
  })
  return { keyspace, at, met }
}

class Recorder {
  readonly seen: [key: string, held: string][] = []
  before(key: string, slot: Slot | undefined): void {
    const held = slot === undefined ? 'none' : slot === GONE ? 'gone' : slot instanceof Timed ? slot.value : slot
    this.seen.push([key, String(held)])
  }
}

test('a key past its time is hidden, held, and its reader tells', () => {
  const { keyspace, at, met } = make()
  keyspace.set('k', 'v', 10)
  at.now = 10
  assert.is(keyspace.get('k'), 'v')
  at.now = 11
  assert.is(keyspace.get('k'), undefined)
  assert.not(keyspace.has('k'))
  assert.is(keyspace.expiresAt('k'), undefined)
  assert.is(keyspace.typeOf('k'), 'none')
  assert.ok(keyspace.holdsExpired('k'))
  assert.equal([[...keyspace.keys()], [...keyspace.entries()]], [[], []])
  assert.is(keyspace.size, 1)
  assert.equal([...new Set(met)], ['k'])
  assert.ok(keyspace.delete('k'))
  assert.is(keyspace.size, 0)
  assert.is(keyspace.expiry.size, 0)
})

test('set, replace and setExpiry keep the heap of times in step with the keys', () => {
  const { keyspace } = make()
  keyspace.set('k', 'v', 10)
  keyspace.replace('k', 'w')
  assert.is(keyspace.expiresAt('k'), 10)
  keyspace.setExpiry('k', 5)
  assert.is(keyspace.expiry.first?.expiresAt, 5)
  keyspace.setExpiry('k', null)
  assert.equal([keyspace.expiry.size, keyspace.get('k'), keyspace.expiresAt('k')], [0, 'w', null])
  keyspace.setExpiry('k', 7)
  keyspace.set('k', 'x')
  assert.equal([keyspace.expiry.size, keyspace.expiresAt('k')], [0, null])
  keyspace.setExpiry('none', 7)
  assert.not(keyspace.has('none'))
})

test('refine changes the form of a value, tells nobody, and keeps the time', () => {
  const { keyspace } = make()
  let told = 0
  keyspace.set('k', 'v', 10)
  keyspace.observer = () => told++
  keyspace.refine('k', 'w')
  assert.equal([keyspace.get('k'), keyspace.expiresAt('k'), told], ['w', 10, 0])
})

test('a number that was counted is a string to everybody, whatever has to be told of changes', () => {
  const { keyspace } = make()
  assert.is(keyspace.numberAt('n'), undefined)
  for (const value of [0, -1, 7, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    keyspace.replaceByNumber('n', value)
    assert.equal([keyspace.get('n'), keyspace.peek('n'), keyspace.held('n')], Array(3).fill(String(value)))
    assert.equal([...keyspace.entries()], [['n', String(value)]])
    assert.is(keyspace.typeOf('n'), 'string')
    assert.is(keyspace.expiresAt('n'), null)
  }
  keyspace.replaceByNumber('n', 41)
  assert.is(keyspace.numberAt('n'), 41)
  const recorder = new Recorder()
  keyspace.capture(recorder)
  assert.is(keyspace.numberAt('n'), undefined, 'who counts now has to go the long way')
  assert.is(keyspace.get('n'), '41')
  keyspace.replaceByNumber('n', 42)
  keyspace.release(recorder)
  assert.equal(recorder.seen, [['n', '41']])
  keyspace.replaceByNumber('n', 43)
  keyspace.setExpiry('n', 10)
  assert.is(keyspace.numberAt('n'), undefined)
  keyspace.replaceByNumber('n', 44)
  assert.equal([keyspace.get('n'), keyspace.expiresAt('n')], ['44', 10], 'its time stays')
  keyspace.setExpiry('n', null)
  keyspace.replaceByNumber('n', 45)
  assert.is(keyspace.numberAt('n'), 45)
  assert.ok(keyspace.delete('n'))
  assert.is(keyspace.numberAt('n'), undefined)
})

test('observers hear of each change, with its kind', () => {
  const { keyspace } = make()
  const told: string[] = []
  keyspace.observer = (change, key) => told.push(`${change} ${key}`)
  keyspace.set('a', '1')
  keyspace.set('a', '2', 5)
  keyspace.setExpiry('a', 9)
  keyspace.delete('a', 'expire')
  keyspace.delete('a')
  keyspace.set('b', '1')
  keyspace.delete('b', 'evict')
  assert.equal(told, ['set a', 'set a', 'time a', 'expire a', 'set b', 'evict b'])
})

// Captures

test('a capture hears what a key held before each change, until it is released', () => {
  const { keyspace } = make()
  keyspace.set('a', 'old')
  keyspace.set('t', 'timed', 10)
  const capture = new Recorder()
  keyspace.capture(capture)
  keyspace.set('a', 'new')
  keyspace.delete('t')
  keyspace.set('t', 'again')
  keyspace.setExpiry('a', 3)
  keyspace.set('n', 'x')
  keyspace.release(capture)
  keyspace.set('a', 'unheard')
  assert.equal(capture.seen, [
    ['a', 'old'],
    ['t', 'timed'],
    ['t', 'gone'],
    ['a', 'new'],
    ['n', 'none'],
  ])
})

test('marks of deleted keys are neither seen nor counted, and go with the last capture', () => {
  const { keyspace } = make()
  for (const key of ['a', 'b', 'c', 'd']) keyspace.set(key, key)
  const [one, other] = [new Recorder(), new Recorder()]
  keyspace.capture(one)
  keyspace.capture(other)
  for (const key of ['a', 'b', 'c']) assert.ok(keyspace.delete(key))
  assert.not(keyspace.delete('a'))
  keyspace.set('b', 'again')
  assert.is(keyspace.size, 2)
  assert.equal(
    [...keyspace.entries()],
    [
      ['b', 'again'],
      ['d', 'd'],
    ],
  )
  assert.equal([keyspace.get('a'), keyspace.has('a'), keyspace.typeOf('a')], [undefined, false, 'none'])
  assert.equal(keyspace.scan(0, 100).keys, ['b', 'd'])
  keyspace.setExpiry('a', 5)
  assert.is(keyspace.expiry.size, 0)
  keyspace.release(one)
  keyspace.release(one)
  assert.is(keyspace.slots.size, 4, 'the other still walks')
  keyspace.release(other)
  assert.equal([...keyspace.slots.keys()], ['b', 'd'])
  assert.is(keyspace.size, 2)
})

test('size is right under random changes with captures coming and going', () => {
  const step = fc.record({
    do: fc.constantFrom('set', 'set', 'setTimed', 'delete', 'delete', 'expiry', 'capture', 'release'),
    key: fc.integer({ min: 0, max: 7 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.boolean(), (steps, bounded) => {
      const { keyspace } = make()
      if (bounded) keyspace.recency = new Recency(new Rules(), true)
      const model = new Map<string, number | null>()
      const captures: Recorder[] = []
      for (const one of steps) {
        const key = `k${one.key}`
        if (one.do === 'set') keyspace.set(key, 'v')
        else if (one.do === 'setTimed') keyspace.set(key, 'v', one.key)
        else if (one.do === 'delete') assert.is(keyspace.delete(key), model.has(key))
        else if (one.do === 'expiry') keyspace.setExpiry(key, one.key)
        else if (one.do === 'capture') {
          captures.push(new Recorder())
          keyspace.capture(captures.at(-1)!)
        } else if (captures.length > 0) keyspace.release(captures.splice(one.key % captures.length, 1)[0])
        if (one.do === 'set') model.set(key, null)
        else if (one.do === 'setTimed') model.set(key, one.key)
        else if (one.do === 'delete') model.delete(key)
        else if (one.do === 'expiry' && model.has(key)) model.set(key, one.key)
        assert.is(keyspace.size, model.size)
        assert.is(keyspace.expiry.size, [...model.values()].filter((time) => time !== null).length)
        for (const [name, time] of model) assert.is(keyspace.expiresAt(name), time)
        if (bounded) assert.equal([...keyspace.recency!.oldest()].sort(), [...model.keys()].sort())
      }
      for (const capture of captures) keyspace.release(capture)
      assert.is(keyspace.slots.size, model.size)
    }),
  )
})

// Scans

test('a key that is there throughout a scan is returned at least once, whatever else comes and goes', () => {
  const change = fc.record({ do: fc.constantFrom('set', 'delete'), key: fc.integer({ min: 0, max: 60 }) })
  const between = fc.array(change, { maxLength: 10 })
  const anyCount = fc.integer({ min: 1, max: 20 })
  fc.assert(
    fc.property(
      fc.array(between, { minLength: 40, maxLength: 40 }),
      anyCount,
      fc.boolean(),
      (changes, count, captured) => {
        const { keyspace } = make()
        for (let i = 0; i < 40; i++) keyspace.set(`k${i}`, 'v')
        if (captured) keyspace.capture(new Recorder())
        const throughout = new Set(keyspace.keys())
        const seen: string[] = []
        let cursor = 0
        let calls = 0
        do {
          const step = keyspace.scan(cursor, count)
          seen.push(...step.keys)
          cursor = step.cursor
          for (const one of changes[calls % changes.length]) {
            const key = `k${one.key}`
            if (one.do === 'set') keyspace.set(key, 'w')
            else if (keyspace.delete(key)) throughout.delete(key)
          }
          assert.ok(++calls < 1000, 'a scan comes to an end')
        } while (cursor !== 0)
        for (const key of throughout) assert.ok(seen.includes(key), key)
      },
    ),
  )
})

test('without changes a scan returns each key once', () => {
  const { keyspace } = make()
  const all = Array.from({ length: 57 }, (_, i) => `k${i}`)
  for (const key of all) keyspace.set(key, 'v')
  const seen: string[] = []
  let cursor = 0
  do {
    const step = keyspace.scan(cursor, 10)
    assert.ok(step.keys.length <= 10)
    seen.push(...step.keys)
    cursor = step.cursor
  } while (cursor !== 0)
  assert.equal(seen, all)
})

test('a cursor that is lost, used up or made up starts over', () => {
  const { keyspace } = make()
  for (let i = 0; i < 30; i++) keyspace.set(`k${i}`, 'v')
  const first = keyspace.scan(0, 10)
  const second = keyspace.scan(first.cursor, 10)
  assert.equal(second.keys[0], 'k10')
  for (const cursor of [first.cursor, 999, 2 ** 60]) assert.equal(keyspace.scan(cursor, 5).keys[0], 'k0')
})

test('scans run side by side, and the oldest of too many starts over', () => {
  const { keyspace } = make()
  for (let i = 0; i < 10; i++) keyspace.set(`k${i}`, 'v')
  const cursors = Array.from({ length: 1025 }, () => keyspace.scan(0, 5).cursor)
  assert.is(new Set(cursors).size, 1025)
  assert.equal(keyspace.scan(cursors[0], 5).keys[0], 'k0')
  assert.equal(keyspace.scan(cursors[1024], 5).keys[0], 'k5')
  assert.equal(keyspace.scan(cursors[500], 5).keys[0], 'k5')
})

test('a scan passes over keys past their time', () => {
  const { keyspace, at } = make()
  for (let i = 0; i < 10; i++) keyspace.set(`k${i}`, 'v', i)
  at.now = 5
  assert.equal(keyspace.scan(0, 100), { cursor: 0, keys: ['k5', 'k6', 'k7', 'k8', 'k9'] })
})

// Random keys

test('random keys are keys, and every key has its turn', () => {
  const { keyspace, at } = make()
  assert.is(keyspace.randomKey(), undefined)
  for (let i = 0; i < 20; i++) keyspace.set(`k${i}`, 'v', i < 10 ? 1 : 100)
  at.now = 50
  keyspace.capture(new Recorder())
  keyspace.delete('k19')
  const seen = new Set<string | undefined>()
  for (let i = 0; i < 500; i++) seen.add(keyspace.randomKey())
  assert.equal([...seen].sort(), ['k10', 'k11', 'k12', 'k13', 'k14', 'k15', 'k16', 'k17', 'k18'])
  at.now = 200
  assert.is(keyspace.randomKey(), undefined, 'all past their time')
})

test('a single key is always found', () => {
  const { keyspace } = make()
  for (let i = 0; i < 100; i++) keyspace.set(`k${i}`, 'v')
  for (let i = 0; i < 99; i++) keyspace.delete(`k${i}`)
  for (let i = 0; i < 50; i++) assert.is(keyspace.randomKey(), 'k99')
})

test.run()
