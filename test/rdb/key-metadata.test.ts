// Metadata that modules hang on keys (Redis 8.6): left out where its class allows that, refused where not, as a redis-server
// does that lacks the module. The files are of redis-server 8.6.3 with a module; see also redis-8.6.3-keymeta in the corpus.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Store, silentLog } from '../../src/index.js'
import { payloadVersion, restoreValue } from '../../src/rdb/payload.js'
import { RdbReader } from '../../src/rdb/reader.js'
import { missingPeer, startServer } from '../peers.js'
import { suite } from '../suite.js'
import { feed, fileOf, fixture, KeepingSink, load, manifestKeys, rdbError } from './corpus.js'

const test = suite('key metadata')

const NAME = 'redis-8.6.3-keymeta'
/** The same keys, and the list's metadata must not be left out. */
const mustKeep = readFileSync(new URL(`../fixtures/rdb/${NAME}-must.bin`, import.meta.url))
/** What DUMP gave for that list. */
const MUST_KEEP_DUMP =
  '8wEAk0QxAgUCgf/////////7BcMzQEYXc29tZSB0ZXh0IHRoYXQgaXMgbG9uZ2VyQA4QbiBhIGZldyBieXRlcywgb2bgDgkBdGUEAAAAAAAA+D8D' +
  'AAAgQAASAQILCwAAAAIAAQECAf8NAPVeU/RAdwpA'

/** Class specifications as they stand in a file, lowest byte first: IGN1 version 3 may be left out, MUST version 0 may not. */
const IGN1 = [0x19, 0x75, 0x63, 0x20]
const MUST = [0x00, 0x93, 0x44, 0x31]

test('each class that is left out is told, for every key', () => {
  const told: string[] = []
  const sink = new KeepingSink()
  const reader = new RdbReader(Object.assign(sink, { leftOut: (what: string) => void told.push(what) }))
  const { bytes } = fixture(NAME)
  feed(reader, bytes, () => bytes.length)
  reader.end()
  const [one, two] = ["metadata of keys of the class 'IGN1'", "metadata of keys of the class 'Ig-2'"]
  assert.equal(told.sort(), [one, one, one, two, two], 'IGN1 on three keys, Ig-2 on two')
})

test('what must not be left out is refused by the name of its class', () => {
  const message = rdbError(() => load(mustKeep))
  assert.match(
    message,
    /a key has metadata of the class 'MUST', which is not known and must not be left out, at byte \d+/,
  )
  const payload = Buffer.from(MUST_KEEP_DUMP, 'base64')
  assert.is(payloadVersion(payload), 13)
  assert.is(restoreValue(payload, 13), undefined)
})

test('metadata made by hand', () => {
  const file = (...parts: (string | number[])[]): KeepingSink => load(fileOf('REDIS0013', [0xfe, 0], ...parts))
  const key = (sink: KeepingSink): string | undefined => sink.dbs.get(0)?.get('k')?.latin1
  assert.is(key(file([243, 0], [0, 1], 'k', [1], 'v')), 'v')
  assert.is(key(file([243, 1], IGN1, [0], [0, 1], 'k', [1], 'v')), 'v')
  assert.is(key(file([243, 2], IGN1, [2, 5, 0], IGN1, [5, 2], 'ab', [0], [0, 1], 'k', [1], 'v')), 'v')
  assert.match(
    rdbError(() => file([243, 8], IGN1, [0])),
    /metadata of 8 classes on one key, at byte 12/,
  )
  assert.match(
    rdbError(() => file([243, 1], IGN1, [6, 0])),
    /unknown item 6 in a module's data, at byte 17/,
  )
  assert.match(
    rdbError(() => file([243, 2], IGN1, [0], MUST, [0])),
    /class 'MUST'/,
  )
})

test('in a file of Valkey the number stands for something else, which is refused by name', () => {
  const message = rdbError(() => load(fileOf('VALKEY080', [0xfe, 0], [243, 1], IGN1, [0], [0, 1], 'k', [1], 'v')))
  assert.match(message, /opcode 243 \(slot import of Valkey\) cannot be read, at byte 11/)
})

test('a store that loads such a file says what it left out, and writes a file without it', {
  skip: missingPeer('redis', '8.6.3'),
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-metadata-'))
  try {
    writeFileSync(join(dir, 'dump.rdb'), fixture(NAME).bytes)
    const warned: string[] = []
    const log = { ...silentLog, warn: (message: string) => void warned.push(message) }
    const store = await Store.open({ dir, log, config: { 'enable-debug-command': 'yes' } })
    assert.equal(warned.filter((line) => line.includes('left out')).sort(), [
      "The snapshot holds what is not known here and left out: metadata of keys of the class 'IGN1'",
      "The snapshot holds what is not known here and left out: metadata of keys of the class 'Ig-2'",
    ])
    assert.is(store.size, manifestKeys(fixture(NAME).manifest).length)
    const dumps = manifestKeys(fixture(NAME).manifest).map(([, { key }]) => [key, store.call('TYPE', key)] as const)
    store.set('more', 'v')
    await store.save()
    await store.close()
    const server = await startServer({ family: 'redis', version: '8.6.3', config: {}, dir })
    try {
      assert.is(await server.call('DBSIZE'), dumps.length + 1)
      for (const [key, type] of dumps) assert.is(await server.call('TYPE', key), type)
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test.run()
