// Commands about the node as a whole, against a real server; and INFO, which has its fields.

import * as assert from 'uvu/assert'
import { suite } from '../suite.js'
import { type Both, type Mask, type Request, skip, startBoth, type World } from './both.js'

const test = suite('server')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

async function onBoth(run: (both: Both) => Promise<void>): Promise<void> {
  await using both = await world.connect()
  await both.same(['FLUSHALL'])
  await run(both)
}

/** Runs the requests on new connections and empty databases. */
const same = (...requests: Request[]): Promise<void> => onBoth((both) => both.same(requests))

test('DBSIZE, FLUSHDB, FLUSHALL', { skip }, () =>
  same(
    ...['DBSIZE', 'SET a 1', 'SELECT 3', 'SET b 2', 'SET c 3', 'DBSIZE', 'DBSIZE x'],
    ...['FLUSHDB x', 'FLUSHDB ASYNC SYNC', 'FLUSHALL x', 'DBSIZE', 'FLUSHDB async', 'DBSIZE', 'SELECT 0', 'DBSIZE'],
    ...['flushall Sync', 'DBSIZE', 'FLUSHALL', 'FLUSHDB SYNC'],
  ),
)

test('SWAPDB', { skip }, () =>
  same(
    ...['SWAPDB 0 x', 'SWAPDB x 0', 'SWAPDB 0 16', 'SWAPDB 16 x', 'SWAPDB -1 0', 'SWAPDB 99999999999 0', 'SWAPDB 0'],
    ...['SWAPDB 0 99999999999999999999', 'SET a zero', 'SELECT 1', 'SET a one', 'SWAPDB 0 0', 'GET a'],
    ...['SWAPDB 0 1', 'GET a', 'SELECT 0', 'GET a', 'swapdb 1 0', 'GET a', 'SWAPDB 0 9', 'GET a', 'DBSIZE'],
  ),
)

test('TIME is about now', { skip }, () =>
  onBoth(async (both) => {
    const [ours, real] = await Promise.all([both.ours, both.real].map((one) => one.ok('TIME')))
    const [seconds, micros] = (ours as string[]).map(Number)
    assert.ok(Math.abs(seconds - Number((real as string[])[0])) <= 2)
    assert.ok(micros >= 0 && micros < 1_000_000)
    await both.same(['TIME x'])
  }),
)

test('CONFIG', { skip }, () =>
  same(
    ...['CONFIG', 'CONFIG foo', 'CONFIG GET', 'CONFIG GET nosuch', 'CONFIG GET maxmemory', 'CONFIG GET MAXMEMORY'],
    ...['CONFIG SET', 'CONFIG SET hz', 'CONFIG SET hz 10 x', 'CONFIG SET nosuch 1', 'CONFIG SET hz x'],
    ...['CONFIG SET maxmemory 1mb', 'CONFIG GET maxmemory', 'CONFIG SET maxmemory 0 hz 20', 'CONFIG GET hz'],
    ...['CONFIG SET hz 30 nosuch 1', 'CONFIG GET hz', 'CONFIG SET hz 10', 'CONFIG SET databases 3'],
    ...['CONFIG RESETSTAT', 'CONFIG RESETSTAT x', 'CONFIG HELP x'],
  ),
)

test('CONFIG GET is a map in RESP3, with all that match', { skip }, () =>
  onBoth(async (both) => {
    await both.replies('HELLO 3')
    await both.same(['CONFIG GET hz', 'CONFIG GET nosuch'])
    const [ours, real] = await Promise.all([both.ours, both.real].map((one) => one.ok('CONFIG', 'GET', '*max*', 'hz')))
    const sorted = (map: unknown): unknown => [...(map as Map<string, string>)].sort()
    assert.equal(sorted(ours), sorted(real))
  }),
)

test('CONFIG REWRITE of a node without a file', { skip }, async () => {
  await using both = await world.connect()
  assert.match(String(await both.ours.call('CONFIG', 'REWRITE')), /ERR The server is running without a config file/)
})

test('MODULE and LOLWUT', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['MODULE', 'MODULE foo', 'MODULE LIST', 'MODULE LIST x', 'LOLWUT VERSION x'])
    assert.match(String(await both.ours.ok('LOLWUT')), /Redis ver\. 7\.0\.15\n$/)
  }),
)

test('SHUTDOWN: what is refused', { skip }, () =>
  same('SHUTDOWN foo', 'SHUTDOWN SAVE NOSAVE', 'SHUTDOWN ABORT NOW', 'SHUTDOWN NOW FORCE ABORT', 'SHUTDOWN ABORT'),
)

test('DEBUG: what is refused, and small things', { skip }, () =>
  same(
    ...[
      'DEBUG',
      'DEBUG foo',
      'DEBUG SLEEP',
      'DEBUG SLEEP x',
      'DEBUG SLEEP 0.01',
      'DEBUG DIGEST x',
      'DEBUG DIGEST-VALUE',
    ],
    ...['DEBUG SET-ACTIVE-EXPIRE 0', 'DEBUG SET-ACTIVE-EXPIRE 1', 'DEBUG SET-ACTIVE-EXPIRE x', 'DEBUG OBJECT nothing'],
    ...['DEBUG SET-ACTIVE-EXPIRE 1', 'DEBUG OBJECT a b', 'DEBUG ERROR boo', 'DEBUG LOG hello', 'DEBUG CHANGE-REPL-ID'],
  ),
)

test('DEBUG PROTOCOL: a reply of each type, in RESP2 and RESP3', { skip }, () =>
  onBoth(async (both) => {
    const types = 'string integer double bignum null array set map attrib push verbatim true false nosuch TRUE'.split(
      ' ',
    )
    for (const protocol of [2, 3]) {
      await both.replies(`HELLO ${protocol}`)
      await both.same([
        ...types.filter((type) => type !== 'push' || protocol === 2).map((type) => `DEBUG PROTOCOL ${type}`),
      ])
    }
    await both.same(['DEBUG PROTOCOL', 'DEBUG PROTOCOL true x'])
  }),
)

test('DEBUG POPULATE', { skip }, () =>
  onBoth((both) =>
    both.same([
      ...['DEBUG POPULATE', 'DEBUG POPULATE x', 'DEBUG POPULATE -1', 'DEBUG POPULATE 1 a x', 'DEBUG POPULATE 1 a 1 1'],
      ...['SET key:1 mine', 'DEBUG POPULATE 3', 'MGET key:0 key:1 key:2 key:3', 'DEBUG POPULATE 2 big 20', 'GET big:1'],
      ...['DEBUG POPULATE 2 small 3', 'GET small:1', 'DBSIZE', 'DEBUG DIGEST'],
    ]),
  ),
)

test('DEBUG takes what has no meaning here', { skip }, () =>
  same(
    ...['DEBUG REPLYBUFFER RESIZING 0', 'DEBUG REPLYBUFFER PEAK-RESET-TIME 100', 'DEBUG REPLYBUFFER RESIZING 1'],
    ...['DEBUG REPLYBUFFER PEAK-RESET-TIME RESET', 'DEBUG REPLYBUFFER', 'DEBUG QUICKLIST-PACKED-THRESHOLD 0'],
    ...[
      'DEBUG SET-DISABLE-DENY-SCRIPTS 1',
      'DEBUG SET-DISABLE-DENY-SCRIPTS 0',
      'DEBUG PAUSE-CRON 1',
      'DEBUG PAUSE-CRON 0',
    ],
  ),
)

test('DEBUG is refused unless the node allows it', { skip }, async () => {
  const other = await startBoth({ 'enable-debug-command': 'no' })
  try {
    await using both = await other.connect()
    await both.same(['DEBUG DIGEST', 'DEBUG', 'DEBUG nosuch', 'DEBUG HELP'])
  } finally {
    await other.close()
  }
})

test('DEBUG DIGEST equals that of a real server with the same data', { skip }, () =>
  onBoth(async (both) => {
    const writes: Request[] = [
      'SET a 1',
      'SET b hello',
      ['SET', 'ü', 'täxt'],
      ['SET', Buffer.of(0xff, 0, 0xc3), Buffer.of(0, 1, 0xfe, 0xff)],
      ['SET', '', ''],
      ['SET', 'long', 'x'.repeat(100_000)],
      'SET timed v EX 1000',
      'SET timed-binary v PX 1000000',
      'SELECT 9',
      'SET a 1',
      'SET only here',
      'PEXPIRE only 100000',
      'SWAPDB 9 3',
      'SELECT 3',
      'DEL a',
      'PERSIST only',
      'INCRBY n 41',
      'APPEND n 1',
    ]
    await both.same(['DEBUG DIGEST'])
    for (const write of writes) await both.same([write, 'DEBUG DIGEST'])
    await both.same(['SELECT 0', 'DEBUG DIGEST-VALUE a b timed nothing', 'FLUSHALL', 'DEBUG DIGEST'])
  }),
)

test('MONITOR shows commands as they were sent, without secrets', { skip }, () =>
  onBoth(async (both) => {
    await using watcher = await world.connect()
    await watcher.same(['MONITOR', 'MONITOR x'])
    const requests: Request[] = [
      ['SET', 'a "quoted"\n', Buffer.of(0, 0xff)],
      'get a',
      'NOSUCH a',
      'GET',
      'AUTH secret',
      'SELECT 2',
      'HELLO 2 AUTH default secret',
      'CONFIG SET requirepass secret',
      ['CONFIG', 'SET', 'requirepass', ''],
      'MULTI',
      'SET k v',
      'EXEC',
      'DEBUG SLEEP 0',
      'PING last',
    ]
    for (const request of requests) await both.replies(request)
    const lines = await Promise.all([watcher.ours, watcher.real].map((one) => one.readUntil('"PING" "last"\r\n')))
    const masked = lines.map((text) => text.toString('latin1').replace(/^\+\d+\.\d{6} \[(\d+) [\d.]+:\d+\]/gm, '[$1]'))
    assert.is(masked[0], masked[1])
  }),
)

// INFO

type Sections = Map<string, string[]>

/** Field names of each section, in order. */
function sectionsOf(text: string): Sections {
  const sections: Sections = new Map()
  for (const part of text.split('\r\n\r\n')) {
    const [title, ...lines] = part.split('\r\n').filter((line) => line !== '')
    sections.set(
      title,
      lines.map((line) => line.slice(0, line.indexOf(':'))),
    )
  }
  return sections
}

async function infoOf({ ours, real }: Both, ...names: string[]): Promise<[ours: string, real: string]> {
  const texts = await Promise.all([ours, real].map((one) => one.ok('INFO', ...names)))
  return [String(texts[0]), String(texts[1])]
}

/** Lines of our own. */
const ownFields = ['hotspare_version', 'node_version']

for (const names of [
  [],
  ['default'],
  ['all'],
  ['everything'],
  ['cpu', 'SERVER', 'nosuch', 'Cpu'],
  ['nosuch'],
  ['memory', 'default'],
])
  test(`INFO ${names.join(' ')} has the sections and fields of a real one`, { skip }, () =>
    onBoth(async (both) => {
      await both.same(['SET a 1', 'SET b 1 EX 100', 'SELECT 2', 'SET c 1'])
      const [ours, real] = (await infoOf(both, ...names)).map(sectionsOf)
      assert.equal([...ours.keys()], [...real.keys()])
      for (const [title, fields] of real) {
        if (/stats$/.test(title) && title !== '# Stats') continue
        assert.equal(
          ours.get(title)!.filter((name) => !ownFields.includes(name)),
          fields,
          title,
        )
      }
    }),
  )

test('INFO counts keys, clients, changes and commands as a real server does', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['CONFIG RESETSTAT'])
    const [ours, real] = (await infoOf(both, 'persistence')).map((text) => changesIn(text))
    await both.same([
      'SET a 1',
      'SET b 1 EX 100',
      'DEL nothing',
      'GET a',
      'GET nothing',
      'SELECT 2',
      'SET c 1',
      'GET',
      'INCR c',
    ])
    await both.same(['MSET d 1 e 2', 'FLUSHDB', 'FLUSHDB'])
    assert.is(
      changesIn((await infoOf(both, 'persistence'))[0]) - ours,
      changesIn((await infoOf(both, 'persistence'))[1]) - real,
    )
    const withoutTtl: Mask = (reply) => reply.replace(/avg_ttl=\d+/g, 'avg_ttl=').replace(/^\$\d+/, '')
    await both.same(['INFO keyspace', 'INFO errorstats', 'INFO cluster', 'INFO modules'], withoutTtl)
    const counted = /^(?:keyspace_hits|keyspace_misses|total_error_replies|total_commands_processed):\d+/gm
    const [mine, theirs] = (await infoOf(both, 'stats')).map((text) => text.match(counted))
    assert.equal(mine, theirs)
    const commands = (await infoOf(both, 'commandstats')).map((text) =>
      text
        .replace(/usec=\d+,usec_per_call=[\d.]+,/g, '')
        .split('\r\n')
        .sort(),
    )
    assert.equal(commands[0], commands[1])
  }),
)

function changesIn(text: string): number {
  return Number(/rdb_changes_since_last_save:(\d+)/.exec(text)![1])
}

test('INFO says who we are', { skip }, () =>
  onBoth(async ({ ours }) => {
    const text = String(await ours.ok('INFO'))
    assert.match(text, /^# Server\r\nredis_version:7\.0\.15\r\n/)
    assert.match(text, /\r\nredis_mode:standalone\r\nhotspare_version:\d+\.\d+\.\d+\r\n/)
    assert.match(text, /\r\nrun_id:[0-9a-f]{40}\r\n/)
    assert.ok(text.includes(`\r\ntcp_port:${world.ours}\r\n`))
    assert.match(text, /\r\nloading:0\r\n/)
    assert.match(text, /\r\nrole:master\r\n/)
  }),
)

test('a command line client finds its way', { skip }, () =>
  onBoth(async ({ ours }) => {
    for (const request of [['LASTSAVE'], ['COMMAND', 'COUNT']]) assert.ok(Number(await ours.ok(...request)) > 0)
  }),
)

test.run()
