// A process of replication.ts: a service with a Store, told by messages what to do. It measures its own event loop, since
// a pause can only be seen from inside.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Store } from 'hotspare'

export type Order =
  | { do: 'fill'; count: number }
  | { do: 'follow'; port: number }
  | { do: 'watch' }
  | { do: 'longest pause' }
  | { do: 'write'; count: number }
  | { do: 'offset' }

// What a redis-server keeps for a replica that is behind (client-output-buffer-limit) is the backlog here.
const store = new Store<string>({ config: { 'repl-backlog-size': '256mb' } })
const listener = await store.listen({ port: 0 })
const delay = monitorEventLoopDelay({ resolution: 1 })
const value = 'v'.repeat(64)

/** Each answers with a number: milliseconds, or an offset. */
const orders: { [K in Order['do']]: (order: Extract<Order, { do: K }>) => number | Promise<number> } = {
  fill: ({ count }) => {
    for (let i = 0; i < count; i++) store.set(`key:${i}`, value)
    return 0
  },
  follow: async ({ port }) => {
    const start = performance.now()
    await store.replicaOf({ host: '127.0.0.1', port })
    return performance.now() - start
  },
  watch: () => {
    delay.reset()
    delay.enable()
    return 0
  },
  'longest pause': () => {
    delay.disable()
    return delay.max / 1e6
  },
  // A thousand writes a turn: a service does other things too, and its links have to get theirs.
  write: async ({ count }) => {
    for (let i = 0; i < count; i++) {
      store.set(`key:${i % 100_000}`, value)
      if (i % 1000 === 999) await new Promise(setImmediate)
    }
    return store.status().offset
  },
  offset: () => store.status().offset,
}

process.on('message', async (order: Order) => {
  const run = orders[order.do] as (order: Order) => number | Promise<number>
  process.send?.({ answer: await run(order) })
})
process.on('disconnect', () => process.exit())
process.send?.({ answer: listener.port })
