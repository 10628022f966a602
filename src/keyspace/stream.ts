// A stream: entries in the order of their ids, and consumer groups that read them. Entries are appended, trimmed from the
// front node by node, and deleted anywhere by a mark; a node all of whose entries are deleted goes.

import type { Collection, Image, Weight } from './collection.js'
import { IdOrder } from './id-order.js'
import { ConsumerGroup, GROUP_BYTES, type GroupImage } from './stream-group.js'
import { compareIds, idAfter, isZeroId, MAX_ID, MIN_ID, plus64, type StreamId, type Uint64 } from './stream-id.js'
import type { Idempotence } from './stream-idempotence.js'
import { bytesOfText, type StreamEntry, StreamNode } from './stream-node.js'

export { Consumer, ConsumerGroup, type ConsumerImage, type GroupImage, type Pending } from './stream-group.js'
export { compareIds, formatId, MAX_ID, MIN_ID, type StreamId, type Uint64, uint64 } from './stream-id.js'
export { type StreamEntry, StreamNode } from './stream-node.js'

/** When a node is full: stream-node-max-entries and stream-node-max-bytes; 0 for no such limit. */
export interface NodeLimits {
  maxEntries: number
  maxBytes: number
}

/** What to trim away. */
export interface Trim {
  /** Entries to keep, or the first id to keep. */
  upTo: { length: number } | { id: StreamId }
  /** Whole nodes only. */
  approximate: boolean
  /** Not more entries than this; 0 for any number. */
  limit: number
  /** Decides of each entry whether it may go: those that may not are left where they are, and not counted. */
  mayGo?: (id: StreamId) => boolean
  /** Told of each entry that goes. */
  onRemoved?: (id: StreamId) => void
}

type Counters = 'lastId' | 'firstId' | 'maxDeletedId' | 'entriesAdded' | 'idempotence'

/** What a snapshot reads of a stream. */
export interface StreamImage extends Image, Readonly<Pick<StreamLog, Counters>> {
  readonly type: 'stream'
  readonly nodes: Iterable<StreamNode>
  readonly nodeCount: number
  readonly groups: ReadonlyMap<string, GroupImage>
}

/** A listpack cannot be larger. */
const MAX_LISTPACK_BYTES = 2 ** 30

export class StreamLog implements Collection {
  readonly type = 'stream'
  /** The highest id ever; the next must be above it. For a snapshot's reader to set. */
  lastId: StreamId = MIN_ID
  /** The first entry that is there, 0-0 when there is none. Kept up to date here; `findFirstId` after filling by nodes. */
  firstId: StreamId = MIN_ID
  /** The highest id that XDEL deleted, 0-0 for none. */
  maxDeletedId: StreamId = MIN_ID
  /** Entries ever added, those that are gone included. */
  entriesAdded: Uint64 = 0
  /** What producers sent already, where that is asked for (Redis 8.6). Null: never was. */
  idempotence: Idempotence | null = null

  #size = 0
  #nodes = new IdOrder<StreamNode>()
  readonly #groups = new Map<string, ConsumerGroup>()
  readonly #weight: Weight = { bytes: 0 }
  /** Nodes of another owner are shared with a copy, and copied before they are changed. */
  #owner: object = {}
  /** Of images: what is copied because they hold it is counted into these. */
  #weights: Weight[] = []

  /** Entries that are there. */
  get size(): number {
    return this.#size
  }

  get heldBytes(): number {
    return this.#weight.bytes
  }

  /** In the order in which they came. Redis shows them in the order of their names' bytes. */
  get groups(): ReadonlyMap<string, ConsumerGroup> {
    return this.#groups
  }

  /** Nodes in order. What they hold must not be changed from outside. */
  get nodes(): Iterable<StreamNode> {
    return this.#nodes
  }

  get nodeCount(): number {
    return this.#nodes.size
  }

  /** Appends an entry. The caller has made sure that the id is above `lastId`. `fields`: names and values in turn. */
  append(id: StreamId, fields: readonly string[], limits: NodeLimits): void {
    let node = this.#nodes.last
    if (node === undefined || isFull(node, fields, limits)) node = this.addNode(id, namesOf(fields))
    this.addEntry(id, fields)
    this.entriesAdded = plus64(this.entriesAdded, 1)
    this.lastId = id
    if (this.#size === 1) this.firstId = id
  }

  /**
   * For a snapshot's reader: opens a node behind the others, to be filled by `addEntry`. When all is read `lastId`,
   * `maxDeletedId` and `entriesAdded` are set, and `firstId`, or `findFirstId` called.
   */
  addNode(masterId: StreamId, names: readonly string[]): StreamNode {
    const node = new StreamNode(masterId, names, this.#owner)
    this.#nodes.add(node)
    this.#weight.bytes += node.heldBytes
    return node
  }

  /** For a snapshot's reader: puts an entry, or the mark of a deleted one, into the last node. Ids must ascend. */
  addEntry(id: StreamId, fields: readonly string[], isDeleted = false): void {
    const node = this.#own(this.#nodes.last!)
    const before = node.heldBytes
    node.push(id, fields, isDeleted)
    this.#weight.bytes += node.heldBytes - before
    if (!isDeleted) this.#size++
  }

  /** Sets `firstId` to the first entry that is there. */
  findFirstId(): void {
    this.firstId = this.#size === 0 ? MIN_ID : this.range(MIN_ID, MAX_ID, 1)[0].id
  }

  has(id: StreamId): boolean {
    const node = this.#nodes.floor(id)
    return node !== undefined && node.rowOf(id) >= 0
  }

  get(id: StreamId): StreamEntry | undefined {
    const node = this.#nodes.floor(id)
    const row = node?.rowOf(id) ?? -1
    return row < 0 ? undefined : node!.entryAt(row)
  }

  /** The entries from `start` to `end`, both included, at most `count`; from the end backwards when `reverse` is set. */
  range(start: StreamId, end: StreamId, count = Number.POSITIVE_INFINITY, reverse = false): StreamEntry[] {
    const found: StreamEntry[] = []
    if (count <= 0) return found
    const steps = reverse ? this.#down(start, end) : this.#up(start, end)
    for (const entry of steps) if (found.push(entry) === count) break
    return found
  }

  /** The last entry that is there. */
  get lastEntryId(): StreamId | undefined {
    const last = this.#nodes.last
    if (last === undefined || this.#size === 0) return undefined
    // It is the last row of all unless that one was deleted.
    return last.isDeletedAt(last.rows - 1) ? this.range(MIN_ID, MAX_ID, 1, true)[0].id : last.idAt(last.rows - 1)
  }

  /** The first id that still takes room, were it that of a deleted entry; the highest there can be when there is none. */
  get firstKeptId(): StreamId {
    return this.#nodes.first?.idAt(0) ?? MAX_ID
  }

  /** Deletes one entry and remembers that there is a gap. Whether it was there. */
  delete(id: StreamId): boolean {
    const node = this.#nodes.floor(id)
    const row = node?.rowOf(id) ?? -1
    if (row < 0) return false
    this.#remove(node!, row)
    if (compareIds(id, this.maxDeletedId) > 0) this.maxDeletedId = id
    if (compareIds(id, this.firstId) === 0) this.findFirstId()
    return true
  }

  /** Removes entries from the front; says how many. Leaves `maxDeletedId` as it is, for that makes no gap. */
  trim(trim: Trim): number {
    const { upTo, approximate, limit, mayGo, onRemoved } = trim
    let removed = 0
    const isEnough = 'length' in upTo ? () => this.#size <= upTo.length : () => false
    for (let node = this.#nodes.first; node !== undefined && !isEnough(); ) {
      const { live } = node
      if (limit > 0 && removed + live > limit) break
      const isBelow = 'length' in upTo ? this.#size - live >= upTo.length : node.compareAt(node.rows - 1, upTo.id) < 0
      if (isBelow && mayGo === undefined) {
        if (onRemoved !== undefined) for (const id of liveIdsOf(node)) onRemoved(id)
        this.#size -= live
        this.#drop(node)
        removed += live
        node = this.#nodes.first
        continue
      }
      // Where entries decide for themselves, nodes do not count (Redis 8.2).
      if (approximate && mayGo === undefined && onRemoved === undefined) break
      const next = idAfter(node.id)
      removed += this.#trimWithin(node, trim)
      if (!isBelow || next === undefined) break
      node = this.#nodes.ceiling(next)
    }
    if (removed > 0) this.findFirstId()
    return removed
  }

  /** Live entries of a node, from its first on. */
  #trimWithin(shared: StreamNode, { upTo, mayGo, onRemoved }: Trim): number {
    const node = this.#own(shared)
    const { live } = node
    for (let row = 0; row < node.rows; row++) {
      const id = node.idAt(row)
      if ('length' in upTo ? this.#size <= upTo.length : compareIds(id, upTo.id) >= 0) break
      if (node.isDeletedAt(row) || mayGo?.(id) === false) continue
      node.delete(row)
      this.#size--
      onRemoved?.(id)
    }
    const removed = live - node.live
    // Not without hooks: Redis keeps such a node then, if there is one with nothing but marks in it.
    if (mayGo !== undefined && node.live === 0) this.#drop(node)
    return removed
  }

  /** The new group, or undefined when there is one of that name. `entriesRead`: null when nobody knows. */
  createGroup(name: string, lastId: StreamId, entriesRead: Uint64 | null = null): ConsumerGroup | undefined {
    if (this.#groups.has(name)) return undefined
    const group = new ConsumerGroup(name, lastId, entriesRead, this.#weight)
    this.#groups.set(name, group)
    this.#weight.bytes += name.length + GROUP_BYTES
    return group
  }

  /** Whether it was there. */
  deleteGroup(name: string): boolean {
    const group = this.#groups.get(name)
    if (group === undefined) return false
    this.#weight.bytes -= group.heldBytes
    return this.#groups.delete(name)
  }

  /** Whether entries were deleted, not trimmed, from `start` on, as far as one can tell. */
  hasGapFrom(start: StreamId): boolean {
    if (this.#size === 0 || isZeroId(this.maxDeletedId)) return false
    return compareIds(this.firstId, this.maxDeletedId) <= 0 && compareIds(start, this.maxDeletedId) <= 0
  }

  /** How many of all entries ever added lie up to `id`; null where that cannot be told. */
  addedUpTo(id: StreamId): Uint64 | null {
    if (this.entriesAdded === 0) return 0
    const toLast = compareIds(id, this.lastId)
    if (toLast === 0 || (this.#size === 0 && toLast < 0)) return this.entriesAdded
    if (toLast > 0) return null
    if (!isZeroId(this.maxDeletedId) && compareIds(this.maxDeletedId, this.firstId) >= 0) return null
    const toFirst = compareIds(id, this.firstId)
    if (toFirst > 0) return null
    return plus64(this.entriesAdded, (toFirst === 0 ? 1 : 0) - this.#size)
  }

  /** All entries in order. Not to be gone on with after a change. */
  [Symbol.iterator](): Iterator<StreamEntry> {
    return this.#up(MIN_ID, MAX_ID)
  }

  /** Takes a word for each hundred nodes, and some for each group and consumer; and a copy of what producers sent. */
  image(weight: Weight): StreamImage {
    const { lastId, firstId, maxDeletedId, entriesAdded, size } = this
    const nodes = this.#nodes.image(weight)
    const closers = [nodes.close, () => this.#weights.splice(this.#weights.indexOf(weight), 1)]
    const groups = new Map<string, GroupImage>()
    for (const [name, group] of this.#groups) groups.set(name, group.image(weight, closers))
    this.#owner = {}
    this.#weights.push(weight)
    return {
      type: 'stream',
      ...{ lastId, firstId, maxDeletedId, entriesAdded, size, nodes, groups },
      idempotence: this.idempotence?.clone() ?? null,
      nodeCount: nodes.size,
      close: () => {
        for (const close of closers.splice(0)) close()
      },
    }
  }

  clone(): StreamLog {
    const copy = new StreamLog()
    copy.lastId = this.lastId
    copy.firstId = this.firstId
    copy.maxDeletedId = this.maxDeletedId
    copy.entriesAdded = this.entriesAdded
    copy.idempotence = this.idempotence?.clone() ?? null
    copy.#size = this.#size
    copy.#nodes = this.#nodes.clone()
    copy.#weight.bytes = this.#weight.bytes
    // From here on neither owns the nodes that both have.
    this.#owner = {}
    for (const [name, group] of this.#groups) copy.#groups.set(name, group.cloneFor(copy.#weight))
    return copy
  }

  *#up(start: StreamId, end: StreamId): Generator<StreamEntry, undefined> {
    const first = this.#nodes.floor(start)?.id ?? start
    for (const node of this.#nodes.from(first)) {
      for (let row = node.rowFrom(start); row < node.rows; row++) {
        if (node.isDeletedAt(row)) continue
        if (node.compareAt(row, end) > 0) return
        yield node.entryAt(row)
      }
    }
  }

  *#down(start: StreamId, end: StreamId): Generator<StreamEntry, undefined> {
    for (const node of this.#nodes.downFrom(end)) {
      let row = node.rowFrom(end)
      if (row === node.rows || node.compareAt(row, end) > 0) row--
      for (; row >= 0; row--) {
        if (node.isDeletedAt(row)) continue
        if (node.compareAt(row, start) < 0) return
        yield node.entryAt(row)
      }
    }
  }

  #remove(node: StreamNode, row: number): void {
    this.#size--
    if (node.live > 1) this.#own(node).delete(row)
    else this.#drop(node)
  }

  #drop(node: StreamNode): void {
    this.#nodes.delete(node.id)
    this.#weight.bytes -= node.heldBytes
    if (node.owner !== this.#owner) for (const weight of this.#weights) weight.bytes += node.heldBytes
  }

  /** The node itself, or a copy in its place that may be changed. */
  #own(node: StreamNode): StreamNode {
    if (node.owner === this.#owner) return node
    const own = node.cloneFor(this.#owner)
    for (const weight of this.#weights) weight.bytes += node.heldBytes
    this.#nodes.replace(own)
    return own
  }
}

function isFull(node: StreamNode, fields: readonly string[], { maxEntries, maxBytes }: NodeLimits): boolean {
  if (maxEntries > 0 && node.rows >= maxEntries) return true
  const limit = maxBytes > 0 && maxBytes < MAX_LISTPACK_BYTES ? maxBytes : MAX_LISTPACK_BYTES
  let bytes = node.listpackBytes
  for (const text of fields) bytes += bytesOfText(text)
  return bytes >= limit
}

function namesOf(fields: readonly string[]): string[] {
  return fields.filter((_, i) => i % 2 === 0)
}

function* liveIdsOf(node: StreamNode): Generator<StreamId, undefined> {
  for (let row = 0; row < node.rows; row++) if (!node.isDeletedAt(row)) yield node.idAt(row)
}
