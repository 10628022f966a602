// store.transaction: all or nothing, here and on every replica.

import * as assert from 'uvu/assert'
import { equal } from './sim/equal.js'
import { listenTo, pair, streamOf, World } from './sim/world.js'
import { suite } from './suite.js'

const test = suite('store.transaction')

function codeOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return (error as { code: unknown }).code
  }
  return 'nothing was thrown'
}

test('a transaction is one MULTI and EXEC in the stream, over several keyspaces', async () => {
  await using world = new World()
  const store = await world.node('a')
  const commands = streamOf(store, () => {
    const result = store.transaction(() => {
      store.set('a', '1')
      store.db(1).set('b', '2')
      store.delete('a')
      store.call('SET', 'c', 3)
      return 'done'
    })
    assert.is(result, 'done')
  })
  assert.equal(commands, [
    'SELECT 0',
    'MULTI',
    'SET a 1',
    'SELECT 1',
    'SET b 2',
    'SELECT 0',
    'DEL a',
    'SET c 3',
    'EXEC',
  ])
})

test('a transaction with one change needs no MULTI, one without changes leaves no trace', async () => {
  await using world = new World()
  const store = await world.node('a')
  const commands = streamOf(store, () => {
    store.transaction(() => store.set('a', '1'))
    store.transaction(() => store.get('a'))
  })
  assert.equal(commands, ['SELECT 0', 'SET a 1'])
})

test('a transaction that throws is undone: values, times, order, clears, swaps, counts, events', async () => {
  await using world = new World()
  const store = await world.node('a')
  for (const key of ['a', 'b', 'c']) store.set(key, key)
  store.set('t', 't', { ttl: 1000 })
  store.db(1).set('one', 1)
  const picture = (): unknown => [
    [...store],
    [...store.db(1)],
    ['a', 'b', 't'].map((key) => store.ttl(key)),
    store.size,
    store.engine.changesSinceSave,
  ]
  const before = picture()
  const told = listenTo(store)
  const failing = (work: () => void): void => {
    const commands = streamOf(store, () => {
      assert.throws(() =>
        store.transaction(() => {
          work()
          throw new Error('changed my mind')
        }),
      )
    })
    assert.equal(commands, [])
    assert.equal(picture(), before)
  }
  failing(() => store.set('a', 'other').set('new', 1))
  failing(() => store.delete('a'))
  failing(() => store.set('b', 1, { ttl: 5 }))
  failing(() => store.persist('t'))
  failing(() => store.expire('t', 1))
  failing(() => store.expire('a', -1))
  failing(() => store.clear())
  failing(() => {
    store.clear()
    store.set('b', 'after').set('x', 1)
    store.clear()
  })
  failing(() => {
    store.set('a', 'before')
    store.call('SWAPDB', 0, 1)
    store.set('one', 'swapped')
    store.call('FLUSHALL')
  })
  failing(() => {
    store.delete('a')
    store.set('a', 'again')
    store.call('RENAME', 'b', 'a')
    store.call('MOVE', 'c', 1)
  })
  assert.equal(told, [])
  await world.sim.advance(1001)
  assert.equal([...store.keys()], ['a', 'b', 'c'], 'the time that was put back comes')
})

test('an error that the work catches undoes nothing', async () => {
  await using world = new World()
  const store = await world.node('a')
  store.transaction(() => {
    store.set('a', 'text')
    try {
      store.call('INCR', 'a')
    } catch {}
    store.set('b', 1)
  })
  assert.equal([...store.keys()], ['a', 'b'])
})

test('a nested transaction is part of the outer one', async () => {
  await using world = new World()
  const store = await world.node('a')
  const commands = streamOf(store, () => {
    store.transaction(() => {
      store.set('a', '1')
      store.transaction(() => store.set('b', '2'))
    })
    assert.throws(() =>
      store.transaction(() => {
        store.transaction(() => store.set('c', '3'))
        throw new Error('all of it')
      }),
    )
  })
  assert.equal(commands, ['SELECT 0', 'MULTI', 'SET a 1', 'SET b 2', 'EXEC'])
  assert.equal([...store.keys()], ['a', 'b'])
})

test('work that returns a promise is refused and undone, nested work too', async () => {
  await using world = new World()
  const store = await world.node('a')
  const later = async (): Promise<void> => {
    store.set('a', 1)
    throw new Error('nobody hears this')
  }
  assert.is(
    codeOf(() => store.transaction(later)),
    'INVALID',
  )
  assert.is(
    codeOf(() =>
      store.transaction(() => {
        store.transaction(later)
      }),
    ),
    'INVALID',
  )
  assert.is(store.size, 0)
  store.set('a', 2)
  assert.is(store.get('a'), 2, 'the store goes on')
})

test('time stands still within a transaction', async () => {
  await using world = new World()
  let now = 1000
  const store = await world.node('x', { env: { ...world.sim.env('x'), now: () => now } })
  store.set('k', 1, { ttl: 5 })
  store.transaction(() => {
    now += 100
    assert.is(store.get('k'), 1)
    assert.is(store.ttl('k'), 5)
  })
  assert.is(store.get('k'), undefined)
})

test('a replica sees all of a transaction or nothing', async () => {
  const { world, a, b } = await pair()
  const sums = new Set<number>()
  b.on('set', () => sums.add((b.get('x') as number) + (b.get('y') as number)))
  a.transaction(() => a.set('x', 10).set('y', 0))
  for (let i = 1; i <= 10; i++) a.transaction(() => a.set('x', 10 - i).set('y', i))
  await world.sim.settle()
  assert.equal([...sums], [10])
  equal(a, b)
  await world.close()
})

test.run()
