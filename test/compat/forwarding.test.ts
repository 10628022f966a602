// store.primary with real servers: writes that a Store which follows one makes there, over the link's own address and
// credentials, and reads here when they are done.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { missingPeer, startServer } from '../peers.js'
import { FaultyProxy } from '../proxy.js'
import { suite } from '../suite.js'
import { families, follow, inStep, running, StoreNode, startReal } from './nodes.js'

const test = suite('compat: store.primary')

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return (error as { code: unknown }).code
  }
  return 'nothing was thrown'
}

for (const { name, skip, ...which } of families) {
  test(`${name} as the primary: what was written is here`, { skip }, () =>
    running(async (start) => {
      const real = await start(startReal(which))
      const node = await start(StoreNode.start())
      const { store } = node
      await follow(node, real.port)
      const { primary } = store

      for (let i = 0; i < 200; i++) {
        await primary.set(`k:${i}`, { i })
        assert.equal(store.get(`k:${i}`), { i })
      }
      await Promise.all(Array.from({ length: 2000 }, (_, i) => primary.set(`all:${i}`, `v${i}`, { ttl: 600_000 })))
      for (let i = 0; i < 2000; i++) assert.is(store.get(`all:${i}`), `v${i}`)
      assert.ok(store.ttl('all:1')! > 500_000)
      await primary.set('past', 'x', { ttl: -5 })
      assert.not(store.has('past'))
      assert.is(await primary.set('k:1', 'no', { ifAbsent: true }), false)
      assert.is(await primary.expire('k:1', new Date(Date.now() + 60_000)), true)
      assert.is(await primary.delete('k:2'), true)
      assert.not(store.has('k:2'))

      await real.call('SET', 'theirs', 'new')
      assert.is(await primary.get('theirs'), 'new')
      await Promise.all(Array.from({ length: 20 }, () => primary.increment('n')))
      assert.is(store.get('n'), 20)
      assert.is(
        await primary
          .db(5)
          .call('SELECT', 1)
          .catch(({ code }) => code),
        'INVALID',
      )
      await primary.db(5).set('k', 'five')
      assert.is(store.db(5).get('k'), 'five')

      assert.is(await primary.listAt('l').push('a', 'b'), 2)
      assert.equal(store.listAt('l').slice(), ['a', 'b'])
      await primary.hashAt('h').assign({ f: '1' })
      assert.equal(await primary.call('HGETALL', 'h'), new Map([['f', '1']]))
      await primary.sortedSetAt('z').set('m', 1.5)
      assert.equal(await primary.call('ZRANGE', 'z', 0, -1, 'WITHSCORES'), ['m', 1.5])
      assert.is(await primary.call('BLPOP', 'none', 0), null)
      await primary.call('SET', 'bytes', Buffer.from([0xff, 0, 0x0d]))
      assert.equal(store.get('bytes'), Buffer.from([0xff, 0, 0x0d]))
      assert.is(await codeOf(primary.call('INCR', 'h')), 'WRONGTYPE')
      await inStep([real, node])

      await real.call('CONFIG', 'SET', 'maxmemory', '1')
      assert.is(await codeOf(primary.set('k', 'v')), 'OOM')
      await real.call('CONFIG', 'SET', 'maxmemory', '0')

      // A replica of a replica: the one that it follows takes no writes.
      const last = await start(StoreNode.start())
      const middle = await start(startReal(which))
      await follow(middle, node.port)
      await follow(last, middle.port)
      assert.is(await codeOf(last.store.primary.set('k', 'v')), 'READONLY')
      await middle.call('REPLICAOF', 'NO', 'ONE')
      await last.store.ready({ maxLagMs: 5000 })
      await last.store.primary.set('k', 'of the middle').catch(async (error) => {
        // The link ended with the promotion, and comes back.
        assert.is((error as { code: string }).code, 'NO_PRIMARY')
        await follow(last, middle.port)
        await last.store.primary.set('k', 'of the middle')
      })
      assert.is(last.store.get('k'), 'of the middle')
    }),
  )
}

test('a connection that breaks in the middle of a write', { skip: missingPeer('redis', '7.0.15') }, () =>
  running(async (start) => {
    const real = await start(startReal({ family: 'redis', version: '7.0.15' }))
    const wire = await start(FaultyProxy.to(real.port))
    const node = await start(StoreNode.start())
    await follow(node, wire.port)
    await node.store.primary.set('k', '1')
    wire.pause()
    const lost = codeOf(node.store.primary.set('k', '2'))
    await new Promise((resolve) => setImmediate(resolve))
    wire.refuse()
    assert.is(await lost, 'UNCERTAIN')
    assert.is(await codeOf(node.store.primary.set('k', '3')), 'NO_PRIMARY')
    wire.heal()
    await node.store.ready({ maxLagMs: 5000 })
    await node.store.primary.set('k', '4')
    assert.is(String(await real.call('GET', 'k')), '4')
    assert.is(node.store.get('k'), '4')
  }),
)

test('over TLS, with a password', { skip: missingPeer('redis', '7.0.15') }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hotspare-tls-'))
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), ca: join(folder, 'cert.pem') }
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ${files.key} -out ${files.cert}`
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', [...words.split(' '), ...subject], { stdio: 'pipe' })
  const config = { requirepass: 'secret', 'repl-diskless-sync-delay': '0' }
  const real = await startServer({ family: 'redis', version: '7.0.15', tls: files, config })
  await using store = new Store({})
  try {
    const tls = { ca: readFileSync(files.ca, 'utf8') }
    await store.replicaOf({ port: real.port, password: 'secret', tls })
    await store.primary.set('k', { over: 'TLS' })
    assert.equal(store.get('k'), { over: 'TLS' })
    const clients = String(await real.call('CLIENT', 'LIST', 'TYPE', 'normal'))
    assert.match(clients, /resp=3/)
  } finally {
    await real.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
