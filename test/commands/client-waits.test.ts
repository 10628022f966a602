// Clients that wait: CLIENT PAUSE and UNBLOCK, against a real server, and what a pause keeps still.

import * as assert from 'uvu/assert'
import type { RawClient, Reply } from '../client.js'
import { suite, until } from '../suite.js'
import { type Both, skip, startBoth, type World } from './both.js'

const test = suite('client-waits')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

async function blocked(one: RawClient): Promise<number> {
  return Number(/blocked_clients:(\d+)/.exec(String(await one.ok('INFO', 'clients')))?.[1])
}

/** Until as many clients wait on either server. */
async function waiting({ ours, real }: Both, count: number): Promise<void> {
  for (const one of [ours, real])
    await until(async () => (await blocked(one)) === count, { what: `${count} clients wait` })
}

test('PAUSE, UNPAUSE, UNBLOCK: what is refused', { skip }, async () => {
  await using both = await world.connect()
  await both.same([
    ...['CLIENT PAUSE', 'CLIENT PAUSE x', 'CLIENT PAUSE -1', 'CLIENT PAUSE 1 foo', 'CLIENT PAUSE x foo'],
    ...['CLIENT PAUSE 1 all x', 'CLIENT PAUSE 99999999999999999999', 'CLIENT UNPAUSE x', 'CLIENT UNPAUSE'],
    ...['CLIENT UNBLOCK', 'CLIENT UNBLOCK x', 'CLIENT UNBLOCK 0', 'CLIENT UNBLOCK 123456', 'CLIENT UNBLOCK 1 foo'],
    ...['CLIENT UNBLOCK 123456 error', 'CLIENT UNBLOCK 123456 TIMEOUT', 'CLIENT UNBLOCK 1 error x'],
  ])
})

test('a pause of writes: they wait, in their order, and nothing else does', { skip }, async () => {
  await using both = await world.connect()
  await using writer = await world.connect()
  await using other = await world.connect()
  await both.same(['FLUSHALL', 'CLIENT PAUSE 60000 WRITE', 'GET a', 'PING', 'SET a'])
  writer.tell('SET a 1')
  writer.tell('GET a')
  writer.tell('APPEND a 2')
  await waiting(both, 1)
  other.tell('MULTI')
  other.tell('INCR n')
  await waiting(both, 2)
  await both.same(['GET a', 'EXISTS n', 'MULTI', 'GET a', 'EXEC'])
  for (const one of [both.ours, both.real]) {
    const lines = String(await one.ok('CLIENT', 'LIST')).split('\n')
    assert.is(lines.filter((line) => / flags=b/.test(line) || / flags=xb/.test(line)).length, 2)
  }
  await both.same(['CLIENT UNPAUSE'])
  for (const replies of [
    ['OK', '1', 2],
    ['OK', 'QUEUED'],
  ] as const) {
    const clients = replies.length === 3 ? writer : other
    for (const one of [clients.ours, clients.real])
      for (const expected of replies) assert.is(await one.reply(), expected)
  }
  await other.same(['EXEC', 'GET a'])
  await waiting(both, 0)
})

test('a pause of all ends by itself; QUIT waits too, and replies that are off stay off', { skip }, async () => {
  await using both = await world.connect()
  await using quiet = await world.connect()
  quiet.tell('CLIENT REPLY OFF')
  await both.same(['CLIENT PAUSE 150'])
  for (const request of ['INCR n', 'CLIENT REPLY ON', 'PING', 'QUIT']) quiet.tell(request)
  const began = performance.now()
  await both.same(['PING'])
  assert.ok(performance.now() - began > 100, 'it waited')
  for (const one of [quiet.ours, quiet.real])
    for (const expected of ['OK', 'PONG', 'OK']) assert.is(await one.reply(), expected)
  await quiet.closed()
})

test('a second pause makes the first longer and stricter, never the other way', { skip }, async () => {
  await using both = await world.connect()
  await both.same(['CLIENT PAUSE 300 WRITE', 'CLIENT PAUSE 100 ALL'])
  const began = performance.now()
  await both.same(['PING'])
  assert.ok(performance.now() - began > 200, 'the longer time holds')
})

test('a client that goes while it waits is forgotten', { skip }, async () => {
  await using both = await world.connect()
  const writer = await world.connect()
  await both.same(['CLIENT PAUSE 60000 WRITE', 'GET a'])
  writer.tell('SET gone 1')
  await waiting(both, 1)
  await writer.close()
  await waiting(both, 0)
  await both.same(['CLIENT UNPAUSE', 'GET gone'])
})

test('while writes are paused no key is deleted for its time', { skip }, async () => {
  await using both = await world.connect()
  await both.same(['FLUSHALL', 'CONFIG RESETSTAT', 'SET a 1 PX 20', 'CLIENT PAUSE 60000 WRITE'])
  for (const one of [both.ours, both.real]) {
    await until(async () => (await one.ok('GET', 'a')) === null, { what: 'its time is over' })
    assert.is(await one.ok('DBSIZE'), 1)
    assert.match(String(await one.ok('INFO', 'stats')), /expired_keys:0\r/)
    await one.ok('CLIENT', 'UNPAUSE')
    await until(async () => (await one.ok('DBSIZE')) === 0, { what: 'it is deleted' })
  }
})

test('UNBLOCK ends the waiting of a client', { skip }, async () => {
  await using both = await world.connect()
  await using sleeper = await world.connect()
  await both.same(['FLUSHALL', 'CONFIG RESETSTAT'])
  for (const how of ['', 'TIMEOUT', 'error']) {
    for (const name of ['ours', 'real'] as const) {
      const [one, asleep] = [both[name], sleeper[name]]
      const id = Number(await asleep.ok('CLIENT', 'ID'))
      const reply: Promise<Reply> = asleep.call('BLPOP', 'nothing', '0')
      await until(async () => (await blocked(one)) === 1, { what: 'it waits' })
      assert.is(await one.call('CLIENT', 'UNBLOCK', id, ...(how === '' ? [] : [how])), 1)
      if (how === 'error') assert.match(String(await reply), /UNBLOCKED client unblocked via CLIENT UNBLOCK/)
      else assert.is(await reply, null)
      assert.is(await one.call('CLIENT', 'UNBLOCK', id), 0)
    }
  }
  const stats = async (one: RawClient): Promise<string | undefined> =>
    /cmdstat_blpop:(calls=\d+).*(,rejected.*)/
      .exec(String(await one.ok('INFO', 'commandstats')))
      ?.slice(1)
      .join()
  assert.is(await stats(both.ours), await stats(both.real))
})

test.run()
