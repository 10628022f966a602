// The store: the Map face on keyspace 0, and what goes on between stores: listening, following, promotion, events.

import { type Destination, destinationOf, type PrimaryAddress } from './address.js'
import { type Codec, type CodecName, ValueCodec } from './codec.js'
import type { ReplicaView } from './commands/command.js'
import type { Progress } from './commands/save.js'
import { Config } from './config/config.js'
import type { SettingName } from './config/directives.js'
import { verifyServer } from './digest-check.js'
import { Engine } from './engine/engine.js'
import { type Env, type Logger, systemEnv } from './env.js'
import { StoreError } from './errors.js'
import { Events, type StoreEvents } from './events.js'
import { Face, type FaceOptions } from './face.js'
import { Forwarding } from './forwarding.js'
import type { Change, Keyspace } from './keyspace/keyspace.js'
import type { Transport } from './link.js'
import { Listener, type ListenerOptions } from './listener.js'
import { Migrations } from './migration.js'
import { AppendOnlyFile } from './persistence/append-only-file.js'
import { type Disk, systemDisk } from './persistence/disk.js'
import { Folder } from './persistence/folder.js'
import { LoadPace } from './persistence/load-pace.js'
import { RdbFile } from './persistence/rdb-file.js'
import { PrimaryFace } from './primary-face.js'
import { encodeCommand } from './protocol/parser.js'
import type { Replica } from './replication/primary.js'
import type { LinkState } from './replication/replica.js'
import { PrimaryWatch, type SentinelsStatus, type WatchedPrimary } from './sentinels/watched-primary.js'
import { type TlsOptions, tcp } from './transports/tcp.js'
import { type Verdict, Verification } from './verification.js'

export interface StoreOptions<V> {
  /** How values become bytes. Default `native`: any value that structuredClone takes. */
  codec?: CodecName | Codec<V>
  /** Deep-freezes plain objects and arrays on `set`, so that a later change fails loudly. Default true. */
  freeze?: boolean
  /** Most keys, over all keyspaces; past it the least recently used goes. Default: no limit. */
  max?: number
  /** Most bytes that keys and values may take, about. Past it the least recently used go. Default: no limit. */
  maxMemory?: number
  /** Redis' directives by name, such as `{ 'repl-backlog-size': '64mb' }`, or a Config. */
  config?: Partial<Record<SettingName, string>> | Config
  /**
   * When a primary streams a command that this version does not know: `stop` the link, keep serving what is held and wait
   * for `replicaOf`, or `skip` it, which parts the data from the primary's. Default `stop`.
   */
  onUnknownCommand?: 'stop' | 'skip'
  /** On a replica: how long `store.primary` waits for an answer, and for what was done to arrive, ms. Default 10,000. */
  forwardTimeoutMs?: number
  /** Where the log goes: `console`, a pino logger. Default: nowhere. */
  log?: Logger
  /** Clock, timers and randomness; for tests on a virtual clock. */
  env?: Env
  /** How to reach the host and port that REPLICAOF names. Default: plain TCP. */
  dial?: (host: string, port: number) => Transport
  /** What SHUTDOWN from a client calls, with whether it asked to save or not to. Default: it is refused. */
  onShutdown?: (save: boolean | undefined) => void
  /** The file that CONFIG REWRITE from a client writes, by calling this. Default: it is refused, there is no file. */
  configFile?: { path: string; rewrite(): void }
}

export interface FileOptions {
  /** The folder. It is made if it is not there; the one that it is in has to be. */
  dir: string
  /** Ends the loading. */
  signal?: AbortSignal
  /** Hears how far the loading has come, as the event `progress` tells it later of saves. */
  onProgress?: (progress: Progress) => void
  /** For tests: a disk that fails. No lock is taken then. */
  disk?: Disk
}

export interface ListenOptions extends ListenerOptions {
  /** Default 6379; 0 lets the system choose. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  /** A Unix socket instead of a port. */
  path?: string
  tls?: TlsOptions
  /** Clients and replicas have to AUTH with it. It holds for all listeners of the store. */
  password?: string
}

export interface StoreStatus {
  role: 'primary' | 'replica'
  replid: string
  replid2: string
  offset: number
  secondOffset: number
  /** The link to the primary; `none` on a primary. */
  link: LinkState | 'none'
  /** Why the link is down for good, until `replicaOf` is called again; null while it is up or tried again. */
  stoppedBy: Error | null
  /** Commands of the primary that were skipped (`onUnknownCommand: 'skip'`), and how often each. */
  skippedCommands: Record<string, number>
  /** On a replica: milliseconds since the primary was last heard, whole seconds; -1 without a link. */
  lagMs: number
  replicas: ReplicaView[]
  /** The Sentinels that are asked for the primary; null: none are. */
  sentinels: SentinelsStatus | null
}

export interface FailoverOptions {
  /** The replica, as its primary reaches it: as `replicaOf` takes it. Default: the first that has everything. */
  to?: string | PrimaryAddress | Transport
  /** After `timeoutMs` it takes over though it has not everything: what it has not is lost. */
  force?: boolean
  /** How long it may take until it has everything. Default: as long as it takes. */
  timeoutMs?: number
  /** Gives the failover up. */
  signal?: AbortSignal
}

/** Everything that was written up to one moment. */
export interface Token {
  /** Which history: the id of the replication stream. */
  replid: string
  /** How far in it, in bytes. */
  offset: number
}

/** How long a replica may take to answer, if it is not said: it has to come to that place of the stream, and sum its data. */
const VERIFY_TIMEOUT_MS = 60_000

/** How long a write may take to arrive, if it is not said. */
const ARRIVAL_TIMEOUT_MS = 10_000

export class Store<V = unknown> extends Face<V> {
  /** The primary's Map face, with promises: on a replica its writes are done there, and are here when they resolve. */
  readonly primary: PrimaryFace<V>
  readonly #engine: Engine
  readonly #faces: Face<V>[]
  readonly #events: Events
  readonly #listeners = new Set<Listener>()
  readonly #env: Env
  readonly #verification: Verification<Replica>
  readonly #migrations: Migrations
  readonly #watch: PrimaryWatch
  readonly #forwarding: Forwarding
  #file: RdbFile | null = null
  #log: AppendOnlyFile | null = null
  #folder: Folder | null = null
  #closing: Promise<void> | null = null

  /**
   * A store with a file, `dump.rdb` in `dir` unless the directive dbfilename says otherwise: loads what is there. From then
   * on it is written by the save points (the directive `save`: after 3600 seconds if anything has changed, 300 if a hundred
   * things have, 60 if ten thousand), by `save`, and by `close`. One that is opened again goes on where it stood: its
   * replicas, or the primary that it follows next, need no full sync as long as their backlog reaches back that far. Throws
   * StoreError FILE, RDB, ABORTED, and LOCKED when another store has the folder.
   */
  static async open<V = unknown>(options: StoreOptions<V> & FileOptions): Promise<Store<V>> {
    const store = new Store<V>(options)
    await store.openFile(() => options.dir, { ...options, isFixed: true })
    return store
  }

  constructor(options: StoreOptions<V> = {}) {
    const env = options.env ?? systemEnv({ log: options.log })
    const config = options.config instanceof Config ? options.config : newConfig(options.config)
    if (options.maxMemory !== undefined) {
      config.assign('maxmemory', String(options.maxMemory))
      if (config.text('maxmemory-policy') === 'noeviction') config.assign('maxmemory-policy', 'allkeys-lru')
    }
    if (options.onUnknownCommand !== undefined) config.assign('on-unknown-command', options.onUnknownCommand)
    const engine = new Engine({
      env,
      config,
      maxEntries: options.max ?? 0,
      dial: options.dial ?? ((host, port) => tcp({ host, port })),
    })
    const faceOptions: FaceOptions<V> = { codec: new ValueCodec(options.codec), freeze: options.freeze ?? true }
    super(engine, 0, faceOptions)
    this.#engine = engine
    this.#env = env
    this.#events = new Events(env.log, (isObserved) => {
      engine.observed = isObserved
    })
    this.#verification = new Verification({
      env,
      get dataset() {
        return engine.dataset
      },
      replicas: () => engine.attached,
      mark: (text) => engine.stream.writeControl(encodeCommand(['PING', text])),
      answer: (json) => engine.link?.tell(['REPLCONF', 'hotspare-verify', json]),
    })
    engine.migration = this.#migrations = new Migrations(engine)
    this.#watch = new PrimaryWatch(engine, {
      follow: (transport) => this.#follow({ transport }),
      addresses: () => [...this.#listeners].map(({ address }) => address),
    })
    this.#faces = [this]
    for (let index = 1; index < config.number('databases'); index++) {
      this.#faces.push(new Face(engine, index, faceOptions))
    }
    this.#forwarding = new Forwarding(
      {
        env,
        get link() {
          return engine.link
        },
        get isClosed() {
          return engine.isClosed
        },
        reach: (place, timeoutMs) => engine.replication.arrivals.wait(place, { timeoutMs }),
      },
      options.forwardTimeoutMs ?? ARRIVAL_TIMEOUT_MS,
    )
    this.primary = new PrimaryFace({
      engine,
      forwarding: this.#forwarding,
      faceOf: (index) => this.db(index),
      index: 0,
    })
    const { onShutdown } = options
    if (onShutdown !== undefined) engine.farewell.onShutdown = ({ save }) => onShutdown(save)
    engine.configFile = options.configFile ?? null
    engine.events = {
      changed: (change, key, keyspace) => this.#changed(change, key, keyspace),
      link: (state, error) => {
        if (state === 'connected') this.#log?.followed()
        this.#forwarding.linkChanged()
        this.#events.emit('link', state, error)
      },
      role: (role) => this.#events.emit('role', role),
      synced: () => {
        this.#log?.replaced()
        this.#file?.replaced()
        this.#events.emit('sync')
      },
      marked: (text) => this.#verification.met(text),
      verified: (replica, json) => this.#verification.answered(replica, json),
      replica: ({ name, state }) => this.#events.emit('replica', { name, state }),
    }
  }

  /** @internal For the program and for tests. */
  get engine(): Engine {
    return this.#engine
  }

  /** The same face on another numbered keyspace. Throws RangeError past `databases`. */
  db(index: number): Face<V> {
    const face = this.#faces[index]
    if (face === undefined) throw new RangeError(`no keyspace ${index}: there are ${this.#faces.length}`)
    return face
  }

  get role(): 'primary' | 'replica' {
    return this.#engine.role
  }

  status(): StoreStatus {
    const { history, link, role } = this.#engine
    const lastIoSeconds = link?.lastIoSeconds ?? -1
    return {
      role,
      replid: history.replid,
      replid2: history.replid2,
      offset: history.offset,
      secondOffset: history.secondOffset,
      link: link?.state ?? 'none',
      stoppedBy: link?.stoppedBy ?? null,
      skippedCommands: Object.fromEntries(this.#engine.upstream.skipped),
      lagMs: lastIoSeconds < 0 ? -1 : lastIoSeconds * 1000,
      replicas: this.#engine.replicas(),
      sentinels: this.#watch.status,
    }
  }

  /** Lets clients and replicas in. Throws StoreError ADDRESS when the address cannot be had. */
  async listen(where: ListenOptions | Transport = {}): Promise<Listener> {
    this.#assertOpen()
    const isTransport = 'connect' in where
    const options: ListenOptions = isTransport ? {} : where
    const { host, port = 6379, path, tls, password } = options
    if (password !== undefined) this.#engine.config.assign('requirepass', password)
    const transport = isTransport ? where : path === undefined ? tcp({ host, port, tls }) : tcp({ path, tls })
    const listener = await Listener.open(this.#engine, transport, options)
    this.#listeners.add(listener)
    listener.closed = () => {
      this.#listeners.delete(listener)
      this.#choosePort()
    }
    this.#choosePort()
    return listener
  }

  /**
   * Follows a primary from now on, until `promote` or `close`; resolves when the first sync is through. A link that breaks
   * is made again, for ever. `signal` ends the waiting, not the following. With `sentinels`, they are asked who the primary
   * is, now and after every failover; it also resolves when that is this node itself. Throws StoreError ABORTED, CLOSED, INVALID.
   */
  async replicaOf(
    target: string | PrimaryAddress | WatchedPrimary | Transport,
    options: { signal?: AbortSignal } = {},
  ): Promise<void> {
    this.#assertOpen()
    options.signal?.throwIfAborted()
    this.#engine.replication.failover.assertIdle()
    if (typeof target === 'object' && 'sentinels' in target) this.#watch.begin(target)
    else {
      const destination = destinationOf(target)
      this.#watch.end()
      this.#follow(destination)
    }
    await this.#untilLinkIs('connected', options.signal)
  }

  /**
   * Compares what every replica holds with what this primary holds: one verdict for each, with the keys that differ. With
   * `repair`, a replica that differs gets a full resync. Stores are compared at one place of the stream, while writes go on,
   * in slices of about a millisecond. A real server is asked for its DEBUG DIGEST, over a connection of its own with the
   * directives masteruser and masterauth: it is `unknown` where that is not allowed, or where writes never pause, and
   * while both sides compute their digest nothing else happens in them. Throws StoreError INVALID on a replica, whose stream
   * is its primary's.
   */
  async verify(options: { repair?: boolean; timeoutMs?: number } = {}): Promise<Verdict[]> {
    this.#assertOpen()
    if (this.role === 'replica') throw new StoreError('INVALID', 'only a primary can verify its replicas')
    const timeoutMs = options.timeoutMs ?? VERIFY_TIMEOUT_MS
    const verdicts = await this.#verification.verify(timeoutMs)
    for (const verdict of verdicts) {
      if (verdict.replica.traits.ourId === '') await verifyServer(this.#engine, verdict, timeoutMs)
    }
    if (options.repair === true) {
      for (const { result, replica } of verdicts) if (result === 'different') this.#engine.reloadReplica(replica)
    }
    return verdicts.map(({ replica, ...verdict }) => ({ ...verdict, replica: replica.name }))
  }

  /** Becomes a primary: a new replid, the old one kept as replid2. On a primary it does nothing. */
  async promote(): Promise<void> {
    this.#assertOpen()
    this.#engine.replication.failover.assertIdle()
    this.#watch.end()
    this.#engine.promote()
  }

  /**
   * Hands the role of the primary to a replica, and follows it: nothing that was written is lost. Clients' writes wait
   * meanwhile, and are answered with READONLY; writes of this store's owner throw StoreError PAUSED. Until the target has everything this
   * node is the primary; then it is a replica that asks, again and again, the target to take over, until it has, or until
   * `signal`, FAILOVER ABORT or `close`. If nothing comes of it this node is the primary again, and it throws StoreError: INVALID (no such
   * replica, one is under way, this is a replica), TIMEOUT, REFUSED, LINK (the target was lost), ABORTED, CLOSED.
   */
  async failover({ to, force = false, timeoutMs = 0, signal }: FailoverOptions = {}): Promise<void> {
    this.#assertOpen()
    const { transport, ...login } = to === undefined ? {} : destinationOf(to)
    const target = transport === undefined ? null : { host: transport.host, port: transport.port, transport, ...login }
    await this.#engine.replication.failover.run({ to: target, force, timeoutMs }, signal)
  }

  /**
   * Waits until so many replicas have everything that was written here until now, and says how many do: fewer when
   * `timeoutMs` (default: no limit) is over before. Throws StoreError INVALID on a replica, ABORTED, CLOSED; and ReplyError UNBLOCKED
   * when this store becomes a replica meanwhile.
   */
  async wait(replicas: number, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<number> {
    this.#assertOpen()
    if (this.role === 'replica') throw new StoreError('INVALID', 'nobody acknowledges to a replica')
    const { timeoutMs = 0, signal } = options
    const { replication, history } = this.#engine
    return replication.acknowledgments.replicated(replicas, history.offset, { timeoutMs, signal })
  }

  /**
   * Resolves when reads are as good as they get: what was in files is loaded, and a replica is in step and has heard of its
   * primary lately. Throws StoreError ABORTED, CLOSED.
   */
  async ready(options: { maxLagMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    for (;;) {
      while (this.#engine.loading !== null) await this.#pause(10, options.signal)
      await this.#untilLinkIs('connected', options.signal)
      const { lagMs } = this.status()
      if (this.role === 'primary' || lagMs <= (options.maxLagMs ?? Number.POSITIVE_INFINITY)) return
      await this.#pause(10, options.signal)
    }
  }

  /**
   * The place after the last write that is here: on a primary what was just written, on a replica what has arrived. Plain
   * data, to be handed to whoever reads elsewhere: see `waitFor`. From the first one on a primary's changes are encoded, as
   * they are for a replica.
   */
  token(): Token {
    const { history, stream, config, role } = this.#engine
    if (role === 'primary') stream.open(config.number('repl-backlog-size'))
    return { replid: history.replid, offset: history.offset }
  }

  /**
   * Resolves when this node holds everything up to that place: read your own writes on a replica. Places of before a
   * failover, or of before the last sixteen, are understood. Throws StoreError TIMEOUT after `timeoutMs` (default 10 seconds);
   * HISTORY when the place is not in what is held here and cannot come any more: the write was lost in a failover, or nobody
   * here can know; ABORTED; CLOSED.
   */
  async waitFor(token: Token, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    this.#assertOpen()
    const { replid, offset } = token
    if (typeof replid !== 'string' || !Number.isSafeInteger(offset) || offset < 0) {
      throw new StoreError('INVALID', 'a token is what `token` gave: { replid, offset }')
    }
    const timeoutMs = options.timeoutMs ?? ARRIVAL_TIMEOUT_MS
    await this.#engine.replication.arrivals.wait({ replid, offset }, { timeoutMs, signal: options.signal })
  }

  /**
   * Writes all data to the file of a store that was opened with one. The old file stays until the new one is whole and on
   * the disk. Reads and writes go on meanwhile; the file holds what was there when this was called, or, if another save was
   * under way, when that was through. Throws StoreError FILE.
   */
  async save(): Promise<void> {
    if (this.#file === null) throw new StoreError('INVALID', 'a store without a folder has no file: see Store.open')
    await this.#file.save()
  }

  /**
   * Resolves when everything that was written until now is as safe as the directive `appendfsync` makes it: with `always` and
   * `everysec` it is on the disk, which takes until the end of this turn or up to about a second; with `no` the system has it.
   * Resolves at once without an append-only file. Throws StoreError FILE when the disk fails: what was written is held, and
   * may or may not be in the file. CLOSED: the store was closed or got a full sync before; ABORTED.
   */
  durable(options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.#engine.isClosed) return Promise.reject(new StoreError('CLOSED', 'the store is closed'))
    return this.#log === null ? Promise.resolve() : this.#log.durable(options.signal)
  }

  /**
   * Takes no more writes, waits until the replicas have everything, at most `drainMs`, frees every address, closes every
   * link, stops every timer. What is held stays readable. A store with a file saves what is not in it yet, unless `save` is
   * false. While a file is being loaded, it ends that, and nothing is saved. `drainMs` is what the directive shutdown-timeout
   * says, 10 seconds, unless given; and 0 on a virtual clock, which stands still while this is awaited.
   */
  close(options: { save?: boolean; drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close({ save = true, drainMs }: { save?: boolean; drainMs?: number }): Promise<void> {
    const engine = this.#engine
    const saves = save && engine.loading === null
    this.#verification.close()
    this.#migrations.close()
    this.#watch.end()
    this.#forwarding.close()
    engine.link?.stop()
    const timeoutMs = drainMs ?? (this.#env.isVirtual ? 0 : engine.config.number('shutdown-timeout') * 1000)
    if (timeoutMs > 0 && engine.farewell.mustWait) await engine.farewell.wait(timeoutMs)
    engine.close()
    try {
      await Promise.all([...this.#listeners].map((listener) => listener.close()))
      try {
        await this.#log?.close(save)
      } finally {
        await this.#file?.close()
        if (saves) await this.#file?.saveIfChanged()
      }
    } finally {
      this.#folder?.release()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  on<E extends keyof StoreEvents>(event: E, listener: StoreEvents[E]): this {
    this.#events.on(event, listener)
    return this
  }

  once<E extends keyof StoreEvents>(event: E, listener: StoreEvents[E]): this {
    this.#events.once(event, listener)
    return this
  }

  off<E extends keyof StoreEvents>(event: E, listener: StoreEvents[E]): this {
    this.#events.off(event, listener)
    return this
  }

  /** @internal For `open`, and for the program, whose folder may change. From now on clients are told that it is loading. */
  async openFile(
    dir: () => string,
    { signal, onProgress, disk, isFixed = false }: Omit<FileOptions, 'dir'> & { isFixed?: boolean } = {},
  ): Promise<void> {
    const engine = this.#engine
    const told = (progress: Progress): void => {
      onProgress?.(progress)
      this.#events.emit('progress', progress)
    }
    const pace = new LoadPace(engine, told, signal)
    const folder = new Folder({
      path: dir,
      isFixed,
      owner: engine,
      idle: () => Promise.allSettled([file.settled, log.settled]),
      moved: () => log.moved(),
      disk,
    })
    const log = new AppendOnlyFile(disk ?? systemDisk, dir, engine)
    const file = new RdbFile({
      folder: dir,
      owner: engine,
      disk,
      assertOurs: () => folder.assertOurs(),
      progress: (progress) => this.#events.emit('progress', progress),
    })
    engine.file = file
    try {
      await folder.enter()
      const isOn = engine.config.flag('appendonly')
      if (!isOn) await log.look()
      // Without an append-only file a snapshot that is there is its beginning: Redis would start with nothing.
      if (!isOn || !(await log.load(pace))) await file.load(pace)
      if (isOn) await log.begin()
      pace.end('done')
      engine.loaded()
      file.begin()
    } catch (error) {
      pace.end('failed')
      folder.release()
      await this.close({ save: false })
      throw error
    }
    this.#file = file
    this.#folder = folder
    this.#log = log
    engine.appendOnly = log
    engine.folder = folder
  }

  /** What INFO shows, and what our primary is told: the port of the listener that was opened first. */
  #choosePort(): void {
    const listeners = [...this.#listeners]
    this.#engine.port = listeners.find((listener) => listener.port !== undefined)?.port ?? 0
    this.#engine.replication.address = listeners.find((listener) => listener.port === undefined)?.address
  }

  #changed(change: Change, key: string, { index }: Keyspace): void {
    if (change === 'clear') this.#events.emit('clear', index)
    else if (change !== 'time') this.#events.emit(change, key, index)
  }

  #follow({ transport, username, password }: Destination): void {
    this.#engine.followTransport(transport, { username, password })
  }

  #untilLinkIs(wanted: LinkState, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const { state, stoppedBy } = this.#engine.link ?? {}
        if (this.#engine.isClosed) finish(() => reject(new StoreError('CLOSED', 'the store was closed')))
        else if (state === undefined || state === wanted) finish(resolve)
        else if (stoppedBy != null) finish(() => reject(stoppedBy))
      }
      const aborted = (): void =>
        finish(() => reject(new StoreError('ABORTED', 'the wait was aborted', { cause: signal?.reason })))
      const finish = (settle: () => void): void => {
        this.off('link', check).off('role', check)
        signal?.removeEventListener('abort', aborted)
        settle()
      }
      this.on('link', check).on('role', check)
      if (signal?.aborted) aborted()
      else {
        signal?.addEventListener('abort', aborted)
        check()
      }
    })
  }

  #pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#env.after(ms, () => {
        if (signal?.aborted) reject(new StoreError('ABORTED', 'the wait was aborted', { cause: signal.reason }))
        else if (this.#engine.isClosed) reject(new StoreError('CLOSED', 'the store was closed'))
        else resolve()
      })
    })
  }

  #assertOpen(): void {
    if (this.#engine.isClosed) throw new StoreError('CLOSED', 'the store is closed')
  }
}

/** A snapshot needs no fork here, so there is nothing to wait for before one is taken: the delay is off by default. */
function newConfig(directives: Partial<Record<SettingName, string>> | undefined): Config {
  return new Config({ 'repl-diskless-sync-delay': '0', ...directives })
}
