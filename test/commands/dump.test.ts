// DUMP and RESTORE, FUNCTION: each edge case on a real server too, and payloads that go from one to the other.

import * as assert from 'uvu/assert'
import { fixture, fixtureNames, manifestKeys } from '../rdb/corpus.js'
import { suite } from '../suite.js'
import { type Both, skip, startBoth, type World } from './both.js'
import { Cases } from './cases.js'

const test = suite('dump')
let cases: Cases
/** Another pair, whose two need not do the same. */
let world: World
let both: Both

test.before(async () => {
  if (skip !== undefined) return
  cases = await Cases.start()
  world = await startBoth()
  both = await world.connect()
})
test.after(async () => {
  await cases?.close()
  await both?.close()
  await world?.close()
})

/** What a real redis-server 7.0.15 gave for SET k v. */
const STRING_V = String.raw`"\x00\x01v\x0a\x00\x4e\xe4\xf2\x32\x73\x5f\xd1\x69"`

async function payloadOf(...argv: (string | number)[]): Promise<Buffer> {
  const { real } = both
  await real.ok('DEL', 'made')
  await real.ok(...(argv as [string]))
  const raw = await real.callRaw('DUMP', 'made')
  await real.ok('DEL', 'made')
  return raw.subarray(raw.indexOf('\r\n') + 2, raw.length - 2)
}

test('RESTORE: arguments and their errors, in their order', { skip }, async () => {
  const good = await payloadOf('SET', 'made', 'value')
  const bad = Buffer.from(good)
  bad[2] ^= 1
  const restore = (...rest: (string | number | Buffer)[]): (string | number | Buffer)[] => ['RESTORE', 'k', ...rest]
  await cases.sameCommands([
    restore('0', good),
    ['GET', 'k'],
    ['TTL', 'k'],
    restore('0', good),
    restore('0', good, 'REPLACE'),
    restore('x', good),
    restore('x', good, 'REPLACE'),
    restore('-1', good, 'REPLACE'),
    restore('-1', bad, 'replace'),
    restore('0', bad, 'REPLACE'),
    restore('0', '', 'REPLACE'),
    restore('0', 'nonsense and more', 'REPLACE'),
    restore('0', good.subarray(1), 'REPLACE'),
    restore('100000', good, 'REPLACE'),
    ['TTL', 'k'],
    restore('99999999999999', good, 'REPLACE', 'ABSTTL'),
    ['PEXPIRETIME', 'k'],
    restore('1', good, 'ABSTTL', 'REPLACE'),
    ['EXISTS', 'k'],
    restore('1', good, 'ABSTTL', 'REPLACE'),
    ['SET', 'k', 'other'],
    restore('1', good, 'ABSTTL'),
    restore('1', good, 'REPLACE', 'ABSTTL'),
    ['EXISTS', 'k'],
    restore('0', good, 'IDLETIME', '1000'),
    restore('0', good, 'REPLACE', 'IDLETIME', '-1'),
    restore('0', good, 'REPLACE', 'IDLETIME', 'x'),
    restore('0', good, 'REPLACE', 'IDLETIME'),
    restore('0', good, 'REPLACE', 'FREQ', '255'),
    restore('0', good, 'REPLACE', 'FREQ', '256'),
    restore('0', good, 'REPLACE', 'FREQ', '-1'),
    restore('0', good, 'REPLACE', 'FREQ', '1', 'IDLETIME', '1'),
    restore('0', good, 'REPLACE', 'IDLETIME', '1', 'FREQ', '1'),
    restore('0', good, 'WHAT'),
    restore('0'),
    ['RESTORE-ASKING', 'l', '0', good],
    ['RESTORE-ASKING', 'm', '50000', good],
    ['GET', 'l'],
    ['DUMP', 'nothing'],
    ['DUMP'],
    ['DUMP', 'a', 'b'],
  ])
})

test('a string from a real server', { skip }, () =>
  cases.same(`RESTORE k 0 ${STRING_V}; GET k; RESTORE k 0 ${STRING_V} REPLACE`),
)

test('values of every type go both ways', { skip }, async () => {
  const { ours, real } = both
  const makers = [
    ['SET', 'made', 'v'],
    ['SET', 'made', '12345'],
    ['SET', 'made', 'abc'.repeat(1000)],
    ['RPUSH', 'made', ...Array.from({ length: 300 }, (_, i) => `item ${i} ${'x'.repeat(i)}`)],
    ['SADD', 'made', '1', '2', '-5000000000'],
    ['SADD', 'made', 'a', 'b', 'c', '1'],
    ['ZADD', 'made', '1', 'a', '-2.5', 'b', 'inf', 'c', '-inf', 'd', '1e300', 'e'],
    ['HSET', 'made', 'f', 'v', 'g', '12', 'h', ''],
    ['HSET', 'made', ...Array.from({ length: 1200 }, (_, i) => String(i))],
    ['XADD', 'made', '5-1', 'a', 'b', 'c', 'd'],
  ]
  for (const argv of makers) {
    const payload = await payloadOf(...argv)
    assert.is(await ours.ok('RESTORE', 'made', 0, payload, 'REPLACE'), 'OK', argv[0])
    const raw = await ours.callRaw('DUMP', 'made')
    const back = raw.subarray(raw.indexOf('\r\n') + 2, raw.length - 2)
    assert.is(await real.ok('RESTORE', 'made', 0, back, 'REPLACE'), 'OK', argv[0])
    assert.equal(
      await ours.ok('DEBUG', 'DIGEST-VALUE', 'made'),
      await real.ok('DEBUG', 'DIGEST-VALUE', 'made'),
      argv[0],
    )
  }
  await both.same(['DEL made'])
})

test('payloads of every server are restored, and the stream holds what a replica of 7.0 reads', { skip }, async () => {
  const { real } = both
  const { ours } = cases.both
  await cases.ourStream()
  let count = 0
  for (const name of fixtureNames().filter((one) => /-(hashes|zsets|streams|hfe|lists)$/.test(one))) {
    for (const [, { dump_b64 }] of manifestKeys(fixture(name).manifest)) {
      if (dump_b64 === undefined) continue
      const payload = Buffer.from(dump_b64, 'base64')
      assert.is(await ours.ok('RESTORE', `k${count}`, 0, payload), 'OK', name)
      const [sent] = await cases.ourStream()
      assert.is(sent[0], 'RESTORE')
      const version = payload.readUInt16LE(payload.length - 10)
      const handedOn = Buffer.from(sent[3], 'latin1')
      if (version <= 10) assert.ok(handedOn.equals(payload))
      // Times of fields have no older form.
      if (!name.endsWith('-hfe') && (version <= 10 || handedOn.readUInt16LE(handedOn.length - 10) <= 10))
        assert.is(await real.ok('RESTORE', 'handed', 0, handedOn, 'REPLACE'), 'OK', name)
      count++
    }
  }
  assert.ok(count > 100, `${count} payloads`)
})

const LIBRARY = '#!lua name=mine\nredis.register_function("f", function() return 1 end)\n'
const OTHER = '#!lua name=other\nredis.register_function("g", function() return 1 end)\n'

async function functionsOf(...codes: string[]): Promise<Buffer> {
  const { real } = both
  await real.ok('FUNCTION', 'FLUSH')
  for (const code of codes) await real.ok('FUNCTION', 'LOAD', code)
  const raw = await real.callRaw('FUNCTION', 'DUMP')
  await real.ok('FUNCTION', 'FLUSH')
  return raw.subarray(raw.indexOf('\r\n') + 2, raw.length - 2)
}

test('FUNCTION: libraries come and go as dumps', { skip }, async () => {
  const [one, other, two] = [await functionsOf(LIBRARY), await functionsOf(OTHER), await functionsOf(LIBRARY, OTHER)]
  const wrong = Buffer.from(one)
  wrong[9] ^= 1
  const value = await payloadOf('SET', 'made', 'v')
  await cases.sameCommands([
    ['FUNCTION', 'FLUSH'],
    ['FUNCTION', 'LIST'],
    ['FUNCTION', 'RESTORE', one],
    ['FUNCTION', 'DUMP'],
    ['FUNCTION', 'RESTORE', one],
    ['FUNCTION', 'RESTORE', two],
    ['FUNCTION', 'RESTORE', two, 'REPLACE'],
    ['FUNCTION', 'RESTORE', one, 'append'],
    ['FUNCTION', 'RESTORE', other, 'flush'],
    ['FUNCTION', 'DUMP'],
    ['FUNCTION', 'RESTORE', wrong],
    ['FUNCTION', 'RESTORE', one, 'WHAT'],
    ['FUNCTION', 'RESTORE', one, 'REPLACE', 'x'],
    ['FUNCTION', 'RESTORE', 'x'],
    ['FUNCTION', 'DELETE', 'nobody'],
    ['FUNCTION', 'DELETE', 'other'],
    ['FUNCTION', 'DELETE', 'other'],
    ['FUNCTION', 'LIST'],
    ['FUNCTION', 'STATS'],
    ['FUNCTION', 'KILL'],
    ['FUNCTION', 'FLUSH', 'SYNC'],
    ['FUNCTION', 'FLUSH', 'async'],
    ['FUNCTION', 'FLUSH', 'what'],
    ['FUNCTION', 'FLUSH', 'SYNC', 'SYNC'],
    ['FUNCTION', 'LIST', 'WHAT'],
    ['FUNCTION', 'LIST', 'LIBRARYNAME'],
    ['FUNCTION', 'LIST', 'WITHCODE', 'WITHCODE'],
    ['FUNCTION', 'RESTORE'],
    ['FUNCTION', 'WHAT'],
    ['FUNCTION', 'DUMP', 'x'],
  ])
  assert.ok((await both.ours.callRaw('FUNCTION', 'RESTORE', value)).toString().startsWith('-ERR'))
})

test('FUNCTION LIST names what is kept; LOAD says why it does not', { skip }, async () => {
  const { ours } = both
  await ours.ok('FUNCTION', 'RESTORE', await functionsOf(LIBRARY, OTHER), 'FLUSH')
  const list = (await ours.ok('FUNCTION', 'LIST', 'WITHCODE', 'LIBRARYNAME', 'm*')) as string[][]
  const functions = [['name', 'f', 'description', null, 'flags', []]]
  assert.equal(list, [['library_name', 'mine', 'engine', 'LUA', 'functions', functions, 'library_code', LIBRARY]])
  assert.is(((await ours.ok('FUNCTION', 'LIST')) as unknown[]).length, 2)
  const refused = (await ours.callRaw('FUNCTION', 'LOAD', LIBRARY)).toString()
  assert.match(refused, /^-ERR No scripts are run here/)
  await ours.ok('FUNCTION', 'FLUSH')
})

test.run()
