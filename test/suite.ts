// What every test file starts from: uvu's suite, with what uvu leaves out. A test or hook that hangs fails by name, a hook
// that fails says so, a skip gives its reason, tests that were registered but never run fail the process. The runner
// (run.ts) learns the name of the running test, so that it can name the one that blocks the event loop.
// Knows nothing of src/ or of servers.

import { appendFileSync, readFileSync } from 'node:fs'
import { suite as uvuSuite } from 'uvu'

export const TEST_LIMIT_MS = 30_000

/** After the last test of a file: how long until what still holds the process open is told to the runner. */
const OPEN_HANDLES_AFTER_MS = 3_000

export type Handler<T> = (context: T) => void | Promise<void>

export interface TestOptions {
  /** The test fails when it takes longer. */
  limitMs?: number
  /** Why the test is skipped. Without a reason it runs. */
  skip?: string | undefined
}

export interface Hook<T> {
  (handler: Handler<T>, options?: { limitMs?: number }): void
  each(handler: Handler<T>, options?: { limitMs?: number }): void
}

export interface Suite<T> {
  (name: string, handler: Handler<T>): void
  (name: string, options: TestOptions, handler: Handler<T>): void
  /** For one's own desk: the runner refuses files that hold it. */
  only(name: string, handler: Handler<T>): void
  skip(name: string, reason?: string): void
  before: Hook<T>
  after: Hook<T>
  /** Once, at the end of the file. */
  run(): void
}

/** What a test process tells the runner, one JSON object a line, in the file that the environment names. */
export type Report =
  | { at: 'start'; suite: string; test: string }
  | { at: 'end' }
  | { at: 'skip'; suite: string; test: string; reason: string }
  | { at: 'open'; resources: string[] }

export const REPORT_VARIABLE = 'HOTSPARE_TEST_REPORT'

const reportFile = process.env[REPORT_VARIABLE]

function report(what: Report): void {
  // Synchronous: the next thing that happens may be a loop that never ends.
  if (reportFile !== undefined) appendFileSync(reportFile, `${JSON.stringify(what)}\n`)
}

/** Names of tests that were registered and not handed to uvu yet, over all suites of the process. */
const waiting = new Set<string>()

process.on('exit', () => {
  if (waiting.size === 0) return
  console.error(`These tests were registered, but .run() was not called: ${[...waiting].join(', ')}`)
  process.exitCode = 1
})

let openHandles: NodeJS.Timeout | undefined

export function suite<T extends object = Record<string, unknown>>(title: string, context?: T): Suite<T> {
  const inner = uvuSuite<T>(title, context)
  let registered: string[] = []
  let failed = false

  /** Runs a test or a hook under its limit; the runner knows it by `name` meanwhile. */
  async function guard(name: string, handler: Handler<T>, given: T, limitMs: number): Promise<void> {
    report({ at: 'start', suite: title, test: name })
    try {
      await deadline(Promise.resolve(handler(given)), limitMs, `"${name}"`)
    } finally {
      report({ at: 'end' })
    }
  }

  function add(name: string, options: TestOptions | Handler<T>, handler?: Handler<T>): void {
    const { limitMs = TEST_LIMIT_MS, skip } = typeof options === 'function' ? {} : options
    const body = typeof options === 'function' ? options : handler!
    if (skip !== undefined) {
      skipTest(name, skip)
      return
    }
    register(name)
    inner(name, (given) => tried(name, body, given, limitMs))
  }

  function register(name: string): void {
    registered.push(`${title}: ${name}`)
    waiting.add(`${title}: ${name}`)
  }

  async function tried(name: string, body: Handler<T>, given: T, limitMs: number): Promise<void> {
    try {
      await guard(name, body, given, limitMs)
    } catch (error) {
      failed = true
      throw error instanceof Error ? error : new Error(`thrown: ${String(error)}`)
    }
  }

  function skipTest(name: string, reason = 'no reason given'): void {
    report({ at: 'skip', suite: title, test: name, reason })
    if (reportFile === undefined) console.log(`skipped: ${title}: ${name}: ${reason}`)
    inner.skip()
  }

  /** uvu swallows what a `before` or `after` hook throws: printed here, and the missing passes fail the file. */
  const once =
    (kind: string, register: (handler: (given: T) => Promise<void>) => void) =>
    (handler: Handler<T>, { limitMs = TEST_LIMIT_MS } = {}): void =>
      register(async (given) => {
        try {
          await guard(`(hook: ${kind})`, handler, given, limitMs)
        } catch (error) {
          console.log(`\n  FAIL  ${title} (hook: ${kind})\n`, error)
          throw error
        }
      })

  const beforeEach = (handler: Handler<T>, { limitMs = TEST_LIMIT_MS } = {}): void =>
    inner.before.each((given) => tried('(hook: before each)', handler, given, limitMs))

  /** uvu runs `after.each` again, unguarded, when a test or this hook failed: a second error would hide the first. */
  const afterEach = (handler: Handler<T>, { limitMs = TEST_LIMIT_MS } = {}): void =>
    inner.after.each(async (given) => {
      try {
        await guard('(hook: after each)', handler, given, limitMs)
      } catch (error) {
        if (!failed) {
          failed = true
          throw error
        }
        console.log(`\n  FAIL  ${title} (hook: after each)\n`, error)
      }
    })

  inner.before.each(() => {
    failed = false
  })
  inner.after(() => {
    clearTimeout(openHandles)
    const tell = (): void => report({ at: 'open', resources: process.getActiveResourcesInfo() })
    openHandles = setTimeout(tell, OPEN_HANDLES_AFTER_MS).unref()
  })

  return Object.assign(add, {
    only: (name: string, handler: Handler<T>) => {
      register(name)
      inner.only(name, (given) => tried(name, handler, given, TEST_LIMIT_MS))
    },
    skip: skipTest,
    before: Object.assign(once('before', inner.before), { each: beforeEach }),
    after: Object.assign(once('after', inner.after), { each: afterEach }),
    run: () => {
      for (const name of registered) waiting.delete(name)
      registered = []
      inner.run()
    },
  })
}

/** `promise`, or an error that says what did not come within `ms`. */
export async function deadline<V>(promise: Promise<V>, ms: number, what: string): Promise<V> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

export interface Waiting {
  /** What is waited for, as the error will name it. */
  what: string
  timeoutMs?: number
}

/** Polls until `predicate` gives something truthy, and returns it. For other processes; ours have events: waitFor. */
export async function until<V>(
  predicate: () => V | Promise<V>,
  { what, timeoutMs = 10_000, everyMs = 10 }: Waiting & { everyMs?: number },
): Promise<NonNullable<V>> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const left = Math.max(1, end - performance.now())
    const got = await deadline(Promise.resolve(predicate()), left, what)
    if (got) return got
    if (performance.now() >= end) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

export interface Emitter {
  on(event: string, listener: (...args: unknown[]) => void): unknown
  off(event: string, listener: (...args: unknown[]) => void): unknown
}

/** The arguments of the next `event` (that `where` accepts). Call it before what causes the event. */
export async function waitFor(
  emitter: Emitter,
  event: string,
  { what, timeoutMs = 10_000, where = () => true }: Partial<Waiting> & { where?: (...args: never[]) => boolean } = {},
): Promise<unknown[]> {
  let listener: (...args: unknown[]) => void = () => {}
  const happened = new Promise<unknown[]>((resolve) => {
    listener = (...args) => {
      if (where(...(args as never[]))) resolve(args)
    }
    emitter.on(event, listener)
  })
  try {
    return await deadline(happened, timeoutMs, what ?? `event "${event}"`)
  } finally {
    emitter.off(event, listener)
  }
}

/** Whether a process runs. One that ended and that nobody has asked for its exit code yet does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return process.platform !== 'linux' // it went just now, or there is no /proc
  }
}
