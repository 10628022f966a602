// A list: a deque of chunks. All chunks have the same number of slots and lie one behind the other, so that an index
// leads to its slot by arithmetic, wherever the list was pushed to or cut: both ends and every index in O(1). What is put
// in or taken out in the middle moves the items of the shorter side.
//
//   chunks   [ . . a b ] [ c d e f ] [ g h . . ]
//   head = 2, size = 8: item i lies at slot head + i of all

import { type Collection, ELEMENT_OVERHEAD_BYTES, type Image, type Weight } from './collection.js'
import { Loans } from './loans.js'

const SHIFT = 9
const CHUNK_SLOTS = 1 << SHIFT
const MASK = CHUNK_SLOTS - 1
/** A list begins with so few slots: most lists are short. */
const FIRST_SLOTS = 4

/** What a snapshot reads of a list. */
export interface ListImage extends Image {
  readonly type: 'list'
  [Symbol.iterator](): Iterator<string>
}

export class List implements Collection {
  readonly type = 'list'
  heldBytes = 0
  #size = 0
  /** A chunk that is alone may be smaller than CHUNK_SLOTS. Slots without an item hold the empty string. */
  #chunks: string[][] = [emptyChunk(FIRST_SLOTS)]
  #slots = FIRST_SLOTS
  /** Empty chunks may be left before it, up to an eighth of all, and one at the other end, for those who push and pop there. */
  #head = 0
  /** Chunks that images hold too: they are copied before they are changed. */
  #loans: Loans<string> | null = null

  get size(): number {
    return this.#size
  }

  /** The item at that index, counted from 0; undefined outside of the list. */
  at(index: number): string | undefined {
    return index >= 0 && index < this.#size ? this.#get(index) : undefined
  }

  /** The items from `start` to before `end`, which are within the list. */
  slice(start: number, end: number): string[] {
    const first = this.#head + start
    const from = first & MASK
    const inOne = this.#chunks[first >> SHIFT]?.slice(from, from + end - start) ?? []
    if (inOne.length === end - start) return inOne
    const items = new Array<string>(end - start)
    for (let i = 0, at = first; i < items.length; ) {
      const chunk = this.#chunks[at >> SHIFT]
      const from = at & MASK
      const to = Math.min(chunk.length, from + items.length - i)
      for (let slot = from; slot < to; slot++) items[i++] = chunk[slot]
      at += to - from
    }
    return items
  }

  /** Replaces the item at that index, which must be there. */
  set(index: number, item: string): void {
    this.heldBytes += item.length - this.#get(index).length
    this.#put(index, item)
  }

  pushBack(item: string): void {
    if (this.#head + this.#size === this.#slots) this.#growBack()
    this.#put(this.#size++, item)
    this.heldBytes += item.length + ELEMENT_OVERHEAD_BYTES
  }

  pushFront(item: string): void {
    if (this.#head === 0) this.#growFront()
    this.#head--
    this.#size++
    this.#put(0, item)
    this.heldBytes += item.length + ELEMENT_OVERHEAD_BYTES
  }

  popBack(): string | undefined {
    if (this.#size === 0) return undefined
    const item = this.#get(this.#size - 1)
    this.#dropBack(1)
    this.heldBytes -= item.length + ELEMENT_OVERHEAD_BYTES
    return item
  }

  popFront(): string | undefined {
    if (this.#size === 0) return undefined
    const item = this.#get(0)
    this.#dropFront(1)
    this.heldBytes -= item.length + ELEMENT_OVERHEAD_BYTES
    return item
  }

  /** Puts an item before the one at that index; `size` is behind the last. Moves the items of the shorter side. */
  insert(index: number, item: string): void {
    if (index < this.#size / 2) {
      this.pushFront(item)
      for (let i = 0; i < index; i++) this.#put(i, this.#get(i + 1))
    } else {
      this.pushBack(item)
      for (let i = this.#size - 1; i > index; i--) this.#put(i, this.#get(i - 1))
    }
    this.#put(index, item)
  }

  /** Takes out `count` items from that index on, which must be there. Moves the items of the shorter side. */
  removeAt(index: number, count = 1): void {
    for (let i = index; i < index + count; i++) this.heldBytes -= this.#get(i).length + ELEMENT_OVERHEAD_BYTES
    this.#closeGap(index, count)
  }

  /** Keeps the items from `start` up to `end`, itself excluded. Both lie within the list. */
  trim(start: number, end: number): void {
    this.removeAt(end, this.#size - end)
    this.removeAt(0, start)
  }

  /** Takes out the first `most` items that are equal to this one, and says how many it found. */
  remove(item: string, most = Number.POSITIVE_INFINITY): number {
    let found = 0
    let kept = 0
    let i = 0
    for (; i < this.#size && found < most; i++) {
      const one = this.#get(i)
      if (one === item) found++
      else {
        if (found > 0) this.#put(kept, one)
        kept++
      }
    }
    this.heldBytes -= found * (item.length + ELEMENT_OVERHEAD_BYTES)
    this.#closeGap(kept, found)
    return found
  }

  /** The same for the last ones. */
  removeFromBack(item: string, most = Number.POSITIVE_INFINITY): number {
    let found = 0
    let kept = this.#size
    for (let i = this.#size - 1; i >= 0 && found < most; i--) {
      const one = this.#get(i)
      if (one === item) found++
      else {
        kept--
        if (found > 0) this.#put(kept, one)
      }
    }
    this.heldBytes -= found * (item.length + ELEMENT_OVERHEAD_BYTES)
    this.#closeGap(kept - found, found)
    return found
  }

  /** First to last. One that is taken out meanwhile makes it miss another, as with an array's. */
  *[Symbol.iterator](): Generator<string, undefined> {
    for (let i = 0; i < this.#size; i++) yield this.#get(i)
  }

  clone(): List {
    const copy = new List()
    copy.#chunks = this.#chunks.map((chunk) => chunk.slice())
    copy.#slots = this.#slots
    copy.#head = this.#head
    copy.#size = this.#size
    copy.heldBytes = this.heldBytes
    return copy
  }

  /** Takes a word for each chunk: 10,000,000 items about 1 ms. */
  image(weight: Weight): ListImage {
    const lent = new List()
    lent.#chunks = this.#chunks.slice()
    lent.#head = this.#head
    lent.#size = this.#size
    const loans = (this.#loans ??= new Loans())
    const giveBack = loans.lend(lent.#chunks, weight)
    const close = (): void => {
      giveBack()
      if (!loans.isOpen) this.#loans = null
    }
    return { type: 'list', size: lent.#size, close, [Symbol.iterator]: () => lent[Symbol.iterator]() }
  }

  #get(index: number): string {
    const slot = this.#head + index
    return this.#chunks[slot >> SHIFT][slot & MASK]
  }

  #put(index: number, item: string): void {
    const slot = this.#head + index
    if (this.#loans !== null) this.#loans.own(this.#chunks, slot >> SHIFT)
    this.#chunks[slot >> SHIFT][slot & MASK] = item
  }

  /** `count` items from that index on are not wanted any more. */
  #closeGap(index: number, count: number): void {
    if (count === 0) return
    const behind = this.#size - index - count
    if (index < behind) {
      for (let i = index - 1; i >= 0; i--) this.#put(i + count, this.#get(i))
      this.#dropFront(count)
    } else {
      for (let i = index; i < index + behind; i++) this.#put(i, this.#get(i + count))
      this.#dropBack(count)
    }
  }

  #dropFront(count: number): void {
    for (let i = 0; i < count; i++) this.#put(i, '')
    this.#head += count
    this.#size -= count
    const unused = (this.#head >> SHIFT) - 1
    // More than growFront adds, and so many that it pays to move all others.
    if (unused < 1 + (this.#chunks.length >> 3)) return
    this.#chunks.splice(0, unused)
    this.#head -= unused << SHIFT
    this.#slots -= unused << SHIFT
  }

  #dropBack(count: number): void {
    this.#size -= count
    for (let i = 0; i < count; i++) this.#put(this.#size + i, '')
    const used = ((this.#head + this.#size + MASK) >> SHIFT) + 1
    if (this.#chunks.length <= used) return
    this.#chunks.length = used
    this.#slots = used << SHIFT
  }

  #growBack(): void {
    if (this.#isSmall()) {
      this.#relocate(4)
      return
    }
    this.#chunks.push(emptyChunk(CHUNK_SLOTS))
    this.#slots += CHUNK_SLOTS
  }

  #growFront(): void {
    if (this.#isSmall()) {
      this.#relocate(4 / 3)
      return
    }
    // All chunks move: so that this is seldom enough, several come at once.
    const added = 1 + (this.#chunks.length >> 4)
    this.#chunks.unshift(...Array.from({ length: added }, () => emptyChunk(CHUNK_SLOTS)))
    this.#slots += added << SHIFT
    this.#head += added << SHIFT
  }

  /** One chunk that can still grow, or has enough room at its other end. */
  #isSmall(): boolean {
    return this.#chunks.length === 1 && (this.#slots < CHUNK_SLOTS || this.#size <= CHUNK_SLOTS / 2)
  }

  /** Gives the items of a small list at least as much room again, one part in so many of it before the first. */
  #relocate(parts: number): void {
    const slots = this.#size * 2 <= this.#slots ? this.#slots : this.#slots * 2
    const head = Math.ceil((slots - this.#size) / parts)
    const chunk = emptyChunk(slots)
    for (let i = 0; i < this.#size; i++) chunk[head + i] = this.#get(i)
    this.#chunks[0] = chunk
    this.#slots = slots
    this.#head = head
  }
}

function emptyChunk(slots: number): string[] {
  return new Array<string>(slots).fill('')
}
