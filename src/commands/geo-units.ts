// Coordinates, units and distances as clients write and read them.

import type { Arg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { type Context, option } from './command.js'
import { MAX_LATITUDE, MAX_LONGITUDE, type Point } from './geohash.js'
import { double } from './scores.js'

/** Longitude and latitude at argv[at]. Throws if they are beyond the map. */
export function pointAt(argv: readonly Arg[], at: number): Point {
  const longitude = double(argv[at])
  const latitude = double(argv[at + 1])
  if (Math.abs(longitude) > MAX_LONGITUDE || Math.abs(latitude) > MAX_LATITUDE)
    throw new ReplyError(`ERR invalid longitude,latitude pair ${sixPlaces(longitude)},${sixPlaces(latitude)}`)
  return { longitude, latitude }
}

/** As C's "%f". */
function sixPlaces(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`
}

const units: Readonly<Record<string, number>> = { M: 1, KM: 1000, FT: 0.3048, MI: 1609.34 }

/** In meters. */
export function unitOf(arg: Arg): number {
  const meters = units[option(arg)]
  if (meters === undefined) throw new ReplyError('ERR unsupported unit provided. please use M, KM, FT, MI')
  return meters
}

/** With four places, as Redis rounds them: half to even, after multiplying. */
export function replyDistance({ reply }: Context, value: number): void {
  const scaled = value * 10_000
  const floor = Math.floor(scaled)
  const rest = scaled - floor
  const rounded = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
  const digits = String(rounded).padStart(5, '0')
  reply.bulk(`${digits.slice(0, -4)}.${digits.slice(-4)}`)
}

/** With 17 places, zeros at the end left out. */
export function replyPoint({ reply }: Context, { longitude, latitude }: Point): void {
  reply.array(2)
  reply.double(longitude, human(longitude))
  reply.double(latitude, human(latitude))
}

function human(value: number): string {
  const digits = value.toFixed(17).replace(/\.?0+$/, '')
  return digits === '-0' ? '0' : digits
}
