// Commands by which a connection says who it is, against a real server.

import * as assert from 'uvu/assert'
import { encode, RawClient, type Reply } from '../client.js'
import { suite, until } from '../suite.js'
import { type Both, type Mask, skip, startBoth, type World } from './both.js'

const test = suite('connection')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

const withoutId: Mask = (reply) => reply.replace(/\$2\r\nid\r\n:\d+/, '')

async function onBoth(run: (both: Both) => Promise<void>): Promise<void> {
  await using both = await world.connect()
  await run(both)
}

test('PING and ECHO', { skip }, () =>
  onBoth((both) =>
    both.same(['PING', 'ping x', 'PING a b', ['PING', Buffer.of(0xff, 0)], 'ECHO', 'ECHO x', ['ECHO', '']]),
  ),
)

test('HELLO', { skip }, () =>
  onBoth((both) =>
    both.same(
      [
        'HELLO 4',
        'HELLO 1',
        'HELLO -1',
        'HELLO x',
        'HELLO 99999999999999999999',
        'HELLO 2 AUTH default',
        'HELLO 2 AUTH default x',
        'HELLO 2 AUTH nobody x',
        ['HELLO', '2', 'SETNAME', 'a b'],
        'HELLO 2 FOO',
        'HELLO 2 SETNAME foo',
        'CLIENT GETNAME',
        'HELLO 3 SETNAME',
        'CLIENT TRACKINGINFO',
        'HELLO 3',
        'HELLO',
        'CLIENT TRACKINGINFO',
        'GET nothing',
        'hello 2 setname bar auth nobody x',
        'CLIENT GETNAME',
        'HELLO 2',
      ],
      withoutId,
    ),
  ),
)

test('AUTH without a password', { skip }, () =>
  onBoth((both) => both.same(['AUTH', 'AUTH x', 'AUTH default', 'AUTH default x', 'AUTH nobody x', 'AUTH a b c'])),
)

test('a password', { skip }, async () => {
  await using before = await world.connect()
  await before.same(['CONFIG SET requirepass secret', 'PING'])
  await onBoth((both) =>
    both.same(
      [
        'PING',
        'HELLO',
        'HELLO 3',
        'HELLO 9',
        'HELLO 3 AUTH default wrong',
        'GET',
        'NOSUCH',
        'MULTI',
        'AUTH wrong',
        'AUTH default wrong',
        'AUTH nobody secret',
        'AUTH secre',
        'AUTH secrets',
        'RESET',
        'AUTH secret',
        'PING',
        'AUTH wrong',
        'PING',
        'RESET',
        'PING',
        'AUTH default secret',
        'PING',
        'RESET',
        'HELLO 3 AUTH default secret SETNAME x',
        'CLIENT GETNAME',
        'RESET',
        'QUIT',
      ],
      withoutId,
    ),
  )
  // Options of HELLO count as they are read: authenticated, though the line as a whole was wrong.
  await onBoth((both) => both.same(['HELLO 2 AUTH default secret FOO', 'PING']))
  await before.same([['CONFIG', 'SET', 'requirepass', '']])
  await onBoth((both) => both.same(['PING']))
})

test('SELECT', { skip }, () =>
  onBoth((both) =>
    both.same([
      'SELECT x',
      'SELECT 16',
      'SELECT -1',
      'SELECT 99999999999',
      'SELECT 9223372036854775808',
      'SELECT 1.5',
      'SELECT 15',
      'SET only-here 1',
      'SELECT 0',
      'GET only-here',
      'SELECT 15',
      'DEL only-here',
    ]),
  ),
)

test('QUIT answers and closes, with any arguments', { skip }, async () => {
  for (const request of ['QUIT', 'QUIT now please']) {
    await using both = await world.connect()
    await both.same([request])
    await both.closed()
  }
})

test('RESET', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['HELLO 3 SETNAME x', 'SELECT 3', 'WATCH k', 'MULTI', 'GET k', 'RESET x'], withoutId)
    await both.same(['RESET', 'CLIENT GETNAME', 'EXEC', 'GET nothing', 'MULTI', 'RESET', 'EXEC'])
    both.tell('CLIENT REPLY OFF')
    await both.same(['RESET', 'PING', 'MONITOR', 'RESET', 'PING', 'GET nothing'])
    assert.match((await both.ours.ok('CLIENT', 'INFO')) as string, / flags=N db=0 .* resp=2/)
  }),
)

test('RESET ends MONITOR', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['MONITOR', 'RESET'])
    await using other = await world.connect()
    await other.same(['SET seen no', 'DEL seen'])
    await both.same(['PING'])
  }),
)

test('the name of a connection', { skip }, () =>
  onBoth((both) =>
    both.same([
      'CLIENT GETNAME',
      ['CLIENT', 'SETNAME', 'a b'],
      ['CLIENT', 'SETNAME', 'ü'],
      ['CLIENT', 'SETNAME', 'a\nb'],
      'CLIENT SETNAME ok',
      'CLIENT GETNAME',
      ['CLIENT', 'SETNAME', ''],
      'CLIENT GETNAME',
    ]),
  ),
)

test('CLIENT with what is no subcommand, or too much for one', { skip }, () =>
  onBoth((both) =>
    both.same([
      'CLIENT',
      'CLIENT foo',
      'CLIENT ID x',
      'CLIENT SETNAME',
      'CLIENT HELP x',
      'CLIENT KILL',
      'CLIENT REPLY',
      'CLIENT REPLY foo',
      'CLIENT NO-EVICT',
      'CLIENT NO-EVICT x',
      'CLIENT NO-EVICT on',
      'CLIENT GETREDIR',
      'CLIENT GETREDIR x',
      'CLIENT TRACKINGINFO',
    ]),
  ),
)

test('CLIENT LIST and KILL: what they refuse', { skip }, () =>
  onBoth((both) =>
    both.same([
      'CLIENT LIST foo',
      'CLIENT LIST TYPE',
      'CLIENT LIST TYPE foo',
      'CLIENT LIST TYPE normal x',
      'CLIENT LIST TYPE master',
      'CLIENT LIST TYPE replica',
      'CLIENT LIST TYPE slave',
      'CLIENT LIST TYPE pubsub',
      'CLIENT LIST ID',
      'CLIENT LIST ID x',
      'CLIENT LIST ID 1000000 x',
      'CLIENT LIST ID 1000000',
      'CLIENT LIST ID -1',
      'CLIENT KILL a',
      'CLIENT KILL 127.0.0.1:1',
      'CLIENT KILL a b c',
      'CLIENT KILL ID x',
      'CLIENT KILL ID 0',
      'CLIENT KILL ID -1',
      'CLIENT KILL ID 1000000',
      'CLIENT KILL ID 1 ADDR',
      'CLIENT KILL TYPE foo ADDR',
      'CLIENT KILL TYPE foo',
      'CLIENT KILL TYPE pubsub',
      'CLIENT KILL TYPE master',
      'CLIENT KILL USER nobody',
      'CLIENT KILL USER default SKIPME x',
      'CLIENT KILL FOO bar',
      'CLIENT KILL ADDR 1.2.3.4:5 LADDR x',
    ]),
  ),
)

/** The fields of a line of CLIENT LIST, in order. */
function fieldsOf(line: Reply): Map<string, string> {
  const pairs = String(line)
    .trim()
    .split(' ')
    .map((field) => field.split('=', 2) as [string, string])
  return new Map(pairs)
}

/** The fields of a new connection that do not hang on how buffers are kept. */
const comparable = ['name', 'flags', 'db', 'sub', 'psub', 'ssub', 'multi', 'cmd', 'user', 'redir', 'resp']

test('the lines of CLIENT LIST have the fields of a real one', { skip }, () =>
  onBoth(async (both) => {
    const states = ['PING', 'HELLO 3', 'CLIENT NO-EVICT on', 'SELECT 7', 'CLIENT SETNAME n', 'WATCH k', 'HELLO 2']
    for (const state of states) {
      await both.replies(state)
      const [ours, real] = await Promise.all([both.ours, both.real].map((one) => one.ok('CLIENT', 'INFO'))).then(
        (all) => all.map(fieldsOf),
      )
      assert.equal([...ours.keys()], [...real.keys()])
      for (const name of comparable) assert.is(ours.get(name), real.get(name), `${name} after ${state}`)
      const { socket } = both.ours
      assert.is(ours.get('addr'), `127.0.0.1:${socket.localPort}`)
      assert.is(ours.get('laddr'), `127.0.0.1:${socket.remotePort}`)
    }
  }),
)

test('CLIENT LIST shows others: watching, queueing, monitoring', { skip }, () =>
  onBoth(async (both) => {
    await using other = await world.connect()
    await other.same([
      'CLIENT SETNAME other',
      'SET changed 1',
      'WATCH changed',
      'SET changed 2',
      'MULTI',
      'GET k',
      'GET k',
    ])
    await using monitor = await world.connect()
    await monitor.same(['CLIENT SETNAME monitor', 'MONITOR'])
    const lines = await Promise.all([both.ours, both.real].map((one) => one.ok('CLIENT', 'LIST', 'TYPE', 'normal')))
    const [ours, real] = lines.map((text) => String(text).trim().split('\n').map(fieldsOf))
    for (const name of ['other', 'monitor']) {
      const [mine, theirs] = [ours, real].map((list) => list.find((fields) => fields.get('name') === name)!)
      for (const field of comparable) assert.is(mine.get(field), theirs.get(field), `${field} of ${name}`)
    }
    await other.same(['DISCARD', 'DEL changed'])
  }),
)

test('CLIENT SETINFO and NO-TOUCH of Redis 7.2', { skip }, () =>
  onBoth(async ({ ours }) => {
    assert.is(await ours.call('CLIENT', 'SETINFO', 'lib-name', 'x'), 'OK')
    assert.is(await ours.call('CLIENT', 'SETINFO', 'LIB-VER', '1.2'), 'OK')
    assert.match(String(await ours.call('CLIENT', 'SETINFO', 'lib-name', 'a b')), /ERR lib-name cannot contain spaces/)
    assert.match(String(await ours.call('CLIENT', 'SETINFO', 'foo', 'x')), /ERR Unrecognized option 'foo'/)
    assert.is(await ours.call('CLIENT', 'NO-TOUCH', 'on'), 'OK')
    assert.match(String(await ours.call('CLIENT', 'INFO')), / flags=T .* resp=2 lib-name=x lib-ver=1\.2\n$/)
  }),
)

/** Kills a connection on both servers by what `filter` makes of its own end. */
async function killsOther(filter: (victim: { id: number; addr: string; laddr: string }) => string): Promise<void> {
  await using killer = await world.connect()
  await using victim = await world.connect()
  const replies: Reply[] = []
  for (const [from, one] of [
    [killer.ours, victim.ours],
    [killer.real, victim.real],
  ]) {
    const fields = fieldsOf(await one.ok('CLIENT', 'INFO'))
    const of = { id: Number(fields.get('id')), addr: fields.get('addr')!, laddr: fields.get('laddr')! }
    replies.push(await from.call(...filter(of).split(' ')))
    await one.closed
  }
  assert.is(replies[0], replies[1])
  await killer.same(['PING'])
}

test('CLIENT KILL closes others', { skip }, async () => {
  await killsOther(({ id }) => `CLIENT KILL ID ${id}`)
  await killsOther(({ addr }) => `CLIENT KILL ${addr}`)
  await killsOther(({ addr }) => `CLIENT KILL ADDR ${addr}`)
  await killsOther(({ addr, laddr }) => `CLIENT KILL ADDR ${addr} LADDR ${laddr} TYPE normal USER default SKIPME yes`)
})

test('who is killed is gone for what follows in the same transaction', { skip }, async () => {
  await using killer = await world.connect()
  await using victim = await world.connect()
  const heard: string[] = []
  for (const [from, one] of [
    [killer.ours, victim.ours],
    [killer.real, victim.real],
  ]) {
    const id = String(await one.ok('CLIENT', 'ID'))
    await one.call('SUBSCRIBE', 'c')
    const lines = ['MULTI', `CLIENT KILL ID ${id}`, 'PUBSUB CHANNELS', 'PUBLISH c x', `CLIENT KILL ID ${id}`, 'EXEC']
    from.send(Buffer.concat(lines.map((line) => encode(...line.split(' ')))))
    heard.push(String(await from.repliesRaw(lines.length)))
    await one.closed
  }
  assert.is(heard[0], heard[1])
  assert.match(heard[0], /\*4\r\n:1\r\n\*0\r\n:0\r\n:0\r\n$/)
})

test('CLIENT KILL closes the caller only when it is told so, and answers first', { skip }, async () => {
  await using both = await world.connect()
  await both.same(['CLIENT KILL TYPE normal', 'PING', 'CLIENT KILL TYPE normal SKIPME no'])
  await both.closed()
})

test("Sentinel's block: KILL within a transaction spares the caller", { skip }, async () => {
  await using victim = await world.connect()
  await using both = await world.connect()
  await both.same(['MULTI', 'CLIENT KILL TYPE normal', 'CLIENT KILL TYPE pubsub', 'EXEC', 'PING'])
  await victim.closed()
})

test('CLIENT REPLY', { skip }, () =>
  onBoth(async (both) => {
    await both.same(['CLIENT REPLY ON'])
    for (const silent of [
      ['CLIENT REPLY OFF', 'PING', 'GET', 'CLIENT REPLY SKIP', 'PING'],
      ['CLIENT REPLY SKIP', 'PING'],
      ['CLIENT REPLY SKIP', 'CLIENT REPLY SKIP', 'PING'],
      ['CLIENT REPLY SKIP', 'CLIENT REPLY OFF', 'PING'],
      ['CLIENT REPLY SKIP', 'NOSUCH'],
    ]) {
      for (const request of silent) both.tell(request)
      await both.same(
        silent.some((request) => request.endsWith('OFF')) ? ['CLIENT REPLY ON', 'PING'] : ['PING', 'PING'],
      )
    }
    both.tell('CLIENT REPLY SKIP')
    await both.same(['CLIENT REPLY ON', 'PING'])
  }),
)

test('HELP has a line for every subcommand', { skip }, () =>
  onBoth(async ({ ours }) => {
    const info = (await ours.ok('COMMAND', 'INFO', 'client', 'config', 'command', 'module')) as Reply[][]
    for (const [name, , , , , , , , , subcommands] of info) {
      const lines = (await ours.ok(String(name), 'HELP')) as string[]
      const named = new Set(lines.slice(1).map((line) => line.split(' ', 1)[0].toLowerCase()))
      for (const [full] of subcommands as string[][]) assert.ok(named.has(full.split('|')[1]), full)
    }
  }),
)

test('a connection that is gone is not listed', { skip }, async () => {
  const gone = await RawClient.connect({ port: world.ours })
  await gone.ok('CLIENT', 'SETNAME', 'soon-gone')
  await using both = await world.connect()
  assert.match(String(await both.ours.ok('CLIENT', 'LIST')), /name=soon-gone/)
  await gone.close()
  const listed = async (): Promise<boolean> => String(await both.ours.ok('CLIENT', 'LIST')).includes('soon-gone')
  await until(async () => !(await listed()), { what: 'the line to go' })
})

test.run()
