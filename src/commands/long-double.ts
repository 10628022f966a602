// The 80-bit floating point numbers that INCRBYFLOAT and HINCRBYFLOAT count with: Redis uses C's `long double`, on x86-64
// a 64-bit significand. Reading, adding and printing are done exactly on BigInts and rounded as the hardware does (half
// to even), so that our results have the digits of Redis'.

/** significand x 2^exponent, the significand signed and of at most 64 bits. */
export interface LongDouble {
  significand: bigint
  exponent: number
}

export type Infinite = 'infinite'

const SIGNIFICAND_BITS = 64
/** The exponent of the last bit of the smallest number. */
const LEAST_EXPONENT = -16445
/** Numbers from 2 to this power on are infinite. */
const EXPONENT_LIMIT = 16384
/** Redis' MAX_LONG_DOUBLE_CHARS: a longer text is no number. */
const MAX_CHARACTERS = 5 * 1024
/** Beyond these powers of ten (and those digits) everything is infinite or zero: no need to compute with it. */
const DECIMAL_LIMIT = 5000
/** Digits behind the point that are printed: `%.17Lf`. */
const PLACES = 17

const DECIMAL = /^([+-]?)([0-9]*)\.?([0-9]*)(?:e([+-]?[0-9]+))?$/i
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?$/i
const INFINITY = /^[+-]?inf(?:inity)?$/i

export const zero: LongDouble = { significand: 0n, exponent: 0 }

/** What C's strtold reads, as Redis' string2ld narrows it: all of the text, no blanks, no NaN, nothing out of range. */
export function parseLongDouble(text: string): LongDouble | Infinite | undefined {
  if (text.length >= MAX_CHARACTERS) return undefined
  if (INFINITY.test(text)) return 'infinite'
  const hexadecimal = HEXADECIMAL.exec(text)
  const [, sign, whole, fraction, power = '0'] = hexadecimal ?? DECIMAL.exec(text) ?? []
  if (whole === undefined || whole + fraction === '') return undefined
  const digits = BigInt(`${hexadecimal ? '0x' : ''}${whole}${fraction}`)
  if (digits === 0n) return zero
  const value = hexadecimal
    ? ofBinary(digits, Number(power) - 4 * fraction.length)
    : ofDecimal(digits, Number(power) - fraction.length)
  if (value === 'infinite' || value.significand === 0n) return undefined
  return sign === '-' ? { ...value, significand: -value.significand } : value
}

export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | Infinite {
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = (a.significand << BigInt(a.exponent - exponent)) + (b.significand << BigInt(b.exponent - exponent))
  if (sum >= 0n) return round(sum, exponent)
  const value = round(-sum, exponent)
  return value === 'infinite' ? value : { ...value, significand: -value.significand }
}

/** As Redis' ld2string prints for people: 17 places, without trailing zeros. */
export function formatLongDouble({ significand, exponent }: LongDouble): string {
  const negative = significand < 0n
  const scaled = (negative ? -significand : significand) * 10n ** BigInt(PLACES)
  const rounded = exponent >= 0 ? scaled << BigInt(exponent) : shiftRight(scaled, -exponent)
  const digits = String(rounded).padStart(PLACES + 1, '0')
  const fraction = digits.slice(-PLACES).replace(/0+$/, '')
  const text = digits.slice(0, -PLACES) + (fraction === '' ? '' : `.${fraction}`)
  return negative && text !== '0' ? `-${text}` : text
}

function ofDecimal(digits: bigint, power: number): LongDouble | Infinite {
  const magnitude = String(digits).length + power
  if (magnitude > DECIMAL_LIMIT) return 'infinite'
  if (magnitude < -DECIMAL_LIMIT) return zero
  if (power >= 0) return round(digits * 10n ** BigInt(power), 0)
  const divisor = 10n ** BigInt(-power)
  // Two bits more than are kept, and one that says whether anything is left: enough to round as if all were there.
  const shift = Math.max(0, SIGNIFICAND_BITS + 2 + bitLength(divisor) - bitLength(digits))
  const dividend = digits << BigInt(shift)
  const rest = dividend % divisor === 0n ? 0n : 1n
  return round(((dividend / divisor) << 1n) | rest, -shift - 1)
}

function ofBinary(digits: bigint, power: number): LongDouble | Infinite {
  if (bitLength(digits) + power > EXPONENT_LIMIT) return 'infinite'
  if (bitLength(digits) + power < LEAST_EXPONENT) return zero
  return round(digits, power)
}

/** The nearest long double; `value` is not negative. */
function round(value: bigint, exponent: number): LongDouble | Infinite {
  const drop = Math.max(bitLength(value) - SIGNIFICAND_BITS, LEAST_EXPONENT - exponent)
  const significand = drop > 0 ? shiftRight(value, drop) : value
  const scaled = { significand, exponent: drop > 0 ? exponent + drop : exponent }
  return bitLength(significand) + scaled.exponent > EXPONENT_LIMIT ? 'infinite' : scaled
}

/** Divides by 2^bits, ties to even. */
function shiftRight(value: bigint, bits: number): bigint {
  const by = BigInt(bits)
  const quotient = value >> by
  const rest = value - (quotient << by)
  const half = 1n << (by - 1n)
  const up = rest > half || (rest === half && (quotient & 1n) === 1n)
  return up ? quotient + 1n : quotient
}

function bitLength(value: bigint): number {
  if (value === 0n) return 0
  const hex = value.toString(16)
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0], 16)))
}
