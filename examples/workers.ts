// npx tsx examples/workers.ts: worker threads that each hold their own replica of the main thread's Store. A read in a
// worker is a lookup in its own memory, without a message to anybody.

import { Worker } from 'node:worker_threads'
import { isLinkMessage, messagePorts, Store } from 'hotspare'

const WORKERS = 4

const flags = new Store<boolean>()
for (let i = 0; i < 10_000; i++) flags.set(`flag:${i}`, i % 2 === 0)

/** The worker's next message of its own; those of the links share the channel. */
function nextMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve) => {
    const listen = (message: unknown): void => {
      if (isLinkMessage(message)) return
      worker.off('message', listen)
      resolve(message)
    }
    worker.on('message', listen)
  })
}

const workers = await Promise.all(
  Array.from({ length: WORKERS }, async (_, i) => {
    const worker = new Worker(new URL('./workers-thread.mjs', import.meta.url), { workerData: i })
    await flags.listen(messagePorts(worker))
    console.log(await nextMessage(worker))
    return worker
  }),
)

// One write here, and everybody knows.
const seen = Promise.all(workers.map(nextMessage))
flags.set('flag:1', true)
for (const message of await seen) console.log(message)

await Promise.all(workers.map((worker) => worker.terminate()))
await flags.close()
