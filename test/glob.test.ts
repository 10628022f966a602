// Glob patterns: by hand, at their worst, and against what KEYS of a real server finds.

import * as assert from 'uvu/assert'
import { textOfLatin1 } from '../src/bytes.js'
import { globMatch } from '../src/glob.js'
import { missingPeer, startServer } from './peers.js'
import { suite } from './suite.js'

const test = suite('glob')

const matching: [pattern: string, text: string][] = [
  ['', ''],
  ['abc', 'abc'],
  ['*', 'abc'],
  ['**', 'abc'],
  ['a*', 'a'],
  ['a***', 'a'],
  ['*c', 'abc'],
  ['a*b*c', 'axxbxbyyc'],
  ['a?c', 'abc'],
  ['a[bx]c', 'abc'],
  ['a[^x]c', 'abc'],
  ['a[a-c]c', 'abc'],
  ['a[c-a]c', 'abc'],
  ['a[^]c', 'abc'],
  ['a\\*c', 'a*c'],
  ['a[\\]]c', 'a]c'],
  ['a[\\\\-]c', 'a-c'],
  ['\\', '\\'],
  ['[abc', 'c'],
  ['[a-', '-'],
  ['[a-]', ']'],
  ['??', 'é'],
  ['*é*', 'caféine'],
  ['[é][é]', 'é'],
  ['????', '\u{1f600}'],
  ['?', '\udcff'],
]

const different: [pattern: string, text: string][] = [
  ['', 'a'],
  ['a', ''],
  ['*', ''],
  ['**', ''],
  ['abc', 'ABC'],
  ['a?c', 'ac'],
  ['a*c', 'acb'],
  ['a[^b]c', 'abc'],
  ['[', '['],
  ['[]', 'a'],
  ['[^', 'bb'],
  ['?', 'é'],
  ['a[a-c]', 'ad'],
  ['[\\', '['],
  ['*a', 'b'],
]

for (const [pattern, text] of matching)
  test(`'${pattern}' matches '${text}'`, () => {
    assert.ok(globMatch(pattern, text))
  })

for (const [pattern, text] of different)
  test(`'${pattern}' does not match '${text}'`, () => {
    assert.not(globMatch(pattern, text))
  })

test('case is ignored on demand, but for escapes in classes', () => {
  assert.ok(globMatch('SLAVE-?[A-Z]*', 'slave-priority', true))
  assert.ok(globMatch('[P]', 'p', true))
  assert.not(globMatch('[\\P]', 'p', true))
  assert.not(globMatch('É', 'é', true))
})

test('many stars take no exponential time and no stack', { limitMs: 5_000 }, () => {
  const text = 'a'.repeat(20_000)
  assert.not(globMatch(`${'a*'.repeat(40)}b`, text))
  assert.not(globMatch(`${'*a'.repeat(10_000)}*b`, text))
  assert.ok(globMatch('*a'.repeat(20_000), text))
})

/** The same numbers every time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const skip = missingPeer('redis', '7.0.15')

test('finds what KEYS of redis-server 7.0.15 finds', { skip }, async () => {
  await using server = await startServer({ family: 'redis', version: '7.0.15' })
  const client = await server.connect({ bulk: 'latin1' })
  const random = seeded(7)
  const string = (alphabet: string, longest: number): string =>
    Array.from(
      { length: Math.floor(random() * (longest + 1)) },
      () => alphabet[Math.floor(random() * alphabet.length)],
    ).join('')
  const keys = new Set(Array.from({ length: 300 }, () => string('aabbcA-]^[\\*?\x80\xc3\xa9\xff', 5)))
  for (const key of keys) await client.ok('SET', Buffer.from(key, 'latin1'), 'v')
  let found = 0
  for (let i = 0; i < 1500; i++) {
    const pattern = string('aabbc**??[[]]^--\\A\x80\xc3\xa9\xff', 9)
    if (pattern === '*') continue
    const real = (await client.ok('KEYS', Buffer.from(pattern, 'latin1'))) as string[]
    const ours = [...keys].filter((key) => globMatch(textOfLatin1(pattern), textOfLatin1(key)))
    assert.equal(ours.sort(), real.sort(), JSON.stringify(pattern))
    found += real.length
  }
  assert.ok(found > 1000, `only ${found} matches`)
  await client.close()
})

test.run()
