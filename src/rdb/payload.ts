// What DUMP and FUNCTION DUMP give, and RESTORE takes: one value, or libraries of functions, without the frame of a file.
// A footer says by which version of the format it was written, and holds a checksum of everything before itself.

import { latin1Slice } from '../bytes.js'
import { StoreError } from '../errors.js'
import type { Value } from '../keyspace/keyspace.js'
import { Crc64 } from './crc64.js'
import {
  FIRST_FUNCTION_VERSION,
  HASH_TIMES,
  HASH_TIMES_22,
  isKnownVersion,
  readableTypes,
  STREAM_3,
  VALKEY_VERSION,
} from './forms.js'
import { RdbInput } from './input.js'
import { KEY_METADATA, skipKeyMetadata } from './module-data.js'
import { RdbOutput } from './output.js'
import { Damage } from './packed.js'
import { fullTypeFor, typeFor, versionOfType, writeValue } from './value-writer.js'
import { type Reading, readValue } from './values.js'

const FUNCTION = 245
const VERSION_BYTES = 2
const CHECKSUM_BYTES = 8
const FOOTER_BYTES = VERSION_BYTES + CHECKSUM_BYTES
const MAX_STRING_BYTES = 512 * 1024 * 1024

/**
 * The payload of a value, one byte a character: in the lowest version that holds it. `reader`: the highest version that
 * whoever gets it can read, 80 for Valkey 9. It gets a form of its own where that loses nothing that it could keep.
 */
export function dumpValue(value: Value, reader: number = Number.POSITIVE_INFINITY): string {
  return written((output) => {
    const type = typeForReader(value, reader)
    output.byte(type)
    const version = versionOfType(type)
    for (const _ of writeValue(output, type, value, version));
    return version
  })
}

/** What it cannot read without loss it is given whole, to refuse it. */
function typeForReader(value: Value, reader: number): number {
  const full = fullTypeFor(value)
  const own = typeFor(value, reader) ?? full
  // When consumers last got something is of no meaning to servers that have no place for it. Everything else is.
  return own === HASH_TIMES_22 || (full === STREAM_3 && own !== full) ? own : full
}

/** Whether the version of whoever gets it makes a difference. */
export function hasSeveralForms(value: Value): boolean {
  const full = fullTypeFor(value)
  return full === HASH_TIMES || full === STREAM_3
}

/** The payload of libraries' sources, all one byte a character. */
export function dumpFunctions(codes: Iterable<string>): string {
  return written((output) => {
    for (const code of codes) {
      output.byte(FUNCTION)
      output.latin1(code)
    }
    return FIRST_FUNCTION_VERSION
  })
}

/** `write` puts the body down and returns its version. */
function written(write: (output: RdbOutput) => number): string {
  const chunks: Buffer[] = []
  const output = new RdbOutput((chunk) => void chunks.push(chunk))
  output.uint16(write(output))
  output.end()
  return chunks.map((chunk) => latin1Slice(chunk)).join('')
}

/** The version of a payload, or undefined if it is no known one, or the checksum is wrong. */
export function payloadVersion(payload: Buffer): number | undefined {
  const end = payload.length - FOOTER_BYTES
  if (end < 0) return undefined
  const version = payload.readUInt16LE(end)
  if (!isKnownVersion(version)) return undefined
  const at = end + VERSION_BYTES
  const low = payload.readUInt32LE(at)
  const high = payload.readUInt32LE(at + 4)
  // As in a file, zeros stand for "no checksum".
  if (low === 0 && high === 0) return version
  const crc = new Crc64().update(payload, 0, at)
  return crc.low === low && crc.high === high ? version : undefined
}

/** The value in a payload whose version is known; undefined when it holds none, or more than one. */
export function restoreValue(payload: Buffer, version: number): Value | undefined {
  const input = new RdbInput(MAX_STRING_BYTES)
  const reading = readPayload(input, version === VALKEY_VERSION)
  let value: Value | null | undefined
  try {
    // All of it is here: what asks for more is not whole.
    input.feed(payload.subarray(0, payload.length - FOOTER_BYTES), () => {
      const step = reading.next()
      if (input.unread) throw new Damage('bytes behind the value')
      if (step.done === true) value = step.value
    })
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw error
  }
  return value ?? undefined
}

function* readPayload(input: RdbInput, fromValkey: boolean): Reading<Value | null> {
  while (!input.has(1)) yield
  let type = input.takeByte()
  if (type === KEY_METADATA && !fromValkey) {
    yield* skipKeyMetadata(input)
    while (!input.has(1)) yield
    type = input.takeByte()
  }
  if (!readableTypes.has(type)) throw new Damage(`no type: ${type}`)
  return yield* readValue(input, type, fromValkey)
}

/** The sources in a payload, one byte a character; undefined when it holds anything else. */
export function restoreFunctions(payload: Buffer): string[] | undefined {
  const codes: string[] = []
  const input = new RdbInput(MAX_STRING_BYTES)
  try {
    input.feed(payload.subarray(0, payload.length - FOOTER_BYTES), () => {
      while (input.unread) {
        if (input.takeByte() !== FUNCTION || !input.string()) throw new Damage('no library')
        codes.push(input.latin1())
      }
    })
  } catch (error) {
    if (isRefusal(error)) return undefined
    throw error
  }
  return codes
}

function isRefusal(error: unknown): boolean {
  return error instanceof Damage || (error instanceof StoreError && error.code === 'RDB')
}
