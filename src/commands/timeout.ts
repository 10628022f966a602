// How long a command that blocks may wait: seconds with decimals, as BLPOP and its like take them.

import type { Arg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { type Context, INT64_MAX, text } from './command.js'
import { type LongDouble, parseLongDouble } from './long-double.js'

/** In milliseconds, rounded up; 0: for ever. Throws what Redis 7.0 answers to a timeout that is none. */
export function timeoutOf({ now }: Context, arg: Arg): number {
  const seconds = parseLongDouble(text(arg))
  if (seconds === undefined) throw new ReplyError('ERR timeout is not a float or out of range')
  const isNegativeInfinity = seconds === 'infinite' && text(arg).startsWith('-')
  const milliseconds = seconds === 'infinite' ? INT64_MAX + 1n : roundUp(seconds)
  if (isNegativeInfinity || milliseconds < 0n) throw new ReplyError('ERR timeout is negative')
  if (milliseconds > INT64_MAX - BigInt(now)) throw new ReplyError('ERR timeout is out of range')
  return Number(milliseconds)
}

function roundUp({ significand, exponent }: LongDouble): bigint {
  const scaled = significand * 1000n
  if (exponent >= 0) return scaled << BigInt(exponent)
  // Shifting right rounds down, whatever the sign.
  return -(-scaled >> BigInt(-exponent))
}
