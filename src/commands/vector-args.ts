// Vectors as clients write and read them: numbers one by one, or the bytes of floats.

import { type Arg, latin1OfArg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { formatDouble, formatShortest, parseDouble } from '../protocol/double.js'
import type { Reply } from '../protocol/writer.js'
import { option, text } from './command.js'
import { parseInt64 } from './int64.js'

/** Of a vector as a client gives it. */
const MAX_DIM = 65_536

export interface GivenVector {
  values: Float32Array
  /** What REDUCE asks for; 0: no REDUCE. */
  reducedDim: number
  /** Where in argv the next argument stands. */
  next: number
}

/** `[REDUCE dim] FP32 bytes` or `VALUES count number…`. Throws for anything else. */
export function givenVector(argv: readonly Arg[], at: number, mayReduce: boolean): GivenVector {
  let reducedDim = 0
  if (mayReduce && argv.length > at + 2 && option(argv[at]) === 'REDUCE') {
    reducedDim = dimOf(argv[at + 1])
    at += 2
  }
  const form = at + 1 < argv.length ? option(argv[at]) : ''
  const given = form === 'FP32' ? fromBytes(argv, at + 1) : form === 'VALUES' ? fromNumbers(argv, at + 1) : undefined
  if (given === undefined || reducedDim > given.values.length) throw invalid()
  return { ...given, reducedDim }
}

type Values = Pick<GivenVector, 'values' | 'next'>

function fromBytes(argv: readonly Arg[], at: number): Values {
  const bytes = Uint8Array.from(Buffer.from(latin1OfArg(argv[at]), 'latin1'))
  const dim = bytes.length / Float32Array.BYTES_PER_ELEMENT
  if (!Number.isInteger(dim) || dim === 0 || dim > MAX_DIM) throw invalid()
  return { values: new Float32Array(bytes.buffer), next: at + 1 }
}

function fromNumbers(argv: readonly Arg[], at: number): Values {
  const dim = dimOf(argv[at])
  const next = at + 1 + dim
  if (next > argv.length) throw invalid()
  const values = new Float32Array(dim)
  for (let i = 0; i < dim; i++) {
    const value = parseDouble(text(argv[at + 1 + i]))
    if (value === undefined) throw invalid()
    values[i] = value
  }
  return { values, next }
}

function dimOf(arg: Arg): number {
  const dim = parseInt64(arg)
  if (dim === undefined || dim < 1 || dim > MAX_DIM) throw invalid()
  return Number(dim)
}

function invalid(): ReplyError {
  return new ReplyError('ERR invalid vector specification')
}

/** A number in as few digits as tell it from others: as Redis prints doubles from 7.2 on. */
export function replyNumber(reply: Reply, value: number): void {
  reply.double(value, Number.isSafeInteger(value) ? formatDouble(value) : formatShortest(value))
}
