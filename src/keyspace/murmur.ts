// MurmurHash64A, the hash of HyperLogLogs: registers of any two Redis can be merged only if all of them hash alike. 64 bits
// are two halves here, which is faster than BigInt.

const MULTIPLIER_HIGH = 0xc6a4a793
const MULTIPLIER_LOW = 0x5bd1e995
/** How far a value is shifted down upon itself, less 32: only the high half gets that far. */
const SHIFT_BEHIND_HALF = 15

/** The hash is left here, so that none has to be allocated. Both halves are 32 bits without a sign. */
export const hashed = { high: 0, low: 0 }

// The product of the last multiplication.
let productHigh = 0
let productLow = 0

function multiply(high: number, low: number): void {
  const a = low >>> 16
  const b = low & 0xffff
  const c = MULTIPLIER_LOW >>> 16
  const d = MULTIPLIER_LOW & 0xffff
  // Each of the four is below 2^32, and the sums below 2^34.
  const bd = b * d
  const middle = a * d + (bd >>> 16)
  const other = b * c + (middle & 0xffff)
  const carry = a * c + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000)
  productLow = ((other << 16) | (bd & 0xffff)) >>> 0
  productHigh = (carry + Math.imul(high, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH)) >>> 0
}

/** Hashes bytes in latin1 form. */
export function hash(latin1: string, seed: number): void {
  const { length } = latin1
  multiply(0, length)
  let high = productHigh
  let low = (productLow ^ seed) >>> 0
  const blocksEnd = length & ~7
  for (let i = 0; i < blocksEnd; i += 8) {
    multiply(word(latin1, i + 4, 4), word(latin1, i, 4))
    multiply(productHigh, productLow ^ (productHigh >>> SHIFT_BEHIND_HALF))
    multiply(high ^ productHigh, low ^ productLow)
    high = productHigh
    low = productLow
  }
  const left = length - blocksEnd
  if (left > 0) {
    const tailHigh = left > 4 ? word(latin1, blocksEnd + 4, left - 4) : 0
    multiply(high ^ tailHigh, low ^ word(latin1, blocksEnd, Math.min(left, 4)))
    high = productHigh
    low = productLow
  }
  multiply(high, low ^ (high >>> SHIFT_BEHIND_HALF))
  hashed.high = productHigh
  hashed.low = (productLow ^ (productHigh >>> SHIFT_BEHIND_HALF)) >>> 0
}

/** `count` bytes, the lowest one first. */
function word(latin1: string, at: number, count: number): number {
  let value = 0
  for (let i = count - 1; i >= 0; i--) value = (value << 8) | latin1.charCodeAt(at + i)
  return value
}
