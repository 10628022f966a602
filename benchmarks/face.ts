// What does a Store cost beside a Map, and beside an lru-cache? get and set of 100,000 keys in random order, strings and
// objects as values, nobody following. Wanted: get at 0.8 of Map's speed, set at 0.5, both ahead of lru-cache.
//
// Rounds are interleaved, so that what disturbs the machine disturbs all alike. Each contender has a loop of its own:
// with one loop for all, the engine could not specialise it for any of them.

import { Store } from 'hotspare'
import { LRUCache } from 'lru-cache'
import { heading, median, quick, spread, table, versionOf } from './bench.js'

const KEYS = quick ? 10_000 : 100_000
const ROUNDS = quick ? 3 : 31
const WARM_UP_ROUNDS = quick ? 1 : 5

const inOrder = Array.from({ length: KEYS }, (_, i) => `user:session:${i}`)

/** The same order in every run: a generator of its own (mulberry32). */
function shuffled(keys: readonly string[]): string[] {
  let state = 1
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const all = [...keys]
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[all[i], all[j]] = [all[j], all[i]]
  }
  return all
}

const keys = shuffled(inOrder)

/** Who reads a value uses it: a loop that only looks whether there is one would not even fetch it from memory. */
function use(value: object | string): number {
  return typeof value === 'string' ? value.length : Object.isFrozen(value) ? 1 : 2
}

interface Contender {
  name: string
  get(): number
  set(): void
}

/** Keeps the loops from being optimised away. */
let sink = 0

function contendersFor<V extends object | string>(values: readonly V[]): Contender[] {
  const map = new Map<string, V>()
  const store = new Store<V>()
  const lru = new LRUCache<string, V>({ max: KEYS * 2 })
  for (const [i, key] of inOrder.entries()) {
    map.set(key, values[i])
    store.set(key, values[i])
    lru.set(key, values[i])
  }
  return [
    {
      name: 'Map',
      get: () => {
        let found = 0
        for (let i = 0; i < keys.length; i++) found += use(map.get(keys[i])!)
        return found
      },
      set: () => {
        for (let i = 0; i < keys.length; i++) map.set(keys[i], values[i])
      },
    },
    {
      name: `hotspare ${versionOf.hotspare}`,
      get: () => {
        let found = 0
        for (let i = 0; i < keys.length; i++) found += use(store.get(keys[i])!)
        return found
      },
      set: () => {
        for (let i = 0; i < keys.length; i++) store.set(keys[i], values[i])
      },
    },
    {
      name: `lru-cache ${versionOf['lru-cache']}`,
      get: () => {
        let found = 0
        for (let i = 0; i < keys.length; i++) found += use(lru.get(keys[i])!)
        return found
      },
      set: () => {
        for (let i = 0; i < keys.length; i++) lru.set(keys[i], values[i])
      },
    },
  ]
}

function measure(title: string, contenders: readonly Contender[], operation: 'get' | 'set'): void {
  const samples = contenders.map((): number[] => [])
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [i, contender] of contenders.entries()) {
      const start = performance.now()
      sink += contender[operation]() ?? 0
      const nanoseconds = ((performance.now() - start) * 1e6) / KEYS
      if (round >= 0) samples[i].push(nanoseconds)
    }
  }
  const base = median(samples[0])
  const rows = contenders.map(({ name }, i) => [
    name,
    median(samples[i]).toFixed(0),
    spread(samples[i]),
    (base / median(samples[i])).toFixed(2),
  ])
  heading(`${operation} of ${KEYS.toLocaleString('en')} keys, ${title}, ${ROUNDS} rounds`)
  table([['', 'ns', 'spread', 'x Map'], ...rows])
}

const strings = inOrder.map((key) => key.padEnd(64, '.'))
const objects = inOrder.map((key, i) => ({ id: i, user: key, roles: ['reader'], active: true, seen: 1.5 }))

for (const [title, contenders] of [
  ['strings of 64 characters', contendersFor(strings)],
  ['objects with five fields', contendersFor(objects)],
] as const) {
  measure(title, contenders, 'get')
  measure(title, contenders, 'set')
}
if (sink === 0) throw new Error('nothing was found')
