// Every example runs to its end and finds that what it checks holds. They import the package by its name, and so run what
// was built: a build that is older than the sources is made anew first.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { missingPeer, peer, startServer } from './peers.js'
import { suite } from './suite.js'

const test = suite('examples')

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'examples')

/** Started by others, not by a person. */
const parts = ['sentinel-node.ts', 'takeover-primary.ts', 'workers-thread.mjs']
const ran = new Set<string>(parts)

async function run(name: string, ...args: string[]): Promise<string> {
  ran.add(name)
  const command = ['--import', 'tsx', join(folder, name), ...args]
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  process.once('exit', () => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.is(code, 0, output)
  return output
}

test.before(() => {
  const built = join(root, 'dist', 'index.js')
  const changedMs = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => statSync(join(root, 'src', path)).mtimeMs)
  if (existsSync(built) && statSync(built).mtimeMs > Math.max(...changedMs)) return
  execFileSync(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: root,
      stdio: 'pipe',
    },
  )
})

test('collections.ts', async () => {
  assert.match(await run('collections.ts'), /the spare holds the same/)
})

test('basic.ts', async () => {
  assert.match(await run('basic.ts'), /set s:1/)
})

test('unit-test.ts', async () => {
  assert.match(await run('unit-test.ts'), /all assertions held/)
})

test('workers.ts: every worker hears of the change', async () => {
  const output = await run('workers.ts')
  assert.is(output.match(/10000 flags, flag:1 is false/g)?.length, 4, output)
  assert.is(output.match(/flag:1 is true now/g)?.length, 4, output)
})

test('takeover.ts, the demo', { limitMs: 60_000 }, async () => {
  const output = await run('takeover.ts')
  assert.match(output, /Every step held\./)
  assert.match(output, /second_repl_offset:[1-9]/)
})

test('follow-redis.ts', { skip: missingPeer('redis', '7.0.15') }, async () => {
  await using server = await startServer({ family: 'redis', version: '7.0.15' })
  for (let i = 0; i < 10; i++) await server.call('SET', `k:${i}`, `v${i}`)
  const following = run('follow-redis.ts', `redis://127.0.0.1:${server.port}`, '2')
  const change = setInterval(() => void server.call('SET', 'fresh', 'news'), 200)
  try {
    const output = await following
    assert.match(output, /10 keys|11 keys/)
    assert.match(output, /k:\d: v\d/)
    assert.match(output, /set fresh: news/)
  } finally {
    clearInterval(change)
  }
})

test('sentinel.ts: a writer survives the primary', {
  skip: missingPeer('redis', '7.0.15'),
  limitMs: 90_000,
}, async () => {
  const output = await run('sentinel.ts', peer('redis', '7.0.15')!.sentinel)
  assert.match(output, /Every step held\./)
  assert.match(output, /node [23] is a primary/)
})

test('each of them is run here, and says how a person runs it', () => {
  const names = readdirSync(folder)
  assert.equal(
    names.filter((name) => !ran.has(name) && name !== 'follow-redis.ts'),
    [],
  )
  for (const name of names.filter((one) => !parts.includes(one)))
    assert.match(readFileSync(join(folder, name), 'utf8'), /^\/\/ np(?:m run|x tsx examples\/)/, name)
})

test.run()
