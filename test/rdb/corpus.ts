// What the tests of src/rdb share: files that real servers wrote, with what is in them; a sink that keeps what it is
// given; ways to cut a file into pieces.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { type Arg, latin1Of, latin1OfArg } from '../../src/bytes.js'
import { StoreError } from '../../src/errors.js'
import { Crc64 } from '../../src/rdb/crc64.js'
import { RdbReader, type RdbSink } from '../../src/rdb/reader.js'

const DIRECTORY = new URL('../fixtures/rdb/', import.meta.url)

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
  /** The value's bytes, one a character. */
  latin1: string
  value: Arg
  expiresAt: number | null
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
    const db = this.dbs.get(this.#index)
    const name = latin1Of(key)
    if (db === undefined || db.has(name)) throw new Error(`no database, or twice: ${key}`)
    db.set(name, { latin1: latin1OfArg(value), value, expiresAt })
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

/** Whether latin1 bytes are what a manifest says. */
export function isManifestBytes(latin1: string, expected: ManifestBytes): boolean {
  if (typeof expected === 'string') return latin1 === expected
  return latin1.length === expected.len && sha256(latin1) === expected.sha256
}

function sha256(latin1: string): string {
  return createHash('sha256').update(Buffer.from(latin1, 'latin1')).digest('hex')
}

/** The string keys of a manifest, with their database. */
export function stringKeys(manifest: Manifest): [number, ManifestKey][] {
  return Object.entries(manifest.dbs).flatMap(([index, keys]) =>
    keys.filter((key) => key.type === 'string').map((key): [number, ManifestKey] => [Number(index), key]),
  )
}

/** The file without the keys that are no strings, and with a checksum that fits again. */
export function stringsOnly({ bytes, manifest }: Fixture): Buffer {
  let left = bytes.subarray(0, bytes.length - 8)
  for (const keys of Object.values(manifest.dbs)) {
    for (const key of keys) {
      if (key.type === 'string') continue
      const [start, end] = recordOf(left, key, keys)
      left = Buffer.concat([left.subarray(0, start), left.subarray(end)])
    }
  }
  return withChecksum(left)
}

/** Where a key's record stands, expiry included. Where the manifest has no dump, it ends where another key's begins. */
function recordOf(bytes: Buffer, key: ManifestKey, others: ManifestKey[]): [number, number] {
  const start = startOf(bytes, key, 0)
  if (start < 0) throw new Error(`no record of ${key.key}`)
  if (key.dump_b64 !== undefined) {
    const head = key.pexpireat < 0 ? 0 : 9
    const bodyBytes = Buffer.from(key.dump_b64, 'base64').length - 11
    return [start, start + head + 2 + key.key.length + bodyBytes]
  }
  // Short names could be found inside of the data.
  const longNames = others.filter((other) => other.key.length > 2)
  const starts = longNames.map((other) => startOf(bytes, other, start + 1)).filter((at) => at > 0)
  return [start, Math.min(bytes.length - 1, ...starts)]
}

function startOf(bytes: Buffer, key: ManifestKey, from: number): number {
  const head = Buffer.from(String.fromCharCode(key.rdb_type, key.key.length) + key.key, 'latin1')
  if (key.pexpireat < 0) return bytes.indexOf(head, from)
  const expiry = Buffer.alloc(9, 0xfc)
  expiry.writeBigInt64LE(BigInt(key.pexpireat), 1)
  return bytes.indexOf(Buffer.concat([expiry, head]), from)
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
