// Requests out of bytes, as clients and a primary's stream send them.

import { type Arg, latin1OfArg } from '../../../src/bytes.js'
import {
  encodeCommand,
  ProtocolError,
  type RequestLimits,
  RequestParser,
  UNAUTHENTICATED_LIMITS,
} from '../../../src/protocol/parser.js'
import { expect, pieces, type Target } from '../target.js'

const CLIENT: RequestLimits = { maxBulkBytes: 512 * 1024 * 1024, maxArguments: 2 ** 31 - 1 }
const STREAM: RequestLimits = { maxBulkBytes: 2 ** 29 - 24, maxArguments: 2 ** 24, refuseInline: true }

interface Read {
  requests: string[]
  error: string | undefined
  consumed: number
}

function read(limits: RequestLimits, chunks: Iterable<Buffer>, inputBytes: number): Read {
  const parser = new RequestParser(limits)
  const requests: string[] = []
  try {
    for (const chunk of chunks) {
      parser.feed(chunk)
      while (parser.next()) requests.push(taken(parser))
      expect(parser.bufferedBytes >= 0 && parser.bufferedBytes <= inputBytes, `${parser.bufferedBytes} bytes buffered`)
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { requests, error: error.message, consumed: -1 }
  }
  return { requests, error: undefined, consumed: parser.consumedBytes }
}

function taken({ argv, raw, limits }: RequestParser): string {
  expect(argv.length > 0, 'a request has arguments')
  // Of inline requests only the length of the line is limited.
  if (raw !== undefined) expect(argv.length <= limits.maxArguments, 'no more arguments than are allowed')
  const encoded = encodeCommand(argv.map(sound))
  if (raw !== undefined) {
    const { chunk, start, end } = raw
    expect(chunk.toString('latin1', start, end) === encoded, 'its own bytes are not those it would be encoded to')
  }
  argv.fill('changed by whoever got it') // the next request's must not be the same array
  return encoded
}

function sound(arg: Arg): Arg {
  expect(typeof arg !== 'string' || arg.isWellFormed(), 'text is UTF-8')
  expect(latin1OfArg(arg).length < 2 ** 29, 'an argument is as long as it came')
  return arg
}

export const requests: Target = {
  name: 'requests',
  about: 'protocol/parser.ts: the same requests however the bytes are cut; what is handed on raw is canonical',
  words: [
    '*1\r\n',
    '*3\r\n',
    '*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n',
    '$4\r\nPING\r\n',
    '$0\r\n\r\n',
    '*-1\r\n',
    '$-1\r\n',
    '"',
    "'",
    '\\x',
    ' ',
    '\n',
    '\t',
    '\r',
  ],
  seeds: () =>
    [
      '*1\r\n$4\r\nPING\r\n',
      '*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n'.repeat(5),
      '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\n\xff\xfe\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n',
      "*0\r\n*-1\r\n\r\nPING\r\nECHO \"a \\x41\\n\" 'b\\'c'\r\n",
      `*2\r\n$4\r\nECHO\r\n$300\r\n${'x'.repeat(300)}\r\n`,
      `*12\r\n${'$2\r\n\xc3\xa4\r\n'.repeat(12)}`,
      `*2\r\n$10000\r\n${'y'.repeat(10_000)}\r\n$1\r\nz\r\n`,
    ].map((text) => Buffer.from(text, 'latin1')),
  run(input) {
    for (const limits of [CLIENT, STREAM, UNAUTHENTICATED_LIMITS]) {
      const whole = read(limits, [Buffer.from(input)], input.length)
      const cut = read(limits, pieces(input), input.length)
      expect(whole.error === cut.error, `whole: ${whole.error}, in pieces: ${cut.error}`)
      expect(whole.requests.join('') === cut.requests.join(''), 'in pieces other requests come of it')
      if (whole.error === undefined) expect(cut.consumed === whole.consumed, 'in pieces it ends elsewhere')
    }
  },
}
