// Writes the value of one key, as a file and a DUMP payload hold it, in steps: a value may have millions of elements, and
// other work wants its turn. Plain forms, which every server has read for ever, where
// they hold the value; the lowest other one where they do not.

import type { Hash } from '../keyspace/hash.js'
import { isString, type Value } from '../keyspace/keyspace.js'
import {
  HASH,
  HASH_TIMES,
  HASH_TIMES_22,
  LIST,
  MODULE,
  SET,
  STREAM_2,
  STREAM_3,
  STREAM_4,
  STRING,
  VALKEY_VERSION,
  ZSET,
} from './forms.js'
import type { RdbOutput } from './output.js'
import { typeForStream, writeStream } from './stream-writer.js'
import { writeVectorSet } from './vector-set.js'

/** The version from which on there is a form, where not every version has it. */
const firstVersion: ReadonlyMap<number, number> = new Map([
  [STREAM_2, 10],
  [STREAM_3, 11],
  [HASH_TIMES, 12],
  [MODULE, 12],
  [STREAM_4, 13],
  [HASH_TIMES_22, VALKEY_VERSION],
])
export const LOWEST_VERSION = 9

/** The form that holds the value, as far as the version has one that does; null: it has none at all for such a value. */
export function typeFor(value: Value, version: number): number | null {
  if (isString(value)) return STRING
  switch (value.type) {
    case 'list':
      return LIST
    case 'set':
      return SET
    case 'zset':
      return ZSET
    case 'hash':
      return typeForHash(value, version)
    case 'stream':
      return typeForStream(value, version)
    case 'vectorset':
      return version < versionOfType(MODULE) || version === VALKEY_VERSION ? null : MODULE
  }
}

/** The lowest of Redis' versions that holds the value without loss. */
export function versionFor(value: Value): number {
  return isString(value) ? LOWEST_VERSION : versionOfType(fullTypeFor(value))
}

/** The form that holds all of the value. */
export function fullTypeFor(value: Value): number {
  return typeFor(value, Number.POSITIVE_INFINITY)!
}

export function versionOfType(type: number): number {
  return firstVersion.get(type) ?? LOWEST_VERSION
}

function typeForHash(hash: Hash, version: number): number {
  if (hash.timedSize === 0 || version < versionOfType(HASH_TIMES)) return HASH
  return version === VALKEY_VERSION ? HASH_TIMES_22 : HASH_TIMES
}

/** Elements written in one step. */
export const STEP_ELEMENTS = 256

/** Each step ends with a yield: the value must not change before the last one. */
export type Steps = Generator<void, void, void>

/** `type`: what typeFor said. */
export function* writeValue(output: RdbOutput, type: number, value: Value, version: number): Steps {
  if (isString(value)) {
    output.arg(value)
    return
  }
  switch (value.type) {
    case 'list':
    case 'set':
      output.length(value.size)
      yield* inSteps(value, (element) => output.text(element))
      break
    case 'zset':
      output.length(value.size)
      yield* inSteps(value, ([member, score]) => {
        output.text(member)
        output.double(score)
      })
      break
    case 'hash':
      yield* writeHash(output, type, value)
      break
    case 'stream':
      yield* writeStream(output, type, value, version === VALKEY_VERSION)
      break
    case 'vectorset':
      yield* writeVectorSet(output, value)
  }
}

function* inSteps<T>(elements: Iterable<T>, put: (element: T) => void): Steps {
  let written = 0
  for (const element of elements) {
    put(element)
    if (++written % STEP_ELEMENTS === 0) yield
  }
}

function* writeHash(output: RdbOutput, type: number, hash: Hash): Steps {
  const earliest = hash.nextExpiry ?? 0
  if (type === HASH_TIMES) output.int64(earliest)
  output.length(hash.size)
  yield* inSteps(hash, ([field, value]) => {
    const expiresAt = type === HASH ? null : hash.expiresAt(field)
    // One more than the difference, as 0 stands for no time.
    if (type === HASH_TIMES) output.length(expiresAt === null ? 0 : expiresAt - earliest + 1)
    output.text(field)
    output.text(value)
    if (type === HASH_TIMES_22) output.int64(expiresAt ?? -1)
  })
}
