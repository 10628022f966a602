// What older forms of a snapshot cannot carry: times of fields, counters of streams, libraries of functions. It gets to every
// replica that can hold it, however it comes to know of it, and stays in a chain.

import * as assert from 'uvu/assert'
import { dumpFunctions, dumpValue } from '../../src/rdb/payload.js'
import { missingPeer, versions } from '../peers.js'
import { fixture, load } from '../rdb/corpus.js'
import { suite, until } from '../suite.js'
import { follow, type Node, placeOf, running, StoreNode, startReal } from './nodes.js'

const test = suite('compat: forms')

const FAR = 4_000_000_000_000
const LIBRARY =
  '#!lua name=mine\nredis.register_function{function_name="f", callback=function() return 7 end, flags={"no-writes"}}\n'
const options = { limitMs: 60_000 }

/** A stream that a server of 7.0 made, with groups, or trimmed. */
function stream(key: string): Buffer {
  const { value } = load(fixture('redis-7.0.15-streams').bytes).dbs.get(0)!.get(key)!
  return Buffer.from(dumpValue(value), 'latin1')
}

async function fill(node: Node, withTimes: boolean): Promise<void> {
  await node.call('SET', 'string', 'v')
  await node.call('RESTORE', 'stream', 0, stream('grp'))
  await node.call('RESTORE', 'trimmed', 0, stream('trim'))
  await node.call('HSET', 'hash', 'a', '1', 'b', '2', 'c', '3', 'd', '4')
  if (withTimes) {
    await node.call('HPEXPIREAT', 'hash', FAR, 'FIELDS', 2, 'a', 'b')
    await node.call('HPEXPIREAT', 'hash', FAR + 1, 'FIELDS', 1, 'c')
  }
  const functions = Buffer.from(dumpFunctions([LIBRARY]), 'latin1')
  await node.call('FUNCTION', 'RESTORE', functions)
}

/** What the node holds of it. */
async function held(node: Node, withTimes: boolean): Promise<unknown> {
  const libraries = (await node.call('FUNCTION', 'LIST', 'WITHCODE')) as unknown[][]
  const streams = []
  for (const key of ['stream', 'trimmed']) {
    const all = (await node.call('XINFO', 'STREAM', key)) as unknown[]
    const known = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added']
    streams.push(known.map((name) => all[all.indexOf(name) + 1]))
    const groups = (await node.call('XINFO', 'GROUPS', key)) as unknown[][]
    streams.push(
      groups.map((group) => ['name', 'entries-read', 'pending', 'lag'].map((name) => group[group.indexOf(name) + 1])),
    )
  }
  const hash = ((await node.call('HGETALL', 'hash')) as string[]).filter((_, i) => i % 2 === 0)
  const times = withTimes ? await node.call('HPEXPIRETIME', 'hash', 'FIELDS', hash.length, ...hash) : null
  return {
    libraries: libraries.map((one) => one.at(-1)),
    streams,
    hash: hash.sort(),
    times: times === null ? null : String(times).split(',').sort(),
  }
}

/** Whether the server has times of fields at all. */
function hasTimes(family: string, version: string): boolean {
  return family === 'redis' ? version.startsWith('8') : version.startsWith('9')
}

async function sameOffset(...nodes: Node[]): Promise<void> {
  const places = async (): Promise<boolean> => {
    const all = await Promise.all(nodes.map(placeOf))
    return all.every(({ replid, offset }) => replid === all[0].replid && offset === all[0].offset)
  }
  await until(places, { what: 'equal offsets' })
}

test(
  'what producers sent gets to a replica that knows of it',
  { skip: missingPeer('redis', '8.6.3'), ...options },
  () =>
    running(async (start) => {
      const first = await start(startReal({ family: 'redis', version: '8.6.3' }))
      await first.call('XADD', 's', 'IDMP', 'producer', 'm1', '*', 'f', 'v')
      await first.call('XCFGSET', 's', 'IDMP-DURATION', 3600, 'IDMP-MAXSIZE', 7)
      const id = await first.call('XADD', 's', 'IDMP', 'producer', 'm2', '*', 'f', 'w')
      const middle = await start(StoreNode.start())
      await follow(middle, first.port)
      await middle.call('REPLICAOF', 'NO', 'ONE')
      const store = await start(StoreNode.start())
      const real = await start(startReal({ family: 'redis', version: '8.6.3' }))
      await follow(store, middle.port)
      await follow(real, middle.port)
      await sameOffset(middle, store, real)
      for (const node of [middle, store, real]) {
        await node.call('REPLICAOF', 'NO', 'ONE')
        assert.is(await node.call('XADD', 's', 'IDMP', 'producer', 'm2', '*', 'f', 'w'), id)
      }
    }),
)

test(
  'what was given back by XNACK: a Store has it too, and an older server with a consumer without a name',
  { skip: missingPeer('redis', '7.0.15'), ...options },
  () =>
    running(async (start) => {
      const first = await start(StoreNode.start())
      for (const id of ['1-0', '2-0', '3-0']) await first.call('XADD', 's', id, 'f', 'v')
      await first.call('XGROUP', 'CREATE', 's', 'g', 0)
      await first.call('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')
      await first.call('XNACK', 's', 'g', 'FAIL', 'IDS', 2, '3-0', '1-0')
      const store = await start(StoreNode.start())
      const real = await start(startReal({ family: 'redis', version: '7.0.15' }))
      await follow(store, first.port)
      await follow(real, first.port)
      await sameOffset(first, store, real)
      assert.equal(await store.call('DUMP', 's'), await first.call('DUMP', 's'))
      assert.equal(await store.call('XPENDING', 's', 'g'), [3, '1-0', '3-0', [['c', '1']]])
      assert.equal(await real.call('XPENDING', 's', 'g'), [
        3,
        '1-0',
        '3-0',
        [
          ['', '2'],
          ['c', '1'],
        ],
      ])
      for (const node of [store, real]) {
        await node.call('REPLICAOF', 'NO', 'ONE')
        const claimed = await node.call('XAUTOCLAIM', 's', 'g', 'd', 3_600_000, 0, 'JUSTID')
        assert.equal(claimed, ['0-0', ['1-0', '3-0'], []])
      }
    }),
)

for (const [family, version] of versions) {
  const skip = missingPeer(family, version)
  const which = { family, version }

  test(
    `a Store's ${family} ${version} has all that it can hold, and so has another replica`,
    { skip, ...options },
    () =>
      running(async (start) => {
        const withTimes = hasTimes(family, version)
        const first = await start(StoreNode.start())
        const other = await start(StoreNode.start())
        const real = await start(startReal(which))
        await fill(first, true)
        await follow(other, first.port)
        await follow(real, first.port)
        await first.call('SET', 'after', 'the sync')
        await sameOffset(first, other, real)
        assert.equal(await held(real, withTimes), await held(first, withTimes))
        assert.equal(await held(other, true), await held(first, true))
        assert.is(await real.call('FCALL_RO', 'f', 0), 7)
      }),
  )

  test(
    `${family} ${version} -> Store -> Store and ${family} ${version}: all of it, also after a promotion`,
    { skip, ...options },
    () =>
      running(async (start) => {
        const withTimes = hasTimes(family, version)
        const first = await start(startReal(which))
        await fill(first, withTimes)
        const middle = await start(StoreNode.start())
        const last = await start(StoreNode.start())
        const real = await start(startReal(which))
        await follow(middle, first.port)
        await follow(last, middle.port)
        await follow(real, middle.port)
        await sameOffset(first, middle, last, real)
        const wanted = await held(first, withTimes)
        for (const node of [middle, last, real]) assert.equal(await held(node, withTimes), wanted)

        const second = LIBRARY.replaceAll('mine', 'second').replace('"f"', '"g"')
        await first.call('FUNCTION', 'LOAD', second)
        await sameOffset(first, middle, last, real)
        for (const node of [middle, last, real])
          assert.is(((await node.call('FUNCTION', 'LIST')) as unknown[]).length, 2)
        await first.call('FUNCTION', 'DELETE', 'mine')
        await sameOffset(first, middle, last, real)
        await first.stop()
        await middle.call('REPLICAOF', 'NO', 'ONE')
        const newcomer = await start(startReal(which))
        await follow(newcomer, middle.port)
        for (const node of [middle, last, real, newcomer]) {
          const list = (await node.call('FUNCTION', 'LIST')) as string[][]
          assert.equal(
            list.map(([, name]) => name),
            ['second'],
          )
        }
        await middle.call('FUNCTION', 'FLUSH')
        await sameOffset(middle, last, newcomer)
        assert.equal(await newcomer.call('FUNCTION', 'LIST'), [])
      }),
  )
}

test.run()
