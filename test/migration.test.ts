// MIGRATE while clients go on, on a virtual clock: what waits, what may change, and that nothing is lost.

import * as assert from 'uvu/assert'
import { encodeCommand } from '../src/protocol/parser.js'
import type { Store } from '../src/store.js'
import type { MemoryNetwork } from '../src/transports/memory.js'
import { parse } from './resp.js'
import { Caller } from './sim/caller.js'
import { World } from './sim/world.js'
import { suite } from './suite.js'

const test = suite('migration')

/** A server that says what the test tells it to, and nothing by itself. */
class Target {
  readonly commands: string[][] = []
  #send: (reply: string) => void = () => {}
  #received = Buffer.alloc(0)

  static async listen(sim: MemoryNetwork): Promise<Target> {
    const target = new Target()
    await sim.at('target').listen((link) => {
      target.#send = (reply) => void link.send(reply)
      link.open({ data: (chunk) => target.#take(chunk), drain() {}, closed() {} })
    })
    return target
  }

  answer(...replies: string[]): void {
    for (const reply of replies) this.#send(`${reply}\r\n`)
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (;;) {
      const parsed = parse(this.#received, 'latin1')
      if (parsed.kind !== 'reply') return
      this.commands.push((parsed.value as unknown[]).map(String))
      this.#received = this.#received.subarray(parsed.length)
    }
  }
}

interface Scene {
  world: World
  store: Store
  target: Target
  caller: Caller
  other: Caller
  settle(): Promise<void>
}

async function scene(play: (scene: Scene) => Promise<void>): Promise<void> {
  await using world = new World()
  const { sim } = world
  const store = await world.node('a', { dial: (host) => sim.at(host) })
  const target = await Target.listen(sim)
  const [caller, other] = [new Caller(sim, 'a'), new Caller(sim, 'a')]
  await play({ world, store, target, caller, other, settle: () => sim.settle() })
}

const words = ({ target }: Scene): string[] => target.commands.map(([name, key]) => `${name} ${key}`)

test('a key that is under way can be read; who writes to it waits until it is gone', () =>
  scene(async (now) => {
    const { store, target, caller, other, settle } = now
    store.set('k', 'old')
    caller.send('MIGRATE target 0 k 3 5000')
    await settle()
    assert.equal(target.commands, [['SELECT', '3']], 'nothing is sent into a keyspace that may not be there')
    target.answer('+OK')
    await settle()
    assert.equal(words(now), ['SELECT 3', 'RESTORE k'])
    for (const line of ['GET k', 'SET free 1', 'APPEND k new', 'GET free']) other.send(line)
    await settle()
    assert.is(other.heard(), '$3\r\nold\r\n+OK\r\n', 'the append waits, and what is behind it')
    caller.send('PING')
    await settle()
    assert.is(caller.heard(), '', 'so does the client')
    target.answer('+OK')
    await settle()
    assert.is(caller.heard(), '+OK\r\n+PONG\r\n')
    assert.is(other.heard(), ':3\r\n$1\r\n1\r\n', 'the append made a new key')
    assert.is(store.get('k'), 'new')
  }))

test('transactions, FLUSHALL and another MIGRATE wait too; other keyspaces do not', () =>
  scene(async ({ world, store, target, caller, other, settle }) => {
    store.set('k', 'old')
    caller.send('MIGRATE target 0 k 3 5000')
    await settle()
    target.answer('+OK')
    for (const line of ['SELECT 1', 'SET k elsewhere', 'SELECT 0', 'MULTI', 'SET free 1', 'GET k', 'EXEC'])
      other.send(line)
    await settle()
    assert.is(other.heard(), '+OK\r\n+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$3\r\nold\r\n')
    const waiting = ['FLUSHALL', 'MIGRATE target 0 k 3 5000', 'RENAME free k'].map((line) => {
      const one = new Caller(world.sim, 'a')
      one.send(line)
      return one
    })
    await settle()
    for (const one of waiting) assert.is(one.heard(), '')
    assert.match(String(store.call('INFO', 'clients')), /blocked_clients:4/)
    target.answer('+OK')
    await settle()
    const heard = waiting.map((one) => one.heard())
    assert.equal(heard, ['+OK\r\n', '+NOKEY\r\n', '-ERR no such key\r\n'])
  }))

test("the store's owner does not wait: what it changed is not deleted, and the client is told", () =>
  scene(async ({ store, target, caller, settle }) => {
    for (const key of ['a', 'b', 'c', 'd']) store.set(key, `first ${key}`)
    caller.send('MIGRATE target 0 "" 0 5000 KEYS a b c d')
    await settle()
    target.answer('+OK')
    await settle()
    store.set('b', 'newer')
    store.delete('c')
    store.expire('d', 60_000)
    target.answer('+OK', '+OK', '+OK', '+OK')
    await settle()
    assert.match(caller.heard(), /^-ERR Keys were changed while they were copied/)
    assert.equal([...store.keys()].sort(), ['b', 'd'])
    assert.is(store.get('b'), 'newer')
  }))

test('a flush by the owner is a change, an expiry is none', () =>
  scene(async ({ world, store, target, caller, settle }) => {
    store.set('k', 'v', { ttl: 1000 })
    caller.send('MIGRATE target 0 k 0 5000')
    await settle()
    target.answer('+OK')
    await settle()
    assert.is(target.commands[1][2], '1000', 'what is left of its time, in ms')
    await world.sim.advance(2000)
    assert.is(store.has('k'), false)
    target.answer('+OK')
    await settle()
    assert.is(caller.heard(), '+OK\r\n')

    store.set('k', 'v')
    caller.send('MIGRATE target 0 k 0 5000')
    await settle()
    target.answer('+OK')
    await settle()
    store.clear()
    target.answer('+OK')
    await settle()
    assert.match(caller.heard(), /^-ERR Keys were changed/)
  }))

test('what the target refuses stays, what it took is gone, and the first error is told', () =>
  scene(async ({ store, target, caller, settle }) => {
    for (const key of ['a', 'b', 'c']) store.set(key, key)
    caller.send('MIGRATE target 0 "" 0 5000 REPLACE AUTH2 me secret KEYS a b none c b')
    await settle()
    assert.equal(target.commands, [
      ['AUTH', 'me', 'secret'],
      ['SELECT', '0'],
    ])
    target.answer('+OK', '+OK')
    await settle()
    assert.equal(
      target.commands.slice(2).map(([name, key, ttl, , how]) => [name, key, ttl, how]),
      [
        ['RESTORE', 'a', '0', 'REPLACE'],
        ['RESTORE', 'b', '0', 'REPLACE'],
        ['RESTORE', 'c', '0', 'REPLACE'],
      ],
      'each key once',
    )
    target.answer('-OOM not now', '+OK', '-ERR other')
    await settle()
    assert.is(caller.heard(), '-ERR Target instance replied with error: OOM not now\r\n')
    assert.equal([...store.keys()], ['a', 'c'])
  }))

test('not let in: no key is sent', () =>
  scene(async (now) => {
    const { store, target, caller, settle } = now
    store.set('k', 'v')
    caller.send('MIGRATE target 0 k 99 5000 AUTH wrong')
    await settle()
    target.answer('-WRONGPASS no', '-NOAUTH no')
    await settle()
    assert.is(caller.heard(), '-ERR Target instance replied with error: WRONGPASS no\r\n')
    assert.equal(words(now), ['AUTH wrong', 'SELECT 99'])
    assert.is(store.get('k'), 'v')
  }))

test('silence: the time begins anew with every answer, and what was taken is deleted', () =>
  scene(async ({ world, store, target, caller, other, settle }) => {
    const { sim } = world
    for (const key of ['a', 'b']) store.set(key, key)
    caller.send('MIGRATE target 0 "" 0 500 KEYS a b')
    await settle()
    await sim.advance(400)
    target.answer('+OK')
    await settle()
    await sim.advance(400)
    target.answer('+OK')
    await settle()
    other.send('SET b new')
    await sim.advance(400)
    assert.is(caller.heard(), '')
    assert.is(other.heard(), '')
    await sim.advance(200)
    assert.is(caller.heard(), '-IOERR error or timeout reading to target instance\r\n')
    assert.is(other.heard(), '+OK\r\n', 'nobody waits longer than the client')
    assert.equal([...store.entries()], [['b', 'new']])
    assert.match(String(store.call('INFO', 'errorstats')), /errorstat_IOERR:count=1/)
  }))

test('silence from the start: no longer than was said', () =>
  scene(async ({ world, store, target, caller, settle }) => {
    store.set('k', 'v')
    caller.send('MIGRATE target 0 k 0 500')
    await settle()
    target.answer('+OK')
    await settle()
    await world.sim.advance(490)
    assert.is(caller.heard(), '')
    await world.sim.advance(20)
    assert.match(caller.heard(), /^-IOERR error or timeout reading/)
    assert.is(store.get('k'), 'v')
  }))

test('nobody there: the key stays', () =>
  scene(async ({ store, caller, settle }) => {
    store.set('k', 'v')
    caller.send('MIGRATE nobody 0 k 0 500')
    await settle()
    assert.is(caller.heard(), '-IOERR error or timeout writing to target instance\r\n')
    assert.is(store.get('k'), 'v')
  }))

test('a client that goes away has begun it: it is brought to its end', () =>
  scene(async ({ store, target, caller, other, settle }) => {
    store.set('k', 'v')
    caller.send('MIGRATE target 0 k 0 5000')
    await settle()
    target.answer('+OK')
    await settle()
    caller.close()
    await settle()
    assert.is(store.get('k'), 'v')
    target.answer('+OK')
    await settle()
    assert.is(store.has('k'), false)
    other.send('SET k again')
    await settle()
    assert.is(other.heard(), '+OK\r\n', 'nothing is kept any more')
  }))

test('CLIENT UNBLOCK does not end it', () =>
  scene(async ({ store, target, caller, other, settle }) => {
    store.set('k', 'v')
    caller.send('CLIENT ID')
    await settle()
    const id = caller.heard().slice(1).trim()
    caller.send('MIGRATE target 0 k 0 5000')
    await settle()
    other.send(`CLIENT UNBLOCK ${id} ERROR`)
    await settle()
    assert.is(other.heard(), ':0\r\n')
    target.answer('+OK')
    await settle()
    target.answer('+OK')
    await settle()
    assert.is(caller.heard(), '+OK\r\n')
  }))

test('a node that became a replica meanwhile deletes nothing', () =>
  scene(async ({ world, store, target, caller, settle }) => {
    await world.node('b')
    store.set('k', 'v')
    caller.send('MIGRATE target 0 k 0 5000')
    await settle()
    target.answer('+OK')
    await settle()
    store.engine.followTransport(world.sim.at('nobody'))
    target.answer('+OK')
    await settle()
    assert.match(caller.heard(), /^-ERR The keys were copied but not deleted/)
    assert.is(store.get('k'), 'v')
  }))

test('COPY: nobody waits, and nothing is deleted', () =>
  scene(async ({ store, target, caller, other, settle }) => {
    store.set('k', 'v')
    caller.send('MIGRATE target 0 k 0 5000 COPY')
    await settle()
    target.answer('+OK')
    await settle()
    other.send('APPEND k w')
    await settle()
    assert.is(other.heard(), ':2\r\n')
    target.answer('+OK')
    await settle()
    assert.is(caller.heard(), '+OK\r\n')
    assert.is(store.get('k'), 'vw')
  }))

test('replicas get one DEL', async () => {
  await using world = new World()
  const { sim } = world
  const store = await world.node('a', { dial: (host) => sim.at(host) })
  const replica = await world.replica('b', 'a')
  const target = await Target.listen(sim)
  for (const key of ['x', 'y', 'z']) store.set(key, key)
  store.engine.stream.open(2 ** 20)
  const { end } = store.engine.stream.backlog!
  const caller = new Caller(sim, 'a')
  caller.send('MIGRATE target 0 "" 0 5000 KEYS x y')
  await sim.settle()
  target.answer('+OK')
  await sim.settle()
  target.answer('+OK', '+OK')
  await sim.settle()
  assert.is(caller.heard(), '+OK\r\n')
  const written = store.engine.stream.backlog!.read(end)!.toString('latin1')
  assert.is(written, encodeCommand(['DEL', 'x', 'y']))
  assert.equal([...replica.keys()], ['z'])
  assert.is(replica.status().offset, store.status().offset)
})

test('where nobody can wait it is refused, unless there is nothing to send', () =>
  scene(async ({ store, target, caller, settle }) => {
    assert.throws(() => store.call('MIGRATE', 'target', 0, 'k', 0, 'x'), /not an integer/)
    assert.is(store.call('MIGRATE', 'target', 0, 'k', 0, 100), 'NOKEY')
    store.set('k', 'v')
    assert.throws(() => store.call('MIGRATE', 'target', 0, 'k', 0, 100), /waits for another server/)
    for (const line of ['MULTI', 'SET n 1', 'MIGRATE target 0 k 0 100', 'EXEC']) caller.send(line)
    await settle()
    assert.match(caller.heard(), /\*2\r\n\+OK\r\n-ERR MIGRATE waits for another server/)
    assert.is(store.get('k'), 'v')
    assert.equal(target.commands, [])
  }))

test('many keys go in several batches, and large ones one by one', () =>
  scene(async ({ store, target, caller, settle }) => {
    const keys = Array.from({ length: 150 }, (_, i) => `k${i}`)
    for (const key of keys) store.set(key, key)
    // No run of equal bytes, which would be packed.
    const long = Array.from({ length: 300_000 }, (_, i) =>
      String.fromCharCode(33 + ((i * 7919) % 90) * ((i >> 7) % 2)),
    ).join('')
    for (const key of ['l0', 'l1']) store.set(key, long.repeat(4))
    caller.send(`MIGRATE target 0 "" 0 5000 KEYS ${[...keys, 'l0', 'l1'].join(' ')}`)
    await settle()
    target.answer('+OK')
    let most = 0
    for (let answered = 1; answered < 153; ) {
      await settle()
      const waiting = target.commands.length - answered
      assert.ok(waiting > 0, 'there is more to come')
      most = Math.max(most, waiting)
      answered += waiting
      target.answer(...Array<string>(waiting).fill('+OK'))
    }
    await settle()
    assert.is(most, 64)
    assert.is(caller.heard(), '+OK\r\n')
    assert.is(store.size, 0)
  }))

test('a store that is closed meanwhile keeps what it has', async () => {
  const world = new World()
  const { sim } = world
  const store = await world.node('a', { dial: (host) => sim.at(host) })
  const target = await Target.listen(sim)
  const caller = new Caller(sim, 'a')
  store.set('k', 'v')
  caller.send('MIGRATE target 0 k 0 5000')
  await sim.settle()
  target.answer('+OK')
  await sim.settle()
  await world.close()
  target.answer('+OK')
  await sim.settle()
  assert.is(store.get('k'), 'v')
})

test.run()
