// Whole stores over a network with a virtual clock: syncs, breaks, promotions, limits and times. Every case ends with the
// nodes holding the same data at the same offset.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import { suite } from '../suite.js'
import { equal } from './equal.js'
import { World } from './world.js'

const test = suite('replication')

/** Full and partial syncs that a node served, and partial ones that it refused. */
function syncsOf(store: Store): [full: number, partial: number, refused: number] {
  const { syncFull, syncPartialOk, syncPartialErr } = store.engine.stats
  return [syncFull, syncPartialOk, syncPartialErr]
}

const PING_BYTES = '*1\r\n$4\r\nPING\r\n'.length

test('in real time, in the two lines of the README', async () => {
  const store = new Store()
  const spare = new Store()
  const net = new MemoryNetwork()
  await store.listen(net.at('a'))
  await spare.replicaOf(net.at('a'))
  const seen = new Promise((resolve) => spare.once('set', resolve))
  store.set('k', { some: 'thing' })
  assert.is(await seen, 'k')
  assert.equal(spare.get('k'), { some: 'thing' })
  equal(store, spare)
  await Promise.all([store.close(), spare.close()])
})

test('a replica gets what there is, then what comes', async () => {
  await using world = new World()
  const a = await world.node('a')
  a.set('k', 1).set('t', 2, { ttl: 1e6 })
  a.db(5).set('five', 5)
  const b = await world.node('b')
  b.set('own', 'is lost')
  await world.follow(b, 'a')
  equal(a, b)
  a.set('k', 2)
  a.db(5).delete('five')
  a.call('SWAPDB', 0, 9)
  await world.sim.settle()
  assert.is(b.db(9).get('k'), 2)
  assert.not(b.has('own'))
  equal(a, b)
  assert.equal(syncsOf(a), [1, 0, 0])
})

test('a primary without replicas keeps no backlog and stands at one offset', async () => {
  await using world = new World()
  const a = await world.node('a')
  const before = a.status()
  for (let i = 0; i < 100; i++) a.set(`k${i}`, i)
  await world.sim.advance(60_000)
  assert.equal(a.status(), before)
  assert.not(a.engine.stream.active)
  assert.is(before.offset, 0)
})

test('a chain of three holds one stream: the same id, the same offset, the same bytes', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'b')
  for (let i = 0; i < 50; i++) a.db(i % 3).set(`k${i}`, i)
  a.transaction(() => a.set('x', 1).set('y', 2))
  await world.sim.advance(35_000)
  equal(a, b, c)
  const position = Math.max(...[a, b, c].map((node) => node.engine.stream.backlog!.start))
  const bytes = a.engine.stream.backlog!.read(position)
  assert.equal(b.engine.stream.backlog!.read(position), bytes)
  assert.equal(c.engine.stream.backlog!.read(position), bytes)
  assert.equal(c.status().replicas, [])
  assert.is(a.status().replicas.length, 1)
})

test('a link that was cut goes on where it stopped, along a chain', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'b')
  for (const pair of [
    ['a', 'b'],
    ['b', 'c'],
  ]) {
    world.sim.cut(pair[0], pair[1])
    a.set(pair[0], 'while the link was down')
    await world.sim.advance(2000)
    equal(a, b, c)
  }
  assert.equal(
    [syncsOf(a), syncsOf(b)],
    [
      [1, 1, 0],
      [1, 1, 0],
    ],
  )
})

test('a link cut in the middle of a transaction starts it over', async () => {
  await using world = new World({ split: true })
  const a = await world.node('a', { config: { 'repl-backlog-size': '4mb' } })
  const b = await world.replica('b', 'a')
  const sums = new Set<number>()
  b.on('set', () => sums.add(Number(b.get('x') ?? 0) + Number(b.get('y') ?? 0)))
  // Slow enough that the parts of a transaction, cut where segments of the backlog end, come one after the other.
  world.sim.slow('b', 200_000)
  for (let i = 1; i <= 30; i++) {
    a.transaction(() => a.set('x', i).set('filler', 'x'.repeat(50_000)).set('y', -i))
    await world.sim.advance(i * 10)
    world.sim.cut('a', 'b')
    await world.sim.advance(1000)
  }
  await world.sim.advance(20_000)
  assert.equal([...sums], [0])
  equal(a, b)
  assert.is(syncsOf(a)[0], 1, 'nothing that came could not be applied')
})

test('a replica that is ahead of the one it turns to syncs in full', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'a')
  world.sim.partition('a', 'b')
  a.set('k', 1)
  await world.sim.advance(5000)
  assert.ok(c.has('k') && !b.has('k'))
  await world.follow(c, 'b')
  assert.equal(syncsOf(b), [1, 0, 1])
  assert.not(c.has('k'), 'it holds what its primary holds')
  world.sim.heal()
  await world.sim.advance(5000)
  equal(a, b, c)
})

test('a partition longer than repl-timeout ends in a partial resync', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const states: string[] = []
  b.on('link', (state) => states.push(state))
  world.sim.partition('a', 'b')
  for (let i = 0; i < 10; i++) a.set(`k${i}`, i)
  await world.sim.advance(70_000)
  assert.equal([a.status().replicas.length, b.status().link === 'connected'], [0, false], 'both gave up')
  a.set('after', 1)
  assert.not(b.has('k0'))
  world.sim.heal()
  await world.sim.advance(70_000)
  assert.is(states.at(-1), 'connected')
  equal(a, b)
  assert.equal(syncsOf(a), [1, 1, 0])
})

test('repl-timeout is the time after which either side gives up', async () => {
  await using world = new World()
  const config = { 'repl-timeout': '5', 'repl-ping-replica-period': '1' }
  const a = await world.node('a', { config })
  const b = await world.replica('b', 'a', { config })
  await world.sim.advance(60_000)
  assert.equal([a.status().replicas.length, b.status().link], [1, 'connected'], 'PINGs and ACKs keep it up')
  world.sim.partition('a', 'b')
  await world.sim.advance(4000)
  assert.equal([a.status().replicas.length, b.status().link], [1, 'connected'])
  await world.sim.advance(4000)
  assert.is(a.status().replicas.length, 0)
  assert.is.not(b.status().link, 'connected')
})

test('more than the backlog holds means a full resync, and old data is served until it is through', async () => {
  await using world = new World()
  const a = await world.node('a', { config: { 'repl-backlog-size': '16384' } })
  const b = await world.replica('b', 'a')
  a.set('old', 1)
  await world.sim.settle()
  world.sim.partition('a', 'b')
  world.sim.cut('a', 'b')
  a.delete('old')
  for (let i = 0; i < 100; i++) a.set(`k${i}`, 'x'.repeat(500))
  await world.sim.settle()
  assert.ok(b.has('old'))
  world.sim.heal()
  await world.sim.advance(70_000)
  equal(a, b)
  assert.equal(syncsOf(a), [2, 0, 1])
})

test('after a promotion the others follow the new primary with partial resyncs, the old primary too', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'a')
  a.db(3).set('k', 'of a')
  await world.sim.settle()
  const { replid, offset } = a.status()
  await b.promote()
  assert.equal([b.status().replid2, b.status().secondOffset], [replid, offset + 1])
  b.set('k', 'of b')
  await world.follow(c, 'b')
  await world.follow(a, 'b')
  b.db(3).set('k', 'for all')
  await world.sim.settle()
  equal(b, a, c)
  assert.is(c.get('k'), 'of b')
  assert.equal(syncsOf(b), [0, 2, 0])
  assert.equal([b.role, a.role, c.role], ['primary', 'replica', 'replica'])
})

test('an old primary that went on writing is a full resync, and loses what nobody else has', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  world.sim.partition('a', 'b')
  a.set('lost', 1)
  await b.promote()
  b.set('kept', 1)
  world.sim.heal()
  await world.follow(a, 'b')
  assert.equal([...a.keys()], ['kept'])
  equal(b, a)
  assert.equal(syncsOf(b), [1, 0, 1])
})

test('when the middle of a chain is promoted, its replicas learn the new id and go on', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'b')
  const d = await world.replica('d', 'c')
  a.set('k', 1)
  await world.sim.settle()
  await a.close()
  await b.promote()
  b.set('k', 2)
  await world.sim.advance(5000)
  equal(b, c, d)
  assert.is(d.get('k'), 2)
  assert.equal(
    [syncsOf(b), syncsOf(c)],
    [
      [1, 1, 0],
      [1, 1, 0],
    ],
  )
})

test('a promotion leaves the others the whole of repl-backlog-ttl, however long there was no replica', async () => {
  await using world = new World()
  const config = { 'repl-backlog-ttl': '30' }
  const a = await world.node('a', { config })
  const b = await world.replica('b', 'a', { config })
  const c = await world.replica('c', 'b', { config })
  await world.follow(c, 'a')
  await world.sim.advance(60_000)
  await a.close()
  await world.sim.settle()
  await b.promote()
  await world.sim.advance(20_000)
  await world.follow(c, 'b')
  assert.equal(syncsOf(b), [1, 1, 0])
  equal(b, c)
  const { replid } = b.status()
  await c.close()
  await world.sim.advance(40_000)
  assert.not(b.engine.stream.active)
  assert.is.not(b.status().replid, replid)
})

test('without replicas the backlog goes after repl-backlog-ttl, and with it the id', async () => {
  await using world = new World()
  const a = await world.node('a', { config: { 'repl-backlog-ttl': '10' } })
  const b = await world.replica('b', 'a')
  const { replid } = a.status()
  world.sim.partition('a', 'b')
  world.sim.cut('a', 'b')
  await world.sim.advance(9000)
  assert.ok(a.engine.stream.active)
  await world.sim.advance(5000)
  assert.not(a.engine.stream.active)
  assert.is.not(a.status().replid, replid)
  const { offset } = a.status()
  a.set('k', 1)
  assert.is(a.status().offset, offset)
  world.sim.heal()
  await world.sim.advance(70_000)
  equal(a, b)
  assert.equal(syncsOf(a), [2, 0, 1])
})

test('with repl-backlog-ttl 0 the backlog stays', async () => {
  await using world = new World()
  const a = await world.node('a', { config: { 'repl-backlog-ttl': '0' } })
  const b = await world.replica('b', 'a')
  world.sim.partition('a', 'b')
  await world.sim.advance(86_400_000)
  world.sim.heal()
  await world.sim.advance(70_000)
  equal(a, b)
  assert.equal(syncsOf(a), [1, 1, 0])
})

test('PINGs are in the stream every ten seconds, and counted by everyone', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'b')
  await world.sim.advance(10_000)
  const { offset } = a.status()
  await world.sim.advance(50_000)
  assert.is(a.status().offset - offset, 5 * PING_BYTES)
  await world.sim.settle()
  equal(a, b, c)
})

test('a replica acknowledges every second', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  a.set('k', 1)
  await world.sim.settle()
  await world.sim.advance(1000)
  const [view] = a.status().replicas
  assert.equal([view.offset, view.lagSeconds], [a.status().offset, 0])
  world.sim.partition('a', 'b')
  await world.sim.advance(5000)
  assert.ok(a.status().replicas[0].lagSeconds >= 4)
  assert.ok(b.status().lagMs >= 0)
})

test('a replica that reads nothing is dropped at the output limit, and the others go on', async () => {
  await using world = new World({ highWaterBytes: 10_000 })
  const a = await world.node('a', {
    config: { 'client-output-buffer-limit': 'replica 100000 0 0', 'repl-backlog-size': '20000' },
  })
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'a')
  world.sim.partition('a', 'b')
  let grownTo = 0
  for (let i = 0; i < 500; i++) {
    a.set(`k${i}`, 'x'.repeat(1000))
    await world.sim.settle()
    grownTo = Math.max(grownTo, a.engine.stream.backlog!.lengthBytes)
  }
  assert.is(a.status().replicas.length, 1)
  assert.ok(grownTo < 120_000, `the ring grew to ${grownTo} bytes for the slow one`)
  assert.ok(a.engine.stream.backlog!.lengthBytes <= 20_000, 'and shrank again')
  equal(a, c)
  world.sim.heal()
  await world.sim.advance(70_000)
  equal(a, b, c)
})

test('a full sync goes on while writes come, larger than the backlog', async () => {
  await using world = new World({ highWaterBytes: 20_000 })
  const a = await world.node('a', { config: { 'repl-backlog-size': '10000' } })
  for (let i = 0; i < 2000; i++) a.set(`k${i}`, `${i} `.repeat(50))
  const b = await world.node('b')
  world.sim.slow('b', 100_000)
  const synced = b.replicaOf(world.sim.at('a'))
  for (let i = 0; i < 50; i++) {
    a.set(`k${(i * 37) % 2000}`, 'changed'.repeat(100))
    a.delete(`k${(i * 53) % 2000}`)
    await world.sim.advance(20)
  }
  await world.sim.until(synced)
  world.sim.slow('b', Number.POSITIVE_INFINITY)
  await world.sim.advance(3000)
  equal(a, b)
  assert.equal(syncsOf(a), [1, 0, 0])
})

test('a sync that breaks leaves the replica what it had, and is begun again', async () => {
  await using world = new World({ highWaterBytes: 5000 })
  const a = await world.node('a')
  for (let i = 0; i < 500; i++) a.set(`k${i}`, `${i} `.repeat(50))
  const b = await world.node('b')
  b.set('own', 1)
  world.sim.slow('b', 2000)
  const synced = b.replicaOf(world.sim.at('a'))
  await world.sim.advance(1000)
  assert.is(b.status().link, 'sync')
  world.sim.cut('a', 'b')
  assert.equal([...b.keys()], ['own'])
  world.sim.slow('b', Number.POSITIVE_INFINITY)
  await world.sim.until(synced)
  await world.sim.settle()
  equal(a, b)
  for (const { slots, size } of a.engine.dataset.keyspaces) assert.is(slots.size, size, 'no marks of the broken one')
})

test('a replica can move to another primary and back', async () => {
  await using world = new World()
  const a = await world.node('a')
  const x = await world.node('x')
  a.set('k', 'of a')
  x.set('k', 'of x')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'b')
  await world.follow(b, 'x')
  await world.sim.advance(3000)
  assert.is(c.get('k'), 'of x')
  equal(x, b, c)
  await world.follow(b, 'a')
  await world.sim.advance(3000)
  equal(a, b, c)
})

test.run()
