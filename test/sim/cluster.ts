// The nodes and clients of one run on one network with one virtual clock, and the lives they lead: nodes start, close, crash
// and come back with nothing; clients connect, ask, stop reading, and go. Real stores; only Env and Links are the network's.

import { argOfLatin1 } from '../../src/bytes.js'
import { encodeCommand } from '../../src/protocol/parser.js'
import { Store } from '../../src/store.js'
import { MemoryNetwork } from '../../src/transports/memory.js'
import type { NetworkEvent } from '../../src/transports/memory-link.js'
import type { NodePlan, Schedule } from './schedule.js'
import { SimClient } from './sim-client.js'
import { Trace } from './trace.js'

export interface SimNode {
  readonly name: string
  readonly plan: NodePlan
  /** Null while it is away. */
  store: Store | null
  /** Whom it was told to follow; null: nobody. */
  follows: string | null
  /** How often its role changed since it was looked at last. */
  rolesSinceLook: number
  /** Clients that it might serve, or did, when it was looked at last. */
  clients: number
  /** The largest size of its backlog since that was written to. */
  backlogBytes: number
  backlogEnd: number
  /** Replicas that lag further behind than they may, and since when. */
  readonly laggards: Map<object, number>
}

export interface ClusterWatch {
  network(event: NetworkEvent): void
  log(node: string, message: string): void
  watch(node: SimNode): void
  forget(node: SimNode): void
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
    const { name, plan } = node
    const store = new Store({
      env: this.net.env(name, { log: this.#logOf(name) }),
      config: { ...plan.config },
      max: plan.max,
      dial: (host) => this.net.at(host),
    })
    node.store = store
    node.follows = null
    node.laggards.clear()
    this.checks.watch(node)
    store.on('role', (role) => {
      node.rolesSinceLook++
      this.trace.add(name, `is a ${role} at ${placeOf(store)}`)
    })
    store.on('link', (state) => this.trace.add(name, `link ${state} at ${placeOf(store)}`))
    store.on('replica', (replica) => this.trace.add(name, `replica ${replica.name} ${replica.state}`))
    if (plan.observed) store.on('set', () => {}).on('delete', () => {})
    await store.listen(this.net.at(name))
    this.trace.add(name, `starts at ${placeOf(store)}`)
  }

  /** The process ends in good order. Gives what it left behind, in words. */
  async close(node: SimNode): Promise<string | undefined> {
    const { store, name } = node
    if (store === null) return undefined
    this.checks.forget(node)
    node.store = null
    await store.close()
    this.trace.add(name, 'closed')
    const [timers, links] = [this.net.timers(name), this.checks.openLinks(name)]
    return timers + links === 0 ? undefined : `${name} left ${timers} timers and ${links} links behind`
  }

  /** The process is killed, or the machine loses its power. */
  crash(node: SimNode, silent: boolean): void {
    if (node.store === null) return
    this.checks.forget(node)
    node.store = null
    this.net.crash(node.name, { silent })
    this.frozen.delete(node.name)
    for (const one of [...this.outstanding]) if (one.node === node) this.outstanding.delete(one)
    this.trace.add(node.name, silent ? 'crashed, and nobody hears of it' : 'crashed')
  }

  freeze(name: string): void {
    this.frozen.add(name)
    this.net.freeze(name)
  }

  thaw(name: string): void {
    this.frozen.delete(name)
    this.net.thaw(name)
  }

  follow(node: SimNode, target: string): void {
    const store = node.store!
    node.follows = target
    this.begin(`${node.name} follows ${target}`, node, store.replicaOf(this.net.at(target)))
  }

  async promote(node: SimNode): Promise<void> {
    node.follows = null
    await node.store!.promote()
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

  #logOf(name: string) {
    const say = (level: string) => (message: string) => {
      this.trace.add(name, `${level}: ${message}`)
      this.checks.log(name, message)
    }
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  }
}

const START_MS = Date.UTC(2026, 0, 1)

export function placeOf(store: Store): string {
  const { replid, offset } = store.engine.history
  return `${replid.slice(0, 6)}:${offset}`
}
