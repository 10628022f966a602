// One target in a process of its own, with little memory, watched from outside: an input that never ends is found here,
// and so is one that takes the process with it. What it was is in a file that the process writes before each.

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Failure, type Figures, smallest } from './loop.js'

export interface SessionOptions {
  seed: number
  runs: number
  seconds?: number
  guided: boolean
  /** A directory of inputs: those in it are run first, those that reach new code are put there. */
  corpus?: string
  /** A file that exports other `targets`. */
  table?: string
  /** An input that is not through after this long never ends. Default 10 s. */
  hangMs?: number
}

export interface Outcome {
  figures: Figures
  failure: Failure | null
}

/** What a child is told. Inputs are base64. */
export interface Order {
  target: string
  seed: number
  runs: number
  seconds: number | null
  guided: boolean
  /** The file that exports the targets. */
  table: string
  hangMs: number
  /** Files with inputs that were kept before. */
  corpus: string[]
  withoutSeeds: boolean
  /** Where it leaves the input that runs: a counter, its length, then the bytes. */
  current: string
}

/** What a child says. */
export type Word =
  | { at: 'progress' | 'end'; figures: Figures }
  | { at: 'kept'; input: string }
  | { at: 'failed'; input: string; error: string }

export const CURRENT_HEAD_BYTES = 8

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))
const TARGETS = fileURLToPath(new URL('targets.ts', import.meta.url))
export const HEAP_MIB = 256
const HANG_MS = 10_000
const LOOK_MS = 250
/** For cutting down an input that hangs or kills: each try is a process. */
const SHRINK_MS = 120_000

const NOTHING: Figures = { runs: 0, corpus: 0, reached: -1, fresh: -1, seconds: 0, slowestMs: 0, largestBytes: 0 }

/** Runs a target. Failures are results; what is thrown is the harness' own. */
export async function fuzz(target: string, options: SessionOptions): Promise<Outcome> {
  const files =
    options.corpus === undefined ? [] : readdirSync(options.corpus).map((name) => join(options.corpus!, name))
  const { outcome, died } = await child({ ...orderOf(target, options), corpus: files }, options.corpus)
  if (outcome.failure === null || !died) return outcome
  return { ...outcome, failure: await shrunk(target, outcome.failure, options) }
}

/** Runs one input, alone. Null: nothing is wrong with it. */
export async function replay(
  target: string,
  input: Buffer,
  { table, hangMs }: Pick<SessionOptions, 'table' | 'hangMs'> = {},
): Promise<Failure | null> {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-fuzz-'))
  try {
    const file = join(dir, 'input')
    writeFileSync(file, input)
    const order = {
      ...orderOf(target, { seed: 1, runs: 0, guided: false, table, hangMs }),
      corpus: [file],
      withoutSeeds: true,
    }
    return (await child(order)).outcome.failure
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function orderOf(target: string, options: SessionOptions): Omit<Order, 'current'> {
  const { seed, runs, seconds = null, guided, table = TARGETS, hangMs = HANG_MS } = options
  return { target, seed, runs, seconds, guided, table, hangMs, corpus: [], withoutSeeds: false }
}

async function shrunk(target: string, { input, error }: Failure, options: SessionOptions): Promise<Failure> {
  const until = performance.now() + SHRINK_MS
  const fails = async (shorter: Buffer): Promise<boolean> =>
    performance.now() < until && (await replay(target, shorter, options)) !== null
  return { input: await smallest(input, fails), error }
}

async function child(order: Omit<Order, 'current'>, corpus?: string): Promise<{ outcome: Outcome; died: boolean }> {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-fuzz-'))
  const current = join(dir, 'current')
  writeFileSync(current, '')
  const flags = ['--expose-gc', `--max-old-space-size=${HEAP_MIB}`, '--import', 'tsx']
  const process_ = spawn(process.execPath, [...flags, CHILD, JSON.stringify({ ...order, current })], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const outcome: Outcome = { figures: NOTHING, failure: null }
  let ended = false
  let said = ''
  process_.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-10_000)
  })
  createInterface(process_.stdout).on('line', (line) => {
    const word = JSON.parse(line) as Word
    if (word.at === 'kept') keep(word.input, corpus)
    else if (word.at === 'failed') outcome.failure = { input: Buffer.from(word.input, 'base64'), error: word.error }
    else {
      outcome.figures = word.figures
      ended = word.at === 'end'
    }
  })
  let hung = false
  const watch = watchdog(current, order.hangMs, () => {
    hung = true
    process_.kill('SIGKILL')
  })
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    process_.on('close', (...how) => resolve(how)),
  )
  clearInterval(watch)
  const input = runningInput(current)
  rmSync(dir, { recursive: true, force: true })
  if (ended || outcome.failure !== null) return { outcome, died: false }
  if (input === undefined) throw new Error(`the process for ${order.target} did not start: ${said}`)
  const error = hung
    ? `hang: not through after ${order.hangMs} ms`
    : `the process died (${code ?? signal}): ${lastOf(said)}`
  return { outcome: { ...outcome, failure: { input, error } }, died: true }
}

function watchdog(current: string, hangMs: number, hangs: () => void): NodeJS.Timeout {
  let seen = -1
  let since = performance.now()
  return setInterval(() => {
    const head = readFileSync(current).subarray(0, CURRENT_HEAD_BYTES)
    const count = head.length === CURRENT_HEAD_BYTES ? head.readUInt32LE(0) : -1
    if (count !== seen) since = performance.now()
    else if (count >= 0 && performance.now() - since > hangMs) hangs()
    seen = count
  }, LOOK_MS)
}

function runningInput(current: string): Buffer | undefined {
  const bytes = readFileSync(current)
  if (bytes.length < CURRENT_HEAD_BYTES) return undefined
  return bytes.subarray(CURRENT_HEAD_BYTES, CURRENT_HEAD_BYTES + bytes.readUInt32LE(4))
}

function keep(base64: string, corpus: string | undefined): void {
  if (corpus === undefined) return
  const input = Buffer.from(base64, 'base64')
  const name = Buffer.from(input.toString('hex').slice(0, 16)).toString('latin1')
  writeFileSync(join(corpus, `${input.length}-${name}-${Math.abs(hashOf(input)).toString(36)}`), input)
}

function hashOf(input: Buffer): number {
  let hash = 0
  for (const byte of input) hash = (Math.imul(hash, 31) + byte) | 0
  return hash
}

/** What V8 says when it gives up is in the middle of much else. */
function lastOf(said: string): string {
  return /^(?:FATAL ERROR|Error|.*Error:).*$/m.exec(said)?.[0] ?? said.trim().slice(-300)
}
