// The invariants. It hangs on to each node from its start, hears of every byte, id and link, and looks at all nodes after
// each step. The first violation ends the run. README.md explains each invariant under its name.

import { NO_REPLID } from '../../src/replication/history.js'
import type { Snapshot } from '../../src/snapshot.js'
import type { Store, Token } from '../../src/store.js'
import type { NetworkEvent } from '../../src/transports/memory-link.js'
import { Branches, short } from './branches.js'
import type { Cluster, SimNode } from './cluster.js'
import { differenceOf, digestOf } from './digest.js'
import { checkLimits } from './limits.js'
import { Promises } from './promises.js'
import type { Crash } from './sim-disk.js'
import { unfitToStream } from './stream-words.js'
import { WireChecker } from './wire.js'

export type Invariant =
  | 'prefix'
  | 'equal data'
  | 'partial resync'
  | 'snapshot first'
  | 'acknowledged'
  | 'whole transactions'
  | 'plain words'
  | 'no own removals'
  | 'old until whole'
  | 'agreement'
  | 'resumption'
  | 'limits'
  | 'nothing left'
  | 'answered'
  | 'applies'
  | 'verified'
  | 'handed over'
  | 'arrived'
  | 'confirmed'
  | 'cut off'
  | 'kept'
  | 'whole files'
  | 'no exception'

export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: Invariant

  constructor(invariant: Invariant, message: string) {
    super(message)
    this.invariant = invariant
  }
}

/** What a run ended with that throws anything else. */
export function violationOf(error: unknown): Violation {
  if (error instanceof Violation) return error
  return new Violation('no exception', error instanceof Error ? (error.stack ?? error.message) : String(error))
}

/** What is known of a node between two looks. */
interface Watched {
  /** Stream position up to which its bytes were compared. */
  position: number
  backlog: object | null
  /** The backlog may begin there, and not later: it was made there, or its size did not reach further back. */
  keptFrom: number
  expired: number
  evicted: number
  /** What it held when a snapshot began to come in; null while none does. */
  heldDuringSync: string | null
  isReplaced: boolean
  /** Its last digest, and the place in the stream it was taken at. */
  place: string
  digest: string
  /** Snapshots that are being taken. */
  snapshots: Snapshot[]
}

/** Each node is summed at least every so many steps. */
const SUMMED_EVERY = 9
/** And more often while another one stands at the same place. */
const SHARED_EVERY = 4

/** What the log says when a peer was not understood, which no peer here gives reason for. */
const MISUNDERSTOOD =
  /cannot be applied|Failed trying to load|that nobody asked for|Unexpected reply|Bad protocol|was not asked for|aborted replication|a line without end|Snapshot for replica .* failed(?!: snapshot given up)/

/** So much of a request has its first word in it. */
const LONGEST_NAME_BYTES = 64

/** What the log says of a replica that is dropped although it lags no more than it may. */
const FELL_OUT = /fell out of the backlog/
const TIMED_OUT = /MASTER timeout|Timeout connecting|timedout replica/

export class Checker {
  readonly branches = new Branches()
  readonly wire: WireChecker
  readonly promises: Promises
  violation: Violation | null = null
  commands = 0
  streamedBytes = 0
  digests = 0
  /** The network is whole and everybody is in step: no link has a reason to break. */
  isCalm = false
  readonly #cluster: Cluster
  readonly #watched = new Map<SimNode, Watched>()
  /** What the data is at a place of a stream, as the first node that was looked at there had it. */
  readonly #known = new Map<string, { digest: string; by: string }>()
  /** Stores whose process was killed: what they still do in that turn nobody hears of. */
  readonly #killed = new WeakSet<Store>()
  /** Places at which a node gave itself a new id, since nobody was left who knew the old one: it holds what it held. */
  readonly #pasts = new Map<SimNode, { replid: string; offset: number }[]>()
  #looks = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.wire = new WireChecker({
      branches: this.branches,
      violated: (invariant, message) => this.violated(invariant, message),
      appliedBy: (name) => cluster.node(name)?.store?.engine.history.offset,
      replidOf: (name) => cluster.node(name)?.store?.engine.history.replid,
    })
    this.promises = new Promises({
      cluster,
      branches: this.branches,
      violated: (invariant, message) => this.violated(invariant, message),
    })
  }

  violated(invariant: Invariant, message: string): void {
    this.violation ??= new Violation(invariant, message)
  }

  network(event: NetworkEvent): void {
    this.wire.saw(event)
    if (event.kind !== 'send' || this.#cluster.node(event.to) !== undefined) return
    const node = this.#cluster.node(event.from)
    if (node !== undefined) this.promises.replied(node, event.to)
  }

  log(node: string, message: string): void {
    this.promises.logged(this.#cluster.node(node)!, message)
    if (MISUNDERSTOOD.test(message)) this.violated('applies', `${node}: ${message}`)
    if (FELL_OUT.test(message)) this.violated('resumption', `${node}: ${message}`)
    if (this.isCalm && TIMED_OUT.test(message)) this.violated('agreement', `${node}, in a whole network: ${message}`)
  }

  openLinks(node: string): number {
    return this.wire.openLinks(node)
  }

  /** A node's store was made: from its first byte on it is looked at. */
  watch(node: SimNode): void {
    const { store } = node
    if (store === null) return
    const { engine } = store
    const { history, stream } = engine
    const watched: Watched = {
      position: 0,
      backlog: null,
      keptFrom: 0,
      expired: 0,
      evicted: 0,
      heldDuringSync: null,
      isReplaced: false,
      place: '',
      digest: '',
      snapshots: [],
    }
    this.#watched.set(node, watched)
    this.#pasts.delete(node)
    this.branches.begin(history.replid, 0, null)

    const { appended } = stream
    const expectOpen = (what: string): boolean => {
      if (node.store !== store && !this.#killed.has(store)) {
        this.violated('nothing left', `${node.name} ${what} after it was closed`)
      }
      return node.store === store
    }
    stream.appended = () => {
      if (expectOpen('writes to its stream')) {
        this.#appended(node, watched)
        this.promises.appended(node)
      }
      appended()
    }
    const { write, writeBytes, writeAll } = stream
    stream.write = (db, latin1) => {
      this.#checkWords(node, latin1)
      write.call(stream, db, latin1)
    }
    stream.writeBytes = (db, chunk, start, end) => {
      this.#checkWords(node, chunk.toString('latin1', start, Math.min(end, start + LONGEST_NAME_BYTES)))
      writeBytes.call(stream, db, chunk, start, end)
    }
    stream.writeAll = (entries) => {
      const { offset } = history
      writeAll.call(stream, entries)
      if (entries.length > 1) this.branches.unite(history.replid, offset)
    }
    const resize = stream.resize.bind(stream)
    stream.resize = (sizeBytes) => {
      if (node.store === store) this.#checkKept(node)
      resize(sizeBytes)
    }
    const reopen = stream.reopen.bind(stream)
    stream.reopen = (sizeBytes) => {
      reopen(sizeBytes)
      watched.keptFrom = history.offset
    }
    const becomeNew = history.becomeNew.bind(history)
    history.becomeNew = () => {
      this.#pasts.set(node, [...(this.#pasts.get(node) ?? []), { replid: history.replid, offset: history.offset }])
      becomeNew()
      this.branches.begin(history.replid, history.offset, null)
    }
    const becomeBranch = history.becomeBranch.bind(history)
    history.becomeBranch = () => {
      const { replid, offset } = history
      if (node.store === store) this.#checkWhole(node)
      becomeBranch()
      this.branches.begin(history.replid, offset, replid)
    }
    const becomeRenamed = history.becomeRenamed.bind(history)
    history.becomeRenamed = (replid) => {
      this.#renamed(node, history.askedFor, replid, history.offset)
      becomeRenamed(replid)
    }
    const becomeCopy = history.becomeCopy.bind(history)
    history.becomeCopy = (replid, offset) => {
      becomeCopy(replid, offset)
      this.#pasts.delete(node)
      if (expectOpen('takes data over')) this.#copied(node)
    }
    const promote = engine.promote.bind(engine)
    engine.promote = (why) => {
      const asker = /^failover request from '(.*)'$/.exec(why ?? '')?.[1]
      if (asker !== undefined && node.store === store) this.#checkHandover(node, asker)
      promote(why)
    }
    const takeSnapshot = engine.takeSnapshot.bind(engine)
    engine.takeSnapshot = (form) => {
      const isFile = form === undefined
      if (!(isFile && node.closing === store) && expectOpen('takes a snapshot')) this.#sum(node, watched, true)
      if (isFile && !this.#killed.has(store)) this.promises.saving(node, store)
      return takeSnapshot(form)
    }
    const take = engine.images.take.bind(engine.images)
    engine.images.take = (form, isAofBase) => {
      const snapshot = take(form, isAofBase)
      watched.snapshots.push(snapshot)
      return snapshot
    }
    store.on('link', (state) => {
      // The last change comes of the closing itself.
      if (node.store === store) this.#linkChanged(node, watched, state)
    })
    store.on('sync', () => {
      watched.isReplaced = true
    })
    if (node.plan.observed) {
      const removed = (what: string) => (key: string) => {
        if (store.role === 'replica') {
          this.violated('no own removals', `${node.name} is a replica, and ${what} ${JSON.stringify(key)} by itself`)
        }
      }
      store.on('expire', removed('expired')).on('evict', removed('evicted'))
    }
    this.promises.watch(node)
  }

  forget(node: SimNode): void {
    this.#watched.delete(node)
  }

  loaded(node: SimNode, from: 'append-only file' | 'snapshot'): void {
    this.promises.loaded(node, from)
  }

  unloadable(node: SimNode, error: unknown): void {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.violated('whole files', `${node.name} cannot load what it wrote: ${what}`)
  }

  emptied(node: SimNode): void {
    this.promises.emptied(node)
  }

  crashed(node: SimNode, how: Crash): void {
    this.promises.crashed(node, how)
    const store = node.store ?? node.closing
    if (store !== null) this.#killed.add(store)
  }

  closed(node: SimNode, store: Store): void {
    this.promises.closed(node, store)
  }

  frozen(node: SimNode): void {
    this.promises.frozen(node)
  }

  /** After a step. Throws what was violated. */
  look(): void {
    this.#looks++
    const nodes = this.#cluster.nodes.filter(({ store }) => store !== null)
    for (const node of nodes) {
      this.#checkRemovals(node)
      this.#checkPast(node)
      this.#checkWhole(node)
      this.#checkKept(node)
      const watched = this.#watched.get(node)!
      watched.snapshots = watched.snapshots.filter(({ isOver }) => !isOver)
      checkLimits(this.#cluster, node, watched.snapshots, (message) => this.violated('limits', message))
    }
    this.#checkData(nodes)
    for (const client of this.#cluster.clients) {
      if (client.replies > client.requests) {
        this.violated('answered', `${client.name} got ${client.replies} replies to ${client.requests} requests`)
      }
    }
    this.throwIfViolated()
  }

  throwIfViolated(): void {
    if (this.violation !== null) throw this.violation
  }

  #appended(node: SimNode, watched: Watched): void {
    const { engine, role } = node.store!
    const { stream, history } = engine
    const { backlog } = stream
    if (backlog === null) return
    if (watched.backlog !== backlog) {
      watched.backlog = backlog
      watched.position = backlog.start
    }
    for (let bytes = backlog.read(watched.position); bytes !== undefined; bytes = backlog.read(watched.position)) {
      const { replid } = history
      const isNew = role === 'primary'
      if (isNew) this.streamedBytes += bytes.length
      const wrong = isNew
        ? this.branches.extend(replid, watched.position, bytes)
        : this.branches.compare(replid, watched.position, bytes)
      if (wrong !== undefined) this.violated('prefix', `${node.name} (${role}): ${wrong}`)
      watched.position += bytes.length
    }
    if (watched.position !== history.offset) {
      const message = `${node.name} counts ${history.offset}, and its stream ends at ${watched.position}`
      this.violated('prefix', message)
    }
  }

  #renamed(node: SimNode, before: string, replid: string, offset: number): void {
    const { branches } = this
    if (branches.origin(before, offset) === branches.origin(replid, offset)) return
    const message = `${node.name} goes on at ${offset} of ${short(before)} with ${short(replid)}, which has another past`
    this.violated('partial resync', message)
  }

  /** A full sync is through: the data is what the primary's was when it took the snapshot. */
  #copied(node: SimNode): void {
    const { history } = node.store!.engine
    const { replid, offset } = history
    if (!this.branches.has(replid) || offset > this.branches.end(replid)) {
      this.violated('prefix', `${node.name} got a snapshot at ${offset} of ${short(replid)}, where no stream was`)
    }
    const watched = this.#watched.get(node)!
    watched.place = ''
    this.#sum(node, watched, true)
  }

  #linkChanged(node: SimNode, watched: Watched, state: string): void {
    if (state === 'sync') {
      watched.heldDuringSync = digestOf(node.store!)
      watched.isReplaced = false
      return
    }
    const { heldDuringSync, isReplaced } = watched
    watched.heldDuringSync = null
    if (heldDuringSync !== null && !isReplaced) this.#compareHeld(node, heldDuringSync)
    if (heldDuringSync !== null && !isReplaced && state === 'connected')
      this.violated('old until whole', `${node.name} is in step before its snapshot was whole`)
  }

  #compareHeld(node: SimNode, held: string): void {
    const now = digestOf(node.store!)
    if (now === held) return
    this.violated('old until whole', `${node.name} held ${held} when its sync began, and ${now} before it was whole`)
  }

  /** A primary asks a replica to take over: that one has everything. */
  #checkHandover(node: SimNode, asker: string): void {
    const primary = this.#cluster.node(asker)
    if (primary?.store?.engine.replication.failover.isYielding !== true || primary.isForced) return
    const [there, here] = [this.#placeOf(primary), this.#placeOf(node)]
    if (there === here) return
    this.violated('handed over', `${node.name} takes over from ${asker} at ${here}, which stands at ${there}`)
  }

  /** A node says that it has what a token stands for. */
  arrived(node: SimNode, store: Store, token: Token): void {
    if (node.store !== store) return
    const { replid, offset } = store.engine.history
    const wanted = this.branches.origin(token.replid, token.offset)
    const isOf = (id: string): boolean => this.branches.origin(id, token.offset) === wanted
    if (offset >= token.offset && isOf(replid)) return
    if (this.#pasts.get(node)?.some((past) => past.offset >= token.offset && isOf(past.replid))) return
    const where = `${short(token.replid)}:${token.offset}`
    this.violated('arrived', `${node.name} says it has ${where}, and stands at ${short(replid)}:${offset}`)
  }

  #checkRemovals(node: SimNode): void {
    const watched = this.#watched.get(node)!
    const { engine, role } = node.store!
    const { expired, evicted } = engine.stats
    const removed = expired - watched.expired + evicted - watched.evicted
    if (role === 'replica' && node.rolesSinceLook === 0 && removed > 0) {
      this.violated('no own removals', `${node.name} is a replica, and expired or evicted ${removed} keys by itself`)
    }
    node.rolesSinceLook = 0
    watched.expired = expired
    watched.evicted = evicted
  }

  /** A replica has all of a transaction or nothing of it. */
  #checkWhole({ name, store }: SimNode): void {
    const { replid, offset } = store!.engine.history
    if (store!.role === 'primary' || !this.branches.isWithin(replid, offset)) return
    this.violated('whole transactions', `${name} stands at ${offset} of ${short(replid)}, within a transaction`)
  }

  /** Who comes back finds as much in the backlog as its size promises. */
  #checkKept(node: SimNode): void {
    const { backlog } = node.store!.engine.stream
    if (backlog === null) return
    const { start, end, sizeBytes } = backlog
    const watched = this.#watched.get(node)!
    watched.keptFrom = Math.max(watched.keptFrom, end - sizeBytes)
    if (start <= watched.keptFrom) return
    const message = `the backlog of ${node.name} begins at ${start}, and may reach back to ${watched.keptFrom}`
    this.violated('resumption', message)
  }

  #checkWords({ name }: SimNode, request: string): void {
    const unfit = unfitToStream(request)
    if (unfit !== undefined) this.violated('plain words', `${name} streams ${unfit}`)
  }

  /** What a node would let others go on with from before its id is its own past. */
  #checkPast({ name, store }: SimNode): void {
    const { replid, replid2, secondOffset } = store!.engine.history
    if (replid2 === NO_REPLID) return
    const [past, claimed] = [replid, replid2].map((id) => this.branches.origin(id, secondOffset - 1))
    if (past === claimed) return
    const message = `${name} claims that ${short(replid)} was ${short(replid2)} up to ${secondOffset}, which it was not`
    this.violated('prefix', message)
  }

  /** Nodes at one place of one stream hold the same. */
  #checkData(nodes: readonly SimNode[]): void {
    const places = new Map<string, number>()
    for (const node of nodes) {
      const place = this.#placeOf(node)
      places.set(place, (places.get(place) ?? 0) + 1)
    }
    for (const [i, node] of nodes.entries()) {
      const place = this.#placeOf(node)
      const isDue = (this.#looks + i) % SUMMED_EVERY === 0
      const isShared = (places.get(place) ?? 0) > 1 && (this.#looks + i) % SHARED_EVERY === 0
      if (isDue || isShared) this.#sum(node, this.#watched.get(node)!, isDue)
      const { heldDuringSync, isReplaced } = this.#watched.get(node)!
      if (isDue && heldDuringSync !== null && !isReplaced) this.#compareHeld(node, heldDuringSync)
    }
  }

  #placeOf({ store }: SimNode): string {
    const { replid, offset } = store!.engine.history
    return this.branches.origin(replid, offset)
  }

  /** Compares what a node holds with what others held at the same place. */
  #sum(node: SimNode, watched: Watched, anew: boolean): void {
    const { engine } = node.store!
    // While nobody reads the stream, changes do not move the offset.
    if (!engine.stream.active) return
    const place = this.#placeOf(node)
    if (watched.place === place && !anew) return
    const digest = digestOf(node.store!)
    this.digests++
    watched.place = place
    watched.digest = digest
    const known = this.#known.get(place)
    if (known === undefined) this.#known.set(place, { digest, by: node.name })
    else if (known.digest !== digest) {
      const other = this.#cluster.nodes.find(
        (one) => one !== node && one.store !== null && this.#placeOf(one) === place,
      )
      const detail =
        other === undefined ? '' : `; ${other.name} is there too: ${differenceOf(other.store!, node.store!)}`
      this.violated(
        'equal data',
        `at ${place.slice(0, 6)}${place.slice(40)} ${known.by} held ${known.digest}, and ${node.name} holds ${digest}${detail}`,
      )
    }
  }
}
