// SLOWLOG, LATENCY and the times in INFO, against a real server: everything but the times themselves.

import * as assert from 'uvu/assert'
import { LatencyHistogram } from '../../src/commands/latency-histogram.js'
import { sparkline } from '../../src/commands/sparkline.js'
import { encode, type Reply } from '../client.js'
import { suite, until } from '../suite.js'
import { type Both, type Mask, skip, startBoth, type World } from './both.js'

const test = suite('slowlog')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

async function onBoth(run: (both: Both) => Promise<void>): Promise<void> {
  await using both = await world.connect()
  await both.same(['FLUSHALL'])
  await run(both)
}

/** Times, and the address: no two servers share them. */
const timeless: Mask = (reply) =>
  reply.replace(/:\d+\r\n:\d+\r\n:\d+\r\n/g, ':id\r\n:at\r\n:took\r\n').replace(/127\.0\.0\.1:\d+/g, 'address')

test('SLOWLOG: what is refused', { skip }, () =>
  onBoth((both) =>
    both.same([
      ...['SLOWLOG', 'SLOWLOG foo', 'SLOWLOG GET x', 'SLOWLOG GET -2', 'SLOWLOG GET 1 2', 'SLOWLOG GET 99999999999'],
      ...['SLOWLOG LEN x', 'SLOWLOG RESET x', 'SLOWLOG HELP x'],
    ]),
  ),
)

test('SLOWLOG keeps what was asked, shortened and without secrets', { skip }, () =>
  onBoth(async (both) => {
    const many = Array.from({ length: 40 }, (_, i) => `k${i}`)
    const long = 'x'.repeat(200)
    await both.same(['CLIENT SETNAME me', 'CONFIG SET slowlog-max-len 20', 'CONFIG SET slowlog-log-slower-than 0'])
    await both.same([
      'SLOWLOG RESET',
      'SET a 1',
      ['MGET', ...many],
      ['SET', 'long', long],
      ['SET', 'b', Buffer.of(255, 0)],
    ])
    await both.same(['GET', 'SET a', 'NOSUCH', 'AUTH secret', 'LPOP a'])
    await both.same(['HELLO 2 AUTH default secret'], (reply) => reply.replace(/:\d+/g, ''))
    await both.same(['CONFIG SET masterauth secret', 'CONFIG SET maxmemory 0 masteruser joe'])
    await both.same(['MULTI', 'GET a', 'DISCARD', 'MULTI', 'INCR a', 'EXEC'])
    await both.same(['CONFIG SET slowlog-log-slower-than -1', 'GET a', 'SLOWLOG LEN'])
    await both.same(['SLOWLOG GET -1', 'SLOWLOG GET', 'SLOWLOG GET 0', 'SLOWLOG GET 2'], timeless)
    await both.same(['CONFIG SET slowlog-max-len 1', 'SLOWLOG LEN'])
    await both.same(['SLOWLOG GET'], timeless)
    await both.same(['CONFIG SET slowlog-max-len 128', 'SLOWLOG RESET', 'SLOWLOG LEN', 'SLOWLOG GET'])
    await both.same(['CONFIG SET slowlog-log-slower-than 10000', ['CONFIG', 'SET', 'masterauth', '', 'masteruser', '']])
  }),
)

test('only slow calls are kept, with the time they took', { skip }, async () => {
  await using both = await world.connect()
  const { ours } = both
  await ours.ok('SLOWLOG', 'RESET')
  await ours.ok('DEBUG', 'SLEEP', '0.03')
  const [[, at, took, argv]] = (await ours.ok('SLOWLOG', 'GET')) as Reply[][]
  assert.equal(argv, ['DEBUG', 'SLEEP', '0.03'])
  assert.ok(Number(took) >= 30_000 && Number(took) < 1_000_000, `took ${took}`)
  assert.ok(Math.abs(Number(at) - Date.now() / 1000) < 5)
})

test('a slow call among fast ones that came with it: only that one took long', { skip }, async () => {
  await using both = await world.connect()
  const { ours } = both
  await ours.ok('SLOWLOG', 'RESET')
  await ours.ok('CONFIG', 'RESETSTAT')
  const fast = Array.from({ length: 40 }, (_, i) => [encode('SET', `k${i}`, i), encode('GET', `k${i}`)]).flat()
  ours.send(Buffer.concat([...fast, encode('DEBUG', 'SLEEP', '0.05'), ...fast]))
  for (let i = 0; i < 161; i++) await ours.reply()
  const logged = ((await ours.ok('SLOWLOG', 'GET', '-1')) as Reply[][]).map(([, , , argv]) => argv)
  assert.equal(logged, [['DEBUG', 'SLEEP', '0.05']])
  const stats = String(await ours.ok('INFO', 'commandstats'))
  const usec = (name: string): number[] =>
    [...stats.matchAll(new RegExp(`cmdstat_${name}:calls=(\\d+),usec=(\\d+)`, 'g'))].flatMap((match) =>
      match.slice(1).map(Number),
    )
  const [[sets, setTook], [gets, getTook], [sleeps, sleepTook]] = ['set', 'get', 'debug'].map(usec)
  assert.equal([sets, gets, sleeps], [80, 80, 1])
  assert.ok(sleepTook >= 50_000, `DEBUG took ${sleepTook}`)
  assert.ok(setTook > 0 && setTook < 40_000 && getTook > 0 && getTook < 40_000, `SET ${setTook}, GET ${getTook}`)
})

test('LATENCY: what is refused, and an empty one', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['LATENCY', 'LATENCY foo', 'LATENCY LATEST', 'LATENCY HISTORY x', 'LATENCY GRAPH x'])
    await both.same(['LATENCY RESET', 'LATENCY RESET x y', 'LATENCY LATEST x', 'LATENCY HELP x', 'LATENCY DOCTOR x'])
    await both.same(['LATENCY HISTOGRAM nosuch', 'LATENCY HISTOGRAM client|nosuch nosuch|get'])
  }),
)

test('LATENCY keeps events that took long', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['CONFIG SET latency-monitor-threshold 20', 'LATENCY RESET', 'DEBUG SLEEP 0.03', 'GET a'])
    const masked: Mask = (reply) => reply.replace(/:1\d{9}\r/g, ':at\r').replace(/:[3-9]\d\r/g, ':took\r')
    await both.same(['LATENCY LATEST', 'LATENCY HISTORY command', 'LATENCY HISTORY fast-command'], masked)
    await both.same(['LATENCY GRAPH command'], (reply) => reply.replace(/\d+/g, 'n'))
    for (const one of [both.ours, both.real])
      assert.match(String(await one.ok('LATENCY', 'DOCTOR')), /1\. command: 1 lat/)
    await both.same(['LATENCY RESET command', 'LATENCY LATEST', 'CONFIG SET latency-monitor-threshold 0'])
  }),
)

test('keys that expire and keys that are evicted, when that takes long', { skip }, async () => {
  await using both = await world.connect()
  const { ours } = both
  const { store } = world
  await ours.ok('FLUSHALL')
  await ours.ok('CONFIG', 'SET', 'latency-monitor-threshold', 1)
  await ours.ok('LATENCY', 'RESET')
  // Whoever is told of a change does so within the work that made it.
  const slow = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3)
  store.on('expire', slow).on('evict', slow)
  await ours.ok('SET', 'short', 'x', 'PX', 1)
  await until(async () => (await ours.ok('DBSIZE')) === 0, { what: 'it expires' })
  await ours.ok('SET', 'victim', 'x'.repeat(1000))
  await ours.ok('CONFIG', 'SET', 'maxmemory', 500, 'maxmemory-policy', 'allkeys-lru')
  await ours.ok('SET', 'other', 'x')
  store.off('expire', slow).off('evict', slow)
  const events = ((await ours.ok('LATENCY', 'LATEST')) as Reply[][]).map(([name]) => name)
  assert.ok(events.includes('expire-cycle'), String(events))
  assert.ok(events.includes('eviction-cycle'), String(events))
  await ours.ok('CONFIG', 'SET', 'maxmemory', 0, 'latency-monitor-threshold', 0, 'maxmemory-policy', 'noeviction')
})

test('LATENCY HISTOGRAM and INFO tell of the same calls', { skip }, () =>
  onBoth(async (both) => {
    await both.same([
      'CONFIG RESETSTAT',
      'SET a 1',
      'SET a 2',
      'GET a',
      'CLIENT GETNAME',
      'CLIENT GETREDIR',
      'LPUSH a x',
    ])
    const calls: Mask = (reply) => reply.replace(/histogram_usec\r\n\*\d+\r\n(?::\d+\r\n)+/g, 'histogram')
    await both.same(
      ['LATENCY HISTOGRAM set get nosuch', 'LATENCY HISTOGRAM client|getname', 'LATENCY HISTOGRAM SET'],
      calls,
    )
    const sorted: Mask = (reply) =>
      reply
        .replace(/=[\d.]+,usec_per_call=[\d.]+|p[\d.]+=[\d.]+/g, '')
        .split('\r\n')
        .slice(1)
        .sort()
        .join()
    await both.same(['INFO commandstats', 'INFO latencystats'], sorted)
    await both.same(['CONFIG SET latency-tracking no', 'CONFIG RESETSTAT', 'GET a', 'LATENCY HISTOGRAM get'])
    await both.same(['CONFIG SET latency-tracking yes'])
  }),
)

test('a histogram gives the values that an HDR histogram of two digits does', () => {
  // As seen of redis-server 7.0.15: nanoseconds, and what its INFO printed for them.
  for (const [value, low, high] of [
    [8_000, 8_000, 8_031],
    [14_000, 13_952, 14_015],
    [23_000, 22_912, 23_039],
    [50_000, 49_920, 50_175],
    [120_000, 119_808, 120_319],
    [200, 200, 200],
    [0, 1, 1],
    [5e12, 998_244_352, 1_002_438_655],
  ]) {
    const histogram = new LatencyHistogram()
    histogram.add(value)
    assert.is(histogram.percentile(0), low, `lowest of ${value}`)
    assert.is(histogram.percentile(100), high, `highest of ${value}`)
    assert.is(histogram.percentile(50), high)
  }
})

test('percentiles and counts of many calls', () => {
  const histogram = new LatencyHistogram()
  for (let microseconds = 1; microseconds <= 1000; microseconds++) histogram.add(microseconds * 1000)
  assert.is(histogram.total, 1000)
  for (const percent of [1, 25, 50, 99, 99.9]) {
    const exact = percent * 10_000
    assert.ok(Math.abs(histogram.percentile(percent) - exact) <= exact / 100, `p${percent}`)
  }
  assert.equal(histogram.cumulative(), [
    [1, 1],
    [2, 2],
    [4, 4],
    [8, 8],
    [16, 16],
    [32, 32],
    [65, 65],
    [131, 131],
    [262, 262],
    [524, 524],
    [1048, 1000],
  ])
})

test('a graph has as many levels as its rows hold, and labels upright', () => {
  const points = [0, 1, 2, 3, 4, 5].map((value) => ({ value, label: `${value}s` }))
  const lines = ['    _#', ' _o|||'.replace(' _o', '_o#'), '      ', '012345', 'ssssss', '']
  assert.is(sparkline(points, { columns: 80, rows: 2 }), lines.join('\n').replace('    _#', '   _o#'))
  assert.is(sparkline([{ value: 7, label: 'x' }], { columns: 80, rows: 1 }), '_\n \nx\n')
  assert.is(sparkline(points.slice(0, 2), { columns: 1, rows: 1 }), '_\n \n0\ns\n\n#\n \n1\ns\n')
})

test.run()
