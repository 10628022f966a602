// The test runner behind `npm test`: every test file in a process of its own, a few at a time, and a result that can be
// trusted. The last line it prints is always `N passed, N failed, N skipped`.
//
//   npm test                      all files
//   npm test -- resp keyspace/    files whose path holds one of the words
//   npm test -- --jobs 4          so many at a time (2 unless told); files that open with `// exclusive` run alone, last

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { abandonAll, type Outcome, runFile, testRoot, wishesOf } from './file-run.js'

const sum = { passed: 0, failed: 0, skipped: 0 }
const skipsFail = process.env.CI === 'true'

function close(): void {
  console.log(`\n${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
  process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1
}

/** The runner's own failure counts as one. */
function giveUp(error: unknown): void {
  abandonAll()
  console.log(error instanceof Error ? error.message : String(error))
  sum.failed += 1
  close()
  process.exit()
}

function find(root: string, words: string[]): string[] {
  const all = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
    .map((path) => join(root, path))
    .sort()
  const chosen = words.length === 0 ? all : all.filter((path) => words.some((word) => path.includes(word)))
  if (chosen.length === 0)
    throw new Error(`no test file in ${root}${words.length > 0 ? ` for ${words.join(', ')}` : ''}`)
  return chosen
}

async function runAll(files: string[], jobs: number): Promise<void> {
  const left = [...files]
  const worker = async (): Promise<void> => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      tell(relative(process.cwd(), file), await runFile(file, { skipsFail }))
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
}

function tell(name: string, { passed, failed, skipped, seconds, problems, skips, output }: Outcome): void {
  sum.passed += passed
  sum.failed += failed
  sum.skipped += skipped
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`]
  const said = counts.filter((part) => part !== false).join(', ')
  console.log(`${failed > 0 ? 'FAIL' : 'ok  '} ${name}  ${said}  ${seconds.toFixed(1)} s`)
  for (const skip of skips) console.log(`       skipped: ${skip}`)
  for (const problem of problems) console.log(`       ${problem}`)
  if (failed > 0 && output.trim() !== '') console.log(output.trimEnd().replace(/^/gm, '     | '))
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { jobs: { type: 'string', default: '2' }, in: { type: 'string', default: testRoot } },
    allowPositionals: true,
  })
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs ${values.jobs}: a number from 1 on`)
  const files = find(values.in, positionals)
  const alone = new Set(files.filter((file) => wishesOf(readFileSync(file, 'utf8')).exclusive))
  await runAll(
    files.filter((file) => !alone.has(file)),
    jobs,
  )
  await runAll([...alone], 1)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => giveUp(`stopped by ${signal}`))
process.on('uncaughtException', giveUp)

main().then(close, giveUp)
