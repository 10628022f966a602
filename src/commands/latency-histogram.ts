// How long the calls of one command took: counts by duration, two significant digits kept, as the HDR histogram does that
// Redis uses, so that percentiles come out with the same values. Durations are nanoseconds, from 1 to 10^9.

const MAX_NANOSECONDS = 1e9
/** Durations below this are counted exactly; above it, each doubling has half as many steps. */
const STEPS = 256
const HALF = STEPS / 2
const STEP_BITS = 8
/** Doublings between STEPS and MAX_NANOSECONDS. */
const BUCKETS = 23
/** LATENCY HISTOGRAM's first boundary; each further one is twice the one before. */
const FIRST_BOUNDARY = 1024

export class LatencyHistogram {
  readonly #counts = new Uint32Array(STEPS + BUCKETS * HALF)
  #total = 0

  get total(): number {
    return this.#total
  }

  add(nanoseconds: number): void {
    const value = nanoseconds < 1 ? 1 : nanoseconds > MAX_NANOSECONDS ? MAX_NANOSECONDS : nanoseconds | 0
    const bucket = 32 - STEP_BITS - Math.clz32(value | (STEPS - 1))
    this.#counts[bucket * HALF + (value >>> bucket)]++
    this.#total++
  }

  /** The longest duration, in nanoseconds, that the share `percent` of all calls did not exceed. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.floor((Math.min(percent, 100) / 100) * this.#total + 0.5))
    let seen = 0
    for (let i = 0; i < this.#counts.length; i++) {
      seen += this.#counts[i]
      if (seen >= wanted) return percent === 0 ? lowestOf(i) : highestOf(i)
    }
    return 0
  }

  /** Microseconds, and how many calls took at most so long: at each doubling that adds some. */
  cumulative(): [microseconds: number, calls: number][] {
    const rows: [number, number][] = []
    let boundary = FIRST_BOUNDARY
    let seen = 0
    let told = 0
    const tell = (): void => {
      if (seen === told) return
      rows.push([Math.floor((boundary - 1) / 1000), seen])
      told = seen
    }
    for (let i = 0; i < this.#counts.length && told < this.#total; i++) {
      for (; lowestOf(i) >= boundary; boundary *= 2) tell()
      seen += this.#counts[i]
    }
    tell()
    return rows
  }
}

function bucketOf(index: number): number {
  return index < STEPS ? 0 : Math.floor(index / HALF) - 1
}

function lowestOf(index: number): number {
  const bucket = bucketOf(index)
  return (index - bucket * HALF) * 2 ** bucket
}

function highestOf(index: number): number {
  return lowestOf(index) + 2 ** bucketOf(index) - 1
}
