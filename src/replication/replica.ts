// The following side: one link to a primary, kept up for as long as this node is a replica. It speaks the handshake,
// hands the snapshot and the stream to its host, and acknowledges. It knows neither commands nor keyspaces.
//
//   connect --opened--> handshake --+FULLRESYNC--> sync --loaded--> connected
//      ^                    \------+CONTINUE------------------------^   |
//      \------- link lost, timeout, error: wait, with backoff and jitter (from every state)
//   any state --stop--> stopped
//
// Where the stream stands is in the History: a link that broke goes on there with a partial resync.

import type { Env, Timer } from '../env.js'
import { StoreError } from '../errors.js'
import type { Link, Transport } from '../link.js'
import { encodeCommand } from '../protocol/parser.js'
import { YoungObjects } from '../young-objects.js'
import type { Failover } from './failover.js'
import type { Stream } from './stream.js'

export interface ReplicaConfig {
  timeoutSeconds: number
  backlogBytes: number
  username: string
  password: string
  /** What is told to the primary for its INFO: 0 and '' leave it out. */
  announcePort: number
  announceIp: string
}

/** A snapshot being read into a fresh dataset. */
export interface SnapshotLoad {
  /** Throws when the bytes are no snapshot that can be read. */
  write(chunk: Buffer): void
  /** All bytes are there: throws unless the snapshot is whole; then the new data takes the old one's place. */
  commit(): void
  abort(): void
}

export interface ReplicaHost {
  readonly env: Env
  readonly stream: Stream
  readonly runId: string
  config(): ReplicaConfig
  beginLoad(): SnapshotLoad
  /** Applies bytes of the stream, as far as whole commands are there. Throws on the first that cannot be applied. */
  apply(chunk: Buffer): void
  /** A new link's stream begins, or one ended: what was half applied is dropped. */
  resetApply(): void
  /** A primary that hands its role to the one that it follows from now on. */
  readonly failover: Pick<Failover, 'isYielding' | 'ask' | 'answered'>
  /** How much of the stream is in our append-only file and on the disk; -1 without one. */
  fsyncedOffset(): number
  /** Our replicas have to start over, or to learn a new id. */
  disconnectReplicas(): void
  stateChanged(state: LinkState, error?: Error): void
}

export type LinkState = 'connect' | 'connecting' | 'handshake' | 'sync' | 'connected' | 'stopped'

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 3000
const YIELDING_RETRY_MS = 100
const MAX_LINE_BYTES = 16 * 1024
const EOF_MARK_LENGTH = 40
const ACK_EVERY_MS = 1000

type Expected = 'PING' | 'AUTH' | 'REPLCONF' | 'PSYNC'

export class ReplicaLink {
  readonly transport: Transport
  state: LinkState = 'connect'
  readonly #host: ReplicaHost
  readonly #from: string | undefined
  readonly #young: YoungObjects
  /** Whether the history tells where a primary could let us go on. */
  #resumable = false
  /** An ACK is due when what is being applied has been. */
  #isAsked = false
  #link: Link | null = null
  #retryMs = FIRST_RETRY_MS
  #timer: Timer | null = null
  #tick: Timer | null = null
  #expected: Expected[] = []
  #line = ''
  #payload: Payload | null = null
  #load: SnapshotLoad | null = null
  #announced: { replid: string; offset: number } | null = null
  #ioAt = 0
  /** By the monotonic clock; -1: there was no link that was up, this one or the one before it. */
  downSince = -1
  /** The link takes no more: `owed` when an ACK is to be sent as soon as it does. */
  #room: 'free' | 'full' | 'owed' = 'free'
  /** The offset at which the stream could not be applied last: a second failure there asks for everything. */
  #failedAt = -1
  /** Bytes of the snapshot read so far, and in all (-1: the primary did not say), for INFO. */
  syncReadBytes = 0
  syncTotalBytes = -1
  /** The primary is of our own kind. */
  isOurs = false
  /** Why the link is down for good, until the node is told again whom to follow. */
  stoppedBy: Error | null = null

  constructor(host: ReplicaHost, transport: Transport, from?: string) {
    this.#host = host
    this.transport = transport
    this.#from = from
    this.#young = new YoungObjects(host.env)
  }

  /** What it runs over; null: nothing at the moment. */
  get connection(): Link | null {
    return this.#link
  }
  get isUp(): boolean {
    return this.state === 'connected'
  }
  /** Seconds since the primary was last heard; -1 without a link. */
  get lastIoSeconds(): number {
    return this.#link === null ? -1 : Math.floor((this.#host.env.monotonic() - this.#ioAt) / 1000)
  }
  /** -1: see `downSince`. */
  get downSeconds(): number {
    return this.downSince < 0 ? -1 : Math.floor((this.#host.env.monotonic() - this.downSince) / 1000)
  }

  /** How the primary is told who we are, for those who reach it by this link's transport. */
  get login(): { username: string; password: string; from: string | undefined } {
    const { username, password } = this.#host.config()
    return { username, password, from: this.#from }
  }

  /** Connects, and keeps at it. `resumable`: the history tells where a primary could let us go on. */
  start(resumable: boolean): void {
    this.#resumable = resumable
    this.#connect()
    this.#everySecond()
  }

  /** For good: the node is promoted, follows another one, or closes. */
  stop(): void {
    this.#tick?.cancel()
    this.#timer?.cancel()
    this.#become('stopped')
    this.#dropLink()
  }

  /** Sends the primary something beside the ACKs. Only to one of our own kind: others would answer. */
  tell(argv: readonly string[]): void {
    if (this.isUp && this.isOurs && this.#room === 'free') this.#send(argv)
  }

  /** One of our own kind is told once more when the request itself is applied: it may wait for us to have everything. */
  answerGetAck(): void {
    this.#isAsked = this.isOurs
    this.acknowledge()
  }

  /** Tells the primary how far we are. One that asks and asks and never reads is told once, when it does. */
  acknowledge(): void {
    if (this.state !== 'connected') return
    if (this.#room !== 'free') {
      this.#room = 'owed'
      return
    }
    const fsynced = this.#host.fsyncedOffset()
    const fack = fsynced < 0 ? [] : ['FACK', fsynced]
    this.#send(['REPLCONF', 'ACK', this.#host.stream.history.offset, ...fack])
  }

  #send(argv: readonly (string | number)[]): void {
    if (!this.#link!.send(encodeCommand(argv))) this.#room = 'full'
  }

  #drained(): void {
    const owed = this.#room === 'owed'
    this.#room = 'free'
    if (owed) this.acknowledge()
  }

  #become(state: LinkState, error?: Error): void {
    if (this.state === 'connected' && state !== 'connected') this.downSince = this.#host.env.monotonic()
    this.state = state
    this.#host.stateChanged(state, error)
  }

  #connect(): void {
    this.isOurs = false
    const { env } = this.#host
    env.log.info(`Connecting to MASTER ${this.transport.address}`)
    this.#become('connecting')
    this.#ioAt = env.monotonic()
    let link: Link
    try {
      link = this.transport.connect(this.#from)
    } catch (error) {
      this.#retry(error as Error)
      return
    }
    this.#link = link
    this.#room = 'free'
    env.log.info('MASTER <-> REPLICA sync started')
    const mine = (handle: () => void): void => {
      if (this.#link === link) handle()
    }
    link.open({
      opened: () => mine(() => this.#opened()),
      data: (chunk) => mine(() => this.#received(chunk)),
      drain: () => mine(() => this.#drained()),
      closed: (error) => mine(() => this.#closed(error)),
    })
  }

  #opened(): void {
    this.#host.env.log.info('Non blocking connect for SYNC fired the event.')
    this.#ioAt = this.#host.env.monotonic()
    this.#become('handshake')
    this.#line = ''
    this.#expected = []
    this.#ask('PING', ['PING'])
  }

  #ask(expected: Expected, argv: (string | number)[]): void {
    this.#expected.push(expected)
    this.#link!.send(encodeCommand(argv))
  }

  #closed(error?: Error): void {
    const { env } = this.#host
    if (this.state === 'connected') {
      env.log.info('Connection with master lost.')
      env.log.info('Caching the disconnected master state.')
    } else if (this.state === 'sync') {
      if (this.#load !== null) {
        env.log.warn(
          `Internal error in RDB reading offset ${this.syncReadBytes}: Unexpected EOF. ` +
            'Failure loading rdb format from socket, assuming connection error, resuming operation.',
        )
      }
      env.log.warn(`I/O error trying to sync with MASTER: ${error?.message ?? 'connection lost'}`)
    } else env.log.warn(`Error condition on socket for SYNC: ${error?.message ?? 'connection lost'}`)
    this.#link = null
    this.#retry(error)
  }

  /** What trying again cannot mend. The link stays down until the node is told whom to follow. */
  #giveUp(error: Error): void {
    this.#host.env.log.error(error.message)
    this.stoppedBy = error
    this.#tick?.cancel()
    this.#dropLink()
    this.#become('stopped', error)
  }

  /** The peer's fault, or the link's: close, and try again later. Nothing of ours was changed. */
  #fail(message: string, error?: Error): void {
    this.#host.env.log.warn(message)
    this.#dropLink()
    this.#retry(error ?? new Error(message))
  }

  #dropLink(): void {
    const link = this.#link
    this.#link = null
    link?.destroy()
    this.#load?.abort()
    this.#load = null
    this.#payload = null
    this.#host.resetApply()
  }

  #retry(error?: Error): void {
    this.#dropLink()
    if (this.state === 'stopped') return
    this.#become('connect', error)
    const { env } = this.#host
    const waitMs = this.#retryMs * (0.5 + env.random() / 2)
    // During a failover nobody takes writes.
    this.#retryMs = Math.min(this.#retryMs * 2, this.#host.failover.isYielding ? YIELDING_RETRY_MS : LAST_RETRY_MS)
    this.#timer = env.after(waitMs, () => this.#connect())
  }

  #everySecond(): void {
    this.#tick = this.#host.env.after(ACK_EVERY_MS, () => {
      this.#everySecond()
      const silentMs = this.#host.env.monotonic() - this.#ioAt
      if (this.#link !== null && silentMs > this.#host.config().timeoutSeconds * 1000) {
        const what =
          this.state === 'connected'
            ? 'MASTER timeout: no data nor PING received...'
            : 'Timeout connecting to the MASTER...'
        this.#fail(what)
      } else if (this.state === 'connected') this.acknowledge()
      else if (this.state === 'sync') this.#link?.send('\n') // tells the primary that we are alive while we load
    })
  }

  #received(chunk: Buffer): void {
    this.#ioAt = this.#host.env.monotonic()
    let rest: Buffer | null = chunk
    while (rest !== null && rest.length > 0 && this.#link !== null) {
      if (this.state === 'connected') {
        this.#apply(rest)
        return
      }
      rest = this.#payload === null ? this.#readLine(rest) : this.#readPayload(rest)
    }
  }

  #readLine(chunk: Buffer): Buffer | null {
    const end = chunk.indexOf(10)
    this.#line += chunk.toString('latin1', 0, end < 0 ? chunk.length : end)
    if (this.#line.length > MAX_LINE_BYTES) {
      this.#fail('MASTER sent a line without end instead of a reply')
      return null
    }
    if (end < 0) return null
    const line = this.#line.replace(/\r$/, '')
    this.#line = ''
    if (this.state === 'sync') this.#payloadHeader(line)
    else this.#reply(line)
    return chunk.subarray(end + 1)
  }

  #reply(line: string): void {
    if (line === '') return // a keepalive while the snapshot is prepared
    const expected = this.#expected.shift()
    switch (expected) {
      case 'PING':
        this.#pingReply(line)
        return
      case 'AUTH':
        if (line.startsWith('-')) this.#fail(`Unable to AUTH to MASTER: ${line}`)
        return
      case 'REPLCONF':
        if (line.startsWith('-')) this.#host.env.log.info(`(Non critical) Master does not understand REPLCONF: ${line}`)
        // Said once: each time it is answered, and one that said it for ever would never be asked for its data.
        if (line === '+OK hotspare' && !this.isOurs) {
          this.isOurs = true
          this.#ask('REPLCONF', ['REPLCONF', 'hotspare-id', this.#host.runId])
        }
        if (this.#expected.length === 0) this.#psync()
        return
      case 'PSYNC':
        this.#psyncReply(line)
        return
      default:
        this.#fail(`MASTER sent a reply that nobody asked for: ${printable(line)}`)
    }
  }

  #pingReply(line: string): void {
    const accepted = /^(\+|-NOAUTH|-NOPERM|-ERR operation not permitted)/.test(line)
    if (!accepted) {
      this.#fail(`Error reply to PING from master: '${printable(line)}'`)
      return
    }
    const { env } = this.#host
    env.log.info('Master replied to PING, replication can continue...')
    const { username, password, announcePort, announceIp } = this.#host.config()
    if (password !== '') this.#ask('AUTH', username === '' ? ['AUTH', password] : ['AUTH', username, password])
    this.#ask('REPLCONF', ['REPLCONF', 'listening-port', announcePort])
    if (announceIp !== '') this.#ask('REPLCONF', ['REPLCONF', 'ip-address', announceIp])
    this.#ask('REPLCONF', ['REPLCONF', 'capa', 'eof', 'capa', 'psync2'])
    // Without a version Valkey 9 sends an older snapshot form, and drops the link when that cannot hold the data.
    this.#ask('REPLCONF', ['REPLCONF', 'version', '9.0.0'])
    this.#ask('REPLCONF', ['REPLCONF', 'capa', 'hotspare'])
  }

  #psync(): void {
    const { history } = this.#host.stream
    const { log } = this.#host.env
    if (this.#resumable) {
      log.info(`Trying a partial resynchronization (request ${history.askedFor}:${history.offset + 1}).`)
      this.#ask('PSYNC', ['PSYNC', history.askedFor, history.offset + 1, ...this.#host.failover.ask()])
    } else {
      log.info('Partial resynchronization not possible (no cached master)')
      this.#ask('PSYNC', ['PSYNC', '?', '-1'])
    }
  }

  #psyncReply(line: string): void {
    const { log } = this.#host.env
    const full = /^\+FULLRESYNC ([0-9a-zA-Z]{40}) (\d{1,15})$/.exec(line)
    const continued = /^\+CONTINUE(?:\s+([0-9a-zA-Z]*))?\s*$/.exec(line)
    if (this.#host.failover.isYielding) {
      const next = this.#host.failover.answered(line, full !== null || continued !== null)
      if (next === 'ask again') this.#fail('MASTER has taken over already: asking it as any replica does')
      if (next !== 'follow') return
    }
    if (full !== null) {
      log.info(`Full resync from master: ${full[1]}:${full[2]}`)
      const { askedFor, offset } = this.#host.stream.history
      const missedBytes = Number(full[2]) - offset
      if (this.#resumable && full[1] === askedFor && missedBytes > 0) {
        log.warn(
          `The master's backlog does not reach back so far: repl-backlog-size ${missedBytes} there would have sufficed`,
        )
      }
      this.#becomeSync({ replid: full[1], offset: Number(full[2]) })
    } else if (continued !== null) this.#becomeContinued(continued[1] ?? '')
    else if (/^-(NOMASTERLINK|LOADING)/.test(line)) {
      this.#fail(`Master is currently unable to PSYNC but should be in the future: ${printable(line)}`)
    } else if (line.startsWith('-')) {
      log.info(`Master does not support PSYNC or is in error state (reply: ${printable(line)})`)
      log.info('Retrying with SYNC...')
      this.#link!.send('SYNC\r\n')
      this.#becomeSync(null)
    } else this.#fail(`Unexpected reply to PSYNC from master: ${printable(line)}`)
  }

  #becomeContinued(replid: string): void {
    const { stream, env } = this.#host
    if (!this.#resumable) {
      this.#fail('MASTER continued a stream that was not asked for')
      return
    }
    env.log.info('Successful partial resynchronization with master.')
    const { history } = stream
    const named = replid.length === 40 ? replid : history.askedFor
    if (named !== history.replid) {
      if (named !== history.askedFor) env.log.info(`Master replication ID changed to ${named}`)
      history.becomeRenamed(named)
      this.#host.disconnectReplicas()
    }
    if (stream.backlog === null) stream.reopen(this.#host.config().backlogBytes)
    this.#becomeConnected()
    env.log.info('MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.')
  }

  #becomeSync(announced: { replid: string; offset: number } | null): void {
    this.#announced = announced
    this.#line = ''
    this.syncReadBytes = 0
    this.syncTotalBytes = -1
    this.#become('sync')
  }

  #payloadHeader(line: string): void {
    if (line === '') return
    const { log } = this.#host.env
    if (line.startsWith('-')) {
      this.#fail(`MASTER aborted replication with an error: ${printable(line.slice(1))}`)
      return
    }
    const length = /^\$(\d{1,15})$/.exec(line)
    const mark = /^\$EOF:(.{40})$/.exec(line)
    if (length !== null && Number(length[1]) > 0) {
      this.syncTotalBytes = Number(length[1])
      log.info(`MASTER <-> REPLICA sync: receiving ${length[1]} bytes from master to parser`)
      this.#payload = new Payload(this.syncTotalBytes, null)
    } else if (mark !== null) {
      log.info('MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF to parser')
      this.#payload = new Payload(-1, Buffer.from(mark[1], 'latin1'))
    } else {
      this.#fail(`Bad protocol from MASTER, the first byte is not '$' (we received '${printable(line)}')`)
      return
    }
    log.info('MASTER <-> REPLICA sync: Loading DB in memory')
    this.#load = this.#host.beginLoad()
  }

  #readPayload(chunk: Buffer): Buffer | null {
    const payload = this.#payload!
    const { env } = this.#host
    const beganAt = env.monotonic()
    try {
      const rest = payload.take(chunk, (bytes) => {
        this.syncReadBytes += bytes.length
        this.#load!.write(bytes)
      })
      this.#young.worked(env.monotonic() - beganAt)
      if (!payload.whole) return null
      this.#load!.commit()
      this.#load = null
      this.#becomeLoaded(payload.mark !== null)
      return rest
    } catch (error) {
      this.#fail(`Failed trying to load the MASTER synchronization DB: ${(error as Error).message}`, error as Error)
      return null
    }
  }

  #becomeLoaded(acknowledgeNow: boolean): void {
    const { stream, env } = this.#host
    this.#payload = null
    if (this.#announced === null) {
      stream.history.becomeNew()
      stream.history.forgetPast()
    } else stream.history.becomeCopy(this.#announced.replid, this.#announced.offset)
    this.#resumable = this.#announced !== null
    stream.reopen(this.#host.config().backlogBytes)
    this.#host.disconnectReplicas()
    this.#host.resetApply()
    this.#becomeConnected()
    env.log.info('MASTER <-> REPLICA sync: Finished with success')
    if (acknowledgeNow) this.acknowledge()
  }

  #becomeConnected(): void {
    this.#retryMs = FIRST_RETRY_MS
    this.#become('connected')
  }

  #apply(chunk: Buffer): void {
    const { history } = this.#host.stream
    try {
      this.#host.apply(chunk)
      if (this.#isAsked) this.acknowledge()
      this.#isAsked = false
    } catch (error) {
      if (error instanceof StoreError && error.code === 'UNKNOWN_COMMAND') {
        this.#giveUp(error)
        return
      }
      const again = this.#failedAt === history.offset
      this.#failedAt = history.offset
      if (again) this.#resumable = false
      const next = again ? 'asking for a full resync' : 'asking for the same bytes again'
      this.#fail(
        `The stream from MASTER cannot be applied at offset ${history.offset}: ${(error as Error).message}; ${next}`,
        error as Error,
      )
    }
  }
}

/** Cuts the snapshot out of the bytes that come: by its length, or by the mark behind it. */
class Payload {
  readonly mark: Buffer | null
  whole = false
  #left: number
  #tail: Buffer = Buffer.alloc(0)

  constructor(length: number, mark: Buffer | null) {
    this.#left = length
    this.mark = mark
  }

  /** Hands on what belongs to the snapshot; returns what came behind it. */
  take(chunk: Buffer, write: (bytes: Buffer) => void): Buffer {
    if (this.mark === null) {
      const bytes = chunk.subarray(0, this.#left)
      this.#left -= bytes.length
      if (bytes.length > 0) write(bytes)
      this.whole = this.#left === 0
      return chunk.subarray(bytes.length)
    }
    // The last 40 bytes may be the mark, or a part of it: they wait until more is there. Nothing comes behind the mark
    // before our ACK, so it is looked for at the end only.
    const joined = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    const keep = Math.min(EOF_MARK_LENGTH, joined.length)
    const body = joined.subarray(0, joined.length - keep)
    this.#tail = joined.subarray(joined.length - keep)
    if (body.length > 0) write(body)
    this.whole = this.#tail.equals(this.mark)
    return Buffer.alloc(0)
  }
}

/** A peer's line for the log: nothing but printable characters, and not many. */
function printable(line: string): string {
  return line.slice(0, 200).replace(/[^\x20-\x7e]/g, '?')
}
