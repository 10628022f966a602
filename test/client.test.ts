// The tests' own client: what it reads, whole and byte by byte, and how it fails.

import { createServer, type Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { ErrorReply, encode, ProtocolError, RawClient, type Reply, Verbatim } from './client.js'
import { parse } from './resp.js'
import { suite } from './suite.js'

const test = suite('client')

const cases: [bytes: string, value: Reply][] = [
  ['+OK\r\n', 'OK'],
  ['+\r\n', ''],
  ['-ERR no\r\n', new ErrorReply('ERR no')],
  [':-12\r\n', -12],
  [':9223372036854775807\r\n', 9223372036854775807n],
  ['$0\r\n\r\n', ''],
  ['$4\r\na\r\nb\r\n', 'a\r\nb'],
  ['$2\r\n\xc3\xa9\r\n', 'é'],
  ['$-1\r\n', null],
  ['*-1\r\n', null],
  ['*0\r\n', []],
  ['*3\r\n:1\r\n*1\r\n$1\r\nx\r\n_\r\n', [1, ['x'], null]],
  ['#t\r\n', true],
  ['#f\r\n', false],
  [',1.5\r\n', 1.5],
  [',-1e-7\r\n', -1e-7],
  [',inf\r\n', Number.POSITIVE_INFINITY],
  [',-inf\r\n', Number.NEGATIVE_INFINITY],
  [',nan\r\n', Number.NaN],
  ['(-123456789012345678901234567890\r\n', -123456789012345678901234567890n],
  ['!6\r\nERR no\r\n', new ErrorReply('ERR no')],
  ['=8\r\ntxt:a\r\nb\r\n', new Verbatim('txt', 'a\r\nb')],
  [
    '%2\r\n+a\r\n:1\r\n+b\r\n*0\r\n',
    new Map<Reply, Reply>([
      ['a', 1],
      ['b', []],
    ]),
  ],
  ['~2\r\n+a\r\n+b\r\n', new Set(['a', 'b'])],
]

const broken = [
  '?\r\n',
  '+a\nb\r\n',
  '+a\rb\r\n',
  ':1.5\r\n',
  ':\r\n',
  '$1\r\nabc',
  '$-2\r\n',
  '$x\r\n',
  '*-2\r\n',
  '#true\r\n',
  ',abc\r\n',
  '(1.5\r\n',
  '=2\r\nab\r\n',
  '_x\r\n',
  '$99999999999999\r\n',
  '*1\r\n'.repeat(200),
]

test('each type, whole and byte by byte', () => {
  for (const [text, value] of cases) {
    const bytes = Buffer.from(`${text}+next\r\n`, 'latin1')
    const whole = parse(bytes, 'utf8')
    assert.equal(whole, { kind: 'reply', value, length: text.length, attributes: undefined }, JSON.stringify(text))
    for (let length = 0; length < text.length; length++) {
      const part = parse(bytes.subarray(0, length), 'utf8')
      assert.is(part.kind, 'incomplete', JSON.stringify(text))
      if (part.kind === 'incomplete')
        assert.ok(part.needed > length && part.needed <= text.length, JSON.stringify(text))
    }
  }
})

test('what is not RESP is refused', () => {
  for (const text of broken) {
    assert.throws(
      () => parse(Buffer.from(text, 'latin1'), 'utf8'),
      (e: unknown) => e instanceof ProtocolError,
    )
  }
})

test('bulk strings as bytes, simple strings as text', () => {
  const bytes = Buffer.from('*2\r\n$2\r\n\xff\x00\r\n+OK\r\n', 'latin1')
  assert.equal(parse(bytes, 'buffer'), {
    kind: 'reply',
    value: [Buffer.from([0xff, 0]), 'OK'],
    length: bytes.length,
    attributes: undefined,
  })
})

test('commands are encoded with lengths in bytes', () => {
  assert.is(
    encode('SET', 'é', 1, Buffer.of(0xff)).toString('latin1'),
    '*4\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$1\r\n1\r\n$1\r\n\xff\r\n',
  )
})

/** A client, and the socket at the other end. */
async function pair(options: { timeoutMs?: number } = {}): Promise<{ client: RawClient; far: Socket; end(): void }> {
  const server = createServer()
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const client = await RawClient.connect({ port: address.port, ...options })
  const far = await accepted
  far.on('error', () => undefined)
  server.close()
  const end = (): void => {
    client.socket.destroy()
    far.destroy()
  }
  return { client, far, end }
}

test('replies, pushes and raw bytes from one connection', async () => {
  const { client, far, end } = await pair()
  const push = client.push()
  const replies = Promise.all([client.call('A'), client.callRaw('B'), client.call('C')])
  const bytes = ':1\r\n>2\r\n+message\r\n+x\r\n*1\r\n$1\r\nb\r\n|1\r\n+ttl\r\n:5\r\n+c\r\n'
  for (const byte of bytes) far.write(Buffer.from(byte, 'latin1'))
  assert.equal(await replies, [1, Buffer.from('*1\r\n$1\r\nb\r\n'), 'c'])
  assert.equal(client.attributes, new Map([['ttl', 5]]))
  assert.equal(await push, ['message', 'x'])
  const line = client.readLine()
  far.write('+FULLRESYNC abc 0\r\n\n\n$5\r\nREDIS*1\r\n$4\r\nPING\r\nrest')
  assert.is(await line, '+FULLRESYNC abc 0')
  assert.is((await client.readUntil('$5\r\n')).toString(), '\n\n$5\r\n')
  assert.is((await client.read(5)).toString(), 'REDIS')
  assert.equal(await client.reply(), ['PING'])
  assert.is(client.drain().toString(), 'rest')
  end()
})

test('a wait that gets no answer fails by name and closes', async () => {
  const { client, end } = await pair({ timeoutMs: 20 })
  const error = await client.call('GET', 'x').catch((e: Error) => e)
  assert.match(String(error), /reply to GET: not within 20 ms/)
  assert.is(await client.closed, undefined)
  end()
})

test('the other end goes: what has come is read, the rest is refused', async () => {
  const { client, far, end } = await pair()
  far.end('+a\r\n+b')
  await client.closed
  assert.is(await client.reply(), 'a')
  assert.match(String(await client.reply().catch((e: Error) => e)), /the other end is gone/)
  assert.is(client.drain().toString(), '+b')
  end()
})

test('a broken reply rejects every wait', async () => {
  const { client, far, end } = await pair()
  const waits = [client.call('A'), client.call('B')].map((wait) => wait.catch((e: unknown) => e))
  far.write('nonsense\r\n')
  for (const error of await Promise.all(waits)) assert.instance(error, ProtocolError)
  await client.closed
  end()
})

test('nobody listens', async () => {
  const { client, end } = await pair()
  end()
  await client.closed
  const port = client.socket.remotePort ?? 1
  assert.match(String(await RawClient.connect({ port }).catch((e: Error) => e)), /ECONNREFUSED/)
})

test.run()
