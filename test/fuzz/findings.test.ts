// What fuzzing found, each as the smallest input that showed it, run by the target that found it; and what it led to,
// which no input of a target's size can show.

import * as assert from 'uvu/assert'
import { Binary, latin1OfArg } from '../../src/bytes.js'
import { shownValue } from '../../src/codec.js'
import { parseConfigText } from '../../src/config/config.js'
import { Applier } from '../../src/engine/applier.js'
import { StoreError } from '../../src/errors.js'
import { encodeCommand } from '../../src/protocol/parser.js'
import { AnswerParser } from '../../src/protocol/replies.js'
import { suite } from '../suite.js'
import { GREETING, smallSnapshot } from './targets/primary.js'
import { targetOf } from './targets.js'

const test = suite('fuzz: findings')

interface Finding {
  target: string
  /** What was wrong. */
  was: string
  /** One byte a character. */
  input: string
}

const SNAPSHOT = smallSnapshot()
const GETACK = encodeCommand(['REPLCONF', 'GETACK', '*'])

const findings: readonly Finding[] = [
  {
    target: 'address',
    was: 'a percent sign before what is no UTF-8 threw URIError, not StoreError INVALID',
    input: 'unix:%:',
  },
  {
    target: 'address',
    was: 'the same in a password',
    input: 'redis://u:%ff@h',
  },
  {
    target: 'ports',
    was: 'more bytes acknowledged than were sent opened the window for ever: pendingBytes fell below zero',
    input: '\xc8\x00\x01\x01\xc9\x09\x02\x01\x03\x01',
  },
  {
    target: 'ports',
    was: 'data that are no bytes threw TypeError in the listener of the channel, which ends the process',
    input: '\x00\x00\x0c\x27',
  },
  {
    target: 'payload',
    was: 'a stream that remembers messages for 2^64 seconds was taken, and then no snapshot with it could be written',
    input: Buffer.from('GgAAAAAADwACAQCB//////////8BAQtAZQGBAAAAAAAPAAIAAQEJQMoBgQAAAQAAAAADNw0A', 'base64').toString(
      'latin1',
    ),
  },
  {
    target: 'primary',
    was: 'the id behind +CONTINUE was taken whatever its characters were, and shown in INFO and given to our replicas',
    input: Buffer.from(
      'KworCksKKwpLCitGVUxMUkVTWU5DIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWEgMAokNDMKUkVESVMwMDA5/gD7AgAA' +
        'A25ldwV2YWx1ZQAFb3RoZXLADP8zlXIhCaz8XAp+fgorCisKSworCksKK0NPTlRJTlVFYmJiYg5iYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYm' +
        'JSRVBMQ09ORgo=',
      'base64',
    ).toString('latin1'),
  },
  {
    target: 'primary',
    was: 'each +OK hotspare was answered with another question: a primary that never reads filled our memory six times as fast as it sent',
    input: `+PONG\r\n${'+OK hotspare\r\n'.repeat(600)}`,
  },
  {
    target: 'primary',
    was: 'each GETACK was answered, also when the answers did not leave: they are one now',
    input: `${GREETING}+FULLRESYNC ${'a'.repeat(40)} 0\r\n$${SNAPSHOT.length}\r\n${SNAPSHOT}${GETACK.repeat(200)}`,
  },
]

for (const { target, was, input } of findings) {
  test(`${target}: ${was}`, async () => {
    await targetOf(target).run(Buffer.from(input, 'latin1'))
  })
}

/** Calls `work` and fails when it takes longer. */
function within(ms: number, work: () => void): void {
  const begin = performance.now()
  work()
  const took = performance.now() - begin
  assert.ok(took < ms, `${took} ms`)
}

/** A list whose last element stands ten times in the one before, and so on. */
function nested(levels: number): string {
  const id = (number: number): string => `\xd6\x69\0\0\0${String.fromCharCode(number)}`
  const pointer = (number: number): string => `\xd6\x70\0\0\0${String.fromCharCode(number)}`
  let text = `\xc1HS\x01${String.fromCharCode(0x90 + levels + 1)}${id(0)}\x91\xa1x`
  for (let level = 1; level <= levels; level++) text += `${id(level)}\x9a${pointer(level - 1).repeat(10)}`
  return text
}

test('codec: 700 bytes whose parts stand in one another were a GET that never ended', () => {
  const latin1 = nested(10)
  within(2000, () => assert.is(latin1OfArg(shownValue(new Binary(latin1))), latin1, 'its bytes are shown'))
  assert.match(latin1OfArg(shownValue(new Binary(nested(3)))), /^\[\["x"\],\[/, 'a value of some size is shown as JSON')
})

test('codec: to show a number of a million bits as decimals took seconds', () => {
  // A bigint of MessagePack, extension 0x42.
  const bytes = 1 << 20
  const latin1 = `\xc1HS\x01\xc9\0\x10\0\0B${'\x01'.repeat(bytes)}`
  within(500, () => assert.is(latin1OfArg(shownValue(new Binary(latin1))), latin1))
})

test('answers: an array that came in pieces was read from its start for each of them', () => {
  const parser = new AnswerParser(64 * 1024 * 1024)
  const elements = 200_000
  const bytes = Buffer.from(`*${elements}\r\n${':1\r\n'.repeat(elements)}`)
  within(3000, () => {
    for (let at = 0; at < bytes.length; at += 64) {
      parser.feed(bytes.subarray(at, at + 64))
      const answer = parser.next()
      if (answer === undefined) continue
      assert.ok(Array.isArray(answer) && answer.length === elements)
      assert.ok(at + 64 >= bytes.length)
    }
  })
})

test('answers: the limit holds for all of an answer, its parts that were read included', () => {
  const parser = new AnswerParser(1000)
  assert.throws(() => {
    parser.feed(Buffer.from('*1000\r\n'))
    for (let i = 0; i < 1000; i++) {
      parser.feed(Buffer.from(':1\r\n'))
      parser.next()
    }
  }, /an answer of more than 1000 bytes/)
})

test('stream: a value in many small pieces was handed on in a time that grew with their square', () => {
  const pieces = 400_000
  const value = Buffer.alloc(pieces * 16, 'v')
  let relayed = 0
  const applier = new Applier({
    applyCommand: () => {},
    isInTransaction: () => false,
    relay: (_, start, end) => {
      relayed += end - start
    },
  })
  const head = Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n`)
  within(5000, () => {
    applier.apply(head)
    for (let at = 0; at < value.length; at += 16) applier.apply(value.subarray(at, at + 16))
    applier.apply(Buffer.from('\r\n'))
  })
  assert.is(relayed, head.length + value.length + 2)
})

test('conf: files that include each other ten times each, sixteen deep, filled the memory', () => {
  const include = (path: string): string => `include ${Number(path) + 1}\n`.repeat(10)
  within(3000, () =>
    assert.throws(
      () => parseConfigText('include 1', 'redis.conf', (path) => (Number(path) < 15 ? include(path) : '')),
      (error: unknown) => error instanceof StoreError && /Too many nested includes/.test(error.message),
    ),
  )
})

test('conf: an included file of many lines threw RangeError', () => {
  const lines = 200_000
  const directives = parseConfigText('include 1', 'redis.conf', () => 'port 1\n'.repeat(lines))
  assert.is(directives.length, lines)
})

test.run()
