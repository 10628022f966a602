// Links that break and come back: what is still in the backlog is all that is sent again, and when it is not enough there
// is a full sync. Either way the data are equal afterwards.
// limit: 200 s

import * as assert from 'uvu/assert'
import { FaultyProxy } from '../proxy.js'
import { suite, until } from '../suite.js'
import { fill, Load, writeSome } from './load.js'
import { families, follow, inStep, linkUp, type Node, running, StoreNode, startReal, syncsOf } from './nodes.js'

const test = suite('compat: partial resync')

const roomy = { 'repl-backlog-size': '64mb' }
const small = { 'repl-backlog-size': '16kb' }
const hasty = { 'repl-timeout': '2', 'repl-ping-replica-period': '1' }
const options = { limitMs: 60_000 }

const KILLS = 3

/** Under load, the primary drops its replica again and again. */
async function killUnderLoad(primary: Node, replica: Node): Promise<void> {
  await fill(primary, 1000)
  await follow(replica, primary.port)
  const before = await syncsOf(primary)
  const load = await Load.start(primary)
  try {
    for (let kills = 1; kills <= KILLS; kills++) {
      const killed = async (): Promise<boolean> => Number(await primary.call('CLIENT', 'KILL', 'TYPE', 'replica')) === 1
      await until(killed, { what: 'the replica to be killed' })
      const back = async (): Promise<boolean> => (await syncsOf(primary)).partial === before.partial + kills
      await until(back, { what: `partial resync ${kills}` })
      await linkUp(replica)
    }
  } finally {
    await load.stop()
  }
  await inStep([primary, replica])
  assert.equal(await syncsOf(primary), { ...before, partial: before.partial + KILLS })
}

/** While the link is cut, more is written than the backlog holds. */
async function overrun(primary: Node, replica: Node): Promise<void> {
  await fill(primary, 1000)
  await using proxy = await FaultyProxy.to(primary.port)
  await follow(replica, proxy.port)
  await inStep([primary, replica])
  const before = await syncsOf(primary)

  // A short one first: this link can go on where it stood.
  assert.is(proxy.cut(), 1)
  const back = async (): Promise<boolean> => (await syncsOf(primary)).partial === before.partial + 1
  await until(back, { what: 'a partial resync' })
  await linkUp(replica)

  proxy.refuse()
  await writeSome(primary, 2000)
  proxy.heal()
  const synced = async (): Promise<boolean> => (await syncsOf(primary)).full === before.full + 1
  await until(synced, { what: 'a full sync', timeoutMs: 20_000 })
  await linkUp(replica)
  await inStep([primary, replica])
  const after = await syncsOf(primary)
  assert.equal(after, { full: before.full + 1, partial: before.partial + 1, refused: before.refused + 1 })
}

async function linkDown(replica: Node): Promise<void> {
  const down = async (): Promise<boolean> => (await replica.info('replication')).master_link_status === 'down'
  await until(down, { what: 'the link to be down', timeoutMs: 20_000 })
}

for (const { name, skip, ...which } of families) {
  test(`${name} kills the link of a Store under load`, { skip, ...options }, () =>
    running(async (start) => {
      await killUnderLoad(await start(startReal(which, roomy)), await start(StoreNode.start(roomy)))
    }),
  )

  test(`a Store kills the link of ${name} under load`, { skip, ...options }, () =>
    running(async (start) => {
      await killUnderLoad(await start(StoreNode.start(roomy)), await start(startReal(which, roomy)))
    }),
  )

  test(`a Store falls out of the backlog of ${name}`, { skip, ...options }, () =>
    running(async (start) => {
      await overrun(await start(startReal(which, small)), await start(StoreNode.start(small)))
    }),
  )

  test(`${name} falls out of the backlog of a Store`, { skip, ...options }, () =>
    running(async (start) => {
      await overrun(await start(StoreNode.start(small)), await start(startReal(which, small)))
    }),
  )

  test(`${name} stops for longer than repl-timeout, as the primary of a Store`, { skip, ...options }, () =>
    running(async (start) => {
      const primary = await start(startReal(which, { ...roomy, 'repl-ping-replica-period': '1' }))
      const replica = await start(StoreNode.start({ ...roomy, ...hasty }))
      await fill(primary, 1000)
      await follow(replica, primary.port)
      const before = await syncsOf(primary)
      primary.pause()
      try {
        await linkDown(replica)
      } finally {
        primary.resume()
      }
      await linkUp(replica)
      await writeSome(primary, 500)
      await inStep([primary, replica])
      const after = await syncsOf(primary)
      assert.is(after.full, before.full)
      assert.ok(after.partial > before.partial)
    }),
  )

  test(`${name} stops for longer than repl-timeout, as a replica of a Store`, { skip, ...options }, () =>
    running(async (start) => {
      const primary = await start(StoreNode.start({ ...roomy, ...hasty }))
      const replica = await start(startReal(which, { ...roomy, ...hasty }))
      await fill(primary, 1000)
      await follow(replica, primary.port)
      const before = await syncsOf(primary)
      replica.pause()
      try {
        const given = async (): Promise<boolean> => (await primary.info('replication')).connected_slaves === '0'
        await until(given, { what: 'the Store to give the replica up', timeoutMs: 20_000 })
        await writeSome(primary, 500)
      } finally {
        replica.resume()
      }
      const back = async (): Promise<boolean> => (await syncsOf(primary)).partial > before.partial
      await until(back, { what: 'a partial resync', timeoutMs: 20_000 })
      await linkUp(replica)
      await inStep([primary, replica])
      assert.is((await syncsOf(primary)).full, before.full)
    }),
  )
}

test.run()
