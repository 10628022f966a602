// A snapshot on its way to several replicas: each gets every byte, whatever the others do.

import * as assert from 'uvu/assert'
import { type Receiver, Transfer } from '../../src/replication/transfer.js'
import type { SnapshotSource } from '../../src/snapshot-pace.js'
import { Store } from '../../src/store.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import { equal } from '../sim/equal.js'
import { suite } from '../suite.js'

const test = suite('transfer')

const CHUNK_BYTES = 64 * 1024
const WINDOW_BYTES = 16 * 1024 * 1024

class Source implements SnapshotSource {
  reads = 0
  cancelled = false
  readonly pressure = 0
  readonly #chunks: number
  readonly #failsAt: number

  constructor(chunks: number, failsAt = Number.POSITIVE_INFINITY) {
    this.#chunks = chunks
    this.#failsAt = failsAt
  }
  get done(): boolean {
    return this.reads === this.#chunks
  }
  read(): Buffer[] {
    if (this.reads === this.#failsAt) throw new Error('too much')
    assert.not(this.cancelled || this.done, 'it is read to its end and no further')
    return [Buffer.alloc(CHUNK_BYTES, this.reads++)]
  }
  cancel(): void {
    this.cancelled = true
  }
}

/** A replica whose link takes `room` bytes at a time. */
class Taker implements Receiver {
  readonly name: string
  blocked = false
  destroyed = false
  bytes = ''
  count = 0
  room: number
  readonly link: Receiver['link']

  constructor(name: string, room = Number.POSITIVE_INFINITY) {
    this.name = name
    this.room = room
    this.link = {
      send: (data) => {
        assert.not(this.blocked, 'nothing is sent to a link that is full')
        const text = typeof data === 'string' ? data : Buffer.from(data).toString('latin1')
        this.count += text.length
        if (this.count < 4 * CHUNK_BYTES) this.bytes += text
        this.room -= text.length
        return this.room > 0
      },
      destroy: () => {
        this.destroyed = true
      },
    }
  }
}

function start(takers: readonly Taker[], source: Source, measured: Source | null = null) {
  const network = new MemoryNetwork({ seed: 1 })
  const logged: string[] = []
  const env = network.env('a')
  const log = { ...env.log, warn: (text: string) => void logged.push(text) }
  const sent: string[] = []
  let begun = 0
  const host = {
    env: { ...env, log },
    keyDelayMs: () => 0,
    begun: () => void begun++,
    sent: ({ name }: Receiver) => void sent.push(name),
  }
  const transfer = new Transfer(host, takers, source, measured)
  transfer.begin()
  return { transfer, network, logged, sent, begun: () => begun }
}

test('all get the same bytes between the same marks', async () => {
  const takers = [new Taker('one'), new Taker('other')]
  const { network, sent, begun } = start(takers, new Source(3))
  await network.settle()
  assert.is(begun(), 1)
  assert.equal(sent, ['one', 'other'])
  const [{ bytes }] = takers
  const mark = /^\$EOF:([0-9a-f]{40})\r\n/.exec(bytes)?.[1]
  assert.ok(mark !== undefined && bytes.endsWith(`\u0002${mark}`))
  assert.is(bytes.length, 47 + 3 * CHUNK_BYTES + 40)
  assert.is(takers[1].bytes, bytes)
})

test('the length comes first where it has to', async () => {
  const taker = new Taker('one')
  const { network, sent } = start([taker], new Source(2), new Source(2))
  await network.settle()
  assert.ok(taker.bytes.startsWith(`$${2 * CHUNK_BYTES}\r\n\u0000`))
  assert.equal(sent, ['one'])
})

test('the fastest is at most a window ahead, and nothing more is read', async () => {
  const [fast, slow] = [new Taker('fast'), new Taker('slow', 1)]
  const source = new Source(1000)
  const { transfer, network, sent } = start([fast, slow], source)
  await network.settle()
  assert.is(source.reads, WINDOW_BYTES / CHUNK_BYTES)
  assert.is(slow.count, 47)
  slow.blocked = false
  slow.room = 10 * CHUNK_BYTES
  transfer.drained()
  await network.settle()
  assert.is(slow.count, 47 + 10 * CHUNK_BYTES)
  assert.is(source.reads, WINDOW_BYTES / CHUNK_BYTES + 10)
  slow.blocked = false
  slow.room = Number.POSITIVE_INFINITY
  transfer.drained()
  await network.settle()
  assert.equal([...sent].sort(), ['fast', 'slow'])
  assert.is(slow.count, fast.count)
})

test('who takes nothing while others wait is dropped and named; alone it is left to its timeout', async () => {
  const [fast, stuck] = [new Taker('fast'), new Taker('stuck', 1)]
  const { transfer, network, logged, sent } = start([fast, stuck], new Source(1000))
  await network.settle()
  transfer.dropStalled()
  assert.not(stuck.destroyed)
  await network.advance(5001)
  transfer.dropStalled()
  assert.ok(stuck.destroyed)
  assert.not(fast.destroyed)
  assert.match(logged.join(), /replica stuck: it took nothing of the snapshot for 5 s/)
  transfer.leave(stuck)
  await network.settle()
  assert.equal(sent, ['fast'])

  const alone = new Taker('alone', 1)
  const second = start([alone], new Source(1000))
  await second.network.advance(60_000)
  second.transfer.dropStalled()
  assert.not(alone.destroyed)
})

test('without anybody left the snapshot is given up, and not before', async () => {
  const [one, other] = [new Taker('one', 1), new Taker('other', 1)]
  const source = new Source(1000)
  const { transfer, network } = start([one, other], source)
  transfer.leave(one)
  assert.not(source.cancelled)
  transfer.leave(other)
  assert.ok(source.cancelled)
  await network.settle()
})

test('a snapshot that fails closes the links of all who wait for it', async () => {
  const takers = [new Taker('one'), new Taker('other')]
  const source = new Source(10, 4)
  const { network, logged, sent } = start(takers, source)
  await network.settle()
  assert.ok(takers.every(({ destroyed }) => destroyed))
  assert.ok(source.cancelled)
  assert.match(logged.join(), /Snapshot for replica one failed: too much,Snapshot for replica other failed: too much/)
  assert.equal(sent, [])
})

/** A primary that takes so many seconds before it begins, and what it logged. */
async function primary(config: Record<string, string>) {
  const network = new MemoryNetwork({ seed: 1, highWaterBytes: 16 * 1024 })
  const logged: string[] = []
  const env = network.env('a')
  const log = {
    ...env.log,
    info: (text: string) => void logged.push(text),
    warn: (text: string) => void logged.push(text),
  }
  const store = new Store({ env: { ...env, log }, config })
  await store.listen(network.at('a'))
  for (let i = 0; i < 1000; i++) store.set(`k${i}`, `value ${i}`)
  const begun = (): number => logged.filter((line) => line.startsWith('Starting BGSAVE')).length
  const follow = (name: string): { replica: Store; inStep: Promise<unknown> } => {
    const replica = new Store({ env: network.env(name) })
    return { replica, inStep: replica.replicaOf(network.at('a')) }
  }
  return { network, store, begun, logged, follow }
}

test('replicas that come within repl-diskless-sync-delay share a snapshot, of the moment when it begins', async () => {
  const { network, store, begun, follow } = await primary({ 'repl-diskless-sync-delay': '5' })
  const one = follow('b')
  await network.advance(4000)
  const other = follow('c')
  await network.advance(900)
  store.set('late', 'but in it')
  assert.is(begun(), 0)
  await network.advance(1000)
  await Promise.all([one.inStep, other.inStep])
  assert.is(begun(), 1)
  store.set('after', 'it')
  await network.advance(1000)
  equal(store, one.replica, other.replica)
  assert.is(store.engine.stats.syncFull, 2)
  const third = follow('d')
  await network.advance(5900)
  await third.inStep
  assert.is(begun(), 2)
})

test('with repl-diskless-sync-max-replicas waiting it begins at once', async () => {
  const { network, begun, follow } = await primary({
    'repl-diskless-sync-delay': '500',
    'repl-diskless-sync-max-replicas': '2',
  })
  const one = follow('b')
  await network.advance(1000)
  assert.is(begun(), 0)
  const other = follow('c')
  await network.advance(1000)
  await Promise.all([one.inStep, other.inStep])
  assert.is(begun(), 1)
})

test('a snapshot past snapshot-preimage-limit fails, and the sync is tried again', async () => {
  const { network, store, logged, begun, follow } = await primary({ 'snapshot-preimage-limit': '10kb' })
  for (let i = 0; i < 30_000; i++) store.set(`more${i}`, `value ${i}`)
  network.slow('a', 100_000)
  const { replica, inStep } = follow('b')
  for (let i = 0; begun() === 0 && i < 1000; i++) await network.advance(1)
  assert.is(begun(), 1)
  for (let i = 0; i < 2000; i++) store.set(`more${29_999 - i}`, 'new')
  await network.advance(60_000)
  await inStep
  assert.match(
    logged.join('\n'),
    /Snapshot for replica .* failed: snapshot given up: \d+ bytes of pre-images, 10240 are allowed/,
  )
  assert.ok(begun() > 1)
  equal(store, replica)
})

test.run()
