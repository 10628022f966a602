// Vectors as a vector set keeps them: normalised, and quantised with a range of their own. The arithmetic is that of C
// floats, in Redis 8's order, so that both ends of a replication hold the same bytes. What is stored is little-endian.

/** As VINFO names them: floats as they are, a byte a component, a bit a component. */
export type Quantization = 'f32' | 'int8' | 'bin'

export interface Vector {
  /** Floats; integers from -127 to 127; or bits, the first component's the lowest of the first byte. */
  readonly stored: Float32Array | Int8Array | Uint8Array
  /** The length that the vector had before it was normalised; 1 for one of zeros. */
  readonly norm: number
  /** What 127 stands for in `int8`: the largest component. 0 in other quantizations. */
  readonly range: number
}

/** A matrix that makes shorter vectors out of the ones that clients give. */
export interface Projection {
  readonly inputDim: number
  /** A row of `inputDim` numbers for each component of the result. */
  readonly matrix: Float32Array
}

const { fround } = Math
const Q8_MAX = 127
/** Redis keeps bits in words of so many. */
const WORD_BITS = 64

/** How many bytes a vector takes. */
export function storedBytes(quantization: Quantization, dim: number): number {
  if (quantization === 'bin') return Math.ceil(dim / WORD_BITS) * (WORD_BITS / 8)
  return quantization === 'f32' ? dim * Float32Array.BYTES_PER_ELEMENT : dim
}

/** A vector whose stored form is known. `bytes` are copied; there are as many as `storedBytes` says. */
export function vectorOf(quantization: Quantization, bytes: Uint8Array, norm: number, range: number): Vector {
  const { buffer } = Uint8Array.from(bytes)
  if (quantization === 'f32') return { stored: new Float32Array(buffer), norm, range: 0 }
  if (quantization === 'int8') return { stored: new Int8Array(buffer), norm, range }
  return { stored: new Uint8Array(buffer), norm, range: 0 }
}

/** The stored form: not a copy. */
export function bytesOf({ stored }: Vector): Buffer {
  return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
}

/** `values` become the vector's own. */
export function quantized(quantization: Quantization, values: Float32Array): Vector {
  const norm = normalize(values)
  if (quantization === 'f32') return { stored: values, norm, range: 0 }
  if (quantization === 'bin') return { stored: signsOf(values), norm, range: 0 }
  const range = largestOf(values)
  const stored = new Int8Array(values.length)
  if (range > 0) {
    const scale = fround(Q8_MAX / range)
    for (let i = 0; i < values.length; i++) stored[i] = rounded(fround(values[i] * scale))
  }
  return { stored, norm, range }
}

/** Divides by the length, and returns that. Vectors of zeros stay as they are. */
function normalize(values: Float32Array): number {
  const { length } = values
  let sum = 0
  let i = 0
  for (; i + 3 < length; i += 4) {
    const two = fround(square(values[i]) + square(values[i + 1]))
    const three = fround(two + square(values[i + 2]))
    sum = fround(sum + fround(three + square(values[i + 3])))
  }
  for (; i < length; i++) sum = fround(sum + square(values[i]))
  if (sum === 0) return 1
  const norm = fround(Math.sqrt(sum))
  for (i = 0; i < length; i++) values[i] /= norm
  return norm
}

function square(value: number): number {
  return fround(value * value)
}

function largestOf(values: Float32Array): number {
  let largest = 0
  for (const value of values) {
    if (value > largest) largest = value
    if (-value > largest) largest = -value
  }
  return largest
}

/** Halves go away from zero, as C's roundf has it. */
function rounded(value: number): number {
  return value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5)
}

function signsOf(values: Float32Array): Uint8Array {
  const bits = new Uint8Array(storedBytes('bin', values.length))
  for (let i = 0; i < values.length; i++) if (values[i] > 0) bits[i >>> 3] |= 1 << (i & 7)
  return bits
}

/** About what the vector was before: VEMB. */
export function valuesOf({ stored, norm, range }: Vector, dim: number): Float32Array {
  const values = new Float32Array(dim)
  if (stored instanceof Uint8Array) {
    for (let i = 0; i < dim; i++) values[i] = (stored[i >>> 3] >>> (i & 7)) & 1 ? 1 : -1
  } else if (stored instanceof Int8Array) {
    for (let i = 0; i < dim; i++) values[i] = fround(fround(stored[i] * range) / Q8_MAX) * norm
  } else for (let i = 0; i < dim; i++) values[i] = stored[i] * norm
  return values
}

/** The cosine of the angle between two of one quantization, taken from 1: 0 for the same direction, 2 for opposite ones. */
export function distanceOf(a: Vector, b: Vector, dim: number): number {
  const one = a.stored
  const other = b.stored
  if (one instanceof Uint8Array) return fround((differingBits(one, other) * 2) / dim)
  if (one instanceof Float32Array) return fround(1 - floatProduct(one, other))
  if (a.range === 0 || b.range === 0) return 1
  let product = 0
  for (let i = 0; i < dim; i++) product += one[i] * other[i]
  const scale = fround(fround(a.range / Q8_MAX) * fround(b.range / Q8_MAX))
  const distance = fround(1 - fround(fround(product) * scale))
  return Math.min(Math.max(distance, 0), 2)
}

function floatProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let product = 0
  for (let i = 0; i < a.length; i++) product += a[i] * b[i]
  return fround(product)
}

function differingBits(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let count = 0
  for (let i = 0; i < a.length; i++) {
    for (let bits = a[i] ^ b[i]; bits !== 0; bits &= bits - 1) count++
  }
  return count
}

/** The projection that Redis makes: signs that depend on the place alone, so that every node has the same. */
export function projectionOf(inputDim: number, dim: number): Projection {
  const matrix = new Float32Array(inputDim * dim)
  const scale = fround(1 / Math.sqrt(inputDim))
  for (let row = 0; row < dim; row++) {
    for (let i = 0; i < inputDim; i++) matrix[row * inputDim + i] = hasOddBits(row & i) ? -scale : scale
  }
  return { inputDim, matrix }
}

function hasOddBits(value: number): boolean {
  let isOdd = false
  for (let bits = value; bits !== 0; bits &= bits - 1) isOdd = !isOdd
  return isOdd
}

export function projected({ inputDim, matrix }: Projection, values: Float32Array, dim: number): Float32Array {
  const result = new Float32Array(dim)
  for (let row = 0; row < dim; row++) {
    let sum = 0
    for (let i = 0; i < inputDim; i++) sum = fround(sum + fround(matrix[row * inputDim + i] * values[i]))
    result[row] = sum
  }
  return result
}
