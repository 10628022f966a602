// What a command is, and what its handler gets to work with. Handlers reach the engine only through the Server interface
// below, which the engine implements: so no command imports it.
//
// A handler changes the keyspace, calls `changed` if it did, and writes its reply. What goes into the stream is the
// request itself, unless the handler names its effects instead (absolute times, chosen members, final values).

import { type Arg, textOfArg } from '../bytes.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { Dataset } from '../keyspace/dataset.js'
import type { Keyspace } from '../keyspace/keyspace.js'
import type { Reply } from '../protocol/writer.js'
import type { Acknowledgments } from '../replication/acknowledgments.js'
import type { Failover } from '../replication/failover.js'
import type { History } from '../replication/history.js'
import type { AppendOnly } from './append-only.js'
import type { Channels } from './channels.js'
import type { Client } from './client.js'
import type { LatencyMonitor } from './latency.js'
import type { LatencyHistogram } from './latency-histogram.js'
import type { Migration } from './migrate.js'
import type { Loading, SaveFile, ShutdownRequest } from './save.js'
import type { Slowlog } from './slowlog.js'
import type { Tracking } from './tracking.js'

export type Flag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'blocking'
  | 'loading'
  | 'stale'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'fast'
  | 'no_auth'
  | 'may_replicate'
  | 'touches_arbitrary_keys'
  | 'no_async_loading'
  | 'no_multi'
  | 'movablekeys'
  | 'allow_busy'
  | 'asking'
  | 'module'

export type Group =
  | 'string'
  | 'generic'
  | 'list'
  | 'hash'
  | 'set'
  | 'sorted-set'
  | 'stream'
  | 'bitmap'
  | 'hyperloglog'
  | 'geo'
  | 'connection'
  | 'server'
  | 'transactions'
  | 'replication'
  | 'pubsub'
  | 'scripting'
  | 'module'

/** The classes of keyspace events, as notify-keyspace-events names them: generic, string, list, set, hash, sorted set,
 * stream, expired, evicted, new key, key miss. */
export type EventClass = 'g' | '$' | 'l' | 's' | 'h' | 'z' | 't' | 'x' | 'e' | 'n' | 'm'

/** What a blocking command waits for. */
export interface Wait {
  keys: readonly string[]
  /** The type that a key must have to be of use; others do not wake the client. */
  type: 'list' | 'zset' | 'stream'
  /** The command also wants to run again when the key is gone, or of another type (XREADGROUP, whose group goes with it). */
  wakesOnDelete?: boolean
  /** 0: for ever. */
  timeoutMs: number
  /** What is run again, where that is not the request as it came (XREAD with `$`). */
  argv?: Arg[]
  /** What the client is answered when the time is over. */
  timedOut(reply: Reply): void
  /**
   * It is not for a key that the client waits, but for work outside of the engine (MIGRATE): it is begun when the call is
   * over. With `done`, to be called once and never from inside, the command runs again, whether the client is still there
   * or not. Nobody ends such a wait otherwise, unless it has `ended`.
   */
  work?: (done: () => void) => void
  /**
   * The wait for the work is over, however it ended: `done` is not to be called any more. With it the wait may end as any
   * other: when its time is over, by CLIENT UNBLOCK, when the client goes or the node becomes a replica.
   */
  ended?: () => void
}

/** Where the keys are: positions as COMMAND gives them, or a function for commands whose options say. */
export interface KeyPositions {
  first: number
  /** Negative: counted from the end. */
  last: number
  step: number
  /** Overrides the numbers: the indexes of the keys in argv. */
  find?: (argv: readonly Arg[]) => number[]
}

export type Handler = (ctx: Context, argv: Arg[]) => void

export interface CommandSpec {
  /** As Redis documents it, upper-case: `SET`, `CLIENT KILL`. */
  name: string
  /** Number of arguments with the name; negative: at least that many. */
  arity: number
  /** Arguments with the name that later versions of Redis take, where arity says a fixed number. */
  maxCount?: number
  /** Redis' flags, parted by spaces. */
  flags: string
  /** `1 1 1`: first, last, step. None: no keys. */
  keys?: string
  findKeys?: (argv: readonly Arg[]) => number[]
  group: Group
  since: string
  summary: string
  complexity?: string
  /** The arguments behind the name, in the notation of docs.ts. */
  syntax?: string
  run?: Handler
  subcommands?: Command[]
}

const BRIEF = new Set(
  (
    'get set setex psetex setnx getdel getex mget mset incr decr incrby decrby strlen exists ttl pttl expire pexpire ' +
    'persist type touch ping echo select hget hset hmget hexists hdel hlen hincrby sadd srem sismember scard lpush rpush ' +
    'llen rpoplpush lmove smove zadd zrem zscore zrank zrevrank zcard zincrby publish xadd xlen'
  ).split(' '),
)
/** The same, as long as nothing follows the key: what may follow is how many. */
const BRIEF_WITHOUT_COUNT = new Set('lpop rpop spop srandmember hrandfield zpopmin zpopmax zrandmember'.split(' '))
const FEW_ARGUMENTS = 8

export class Command {
  /** Lower-case; a subcommand's with its parent's: `client|kill`. */
  readonly name: string
  /** As in `spec.name`, the last word only, lower-case. */
  readonly word: string
  readonly arity: number
  readonly flags: ReadonlySet<Flag>
  readonly keys: KeyPositions | null
  readonly spec: CommandSpec
  readonly run: Handler
  readonly subcommands: ReadonlyMap<string, Command> | null
  // the flags that are asked for with each call
  readonly isWrite: boolean
  readonly deniesOom: boolean
  /** Never takes long with so many arguments, its name included: such calls are timed together (see timing.ts). */
  readonly briefArguments: number
  /** What it meets past its time is deleted key by key, not as one effect: SCAN and RANDOMKEY. */
  readonly touchesArbitraryKeys: boolean
  readonly #maxCount: number
  calls = 0
  microseconds = 0
  /** Null: no call was timed yet. */
  latency: LatencyHistogram | null = null
  rejectedCalls = 0
  failedCalls = 0

  constructor(spec: CommandSpec) {
    this.spec = spec
    this.name = spec.name.toLowerCase().replace(' ', '|')
    this.word = this.name.slice(this.name.indexOf('|') + 1)
    this.arity = spec.arity
    this.#maxCount = spec.maxCount ?? 0
    this.flags = new Set(spec.flags.split(' ').filter((flag) => flag !== '') as Flag[])
    const [first, last, step] = (spec.keys ?? '').split(' ').map(Number)
    this.keys = spec.keys === undefined ? null : { first, last, step, find: spec.findKeys }
    this.isWrite = this.flags.has('write')
    this.deniesOom = this.flags.has('denyoom')
    this.briefArguments = BRIEF.has(this.name) ? FEW_ARGUMENTS : BRIEF_WITHOUT_COUNT.has(this.name) ? 2 : 0
    this.touchesArbitraryKeys = this.flags.has('touches_arbitrary_keys')
    this.subcommands = spec.subcommands ? new Map(spec.subcommands.map((sub) => [sub.word, sub])) : null
    this.run = spec.run ?? (() => {})
  }

  acceptsCount(count: number): boolean {
    return this.arity >= 0
      ? count === this.arity || (count > this.arity && count <= this.#maxCount)
      : count >= -this.arity
  }

  /** The indexes of the keys in argv; empty when there are none. */
  keyIndexes(argv: readonly Arg[]): number[] {
    if (this.keys === null) return []
    if (this.keys.find !== undefined) return this.keys.find(argv)
    const { first, last, step } = this.keys
    const end = last < 0 ? argv.length + last : last
    const indexes: number[] = []
    for (let i = first; i <= end && i < argv.length; i += step) indexes.push(i)
    return indexes
  }
}

export function command(spec: CommandSpec): Command {
  return new Command(spec)
}

/** For `findKeys`: the keys behind the number of keys at `at`; none if the number makes no sense. */
export function numberedKeys(argv: readonly Arg[], at: number): number[] {
  const count = Number.parseInt(text(argv[at]), 10)
  if (!(count >= 1 && at + count < argv.length)) return []
  return Array.from({ length: count }, (_, i) => at + 1 + i)
}

/** What is counted from the start, for INFO. CONFIG RESETSTAT sets it back. */
export interface Stats {
  connections: number
  rejectedConnections: number
  commands: number
  hits: number
  misses: number
  expired: number
  evicted: number
  bytesIn: number
  bytesOut: number
  syncFull: number
  syncPartialOk: number
  syncPartialErr: number
  errors: Map<string, number>
  errorReplies: number
  peakMemory: number
}

export function freshStats(): Stats {
  return {
    connections: 0,
    rejectedConnections: 0,
    commands: 0,
    hits: 0,
    misses: 0,
    expired: 0,
    evicted: 0,
    bytesIn: 0,
    bytesOut: 0,
    syncFull: 0,
    syncPartialOk: 0,
    syncPartialErr: 0,
    errors: new Map(),
    errorReplies: 0,
    peakMemory: 0,
  }
}

/** A replica that is attached to us, as INFO and ROLE show it. */
export interface ReplicaView {
  host: string
  port: number
  state: 'wait_bgsave' | 'send_bulk' | 'online'
  /** A snapshot is being taken and sent to it. */
  isSentSnapshot: boolean
  offset: number
  /** Seconds since its last ACK. */
  lagSeconds: number
}

/** Our link to our primary, as INFO and ROLE show it. */
export interface PrimaryView {
  host: string
  port: number
  /** `connect`, `connecting`, `sync`, `connected`: ROLE's words; `handshake` while one is spoken. */
  state: 'connect' | 'connecting' | 'handshake' | 'sync' | 'connected'
  up: boolean
  /** It is not tried again by itself: the primary streamed what is not known here. */
  isStopped: boolean
  lastIoSeconds: number
  /** Of a sync under way: bytes read so far; -1 while the whole is not known. */
  syncReadBytes: number
  syncTotalBytes: number
  syncLastIoSeconds: number
  downSeconds: number
}

/** The engine, as far as a command may know it. */
export interface Server {
  readonly env: Env
  readonly config: Config
  readonly commands: ReadonlyMap<string, Command>
  readonly clients: ReadonlyMap<number, Client>
  readonly stats: Stats
  readonly history: History
  readonly dataset: Dataset
  readonly role: 'primary' | 'replica'
  readonly runId: string
  readonly startedAt: number
  /** Changes since the last save, for INFO. */
  readonly changesSinceSave: number
  /** When the data was last written to a file, or the start: LASTSAVE. Ms since 1970. */
  readonly lastSaveAt: number
  /** The file that SAVE writes; null for a store in memory only. */
  readonly file: SaveFile | null
  /** The append-only file; null for a store in memory only. */
  readonly appendOnly: AppendOnly | null
  /** How far the stream is in that file and forced to the disk: see engine/durability.ts. */
  readonly durability: { readonly offset: number; on(changed: () => void): () => void }
  /** The folder of the files; null for a store in memory only. See persistence/folder.ts. */
  readonly folder: { prepare(dir: string, done: (error?: Error) => void): void; unprepare(): void } | null
  /** Sends keys to other servers; null where nothing can be connected to. */
  readonly migration: Migration | null
  /** Takes all data through the bytes of a snapshot and back (DEBUG RELOAD). */
  reload(): void
  /** What is known of the file that is being loaded at the start; null when there is none, or no more. */
  readonly loading: Loading | null
  /** The configuration file, and what writes it anew; null when the node was started without one. */
  readonly configFile: { readonly path: string; rewrite(): void } | null
  /** The active expiry may be turned off (DEBUG SET-ACTIVE-EXPIRE). */
  activeExpire: boolean
  /** TCP port that clients reach us at; 0 when there is none. */
  readonly port: number

  /** Who follows whom, what waits for replicas, and failover. */
  readonly replication: {
    readonly acknowledgments: Acknowledgments
    readonly failover: Failover
    /** PSYNC and SYNC: the client becomes a replica's link. `wanted` counts as PSYNC does; replid `?` asks for all. */
    attach(client: Client, replid: string, wanted: number, isSync: boolean): void
    /** REPLCONF ACK; with FACK, how much of it is on the replica's disk. */
    acknowledge(client: Client, offset: number, fsyncedOffset?: number): void
    /** Replicas that acknowledged within so many seconds. */
    goodReplicas(maxLagSeconds: number): number
    /** REPLCONF GETACK from our primary: an ACK is due at once. */
    acknowledgeNow(): void
  }
  replicas(): ReplicaView[]
  primary(): PrimaryView | null
  backlog(): { active: boolean; sizeBytes: number; firstByte: number; lengthBytes: number }

  /** Follows that primary from now on: REPLICAOF. */
  follow(host: string, port: number): void
  /** REPLICAOF NO ONE; `why` is for the log. */
  promote(why?: string): void
  /** REPLCONF hotspare-verify: a replica's checksums. */
  verified(client: Client, json: string): void

  /** Runs a command of a transaction within the call that is under way. */
  callQueued(client: Client, command: Command, argv: Arg[]): void
  /** Several effects from here to `end` are one for replicas. */
  beginTransaction(): void
  endTransaction(): void

  /** Ends a client's waiting, with what its command answers when its time is over, or with an error. Whether it waited. */
  unblock(client: Client, error?: string): boolean
  /** Clients that wait, for a key or for the end of a pause. */
  readonly blockedClients: number
  /** `signal`: those who wait for this key are to look at it, though it is not new: see engine/blocking.ts. */
  readonly blocking: { signal(db: number, key: string): void }
  /** CLIENT PAUSE: requests wait until then, in ms since 1970; those that may write, or all. */
  readonly pause: { begin(until: number, kind: 'write' | 'all'): void; end(): void }
  readonly timing: { readonly slowlog: Slowlog; readonly latency: LatencyMonitor }
  /** Who subscribes to what. */
  readonly channels: Channels
  readonly tracking: Tracking
  /** As Context.notify, for a keyspace by number. */
  notify(eventClass: EventClass, event: string, key: string, db: number): void

  watch(client: Client, key: string): void
  unwatch(client: Client): void
  /** Whether the time of a watched key has passed since it was watched: then EXEC answers nil, though nobody wrote. */
  hasExpiredWatch(client: Client): boolean
  flush(index: number): number
  flushAll(): number
  swap(a: number, b: number): void
  /** A random name for the stream when nothing else was written: DEBUG CHANGE-REPL-ID. */
  changeReplid(): void
  /** MONITOR turns it on, RESET off. */
  setMonitor(client: Client, on: boolean): void
  readonly farewell: {
    /**
     * The program ends; `failed` is called if it does not after all. Throws when nothing can end it (a store inside a
     * service).
     */
    ask(request: ShutdownRequest, failed: () => void): void
    /** SHUTDOWN ABORT: whether there was one to give up. */
    abort(): boolean
  }
  /** Looks a command up by its words, subcommands included. */
  lookup(argv: readonly Arg[]): Command | undefined
}

/** One call of a command. The engine has one of these and fills it anew for each call. */
export interface Context {
  readonly server: Server
  readonly client: Client
  readonly reply: Reply
  /** The client's keyspace. */
  readonly db: Keyspace
  /** The time of this call, ms since 1970; the same throughout a transaction. */
  readonly now: number
  /** The request comes from our primary's stream: it is applied as it stands, without checks that a primary made. */
  readonly fromPrimary: boolean
  /**
   * `count` changes were made: the request, or the effects named instead, goes into the stream. With 0 it goes there
   * although nothing changed here (FLUSHALL).
   */
  changed(count?: number): void
  /** Instead of the request, this goes into the stream. Several calls: several commands, as one transaction. */
  effect(...argv: (Arg | number)[]): void
  /** Nothing of this call goes into the stream. */
  noEffect(): void
  /** Tells subscribers of keyspace events, if that class is asked for. To be called after the change. */
  notify(eventClass: EventClass, event: string, key: string): void
  /** Whether this call may wait: not in a transaction, in the primary's stream or for the store's owner. */
  readonly mayBlock: boolean
  /** A client that waited runs its command again because of this key, and may be served from it only. */
  readonly readyKey: string | undefined
  /**
   * Lets the client wait: the handler returns without a reply, and runs again when one of the keys was changed. Only if
   * `mayBlock`. What a served client took is named by `effect` as its form that does not wait (LPOP for BLPOP).
   */
  block(wait: Wait): void
}

// What handlers ask of their arguments. Each throws the ReplyError that Redis 7.0 gives.

const INTEGER = /^(?:0|-?[1-9][0-9]*)$/
export const INT32_MAX = 2 ** 31 - 1
export const INT32_MIN = -(2 ** 31)
export const INT64_MAX = 2n ** 63n - 1n
export const INT64_MIN = -(2n ** 63n)

/** A key, member or option. */
export function text(arg: Arg): string {
  return typeof arg === 'string' ? arg : textOfArg(arg)
}

/** An option's name in upper case, for comparing. */
export function option(arg: Arg): string {
  return text(arg).toUpperCase()
}

/** A 64-bit integer in Redis' strict form (no spaces, plus signs or leading zeros), or undefined. */
export function parseInteger(arg: Arg): bigint | undefined {
  const digits = text(arg)
  if (digits.length > 20 || !INTEGER.test(digits)) return undefined
  const value = BigInt(digits)
  return value < INT64_MIN || value > INT64_MAX ? undefined : value
}

export function bigInteger(arg: Arg): bigint {
  const value = parseInteger(arg)
  if (value === undefined) throw replyErrors.notInteger()
  return value
}

/** An integer that a JS number holds exactly. */
export function integer(arg: Arg): number {
  const digits = text(arg)
  const value = digits.length < 16 && INTEGER.test(digits) ? Number(digits) : Number(bigInteger(arg))
  if (!Number.isSafeInteger(value)) throw replyErrors.outOfRange()
  return value
}

/** An integer between two bounds, themselves included. */
export function integerBetween(arg: Arg, min: number, max: number): number {
  const value = bigInteger(arg)
  if (value < min || value > max)
    throw new ReplyError(`ERR value is out of range, value must between ${min} and ${max}`)
  return Number(value)
}
