// What a node holds, as a short text: equal for equal data. And where two nodes differ, in words.

import { GONE, isString, timeIn, type Value, valueIn } from '../../src/keyspace/keyspace.js'
import { formatId, type StreamLog } from '../../src/keyspace/stream.js'
import type { Store } from '../../src/store.js'
import { contentOf, withoutSeen } from './equal.js'

const SHOWN_KEYS = 5
const SHOWN_CHARACTERS = 300

/** Two numbers that bytes are mixed into: FNV-1a, and its like with another prime. Made for speed. */
class Sum {
  #one = 0x811c9dc5
  #two = 0x9e3779b9

  text(text: string): this {
    let one = Math.imul(this.#one ^ text.length, 0x01000193)
    let two = Math.imul(this.#two ^ text.length, 0x85ebca6b)
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      one = Math.imul(one ^ unit, 0x01000193)
      two = Math.imul(two ^ unit, 0x85ebca6b)
      two ^= two >>> 15
    }
    this.#one = one
    this.#two = two
    return this
  }

  number(value: number | bigint | null): this {
    return this.text(`${value}`)
  }

  /** Takes in another sum. In whatever order several are added, the outcome is the same. */
  add(other: Sum): void {
    this.#one = (this.#one + Math.imul(other.#one ^ (other.#one >>> 16), 0x7feb352d)) | 0
    this.#two = (this.#two + Math.imul(other.#two ^ (other.#two >>> 16), 0x846ca68b)) | 0
  }

  toString(): string {
    return [this.#one, this.#two].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }
}

/** Every key of every keyspace with its value and its time. Those past their time are there until they are deleted. */
export function digestOf({ engine }: Store): string {
  const all = new Sum()
  let keys = 0
  for (const { index, slots } of engine.dataset.keyspaces) {
    for (const [key, slot] of slots) {
      if (slot === GONE) continue
      const sum = new Sum().text(key).number(index)
      const expiresAt = timeIn(slot)
      if (expiresAt !== null) sum.number(expiresAt)
      addValue(sum, valueIn(slot))
      all.add(sum)
      keys++
    }
  }
  return `${keys}:${all}`
}

function addValue(sum: Sum, value: Value): void {
  if (isString(value)) {
    sum.text(typeof value === 'string' ? value : value.latin1)
    return
  }
  sum.text(value.type)
  switch (value.type) {
    case 'list':
      for (const element of value) sum.text(element)
      break
    case 'set':
      for (const member of value) sum.add(new Sum().text(member))
      break
    case 'zset':
      for (const [member, score] of value) sum.text(member).number(score)
      break
    case 'hash':
      for (const [field, held] of value) sum.add(new Sum().text(field).text(held).number(value.expiresAt(field)))
      break
    case 'stream':
      addStream(sum, value)
      break
    case 'vectorset': {
      const { dim, quantization } = value.form
      sum.number(dim).text(quantization)
      for (const { name, vector, attribute } of value) {
        sum.add(
          new Sum().text(name).text(attribute).number(vector.norm).number(vector.range).text(vector.stored.join()),
        )
      }
    }
  }
}

function addStream(sum: Sum, stream: StreamLog): void {
  sum.text(formatId(stream.lastId)).text(formatId(stream.maxDeletedId)).number(stream.entriesAdded)
  for (const { id, fields } of stream) {
    sum.text(formatId(id))
    for (const field of fields) sum.text(field)
  }
  for (const group of stream.groups.values()) {
    const each = new Sum().text(group.name).text(formatId(group.lastId))
    for (const { id, consumer, deliveredAt, deliveries } of group.pending) {
      each
        .text(formatId(id))
        .text(consumer?.name ?? '')
        .number(deliveredAt)
        .number(deliveries)
    }
    for (const { name } of group.consumers.values()) each.add(new Sum().text(`consumer ${name}`))
    sum.add(each)
  }
}

/**
 * Without what is no business of the stream: when consumers were seen, and how many entries a group has read, which
 * XREADGROUP tells no replica of, as in Redis 7.0.
 */
function comparedContentOf(store: Store): Map<string, string> {
  const read = /"entries_read":(?:\d+|null),/g
  return new Map([...withoutSeen(contentOf(store))].map(([key, text]) => [key, text.replace(read, '')]))
}
/** The first keys that differ, with what both hold. */
export function differenceOf(one: Store, other: Store): string {
  const [left, right] = [one, other].map(comparedContentOf)
  const keys = [...new Set([...left.keys(), ...right.keys()])].filter((key) => left.get(key) !== right.get(key))
  const shown = keys
    .slice(0, SHOWN_KEYS)
    .map((key) => `${JSON.stringify(key)}: ${clipped(left.get(key))} and ${clipped(right.get(key))}`)
  return keys.length === 0 ? 'no key differs' : `${keys.length} keys differ: ${shown.join('; ')}`
}

function clipped(text: string | undefined): string {
  if (text === undefined) return 'nothing'
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text
}
