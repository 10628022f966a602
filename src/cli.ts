#!/usr/bin/env node
// The `hotspare` program: a Store behind a port, started, configured, logged and stopped as redis-server is.
// What it is told is read by cli/config-files.ts; its addresses are cli/endpoints.ts; everything else is the Store's.

import { accessSync, appendFileSync, closeSync, constants, openSync } from 'node:fs'
import { type Loaded, loadConfig, rewriteFile, systemText } from './cli/config-files.js'
import { Endpoints, tlsOptions } from './cli/endpoints.js'
import { ProgressBar } from './cli/progress-bar.js'
import { Shutdown } from './cli/shutdown.js'
import { fatal } from './config/conf-file.js'
import type { Config } from './config/config.js'
import { type Logger, systemEnv } from './env.js'
import { StoreError } from './errors.js'
import { type LogLevel, lineLogger } from './log-format.js'
import { Store } from './store.js'
import { tcp } from './transports/tcp.js'
import { HOTSPARE_VERSION, REDIS_VERSION } from './version.js'

const VERSION = `hotspare v=${HOTSPARE_VERSION} redis_version=${REDIS_VERSION} node=${process.versions.node}`

const USAGE = `Usage: hotspare [/path/to/redis.conf] [options] [-]
       hotspare - (read the configuration from standard input)
       hotspare -v or --version
       hotspare -h or --help

Options are the directives of a redis.conf with two dashes before them.

Examples:
       hotspare (listens on 127.0.0.1:6379)
       echo 'maxmemory 128mb' | hotspare -
       hotspare /etc/redis/6379.conf
       hotspare --port 7777
       hotspare --port 7777 --replicaof 127.0.0.1 8888
       hotspare /etc/redis/6379.conf --loglevel verbose
`

async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && ['-v', '--version'].includes(argv[0])) return void console.log(VERSION)
  if (argv.length === 1 && ['-h', '--help'].includes(argv[0])) return void process.stdout.write(USAGE)
  let loaded: Loaded
  let write: (line: string) => void
  try {
    loaded = loadConfig(argv)
    write = logWriter(loaded.config.text('logfile'))
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    process.stderr.write(`\n${error.message}\n`)
    process.exitCode = 1
    return
  }
  await serve(loaded, write, argv.length === 0)
}

async function serve({ config, file }: Loaded, write: (line: string) => void, bare: boolean): Promise<void> {
  let store: Store | undefined
  // Only where somebody looks on.
  const bar = config.text('logfile') === '' && process.stdout.isTTY ? new ProgressBar(process.stdout) : undefined
  const writeAbove = bar === undefined ? write : (line: string) => bar.above(line, write)
  const log = lineLogger({
    pid: process.pid,
    now: Date.now,
    role: () => (store === undefined ? 'C' : store.role === 'replica' ? 'S' : 'M'),
    level: () => config.text('loglevel') as LogLevel,
    write: writeAbove,
  })
  log.warn('oO0OoO0OoO0Oo hotspare is starting oO0OoO0OoO0Oo')
  log.warn(
    `hotspare ${HOTSPARE_VERSION}, redis_version=${REDIS_VERSION}, node=${process.versions.node}, pid=${process.pid}, just started`,
  )
  if (bare)
    log.warn(
      'Warning: no config file specified, using the default config. In order to specify a config file use hotspare /path/to/redis.conf',
    )
  else log.warn('Configuration loaded')
  process.on('uncaughtException', (error) => crash(log, error))
  store = new Store({
    config,
    env: systemEnv({ log }),
    dial: (host, port) => tcp({ host, port, tls: config.flag('tls-replication') ? tlsOptions(config) : undefined }),
    configFile: file === undefined ? undefined : { path: file, rewrite: () => rewriteFile(config, file) },
  })
  const shutdown = new Shutdown(store, config, log)
  config.on('dir', enter)
  tellWhatIsNot(config, log)
  // Who comes while it loads is told so.
  const opened = store
    .openFile(() => process.cwd(), { onProgress: (progress) => bar?.show(progress) })
    .then(
      () => undefined,
      (error: unknown) => error,
    )
  const primary = config.primary()
  if (primary !== undefined) {
    const { engine } = store
    engine.followTransport(engine.dial(primary.host, primary.port), { after: opened })
  }
  try {
    await new Endpoints(store, config, log).openAll()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    log.warn(error.message)
    process.exit(1)
  }
  showStart(config, log, writeAbove)
  const failure = await opened
  if (shutdown.isUnderWay) return
  if (failure !== undefined) {
    if (!(failure instanceof StoreError)) throw failure
    log.error(`Fatal error loading the DB, check server logs. Exiting. ${failure.message}`)
    process.exit(1)
  }
  store.on('progress', (progress) => bar?.show(progress))
  log.info('Ready to accept connections')
}

/** Where it listens: a line of the log, or what `always-show-logo` stands for, out of which scripts read the process id. */
function showStart(config: Config, log: Logger, write: (line: string) => void): void {
  const port = config.text('port')
  if (config.flag('always-show-logo'))
    write(`
     hotspare ${HOTSPARE_VERSION} (redis_version=${REDIS_VERSION}, node=${process.versions.node})
     Running in standalone mode
     Port: ${port}
     PID: ${process.pid}

`)
  else log.info(`Running mode=standalone, port=${port}.`)
  log.warn('Server initialized')
}

/** Our own mistake: nothing can be relied on any more. Where it happened belongs in the log, as who reads that comes later. */
function crash(log: Logger, error: unknown): never {
  log.error(`=== HOTSPARE BUG REPORT: ${VERSION} crashed ===`)
  for (const line of String(error instanceof Error ? error.stack : error).split('\n')) log.error(line)
  process.exit(1)
}

/** What the configuration asks for and does not get. Promises about data are worth more than a debug line. */
function tellWhatIsNot(config: Config, log: Logger): void {
  for (const name of config.ignored())
    log.debug(`The directive ${name} is kept for CONFIG GET, and has no effect here.`)
}

/** CONFIG SET dir. */
function enter(path: string): void {
  try {
    if (path !== process.cwd()) process.chdir(path)
  } catch (error) {
    throw new StoreError('INVALID', systemText(error), { cause: error })
  }
}

/** Standard output, or a file that is opened for each line, as Redis does: so it can be moved away at any time. */
function logWriter(file: string): (line: string) => void {
  if (file === '' || file === 'stdout') {
    // Whoever read our output is gone: that ends the log, and not the store.
    process.stdout.on('error', () => {})
    return (line) => void process.stdout.write(line)
  }
  try {
    closeSync(openSync(file, 'a'))
    accessSync(file, constants.W_OK)
  } catch (error) {
    throw fatal(`Can't open the log file: ${systemText(error)}`)
  }
  return (line) => {
    try {
      appendFileSync(file, line)
    } catch {
      // A full disk must not take the store down with it.
    }
  }
}

await main(process.argv.slice(2))
