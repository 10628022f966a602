// HyperLogLogs without a server: bytes and counts that redis-server 7.0.15 gave, and the two encodings against each other.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { countRegisters, HyperLogLog, REGISTERS } from '../../src/keyspace/hyperloglog.js'
import { suite } from '../suite.js'

const test = suite('hyperloglog')

const MAX_SPARSE_BYTES = 3000

test('the bytes of three elements', () => {
  const hll = HyperLogLog.empty()
  for (const element of ['a', 'b', 'c']) assert.ok(hll.add(element, MAX_SPARSE_BYTES))
  hll.cardinality = null
  const bytes = '48594c4c01000000000000000000008060f38050b1844bfb80425a'
  assert.is(Buffer.from(hll.latin1, 'latin1').toString('hex'), bytes)
  assert.not(hll.add('a', MAX_SPARSE_BYTES))
  assert.is(hll.count(), 3n)
})

test('long runs of zeros, which reach into the upper half of the hash', () => {
  for (const [element, run] of [
    ['632060', 21],
    ['877635', 19],
  ] as const) {
    const hll = HyperLogLog.empty()
    hll.add(element, MAX_SPARSE_BYTES)
    assert.is(Math.max(...[...hll.runs()].map(({ value }) => value)), run)
  }
})

test('the count of 100,000 elements', () => {
  const hll = HyperLogLog.empty()
  for (let i = 0; i < 100_000; i++) hll.add(String(i), MAX_SPARSE_BYTES)
  assert.is(hll.encoding, 'dense')
  assert.is(hll.count(), 99565n)
})

test('sparse and dense hold the same registers, in any order of elements', () => {
  const elements = fc.array(fc.nat(5000).map(String), { maxLength: 400, size: 'max' })
  fc.assert(
    fc.property(elements, (all) => {
      const sparse = HyperLogLog.empty()
      const dense = HyperLogLog.empty()
      dense.toDense()
      for (const element of all) {
        assert.is(sparse.add(element, MAX_SPARSE_BYTES), dense.add(element, MAX_SPARSE_BYTES))
      }
      assert.is(sparse.encoding, 'sparse')
      const [registers, others] = [sparse, dense].map((hll) => {
        const held = new Uint8Array(REGISTERS)
        hll.mergeInto(held)
        return held
      })
      assert.equal(registers, others)
      assert.is(sparse.count(), dense.count())
      assert.is(countRegisters(registers), dense.count())
      assert.is(HyperLogLog.parse(sparse.latin1)?.count(), sparse.count())
      sparse.toDense()
      dense.cardinality = sparse.cardinality = null
      assert.is(sparse.latin1, dense.latin1)
    }),
    { seed: 20260703, numRuns: 50 },
  )
})

test('what is none', () => {
  const bytes = HyperLogLog.empty().latin1
  assert.is.not(HyperLogLog.parse(bytes), null)
  const dense = bytes.replace('\x01', '\0')
  for (const not of ['', 'HYLL', `HYLX${bytes.slice(4)}`, dense, bytes.replace('\x01', '\x02')])
    assert.is(HyperLogLog.parse(not), null)
})

test.run()
