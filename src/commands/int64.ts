// 64-bit integers as commands count with them: plain numbers while they are short, which is fast, BigInts beyond.
// Numbers and BigInts compare exactly with each other, so callers seldom have to know which one they hold.

import type { Arg } from '../bytes.js'
import { replyErrors } from '../errors.js'
import { digitsFrom, EXACT_DIGITS } from '../protocol/double.js'
import { INT64_MAX, INT64_MIN, parseInteger, text } from './command.js'

export type Int64 = number | bigint

const MINUS = 45
const ZERO = 48

/** A whole number in Redis' strict form (as `parseInteger`), or undefined. */
export function parseInt64(arg: Arg): Int64 | undefined {
  const digits = text(arg)
  const start = digits.charCodeAt(0) === MINUS ? 1 : 0
  // Sums of two numbers as short as these are exact too.
  if (digits.length - start > EXACT_DIGITS) return parseInteger(digits)
  const size = digitsFrom(digits, start)
  // A zero at the front stands alone.
  if (size < 0 || (digits.charCodeAt(start) === ZERO && digits.length > 1)) return undefined
  return start === 0 ? size : -size
}

export function int64(arg: Arg): Int64 {
  const value = parseInt64(arg)
  if (value === undefined) throw replyErrors.notInteger()
  return value
}

/** The sum, or undefined when 64 bits do not hold it. */
export function addInt64(a: Int64, b: Int64): Int64 | undefined {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a + b)) return a + b
  const sum = BigInt(a) + BigInt(b)
  return isInt64(sum) ? sum : undefined
}

export function isInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX
}
