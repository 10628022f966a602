// The tests' own client: RESP2 and RESP3 read to the letter, independent of src/. Nothing is parsed before somebody asks,
// so replies, pushes and raw bytes (a snapshot, a replication stream) can be read from one connection in any order.
// Whatever breaks the protocol rejects every wait and closes the connection.

import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { ErrorReply, parse, type Reply, type Text } from './resp.js'
import { deadline } from './suite.js'

export { ErrorReply, ProtocolError, type Reply, Verbatim } from './resp.js'

export type Argument = string | number | Buffer

export interface ClientOptions {
  port?: number
  host?: string
  /** A Unix socket. */
  path?: string
  tls?: ConnectionOptions
  /** What bulk strings come as: text decoded from UTF-8 (the default), one character a byte, or Buffers. */
  bulk?: Text
  /** 3 sends HELLO 3 first. */
  protocol?: 2 | 3
  username?: string
  password?: string
  /** How long a wait may last before it fails and the connection is closed. */
  timeoutMs?: number
}

/** A RESP command: strings as UTF-8. */
export function encode(...argv: Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${argv.length}\r\n`)]
  for (const arg of argv) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg))
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

interface Got {
  value: Reply
  bytes: Buffer
}

/** Somebody who waits. A `bytes` wait takes from the buffer itself once it stands first; the others get parsed values. */
type Want =
  | { kind: 'reply' | 'push'; resolve(got: Got): void; reject(error: Error): void }
  | {
      kind: 'bytes'
      length(buffered: Buffer): number
      least: number
      resolve(bytes: Buffer): void
      reject(e: Error): void
    }

export class RawClient {
  /** The error that ended the connection, or undefined when either end closed it in peace. Never rejects. */
  readonly closed: Promise<Error | undefined>
  /** Attributes (RESP3 `|`) that came before the last reply. */
  attributes: Map<Reply, Reply> | undefined
  readonly socket: Socket
  readonly #bulk: Text
  readonly #timeoutMs: number
  #chunks: Buffer[] = []
  #buffered = 0
  /** Fewer bytes than this cannot make a whole value: saves joining the chunks of a large reply again and again. */
  #needed = 1
  #wants: Want[] = []
  /** Parsed while somebody waited for the other kind. */
  #replies: Got[] = []
  #pushes: Got[] = []
  #ended: Error | undefined

  private constructor(socket: Socket, options: ClientOptions) {
    this.socket = socket
    this.#bulk = options.bulk ?? 'utf8'
    this.#timeoutMs = options.timeoutMs ?? 15_000
    // A connection somebody forgot does not keep the process alive; whoever waits holds a timer.
    socket.unref()
    let failure: Error | undefined
    socket.on('error', (error) => {
      failure ??= error
    })
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk)
      this.#buffered += chunk.length
      this.#pump()
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#end(failure ?? new Error('connection closed'))
        resolve(failure)
      })
    })
  }

  static async connect(options: ClientOptions): Promise<RawClient> {
    const { port = 0, host = '127.0.0.1', path, tls } = options
    const where = path === undefined ? { port, host } : { path }
    const socket = tls === undefined ? connectTcp(where) : connectTls({ ...where, ...tls })
    const client = new RawClient(socket, options)
    const connected = new Promise<void>((resolve) => socket.once(tls ? 'secureConnect' : 'connect', () => resolve()))
    const refused = client.closed.then((error) => Promise.reject(error ?? new Error('connection closed')))
    const at = path ?? `${host}:${port}`
    try {
      await deadline(Promise.race([connected, refused]), options.timeoutMs ?? 15_000, `connection to ${at}`)
    } catch (error) {
      socket.destroy()
      throw error
    }
    await client.#greet(options)
    return client
  }

  async #greet({ protocol, username, password }: ClientOptions): Promise<void> {
    const auth = password === undefined ? [] : [username ?? 'default', password]
    if (protocol === 3) await this.ok('HELLO', 3, ...(auth.length > 0 ? ['AUTH', ...auth] : []))
    else if (username !== undefined) await this.ok('AUTH', ...auth)
    else if (password !== undefined) await this.ok('AUTH', password)
  }

  /** Sends a command; its reply. Error replies are values: instances of ErrorReply. */
  async call(...argv: Argument[]): Promise<Reply> {
    this.send(encode(...argv))
    return (await this.#parsed('reply', `reply to ${String(argv[0])}`)).value
  }

  /** As `call`, but an error reply is thrown. */
  async ok(...argv: Argument[]): Promise<Reply> {
    const reply = await this.call(...argv)
    if (reply instanceof ErrorReply) throw reply
    return reply
  }

  /** As `call`; the reply's exact bytes. */
  async callRaw(...argv: Argument[]): Promise<Buffer> {
    this.send(encode(...argv))
    return (await this.#parsed('reply', `reply to ${String(argv[0])}`)).bytes
  }

  /** The exact bytes of the next replies. */
  async repliesRaw(count: number): Promise<Buffer[]> {
    const all: Promise<Got>[] = []
    for (let i = 0; i < count; i++)
      all.push(new Promise((resolve, reject) => this.#wants.push({ kind: 'reply', resolve, reject })))
    this.#pump()
    const got = await deadline(Promise.all(all), this.#timeoutMs, `${count} replies`)
    return got.map(({ bytes }) => bytes)
  }

  /** Bytes as they are; a string stands for one byte a character. */
  send(bytes: Uint8Array | string): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The next reply that is no push: also RESP2's pub/sub messages. */
  async reply(): Promise<Reply> {
    return (await this.#parsed('reply', 'reply')).value
  }

  /** The next push (RESP3 `>`). */
  async push(): Promise<Reply[]> {
    return (await this.#parsed('push', 'push')).value as Reply[]
  }

  /** The next `count` bytes, whatever they are. */
  read(count: number): Promise<Buffer> {
    return this.#bytes(() => count, count, `${count} bytes`)
  }

  /** All bytes up to the first `mark`, and the mark itself. */
  readUntil(mark: Uint8Array | string): Promise<Buffer> {
    const end = typeof mark === 'string' ? Buffer.from(mark, 'latin1') : mark
    const length = (buffered: Buffer): number => {
      const at = buffered.indexOf(end)
      return at < 0 ? -1 : at + end.length
    }
    return this.#bytes(length, end.length, JSON.stringify(mark))
  }

  /** One line without its CR LF, one character a byte. */
  async readLine(): Promise<string> {
    return (await this.readUntil('\r\n')).toString('latin1').slice(0, -2)
  }

  /** The bytes that have arrived and that nobody has asked for yet. */
  drain(): Buffer {
    const all = this.#joined()
    this.#chunks = []
    this.#buffered = 0
    this.#needed = 1
    return all
  }

  /** Stops reading from the socket: a client that is too slow. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** Sends what is under way, says goodbye, and waits for the other end's. */
  async end(): Promise<void> {
    this.socket.end()
    await deadline(this.closed, this.#timeoutMs, 'the other end to close')
  }

  /** Drops the connection. */
  async close(): Promise<void> {
    this.socket.destroy()
    await this.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #parsed(kind: 'reply' | 'push', what: string): Promise<Got> {
    return this.#waited(what, (resolve, reject) => this.#wants.push({ kind, resolve, reject }))
  }

  #bytes(length: (buffered: Buffer) => number, least: number, what: string): Promise<Buffer> {
    return this.#waited(what, (resolve, reject) => this.#wants.push({ kind: 'bytes', length, least, resolve, reject }))
  }

  async #waited<V>(what: string, enqueue: (resolve: (got: V) => void, reject: (e: Error) => void) => void): Promise<V> {
    const wanted = new Promise<V>((resolve, reject) => {
      enqueue(resolve, reject)
      this.#pump()
    })
    try {
      return await deadline(wanted, this.#timeoutMs, what)
    } catch (error) {
      // After a wait that failed, nobody knows any more whose reply comes next.
      this.socket.destroy()
      throw error
    }
  }

  #pump(): void {
    try {
      while (this.#step());
    } catch (error) {
      this.#ended ??= error as Error
      this.socket.destroy()
    }
    if (this.#ended !== undefined) for (const want of this.#wants.splice(0)) want.reject(this.#ended)
  }

  /** Serves one wait, or parses one value. False when neither can be done. */
  #step(): boolean {
    const first = this.#wants[0]
    if (first === undefined) return false
    if (first.kind === 'bytes') {
      if (this.#buffered < first.least) return false
      const length = first.length(this.#joined())
      if (length < 0) return false
      this.#wants.shift()
      first.resolve(this.#take(length))
      return true
    }
    if (this.#serve('reply', this.#replies) || this.#serve('push', this.#pushes)) return true
    if (this.#buffered < this.#needed) return false
    const parsed = parse(this.#joined(), this.#bulk)
    if (parsed.kind === 'incomplete') {
      this.#needed = Math.max(parsed.needed, this.#buffered + 1)
      return false
    }
    const got = { value: parsed.value, bytes: this.#take(parsed.length) }
    if (parsed.kind === 'reply') this.attributes = parsed.attributes
    const kept = parsed.kind === 'push' ? this.#pushes : this.#replies
    kept.push(got)
    return true
  }

  #serve(kind: 'reply' | 'push', kept: Got[]): boolean {
    if (kept.length === 0) return false
    const bytesFirst = this.#wants.findIndex((want) => want.kind === 'bytes')
    const at = this.#wants.findIndex((want) => want.kind === kind)
    if (at < 0 || (bytesFirst >= 0 && bytesFirst < at)) return false
    const [want] = this.#wants.splice(at, 1)
    if (want.kind !== 'bytes') want.resolve(kept.shift()!)
    return true
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  #take(length: number): Buffer {
    const all = this.#joined()
    const rest = all.subarray(length)
    this.#chunks = rest.length > 0 ? [rest] : []
    this.#buffered = rest.length
    this.#needed = 1
    return all.subarray(0, length)
  }

  /** What has arrived can still be read; whoever waits for more is refused. */
  #end(error: Error): void {
    this.#ended ??= new Error(`the other end is gone: ${error.message}`, { cause: error })
    this.#pump()
  }
}
