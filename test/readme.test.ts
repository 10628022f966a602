// What the README says about transports of one's own: the code that stands there keeps the contract, and stores use it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { Store, type Transport } from '../src/index.js'
import { freePort } from './peers.js'
import { suite, until } from './suite.js'
import { testContract } from './transports/contract.js'

const test = suite('README')

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const blocks = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code)
const dir = mkdtempSync(join(tmpdir(), 'hotspare-readme-'))

/** The code in which `mark` stands, as a module; the package's name stands for the sources. */
async function moduleWith(mark: string): Promise<unknown> {
  const code = blocks.find((block) => block.includes(mark))
  assert.ok(code, `no code with ${mark}`)
  const file = join(dir, 'block.ts')
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
  writeFileSync(file, code!.replaceAll("'hotspare'", JSON.stringify(new URL('../src/index.ts', import.meta.url).href)))
  return import(pathToFileURL(file).href)
}

const { sockets } = (await moduleWith('class StreamLink')) as { sockets: (port: number) => Transport }

test.after(() => rmSync(dir, { recursive: true, force: true }))

testContract(test, 'a transport of your own', async () => {
  const port = await freePort()
  return {
    server: sockets(port),
    client: () => sockets(port),
    nowhere: async () => sockets(await freePort()),
    sameAddress: () => sockets(port),
    close: async () => {},
  }
})

test('stores follow one another over it', async () => {
  const port = await freePort()
  const primary = new Store<string>()
  const spare = new Store<string>()
  primary.set('k', 'v')
  await primary.listen({ port: 0, password: 'swordfish' })
  await primary.listen(sockets(port))
  spare.call('CONFIG', 'SET', 'masterauth', 'swordfish')
  await spare.replicaOf(sockets(port))
  assert.is(spare.get('k'), 'v')
  primary.set('k', 'w')
  await until(() => spare.get('k') === 'w', { what: 'the change arrives' })
  await Promise.all([spare.close(), primary.close()])
})

test.run()
