// Live handles on collections: what JavaScript expects of a Map, an Array, a Set; every change in step on a replica.

import * as assert from 'uvu/assert'
import {
  HashHandle,
  ListHandle,
  MemoryNetwork,
  type ReplyError,
  SetHandle,
  SortedSetHandle,
  Store,
  StreamHandle,
} from '../../src/index.js'
import { equal } from '../sim/equal.js'
import { suite } from '../suite.js'

const test = suite('handles')

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    return (error as ReplyError).code
  }
  return undefined
}

/** Two nodes on a virtual clock; when `work` is done the second has to hold what the first does. */
async function replicated(
  work: (store: Store, wait: (ms: number) => Promise<void>) => void | Promise<void>,
): Promise<void> {
  const network = new MemoryNetwork({ seed: 1 })
  const [first, second] = ['a', 'b'].map((name) => new Store({ env: network.env(name) }))
  await first.listen(network.at('a'))
  const following = second.replicaOf(network.at('a'))
  await network.settle()
  await following
  await work(first, (ms) => network.advance(ms))
  await network.settle()
  equal(first, second)
  await Promise.all([first.close(), second.close()])
}

test('a hash is a Map', () =>
  replicated((store) => {
    const hash = store.hashAt('h')
    assert.is(hash.exists, false)
    assert.is(hash.size, 0)
    assert.is(hash.get('a'), undefined)
    assert.equal([...hash], [])
    assert.is(hash.set('a', '1').set('é', '2'), hash)
    hash
      .assign({ b: 'two', c: '3' })
      .assign(new Map([['d', '4']]))
      .assign({})
    assert.is(hash.size, 5)
    assert.is(hash.get('é'), '2')
    assert.ok(hash.has('b') && !hash.has('x'))
    assert.equal([...hash.keys()], ['a', 'é', 'b', 'c', 'd'])
    assert.equal([...hash.values()], ['1', '2', 'two', '3', '4'])
    assert.equal(new Map(hash).get('c'), '3')
    assert.equal(Object.fromEntries(hash.entries()).d, '4')
    const seen: string[] = []
    hash.forEach((value, field, whole) => void seen.push(`${field}=${value} of ${whole.size}`))
    assert.is(seen[0], 'a=1 of 5')
    assert.is(hash.increment('a', 41), 42)
    assert.is(hash.increment('half', 0.5), 0.5)
    assert.is(
      codeOf(() => hash.increment('b')),
      'ERR',
    )
    assert.ok(hash.delete('a') && !hash.delete('a'))
    assert.instance(store.get('h'), HashHandle)
    assert.is(String(hash), '[object HashHandle]')
    store.hashAt('h2').set('only', 'x').delete('only')
    assert.is(store.has('h2'), false, 'the last field takes the key with it')
    store.hashAt('h3').set('a', 'b')
    assert.ok(store.hashAt('h3').clear() && !store.hashAt('h3').clear())
  }))

test("a hash's fields have times", () =>
  replicated(async (store, wait) => {
    const hash = store.hashAt('h').set('a', '1', { ttl: 1000 }).set('b', '2').set('c', '3')
    assert.type(hash.expiresAt('a'), 'number')
    assert.is(hash.expiresAt('b'), null)
    assert.is(hash.expiresAt('x'), undefined)
    assert.ok(hash.expire('b', 500) && !hash.expire('x', 500))
    assert.ok(hash.persist('b') && !hash.persist('b'))
    assert.ok(hash.expire('c', 2000))
    await wait(1500)
    assert.equal([...hash.keys()], ['b', 'c'])
    await wait(1000)
    assert.is(hash.size, 1)
  }))

test('a list is an Array', () =>
  replicated((store) => {
    const list = store.listAt('l')
    assert.is(list.length, 0)
    assert.is(list.pop(), undefined)
    assert.is(list.at(0), undefined)
    assert.equal(list.slice(), [])
    assert.is(list.push('c', 'd'), 2)
    assert.is(list.push(), 2)
    const items = ['a', 'b']
    assert.is(list.unshift(...items), 4)
    assert.equal([...list], ['a', 'b', 'c', 'd'])
    assert.is(list.at(0), 'a')
    assert.is(list.at(-1), 'd')
    assert.is(list.at(-5), undefined)
    assert.equal(list.slice(1, -1), ['b', 'c'])
    assert.equal(list.slice(-2), ['c', 'd'])
    assert.is(list.set(1, 'B'), list)
    assert.is(
      codeOf(() => list.set(9, 'x')),
      'ERR',
    )
    assert.ok(list.insertBefore('c', 'x') && list.insertAfter('c', 'x') && !list.insertAfter('nothing', 'x'))
    assert.equal(
      list.map((item, i) => `${i}${item}`),
      ['0a', '1B', '2x', '3c', '4x', '5d'],
    )
    assert.is(list.remove('x'), 2)
    assert.is(list.indexOf('d'), 3)
    assert.ok(list.includes('B') && !list.includes('b'))
    assert.is(list.shift(), 'a')
    assert.is(list.pop(), 'd')
    list.push('e', 'f', 'g').toFixed()
    assert.equal([...list.truncate(1, -1)], ['c', 'e', 'f'])
    assert.equal(
      [...list.entries()],
      [
        [0, 'c'],
        [1, 'e'],
        [2, 'f'],
      ],
    )
    assert.instance(store.get('l'), ListHandle)
    list.truncate(5)
    assert.is(store.has('l'), false)
  }))

test('a set is a Set', () =>
  replicated((store) => {
    const set = store.setAt('s')
    assert.is(set.size, 0)
    assert.is(set.random(), undefined)
    assert.is(set.pop(), undefined)
    assert.is(set.add('a').add('b', 'c', 'a').add(), set)
    assert.is(set.size, 3)
    assert.ok(set.has('a') && !set.has('x'))
    assert.equal(new Set(set), new Set(['a', 'b', 'c']))
    const other = store.setAt('t').add('b', 'z')
    assert.equal(set.intersection(other), new Set(['b']))
    assert.equal(set.difference(new Set(['a'])), new Set(['b', 'c']))
    assert.equal(set.union(['q']), new Set(['a', 'b', 'c', 'q']))
    assert.ok(set.has(set.random()!))
    assert.equal([...set.entries()][0].length, 2)
    const gone = set.pop()!
    assert.not.ok(set.has(gone))
    assert.ok(other.delete('z') && !other.delete('z'))
    assert.instance(store.get('s'), SetHandle)
  }))

test('a sorted set is a Map in the order of scores', () =>
  replicated((store) => {
    const board = store.sortedSetAt('z')
    assert.is(board.size, 0)
    assert.is(board.popMin(), undefined)
    assert.equal(board.range(), [])
    board.set('ann', 3).set('bob', 1).set('cid', 2.5).set('dan', Number.POSITIVE_INFINITY)
    assert.equal(
      [...board],
      [
        ['bob', 1],
        ['cid', 2.5],
        ['ann', 3],
        ['dan', Number.POSITIVE_INFINITY],
      ],
    )
    assert.is(board.get('cid'), 2.5)
    assert.is(board.get('x'), undefined)
    assert.is(board.rank('ann'), 2)
    assert.is(board.rank('x'), undefined)
    assert.is(board.increment('bob', 1.25), 2.25)
    assert.equal(
      board.slice(0, 2).map(([member]) => member),
      ['bob', 'cid'],
    )
    assert.equal(
      board.slice(-1).map(([member]) => member),
      ['dan'],
    )
    assert.equal(board.range({ min: 2.25, max: 3, above: true }), [
      ['cid', 2.5],
      ['ann', 3],
    ])
    assert.equal(board.range({ max: 3, below: true, reverse: true, limit: 1 }), [['cid', 2.5]])
    assert.equal(board.popMin(), ['bob', 2.25])
    assert.equal(board.popMax(), ['dan', Number.POSITIVE_INFINITY])
    assert.equal([...board.keys()], ['cid', 'ann'])
    assert.equal([...board.values()], [2.5, 3])
    assert.ok(board.delete('cid') && !board.delete('cid'))
    assert.instance(store.get('z'), SortedSetHandle)
  }))

test('a stream is a log', () =>
  replicated((store) => {
    const log = store.streamAt('x')
    assert.is(log.length, 0)
    assert.is(log.lastId, undefined)
    assert.is(log.add({ kind: 'start' }, { id: '5-1' }), '5-1')
    log.add(
      [
        ['a', '1'],
        ['a', '2'],
      ],
      { id: '5-2' },
    )
    const id = log.add({ n: '3' })
    assert.match(id, /^\d+-\d+$/)
    assert.is(log.lastId, id)
    assert.equal(log.get('5-2'), {
      id: '5-2',
      fields: [
        ['a', '1'],
        ['a', '2'],
      ],
    })
    assert.is(log.get('4-1'), undefined)
    assert.equal(
      log.range({ to: '5' }).map((entry) => entry.id),
      ['5-1', '5-2'],
    )
    assert.equal(
      log.range({ limit: 1, reverse: true }).map((entry) => entry.id),
      [id],
    )
    assert.equal(
      [...log].map(({ fields }) => Object.fromEntries(fields)),
      [{ kind: 'start' }, { a: '2' }, { n: '3' }],
    )
    assert.is(
      codeOf(() => log.add({ a: 'b' }, { id: '1-1' })),
      'ERR',
    )
    assert.is(
      codeOf(() => log.range({ from: 'nonsense' })),
      'ERR',
    )
    assert.ok(log.delete('5-1') && !log.delete('5-1'))
    assert.is(log.trim(1), 1)
    assert.is(log.length, 1)
    log.add({ last: 'one' }, { maxLength: 1 })
    assert.is(log.length, 1)
    assert.instance(store.get('x'), StreamHandle)
  }))

test('a key of another type: WRONGTYPE for reading and for writing, and nothing is changed', () => {
  const store = new Store()
  store.set('text', 'x')
  store.listAt('list').push('a')
  const { hash, list, set, board, log } = {
    hash: store.hashAt('text'),
    list: store.listAt('text'),
    set: store.setAt('list'),
    board: store.sortedSetAt('list'),
    log: store.streamAt('list'),
  }
  const uses = [
    () => hash.get('a'),
    () => hash.set('a', 'b'),
    () => hash.size,
    () => [...list],
    () => list.push('a'),
    () => set.has('a'),
    () => set.clear(),
    () => board.set('a', 1),
    () => board.rank('a'),
    () => log.length,
    () => log.add({ a: 'b' }),
  ]
  for (const use of uses) assert.is(codeOf(use), 'WRONGTYPE', String(use))
  assert.is(store.get('text'), 'x')
  assert.equal([...store.listAt('list')], ['a'])
})

test('a handle lives as long as its name; iterating survives changes; a handle is no value', () => {
  const store = new Store()
  const list = store.listAt('l')
  list.push('a')
  store.clear()
  assert.is(list.length, 0)
  list.push('b')
  store.delete('l')
  store.set('l', 'text')
  assert.is(
    codeOf(() => list.length),
    'WRONGTYPE',
  )
  const hash = store.hashAt('h').assign({ a: '1', b: '2', c: '3' })
  for (const [field] of hash) hash.delete(field)
  assert.is(hash.exists, false)
  const set = store.setAt('s').add('a', 'b', 'c')
  let visits = 0
  for (const member of set) {
    set.delete(member)
    visits++
  }
  assert.ok(visits <= 3)
  assert.is(
    codeOf(() => store.set('copy', store.hashAt('h'))),
    'CODEC',
  )
  assert.equal(
    [...store.entries()].map(([key]) => key),
    [...store.keys()],
  )
})

test('handles in a transaction: all or nothing, here and on a replica', () =>
  replicated((store) => {
    const list = store.listAt('l')
    const hash = store.hashAt('h').set('a', 'old')
    const board = store.sortedSetAt('z').set('m', 1)
    store.transaction(() => {
      list.push('a')
      hash.set('a', 'new')
    })
    assert.throws(() =>
      store.transaction(() => {
        list.push('b')
        hash.delete('a')
        board.set('m', 2).set('n', 3)
        store.setAt('s').add('x')
        throw new Error('no')
      }),
    )
    assert.equal([...list], ['a'])
    assert.is(hash.get('a'), 'new')
    assert.equal([...board], [['m', 1]])
    assert.is(store.has('s'), false)
  }))

test('another keyspace, events, and a read-only replica', async () => {
  const network = new MemoryNetwork({ seed: 2 })
  const [first, second] = ['a', 'b'].map((name) => new Store({ env: network.env(name) }))
  await first.listen(network.at('a'))
  const following = second.replicaOf(network.at('a'))
  await network.settle()
  await following
  const heard: string[] = []
  second
    .on('set', (key, db) => heard.push(`set ${db}/${key}`))
    .on('delete', (key, db) => heard.push(`delete ${db}/${key}`))
  first.db(2).listAt('l').push('a', 'b')
  first.db(2).listAt('l').truncate(2)
  first.db(2).setAt('s').add('m')
  await network.settle()
  assert.equal(heard, ['set 2/l', 'delete 2/l', 'set 2/s'])
  assert.is(
    codeOf(() => second.setAt('s').add('x')),
    'READONLY',
  )
  assert.ok(second.db(2).setAt('s').has('m'))
  await Promise.all([first.close(), second.close()])
})

test.run()
