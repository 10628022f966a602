// A store on a clock that stands still until it is moved, synchronously, and links whose other end is the fuzzer: what
// a peer says goes in, what is said to it is counted. Nothing is awaited, so thousands of lives fit into a second.

import { type Env, type Logger, sha1, silentLog, type Timer } from '../../src/env.js'
import type { Link, LinkHandlers, Listening, Transport } from '../../src/link.js'
import { Store, type StoreOptions } from '../../src/store.js'
import { RandomStream } from '../../src/transports/random-stream.js'
import { expect } from './target.js'

const START_MS = Date.UTC(2026, 0, 1)
/** What may run without the clock being moved. */
const BUSY_LIMIT = 100_000

interface Due extends Timer {
  atMs: number
  fn: (() => void) | null
}

export class HeldEnv implements Env {
  readonly log: Logger = silentLog
  readonly process = { pid: 1, arch: 'none', platform: 'none', nodeVersion: '0.0.0' }
  readonly sha1 = sha1
  readonly #random = new RandomStream(1, 'node')
  #ms = 0
  #timers: Due[] = []
  #soon: (() => void)[] = []

  // Handed on as functions of their own, as those of other environments are.
  readonly now = (): number => START_MS + Math.floor(this.#ms)
  readonly monotonic = (): number => this.#ms
  readonly random = (): number => this.#random.next()
  readonly randomHex = (bytes: number): string => this.#random.hex(bytes)
  readonly hold = (): (() => void) => () => {}
  readonly block = (): void => {}
  readonly collectYoung = (): void => {}
  readonly holdYoungSpace = (): (() => void) => () => {}
  readonly memory = (): ReturnType<Env['memory']> => ({ residentBytes: 2 ** 26, heapBytes: 2 ** 25 })
  readonly after = (delayMs: number, fn: () => void): Timer => {
    const due: Due = { atMs: this.#ms + Math.max(0, delayMs), fn, cancel: () => void (due.fn = null) }
    this.#timers.push(due)
    return due
  }
  readonly soon = (fn: () => void): void => void this.#soon.push(fn)

  /** Runs what was to run soon. */
  turn(): void {
    for (let ran = 0; this.#soon.length > 0; ran++) {
      expect(ran < BUSY_LIMIT, 'it goes round in circles without the clock')
      this.#soon.shift()!()
    }
  }

  /** Moves the clock, and runs what falls due. */
  advance(ms: number): void {
    const endMs = this.#ms + ms
    this.turn()
    for (let ran = 0; ; ran++) {
      expect(ran < BUSY_LIMIT, 'timers without end')
      this.#timers = this.#timers.filter(({ fn }) => fn !== null)
      const next = this.#timers.reduce<Due | null>((best, due) => (best && best.atMs <= due.atMs ? best : due), null)
      if (next === null || next.atMs > endMs) break
      this.#ms = Math.max(this.#ms, next.atMs)
      const fn = next.fn!
      next.fn = null
      fn()
      this.turn()
    }
    this.#ms = endMs
  }
}

/** Above this `send` returns false. */
const HIGH_WATER_BYTES = 4096

export class HeldLink implements Link {
  readonly remote = '127.0.0.1:4711'
  readonly local = '127.0.0.1:6379'
  readonly fromOutside = false
  /** What was sent; nobody reads it until `read`. */
  pendingBytes = 0
  isClosed = false
  #sent: (Uint8Array | string)[] = []
  #handlers: LinkHandlers | undefined

  open(handlers: LinkHandlers): void {
    expect(this.#handlers === undefined, 'a link is opened once')
    this.#handlers = handlers
  }
  send(data: Uint8Array | string): boolean {
    if (this.isClosed) return false
    this.pendingBytes += data.length
    this.#sent.push(data)
    return this.pendingBytes <= HIGH_WATER_BYTES
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.destroy()
  }
  destroy(error?: Error): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#handlers?.closed(error)
  }

  connected(): void {
    this.#handlers?.opened?.()
  }
  /** Bytes come from the other end. */
  say(chunk: Buffer): void {
    if (!this.isClosed) this.#handlers?.data(chunk)
  }
  /** The other end takes all that was sent; one byte a character. */
  read(): string {
    const text = this.#sent.map((one) => (typeof one === 'string' ? one : Buffer.from(one).toString('latin1'))).join('')
    const wasFull = this.pendingBytes > HIGH_WATER_BYTES
    this.#sent = []
    this.pendingBytes = 0
    if (wasFull && !this.isClosed) this.#handlers?.drain()
    return text
  }
}

/** A place at which the fuzzer sits: it accepts, or it comes as a client. */
export class HeldTransport implements Transport {
  readonly address = 'held'
  readonly host = 'held'
  readonly port = 1
  readonly links: HeldLink[] = []
  #accept: (link: Link) => void = () => {}

  async listen(accept: (link: Link) => void): Promise<Listening> {
    this.#accept = accept
    return { address: this.address, close: async () => {} }
  }
  connect(): Link {
    const link = new HeldLink()
    this.links.push(link)
    return link
  }
  arrive(): HeldLink {
    const link = new HeldLink()
    this.#accept(link)
    return link
  }
}

/** As small as Redis lets them be, so that nothing large is a right answer. */
const SMALL = {
  'enable-debug-command': 'yes',
  'proto-max-bulk-len': '1mb',
  'repl-backlog-size': '64kb',
  'repl-ping-replica-period': '10',
} as const

export interface Node {
  store: Store
  env: HeldEnv
  /** Why its link to a primary broke, so far. */
  errors: Error[]
  /** How often a snapshot took the place of its data. */
  syncs: number
}

export function nodeOf(options: StoreOptions<unknown> = {}, env = new HeldEnv()): Node {
  const node: Node = {
    store: new Store({ env, ...options, config: { ...SMALL, ...(options.config as object) } }),
    env,
    errors: [],
    syncs: 0,
  }
  node.store.on('link', (_, error) => void (error !== undefined && node.errors.push(error)))
  node.store.on('sync', () => void node.syncs++)
  return node
}

/** A peer's fault is told as such. What is a mistake of ours must not pass for one. */
export function expectPeersFault(errors: readonly Error[]): void {
  for (const error of errors) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      const { name, message, stack } = cause
      const isOurs =
        /^(?:TypeError|ReferenceError|RangeError|SyntaxError)$/.test(name) || /broken invariant/.test(message)
      expect(!isOurs, `taken for a peer's fault: ${stack}`)
    }
  }
}

/** What is there can be summed, written and read again, and is the same then. */
export function expectSound({ store }: Node): string {
  const digest = String(store.call('DEBUG', 'DIGEST'))
  store.call('DEBUG', 'RELOAD')
  const again = String(store.call('DEBUG', 'DIGEST'))
  expect(again === digest, 'written and read again, the data are others')
  return digest
}
