// Values as bytes and back: what each codec keeps, what clients are shown, and that every node gets what one has set.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Codec, ValueCodec } from '../src/codec.js'
import { StoreError } from '../src/errors.js'
import { Store } from '../src/store.js'
import { equal } from './sim/equal.js'
import { pair, World } from './sim/world.js'
import { suite } from './suite.js'

const test = suite('codec')

function codeOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error instanceof StoreError ? error.code : error
  }
  return 'nothing was thrown'
}

const samples: [title: string, value: unknown][] = [
  ['text', 'text'],
  ['empty text', ''],
  ['text above ASCII', 'ключ 🔑 \u2028'],
  ['text that looks like a number', '12'],
  ['text that starts as a tag does', '\u00c1HS\u0001'],
  ['an integer', 12],
  ['zero', 0],
  ['a fraction', 0.1],
  ['a large number', 1e300],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER],
  ['infinity', Number.NEGATIVE_INFINITY],
  ['not a number', Number.NaN],
  ['a bigint', 5n],
  ['a bigint of 64 bits', -(2n ** 63n)],
  ['a bigint of more than 64 bits', 2n ** 200n + 1n],
  ['a negative bigint of more than 64 bits', -(2n ** 100n)],
  ['true', true],
  ['false', false],
  ['null', null],
  ['undefined', undefined],
  ['a Date', new Date(1_700_000_000_123)],
  ['a Date before 1970', new Date(-1)],
  ['an object', { a: 1, b: { c: ['d', null] } }],
  ['an empty object', {}],
  ['an array', [1, 'two', [3, undefined]]],
  [
    'a Map',
    new Map<unknown, unknown>([
      ['a', 1],
      [2, new Map([[{ k: 1 }, 'v']])],
    ]),
  ],
  ['a Set', new Set([1, 'a', { b: 2 }])],
  ['a RegExp', /a\/b/gi],
  ['bytes', Buffer.from([0, 255, 128, 193, 72, 83, 1])],
  ['a Uint8Array', Uint8Array.of(1, 2, 3)],
  ['a Float64Array', Float64Array.of(0.5, -1e300)],
  ['an Int32Array', Int32Array.of(-1, 2 ** 31 - 1)],
  ['a BigInt64Array', BigInt64Array.of(-1n, 5n)],
  ['a Uint16Array', Uint16Array.of(1, 65535)],
  ['typed arrays inside', { a: Uint16Array.of(1, 2), list: [Buffer.from('x')] }],
  ['a long text', 'x'.repeat(100_000)],
]

/** Both sides of a comparison that sees types too. */
function assertSame(got: unknown, wanted: unknown, title: string): void {
  assert.is(typeof got, typeof wanted, title)
  if (typeof wanted !== 'object' || wanted === null) {
    assert.ok(Object.is(got, wanted), `${title}: ${String(got)} is not ${String(wanted)}`)
    return
  }
  // What msgpackr reads as bytes is a Buffer, which is a Uint8Array.
  const plainOf = (value: object): unknown => (value instanceof Uint8Array ? Uint8Array : value.constructor)
  assert.is(plainOf(got as object), plainOf(wanted), title)
  const shown = wanted instanceof Uint8Array ? Uint8Array.from(got as Uint8Array) : got
  assert.equal(shown, wanted instanceof Uint8Array ? Uint8Array.from(wanted) : wanted, title)
}

test('what one store sets every store gets, through the stream and through a snapshot, type and all', async () => {
  const { world, a, b } = await pair()
  for (const [title, value] of samples) a.set(title, value)
  await world.sim.settle()
  const c = await world.replica('c', 'b')
  for (const [title, value] of samples) {
    for (const node of [a, b, c]) assertSame(node.get(title), value, title)
  }
  equal(a, b, c)
  await world.close()
})

test('values made by fast-check survive, and are decoded once', async () => {
  // Maps and Sets are among the samples above: equality of those with equal objects as keys is ambiguous. msgpackr renames
  // an own key `__proto__`.
  const anything = fc.anything({
    key: fc.string().filter((key) => key !== '__proto__'),
    withBigInt: true,
    withDate: true,
    withTypedArray: false,
  })
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { maxLength: 20 }), async (values) => {
      const { world, a, b } = await pair()
      values.forEach((value, i) => {
        a.set(String(i), value)
      })
      await world.sim.settle()
      values.forEach((value, i) => {
        assert.equal(b.get(String(i)), value)
        assert.is(b.get(String(i)), b.get(String(i)))
      })
      equal(a, b)
      await world.close()
    }),
    { numRuns: 50, seed: 20261122 },
  )
})

test('cycles and what is held twice keep their shape', async () => {
  const { world, a, b } = await pair()
  const shared = { n: 1 }
  const loop: Record<string, unknown> = { one: shared, two: shared }
  loop.self = loop
  a.set('loop', loop)
  await world.sim.settle()
  const got = b.get('loop') as typeof loop
  assert.is(got.self, got)
  assert.is(got.one, got.two)
  assert.equal(got.one, { n: 1 })
  await world.close()
})

test('the bytes of a value depend on nothing but the value', () => {
  const codec = new ValueCodec()
  const before = samples.map(([, value]) => codec.encodeLatin1(value))
  for (let i = 0; i < 3000; i++) codec.encodeLatin1({ [`key${i}`]: i, [`other${i % 7}`]: { a: i, b: [{ c: 1 }] } })
  samples.forEach(([title, value], i) => {
    assert.is(codec.encodeLatin1(value), before[i], title)
  })
})

test('a string that has no UTF-8 form is the same bytes on every node', async () => {
  const { world, a, b } = await pair()
  const odd = ['\ud800', '\udcff', 'a\udc80b']
  odd.forEach((value, i) => {
    a.set(String(i), value)
  })
  await world.sim.settle()
  const wanted = [Buffer.of(0xed, 0xa0, 0x80), Buffer.of(0xff), Buffer.of(0x61, 0x80, 0x62)]
  wanted.forEach((bytes, i) => {
    for (const node of [a, b]) assert.equal(node.get(String(i)), bytes)
  })
  a.set('pair', '\udce2\udc82\udcac')
  assert.is(a.get('pair'), '€')
  await world.close()
})

test('what clients write is text if it is UTF-8, else bytes', () => {
  const store = new Store()
  store.call('SET', 'text', Buffer.from('grün'))
  store.call('SET', 'bytes', Buffer.of(0xff, 0x00))
  store.call('SET', 'number', 12)
  store.call('SETRANGE', 'padded', 2, 'x')
  assert.is(store.get('text'), 'grün')
  assert.equal(store.get('bytes'), Buffer.of(0xff, 0x00))
  assert.is(store.get('number'), '12')
  assert.is(store.get('padded'), '\0\0x')
})

test('clients are shown values as people want them', () => {
  const store = new Store()
  const shown: [value: unknown, wanted: unknown][] = [
    ['text', 'text'],
    [12, '12'],
    [-0.5, '-0.5'],
    [1e21, '1e+21'],
    [2n ** 100n, String(2n ** 100n)],
    [true, 'true'],
    [null, 'null'],
    [undefined, 'undefined'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [{ a: [1, { b: 'c' }] }, '{"a":[1,{"b":"c"}]}'],
    [new Map([['a', 1]]), '{"a":1}'],
    [new Set([1, 2]), '[1,2]'],
    [{ n: 5n }, '{"n":"5"}'],
    [Buffer.from('as text'), 'as text'],
    [Buffer.of(0xff, 1), Buffer.of(0xff, 1)],
  ]
  for (const [value, wanted] of shown) {
    store.set('k', value)
    assert.equal(store.call('GET', 'k'), wanted, String(wanted))
    assert.is(store.call('OBJECT', 'ENCODING', 'k') === 'msgpack', typeof value !== 'string')
    const bytes = Buffer.isBuffer(wanted) ? wanted.length : Buffer.byteLength(String(wanted))
    assert.is(store.call('STRLEN', 'k'), bytes)
  }
})

test('a value that JSON cannot show does not break a reader', () => {
  const store = new Store()
  const loop: Record<string, unknown> = { a: 1 }
  loop.self = loop
  store.set('loop', loop)
  store.call('GET', 'loop')
  store.call('STRLEN', 'loop')
  const bytes = Buffer.from('\xc1HS\x01\xc1damaged', 'latin1')
  store.call('SET', 'damaged', bytes)
  assert.equal(store.call('GET', 'damaged'), bytes)
  assert.is(
    codeOf(() => store.get('damaged')),
    'CODEC',
  )
})

test('a command that changes a tagged value leaves the same on every node', async () => {
  const { world, a, b } = await pair()
  a.set('n', 41, { ttl: 1e6 }).set('f', 0.5)
  a.call('INCR', 'n')
  a.call('INCRBYFLOAT', 'f', '0.25')
  a.set('o', { a: 1 })
  a.call('APPEND', 'o', '!')
  await world.sim.settle()
  assert.equal([b.get('n'), b.get('f'), b.get('o')], ['42', '0.75', '{"a":1}!'])
  assert.is(b.ttl('n'), 1e6)
  equal(a, b)
  await world.close()
})

test('a value that has no bytes is refused while somebody wants them, and nothing is changed', async () => {
  const { world, a, b } = await pair()
  a.set('k', 'old')
  assert.is(
    codeOf(() => a.set('k', { inner: Symbol('no bytes') })),
    'CODEC',
  )
  assert.is(a.get('k'), 'old')
  await world.sim.settle()
  equal(a, b)
  await world.close()
})

test('in a bounded store a value that has no bytes is refused and nothing is changed', () => {
  const store = new Store({ max: 10 })
  store.set('k', 'old')
  for (const key of ['k', 'new']) {
    assert.is(
      codeOf(() => store.set(key, { inner: Symbol('no bytes') })),
      'CODEC',
    )
  }
  assert.equal([...store], [['k', 'old']])
})

// Other codecs

test("json keeps JSON, reads others' JSON, and says what is none", () => {
  const store = new Store({ codec: 'json' })
  store.set('k', { a: [1, null, 'x'] })
  assert.is(store.call('GET', 'k'), '{"a":[1,null,"x"]}')
  store.call('SET', 'own', '{"b":2}')
  assert.equal(store.get('own'), { b: 2 })
  assert.is(store.get('own'), store.get('own'), 'decoded once')
  store.set('text', 'x')
  assert.is(store.call('GET', 'text'), '"x"')
  store.call('SET', 'none', 'not json')
  assert.is(
    codeOf(() => store.get('none')),
    'CODEC',
  )
  store.engine.stream.open(1000)
  assert.is(
    codeOf(() => store.set('u', undefined)),
    'CODEC',
  )
})

test('string keeps text alone', async () => {
  await using world = new World()
  const a = await world.node('a', { codec: 'string' })
  a.set('k', 'v').set('odd', '\ud800')
  assert.is(a.get('k'), 'v')
  const b = await world.replica('b', 'a', { codec: 'string' })
  a.set('n', 5)
  await world.sim.settle()
  assert.is(a.call('GET', 'n'), '5')
  assert.is(b.get('n'), '5')
  assert.is(b.get('odd'), a.get('odd'))
  a.call('SET', 'raw', Buffer.of(0xff))
  assert.is(a.get('raw'), '\ufffd')
})

test('bytes gives Buffers and takes Buffers or strings', () => {
  const store = new Store({ codec: 'bytes' })
  store.set('k', Buffer.of(1, 255)).set('t', 'text')
  assert.equal(store.call('GET', 'k'), Buffer.of(1, 255))
  assert.is(store.call('GET', 't'), 'text')
  store.call('SET', 'u', 'ü')
  assert.equal(store.get('u'), Buffer.from('ü'))
  store.engine.stream.open(1000)
  assert.is(
    codeOf(() => store.set('n', 1)),
    'CODEC',
  )
})

test("one's own codec is asked once for each direction, and its errors keep their cause", async () => {
  const asked: string[] = []
  const own: Codec<number> = {
    encode: (value) => {
      asked.push(`encode ${value}`)
      return value.toString(36)
    },
    decode: (bytes) => {
      asked.push(`decode ${bytes}`)
      if (bytes.toString() === '!') throw new RangeError('no number')
      return Number.parseInt(bytes.toString(), 36)
    },
  }
  const store = new Store<number>({ codec: own })
  store.set('k', 35)
  assert.is(store.get('k'), 35)
  assert.equal(asked, [])
  assert.is(store.call('GET', 'k'), 'z')
  assert.is(store.call('GET', 'k'), 'z')
  store.call('SET', 'l', '10', 'PX', 1000)
  assert.equal([...store.values(), store.get('l')], [35, 36, 36])
  assert.equal(asked, ['encode 35', 'decode 10'])
  store.call('SET', 'bad', '!')
  try {
    store.get('bad')
    assert.unreachable('it was decoded')
  } catch (error) {
    assert.is((error as StoreError).code, 'CODEC')
    assert.instance((error as StoreError).cause, RangeError)
  }
  assert.is(
    codeOf(() => new Store({ codec: 'xml' as 'json' })),
    'INVALID',
  )
})

test('reading under a codec that decodes is no change', async () => {
  await using world = new World()
  const a = await world.node('a', { codec: 'json' })
  const b = await world.replica('b', 'a', { codec: 'json' })
  let told = 0
  b.on('set', () => told++)
  a.set('k', [1], { ttl: 1000 }).set('l', [2])
  await world.sim.settle()
  const before = b.status().offset
  assert.equal(
    [...b],
    [
      ['k', [1]],
      ['l', [2]],
    ],
  )
  assert.equal([b.ttl('k'), told, b.status().offset], [1000, 2, before])
  const walk = a.entries()
  walk.next()
  a.clear()
  assert.ok(walk.next().done)
  assert.is(a.size, 0)
  equal(a, await world.replica('c', 'a', { codec: 'json' }))
})

test.run()
