// A sorted set against a simple model: an array that is sorted anew for each question.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { compareText, latin1Of, textOfLatin1 } from '../../src/bytes.js'
import { SortedSet } from '../../src/keyspace/sorted-set.js'
import { suite } from '../suite.js'

const test = suite('sorted set')
const seed = 20_301

type Pair = [member: string, score: number]

function sorted(model: Map<string, number>): Pair[] {
  return [...model].sort(([a, x], [b, y]) => x - y || (x < y ? -1 : x > y ? 1 : compareText(a, b)))
}

function walked(set: SortedSet, from: number, count: number, step: 1 | -1): Pair[] {
  const pairs: Pair[] = []
  set.walk(from, count, step, (member, score) => pairs.push([member, score]))
  return pairs
}

/** Every question there is, at every place or at some. */
function assertEqual(set: SortedSet, model: Map<string, number>, step = 1): void {
  const pairs = sorted(model)
  assert.is(set.size, pairs.length)
  assert.equal([...set], pairs)
  assert.equal(walked(set, 0, Infinity, 1), pairs)
  assert.equal(walked(set, pairs.length - 1, Infinity, -1), [...pairs].reverse())
  for (let rank = 0; rank < pairs.length; rank += step) {
    const [member, score] = pairs[rank]
    assert.is(set.rank(member), rank)
    assert.is(set.score(member), score)
    assert.is(set.countBelow(score, false), pairs.filter(([, other]) => other < score).length)
    assert.is(set.countBelow(score, true), pairs.filter(([, other]) => other <= score).length)
    assert.equal(walked(set, rank, 3, 1), pairs.slice(rank, rank + 3))
    assert.equal(walked(set, rank, 3, -1), pairs.slice(Math.max(0, rank - 2), rank + 1).reverse())
  }
  let held = 0
  for (const [member] of pairs) held += member.length + 32
  assert.is(set.heldBytes, held)
}

const members = fc.oneof(
  fc.nat(400).map((n) => `member:${n}`),
  fc.constantFrom('', 'a', 'ab', 'é', '€', '\u{1f600}', '\uffff', '\udcff', 'a\udc80', textOfLatin1('\xed\xa0\x80')),
)
const scores = fc.oneof(fc.nat(20), fc.constantFrom(-Infinity, Infinity, -1.5, 0.1, 1e300, -1e-300))

test('any changes, step by step', () => {
  const change = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant('set'), members, scores) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('delete'), members, fc.constant(0)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('ranks'), fc.constant(''), fc.nat(1000)) },
  )
  fc.assert(
    fc.property(fc.array(change, { maxLength: 600, size: 'max' }), (changes) => {
      const set = new SortedSet()
      const model = new Map<string, number>()
      for (const [kind, member, number] of changes) {
        if (kind === 'set') {
          assert.is(set.set(member, number), !model.has(member))
          model.set(member, number)
        } else if (kind === 'delete') assert.is(set.delete(member), model.delete(member))
        else {
          const from = number % (set.size + 1)
          const to = Math.min(set.size, from + (number % 7))
          for (const [gone] of sorted(model).slice(from, to)) model.delete(gone)
          set.deleteRanks(from, to)
        }
      }
      assertEqual(set, model, 7)
    }),
    { seed, numRuns: 60 },
  )
})

/** Numbers from one seed. */
function numbers(): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state % below
  }
}

test('many members, added in every order and taken out in every order', () => {
  const size = 20_000
  const random = numbers()
  const orders: ((i: number) => number)[] = [
    (i) => i,
    (i) => -i,
    () => random(1e6),
    (i) => (i % 2 === 0 ? i : -i),
    () => 7,
  ]
  for (const order of orders) {
    const set = new SortedSet()
    const model = new Map<string, number>()
    for (let i = 0; i < size; i++) {
      set.set(`m${i}`, order(i))
      model.set(`m${i}`, order === orders[2] ? set.score(`m${i}`)! : order(i))
    }
    for (let i = 0; i < size; i += 3) {
      set.set(`m${i}`, 5)
      model.set(`m${i}`, 5)
    }
    assertEqual(set, model, 4999)
    const copy = set.clone()
    // From the front, from the back, and from between, until few are left.
    for (const from of [() => 0, () => set.size - 1, () => random(set.size)])
      for (let i = 0; i < 6000; i++) {
        const rank = from()
        set.walk(rank, 1, 1, (member) => model.delete(member))
        set.deleteRanks(rank, rank + 1)
      }
    assertEqual(set, model, 499)
    assert.is(copy.size, size)
    assert.equal([...copy].length, size)
    for (const member of [...model.keys()]) assert.ok(set.delete(member))
    assert.is(set.size, 0)
    assert.equal([...set], [])
    assert.is(set.heldBytes, 0)
    set.set('again', 1)
    assert.equal([...set], [['again', 1]])
  }
})

test('places between members of one score', () => {
  const set = new SortedSet()
  const texts = ['', 'a', 'a\0', 'aa', 'b', 'é', '\ue000', '\u{1f600}', '\udc80', '\udcff', 'member', 'member1']
  const random = numbers()
  for (let i = 0; i < 500; i++) texts.push(`x${random(1e6)}`)
  for (const text of texts) set.set(text, 0)
  const all = [...new Set(texts)].sort(compareText)
  assert.equal(
    [...set].map(([member]) => latin1Of(member)),
    all.map(latin1Of),
  )
  for (const text of [...all, 'a\x01', 'x', 'x5', 'zz', '\uffff']) {
    const before = all.filter((other) => compareText(other, text) < 0).length
    assert.is(set.countBeforeText(text, false), before)
    assert.is(set.countBeforeText(text, true), before + (all.includes(text) ? 1 : 0))
  }
})

test('a scan returns whatever stays, while others come and go', () => {
  const random = numbers()
  for (let run = 0; run < 50; run++) {
    const set = new SortedSet()
    for (let i = 0; i < 200; i++) set.set(`m${i}`, random(50))
    const staying = new Set(Array.from({ length: 200 }, (_, i) => `m${i}`))
    const seen = new Set<string>()
    let cursor = 0
    do {
      const step = set.scan(cursor, 10)
      for (const member of step.members) seen.add(member)
      cursor = step.cursor
      for (let i = 0; i < 8; i++) {
        const member = `m${random(300)}`
        if (random(2) === 0) set.set(member, random(50))
        else if (set.delete(member)) staying.delete(member)
      }
    } while (cursor !== 0)
    for (const member of staying) assert.ok(seen.has(member), member)
  }
})

test('a clone keeps what it was', () => {
  const set = new SortedSet()
  for (let i = 0; i < 1000; i++) set.set(`m${i}`, i % 10)
  const before = [...set]
  const copy = set.clone()
  for (let i = 0; i < 1000; i += 2) set.delete(`m${i}`)
  set.set('m1', 99)
  assert.equal([...copy], before)
  assert.is(copy.rank('m1'), 100)
  copy.set('new', 0)
  assert.is(set.has('new'), false)
  assert.is(set.size, 500)
})

test('what was too large for a listpack stays so', () => {
  const set = new SortedSet()
  for (let i = 0; i < 10; i++) set.set(`m${i}`, i)
  assert.ok(set.isListpack(10, 2))
  assert.not(set.isListpack(9, 2))
  set.delete('m1')
  assert.not(set.isListpack(9, 64))
  assert.not(set.clone().isListpack(9, 64))
  set.set('\udcff\udcfe€', 1)
  assert.ok(set.isListpack(10, 5))
  assert.not(set.isListpack(10, 4))
})

test.run()
