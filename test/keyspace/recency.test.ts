// The record of use: order, seconds, counters, and how it goes on when it is kept in another way.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Keyspace } from '../../src/keyspace/keyspace.js'
import { Recency } from '../../src/keyspace/recency.js'
import { NOBODY } from '../rdb/corpus.js'
import { suite } from '../suite.js'
import { Rules } from './rules.js'

const test = suite('recency')

function recorded(isSized: boolean): { keyspace: Keyspace; recency: Recency; rules: Rules } {
  const rules = new Rules()
  const keyspace = new Keyspace(0, NOBODY)
  const recency = new Recency(rules, isSized)
  keyspace.recency = recency
  return { keyspace, recency, rules }
}

const idle = (recency: Recency, key: string): number => recency.useOf(key).idleSeconds
const frequency = (recency: Recency, key: string): number => recency.useOf(key).frequency

for (const isSized of [true, false]) {
  test(`idle times start anew with each use${isSized ? '' : ', also when sizes are not kept'}`, () => {
    const { keyspace, recency, rules } = recorded(isSized)
    keyspace.set('a', 'v')
    keyspace.set('b', 'v')
    rules.second += 100
    assert.equal([idle(recency, 'a'), idle(recency, 'b')], [100, 100])
    keyspace.get('a')
    rules.second += 5
    assert.equal([idle(recency, 'a'), idle(recency, 'b')], [5, 105])
    keyspace.peek('b')
    keyspace.has('b')
    keyspace.expiresAt('b')
    keyspace.typeOf('b')
    assert.is(idle(recency, 'b'), 105)
    keyspace.set('b', 'w')
    assert.is(idle(recency, 'b'), 0)
    rules.second -= 50
    assert.is(idle(recency, 'b'), 0, 'a clock that was set back')
  })

  test(`a key that is deleted and made anew begins anew${isSized ? '' : ', also when sizes are not kept'}`, () => {
    const { keyspace, recency, rules } = recorded(isSized)
    rules.isCounted = true
    rules.logFactor = 0
    keyspace.set('a', 'v')
    for (let i = 0; i < 10; i++) keyspace.get('a')
    assert.is(frequency(recency, 'a'), 15)
    keyspace.delete('a')
    keyspace.get('a')
    keyspace.set('a', 'v')
    assert.is(frequency(recency, 'a'), 5)
  })
}

test('keys that were there before are idle since the record began, until they are used', () => {
  for (const isSized of [true, false]) {
    const rules = new Rules()
    const keyspace = new Keyspace(0, NOBODY)
    keyspace.set('old', 'v')
    keyspace.set('used', 'v')
    keyspace.recency = new Recency(rules, isSized)
    rules.second += 60
    keyspace.get('used')
    keyspace.set('new', 'v')
    rules.second += 3
    const idleTimes = ['old', 'used', 'new'].map((key) => idle(keyspace.recency!, key))
    assert.equal(idleTimes, [63, 3, 3])
  }
})

test('a record goes on when sizes begin or cease to be kept', () => {
  const { keyspace, recency, rules } = recorded(false)
  rules.isCounted = true
  rules.logFactor = 0
  rules.decayMinutes = 0
  for (const key of ['a', 'b', 'c']) keyspace.set(key, 'v')
  rules.second += 10
  keyspace.get('a')
  keyspace.get('a')
  assert.is(recency.bytes, 0)
  const sized = new Recency(rules, true, recency)
  keyspace.recency = sized
  assert.ok(sized.bytes > 0)
  assert.equal(
    ['a', 'b', 'c'].map((key) => sized.useOf(key)),
    [
      { idleSeconds: 0, frequency: 7 },
      { idleSeconds: 10, frequency: 5 },
      { idleSeconds: 10, frequency: 5 },
    ],
  )
  assert.equal([...sized.oldest()], ['b', 'c', 'a'])
  rules.second += 10
  keyspace.set('d', 'v')
  const unsized = new Recency(rules, false, sized)
  keyspace.recency = unsized
  assert.is(unsized.bytes, 0)
  assert.equal(
    ['a', 'b', 'd'].map((key) => idle(unsized, key)),
    [10, 20, 0],
  )
  assert.equal([...unsized.oldest()], ['b', 'c', 'a', 'd'])
})

test('without sizes nothing is kept of a key before it is used', () => {
  const rules = new Rules()
  const keyspace = new Keyspace(0, NOBODY)
  for (let i = 0; i < 100; i++) keyspace.set(`k${i}`, 'v')
  keyspace.recency = new Recency(rules, false)
  keyspace.get('k3')
  keyspace.get('nothing')
  assert.equal([...keyspace.recency.oldest()], ['k3'])
})

test('a command that reads a key and sets it has used it once', () => {
  const { keyspace, recency, rules } = recorded(true)
  rules.isCounted = true
  rules.logFactor = 0
  let call = 1
  Object.defineProperty(rules, 'call', { get: () => call })
  keyspace.set('n', '1')
  call++
  keyspace.get('n')
  keyspace.set('n', '2')
  assert.is(frequency(recency, 'n'), 6)
  call++
  keyspace.set('n', '3')
  assert.is(frequency(recency, 'n'), 7)
})

test('quiet readers leave no trace', () => {
  const { keyspace, recency, rules } = recorded(true)
  rules.isCounted = true
  rules.logFactor = 0
  keyspace.set('a', 'v')
  keyspace.set('b', 'v')
  rules.second += 7
  rules.isQuiet = true
  keyspace.get('a')
  assert.equal(recency.useOf('a'), { idleSeconds: 7, frequency: 5 })
  assert.equal([...recency.oldest()], ['a', 'b'])
})

/** The table that Redis' documentation gives for lfu-log-factor, by factor: counters after so many hits. */
const documented: [factor: number, hits: number, counter: number][] = [
  [0, 100, 104],
  [0, 1000, 255],
  [1, 100, 18],
  [1, 1000, 49],
  [1, 100_000, 255],
  [10, 100, 10],
  [10, 1000, 18],
  [10, 100_000, 142],
  [10, 1_000_000, 255],
  [100, 1000, 11],
  [100, 100_000, 49],
  [100, 1_000_000, 143],
]

test('counters grow as the documented table of lfu-log-factor has it', () => {
  for (const [factor, hits, expected] of documented) {
    const { keyspace, recency, rules } = recorded(false)
    rules.isCounted = true
    rules.logFactor = factor
    keyspace.set('k', 'v')
    for (let i = 0; i < hits; i++) recency.touch('k')
    const counter = frequency(recency, 'k')
    const leeway = Math.max(4, expected / 8)
    assert.ok(Math.abs(counter - expected) <= leeway, `factor ${factor}, ${hits} hits: ${counter}, not ${expected}`)
  }
})

test('counters decay by the minutes that began since the last use', () => {
  const { keyspace, recency, rules } = recorded(true)
  rules.isCounted = true
  rules.logFactor = 0
  rules.second = 60 * 1000 + 59
  keyspace.set('k', 'v')
  for (let i = 0; i < 20; i++) keyspace.get('k')
  assert.is(frequency(recency, 'k'), 25)
  rules.second += 1
  assert.is(frequency(recency, 'k'), 24, 'a minute began')
  rules.second += 59
  assert.is(frequency(recency, 'k'), 24)
  rules.second += 1
  assert.is(frequency(recency, 'k'), 23)
  rules.decayMinutes = 2
  assert.is(frequency(recency, 'k'), 24)
  rules.decayMinutes = 0
  assert.is(frequency(recency, 'k'), 25)
  rules.decayMinutes = 1
  keyspace.get('k')
  assert.is(frequency(recency, 'k'), 24, 'decays, then counts the use')
  rules.second += 24 * 60
  assert.is(frequency(recency, 'k'), 0)
  keyspace.get('k')
  assert.is(frequency(recency, 'k'), 1)
})

test('a use that is told of is taken as the policy goes: an idle time, or a counter', () => {
  const { keyspace, recency, rules } = recorded(true)
  keyspace.set('k', 'v')
  recency.assign('k', { idleSeconds: 1000 })
  recency.assign('k', { frequency: 100 })
  assert.equal(recency.useOf('k'), { idleSeconds: 1000, frequency: 0 })
  rules.isCounted = true
  recency.assign('k', { idleSeconds: 50 })
  recency.assign('k', { frequency: 100 })
  assert.equal(recency.useOf('k'), { idleSeconds: 0, frequency: 100 })
  rules.isCounted = false
  recency.assign('k', { idleSeconds: 1e18 })
  assert.is(idle(recency, 'k'), rules.second, 'as long ago as seconds are counted')
})

test('keys that were given idle times are in their places in the order', () => {
  const second = fc.integer({ min: 0, max: 50 })
  fc.assert(
    fc.property(fc.array(second, { maxLength: 30 }), fc.array(fc.nat({ max: 29 })), (idleTimes, reads) => {
      const { keyspace, recency, rules } = recorded(true)
      for (const [i, idleSeconds] of idleTimes.entries()) {
        keyspace.set(`k${i}`, 'v')
        recency.assign(`k${i}`, { idleSeconds })
      }
      rules.second += 1
      const used = [...new Set(reads.filter((i) => i < idleTimes.length).reverse())].reverse()
      for (const i of reads) keyspace.get(`k${i}`)
      const rest = [...idleTimes.keys()].filter((i) => !used.includes(i))
      rest.sort((one, other) => idleTimes[other] - idleTimes[one] || one - other)
      assert.equal(
        [...recency.oldest()],
        [...rest, ...used].map((i) => `k${i}`),
      )
    }),
    { seed: 1 },
  )
})

test('the order is put right again once in so many choices, however many keys are given idle times', () => {
  const { keyspace, recency } = recorded(true)
  for (let i = 0; i < 100; i++) keyspace.set(`k${i}`, 'v')
  const oldest = (): string => recency.oldest().next().value!
  recency.assign('k50', { idleSeconds: 10 })
  assert.is(oldest(), 'k50')
  recency.assign('k60', { idleSeconds: 20 })
  const seen = Array.from({ length: 11 }, oldest)
  assert.equal(seen, [...Array.from({ length: 10 }, () => 'k50'), 'k60'])
})

test('one key takes the record of another, or begins anew', () => {
  const { keyspace, recency, rules } = recorded(true)
  rules.isCounted = true
  rules.logFactor = 0
  keyspace.set('a', 'v')
  for (let i = 0; i < 5; i++) keyspace.get('a')
  keyspace.set('b', 'v')
  recency.place('b', recency.look('a'))
  assert.is(frequency(recency, 'b'), 10)
  keyspace.get('b')
  assert.equal([frequency(recency, 'a'), frequency(recency, 'b')], [10, 11], 'each has its own')
  recency.place('b')
  assert.is(frequency(recency, 'b'), 5)
})

test.run()
