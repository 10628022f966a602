// The append-only file: what was written comes back, whatever the disk did, and the set of files is whole at each moment.

import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { datasetDigest } from '../../src/commands/digest.js'
import type { SettingName } from '../../src/config/directives.js'
import { MemoryNetwork } from '../../src/index.js'
import { encodeCommand } from '../../src/protocol/parser.js'
import { Store } from '../../src/store.js'
import { ErrorReply, RawClient } from '../client.js'
import { randomFrom } from '../compat/load.js'
import { LogLines } from '../compat/nodes.js'
import { suite, until } from '../suite.js'
import { type Act, MemoryDisk } from './memory-disk.js'

const test = suite('append-only file')

const DIR = '/nowhere'
const FOLDER = join(DIR, 'appendonlydir')
const MANIFEST = join(FOLDER, 'appendonly.aof.manifest')
const inFolder = (name: string): string => join(FOLDER, `appendonly.aof.${name}`)
const FIRST = inFolder('1.incr.aof')

type Directives = Partial<Record<SettingName, string>>

let opened: Store[] = []
test.after.each(async () => {
  for (const store of opened) await store.close({ save: false }).catch(() => undefined)
  opened = []
})

const BASIC: Directives = {
  appendonly: 'yes',
  appendfsync: 'always',
  'repl-ping-replica-period': '600',
  'enable-debug-command': 'yes',
}

async function open(disk: MemoryDisk, directives: Directives = {}, log = new LogLines()): Promise<Store> {
  const store = await Store.open({ dir: DIR, disk, log, config: { ...BASIC, ...directives } })
  opened.push(store)
  return store
}

/** What is written so far is in the file, and forced to the disk under `always`. */
const flush = (store: Store): void => store.engine.beforeReply()
const digestOf = (store: Store): string => datasetDigest(store.engine.env, store.engine.dataset)

async function rewritten(store: Store): Promise<void> {
  store.call('BGREWRITEAOF')
  await until(() => !store.engine.appendOnly!.isRewriting, { what: 'the rewrite is over' })
}

async function rejected(promise: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('it was expected to fail')
}

/** The commands of a file, and nothing else. */
const commandsOf = (disk: MemoryDisk, path: string): string =>
  disk
    .bytesOf(path)
    .toString('latin1')
    .replace(/^#.*\r\n/gm, '')

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
    opened.push(store)
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
    opened.push(alive)
    assert.is(alive.get('n'), written, 'a process that is killed loses nothing')
  }
})

test('a file that is cut anywhere loads up to the last whole command, and says so', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  const states = [digestOf(store)]
  const step = (work: () => void): void => {
    work()
    flush(store)
    states.push(digestOf(store))
  }
  step(() => store.set('a', 'value'))
  step(() => store.call('RPUSH', 'l', '1', '2'))
  step(() =>
    store.transaction(() => {
      store.set('t', 1)
      store.set('u', 2)
    }),
  )
  step(() => store.delete('a'))
  const whole = Buffer.from(disk.bytesOf(FIRST))
  let at = 0
  for (let bytes = 0; bytes <= whole.length; bytes++) {
    const cut = disk.crash()
    cut.put(FIRST, whole.subarray(0, bytes))
    const log = new LogLines()
    const again = await open(cut, {}, log)
    const found = states.indexOf(digestOf(again))
    assert.ok(found === at || found === at + 1, `${bytes} bytes: state ${found} after ${at}`)
    at = found
    const kept = cut.bytesOf(FIRST).length
    assert.is(
      log.lines.some((line) => line.includes('short read')),
      kept < bytes,
    )
    again.set('z', 'goes on')
    flush(again)
    const third = await open(cut.crash())
    assert.is(third.get('z'), 'goes on')
    await Promise.all([again.close({ save: false }), third.close({ save: false })])
    opened = [store]
  }
  assert.is(at, states.length - 1)
})

test('a torn file is refused, and stays as it is, with aof-load-truncated no, and when it is not the last', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('a', 'value')
  flush(store)
  const torn = disk.crash()
  torn.put(FIRST, disk.bytesOf(FIRST).subarray(0, -3))
  const refusal = await rejected(open(torn, { 'aof-load-truncated': 'no' }))
  assert.is(refusal.code, 'AOF')
  assert.match(refusal.message, `${FIRST}: it ends in the middle`)
  assert.is(torn.bytesOf(FIRST).length, disk.bytesOf(FIRST).length - 3)
  torn.put(MANIFEST, Buffer.from(`${disk.bytesOf(MANIFEST)}file appendonly.aof.2.incr.aof seq 2 type i\n`))
  torn.put(inFolder('2.incr.aof'), Buffer.from(encodeCommand(['SELECT', '0'])))
  assert.match((await rejected(open(torn))).message, FIRST)
})

test('an increment that is torn may be followed by ones that are empty', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('a', 1)
  store.set('b', 2)
  flush(store)
  const torn = disk.crash()
  torn.put(FIRST, disk.bytesOf(FIRST).subarray(0, -3))
  torn.put(MANIFEST, Buffer.from(`${disk.bytesOf(MANIFEST)}file appendonly.aof.2.incr.aof seq 2 type i\n`))
  torn.put(inFolder('2.incr.aof'), Buffer.alloc(0))
  const again = await open(torn)
  assert.equal([again.get('a'), again.has('b')], [1, false])
  again.set('c', 3)
  flush(again)
  assert.equal([...(await open(torn.crash())).keys()].sort(), ['a', 'c'])
})

test('damage in the middle is refused with the file and the byte', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  for (const value of ['first', 'second', 'third']) {
    store.set('k', value)
    flush(store)
  }
  const bytes = Buffer.from(disk.bytesOf(FIRST))
  const second = bytes.indexOf('*3', bytes.indexOf('first'))
  const cases: [what: string, at: number, byte: string][] = [
    ['no command begins here', second, '+'],
    ['no length follows', second + 4, '!'],
    ['a length that swallows the rest', second + 5, '9'],
    ['a count that swallows the rest', second + 1, '9'],
    ['no such command', second + 8, 'X'],
  ]
  for (const [what, at, byte] of cases) {
    const damaged = disk.crash()
    const copy = Buffer.from(bytes)
    copy.write(byte, at)
    damaged.put(FIRST, copy)
    const { code, message } = await rejected(open(damaged))
    assert.is(code, 'AOF', what)
    assert.match(message, FIRST, what)
    assert.match(message, /byte \d+/, what)
    assert.equal(damaged.bytesOf(FIRST), copy, what)
  }
  const zeros = disk.crash()
  zeros.put(FIRST, Buffer.concat([bytes, Buffer.alloc(5000)]))
  assert.is((await open(zeros)).get('k'), 'third', 'space that was never written is a torn tail')
})

test('a base or manifest that is damaged or missing is refused', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('a', 'x'.repeat(100))
  await rewritten(store)
  const base = inFolder('2.base.rdb')
  const bytes = disk.bytesOf(base)
  const cases: [(to: MemoryDisk) => void, string][] = [
    [(to) => to.put(base, bytes.subarray(0, -1)), 'RDB'],
    [(to) => to.put(base, Buffer.concat([bytes.subarray(0, -20), Buffer.alloc(20, 1)])), 'RDB'],
    [(to) => to.removeNow(base), 'AOF'],
    [(to) => to.put(MANIFEST, Buffer.from('file x seq 1 type q\n')), 'AOF'],
    [(to) => to.put(MANIFEST, Buffer.from('file ../x seq 1 type b\n')), 'AOF'],
    [(to) => to.put(MANIFEST, Buffer.from('file x seq 1 type b')), 'AOF'],
    [(to) => to.put(MANIFEST, Buffer.alloc(0)), 'AOF'],
  ]
  for (const [damage, code] of cases) {
    const damaged = disk.crash()
    damage(damaged)
    const error = await rejected(open(damaged))
    assert.is(error.code, code, error.message)
    assert.match(error.message, FOLDER)
  }
})

test('crash at any act of the disk, with rewrites under way: nothing acknowledged is lost, and it always loads', {
  limitMs: 60_000,
}, async () => {
  const random = randomFrom(11)
  for (let run = 0; run < 60; run++) {
    const disk = new MemoryDisk(random)
    disk.biggestWriteBytes = run % 3 === 0 ? 40 : Number.POSITIVE_INFINITY
    const store = await open(disk)
    let acknowledged = 0
    let written = 0
    let crashed: { left: MemoryDisk; least: number; most: number } | undefined
    let acts = Math.floor(random() * 120)
    disk.fails = () => {
      if (acts-- === 0) crashed = { left: disk.crash(), least: acknowledged, most: written }
      return undefined
    }
    for (let i = 0; crashed === undefined; i++) {
      store.call('SET', 'n', ++written)
      store.call('RPUSH', 'list', written)
      flush(store)
      acknowledged = written
      if (i % 10 === 3) store.call('BGREWRITEAOF')
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
      if (i === 500) throw new Error('no crash in 500 rounds')
    }
    disk.fails = () => undefined
    const { left, least, most } = crashed
    const again = await open(left)
    const n = Number(again.call('GET', 'n') ?? 0)
    assert.ok(n >= least && n <= most, `run ${run}: ${n}, ${least} to ${most} were expected`)
    const items = Number(again.call('LLEN', 'list'))
    assert.ok(items === n || items === n - 1, `run ${run}: ${items} items, n is ${n}`)
    for (const one of [store, again]) await one.close({ save: false })
    opened = []
  }
})

test('a full disk: the writer hears nothing, writes are refused, reads go on; with room again all is well', async () => {
  const disk = new MemoryDisk()
  const log = new LogLines()
  const store = await open(disk, {}, log)
  const { port } = await store.listen({ port: 0 })
  const client = await RawClient.connect({ port: port! })
  await client.ok('SET', 'a', 'acknowledged')
  disk.capacityBytes = disk.usedBytes + 10
  const outcome = await client.call('SET', 'b', 'x'.repeat(100)).catch((error: Error) => error)
  assert.instance(outcome, Error)
  assert.not.instance(outcome, ErrorReply, 'the connection ends: nobody knows what became of the write')
  const next = await RawClient.connect({ port: port! })
  const refused = await next.call('SET', 'c', '1')
  assert.is((refused as ErrorReply).message, 'MISCONF Errors writing to the AOF file: No space left on device')
  assert.match(String(await next.call('PING')), 'MISCONF')
  assert.throws(() => store.set('c', '1'), /MISCONF/)
  assert.is(await next.ok('GET', 'a'), 'acknowledged')
  assert.match(String(await next.ok('INFO', 'persistence')), 'aof_last_write_status:err')
  const left = await open(disk.crash())
  assert.is(left.get('a'), 'acknowledged')
  disk.capacityBytes = Number.POSITIVE_INFINITY
  await until(async () => (await next.call('SET', 'd', '2')) === 'OK', { what: 'writes are taken again' })
  const again = await open(disk.crash())
  assert.equal([again.get('a'), again.get('d')], ['acknowledged', '2'])
  assert.is(digestOf(again), digestOf(store))
  assert.ok(log.lines.some((line) => line.startsWith('error Error writing to the AOF file: No space left on device')))
  await next.close()
})

test('a disk that hangs full for long: what waits for it is bounded, and the file is whole again afterwards', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('a', 1)
  disk.capacityBytes = disk.usedBytes
  flush(store)
  // Writes are refused by now; a primary's stream would go on.
  let most = 0
  for (let i = 0; i < 80; i++) {
    store.engine.stream.tap?.append('x'.repeat(1024 * 1024))
    most = Math.max(most, store.engine.appendOnly!.queuedBytes)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(most > 60 * 1024 * 1024 && most < 67 * 1024 * 1024, `${most} bytes waited`)
  await until(() => store.engine.appendOnly!.queuedBytes === 0, { what: 'they are let go' })
  disk.capacityBytes = Number.POSITIVE_INFINITY
  await until(() => store.engine.appendOnly!.fault === null, { what: 'all is well' })
  assert.is(digestOf(await open(disk.crash())), digestOf(store))
})

for (const appendfsync of ['always', 'everysec']) {
  test(`an fsync that fails (${appendfsync}): the file is not trusted any more, and written anew`, async () => {
    const disk = new MemoryDisk()
    const store = await open(disk, { appendfsync })
    store.set('a', 'before')
    flush(store)
    let failures = 0
    disk.fails = (act, path) => (act === 'sync' && /incr/.test(path) && failures++ === 0 ? 'EIO' : undefined)
    store.set('b', 'x')
    flush(store)
    await until(() => failures > 0, { what: 'the sync' })
    await until(
      () => store.engine.appendOnly!.fault === null && !store.engine.appendOnly!.isRewriting && failures > 0,
      {
        what: 'all is well',
      },
    )
    assert.ok(disk.names().includes(inFolder('2.base.rdb')))
    store.set('c', 'after')
    flush(store)
    await store.close({ save: false })
    const again = await open(disk.crash())
    assert.is(digestOf(again), digestOf(store))
  })
}

test('a rewrite that fails at any act leaves the old set, and the next one is whole', async () => {
  const acts: [Act, RegExp, string][] = [
    ['open', /temp-rewriteaof/, 'ENOSPC'],
    ['write', /temp-rewriteaof/, 'ENOSPC'],
    ['sync', /temp-rewriteaof/, 'EIO'],
    ['rename', /base\.rdb$/, 'EIO'],
    ['rename', /manifest$/, 'EIO'],
    ['write', /manifest$/, 'ENOSPC'],
    ['open', /2\.incr\.aof$/, 'ENOSPC'],
    ['remove', /base/, 'EIO'],
  ]
  for (const [act, path, code] of acts) {
    const disk = new MemoryDisk()
    const log = new LogLines()
    const store = await open(disk, {}, log)
    store.set('a', 1)
    flush(store)
    disk.fails = (what, where) => (what === act && path.test(where) ? code : undefined)
    await rewritten(store)
    disk.fails = () => undefined
    assert.ok(
      log.lines.some((line) => line.includes(code)),
      `${act} ${path}`,
    )
    const failed = act !== 'remove'
    assert.is(store.engine.appendOnly!.lastRewriteFailed, failed, `${act} ${path}`)
    store.set('b', 2)
    flush(store)
    for (const state of ['after the failure', 'after the next rewrite']) {
      const again = await open(disk.crash())
      assert.is(digestOf(again), digestOf(store), `${act} ${path}: ${state}`)
      await again.close({ save: false })
      await rewritten(store)
    }
    assert.is(store.engine.appendOnly!.lastRewriteFailed, false)
    await store.close({ save: false })
    opened = []
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
  await client.ok('CONFIG', 'SET', 'appendonly', 'no')
  assert.instance(await client.call('DEBUG', 'LOADAOF'), ErrorReply)
  await client.close()
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
  opened.push(primary)
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
  opened.push(replica)
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
