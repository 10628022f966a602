// The folder of a store's files, and the lock on it. The program's folder may change (CONFIG SET dir): the new one is locked
// then, or the old one kept.

import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { StoreError } from '../errors.js'
import { type Disk, systemDisk } from './disk.js'
import { FolderLock } from './folder-lock.js'

export class Folder {
  readonly #path: () => string
  readonly #owner: { readonly env: Env; readonly config: Config; readonly isClosed: boolean }
  readonly #disk: Disk | undefined
  #lock: FolderLock | null = null
  /** The folder that is ours. */
  #entered: string | null = null
  #unlisten: () => void = () => {}
  #isReleased = false

  /** With a disk of the caller's own there is nothing to lock. */
  constructor(path: () => string, owner: { env: Env; config: Config; isClosed: boolean }, disk?: Disk) {
    this.#path = path
    this.#owner = owner
    this.#disk = disk
  }

  /** Makes the folder if it is not there, and locks it. Throws StoreError FILE, LOCKED. */
  async enter(): Promise<void> {
    const path = this.#path()
    const disk = this.#disk ?? systemDisk
    try {
      disk.makeFolderNow(path)
    } catch (cause) {
      throw new StoreError('FILE', `cannot open ${path}: ${(cause as Error).message}`, { cause })
    }
    await this.#take(path)
    this.#unlisten = this.#owner.config.on('dir', () => void this.#move())
  }

  /** Throws StoreError LOCKED. */
  assertOurs(): void {
    const path = this.#path()
    if (path !== this.#entered) throw new StoreError('LOCKED', `the folder ${path} is not locked yet`)
  }

  release(): void {
    this.#isReleased = true
    this.#unlisten()
    this.#lock?.release()
    this.#lock = null
  }

  async #take(path: string): Promise<void> {
    const lock = this.#disk === undefined ? await FolderLock.take(path, this.#owner.env.log) : null
    if (this.#isReleased) lock?.release()
    else {
      this.#lock?.release()
      this.#lock = lock
      this.#entered = path
    }
  }

  /** CONFIG SET answers before it is known whether the folder can be had: what cannot is said in the log, and put back. */
  async #move(): Promise<void> {
    const path = this.#path()
    if (path === this.#entered) return
    const { env, config } = this.#owner
    try {
      await this.#take(path)
    } catch (error) {
      env.log.warn(`${(error as Error).message}. The old one is kept.`)
      if (this.#entered !== null) config.assign('dir', this.#entered)
    }
  }
}
