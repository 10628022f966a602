// Places on earth as numbers: longitude and latitude as integers, their bits mixed, so that numbers near each other are
// mostly places near each other. A sorted set with such scores can be searched by area. To the bit as Redis 7.0 does it;
// the arithmetic is done in the same order, for the same roundings.

export interface Point {
  longitude: number
  latitude: number
}

export const MAX_LONGITUDE = 180
/** Where a Mercator map that is a square ends: the poles are nowhere. */
export const MAX_LATITUDE = 85.05112878

/** Bits of each coordinate in a score, which has 52. */
const SCORE_STEP = 26
const TWO_32 = 2 ** 32

/** As a score. The point must be within the bounds. */
export function encode(point: Point): number {
  const { x, y } = cellAt(point, SCORE_STEP)
  return mix(x, y)
}

/** The same in digits, all of them: at the eastern edge there are more bits than a double holds. */
export function encodeDigits(point: Point): string {
  const score = encode(point)
  if (score <= Number.MAX_SAFE_INTEGER) return String(score)
  const { x, y } = cellAt(point, SCORE_STEP)
  return String(BigInt(mix(x >>> 13, y >>> 13)) * 2n ** 26n + BigInt(mix(x & 0x1fff, y & 0x1fff)))
}

/** The middle of the smallest area that a score stands for. Any number is some place. */
export function decode(score: number): Point {
  const [high, low] = halvesOf(score)
  const y = (unmix(high) * 65_536 + unmix(low)) >>> 0
  const x = (unmix(high >>> 1) * 65_536 + unmix(low >>> 1)) >>> 0
  const { west, east, south, north } = areaOf({ x, y, step: SCORE_STEP })
  return {
    longitude: Math.max(-MAX_LONGITUDE, Math.min(MAX_LONGITUDE, (west + east) / 2)),
    latitude: Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, (south + north) / 2)),
  }
}

/** The two halves of the 64-bit integer that C makes of a double. */
function halvesOf(score: number): [high: number, low: number] {
  if (score >= 0 && score <= Number.MAX_SAFE_INTEGER)
    return [Math.floor(score / TWO_32), Math.floor(score % TWO_32) >>> 0]
  const bits = Number.isFinite(score) ? BigInt.asUintN(64, BigInt(Math.trunc(score))) : 0n
  return [Number(bits >> 32n), Number(bits & 0xffffffffn)]
}

const ALPHABET = '0123456789bcdefghjkmnpqrstuvwxyz'
const HASH_BITS = 52

/** The usual 11 letters, for which latitudes go to 90. There are bits for 10 only: the last one is always 0. */
export function geohashText({ longitude, latitude }: Point): string {
  const bits = mix(fraction(longitude, 180, SCORE_STEP), fraction(latitude, 90, SCORE_STEP))
  let hash = ''
  for (let shift = HASH_BITS - 5; shift > 0; shift -= 5) hash += ALPHABET[Math.floor(bits / 2 ** shift) % 32]
  return `${hash}0`
}

const EARTH_RADIUS_METERS = 6372797.560856
/** Half the way around a Mercator map, in meters. */
const MERCATOR_MAX = 20037726.37
const RADIANS = Math.PI / 180

/** In meters, on a sphere (haversine). */
export function distance(a: Point, b: Point): number {
  const v = Math.sin((b.longitude * RADIANS - a.longitude * RADIANS) / 2)
  if (v === 0) return distanceOfLatitudes(a, b)
  const [from, to] = [a.latitude * RADIANS, b.latitude * RADIANS]
  const u = Math.sin((to - from) / 2)
  return 2 * EARTH_RADIUS_METERS * Math.asin(Math.sqrt(u * u + Math.cos(from) * Math.cos(to) * v * v))
}

function distanceOfLatitudes(a: Point, b: Point): number {
  return EARTH_RADIUS_METERS * Math.abs(b.latitude * RADIANS - a.latitude * RADIANS)
}

/**
 * What is searched: a circle, a box whose edges are meridians and parallels, or (Valkey 9) a polygon, whose center is its
 * centroid. Sizes in units of `unit` meters.
 */
export type Shape = { center: Point; unit: number } & (
  | { kind: 'circle'; radius: number }
  | { kind: 'box'; width: number; height: number }
  | { kind: 'polygon'; vertices: readonly Point[] }
)

/** The middle of points on a sphere. */
export function centroidOf(points: readonly Point[]): Point {
  let [x, y, z] = [0, 0, 0]
  for (const { longitude, latitude } of points) {
    x += Math.cos(latitude * RADIANS) * Math.cos(longitude * RADIANS)
    y += Math.cos(latitude * RADIANS) * Math.sin(longitude * RADIANS)
    z += Math.sin(latitude * RADIANS)
  }
  return { longitude: Math.atan2(y, x) / RADIANS, latitude: Math.atan2(z, Math.sqrt(x * x + y * y)) / RADIANS }
}

/** By counting the edges that a line to the east crosses. The map is taken as flat. */
function isInside(vertices: readonly Point[], { longitude, latitude }: Point): boolean {
  let inside = false
  let b = vertices[vertices.length - 1]
  for (const a of vertices) {
    const isBetween = a.latitude > latitude !== b.latitude > latitude
    const crossing = ((b.longitude - a.longitude) * (latitude - a.latitude)) / (b.latitude - a.latitude) + a.longitude
    if (isBetween && longitude < crossing) inside = !inside
    b = a
  }
  return inside
}

/** How far a point in the shape is from its center, in meters; undefined for one that is outside. */
export function distanceWithin(shape: Shape, point: Point): number | undefined {
  const { center, unit } = shape
  if (shape.kind === 'circle') {
    const meters = distance(center, point)
    return meters > shape.radius * unit ? undefined : meters
  }
  if (shape.kind === 'polygon') return isInside(shape.vertices, point) ? distance(center, point) : undefined
  if (distanceOfLatitudes(point, center) > (shape.height * unit) / 2) return undefined
  const besides = { longitude: center.longitude, latitude: point.latitude }
  if (distance(point, besides) > (shape.width * unit) / 2) return undefined
  return distance(center, point)
}

/** Scores from `min` up to but not including `max`. */
export interface ScoreSpan {
  min: number
  max: number
}

/** Where everything in a shape is to be found: nine areas at most, the one with the center first, then around it. */
export function spansCovering(shape: Shape): ScoreSpan[] {
  const bounds = boundsOf(shape)
  const { center } = shape
  let middle = cellAt(center, stepFor(reachOf(shape, bounds), center.latitude))
  // Near an edge of the middle cell its neighbour may not reach as far as the shape does.
  if (middle.step > 1 && !coversWithNeighbours(middle, bounds)) middle = cellAt(center, middle.step - 1)
  const cells = neighboursWithin(middle, bounds)
  const kept: Cell[] = []
  let last: Cell | undefined
  for (const cell of cells) {
    // With huge shapes two neighbours can be the same cell. Redis looks at the one before only, and never at the middle.
    if (last !== undefined && cell.x === last.x && cell.y === last.y) continue
    kept.push(cell)
    if (cell !== middle) last = cell
  }
  return kept.map(spanOf)
}

interface Area {
  west: number
  east: number
  south: number
  north: number
}

/** From the center to the farthest corner, in meters. */
function reachOf(shape: Shape, { west, east, south, north }: Area): number {
  if (shape.kind === 'circle') return shape.radius * shape.unit
  if (shape.kind === 'box') {
    const [width, height] = [shape.width / 2, shape.height / 2]
    return Math.sqrt(width * width + height * height) * shape.unit
  }
  const corners = [west, east].flatMap((longitude) => [
    { longitude, latitude: south },
    { longitude, latitude: north },
  ])
  return Math.max(...corners.map((corner) => distance(shape.center, corner)))
}

/** The smallest area around a shape. Meridians are nearest to each other where it is farthest from the equator. */
function boundsOf(shape: Shape): Area {
  if (shape.kind === 'polygon') {
    const longitudes = shape.vertices.map((vertex) => vertex.longitude)
    const latitudes = shape.vertices.map((vertex) => vertex.latitude)
    return {
      west: Math.min(...longitudes),
      east: Math.max(...longitudes),
      south: Math.min(...latitudes),
      north: Math.max(...latitudes),
    }
  }
  const { center, unit } = shape
  const { longitude, latitude } = center
  const height = unit * (shape.kind === 'circle' ? shape.radius : shape.height / 2)
  const width = unit * (shape.kind === 'circle' ? shape.radius : shape.width / 2)
  const latitudes = height / EARTH_RADIUS_METERS / RADIANS
  const edge = latitude < 0 ? latitude - latitudes : latitude + latitudes
  const longitudes = width / EARTH_RADIUS_METERS / Math.cos(edge * RADIANS) / RADIANS
  return {
    west: longitude - longitudes,
    east: longitude + longitudes,
    south: latitude - latitudes,
    north: latitude + latitudes,
  }
}

/** Bits of each coordinate, so that a cell and those around it are larger than the shape. */
function stepFor(reachMeters: number, latitude: number): number {
  if (reachMeters === 0) return SCORE_STEP
  let step = -1
  for (let meters = reachMeters; meters < MERCATOR_MAX; meters *= 2) step++
  // Cells are narrow near the poles.
  if (Math.abs(latitude) > 66) step--
  if (Math.abs(latitude) > 80) step--
  return Math.max(1, Math.min(SCORE_STEP, step))
}

/** One of 2^step times 2^step areas of the map. */
interface Cell {
  x: number
  y: number
  step: number
}

function cellAt({ longitude, latitude }: Point, step: number): Cell {
  return { x: fraction(longitude, MAX_LONGITUDE, step), y: fraction(latitude, MAX_LATITUDE, step), step }
}

/** A coordinate between -max and max as an integer of `step` bits; at the very end one more. */
function fraction(value: number, max: number, step: number): number {
  return Math.floor(((value + max) / (max + max)) * 2 ** step)
}

function areaOf({ x, y, step }: Cell): Area {
  const cells = 2 ** step
  const [width, height] = [2 * MAX_LONGITUDE, 2 * MAX_LATITUDE]
  return {
    west: -MAX_LONGITUDE + (x / cells) * width,
    east: -MAX_LONGITUDE + (next(x) / cells) * width,
    south: -MAX_LATITUDE + (y / cells) * height,
    north: -MAX_LATITUDE + (next(y) / cells) * height,
  }
}

/** In 32 bits, as in C: scores that are no places can have all of them. */
function next(coordinate: number): number {
  return (coordinate + 1) >>> 0
}

function neighbour({ x, y, step }: Cell, east: number, north: number): Cell {
  const mask = 2 ** step - 1
  return { x: east === 0 ? x : (x + east) & mask, y: north === 0 ? y : (y + north) & mask, step }
}

function coversWithNeighbours(cell: Cell, bounds: Area): boolean {
  // Turned round, for bounds that are no numbers: around something without end.
  return !(
    areaOf(neighbour(cell, 0, 1)).north < bounds.north ||
    areaOf(neighbour(cell, 0, -1)).south > bounds.south ||
    areaOf(neighbour(cell, 1, 0)).east < bounds.east ||
    areaOf(neighbour(cell, -1, 0)).west > bounds.west
  )
}

/** North, south, east, west, and the corners, in the order in which Redis searches them. */
const DIRECTIONS: readonly [east: number, north: number][] = [
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
]

/** The cell and those around it, without those on sides where the shape does not leave the cell. */
function neighboursWithin(cell: Cell, bounds: Area): Cell[] {
  const area = areaOf(cell)
  const isNeeded = ([east, north]: readonly [number, number]): boolean => {
    if (cell.step < 2) return true
    if (north < 0 && area.south < bounds.south) return false
    if (north > 0 && area.north > bounds.north) return false
    if (east < 0 && area.west < bounds.west) return false
    return !(east > 0 && area.east > bounds.east)
  }
  return [cell, ...DIRECTIONS.filter(isNeeded).map(([east, north]) => neighbour(cell, east, north))]
}

/** The scores of a cell: those that begin with its bits. */
function spanOf({ x, y, step }: Cell): ScoreSpan {
  const bits = mix(x, y)
  const scale = 4 ** (SCORE_STEP - step)
  return { min: bits * scale, max: (bits + 1) * scale }
}

/** The bits of both, x's at the odd places. */
function mix(x: number, y: number): number {
  const low = (spread(x & 0xffff) << 1) | spread(y & 0xffff)
  const high = (spread(x >>> 16) << 1) | spread(y >>> 16)
  return (high >>> 0) * TWO_32 + (low >>> 0)
}

/** 16 bits, put at the even places of 32. */
function spread(value: number): number {
  let bits = value
  bits = (bits | (bits << 8)) & 0x00ff00ff
  bits = (bits | (bits << 4)) & 0x0f0f0f0f
  bits = (bits | (bits << 2)) & 0x33333333
  return (bits | (bits << 1)) & 0x55555555
}

/** The 16 bits at the even places. */
function unmix(value: number): number {
  let bits = value & 0x55555555
  bits = (bits | (bits >>> 1)) & 0x33333333
  bits = (bits | (bits >>> 2)) & 0x0f0f0f0f
  bits = (bits | (bits >>> 4)) & 0x00ff00ff
  return (bits | (bits >>> 8)) & 0xffff
}
