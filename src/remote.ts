// Another server, as its client: one connection, one request after the other, each with its answer.

import type { Env } from './env.js'
import { ReplyError, StoreError } from './errors.js'
import type { Link, Transport } from './link.js'
import { encodeCommand } from './protocol/parser.js'
import { type Answer, AnswerParser } from './protocol/replies.js'

const MAX_ANSWER_BYTES = 64 * 1024 * 1024

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

  private constructor(link: Link, env: Env, timeoutMs: number) {
    this.#link = link
    this.#env = env
    this.#timeoutMs = timeoutMs
  }

  /** Connects, and logs in when there is a password. Throws StoreError LINK and TIMEOUT, and the server's ReplyError. */
  static async connect(
    env: Env,
    transport: Transport,
    { username, password, timeoutMs }: { username: string; password: string; timeoutMs: number },
  ): Promise<Remote> {
    const remote = new Remote(transport.connect(), env, timeoutMs)
    try {
      remote.#open()
      if (password !== '') await remote.call(...(username === '' ? ['AUTH', password] : ['AUTH', username, password]))
      await remote.call('PING')
      return remote
    } catch (error) {
      remote.close()
      throw error
    }
  }

  /** Sends a request; its answer. An error reply is thrown. One that takes too long ends the connection: StoreError TIMEOUT. */
  async call(...argv: (string | number)[]): Promise<Answer> {
    if (this.#failure !== undefined) throw this.#failure
    const ms = this.#timeoutMs
    const timer = this.#env.after(ms, () => this.#fail(new StoreError('TIMEOUT', `no answer within ${ms} ms`)))
    const answered = new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#link.send(encodeCommand(argv))
    })
    const answer = await answered.finally(() => timer.cancel())
    if (answer instanceof ReplyError) throw answer
    return answer
  }

  close(): void {
    this.#fail(new StoreError('LINK', 'the connection was closed'))
  }

  #open(): void {
    this.#link.open({
      data: (chunk) => this.#received(chunk),
      drain: () => {},
      closed: (error) => this.#fail(error ?? new StoreError('LINK', 'the other end closed the connection')),
    })
  }

  #received(chunk: Uint8Array): void {
    try {
      this.#parser.feed(chunk)
      for (let answer = this.#parser.next(); answer !== undefined; answer = this.#parser.next()) {
        this.#waiting.shift()?.resolve(answer)
      }
    } catch (cause) {
      this.#fail(new StoreError('PROTOCOL', (cause as Error).message, { cause }))
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#link.destroy()
    for (const { reject } of this.#waiting) reject(error)
    this.#waiting = []
  }
}
