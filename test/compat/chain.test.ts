// Stores and real servers in one chain, in any order: what arrives at its end is, byte for byte, what left at its start.

import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { fill, Load, writeSome } from './load.js'
import { families, follow, inStep, type Node, running, StoreNode, startReal } from './nodes.js'
import { tap } from './tap.js'

const test = suite('compat: chain')

const roomy = { 'repl-backlog-size': '64mb' }
const options = { limitMs: 60_000 }

/** Follows one after the other. The last one comes in the middle of a stream that stands in another database. */
async function chain(nodes: readonly Node[]): Promise<void> {
  const [first, middle, last] = nodes
  await fill(first, 1000)
  await follow(middle, first.port)
  await using client = await first.connect()
  await client.ok('SELECT', 9)
  await client.ok('SET', 'before', 'the last one came')
  await inStep([first, middle])
  await follow(last, middle.port)
  // No SELECT stands before this one.
  await client.ok('SET', 'after', 'the last one came')
  await inStep(nodes)
}

/** The chain stands: writes at its start, and compares what each node hands on. */
async function compareStreams(nodes: readonly Node[]): Promise<void> {
  const from = await inStep(nodes)
  const taps = await Promise.all(nodes.map((node) => tap(node, from.replid, from.offset)))
  try {
    await writeSome(nodes[0], 5000)
    const to = await inStep(nodes)
    const count = to.offset - from.offset
    assert.ok(count > 100_000, `${count} bytes of stream`)
    const [first, ...others] = await Promise.all(taps.map((one) => one.read(count)))
    for (const other of others) assert.is(firstDifference(first, other), undefined)
    assert.is(to.replid, from.replid)
  } finally {
    for (const one of taps) await one.close()
  }
}

function firstDifference(one: Buffer, other: Buffer): string | undefined {
  if (one.equals(other)) return undefined
  const at = one.findIndex((byte, i) => byte !== other[i])
  const around = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1', Math.max(0, at - 40), at + 40))
  return `at ${at}: ${around(one)} and ${around(other)}`
}

/** Replicas of replicas: the middle one starts over, and so does who hangs on it. */
async function middleStartsOver(nodes: readonly Node[]): Promise<void> {
  const [first, middle, last] = nodes
  await follow(last, middle.port)
  await writeSome(middle, 200)
  await inStep([middle, last])
  await fill(first, 1000)
  const load = await Load.start(first)
  try {
    await follow(middle, first.port)
  } finally {
    await load.stop()
  }
  await inStep(nodes)
}

for (const { name, skip, ...which } of families) {
  test(`${name} -> Store -> ${name}`, { skip, ...options }, () =>
    running(async (start) => {
      const first = await start(startReal(which, roomy))
      const middle = await start(StoreNode.start(roomy))
      const last = await start(startReal(which, roomy))
      await chain([first, middle, last])
      await compareStreams([first, middle, last])
    }),
  )

  test(`a Store with ${name} behind it starts to follow ${name}`, { skip, ...options }, () =>
    running(async (start) => {
      const first = await start(startReal(which, roomy))
      const middle = await start(StoreNode.start(roomy))
      const last = await start(startReal(which, roomy))
      await middleStartsOver([first, middle, last])
    }),
  )

  test(`${name} with a Store behind it starts to follow a Store`, { skip, ...options }, () =>
    running(async (start) => {
      const first = await start(StoreNode.start(roomy))
      const middle = await start(startReal(which, roomy))
      const last = await start(StoreNode.start(roomy))
      await middleStartsOver([first, middle, last])
    }),
  )

  test(`Store -> ${name} -> Store`, { skip, ...options }, () =>
    running(async (start) => {
      const first = await start(StoreNode.start(roomy))
      const middle = await start(startReal(which, roomy))
      const last = await start(StoreNode.start(roomy))
      await chain([first, middle, last])
      await compareStreams([first, middle, last])
    }),
  )
}

test('Store -> Store -> Store', options, () =>
  running(async (start) => {
    const nodes = [await start(StoreNode.start(roomy)), await start(StoreNode.start(roomy))]
    nodes.push(await start(StoreNode.start(roomy)))
    await chain(nodes)
    await compareStreams(nodes)
  }),
)

test.run()
