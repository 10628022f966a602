// One running Redis or Valkey server (or Sentinel) of a test: a process in a temporary directory, on a loopback port that
// the kernel chose. It dies with the test process: on exit, on signals, on errors nobody caught.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Argument, type ClientOptions, RawClient, type Reply } from './client.js'
import { deadline } from './suite.js'

export type Family = 'redis' | 'valkey'

export interface Peer {
  family: Family
  /** The version that was found: see `peer`. */
  version: string
  server: string
  sentinel: string
  cli: string
  checkRdb: string
  checkAof: string
  benchmark: string
}

/** Paths of PEM files. */
export interface TlsFiles {
  cert: string
  key: string
  ca: string
}

export interface StartOptions {
  family: Family
  version: string
  /** More command-line arguments. They win over `config`. */
  args?: string[]
  /**
   * Lines of the configuration file, values as they would stand there; a list repeats the directive. They win over
   * what every test server gets: no save points, DEBUG allowed, no waiting before a full sync or at shutdown.
   */
  config?: Record<string, string | string[]>
  /** The port speaks TLS only. */
  tls?: TlsFiles
  mode?: 'server' | 'sentinel'
  /** A port or directory used before: a server that comes back. Such a directory is not removed at the end. */
  port?: number
  dir?: string
  /** How long it may take until the server accepts connections. */
  timeoutMs?: number
}

const STOP_MS = 5_000

/** Everything that runs, to be killed at exit. */
const running = new Set<PeerServer>()

/** Runs a program of a peer to its end; its output, or an error that holds all it said. */
export function runPeer(program: string, args: string[], { timeoutMs = 20_000, input = '' } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 }
    const child = execFile(program, args, limits, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${program} ${args.join(' ')}: ${error.message}\n${stdout}${stderr}`, { cause: error }))
    })
    // A program that ends before it has read everything closes the pipe: its exit code tells, not this.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

/** DEBUG DIGEST of whoever listens at a loopback port: forty digits that stand for all data. */
export async function digest(port: number, options: ClientOptions = {}): Promise<string> {
  const client = await RawClient.connect({ port, ...options })
  try {
    return String(await client.ok('DEBUG', 'DIGEST'))
  } finally {
    await client.close()
  }
}

export class PeerServer {
  readonly peer: Peer
  readonly port: number
  readonly host = '127.0.0.1'
  readonly pid: number
  readonly dir: string
  /** Settled when the server accepts connections, or died before it did. */
  readonly ready: Promise<void>
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>
  readonly #process: ChildProcess
  readonly #options: StartOptions
  #log = ''
  #client: Promise<RawClient> | undefined
  #gone = false

  /** Use startServer: it waits until the server is ready and tries again when the port was taken. */
  constructor(programs: Peer, options: StartOptions, port: number) {
    this.peer = programs
    this.port = port
    this.#options = options
    this.dir = options.dir ?? mkdtempSync(join(tmpdir(), 'hotspare-peer-'))
    mkdirSync(this.dir, { recursive: true })
    const sentinel = options.mode === 'sentinel'
    const configFile = join(this.dir, sentinel ? 'sentinel.conf' : 'redis.conf')
    writeFileSync(configFile, configText(options, port, this.dir))
    const program = sentinel ? programs.sentinel : programs.server
    // C, not the user's locale; no standard input. Same process group as ours: who kills the group gets the server too.
    this.#process = spawn(program, [configFile, ...(options.args ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
      cwd: this.dir,
    })
    this.pid = this.#process.pid ?? 0
    // A server that a failed test left behind does not keep the process alive: it dies at exit.
    this.#process.unref()
    for (const stream of [this.#process.stdout, this.#process.stderr]) (stream as Socket | null)?.unref()
    running.add(this)
    this.exited = new Promise<void>((resolve) => {
      this.#process.once('error', () => resolve())
      this.#process.once('exit', () => resolve())
    }).then(() => this.#becomeGone())
    const readyLine = sentinel ? /Sentinel ID is/ : /eady to accept connections/
    this.ready = new Promise<void>((resolve, reject) => {
      const listen = (chunk: Buffer): void => {
        this.#log += chunk.toString()
        if (readyLine.test(this.#log)) resolve()
      }
      this.#process.stdout?.on('data', listen)
      this.#process.stderr?.on('data', listen)
      this.#process.once('error', reject)
      this.#process.once('close', (code, signal) => reject(new Error(`it ended: ${signal ?? `exit code ${code}`}`)))
    })
    this.ready.catch(() => undefined) // a server that dies later is no unhandled rejection
  }

  /** All it has printed so far. */
  log(): string {
    return this.#log
  }

  /** A connection of one's own. */
  connect(options: ClientOptions = {}): Promise<RawClient> {
    const { tls, config = {} } = this.#options
    const { requirepass } = config
    const password = typeof requirepass === 'string' ? { password: requirepass } : {}
    return RawClient.connect({ port: this.port, ...password, ...(tls && { tls: clientTls(tls) }), ...options })
  }

  /** Runs a command over a connection that all calls share. An error reply is thrown. */
  async call(...argv: Argument[]): Promise<Reply> {
    this.#client ??= this.connect()
    const connecting = this.#client
    try {
      const client = await connecting
      void client.closed.then(() => this.#forget(connecting))
      return await client.ok(...argv)
    } catch (error) {
      if (!isReply(error)) this.#forget(connecting)
      throw error
    }
  }

  /** INFO as a record, from one section or (without a name) all of the default ones. */
  async info(section?: string): Promise<Record<string, string>> {
    const text = String(await this.call('INFO', ...(section === undefined ? [] : [section])))
    const lines = text.split('\r\n').filter((line) => line.includes(':') && !line.startsWith('#'))
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    )
  }

  /** Runs the peer's own command line program against it; what it prints. */
  cli(...args: string[]): Promise<string> {
    const { tls, config = {} } = this.#options
    const secure = tls === undefined ? [] : ['--tls', '--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key]
    const auth = typeof config.requirepass === 'string' ? ['--no-auth-warning', '-a', config.requirepass] : []
    return runPeer(this.peer.cli, ['-h', this.host, '-p', String(this.port), ...secure, ...auth, ...args])
  }

  digest(): Promise<string> {
    return this.call('DEBUG', 'DIGEST').then(String)
  }

  /** The process stops where it is; its sockets stay open. */
  pause(): void {
    this.#signal('SIGSTOP')
  }

  resume(): void {
    this.#signal('SIGCONT')
  }

  /** Shuts down in order, or by force when that takes too long. */
  async stop(): Promise<void> {
    this.resume()
    this.#signal('SIGTERM')
    try {
      await deadline(this.exited, STOP_MS, 'shutdown')
    } catch {
      await this.kill()
    }
    this.#clean()
  }

  /** No goodbye: SIGKILL. */
  async kill(): Promise<void> {
    this.#signal('SIGKILL')
    await this.exited
    this.#clean()
  }

  /** At exit of the test process, when nothing can be awaited any more. */
  killNow(): void {
    this.#signal('SIGKILL')
    this.#clean()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#gone) this.#process.kill(signal)
  }

  #becomeGone(): void {
    this.#gone = true
    running.delete(this)
  }

  #forget(client: Promise<RawClient>): void {
    if (this.#client === client) this.#client = undefined
    client.then((old) => old.close()).catch(() => undefined)
  }

  #clean(): void {
    if (this.#options.dir === undefined) rmSync(this.dir, { recursive: true, force: true })
  }
}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ErrorReply'
}

function clientTls(files: TlsFiles): ClientOptions['tls'] {
  const [ca, cert, key] = [files.ca, files.cert, files.key].map((path) => readFileSync(path))
  // Certificates of tests name localhost; which address it is does not matter here.
  return { ca, cert, key, checkServerIdentity: () => undefined }
}

function configText({ mode, tls, config }: StartOptions, port: number, dir: string): string {
  const common = {
    bind: '127.0.0.1',
    'protected-mode': 'no',
    daemonize: 'no',
    dir,
    ...(tls === undefined
      ? { port: String(port) }
      : {
          port: '0',
          'tls-port': String(port),
          'tls-cert-file': tls.cert,
          'tls-key-file': tls.key,
          'tls-ca-cert-file': tls.ca,
          'tls-auth-clients': 'no',
        }),
  }
  const server = {
    save: '""',
    'enable-debug-command': 'yes',
    'repl-diskless-sync-delay': '0',
    'shutdown-timeout': '0',
  }
  const all: Record<string, string | string[]> = { ...common, ...(mode === 'sentinel' ? {} : server), ...config }
  const lines = Object.entries(all).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name} ${value === '' ? '""' : value}\n`),
  )
  return lines.join('')
}

let exitHandlers = false

export function killAtExit(): void {
  if (exitHandlers) return
  exitHandlers = true
  process.on('exit', () => {
    for (const server of running) server.killNow()
  })
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => process.exit(128 + number))
  }
}
