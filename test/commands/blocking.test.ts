// Clients that wait for a key, on a real server too: who is served, with what, and what goes into the stream.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { encode } from '../client.js'
import { suite } from '../suite.js'
import { type Both, skip } from './both.js'
import { Cases, commandLines, type Pair } from './cases.js'

const test = suite('blocking')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

/** How long both servers may take to come to where a scene wants them. */
const PATIENCE_MS = 5_000

/** Polls, and does nothing in between. */
async function until(what: string, isSo: (blocked: Pair<number>) => boolean): Promise<void> {
  const endsAt = Date.now() + PATIENCE_MS
  for (let blocked = await cases.blockedClients(); !isSo(blocked); blocked = await cases.blockedClients())
    assert.ok(Date.now() < endsAt, `${what}: ${blocked} clients wait, of ours and of the real server`)
}

/** Until so many clients wait on both servers. */
function untilBlocked(count: number): Promise<void> {
  return until(`until ${count} wait`, ([ours, real]) => ours === count && real === count)
}

/**
 * Lines, each of one client:
 *   a: GET k       its reply is compared
 *   a> BLPOP k 0   it waits from then on; several commands, parted by `|`, are sent at once
 *   a~ BLPOP k 0.1 likewise, but whether it waits is not awaited: its time may be over by then
 *   a< 2           the replies to that many of them, or to one, are compared
 *   a.             it closes the connection
 */
async function scene(text: string): Promise<void> {
  await cases.begin()
  const clients = new Map<string, Both>()
  try {
    await play(text, clients)
  } finally {
    await Promise.all([...clients.values()].map((client) => client.close()))
    await untilBlocked(0)
  }
  await cases.finish()
}

async function play(text: string, clients: Map<string, Both>): Promise<void> {
  const waiting = new Set<string>()
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '') continue
    const [, name, sign, rest] = /^(\w+)([:<>~.])\s*(.*)$/.exec(line)!
    const client = clients.get(name) ?? (await cases.connect())
    clients.set(name, client)
    if (sign === ':') for (const argv of commandLines(rest)) await client.same([argv])
    else if (sign === '<') {
      waiting.delete(name)
      const all = [client.ours, client.real].map((one) => one.repliesRaw(Number(rest) || 1))
      const [ours, real] = (await Promise.all(all)).map(String)
      assert.is(ours, real, `${name}: ${text}`)
    } else if (sign === '.') {
      await client.close()
      clients.delete(name)
      waiting.delete(name)
      await untilBlocked(waiting.size)
    } else {
      const bytes = Buffer.concat(commandLines(rest.replaceAll('|', ';')).map((argv) => encode(...argv)))
      for (const one of [client.ours, client.real]) one.send(bytes)
      if (sign === '>') await untilBlocked(waiting.add(name).size)
    }
  }
  await untilBlocked(waiting.size)
}

const scenes: Record<string, string> = {
  'first come, first served': `
    a> BLPOP l 0
    b> BRPOP l 0
    c> BLMPOP 0 1 l LEFT COUNT 2
    d> BLPOP l 0
    z: RPUSH l 1
    a<
    z: RPUSH l 2 3 4 5 6
    b<
    c<
    d<
    z: LRANGE l 0 -1`,
  'of several keys the one that is pushed to first': `
    a> BLPOP x y 0
    b> BLPOP y x 0
    z: MULTI; RPUSH y 1; RPUSH x 2; EXEC
    a<
    b<`,
  'of several keys the first that has a list, when none has to wait': `
    z: RPUSH y 1; RPUSH x 2
    z: BLPOP x y 0; BLPOP x y 0
    a> BLPOP x x y x 0
    z: RPUSH x 3
    a<
    z: RPUSH y 4; LLEN y`,
  'BLMPOP from one of several': `
    a> BLMPOP 0 3 x y z RIGHT COUNT 10
    z: RPUSH y 1 2 3
    a<
    z: EXISTS y`,
  'a chain of moves': `
    a> BLMOVE one two LEFT RIGHT 0
    b> BLMOVE two three RIGHT LEFT 0
    c> BRPOPLPUSH three four 0
    d> BLPOP four 0
    z: RPUSH one x y
    a<
    b<
    c<
    d<`,
  'a ring of moves': `
    a> BRPOPLPUSH one two 0
    b> BRPOPLPUSH two one 0
    z: RPUSH one x
    a<
    b<
    z: LRANGE one 0 -1; LRANGE two 0 -1`,
  'a move onto itself': `
    a> BRPOPLPUSH l l 0
    b> BLMOVE l l LEFT LEFT 0
    c> BLPOP l 0
    z: RPUSH l x y
    a<
    b<
    c<`,
  'who is served by a move comes after those who waited for its source': `
    a> BLMOVE s t LEFT RIGHT 0
    b> BLPOP t 0
    c> BLPOP s 0
    z: RPUSH s 1 2
    a<
    c<
    b<`,
  'several keys in turn': `
    a> BLMOVE x t LEFT RIGHT 0
    b> BLMOVE y x LEFT RIGHT 0
    c> BLPOP t y 0
    d> BLPOP x 0
    z: MULTI; RPUSH x 1; RPUSH y 2; EXEC
    a<
    b<
    c<
    d<`,
  'a target of another type': `
    z: SET t v
    a> BLMOVE s t LEFT LEFT 0
    b> BRPOPLPUSH s t 0
    c> BLPOP s 0
    z: RPUSH s 1
    a<
    b<
    c<`,
  'a transaction that pushes and deletes': `
    a> BLPOP l 0
    z: MULTI; RPUSH l 1; DEL l; EXEC
    z: MULTI; RPUSH l 1 2; LPOP l; LPOP l; EXEC
    z: MULTI; RPUSH l 1 2; LPOP l; RPUSH l 3; EXEC
    a<
    z: LRANGE l 0 -1`,
  'a transaction that deletes and pushes': `
    a> BLPOP x y 0
    z: MULTI; RPUSH x 1; RPUSH y 2; DEL x; RPUSH x 3; EXEC
    a<`,
  'keys of another type': `
    a> BLPOP k 0
    z: SET k v; DEL k; SADD k m; SREM k m; SET k v; DEL k; HSET k f v; DEL k; ZADD k 1 m; DEL k; RPUSH k x
    a<
    z: SET k v
    b: BLPOP k 0`,
  'lists that come by other ways': `
    a> BLPOP l 0
    z: RPUSH m 1; RENAME m l
    a<
    a> BLPOP l 0
    z: RPUSH m 1; RENAMENX m l
    a<
    a> BLPOP l 0
    z: RPUSH m 2 3; COPY m l
    a<
    a> BLPOP n 0
    z: SORT m DESC STORE n
    a<
    a> BLPOP p 0
    z: LMOVE m p LEFT LEFT
    a<
    a> BLPOP p 0
    z: RPOPLPUSH m p
    a<`,
  'a list in the place of another value is not new': `
    a> BLPOP k 0
    z: RPUSH l 2 1; SADD k m; SORT l STORE k; RPUSH k 3; LRANGE k 0 -1; DEL k; RPUSH k 4
    a<`,
  'a list in the place of another value is new where Redis deletes that first': `
    z: RPUSH l x
    a> BLPOP one 0
    z: SET one v; COPY l one REPLACE
    a<
    a> BLPOP two 0
    z: SET two v; RESTORE two 0 "\\x12\\x01\\x02\\x0a\\x0a\\x00\\x00\\x00\\x01\\x00\\x81\\x78\\x02\\xff\\x0a\\x00\\xd1\\x7b\\x3f\\xb8\\x5c\\x03\\x06\\x0e" REPLACE
    a<
    a> BLPOP three 0
    z: SET three v; RENAME l three
    a<`,
  'a sorted set in the place of a stream is new while somebody waits for a stream': `
    z: ZADD z 1 m 2 n
    a> BZPOPMIN k 0
    z: XADD k 1-1 f v; ZUNIONSTORE k 1 z; DEL k
    b> XREAD BLOCK 0 STREAMS other $
    z: XADD k 1-1 f v; ZUNIONSTORE k 1 z
    a<
    z: ZRANGE k 0 -1; DEL k; XADD other 1-1 f v
    b<`,
  'a stream that is named twice': `
    a> XREAD BLOCK 0 STREAMS x x $ $
    b> XREAD BLOCK 0 STREAMS x x 5 $
    z: XADD x 1-1 f v
    a<
    z: XADD x 6-1 f v
    b<
    z: XGROUP CREATE x g $
    a> XREADGROUP GROUP g c BLOCK 0 STREAMS x x > >
    z: XADD x 7-1 f v
    a<`,
  'entries that are deleted before those who wait are served': `
    z: XGROUP CREATE x g $ MKSTREAM
    a> XREAD BLOCK 0 STREAMS x $
    b> XREADGROUP GROUP g c BLOCK 0 STREAMS x >
    z: MULTI; XADD x 1-1 f v; XDEL x 1-1; EXEC
    a<
    b<
    z: XINFO GROUPS x`,
  'changes of a stream that wake nobody': `
    z: XADD x 5-1 f v; XGROUP CREATE x g $
    a> XREADGROUP GROUP g c BLOCK 0 STREAMS x >
    b> XREAD BLOCK 0 STREAMS x $
    z: XGROUP SETID x g 0; XSETID x 9-1; XGROUP CREATE x h 0; XDEL x 5-1; XTRIM x MAXLEN 0; EXPIRE x 100; XADD x 10-1 f v
    a<
    b<`,
  'from another keyspace': `
    z: SELECT 1; RPUSH k 1 2 3
    a> BLPOP k 0
    z: RPUSH k 4; SWAPDB 0 1
    a<
    z: DBSIZE; SELECT 0; LRANGE k 0 -1; DEL k; SELECT 1; RPUSH k 1
    a> BRPOP k 0
    z: MOVE k 0
    a<
    a: SELECT 2
    a> BLPOP k 0
    z: SELECT 0; RPUSH k 1; SELECT 2; RPUSH k 2
    a<
    z: SELECT 0; LRANGE k 0 -1; COPY k k DB 3
    a: SELECT 3; BLPOP k 0
    a> BLPOP k 0
    z: COPY k k DB 3
    a<`,
  'emptied databases wake nobody': `
    z: SELECT 1; RPUSH k 1; SELECT 0
    a> BLPOP k l 0
    z: FLUSHALL; FLUSHDB; SET other v; FLUSHDB; SWAPDB 0 1; RPUSH l x
    a<`,
  'the empty key': `
    a> BLPOP "" 0
    z: FLUSHDB; RPUSH "" x
    a<`,
  'the time is over': `
    a~ BLPOP l 0.01
    a<
    a~ BRPOP l m 0.01
    a<
    a~ BLMOVE l m LEFT LEFT 0.01
    a<
    a~ BRPOPLPUSH l m 0.01
    a<
    a~ BLMPOP 0.01 2 l m LEFT
    a<
    z: RPUSH l x; LRANGE l 0 -1
    a: BLPOP l 0.01`,
  'after the time is over the next in line is served': `
    a~ BLPOP l 0.01
    b> BLPOP l 0
    a<
    z: RPUSH l x
    b<`,
  'a pipeline goes on when its client was served': `
    a> SET k v | BLPOP l 0 | GET k | RPUSH l 2 | BLPOP l 0 | BLPOP l 0 | PING
    z: RPUSH l 1
    a< 5
    z: RPUSH l 3
    a< 2`,
  'a pipeline goes on when the time is over': `
    a~ BLPOP l 0.01 | LPUSH l x | LPOP l | BLPOP l 0.01 | PING
    a< 5`,
  'what a client sent behind runs after all were served': `
    a> BLPOP l 0 | RPUSH m x
    b> BLPOP l 0 | LRANGE m 0 -1
    z: RPUSH l 1 2
    a< 2
    b< 2`,
  'the connection closes': `
    a> BLPOP l 0
    b> BLPOP l m 0
    c> BLPOP l 0
    a.
    b.
    z: RPUSH l x; RPUSH m y
    c<
    z: LRANGE l 0 -1`,
  'a transaction of one who waited': `
    a> BLPOP l 0 | MULTI | LPUSH l z | BLPOP l 0 | EXEC
    z: RPUSH l x
    a< 5`,
  'a watched key': `
    w: WATCH l m
    a> BLPOP l 0
    z: RPUSH l x
    a<
    w: MULTI; PING; EXEC`,
  'replies that nobody wants': `
    a> CLIENT REPLY SKIP | BLPOP l 0 | PING
    z: RPUSH l x
    a<
    a> CLIENT REPLY OFF | BLPOP l 0 | PING | CLIENT REPLY ON
    z: RPUSH l x
    a<
    a: PING`,
}

for (const [title, text] of Object.entries(scenes)) test(title, { skip }, () => scene(text))

test('a key that expired before those who wait could be served', { skip }, () =>
  scene(`
    a> BLPOP k 0
    z: MULTI; RPUSH k x; PEXPIRE k 10; DEBUG SLEEP 0.03; EXEC; EXISTS k; RPUSH k y
    a<`),
)

test('in RESP3', { skip }, async () => {
  await using waiter = await cases.connect()
  await waiter.replies('HELLO 3')
  await waiter.same(['BLPOP l 0.01', 'BLMOVE l m LEFT LEFT 0.01', 'BLMPOP 0.01 1 l LEFT'])
})

test('keyspace events', { skip }, async () => {
  await using heard = await cases.hear()
  await scene(`
    a> BLMOVE s t LEFT RIGHT 0
    b> BLMOVE t u RIGHT LEFT 0
    c> BLMPOP 0 2 none s LEFT COUNT 9
    d> BRPOP u 0
    z: MULTI; RPUSH s 1 2 3; LLEN s; EXEC
    a<
    b<
    c<
    d<`)
  await cases.sameEvents(heard)
})

test('many clients are served in the order they came', { skip }, async () => {
  const names = Array.from({ length: 40 }, (_, i) => `c${i}`)
  const lines = [
    ...names.map((name, i) => `${name}> ${i % 3 === 0 ? 'BRPOP l' : 'BLPOP other l'} 0`),
    `z: RPUSH l ${names.join(' ')}`,
    ...names.map((name) => `${name}<`),
  ]
  await scene(lines.join('\n'))
})

test('counted once, whether it waited or not', { skip }, async () => {
  await cases.begin()
  await using waiter = await cases.connect()
  waiter.tell('BLPOP l 0')
  await untilBlocked(1)
  await cases.both.same(['MULTI', 'RPUSH l x', 'DEL l', 'EXEC', 'RPUSH l y'])
  await Promise.all([waiter.ours.reply(), waiter.real.reply()])
  waiter.tell('BLMOVE l s LEFT LEFT 0')
  await untilBlocked(1)
  await cases.both.same(['SET s v', 'RPUSH l y'])
  await Promise.all([waiter.ours.reply(), waiter.real.reply()])
  const callsOf = (info: string): string[] | undefined => info.match(/cmdstat_bl\w+:calls=\d+|failed_calls=1/g)?.sort()
  await cases.both.same(['INFO commandstats'], (info) => String(callsOf(info)))
  await cases.both.same(['INFO stats'], (info) => String(/total_commands_processed:\d+/.exec(info)))
})

const key = fc.constantFrom('a', 'b', 'c')
const end = fc.constantFrom('LEFT', 'RIGHT')
const several = fc.array(fc.constantFrom('1', '2', '3'), { minLength: 1, maxLength: 4 }).map((items) => items.join(' '))

const plainCommand = fc.oneof(
  fc.tuple(fc.constantFrom('RPUSH', 'LPUSH'), key, several).map((words) => words.join(' ')),
  fc.tuple(fc.constantFrom('DEL', 'LPOP', 'RPOP', 'LLEN'), key).map((words) => words.join(' ')),
  fc.tuple(fc.constantFrom('RENAME', 'RPOPLPUSH'), key, key).map((words) => words.join(' ')),
  fc.tuple(key, key).map(([from, to]) => `COPY ${from} ${to} REPLACE`),
  fc.tuple(key, key, end, end).map((words) => `LMOVE ${words.join(' ')}`),
  fc.tuple(fc.constantFrom('RPUSH', 'SADD'), key, several).map((words) => words.join(' ')),
)

const blockingCommand = fc.oneof(
  fc.tuple(fc.constantFrom('BLPOP', 'BRPOP'), key, key).map(([name, ...keys]) => `${name} ${keys.join(' ')} 0`),
  fc.tuple(key, key, end, end).map((words) => `BLMOVE ${words.join(' ')} 0`),
  fc.tuple(key, key).map((keys) => `BRPOPLPUSH ${keys.join(' ')} 0`),
  fc.tuple(key, key, end).map(([one, other, from]) => `BLMPOP 0 2 ${one} ${other} ${from} COUNT 2`),
)

/** What one client sends at once. */
const request = fc.oneof(
  { weight: 3, arbitrary: blockingCommand },
  { weight: 4, arbitrary: plainCommand },
  fc.array(plainCommand, { maxLength: 6 }).map((inner) => ['MULTI', ...inner, 'EXEC'].join(';')),
  fc.tuple(blockingCommand, plainCommand).map((pipeline) => pipeline.join(';')),
)

/** Sent behind each request: when this is answered, the client waits no more. */
const DONE = encode('ECHO', 'done')

function isDone(replies: string): boolean {
  return replies.endsWith('$4\r\ndone\r\n')
}

/** Reads replies until all clients are done but those that the servers count as blocked. */
async function untilSettled(waiting: Map<Both, Pair<string>>): Promise<void> {
  // Twice in a row: between count and replies one may have been served by another.
  let settled = 0
  await until('until settled', (blocked) => {
    for (const [{ ours, real }, replies] of waiting) {
      replies[0] += ours.drain().toString('latin1')
      replies[1] += real.drain().toString('latin1')
    }
    const isSettled = blocked.every((count, side) => {
      return count === [...waiting.values()].filter((replies) => !isDone(replies[side])).length
    })
    settled = isSettled ? settled + 1 : 0
    return settled === 2
  })
}

test('whatever several clients do in turn', { skip }, async () => {
  const step = fc.tuple(fc.nat(4), request)
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30 }), async (steps) => {
    await cases.begin()
    const clients = await Promise.all(Array.from({ length: 5 }, () => cases.connect()))
    try {
      const waiting = new Map<Both, Pair<string>>()
      for (const [index, text] of steps) {
        const client = clients[index]
        if (waiting.has(client)) continue
        const bytes = Buffer.concat([...commandLines(text).map((argv) => encode(...argv)), DONE])
        for (const one of [client.ours, client.real]) one.send(bytes)
        waiting.set(client, ['', ''])
        await untilSettled(waiting)
        for (const [one, [ours, real]] of waiting) {
          assert.is(ours, real, text)
          if (isDone(ours)) waiting.delete(one)
        }
      }
    } finally {
      await Promise.all(clients.map((client) => client.close()))
      await untilBlocked(0)
    }
    await cases.finish()
  })
  await fc.assert(property, { seed: 7, numRuns: 40, interruptAfterTimeLimit: 20_000 })
})

function untilOursBlocks(): Promise<void> {
  return until('until one of ours waits', ([ours]) => ours > 0)
}

test('served by the owner of the store', { skip }, async () => {
  const { store } = cases
  await cases.begin()
  await using waiter = await cases.connect()
  await cases.ourStream()
  for (const write of [
    () => store.call('RPUSH', 'l', 'x'),
    () => store.transaction(() => void store.call('RPUSH', 'l', 'x')),
  ]) {
    waiter.ours.send(encode('BLPOP', 'l', 0))
    await untilOursBlocks()
    write()
    assert.equal(await waiter.ours.reply(), ['l', 'x'])
    assert.equal(await cases.ourStream(), [
      ['RPUSH', 'l', 'x'],
      ['LPOP', 'l'],
    ])
  }
  assert.is(store.call('BLPOP', 'l', '0'), null, 'the owner never waits')
})

test('one begins to wait while the owner hears of a change and writes', { skip }, async () => {
  const { store } = cases
  await cases.begin()
  await using waiter = await cases.connect()
  // BLPOP itself deletes the key whose time is past.
  store.call('RPUSH', 'l', 'old')
  store.call('PEXPIRE', 'l', '20')
  const write = (): void => void store.call('SET', 'heard', 'yes')
  store.on('expire', write)
  const pastAt = Date.now() + 25
  while (Date.now() < pastAt) {}
  waiter.ours.send(encode('BLPOP', 'l', 0))
  await untilOursBlocks()
  store.off('expire', write)
  store.call('RPUSH', 'l', 'new')
  assert.equal(await waiter.ours.reply(), ['l', 'new'])
  assert.is(store.call('GET', 'heard'), 'yes')
})

// The last: it sends away the replicas, too, whose streams are read.
test('a node that becomes a replica sends away those who wait', { skip }, async () => {
  await cases.begin()
  await using waiter = await cases.connect()
  waiter.tell('BLPOP l 0')
  await untilBlocked(1)
  await cases.both.same(['REPLICAOF 127.0.0.1 1'])
  const replies = await Promise.all([waiter.ours.repliesRaw(1), waiter.real.repliesRaw(1)])
  assert.is(...(replies.map(String) as [string, string]))
  await waiter.closed()
  await cases.both.same(['REPLICAOF NO ONE'])
})

test.run()
