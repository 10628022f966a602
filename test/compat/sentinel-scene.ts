// Three nodes, each behind a proxy whose port it announces, so that it can be cut off; three real Sentinels over them; a
// client in Sentinel mode that writes; and a Store that asks the Sentinels whom to follow. The third node has priority 0.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import * as assert from 'uvu/assert'
import type { RawClient } from '../client.js'
import { type Family, type PeerServer, startServer } from '../peers.js'
import { FaultyProxy } from '../proxy.js'
import { until } from '../suite.js'
import { inStep, StoreNode, syncsOf } from './nodes.js'
import { type ProcessNode, ProgramNode } from './program-node.js'

export const NAME = 'main'

/** Sentinel's own clocks, in ms, some ten times as fast as usual; what it takes for dead stays `down-after`. */
const FAST = ['INFO-PERIOD', 500, 'PUBLISH-PERIOD', 300, 'ASK-PERIOD', 300, 'PING-PERIOD', 200]
const DOWN_AFTER_MS = 1500
const FAILOVER_TIMEOUT_MS = 10_000
/** A step takes some five seconds; a machine that has other work too may need more. */
const STEP_MS = 40_000

export interface Software {
  family: Family
  version: string
}

/** `undefined`: the hotspare program. */
export type Kinds = readonly [Software | undefined, Software | undefined, Software | undefined]

interface Member {
  node: ProcessNode
  /** Its configuration file, which Sentinels have it rewrite. */
  file: string
  proxy: FaultyProxy
  start(): Promise<ProcessNode>
}

/** What a Sentinel told of switches: `old port > new port`. */
type Told = string[]

export class SentinelScene {
  readonly members: Member[] = []
  readonly sentinels: PeerServer[] = []
  readonly told: Told[] = []
  follower!: StoreNode
  writer!: Writer
  readonly #dir = mkdtempSync(join(tmpdir(), 'hotspare-sentinel-'))
  readonly #stops: (() => unknown)[] = []

  static async start(software: Software, kinds: Kinds): Promise<SentinelScene> {
    const scene = new SentinelScene()
    try {
      await Promise.all(kinds.map((kind, i) => scene.#startMember(i, kind)))
      for (const { node } of scene.members.slice(1))
        await node.call('REPLICAOF', '127.0.0.1', scene.members[0].proxy.port)
      await Promise.all([1, 2, 3].map(() => scene.#startSentinel(software)))
      await scene.#startStore()
      scene.writer = new Writer(scene.sentinels.map(({ port }) => port))
      scene.#stops.push(() => scene.writer.stop())
      await scene.settled()
      return scene
    } catch (error) {
      await scene.stop()
      throw error
    }
  }

  async #startMember(i: number, kind: Software | undefined): Promise<void> {
    const proxy = await FaultyProxy.to(0)
    this.#stops.push(() => proxy.close())
    const dir = join(this.#dir, `node-${i}`)
    const config = {
      'replica-announce-ip': '127.0.0.1',
      'replica-announce-port': String(proxy.port),
      'replica-priority': i === 2 ? '0' : '100',
      'repl-diskless-sync-delay': '0',
      'repl-timeout': '5',
    }
    const start = async (): Promise<ProcessNode> => {
      const node = await (kind === undefined ? ProgramNode.start(dir, config) : startServer({ ...kind, dir, config }))
      proxy.targetPort = node.port
      return node
    }
    const file = join(dir, kind === undefined ? 'hotspare.conf' : 'redis.conf')
    this.members[i] = { node: await start(), file, proxy, start }
    this.#stops.push(() => this.members[i].node.stop())
  }

  async #startSentinel({ family, version }: Software): Promise<void> {
    const { port } = this.members[0].proxy
    const config = {
      sentinel: [
        `monitor ${NAME} 127.0.0.1 ${port} 2`,
        `down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
        `failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
        `parallel-syncs ${NAME} 2`,
      ],
    }
    const sentinel = await startServer({ family, version, mode: 'sentinel', config })
    this.#stops.push(() => sentinel.stop())
    await sentinel.call('SENTINEL', 'DEBUG', ...FAST)
    const told: Told = []
    this.sentinels.push(sentinel)
    this.told.push(told)
    const listener = await sentinel.connect({ timeoutMs: 600_000 })
    await listener.ok('SUBSCRIBE', '+switch-master')
    this.#stops.push(() => listener.close())
    void this.#listen(listener, told)
  }

  async #listen(listener: RawClient, told: Told): Promise<void> {
    try {
      for (;;) {
        const [, , message] = (await listener.reply()) as string[]
        const [, , was, , is] = message.split(' ')
        told.push(`${was} > ${is}`)
      }
    } catch {
      // It ends with the scene.
    }
  }

  async #startStore(): Promise<void> {
    this.follower = await StoreNode.start({ 'replica-priority': '0', 'replica-announced': 'no' })
    this.#stops.push(() => this.follower.stop())
    // One is enough: it tells of the others.
    await this.follower.store.replicaOf({ name: NAME, sentinels: [{ port: this.sentinels[0].port }] })
  }

  /** The member that all Sentinels take for the primary. */
  async primary(): Promise<Member> {
    const ports = await Promise.all(this.sentinels.map(primaryOf))
    const found = this.members.find(({ proxy }) => ports.every((port) => port === proxy.port))
    assert.ok(found, `the Sentinels disagree: ${ports.join(', ')}`)
    return found!
  }

  /**
   * Waits until everything is in order in every Sentinel's eyes: one primary, two replicas that follow it, two other
   * Sentinels; and until the client writes to it and the Store follows it.
   */
  async settled(): Promise<void> {
    let seen = ''
    const isSettled = async (): Promise<boolean> => {
      const problems = await Promise.all(this.sentinels.map((one) => this.#problemOf(one)))
      const { link } = this.follower.store.engine
      const { port } = (await this.primary()).proxy
      if (link?.state !== 'connected' || link.transport.port !== port) problems.push('the Store follows another')
      if (this.follower.store.status().sentinels?.connected !== 3) problems.push('the Store misses a Sentinel')
      seen = problems.filter((one) => one !== '').join('; ')
      return seen === ''
    }
    try {
      await until(() => isSettled().catch(() => false), {
        what: 'everything in order',
        timeoutMs: STEP_MS,
        everyMs: 50,
      })
    } catch (error) {
      throw new Error(`${(error as Error).message}: ${seen}\n${this.#logs()}`, { cause: error })
    }
    await this.writer.goesOn()
  }

  async #problemOf(sentinel: PeerServer): Promise<string> {
    const [master] = fieldsOf([await sentinel.call('SENTINEL', 'MASTER', NAME)])
    const replicas = fieldsOf(await sentinel.call('SENTINEL', 'REPLICAS', NAME))
    const ours = new Set(this.members.map(({ proxy }) => String(proxy.port)))
    const good = replicas.filter(
      (one) =>
        ours.has(one.port) &&
        one.flags === 'slave' &&
        one['role-reported'] === 'slave' &&
        one['master-link-status'] === 'ok' &&
        one['master-port'] === master.port,
    )
    if (master.flags !== 'master' || master['role-reported'] !== 'master') return `primary: ${master.flags}`
    if (good.length !== 2) return `replicas: ${replicas.map((one) => `${one.port} ${one.flags}`).join(', ')}`
    return master['num-other-sentinels'] === '2' ? '' : 'Sentinels'
  }

  /**
   * Does something to the primary, and waits until all Sentinels have told of one switch, to the other node that may be
   * chosen. Then `undo`; and until the old primary is a replica of the new one.
   */
  async failOver(act: (primary: Member) => unknown, undo: (old: Member) => unknown): Promise<void> {
    const old = await this.primary()
    const next = this.members.find((one) => one !== old && one !== this.members[2])!
    for (const told of this.told) told.length = 0
    await act(old)
    const expected = [`${old.proxy.port} > ${next.proxy.port}`]
    const all = (): boolean => this.told.every((told) => told.length > 0)
    try {
      await until(all, { what: 'a switch', timeoutMs: STEP_MS })
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.#logs()}`, { cause: error })
    }
    await this.writer.goesOn()
    await undo(old)
    await this.settled()
    assert.is(await this.primary(), next)
    assert.equal(this.told, [expected, expected, expected], this.#logs())
    assert.is((await old.node.info('replication')).role, 'slave')
    assert.equal([next, old].map(primaryInFile), [undefined, String(next.proxy.port)])
  }

  /** As `failOver`, by an agreement between the two (Valkey 9): not a write is lost, and nobody needs a snapshot. */
  async handOver(): Promise<void> {
    const before = await this.#fullSyncs()
    const first = this.writer.acknowledged.length
    await this.failOver(
      () => this.sentinels[1].call('SENTINEL', 'FAILOVER', NAME, 'COORDINATED'),
      () => {},
    )
    const acknowledged = this.writer.acknowledged.slice(first)
    const there = new Set((await (await this.primary()).node.call('LRANGE', LOG, 0, -1)) as string[])
    assert.equal(
      acknowledged.filter((one) => !there.has(one)),
      [],
    )
    assert.is(await this.#fullSyncs(), before)
  }

  async #fullSyncs(): Promise<number> {
    const stats = await Promise.all(this.members.map(({ node }) => syncsOf(node)))
    return stats.reduce((sum, { full }) => sum + full, 0)
  }

  /** What Sentinels know of the nodes is what these say of themselves; and how Sentinels show at the nodes. */
  async checkViews(): Promise<void> {
    const primary = await this.primary()
    for (const sentinel of this.sentinels) {
      const [master] = fieldsOf([await sentinel.call('SENTINEL', 'MASTER', NAME)])
      assert.is(master.runid, (await primary.node.info('server')).run_id)
      const replicas = fieldsOf(await sentinel.call('SENTINEL', 'REPLICAS', NAME))
      // The Store, which is not announced, is not among them.
      assert.is(replicas.length, 2)
      for (const one of replicas) {
        const i = this.members.findIndex(({ proxy }) => String(proxy.port) === one.port)
        assert.is(one.runid, (await this.members[i].node.info('server')).run_id)
        assert.equal([one['slave-priority'], one['replica-announced'] ?? '1'], [i === 2 ? '0' : '100', '1'])
        assert.ok(Number(one['slave-repl-offset']) > 0)
      }
    }
    for (const { node } of this.members) {
      const names = [...String(await node.call('CLIENT', 'LIST')).matchAll(/ name=sentinel-\w{8}-(\w+) /g)]
      assert.equal(names.map(([, kind]) => kind).sort(), ['cmd', 'cmd', 'cmd', 'pubsub', 'pubsub', 'pubsub'])
    }
  }

  /** The writer ends; whatever came of the failovers, all nodes hold the same in the end. */
  async agree(): Promise<void> {
    await this.writer.stop()
    const primary = await this.primary()
    const others = this.members.filter((one) => one !== primary)
    await inStep([primary.node, ...others.map(({ node }) => node), this.follower])
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop()
    rmSync(this.#dir, { recursive: true, force: true })
  }

  #logs(): string {
    const tail = (text: string): string => text.split('\n').slice(-25).join('\n')
    const nodes = this.members.map(({ node }, i) => `node ${i}\n${tail(node.log())}`)
    const sentinels = this.sentinels.map((one, i) => `Sentinel ${i}\n${tail(one.log())}`)
    return [...nodes, ...sentinels, `Store\n${this.follower?.log.lines.slice(-25).join('\n')}`].join('\n\n')
  }
}

/** Where the writer puts its numbers. */
const LOG = 'log'

/** Writes one number after the other through a client that was told of the Sentinels only. */
class Writer {
  /** What was answered with OK. */
  readonly acknowledged: string[] = []
  failed = 0
  #lastError = ''
  readonly #client: Redis
  readonly #work: Promise<void>
  #stopped = false

  constructor(sentinels: readonly number[]) {
    this.#client = new Redis({
      sentinels: sentinels.map((port) => ({ host: '127.0.0.1', port })),
      name: NAME,
      // Not failoverDetector: when it fires while ioredis connects, ioredis ends for good (6.0).
      socketTimeout: 1000,
      connectTimeout: 2000,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 50,
      sentinelRetryStrategy: () => 50,
      reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
    })
    this.#client.on('error', () => undefined)
    this.#work = this.#write()
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const number = String(this.acknowledged.length + this.failed)
      try {
        await this.#client.rpush(LOG, number)
        this.acknowledged.push(number)
      } catch (error) {
        this.failed++
        this.#lastError = (error as Error).message
      }
      await new Promise((resolve) => setTimeout(resolve, 10)) // a hundred writes a second, no more
    }
  }

  async goesOn(): Promise<void> {
    const { length } = this.acknowledged
    const isGoingOn = (): boolean => this.acknowledged.length >= length + 10
    try {
      await until(isGoingOn, { what: `writes go on after ${length}`, timeoutMs: STEP_MS })
    } catch (error) {
      throw new Error(`${(error as Error).message}; ${this.failed} failed, the last one: ${this.#lastError}`, {
        cause: error,
      })
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#work
    this.#client.disconnect()
  }
}

/** Whom the file says that it follows. */
function primaryInFile({ file }: Member): string | undefined {
  return /^replicaof \S+ (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1]
}

async function primaryOf(sentinel: PeerServer): Promise<number> {
  const [, port] = (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[]
  return Number(port)
}

function fieldsOf(reply: unknown): Record<string, string>[] {
  return (reply as string[][]).map((words) =>
    Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1]]] : []))),
  )
}
