// What a snapshot of an older version of the format cannot carry: as commands that bring it afterwards. Applied to data that
// has it already they change nothing. And which version could carry it.

import { type Arg, argOfLatin1 } from '../bytes.js'
import type { Dataset } from '../keyspace/dataset.js'
import type { Hash } from '../keyspace/hash.js'
import { type Keyspace, type SpecialValue, timeIn } from '../keyspace/keyspace.js'
import type { StreamLog } from '../keyspace/stream.js'
import { formatId, isZeroId } from '../keyspace/stream-id.js'
import type { VectorSet } from '../keyspace/vector-set.js'
import { FIRST_FUNCTION_VERSION, HASH_TIMES, STREAM_2, STREAM_4, STREAM_5, VALKEY_VERSION } from './forms.js'
import { givingBack } from './given-back.js'
import { dumpValue } from './payload.js'
import { hasOwnCount } from './stream-writer.js'
import { LOWEST_VERSION, versionFor, versionOfType } from './value-writer.js'

export interface SupplementCommand {
  db: number
  argv: (Arg | number)[]
}

/** No command names more fields than this. */
const FIELDS_A_COMMAND = 1000

/** The commands to be applied after a snapshot of that version, 80 for Valkey's. */
export function* supplementOf(dataset: Dataset, version: number): Generator<SupplementCommand, void> {
  if (version < FIRST_FUNCTION_VERSION) {
    for (const { code } of dataset.libraries.values())
      yield { db: 0, argv: ['FUNCTION', 'LOAD', 'REPLACE', argOfLatin1(code)] }
  }
  for (const keyspace of dataset.keyspaces) {
    for (const [key, value] of keyspace.special()) {
      for (const argv of missingOf(key, value, version)) yield { db: keyspace.index, argv }
      // Valkey, whose versions are known, has no such type.
      if (value.type === 'vectorset' && version === LOWEST_VERSION)
        yield { db: keyspace.index, argv: restoring(keyspace, key, value) }
    }
  }
}

function* missingOf(key: string, value: SpecialValue, version: number): Generator<(Arg | number)[], void> {
  if (value.type === 'hash' && version < versionOfType(HASH_TIMES)) yield* timesOf(key, value)
  if (value.type !== 'stream') return
  if (version < versionOfType(STREAM_2)) yield* countersOf(key, value)
  if (version < versionOfType(STREAM_4) || version === VALKEY_VERSION) yield* messagesOf(key, value)
  // Who does not know the command finds them with a consumer that has no name.
  if (version < versionOfType(STREAM_5) || version === VALKEY_VERSION)
    for (const group of value.groups.values()) yield* givingBack(key, group)
}

/** The lowest of Redis' versions that holds all of it without loss. */
export function lowestVersion(dataset: Dataset): number {
  let version = dataset.libraries.size > 0 ? FIRST_FUNCTION_VERSION : LOWEST_VERSION
  for (const keyspace of dataset.keyspaces) {
    for (const [, value] of keyspace.special()) version = Math.max(version, versionFor(value))
  }
  return version
}

function* timesOf(key: string, hash: Hash): Generator<(Arg | number)[], void> {
  if (hash.timedSize === 0) return
  const byTime = new Map<number, string[]>()
  for (const [field] of hash) {
    const expiresAt = hash.expiresAt(field)
    if (expiresAt === null) continue
    let fields = byTime.get(expiresAt)
    if (fields === undefined) byTime.set(expiresAt, (fields = []))
    fields.push(field)
    if (fields.length < FIELDS_A_COMMAND) continue
    yield expiry(key, expiresAt, fields)
    byTime.delete(expiresAt)
  }
  for (const [expiresAt, fields] of byTime) yield expiry(key, expiresAt, fields)
}

function expiry(key: string, expiresAt: number, fields: readonly string[]): (Arg | number)[] {
  return ['HPEXPIREAT', key, expiresAt, 'FIELDS', fields.length, ...fields]
}

/** The set as it is, to the bit: VADD would quantise it anew. A server without such sets refuses it, and keeps the link. */
function restoring({ slots }: Keyspace, key: string, set: VectorSet): (Arg | number)[] {
  const expiresAt = timeIn(slots.get(key)!) ?? 0
  return ['RESTORE', key, expiresAt, argOfLatin1(dumpValue(set)), 'REPLACE', 'ABSTTL']
}

function* countersOf(key: string, stream: StreamLog): Generator<(Arg | number)[], void> {
  const { entriesAdded, maxDeletedId } = stream
  if (entriesAdded !== stream.size || !isZeroId(maxDeletedId)) {
    const added = ['ENTRIESADDED', String(entriesAdded), 'MAXDELETEDID', formatId(maxDeletedId)]
    yield ['XSETID', key, formatId(stream.lastId), ...added]
  }
  for (const group of stream.groups.values()) {
    if (!hasOwnCount(stream, group)) continue
    const read = group.entriesRead === null ? '-1' : String(group.entriesRead)
    yield ['XGROUP', 'SETID', key, group.name, formatId(group.lastId), 'ENTRIESREAD', read]
  }
}

/** What producers sent (Redis 8.6). Whoever does not know the commands has no use for them either. */
function* messagesOf(key: string, stream: StreamLog): Generator<(Arg | number)[], void> {
  const { idempotence } = stream
  if (idempotence === null) return
  const { durationSeconds, maxSize, producers } = idempotence
  yield ['XCFGSET', key, 'IDMP-DURATION', durationSeconds, 'IDMP-MAXSIZE', maxSize]
  for (const [producer, messages] of producers) {
    for (const [message, id] of messages) {
      if (stream.has(id)) yield ['XIDMPRECORD', key, producer, message, formatId(id)]
    }
  }
}
