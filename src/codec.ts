// JavaScript values as bytes, and back. A store keeps what it was given and encodes it when bytes are first needed;
// what came from the wire is decoded when it is first read. Either way once.
//
// The native codec: a string is its UTF-8 bytes, plain. Anything else is the tag and then MessagePack. The tag's first
// byte, C1, starts neither UTF-8 text nor MessagePack, so nothing else can be mistaken for it.

import { Packr } from 'msgpackr'
import { type Arg, Binary, type Encoder, keyText, latin1Of, latin1Slice, latin1Write } from './bytes.js'
import { StoreError } from './errors.js'

/** How a store's values become bytes. Write one's own by implementing the two. */
export interface Codec<V> {
  /** A string stands for its UTF-8 bytes. Must not depend on anything but the value. */
  encode(value: V): string | Uint8Array
  /** The bytes may have been written by anyone, a Redis client for one. */
  decode(bytes: Buffer): V
}

export type CodecName = 'native' | 'json' | 'string' | 'bytes'

const TAG = '\xc1HS\x01'

// structuredClone: keeps Map, Set, Date, typed arrays, errors and cycles what they are. Plain objects go as records, which
// leaves MessagePack's maps to Map: without records a Map would come back as an object. Each message defines its own
// records (there are no shared structures), so nothing depends on what was encoded before.
const packr = new Packr({ structuredClone: true, useRecords: true })

const native: Codec<unknown> = {
  encode(value) {
    if (typeof value === 'string') return value
    const packed = packr.pack(value)
    const bytes = Buffer.allocUnsafe(TAG.length + packed.length)
    latin1Write(bytes, TAG, 0)
    packed.copy(bytes, TAG.length)
    return bytes
  },
  decode(bytes) {
    if (bytes.length > TAG.length && isTaggedLatin1(latin1Slice(bytes, 0, TAG.length))) return unpack(bytes)
    const text = bytes.toString()
    return Buffer.byteLength(text) === bytes.length && Buffer.from(text).equals(bytes) ? text : Buffer.from(bytes)
  },
}

const json: Codec<unknown> = {
  encode(value) {
    const text = JSON.stringify(value)
    if (text === undefined) throw new StoreError('CODEC', `JSON has no form for ${typeof value}`)
    return text
  },
  decode(bytes) {
    try {
      return JSON.parse(bytes.toString())
    } catch (cause) {
      throw new StoreError('CODEC', 'the value is not JSON', { cause })
    }
  },
}

const string: Codec<unknown> = {
  encode: (value) => String(value),
  decode: (bytes) => bytes.toString(),
}

const bytes: Codec<unknown> = {
  encode(value) {
    if (value instanceof Uint8Array || typeof value === 'string') return value
    throw new StoreError('CODEC', `the codec 'bytes' takes a Uint8Array or a string, not ${typeof value}`)
  },
  decode: (value) => Buffer.from(value),
}

const BUILT_IN: Record<CodecName, Codec<unknown>> = { native, json, string, bytes }

/** A codec at work: values to slots of the keyspace, and slots to values. */
export class ValueCodec<V> implements Encoder {
  readonly #codec: Codec<V>
  /** A JS string is kept as it is, and text in a slot is the value itself. */
  readonly keepsText: boolean

  constructor(codec: CodecName | Codec<V> = 'native') {
    this.#codec = typeof codec === 'string' ? (BUILT_IN[codec] as Codec<V>) : codec
    if (this.#codec === undefined) throw new StoreError('INVALID', `unknown codec '${String(codec)}'`)
    this.keepsText = codec === 'native' || codec === 'string'
  }

  /** The value as a slot holds it. Encoding waits until bytes are needed, and then throws StoreError('CODEC'). */
  slotOf(value: V): Arg {
    if (this.keepsText && typeof value === 'string') {
      const text = keyText(value)
      // No UTF-8: on other nodes it comes as bytes, so it must not be text here.
      return text.isWellFormed() ? text : new Binary(latin1Of(text))
    }
    return new Binary(undefined, value, this)
  }

  encodeLatin1(value: unknown): string {
    try {
      const encoded = this.#codec.encode(value as V)
      return typeof encoded === 'string' ? latin1Of(encoded) : Buffer.from(encoded).toString('latin1')
    } catch (cause) {
      if (cause instanceof StoreError) throw cause
      throw new StoreError('CODEC', 'the value cannot be turned into bytes', { cause })
    }
  }

  /** What the Map face gives for a slot that is no plain text. The result is kept in the Binary. */
  valueOf(slot: Binary): V {
    if (!slot.decoded) {
      slot.value = this.#decode(Buffer.from(slot.latin1, 'latin1'))
      slot.decoded = true
    }
    return slot.value as V
  }

  /** For codecs under which text is not its own value: a Binary to put in the slot, so that this is done once. */
  decodeText(text: string): Binary {
    const slot = new Binary(latin1Of(text))
    this.valueOf(slot)
    return slot
  }

  #decode(encoded: Buffer): V {
    try {
      return this.#codec.decode(encoded)
    } catch (cause) {
      if (cause instanceof StoreError) throw cause
      throw new StoreError('CODEC', 'the bytes cannot be turned into a value', { cause })
    }
  }
}

function isTaggedLatin1(latin1: string): boolean {
  return latin1.startsWith(TAG)
}

function unpack(tagged: Buffer): unknown {
  return packr.unpack(tagged.subarray(TAG.length))
}

/** Whether the native codec wrote it and it is no string: OBJECT ENCODING says `msgpack`. */
export function isTagged(value: Arg): boolean {
  return typeof value !== 'string' && isTaggedLatin1(value.latin1)
}

/** A value as a client is shown it: tagged numbers in decimal, binary as its bytes, the rest as JSON. */
export function shownValue(value: Arg): Arg {
  if (typeof value === 'string' || !isTaggedLatin1(value.latin1)) return value
  try {
    const plain = unpack(Buffer.from(value.latin1, 'latin1'))
    if (plain instanceof Uint8Array) return new Binary(Buffer.from(plain).toString('latin1'))
    if (typeof plain === 'bigint') return decimal(plain)
    if (typeof plain === 'number') return String(plain)
    return JSON.stringify(plain, shownWithin(SHOWN_CHARACTERS + SHOWN_PER_BYTE * value.latin1.length)) ?? String(plain)
  } catch {
    return value // damaged, somebody else's, a cycle, or too much: its bytes are all there is to show
  }
}

/**
 * How long the JSON of a value may become. What stands in several places of a value is written there again: ten places in
 * each of ten that stand in ten are a thousand, and with some more levels five hundred bytes keep the node busy for hours.
 */
const SHOWN_CHARACTERS = 2 ** 20
const SHOWN_PER_BYTE = 8
/** Making a number decimal takes the square of its length: this one 30 ms. */
const SHOWN_BITS = 2 ** 19

/** For JSON.stringify: throws when more than so many characters come of it, about. */
function shownWithin(characters: number): (key: string, value: unknown) => unknown {
  return (key, value) => {
    characters -= key.length + (typeof value === 'string' ? value.length : 1)
    if (characters < 0) throw new StoreError('CODEC', 'too much to show')
    if (typeof value === 'bigint') return decimal(value)
    if (value instanceof Map) return Object.fromEntries(value)
    if (value instanceof Set) return [...value]
    return value
  }
}

function decimal(value: bigint): string {
  if (BigInt.asIntN(SHOWN_BITS, value) !== value) throw new StoreError('CODEC', 'too much to show')
  return String(value)
}
