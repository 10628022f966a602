// The ids of stream entries: two numbers of 64 bits without sign, `ms-seq`. Nearly all fit into a JavaScript number, so
// that is what they are; only what does not fit exactly is a bigint. The two compare correctly with each other.

/** 0 to 2^64-1: a number where that is exact (below 2^53), a bigint otherwise, so that equal ones are `===`. */
export type Uint64 = number | bigint

export interface StreamId {
  readonly ms: Uint64
  readonly seq: Uint64
}

export const UINT64_MAX = 2n ** 64n - 1n
export const MIN_ID: StreamId = { ms: 0, seq: 0 }
export const MAX_ID: StreamId = { ms: UINT64_MAX, seq: UINT64_MAX }

/** Beyond this many characters Redis 7.0 takes nothing for an id. */
const MAX_ID_LENGTH = 127

/** The 64 lowest bits, in the form that Uint64 asks for. */
export function uint64(value: number | bigint): Uint64 {
  if (typeof value === 'number') return value
  const unsigned = BigInt.asUintN(64, value)
  return unsigned <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(unsigned) : unsigned
}

/** a + b, modulo 2^64. `b` may be negative. */
export function plus64(a: Uint64, b: number | bigint): Uint64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (sum >= 0 && sum <= Number.MAX_SAFE_INTEGER) return sum
  }
  return uint64(BigInt(a) + BigInt(b))
}

/** a - b as a signed number of 64 bits. */
export function minus64(a: Uint64, b: Uint64): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const difference = BigInt.asIntN(64, BigInt(a) - BigInt(b))
  const small = Number(difference)
  return Number.isSafeInteger(small) ? small : difference
}

/** The same 64 bits as a signed number: how Redis prints its counters. */
export function signed64(value: Uint64): number | bigint {
  return typeof value === 'number' ? value : BigInt.asIntN(64, value)
}

/** Negative, 0 or positive. */
export function compareIds(a: StreamId, b: StreamId): number {
  if (a.ms < b.ms) return -1
  if (a.ms > b.ms) return 1
  return a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0
}

export function isZeroId(id: StreamId): boolean {
  return id.ms === 0 && id.seq === 0
}

/** The id right behind, or undefined behind the last there can be. */
export function idAfter({ ms, seq }: StreamId): StreamId | undefined {
  if (seq !== UINT64_MAX) return { ms, seq: plus64(seq, 1) }
  return ms === UINT64_MAX ? undefined : { ms: plus64(ms, 1), seq: 0 }
}

/** The id right before, or undefined before 0-0. */
export function idBefore({ ms, seq }: StreamId): StreamId | undefined {
  if (seq !== 0) return { ms, seq: plus64(seq, -1) }
  return ms === 0 ? undefined : { ms: plus64(ms, -1), seq: UINT64_MAX }
}

export function formatId(id: StreamId): string {
  return `${id.ms}-${id.seq}`
}

const USUAL = /^(\d{1,15})(?:-(\d{1,15}))?$/

/**
 * An id as clients write it, `ms` or `ms-seq`; undefined when it is none. `missingSeq` stands in where there is no second
 * number. Lenient as Redis 7.0 is: spaces and a plus sign before a number, zeros in front of it.
 */
export function parseId(text: string, missingSeq: Uint64): StreamId | undefined {
  const usual = USUAL.exec(text)
  if (usual !== null) return { ms: Number(usual[1]), seq: usual[2] === undefined ? missingSeq : Number(usual[2]) }
  if (text.length > MAX_ID_LENGTH) return undefined
  const dash = text.indexOf('-')
  const ms = parseUint64(dash < 0 ? text : text.slice(0, dash))
  const seq = dash < 0 ? missingSeq : parseUint64(text.slice(dash + 1))
  return ms === undefined || seq === undefined ? undefined : { ms, seq }
}

// What C's strtoull takes: it even negates, modulo 2^64, what Redis has not refused before as a negative number. Like all
// of C it stops at a zero byte.
const LENIENT = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/
const NEGATIVE = /^-[1-9][0-9]*$/

function parseUint64(text: string): Uint64 | undefined {
  const zero = text.indexOf('\0')
  const digits = zero < 0 ? text : text.slice(0, zero)
  const match = LENIENT.exec(digits)
  if (match === null) return undefined
  const value = BigInt(match[2])
  if (value > UINT64_MAX || (NEGATIVE.test(digits) && value <= 2n ** 63n)) return undefined
  return uint64(match[1] === '-' ? -value : value)
}
