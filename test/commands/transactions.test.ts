// MULTI, EXEC and WATCH, against a real server.

import { suite } from '../suite.js'
import { type Both, type Request, skip, startBoth, type World } from './both.js'

const test = suite('transactions')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

/** Runs the requests on new connections and empty databases. */
async function same(...requests: Request[]): Promise<void> {
  await using both = await world.connect()
  await both.same(['FLUSHALL', ...requests])
}

test('EXEC runs what was queued', { skip }, () =>
  same('MULTI', 'SET a 1', 'INCR a', 'GET a', 'EXEC', 'GET a', 'MULTI', 'EXEC', 'EXEC', 'multi', 'ping', 'exec'),
)

test('DISCARD', { skip }, () => same('DISCARD', 'MULTI', 'SET a 1', 'DISCARD', 'GET a', 'DISCARD', 'EXEC'))

test('arity of the commands themselves', { skip }, () =>
  same('MULTI x', 'EXEC x', 'DISCARD x', 'WATCH', 'UNWATCH x', 'MULTI', 'EXEC x', 'EXEC', 'EXEC'),
)

test('an error at run time is one element, and the rest runs', { skip }, () =>
  same('SET word x', 'MULTI', 'SET a 1', 'INCR word', 'SET b 2', 'GETEX a EX 0', 'EXEC', 'MGET a b word'),
)

for (const wrong of ['GET', 'NOSUCH a b', 'CLIENT NOSUCH', 'CONFIG SET x', 'SHUTDOWN NOSAVE', 'PSYNC ? -1'])
  test(`EXEC refuses after a command that could not be queued: ${wrong}`, { skip }, () =>
    same('MULTI', 'SET a 1', wrong, 'SET b 2', 'EXEC', 'MGET a b', 'EXEC', 'MULTI', 'PING', 'EXEC'),
  )

test('MULTI and WATCH within MULTI are errors that do no harm', { skip }, () =>
  same('MULTI', 'MULTI', 'WATCH a', 'SET a 1', 'EXEC', 'GET a'),
)

test('commands of the connection within a transaction', { skip }, () =>
  same(
    'MULTI',
    'UNWATCH',
    'AUTH x',
    'CLIENT SETNAME n',
    'SELECT 1',
    'SET a 1',
    'SELECT 0',
    'GET a',
    'EXEC',
    'CLIENT GETNAME',
  ),
)

test('HELLO within a transaction changes the protocol of what follows', { skip }, async () => {
  await using both = await world.connect()
  const withoutId = (reply: string): string => reply.replace(/\$2\r\nid\r\n:\d+/, '')
  await both.same(['MULTI', 'GET nothing', 'HELLO 3', 'GET nothing', 'EXEC', 'GET nothing'], withoutId)
})

test('MONITOR is refused within a transaction', { skip }, () => same('MULTI', 'MONITOR', 'PING', 'EXEC', 'PING'))

test('EXEC is refused as a whole for what one of its commands needs, and otherwise runs to its end', {
  skip,
}, async () => {
  await using other = await world.connect()
  await using both = await world.connect()
  const changed = async (requests: Request[], config: string, back: string): Promise<void> => {
    // Without a key there is nothing that a limit of memory could be too small for.
    await both.same(['FLUSHALL', 'SET held x', 'MULTI', ...requests])
    await other.same([config])
    await both.same(['EXEC', 'PING'])
    await other.same([back])
    await both.same(['MGET a b', 'EXEC'])
  }
  const [tight, loose] = ['CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 0']
  await changed(['SET a 1', 'GET a'], tight, loose)
  await changed(['GET a', 'PING'], tight, loose)
  const [lonely, free] = ['CONFIG SET min-replicas-to-write 1', 'CONFIG SET min-replicas-to-write 0']
  await changed(['GET a', 'SET a 1'], lonely, free)
  await changed(['GET a', 'PING'], lonely, free)
  await changed(['CONFIG SET min-replicas-to-write 1', 'SET a 1', 'SET b 1'], free, free)
})

test('a transaction takes memory too: nothing is queued when there is none', { skip }, async () => {
  await using both = await world.connect()
  await both.same(['FLUSHALL', 'SET a 1', 'MULTI', 'GET a', 'CONFIG SET maxmemory 0', 'EXEC', 'CONFIG SET maxmemory 1'])
  await both.same(['GET a', 'MULTI', 'GET a', 'EXEC', 'MULTI', 'SET a 2', 'DISCARD', 'CONFIG SET maxmemory 0', 'GET a'])
})

test('a transaction that makes a replica of its primary runs to its end', { skip }, () =>
  same(
    'MULTI',
    'SET a 1',
    'REPLICAOF 127.0.0.1 1',
    'SET b 2',
    'EXEC',
    'MGET a b',
    'SET c 3',
    'REPLICAOF NO ONE',
    'SET c 3',
  ),
)

test('QUIT in the middle', { skip }, async () => {
  await using both = await world.connect()
  await both.same(['MULTI', 'SET a 1', 'QUIT'])
  await both.closed()
  await same('GET a')
})

/** What the other client does between WATCH and EXEC, and whether it matters is for the real server to say. */
const meanwhile: [title: string, before: Request[], watch: Request, others: Request[]][] = [
  ['nothing', ['SET k 1'], 'WATCH k', []],
  ['a set', ['SET k 1'], 'WATCH k', ['SET k 2']],
  ['a set of the same value', ['SET k 1'], 'WATCH k', ['SET k 1']],
  ['a set of another key', ['SET k 1'], 'WATCH k', ['SET other 1']],
  ['one of several', ['SET k 1'], 'WATCH a b k', ['SET b 2']],
  ['a new key', [], 'WATCH k', ['SET k 1']],
  ['a delete', ['SET k 1'], 'WATCH k', ['DEL k']],
  ['a delete of nothing', [], 'WATCH k', ['DEL k']],
  ['a new time', ['SET k 1'], 'WATCH k', ['EXPIRE k 100']],
  ['a time for nothing', [], 'WATCH k', ['EXPIRE k 100']],
  ['a read', ['SET k 1'], 'WATCH k', ['GET k', 'TTL k', 'EXISTS k']],
  ['FLUSHDB', ['SET k 1'], 'WATCH k', ['FLUSHDB']],
  ['FLUSHALL', ['SET k 1'], 'WATCH k', ['FLUSHALL']],
  ['FLUSHALL of nothing', [], 'WATCH k', ['FLUSHALL']],
  ['FLUSHDB of another database', ['SET k 1'], 'WATCH k', ['SELECT 1', 'SET k 1', 'FLUSHDB']],
  ['a set in another database', ['SET k 1'], 'WATCH k', ['SELECT 1', 'SET k 2']],
  ['SWAPDB', ['SET k 1'], 'WATCH k', ['SWAPDB 0 1']],
  ['SWAPDB of two others', ['SET k 1'], 'WATCH k', ['SWAPDB 2 3']],
  ['SWAPDB with nothing on either side', [], 'WATCH k', ['SWAPDB 0 1']],
  ['a rename onto it', ['SET k 1', 'SET o 1'], 'WATCH k', ['RENAME o k']],
  ['expiry', ['DEBUG SET-ACTIVE-EXPIRE 0', 'SET k 1 PX 30'], 'WATCH k', ['DEBUG SLEEP 0.05']],
  ['expiry that somebody saw', ['SET k 1 PX 30'], 'WATCH k', ['DEBUG SLEEP 0.05', 'GET k']],
  ['an expiry before the watch', ['SET k 1 PX 1', 'DEBUG SLEEP 0.01'], 'WATCH k', []],
  ['an expiry before the watch, deleted after it', ['SET k 1 PX 1', 'DEBUG SLEEP 0.01'], 'WATCH k', ['GET k']],
  ['an expired key set anew', ['SET k 1 PX 1', 'DEBUG SLEEP 0.01'], 'WATCH k', ['SET k 2']],
]

for (const [title, before, watch, others] of meanwhile)
  test(`WATCH, and meanwhile: ${title}`, { skip }, async () => {
    await using both: Both = await world.connect()
    await using other = await world.connect()
    await both.same(['FLUSHALL', 'DEBUG SET-ACTIVE-EXPIRE 0', ...before, watch])
    await other.same(others)
    await both.same(['MULTI', 'SET done 1', 'EXEC', 'GET done', 'MULTI', 'SET again 1', 'EXEC'])
    await both.same(['DEBUG SET-ACTIVE-EXPIRE 1'])
  })

test('a watched key changed by the client itself', { skip }, () =>
  same('WATCH k', 'SET k 1', 'MULTI', 'GET k', 'EXEC', 'WATCH k', 'MULTI', 'SET k 2', 'EXEC', 'GET k'),
)

test('UNWATCH and DISCARD forget what was watched', { skip }, () =>
  same(
    ...['WATCH k', 'SET k 1', 'UNWATCH', 'MULTI', 'GET k', 'EXEC'],
    ...['WATCH k', 'SET k 2', 'MULTI', 'DISCARD', 'MULTI', 'GET k', 'EXEC'],
    ...['WATCH k', 'SET k 3', 'MULTI', 'UNWATCH', 'EXEC'],
  ),
)

test('a broken watch and a failed queue: EXECABORT', { skip }, () =>
  same('WATCH k', 'SET k 1', 'MULTI', 'NOSUCH', 'EXEC', 'MULTI', 'PING', 'EXEC'),
)

test('a broken watch is null in RESP3', { skip }, async () => {
  await using both = await world.connect()
  await both.replies('HELLO 3')
  await both.same(['WATCH k', 'SET k 1', 'MULTI', 'GET k', 'EXEC'])
})

test.run()
