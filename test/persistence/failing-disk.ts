// The real disk, on which what a test names fails, or waits.

import { type Disk, type DiskFile, systemDisk } from '../../src/persistence/disk.js'

export type Step = 'open' | 'write' | 'sync' | 'rename' | 'syncFolder'

export class FailingDisk implements Disk {
  /** What fails, and as what; none: all is well. */
  fails: { step: Step; code: 'ENOSPC' | 'EIO' } | null = null
  /** Writes of that many bytes go well first. */
  roomBytes = 0
  /** What was asked of it, in order. */
  readonly steps: Step[] = []
  /** Reads are waited for until it resolves. */
  reads: Promise<unknown> = Promise.resolve()

  async open(path: string, mode: 'read' | 'create' | 'append'): Promise<DiskFile> {
    this.#step('open')
    return this.#failing(await systemDisk.open(path, mode))
  }
  openNow(path: string, mode: 'read' | 'create' | 'append'): DiskFile {
    this.#step('open')
    return this.#failing(systemDisk.openNow(path, mode))
  }
  async rename(from: string, to: string): Promise<void> {
    this.#step('rename')
    await systemDisk.rename(from, to)
  }
  renameNow(from: string, to: string): void {
    this.#step('rename')
    systemDisk.renameNow(from, to)
  }
  async syncFolder(path: string): Promise<void> {
    this.#step('syncFolder')
    await systemDisk.syncFolder(path)
  }
  syncFolderNow(path: string): void {
    this.#step('syncFolder')
    systemDisk.syncFolderNow(path)
  }
  readonly remove = systemDisk.remove
  readonly removeNow = systemDisk.removeNow
  readonly size = systemDisk.size
  readonly sizeNow = systemDisk.sizeNow
  readonly truncateNow = systemDisk.truncateNow
  readonly makeFolderNow = systemDisk.makeFolderNow
  readonly list = systemDisk.list
  readonly listNow = systemDisk.listNow

  #step(step: Step): void {
    this.steps.push(step)
    if (this.fails?.step === step) throw this.#error()
  }

  #error(): Error {
    const code = this.fails!.code
    return Object.assign(new Error(`${code}: injected`), { code })
  }

  #write(bytes: number): void {
    if (this.fails?.step !== 'write') return
    this.roomBytes -= bytes
    if (this.roomBytes < 0) throw this.#error()
  }

  #failing(file: DiskFile): DiskFile {
    return {
      read: async (target) => {
        await this.reads
        return file.read(target)
      },
      readNow: (target) => file.readNow(target),
      write: async (bytes) => {
        this.#write(bytes.length)
        await file.write(bytes)
      },
      writeNow: (pieces) => {
        for (const { length } of pieces) this.#write(length)
        return file.writeNow(pieces)
      },
      sync: async () => {
        this.#step('sync')
        await file.sync()
      },
      syncNow: () => {
        this.#step('sync')
        file.syncNow()
      },
      close: () => file.close(),
      closeNow: () => file.closeNow(),
    }
  }
}
