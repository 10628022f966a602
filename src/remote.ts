// Another server, as its client: one connection, requests in their order, each with its answer.

import type { Arg } from './bytes.js'
import type { Env, Timer } from './env.js'
import { ReplyError, StoreError } from './errors.js'
import type { Link, Transport } from './link.js'
import { encodeCommand } from './protocol/parser.js'
import { type Answer, AnswerParser } from './protocol/replies.js'

const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** What is shorter leaves at once. */
const LONG_REQUEST_BYTES = 64 * 1024

interface Waiting {
  resolve(answer: Answer): void
  reject(error: Error): void
}

export class Remote {
  readonly #link: Link
  readonly #env: Env
  readonly #timeoutMs: number
  readonly #parser = new AnswerParser(MAX_ANSWER_BYTES)
  #waiting: Waiting[] = []
  #failure: Error | undefined
  #timer: Timer | null = null
  #hasUnsent = false

  private constructor(link: Link, env: Env, timeoutMs: number) {
    this.#link = link
    this.#env = env
    this.#timeoutMs = timeoutMs
  }

  /** Connects. Throws StoreError LINK and TIMEOUT when nobody is there within so many ms. */
  static async open(env: Env, transport: Transport, timeoutMs: number, from?: string): Promise<Remote> {
    const remote = new Remote(transport.connect(from), env, timeoutMs)
    await new Promise<void>((resolve, reject) => {
      remote.#waiting.push({ resolve: () => resolve(), reject })
      remote.#watch()
      remote.#open(() => remote.#answered(null))
    })
    return remote
  }

  /** Starts to connect. Nothing is waited for: calls say how it went. */
  static begin(env: Env, transport: Transport, timeoutMs: number, from?: string): Remote {
    const remote = new Remote(transport.connect(from), env, timeoutMs)
    remote.#open()
    return remote
  }

  /** Connects, and logs in when there is a password. Throws StoreError LINK and TIMEOUT, and the server's ReplyError. */
  static async connect(
    env: Env,
    transport: Transport,
    {
      username,
      password,
      timeoutMs,
      from,
    }: { username: string; password: string; timeoutMs: number; from?: string | undefined },
  ): Promise<Remote> {
    const remote = Remote.begin(env, transport, timeoutMs, from)
    try {
      await remote.login(username, password)
      await remote.call('PING')
      return remote
    } catch (error) {
      remote.close()
      throw error
    }
  }

  /**
   * Sends a request; its answer. An error reply is thrown. Several may be under way at once. When none is answered, and
   * nothing of them leaves, for too long, that ends the connection: StoreError TIMEOUT.
   */
  async call(...argv: (Arg | number)[]): Promise<Answer> {
    if (this.#failure !== undefined) throw this.#failure
    const request = encodeCommand(argv)
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#link.send(request)
      if (this.#waiting.length === 1) this.#watch()
    })
    if (answer instanceof ReplyError) throw answer
    return answer
  }

  /** Does nothing without a password. Throws as `call`. */
  async login(username: string, password: string): Promise<void> {
    if (password !== '') await this.call(...(username === '' ? ['AUTH', password] : ['AUTH', username, password]))
  }

  /** It failed, or was closed: every call is refused. */
  get isClosed(): boolean {
    return this.#failure !== undefined
  }

  /** Whether it failed before all requests had left. */
  get hasUnsent(): boolean {
    return this.#hasUnsent
  }

  close(): void {
    this.#fail(new StoreError('LINK', 'the connection was closed'))
  }

  #open(opened: () => void = () => {}): void {
    this.#link.open({
      opened,
      data: (chunk) => this.#received(chunk),
      drain: () => {},
      closed: (error) => this.#fail(error ?? new StoreError('LINK', 'the other end closed the connection')),
    })
  }

  #received(chunk: Uint8Array): void {
    try {
      this.#parser.feed(chunk)
      for (let answer = this.#parser.next(); answer !== undefined; answer = this.#parser.next()) {
        this.#answered(answer)
      }
    } catch (cause) {
      this.#fail(new StoreError('PROTOCOL', (cause as Error).message, { cause }))
    }
  }

  #answered(answer: Answer): void {
    this.#waiting.shift()?.resolve(answer)
    this.#watch()
  }

  /** The time for the next answer begins. */
  #watch(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#waiting.length === 0) return
    const ms = this.#timeoutMs
    const before = this.#link.pendingBytes
    this.#timer = this.#env.after(ms, () => {
      // A long request takes its time: some of it left meanwhile.
      if (before > LONG_REQUEST_BYTES && this.#link.pendingBytes < before) this.#watch()
      else this.#fail(new StoreError('TIMEOUT', `no answer within ${ms} ms`))
    })
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#timer?.cancel()
    this.#hasUnsent = this.#link.pendingBytes > 0
    this.#link.destroy()
    for (const { reject } of this.#waiting) reject(error)
    this.#waiting = []
  }
}
