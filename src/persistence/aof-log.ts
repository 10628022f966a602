// The end of an append-only file to which the stream is written: what is appended waits in a queue until the turn of the
// event loop is over, goes to the file in one write, and is forced to the disk as appendfsync says. It knows one open file
// and no other; which file that is, and what happens when the disk fails, is told by its owner.
//
// A position counts bytes of the stream, as the offset does. Beside them stand lines that begin with #, which Redis passes
// over: `#TS:<seconds>` (aof-timestamp-enabled), `#HS:<replid>:<offset>`, which says where in a history the next bytes stand,
// and `#B:<count>`, how many bytes of that history follow; a SELECT between these two says in which keyspace, and counts for
// nothing. If somebody else appends to the file, his bytes have no such line, and whoever loads the file does not take them
// for that history.

import type { Env, Timer } from '../env.js'
import { encodeCommand } from '../protocol/parser.js'
import { Backlog } from '../replication/backlog.js'
import type { History } from '../replication/history.js'
import type { Tap } from '../replication/stream.js'
import type { DiskFile } from './disk.js'

export interface AofLogHost {
  readonly env: Env
  readonly history: History
  policy(): string
  stampsTime(): boolean
  /** For now the disk is left to others (no-appendfsync-on-rewrite). */
  sparesDisk(): boolean
  /** Bytes could not be written, or could not be forced to the disk: then nothing is known of those that were written since. */
  failed(kind: 'write' | 'sync', error: Error): void
  /** What could not be written has been. */
  recovered(): void
  /** Everything before that position is on the disk. */
  synced(position: number): void
}

/** A file that is appended to. */
export interface OpenIncrement {
  readonly name: string
  readonly file: DiskFile
  bytes: number
}

const SYNC_EVERY_MS = 1000
const RETRY_EVERY_MS = 1000
/**
 * A write waits for a sync under way, as it might hang behind it; after that long it is tried all the same. Redis waits for
 * two seconds, and a process that is killed then loses what waited; here that is less than the second of everysec.
 */
const MAX_POSTPONED_MS = 500
/** Most pieces in one write: IOV_MAX of Linux is 1024. */
const MAX_PIECES = 512
const QUEUE_BYTES = 64 * 1024
/** While the disk takes nothing, so much may wait: a primary refuses writes then, but a replica's go on. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024

/** Says where in a history the bytes behind it stand. */
export function placeLine(replid: string, offset: number): string {
  return `#HS:${replid}:${offset}\r\n`
}

export class AofLog implements Tap {
  readonly #host: AofLogHost
  #queue: Backlog
  #file: OpenIncrement | null = null
  /** Lines that go before the next bytes. */
  #head: Buffer = Buffer.alloc(0)
  /** A command that is no byte of the stream, and goes between the lines of the next batch. */
  #prefix = ''
  /** The next byte to be written. */
  #position: number
  /** Up to here the lines before the bytes are written: a batch ends between two commands. */
  #batchEnd: number
  /** Everything before it is on the disk. */
  #synced: number
  #syncing: Promise<void> | null = null
  #syncedAt = 0
  #timer: Timer | null = null
  #retry: Timer | null = null
  #isScheduled = false
  #postponedAt: number | null = null
  #notedReplid = ''
  #notedSecond = -1
  #fault: 'none' | 'write' | 'sync' = 'none'
  /** Writes that did not wait any longer for a sync under way. */
  delayedSyncs = 0

  /** The stream's bytes from here on. */
  constructor(host: AofLogHost) {
    this.#host = host
    const { offset } = host.history
    this.#queue = new Backlog(QUEUE_BYTES, offset)
    this.#position = this.#batchEnd = this.#synced = offset
  }

  get increment(): OpenIncrement | null {
    return this.#file
  }
  get queuedBytes(): number {
    return this.#queue.end - this.#position
  }
  get isSyncing(): boolean {
    return this.#syncing !== null
  }
  get fault(): 'none' | 'write' | 'sync' {
    return this.#fault
  }
  get syncedPosition(): number {
    return this.#synced
  }

  append(latin1: string): void {
    this.#queue.append(latin1)
    this.#schedule()
  }

  appendBytes(chunk: Buffer, start: number, end: number): void {
    this.#queue.appendBytes(chunk, start, end)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#fault === 'write' && this.queuedBytes > MAX_WAITING_BYTES) {
      this.#fail('sync', new Error('the disk takes no bytes, and too many wait for it'))
    }
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#host.env.soon(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  /** What comes next stands in keyspace `db` although no SELECT says so: our primary's stream. Between two commands. */
  reposition(db: number): void {
    this.flush()
    if (this.queuedBytes > 0) this.#fail('sync', new Error('the stream goes on elsewhere while bytes of it wait'))
    this.#prefix = encodeCommand(['SELECT', String(db)])
    this.#notedReplid = ''
  }

  /** Writes what waits, and forces it to the disk if that is the policy. Before a reply leaves, and at the end of each turn. */
  flush(): void {
    if (this.#file === null || this.#fault !== 'none') return
    const policy = this.#host.policy()
    if (this.#isDone() && (policy !== 'always' || this.#synced === this.#position)) return
    if (policy === 'everysec' && this.#postpones()) return
    this.#write(policy === 'always')
    if (policy === 'everysec') this.#syncLater()
  }

  /** Writes everything and forces it to the disk, now. Says whether it is there. */
  settle(): boolean {
    if (this.#file === null || this.#fault !== 'none') return false
    this.#write(true)
    return (this.#fault as string) === 'none'
  }

  /** Goes on in that file. What was appended until now is on the disk in the one before, or is not wanted. */
  turnTo(file: OpenIncrement): void {
    this.#file = file
    this.#head = Buffer.alloc(0)
    this.#notedReplid = ''
    this.#position = this.#batchEnd = this.#synced = this.#queue.end
    this.#queue.trim(this.#position)
    this.#fault = 'none'
  }

  /** Closes the file when no sync of it is under way any more. What waits is lost. */
  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    this.#timer?.cancel()
    this.#retry?.cancel()
    this.#timer = this.#retry = null
    await this.#syncing
    await file?.file.close()
  }

  #isDone(): boolean {
    return this.#position === this.#queue.end && this.#head.length === 0
  }

  #postpones(): boolean {
    if (this.#syncing === null) {
      this.#postponedAt = null
      return false
    }
    const now = this.#host.env.monotonic()
    this.#postponedAt ??= now
    if (now - this.#postponedAt < MAX_POSTPONED_MS) {
      this.#tryAgain()
      return true
    }
    this.#postponedAt = null
    this.delayedSyncs++
    this.#host.env.log.info(
      'Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without waiting for fsync to ' +
        'complete, this may slow down the server.',
    )
    return false
  }

  #write(sync: boolean): void {
    const file = this.#file!
    try {
      this.#writeAll(file)
    } catch (error) {
      this.#fail('write', error as Error)
      return
    }
    if (!sync || this.#synced === this.#position) return
    try {
      file.file.syncNow()
    } catch (error) {
      this.#fail('sync', error as Error)
      return
    }
    this.#syncedAt = this.#host.env.monotonic()
    this.#reached(this.#position)
  }

  #reached(position: number): void {
    if (position <= this.#synced) return
    this.#synced = position
    this.#host.synced(position)
  }

  #writeAll(open: OpenIncrement): void {
    while (!this.#isDone()) {
      if (this.#position === this.#batchEnd) this.#beginBatch()
      const pieces = this.#pieces()
      const written = open.file.writeNow(pieces)
      if (written === 0) throw new Error('the disk takes no more bytes')
      open.bytes += written
      const ofHead = Math.min(written, this.#head.length)
      this.#head = this.#head.subarray(ofHead)
      this.#position += written - ofHead
    }
    this.#queue.trim(this.#position)
  }

  /** Between two commands: all that waits is one batch. */
  #beginBatch(): void {
    const { history, env } = this.#host
    this.#batchEnd = this.#queue.end
    let lines = ''
    if (this.#host.stampsTime()) {
      const second = Math.floor(env.now() / 1000)
      if (second > this.#notedSecond) lines += `#TS:${second}\r\n`
      this.#notedSecond = second
    }
    if (history.replid !== this.#notedReplid) {
      this.#notedReplid = history.replid
      lines += placeLine(history.replid, this.#position)
    }
    lines += `${this.#prefix}#B:${this.#batchEnd - this.#position}\r\n`
    this.#prefix = ''
    this.#head = Buffer.concat([this.#head, Buffer.from(lines, 'latin1')])
  }

  #pieces(): Buffer[] {
    const pieces = this.#head.length > 0 ? [this.#head] : []
    for (let at = this.#position; at < this.#batchEnd && pieces.length < MAX_PIECES; ) {
      const piece = this.#queue.read(at)!.subarray(0, this.#batchEnd - at)
      pieces.push(piece)
      at += piece.length
    }
    return pieces
  }

  /** The policy is another one: what it promises holds for what is written already, too. */
  policyChanged(): void {
    this.flush()
    if (this.#host.policy() === 'everysec') this.#syncLater()
  }

  #syncLater(): void {
    // While the disk takes nothing it is not asked: what was written of a part is forced to it after that.
    if (this.#fault !== 'none' || this.#file === null || this.#syncing !== null || this.#timer !== null) return
    if (this.#synced === this.#position) return
    const { env } = this.#host
    const waitMs = Math.max(0, this.#syncedAt + SYNC_EVERY_MS - env.monotonic())
    this.#timer = env.after(waitMs, () => {
      this.#timer = null
      if (this.#host.sparesDisk()) this.#syncedAt = env.monotonic()
      else void this.syncBeside()
      this.#syncLater()
    })
  }

  /** Forces what is written to the disk, beside other work. */
  syncBeside(): Promise<void> {
    if (this.#syncing !== null || this.#file === null || this.#fault !== 'none')
      return this.#syncing ?? Promise.resolve()
    const upTo = this.#position
    const open = this.#file
    const end = (error?: Error): void => {
      this.#syncing = null
      if (this.#file !== open) return
      this.#syncedAt = this.#host.env.monotonic()
      if (error !== undefined) {
        this.#fail('sync', error)
        return
      }
      this.#reached(upTo)
      this.flush()
      this.#syncLater()
    }
    this.#syncing = open.file.sync().then(() => end(), end)
    return this.#syncing
  }

  #fail(kind: 'write' | 'sync', error: Error): void {
    const isNew = this.#fault === 'none'
    this.#fault = kind
    if (isNew || kind === 'sync') this.#host.failed(kind, error)
    if (kind === 'write') this.#tryAgain()
  }

  #tryAgain(): void {
    this.#retry ??= this.#host.env.after(RETRY_EVERY_MS, () => {
      this.#retry = null
      if (this.#file === null || this.#fault === 'sync') return
      if (this.#fault === 'none') {
        this.flush()
        return
      }
      this.#write(this.#host.policy() === 'always')
      if (this.#position !== this.#batchEnd || !this.#isDone() || (this.#fault as string) === 'sync') return
      this.#fault = 'none'
      this.#host.recovered()
      this.#syncLater()
    })
  }
}
