// Real servers as tests get them: they start, answer, stop, pause, and die with the process that started them.

import { spawn } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { digest, missingPeer, peer, startServer, versions } from './peers.js'
import { deadline, isAlive, suite, until } from './suite.js'

const test = suite('peers')

for (const [family, version] of versions) {
  const skip = missingPeer(family, version)

  test(`${family} ${version} starts, answers and stops`, { skip }, async () => {
    const server = await startServer({ family, version, config: { maxmemory: '100mb' } })
    assert.is(await server.call('SET', 'k', Buffer.of(0xff)), 'OK')
    assert.is(await server.cli('STRLEN', 'k'), '1\n')
    assert.is((await server.info('keyspace')).db0.startsWith('keys=1,'), true)
    assert.match(await digest(server.port), /^[0-9a-f]{40}$/)
    assert.equal(await server.call('CONFIG', 'GET', 'maxmemory'), ['maxmemory', String(100 * 1024 * 1024)])
    assert.match(String(await server.call('NO').catch((e: Error) => e)), /ERR unknown command/)
    await server.stop()
    assert.not(existsSync(server.dir))
    assert.not(isAlive(server.pid))
  })

  test(`${family} ${version} speaks RESP3`, { skip }, async () => {
    await using server = await startServer({ family, version })
    const client = await server.connect({ protocol: 3 })
    await client.ok('HSET', 'h', 'f', 'v')
    assert.equal(await client.call('HGETALL', 'h'), new Map([['f', 'v']]))
    assert.equal(await client.call('DEBUG', 'PROTOCOL', 'BIGNUM'), 1234567999999999999999999999999999999n)
    await client.close()
  })
}

const [family, version] = versions[0]
const skip = missingPeer(family, version)

test('paused it is silent, resumed it answers', { skip }, async () => {
  await using server = await startServer({ family, version })
  const client = await server.connect({ timeoutMs: 60_000 })
  server.pause()
  const reply = client.call('PING')
  assert.match(String(await deadline(reply, 50, 'pong').catch((e: Error) => e)), /not within/)
  server.resume()
  assert.is(await reply, 'PONG')
})

test('a password, and a server that comes back with its data', { skip }, async () => {
  const first = await startServer({ family, version, config: { requirepass: 'secret' } })
  await first.call('SET', 'k', 'v')
  assert.is(await first.cli('GET', 'k'), 'v\n')
  await first.call('SAVE')
  const { port } = first
  const dir = `${first.dir}-kept`
  cpSync(first.dir, dir, { recursive: true })
  await first.kill()
  const second = await startServer({ family, version, port, dir })
  assert.is(await second.call('GET', 'k'), 'v')
  await second.stop()
  assert.ok(existsSync(dir))
  rmSync(dir, { recursive: true })
})

test('a replica of it, and a Sentinel', { skip }, async () => {
  await using primary = await startServer({ family, version })
  await using replica = await startServer({ family, version, config: { replicaof: `127.0.0.1 ${primary.port}` } })
  await until(async () => (await replica.info('replication')).master_link_status === 'up', { what: 'link up' })
  const config = { sentinel: [`monitor m 127.0.0.1 ${primary.port} 1`] }
  await using sentinel = await startServer({ family, version, mode: 'sentinel', config })
  assert.equal(await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'm'), ['127.0.0.1', String(primary.port)])
})

test('a server that cannot start says why', { skip }, async () => {
  const error = await startServer({ family, version, config: { nonsense: 'yes' } }).catch((e: Error) => e)
  assert.match(String(error), /did not start[\s\S]*nonsense/)
})

for (const end of ['process.exit(0)', 'throw new Error("uncaught")', 'process.kill(process.pid, "SIGTERM")']) {
  test(`its server dies with a process that ends by ${end}`, { skip }, async () => {
    const peers = fileURLToPath(new URL('./peers.ts', import.meta.url))
    const program = `
      const { startServer } = await import(${JSON.stringify(peers)})
      const server = await startServer(${JSON.stringify({ family, version })})
      process.stdout.write(server.pid + ' ' + server.dir)
      setTimeout(() => { ${end} }, 1)
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    await deadline(new Promise((resolve) => child.once('exit', resolve)), 20_000, 'its end')
    const [pid, dir] = said.split(' ')
    assert.ok(Number(pid) > 0)
    await until(() => !isAlive(Number(pid)), { what: 'the server to be gone' })
    assert.not(existsSync(dir))
  })
}

test('a version that nobody has', () => {
  assert.is(peer('redis', '1.0.0'), undefined)
})

test.run()
