// Doubles as Redis prints them: C's "%.17g", the shortest common form of all digits that a double may need. Scores and
// digests go by it, so that both ends of a replication agree on every bit.

export function formatDouble(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf'
  if (value === Number.NEGATIVE_INFINITY) return '-inf'
  if (Number.isNaN(value)) return 'nan'
  if (Object.is(value, -0)) return '-0'
  if (Number.isSafeInteger(value)) return String(value)
  // %g takes the exponent's form below 1e-4 and from 1e17 on, and drops zeros at the end.
  const [digits, exponent] = value.toExponential(16).split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 17) return withoutZeros(value.toFixed(Math.max(0, 16 - power)))
  const sign = power < 0 ? '-' : '+'
  return `${withoutZeros(digits)}e${sign}${String(Math.abs(power)).padStart(2, '0')}`
}

function withoutZeros(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal
}
