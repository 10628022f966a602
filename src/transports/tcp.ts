// TCP, Unix sockets, and TLS over either. What a connection does once it stands is in socket-link.ts; here are addresses,
// listening and connecting. Secrets (keys, passphrases) never reach an address or an error.

import { lstat, unlink } from 'node:fs/promises'
import { isIP, connect as netConnect, createServer as netServer, type Server, type Socket } from 'node:net'
import { createSecureContext, connect as tlsConnect, createServer as tlsServer } from 'node:tls'
import { StoreError } from '../errors.js'
import type { Link, Listening, Transport } from '../link.js'
import { errorCode, isLoopback, nameOf, SocketLink } from './socket-link.js'

/** As node:tls takes them; PEM text or bytes. */
export interface TlsOptions {
  key?: string | Buffer
  cert?: string | Buffer
  /** Certificates of the authorities to trust instead of the well-known ones. */
  ca?: string | Buffer | (string | Buffer)[]
  passphrase?: string
  /** Listening: ask the other end for a certificate too (mutual TLS). Default false. */
  requestCert?: boolean
  /** Refuse whom no trusted authority vouches for. Default true. */
  rejectUnauthorized?: boolean
  /** Connecting: the name that the certificate must carry. Default the host. */
  servername?: string
}

export interface TcpOptions {
  /** Default 127.0.0.1. */
  host?: string
  /** Default 0: when listening, a free one is chosen. */
  port?: number
  /** A Unix socket instead of host and port. At most 107 bytes (103 on macOS). */
  path?: string
  tls?: TlsOptions
  /** Silence in ms after which TCP probes the other end; false for never. Default 300,000, as Redis has it. */
  keepAlive?: number | false
  /** An IPv6 address takes no IPv4 in. Default false: `::` takes both. */
  ipv6Only?: boolean
}

/** A TLS client that takes longer than this to say who it is is dropped. */
const HANDSHAKE_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 300_000
/** The kernel's limit for the path of a Unix socket. Node 20 cuts off what is longer, without a word. */
const LONGEST_PATH_BYTES = process.platform === 'darwin' ? 103 : 107

/** Throws INVALID if the address makes no sense or the TLS material cannot be used. */
export function tcp(options: TcpOptions): Transport {
  const { host = '127.0.0.1', port = 0, path, tls } = options
  if (path !== undefined) checkPath(path)
  else if (!Number.isInteger(port) || port < 0 || port > 65535) throw new StoreError('INVALID', `${port} is no port`)
  if (tls !== undefined) checkTls(tls)
  const keepAliveMs = options.keepAlive === false ? undefined : (options.keepAlive ?? KEEP_ALIVE_MS)
  const prepare = (socket: Socket): void => {
    if (path !== undefined) return
    socket.setNoDelay(true)
    if (keepAliveMs !== undefined) socket.setKeepAlive(true, keepAliveMs)
  }
  const address = path ?? nameOf(host, port)
  const place: Place = { host, port, path, tls, address, ipv6Only: options.ipv6Only === true }
  return {
    address,
    host: path ?? host,
    port: path === undefined ? port : 0,
    listen: (accept) => listen(place, prepare, accept),
    connect: () => connect(place, prepare),
  }
}

interface Place {
  readonly host: string
  readonly port: number
  readonly path: string | undefined
  readonly tls: TlsOptions | undefined
  readonly address: string
  ipv6Only: boolean
}

function connect(place: Place, prepare: (socket: Socket) => void): Link {
  const { host, port, path, tls, address } = place
  const target = path === undefined ? { host, port } : { path }
  const socket =
    tls === undefined
      ? netConnect(target)
      : // Node sends the name only if told to, and an address is not a name.
        tlsConnect({ ...target, ...tls, servername: tls.servername ?? (path || isIP(host) ? undefined : host) })
  prepare(socket)
  return SocketLink.connecting(socket, tls === undefined ? 'connect' : 'secureConnect', {
    address,
    path,
    fromOutside: path === undefined && !isLoopback(host),
  })
}

async function listen(
  place: Place,
  prepare: (socket: Socket) => void,
  accept: (link: Link) => void,
): Promise<Listening> {
  let server = makeServer(place)
  try {
    await bind(server, place)
  } catch (error) {
    if (place.path === undefined || errorCode(error) !== 'EADDRINUSE') throw cannotListen(place, error)
    await removeStaleSocket(place.path, place, error)
    server = makeServer(place)
    await bind(server, place).catch((again: unknown) => {
      throw cannotListen(place, again)
    })
  }
  // A failed accept (no file descriptors left) arrives here and must not end the process. The client was turned away by
  // the system and tries again; the server goes on listening.
  server.on('error', () => {})
  let state: 'listening' | 'closed' = 'listening'
  server.on(place.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    // A handshake that began before close() may end after it.
    if (state === 'closed') return void socket.destroy()
    prepare(socket)
    accept(SocketLink.accepted(socket, place.path, place.tls === undefined))
  })
  const bound = server.address()
  const port = bound !== null && typeof bound === 'object' ? bound.port : undefined
  return {
    address: port === undefined ? place.address : nameOf(place.host, port),
    port,
    // The address is free when close() returns; its callback would wait for the links that stand.
    close: async () => {
      if (state === 'closed') return
      state = 'closed'
      server.close()
    },
  }
}

function makeServer({ tls }: Place): Server {
  return tls === undefined
    ? netServer({ pauseOnConnect: true })
    : tlsServer({ ...tls, handshakeTimeout: HANDSHAKE_TIMEOUT_MS })
}

/** `exclusive`: workers of node:cluster would otherwise share one port, and clients would meet any of several stores. */
function bind(server: Server, { host, port, path, ipv6Only }: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(
      path === undefined ? { host, port, exclusive: true, ipv6Only: ipv6Only } : { path, exclusive: true },
      () => {
        server.off('error', reject)
        resolve()
      },
    )
  })
}

/** Removes the file of a Unix socket that nobody listens at any more. Throws ADDRESS if somebody does. */
async function removeStaleSocket(path: string, place: Place, inUse: unknown): Promise<void> {
  const answer = await new Promise<string | undefined>((resolve) => {
    const probe = netConnect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(undefined)
    })
    probe.once('error', (error) => resolve(errorCode(error)))
  })
  if (answer === 'ENOENT') return
  if (answer !== 'ECONNREFUSED') throw cannotListen(place, inUse)
  try {
    // An ordinary file refuses connections too, and is not ours to remove.
    if (!(await lstat(path)).isSocket()) throw cannotListen(place, inUse)
    await unlink(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error instanceof StoreError ? error : cannotListen(place, error)
  }
}

function cannotListen(place: Place, cause: unknown): StoreError {
  return new StoreError('ADDRESS', `cannot listen at ${place.address}: ${errorCode(cause)}`, { cause })
}

function checkPath(path: string): void {
  if (path === '') throw new StoreError('INVALID', 'the path of a Unix socket is empty')
  if (Buffer.byteLength(path) <= LONGEST_PATH_BYTES) return
  throw new StoreError('INVALID', `the path of a Unix socket has at most ${LONGEST_PATH_BYTES} bytes: ${path}`)
}

function checkTls(tls: TlsOptions): void {
  try {
    createSecureContext(tls)
  } catch (cause) {
    const code = errorCode(cause)
    // Errors about an argument's type quote the argument, which may be a secret.
    const safe = code.startsWith('ERR_INVALID_ARG') ? undefined : { cause }
    throw new StoreError('INVALID', `the TLS key, certificate or passphrase cannot be used: ${code}`, safe)
  }
}
