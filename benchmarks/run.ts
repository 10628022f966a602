// npm run bench: every benchmark, one after the other, each in a process of its own.
//
//   npm run bench -- face            only those whose names hold the word
//   npm run bench -- --quick         small, to see that they run

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeMachine, program, versionOf } from './bench.js'

const questions = ['face', 'listener', 'collections', 'replication', 'pauses', 'scale']

const args = process.argv.slice(2)
const words = args.filter((word) => !word.startsWith('--'))
const chosen = questions.filter((name) => words.length === 0 || words.some((word) => name.includes(word)))

/** As an address: what a benchmark starts in another folder finds it too. */
const tsx = import.meta.resolve('tsx')

if (!existsSync(program)) throw new Error('there is no build: npm run build')
console.log(`hotspare ${versionOf.hotspare} on ${describeMachine()}`)
for (const name of chosen) {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
  const options = args.filter((word) => word.startsWith('--'))
  const { status } = spawnSync(process.execPath, ['--import', tsx, file, ...options], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
