// Names in an array, beside a Map that has them as its keys: so that one can be chosen at random, and a scan can go on
// where it stopped, which a Map cannot do. A name that is removed keeps its place until somebody comes upon it: the Map
// need not know where a name stands, and who never asks for any of this (most hashes) needs no roster.

/** `count` of these different names, fewer than all. Each subset is as likely as any other; their order tells nothing. */
export function sampleOf(names: readonly string[], count: number, random: () => number): string[] {
  const size = names.length
  if (count * 3 <= size) {
    const few = new Set<string>()
    while (few.size < count) few.add(names[Math.floor(random() * size)])
    return [...few]
  }
  // Most of them: all, of which the first ones are chosen.
  const chosen = names.slice()
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(random() * (size - i))
    const name = chosen[other]
    chosen[other] = chosen[i]
    chosen[i] = name
  }
  chosen.length = count
  return chosen
}

export class Roster {
  readonly #names: string[]
  /** Names that were removed and still have their place. Never more than half of them. */
  readonly #removed = new Set<string>()

  constructor(names: Iterable<string>) {
    this.#names = [...names]
  }

  get size(): number {
    return this.#names.length - this.#removed.size
  }

  /** To be called for each new name. */
  add(name: string): void {
    if (!this.#removed.delete(name)) this.#names.push(name)
  }

  /** To be called for each name that goes. */
  remove(name: string): void {
    this.#removed.add(name)
    if (this.#removed.size * 2 > this.#names.length) this.#sweep()
  }

  /** A name by chance. Not for an empty roster. */
  pick(random: () => number): string {
    for (;;) {
      const place = Math.floor(random() * this.#names.length)
      const name = this.#names[place]
      if (!this.#removed.has(name)) return name
      this.#removed.delete(name)
      const last = this.#names.pop()!
      if (place < this.#names.length) this.#names[place] = last
    }
  }

  /** `count` different names, at most all of them. Each subset is as likely as any other; their order tells nothing. */
  sample(count: number, random: () => number): string[] {
    if (count * 3 <= this.size) {
      const chosen = new Set<string>()
      while (chosen.size < count) chosen.add(this.pick(random))
      return [...chosen]
    }
    this.#sweep()
    return count >= this.#names.length ? this.#names.slice() : sampleOf(this.#names, count, random)
  }

  /**
   * The next names of a scan, `count` places of them, and the cursor to go on with: 0 when the scan is through. A name that
   * is there from the first call to the last is returned at least once: the cursor says how many places from the front
   * are still to be seen, additions go behind them, and a removal moves names towards the front only.
   */
  scan(cursor: number, count: number): { cursor: number; names: string[] } {
    const end = cursor === 0 ? this.#names.length : Math.min(cursor, this.#names.length)
    const start = Math.max(0, end - count)
    const names = this.#names.slice(start, end)
    return { cursor: start, names: this.#removed.size === 0 ? names : names.filter((name) => !this.#removed.has(name)) }
  }

  #sweep(): void {
    if (this.#removed.size === 0) return
    let kept = 0
    for (const name of this.#names) if (!this.#removed.has(name)) this.#names[kept++] = name
    this.#names.length = kept
    this.#removed.clear()
  }
}
