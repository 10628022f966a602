// Long collections in snapshots: whatever is done to them while they are read part by part, what is read is what they held
// when the snapshot began, in the same order. HOTSPARE_SEED=<n> and HOTSPARE_RUNS=<times as many> look further.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { latin1OfArg } from '../src/bytes.js'
import { StoreError } from '../src/errors.js'
import type { Weight } from '../src/keyspace/collection.js'
import { Hash } from '../src/keyspace/hash.js'
import { GONE, isString, timeIn, type Value, valueIn } from '../src/keyspace/keyspace.js'
import { List } from '../src/keyspace/list.js'
import { MemberSet } from '../src/keyspace/set.js'
import { SortedSet } from '../src/keyspace/sorted-set.js'
import { StreamLog } from '../src/keyspace/stream.js'
import { bytesOf } from '../src/keyspace/vector.js'
import { RdbReader } from '../src/rdb/reader.js'
import { Snapshot } from '../src/snapshot.js'
import { Store, type StoreOptions } from '../src/store.js'
import { MemoryNetwork } from '../src/transports/memory.js'
import { shown } from './rdb/corpus.js'
import { suite } from './suite.js'

const test = suite('images in snapshots')

const seed = Number(process.env.HOTSPARE_SEED ?? 60_118)
const times = Number(process.env.HOTSPARE_RUNS ?? 1)

// One collection and its images.

interface Held {
  readonly size: number
  image(weight: Weight): { readonly size: number; close(): void }
}

interface Kind<C extends Held> {
  make(): C
  /** Changes it. Two numbers say what: the same change of another one with the same contents has the same effect. */
  changes: readonly ((collection: C, one: number, other: number) => unknown)[]
  /** All that is in it, in order; of an image too. */
  each(held: object): Iterator<string>
  /** What goes and comes again while there are images keeps its place. */
  keepsPlaces?: boolean
}

const limits = { maxEntries: 3, maxBytes: 0 }

function* texts<T>(all: Iterable<T>, text: (one: T) => string): Generator<string, undefined> {
  for (const one of all) yield text(one)
}

const kinds = {
  list: {
    make: () => new List(),
    changes: [
      (list, one) => list.pushBack(`item ${one}`),
      (list, one) => list.pushFront(`item ${one}`),
      (list, one) => {
        for (let i = 0; i < 300; i++) list.pushBack(`${one}.${i}`)
      },
      (list, one) => {
        for (let i = 0; i < 300; i++) list.pushFront(`${one}.${i}`)
      },
      (list) => list.popBack(),
      (list) => list.popFront(),
      (list, one) => list.size > 0 && list.set(one % list.size, `new ${one}`),
      (list, one) => list.insert(one % (list.size + 1), `put in ${one}`),
      (list, one, other) =>
        list.size > 0 && list.removeAt(one % list.size, 1 + (other % (list.size - (one % list.size)))),
      (list, one) => list.remove(`item ${one % 8}`),
      (list, one) => list.removeFromBack(`item ${one % 8}`, 1),
      (list, one) => list.trim(one % (list.size + 1), list.size),
    ],
    each: (list: object) => texts(list as Iterable<string>, (item) => item),
  } satisfies Kind<List>,
  set: {
    make: () => new MemberSet(),
    changes: [
      (set, one) => set.add(`member ${one % 40}`),
      (set, one) => set.add(`member ${one}`),
      (set, one) => set.delete(`member ${one % 40}`),
      (set, one) => set.size > 0 && set.delete(set.pick(one / 2 ** 31)),
    ],
    each: (set: object) => texts(set as Iterable<string>, (member) => member),
  } satisfies Kind<MemberSet>,
  zset: {
    make: () => new SortedSet(),
    changes: [
      (set, one, other) => set.set(`member ${one % 200}`, other % 50),
      (set, one, other) => {
        for (let i = 0; i < 100; i++) set.set(`member ${one + i}`, (other + i * 7) % 50)
      },
      (set, one) => set.delete(`member ${one % 200}`),
      (set, one, other) =>
        set.deleteRanks(one % (set.size + 1), Math.min(set.size, (one % (set.size + 1)) + (other % 90))),
    ],
    each: (set: object) => texts(set as Iterable<[string, number]>, ([member, score]) => `${member} ${score}`),
  } satisfies Kind<SortedSet>,
  hash: {
    make: () => new Hash(),
    changes: [
      (hash, one, other) => hash.set(`field ${one % 40}`, `value ${other}`),
      (hash, one, other) => hash.set(`field ${one % 40}`, `value ${other}`, 1000 + (other % 90)),
      (hash, one, other) => hash.replace(`field ${one % 40}`, `value ${other}`),
      (hash, one) => hash.delete(`field ${one % 40}`),
      (hash, one, other) => {
        hash.delete(`field ${one % 40}`)
        hash.set(`field ${one % 40}`, `again ${other}`)
      },
      (hash, one, other) => hash.has(`field ${one % 40}`) && hash.setExpiry(`field ${one % 40}`, 1000 + (other % 90)),
      (hash, one) => hash.has(`field ${one % 40}`) && hash.setExpiry(`field ${one % 40}`, null),
      (hash, one) => hash.expire((expiresAt) => expiresAt < 1000 + (one % 90), 3),
      (hash, one) => hash.pick(() => (one % 1000) / 1000),
    ],
    each: (hash: object) =>
      texts(hash as Hash, ([field, value]) => `${field} ${value} ${(hash as Hash).expiresAt(field) ?? 'for ever'}`),
    keepsPlaces: true,
  } satisfies Kind<Hash>,
  stream: {
    make: () => new StreamLog(),
    changes: [
      (stream, one) => stream.append(nextId(stream), ['field', `value ${one}`], limits),
      (stream, one) => {
        for (let i = 0; i < 20; i++) stream.append(nextId(stream), [`field ${i & 1}`, `value ${one}`], limits)
      },
      (stream, one) => stream.delete({ ms: one % 60, seq: 0 }),
      (stream, one) =>
        stream.trim({ upTo: { length: one % (stream.size + 1) }, approximate: (one & 1) === 0, limit: 0 }),
      (stream, one) => stream.createGroup(`group ${one % 3}`, { ms: 0, seq: 0 })?.createConsumer('first', one),
      (stream, one) => stream.deleteGroup(`group ${one % 3}`),
      (stream, one, other) => {
        const group = stream.groups.get(`group ${one % 3}`)
        const consumer =
          group?.createConsumer(`consumer ${other % 3}`, one) ?? group?.consumers.get(`consumer ${other % 3}`)
        if (consumer !== undefined)
          for (let ms = 0; ms < 150; ms += 1 + (one % 3)) group!.assign({ ms, seq: 0 }, consumer, one, 1)
      },
      (stream, one, other) => {
        const group = stream.groups.get(`group ${one % 3}`)
        const pending = group?.pending.ceiling({ ms: other % 60, seq: 0 })
        if (pending !== undefined) group!.redeliver(pending, other, 5)
      },
      (stream, one, other) => stream.groups.get(`group ${one % 3}`)?.acknowledge({ ms: other % 60, seq: 0 }),
      (stream, one, other) => stream.groups.get(`group ${one % 3}`)?.deleteConsumer(`consumer ${other % 3}`),
    ],
    each: (stream: object) => partsOf(stream as StreamLog),
  } satisfies Kind<StreamLog>,
} as const

function nextId({ lastId }: StreamLog): { ms: number; seq: number } {
  return { ms: Number(lastId.ms) + 1, seq: 0 }
}

function* partsOf(
  stream: Pick<StreamLog, 'nodes' | 'groups' | 'size' | 'lastId' | 'firstId' | 'entriesAdded'>,
): Generator<string, undefined> {
  for (const node of stream.nodes) {
    for (let row = 0; row < node.rows; row++)
      yield JSON.stringify([node.live, node.deleted, node.isDeletedAt(row), node.entryAt(row)])
  }
  const { size, lastId, firstId, entriesAdded } = stream
  yield JSON.stringify({ size, lastId, firstId, entriesAdded })
  for (const { name, lastId: groupId, entriesRead, pending, consumers } of stream.groups.values()) {
    yield JSON.stringify([name, groupId, entriesRead, pending.size])
    for (const { id, deliveredAt, deliveries } of pending) yield JSON.stringify([id, deliveredAt, deliveries])
    for (const one of consumers.values()) {
      yield JSON.stringify([one.name, one.seenAt, one.activeAt, one.pending.size])
      for (const { id } of one.pending) yield JSON.stringify(id)
    }
  }
}

function allOf(each: Iterator<string>): string[] {
  const all: string[] = []
  for (let step = each.next(); step.done !== true; step = each.next()) all.push(step.value)
  return all
}

const anyNumber = fc.nat(2 ** 31 - 1)
const step = fc.record({
  do: fc.constantFrom('change', 'change', 'change', 'change', 'read', 'read', 'open', 'close'),
  which: fc.nat(1000),
  one: anyNumber,
  other: anyNumber,
})

function imagesOf<C extends Held>(name: string, kind: Kind<C>): void {
  test(`images of a ${name} hold what it held, and it holds what it would without them`, () => {
    const property = fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.array(step, { maxLength: 80 }),
      (before, during) => {
        const [live, twin] = [kind.make(), kind.make()]
        const change = ({ which, one, other }: (typeof during)[number]): void => {
          const made = kind.changes[which % kind.changes.length]
          made(live, one, other)
          made(twin, one, other)
        }
        before.forEach(change)
        type Opened = {
          wanted: string[]
          image: { close(): void }
          read: string[]
          each: Iterator<string>
          weight: Weight
        }
        let opened: Opened[] = []
        const open = (): void => {
          const weight = { bytes: 0 }
          const wanted = allOf(kind.each(live))
          const image = live.image(weight)
          assert.is(image.size, live.size)
          opened.push({ wanted, image, read: [], each: kind.each(image), weight })
        }
        open()
        for (const one of during) {
          const chosen = opened[one.which % opened.length]
          if (one.do === 'change') change(one)
          else if (one.do === 'open') open()
          else if (chosen === undefined) continue
          else if (one.do === 'close') {
            chosen.image.close()
            opened = opened.filter((other) => other !== chosen)
          } else {
            for (let i = 0; i <= one.one % 20; i++) {
              const next = chosen.each.next()
              if (next.done !== true) chosen.read.push(next.value)
            }
          }
        }
        for (const { wanted, read, each, image, weight } of opened) {
          assert.equal([...read, ...allOf(each)], wanted)
          assert.ok(weight.bytes >= 0)
          image.close()
        }
        during.slice(0, 10).forEach(change)
        const [is, should] = [allOf(kind.each(live)), allOf(kind.each(twin))]
        assert.equal(kind.keepsPlaces ? is.sort() : is, kind.keepsPlaces ? should.sort() : should)
        assert.is(live.size, twin.size)
      },
    )
    fc.assert(property, { seed, numRuns: 300 * times })
  })
}

imagesOf('list', kinds.list)
imagesOf('set', kinds.set)
imagesOf('sorted set', kinds.zset)
imagesOf('hash', kinds.hash)
imagesOf('stream', kinds.stream)

// Whole stores.

const OPTIONS = { aux: [], compress: true, checksum: true, version: 'lowest' } as const
const DATABASES = 2
const LONG = 600

/** As it is, order included. */
function exact(value: Value): unknown {
  if (isString(value)) return latin1OfArg(value)
  if (value.type === 'set') return [...value]
  if (value.type === 'hash') return Array.from(value, ([field, text]) => [field, text, value.expiresAt(field)])
  if (value.type !== 'vectorset') return shown(value)
  return Array.from(value, ({ id, name, vector, attribute }) => [id, name, bytesOf(vector).toString('hex'), attribute])
}

function sorted(content: Map<string, string>): Map<string, string> {
  return new Map([...content].sort(([one], [other]) => (one < other ? -1 : 1)))
}

function contentOf(store: Store): Map<string, string> {
  const content = new Map<string, string>()
  for (const { index, slots } of store.engine.dataset.keyspaces) {
    for (const [key, slot] of slots.entries()) {
      if (slot === GONE) continue
      content.set(`${index}/${key}`, JSON.stringify([exact(valueIn(slot)), timeIn(slot)]))
    }
  }
  return sorted(content)
}

function contentOfFile(file: Buffer): Map<string, string> {
  const content = new Map<string, string>()
  let db = -1
  const put = (key: string, value: Value, expiresAt: number | null): void => {
    assert.not(content.has(`${db}/${key}`), `${db}/${key} is there twice`)
    content.set(`${db}/${key}`, JSON.stringify([exact(value), expiresAt]))
  }
  const selectDb = (index: number): void => {
    db = index
  }
  const reader = new RdbReader({ aux() {}, selectDb, resizeDb() {}, string: put, value: put, function() {} })
  reader.write(file)
  reader.end()
  return sorted(content)
}

class Taken {
  readonly wanted: Map<string, string>
  readonly snapshot: Snapshot
  readonly chunks: Buffer[] = []

  constructor(store: Store, maxPreimageBytes?: number) {
    this.wanted = contentOf(store)
    this.snapshot = new Snapshot(store.engine.dataset, { ...OPTIONS, maxPreimageBytes })
  }

  read(most: number): void {
    this.chunks.push(...this.snapshot.read(most))
  }

  check(): void {
    while (!this.snapshot.done) this.read(3)
    assert.equal(contentOfFile(Buffer.concat(this.chunks)), this.wanted)
  }
}

interface World {
  store: Store
  at: { now: number }
}

function make(options: StoreOptions<unknown> = {}): World {
  const at = { now: 1_000_000 }
  const env = { ...new MemoryNetwork({ seed: 1 }).env('a'), now: () => at.now }
  const store = new Store({ env, ...options })
  const many = Array.from({ length: LONG }, (_, i) => i)
  store.call('RPUSH', 'list', ...many.map((i) => `item ${i}`))
  store.call('SADD', 'set', ...many.map((i) => `member ${i}`))
  store.call('ZADD', 'zset', ...many.flatMap((i) => [i % 97, `member ${i}`]))
  store.call('HSET', 'hash', ...many.flatMap((i) => [`field ${i}`, `value ${i}`]))
  for (const i of many) store.call('XADD', 'stream', `${i + 1}-0`, 'f', `value ${i}`)
  store.call('XGROUP', 'CREATE', 'stream', 'g', '0')
  store.call('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', 500, 'STREAMS', 'stream', '>')
  for (const i of many.slice(0, 300)) store.call('VADD', 'vectors', 'VALUES', 2, i + 1, 7, `element ${i}`)
  return { store, at }
}

type Act = (call: (...argv: (string | number)[]) => unknown, i: number, world: World, db: number) => unknown

const acts: Record<string, Act> = {
  pushAndPop: (call, i) => {
    call('RPUSH', 'list', i)
    call('LPUSH', 'list', i)
    call(i & 1 ? 'LPOP' : 'RPOP', 'list')
  },
  changeList: (call, i) =>
    call('EXISTS', 'list') && Number(call('LLEN', 'list')) > 300 && call('LSET', 'list', i % 300, `set ${i}`),
  cutList: (call, i) => call('LTRIM', 'list', i % 40, -1 - (i % 30)),
  takeFromList: (call, i) => call('LREM', 'list', 0, `item ${i % LONG}`),
  addMember: (call, i) => call('SADD', 'set', `member ${i % LONG}`, `more ${i}`),
  takeMembers: (call, i) => call('SREM', 'set', `member ${i % LONG}`, `member ${(i * 7) % LONG}`),
  popMember: (call) => call('SPOP', 'set', 3),
  score: (call, i) => call('ZADD', 'zset', i % 211, `member ${i % LONG}`, i, `more ${i}`),
  unscore: (call, i) => call('ZREM', 'zset', `member ${i % LONG}`),
  cutScores: (call, i) => call('ZREMRANGEBYRANK', 'zset', i % 100, (i % 100) + 20),
  field: (call, i) => call('HSET', 'hash', `field ${i % LONG}`, `other ${i}`, `more ${i}`, 'v'),
  unfield: (call, i) => call('HDEL', 'hash', `field ${i % LONG}`, `field ${(i * 11) % LONG}`),
  fieldTime: (call, i, { at }) =>
    call('HPEXPIREAT', 'hash', at.now + (i % 9), 'FIELDS', 2, `field ${i % LONG}`, `field ${(i + 1) % LONG}`),
  noFieldTime: (call, i) => call('HPERSIST', 'hash', 'FIELDS', 1, `field ${i % LONG}`),
  readFields: (call, i) => call('HMGET', 'hash', `field ${i % LONG}`),
  entry: (call, i) => call('XADD', 'stream', '*', 'f', `more ${i}`),
  unentry: (call, i) => call('XDEL', 'stream', `${1 + (i % LONG)}-0`),
  cutStream: (call, i) => call('XTRIM', 'stream', 'MAXLEN', LONG - (i % 200)),
  readEntries: (call, i) =>
    call('EXISTS', 'stream') &&
    group(call) &&
    call('XREADGROUP', 'GROUP', 'g', `c${i % 3}`, 'COUNT', 5, 'STREAMS', 'stream', i & 1 ? '>' : '0'),
  acknowledge: (call, i) => call('XACK', 'stream', 'g', `${1 + (i % LONG)}-0`),
  claim: (call, i) =>
    call('EXISTS', 'stream') && group(call) && call('XCLAIM', 'stream', 'g', `c${i % 3}`, 0, `${1 + (i % LONG)}-0`),
  ungroup: (call, i) => i % 5 === 0 && call('EXISTS', 'stream') && call('XGROUP', 'DESTROY', 'stream', 'g'),
  element: (call, i) => call('VADD', 'vectors', 'VALUES', 2, i % 13, 1 + (i % 17), `element ${i % 350}`),
  unelement: (call, i) => call('VREM', 'vectors', `element ${i % 300}`),
  attribute: (call, i) => call('VSETATTR', 'vectors', `element ${i % 300}`, `{"i":${i}}`),
  rename: (call, i) => {
    const key = keyAt(i)
    if (call('EXISTS', key) && !call('EXISTS', 'elsewhere')) call('RENAME', key, 'elsewhere')
    else if (call('EXISTS', 'elsewhere') && call('TYPE', 'elsewhere') === call('TYPE', key))
      call('RENAME', 'elsewhere', key)
  },
  copy: (call, i) => call('COPY', keyAt(i), `copy of ${keyAt(i)}`, 'REPLACE'),
  copyBack: (call, i) => call('COPY', `copy of ${keyAt(i)}`, keyAt(i), 'REPLACE'),
  delete: (call, i) => i % 4 === 0 && call('UNLINK', keyAt(i)),
  expire: (call, i) => call('PEXPIRE', keyAt(i), i % 6),
  persist: (call, i) => call('PERSIST', keyAt(i)),
  move: (call, i, _world, db) => call('MOVE', keyAt(i), (db + 1) % DATABASES),
  text: (call, i) => call('SET', `text ${i % 5}`, i),
  tick: (call, i, { at }) => {
    at.now += 3
    for (let k = 0; k < 3; k++) call('TYPE', keyAt(i + k))
  },
  flush: (call, i) => i % 6 === 0 && call('FLUSHDB'),
  flushAll: (call, i) => i % 9 === 0 && call('FLUSHALL'),
  swap: (call) => call('SWAPDB', 0, 1),
}

function group(call: Parameters<Act>[0]): boolean {
  const groups = call('XINFO', 'GROUPS', 'stream') as unknown[]
  if (groups.length === 0) call('XGROUP', 'CREATE', 'stream', 'g', '0')
  return true
}

const names = ['list', 'set', 'zset', 'hash', 'stream', 'vectors']
function keyAt(i: number): string {
  return names[i % names.length]
}

const act = fc.record({
  do: fc.constant('act' as const),
  name: fc.constantFrom(...Object.keys(acts)),
  i: fc.nat(5000),
  times: fc.constantFrom(1, 1, 2, 20),
  db: fc.constantFrom(0, 0, 0, 1),
})
const look = fc.record({
  do: fc.constantFrom(
    'read' as const,
    'read' as const,
    'read' as const,
    'read' as const,
    'begin' as const,
    'cancel' as const,
  ),
  which: fc.nat(1000),
  most: fc.integer({ min: 1, max: 4 }),
})

for (const [title, options] of [
  ['a store', {}],
  ['a bounded store', { max: 9 }],
] as const) {
  test(`each of several snapshots of ${title} with long collections holds what there was`, { limitMs: 60_000 }, () => {
    const steps = fc.array(fc.oneof({ weight: 3, arbitrary: act }, { weight: 2, arbitrary: look }), { maxLength: 60 })
    const property = fc.property(steps, (during) => {
      const world = make(options)
      const { store } = world
      let taken = [new Taken(store)]
      for (const one of during) {
        if (one.do === 'act') {
          const call = (...argv: (string | number)[]): unknown =>
            store.db(one.db).call(...(argv as [string, ...string[]]))
          for (let k = 0; k < one.times; k++) acts[one.name](call, one.i + k, world, one.db)
        } else if (one.do === 'begin') {
          if (taken.length < 4) taken.push(new Taken(store))
        } else if (taken.length > 0) {
          const chosen = taken[one.which % taken.length]
          if (one.do === 'read') chosen.read(one.most)
          else {
            chosen.snapshot.cancel()
            taken = taken.filter((other) => other !== chosen)
          }
        }
      }
      const end = contentOf(store)
      for (const one of taken) one.check()
      assert.equal(contentOf(store), end, 'taking one changes nothing')
    })
    fc.assert(property, { seed, numRuns: 40 * times })
  })
}

test('a vector set that changes while a part of it is written', () => {
  for (const reads of [2, 150, 302, 450, 590]) {
    const { store } = make()
    for (const key of ['list', 'set', 'zset', 'hash', 'stream']) store.delete(key)
    const [taken, twin] = [new Taken(store), new Taken(store)]
    for (let i = 0; i < reads; i++) taken.read(1)
    assert.not(taken.snapshot.done)
    store.call('VREM', 'vectors', 'element 0')
    store.call('VREM', 'vectors', 'element 299')
    for (let i = 0; i < 20; i++) store.call('VADD', 'vectors', 'VALUES', 2, 1, i, `element ${i * 10}`)
    store.call('VSETATTR', 'vectors', 'element 7', '{}')
    taken.check()
    twin.check()
  }
})

test('a long string is written in parts, and may be replaced meanwhile', () => {
  for (const value of [Buffer.alloc(3_000_000, 'abc'), Buffer.alloc(3_000_000, 0xfe), 'ä'.repeat(1_500_000)]) {
    const { store } = make()
    store.clear()
    store.set('text', value)
    const [taken, twin] = [new Taken(store), new Taken(store)]
    const isMany = typeof value !== 'string'
    if (isMany) for (let i = 0; i < 10; i++) taken.read(1)
    assert.is(taken.snapshot.done, false)
    store.set('text', 'short')
    store.delete('text')
    taken.check()
    twin.check()
  }
})

test('what images keep counts as pre-images: past the limit the snapshot ends, and neither the store nor another one', () => {
  for (const change of [
    (store: Store, i: number) => store.call('HSET', 'hash', `field ${i}`, 'x'.repeat(100)),
    (store: Store, i: number) => store.call('LSET', 'list', i, 'x'),
    (store: Store, i: number) => store.call('ZINCRBY', 'zset', 1000, `member ${i}`),
    (store: Store, i: number) => store.call('SREM', 'set', `member ${i}`),
    (store: Store, i: number) => store.call('XDEL', 'stream', `${i + 1}-0`),
    (store: Store, i: number) => store.call('VREM', 'vectors', `element ${i}`),
  ]) {
    const { store } = make()
    const [limited, other] = [new Taken(store, 4000), new Taken(store)]
    for (let i = 0; i < 200; i++) change(store, i)
    assert.throws(
      () => limited.read(1),
      (error: unknown) => error instanceof StoreError && error.code === 'RDB' && /4000 are allowed/.test(error.message),
    )
    assert.not(limited.snapshot.done)
    assert.equal(limited.snapshot.read(1), [])
    other.check()
  }
})

test('a snapshot of a store with a million elements is taken at once, and so is what is kept when they change', () => {
  const { store } = make()
  const many = Array.from({ length: 1000 }, (_, i) => i)
  for (let k = 0; k < 200; k++) {
    store.call('SADD', 'set', ...many.map((i) => `${k}/${i}`))
    store.call('RPUSH', 'list', ...many.map((i) => `${k}/${i}`))
    store.call('HSET', 'hash', ...many.flatMap((i) => [`${k}/${i}`, 'v']))
    store.call('ZADD', 'zset', ...many.flatMap((i) => [i, `${k}/${i}`]))
  }
  const snapshot = new Snapshot(store.engine.dataset, { ...OPTIONS, maxPreimageBytes: 200_000 })
  // A copy of any of them would be more than is allowed.
  store.call('SREM', 'set', '7/7')
  store.call('LSET', 'list', 77_777, 'x')
  store.call('HDEL', 'hash', '7/7')
  store.call('ZADD', 'zset', 5000, '7/7')
  snapshot.read(1)
  let reads = 0
  while (!snapshot.done) {
    snapshot.read(1)
    reads++
  }
  assert.ok(reads > 3000, `${reads} parts`)
})

test.run()
