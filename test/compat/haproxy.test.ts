// exclusive
// HAProxy with the usual check in front of three nodes: a writer that knows nothing but HAProxy's port goes on when the
// primary is killed; and a primary that was cut off from its replicas stops acknowledging.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { ErrorReply, RawClient } from '../client.js'
import { Haproxy, missingHaproxy } from '../haproxy.js'
import { freePort } from '../peers.js'
import { FaultyProxy } from '../proxy.js'
import { suite, until } from '../suite.js'
import { running } from './nodes.js'

const test = suite('compat: HAProxy')

const PROGRAM = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')
const MAX_LAG_SECONDS = 2

const programs = new Set<ChildProcess>()
process.on('exit', () => {
  for (const program of programs) program.kill('SIGKILL')
})

/** The `hotspare` program as a process of its own, which refuses writes while it has no replica. */
class Program {
  readonly port: number
  readonly process: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #dir = mkdtempSync(join(tmpdir(), 'hotspare-haproxy-'))
  #said = ''

  private constructor(port: number, args: string[]) {
    this.port = port
    const command = ['--import', TSX, PROGRAM, '--port', String(port), '--save', '', '--dir', this.#dir, ...args]
    this.process = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
    // One that a failed test left behind does not keep this process alive: it dies at exit.
    this.process.unref()
    this.#ended = once(this.process, 'exit')
    programs.add(this.process)
    for (const stream of [this.process.stdout, this.process.stderr] as Socket[]) {
      stream.unref()
      stream.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString()
      })
    }
  }

  static async start(...args: string[]): Promise<Program> {
    const guard = ['--min-replicas-to-write', '1', '--min-replicas-max-lag', String(MAX_LAG_SECONDS)]
    const program = new Program(await freePort(), [...guard, ...args])
    try {
      const isReady = (): boolean => {
        if (program.process.exitCode !== null) throw new Error(`it ended with ${program.process.exitCode}`)
        return program.#said.includes('Ready to accept connections')
      }
      await until(isReady, { what: 'a node to start', timeoutMs: 25_000 })
    } catch (error) {
      await program.kill()
      throw new Error(`${(error as Error).message}: ${program.#said}`, { cause: error })
    }
    return program
  }

  static replicaOf(port: number): Promise<Program> {
    return Program.start('--replicaof', '127.0.0.1', String(port))
  }

  async call(...argv: (string | number)[]): Promise<unknown> {
    await using client = await RawClient.connect({ port: this.port })
    return await client.ok(...argv)
  }

  async field(name: string): Promise<string | undefined> {
    return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(String(await this.call('INFO', 'replication')))?.[1]
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.#ended
    programs.delete(this.process)
    rmSync(this.#dir, { recursive: true, force: true })
  }

  close(): Promise<void> {
    return this.kill()
  }
}

interface Write {
  readonly key: string
  /** When it was acknowledged, ms. */
  readonly atMs: number
  /** Replicas that had it by then, if it was asked for. */
  readonly replicas: number
}

/** Writes one key after the other through HAProxy, and connects anew whenever that fails. */
class Writer {
  readonly acknowledged: Write[] = []
  readonly errors: string[] = []
  readonly #port: number
  readonly #waits: boolean
  #isStopped = false
  readonly #done: Promise<void>

  constructor(port: number, { waits }: { waits: boolean }) {
    this.#port = port
    this.#waits = waits
    this.#done = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
  }

  /** Resolves when so many more writes were acknowledged. */
  async writes(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count
    await until(() => this.acknowledged.length >= wanted, {
      what: `${count} more writes through HAProxy; the last error: ${this.errors.at(-1)}`,
      timeoutMs: 15_000,
    })
  }

  /** The longest time in which nothing was acknowledged, ms. */
  get longestGapMs(): number {
    return Math.max(...this.acknowledged.slice(1).map(({ atMs }, i) => atMs - this.acknowledged[i].atMs))
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#isStopped; ) {
      try {
        await using client = await RawClient.connect({ port: this.#port, timeoutMs: 2000 })
        for (; !this.#isStopped; i++) {
          await client.ok('SET', `k:${i}`, i)
          const replicas = this.#waits ? Number(await client.ok('WAIT', 1, 1000)) : 0
          this.acknowledged.push({ key: `k:${i}`, atMs: performance.now(), replicas })
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
      } catch (error) {
        this.errors.push(error instanceof ErrorReply ? error.message : `connection: ${(error as Error).message}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      i++ // what failed may be there or not: it is not written again
    }
  }
}

async function inStep(primary: Program, replica: Program): Promise<void> {
  await until(
    async () =>
      (await replica.field('master_link_status')) === 'up' &&
      (await replica.field('master_repl_offset')) === (await primary.field('master_repl_offset')),
    { what: 'a replica to be in step' },
  )
}

/** The keys of these writes that a node does not have. */
async function missingAt(node: Program, writes: readonly Write[]): Promise<string[]> {
  const missing: string[] = []
  for (let from = 0; from < writes.length; from += 500) {
    const keys = writes.slice(from, from + 500).map(({ key }) => key)
    const values = (await node.call('MGET', ...keys)) as unknown[]
    missing.push(...keys.filter((_, i) => values[i] === null))
  }
  return missing
}

test('a writer goes on when the primary is killed', { skip: missingHaproxy(), limitMs: 60_000 }, () =>
  running(async (start) => {
    const first = await start(Program.start())
    const [second, third] = await Promise.all([1, 2].map(() => start(Program.replicaOf(first.port))))
    for (const replica of [second, third]) await inStep(first, replica)
    const haproxy = await start(Haproxy.start([first.port, second.port, third.port]))
    for (const node of [2, 3]) await haproxy.seen('primary', node, 'DOWN')
    await haproxy.seen('replicas', 1, 'DOWN')

    const writer = new Writer(haproxy.writes, { waits: true })
    await writer.writes(200)
    await first.kill()
    // What Sentinel does, or whoever stands for it: the one that has most is the new primary.
    const offsets = await Promise.all([second, third].map((node) => node.field('slave_repl_offset')))
    const [best, other] = Number(offsets[0]) >= Number(offsets[1]) ? [second, third] : [third, second]
    await best.call('REPLICAOF', 'NO', 'ONE')
    await other.call('REPLICAOF', '127.0.0.1', best.port)
    await writer.writes(200)
    await writer.stop()

    await inStep(best, other)
    const confirmed = writer.acknowledged.filter(({ replicas }) => replicas >= 1)
    assert.ok(confirmed.length >= 300, `${confirmed.length} of ${writer.acknowledged.length} writes were confirmed`)
    for (const node of [best, other]) assert.equal(await missingAt(node, confirmed), [])
    console.log(
      `  ${writer.acknowledged.length} writes were acknowledged, ${confirmed.length} confirmed by WAIT 1, none of these lost; ` +
        `the longest time without one: ${writer.longestGapMs.toFixed(0)} ms`,
    )
    // Readers are led to the one replica that is left.
    await haproxy.seen('replicas', best === second ? 2 : 3, 'DOWN')
    await haproxy.seen('replicas', best === second ? 3 : 2, 'UP')
    await using reader = await RawClient.connect({ port: haproxy.reads })
    assert.match(String(await reader.ok('INFO', 'replication')), /role:slave[\s\S]*master_link_status:up/)
    // The killed one comes back as a replica, and HAProxy sends it no writer.
    const again = await start(Program.replicaOf(best.port))
    await inStep(best, again)
  }),
)

test(
  'a primary that was cut off stops acknowledging; what is lost was written before it did',
  { skip: missingHaproxy(), limitMs: 60_000 },
  () =>
    running(async (start) => {
      const first = await start(Program.start())
      const wire = await start(FaultyProxy.to(first.port))
      const [second, third] = await Promise.all([1, 2].map(() => start(Program.replicaOf(wire.port))))
      for (const replica of [second, third]) await inStep(first, replica)
      const haproxy = await start(Haproxy.start([first.port, second.port, third.port]))
      for (const node of [2, 3]) await haproxy.seen('primary', node, 'DOWN')

      const writer = new Writer(haproxy.writes, { waits: false })
      await writer.writes(100)
      wire.pause() // half-open: nobody is told, nothing comes through
      const cutMs = performance.now()
      await until(() => writer.errors.some((error) => error.startsWith('NOREPLICAS')), {
        what: 'the primary to refuse writes',
      })
      const before = writer.acknowledged.length
      const windowMs = writer.acknowledged[before - 1].atMs - cutMs
      // Half a second for the wire, and for what the cut finds under way.
      assert.ok(windowMs <= MAX_LAG_SECONDS * 1000 + 500, `acknowledged for ${windowMs} ms after the cut`)

      // The side that has the majority gets a primary; the other one is still one, and HAProxy sees two.
      await second.call('REPLICAOF', 'NO', 'ONE')
      await third.call('REPLICAOF', '127.0.0.1', second.port)
      await haproxy.seen('primary', 2, 'UP')
      await writer.writes(100)
      const refusedMeanwhile = writer.errors.filter((error) => error.startsWith('NOREPLICAS')).length
      await first.call('REPLICAOF', '127.0.0.1', second.port)
      await haproxy.seen('primary', 1, 'DOWN')
      await writer.writes(100)
      await writer.stop()

      await inStep(second, third)
      await inStep(second, first)
      const missing = new Set(await missingAt(second, writer.acknowledged))
      const lost = writer.acknowledged.filter(({ key }) => missing.has(key))
      const since = lost.map(({ atMs }) => Math.round(atMs - cutMs))
      // The one that was on its way when the wire was cut may have been acknowledged just before.
      assert.ok(
        lost.every((_, i) => since[i] > -200 && since[i] <= windowMs + 1),
        `lost, in ms since the cut: ${since}`,
      )
      assert.ok(writer.acknowledged.length - before >= 200, 'everything after it is there')
      for (const node of [first, third]) assert.equal(new Set(await missingAt(node, writer.acknowledged)), missing)
      console.log(
        `  the primary acknowledged for ${windowMs.toFixed(0)} ms after it was cut off (min-replicas-max-lag ${MAX_LAG_SECONDS} s); ` +
          `the ${lost.length} writes of that time are lost; ${refusedMeanwhile} requests were refused with NOREPLICAS`,
      )
    }),
)

test.run()
