// Many replicas on one primary, and one that reads nothing: nobody else notices, nothing grows, and it is told why it went.

import { once } from 'node:events'
import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import type { Env, Logger } from '../../src/env.js'
import type { Link, Transport } from '../../src/link.js'
import { Store } from '../../src/store.js'
import { equal } from '../sim/equal.js'
import { World } from '../sim/world.js'
import { suite, until } from '../suite.js'

const test = suite('many replicas')

class Lines implements Logger {
  readonly all: string[] = []
  debug(): void {}
  info(line: string): void {
    this.all.push(line)
  }
  warn(line: string): void {
    this.all.push(line)
  }
  error(line: string): void {
    this.all.push(line)
  }
  /** The number in the one line that matches. */
  number(pattern: RegExp): number {
    const found = this.all.map((line) => pattern.exec(line)).filter((match) => match !== null)
    assert.is(found.length, 1, `one line like ${pattern}:\n${this.all.join('\n')}`)
    return Number(found[0][1])
  }
}

test('one of 64 that reads nothing is dropped, the others keep up, and the logs say what backlog would have sufficed', async () => {
  await using world = new World({ highWaterBytes: 20_000 })
  const [log, slowLog] = [new Lines(), new Lines()]
  const limits = { 'client-output-buffer-limit': 'replica 200000 0 0', 'repl-backlog-size': '50000' }
  const a = await world.node('a', { config: limits, env: world.sim.env('a', { log }) })
  const slow = await world.replica('slow', 'a', { env: world.sim.env('slow', { log: slowLog }) })
  const others: Store[] = []
  for (let i = 0; i < 63; i++) others.push(await world.replica(`r${i}`, 'a'))
  assert.is(a.status().replicas.length, 64)
  world.sim.partition('a', 'slow')
  const since = a.status().offset
  let grownTo = 0
  for (let i = 0; i < 400; i++) {
    a.set(`k${i % 100}`, `${i}`.padEnd(1000, '.'))
    await world.sim.settle()
    const { offset, replicas } = a.status()
    for (const replica of others) assert.is(replica.status().offset, offset, 'nobody waits for the slow one')
    if (i < 100) assert.is(replicas.length, 64)
    grownTo = Math.max(grownTo, a.engine.stream.backlog!.lengthBytes)
  }
  assert.is(a.status().replicas.length, 63)
  assert.ok(grownTo < 200_000 + 2 * 65_536, `the ring grew to ${grownTo} bytes for the slow one`)
  assert.ok(a.engine.stream.backlog!.lengthBytes <= 50_000, 'and shrank again')
  const kept = log.number(/Disconnecting replica slow.*\(a repl-backlog-size of (\d+) would have kept it\)/)
  assert.ok(kept > 200_000 && kept < 210_000, `${kept}`)

  world.sim.heal()
  await world.sim.advance(70_000)
  equal(a, slow, ...others)
  // What it missed is all that was written since it heard nothing more.
  const missed = log.number(/A repl-backlog-size of (\d+) would have sufficed for replica slow/)
  assert.ok(missed >= a.status().offset - since - 70_000 && missed <= a.status().offset - since, `${missed}`)
  assert.ok(slowLog.number(/backlog does not reach back so far: repl-backlog-size (\d+) there/) >= missed)
  assert.is(a.engine.stats.syncFull, 65)
})

test('with the backlog that the log names there is no full sync', async () => {
  const run = async (backlogBytes: number): Promise<{ full: number; log: Lines }> => {
    await using world = new World()
    const log = new Lines()
    const a = await world.node('a', {
      config: { 'repl-backlog-size': String(backlogBytes) },
      env: world.sim.env('a', { log }),
    })
    const b = await world.replica('b', 'a')
    world.sim.partition('a', 'b')
    world.sim.cut('a', 'b')
    for (let i = 0; i < 100; i++) a.set(`k${i}`, 'x'.repeat(1000))
    await world.sim.settle()
    world.sim.heal()
    await world.sim.advance(10_000)
    equal(a, b)
    return { full: a.engine.stats.syncFull, log }
  }
  const first = await run(50_000)
  assert.is(first.full, 2)
  const named = first.log.number(/A repl-backlog-size of (\d+) would have sufficed/)
  assert.ok(named > 100_000)
  assert.is((await run(named)).full, 1)
  assert.is((await run(named - 1)).full, 2)
})

test('a full sync whose backlog outgrows the ring is served up to the limit, and ended beyond it', async () => {
  const run = async (hardBytes: number): Promise<{ grownTo: number; a: Store; b: Store; log: Lines; world: World }> => {
    const world = new World({ highWaterBytes: 20_000 })
    const log = new Lines()
    const limits = {
      'client-output-buffer-limit': `replica ${hardBytes} 0 0`,
      'repl-backlog-size': '20000',
      rdbcompression: 'no',
      'repl-diskless-sync-delay': '0',
    }
    const a = await world.node('a', { config: limits, env: world.sim.env('a', { log }) })
    for (let i = 0; i < 1000; i++) a.set(`k${i}`, `${i} `.repeat(100))
    const b = await world.node('b')
    world.sim.slow('b', 50_000)
    void b.replicaOf(world.sim.at('a')).catch(() => {})
    let grownTo = 0
    for (let i = 0; i < 200; i++) {
      a.set(`k${i}`, 'changed'.repeat(100))
      await world.sim.advance(20)
      grownTo = Math.max(grownTo, a.engine.stream.backlog?.lengthBytes ?? 0)
    }
    return { grownTo, a, b, log, world }
  }
  const roomy = await run(1_000_000)
  assert.ok(roomy.grownTo > 100_000, `it grew to ${roomy.grownTo}, far over its size`)
  roomy.world.sim.slow('b', Number.POSITIVE_INFINITY)
  await roomy.world.sim.advance(3000)
  equal(roomy.a, roomy.b)
  assert.is(roomy.a.engine.stats.syncFull, 1)
  assert.ok(roomy.a.engine.stream.backlog!.lengthBytes <= 20_000)
  await roomy.world.close()

  const tight = await run(60_000)
  assert.ok(tight.grownTo < 60_000 + 2 * 65_536, `it grew to ${tight.grownTo}`)
  assert.ok(tight.log.all.some((line) => /Disconnecting replica b.*60000 are allowed/.test(line)))
  tight.world.sim.slow('b', Number.POSITIVE_INFINITY)
  await tight.world.sim.advance(70_000)
  equal(tight.a, tight.b)
  assert.ok(tight.a.engine.stats.syncFull >= 2)
  await tight.world.close()
})

test('a turn that writes fifty times the backlog keeps no more than the backlog, or what a replica may lag behind', async () => {
  await using world = new World()
  const limits = { 'client-output-buffer-limit': 'replica 8mb 0 0', 'repl-backlog-size': '1mb' }
  const a = await world.node('a', { config: limits })
  const b = await world.replica('b', 'a')
  const grownTo = (): number => {
    let most = 0
    for (let i = 0; i < 50_000; i++) {
      a.set(`k${i % 1000}`, 'x'.repeat(1000))
      most = Math.max(most, a.engine.stream.backlog!.lengthBytes)
    }
    return most
  }
  // Its link takes nothing more before the turn is over, however fast it reads.
  const followed = grownTo()
  assert.ok(followed <= 10 * 2 ** 20, `it grew to ${followed} with a replica`)
  await world.sim.advance(70_000)
  equal(a, b)
  await world.sim.until(b.promote())
  await world.sim.advance(3000)
  assert.is(a.status().replicas.length, 0)
  const alone = grownTo()
  assert.ok(alone <= 2.5 * 2 ** 20, `it grew to ${alone} with none`)
})

test('replicas that come back are sent what they missed in turns of about a megabyte, all alike', async () => {
  await using world = new World({ highWaterBytes: 2 ** 30 })
  const sent = new Map<Link, number>()
  let mostInATurn = 0
  const total = (): number => [...sent.values()].reduce((sum, bytes) => sum + bytes, 0)
  const env = world.sim.env('a')
  const counting: Env = {
    ...env,
    soon: (fn) =>
      env.soon(() => {
        const before = total()
        fn()
        mostInATurn = Math.max(mostInATurn, total() - before)
      }),
  }
  const a = new Store({ env: counting, config: { 'repl-backlog-size': '64mb' } })
  const there = world.sim.at('a')
  const place: Transport = Object.create(there, {
    listen: {
      value: (accept: (link: Link) => void) =>
        there.listen((link) => {
          const send = link.send.bind(link)
          link.send = (data) => {
            sent.set(link, (sent.get(link) ?? 0) + data.length)
            return send(data)
          }
          accept(link)
        }),
    },
  })
  await a.listen(place)
  const replicas = [await world.replica('b', 'a'), await world.replica('c', 'a')]
  for (const name of ['b', 'c']) {
    world.sim.partition('a', name)
    world.sim.cut('a', name)
  }
  await world.sim.advance(5000)
  const missed = 12 * 2 ** 20
  for (let i = 0; i < 12; i++) a.set(`k${i}`, 'x'.repeat(2 ** 20))
  await world.sim.settle()
  sent.clear()
  mostInATurn = 0
  world.sim.heal()
  await world.sim.advance(70_000)
  equal(a, ...replicas)
  assert.is(a.engine.stats.syncPartialOk, 2)
  assert.ok(total() >= 2 * missed, `${total()} bytes were sent`)
  assert.ok(mostInATurn < 1.3 * 2 ** 20, `${mostInATurn} bytes were sent in one turn`)
  await a.close()
})

test('over sockets: of 16 the one that reads nothing is dropped, and the memory stays where it was', async () => {
  const log = new Lines()
  const limits = { 'client-output-buffer-limit': 'replica 2mb 0 0', 'repl-backlog-size': '1mb' }
  await using a = new Store<string>({ config: { ...limits, 'repl-diskless-sync-delay': '0' }, log })
  const { port } = await a.listen({ port: 0 })
  const others = Array.from({ length: 15 }, () => new Store<string>())
  try {
    await Promise.all(others.map((store) => store.replicaOf({ host: '127.0.0.1', port: port! })))
    const slow = connect(port!, '127.0.0.1').pause()
    slow.write('PSYNC ? -1\r\n')
    await until(() => a.status().replicas.length === 16, { what: 'all 16' })
    const inStep = (): boolean => others.every((store) => store.status().offset === a.status().offset)
    let grownTo = 0
    // The kernel takes a few megabytes before it is noticed that nobody reads.
    for (let round = 0; a.status().replicas.length === 16; round++) {
      assert.ok(round < 100, 'the slow one is dropped')
      for (let i = 0; i < 500; i++) a.set(`k${i}`, `${round} `.repeat(500).slice(0, 1000))
      await until(inStep, { what: 'the other 15 in step' })
      grownTo = Math.max(grownTo, a.engine.stream.backlog!.lengthBytes)
    }
    assert.ok(grownTo < 4 * 2 ** 20, `the ring grew to ${grownTo} bytes`)
    assert.ok(
      log.number(/Disconnecting replica 127.*\(a repl-backlog-size of (\d+) would have kept it\)/) > 2 * 2 ** 20,
    )
    const gone = once(slow, 'close')
    slow.resume()
    await gone
    assert.is(a.engine.stats.syncFull, 16)
    assert.is(a.status().replicas.length, 15)
  } finally {
    await Promise.all(others.map((store) => store.close()))
  }
})

test.run()
