// A Map of V8 ends at 2^24 entries and throws RangeError. Nobody fills one here: a key stands for the one that is too many.

import * as assert from 'uvu/assert'
import { ReplyError } from '../src/errors.js'
import { Store } from '../src/store.js'
import { suite } from './suite.js'

const test = suite('map limit')

const ONE_TOO_MANY = 'one too many'

/** While `work` runs, every Map is full for that key. */
function withFullMaps(work: () => void): void {
  const { set } = Map.prototype
  Map.prototype.set = function (this: Map<unknown, unknown>, key: unknown, value: unknown) {
    if (key === ONE_TOO_MANY && !this.has(key)) throw new RangeError('Map maximum size exceeded')
    return set.call(this, key, value)
  }
  try {
    work()
  } finally {
    Map.prototype.set = set
  }
}

for (const [type, adding, sizing] of [
  ['set', (member: string) => ['SADD', 'key', member], 'SCARD'],
  ['hash', (field: string) => ['HSET', 'key', field, 'v'], 'HLEN'],
  ['sorted set', (member: string) => ['ZADD', 'key', '1', member], 'ZCARD'],
] as const) {
  test(`an element too many for a ${type} is an error, and the ${type} is what it was`, () => {
    const store = new Store()
    const call = (argv: string[]): unknown => store.call(...(argv as [string, ...string[]]))
    call(adding('a'))
    withFullMaps(() => {
      assert.throws(
        () => call(adding(ONE_TOO_MANY)),
        (error: unknown) => error instanceof ReplyError && error.code === 'OOM',
      )
      assert.is(call([sizing, 'key']), 1)
      call(adding('b'))
      assert.is(call([sizing, 'key']), 2)
    })
    call(adding(ONE_TOO_MANY))
    assert.is(call([sizing, 'key']), 3)
  })
}

test('a keyspace takes more keys than a Map does', () => {
  const store = new Store<number>()
  for (let i = 0; i < 140_000; i++) store.set(`k${i}`, i)
  withFullMaps(() => store.set(ONE_TOO_MANY, 1))
  assert.is(store.size, 140_001)
  assert.is(store.get(ONE_TOO_MANY), 1)
  store.delete('k0')
  assert.is([...store.keys()].at(-1), ONE_TOO_MANY)
})

test.run()
