// Values as bytes: what the native codec reads may have been written by anyone who may SET.

import { argOfLatin1, Binary, latin1OfArg } from '../../../src/bytes.js'
import { shownValue, ValueCodec } from '../../../src/codec.js'
import { StoreError } from '../../../src/errors.js'
import type { Chance } from '../mutation.js'
import { expect, type Target } from '../target.js'

const TAG = '\xc1HS\x01'

const cyclic: { self?: unknown; name: string } = { name: 'me' }
cyclic.self = cyclic
const shared = { a: 1 }

/** Values of all kinds that the codec knows. */
const samples: readonly unknown[] = [
  { a: 1, b: [1, 2, { c: 'text' }], d: null },
  [{ x: 1 }, { x: 2 }, { x: 3 }],
  new Map<unknown, unknown>([
    ['k', new Set([1, 'two'])],
    [{ o: 1 }, 2],
  ]),
  new Date(1e12),
  new Error('broken', { cause: new TypeError('why') }),
  new Uint8Array([1, 2, 3]),
  new Float64Array([1.5, -0]),
  /a+b/gi,
  2n ** 100n,
  -5n,
  1.5,
  'x'.repeat(40),
  undefined,
  true,
  cyclic,
  [shared, shared, [shared]],
]

/** What is read must not depend on what was read before. */
const CANARY = { a: 1, list: [{ b: 2 }, { b: 3 }], when: new Date(5), map: new Map([[1, 'one']]) }
/** A value in MessagePack whose parts stand in it several times: the shape that mutation does not meet. */
function knotted(chance: Chance): string {
  const id = (number: number): string => `\xd6\x69\0\0\0${String.fromCharCode(number)}`
  const pointer = (number: number): string => `\xd6\x70\0\0\0${String.fromCharCode(number)}`
  const levels = 1 + chance.below(14)
  let text = `${String.fromCharCode(0x90 + levels + 1)}${id(0)}\x91\xa1x`
  for (let level = 1; level <= levels; level++) {
    const times = chance.below(16)
    text += `${id(level)}${String.fromCharCode(0x90 + times)}`
    for (let i = 0; i < times; i++) text += pointer(chance.below(8) === 0 ? chance.below(levels + 2) : level - 1)
  }
  return text
}

const native = new ValueCodec('native')
const canary = native.encodeLatin1(CANARY)
const canaryShown = latin1OfArg(shownValue(new Binary(canary)))

function readAgain(): void {
  const value = native.valueOf(new Binary(canary)) as typeof CANARY
  const same = value.a === 1 && value.list[1].b === 3 && value.when.getTime() === 5 && value.map.get(1) === 'one'
  expect(same && latin1OfArg(shownValue(new Binary(canary))) === canaryShown, 'another value is read otherwise now')
}

export const codec: Target = {
  name: 'codec',
  about: 'codec.ts: a value or StoreError CODEC; shown to clients in any case; the next value is read as ever',
  words: [
    TAG,
    '\xc0',
    '\x91',
    '\xdd\xff\xff\xff\xff',
    '\xdc\xff\xff',
    '\xdf\xff\xff\xff\xff',
    '\xc6\xff\xff\xff\xff',
    '\xc9\xff\xff\xff\xff',
    '\xd4\x72\x40',
    '\xd5\x72',
    '\xd6\x69\0\0\0\x01',
    '\xd6\x70\0\0\0\x01',
    '\xd6\x62',
    '\xd4\x73\0',
    '\xd4\x65\0',
    '\xd4\x78\0',
    '\xc7\x08\x74\x08',
    '\xa9__proto__',
    '\x40',
    '\x41',
  ],
  seeds: () => [
    ...samples.map((value) => Buffer.from(native.encodeLatin1(value), 'latin1').subarray(TAG.length)),
    Buffer.from('\xd6\x69\0\0\0\x01\x92\x01\xd6\x70\0\0\0\x01', 'latin1'),
  ],
  make: (chance) => Buffer.from(knotted(chance), 'latin1'),
  run(input) {
    for (const latin1 of [TAG + input.toString('latin1'), input.toString('latin1')]) {
      const arg = argOfLatin1(latin1)
      if (typeof arg === 'string') continue
      try {
        native.valueOf(arg)
      } catch (error) {
        if (!(error instanceof StoreError && error.code === 'CODEC')) throw error
      }
      latin1OfArg(shownValue(new Binary(latin1)))
    }
    readAgain()
  },
}
