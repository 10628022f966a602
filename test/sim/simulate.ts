// One run: the steps of a schedule, then the network is made whole, and all nodes have to come to agree, to go on after a
// break, and to end without leaving anything behind.

import { type ActContext, acts } from './acts.js'
import { Checker, type Invariant, Violation, violationOf } from './checker.js'
import { Cluster, type SimNode } from './cluster.js'
import { differenceOf } from './digest.js'
import { formatStep, type Schedule } from './schedule.js'

export interface Outcome {
  readonly schedule: Schedule
  readonly failure: { readonly invariant: Invariant; readonly message: string; readonly atMs: number } | null
  /** Steps that were done. */
  readonly steps: number
  readonly commands: number
  readonly fullSyncs: number
  readonly partialSyncs: number
  readonly streamedBytes: number
  /** How often files were loaded and compared with what was streamed. */
  readonly compared: number
  readonly virtualMs: number
  /** Empty unless it was asked for. */
  readonly trace: readonly string[]
}

/** Long enough for every timeout and for the longest wait between two attempts to connect. */
const REST_MS = 70_000
const REST_STEP_MS = 5000
const MOST_MORE_RESTS = 12
/** The same without the timeouts: a chain of full syncs, each of which waits for others to join it. */
const SHORT_REST_MS = 40_000

/** In the end no setting keeps a node from taking links and writes. */
const OPEN_HANDED = [
  ['maxclients', '10000'],
  ['maxmemory', '0'],
  ['min-replicas-to-write', '0'],
  ['repl-ping-replica-period', '1'],
  ['stop-writes-on-bgsave-error', 'no'],
] as const

export async function simulate(schedule: Schedule, options: { trace?: boolean } = {}): Promise<Outcome> {
  const cluster = new Cluster(schedule, options.trace ?? false)
  const checker = new Checker(cluster)
  cluster.checks = checker
  const run = new Run(cluster, checker)
  let failure: Outcome['failure'] = null
  try {
    await run.go()
  } catch (error) {
    const { invariant, message } = violationOf(error)
    failure = { invariant, message, atMs: run.nowMs }
    cluster.trace.add('checker', `${invariant}: ${message.split('\n', 1)[0]}`)
  }
  return {
    schedule,
    failure,
    steps: run.steps,
    commands: checker.commands,
    fullSyncs: checker.wire.fullSyncs,
    partialSyncs: checker.wire.partialSyncs,
    streamedBytes: checker.streamedBytes,
    compared: checker.promises.compared,
    virtualMs: run.nowMs,
    trace: cluster.trace.lines,
  }
}

class Run {
  steps = 0
  readonly #cluster: Cluster
  readonly #checker: Checker
  readonly #ctx: ActContext
  readonly #startMs: number
  readonly #now: () => number

  constructor(cluster: Cluster, checker: Checker) {
    this.#cluster = cluster
    this.#checker = checker
    this.#ctx = { cluster, checker }
    this.#now = cluster.net.env('the run').now
    this.#startMs = this.#now()
  }

  get nowMs(): number {
    return this.#now() - this.#startMs
  }

  async go(): Promise<void> {
    const { nodes, net, plan } = this.#cluster
    for (const node of nodes) await this.#cluster.start(node)
    for (const step of plan.steps) {
      await this.#until(step.atMs)
      const act = acts[step.act]
      if (act === undefined) throw new Error(`there is no act ${step.act}`)
      if (this.#cluster.trace.isOn) this.#cluster.trace.add('step', formatStep(step).slice(0, 200))
      await act(this.#ctx, ...step.args)
      this.steps++
      this.#checker.look()
    }
    await this.#until(plan.healAtMs)
    await this.#heal()
    await this.#rest(REST_MS)
    // A chain of full syncs, each with its delay, behind a link that hung until its timeout.
    for (let more = 0; more < MOST_MORE_RESTS && !this.#isLinked; more++) await this.#rest(REST_STEP_MS)
    await net.settle()
    this.#agree('after healing')
    this.#checker.isCalm = true
    await this.#resume()
    await this.#succeed()
    await this.#end()
  }

  async #until(atMs: number): Promise<void> {
    await this.#cluster.net.advance(Math.max(0, atMs - this.nowMs))
    this.#checker.throwIfViolated()
  }

  /** So many milliseconds, looked at every few seconds. */
  async #rest(ms: number): Promise<void> {
    const endMs = this.nowMs + ms
    while (this.nowMs < endMs) {
      await this.#until(Math.min(endMs, this.nowMs + REST_STEP_MS))
      this.#checker.look()
    }
  }

  /** No fault is left, every node is there, and who follows whom is a tree. What is one already is left alone. */
  async #heal(): Promise<void> {
    const { net, nodes, clients, trace } = this.#cluster
    trace.add('run', 'heals')
    net.heal()
    net.loss(0)
    net.delay(0)
    net.jitter(0)
    const names = [...nodes, ...clients].map(({ name }) => name)
    for (const one of names) {
      this.#cluster.thaw(one)
      net.slow(one, Number.POSITIVE_INFINITY)
      for (const other of names) net.delay(0, one, other)
    }
    for (const client of clients) client.resume()
    for (const { disk } of nodes) disk?.mend()
    for (const node of nodes) {
      await this.#cluster.start(node)
      this.#checker.throwIfViolated()
      if (node.store!.engine.replication.failover.isUnderWay) node.store!.engine.replication.failover.abort()
      for (const [directive, value] of OPEN_HANDED) node.store!.call('CONFIG', 'SET', directive, value)
    }
    await this.#plant()
  }

  async #plant(): Promise<void> {
    const { nodes } = this.#cluster
    const root = nodes.find(({ store }) => store!.role === 'primary') ?? nodes[0]
    if (root.store!.role === 'replica') await this.#cluster.promote(root)
    for (const node of nodes) if (node !== root && !this.#leadsTo(node, root)) this.#cluster.follow(node, root.name)
  }

  #leadsTo(node: SimNode, root: SimNode): boolean {
    let at: SimNode | undefined = node
    for (let hops = 0; at !== undefined && hops <= this.#cluster.nodes.length; hops++) {
      if (at === root) return true
      at = at.store!.role === 'primary' ? undefined : this.#cluster.node(at.follows ?? '')
    }
    return false
  }

  get #isLinked(): boolean {
    return this.#cluster.nodes.every(({ store }) => store!.role === 'primary' || store!.status().link === 'connected')
  }

  #agree(when: string): void {
    const { nodes } = this.#cluster
    const root = nodes.find(({ store }) => store!.role === 'primary')!
    const { replid, offset } = root.store!.engine.history
    for (const node of nodes) {
      if (node === root) continue
      const status = node.store!.status()
      const where = `${when}, ${node.name}`
      if (status.link !== 'connected') throw this.#disagree(`${where} follows ${node.follows}: ${status.link}`)
      if (status.replid !== replid || status.offset !== offset) {
        throw this.#disagree(
          `${where} is at ${status.replid.slice(0, 6)}:${status.offset}, and ${root.name} at ${replid.slice(0, 6)}:${offset}`,
        )
      }
      const difference = differenceOf(root.store!, node.store!)
      if (difference !== 'no key differs') throw this.#disagree(`${where} is not what ${root.name} is: ${difference}`)
    }
    for (const { store, name } of nodes) {
      const followers = nodes.filter((one) => one !== root && one.follows === name).length
      const { length } = store!.engine.attached
      if (length !== followers)
        throw this.#disagree(`${when}, ${name} has ${length} replicas, and ${followers} follow it`)
      const { file, appendOnly, dataset } = store!.engine
      if (file?.isSaving === true || appendOnly?.isRewriting === true) continue
      for (const { slots, size } of dataset.keyspaces) {
        if (slots.size !== size) throw new Violation('limits', `${name} keeps marks of a snapshot that is over`)
      }
    }
    this.#checker.look()
  }

  #disagree(message: string): Violation {
    return new Violation('agreement', message)
  }

  /** Every link breaks once more: the backlogs reach back, so nobody needs a full sync. */
  async #resume(): Promise<void> {
    const { nodes, net, trace } = this.#cluster
    trace.add('run', 'cuts every link')
    const root = nodes.find(({ store }) => store!.role === 'primary')!
    const before = this.#mark(root)
    for (const { name } of nodes) net.cut(name)
    root.store!.set('after the cut', 1)
    await this.#rest(SHORT_REST_MS)
    await net.settle()
    this.#agree('after a cut of all links')
    this.#expectNoFullSync(root, before, 'a cut of all links')
  }

  /** Another node takes over, and all others follow it: they stand in its past, so nobody needs a full sync. */
  async #succeed(): Promise<void> {
    const { nodes, net, trace } = this.#cluster
    const heir = nodes.findLast(({ store }) => store!.role === 'replica')
    if (heir === undefined) return
    trace.add('run', `lets ${heir.name} take over`)
    const before = this.#mark(heir)
    await this.#cluster.promote(heir)
    for (const node of nodes) if (node !== heir) this.#cluster.follow(node, heir.name)
    heir.store!.set('after the change', 1)
    await this.#rest(SHORT_REST_MS)
    await net.settle()
    this.#agree('after a change of the primary')
    this.#expectNoFullSync(heir, before, 'a change of the primary')
  }

  #mark({ store }: SimNode): { fullSyncs: number; offset: number } {
    return { fullSyncs: this.#checker.wire.fullSyncs, offset: store!.engine.history.offset }
  }

  /** Unless so much was written (a bounded node that takes over evicts) that the backlogs do not reach back. */
  #expectNoFullSync(root: SimNode, before: { fullSyncs: number; offset: number }, what: string): void {
    const more = this.#checker.wire.fullSyncs - before.fullSyncs
    const written = root.store!.engine.history.offset - before.offset
    const smallest = Math.min(...this.#cluster.nodes.map(({ store }) => store!.engine.backlog().sizeBytes))
    if (more === 0 || written >= smallest) return
    throw new Violation('resumption', `${more} full syncs after ${what}, where every backlog reaches back`)
  }

  async #end(): Promise<void> {
    const { nodes, net, clients, outstanding } = this.#cluster
    for (const { name } of nodes) {
      const waiting = this.#cluster.client(`one that waits at ${name}`)
      waiting.connect(name)
      waiting.send(this.#cluster.encode([['XREAD', 'BLOCK', '900000', 'STREAMS', 'nothing', '$']]), 1)
    }
    await net.settle()
    for (const node of nodes) {
      const left = await this.#cluster.close(node)
      if (left !== undefined) throw new Violation('nothing left', left)
    }
    for (const client of clients) client.hangUp()
    await net.settle()
    this.#checker.throwIfViolated()
    for (const { what } of outstanding) throw new Violation('nothing left', `${what}: neither done nor failed`)
  }
}
