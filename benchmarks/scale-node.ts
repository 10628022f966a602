// A process of scale.ts: a store with very many keys, told by messages what to do with them. It answers with milliseconds, or
// with figures of its memory. Keys and values are made in batches, and only what the store does with them is timed.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Store } from 'hotspare'
import { flat, keyAt, valueAt } from './scale-keys.js'

export type ScaleOrder =
  | { do: 'fill'; count: number }
  | { do: 'get'; count: number; of: number }
  | { do: 'save' }
  | { do: 'open'; dir: string }
  | { do: 'listen' }
  | { do: 'follow'; port: number }
  | { do: 'memory' }

export interface ScaleMemory {
  /** Heap and what hangs on it, after a garbage collection. */
  usedBytes: number
  rssBytes: number
  keys: number
}

const BATCH = 10_000
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const options = { codec: 'string' as const, config: { 'repl-diskless-sync-delay': '0' } }
let store = new Store<string>(options)

function timed(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

async function timedAsync(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const orders: { [K in ScaleOrder['do']]: (order: Extract<ScaleOrder, { do: K }>) => unknown } = {
  fill: async ({ count }) => {
    let ms = 0
    for (let from = 0; from < count; from += BATCH) {
      const size = Math.min(BATCH, count - from)
      const keys = Array.from({ length: size }, (_, i) => flat(keyAt(from + i)))
      const values = Array.from({ length: size }, (_, i) => flat(valueAt(from + i)))
      ms += timed(() => {
        for (let i = 0; i < size; i++) store.set(keys[i], values[i])
      })
      await new Promise(setImmediate)
    }
    return ms
  },
  get: ({ count, of }) => {
    let ms = 0
    for (let done = 0; done < count; done += BATCH) {
      const keys = Array.from({ length: BATCH }, () => flat(keyAt(Math.floor(Math.random() * of))))
      ms += timed(() => {
        for (const key of keys) if (store.get(key)?.length !== 64) throw new Error(`${key} is missing`)
      })
    }
    return ms
  },
  save: () => timedAsync(() => store.save()),
  open: ({ dir }) =>
    timedAsync(async () => {
      store = await Store.open<string>({ ...options, dir })
    }),
  listen: async () => (await store.listen({ port: 0 })).port,
  follow: ({ port }) => timedAsync(() => store.replicaOf({ host: '127.0.0.1', port })),
  memory: (): ScaleMemory => {
    collect()
    const { heapUsed, external, rss } = process.memoryUsage()
    return { usedBytes: heapUsed + external, rssBytes: rss, keys: store.size }
  },
}

process.on('message', async (order: ScaleOrder) => {
  const run = orders[order.do] as (order: ScaleOrder) => unknown
  process.send?.({ answer: await run(order) })
})
process.on('disconnect', () => process.exit())
process.send?.({ answer: 0 })
