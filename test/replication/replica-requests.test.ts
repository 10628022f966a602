// What a connection that became a replica's link may still ask for: nothing that is answered, since the answer would stand in
// the middle of the stream, and nothing of the keys.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { suite } from '../suite.js'

const test = suite('requests over the link of a replica')

async function ask(sync: string, ...requests: string[]): Promise<{ warnings: string[]; stream: string; size: number }> {
  const warnings: string[] = []
  const warn = (line: string): void => void warnings.push(line)
  const store = new Store({ log: { debug() {}, info() {}, warn, error: warn } })
  const { port } = await store.listen({ port: 0 })
  const replica = await RawClient.connect({ port: port! })
  replica.send(`${sync}\r\n${requests.map((line) => `${line}\r\n`).join('')}`)
  await replica.closed
  const stream = replica.drain().toString('latin1')
  const { size } = store
  await store.close()
  return { warnings, stream, size }
}

for (const sync of ['SYNC', 'PSYNC ? -1']) {
  test(`${sync}: what would be answered ends the link, and is not`, async () => {
    for (const [request, name] of [
      ['PING', 'ping'],
      ['XINFO HELP', 'xinfo|help'],
    ]) {
      const { warnings, stream } = await ask(sync, request)
      assert.is(warnings.length, 1)
      assert.match(
        warnings[0],
        new RegExp(
          `^Replica generated a reply to command '${name.replace('|', '\\|')}', disconnecting it: id=\\d+ .* flags=S`,
        ),
      )
      assert.not.match(stream, 'PONG')
    }
  })
}

test('keys are neither read nor written over it', async () => {
  for (const [request, name] of [
    ['GET a', 'get'],
    ['SET a 1', 'set'],
    ['PUBLISH a 1', 'publish'],
  ]) {
    const { warnings, stream, size } = await ask('PSYNC ? -1', 'REPLCONF ACK 0', request)
    assert.is(
      warnings[0],
      "== CRITICAL == This master is sending an error to its replica: 'ERR Replica can't interact with the keyspace' " +
        `after processing the command '${name}'`,
    )
    assert.match(warnings[1], `Replica generated a reply to command '${name}', disconnecting it: `)
    assert.not.match(stream, 'ERR')
    assert.is(size, 0)
  }
})

test('PSYNC from no number is refused, and said in the log', async () => {
  const warnings: string[] = []
  const warn = (line: string): void => void warnings.push(line)
  const store = new Store({ log: { debug() {}, info() {}, warn, error: warn } })
  const { port } = await store.listen({ port: 0 })
  await using client = await RawClient.connect({ port: port! })
  assert.match(String(await client.call('PSYNC', 'replicationid', 'x')), 'ERR value is not an integer or out of range')
  assert.match(warnings.join('\n'), /^Replica 127\.0\.0\.1:\d+ asks for synchronization but with a wrong offset$/)
  assert.is(await client.call('PING'), 'PONG')
  await client.close()
  await store.close()
})

test.run()
