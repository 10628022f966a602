// The append-only file of a store, as Redis 7 lays it out: a folder with a manifest, a base (all data at one moment, as an RDB
// file) and increments (the stream's bytes since then). Here is what happens to the set of files: it is loaded, begun,
// written anew beside other work, and ended. How bytes get into the last increment is in aof-log.ts.
//
//   off --turned on--> starting --first base is whole--> on --turned off--> off
//   on --full sync from a primary, or a sync that failed--> starting       (the old set stays until the new one is whole)

import type { AppendOnly } from '../commands/append-only.js'
import type { Engine } from '../engine/engine.js'
import type { Timer } from '../env.js'
import { StoreError } from '../errors.js'
import { AofFolder } from './aof-folder.js'
import { AofLog, type OpenIncrement } from './aof-log.js'
import { Unwanted, writeBase } from './aof-rewrite.js'
import type { Disk } from './disk.js'
import { notDurable, untilDurable } from './durable.js'
import type { LoadPace } from './load-pace.js'

/** The engine, as far as the file needs it. */
export type AofOwner = Pick<
  Engine,
  | 'env'
  | 'config'
  | 'dataset'
  | 'history'
  | 'stream'
  | 'upstream'
  | 'images'
  | 'clients'
  | 'link'
  | 'beforeReply'
  | 'changesSinceSave'
  | 'durability'
>

const EVERY_MS = 1000
/** From that many failures in a row on, a rewrite that nobody asked for waits: 1 minute, 2, 4, at most 60 (Redis 7). */
const FAILURES_BEFORE_WAIT = 3
const MAX_WAIT_MINUTES = 60
const MAX_WAIT_SECONDS = 60

export class AppendOnlyFile implements AppendOnly {
  readonly #owner: AofOwner
  readonly #disk: Disk
  readonly #folder: AofFolder
  #state: 'off' | 'starting' | 'on' | 'closed' = 'off'
  #log: AofLog | null = null
  /** Another one: what is under way belongs to a set of files that is not wanted any more. */
  #generation = 0
  #rewriteBeganAt: number | null = null
  #settled: Promise<void> = Promise.resolve()
  #lettingGo: Promise<unknown> = Promise.resolve()
  #tick: Timer | null = null
  /** Of the files that are not written to. */
  #closedBytes = 0
  baseBytes = 0
  isScheduled = false
  lastRewriteFailed = false
  lastRewriteSeconds = -1
  rewrites = 0
  failedInARow = 0
  #mayTryAt = 0
  fault: string | null = null
  delayedBefore = 0

  /** `dir` is asked for each time: CONFIG SET may change it. */
  constructor(disk: Disk, dir: () => string, owner: AofOwner) {
    this.#owner = owner
    this.#disk = disk
    this.#folder = new AofFolder(disk, dir, owner)
    owner.config.on('appendonly', (value) => {
      if (value === 'yes') this.#turnOn()
      else this.#turnOff()
    })
    owner.config.on('appendfsync', () => this.#log?.policyChanged())
  }

  get isOn(): boolean {
    return this.#state === 'on' || this.#state === 'starting'
  }
  get isRewriting(): boolean {
    return this.#rewriteBeganAt !== null
  }
  get currentRewriteSeconds(): number {
    return this.#rewriteBeganAt === null ? -1 : this.#secondsSince(this.#rewriteBeganAt)
  }
  get currentBytes(): number {
    return this.#closedBytes + (this.#log?.increment?.bytes ?? 0)
  }
  get queuedBytes(): number {
    return this.#log?.queuedBytes ?? 0
  }
  get isSyncing(): boolean {
    return this.#log?.isSyncing ?? false
  }
  get delayedSyncs(): number {
    return this.delayedBefore + (this.#log?.delayedSyncs ?? 0)
  }

  // The start and the end

  /**
   * Loads what is there; false when there is no append-only file. `pace` cuts it into slices. Throws
   * StoreError AOF or RDB for what is damaged, with the file and the place, and FILE for what cannot be read.
   */
  async load(pace?: LoadPace): Promise<boolean> {
    return this.#folder.load(pace)
  }

  /** Learns which files are there, though they are off: what is begun later must not be given their names. */
  async look(): Promise<void> {
    await this.#folder.enter()
    await this.#folder.removeHistory()
  }

  /** Writes go into the file from now on. Comes back when all that is held is in it. */
  async begin(): Promise<void> {
    const folder = this.#folder
    const { base, increments } = folder.manifest
    if (base === null && increments.length === 0) {
      folder.enterNow()
      this.#state = 'starting'
      await this.#rewrite()
      if (this.fault !== null || this.lastRewriteFailed) {
        throw new StoreError('FILE', `cannot begin the append-only file: ${this.#lastError?.message}`, {
          cause: this.#lastError,
        })
      }
    } else {
      const open = await folder.openLast()
      const baseBytes = base === null ? 0 : (this.#disk.sizeNow(folder.pathOf(base.name)) ?? 0)
      this.baseBytes = baseBytes
      this.#closedBytes = folder.closedBytesNow(open.name)
      this.#attach(open)
      this.#becomeOn()
    }
    this.#everySecond()
  }

  /**
   * Everything is on the disk, and the file closed. A base that is missing, as after a full sync, is written first if
   * `finishes`: without it the files hold what was there before. Throws StoreError FILE when that cannot be.
   */
  async close(finishes = true): Promise<void> {
    const wasOn = this.isOn
    if (finishes && this.#state === 'starting') await this.#finishRewrite()
    const isMissing = finishes && this.#state === 'starting'
    const log = this.#log
    const settled = log === null || log.settle()
    this.#detach()
    this.#state = 'closed'
    this.#owner.durability.end()
    this.#tick?.cancel()
    this.#tick = null
    await this.#settled
    await log?.close()
    if (wasOn && (!settled || isMissing || this.fault !== null))
      throw new StoreError('FILE', `the append-only file does not hold everything: ${this.#lastError?.message}`, {
        cause: this.#lastError,
      })
  }

  /**
   * Resolves when what was written until now is as safe as the policy makes it. Throws StoreError FILE when the disk fails,
   * CLOSED when there is no more file to wait for, ABORTED.
   */
  durable(signal?: AbortSignal): Promise<void> {
    if (this.#state === 'off') return Promise.resolve()
    const { config } = this.#owner
    if (this.fault !== null) return Promise.reject(notDurable(this.#lastError))
    if (this.#state === 'on' && config.text('appendfsync') === 'no') {
      const log = this.#log!
      log.flush()
      if (log.fault === 'none') return Promise.resolve()
      return Promise.reject(notDurable(this.#lastError))
    }
    return untilDurable(this.#owner, signal)
  }

  #turnOn(): void {
    if (this.#state !== 'off') return
    this.#state = 'starting'
    this.#generation++
    this.rewrite()
    this.#everySecond()
  }

  #turnOff(): void {
    if (!this.isOn) return
    this.#log?.settle()
    this.#letGo()
    this.#state = 'off'
    this.fault = null
    this.#owner.durability.end()
  }

  #letGo(): void {
    const log = this.#log
    this.#detach()
    const { env } = this.#owner
    const closed = log?.close().catch((error: unknown) => env.log.warn(`closing the append-only file: ${error}`))
    this.#lettingGo = Promise.allSettled([this.#lettingGo, closed])
  }

  #detach(): void {
    this.#generation++
    this.#owner.stream.tap = null
    this.#owner.beforeReply = () => {}
    this.delayedBefore = this.delayedSyncs
    this.#log = null
  }

  // What happens to the node

  /** A full sync took the place of all data: what the files hold is of no use, and what comes now does not follow it. */
  replaced(): void {
    if (!this.isOn) return
    this.#log?.settle()
    this.#owner.durability.end()
    this.#restart()
  }

  /** The folder is another one: a whole set of files is begun there, and the old one stays as it is. */
  moved(): void {
    if (this.isOn) this.replaced()
  }

  /** Resolves when nothing is being written any more into files that are given up. */
  get settled(): Promise<unknown> {
    return Promise.allSettled([this.#settled, this.#lettingGo])
  }

  /** Our primary's stream goes on, in the keyspace in which it stands. */
  followed(): void {
    this.#log?.reposition(this.#owner.upstream.db)
  }

  #restart(): void {
    this.#letGo()
    this.#state = 'starting'
    this.rewrite()
  }

  #failed(kind: 'write' | 'sync', error: Error): void {
    const { env, config, clients, durability } = this.#owner
    this.fault = systemWords(error)
    this.#lastError = error
    const what = kind === 'write' ? 'Error writing to the AOF file' : 'Fail to fsync the AOF file'
    env.log.error(`${what}: ${this.fault}. Writes are refused until it can be written again.`)
    // What those clients wait for was done and is not on the disk: they may not hear that it is. Redis exits.
    if (config.text('appendfsync') === 'always') {
      for (const client of [...clients.values()]) if (client.kind === 'normal') client.close()
    }
    durability.fail(error)
    // After an fsync that failed nobody knows what of the file is there, and another that succeeds proves nothing.
    if (kind === 'sync') env.soon(() => this.isOn && this.#restart())
  }

  #lastError: Error | undefined

  // The rewrite

  rewrite(): void {
    if (this.isRewriting) {
      this.isScheduled = true
      return
    }
    const { env } = this.#owner
    this.#rewriteBeganAt = env.monotonic()
    // Not from inside a call: what it changed may not be in the stream yet.
    env.soon(() => {
      this.#settled = this.#rewrite()
    })
  }

  async #finishRewrite(): Promise<void> {
    if (!this.isRewriting) this.rewrite()
    while (this.isRewriting) {
      await new Promise<void>((resolve) => this.#owner.env.soon(resolve))
      await this.#settled
    }
  }

  async #rewrite(): Promise<void> {
    const { env } = this.#owner
    const beganAt = env.monotonic()
    this.#rewriteBeganAt = beganAt
    this.isScheduled = false
    this.rewrites++
    try {
      if (this.#state === 'closed') throw new Unwanted()
      env.log.info('Background append only file rewriting started')
      await this.#writeAnew()
      this.lastRewriteFailed = false
      this.failedInARow = 0
      env.log.info('Background AOF rewrite finished successfully')
    } catch (error) {
      if (error instanceof Unwanted) env.log.info(`Background AOF rewrite terminated: ${error.message}`)
      else this.#rewriteFailed(error as Error)
    }
    this.lastRewriteSeconds = this.#secondsSince(beganAt)
    this.#rewriteBeganAt = null
    if (this.isScheduled && this.#state !== 'closed') this.rewrite()
  }

  #rewriteFailed(error: Error): void {
    const { env, durability } = this.#owner
    this.lastRewriteFailed = true
    this.failedInARow++
    this.#lastError = error
    this.#mayTryAt = env.monotonic() + this.#waitMs()
    env.log.warn(`Background AOF rewrite terminated with error: ${error.message}`)
    if (this.#state === 'starting') durability.fail(error)
  }

  /** After a failure. Without a first base there is no file at all: that is tried again sooner. */
  #waitMs(): number {
    if (this.#state === 'starting') return Math.min(2 ** (this.failedInARow - 1), MAX_WAIT_SECONDS) * 1000
    if (this.failedInARow < FAILURES_BEFORE_WAIT) return 0
    return Math.min(2 ** (this.failedInARow - FAILURES_BEFORE_WAIT), MAX_WAIT_MINUTES) * 60_000
  }

  async #writeAnew(): Promise<void> {
    const folder = this.#folder
    const { images, env, config } = this.#owner
    await folder.enter()
    folder.makeNow()
    const how = this.#state
    if (how === 'on') {
      await this.#log?.syncBeside()
      if (this.#state !== 'on') throw new Unwanted()
      this.#rotate()
    } else if (how === 'starting') {
      if (this.#log !== null) this.#letGo()
      this.#attach(folder.beginTemporaryNow())
    }
    const generation = this.#generation
    const isWanted = (): boolean => generation === this.#generation
    // In the same turn as the increment begins: where the one ends, the other starts.
    const form = config.flag('aof-use-rdb-preamble') ? 'rdb' : 'commands'
    const snapshot = images.take(undefined, form)
    const temporary = folder.temporaryBase
    const options = { syncsOften: config.flag('aof-rewrite-incremental-fsync'), isWanted }
    const bytes = await writeBase(this.#disk, env, temporary, snapshot, options)
    if (!isWanted()) {
      await this.#disk.remove(temporary)
      throw new Unwanted()
    }
    if (how === 'starting' && !this.#log!.settle()) throw new Error(`its increment cannot be written: ${this.fault}`)
    const kept = how === 'off' ? null : folder.adoptNow(this.#log!.increment!)
    folder.installNow(kept, form)
    this.#closedBytes = bytes
    this.baseBytes = this.currentBytes
    if (how === 'starting') {
      this.#becomeOn()
      if (this.fault !== null) this.#recovered()
    }
    await folder.removeHistory()
  }

  /** The stream goes on in a new increment. */
  #rotate(): void {
    const log = this.#log!
    const { stream, link } = this.#owner
    const old = log.increment!
    if (!log.settle()) throw new Error(`the increment cannot be written: ${this.fault}`)
    const next = this.#folder.beginIncrementNow()
    this.#closedBytes += old.bytes
    log.turnTo(next)
    stream.forgetSelected()
    if (link !== null) this.followed()
    try {
      old.file.closeNow()
    } catch (error) {
      this.#owner.env.log.warn(`closing ${old.name}: ${error}`)
    }
  }

  /** The stream goes into that file from here on. */
  #attach(open: OpenIncrement): void {
    const { env, config, history, stream, link } = this.#owner
    const log: AofLog = new AofLog({
      env,
      history,
      policy: () => config.text('appendfsync'),
      stampsTime: () => config.flag('aof-timestamp-enabled'),
      sparesDisk: () => this.isRewriting && config.flag('no-appendfsync-on-rewrite'),
      failed: (kind, error) => {
        if (this.#log === log) this.#failed(kind, error)
      },
      recovered: () => {
        if (this.#log === log && this.#state === 'on') this.#recovered()
      },
      // Without its base an increment is nothing.
      synced: (position) => {
        if (this.#log === log && this.#state === 'on') this.#owner.durability.reach(position)
      },
    })
    log.turnTo(open)
    this.#log = log
    stream.tap = log
    stream.forgetSelected()
    if (link !== null) this.followed()
    this.#owner.beforeReply = () => log.flush()
  }

  #becomeOn(): void {
    this.#state = 'on'
    this.#owner.durability.reach(this.#log!.syncedPosition)
  }

  #recovered(): void {
    this.fault = null
    this.#owner.env.log.warn('AOF write error looks solved. Writes are taken again.')
  }

  #everySecond(): void {
    this.#tick ??= this.#owner.env.after(EVERY_MS, () => {
      this.#tick = null
      if (!this.isOn) return
      this.#everySecond()
      if (this.isRewriting || this.#owner.env.monotonic() < this.#mayTryAt) return
      if (this.#state === 'starting') this.rewrite()
      else if (this.fault === null && this.#hasGrown()) this.rewrite()
    })
  }

  #hasGrown(): boolean {
    const { config, env } = this.#owner
    const percentage = config.number('auto-aof-rewrite-percentage')
    if (percentage === 0 || this.currentBytes <= config.number('auto-aof-rewrite-min-size')) return false
    const growth = (this.currentBytes * 100) / (this.baseBytes || 1) - 100
    if (growth < percentage) return false
    env.log.info(`Starting automatic rewriting of AOF on ${Math.floor(growth)}% growth`)
    return true
  }

  // DEBUG LOADAOF

  reload(done: (error?: Error) => void): void {
    this.#owner.env.soon(() => {
      try {
        if (this.#state === 'starting') throw new Error('the file is being written for the first time')
        if (this.#state === 'on' && !this.#log!.settle()) throw new Error('what was written is not in the file')
        this.#folder.reloadNow()
        this.#owner.changesSinceSave = 0
        done()
      } catch (error) {
        done(error as Error)
      }
    })
  }

  #secondsSince(monotonic: number): number {
    return Math.floor((this.#owner.env.monotonic() - monotonic) / 1000)
  }
}

/** `ENOSPC: no space left on device, write` as strerror has it: `No space left on device`. */
function systemWords({ message }: Error): string {
  const words = /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message
  return words.charAt(0).toUpperCase() + words.slice(1)
}
