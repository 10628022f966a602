// The stream and what it is made of, against models that are slow and simple.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { IdOrder } from '../../src/keyspace/id-order.js'
import {
  compareIds,
  formatId,
  MAX_ID,
  MIN_ID,
  type StreamEntry,
  type StreamId,
  StreamLog,
} from '../../src/keyspace/stream.js'
import { idAfter, idBefore, minus64, parseId, plus64, UINT64_MAX, uint64 } from '../../src/keyspace/stream-id.js'
import { suite } from '../suite.js'

const test = suite('streams')

const limits = { maxEntries: 4, maxBytes: 4096 }
const small = fc.integer({ min: 0, max: 40 })
const edges = [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, UINT64_MAX]
const anyUint64 = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: UINT64_MAX })).map(uint64)
const anyId = fc.tuple(anyUint64, anyUint64).map(([ms, seq]) => ({ ms, seq }))

function id(ms: number, seq = 0): StreamId {
  return { ms, seq }
}

function byId(a: { id: StreamId }, b: { id: StreamId }): number {
  return compareIds(a.id, b.id)
}

test('ids: numbers of 64 bits add, subtract, compare and are written as they should', () => {
  const property = fc.property(anyId, anyId, fc.integer(), (a, b, n) => {
    const whole = ({ ms, seq }: StreamId) => (BigInt(ms) << 64n) + BigInt(seq)
    assert.is(Math.sign(compareIds(a, b)), whole(a) < whole(b) ? -1 : whole(a) > whole(b) ? 1 : 0)
    assert.equal(parseId(formatId(a), 0), a)
    assert.equal(parseId(String(a.ms), 7), { ms: a.ms, seq: 7 })
    assert.is(plus64(a.ms, n), uint64(BigInt(a.ms) + BigInt(n)))
    assert.is(BigInt(minus64(a.ms, b.ms)), BigInt.asIntN(64, BigInt(a.ms) - BigInt(b.ms)))
    const after = idAfter(a)
    assert.is(after && whole(after), compareIds(a, MAX_ID) === 0 ? undefined : whole(a) + 1n)
    const before = idBefore(a)
    assert.is(before && whole(before), compareIds(a, MIN_ID) === 0 ? undefined : whole(a) - 1n)
  })
  fc.assert(property, { seed: 51, numRuns: 2000 })
})

test('ids: what is none', () => {
  for (const text of [
    '',
    '-',
    '1-',
    '-1',
    'x',
    '1-x',
    '1-1-1',
    '1.5',
    '18446744073709551616',
    '1-18446744073709551616',
    '1--5',
  ])
    assert.is(parseId(text, 0), undefined, text)
  assert.equal(parseId(' 01-+2', 0), id(1, 2))
  assert.equal(parseId(`${'0'.repeat(200)}1`, 0), undefined)
})

test('an order of ids is a sorted array', () => {
  // Many things in few ids, so that chunks split, empty and are found again.
  const step = fc.tuple(fc.constantFrom('add', 'add', 'add', 'delete'), fc.integer({ min: 0, max: 600 }))
  const property = fc.property(fc.array(step, { minLength: 400, maxLength: 1200 }), anyRun, (steps, run) => {
    const order = new IdOrder<{ id: StreamId }>()
    const model = new Map<number, { id: StreamId }>()
    const apply = (what: string, n: number) => {
      const item = { id: id(n) }
      if (what === 'add') {
        assert.is(order.add(item), !model.has(n))
        if (!model.has(n)) model.set(n, item)
      } else {
        assert.is(order.delete(item.id), model.get(n))
        model.delete(n)
      }
    }
    for (let n = run.first; n !== run.last; n += run.last > run.first ? 1 : -1) apply('add', n)
    for (const [what, n] of steps) apply(what, n)
    const sorted = [...model.values()].sort(byId)
    assert.is(order.size, sorted.length)
    assert.equal([...order], sorted)
    assert.is(order.first, sorted[0])
    assert.is(order.last, sorted.at(-1))
    for (const [, n] of steps.slice(0, 20)) {
      assert.is(order.get(id(n)), model.get(n))
      assert.equal(
        [...order.from(id(n))],
        sorted.filter((one) => one.id.ms >= n),
      )
      assert.equal([...order.downFrom(id(n))], sorted.filter((one) => one.id.ms <= n).reverse())
      assert.is(order.floor(id(n)), sorted.filter((one) => one.id.ms <= n).at(-1))
      assert.is(
        order.ceiling(id(n)),
        sorted.find((one) => one.id.ms >= n),
      )
    }
  })
  fc.assert(property, { seed: 52, numRuns: 40 })
})

test('an order of ids takes one in at any place of a full chunk', () => {
  const evens = Array.from({ length: 128 }, (_, i) => ({ id: id(2 * i) }))
  for (let n = -1; n < 256; n += 2) {
    const order = new IdOrder<{ id: StreamId }>()
    for (const one of evens) order.add(one)
    order.add({ id: id(n) })
    assert.equal([...order], [...evens, { id: id(n) }].sort(byId), String(n))
  }
})

const anyRun = fc.record({ first: fc.integer({ min: 0, max: 600 }), last: fc.integer({ min: 0, max: 600 }) })

/** What a stream does, entry by entry. */
class Model {
  entries: StreamEntry[] = []
  lastId: StreamId = MIN_ID
  maxDeletedId: StreamId = MIN_ID
  added = 0
}

const anyStep = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('append' as const), ms: small, names: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), ms: small }) },
  fc.record({ do: fc.constant('length' as const), ms: fc.integer({ min: 0, max: 10 }) }),
  fc.record({ do: fc.constant('minId' as const), ms: small }),
  fc.record({ do: fc.constant('clone' as const), ms: small }),
)

test('a stream is an array of entries', () => {
  const property = fc.property(fc.array(anyStep, { minLength: 20, maxLength: 120 }), (steps) => {
    let stream = new StreamLog()
    const model = new Model()
    const copies: { stream: StreamLog; was: StreamEntry[] }[] = []
    for (const step of steps) {
      const at = id(step.ms)
      if (step.do === 'append') {
        const next = compareIds(at, model.lastId) > 0 ? at : idAfter(model.lastId)!
        const fields = Array.from({ length: step.names }, (_, i) => [`n${i}`, String(step.ms)]).flat()
        stream.append(next, fields, limits)
        model.entries.push({ id: next, fields })
        model.lastId = next
        model.added++
      } else if (step.do === 'delete') {
        const found = model.entries.findIndex((one) => compareIds(one.id, at) === 0)
        assert.is(stream.delete(at), found >= 0)
        if (found >= 0) model.entries.splice(found, 1)
        if (found >= 0 && compareIds(at, model.maxDeletedId) > 0) model.maxDeletedId = at
      } else if (step.do === 'clone') {
        const copy = stream.clone()
        copies.push({ stream: step.ms % 2 ? copy : stream, was: model.entries.slice() })
        if (step.ms % 2 === 0) stream = copy
      } else {
        const keep =
          step.do === 'length'
            ? model.entries.slice(-step.ms || model.entries.length)
            : model.entries.filter((one) => compareIds(one.id, at) >= 0)
        const upTo = step.do === 'length' ? { length: step.ms } : { id: at }
        assert.is(stream.trim({ upTo, approximate: false, limit: 0 }), model.entries.length - keep.length)
        model.entries = keep
      }
    }
    assertSame(stream, model)
    for (const { stream: copy, was } of copies) assert.equal([...copy], was, 'a copy stays as it was')
    const dropped = stream.clone()
    dropped.trim({ upTo: { length: 0 }, approximate: false, limit: 0 })
    assert.is(dropped.heldBytes, 0, 'nothing left, nothing held')
  })
  fc.assert(property, { seed: 53, numRuns: 300 })
})

function assertSame(stream: StreamLog, { entries, lastId, maxDeletedId, added }: Model): void {
  assert.equal([...stream], entries)
  assert.is(stream.size, entries.length)
  assert.equal(stream.firstId, entries[0]?.id ?? MIN_ID)
  assert.equal(stream.lastEntryId, entries.at(-1)?.id)
  assert.equal(stream.lastId, lastId)
  assert.equal(stream.maxDeletedId, maxDeletedId)
  assert.is(stream.entriesAdded, added)
  for (const [from, to, count] of [
    [0, 40, 3],
    [5, 20, 99],
    [20, 5, 9],
    [7, 7, 1],
  ]) {
    const inside = entries.filter((one) => compareIds(one.id, id(from)) >= 0 && compareIds(one.id, id(to)) <= 0)
    assert.equal(stream.range(id(from), id(to), count), inside.slice(0, count))
    assert.equal(stream.range(id(from), id(to), count, true), inside.reverse().slice(0, count))
    assert.equal(
      stream.get(id(from)),
      entries.find((one) => compareIds(one.id, id(from)) === 0),
    )
  }
  let live = 0
  for (const node of stream.nodes) {
    live += node.live
    assert.ok(node.rows <= limits.maxEntries && node.rows === node.live + node.deleted)
  }
  assert.is(live, entries.length)
}

test('a stream put together node by node is the same', () => {
  const stream = new StreamLog()
  for (let n = 1; n <= 10; n++)
    stream.append(id(n, 5 - (n % 3)), n % 4 ? ['a', String(n)] : ['b', 'x', 'c', ''], limits)
  for (const n of [1, 6, 7]) stream.delete(id(n, 5 - (n % 3)))
  const again = new StreamLog()
  for (const node of stream.nodes) {
    const made = again.addNode(node.id, node.names)
    for (let row = 0; row < node.rows; row++) {
      const { id, fields } = node.entryAt(row)
      again.addEntry(id, fields, node.isDeletedAt(row))
      assert.is(made.hasSameNamesAt(row), node.hasSameNamesAt(row))
    }
    assert.equal([made.live, made.deleted, made.listpackBytes], [node.live, node.deleted, node.listpackBytes])
  }
  again.lastId = stream.lastId
  again.maxDeletedId = stream.maxDeletedId
  again.entriesAdded = stream.entriesAdded
  again.findFirstId()
  assert.equal([...again], [...stream])
  assert.equal(again.firstId, stream.firstId)
  assert.is(again.heldBytes, stream.heldBytes)
})

test('trimming to whole nodes, and to a limit', () => {
  const filled = () => {
    const stream = new StreamLog()
    for (let n = 1; n <= 10; n++) stream.append(id(n), ['a', '1'], limits)
    return stream
  }
  const trimmed = (upTo: { length: number } | { id: StreamId }, limit = 0) =>
    filled().trim({ upTo, approximate: true, limit })
  assert.equal(
    [10, 7, 6, 5, 2, 1, 0].map((length) => trimmed({ length })),
    [0, 0, 4, 4, 8, 8, 10],
  )
  assert.equal(
    [1, 4, 5, 8, 9, 10, 11].map((ms) => trimmed({ id: id(ms) })),
    [0, 0, 4, 4, 8, 8, 10],
  )
  assert.equal(
    [3, 4, 7, 8, 9, 10].map((limit) => trimmed({ length: 0 }, limit)),
    [0, 4, 4, 8, 8, 10],
  )
})

test('groups: pending entries are in the list of the group and of one consumer', () => {
  const step = fc.record({
    do: fc.constantFrom('assign', 'assign', 'assign', 'acknowledge', 'drop', 'release'),
    ms: fc.integer({ min: 1, max: 20 }),
    name: fc.constantFrom('x', 'y', 'z'),
  })
  const property = fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const stream = new StreamLog()
    const group = stream.createGroup('g', MIN_ID)!
    const model = new Map<number, string | undefined>()
    for (const { do: what, ms, name } of steps) {
      if (what === 'assign') {
        const consumer = group.consumers.get(name) ?? group.createConsumer(name, 1)!
        assert.is(group.assign(id(ms), consumer, ms, 1).consumer, consumer)
        model.set(ms, name)
      } else if (what === 'release') {
        group.release(id(ms), 1)
        model.set(ms, undefined)
      } else if (what === 'acknowledge') assert.is(group.acknowledge(id(ms)), model.delete(ms))
      else if (group.deleteConsumer(name)) for (const [ms, owner] of model) if (owner === name) model.delete(ms)
    }
    for (const one of [group, stream.clone().groups.get('g')!]) {
      const sorted = [...model].sort(([a], [b]) => a - b)
      assert.equal(
        [...one.pending].map(({ id, consumer }) => [id.ms, consumer?.name]),
        sorted,
      )
      assert.is(one.released, sorted.filter(([, name]) => name === undefined).length)
      for (const consumer of one.consumers.values()) {
        assert.equal(
          [...consumer.pending].map(({ id }) => id.ms),
          sorted.filter(([, name]) => name === consumer.name).map(([ms]) => ms),
        )
        for (const pending of consumer.pending) assert.is(one.pending.get(pending.id), pending)
      }
    }
    assert.is(stream.heldBytes, group.heldBytes)
    stream.deleteGroup('g')
    assert.is(stream.heldBytes, 0)
  })
  fc.assert(property, { seed: 54, numRuns: 200 })
})

test('a copy of a group is its own', () => {
  const stream = new StreamLog()
  const group = stream.createGroup('g', id(3), 5)!
  const consumer = group.createConsumer('c', 10, 20)!
  group.assign(id(1), consumer, 30, 2)
  const copy = stream.clone().groups.get('g')!
  group.acknowledge(id(1))
  consumer.seenAt = 99
  assert.equal([copy.lastId, copy.entriesRead, copy.pending.size], [id(3), 5, 1])
  const [one] = copy.consumers.values()
  assert.equal([one.name, one.seenAt, one.activeAt, one.pending.first?.deliveries], ['c', 10, 20, 2])
})

test.run()
