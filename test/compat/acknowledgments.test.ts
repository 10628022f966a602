// What replicas acknowledge, over real links: WAIT and WAITAOF with a Store on either side, and min-replicas-to-write, beside a
// redis-server in the same place.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { ErrorReply, RawClient, type Reply } from '../client.js'
import { missingPeer, startServer } from '../peers.js'
import { FaultyProxy } from '../proxy.js'
import { suite, until } from '../suite.js'
import { families, follow, inStep, type Node, running, StoreNode, startReal } from './nodes.js'

const test = suite('compat: acknowledgments')

const skip = missingPeer('redis', '7.0.15')
const redis = { family: 'redis', version: '7.0.15' } as const
const QUICK_MS = 500

for (const { name, skip, ...which } of families) {
  test(`WAIT on ${name} with a Store, and on a Store with ${name}: answered at once`, { skip }, () =>
    running(async (started) => {
      const nodes: Node[] = [await started(startReal(which)), await started(StoreNode.start())]
      for (const [primary, replica] of [nodes, [...nodes].reverse()]) {
        await primary.call('REPLICAOF', 'NO', 'ONE')
        await follow(replica, primary.port)
        await inStep([primary, replica])
        const client = await started(primary.connect())
        // A server may miss the first ACK after a full sync.
        await client.ok('SET', 'k', 'first')
        assert.is(await client.ok('WAIT', 1, 5000), 1)
        // ACKs come once a second by themselves: five in a row are not met by those.
        const began = performance.now()
        for (let i = 0; i < 5; i++) {
          await client.ok('SET', 'k', i)
          assert.is(await client.ok('WAIT', 1, 5000), 1)
        }
        assert.ok(performance.now() - began < QUICK_MS, `${performance.now() - began} ms`)
        assert.is(await client.ok('WAIT', 2, 50), 1)
        await inStep([primary, replica])
      }
    }),
  )
}

const clientOf = (port: number): Promise<RawClient> => RawClient.connect({ port, timeoutMs: 15_000 })

/** A Store with an append-only file behind a port. */
async function withFile(run: (store: Store, port: number) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-fack-'))
  const config = { appendonly: 'yes', appendfsync: 'everysec', save: '', 'repl-diskless-sync-delay': '0' }
  const store = await Store.open({ dir, config })
  try {
    const { port } = await store.listen({ port: 0 })
    await run(store, port!)
  } finally {
    await store.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

const redis8 = { family: 'redis', version: '8.6.3' } as const

test('WAITAOF on Redis 8.6 with a Store that keeps a file', { skip: missingPeer('redis', '8.6.3') }, () =>
  withFile(async (store) => {
    const primary = await startServer({ ...redis8, config: { 'repl-diskless-sync-delay': '0' } })
    try {
      await store.replicaOf(`redis://127.0.0.1:${primary.port}`)
      const client = await primary.connect()
      await client.ok('SET', 'k', 1)
      assert.equal(await client.ok('WAITAOF', 0, 1, 10_000), [0, 1])
      assert.ok(store.engine.durability.offset > 0)
      assert.equal(await client.ok('WAITAOF', 0, 2, 10), [0, 1])
      await client.close()
    } finally {
      await primary.stop()
    }
  }),
)

test(
  'WAITAOF on a Store that keeps a file, with Redis 8.6 that keeps one',
  { skip: missingPeer('redis', '8.6.3') },
  () =>
    withFile(async (store, port) => {
      const replica = await startServer({ ...redis8, config: { appendonly: 'yes', replicaof: `127.0.0.1 ${port}` } })
      try {
        await until(() => store.status().replicas[0]?.state === 'online', { what: 'the replica', timeoutMs: 20_000 })
        store.set('k', 1)
        const client = await clientOf(port)
        await client.ok('SET', 'k', 2)
        assert.equal(await client.ok('WAITAOF', 1, 1, 10_000), [1, 1])
        assert.equal(await client.ok('WAITAOF', 1, 0, 10_000), [1, 1])
        assert.equal(await client.ok('WAITAOF', 1, 2, 10), [1, 1])
        // Turned off while somebody waits.
        await client.ok('CONFIG', 'SET', 'appendfsync', 'no')
        await client.ok('SET', 'k', 3)
        const waiting = client.call('WAITAOF', 1, 0, 0)
        store.engine.config.assign('appendonly', 'no')
        const reply = await waiting
        assert.ok(reply instanceof ErrorReply || (Array.isArray(reply) && reply[0] === 1), String(reply))
        assert.match(String(await client.call('WAITAOF', 1, 0, 0)), /appendonly is disabled/)
        await client.close()
      } finally {
        await replica.stop()
      }
    }),
)

test(
  'min-replicas-to-write: as redis-server, while the replica is there, lags, and comes back',
  { skip, limitMs: 40_000 },
  () =>
    running(async (started) => {
      const said = (reply: Reply): string => (reply instanceof ErrorReply ? `-${reply.message}` : JSON.stringify(reply))
      const requests = [
        ...[
          'SET k 1',
          'GET k',
          'DEL none',
          'INCR n',
          'PUBLISH c m',
          'MULTI',
          'SET k 2',
          'GET k',
          'EXEC',
          'PFCOUNT none',
        ],
        ...['FLUSHDB', 'EXPIRE k 100', 'WAIT 0 0', 'PING', 'SELECT 1', 'SELECT 0', 'MULTI', 'GET k', 'EXEC'],
      ]
      const play = async (primary: Node): Promise<string[]> => {
        const lines: string[] = []
        const replica = await started(startReal(redis))
        const proxy = await started(FaultyProxy.to(primary.port))
        const client = await started(primary.connect())
        await client.ok('CONFIG', 'SET', 'min-replicas-to-write', 1, 'min-replicas-max-lag', 2)
        const good = async (): Promise<string> => (await primary.info('replication')).min_slaves_good_slaves
        const state = async (what: string): Promise<void> => {
          lines.push(`${what}: ${await good()} good`)
          for (const request of requests) lines.push(`${request}: ${said(await client.call(...request.split(' ')))}`)
        }
        await state('alone')
        await follow(replica, proxy.port)
        await until(async () => (await good()) === '1', { what: 'a good replica' })
        await state('with a replica')
        const began = performance.now()
        proxy.pause()
        await until(async () => (await good()) === '0', { what: 'no good replica' })
        const tookMs = performance.now() - began
        assert.ok(tookMs > 1000 && tookMs < 4500, `${tookMs} ms`)
        await state('it lags')
        proxy.heal()
        await until(async () => (await good()) === '1', { what: 'a good replica again' })
        await state('it is back')
        return lines
      }
      const [ours, real] = await Promise.all([
        play(await started(StoreNode.start())),
        play(await started(startReal(redis))),
      ])
      assert.equal(ours, real)
      assert.ok(ours.some((line) => line.includes('NOREPLICAS')))
    }),
)

test.run()
