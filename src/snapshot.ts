// A snapshot of a dataset as it is at one moment, taken in slices while changes go on: the bytes of an RDB file, or commands.
//
// The cursor is the keyspace's own iterator, which meets every key that was there at the start: a deleted one leaves a
// mark in its slot while captures are open. What a key held before its first change is kept aside (its pre-image); when
// the cursor comes to the key, the pre-image is written instead of what the key holds by then. A key that is new stands
// behind all that were there, where the walk does not come. So each key is written once, as it was. Of a long collection an
// image is taken in its place, before it changes or when it is begun: that costs little whatever its size (a vector set's is
// a copy), and is written in parts. FLUSHDB and SWAPDB put other keyspaces in the place of those that are walked here, and
// change nothing for the walk. It knows no clock: whoever reads asks for small steps until his time is up.

import type { Arg } from './bytes.js'
import { StoreError } from './errors.js'
import type { Weight } from './keyspace/collection.js'
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
import type { KeyUse } from './keyspace/recency.js'
import type { Slots } from './keyspace/slots.js'
import { CommandWriter } from './rdb/command-writer.js'
import { lowestVersion } from './rdb/supplement.js'
import { LONG_STRING, STEP_ELEMENTS, type Steps, type Writable } from './rdb/value-writer.js'
import { type DataWriter, RdbWriter } from './rdb/writer.js'

export interface SnapshotOptions {
  /** AUX fields for the head of the file. */
  aux: readonly (readonly [name: string, value: string])[]
  compress: boolean
  checksum: boolean
  /** The file's version, and so what it can hold: see RdbWriter. `lowest`: the lowest that holds everything. 9 unless given. */
  version?: number | 'lowest'
  /** Commands instead, and whether they begin with the time: see CommandWriter. */
  commands?: { stampsTime: boolean } | undefined
  /** What the file tells of the use of keys: how long ago, or how often. Nothing unless given. */
  uses?: keyof KeyUse | undefined
  /**
   * Most bytes that pre-images may take, about; past it the snapshot fails rather than fill the memory. The directive
   * snapshot-preimage-limit. 0: any number.
   */
  maxPreimageBytes?: number
}

const DEFAULT_MAX_PREIMAGE_BYTES = 256 * 1024 * 1024
const PREIMAGE_OVERHEAD_BYTES = 100

type Collection = Exclude<Value, Arg>
type Image = ReturnType<Collection['image']>

/** What a key held. */
interface Preimage {
  held: Writable
  expiresAt: number | null
  use: KeyUse | null
}

/** One keyspace as it was at the start. */
class Section implements Capture {
  readonly index: number
  readonly keys: number
  readonly expires: number
  readonly #keyspace: Keyspace
  /** Slots that were there at the start and that the cursor has not met. */
  #left: number
  /** GONE: the key was not there, or is written already. A string stands for itself, if there is nothing to tell beside it. */
  #preimages: Slots<Preimage | string | typeof GONE>
  readonly #cursor: IterableIterator<[string, Slot]>
  readonly #uses: keyof KeyUse | undefined
  /** Keys that were written, or begun. */
  written = 0
  /** Of the pre-images, and what images keep of collections. */
  readonly #weight: Weight = { bytes: 0 }
  /** Says whether they take too much. */
  readonly #isOvergrown: () => boolean
  readonly #images = new Set<Image>()
  /** What is written in parts: a collection's image, or a long string, which never changes. */
  #begun: { key: string; image: Image | null; steps: Steps } | null = null

  constructor(keyspace: Keyspace, uses: keyof KeyUse | undefined, isOvergrown: () => boolean) {
    this.#keyspace = keyspace
    this.#isOvergrown = isOvergrown
    this.#uses = uses
    this.index = keyspace.index
    this.keys = keyspace.size
    this.expires = keyspace.expiry.size
    this.#preimages = keyspace.tableBeside()
    this.#cursor = keyspace.slots.entries()
    this.#left = keyspace.slots.size
    keyspace.capture(this)
  }

  get preimageBytes(): number {
    return this.#weight.bytes
  }

  before(key: string, slot: Slot | undefined): void {
    if (slot === undefined || this.#isOvergrown() || this.#preimages.has(key)) return
    this.#weight.bytes += PREIMAGE_OVERHEAD_BYTES + key.length
    if (slot === GONE) this.#preimages.set(key, GONE)
    else if (this.#begun?.key === key) {
      if (this.#begun.image !== null) settle(this.#begun.image)
      this.#preimages.set(key, GONE)
    } else this.#keep(key, valueIn(slot), timeIn(slot))
  }

  /** Writes up to so many keys, or parts of long ones, as long as `isWanted`; false when there are none left. */
  write(writer: DataWriter, most: number, isWanted: () => boolean): boolean {
    let left = most
    while (this.#step()) if (--left <= 0 || !isWanted()) return true
    const preimages = this.#preimages
    if (this.#left === 0) return false
    // That this loop is left does not end the cursor, which has no `return`.
    for (const [key, slot] of this.#cursor) {
      const changed = preimages.size === 0 ? undefined : preimages.get(key)
      if (changed === undefined) {
        if (typeof slot === 'string') this.#write(writer, key, slot, null, this.#useOf(key))
        else if (slot !== GONE) this.#write(writer, key, valueIn(slot), timeIn(slot), this.#useOf(key))
      } else if (typeof changed === 'string') this.#write(writer, key, changed, null, null)
      else if (changed !== GONE) this.#write(writer, key, changed.held, changed.expiresAt, changed.use)
      if (--this.#left === 0 && this.#begun === null) return false
      if (--left <= 0 || this.#begun !== null || !isWanted()) return true
    }
    return false
  }

  /** Keeps aside what a key holds. */
  #keep(key: string, value: Value, expiresAt: number | null): void {
    const use = this.#useOf(key)
    let held: Writable
    if (typeof value === 'string' && expiresAt === null && use === null) {
      this.#preimages.set(key, value)
      this.#weight.bytes += value.length
      return
    }
    if (isString(value)) {
      held = value
      this.#weight.bytes += typeof value === 'string' ? value.length : value.heldBytes
    } else if (value.size <= STEP_ELEMENTS && value.type !== 'stream') {
      held = value.clone()
      this.#weight.bytes += value.heldBytes
    } else {
      const image = this.#imageOf(value)
      settle(image)
      held = image
    }
    this.#preimages.set(key, { held, expiresAt, use })
  }

  #imageOf(value: Collection): Image {
    const image = value.image(this.#weight)
    this.#images.add(image)
    return image
  }

  #write(writer: DataWriter, key: string, held: Writable, expiresAt: number | null, use: KeyUse | null): void {
    this.written++
    if (isString(held)) {
      const { length } = typeof held === 'string' ? held : held.latin1
      if (length <= LONG_STRING) writer.string(key, held, expiresAt, use)
      else this.#begun = { key, image: null, steps: writer.valueInSteps(key, held, expiresAt, use) }
      return
    }
    const isImage = 'close' in held
    if (!isImage && held.size <= STEP_ELEMENTS && held.type !== 'stream') {
      writer.value(key, held, expiresAt, use)
      return
    }
    const image = isImage ? held : this.#imageOf(held as Collection)
    this.#begun = { key, image, steps: writer.valueInSteps(key, image, expiresAt, use) }
    this.#step()
  }

  #useOf(key: string): KeyUse | null {
    if (this.#uses === undefined) return null
    const use = this.#keyspace.recency?.useOf(key)
    return use === undefined ? null : { [this.#uses]: use[this.#uses] }
  }

  /** Goes on with what was begun; false when that is nothing, any more. */
  #step(): boolean {
    if (this.#begun === null) return false
    if (this.#begun.steps.next().done !== true) return true
    if (this.#begun.image !== null) this.#close(this.#begun.image)
    this.#begun = null
    return false
  }

  #close(image: Image): void {
    this.#images.delete(image)
    image.close()
  }

  release(): void {
    this.#keyspace.release(this)
    this.forget()
  }

  /** Takes no more memory, and has nothing to write any more. */
  forget(): void {
    for (const image of this.#images) image.close()
    this.#images.clear()
    this.#begun = null
    this.#preimages = this.#keyspace.tableBeside()
    this.#weight.bytes = 0
  }
}

/** Makes sure that an image does not change with the collection. Most never do. */
function settle(image: Image): void {
  if ('settle' in image) image.settle()
}

export class Snapshot {
  readonly #sections: Section[]
  readonly #writer: DataWriter
  readonly #maxPreimageBytes: number
  #chunks: Buffer[] = []
  readonly #isChunkOpen = (): boolean => this.#chunks.length === 0
  #at = -1
  /** What they had taken when they were given up. */
  #overgrownBytes = 0
  #state: 'walking' | 'overgrown' | 'done' | 'cancelled' = 'walking'

  /** Takes the dataset as it is now. The walk has to be finished or cancelled: until then it costs its pre-images. */
  constructor(dataset: Dataset, options: SnapshotOptions) {
    this.#maxPreimageBytes = options.maxPreimageBytes ?? DEFAULT_MAX_PREIMAGE_BYTES
    this.#sections = dataset.keyspaces
      .filter((keyspace) => keyspace.size > 0)
      .map((keyspace) => new Section(keyspace, options.uses, () => this.#isOvergrown()))
    this.#writer = this.#newWriter(dataset, options)
    this.#writer.header()
    for (const [name, value] of options.aux) this.#writer.aux(name, value)
    for (const { code } of dataset.libraries.values()) this.#writer.function(code)
  }

  #newWriter(dataset: Dataset, { compress, checksum, version, commands }: SnapshotOptions): DataWriter {
    const emit = (chunk: Buffer): void => void this.#chunks.push(chunk)
    if (commands !== undefined) return new CommandWriter(emit, commands)
    const lowest = version === 'lowest' ? lowestVersion(dataset) : version
    return new RdbWriter(emit, { compress, checksum, version: lowest })
  }

  get done(): boolean {
    return this.#state === 'done'
  }

  /** It is done, or was given up. */
  get isOver(): boolean {
    return this.#state === 'done' || this.#state === 'cancelled'
  }

  /** Keys of the file, and how many of them were written so far. */
  get keys(): number {
    return this.#sections.reduce((sum, { keys }) => sum + keys, 0)
  }
  get keysWritten(): number {
    return this.#sections.reduce((sum, { written }) => sum + written, 0)
  }

  /** See SnapshotSource. */
  get pressure(): number {
    return this.#maxPreimageBytes === 0 ? 0 : this.preimageBytes / this.#maxPreimageBytes
  }

  /** Bytes of the file so far. */
  get bytesWritten(): number {
    return this.#writer.bytesWritten
  }

  /**
   * Walks on until a chunk is full, at most `maxKeys` keys or parts of long ones, and returns what is ready: nothing, one
   * chunk, or several for a large value. After the last key `done` is true. Throws StoreError('RDB') when the pre-images grew too large.
   */
  read(maxKeys: number): Buffer[] {
    if (this.#state === 'overgrown') this.#giveUp()
    if (this.#state !== 'walking') return []
    const section = this.#sections[this.#at]
    if (section === undefined || !section.write(this.#writer, maxKeys, this.#isChunkOpen)) this.#nextSection()
    if (this.#state === 'walking' && this.#isOvergrown()) this.#giveUp()
    const chunks = this.#chunks
    this.#chunks = []
    return chunks
  }

  cancel(): void {
    if (this.#state !== 'walking' && this.#state !== 'overgrown') return
    this.#state = 'cancelled'
    for (const section of this.#sections) section.release()
  }

  /** Bytes that pre-images take now, about. */
  get preimageBytes(): number {
    let bytes = 0
    for (const section of this.#sections) bytes += section.preimageBytes
    return bytes
  }

  #nextSection(): void {
    this.#sections[this.#at]?.release()
    const section = this.#sections[++this.#at]
    if (section === undefined) {
      this.#writer.end()
      this.#state = 'done'
      return
    }
    this.#writer.selectDb(section.index)
    this.#writer.resizeDb(section.keys, section.expires)
  }

  /** Asked before each change: whoever reads may wait for long, for a replica that takes nothing. Then nothing is kept any more. */
  #isOvergrown(): boolean {
    if (this.#state !== 'walking') return true
    if (this.#maxPreimageBytes === 0) return false
    const bytes = this.preimageBytes
    if (bytes <= this.#maxPreimageBytes) return false
    this.#state = 'overgrown'
    this.#overgrownBytes = bytes
    // The keyspaces are told by the next read or by cancel: not from inside of a change.
    for (const section of this.#sections) section.forget()
    return true
  }

  #giveUp(): never {
    this.cancel()
    throw new StoreError(
      'RDB',
      `snapshot given up: ${this.#overgrownBytes} bytes of pre-images, ${this.#maxPreimageBytes} are allowed`,
    )
  }
}
