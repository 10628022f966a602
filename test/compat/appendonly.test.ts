// One folder of append-only files, served in turn by a Store and by a real server: each loads what the other wrote, goes on in
// it, and leaves it for the other. The server's own program for checking such files finds nothing wrong with ours.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { datasetDigest } from '../../src/commands/digest.js'
import { Store } from '../../src/store.js'
import { type Argument, RawClient } from '../client.js'
import { missingPeer, peer, runPeer, startServer, versions } from '../peers.js'
import type { Directives } from '../persistence/append-only-scene.js'
import { suite, until } from '../suite.js'

const test = suite('compat: append-only file')

const LATER = 4102444800000

/** Writes of every kind, for keys of this round; some of them change what an earlier round wrote. */
function writes(round: number): Argument[][] {
  const key = (name: string): string => `${name}:${round % 3}`
  return [
    ['SELECT', round % 2 === 0 ? 0 : 9],
    ['SET', key('string'), `value ${round} é`],
    ['SET', key('bytes'), Buffer.of(0, 255, 13, 10, round)],
    ['SET', key('timed'), 'x', 'PXAT', LATER + round],
    ['INCRBYFLOAT', key('float'), '0.1'],
    ['APPEND', key('string'), '!'.repeat(200)],
    ['SETBIT', key('bits'), 100 + round, 1],
    ['PFADD', key('hll'), 'a', `b${round}`],
    ['RPUSH', key('list'), 'a', 'b', 'c'],
    ['LPOP', key('list')],
    ['HSET', key('hash'), 'f', round, 'g', 'x'.repeat(100)],
    ['SADD', key('set'), '1', '2', `m${round}`],
    ['SPOP', key('set')],
    ['ZADD', key('zset'), round, 'm', 1.5, 'n'],
    ['GEOADD', key('geo'), '13.36', '38.11', 'Palermo'],
    ['XADD', key('stream'), `${round + 1}-*`, 'f', 'v'],
    ['MULTI'],
    ['SET', key('tx'), round],
    ['SELECT', 5],
    ['SET', key('tx'), round],
    ['EXEC'],
    ['SWAPDB', 5, 6],
    ['COPY', key('string'), key('copy'), 'REPLACE'],
    ['DEL', `string:${(round + 1) % 3}`],
  ]
}

interface Served {
  run(argv: Argument[]): Promise<unknown>
  digest(): Promise<string>
  rewrite(): Promise<void>
  /** No goodbye where it says so. */
  stop(): Promise<void>
}

async function serveOurs(dir: string, config: Directives = {}): Promise<Served> {
  const store = await Store.open({ dir, config: { appendonly: 'yes', appendfsync: 'always', save: '', ...config } })
  const { port } = await store.listen({ port: 0 })
  const client = await RawClient.connect({ port: port! })
  return {
    run: (argv) => client.ok(...argv),
    digest: async () => datasetDigest(store.engine.env, store.engine.dataset),
    rewrite: async () => {
      await client.ok('BGREWRITEAOF')
      await until(() => !store.engine.appendOnly!.isRewriting, { what: 'the rewrite is over' })
    },
    stop: async () => {
      await client.close()
      await store.close({ save: false })
    },
  }
}

async function serveTheirs(
  family: 'redis' | 'valkey',
  version: string,
  dir: string,
  config: Directives = {},
): Promise<Served & { log(): string }> {
  const basic = { appendonly: 'yes', appendfsync: 'always', 'aof-timestamp-enabled': 'yes' }
  const server = await startServer({ family, version, dir, config: { ...basic, ...config } })
  const client = await server.connect()
  return {
    run: (argv) => client.ok(...argv),
    digest: () => server.digest(),
    rewrite: async () => {
      await client.ok('BGREWRITEAOF')
      const over = async (): Promise<boolean> => {
        const info = await server.info('persistence')
        return info.aof_rewrite_in_progress === '0' && info.aof_rewrite_scheduled === '0'
      }
      await until(over, { what: 'the rewrite is over' })
    },
    stop: async () => {
      await client.close()
      await server.stop()
    },
    log: () => server.log(),
  }
}

for (const [family, version] of versions) {
  const skip = missingPeer(family, version)
  test(`${family} ${version} and a Store take turns on one folder`, { skip, limitMs: 60_000 }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-aof-'))
    const manifest = join(dir, 'appendonlydir', 'appendonly.aof.manifest')
    try {
      let digest: string | undefined
      for (let round = 0; round < 6; round++) {
        const served = round % 2 === 0 ? await serveOurs(dir) : await serveTheirs(family, version, dir)
        if (digest !== undefined) assert.is(await served.digest(), digest, `round ${round}`)
        for (const argv of writes(round)) await served.run(argv)
        // The other one goes on in an increment, or finds a base that is new.
        if (round >= 2) await served.rewrite()
        for (const argv of writes(round + 1)) await served.run(argv)
        digest = await served.digest()
        await served.stop()
        // The program of Valkey 9.1.2 takes no base that its own server wrote: ours are all from a Store.
        if (round % 2 === 1) continue
        const said = await runPeer(peer(family, version)!.checkAof, [manifest])
        assert.match(said, 'All AOF files and manifest are valid')
      }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  test(`a tail that is torn: ${family} ${version} and a Store keep the same of it`, {
    skip,
    limitMs: 60_000,
  }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-aof-'))
    const folder = join(dir, 'appendonlydir')
    const last = join(folder, 'appendonly.aof.1.incr.aof')
    try {
      const ours = await serveOurs(dir)
      for (const argv of writes(0)) await ours.run(argv)
      await ours.stop()
      const whole = readFileSync(last)
      const transaction = whole.indexOf('EXEC') - 5
      for (const length of [whole.length - 1, transaction, whole.indexOf('GEOADD') + 3]) {
        writeFileSync(last, whole.subarray(0, length))
        const store = await serveOurs(dir)
        const digest = await store.digest()
        await store.stop()
        const cut = readFileSync(last)
        assert.not(cut.equals(whole.subarray(0, length)), 'it was cut off')
        for (const bytes of [cut, whole.subarray(0, length)]) {
          writeFileSync(last, bytes)
          const server = await serveTheirs(family, version, dir)
          assert.is(await server.digest(), digest, `${bytes.length} of ${whole.length} bytes`)
          await server.stop()
        }
      }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

/** What has commands of its own in a base: groups with pending entries, libraries, and more elements than one command names. */
const specialties: Argument[][] = [
  ['FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)"],
  ['RPUSH', 'long', ...Array.from({ length: 200 }, (_, i) => `item ${i}`)],
  ['SADD', 'members', ...Array.from({ length: 200 }, (_, i) => `member ${i}`)],
  ['HSET', 'fields', ...Array.from({ length: 400 }, (_, i) => `word ${i}`)],
  ['ZADD', 'scores', ...Array.from({ length: 200 }, (_, i) => [i / 7, `m${i}`]).flat(), 'inf', 'top', '-inf', 'bottom'],
  ['SET', 'large', 'x'.repeat(2_000_000)],
  ['SET', 'empty', ''],
  ['PEXPIREAT', 'scores', LATER],
  ...Array.from({ length: 150 }, (_, i): Argument[] => ['XADD', 'log', `${i + 1}-1`, 'n', i, 'é', Buffer.of(0, 255)]),
  ['XDEL', 'log', '7-1', '150-1'],
  ['XTRIM', 'log', 'MAXLEN', 140],
  ['XGROUP', 'CREATE', 'log', 'readers', '20-1'],
  ['XREADGROUP', 'GROUP', 'readers', 'one', 'COUNT', 5, 'STREAMS', 'log', '>'],
  ['XREADGROUP', 'GROUP', 'readers', 'two', 'COUNT', 90, 'STREAMS', 'log', '>'],
  ['XACK', 'log', 'readers', '22-1'],
  ['XGROUP', 'CREATECONSUMER', 'log', 'readers', 'idle'],
  ['XGROUP', 'CREATE', 'log', 'unread', '$'],
  ['XADD', 'gone', '5-5', 'f', 'v'],
  ['XDEL', 'gone', '5-5'],
  ['XGROUP', 'CREATE', 'never', 'g', '$', 'MKSTREAM'],
]

test('a base of commands (aof-use-rdb-preamble no): 7.0.15 and a Store load what the other wrote', {
  skip: missingPeer('redis', '7.0.15'),
  limitMs: 60_000,
}, async () => {
  const shown: Argument[][] = [
    ['FUNCTION', 'LIST', 'WITHCODE'],
    ['XINFO', 'STREAM', 'log'],
    ['XINFO', 'GROUPS', 'log'],
    ['XPENDING', 'log', 'readers', '-', '+', 200],
    ['XINFO', 'STREAM', 'gone'],
    ['XINFO', 'GROUPS', 'never'],
    ['PEXPIRETIME', 'scores'],
  ]
  // How the entries lie in nodes, and how long they wait.
  const words = ['radix-tree-keys', 'radix-tree-nodes']
  const steady = (reply: unknown): string =>
    JSON.stringify(reply, (_, value: unknown) => {
      if (!Array.isArray(value)) return Buffer.isBuffer(value) ? value.toString('latin1') : value
      if (value.length === 4 && /^\d+-\d+$/.test(String(value[0]))) return [value[0], value[1], value[3]]
      return value.filter((_, i) => !words.includes(String(value[i])) && !words.includes(String(value[i - 1])))
    })
  const config: Directives = { 'aof-use-rdb-preamble': 'no' }
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-aof-'))
  const folder = join(dir, 'appendonlydir')
  try {
    let was: { digest: string; shown: string[] } | undefined
    for (let round = 0; round < 4; round++) {
      // Only a real server takes a library from a client.
      const served = round % 2 === 1 ? await serveOurs(dir, config) : await serveTheirs('redis', '7.0.15', dir, config)
      const look = async (): Promise<{ digest: string; shown: string[] }> => {
        const replies: string[] = []
        for (const argv of shown) replies.push(steady(await served.run(argv)))
        return { digest: await served.digest(), shown: replies }
      }
      if (was === undefined) for (const argv of [...writes(0), ['SELECT', 0], ...specialties]) await served.run(argv)
      else {
        await served.run(['SELECT', 0])
        assert.equal(await look(), was, `round ${round}`)
      }
      await served.rewrite()
      const [base] = readdirSync(folder).filter((name) => name.includes('.base.'))
      assert.match(base, /\.base\.aof$/)
      was = await look()
      await served.stop()
      const said = await runPeer(peer('redis', '7.0.15')!.checkAof, [join(folder, 'appendonly.aof.manifest')])
      assert.match(said, 'All AOF files and manifest are valid')
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('a folder that a server of Redis 6 kept in one file', { skip: missingPeer('redis', '7.0.15') }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-aof-'))
  try {
    const server = await serveTheirs('redis', '7.0.15', dir)
    for (const argv of writes(0)) await server.run(argv)
    const digest = await server.digest()
    await server.stop()
    // What Redis 6 had in one file: a snapshot as its first part, and commands behind it.
    const folder = join(dir, 'appendonlydir')
    const parts = ['appendonly.aof.1.base.rdb', 'appendonly.aof.1.incr.aof'].map((name) =>
      readFileSync(join(folder, name)),
    )
    rmSync(folder, { recursive: true })
    writeFileSync(join(dir, 'appendonly.aof'), Buffer.concat(parts))
    const ours = await serveOurs(dir)
    assert.is(await ours.digest(), digest)
    await ours.run(['SET', 'more', 'x'])
    const after = await ours.digest()
    await ours.stop()
    assert.equal(readdirSync(folder).sort(), ['appendonly.aof', 'appendonly.aof.1.incr.aof', 'appendonly.aof.manifest'])
    const again = await serveTheirs('redis', '7.0.15', dir)
    assert.is(await again.digest(), after)
    await again.stop()
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test.run()
