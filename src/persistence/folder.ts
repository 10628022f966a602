// The folder of a store's files, and the lock on it. The program's folder may change (CONFIG SET dir): the new one is locked
// first, and what is under way in the old one keeps that locked until it is over.

import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { StoreError } from '../errors.js'
import { type Disk, systemDisk } from './disk.js'
import { FolderLock } from './folder-lock.js'

export interface FolderOptions {
  /** Asked for each time: for the program it is the working directory. */
  path: () => string
  /** It stays the same for as long as the store is open. */
  isFixed: boolean
  owner: { readonly env: Env; readonly config: Config }
  /** Resolves when nothing that was begun before is being written any more. */
  idle: () => Promise<unknown>
  /** The folder is another one. */
  moved: () => void
  /** With a disk of the caller's own there is nothing to lock. */
  disk?: Disk | undefined
}

export class Folder {
  readonly #options: FolderOptions
  #lock: FolderLock | null = null
  /** The folder that is ours. */
  #entered: string | null = null
  /** Another one that is locked, and not entered yet. */
  #prepared: { readonly path: string; readonly lock: FolderLock | null } | null = null
  #unlisten: () => void = () => {}
  #isReleased = false

  constructor(options: FolderOptions) {
    this.#options = options
  }

  /** Makes the folder if it is not there, and locks it. Throws StoreError FILE, LOCKED. */
  async enter(): Promise<void> {
    const { owner, path: where, isFixed, disk = systemDisk } = this.#options
    const path = where()
    try {
      disk.makeFolderNow(path)
    } catch (cause) {
      throw new StoreError('FILE', `cannot open ${path}: ${(cause as Error).message}`, { cause })
    }
    const lock = await this.#take(path)
    if (this.#isReleased) lock?.release()
    else this.#lock = lock
    this.#entered = path
    const was = owner.config.text('dir')
    this.#unlisten = owner.config.on('dir', (dir) => {
      if (!isFixed) this.#move()
      else if (dir !== was) throw new StoreError('INVALID', 'the folder of this store cannot change while it is open')
    })
  }

  /** Throws StoreError LOCKED. */
  assertOurs(): void {
    const path = this.#options.path()
    if (path !== this.#entered) throw new StoreError('LOCKED', `the folder ${path} is not locked yet`)
  }

  /**
   * Locks a folder that the directive `dir` is to name next; `done` gets what is wrong, StoreError LOCKED, and is never called
   * from inside. A folder that is not there is for CONFIG SET to refuse.
   */
  prepare(dir: string, done: (error?: Error) => void): void {
    const later = (error?: Error): void => this.#options.owner.env.soon(() => done(error))
    const path = realPath(dir)
    if (this.#options.isFixed || path === undefined || path === realPath(this.#entered ?? '')) {
      later()
      return
    }
    this.#take(path).then((lock) => {
      this.unprepare()
      if (this.#isReleased) lock?.release()
      else this.#prepared = { path, lock }
      later()
    }, later)
  }

  /** What was prepared is not wanted: the directive could not be set. */
  unprepare(): void {
    this.#prepared?.lock?.release()
    this.#prepared = null
  }

  release(): void {
    this.#isReleased = true
    this.#unlisten()
    this.unprepare()
    this.#lock?.release()
    this.#lock = null
  }

  async #take(path: string): Promise<FolderLock | null> {
    return this.#options.disk === undefined ? FolderLock.take(path, this.#options.owner.env.log) : null
  }

  #move(): void {
    const { path: where, idle, moved } = this.#options
    const path = where()
    // The same one as ever: a change that was taken back, or another name of it.
    if (path === this.#entered || realPath(path) === realPath(this.#entered ?? '')) return
    const prepared = this.#prepared
    if (prepared === null || prepared.path !== realPath(path))
      throw new StoreError('LOCKED', `the folder ${path} is not locked`)
    this.#prepared = null
    const old = this.#lock
    this.#lock = prepared.lock
    this.#entered = path
    moved()
    void idle().finally(() => old?.release())
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(resolve(path))
  } catch {
    return undefined
  }
}
