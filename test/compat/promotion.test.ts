// A replica becomes the primary: the new history starts where the old one ended, and everybody who was in step goes on
// with a partial resync, the old primary too.

import * as assert from 'uvu/assert'
import { suite, until } from '../suite.js'
import { fill, writeSome } from './load.js'
import {
  families,
  follow,
  inStep,
  linkUp,
  type Node,
  placeOf,
  running,
  StoreNode,
  startReal,
  syncsOf,
} from './nodes.js'
import { answerToPsync } from './tap.js'

const test = suite('compat: promotion')

const options = { limitMs: 60_000 }
const NO_REPLID = '0'.repeat(40)

/** Promotes the replica; where the new history left the old one. */
async function promote(primary: Node, replica: Node): Promise<{ old: string; replid: string; second: number }> {
  const before = await inStep([primary, replica])
  assert.is(before.replid2, NO_REPLID)
  if (replica instanceof StoreNode) await replica.store.promote()
  else await replica.call('REPLICAOF', 'NO', 'ONE')
  const after = await placeOf(replica)
  assert.match(after.replid, /^[0-9a-f]{40}$/)
  assert.is.not(after.replid, before.replid)
  assert.equal(after, {
    replid: after.replid,
    offset: before.offset,
    replid2: before.replid,
    secondOffset: before.offset + 1,
  })
  assert.is((await replica.info('replication')).role, 'master')
  return { old: before.replid, replid: after.replid, second: after.secondOffset }
}

/** The old primary comes back and follows the new one: nothing but the new stream is sent. */
async function comeBack(old: Node, promoted: Node): Promise<void> {
  const before = await syncsOf(promoted)
  await follow(old, promoted.port)
  await writeSome(promoted, 500)
  const place = await inStep([promoted, old])
  assert.is((await placeOf(old)).replid, place.replid)
  assert.equal(await syncsOf(promoted), { ...before, partial: before.partial + 1 })
}

for (const { name, skip, ...which } of families) {
  test(`a Store is promoted over ${name}`, { skip, ...options }, () =>
    running(async (start) => {
      const primary = await start(startReal(which))
      const replica = await start(StoreNode.start())
      await fill(primary, 1000)
      await follow(replica, primary.port)
      await writeSome(primary, 500)
      const { old, replid, second } = await promote(primary, replica)

      const status = replica.store.status()
      assert.is(status.role, 'primary')
      assert.equal([status.replid, status.replid2, status.secondOffset], [replid, old, second])

      assert.is(await answerToPsync(replica, old, second), `+CONTINUE ${replid}`)
      assert.is(await answerToPsync(replica, old, second + 1), `+FULLRESYNC ${replid} ${second - 1}`)
      // The same when there are more bytes: those belong to the new history only.
      await writeSome(replica, 100)
      assert.is(await answerToPsync(replica, old, second), `+CONTINUE ${replid}`)
      assert.match(await answerToPsync(replica, old, second + 1), `+FULLRESYNC ${replid} `)
      await comeBack(primary, replica)
    }),
  )

  test(`${name} is promoted over a Store`, { skip, ...options }, () =>
    running(async (start) => {
      const primary = await start(StoreNode.start())
      const replica = await start(startReal(which))
      await fill(primary, 1000)
      await follow(replica, primary.port)
      await writeSome(primary, 500)
      const { old, replid, second } = await promote(primary, replica)
      assert.is(await answerToPsync(replica, old, second), `+CONTINUE ${replid}`)
      await comeBack(primary, replica)
    }),
  )

  test(`a Store follows ${name} through its promotion`, { skip, ...options }, () =>
    running(async (start) => {
      const first = await start(startReal(which))
      const middle = await start(startReal(which))
      const last = await start(StoreNode.start())
      const below = await start(startReal(which))
      await fill(first, 1000)
      await follow(middle, first.port)
      await follow(last, middle.port)
      await follow(below, last.port)
      await writeSome(first, 500)
      await inStep([first, middle, last, below])
      const before = [await syncsOf(middle), await syncsOf(last)]

      const { old, replid, second } = await promote(first, middle)
      const renamed = async (): Promise<boolean> => (await placeOf(below)).replid === replid
      await until(renamed, { what: 'the new id to reach the end of the chain', timeoutMs: 20_000 })
      for (const node of [last, below]) {
        await linkUp(node)
        const place = await placeOf(node)
        assert.equal([place.replid, place.replid2, place.secondOffset], [replid, old, second])
      }
      await writeSome(middle, 500)
      await inStep([middle, last, below])
      for (const [i, node] of [middle, last].entries())
        assert.equal(await syncsOf(node), { ...before[i], partial: before[i].partial + 1 })

      await comeBack(first, middle)
      await inStep([first, middle, last, below])
    }),
  )

  test(`${name} follows a Store through its promotion`, { skip, ...options }, () =>
    running(async (start) => {
      const first = await start(startReal(which))
      const middle = await start(StoreNode.start())
      const last = await start(startReal(which))
      await fill(first, 1000)
      await follow(middle, first.port)
      await follow(last, middle.port)
      await writeSome(first, 500)
      await inStep([first, middle, last])
      const before = await syncsOf(middle)
      const { old, replid, second } = await promote(first, middle)
      const renamed = async (): Promise<boolean> => (await placeOf(last)).replid === replid
      await until(renamed, { what: 'the new id to reach the replica', timeoutMs: 20_000 })
      await linkUp(last)
      const place = await placeOf(last)
      assert.equal([place.replid2, place.secondOffset], [old, second])
      await writeSome(middle, 500)
      await inStep([middle, last])
      assert.equal(await syncsOf(middle), { ...before, partial: before.partial + 1 })
    }),
  )
}

test.run()
