// OBJECT IDLETIME and FREQ: idle times on a virtual clock; which commands count as a use, on a real server too.

import * as assert from 'uvu/assert'
import { ValueReply } from '../../src/protocol/writer.js'
import { RdbReader } from '../../src/rdb/reader.js'
import { Store, type StoreOptions } from '../../src/store.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import { World as Nodes } from '../sim/world.js'
import { suite, until } from '../suite.js'
import { type Both, skip, startBoth, type World } from './both.js'

const test = suite('object')

interface Alone {
  store: Store
  call: (line: string) => unknown
  after: (seconds: number) => Promise<unknown>
}

function alone(options: StoreOptions<unknown> = {}): Alone {
  const sim = new MemoryNetwork({ seed: 1 })
  const store = new Store({ env: sim.env('a'), codec: 'string', ...options } as StoreOptions<unknown>)
  return {
    store,
    call: (line) => store.call(...(line.split(' ') as [string])),
    after: (seconds) => sim.advance(seconds * 1000),
  }
}

const withPolicy = (policy: string): StoreOptions<unknown> => ({ config: { 'maxmemory-policy': policy } })

test('nothing is recorded until somebody asks; then a key is idle since that, or since its last use', async () => {
  const { store, call, after } = alone()
  call('SET old v')
  call('SET used v')
  await after(100)
  assert.is(call('OBJECT IDLETIME nosuch'), null)
  call('OBJECT ENCODING old')
  call('DUMP old')
  assert.throws(() => call('OBJECT FREQ old'), /LFU maxmemory policy is not selected/)
  assert.is(store.engine.dataset.keyspaces[0].recency, null)
  assert.is(call('OBJECT IDLETIME old'), 0)
  await after(50)
  assert.is(store.get('used'), 'v')
  await after(7)
  assert.equal([call('OBJECT IDLETIME old'), call('OBJECT IDLETIME used')], [57, 7])
  assert.is(store.engine.dataset.bytes, 0, 'no sizes')
  call('FLUSHALL')
  call('SET old v')
  await after(3)
  assert.is(call('OBJECT IDLETIME old'), 3)
})

test('under a policy or a bound uses are recorded from the start', async () => {
  for (const options of [withPolicy('allkeys-lru'), withPolicy('volatile-ttl'), { max: 10 }, { maxMemory: 1e6 }]) {
    const { store, call, after } = alone(options)
    store.set('k', 'v')
    await after(20)
    assert.is(call('OBJECT IDLETIME k'), 20)
    assert.match(String(call('OBJECT HELP')), /not used since is idle since then/)
  }
})

test('looking at a key is no use of it; reading, TOUCH and changes of its time are', async () => {
  const { store, call, after } = alone(withPolicy('allkeys-lru'))
  const idleAfter = async (line: string): Promise<unknown> => {
    call('DEL k')
    call('SET k v')
    await after(30)
    call(line)
    return call('OBJECT IDLETIME k')
  }
  for (const line of [
    'TTL k',
    'PTTL k',
    'EXPIRETIME k',
    'TYPE k',
    'EXISTS k',
    'OBJECT ENCODING k',
    'MEMORY USAGE k',
    'KEYS *',
    'SCAN 0',
    'RANDOMKEY',
    'WATCH k',
    'UNWATCH',
  ])
    assert.is(await idleAfter(line), 30, line)
  for (const line of [
    'GET k',
    'MGET k',
    'TOUCH k',
    'STRLEN k',
    'DUMP k',
    'SET k w',
    'APPEND k x',
    'EXPIRE k 100',
    'PERSIST k',
    'COPY k l',
  ])
    assert.is(await idleAfter(line), 0, line)
  await after(30)
  assert.is(call('OBJECT IDLETIME l'), 30)
  store.has('k')
  store.ttl('k')
  assert.is(call('OBJECT IDLETIME k'), 30)
  store.get('k')
  assert.is(call('OBJECT IDLETIME k'), 0)
})

test('a collection is used through its handle', async () => {
  const { store, call, after } = alone(withPolicy('allkeys-lru'))
  const list = store.listAt('l')
  list.push('a')
  await after(9)
  assert.is(call('OBJECT IDLETIME l'), 9)
  assert.is(list.at(0), 'a')
  assert.is(call('OBJECT IDLETIME l'), 0)
})

/** What a real redis-server 7.0.15 gave for a key that holds `v`. */
const VALUE = Buffer.from('0001760a009108ceb219388ace', 'hex')

test('RESTORE sets the idle time, or the frequency under an LFU policy; a record begins for an idle time', async () => {
  for (const policy of ['noeviction', 'allkeys-lru', 'volatile-random']) {
    const { store, call, after } = alone(withPolicy(policy))
    store.call('RESTORE', 'k', 0, VALUE, 'FREQ', 100)
    assert.is(store.engine.dataset.keyspaces[0].recency === null, policy === 'noeviction', policy)
    store.call('RESTORE', 'k', 0, VALUE, 'REPLACE', 'IDLETIME', 1000)
    await after(5)
    assert.is(call('OBJECT IDLETIME k'), 1005, policy)
    store.call('RESTORE', 'k', 0, VALUE, 'REPLACE')
    assert.is(call('OBJECT IDLETIME k'), 0, policy)
  }
  const { store, call } = alone(withPolicy('allkeys-lfu'))
  store.call('RESTORE', 'k', 0, VALUE, 'FREQ', 100)
  assert.is(call('OBJECT FREQ k'), 100)
  assert.throws(() => call('OBJECT IDLETIME k'), /An LFU maxmemory policy is selected/)
  store.call('RESTORE', 'k', 0, VALUE, 'REPLACE', 'IDLETIME', 1000)
  assert.is(call('OBJECT FREQ k'), 5)
})

test('keys restored with idle times are evicted first', () => {
  const { store } = alone({ max: 5 })
  store.set('a', 'v').set('b', 'v').set('c', 'v')
  store.call('RESTORE', 'idle', 0, VALUE, 'IDLETIME', 50)
  store.call('RESTORE', 'idler', 0, VALUE, 'IDLETIME', 100)
  store.set('d', 'v')
  assert.equal([...store.keys()], ['a', 'b', 'c', 'idle', 'd'])
  store.set('e', 'v')
  assert.equal([...store.keys()], ['a', 'b', 'c', 'd', 'e'])
})

test('CLIENT NO-TOUCH: only TOUCH is a use then, in transactions too', async () => {
  const { store, call, after } = alone(withPolicy('allkeys-lru'))
  const { engine } = store
  const client = engine.connect({ kind: 'normal', reply: new ValueReply() })
  const send = (line: string): void => engine.execute(client, line.split(' '))
  const idleAfter = async (...lines: string[]): Promise<unknown> => {
    call('SET k v')
    await after(10)
    for (const line of lines) send(line)
    return call('OBJECT IDLETIME k')
  }
  assert.is(await idleAfter('GET k'), 0)
  send('CLIENT NO-TOUCH ON')
  assert.is(await idleAfter('GET k'), 10)
  assert.is(await idleAfter('MULTI', 'GET k', 'STRLEN k', 'EXEC'), 10)
  assert.is(await idleAfter('TOUCH k'), 0)
  assert.is(await idleAfter('MULTI', 'GET k', 'TOUCH k', 'EXEC'), 0)
  assert.is(await idleAfter('SET k w'), 0, 'a write is a use')
  assert.is(await idleAfter('GET k'), 10)
  assert.is(store.get('k'), 'v')
  assert.is(call('OBJECT IDLETIME k'), 0, 'of the others nobody asked')
  send('CLIENT NO-TOUCH OFF')
  assert.is(await idleAfter('GET k'), 0)
})

test('a counter goes with a key that is renamed or moved, and not into a copy', () => {
  const { call } = alone({ config: { 'maxmemory-policy': 'allkeys-lfu', 'lfu-log-factor': '0' } })
  call('SET k v')
  for (let i = 0; i < 10; i++) call('GET k')
  call('COPY k copy')
  assert.equal([call('OBJECT FREQ k'), call('OBJECT FREQ copy')], [16, 5])
  call('RENAME k l')
  assert.is(call('OBJECT FREQ l'), 17)
  call('MOVE l 3')
  call('SWAPDB 0 3')
  assert.is(call('OBJECT FREQ l'), 18)
})

for (const [policy, name] of [
  ['allkeys-lru', 'idle times'],
  ['volatile-lfu', 'frequencies'],
] as const) {
  test(`a full sync and a reload hand ${name} over`, async () => {
    await using world = new Nodes()
    const config = { 'maxmemory-policy': policy, 'lfu-log-factor': '0', 'enable-debug-command': 'yes' }
    const a = await world.node('a', { config })
    const keys = ['never', 'often', 'list']
    const told = (store: Store): unknown[] =>
      keys.map((key) => store.call('OBJECT', policy === 'allkeys-lru' ? 'IDLETIME' : 'FREQ', key))
    a.set('never', 'v').set('often', 'v', { ttl: 1e6 })
    a.listAt('list').push('a')
    await world.sim.advance(20_000)
    for (let i = 0; i < 30; i++) a.get('often')
    await world.sim.advance(5_000)
    const expected = policy === 'allkeys-lru' ? [25, 5, 25] : [5, 35, 5]
    assert.equal(told(a), expected)
    const b = await world.replica('b', 'a', { config })
    assert.equal(told(b), expected)
    b.call('DEBUG', 'RELOAD')
    assert.equal(told(b), expected)
    // One whose policy does not go by use: idle times are taken, counters are nobody's.
    const c = await world.replica('c', 'a')
    const ofC = c.engine.dataset.keyspaces[0].recency
    if (policy === 'allkeys-lru') assert.equal(told(c), expected)
    else assert.is(ofC, null)
  })
}

test('a snapshot tells of uses as they were when a key was changed', async () => {
  await using world = new Nodes()
  const a = await world.node('a', withPolicy('allkeys-lru'))
  for (let i = 0; i < 50; i++) a.set(`k${i}`, 'v')
  await world.sim.advance(90_000)
  const snapshot = a.engine.takeSnapshot()
  for (let i = 0; i < 50; i++) a.set(`k${i}`, 'w')
  const idleTimes: unknown[] = []
  const nothing = (): void => {}
  const keep = (_key: string, _value: unknown, _expiresAt: unknown, use: unknown): void => void idleTimes.push(use)
  const reader = new RdbReader({
    ...{ aux: nothing, selectDb: nothing, resizeDb: nothing, function: nothing },
    string: keep,
    value: keep,
  })
  while (!snapshot.done) for (const chunk of snapshot.read(10)) reader.write(chunk)
  reader.end()
  assert.equal(
    idleTimes,
    Array.from({ length: 50 }, () => ({ idleSeconds: 90, frequency: undefined })),
  )
})

// The same on a real server

let world: World
let both: Both

test.before(async () => {
  if (skip !== undefined) return
  // With a factor of 0 each use counts, and nothing decays: so it can be compared.
  world = await startBoth({ 'maxmemory-policy': 'allkeys-lfu', 'lfu-log-factor': '0', 'lfu-decay-time': '0' })
  both = await world.connect()
})
test.after(async () => {
  await both?.close()
  await world?.close()
})

const setup = `FLUSHALL;SET s abc;SET n 50000;SET e v EX 1000;SET bits abc;RPUSH l a b c d;SADD t 1 2 3;SADD u 2 3 4;HSET h f 1 g 2
  ZADD z 1 a 2 b 3 c;ZADD y 5 a 6 q;XADD x 1-1 f v;XGROUP CREATE x g 0;GEOADD geo 13 38 P 15 37 C;PFADD p a b`
const counted = ['s', 'n', 'e', 'bits', 'l', 't', 'u', 'h', 'z', 'y', 'x', 'geo', 'p', 'new']

const uses = {
  strings: `GET s;SET s new;SET s x XX;SET s v EX 100;SET s v KEEPTTL;SET new v;SETNX new v;GETDEL s;GETEX s;GETEX s EX 10
    GETEX e PERSIST;MSET s 1000000 n 2000000;MGET s n nosuch;APPEND s x;STRLEN s;SETRANGE s 1 xx;GETRANGE s 0 1;INCR n;DECRBY n 2
    INCRBYFLOAT n 1.5;SETEX s 100 v;PSETEX s 10000 v;LCS s bits;SETBIT bits 1 1;GETBIT bits 1;BITCOUNT bits;BITPOS bits 1
    BITOP AND new bits s;BITOP OR bits bits s;BITFIELD bits GET u8 0;BITFIELD bits SET u8 0 1;BITFIELD_RO bits GET u8 0
    PFADD p c;PFADD p a;PFCOUNT p;PFMERGE new p`,
  keys: `EXISTS s n;TYPE s;TTL s;PTTL e;EXPIRETIME e;EXPIRE s 100;EXPIRE s 100 XX;PEXPIREAT s 9999999999999;PERSIST e;PERSIST s
    OBJECT ENCODING s;OBJECT FREQ s;OBJECT REFCOUNT s;MEMORY USAGE s;DUMP s;TOUCH s n s;RENAME s new;RENAME s n;RENAMENX s new
    RENAMENX s n;COPY s new;COPY s n;COPY s n REPLACE;COPY h new;KEYS *;SCAN 0;DEL nosuch;SORT l ALPHA;SORT l ALPHA STORE new
    SORT l BY nosuch STORE t;SORT_RO l ALPHA;SORT t BY s*;WATCH s;UNWATCH;MOVE s 5`,
  lists: `LPUSH l x;LPUSHX l x;RPUSHX new x;LPOP l;RPOP l 2;LLEN l;LRANGE l 0 -1;LINDEX l 0;LSET l 0 q;LREM l 0 a;LTRIM l 0 1
    LINSERT l BEFORE b z;LPOS l b;LMOVE l l LEFT RIGHT;BLPOP l 0;LMPOP 1 l LEFT`,
  hashes: `HSET h f 2;HSET h k 3;HSETNX h f 1;HSETNX h q 1;HGET h f;HMGET h f g;HGETALL h;HLEN h;HEXISTS h f;HDEL h f
    HDEL h nosuch;HINCRBY h f 1;HINCRBYFLOAT h f 1;HSTRLEN h f;HRANDFIELD h 2;HSCAN h 0`,
  sets: `SADD t 9;SADD t 1;SREM t 1;SREM t nosuch;SISMEMBER t 1;SCARD t;SMEMBERS t;SPOP t;SRANDMEMBER t 2;SMOVE t new 1;SINTER t u
    SINTERCARD 2 t u;SINTERSTORE new t u;SINTERSTORE t t u;SUNION t u;SDIFF t u;SDIFFSTORE new t u;SSCAN t 0`,
  'sorted sets': `ZADD z 5 q;ZADD z XX 7 a;ZADD z NX 9 a;ZINCRBY z 1 a;ZREM z a;ZREM z nosuch;ZSCORE z a;ZCARD z;ZRANK z a
    ZRANGE z 0 -1;ZRANGE z 0 9 BYSCORE;ZRANGESTORE new z 0 -1;ZCOUNT z 0 9;ZPOPMIN z;ZPOPMAX z 2;ZMPOP 1 z MIN
    ZREMRANGEBYRANK z 0 0;ZUNION 2 z y;ZUNIONSTORE new 2 z y;ZUNIONSTORE z 2 z y;ZDIFFSTORE new 2 z y;ZRANDMEMBER z 2;ZSCAN z 0
    GEOADD geo 14 38 Q;GEOPOS geo P;GEODIST geo P C;GEOSEARCH geo FROMMEMBER P BYRADIUS 200 km
    GEOSEARCHSTORE new geo FROMMEMBER P BYRADIUS 200 km`,
  streams: `XADD x 2-1 f v;XLEN x;XRANGE x - +;XREAD STREAMS x 0;XREAD STREAMS x $;XREADGROUP GROUP g c STREAMS x >;XACK x g 1-1
    XDEL x 1-1;XTRIM x MAXLEN 0;XINFO STREAM x;XPENDING x g;XGROUP CREATE x g2 0;XGROUP DELCONSUMER x g c;XSETID x 5-5
    XCLAIM x g c 0 1-1;XAUTOCLAIM x g c 0 0;XGROUP CREATE new g 0 MKSTREAM`,
}

const linesOf = (text: string): string[] =>
  text
    .split(/[;\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')

for (const [group, lines] of Object.entries(uses)) {
  test(`what counts as a use, and of which keys: ${group}`, { skip }, async () => {
    for (const line of linesOf(lines)) {
      for (const one of linesOf(setup)) await both.replies(one)
      await both.replies(line)
      for (const key of counted) {
        const [ours, real] = await both.replies(`OBJECT FREQ ${key}`)
        assert.is(ours, real, `${line}: ${key}`)
      }
    }
  })
}

test('RESTORE with FREQ and IDLETIME, and what a change of the policy leaves', { skip }, async () => {
  const { real } = both
  await real.ok('SET', 'v', 'v')
  const raw = await real.callRaw('DUMP', 'v')
  const payload = raw.subarray(raw.indexOf('\r\n') + 2, raw.length - 2)
  await both.same([
    'FLUSHALL',
    ['RESTORE', 'k', '0', payload, 'FREQ', '100'],
    'OBJECT FREQ k',
    'GET k',
    'OBJECT FREQ k',
    'OBJECT IDLETIME k',
    ['RESTORE', 'k', '0', payload, 'FREQ', '255', 'REPLACE'],
    'GET k',
    'OBJECT FREQ k',
    ['RESTORE', 'k', '0', payload, 'IDLETIME', '9', 'REPLACE'],
    'OBJECT FREQ k',
    'CONFIG SET maxmemory-policy volatile-lru',
    'OBJECT FREQ k',
    ['RESTORE', 'k', '0', payload, 'FREQ', '9', 'REPLACE'],
  ])
  for (const policy of ['volatile-lru', 'noeviction', 'allkeys-random']) {
    await both.same([
      `CONFIG SET maxmemory-policy ${policy}`,
      ['RESTORE', 'k', '0', payload, 'IDLETIME', '1000', 'REPLACE'],
    ])
    for (const reply of await both.replies('OBJECT IDLETIME k')) {
      const seconds = Number(reply.slice(1))
      assert.ok(seconds >= 1000 && seconds < 1010, `${policy}: ${reply}`)
    }
  }
  await both.same(['CONFIG SET maxmemory-policy allkeys-lfu'])
})

test('frequencies and idle times go to a real replica and come from a real primary', { skip }, async () => {
  const { ours, real } = both
  const asked = async (client: typeof ours, what: string): Promise<unknown[]> =>
    Promise.all(['hot', 'cold', 'list'].map((key) => client.ok('OBJECT', what, key)))
  const arrived = async (key: string): Promise<boolean> =>
    until(async () => (await real.ok('EXISTS', key)) === 1, { what: 'the data' })
  for (const [policy, what, option] of [
    ['allkeys-lfu', 'FREQ', 'FREQ'],
    ['allkeys-lru', 'IDLETIME', 'IDLETIME'],
  ] as const) {
    await both.same([`CONFIG SET maxmemory-policy ${policy}`, 'FLUSHALL'])
    await ours.ok('RESTORE', 'hot', 0, VALUE, option, 200)
    await ours.ok('RESTORE', 'cold', 0, VALUE, option, 77)
    await ours.ok('RPUSH', 'list', 'a')
    const sent = await asked(ours, what)
    assert.equal(
      (sent as number[]).map((one) => one - (one % 20)),
      [200, 60, 0],
    )
    const near = (got: unknown[]): void => {
      for (const [i, one] of got.entries())
        assert.ok(Math.abs(Number(one) - Number(sent[i])) <= (what === 'FREQ' ? 0 : 10), `${got}, not ${sent}`)
    }
    await real.ok('REPLICAOF', '127.0.0.1', world.ours)
    await arrived('hot')
    near(await asked(real, what))
    await real.ok('REPLICAOF', 'NO', 'ONE')
    await ours.ok('FLUSHALL')
    await world.store.replicaOf(`redis://127.0.0.1:${world.real}`)
    near(await asked(ours, what))
    await world.store.promote()
  }
})

test.run()
