// Real servers and their check tools read what we write, and we read what they make of it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Arg, Binary } from '../../src/bytes.js'
import { RdbWriter } from '../../src/rdb/writer.js'
import { missingPeer, peer, runPeer, startServer, versions } from '../peers.js'
import { suite } from '../suite.js'
import { load } from './corpus.js'

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

  test(`${family}-server ${version} loads what we write, and we load what it saves`, { skip }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-rdb-'))
    try {
      for (const kind of kinds) {
        const ours = sampleFile(kind)
        writeFileSync(join(dir, 'dump.rdb'), ours)
        await using server = await startServer({ family, version, dir })
        assert.is(await server.call('SAVE'), 'OK')
        const theirs = load(readFileSync(join(dir, 'dump.rdb')), () => 65_536)
        const expected = load(ours)
        assert.equal([...theirs.dbs.keys()].sort(), [0, 9])
        for (const [index, keys] of expected.dbs) {
          const got = theirs.dbs.get(index)!
          assert.is(got.size, keys.size)
          for (const [key, { latin1, expiresAt }] of keys) {
            assert.ok(got.get(key)?.latin1 === latin1, `value of ${key}`)
            assert.is(got.get(key)?.expiresAt, expiresAt)
          }
        }
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
}

test.run()
