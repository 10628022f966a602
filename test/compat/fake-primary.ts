// A primary that says what a test tells it to: a TCP server that understands a replica's handshake and nothing else. Bytes
// that a real server would never send come from here.

import { createServer, type Server, type Socket } from 'node:net'
import { RdbWriter } from '../../src/rdb/writer.js'
import { parse } from '../resp.js'

export const FAKE_REPLID = 'f'.repeat(40)
export const FAKE_OFFSET = 1000

/** One connection of a replica. */
export interface Guest {
  /** Counted from 1. */
  readonly number: number
  readonly closed: boolean
  send(bytes: Buffer | string): void
  close(): void
}

/** Answers a command; false: as a good primary would. `argv[0]` comes in capitals. */
export type Answer = (argv: string[], guest: Guest) => boolean | Promise<boolean>

export class FakePrimary {
  readonly port: number
  /** Offsets acknowledged so far. */
  readonly acks: number[] = []
  /** Every command that came, words joined by spaces. */
  readonly commands: string[] = []
  /** Connections so far. */
  guests = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #answer: Answer

  private constructor(server: Server, port: number, answer: Answer) {
    this.#server = server
    this.port = port
    this.#answer = answer
    server.on('connection', (socket) => this.#welcome(socket))
  }

  static async start(answer: Answer): Promise<FakePrimary> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return new FakePrimary(server, address.port, answer)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #welcome(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => this.#sockets.delete(socket))
    this.guests += 1
    const guest: Guest = {
      number: this.guests,
      get closed() {
        return socket.destroyed
      },
      send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
      close: () => void socket.end(),
    }
    let buffered = Buffer.alloc(0)
    // One command after the other, also where an answer takes its time.
    let last = Promise.resolve()
    socket.on('data', (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk])
      for (;;) {
        const [argv, length] = take(buffered)
        if (length === 0) return
        buffered = buffered.subarray(length)
        if (argv.length > 0) last = last.then(() => this.#heard(argv, guest))
      }
    })
  }

  async #heard(argv: string[], guest: Guest): Promise<void> {
    this.commands.push(argv.join(' '))
    if (argv[0] === 'REPLCONF' && argv[1].toUpperCase() === 'ACK') this.acks.push(Number(argv[2]))
    if (!(await this.#answer(argv, guest))) answerWell(argv, guest)
  }
}

/** The first command of a buffer: RESP, a line of words, or an empty line. Length 0: it is not whole. */
function take(bytes: Buffer): [argv: string[], length: number] {
  if (bytes.length === 0) return [[], 0]
  if (bytes[0] !== 0x2a) {
    const end = bytes.indexOf('\n')
    const words = bytes.toString('latin1', 0, Math.max(0, end)).trim().toUpperCase()
    return [words === '' ? [] : words.split(' '), end + 1]
  }
  const parsed = parse(bytes, 'latin1')
  if (parsed.kind !== 'reply') return [[], 0]
  const [name, ...args] = (parsed.value as string[]).map(String)
  return [[name.toUpperCase(), ...args], parsed.length]
}

function answerWell([name, option]: string[], guest: Guest): void {
  if (name === 'PING') guest.send('+PONG\r\n')
  else if (name === 'REPLCONF' && option.toUpperCase() !== 'ACK') guest.send('+OK\r\n')
  else if (name === 'PSYNC') fullSync(guest, snapshot())
}

/** FULLRESYNC with the snapshot as it is, its length before it. */
export function fullSync(guest: Guest, rdb: Buffer): void {
  guest.send(`+FULLRESYNC ${FAKE_REPLID} ${FAKE_OFFSET}\r\n$${rdb.length}\r\n`)
  guest.send(rdb)
}

export const FAKE_KEYS = 2000

/** A good snapshot: `new:0` and so on. */
export function snapshot(): Buffer {
  const chunks: Buffer[] = []
  const writer = new RdbWriter((chunk) => void chunks.push(chunk), { compress: false })
  writer.header()
  writer.selectDb(0)
  writer.resizeDb(FAKE_KEYS, 0)
  for (let i = 0; i < FAKE_KEYS; i++) writer.string(`new:${i}`, `${i} ${'v'.repeat(100)}`, null)
  writer.end()
  return Buffer.concat(chunks)
}
