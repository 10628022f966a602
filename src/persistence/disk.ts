// The disk, as far as files of a store need it. Everything in persistence/ that touches a file does it through a Disk, so
// that a test can put one in that is full, loses what was not synced, or tears a write; `systemDisk` is the real one.
// Errors are the system's own: an Error with a `code` such as ENOENT or ENOSPC.
// What ends in `Now` is done when it returns, and everything else waits for it; the rest goes on beside other work.

import {
  close,
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  open as openCallback,
  openSync,
  read,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  write,
  writevSync,
} from 'node:fs'
import { open as openHandle, readdir, rename, rm, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { StoreError } from '../errors.js'

/** `read`: it has to be there. `create`: it is new, or emptied. `append`: new or not, writes go to its end. */
export type OpenMode = 'read' | 'create' | 'append'

/** An open file. Reads go on where the last one ended; writes go to the end. */
export interface DiskFile {
  /** Takes the next bytes into `target`, from its start; says how many, 0 at the end of the file. */
  read(target: Buffer): Promise<number>
  readNow(target: Buffer): number
  /** Writes all of it. After an error any part of it may be in the file. */
  write(bytes: Uint8Array): Promise<void>
  /** Writes what the system takes at once, all or a part, in this order; says how many bytes. After an error: none. */
  writeNow(pieces: readonly Uint8Array[]): number
  /** Comes back when what was written is on the disk: after a crash, or without power, it is there. */
  sync(): Promise<void>
  syncNow(): void
  close(): Promise<void>
  closeNow(): void
}

export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>
  openNow(path: string, mode: OpenMode): DiskFile
  /** Puts a file in the place of another, or of none: whoever looks finds the one or the other. */
  rename(from: string, to: string): Promise<void>
  renameNow(from: string, to: string): void
  /** Whether or not it is there. */
  remove(path: string): Promise<void>
  removeNow(path: string): void
  /** Bytes in the file; undefined if there is no such file. */
  size(path: string): Promise<number | undefined>
  sizeNow(path: string): number | undefined
  /** Cuts the file to its first `bytes` bytes. */
  truncateNow(path: string, bytes: number): void
  /** Makes the folder unless it is there; the one it is in has to be. */
  makeFolderNow(path: string): void
  /** Names of all files in a folder; none if there is no such folder. */
  list(path: string): Promise<string[]>
  listNow(path: string): string[]
  /** Names that were given, changed or taken away in this folder are on the disk: else they may be lost with the power. */
  syncFolder(path: string): Promise<void>
  syncFolderNow(path: string): void
}

const FLAGS: Readonly<Record<OpenMode, string>> = { read: 'r', create: 'w', append: 'a' }

/** What a store holds is nobody else's business. */
const OWNER_ONLY = 0o600

const openNumber = promisify(openCallback)
const readSome = promisify(read)
const writeSome = promisify(write)
const syncData = promisify(fdatasync)
const closeNumber = promisify(close)

/** One open file by its number: unlike a FileHandle it can be used both ways, at once and beside other work. */
class SystemFile implements DiskFile {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }
  async read(target: Buffer): Promise<number> {
    return (await readSome(this.#fd, target, 0, target.length, null)).bytesRead
  }
  readNow(target: Buffer): number {
    return readSync(this.#fd, target)
  }
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await writeSome(this.#fd, bytes, done, bytes.length - done, null)).bytesWritten
    }
  }
  writeNow(pieces: readonly Uint8Array[]): number {
    return writevSync(this.#fd, pieces)
  }
  sync(): Promise<void> {
    return syncData(this.#fd)
  }
  syncNow(): void {
    fdatasyncSync(this.#fd)
  }
  close(): Promise<void> {
    return closeNumber(this.#fd)
  }
  closeNow(): void {
    closeSync(this.#fd)
  }
}

export const systemDisk: Disk = {
  open: async (path, mode) => new SystemFile(await openNumber(path, FLAGS[mode], OWNER_ONLY)),
  openNow: (path, mode) => new SystemFile(openSync(path, FLAGS[mode], OWNER_ONLY)),
  rename,
  renameNow: renameSync,
  remove: (path) => rm(path, { force: true }),
  removeNow: (path) => rmSync(path, { force: true }),
  size: async (path) => {
    try {
      return (await stat(path)).size
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
  },
  sizeNow: (path) => statSync(path, { throwIfNoEntry: false })?.size,
  truncateNow: truncateSync,
  makeFolderNow: (path) => {
    try {
      mkdirSync(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  },
  list: async (path) => {
    try {
      return await readdir(path)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  },
  listNow: (path) => {
    try {
      return readdirSync(path)
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  },
  syncFolder: async (path) => {
    const folder = await openHandle(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  },
  syncFolderNow: (path) => {
    const folder = openSync(path, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  },
}

/** Whether the system says that there is no such file or folder. */
function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
}

/** A StoreError that says what could not be done; of the kind FILE, unless the cause knows better. */
export function fileError(what: string, cause: unknown): StoreError {
  const code = cause instanceof StoreError ? cause.code : 'FILE'
  return new StoreError(code, `${what}: ${(cause as Error).message}`, { cause })
}
