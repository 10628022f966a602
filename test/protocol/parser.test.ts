// Requests out of bytes, replies into bytes, and the three forms of a byte string under both: each case whole, byte by
// byte, at random splits, as garbage, and past each limit. Knows no command and no server.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Arg, argOfBuffer, Binary, latin1OfArg } from '../../src/bytes.js'
import {
  encodeCommand,
  ProtocolError,
  type RequestLimits,
  RequestParser,
  splitInline,
  UNAUTHENTICATED_LIMITS,
} from '../../src/protocol/parser.js'
import { suite } from '../suite.js'

const LIMITS: RequestLimits = { maxBulkBytes: 512 * 1024 * 1024, maxArguments: 1024 * 1024 }
const SEED = 20261122
/** A line may be this long, as in Redis: PROTO_INLINE_MAX_SIZE. */
const LINE = 64 * 1024

const requests = suite('requests')

interface Outcome {
  /** Arguments, one byte a character. */
  requests: string[][]
  /** Stream bytes behind each request. */
  ends: number[]
  error?: string
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function encode(argv: readonly Buffer[]): Buffer {
  const parts = argv.flatMap((arg) => [latin1(`$${arg.length}\r\n`), arg, latin1('\r\n')])
  return Buffer.concat([latin1(`*${argv.length}\r\n`), ...parts])
}

function readAll(chunks: readonly Buffer[], limits = LIMITS): Outcome {
  const parser = new RequestParser(limits)
  const outcome: Outcome = { requests: [], ends: [] }
  try {
    for (const chunk of chunks) {
      parser.feed(chunk)
      while (parser.next()) {
        outcome.requests.push(parser.argv.map(latin1OfArg))
        outcome.ends.push(parser.consumedBytes)
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    outcome.error = error.message
  }
  return outcome
}

/** `bytes` in chunks that end at the given places (any numbers: they are taken modulo the length). */
function splitAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...ends].map((start, i) => bytes.subarray(start, ends[i] ?? bytes.length))
}

function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
}

/** The same however it is cut; what it gives. Each chunk is a copy that is overwritten once the next was fed. */
function readEachWay(bytes: Buffer, places: readonly number[] = [7, 11, 13], limits = LIMITS): Outcome {
  const whole = readAll([bytes], limits)
  assert.equal(readAll(splitAt(bytes, places), limits), whole, 'split')
  if (bytes.length < 4096) assert.equal(readAll(byteByByte(bytes), limits), whole, 'byte by byte')
  return whole
}

const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
const words = fc.constantFrom(
  'SET',
  'key',
  'kez',
  'bey',
  '',
  'ä',
  '€uro',
  '\u{1f600}',
  'a somewhat longer ascii word',
  '\r\n',
  '$5',
)
const argument = fc.oneof(
  anyBytes,
  words.map((word) => Buffer.from(word)),
)
const argv = fc.array(argument, { minLength: 1, maxLength: 6 })
const places = fc.array(fc.nat(), { maxLength: 12 })

requests('a request in one chunk', () => {
  const { requests, ends, error } = readEachWay(latin1('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'))
  assert.equal(requests, [['GET', 'k']])
  assert.equal(ends, [20])
  assert.is(error, undefined)
})

requests('any requests at any splits', () => {
  const inline = fc.constantFrom('PING\r\n', 'GET k\n', '  SET  a "b\\x00" \r\n', '\r\n', '\n', '*0\r\n', '*-1\r\n')
  const piece = fc.oneof(
    {
      weight: 3,
      arbitrary: argv.map((args) => ({ bytes: encode(args), args: args.map((arg) => arg.toString('latin1')) })),
    },
    { weight: 1, arbitrary: inline.map((line) => ({ bytes: latin1(line), args: INLINE[line] })) },
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), places, (pieces, where) => {
      const bytes = Buffer.concat(pieces.map((one) => one.bytes))
      const { requests, ends, error } = readEachWay(bytes, where)
      assert.is(error, undefined)
      assert.equal(
        requests,
        pieces.flatMap((one) => (one.args === undefined ? [] : [one.args])),
      )
      const starts = pieces.map((_, i) => Buffer.concat(pieces.slice(0, i + 1).map((one) => one.bytes)).length)
      assert.equal(
        ends,
        starts.filter((_, i) => pieces[i].args !== undefined),
      )
    }),
    { seed: SEED, numRuns: 500 },
  )
})

const INLINE: Record<string, string[]> = {
  'PING\r\n': ['PING'],
  'GET k\n': ['GET', 'k'],
  '  SET  a "b\\x00" \r\n': ['SET', 'a', 'b\0'],
}

requests('arguments that are kept do not change when chunks come and go', () => {
  fc.assert(
    fc.property(fc.array(argv, { minLength: 1, maxLength: 4 }), places, (all, where) => {
      const parser = new RequestParser(LIMITS)
      const kept: Arg[][] = []
      for (const chunk of splitAt(Buffer.concat(all.map(encode)), where)) {
        parser.feed(chunk)
        while (parser.next()) kept.push(parser.argv)
      }
      assert.equal(
        kept.map((args) => args.map(latin1OfArg)),
        all.map((args) => args.map((arg) => arg.toString('latin1'))),
      )
    }),
    { seed: SEED, numRuns: 300 },
  )
})

requests('a request that comes again and again is read each time, and nobody else has its array', () => {
  const few = fc.array(argv, { minLength: 1, maxLength: 3 })
  const runs = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 6 })), { minLength: 1, maxLength: 8 })
  const between = fc.constantFrom('', '*0\r\n', '\r\n', '*-1\r\n')
  fc.assert(
    fc.property(few, runs, between, places, (distinct, order, empty, where) => {
      const all = order.flatMap(([which, times]) => Array<Buffer[]>(times).fill(distinct[which % distinct.length]))
      const parser = new RequestParser(LIMITS)
      const read: string[][] = []
      for (const chunk of splitAt(Buffer.concat(all.flatMap((args) => [encode(args), latin1(empty)])), where)) {
        parser.feed(chunk)
        while (parser.next()) {
          const { raw } = parser
          if (raw !== undefined) assert.is(raw.chunk.toString('latin1', raw.start, raw.end), encodeCommand(parser.argv))
          read.push(parser.argv.map(latin1OfArg))
          parser.argv.fill('changed')
        }
      }
      assert.equal(
        read,
        all.map((args) => args.map((arg) => arg.toString('latin1'))),
      )
    }),
    { seed: SEED, numRuns: 500 },
  )
})

requests('text is text, and bytes that are no text are Binary', () => {
  const parser = new RequestParser(LIMITS)
  parser.feed(
    encode([Buffer.from('ascii'), Buffer.from('ä€\u{1f600}'), Buffer.of(0xff, 0x00), Buffer.of(0xed, 0xa0, 0x80)]),
  )
  assert.ok(parser.next())
  const [ascii, text, bytes, surrogate] = parser.argv
  assert.is(ascii, 'ascii')
  assert.is(text, 'ä€\u{1f600}')
  assert.ok(bytes instanceof Binary && bytes.latin1 === '\xff\0')
  assert.ok(surrogate instanceof Binary && surrogate.latin1 === '\xed\xa0\x80')
})

requests('raw is the request itself where it lies whole in one chunk', () => {
  const one = encode([latin1('SET'), latin1('k'), Buffer.of(0xff, 0x80)])
  const two = encode([latin1('DEL'), latin1('k')])
  const parser = new RequestParser(LIMITS)
  parser.feed(Buffer.concat([latin1('PING\r\n'), one, two, one.subarray(0, 9)]))
  const raws: (string | undefined)[] = []
  const read = (): void => {
    while (parser.next()) {
      const raw = parser.raw
      raws.push(raw?.chunk.toString('latin1', raw.start, raw.end))
    }
  }
  read()
  assert.equal(raws, [undefined, one.toString('latin1'), two.toString('latin1')], 'an inline request has none')
  parser.feed(Buffer.concat([one.subarray(9), two]))
  read()
  assert.equal(raws.slice(3), [undefined, two.toString('latin1')], 'half a request in each chunk: none')
  parser.feed(two.subarray(0, 3))
  read()
  parser.feed(two.subarray(3))
  read()
  assert.equal(raws.slice(5), [two.toString('latin1')], 'a split before the first argument is joined')
})

requests('raw, wherever it is there, is the canonical form of the arguments', () => {
  const loose = fc.tuple(argv, fc.constantFrom('\r\n', '\rX', 'XX')).map(([args, end]) => {
    const bytes = encode(args)
    return Buffer.concat([bytes.subarray(0, bytes.length - 2), latin1(end)])
  })
  fc.assert(
    fc.property(fc.array(fc.oneof(argv.map(encode), loose), { maxLength: 4 }), places, (all, where) => {
      const parser = new RequestParser(LIMITS)
      for (const chunk of splitAt(Buffer.concat(all), where)) {
        parser.feed(chunk)
        while (parser.next()) {
          const raw = parser.raw
          if (raw === undefined) continue
          assert.is(raw.chunk.toString('latin1', raw.start, raw.end), encodeCommand(parser.argv))
        }
      }
    }),
    { seed: SEED, numRuns: 300 },
  )
})

requests('what follows an argument or a length is passed over unread, as in Redis, but is not handed on', () => {
  for (const bytes of ['*1\r\n$4\r\nPINGXX', '*1\rX$4\r\nPING\r\n', '*1\r\n$4\rXPING\r\n']) {
    const parser = new RequestParser(LIMITS)
    parser.feed(latin1(bytes))
    assert.ok(parser.next(), bytes)
    assert.equal(parser.argv, ['PING'])
    assert.is(parser.raw, undefined)
  }
})

requests('a big argument is gathered over chunks, and what follows it is read', () => {
  const big = Buffer.alloc(1024 * 1024, 'ab€')
  const bytes = Buffer.concat([encode([latin1('SET'), latin1('k'), big]), encode([latin1('PING')])])
  for (const size of [1000, 16_384, 65_536, bytes.length - 15, bytes.length - 14, bytes.length - 1]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    )
    const { requests, ends } = readAll(chunks)
    assert.is(requests.length, 2, `chunks of ${size}`)
    assert.ok(requests[0][2] === big.toString('latin1'), `chunks of ${size}`)
    assert.equal(ends, [bytes.length - 14, bytes.length])
  }
})

requests('several big arguments in one request', () => {
  const args = [
    latin1('MSET'),
    Buffer.alloc(70_000, 'k'),
    Buffer.alloc(90_000, 0xfe),
    latin1('b'),
    Buffer.alloc(9000, 'ä'),
  ]
  const bytes = encode(args)
  const { requests } = readEachWay(bytes, [10, 60_000, 70_050, 100_000, 165_000])
  assert.ok(requests[0].every((arg, i) => arg === args[i].toString('latin1')))
})

requests('a length that is only claimed takes no memory', () => {
  const before = process.memoryUsage().arrayBuffers
  const parsers = Array.from({ length: 64 }, () => new RequestParser(LIMITS))
  for (const parser of parsers) {
    parser.feed(latin1('*2\r\n$3\r\nSET\r\n$536870912\r\nfirst bytes'))
    assert.not(parser.next())
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024)
  assert.is(parsers[0].bufferedBytes, 14, 'SET, and the first bytes')
})

requests('bufferedBytes is what waits for the rest of a request', () => {
  const parser = new RequestParser(LIMITS)
  parser.feed(latin1('PING\r\nPI'))
  assert.ok(parser.next())
  assert.not(parser.next())
  assert.is(parser.bufferedBytes, 2)
  parser.feed(latin1('NG\r\n'))
  assert.ok(parser.next())
  assert.is(parser.bufferedBytes, 0)
})

requests('the arguments of a request that does not end count as buffered', () => {
  const parser = new RequestParser(LIMITS)
  parser.feed(latin1('*1000000\r\n'))
  for (let i = 0; i < 1000; i++) {
    parser.feed(latin1('$10\r\n0123456789\r\n$2\r\n\xff\xfe\r\n'))
    assert.not(parser.next())
  }
  assert.ok(parser.bufferedBytes >= 11_900 && parser.bufferedBytes <= 12_100, String(parser.bufferedBytes))
})

requests('takeRest gives what was not read', () => {
  const parser = new RequestParser(LIMITS)
  parser.feed(latin1('SYNC\r\nREPLCONF ACK'))
  assert.ok(parser.next())
  assert.is(parser.takeRest().toString(), 'REPLCONF ACK')
  assert.not(parser.next())
  assert.is(parser.bufferedBytes, 0)
})

requests('an empty request is nothing', () => {
  assert.equal(readEachWay(latin1('\r\n\n*0\r\n*-1\r\n*-7\r\n   \r\nPING\r\n')).requests, [['PING']])
})

const broken: [bytes: string, message: string][] = [
  ['*x\r\n', 'invalid multibulk length'],
  ['*\r\n', 'invalid multibulk length'],
  ['*+1\r\n', 'invalid multibulk length'],
  ['*01\r\n', 'invalid multibulk length'],
  ['*-0\r\n', 'invalid multibulk length'],
  ['*1 \r\n', 'invalid multibulk length'],
  ['*3000000000\r\n', 'invalid multibulk length'],
  ['*1048577\r\n', 'invalid multibulk length'],
  ['*99999999999999999999\r\n', 'invalid multibulk length'],
  ['*1\r\nX4\r\nPING\r\n', "expected '$', got 'X'"],
  ['*1\r\n*1\r\n', "expected '$', got '*'"],
  ['*1\r\n\r\n', "expected '$', got '\r'"],
  ['*1\r\n\xff\r\n', "expected '$', got '\udcff'"],
  ['*1\r\n$\r\n', 'invalid bulk length'],
  ['*1\r\n$-1\r\n', 'invalid bulk length'],
  ['*1\r\n$x\r\n', 'invalid bulk length'],
  ['*1\r\n$4x\r\nPING\r\n', 'invalid bulk length'],
  ['*1\r\n$536870913\r\n', 'invalid bulk length'],
  ['*1\r\n$9223372036854775808\r\n', 'invalid bulk length'],
  ['SET "k\r\n', 'unbalanced quotes in request'],
  ["SET 'k\r\n", 'unbalanced quotes in request'],
  ['SET "k"v\r\n', 'unbalanced quotes in request'],
  ["SET 'k'v\r\n", 'unbalanced quotes in request'],
]

for (const [bytes, message] of broken) {
  requests(`broken: ${JSON.stringify(bytes)}`, () => {
    const { requests, error } = readEachWay(latin1(`PING\r\n${bytes}`))
    assert.equal(requests, [['PING']], 'what came before counts')
    assert.is(error, message)
  })
}

requests('nothing is wrong before the line is whole', () => {
  // Redis looks for the line's end first. A byte more, and it is an error.
  for (const line of ['*x', '*1\r\nX', '*1\r\n$x', '*1\r\n$-', 'SET "k'])
    assert.equal(readEachWay(latin1(line)), { requests: [], ends: [] }, JSON.stringify(line))
})

requests('lines without an end are too long at 64 KiB', () => {
  const cases: [start: string, filler: string, message: string][] = [
    ['*', '1', 'too big mbulk count string'],
    ['*x', 'x', 'too big mbulk count string'],
    ['*1\r\n$', '1', 'too big bulk count string'],
    ['*1\r\n$x', 'x', 'too big bulk count string'],
    ['*1\r\nX', 'x', 'too big bulk count string'],
    ['', 'x', 'too big inline request'],
    ['"', ' ', 'too big inline request'],
  ]
  for (const [start, filler, message] of cases) {
    const long = latin1(start + filler.repeat(LINE + 10))
    assert.is(readAll([long]).error, message, start)
    assert.is(readAll(splitAt(long, [10, 40_000, LINE])).error, message, start)
    assert.is(readAll([long.subarray(0, LINE - 10)]).error, undefined, start)
  }
  assert.is(readAll([latin1(`${'x'.repeat(LINE - 10)}\r\n`)]).requests.length, 1)
})

requests('limits of an argument and of their number, at the limit and past it', () => {
  const limits = { maxBulkBytes: 10, maxArguments: 3 }
  assert.is(readEachWay(latin1('*1\r\n$10\r\n0123456789\r\n'), [6], limits).error, undefined)
  assert.is(readEachWay(latin1('*1\r\n$11\r\n'), [6], limits).error, 'invalid bulk length')
  assert.is(readEachWay(encode([latin1('a'), latin1('b'), latin1('c')]), [6], limits).error, undefined)
  assert.is(readEachWay(latin1('*4\r\n'), [6], limits).error, 'invalid multibulk length')
})

requests('limits before a client has authenticated', () => {
  const read = (text: string): Outcome => readEachWay(latin1(text), [5], UNAUTHENTICATED_LIMITS)
  assert.is(read('*10\r\n').error, undefined)
  assert.is(read('*11\r\n').error, 'unauthenticated multibulk length')
  assert.is(read('*3000000000\r\n').error, 'invalid multibulk length')
  assert.is(read('*x\r\n').error, 'invalid multibulk length')
  assert.is(read('*1\r\n$16384\r\n').error, undefined)
  assert.is(read('*1\r\n$16385\r\n').error, 'unauthenticated bulk length')
  assert.is(read('*1\r\n$-1\r\n').error, 'invalid bulk length')
})

requests('limits change from one request to the next', () => {
  const parser = new RequestParser(UNAUTHENTICATED_LIMITS)
  parser.feed(latin1('*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*11\r\n'))
  assert.ok(parser.next())
  parser.limits = LIMITS
  assert.not(parser.next())
  parser.limits = UNAUTHENTICATED_LIMITS
  parser.feed(latin1('$1\r\nx\r\n'.repeat(11)))
  assert.ok(parser.next(), 'a count that was accepted stays so')
  assert.is(parser.argv.length, 11)
})

requests('garbage gives requests or a ProtocolError, the same at any splits', () => {
  const seeds = ['*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', 'SET a "b c" \'d\'\r\n', '*1\r\n$4\r\nPING\r\n\r\n*0\r\n']
  const mutated = fc
    .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }))
    .map(([seed, changes]) => {
      const bytes = latin1(seed)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      return bytes
    })
  const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))
  const garbage = fc.array(fc.oneof(mutated, noise, fc.constantFrom('*', '$', '\r\n', '-', '9').map(latin1)), {
    maxLength: 5,
  })
  fc.assert(
    fc.property(garbage, places, (pieces, where) => {
      readEachWay(Buffer.concat(pieces), where)
    }),
    { seed: SEED, numRuns: 2000 },
  )
})

requests('encodeCommand and the parser are each other’s inverse', () => {
  fc.assert(
    fc.property(argv, (args) => {
      const text = encodeCommand(args.map((arg) => argOfBuffer(arg)))
      assert.is(text, encode(args).toString('latin1'))
    }),
    { seed: SEED, numRuns: 300 },
  )
  assert.is(encodeCommand(['SET', 'ä', -5]), '*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa4\r\n$2\r\n-5\r\n')
})

const inline = suite('inline requests')

/** As redis-server 7.0.15 answers `ECHO`-like lines: sdssplitargs. */
const lines: [line: string, words: string[] | undefined][] = [
  ['', []],
  ['   \t ', []],
  ['PING', ['PING']],
  [' SET  k\tv ', ['SET', 'k', 'v']],
  ['SET k "a b"', ['SET', 'k', 'a b']],
  ["SET k 'a b'", ['SET', 'k', 'a b']],
  ['""', ['']],
  ["''", ['']],
  ['"" \'\'', ['', '']],
  ['"\\n\\r\\t\\b\\a\\\\\\""', ['\n\r\t\b\x07\\"']],
  ['"\\x41\\xff\\x0g"', ['A\xffx0g']],
  ['"\\xzz"', ['xzz']],
  ["'a\\'b'", ["a'b"]],
  ["'a\\nb'", ['a\\nb']],
  ['a"b c"', ['ab c']],
  ['a"b"c', undefined],
  ['"a"\t"b"', ['a', 'b']],
  ['"open', undefined],
  ["'open", undefined],
  ['"open\\"', undefined],
  ["'open\\'", undefined],
  ['"a"b', undefined],
  ['back\\slash', ['back\\slash']],
  ['\va\vb\f c', ['a\vb\f', 'c']],
  ['"a"\vb', ['a', 'b']],
]

for (const [line, words] of lines) {
  inline(JSON.stringify(line), () => {
    assert.equal(splitInline(line)?.map(latin1OfArg), words)
  })
}

inline('what was quoted comes back', () => {
  const quoted = (bytes: Buffer): string =>
    `"${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 5 }), (args) => {
      const words = splitInline(args.map(quoted).join(' '))
      assert.equal(
        words?.map(latin1OfArg),
        args.map((arg) => arg.toString('latin1')),
      )
    }),
    { seed: SEED, numRuns: 300 },
  )
})

requests.run()
inline.run()
