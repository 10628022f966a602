// Geo commands, each edge case on a real server too.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { decode, distance, encode, geohashText } from '../../src/commands/geohash.js'
import { missingPeer, startServer } from '../peers.js'
import { suite } from '../suite.js'
import { Both, skip } from './both.js'
import { Cases } from './cases.js'

const test = suite('geo')
let cases: Cases

test.before(async () => {
  if (skip === undefined) cases = await Cases.start()
})
test.after(() => cases?.close())

/** The same lines in RESP2 and in RESP3. */
async function inBothProtocols(lines: string): Promise<void> {
  await cases.same(lines)
  await cases.both.replies('HELLO 3')
  await cases.same(lines)
  await cases.both.replies('HELLO 2')
}

const SICILY =
  'GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania; GEOADD g 13.583333 37.316667 Agrigento'

test('GEOADD, GEOPOS, GEOHASH, GEODIST', { skip }, () =>
  inBothProtocols(`
    ${SICILY}; GEOPOS g Palermo nobody Catania; GEOHASH g Palermo nobody Catania; GEODIST g Palermo Catania
    GEODIST g Palermo Catania km; GEODIST g Palermo Catania MI; GEODIST g Palermo Catania ft; GEODIST g Palermo Catania m
    GEODIST g Palermo nobody; GEODIST n a b; GEODIST g Palermo Palermo; GEODIST g Palermo Catania cm; GEODIST g Palermo Catania m x
    GEODIST n a b cm; GEOPOS n a b; GEOHASH n a b; GEOPOS g; GEOHASH g; GEOPOS n; ZSCORE g Palermo; ZRANGE g 0 -1 WITHSCORES
    GEOADD g NX 1 1 Palermo 2 2 new; GEOADD g XX CH 1 1 Palermo 3 3 none; GEOADD g CH 1 1 Palermo; GEOADD g NX XX 1 1 a
    GEOADD g 1 1; GEOADD g 1 1 a 2; GEOADD g x 1 a; GEOADD g 1 x a; GEOADD g 181 1 a; GEOADD g 1 86 a; GEOADD g 1 1 a -180.5 1 b
    GEOADD g 1e30 -inf a; GEOADD g 180 85.05112878 edge -180 -85.05112878 corner 0 0 middle; GEOPOS g edge corner middle
    GEOHASH g edge corner middle; GEODIST g corner edge; GEODIST g middle corner; GEOADD g CH NX XX; GEOADD g NX CH CH; GEOADD g
    SET s v; GEOADD s 1 1 a; GEOPOS s a; GEOHASH s a; GEODIST s a b; GEODIST s a b cm
    ZADD odd 0 zero -1 minus 1.5 half 4503599627370496 over 1e17 far 18446744073709551615 all -9223372036854775808 least
    GEOPOS odd zero minus half over far least; GEOHASH odd zero minus half over far least; GEODIST odd zero over
  `),
)

test('WITHHASH of a score that is no whole number', { skip }, () =>
  inBothProtocols(`
    ZADD odd 5.25 a 3.14159 b 3479447370796909.5 c; GEOSEARCH odd FROMLONLAT 0 0 BYRADIUS 30000 km ASC WITHHASH
    GEORADIUSBYMEMBER odd a 30000 km ASC WITHHASH; GEOADD g 180 85.05112878 edge
    GEOSEARCH g FROMMEMBER edge BYRADIUS 30000 km ASC WITHHASH
  `),
)

test('GEOSEARCH', { skip }, () =>
  inBothProtocols(`
    ${SICILY}; GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km; GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC
    GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km DESC WITHDIST WITHCOORD WITHHASH; GEOSEARCH g FROMMEMBER Palermo BYBOX 400 400 km
    GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST; GEOSEARCH g FROMLONLAT 15 37 BYBOX 100 400 km
    GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1; GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 2 DESC
    GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 1 ANY; GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ANY
    GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 0; GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT x
    GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km COUNT; GEOSEARCH g FROMLONLAT 15 37 BYRADIUS -1 km; GEOSEARCH g FROMLONLAT 15 37 BYRADIUS x km
    GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 cm; GEOSEARCH g FROMLONLAT 15 37 BYBOX -1 1 km; GEOSEARCH g FROMLONLAT 15 37 BYBOX x 1 km
    GEOSEARCH g FROMLONLAT 15 37 BYBOX 1 x km; GEOSEARCH g FROMLONLAT 200 37 BYRADIUS 1 km; GEOSEARCH g FROMMEMBER nobody BYRADIUS 1 km
    GEOSEARCH g FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 1 km; GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km BYBOX 1 1 km
    GEOSEARCH g ASC COUNT 1 WITHDIST WITHHASH; Geosearch g BYRADIUS 1 km ASC DESC; GEOSEARCH g FROMLONLAT 15 37 ASC DESC; GEOSEARCH g FROMLONLAT 15 37 FOO a b
    GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 1 km STOREDIST; GEOSEARCH n FROMMEMBER x BYRADIUS 1 km; GEOSEARCH n FROMLONLAT 15 37 BYRADIUS 1 km FOO
    GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 0 km; GEOSEARCH g FROMMEMBER Palermo BYRADIUS 0 km WITHDIST; GEOSEARCH g FROMLONLAT 0 0 BYRADIUS inf km ASC
    GEOSEARCH g FROMLONLAT 0 0 BYBOX inf inf km; GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 21000 km WITHHASH; SET s v; GEOSEARCH s FROMLONLAT 0 0 BYRADIUS 1 km
    GEOSEARCH s FOO a b c d
  `),
)

test('GEOSEARCHSTORE', { skip }, () =>
  cases.same(`
    ${SICILY}; GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km; ZRANGE d 0 -1 WITHSCORES
    GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km COUNT 2 DESC; ZRANGE d 0 -1; GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 1 1 m; EXISTS d
    GEOSEARCHSTORE g n FROMLONLAT 15 37 BYBOX 1 1 m; EXISTS g; GEOSEARCHSTORE d n FROMMEMBER x BYRADIUS 1 km; ${SICILY}
    GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST; GEOSEARCHSTORE d g ASC ASC ASC ASC ASC; SET s v
    GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 1 km; GEOSEARCHSTORE s g FROMLONLAT 15 37 BYRADIUS 500 km; TYPE s
    GEOSEARCHSTORE g g FROMLONLAT 15 37 BYRADIUS 500 km COUNT 1 ANY; ZRANGE g 0 -1 WITHSCORES
  `),
)

test('GEORADIUS and GEORADIUSBYMEMBER', { skip }, () =>
  inBothProtocols(`
    ${SICILY}; GEORADIUS g 15 37 200 km; GEORADIUS g 15 37 200 km WITHDIST WITHCOORD WITHHASH ASC COUNT 2; GEORADIUS_RO g 15 37 100 km
    GEORADIUS g 15 37 200 km COUNT 1 ANY WITHDIST; GEORADIUSBYMEMBER g Palermo 100 km ASC; GEORADIUSBYMEMBER_RO g Palermo 200 km DESC WITHDIST
    GEORADIUSBYMEMBER g nobody 1 km; GEORADIUSBYMEMBER n x 1 km; GEORADIUSBYMEMBER n x y z; GEORADIUSBYMEMBER n x y z STORE d
    GEORADIUS n 15 37 1 km; GEORADIUS n 15 37 1 cm; GEORADIUS n x 37 1 km; GEORADIUS g 15 37 200 km STORE d; ZRANGE d 0 -1 WITHSCORES
    GEORADIUS g 15 37 200 km COUNT 1 STORE d; ZRANGE d 0 -1; GEORADIUS g 15 37 200 km WITHDIST STORE d; GEORADIUS g 15 37 200 km STORE
    GEORADIUS_RO g 15 37 200 km STORE d; GEORADIUSBYMEMBER_RO g Palermo 200 km STOREDIST d; GEORADIUS g 15 37 1 m STORE d; EXISTS d
    GEORADIUSBYMEMBER g Palermo 200 km STORE d; ZCARD d; GEORADIUSBYMEMBER n Palermo 200 km STORE d; EXISTS d
    GEORADIUS g 15 37 -1 km; GEORADIUS g 15 37 x km; GEORADIUS g 15 37 1 km FOO; GEORADIUS g 15 37 1 km COUNT -1; GEORADIUS g 15 37 1 km ANY
    GEORADIUS g 15 37 200 km STORE d STORE e; EXISTS d e; SET s v; GEORADIUS s 1 1 1 km; GEORADIUS s x; GEORADIUSBYMEMBER s a 1 km
  `),
)

/** Sines and roots may differ in the last bit between two libraries: these are compared to nine digits. */
test('STOREDIST', { skip }, async () => {
  const { ours, real } = cases.both
  const scores: number[][] = []
  for (const client of [ours, real]) {
    for (const line of ['FLUSHALL', ...SICILY.split('; ')]) await client.ok(...line.split(' '))
    const found: number[] = []
    for (const line of [
      'GEORADIUS g 15 37 200 km STOREDIST d',
      'GEOSEARCHSTORE d g FROMMEMBER Palermo BYBOX 400 400 mi STOREDIST',
      'GEORADIUSBYMEMBER g Catania 1e6 ft COUNT 2 STORE x STOREDIST d',
    ]) {
      await client.ok(...line.split(' '))
      const pairs = (await client.ok('ZRANGE', 'd', '0', '-1', 'WITHSCORES')) as string[]
      for (let i = 1; i < pairs.length; i += 2) found.push(Number(Number(pairs[i]).toPrecision(9)))
    }
    scores.push(found)
  }
  assert.equal(scores[0], scores[1])
  assert.is(scores[0].length, 8)
  await cases.sameCommands([])
})

const skipValkey = missingPeer('valkey', '9.1.2')

test('BYPOLYGON, as Valkey 9 has it', { skip: skip ?? skipValkey }, async () => {
  await using server = await startServer({ family: 'valkey', version: '9.1.2' })
  const valkey = await server.connect()
  const both = new Both(cases.both.ours, valkey)
  await both.same([
    'FLUSHALL',
    ...SICILY.split('; '),
    'GEOADD g 179.5 10 east -179.5 10 west 14 37.9 inside 14.001 38 edge',
  ])
  await both.same([
    'GEOSEARCH g BYPOLYGON 3 12 36 16 36 14 39 ASC WITHDIST WITHCOORD',
    'GEOSEARCH g BYPOLYGON 4 13 37 16 37 16 39 13 39 DESC WITHHASH',
    'GEOSEARCH g BYPOLYGON 5 13 37 16 39 13 39 16 37 14 30 ASC',
    'GEOSEARCH g BYPOLYGON 3 -180 -80 180 -80 0 85 ASC COUNT 3',
    'GEOSEARCH g BYPOLYGON 2 1 1 2 2',
    'GEOSEARCH g BYPOLYGON x 1 1 2 2 3 3',
    'GEOSEARCH g BYPOLYGON 3 1 1 2 2 3 x',
    'GEOSEARCH g BYPOLYGON 3 1 1 2 2 300 3',
    'GEOSEARCH g BYPOLYGON 4 1 1 2 2 3 3',
    'GEOSEARCH g FROMLONLAT 1 1 BYPOLYGON 3 1 1 2 2 3 3',
    'GEOSEARCH g BYPOLYGON 3 1 1 2 2 3 3 FROMMEMBER Palermo',
    'GEOSEARCH g BYPOLYGON 3 1 1 2 2 3 3 BYRADIUS 1 km',
    'GEOSEARCHSTORE d g BYPOLYGON 4 13 37 16 37 16 39 13 39',
    'ZRANGE d 0 -1',
  ])
  await valkey.close()
  await cases.ourStream()
})

const longitude = fc.oneof(
  fc.double({ min: -180, max: 180, noNaN: true }),
  fc.constantFrom(-180, 180, 179.9, -179.9, 0),
)
const latitude = fc.oneof(
  fc.double({ min: -85.05112878, max: 85.05112878, noNaN: true }),
  fc.constantFrom(-85.05112878, 85.05112878, 0, 84, -84),
)
const size = fc.oneof(
  fc.double({ min: 0, max: 25_000, noNaN: true }),
  fc.double({ min: 0, max: 300, noNaN: true }),
  fc.constantFrom(0, 1, 5000),
)
const near = fc.tuple(fc.double({ min: 12, max: 16, noNaN: true }), fc.double({ min: 36, max: 39, noNaN: true }))
const place = fc.oneof(near, fc.tuple(longitude, latitude))
const shape = fc.oneof(
  size.map((radius) => ['BYRADIUS', radius, 'km']),
  fc.tuple(size, size).map(([width, height]) => ['BYBOX', width, height, 'km']),
)
const order = fc.constantFrom([], ['ASC'], ['DESC'], ['COUNT', 3, 'ANY'])

test('random places and shapes', { skip }, () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(place, { minLength: 20, maxLength: 60, size: 'max' }),
      fc.array(fc.tuple(place, shape, order), { minLength: 5, maxLength: 15 }),
      (places, searches) =>
        cases.sameCommands([
          ['GEOADD', 'g', ...places.flatMap(([x, y], i) => [x, y, `m${i}`])],
          ['GEOPOS', 'g', ...places.map((_, i) => `m${i}`)],
          ['GEOHASH', 'g', ...places.map((_, i) => `m${i}`)],
          ...places.slice(1).map((_, i) => ['GEODIST', 'g', `m${i}`, `m${i + 1}`, 'mi']),
          ...searches.map(([[x, y], within, how]) => [
            ...['GEOSEARCH', 'g', 'FROMLONLAT', x, y, ...within, ...how, 'WITHDIST', 'WITHHASH', 'WITHCOORD'],
          ]),
        ]),
    ),
    { seed: 20260706, numRuns: 40 },
  ),
)

test('a score is a place, and that place the score', () => {
  fc.assert(
    fc.property(longitude, latitude, (x, y) => {
      const score = encode({ longitude: x, latitude: y })
      const point = decode(score)
      if (x < 180 && y < 85) {
        assert.is(encode(point), score)
        assert.ok(distance(point, { longitude: x, latitude: y }) < 0.6)
      }
      assert.match(geohashText(point), /^[0-9b-hjkmnp-z]{10}0$/)
    }),
    { seed: 20260707, numRuns: 2000 },
  )
})

test.run()
