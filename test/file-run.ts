// Runs one test file in a process of its own and judges what came of it. uvu alone lets pass a file without tests, a hook
// that threw, a forgotten .run(), an .only left behind; and it waits for ever for what hangs. Here each of them fails.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { codeOf } from './source.js'
import { REPORT_VARIABLE, type Report } from './suite.js'

export interface Outcome {
  passed: number
  failed: number
  skipped: number
  seconds: number
  /** Why the file failed, apart from the tests that did. */
  problems: string[]
  /** Skipped tests, each with its reason. */
  skips: string[]
  output: string
}

const FILE_LIMIT_MS = 120_000
/** How long a process may live on after its last test. */
const LINGER_MS = 5_000
/** How long a process that is told to end may clean up. */
const GOODBYE_MS = 1_000
/** What is kept of a file's output: the end of it. */
const OUTPUT_CHARACTERS = 4_000_000

/** Groups of processes that run now: a file's own, and the servers that it started. */
const groups = new Set<number>()

/** Where files that run now leave their reports. */
const reportDirs = new Set<string>()

/** For a runner that ends before its files do. */
export function abandonAll(): void {
  for (const group of groups) killGroup(group)
  for (const dir of reportDirs) rmSync(dir, { recursive: true, force: true })
}

/** What a file says of itself at its top: `// limit: 300 s` in its first five lines, `// exclusive` in its first. */
export function wishesOf(source: string): { limitMs: number; exclusive: boolean } {
  const top = source.split('\n').slice(0, 5)
  const limit = top.map((line) => /^\/\/.*\blimit: (\d+) s\b/.exec(line)?.[1]).find((seconds) => seconds !== undefined)
  return {
    limitMs: limit === undefined ? FILE_LIMIT_MS : Number(limit) * 1000,
    exclusive: /^\/\/ exclusive\b/.test(top[0]),
  }
}

export async function runFile(file: string, { skipsFail = false } = {}): Promise<Outcome> {
  const source = readFileSync(file, 'utf8')
  const refused = refusals(source)
  if (refused.length > 0) {
    return { passed: 0, failed: 1, skipped: 0, seconds: 0, problems: refused, skips: [], output: '' }
  }
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-test-'))
  reportDirs.add(dir)
  try {
    const reportFile = join(dir, 'report')
    const ended = await watch(file, reportFile, wishesOf(source).limitMs)
    return judge(ended, readReports(reportFile), skipsFail)
  } finally {
    rmSync(dir, { recursive: true, force: true })
    reportDirs.delete(dir)
  }
}

/** What can be seen without running it. */
function refusals(source: string): string[] {
  const code = codeOf(source)
  const problems: string[] = []
  if (/\.only\s*\(/.test(code)) problems.push('holds an .only')
  if (!/\.run\s*\(/.test(code)) problems.push('never calls .run()')
  return problems
}

interface Ended {
  output: string
  seconds: number
  /** undefined when it was stopped or died of a signal. */
  exitCode: number | undefined
  signal: string | undefined
  /** Why it was stopped. */
  stopped: 'limit' | 'lingered' | undefined
  limitMs: number
}

function watch(file: string, reportFile: string, limitMs: number): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', [REPORT_VARIABLE]: reportFile }
  delete env.FORCE_COLOR
  const began = performance.now()
  // A group of its own: stopped together with every server that it started.
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env,
  })
  if (child.pid !== undefined) groups.add(child.pid)
  let output = ''
  let stopped: Ended['stopped']
  let lingering: NodeJS.Timeout | undefined
  const stop = (why: Ended['stopped']): void => {
    stopped ??= why
    child.kill('SIGTERM')
    setTimeout(() => child.kill('SIGKILL'), GOODBYE_MS).unref()
  }
  const limit = setTimeout(() => stop('limit'), limitMs)
  const listen = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS)
    if (lingering === undefined && /^ {2}Duration: /m.test(output)) {
      lingering = setTimeout(() => stop('lingered'), LINGER_MS)
    }
  }
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  return new Promise((resolve) => {
    const settle = (exitCode: number | undefined, signal: string | undefined): void => {
      clearTimeout(limit)
      clearTimeout(lingering)
      resolve({ output, seconds: (performance.now() - began) / 1000, exitCode, signal, stopped, limitMs })
    }
    child.once('error', (error) => {
      output += String(error)
      settle(undefined, 'no process')
    })
    // What the file left running holds its output open: first the group goes, then `close` comes.
    child.once('exit', () => reap(child))
    child.once('close', (code, signal) => settle(code ?? undefined, signal ?? undefined))
  })
}

function reap(child: ChildProcess): void {
  if (child.pid === undefined) return
  killGroup(child.pid)
  groups.delete(child.pid)
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // nobody left in it: as it should be
  }
}

function readReports(file: string): Report[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n')
    return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Report)
  } catch {
    return [] // a file on plain uvu reports nothing
  }
}

function judge(ended: Ended, reports: Report[], skipsFail: boolean): Outcome {
  const { output, seconds, exitCode, signal, stopped, limitMs } = ended
  const total = count(output, 'Total')
  const passed = count(output, 'Passed') ?? 0
  const skipped = count(output, 'Skipped') ?? 0
  const problems: string[] = []
  if (stopped === 'limit') problems.push(`stopped after ${limitMs / 1000} s, in ${running(output, reports)}`)
  else if (stopped === 'lingered') problems.push(`its tests ended, but the process did not: ${heldBy(reports)}`)
  else if (signal !== undefined) problems.push(`died of ${signal}, in ${running(output, reports)}`)
  else if (total === undefined)
    problems.push(`ended without a result, exit code ${exitCode}, in ${running(output, reports)}`)
  if (total === 0 && skipped === 0) problems.push('registers no test')
  const failures = (total ?? 0) - passed
  // A result without a failed test, and a process that failed all the same: an error outside the tests.
  if (failures === 0 && exitCode !== undefined && exitCode !== 0 && problems.length === 0) {
    problems.push(`exit code ${exitCode}, although no test failed`)
  }
  const skips = reports.flatMap((it) => (it.at === 'skip' ? [`${it.suite}: ${it.test}: ${it.reason}`] : []))
  if (skipsFail && skipped > 0) problems.push(`${skipped} skipped, and here nothing may be`)
  const broken = problems.length > (skipsFail && skipped > 0 ? 1 : 0)
  return {
    passed,
    failed: Math.max(failures, broken ? 1 : 0) + (skipsFail ? skipped : 0),
    skipped: skipsFail ? 0 : skipped,
    seconds,
    problems,
    skips,
    output,
  }
}

/** uvu's own last word on it. Its Total is what was run: skipped tests stand outside. */
function count(output: string, label: string): number | undefined {
  const last = [...output.matchAll(new RegExp(`^ {2}${label}: +(\\d+)$`, 'gm'))].at(-1)
  return last === undefined ? undefined : Number(last[1])
}

/** The test that ran when it ended, as well as can be known. */
function running(output: string, reports: Report[]): string {
  const last = reports.filter((it) => it.at === 'start' || it.at === 'end').at(-1)
  if (last?.at === 'start') return `"${last.suite}: ${last.test}"`
  if (last?.at === 'end') return `what came after ${reports.filter((it) => it.at === 'end').length} tests and hooks`
  const finished = output.match(/[•✘] /gu)?.length ?? 0
  return `the test after the first ${finished} (plain uvu does not tell names)`
}

function heldBy(reports: Report[]): string {
  const open = reports.filter((it) => it.at === 'open').at(-1)
  return open === undefined ? 'something holds it open' : `held open by ${open.resources.join(', ') || 'a busy loop'}`
}

/** The folder of the tests. */
export const testRoot = dirname(fileURLToPath(import.meta.url))
