// LZF, the compression of strings in RDB files. A compressed string is a row of two kinds of items:
//   000nnnnn                         n+1 bytes follow as they are
//   lllddddd [eeeeeeee] dddddddd     copy l+2 bytes (l = 7: e+9) from d+1 bytes back; the copy may overlap itself
// Knows nothing of the file around it.

/** How far back a copy reaches, how long it is at most, and how many plain bytes one item carries. */
const MAX_DISTANCE = 8192
const MAX_COPY = 264
const MAX_LITERALS = 32

/** The most that a compressed byte can become: three bytes that ask for the longest copy. */
export const MAX_EXPANSION = MAX_COPY / 3

const HASH_BITS = 13

/**
 * Where three bytes with this hash were last seen, plus `epoch`. Entries below the epoch are from earlier calls and count
 * as empty, so that the table need not be cleared each time and the same input always gives the same output.
 */
const lastSeen = new Int32Array(1 << HASH_BITS)
let epoch = 1

/**
 * Compresses `source[start, end)` into `target`, from its beginning. Returns how many bytes that took, or 0 when it does
 * not fit in `limit` bytes: then `target` holds rubbish. `target` is at least `limit` long.
 */
export function compress(source: Uint8Array, start: number, end: number, target: Uint8Array, limit: number): number {
  if (epoch + (end - start) > 0x3fff_ffff) {
    lastSeen.fill(0)
    epoch = 1
  }
  // A position p is kept as p + shift: from `epoch` on for this call.
  const shift = epoch - start
  epoch += end - start

  let out = 0
  let literals = start // where the bytes begin that are not in `target` yet
  let at = start
  const lastStart = end - 3
  while (at <= lastStart) {
    const triple = (source[at] << 16) | (source[at + 1] << 8) | source[at + 2]
    const hash = Math.imul(triple, 0x9e37_79b1) >>> (32 - HASH_BITS)
    const seen = lastSeen[hash] - shift
    lastSeen[hash] = at + shift
    if (
      seen < start ||
      at - seen > MAX_DISTANCE ||
      source[seen] !== source[at] ||
      source[seen + 1] !== source[at + 1] ||
      source[seen + 2] !== source[at + 2]
    ) {
      // The longer nothing has been found, the fewer positions are tried: data that does not compress costs little.
      at += 1 + ((at - literals) >>> 6)
      continue
    }
    const longest = Math.min(MAX_COPY, end - at)
    let length = 3
    while (length < longest && source[seen + length] === source[at + length]) length++

    out = putLiterals(source, literals, at, target, out, limit)
    if (out < 0 || out + 3 > limit) return 0
    const distance = at - seen - 1
    if (length < 9) {
      target[out++] = ((length - 2) << 5) | (distance >>> 8)
    } else {
      target[out++] = 0xe0 | (distance >>> 8)
      target[out++] = length - 9
    }
    target[out++] = distance & 0xff
    at += length
    literals = at
    // The copy's last bytes are remembered too: repeated data often goes on from there.
    for (let p = at - 2; p < at && p <= lastStart; p++) {
      const tail = (source[p] << 16) | (source[p + 1] << 8) | source[p + 2]
      lastSeen[Math.imul(tail, 0x9e37_79b1) >>> (32 - HASH_BITS)] = p + shift
    }
  }
  if (out === 0) return 0 // Nothing was found: plain bytes are always longer here than as they are.
  out = putLiterals(source, literals, end, target, out, limit)
  return Math.max(out, 0)
}

/** Returns where the next item goes, or -1 when the bytes do not fit. */
function putLiterals(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  out: number,
  limit: number,
): number {
  const count = end - start
  if (out + count + Math.ceil(count / MAX_LITERALS) > limit) return -1
  let at = start
  while (at < end) {
    const stop = Math.min(end, at + MAX_LITERALS)
    target[out++] = stop - at - 1
    while (at < stop) target[out++] = source[at++]
  }
  return out
}

/**
 * Puts what `source[start, end)` stands for into `target`, from its beginning. False when the data is damaged or does not
 * make exactly `length` bytes. Never reads or writes outside of what it was given.
 */
export function decompress(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  length: number,
): boolean {
  let at = start
  let out = 0
  while (at < end) {
    const control = source[at++]
    if (control < 32) {
      const stop = at + control + 1
      if (stop > end || out + control + 1 > length) return false
      while (at < stop) target[out++] = source[at++]
      continue
    }
    let count = control >>> 5
    if (count === 7) {
      if (at >= end) return false
      count += source[at++]
    }
    count += 2
    if (at >= end) return false
    let from = out - (((control & 31) << 8) | source[at++]) - 1
    if (from < 0 || out + count > length) return false
    for (const stop = out + count; out < stop; ) target[out++] = target[from++]
  }
  return out === length
}
