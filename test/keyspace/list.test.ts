// A list, against an array.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ELEMENT_OVERHEAD_BYTES } from '../../src/keyspace/collection.js'
import { List } from '../../src/keyspace/list.js'
import { suite } from '../suite.js'

const test = suite('list')

function assertSame(list: List, model: readonly string[]): void {
  assert.is(list.size, model.length)
  assert.equal([...list], model)
  assert.is(list.at(-1), undefined)
  assert.is(list.at(model.length), undefined)
  const held = model.reduce((sum, item) => sum + item.length + ELEMENT_OVERHEAD_BYTES, 0)
  assert.is(list.heldBytes, held, 'heldBytes')
}

type Step = (list: List, model: string[]) => void

/** Few different items, so that some are met again. */
const item = fc.integer({ min: 0, max: 5 }).map((n) => 'x'.repeat(n) + n)
/** Enough to fill chunks and to empty them. */
const many = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1500 }))
/** Where in a list, as a part of its length. */
const part = fc.double({ min: 0, max: 1, noNaN: true })

const steps: fc.Arbitrary<Step>[] = [
  fc.tuple(item, many).map(([one, count]) => (list, model) => {
    for (let i = 0; i < count; i++) {
      list.pushBack(one + i)
      model.push(one + i)
    }
  }),
  fc.tuple(item, many).map(([one, count]) => (list, model) => {
    for (let i = 0; i < count; i++) list.pushFront(one)
    model.unshift(...new Array<string>(count).fill(one))
  }),
  many.map((count) => (list, model) => {
    for (let i = 0; i < count; i++) assert.is(list.popBack(), model.pop())
  }),
  many.map((count) => (list, model) => {
    for (let i = 0; i < count; i++) assert.is(list.popFront(), model.shift())
  }),
  fc.tuple(part, item).map(([where, one]) => (list, model) => {
    const index = Math.floor(where * model.length)
    list.insert(index, one)
    model.splice(index, 0, one)
  }),
  fc.tuple(part, many).map(([where, most]) => (list, model) => {
    const index = Math.floor(where * model.length)
    const count = Math.min(most, model.length - index)
    list.removeAt(index, count)
    model.splice(index, count)
  }),
  fc.tuple(part, part).map(([a, b]) => (list, model) => {
    const [start, end] = [a, b].map((where) => Math.floor(where * (model.length + 1))).sort((x, y) => x - y)
    list.trim(start, end)
    model.splice(0, model.length, ...model.slice(start, end))
  }),
  fc.tuple(part, item).map(([where, one]) => (list, model) => {
    const index = Math.floor(where * model.length)
    if (index === model.length) return
    list.set(index, one)
    model[index] = one
  }),
  fc.tuple(item, many, fc.boolean()).map(([one, most, fromBack]) => (list, model) => {
    const found = model.flatMap((other, i) => (other === one ? [i] : []))
    const gone = new Set(fromBack ? found.slice(Math.max(0, found.length - most)) : found.slice(0, most))
    assert.is(fromBack ? list.removeFromBack(one, most) : list.remove(one, most), gone.size)
    model.splice(0, model.length, ...model.filter((_, i) => !gone.has(i)))
  }),
  fc.constant<Step>((list, model) => assertSame(list.clone(), model)),
]

test('does what an array does', () => {
  const property = fc.property(fc.array(fc.oneof(...steps), { maxLength: 40 }), (run) => {
    const list = new List()
    const model: string[] = []
    for (const step of run) {
      step(list, model)
      assertSame(list, model)
    }
  })
  fc.assert(property, { seed: 3, numRuns: 150 })
})

test('a copy and its original go apart', () => {
  const list = new List()
  for (let i = 0; i < 2000; i++) list.pushBack(String(i))
  const copy = list.clone()
  copy.set(1000, 'x')
  copy.popFront()
  list.popBack()
  list.pushFront('y')
  assert.is(list.at(1001), '1000')
  assert.is(copy.at(999), 'x')
  assert.is(copy.size, 1999)
  assert.is(copy.at(1998), '1999')
})

test('a queue and a stack of any length keep to their chunks', () => {
  const list = new List()
  for (let length = 1; length < 3000; length = length * 2 + 1) {
    while (list.size < length) list.pushBack(`item ${list.size}`)
    for (let i = 0; i < 2000; i++) {
      list.pushBack(list.popFront()!)
      list.pushFront(list.popFront()!)
    }
    assert.is(list.size, length)
  }
})

test.run()
