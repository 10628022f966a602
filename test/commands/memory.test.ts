// MEMORY: what is refused, and the same fields as a real server's; the figures are our own estimates.

import * as assert from 'uvu/assert'
import type { RawClient, Reply } from '../client.js'
import { suite } from '../suite.js'
import { skip, startBoth, type World } from './both.js'

const test = suite('memory')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

test('what is refused, and what has nothing to tell', { skip }, async () => {
  await using both = await world.connect()
  await both.same([
    ...['FLUSHALL', 'MEMORY', 'MEMORY foo', 'MEMORY USAGE', 'MEMORY USAGE nothing', 'MEMORY USAGE a SAMPLES'],
    ...['MEMORY USAGE a SAMPLES x', 'MEMORY USAGE a SAMPLES -1', 'MEMORY USAGE a FOO 1', 'MEMORY USAGE a SAMPLES 3'],
    ...['MEMORY PURGE', 'MEMORY PURGE x', 'MEMORY DOCTOR x', 'MEMORY STATS x', 'MEMORY MALLOC-STATS x'],
  ])
})

test('USAGE grows with what a key holds, of whatever type', { skip }, async () => {
  await using both = await world.connect()
  const { ours } = both
  const usage = async (key: string): Promise<number> => Number(await ours.ok('MEMORY', 'USAGE', key))
  const more: [key: string, ...command: (string | number)[]][] = [
    ['string', 'APPEND', 'string', 'x'.repeat(1000)],
    ['list', 'RPUSH', 'list', 'x'.repeat(1000)],
    ['hash', 'HSET', 'hash', 'f', 'x'.repeat(1000)],
    ['set', 'SADD', 'set', 'x'.repeat(1000)],
    ['zset', 'ZADD', 'zset', 1, 'x'.repeat(1000)],
    ['stream', 'XADD', 'stream', '*', 'f', 'x'.repeat(1000)],
  ]
  await ours.ok('SET', 'string', 'a')
  await ours.ok('RPUSH', 'list', 'a')
  await ours.ok('HSET', 'hash', 'a', 'b')
  await ours.ok('SADD', 'set', 'a')
  await ours.ok('ZADD', 'zset', 1, 'a')
  await ours.ok('XADD', 'stream', '*', 'a', 'b')
  for (const [key, ...command] of more) {
    const before = await usage(key)
    await ours.ok(...command)
    const grown = (await usage(key)) - before
    assert.ok(grown >= 1000 && grown < 1500, `${key} grew by ${grown}`)
  }
})

async function fields(client: RawClient): Promise<string[]> {
  const stats = (await client.ok('MEMORY', 'STATS')) as Reply[]
  return stats.filter((_, i) => i % 2 === 0).map(String)
}

test('STATS has the fields of Redis 7.0, in their order', { skip }, async () => {
  await using both = await world.connect()
  await both.same(['FLUSHALL', 'SET a 1', 'SELECT 3', 'SET b 1'])
  assert.equal(await fields(both.ours), await fields(both.real))
})

test('DOCTOR speaks in words', { skip }, async () => {
  await using both = await world.connect()
  await both.same(['FLUSHALL'])
  assert.match(String(await both.ours.ok('MEMORY', 'DOCTOR')), /no data/)
  await both.same(['SET a 1'])
  assert.match(String(await both.ours.ok('MEMORY', 'DOCTOR')), /issues/)
})

test.run()
