// store.verify: two nodes that hold the same are told to be equal, whatever is written meanwhile; a key that differs is
// found and named; a repair ends in step.

import * as assert from 'uvu/assert'
import { MemoryNetwork, Store, type Verdict } from '../src/index.js'
import { missingPeer, startServer } from './peers.js'
import { equal } from './sim/equal.js'
import { suite, until } from './suite.js'

const test = suite('verification')

interface Pair {
  network: MemoryNetwork
  primary: Store
  replicas: Store[]
  verify(options?: { repair?: boolean; timeoutMs?: number }): Promise<Verdict[]>
}

async function pair(count: number, work: (pair: Pair) => Promise<void>): Promise<void> {
  const network = new MemoryNetwork({ seed: 7 })
  const primary = new Store({ env: network.env('p') })
  await primary.listen(network.at('p'))
  const replicas: Store[] = []
  for (let i = 0; i < count; i++) {
    const replica = new Store({ env: network.env(`r${i}`) })
    replicas.push(replica)
    const following = replica.replicaOf(network.at('p'))
    await network.settle()
    await following
  }
  const verify: Pair['verify'] = async (options) => {
    const verified = primary.verify(options)
    await network.settle()
    return await verified
  }
  try {
    await work({ network, primary, replicas, verify })
  } finally {
    await Promise.all([...replicas, primary].map((store) => store.close()))
  }
}

function fill(store: Store): void {
  for (let i = 0; i < 2000; i++) store.set(`k${i}`, { i })
  store.set('timed', 'x', { ttl: 1_000_000 })
  store.set('__proto__', 'a name that objects know')
  store.db(5).set('elsewhere', 'é')
  store.hashAt('h').assign({ a: '1', b: '2' })
  store.listAt('l').push('a', 'b')
  store.setAt('s').add('x', 'y')
  store.sortedSetAt('z').set('m', 0.1)
  store.streamAt('x').add({ a: 'b' })
}

/** Changes a replica's data behind its back. */
function damage(store: Store, key: string, db = 0): void {
  store.engine.dataset.keyspaces[db].set(key, 'damaged')
}

test('no replicas, and replicas without data', () =>
  pair(0, async ({ primary, verify }) => {
    assert.equal(await verify(), [])
    fill(primary)
    assert.equal(await verify(), [])
  }))

test('two replicas that hold the same, while writes go on', () =>
  pair(2, async ({ network, primary, replicas }) => {
    fill(primary)
    const verified = primary.verify()
    for (let i = 0; i < 500; i++) primary.set(`k${i}`, 'changed')
    primary.delete('k900')
    primary.db(5).clear()
    primary.listAt('l').push('c')
    await network.settle()
    assert.equal(
      (await verified).map(({ result, keys }) => [result, keys]),
      [
        ['equal', []],
        ['equal', []],
      ],
    )
    equal(primary, ...replicas)
  }))

test('what differs is named: changed, missing, too much, in any keyspace and of any type', () =>
  pair(2, async ({ primary, replicas, verify }) => {
    fill(primary)
    await verify()
    const [, bad] = replicas
    for (const key of ['k7', 'extra', 'h', 'x', '__proto__']) damage(bad, key)
    damage(bad, 'elsewhere', 5)
    bad.engine.dataset.keyspaces[0].delete('k8')
    const [first, second] = await verify()
    assert.is(first.result, 'equal')
    assert.is(second.result, 'different')
    const names = second.keys.map(({ db, key }) => `${db}/${key}`).sort()
    assert.equal(names, ['0/__proto__', '0/extra', '0/h', '0/k7', '0/k8', '0/x', '5/elsewhere'])
  }))

test('a time that differs, an element that differs', () =>
  pair(1, async ({ primary, replicas: [replica], verify }) => {
    fill(primary)
    await verify()
    const [keyspace] = replica.engine.dataset.keyspaces
    keyspace.setExpiry('k1', 4102444800000)
    const set = keyspace.get('s') as unknown as { add(member: string): void }
    set.add('z')
    const [verdict] = await verify()
    assert.equal(verdict.keys.map(({ key }) => key).sort(), ['k1', 's'])
  }))

test('a repair: a full resync of the one that differs, and then it is equal', () =>
  pair(2, async ({ network, primary, replicas, verify }) => {
    fill(primary)
    await verify()
    damage(replicas[0], 'k3')
    const [before] = await verify({ repair: true })
    assert.is(before.result, 'different')
    await network.advance(10_000)
    await network.settle()
    assert.equal(
      (await verify()).map(({ result }) => result),
      ['equal', 'equal'],
    )
    assert.is(primary.engine.stats.syncFull, 3)
    equal(primary, ...replicas)
  }))

test('when everything differs it says so, and names no more than it can hold', () =>
  pair(1, async ({ primary, replicas: [replica], verify }) => {
    fill(primary)
    await verify()
    for (let i = 0; i < 2000; i++) damage(replica, `k${i}`)
    const [{ result, keys }] = await verify()
    assert.is(result, 'different')
    assert.ok(keys.length > 50 && keys.length <= 1000, String(keys.length))
  }))

test('one that does not answer in time is unknown; a replica cannot verify; nonsense is no answer', () =>
  pair(1, async ({ network, primary, replicas: [replica] }) => {
    network.partition('p', 'r0')
    const verified = primary.verify({ timeoutMs: 5000 })
    await network.advance(6000)
    assert.is((await verified)[0].result, 'unknown')
    network.heal()
    let code: string | undefined
    await replica.verify().catch((error: { code: string }) => (code = error.code))
    assert.is(code, 'INVALID')
  }))

test('a real server: the mark is a PING to it, its digest is compared, and a repair ends in step', {
  skip: missingPeer('redis', '7.0.15'),
}, async () => {
  const store = new Store()
  fill(store)
  const listener = await store.listen({ port: 0 })
  const server = await startServer({
    family: 'redis',
    version: '7.0.15',
    config: { replicaof: `127.0.0.1 ${listener.port}` },
  })
  const spare = new Store()
  try {
    await spare.replicaOf({ host: '127.0.0.1', port: listener.port! })
    await until(() => store.status().replicas.filter(({ state }) => state === 'online').length === 2, { what: 'both' })
    const verdicts = await store.verify()
    assert.equal(
      verdicts.map(({ result }) => result),
      ['equal', 'equal'],
    )
    await using client = await server.connect()
    await client.ok('CONFIG', 'SET', 'replica-read-only', 'no')
    await client.ok('SET', 'k1', 'damaged')
    await client.ok('DEL', 'l')
    await client.ok('SELECT', 3)
    await client.ok('SADD', 'extra', 'x')
    const [bad] = (await store.verify({ repair: true })).filter(({ result }) => result === 'different')
    assert.equal(bad.keys.map(({ db, key }) => `${db}/${key}`).sort(), ['0/k1', '0/l', '3/extra'])
    await until(() => store.engine.stats.syncFull === 3, { what: 'the full resync' })
    await until(() => store.status().replicas.filter(({ state }) => state === 'online').length === 2, { what: 'both' })
    assert.equal(
      (await store.verify()).map(({ result }) => result),
      ['equal', 'equal'],
    )
    const { offset } = store.status()
    await until(async () => Number((await server.info('replication')).slave_repl_offset) >= offset, { what: 'in step' })
    assert.not.match(server.log(), /CRITICAL|error/i)
  } finally {
    await Promise.all([spare.close(), server.stop()])
    await store.close()
  }
})

for (const [family, version] of [
  ['redis', '8.6.3'],
  ['valkey', '9.1.2'],
] as const) {
  test(`${family} ${version}, whose digests are its own`, { skip: missingPeer(family, version) }, async () => {
    const store = new Store()
    fill(store)
    const board = store.sortedSetAt('board')
    for (let i = 0; i < 300; i++) board.set(`m${i}`, (i % 2 === 0 ? 1 : -1) * Math.sqrt(i) * 10 ** ((i % 20) - 10))
    for (const score of [1e15, 1e21, 123456789.125, 0.00001, 5e-324, 2 ** 60, 100, 0.1]) board.set(`${score}`, score)
    store.hashAt('timed fields').set('a', '1', { ttl: 1_000_000 }).set('b', '2')
    const listener = await store.listen({ port: 0 })
    const server = await startServer({ family, version, config: { replicaof: `127.0.0.1 ${listener.port}` } })
    try {
      await until(() => store.status().replicas[0]?.state === 'online', { what: 'the replica' })
      assert.equal(await store.verify(), [{ replica: `127.0.0.1:${server.port}`, result: 'equal', keys: [] }])
    } finally {
      await server.stop()
      await store.close()
    }
  })
}

test('a real server that allows no DEBUG is unknown', { skip: missingPeer('redis', '7.0.15') }, async () => {
  const store = new Store()
  const listener = await store.listen({ port: 0 })
  const server = await startServer({
    family: 'redis',
    version: '7.0.15',
    config: { replicaof: `127.0.0.1 ${listener.port}`, 'enable-debug-command': 'no' },
  })
  try {
    await until(() => store.status().replicas[0]?.state === 'online', { what: 'the replica' })
    assert.equal(
      (await store.verify()).map(({ result }) => result),
      ['unknown'],
    )
  } finally {
    await server.stop()
    await store.close()
  }
})

test.run()
