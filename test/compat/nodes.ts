// What the tests of this folder are made of: real servers and Stores behind a port, asked in the same way, and what it
// means that they are in step: one history, one offset, one digest.

import type { Logger } from '../../src/env.js'
import { Store } from '../../src/store.js'
import type { Argument } from '../client.js'
import { type ClientOptions, RawClient, type Reply } from '../client.js'
import { type Family, missingPeer, type StartOptions, startServer } from '../peers.js'
import { until } from '../suite.js'

/** The servers that every test of this folder runs with. */
export const families: readonly { family: Family; version: string; name: string; skip: string | undefined }[] = (
  [
    ['redis', '7.0.15'],
    ['redis', '8.6.3'],
    ['valkey', '9.1.2'],
  ] as const
).map(([family, version]) => ({
  family,
  version,
  name: `${family} ${version}`,
  skip: missingPeer(family, version),
}))

/** A real server, or a Store behind a port. */
export interface Node {
  readonly port: number
  connect(options?: Partial<ClientOptions>): Promise<RawClient>
  /** An error reply is thrown. */
  call(...argv: Argument[]): Promise<Reply>
  info(section?: string): Promise<Record<string, string>>
  digest(): Promise<string>
  stop(): Promise<void>
}

/** Nothing comes into the stream that no test put there, and nobody waits before a full sync. */
const quiet = { 'repl-ping-replica-period': '3600', 'repl-diskless-sync-delay': '0' }

export function startReal(
  { family, version }: Pick<StartOptions, 'family' | 'version'>,
  config: Record<string, string> = {},
): Promise<Node & { pause(): void; resume(): void; log(): string }> {
  return startServer({ family, version, config: { ...quiet, ...config } })
}

/** Keeps what is logged, each line with its level. */
export class LogLines implements Logger {
  readonly lines: string[] = []
  debug(message: string): void {
    this.lines.push(`debug ${message}`)
  }
  info(message: string): void {
    this.lines.push(`info ${message}`)
  }
  warn(message: string): void {
    this.lines.push(`warn ${message}`)
  }
  error(message: string): void {
    this.lines.push(`error ${message}`)
  }

  get text(): string {
    return this.lines.join('\n')
  }
}

/** A Store behind a port. */
export class StoreNode implements Node {
  readonly store: Store
  readonly log: LogLines
  readonly port: number
  #client: Promise<RawClient> | undefined

  private constructor(store: Store, log: LogLines, port: number) {
    this.store = store
    this.log = log
    this.port = port
  }

  static async start(config: Record<string, string> = {}): Promise<StoreNode> {
    const log = new LogLines()
    const store = new Store({ config: { 'enable-debug-command': 'yes', ...quiet, ...config }, log })
    const listener = await store.listen({ port: 0 })
    return new StoreNode(store, log, listener.port!)
  }

  connect(options: Partial<ClientOptions> = {}): Promise<RawClient> {
    return RawClient.connect({ port: this.port, ...options })
  }

  async call(...argv: Argument[]): Promise<Reply> {
    // A digest takes its time, and several nodes share this process.
    this.#client ??= this.connect({ timeoutMs: 60_000 })
    return (await this.#client).ok(...argv)
  }

  async info(section?: string): Promise<Record<string, string>> {
    const text = String(await this.call('INFO', ...(section === undefined ? [] : [section])))
    const pairs = [...text.matchAll(/^(\w+):(.*)\r$/gm)]
    return Object.fromEntries(pairs.map(([, name, value]) => [name, value]))
  }

  async digest(): Promise<string> {
    return String(await this.call('DEBUG', 'DIGEST'))
  }

  async stop(): Promise<void> {
    await (await this.#client)?.close()
    await this.store.close()
  }
}

/** Runs with nodes and whatever else has to be stopped at the end, the last one first. */
export async function running<V>(
  run: (start: <N extends Stoppable>(node: N | Promise<N>) => Promise<N>) => Promise<V>,
) {
  const started: Stoppable[] = []
  try {
    return await run(async (node) => {
      const one = await node
      started.unshift(one)
      return one
    })
  } finally {
    for (const one of started) await ('stop' in one ? one.stop() : one.close())
  }
}

type Stoppable = { stop(): Promise<void> } | { close(): Promise<void> }

/** Makes `replica` follow whoever listens at the port, and waits until the link is up. */
export async function follow(replica: Node, port: number): Promise<void> {
  if (replica instanceof StoreNode) await replica.store.replicaOf(`redis://127.0.0.1:${port}`)
  else await replica.call('REPLICAOF', '127.0.0.1', port)
  await linkUp(replica)
}

export async function linkUp(replica: Node, timeoutMs = 30_000): Promise<void> {
  const up = async (): Promise<boolean> => (await replica.info('replication')).master_link_status === 'up'
  await until(up, { what: `the link to the primary of the node at ${replica.port} to be up`, timeoutMs, everyMs: 20 })
}

export interface Place {
  replid: string
  offset: number
  replid2: string
  secondOffset: number
}

export async function placeOf(node: Node): Promise<Place> {
  const info = await node.info('replication')
  return {
    replid: info.master_replid,
    offset: Number(info.master_repl_offset),
    replid2: info.master_replid2,
    secondOffset: Number(info.second_repl_offset),
  }
}

export interface Syncs {
  full: number
  partial: number
  refused: number
}

/** How many replicas the node served, and in which way. */
export async function syncsOf(node: Node): Promise<Syncs> {
  const info = await node.info('stats')
  const [full, partial, refused] = ['sync_full', 'sync_partial_ok', 'sync_partial_err'].map((name) =>
    Number(info[name]),
  )
  return { full, partial, refused }
}

/** Waits until all nodes stand at one place of one history and hold the same data; that place. Writes must have ended. */
export async function inStep(nodes: readonly Node[], timeoutMs = 20_000): Promise<Place> {
  let seen = ''
  const compared = async (): Promise<Place | undefined> => {
    const places = await Promise.all(nodes.map(placeOf))
    seen = places.map(({ replid, offset }) => `${replid.slice(0, 8)} at ${offset}`).join(', ')
    if (places.some(({ replid, offset }) => replid !== places[0].replid || offset !== places[0].offset))
      return undefined
    const digests = await Promise.all(nodes.map((node) => node.digest()))
    seen += `; digests ${digests.map((one) => one.slice(0, 8)).join(', ')}`
    return digests.every((one) => one === digests[0]) ? places[0] : undefined
  }
  try {
    return await until(compared, { what: 'all nodes to be in step', timeoutMs, everyMs: 50 })
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${seen}`, { cause: error })
  }
}
