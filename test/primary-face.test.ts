// store.primary on a virtual clock: what is written there is read here, what is read is as new as the question, and what
// becomes of requests when the link, the connection or the roles change.

import * as assert from 'uvu/assert'
import { StoreError } from '../src/errors.js'
import { Forwarding } from '../src/forwarding.js'
import { Store } from '../src/store.js'
import { pair, World } from './sim/world.js'
import { suite } from './suite.js'

const test = suite('store.primary')

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return (error as { code: unknown }).code
  }
  return 'nothing was thrown'
}

/** How often a command was called on a node. */
function callsOf(store: Store, name: string): number {
  const stats = String(store.call('INFO', 'commandstats'))
  return Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
}

test('what was written is here when the promise resolves, on a network that takes its time', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  world.sim.delay(20)
  assert.throws(
    () => b.set('k', 'v'),
    (error: { code: string }) => error.code === 'READONLY',
  )
  assert.is(await world.sim.until(b.primary.set('k', 'v')), undefined)
  assert.is(b.get('k'), 'v')
  assert.is(a.get('k'), 'v')
  assert.is(await world.sim.until(b.primary.delete('k')), true)
  assert.not(b.has('k'))
  assert.is(await world.sim.until(b.primary.delete('k')), false)
  // The two links differ in speed by chance: the answer often comes before the stream.
  world.sim.jitter(40)
  for (let i = 0; i < 50; i++) {
    await world.sim.until(b.primary.set('k', i))
    assert.is(b.get('k'), i)
    a.set('theirs', i)
    assert.is(await world.sim.until(b.primary.get('theirs')), i)
  }
})

test('values go through the codec as local ones do', async () => {
  const { world, a, b } = await pair({ config: { 'enable-debug-command': 'yes' } })
  await using _ = world
  const values = [
    'text',
    'a\ud800lone surrogate',
    42,
    2n ** 70n,
    true,
    null,
    new Date(1e12),
    { deep: [1, { x: 'y' }] },
    new Map([[{ a: 1 }, new Set(['b'])]]),
    Buffer.from([0, 255, 10, 13]),
  ]
  for (const value of values) {
    await world.sim.until(b.primary.set('forwarded', value))
    a.set('local', value)
    await world.sim.settle()
    assert.is(String(a.call('DEBUG', 'DIGEST-VALUE', 'forwarded')), String(a.call('DEBUG', 'DIGEST-VALUE', 'local')))
    assert.equal(b.get('forwarded'), b.get('local'))
  }
  assert.is(await codeOf(b.primary.set('k', () => {})), 'CODEC')
  const cyclicBigint = new Store<bigint>({ codec: 'json', env: world.sim.env('c') })
  await world.follow(cyclicBigint, 'a')
  assert.is(await codeOf(cyclicBigint.primary.set('k', 1n)), 'CODEC')
  // What failed took nobody else's answer.
  assert.is(await world.sim.until(cyclicBigint.primary.call('ECHO', 'still in step')), 'still in step')
  await cyclicBigint.close()
})

test('options of set, and times', async () => {
  const { world, b } = await pair()
  await using _ = world
  const { sim } = world
  const { primary } = b
  const now = sim.env('b').now()
  assert.is(await sim.until(primary.set('k', '1', { ifPresent: true })), false)
  assert.is(await sim.until(primary.set('k', '1', { ifAbsent: true, ttl: 1000 })), true)
  assert.is(await sim.until(primary.set('k', '2', { ifAbsent: true })), false)
  assert.is(b.get('k'), '1')
  assert.ok(b.ttl('k')! > 900)
  await sim.until(primary.set('k', '3', { keepTtl: true }))
  assert.ok((await sim.until(primary.ttl('k')))! > 900)
  assert.is(await sim.until(primary.persist('k')), true)
  assert.is(await sim.until(primary.persist('k')), false)
  assert.is(await sim.until(primary.ttl('k')), null)
  await sim.until(primary.set('k', '4', { expiresAt: new Date(now + 60_000) }))
  assert.is(b.ttl('k'), now + 60_000 - sim.env('b').now())
  assert.is(await sim.until(primary.expire('k', 5000)), true)
  assert.ok(b.ttl('k')! <= 5000)
  assert.is(await sim.until(primary.expire('none', 5000)), false)
  assert.is(await sim.until(primary.expire('k', new Date(now + 90_000))), true)
  assert.ok(b.ttl('k')! > 80_000)
  // As here: a time that is past already means that the key is gone.
  await sim.until(primary.set('k', '5', { ttl: 0 }))
  assert.is(await sim.until(primary.has('k')), false)
  assert.is(await codeOf(primary.set('k', '5', { ttl: Number.NaN })), 'INVALID')
  assert.is(await codeOf(primary.set('k', '5', { expiresAt: 1.5 })), 'INVALID')
})

test('a read is as new as the question', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  world.sim.delay(50)
  a.set('k', { n: 1 }).set('other', '2')
  assert.is(b.get('k'), undefined)
  assert.equal(await world.sim.until(b.primary.get('k')), { n: 1 })
  a.delete('other')
  assert.is(b.size, 2)
  assert.is(await world.sim.until(b.primary.size()), 1)
  a.clear()
  assert.is(await world.sim.until(b.primary.has('k')), false)
})

test('other keyspaces, and their connections', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  await world.sim.until(b.primary.db(3).set('k', 'three'))
  await world.sim.until(b.primary.set('k', 'zero'))
  assert.is(a.db(3).get('k'), 'three')
  assert.is(b.db(3).get('k'), 'three')
  await world.sim.until(b.primary.db(3).clear())
  assert.is(b.db(3).size, 0)
  assert.is(b.get('k'), 'zero')
  assert.throws(() => b.primary.db(16), /no keyspace 16/)
  assert.is(a.engine.clients.size, 3, 'the replica, and two connections')
})

test('writes of one turn share the question where the primary is', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  await world.sim.until(b.primary.set('first', 'makes the connection'))
  const before = callsOf(a, 'info')
  await world.sim.until(Promise.all(Array.from({ length: 100 }, (_, i) => b.primary.set(`k${i}`, i))))
  assert.is(callsOf(a, 'info') - before, 2, 'one for the writes, one for this count')
  for (let i = 0; i < 100; i++) assert.is(b.get(`k${i}`), i)
})

test('update and increment lose nothing to one another', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  const c = await world.replica('c', 'a')
  world.sim.delay(3)
  await world.sim.until(b.primary.set('n', 100, { ttl: 3_600_000 }))
  const work = [b, c].flatMap((store) => Array.from({ length: 20 }, () => store.primary.increment('n')))
  const sums = await world.sim.until(Promise.all(work))
  assert.is(a.get('n'), 140)
  assert.is(new Set(sums).size, 40)
  assert.ok(a.ttl('n')! > 3_000_000, 'the time stays')
  assert.equal(await world.sim.until(b.primary.update('list', (old) => [...((old as unknown[]) ?? []), 1])), [1])
  assert.equal(b.get('list'), [1])
  assert.is(await world.sim.until(b.primary.update('list', () => undefined)), undefined)
  assert.not(b.has('list'))
  const boom = b.primary.update('n', () => {
    throw new Error('boom')
  })
  assert.match(String(await world.sim.until(boom.catch(String))), 'boom')
  await world.sim.until(b.primary.set('word', 'no number'))
  assert.is(await world.sim.until(codeOf(b.primary.increment('word'))), 'INVALID')
  // Nothing is watched any more: this goes through though the key was changed.
  a.set('n', 1).listAt('q').push('x')
  assert.equal(await world.sim.until(b.primary.call('BLPOP', 'q', 0)), ['q', 'x'])
  assert.is(await world.sim.until(b.primary.increment('n')), 2)
})

test('somebody who is always faster ends an update', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  let calls = 0
  const update = b.primary.update('k', () => {
    calls++
    a.set('k', calls) // between WATCH and EXEC
    return 0
  })
  assert.is(await world.sim.until(codeOf(update)), 'BUSY')
  assert.is(calls, 100)
})

test('call: replies as store.call gives them', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  a.hashAt('h').assign({ f: '1', g: '2' })
  a.hashAt('one').set('f', '1')
  a.sortedSetAt('z').set('m', 1.5)
  a.setAt('s').add('x')
  a.streamAt('x').add({ f: 'v' })
  a.set('bytes', Buffer.from([0xff, 0]))
  const calls: (string | number)[][] = [
    ['HGETALL', 'h'],
    ['ZSCORE', 'z', 'm'],
    ['ZRANGE', 'z', 0, -1, 'WITHSCORES'],
    ['ZRANDMEMBER', 'z', 1, 'WITHSCORES'],
    ['HRANDFIELD', 'one', -2, 'WITHVALUES'],
    ['XREAD', 'STREAMS', 'x', '0'],
    ['SMEMBERS', 's'],
    ['GET', 'bytes'],
    ['GET', 'none'],
    ['CONFIG', 'GET', 'maxmemory'],
    ['LRANGE', 'none', 0, -1],
    ['SINTERCARD', 1, 's'],
    ['COMMAND', 'INFO', 'get'],
    ['INCRBY', 'big', '9007199254740993'],
    ['XREAD', 'COUNT', 1, 'BLOCK', 0, 'STREAMS', 'none', '0'],
    ['BZPOPMIN', 'z', 0],
  ]
  for (const argv of calls) {
    const there = await world.sim.until(b.primary.call(...argv))
    if (argv[0] === 'INCRBY') assert.is(there, 9007199254740993n)
    else if (argv[0] === 'BZPOPMIN') assert.equal(there, ['z', 'm', 1.5])
    else assert.equal(there, a.call(...argv), String(argv))
  }
  assert.is(b.get('big'), '9007199254740993')
  assert.is(await world.sim.until(codeOf(b.primary.call('LPUSH', 'h', 'x'))), 'WRONGTYPE')
  assert.is(await world.sim.until(codeOf(b.primary.call('NOSUCH'))), 'ERR')
  for (const argv of [['MULTI'], ['select', '1'], ['SUBSCRIBE', 'c'], ['CLIENT', 'REPLY', 'OFF'], ['MONITOR'], []])
    assert.is(await codeOf(b.primary.call(...argv)), 'INVALID', argv.join(' '))
  assert.is(await world.sim.until(b.primary.call('PING')), 'PONG')
})

test('handles', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  const { sim } = world
  const list = b.primary.listAt('l')
  assert.is(list.key, 'l')
  assert.is(await sim.until(list.push('b', 'c')), 2)
  assert.is(await sim.until(list.unshift('a')), 3)
  assert.equal(b.listAt('l').slice(), ['a', 'b', 'c'])
  a.listAt('l').push('d')
  assert.is(await sim.until(list.length), 4)
  assert.equal([...(await sim.until(list.values()))], ['a', 'b', 'c', 'd'])
  assert.is(await sim.until(list.truncate(1, 3)), undefined)
  assert.equal(a.listAt('l').slice(), ['b', 'c'])
  assert.is(await sim.until(list.pop()), 'c')
  const hash = b.primary.hashAt('h')
  await sim.until(hash.set('f', '1'))
  assert.is(await sim.until(hash.increment('f', 2)), 3)
  assert.is(b.hashAt('h').get('f'), '3')
  const set = b.primary.setAt('s')
  await sim.until(set.add('x', 'y'))
  assert.equal(await sim.until(set.difference(new Set(['x']))), new Set(['y']))
  const sorted = b.primary.db(1).sortedSetAt('z')
  await sim.until(sorted.set('m', 2))
  assert.equal(await sim.until(sorted.popMin()), ['m', 2])
  const stream = b.primary.streamAt('x')
  const id = await sim.until(stream.add({ f: 'v' }))
  assert.equal(b.streamAt('x').get(id)?.fields, [['f', 'v']])
  assert.is(await sim.until(hash.clear()), true)
  assert.is(await sim.until(hash.exists), false)
  assert.is(await sim.until(codeOf(b.primary.listAt('s').push('x'))), 'WRONGTYPE')
})

test('nobody to ask: nothing is done', async () => {
  await using world = new World()
  const a = await world.node('a')
  const b = await world.node('b')
  world.sim.partition('a', 'b')
  const following = b.replicaOf(world.sim.at('a')).catch(() => {})
  assert.is(await codeOf(b.primary.set('k', 'v')), 'NO_PRIMARY')
  assert.is(await codeOf(b.primary.get('k')), 'NO_PRIMARY')
  world.sim.heal()
  await world.sim.until(following)
  await world.sim.until(b.primary.set('k', 'v'))
  world.sim.cut('a', 'b')
  await world.sim.settle()
  assert.is(await codeOf(b.primary.set('k', 'w')), 'NO_PRIMARY')
  await world.sim.until(b.ready())
  await world.sim.until(b.primary.set('k', 'x'))
  assert.is(a.get('k'), 'x')
})

test('a request whose answer is lost may have been done, and says so', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  await world.sim.until(b.primary.caughtUp())
  world.sim.delay(10)
  const lost = codeOf(b.primary.set('k', 'v'))
  await world.sim.advance(15) // it is there, its answer is on its way
  world.sim.cut('a', 'b')
  assert.is(await world.sim.until(lost), 'UNCERTAIN')
  assert.is(a.get('k'), 'v')
})

test('a primary that says nothing more ends the wait', async () => {
  const { world, b } = await pair({ forwardTimeoutMs: 500 })
  await using _ = world
  await world.sim.until(b.primary.caughtUp())
  world.sim.partition('a', 'b')
  const lost = codeOf(b.primary.set('k', 'v'))
  await world.sim.advance(499)
  assert.is(await Promise.race([lost, 'pending']), 'pending')
  await world.sim.advance(2)
  assert.is(await lost, 'UNCERTAIN')
})

test('what was done and does not arrive is told apart', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  const reached: number[] = []
  const forwarding = new Forwarding(
    {
      env: world.sim.env('b'),
      link: b.engine.link,
      isClosed: false,
      reach: async ({ replid, offset }, timeoutMs) => {
        assert.is(replid, a.engine.history.replid)
        reached.push(offset)
        assert.ok(timeoutMs <= 1000)
        throw new StoreError('TIMEOUT', 'not in time')
      },
    },
    1000,
  )
  assert.is(await world.sim.until(codeOf(forwarding.run(0, [['SET', 'k', 'v']], 'arrived'))), 'BEHIND')
  assert.is(a.get('k'), 'v')
  assert.equal(reached, [a.engine.history.offset])
  // What was refused did nothing, and is not waited for.
  const [refused] = await world.sim.until(forwarding.run(0, [['SET', 'k']], 'arrived'))
  assert.match((refused as Error).message, /wrong number of arguments/)
  assert.is(reached.length, 1)
  forwarding.close()
})

test('too much at once is refused, and nothing of it is sent', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  await world.sim.until(b.primary.caughtUp())
  world.sim.delay(5)
  const calls = Array.from({ length: 16_384 }, (_, i) => b.primary.call('SET', i, ''))
  assert.is(await codeOf(b.primary.set('one too many', '')), 'BUSY')
  await world.sim.until(Promise.all(calls))
  assert.is(a.size, 16_384)
  const large = b.primary.set('large', 'x'.repeat(40 * 2 ** 20))
  assert.is(await codeOf(b.primary.set('large too', 'x'.repeat(30 * 2 ** 20))), 'BUSY')
  await world.sim.until(large)
  await world.sim.until(b.primary.set('small', ''))
})

test('in a chain the node that is followed takes no writes, and says READONLY', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  const c = await world.replica('c', 'b')
  assert.is(await world.sim.until(codeOf(c.primary.set('k', 'v'))), 'READONLY')
  assert.is(a.size, 0)
  await b.promote()
  // Called while the link that ends with the promotion still seems to be there: it comes back, and so does the write.
  await world.sim.until(c.primary.set('k', 'v'))
  assert.is(b.get('k'), 'v')
  assert.is(c.get('k'), 'v')
  // A replica that takes writes would keep them to itself: it is asked for none.
  b.engine.config.assign('replica-read-only', 'no')
  await world.follow(b, 'a')
  await world.sim.until(c.ready())
  assert.is(await world.sim.until(codeOf(c.primary.set('k', 'w'))), 'READONLY')
  assert.not(b.has('k'))
})

test('what the primary refuses comes with its own code', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  a.engine.config.assign('requirepass', 'secret')
  assert.is(await world.sim.until(codeOf(b.primary.set('k', 'v'))), 'NOAUTH')
  b.engine.config.assign('masterauth', 'wrong')
  assert.is(await world.sim.until(codeOf(b.primary.set('k', 'v'))), 'WRONGPASS')
  b.engine.config.assign('masterauth', 'secret')
  await world.sim.until(b.primary.set('k', 'v'))
  a.engine.config.assign('maxmemory', '1')
  assert.is(await world.sim.until(codeOf(b.primary.set('k', 'v'))), 'OOM')
  assert.is(await world.sim.until(codeOf(b.primary.update('k', () => 'w'))), 'OOM')
  a.engine.config.assign('maxmemory', '0')
  a.engine.config.assign('min-replicas-to-write', '5')
  assert.is(await world.sim.until(codeOf(b.primary.set('k', 'v'))), 'NOREPLICAS')
})

test('a connection that was lost while nobody used it is made anew', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  await world.sim.until(b.primary.set('k', '1'))
  a.call('CLIENT', 'KILL', 'TYPE', 'normal')
  await world.sim.settle()
  await world.sim.until(b.primary.set('k', '2'))
  assert.is(b.get('k'), '2')
  assert.is(b.status().link, 'connected')
})

test('a link that is lost and comes back ends no call whose connection is being made', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  const write = b.primary.set('k', '1')
  a.call('CLIENT', 'KILL', 'TYPE', 'replica')
  await world.sim.until(write)
  assert.is(b.get('k'), '1')
})

test('a request that is under way when the link is lost is answered, by what comes behind it too; close ends it', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  await world.sim.until(b.primary.set('k', '1'))
  a.call('CLIENT', 'PAUSE', 60_000, 'WRITE')
  const write = b.primary.set('k', '2')
  const loseLink = async (): Promise<void> => {
    await world.sim.settle()
    a.call('CLIENT', 'KILL', 'TYPE', 'replica')
    await world.sim.settle()
    await world.sim.until(b.ready())
  }
  await loseLink()
  const next = b.primary.set('l', '2')
  await world.sim.settle()
  a.call('CLIENT', 'UNPAUSE')
  await world.sim.until(write)
  await world.sim.until(next)
  a.call('CLIENT', 'PAUSE', 60_000, 'WRITE')
  const lost = codeOf(b.primary.set('k', '3'))
  await loseLink()
  await b.close()
  assert.is(world.sim.timers('b'), 0)
  assert.is(await lost, 'UNCERTAIN')
})

test('after a promotion all of it is the store itself', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  const { sim } = world
  await sim.until(b.primary.caughtUp())
  sim.delay(10)
  const underWay = codeOf(b.primary.set('k', 'lost or not'))
  await sim.advance(1)
  await b.promote()
  assert.is(await sim.until(underWay), 'UNCERTAIN')
  await b.primary.set('k', { local: true })
  assert.equal(b.get('k'), { local: true })
  assert.is(await b.primary.set('k', 1, { ifAbsent: true }), false)
  assert.is(await b.primary.increment('n'), 1)
  assert.is(await b.primary.listAt('l').push('x'), 1)
  assert.is(await b.primary.listAt('l').push('y'), 2)
  assert.equal(await b.primary.call('LRANGE', 'l', 0, -1), ['x', 'y'])
  await b.primary.delete('k')
  assert.is(await b.primary.has('k'), false)
  assert.is.not(a.get('n'), 1)
})

test('after a failover new calls go to the new primary', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  const c = await world.replica('c', 'a')
  await world.sim.until(b.primary.set('k', 'of a'))
  await c.promote()
  await world.follow(b, 'c')
  await world.sim.until(b.primary.set('k', 'of c'))
  assert.is(c.get('k'), 'of c')
  assert.is(b.get('k'), 'of c')
  assert.is(a.get('k'), 'of a')
  assert.is([...a.engine.clients.values()].length, 0, 'nothing is left at the old one')
})

test('close ends what is under way', async () => {
  const { world, b } = await pair()
  await using _ = world
  await world.sim.until(b.primary.caughtUp())
  world.sim.delay(10)
  const underWay = codeOf(b.primary.set('k', 'v'))
  await world.sim.advance(1)
  await b.close()
  assert.is(await underWay, 'UNCERTAIN')
  assert.is(await codeOf(b.primary.set('k', 'v')), 'CLOSED')
  await world.sim.settle()
  assert.is(world.sim.timers('b'), 0)
})

test.run()
