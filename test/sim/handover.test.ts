// A fixed number of the small runs of handover.ts. `npm run sim -- --handovers` makes more of them.

import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { coordinated, crashes, cutOff } from './handover.js'

const test = suite('handover')

for (const first of [1, 11, 21, 31]) {
  test(`coordinated failovers lose nothing: seeds ${first} to ${first + 9}`, async () => {
    const total: Record<string, number> = {}
    for (let seed = first; seed < first + 10; seed++) {
      const { outcomes, confirmed } = await coordinated(seed)
      assert.ok(confirmed > 50, `seed ${seed}: ${confirmed} writes were acknowledged`)
      for (const [outcome, count] of outcomes) total[outcome] = (total[outcome] ?? 0) + count
    }
    // The runs are worth something: failovers succeed, and fail in the ways in which they can here.
    assert.ok(total.over >= 20, JSON.stringify(total))
    const { INVALID = 0, TIMEOUT = 0, LINK = 0, ABORTED = 0 } = total
    assert.ok(INVALID > 0 && TIMEOUT + LINK + ABORTED > 0, JSON.stringify(total))
    assert.is(total.REFUSED, undefined)
  })
}

for (const first of [101, 111]) {
  test(`what WAIT confirmed survives crashes: seeds ${first} to ${first + 9}`, async () => {
    for (let seed = first; seed < first + 10; seed++) {
      const confirmed = await crashes(seed)
      assert.ok(confirmed > 20, `seed ${seed}: ${confirmed} writes were confirmed`)
    }
  })
}

test('a primary that is cut off acknowledges nothing once min-replicas-max-lag is over: seeds 201 to 212', async () => {
  for (let seed = 201; seed <= 212; seed++) await cutOff(seed)
})

test.run()
