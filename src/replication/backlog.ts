// The last bytes of the stream: a ring of fixed segments. Replicas are cursors into it and keep nothing of their own.
// A segment is written once, front to back, and never used again after it fell out of the ring: a link may still be
// sending a view of it.
// Positions count stream bytes from 0: the byte at position p is byte number p + 1 of the stream.

import { latin1Write } from '../bytes.js'
import { assert } from '../errors.js'

const SEGMENT_BYTES = 64 * 1024

interface Segment {
  /** Stream position of its first byte. */
  readonly start: number
  readonly bytes: Buffer
  used: number
}

export class Backlog {
  /** How many bytes are kept for replicas that come back (repl-backlog-size). */
  sizeBytes: number
  readonly #segments: Segment[] = []
  #head: Segment
  #start: number

  /** `position`: where the stream stands. */
  constructor(sizeBytes: number, position: number) {
    this.sizeBytes = sizeBytes
    this.#start = position
    this.#head = { start: position, bytes: Buffer.allocUnsafeSlow(this.#segmentBytes()), used: 0 }
    this.#segments.push(this.#head)
  }

  /** Position of the first byte that is still here. */
  get start(): number {
    return this.#start
  }
  /** Position behind the last byte. */
  get end(): number {
    return this.#head.start + this.#head.used
  }
  get lengthBytes(): number {
    return this.end - this.#start
  }

  /** Appends bytes in latin1 form. */
  append(latin1: string): void {
    const head = this.#head
    if (latin1.length <= head.bytes.length - head.used) {
      latin1Write(head.bytes, latin1, head.used)
      head.used += latin1.length
      return
    }
    const room = head.bytes.length - head.used
    if (room > 0) this.append(latin1.slice(0, room))
    for (let at = room; at < latin1.length; ) {
      const segment = this.#grow()
      const piece = latin1.slice(at, at + segment.bytes.length)
      latin1Write(segment.bytes, piece, 0)
      segment.used = piece.length
      at += piece.length
    }
  }

  /** Appends `chunk[start, end)`. */
  appendBytes(chunk: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      let head = this.#head
      if (head.used === head.bytes.length) head = this.#grow()
      const count = Math.min(end - at, head.bytes.length - head.used)
      chunk.copy(head.bytes, head.used, at, at + count)
      head.used += count
      at += count
    }
  }

  /** Bytes from `position` on, as many as lie together; undefined when there is nothing behind it. */
  read(position: number): Buffer | undefined {
    assert(position >= this.#start, 'the cursor is in the ring')
    if (position >= this.end) return undefined
    // Cursors stand near the end nearly always.
    let i = this.#segments.length - 1
    while (this.#segments[i].start > position) i--
    const segment = this.#segments[i]
    return segment.bytes.subarray(position - segment.start, segment.used)
  }

  /** Forgets what is older than the ring's size, but nothing from `needed` on, which a cursor still has to read. */
  trim(needed: number): void {
    const keep = Math.min(this.end - this.sizeBytes, needed)
    if (keep <= this.#start) return
    this.#start = keep
    let whole = 0
    while (whole < this.#segments.length - 1 && this.#segments[whole + 1].start <= keep) whole++
    if (whole > 0) this.#segments.splice(0, whole)
  }

  #segmentBytes(): number {
    return Math.min(SEGMENT_BYTES, this.sizeBytes)
  }

  #grow(): Segment {
    this.#head = { start: this.end, bytes: Buffer.allocUnsafeSlow(this.#segmentBytes()), used: 0 }
    this.#segments.push(this.#head)
    return this.#head
  }
}
