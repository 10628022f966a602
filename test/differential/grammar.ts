// Random commands: words and arbitrary arguments put together. Shared by the groups beside this file.

import fc from 'fast-check'
import type { Argument } from '../client.js'

export type Line = fc.Arbitrary<Argument[]>
type Part = string | fc.Arbitrary<Argument | Argument[]>

/** A command out of words and arbitrary arguments: `line('LPUSH', key, some(value, 3, 1))`. */
export function line(text: string, ...parts: Part[]): Line {
  const given = parts.map((part) => (typeof part === 'string' ? fc.constant<Argument>(part) : part))
  return fc.tuple(...given).map((args) => [...text.split(' ').filter((word) => word !== ''), ...args.flat()])
}

/** Several in a row. */
export function some(what: fc.Arbitrary<Argument | Argument[]>, maxLength = 3, minLength = 0): Line {
  return fc.array(what, { minLength, maxLength }).map((all) => all.flat())
}

/** One of these, or more often nothing. */
export function maybe(...choices: Line[]): Line {
  return fc.oneof({ weight: choices.length * 2, arbitrary: fc.constant<Argument[]>([]) }, ...choices)
}

/** Options, each there or not, in order; now and then a word that is none. */
export function options(...choices: Line[]): Line {
  const wrong = fc.oneof(
    { weight: 19, arbitrary: fc.constant<Argument[]>([]) },
    { weight: 1, arbitrary: fc.constantFrom<Argument[][]>(['FOO'], ['COUNT'], ['LIMIT', '1']) },
  )
  return fc.tuple(...choices.map((one) => maybe(one)), wrong).map((all) => all.flat())
}

export function words(...all: string[]): fc.Arbitrary<Argument> {
  return fc.constantFrom<Argument[]>(...all)
}

/** A count before what it counts, now and then a wrong one: `numkeys key [key ...]`. */
export function counted(what: fc.Arbitrary<Argument>, maxLength = 3): Line {
  return fc
    .tuple(fc.array(what, { minLength: 1, maxLength }), fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 1, -1, -9))
    .map(([all, off]) => [String(all.length + off), ...all])
}

/** Few, so that commands meet. */
export const keys: Argument[] = ['a', 'b', 'c', 'ä€\u{1f600}', Buffer.of(0xff, 0x00, 0xc3)]
export const key = fc.constantFrom(...keys)
/** Few as well: members and fields that are there and that are not. */
export const member = fc.oneof(
  fc.constantFrom<Argument[]>('m', 'n', 'o', 'p', '1', '2', '-3', '10', '007', 'ä', '', 'A', 'z'.repeat(70)),
  fc.constantFrom<Argument[]>(Buffer.of(0xff), Buffer.of(0xc3, 0x28), '\u{1f600}', '1.5', '99999999999', 'x y'),
  fc.integer({ min: 0, max: 40 }).map(String),
)
export const value = fc.oneof(
  member,
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
)
export const integer = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -12, max: 12 }).map(String) },
  {
    weight: 1,
    arbitrary: words(
      '9223372036854775807',
      '-9223372036854775808',
      '9223372036854775808',
      'x',
      '',
      '1.0',
      '+1',
      '01',
      '-0',
    ),
  },
)
export const count = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 5 }).map(String) },
  { weight: 1, arbitrary: integer },
)
export const float = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -40, max: 40 }).map((n) => String(n / 4)) },
  { weight: 2, arbitrary: words('0', '1e2', '3.0e-3', '0.1', '3.14159265358979', '1e15', '123456789.123456789') },
  { weight: 1, arbitrary: words('inf', '-inf', 'nan', 'x', '', ' 1', '1e400') },
)

/** What any group does to its keys now and then. */
export const generic: Line[] = [
  line('DEL', some(key, 2, 1)),
  line('TYPE', key),
  line('EXISTS', some(key, 2, 1)),
  line('RENAME', key, key),
  line('COPY', key, key, maybe(line('REPLACE'))),
  line('SET', key, value),
  line('EXPIRE', key, words('100000', '-1')),
  line('PERSIST', key),
]
