// Text, latin1 and Buffers: every byte string survives the trip.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import {
  argOfBuffer,
  argOfLatin1,
  Binary,
  bufferOf,
  compareText,
  keyText,
  latin1Of,
  latin1OfArg,
  textOf,
  textOfArg,
  textOfLatin1,
} from '../src/bytes.js'
import { suite } from './suite.js'

const SEED = 20261122

const bytes = suite('text and bytes')
const someBytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 60 }),
    // Nearly UTF-8: whole and cut sequences, overlong ones, surrogates, and beyond U+10FFFF.
    fc
      .array(
        fc.constantFrom(
          '61',
          'c3a4',
          'e282ac',
          'f09f9880',
          'c3',
          'e282',
          'f09f98',
          '80',
          'c080',
          'eda080',
          'edb080',
          'f4908080',
          'ff',
        ),
        { maxLength: 12 },
      )
      .map((parts) => new Uint8Array(Buffer.from(parts.join(''), 'hex'))),
  )
  .map((array) => Buffer.from(array))
const anyString = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc
    .array(fc.constantFrom('a', 'ä', '€', '\u{1f600}', '\ud83d', '\ude00', '\udc80', '\udcff', '\udc7f', '\udd00'), {
      maxLength: 12,
    })
    .map((units) => units.join('')),
)
const runs = { seed: SEED, numRuns: 2000 }

bytes('any bytes become text and come back', () => {
  fc.assert(
    fc.property(someBytes, (some) => {
      const text = textOf(some)
      const form = some.toString('latin1')
      assert.ok(bufferOf(text).equals(some))
      assert.is(latin1Of(text), form)
      assert.is(textOfLatin1(form), text)
      assert.is(keyText(text), text, 'already what a key is')
      assert.is(latin1OfArg(argOfBuffer(some)), form)
      assert.is(latin1OfArg(argOfLatin1(form)), form)
      assert.is(textOfArg(argOfLatin1(form)), text)
      assert.is(argOfBuffer(some) instanceof Binary, !text.isWellFormed())
    }),
    runs,
  )
})

bytes('UTF-8 is its own text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.is(textOf(Buffer.from(text)), text)
      assert.ok(bufferOf(text).equals(Buffer.from(text)))
    }),
    runs,
  )
})

bytes('any string of a caller becomes one text with one encoding', () => {
  fc.assert(
    fc.property(anyString, (given) => {
      const key = keyText(given)
      assert.is(keyText(key), key)
      assert.is(textOf(bufferOf(key)), key)
      if (given.isWellFormed()) assert.is(key, given)
    }),
    runs,
  )
})

bytes('two byte strings have the same text only if they are the same', () => {
  fc.assert(
    fc.property(someBytes, someBytes, (a, b) => {
      assert.is(textOf(a) === textOf(b), a.equals(b))
    }),
    runs,
  )
})

bytes('texts are ordered as their bytes are', () => {
  fc.assert(
    fc.property(someBytes, someBytes, (a, b) => {
      assert.is(Math.sign(compareText(textOf(a), textOf(b))), Math.sign(Buffer.compare(a, b)))
    }),
    runs,
  )
})

bytes('a slice of a buffer is copied', () => {
  const buffer = Buffer.from('abcdefghijklmnopqrstuvwxyz')
  const arg = argOfBuffer(buffer, 2, 20)
  const binary = argOfBuffer(Buffer.of(1, 0xff, 2), 1, 2)
  buffer.fill(0)
  assert.is(arg, 'cdefghijklmnopqrst')
  assert.is(latin1OfArg(binary), '\xff')
})

bytes.run()
