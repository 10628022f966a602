// The memory network with a seed: time that the test moves, and faults.

import * as assert from 'uvu/assert'
import { StoreError } from '../../src/errors.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import { VirtualClock } from '../../src/transports/virtual-clock.js'
import { suite } from '../suite.js'
import { End, pattern } from './contract.js'

const test = suite('memory network with a seed')

const START_MS = Date.UTC(2026, 0, 1)

/** Two nodes with a link from b to a. */
async function linked(
  options: { split?: boolean; highWaterBytes?: number } = {},
): Promise<{ sim: MemoryNetwork; a: End; b: End }> {
  const sim = new MemoryNetwork({ seed: 1, ...options })
  let a: End | undefined
  await sim.at('a').listen((link) => {
    a = new End(link)
  })
  const b = new End(sim.at('a').connect('b'))
  await sim.settle()
  assert.is(b.count('opened'), 1)
  return { sim, a: a!, b }
}

async function rejection(promise: Promise<unknown>): Promise<StoreError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.instance(error, StoreError)
  return error as StoreError
}

test('timers run in order of time, then of creation', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  const env = sim.env('a')
  const seen: string[] = []
  env.after(20, () => seen.push('20'))
  env.after(10, () => seen.push('10, first'))
  env.after(10, () => seen.push('10, second'))
  env.soon(() => seen.push('soon'))
  env.after(0, () => seen.push('0'))
  env.after(15, () => seen.push('cancelled')).cancel()
  env.after(10.5, () => {
    seen.push(`10.5 at ${env.monotonic()}`)
    env.after(-5, () => seen.push('negative'))
    env.soon(() => seen.push('soon again'))
  })
  await sim.advance(19)
  assert.equal(seen, ['soon', '0', '10, first', '10, second', '10.5 at 10.5', 'negative', 'soon again'])
  assert.is(env.now(), START_MS + 19)
  await sim.advance(1)
  assert.is(seen.at(-1), '20')
})

test('many timers in random order run sorted, and cancelled ones never', async () => {
  const clock = new VirtualClock()
  const env = new MemoryNetwork({ seed: 5 }).env('x')
  const seen: number[] = []
  for (let i = 0; i < 20_000; i++) {
    const delayMs = Math.floor(env.random() * 1000)
    const timer = clock.after(delayMs, () => seen.push(delayMs), 'timer')
    if (i % 4 !== 0) timer.cancel()
  }
  await clock.advance(1000)
  assert.is(seen.length, 5000)
  assert.equal(
    seen,
    [...seen].sort((one, other) => one - other),
  )
})

test('timers beyond what setTimeout can hold are kept', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  const env = sim.env('a')
  const longMs = 2 ** 31 + 12_345
  let firedAtMs = 0
  env.after(longMs, () => {
    firedAtMs = env.now()
  })
  env.after(Infinity, () => assert.unreachable('this never comes'))
  await sim.advance(longMs - 1)
  assert.is(firedAtMs, 0)
  await sim.advance(1)
  assert.is(firedAtMs, START_MS + longMs)
})

test('promise reactions run before the clock moves on, however long the chain', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  const env = sim.env('a')
  const seen: string[] = []
  env.after(1, async () => {
    for (let i = 0; i < 500; i++) await undefined
    seen.push(`reaction at ${env.monotonic()}`)
  })
  env.after(1, () => seen.push('second'))
  env.after(2, () => seen.push('third'))
  await sim.advance(2)
  assert.equal(seen, ['reaction at 1', 'second', 'third'])
})

test('the clock is moved by one at a time, and by sound amounts', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  const first = sim.advance(10)
  assert.is((await rejection(sim.advance(1))).code, 'INVALID')
  await first
  assert.is((await rejection(sim.advance(-1))).code, 'INVALID')
  assert.is((await rejection(sim.advance(Infinity))).code, 'INVALID')
})

test('what a timer throws comes out of advance, and the clock works on', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  sim.env('a').after(5, () => {
    throw new Error('broken')
  })
  const error = await sim.advance(10).catch((reason: Error) => reason)
  assert.is((error as Error).message, 'broken')
  await sim.advance(10)
  assert.is(sim.env('a').monotonic(), 15)
})

test('until moves the clock as far as the promise needs', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  const env = sim.env('a')
  const value = await sim.until(new Promise((resolve) => void env.after(1234, () => resolve('done'))))
  assert.is(value, 'done')
  assert.is(env.monotonic(), 1234)
  const late = await rejection(sim.until(new Promise(() => {}), 1000))
  assert.is(late.code, 'TIMEOUT')
  assert.is(env.monotonic(), 2234)
  const failed = await sim.until(Promise.reject(new Error('no'))).catch((reason: Error) => reason.message)
  assert.is(failed, 'no')
})

test('settle stops at rest, without waiting for timers', async () => {
  const { sim, a, b } = await linked()
  const env = sim.env('a')
  const everySecond = (): void => void env.after(1000, everySecond)
  everySecond()
  sim.delay(250)
  a.onData = (chunk) => a.link.send(chunk)
  b.link.send('ping')
  await sim.settle()
  assert.is(b.bytes.toString(), 'ping')
  assert.is(env.monotonic(), 500)
})

test('one seed gives one trace, another seed another', async () => {
  const first = await trace(1)
  assert.ok(first.length > 100)
  assert.equal(await trace(1), first)
  assert.not.equal(await trace(2), first)
})

/** Some nodes that chatter over a bad network; everything that happens, in order. */
async function trace(seed: number): Promise<string[]> {
  const sim = new MemoryNetwork({ seed, split: true })
  const seen: string[] = []
  sim.delay(5)
  sim.delay(17, 'n1', 'n2')
  sim.loss(0.01)
  sim.slow('n3', 2000)
  for (const name of ['n1', 'n2', 'n3']) {
    const env = sim.env(name)
    await sim.at(name).listen((link) => {
      const end = new End(link)
      end.onData = (chunk) => seen.push(`${env.now()} ${name} ${chunk.toString('hex')}`)
    })
    seen.push(`${name} ${env.randomHex(8)} ${env.process.pid}`)
    const talk = (): void => {
      const to = `n${1 + Math.floor(env.random() * 3)}`
      const end = new End(sim.at(to).connect(name))
      end.link.send(env.randomHex(20))
      env.after(env.random() * 50, () => end.link.end())
      env.after(env.random() * 100, talk)
    }
    talk()
  }
  await sim.advance(300)
  sim.partition('n1', ['n2', 'n3'])
  await sim.advance(300)
  sim.heal()
  await sim.advance(300)
  return seen
}

test('each node has random numbers of its own, which go on when it starts anew', () => {
  const sim = new MemoryNetwork({ seed: 3 })
  const one = sim.env('a').randomHex(16)
  const two = sim.env('b').randomHex(16)
  const three = sim.env('a').randomHex(16)
  assert.is(new Set([one, two, three]).size, 3)
  assert.match(one, /^[0-9a-f]{32}$/)
  const again = new MemoryNetwork({ seed: 3 })
  assert.is(again.env('b').randomHex(16), two)
  assert.is(again.env('a').randomHex(16), one)
  const env = again.env('c')
  let sum = 0
  for (let i = 0; i < 10_000; i++) {
    const value = env.random()
    assert.ok(value >= 0 && value < 1)
    sum += value
  }
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02)
})

test('a partition holds bytes and the close back until it is healed', async () => {
  const { sim, a, b } = await linked()
  sim.partition('a', 'b')
  b.link.send('held')
  a.link.send('too')
  await sim.advance(60_000)
  assert.is(a.byteCount + b.byteCount, 0)
  assert.is(b.link.pendingBytes, 4)
  sim.heal('b', 'a')
  await sim.settle()
  assert.is(a.bytes.toString(), 'held')
  assert.is(b.bytes.toString(), 'too')
  sim.partition(['b'], ['a', 'c'])
  b.link.destroy()
  await sim.advance(1000)
  assert.ok(b.isClosed)
  assert.not(a.isClosed)
  sim.heal()
  await sim.settle()
  assert.ok(a.isClosed)
})

test('connecting through a partition hangs until it is healed', async () => {
  const { sim } = await linked()
  sim.partition('a', 'c')
  const c = new End(sim.at('a').connect('c'))
  const d = new End(sim.at('a').connect('d'))
  const given = new End(sim.at('a').connect('c'))
  await sim.advance(60_000)
  assert.equal(c.calls, [])
  assert.equal(d.calls, ['opened'])
  given.link.destroy()
  sim.heal()
  await sim.settle()
  assert.equal(c.calls, ['opened'])
  assert.equal(given.calls, ['closed'])
})

test('a partition pushes back at the sender', async () => {
  const { sim, b } = await linked({ highWaterBytes: 100 })
  sim.partition('a', 'b')
  assert.not(b.link.send(pattern(101)))
  await sim.advance(1000)
  assert.is(b.count('drain'), 0)
  sim.heal()
  await sim.settle()
  assert.is(b.count('drain'), 1)
})

test('a delay holds for what is sent from then on, for all or for a pair', async () => {
  const { sim, a, b } = await linked()
  sim.delay(100, 'a', 'b')
  b.link.send('x')
  await sim.advance(99)
  assert.is(a.byteCount, 0)
  await sim.advance(1)
  assert.is(a.byteCount, 1)
  b.link.send('1')
  await sim.advance(50)
  b.link.send('2')
  await sim.advance(50)
  assert.is(a.bytes.toString(), 'x1', 'each send has a delay of its own')
  await sim.advance(50)
  b.link.send('slow')
  sim.delay(0, 'a', 'b')
  b.link.send('fast')
  await sim.advance(50)
  assert.is(a.bytes.toString(), 'x12', 'what was sent later does not overtake')
  await sim.advance(50)
  assert.is(a.bytes.toString(), 'x12slowfast')
})

test('a cut closes both ends with an error, and bytes in flight are lost', async () => {
  const { sim, a, b } = await linked()
  const c = new End(sim.at('a').connect('c'))
  const hanging = new End(sim.at('a').connect('b'))
  await sim.settle()
  sim.delay(10)
  b.link.send('lost')
  sim.partition('a', 'b')
  sim.cut('b', 'a')
  await sim.advance(100)
  for (const end of [a, b, hanging]) {
    assert.equal(end.calls.at(-1), 'closed')
    assert.is((end.error as StoreError).code, 'LINK')
    end.verify()
  }
  assert.is(a.byteCount, 0)
  assert.not(c.isClosed)
  sim.cut('c')
  await sim.settle()
  assert.ok(c.isClosed)
})

test('loss breaks links, by chance and from the seed', async () => {
  const { sim, a, b } = await linked()
  sim.loss(1)
  b.link.send('never seen')
  await sim.settle()
  assert.is(a.byteCount, 0)
  assert.is((a.error as StoreError).code, 'LINK')
  assert.is((b.error as StoreError).code, 'LINK')
  sim.loss(0.2)
  let broken = 0
  for (let i = 0; i < 500; i++) {
    const end = new End(sim.at('a').connect('b'))
    await sim.settle()
    end.link.send('x')
    await sim.settle()
    if (end.isClosed) broken++
    else end.link.destroy()
  }
  assert.ok(broken > 60 && broken < 140, `${broken} of 500`)
})

test('split cuts chunks into pieces and keeps every byte', async () => {
  const { sim, a, b } = await linked({ split: true })
  b.link.send(pattern(5000))
  await sim.settle()
  assert.ok(a.chunks.length > 5)
  assert.ok(a.bytes.equals(pattern(5000)))
})

test('a slow node carries so many bytes a second', async () => {
  const { sim, a, b } = await linked()
  sim.slow('b', 1000)
  b.link.send(pattern(500))
  b.link.send(pattern(500))
  await sim.advance(499)
  assert.is(a.byteCount, 0)
  await sim.advance(1)
  assert.is(a.byteCount, 500)
  await sim.advance(500)
  assert.is(a.byteCount, 1000)
  sim.slow('b', Infinity)
  b.link.send('x')
  await sim.settle()
  assert.is(a.byteCount, 1001)
})

test('a name that is given up while a link travels there refuses it', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  sim.delay(10)
  const listening = await sim.at('a').listen(() => assert.unreachable('nobody is there'))
  const end = new End(sim.at('a').connect('b'))
  await listening.close()
  await sim.settle()
  assert.match(end.error!.message, /connection refused/)
  assert.is(sim.env('a').monotonic(), 20)
})

test('a cut of which only one end hears leaves the other half open, until it sends something', async () => {
  const { sim, a, b } = await linked()
  sim.cut('a', 'b', { told: 'first' })
  await sim.advance(60_000)
  assert.ok(a.isClosed)
  assert.not(b.isClosed)
  b.link.send('is anybody there')
  await sim.settle()
  assert.ok(b.isClosed)
  assert.is((b.error as StoreError).code, 'LINK')
  for (const end of [a, b]) end.verify()
})

test('a cut of which nobody hears swallows what is sent, for ever', async () => {
  const { sim, a, b } = await linked({ highWaterBytes: 100 })
  sim.cut('a', 'b', { told: 'nobody' })
  assert.not(b.link.send(pattern(101)))
  a.link.send('x')
  await sim.advance(60_000)
  sim.heal()
  await sim.settle()
  assert.is(a.byteCount + b.byteCount, 0)
  assert.is(b.count('drain'), 1, 'the sender does not notice')
  b.link.destroy()
  await sim.settle()
  assert.ok(b.isClosed)
  assert.not(a.isClosed)
})

test('where chunks are cut, a part of what is in flight may arrive before the link breaks, and never twice', async () => {
  const lengths = new Set<number>()
  for (let seed = 1; seed <= 10; seed++) {
    const sim = new MemoryNetwork({ seed, split: true })
    let far: End | undefined
    await sim.at('a').listen((link) => {
      far = new End(link)
    })
    const near = new End(sim.at('a').connect('b'))
    await sim.settle()
    sim.delay(10)
    near.link.send(pattern(1000))
    if (seed === 10) sim.cut('a', 'b', { told: 'nobody' })
    sim.cut('a', 'b')
    await sim.settle()
    assert.ok(far!.bytes.equals(pattern(1000).subarray(0, far!.byteCount)))
    assert.is(far!.calls.at(-1), 'closed')
    if (seed === 10) assert.is(far!.byteCount, 0, 'nothing comes out of a link that nobody knows of')
    lengths.add(far!.byteCount)
  }
  assert.ok(lengths.size > 5, [...lengths].join(' '))
})

test('a partition one way holds back what the first sends, and nothing else', async () => {
  const { sim, a, b } = await linked()
  sim.partition('a', 'b', { oneWay: true })
  a.link.send('held')
  b.link.send('comes')
  await sim.advance(1000)
  assert.is(a.bytes.toString(), 'comes')
  assert.is(b.byteCount, 0)
  sim.heal('b', 'a')
  await sim.settle()
  assert.is(b.bytes.toString(), 'held')
})

test('jitter reorders what two links carry, and nothing within one', async () => {
  const sim = new MemoryNetwork({ seed: 1 })
  const seen: string[] = []
  await sim.at('a').listen((link) => {
    new End(link).onData = (chunk) => seen.push(`${link.remote}${chunk}`)
  })
  const [b, c] = ['b', 'c'].map((name) => new End(sim.at('a').connect(name)))
  await sim.settle()
  sim.jitter(100)
  const orders = new Set<string>()
  for (let i = 0; i < 50; i++) {
    b.link.send('1')
    await sim.advance(1)
    b.link.send('2')
    c.link.send('1')
    await sim.advance(200)
    orders.add(seen.splice(0).join())
  }
  assert.equal(
    [...orders].sort(),
    ['b1,b2,c1', 'b1,c1,b2', 'b12,c1', 'c1,b1,b2', 'c1,b12'].filter((one) => orders.has(one)),
  )
  assert.ok(orders.has('c1,b1,b2') && orders.has('b1,b2,c1'), [...orders].join(' '))
})

test('a frozen node hears nothing and does nothing, and goes on where it was', async () => {
  const { sim, a, b } = await linked()
  const env = sim.env('a')
  const seen: string[] = []
  env.after(100, () => seen.push(`timer at ${env.monotonic()}`))
  const cancelled = env.after(150, () => seen.push('cancelled'))
  env.after(120, () => cancelled.cancel())
  sim.freeze('a')
  b.link.send('waits')
  await sim.advance(1000)
  assert.equal(seen, [])
  assert.is(a.byteCount, 0)
  assert.is(sim.timers('a'), 3)
  sim.thaw('a')
  await sim.settle()
  assert.equal(seen, ['timer at 1000'])
  assert.is(a.bytes.toString(), 'waits')
  assert.is(sim.timers('a'), 0)
})

test('a crash ends timers and links, and frees the name', async () => {
  const { sim, a, b } = await linked()
  const quiet = new End(sim.at('a').connect('c'))
  await sim.settle()
  const env = sim.env('a')
  env.after(10, () => assert.unreachable('the node is gone'))
  assert.is(sim.timers('a'), 1)
  b.link.send('lost')
  sim.crash('a')
  await sim.advance(1000)
  assert.is(sim.timers('a'), 0)
  assert.equal(a.calls, [], 'the dead hear nothing')
  for (const end of [b, quiet]) {
    assert.ok(end.isClosed)
    end.verify()
  }
  await sim.at('a').listen(() => {})
  const again = new End(sim.at('a').connect('b'))
  await sim.settle()
  assert.equal(again.calls, ['opened'])
  let fired = false
  sim.env('a').after(10, () => {
    fired = true
  })
  await sim.advance(10)
  assert.ok(fired, 'a new node of the same name lives')
})

test('a silent crash leaves the other ends open', async () => {
  const { sim, b } = await linked()
  sim.crash('a', { silent: true })
  b.link.send('to nobody')
  await sim.advance(60_000)
  assert.not(b.isClosed)
  b.link.destroy()
  await sim.settle()
  assert.ok(b.isClosed)
})

test('looking at the clock takes time where it is told to', async () => {
  const sim = new MemoryNetwork({ seed: 1, lookMs: 2 })
  const env = sim.env('a')
  assert.is(env.monotonic(), 2)
  assert.is(env.monotonic(), 4)
  const seen: number[] = []
  env.after(1, () => {
    seen.push(env.monotonic())
    seen.push(env.monotonic())
  })
  env.after(2, () => seen.push(-1))
  await sim.advance(2)
  assert.equal(seen, [7, 9, -1], 'what fell due meanwhile comes late')
  assert.is(env.monotonic(), 11)
})

test('whoever watches hears of links and of what is sent', async () => {
  const seen: string[] = []
  const sim = new MemoryNetwork({
    seed: 1,
    watch: ({ kind, link, from, to, data }) =>
      seen.push(`${link} ${from} ${kind} ${to}${data === undefined ? '' : ` ${data}`}`),
  })
  await sim.at('a').listen((link) => new End(link))
  const b = new End(sim.at('a').connect('b'))
  b.link.send('hello')
  new End(sim.at('nobody').connect('b'))
  await sim.settle()
  b.link.destroy()
  await sim.settle()
  assert.equal(seen, [
    '1 b connect a',
    '1 b send a hello',
    '2 b connect nobody',
    '1 a accept b',
    '2 nobody refuse b',
    '2 b close nobody',
    '1 b close a',
    '1 a close b',
  ])
})

test('faults that make no sense are refused', () => {
  const sim = new MemoryNetwork({ seed: 1 })
  assert.throws(() => sim.delay(-1), /delay/)
  assert.throws(() => sim.loss(1.5), /probability/)
  assert.throws(() => sim.slow('a', 0), /bandwidth/)
  assert.throws(() => sim.jitter(-1), /vary/)
  const real = new MemoryNetwork()
  assert.throws(() => real.freeze('a'), /seed/)
  assert.throws(() => real.crash('a'), /seed/)
})

test.run()
