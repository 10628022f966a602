// Glob patterns as KEYS, SCAN MATCH, PSUBSCRIBE and CONFIG GET take them: Redis' stringmatchlen (7.0), oddities included.
// Redis matches bytes: `?` and a class take one byte of a character that is not ASCII, and so do we, in latin1 form.
// Where Redis recurses at a star, this goes back to the last star only: the same answer, in O(pattern x text), with no
// stack to overflow.

import { latin1Of } from './bytes.js'

const BACKSLASH = 0x5c
const CARET = 0x5e
const CLOSE = 0x5d
const DASH = 0x2d
const OPEN = 0x5b
const QUESTION = 0x3f
const STAR = 0x2a

/**
 * Whether the whole of `text` matches. Classes `[a-z]` and `[^a-z]`, escapes, `?` for one byte, `*` for any bytes. As in
 * Redis the empty text matches the empty pattern only, not `*`: KEYS and SCAN take a lone `*` as "all" beforehand.
 */
export function globMatch(pattern: string, text: string, ignoreCase = false): boolean {
  return matchLatin1(latin1Of(pattern), latin1Of(text), ignoreCase)
}

function matchLatin1(pattern: string, text: string, ignoreCase: boolean): boolean {
  let p = 0
  let t = 0
  // Where to go on after a mismatch: behind the last star, with one byte more of the text given to it.
  let starP = -1
  let starT = 0
  for (;;) {
    if (p < pattern.length && t < text.length) {
      if (pattern.charCodeAt(p) === STAR) {
        while (pattern.charCodeAt(p) === STAR) p++
        if (p === pattern.length) return true
        starP = p
        starT = t
        continue
      }
      const next = matchOne(pattern, p, text.charCodeAt(t), ignoreCase)
      if (next > 0) {
        p = next
        t++
        if (t === text.length) while (pattern.charCodeAt(p) === STAR) p++
        continue
      }
    } else if (p === pattern.length && t === text.length) {
      return true
    }
    // A text used up before its pattern will not fit a later start either: there is even less of it.
    if (starP < 0 || t === text.length || ++starT === text.length) return false
    p = starP
    t = starT
  }
}

/** The index behind the piece of pattern at `p` if `byte` fits it, else 0. */
function matchOne(pattern: string, p: number, byte: number, ignoreCase: boolean): number {
  let unit = pattern.charCodeAt(p)
  if (unit === QUESTION) return p + 1
  if (unit === OPEN) return matchClass(pattern, p + 1, byte, ignoreCase)
  if (unit === BACKSLASH && p + 1 < pattern.length) unit = pattern.charCodeAt(++p)
  return same(unit, byte, ignoreCase) ? p + 1 : 0
}

/** As matchOne, from behind the `[`. A class that is never closed ends with the pattern. */
function matchClass(pattern: string, p: number, byte: number, ignoreCase: boolean): number {
  const negated = pattern.charCodeAt(p) === CARET
  if (negated) p++
  let found = false
  for (; p < pattern.length; p++) {
    const unit = pattern.charCodeAt(p)
    const left = pattern.length - p
    if (unit === BACKSLASH && left >= 2) {
      // Redis compares an escaped character exactly, even when it ignores case.
      if (pattern.charCodeAt(++p) === byte) found = true
    } else if (unit === CLOSE) {
      break
    } else if (left >= 3 && pattern.charCodeAt(p + 1) === DASH) {
      if (inRange(unit, pattern.charCodeAt(p + 2), byte, ignoreCase)) found = true
      p += 2
    } else if (same(unit, byte, ignoreCase)) {
      found = true
    }
  }
  if (found === negated) return 0
  return Math.min(p + 1, pattern.length)
}

/** Redis puts the ends in order before it folds their case, and its char is signed: 0x80 to 0xff come before 0. */
function inRange(from: number, to: number, byte: number, ignoreCase: boolean): boolean {
  let start = signed(from)
  let end = signed(to)
  let unit = signed(byte)
  if (start > end) [start, end] = [end, start]
  if (ignoreCase) {
    start = lower(start)
    end = lower(end)
    unit = lower(unit)
  }
  return unit >= start && unit <= end
}

function signed(byte: number): number {
  return byte < 0x80 ? byte : byte - 0x100
}

function same(a: number, b: number, ignoreCase: boolean): boolean {
  return a === b || (ignoreCase && lower(a) === lower(b))
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
}
