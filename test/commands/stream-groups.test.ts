// Consumer groups, each edge case on a real server too.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { missingPeer, startServer } from '../peers.js'
import { suite, until } from '../suite.js'
import { Both, type Request, skip } from './both.js'
import { Cases, commandLines } from './cases.js'

const test = suite('stream groups')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

const five = 'XADD s 1-0 a 1; XADD s 2-0 a 2; XADD s 3-0 b 3; XADD s 4-0 a 4; XADD s 5-0 a 5'

test('XGROUP', { skip }, () =>
  cases.same(`
    XGROUP CREATE s g 0; XGROUP CREATE s g $ MKSTREAM; XINFO STREAM s; XGROUP CREATE s g 0; XGROUP CREATE s g 0 MKSTREAM; ${five}
    XGROUP CREATE s h 2-0; XGROUP CREATE s i $ ENTRIESREAD 3; XGROUP CREATE s j 3 ENTRIESREAD -1; XGROUP CREATE s k 3 ENTRIESREAD -2
    XGROUP CREATE s k 3 ENTRIESREAD x; XGROUP CREATE s k 3 ENTRIESREAD; XGROUP CREATE s k x; XGROUP CREATE s k -; XGROUP CREATE s k
    XGROUP CREATE s k 3 FOO; XGROUP CREATE s k 0 MKSTREAM ENTRIESREAD 2; XGROUP CREATE s l 0 MKSTREAM MKSTREAM ENTRIESREAD 2
    XGROUP CREATE s "l\\x00m" 0; XINFO GROUPS s; SET str v; XGROUP CREATE str g 0; XGROUP CREATE str g 0 MKSTREAM
    XGROUP SETID s g 3; XGROUP SETID s g $; XGROUP SETID s g 1-0 ENTRIESREAD 1; XGROUP SETID s g +; XGROUP SETID s g -; XGROUP SETID s g x
    XGROUP SETID s nosuch 1; XGROUP SETID nosuch g 1; XGROUP SETID s g 1 MKSTREAM; XGROUP SETID s g 1 ENTRIESREAD
    XGROUP SETID s g 1 ENTRIESREAD 1 ENTRIESREAD 2; XGROUP CREATECONSUMER s g c; XGROUP CREATECONSUMER s g c; XGROUP CREATECONSUMER s x c
    XGROUP CREATECONSUMER s g; XGROUP DELCONSUMER s g c; XGROUP DELCONSUMER s g c; XGROUP DELCONSUMER s x c; XGROUP DELCONSUMER nosuch x c
    XGROUP DESTROY s h; XGROUP DESTROY s h; XGROUP DESTROY nosuch h; XGROUP DESTROY s; XGROUP; XGROUP FOO s g; XGROUP FOO; XGROUP HELP x
    XGROUP DESTROY str g; XINFO GROUPS s; XINFO STREAM s FULL; XINFO CONSUMERS s g; XGROUP SETID s g 2 ENTRIESREAD 9223372036854775807
    XINFO GROUPS s; XGROUP CREATE s z 18446744073709551615-18446744073709551615; XINFO GROUPS s; DEBUG DIGEST
  `),
)

test('XREADGROUP', { skip }, () =>
  cases.same(`
    ${five}; XGROUP CREATE s g 0; XGROUP CREATE s h 2; XREADGROUP GROUP g c COUNT 2 STREAMS s >; XREADGROUP GROUP g d COUNT 1 STREAMS s >
    XREADGROUP GROUP g c STREAMS s 0; XREADGROUP GROUP g c COUNT 1 STREAMS s 0; XREADGROUP GROUP g c STREAMS s 1; XPENDING s g; XINFO GROUPS s
    XINFO STREAM s FULL; XDEL s 1; XREADGROUP GROUP g c STREAMS s 0; XREADGROUP GROUP g n NOACK COUNT 1 STREAMS s >; XINFO GROUPS s
    XREADGROUP GROUP g n NOACK STREAMS s >; XREADGROUP GROUP g n STREAMS s >; XREADGROUP GROUP h e NOACK STREAMS s >; XINFO GROUPS s
    XREADGROUP GROUP g new STREAMS s >; XREADGROUP GROUP g new STREAMS s 0; XINFO CONSUMERS s g; XREADGROUP GROUP g c STREAMS s 18446744073709551615-18446744073709551615
    XGROUP SETID s g 0; XREADGROUP GROUP g d STREAMS s s > >; XPENDING s g; XINFO STREAM s FULL; XREADGROUP GROUP x c STREAMS s >
    XREADGROUP GROUP g c STREAMS nosuch >; XREADGROUP GROUP g c STREAMS s $; XREADGROUP GROUP g c STREAMS s x; XREADGROUP STREAMS s > a b c
    XREADGROUP NOACK COUNT 1 STREAMS s 0; XREADGROUP GROUP g c COUNT 1 FOO STREAMS s >; XREADGROUP GROUP g c STREAMS s s >; SET str v
    XREADGROUP GROUP g c STREAMS str >; XREADGROUP GROUP g c STREAMS s str > >; XREADGROUP GROUP g c BLOCK 1 STREAMS s >; MULTI
    XREADGROUP GROUP g c BLOCK 0 STREAMS s >; EXEC; XADD s 6-0 a 6; XGROUP CREATE t g $ MKSTREAM; XREADGROUP GROUP g c STREAMS t s > >
    XREADGROUP GROUP g c STREAMS t s 0 0; XREADGROUP GROUP g c STREAMS t >; XREADGROUP GROUP g; DEL s; XREADGROUP GROUP g c STREAMS s >
  `),
)

test('XACK and XPENDING', { skip }, () =>
  cases.same(`
    ${five}; XGROUP CREATE s g 0; XPENDING s g; XREADGROUP GROUP g c COUNT 3 STREAMS s >; XREADGROUP GROUP g b STREAMS s >; XPENDING s g
    XPENDING s g - + 10; XPENDING s g - + 2; XPENDING s g - + 0; XPENDING s g - + -1; XPENDING s g (1 (4 10; XPENDING s g - + 10 c
    XPENDING s g 2 3 10 b; XPENDING s g - + 10 nosuch; XPENDING s g - + 10 c extra; XPENDING s g IDLE 0 - + 10; XPENDING s g IDLE 99999999 - + 10
    XPENDING s g IDLE 0 - + 10 b; XPENDING s g IDLE 0 - +; XPENDING s g IDLE x - + 1; XPENDING s g IDLE -1 - + 1; XPENDING s g - +
    XPENDING s g -; XPENDING s g - + x; XPENDING s g x + 1; XPENDING s g - x 1; XPENDING s g IDLE 0 - + 10 b c d; XPENDING s x; XPENDING nosuch g
    XPENDING nosuch g - x 1; XACK s g 1 2 9; XACK s g 1; XACK s g 3 x; XACK s x 1; XACK nosuch g 1; XACK nosuch g x; XACK s g; XPENDING s g
    SET str v; XACK str g 1; XPENDING str g; XGROUP DELCONSUMER s g b; XPENDING s g; XACK s g 3-0; XPENDING s g; XINFO STREAM s FULL COUNT 1
    XPENDING s g (18446744073709551615-18446744073709551615 + 1; XPENDING s g - (0-0 1
  `),
)

test('XCLAIM', { skip }, () =>
  cases.same(`
    ${five}; XGROUP CREATE s g 0; XREADGROUP GROUP g c COUNT 3 STREAMS s >; XCLAIM s g d 0 1; XCLAIM s g d 0 1-0 2 9 JUSTID
    XPENDING s g - + 10; XCLAIM s g d 9999999 3; XCLAIM s g d 0 4; XCLAIM s g d 0 4 FORCE; XCLAIM s g d 99999 5 FORCE JUSTID; XPENDING s g - + 10
    XCLAIM s g e 0 1 RETRYCOUNT 7; XCLAIM s g e 0 1 RETRYCOUNT -1; XCLAIM s g e 0 1 IDLE 5000; XCLAIM s g e 3000 1; XCLAIM s g e 0 1 TIME 1000
    XCLAIM s g e 0 1 TIME -1; XCLAIM s g e 0 1 TIME 99999999999999; XCLAIM s g e 0 1 IDLE -5; XCLAIM s g e 0 1 LASTID 4-0; XINFO GROUPS s
    XCLAIM s g e 0 9 LASTID 5-0; XINFO GROUPS s; XCLAIM s g e 0 1 LASTID 2-0; XCLAIM s g e 0 9 LASTID 5-0; XCLAIM s g e 0 LASTID 7-0
    XDEL s 2 5; XCLAIM s g f 0 1 2 3 5 7 FORCE; XPENDING s g - + 10; XCLAIM s g f 0 x; XCLAIM s g f 0 1 FOO; XCLAIM s g f 0 1 IDLE
    XCLAIM s g f 0 1 IDLE x; XCLAIM s g f 0 1 TIME x; XCLAIM s g f 0 1 RETRYCOUNT x; XCLAIM s g f 0 1 LASTID x; XCLAIM s g f x 1
    XCLAIM s g f -1 1; XCLAIM s x f 0 1; XCLAIM nosuch g f 0 1; XCLAIM s g f 0; SET str v; XCLAIM str g f 0 1; XCLAIM s g f 0 1 1 1
    xclaim s g h 0 3-0 time 1000 retrycount 9223372036854775807 force justid lastid 1-0; XCLAIM s g h 0 3; XPENDING s g - + 10; XINFO STREAM s FULL
    XINFO CONSUMERS s g; XCLAIM s g i 0 1-x
  `),
)

test('XAUTOCLAIM', { skip }, () =>
  cases.same(`
    ${five}; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XAUTOCLAIM s g d 0 -; XAUTOCLAIM s g d 0 0 COUNT 2; XAUTOCLAIM s g e 0 3 COUNT 1 JUSTID
    XPENDING s g - + 10; XDEL s 2 4; XAUTOCLAIM s g f 0 0 COUNT 2; XAUTOCLAIM s g f 0 0 COUNT 3; XAUTOCLAIM s g f 99999 0; XAUTOCLAIM s g f 0 (3
    XAUTOCLAIM s g f 0 +; XAUTOCLAIM s g f -1 9; XAUTOCLAIM s g f x 0; XAUTOCLAIM s g f 0 x; XAUTOCLAIM s g f 0 0 COUNT 0; XAUTOCLAIM s g f 0 0 COUNT x
    XAUTOCLAIM s g f 0 0 COUNT; XAUTOCLAIM s g f 0 0 FOO; XAUTOCLAIM s x f 0 0; XAUTOCLAIM nosuch g f 0 0; XAUTOCLAIM s g f 0; SET str v
    XAUTOCLAIM str g f 0 0; XAUTOCLAIM s g f 0 (18446744073709551615-18446744073709551615; XDEL s 5; XAUTOCLAIM s g z 0 5-0; XINFO CONSUMERS s g
    XINFO STREAM s FULL; XPENDING s g
  `),
)

test('XINFO', { skip }, () =>
  cases.same(`
    ${five}; XGROUP CREATE s g 0; XGROUP CREATE s b 0; XGROUP CREATE s "\xc3\xa9" 0; XREADGROUP GROUP g y STREAMS s >; XREADGROUP GROUP g x STREAMS s 0
    XINFO STREAM s FULL COUNT 2; XINFO STREAM s FULL COUNT 0; XINFO STREAM s FULL COUNT -1; XINFO STREAM s FULL COUNT x; XINFO STREAM s FULL COUNT
    XINFO STREAM s FOO; XINFO STREAM s FULL FOO 1; XINFO STREAM s FULL COUNT 1 2; XINFO STREAM nosuch; XINFO STREAM; XINFO GROUPS nosuch; XINFO GROUPS
    XINFO GROUPS s x; XINFO CONSUMERS s; XINFO CONSUMERS s nosuch; XINFO CONSUMERS nosuch g; SET str v; XINFO STREAM str; XINFO GROUPS str
    XINFO CONSUMERS str g; XINFO FOO s; XINFO; XINFO STREAM nosuch FOO; XINFO GROUPS s; XADD one 1-1 a b; XINFO GROUPS one
  `),
)

test('how far a group has read, with gaps', { skip }, async () => {
  const lines = [
    five,
    'XGROUP CREATE s g 0; XGROUP CREATE s h 2-5; XINFO GROUPS s; XREADGROUP GROUP g c COUNT 1 STREAMS s >; XINFO GROUPS s',
  ]
  for (const gap of [
    'XDEL s 1',
    'XDEL s 3',
    'XDEL s 5',
    'XTRIM s MAXLEN 3',
    'XTRIM s MAXLEN 0',
    'XSETID s 9',
    'XSETID s 9 ENTRIESADDED 20 MAXDELETEDID 4',
    'XDEL s 1; XDEL s 2',
  ]) {
    const after =
      'XINFO GROUPS s; XREADGROUP GROUP g c COUNT 1 STREAMS s >; XINFO GROUPS s; XREADGROUP GROUP h c STREAMS s >; XINFO GROUPS s'
    await cases.same(
      [...lines, gap, after, 'XADD s 10-0 a 1; XINFO GROUPS s; XREADGROUP GROUP g c STREAMS s >; XINFO GROUPS s'].join(
        '\n',
      ),
    )
  }
})

const id = fc.integer({ min: 0, max: 12 }).map(String)
const group = fc.constantFrom('g', 'h')
const consumer = fc.constantFrom('x', 'y', 'z')
const count = fc.constantFrom('', 'COUNT 1', 'COUNT 2')
const c = fc.constant
const line = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((words) => words.join(' '))
const anyCommand = fc.oneof(
  { weight: 5, arbitrary: line(c('XADD s'), id, c('f v')) },
  { weight: 6, arbitrary: line(c('XREADGROUP GROUP'), group, consumer, count, c('STREAMS s >')) },
  line(c('XREADGROUP GROUP'), group, consumer, c('NOACK'), count, c('STREAMS s >')),
  line(c('XREADGROUP GROUP'), group, consumer, count, c('STREAMS s'), id),
  { weight: 2, arbitrary: line(c('XACK s'), group, id, id) },
  line(
    c('XCLAIM s'),
    group,
    consumer,
    fc.constantFrom('0', '100000'),
    id,
    id,
    fc.constantFrom('', 'FORCE', 'JUSTID', 'FORCE RETRYCOUNT 3', 'LASTID 5'),
  ),
  line(c('XAUTOCLAIM s'), group, consumer, c('0'), id, count, fc.constantFrom('', 'JUSTID')),
  { weight: 2, arbitrary: line(c('XDEL s'), id) },
  line(c('XTRIM s MAXLEN'), fc.integer({ min: 0, max: 5 }).map(String)),
  line(c('XGROUP CREATE s'), group, fc.oneof(id, c('$')), fc.constantFrom('', 'MKSTREAM', 'ENTRIESREAD 3')),
  line(c('XGROUP SETID s'), group, fc.oneof(id, c('$')), fc.constantFrom('', 'ENTRIESREAD 2')),
  line(c('XGROUP DESTROY s'), group),
  line(c('XGROUP CREATECONSUMER s'), group, consumer),
  line(c('XGROUP DELCONSUMER s'), group, consumer),
  line(c('XPENDING s'), group),
  line(c('XPENDING s'), group, c('- + 10')),
  line(c('XINFO GROUPS s')),
  line(c('XINFO STREAM s FULL')),
  line(c('COPY s t REPLACE')),
)

test('random commands', { skip }, async () => {
  const begin = 'XGROUP CREATE s g 0 MKSTREAM; XGROUP CREATE s h $; XADD s 1 f v; XADD s 2 f v; XADD s 3 f v'
  const end = 'XINFO STREAM s FULL; XINFO STREAM t FULL; XPENDING s g - + 99; XPENDING s h - + 99; DEBUG DIGEST'
  const property = fc.asyncProperty(fc.array(anyCommand, { minLength: 40, maxLength: 70 }), (lines) =>
    cases.same([begin, ...lines, end].join('\n')),
  )
  await fc.assert(property, { seed: 43, numRuns: 30 })
})

/** One client waits, the other runs the lines; both get on both servers what they should. */
async function sameWaiting(before: string, wait: Request, meanwhile: string): Promise<void> {
  await cases.both.same(['FLUSHALL', ...commandLines(before)])
  const waiting = await cases.connect()
  await cases.ourStream()
  waiting.tell(wait)
  await cases.untilWaiting()
  await cases.both.same(commandLines(meanwhile))
  const [ours, real] = await Promise.all([waiting.ours.reply(), waiting.real.reply()])
  assert.equal(ours, real, meanwhile)
  await waiting.close()
}

test('one who waits in a group', { skip }, async () => {
  const begin = 'XGROUP CREATE s g $ MKSTREAM; XGROUP CREATE t g $ MKSTREAM'
  const wait = 'XREADGROUP GROUP g c BLOCK 5000 STREAMS s t > >'
  const many = [
    'XADD s 1-1 a 1',
    'XADD t 1-1 a 1; XADD s 1-1 a 1',
    'DEL s',
    'XGROUP DESTROY s g',
    'SET t v',
    'MULTI; DEL s; SADD s x; EXEC',
    'FLUSHALL',
    'MULTI; XADD s 1-1 a 1; XADD s 1-2 a 2; EXEC',
    'XGROUP DESTROY s h; XGROUP CREATE s h 0; XGROUP SETID s g 0; XADD t 1-1 a 1',
  ]
  for (const meanwhile of many) await sameWaiting(begin, wait, meanwhile)
  await sameWaiting(begin, 'XREADGROUP GROUP g c NOACK BLOCK 5000 STREAMS s >', 'XADD s 1-1 a 1')
})

test('what one who waited is served is streamed behind what woke him', async () => {
  await using store = new Store()
  const listener = await store.listen({ port: 0 })
  const [client, waiting] = await Promise.all([1, 2].map(() => RawClient.connect({ port: listener.port! })))
  await client.ok('XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM')
  const reply = waiting.call('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '5000', 'STREAMS', 's', '>')
  await until(async () => String(await client.ok('INFO', 'clients')).includes('blocked_clients:1'), {
    what: 'a client that waits',
  })
  await client.ok('XADD', 's', '1-1', 'a', '1')
  assert.equal(await reply, [['s', [['1-1', ['a', '1']]]]])
  const [pending] = (await client.ok('XPENDING', 's', 'g', '-', '+', '5')) as [string, string, number, number][]
  assert.equal([pending[0], pending[1], pending[3]], ['1-1', 'c', 1])
  await Promise.all([client.close(), waiting.close()])
})

test('keyspace events', { skip }, async () => {
  const heard = await cases.hear()
  await cases.both.same(
    commandLines(`
    FLUSHALL; XADD s MAXLEN 1 1-1 a 1; XADD s MAXLEN 1 1-2 a 1; XADD s MAXLEN 0 1-3 a 1; XADD s 2-1 a 1; XADD s 2-2 a 1; XTRIM s MAXLEN 1
    XTRIM s MAXLEN 1; XDEL s 2-2 2-2; XDEL s 2-2; XSETID s 3; XGROUP CREATE s g 0; XGROUP CREATE t g 0 MKSTREAM; XADD s 4-1 a 1
    XREADGROUP GROUP g c STREAMS s >; XREADGROUP GROUP g c STREAMS s 0; XREADGROUP GROUP g d STREAMS s 0; XCLAIM s g e 0 4-1; XACK s g 4-1
    XGROUP CREATECONSUMER s g f; XGROUP CREATECONSUMER s g f; XGROUP DELCONSUMER s g f; XGROUP DELCONSUMER s g f; XGROUP SETID s g 0
    XREADGROUP GROUP g h STREAMS s >; XAUTOCLAIM s g i 0 0; XGROUP DESTROY s g; XGROUP DESTROY s g; DEL s
  `),
    (reply) => reply,
  )
  await cases.sameEvents(heard)
  await heard.close()
})

test('WATCH: what breaks it', { skip }, async () => {
  await cases.both.same(['FLUSHALL', 'XADD s 1-1 a 1', 'XGROUP CREATE s g 0'])
  const other = await cases.connect()
  for (const line of [
    'XADD s 2-1 a 1',
    'XDEL s 9',
    'XDEL s 2-1',
    'XREADGROUP GROUP g c STREAMS s >',
    'XCLAIM s g d 0 1-1',
    'XACK s g 1-1',
    'XGROUP SETID s g 0',
    'XSETID s 9',
    'XTRIM s MAXLEN 5',
    'XTRIM s MAXLEN 0',
  ]) {
    await cases.both.same(['WATCH s', 'MULTI', 'PING'])
    await other.same([line])
    await cases.both.same(['EXEC'])
  }
  await other.close()
})

const skip86 = missingPeer('redis', '8.6.3')

test('XDELEX, XACKDEL and references, as redis-server 8.6.3', { skip: skip86 }, async () => {
  const server = await startServer({ family: 'redis', version: '8.6.3', config: { 'stream-node-max-entries': '3' } })
  await using store = new Store({ config: { 'enable-debug-command': 'yes', 'stream-node-max-entries': '3' } })
  const listener = await store.listen({ port: 0 })
  const [ours, real] = await Promise.all([listener.port!, server.port].map((port) => RawClient.connect({ port })))
  const both = new Both(ours, real)
  const nine = Array.from({ length: 9 }, (_, i) => `XADD s ${i + 1}-0 a ${i}`)
  const begin = [
    'FLUSHALL',
    ...nine,
    'XGROUP CREATE s g 0',
    'XGROUP CREATE s h 0',
    'XREADGROUP GROUP g c COUNT 5 STREAMS s >',
  ]
  const end = ['XPENDING s g', 'XPENDING s h', 'XRANGE s - +']
  const many = `
    XDELEX s IDS 1 1-0; XDELEX s DELREF IDS 2 2-0 2-0; XDELEX s ACKED IDS 3 1-0 3-0 9-0; XACK s g 3-0; XDELEX s ACKED IDS 1 3-0
    XGROUP SETID s h 5-0; XDELEX s ACKED IDS 4 1-0 3-0 9-0 20-0; XDELEX s IDS 2 1-0; XDELEX s IDS 0 1; XDELEX s IDS x 1
    XDELEX s FOO IDS 1 1; XDELEX s IDS 1 x; XDELEX nosuch IDS 2 1 2; XDELEX nosuch IDS 1 x; XDELEX s KEEPREF DELREF IDS 1 1
    XDELEX s IDS 1 9-0 ACKED; XDELEX s 1 2 3; XACKDEL s g IDS 2 4-0 9-0; XACKDEL s g ACKED IDS 1 5-0; XACKDEL s g ACKED IDS 1 5-0
    XACKDEL s nosuch IDS 1 1; XACKDEL nosuch g IDS 1 x; XACKDEL s g IDS 1 x; XACKDEL s g DELREF IDS 1 1-0; XACKDEL s g IDS 1 1
  `
  await both.same([...begin, ...commandLines(many), ...end])
  const trims = 'MAXLEN 4|MAXLEN ~ 4|MAXLEN ~ 0 LIMIT 5|MAXLEN = 1|MINID 6|MINID ~ 6|MAXLEN 0'.split('|')
  for (const references of ['KEEPREF', 'DELREF', 'ACKED']) {
    for (const trim of trims) {
      for (const acked of ['XACK s g 1-0 3-0 4-0', 'XACK s g 1-0 2-0 3-0 4-0 5-0']) {
        await both.same([...begin, 'XGROUP DESTROY s h', acked, `XTRIM s ${references} ${trim}`, ...end.slice(2)])
        await both.same([`XADD s ${trim} ${references} 20-0 a 1`, 'XPENDING s g', 'XRANGE s - +', 'XLEN s'])
      }
    }
  }
  await both.same(['XTRIM s MAXLEN 2 DELREF ACKED', 'XADD s KEEPREF DELREF 30-1 a 1', 'XREAD STREAMS s +'])
  await both.close()
  await server.stop()
})

test.run()
