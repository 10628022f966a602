// The simulation from the command line:
//
//   npm run sim -- --seed 1 --runs 100         a hundred runs, from seed 1 on
//   npm run sim -- --minutes 10                until ten minutes are over, from a seed by chance
//
//   --seed S         the first seed; each run has the next one
//   --runs N         how many runs; 1 unless --minutes is given
//   --minutes M      real minutes after which no new run begins
//   --nodes N        nodes of a run (5)
//   --simulated M    simulated minutes of a run (10)
//   --files          each run has nodes with folders; --no-files none; else the seed decides
//   --failovers      each run has failovers; --no-failovers none; else the seed decides
//   --handovers      the small runs of handover.ts instead
//   --jobs N         processes that share the work (1)
//   --trace          prints the trace of each run; --digest only its SHA-256
//   --schedule FILE  runs what the file says instead of what a seed gives
//   --first          ends with the first run that fails
//   --shrink N       most runs that the search for the smallest failing schedule may take (300; 0: none)
//
// The exit code is 1 if a run failed. A failure prints a trace, and the smallest schedule that still fails.

import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type GenerateOptions, generate } from './generate.js'
import { handover } from './handover.js'
import { formatSchedule, parseSchedule } from './schedule.js'
import { shrink } from './shrink.js'
import { type Outcome, simulate } from './simulate.js'

/** Lines of the trace before a failure that are printed. */
const SHOWN_LINES = 150

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    runs: { type: 'string' },
    minutes: { type: 'string' },
    nodes: { type: 'string', default: '5' },
    simulated: { type: 'string', default: '10' },
    files: { type: 'boolean' },
    failovers: { type: 'boolean' },
    handovers: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    digest: { type: 'boolean', default: false },
    schedule: { type: 'string' },
    shrink: { type: 'string', default: '300' },
    first: { type: 'boolean', default: false },
    // Which share of the runs this process does, of how many: set for processes that --jobs starts.
    share: { type: 'string' },
  },
  allowNegative: true,
})

const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const jobs = Number(values.jobs)
const endMs =
  values.minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + Number(values.minutes) * 60_000
const runs =
  values.runs === undefined ? (values.minutes === undefined ? 1 : Number.POSITIVE_INFINITY) : Number(values.runs)
const options: GenerateOptions = {
  nodes: Number(values.nodes),
  minutes: Number(values.simulated),
  files: values.files,
  failovers: values.failovers,
}

if (values.share === undefined) console.log(`seed ${seed}`)
process.exitCode =
  jobs > 1 && values.share === undefined ? await share() : await work(values.handovers ? handOver : run)

/** Other processes do it: each has every so manieth seed. */
async function share(): Promise<number> {
  const given = process.argv.slice(2).filter((arg, i, all) => !arg.startsWith('--seed') && all[i - 1] !== '--seed')
  const codes = await Promise.all(
    Array.from({ length: jobs }, (_, i) => {
      const child = fork(fileURLToPath(import.meta.url), [...given, '--seed', `${seed}`, '--share', `${i}/${jobs}`])
      return new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
    }),
  )
  return Math.max(...codes)
}

/** Exit code: 1 if `one` says of any run that it failed. */
async function work(one: (seed: number) => Promise<boolean>): Promise<number> {
  const [first, step] = (values.share ?? '0/1').split('/').map(Number)
  let code = 0
  for (let i = first; i < runs && performance.now() < endMs; i += step) {
    if (await one(seed + i)) continue
    code = 1
    if (values.first) break
  }
  return code
}

async function run(seed: number): Promise<boolean> {
  const schedule =
    values.schedule === undefined ? generate(seed, options) : parseSchedule(readFileSync(values.schedule, 'utf8'))
  const beganMs = performance.now()
  const outcome = await simulate(schedule, { trace: values.trace || values.digest })
  console.log(lineOf(outcome, performance.now() - beganMs))
  if (values.trace) for (const line of outcome.trace) console.log(line)
  if (outcome.failure !== null) await explain(outcome)
  return outcome.failure === null
}

async function handOver(seed: number): Promise<boolean> {
  const beganMs = performance.now()
  const { acknowledged, failure } = await handover(seed)
  const end = failure === null ? 'ok' : `FAILED ${failure.invariant}`
  console.log(
    `seed ${seed}, ${end}, ${acknowledged} writes acknowledged, in ${Math.round(performance.now() - beganMs)} ms`,
  )
  if (failure !== null) console.log(`\n${printable(`${failure.invariant}: ${failure.message}`)}\n`)
  return failure === null
}

function lineOf(outcome: Outcome, wallMs: number): string {
  const { schedule, steps, commands, fullSyncs, partialSyncs, streamedBytes, compared, virtualMs, failure, trace } =
    outcome
  const words = [
    `seed ${schedule.seed}`,
    failure === null ? 'ok' : `FAILED ${failure.invariant}`,
    `${steps} steps`,
    `${commands} commands`,
    `${fullSyncs} full and ${partialSyncs} partial syncs`,
    `${streamedBytes} bytes`,
    ...(compared > 0 ? [`${compared} loads`] : []),
    `${Math.round(virtualMs / 1000)} s in ${Math.round(wallMs)} ms`,
  ]
  if (values.digest) words.push(createHash('sha256').update(trace.join('\n')).digest('hex'))
  return words.join(', ')
}

async function explain(outcome: Outcome): Promise<void> {
  const { invariant, message } = outcome.failure!
  console.log(`\n${printable(`${invariant}: ${message}`)}\n`)
  const mostRuns = Number(values.shrink)
  if (mostRuns === 0) return
  const shrunken = await shrink(outcome, mostRuns)
  const again = await simulate(shrunken.schedule, { trace: true })
  console.log(`the last lines of the trace of the smallest schedule that fails (${again.failure?.invariant}):\n`)
  for (const line of again.trace.slice(-SHOWN_LINES)) console.log(`  ${printable(line)}`)
  console.log(`\nthat schedule, found in ${shrunken.runs} runs; --schedule FILE runs it:\n`)
  console.log(formatSchedule(shrunken.schedule))
  console.log('')
}

function printable(text: string): string {
  return text.replace(/[^ -~\n]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
