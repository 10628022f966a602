// Doubles as C prints and reads them: `%.17g` for scores, so that both ends of a replication agree on every bit, and
// strtod for what clients send.

/** As C's "%.17g": as many digits as any double may need, zeros at the end left out. */
export function formatDouble(value: number): string {
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? '-0' : String(value)
  // With so few digits in all, the shortest form that JavaScript gives is the number itself.
  if (value < 1e9 && value > -1e9 && Number.isInteger(value * 64)) return String(value)
  if (value === Number.POSITIVE_INFINITY) return 'inf'
  if (value === Number.NEGATIVE_INFINITY) return '-inf'
  if (Number.isNaN(value)) return 'nan'
  // %g takes the exponent's form below 1e-4 and from 1e17 on.
  const [digits, exponent] = seventeenDigits(value).split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 17) return plainForm(digits, power)
  const sign = power < 0 ? '-' : '+'
  return `${withoutZeros(digits)}e${sign}${String(Math.abs(power)).padStart(2, '0')}`
}

/** The fewest digits that are enough, as Redis from 7.2 on prints them: `0.1`, `1e+15`, `1.2345678912345679e+8`. */
export function formatShortest(value: number): string {
  if (!Number.isFinite(value) || value === 0) return formatDouble(value)
  const [mantissa, exponent] = Math.abs(value).toExponential().split('e')
  const digits = mantissa.replace('.', '')
  const power = Number(exponent)
  const sign = value < 0 ? '-' : ''
  const zeros = power - digits.length + 1
  if (zeros >= 0 && power < digits.length + 7) return sign + digits + '0'.repeat(zeros)
  if (zeros < 0 && (zeros > -7 || Math.abs(power) < 4)) {
    const before = digits.length + zeros
    if (before <= 0) return `${sign}0.${'0'.repeat(-before)}${digits}`
    return `${sign}${digits.slice(0, before)}.${digits.slice(before)}`
  }
  const rest = digits.length > 1 ? `.${digits.slice(1)}` : ''
  return `${sign}${digits[0]}${rest}e${power < 0 ? '-' : '+'}${Math.abs(power)}`
}

/**
 * `d.ddde+x` with 17 digits. A number in the middle between two such has 18 digits, the last one a 5: C takes the even
 * neighbour, JavaScript the larger one.
 */
function seventeenDigits(value: number): string {
  const rounded = value.toExponential(16)
  // Only with so few bits behind the point can a number be so short.
  if (!Number.isInteger(value * 2 ** 25)) return rounded
  const exact = value.toExponential(40)
  const end = exact.indexOf('e')
  const cut = exact.indexOf('.') + 17
  if (exact[cut] !== '5' || /[1-9]/.test(exact.slice(cut + 1, end))) return rounded
  const isEven = (exact.charCodeAt(cut - 1) & 1) === 0
  return isEven ? exact.slice(0, cut) + exact.slice(end) : rounded
}

/** The same digits without an exponent. */
function plainForm(digits: string, power: number): string {
  const isNegative = digits.startsWith('-')
  const all = digits.replace(/[-.]/g, '')
  const whole = power < 0 ? '0' : all.slice(0, power + 1)
  const fraction = power < 0 ? '0'.repeat(-1 - power) + all : all.slice(power + 1)
  return (isNegative ? '-' : '') + (fraction === '' ? whole : withoutZeros(`${whole}.${fraction}`))
}

function withoutZeros(decimal: string): string {
  return decimal.replace(/\.?0+$/, '')
}

const DECIMAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?/i
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?/i
const NAMED = /^([+-]?)(?:inf(?:inity)?|(nan)(?:\([0-9a-z_]*\))?)/i
const SPACES = /^[ \t\n\v\f\r]*/
/** So many digits are a number that a double holds exactly. */
export const EXACT_DIGITS = 15

/** The number that the rest of a text is, if that is 1 to EXACT_DIGITS digits and nothing else; else -1. */
export function digitsFrom(text: string, start: number): number {
  const end = text.length
  if (start >= end || end - start > EXACT_DIGITS) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

const MINUS = 45

/** What is simple and common: a short whole number. Undefined for everything else. */
function shortWhole(text: string): number | undefined {
  const isNegative = text.charCodeAt(0) === MINUS
  const size = digitsFrom(text, isNegative ? 1 : 0)
  return size < 0 ? undefined : isNegative ? -size : size
}

/** What C's strtod reads: the number at the start, blanks before it skipped, and how many characters it took. */
export interface Scanned {
  /** 0 if there is no number. */
  value: number
  length: number
}

export function scanDouble(text: string): Scanned {
  const whole = shortWhole(text)
  if (whole !== undefined) return { value: whole, length: text.length }
  const blanks = SPACES.exec(text)![0].length
  const rest = text.slice(blanks)
  const named = NAMED.exec(rest)
  if (named !== null) {
    const value = named[2] !== undefined ? Number.NaN : named[1] === '-' ? -Infinity : Infinity
    return { value, length: blanks + named[0].length }
  }
  const hexadecimal = HEXADECIMAL.exec(rest)
  if (hexadecimal !== null && hexadecimal[2] + hexadecimal[3] !== '') {
    const [all, sign, whole, fraction, power = '0'] = hexadecimal
    const size = hexadecimalValue(whole, fraction, Number(power))
    return { value: sign === '-' ? -size : size, length: blanks + all.length }
  }
  const decimal = DECIMAL.exec(rest)
  return decimal === null ? { value: 0, length: 0 } : { value: Number(decimal[0]), length: blanks + decimal[0].length }
}

/** Beyond these powers of two every double is infinite or zero. */
const POWER_LIMIT = 20_000

function hexadecimalValue(whole: string, fraction: string, power: number): number {
  const digits = BigInt(`0x${whole}${fraction}`)
  if (digits === 0n) return 0
  return scaled(digits, Math.max(-POWER_LIMIT, Math.min(POWER_LIMIT, power)) - 4 * fraction.length)
}

/** digits x 2^exponent, rounded once. */
function scaled(digits: bigint, exponent: number): number {
  const bits = digits.toString(2).length
  // The last bit that the result can hold: 53 bits, fewer where numbers are so small that they have no more.
  const drop = Math.max(bits - 53, -1074 - exponent)
  if (drop <= 0) return Number(digits) * 2 ** exponent
  if (drop > bits) return 0
  const kept = digits >> BigInt(drop)
  const rest = digits - (kept << BigInt(drop))
  const half = 1n << BigInt(drop - 1)
  const up = rest > half || (rest === half && (kept & 1n) === 1n)
  const last = exponent + drop
  const value = Number(up ? kept + 1n : kept)
  // In two steps: 2 to the least power alone would be too small to be a double of full size.
  return value * 2 ** Math.floor(last / 2) * 2 ** Math.ceil(last / 2)
}

/** All of the text as a double, as Redis takes one: no blanks, no NaN, nothing beyond what a double holds. */
export function parseDouble(text: string): number | undefined {
  const whole = shortWhole(text)
  if (whole !== undefined) return whole
  if (text === '' || SPACES.exec(text)![0] !== '') return undefined
  const { value, length } = scanDouble(text)
  if (length !== text.length || Number.isNaN(value)) return undefined
  const isInfinite = value === Infinity || value === -Infinity
  if (isInfinite && !/inf/i.test(text)) return undefined
  // Zero out of digits that are not: too small.
  if (value === 0 && length > 1) {
    const significand = /^[+-]?0x/i.test(text) ? text.split(/p/i, 1)[0] : text.split(/e/i, 1)[0]
    if (/[1-9a-f]/i.test(significand)) return undefined
  }
  return value
}
