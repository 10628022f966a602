// The store as a whole: what it puts into the stream, its events, its roles, its end.

import * as assert from 'uvu/assert'
import type { StoreEvents } from '../src/events.js'
import { equal } from './sim/equal.js'
import { listenTo, pair, streamOf, World } from './sim/world.js'
import { suite } from './suite.js'

const test = suite('store')

function codeOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return (error as { code: unknown }).code
  }
  return 'nothing was thrown'
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'it resolved',
    (error: { code: unknown }) => error.code,
  )
}

// The stream

test('each change is one command with its effects', async () => {
  await using world = new World()
  const store = await world.node('a')
  const now = Date.UTC(2026, 0, 1)
  const commands = streamOf(store, () => {
    store.set('k', 'v')
    store.set('k', 'v', { ttl: 1000 })
    store.set('k', 'w', { keepTtl: true })
    store.expire('k', 500)
    store.persist('k')
    store.persist('k')
    store.delete('k')
    store.delete('k')
    store.set('k', 'x', { ifPresent: true })
    store.db(2).increment('n')
    store.clear()
    store.update('none', () => undefined)
    store.set('gone', 'x', { ttl: 1 })
    store.expire('gone', 0)
    store.call('GET', 'k')
    store.call('SET', 'k', '1', 'EX', 10)
    store.call('INCR', 'k')
  })
  assert.equal(commands, [
    'SELECT 0',
    'SET k v',
    `SET k v PXAT ${now + 1000}`,
    `SET k w PXAT ${now + 1000}`,
    `PEXPIREAT k ${now + 500}`,
    'PERSIST k',
    'DEL k',
    'SELECT 2',
    'SET n \xc1HS\x01\x01',
    'SELECT 0',
    'FLUSHDB',
    `SET gone x PXAT ${now + 1}`,
    'DEL gone',
    `SET k 1 PXAT ${now + 10_000}`,
    'INCR k',
  ])
})

test('a key that expires is one DEL, whoever meets it first', async () => {
  await using world = new World()
  const store = await world.node('a')
  store.engine.stream.open(2 ** 20)
  store.set('k', 'v', { ttl: 10 })
  const position = store.engine.stream.backlog!.end
  await world.sim.advance(20)
  store.get('k')
  assert.is(store.engine.stream.backlog!.read(position)?.toString(), '*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n')
})

test('times before 1970 go through the stream as the first one after', async () => {
  const { world, a, b } = await pair()
  a.set('k', 'v', { expiresAt: -5 }).set('l', 'v', { ttl: -1e14 }).set('m', 'v', { expiresAt: 0 })
  assert.is(a.get('k'), undefined)
  await world.sim.settle()
  await world.sim.advance(10)
  assert.is(b.status().link, 'connected')
  assert.is(b.size, 0)
  equal(a, b)
  await world.close()
})

// Events

test('events come after the change, in order, with the number of the keyspace', async () => {
  await using world = new World()
  const store = await world.node('a')
  const told = listenTo(store)
  store.on('set', (key, db) => assert.ok(store.db(db).has(key)))
  store.on('delete', (key, db) => assert.not(store.db(db).has(key)))
  store.set('a', 1).set('a', 2, { ttl: 10 })
  store.db(3).set('b', 1)
  store.delete('a')
  store.delete('a')
  store.db(3).clear()
  store.set('t', 1, { ttl: 10 })
  store.expire('t', 5)
  await world.sim.advance(6)
  store.call('MSET', 'x', 1, 'y', 2)
  store.call('RENAME', 'x', 'z')
  assert.equal(told, [
    ...['set a 0', 'set a 0', 'set b 3', 'delete a 0', 'clear 3', 'set t 0', 'expire t 0'],
    ...['set x 0', 'set y 0', 'set z 0', 'delete x 0'],
  ])
})

test("a transaction's events come when all of it is done", async () => {
  await using world = new World()
  const store = await world.node('a')
  const sizes: number[] = []
  store.on('set', () => sizes.push(store.size))
  store.transaction(() => store.set('a', 1).set('b', 2).set('c', 3))
  assert.equal(sizes, [3, 3, 3])
})

test('a replica tells what comes from its primary, and that a sync replaced all', async () => {
  const { world, a, b } = await pair()
  const told = listenTo(b)
  a.set('k', 1, { ttl: 100 }).set('l', 2)
  a.delete('l')
  a.db(1).set('m', 3)
  a.clear()
  await world.sim.settle()
  assert.equal(told, ['set k 0', 'set l 0', 'delete l 0', 'set m 1', 'clear 0'])
  const c = await world.node('c')
  let syncs = 0
  c.on('sync', () => syncs++)
  await world.follow(c, 'a')
  assert.is(syncs, 1)
  await world.close()
})

test('a listener that throws stops neither the store nor the other listeners', async () => {
  const errors: string[] = []
  await using world = new World()
  const log = { debug() {}, info() {}, warn() {}, error: (message: string) => void errors.push(message) }
  const store = await world.node('a', { env: world.sim.env('a', { log }) })
  const seen: unknown[] = []
  store.on('set', () => {
    throw new Error('mine')
  })
  store.on('set', (key) => seen.push(key))
  store.set('a', 1).set('b', 2)
  assert.equal(seen, ['a', 'b'])
  assert.is(errors.length, 2)
  store.on('error', (error) => seen.push((error as Error).message))
  store.set('c', 3)
  assert.equal(seen, ['a', 'b', 'mine', 'c'])
  store.on('error', () => {
    throw new Error('again')
  })
  store.set('d', 4)
  assert.is(errors.length, 3, 'an error listener that throws is logged')
})

test('a listener that writes does not come before what it was told of', async () => {
  const { world, a, b } = await pair()
  const told = listenTo(a)
  a.on('set', (key) => {
    if (!key.endsWith('+++')) a.set(`${key}+`, 1)
  })
  a.set('k', 1)
  assert.equal(told, ['set k 0', 'set k+ 0', 'set k++ 0', 'set k+++ 0'])
  a.transaction(() => a.set('x++', 1).set('y++', 1))
  assert.equal(told.slice(4), ['set x++ 0', 'set y++ 0', 'set x+++ 0', 'set y+++ 0'])
  await world.sim.settle()
  equal(a, b)
  await world.close()
})

test('once is told once, and off takes a listener away, however it was put on', async () => {
  await using world = new World()
  const store = await world.node('a')
  const seen: string[] = []
  const listener: StoreEvents['set'] = (key) => void seen.push(key)
  store.once('set', listener).set('a', 1).set('b', 1)
  store.on('set', listener).set('c', 1)
  store.off('set', listener).set('d', 1)
  store.once('set', listener).off('set', listener).set('e', 1)
  assert.equal(seen, ['a', 'c'])
})

// Roles

test('a replica refuses writes by a method as by a command', async () => {
  const { world, a, b } = await pair()
  a.set('k', 1, { ttl: 1000 })
  await world.sim.settle()
  const writes: (() => unknown)[] = [
    () => b.set('k', 2),
    () => b.set('k', 2, { ttl: 1 }),
    () => b.set('k', 2, { ifAbsent: true }),
    () => b.delete('k'),
    () => b.delete('none'),
    () => b.clear(),
    () => b.expire('k', 1),
    () => b.persist('k'),
    () => b.update('k', () => 3),
    () => b.increment('k'),
    () => b.transaction(() => 1),
    () => b.call('SET', 'k', 2),
    () => b.db(3).set('k', 2),
  ]
  for (const write of writes) assert.is(codeOf(write), 'READONLY', String(write))
  assert.is(b.get('k'), 1)
  equal(a, b)
  await b.promote()
  b.set('k', 2)
  assert.is(b.get('k'), 2)
  await world.close()
})

test('a replica hides what is past its time and waits for the DEL', async () => {
  const { world, a, b } = await pair()
  a.set('k', 'v', { ttl: 100 })
  await world.sim.settle()
  world.sim.partition('a', 'b')
  await world.sim.advance(200)
  assert.equal([b.get('k'), b.has('k'), [...b.keys()], b.size], [undefined, false, [], 1])
  world.sim.heal()
  await world.sim.settle()
  assert.is(b.size, 0)
  await world.close()
})

test('a promoted replica expires by itself', async () => {
  const { world, a, b } = await pair()
  a.set('k', 'v', { ttl: 100 }).set('l', 'v', { ttl: 5000 })
  await world.sim.settle()
  await a.close()
  await world.sim.advance(1000)
  assert.is(b.size, 2)
  await b.promote()
  await world.sim.advance(1)
  assert.is(b.size, 1)
  await world.sim.advance(5000)
  assert.is(b.size, 0)
  await world.close()
})

test('roles and links are told', async () => {
  const { world, b } = await pair()
  const told: string[] = []
  b.on('role', (role) => told.push(role)).on('link', (state) => told.push(state))
  await b.promote()
  await b.promote()
  await world.follow(b, 'a')
  assert.equal(
    told.filter((one) => one === 'primary' || one === 'replica'),
    ['primary', 'replica'],
  )
  assert.is(told.at(-1), 'connected')
  assert.is(b.status().link, 'connected')
  await world.close()
})

test('a wait can be aborted, and the following goes on', async () => {
  await using world = new World()
  const b = await world.node('b')
  const aborting = new AbortController()
  const waiting = rejection(b.replicaOf(world.sim.at('a'), { signal: aborting.signal }))
  await world.sim.advance(1000)
  aborting.abort()
  assert.is(await waiting, 'ABORTED')
  assert.is(b.role, 'replica')
  const a = await world.node('a')
  a.set('k', 1)
  await world.sim.advance(5000)
  assert.is(b.get('k'), 1)
})

// The end

test('a closed store can be read and does nothing else', async () => {
  const { world, a, b } = await pair()
  a.set('k', 1)
  await a.close()
  await a.close()
  assert.is(a.get('k'), 1)
  assert.equal([...a], [['k', 1]])
  assert.is(a.call('GET', 'k'), '1')
  for (const write of [() => a.set('k', 2), () => a.call('SET', 'k', 2), () => a.clear(), () => a.call('FLUSHALL')])
    assert.is(codeOf(write), 'CLOSED')
  for (const late of [a.listen(world.sim.at('c')), a.replicaOf(world.sim.at('b')), a.promote()])
    assert.is(await rejection(late), 'CLOSED')
  const again = await world.node('a')
  again.set('k', 'the address is free')
  await world.sim.advance(5000)
  assert.is(b.get('k'), 'the address is free')
  await world.close()
})

test('closing ends the waits', async () => {
  await using world = new World()
  const b = await world.node('b')
  const waits = [rejection(b.replicaOf(world.sim.at('nobody'))), rejection(b.ready())]
  await b.close()
  await world.sim.settle()
  assert.equal(await Promise.all(waits), ['CLOSED', 'CLOSED'])
})

test.run()
