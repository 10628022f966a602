// A copy of the sources with one fault in it, and what the simulation makes of it, in a process of its own.

import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Mutation } from './mutations.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** `hang`: a run that did not end; `crash`: the process ended otherwise than by itself. */
export interface Finding {
  /** The invariant that was violated, or one of the two. */
  readonly by: string
  /** What the simulation said of it. */
  readonly message: string
  readonly seed: number
}

export interface Search {
  /** Null: so many runs saw nothing wrong. */
  readonly finding: Finding | null
  readonly runs: number
  readonly seconds: number
}

export interface Bounds {
  /** The first seed; each run has the next one. */
  readonly seed: number
  readonly runs: number
  /** After so many no new run begins. */
  readonly seconds: number
}

/** One run more than the bound may be under way, on a machine that others use too. */
const LONGEST_RUN_MS = 60_000
const RUNS = {
  files: ['--files', '--nodes', '3'],
  failovers: ['--failovers', '--no-files'],
  handovers: ['--handovers'],
}
const COPIED = ['src', 'test', 'package.json', 'tsconfig.json']
const LINKED = ['node_modules', 'test/fixtures']

/** How often the piece of source stands in its file. */
export function occurrences({ file, source }: Mutation): number {
  return readFileSync(join(root, 'src', file), 'utf8').split(source).length - 1
}

/** Searches for a fault that is planted. Throws when its piece of source does not stand there exactly once. */
export async function searchFor(mutation: Mutation, bounds: Bounds): Promise<Search> {
  const count = occurrences(mutation)
  if (count !== 1) throw new Error(`${mutation.name}: its source stands ${count} times in src/${mutation.file}`)
  const folder = mkdtempSync(join(tmpdir(), 'hotspare-mutant-'))
  try {
    plant(mutation, folder)
    return await search(folder, bounds, mutation.runs === undefined ? [] : RUNS[mutation.runs])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function plant({ file, source, becomes }: Mutation, folder: string): void {
  for (const path of COPIED) {
    cpSync(join(root, path), join(folder, path), { recursive: true, filter: (from) => !from.endsWith('fixtures') })
  }
  for (const path of LINKED) symlinkSync(join(root, path), join(folder, path))
  const path = join(folder, 'src', file)
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(source, () => becomes),
  )
}

/** The lines of `run.ts`, until one tells of a failure. */
async function search(folder: string, { seed, runs, seconds }: Bounds, kind: readonly string[]): Promise<Search> {
  const beganMs = performance.now()
  const args = [
    '--seed',
    `${seed}`,
    '--runs',
    `${runs}`,
    '--minutes',
    `${seconds / 60}`,
    '--shrink',
    '0',
    '--first',
    ...kind,
  ]
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/sim/run.ts', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let done = 0
  let errors = ''
  let failed: { by: string; seed: number } | null = null
  const said: string[] = []
  let isHanging = false
  const stop = setTimeout(
    () => {
      isHanging = true
      child.kill('SIGKILL')
    },
    seconds * 1000 + LONGEST_RUN_MS,
  )
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000)
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const run = /^seed (\d+), (?:ok|FAILED ([^,]+)),/.exec(line)
    if (run === null) {
      if (failed !== null && line !== '') said.push(line)
      return
    }
    done++
    if (run[2] !== undefined) failed = { by: run[2], seed: Number(run[1]) }
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  clearTimeout(stop)
  const took = (performance.now() - beganMs) / 1000
  const found = failed as { by: string; seed: number } | null
  if (found !== null) return { finding: { ...found, message: said.join('\n') }, runs: done, seconds: took }
  if (code === 0) return { finding: null, runs: done, seconds: took }
  const finding = { by: isHanging ? 'hang' : 'crash', message: errors, seed: seed + done }
  return { finding, runs: done + 1, seconds: took }
}
