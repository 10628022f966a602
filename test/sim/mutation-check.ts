// The mutation check from the command line: each fault of mutations.ts is planted in a copy of the sources, and the
// simulation runs there until it finds it.
//
//   npm run sim:mutations                         all of them
//   npm run sim:mutations -- --only backlog,ack   those whose name holds one of the words
//
//   --seed S       the first seed (1)
//   --runs N       most runs of each (400)
//   --seconds S    seconds of each after which no new run begins (120)
//   --jobs N       at so many at a time (2)
//
// The exit code is 1 unless all are found, each by what mutations.ts says of it, and what finds it is silent without it.

import { parseArgs } from 'node:util'
import { type GenerateOptions, generate } from './generate.js'
import { handover } from './handover.js'
import { type Finding, type Search, searchFor } from './mutant.js'
import { type Mutation, mutations } from './mutations.js'
import { simulate } from './simulate.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '400' },
    seconds: { type: 'string', default: '120' },
    jobs: { type: 'string', default: '2' },
  },
})

/** As mutant.ts gives them to run.ts. */
const OPTIONS = {
  files: { files: true, nodes: 3 },
  failovers: { failovers: true, files: false },
  handovers: {},
} satisfies Record<string, GenerateOptions>

const bounds = { seed: Number(values.seed), runs: Number(values.runs), seconds: Number(values.seconds) }
const words = values.only.split(',')
const chosen = mutations.filter(({ name }) => words.some((word) => name.includes(word)))
if (chosen.length === 0) throw new Error(`no name holds ${values.only}`)
const left = [...chosen]
let found = 0

async function worker(): Promise<void> {
  for (let mutation = left.shift(); mutation !== undefined; mutation = left.shift()) {
    const search = await searchFor(mutation, bounds)
    const complaint = await complaintAbout(mutation, search)
    if (complaint === undefined) found++
    console.log(lineOf(mutation, search, complaint))
    if (values.only !== '' && search.finding !== null) console.log(`\n${search.finding.message}\n`)
  }
}

/** Why the fault does not count as found. */
async function complaintAbout({ throws = false, runs }: Mutation, { finding }: Search): Promise<string | undefined> {
  if (finding === null) return 'NOT FOUND'
  if (finding.by === 'hang') return 'HANGS: a fault that never ends says nothing of the invariants'
  const isThrown = finding.by === 'no exception' || finding.by === 'crash'
  if (isThrown !== throws) return isThrown ? 'THROWS, which is not said of it' : 'does not throw, as is said of it'
  return await complaintWithout(finding, runs)
}

/** The same run without the fault is silent. */
async function complaintWithout({ seed }: Finding, runs: Mutation['runs']): Promise<string | undefined> {
  const { failure } = await (runs === 'handovers' ? handover(seed) : simulate(generate(seed, runs && OPTIONS[runs])))
  return failure === null ? undefined : `FAILS WITHOUT IT TOO: ${failure.invariant}: ${failure.message}`
}

function lineOf({ name }: Mutation, { finding, runs, seconds }: Search, complaint: string | undefined): string {
  const what = finding === null ? `${runs} runs` : `${finding.by}, run ${runs}`
  return [name.padEnd(34), what, `${seconds.toFixed(1)} s`, ...(complaint === undefined ? [] : [complaint])].join(', ')
}

await Promise.all(Array.from({ length: Number(values.jobs) }, worker))
console.log(`\n${found} of ${chosen.length} found`)
process.exitCode = found === chosen.length ? 0 : 1
