// The feeding side: replicas that hang on this node, whether it is a primary or a replica itself (a chain). Each is a
// cursor into the backlog and a state; nothing is buffered for it. It knows neither commands nor keyspaces: the host
// hands it snapshots.
//
//   attach --CONTINUE-----------------------------------------------> online
//      \---FULLRESYNC--> waiting --> sending --$EOF--> acknowledging --> online      ($<length>: sending --> online)
//   any state --link lost, timeout, fell out of the backlog--> gone

import type { Env, Timer } from '../env.js'
import type { Link } from '../link.js'
import { encodeCommand } from '../protocol/parser.js'
import type { SnapshotSource } from '../snapshot-pace.js'
import { type SnapshotForm, snapshotForm } from './snapshot-form.js'
import type { Stream } from './stream.js'
import { type Receiver, Transfer } from './transfer.js'

export interface PrimaryConfig {
  backlogBytes: number
  /** A primary without replicas keeps its backlog this long; 0: for ever. */
  backlogTtlSeconds: number
  pingSeconds: number
  timeoutSeconds: number
  syncDelaySeconds: number
  /** With so many replicas waiting a snapshot is taken at once; 0: any number waits. */
  syncMaxReplicas: number
  keyDelayMs: number
  /** How far a replica may lag behind before it is dropped: at once, or after `softSeconds`. 0: no limit. */
  output: { hardBytes: number; softBytes: number; softSeconds: number }
}

export interface PrimaryHost {
  readonly env: Env
  readonly stream: Stream
  config(): PrimaryConfig
  /** The data as it is now. */
  takeSnapshot(form: SnapshotForm): SnapshotSource
  /** What a snapshot of that version cannot carry is written into the stream. To whoever has it already it changes nothing. */
  writeSupplement(version: number): void
  /** The stream is not ours: no PING of our own goes into it, and its backlog is never freed. */
  isRelaying(): boolean
  /** The offset is to stand still: no PING goes into the stream. */
  isStill(): boolean
  counted(what: 'syncFull' | 'syncPartialOk' | 'syncPartialErr'): void
  /** A replica came, changed its state, or went. */
  replicaChanged(replica: Replica): void
}

export interface ReplicaTraits {
  port: number
  ip: string
  eof: boolean
  psync2: boolean
  /** `rdb-channel-repl`: Redis 8 and later. */
  rdbChannel: boolean
  /** As Valkey from 8 on announces it; empty: unknown. */
  version: string
  /** The run id of a replica of our own kind, which answers when its data is to be compared; empty: some other server. */
  ourId: string
  /** Wants the snapshot and nothing after it (`rdb-only`: redis-cli --rdb). */
  rdbOnly: boolean
  /** Wants a snapshot without keys (`rdb-filter-only ""`: redis-cli --replica). */
  noKeys: boolean
}

/** ACKs come every second: who was heard within two of them lags no longer than any replica does. */
const SHORTEST_LAG_MS = 2000

export type ReplicaState = 'waiting' | 'sending' | 'acknowledging' | 'online' | 'gone'

export class Replica {
  readonly link: Link
  readonly traits: Readonly<ReplicaTraits>
  state: ReplicaState = 'waiting'
  /** Stream position that is sent next. */
  position = 0
  /** The offset of its last ACK. */
  acknowledged = 0
  /** Since it came: before its first ACK it may not have heard by which id it goes on. */
  hasAcknowledged = false
  /** How much of that is in its append-only file and on its disk, as it said; -1: it keeps none, or did not say. */
  fsynced = -1
  /** When it was last heard of (monotonic ms). */
  heardAt: number
  /** The link took no more: wait for `drain`. */
  blocked = false
  overSoftSince: number | null = null
  /** Its snapshot on the way. Those who asked at the same time share one. */
  transfer: Transfer | null = null
  /** Asked by SYNC, which is answered by the snapshot alone. */
  readonly isSync: boolean
  /** While it waits for others to join it (repl-diskless-sync-delay). */
  delay: Timer | null = null

  constructor(link: Link, traits: ReplicaTraits, isSync: boolean, now: number) {
    this.link = link
    this.traits = traits
    this.isSync = isSync
    this.heardAt = now
  }

  /** As the log names it. */
  get name(): string {
    return this.traits.port === 0 ? this.link.remote : `${this.host}:${this.traits.port}`
  }

  get host(): string {
    if (this.traits.ip !== '') return this.traits.ip
    const colon = this.link.remote.lastIndexOf(':')
    return colon < 0 ? this.link.remote : this.link.remote.slice(0, colon)
  }

  /** It said at which port it listens, or hangs on a network without ports. */
  get isReachable(): boolean {
    return this.traits.port !== 0 || this.link.remote === this.host
  }
}

const PING = encodeCommand(['PING'])
const GETACK = encodeCommand(['REPLCONF', 'GETACK', '*'])
/** Written in one turn of the event loop, so many bytes do not wait for its end: the backlog would grow without bound. */
const TURN_BYTES = 1024 * 1024
/** So much replicas that catch up are sent in one turn, together, but each no less than a segment: 1 to 4 ms of system calls. */
const FEED_BYTES = 1024 * 1024
const MIN_SHARE_BYTES = 64 * 1024

export class Primary {
  readonly replicas = new Set<Replica>()
  /** Run ids, or names where there are none, of replicas that must not go on from where they are. */
  readonly #mustReload = new Set<string>()
  readonly #host: PrimaryHost
  #flushScheduled = false
  /** Stream position at which the end of the turn is not waited for. */
  #flushAt = 0
  #tick: Timer | null = null
  #pingedAt = 0
  /** The offset behind the last request for ACKs, and the one where the data before it ends. */
  #askedAt = -1
  #writtenAt = -1
  /** Since when there has been no replica (monotonic ms); for the backlog's time to live. */
  #aloneSince: number | null = null

  constructor(host: PrimaryHost) {
    this.#host = host
    host.stream.appended = () => this.#appended()
  }

  /** PSYNC. `wanted` is the number of the first byte asked for; replid `?` asks for everything. */
  attach(link: Link, traits: ReplicaTraits, replid: string, wanted: number, isSync: boolean): Replica {
    const { env, stream } = this.#host
    const replica = new Replica(link, traits, isSync, env.monotonic())
    env.log.info(`Replica ${replica.name} asks for synchronization`)
    const mustReload = this.#mustReload.delete(traits.ourId || replica.name)
    const continued = !isSync && !mustReload && this.#continue(replica, replid, wanted)
    this.replicas.add(replica)
    this.#aloneSince = null
    this.#startTicking()
    if (!continued) {
      if (!isSync && replid !== '?') this.#host.counted('syncPartialErr')
      this.#host.counted('syncFull')
      stream.open(this.#host.config().backlogBytes)
      env.log.info(`Full resync requested by replica ${replica.name}`)
      const { syncDelaySeconds, syncMaxReplicas } = this.#host.config()
      const begin = (): void => this.#begin(replica)
      const isEnough = syncMaxReplicas > 0 && this.#waitingWith(replica).length >= syncMaxReplicas
      if (traits.eof && syncDelaySeconds > 0 && !isEnough) replica.delay = env.after(syncDelaySeconds * 1000, begin)
      else env.soon(begin)
    }
    this.#host.replicaChanged(replica)
    return replica
  }

  /** Anything came over its link: a replica that loads a large snapshot sends newlines (Redis 7.0). */
  heard(replica: Replica): void {
    replica.heardAt = this.#host.env.monotonic()
  }

  acknowledge(replica: Replica, offset: number, fsynced = -1): void {
    this.heard(replica)
    replica.hasAcknowledged = true
    if (offset > replica.acknowledged) replica.acknowledged = offset
    if (fsynced > replica.fsynced) replica.fsynced = fsynced
    if (replica.state === 'acknowledging') this.#becomeOnline(replica)
  }

  /** The link has room again. */
  drained(replica: Replica): void {
    replica.blocked = false
    replica.heardAt = Math.max(replica.heardAt, replica.state === 'sending' ? this.#host.env.monotonic() : 0)
    if (replica.state === 'online') this.#scheduleFlush()
    else replica.transfer?.drained()
  }

  /** The link is gone. */
  detach(replica: Replica): void {
    if (!this.replicas.delete(replica)) return
    const { env } = this.#host
    env.log.info(`Connection with replica ${replica.name} lost.`)
    replica.state = 'gone'
    replica.delay?.cancel()
    replica.transfer?.leave(replica)
    replica.transfer = null
    if (this.replicas.size === 0) this.#aloneSince = env.monotonic()
    this.#scheduleFlush() // what was kept for it only is not needed any more
    // Not from inside of what ends it, as a full sync of our own: whoever hears of it may look at the data.
    env.soon(() => this.#host.replicaChanged(replica))
  }

  /** Sends a replica everything anew: its data is not what it should be. */
  reload(replica: Replica): void {
    this.#host.env.log.warn(`The data of replica ${replica.name} differs: it gets a full resync.`)
    this.#mustReload.add(replica.traits.ourId || replica.name)
    replica.link.destroy()
  }

  /** Closes every replica's link: their history is not ours any more, or they have to learn a new id. */
  disconnectAll(): void {
    this.#mustReload.clear()
    for (const replica of this.replicas) this.#end(replica)
  }

  /** The stream is ours from now on. Whoever followed the old primary needs the backlog to find its way to us. */
  becomeOwner(): void {
    this.#aloneSince = this.replicas.size === 0 ? this.#host.env.monotonic() : null
    this.#startTicking()
    this.disconnectAll()
  }

  /** Asks every replica for an ACK, through the stream. */
  requestAcks(): void {
    if (this.replicas.size === 0 || this.#host.isRelaying()) return
    this.#writtenAt = this.writtenOffset
    this.#host.stream.writeControl(GETACK)
    this.#askedAt = this.#host.stream.history.offset
  }

  /** Where the stream ends, but for requests for ACKs at its very end: the answer does not count that, and they are no data. */
  get writtenOffset(): number {
    const { offset } = this.#host.stream.history
    return offset === this.#askedAt ? this.#writtenAt : offset
  }

  /** It has acknowledged the whole stream, what asks for ACKs included, under the name that the stream has now. */
  isInStep(replica: Replica): boolean {
    return (
      replica.state === 'online' && replica.hasAcknowledged && replica.acknowledged >= this.#host.stream.history.offset
    )
  }

  /**
   * Replicas that are fed the stream and were heard within so many seconds, at least two. Redis counts whole seconds, and so for up
   * to one more.
   */
  goodReplicas(maxLagSeconds: number): number {
    const since = this.#host.env.monotonic() - Math.max(maxLagSeconds * 1000, SHORTEST_LAG_MS)
    let count = 0
    for (const { state, heardAt } of this.replicas) if (state === 'online' && heardAt >= since) count++
    return count
  }

  close(): void {
    // What was written in this turn of the event loop goes out, as far as the links take it.
    this.#feedAll(Number.POSITIVE_INFINITY)
    this.#tick?.cancel()
    this.#tick = null
    this.disconnectAll()
  }

  #continue(replica: Replica, replid: string, wanted: number): boolean {
    const { env, stream } = this.#host
    const { history, backlog } = stream
    if (replid === '?') return false
    if (!history.covers(replid, wanted)) {
      if (replid !== history.replid && replid !== history.replid2) {
        env.log.info(
          `Partial resynchronization not accepted: Replication ID mismatch (Replica asked for '${replid}', ` +
            `my replication IDs are '${history.replid}' and '${history.replid2}')`,
        )
      } else {
        env.log.info(
          `Partial resynchronization not accepted: Requested offset for second ID was ${wanted}, ` +
            `but I can reply up to ${history.secondOffset}`,
        )
      }
      return false
    }
    const position = wanted - 1
    if (backlog === null || position < backlog.start || position > backlog.end) {
      env.log.info(
        `Unable to partial resync with replica ${replica.name} for lack of backlog (Replica request was: ${wanted}).`,
      )
      if (backlog !== null && position < backlog.start) {
        env.log.warn(
          `A repl-backlog-size of ${backlog.end - position} would have sufficed for replica ${replica.name}.`,
        )
      }
      return false
    }
    replica.position = position
    replica.acknowledged = position
    replica.state = 'online'
    replica.link.send(replica.traits.psync2 ? `+CONTINUE ${history.replid}\r\n` : '+CONTINUE\r\n')
    env.log.info(
      `Partial resynchronization request from ${replica.name} accepted. ` +
        `Sending ${backlog.end - position} bytes of backlog starting from offset ${wanted}.`,
    )
    this.#host.counted('syncPartialOk')
    this.#scheduleFlush()
    return true
  }

  /** Those that wait for a snapshot such as this one gets, itself included. */
  #waitingWith(replica: Replica): Replica[] {
    const isRelaying = this.#host.isRelaying()
    const form = snapshotForm(replica.traits, isRelaying)
    return [...this.replicas].filter((one) => {
      if (one.state !== 'waiting' || one.transfer !== null || one.traits.eof !== replica.traits.eof) return false
      const other = snapshotForm(one.traits, isRelaying)
      return other.version === form.version && other.noKeys === form.noKeys
    })
  }

  /** The moment of the snapshot. Whoever waits for the same one gets it too (Redis: the diskless delay). */
  #begin(first: Replica): void {
    if (first.state !== 'waiting' || first.transfer !== null) return
    const { env, stream } = this.#host
    const { history } = stream
    const { eof } = first.traits
    const form = snapshotForm(first.traits, this.#host.isRelaying())
    const together = this.#waitingWith(first)
    env.log.info(
      `Starting BGSAVE for SYNC with target: ${eof ? 'replicas sockets' : 'a link that needs the length first'}`,
    )
    stream.forgetSelected()
    // Without capa eof the length comes first. Two snapshots of one moment: the first is only measured.
    const measured = eof ? null : this.#host.takeSnapshot(form)
    const host = {
      env,
      keyDelayMs: () => this.#host.config().keyDelayMs,
      begun: () => {
        for (const replica of together) if (replica.transfer === transfer) this.#becomeSending(replica)
      },
      sent: (replica: Receiver) => this.#sent(replica as Replica),
    }
    const transfer = new Transfer(host, together, this.#host.takeSnapshot(form), measured)
    for (const replica of together) {
      replica.delay?.cancel()
      replica.position = history.offset
      replica.transfer = transfer
      if (!replica.isSync) replica.link.send(`+FULLRESYNC ${history.replid} ${history.offset}\r\n`)
    }
    this.#supplement(form)
    transfer.begin()
  }

  /** The replica reads on in the stream from where it stood when the snapshot was taken: there the rest comes first. */
  #supplement({ version, noKeys }: SnapshotForm): void {
    if (version !== 'lowest' && !noKeys && !this.#host.isRelaying()) this.#host.writeSupplement(version)
  }

  #becomeSending(replica: Replica): void {
    replica.state = 'sending'
    this.#host.replicaChanged(replica)
  }

  #sent(replica: Replica): void {
    replica.transfer = null
    replica.heardAt = this.#host.env.monotonic()
    if (replica.traits.rdbOnly) {
      this.#host.env.log.info(`RDB transfer completed, rdb only replica (${replica.name}) should be disconnected asap`)
      replica.link.end()
    } else if (replica.traits.eof) replica.state = 'acknowledging'
    else this.#becomeOnline(replica)
  }

  #becomeOnline(replica: Replica): void {
    replica.state = 'online'
    this.#host.env.log.info(`Synchronization with replica ${replica.name} succeeded`)
    this.#host.replicaChanged(replica)
    this.#scheduleFlush()
  }

  #appended(): void {
    const { backlog } = this.#host.stream
    if (backlog === null) return
    if (!this.#flushScheduled) {
      this.#flushAt = backlog.end + TURN_BYTES
      this.#scheduleFlush()
    } else if (backlog.end > this.#flushAt) {
      this.#feedAll()
      this.#flushAt = backlog.end + TURN_BYTES
    }
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    this.#host.env.soon(() => {
      this.#flushScheduled = false
      this.#feedAll()
    })
  }

  /** Everyone gets what the backlog holds for them; then what nobody needs is forgotten. */
  #feedAll(shareBytes = Math.max(MIN_SHARE_BYTES, FEED_BYTES / this.replicas.size)): void {
    const { backlog } = this.#host.stream
    if (backlog === null) return
    let needed = backlog.end
    for (const replica of this.replicas) {
      if (replica.state === 'online') this.#feed(replica, shareBytes)
      const reads = replica.state !== 'gone' && (replica.state !== 'waiting' || replica.transfer !== null)
      if (reads && this.#withinLimits(replica)) {
        needed = Math.min(needed, replica.position)
      }
    }
    backlog.trim(needed)
  }

  /** Up to the end, or its share of the turn and then on in the next. */
  #feed(replica: Replica, shareBytes: number): void {
    const backlog = this.#host.stream.backlog!
    if (replica.position < backlog.start) {
      this.#drop(replica, 'it fell out of the backlog')
      return
    }
    const until = replica.position + shareBytes
    while (!replica.blocked) {
      const bytes = backlog.read(replica.position)
      if (bytes === undefined) return
      if (replica.position >= until) {
        this.#scheduleFlush()
        return
      }
      replica.position += bytes.length
      if (!replica.link.send(bytes)) replica.blocked = true
    }
  }

  #withinLimits(replica: Replica): boolean {
    const { env, stream } = this.#host
    const { backlogBytes, output } = this.#host.config()
    const { hardBytes, softBytes, softSeconds } = output
    const lagBytes = stream.history.offset - replica.position
    // As in Redis 7.0: a replica that goes on from the far end of the backlog would be dropped again and again.
    const allowedBytes = Math.max(hardBytes, backlogBytes)
    if (hardBytes > 0 && lagBytes > allowedBytes) {
      this.#drop(
        replica,
        `it lags ${lagBytes} bytes behind, ${allowedBytes} are allowed (a repl-backlog-size of ${lagBytes} would have kept it)`,
      )
      return false
    }
    if (softBytes === 0 || lagBytes <= softBytes) {
      replica.overSoftSince = null
      return true
    }
    replica.overSoftSince ??= env.monotonic()
    if (env.monotonic() - replica.overSoftSince < softSeconds * 1000) return true
    this.#drop(replica, `it has lagged over ${softBytes} bytes behind for ${softSeconds} s`)
    return false
  }

  #drop(replica: Replica, why: string): void {
    this.#host.env.log.warn(`Disconnecting replica ${replica.name}: ${why}`)
    this.#end(replica)
  }

  /** Not when the link tells so: until then it would be fed from another history, or a snapshot might begin. */
  #end(replica: Replica): void {
    replica.link.destroy()
    this.detach(replica)
  }

  #startTicking(): void {
    this.#tick ??= this.#host.env.after(1000, () => {
      this.#tick = null
      this.#everySecond()
    })
  }

  /** PING through the stream, newlines for those who wait, timeouts, and the backlog's time to live. */
  #everySecond(): void {
    const { env, stream } = this.#host
    const { pingSeconds, timeoutSeconds, backlogTtlSeconds } = this.#host.config()
    const now = env.monotonic()
    const mayPing = this.replicas.size > 0 && !this.#host.isRelaying() && !this.#host.isStill()
    if (mayPing && now - this.#pingedAt >= pingSeconds * 1000) {
      this.#pingedAt = now
      stream.writeControl(PING)
    }
    for (const replica of this.replicas) {
      replica.transfer?.dropStalled()
      if (replica.state === 'waiting') {
        replica.link.send('\n')
        replica.heardAt = now
      } else if (now - replica.heardAt > timeoutSeconds * 1000) {
        const phase = replica.state === 'online' ? 'streaming' : 'full'
        env.log.warn(`Disconnecting timedout replica (${phase} sync): ${replica.name}`)
        this.#end(replica)
      } else this.#withinLimits(replica)
    }
    const alone = this.#aloneSince
    if (alone !== null && backlogTtlSeconds > 0 && now - alone > backlogTtlSeconds * 1000 && !this.#host.isRelaying()) {
      env.log.info(`Replication backlog freed after ${backlogTtlSeconds} seconds without connected replicas.`)
      stream.free()
      this.#aloneSince = null
    }
    if (this.replicas.size > 0 || (this.#aloneSince !== null && backlogTtlSeconds > 0)) this.#startTicking()
  }
}
