// Vector sets between Stores and real servers: what a replica holds after a full sync, and after changes, is what its primary
// holds, to the bit. Servers that know no vector sets keep the rest, and the link.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { missingPeer } from '../peers.js'
import { suite, until } from '../suite.js'
import { follow, inStep, type Node, placeOf, running, StoreNode, startReal } from './nodes.js'

const test = suite('compat: vector sets')
const skip = missingPeer('redis', '8.6.3')
const options = { skip, limitMs: 60_000 }
const newest = { family: 'redis', version: '8.6.3' } as const

const DEBUGGED = { 'enable-debug-command': 'yes' }
const ELEMENTS = 60
const FAR = 4_000_000_000_000
const keys = ['q8', 'f32', 'bin', 'short', 'zeros', 'one']

function floats(dim: number, seed: number): Buffer {
  let state = seed * 7919 + 1
  const values = Float32Array.from({ length: dim }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state / 2 ** 32 - 0.5) * 10
  })
  return Buffer.from(values.buffer)
}

/** Sets of every form, elements from `from` on. */
async function fill(node: Node, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) {
    const attribute = i % 3 === 0 ? ['SETATTR', `{"n":${i}}`] : []
    await node.call('VADD', 'q8', 'FP32', floats(20, i), `e${i}`, ...attribute)
    await node.call('VADD', 'f32', 'FP32', floats(7, i), `e${i}`, 'NOQUANT', 'M', 8)
    await node.call('VADD', 'bin', 'FP32', floats(70, i), Buffer.from([0xff, i]), 'BIN', ...attribute)
    await node.call('VADD', 'short', 'REDUCE', 5, 'FP32', floats(12, i), String(i))
  }
  await node.call('VADD', 'zeros', 'VALUES', 3, 0, 0, 0, `z${from}`)
  await node.call('VADD', 'one', 'VALUES', 1, from + 1, 'a'.repeat(100 + from))
}

async function change(node: Node, from: number): Promise<void> {
  for (let i = from; i < from + 20; i += 2) {
    await node.call('VREM', 'q8', `e${i}`)
    await node.call('VREM', 'f32', `e${i}`)
    await node.call('VSETATTR', 'q8', `e${i + 1}`, `"${i}"`)
    await node.call('VSETATTR', 'bin', Buffer.from([0xff, i]), '')
  }
  // another vector, in a way that every Redis tells its replicas
  await node.call('VADD', 'q8', 'FP32', floats(20, 1000 + from), `e${from}`, 'SETATTR', 'again')
}

/** All that can be asked of the sets. */
async function held(node: Node): Promise<unknown> {
  const client = await node.connect({ bulk: 'latin1' })
  try {
    const sets: unknown[] = []
    for (const key of keys) {
      const names = ((await client.ok('VRANDMEMBER', key, 100_000)) as string[]).sort()
      const info = (await client.ok('VINFO', key)) as unknown[]
      const form = info.slice(0, 10).concat(info.slice(12, 14)) // all but the height of the graph and numbers of its own
      const elements: unknown[] = []
      for (const name of names) {
        const bytes = Buffer.from(name, 'latin1')
        const raw = (await client.ok('VEMB', key, bytes, 'RAW')) as string[]
        elements.push([name, raw.slice(0, 2), raw.slice(2).map(Number), await client.ok('VGETATTR', key, bytes)])
      }
      sets.push([key, await client.ok('VCARD', key), await client.ok('VDIM', key), form, elements])
    }
    return { sets, time: await client.ok('PEXPIRETIME', 'f32') }
  } finally {
    await client.close()
  }
}

async function assertEqual(nodes: readonly Node[]): Promise<void> {
  await inStep(nodes)
  const [wanted, ...others] = await Promise.all(nodes.map(held))
  for (const one of others) assert.equal(one, wanted)
}

/** How many of the nearest ones the server's own graph leads to, out of all of them. */
async function assertFinds(real: Node): Promise<void> {
  let found = 0
  let wanted = 0
  for (let i = 0; i < 20; i++) {
    const search = ['VSIM', 'q8', 'FP32', floats(20, 5000 + i), 'COUNT', 5]
    const truth = (await real.call(...search, 'TRUTH')) as string[]
    const answer = (await real.call(...search)) as string[]
    wanted += truth.length
    found += truth.filter((name) => answer.includes(name)).length
  }
  assert.ok(found >= 0.95 * wanted, `${found} of ${wanted} were found`)
}

for (const [version, rdbChannel] of [
  ['8.6.3', 'yes'],
  ['8.6.3', 'no'],
  ['8.0.6', 'yes'],
  ['8.0.2', 'no'],
] as const) {
  const title = `a Store's redis ${version}, repl-rdb-channel ${rdbChannel}, and its Store hold the same sets`
  test(title, { ...options, skip: missingPeer('redis', version) }, () =>
    running(async (start) => {
      const first = await start(StoreNode.start())
      await fill(first, 0, ELEMENTS)
      await change(first, 0)
      await first.call('PEXPIREAT', 'f32', FAR)
      const real = await start(startReal({ family: 'redis', version }, { ...DEBUGGED, 'repl-rdb-channel': rdbChannel }))
      const other = await start(StoreNode.start())
      await follow(real, first.port)
      await follow(other, first.port)
      await assertEqual([first, real, other])
      await assertFinds(real)
      await fill(first, ELEMENTS, 20)
      await change(first, 30)
      await assertEqual([first, real, other])
      await assertFinds(real)
      const verified = await first.store.verify()
      assert.ok(
        verified.every(({ result }) => result === 'equal'),
        JSON.stringify(verified),
      )
    }),
  )
}

test('redis 8.6.3 -> Store -> redis 8.6.3, with changes going on, also after a promotion', options, () =>
  running(async (start) => {
    const first = await start(startReal(newest, DEBUGGED))
    await fill(first, 0, ELEMENTS)
    await first.call('PEXPIREAT', 'f32', FAR)
    const middle = await start(StoreNode.start())
    await follow(middle, first.port)
    await assertEqual([first, middle])
    await fill(first, ELEMENTS, 10)
    await change(first, 0)
    const last = await start(startReal(newest, DEBUGGED))
    const plain = await start(startReal(newest, { ...DEBUGGED, 'repl-rdb-channel': 'no' }))
    await follow(last, middle.port)
    await follow(plain, middle.port)
    await assertEqual([first, middle, last, plain])
    for (const real of [last, plain]) await assertFinds(real)
    await fill(first, ELEMENTS + 10, 10)
    await change(first, 20)
    await assertEqual([first, middle, last, plain])
    await first.stop()
    await middle.call('REPLICAOF', 'NO', 'ONE')
    await fill(middle, ELEMENTS + 20, 10)
    await change(middle, 40)
    await assertEqual([middle, last, plain])
    await assertFinds(last)
  }),
)

for (const [family, version] of [
  ['redis', '7.0.15'],
  ['valkey', '8.1.1'],
  ['valkey', '9.1.2'],
] as const) {
  test(`${family} ${version}, which knows no such sets, has the rest`, { skip: missingPeer(family, version) }, () =>
    running(async (start) => {
      const first = await start(StoreNode.start())
      await fill(first, 0, 10)
      await first.call('SET', 'string', 'v')
      const real = await start(startReal({ family, version }))
      await follow(real, first.port)
      await fill(first, 10, 5)
      await first.call('VREM', 'q8', 'e1')
      await first.call('SET', 'after', 'the sync')
      await until(async () => (await placeOf(real)).offset === (await placeOf(first)).offset, { what: 'one offset' })
      assert.equal(((await real.call('KEYS', '*')) as string[]).sort(), ['after', 'string'])
      assert.is((await real.info('replication')).master_link_status, 'up')
      assert.is((await first.info('stats')).sync_full, '1')
    }),
  )
}

test('DUMP and RESTORE, there and back', options, () =>
  running(async (start) => {
    const ours = await start(StoreNode.start())
    const real = await start(startReal(newest, DEBUGGED))
    const copy = async (from: Node, to: Node): Promise<void> => {
      const reader = await from.connect({ bulk: 'latin1' })
      for (const key of keys) {
        const payload = Buffer.from((await reader.ok('DUMP', key)) as string, 'latin1')
        await to.call('RESTORE', key, 0, payload, 'REPLACE')
      }
      await reader.close()
    }
    await fill(ours, 0, ELEMENTS)
    await change(ours, 0)
    await copy(ours, real)
    const wanted = await held(ours)
    assert.equal(await held(real), wanted)
    await assertFinds(real)
    await ours.call('FLUSHALL')
    await copy(real, ours)
    assert.equal(await held(ours), wanted)
    await ours.call('DEBUG', 'RELOAD')
    assert.equal(await held(ours), wanted)
    await ours.call('COPY', 'q8', 'copied')
    assert.is(await ours.call('VCARD', 'copied'), await ours.call('VCARD', 'q8'))
    await ours.call('RENAME', 'copied', 'q8')
    assert.equal(await held(ours), wanted)
  }),
)

test('the face shows how large a vector set is', async () => {
  const store = new Store()
  store.call('VADD', 'v', 'VALUES', '2', '1', '2', 'a')
  assert.equal(store.get('v'), { type: 'vectorset', size: 1, dim: 2 })
  await store.close()
})

test.run()
