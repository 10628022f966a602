// Text and bytes. Three forms of one byte string live in the core:
//   text   a JS string whose UTF-8 encoding is the bytes. Bytes that are not UTF-8 stand in it as lone surrogates
//          (byte b <-> U+DC00+b), so that every byte string has exactly one text. Keys and members are text.
//   latin1 a JS string with one byte a character (code units 0 to 255): what replies, the stream and snapshots are put
//          together from. ASCII text is its own latin1 form, which makes the common case free.
//   Buffer only where bytes enter or leave.

import { isAscii, isUtf8 } from 'node:buffer'

export { isAscii, isUtf8 }

const SURROGATE = 0xdc00

/** Buffer's own slicing and writing methods: what toString and write call, without their look at the encoding's name. */
interface Raw {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
  latin1Write(text: string, offset: number, length?: number): number
}

export function latin1Slice(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return (bytes as unknown as Raw).latin1Slice(start, end)
}

export function utf8Slice(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return (bytes as unknown as Raw).utf8Slice(start, end)
}

/** Writes a latin1 string, one byte a character. The caller has made sure that it fits. */
export function latin1Write(bytes: Uint8Array, latin1: string, offset: number): void {
  ;(bytes as unknown as Raw).latin1Write(latin1, offset)
}

/** The bytes of a text, one a character. */
export function latin1Of(text: string): string {
  if (Buffer.byteLength(text) === text.length) return text
  return latin1Slice(bufferOf(text))
}

/** The bytes of a text. */
export function bufferOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text)
  // Pieces between lone surrogates are encoded as they are; a lone U+DC80..U+DCFF is a byte. No other lone surrogate
  // occurs in a text made by textOf; a caller's own is normalised by keyText first.
  const pieces: Buffer[] = []
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xd800 || unit > 0xdfff) continue
    const next = text.charCodeAt(i + 1)
    if (unit < SURROGATE && next >= 0xdc00 && next <= 0xdfff) {
      i++
      continue
    }
    if (i > start) pieces.push(Buffer.from(text.slice(start, i)))
    if (unit >= SURROGATE + 0x80 && unit <= SURROGATE + 0xff) pieces.push(Buffer.of(unit - SURROGATE))
    else pieces.push(Buffer.of(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)))
    start = i + 1
  }
  if (start < text.length) pieces.push(Buffer.from(text.slice(start)))
  return Buffer.concat(pieces)
}

/** The text of bytes in a buffer. */
export function textOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return utf8Slice(bytes)
  return escapeInvalid(bytes)
}

/** The text of bytes in latin1 form. */
export function textOfLatin1(latin1: string): string {
  if (isAsciiText(latin1)) return latin1
  return textOf(Buffer.from(latin1, 'latin1'))
}

/** Whether every character of a latin1 string is below 0x80: then it is text too. */
export function isAsciiText(latin1: string): boolean {
  return Buffer.byteLength(latin1) === latin1.length
}

/** A caller's own string as a text with exactly one encoding: a lone surrogate that stands for no byte becomes three. */
export function keyText(text: string): string {
  if (text.isWellFormed()) return text
  return textOf(bufferOf(text))
}

/** The length of the UTF-8 sequence at `i`, or 0 when there is none: overlong forms and surrogates are none. */
function sequenceLength(bytes: Buffer, i: number): number {
  const lead = bytes[i]
  if (lead < 0x80) return 1
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0
  if (length === 0 || lead > 0xf4 || i + length > bytes.length) return 0
  for (let k = 1; k < length; k++) if ((bytes[i + k] & 0xc0) !== 0x80) return 0
  const second = bytes[i + 1]
  if (lead === 0xe0 && second < 0xa0) return 0
  if (lead === 0xed && second > 0x9f) return 0
  if (lead === 0xf0 && second < 0x90) return 0
  if (lead === 0xf4 && second > 0x8f) return 0
  return length
}

function escapeInvalid(bytes: Buffer): string {
  const pieces: string[] = []
  let start = 0
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i)
    if (length > 0) {
      i += length
      continue
    }
    if (i > start) pieces.push(utf8Slice(bytes, start, i))
    pieces.push(String.fromCharCode(SURROGATE + bytes[i]))
    i++
    start = i
  }
  if (start < bytes.length) pieces.push(utf8Slice(bytes, start))
  return pieces.join('')
}

/** Orders two texts as Redis does, by their bytes. UTF-16 order differs from it above U+FFFF and for escaped bytes. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const unit = a.charCodeAt(i)
    const other = b.charCodeAt(i)
    if (unit === other) continue
    if (isSurrogate(unit) || isSurrogate(other)) return Buffer.compare(bufferOf(a), bufferOf(b))
    return unit - other
  }
  return a.length - b.length
}

function isSurrogate(unit: number): boolean {
  return (unit & 0xf800) === 0xd800
}

/** How a JavaScript value becomes bytes (in latin1 form). The codec's half that the core needs. */
export interface Encoder {
  encodeLatin1(value: unknown): string
}

/**
 * A string-type value that is not plain text: bytes that are not UTF-8, or a JavaScript value that the Map face was
 * given, or both. Each side is made from the other when it is first asked for, and kept.
 */
export class Binary {
  #latin1: string | undefined
  readonly #encoder: Encoder | undefined
  /** The value as the Map face gives it; meaningful only while `decoded`. */
  value: unknown
  decoded: boolean

  constructor(latin1: string | undefined, value?: unknown, encoder?: Encoder) {
    this.#latin1 = latin1
    this.#encoder = encoder
    this.value = value
    this.decoded = encoder !== undefined
  }

  /** The bytes, one a character. */
  get latin1(): string {
    if (this.#latin1 === undefined) this.#latin1 = this.#encoder!.encodeLatin1(this.value)
    return this.#latin1
  }

  /** How many bytes are held; 0 while there is only the value. */
  get heldBytes(): number {
    return this.#latin1?.length ?? 0
  }
}

/** One argument of a command, and one string-type value: text, or a Binary. */
export type Arg = string | Binary

/** The Arg for bytes in latin1 form. */
export function argOfLatin1(latin1: string): Arg {
  if (isAsciiText(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  return isUtf8(bytes) ? utf8Slice(bytes) : new Binary(latin1)
}

/** The Arg for a slice of a buffer, copied out of it. */
export function argOfBuffer(bytes: Buffer, start = 0, end = bytes.length): Arg {
  const slice = bytes.subarray(start, end)
  return isUtf8(slice) ? utf8Slice(slice) : new Binary(latin1Slice(slice))
}

/** The bytes of an Arg, one a character. */
export function latin1OfArg(arg: Arg): string {
  return typeof arg === 'string' ? latin1Of(arg) : arg.latin1
}

/** An Arg as text: what keys, members and options are. */
export function textOfArg(arg: Arg): string {
  return typeof arg === 'string' ? arg : textOfLatin1(arg.latin1)
}
