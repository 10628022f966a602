// How long a command that blocks may wait: seconds with decimals, as BLPOP and its like take them.

import type { Arg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { INT64_MAX, text } from './command.js'
import { type LongDouble, parseLongDouble } from './long-double.js'

/**
 * In milliseconds, rounded up; 0: for ever. Throws what Redis 7.0 answers to a timeout that is none; one that 64 bits do not
 * hold counts as negative there.
 */
export function timeoutOf(arg: Arg): number {
  const seconds = parseLongDouble(text(arg))
  if (seconds === undefined) throw new ReplyError('ERR timeout is not a float or out of range')
  const milliseconds = seconds === 'infinite' ? undefined : roundUp(seconds)
  if (milliseconds === undefined || milliseconds < 0n || milliseconds > INT64_MAX) {
    throw new ReplyError('ERR timeout is negative')
  }
  return Number(milliseconds)
}

function roundUp({ significand, exponent }: LongDouble): bigint {
  const scaled = significand * 1000n
  if (exponent >= 0) return scaled << BigInt(exponent)
  // Shifting right rounds down, whatever the sign.
  return -(-scaled >> BigInt(-exponent))
}
