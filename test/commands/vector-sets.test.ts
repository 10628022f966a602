// Vector sets: the replies of a real redis-server 8.6.3, and the same data in the end.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { type Argument, RawClient } from '../client.js'
import { missingPeer, type PeerServer, startServer } from '../peers.js'
import { streamOf, World } from '../sim/world.js'
import { suite } from '../suite.js'
import { Both, type Request } from './both.js'
import { commandLines } from './cases.js'

const test = suite('vector sets')
const skip = missingPeer('redis', '8.6.3')

let real: PeerServer
let ours: Store
let both: Both
let port: number

test.before(async () => {
  if (skip !== undefined) return
  const config = { 'enable-debug-command': 'yes' }
  real = await startServer({ family: 'redis', version: '8.6.3', config })
  ours = new Store({ config })
  port = (await ours.listen({ port: 0 })).port!
  both = new Both(await RawClient.connect({ port }), await RawClient.connect({ port: real.port }))
})
test.after(async () => {
  await both?.close()
  await ours?.close()
  await real?.stop()
})

/** Modules name their commands in upper case where others do not. */
function withoutCase(reply: string): string {
  return withoutDigits(reply.replace(/'V[A-Z]+'/g, (name) => name.toLowerCase()))
}

/** Of two shortest forms that are equally near Redis may print either one. */
function withoutDigits(reply: string): string {
  return reply.replace(
    /\$\d+\r\n(-?\d+\.[-+.e\d]+)\r\n|,(-?\d+\.[-+.e\d]+)/g,
    (_, bulk, double) => `number ${Number(bulk ?? double)} `,
  )
}

async function same(text: string): Promise<void> {
  await both.same(['FLUSHALL', ...commandLines(text)], withoutCase)
}

/** Numbers that look random, between -1 and 1, and some that are 0. */
function numbers(count: number, seed: number): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return state % 11 === 0 ? 0 : (state / 0x4000_0000 - 1) * (state % 7)
  })
}

function floats(values: readonly number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer)
}

test('elements with vectors, numbers or bytes', { skip }, () =>
  same(String.raw`
    VADD v VALUES 3 1 2 3 a; VADD v VALUES 3 1 2 3 a; VADD v VALUES 3 3 2 1 a; VEMB v a; VEMB v a RAW; VADD v VALUES 3 0 0 0 z
    VEMB v z; VEMB v z raw; VADD v VALUES 3 0x10 -1e-9 1 q; VEMB v q; VADD v VALUES 3 inf 1 2 i; VEMB v i; VCARD v; VDIM v
    VADD v FP32 "\x00\x00\x80?\x00\x00\x00@\x00\x00\xc0?" b; VEMB v b; VEMB v b RAW; VEMB v none; VEMB none a; VEMB v a foo; VEMB v
    VADD f VALUES 3 1e10 1e-9 123456 q NOQUANT; VEMB f q; VEMB f q RAW; VADD b VALUES 4 1 -1 0 0.5 q BIN; VEMB b q; VEMB b q RAW
    VADD m VALUES 2 1 2 a M 20; VADD m VALUES 2 1 2 b; VADD m VALUES 2 1 2 b M 20; VCARD m; TYPE v; OBJECT ENCODING v; SCAN 0 COUNT 1000 TYPE list; VISMEMBER v a
    VISMEMBER v none; VISMEMBER none a; VCARD none; VDIM none; EXISTS v; VREM v a; VREM v a; VREM none a; VREM b q; EXISTS b`),
)

test('vectors that do not fit, and options that do not exist', { skip }, () =>
  same(String.raw`
    VADD v VALUES 3 1 2 3 a; VADD v VALUES 2 1 2 a; VADD v VALUES 3 1 2 3 a BIN; VADD v VALUES 3 1 2 3 a NOQUANT; VADD v VALUES 3 1 2 3 a M 20
    VADD v VALUES 3 1 2 3 a M 3; VADD v VALUES 3 1 2 3 a M 4097; VADD v VALUES 3 1 2 3 a M x; VADD v VALUES 3 1 2 3 a EF 0
    VADD v VALUES 3 1 2 3 a EF 1000001; VADD v VALUES 3 1 2 3 a EF 10; VADD v VALUES 3 1 2 3; VADD v VALUES 3 1 2; VADD v VALUES 0 a b
    VADD v FP32 abc a; VADD v FP32 "" a; VADD v VALUES 3 1 2 nan q; VADD v VALUES 3 1 2 1e400 q; VADD v VALUES 70000 a b; VADD v XX 3 a b
    VADD v VALUES 3 1 2 3 a SETATTR; VADD v VALUES 3 1 2 3 a EF; VADD v VALUES 3 1 2 3 a foo; VADD v a b; vadd v; VADD v REDUCE 2 VALUES 3 1 2 3 a
    VADD v VALUES x 1 2 a; VADD v VALUES -1 1 2 a; SET s x; VADD s VALUES 1 1 a; VREM s a; VSETATTR s a x; VGETATTR s a; VCARD s; VDIM s
    VEMB s a; VEMB s a foo; VISMEMBER s a; VINFO s; VRANDMEMBER s; VRANDMEMBER s x; VRANGE s - +; VRANGE s x y; VRANGE s - + x; VSIM s ELE a; GET v; HGET v a`),
)

test('a projection', { skip }, () =>
  same(String.raw`
    VADD r REDUCE 2 VALUES 4 1 2 3 4 a; VEMB r a; VEMB r a RAW; VADD r VALUES 4 1 2 3 4 b; VADD r REDUCE 3 VALUES 4 1 2 3 4 b; VDIM r
    VADD r REDUCE 2 VALUES 2 1 2 b; VADD r REDUCE 2 VALUES 4 -1 2 -3 5 b; VADD r5 REDUCE 5 VALUES 2 1 2 b; VADD r REDUCE x VALUES 4 1 2 3 4 b
    VADD r REDUCE 0 VALUES 4 1 2 3 4 b; VSIM r VALUES 4 1 2 3 4 WITHSCORES; VSIM r VALUES 2 1 2 WITHSCORES; VSIM r VALUES 3 1 2 3; VSIM r ELE b
    VADD q REDUCE 3 VALUES 5 1 -2 3 -4 5 a NOQUANT; VEMB q a RAW; VADD q REDUCE 3 VALUES 5 1 -2 3 4 5 b NOQUANT; VEMB q b RAW; VSIM q REDUCE 3 VALUES 5 1 2 3 4 5`),
)

test('attributes', { skip }, () =>
  same(String.raw`
    VADD v VALUES 2 1 2 a SETATTR "{\"x\":1}"; VGETATTR v a; VADD v VALUES 2 1 3 a; VGETATTR v a; VADD v VALUES 2 1 3 a SETATTR y; VGETATTR v a
    VADD v VALUES 2 1 2 a SETATTR ""; VGETATTR v a; VSETATTR v a x; VSETATTR v a x; VGETATTR v a; VSETATTR v none x; VSETATTR none a x; VSETATTR v a
    VADD v VALUES 2 1 2 b; VSIM v ELE a WITHATTRIBS WITHSCORES TRUTH; VSETATTR v a ""; VGETATTR v a; VGETATTR v none; VGETATTR none a; VSIM v ELE a WITHATTRIBS TRUTH`),
)

test('a range of names', { skip }, async () => {
  const names = ['pear', 'apple', 'fig', 'apricot', 'Zebra', '', 'x\u0000y', '\u{1f600}', '\uff5e', 'kiwi']
  await both.same(['FLUSHALL', ...names.map((name): Request => ['VADD', 'v', 'VALUES', 2, 1, 2, name])])
  await both.same(
    commandLines(String.raw`
      VRANGE v - +; VRANGE v + -; VRANGE v - + 3; VRANGE v [apple [fig; VRANGE v (apple (fig; VRANGE v [app [apr; VRANGE v [fig [fig
      VRANGE v (fig (fig; VRANGE v [fig [apple; VRANGE v - (fig; VRANGE v (fig + 2; VRANGE v - + 0; VRANGE v - + -1; VRANGE v - + -5; VRANGE none - +; VRANGE v + +; VRANGE v [a -; VRANGE v + x; VRANGE v + - x
      VRANGE v x +; VRANGE v - x; VRANGE v "" +; VRANGE v - + x; VRANGE v - + 1 2; VRANGE v -; VRANGE v -- +; VRANGE v [ +; VRANGE v - [; VRANGE v ( +`),
    withoutCase,
  )
})

test('what is not in any order', { skip }, () =>
  same(String.raw`
    VRANDMEMBER none; VRANDMEMBER none 3; VRANDMEMBER none 0; VADD v VALUES 2 1 2 a; VRANDMEMBER v; VRANDMEMBER v 5; VRANDMEMBER v -3
    VRANDMEMBER v 0; VRANDMEMBER v x; VRANDMEMBER v 1 2; VINFO none`),
)

test('VINFO', { skip }, async () => {
  await both.same(
    [
      'FLUSHALL',
      'VADD v REDUCE 2 VALUES 3 1 2 3 a M 5 NOQUANT SETATTR x',
      'VADD v REDUCE 2 VALUES 3 1 2 3 b M 5 NOQUANT',
      'VREM v b',
    ].map((line) => line.split(' ')),
  )
  await both.same(['VINFO v'], (reply) => reply.replace(/(max-level|vset-uid)\r\n:\d+/g, '$1'))
})

test('VSIM finds what is nearest', { skip }, () =>
  same(String.raw`
    VSIM none ELE a; VADD v VALUES 3 1 0 0 a; VADD v VALUES 3 0 1 0 b; VADD v VALUES 3 1 1 0 c; VADD v VALUES 3 -1 0 0.1 d; VADD v VALUES 3 0 0.2 1 e
    VSIM v ELE a TRUTH; VSIM v ELE a WITHSCORES TRUTH; VSIM v VALUES 3 1 2 3 WITHSCORES TRUTH; VSIM v ELE a COUNT 2; VSIM v ELE a COUNT 100 WITHSCORES EPSILON 0.3
    VSIM v ELE a EPSILON 0.3 TRUTH NOTHREAD EF 10 FILTER-EF 10; VSIM v ELE none; VSIM v VALUES 2 1 2; VSIM v VALUES 3 1 2 3 COUNT 0; VSIM v ELE a COUNT x
    VSIM v ELE a EPSILON 0; VSIM v ELE a EPSILON -1; VSIM v ELE a EPSILON x; VSIM v ELE a EF 0; VSIM v ELE a FILTER-EF 0; VSIM v ELE a FILTER; VSIM v ELE a COUNT
    VSIM v ELE a bogus; VSIM v BOGUS 3; VSIM v FP32 3; VSIM v ELE; VSIM v; VADD z VALUES 2 0 0 a; VADD z VALUES 2 1 0 b; VSIM z ELE b WITHSCORES
    VADD b VALUES 5 1 1 1 1 1 a BIN; VADD b VALUES 5 1 1 1 1 -1 b BIN; VADD b VALUES 5 -1 -1 -1 1 -1 c BIN; VSIM b ELE a WITHSCORES TRUTH; VSIM b VALUES 5 -1 1 -1 -1 -1 WITHSCORES TRUTH`),
)

test('in RESP3', { skip }, async () => {
  const connect = (to: number): Promise<RawClient> => RawClient.connect({ port: to })
  const three = new Both(await connect(port), await connect(real.port))
  for (const client of [three.ours, three.real]) await client.callRaw('HELLO', '3')
  try {
    await three.same(
      [
        'FLUSHALL',
        ...commandLines(String.raw`
          VADD v VALUES 2 1 2 a SETATTR x; VADD v VALUES 2 2 1 b; VADD v VALUES 2 2 1 b; VSETATTR v a y; VISMEMBER v a; VISMEMBER v z; VEMB v a; VEMB v a RAW
          VEMB v z; VGETATTR v z; VRANDMEMBER none; VSIM v ELE a TRUTH; VSIM v ELE a WITHSCORES TRUTH; VSIM v ELE a WITHATTRIBS TRUTH; VSIM v ELE a WITHSCORES WITHATTRIBS TRUTH
          VSIM none ELE a WITHSCORES; VINFO none; VREM v b; VREM v b; VRANGE v - +`),
      ],
      withoutCase,
    )
  } finally {
    await three.close()
  }
})

for (const [quantization, name] of [
  [[], 'Q8'],
  [['NOQUANT'], 'NOQUANT'],
  [['BIN'], 'BIN'],
] as const) {
  test(`${name}: the same bytes, norms and digests of many vectors`, { skip }, async () => {
    await both.same(['FLUSHALL'])
    const dims = [1, 2, 3, 4, 5, 7, 8, 31, 64, 65, 130]
    for (const dim of dims) {
      for (let i = 0; i < 20; i++) {
        const given = floats(numbers(dim, dim * 100 + i).map((value) => value * 10 ** ((i % 5) - 2)))
        const argv: Argument[] = ['VADD', `v${dim}`, 'FP32', given, `e${i}`, ...quantization]
        await both.same([argv, ['VEMB', `v${dim}`, `e${i}`, 'RAW'], ['VEMB', `v${dim}`, `e${i}`]], withoutDigits)
      }
      await both.same(
        [['VSIM', `v${dim}`, 'FP32', floats(numbers(dim, 7)), 'WITHSCORES', 'TRUTH', 'COUNT', 100]],
        scores,
      )
    }
    await both.same(['VSETATTR v64 e1 {"a":1}', 'VREM v65 e2', ['DEBUG', 'DIGEST']])
  })
}

/** Of equally near elements any may come first. Redis adds up in another order where the processor is faster that way. */
function scores(reply: string): string {
  const parts = reply.split('\r\n').filter((part) => !/^[*$]/.test(part))
  return parts.flatMap((part, i) => (i % 2 === 1 ? [Number(part).toFixed(5)] : [])).join(' ')
}

test('what is refused here', () => {
  const store = new Store()
  store.call('VADD', 'v', 'VALUES', '1', '1', 'a')
  assert.throws(() => store.call('VSIM', 'v', 'ELE', 'a', 'FILTER', '.x > 1'), /FILTER is not supported/)
  assert.throws(() => store.call('VLINKS', 'v', 'a'), /VLINKS is not supported/)
  return store.close()
})

test('what is streamed: each change as it was asked for, and nothing else', async () => {
  await using world = new World()
  const store = await world.node('a')
  const lines = [
    'VADD v VALUES 2 1 2 a',
    'VADD v VALUES 2 1 2 b CAS',
    'VADD v VALUES 2 2 1 a SETATTR x',
    'VSETATTR v a y',
    'VREM v a',
    'VREM v b',
  ]
  const idle = ['VREM v a', 'VSETATTR v a x', 'VEMB v a', 'VRANDMEMBER v']
  const streamed = streamOf(store, () => {
    for (const line of [...lines, ...idle]) store.call(...(line.split(' ') as [string]))
  })
  assert.equal(streamed.slice(1), lines)
})

test.run()
