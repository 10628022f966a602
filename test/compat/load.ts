// Data for the tests of this folder: a dataset of many strings of every kind, and a load of random writes that goes on
// until it is told to stop. The same seed gives the same bytes.

import { setTimeout as pause } from 'node:timers/promises'
import { type Argument, encode, type RawClient } from '../client.js'
import { until } from '../suite.js'
import type { Node } from './nodes.js'

export const DATABASES = [0, 3, 9, 15] as const

/** Only their presence is in a digest: far enough away that none passes during a test. */
const FAR_MS = 3_600_000

/** Filled by copies and moves, and flushed again and again. */
const FLUSHED = 7

const BATCH = 1000

/** So many keys expire within a moment after they are set. */
const SOON = 1000

/** A small generator of random numbers in [0, 1) (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

class Source {
  readonly random: () => number
  readonly #noise = Buffer.alloc(256 * 1024)

  constructor(seed: number) {
    this.random = randomFrom(seed)
    for (let i = 0; i < this.#noise.length; i++) this.#noise[i] = this.random() * 256
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]
  }

  /** Bytes of every value: no UTF-8. */
  bytes(length: number): Buffer {
    const at = this.below(this.#noise.length - length)
    return this.#noise.subarray(at, at + length)
  }

  /** 10 bytes to 300 mostly, up to 64 KiB one time in five hundred; numbers, text, repetition, noise. */
  value(): Argument {
    const length =
      this.random() < 0.002 ? 1024 + this.below(63 * 1024) : 10 + this.below(this.random() < 0.1 ? 290 : 40)
    switch (this.below(8)) {
      case 0:
        return this.pick([0, -1, 127, -128, 65_535, 2 ** 31, -(2 ** 40), Number.MAX_SAFE_INTEGER])
      case 1:
        return 'naïve café 😀 '.repeat(length).slice(0, length).toWellFormed()
      case 2:
        return 'x'.repeat(length)
      case 3:
        return this.bytes(length)
      default:
        return this.bytes(length).toString('base64').slice(0, length)
    }
  }

  key(space: number): Argument {
    const n = this.below(space)
    switch (n % 5) {
      case 0:
        return Buffer.from([0xff, 0x00, 0xc3, n >>> 16, n >>> 8, n])
      case 1:
        return n // stored as a number in snapshots
      case 2:
        return `schlüssel:${n}:${'k'.repeat(n % 60)}`
      default:
        return `key:${n}`
    }
  }
}

/** Writes `count` keys, spread over DATABASES, one in six with a time. */
export async function fill(node: Node, count: number, seed = 1): Promise<void> {
  const source = new Source(seed)
  await using client = await node.connect({ timeoutMs: 60_000 })
  const expiresAt = Date.now() + FAR_MS
  const special: Argument[][] = [
    ['SET', '', 'the key is empty'],
    ['SET', 'empty', ''],
    ['SET', 'tagged', Buffer.from([0xc1, 0x48, 0x53, 0x01, 0x2a])],
  ]
  const perDatabase = Math.ceil(count / DATABASES.length)
  for (const db of DATABASES) {
    await client.ok('SELECT', db)
    for (let at = 0; at < perDatabase; at += BATCH) {
      const batch: Buffer[] = at === 0 ? special.map((argv) => encode(...argv)) : []
      for (let i = batch.length; i < Math.min(BATCH, perDatabase - at); i++) {
        // The number makes each key a new one.
        const key = source.random() < 0.2 ? Buffer.concat([source.bytes(4), Buffer.from(`${at + i}`)]) : `k:${at + i}`
        const time = source.random() < 1 / 6 ? ['PXAT', expiresAt + source.below(FAR_MS)] : []
        batch.push(encode('SET', key, source.value(), ...time))
      }
      client.send(Buffer.concat(batch))
      const replies = await client.read(batch.length * 5)
      if (replies.toString() !== '+OK\r\n'.repeat(batch.length)) throw new Error(`not all OK: ${replies.toString()}`)
    }
  }
}

/** One random command: every kind of write that changes strings or whole databases. */
function command(source: Source, space: number): Argument[][] {
  const key = (): Argument => source.key(space)
  const ms = (): number => FAR_MS + source.below(FAR_MS)
  const one = (...argv: Argument[]): Argument[][] => [argv]
  switch (source.below(36)) {
    case 0:
      return one('SET', key(), source.value(), 'PX', ms())
    case 1:
      return one('SETEX', key(), Math.ceil(ms() / 1000), source.value())
    case 2:
      return one('SET', key(), source.value(), 'KEEPTTL')
    case 3:
      return one('SET', key(), source.value(), 'XX', 'GET')
    case 4:
      return one('SETNX', key(), source.value())
    case 5:
      return one('APPEND', key(), source.bytes(20))
    case 6:
      return one('SETRANGE', key(), source.below(100), source.bytes(20))
    case 7:
      return one('INCRBY', `counter:${source.below(20)}`, source.below(1000) - 500)
    case 8:
      return one('INCRBYFLOAT', `float:${source.below(20)}`, (source.random() * 10).toFixed(3))
    case 9:
      return one('DEL', key(), key(), key())
    case 10:
      return one('UNLINK', key())
    case 11:
      return one('GETSET', key(), source.value())
    case 12:
      return one('GETDEL', key())
    case 13:
      return one('GETEX', key(), 'PX', ms())
    case 14:
      return one('GETEX', key(), 'PERSIST')
    case 15:
      return one('EXPIRE', key(), Math.ceil(ms() / 1000))
    case 16:
      return one('PEXPIREAT', key(), Date.now() + ms(), source.pick(['NX', 'XX', 'GT', 'LT']))
    case 17:
      return one('EXPIRE', key(), -1)
    case 18:
      return one('PERSIST', key())
    case 19:
      return one('MSET', key(), source.value(), key(), source.value())
    case 20:
      return one('MSETNX', key(), 'new', `fresh:${source.below(1e9)}`, 'new')
    case 21:
      return one('RENAME', key(), key())
    case 22:
      return one('COPY', key(), key(), 'DB', source.pick([...DATABASES, FLUSHED]), 'REPLACE')
    case 23:
      return one('MOVE', key(), source.pick([...DATABASES, FLUSHED]))
    case 24:
      return one('SET', `soon:${source.below(SOON)}`, 'gone soon', 'PX', 1 + source.below(200))
    case 25:
      return [['MULTI'], ['SET', key(), source.value()], ['DEL', key()], ['INCR', 'in:multi'], ['EXEC']]
    case 26:
      return source.random() < 0.05 ? one('SWAPDB', source.pick(DATABASES), source.pick(DATABASES)) : []
    case 27:
      return source.random() < 0.05 ? [['SELECT', FLUSHED], ['FLUSHDB'], ['SELECT', 0]] : []
    case 28:
      return one('SELECT', source.pick(DATABASES))
    default:
      return one('SET', key(), source.value())
  }
}

/** Random writes from one connection, a few dozen at a time, from `start` until `stop`. */
export class Load {
  /** Commands sent so far. */
  sent = 0
  readonly #client: RawClient
  readonly #source: Source
  readonly #space: number
  #state: 'running' | 'stopping' = 'running'
  readonly #ended: Promise<void>

  private constructor(client: RawClient, seed: number, space: number) {
    this.#client = client
    this.#source = new Source(seed)
    this.#space = space
    this.#ended = this.#run()
    this.#ended.catch(() => undefined) // told by stop
  }

  /** `space`: how many keys there are to be written to. */
  static async start(node: Node, { seed = 2, space = 5000 } = {}): Promise<Load> {
    return new Load(await node.connect({ timeoutMs: 60_000 }), seed, space)
  }

  /** Ends after the commands under way were answered; how many there were. */
  async stop(): Promise<number> {
    this.#state = 'stopping'
    try {
      await this.#ended
      await passed(this.#client)
    } finally {
      await this.#client.close()
    }
    return this.sent
  }

  async #run(): Promise<void> {
    while (this.#state === 'running') {
      await writeRandomly(this.#client, this.#source, 50, this.#space)
      this.sent += 50
      await pause(1) // the servers and the sync want the processor too
    }
  }
}

/** So many random commands, and all are answered. */
export async function writeSome(node: Node, count: number, { seed = 3, space = 5000 } = {}): Promise<void> {
  const source = new Source(seed)
  await using client = await node.connect({ timeoutMs: 60_000 })
  for (let sent = 0; sent < count; sent += 50) await writeRandomly(client, source, 50, space)
  await passed(client)
}

/**
 * Waits until no key is left that expires soon: from then on the stream stands still. Asking for such a key by its name is
 * what makes a server delete it; the others wait for the active expiry, which takes its time among many keys.
 */
async function passed(client: RawClient): Promise<void> {
  const soon = Array.from({ length: SOON }, (_, i) => `soon:${i}`)
  const none = async (): Promise<boolean> => {
    let left = 0
    for (const db of DATABASES) {
      await client.ok('SELECT', db)
      left += Number(await client.ok('EXISTS', ...soon))
    }
    return left === 0
  }
  await until(none, { what: 'keys to expire' })
}

/** Errors (no such key, no number) are answers like others. */
async function writeRandomly(client: RawClient, source: Source, count: number, space: number): Promise<void> {
  const batch: Argument[][] = []
  while (batch.length < count) batch.push(...command(source, space))
  client.send(Buffer.concat(batch.map((argv) => encode(...argv))))
  for (const _ of batch) await client.reply()
}

/** When each key that has a time expires, in ms since 1970: what a digest leaves out. */
export async function expiries(node: Node): Promise<Map<string, number>> {
  const times = new Map<string, number>()
  await using client = await node.connect({ bulk: 'latin1', timeoutMs: 60_000 })
  for (const db of [...DATABASES, FLUSHED]) {
    await client.ok('SELECT', db)
    const keys = (await client.ok('KEYS', '*')) as string[]
    for (let at = 0; at < keys.length; at += BATCH) {
      const some = keys.slice(at, at + BATCH)
      const questions = some.map((key) => encode('PEXPIRETIME', Buffer.from(key, 'latin1')))
      // In a transaction, so that the answers come as one.
      client.send(Buffer.concat([encode('MULTI'), ...questions, encode('EXEC')]))
      await client.read('+OK\r\n'.length + '+QUEUED\r\n'.length * some.length)
      const answers = (await client.reply()) as number[]
      for (const [i, time] of answers.entries()) if (time >= 0) times.set(`${db} ${some[i]}`, time)
    }
  }
  return times
}
