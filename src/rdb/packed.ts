// What packed encodings have in common: several elements in one string of a file. Each is a walk over a Buffer that
// checks every length before it is believed, allocates nothing but the elements, and ends with an error unless the
// last element ends where the bytes do. Knows no types of values and no file around them.

import { isAsciiText, latin1Slice, textOf } from '../bytes.js'

/** Bytes are not what they should be. Whoever knows the file turns it into an error that names the place. */
export class Damage extends Error {}

/** A walk over packed elements. */
export interface Packed {
  /** Goes to the next element; false behind the last one, when everything about the whole was right too. */
  next(): boolean
  /** The element as text. */
  text(): string
}

/** Above this, the detour by a latin1 string costs more in memory than it saves in time. */
export const MAX_SHORTCUT_BYTES = 4096

/** The text of `bytes[start, end)`, copied. */
export function sliceText(bytes: Buffer, start: number, end: number): string {
  if (end - start <= MAX_SHORTCUT_BYTES) {
    const latin1 = latin1Slice(bytes, start, end)
    if (isAsciiText(latin1)) return latin1
  }
  return textOf(bytes.subarray(start, end))
}

export function readInt24(bytes: Buffer, at: number): number {
  return bytes.readIntLE(at, 3)
}
