// What the tests of src/rdb share: files that real servers wrote, with what is in them; a sink that keeps what it is
// given; ways to cut a file into pieces.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { type Arg, compareText, latin1Of, latin1OfArg } from '../../src/bytes.js'
import { StoreError } from '../../src/errors.js'
import { isString, type Value } from '../../src/keyspace/keyspace.js'
import { type ConsumerGroup, formatId, type StreamLog } from '../../src/keyspace/stream.js'
import { formatDouble, scanDouble } from '../../src/protocol/double.js'
import { Crc64 } from '../../src/rdb/crc64.js'
import { givenBackOf } from '../../src/rdb/given-back.js'
import { RdbReader, type RdbSink } from '../../src/rdb/reader.js'

/** Some of the largest files were left out of the fixtures: HOTSPARE_CORPUS names a directory of all. */
const { HOTSPARE_CORPUS } = process.env
const DIRECTORY =
  HOTSPARE_CORPUS === undefined ? new URL('../fixtures/rdb/', import.meta.url) : pathToFileURL(`${HOTSPARE_CORPUS}/`)

/** Bytes as a manifest gives them: one a character, or what identifies them when there are many. */
export type ManifestBytes = string | { len: number; sha256: string }

export interface ManifestKey {
  key: string
  type: string
  rdb_type: number
  /** -1: none. */
  pexpireat: number
  dump_b64?: string
  value: unknown
}

export interface Manifest {
  server: string
  case: string
  magic: string
  aux: [string, string][]
  opcodes: Record<string, number>
  functions: { code: string }[]
  dbs: Record<string, ManifestKey[]>
}

export interface Fixture {
  name: string
  bytes: Buffer
  manifest: Manifest
}

export function fixture(name: string): Fixture {
  const read = (ending: string): Buffer => readFileSync(new URL(`${name}.${ending}`, DIRECTORY))
  return { name, bytes: read('rdb'), manifest: JSON.parse(read('json').toString()) }
}

export function fixtureNames(): string[] {
  return readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.rdb'))
    .map((name) => name.slice(0, -'.rdb'.length))
    .sort()
}

export interface LoadedKey {
  /** A string's bytes, one a character; of another value all that is in it, as JSON. */
  latin1: string
  value: Value
  expiresAt: number | null
}

/** Who owns a dataset that belongs to no store: no time is ever past. */
export const NOBODY = {
  isPast: () => false,
  metExpired: () => {},
  metExpiredFields: () => {},
  timesChanged: () => {},
  random: () => 0,
}

/** A sink that keeps everything it is given. A key that comes twice is an error. */
export class KeepingSink implements RdbSink {
  readonly fields: [string, string][] = []
  readonly functions: string[] = []
  /** Database, keys, expires. */
  readonly sizes: [number, number, number][] = []
  /** By database, then by key in latin1 form. */
  readonly dbs = new Map<number, Map<string, LoadedKey>>()
  #index = -1

  aux(name: string, value: string): void {
    this.fields.push([name, value])
  }
  selectDb(index: number): void {
    this.#index = index
    if (!this.dbs.has(index)) this.dbs.set(index, new Map())
  }
  resizeDb(keys: number, expires: number): void {
    this.sizes.push([this.#index, keys, expires])
  }
  string(key: string, value: Arg, expiresAt: number | null): void {
    this.value(key, value, expiresAt)
  }
  value(key: string, value: Value, expiresAt: number | null): void {
    const db = this.dbs.get(this.#index)
    const name = latin1Of(key)
    if (db === undefined || db.has(name)) throw new Error(`no database, or twice: ${key}`)
    db.set(name, { latin1: isString(value) ? latin1OfArg(value) : JSON.stringify(shown(value)), value, expiresAt })
  }
  function(code: string): void {
    this.functions.push(code)
  }
}

/** Reads a file in pieces of the sizes that `sizeOf` gives. Each piece is overwritten afterwards: nothing may lean on it. */
export function load(bytes: Buffer, sizeOf: () => number = () => bytes.length): KeepingSink {
  const sink = new KeepingSink()
  const reader = new RdbReader(sink)
  feed(reader, bytes, sizeOf)
  reader.end()
  if (!reader.done || reader.bytesRead !== bytes.length) throw new Error('not done')
  return sink
}

export function feed(reader: RdbReader, bytes: Buffer, sizeOf: () => number): void {
  for (let at = 0; at < bytes.length; ) {
    const piece = Buffer.from(bytes.subarray(at, at + sizeOf()))
    reader.write(piece)
    at += piece.length
    piece.fill(0xaa)
  }
}

/** What a sink kept, in a form that `assert.equal` shows well. */
export function contents(sink: KeepingSink): unknown {
  const dbs = [...sink.dbs].map(([index, keys]) => [
    index,
    [...keys].map(([key, { latin1, expiresAt }]) => [key, latin1, expiresAt]),
  ])
  return { aux: sink.fields, functions: sink.functions, sizes: sink.sizes, dbs }
}

/** A value as a manifest shows it, bytes one a character. Of a stream, what all its versions in a file have. */
export function shown(value: Value): unknown {
  if (isString(value)) return latin1OfArg(value)
  switch (value.type) {
    case 'list':
      return Array.from(value, latin1Of)
    case 'set':
      return [...value].sort(compareText).map(latin1Of)
    case 'zset':
      return Array.from(value, ([member, score]) => [latin1Of(member), formatDouble(score)])
    case 'hash':
      return [...value]
        .sort(([one], [other]) => compareText(one, other))
        .map(([field, text]) => [latin1Of(field), latin1Of(text), value.expiresAt(field)])
    case 'stream':
      return shownStream(value)
    case 'vectorset':
      return { card: value.size, dim: value.form.dim }
  }
}

function shownStream(stream: StreamLog): unknown {
  return {
    length: stream.size,
    last_id: formatId(stream.lastId),
    max_deleted_id: formatId(stream.maxDeletedId),
    entries_added: Number(stream.entriesAdded),
    recorded_first_id: formatId(stream.firstId),
    entries: Array.from(stream, ({ id, fields }) => [formatId(id), fields.map(latin1Of)]),
    groups: [...stream.groups.values()].sort((one, other) => compareText(one.name, other.name)).map(shownGroup),
    ...(stream.idempotence !== null && {
      idmp_duration: stream.idempotence.durationSeconds,
      idmp_maxsize: stream.idempotence.maxSize,
      pids_tracked: stream.idempotence.producers.size,
      iids_tracked: [...stream.idempotence.producers.values()].reduce((sum, { size }) => sum + size, 0),
      iids_added: Number(stream.idempotence.added),
      iids_duplicates: Number(stream.idempotence.duplicates),
    }),
  }
}

function shownGroup(group: ConsumerGroup): unknown {
  return {
    name: latin1Of(group.name),
    last_delivered_id: formatId(group.lastId),
    entries_read: group.entriesRead === null ? null : Number(group.entriesRead),
    pel: Array.from(group.pending, ({ id, consumer, deliveredAt, deliveries }) => [
      formatId(id),
      latin1Of(consumer?.name ?? ''),
      deliveredAt,
      Number(deliveries),
    ]),
    ...(group.released > 0 && { given_back: givenBackOf(group).map(({ id }) => formatId(id)) }),
    consumers: [...group.consumers.values()]
      .sort((one, other) => compareText(one.name, other.name))
      .map(({ name, seenAt, activeAt, pending }) => ({
        name: latin1Of(name),
        seen_time: seenAt,
        active_time: activeAt,
        pending: Array.from(pending, ({ id, deliveredAt, deliveries }) => [
          formatId(id),
          deliveredAt,
          Number(deliveries),
        ]),
      })),
  }
}

/**
 * Compares what was read with what a manifest says, which names no more than was in the file. Returns where they differ, or
 * undefined.
 */
export function difference(got: unknown, expected: unknown, path = ''): string | undefined {
  if (typeof got === 'string' && isBytes(expected))
    return isManifestBytes(got, expected) ? undefined : `${path}: ${JSON.stringify(got.slice(0, 80))}`
  if (Array.isArray(expected) && Array.isArray(got)) {
    if (got.length !== expected.length) return `${path}: ${got.length} instead of ${expected.length}`
    for (const [i, one] of expected.entries()) {
      const found = difference(got[i], one, `${path}[${i}]`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (isRecord(expected) && isRecord(got)) {
    for (const [name, one] of Object.entries(expected)) {
      if (name === 'lag' || !(name in got)) continue
      const found = difference(got[name], one, `${path}.${name}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  return got === expected ? undefined : `${path}: ${JSON.stringify(got)} instead of ${JSON.stringify(expected)}`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isBytes(value: unknown): value is ManifestBytes {
  return typeof value === 'string' || (isRecord(value) && 'sha256' in value)
}

/** Whether latin1 bytes are what a manifest says. */
export function isManifestBytes(latin1: string, expected: ManifestBytes): boolean {
  if (typeof expected === 'string') return latin1 === expected
  return latin1.length === expected.len && sha256(latin1) === expected.sha256
}

function sha256(latin1: string): string {
  return createHash('sha256').update(Buffer.from(latin1, 'latin1')).digest('hex')
}

/** A key's value in a manifest, scores as we print them: newer servers print as few digits as are enough; -0 is 0 here. */
export function expectedValue({ type, value }: ManifestKey): unknown {
  if (type !== 'zset') return value
  return (value as [ManifestBytes, string][]).map(([member, score]) => [
    member,
    formatDouble(scanDouble(score).value + 0),
  ])
}

/** The keys of a manifest, with their database. */
export function manifestKeys(manifest: Manifest): [number, ManifestKey][] {
  return Object.entries(manifest.dbs).flatMap(([index, keys]) =>
    keys.map((key): [number, ManifestKey] => [Number(index), key]),
  )
}

/** A file from the magic to the end mark, followed by its checksum. */
export function withChecksum(file: Buffer): Buffer {
  const footer = Buffer.alloc(8)
  const crc = new Crc64().update(file)
  footer.writeUInt32LE(crc.low, 0)
  footer.writeUInt32LE(crc.high, 4)
  return Buffer.concat([file, footer])
}

/** A file made by hand: magic, the given bytes (strings: one a character), end mark, checksum. */
export function fileOf(magic: string, ...parts: (string | number[])[]): Buffer {
  const bodies = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part)))
  return withChecksum(Buffer.concat([Buffer.from(magic), ...bodies, Buffer.of(0xff)]))
}

/** The message of the StoreError with code RDB that `work` throws. */
export function rdbError(work: () => void): string {
  try {
    work()
  } catch (error) {
    if (error instanceof StoreError && error.code === 'RDB') return error.message
    throw error
  }
  throw new Error('nothing was thrown')
}
