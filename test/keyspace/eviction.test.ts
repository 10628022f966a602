// Who has to go under the LFU policies; and that keys in use stay, where LRU loses them.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { victimOf } from '../../src/keyspace/eviction.js'
import { Keyspace } from '../../src/keyspace/keyspace.js'
import { Recency } from '../../src/keyspace/recency.js'
import { Store } from '../../src/store.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import { NOBODY } from '../rdb/corpus.js'
import { suite } from '../suite.js'
import { Rules } from './rules.js'

const test = suite('eviction')

function counted(seed = 1): { keyspace: Keyspace; recency: Recency; rules: Rules } {
  const rules = new Rules(seed)
  rules.isCounted = true
  rules.logFactor = 0
  const keyspace = new Keyspace(0, { ...NOBODY, random: () => rules.random() })
  const recency = new Recency(rules, true)
  keyspace.recency = recency
  return { keyspace, recency, rules }
}

const choice = (rules: Rules, samples: number) => ({ random: () => rules.random(), samples })

test('if all keys are drawn, the one that was used least goes; of equal ones, the one that was used longest ago', () => {
  const uses = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(uses, fc.nat({ max: 1e6 }), (counts, seed) => {
      const { keyspace, rules } = counted(1 + seed)
      for (const [i, count] of counts.entries()) {
        rules.second++
        keyspace.set(`k${i}`, 'v')
        for (let use = 0; use < count; use++) keyspace.get(`k${i}`)
      }
      const expected = [...counts.keys()].sort((one, other) => counts[one] - counts[other] || one - other)
      for (const i of expected) {
        const victim = victimOf(keyspace, 'allkeys-lfu', choice(rules, 300))
        assert.is(victim, `k${i}`)
        keyspace.delete(victim!)
      }
      assert.is(victimOf(keyspace, 'allkeys-lfu', choice(rules, 300)), undefined)
    }),
    { seed: 1 },
  )
})

test('a counter that has decayed counts for what is left of it', () => {
  const { keyspace, rules } = counted()
  rules.second = 0
  keyspace.set('once hot', 'v')
  for (let i = 0; i < 10; i++) keyspace.get('once hot')
  rules.second += 60 * 12
  keyspace.set('new', 'v')
  assert.is(victimOf(keyspace, 'allkeys-lfu', choice(rules, 50)), 'once hot')
})

test('a good victim of an earlier draw is remembered, while it is one', () => {
  const { keyspace, recency } = counted()
  for (const [key, uses] of [
    ['a', 1],
    ['b', 2],
    ['c', 5],
  ] as const) {
    keyspace.set(key, 'v')
    for (let i = 0; i < uses; i++) keyspace.get(key)
  }
  const draw = (...keys: string[]) =>
    recency.leastUsed(
      () => keys.shift(),
      keys.length,
      (key) => keyspace.has(key),
    )
  assert.is(draw('b', 'a'), 'a')
  keyspace.delete('a')
  assert.is(draw('c'), 'b', 'from the draw before')
  keyspace.set('b', 'w')
  for (let i = 0; i < 10; i++) keyspace.get('b')
  assert.is(draw('c', 'b'), 'c', 'it was used meanwhile')
  keyspace.delete('c')
  keyspace.delete('b')
  assert.is(draw('c'), undefined)
})

test('volatile-lfu draws from keys with a time, and takes the next one due where none of them is left to judge', () => {
  const { keyspace, rules } = counted()
  keyspace.set('lasting', 'v')
  keyspace.set('hot', 'v', 1000)
  keyspace.set('cold', 'v', 2000)
  for (let i = 0; i < 5; i++) keyspace.get('hot')
  const victim = (): string | undefined => victimOf(keyspace, 'volatile-lfu', choice(rules, 50))
  assert.is(victim(), 'cold')
  keyspace.setExpiry('cold', null)
  assert.is(victim(), 'hot', 'also when the pool remembers others')
  keyspace.recency = null
  assert.is(victim(), 'hot')
  keyspace.delete('hot')
  assert.is(victim(), undefined)
})

/** How many of 100 keys in steady use are left when scans have come by, of twice as many keys as the memory holds. */
function hotKeysLeft(policy: string, config: Record<string, string> = {}): number {
  const sim = new MemoryNetwork({ seed: 7 })
  const store = new Store({
    env: sim.env('a'),
    config: { maxmemory: '160000', 'maxmemory-policy': policy, ...config },
  })
  const value = 'x'.repeat(50)
  const options = policy.startsWith('volatile') ? { ttl: 1e9 } : {}
  const rules = new Rules(3)
  for (let i = 0; i < 100; i++) store.set(`hot${i}`, value, options)
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 3000; i++) store.get(`hot${i % 100}`)
    for (let i = 0; i < 2500; i++) {
      const key = `scan${round}-${i}`
      store.set(key, value, options)
      if (rules.random() < 0.2) store.get(key)
    }
  }
  let left = 0
  for (let i = 0; i < 100; i++) if (store.has(`hot${i}`)) left++
  assert.ok(store.size > 1000 && store.size < 1300, `${store.size} keys`)
  return left
}

test('keys in steady use outlive scans under allkeys-lfu and volatile-lfu, and not under LRU', () => {
  const left = {
    'allkeys-lru': hotKeysLeft('allkeys-lru'),
    'allkeys-lfu': hotKeysLeft('allkeys-lfu'),
    'volatile-lfu': hotKeysLeft('volatile-lfu'),
    'more samples': hotKeysLeft('allkeys-lfu', { 'maxmemory-samples': '10' }),
  }
  assert.is(left['allkeys-lru'], 0)
  for (const name of ['allkeys-lfu', 'volatile-lfu', 'more samples'] as const)
    assert.ok(left[name] >= 95, `${name}: ${left[name]} of 100`)
})

test('the same seed evicts the same keys', () => {
  const keysLeft = (seed: number): string => {
    const store = new Store({
      env: new MemoryNetwork({ seed }).env('a'),
      config: { maxmemory: '20000', 'maxmemory-policy': 'allkeys-lfu' },
    })
    for (let i = 0; i < 1000; i++) {
      store.set(`k${i}`, i)
      store.get(`k${i >> 1}`)
    }
    return [...store.keys()].join(' ')
  }
  assert.is(keysLeft(1), keysLeft(1))
  assert.is.not(keysLeft(1), keysLeft(2))
})

test('a store of at most n keys goes by uses under allkeys-lfu', () => {
  const sim = new MemoryNetwork({ seed: 1 })
  const store = new Store({ env: sim.env('a'), max: 10, config: { 'maxmemory-policy': 'allkeys-lfu' } })
  store.set('hot', 1)
  for (let i = 0; i < 1000; i++) store.get('hot')
  for (let i = 0; i < 100; i++) store.set(`k${i}`, i)
  assert.is(store.size, 10)
  assert.ok(store.has('hot'))
})

test.run()
