// Snapshots as a primary sends them and files hold them. The last eight bytes are made the right checksum, as a liar would.

import { loadInto } from '../../../src/engine/loading.js'
import { StoreError } from '../../../src/errors.js'
import { Dataset } from '../../../src/keyspace/dataset.js'
import type { Value } from '../../../src/keyspace/keyspace.js'
import { dumpValue, payloadVersion, restoreValue } from '../../../src/rdb/payload.js'
import { fixture, fixtureNames, NOBODY, shown, withChecksum } from '../../rdb/corpus.js'
import { expect, pieces, type Target } from '../target.js'

const MAX_FILE_BYTES = 6000
const CHECKSUM_BYTES = 8
/** Values that are looked at more closely. */
const SOME = 3

interface Loaded {
  dataset: Dataset | undefined
  error: string | undefined
}

function load(chunks: Iterable<Buffer>): Loaded {
  const fresh = new Dataset(16, NOBODY)
  let dataset: Dataset | undefined
  const loading = loadInto(fresh, (whole) => {
    dataset = whole
  })
  try {
    for (const chunk of chunks) loading.write(chunk)
    loading.commit()
    return { dataset, error: undefined }
  } catch (error) {
    if (!(error instanceof StoreError && error.code === 'RDB')) throw error
    expect(dataset === undefined, 'refused, and taken all the same')
    return { dataset, error: error.message }
  }
}

/** What was accepted can be written, and comes back. */
export function expectSoundValue(value: Value): void {
  const payload = Buffer.from(dumpValue(value), 'latin1')
  const again = restoreValue(payload, payloadVersion(payload)!)
  expect(again !== undefined, 'what was written of it is refused')
  expect(JSON.stringify(shown(again)) === JSON.stringify(shown(value)), 'another value comes back')
}

export const rdb: Target = {
  name: 'rdb',
  about: 'rdb/reader.ts and what it reads by: a sound dataset, or StoreError RDB; the same however it is cut',
  words: [
    '\xfe\0',
    '\xfb\x01\0',
    '\xfa\x01a\x01b',
    '\xfc',
    '\xfd',
    '\xf7\x81',
    '\xf5\x10',
    '\xff',
    'REDIS0011',
    'VALKEY080',
  ],
  seeds: () =>
    fixtureNames()
      .map((name) => fixture(name).bytes)
      .filter(({ length }) => length <= MAX_FILE_BYTES)
      .map((bytes) => bytes.subarray(0, bytes.length - CHECKSUM_BYTES)),
  run(input) {
    const file = withChecksum(input)
    const whole = load([Buffer.from(file)])
    const cut = load(pieces(file))
    expect(whole.error === cut.error, `whole: ${whole.error}, in pieces: ${cut.error}`)
    if (whole.dataset === undefined || cut.dataset === undefined) return
    for (const [index, keyspace] of whole.dataset.keyspaces.entries()) {
      const other = cut.dataset.keyspaces[index]
      expect(other.size === keyspace.size, 'in pieces it holds another number of keys')
      let looked = 0
      for (const key of keyspace.slots.keys()) {
        if (++looked > SOME) break
        expectSoundValue(keyspace.peek(key)!)
      }
    }
  },
}
