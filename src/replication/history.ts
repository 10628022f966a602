// Which stream of changes this node's data stands at, and where in it. The one place where offsets are defined:
//   offset   bytes of the stream that are applied here. The first byte of a stream is at position 0; after it was
//            applied the offset is 1. PSYNC asks for offset + 1, the number of the first byte that is wanted.
// A node has one history. A promoted replica starts a new one and remembers where the old one ended (replid2).

import { assert } from '../errors.js'

export const NO_REPLID = '0'.repeat(40)
const REPLID_BYTES = 20
/** Histories before this one that are remembered: so many failovers may lie between a write and the question for it. */
const MAX_PAST = 16

/** A place in a history: everything up to there. */
export interface Place {
  readonly replid: string
  readonly offset: number
}

/**
 * held     what is here holds all of it
 * ahead    it lies further on in the history in which we stand
 * parted   our history left that one before it, or, as far as can be known here, may have
 * unknown  a history that we never stood in
 */
export type Standing = 'held' | 'ahead' | 'parted' | 'unknown'

export class History {
  replid: string
  /** The history before this one, or NO_REPLID. */
  replid2 = NO_REPLID
  /** The first byte that is not part of replid2, counted as PSYNC counts; -1 without a replid2. */
  secondOffset = -1
  offset = 0
  /** Where a file's history ended and nothing of our own was written yet; else -1. */
  #restoredAt = -1
  /** Histories that we stood in, and how far: what is here grew out of them. The latest last. */
  #past: Place[] = []
  readonly #randomHex: (bytes: number) => string

  constructor(randomHex: (bytes: number) => string) {
    this.#randomHex = randomHex
    this.replid = randomHex(REPLID_BYTES)
  }

  /** A history that nobody can go on with who stood in the one before. The offset goes on counting, as in Redis. */
  becomeNew(): void {
    this.#leave(this.replid)
    this.#restoredAt = -1
    this.replid = this.#randomHex(REPLID_BYTES)
    this.forgetSecond()
  }

  /** A branch: what was written up to here belongs to the old id too. */
  becomeBranch(): void {
    this.#restoredAt = -1
    this.#leave(this.replid)
    this.replid2 = this.replid
    this.secondOffset = this.offset + 1
    this.replid = this.#randomHex(REPLID_BYTES)
  }

  /** The primary named a new id for the stream that we follow: it was promoted, or follows another one now. */
  becomeRenamed(replid: string): void {
    if (replid === this.replid) return
    const known = this.askedFor
    this.#restoredAt = -1
    if (replid === known) {
      this.#past = this.#past.filter((past) => past.replid !== known)
      this.forgetSecond()
    } else {
      this.#leave(known)
      this.replid2 = known
      this.secondOffset = this.offset + 1
    }
    this.replid = replid
  }

  /** A full sync: the primary's history is ours. */
  becomeCopy(replid: string, offset: number): void {
    assert(replid.length === 40, 'a replid has 40 characters')
    this.#restoredAt = -1
    this.replid = replid
    this.#past = []
    this.offset = offset
    this.forgetSecond()
  }

  /**
   * The data comes from a file that was written at that place of a history. Others may have gone on with it since, so what
   * is written here from now on is a branch; until then we still stand in it, and can ask to go on with it.
   */
  becomeRestored(replid: string, offset: number): void {
    this.offset = offset
    this.replid = replid
    this.becomeBranch()
    this.#restoredAt = offset
  }

  /** The id under which a primary may know what we hold. */
  get askedFor(): string {
    return this.#restoredAt === this.offset ? this.replid2 : this.replid
  }

  /** The data came from elsewhere. */
  forgetPast(): void {
    this.#past = []
  }

  forgetSecond(): void {
    this.replid2 = NO_REPLID
    this.secondOffset = -1
  }

  /** Whether what is here holds everything up to that place. */
  standingOf({ replid, offset }: Place): Standing {
    if (replid === this.replid || replid === this.askedFor) return offset <= this.offset ? 'held' : 'ahead'
    const past = this.#past.find((one) => one.replid === replid)
    if (past === undefined) return 'unknown'
    return offset <= past.offset ? 'held' : 'parted'
  }

  #leave(replid: string): void {
    this.#past = this.#past.filter((past) => past.replid !== replid)
    this.#past.push({ replid, offset: this.offset })
    if (this.#past.length > MAX_PAST) this.#past.shift()
  }

  /** Whether a node at `replid` that wants byte number `wanted` stands in this history, as far as ids can tell. */
  covers(replid: string, wanted: number): boolean {
    return replid === this.replid || (replid === this.replid2 && wanted <= this.secondOffset)
  }
}
