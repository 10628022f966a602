// Runs one target over and over in this process: makes inputs, measures each, keeps those that reached new code, and
// stops at the first that fails, made as small as it can be. An input that never ends, or takes the process with it, is
// for whoever started the process to deal with: the input that runs is in a file (see run.ts).

import { getHeapStatistics } from 'node:v8'
import { Coverage } from './coverage.js'
import { Chance, Mutator } from './mutation.js'
import { Defect, type Target } from './target.js'

export interface LoopOptions {
  seed: number
  /** How many inputs. */
  runs: number
  /** Stops after so long; Infinity: after `runs`. */
  seconds?: number
  /** Whether inputs that reach new code are kept and built on. Without it the same seed gives the same inputs. */
  guided: boolean
  /** Inputs that were kept before. */
  corpus?: readonly Buffer[]
  /** Leaves out the target's own inputs: for one that is to run alone. */
  withoutSeeds?: boolean
  /** Called before each input runs. */
  starts?: (input: Buffer) => void
  /** Called for each input that reached new code. */
  kept?: (input: Buffer) => void
  /** Called now and then. */
  progress?: (soFar: Figures) => void
}

export interface Figures {
  runs: number
  /** Inputs that are built on: seeds, and those that were kept. */
  corpus: number
  /** Characters of source that were reached, and how many of them the seeds did not reach. -1: nobody looked. */
  reached: number
  fresh: number
  seconds: number
  slowestMs: number
  largestBytes: number
}

export interface Failure {
  input: Buffer
  error: string
}

export const MAX_INPUT_BYTES = 16 * 1024
export const LIMIT_MS = 1000
/** Young garbage comes and goes by tens of megabytes; what grows with a lying length passes this at once. */
const BASE_BYTES = 48 * 1024 * 1024
const BYTES_PER_INPUT_BYTE = 1000
const LOOK_EVERY_MS = 250
const MAX_BATCH = 4096
const SHRINK_RUNS = 3000
const SHRINK_MS = 10_000

export class Loop {
  readonly #target: Target
  readonly #options: LoopOptions
  readonly #chance: Chance
  readonly #mutator: Mutator
  readonly #coverage: Coverage | undefined
  readonly #maxBytes: number
  #corpus: Buffer[]
  #figures: Figures
  /** Characters that the seeds reached. */
  #seeded = 0

  constructor(target: Target, options: LoopOptions) {
    this.#target = target
    this.#options = options
    this.#maxBytes = target.maxInputBytes ?? MAX_INPUT_BYTES
    this.#chance = new Chance(options.seed, target.name)
    this.#mutator = new Mutator(this.#chance, target.words ?? [], this.#maxBytes)
    this.#coverage = options.guided ? new Coverage() : undefined
    this.#corpus = [...(options.withoutSeeds ? [] : target.seeds()), ...(options.corpus ?? [])].filter(
      ({ length }) => length <= this.#maxBytes,
    )
    this.#figures = { runs: 0, corpus: 0, reached: -1, fresh: -1, seconds: 0, slowestMs: 0, largestBytes: 0 }
  }

  /** What was measured, and the first failure, if any. */
  async run(): Promise<{ figures: Figures; failure: Failure | null }> {
    const begin = performance.now()
    try {
      const failure = await this.#search(begin)
      return { figures: this.#measured(begin), failure: failure && (await this.#shrink(failure)) }
    } finally {
      this.#coverage?.close()
    }
  }

  #measured(begin: number): Figures {
    const figures = this.#figures
    figures.seconds = (performance.now() - begin) / 1000
    figures.corpus = this.#corpus.length
    if (this.#coverage !== undefined) figures.reached = this.#coverage.count
    return figures
  }

  async #search(begin: number): Promise<Failure | null> {
    const { runs, seconds = Number.POSITIVE_INFINITY, progress } = this.#options
    const failed = await this.#first()
    if (failed !== null) return failed
    let size = 16
    while (this.#figures.runs < runs && performance.now() - begin < seconds * 1000) {
      const batch = Array.from({ length: Math.min(size, runs - this.#figures.runs) }, () => this.#make())
      const since = performance.now()
      for (const input of batch) {
        this.#figures.runs++
        const failure = await this.#one(input)
        if (failure !== null) return failure
      }
      const ms = performance.now() - since
      await this.#learn(batch)
      // What an input left for later comes to light now.
      await new Promise((resolve) => setImmediate(resolve))
      progress?.(this.#measured(begin))
      size = ms < LOOK_EVERY_MS ? Math.min(MAX_BATCH, size * 2) : Math.max(1, size >> 1)
    }
    return null
  }

  /** What the search starts from. */
  async #first(): Promise<Failure | null> {
    for (const input of this.#corpus) {
      const failure = await this.#one(input)
      if (failure !== null) return failure
    }
    const coverage = this.#coverage
    if (coverage === undefined) return null
    coverage.keep(coverage.look())
    this.#seeded = coverage.count
    this.#figures.fresh = 0
    return null
  }

  #make(): Buffer {
    const chance = this.#chance
    if (this.#target.make !== undefined && chance.below(3) === 0) return this.#target.make(chance)
    // The latest half of the time: what was reached last leads on.
    const latest = chance.bool() ? Math.max(0, this.#corpus.length - 16) : 0
    const input = this.#corpus[latest + chance.below(this.#corpus.length - latest)]
    return this.#mutator.mutate(input, chance.of(this.#corpus))
  }

  /** Keeps inputs that reached new code. */
  async #learn(batch: readonly Buffer[]): Promise<void> {
    const coverage = this.#coverage
    if (coverage === undefined) return
    const seen = coverage.look()
    if (coverage.fresh(seen) === 0) return
    await this.#halve(coverage, batch)
    // What ran once and never again, such as the making of a table, is nobody's.
    coverage.keep(seen)
    this.#figures.fresh = coverage.count - this.#seeded
  }

  async #halve(coverage: Coverage, batch: readonly Buffer[]): Promise<void> {
    coverage.look()
    for (const input of batch) {
      this.#options.starts?.(input)
      await this.#target.run(Buffer.from(input))
    }
    const seen = coverage.look()
    if (coverage.fresh(seen) === 0) return
    if (batch.length > 1) {
      await this.#halve(coverage, batch.slice(0, batch.length >> 1))
      await this.#halve(coverage, batch.slice(batch.length >> 1))
      return
    }
    coverage.keep(seen)
    this.#corpus.push(batch[0])
    this.#options.kept?.(batch[0])
  }

  /** Runs an input under its limits. */
  async #one(input: Buffer): Promise<Failure | null> {
    this.#options.starts?.(input)
    const first = await this.#measure(input)
    if (first.error !== undefined) return { input, error: first.error }
    if (this.#excess(first, input) === undefined) {
      this.#figures.slowestMs = Math.max(this.#figures.slowestMs, first.ms)
      this.#figures.largestBytes = Math.max(this.#figures.largestBytes, first.bytes)
      return null
    }
    // The collector may have come in between, or somebody else had the processor: three times is no chance.
    let error: string | undefined
    for (let again = 0; again < 2; again++) {
      globalThis.gc?.()
      error = this.#excess(await this.#measure(input), input)
      if (error === undefined) return null
    }
    return { input, error: error! }
  }

  #excess({ ms, bytes }: { ms: number; bytes: number }, input: Buffer): string | undefined {
    const { limitMs = LIMIT_MS, limitBytes } = this.#target
    if (ms > limitMs) return `slow: ${Math.round(ms)} ms for ${input.length} bytes, ${limitMs} are allowed`
    const allowed = limitBytes?.(input.length) ?? BASE_BYTES + BYTES_PER_INPUT_BYTE * input.length
    if (bytes > allowed) return `memory: ${bytes} bytes for ${input.length}, ${allowed} are allowed`
    return undefined
  }

  async #measure(input: Buffer): Promise<{ error?: string; ms: number; bytes: number }> {
    const before = memoryInUse()
    const begin = performance.now()
    let error: string | undefined
    try {
      // A copy: one who changes his input must not change ours.
      const running = this.#target.run(Buffer.from(input))
      if (running !== undefined) await running
    } catch (cause) {
      error = describe(cause)
    }
    return { error, ms: performance.now() - begin, bytes: Math.max(0, memoryInUse() - before) }
  }

  /** Cuts pieces out as long as it fails in the same way. */
  async #shrink(failure: Failure): Promise<Failure> {
    const kind = kindOf(failure.error)
    const until = performance.now() + SHRINK_MS
    let left = SHRINK_RUNS
    const fails = async (input: Buffer): Promise<boolean> => {
      if (left-- <= 0 || performance.now() > until) return false
      globalThis.gc?.()
      const again = await this.#one(input)
      return again !== null && kindOf(again.error) === kind
    }
    return { input: await smallest(failure.input, fails), error: failure.error }
  }
}

/** The shortest input found, by leaving out pieces, that still fails. */
export async function smallest(input: Buffer, fails: (input: Buffer) => Promise<boolean>): Promise<Buffer> {
  let best = input
  for (let size = Math.max(1, best.length >> 1); ; size = Math.max(1, size >> 1)) {
    let cut = false
    for (let at = 0; at < best.length; ) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)])
      if (await fails(shorter)) {
        best = shorter
        cut = true
      } else at += size
    }
    if (size === 1 && !cut) return best
  }
}

/** Whether two failures are one: numbers and quoted text may differ. */
function kindOf(error: string): string {
  return error.split('\n', 1)[0].replace(/'[^']*'|"[^"]*"|\d+/g, '#')
}

function describe(cause: unknown): string {
  if (cause instanceof Defect) return cause.message
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
}

function memoryInUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}
