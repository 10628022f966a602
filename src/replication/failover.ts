// A coordinated failover: a primary hands its role to a replica that has everything, and becomes a replica of it. Nothing is
// lost: from the moment it begins nobody writes here, and the target has all that was written when it takes over.
//
//   no-failover --begin--> waiting-for-sync --the target has everything; or FORCE, and it took too long--> failover-in-progress
//      ^ ^ ^--abort, took too long--/                                                            |              |
//      | \---CONTINUE, FULLRESYNC: the target has taken over and we follow it -------------------/              |
//      \-----abort, any other answer: we take our role back, with a new id -------------------------------------/
//
// waiting-for-sync: we are the primary; writes wait. failover-in-progress: we are a replica whose link says
// `PSYNC <replid> <offset + 1> FAILOVER`, and tries until it is answered or the failover is aborted.
//
// Where it is told apart from Redis 7.0: when the link breaks between the request and its answer, the target may have taken over.
// Redis then takes its role back, and two primaries go on. Here it is asked again; and if it says that it is a primary
// by now, it is followed as such. And when the target is lost before that, and no time was given, it ends: Redis waits on.

import type { Env, Timer } from '../env.js'
import { ReplyError, StoreError } from '../errors.js'
import type { Transport } from '../link.js'
import type { Replica } from './primary.js'

export type FailoverState = 'no-failover' | 'waiting-for-sync' | 'failover-in-progress'

export interface Target {
  /** As INFO names the replica. */
  readonly host: string
  readonly port: number
  /** How to reach it, if not by host and port. */
  readonly transport?: Transport
  readonly username?: string
  readonly password?: string
}

export interface FailoverOrder {
  /** null: the first replica that has everything. */
  to: Target | null
  /** When the time is over the target takes over though it has not everything. */
  force: boolean
  /** How long the target may take to have everything; 0: as long as it takes. */
  timeoutMs: number
}

export interface FailoverHost {
  readonly env: Env
  replicas(): ReadonlySet<Replica>
  isReplica(): boolean
  isInStep(replica: Replica): boolean
  requestAcks(): void
  /** Writes wait from now on. */
  hold(): void
  /** They go on. */
  release(): void
  /** Becomes a replica of the target. */
  yieldTo(target: Target): void
  /** Becomes a primary again. */
  takeBack(): void
}

export class Failover {
  readonly #host: FailoverHost
  #state: FailoverState = 'no-failover'
  #order: FailoverOrder = { to: null, force: false, timeoutMs: 0 }
  /**
   * What the target was asked for: nothing yet; to take over; the same again, since it did not answer; or, since it is known
   * to have taken over, to go on as its replica.
   */
  #asked: 'not yet' | 'once' | 'again' | 'to go on' = 'not yet'
  #timer: Timer | null = null
  #isLookDue = false
  #done: (error?: Error) => void = () => {}

  constructor(host: FailoverHost) {
    this.#host = host
  }

  get state(): FailoverState {
    return this.#state
  }
  get isUnderWay(): boolean {
    return this.#state !== 'no-failover'
  }
  /** We are a replica, and our link asks the target to take over. */
  get isYielding(): boolean {
    return this.#state === 'failover-in-progress'
  }
  /** The stream gets no PINGs, which would move the offset (Redis 7.0: only with a timeout). */
  get isStill(): boolean {
    return this.#state === 'waiting-for-sync' && this.#order.timeoutMs > 0
  }

  /** Throws the ReplyError that refuses it. `done` is called once, when it is over; with the error when we stay primary. */
  begin(order: FailoverOrder, done: (error?: Error) => void = () => {}): void {
    const { env } = this.#host
    this.#assertPossible(order)
    this.#order = order
    this.#done = done
    this.#asked = 'not yet'
    this.#state = 'waiting-for-sync'
    env.log.info(`FAILOVER requested to ${this.#target}.`)
    if (order.timeoutMs > 0) this.#timer = env.after(order.timeoutMs, () => this.#tooLate())
    this.#host.hold()
    // Not from inside this call: what it wrote before, in the same transaction, goes into the stream at its end.
    env.soon(() => {
      this.#look()
      if (this.#state === 'waiting-for-sync') this.#host.requestAcks()
    })
  }

  /** As `begin`. Resolves when the target has taken over, rejects when it has not: StoreError, also for what is refused. */
  async run(order: FailoverOrder, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw new StoreError('ABORTED', 'the failover was given up', { cause: signal.reason })
    const aborted = (): void => this.abort(signal?.reason)
    const release = this.#host.env.hold() // somebody awaits this: the process stays until then
    try {
      await new Promise<void>((resolve, reject) => {
        this.begin(order, (error) => (error === undefined ? resolve() : reject(error)))
        signal?.addEventListener('abort', aborted)
      })
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error
      throw new StoreError('INVALID', error.message.replace(/^ERR /, ''), { cause: error })
    } finally {
      signal?.removeEventListener('abort', aborted)
      release()
    }
  }

  #assertPossible({ to, force, timeoutMs }: FailoverOrder): void {
    const replicas = this.#host.replicas()
    if (this.isUnderWay) throw new ReplyError('ERR FAILOVER already in progress.')
    if (this.#host.isReplica()) throw new ReplyError('ERR FAILOVER is not valid when server is a replica.')
    if (replicas.size === 0) throw new ReplyError('ERR FAILOVER requires connected replicas.')
    if (force && (timeoutMs === 0 || to === null)) {
      throw new ReplyError('ERR FAILOVER with force option requires both a timeout and target HOST and IP.')
    }
    if (to === null) return
    const replica = [...replicas].find((one) => isAt(one, to))
    if (replica === undefined) throw new ReplyError('ERR FAILOVER target HOST and PORT is not a replica.')
    if (replica.state !== 'online') throw new ReplyError('ERR FAILOVER target replica is not online.')
  }

  /** FAILOVER ABORT. Throws when there is none. */
  abort(cause?: unknown): void {
    if (!this.isUnderWay) throw new ReplyError('ERR No failover in progress.')
    this.#stay('ABORTED', 'Failover manually aborted', cause)
  }

  /** As `abort`, if there is one: the node is about to end. */
  giveUp(): void {
    if (this.isUnderWay) this.abort()
  }

  /** REPLICAOF and its like are refused meanwhile. */
  assertIdle(): void {
    if (this.isUnderWay) throw new ReplyError('ERR REPLICAOF not allowed while failing over.')
  }

  /** An ACK came, or a replica went. Not looked at from inside of what told it: the links of replicas may end then. */
  arrived(): void {
    if (this.#state !== 'waiting-for-sync' || this.#isLookDue) return
    this.#isLookDue = true
    this.#host.env.soon(() => {
      this.#isLookDue = false
      this.#look()
    })
  }

  #look(): void {
    if (this.#state !== 'waiting-for-sync') return
    const { to, timeoutMs } = this.#order
    const replicas = this.#host.replicas()
    for (const replica of replicas) {
      const isMeant = to === null ? replica.isReachable : isAt(replica, to)
      if (!isMeant || !this.#host.isInStep(replica)) continue
      this.#becomeInProgress(to ?? { host: replica.host, port: replica.traits.port }, 'is synced')
      return
    }
    // Nobody is let in meanwhile: who is gone stays away. With a time it ends by itself.
    const isGone = to === null ? replicas.size === 0 : ![...replicas].some((replica) => isAt(replica, to))
    if (isGone && timeoutMs === 0) this.#stay('LINK', 'Connection with the replica was lost')
  }

  #tooLate(): void {
    const { to, force } = this.#order
    if (force && to !== null) this.#becomeInProgress(to, 'time out exceeded')
    else this.#stay('TIMEOUT', 'Replica never caught up before timeout')
  }

  #becomeInProgress(to: Target, why: string): void {
    this.#timer?.cancel()
    this.#order = { ...this.#order, to }
    this.#state = 'failover-in-progress'
    this.#host.env.log.info(`FAILOVER to ${this.#target} ${why}, failing over.`)
    this.#host.yieldTo(to)
  }

  /** What the link's PSYNC says behind the offset. */
  ask(): string[] {
    if (!this.isYielding || this.#asked === 'to go on') return []
    this.#asked = this.#asked === 'not yet' ? 'once' : 'again'
    return ['FAILOVER']
  }

  /** The answer to PSYNC: what the link is to do. After `over` it is stopped. */
  answered(line: string, hasTakenOver: boolean): 'follow' | 'ask again' | 'over' {
    if (hasTakenOver) {
      this.#end()
      return 'follow'
    }
    if (this.#asked === 'once') {
      this.#stay('REFUSED', 'Failover target rejected psync request', line)
      return 'over'
    }
    // The answer to the first request was lost with its link, and it may have taken over: it has, if it is a primary, or stands in
    // another history than ours. It may also have trouble of its own by now. What it was given since is not to be lost.
    if (/can't be sent to a master|replid must match/.test(line)) this.#asked = 'to go on'
    return 'ask again'
  }

  /** The node closes. */
  close(): void {
    this.#timer?.cancel()
    if (!this.isUnderWay) return
    this.#state = 'no-failover'
    this.#finish(new StoreError('CLOSED', 'the store was closed'))
  }

  /** We are the primary still, or again. */
  #stay(code: 'ABORTED' | 'TIMEOUT' | 'REFUSED' | 'LINK', why: string, cause?: unknown): void {
    this.#host.env.log.info(`FAILOVER to ${this.#target} aborted: ${why}`)
    const target = this.#target
    if (this.isYielding) this.#host.takeBack()
    this.#end(new StoreError(code, `the failover to ${target} was given up: ${why}`, { cause }))
  }

  #end(error?: StoreError): void {
    this.#timer?.cancel()
    this.#state = 'no-failover'
    this.#host.release()
    this.#finish(error)
  }

  #finish(error?: StoreError): void {
    const done = this.#done
    this.#done = () => {}
    done(error)
  }

  get #target(): string {
    const { to } = this.#order
    return to === null ? 'any replica' : `${to.host}:${to.port}`
  }
}

function isAt({ host, traits }: Replica, to: Target): boolean {
  return host.toLowerCase() === to.host.toLowerCase() && traits.port === to.port
}
