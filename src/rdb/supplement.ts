// What the first forms of values, which every server reads, cannot carry: as commands that bring it after them. Applied to
// data that has it already they change nothing. And which version of the format could carry it.

import { type Arg, argOfLatin1 } from '../bytes.js'
import type { Dataset } from '../keyspace/dataset.js'
import { Timed } from '../keyspace/expiry.js'
import type { Hash } from '../keyspace/hash.js'
import { GONE, isString, type Keyspace, type Value } from '../keyspace/keyspace.js'
import type { StreamLog } from '../keyspace/stream.js'
import { formatId, isZeroId } from '../keyspace/stream-id.js'
import { FIRST_FUNCTION_VERSION } from './forms.js'
import { hasOwnCount } from './stream-writer.js'
import { LOWEST_VERSION, versionFor } from './value-writer.js'

export interface SupplementCommand {
  db: number
  argv: (Arg | number)[]
}

/** No command names more fields than this. */
const FIELDS_A_COMMAND = 1000

/** The commands to be applied after a snapshot of the lowest version. */
export function* supplementOf(dataset: Dataset): Generator<SupplementCommand, void> {
  for (const { code } of dataset.libraries.values())
    yield { db: 0, argv: ['FUNCTION', 'LOAD', 'REPLACE', argOfLatin1(code)] }
  for (const keyspace of dataset.keyspaces) {
    for (const [key, value] of collectionsOf(keyspace)) {
      if (value.type === 'hash') for (const argv of timesOf(key, value)) yield { db: keyspace.index, argv }
      else if (value.type === 'stream') for (const argv of countersOf(key, value)) yield { db: keyspace.index, argv }
    }
  }
}

/** The lowest of Redis' versions that holds all of it without loss. */
export function lowestVersion(dataset: Dataset): number {
  let version = dataset.libraries.size > 0 ? FIRST_FUNCTION_VERSION : LOWEST_VERSION
  for (const keyspace of dataset.keyspaces) {
    for (const [, value] of collectionsOf(keyspace)) {
      if (value.type === 'hash' || value.type === 'stream') version = Math.max(version, versionFor(value))
    }
  }
  return version
}

/** Keys past their time included, as in a snapshot. */
function* collectionsOf({ slots }: Keyspace): Generator<[string, Exclude<Value, Arg>], void> {
  for (const [key, slot] of slots) {
    if (typeof slot === 'string' || slot === GONE) continue
    const value = slot instanceof Timed ? slot.value : slot
    if (!isString(value)) yield [key, value]
  }
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
