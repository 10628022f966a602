// Every example runs to its end and finds that what it checks holds. Those about availability have a file of their own.

import * as assert from 'uvu/assert'
import { assertAllRan, build, examplesIn, run } from './examples.js'
import { missingPeer, peer, startServer } from './peers.js'
import { suite } from './suite.js'

const test = suite('examples')

const noRedis = missingPeer('redis', '7.0.15')

test.before(build)

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

test('follow-redis.ts', { skip: noRedis }, async () => {
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

test('sentinel.ts: a writer survives the primary', { skip: noRedis, limitMs: 90_000 }, async () => {
  const output = await run('sentinel.ts', peer('redis', '7.0.15')!.sentinel)
  assert.match(output, /Every step held\./)
  assert.match(output, /node [23] is a primary/)
})

test('each of them is run here, and says how a person runs it', () => {
  assertAllRan(
    examplesIn('.'),
    ['sentinel-node.ts', 'takeover-primary.ts', 'workers-thread.mjs'],
    noRedis === undefined ? [] : ['follow-redis.ts', 'sentinel.ts'],
  )
})

test.run()
