// Which code of src/ was reached, by V8's own block coverage: no instrumentation, no dependency. Asking costs some
// milliseconds, so it is asked for many inputs at once, and who reached something new is found by halving.
// Counted in characters of the compiled source, since V8 merges neighbouring blocks that ran equally often.

import { Session } from 'node:inspector'

interface Range {
  startOffset: number
  endOffset: number
  count: number
}
interface Script {
  url: string
  functions: { ranges: Range[] }[]
}

/** Scripts of src/ with the blocks that ran. */
export type Seen = readonly Script[]

const isOurs = (url: string): boolean => /\/src\/.*\.[jt]s$/.test(url) && !url.includes('/node_modules/')

export class Coverage {
  readonly #session = new Session()
  /** By script: 1 for each character that was reached. */
  readonly #reached = new Map<string, Uint8Array>()
  #count = 0

  constructor() {
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Characters reached so far. */
  get count(): number {
    return this.#count
  }

  /** What ran since the last look. */
  look(): Seen {
    const { result } = this.#post('Profiler.takePreciseCoverage') as { result: Script[] }
    return result.filter(({ url }) => isOurs(url))
  }

  /** How much of it was never reached before. */
  fresh(seen: Seen): number {
    return this.#paint(seen, false)
  }

  /** It counts as reached from now on. */
  keep(seen: Seen): void {
    this.#count += this.#paint(seen, true)
  }

  close(): void {
    this.#session.disconnect()
  }

  #scriptOf(url: string, functions: { ranges: Range[] }[]): Uint8Array {
    const size = Math.max(0, ...functions.map(({ ranges }) => ranges[0].endOffset))
    const reached = this.#reached.get(url)
    if (reached !== undefined && reached.length >= size) return reached
    const grown = new Uint8Array(2 * size)
    grown.set(reached ?? [])
    this.#reached.set(url, grown)
    return grown
  }

  #paint(seen: Seen, keep: boolean): number {
    let fresh = 0
    for (const { url, functions } of seen) {
      const reached = this.#scriptOf(url, functions)
      for (const { ranges } of functions) fresh += paint(reached, ranges, keep)
    }
    return fresh
  }

  #post(method: string, params?: object): unknown {
    let result: unknown
    this.#session.post(method, params, (error, value) => {
      if (error !== null) throw error
      result = value
    })
    return result
  }
}

/** The ranges of one function: the whole first, then blocks inside it, each with a count of its own. */
function paint(reached: Uint8Array, ranges: readonly Range[], keep: boolean): number {
  let fresh = 0
  const count = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      if (reached[i] === 1) continue
      fresh++
      if (keep) reached[i] = 1
    }
  }
  /** Counts the range at `i` but for what stands in it; returns the index behind those. */
  const visit = (i: number): number => {
    const { startOffset, endOffset, count: times } = ranges[i]
    let at = startOffset
    let next = i + 1
    while (next < ranges.length && ranges[next].startOffset < endOffset) {
      const inner = ranges[next]
      if (times > 0) count(at, inner.startOffset)
      at = inner.endOffset
      next = visit(next)
    }
    if (times > 0) count(at, endOffset)
    return next
  }
  for (let i = 0; i < ranges.length; ) i = visit(i)
  return fresh
}
