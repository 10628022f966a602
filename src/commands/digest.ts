// DEBUG DIGEST: forty digits that stand for all data, the same as a real redis-server (7.0) computes for the same data. The
// order of keys does not matter, so nodes can be compared whatever way the data came to them.
//
// Two operations on a digest of 20 bytes, both by SHA-1:
//   blend  xor with the hash of some bytes: the order of what is blended does not matter
//   mix    blend, then hash the digest itself: the order matters
// A key with a time counts as one; which time it is does not. Nor does a field's (Redis 7.4).

import { latin1Of, latin1OfArg, latin1Slice } from '../bytes.js'
import type { Env } from '../env.js'
import type { Dataset } from '../keyspace/dataset.js'
import type { Fields } from '../keyspace/hash.js'
import { isString, type Keyspace, type Value } from '../keyspace/keyspace.js'
import { bytesOf } from '../keyspace/vector.js'
import type { VectorSet } from '../keyspace/vector-set.js'
import { formatDouble, formatShortest } from '../protocol/double.js'

/** Servers differ in what they make of the same data. */
export interface DigestForm {
  score(score: number): string
  /** Whether a field with a time counts as one. */
  marksFieldTimes: boolean
}

/** What DEBUG DIGEST gives here. Before 7.4 no field had a time. */
export const REDIS_7_0: DigestForm = { score: formatDouble, marksFieldTimes: true }
export const REDIS_7_2: DigestForm = { score: formatShortest, marksFieldTimes: true }
export const VALKEY: DigestForm = { score: formatShortest, marksFieldTimes: false }

const DIGEST_BYTES = 20
/** Redis' numbers for the types, four bytes in network order. */
const TYPES = {
  string: latin1OfUint32(0),
  list: latin1OfUint32(1),
  set: latin1OfUint32(2),
  zset: latin1OfUint32(3),
  hash: latin1OfUint32(4),
  vectorset: latin1OfUint32(5),
  stream: latin1OfUint32(6),
} as const

/** The digest of everything, as hexadecimal text. Keys whose time is past are left out. */
export function datasetDigest(env: Env, dataset: Dataset, form = REDIS_7_0): string {
  const total = new Digest(env, form)
  for (const keyspace of dataset.keyspaces) {
    if (keyspace.size === 0) continue
    total.mix(latin1OfUint32(keyspace.index))
    for (const [key, value] of keyspace.entries()) {
      const one = new Digest(env, form)
      one.mix(latin1Of(key))
      one.value(keyspace, value, keyspace.expiresAt(key) != null)
      total.blend(one.latin1)
    }
  }
  return total.hex
}

/** The digest of one key's value and of whether it has a time; zeros when there is no such key. */
export function valueDigest(env: Env, keyspace: Keyspace, key: string, form = REDIS_7_0): string {
  const digest = new Digest(env, form)
  const value = keyspace.peek(key)
  if (value !== undefined) digest.value(keyspace, value, keyspace.expiresAt(key) != null)
  return digest.hex
}

class Digest {
  readonly #env: Env
  readonly #form: DigestForm
  #bytes = new Uint8Array(DIGEST_BYTES)

  constructor(env: Env, form: DigestForm) {
    this.#env = env
    this.#form = form
  }

  blend(latin1: string): void {
    const hash = this.#env.sha1(latin1)
    for (let i = 0; i < DIGEST_BYTES; i++) this.#bytes[i] ^= hash[i]
  }

  mix(latin1: string): void {
    this.blend(latin1)
    this.#bytes = Uint8Array.from(this.#env.sha1(this.latin1))
  }

  value(keyspace: Keyspace, value: Value, hasTime: boolean): void {
    this.mix(TYPES[isString(value) ? 'string' : value.type])
    if (isString(value)) this.mix(latin1OfArg(value))
    else if (value.type === 'list') for (const item of value) this.mix(latin1Of(item))
    else if (value.type === 'set') for (const member of value) this.blend(latin1Of(member))
    else if (value.type === 'hash') this.#hash(keyspace.live(value))
    else if (value.type === 'zset') {
      for (const [member, score] of value) this.#blendDigestOf([member, this.#form.score(score)])
    } else if (value.type === 'stream') {
      for (const { id, fields } of value) {
        this.mix(`${id.ms}.${id.seq}`)
        for (const text of fields) this.mix(latin1Of(text))
      }
    } else this.#vectorSet(value)
    if (hasTime) this.blend('!!expire!!')
  }

  /** As the module of Redis 8 has it. */
  #vectorSet(set: VectorSet): void {
    const whole = new Digest(this.#env, this.#form)
    whole.#blendDigestOf([String(set.size), String(set.form.dim)])
    for (const { name, vector, attribute } of set) {
      const one = new Digest(this.#env, this.#form)
      one.mix(latin1Slice(bytesOf(vector)))
      one.mix(latin1Of(name))
      if (attribute !== '') one.mix(latin1Of(attribute))
      whole.blend(one.latin1)
    }
    this.blend(whole.latin1)
  }

  #hash(fields: Fields): void {
    for (const pair of fields) this.#blendDigestOf(pair, fields.expiresAt(pair[0]) !== null)
  }

  /** Of several things in their order, as one whose place among its like does not matter. */
  #blendDigestOf(texts: readonly string[], hasTime = false): void {
    const one = new Digest(this.#env, this.#form)
    for (const text of texts) one.mix(latin1Of(text))
    if (hasTime && this.#form.marksFieldTimes) one.blend('!!hexpire!!')
    this.blend(one.latin1)
  }

  get latin1(): string {
    return latin1Slice(Buffer.from(this.#bytes.buffer))
  }

  get hex(): string {
    return Buffer.from(this.#bytes.buffer).toString('hex')
  }
}

function latin1OfUint32(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}
