// A snapshot of a dataset as it is at one moment, taken in slices while changes go on: the bytes of an RDB file.
//
// The cursor is the keyspace's own iterator, which meets every key that was there at the start: a deleted one leaves a
// mark in its slot while captures are open. What a key held before its first change is kept aside (its pre-image); when
// the cursor comes to the key, the pre-image is written instead of what the key holds by then. A key that was not there
// at the start has an empty pre-image and is passed over. So each key is written once, as it was. A long collection is
// written in parts, one after the other; if it is about to change meanwhile, what is left of it is written at once.
// FLUSHDB and SWAPDB put other keyspaces in the place of those that are walked here, and change nothing for the walk.

import { StoreError } from './errors.js'
import type { Dataset } from './keyspace/dataset.js'
import { Timed } from './keyspace/expiry.js'
import { type Capture, frozen, GONE, isString, type Keyspace, type Slot, type Value } from './keyspace/keyspace.js'
import type { KeyUse } from './keyspace/recency.js'
import { lowestVersion } from './rdb/supplement.js'
import { STEP_ELEMENTS, type Steps } from './rdb/value-writer.js'
import { RdbWriter } from './rdb/writer.js'

export interface SnapshotOptions {
  /** AUX fields for the head of the file. */
  aux: readonly (readonly [name: string, value: string])[]
  compress: boolean
  checksum: boolean
  /** The file's version, and so what it can hold: see RdbWriter. `lowest`: the lowest that holds everything. 9 unless given. */
  version?: number | 'lowest'
  /** What the file tells of the use of keys: how long ago, or how often. Nothing unless given. */
  uses?: keyof KeyUse | undefined
  /** Most bytes that pre-images may take, about; past it the snapshot fails rather than fill the memory. */
  maxPreimageBytes?: number
}

const DEFAULT_MAX_PREIMAGE_BYTES = 256 * 1024 * 1024
const PREIMAGE_OVERHEAD_BYTES = 100

interface Preimage {
  value: Value
  expiresAt: number | null
  use: KeyUse | null
}

/** One keyspace as it was at the start. */
class Section implements Capture {
  readonly index: number
  readonly keys: number
  readonly expires: number
  readonly #keyspace: Keyspace
  readonly #preimages = new Map<string, Preimage | null>()
  readonly #cursor: Iterator<[string, Slot]>
  readonly #uses: keyof KeyUse | undefined
  preimageBytes = 0
  /** Keys that were written, or begun. */
  written = 0
  /** The collection of which a part is written. Were it to change, all of it is written first. */
  #begun: { key: string; steps: Steps } | null = null

  constructor(keyspace: Keyspace, uses: keyof KeyUse | undefined) {
    this.#keyspace = keyspace
    this.#uses = uses
    this.index = keyspace.index
    this.keys = keyspace.size
    this.expires = keyspace.expiry.size
    this.#cursor = keyspace.slots.entries()
    keyspace.capture(this)
  }

  before(key: string, slot: Slot | undefined): void {
    if (this.#preimages.has(key)) return
    if (this.#begun?.key === key) {
      while (this.#step());
      this.#preimages.set(key, null)
      return
    }
    const preimage = preimageOf(slot, this.#useOf(key))
    this.#preimages.set(key, preimage)
    this.preimageBytes += PREIMAGE_OVERHEAD_BYTES + key.length
    const value = preimage?.value
    if (value !== undefined) this.preimageBytes += typeof value === 'string' ? value.length : value.heldBytes
  }

  /** Writes the next key, or the next part of a long one; false when there is none. */
  writeNext(writer: RdbWriter): boolean {
    if (this.#step()) return true
    for (;;) {
      const next = this.#cursor.next()
      if (next.done) return false
      const [key, slot] = next.value
      const changed = this.#preimages.size === 0 ? undefined : this.#preimages.get(key)
      if (changed === null || (changed === undefined && slot === GONE)) continue
      if (changed !== undefined) this.#write(writer, key, changed.value, changed.expiresAt, changed.use)
      else if (slot instanceof Timed) this.#write(writer, key, slot.value, slot.expiresAt, this.#useOf(key))
      else this.#write(writer, key, slot as Value, null, this.#useOf(key))
      return true
    }
  }

  #write(writer: RdbWriter, key: string, value: Value, expiresAt: number | null, use: KeyUse | null): void {
    this.written++
    if (isString(value)) writer.string(key, value, expiresAt, use)
    else if (value.size <= STEP_ELEMENTS) writer.value(key, value, expiresAt, use)
    else {
      this.#begun = { key, steps: writer.valueInSteps(key, value, expiresAt, use) }
      this.#step()
    }
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
    this.#begun = null
    return false
  }

  release(): void {
    this.#keyspace.release(this)
    this.#begun = null
    this.#preimages.clear()
    this.preimageBytes = 0
  }
}

function preimageOf(slot: Slot | undefined, use: KeyUse | null): Preimage | null {
  if (slot === undefined || slot === GONE) return null
  if (slot instanceof Timed) return { value: frozen(slot.value), expiresAt: slot.expiresAt, use }
  return { value: frozen(slot), expiresAt: null, use }
}

export class Snapshot {
  readonly #sections: Section[]
  readonly #writer: RdbWriter
  readonly #maxPreimageBytes: number
  #chunks: Buffer[] = []
  #at = -1
  #state: 'walking' | 'done' | 'cancelled' = 'walking'

  /** Takes the dataset as it is now. The walk has to be finished or cancelled: until then it costs its pre-images. */
  constructor(dataset: Dataset, options: SnapshotOptions) {
    this.#maxPreimageBytes = options.maxPreimageBytes ?? DEFAULT_MAX_PREIMAGE_BYTES
    this.#sections = dataset.keyspaces
      .filter((keyspace) => keyspace.size > 0)
      .map((keyspace) => new Section(keyspace, options.uses))
    const { compress, checksum } = options
    const version = options.version === 'lowest' ? lowestVersion(dataset) : options.version
    this.#writer = new RdbWriter((chunk) => this.#chunks.push(chunk), { compress, checksum, version })
    this.#writer.header()
    for (const [name, value] of options.aux) this.#writer.aux(name, value)
    for (const { code } of dataset.libraries.values()) this.#writer.function(code)
  }

  get done(): boolean {
    return this.#state === 'done'
  }

  /** Keys of the file, and how many of them were written so far. */
  get keys(): number {
    return this.#sections.reduce((sum, { keys }) => sum + keys, 0)
  }
  get keysWritten(): number {
    return this.#sections.reduce((sum, { written }) => sum + written, 0)
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
    for (let keys = 0; keys < maxKeys && this.#state === 'walking' && this.#chunks.length === 0; keys++) {
      const section = this.#sections[this.#at]
      if (section?.writeNext(this.#writer)) continue
      this.#nextSection()
    }
    this.#checkPreimages()
    const chunks = this.#chunks
    this.#chunks = []
    return chunks
  }

  cancel(): void {
    if (this.#state !== 'walking') return
    this.#state = 'cancelled'
    for (const section of this.#sections) section.release()
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

  #checkPreimages(): void {
    let bytes = 0
    for (const section of this.#sections) bytes += section.preimageBytes
    if (bytes <= this.#maxPreimageBytes) return
    this.cancel()
    throw new StoreError(
      'RDB',
      `snapshot given up: ${bytes} bytes of pre-images, ${this.#maxPreimageBytes} are allowed`,
    )
  }
}
