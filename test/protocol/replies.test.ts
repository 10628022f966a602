// Replies out of bytes: every form of RESP2 and RESP3, whole and byte by byte, and what is none.

import * as assert from 'uvu/assert'
import { ReplyError } from '../../src/errors.js'
import { type Answer, AnswerParser } from '../../src/protocol/replies.js'
import { suite } from '../suite.js'

const test = suite('replies')

const forms: [wire: string, value: Answer][] = [
  ['+OK\r\n', 'OK'],
  [':-12\r\n', -12],
  [':9007199254740993\r\n', 9007199254740993n],
  ['(3492890328409238509324850943850943825024385\r\n', 3492890328409238509324850943850943825024385n],
  ['$5\r\na\r\nbc\r\n', 'a\r\nbc'],
  ['$0\r\n\r\n', ''],
  ['$-1\r\n', null],
  ['*-1\r\n', null],
  ['_\r\n', null],
  ['#t\r\n', true],
  ['#f\r\n', false],
  [',1.5\r\n', 1.5],
  [',-inf\r\n', Number.NEGATIVE_INFINITY],
  [',inf\r\n', Number.POSITIVE_INFINITY],
  [',nan\r\n', Number.NaN],
  ['=9\r\ntxt:a\r\nbc\r\n', 'a\r\nbc'],
  ['*2\r\n:1\r\n*1\r\n$1\r\na\r\n', [1, ['a']]],
  ['*0\r\n', []],
  ['~2\r\n+a\r\n+b\r\n', ['a', 'b']],
  [
    '%2\r\n+k\r\n*1\r\n:1\r\n+l\r\n%0\r\n',
    new Map<Answer, Answer>([
      ['k', [1]],
      ['l', new Map()],
    ]),
  ],
]

for (const [wire, value] of forms) {
  test(`${JSON.stringify(wire)}, whole and byte by byte, and what follows`, () => {
    const whole = new AnswerParser(1000)
    whole.feed(Buffer.from(`${wire}+next\r\n`))
    assert.equal(whole.next(), value)
    assert.is(whole.next(), 'next')
    assert.is(whole.next(), undefined)
    const pieces = new AnswerParser(1000)
    for (const byte of Buffer.from(wire).subarray(0, -1)) {
      pieces.feed(Buffer.of(byte))
      assert.is(pieces.next(), undefined)
    }
    pieces.feed(Buffer.from('\n'))
    assert.equal(pieces.next(), value)
  })
}

test('an error is a value, also within', () => {
  const parser = new AnswerParser(1000)
  parser.feed(Buffer.from('-WRONGTYPE no\r\n*2\r\n-ERR x\r\n:1\r\n'))
  const error = parser.next() as ReplyError
  assert.instance(error, ReplyError)
  assert.is(error.code, 'WRONGTYPE')
  const [inner, one] = parser.next() as Answer[]
  assert.instance(inner, ReplyError)
  assert.is(one, 1)
})

test('what is no reply, and what is too long', () => {
  const wrong = [
    ':\r\n',
    ':1.5\r\n',
    ':x\r\n',
    '(1e3\r\n',
    ',\r\n',
    ',x\r\n',
    '$x\r\n',
    '$-2\r\n',
    '*1e9\r\n',
    '?\r\n',
    '$2000\r\n',
    '%2000\r\n',
  ]
  for (const wire of [...wrong, '*1\r\n'.repeat(9)]) {
    const parser = new AnswerParser(1000)
    assert.throws(
      () => {
        parser.feed(Buffer.from(wire))
        parser.next()
      },
      (error: Error) => error.constructor.name === 'ProtocolError',
      JSON.stringify(wire),
    )
  }
})

test.run()
