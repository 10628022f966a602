// Bounded stores: who has to go when `max` keys or `maxMemory` bytes are passed, and that replicas lose the same keys.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Store, type StoreOptions } from '../src/store.js'
import { MemoryNetwork } from '../src/transports/memory.js'
import { equal } from './sim/equal.js'
import { listenTo, pair, streamOf, World } from './sim/world.js'
import { suite } from './suite.js'

const test = suite('bounded')

function alone(options: StoreOptions<unknown>): Store {
  return new Store({ env: new MemoryNetwork({ seed: 1 }).env('a'), ...options })
}

const withPolicy = (policy: string, maxmemory = 2000): StoreOptions<unknown> => ({
  config: { maxmemory: String(maxmemory), 'maxmemory-policy': policy },
})

function codeOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return (error as { code: unknown }).code
  }
  return 'nothing was thrown'
}

/** Writes 100 keys of about 164 bytes each. */
function fill(store: Store, options: (i: number) => { ttl?: number } = () => ({})): void {
  for (let i = 0; i < 100; i++) store.set(`k${i}`, 'x'.repeat(100), options(i))
}

test('past max the least recently used key goes; reading and writing are use, looking is not', () => {
  const store = alone({ max: 3 })
  store.set('a', 1).set('b', 2).set('c', 3)
  store.get('a')
  store.has('b')
  store.ttl('b')
  store.call('TYPE', 'b')
  store.call('OBJECT', 'ENCODING', 'b')
  store.set('d', 4)
  assert.equal([...store.keys()], ['a', 'c', 'd'])
  store.set('c', 5)
  store.call('GET', 'a')
  store.set('e', 6)
  assert.equal([...store.keys()], ['a', 'c', 'e'])
})

test('a store of at most n keys holds the n that were used last', () => {
  const step = fc.record({ do: fc.constantFrom('set', 'get', 'delete'), key: fc.integer({ min: 0, max: 9 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 6 }), (steps, max) => {
      const store = alone({ max })
      let used: string[] = []
      for (const one of steps) {
        const key = String(one.key)
        const isThere = used.includes(key)
        if (one.do === 'set') store.set(key, 1)
        else if (one.do === 'get') assert.is(store.get(key) !== undefined, isThere)
        else assert.is(store.delete(key), isThere)
        if (one.do === 'set' || (one.do === 'get' && isThere)) used = [...used.filter((each) => each !== key), key]
        if (one.do === 'delete') used = used.filter((each) => each !== key)
        used = used.slice(-max)
        assert.equal([...store.keys()].sort(), [...used].sort())
      }
    }),
  )
})

test('max counts the keys of all keyspaces', () => {
  const store = alone({ max: 4 })
  for (let i = 0; i < 3; i++) store.db(1).set(`one${i}`, i)
  for (let i = 0; i < 3; i++) store.set(`zero${i}`, i)
  assert.is(store.size + store.db(1).size, 4)
  store.call('MSET', 'x', 1, 'y', 2, 'z', 3)
  assert.is(store.size + store.db(1).size, 4)
  assert.ok(store.has('y') && store.has('z'), 'the newest are there')
})

test('an eviction is told, counted, and a DEL in the stream behind the SET', () => {
  const store = alone({ max: 2 })
  const commands = streamOf(store, () => {
    const told = listenTo(store)
    store.set('a', '1').set('b', '2').set('c', '3')
    assert.equal(told, ['set a 0', 'set b 0', 'set c 0', 'evict a 0'])
  })
  assert.equal(commands, ['SELECT 0', 'SET a 1', 'SET b 2', 'SET c 3', 'DEL a'])
  assert.match(String(store.call('INFO', 'stats')), /evicted_keys:1\r\n/)
})

test('an eviction within a transaction is part of it, and undone with it', () => {
  const store = alone({ max: 2 })
  store.set('a', '1').set('b', '2')
  const commands = streamOf(store, () => {
    store.transaction(() => store.set('c', '3').set('d', '4'))
  })
  assert.equal(commands, ['SELECT 0', 'MULTI', 'SET c 3', 'DEL a', 'SET d 4', 'DEL b', 'EXEC'])
  assert.throws(() =>
    store.transaction(() => {
      store.set('e', 1).set('f', 2)
      throw new Error('no')
    }),
  )
  assert.equal(
    [...store],
    [
      ['c', '3'],
      ['d', '4'],
    ],
  )
  store.set('g', 1)
  assert.is(store.size, 2)
})

test('a replica evicts nothing by itself and ends equal, until it is promoted', async () => {
  const { world, a, b } = await pair({ max: 10 })
  const told = listenTo(b)
  for (let i = 0; i < 50; i++) {
    a.set(`k${i}`, i)
    b.get(`k${i - 5}`)
  }
  await world.sim.settle()
  assert.is(b.size, 10)
  assert.is(told.filter((one) => one.startsWith('delete')).length, 40)
  assert.not(told.some((one) => one.startsWith('evict')))
  equal(a, b)
  await b.promote()
  b.set('new', 1)
  assert.is(b.size, 10)
  assert.ok(b.has('new'))
  await world.close()
})

test('what goes because of a request goes behind it, also on replicas', async () => {
  const { world, a, b } = await pair({ max: 3 })
  await using _ = world
  a.call('MSET', 'k1', '1', 'k2', '2', 'k3', '3', 'k4', '4', 'k5', '5')
  await world.sim.settle()
  assert.is(a.size, 3)
  equal(a, b)
  // More than may be there, as on a replica that was promoted.
  const c = await world.replica('c', 'a', { max: 1 })
  const d = await world.replica('d', 'c')
  await c.promote()
  await world.sim.settle()
  await world.sim.until(d.ready())
  c.call('SWAPDB', '0', '3')
  await world.sim.settle()
  assert.is(c.db(3).size, 1)
  equal(c, d)
})

test('a replica with a smaller bound holds what its primary holds', async () => {
  await using world = new World()
  const a = await world.node('a')
  for (let i = 0; i < 20; i++) a.set(`k${i}`, i)
  const b = await world.replica('b', 'a', { max: 5, maxMemory: 100 })
  a.set('more', 1)
  await world.sim.settle()
  assert.is(b.size, 21)
  equal(a, b)
})

test('past maxMemory the least recently used keys go, and what is held stays within it', () => {
  const store = alone({ maxMemory: 2000 })
  fill(store)
  const { dataset } = store.engine
  assert.ok(dataset.bytes <= 2000 + 200, `${dataset.bytes} bytes`)
  assert.ok(store.size > 5)
  assert.equal(
    [...store.keys()],
    Array.from({ length: store.size }, (_, i) => `k${100 - store.size + i}`),
  )
  const size = store.size
  store.clear()
  assert.is(dataset.bytes, 0)
  fill(store)
  assert.is(store.size, size)
})

test('maxMemory holds large values of any kind', () => {
  const store = alone({ maxMemory: 10_000 })
  for (let i = 0; i < 100; i++) store.set(`k${i}`, { text: 'x'.repeat(1000) })
  assert.ok(store.size <= 10 && store.size > 5, `${store.size} keys`)
  store.set('huge', 'x'.repeat(50_000))
  store.set('small', 1)
  assert.equal([...store.keys()], ['small'])
})

test('without a policy a write past maxmemory is refused and a delete is not', () => {
  const store = alone(withPolicy('noeviction'))
  assert.is(
    codeOf(() => fill(store)),
    'OOM',
  )
  const size = store.size
  assert.ok(size > 5)
  for (const write of [
    () => store.set('new', 1),
    () => store.set('k0', 1, { ttl: 5 }),
    () => store.increment('n'),
    () => store.call('SET', 'new', 1),
    () => store.transaction(() => store.set('new', 1)),
  ])
    assert.is(codeOf(write), 'OOM')
  assert.is(store.size, size)
  assert.ok(store.delete('k0'))
  store.call('DEL', 'k1')
  store.set('new', 1)
  assert.ok(store.has('new'))
})

test('allkeys-random evicts anything', () => {
  const store = alone(withPolicy('allkeys-random'))
  fill(store)
  assert.ok(store.size > 5 && store.size < 20)
  const kept = [...store.keys()].map((key) => Number(key.slice(1)))
  assert.ok(Math.min(...kept) < 100 - store.size, 'not only the last ones are left')
})

test('volatile-ttl evicts the keys that would go first', () => {
  const store = alone(withPolicy('volatile-ttl'))
  fill(store, (i) => ({ ttl: 1_000_000 - i }))
  assert.ok(store.has('k0'))
  assert.equal(
    [...store.keys()].slice(0, -1),
    Array.from({ length: store.size - 1 }, (_, i) => `k${i}`),
  )
})

for (const policy of ['volatile-ttl', 'volatile-lru', 'volatile-random', 'volatile-lfu']) {
  test(`${policy} spares keys without a time, and refuses writes when only those are left`, () => {
    const store = alone(withPolicy(policy))
    store.set('kept', 'x'.repeat(100))
    fill(store, () => ({ ttl: 1_000_000 }))
    assert.ok(store.has('kept'))
    assert.ok(store.size < 20)
    assert.is(
      codeOf(() => fill(store)),
      'OOM',
    )
    assert.ok([...store.keys()].every((key) => store.ttl(key) === null))
  })
}

test('volatile-lru takes the least recently used of those with a time', () => {
  const store = alone(withPolicy('volatile-lru', 600))
  const value = 'x'.repeat(100)
  store.set('a', value, { ttl: 1000 }).set('b', value, { ttl: 2000 }).set('c', value).set('d', value, { ttl: 500 })
  store.get('a')
  store.set('e', 1)
  assert.equal([...store.keys()], ['a', 'c', 'd', 'e'])
})

test('maxmemory and its policy can be set at run time', () => {
  const store = new Store()
  fill(store)
  store.call('CONFIG', 'SET', 'maxmemory', 2000)
  assert.is(
    codeOf(() => store.set('new', 1)),
    'OOM',
  )
  store.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  store.set('new', 1)
  assert.ok(store.size < 20)
  assert.ok(store.has('new') && store.has('k99'))
  store.call('CONFIG', 'SET', 'maxmemory', 0)
  fill(store)
  assert.is(store.size, 101)
  assert.is(store.engine.dataset.bytes, 0, 'no more bookkeeping')
})

test('keys past their time make room too', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  const store = new Store({ env: sim.env('a'), max: 3 })
  store.set('a', 1, { ttl: 10 }).set('b', 2).set('c', 3)
  await sim.advance(11)
  store.set('d', 4)
  assert.equal([...store.keys()], ['b', 'c', 'd'])
})

test('swapped, flushed and renamed keys are still accounted for', () => {
  const store = alone({ max: 5 })
  for (let i = 0; i < 5; i++) store.set(`k${i}`, i)
  store.call('SWAPDB', 0, 1)
  store.db(1).call('RENAME', 'k0', 'renamed')
  store.set('zero', 1)
  assert.is(store.size + store.db(1).size, 5)
  assert.not(store.db(1).has('k1'))
  store.call('FLUSHALL')
  for (let i = 0; i < 9; i++) store.set(`n${i}`, i)
  assert.equal([...store.keys()], ['n4', 'n5', 'n6', 'n7', 'n8'])
})

test.run()
