// The end of a primary: its replicas get every byte before their links close, and nobody is waited for for ever.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { MemoryNetwork, Store } from '../../src/index.js'
import { RawClient } from '../client.js'
import { suite, until } from '../suite.js'

const test = suite('farewell')
const config = { 'repl-ping-replica-period': '600' }

test('close: a replica that lags gets everything first; nothing is written any more meanwhile', async () => {
  const network = new MemoryNetwork({ seed: 3 })
  const node = (name: string): Store => new Store({ env: network.env(name), config })
  const [primary, spare] = [node('primary'), node('spare')]
  await primary.listen(network.at('primary'))
  spare.replicaOf(network.at('primary')).catch(() => {})
  await network.advance(2000)
  for (let i = 0; i < 1000; i++) primary.set(`k${i}`, 'v'.repeat(100))
  const closed = primary.close({ drainMs: 5000 })
  assert.throws(() => primary.set('late', 1), /the store is closed/)
  assert.is(spare.size, 0)
  await network.until(closed)
  assert.is(spare.size, 1000)
  await spare.close()
})

test('close: a process in which nothing else is left stays until its replicas have everything', () => {
  const code = `
    import { MemoryNetwork, Store } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    const network = new MemoryNetwork()
    const [primary, spare] = [new Store(), new Store()]
    await primary.listen(network.at('primary'))
    await spare.replicaOf(network.at('primary'))
    for (let i = 0; i < 100_000; i++) primary.set('k' + i, 'v'.repeat(100))
    await Promise.all([primary.close(), spare.close()])
    console.log('closed')
  `
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const args = ['--import', 'tsx', '--input-type=module', '-e', code]
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 20_000 })
  assert.is(stdout, 'closed\n')
  assert.is(status, 0)
})

test('close: one that does not answer is not waited for longer than drainMs', async () => {
  const network = new MemoryNetwork({ seed: 4 })
  const lines: string[] = []
  const info = (line: string): void => void lines.push(line)
  const log = { debug() {}, info, warn: info, error: info }
  const primary = new Store({ env: network.env('primary', { log }), config })
  const spare = new Store({ env: network.env('spare'), config })
  await primary.listen(network.at('primary'))
  spare.replicaOf(network.at('primary')).catch(() => {})
  await network.advance(2000)
  network.freeze('spare')
  primary.set('a', 1)
  const closed = primary.close({ drainMs: 3000 })
  let isClosed = false
  void closed.then(() => {
    isClosed = true
  })
  await network.advance(2900)
  assert.is(isClosed, false)
  await network.until(closed)
  assert.ok(lines.includes('Waiting for replicas before shutting down.'))
  assert.ok(
    lines.some((line) => /^Lagging replica .* reported offset \d+ behind master, lag=\d, state=online\.$/.test(line)),
  )
  assert.ok(lines.includes('0 of 1 replicas are in sync when shutting down.'), lines.join('\n'))
  network.thaw('spare')
  await spare.close()
})

test('over TCP, close comes back when the replica has everything, and the port is free', async () => {
  const primary = new Store({ config })
  const { port } = await primary.listen({ port: 0 })
  const spare = new Store({ config })
  await spare.replicaOf(`redis://127.0.0.1:${port}`)
  for (let i = 0; i < 20_000; i++) primary.set(`k${i}`, 'v'.repeat(200))
  await primary.close()
  assert.is(spare.size, 20_000)
  const next = new Store()
  await next.listen({ port })
  await Promise.all([next.close(), spare.close()])
})

test('SHUTDOWN waits for replicas that lag, ABORT ends that, and writes that waited go on', async () => {
  const primary = new Store({ config })
  const { port } = await primary.listen({ port: 0 })
  // A replica that never acknowledges.
  const replica = await RawClient.connect({ port: port! })
  replica.send('PSYNC ? -1\r\n')
  await replica.readUntil('\r\n')
  await until(() => primary.engine.replicas()[0]?.state === 'online', { what: 'the replica is fed' })
  const { farewell } = primary.engine
  let outcome: boolean | undefined
  farewell.onShutdown = () => {
    void farewell.wait(60_000).then((isReady) => {
      outcome = isReady
    })
  }
  await using client = await RawClient.connect({ port: port! })
  await using other = await RawClient.connect({ port: port! })
  await client.ok('SET', 'a', '1')
  client.send('SHUTDOWN\r\n')
  await until(() => farewell.isUnderWay, { what: 'the shutdown is under way' })
  other.send('SET a 2\r\n')
  await using third = await RawClient.connect({ port: port! })
  assert.is(await third.call('GET', 'a'), '1')
  assert.is(await third.call('SHUTDOWN', 'ABORT'), 'OK')
  await until(() => outcome === false, { what: 'it was given up' })
  await until(async () => (await third.call('GET', 'a')) === '2', { what: 'the write that waited is done' })
  assert.match(String(await third.call('SHUTDOWN', 'ABORT')), /No shutdown in progress\.$/)
  await replica.close()
  await primary.close()
})

test.run()
