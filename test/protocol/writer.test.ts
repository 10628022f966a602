// Replies: RESP2 and RESP3 bytes, and JavaScript values.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { argOfBuffer } from '../../src/bytes.js'
import { ReplyError } from '../../src/errors.js'
import { formatDouble } from '../../src/protocol/double.js'
import { type Reply, type ReplyValue, RespReply, ValueReply } from '../../src/protocol/writer.js'
import { ErrorReply, type Reply as Parsed, parse, Verbatim } from '../resp.js'
import { suite } from '../suite.js'

const SEED = 20261122

const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

const replies = suite('replies')

/** A reply as a tree, from which both forms of it are written. */
type Tree =
  | { kind: 'array' | 'set' | 'push'; items: Tree[] }
  | { kind: 'map'; pairs: [Tree, Tree][] }
  | { kind: 'bulk'; bytes: Buffer }
  | { kind: 'status' | 'error' | 'verbatim'; text: string }
  | { kind: 'integer'; value: bigint }
  | { kind: 'double'; value: number }
  | { kind: 'bool'; value: boolean }
  | { kind: 'null' | 'nullArray' | 'ok' }

const { tree } = fc.letrec<{ tree: Tree }>((tie) => {
  const word = fc.stringMatching(/^[A-Za-z ]{1,12}$/)
  const leaf = fc.oneof(
    anyBytes.map((bytes): Tree => ({ kind: 'bulk', bytes })),
    fc.tuple(fc.constantFrom('status', 'error', 'verbatim'), word).map(([kind, text]): Tree => ({ kind, text })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Tree => ({ kind: 'integer', value })),
    fc.double({ noNaN: true }).map((value): Tree => ({ kind: 'double', value: value + 0 })),
    fc.boolean().map((value): Tree => ({ kind: 'bool', value })),
    fc.constantFrom('null', 'nullArray', 'ok').map((kind): Tree => ({ kind })),
  )
  const items = fc.array(tie('tree'), { maxLength: 4 })
  return {
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      items.map((list): Tree => ({ kind: 'array', items: list })),
      items.map((list): Tree => ({ kind: 'set', items: list })),
      fc.array(fc.tuple(tie('tree'), tie('tree')), { maxLength: 3 }).map((pairs): Tree => ({ kind: 'map', pairs })),
    ),
  }
})

function write(reply: Reply, node: Tree): void {
  switch (node.kind) {
    case 'bulk':
      reply.bulk(argOfBuffer(node.bytes))
      break
    case 'status':
      reply.status(node.text)
      break
    case 'error':
      reply.error(node.text)
      break
    case 'verbatim':
      reply.verbatim(node.text)
      break
    case 'integer':
      reply.integer(node.value)
      break
    case 'double':
      reply.double(node.value)
      break
    case 'bool':
      reply.bool(node.value)
      break
    case 'map':
      reply.map(node.pairs.length)
      for (const one of node.pairs.flat()) write(reply, one)
      break
    case 'null':
    case 'nullArray':
    case 'ok':
      reply[node.kind]()
      break
    default:
      reply[node.kind](node.items.length)
      for (const one of node.items) write(reply, one)
  }
}

function bytesOf(node: Tree, protocol: 2 | 3): Buffer {
  const reply = new RespReply()
  reply.protocol = protocol
  write(reply, node)
  const { length } = reply
  const bytes = latin1(reply.take().join(''))
  assert.is(bytes.length, length)
  assert.is(reply.length, 0)
  return bytes
}

function readReply(bytes: Buffer): Parsed {
  const parsed = parse(bytes, 'buffer')
  if (parsed.kind === 'incomplete') throw new Error('incomplete')
  assert.is(parsed.length, bytes.length)
  return parsed.value
}

/** What a RESP2 or RESP3 client should read, one character a byte. */
function expected(node: Tree, protocol: 2 | 3): unknown {
  switch (node.kind) {
    case 'bulk':
      return node.bytes.toString('latin1')
    case 'status':
      return node.text
    case 'error':
      return { error: node.text }
    case 'verbatim':
      return protocol === 2 ? node.text : { verbatim: node.text }
    case 'integer':
      return String(node.value)
    case 'double': {
      const text = formatDouble(node.value)
      return protocol === 2 ? text : { double: node.value }
    }
    case 'bool':
      return protocol === 2 ? (node.value ? '1' : '0') : node.value
    case 'ok':
      return 'OK'
    case 'null':
    case 'nullArray':
      return null
    case 'map': {
      const flat = node.pairs.flat().map((one) => expected(one, protocol))
      return protocol === 2 ? flat : { map: flat }
    }
    default: {
      const items = node.items.map((one) => expected(one, protocol))
      return node.kind === 'array' || protocol === 2 ? items : { [node.kind]: items }
    }
  }
}

/** The same shape from what the tests' client read. Sets and maps that lost an equal member are told by size. */
function shape(value: Parsed): unknown {
  if (value instanceof ErrorReply) return { error: value.message }
  if (value instanceof Verbatim) return { verbatim: value.text }
  if (Buffer.isBuffer(value)) return value.toString('latin1')
  if (Array.isArray(value)) return value.map(shape)
  if (value instanceof Set) return { set: [...value].map(shape) }
  if (value instanceof Map) return { map: [...value].flat().map((one) => shape(one as Parsed)) }
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : value
}

/** Without what a Set or Map of JavaScript cannot hold twice, and with RESP3's doubles as text. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  const [kind, content] = Object.entries(value)[0]
  return kind === 'set' || kind === 'map' ? kind : String(content)
}

replies('any reply is read back as it was written, in RESP2 and in RESP3', () => {
  fc.assert(
    fc.property(tree, (node) => {
      assert.equal(shape(readReply(bytesOf(node, 2))), expected(node, 2))
      assert.equal(comparable(shape(readReply(bytesOf(node, 3)))), comparable(expected(node, 3)))
    }),
    { seed: SEED, numRuns: 500 },
  )
})

replies('sets, maps and pushes of RESP3', () => {
  const list: Tree[] = [
    { kind: 'integer', value: 1n },
    { kind: 'bulk', bytes: latin1('b') },
  ]
  const text = (node: Tree, protocol: 2 | 3): string => bytesOf(node, protocol).toString()
  assert.is(text({ kind: 'set', items: list }, 3), '~2\r\n:1\r\n$1\r\nb\r\n')
  assert.is(text({ kind: 'push', items: list }, 3), '>2\r\n:1\r\n$1\r\nb\r\n')
  assert.is(text({ kind: 'push', items: list }, 2), '*2\r\n:1\r\n$1\r\nb\r\n')
  assert.is(text({ kind: 'map', pairs: [[list[0], list[1]]] }, 3), '%1\r\n:1\r\n$1\r\nb\r\n')
  assert.is(text({ kind: 'map', pairs: [[list[0], list[1]]] }, 2), '*2\r\n:1\r\n$1\r\nb\r\n')
  assert.is(text({ kind: 'double', value: Number.NEGATIVE_INFINITY }, 3), ',-inf\r\n')
  assert.is(text({ kind: 'double', value: 1.5 }, 2), '$3\r\n1.5\r\n')
  assert.is(text({ kind: 'verbatim', text: 'ä' }, 3), '=6\r\ntxt:\xc3\xa4\r\n'.replace('\xc3\xa4', 'ä'))
})

replies('line ends in an error become spaces', () => {
  const reply = new RespReply()
  reply.error('ERR a\r\nb\nc ä')
  assert.is(reply.take().join(''), '-ERR a  b c \xc3\xa4\r\n')
})

replies('a long reply comes in pieces of bounded length, in order', () => {
  const reply = new RespReply()
  const value = 'x'.repeat(100_000)
  reply.array(40)
  for (let i = 0; i < 40; i++) reply.bulk(`${i}${value}`)
  const pieces = reply.take()
  assert.ok(pieces.length > 5 && pieces.every((piece) => piece.length < 600_000))
  const parsed = parse(latin1(pieces.join('')), 'latin1')
  assert.ok(parsed.kind === 'reply')
  assert.ok(parsed.kind === 'reply' && (parsed.value as string[]).every((one, i) => one === `${i}${value}`))
})

/** What `store.call` should give. */
function callValue(node: Tree): unknown {
  switch (node.kind) {
    case 'bulk': {
      const text = node.bytes.toString()
      return Buffer.from(text).equals(node.bytes) ? text : node.bytes
    }
    case 'error':
      return new ReplyError(node.text)
    case 'status':
    case 'verbatim':
      return node.text
    case 'integer':
      return BigInt(Number(node.value)) === node.value && Number.isSafeInteger(Number(node.value))
        ? Number(node.value)
        : node.value
    case 'double':
    case 'bool':
      return node.value
    case 'ok':
      return 'OK'
    case 'null':
    case 'nullArray':
      return null
    case 'map':
      return new Map(node.pairs.map(([key, value]) => [callValue(key), callValue(value)]))
    default:
      return node.items.map(callValue)
  }
}

replies('the same replies as JavaScript values', () => {
  fc.assert(
    fc.property(tree, (node) => {
      const reply = new ValueReply()
      write(reply, node)
      assert.equal(plain(reply.value), plain(callValue(node) as ReplyValue))
    }),
    { seed: SEED, numRuns: 500 },
  )
})

/** uvu compares neither Maps with object keys nor errors by what they say. */
function plain(value: ReplyValue): unknown {
  if (value instanceof ReplyError) return { error: value.message, code: value.code }
  if (Buffer.isBuffer(value)) return { bytes: value.toString('hex') }
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return { map: [...value].map((pair) => pair.map(plain)) }
  return typeof value === 'bigint' ? `${value}n` : value
}

replies('integers of every length, as numbers and as BigInts', () => {
  const edges = [
    0, 9, 10, 99, 100, 255, 256, 999, 1000, 1001, 1099, 9999, 10_000, 123_456, 999_000, 999_999, 1e6, 1_000_001,
  ]
  for (const value of [...edges, 1e9, 1e15, Number.MAX_SAFE_INTEGER].flatMap((edge) => [edge, -edge])) {
    const reply = new RespReply()
    reply.integer(value)
    reply.integer(BigInt(value))
    const digits = BigInt(value).toString()
    assert.is(reply.take().join(''), `:${digits}\r\n:${digits}\r\n`)
  }
})

replies('replies that are written in turns stay apart, whatever their length', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.integer({ min: 20, max: 30 }).map((length) => 'x'.repeat(length)),
    fc.integer({ min: 20, max: 30 }).map((length) => `${'x'.repeat(length - 1)}ä`),
    fc.constant('y'.repeat(9000)),
  )
  const act = fc.record({
    who: fc.integer({ min: 0, max: 2 }),
    text,
    times: fc.integer({ min: 1, max: 60 }),
    taken: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const all = Array.from({ length: 3 }, () => ({ reply: new RespReply(), taken: '', wanted: '' }))
      for (const { who, text, times, taken } of acts) {
        const one = all[who]
        const bytes = Buffer.from(text)
        for (let i = 0; i < times; i++) {
          one.reply.bulk(text)
          one.reply.integer(i * 1_000_003)
          one.reply.ok()
          one.wanted += `$${bytes.length}\r\n${bytes.toString('latin1')}\r\n:${i * 1_000_003}\r\n+OK\r\n`
        }
        // Short, long, and others than ASCII in a row, in every order.
        const row = Array.from(
          { length: times },
          (_, i) => [text, 'short', 'l'.repeat(30), 'ö'.repeat(30)][(i * times) % 4],
        )
        one.reply.bulks(row)
        for (const item of row) {
          const bytes = Buffer.from(item)
          one.wanted += `$${bytes.length}\r\n${bytes.toString('latin1')}\r\n`
        }
        assert.is(one.taken.length + one.reply.length, one.wanted.length)
        if (taken) one.taken += one.reply.take().join('')
      }
      for (const { reply, taken, wanted } of all) assert.is(taken + reply.take().join(''), wanted)
    }),
    { seed: SEED, numRuns: 300 },
  )
})

replies('a double with more digits than a short text has', () => {
  const reply = new RespReply()
  const digits = `1${'0'.repeat(300)}`
  reply.double(1e300, digits)
  assert.is(reply.take().join(''), `$301\r\n${digits}\r\n`)
})

replies.run()
