// Random sequences of commands over two connections, the same to a redis-server 7.0.15 and to a Store: every reply is the
// same byte for byte, the data is the same in the end, and a real replica of the Store holds it too, times and all.
// A sequence that differs is shrunk. HOTSPARE_RUNS says how many are tried, HOTSPARE_SEED which ones.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Argument, encode, type RawClient, type Reply } from '../client.js'
import { type Both, skip, startBoth, type World } from '../commands/both.js'
import { type PeerServer, startServer } from '../peers.js'
import { parse } from '../resp.js'
import { suite, until } from '../suite.js'

const RUNS = Number(process.env.HOTSPARE_RUNS ?? 250)
const SEED = Number(process.env.HOTSPARE_SEED ?? 20261122)
const LONGEST_RUN = 40
const LIMIT_MS = 20_000 + RUNS * 200
const DATABASES = 4
/** How far times may lie apart: the two run one command after the other. */
const TOLERANCE_MS = 5_000

const test = suite('differential')

const keys: Argument[] = [
  'a',
  'b',
  'c',
  '',
  'ä€\u{1f600}',
  Buffer.of(0xff, 0x00, 0xc3),
  'a long key, longer than a word',
]
const key = fc.constantFrom(...keys)
const value = fc.oneof(
  fc.constantFrom<Argument[]>('', '0', '1', '-5', '10', '007', '9223372036854775807', '-9223372036854775808', '3.25'),
  fc.constantFrom<Argument[]>('1e3', 'inf', 'nan', 'abc', 'ä€\u{1f600}', 'x'.repeat(44), 'x'.repeat(45), ' 1', 'OK'),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc.integer({ min: -1000, max: 20_000 }).map(String),
)
const integer = fc.oneof(
  fc.integer({ min: -20, max: 20 }).map(String),
  fc.constantFrom(
    '9223372036854775807',
    '-9223372036854775808',
    '9223372036854775808',
    'x',
    '',
    '1.0',
    '+1',
    '01',
    '-0',
  ),
)
const float = fc.constantFrom(
  '0',
  '1.5',
  '-0.1',
  '1e2',
  '3.0e-3',
  '1e400',
  'inf',
  '-inf',
  'nan',
  'x',
  '',
  ' 1',
  '0x10',
  '1e18',
)
const db = fc.constantFrom('0', '1', '2', '3', '0', '1', '16', '-1', 'x')
/** Times that are far away, or past, or none. */
const seconds = fc
  .constantFrom('100000', '200000', '-1', '0', '1', 'x', '9223372036854775807', '-9223372036854775808')
  .filter((s) => s !== '1')
const milliseconds = seconds.map((time) => (/^\d00000$/.test(time) ? `${time}000` : time))
const atSeconds = fc.constantFrom('4000000000', '5000000000', '1', '0', '-1', 'x', '9223372036854775807')
const atMilliseconds = atSeconds.map((time) => (/^\d000000000$/.test(time) ? `${time}000` : time))
const offset = fc.oneof(
  fc.integer({ min: -30, max: 30 }).map(String),
  fc.constantFrom('536870912', 'x', '9223372036854775807'),
)

type Part = string | fc.Arbitrary<Argument | Argument[]>

/** A command out of words and arbitrary arguments. */
function line(text: string, ...parts: Part[]): fc.Arbitrary<Argument[]> {
  const given = parts.map((part) => (typeof part === 'string' ? fc.constant<Argument>(part) : part))
  return fc.tuple(...given).map((args) => [...text.split(' '), ...args.flat()])
}

function some(what: fc.Arbitrary<Argument>, maxLength = 3, minLength = 0): fc.Arbitrary<Argument[]> {
  return fc.array(what, { minLength, maxLength })
}

function maybe(...choices: fc.Arbitrary<Argument[]>[]): fc.Arbitrary<Argument[]> {
  return fc.oneof({ weight: choices.length * 2, arbitrary: fc.constant<Argument[]>([]) }, ...choices)
}

/** Options, each there or not, in order; now and then a word that is none. */
function options(...choices: fc.Arbitrary<Argument[]>[]): fc.Arbitrary<Argument[]> {
  const wrong = maybe(line('KEEPTTL'), line('FOO'), line('EX'), line('PERSIST'))
  return fc
    .tuple(...choices.map((one) => maybe(one)), fc.oneof({ weight: 9, arbitrary: fc.constant<Argument[]>([]) }, wrong))
    .map((all) => all.flat())
}

const times = fc.oneof(
  line('EX', seconds),
  line('PX', milliseconds),
  line('EXAT', atSeconds),
  line('PXAT', atMilliseconds),
)
const condition = fc.constantFrom<Argument[][]>(['NX'], ['XX'], ['NX', 'XX'], ['nx'])
const pair = fc.tuple(key, value).map((both): Argument[] => both)
const pairs = fc.array(pair, { minLength: 1, maxLength: 3 }).map((all) => all.flat())

const strings: fc.Arbitrary<Argument[]>[] = [
  line('SET', key, value, options(times, condition, line('GET'), line('KEEPTTL'))),
  line('SET', key, value),
  line('GET', key),
  line('GETSET', key, value),
  line('GETDEL', key),
  line('GETEX', key, options(times, line('PERSIST'))),
  line('SETNX', key, value),
  line('SETEX', key, seconds, value),
  line('PSETEX', key, milliseconds, value),
  line('MSET', pairs),
  line('MSETNX', pairs),
  line('MGET', some(key, 4, 1)),
  line('APPEND', key, value),
  line('STRLEN', key),
  line('SETRANGE', key, offset, value),
  line('GETRANGE', key, offset, offset),
  line('SUBSTR', key, offset, offset),
  line('INCR', key),
  line('DECR', key),
  line('INCRBY', key, integer),
  line('DECRBY', key, integer),
  line('INCRBYFLOAT', key, float),
  line('LCS', key, key, options(line('LEN'), line('IDX'), line('MINMATCHLEN', integer), line('WITHMATCHLEN'))),
]

const generic: fc.Arbitrary<Argument[]>[] = [
  line('DEL', some(key, 4, 1)),
  line('UNLINK', some(key, 4, 1)),
  line('EXISTS', some(key, 4, 1)),
  line('TOUCH', some(key, 4, 1)),
  line('TYPE', key),
  line('RENAME', key, key),
  line('RENAMENX', key, key),
  line('COPY', key, key, options(line('DB', db), line('REPLACE'))),
  line('MOVE', key, db),
  line('DBSIZE'),
  line('KEYS', fc.constantFrom('*', '?', '[ab]', 'a*', '*\\ *')),
  line(
    'SCAN',
    '0',
    'COUNT',
    '1000',
    maybe(line('MATCH', fc.constantFrom('a*', '?')), line('TYPE', fc.constantFrom('string', 'list', 'x'))),
  ),
  line('SCAN', fc.constantFrom('x', '-1', '0'), fc.constantFrom('COUNT', 'FOO', 'MATCH')),
  line('OBJECT ENCODING', key),
  line('OBJECT REFCOUNT', fc.constantFrom('missing')),
  line('OBJECT FREQ', key),
  line('OBJECT NONSENSE', key),
  line('PERSIST', key),
  line('TTL', key),
  line('PTTL', key),
  line('EXPIRETIME', key),
  line('PEXPIRETIME', key),
  line('EXPIRE', key, seconds, options(condition)),
  line('PEXPIRE', key, milliseconds, options(condition)),
  line(
    'EXPIREAT',
    key,
    atSeconds,
    options(fc.constantFrom<Argument[][]>(['NX'], ['XX'], ['GT'], ['LT'], ['GT', 'LT'], ['gt'])),
  ),
  line(
    'PEXPIREAT',
    key,
    atMilliseconds,
    options(fc.constantFrom<Argument[][]>(['NX'], ['XX'], ['GT'], ['LT'], ['NX', 'LT'])),
  ),
]

const whole: fc.Arbitrary<Argument[]>[] = [
  line('SELECT', db),
  line('SWAPDB', db, db),
  line('FLUSHDB', maybe(line('ASYNC'), line('SYNC'), line('FOO'))),
  line('FLUSHALL', maybe(line('ASYNC'), line('SYNC'), line('FOO'))),
  line('PING', maybe(line('ä'), line('a', 'b'))),
  line('ECHO', value),
  line('TIME'),
  line('CLIENT GETNAME'),
  line('CLIENT SETNAME', fc.constantFrom('name', 'two words', '')),
]

const transactions: fc.Arbitrary<Argument[]>[] = [
  line('MULTI'),
  line('EXEC'),
  line('EXEC'),
  line('DISCARD'),
  line('WATCH', some(key, 2, 1)),
  line('UNWATCH'),
]

/** Not as they should be: too many words, too few, none that exists. */
const wrong: fc.Arbitrary<Argument[]>[] = [
  fc
    .tuple(
      fc.constantFrom(
        'SET',
        'GET',
        'DEL',
        'EXPIRE',
        'SELECT',
        'MSET',
        'COPY',
        'OBJECT',
        'multi',
        'exec',
        'watch',
        'flushall',
      ),
      some(value),
    )
    .map(([name, args]) => [name, ...args]),
  fc
    .tuple(fc.constantFrom('NONSENSE', 'get ', 'a\r\nb', '', 'ä', Buffer.of(0xff), 'x'.repeat(200)), some(value, 4))
    .map(([name, args]) => [name, ...args]),
]

const command = fc.oneof(
  { weight: 10, arbitrary: fc.oneof(...strings) },
  { weight: 8, arbitrary: fc.oneof(...generic) },
  { weight: 2, arbitrary: fc.oneof(...whole) },
  { weight: 3, arbitrary: fc.oneof(...transactions) },
  { weight: 1, arbitrary: fc.oneof(...wrong) },
)

interface Step {
  /** Which of the two connections. */
  on: 0 | 1
  argv: Argument[]
}

const step = fc.record<Step>({ on: fc.constantFrom<(0 | 1)[]>(0, 0, 0, 1), argv: command })
const run = fc.record({
  protocol: fc.constantFrom<(2 | 3)[]>(2, 3),
  steps: fc.array(step, { minLength: 1, maxLength: LONGEST_RUN, size: 'max' }),
})

/** How replies of one command are compared. */
type Likeness = 'same' | 'time' | 'members' | 'shape'

const likenesses: Record<string, Likeness> = {
  TTL: 'time',
  PTTL: 'time',
  EXPIRETIME: 'time',
  PEXPIRETIME: 'time',
  KEYS: 'members',
  SCAN: 'members',
  TIME: 'shape',
}

function likenessOf([name, sub]: readonly Argument[]): Likeness {
  // How Redis keeps a string depends on how it came to be, ours on what it is.
  if (name === 'OBJECT' && sub === 'ENCODING') return 'shape'
  return likenesses[String(name)] ?? 'same'
}

function valueIn(reply: string): Reply {
  const parsed = parse(Buffer.from(reply, 'latin1'), 'latin1')
  if (parsed.kind === 'incomplete') throw new Error('incomplete')
  return parsed.value
}

function members(reply: Reply): string[] {
  return Array.isArray(reply) ? reply.flatMap(members).sort() : [String(reply)]
}

function assertAlike(ours: string, real: string, likeness: Likeness, what: string): void {
  if (ours === real) return
  if (likeness === 'members') assert.equal(members(valueIn(ours)), members(valueIn(real)), what)
  else if (likeness === 'shape') assert.is(ours[0], real[0], what)
  else if (likeness === 'time' && /^:\d{4,}\r\n$/.test(real) && /^:\d{4,}\r\n$/.test(ours))
    assert.ok(Math.abs(Number(ours.slice(1)) - Number(real.slice(1))) < TOLERANCE_MS, `${what}: ${ours} ${real}`)
  else assert.is(ours, real, what)
}

let world: World
let connections: [Both, Both]
let observer: Both
let replica: PeerServer
let replicaObserver: RawClient

test.before(async () => {
  if (skip !== undefined) return
  world = await startBoth()
  observer = await world.connect()
  // Keys past their time are deleted when a command meets them, and then only: so all do it at the same place.
  await observer.same(['DEBUG SET-ACTIVE-EXPIRE 0'])
  replica = await startServer({
    family: 'redis',
    version: '7.0.15',
    config: { replicaof: `127.0.0.1 ${world.ours}` },
  })
  connections = [await world.connect(), await world.connect()]
  replicaObserver = await replica.connect()
  await until(async () => (await replica.info('replication')).master_link_status === 'up', { what: 'the replica' })
})

test.after(async () => {
  for (const both of [...(connections ?? []), observer]) await both?.close()
  await replicaObserver?.close()
  await replica?.stop()
  await world?.close()
})

async function perform(protocol: 2 | 3, steps: readonly Step[]): Promise<void> {
  for (const both of connections) {
    await both.same(['RESET'])
    for (const client of [both.ours, both.real]) await client.ok('HELLO', protocol)
  }
  await observer.same(['FLUSHALL'])
  /** What waits for EXEC in each connection, as far as it is not compared to the letter. */
  const loose: boolean[] = [false, false]
  for (const [index, { on, argv }] of steps.entries()) {
    const [ours, real] = await connections[on].replies(argv)
    const name = String(argv[0]).toUpperCase()
    const likeness = name === 'EXEC' && loose[on] ? 'shape' : likenessOf(argv)
    assertAlike(ours, real, likeness, `step ${index}, ${argv.map(String).join(' ')}`)
    if (name === 'EXEC' || (/^(MULTI|DISCARD)$/.test(name) && real.startsWith('+OK'))) loose[on] = false
    else if (real.startsWith('+QUEUED') && likeness !== 'same') loose[on] = true
  }
}

/** The data is the same in ours, the real server, and ours' real replica. */
async function assertData(): Promise<void> {
  // Ours leaves keys past their time out of the digest, Redis does not: looking at them removes them.
  for (let index = 0; index < DATABASES; index++) await observer.same([`SELECT ${index}`, ['EXISTS', ...keys]])
  await observer.same(['DEBUG DIGEST'])
  await inStep()
  const digest = String(await observer.ours.ok('DEBUG', 'DIGEST'))
  assert.is(String(await replicaObserver.ok('DEBUG', 'DIGEST')), digest, 'the replica’s data')
  const asked: Argument[][] = []
  for (let index = 0; index < DATABASES; index++)
    asked.push(['SELECT', String(index)], ...keys.map((one) => ['PEXPIRETIME', one]))
  const times = await Promise.all(
    [observer.ours, observer.real, replicaObserver].map((client) => pipelined(client, asked)),
  )
  assert.equal(times[2], times[0], 'times in the replica')
  for (const [i, time] of times[0].entries())
    assertAlike(`:${time}\r\n`, `:${times[1][i]}\r\n`, 'time', `time of ${asked[i].map(String).join(' ')}`)
}

function pipelined(client: RawClient, all: readonly Argument[][]): Promise<string[]> {
  client.send(Buffer.concat(all.map((argv) => encode(...argv))))
  return Promise.all(all.map(async () => String(await client.reply())))
}

async function inStep(): Promise<void> {
  const offset = async (client: RawClient, name: string): Promise<string | undefined> =>
    String(await client.ok('INFO', 'replication')).match(new RegExp(`${name}:(\\d+)`))?.[1]
  const wanted = await offset(observer.ours, 'master_repl_offset')
  await until(async () => (await offset(replicaObserver, 'slave_repl_offset')) === wanted, {
    what: `the replica at ${wanted}`,
    everyMs: 1,
  })
}

test(`${RUNS} random sequences`, { skip, limitMs: LIMIT_MS }, () =>
  fc.assert(
    fc.asyncProperty(run, async ({ protocol, steps }) => {
      await perform(protocol, steps)
      await assertData()
    }),
    {
      seed: SEED,
      numRuns: RUNS,
      includeErrorInReport: true,
      interruptAfterTimeLimit: LIMIT_MS - 10_000,
      markInterruptAsFailure: false,
    },
  ),
)

test('RANDOMKEY gives keys that are there, each of them sooner or later', { skip }, async () => {
  const { ours } = observer
  await ours.ok('FLUSHALL')
  assert.is(await ours.ok('RANDOMKEY'), null)
  for (const name of ['x', 'y', 'z']) await ours.ok('SET', name, 'v')
  await ours.ok('SET', 'past', 'v', 'PXAT', 1)
  const found = new Set(await pipelined(ours, Array(300).fill(['RANDOMKEY'])))
  assert.equal([...found].sort(), ['x', 'y', 'z'])
})

test('the replica never had to start anew', { skip }, async () => {
  const info = String(await observer.ours.ok('INFO', 'stats'))
  assert.is(info.match(/sync_full:(\d+)/)?.[1], '1')
})

test.run()
