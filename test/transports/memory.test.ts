// The memory network in real time: the contract, names and options. Its virtual clock and faults are in sim.test.ts.

import * as assert from 'uvu/assert'
import type { Link } from '../../src/link.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import { MemoryLink, type Wire } from '../../src/transports/memory-link.js'
import { suite } from '../suite.js'
import { Host, pair, testContract, type World } from './contract.js'

const test = suite('memory network')

function worldOf(net: MemoryNetwork, close: () => Promise<void> = async () => {}): World {
  return {
    server: net.at('a'),
    client: () => net.at('a'),
    nowhere: async () => net.at('nobody'),
    sameAddress: () => net.at('a'),
    close,
  }
}

testContract(test, 'memory', async () => worldOf(new MemoryNetwork()))

testContract(test, 'memory with delay', async () => {
  const net = new MemoryNetwork()
  net.delay(1)
  return worldOf(net)
})

testContract(test, 'memory in pieces', async () => worldOf(new MemoryNetwork({ split: true })))

testContract(test, 'memory on a virtual clock', async () => {
  const sim = new MemoryNetwork({ seed: 7, split: true })
  sim.delay(3)
  // The contract waits for events; somebody has to move the clock meanwhile.
  let state: 'running' | 'stopped' = 'running'
  const run = async (): Promise<void> => {
    while (state === 'running') {
      await sim.advance(1)
    }
  }
  const running = run()
  return worldOf(sim, async () => {
    state = 'stopped'
    await running
  })
})

test('names stand for addresses, and nothing comes from outside', async () => {
  const net = new MemoryNetwork()
  const host = await Host.at(net.at('a'))
  const near = net.at('a').connect('b')
  const far = await host.next()
  assert.is(near.remote, 'a')
  assert.is(near.local, 'b')
  assert.is(far.remote, 'b')
  assert.is(far.local, 'a')
  assert.not(near.fromOutside)
  assert.not(far.fromOutside)
  const { host: shown, port, address } = net.at('a')
  assert.equal({ shown, port, address }, { shown: 'a', port: 0, address: 'a' })
  assert.is(host.listening.address, 'a')
})

test('an origin without a name gets one of its own', async () => {
  const net = new MemoryNetwork()
  const host = await Host.at(net.at('a'))
  net.at('a').connect()
  net.at('a').connect()
  const names = [(await host.next()).remote, (await host.next()).remote]
  assert.is(new Set(names).size, 2)
})

test('the high-water mark is an option', async () => {
  const net = new MemoryNetwork({ highWaterBytes: 10 })
  const host = await Host.at(net.at('a'))
  const { near, far } = await pair(host, net.at('a'))
  assert.ok(near.link.send('0123456789'))
  assert.not(near.link.send('0'))
  assert.is(near.link.pendingBytes, 11)
  await near.until(() => near.count('drain') === 1, 'drain is called')
  assert.is(near.link.pendingBytes, 0)
  assert.is(far.byteCount, 11)
})

test('strings sent in one turn arrive as one chunk', async () => {
  const net = new MemoryNetwork()
  const host = await Host.at(net.at('a'))
  const { near, far } = await pair(host, net.at('a'))
  for (let i = 0; i < 100; i++) near.link.send('+OK\r\n')
  await far.received(500)
  assert.is(far.chunks.length, 1)
})

test('what is sent while the other end reads is not lost', async () => {
  const net = new MemoryNetwork()
  const host = await Host.at(net.at('a'))
  const { near, far } = await pair(host, net.at('a'))
  far.onData = () => {
    if (far.byteCount < 4) near.link.send('x')
  }
  near.link.send('x')
  await far.received(4)
  assert.is(near.link.pendingBytes, 0)
})

test('a timer that fires early, and time that goes on while it is looked at, hold nothing up', () => {
  // What real time does once in some thousand deliveries, each time: the clock moves with every look at it.
  for (let delayMs = 1; delayMs < 12; delayMs++) {
    let nowMs = 0
    const due: (() => void)[] = []
    const accepted: Link[] = []
    const wire: Wire = {
      highWaterBytes: 1000,
      split: false,
      nowMs: () => nowMs++,
      random: () => 0,
      later: (_delayMs, fn) => void due.push(fn),
      tell: (_name, fn) => void due.push(fn),
      isFrozen: () => false,
      saw: undefined,
      nextLink: () => 1,
      isParted: () => false,
      delayMs: () => delayMs,
      bytesPerSecond: () => Infinity,
      lossProbability: () => 0,
      listener: () => (link) => accepted.push(link),
      forget: () => {},
    }
    const run = (): void => {
      for (let fn = due.shift(); fn !== undefined; fn = due.shift()) fn()
    }
    const seen: string[] = []
    const near = MemoryLink.dial(wire, 'b', 'a')
    near.open({ data: () => {}, drain: () => {}, closed: () => {} })
    run()
    assert.is(accepted.length, 1, `with a delay of ${delayMs}`)
    accepted[0]!.open({ data: (chunk) => void seen.push(chunk.toString()), drain: () => {}, closed: () => {} })
    for (const text of ['one', 'two', 'three']) near.send(text)
    run()
    assert.equal(seen, ['one', 'two', 'three'], `with a delay of ${delayMs}`)
  }
})

test('without a seed the clock cannot be moved', () => {
  const net = new MemoryNetwork()
  assert.throws(() => net.advance(1), /seed/)
  assert.throws(() => net.settle(), /seed/)
  assert.ok(Math.abs(net.env('a').now() - Date.now()) < 60_000)
  assert.is(net.env('a').name, 'a')
})

test.run()
