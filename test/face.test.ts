// The Map face: what a Map does, and time.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { StoreError } from '../src/errors.js'
import type { SetOptions } from '../src/face.js'
import { Store, type StoreOptions } from '../src/store.js'
import { MemoryNetwork } from '../src/transports/memory.js'
import { suite } from './suite.js'

const test = suite('face')

const START_MS = Date.UTC(2026, 0, 1)

/** A store on a virtual clock, which `advance` moves. */
function alone(options: StoreOptions<unknown> = {}): { store: Store; sim: MemoryNetwork } {
  const sim = new MemoryNetwork({ seed: 1 })
  return { store: new Store({ env: sim.env('a'), ...options }), sim }
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return (error as StoreError).code
  }
  return 'nothing was thrown'
}

// A Map

type Step =
  | { do: 'set'; key: string; value: unknown }
  | { do: 'get' | 'has' | 'delete'; key: string }
  | { do: 'clear' | 'size' | 'forEach' | 'next' | 'iterate' }

const anyKey = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  fc.constantFrom('', ' ', '__proto__', 'constructor', 'a\0b', 'ключ', '🔑', '\x80', '\n'),
)
const anyValue = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.constantFrom(null, undefined, true, false, Number.NaN),
  fc.date(),
)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key: anyKey, value: anyValue }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'has' as const, 'delete' as const), key: anyKey }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('next' as const, 'iterate' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('clear' as const, 'size' as const, 'forEach' as const) }) },
)

/** What both answer to a step. `walk` is an iterator that is kept over changes. */
function answer(
  map: Map<string, unknown> | Store,
  step: Step,
  walk: { entries: Iterator<[string, unknown]> },
): unknown {
  switch (step.do) {
    case 'set':
      return map.set(step.key, step.value) === map
    case 'get':
      return map.get(step.key)
    case 'has':
      return map.has(step.key)
    case 'delete':
      return map.delete(step.key)
    case 'clear':
      return map.clear()
    case 'size':
      return map.size
    case 'next':
      return walk.entries.next()
    case 'iterate':
      walk.entries = map.entries()
      return [[...map], [...map.keys()], [...map.values()], [...map.entries()]]
    case 'forEach': {
      const seen: unknown[] = []
      const visit = function (this: unknown, value: unknown, key: string, whole: unknown): void {
        seen.push([this, value, key, whole === map])
      }
      map.forEach(visit, 'this')
      return seen
    }
  }
}

const configurations: [title: string, options: StoreOptions<unknown>][] = [
  ['a store', {}],
  ['a bounded store', { max: 1000 }],
]
for (const [title, options] of configurations) {
  test(`${title} answers as a Map does, in a Map's order, also in the middle of iterations`, () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const { store } = alone(options)
        const map = new Map<string, unknown>()
        const walks = [{ entries: map.entries() }, { entries: store.entries() }]
        for (const step of steps) assert.equal(answer(store, step, walks[1]), answer(map, step, walks[0]), step.do)
        assert.equal([...store], [...map])
      }),
      { numRuns: 300 },
    )
  })
}

test('an observed store and one with a key that has a time answer as a Map does', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      const { store } = alone()
      const map = new Map<string, unknown>([['timed', 1]])
      store.on('set', () => {}).set('timed', 1, { ttl: 1e6 })
      const walks = [{ entries: map.entries() }, { entries: store.entries() }]
      for (const step of steps) assert.equal(answer(store, step, walks[1]), answer(map, step, walks[0]), step.do)
    }),
  )
})

test('what is set comes back as the same object', () => {
  const { store } = alone()
  for (const value of [{ a: 1 }, [1], new Map([[1, 2]]), new Date(0), Buffer.from('x'), new (class Own {})()]) {
    store.set('k', value)
    assert.is(store.get('k'), value)
  }
})

test('a key is a string and nothing else', () => {
  const { store } = alone()
  for (const key of [1, undefined, null, {}, Symbol('s')] as never[]) {
    assert.is(
      codeOf(() => store.set(key, 1)),
      'INVALID',
    )
    assert.is(
      codeOf(() => store.has(key)),
      'INVALID',
    )
    assert.is(
      codeOf(() => store.get(key)),
      'INVALID',
    )
  }
  assert.is(store.size, 0)
})

test('keys with lone surrogates stand for bytes, and every way to write the same bytes is one key', () => {
  const { store } = alone()
  const odd = ['\udcff', '\ud800', 'a\udc80b', '\udce2\udc82\udcac', '\ude00x']
  odd.forEach((key, i) => {
    store.set(key, i)
  })
  assert.is(store.size, odd.length)
  odd.forEach((key, i) => {
    assert.is(store.get(key), i)
    assert.ok(store.has(key))
  })
  assert.is(store.get('€'), 3, 'the bytes of a character are the character')
  assert.is(store.call('EXISTS', Buffer.of(0xff)), 1)
  assert.equal(store.call('GET', Buffer.of(0x61, 0x80, 0x62)), '2')
  for (const key of odd) assert.ok(store.delete(key))
  assert.is(store.size, 0)
})

// Time

test('a key with a ttl is there up to its time and gone the millisecond after', async () => {
  const { store, sim } = alone()
  store.set('k', 'v', { ttl: 1000 })
  assert.is(store.ttl('k'), 1000)
  await sim.advance(1000)
  assert.is(store.get('k'), 'v')
  assert.is(store.ttl('k'), 0)
  await sim.advance(1)
  assert.is(store.size, 0, 'deleted by the clock, not by a reader')
  assert.is(store.get('k'), undefined)
  assert.is(store.ttl('k'), undefined)
})

test('a reader never sees a key past its time, whether or not the clock has come to it', () => {
  let now = START_MS
  const env = { ...new MemoryNetwork({ seed: 1 }).env('a'), now: () => now }
  const store = new Store({ env })
  const hiders: ((key: string) => unknown)[] = [
    (key) => store.get(key),
    (key) => store.has(key) || undefined,
    (key) => store.ttl(key),
    (key) => store.delete(key) || undefined,
    (key) => store.expire(key, 1000) || undefined,
    (key) => store.persist(key) || undefined,
    (key) => [...store].find(([found]) => found === key),
    (key) => [...store.keys()].find((found) => found === key),
    (key) => [...store.scan('k*')].find(([found]) => found === key),
    (key) => store.set(key, 'new', { ifPresent: true }) || undefined,
  ]
  hiders.forEach((look, i) => {
    store.set(`k${i}`, 'old', { ttl: 5 })
    now += 6
    assert.is(look(`k${i}`), undefined, `look ${i}`)
  })
})

test('expiresAt takes a number or a Date', () => {
  const { store } = alone()
  store.set('a', 1, { expiresAt: START_MS + 5000 }).set('b', 1, { expiresAt: new Date(START_MS + 7000) })
  assert.equal([store.ttl('a'), store.ttl('b')], [5000, 7000])
})

test('a plain set takes the time away, keepTtl leaves it', async () => {
  const { store, sim } = alone()
  store.set('k', 1, { ttl: 1000 })
  await sim.advance(400)
  store.set('k', 2, { keepTtl: true })
  assert.equal([store.get('k'), store.ttl('k')], [2, 600])
  store.set('k', 3)
  assert.equal([store.get('k'), store.ttl('k')], [3, null])
  store.set('new', 1, { keepTtl: true })
  assert.is(store.ttl('new'), null)
})

test('ifAbsent and ifPresent say whether they set', async () => {
  const { store, sim } = alone()
  assert.is(store.set('k', 1, { ifPresent: true }), false)
  assert.not(store.has('k'))
  assert.is(store.set('k', 1, { ifAbsent: true, ttl: 10 }), true)
  assert.is(store.set('k', 2, { ifAbsent: true }), false)
  assert.equal([store.get('k'), store.ttl('k')], [1, 10])
  assert.is(store.set('k', 3, { ifPresent: true, keepTtl: true }), true)
  assert.equal([store.get('k'), store.ttl('k')], [3, 10])
  await sim.advance(11)
  assert.is(store.set('k', 4, { ifAbsent: true }), true)
})

test('expire and persist change a time and say whether there was something to change', async () => {
  const { store, sim } = alone()
  assert.is(store.expire('k', 1000), false)
  assert.is(store.persist('k'), false)
  store.set('k', 1)
  assert.is(store.persist('k'), false)
  assert.is(store.expire('k', 1000), true)
  assert.is(store.expire('k', 500), true)
  assert.is(store.ttl('k'), 500)
  assert.is(store.expire('k', new Date(START_MS + 2000)), true)
  assert.is(store.ttl('k'), 2000)
  assert.is(store.persist('k'), true)
  await sim.advance(10_000)
  assert.is(store.get('k'), 1)
})

test('an expire of 0 or less deletes at once', () => {
  const { store } = alone()
  for (const ttl of [0, -1, new Date(0), new Date(START_MS)]) {
    store.set('k', 1)
    assert.is(store.expire('k', ttl), true)
    assert.is(store.size, 0)
  }
})

test('times that make no sense are refused and change nothing', () => {
  const { store } = alone()
  store.set('k', 'old')
  const wrong: SetOptions[] = [
    { ttl: Number.NaN },
    { ttl: Number.POSITIVE_INFINITY },
    { expiresAt: Number.NaN },
    { expiresAt: 1.5 },
    { expiresAt: new Date(Number.NaN) },
    { expiresAt: 2 ** 60 },
  ]
  for (const options of wrong)
    assert.is(
      codeOf(() => store.set('k', 'new', options)),
      'INVALID',
    )
  assert.is(
    codeOf(() => store.expire('k', Number.NaN)),
    'INVALID',
  )
  assert.equal([store.get('k'), store.ttl('k')], ['old', null])
})

test('a fraction of a millisecond is rounded up', () => {
  const { store } = alone()
  store.set('k', 1, { ttl: 0.25 })
  assert.is(store.ttl('k'), 1)
})

test('times beyond what a timer can hold come when they are due', async () => {
  const { store, sim } = alone()
  const longMs = 2 ** 31 + 5
  store.set('long', 1, { ttl: longMs }).set('longest', 1, { ttl: Number.MAX_SAFE_INTEGER })
  await sim.advance(longMs)
  assert.is(store.size, 2)
  await sim.advance(1)
  assert.equal([...store.keys()], ['longest'])
})

test('thousands of keys due at once all go, and a time that is moved counts', async () => {
  const { store, sim } = alone()
  for (let i = 0; i < 5000; i++) store.set(`k${i}`, i, { ttl: 100 })
  store.expire('k7', 200)
  store.persist('k8')
  await sim.advance(150)
  assert.equal([...store.keys()], ['k7', 'k8'])
  store.set('first', 1, { ttl: 10 })
  await sim.advance(11)
  assert.not(store.has('first'))
  await sim.advance(100)
  assert.equal([...store.keys()], ['k8'])
})

test('a cleared store takes its times with it', async () => {
  const { store, sim } = alone()
  store.set('k', 1, { ttl: 100 })
  store.clear()
  store.set('k', 2)
  await sim.advance(200)
  assert.is(store.get('k'), 2)
})

// What a Map lacks

test('update reads, changes and writes, keeps the time, and deletes with undefined', async () => {
  const { store, sim } = alone()
  assert.equal(
    store.update('k', (old) => ({ n: ((old as { n: number })?.n ?? 0) + 1 })),
    { n: 1 },
  )
  store.expire('k', 1000)
  await sim.advance(100)
  store.update('k', (old) => ({ n: (old as { n: number }).n + 1 }))
  assert.equal([store.get('k'), store.ttl('k')], [{ n: 2 }, 900])
  assert.is(
    store.update('k', () => undefined),
    undefined,
  )
  assert.not(store.has('k'))
  assert.throws(() =>
    store.update('k', () => {
      throw new Error('no')
    }),
  )
  assert.not(store.has('k'))
})

test('increment adds to numbers, keeps decimal text text, and keeps the time', () => {
  const { store } = alone()
  assert.is(store.increment('n'), 1)
  assert.is(store.increment('n', 2.5), 3.5)
  assert.is(store.get('n'), 3.5)
  store.set('t', '41', { ttl: 1000 })
  assert.is(store.increment('t'), 42)
  assert.equal([store.get('t'), store.ttl('t')], ['42', 1000])
  assert.is(store.call('INCR', 't'), 43)
})

test('increment refuses what is no number and leaves it as it is', () => {
  const { store } = alone()
  const wrong = ['text', '', {}, [], true, 5n, Object.create(null), new Date(0), Number.NaN, Number.POSITIVE_INFINITY]
  for (const value of wrong) {
    store.set('k', value)
    assert.is(
      codeOf(() => store.increment('k')),
      'INVALID',
      String(typeof value),
    )
    assert.ok(Object.is(store.get('k'), value))
  }
  store.set('k', Number.MAX_VALUE)
  assert.is(
    codeOf(() => store.increment('k', Number.MAX_VALUE)),
    'INVALID',
  )
  assert.is(
    codeOf(() => store.increment('other', Number.NaN)),
    'INVALID',
  )
  assert.not(store.has('other'))
})

test('scan filters by pattern', () => {
  const { store } = alone()
  for (const key of ['u:1', 'u:2', 'v:1', 'u', 'u:?']) store.set(key, key)
  const found = (pattern?: string): string[] => [...store.scan(pattern)].map(([key]) => key)
  assert.equal(found('u:*'), ['u:1', 'u:2', 'u:?'])
  assert.equal(found('u:\\?'), ['u:?'])
  assert.equal(found('[uv]:1'), ['u:1', 'v:1'])
  assert.equal(found(), [...store.keys()])
})

test('numbered keyspaces are apart from one another', () => {
  const { store } = alone()
  store.set('k', 0)
  store.db(3).set('k', 3)
  assert.equal([store.get('k'), store.db(3).get('k'), store.db(4).get('k')], [0, 3, undefined])
  assert.is(store.db(0), store)
  store.db(3).clear()
  assert.equal([store.size, store.db(3).size], [1, 0])
  assert.throws(() => store.db(16), /there are 16/)
  assert.throws(() => store.db(-1))
})

test('faces see a SWAPDB at once', () => {
  const { store } = alone()
  store.set('k', 'zero')
  store.db(1).set('k', 'one')
  store.call('SWAPDB', 0, 1)
  assert.equal([store.get('k'), store.db(1).get('k')], ['one', 'zero'])
})

test('call runs a command as a client would', () => {
  const { store } = alone()
  assert.is(store.call('SET', 'k', 12), 'OK')
  assert.is(store.call('get', 'k'), '12')
  assert.is(store.call('INCRBY', 'k', 5n), 17)
  assert.equal(store.call('MGET', 'k', 'none'), ['17', null])
  store.call('SET', 'b', Buffer.of(0xff, 0))
  assert.equal(store.call('GET', 'b'), Buffer.of(0xff, 0))
  store.db(2).call('SET', 'two', 2)
  assert.is(store.db(2).get('two'), '2')
  assert.is(
    codeOf(() => store.call()),
    'INVALID',
  )
})

test('an error reply to call is thrown with its code', () => {
  const { store } = alone()
  store.set('k', 'text')
  assert.throws(() => store.call('INCR', 'k'), /^ERR value is not an integer/)
  assert.is(
    codeOf(() => store.call('NOSUCH')),
    'ERR',
  )
  assert.is(
    codeOf(() => store.call('GET')),
    'ERR',
  )
})

// Freezing

test('plain objects and arrays are frozen all the way down, others are left alone', () => {
  const { store } = alone()
  const inner = { list: [{ x: 1 }], map: new Map([['a', { y: 1 }]]), date: new Date(0), own: new (class Own {})() }
  store.set('k', { inner })
  assert.throws(() => {
    inner.list[0].x = 2
  }, TypeError)
  assert.throws(() => inner.list.push({ x: 2 }), TypeError)
  assert.not(Object.isFrozen(inner.own))
  assert.not(Object.isFrozen(inner.map))
  const bare = Object.assign(Object.create(null), { a: [1] })
  store.set('k', bare)
  assert.ok(Object.isFrozen(bare) && Object.isFrozen(bare.a))
})

test('cycles are frozen without end, and freeze: false freezes nothing', () => {
  const { store } = alone()
  const loop: { self?: unknown } = {}
  loop.self = loop
  store.set('k', loop)
  assert.ok(Object.isFrozen(loop))
  const { store: lax } = alone({ freeze: false })
  const value = { a: [1] }
  lax.set('k', value)
  assert.not(Object.isFrozen(value) || Object.isFrozen(value.a))
})

test('functions and symbols are refused', () => {
  const { store } = alone()
  for (const value of [() => 1, Symbol('s')])
    assert.is(
      codeOf(() => store.set('k', value)),
      'CODEC',
    )
  assert.not(store.has('k'))
})

test('an error of the library is a StoreError', () => {
  const { store } = alone()
  assert.throws(
    () => store.increment('k', Number.NaN),
    (error: unknown) => error instanceof StoreError,
  )
})

test.run()
