// Snapshots: whatever happens while one is taken, it holds what there was when it began, each key once.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { StoreError } from '../src/errors.js'
import { GONE, type Value } from '../src/keyspace/keyspace.js'
import { AofReader } from '../src/persistence/aof-loader.js'
import { RdbReader } from '../src/rdb/reader.js'
import { Snapshot } from '../src/snapshot.js'
import { Store, type StoreOptions } from '../src/store.js'
import { MemoryNetwork } from '../src/transports/memory.js'
import { contentOf, shownUntil, withoutSeen } from './sim/equal.js'
import { suite } from './suite.js'

const test = suite('snapshot')

const OPTIONS = { aux: [['made-by', 'a test']], compress: true, checksum: true } as const
const DATABASES = 3

/** A store whose time is `at.now`; nothing but its readers deletes what is past its time. */
function make(options: StoreOptions<unknown> = {}): { store: Store; at: { now: number } } {
  const at = { now: 1_000_000 }
  const env = { ...new MemoryNetwork({ seed: 1 }).env('a'), now: () => at.now }
  return { store: new Store({ env, ...options }), at }
}

/** A snapshot under way, what it has to hold, and the bytes so far. */
class Taken {
  readonly snapshot: Snapshot
  readonly wanted: Map<string, string>
  readonly chunks: Buffer[] = []
  readonly #store: Store
  readonly #form: 'file' | 'commands'

  constructor(store: Store, maxPreimageBytes?: number, form: 'file' | 'commands' = 'file') {
    this.#store = store
    this.#form = form
    this.wanted = contentOf(store)
    const commands = form === 'commands' ? { stampsTime: false } : undefined
    this.snapshot = new Snapshot(store.engine.dataset, { ...OPTIONS, version: 'lowest', maxPreimageBytes, commands })
  }

  read(keys: number): void {
    this.chunks.push(...this.snapshot.read(keys))
  }

  check(): void {
    for (let i = 0; !this.snapshot.done; i++) {
      assert.ok(i < 10_000, 'a snapshot comes to an end')
      this.read(7)
    }
    const bytes = Buffer.concat(this.chunks)
    if (this.#form === 'file') assert.equal(contentOfFile(bytes), this.wanted)
    else assert.equal(withoutSeen(contentOfCommands(bytes, this.#store)), withoutSeen(this.wanted))
    assert.is(this.snapshot.bytesWritten, bytes.length)
  }
}

/** As contentOf, of a file. Fails if a key is in it twice. */
function contentOfFile(file: Buffer): Map<string, string> {
  const content = new Map<string, string>()
  let db = -1
  const put = (key: string, value: Value, expiresAt: number | null): void => {
    assert.not(content.has(`${db}/${key}`), `${db}/${key} is there twice`)
    content.set(`${db}/${key}`, shownUntil(value, expiresAt))
  }
  const reader = new RdbReader({
    aux: () => {},
    selectDb: (index) => {
      db = index
    },
    resizeDb: () => {},
    string: put,
    value: put,
    function: () => {},
  })
  reader.write(file)
  reader.end()
  return new Map([...content].sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** The same of commands, applied as those of a file; `like` tells the time. */
function contentOfCommands(bytes: Buffer, like: Store): Map<string, string> {
  const store = new Store({ env: like.engine.env })
  const { upstream } = store.engine
  const reader = new AofReader({
    beginBase: () => {
      throw new Error('it is no RDB file')
    },
    beginCommands: () => upstream.reset(),
    replay: (argv, parser) => upstream.replay(argv, parser),
    isInTransaction: false,
  })
  reader.write(bytes)
  assert.is(reader.end(), 'whole')
  return contentOf(store)
}

/** Nothing is left of snapshots: no marks, and a delete deletes. */
function assertClean(store: Store): void {
  for (const keyspace of store.engine.dataset.keyspaces) {
    assert.not([...keyspace.slots.values()].includes(GONE), 'no marks')
    assert.is(keyspace.size, keyspace.slots.size)
    keyspace.set('probe', 'v')
    keyspace.delete('probe')
    assert.not(keyspace.slots.has('probe'), 'no capture')
  }
}

let written = 0

/** What can happen to a store, under a key, another and the number of a keyspace. */
const changes = {
  set: ({ store }, key, _other, db) => store.db(db).set(key, text()),
  setTimed: ({ store }, key, _other, db) => store.db(db).set(key, text(), { ttl: written % 5 }),
  setObject: ({ store }, key, _other, db) => store.db(db).set(key, { text: text() }),
  delete: ({ store }, key, _other, db) => store.db(db).delete(key),
  deleteAndSet: ({ store }, key, _other, db) => store.db(db).delete(key) && store.db(db).set(key, text()),
  expire: ({ store }, key, _other, db) => store.db(db).expire(key, (++written % 7) - 1),
  persist: ({ store }, key, _other, db) => store.db(db).persist(key),
  append: ({ store }, key, _other, db) => store.db(db).call('APPEND', key, text()),
  rename: ({ store }, key, other, db) => store.db(db).has(key) && store.db(db).call('RENAME', key, other),
  move: ({ store }, key, _other, db) => store.db(db).call('MOVE', key, (db + 1) % DATABASES),
  copy: ({ store }, key, other, db) => key !== other && store.db(db).call('COPY', key, other, 'REPLACE'),
  push: ({ store }, key, _other, db) => store.db(db).call('RPUSH', `list:${key}`, text(), text()),
  pop: ({ store }, key, _other, db) => store.db(db).call('LPOP', `list:${key}`),
  add: ({ store }, key, other, db) => store.db(db).call('SADD', `set:${key}`, other, text()),
  remove: ({ store }, key, other, db) => store.db(db).call('SREM', `set:${key}`, other),
  score: ({ store }, key, other, db) => store.db(db).call('ZADD', `zset:${key}`, ++written, other),
  unscore: ({ store }, key, other, db) => store.db(db).call('ZREM', `zset:${key}`, other),
  field: ({ store }, key, other, db) => store.db(db).call('HSET', `hash:${key}`, other, text(), 'f', 'v'),
  unfield: ({ store }, key, other, db) => store.db(db).call('HDEL', `hash:${key}`, other, 'f'),
  fieldTime: ({ store }, key, _other, db) =>
    store.db(db).call('HPEXPIREAT', `hash:${key}`, 2_000_000 + ++written, 'FIELDS', 1, 'f'),
  entry: ({ store }, key, other, db) => store.db(db).call('XADD', `stream:${key}`, '*', other, text()),
  trim: ({ store }, key, _other, db) => store.db(db).call('XTRIM', `stream:${key}`, 'MAXLEN', 1),
  group: ({ store }, key, _other, db) => {
    store.db(db).call('XADD', `stream:${key}`, '*', 'f', 'v')
    store.db(db).call('XGROUP', 'DESTROY', `stream:${key}`, 'g')
    store.db(db).call('XGROUP', 'CREATE', `stream:${key}`, 'g', 0)
    store.db(db).call('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', `stream:${key}`, '>')
  },
  clear: ({ store }, _key, _other, db) => store.db(db).clear(),
  flushAll: ({ store }) => store.call('FLUSHALL'),
  swap: ({ store }, _key, _other, db) => store.call('SWAPDB', db, (db + 1) % DATABASES),
  tick: ({ at }) => {
    at.now += 2
  },
  get: ({ store }, key, _other, db) => store.db(db).get(key),
  transaction: ({ store }, key, other, db) =>
    store.transaction(() => {
      store.db(db).delete(key)
      store.set(other, text())
      store.db(db).set(key, text())
    }),
  undone: ({ store }, key, other, db) =>
    assert.throws(() =>
      store.transaction(() => {
        store.db(db).set(key, text())
        store.db(db).delete(other)
        if (written % 3 === 0) store.db(db).clear()
        if (written % 4 === 0) store.call('SWAPDB', 0, 1)
        store.db(db).set(other, text())
        throw new Error('undone')
      }),
    ),
} satisfies Record<string, (world: ReturnType<typeof make>, key: string, other: string, db: number) => unknown>

function text(): string {
  return `value ${++written}`
}

const anyKey = fc.integer({ min: 0, max: 12 }).map((i) => `k${i}`)
const anyDb = fc.nat(DATABASES - 1)
const often = ['set', 'delete', 'deleteAndSet'] as const
const change = fc.record({
  kind: fc.constant('change' as const),
  name: fc.constantFrom(...(Object.keys(changes) as (keyof typeof changes)[]), ...often),
  arguments: fc.tuple(anyKey, anyKey, anyDb),
})
const walk = fc.record({
  kind: fc.constant('walk' as const),
  name: fc.constantFrom('begin' as const, 'read' as const, 'read' as const, 'read' as const, 'cancel' as const),
  keys: fc.integer({ min: 1, max: 8 }),
  which: fc.nat(),
})

for (const [title, options] of [
  ['a store', {}],
  ['a bounded store', { max: 15 }],
] as const) {
  test(`each of several snapshots of ${title} holds what there was when it began`, { limitMs: 60_000 }, () => {
    const steps = fc.array(fc.oneof({ weight: 3, arbitrary: change }, { weight: 2, arbitrary: walk }), {
      maxLength: 80,
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), steps, (before, during) => {
        const world = make(options)
        for (const { name, arguments: given } of before) changes[name](world, ...given)
        let taken = [new Taken(world.store)]
        for (const step of during) {
          if (step.kind === 'change') changes[step.name](world, ...step.arguments)
          else if (step.name === 'begin')
            taken.push(new Taken(world.store, undefined, step.keys % 2 === 0 ? 'commands' : 'file'))
          else if (taken.length > 0) {
            const one = taken[step.which % taken.length]
            if (step.name === 'read') one.read(step.keys)
            else one.snapshot.cancel()
            if (step.name === 'cancel') taken = taken.filter((each) => each !== one)
          }
        }
        const end = contentOf(world.store)
        for (const one of taken) one.check()
        assert.equal(contentOf(world.store), end, 'taking one changes nothing')
        assertClean(world.store)
      }),
      { numRuns: 400 },
    )
  })
}

test('an empty dataset is a file without keys', () => {
  const { store } = make()
  const taken = new Taken(store)
  taken.check()
  assert.is(taken.wanted.size, 0)
})

test('a cancelled snapshot gives nothing more, lets go of everything, and harms no other', () => {
  const { store } = make()
  for (let i = 0; i < 100; i++) store.set(`k${i}`, i)
  const [one, other] = [new Taken(store), new Taken(store)]
  one.read(10)
  other.read(5)
  for (let i = 0; i < 100; i += 2) store.delete(`k${i}`)
  one.snapshot.cancel()
  one.snapshot.cancel()
  assert.equal(one.snapshot.read(1000), [])
  assert.not(one.snapshot.done)
  for (let i = 0; i < 100; i++) store.set(`k${i}`, 'new')
  other.check()
  assertClean(store)
})

test('a read walks at most so many keys, and large values come in several chunks', () => {
  const { store } = make()
  for (let i = 0; i < 1000; i++) store.set(`k${i}`, i)
  store.set('large', Buffer.alloc(1_000_000, 'abcdefghij klmnop'))
  const taken = new Taken(store)
  let reads = 0
  while (!taken.snapshot.done) {
    taken.read(10)
    reads++
  }
  assert.ok(reads >= 100, `${reads} reads`)
  assert.equal(taken.snapshot.read(10), [])
  taken.check()
})

for (const [title, valueAt] of [
  ['text', (i: number) => `${i} `.repeat(100)],
  ['bytes', (i: number) => Buffer.alloc(300, i)],
] as const) {
  test(`pre-images of ${title} past their limit end the snapshot and not the store`, () => {
    const { store } = make()
    for (let i = 0; i < 100; i++) store.set(`k${i}`, valueAt(i)).call('STRLEN', `k${i}`)
    const [limited, other] = [new Taken(store, 5000), new Taken(store)]
    limited.read(10)
    for (let i = 99; i > 90; i--) store.set(`k${i}`, 'new')
    limited.read(10)
    for (let i = 90; i > 50; i--) store.delete(`k${i}`)
    assert.throws(
      () => limited.read(10),
      (error: unknown) => error instanceof StoreError && error.code === 'RDB' && /5000 are allowed/.test(error.message),
    )
    assert.equal(limited.snapshot.read(10), [])
    other.check()
    assertClean(store)
    assert.is(store.size, 60)
  })
}

test('past their limit no pre-images are kept any more, although nobody reads the snapshot', () => {
  const { store } = make()
  for (let i = 0; i < 1000; i++) store.set(`k${i}`, 'old'.repeat(100))
  const [limited, other] = [new Taken(store, 5000), new Taken(store)]
  limited.read(10)
  for (let i = 999; i > 100; i--) {
    store.set(`k${i}`, 'new')
    assert.ok(limited.snapshot.preimageBytes <= 6000, `${limited.snapshot.preimageBytes} bytes`)
  }
  assert.throws(() => limited.read(10), /5000 are allowed/)
  other.check()
  assertClean(store)
})

test('keys that are new during a snapshot cost it nothing, and do not make it longer', () => {
  const { store } = make()
  for (let i = 0; i < 50; i++) store.set(`k${i}`, 'old')
  const taken = new Taken(store, 1000)
  taken.read(10)
  for (let i = 0; i < 5000; i++) store.set(`new${i}`, 'new')
  assert.is(taken.snapshot.pressure, 0)
  for (let i = 0; i < 5; i++) store.delete(`new${i}`)
  store.set('new1', 'newer')
  taken.check()
  assertClean(store)
})

test('a snapshot tells how much of the room for pre-images is taken', () => {
  const { store } = make()
  for (let i = 0; i < 50; i++) store.set(`k${i}`, 'old')
  const [taken, free] = [new Taken(store, 10_000), new Taken(store, 0)]
  assert.is(taken.snapshot.pressure, 0)
  for (let i = 0; i < 20; i++) store.set(`k${i}`, 'new')
  assert.ok(taken.snapshot.pressure > 0.2 && taken.snapshot.pressure < 0.3, `${taken.snapshot.pressure}`)
  assert.is(free.snapshot.pressure, 0)
  taken.check()
  free.check()
})

const LONG = 1200

/** Long collections of each kind, each several parts of a snapshot. */
const long = {
  list: (i: number) => ['RPUSH', `long:list`, `item ${i}`],
  set: (i: number) => ['SADD', `long:set`, `member ${i}`],
  zset: (i: number) => ['ZADD', `long:zset`, i, `member ${i}`],
  hash: (i: number) => ['HSET', `long:hash`, `field ${i}`, `value ${i}`],
  stream: (i: number) => ['XADD', `long:stream`, `${i + 1}-0`, 'f', `value ${i}`],
} as const

const disturbances: Readonly<Record<string, (store: Store, key: string, kind: keyof typeof long) => unknown>> = {
  'is changed': (store, _key, kind) => store.call(...(long[kind](LONG + 5) as [string])),
  'is deleted': (store, key) => store.delete(key),
  'is renamed and changed': (store, key, kind) => {
    store.call('RENAME', key, 'other')
    store.call('RENAME', 'other', key)
    store.call(...(long[kind](LONG + 5) as [string]))
  },
  'gets a time': (store, key) => store.expire(key, 5),
  'is flushed': (store) => store.clear(),
  'is swapped away and changed': (store, _key, kind) => {
    store.call('SWAPDB', 0, 1)
    store.db(1).call(...(long[kind](LONG + 5) as [string]))
  },
}

for (const [what, disturb] of Object.entries(disturbances)) {
  test(`a long collection that ${what} while a part of it is written`, () => {
    for (const kind of Object.keys(long) as (keyof typeof long)[]) {
      for (const reads of [1, 3, 5]) {
        const { store } = make()
        for (let i = 0; i < LONG; i++) store.call(...(long[kind](i) as [string]))
        store.set('after', 'it')
        const taken = new Taken(store)
        const twin = new Taken(store)
        // The first read opens the keyspace.
        for (let i = 0; i < reads; i++) taken.read(1)
        disturb(store, `long:${kind}`, kind)
        taken.read(1)
        store.set('more', 'of it')
        if (store.has(`long:${kind}`)) store.call(...(long[kind](LONG + 6) as [string]))
        taken.check()
        twin.check()
        assertClean(store)
      }
    }
  })
}

test('keys past their time are in it: only the DEL takes them away', () => {
  const { store, at } = make()
  store.set('k', 'v', { ttl: 10 }).set('l', 'v')
  at.now += 100
  const taken = new Taken(store)
  assert.is(taken.wanted.size, 2)
  store.get('k')
  assert.is(store.size, 1)
  taken.check()
})

test('a key set again during a snapshot keeps its place in the order', () => {
  const { store } = make()
  store.set('a', 1).set('b', 2)
  const taken = new Taken(store)
  store.delete('a')
  store.set('a', 3)
  assert.equal([...store.keys()], ['a', 'b'], 'the one deviation from Map: the mark kept the place')
  taken.check()
  store.delete('a')
  store.set('a', 4)
  assert.equal([...store.keys()], ['b', 'a'])
})

test('a snapshot during which more keys change than one Map is meant to hold', () => {
  const { store } = make()
  const keys = 60_000
  for (let i = 0; i < keys; i++) store.set(`key:${i}`, `before ${i}`)
  for (let i = 0; i < 100; i++) store.call('INCRBY', `count:${i}`, String(i))
  const taken = new Taken(store)
  taken.read(100)
  for (let i = 0; i < keys; i += 2) store.set(`key:${i}`, 'changed')
  for (let i = 0; i < keys; i += 60) store.delete(`key:${i}`)
  for (let i = 0; i < keys; i += 120) store.set(`key:${i}`, 'again')
  for (let i = 0; i < 100; i++) store.call('INCR', `count:${i}`)
  while (!taken.snapshot.done) taken.read(1000)
  taken.check()
  for (let i = 0; i < 100; i++) assert.is(store.call('GET', `count:${i}`), String(i + 1))
  assertClean(store)
})

test.run()
