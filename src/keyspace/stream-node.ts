// A node of a stream: some entries in a row, kept as Redis keeps them in one listpack, so that a node ends where Redis would
// end it (trimming with ~ removes whole nodes only) and a snapshot can be written node by node. Entries whose field names
// are those of the node's first one hold their values only. A deleted entry stays as a mark until its node goes.

import { bufferOf } from '../bytes.js'
import { ELEMENT_OVERHEAD_BYTES } from './collection.js'
import { minus64, type StreamId, type Uint64 } from './stream-id.js'

export interface StreamEntry {
  readonly id: StreamId
  /** Names and values in turn. */
  readonly fields: readonly string[]
}

/** Bits of a row's flags, as in a listpack. */
const DELETED = 1
const SAME_NAMES = 2
const FLAG_BITS = 2

/** A string of its own, and a place in an array. */
const CELL_BYTES = 24
/** A listpack's header and end mark. */
const FRAME_BYTES = 7

export class StreamNode {
  /** Redis' master id: that of the first entry, deleted or not. Ids of others are kept as differences to it in a listpack. */
  readonly id: StreamId
  /** The field names of the first entry. */
  readonly names: readonly string[]
  /** Entries that are not deleted. */
  live = 0
  /** Entries that are marked as deleted. */
  deleted = 0
  /** How many bytes Redis' listpack of the same entries has. */
  listpackBytes: number
  /** About how many bytes it takes here. */
  heldBytes = 4 * ELEMENT_OVERHEAD_BYTES
  /** Who may change it: a stream and its copies share nodes until one of them wants to. */
  owner: object
  // One place a row.
  #ms: Uint64[] = []
  #seq: Uint64[] = []
  /** Where its cells begin, and its flags in the lowest bits. */
  #marks: number[] = []
  /** Values, or names and values in turn, of all rows. */
  #cells: string[] = []

  constructor(id: StreamId, names: readonly string[], owner: object) {
    this.id = id
    this.names = names
    this.owner = owner
    // Live and deleted count, number of names, the names, and a zero.
    let bytes = FRAME_BYTES + 2 * integerBytes(0) + integerBytes(names.length) + integerBytes(0)
    for (const name of names) {
      bytes += elementBytes(name)
      this.heldBytes += name.length
    }
    this.listpackBytes = bytes
  }

  /** Entries, deleted ones included: rows are counted from 0. */
  get rows(): number {
    return this.#marks.length
  }

  idAt(row: number): StreamId {
    return { ms: this.#ms[row], seq: this.#seq[row] }
  }

  /** As compareIds, of the row's id and another. */
  compareAt(row: number, id: StreamId): number {
    const ms = this.#ms[row]
    if (ms < id.ms) return -1
    if (ms > id.ms) return 1
    const seq = this.#seq[row]
    return seq < id.seq ? -1 : seq > id.seq ? 1 : 0
  }

  isDeletedAt(row: number): boolean {
    return (this.#marks[row] & DELETED) !== 0
  }

  /** Whether the field names are the node's `names`. */
  hasSameNamesAt(row: number): boolean {
    return (this.#marks[row] & SAME_NAMES) !== 0
  }

  entryAt(row: number): StreamEntry {
    const start = this.#marks[row] >>> FLAG_BITS
    const { names } = this
    let fields: string[]
    if (this.hasSameNamesAt(row)) {
      fields = new Array(names.length * 2)
      for (let i = 0; i < names.length; i++) {
        fields[2 * i] = names[i]
        fields[2 * i + 1] = this.#cells[start + i]
      }
    } else fields = this.#cells.slice(start, this.#endOf(row))
    return { id: this.idAt(row), fields }
  }

  /** The index of the first row whose id is at least this one; `rows` when there is none. */
  rowFrom(id: StreamId): number {
    let low = 0
    let high = this.#marks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.compareAt(middle, id) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The row that has this id and is not deleted; -1 when there is none. */
  rowOf(id: StreamId): number {
    const row = this.rowFrom(id)
    return row < this.rows && this.compareAt(row, id) === 0 && !this.isDeletedAt(row) ? row : -1
  }

  /** Adds a row behind the others. `fields`: names and values in turn. `isDeleted`: only its mark. */
  push(id: StreamId, fields: readonly string[], isDeleted = false): void {
    const { names } = this
    let isSame = fields.length === 2 * names.length
    for (let i = 0; isSame && i < names.length; i++) isSame = names[i] === fields[2 * i]
    const cells = this.#cells
    let held = ELEMENT_OVERHEAD_BYTES
    const flags = (isSame ? SAME_NAMES : 0) | (isDeleted ? DELETED : 0)
    let bytes =
      integerBytes(flags) + integerBytes(minus64(id.ms, this.id.ms)) + integerBytes(minus64(id.seq, this.id.seq))
    this.#marks.push((cells.length << FLAG_BITS) | flags)
    this.#ms.push(id.ms)
    this.#seq.push(id.seq)
    for (let i = isSame ? 1 : 0; i < fields.length; i += isSame ? 2 : 1) {
      cells.push(fields[i])
      bytes += elementBytes(fields[i])
      held += CELL_BYTES + fields[i].length
    }
    const pairs = fields.length / 2
    // The number of pairs stands in the row only if it is not the node's; the number of its elements always.
    bytes += isSame ? integerBytes(pairs + 3) : integerBytes(pairs) + integerBytes(2 * pairs + 4)
    this.listpackBytes += bytes
    this.heldBytes += held
    this.#count(isDeleted ? 0 : 1, isDeleted ? 1 : 0)
  }

  /** Marks a live row as deleted. */
  delete(row: number): void {
    // The mark takes no more room in a listpack than the flags did.
    this.#marks[row] |= DELETED
    this.#count(-1, 1)
  }

  cloneFor(owner: object): StreamNode {
    const copy = new StreamNode(this.id, this.names, owner)
    copy.live = this.live
    copy.deleted = this.deleted
    copy.listpackBytes = this.listpackBytes
    copy.heldBytes = this.heldBytes
    copy.#ms = this.#ms.slice()
    copy.#seq = this.#seq.slice()
    copy.#marks = this.#marks.slice()
    copy.#cells = this.#cells.slice()
    return copy
  }

  #count(live: number, deleted: number): void {
    this.listpackBytes -= integerBytes(this.live) + integerBytes(this.deleted)
    this.live += live
    this.deleted += deleted
    this.listpackBytes += integerBytes(this.live) + integerBytes(this.deleted)
  }

  #endOf(row: number): number {
    return row + 1 < this.#marks.length ? this.#marks[row + 1] >>> FLAG_BITS : this.#cells.length
  }
}

/** How many bytes a text has. */
export function bytesOfText(text: string): number {
  const bytes = Buffer.byteLength(text)
  return bytes === text.length || text.isWellFormed() ? bytes : bufferOf(text).length
}

const DIGIT_9 = 57
const INTEGER = /^(?:0|-?[1-9][0-9]{0,18})$/

/** What a listpack spends on a string: those that look like an integer are kept as one. */
function elementBytes(text: string): number {
  if (text.length <= 20 && text.charCodeAt(0) <= DIGIT_9 && INTEGER.test(text)) {
    const value = Number(text)
    if (Number.isSafeInteger(value)) return integerBytes(value)
    const exact = BigInt(text)
    if (BigInt.asIntN(64, exact) === exact) return integerBytes(exact)
  }
  const length = bytesOfText(text)
  return withBackLength(length < 64 ? 1 + length : length < 4096 ? 2 + length : 5 + length)
}

function integerBytes(value: number | bigint): number {
  if (value >= 0 && value <= 127) return 2
  if (value >= -4096 && value <= 4095) return 3
  if (value >= -32768 && value <= 32767) return 4
  if (value >= -8388608 && value <= 8388607) return 5
  if (value >= -2147483648 && value <= 2147483647) return 6
  return 10
}

function withBackLength(bytes: number): number {
  if (bytes <= 127) return bytes + 1
  if (bytes < 16383) return bytes + 2
  if (bytes < 2097151) return bytes + 3
  return bytes + (bytes < 268435455 ? 4 : 5)
}
