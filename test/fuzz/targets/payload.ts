// What RESTORE and FUNCTION RESTORE take. The last two bytes of the input are the version; the checksum is made right.

import { payloadVersion, restoreFunctions, restoreValue } from '../../../src/rdb/payload.js'
import { fixture, fixtureNames, manifestKeys, withChecksum } from '../../rdb/corpus.js'
import type { Target } from '../target.js'
import { expectSoundValue } from './rdb.js'

const MAX_PAYLOAD_BYTES = 4000
const CHECKSUM_BYTES = 8

export const payload: Target = {
  name: 'payload',
  about: 'rdb/payload.ts and rdb/values.ts: a sound value, or a refusal',
  words: ['\x0b\0', '\x50\0', '\0\0\0\0', '\xf5', '\x81\xbd\xe7\x2d\xa2\xbb\x1e\xb4\0', '\x02', '\x05'],
  seeds: () => {
    const all = fixtureNames()
      .flatMap((name) => manifestKeys(fixture(name).manifest))
      .flatMap(([, { dump_b64 }]) => (dump_b64 === undefined ? [] : [Buffer.from(dump_b64, 'base64')]))
      .filter(({ length }) => length <= MAX_PAYLOAD_BYTES)
      .map((bytes) => bytes.subarray(0, bytes.length - CHECKSUM_BYTES))
    return [...new Map(all.map((bytes) => [bytes.toString('latin1'), bytes])).values()]
  },
  run(input) {
    payloadVersion(input)
    const whole = withChecksum(input)
    const version = payloadVersion(whole)
    if (version === undefined) return
    const value = restoreValue(whole, version)
    if (value !== undefined) expectSoundValue(value)
    restoreFunctions(whole)
  },
}
