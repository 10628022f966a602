// Bitmaps and bit fields: what a group of random commands is made of, see group.ts.

import fc from 'fast-check'
import { integer, key, line, maybe, some, value, words } from './grammar.js'
import type { Group } from './group.js'

const bit = words('0', '1', '1', '0', '2', 'x')
const offset = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 90 }).map(String) }, integer)
const unit = maybe(line('BYTE'), line('BIT'), line('FOO'))
const field = fc
  .tuple(words('u', 'i', 'u', 'x'), fc.integer({ min: 0, max: 65 }))
  .map(([sign, bits]) => `${sign}${bits}`)
const at = fc.oneof(
  offset,
  fc.integer({ min: 0, max: 8 }).map((n) => `#${n}`),
)
const operation = fc.oneof(
  line('GET', field, at),
  line('SET', field, at, integer),
  line('INCRBY', field, at, integer),
  line('OVERFLOW', words('WRAP', 'SAT', 'fail', 'x')),
)

export const bitmaps: Group = {
  title: 'bitmaps',
  commands: [
    line('SET', key, value),
    line('SETBIT', key, offset, bit),
    line('SETBIT', key, offset, bit),
    line('GETBIT', key, offset),
    line('BITCOUNT', key),
    line('BITCOUNT', key, integer, integer, unit),
    line('BITPOS', key, bit),
    line('BITPOS', key, bit, integer, maybe(line('', integer, unit))),
    line('BITOP', words('AND', 'OR', 'xor', 'x'), key, some(key, 3, 1)),
    line('BITOP', 'NOT', key, some(key, 2, 1)),
    line('BITFIELD', key, some(operation, 4)),
    line('BITFIELD_RO', key, some(operation, 2)),
    line('GET', key),
    line('STRLEN', key),
    line('LPUSH', key, value),
  ],
}
