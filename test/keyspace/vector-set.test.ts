// A vector set against a plain Map, and its graph against what Redis demands of one.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { bytesOf, projectionOf, type Quantization, quantized, valuesOf, vectorOf } from '../../src/keyspace/vector.js'
import type { VectorNode } from '../../src/keyspace/vector-graph.js'
import { type VectorForm, VectorSet } from '../../src/keyspace/vector-set.js'
import { dumpValue, payloadVersion, restoreValue } from '../../src/rdb/payload.js'
import { suite } from '../suite.js'

const test = suite('vector set')

const quantizations: readonly Quantization[] = ['f32', 'int8', 'bin']

function formOf(quantization: Quantization, dim = 4, m = 4): VectorForm {
  return { dim, quantization, m, projection: null }
}

/** What is in it: name, stored bytes, norm, range, attribute. */
function shown(set: VectorSet): string[][] {
  return [...set]
    .map(({ name, vector, attribute }) => [
      name,
      bytesOf(vector).toString('hex'),
      String(vector.norm),
      String(vector.range),
      attribute,
    ])
    .sort()
}

/** Throws unless all links go both ways, once, on levels that both have, with room for them. */
function assertSound(set: VectorSet): void {
  const nodes = new Set(set)
  for (const node of nodes) {
    assert.ok(node.links.length > 0, `${node.name} is in the graph`)
    for (const [level, links] of node.links.entries()) {
      assert.ok(links.length <= set.room(level), `${node.name} has ${links.length} links on level ${level}`)
      assert.is(new Set(links).size, links.length)
      for (const other of links) {
        assert.ok(other !== node && nodes.has(other), 'a link to another one')
        assert.ok(other.links[level]?.includes(node), 'a link back')
      }
    }
  }
}

/** How many can be reached on the lowest level from the first one. */
function reachable(set: VectorSet): number {
  const [first] = set
  const seen = new Set<VectorNode>([first])
  for (const node of seen) for (const other of node.links[0]) seen.add(other)
  return seen.size
}

function link(set: VectorSet): void {
  while (set.linkNext());
}

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function randomVector(dim: number, next: () => number): Float32Array {
  return Float32Array.from({ length: dim }, () => next() - 0.5)
}

const name = fc.integer({ min: 0, max: 30 }).map((i) => `e${i}`)
const values = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 4, maxLength: 4 })
const attribute = fc.constantFrom(null, '', '{"a":1}', 'x')
const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('set' as const), name, values, attribute) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('delete' as const), name) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('attribute' as const), name, fc.constantFrom('', 'y', 'zz')) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('link' as const, 'clone' as const, 'dump' as const)) },
)

for (const quantization of quantizations) {
  test(`${quantization}: holds what was put into it, however it is linked, copied and written`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let set = new VectorSet(formOf(quantization))
        const model = new Map<string, [numbers: number[], attribute: string]>()
        for (const one of steps) {
          if (one[0] === 'set') {
            const [, at, numbers, given] = one
            const isNew = set.set(at, set.vectorFor(Float32Array.from(numbers)), given)
            assert.is(isNew, !model.has(at))
            model.set(at, [numbers, given ?? model.get(at)?.[1] ?? ''])
          } else if (one[0] === 'delete') assert.is(set.delete(one[1]), model.delete(one[1]))
          else if (one[0] === 'attribute') {
            const node = set.get(one[1])
            assert.is(node !== undefined, model.has(one[1]))
            if (node === undefined) continue
            set.setAttribute(node, one[2])
            model.get(one[1])![1] = one[2]
          } else if (one[0] === 'link') link(set)
          else if (one[0] === 'clone') {
            const before = shown(set)
            const copy = set.clone()
            for (const { name: at } of [...set]) set.delete(at)
            assert.equal(shown(copy), before)
            assert.is(set.heldBytes, 0)
            set = copy
          } else if (set.size > 0) set = again(set)
        }
        assert.is(set.size, model.size)
        assert.is(set.attributes, [...model.values()].filter(([, given]) => given !== '').length)
        const expected = new VectorSet(set.form)
        for (const [at, [numbers, given]] of model)
          expected.set(at, expected.vectorFor(Float32Array.from(numbers)), given)
        assert.equal(shown(set), shown(expected))
        assert.is(set.heldBytes, expected.heldBytes)
        link(set)
        assertSound(set)
      }),
      { seed: 1, numRuns: 150 },
    )
  })
}

/** Written and read. */
function again(set: VectorSet): VectorSet {
  const payload = Buffer.from(dumpValue(set), 'latin1')
  const read = restoreValue(payload, payloadVersion(payload)!)
  assert.ok(read instanceof VectorSet)
  assert.equal(shown(read), shown(set))
  assert.is(read.topLevel, set.topLevel)
  assertSound(read)
  return read
}

test('a graph that is written holds together, and finds what is near', () => {
  const next = random(7)
  const set = new VectorSet(formOf('int8', 16, 8))
  for (let i = 0; i < 800; i++) set.set(`e${i}`, set.vectorFor(randomVector(16, next)), null)
  link(set)
  for (let i = 0; i < 800; i += 3) set.delete(`e${i}`)
  for (let i = 0; i < 200; i++) set.set(`f${i}`, set.vectorFor(randomVector(16, next)), null)
  link(set)
  assertSound(set)
  assert.is(reachable(set), set.size)
  assert.ok(set.topLevel > 1)
})

test('a projection stays with the set', () => {
  const projection = projectionOf(6, 3)
  const set = new VectorSet({ dim: 3, quantization: 'f32', m: 16, projection })
  set.set('a', set.vectorFor(Float32Array.of(1, 2, 3, 4, 5, 6)), null)
  const read = again(set)
  assert.is(read.form.projection?.inputDim, 6)
  assert.equal([...read.form.projection!.matrix], [...projection.matrix])
})

test('vectors and what they stand for', () => {
  const three = quantized('int8', Float32Array.of(0, 3, -4))
  assert.equal([...three.stored], [0, 95, -127])
  assert.is(three.norm, 5)
  assert.is(three.range, Math.fround(0.8))
  assert.equal([...quantized('int8', new Float32Array(2)).stored], [0, 0])
  assert.equal([...quantized('bin', Float32Array.of(1, -1, 0, 2)).stored], [9, 0, 0, 0, 0, 0, 0, 0])
  const bits = vectorOf('bin', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0), 2, 0)
  assert.equal([...valuesOf(bits, 4)], [1, -1, -1, 1])
})

test('what Redis refuses to load is refused', () => {
  const set = new VectorSet(formOf('int8'))
  for (let i = 0; i < 3; i++) set.set(`e${i}`, set.vectorFor(Float32Array.of(i, 1, 2, 3)), null)
  link(set)
  const refused = (change: (copy: VectorNode[]) => void): void => {
    const copy = set.clone()
    change([...copy])
    const payload = Buffer.from(dumpValue(copy), 'latin1')
    assert.is(restoreValue(payload, payloadVersion(payload)!), undefined)
  }
  refused(([one]) => void one.links[0].pop())
  refused(([one, other]) => one.links[0].push(other))
  refused(([one]) => one.links[0].push(one))
  refused(([one]) => one.links[0].push(...Array.from({ length: 20_000 }, () => one)))
})

test.run()
