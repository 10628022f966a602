// A request that is refused for several reasons: which of them the client hears, beside a real server.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { ErrorReply, RawClient } from '../client.js'
import { freePort, missingPeer, startServer } from '../peers.js'
import { suite, until } from '../suite.js'

const test = suite('compat: refusals')

/** In the order in which Redis 7.0 looks for them. Each is brought about, and ended, by these requests. */
const reasons: { code: string; on: string[][]; off: string[][] }[] = [
  { code: 'OOM', on: [['CONFIG', 'SET', 'maxmemory', '1']], off: [['CONFIG', 'SET', 'maxmemory', '0']] },
  {
    code: 'MISCONF',
    on: [['CONFIG', 'SET', 'dbfilename', 'a-folder'], ['BGSAVE']],
    off: [['CONFIG', 'SET', 'dbfilename', 'dump.rdb'], ['SAVE']],
  },
  {
    code: 'NOREPLICAS',
    on: [['CONFIG', 'SET', 'min-replicas-to-write', '1']],
    off: [['CONFIG', 'SET', 'min-replicas-to-write', '0']],
  },
  { code: 'READONLY', on: [['REPLICAOF', '127.0.0.1', 'CLOSED']], off: [['REPLICAOF', 'NO', 'ONE']] },
  {
    code: 'MASTERDOWN',
    on: [['CONFIG', 'SET', 'replica-serve-stale-data', 'no']],
    off: [['CONFIG', 'SET', 'replica-serve-stale-data', 'yes']],
  },
]

const requests = [
  ['SET', 'k', 'v'],
  ['DEL', 'k'],
  ['GET', 'k'],
  ['PING'],
  ['INFO', 'server'],
  ['PUBLISH', 'c', 'm'],
  ['SUBSCRIBE', 'other'],
]

interface Node {
  client: RawClient
  subscriber: RawClient
  close(): Promise<void>
}

async function ours(dir: string): Promise<Node> {
  const store = await Store.open({ dir, config: { save: '3600 1', 'enable-protected-configs': 'yes' } })
  const { port } = await store.listen({ port: 0 })
  return connected(port!, () => store.close({ save: false }))
}

async function theirs(dir: string): Promise<Node> {
  const server = await startServer({
    family: 'redis',
    version: '7.0.15',
    dir,
    config: { save: '3600 1', 'enable-protected-configs': 'yes' },
  })
  return connected(server.port, () => server.stop())
}

async function connected(port: number, stop: () => Promise<unknown>): Promise<Node> {
  const client = await RawClient.connect({ port })
  const subscriber = await RawClient.connect({ port })
  return {
    client,
    subscriber,
    close: async () => {
      await client.close()
      await subscriber.close()
      await stop()
    },
  }
}

const told = (reply: unknown): string =>
  reply instanceof ErrorReply ? reply.message : String(reply).startsWith('# Server') ? 'INFO' : String(reply)

async function change({ client }: Node, words: string[], closed: number): Promise<void> {
  await client.ok(...words.map((word) => (word === 'CLOSED' ? String(closed) : word)))
  if (words[0] !== 'BGSAVE') return
  const failed = async (): Promise<boolean> =>
    /rdb_last_bgsave_status:err/.test(String(await client.ok('INFO', 'persistence')))
  await until(failed, { what: 'the save fails' })
}

test('whatever is the matter, each request hears the same reason as from redis-server', {
  skip: missingPeer('redis', '7.0.15'),
}, async () => {
  const dirs = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'hotspare-refusals-')))
  for (const dir of dirs) mkdirSync(join(dir, 'a-folder'))
  const nodes = [await ours(dirs[0]), await theirs(dirs[1])]
  const closed = await freePort()
  const firstOf = new Map<string, string>()
  try {
    for (const { client, subscriber } of nodes) {
      await client.ok('SET', 'kept', 'more bytes than are allowed')
      await subscriber.ok('SUBSCRIBE', 'c')
    }
    const walk = async (at: number, on: string[]): Promise<void> => {
      if (at === reasons.length) {
        for (const request of requests) {
          const [mine, real] = await Promise.all(nodes.map(async ({ client }) => told(await client.call(...request))))
          assert.is(mine, real, `${request.join(' ')} under ${on.join(', ')}`)
          if (request[0] === 'SET' && on.length > 0) firstOf.set(on.join(), real.split(' ')[0])
          if (request[0] === 'SUBSCRIBE') for (const { client } of nodes) await client.ok('UNSUBSCRIBE')
        }
        for (const request of [
          ['SET', 'k', 'v'],
          ['GET', 'k'],
        ]) {
          const replies = nodes.map(async ({ subscriber }) => told(await subscriber.call(...request)))
          const [mine, real] = await Promise.all(replies)
          assert.is(mine, real, `a subscriber: ${request.join(' ')} under ${on.join(', ')}`)
        }
        return
      }
      await walk(at + 1, on)
      const { code, on: begin, off: end } = reasons[at]
      for (const node of nodes) for (const words of begin) await change(node, words, closed)
      await walk(at + 1, [...on, code])
      for (const node of nodes) for (const words of end) await change(node, words, closed)
    }
    await walk(0, [])
    for (const [i, { code }] of reasons.slice(0, 3).entries()) {
      for (const other of reasons.slice(i + 1, 4)) {
        // A replica's replicas are not counted, and its memory is its primary's business.
        const first = code !== 'MISCONF' && other.code === 'READONLY' ? 'READONLY' : code
        assert.is(firstOf.get(`${code},${other.code}`), first)
      }
    }
  } finally {
    for (const node of nodes) await node.close()
    for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
  }
})

test.run()
