// XNACK (Redis 8.8), as its manual page has it: no server that knows it is at hand.

import * as assert from 'uvu/assert'
import { supplementOf } from '../../src/rdb/supplement.js'
import { Store } from '../../src/store.js'
import { suite } from '../suite.js'

const test = suite('XNACK')

/** Five entries, four of which `c` was handed. */
function scene(): { store: Store; call: (line: string) => unknown } {
  const store = new Store()
  const call = (line: string): unknown => store.call(...(line.split(' ') as [string, ...string[]]))
  for (let i = 1; i <= 5; i++) call(`XADD s ${i}-0 f v${i}`)
  call('XGROUP CREATE s g 0')
  call('XREADGROUP GROUP g c COUNT 4 STREAMS s >')
  return { store, call }
}

test('what was given back has no consumer, and its place in the list', async () => {
  const { store, call } = scene()
  assert.is(call('XNACK s g FAIL IDS 2 3-0 1-0'), 2)
  assert.equal(
    (call('XPENDING s g - + 10') as unknown[][]).filter(([, name]) => name === ''),
    [
      ['1-0', '', -1, 1],
      ['3-0', '', -1, 1],
    ],
  )
  assert.equal(call('XPENDING s g'), [4, '1-0', '4-0', [['c', '2']]])
  assert.equal(call('XPENDING s g IDLE 3600000 - + 10 c'), [])
  assert.is((call('XPENDING s g IDLE 3600000 - + 10') as unknown[]).length, 2, 'idle for ever')
  assert.equal(call('XREADGROUP GROUP g c STREAMS s 0'), [
    [
      's',
      [
        ['2-0', ['f', 'v2']],
        ['4-0', ['f', 'v4']],
      ],
    ],
  ])
  assert.is(call('XACK s g 3-0'), 1)
  assert.is(call('XACK s g 3-0'), 0)
  await store.close()
})

test('SILENT takes a delivery back, FAIL leaves the count, FATAL ends it, RETRYCOUNT sets it', async () => {
  const { store, call } = scene()
  const counts = (): unknown[] => (call('XPENDING s g - + 10') as unknown[][]).map((one) => one[3])
  call('XNACK s g SILENT IDS 1 1-0')
  call('XNACK s g SILENT IDS 1 1-0')
  call('XNACK s g FAIL IDS 1 2-0')
  call('XNACK s g FATAL IDS 1 3-0')
  call('XNACK s g FATAL IDS 1 4-0 RETRYCOUNT 7')
  assert.equal(counts(), [0, 1, 9223372036854775807n, 7])
  call('XAUTOCLAIM s g d 1000 0')
  assert.equal(counts(), [1, 2, 9223372036854775807n, 8], 'it does not overflow')
  await store.close()
})

test('what is given back goes on as commands that are taken, however often it was delivered', async () => {
  const { store, call } = scene()
  call('XCLAIM s g c 0 1-0 RETRYCOUNT 9223372036854775807')
  call('XCLAIM s g c 0 1-0')
  call('XNACK s g FAIL IDS 3 4-0 1-0 2-0')
  const pending = (): unknown[][] =>
    (call('XPENDING s g - + 10') as unknown[][]).map(([id, name, , count]) => [id, name, count])
  const before = pending()
  const given = [...supplementOf(store.engine.dataset, 9)].filter(({ argv }) => argv[0] === 'XNACK')
  assert.is(given.length, 3, 'one for each count in a row')
  for (const { argv } of given) store.call(...(argv as [string, ...string[]]))
  assert.equal(pending(), [['1-0', '', 9223372036854775807n], ...before.slice(1)])
  await store.close()
})

test('only what is pending is given back; FORCE also what is in the stream', async () => {
  const { store, call } = scene()
  assert.is(call('XNACK s g FAIL IDS 3 5-0 6-0 2-0'), 1)
  assert.is(call('XNACK s g FAIL IDS 2 5-0 6-0 FORCE'), 1)
  assert.equal((call('XPENDING s g - + 10') as unknown[])[4], ['5-0', '', -1, 0])
  assert.is(call('XNACK s g FATAL IDS 1 5-0 FORCE RETRYCOUNT 3'), 1)
  assert.equal((call('XPENDING s g - + 10') as unknown[])[4], ['5-0', '', -1, 3])
  await store.close()
})

test('it is claimed at once, whatever the idle time asked for; what is gone meanwhile is pending no more', async () => {
  const { store, call } = scene()
  call('XNACK s g FAIL IDS 3 1-0 2-0 3-0')
  call('XDEL s 2-0')
  assert.equal(call('XCLAIM s g d 3600000 1-0 JUSTID'), ['1-0'])
  assert.equal(call('XAUTOCLAIM s g d 3600000 0 JUSTID'), ['0-0', ['3-0'], ['2-0']])
  assert.equal(call('XPENDING s g'), [
    3,
    '1-0',
    '4-0',
    [
      ['c', '1'],
      ['d', '2'],
    ],
  ])
  assert.is(call('XGROUP DELCONSUMER s g d'), 2)
  await store.close()
})

test('errors', async () => {
  const { store, call } = scene()
  call('SET str v')
  const cases: [string, string][] = [
    ['XNACK s g FAIL IDS 1', "ERR wrong number of arguments for 'xnack' command"],
    ['XNACK s g NONE IDS 1 1-0', 'ERR mode must be SILENT, FAIL, or FATAL'],
    ['XNACK s x FAIL IDS 1 1-0', "NOGROUP No such key 's' or consumer group 'x'"],
    ['XNACK nosuch g FAIL IDS 1 1-0', "NOGROUP No such key 'nosuch' or consumer group 'g'"],
    ['XNACK str g FAIL IDS 1 1-0', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['XNACK s g FAIL IDS 0 1-0', 'ERR numids must be a positive integer'],
    ['XNACK s g FAIL IDS x 1-0', 'ERR numids must be a positive integer'],
    ['XNACK s g FAIL IDS 2 1-0', "ERR number of IDs doesn't match numids"],
    ['XNACK s g FAIL IDS 1 x', 'ERR Invalid stream ID specified as stream command argument'],
    ['XNACK s g FAIL FORCE RETRYCOUNT 1', 'ERR syntax error, expected IDS keyword'],
    ['XNACK s g FAIL IDS 1 1-0 RETRYCOUNT -1', 'ERR Invalid RETRYCOUNT value, must be >= 0'],
    ['XNACK s g FAIL IDS 1 1-0 RETRYCOUNT x', 'ERR value is not an integer or out of range'],
    ['XNACK s g FAIL IDS 1 1-0 2-0', "ERR Unrecognized XNACK option '2-0'"],
  ]
  for (const [line, message] of cases) {
    let said = ''
    try {
      call(line)
    } catch (error) {
      said = (error as Error).message
    }
    assert.is(said, message, line)
  }
  assert.equal(call('XPENDING s g'), [4, '1-0', '4-0', [['c', '4']]], 'nothing was changed')
  await store.close()
})

test.run()
