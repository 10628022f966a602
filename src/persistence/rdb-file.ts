// Snapshots as files. A file is written beside its place, forced to the disk, and then renamed into it: whoever looks finds
// the old one whole or the new one whole. Reading and writing leave the event loop free between slices.

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
  readonly path: string
  readonly #owner: FileOwner
  /** Saves run one after the other. */
  #saving: Promise<void> = Promise.resolve()
  /** Where the file's data stand in the stream; -1 when there is no file yet. */
  #offset = -1

  constructor(folder: string, name: string, owner: FileOwner) {
    this.path = join(folder, name)
    this.#owner = owner
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

  /** Writes what is held now. Throws StoreError FILE, with the system's error as cause; the old file is then untouched. */
  save(): Promise<void> {
    const saved = this.#saving.then(() => this.#save())
    this.#saving = saved.catch(() => {})
    return saved
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
    try {
      await write(this.path, owner.takeSnapshot())
    } catch (cause) {
      throw fileError(`cannot save ${this.path}`, cause)
    }
    this.#offset = offset
    owner.changesSinceSave -= changesSinceSave
    owner.lastSaveAt = owner.env.now()
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
