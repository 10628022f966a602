// A TCP proxy on loopback that misbehaves on demand: it cuts connections, refuses them, holds bytes back, and changes what
// flows. Tests put it between a replica (which connects) and its primary (the target). Knows no protocol.

import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * What becomes of bytes from the target on their way to whoever connected. `offset`: how many came before on this
 * connection. Gives what is passed on instead; 'cut' drops the connection.
 */
export type Tamper = (chunk: Buffer, offset: number) => Buffer | 'cut'

/** Drops each connection as soon as more than so many bytes came on it. */
export function cutAfter(bytes: number): Tamper {
  return (chunk, offset) => (offset + chunk.length > bytes ? 'cut' : chunk)
}

/** Turns over every bit of one byte of the connection. */
export function flip(at: number): Tamper {
  return (chunk, offset) => {
    if (at < offset || at >= offset + chunk.length) return chunk
    const changed = Buffer.from(chunk)
    changed[at - offset] ^= 0xff
    return changed
  }
}

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

export class FaultyProxy {
  readonly port: number
  /** For connections that start from now on. */
  targetPort: number
  /** Connections accepted so far, the refused ones too. */
  accepted = 0
  /** Bytes that the target sent on the newest connection. */
  received = 0
  /** For connections that start from now on, and for those that stand. */
  tamper: Tamper | undefined
  /** What is passed on to the target instead of a chunk. */
  alter: ((chunk: Buffer) => Buffer) | undefined
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  #state: 'open' | 'refusing' | 'paused' = 'open'

  private constructor(server: Server, port: number, targetPort: number) {
    this.#server = server
    this.port = port
    this.targetPort = targetPort
    server.on('connection', (near) => this.#accept(near))
  }

  static async to(targetPort: number): Promise<FaultyProxy> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return new FaultyProxy(server, address.port, targetPort)
  }

  /** Connections that stand now. */
  get open(): number {
    return this.#pairs.size
  }

  /** Drops what stands; how many that were. */
  cut(): number {
    const count = this.#pairs.size
    for (const pair of [...this.#pairs]) this.#drop(pair)
    return count
  }

  /** Drops what stands, and whoever connects from now on. */
  refuse(): void {
    this.#state = 'refusing'
    this.cut()
  }

  /** Nothing flows in either direction any more; connections stand, and new ones are accepted. */
  pause(): void {
    this.#state = 'paused'
    for (const { near, far } of this.#pairs) {
      near.pause()
      far.pause()
    }
  }

  /** Ends `refuse` and `pause`. */
  heal(): void {
    this.#state = 'open'
    for (const { near, far } of this.#pairs) {
      near.resume()
      far.resume()
    }
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #accept(near: Socket): void {
    this.accepted += 1
    if (this.#state === 'refusing') {
      near.on('error', () => undefined)
      near.resetAndDestroy()
      return
    }
    const far = connect({ port: this.targetPort, host: '127.0.0.1' })
    const pair = { near, far }
    this.#pairs.add(pair)
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#drop(pair))
    }
    near.on('data', (chunk: Buffer) => this.#pass(this.alter?.(chunk) ?? chunk, near, far))
    let offset = 0
    this.received = 0
    far.on('data', (chunk: Buffer) => {
      const given = this.tamper?.(chunk, offset) ?? chunk
      offset += chunk.length
      this.received = offset
      if (given === 'cut') this.#drop(pair)
      else this.#pass(given, far, near)
    })
    if (this.#state === 'paused') this.pause()
  }

  #drop(pair: Pair): void {
    this.#pairs.delete(pair)
    for (const socket of [pair.near, pair.far]) socket.destroy()
  }

  /** Whoever is slow slows down the other end. */
  #pass(chunk: Buffer, from: Socket, to: Socket): void {
    if (chunk.length === 0 || to.write(chunk)) return
    from.pause()
    to.once('drain', () => {
      if (this.#state !== 'paused') from.resume()
    })
  }
}
