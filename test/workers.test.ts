// Four worker threads and two cluster workers, each with its own replica of this thread's Store over the message channel
// that it has anyway.

import cluster, { type Worker as Process } from 'node:cluster'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker as Thread } from 'node:worker_threads'
import * as assert from 'uvu/assert'
import { messagePorts, Store } from '../src/index.js'
import { deadline, suite, until } from './suite.js'
import type { Answer, Question } from './worker-replica.js'

const test = suite('workers')

const REPLICA = fileURLToPath(new URL('./worker-replica.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')
const WRITES = 100_000

interface Started {
  readonly name: string
  readonly channel: Thread | Process
  /** Without a goodbye; resolves when it is gone. */
  kill(): Promise<void>
}

function thread(): Started {
  // tsx does not reach into threads by itself.
  const code = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    .then(({ register }) => { register(); return import(${JSON.stringify(REPLICA)}) })`
  const worker = new Thread(code, { eval: true })
  return { name: `thread ${worker.threadId}`, channel: worker, kill: async () => void (await worker.terminate()) }
}

function clusterWorker(): Started {
  cluster.setupPrimary({ exec: REPLICA, execArgv: ['--import', TSX] })
  const worker = cluster.fork()
  const kill = async (): Promise<void> => {
    const gone = once(worker, 'exit')
    worker.process.kill('SIGKILL')
    await gone
  }
  return { name: `cluster worker ${worker.id}`, channel: worker, kill }
}

/** The next message that is wanted. Others, of links too, pass by. */
function message(channel: Thread | Process, wanted: (message: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve) => {
    const listen = (got: unknown): void => {
      if (!wanted(got)) return
      channel.off('message', listen)
      resolve(got)
    }
    channel.on('message', listen)
  })
}

/** Starts a worker and waits until its first sync is over. */
async function join(store: Store<string>, start: () => Started): Promise<Started> {
  const started = start()
  const inStep = message(started.channel, (got) => got === 'in step')
  await store.listen(messagePorts(started.channel))
  await deadline(inStep, 20_000, `${started.name} in step`)
  return started
}

let asked = 0

async function ask({ name, channel }: Started, withDigest: boolean): Promise<Answer> {
  const question: Question = { ask: ++asked, withDigest }
  const answered = message(
    channel,
    (got) => typeof got === 'object' && got !== null && 'answer' in got && got.answer === question.ask,
  )
  if ('postMessage' in channel) channel.postMessage(question)
  else channel.send(question)
  return (await deadline(answered, 20_000, `the answer of ${name}`)) as Answer
}

/** Every worker has the offset of the store, and its data. */
async function allInStep(store: Store<string>, workers: Started[]): Promise<void> {
  const { offset } = store.status()
  for (const worker of workers)
    await until(async () => (await ask(worker, false)).offset >= offset, { what: `${worker.name} at ${offset}` })
  const answers = await Promise.all(workers.map((worker) => ask(worker, true)))
  const digest = String(store.call('DEBUG', 'DIGEST'))
  for (const [i, { name }] of workers.entries()) {
    assert.is(answers[i].offset, offset, name)
    assert.is(answers[i].size, store.size, name)
    assert.is(answers[i].digest, digest, name)
  }
}

async function write(store: Store<string>, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) {
    store.set(`key:${i % 10_000}`, `value ${i}`)
    if (i % 7 === 0) store.delete(`key:${(i * 31) % 10_000}`)
    // As in a service: others get their turn.
    if (i % 500 === 0) await new Promise(setImmediate)
  }
}

const title = 'four threads and two cluster workers are in step, also after some were killed and started again'

test(title, { limitMs: 90_000 }, async () => {
  // No PING while offsets are compared.
  const store = new Store<string>({
    config: { 'enable-debug-command': 'local', 'repl-ping-replica-period': '600' },
  })
  await write(store, 0, 10_000)
  const workers = await Promise.all([
    ...Array.from({ length: 4 }, () => join(store, thread)),
    ...Array.from({ length: 2 }, () => join(store, clusterWorker)),
  ])
  try {
    await write(store, 10_000, WRITES)
    await allInStep(store, workers)
    assert.is(store.status().replicas.length, 6)

    const [oneThread, otherThread, ...rest] = workers
    const lastProcess = rest.pop()!
    await Promise.all([oneThread.kill(), lastProcess.kill()])
    await until(() => store.status().replicas.length === 4, { what: 'the store knows that two are gone' })
    await write(store, 200_000, 5000)
    await allInStep(store, [otherThread, ...rest])

    // Back while writes go on.
    const [back] = await Promise.all([
      Promise.all([join(store, thread), join(store, clusterWorker)]),
      write(store, 300_000, 20_000),
    ])
    workers.push(...back)
    await allInStep(store, [otherThread, ...rest, ...back])
    assert.is(store.status().replicas.length, 6)
  } finally {
    await Promise.all(workers.filter(({ channel }) => isRunning(channel)).map((worker) => worker.kill()))
    await store.close()
  }
})

function isRunning(channel: Thread | Process): boolean {
  return 'postMessage' in channel ? channel.threadId !== -1 : !channel.isDead()
}

test.run()
