// `npm run fuzz`: see README.md here.
//
//   npm run fuzz                                       every target, 10,000 inputs each
//   npm run fuzz -- --target rdb --runs 100000 --seed 7
//   npm run fuzz -- --target rdb --seconds 60 --corpus /tmp/corpus      goes on from what the last run found
//   npm run fuzz -- --target rdb --input failing.bin   one input, alone

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Failure, Figures } from './loop.js'
import { fuzz, replay } from './session.js'
import { targetOf, targets } from './targets.js'

const MEBIBYTE = 1024 * 1024

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    corpus: { type: 'string' },
    failures: { type: 'string', default: join(tmpdir(), 'hotspare-fuzz-failures') },
    input: { type: 'string' },
    unguided: { type: 'boolean', default: false },
  },
})

function numberOf(name: 'runs' | 'seconds' | 'seed'): number | undefined {
  const text = values[name]
  if (text === undefined) return undefined
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`--${name} ${text}: a whole number`)
  return number
}

function tell(name: string, figures: Figures, failure: Failure | null): void {
  const { runs, seconds, corpus, reached, fresh, slowestMs, largestBytes } = figures
  const coverage = reached < 0 ? '' : `  reached ${reached} (${fresh} new, ${corpus} inputs)`
  console.log(
    `${failure === null ? 'ok  ' : 'FAIL'} ${name.padEnd(10)} ${runs} runs${coverage}  ` +
      `${Math.round(runs / Math.max(seconds, 0.001))}/s  slowest ${slowestMs.toFixed(1)} ms  ` +
      `most memory ${(largestBytes / MEBIBYTE).toFixed(1)} MiB`,
  )
}

function tellFailure(name: string, seed: number, { input, error }: Failure): void {
  mkdirSync(values.failures, { recursive: true })
  const file = join(values.failures, `${name}-${seed}.bin`)
  writeFileSync(file, input)
  writeFileSync(`${file}.txt`, `${error}\n\nhex     ${input.toString('hex')}\nbase64  ${input.toString('base64')}\n`)
  console.log(error.replace(/^/gm, '     | '))
  console.log(`     ${input.length} bytes, in ${file}: ${input.toString('base64').slice(0, 2000)}`)
}

function corpusOf(name: string): string | undefined {
  if (values.corpus === undefined) return undefined
  const dir = join(values.corpus, name)
  mkdirSync(dir, { recursive: true })
  return dir
}

async function main(): Promise<void> {
  const names = values.target.length > 0 ? values.target : targets.map(({ name }) => name)
  for (const name of names) targetOf(name)
  const seed = numberOf('seed') ?? Math.floor(Math.random() * 2 ** 31)
  console.log(`seed ${seed}`)
  const seconds = numberOf('seconds')
  const runs = numberOf('runs') ?? (seconds === undefined ? 10_000 : Number.MAX_SAFE_INTEGER)
  let failed = false
  for (const name of names) {
    if (values.input !== undefined) {
      const failure = await replay(name, readFileSync(values.input))
      console.log(failure === null ? `ok   ${name}` : `FAIL ${name}\n${failure.error}`)
      failed ||= failure !== null
      continue
    }
    const { figures, failure } = await fuzz(name, {
      seed,
      runs,
      seconds,
      guided: !values.unguided,
      corpus: corpusOf(name),
    })
    tell(name, figures, failure)
    if (failure === null) continue
    failed = true
    tellFailure(name, seed, failure)
  }
  process.exitCode = failed ? 1 : 0
}

await main()
