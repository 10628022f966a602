// A hash table of any number of keys, in insertion order, that never stops for long: no step of its growing or shrinking
// touches more than a few thousand entries.
//
// The entries lie in chunks, one behind the other, in the order in which they came. An index finds them: a directory of
// segments, by the first bits of a key's hash, each a small open table of hashes and places. A segment that is full is split
// in two (extendible hashing); two that are nearly empty become one. A chunk that is empty is dropped; two neighbours that
// are nearly empty become one, and tell the walks that stand in them where their entries are now.

export interface TableLimits {
  /** Entries of a chunk: a power of two, at most 65,536. */
  chunkEntries: number
  /** Places of an index segment: a power of two. It is split when three quarters are taken. */
  segmentPlaces: number
}

/** Segments have at most so many first bits of the hash in common; what still falls together makes them longer. */
const MAX_DEPTH = 16
/** The first bits by which a table is divided at once when many entries are to come. */
const MAX_EXPECTED_DEPTH = 9
/** Places of a segment of a table that was divided at once: all are there after the first few entries, and memory costs time. */
const FIRST_PLACES = 256
/** By how much such a segment grows, until it has `segmentPlaces`. */
const GROWTH = 4
/** How much of a segment entries take on average when it is not to be split. */
const EXPECTED_FILL = 0.6

interface Chunk {
  readonly id: number
  /** Key, value, key, value; both are undefined where an entry was deleted. */
  cells: unknown[]
  /** Entries ever put here, deleted ones included. */
  used: number
  live: number
  next: Chunk | null
  previous: Chunk | null
  /** Given up: its entries are in this one now, or, if it had none, this one is the next. */
  successor: Chunk | null
  /** For each entry, and for the end: where in the successor it, or what came behind it, stands. None: at the start. */
  offsets: Uint16Array | null
}

interface Segment {
  /** How many first bits of their hashes its entries have in common. */
  depth: number
  /** Hash and place, hash and place; the place is 0 where there is nothing. */
  places: Int32Array
  mask: number
  count: number
}

export class KeyTable<T> {
  readonly #chunkEntries: number
  readonly #chunkShift: number
  readonly #chunkMask: number
  readonly #segmentPlaces: number
  readonly #seed: number
  /** By id; ids are used again. The first is 1, so that no place is 0. */
  readonly #chunks: Chunk[] = []
  /** Those in which `adopt` put entries, in order. */
  readonly #founding: Chunk[] = []
  readonly #freeIds: number[] = []
  #first: Chunk
  /** Where `adopt` puts entries, while it may be called. */
  #front: Chunk | null
  /** Where `set` puts entries. */
  #last: Chunk
  #directory: Segment[]
  /** 32 less the number of bits that the directory goes by. */
  #directoryShift: number
  #size = 0

  /** `expected` entries are to come, if that is true. */
  constructor(seed: number, { chunkEntries, segmentPlaces }: TableLimits, expected = 0) {
    this.#seed = seed
    this.#chunkEntries = chunkEntries
    this.#chunkShift = Math.log2(chunkEntries)
    this.#chunkMask = chunkEntries - 1
    this.#segmentPlaces = segmentPlaces
    const bits = Math.min(
      Math.ceil(Math.log2(Math.max(2, expected / (segmentPlaces * EXPECTED_FILL)))),
      MAX_EXPECTED_DEPTH,
    )
    // Stands wherever the first entry is still to come: it has no room, and is split like one that is full.
    const unmade = segment(bits - 1, 1)
    this.#directory = new Array(1 << bits).fill(unmade)
    this.#directoryShift = 32 - bits
    this.#first = this.#newChunk(new Array(chunkEntries * 2))
    this.#front = this.#first
    this.#founding.push(this.#first)
    this.#last = this.#newChunk(new Array(chunkEntries * 2))
    this.#join(this.#first, this.#last)
  }

  get size(): number {
    return this.#size
  }

  get(key: string): T | undefined {
    const hash = hashOf(key, this.#seed)
    const { places, mask } = this.#directory[hash >>> this.#directoryShift]
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const place = places[2 * at + 1]
      if (place === 0) return undefined
      if (places[2 * at] !== hash) continue
      const { cells } = this.#chunks[place >>> this.#chunkShift]
      const offset = (place & this.#chunkMask) * 2
      if (cells[offset] === key) return cells[offset + 1] as T
    }
  }

  has(key: string): boolean {
    const hash = hashOf(key, this.#seed)
    return this.#find(this.#directory[hash >>> this.#directoryShift], hash, key) >= 0
  }

  set(key: string, value: T): void {
    const hash = hashOf(key, this.#seed)
    const found = this.#directory[hash >>> this.#directoryShift]
    const at = this.#find(found, hash, key)
    if (at >= 0) {
      const place = found.places[2 * at + 1]
      this.#chunks[place >>> this.#chunkShift].cells[(place & this.#chunkMask) * 2 + 1] = value
      return
    }
    if (this.#last.used === this.#chunkEntries) this.#append()
    this.#put(this.#last, key, value, found, hash)
  }

  /** Puts a key that is not here yet behind those that came by `adopt`, and before all that came by `set`. */
  adopt(key: string, value: T): void {
    let front = this.#front!
    if (front.used === this.#chunkEntries) {
      const full = front
      front = this.#newChunk(new Array(this.#chunkEntries * 2))
      this.#join(front, full.next!)
      this.#join(full, front)
      this.#front = front
      this.#founding.push(front)
      if (full.live < full.used) this.#tidy(full)
    }
    const hash = hashOf(key, this.#seed)
    this.#put(front, key, value, this.#directory[hash >>> this.#directoryShift], hash)
  }

  /** No more will be adopted. Until now there must be no walks. */
  endAdoption(): void {
    const front = this.#front!
    this.#front = null
    if (front.live < this.#chunkEntries) this.#tidy(front)
  }

  /** Says whether it was there. */
  delete(key: string): boolean {
    const hash = hashOf(key, this.#seed)
    const found = this.#directory[hash >>> this.#directoryShift]
    const at = this.#find(found, hash, key)
    if (at < 0) return false
    const place = found.places[2 * at + 1]
    const chunk = this.#chunks[place >>> this.#chunkShift]
    const offset = (place & this.#chunkMask) * 2
    chunk.cells[offset] = undefined
    chunk.cells[offset + 1] = undefined
    chunk.live--
    this.#size--
    removeAt(found, at)
    if (found.count * 8 < found.mask) this.#shrink(found, hash)
    if (!this.#isOpen(chunk)) this.#tidy(chunk)
    return true
  }

  /** A walk from the start, or from behind so many as were adopted first. */
  cursor(skipped = 0): TableCursor<T> {
    if (skipped === 0) return new TableCursor(this.#first, 0)
    const whole = Math.min(Math.floor(skipped / this.#chunkEntries), this.#founding.length - 1)
    return new TableCursor(this.#founding[whole], skipped - whole * this.#chunkEntries)
  }

  #put(chunk: Chunk, key: string, value: T, into: Segment, hash: number): void {
    while ((into.count + 1) * 4 > into.places.length * 1.5) {
      this.#grow(into, hash)
      into = this.#directory[hash >>> this.#directoryShift]
    }
    const offset = chunk.used++
    chunk.cells[offset * 2] = key
    chunk.cells[offset * 2 + 1] = value
    chunk.live++
    this.#size++
    put(into, hash, (chunk.id << this.#chunkShift) | offset)
  }

  /** Where in a segment the key stands; -1: it is not there. */
  #find({ places, mask }: Segment, hash: number, key: string): number {
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const place = places[2 * at + 1]
      if (place === 0) return -1
      if (places[2 * at] !== hash) continue
      if (this.#chunks[place >>> this.#chunkShift].cells[(place & this.#chunkMask) * 2] === key) return at
    }
  }

  /** Makes room in a full segment. */
  #grow(full: Segment, hash: number): void {
    const places = full.mask + 1
    const isYoung = places > 1 && places < this.#segmentPlaces
    if (isYoung || full.depth === MAX_DEPTH) {
      const longer = segment(full.depth, isYoung ? Math.min(places * GROWTH, this.#segmentPlaces) : places * 2)
      moveAll(full, () => longer)
      this.#enter(longer, hash)
      return
    }
    const depth = full.depth + 1
    if (depth > 32 - this.#directoryShift) this.#doubleDirectory()
    const each = places > 1 ? this.#segmentPlaces : Math.min(FIRST_PLACES, this.#segmentPlaces)
    const low = segment(depth, each)
    const high = segment(depth, each)
    const bit = 1 << (32 - depth)
    moveAll(full, (held) => ((held & bit) === 0 ? low : high))
    this.#enter(low, hash & ~bit)
    this.#enter(high, hash | bit)
  }

  /** Makes one of two segments that are nearly empty. */
  #shrink(sparse: Segment, hash: number): void {
    const { depth } = sparse
    if (depth === 1) return
    const twin = this.#directory[(hash ^ (1 << (32 - depth))) >>> this.#directoryShift]
    if (twin.depth !== depth || (sparse.count + twin.count) * 4 > this.#segmentPlaces) return
    const both = segment(depth - 1, this.#segmentPlaces)
    moveAll(sparse, () => both)
    moveAll(twin, () => both)
    this.#enter(both, hash)
  }

  #doubleDirectory(): void {
    const doubled: Segment[] = []
    for (const each of this.#directory) doubled.push(each, each)
    this.#directory = doubled
    this.#directoryShift--
  }

  /** Puts a segment wherever the first bits are those that its entries have in common with `hash`. */
  #enter(entered: Segment, hash: number): void {
    const span = 1 << (32 - this.#directoryShift - entered.depth)
    const from = (hash >>> this.#directoryShift) & ~(span - 1)
    this.#directory.fill(entered, from, from + span)
  }

  #newChunk(cells: unknown[]): Chunk {
    const id = this.#freeIds.pop() ?? Math.max(1, this.#chunks.length)
    const made: Chunk = { id, cells, used: 0, live: 0, next: null, previous: null, successor: null, offsets: null }
    this.#chunks[id] = made
    return made
  }

  #append(): void {
    const full = this.#last
    const added = this.#newChunk(new Array(this.#chunkEntries * 2))
    this.#join(full, added)
    this.#last = added
    if (full.live < full.used) this.#tidy(full)
  }

  /** Whether entries are still put there. */
  #isOpen(chunk: Chunk): boolean {
    return chunk === this.#last || chunk === this.#front
  }

  /** Something was deleted from a chunk that takes no more entries. */
  #tidy(chunk: Chunk): void {
    const { previous, next } = chunk
    const few = this.#chunkEntries / 2
    if (chunk.live === 0) {
      this.#giveUp(chunk, next!)
      this.#join(previous, next!)
    } else if (!this.#isOpen(next!) && chunk.live + next!.live <= few) this.#merge(chunk, next!)
    else if (previous !== null && !this.#isOpen(previous) && previous.live + chunk.live <= few)
      this.#merge(previous, chunk)
  }

  #merge(one: Chunk, other: Chunk): void {
    const { previous } = one
    const { next } = other
    const merged = this.#newChunk([])
    for (const from of [one, other]) {
      const { cells, used } = from
      const offsets = new Uint16Array(used + 1)
      for (let offset = 0; offset < used; offset++) {
        offsets[offset] = merged.used
        const key = cells[offset * 2] as string | undefined
        if (key === undefined) continue
        const hash = hashOf(key, this.#seed)
        const found = this.#directory[hash >>> this.#directoryShift]
        found.places[2 * this.#find(found, hash, key) + 1] = (merged.id << this.#chunkShift) | merged.used++
        merged.cells.push(key, cells[offset * 2 + 1])
      }
      offsets[used] = merged.used
      this.#giveUp(from, merged)
      from.offsets = offsets
    }
    merged.live = merged.used
    this.#join(previous, merged)
    this.#join(merged, next!)
  }

  #join(previous: Chunk | null, next: Chunk): void {
    next.previous = previous
    if (previous === null) this.#first = next
    else previous.next = next
  }

  #giveUp(chunk: Chunk, successor: Chunk): void {
    chunk.cells = []
    chunk.next = null
    chunk.previous = null
    chunk.successor = successor
    this.#freeIds.push(chunk.id)
  }
}

/** A place in the order of a table. Entries may come and go meanwhile. */
export class TableCursor<T> {
  #chunk: Chunk
  #offset: number
  key = ''
  value: T | undefined

  constructor(chunk: Chunk, offset: number) {
    this.#chunk = chunk
    this.#offset = offset
  }

  /** Goes to the next entry, and shows it as `key` and `value`; false: there is none. */
  advance(): boolean {
    let chunk = this.#chunk
    for (;;) {
      while (chunk.successor !== null) {
        this.#offset = chunk.offsets === null ? 0 : chunk.offsets[this.#offset]
        chunk = chunk.successor
      }
      const { cells, used } = chunk
      for (let offset = this.#offset; offset < used; offset++) {
        const key = cells[offset * 2]
        if (key === undefined) continue
        this.key = key as string
        this.value = cells[offset * 2 + 1] as T
        this.#chunk = chunk
        this.#offset = offset + 1
        return true
      }
      this.#offset = used
      this.#chunk = chunk
      if (chunk.next === null) return false
      chunk = chunk.next
      this.#offset = 0
    }
  }
}

function segment(depth: number, places: number): Segment {
  return { depth, places: new Int32Array(2 * places), mask: places - 1, count: 0 }
}

function put(into: Segment, hash: number, place: number): void {
  const { places, mask } = into
  let at = hash & mask
  while (places[2 * at + 1] !== 0) at = (at + 1) & mask
  places[2 * at] = hash
  places[2 * at + 1] = place
  into.count++
}

function moveAll({ places }: Segment, into: (hash: number) => Segment): void {
  for (let i = 0; i < places.length; i += 2) if (places[i + 1] !== 0) put(into(places[i]), places[i], places[i + 1])
}

/** Takes an entry out, and closes the gap: what stands behind it is moved up as far as its hash allows. */
function removeAt(from: Segment, gap: number): void {
  const { places, mask } = from
  for (let at = (gap + 1) & mask; places[2 * at + 1] !== 0; at = (at + 1) & mask) {
    const wanted = places[2 * at] & mask
    if (((at - wanted) & mask) < ((at - gap) & mask)) continue
    places[2 * gap] = places[2 * at]
    places[2 * gap + 1] = places[2 * at + 1]
    gap = at
  }
  places[2 * gap + 1] = 0
  from.count--
}

/** Two characters a step. The seed keeps strangers from choosing keys that fall together. */
function hashOf(key: string, seed: number): number {
  let hash = seed ^ key.length
  const { length } = key
  let i = 0
  for (; i + 1 < length; i += 2) {
    hash = Math.imul(hash ^ key.charCodeAt(i) ^ (key.charCodeAt(i + 1) << 16), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  if (i < length) hash = Math.imul(hash ^ key.charCodeAt(i), 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
