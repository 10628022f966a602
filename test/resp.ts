// RESP2 and RESP3 as the tests' client reads them: one value from the front of a buffer, or how many bytes it needs at
// least. Strict where Redis' specification is, and written apart from src/protocol, which it is there to check.

/** An error reply (`-` or `!`). The message is the reply's text, code included. */
export class ErrorReply extends Error {
  override readonly name = 'ErrorReply'
}

/** The other end sent what is not RESP. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** A verbatim string (`=`): its three-letter format, and its text. */
export class Verbatim {
  readonly format: string
  readonly text: string
  constructor(format: string, text: string) {
    this.format = format
    this.text = text
  }
  toString(): string {
    return this.text
  }
}

export type Reply =
  | string
  | Buffer
  | number
  | bigint
  | boolean
  | null
  | ErrorReply
  | Verbatim
  | Reply[]
  | Map<Reply, Reply>
  | Set<Reply>

export type Text = 'utf8' | 'latin1' | 'buffer'

export type Parsed =
  | { kind: 'incomplete'; needed: number }
  | { kind: 'reply'; value: Reply; length: number; attributes: Map<Reply, Reply> | undefined }
  | { kind: 'push'; value: Reply[]; length: number }

/** Thrown inside, never out: fewer bytes than `needed` cannot hold the value. */
class Incomplete extends Error {
  readonly needed: number
  constructor(needed: number) {
    super('incomplete')
    this.needed = needed
  }
}

/** A length beyond this is a broken stream, not a reply. */
const LONGEST = 2 ** 31
const DEEPEST = 128

export function parse(bytes: Buffer, text: Text): Parsed {
  const reader = new Reader(bytes, text)
  try {
    let attributes: Map<Reply, Reply> | undefined
    while (bytes[reader.at] === 0x7c) attributes = reader.attributes()
    if (bytes[reader.at] === 0x3e) {
      reader.at++
      return { kind: 'push', value: reader.items(reader.count()), length: reader.at }
    }
    return { kind: 'reply', value: reader.value(0), length: reader.at, attributes }
  } catch (error) {
    if (error instanceof Incomplete) return { kind: 'incomplete', needed: error.needed }
    throw error
  }
}

class Reader {
  at = 0
  readonly #bytes: Buffer
  readonly #text: Text

  constructor(bytes: Buffer, text: Text) {
    this.#bytes = bytes
    this.#text = text
  }

  value(depth: number): Reply {
    if (depth > DEEPEST) throw new ProtocolError('nested too deep')
    if (this.at >= this.#bytes.length) throw new Incomplete(this.at + 1)
    const type = String.fromCharCode(this.#bytes[this.at++])
    switch (type) {
      case '+':
        return this.#line().toString(this.#text === 'latin1' ? 'latin1' : 'utf8')
      case '-':
        return new ErrorReply(this.#line().toString())
      case ':':
        return this.#integer()
      case '$':
        return this.#orNull(() => this.#decoded(this.#bulk()))
      case '*':
        return this.#orNull(() => this.items(this.count(), depth))
      case '_':
        return this.#nothing()
      case '#':
        return this.#boolean()
      case ',':
        return this.#double()
      case '(':
        return this.#big()
      case '!':
        return new ErrorReply(this.#bulk().toString())
      case '=':
        return this.#verbatim()
      case '%':
        return this.#map(depth)
      case '~':
        return new Set(this.items(this.count(), depth))
      default:
        throw new ProtocolError(`unknown type ${JSON.stringify(type)}`)
    }
  }

  attributes(): Map<Reply, Reply> {
    this.at++
    return this.#map(0)
  }

  items(count: number, depth = 0): Reply[] {
    const items: Reply[] = []
    for (let i = 0; i < count; i++) items.push(this.value(depth + 1))
    return items
  }

  count(): number {
    const line = this.#line().toString('latin1')
    if (!/^\d+$/.test(line) || Number(line) > LONGEST) throw new ProtocolError(`bad length ${JSON.stringify(line)}`)
    return Number(line)
  }

  #map(depth: number): Map<Reply, Reply> {
    const items = this.items(this.count() * 2, depth)
    const map = new Map<Reply, Reply>()
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1])
    return map
  }

  /** Up to CR LF; a lone CR or LF in a line is an error. */
  #line(): Buffer {
    const start = this.at
    const lf = this.#bytes.indexOf(0x0a, start)
    if (lf < 0) throw new Incomplete(this.#bytes.length + 1)
    const cr = this.#bytes.indexOf(0x0d, start)
    if (cr !== lf - 1) throw new ProtocolError(`bad line ${JSON.stringify(this.#bytes.toString('latin1', start, lf))}`)
    this.at = lf + 1
    return this.#bytes.subarray(start, cr)
  }

  #bulk(): Buffer {
    const length = this.count()
    const start = this.at
    const end = start + length
    if (this.#bytes.length < end + 2) throw new Incomplete(end + 2)
    if (this.#bytes[end] !== 0x0d || this.#bytes[end + 1] !== 0x0a) throw new ProtocolError('bulk without its CR LF')
    this.at = end + 2
    return this.#bytes.subarray(start, end)
  }

  /** RESP2's null: a length of -1. */
  #orNull(read: () => Reply): Reply {
    if (this.#bytes[this.at] !== 0x2d) return read()
    const line = this.#line().toString('latin1')
    if (line !== '-1') throw new ProtocolError(`bad length ${JSON.stringify(line)}`)
    return null
  }

  #decoded(bytes: Buffer): string | Buffer {
    return this.#text === 'buffer' ? Buffer.from(bytes) : bytes.toString(this.#text)
  }

  #nothing(): null {
    if (this.#line().length > 0) throw new ProtocolError('bad null')
    return null
  }

  #integer(): number | bigint {
    const line = this.#line().toString('latin1')
    if (!/^[+-]?\d+$/.test(line)) throw new ProtocolError(`bad integer ${JSON.stringify(line)}`)
    const number = Number(line)
    return Number.isSafeInteger(number) ? number : BigInt(line)
  }

  #boolean(): boolean {
    const line = this.#line().toString('latin1')
    if (line !== 't' && line !== 'f') throw new ProtocolError(`bad boolean ${JSON.stringify(line)}`)
    return line === 't'
  }

  #double(): number {
    const line = this.#line().toString('latin1')
    if (line === 'inf') return Number.POSITIVE_INFINITY
    if (line === '-inf') return Number.NEGATIVE_INFINITY
    if (line === 'nan') return Number.NaN
    if (!/^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$/.test(line)) throw new ProtocolError(`bad double ${JSON.stringify(line)}`)
    return Number(line)
  }

  #big(): bigint {
    const line = this.#line().toString('latin1')
    if (!/^-?\d+$/.test(line)) throw new ProtocolError(`bad big number ${JSON.stringify(line)}`)
    return BigInt(line)
  }

  #verbatim(): Verbatim {
    const bytes = this.#bulk()
    if (bytes.length < 4 || bytes[3] !== 0x3a) throw new ProtocolError('bad verbatim string')
    return new Verbatim(bytes.toString('latin1', 0, 3), bytes.toString('utf8', 4))
  }
}
