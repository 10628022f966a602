// The `hotspare` program as a node of these tests: a process that can be stopped, killed and started again with what its
// configuration file says by then.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Argument, type ClientOptions, RawClient, type Reply } from '../client.js'
import { freePort } from '../peers.js'
import { deadline } from '../suite.js'
import type { Node } from './nodes.js'

const PROGRAM = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')
/** Somebody else may take the port that was found free. */
const TRIES = 5

/** A node that is a process of its own: a program of ours, or a real server. */
export interface ProcessNode extends Node {
  readonly pid: number
  pause(): void
  resume(): void
  /** SIGKILL. */
  kill(): Promise<void>
  /** All it has printed so far. */
  log(): string
}

const running = new Set<ProgramNode>()
process.on('exit', () => {
  for (const node of running) node.killNow()
})

export class ProgramNode implements ProcessNode {
  readonly port: number
  readonly #process: ChildProcess
  readonly #ended: Promise<void>
  #output = ''
  #client: Promise<RawClient> | undefined

  private constructor(file: string, port: number) {
    this.port = port
    const args = ['--import', TSX, PROGRAM, file, '--port', String(port)]
    this.#process = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString()
      })
    running.add(this)
    this.#ended = new Promise((resolve) => {
      this.#process.once('close', () => {
        running.delete(this)
        resolve()
      })
    })
  }

  /** At a free port; with the file that it had in this folder before, if there is one. */
  static async start(dir: string, config: Record<string, string> = {}): Promise<ProgramNode> {
    mkdirSync(dir, { recursive: true })
    const file = join(dir, 'hotspare.conf')
    const lines = Object.entries({ dir, 'enable-debug-command': 'yes', ...config })
    if (!existsSync(file)) writeFileSync(file, lines.map(([name, value]) => `${name} ${value}\n`).join(''))
    for (let tries = 1; ; tries++) {
      const node = new ProgramNode(file, await freePort())
      try {
        await node.#ready()
        return node
      } catch (error) {
        await node.kill()
        if (tries === TRIES || !node.log().includes('Address already in use')) throw error
      }
    }
  }

  async #ready(): Promise<void> {
    const ready = new Promise<void>((resolve) => {
      this.#process.stdout?.on('data', () => {
        if (this.#output.includes('Ready to accept connections')) resolve()
      })
    })
    const ended = this.#ended.then(() => Promise.reject(new Error(`the program ended: ${this.#output}`)))
    await deadline(Promise.race([ready, ended]), 40_000, 'the program to accept connections')
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  log(): string {
    return this.#output
  }

  connect(options: Partial<ClientOptions> = {}): Promise<RawClient> {
    return RawClient.connect({ port: this.port, ...options })
  }

  async call(...argv: Argument[]): Promise<Reply> {
    this.#client ??= this.connect()
    const connecting = this.#client
    const forget = (): void => {
      if (this.#client === connecting) this.#client = undefined
    }
    connecting.then((client) => client.closed.then(forget), forget)
    return (await connecting).ok(...argv)
  }

  async info(section?: string): Promise<Record<string, string>> {
    const text = String(await this.call('INFO', ...(section === undefined ? [] : [section])))
    return Object.fromEntries([...text.matchAll(/^(\w+):(.*)\r$/gm)].map(([, name, value]) => [name, value]))
  }

  async digest(): Promise<string> {
    return String(await this.call('DEBUG', 'DIGEST'))
  }

  pause(): void {
    this.#process.kill('SIGSTOP')
  }

  resume(): void {
    this.#process.kill('SIGCONT')
  }

  async kill(): Promise<void> {
    this.killNow()
    await this.#ended
  }

  killNow(): void {
    this.#process.kill('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.kill()
  }
}
