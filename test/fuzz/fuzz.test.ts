// Every target for a moment, from one seed and without guidance, so that each time the same inputs run. `npm run fuzz`
// runs them for longer. And the harness itself: whether it tells each way to fail.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { targets as faulty } from './faulty.js'
import { Loop } from './loop.js'
import { Chance, Mutator } from './mutation.js'
import { fuzz, replay } from './session.js'
import { targetOf, targets } from './targets.js'

const test = suite('fuzz')

// The loop collects garbage before it believes that an input takes much memory.
setFlagsFromString('--expose-gc')
globalThis.gc = runInNewContext('gc') as typeof globalThis.gc

const SEED = 20_261_123
/** About a second each, on a slow machine. */
const RUNS: Readonly<Record<string, number>> = {
  requests: 3000,
  answers: 2000,
  rdb: 1000,
  payload: 1500,
  primary: 250,
  stream: 100,
  replica: 200,
  client: 80,
  conf: 400,
  flags: 1500,
  codec: 4000,
  address: 4000,
  ports: 1000,
  glob: 4000,
}

test('a number of inputs stands here for every target', () => {
  assert.equal(Object.keys(RUNS).sort(), targets.map(({ name }) => name).sort())
})

for (const target of targets) {
  const { name, about } = target
  test(`${name}: ${about}`, async () => {
    // In this process: the runner of the tests tells which one hangs, and a start takes longer than many inputs.
    const { figures, failure } = await new Loop(target, { seed: SEED, runs: RUNS[name], guided: false }).run()
    assert.is(failure, null, failure === null ? '' : `${failure.error}\n${failure.input.toString('base64')}`)
    assert.is(figures.runs, RUNS[name])
  })
}

const told: Readonly<Record<string, RegExp>> = {
  throws: /^wrong$/,
  slow: /^slow: \d+ ms for \d+ bytes, 200 are allowed$/,
  swells: /^memory: \d+ bytes for/,
}

for (const [name, error] of Object.entries(told)) {
  test(`a target that fails is told, and its input cut down: ${name}`, async () => {
    const target = faulty.find((one) => one.name === name)!
    const { failure } = await new Loop(target, { seed: SEED, runs: 50, guided: false }).run()
    assert.ok(failure !== null)
    assert.match(failure.error, error)
    assert.equal([...failure.input], [7])
  })
}

const table = new URL('faulty.ts', import.meta.url).pathname
const fatal: Readonly<Record<string, RegExp>> = {
  hangs: /^hang: not through after 1000 ms$/,
  eats: /^the process died .*heap/,
  later: /^outside of run: Error: from nowhere/,
}

for (const [name, error] of Object.entries(fatal)) {
  test(`one that does not come back is told by the process that watches it: ${name}`, async () => {
    const { failure } = await fuzz(name, { seed: SEED, runs: 50, guided: false, table, hangMs: 1000 })
    assert.ok(failure !== null)
    assert.match(failure.error, error)
    // Whose work it was that failed later nobody can say.
    if (name !== 'later') assert.equal([...failure.input], [7])
  })
}

test('a target runs in a process of its own, from the same inputs', async () => {
  const options = { seed: SEED, runs: 300, guided: false }
  const { figures, failure } = await fuzz('glob', options)
  assert.is(failure, null)
  assert.is(figures.runs, 300)
})

test('an input that was found can be run again, alone', async () => {
  assert.match((await replay('throws', Buffer.from([7, 7]), { table }))?.error ?? '', /^wrong$/)
  assert.is(await replay('throws', Buffer.from('harmless'), { table }), null)
})

test('the same seed gives the same inputs, another one others', () => {
  const inputs = (seed: number): string => {
    const mutator = new Mutator(new Chance(seed, 'x'), ['word'], 1000)
    const input = Buffer.from('an input of some length')
    return Array.from({ length: 50 }, () => mutator.mutate(input, input).toString('hex')).join()
  }
  assert.is(inputs(1), inputs(1))
  assert.is.not(inputs(1), inputs(2))
})

test('inputs that reach new code are kept and built on', async () => {
  const kept: Buffer[] = []
  const { figures } = await new Loop(targetOf('glob'), {
    seed: SEED,
    runs: 2000,
    guided: true,
    kept: (input) => void kept.push(input),
  }).run()
  assert.ok(kept.length > 0)
  assert.is(figures.corpus, targetOf('glob').seeds().length + kept.length)
  assert.ok(figures.fresh > 0 && figures.reached > figures.fresh)
})

test.run()
