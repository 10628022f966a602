// The files of an append-only file, by the manifest: which there are, which are begun, take the place of others and are
// deleted, and how all of them are loaded. At each moment the manifest on the disk names a set that is whole.

import { join } from 'node:path'
import { StoreError } from '../errors.js'
import { AofReader, type AofTarget, type Place } from './aof-loader.js'
import { type OpenIncrement, placeLine } from './aof-log.js'
import {
  type AofPart,
  type BaseForm,
  baseName,
  emptyManifest,
  incrementName,
  type Manifest,
  readManifest,
  writeManifestNow,
} from './aof-manifest.js'
import type { AofOwner } from './append-only-file.js'
import { type Disk, type DiskFile, fileError } from './disk.js'
import { LOOK_BYTES, type LoadPace } from './load-pace.js'

const READ_BYTES = 64 * 1024

export class AofFolder {
  readonly #disk: Disk
  readonly #dir: () => string
  readonly #owner: AofOwner
  manifest: Manifest = emptyManifest()
  /** The folder whose manifest it is. */
  #entered: string | null = null
  /** The highest numbers that were given so far: none is given twice, whatever became of its file. */
  #lastBase = 0
  #lastIncrement = 0

  constructor(disk: Disk, dir: () => string, owner: AofOwner) {
    this.#disk = disk
    this.#dir = dir
    this.#owner = owner
  }

  get path(): string {
    return join(this.#dir(), this.#owner.config.text('appenddirname'))
  }
  get filename(): string {
    return this.#owner.config.text('appendfilename')
  }
  get temporaryBase(): string {
    return join(this.path, `temp-rewriteaof-bg-${this.#owner.env.process.pid}.aof`)
  }
  /** The first increment, until the base before it is whole. */
  get #temporaryIncrement(): string {
    return join(this.path, `temp-${this.filename}.incr`)
  }

  pathOf(name: string): string {
    return join(this.path, name)
  }

  // Changes

  makeNow(): void {
    this.#disk.makeFolderNow(this.path)
    this.#disk.syncFolderNow(this.#dir())
  }

  /** The folder is there, and nothing in it that is not in its place. Throws StoreError FILE. */
  enterNow(): void {
    try {
      this.makeNow()
      this.#removeTemporaryNow()
    } catch (cause) {
      throw fileError(`cannot open ${this.path}`, cause)
    }
  }

  /** What a process that was killed left behind, not yet in its place. */
  #removeTemporaryNow(): void {
    for (const name of this.#disk.listNow(this.path)) {
      if (/^temp-/.test(name)) this.#disk.removeNow(this.pathOf(name))
    }
  }

  /**
   * The last increment, to be appended to; a new one if there is none. What is there is forced to the disk: a process that
   * was killed may have left it to the system, and from now on it counts as kept. Throws StoreError FILE.
   */
  async openLast(): Promise<OpenIncrement> {
    this.enterNow()
    try {
      const last = this.manifest.increments.at(-1)
      if (last === undefined) return this.beginIncrementNow()
      const path = this.pathOf(last.name)
      const bytes = this.#disk.sizeNow(path) ?? 0
      const file = await this.#disk.open(path, 'append')
      try {
        await file.sync()
        await this.#disk.syncFolder(this.path)
      } catch (error) {
        await file.close()
        throw error
      }
      return { name: last.name, file, bytes }
    } catch (cause) {
      throw fileError(`cannot open ${this.path}`, cause)
    }
  }

  /** A new increment behind the others. Throws, and nothing has changed, if it cannot be. */
  beginIncrementNow(): OpenIncrement {
    const seq = ++this.#lastIncrement
    const part = { name: incrementName(this.filename, seq), seq }
    this.#owner.env.log.info(`Creating AOF incr file ${part.name}`)
    const file = this.#createNow(this.pathOf(part.name))
    try {
      this.#writeNow({ ...this.manifest, increments: [...this.manifest.increments, part] })
    } catch (error) {
      file.closeNow()
      throw error
    }
    return { name: part.name, file, bytes: 0 }
  }

  beginTemporaryNow(): OpenIncrement {
    return { name: '', file: this.#createNow(this.#temporaryIncrement), bytes: 0 }
  }

  /** What is left there of before goes first: emptied only, it might be back after a loss of power, since nothing is forced to it yet. */
  #createNow(path: string): DiskFile {
    if (this.#disk.sizeNow(path) !== undefined) this.#disk.removeNow(path)
    return this.#disk.openNow(path, 'create')
  }

  /** The increment as the manifest is to name it. One that was temporary gets its name. */
  adoptNow(open: OpenIncrement): AofPart {
    const known = this.manifest.increments.find(({ name }) => name === open.name)
    if (known !== undefined) return known
    const seq = ++this.#lastIncrement
    const part = { name: incrementName(this.filename, seq), seq }
    this.#disk.renameNow(this.#temporaryIncrement, this.pathOf(part.name))
    Object.assign(open, { name: part.name })
    return part
  }

  /** The base that was written takes the place of the one before and of all increments but `kept`. */
  installNow(kept: AofPart | null, form: BaseForm): void {
    const seq = ++this.#lastBase
    const base = { name: baseName(this.filename, seq, form), seq }
    this.#disk.renameNow(this.temporaryBase, this.pathOf(base.name))
    const { base: old, increments, history } = this.manifest
    this.#writeNow({
      base,
      increments: kept === null ? [] : [kept],
      history: [...history, ...(old === null ? [] : [old]), ...increments.filter(({ name }) => name !== kept?.name)],
    })
  }

  /** Deletes what is no longer needed. What cannot be deleted stays in the manifest, for another time. */
  async removeHistory(): Promise<void> {
    const { history } = this.manifest
    if (history.length === 0 || this.#owner.config.flag('aof-disable-auto-gc')) return
    try {
      for (const { name } of history) {
        this.#owner.env.log.info(`Removing the history file ${name} in the background`)
        await this.#disk.remove(this.pathOf(name))
      }
      this.#writeNow({ ...this.manifest, history: this.manifest.history.filter((part) => !history.includes(part)) })
    } catch (error) {
      this.#owner.env.log.warn(`History files of the AOF cannot be removed: ${(error as Error).message}`)
    }
  }

  #writeNow(manifest: Manifest): void {
    // Else after a crash it could name a file whose own name was lost.
    this.#disk.syncFolderNow(this.path)
    writeManifestNow(this.#disk, this.path, this.filename, manifest)
    this.manifest = manifest
  }

  /** Bytes of all files that count, but for the one that is open. */
  closedBytesNow(open: string): number {
    return this.#parts()
      .filter(({ name }) => name !== open)
      .reduce((sum, { name }) => sum + (this.#disk.sizeNow(this.pathOf(name)) ?? 0), 0)
  }

  #parts(): AofPart[] {
    const { base, increments } = this.manifest
    return base === null ? increments : [base, ...increments]
  }

  // Loading

  async load(pace?: LoadPace): Promise<boolean> {
    const { env, upstream, images } = this.#owner
    const beganAt = env.monotonic()
    const manifest = await this.#findManifest()
    this.#adopt(manifest ?? emptyManifest())
    if (manifest === undefined) return false
    const parts = this.#parts()
    let total = 0
    // Increments that are empty may follow the one that was written to when the process died.
    let last = parts[0]
    for (const part of parts) {
      const size = await this.#sizeOf(part.name)
      total += size
      if (size > 0) last = part
    }
    pace?.begin(total, () => this.#owner.dataset.size)
    let bytes = 0
    let place: Place | null = null
    let db = 0
    for (const part of parts) {
      const reader = new AofReader(this.#target())
      await this.#within(part, async () => {
        const file = await this.#disk.open(this.pathOf(part.name), 'read')
        try {
          for (;;) {
            const chunk = Buffer.allocUnsafeSlow(READ_BYTES)
            const count = await file.read(chunk)
            if (count === 0) break
            for (let at = 0; at < count; at += LOOK_BYTES) {
              const piece = chunk.subarray(at, Math.min(count, at + LOOK_BYTES))
              reader.write(piece)
              bytes += piece.length
              await pace?.at(bytes)
            }
          }
        } finally {
          await file.close()
        }
      })
      this.#ended(part, reader, part === last)
      // An increment to which nothing was written says nothing of where the data stand.
      if (part !== this.manifest.base && (await this.#sizeOf(part.name)) === 0) continue
      place = reader.place
      db = upstream.db
    }
    upstream.reset()
    upstream.db = db
    if (place !== null) images.restoredAt(place.replid, place.offset)
    this.#owner.changesSinceSave = 0
    const seconds = (env.monotonic() - beganAt) / 1000
    env.log.info(`DB loaded from append only file: ${seconds.toFixed(3)} seconds`)
    await this.removeHistory()
    return true
  }

  /** Learns which files there are, unless it knows, and not what is in them. Throws StoreError AOF for a damaged manifest. */
  async enter(): Promise<void> {
    const { path } = this
    if (path === this.#entered) return
    this.#adopt((await this.#read(path)) ?? emptyManifest())
  }

  async #findManifest(): Promise<Manifest | undefined> {
    try {
      await this.#upgrade()
    } catch (cause) {
      throw fileError(`cannot load ${this.path}`, cause)
    }
    return this.#read(this.path)
  }

  async #read(path: string): Promise<Manifest | undefined> {
    try {
      return await readManifest(this.#disk, path, this.filename)
    } catch (cause) {
      throw cause instanceof StoreError ? cause : fileError(`cannot load ${path}`, cause)
    }
  }

  /** Everything again, while nothing else happens (DEBUG LOADAOF). */
  reloadNow(): void {
    const { upstream, images } = this.#owner
    const { db } = upstream
    if (this.#entered !== this.path || this.#parts().length === 0)
      throw new StoreError('AOF', 'there is no append-only file')
    images.clear()
    for (const part of this.#parts()) {
      const reader = new AofReader(this.#target())
      const file = this.#disk.openNow(this.pathOf(part.name), 'read')
      try {
        for (;;) {
          const chunk = Buffer.allocUnsafeSlow(READ_BYTES)
          const count = file.readNow(chunk)
          if (count === 0) break
          reader.write(chunk.subarray(0, count))
        }
        if (reader.end() === 'torn') throw new StoreError('AOF', `${part.name} ends in the middle of a command`)
      } finally {
        file.closeNow()
      }
    }
    upstream.reset()
    upstream.db = db
  }

  #target(): AofTarget {
    const { images, upstream } = this.#owner
    return {
      beginBase: (followed, placed) => images.beginBase(followed, placed),
      beginCommands: () => {
        upstream.reset()
        upstream.db = 0
      },
      replay: (argv, parser) => upstream.replay(argv, parser),
      get isInTransaction() {
        return upstream.isInTransaction
      },
    }
  }

  /** The file is read: is it whole? The last one may end in the middle of something, if that is allowed. */
  #ended(part: AofPart, reader: AofReader, isLast: boolean): void {
    const { env, config, upstream } = this.#owner
    const path = this.pathOf(part.name)
    try {
      if (reader.end() === 'whole') return
    } catch (cause) {
      throw fileError(`cannot load ${path}`, cause)
    }
    upstream.reset()
    if (!isLast || part === this.manifest.base || !config.flag('aof-load-truncated')) {
      throw new StoreError(
        'AOF',
        `cannot load ${path}: it ends in the middle of a command or transaction; ${reader.validBytes} bytes are whole` +
          (isLast ? ' (aof-load-truncated yes cuts it off there)' : ''),
      )
    }
    env.log.warn(`!!! Warning: short read while loading the AOF file ${part.name}!!!`)
    env.log.warn(`AOF ${part.name} loaded anyway because aof-load-truncated is enabled`)
    env.log.warn(`Truncating the AOF ${part.name} at offset ${reader.validBytes}`)
    try {
      this.#cut(path, reader)
    } catch (cause) {
      throw fileError(`cannot truncate ${path}`, cause)
    }
  }

  /** Cuts the torn tail off, and notes where in a history the file ends now: its last batch tells of more than there is. */
  #cut(path: string, { validBytes, place }: AofReader): void {
    this.#disk.truncateNow(path, validBytes)
    const file = this.#disk.openNow(path, 'append')
    try {
      if (place !== null && !wroteAll(file, placeLine(place.replid, place.offset)))
        this.#disk.truncateNow(path, validBytes)
      // What comes may go into another file: with the tail back after a crash, this one would be torn in the middle.
      file.syncNow()
    } finally {
      file.closeNow()
    }
  }

  async #within(part: AofPart, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (cause) {
      throw fileError(`cannot load ${this.pathOf(part.name)}`, cause)
    }
  }

  async #sizeOf(name: string): Promise<number> {
    const size = await this.#disk.size(this.pathOf(name))
    if (size !== undefined) return size
    throw new StoreError('AOF', `cannot load ${this.pathOf(name)}: the manifest names it, and it is not there`)
  }

  #adopt(manifest: Manifest): void {
    this.#entered = this.path
    this.manifest = manifest
    const seqs = (parts: readonly AofPart[]): number => Math.max(0, ...parts.map(({ seq }) => seq))
    const { base, increments, history } = manifest
    this.#lastBase = Math.max(base?.seq ?? 0, seqs(history))
    this.#lastIncrement = Math.max(seqs(increments), seqs(history))
  }

  /** One file beside the folder, as before Redis 7: it becomes the base. */
  async #upgrade(): Promise<void> {
    const { filename } = this
    const old = join(this.#dir(), filename)
    if ((await this.#disk.size(old)) === undefined) return
    const manifest = await readManifest(this.#disk, this.path, filename)
    if (manifest !== undefined) {
      const { base, increments } = manifest
      const isHalfDone = base?.name === filename && increments.length === 0
      if (!isHalfDone || (await this.#disk.size(this.pathOf(filename))) !== undefined) return
    } else {
      this.makeNow()
      writeManifestNow(this.#disk, this.path, filename, { ...emptyManifest(), base: { name: filename, seq: 1 } })
    }
    await this.#disk.rename(old, this.pathOf(filename))
    await this.#disk.syncFolder(this.path)
    await this.#disk.syncFolder(this.#dir())
    this.#owner.env.log.info(
      `Successfully migrated an old-style AOF configuration (${filename}) into the AOF directory.`,
    )
  }
}

/** False when the disk did not take all of it. */
function wroteAll(file: DiskFile, line: string): boolean {
  const bytes = Buffer.from(line, 'latin1')
  try {
    return file.writeNow([bytes]) === bytes.length
  } catch {
    return false
  }
}
