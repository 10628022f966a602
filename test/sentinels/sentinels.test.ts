// A store that asks Sentinels for its primary: what it does when they change their minds, disagree, err, fall silent, die.

import * as assert from 'uvu/assert'
import type { Store, StoreOptions } from '../../src/store.js'
import { World } from '../sim/world.js'
import { suite } from '../suite.js'
import { FakeSentinel, idOf, NAME } from './fake-sentinel.js'

const test = suite('sentinels')

/** The code that the promise is rejected with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'it resolved',
    (error: { code: unknown }) => error.code,
  )
}

const NAMES = ['s1', 's2', 's3']

/** A primary `a`, its replica `b`, three Sentinels that know each other, and a node `c` that may ask them. */
class Scene extends World {
  a!: Store
  b!: Store
  c!: Store
  sentinels: FakeSentinel[] = []

  static async start(options: StoreOptions<unknown> = {}): Promise<Scene> {
    const scene = new Scene()
    scene.a = await scene.node('a')
    scene.b = await scene.replica('b', 'a')
    scene.c = await scene.node('c', { dial: (host) => scene.sim.at(host), ...options })
    for (const name of NAMES) {
      const sentinel = await FakeSentinel.start(scene.sim, name, 'a')
      sentinel.peers = NAMES.filter((one) => one !== name)
      scene.sentinels.push(sentinel)
    }
    return scene
  }

  target(names: readonly string[] = NAMES): { name: string; sentinels: ReturnType<World['sim']['at']>[] } {
    return { name: NAME, sentinels: names.map((name) => this.sim.at(name)) }
  }

  /** `c` asks them, and has found the primary. */
  async ask(names: readonly string[] = NAMES): Promise<void> {
    await this.sim.until(this.c.replicaOf(this.target(names)))
    await this.sim.settle()
  }

  /** `b` becomes the primary, and the other follows it. */
  async failOver(): Promise<void> {
    await this.b.promote()
    await this.follow(this.a, 'b')
  }

  /** Whom `c` follows. */
  get followed(): string | undefined {
    return this.c.engine.link?.transport.address
  }
}

test('finds the primary that they name, and resolves in step with it', async () => {
  await using scene = await Scene.start()
  const { a, c } = scene
  a.set('k', 'v')
  await scene.ask()
  assert.is(c.get('k'), 'v')
  assert.is(scene.followed, 'a')
  assert.equal(c.status().sentinels, { name: NAME, known: 3, connected: 3 })
})

test('follows the new primary once they name it, with a partial resync', async () => {
  await using scene = await Scene.start()
  const { b, c, sentinels } = scene
  await scene.ask()
  await scene.failOver()
  const before = b.engine.stats.syncFull
  for (const one of sentinels) one.switchTo('b')
  await scene.sim.advance(1000)
  assert.is(scene.followed, 'b')
  b.set('k', 'new')
  await scene.sim.settle()
  assert.is(c.get('k'), 'new')
  assert.is(b.engine.stats.syncFull, before)
})

test('takes no write before they have named one, and the wait can be given up', async () => {
  await using scene = await Scene.start()
  const { a, c, sentinels } = scene
  for (const one of sentinels) one.primary = null
  const end = new AbortController()
  const following = rejection(scene.c.replicaOf(scene.target(), { signal: end.signal }))
  const told: string[] = []
  c.on('link', (state, error) => told.push(`${state} ${error?.message ?? ''}`))
  await scene.sim.advance(3000)
  assert.is(c.role, 'replica')
  assert.throws(() => c.set('k', 'v'), /READONLY/)
  assert.ok(told.includes('connect no Sentinel has named the primary main yet'), told.join('\n'))
  end.abort()
  assert.is(await following, 'ABORTED')
  // The following goes on.
  for (const one of sentinels) one.primary = 'a'
  a.set('k', 'v')
  await scene.sim.advance(12_000)
  assert.is(c.get('k'), 'v')
})

for (const [i, lost] of NAMES.entries()) {
  test(`goes on when ${lost} dies, and when it alone is left`, async () => {
    await using scene = await Scene.start()
    const { b, c, sentinels } = scene
    await scene.ask()
    await sentinels[i].stop()
    await scene.sim.advance(1000)
    assert.equal(c.status().sentinels, { name: NAME, known: 3, connected: 2 })
    await scene.failOver()
    for (const one of sentinels) if (one !== sentinels[i]) one.switchTo('b')
    await scene.sim.advance(1000)
    assert.is(scene.followed, 'b')
    // It comes back with what it knew before, and learns.
    await sentinels[i].start()
    await scene.sim.advance(5000)
    assert.is(scene.followed, 'b')
    sentinels[i].switchTo('b')
    for (const one of sentinels) if (one !== sentinels[i]) await one.stop()
    await scene.sim.advance(1000)
    await scene.a.promote()
    await scene.follow(b, 'a')
    sentinels[i].switchTo('a')
    await scene.sim.advance(1000)
    assert.is(scene.followed, 'a')
  })
}

test('learns of the others from the one that it was told of, and forgets those that nobody lists', async () => {
  await using scene = await Scene.start()
  const { c, sentinels } = scene
  await scene.ask(['s1'])
  await scene.sim.advance(1000)
  assert.equal(c.status().sentinels, { name: NAME, known: 3, connected: 3 })
  await sentinels[0].stop()
  await scene.failOver()
  sentinels[1].switchTo('b')
  await scene.sim.advance(1000)
  assert.is(scene.followed, 'b')
  sentinels[1].peers = []
  await sentinels[2].stop()
  await scene.sim.advance(12_000)
  // s1 was named by the caller: it is tried for ever.
  assert.equal(c.status().sentinels, { name: NAME, known: 2, connected: 1 })
  const late = await FakeSentinel.start(scene.sim, 's4', 'b')
  sentinels[1].peers = ['s4']
  sentinels[1].publish('+sentinel', `sentinel s4 s4 26379 @ ${NAME} b 6379`)
  await scene.sim.advance(1000)
  assert.is(late.subscribers, 1)
})

test('one that is known under two addresses is asked once', async () => {
  await using scene = await Scene.start()
  const { c } = scene
  // Not there yet: so s2 is learned of, and is the same.
  await scene.ask(['s1', 'alias'])
  await scene.sim.advance(1000)
  assert.equal(c.status().sentinels, { name: NAME, known: 4, connected: 3 })
  const alias = await FakeSentinel.start(scene.sim, 'alias', 'a')
  alias.id = idOf('s2')
  await scene.sim.advance(15_000)
  assert.equal(c.status().sentinels, { name: NAME, known: 3, connected: 3 })
  assert.is(alias.subscribers, 1)
  assert.is(scene.sentinels[1].subscribers, 0)
})

test('a switch while a Sentinel is being asked is asked for again', async () => {
  await using scene = await Scene.start()
  const { sentinels } = scene
  for (const one of sentinels.slice(1)) await one.stop()
  sentinels[0].peers = []
  await scene.ask(['s1'])
  await scene.b.promote()
  scene.sim.delay(50)
  sentinels[0].switchTo('b')
  await scene.sim.advance(275) // it has answered the first question, of several
  sentinels[0].switchTo('a')
  await scene.sim.advance(1500)
  const asked = sentinels[0].asked.filter((one) => one.includes('GET-MASTER-ADDR'))
  assert.is(asked.length, 3)
  assert.is(scene.followed, 'a')
})

test('of Sentinels that disagree the one with the higher epoch counts', async () => {
  await using scene = await Scene.start()
  await scene.failOver()
  scene.sentinels[1].switchTo('b', { epoch: 7 })
  await scene.ask()
  assert.is(scene.followed, 'b')
  scene.sentinels[0].publish('+switch-master', `${NAME} b 1 a 1`)
  await scene.sim.advance(15_000)
  assert.is(scene.followed, 'b')
})

test('a node that they name is followed once it says that it is a primary', async () => {
  await using scene = await Scene.start()
  await scene.ask()
  for (const one of scene.sentinels) one.switchTo('b')
  await scene.sim.advance(3000)
  assert.is(scene.followed, 'a', 'b is a replica still')
  await scene.b.promote()
  await scene.sim.advance(1000)
  assert.is(scene.followed, 'b')
})

test('a primary that is not there is waited for, and given up when they name another', async () => {
  await using scene = await Scene.start()
  for (const one of scene.sentinels) one.switchTo('nobody')
  const following = scene.c.replicaOf(scene.target())
  await scene.sim.advance(5000)
  assert.is(scene.c.status().link, 'connect')
  for (const one of scene.sentinels) one.switchTo('a')
  await scene.sim.until(following, 1000)
  assert.is(scene.followed, 'a')
})

for (const [how, name, options] of [
  ['by its run id', 'c', {}],
  // Which leads nowhere from here.
  [
    'by what it announces',
    'outside',
    { config: { 'replica-announce-ip': 'outside', 'replica-announce-port': '6379' } },
  ],
] as const) {
  test(`a node that they name itself is the primary, and no replica of itself: ${how}`, async () => {
    await using scene = await Scene.start(options)
    const { c, sentinels } = scene
    const roles: string[] = []
    c.on('role', (role) => roles.push(role))
    for (const one of sentinels) one.primary = name
    await scene.ask()
    assert.is(c.role, 'primary')
    assert.equal(roles, ['replica', 'primary'])
    c.set('k', 'v')
    // And follows again when it is another's turn.
    for (const one of sentinels) one.switchTo('a')
    await scene.sim.advance(1000)
    assert.is(scene.followed, 'a')
    assert.is(c.size, 0)
    for (const one of sentinels) one.switchTo(name)
    await scene.sim.advance(3000)
    assert.is(c.role, 'primary')
  })
}

test('a role that a Sentinel has given it already is not contradicted before the others have heard of it', async () => {
  await using scene = await Scene.start()
  const { c, sentinels } = scene
  await scene.ask()
  c.call('SLAVEOF', 'NO', 'ONE')
  await scene.sim.advance(25_000) // asked several times, they still name a
  assert.is(c.role, 'primary')
  const { replid } = c.status()
  for (const one of sentinels) one.switchTo('c')
  await scene.sim.advance(1000)
  assert.equal([c.role, c.status().replid], ['primary', replid])
  await scene.failOver()
  c.call('SLAVEOF', 'b', 0)
  await scene.sim.advance(1000)
  const link = c.engine.link
  for (const one of sentinels) one.switchTo('b')
  await scene.sim.advance(1000)
  assert.is(c.engine.link, link, 'the link that stands is kept')
})

test('passwords: one for the Sentinels, one for the nodes', async () => {
  const scene = await Scene.start()
  const { a, b, c, sentinels } = scene
  for (const one of [a, b]) one.call('CONFIG', 'SET', 'requirepass', 'of nodes', 'masterauth', 'of nodes')
  for (const one of sentinels) one.password = 'of sentinels'
  a.set('k', 'v')
  const target = { ...scene.target(), password: 'of nodes', sentinelPassword: 'of sentinels' }
  await scene.sim.until(c.replicaOf(target))
  assert.is(c.get('k'), 'v')
  assert.ok(sentinels[0].asked.includes('AUTH of sentinels'))
  // The one that a Sentinel sends it to wants the password too.
  c.call('SLAVEOF', 'b', 0)
  await scene.sim.advance(3000)
  assert.is(c.status().link, 'connected')
  const named = { ...target, sentinelUsername: 'asks', sentinelPassword: 'of sentinels' }
  await scene.sim.until(c.replicaOf(named))
  assert.ok(sentinels[0].asked.includes('AUTH asks of sentinels'))
  const wrong = rejection(c.replicaOf({ ...target, sentinelPassword: 'wrong' }))
  await scene.sim.advance(10_000)
  assert.equal(c.status().sentinels, { name: NAME, known: 3, connected: 0 })
  await scene.close()
  assert.is(await wrong, 'CLOSED')
})

test('a Sentinel that allows no more than the question is asked no more', async () => {
  await using scene = await Scene.start()
  for (const one of scene.sentinels) one.refused = ['MASTER', 'SENTINELS', 'MYID']
  await scene.ask()
  assert.is(scene.followed, 'a')
})

test('what it did not hear of it learns by asking: of Sentinels that say nothing, and behind a partition', async () => {
  await using scene = await Scene.start()
  const { sentinels } = scene
  await scene.ask()
  await scene.failOver()
  for (const one of sentinels) one.switchTo('b', { silently: true })
  await scene.sim.advance(11_000)
  assert.is(scene.followed, 'b')
  scene.sim.partition('c', NAMES)
  await scene.sim.advance(5000)
  assert.is(scene.c.status().sentinels?.connected, 0, 'silence is noticed')
  await scene.a.promote()
  await scene.follow(scene.b, 'a')
  for (const one of sentinels) one.switchTo('a')
  await scene.sim.advance(5000)
  scene.sim.heal()
  await scene.sim.advance(6000)
  assert.is(scene.followed, 'a')
  assert.is(scene.c.status().sentinels?.connected, 3)
})

test('a Sentinel that sends what is no protocol is left, and tried again', async () => {
  await using scene = await Scene.start()
  const { sentinels, c } = scene
  await scene.ask()
  for (const bytes of [
    'hello\r\n',
    '*-5\r\n',
    `$${2 ** 40}\r\n`,
    '*3\r\n$7\r\nmessage\r\n*0\r\n*0\r\n',
    '-ERR no\r\n',
  ]) {
    for (const one of sentinels) one.disturb(bytes)
    await scene.sim.advance(5000)
    assert.is(c.status().sentinels?.connected, 3, JSON.stringify(bytes))
  }
  assert.is(scene.followed, 'a')
})

test('promote, another primary, and close end the asking, and leave nothing behind', async () => {
  await using scene = await Scene.start()
  const { c, sentinels } = scene
  await scene.ask()
  await c.promote()
  await scene.sim.settle()
  const timers = scene.sim.timers('c')
  assert.is(c.status().sentinels, null)
  assert.equal(
    sentinels.map(({ subscribers }) => subscribers),
    [0, 0, 0],
  )
  for (const one of sentinels) one.switchTo('b')
  await scene.sim.advance(15_000)
  assert.is(c.role, 'primary')
  for (const one of sentinels) one.switchTo('a')
  await scene.ask()
  await scene.sim.until(c.replicaOf(scene.sim.at('a')))
  assert.is(c.status().sentinels, null)
  await scene.ask()
  // In the midst of a question, and of asking a node who it is.
  for (const ms of [130, 380]) {
    scene.sim.delay(50)
    void c.replicaOf(scene.target()).catch(() => {})
    await scene.sim.advance(ms)
    await c.promote()
    assert.is(scene.sim.timers('c'), timers, `after ${ms} ms`)
    await scene.sim.settle()
  }
  await c.close()
  await scene.sim.settle()
  assert.is(scene.sim.timers('c'), 0)
})

test('what makes no sense is refused, and changes nothing', async () => {
  await using scene = await Scene.start()
  await scene.ask()
  for (const wrong of [{ name: '' }, { sentinels: [] }, { timeoutMs: 0 }])
    assert.is(await rejection(scene.c.replicaOf({ ...scene.target(), ...wrong })), 'INVALID')
  assert.is(scene.followed, 'a')
  assert.equal(scene.c.status().sentinels, { name: NAME, known: 3, connected: 3 })
})

test.run()
