// Files and payloads that are damaged in all ways: nothing but a clear refusal comes of it, or values that are sound. From
// one seed; HOTSPARE_RUNS=100000 for more.

import * as assert from 'uvu/assert'
import { loadInto } from '../../src/engine/loading.js'
import { StoreError } from '../../src/errors.js'
import { Dataset } from '../../src/keyspace/dataset.js'
import type { Value } from '../../src/keyspace/keyspace.js'
import { dumpValue, payloadVersion, restoreValue } from '../../src/rdb/payload.js'
import { suite } from '../suite.js'
import { type Fixture, fixture, fixtureNames, manifestKeys, NOBODY, shown, withChecksum } from './corpus.js'

const test = suite('rdb, damaged')

const RUNS = Number(process.env.HOTSPARE_RUNS ?? 3000)
const SEED = 20_261_123
/** Large files would be damaged where their strings are, and take long. */
const MAX_FILE_BYTES = 20_000
/** What a compressed byte may become, and what is taken whatever comes. */
const MAX_EXPANSION = 100
const BASE_BYTES = 256 * 1024
const MAX_LOAD_MS = 2000

class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** A whole number below `count`. */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count)
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]
  }
}

/** Lengths and counts that lie, and marks that are something else. */
const LIES: readonly (readonly number[])[] = [
  [0],
  [1],
  [0x3f],
  [0x7f, 0xff],
  [0x80, 0xff, 0xff, 0xff, 0xff],
  [0x80, 0, 1, 0, 0],
  [0x81, 0, 0, 1, 0, 0, 0, 0, 0],
  [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xc0, 0xff],
  [0xc3, 4, 0x80, 0x1f, 0xff, 0xff, 0xff],
  [0xf0, 0xff, 0xff, 0xff, 0x7f],
  [0xfe, 0xff, 0xff, 0xff, 0xff],
  [0xff],
  [0xff, 0xff],
  [0xff, 0xff, 0xff, 0xff],
]

function damage(chance: Chance, bytes: Buffer, other: Buffer): Buffer {
  const at = chance.below(bytes.length)
  const until = Math.min(bytes.length, at + 1 + chance.below(16))
  const splice = (...parts: (Buffer | readonly number[])[]): Buffer =>
    Buffer.concat([bytes.subarray(0, at), ...parts.map((part) => Buffer.from(part)), bytes.subarray(until)])
  const damaged = Buffer.from(bytes)
  switch (chance.below(8)) {
    case 0:
      for (let flips = chance.below(4); flips >= 0; flips--) {
        damaged[chance.below(bytes.length)] ^= 1 << chance.below(8)
      }
      return damaged
    case 1:
      damaged[at] = chance.below(256)
      return damaged
    case 2:
      damaged.set(chance.of(LIES).slice(0, bytes.length - at), at)
      return damaged
    case 3:
      return bytes.subarray(0, at)
    case 4:
      return splice()
    case 5:
      return splice(bytes.subarray(at, until), bytes.subarray(at, until))
    case 6:
      return splice(chance.of(LIES))
    default: {
      const from = chance.below(other.length)
      return splice(other.subarray(from, from + 1 + chance.below(64)))
    }
  }
}

let largest = 0
const { allocUnsafeSlow } = Buffer

test.before(() => {
  Buffer.allocUnsafeSlow = (size) => {
    largest = Math.max(largest, size)
    return allocUnsafeSlow(size)
  }
})
test.after(() => {
  Buffer.allocUnsafeSlow = allocUnsafeSlow
})

/** Whether it could be loaded. Fails unless all goes well, or a StoreError says why not. */
function tryLoad(bytes: Buffer, pieceBytes: number): Dataset | undefined {
  let loaded: Dataset | undefined
  const fresh = new Dataset(16, NOBODY)
  const load = loadInto(fresh, () => {
    loaded = fresh
  })
  largest = 0
  const start = performance.now()
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) load.write(bytes.subarray(at, at + pieceBytes))
    load.commit()
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'RDB')) throw error
    assert.is(loaded, undefined)
  }
  assert.ok(performance.now() - start < MAX_LOAD_MS)
  assert.ok(largest <= BASE_BYTES + MAX_EXPANSION * bytes.length, `${largest} bytes for ${bytes.length}`)
  return loaded
}

/** What was accepted can be written, and comes back. */
function assertSound(value: Value): void {
  const payload = Buffer.from(dumpValue(value), 'latin1')
  const again = restoreValue(payload, payloadVersion(payload)!)
  assert.ok(again !== undefined, 'a value comes back')
  assert.is(JSON.stringify(shown(again)), JSON.stringify(shown(value)))
}

function sources(): Fixture[] {
  return fixtureNames()
    .map(fixture)
    .filter(({ bytes }) => bytes.length <= MAX_FILE_BYTES)
}

test('damaged files', { limitMs: 3_600_000 }, () => {
  const chance = new Chance(SEED)
  const files = sources()
  let refused = 0
  for (let run = 0; run < RUNS; run++) {
    const { name, bytes } = chance.of(files)
    const other = chance.of(files).bytes
    // Mostly with a checksum that fits, which would tell at the end only.
    let damaged = damage(chance, bytes.subarray(0, bytes.length - 8), other)
    if (chance.below(4) === 0) damaged = damage(chance, damaged.length === 0 ? other : damaged, bytes)
    const whole = chance.below(10) === 0 ? damaged : withChecksum(damaged)
    try {
      const dataset = tryLoad(whole, chance.of([1, 7, 100, 65_536]))
      if (dataset === undefined) refused++
      else if (chance.below(20) === 0) {
        for (const { slots, index } of dataset.keyspaces)
          for (const key of slots.keys()) assertSound(dataset.keyspaces[index].peek(key)!)
      }
    } catch (error) {
      throw new Error(`run ${run} of ${name}: ${(error as Error).stack}\n${whole.toString('base64').slice(0, 2000)}`)
    }
  }
  assert.ok(refused > RUNS / 2, `${refused} of ${RUNS} were refused`)
})

test('damaged payloads', { limitMs: 3_600_000 }, () => {
  const chance = new Chance(SEED + 1)
  const payloads = sources()
    .flatMap(({ manifest }) => manifestKeys(manifest))
    .flatMap(([, { dump_b64 }]) => (dump_b64 === undefined ? [] : [Buffer.from(dump_b64, 'base64')]))
    .filter(({ length }) => length < MAX_FILE_BYTES)
  let refused = 0
  for (let run = 0; run < RUNS; run++) {
    const payload = chance.of(payloads)
    const version = payload.readUInt16LE(payload.length - 10)
    const body = damage(chance, payload.subarray(0, payload.length - 10), chance.of(payloads))
    largest = 0
    const value = restoreValue(Buffer.concat([body, payload.subarray(payload.length - 10)]), version)
    assert.ok(largest <= BASE_BYTES + MAX_EXPANSION * body.length, `${largest} bytes for ${body.length}`)
    if (value === undefined) refused++
    else assertSound(value)
  }
  assert.ok(refused > RUNS / 3, `${refused} of ${RUNS} were refused`)
})

test.run()
