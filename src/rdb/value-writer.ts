// Writes the value of one key, as a file and a DUMP payload hold it, in steps: a value may have millions of elements, and
// other work wants its turn. Plain forms, which every server has read for ever, where
// they hold the value; the lowest other one where they do not.

import type { Arg } from '../bytes.js'
import type { HashImage } from '../keyspace/hash-image.js'
import { isString } from '../keyspace/keyspace.js'
import type { ListImage } from '../keyspace/list.js'
import type { SetImage } from '../keyspace/set.js'
import type { SortedSetImage } from '../keyspace/sorted-set.js'
import type { StreamImage } from '../keyspace/stream.js'
import type { VectorSet, VectorSetImage } from '../keyspace/vector-set.js'
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
  STREAM_5,
  STRING,
  VALKEY_VERSION,
  ZSET,
} from './forms.js'
import type { RdbOutput } from './output.js'
import { typeForStream, writeStream } from './stream-writer.js'
import { writeVectorSet } from './vector-set.js'

/** What can be written: the value of a key, or an image of it. */
export type Writable =
  | Arg
  | VectorSet
  | Omit<ListImage | SetImage, 'close'>
  | Omit<SortedSetImage, 'close'>
  | Omit<HashImage, 'close'>
  | Omit<StreamImage, 'close'>
  | VectorSetImage

/** The version from which on there is a form, where not every version has it. */
const firstVersion: ReadonlyMap<number, number> = new Map([
  [STREAM_2, 10],
  [STREAM_3, 11],
  [HASH_TIMES, 12],
  [MODULE, 12],
  [STREAM_4, 13],
  [STREAM_5, 14],
  [HASH_TIMES_22, VALKEY_VERSION],
])
export const LOWEST_VERSION = 9

/** The form that holds the value, as far as the version has one that does; null: it has none at all for such a value. */
export function typeFor(value: Writable, version: number): number | null {
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
export function versionFor(value: Writable): number {
  return isString(value) ? LOWEST_VERSION : versionOfType(fullTypeFor(value))
}

/** The form that holds all of the value. */
export function fullTypeFor(value: Writable): number {
  return typeFor(value, Number.POSITIVE_INFINITY)!
}

export function versionOfType(type: number): number {
  return firstVersion.get(type) ?? LOWEST_VERSION
}

function typeForHash(hash: Pick<HashImage, 'timedSize'>, version: number): number {
  if (hash.timedSize === 0 || version < versionOfType(HASH_TIMES)) return HASH
  return version === VALKEY_VERSION ? HASH_TIMES_22 : HASH_TIMES
}

/** Elements written in one step, or as many as it takes for so many bytes. */
export const STEP_ELEMENTS = 256
const STEP_BYTES = 64 * 1024
/** Longer strings are written in steps too. */
export const LONG_STRING = 1024 * 1024

/** Each step ends with a yield: what is not an image must not change before the last one. */
export type Steps = Generator<void, void, void>

/** `type`: what typeFor said. */
export function* writeValue(output: RdbOutput, type: number, value: Writable, version: number): Steps {
  if (isString(value)) {
    yield* output.argInSteps(value)
    return
  }
  switch (value.type) {
    case 'list':
    case 'set':
      output.length(value.size)
      yield* inSteps(output, value, (element) => output.text(element))
      break
    case 'zset':
      output.length(value.size)
      yield* inSteps(output, value, ([member, score]) => {
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
      yield* writeVectorSet(output, 'now' in value ? value : { now: value })
  }
}

function* inSteps<T>(output: RdbOutput, elements: Iterable<T>, put: (element: T) => void): Steps {
  let written = 0
  let startBytes = output.bytesWritten
  for (const element of elements) {
    put(element)
    if (++written < STEP_ELEMENTS && output.bytesWritten - startBytes < STEP_BYTES) continue
    yield
    written = 0
    startBytes = output.bytesWritten
  }
}

function* writeHash(output: RdbOutput, type: number, hash: Omit<HashImage, 'close'>): Steps {
  const earliest = hash.nextExpiry ?? 0
  if (type === HASH_TIMES) output.int64(earliest)
  output.length(hash.size)
  yield* inSteps(output, hash, ([field, value]) => {
    const expiresAt = type === HASH ? null : hash.expiresAt(field)
    // One more than the difference, as 0 stands for no time.
    if (type === HASH_TIMES) output.length(expiresAt === null ? 0 : expiresAt - earliest + 1)
    output.text(field)
    output.text(value)
    if (type === HASH_TIMES_22) output.int64(expiresAt ?? -1)
  })
}
