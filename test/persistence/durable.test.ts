// Waiting until what was written is on the disk: Store.durable, and the offset that goes with it.

import * as assert from 'uvu/assert'
import { systemEnv } from '../../src/env.js'
import { MemoryNetwork } from '../../src/index.js'
import { Store } from '../../src/store.js'
import { suite, until } from '../suite.js'
import { BASIC, closeAll, DIR, FIRST, flush, keep, open, rejected, rewritten } from './append-only-scene.js'
import { MemoryDisk } from './memory-disk.js'

const test = suite('durable')
test.after.each(closeAll)

const isAt = (store: Store): boolean => store.engine.durability.offset === store.engine.history.offset
/** What a store finds after the power was gone. */
async function left(disk: MemoryDisk): Promise<unknown[]> {
  return [...(await open(disk.crash())).keys()].sort()
}

test('always: it is on the disk at the end of this turn, with one fsync for all of it', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  assert.ok(isAt(store))
  const { sync } = disk.counts
  store.set('a', 1)
  store.set('b', 2)
  const waits = [store.durable(), store.durable()]
  assert.is(disk.counts.sync, sync, 'nothing is forced from inside the call')
  assert.not.ok(isAt(store))
  await Promise.all(waits)
  assert.is(disk.counts.sync, sync + 1)
  assert.ok(isAt(store))
  await store.durable()
  assert.is(disk.counts.sync, sync + 1, 'what is there is not waited for')
  assert.equal(await left(disk), ['a', 'b'])
})

test('everysec: with the next fsync, which a read-only second after the last write does not put off', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { appendfsync: 'everysec' })
  store.set('a', 1)
  await store.durable()
  store.set('b', 2)
  const durable = store.durable()
  flush(store)
  assert.equal(await left(disk), ['a'], 'it is written, and not forced')
  await durable
  assert.ok(isAt(store))
  assert.equal(await left(disk), ['a', 'b'])
})

test('no: when the system has it; the offset stays until a rewrite, and goes on when the policy changes', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { appendfsync: 'no' })
  const { offset } = store.engine.durability
  const { sync } = disk.counts
  store.set('a', 1)
  await store.durable()
  assert.ok(disk.bytesOf(FIRST).includes('SET'))
  assert.is(disk.counts.sync, sync)
  assert.is(store.engine.durability.offset, offset)
  await rewritten(store)
  assert.ok(isAt(store))
  store.set('b', 2)
  flush(store)
  assert.not.ok(isAt(store))
  store.call('CONFIG', 'SET', 'appendfsync', 'everysec')
  await until(() => isAt(store), { what: 'it is forced, though nothing more is written' })
  assert.equal(await left(disk), ['a', 'b'])
})

test('without an append-only file there is nothing to wait for', async () => {
  const plain = keep(new Store())
  plain.set('a', 1)
  await plain.durable()
  assert.is(plain.engine.durability.offset, -1)
  const store = await open(new MemoryDisk(), { appendonly: 'no' })
  store.set('a', 1)
  await store.durable()
  assert.is(store.engine.durability.offset, -1)
})

test('a file that begins: when its first base is whole; one that is turned off holds nothing more', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { appendonly: 'no' })
  store.set('a', 1)
  store.call('CONFIG', 'SET', 'appendonly', 'yes')
  store.set('b', 2)
  const durable = store.durable()
  flush(store)
  assert.is(store.engine.durability.offset, -1, 'an increment without its base is nothing')
  await durable
  assert.ok(isAt(store))
  assert.equal(await left(disk), ['a', 'b'])
  const heard: string[] = []
  store.engine.durability.on((change) => heard.push(change))
  store.set('c', 3)
  const last = store.durable()
  store.call('CONFIG', 'SET', 'appendonly', 'no')
  await last
  assert.equal(heard, ['moved', 'ended'])
  assert.is(store.engine.durability.offset, -1)
  store.call('CONFIG', 'SET', 'appendonly', 'yes')
  const given = store.durable()
  store.call('CONFIG', 'SET', 'appendonly', 'no')
  assert.is((await rejected(given)).code, 'CLOSED')
})

for (const [act, code] of [
  ['write', 'ENOSPC'],
  ['sync', 'EIO'],
] as const) {
  test(`a disk that fails (${act}): FILE at once, and until it is well again`, async () => {
    const disk = new MemoryDisk()
    const store = await open(disk)
    store.set('a', 1)
    await store.durable()
    const { offset } = store.engine.durability
    disk.fails = (what, path) => (what === act && /incr/.test(path) ? code : undefined)
    store.set('b', 2)
    const error = await rejected(store.durable())
    assert.is(error.code, 'FILE')
    assert.match(error.message, code)
    assert.is((await rejected(store.durable())).code, 'FILE')
    assert.is(store.engine.durability.offset, offset, 'what is there stays there')
    disk.fails = () => undefined
    await until(() => store.engine.appendOnly!.fault === null, { what: 'all is well' })
    store.set('c', 3)
    await store.durable()
    assert.ok(isAt(store))
    assert.equal(await left(disk), ['a', 'b', 'c'])
  })
}

test('close brings everything to the disk, and ends the waiting; a signal ends one', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { appendfsync: 'everysec' })
  store.set('a', 1)
  await store.durable()
  store.set('b', 2)
  const wait = new AbortController()
  const aborted = store.durable({ signal: wait.signal })
  const durable = store.durable()
  wait.abort()
  assert.is((await rejected(aborted)).code, 'ABORTED')
  assert.is((await rejected(store.durable({ signal: wait.signal }))).code, 'ABORTED')
  await Promise.all([durable, store.close({ save: false })])
  assert.is((await rejected(store.durable())).code, 'CLOSED')
  assert.equal(await left(disk), ['a', 'b'])
})

test('a wait keeps the process alive, and lets it go', async () => {
  let held = 0
  const env = systemEnv()
  const hold = (): (() => void) => {
    held++
    return () => void held--
  }
  const config = { ...BASIC, appendfsync: 'everysec' }
  const store = keep(await Store.open({ dir: DIR, disk: new MemoryDisk(), env: { ...env, hold }, config }))
  store.set('a', 1)
  const durable = store.durable()
  assert.is(held, 1)
  await durable
  assert.is(held, 0)
})

test('a full sync: the offset is unknown until the new data is on the disk, and then that of the primary', async () => {
  const net = new MemoryNetwork()
  const primary = keep(new Store({ config: { 'repl-ping-replica-period': '600' } }))
  primary.set('theirs', 1)
  await primary.listen(net.at('a'))
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('ours', 1)
  await store.durable()
  const offsets: number[] = []
  store.engine.durability.on(() => offsets.push(store.engine.durability.offset))
  await store.replicaOf(net.at('a'))
  primary.set('more', 2)
  await until(() => store.has('more') && isAt(store), { what: 'all of it is on the disk' })
  assert.is(offsets[0], -1)
  assert.is(offsets.at(-1), primary.engine.history.offset)
  await store.durable()
  assert.equal(await left(disk), ['more', 'theirs'])
})

test.run()
