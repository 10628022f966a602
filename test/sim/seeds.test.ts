// Every seed that ever failed, and the smallest schedule that it was reduced to: see seeds.ts.

import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { generate } from './generate.js'
import { formatSchedule, parseSchedule } from './schedule.js'
import { foundSeeds } from './seeds.js'
import { simulate } from './simulate.js'

const test = suite('seeds that failed')

for (const { seed, files, failovers, found, schedule } of foundSeeds) {
  test(`${seed}: ${found}`, async () => {
    for (const each of [parseSchedule(schedule), generate(seed, { files, failovers })]) {
      const { failure } = await simulate(each)
      assert.is(failure, null, `${failure?.invariant}: ${failure?.message}`)
    }
  })
}

test('a schedule in text is the schedule', () => {
  const schedule = generate(7)
  assert.ok(schedule.steps.length > 50)
  assert.equal(parseSchedule(formatSchedule(schedule)), schedule)
})

test.run()
