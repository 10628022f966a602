// A process of pauses.ts: a service with a Store in a folder that is written to all the time, told by messages what to do.
// It measures its own event loop, since a pause can only be seen from inside.

import { randomBytes } from 'node:crypto'
import { Store } from 'hotspare'
import { Lateness } from './lateness.js'

export type CollectionName = 'hash' | 'zset' | 'list' | 'set' | 'stream'

export type LoadedOrder =
  | { do: 'open'; dir: string }
  /** As a process of its own does when it starts; the pauses are those from the first key on. */
  | { do: 'load file'; dir: string }
  | { do: 'fill'; count: number }
  | { do: 'fill one'; type: CollectionName; count: number }
  /** 0: no more. */
  | { do: 'load'; writesPerSecond: number; type: CollectionName | 'string' }
  | { do: 'rest'; ms: number }
  | { do: 'save' }
  | { do: 'watch' }
  | { do: 'pauses' }
  | { do: 'synced' }

export interface Answer {
  ms: number
  /** By how much a timer of 1 ms came late at most, and what 99.9 % of times were below. */
  longestMs: number
  p999Ms: number
  /** The same without the time for which this thread could run and no processor was free. */
  ownLongestMs: number
  ownP999Ms: number
  /** Writes made since `watch`. */
  writes: number
}

const VALUE_BYTES = 100
const LOAD_EVERY_MS = 1
const lateness = new Lateness()
const pool = Buffer.from(randomBytes(65_536).toString('hex'))

let store: Store<string>
let count = 0
let written = 0
let load: NodeJS.Timeout | undefined

const scratch = Buffer.alloc(VALUE_BYTES)

/** Text that looks like chance, another for each number: a string of its own, as it comes from a client. */
function textOf(i: number): string {
  const start = (i * 7919) % (pool.length - VALUE_BYTES)
  pool.copy(scratch, 0, start, start + VALUE_BYTES)
  scratch.writeUInt32LE((i & 0x0f0f0f0f) + 0x41414141)
  return scratch.toString('latin1')
}

const commands: { [K in CollectionName]: (i: number) => string[] } = {
  hash: (i) => ['HSET', 'one', `field:${i}`, textOf(i)],
  zset: (i) => ['ZADD', 'one', String((i * 7919) % 1_000_003), `member:${i}`],
  list: (i) => ['RPUSH', 'one', textOf(i)],
  set: (i) => ['SADD', 'one', `member:${i}`],
  stream: (i) => ['XADD', 'one', `${i + 1}-0`, 'field', textOf(i)],
}

/** Changes all over the collection: what is there goes, other comes. */
const changes: { [K in CollectionName]: (i: number) => string[] } = {
  hash: (i) =>
    i % 4 === 0 ? ['HDEL', 'one', `field:${i % count}`] : ['HSET', 'one', `field:${i % count}`, textOf(i + 1)],
  zset: (i) =>
    i % 4 === 0
      ? ['ZREM', 'one', `member:${i % count}`]
      : ['ZADD', 'one', String(i % 1_000_003), `member:${i % count}`],
  list: (i) => (i % 4 === 0 ? ['LPOP', 'one'] : ['LSET', 'one', String(i % (count >> 1)), textOf(i)]),
  set: (i) => (i % 4 === 0 ? ['SADD', 'one', `more:${i}`] : ['SREM', 'one', `member:${i % count}`]),
  stream: (i) => (i % 4 === 0 ? ['XADD', 'one', '*', 'field', textOf(i)] : ['XDEL', 'one', `${(i % count) + 1}-0`]),
}

function write(type: CollectionName | 'string', i: number): void {
  if (type === 'string') store.set(`key:${i % count}`, textOf(i))
  else store.call(...(changes[type](i) as [string, ...string[]]))
}

const nothing = { ms: 0, longestMs: 0, p999Ms: 0, ownLongestMs: 0, ownP999Ms: 0, writes: 0 }
const timed = async (work: () => Promise<unknown>): Promise<Answer> => {
  const start = performance.now()
  await work()
  return { ...nothing, ms: performance.now() - start }
}

const orders: { [K in LoadedOrder['do']]: (order: Extract<LoadedOrder, { do: K }>) => Answer | Promise<Answer> } = {
  open: async ({ dir }) => {
    store = await Store.open<string>({ dir, config: { 'repl-backlog-size': '256mb', 'repl-diskless-sync-delay': '0' } })
    const listener = await store.listen({ port: 0 })
    return { ...nothing, ms: Number(listener.port) }
  },
  'load file': async ({ dir }) => {
    let isWatched = false
    const onProgress = (): void => {
      if (!isWatched) lateness.start()
      isWatched = true
    }
    const { ms } = await timed(async () => {
      store = await Store.open<string>({ dir, onProgress })
    })
    return { ...nothing, ...lateness.stop(), ms }
  },
  fill: (order) => {
    count = order.count
    for (let i = 0; i < count; i++) store.set(`key:${i}`, textOf(i))
    return nothing
  },
  'fill one': ({ type, count: wanted }) => {
    store.clear()
    count = wanted
    for (let i = 0; i < count; i++) store.call(...(commands[type](i) as [string, ...string[]]))
    return nothing
  },
  load: ({ writesPerSecond, type }) => {
    clearInterval(load)
    if (writesPerSecond === 0) return nothing
    const start = performance.now()
    let done = 0
    let random = 1
    load = setInterval(() => {
      const due = ((performance.now() - start) * writesPerSecond) / 1000
      for (; done < due; done++, written++) {
        random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
        write(type, random >>> 2)
      }
    }, LOAD_EVERY_MS)
    return nothing
  },
  rest: ({ ms }) => timed(() => new Promise((resolve) => setTimeout(resolve, ms))),
  save: () => timed(() => store.save()),
  watch: () => {
    written = 0
    lateness.start()
    return nothing
  },
  pauses: () => ({ ...nothing, ...lateness.stop(), writes: written }),
  /** Until a replica is in step. */
  synced: () =>
    timed(async () => {
      while (!store.status().replicas.some(({ state }) => state === 'online'))
        await new Promise((resolve) => setTimeout(resolve, 2))
    }),
}

process.on('message', async (order: LoadedOrder) => {
  const run = orders[order.do] as (order: LoadedOrder) => Answer | Promise<Answer>
  process.send?.({ answer: await run(order) })
})
process.on('disconnect', () => process.exit())
process.send?.({ answer: nothing })
