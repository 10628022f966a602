// XXH3, the 64-bit hash that DIGEST shows and IFDEQ and IFDNE compare (Redis 8.4): the algorithm of xxHash 0.8 with its own
// secret and no seed. On BigInts: some 10 MB a second, for values that are seldom long.

const MASK = 2n ** 64n - 1n
const LOW = 2n ** 32n - 1n

const PRIMES_32 = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn] as const
const PRIMES_64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const
const MIX_1 = 0x165667919e3779f9n
const MIX_2 = 0x9fb21c651e98df25n

const SECRET = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
    'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
    '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
)

const STRIPE_BYTES = 64
const STRIPES_PER_BLOCK = (SECRET.length - STRIPE_BYTES) / 8
const LANES = 8

/** The hash as sixteen hexadecimal digits, of bytes in latin1 form. */
export function xxh3Hex(latin1: string): string {
  return hashOf(Buffer.from(latin1, 'latin1')).toString(16).padStart(16, '0')
}

function hashOf(bytes: Buffer): bigint {
  const { length } = bytes
  if (length === 0) return finish(secret(56) ^ secret(64))
  if (length <= 3) return ofUpTo3(bytes)
  if (length <= 8) return ofUpTo8(bytes)
  if (length <= 16) return ofUpTo16(bytes)
  if (length <= 128) return ofUpTo128(bytes)
  if (length <= 240) return ofUpTo240(bytes)
  return ofLong(bytes)
}

function ofUpTo3(bytes: Buffer): bigint {
  const { length } = bytes
  const [first, middle, last] = [bytes[0], bytes[length >> 1], bytes[length - 1]]
  const combined = BigInt((first * 2 ** 16 + middle * 2 ** 24 + last + length * 2 ** 8) >>> 0)
  return finish(combined ^ BigInt((SECRET.readUInt32LE(0) ^ SECRET.readUInt32LE(4)) >>> 0))
}

function ofUpTo8(bytes: Buffer): bigint {
  const { length } = bytes
  const both = BigInt(bytes.readUInt32LE(length - 4)) + (BigInt(bytes.readUInt32LE(0)) << 32n)
  let hash = both ^ secret(8) ^ secret(16)
  hash ^= rotate(hash, 49n) ^ rotate(hash, 24n)
  hash = (hash * MIX_2) & MASK
  hash ^= (hash >> 35n) + BigInt(length)
  hash = (hash * MIX_2) & MASK
  return hash ^ (hash >> 28n)
}

function ofUpTo16(bytes: Buffer): bigint {
  const { length } = bytes
  const low = bytes.readBigUInt64LE(0) ^ secret(24) ^ secret(32)
  const high = bytes.readBigUInt64LE(length - 8) ^ secret(40) ^ secret(48)
  return avalanche(BigInt(length) + reversed(low) + high + fold(low, high))
}

function ofUpTo128(bytes: Buffer): bigint {
  const { length } = bytes
  let sum = BigInt(length) * PRIMES_64[0]
  // From both ends towards the middle, as far as there is something.
  for (let i = (length - 1) >> 5; i >= 0; i--) {
    sum += mix(bytes, 16 * i, 32 * i) + mix(bytes, length - 16 * (i + 1), 32 * i + 16)
  }
  return avalanche(sum)
}

function ofUpTo240(bytes: Buffer): bigint {
  const { length } = bytes
  let sum = BigInt(length) * PRIMES_64[0]
  for (let i = 0; i < 8; i++) sum += mix(bytes, 16 * i, 16 * i)
  sum = avalanche(sum)
  for (let i = 8; i < length >> 4; i++) sum += mix(bytes, 16 * i, 16 * (i - 8) + 3)
  return avalanche(sum + mix(bytes, length - 16, 136 - 17))
}

function ofLong(bytes: Buffer): bigint {
  const { length } = bytes
  const [a, b, c] = PRIMES_32
  const lanes = [c, PRIMES_64[0], PRIMES_64[1], PRIMES_64[2], PRIMES_64[3], b, PRIMES_64[4], a]
  const stripes = Math.floor((length - 1) / STRIPE_BYTES)
  for (let stripe = 0; stripe < stripes; stripe++) {
    const inBlock = stripe % STRIPES_PER_BLOCK
    accumulate(lanes, bytes, stripe * STRIPE_BYTES, inBlock * 8)
    if (inBlock === STRIPES_PER_BLOCK - 1) scramble(lanes)
  }
  accumulate(lanes, bytes, length - STRIPE_BYTES, SECRET.length - STRIPE_BYTES - 7)
  let sum = BigInt(length) * PRIMES_64[0]
  for (let i = 0; i < LANES; i += 2) sum += fold(lanes[i] ^ secret(11 + 8 * i), lanes[i + 1] ^ secret(19 + 8 * i))
  return avalanche(sum)
}

function accumulate(lanes: bigint[], bytes: Buffer, at: number, secretAt: number): void {
  for (let i = 0; i < LANES; i++) {
    const value = bytes.readBigUInt64LE(at + 8 * i)
    const keyed = value ^ secret(secretAt + 8 * i)
    lanes[i ^ 1] = (lanes[i ^ 1] + value) & MASK
    lanes[i] = (lanes[i] + (keyed & LOW) * (keyed >> 32n)) & MASK
  }
}

function scramble(lanes: bigint[]): void {
  for (let i = 0; i < LANES; i++) {
    const mixed = lanes[i] ^ (lanes[i] >> 47n) ^ secret(SECRET.length - STRIPE_BYTES + 8 * i)
    lanes[i] = (mixed * PRIMES_32[0]) & MASK
  }
}

function mix(bytes: Buffer, at: number, secretAt: number): bigint {
  return fold(bytes.readBigUInt64LE(at) ^ secret(secretAt), bytes.readBigUInt64LE(at + 8) ^ secret(secretAt + 8))
}

function secret(at: number): bigint {
  return SECRET.readBigUInt64LE(at)
}

/** Both halves of the 128-bit product. */
function fold(a: bigint, b: bigint): bigint {
  const product = a * b
  return (product & MASK) ^ (product >> 64n)
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) & MASK) | (value >> (64n - bits))
}

function reversed(value: bigint): bigint {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes.readBigUInt64BE()
}

function avalanche(sum: bigint): bigint {
  let hash = sum & MASK
  hash ^= hash >> 37n
  hash = (hash * MIX_1) & MASK
  return hash ^ (hash >> 32n)
}

/** The end of the older XXH64, which the shortest inputs go through. */
function finish(start: bigint): bigint {
  let hash = start ^ (start >> 33n)
  hash = (hash * PRIMES_64[1]) & MASK
  hash ^= hash >> 29n
  hash = (hash * PRIMES_64[2]) & MASK
  return hash ^ (hash >> 32n)
}
