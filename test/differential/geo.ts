// Places: what a group of random commands is made of, see group.ts.

import fc from 'fast-check'
import { count, float, key, line, maybe, member, options, some, words } from './grammar.js'
import type { Group } from './group.js'

const longitude = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -180_000, max: 180_000 }).map((n) => String(n / 1000)) },
  float,
)
const latitude = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -85_000, max: 85_000 }).map((n) => String(n / 1000)) },
  float,
)
const place = fc.tuple(longitude, latitude, member).map((all) => all as (typeof all)[number][])
const unit = words('m', 'km', 'ft', 'mi', 'KM', 'x')
const radius = words('0', '1', '100', '5000', '20000', '1e3', '-1', 'x', '0.5')
const centre = fc.oneof(line('FROMMEMBER', member), line('FROMLONLAT', longitude, latitude))
const shape = fc.oneof(line('BYRADIUS', radius, unit), line('BYBOX', radius, radius, unit))
const order = line('', words('ASC', 'DESC'))
const withs = options(line('WITHCOORD'), line('WITHDIST'), line('WITHHASH'))

// STOREDIST is left out: the last bit of a distance is the C library's on one side and V8's on the other.
export const geo: Group = {
  title: 'geo',
  commands: [
    line('GEOADD', key, maybe(line('NX'), line('XX'), line('CH')), some(place, 3, 1)),
    line('GEOADD', key, some(place, 3, 1)),
    line('GEOPOS', key, some(member, 3)),
    line('GEODIST', key, member, member, maybe(line('', unit))),
    line('GEOHASH', key, some(member, 3)),
    line('GEOSEARCH', key, centre, shape, order, withs, maybe(line('COUNT', count))),
    line('GEOSEARCH', key, centre, shape, 'COUNT', count, order, withs),
    line('GEOSEARCHSTORE', key, key, centre, shape, order, maybe(line('COUNT', count))),
    line('GEORADIUS', key, longitude, latitude, radius, unit, order, withs, maybe(line('COUNT', count))),
    line('GEORADIUS', key, longitude, latitude, radius, unit, 'ASC', 'STORE', key),
    line('GEORADIUSBYMEMBER', key, member, radius, unit, 'ASC', withs),
    line('GEORADIUS_RO', key, longitude, latitude, radius, unit, 'ASC', withs),
    line('ZRANGE', key, '0', '-1', 'WITHSCORES'),
    line('ZREM', key, member),
  ],
}
