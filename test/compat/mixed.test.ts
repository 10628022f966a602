// A real primary under a load over all types, a Store that follows it, a real replica behind that, while the links are cut
// at random: equal data and offsets at every node in the end. And the other way round: a Store as the primary of real ones.

import fc from 'fast-check'
import { type Argument, encode, type RawClient } from '../client.js'
import {
  count,
  float,
  integer,
  key,
  type Line,
  line,
  maybe,
  member,
  some,
  value,
  words,
} from '../differential/grammar.js'
import { type Family, missingPeer } from '../peers.js'
import { suite } from '../suite.js'
import { randomFrom } from './load.js'
import { follow, inStep, linkUp, type Node, running, StoreNode, startReal } from './nodes.js'

const COMMANDS = Number(process.env.HOTSPARE_COMMANDS ?? 8_000)
const SEED = Number(process.env.HOTSPARE_SEED ?? 5)
const BATCH = 250
const peers: readonly [Family, string][] = [
  ['redis', '7.0.15'],
  ['redis', '8.0.6'],
  ['redis', '8.6.3'],
  ['valkey', '8.1.1'],
  ['valkey', '9.1.2'],
]

const test = suite('compat: all types')

// Scores that every version prints alike: DEBUG DIGEST goes by the digits.
const score = fc.integer({ min: -40, max: 40 }).map((n) => String(n / 4))
const scored = fc.tuple(score, member).map((both) => both as Argument[])
const pair = fc.tuple(member, value).map((both) => both as Argument[])
const place = fc
  .tuple(words('13.36', '15.08', '-122.4'), words('38.11', '37.5', '0'), member)
  .map((all) => all as Argument[])
const soon = words('1', '5', '20', '100000')
const many = fc.integer({ min: 1, max: 200 }).map((n) => Array.from({ length: n }, (_, i) => `element ${i * n}`))

/** Each on keys of its own as a rule, so that there is something to change, and on any key now and then. */
function on(prefix: string): fc.Arbitrary<Argument> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(1, 2, 3).map((n) => `${prefix}${n}`) },
    { weight: 1, arbitrary: key },
  )
}

const lists: Line[] = [
  line('RPUSH', on('l'), some(value, 5, 1)),
  line('LPUSH', on('l'), many),
  line('LPOP', on('l'), maybe(line('', count))),
  line('LTRIM', on('l'), integer, integer),
  line('LMOVE', on('l'), on('l'), words('LEFT', 'RIGHT'), words('LEFT', 'RIGHT')),
  line('LINSERT', on('l'), 'BEFORE', value, value),
  line('LREM', on('l'), integer, value),
  line('BLPOP', on('l'), '0.001'),
  line('SORT', on('l'), 'ALPHA', 'STORE', on('l')),
]
const hashes: Line[] = [
  line('HSET', on('h'), some(pair, 4, 1)),
  line('HDEL', on('h'), some(member, 2, 1)),
  line('HINCRBY', on('h'), member, integer),
  line('HINCRBYFLOAT', on('h'), member, float),
]
const sets: Line[] = [
  line('SADD', on('s'), some(member, 5, 1)),
  line('SADD', on('s'), many),
  line('SREM', on('s'), some(member, 2, 1)),
  line('SPOP', on('s'), maybe(line('', count))),
  line('SMOVE', on('s'), on('s'), member),
  line('SUNIONSTORE', on('s'), on('s'), on('s')),
]
const sortedSets: Line[] = [
  line('ZADD', on('z'), some(scored, 4, 1)),
  line('ZADD', on('z'), 'GT', 'CH', some(scored, 3, 1)),
  line('ZINCRBY', on('z'), score, member),
  line('ZREM', on('z'), some(member, 2, 1)),
  line('ZPOPMIN', on('z'), maybe(line('', count))),
  line('BZPOPMAX', on('z'), '0.001'),
  line('ZREMRANGEBYRANK', on('z'), integer, integer),
  line('ZUNIONSTORE', on('z'), '2', on('z'), on('s')),
  line('GEOADD', on('g'), some(place, 2, 1)),
]
const streams: Line[] = [
  line('XADD', on('x'), '*', some(pair, 2, 1)),
  line('XADD', on('x'), 'MAXLEN', '~', '200', '*', some(pair, 2, 1)),
  line('XTRIM', on('x'), 'MAXLEN', '100'),
  line('XGROUP CREATE', on('x'), words('g', 'h'), words('0', '$'), 'MKSTREAM'),
  line('XREADGROUP GROUP', words('g', 'h'), words('c', 'd'), 'COUNT', '5', 'STREAMS', on('x'), '>'),
  line('XAUTOCLAIM', on('x'), words('g', 'h'), words('c', 'd'), '0', '0', 'COUNT', '3'),
  line('XGROUP DELCONSUMER', on('x'), words('g', 'h'), words('c', 'd')),
]
const others: Line[] = [
  line('SET', on('t'), value, maybe(line('PX', soon))),
  line('APPEND', on('t'), value),
  line('INCRBYFLOAT', on('n'), words('0.1', '3', '-2.5')),
  line('SETBIT', on('b'), words('0', '7', '100', '5000'), words('0', '1')),
  line('BITFIELD', on('b'), 'INCRBY', 'u8', '#3', '200'),
  line('BITOP', 'XOR', on('b'), on('b'), on('b')),
  line('PFADD', on('p'), many),
  line('PFMERGE', on('p'), on('p')),
  line('PEXPIRE', fc.oneof(on('l'), on('h'), on('z'), on('x')), soon),
  line('PERSIST', fc.oneof(on('l'), on('h'), on('z'))),
  line('RENAME', on('s'), on('s')),
  line('COPY', on('z'), on('z'), 'REPLACE'),
  line('DEL', fc.oneof(on('l'), on('h'), on('x'))),
  line('MULTI'),
  line('EXEC'),
  line('SELECT', words('0', '3')),
  line('SWAPDB', '0', '3'),
  line('PUBLISH', 'channel', value),
]
const fieldTimes: Line[] = [
  line('HPEXPIRE', on('h'), soon, 'FIELDS', '2', member, member),
  line('HPERSIST', on('h'), 'FIELDS', '1', member),
  line('HGETEX', on('h'), 'PX', soon, 'FIELDS', '1', member),
  line('HGETDEL', on('h'), 'FIELDS', '1', member),
]

function linesFor(withFieldTimes: boolean): Argument[][] {
  const groups = [lists, hashes, sets, sortedSets, streams, others, ...(withFieldTimes ? [fieldTimes] : [])]
  const anyLine = fc.oneof(...groups.map((group) => fc.oneof(...group)))
  return fc.sample(anyLine, { seed: SEED, numRuns: COMMANDS })
}

/** Sends all of it in batches. What is refused is refused. */
async function send(
  client: RawClient,
  lines: readonly Argument[][],
  between: (batch: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < lines.length; from += BATCH) {
    const batch = lines.slice(from, from + BATCH)
    client.send(Buffer.concat(batch.map((argv) => encode(...argv))))
    await client.repliesRaw(batch.length)
    await between(from / BATCH)
  }
  // A transaction may be open.
  await client.call('DISCARD')
}

/** Writes to the first of a chain, cuts links between any two at random, and waits until all are in step. */
async function torture(nodes: readonly Node[], lines: readonly Argument[][]): Promise<void> {
  const random = randomFrom(SEED)
  await using client = await nodes[0].connect()
  await send(client, lines, async () => {
    if (random() < 0.15)
      await nodes[Math.floor(random() * (nodes.length - 1))].call('CLIENT', 'KILL', 'TYPE', 'replica')
  })
  for (const node of nodes.slice(1)) await linkUp(node)
  await inStep(nodes)
}

for (const [family, version] of peers) {
  const options = { skip: missingPeer(family, version), limitMs: 60_000 }
  const which = { family, version }
  // Valkey digests a hash whose fields have times in its own way.
  const lines = linesFor(family === 'redis' && version.startsWith('8'))
  const roomy = { 'repl-backlog-size': '32mb' }

  test(`${family} ${version} -> Store -> ${family} ${version}`, options, () =>
    running(async (start) => {
      const first = await start(startReal(which, roomy))
      const middle = await start(StoreNode.start(roomy))
      const last = await start(startReal(which, roomy))
      await follow(middle, first.port)
      await follow(last, middle.port)
      await torture([first, middle, last], lines)
    }),
  )

  test(`Store -> ${family} ${version} -> Store`, options, () =>
    running(async (start) => {
      const first = await start(StoreNode.start(roomy))
      const middle = await start(startReal(which, roomy))
      const last = await start(StoreNode.start(roomy))
      await follow(middle, first.port)
      await follow(last, middle.port)
      await torture([first, middle, last], lines)
    }),
  )

  test(`all types in full syncs: ${family} ${version} -> Store -> ${family} ${version}`, options, () =>
    running(async (start) => {
      const first = await start(startReal(which, roomy))
      await using client = await first.connect()
      await send(client, lines.slice(0, 5000), async () => {})
      const middle = await start(StoreNode.start(roomy))
      await follow(middle, first.port)
      const last = await start(startReal(which, roomy))
      await follow(last, middle.port)
      await inStep([first, middle, last])
    }),
  )
}

test.run()
