// A stream of random numbers from a seed: the same seed and name give the same numbers on every machine. sfc32 by Chris
// Doty-Humphrey (PractRand, public domain). Fit for simulations; never for secrets.

/** Mixes a text into 32 bits (FNV-1a, then murmur3's finish, so that near texts part well). */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}

export class RandomStream {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `name` tells apart the streams of one seed. */
  constructor(seed: number, name: string) {
    this.#a = hash(`a ${seed} ${name}`)
    this.#b = hash(`b ${seed} ${name}`)
    this.#c = hash(`c ${seed} ${name}`)
    for (let i = 0; i < 12; i++) this.#bits()
  }

  /** A number in [0, 1), with 53 random bits. */
  next(): number {
    return ((this.#bits() >>> 6) * 2 ** 27 + (this.#bits() >>> 5)) / 2 ** 53
  }

  /** `bytes` random bytes as hexadecimal text. */
  hex(bytes: number): string {
    let text = ''
    for (let i = 0; i < bytes; i++) text += (this.#bits() >>> 24).toString(16).padStart(2, '0')
    return text
  }

  #bits(): number {
    const sum = (this.#a + this.#b + this.#counter++) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum
  }
}
