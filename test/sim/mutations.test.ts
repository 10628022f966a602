// The mutation check in small: a few of the faults that are found fast, and that the table fits the sources. All of them are
// planted by `npm run sim:mutations`.

import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { occurrences, searchFor } from './mutant.js'
import { mutations } from './mutations.js'

const test = suite('mutations')

const bounds = { seed: 1, runs: 8, seconds: 20 }
const FOUND_FAST = ['psync-answers-a-byte-late', 'promotion-under-the-old-id', 'ack-of-one-more', 'id-before-data']

test('each piece of source stands in its file once, and becomes another', () => {
  assert.ok(mutations.length >= 24)
  assert.is(new Set(mutations.map(({ name }) => name)).size, mutations.length)
  const wrong = mutations.filter((one) => occurrences(one) !== 1 || one.source === one.becomes)
  assert.equal(
    wrong.map((one) => `${one.name}: ${occurrences(one)} times in src/${one.file}`),
    [],
  )
})

for (const name of FOUND_FAST) {
  test(`the simulation finds ${name}`, async () => {
    const { finding, runs } = await searchFor(mutations.find((one) => one.name === name)!, bounds)
    assert.ok(finding, `not found in ${runs} runs`)
    assert.not(['hang', 'crash', 'no exception'].includes(finding.by), finding.message)
  })
}

test('where nothing was changed it finds nothing', async () => {
  const unchanged = { ...mutations[0], becomes: mutations[0].source }
  const { finding, runs } = await searchFor(unchanged, { ...bounds, runs: 2 })
  assert.is(finding, null)
  assert.is(runs, 2)
})

test.run()
