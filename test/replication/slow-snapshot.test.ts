// A snapshot that takes its time (rdb-key-save-delay): what both ends show meanwhile, and that the old data stays when it is
// broken off.

import * as assert from 'uvu/assert'
import type { Store } from '../../src/store.js'
import { World } from '../sim/world.js'
import { suite } from '../suite.js'

const test = suite('slow snapshots')

function shown(store: Store): Record<string, string> {
  const info = `${store.call('INFO', 'persistence')}${store.call('INFO', 'replication')}`
  return Object.fromEntries([...info.matchAll(/^(\w+):(.*)\r$/gm)].map(([, name, value]) => [name, value]))
}

test('a snapshot for a replica: what INFO shows on both sides, and its end', async () => {
  await using world = new World({})
  const config = { 'rdb-key-save-delay': '100000', 'repl-diskless-sync-delay': '0' }
  const a = await world.node('a', { config })
  for (let i = 0; i < 20; i++) a.set(`k${i}`, 'x'.repeat(1000))
  const spare = await world.node('spare')
  spare.set('old', 1)
  const since = a.engine.env.now()
  const synced = spare.replicaOf(world.sim.at('a'))
  await world.sim.advance(1000)
  assert.equal([shown(a).rdb_bgsave_in_progress, shown(spare).rdb_bgsave_in_progress], ['1', '0'])
  assert.match(shown(a).slave0, 'state=wait_bgsave')
  assert.equal(
    [shown(spare).async_loading, shown(spare).loading, shown(spare).master_sync_in_progress],
    ['1', '0', '1'],
  )
  assert.equal([...spare.keys()], ['old'])
  await world.sim.until(synced)
  await world.sim.advance(1000)
  assert.ok(a.engine.env.now() - since >= 2000, 'each key took its time')
  assert.is(spare.size, 20)
  assert.equal([shown(a).rdb_bgsave_in_progress, shown(spare).async_loading], ['0', '0'])
  assert.match(shown(a).slave0, 'state=online')
})

test('one that is broken off leaves the old data where it is, and gives the snapshot up', async () => {
  await using world = new World({})
  const config = { 'rdb-key-save-delay': '1000000', 'repl-diskless-sync-delay': '0' }
  const a = await world.node('a', { config })
  for (let i = 0; i < 20; i++) a.set(`k${i}`, 'x')
  const spare = await world.node('spare')
  spare.set('old', 1)
  spare.replicaOf(world.sim.at('a')).catch(() => {})
  await world.sim.advance(3000)
  assert.is(shown(a).rdb_bgsave_in_progress, '1')
  await world.sim.until(spare.promote())
  await world.sim.settle()
  assert.equal([...spare.keys()], ['old'])
  assert.equal([shown(a).rdb_bgsave_in_progress, shown(spare).async_loading], ['0', '0'])
})

test('one whose link breaks: the log says where, the old data stays, and it is asked for again', async () => {
  await using world = new World({})
  const config = { 'rdb-key-save-delay': '1000000', 'repl-diskless-sync-delay': '0' }
  const a = await world.node('a', { config })
  for (let i = 0; i < 20; i++) a.set(`k${i}`, 'x')
  const lines: string[] = []
  const note = (line: string): void => void lines.push(line)
  const log = { debug: note, info: note, warn: note, error: note }
  const spare = await world.node('spare', { env: world.sim.env('spare', { log }) })
  spare.set('old', 1)
  const synced = spare.replicaOf(world.sim.at('a'))
  await world.sim.advance(3000)
  assert.is(a.call('CLIENT', 'KILL', 'TYPE', 'replica'), 1)
  await world.sim.settle()
  assert.ok(
    lines.some((line) => /^Internal error in RDB reading offset \d+: Unexpected EOF\. /.test(line)),
    lines.join('\n'),
  )
  assert.equal([...spare.keys()], ['old'])
  a.call('CONFIG', 'SET', 'rdb-key-save-delay', '0')
  await world.sim.until(synced)
  assert.is(spare.size, 20)
})

test('what was kept in the ring for a replica that is gone goes too, also when nobody writes', async () => {
  await using world = new World({})
  const config = { 'rdb-key-save-delay': '1000000', 'repl-diskless-sync-delay': '0', 'repl-backlog-size': '16384' }
  const a = await world.node('a', { config })
  for (let i = 0; i < 20; i++) a.set(`k${i}`, 'x')
  const spare = await world.node('spare')
  spare.replicaOf(world.sim.at('a')).catch(() => {})
  await world.sim.advance(1000)
  for (let i = 0; i < 1000; i++) a.set('k', 'x'.repeat(1000))
  await world.sim.settle()
  assert.ok(a.engine.stream.backlog!.lengthBytes > 1_000_000)
  await world.sim.until(spare.promote())
  await world.sim.settle()
  assert.ok(a.engine.stream.backlog!.lengthBytes <= 16_384)
})

test.run()
