// What the benchmarks share: the machine they ran on, medians with their spread, tables, and processes that end with us.
// Knows nothing of what is measured.

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { availableParallelism, cpus, setPriority, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** `npm run bench -- --quick`: everything once and small, to see that it runs. Its figures mean nothing. */
export const quick = process.argv.includes('--quick')

const require = (path: string): { version: string } =>
  JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }

export const versionOf = {
  hotspare: require('../package.json').version,
  'lru-cache': require('../node_modules/lru-cache/package.json').version,
}

/** Where the built program stands: benchmarks measure what users get. */
export const program = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

export function describeMachine(): string {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, ${memory}, ${process.platform}, Node ${process.versions.node}`
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Half of the distance between the extremes, as a share of the median. */
export function spread(values: readonly number[]): string {
  const half = (Math.max(...values) - Math.min(...values)) / 2
  return `±${((100 * half) / median(values)).toFixed(0)} %`
}

export function heading(text: string): void {
  console.log(`\n${text}`)
}

/** The first column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): void {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const row of rows) {
    const cells = row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
    console.log(`  ${cells.join('  ')}`)
  }
}

const children = new Set<ChildProcess>()
process.setMaxListeners(0)
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

function own(child: ChildProcess): ChildProcess {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

export interface Running {
  readonly port: number
  stop(): Promise<void>
}

/**
 * Starts a server, and waits until it says that it accepts connections. In a directory of its own: a redis-server leaves
 * its snapshot behind, and the next one would go on where that one ended.
 */
export async function startProgram(command: string, args: string[], port: number, priority = 0): Promise<Running> {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-bench-'))
  const child = own(spawn(command, [...args, '--dir', dir], { stdio: ['ignore', 'pipe', 'inherit'] }))
  if (priority !== 0 && child.pid !== undefined) setPriority(child.pid, priority)
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  const ready = new Promise<void>((resolve, reject) => {
    let said = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-10_000)
      if (/eady to accept connections/.test(said)) resolve()
    })
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}: ${said}`)))
  })
  await ready
  return { port, stop: () => stop(child) }
}

/** A process of our own that answers messages: see node.ts. `flags`: what node is told beside. */
export function startNode(file: URL, flags: readonly string[] = []): ChildProcess {
  return own(fork(fileURLToPath(file), { execArgv: [...process.execArgv, ...flags] }))
}

export async function stop(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

export async function runToEnd(command: string, args: string[]): Promise<string> {
  const child = own(spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${output}`)
  return output
}

/** One inline command over a connection of its own; all that comes back. */
export async function ask(port: number, line: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(`${line}\r\nQUIT\r\n`)
  let answer = ''
  for await (const chunk of socket.setEncoding('latin1')) answer += chunk
  if (answer.startsWith('-')) throw new Error(`${line}: ${answer}`)
  return answer
}

export async function field(port: number, section: string, name: string): Promise<string> {
  const found = new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await ask(port, `INFO ${section}`))
  return found?.[1] ?? ''
}

export async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 120_000
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within 120 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
