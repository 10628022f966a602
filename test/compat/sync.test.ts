// Full syncs of a hundred thousand keys between real servers and Stores, in both directions, while writes go on: the data,
// the times and the offsets are equal afterwards.
// limit: 300 s

import * as assert from 'uvu/assert'
import { FaultyProxy } from '../proxy.js'
import { suite } from '../suite.js'
import { DATABASES, expiries, fill, Load } from './load.js'
import { families, follow, inStep, type Node, running, StoreNode, startReal, syncsOf } from './nodes.js'

const test = suite('compat: full sync')

const KEYS = 100_000

/** Nobody falls behind so far that it has to start again: that is another test's matter. */
const roomy = { 'repl-backlog-size': '64mb', 'client-output-buffer-limit': 'replica 0 0 0' }

const options = { limitMs: 120_000 }

/** Lets `replica` follow `primary`, which it reaches at `port`, while writes go on, and compares everything. */
async function syncUnderLoad(primary: Node, replica: Node, seed: number, port = primary.port): Promise<void> {
  const before = await syncsOf(primary)
  const load = await Load.start(primary, { seed })
  let whileSyncing = 0
  try {
    const sent = load.sent
    await follow(replica, port)
    whileSyncing = load.sent - sent
  } finally {
    await load.stop()
  }
  assert.ok(whileSyncing > 0, 'writes went on during the sync')
  await inStep([primary, replica], 60_000)
  const syncs = await syncsOf(primary)
  assert.is(syncs.full, before.full + 1)
  const [theirs, ours] = await Promise.all([expiries(primary), expiries(replica)])
  assert.ok(theirs.size > 1000, `${theirs.size} keys have a time`)
  assert.is(ours.size, theirs.size)
  const wrong = [...theirs].filter(([key, time]) => ours.get(key) !== time)
  assert.equal(wrong, [])
}

async function size(node: Node): Promise<number> {
  let keys = 0
  await using client = await node.connect()
  for (const db of DATABASES) {
    await client.ok('SELECT', db)
    keys += Number(await client.ok('DBSIZE'))
  }
  return keys
}

for (const { name, skip, ...which } of families) {
  test(`a Store follows ${name}, diskless and from disk`, { skip, ...options }, () =>
    running(async (start) => {
      const primary = await start(startReal(which, roomy))
      await fill(primary, KEYS)
      for (const [seed, diskless] of ['yes', 'no'].entries()) {
        await primary.call('CONFIG', 'SET', 'repl-diskless-sync', diskless)
        const replica = await start(StoreNode.start(roomy))
        await syncUnderLoad(primary, replica, 10 + seed)
        assert.ok((await size(replica)) > KEYS / 2)
      }
    }),
  )

  test(
    `${name} follows a Store, with a mark behind the snapshot and with the length before it`,
    { skip, ...options },
    () =>
      running(async (start) => {
        const primary = await start(StoreNode.start(roomy))
        await fill(primary, KEYS)
        await syncUnderLoad(primary, await start(startReal(which, { ...roomy, 'repl-diskless-load': 'swapdb' })), 20)
        const proxy = await start(FaultyProxy.to(primary.port))
        proxy.alter = withoutEof
        await syncUnderLoad(primary, await start(startReal(which, roomy)), 21, proxy.port)
      }),
  )
}

/** Hides that a replica can do without the length. */
function withoutEof(chunk: Buffer): Buffer {
  return Buffer.from(
    chunk.toString('latin1').replace('$4\r\ncapa\r\n$3\r\neof\r\n', '$4\r\ncapa\r\n$3\r\nxxx\r\n'),
    'latin1',
  )
}

test('a Store follows a Store, with a mark behind the snapshot and with the length before it', options, () =>
  running(async (start) => {
    const primary = await start(StoreNode.start(roomy))
    await fill(primary, KEYS)
    await syncUnderLoad(primary, await start(StoreNode.start(roomy)), 30)
    const proxy = await start(FaultyProxy.to(primary.port))
    proxy.alter = withoutEof
    await syncUnderLoad(primary, await start(StoreNode.start(roomy)), 31, proxy.port)
  }),
)

test.run()
