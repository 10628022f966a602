// A disk that a test can fill, break and take the power from. It keeps for each file what is written, and what of it is
// forced to the disk; and for each folder which names are. After `crash` a file holds what was synced and, by chance, some
// bytes of what came after it; a name that was not synced is there or not, by chance. What a sync failed to force may be
// zeros after a crash, although a later one succeeds: the system took it for written.

import { dirname } from 'node:path'
import type { Disk, DiskFile, OpenMode } from '../../src/persistence/disk.js'

class Inode {
  bytes: Buffer = Buffer.alloc(0)
  /** What a crash cannot take, but for what is in doubt. */
  synced: Buffer = Buffer.alloc(0)
  /** Where a sync failed. */
  doubtful: { readonly start: number; readonly end: number }[] = []
  /** How often it was changed, and up to which of these it was synced. */
  changes = 0
  #syncedChanges = 0
  /** `bytes` are its beginning. */
  #room: Buffer = Buffer.alloc(0)

  /** What is written behind that end later is forced anew. */
  cut(end: number): void {
    this.changes++
    this.bytes = Buffer.from(this.bytes.subarray(0, end))
    this.doubtful = this.doubtful
      .filter(({ start }) => start < end)
      .map(({ start, ...range }) => ({ start, end: Math.min(range.end, end) }))
  }

  append(more: Uint8Array): void {
    this.changes++
    const { length } = this.bytes
    const end = length + more.length
    if (this.bytes.buffer !== this.#room.buffer || end > this.#room.length) {
      this.#room = Buffer.alloc(Math.max(64, 2 * end))
      this.bytes.copy(this.#room)
    }
    this.#room.set(more, length)
    this.bytes = this.#room.subarray(0, end)
  }

  /** What it was after so many changes is on the disk. A sync that took longer may end later, and know less. */
  sync(bytes: Buffer, changes: number): void {
    if (changes < this.#syncedChanges) return
    this.#syncedChanges = changes
    this.synced = bytes
  }

  failToSync(): void {
    const start = this.bytes.subarray(0, this.synced.length).equals(this.synced) ? this.synced.length : 0
    if (start < this.bytes.length) this.doubtful.push({ start, end: this.bytes.length })
  }
}

export type Act = 'open' | 'write' | 'sync' | 'rename' | 'remove' | 'truncate' | 'folder'

export class MemoryDisk implements Disk {
  /** Names as they are, and as they are on the disk. */
  #names = new Map<string, Inode>()
  #syncedNames = new Map<string, Inode>()
  #folders = new Set<string>()
  readonly #random: () => number
  /** Asked before each act: an error code to fail with. */
  fails: (act: Act, path: string) => string | undefined = () => undefined
  /** What does not end in `Now` waits for this first. */
  pause: (act: Act | 'read') => Promise<void> | undefined = () => undefined
  /** Most bytes in all files. Past it a write takes a part, and then fails. */
  capacityBytes = Number.POSITIVE_INFINITY
  /** The most that one write takes: more is left over. */
  biggestWriteBytes = Number.POSITIVE_INFINITY
  /** Acts so far, by kind: how often was it synced? */
  readonly counts: Record<Act, number> = { open: 0, write: 0, sync: 0, rename: 0, remove: 0, truncate: 0, folder: 0 }

  constructor(random: () => number = () => 0) {
    this.#random = random
  }

  get usedBytes(): number {
    return [...this.#names.values()].reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /**
   * The process is killed, and the system lives on: what is left. Nothing that open files do is in the result. What a sync
   * failed to force is in doubt no more (see `believe`).
   */
  kill(): MemoryDisk {
    const after = new MemoryDisk(this.#random)
    for (const folder of this.#folders) after.#folders.add(folder)
    const copies = new Map<Inode, Inode>()
    const copyOf = (inode: Inode): Inode => {
      let copy = copies.get(inode)
      if (copy !== undefined) return copy
      copies.set(inode, (copy = new Inode()))
      copy.bytes = Buffer.from(inode.bytes)
      copy.synced = inode.synced
      return copy
    }
    for (const [name, inode] of this.#names) after.#names.set(name, copyOf(inode))
    for (const [name, inode] of this.#syncedNames) after.#syncedNames.set(name, copyOf(inode))
    return after
  }

  /** The process is over. What a sync failed to force is in doubt no more: the next one could not know of it. */
  believe(): void {
    for (const inode of [...this.#names.values(), ...this.#syncedNames.values()]) inode.doubtful = []
  }

  /** The power is gone: what is left. Files that are open stay usable, and nothing they do is in the result. */
  crash(): MemoryDisk {
    const after = new MemoryDisk(this.#random)
    for (const folder of this.#folders) after.#folders.add(folder)
    const names = new Map(this.#syncedNames)
    for (const name of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      const [now, then] = [this.#names.get(name), this.#syncedNames.get(name)]
      if (now === then || this.#random() < 0.5) continue
      if (now === undefined) names.delete(name)
      else names.set(name, now)
    }
    for (const [name, { bytes, synced, doubtful }] of names) {
      const inode = new Inode()
      const appended = bytes.length > synced.length && bytes.subarray(0, synced.length).equals(synced)
      const kept = appended ? Math.floor(this.#random() * (bytes.length - synced.length + 1)) : 0
      inode.bytes = inode.synced = appended ? Buffer.from(bytes.subarray(0, synced.length + kept)) : Buffer.from(synced)
      for (const { start, end } of doubtful) {
        if (this.#random() < 0.5) inode.bytes.subarray(start, end).fill(0)
      }
      after.#names.set(name, inode)
      after.#syncedNames.set(name, inode)
    }
    return after
  }

  /** For looking, and for damage: a file's bytes. */
  bytesOf(path: string): Buffer {
    const inode = this.#names.get(path)
    if (inode === undefined) throw systemError('ENOENT', 'look')
    return inode.bytes
  }

  put(path: string, bytes: Buffer): void {
    const inode = new Inode()
    inode.bytes = inode.synced = Buffer.from(bytes)
    this.#names.set(path, inode)
    this.#syncedNames.set(path, inode)
    this.#folders.add(dirname(path))
  }

  names(): string[] {
    return [...this.#names.keys()].sort()
  }

  #act(act: Act, path: string): void {
    this.counts[act]++
    const code = this.fails(act, path)
    if (code !== undefined) throw systemError(code, act)
  }

  openNow(path: string, mode: OpenMode): DiskFile {
    this.#act('open', path)
    let inode = this.#names.get(path)
    if (mode === 'read' && inode === undefined) throw systemError('ENOENT', 'open')
    if (mode === 'create' || inode === undefined) {
      if (mode === 'create' && inode !== undefined) inode.cut(0)
      else this.#names.set(path, (inode = new Inode()))
    }
    return this.#file(path, inode)
  }

  #file(path: string, inode: Inode): DiskFile {
    let at = 0
    const readNow = (target: Buffer): number => {
      const count = inode.bytes.copy(target, 0, at, at + target.length)
      at += count
      return count
    }
    const writeNow = (pieces: readonly Uint8Array[]): number => {
      this.#act('write', path)
      const all = Buffer.concat(pieces)
      const room = Math.max(0, this.capacityBytes - this.usedBytes)
      if (room === 0 && all.length > 0) throw systemError('ENOSPC', 'write')
      const taken = all.subarray(0, Math.min(room, this.biggestWriteBytes))
      inode.append(taken)
      return taken.length
    }
    const syncNow = ({ bytes, changes }: { bytes: Buffer; changes: number } = inode): void => {
      try {
        this.#act('sync', path)
      } catch (error) {
        inode.failToSync()
        throw error
      }
      inode.sync(bytes, changes)
    }
    return {
      readNow,
      read: async (target) => {
        await this.pause('read')
        return readNow(target)
      },
      writeNow,
      write: async (bytes) => {
        for (let done = 0; done < bytes.length; ) {
          await this.pause('write')
          done += writeNow([bytes.subarray(done)])
        }
      },
      syncNow: () => syncNow(),
      sync: async () => {
        const { bytes, changes } = inode
        await this.pause('sync')
        syncNow({ bytes, changes })
      },
      closeNow: () => {},
      close: async () => {},
    }
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.pause('open')
    return this.openNow(path, mode)
  }
  renameNow(from: string, to: string): void {
    this.#act('rename', to)
    const inode = this.#names.get(from)
    if (inode === undefined) throw systemError('ENOENT', 'rename')
    this.#names.delete(from)
    this.#names.set(to, inode)
  }
  async rename(from: string, to: string): Promise<void> {
    await this.pause('rename')
    this.renameNow(from, to)
  }
  removeNow(path: string): void {
    this.#act('remove', path)
    this.#names.delete(path)
  }
  async remove(path: string): Promise<void> {
    await this.pause('remove')
    this.removeNow(path)
  }
  sizeNow(path: string): number | undefined {
    return this.#names.get(path)?.bytes.length
  }
  async size(path: string): Promise<number | undefined> {
    return this.sizeNow(path)
  }
  truncateNow(path: string, bytes: number): void {
    this.#act('truncate', path)
    const inode = this.#names.get(path)
    if (inode === undefined) throw systemError('ENOENT', 'truncate')
    inode.cut(bytes)
  }
  makeFolderNow(path: string): void {
    this.#act('folder', path)
    this.#folders.add(path)
  }
  listNow(path: string): string[] {
    return this.names()
      .filter((name) => dirname(name) === path)
      .map((name) => name.slice(path.length + 1))
  }
  async list(path: string): Promise<string[]> {
    return this.listNow(path)
  }
  syncFolderNow(path: string): void {
    this.#act('folder', path)
    for (const name of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      if (dirname(name) !== path) continue
      const inode = this.#names.get(name)
      if (inode === undefined) this.#syncedNames.delete(name)
      else this.#syncedNames.set(name, inode)
    }
  }
  async syncFolder(path: string): Promise<void> {
    await this.pause('folder')
    this.syncFolderNow(path)
  }
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  EIO: 'i/o error',
}

function systemError(code: string, act: string): Error {
  return Object.assign(new Error(`${code}: ${words[code] ?? 'failed'}, ${act}`), { code })
}
