// What a store that comes back makes of the files of the one before it: found by the simulation.

import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { closeAll, FIRST, flush, MANIFEST, open, rejected } from './append-only-scene.js'
import { MemoryDisk } from './memory-disk.js'

const test = suite('restart')
test.after.each(closeAll)

test('what a killed process left to the system is on the disk once the next one has opened it', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { appendfsync: 'no' })
  store.set('a', 'value')
  flush(store)
  const killed = disk.kill()
  await open(killed, { appendfsync: 'no' })
  assert.is((await open(killed.crash())).get('a'), 'value')
})

test('behind a torn tail that was cut off the file goes on to say where its data stand', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('a', 'value')
  store.set('b', 'value')
  flush(store)
  const torn = disk.kill()
  torn.put(FIRST, disk.bytesOf(FIRST).subarray(0, -3))
  const again = await open(torn)
  again.set('c', 'value')
  flush(again)
  const { replid, offset } = again.status()
  const third = (await open(torn.kill())).status()
  assert.equal([third.replid2, third.secondOffset], [replid, offset + 1])
})

test('a disk that fails when it is opened is a StoreError that names the file', async () => {
  const disk = new MemoryDisk()
  await (await open(disk)).close()
  for (const act of ['open', 'sync', 'folder'] as const) {
    const failing = disk.kill()
    failing.fails = (each, path) => (each === act && path.includes('appendonlydir') ? 'EIO' : undefined)
    const { code, message } = await rejected(open(failing))
    assert.is(code, 'FILE', act)
    assert.match(message, 'appendonlydir', act)
  }
})

test('a store whose append-only file cannot be written saves its snapshot at its end all the same', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { appendfsync: 'everysec' })
  disk.fails = (act, path) => (act === 'write' && path.includes('appendonlydir') ? 'ENOSPC' : undefined)
  store.set('a', 'value')
  flush(store)
  const { code } = await rejected(store.close())
  assert.is(code, 'FILE')
  const left = disk.crash()
  left.removeNow(MANIFEST)
  assert.is((await open(left, { appendonly: 'no' })).get('a'), 'value')
})

test('nothing expires while a file is loaded, and what is past its time goes right after', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('a', 'value', { ttl: 30 })
  store.set('b', 'value')
  flush(store)
  const killed = disk.kill()
  await new Promise<void>((resolve) => store.once('expire', () => resolve()))
  const reads: (() => void)[] = []
  let isHeldUp = true
  killed.pause = (act) => (act === 'read' && isHeldUp ? new Promise((resolve) => reads.push(resolve)) : undefined)
  const opening = open(killed)
  const release = setInterval(() => {
    for (const go of reads.splice(0)) go()
  }, 5)
  const again = await opening
  clearInterval(release)
  isHeldUp = false
  const { offset } = again.status()
  assert.is(again.has('a'), false)
  assert.ok(again.status().offset > offset, 'its end stands in the stream')
})

test.run()
