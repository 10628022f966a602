// A store with a file: what is saved comes back, the old file stays until the new one is whole, and whoever opens it again
// goes on where it stood.

import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { MemoryNetwork, Store } from '../../src/index.js'
import { RawClient } from '../client.js'
import { missingPeer, startServer, versions } from '../peers.js'
import { suite, until } from '../suite.js'

const test = suite('rdb file')
const config = { 'repl-ping-replica-period': '600' }

let dir: string
test.before.each(() => {
  dir = mkdtempSync(join(tmpdir(), 'hotspare-file-'))
})
test.after.each(() => rmSync(dir, { recursive: true, force: true }))

const open = (): Promise<Store> => Store.open({ dir, config })

async function rejected(promise: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('it was expected to fail')
}

test('what was saved comes back: every keyspace, bytes, times, values', async () => {
  const first = await open()
  first.set('text', 'é')
  first.set('object', { a: [1, new Date(0)], m: new Map([[1, 2]]) })
  first.set('bytes', Buffer.of(0, 255))
  first.set('timed', 'later', { expiresAt: 4102444800000 })
  first.db(3).set('other', 'keyspace')
  await first.save()
  first.set('unsaved', 'x')
  await first.close({ save: false })

  const second = await open()
  assert.is(second.get('text'), 'é')
  assert.equal(second.get('object'), { a: [1, new Date(0)], m: new Map([[1, 2]]) })
  assert.equal(second.get('bytes'), Buffer.of(0, 255))
  assert.is(second.db(3).get('other'), 'keyspace')
  assert.ok(second.ttl('timed')! > 0)
  assert.is(second.has('unsaved'), false)
  await second.close()
})

test('close saves what is not in the file yet, and nothing else', async () => {
  const first = await open()
  await first.close()
  assert.is(readdirSync(dir).length, 1, 'a new store has no file yet: an empty one is written')
  const second = await open()
  second.set('a', 1)
  await second.close()
  const before = readFileSync(join(dir, 'dump.rdb'))
  const third = await open()
  assert.is(third.get('a'), 1)
  writeFileSync(join(dir, 'dump.rdb'), 'untouched')
  await third.close()
  assert.is(readFileSync(join(dir, 'dump.rdb'), 'latin1'), 'untouched')
  assert.ok(before.length > 0)
})

test('a save holds what was there when it was asked for, whatever is written meanwhile', async () => {
  const store = await open()
  for (let i = 0; i < 5000; i++) store.set(`k${i}`, 'old')
  const saved = store.save()
  for (let i = 0; i < 5000; i += 2) store.set(`k${i}`, 'new')
  store.set('late', 'x')
  await saved
  await store.close({ save: false })
  const again = await open()
  assert.is(again.size, 5000)
  for (let i = 0; i < 5000; i++) assert.is(again.get(`k${i}`), 'old')
  await again.close()
})

test('two saves at once: one after the other, and the file is the later one', async () => {
  const store = await open()
  store.set('a', 'first')
  const first = store.save()
  const second = store.save()
  store.set('a', 'second')
  await Promise.all([first, second, store.save()])
  await store.close({ save: false })
  const again = await open()
  assert.is(again.get('a'), 'second')
  await again.close()
  assert.equal(readdirSync(dir), ['dump.rdb'])
})

test('a folder that is not there is made; one that cannot be, or goes: FILE; a store without a folder: INVALID', async () => {
  const store = await Store.open({ dir: join(dir, 'missing'), config })
  store.set('a', 1)
  await store.save()
  rmSync(join(dir, 'missing'), { recursive: true })
  const { code, message } = await rejected(store.save())
  assert.is(code, 'FILE')
  assert.match(message, 'ENOENT')
  assert.is(store.get('a'), 1)
  await store.close({ save: false })
  const unmade = await rejected(Store.open({ dir: join(dir, 'neither', 'nor'), config }))
  assert.is(unmade.code, 'FILE')
  const memory = new Store()
  assert.is((await rejected(memory.save())).code, 'INVALID')
  await memory.close()
})

test('a full disk: FILE, and the old file stays as it was', async () => {
  const store = await open()
  store.set('a', 1)
  await store.save()
  const path = join(dir, 'dump.rdb')
  const before = readFileSync(path)
  // What is written beside the file's place goes to a device that is always full.
  symlinkSync('/dev/full', `${path}.${process.pid}.tmp`)
  store.set('a', 'x'.repeat(100_000))
  const { code, message } = await rejected(store.save())
  assert.is(code, 'FILE')
  assert.match(message, 'ENOSPC')
  assert.equal(readFileSync(path), before)
  await store.close()
  const again = await open()
  assert.is(again.get('a'), 'x'.repeat(100_000), 'there is room again')
  await again.close()
})

test('a damaged file is refused with its path, and stays as it is', async () => {
  const first = await open()
  first.set('a', 'x'.repeat(1000))
  await first.close()
  const path = join(dir, 'dump.rdb')
  const bytes = readFileSync(path)
  for (const damaged of [bytes.subarray(0, bytes.length - 12), Buffer.from('garbage'), flipped(bytes)]) {
    writeFileSync(path, damaged)
    const { code, message } = await rejected(open())
    assert.is(code, 'RDB')
    assert.match(message, path)
    assert.equal(readFileSync(path), damaged)
  }
})

test('a replica that is opened again goes on with a partial resync', async () => {
  const network = new MemoryNetwork()
  const primary = new Store({ config })
  await primary.listen(network.at('primary'))
  const replica = await open()
  primary.set('a', 1)
  await replica.replicaOf(network.at('primary'))
  await replica.close()
  primary.set('b', 2)
  const again = await open()
  assert.is(again.get('a'), 1)
  await again.replicaOf(network.at('primary'))
  await until(() => again.status().offset === primary.status().offset, { what: 'the two are in step' })
  assert.is(again.get('b'), 2)
  assert.is(again.status().replid, primary.status().replid)
  assert.is(primary.engine.stats.syncFull, 1)
  assert.is(primary.engine.stats.syncPartialOk, 1)
  await Promise.all([again.close(), primary.close()])
})

test('a primary that is opened again keeps its history: its replicas go on with a partial resync', async () => {
  const network = new MemoryNetwork()
  const primary = await open()
  await primary.listen(network.at('primary'))
  const replica = new Store({ config })
  primary.set('a', 1)
  await replica.replicaOf(network.at('primary'))
  const { replid, offset } = primary.status()
  await primary.close()
  await until(() => replica.status().link !== 'connected', { what: 'the link is down' })
  const again = await open()
  assert.is(again.status().replid2, replid)
  assert.is(again.status().secondOffset, offset + 1)
  again.set('b', 2)
  await again.listen(network.at('primary'))
  await until(() => replica.get('b') === 2, { what: 'the two are in step' })
  assert.is(again.engine.stats.syncFull, 0)
  assert.is(replica.status().replid, again.status().replid)
  await Promise.all([again.close(), replica.close()])
})

test('a primary that wrote after it was opened again is on a branch: following the promoted spare costs a full sync', async () => {
  const network = new MemoryNetwork()
  const primary = await open()
  await primary.listen(network.at('primary'))
  const spare = new Store({ config })
  await spare.listen(network.at('spare'))
  primary.set('a', 1)
  await spare.replicaOf(network.at('primary'))
  await primary.close()
  await spare.promote()
  const again = await open()
  again.set('mine', 'only')
  await again.replicaOf(network.at('spare'))
  assert.is(spare.engine.stats.syncFull, 1)
  assert.is(again.has('mine'), false)
  await Promise.all([again.close(), spare.close()])
})

for (const [family, version] of versions) {
  test(`${family} ${version} loads our file, and we load its own`, { skip: missingPeer(family, version) }, async () => {
    const store = await open()
    for (let i = 0; i < 1000; i++) store.set(`k${i}`, `value ${i}`.repeat(i % 7))
    store.call('HSET', 'hash', 'f', 'v')
    store.call('RPUSH', 'list', 'a', 'b')
    store.call('ZADD', 'ranking', 1.5, 'm')
    await store.close()
    const server = await startServer({ family, version, args: ['--dir', dir] })
    const client = await RawClient.connect({ port: server.port })
    assert.is(String(await client.call('DBSIZE')), '1003')
    assert.is(String(await client.call('ZSCORE', 'ranking', 'm')), '1.5')
    await client.call('SET', 'theirs', 'x')
    await client.call('RPUSH', 'list', 'c')
    await client.call('SAVE')
    await client.close()
    await server.stop()
    const again = await open()
    assert.is(again.size, 1004)
    assert.is(again.get('theirs'), 'x')
    assert.is(again.get('k6'), 'value 6'.repeat(6))
    assert.equal(again.call('LRANGE', 'list', 0, -1), ['a', 'b', 'c'])
    await again.close()
  })
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy[copy.length >> 1] ^= 0x40
  return copy
}

test.run()
