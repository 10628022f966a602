// The keys and values of scale.ts, by number.

/** Flat, as strings are that come from a socket; one that is put together keeps its parts. */
export function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

export function keyAt(index: number): string {
  return `key:${String(index).padStart(12, '0')}`
}

/** 64 characters that do not compress. */
export function valueAt(index: number): string {
  let text = ''
  let word = index + 1
  while (text.length < 64) {
    word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    word = Math.imul(word ^ (word >>> 12), 0x297a2d39)
    text += (word >>> 0).toString(36)
  }
  return text.slice(0, 64)
}
