// Doubles as C prints and reads them: what redis-server makes of the same ones.

import * as assert from 'uvu/assert'
import { formatDouble, parseDouble, scanDouble } from '../../src/protocol/double.js'
import { missingPeer, startServer } from '../peers.js'
import { suite } from '../suite.js'

const test = suite('double')
const skip = missingPeer('redis', '7.0.15')

/** Numbers of every size from one seed: any bits, small ones with few digits, and some that lie between two of 17 digits. */
function* samples(count: number): Generator<number> {
  let state = 0x2545f491
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  const view = new DataView(new ArrayBuffer(8))
  for (let i = 0; i < count; i++) {
    view.setUint32(0, next())
    view.setUint32(4, next())
    const bits = view.getFloat64(0)
    if (Number.isFinite(bits)) yield bits
    const fraction = next() / 2 ** 32
    yield fraction
    yield Math.round(fraction * 1e6) / 10 ** (next() % 8)
    yield fraction * 10 ** ((next() % 40) - 20)
    // An integer, and 3 to 25 bits behind the point.
    yield (next() * 2 ** 21 + (next() >>> 11)) / 2 ** (3 + (next() % 23))
    yield next() * 10 ** (next() % 20)
  }
}

/** 1234567890123456.25 */
const TIE = 4938271560493825 / 4

const special = [
  0, -0, 1, -1, 0.1, 0.5, 1e15, 1e16, 1e17, 123456789012345680, 1e21, 1e22, 1e23, 5e-324, 1.7976931348623157e308,
]
special.push(1e-4, 1e-5, 0.00012345, 2 ** 53, 2 ** 53 + 2, 2 ** 63, 2 ** 64, 1 / 3, 2 / 3, 100, 1e100)
special.push(TIE, TIE + 0.5, TIE + 1, Infinity, -Infinity)

test('formatDouble prints what redis-server prints', { skip }, async () => {
  await using server = await startServer({
    family: 'redis',
    version: '7.0.15',
    config: { 'zset-max-listpack-entries': '0' },
  })
  const client = await server.connect()
  const values = [...special, ...samples(3000)]
  // Scores go in as the shortest form that gives the same double, so that only the printing is tested.
  const scores: string[] = []
  for (let i = 0; i < values.length; i += 500) {
    const part = values.slice(i, i + 500)
    const args = part.flatMap((value, k) => [
      Object.is(value, -0) ? '-0' : String(value).replace('Infinity', 'inf'),
      `m${i + k}`,
    ])
    await client.ok('ZADD', 'scores', ...args)
    scores.push(...((await client.ok('ZMSCORE', 'scores', ...part.map((_, k) => `m${i + k}`))) as string[]))
  }
  for (const [i, value] of values.entries()) assert.is(formatDouble(value), scores[i], String(value))
  await client.close()
})

test('formatDouble and parseDouble are inverse', () => {
  for (const value of [...special, ...samples(2000)]) assert.is(parseDouble(formatDouble(value)), value)
})

test('ties between two numbers of 17 digits go to the even one', () => {
  assert.is(formatDouble(TIE), '1234567890123456.2')
  assert.is(formatDouble(TIE + 0.5), '1234567890123456.8')
  assert.is(formatDouble(-TIE), '-1234567890123456.2')
})

const texts = [
  '',
  ' ',
  ' 1',
  '1 ',
  '1',
  '+1',
  '-1',
  '--1',
  '01',
  '00',
  '-0',
  '1.',
  '.5',
  '.',
  '-.5e1',
  '1e5',
  '1e',
  '1e+',
  '1E5',
]
texts.push(
  'e5',
  'inf',
  '-inf',
  '+inf',
  'INF',
  'Infinity',
  'infinit',
  '-infinity',
  'nan',
  '-nan',
  'nan(1)',
  '0x10',
  '0X1P3',
  '0x',
)
texts.push(
  '0x.8',
  '0x.p1',
  '0x1p',
  '0x1.8p1',
  '-0xap-1',
  '0x1p-1074',
  '0x1p-1075',
  '0x1.8p-1075',
  '0x1p1023',
  '0x1p1024',
  '1_000',
)
texts.push(
  '0x1fffffffffffff',
  '0x3fffffffffffff',
  '0x20000000000001',
  '0x20000000000003',
  '0x1.00000000000008p0',
  '0x1.00000000000018p0',
)
texts.push(
  '0x0.0000000000001p-1022',
  '0x0.00000000000008p-1022',
  '0x0.000000000000080000001p-1022',
  '0xep1',
  '0xe',
  '0x0e1',
)
texts.push(
  '1e400',
  '-1e400',
  '1e-400',
  '0e-400',
  '0e5',
  '5e-324',
  '2e-324',
  '3e-324',
  '1e308',
  '1.8e308',
  '0b1',
  '0o7',
  '1n',
  'abc',
)
texts.push(
  '1\t',
  '\t1',
  '\n1',
  '1\n',
  '9007199254740993',
  '9007199254740992.5',
  '0.1',
  '123456789012345678901234567890',
  '1,5',
  '٣',
)

test('parseDouble takes what redis-server takes', { skip }, async () => {
  await using server = await startServer({
    family: 'redis',
    version: '7.0.15',
    config: { 'zset-max-listpack-entries': '0' },
  })
  const client = await server.connect()
  for (const text of texts) {
    const reply = await client.call('ZADD', 'k', 'INCR', text, `member ${text}`)
    const value = parseDouble(text)
    const ours = value === undefined ? undefined : formatDouble(value)
    assert.is(ours, typeof reply === 'string' ? reply : undefined, JSON.stringify(text))
  }
  await client.close()
})

test('scanDouble says how much it took', () => {
  const cases: [text: string, value: number, length: number][] = [
    ['12abc', 12, 2],
    ['  1.5e3x', 1500, 7],
    ['0x', 0, 1],
    ['1e+', 1, 1],
    ['infinityx', Infinity, 8],
    ['-infx', -Infinity, 4],
    ['abc', 0, 0],
    ['', 0, 0],
    ['  ', 0, 0],
    ['1e400', Infinity, 5],
  ]
  for (const [text, value, length] of cases) assert.equal(scanDouble(text), { value, length }, text)
})

test.run()
