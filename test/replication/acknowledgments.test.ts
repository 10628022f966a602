// WAIT, WAITAOF and store.wait on a virtual clock: who is counted, for what, until when.

import * as assert from 'uvu/assert'
import type { ReplyError, Store, StoreError } from '../../src/index.js'
import { Caller } from '../sim/caller.js'
import { pair, World } from '../sim/world.js'
import { suite } from '../suite.js'

const test = suite('acknowledgments')

const GETACK_BYTES = '*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n'.length
const UNBLOCKED = 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'

/** A primary `a` with `b` and `c`, and a client of it. */
async function scene(): Promise<{ world: World; stores: Store[]; client: Caller; other: Caller }> {
  const world = new World()
  const a = await world.node('a')
  const b = await world.replica('b', 'a')
  const c = await world.replica('c', 'a')
  await world.sim.advance(1500)
  return { world, stores: [a, b, c], client: new Caller(world.sim, 'a', 'x'), other: new Caller(world.sim, 'a', 'y') }
}

function waiting(store: Store, replicas: number, options?: { timeoutMs?: number; signal?: AbortSignal }) {
  const outcome: { is?: number | string } = {}
  store.wait(replicas, options).then(
    (count) => Object.assign(outcome, { is: count }),
    (error: StoreError | ReplyError) => Object.assign(outcome, { is: error.code }),
  )
  return outcome
}

test('WAIT answers as soon as enough replicas have acknowledged, not a second later', async () => {
  const { world, client } = await scene()
  await using _ = world
  world.sim.delay(3)
  client.send('SET k 1')
  client.send('WAIT 2 0')
  await world.sim.advance(11)
  assert.is(client.heard(), '+OK\r\n', 'there, here, and there again: 3 ms each')
  await world.sim.advance(1)
  assert.is(client.heard(), ':2\r\n')
})

test('WAIT answers with how many there are when its time is over', async () => {
  const { world, client } = await scene()
  await using _ = world
  world.sim.partition('a', 'c')
  client.send('SET k 1')
  client.send('WAIT 2 200')
  client.send('PING')
  await world.sim.advance(198)
  assert.is(client.heard(), '+OK\r\n')
  await world.sim.advance(3)
  assert.is(client.heard(), ':1\r\n+PONG\r\n')
  client.send('WAIT 3 0')
  await world.sim.advance(30_000)
  assert.is(client.heard(), '')
})

test('WAIT waits for what its client saw, not for what others wrote since', async () => {
  const { world, stores, client, other } = await scene()
  await using _ = world
  const [a] = stores
  client.send('SET k 1')
  await world.sim.advance(1500)
  world.sim.partition('a', ['b', 'c'])
  other.send('SET k 2')
  await world.sim.settle()
  assert.is(client.heard(), '+OK\r\n')
  client.send('WAIT 2 1')
  await world.sim.settle()
  assert.is(client.heard(), ':2\r\n')
  client.send('GET k')
  client.send('WAIT 2 1')
  await world.sim.advance(5)
  assert.is(client.heard(), '$1\r\n2\r\n:0\r\n')
  // And one that has done nothing yet waits for nothing.
  const fresh = new Caller(world.sim, 'a', 'z')
  fresh.send('WAIT 2 0')
  await world.sim.settle()
  assert.is(fresh.heard(), ':2\r\n')
  assert.is(a.engine.blockedClients, 0)
})

test('one GETACK in a turn, however many wait; none when nobody has to', async () => {
  const { world, stores, client } = await scene()
  await using _ = world
  const [a] = stores
  const { history } = a.engine
  client.send('SET k 1')
  await world.sim.settle()
  const before = history.offset
  client.send('WAIT 2 0')
  await world.sim.settle()
  assert.is(history.offset - before, GETACK_BYTES)
  assert.is(client.heard(), '+OK\r\n:2\r\n')
  a.set('k', 2)
  const written = history.offset
  assert.equal(await world.sim.until(Promise.all([a.wait(2), a.wait(1), a.wait(2)])), [2, 2, 2])
  assert.is(history.offset - written, GETACK_BYTES)
  client.send('WAIT 2 0')
  client.send('WAIT 0 0')
  assert.equal(await Promise.all([a.wait(2), a.wait(0)]), [2, 2])
  await world.sim.settle()
  assert.is(client.heard(), ':2\r\n:2\r\n')
  assert.is(history.offset - written, GETACK_BYTES)
})

test('during a pause of writes nobody is asked: the ACKs of each second do', async () => {
  const { world, stores, client, other } = await scene()
  await using _ = world
  const { history } = stores[0].engine
  client.send('SET k 1')
  await world.sim.settle()
  other.send('CLIENT PAUSE 60000 WRITE')
  await world.sim.settle()
  const before = history.offset
  client.send('WAIT 2 0')
  await world.sim.advance(1100)
  assert.is(client.heard(), '+OK\r\n:2\r\n')
  assert.is(history.offset, before)
})

test('WAIT in a transaction waits for nobody', async () => {
  const { world, client } = await scene()
  await using _ = world
  world.sim.partition('a', 'b')
  client.send('SET k 1')
  await world.sim.advance(1500)
  for (const line of ['MULTI', 'WAIT 2 0', 'EXEC']) client.send(line)
  await world.sim.settle()
  assert.is(client.heard(), '+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n:1\r\n')
})

test('CLIENT UNBLOCK, a client that goes, a node that becomes a replica', async () => {
  const { world, stores, client, other } = await scene()
  await using _ = world
  const [a] = stores
  const gone = new Caller(world.sim, 'a', 'z')
  client.send('CLIENT ID')
  await world.sim.settle()
  const id = client.heard().slice(1).trim()
  world.sim.partition('a', ['b', 'c'])
  for (const [how, answer] of [
    ['TIMEOUT', ':0\r\n'],
    ['ERROR', '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'],
  ]) {
    client.send('SET k 1')
    client.send('WAIT 1 0')
    await world.sim.settle()
    assert.is(client.heard(), '+OK\r\n')
    other.send(`CLIENT UNBLOCK ${id} ${how}`)
    await world.sim.settle()
    assert.equal([other.heard(), client.heard()], [':1\r\n', answer])
  }
  gone.send('SET k 2')
  gone.send('WAIT 1 0')
  client.send('SET k 3')
  client.send('WAIT 1 0')
  await world.sim.settle()
  assert.is(a.engine.blockedClients, 2)
  gone.close()
  await world.sim.settle()
  assert.is(a.engine.blockedClients, 1)
  void a.replicaOf(world.sim.at('b')).catch(() => {})
  await world.sim.settle()
  assert.is(client.heard(), `+OK\r\n-${UNBLOCKED}\r\n`)
  assert.ok(client.isClosed)
  assert.is(a.engine.blockedClients, 0)
})

test('store.wait: every write made so far', async () => {
  const { world, stores } = await scene()
  await using _ = world
  const [a, b] = stores
  a.set('k', 1)
  assert.is(await world.sim.until(a.wait(2)), 2)
  assert.is(await a.wait(0), 2, 'nothing is waited for')
  world.sim.partition('a', 'c')
  a.set('k', 2)
  assert.is(await world.sim.until(a.wait(1)), 1)
  const late = waiting(a, 2, { timeoutMs: 100 })
  const controller = new AbortController()
  const aborted = waiting(a, 2, { signal: controller.signal })
  const endless = waiting(a, 2)
  await world.sim.advance(99)
  assert.is(late.is, undefined)
  await world.sim.advance(2)
  assert.is(late.is, 1)
  controller.abort()
  await world.sim.advance(30_000)
  assert.equal([aborted.is, endless.is], ['ABORTED', undefined])
  await a.close()
  await world.sim.settle()
  assert.is(endless.is, 'CLOSED')
  const onReplica = waiting(b, 0)
  await world.sim.settle()
  assert.is(onReplica.is, 'INVALID')
})

test('store.wait when the store becomes a replica', async () => {
  const { world, a, b } = await pair()
  await using _ = world
  world.sim.partition('a', 'b')
  a.set('k', 1)
  const outcome = waiting(a, 1)
  void a.replicaOf(world.sim.at('b')).catch(() => {})
  await world.sim.settle()
  assert.is(outcome.is, 'UNBLOCKED')
  assert.is(b.role, 'replica')
})

test('a replica that is still in its full sync is not counted', async () => {
  await using world = new World()
  const a = await world.node('a', { config: { 'repl-diskless-sync-delay': '5' } })
  const b = await world.node('b')
  a.set('k', 1)
  const following = b.replicaOf(world.sim.at('a'))
  const outcome = waiting(a, 1)
  await world.sim.advance(4000)
  assert.is(outcome.is, undefined)
  await world.sim.until(following)
  await world.sim.advance(1100)
  assert.is(outcome.is, 1)
})

test('what replicas have on their disks is told with their ACKs, and counted by WAITAOF', async () => {
  const { world, stores, client } = await scene()
  await using _ = world
  const [, b, c] = stores
  client.send('SET k 1')
  client.send('WAITAOF 0 1 100')
  await world.sim.advance(110)
  assert.is(client.heard(), '+OK\r\n*2\r\n:0\r\n:0\r\n', 'nobody keeps a file')
  b.engine.durability.reach(1)
  await world.sim.advance(1100)
  client.send('WAITAOF 0 1 100')
  await world.sim.advance(110)
  assert.is(client.heard(), '*2\r\n:0\r\n:0\r\n', 'not that far')
  client.send('WAITAOF 0 1 0')
  await world.sim.advance(1100)
  b.engine.durability.reach(b.engine.history.offset)
  c.engine.durability.reach(1)
  await world.sim.advance(1100)
  assert.is(client.heard(), '*2\r\n:0\r\n:1\r\n')
  client.send('WAITAOF 1 1 0')
  await world.sim.settle()
  assert.match(client.heard(), /^-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n$/)
})

test('what only asked for ACKs need not be on our own disk', async () => {
  const { world, stores, client } = await scene()
  await using _ = world
  const [a, b] = stores
  client.send('SET k 1')
  await world.sim.settle()
  Object.assign(a.engine, { appendOnly: { isOn: true } })
  a.engine.durability.reach(a.engine.history.offset)
  client.send('WAITAOF 1 1 0')
  await world.sim.settle()
  b.engine.durability.reach(b.engine.history.offset)
  await world.sim.advance(1100)
  assert.is(a.engine.history.offset, a.engine.durability.offset + GETACK_BYTES)
  client.send('WAITAOF 1 0 0')
  client.send('WAITAOF 1 2 10')
  await world.sim.advance(20)
  assert.is(client.heard(), `+OK\r\n${'*2\r\n:1\r\n:1\r\n'.repeat(3)}`)
})

test.run()
