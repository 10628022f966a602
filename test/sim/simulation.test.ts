// A fixed number of runs of the simulation: five nodes, ten simulated minutes each. `npm run sim` makes more of them. A seed
// that fails here is looked at with `npm run sim -- --seed S`, and goes into seeds.ts once it is mended.

import { createHash } from 'node:crypto'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { generate } from './generate.js'
import type { Schedule } from './schedule.js'
import { shrink } from './shrink.js'
import { simulate } from './simulate.js'

const test = suite('simulation')

const RUNS_A_TEST = 4
const TESTS = 7
/** About every other run has nodes with files: so often they come back in these runs, at least. */
const LEAST_COMPARED = 40

let compared = 0

for (let i = 0; i < TESTS; i++) {
  const first = 1 + i * RUNS_A_TEST
  test(`no invariant is broken from seed ${first} to ${first + RUNS_A_TEST - 1}`, async () => {
    for (let seed = first; seed < first + RUNS_A_TEST; seed++) {
      const { failure, steps, ...outcome } = await simulate(generate(seed))
      compared += outcome.compared
      assert.is(failure, null, `npm run sim -- --seed ${seed}: ${failure?.invariant}: ${failure?.message}`)
      assert.ok(steps > 0)
    }
  })
}

test('nodes came back with what their files held', () => {
  assert.ok(compared >= LEAST_COMPARED, `${compared} times`)
})

test('one seed is one run, to the last byte of its trace', async () => {
  const digestOf = async (seed: number): Promise<string> => {
    const { trace } = await simulate(generate(seed, { minutes: 4 }), { trace: true })
    assert.ok(trace.length > 1000)
    return createHash('sha256').update(trace.join('\n')).digest('hex')
  }
  for (const seed of [3, 6]) assert.is(await digestOf(seed), await digestOf(seed))
  assert.is.not(await digestOf(3), await digestOf(4))
})

test('the trace does not change what happens', async () => {
  const [without, traced] = [await simulate(generate(5)), await simulate(generate(5), { trace: true })]
  assert.equal({ ...traced, trace: [] }, without)
})

/** A run that breaks an invariant for a reason of its own: a step that there is no act for. */
function broken(): Schedule {
  const schedule = generate(2, { minutes: 3 })
  const steps = schedule.steps.flatMap((step, i) =>
    i === 40 ? [{ ...step, act: 'nonsense', args: [] }, step] : [step],
  )
  return { ...schedule, steps }
}

test('what fails is found, told, and made small', async () => {
  const outcome = await simulate(broken())
  assert.is(outcome.failure?.invariant, 'no exception')
  assert.match(outcome.failure?.message ?? '', /there is no act nonsense/)
  const { schedule } = await shrink(outcome, 100)
  assert.equal(
    schedule.steps.map(({ act }) => act),
    ['nonsense'],
  )
})

test.run()
