// The one door. Every command, whoever sends it, is executed here: looked up, checked, called, and what it changed is
// written to the stream. The Map face, the listener and the primary's stream all come in by `execute` (the face by a
// short cut for its hot paths that ends in the same journal).

import { type Arg, textOfArg } from '../bytes.js'
import { type AppendOnly, assertWritable } from '../commands/append-only.js'
import { Channels } from '../commands/channels.js'
import { Client, type ClientKind } from '../commands/client.js'
import {
  type Command,
  type EventClass,
  freshStats,
  type PrimaryView,
  type ReplicaView,
  type Server,
  type Stats,
} from '../commands/command.js'
import type { Loading, SaveFile } from '../commands/save.js'
import { commands, findCommand } from '../commands/table.js'
import { Tracking } from '../commands/tracking.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { assert, type ReplyError, replyErrors, StoreError } from '../errors.js'
import type { Dataset } from '../keyspace/dataset.js'
import type { Hash } from '../keyspace/hash.js'
import type { Change, Keyspace } from '../keyspace/keyspace.js'
import type { Link, Transport } from '../link.js'
import type { RequestParser } from '../protocol/parser.js'
import type { Reply, ReplyValue } from '../protocol/writer.js'
import { supplementOf } from '../rdb/supplement.js'
import { History } from '../replication/history.js'
import type { Replica } from '../replication/primary.js'
import type { LinkState } from '../replication/replica.js'
import type { SnapshotForm } from '../replication/snapshot-form.js'
import { Stream } from '../replication/stream.js'
import type { Snapshot } from '../snapshot.js'
import { Blocking } from './blocking.js'
import { Bounds } from './bounds.js'
import { Calls } from './calls.js'
import { Contents } from './contents.js'
import { Durability } from './durability.js'
import { Expirer } from './expirer.js'
import { Farewell } from './farewell.js'
import { Gate } from './gate.js'
import { Images } from './images.js'
import { Journal } from './journal.js'
import { Notifications } from './notifications.js'
import { OwnTimes } from './own-times.js'
import { Pause } from './pause.js'
import { type FollowOptions, Role } from './role.js'
import { Timing } from './timing.js'
import { Upstream } from './upstream.js'
import { type BacklogView, viewOfBacklog, viewOfLink } from './views.js'

export interface EngineOptions {
  env: Env
  config: Config
  /** Most keys in all keyspaces; 0: no limit. */
  maxEntries?: number
  /** How to reach the host and port that REPLICAOF names. */
  dial: (host: string, port: number) => Transport
}

/** What whoever owns the engine hears of. All are called after the fact and may do nothing. */
export interface EngineEvents {
  changed(change: Change, key: string, keyspace: Keyspace): void
  link(state: LinkState, error?: Error): void
  role(role: 'primary' | 'replica'): void
  replica(replica: Replica): void
  synced(): void
  /** Our primary, one of our own kind, wrote a PING with this text into the stream. Everything before it is applied. */
  marked(text: string): void
  /** A replica's answer to such a mark. */
  verified(replica: Replica, json: string): void
}

export class Engine implements Server {
  readonly env: Env
  readonly config: Config
  readonly commands = commands
  readonly clients = new Map<number, Client>()
  readonly monitors = new Set<Client>()
  readonly channels = new Channels()
  readonly tracking: Tracking
  readonly #notifications: Notifications
  readonly history: History
  readonly stream: Stream
  readonly runId: string
  readonly startedAt: number
  loading: Loading | null = null
  readonly stats: Stats = freshStats()
  changesSinceSave = 0
  file: SaveFile | null = null
  appendOnly: AppendOnly | null = null
  readonly durability = new Durability()
  folder: Server['folder'] = null
  /** Called before replies leave: what they acknowledge has to be in a file by then. */
  beforeReply: () => void = () => {}
  migration: Server['migration'] = null
  lastSaveAt: number
  configFile: Server['configFile'] = null
  events: Partial<EngineEvents> = {}
  port = 0
  readonly #role: Role
  readonly dial: (host: string, port: number) => Transport
  readonly upstream: Upstream
  readonly images: Images
  readonly #calls: Calls
  readonly #owner = {
    isPast: (expiresAt: number) => !this.upstream.isApplying && this.#journal.now > expiresAt,
    metExpired: (keyspace: Keyspace, key: string) => this.#metExpired(keyspace, key),
    metExpiredFields: (keyspace: Keyspace, key: string, hash: Hash) => this.#expirer.metFields(keyspace, key, hash),
    timesChanged: () => this.#expirer.timesChanged(),
    random: () => this.env.random(),
  }
  readonly contents: Contents
  readonly blocking: Blocking
  #nextClientId = 1
  readonly #gate: Gate
  readonly #journal: Journal
  readonly #expirer: Expirer
  readonly #bounds: Bounds
  readonly timing: Timing
  readonly pause: Pause
  readonly farewell: Farewell
  #closed = false

  constructor(options: EngineOptions) {
    const { env, config } = options
    const engine = this
    this.env = env
    this.config = config
    this.dial = options.dial
    this.startedAt = env.now()
    this.lastSaveAt = this.startedAt
    this.runId = env.randomHex(20)
    this.history = new History(env.randomHex)
    this.stream = new Stream(this.history)
    this.timing = new Timing(env, config)
    this.pause = new Pause(env, () => this.#expirer.arm())
    this.farewell = new Farewell({
      env,
      config,
      history: this.history,
      pause: this.pause,
      replicas: () => this.#role.primary.replicas,
      requestAcks: () => this.#role.primary.requestAcks(),
      endFailover: () => this.#role.failover.giveUp(),
    })
    this.contents = new Contents({
      owner: this.#owner,
      databases: config.number('databases'),
      note: (change, key, keyspace) => this.#journal.note(change, key, keyspace),
    })
    this.blocking = new Blocking({
      env,
      retry: (client, blocked, key) => this.#calls.retry(client, blocked, key),
      refuse: (client, blocked, error) => this.#calls.refuse(client, blocked, error),
      observeIfNeeded: () => this.contents.observeIfNeeded(),
      typeOf: (db, key) => this.dataset.keyspaces[db].typeOf(key),
    })
    this.contents.addWatcher(this.blocking)
    const observeIfNeeded = (): void => this.contents.observeIfNeeded()
    this.tracking = new Tracking({ env, config, clients: this.clients, observeIfNeeded })
    this.contents.addWatcher(this.tracking)
    this.#notifications = new Notifications({ config, channels: this.channels, observeIfNeeded })
    this.contents.addWatcher(this.#notifications)
    observeIfNeeded()
    this.upstream = new Upstream({
      env,
      config,
      history: this.history,
      connect: (reply, link) => this.connect({ kind: 'primary', reply, link }),
      disconnect: (client) => this.disconnect(client),
      execute: (client, argv, parser) => this.execute(client, argv, parser),
      lookup: (argv) => this.lookup(argv),
      relay: (chunk, start, end) => this.stream.relay(chunk, start, end),
      met: (argv) => {
        if (argv.length === 2 && this.link?.isOurs === true) this.events.marked?.(textOfArg(argv[1]))
      },
    })
    this.images = new Images({
      env,
      config,
      history: this.history,
      contents: this.contents,
      owner: this.#owner,
      streamDb: () => (this.#role.link === null ? this.stream.db : this.upstream.db),
      isStreamed: () => this.stream.active,
      replace: (fresh, streamDb) => {
        this.#replaceDataset(fresh)
        this.upstream.db = streamDb
      },
      synced: () => this.events.synced?.(),
      reopenStream: () => this.stream.reopen(config.number('repl-backlog-size')),
    })
    this.#role = new Role(this.#roleHost())
    const may = (): boolean => this.#role.link === null && !this.#closed && !this.pause.isStill && this.loading === null
    this.#gate = new Gate({
      config,
      link: () => this.#role.link,
      loading: () => this.loading,
      makeRoom: () => this.#bounds.makeRoom(),
      goodReplicas: (maxLagSeconds) => this.#role.goodReplicas(maxLagSeconds),
      unwatch: (client) => this.unwatch(client),
      assertFilesTakeWrites: () => assertWritable(this),
    })
    this.#journal = new Journal({
      stream: this.stream,
      now: () => env.now(),
      mayWrite: () => this.#role.link === null,
      settled: () => {
        this.#expirer.settle()
        this.blocking.serve()
      },
      tell: (change, key, keyspace) => this.events.changed?.(change, key, keyspace),
    })
    this.#expirer = new Expirer({
      env,
      get dataset() {
        return engine.dataset
      },
      mayExpire: may,
      watch: (work) => this.timing.watch('expire-cycle', work),
      expire: (keyspace, key) => void this.#remove(keyspace, key, 'expire'),
      isPast: this.#owner.isPast,
      write: (db, effect) => this.#journal.write(db, effect),
      notify: (eventClass, event, key, db) => this.notify(eventClass, event, key, db),
      changed: () => {
        if (this.#isHeard()) this.#journal.touch()
      },
    })
    this.contents.addWatcher(new OwnTimes(this, (keyspace, key) => void this.#remove(keyspace, key, 'expire')))
    this.#bounds = new Bounds(
      {
        env,
        config,
        contents: this.contents,
        call: () => this.stats.commands + this.changesSinceSave,
        mayEvict: may,
        watch: (work) => this.timing.watch('eviction-cycle', work),
        evict: (keyspace, key) => this.#remove(keyspace, key, 'evict'),
      },
      options.maxEntries ?? 0,
    )
    this.#calls = new Calls(this, {
      gate: this.#gate,
      journal: this.#journal,
      bounds: this.#bounds,
      blocking: this.blocking,
      pause: this.pause,
      timing: this.timing,
      assertOpen: () => this.#assertOpen(),
    })
  }

  get dataset(): Dataset {
    return this.contents.dataset
  }
  get role(): 'primary' | 'replica' {
    return this.#role.name
  }
  get isClosed(): boolean {
    return this.#closed
  }
  /** Milliseconds since 1970; stands still within a transaction. */
  get now(): number {
    return this.#journal.now
  }
  get replication(): Role {
    return this.#role
  }
  get link(): Role['link'] {
    return this.#role.link
  }

  // Clients

  connect(options: { kind: ClientKind; reply: Reply; link?: Link }): Client {
    const { kind, reply, link } = options
    const client = new Client({
      id: link === undefined ? 0 : this.#nextClientId++,
      kind,
      reply,
      link,
      now: this.env.now(),
      authenticated: kind !== 'normal',
    })
    if (link !== undefined) this.clients.set(client.id, client)
    return client
  }

  disconnect(client: Client): void {
    this.clients.delete(client.id)
    this.blocking.forget(client)
    this.pause.forget(client)
    this.contents.unwatch(client)
    this.monitors.delete(client)
    this.channels.unsubscribeAll(client)
    this.tracking.forget(client)
    this.#role.detach(client)
  }

  // Execution

  /** Runs one request and writes its reply, errors included. Nothing is thrown for what a client did wrong. */
  execute(client: Client, argv: Arg[], parser: RequestParser | null = null): void {
    this.#calls.execute(client, argv, parser)
  }

  /** Runs a command for the store's owner and returns its reply; an error reply is thrown. */
  call(argv: Arg[], db: number): ReplyValue {
    return this.#calls.callForOwner(argv, db)
  }

  lookup(argv: readonly Arg[]): Command | undefined {
    const command = findCommand(argv[0])
    if (command?.subcommands == null || argv.length < 2) return command
    return command.subcommands.get(textOfArg(argv[1]).toLowerCase())
  }

  callQueued(client: Client, command: Command, argv: Arg[]): void {
    this.#calls.callQueued(client, command, argv)
  }

  get isInTransaction(): boolean {
    return this.#journal.isOpen
  }

  beginTransaction(): void {
    this.#journal.enterTransaction()
  }

  endTransaction(): void {
    this.#journal.leave()
  }

  /** Forgets what a transaction that is being undone wanted to write and to tell. */
  discardPending(): void {
    this.#journal.discard()
  }

  // Expiry and eviction

  get activeExpire(): boolean {
    return this.#expirer.active
  }
  set activeExpire(active: boolean) {
    this.#expirer.active = active
  }

  /** To be called after a time was set outside of a call. */
  timesChanged(): void {
    this.#journal.touch()
  }

  /** What came from a file may expire from now on. */
  readonly loaded = (): void => this.#expirer.arm()

  /** Evicts until the data is within maxmemory; false when the policy finds no victim. A replica never evicts. */
  makeRoom(): boolean {
    return this.#bounds.makeRoom()
  }

  outOfMemory(): ReplyError {
    return replyErrors.oom()
  }

  /** A write outside of a call is over: the Map face's short cuts end here. */
  wrote(db: number, effect: readonly (Arg | number)[]): void {
    this.changesSinceSave++
    if (this.stream.active) this.#journal.write(db, effect)
    if (this.#notifications.isOn) this.#notifications.notifyEffect(db, effect)
    if (this.#bounds.hasMaxEntries) this.#bounds.keepWithinEntries()
    if (this.#isHeard()) this.#journal.touch()
  }

  /** Somebody has to hear of changes when the work is done: the store's owner, or clients that wait for a key. */
  #isHeard(): boolean {
    return this.contents.isObserved || this.blocking.isDue
  }

  /** Throws what a write by the store's owner is refused with. */
  assertWritable(): void {
    this.#assertOpen()
    if (this.#role.link !== null) throw replyErrors.readOnly()
    if (this.pause.mayHold) this.pause.assertOwnerMayWrite()
    assertWritable(this)
  }

  #assertOpen(): void {
    if (this.#closed || this.farewell.isUnderWay) throw new StoreError('CLOSED', 'the store is closed')
  }

  #remove(keyspace: Keyspace, key: string, why: 'expire' | 'evict'): boolean {
    if (!keyspace.delete(key, why)) return false
    if (why === 'expire') this.notify('x', 'expired', key, keyspace.index)
    else this.notify('e', 'evicted', key, keyspace.index)
    const lazy = this.config.flag(why === 'expire' ? 'lazyfree-lazy-expire' : 'lazyfree-lazy-eviction')
    if (why === 'expire') this.stats.expired++
    else this.stats.evicted++
    this.#journal.write(keyspace.index, [lazy ? 'UNLINK' : 'DEL', key])
    if (this.#isHeard()) this.#journal.touch()
    return true
  }

  #metExpired(keyspace: Keyspace, key: string): void {
    if (this.#role.link === null && !this.pause.isStill && this.contents.holds(keyspace)) {
      this.#remove(keyspace, key, 'expire')
    }
  }

  // Keyspaces

  flush(index: number): number {
    this.tracking.flushed()
    return this.contents.flush(index)
  }

  flushAll(): number {
    this.tracking.flushed()
    return this.contents.flushAll()
  }

  swap(a: number, b: number): void {
    this.contents.swap(a, b)
  }

  watch(client: Client, key: string): void {
    this.contents.watch(client, key)
  }

  unwatch(client: Client): void {
    this.contents.unwatch(client)
  }

  hasExpiredWatch(client: Client): boolean {
    return this.contents.hasExpiredWatch(client)
  }

  /** The owner wants to hear of each change; while nobody does, nothing is told. */
  set observed(observed: boolean) {
    this.contents.isObserved = observed
  }

  notify(eventClass: EventClass, event: string, key: string, db: number): void {
    if (this.#notifications.isOn) this.#notifications.notify(eventClass, event, key, db)
  }

  // Waiting

  get blockedClients(): number {
    return this.blocking.count + this.pause.count
  }

  unblock(client: Client, error?: string): boolean {
    const wait = client.blocked?.wait
    if (client.blocked === null || (wait?.work !== undefined && wait.ended === undefined)) return false
    // As in Redis 7.0, a call that somebody ended counts as failed, whatever it answers.
    if (error === undefined) client.blocked.command.failedCalls++
    this.blocking.release(client, error)
    return true
  }

  // Replication

  follow(host: string, port: number): void {
    this.followTransport(this.dial(host, port))
  }

  followTransport(transport: Transport, options: FollowOptions = {}): void {
    this.#assertOpen()
    // A node's name or a path may hold what the directive cannot.
    this.config.assign('replicaof', `${transport.host.replace(/\s/g, '_') || '_'} ${transport.port}`)
    this.blocking.releaseAll()
    this.#journal.flush() // inside a transaction: what it did so far was done as a primary
    this.#role.follow(transport, options)
    this.#expirer.arm()
  }

  promote(why?: string): void {
    this.config.assign('replicaof', 'no one')
    this.#role.promote(why)
    this.#expirer.arm()
  }

  verified(client: Client, json: string): void {
    const replica = this.#role.replicaOf(client)
    if (replica !== undefined) this.events.verified?.(replica, json)
  }

  /** Our replicas, for those who compare their data with ours. */
  get attached(): Replica[] {
    return [...this.#role.primary.replicas]
  }

  /** Sends a replica everything anew. */
  reloadReplica(replica: Replica): void {
    this.#role.primary.reload(replica)
  }

  replicas(): ReplicaView[] {
    return this.#role.replicas()
  }

  primary(): PrimaryView | null {
    const { link } = this.#role
    return link === null ? null : viewOfLink(link)
  }

  backlog(): BacklogView {
    return viewOfBacklog(this.stream.backlog, this.config.number('repl-backlog-size'))
  }

  changeReplid(): void {
    this.history.becomeNew()
  }

  beginRestore(about?: (name: string, value: string) => void): ReturnType<Images['beginRestore']> {
    return this.images.beginRestore(about)
  }

  reload(): void {
    this.images.reload()
  }

  takeSnapshot(form?: SnapshotForm): Snapshot {
    return this.images.take(form)
  }

  #replaceDataset(fresh: Dataset): void {
    this.contents.replace(fresh)
    this.tracking.flushed()
    this.#bounds.furnish(fresh)
    this.#expirer.arm()
    if (this.blocking.isDue) this.#journal.touch()
  }

  #roleHost(): ConstructorParameters<typeof Role>[0] {
    const engine = this
    return {
      env: this.env,
      config: this.config,
      stream: this.stream,
      runId: this.runId,
      get port() {
        return engine.port
      },
      isSaved: () => this.farewell.isReady,
      takeSnapshot: (form) => this.takeSnapshot(form),
      writeSupplement: (version) => {
        for (const { db, argv } of supplementOf(this.dataset, version)) this.#journal.write(db, argv)
      },
      beginLoad: () => this.images.beginLoad(),
      apply: (chunk) => {
        this.timing.pass()
        this.upstream.apply(chunk)
        this.timing.pass()
      },
      resetApply: () => this.upstream.reset(),
      pause: this.pause,
      durability: this.durability,
      yieldTo: ({ host, port, transport, ...login }) => this.followTransport(transport ?? this.dial(host, port), login),
      takeBack: () => this.promote('failover aborted'),
      counted: (what) => void this.stats[what]++,
      replicaChanged: (replica) => this.events.replica?.(replica),
      linkChanged: (state, error) => {
        this.upstream.linked(state === 'connected' ? (this.link?.connection ?? null) : null)
        this.events.link?.(state, error)
      },
      roleChanged: (role) => {
        this.contents.observeIfNeeded()
        this.events.role?.(role)
      },
    }
  }

  // The rest

  setMonitor(client: Client, on: boolean): void {
    client.monitor = on
    if (on) this.monitors.add(client)
    else this.monitors.delete(client)
  }

  close(): void {
    if (this.#closed) return
    assert(!this.#journal.isOpen, 'a store is not closed from inside a call')
    this.#closed = true
    this.pause.close()
    this.#expirer.arm()
    this.#role.close()
    for (const client of this.clients.values()) {
      this.blocking.forget(client)
      client.close()
    }
  }
}
