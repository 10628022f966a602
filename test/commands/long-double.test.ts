// The numbers of INCRBYFLOAT without a server to compare with: what redis-server 7.0.15 on x86-64 answers.

import * as assert from 'uvu/assert'
import { addLongDoubles, formatLongDouble, parseLongDouble } from '../../src/commands/long-double.js'
import { suite } from '../suite.js'

const test = suite('long double')

/** The sum as INCRBYFLOAT replies it; undefined where one of the two is no number. */
function sum(a: string, b: string): string | undefined {
  const [x, y] = [parseLongDouble(a), parseLongDouble(b)]
  if (x === undefined || y === undefined) return undefined
  const result = x === 'infinite' || y === 'infinite' ? 'infinite' : addLongDoubles(x, y)
  return result === 'infinite' ? result : formatLongDouble(result)
}

const sums: [a: string, b: string, result: string][] = [
  ['10.5', '0.1', '10.6'],
  ['0.3', '0.6', '0.9'],
  ['5.0e3', '2.0e2', '5200'],
  ['3', '1.000000000000000005', '4.00000000000000001'],
  ['1e20', '0.1', '100000000000000000000'],
  ['18446744073709551615', '0', '18446744073709551615'],
  ['18446744073709551615', '1', '18446744073709551616'],
  ['18446744073709551616', '1', '18446744073709551616'],
  ['9223372036854775807', '1', '9223372036854775808'],
  ['0', '1e-18', '0'],
  ['0', '-1e-30', '0'],
  ['0', '-1e-17', '-0.00000000000000001'],
  ['16', '-0x1.8p1', '13'],
  ['+5.', '.5', '5.5'],
  ['-0', '0', '0'],
  ['1', '-inf', 'infinite'],
  ['1.1e4932', '1.1e4932', 'infinite'],
  ['-1.1e4932', '-1.1e4932', 'infinite'],
]

test('sums are rounded to 64 bits and printed to 17 places', () => {
  for (const [a, b, result] of sums) assert.is(sum(a, b), result, `${a} + ${b}`)
})

test('what is no number, or outside the range of one, is refused', () => {
  const refused = ['', ' 1', '1 ', 'x', '.', '--5', '1e', '1e+', '0x', '0xp1', 'nan', 'infinit', '1_000', '1\0']
  refused.push('1e4933', '-1e4933', '1e-4952', '1e99999999999', '1e-99999999999', '0x1p99999999999', '1'.repeat(5120))
  for (const text of refused) assert.is(parseLongDouble(text), undefined, text)
})

test('the smallest numbers are kept, and zero may have any exponent', () => {
  assert.is(parseLongDouble('1e-4950') === undefined, false)
  assert.is(sum('0e99999999999', '2'), '2')
})

test.run()
