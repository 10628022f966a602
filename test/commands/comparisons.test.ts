// What later Redis added to strings: the replies of a real 8.6, and what our replicas are sent.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { missingPeer, type PeerServer, startServer } from '../peers.js'
import { streamOf, World } from '../sim/world.js'
import { suite, until } from '../suite.js'
import { Both } from './both.js'
import { commandLines } from './cases.js'

const test = suite('comparisons')
const skip = missingPeer('redis', '8.6.3')

let real: PeerServer
let ours: Store
let both: Both

test.before(async () => {
  if (skip !== undefined) return
  real = await startServer({ family: 'redis', version: '8.6.3' })
  ours = new Store()
  const { port } = await ours.listen({ port: 0 })
  both = new Both(await RawClient.connect({ port: port! }), await RawClient.connect({ port: real.port }))
})
test.after(async () => {
  await both?.close()
  await ours?.close()
  await real?.stop()
})

async function same(text: string): Promise<void> {
  await both.same(['FLUSHALL', ...commandLines(text)])
}

test('SET with a comparison', { skip }, () =>
  same(String.raw`
    SET k v IFEQ x; GET k; SET k v IFNE x; SET k w IFEQ v; SET k x IFNE w; SET k x ifne z; SET k y IFEQ x GET; SET k z IFEQ q GET
    SET n v IFEQ a GET; SET n v IFNE a GET; GET n; SET k v IFEQ; SET k v IFEQ a NX; SET k v NX IFEQ a; SET k v XX IFEQ a
    SET k v IFEQ a IFNE b; SET k v IFEQ a IFEQ y; GET k; SET k w IFEQ v EX 100; TTL k; SET k x IFEQ w KEEPTTL; TTL k
    SET k y KEEPTTL IFNE w; TTL k; SET k z IFEQ y; TTL k; HSET h a b; SET h x IFEQ a; SET h x IFNE a
    SET h x IFDEQ 0123456789abcdef; SET m v IFNE a NX; SET m w IFNE a XX; SET m w IFNE a IFNE w
    SET f foo; SET f a IFDEQ 0; SET f a IFDEQ 000000000000000g; SET f a IFDEQ AB6E5F64077E7D8A; GET f; SET f foo
    SET f a IFDNE ab6e5f64077e7d8a; SET f a IFDNE 123; SET f b IFDNE ab6e5f64077e7d8a; GET f; SET o a IFDNE 123
    SET p a IFDEQ x; EXISTS p; SET k w IFDEQ xx EX x; SET k w IFDEQ xx FOO; SET k w IFDEQ; GETEX k IFEQ x
    SET k "\xff\xfe"; SET k x IFEQ "\xff\xfe"; SET k "\xff\xfe"; SET k x IFEQ "\xff\xfd"; SET k 1 IFNE "\xff"; GET k
  `),
)

test('DELEX', { skip }, () =>
  same(`
    DELEX; DELEX n; SET k v; DELEX k; EXISTS k; SET k v; DELEX k IFEQ x; DELEX k IFEQ; DELEX k IFNE v; DELEX k ifeq v
    DELEX k IFEQ v; DELEX k IFNE v; SET k foo; DELEX k IFDEQ 0; DELEX n IFDEQ 0; DELEX k IFDNE ab6e5f64077e7d8a
    DELEX k IFDEQ AB6E5F64077E7D8A; EXISTS k; SET k v; DELEX k FOO x; DELEX n FOO x; DELEX k IFEQ a IFNE b; DELEX k foo
    DELEX k IFNE w; HSET h a b; DELEX h IFEQ v; DELEX h FOO v; DELEX h; EXISTS h
  `),
)

test('MSETEX', { skip }, () =>
  same(`
    MSETEX; MSETEX 1; MSETEX 1 a 1; MSETEX 2 a 1 b 2; MSETEX 2 a 1 b; MSETEX 0 a 1; MSETEX x a 1; MSETEX -1 a 1
    MSETEX 99999999999 a 1; MSETEX 1073741824 a 1; MSETEX 1 a 1 b 2; MSETEX 1 a 1 EX 100; TTL a; MSETEX 1 a 2 KEEPTTL; TTL a
    MSETEX 1 a 2; TTL a; MSETEX 2 a 1 n 2 NX; MSETEX 2 a 1 n 2 XX; MGET a n; MSETEX 2 m 1 n 2 NX; MSETEX 2 m 3 n 4 XX EX 100
    MGET m n; TTL m; MSETEX 2 m 1 n 2 XX NX; MSETEX 2 m 1 n 2 XX XX; MSETEX 2 m 1 n 2 EX 10 PX 10; MSETEX 2 m 1 n 2 EX 10 EX 20
    MSETEX 2 m 1 n 2 EX 10 KEEPTTL; MSETEX 2 m 1 n 2 FOO; MSETEX 2 m 1 n 2 GET; MSETEX 2 m 1 n 2 PERSIST; MSETEX 2 m 1 n 2 EX
    MSETEX 2 m 1 n 2 EX 0; MSETEX 2 m 1 n 2 EX x; MSETEX 2 m 1 n 2 IFEQ 1; MSETEX 2 m 1 n 2 PXAT 1; EXISTS m n
    MSETEX 2 o 1 o 2 NX; GET o; MSETEX 1 o v EXAT 99999999999; EXPIRETIME o; HSET h a b; MSETEX 1 h 1 NX; MSETEX 1 h 1 XX; TYPE h
    COMMAND GETKEYS MSETEX 2 a 1 b 2 NX
  `),
)

test('DIGEST of values of every length', { skip }, async () => {
  await same('DIGEST; DIGEST n; HSET h a b; DIGEST h; DIGEST h h; SET i 12345; DIGEST i')
  for (const length of [...Array(260).keys(), 511, 512, 513, 1023, 1024, 1025, 1087, 1088, 1089, 2048, 2049, 10_000]) {
    const value = Buffer.from(Array.from({ length }, (_, i) => (i * 131 + length * 7 + (i >> 3) * 29) & 0xff))
    await both.same([
      ['SET', 'k', value],
      ['DIGEST', 'k'],
    ])
  }
})

test('replicas get the outcome in words that servers of any version know', async () => {
  await using world = new World()
  const store = await world.node('a')
  const call = (line: string): unknown => store.call(...(line.split(' ') as [string, ...string[]]))
  const now = store.engine.now
  const effects: [string, string[]][] = [
    ['SET k v IFEQ x', []],
    ['SET k v IFNE x', ['SELECT 0', 'SET k v']],
    ['SET k w IFEQ v EX 10', [`SET k w PXAT ${now + 10_000}`]],
    ['SET k x IFEQ w KEEPTTL GET', ['SET k x KEEPTTL']],
    ['DELEX k IFEQ w', []],
    ['DELEX k IFEQ x', ['DEL k']],
    ['MSETEX 1 a 1', ['SET a 1']],
    ['MSETEX 2 a 1 b 2 PX 5', ['MULTI', `SET a 1 PXAT ${now + 5}`, `SET b 2 PXAT ${now + 5}`, 'EXEC']],
    ['MSETEX 2 a 3 b 4 XX KEEPTTL', ['MULTI', 'SET a 3 KEEPTTL', 'SET b 4 KEEPTTL', 'EXEC']],
    ['MSETEX 2 a 5 c 6 NX', []],
  ]
  for (const [line, expected] of effects)
    assert.equal(
      streamOf(store, () => call(line)),
      expected,
      line,
    )
})

test("DELIFEQ, Valkey's form", { skip: missingPeer('valkey', '9.1.2') }, async () => {
  const server = await startServer({ family: 'valkey', version: '9.1.2' })
  const { port } = await ours.listen({ port: 0 })
  const clients = [await RawClient.connect({ port: port! }), await RawClient.connect({ port: server.port })]
  const pair = new Both(clients[0], clients[1])
  try {
    await pair.same([
      'FLUSHALL',
      ...commandLines(
        'DELIFEQ k v; SET k v; DELIFEQ k x; GET k; DELIFEQ k v; GET k; DELIFEQ k; HSET h a b; DELIFEQ h v',
      ),
    ])
    // What its primary streams is applied.
    const follower = new Store()
    await follower.replicaOf({ host: '127.0.0.1', port: server.port })
    for (const line of ['SET a 1', 'DELIFEQ a 1', 'SET b 2']) await clients[1].ok(...line.split(' '))
    await until(() => follower.get('b') === '2', { what: 'the stream' })
    assert.is(follower.has('a'), false)
    await follower.close()
  } finally {
    await pair.close()
    await server.stop()
  }
})

test.run()
