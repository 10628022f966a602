// The runner itself, on tiny test files: each way in which uvu alone would say that all is well, or say nothing.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { wishesOf } from './file-run.js'
import { isAlive, suite, until } from './suite.js'

const test = suite('runner')

const here = dirname(fileURLToPath(import.meta.url))
const ours = `import { suite } from ${JSON.stringify(join(here, 'suite.ts'))}\n`
const plain = `import { suite } from 'uvu'\n`
const opening = `const test = suite('s')\n`

interface Ran {
  output: string
  lastLine: string
  code: number | null
}

/** Runs the runner on files that hold what is given. */
async function run(files: Record<string, string>, { args = [] as string[], env = {} } = {}): Promise<Ran> {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-runner-'))
  try {
    mkdirSync(join(dir, 'deep'))
    writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
    symlinkSync(join(here, '..', 'node_modules'), join(dir, 'node_modules'))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
    const command = ['--import', import.meta.resolve('tsx'), join(here, 'run.ts'), '--in', dir, ...args]
    const child = spawn(process.execPath, command, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, CI: '', ...env },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    assert.ok(output.endsWith('\n'), output)
    return { output, lastLine: output.trimEnd().split('\n').at(-1) ?? '', code }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function fails(text: string, why: RegExp, lastLine = '0 passed, 1 failed, 0 skipped'): Promise<void> {
  const ran = await run({ 'a.test.ts': text })
  assert.match(ran.output, why)
  assert.is(ran.lastLine, lastLine, ran.output)
  assert.is(ran.code, 1)
}

test('the closing line adds up all files, also deep ones', async () => {
  const passing = `${ours}${opening}test('a', () => {})\ntest('b', () => {})\ntest.run()\n`
  const ran = await run({ 'a.test.ts': passing, 'deep/b.test.ts': passing, 'c.ts': 'throw new Error()' })
  assert.is(ran.lastLine, '4 passed, 0 failed, 0 skipped', ran.output)
  assert.is(ran.code, 0)
  assert.match(ran.output, /ok {3}\S*a\.test\.ts {2}2 passed {2}\d+\.\d s\n/)
})

test('plain uvu files count too', async () => {
  const text = `${plain}${opening}test('a', () => {})\ntest('b', () => { throw new Error('reason') })\ntest.skip('c')\ntest.run()\n`
  const ran = await run({ 'a.test.ts': text })
  assert.is(ran.lastLine, '1 passed, 1 failed, 1 skipped', ran.output)
  assert.match(ran.output, /FAIL {2}s {2}"b"[\s\S]*reason/)
  assert.is(ran.code, 1)
})

test('words choose files; a word that chooses none fails', async () => {
  const passing = `${ours}${opening}test('a', () => {})\ntest.run()\n`
  const files = { 'a.test.ts': passing, 'b.test.ts': passing }
  assert.is((await run(files, { args: ['b.te'] })).lastLine, '1 passed, 0 failed, 0 skipped')
  const none = await run(files, { args: ['nothing'] })
  assert.is(none.lastLine, '0 passed, 1 failed, 0 skipped')
  assert.is(none.code, 1)
})

test('no file at all, and a wrong option, fail', async () => {
  assert.is((await run({})).lastLine, '0 passed, 1 failed, 0 skipped')
  assert.is((await run({}, { args: ['--jobs', 'x'] })).lastLine, '0 passed, 1 failed, 0 skipped')
  assert.is((await run({}, { args: ['--nonsense'] })).lastLine, '0 passed, 1 failed, 0 skipped')
})

test('a file without a test fails', () => fails(`${ours}${opening}test.run()\n`, /registers no test/))

test('a forgotten .run() fails', () => fails(`${ours}${opening}test('a', () => {})\n`, /never calls \.run\(\)/))

test('a .run() in a comment is none', () =>
  fails(`${ours}${opening}test('a', () => {})\n// test.run()\n`, /never calls \.run\(\)/))

test('a second suite whose .run() was forgotten fails by name', () =>
  fails(
    `${ours}${opening}const other = suite('t')\ntest('a', () => {})\nother('lost', () => {})\ntest.run()\n`,
    /were registered, but \.run\(\) was not called: t: lost/,
    '1 passed, 1 failed, 0 skipped',
  ))

test('an .only left behind fails, in plain uvu too', async () => {
  await fails(`${ours}${opening}test.only('a', () => {})\ntest.run()\n`, /holds an \.only/)
  await fails(`${plain}${opening}test.only('a', () => {})\ntest.run()\n`, /holds an \.only/)
})

test('a `before` hook that throws fails and is shown', async () => {
  const rest = `test.before(() => { throw new Error('no ground') })\ntest('a', () => {})\ntest.run()\n`
  await fails(`${ours}${opening}${rest}`, /hook: before\)[\s\S]*no ground/)
  await fails(`${plain}${opening}${rest}`, /FAIL/)
})

test('an `after` hook that throws fails and is shown', () =>
  fails(
    `${ours}${opening}test.after(() => { throw new Error('no end') })\ntest('a', () => {})\ntest.run()\n`,
    /no end/,
  ))

test('an `after.each` hook that throws does not hide the error of the test', () =>
  fails(
    `${ours}${opening}test.after.each(() => { throw new Error('second') })\ntest('a', () => { throw new Error('first') })\ntest.run()\n`,
    /first[\s\S]*second|second[\s\S]*first/,
  ))

test('a test that hangs fails by name, and the next one runs', () =>
  fails(
    `${ours}${opening}test('stuck', { limitMs: 50 }, () => new Promise(() => {}))\ntest('b', () => {})\ntest.run()\n`,
    /"stuck": not within 50 ms/,
    '1 passed, 1 failed, 0 skipped',
  ))

test('a hook that hangs fails by name', () =>
  fails(
    `${ours}${opening}test.before(() => new Promise(() => {}), { limitMs: 50 })\ntest('a', () => {})\ntest.run()\n`,
    /hook: before\)": not within 50 ms/,
  ))

test('a loop that never ends is stopped, and the test named', async () => {
  const loop = `test('a', () => {})\ntest('endless', () => { for (;;); })\ntest.run()\n`
  await fails(`// limit: 1 s\n${ours}${opening}${loop}`, /stopped after 1 s, in "s: endless"/)
  await fails(`// limit: 1 s\n${plain}${opening}${loop}`, /stopped after 1 s, in the test after the first 1/)
})

test('what a stopped file had started goes with it', async () => {
  const pidFile = join(mkdtempSync(join(tmpdir(), 'hotspare-runner-')), 'pid')
  const start = `import { spawn } from 'node:child_process'\nimport { writeFileSync } from 'node:fs'\n`
  const loop = `test('a', () => {
    const child = spawn('sleep', ['600'], { stdio: 'inherit' })
    writeFileSync(${JSON.stringify(pidFile)}, String(child.pid))
    for (;;);
  })\ntest.run()\n`
  await fails(`// limit: 2 s\n${ours}${start}${opening}${loop}`, /stopped after 2 s/)
  const pid = Number(readFileSync(pidFile, 'utf8'))
  rmSync(dirname(pidFile), { recursive: true })
  await until(() => !isAlive(pid), { what: 'the child of the stopped file to be gone' })
})

test('a process that lives on after its tests is stopped', { limitMs: 40_000 }, () =>
  fails(
    `${ours}${opening}test('a', () => { setInterval(() => {}, 1000) })\ntest.run()\n`,
    /its tests ended, but the process did not: held open by .*Timeout/,
    '1 passed, 1 failed, 0 skipped',
  ),
)

test('a test that never settles with nothing else to do fails, in plain uvu too', () =>
  fails(`${plain}${opening}test('a', () => new Promise(() => {}))\ntest.run()\n`, /ended without a result/))

test('an error outside the tests fails', async () => {
  const rest = `${opening}test('a', () => {})\ntest.run()\n`
  await fails(`${ours}throw new Error('at import')\n${rest}`, /at import/)
  await fails(`${ours}syntax error\n${rest}`, /error/)
  await fails(
    `${ours}process.on('exit', () => { process.exitCode = 3 })\n${rest}`,
    /exit code 3, although no test failed/,
    '1 passed, 1 failed, 0 skipped',
  )
  await fails(
    `${ours}${opening}test('shot', () => { process.kill(process.pid, 'SIGKILL') })\ntest.run()\n`,
    /SIGKILL, in "s: shot"/,
  )
})

test('a skip is told with its reason; in continuous integration it fails', async () => {
  const files = {
    'a.test.ts': `${ours}${opening}test('a', () => {})\ntest.skip('later', 'no server')\ntest('b', { skip: 'no moon' }, () => {})\ntest.run()\n`,
  }
  const at = await run(files)
  assert.match(at.output, /skipped: s: later: no server\n[\s\S]*skipped: s: b: no moon\n/)
  assert.is(at.lastLine, '1 passed, 0 failed, 2 skipped')
  assert.is(at.code, 0)
  const ci = await run(files, { env: { CI: 'true' } })
  assert.is(ci.lastLine, '1 passed, 2 failed, 0 skipped', ci.output)
  assert.is(ci.code, 1)
})

test('a stopped runner stops its files and still closes', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-runner-'))
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
  const marker = join(dir, 'running')
  const body = `import { writeFileSync } from 'node:fs'\n${opening}test('a', () => { writeFileSync(${JSON.stringify(marker)}, ''); for (;;); })\n`
  writeFileSync(join(dir, 'a.test.ts'), `${ours}${body}test.run()\n`)
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), join(here, 'run.ts'), '--in', dir], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await until(() => existsSync(marker), { what: 'the test to run' })
  child.kill('SIGTERM')
  const code = await new Promise((resolve) => child.once('close', resolve))
  rmSync(dir, { recursive: true })
  assert.match(output, /stopped by SIGTERM\n\n0 passed, 1 failed, 0 skipped\n$/)
  assert.is(code, 1)
})

test('what a file wishes stands at its top', () => {
  assert.equal(wishesOf('// a\n'), { limitMs: 120_000, exclusive: false })
  assert.equal(wishesOf('// exclusive: load\n// limit: 300 s\n'), { limitMs: 300_000, exclusive: true })
  assert.equal(wishesOf('// not exclusive\n\n\n\n\n// limit: 300 s\n'), { limitMs: 120_000, exclusive: false })
})

test.run()
