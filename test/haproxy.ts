// HAProxy for tests: the program that test/install-peers put here, run with a configuration of the examples, in front of
// nodes on loopback.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { freePort } from './peers.js'
import { until } from './suite.js'

/** Debian has it where only root's PATH leads. */
const path = `${process.env.PATH}:/usr/sbin`
const version = /version ([\d.]+)/.exec(
  String(spawnSync('haproxy', ['-v'], { env: { ...process.env, PATH: path } }).stdout),
)?.[1]

/** Why a test that needs HAProxy is skipped. In continuous integration it must be there. */
export function missingHaproxy(): string | undefined {
  if (version !== undefined) return undefined
  if (process.env.CI === 'true') throw new Error('no haproxy on this machine: run test/install-peers')
  return 'no haproxy on this machine'
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const TRIES = 3

export class Haproxy {
  readonly writes: number
  readonly reads: number
  readonly #process: ChildProcess
  #said = ''

  private constructor(writes: number, reads: number, nodes: readonly number[]) {
    this.writes = writes
    this.reads = reads
    const file = fileURLToPath(new URL('../examples/haproxy/haproxy.cfg', import.meta.url))
    const at = (port: number): string => `127.0.0.1:${port}`
    this.#process = spawn('haproxy', ['-db', '-f', file], {
      env: {
        PATH: path,
        WRITES: at(writes),
        READS: at(reads),
        ...Object.fromEntries(nodes.map((port, i) => [`NODE_${i + 1}`, at(port)])),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(this.#process)
    this.#process.once('exit', () => running.delete(this.#process))
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream!.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString()
      })
    }
  }

  /** In front of three nodes. */
  static async start(nodes: readonly number[]): Promise<Haproxy> {
    for (let tries = 1; ; tries++) {
      const one = new Haproxy(await freePort(), await freePort(), nodes)
      const ended = (): boolean => one.#process.exitCode !== null || one.#process.signalCode !== null
      await until(async () => ended() || (await isOpen(one.writes)), { what: 'HAProxy to listen' })
      if (!ended()) return one
      if (tries === TRIES || !/cannot bind|Address already in use/i.test(one.#said)) throw new Error(one.#said)
    }
  }

  /** Resolves when it has seen the node of this number, from 1 on, go up or down behind one of its ports. */
  async seen(backend: 'primary' | 'replicas', node: number, state: 'UP' | 'DOWN'): Promise<void> {
    const told = new RegExp(`Server ${backend}/node-${node} is (UP|DOWN)`, 'g')
    const last = (): string => [...this.#said.matchAll(told)].at(-1)?.[1] ?? 'UP' // until the first check all are up
    await until(() => last() === state, { what: `HAProxy to see node ${node} ${state} as one of ${backend}` })
  }

  /** What it has printed: which servers went up and down among it. */
  log(): string {
    return this.#said
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
  }
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
