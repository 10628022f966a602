// What files tell of the use of keys: opcodes IDLE and FREQ, read from files of real servers, and written.

import * as assert from 'uvu/assert'
import type { KeyUse } from '../../src/keyspace/recency.js'
import { RdbReader } from '../../src/rdb/reader.js'
import { RdbWriter } from '../../src/rdb/writer.js'
import { Store } from '../../src/store.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import { suite } from '../suite.js'
import { feed, fileOf, fixture, fixtureNames, type ManifestKey, manifestKeys } from './corpus.js'

const test = suite('uses')

/** Keys and what is told of them, read in pieces of so many bytes. */
function usesIn(bytes: Buffer, pieceBytes = bytes.length): [string, KeyUse | null][] {
  const found: [string, KeyUse | null][] = []
  const nothing = (): void => {}
  const keep = (key: string, _value: unknown, _expiresAt: unknown, use: KeyUse | null): void => {
    found.push([key, use])
  }
  const sink = { aux: nothing, selectDb: nothing, resizeDb: nothing, function: nothing, string: keep, value: keep }
  const reader = new RdbReader(sink)
  feed(reader, bytes, () => pieceBytes)
  reader.end()
  return found
}

/** As the servers' own OBJECT named them when the file was written. */
interface ToldKey extends ManifestKey {
  idle?: number
  freq?: number
}

const named = fixtureNames().filter((name) => /-(lru|lfu)$/.test(name))

test('there are files of several servers with both opcodes', () => {
  assert.ok(named.filter((name) => name.endsWith('-lru')).length >= 4, named.join(' '))
  assert.ok(named.filter((name) => name.endsWith('-lfu')).length >= 4, named.join(' '))
})

for (const name of named) {
  test(`${name}: each key's use arrives, however the file is cut`, () => {
    const { bytes, manifest } = fixture(name)
    const keys = manifestKeys(manifest).map(([, key]) => key as ToldKey)
    for (const pieceBytes of [1, 7, bytes.length]) {
      const told = new Map(usesIn(bytes, pieceBytes))
      assert.is(told.size, keys.length)
      for (const { key, idle, freq } of keys)
        assert.equal({ ...told.get(key) }, { idleSeconds: idle, frequency: freq }, key)
    }
  })

  test(`${name}: a store that goes by use knows it after loading`, () => {
    const { bytes, manifest } = fixture(name)
    const isCounted = name.endsWith('-lfu')
    const store = new Store({
      env: new MemoryNetwork({ seed: 1 }).env('a'),
      config: { 'maxmemory-policy': isCounted ? 'allkeys-lfu' : 'allkeys-lru' },
    })
    const load = store.engine.beginRestore()
    load.write(bytes)
    load.commit()
    for (const [db, { key, idle, freq }] of manifestKeys(manifest) as [number, ToldKey][]) {
      const expected = isCounted ? freq : idle
      assert.type(expected, 'number')
      assert.is(store.db(db).call('OBJECT', isCounted ? 'FREQ' : 'IDLETIME', key), expected, key)
    }
  })
}

test('a use belongs to the next key and to no other, also when that key is left out', () => {
  const file = fileOf(
    'REDIS0010',
    [254, 0],
    [248, 10, 0, 1, 97, 1, 118], // a: idle for 10 seconds
    [0, 1, 98, 1, 118], // b
    [249, 255, 0, 1, 99, 1, 118], // c: frequency 255
    [249, 3, 248, 0x80, 0, 1, 0, 0, 0, 1, 100, 1, 118], // d: both; a length of four bytes
    [248, 5, 2, 1, 101, 0], // e: a set of none is left out
    [0, 1, 102, 1, 118], // f
  )
  for (const pieceBytes of [1, 2, 3, file.length])
    assert.equal(usesIn(file, pieceBytes), [
      ['a', { idleSeconds: 10, frequency: undefined }],
      ['b', null],
      ['c', { idleSeconds: undefined, frequency: 255 }],
      ['d', { idleSeconds: 65536, frequency: 3 }],
      ['f', null],
    ])
})

test('what is written stands between the time and the type, as Redis writes it', () => {
  const chunks: Buffer[] = []
  const writer = new RdbWriter((chunk) => chunks.push(chunk), { checksum: false })
  writer.header()
  writer.selectDb(0)
  writer.string('a', 'v', 1, { idleSeconds: 1000 })
  writer.string('b', 'v', null, { frequency: 200 })
  writer.string('c', 'v', null)
  writer.end()
  const bytes = Buffer.concat(chunks)
  assert.is(
    bytes.subarray(9).toString('hex'),
    [
      ['fe00'],
      ['fc0100000000000000', 'f843e8', '00', '0161', '0176'],
      ['f9c8', '00', '0162', '0176'],
      ['00', '0163', '0176'],
      ['ff', '0000000000000000'],
    ]
      .flat()
      .join(''),
  )
  assert.equal(usesIn(bytes), [
    ['a', { idleSeconds: 1000, frequency: undefined }],
    ['b', { idleSeconds: undefined, frequency: 200 }],
    ['c', null],
  ])
})

test('idle times in a file begin the record of a store without a policy; frequencies do not', () => {
  for (const [opcode, seconds] of [
    [[248, 10], 10],
    [[249, 10], 0],
  ] as const) {
    const store = new Store({ env: new MemoryNetwork({ seed: 1 }).env('a') })
    const load = store.engine.beginRestore()
    load.write(fileOf('REDIS0010', [254, 0], [...opcode, 0, 1, 97, 1, 118], [0, 1, 98, 1, 118]))
    load.commit()
    assert.is(store.engine.dataset.keyspaces[0].recency === null, seconds === 0)
    assert.equal([store.call('OBJECT', 'IDLETIME', 'a'), store.call('OBJECT', 'IDLETIME', 'b')], [seconds, 0])
  }
})

test.run()
