// Writes the value of one key, as a file and a DUMP payload hold it. Plain forms, which every server has read for ever, where
// they hold the value; the lowest other one where they do not.

import type { Hash } from '../keyspace/hash.js'
import { isString, type Value } from '../keyspace/keyspace.js'
import {
  HASH,
  HASH_TIMES,
  HASH_TIMES_22,
  LIST,
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

/** The version from which on there is a form, where not every version has it. */
const firstVersion: ReadonlyMap<number, number> = new Map([
  [STREAM_2, 10],
  [STREAM_3, 11],
  [HASH_TIMES, 12],
  [STREAM_4, 13],
  [HASH_TIMES_22, VALKEY_VERSION],
])
export const LOWEST_VERSION = 9

/** The form that holds the value, as far as the version has one that does. */
export function typeFor(value: Value, version: number): number {
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
  }
}

/** The lowest of Redis' versions that holds the value without loss. */
export function versionFor(value: Value): number {
  return isString(value) ? LOWEST_VERSION : versionOfType(typeFor(value, Number.POSITIVE_INFINITY))
}

export function versionOfType(type: number): number {
  return firstVersion.get(type) ?? LOWEST_VERSION
}

function typeForHash(hash: Hash, version: number): number {
  if (hash.timedSize === 0 || version < versionOfType(HASH_TIMES)) return HASH
  return version === VALKEY_VERSION ? HASH_TIMES_22 : HASH_TIMES
}

/** `type`: what typeFor said. */
export function writeValue(output: RdbOutput, type: number, value: Value, version: number): void {
  if (isString(value)) {
    output.arg(value)
    return
  }
  switch (value.type) {
    case 'list':
    case 'set':
      output.length(value.size)
      for (const element of value) output.text(element)
      break
    case 'zset':
      output.length(value.size)
      for (const [member, score] of value) {
        output.text(member)
        output.double(score)
      }
      break
    case 'hash':
      if (type === HASH) writeHash(output, value)
      else if (type === HASH_TIMES_22) writeValkeyHash(output, value)
      else writeTimedHash(output, value)
      break
    case 'stream':
      writeStream(output, type, value, version === VALKEY_VERSION)
  }
}

function writeHash(output: RdbOutput, hash: Hash): void {
  output.length(hash.size)
  for (const [field, value] of hash) {
    output.text(field)
    output.text(value)
  }
}

function writeTimedHash(output: RdbOutput, hash: Hash): void {
  let earliest = Number.POSITIVE_INFINITY
  for (const [field] of hash) earliest = Math.min(earliest, hash.expiresAt(field) ?? earliest)
  output.int64(earliest)
  output.length(hash.size)
  for (const [field, value] of hash) {
    const expiresAt = hash.expiresAt(field)
    output.length(expiresAt === null ? 0 : expiresAt - earliest + 1)
    output.text(field)
    output.text(value)
  }
}

function writeValkeyHash(output: RdbOutput, hash: Hash): void {
  output.length(hash.size)
  for (const [field, value] of hash) {
    output.text(field)
    output.text(value)
    output.int64(hash.expiresAt(field) ?? -1)
  }
}
