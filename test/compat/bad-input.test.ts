// What a port must bear: requests that are none, clients that send a byte at a time, never read, or are not let in.
// The same is sent to a redis-server 7.0.15, and answered alike; meanwhile others are served, and memory stays bounded.

import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import { type Env, systemEnv } from '../../src/env.js'
import type { Link, LinkHandlers, Listening, Transport } from '../../src/link.js'
import { Store } from '../../src/store.js'
import { encode, RawClient } from '../client.js'
import { skip, startBoth, type World } from '../commands/both.js'
import { deadline, suite, until } from '../suite.js'

const SEED = 20261122
const REQUESTS = 1000
/** The least that Redis takes for these. */
const MAX_BULK = 1024 * 1024
const MAX_QUERY = 1024 * 1024
const MEBIBYTE = 1024 * 1024
/** What the process may grow by while it is treated badly. Node keeps freed pages for a while. */
const GROWTH_BYTES = 96 * MEBIBYTE
/** Replies may wait for one client up to the high-water marks of the listener and of the link, and one reply more. */
const WAITING_BYTES = 4 * MEBIBYTE
const SANE_PING_MS = 500
const LINE = 66_000

/** Bytes in use, all garbage gone. */
const collect = (() => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  return (): number => {
    gc()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
})()

/** Marsaglia's xorshift, 32 bits: the same requests each time. */
class Chance {
  #state = SEED
  below(limit: number): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) % limit
  }
  pick<V>(from: readonly V[]): V {
    return from[this.below(from.length)]
  }
}

const counts = [
  '-1',
  '0',
  '1',
  '2',
  '11',
  '',
  ' 1',
  '1 ',
  '+1',
  '01',
  '-0',
  'x',
  '1x',
  '2147483648',
  '9'.repeat(25),
  '-5',
]
const lengths = [
  '-1',
  '0',
  '3',
  '4',
  '5',
  '',
  ' 4',
  '+4',
  '04',
  '-0',
  'x',
  '4x',
  String(MAX_BULK + 1),
  '9'.repeat(25),
  '-9',
]
const inlines = [
  'PING',
  'ECHO "a b"',
  "ECHO 'a b'",
  'ECHO "a',
  "ECHO 'a",
  'ECHO "a"b',
  'ECHO "\\x41\\n"',
  'ECHO \\',
  '   ',
  'get',
]
const others = [
  'POST / HTTP/1.1\r\n',
  'GET / HTTP/1.1\r\nHost: localhost\r\n',
  'Host: localhost\r\n',
  '\x16\x03\x01\x02',
  '+OK\r\n',
  '$4\r\nPING\r\n',
  '\r\n',
]
const whole = ['PING', 'ECHO words', 'SET k v', 'GET k', 'SET k', 'NONSENSE a b', 'PING a b c', 'EXISTS k k k'].map(
  (line) => encode(...line.split(' ')).toString('latin1'),
)

const kinds: ((chance: Chance) => string)[] = [
  (chance) => {
    const bytes = Buffer.from(chance.pick(whole), 'latin1')
    // No zero bytes: Redis looks for the end of a line with C's string functions, and waits for ever.
    for (let left = 1 + chance.below(3); left > 0; left--) bytes[chance.below(bytes.length)] = 1 + chance.below(255)
    return bytes.toString('latin1')
  },
  (chance) => {
    const text = chance.pick(whole)
    return text.slice(0, chance.below(text.length))
  },
  (chance) => `*${chance.pick(counts)}${chance.pick(['\r\n', '\n', '\r', '\rX', ''])}$4\r\nPING\r\n`,
  (chance) => `*1\r\n$${chance.pick(lengths)}${chance.pick(['\r\n', '\n', '\r', '\rX', ''])}PING\r\n`,
  (chance) => `*1\r\n${String.fromCharCode(1 + chance.below(255))}4\r\nPING\r\n`,
  (chance) => `*1\r\n$4\r\nPING${chance.pick(['XX', '\n\n', '\r', ''])}`,
  (chance) => `${chance.pick(inlines)}${chance.pick(['\r\n', '\n', '\r', ''])}`,
  (chance) => chance.pick(others),
  (chance) => Array.from({ length: 1 + chance.below(40) }, () => String.fromCharCode(1 + chance.below(255))).join(''),
]

/** Longer than a line may be. Fewer of them: each is as long as sixty others. */
const oversized = ['*', '*1\r\n$', '*1\r\n', '', '"', '*x', '*1\r\n$x', '-', '*1\r\nX'].map(
  (start) => start + '1'.repeat(LINE),
)

function badRequests(): Buffer[] {
  const chance = new Chance()
  const all = Array.from({ length: REQUESTS - oversized.length }, () => {
    const before = chance.below(4) === 0 ? chance.pick(whole) : ''
    const after = chance.below(4) === 0 ? chance.pick(whole) : ''
    return before + chance.pick(kinds)(chance) + after
  })
  for (const long of oversized) all.splice(chance.below(all.length), 0, long)
  return all.map((text) => Buffer.from(text, 'latin1'))
}

/** Everything that comes back for these bytes until the connection is closed, one character a byte. */
async function answers(port: number, bytes: Buffer): Promise<string> {
  const client = await RawClient.connect({ port, bulk: 'latin1' })
  client.send(bytes)
  await client.end()
  return client.drain().toString('latin1')
}

const test = suite('bad input')
const config = { 'proto-max-bulk-len': String(MAX_BULK), 'client-query-buffer-limit': String(MAX_QUERY) }
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth(config)
})
test.after(() => world?.close())

test(`${REQUESTS} requests that are none are answered as by Redis, while others are served`, {
  skip,
  limitMs: 60_000,
}, async () => {
  const before = collect()
  const bystander = await RawClient.connect({ port: world.ours })
  let slowestMs = 0
  for (const [i, bytes] of badRequests().entries()) {
    const [ours, real] = await Promise.all([answers(world.ours, bytes), answers(world.real, bytes)])
    assert.is(ours, real, `request ${i}: ${JSON.stringify(bytes.toString('latin1').slice(0, 200))}`)
    const startMs = performance.now()
    assert.is(await bystander.call('PING'), 'PONG')
    slowestMs = Math.max(slowestMs, performance.now() - startMs)
  }
  await bystander.close()
  assert.ok(slowestMs < SANE_PING_MS, `PING took ${slowestMs} ms`)
  assert.ok(collect() - before < GROWTH_BYTES)
})

test('past the query buffer limit the connection is closed without a word', { skip }, async () => {
  const start = Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${MAX_BULK}\r\n`)
  // Two arguments of the largest size there is are too many bytes for one request.
  const bytes = Buffer.concat([start, Buffer.alloc(MAX_BULK - 1, 'x'), Buffer.alloc(MAX_QUERY, 'y')])
  const big = Buffer.concat([
    Buffer.from('*3\r\n'),
    ...Array(3).fill(Buffer.concat([Buffer.from(`$${MAX_BULK}\r\n`), Buffer.alloc(MAX_BULK + 2, '\r\n')])),
  ])
  for (const port of [world.ours, world.real]) {
    const client = await RawClient.connect({ port, bulk: 'latin1' })
    client.send(big.subarray(0, big.length - 10))
    client.send(bytes)
    await deadline(client.closed, 10_000, `port ${port} to close`)
    assert.not.match(client.drain().toString('latin1'), /\+OK/)
  }
})

test('a request whose arguments never end is held to the query buffer limit', { skip }, async () => {
  const before = collect()
  const client = await RawClient.connect({ port: world.ours })
  client.send('*2147483647\r\n')
  const some = Buffer.from('$10\r\n0123456789\r\n'.repeat(10_000))
  const sent = (async () => {
    for (let i = 0; i < 100 && !client.socket.destroyed; i++) {
      client.send(some)
      await turn()
    }
  })()
  await Promise.all([deadline(client.closed, 10_000, 'the connection to close'), sent])
  assert.ok(collect() - before < GROWTH_BYTES)
})

test('a client that sends one byte at a time is served like any other', { skip }, async () => {
  const bytes = Buffer.concat([
    encode('SET', 'slow', 'ä€\u{1f600}'),
    Buffer.from('GET slow\r\n'),
    encode('ECHO', Buffer.of(0, 255, 13, 10)),
  ])
  const replies: string[] = []
  for (const port of [world.ours, world.real]) {
    const client = await RawClient.connect({ port })
    client.socket.setNoDelay(true)
    for (const byte of bytes) {
      client.send(Buffer.of(byte))
      await turn()
    }
    await client.end()
    replies.push(client.drain().toString('latin1'))
  }
  assert.is(replies[0], replies[1])
  assert.match(replies[0], /^\+OK\r\n\$9\r\n/)
})

test('a client that never reads stops being read, and loses nothing when it reads again', { skip }, async () => {
  const value = 'v'.repeat(MEBIBYTE)
  const times = 150
  await using store = new Store<string>()
  const port = (await store.listen({ port: 0 })).port!
  store.set('big', value)
  const before = process.memoryUsage().rss
  await using bystander = await RawClient.connect({ port })
  await using client = await RawClient.connect({ port, timeoutMs: 25_000 })
  await client.ok('CLIENT', 'SETNAME', 'sleeper')
  client.pause()
  for (let i = 0; i < times; i++) client.send(encode('GET', 'big'))
  // More requests than the kernel holds: who stops running them must stop reading them too.
  const filler = encode('SET', 'filler', 'f'.repeat(MEBIBYTE))
  for (let i = 0; i < 24; i++) client.send(filler)
  client.send(encode('SET', 'last', 'word'))
  const waiting = async (): Promise<number> => {
    const line = String(await bystander.ok('CLIENT', 'LIST'))
      .split('\n')
      .find((one) => one.includes('name=sleeper'))
    return Number(line?.match(/ qbuf=(\d+)/)?.[1]) + Number(line?.match(/ omem=(\d+)/)?.[1])
  }
  await until(async () => (await waiting()) >= MEBIBYTE, { what: 'replies to pile up' })
  // The kernel's buffers are full, so nothing moves any more, however often the others' turns come.
  for (let i = 0; i < 300; i++) {
    const startMs = performance.now()
    await bystander.ok('PING')
    assert.ok(performance.now() - startMs < SANE_PING_MS)
  }
  assert.ok((await waiting()) < WAITING_BYTES, `${await waiting()} bytes wait`)
  assert.is(store.has('last'), false, 'its last request was read')
  assert.ok(process.memoryUsage().rss - before < GROWTH_BYTES)
  client.resume()
  for (let i = 0; i < times; i++) assert.is(String(await client.reply()).length, value.length)
  for (let i = 0; i < 25; i++) assert.is(await client.reply(), 'OK')
  assert.is(store.get('last'), 'word')
})

test('past client-output-buffer-limit it is closed', { skip }, async () => {
  const limited = await startBoth({ 'client-output-buffer-limit': 'normal 262144 0 0' })
  try {
    for (const port of [limited.ours, limited.real]) {
      const client = await RawClient.connect({ port })
      await client.ok('SET', 'big', 'v'.repeat(MEBIBYTE))
      client.pause()
      for (let i = 0; i < 100; i++) client.send(encode('GET', 'big'))
      client.send(encode('SET', 'last', 'word'))
      await using bystander = await RawClient.connect({ port })
      await until(async () => /connected_clients:1\r/.test(String(await bystander.ok('INFO', 'clients'))), {
        what: `port ${port} to close it`,
      })
      assert.is(await bystander.ok('EXISTS', 'last'), 0)
      await client.close()
    }
  } finally {
    await limited.close()
  }
})

test('past maxclients one is told so, and closed', { skip }, async () => {
  const few = await startBoth({ maxclients: '3' })
  try {
    const both = [await few.connect(), await few.connect(), await few.connect()]
    for (const one of both) await one.same(['PING'])
    const refused = await Promise.all([few.ours, few.real].map((port) => answers(port, Buffer.alloc(0))))
    assert.is(refused[0], refused[1])
    assert.is(refused[0], '-ERR max number of clients reached\r\n')
    await both[0].close()
    await until(async () => (await answers(few.ours, Buffer.from('PING\r\n'))) === '+PONG\r\n', {
      what: 'a free place',
    })
    for (const one of both) await one.close()
  } finally {
    await few.close()
  }
})

test('before it has authenticated, a client may say little', { skip }, async () => {
  const locked = await startBoth({ requirepass: 'open-sesame' })
  const auth = encode('AUTH', 'open-sesame').toString('latin1')
  const ten = encode(...'PING 2 3 4 5 6 7 8 9 10'.split(' ')).toString('latin1')
  const eleven = encode(...'DEL 2 3 4 5 6 7 8 9 10 11'.split(' ')).toString('latin1')
  const long = (length: number): string => encode('ECHO', 'x'.repeat(length)).toString('latin1')
  const cases = [
    'PING\r\n',
    'GET k\r\n',
    'nonsense\r\n',
    ten,
    eleven,
    '*11\r\n',
    '*2147483648\r\n',
    long(16 * 1024),
    long(16 * 1024 + 1),
    '*1\r\n$16385\r\n',
    'AUTH wrong\r\n',
    'AUTH default "open-sesame"\r\nPING\r\n',
    'AUTH somebody "open-sesame"\r\nPING\r\n',
    'HELLO 3\r\n',
    'HELLO 4 AUTH default wrong\r\n',
    'QUIT\r\n',
    'MULTI\r\nEXEC\r\n',
    'RESET\r\n',
    auth + eleven,
    auth + long(100_000),
    `${auth}RESET\r\n${eleven}`,
    `${auth}RESET\r\nPING\r\n`,
  ]
  try {
    for (const text of cases) {
      const bytes = Buffer.from(text, 'latin1')
      const [ours, real] = await Promise.all([answers(locked.ours, bytes), answers(locked.real, bytes)])
      assert.is(ours, real, text.slice(0, 100))
    }
  } finally {
    await locked.close()
  }
})

/** The other end of a link that a test holds in its hands. */
class HeldLink implements Link {
  readonly remote = '192.0.2.7:4711'
  readonly local = '192.0.2.1:6379'
  readonly fromOutside: boolean
  readonly pendingBytes = 0
  sent = ''
  closed = false
  #handlers: LinkHandlers | undefined

  constructor(fromOutside: boolean) {
    this.fromOutside = fromOutside
  }

  open(handlers: LinkHandlers): void {
    this.#handlers = handlers
  }
  send(data: Uint8Array | string): boolean {
    this.sent += typeof data === 'string' ? data : Buffer.from(data).toString('latin1')
    return true
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.destroy()
  }
  destroy(): void {
    if (this.closed) return
    this.closed = true
    this.#handlers?.closed()
  }

  /** Bytes come in from the other end; what was sent for them. */
  say(text: string): string {
    this.sent = ''
    if (!this.closed) this.#handlers?.data(Buffer.from(text, 'latin1'))
    return this.sent
  }
}

class HeldTransport implements Transport {
  readonly address = 'held'
  readonly host = 'held'
  readonly port = 0
  #accept: (link: Link) => void = () => {}

  async listen(accept: (link: Link) => void): Promise<Listening> {
    this.#accept = accept
    return { address: this.address, close: async () => {} }
  }
  connect(): Link {
    throw new Error('nobody connects from here')
  }
  arrive(fromOutside: boolean): HeldLink {
    const link = new HeldLink(fromOutside)
    this.#accept(link)
    return link
  }
}

/** Replies leave at the end of the turn they were written in: here that is at once. */
const atOnce: Env = { ...systemEnv(), soon: (work) => work() }

test('protected mode: without a password nobody from outside is let in', async () => {
  await using store = new Store({ env: atOnce })
  const transport = new HeldTransport()
  await store.listen(transport)
  assert.is(transport.arrive(false).say('PING\r\n'), '+PONG\r\n', 'from this machine')
  const refused = transport.arrive(true)
  assert.ok(refused.closed)
  assert.match(refused.sent, /^-DENIED [^\r\n]*protected mode[^\r\n]*\r\n$/)
  assert.is(refused.say('PING\r\n'), '')
  store.call('CONFIG', 'SET', 'protected-mode', 'no')
  assert.is(transport.arrive(true).say('PING\r\n'), '+PONG\r\n', 'protected mode is off')
})

test('protected mode: with a password everybody may try', async () => {
  await using store = new Store({ env: atOnce, config: { requirepass: 'secret' } })
  const transport = new HeldTransport()
  await store.listen(transport)
  const link = transport.arrive(true)
  assert.match(link.say('PING\r\n'), /^-NOAUTH /)
  assert.is(link.say('AUTH secret\r\nPING\r\n'), '+OK\r\n+PONG\r\n')
})

test('any bytes in any pieces never break the listener', async () => {
  await using store = new Store({ env: atOnce })
  const transport = new HeldTransport()
  await store.listen(transport)
  const chance = new Chance()
  for (const bytes of badRequests()) {
    // What was answered before such a line is lost with it, unless it left in a piece before.
    if (/host:|post/i.test(bytes.toString('latin1'))) continue
    const whole = transport.arrive(false)
    const pieces = transport.arrive(false)
    store.call('FLUSHALL')
    const expected = whole.say(bytes.toString('latin1'))
    store.call('FLUSHALL')
    let got = ''
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + chance.below(bytes.length > 1000 ? 20_000 : 9)
      got += pieces.say(bytes.toString('latin1', at, at + size))
      at += size
    }
    assert.is(got, expected, JSON.stringify(bytes.toString('latin1').slice(0, 200)))
    assert.is(pieces.closed, whole.closed)
    whole.destroy()
    pieces.destroy()
  }
})

test.run()
