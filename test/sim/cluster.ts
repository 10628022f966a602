// The nodes and clients of one run on one network with one virtual clock, and the lives they lead: nodes start, close, crash
// and come back, with nothing or with what their disk holds; clients connect, ask, stop reading, and go. Real stores; only Env and Links are the network's.

import { argOfLatin1 } from '../../src/bytes.js'
import { StoreError } from '../../src/errors.js'
import { encodeCommand } from '../../src/protocol/parser.js'
import { Store } from '../../src/store.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import type { NetworkEvent } from '../../src/transports/memory-link.js'
import type { NodePlan, Schedule } from './schedule.js'
import { SimClient } from './sim-client.js'
import { type Crash, FOLDER, SimDisk } from './sim-disk.js'
import { Trace } from './trace.js'

export interface SimNode {
  readonly name: string
  readonly plan: NodePlan
  /** Null while it is away. */
  store: Store | null
  /** One that was told to end, and is writing its files. */
  closing: Store | null
  /** Null without a folder. */
  readonly disk: SimDisk | null
  /** Its files are being loaded; the append-only file, and not the snapshot. */
  isLoading: boolean
  loadsLog: boolean
  /** Settings that outlive the process, as if they were rewritten into its configuration. */
  readonly settings: Record<string, string>
  /** Called when it crashes. */
  gone: () => void
  /** The failover that it was asked for last may go without what the target has not. */
  isForced: boolean
  /** Whom it was told to follow; null: nobody. */
  follows: string | null
  /** How often its role changed since it was looked at last. */
  rolesSinceLook: number
  /** Clients that it might serve, or did, when it was looked at last. */
  clients: number
  /** The largest size of its backlog since that was written to. */
  backlogBytes: number
  backlogEnd: number
  /** Replicas that lag further behind than they may: since when, and how long the stream was at the last look. */
  readonly laggards: Map<object, { sinceMs: number; offset: number }>
}

export interface ClusterWatch {
  network(event: NetworkEvent): void
  log(node: string, message: string): void
  watch(node: SimNode): void
  forget(node: SimNode): void
  /** Its files are loaded. */
  loaded(node: SimNode, from: 'append-only file' | 'snapshot'): void
  /** What was damaged is not loaded; what was is loaded as something else, or cannot be loaded. */
  unloadable(node: SimNode, error: unknown): void
  /** Its disk is a new one. */
  emptied(node: SimNode): void
  crashed(node: SimNode, how: Crash): void
  closed(node: SimNode, store: Store): void
  frozen(node: SimNode): void
  /** Links that a node holds an end of. */
  openLinks(node: string): number
}

export class Cluster {
  readonly plan: Schedule
  readonly net: MemoryNetwork
  readonly trace: Trace
  readonly nodes: SimNode[]
  readonly clients: SimClient[] = []
  /** Names of nodes whose time stands still. */
  readonly frozen = new Set<string>()
  /** What was started and has not come to an end, by what it is. */
  readonly outstanding = new Set<{ what: string; node: SimNode }>()
  /** Set before the first node starts. */
  checks!: ClusterWatch
  readonly #now: () => number

  constructor(plan: Schedule, isTraced: boolean) {
    this.plan = plan
    const { split, highWaterBytes, lookMs } = plan.network
    this.net = new MemoryNetwork({
      seed: plan.seed,
      split,
      highWaterBytes,
      lookMs,
      watch: (event) => {
        this.trace.network(event)
        this.checks.network(event)
      },
    })
    this.#now = this.net.env('the run').now
    this.trace = new Trace(isTraced, () => this.nowMs)
    this.nodes = plan.nodes.map((one) => ({
      name: one.name,
      plan: one,
      store: null,
      closing: null,
      disk: one.files ? new SimDisk(plan.seed, one.name, () => this.nowMs) : null,
      isLoading: false,
      loadsLog: false,
      settings: {},
      gone: () => {},
      isForced: false,
      follows: null,
      rolesSinceLook: 0,
      clients: 0,
      backlogBytes: 0,
      backlogEnd: 0,
      laggards: new Map(),
    }))
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#now() - START_MS
  }

  node(name: string): SimNode | undefined {
    return this.nodes.find((node) => node.name === name)
  }

  /** `*2` is one of the primaries that are there, by number; anything else is a node's name. Undefined when it is away. */
  living(name: string): { node: SimNode; store: Store } | undefined {
    let node = this.node(name)
    if (name.startsWith('*')) {
      const primaries = this.nodes.filter(({ store }) => store?.role === 'primary')
      node = primaries[Number(name.slice(1)) % primaries.length]
    }
    return node?.store == null ? undefined : { node, store: node.store }
  }

  async start(node: SimNode): Promise<void> {
    if (node.store !== null) return
    const { name, plan, disk } = node
    let made: Store | null = null
    const env = this.net.env(name, { log: this.#logOf(node, () => made) })
    const store = new Store({
      env,
      config: { ...plan.config, ...node.settings },
      max: plan.max,
      dial: (host) => this.net.at(host),
    })
    node.store = made = store
    node.follows = null
    node.laggards.clear()
    this.checks.watch(node)
    store.on('role', (role) => {
      node.rolesSinceLook++
      // A failover, or the end of one that came to nothing, changes whom it follows.
      if (role === 'primary') node.follows = null
      else if (store.engine.replication.failover.isYielding) node.follows = store.engine.primary()!.host
      this.trace.add(name, `is a ${role} at ${placeOf(store)}`)
    })
    store.on('link', (state) => this.trace.add(name, `link ${state} at ${placeOf(store)}`))
    store.on('replica', (replica) => this.trace.add(name, `replica ${replica.name} ${replica.state}`))
    if (plan.observed) store.on('set', () => {}).on('delete', () => {})
    if (disk === null) await store.listen(this.net.at(name))
    else {
      this.thaw(name)
      node.isLoading = true
      node.loadsLog = store.engine.config.flag('appendonly') && disk.has('/appendonly.aof.manifest')
      const opened = store.openFile(() => FOLDER, { disk: disk.attach(env) })
      const ended = this.#ends(node, opened)
      // It may have crashed at the first act of its disk.
      if (!node.isLoading) return
      await store.listen(this.net.at(name))
      const isUp = await this.#loaded(node, await ended())
      if (!isUp) return
    }
    this.trace.add(name, `starts at ${placeOf(store)}`)
  }

  /** Whether it goes on. */
  async #loaded(node: SimNode, end: unknown): Promise<boolean> {
    const { name, loadsLog } = node
    const disk = node.disk!
    // It may have crashed in the same moment.
    if (end === 'gone' || !node.isLoading) return false
    // Commands carry no checksum: whatever was loaded of them may be anything.
    const isUseless = disk.rot === 'increment' && loadsLog
    if (end === 'done' && !isUseless) {
      this.checks.loaded(node, loadsLog ? 'append-only file' : 'snapshot')
      node.isLoading = false
      return true
    }
    if (end !== 'done') this.trace.add(name, `cannot load its files: ${(end as Error).message}`)
    const isExplained = end === 'done' || (end instanceof StoreError && (disk.rot !== null || disk.isFaulty))
    if (!isExplained) this.checks.unloadable(node, end)
    const { rot } = disk
    this.crash(node, false)
    if (rot === null || !isExplained) return false
    this.trace.add(name, 'gets a new disk')
    disk.renew()
    this.checks.emptied(node)
    await this.start(node)
    return false
  }

  /** Moves the clock until the promise is settled, or the node is no more: `done`, `gone`, or an error. */
  #ends(node: SimNode, promise: Promise<unknown>): () => Promise<unknown> {
    const gone = new Promise((resolve) => {
      node.gone = () => resolve('gone')
    })
    const ended = Promise.race([
      promise.then(
        () => 'done',
        (error: unknown) => error,
      ),
      gone,
    ])
    return () => this.net.until(ended, LONGEST_MS)
  }

  /** The process ends in good order. Gives what it left behind, in words. */
  async close(node: SimNode): Promise<string | undefined> {
    const { store, name, disk } = node
    if (store === null) return undefined
    const wasFaulty = disk?.isFaulty === true || store.engine.appendOnly?.fault != null
    if (disk !== null) this.thaw(name)
    this.checks.forget(node)
    node.store = null
    if (disk === null) await store.close()
    else {
      node.closing = store
      const end = await this.#ends(node, store.close())()
      if (end === 'gone') return undefined
      if (end === 'done') this.checks.closed(node, store)
      else if (!(end instanceof StoreError && end.code === 'FILE' && (wasFaulty || disk.isFaulty))) throw end
      else {
        this.trace.add(name, `did not save all: ${end.message}`)
        this.checks.crashed(node, 'kill')
      }
      node.closing = null
    }
    this.trace.add(name, 'closed')
    const [timers, links] = [this.net.timers(name), this.checks.openLinks(name)]
    return timers + links === 0 ? undefined : `${name} left ${timers} timers and ${links} links behind`
  }

  /** The process is killed, or the machine loses its power. With `silent` nobody hears of it. */
  crash(node: SimNode, silent: boolean, how: Crash = 'kill'): void {
    if (node.store === null && node.closing === null) return
    this.checks.crashed(node, how)
    if (node.store !== null) this.checks.forget(node)
    node.store = node.closing = null
    node.isLoading = false
    this.net.crash(node.name, { silent })
    node.disk?.crash(how)
    this.frozen.delete(node.name)
    for (const one of [...this.outstanding]) if (one.node === node) this.outstanding.delete(one)
    const lost = node.disk !== null && how === 'power' ? ', and its power is lost' : ''
    this.trace.add(node.name, `${silent ? 'crashed, and nobody hears of it' : 'crashed'}${lost}`)
    node.gone()
  }

  freeze(name: string): void {
    const node = this.node(name)
    if (node !== undefined) this.checks.frozen(node)
    this.frozen.add(name)
    this.net.freeze(name)
  }

  thaw(name: string): void {
    this.frozen.delete(name)
    this.net.thaw(name)
  }

  follow(node: SimNode, target: string): void {
    const store = node.store!
    if (!this.#isFree(node)) return
    node.follows = target
    this.begin(`${node.name} follows ${target}`, node, store.replicaOf(this.net.at(target)))
  }

  async promote(node: SimNode): Promise<void> {
    if (!this.#isFree(node)) return
    node.follows = null
    await node.store!.promote()
  }

  /** Whom it follows is not changed by others while it hands its role over. */
  #isFree({ name, store }: SimNode): boolean {
    const { isUnderWay } = store!.engine.replication.failover
    if (isUnderWay) this.trace.add(name, 'is failing over')
    return !isUnderWay
  }

  /** Something that ends later. How it ends is not looked at, that it ends is. */
  begin(what: string, node: SimNode, promise: Promise<unknown>): void {
    const entry = { what, node }
    this.outstanding.add(entry)
    const ended = (how: string): void => {
      if (this.outstanding.delete(entry)) this.trace.add(node.name, `${what}: ${how}`)
    }
    promise.then(
      () => ended('done'),
      (error: { code?: string }) => ended(`failed, ${error.code ?? 'without a code'}`),
    )
  }

  client(name: string): SimClient {
    let client = this.clients.find((one) => one.name === name)
    if (client === undefined) this.clients.push((client = new SimClient(name, this.net, this.trace)))
    return client
  }

  /** Requests in latin1 form as one piece of bytes. */
  encode(requests: readonly (readonly string[])[]): string {
    return requests.map((argv) => encodeCommand(argv.map(argOfLatin1))).join('')
  }

  #logOf(node: SimNode, store: () => Store | null) {
    const { name } = node
    const say = (level: string) => (message: string) => {
      // One that crashed comes to the end of what it was doing, and nobody hears of that.
      const isGone = node.disk !== null && node.store !== store() && node.closing !== store()
      if (isGone) return
      this.trace.add(name, `${level}: ${message}`)
      this.checks.log(name, message)
    }
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  }
}

/** Longer takes no load and no end. */
const LONGEST_MS = 120_000
const START_MS = Date.UTC(2026, 0, 1)

export function placeOf(store: Store): string {
  const { replid, offset } = store.engine.history
  return `${replid.slice(0, 6)}:${offset}`
}
