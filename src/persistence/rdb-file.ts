// Snapshots as files. A file is written beside its place, forced to the disk, and then renamed into it: whoever looks finds
// the old one whole or the new one whole. Reading and writing leave the event loop free between slices of time.

import { dirname, join } from 'node:path'
import type { Progress, SaveFile } from '../commands/save.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import type { StoreError } from '../errors.js'
import { KEYS_PER_LOOK, readSlice, type SnapshotSource } from '../snapshot-pace.js'
import { type Disk, type DiskFile, fileError, systemDisk } from './disk.js'
import { LOOK_BYTES, type LoadPace } from './load-pace.js'
import { SavePoints } from './save-points.js'

/** A snapshot being taken: see Snapshot. */
interface Source extends SnapshotSource {
  readonly keys: number
  readonly keysWritten: number
  readonly bytesWritten: number
}

/** Where a file is read to: see Images.beginRestore. */
interface Target {
  readonly keys: number
  readonly keysPast: number
  write(chunk: Buffer): void
  commit(): void
}

/** The engine, as far as a file needs it. */
export interface FileOwner {
  readonly env: Env
  readonly config: Config
  readonly history: { readonly offset: number }
  changesSinceSave: number
  lastSaveAt: number
  takeSnapshot(): Source
  /** Takes what is read; `commit` puts it in the place of all data. */
  beginRestore(about: (name: string, value: string) => void): Target
}

export interface FileOptions {
  /** The folder. Asked for each time: CONFIG SET may change it. */
  folder: () => string
  owner: FileOwner
  /** Hears of progress: at the start, at the end, and every 100 ms in between. */
  progress?: (progress: Progress) => void
  /** Throws unless this folder may be written to. */
  assertOurs?: () => void
  disk?: Disk
}

const READ_BYTES = 256 * 1024
/** As Redis (rdb-save-incremental-fsync): else the last one has to wait for all that the system put off. */
const SYNC_BYTES = 4 * 1024 * 1024
const PROGRESS_MS = 100

const MISCONF =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may " +
  'modify the data set are disabled, because this instance is configured to report errors during writes if RDB ' +
  'snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.'

export class RdbFile implements SaveFile {
  readonly #owner: FileOwner
  readonly #options: FileOptions
  readonly #disk: Disk
  readonly #points: SavePoints
  /** Saves run one after the other. */
  #saving: Promise<void> = Promise.resolve()
  #waiting = 0
  /** The one under way: when it began (ms since 1970), and what it writes. */
  #current: { readonly startedAt: number; readonly source: Source } | null = null
  /** Where the file's data stand in the stream; -1 when there is no file yet, or it holds what was here before a full sync. */
  #offset = -1
  /** How often all data was replaced. */
  #replacements = 0
  saves = 0
  lastSaveFailed = false
  lastSaveSeconds = -1
  loadedKeys = 0
  loadedPastKeys = 0
  refusal: string | null = null

  constructor(options: FileOptions) {
    this.#options = options
    this.#disk = options.disk ?? systemDisk
    const owner = options.owner
    this.#owner = owner
    this.#points = new SavePoints({
      env: owner.env,
      config: owner.config,
      changes: () => owner.changesSinceSave,
      lastSaveAt: () => owner.lastSaveAt,
      file: this,
    })
    for (const name of ['stop-writes-on-bgsave-error', 'save'] as const) owner.config.on(name, () => this.#judge())
  }

  get path(): string {
    return join(this.#options.folder(), this.#owner.config.text('dbfilename'))
  }

  get isSaving(): boolean {
    return this.#waiting > 0
  }

  get currentSaveSeconds(): number {
    return this.#current === null ? -1 : Math.floor((this.#owner.env.now() - this.#current.startedAt) / 1000)
  }

  get saveProgress(): { keys: number; totalKeys: number } | null {
    const source = this.#current?.source
    return source === undefined ? null : { keys: source.keysWritten, totalKeys: source.keys }
  }

  /** Reads the file, if there is one. Throws StoreError RDB for what is damaged, FILE for what cannot be read, ABORTED, CLOSED. */
  async load(pace: LoadPace): Promise<void> {
    const { path } = this
    try {
      await this.#load(path, pace)
    } catch (cause) {
      throw fileError(`cannot load ${path}`, cause)
    }
  }

  /** Resolves when no save is under way any more that is now. */
  get settled(): Promise<void> {
    return this.#saving
  }

  /** The save points hold from now on. */
  begin(): void {
    this.#points.start()
  }

  /**
   * Writes what is held now; while another save is under way, what is held when that is through. Throws StoreError FILE, with
   * the system's error as cause; the old file is then untouched.
   */
  save(): Promise<void> {
    return this.#queue(() => this.#saveBeside())
  }

  saveLast(): Promise<void> {
    return this.#queue(() => this.#save())
  }

  #queue(save: () => Promise<void>): Promise<void> {
    const begun = this.isSaving ? this.#saving.then(save) : save()
    this.#waiting++
    const saved = begun.finally(() => this.#waiting--)
    this.#saving = saved.catch(() => {})
    return saved
  }

  /** The same, and nothing else happens meanwhile (SAVE). */
  saveNow(): void {
    const owner = this.#owner
    const { path } = this
    this.saves++
    try {
      this.#options.assertOurs?.()
      writeNow(this.#disk, path, owner.takeSnapshot())
    } catch (cause) {
      throw this.#failed(path, cause)
    }
    this.#saved(owner.history.offset, owner.changesSinceSave)
  }

  /** The same, unless the file holds it already. */
  async saveIfChanged(): Promise<void> {
    await this.#saving
    const { changesSinceSave, history } = this.#owner
    if (changesSinceSave > 0 || history.offset !== this.#offset) await this.saveLast()
  }

  /** A full sync put other data in the place of all: what the file holds is of no more use. */
  replaced(): void {
    this.#replacements++
    this.#offset = -1
    this.#points.dueAtOnce()
  }

  /** No save is begun any more by itself. Resolves when none is under way. */
  close(): Promise<void> {
    this.#points.stop()
    return this.#saving
  }

  async #load(path: string, pace: LoadPace): Promise<void> {
    const owner = this.#owner
    const { env } = owner
    const size = await this.#disk.size(path)
    pace.assertGoesOn()
    if (size === undefined) return
    const startedAt = env.monotonic()
    const target = owner.beginRestore((name, value) => {
      if (name === 'used-mem') pace.usedBytes = Number(value)
    })
    pace.begin(size, () => target.keys)
    const file = await this.#disk.open(path, 'read')
    try {
      let bytes = 0
      for await (const piece of piecesOf(file)) {
        target.write(piece)
        bytes += piece.length
        await pace.at(bytes)
      }
    } finally {
      await file.close()
    }
    target.commit()
    // Loaded like the others, and then they expire: so replicas hear of it. A replica waits for its primary's word.
    this.loadedPastKeys = owner.config.primary() === undefined ? target.keysPast : 0
    this.loadedKeys = target.keys - this.loadedPastKeys
    this.#offset = owner.history.offset
    env.log.info(`Done loading RDB, keys loaded: ${this.loadedKeys}, keys expired: ${this.loadedPastKeys}.`)
    env.log.info(`DB loaded from disk: ${((env.monotonic() - startedAt) / 1000).toFixed(3)} seconds`)
  }

  async #saveBeside(): Promise<void> {
    const { env } = this.#owner
    env.log.info('Background saving started')
    this.#points.tried()
    try {
      await this.#save()
    } catch (error) {
      this.lastSaveFailed = true
      this.#judge()
      env.log.warn('Background saving error')
      throw error
    }
    env.log.info('Background saving terminated with success')
  }

  async #save(): Promise<void> {
    const owner = this.#owner
    const { offset } = owner.history
    const { changesSinceSave } = owner
    const { path } = this
    const replacements = this.#replacements
    const startedAt = owner.env.now()
    this.saves++
    try {
      this.#options.assertOurs?.()
      const source = owner.takeSnapshot()
      this.#current = { startedAt, source }
      await this.#write(path, source)
    } catch (cause) {
      throw this.#failed(path, cause)
    } finally {
      this.lastSaveSeconds = Math.floor((owner.env.now() - startedAt) / 1000)
      this.#current = null
    }
    this.#saved(replacements === this.#replacements ? offset : -1, changesSinceSave)
  }

  /** What one slice gives is written while the next one is taken. */
  async #write(path: string, source: Source): Promise<void> {
    const { env, config } = this.#owner
    const disk = this.#disk
    const temporary = temporaryOf(path)
    const syncs = config.flag('rdb-save-incremental-fsync')
    const progress = this.#reporter(source)
    try {
      const file = await disk.open(temporary, 'create')
      let writing: Promise<void> = Promise.resolve()
      let unsynced = 0
      try {
        while (!source.done) {
          const keyDelayMs = Math.max(0, config.number('rdb-key-save-delay')) / 1000
          const keys = Math.ceil(1 / keyDelayMs)
          const chunks = keyDelayMs === 0 ? readSlice(env, source) : source.read(keys)
          progress.look()
          // Waited for while the slice's data is held: so at most two slices are in memory.
          await writing
          for (const { length } of chunks) unsynced += length
          const sync = syncs && unsynced >= SYNC_BYTES
          if (sync) unsynced = 0
          writing = writeAll(file, chunks, sync)
          writing.catch(() => {})
          if (source.done) break
          await new Promise<void>(
            (resolve) => void (keyDelayMs === 0 ? env.soon(resolve) : env.after(keys * keyDelayMs, resolve)),
          )
        }
        await writing
        await file.sync()
      } finally {
        await writing.catch(() => {})
        await file.close()
      }
      await disk.rename(temporary, path)
      await disk.syncFolder(dirname(path))
      progress.tell('done')
    } catch (error) {
      source.cancel()
      await disk.remove(temporary).catch(() => {})
      progress.tell('failed')
      throw error
    }
  }

  #saved(offset: number, changes: number): void {
    const owner = this.#owner
    this.lastSaveFailed = false
    this.#judge()
    this.#offset = offset
    owner.changesSinceSave -= changes
    owner.lastSaveAt = owner.env.now()
    owner.env.log.info('DB saved on disk')
  }

  #failed(path: string, cause: unknown): StoreError {
    const error = fileError(`cannot save ${path}`, cause)
    this.#owner.env.log.warn(error.message)
    return error
  }

  /** Writes are refused as Redis does it: a save beside other work failed, and there are save points. */
  #judge(): void {
    const { config } = this.#owner
    const refuses = this.lastSaveFailed && config.flag('stop-writes-on-bgsave-error') && config.savePoints().length > 0
    this.refusal = refuses ? MISCONF : null
  }

  #reporter(source: Source): { look(): void; tell(state: Progress['state']): void } {
    const { env } = this.#owner
    const tell = (state: Progress['state']): void => {
      const { keys: total, keysWritten: keys, bytesWritten: bytes } = source
      this.#options.progress?.({ of: 'save', state, keys, bytes, percent: total === 0 ? 100 : (keys / total) * 100 })
    }
    let toldAt = env.monotonic()
    tell('running')
    const look = (): void => {
      const now = env.monotonic()
      if (now - toldAt < PROGRESS_MS) return
      toldAt = now
      tell('running')
    }
    return { look, tell }
  }
}

/** The bytes of a file, in pieces small enough to look at the clock after each. One read is under way beside the work. */
async function* piecesOf(file: DiskFile): AsyncGenerator<Buffer, void, void> {
  const buffers = [Buffer.allocUnsafeSlow(READ_BYTES), Buffer.allocUnsafeSlow(READ_BYTES)]
  let reading = file.read(buffers[0])
  try {
    for (let turn = 0; ; turn ^= 1) {
      const bytes = await reading
      if (bytes === 0) return
      reading = file.read(buffers[turn ^ 1])
      for (let at = 0; at < bytes; at += LOOK_BYTES) {
        yield buffers[turn].subarray(at, Math.min(bytes, at + LOOK_BYTES))
      }
    }
  } finally {
    // The file is closed next: not under a read.
    await reading.catch(() => {})
  }
}

async function writeAll(file: DiskFile, chunks: readonly Buffer[], sync: boolean): Promise<void> {
  for (const chunk of chunks) await file.write(chunk)
  if (sync) await file.sync()
}

function writeNow(disk: Disk, path: string, source: Source): void {
  const temporary = temporaryOf(path)
  try {
    const file = disk.openNow(temporary, 'create')
    try {
      while (!source.done) {
        for (const chunk of source.read(KEYS_PER_LOOK)) {
          for (let done = 0; done < chunk.length; ) done += file.writeNow([chunk.subarray(done)])
        }
      }
      file.syncNow()
    } finally {
      file.closeNow()
    }
    disk.renameNow(temporary, path)
    disk.syncFolderNow(dirname(path))
  } catch (error) {
    source.cancel()
    disk.removeNow(temporary)
    throw error
  }
}

function temporaryOf(path: string): string {
  return `${path}.${process.pid}.tmp`
}
