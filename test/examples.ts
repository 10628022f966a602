// The examples as processes of their own. They import the package by its name, and so run what was built: a build that is older
// than the sources is made anew first.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const folder = join(root, 'examples')

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Those that were started here, as they are called in the folder. */
const ran = new Set<string>()

export interface Started {
  readonly process: ChildProcess
  output: string
  readonly code: Promise<unknown>
}

export function start(name: string, args: string[] = [], env: Record<string, string> = {}): Started {
  ran.add(name)
  const command = ['--import', 'tsx', join(folder, name), ...args]
  const options = { cwd: root, env: { ...process.env, ...env } }
  const child = spawn(process.execPath, command, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  const code = new Promise((resolve) => {
    child.once('close', (exitCode) => {
      running.delete(child)
      resolve(exitCode)
    })
  })
  const started: Started = { process: child, output: '', code }
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      started.output += chunk.toString()
    })
  }
  return started
}

export async function run(name: string, ...args: string[]): Promise<string> {
  const started = start(name, args)
  assert.is(await started.code, 0, started.output)
  return started.output
}

/** Before the first is run. */
export function build(): void {
  const built = join(root, 'dist', 'index.js')
  const changedMs = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => statSync(join(root, 'src', path)).mtimeMs)
  if (existsSync(built) && statSync(built).mtimeMs > Math.max(...changedMs)) return
  execFileSync(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: root,
      stdio: 'pipe',
    },
  )
}

/**
 * Throws unless all of these were run, and say how a person runs them. `parts` are started by others, not by a person;
 * `skipped` could not be run here.
 */
export function assertAllRan(names: readonly string[], parts: readonly string[], skipped: readonly string[]): void {
  const whole = names.filter((name) => !parts.includes(name))
  assert.equal(
    whole.filter((name) => !ran.has(name) && !skipped.includes(name)),
    [],
  )
  for (const name of whole)
    assert.match(readFileSync(join(folder, name), 'utf8'), /^\/\/ np(?:m run|x tsx examples\/)/, name)
}

/** The examples in a folder, as they are called from here. */
export function examplesIn(name: string): string[] {
  return readdirSync(join(folder, name))
    .filter((file) => /\.(ts|mjs)$/.test(file))
    .map((file) => join(name, file))
}
