// Coordinated failovers on a virtual clock: every way through the state machine, and what becomes of writers, of those who wait,
// of siblings, and of what was written.

import * as assert from 'uvu/assert'
import { type FailoverOptions, ReplyError, type Store, StoreError } from '../../src/index.js'
import { Caller } from '../sim/caller.js'
import { equal } from '../sim/equal.js'
import { World } from '../sim/world.js'
import { suite } from '../suite.js'

const test = suite('failover')

const READONLY = "-READONLY You can't write against a read only replica.\r\n"
const UNBLOCKED = '-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n'

/** `a`, and `b` and `c` that follow it, or as many as are named. */
async function family(names = 'abc'): Promise<{ world: World; stores: Store[] }> {
  const world = new World()
  const dial = (host: string) => world.sim.at(host)
  const a = await world.node(names[0], { dial })
  const stores = [a]
  for (const name of names.slice(1)) stores.push(await world.replica(name, names[0], { dial }))
  // Whatever is still on its way after the syncs.
  await world.sim.advance(1000)
  return { world, stores }
}

function syncsOf(store: Store): [full: number, partial: number, refused: number] {
  const { syncFull, syncPartialOk, syncPartialErr } = store.engine.stats
  return [syncFull, syncPartialOk, syncPartialErr]
}

const stateOf = (store: Store): string => store.engine.replication.failover.state

/** What became of it: `over`, or the code of its error; undefined while it is under way. */
function begun(store: Store, options?: FailoverOptions): { is?: string; error?: Error } {
  const outcome: { is?: string; error?: Error } = {}
  store.failover(options).then(
    () => Object.assign(outcome, { is: 'over' }),
    (error: StoreError) => {
      assert.instance(error, StoreError)
      Object.assign(outcome, { is: error.code, error })
    },
  )
  return outcome
}

test('the named replica takes over with everything; the old primary and a sibling go on with partial resyncs', async () => {
  const { world, stores } = await family()
  await using _ = world
  const [a, b, c] = stores
  a.set('k', 1)
  const token = a.token()
  const roles: string[] = []
  for (const [name, store] of [
    ['a', a],
    ['b', b],
  ] as const)
    store.on('role', (role) => roles.push(`${name} ${role}`))
  const outcome = begun(a, { to: world.sim.at('b') })
  a.engine.config.assign('repl-ping-replica-period', '3600')
  await world.sim.settle()
  assert.is(outcome.is, 'over')
  assert.equal(
    [a, b, c].map((store) => store.role),
    ['replica', 'primary', 'replica'],
  )
  assert.equal(roles, ['a replica', 'b primary'])
  await world.sim.advance(3000)
  b.set('k', 2)
  await world.sim.advance(1000)
  equal(a, b, c)
  // A sibling stays under the old primary, and learns the new id from there.
  assert.equal(
    [syncsOf(a), syncsOf(b), syncsOf(c)],
    [
      [2, 1, 0],
      [0, 1, 0],
      [0, 0, 0],
    ],
  )
  for (const store of stores) await world.sim.until(store.waitFor(token))
  const { replid2, secondOffset } = b.status()
  assert.is(replid2, token.replid)
  assert.ok(secondOffset > token.offset)
})

test('without a name the first that has everything takes over, and not one that lags', async () => {
  const { world, stores } = await family()
  await using _ = world
  const [a, b, c] = stores
  world.sim.partition('a', 'b')
  a.set('k', 1)
  await world.sim.advance(1500)
  const outcome = begun(a)
  await world.sim.advance(3000)
  assert.is(outcome.is, 'over')
  assert.equal(
    [a, b, c].map((store) => store.role),
    ['replica', 'replica', 'primary'],
  )
  world.sim.heal()
  await world.sim.advance(70_000)
  equal(a, b, c)
})

test('it takes a few round trips, not the second until the next ACK', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a, b] = stores
  world.sim.delay(1)
  a.set('k', 1)
  const outcome = begun(a)
  await world.sim.advance(30)
  assert.is(outcome.is, 'over')
  assert.is(b.role, 'primary')
  await world.sim.advance(2000)
  equal(a, b)
  assert.equal(syncsOf(b), [0, 1, 0])
})

test('clients: writes wait and are refused, those who wait for a key are sent away, reads go on', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a] = stores
  const [writer, publisher, blocked, reader] = ['w', 'p', 'l', 'r'].map((name) => new Caller(world.sim, 'a', name))
  blocked.send('BLPOP list 0')
  reader.send('SET k 1')
  await world.sim.settle()
  assert.is(reader.heard(), '+OK\r\n')
  world.sim.partition('a', 'b')
  const outcome = begun(a, { to: world.sim.at('b') })
  await world.sim.settle()
  writer.send('SET k 2')
  writer.send('GET k')
  publisher.send('PUBLISH c m')
  reader.send('GET k')
  reader.send('PING')
  reader.send('CLIENT UNPAUSE')
  await world.sim.settle()
  assert.equal([writer.heard(), publisher.heard(), reader.heard()], ['', '', '$1\r\n1\r\n+PONG\r\n+OK\r\n'])
  assert.is(stateOf(a), 'waiting-for-sync')
  reader.send('ROLE')
  reader.send('SYNC')
  reader.send('REPLICAOF NO ONE')
  reader.send('FAILOVER')
  await world.sim.settle()
  assert.match(
    reader.heard(),
    /^\*3\r\n\$6\r\nmaster\r\n[^-]*-NOMASTERLINK Can't SYNC while failing over\r\n-ERR REPLICAOF not allowed while failing over.\r\n-ERR FAILOVER already in progress.\r\n$/,
  )
  assert.throws(
    () => a.set('k', 3),
    (error: StoreError) => error.code === 'PAUSED',
  )
  assert.throws(
    () => a.call('PUBLISH', 'c', 'm'),
    (error: StoreError) => error.code === 'PAUSED',
  )
  assert.throws(
    () => a.transaction(() => a.increment('n')),
    (error: StoreError) => error.code === 'PAUSED',
  )
  assert.is(a.get('k') as string, '1')
  const refused = await a.promote().catch((error: ReplyError) => error)
  assert.instance(refused, ReplyError)
  world.sim.heal()
  await world.sim.advance(5000)
  assert.is(outcome.is, 'over')
  assert.is(writer.heard(), `${READONLY}$1\r\n1\r\n`)
  assert.is(publisher.heard(), ':0\r\n')
  assert.is(blocked.heard(), UNBLOCKED)
  assert.ok(blocked.isClosed)
  assert.throws(
    () => a.set('k', 3),
    (error: ReplyError) => error.code === 'READONLY',
  )
  equal(stores[0], ...stores.slice(1))
})

test('a target that does not catch up: the time is over, and the primary goes on', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a, b] = stores
  world.sim.partition('a', 'b')
  a.set('k', 1)
  const writer = new Caller(world.sim, 'a')
  const outcome = begun(a, { to: world.sim.at('b'), timeoutMs: 400 })
  await world.sim.settle()
  writer.send('SET k 2')
  await world.sim.advance(399)
  assert.equal([outcome.is, writer.heard()], [undefined, ''])
  await world.sim.advance(2)
  assert.equal([outcome.is, writer.heard(), a.role, stateOf(a)], ['TIMEOUT', '+OK\r\n', 'primary', 'no-failover'])
  a.set('k', 3)
  world.sim.heal()
  await world.sim.advance(3000)
  equal(a, b)
  assert.equal(syncsOf(a), [1, 0, 0])
})

test('no PING moves the offset while it waits with a time, and without one they go on', async () => {
  for (const timeoutMs of [100_000, 0]) {
    const { world, stores } = await family('ab')
    await using _ = world
    const [a] = stores
    a.engine.config.assign('repl-timeout', '3600')
    world.sim.partition('a', 'b')
    a.set('k', 1)
    const outcome = begun(a, { timeoutMs })
    await world.sim.settle()
    const { offset } = a.status()
    await world.sim.advance(50_000)
    assert.is(a.status().offset > offset, timeoutMs === 0)
    world.sim.heal()
    await world.sim.advance(2000)
    assert.is(outcome.is, 'over')
    equal(stores[0], ...stores.slice(1))
  }
})

test('without a time it ends when the target is lost: nobody is let in while it lasts', async () => {
  const { world, stores } = await family()
  await using _ = world
  const [a, b, c] = stores
  world.sim.partition('a', ['b', 'c'])
  a.set('k', 1)
  const outcome = begun(a, { to: world.sim.at('b') })
  await world.sim.settle()
  world.sim.cut('a', 'c')
  await world.sim.settle()
  assert.is(outcome.is, undefined, 'somebody else')
  world.sim.cut('a', 'b')
  await world.sim.settle()
  assert.equal([outcome.is, stateOf(a)], ['LINK', 'no-failover'])
  world.sim.heal()
  await world.sim.advance(3000)
  equal(a, b, c)
})

test('with FORCE the target takes over when the time is over: what it has not is lost', async () => {
  const { world, stores } = await family()
  await using _ = world
  const [a, b, c] = stores
  a.set('kept', 1)
  await world.sim.settle()
  world.sim.partition('a', 'b', { oneWay: true })
  a.set('lost', 1)
  const lost = a.token()
  const outcome = begun(a, { to: world.sim.at('b'), force: true, timeoutMs: 300 })
  await world.sim.advance(299)
  assert.is(stateOf(a), 'waiting-for-sync')
  await world.sim.advance(1)
  assert.is(stateOf(a), 'failover-in-progress')
  assert.equal([a.role, b.role], ['replica', 'replica'])
  await world.sim.advance(1000)
  // Its link is stuck. The next one comes through, before the old bytes do.
  world.sim.cut('a', 'b')
  world.sim.heal()
  await world.sim.advance(5000)
  assert.is(outcome.is, 'over')
  assert.equal(
    [a, b, c].map((store) => [store.role, store.has('kept'), store.has('lost')]),
    [
      ['replica', true, false],
      ['primary', true, false],
      ['replica', true, false],
    ],
  )
  equal(a, b, c)
  assert.equal(syncsOf(b), [1, 0, 1])
  assert.is((await b.waitFor(lost).catch((error: StoreError) => error)) instanceof StoreError, true)
})

test('given up while it waits, by a command and by a signal: nothing has happened', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a, b] = stores
  world.sim.partition('a', 'b')
  a.set('k', 1)
  const client = new Caller(world.sim, 'a')
  const controller = new AbortController()
  for (const how of ['command', 'signal']) {
    const outcome = begun(a, { to: world.sim.at('b'), signal: controller.signal })
    await world.sim.settle()
    client.send('SET k 2')
    await world.sim.settle()
    if (how === 'command') a.call('FAILOVER', 'ABORT')
    else controller.abort(new Error('enough'))
    await world.sim.settle()
    assert.equal([outcome.is, client.heard(), stateOf(a)], ['ABORTED', '+OK\r\n', 'no-failover'])
    if (how === 'signal') assert.is((outcome.error!.cause as Error).message, 'enough')
  }
  assert.is(begun(a, { signal: controller.signal }).is, undefined)
  assert.is(stateOf(a), 'no-failover', 'a signal that has fired begins nothing')
  assert.throws(
    () => a.call('FAILOVER', 'ABORT'),
    (error: ReplyError) => error.message === 'ERR No failover in progress.',
  )
  world.sim.heal()
  await world.sim.advance(2000)
  equal(a, b)
})

test('given up while the target cannot be reached: the role comes back, with a new id', async () => {
  const { world, stores } = await family()
  await using _ = world
  const [a, b, c] = stores
  const writer = new Caller(world.sim, 'a', 'w')
  const { replid } = a.status()
  const outcome = begun(a, { to: world.sim.at('b') })
  // In step by now; it is cut off before the handshake comes through.
  world.sim.delay(50, 'a', 'b')
  while (stateOf(a) !== 'failover-in-progress') await world.sim.advance(1)
  world.sim.partition('a', 'b')
  await world.sim.advance(5000)
  assert.equal([a.role, b.role, a.status().link], ['replica', 'replica', 'connecting'])
  writer.send('SET k 1')
  writer.send('INFO replication')
  await world.sim.settle()
  const heard = writer.heard()
  assert.ok(heard.startsWith(READONLY))
  for (const line of ['role:slave', 'master_link_status:down', 'master_failover_state:failover-in-progress'])
    assert.ok(heard.includes(`${line}\r\n`), heard)
  a.call('FAILOVER', 'ABORT')
  await world.sim.settle()
  assert.equal([outcome.is, a.role, stateOf(a)], ['ABORTED', 'primary', 'no-failover'])
  assert.equal([a.status().replid2, a.status().replid === replid], [replid, false])
  writer.send('SET k 1')
  await world.sim.settle()
  assert.is(writer.heard(), '+OK\r\n')
  world.sim.heal()
  world.sim.delay(0, 'a', 'b')
  await world.sim.advance(70_000)
  equal(a, b, c)
  assert.equal(syncsOf(a), [2, 2, 0])
})

test('a target that was promoted by somebody else refuses: the role comes back', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a, b] = stores
  const writer = new Caller(world.sim, 'a', 'w')
  const outcome = begun(a, { to: world.sim.at('b') })
  world.sim.delay(50, 'a', 'b')
  while (stateOf(a) !== 'failover-in-progress') await world.sim.advance(1)
  await b.promote()
  await world.sim.advance(2000)
  assert.equal([outcome.is, a.role, b.role], ['REFUSED', 'primary', 'primary'])
  assert.match(outcome.error!.message, /b:0/)
  assert.is(outcome.error!.cause, "-ERR PSYNC FAILOVER can't be sent to a master.")
  writer.send('SET k 1')
  await world.sim.advance(200)
  assert.is(writer.heard(), '+OK\r\n')
})

test('the answer is lost: the target has taken over, is asked again, and there is one primary', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a, b] = stores
  world.sim.delay(20, 'a', 'b')
  const outcome = begun(a, { to: world.sim.at('b') })
  while (b.role === 'replica') await world.sim.advance(1)
  assert.is(stateOf(a), 'failover-in-progress')
  world.sim.cut('a', 'b')
  b.set('k', 'of the new primary')
  await world.sim.advance(1000)
  assert.equal([outcome.is, a.role, b.role], ['over', 'replica', 'primary'])
  await world.sim.advance(2000)
  equal(a, b)
  assert.equal(syncsOf(b), [0, 2, 0], 'the first answer was one too')
})

test('what is refused', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a, b] = stores
  const c = await world.node('c')
  const refusal = async (store: Store, options?: FailoverOptions): Promise<string> => {
    const error = await store.failover(options).catch((error: StoreError) => error)
    assert.instance(error, StoreError)
    assert.is((error as StoreError).code, 'INVALID')
    return (error as StoreError).message
  }
  assert.is(await refusal(b), 'FAILOVER is not valid when server is a replica.')
  assert.is(await refusal(c), 'FAILOVER requires connected replicas.')
  assert.is(await refusal(a, { to: world.sim.at('c') }), 'FAILOVER target HOST and PORT is not a replica.')
  assert.match(await refusal(a, { force: true }), /^FAILOVER with force option requires both/)
  assert.match(await refusal(a, { to: world.sim.at('b'), force: true }), /^FAILOVER with force option requires both/)
  // One whose snapshot has not begun.
  a.engine.config.assign('repl-diskless-sync-delay', '5')
  const following = c.replicaOf(world.sim.at('a'))
  await world.sim.advance(1000)
  assert.is(await refusal(a, { to: world.sim.at('c') }), 'FAILOVER target replica is not online.')
  await world.sim.until(following)
  assert.is(stateOf(a), 'no-failover')
  assert.is(a.role, 'primary')
})

test('close ends it, on either side', async () => {
  for (const when of ['waiting-for-sync', 'failover-in-progress']) {
    const { world, stores } = await family('ab')
    await using _ = world
    const [a] = stores
    if (when === 'waiting-for-sync') {
      world.sim.partition('a', 'b')
      a.set('k', 1)
    } else world.sim.delay(50)
    const outcome = begun(a)
    while (stateOf(a) !== when) await world.sim.advance(1)
    await a.close()
    await world.sim.settle()
    assert.is(outcome.is, 'CLOSED')
    assert.is(stateOf(a), 'no-failover')
    assert.is(world.sim.timers('a'), 0)
  }
})

test('a shutdown gives it up', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a, b] = stores
  world.sim.partition('a', 'b')
  a.set('k', 1)
  const outcome = begun(a)
  await world.sim.settle()
  const closing = a.close({ drainMs: 5000 })
  await world.sim.advance(1000)
  assert.is(outcome.is, 'ABORTED')
  world.sim.heal()
  await world.sim.until(closing)
  assert.is(b.get('k'), 1, 'the replica got everything')
})

test('in a transaction with a pause and a write of its own, as Valkey asks for it', async () => {
  const { world, stores } = await family('ab')
  await using _ = world
  const [a, b] = stores
  const client = new Caller(world.sim, 'a', 'sentinel')
  for (const line of ['MULTI', 'SET k 1', 'CLIENT PAUSE 5000 WRITE', 'FAILOVER TO b 0 TIMEOUT 1000', 'EXEC'])
    client.send(line)
  await world.sim.advance(500)
  assert.is(client.heard(), `+OK\r\n${'+QUEUED\r\n'.repeat(3)}*3\r\n${'+OK\r\n'.repeat(3)}`)
  assert.equal([a.role, b.role, b.get('k') as string], ['replica', 'primary', '1'])
  // The pause of its own lasts until it is ended; but a replica refuses before it holds back.
  client.send('SET k 2')
  await world.sim.settle()
  assert.is(client.heard(), READONLY)
  for (const line of ['MULTI', 'CLIENT UNPAUSE', 'EXEC']) client.send(line)
  await world.sim.settle()
  assert.is(client.heard(), '+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n')
  await world.sim.advance(1000)
  equal(a, b)
})

test('a target with a password: the credentials of the directives, or it refuses', async () => {
  for (const config of [{ masterauth: 'secret' }, {}]) {
    const world = new World()
    await using _ = world
    const dial = (host: string) => world.sim.at(host)
    const a = await world.node('a', { dial, config })
    const b = await world.replica('b', 'a', { dial })
    b.engine.config.assign('requirepass', 'secret')
    const outcome = begun(a, { to: world.sim.at('b') })
    await world.sim.advance(3000)
    if (config.masterauth === undefined) {
      assert.is(outcome.is, 'REFUSED')
      assert.equal([a.role, b.role], ['primary', 'replica'])
    } else {
      assert.is(outcome.is, 'over')
      assert.equal([a.role, b.role], ['replica', 'primary'])
      equal(a, b)
    }
  }
})

test('from one to the next, a hundred times: what was written is there, and nobody syncs anew', async () => {
  const { world, stores } = await family('abc')
  await using _ = world
  const names = 'abc'
  let primary = 0
  for (let i = 0; i < 100; i++) {
    const next = (primary + 1 + (i % 2)) % 3
    // A sibling hangs under the old primary now: only who follows this one directly can take over from it.
    const direct = stores[primary].status().replicas.map(({ host }) => host)
    const target = direct.includes(names[next]) ? next : names.indexOf(direct[0])
    stores[primary].set(`k${i}`, i)
    const outcome = begun(stores[primary], { to: world.sim.at(names[target]) })
    await world.sim.advance(200)
    assert.is(outcome.is, 'over', `failover ${i}`)
    primary = target
  }
  await world.sim.advance(3000)
  equal(stores[0], ...stores.slice(1))
  for (let i = 0; i < 100; i++) assert.is(stores[primary].get(`k${i}`), i)
  assert.equal(
    stores.map((store) => syncsOf(store)[0]).reduce((sum, full) => sum + full),
    2,
  )
})

test.run()
