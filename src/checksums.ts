// Checksums of a dataset as it is at one moment, taken in slices while changes go on: what two nodes compare to know
// whether they hold the same. Keys are spread over buckets by their names; a bucket's checksum does not depend on the order
// of its keys. A key that is changed before the walk has come to it is summed just before its change.

import { compareText, latin1Of, latin1OfArg, latin1Slice } from './bytes.js'
import type { Env } from './env.js'
import type { Dataset } from './keyspace/dataset.js'
import {
  type Capture,
  GONE,
  isString,
  type Keyspace,
  type Slot,
  timeIn,
  type Value,
  valueIn,
} from './keyspace/keyspace.js'
import type { Slots } from './keyspace/slots.js'
import { formatId } from './keyspace/stream-id.js'
import { bytesOf } from './keyspace/vector.js'
import { formatDouble } from './protocol/double.js'

export const BUCKETS = 1024

/** Told of each key that was there at the start, once, with its checksum: sixteen hexadecimal digits. */
export type Visit = (db: number, bucket: number, key: string, checksum: string) => void

export class Checksums {
  readonly #walks: KeyspaceWalk[]
  #at = 0
  #isOver = false

  /** Takes the dataset as it is now. It has to be walked to its end or cancelled. */
  constructor(env: Env, dataset: Dataset, visit: Visit) {
    this.#walks = dataset.keyspaces
      .filter(({ size }) => size > 0)
      .map((keyspace) => new KeyspaceWalk(env, keyspace, visit))
  }

  /** Goes on by so many keys. False when all were visited. */
  step(keys: number): boolean {
    for (let left = keys; left > 0 && !this.#isOver; left--) {
      const walk = this.#walks[this.#at]
      if (walk === undefined) this.#isOver = true
      else if (!walk.next()) this.#at++
    }
    return !this.#isOver
  }

  cancel(): void {
    this.#isOver = true
    for (const walk of this.#walks) walk.release()
  }
}

class KeyspaceWalk implements Capture {
  readonly #env: Env
  readonly #keyspace: Keyspace
  readonly #index: number
  readonly #visit: Visit
  readonly #cursor: Iterator<[string, Slot]>
  /** Of keys that were changed since the start: what they were; GONE for those that were not there. */
  #before: Slots<string | typeof GONE>

  constructor(env: Env, keyspace: Keyspace, visit: Visit) {
    this.#env = env
    this.#keyspace = keyspace
    this.#index = keyspace.index
    this.#visit = visit
    this.#before = keyspace.tableBeside()
    this.#cursor = keyspace.slots.entries()
    keyspace.capture(this)
  }

  before(key: string, slot: Slot | undefined): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#sum(key, slot))
  }

  next(): boolean {
    const step = this.#cursor.next()
    if (step.done) {
      this.release()
      return false
    }
    const [key, slot] = step.value
    const known = this.#before.get(key)
    const checksum = known === undefined ? this.#sum(key, slot) : known
    if (checksum !== GONE) this.#visit(this.#index, bucketOf(key), key, checksum)
    return true
  }

  release(): void {
    this.#keyspace.release(this)
    this.#before = this.#keyspace.tableBeside()
  }

  #sum(key: string, slot: Slot | undefined): string | typeof GONE {
    if (slot === undefined || slot === GONE) return GONE
    const hash = this.#env.sha1(joined([latin1Of(key), String(timeIn(slot) ?? ''), contentOf(valueIn(slot))]))
    return Buffer.from(hash.buffer, hash.byteOffset, 8).toString('hex')
  }
}

/** A number below BUCKETS that depends on the name alone, the same on every node. */
export function bucketOf(key: string): number {
  let hash = 0x811c9dc5 // FNV-1a
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % BUCKETS
}

/** Adds a key's checksum to its bucket's, or takes it out again. */
export function mixed(one: string, other: string): string {
  const high = Number.parseInt(one.slice(0, 8), 16) ^ Number.parseInt(other.slice(0, 8), 16)
  const low = Number.parseInt(one.slice(8), 16) ^ Number.parseInt(other.slice(8), 16)
  return hex32(high) + hex32(low)
}

function hex32(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}

/** All that is in a value, the same for equal values whatever way they came to be. */
function contentOf(value: Value): string {
  if (isString(value)) return `string ${latin1OfArg(value)}`
  switch (value.type) {
    case 'list':
      return `list ${joined(Array.from(value, latin1Of))}`
    case 'set':
      return `set ${joined(Array.from(value, latin1Of).sort())}`
    case 'zset':
      return `zset ${joined(Array.from(value, ([member, score]) => joined([latin1Of(member), formatDouble(score)])))}`
    case 'hash':
      return `hash ${joined(Array.from(value, ([field, held]) => joined([latin1Of(field), latin1Of(held), String(value.expiresAt(field))])).sort())}`
    case 'stream': {
      const entries = Array.from(value, ({ id, fields }) => joined([formatId(id), ...fields.map(latin1Of)]))
      const groups = [...value.groups.values()].sort((one, other) => compareText(one.name, other.name))
      const shown = groups.map((group) =>
        joined([
          latin1Of(group.name),
          formatId(group.lastId),
          ...Array.from(group.pending, ({ id, consumer }) => joined([formatId(id), latin1Of(consumer?.name ?? '')])),
        ]),
      )
      return `stream ${formatId(value.lastId)} ${joined(entries)} ${joined(shown)}`
    }
    case 'vectorset': {
      const { dim, quantization, m, projection } = value.form
      const elements = Array.from(value, ({ name, vector, attribute }) =>
        joined([latin1Of(name), latin1Slice(bytesOf(vector)), `${vector.norm} ${vector.range}`, latin1Of(attribute)]),
      )
      return `vectorset ${dim} ${quantization} ${m} ${projection?.inputDim ?? 0} ${joined(elements.sort())}`
    }
  }
}

/** So that no two lists of parts give the same text. */
function joined(parts: readonly string[]): string {
  let text = ''
  for (const part of parts) text += `${part.length}:${part}`
  return text
}
