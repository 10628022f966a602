// What the files of nodes promise, and whether it is kept: how far the stream has to be in the append-only file by its
// policy, which saves were reported done, and what was held at each place of the stream that a file may come back with.

import type { Engine } from '../../src/engine/engine.js'
import { RequestParser } from '../../src/protocol/parser.js'
import type { Tap } from '../../src/replication/stream.js'
import { Store } from '../../src/store.js'
import type { Branches } from './branches.js'
import type { Cluster, SimNode } from './cluster.js'
import { digestOf } from './digest.js'
import type { Crash } from './sim-disk.js'

/** All data at a place of the stream, as an RDB file. */
interface Copy {
  readonly offset: number
  readonly rdb: Buffer
}

/** What went into one append-only file, from its first base on. */
class Line {
  /** Which id the stream had from where on. */
  readonly ids: { replid: string; start: number }[]
  readonly start: number
  readonly copies: Copy[] = []
  #bytes = Buffer.alloc(4096)
  #length = 0

  constructor(replid: string, start: number) {
    this.ids = [{ replid, start }]
    this.start = start
  }

  get end(): number {
    return this.start + this.#length
  }

  append(bytes: Buffer): void {
    if (this.#length + bytes.length > this.#bytes.length) {
      const larger = Buffer.alloc(2 * (this.#length + bytes.length))
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  read(from: number, to: number): Buffer {
    return Buffer.from(this.#bytes.subarray(from - this.start, to - this.start))
  }

  /** Whether its stream was ever there. */
  reaches(offset: number): boolean {
    return this.start <= offset && offset <= this.end
  }

  /** The file came back with the stream up to there: it goes on from that place. */
  cut(offset: number): void {
    this.#length = offset - this.start
    while (this.ids.length > 1 && this.ids.at(-1)!.start > offset) this.ids.pop()
    while (this.copies.length > 0 && this.copies.at(-1)!.offset > offset) this.copies.pop()
  }
}

/** Of one node, whatever becomes of its processes. */
interface Kept {
  /** The newest last: a file that was being begun may be missing after a crash, and the one before it is there. */
  lines: Line[]
  isTapped: boolean
  /** There is a base, and the stream goes into the file behind it. */
  isWhole: boolean
  /** The stream up to there is on the disk, by the policy; -1: nothing is promised. */
  floor: number
  /** The same for a process that is killed on a system that lives on. */
  handed: number
  /** Where the stream stood some time ago. */
  samples: { atMs: number; offset: number }[]
  /** The last place at which each client wrote. */
  wrote: Map<string, { by: object; offset: number }>
  promised: number
  /** Nothing took bytes from its file: it ends where a batch of commands does. */
  isClean: boolean
  /** The offset with which it came back. */
  cameBackAt: number
  saves: { digest: string; isDone: boolean }[]
  /** A full sync put other data there since the last save began. */
  isReplaced: boolean
}

export interface PromisesHost {
  readonly cluster: Cluster
  readonly branches: Branches
  violated(invariant: 'kept' | 'whole files' | 'whole transactions', message: string): void
}

const LINES_KEPT = 32
const COPIES_KEPT = 3
/** everysec: a byte waits for the sync under way, for the next second, and for the sync after it; and for a busy node. */
const EVERY_MS = 1000
const BUSY_MS = 300
/** Places of the stream that stand so close together are one. */
const SAMPLE_MS = 20
/** A store that holds nothing. */
const EMPTY = '0:811c9dc59e3779b9'

export class Promises {
  readonly #host: PromisesHost
  readonly #kept = new Map<SimNode, Kept>()
  /** Restarts whose data was compared with what was streamed. */
  compared = 0

  constructor(host: PromisesHost) {
    this.#host = host
  }

  #of(node: SimNode): Kept {
    let kept = this.#kept.get(node)
    if (kept === undefined) this.#kept.set(node, (kept = nothing()))
    return kept
  }

  // What happens to a node

  /** A process of it begins, and has not opened its files. */
  watch(node: SimNode): void {
    if (node.disk === null) return
    const store = node.store!
    const { engine } = store
    const { images, stream, history, config } = engine
    const kept = this.#of(node)
    kept.isTapped = false
    kept.isWhole = false
    kept.samples = []
    kept.wrote.clear()
    const isOurs = (): boolean => node.store === store || node.closing === store

    let tap: Tap | null = null
    Object.defineProperty(stream, 'tap', {
      get: () => tap,
      set: (inner: Tap | null) => {
        tap = inner === null ? null : recording(inner, (bytes) => isOurs() && kept.lines.at(-1)!.append(bytes))
        if (!isOurs()) return
        // A file that was just loaded goes on where it ended; any other begins here.
        if (tap !== null && !(node.isLoading && kept.isTapped)) this.#begin(kept, history.replid, history.offset)
        kept.isTapped = tap !== null
      },
    })
    const renamed = (): void => {
      if (isOurs() && kept.isTapped) kept.lines.at(-1)!.ids.push({ replid: history.replid, start: history.offset })
    }
    for (const name of ['becomeNew', 'becomeBranch', 'becomeRenamed'] as const) {
      const become: (replid: string) => void = history[name].bind(history)
      history[name] = (replid: string = '') => {
        become(replid)
        renamed()
      }
    }
    const becomeRestored = history.becomeRestored.bind(history)
    history.becomeRestored = (replid, offset) => {
      if (isOurs()) this.#restored(node, kept, replid, offset)
      becomeRestored(replid, offset)
    }
    const becomeCopy = history.becomeCopy.bind(history)
    history.becomeCopy = (replid, offset) => {
      becomeCopy(replid, offset)
      if (!isOurs()) return
      void_(kept)
      kept.isReplaced = true
    }
    const take = images.take.bind(images)
    images.take = (form, base) => {
      if (base != null && isOurs()) {
        // BGREWRITEAOF while the file is off: a base, and no stream behind it.
        if (!kept.isTapped) this.#begin(kept, history.replid, history.offset)
        const copy = take(form, 'rdb')
        const chunks: Buffer[] = []
        while (!copy.done) chunks.push(...copy.read(Number.POSITIVE_INFINITY))
        const { copies } = kept.lines.at(-1)!
        copies.push({ offset: history.offset, rdb: Buffer.concat(chunks) })
        if (copies.length > COPIES_KEPT) copies.shift()
      }
      return take(form, base)
    }
    const execute = engine.execute.bind(engine)
    engine.execute = (client, argv, parser) => {
      const { offset } = history
      const name = client.link?.remote ?? ''
      // What its connection before this one wrote, and was not answered, nobody promised.
      if (kept.wrote.get(name)?.by !== client) kept.wrote.delete(name)
      execute(client, argv, parser)
      if (client.kind === 'normal' && history.offset > offset && engine.lookup(argv)?.isWrite === true) {
        kept.wrote.set(name, { by: client, offset: history.offset })
      }
    }
    config.on('appendonly', (value) => {
      if (value === 'yes' || !isOurs()) return
      void_(kept)
    })
    config.on('appendfsync', () => this.#interrupted(node))
  }

  appended(node: SimNode): void {
    if (node.disk === null || this.#host.cluster.frozen.has(node.name)) return
    const { engine } = node.store!
    const kept = this.#of(node)
    if (!kept.isWhole || engine.appendOnly?.fault != null || engine.config.text('appendfsync') === 'no') return
    this.#settle(node, kept)
    this.#sample(kept, engine.history.offset)
  }

  #sample(kept: Kept, offset: number): void {
    const atMs = this.#host.cluster.nowMs
    if (atMs - (kept.samples.at(-1)?.atMs ?? -SAMPLE_MS) >= SAMPLE_MS) kept.samples.push({ atMs, offset })
  }

  /** Something leaves for a client: what its requests did has to be as safe as the policy says. */
  replied(node: SimNode, client: string): void {
    const store = node.store
    if (node.disk === null || store === null || store.role === 'replica') return
    const { history, appendOnly, config } = store.engine
    const kept = this.#of(node)
    if (!kept.isWhole || appendOnly === null) return
    const policy = config.text('appendfsync')
    if (appendOnly.fault !== null) {
      if (policy === 'always') kept.floor = Math.max(kept.floor, kept.wrote.get(client)?.offset ?? -1)
      return
    }
    if (policy === 'always') kept.floor = Math.max(kept.floor, history.offset)
    if (policy !== 'everysec' || appendOnly.queuedBytes === 0) kept.handed = Math.max(kept.handed, history.offset)
  }

  logged(node: SimNode, message: string): void {
    if (node.disk === null) return
    const kept = this.#of(node)
    if (message === 'DB saved on disk') {
      kept.saves = kept.saves.slice(-1)
      kept.saves[0].isDone = true
    } else if (message === 'Background AOF rewrite finished successfully') {
      if (node.store?.engine.config.flag('appendonly') && kept.isTapped) kept.isWhole = true
    } else if (/^Fail to fsync the AOF file/.test(message)) {
      this.#interrupted(node)
      kept.isWhole = false
    } else if (/^Error writing to the AOF file/.test(message)) this.#interrupted(node)
  }

  /** A save into the file begins. */
  saving(node: SimNode, store: Store): void {
    if (node.disk === null) return
    const kept = this.#of(node)
    kept.saves.push({ digest: digestOf(store), isDone: false })
    kept.isReplaced = false
  }

  /** Its time stands still: what the policy does by the clock is late. */
  frozen(node: SimNode): void {
    this.#interrupted(node)
  }

  crashed(node: SimNode, how: Crash): void {
    if (node.disk === null) return
    const kept = this.#of(node)
    this.#settle(node, kept)
    if (how === 'power') kept.handed = -1
    kept.promised = Math.max(kept.floor, kept.handed)
    const engine = (node.store ?? node.closing)!.engine
    kept.isClean = how === 'kill' && !node.disk.isFaulty && kept.isWhole && this.#saysItsPlace(kept, engine)
    kept.samples = []
  }

  /** Since what was torn from its file it wrote, and with that where it stands. */
  #saysItsPlace(kept: Kept, { appendOnly, history }: Engine): boolean {
    if (appendOnly === null || appendOnly.fault !== null || appendOnly.queuedBytes > 0) return false
    return kept.isClean || history.offset > kept.cameBackAt
  }

  /** It was closed, and nothing failed: everything is in its files. */
  closed(node: SimNode, store: Store): void {
    if (node.disk === null) return
    const kept = this.#of(node)
    const { config, history } = store.engine
    kept.isClean = this.#saysItsPlace(kept, store.engine)
    if (config.flag('appendonly') && kept.isWhole) kept.floor = kept.handed = kept.promised = history.offset
    // What was past its time went since the last save, which is no change, as in Redis.
    const { changesSinceSave } = store.engine
    const last = changesSinceSave > 0 || kept.isReplaced ? [] : kept.saves.filter(({ isDone }) => isDone).slice(-3)
    kept.saves = [...last, { digest: digestOf(store), isDone: true }]
  }

  /** Its disk is another one. */
  emptied(node: SimNode): void {
    this.#kept.set(node, nothing())
  }

  /** Its files are loaded. */
  loaded(node: SimNode, from: 'append-only file' | 'snapshot'): void {
    const kept = this.#of(node)
    const store = node.store!
    const { history, config } = store.engine
    if (from === 'snapshot') this.#checkSaves(node, kept, store)
    else if (!kept.isTapped) throw new Error(`${node.name} has an append-only file that takes nothing`)
    else if (kept.lines.length > 0) this.#checkData(node, kept, store)
    kept.isWhole = config.flag('appendonly')
    kept.handed = kept.isWhole ? history.offset : -1
    // Without a place it stands in a history of its own.
    if (from === 'snapshot' || history.secondOffset < 0) kept.floor = -1
    kept.samples = []
    kept.isReplaced = false
    kept.cameBackAt = history.offset
    if (kept.isWhole) this.#sample(kept, history.offset)
  }

  #begin(kept: Kept, replid: string, offset: number): void {
    kept.lines.push(new Line(replid, offset))
    if (kept.lines.length > LINES_KEPT) kept.lines.shift()
  }

  /** The stream's promises go by the clock no longer; what was promised by now stays. */
  #interrupted(node: SimNode): void {
    if (node.disk === null || node.store === null) return
    const kept = this.#of(node)
    this.#settle(node, kept)
    kept.samples = []
  }

  #settle(node: SimNode, kept: Kept): void {
    const { engine } = node.store ?? node.closing ?? {}
    if (engine === undefined || engine.config.text('appendfsync') === 'no') return
    const lateMs = EVERY_MS + BUSY_MS + 2 * node.disk!.slowestMs
    const dueMs = this.#host.cluster.nowMs - lateMs
    while (kept.samples.length > 0 && kept.samples[0].atMs <= dueMs) {
      kept.floor = Math.max(kept.floor, kept.samples.shift()!.offset)
    }
  }

  // What comes back

  /** A file says where its data stand. */
  #restored(node: SimNode, kept: Kept, replid: string, offset: number): void {
    if (!node.isLoading || !node.loadsLog || node.disk!.rot === 'increment') return
    const { branches } = this.#host
    const place = branches.origin(replid, offset)
    const at = kept.lines.findLastIndex((line) =>
      line.ids.some((id) => line.reaches(offset) && branches.origin(id.replid, offset) === place),
    )
    if (at < 0) {
      if (kept.lines.length === LINES_KEPT) return
      const where = `${replid.slice(0, 6)}:${offset}`
      this.#host.violated('whole files', `${node.name} comes back at ${where}, where its append-only file never was`)
      return
    }
    if (this.#host.branches.isWithin(replid, offset)) {
      this.#host.violated('whole transactions', `${node.name} comes back at ${offset}, within a transaction`)
    }
    if (offset < kept.promised) {
      const lost = `${kept.promised} bytes of its stream were promised to be there, and ${offset} are`
      this.#host.violated('kept', `${node.name} comes back, ${lost}`)
    }
    kept.lines.length = at + 1
    kept.lines[at].cut(offset)
    kept.isTapped = true
  }

  #checkSaves(node: SimNode, kept: Kept, store: Store): void {
    if (kept.promised >= 0 && store.engine.config.flag('appendonly')) {
      this.#host.violated('kept', `${node.name} comes back without its append-only file`)
    }
    const digest = digestOf(store)
    if (kept.saves.some((save) => save.digest === digest)) return
    const known = kept.saves.map((save) => `${save.digest}${save.isDone ? '' : ' (perhaps)'}`).join(', ')
    this.#host.violated('kept', `${node.name} comes back with ${digest} of its snapshot, where ${known} was saved`)
  }

  /** Compares what was loaded with what was streamed up to that place. */
  #checkData(node: SimNode, kept: Kept, store: Store): void {
    const { secondOffset } = store.engine.history
    const digest = digestOf(store)
    if (secondOffset >= 0) {
      const at = secondOffset - 1
      const line = kept.lines.at(-1)!
      const copy = line.copies.findLast(({ offset }) => offset <= at)
      if (copy === undefined) return
      const expected = this.#replay(copy, line.read(copy.offset, at), () => false)
      if (expected === digest) return
      this.#host.violated('whole files', `${node.name} comes back at ${at} with ${digest}, where ${expected} was held`)
      return
    }
    if (kept.isClean) {
      this.#host.violated('whole files', `${node.name} comes back, and its file does not say where its data stand`)
    }
    // It does not know where it stands: it has to be somewhere behind what was promised.
    for (const line of kept.lines.slice(0, -1).reverse()) {
      const copy = line.copies.findLast(({ offset }) => offset <= Math.max(kept.promised, line.copies[0].offset))
      if (copy === undefined) return
      const isIt = (offset: number, held: () => string): boolean => offset >= kept.promised && held() === digest
      if (this.#replay(copy, line.read(copy.offset, line.end), isIt) === digest) return
    }
    // After so many beginnings, as on a full disk, what was before them is not known any more.
    if (kept.lines.length > 1 && kept.lines.length < LINES_KEPT) {
      this.#host.violated('kept', `${node.name} comes back with ${digest}, which it never held, or not of late`)
    }
  }

  /** What is held after these bytes of the stream, or at the first place, between two commands, that `isIt`. */
  #replay({ offset, rdb }: Copy, bytes: Buffer, isIt: (offset: number, held: () => string) => boolean): string {
    this.compared++
    const reference = new Store({ env: this.#host.cluster.net.env('what was streamed') })
    const { images, upstream } = reference.engine
    const load = images.beginRestore()
    load.write(rdb)
    load.commit()
    const held = (): string => digestOf(reference)
    const parser = new RequestParser({ maxBulkBytes: 2 ** 29, maxArguments: 2 ** 24 })
    parser.feed(bytes)
    for (let at = 0; !isIt(offset + at, held) && parser.next(); at = parser.consumedBytes) {
      upstream.apply(bytes.subarray(at, parser.consumedBytes))
    }
    const digest = held()
    void reference.close()
    return digest
  }
}

function nothing(): Kept {
  return {
    lines: [],
    isTapped: false,
    isWhole: false,
    floor: -1,
    handed: -1,
    samples: [],
    wrote: new Map(),
    promised: -1,
    isClean: false,
    cameBackAt: 0,
    saves: [{ digest: EMPTY, isDone: true }],
    isReplaced: false,
  }
}

/** What was promised was promised of other data, or of a file that nobody wants any more. */
function void_(kept: Kept): void {
  kept.isWhole = false
  kept.floor = kept.handed = kept.promised = -1
  kept.samples = []
  kept.wrote.clear()
}

function recording(inner: Tap, record: (bytes: Buffer) => void): Tap {
  return {
    append: (latin1) => {
      record(Buffer.from(latin1, 'latin1'))
      inner.append(latin1)
    },
    appendBytes: (chunk, start, end) => {
      record(chunk.subarray(start, end))
      inner.appendBytes(chunk, start, end)
    },
  }
}
