// A replica's requests to its primary: over connections of their own, one for each keyspace that is used, to where the link
// leads and with what it logs in with. It says when this replica has what a request did: a request is followed by INFO
// replication (one for all requests of a turn of the event loop), whose offset this node then has to reach. Any server that
// speaks PSYNC says that, so it makes no difference whose kind the primary is.

import { type Arg, latin1OfArg } from './bytes.js'
import type { Env } from './env.js'
import { ReplyError, StoreError } from './errors.js'
import type { Answer } from './protocol/replies.js'
import { Remote } from './remote.js'
import type { Place } from './replication/history.js'
import type { ReplicaLink } from './replication/replica.js'

/** Requests that are under way at once, and their bytes: one more is refused. One that is alone may be larger. */
const MAX_PENDING = 16_384
const MAX_PENDING_BYTES = 64 * 1024 * 1024

export type Request = readonly (Arg | number)[]

export interface ForwardingHost {
  readonly env: Env
  readonly link: ReplicaLink | null
  readonly isClosed: boolean
  /** Resolves when this node holds everything up to there. Throws when it does not come so far in time. */
  reach(place: Place, timeoutMs: number): Promise<void>
}

/** What was answered, and where the primary stood afterwards. */
export interface Sent {
  readonly answers: Promise<Answer[]>
  readonly place: Promise<Place>
}

export class Forwarding {
  readonly #host: ForwardingHost
  readonly #timeoutMs: number
  /** Connections belong to a link: when that is another, or was lost, new ones are made. Null: there is none. */
  #link: ReplicaLink | null = null
  readonly #connections = new Map<number, Connection>()
  /** The link was lost while they were held: they finish what is under way, and take nothing new. */
  readonly #retired = new Set<Connection>()
  #pending = 0
  #pendingBytes = 0

  constructor(host: ForwardingHost, timeoutMs: number) {
    this.#host = host
    this.#timeoutMs = timeoutMs
  }

  /** This node is a primary: there is nobody to ask. */
  get isLocal(): boolean {
    return this.#host.link === null
  }

  /**
   * Sends requests with nothing of ours between them, and gives their answers, error replies among them, when they are
   * there; `arrived` when this node has what they did. Throws NO_PRIMARY, BUSY, UNCERTAIN, BEHIND, CLOSED, and what the
   * primary refuses the connection with.
   */
  async run(db: number, requests: readonly Request[], upTo: 'answered' | 'arrived'): Promise<Answer[]> {
    return this.#counted(requests, db, (connection) => this.settle(connection.send(requests), upTo))
  }

  /** Runs `work` while nobody else's transaction is on the connection: WATCH and EXEC are the connection's. */
  async alone<T>(db: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#counted([], db, (connection) => {
      const turn = connection.turn.then(() => work(connection))
      connection.turn = turn.catch(() => {})
      return turn
    })
  }

  /** The answers, or, with `arrived`, also what they did is here. */
  async settle({ answers, place }: Sent, upTo: 'answered' | 'arrived'): Promise<Answer[]> {
    const beganMs = this.#host.env.monotonic()
    let given: Answer[]
    try {
      given = await answers
    } catch (cause) {
      if (cause instanceof StoreError && cause.code === 'NO_PRIMARY') throw cause
      throw new StoreError('UNCERTAIN', `the primary did not answer, it may have done it or not: ${messageOf(cause)}`, {
        cause,
      })
    }
    // What failed is nothing to wait for; a transaction's last answer is that of EXEC.
    if (upTo === 'answered' || given.at(-1) instanceof ReplyError) return given
    try {
      const leftMs = this.#timeoutMs - (this.#host.env.monotonic() - beganMs)
      await this.#host.reach(await place, Math.max(0, leftMs))
    } catch (cause) {
      throw new StoreError(
        'BEHIND',
        `the primary answered, but this replica has not come so far: ${messageOf(cause)}`,
        {
          cause,
        },
      )
    }
    return given
  }

  /** The link changed its state, or is another one. */
  linkChanged(): void {
    const link = this.#link
    if (link === null) return
    if (link.state === 'stopped' || this.#host.link !== link) this.#closeAll()
    else if (!link.isUp) this.#retireAll()
  }

  /** What is under way ends: nobody knows what became of it. */
  close(): void {
    this.#closeAll()
  }

  async #counted<T>(
    requests: readonly Request[],
    db: number,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    if (this.#host.isClosed) throw new StoreError('CLOSED', 'the store is closed')
    let bytes = 0
    for (const request of requests) for (const arg of request) bytes += sizeOf(arg)
    if (this.#pending >= MAX_PENDING || (this.#pending > 0 && this.#pendingBytes + bytes > MAX_PENDING_BYTES)) {
      throw new StoreError('BUSY', 'too many requests to the primary are under way')
    }
    this.#pending++
    this.#pendingBytes += bytes
    let connection: Connection | undefined
    try {
      connection = await this.#connectionTo(db)
      return await work(connection)
    } finally {
      if (connection !== undefined) this.#release(connection)
      this.#pending--
      this.#pendingBytes -= bytes
    }
  }

  /** It stays until it is released, if it is not lost. */
  async #connectionTo(db: number): Promise<Connection> {
    const { link } = this.#host
    if (link?.isUp !== true) {
      const state = link === null ? 'this node is a primary now' : `the link to it is down (${link.state})`
      throw new StoreError('NO_PRIMARY', `the primary cannot be asked: ${state}`)
    }
    if (link !== this.#link) this.#closeAll()
    this.#link = link
    for (;;) {
      const known = this.#connections.get(db)
      const connection = known ?? this.#connect(link, db)
      connection.hold()
      try {
        await connection.ready
      } catch (error) {
        this.#release(connection)
        throw error
      }
      if (!connection.isClosed) return connection
      this.#release(connection)
      // It was lost, in a time in which nobody used it as a rule. If it has just been made, that was for this call.
      if (this.#connections.get(db) === known) this.#connections.delete(db)
      if (known === undefined || this.#link !== link) throw noPrimary(new Error('the connection was closed'))
    }
  }

  #connect(link: ReplicaLink, db: number): Connection {
    const connection = new Connection(this.#host.env, link, db, this.#timeoutMs)
    this.#connections.set(db, connection)
    connection.ready.catch(() => {
      if (this.#connections.get(db) === connection) this.#connections.delete(db)
    })
    return connection
  }

  #release(connection: Connection): void {
    connection.release()
    if (connection.isClosed) this.#retired.delete(connection)
  }

  #retireAll(): void {
    for (const connection of this.#connections.values()) {
      connection.retire()
      if (!connection.isClosed) this.#retired.add(connection)
    }
    this.#connections.clear()
  }

  #closeAll(): void {
    this.#retireAll()
    for (const connection of this.#retired) connection.close()
    this.#retired.clear()
    this.#link = null
  }
}

/** To the primary, in one keyspace. */
export class Connection {
  /** Rejected with NO_PRIMARY when nobody is reached, with the ReplyError of one who does not let us in, or is a replica itself. */
  readonly ready: Promise<void>
  /** Transactions wait for one another. Never rejected. */
  turn: Promise<unknown> = Promise.resolve()
  readonly #remote: Remote
  readonly #env: Env
  /** What the next INFO will say. Null: it has left, or nobody wants it. */
  #nextPlace: Promise<Place> | null = null
  #users = 0
  #isRetired = false

  constructor(env: Env, link: ReplicaLink, db: number, timeoutMs: number) {
    this.#env = env
    this.#remote = Remote.begin(env, link.transport, timeoutMs, link.login.from)
    this.ready = this.#open(link.login, db)
  }

  async #open({ username, password }: ReplicaLink['login'], db: number): Promise<void> {
    const remote = this.#remote
    try {
      await remote.login(username, password)
      await speakNewest(remote)
      if (db !== 0) await remote.call('SELECT', db)
      const { role } = placeOf(await remote.call('INFO', 'replication'))
      // A replica that takes writes would keep them to itself.
      if (role !== 'master') {
        throw new ReplyError('READONLY The node that is followed is a replica itself, and takes no writes.')
      }
    } catch (error) {
      remote.close()
      throw error instanceof ReplyError ? error : noPrimary(error)
    }
  }

  get isClosed(): boolean {
    return this.#remote.isClosed
  }

  /** Puts nothing between these requests. Their answers hold errors as values; they are rejected if the connection is lost. */
  send(requests: readonly Request[]): Sent {
    const answers = this.isClosed
      ? Promise.reject(noPrimary(new Error('the connection was closed')))
      : Promise.all(requests.map((request) => this.#answerTo(request)))
    this.#nextPlace ??= new Promise((resolve, reject) => {
      this.#env.soon(() => {
        this.#nextPlace = null
        this.#place().then(resolve, reject)
      })
    })
    const place = this.#nextPlace
    // Not every one of them is waited for: no rejection is to be one that nobody handles.
    void Promise.allSettled([answers, place])
    return { answers, place }
  }

  hold(): void {
    this.#users++
  }

  release(): void {
    this.#users--
    this.#closeIfDone()
  }

  /** Closes when nobody holds it any more. */
  retire(): void {
    this.#isRetired = true
    this.#closeIfDone()
  }

  close(): void {
    this.#remote.close()
  }

  #closeIfDone(): void {
    if (this.#isRetired && this.#users === 0) this.close()
  }

  async #answerTo(request: Request): Promise<Answer> {
    try {
      return await this.#remote.call(...request)
    } catch (error) {
      if (error instanceof ReplyError) return error
      throw error
    }
  }

  async #place(): Promise<Place> {
    const { role, replid, offset } = placeOf(await this.#remote.call('INFO', 'replication'))
    // It went on as a replica: what it did as one, it kept to itself.
    if (role !== 'master') throw new StoreError('NO_PRIMARY', 'it is a replica now')
    return { replid, offset }
  }
}

/** Asks for RESP3, in which maps, numbers and truths are told from text. Old servers do not know it. */
async function speakNewest(remote: Remote): Promise<void> {
  try {
    await remote.call('HELLO', 3)
  } catch (error) {
    if (!(error instanceof ReplyError) || !/^(ERR unknown command|NOPROTO)/.test(error.message)) throw error
  }
}

function placeOf(info: Answer): Place & { role: string } {
  const text = String(info)
  const role = /^role:(\w+)/m.exec(text)?.[1]
  const replid = /^master_replid:(\w{40})/m.exec(text)?.[1]
  const offset = /^master_repl_offset:(\d{1,15})/m.exec(text)?.[1]
  if (role === undefined || replid === undefined || offset === undefined) {
    throw new StoreError('PROTOCOL', 'INFO does not say where the primary stands')
  }
  return { role, replid, offset: Number(offset) }
}

function noPrimary(cause: unknown): StoreError {
  return new StoreError('NO_PRIMARY', `the primary cannot be asked: ${messageOf(cause)}`, { cause })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function sizeOf(arg: Arg | number): number {
  if (typeof arg === 'string') return arg.length
  return typeof arg === 'number' ? 8 : latin1OfArg(arg).length
}
