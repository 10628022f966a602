// Snapshots as files. A file is written beside its place, forced to the disk, and then renamed into it: whoever looks finds
// the old one whole or the new one whole. Reading and writing leave the event loop free between slices.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StoreError } from '../errors.js'

/** The engine, as far as a file needs it. */
export interface FileOwner {
  readonly history: { readonly offset: number }
  readonly env: { now(): number }
  changesSinceSave: number
  lastSaveAt: number
  takeSnapshot(): { read(maxKeys: number): Buffer[]; readonly done: boolean; cancel(): void }
  /** Takes what is read; `commit` puts it in the place of all data. */
  beginRestore(): { write(chunk: Buffer): void; commit(): void }
}

/** Keys looked at before other work gets its turn. */
const KEYS_PER_SLICE = 1000
const READ_BYTES = 256 * 1024

export class RdbFile {
  readonly #pathNow: () => string
  readonly #owner: FileOwner
  /** Saves run one after the other. */
  #saving: Promise<void> = Promise.resolve()
  #saves = 0
  lastSaveFailed = false
  /** Where the file's data stand in the stream; -1 when there is no file yet. */
  #offset = -1

  /** `folder` and `name` are asked for each time: CONFIG SET may change them. */
  constructor(folder: () => string, name: () => string, owner: FileOwner) {
    this.#pathNow = () => join(folder(), name())
    this.#owner = owner
  }

  get path(): string {
    return this.#pathNow()
  }

  get isSaving(): boolean {
    return this.#saves > 0
  }

  /** Reads the file, if there is one. Throws StoreError RDB for what is damaged, FILE for what cannot be read. */
  async load(): Promise<void> {
    try {
      const file = await openIfThere(this.path)
      if (file === undefined) return
      try {
        await readInto(file, this.#owner.beginRestore())
      } finally {
        await file.close()
      }
      this.#offset = this.#owner.history.offset
    } catch (cause) {
      throw fileError(`cannot load ${this.path}`, cause)
    }
  }

  /**
   * Writes what is held now; while another save is under way, what is held when that is through. Throws StoreError FILE, with
   * the system's error as cause; the old file is then untouched.
   */
  save(): Promise<void> {
    const begun = this.isSaving ? this.#saving.then(() => this.#save()) : this.#save()
    this.#saves++
    const saved = begun.finally(() => this.#saves--)
    this.#saving = saved.catch(() => {})
    return saved
  }

  /** The same, and nothing else happens meanwhile (SAVE). */
  saveNow(): void {
    const { path } = this
    try {
      writeNow(path, this.#owner.takeSnapshot())
    } catch (cause) {
      throw this.#failed(path, cause)
    }
    this.#saved(this.#owner.history.offset, this.#owner.changesSinceSave)
  }

  /** The same, unless the file holds it already. */
  async saveIfChanged(): Promise<void> {
    await this.#saving
    const { changesSinceSave, history } = this.#owner
    if (changesSinceSave > 0 || history.offset !== this.#offset) await this.save()
  }

  async #save(): Promise<void> {
    const owner = this.#owner
    const { offset } = owner.history
    const { changesSinceSave } = owner
    const { path } = this
    try {
      await write(path, owner.takeSnapshot())
    } catch (cause) {
      throw this.#failed(path, cause)
    }
    this.#saved(offset, changesSinceSave)
  }

  #saved(offset: number, changes: number): void {
    const owner = this.#owner
    this.lastSaveFailed = false
    this.#offset = offset
    owner.changesSinceSave -= changes
    owner.lastSaveAt = owner.env.now()
  }

  #failed(path: string, cause: unknown): StoreError {
    this.lastSaveFailed = true
    return fileError(`cannot save ${path}`, cause)
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function readInto(file: FileHandle, target: ReturnType<FileOwner['beginRestore']>): Promise<void> {
  const chunk = Buffer.allocUnsafeSlow(READ_BYTES)
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, READ_BYTES)
    if (bytesRead === 0) break
    target.write(chunk.subarray(0, bytesRead))
  }
  target.commit()
}

async function write(path: string, snapshot: ReturnType<FileOwner['takeSnapshot']>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    // For its owner alone: a snapshot holds everything.
    const file = await open(temporary, 'w', 0o600)
    try {
      while (!snapshot.done) for (const chunk of snapshot.read(KEYS_PER_SLICE)) await writeAll(file, chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    snapshot.cancel()
    await rm(temporary, { force: true })
    throw error
  }
}

function writeNow(path: string, snapshot: ReturnType<FileOwner['takeSnapshot']>): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = openSync(temporary, 'w', 0o600)
    try {
      while (!snapshot.done) {
        for (const chunk of snapshot.read(KEYS_PER_SLICE)) {
          for (let done = 0; done < chunk.length; ) done += writeSync(file, chunk, done)
        }
      }
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    const folder = openSync(dirname(path), 'r')
    fsyncSync(folder)
    closeSync(folder)
  } catch (error) {
    snapshot.cancel()
    rmSync(temporary, { force: true })
    throw error
  }
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten
}

/** Else the new name may be lost with the power. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function fileError(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return new StoreError(cause.code, `${what}: ${cause.message}`, { cause })
  return new StoreError('FILE', `${what}: ${(cause as Error).message}`, { cause })
}
