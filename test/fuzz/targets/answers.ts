// Replies out of bytes, as another server sends them to us.

import { ReplyError } from '../../../src/errors.js'
import { ProtocolError } from '../../../src/protocol/parser.js'
import { type Answer, AnswerParser } from '../../../src/protocol/replies.js'
import { expect, pieces, type Target } from '../target.js'

const MAX_BYTES = 1024 * 1024

function read(chunks: Iterable<Buffer>): string[] {
  const parser = new AnswerParser(MAX_BYTES)
  const answers: string[] = []
  try {
    for (const chunk of chunks) {
      parser.feed(chunk)
      for (let answer = parser.next(); answer !== undefined; answer = parser.next()) answers.push(shown(answer))
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    answers.push('refused')
  }
  return answers
}

function shown(answer: Answer): string {
  return JSON.stringify(answer, (_, value) => {
    if (value instanceof ReplyError) return { error: value.message }
    if (value instanceof Map) return { map: [...value] }
    return typeof value === 'bigint' ? { integer: String(value) } : value
  })
}

export const answers: Target = {
  name: 'answers',
  about: 'protocol/replies.ts: the same answers however the bytes are cut, in time that grows with the bytes',
  words: [
    ...['+OK\r\n', '-ERR no\r\n', ':1\r\n', '$-1\r\n', '$0\r\n\r\n', '*-1\r\n', '*1\r\n', '*2\r\n', '*0\r\n', '\r\n'],
    ...[
      '_\r\n',
      '#t\r\n',
      ',1.5\r\n',
      ',-inf\r\n',
      ',nan\r\n',
      '(9\r\n',
      '%1\r\n',
      '%0\r\n',
      '~1\r\n',
      '=4\r\ntxt:\r\n',
    ],
  ],
  seeds: () =>
    [
      '+PONG\r\n-ERR unknown\r\n:42\r\n$5\r\nhello\r\n$-1\r\n*-1\r\n*0\r\n',
      '*2\r\n$1\r\na\r\n*3\r\n:1\r\n:-2\r\n+x\r\n',
      '%2\r\n+a\r\n:1\r\n$1\r\nb\r\n~2\r\n#f\r\n,-0.25\r\n_\r\n(123456789012345678901\r\n=7\r\ntxt:a\r\n\r\n',
      `*200\r\n${':7\r\n'.repeat(200)}`,
      `${'*1\r\n'.repeat(7)}:1\r\n`,
      `$2000\r\n${'\xe4'.repeat(2000)}\r\n`,
    ].map((text) => Buffer.from(text, 'latin1')),
  run(input) {
    const whole = read([Buffer.from(input)])
    const cut = read(pieces(input))
    expect(whole.join() === cut.join(), `whole: ${whole.join().slice(0, 200)}, in pieces: ${cut.join().slice(0, 200)}`)
    read(Array.from(input, (byte) => Buffer.of(byte)))
  },
}
