// Real servers and their check tools read what we write, and we read what they make of it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Arg, Binary, latin1Of, textOfLatin1 } from '../../src/bytes.js'
import { Dataset } from '../../src/keyspace/dataset.js'
import type { Hash } from '../../src/keyspace/hash.js'
import { isString, type Value } from '../../src/keyspace/keyspace.js'
import { libraryOf } from '../../src/keyspace/libraries.js'
import type { StreamLog } from '../../src/keyspace/stream.js'
import { lowestVersion } from '../../src/rdb/supplement.js'
import { RdbWriter } from '../../src/rdb/writer.js'
import { Snapshot } from '../../src/snapshot.js'
import { missingPeer, peer, runPeer, startServer, versions } from '../peers.js'
import { suite } from '../suite.js'
import { difference, fixture, fixtureNames, load, NOBODY, shown } from './corpus.js'

const test = suite('rdb, real servers')

const FAR = 4102444800000

/** Every encoding and size that the writer has. */
function values(): Arg[] {
  const sentence = 'the quick brown fox jumps over the lazy dog, '
  let noise = ''
  for (let i = 0; i < 70_000; i++) noise += String.fromCharCode(33 + ((Math.imul(i + 1, 0x9e3779b1) >>> 13) % 90))
  const all: Arg[] = ['', '0', '-1', '127', '128', '-32768', '2147483647', '-2147483648', '2147483648', '007', '-0']
  for (const length of [1, 20, 21, 24, 25, 63, 64, 100, 255, 16383, 16384, 70_000]) {
    all.push(noise.slice(0, length), 'x'.repeat(length), sentence.repeat(length).slice(0, length))
    all.push('é😀'.repeat(length).slice(0, length), new Binary('\xff\x00\xfe'.repeat(length).slice(0, length)))
  }
  all.push('ab'.repeat(1_000_000), `${noise}😀`.repeat(20), new Binary('\xff'.repeat(1_200_000)))
  return all.map((value) => (typeof value === 'string' ? value.toWellFormed() : value))
}

function sampleFile(options: { compress?: boolean; checksum?: boolean }): Buffer {
  const chunks: Buffer[] = []
  const writer = new RdbWriter((chunk) => void chunks.push(chunk), options)
  const all = values()
  writer.header()
  writer.aux('redis-ver', '7.0.15')
  writer.aux('redis-bits', '64')
  for (const db of [0, 9]) {
    writer.selectDb(db)
    writer.resizeDb(all.length + 3, all.length)
    for (const [i, value] of all.entries()) writer.string(`key:${i}`, value, i % 2 === 0 ? null : FAR + i)
    writer.string('12345', 'the key is a number', null)
    writer.string('k'.repeat(100), 'the key is compressed', null)
    writer.string('\udcffk\u00e9', 'the key is bytes', null)
  }
  writer.end()
  return Buffer.concat(chunks)
}

const kinds = [{}, { compress: false }, { checksum: false }]

for (const [family, version] of versions) {
  const skip = missingPeer(family, version)

  test(`${family}-check-rdb ${version} accepts what we write`, { skip }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-rdb-'))
    try {
      const file = join(dir, 'dump.rdb')
      for (const kind of kinds) {
        writeFileSync(file, sampleFile(kind))
        assert.match(await runPeer(peer(family, version)!.checkRdb, [file]), /RDB looks OK/)
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
}

// The corpus, written by us: one file with every key of every file, for each server in the versions that it reads.

/** The best version that each reads, beside 9, which all of them read. */
const bestVersion: Readonly<Record<string, number>> = {
  'redis 7.0.15': 10,
  'redis 8.6.3': 13,
  'valkey 8.1.1': 11,
  'valkey 9.1.2': 80,
}

/** An element of this many bytes in a stream: the one that no two families of servers read in the same form. */
const UNLUCKY = /-backlen.*x16378$/

/** Every value of the corpus, under the name of its file and its key, in two databases, and strings in a third. No time is past. */
function wholeCorpus(): Dataset {
  const dataset = new Dataset(16, NOBODY)
  const soon = Date.now() + 86_400_000
  for (const [i, name] of fixtureNames().entries()) {
    if (name.endsWith('-vectorset')) continue
    const sink = load(fixture(name).bytes)
    for (const code of sink.functions) {
      const library = libraryOf(code)!
      dataset.libraries.set(library.name, library)
    }
    for (const [index, keys] of sink.dbs) {
      for (const [key, { value, expiresAt }] of keys) {
        if (!isString(value) && value.type === 'hash') withoutPast(value, soon)
        const time = expiresAt !== null && expiresAt > soon ? expiresAt : null
        dataset.keyspaces[9 * (i % 2)].set(`${name}/${index}/${textOfLatin1(key)}`, value, time)
      }
    }
  }
  const strings = dataset.keyspaces[5]
  for (const [i, value] of values().entries()) strings.set(`key:${i}`, value, i % 2 === 0 ? null : FAR + i)
  strings.set('12345', 'the key is a number')
  strings.set('k'.repeat(100), 'the key is compressed')
  strings.set('\udcffk\u00e9', 'the key is bytes')
  return dataset
}

let cached: Dataset | undefined

/** Not to be changed. */
function corpus(): Dataset {
  cached ??= wholeCorpus()
  return cached
}

function luckyCorpus(): Dataset {
  const dataset = wholeCorpus()
  for (const keyspace of dataset.keyspaces) {
    for (const key of [...keyspace.keys()])
      if (UNLUCKY.test(key) && keyspace.typeOf(key) === 'stream') keyspace.delete(key)
  }
  return dataset
}

function withoutPast(hash: Hash, soon: number): void {
  for (const [field] of hash) if ((hash.expiresAt(field) ?? soon) < soon) hash.setExpiry(field, null)
}

function fileOfDataset(dataset: Dataset, version: number | 'lowest'): Buffer {
  const aux = [['redis-bits', '64']] as const
  const compress = version !== 9
  const snapshot = new Snapshot(dataset, { aux, compress, checksum: true, version })
  const chunks: Buffer[] = []
  while (!snapshot.done) chunks.push(...snapshot.read(1000))
  return Buffer.concat(chunks)
}

/** All that a file of that version carries of a value. */
function carried(value: Value, version: number): unknown {
  const all = shown(value)
  if (isString(value)) return all
  if (value.type === 'hash' && version < 12) return (all as unknown[][]).map((row) => row.slice(0, 2))
  if (value.type !== 'stream') return all
  const names = ['length', 'last_id', 'entries', ...(version < 10 ? [] : ['max_deleted_id', 'entries_added'])]
  const groups = (all as { groups: Record<string, unknown>[] }).groups.map((group) => ({
    ...group,
    entries_read: version < 10 ? 0 : group.entries_read,
    consumers: (group.consumers as Record<string, unknown>[]).map((consumer) => ({
      ...consumer,
      active_time: version < 11 ? 0 : consumer.active_time,
    })),
  }))
  const memory = version === 13 ? ['iids_added', 'idmp_maxsize'] : []
  return [[...names, ...memory].map((name) => (all as Record<string, unknown>)[name]), groups]
}

for (const [family, version] of versions) {
  const skip = missingPeer(family, version)

  test(`${family}-server ${version} and its check tool read the whole corpus as we write it`, {
    skip,
    limitMs: 60_000,
  }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-rdb-'))
    const file = join(dir, 'dump.rdb')
    try {
      for (const written of [9, bestVersion[`${family} ${version}`]]) {
        const dataset = version === '9.1.2' && written === 9 ? luckyCorpus() : corpus()
        writeFileSync(file, fileOfDataset(dataset, written))
        assert.match(await runPeer(peer(family, version)!.checkRdb, [file]), /RDB looks OK/)
        await using server = await startServer({ family, version, dir })
        assert.is(await server.call('SAVE'), 'OK')
        const theirs = load(readFileSync(file), () => 65_536)
        for (const { index, size, slots } of dataset.keyspaces) {
          const keys = theirs.dbs.get(index)
          assert.is(keys?.size ?? 0, size)
          for (const [key] of slots) {
            const got = keys?.get(latin1Of(key))
            assert.ok(got, key)
            const wanted = dataset.keyspaces[index].peek(key)!
            assert.is(got.expiresAt, dataset.keyspaces[index].expiresAt(key))
            assert.is(
              difference(carried(got.value, written), carried(wanted, written)),
              undefined,
              `${written}: ${key}`,
            )
          }
        }
        assert.is(theirs.functions.length, written < 10 ? 0 : dataset.libraries.size)
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
}

test('a file gets the lowest version that holds everything', () => {
  const dataset = wholeCorpus()
  const versionOf = (): string => fileOfDataset(dataset, 'lowest').toString('latin1', 0, 9)
  const remove = (isUnwanted: (value: Value) => boolean): void => {
    for (const keyspace of dataset.keyspaces) {
      for (const [key, value] of [...keyspace.entries()]) if (isUnwanted(value)) keyspace.delete(key)
    }
  }
  const streams = (value: Value): value is StreamLog => !isString(value) && value.type === 'stream'
  assert.is(versionOf(), 'REDIS0013')
  remove((value) => streams(value) && value.idempotence !== null)
  assert.is(versionOf(), 'REDIS0012')
  remove((value) => !isString(value) && value.type === 'hash' && value.timedSize > 0)
  assert.is(versionOf(), 'REDIS0011')
  remove((value) => streams(value) && value.groups.size > 0)
  assert.is(versionOf(), 'REDIS0010')
  dataset.libraries.clear()
  assert.is(versionOf(), 'REDIS0010')
  remove(streams)
  assert.is(versionOf(), 'REDIS0009')
  assert.is(lowestVersion(dataset), 9)
})

test.run()
