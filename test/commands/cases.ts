// Cases made of command lines, run on a real redis-server 7.0.15 and on a Store at once. What is compared: the replies
// byte for byte, hits and misses, what a replica is sent, and the keys, values and times in the end.

import * as assert from 'uvu/assert'
import type { Store } from '../../src/store.js'
import { type Argument, encode, RawClient, type Reply } from '../client.js'
import { until } from '../suite.js'
import { type Both, type Mask, startBoth, type World } from './both.js'

/** How far the times of the two may lie apart: they run one command after the other. */
const TIME_TOLERANCE_MS = 5_000
const DATABASES = 4

/** Command lines, parted by line ends and semicolons, quoted as in redis-cli: `"\xff"` is one byte. */
export function commandLines(text: string): Argument[][] {
  const lines = text.split(/[;\n]/).filter((line) => line.trim() !== '')
  return lines.map((line) => [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => word(match)))
}

function word([, quoted, plain]: RegExpMatchArray): Buffer {
  const bytes = quoted?.replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, char: string) =>
    hex === undefined ? char : String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes ?? plain, 'latin1')
}

/** One value for ours, one for the real server. */
export type Pair<V> = [ours: V, real: V]

export class Cases {
  readonly #world: World
  readonly both: Both
  /** Connections that look at what a case left behind, and the replication streams. */
  readonly #observers: Pair<RawClient>
  readonly #streams: Pair<RawClient>

  private constructor(world: World, both: Both, observers: Pair<RawClient>, streams: Pair<RawClient>) {
    this.#world = world
    this.both = both
    this.#observers = observers
    this.#streams = streams
  }

  static async start(): Promise<Cases> {
    const world = await startBoth()
    const connect = (): Promise<Pair<RawClient>> => onEach([world.ours, world.real], connectForBytes)
    const streams = await connect()
    await onEach(streams, becomeReplica)
    const observers = await connect()
    // Keys past their time are deleted when a command meets them, and then only: so both do it at the same place.
    await onEach(observers, (client) => client.ok('DEBUG', 'SET-ACTIVE-EXPIRE', 0))
    return new Cases(world, await world.connect(), observers, streams)
  }

  get store(): Store {
    return this.#world.store
  }

  get ourPort(): number {
    return this.#world.ours
  }

  get realPort(): number {
    return this.#world.real
  }

  /** Another connection to each. */
  connect(): Promise<Both> {
    return this.#world.connect()
  }

  /** Both have one client that waits. */
  async untilWaiting(): Promise<void> {
    await until(async () => String(await this.blockedClients()) === '1,1', { what: 'a client that waits' })
  }

  async close(): Promise<void> {
    await onEach(this.#streams, (client) => client.close())
    await onEach(this.#observers, (client) => client.close())
    await this.both.close()
    await this.#world.close()
  }

  /** Runs the lines of `text` on both, on empty databases. */
  async same(text: string, options: { unordered?: boolean } = {}): Promise<void> {
    await this.sameCommands(commandLines(text), options)
  }

  async sameCommands(commands: readonly Argument[][], { unordered = false } = {}): Promise<void> {
    await this.begin()
    for (const argv of commands) await this.both.same([argv], maskOf(String(argv[0]), unordered))
    await this.finish()
  }

  /** Empty databases for what comes next. */
  async begin(): Promise<void> {
    await this.both.same(['FLUSHALL', 'SELECT 0', 'CONFIG RESETSTAT'])
  }

  /** Compares what was left behind since `begin`. */
  async finish(): Promise<void> {
    assert.equal(...(await onEach(this.#observers, statsOf)), 'hits and misses')
    await this.both.same([MARK])
    assertSimilar(await onEach(this.#streams, readStream), 'stream')
    assertSimilar(await onEach(this.#observers, dataOf), 'data')
  }

  /** How many clients wait on each of the two. */
  blockedClients(): Promise<Pair<number>> {
    return onEach(this.#observers, async (one) => {
      const [, count] = /blocked_clients:(\d+)/.exec(String(await one.ok('INFO', 'clients')))!
      return Number(count)
    })
  }

  /** A client of each that hears of all keyspace events from here to `sameEvents`. */
  async hear(): Promise<Both> {
    await this.both.same(['CONFIG SET notify-keyspace-events KEA'])
    const both = await this.connect()
    await both.same(['PSUBSCRIBE __key*__:*'])
    return both
  }

  /** Compares what they heard. */
  async sameEvents({ ours, real }: Both): Promise<void> {
    await this.both.same(['SET the-end x', ['CONFIG', 'SET', 'notify-keyspace-events', '']])
    for (let channel = ''; !channel.endsWith(':the-end'); ) {
      const messages = await Promise.all([ours.reply(), real.reply()])
      assert.equal(...messages)
      channel = String((messages[0] as string[])[2])
    }
  }

  /** What our replicas were sent since the last case or call. */
  async ourStream(): Promise<string[][]> {
    await this.both.ours.ok(...MARK)
    return readStream(this.#streams[0])
  }
}

/** The last command of each case: the stream is read up to it. */
const MARK = ['SET', 'the-case', 'is-over']

function onEach<T, V>(pair: Pair<T>, what: (one: T) => Promise<V>): Promise<Pair<V>> {
  return Promise.all([what(pair[0]), what(pair[1])])
}

function connectForBytes(port: number): Promise<RawClient> {
  return RawClient.connect({ port, bulk: 'latin1' })
}

/** Makes a connection that carries the replication stream from now on. */
export async function becomeReplica(client: RawClient): Promise<void> {
  await client.ok('REPLCONF', 'capa', 'psync2')
  client.send(encode('PSYNC', '?', '-1'))
  for (;;) {
    // FULLRESYNC, empty lines to keep the link alive, then the snapshot's length.
    const line = (await client.readUntil('\n')).toString().trim()
    if (!line.startsWith('$')) continue
    await client.read(Number(line.slice(1)))
    return
  }
}

/** The commands of the stream up to the mark. What the engine puts around them is another test's. */
async function readStream(client: RawClient): Promise<string[][]> {
  const commands: string[][] = []
  for (;;) {
    const argv = ((await client.reply()) as Reply[]).map(String)
    if (argv[1] === MARK[1]) return commands
    if (!/^(?:ping|multi|exec|flushall|select)$/i.test(argv[0])) commands.push(argv)
  }
}

async function statsOf(client: RawClient): Promise<string[]> {
  return String(await client.ok('INFO', 'stats')).match(/keyspace_(?:hits|misses):\d+/g) ?? []
}

/** Keys, values and times of the first databases. */
async function dataOf(client: RawClient): Promise<string[][]> {
  const rows: string[][] = []
  for (let db = 0; db < DATABASES; db++) {
    await client.ok('SELECT', db)
    const keys = (await client.ok('KEYS', '*')) as string[]
    for (const key of keys.sort()) {
      const bytes = Buffer.from(key, 'latin1')
      const value = await shownOf(client, bytes)
      rows.push([String(db), key, value, String(await client.ok('PEXPIRETIME', bytes))])
    }
  }
  return rows
}

async function shownOf(client: RawClient, key: Buffer): Promise<string> {
  switch (await client.ok('TYPE', key)) {
    case 'list':
      return String(await client.ok('LRANGE', key, 0, -1))
    case 'set':
      return String(((await client.ok('SMEMBERS', key)) as string[]).sort())
    case 'hash':
      return String(pairs((await client.ok('HGETALL', key)) as string[]).sort())
    case 'zset':
      return String(await client.ok('ZRANGE', key, 0, -1, 'WITHSCORES'))
    case 'stream':
      return JSON.stringify(await client.ok('XRANGE', key, '-', '+'))
    default:
      return String(await client.ok('GET', key))
  }
}

function pairs(flat: readonly string[]): string[] {
  return flat.flatMap((one, i) => (i % 2 === 0 ? [`${one}\0${flat[i + 1]}`] : []))
}

/** Equal but for times near now, which may lie a little apart. */
function assertSimilar([ours, real]: Pair<string[][]>, what: string): void {
  const aligned = ours.map((row, i) => row.map((cell, j) => (near(cell, real[i]?.[j]) ? real[i][j] : cell)))
  assert.equal(aligned, real, what)
}

function near(a: string, b: string | undefined): boolean {
  return (
    b !== undefined && /^\d{13}$/.test(a) && /^\d{13}$/.test(b) && Math.abs(Number(a) - Number(b)) < TIME_TOLERANCE_MS
  )
}

function maskOf(name: string, unordered: boolean): Mask {
  // Half a second may pass between the two.
  if (/^ttl$/i.test(name)) return (reply) => reply.replace(/\d+/, (seconds) => String(Math.round(Number(seconds) / 10)))
  // Times of delivery and how long they are past: all that stands before another number, and what is named so.
  if (/^x(?:info|pending)$/i.test(name)) {
    return (reply) => reply.replace(/:\d+(?=\r\n:-?\d)|:\d{13}(?=\r)|(?<=\r\nidle\r\n):\d+/g, ':time')
  }
  return unordered ? (reply) => reply.split('\r\n').sort().join(' ') : (reply) => reply
}
