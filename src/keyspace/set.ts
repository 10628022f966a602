// A set of members: an array beside an index of it, so that a member can be chosen at random at once. The last member
// takes the place of one that is removed; that is what `scan` relies on.

import { type Collection, ELEMENT_OVERHEAD_BYTES, type Image, type Weight } from './collection.js'
import { sampleOf } from './roster.js'

/** What a snapshot reads of a set. */
export interface SetImage extends Image {
  readonly type: 'set'
  [Symbol.iterator](): Iterator<string>
}

export class MemberSet implements Collection {
  readonly type = 'set'
  heldBytes = 0
  readonly #members: string[] = []
  /** Where each member stands in the array. */
  readonly #places = new Map<string, number>()
  /** Only integers were ever in it: Redis keeps such a set as an intset while it is small. */
  #isNumeric = true
  #peakSize = 0
  #images: PlacesImage[] | null = null

  constructor(members: Iterable<string> = []) {
    for (const member of members) this.add(member)
  }

  get size(): number {
    return this.#members.length
  }

  /**
   * Whether only integers were ever in it, and never more than `maxSize` at once: Redis keeps such a set sorted by value,
   * and gives it away whole; what has outgrown that does not come back to it.
   */
  isIntset(maxSize: number): boolean {
    return this.#isNumeric && this.#peakSize <= maxSize
  }

  /** As if it had just been filled with what it holds, for `isIntset`. */
  renew(): void {
    this.#isNumeric = this.#members.every(isInteger)
    this.#peakSize = this.size
  }

  /** Whether it was not there yet. */
  add(member: string): boolean {
    if (this.#places.has(member)) return false
    // First what V8 may refuse: a Map ends at 2^24 entries.
    this.#places.set(member, this.#members.length)
    const size = this.#members.push(member)
    if (size > this.#peakSize) this.#peakSize = size
    if (this.#isNumeric && !isInteger(member)) this.#isNumeric = false
    this.heldBytes += member.length + ELEMENT_OVERHEAD_BYTES
    return true
  }

  /** Whether it was there. */
  delete(member: string): boolean {
    const place = this.#places.get(member)
    if (place === undefined) return false
    if (this.#images !== null) {
      for (const image of this.#images) {
        image.before(place, member)
        image.before(this.#members.length - 1, this.#members[this.#members.length - 1])
      }
    }
    this.#places.delete(member)
    const last = this.#members.pop()!
    if (last !== member) {
      this.#members[place] = last
      this.#places.set(last, place)
    }
    this.heldBytes -= member.length + ELEMENT_OVERHEAD_BYTES
    return true
  }

  has(member: string): boolean {
    return this.#places.has(member)
  }

  /** The member that `random`, a number in [0, 1), falls on. Not for an empty set. */
  pick(random: number): string {
    return this.#members[Math.floor(random * this.#members.length)]
  }

  /** `count` different members, at most all of them. Each subset is as likely as any other; their order tells nothing. */
  sample(count: number, random: () => number): string[] {
    const size = this.size
    if (count >= size) return this.#members.slice()
    return sampleOf(this.#members, count, random)
  }

  /**
   * The next members of a scan, `count` of them, and the cursor to go on with: 0 when the scan is through. A member that
   * is there from the first call to the last is returned at least once. The cursor says how many places from the front
   * are still to be seen: a removal moves only the last member, which was seen already or comes no later than before, and
   * additions go behind.
   */
  scan(cursor: number, count: number): { cursor: number; members: string[] } {
    const end = cursor === 0 ? this.size : Math.min(cursor, this.size)
    const start = Math.max(0, end - count)
    return { cursor: start, members: this.#members.slice(start, end) }
  }

  /** Not to be changed while it is iterated. */
  [Symbol.iterator](): Iterator<string> {
    return this.#members[Symbol.iterator]()
  }

  image(weight: Weight): SetImage {
    const image = new PlacesImage(this.#members, weight, () => {
      const others = this.#images?.filter((one) => one !== image) ?? []
      this.#images = others.length > 0 ? others : null
    })
    this.#images = [...(this.#images ?? []), image]
    return image
  }

  clone(): MemberSet {
    const copy = new MemberSet(this)
    copy.#isNumeric = this.#isNumeric
    copy.#peakSize = this.#peakSize
    return copy
  }
}

/** The members by their places. Those whose place was taken from them, before they were read, are kept aside. */
class PlacesImage implements SetImage {
  readonly type = 'set'
  readonly size: number
  readonly close: () => void
  readonly #members: readonly string[]
  readonly #before = new Map<number, string>()
  readonly #weight: Weight
  #next = 0

  constructor(members: readonly string[], weight: Weight, close: () => void) {
    this.#members = members
    this.size = members.length
    this.#weight = weight
    this.close = close
  }

  /** To be called before the member loses its place. */
  before(place: number, member: string): void {
    if (place < this.#next || place >= this.size || this.#before.has(place)) return
    this.#before.set(place, member)
    this.#weight.bytes += ELEMENT_OVERHEAD_BYTES + member.length
  }

  /** Once. */
  *[Symbol.iterator](): Generator<string, undefined> {
    while (this.#next < this.size) {
      const place = this.#next++
      yield this.#before.get(place) ?? this.#members[place]
    }
  }
}

const DIGITS = /^(?:0|-?[1-9][0-9]{0,18})$/
/** So many characters are no more than 18 digits, which 64 bits hold. */
const SURELY_SHORT = 18

/** Whether it is a 64-bit integer in the one form that Redis writes. */
function isInteger(member: string): boolean {
  if (!DIGITS.test(member)) return false
  return member.length <= SURELY_SHORT || BigInt.asIntN(64, BigInt(member)) === BigInt(member)
}
