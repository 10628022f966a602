// The append-only file on a disk that is full, fails, tears writes and loses its power, and files that were damaged.

import * as assert from 'uvu/assert'
import { encodeCommand } from '../../src/protocol/parser.js'
import { Store } from '../../src/store.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import { ErrorReply, RawClient } from '../client.js'
import { randomFrom } from '../compat/load.js'
import { LogLines } from '../compat/nodes.js'
import { suite, until } from '../suite.js'
import {
  BASIC,
  closeAll,
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
import { type Act, MemoryDisk } from './memory-disk.js'

const test = suite('append-only file, faults')
test.after.each(closeAll)

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
    const isTorn = !cut.bytesOf(FIRST).equals(whole.subarray(0, bytes))
    assert.is(
      log.lines.some((line) => line.includes('short read')),
      isTorn,
    )
    again.set('z', 'goes on')
    flush(again)
    const third = await open(cut.crash())
    assert.is(third.get('z'), 'goes on')
    await Promise.all([again.close({ save: false }), third.close({ save: false })])
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

test('a file that is torn again, in the first line behind a tail that was cut off, loads', async () => {
  const disk = new MemoryDisk()
  const store = await open(disk)
  store.set('a', 1)
  store.set('b', 2)
  flush(store)
  const torn = disk.crash()
  torn.put(FIRST, disk.bytesOf(FIRST).subarray(0, -3))
  const again = await open(torn)
  const { length } = torn.bytesOf(FIRST)
  again.set('c', 'a value that is longer than what was cut off')
  flush(again)
  const whole = torn.bytesOf(FIRST)
  assert.is(whole.indexOf('#', length), length, 'a line comes first')
  for (let end = length; end < whole.indexOf('*', length); end++) {
    const twice = torn.crash()
    twice.put(FIRST, whole.subarray(0, end))
    assert.equal([...(await open(twice)).keys()], ['a'], `${end}`)
  }
})

test("a replica's file that is torn again behind a tail that was cut off says where it stands", async () => {
  const network = new MemoryNetwork()
  const primary = keep(new Store({ config: BASIC }))
  await primary.listen(network.at('primary'))
  const follow = async (replica: Store): Promise<void> => {
    await replica.replicaOf(network.at('primary'))
    await until(() => !replica.engine.appendOnly!.isRewriting, { what: 'the base is written' })
  }
  const inStep = async (replica: Store): Promise<void> => {
    await until(() => replica.status().offset === primary.status().offset, { what: 'the two are in step' })
    flush(replica)
  }
  const disk = new MemoryDisk()
  const first = await open(disk)
  await follow(first)
  primary.set('a', 1)
  await inStep(first)
  const { offset } = primary.status()
  primary.set('b', 'what is cut off is longer than a SELECT')
  await inStep(first)
  const path = disk.names().find((name) => name.endsWith('.incr.aof'))!
  const torn = disk.crash()
  torn.put(path, disk.bytesOf(path).subarray(0, -3))
  await first.close({ save: false })
  const second = await open(torn)
  const { length } = torn.bytesOf(path)
  await follow(second)
  await inStep(second)
  const whole = Buffer.from(torn.bytesOf(path))
  assert.is(second.get('b'), first.get('b'))
  for (let end = length; end < whole.length; end++) {
    const twice = torn.crash()
    twice.put(path, whole.subarray(0, end))
    const again = await open(twice)
    assert.equal([again.status().offset, again.has('b')], [offset, false], `${end} of ${whole.length}`)
    await again.close({ save: false })
  }
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
  }
})

test.run()
