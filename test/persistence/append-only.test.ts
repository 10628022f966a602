// The append-only file: what was written comes back, and the set of files is that of Redis 7.

import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { MemoryNetwork } from '../../src/index.js'
import { encodeCommand } from '../../src/protocol/parser.js'
import { Store } from '../../src/store.js'
import { ErrorReply, RawClient } from '../client.js'
import { contentOf, withoutSeen } from '../sim/equal.js'
import { suite, until } from '../suite.js'
import {
  BASIC,
  closeAll,
  commandsOf,
  DIR,
  digestOf,
  FIRST,
  FOLDER,
  flush,
  inFolder,
  keep,
  MANIFEST,
  open,
  rejected,
  rewritten,
} from './append-only-scene.js'
import { MemoryDisk } from './memory-disk.js'

const test = suite('append-only file')
test.after.each(closeAll)

function fill(store: Store): void {
  store.set('text', 'é')
  store.set('object', { a: [1, new Date(0)], m: new Map([[1, 2]]) })
  store.set('bytes', Buffer.of(0, 255, 10, 13))
  store.set('timed', 'later', { expiresAt: 4102444800000 })
  store.db(3).set('other', 'keyspace')
  store.call('HSET', 'h', 'f', 'v', 'g', 'w')
  store.call('RPUSH', 'l', 'a', 'b')
  store.call('SADD', 's', 'x', 'y')
  store.call('ZADD', 'z', 1.5, 'm')
  store.call('XADD', 'x', '1-1', 'f', 'v')
  store.transaction(() => {
    store.set('one', 1)
    store.increment('count', 5)
  })
  store.call('SWAPDB', 3, 4)
}

test('what was written comes back after the power was gone: every type, keyspace, time and value', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  fill(first)
  flush(first)
  const again = await open(disk.crash())
  assert.is(digestOf(again), digestOf(first))
  assert.equal(again.get('object'), { a: [1, new Date(0)], m: new Map([[1, 2]]) })
  assert.is(again.db(4).get('other'), 'keyspace')
  assert.ok(again.ttl('timed')! > 0)
  assert.is(again.engine.changesSinceSave, 0)
})

test('the files are those of Redis 7: a base, an increment, a manifest', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('a', 'b')
  flush(store)
  assert.equal(disk.names(), [inFolder('1.base.rdb'), FIRST, MANIFEST])
  assert.is(
    disk.bytesOf(MANIFEST).toString(),
    'file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n',
  )
  assert.is(commandsOf(disk, FIRST), encodeCommand(['SELECT', '0']) + encodeCommand(['SET', 'a', 'b']))
  await rewritten(store)
  assert.equal(disk.names(), [inFolder('2.base.rdb'), inFolder('2.incr.aof'), MANIFEST])
  store.db(5).set('c', 'd')
  flush(store)
  assert.is(commandsOf(disk, inFolder('2.incr.aof')), encodeCommand(['SELECT', '5']) + encodeCommand(['SET', 'c', 'd']))
})

test('always: the reply to a write leaves when its bytes are on the disk, and one fsync serves all of a turn', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const { port } = await store.listen({ port: 0 })
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect({ port: port! })))
  const before = disk.counts.sync
  for (let round = 0; round < 10; round++) {
    const replies = clients.map(async (client, i) => {
      await client.ok('INCR', `n${i}`)
      return disk.crash()
    })
    const left = await open(await replies[round % clients.length])
    assert.is(left.call('GET', `n${round % clients.length}`), String(round + 1))
    await left.close({ save: false })
    await Promise.all(replies)
  }
  const syncs = disk.counts.sync - before
  assert.ok(syncs < 200, `${syncs} syncs for 200 writes`)
  await Promise.all(clients.map((client) => client.close()))
})

test('everysec: at most the last second is lost; no: the file is written, and never forced', async () => {
  const net = new MemoryNetwork({ seed: 3 })
  for (const appendfsync of ['everysec', 'no']) {
    const begun = new MemoryDisk()
    await (await open(begun)).close({ save: false })
    const disk = begun.crash()
    const config = { ...BASIC, appendfsync }
    const store = await net.until(Store.open({ dir: DIR, disk, config, env: net.env(appendfsync) }))
    keep(store)
    const synced = disk.counts.sync
    let written = 0
    for (let i = 0; i < 50; i++) {
      store.set('n', ++written)
      await net.advance(100)
      const left = await net.until(
        Store.open({ dir: DIR, disk: disk.crash(), config, env: net.env(`${appendfsync}${i}`) }),
      )
      const n = (left.get('n') as number | undefined) ?? 0
      if (appendfsync === 'everysec') assert.ok(n >= written - 11, `${n} of ${written}`)
      await net.until(left.close({ save: false }))
    }
    assert.ok(appendfsync === 'no' ? disk.counts.sync === synced : disk.counts.sync - synced <= 6)
    const alive = await net.until(Store.open({ dir: DIR, disk, config, env: net.env(`${appendfsync} alive`) }))
    keep(alive)
    assert.is(alive.get('n'), written, 'a process that is killed loses nothing')
  }
})

test('CONFIG SET appendonly: yes writes a base and goes on from there, no ends it', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { appendonly: 'no' })
  const info = (): string => String(store.call('INFO', 'persistence'))
  store.set('a', 1)
  assert.equal(disk.names(), [])
  assert.match(info(), 'aof_enabled:0')
  store.transaction(() => {
    store.increment('n', 1)
    store.call('CONFIG', 'SET', 'appendonly', 'yes')
    store.increment('n', 1)
  })
  assert.match(info(), 'aof_enabled:1')
  store.set('b', 2)
  await until(() => info().includes('aof_rewrite_in_progress:0'), { what: 'the base is written' })
  store.set('c', 3)
  flush(store)
  const again = await open(disk.crash())
  assert.is(digestOf(again), digestOf(store))
  store.call('CONFIG', 'SET', 'appendonly', 'no')
  assert.match(info(), 'aof_enabled:0')
  store.set('d', 4)
  flush(store)
  assert.is((await open(disk.crash())).has('d'), false)
  store.call('CONFIG', 'SET', 'appendonly', 'yes')
  await until(() => info().includes('aof_rewrite_in_progress:0'), { what: 'the second base is written' })
  assert.is((await open(disk.crash())).get('d'), 4)
})

test('it is written anew by itself when it has grown', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { 'auto-aof-rewrite-min-size': '10kb' })
  for (let i = 0; i < 300; i++) store.set('k', 'x'.repeat(100) + i)
  flush(store)
  await until(() => disk.names().includes(inFolder('2.base.rdb')) && !disk.names().includes(FIRST), {
    what: 'a rewrite',
  })
  assert.ok(disk.usedBytes < 2000)
  assert.is(digestOf(await open(disk.crash())), digestOf(store))
})

test('DEBUG LOADAOF throws the data away and loads it again', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const { port } = await store.listen({ port: 0 })
  const client = await RawClient.connect({ port: port! })
  fill(store)
  const before = digestOf(store)
  const { offset } = store.status()
  store.call('DEBUG', 'POPULATE', '10') // replicas and files are not told
  assert.not.equal(digestOf(store), before)
  assert.is(await client.ok('DEBUG', 'LOADAOF'), 'OK')
  assert.is(digestOf(store), before)
  assert.is(store.status().offset, offset)
  await client.close()
})

test('BGREWRITEAOF while appendonly is off writes a base alone, which DEBUG LOADAOF loads', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { appendonly: 'no' })
  const { port } = await store.listen({ port: 0 })
  const client = await RawClient.connect({ port: port! })
  const info = async (field: string): Promise<string | undefined> =>
    new RegExp(`${field}:(.*)\r`).exec(String(await client.ok('INFO', 'persistence')))?.[1]
  const rewriting = (): Promise<unknown> =>
    until(async () => (await info('aof_rewrite_in_progress')) === '0', { what: 'the base is written' })
  assert.instance(await client.call('DEBUG', 'LOADAOF'), ErrorReply, 'there is no file')
  fill(store)
  assert.is(await client.ok('BGREWRITEAOF'), 'Background append only file rewriting started')
  assert.match(String(await client.call('BGREWRITEAOF')), 'already in progress')
  await rewriting()
  assert.equal(disk.names(), [inFolder('1.base.rdb'), MANIFEST])
  assert.is(disk.bytesOf(MANIFEST).toString(), 'file appendonly.aof.1.base.rdb seq 1 type b\n')
  assert.is(await info('aof_enabled'), '0')
  assert.is(await info('aof_rewrites'), '1')
  assert.is(await info('aof_base_size'), undefined)
  const digest = digestOf(store)
  await client.ok('SET', 'later', 'x')
  await client.ok('DEBUG', 'LOADAOF')
  assert.is(digestOf(store), digest)
  // On, with an increment behind the next base; off, and what is left of it goes with the base after that.
  await client.ok('CONFIG', 'SET', 'appendonly', 'yes')
  await rewriting()
  assert.equal(disk.names(), [FIRST, inFolder('2.base.rdb'), MANIFEST])
  await client.ok('SET', 'kept', 'x')
  await client.ok('CONFIG', 'SET', 'appendonly', 'no')
  assert.equal(disk.names(), [FIRST, inFolder('2.base.rdb'), MANIFEST])
  await client.ok('SET', 'lost', 'x')
  await client.ok('DEBUG', 'LOADAOF')
  assert.equal(await client.ok('EXISTS', 'kept', 'lost'), 1)
  await client.ok('MULTI')
  await client.ok('BGREWRITEAOF')
  await client.ok('SET', 'same', 'x')
  assert.equal(await client.ok('EXEC'), ['Background append only file rewriting scheduled', 'OK'])
  await rewriting()
  assert.equal(disk.names(), [inFolder('3.base.rdb'), MANIFEST])
  assert.is((await open(disk.crash())).get('same'), 'x', 'what comes behind it in the transaction is in the base')
  await client.close()
})

test('aof-use-rdb-preamble no: the base is commands, which bring back everything, and the place in the history', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { 'aof-timestamp-enabled': 'yes', 'aof-use-rdb-preamble': 'no' })
  assert.ok(disk.names().includes(inFolder('1.base.aof')))
  fill(store)
  for (let i = 0; i < 300; i++) store.call('HSET', 'h', `f${i}`, `v${i}`)
  store.call('HPEXPIREAT', 'h', 4102444800000, 'FIELDS', 3, 'f1', 'f70', 'f299')
  store.call('HPEXPIREAT', 'h', 4102444800001, 'FIELDS', 1, 'f2')
  for (let i = 0; i < 50; i++) store.call('VADD', 'vectors', 'VALUES', 2, i, 7, `element ${i}`)
  store.call('PEXPIREAT', 'vectors', 4102444800000)
  const first = store.call('XADD', 'producers', 'IDMP', 'one', 'message', '*', 'f', 'v')
  // Pending, and gone: trimmed in front, and deleted in the middle.
  for (let i = 1; i <= 9; i++) store.call('XADD', 'log', `${i}-1`, 'n', String(i))
  store.call('XGROUP', 'CREATE', 'log', 'g', 0)
  store.call('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'log', '>')
  store.call('XNACK', 'log', 'g', 'FATAL', 'IDS', 2, '8-1', '6-1')
  store.call('XNACK', 'log', 'g', 'SILENT', 'IDS', 3, '7-1', '1-1', '5-1')
  store.call('XTRIM', 'log', 'MAXLEN', 7)
  store.call('XDEL', 'log', '5-1')
  await rewritten(store)
  const { offset, replid } = store.status()
  assert.equal(disk.names(), [inFolder('2.base.aof'), inFolder('2.incr.aof'), MANIFEST])
  const base = disk.bytesOf(inFolder('2.base.aof')).toString('latin1')
  assert.match(base, /^#TS:\d{10}\r\n\*2\r\n\$6\r\nSELECT\r\n/)
  assert.ok(base.endsWith(`#HS:${replid}:${offset}\r\n`))
  const again = await open(disk.crash())
  // How often producers came is a figure that no command sets.
  const told = (one: Store): [string, string][] =>
    [...withoutSeen(contentOf(one))].map(([key, text]) => [key, text.replace(/"iids_added":1/, '"iids_added":0')])
  assert.equal(told(again), told(store))
  assert.is(again.engine.history.askedFor, replid)
  assert.is(again.status().offset, offset)
  assert.is(again.call('XADD', 'producers', 'IDMP', 'one', 'message', '*', 'f', 'w'), first, 'it came already')
  store.call('CONFIG', 'SET', 'aof-use-rdb-preamble', 'yes')
  await rewritten(store)
  assert.equal(disk.names(), [inFolder('3.base.rdb'), inFolder('3.incr.aof'), MANIFEST])
  assert.equal(contentOf(await open(disk.crash())).size, contentOf(store).size)
})

test('files that are there while appendonly is off keep their names, and go when others take their place', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  first.set('a', 1)
  await rewritten(first)
  await first.close({ save: false })
  const store = await open(disk, { appendonly: 'no' })
  const before = disk.names().filter((name) => name.startsWith(FOLDER))
  assert.equal(before, [inFolder('2.base.rdb'), inFolder('2.incr.aof'), MANIFEST])
  store.set('b', 2)
  let both = false
  disk.fails = (_, path) => {
    both ||= path === inFolder('3.base.rdb') && disk.names().includes(inFolder('2.base.rdb'))
    return undefined
  }
  store.call('CONFIG', 'SET', 'appendonly', 'yes')
  await store.durable()
  await until(() => !store.engine.appendOnly!.isRewriting, { what: 'the files that went are deleted' })
  assert.ok(both, 'a name is not given twice')
  assert.equal(
    disk.names().filter((name) => name.startsWith(FOLDER)),
    [inFolder('3.base.rdb'), inFolder('3.incr.aof'), MANIFEST],
  )
  const damaged = disk.crash()
  damaged.put(MANIFEST, Buffer.from('file x'))
  assert.is((await rejected(open(damaged, { appendonly: 'no' }))).code, 'AOF', 'as redis-server')
})

test('one file beside the folder, as before Redis 7, becomes the base: commands, or a snapshot and then commands', async () => {
  const donor = new MemoryDisk()
  const giver = await open(donor)
  giver.set('a', 'base')
  await rewritten(giver)
  const snapshot = donor.bytesOf(inFolder('2.base.rdb'))
  const commands = Buffer.from(encodeCommand(['SELECT', '2']) + encodeCommand(['SET', 'b', 'c']))
  for (const old of [commands, Buffer.concat([snapshot, commands])]) {
    const disk = new MemoryDisk()
    disk.put(join(DIR, 'appendonly.aof'), old)
    const store = await open(disk)
    assert.is(store.db(2).get('b'), 'c')
    assert.is(store.get('a'), old === commands ? undefined : 'base')
    store.set('d', 'e')
    flush(store)
    assert.ok(disk.names().includes(join(FOLDER, 'appendonly.aof')))
    const again = await open(disk.crash())
    assert.is(digestOf(again), digestOf(store))
    await rewritten(again)
  }
})

test('time stamps are written if asked for, once a second, and read', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk, { 'aof-timestamp-enabled': 'yes' })
  const before = Math.floor(Date.now() / 1000)
  for (let i = 0; i < 5; i++) {
    store.set('a', i)
    flush(store)
  }
  const stamps = [
    ...disk
      .bytesOf(FIRST)
      .toString()
      .matchAll(/^#TS:(\d+)\r$/gm),
  ].map(([, seconds]) => Number(seconds))
  assert.ok(stamps.length === 1 || stamps.length === 2)
  assert.ok(stamps[0] >= before && stamps[0] <= before + 2)
  assert.is((await open(disk.crash())).get('a'), 4)
})

test('a replica: the stream goes into its file, a full sync starts a new base, and it is opened again with a partial resync', async () => {
  const network = new MemoryNetwork()
  const primary = new Store({ config: BASIC })
  keep(primary)
  await primary.listen(network.at('primary'))
  const disk = new MemoryDisk()
  const replica = await open(disk)
  replica.set('own', 'to be replaced')
  primary.db(7).set('a', 1)
  await replica.replicaOf(network.at('primary'))
  const inStep = async (one: Store): Promise<void> => {
    await until(() => one.status().offset === primary.status().offset, { what: 'the two are in step' })
    await until(() => !one.engine.appendOnly!.isRewriting, { what: 'the base is written' })
    flush(one)
  }
  await inStep(replica)
  primary.db(7).set('b', 2)
  await inStep(replica)
  await rewritten(replica)
  primary.db(7).set('c', 3)
  primary.set('d', 4)
  await inStep(replica)
  const left = disk.crash()
  await replica.close({ save: false })
  primary.set('e', 5)
  const again = await open(left)
  assert.equal([again.db(7).get('a'), again.db(7).get('c'), again.get('d'), again.has('own')], [1, 3, 4, false])
  await again.replicaOf(network.at('primary'))
  await inStep(again)
  assert.is(digestOf(again), digestOf(primary))
  assert.equal([primary.engine.stats.syncFull, primary.engine.stats.syncPartialOk], [1, 1])
  primary.db(7).set('f', 6)
  await inStep(again)
  const third = await open(left.crash())
  assert.is(digestOf(third), digestOf(primary))
})

test('a primary that was killed keeps its history: its replicas go on with a partial resync', async () => {
  const network = new MemoryNetwork()
  const disk = new MemoryDisk()
  const primary = await open(disk)
  const listener = await primary.listen(network.at('primary'))
  const replica = new Store({ config: BASIC })
  keep(replica)
  primary.set('a', 1)
  await replica.replicaOf(network.at('primary'))
  primary.set('b', 2)
  await until(() => replica.get('b') === 2, { what: 'the two are in step' })
  flush(primary)
  const left = disk.crash()
  await listener.close()
  const again = await open(left)
  again.set('c', 3)
  await again.listen(network.at('primary'))
  await until(() => replica.get('c') === 3, { what: 'the two are in step' })
  assert.is(again.engine.stats.syncFull, 0)
  assert.is(digestOf(replica), digestOf(again))
})

test('what somebody else appended is loaded, and no history is claimed for it', async () => {
  const disk = new MemoryDisk()
  const first = await open(disk)
  first.set('a', 1)
  flush(first)
  const { replid, offset } = first.status()
  const claims = async (left: MemoryDisk): Promise<void> => {
    const { replid2, offset: at } = (await open(left)).status()
    assert.equal([replid2, at], [replid, offset])
  }
  await claims(disk.crash())
  await rewritten(first)
  await claims(disk.crash())
  const foreign = Buffer.from(encodeCommand(['SELECT', '0']) + encodeCommand(['SET', 'b', 'theirs']))
  const other = disk.crash()
  const last = inFolder('2.incr.aof')
  other.put(last, Buffer.concat([other.bytesOf(last), foreign]))
  first.set('c', 1)
  flush(first)
  const another = disk.crash()
  another.put(last, Buffer.concat([another.bytesOf(last), foreign]))
  for (const left of [other, another]) {
    const again = await open(left)
    assert.is(again.get('b'), 'theirs')
    assert.not.equal(again.status().replid2, replid)
  }
})

test('without an append-only file what dump.rdb holds is its beginning', async () => {
  const { mkdtempSync, rmSync } = await import('node:fs')
  const { tmpdir } = await import('node:os')
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-aof-'))
  try {
    const first = await Store.open({ dir })
    first.set('a', 1)
    await first.close()
    for (const value of [1, 2]) {
      const store = await Store.open({ dir, config: BASIC })
      assert.is(store.get('a'), value)
      store.set('a', 2)
      await store.close({ save: false })
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test.run()
