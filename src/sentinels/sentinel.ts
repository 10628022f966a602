// One Sentinel, as its client: a subscription that stands as long as it can, and questions over connections of their own,
// since a subscriber may ask nothing (RESP2). What its answers mean together with those of the others is not known here.
//
//   waiting --timer--> connecting --subscribed--> up --link lost, silence, no answer--> waiting
//   any state --stop--> stopped

import type { Env, Timer } from '../env.js'
import { ReplyError, StoreError } from '../errors.js'
import type { Link, Transport } from '../link.js'
import { encodeCommand } from '../protocol/parser.js'
import { type Answer, AnswerParser } from '../protocol/replies.js'
import { Remote } from '../remote.js'

/** Where a node is, as Sentinels name it. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** Whom a Sentinel takes for the primary. Of two that disagree, the one with the higher epoch knows more. */
export interface View extends Place {
  readonly epoch: number
}

/** Another Sentinel that this one knows. */
export interface Peer extends Place {
  readonly id: string
}

export interface SentinelOptions {
  readonly env: Env
  /** The name under which the Sentinels watch the primary. */
  readonly name: string
  readonly username: string
  readonly password: string
  readonly timeoutMs: number
  /** It answered, or is lost. */
  changed(sentinel: Sentinel): void
}

const CHANNELS = ['+switch-master', '+sentinel', '+monitor', '+reset-master']

/** What is not told, or is lost on the way, is found out by asking. */
const ASK_EVERY_MS = 10_000
const PING_EVERY_MS = 1000
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 3000
/** A message is one line of a few addresses. */
const MAX_MESSAGE_BYTES = 1024 * 1024
/** Of those that it lists. Real sets have three, or five. */
const MAX_PEERS = 64

export class Sentinel {
  readonly transport: Transport
  state: 'waiting' | 'connecting' | 'up' | 'stopped' = 'waiting'
  /** What it said last; null while it is not up, and when it does not know the name. */
  view: View | null = null
  /** Its own id, once it has told it. */
  id = ''
  peers: readonly Peer[] = []
  /** It was reached, or could not be, at least once. */
  wasTried = false
  readonly #options: SentinelOptions
  #link: Link | null = null
  #parser = new AnswerParser(MAX_MESSAGE_BYTES)
  #heardAt = 0
  #pingAt = 0
  #askAt = 0
  #asking: 'no' | 'yes' | 'again' = 'no'
  #remote: Remote | null = null
  #retryMs = FIRST_RETRY_MS
  #timer: Timer | null = null
  #said = ''

  constructor(options: SentinelOptions, transport: Transport) {
    this.#options = options
    this.transport = transport
  }

  start(): void {
    this.#connect()
  }

  /** For good. */
  stop(): void {
    this.state = 'stopped'
    this.view = null
    this.#timer?.cancel()
    this.#dropLinks()
  }

  /** Asks it anew; `changed` is called when it has answered. */
  ask(): void {
    if (this.state !== 'up') return
    if (this.#asking !== 'no') {
      this.#asking = 'again'
      return
    }
    this.#asking = 'yes'
    this.#askAt = this.#options.env.monotonic() + ASK_EVERY_MS
    void this.#askNow()
  }

  #connect(): void {
    const { env, timeoutMs, username, password } = this.#options
    this.state = 'connecting'
    this.#parser = new AnswerParser(MAX_MESSAGE_BYTES)
    this.#heardAt = env.monotonic()
    this.#pingAt = this.#heardAt + PING_EVERY_MS
    let link: Link
    try {
      link = this.transport.connect(env.name)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    this.#link = link
    const mine = (handle: () => void): void => {
      if (this.#link === link) handle()
    }
    link.open({
      opened: () => {},
      data: (chunk) => mine(() => this.#received(chunk)),
      drain: () => {},
      closed: (error) => mine(() => this.#fail(error ?? new StoreError('LINK', 'the other end closed the connection'))),
    })
    if (password !== '') link.send(encodeCommand(username === '' ? ['AUTH', password] : ['AUTH', username, password]))
    link.send(encodeCommand(['SUBSCRIBE', ...CHANNELS]))
    this.#tick(Math.min(timeoutMs, PING_EVERY_MS))
  }

  /** Silence ends the connection; an answer to PING is no silence. */
  #tick(ms: number): void {
    const { env, timeoutMs } = this.#options
    this.#timer = env.after(ms, () => {
      const now = env.monotonic()
      if (now - this.#heardAt >= timeoutMs + (this.state === 'up' ? PING_EVERY_MS : 0)) {
        this.#fail(new StoreError('TIMEOUT', `no answer within ${timeoutMs} ms`))
        return
      }
      if (this.state === 'up' && now >= this.#pingAt) {
        this.#pingAt = now + PING_EVERY_MS
        this.#link?.send(encodeCommand(['PING']))
      }
      if (now >= this.#askAt) this.ask()
      this.#tick(ms)
    })
  }

  #received(chunk: Buffer): void {
    this.#heardAt = this.#options.env.monotonic()
    try {
      this.#parser.feed(chunk)
      for (let answer = this.#parser.next(); answer !== undefined; answer = this.#parser.next()) this.#told(answer)
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #told(answer: Answer): void {
    if (answer instanceof ReplyError) throw answer
    if (!Array.isArray(answer)) return // to AUTH
    if (answer[0] === 'message') this.ask()
    else if (answer[0] === 'subscribe' && answer[2] === CHANNELS.length) {
      this.state = 'up'
      this.ask()
    }
  }

  async #askNow(): Promise<void> {
    const link = this.#link
    const { env, name, username, password, timeoutMs } = this.#options
    try {
      const remote = Remote.begin(env, this.transport, timeoutMs, env.name)
      this.#remote = remote
      await remote.login(username, password)
      const address = await remote.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)
      const view = placeOf(address)
      const master = view && fieldsOf(await ifAllowed(remote.call('SENTINEL', 'MASTER', name)))
      const peers = view && (await ifAllowed(remote.call('SENTINEL', 'SENTINELS', name)))
      const id = await ifAllowed(remote.call('SENTINEL', 'MYID'))
      if (this.#link !== link) return
      this.view = view && { ...view, epoch: Number(master?.get('config-epoch')) || 0 }
      this.peers = peersOf(peers)
      if (typeof id === 'string') this.id = id
      this.#retryMs = FIRST_RETRY_MS
      this.wasTried = true
      if (view === null) this.#say(`it does not know a primary of the name ${name}`)
      else this.#said = ''
      this.#options.changed(this)
    } catch (error) {
      if (this.#link === link) this.#fail(error as Error)
    } finally {
      if (this.#link === link) {
        this.#remote?.close()
        this.#remote = null
        const owed = this.#asking === 'again'
        this.#asking = 'no'
        if (owed) this.ask()
      }
    }
  }

  #fail(error: Error): void {
    const { env } = this.#options
    this.#say(error.message)
    this.#timer?.cancel()
    this.#dropLinks()
    this.state = 'waiting'
    this.view = null
    this.wasTried = true
    const waitMs = this.#retryMs * (0.5 + env.random() / 2)
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS)
    this.#timer = env.after(waitMs, () => this.#connect())
    this.#options.changed(this)
  }

  #dropLinks(): void {
    const link = this.#link
    this.#link = null
    link?.destroy()
    this.#remote?.close()
    this.#remote = null
    this.#asking = 'no'
  }

  /** Once, as long as it stays the same. */
  #say(what: string): void {
    if (this.#said === what) return
    this.#said = what
    this.#options.env.log.warn(`Sentinel ${this.transport.address}: ${what}`)
  }
}

/** A Sentinel whose users are restricted, or that is old, may refuse what is good to know and can be done without. */
async function ifAllowed(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ReplyError) return null
    throw error
  }
}

function placeOf(answer: Answer): Place | null {
  if (!Array.isArray(answer)) return null
  const [host, port] = answer
  return typeof host === 'string' && isPort(port) ? { host, port: Number(port) } : null
}

function isPort(answer: Answer | undefined): boolean {
  const port = Number(answer)
  return typeof answer === 'string' && Number.isInteger(port) && port >= 0 && port <= 65_535
}

/** Names and values, one after the other. */
function fieldsOf(answer: Answer): Map<Answer, Answer> {
  const fields = new Map<Answer, Answer>()
  if (Array.isArray(answer)) for (let i = 0; i + 1 < answer.length; i += 2) fields.set(answer[i], answer[i + 1])
  return fields
}

function peersOf(answer: Answer): Peer[] {
  if (!Array.isArray(answer)) return []
  return answer.slice(0, MAX_PEERS).flatMap((one) => {
    const fields = fieldsOf(one)
    const place = placeOf([fields.get('ip') ?? null, fields.get('port') ?? null])
    return place === null ? [] : [{ ...place, id: String(fields.get('runid') ?? '') }]
  })
}
