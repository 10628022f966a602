// Real Redis and Valkey servers for tests. Finds the programs that test/install-peers put there, starts servers in
// directories of their own on loopback, and takes them down when the test process ends, however it ends.
// Knows nothing of src/: what a test compares with ours goes through RawClient.

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { type Family, killAtExit, type Peer, PeerServer, type StartOptions } from './peer-server.js'
import { deadline } from './suite.js'

export {
  digest,
  type Family,
  type Peer,
  type PeerServer,
  runPeer,
  type StartOptions,
  type TlsFiles,
} from './peer-server.js'

const TRIES = 5

/** The versions that tests ask for. Continuous integration fails when one has no peer. */
export const versions: readonly (readonly [Family, string])[] = [
  ['redis', '7.0.15'],
  ['redis', '8.6.3'],
  ['valkey', '8.1.1'],
  ['valkey', '9.1.2'],
]

/** Where install-peers puts programs, each with its version behind its name. */
export const peersBin = join(process.env.PEERS || join(homedir(), '.cache', 'hotspare-peers'), 'bin')

const found = new Map<string, Peer | undefined>()

/**
 * The programs of one version: on the PATH if their version is exactly this one, else from `peersBin`. Distributions
 * move on, so where the exact version is gone the newest of its minor, then of its major version stands in.
 */
export function peer(family: Family, version: string): Peer | undefined {
  const wanted = `${family}-${version}`
  if (!found.has(wanted)) found.set(wanted, onPath(family, version) ?? inBin(family, version))
  return found.get(wanted)
}

/** Every peer of `versions` that is here. */
export function allPeers(): Peer[] {
  return versions.map(([family, version]) => peer(family, version)).filter((one) => one !== undefined)
}

/** The peer, or undefined when it is missing: then the test skips (see `missingPeer`). With CI=true it must be there. */
export function requirePeer(family: Family, version: string): Peer | undefined {
  const one = peer(family, version)
  if (one === undefined && process.env.CI === 'true')
    throw new Error(`${absent(family, version)}: run test/install-peers`)
  return one
}

/** Why a test that needs this peer is skipped; undefined when the peer is here. For a test's `skip` option. */
export function missingPeer(family: Family, version: string): string | undefined {
  return requirePeer(family, version) === undefined ? absent(family, version) : undefined
}

export async function startServer(options: StartOptions): Promise<PeerServer> {
  const found = peer(options.family, options.version)
  if (found === undefined)
    throw new Error(`no ${options.family} ${options.version} on this machine: see test/install-peers`)
  killAtExit()
  for (let tries = 1; ; tries++) {
    const server = new PeerServer(found, options, options.port ?? (await freePort()))
    try {
      await deadline(
        server.ready,
        options.timeoutMs ?? 15_000,
        `${found.family} ${found.version} to accept connections`,
      )
      return server
    } catch (error) {
      const log = server.log()
      await server.kill()
      const portTaken = /Address already in use|Failed listening on port/.test(log)
      if (portTaken && options.port === undefined && tries < TRIES) continue
      throw new Error(`${found.family}-server ${found.version} did not start: ${(error as Error).message}\n${log}`)
    }
  }
}

/** A free TCP port on loopback. Somebody else may take it before it is used: have another try in hand. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function absent(family: Family, version: string): string {
  return `no ${family} ${version} on this machine`
}

function onPath(family: Family, version: string): Peer | undefined {
  try {
    const said = execFileSync(`${family}-server`, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    if (!said.includes(`v=${version} `)) return undefined
  } catch {
    return undefined // not installed
  }
  return programs(family, version, (program) => `${family}-${program}`)
}

function inBin(family: Family, version: string): Peer | undefined {
  if (!existsSync(peersBin)) return undefined
  const start = `${family}-server-`
  const all = readdirSync(peersBin)
    .filter((name) => name.startsWith(start))
    .map((name) => name.slice(start.length))
  const [major, minor] = version.split('.')
  const best =
    all.find((one) => one === version) ??
    newest(all.filter((one) => one.startsWith(`${major}.${minor}.`))) ??
    newest(all.filter((one) => one.startsWith(`${major}.`)))
  return best === undefined
    ? undefined
    : programs(family, best, (program) => join(peersBin, `${family}-${program}-${best}`))
}

function newest(of: string[]): string | undefined {
  return of.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
}

function programs(family: Family, version: string, path: (program: string) => string): Peer {
  return {
    family,
    version,
    server: path('server'),
    sentinel: path('sentinel'),
    cli: path('cli'),
    checkRdb: path('check-rdb'),
    checkAof: path('check-aof'),
    benchmark: path('benchmark'),
  }
}
