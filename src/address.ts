// Where a primary is: what `replicaOf` takes, as a transport to reach it and the credentials to show there.

import { StoreError } from './errors.js'
import type { Transport } from './link.js'
import { type TlsOptions, tcp } from './transports/tcp.js'

export interface PrimaryAddress {
  host?: string
  port?: number
  /** A Unix socket instead of host and port. */
  path?: string
  username?: string
  password?: string
  tls?: TlsOptions
}

export interface Destination {
  transport: Transport
  username?: string
  password?: string
}

/** `redis://[user:password@]host[:port]`, `rediss://` for TLS, `unix:/path`; an address; or a transport. Throws INVALID. */
export function destinationOf(target: string | PrimaryAddress | Transport): Destination {
  if (typeof target === 'string') return destinationOf(parseUrl(target))
  if ('connect' in target) return { transport: target }
  const { host = '127.0.0.1', port = 6379, path, tls, username, password } = target
  const transport = path === undefined ? tcp({ host, port, tls }) : tcp({ path, tls })
  return { transport, username, password }
}

function parseUrl(text: string): PrimaryAddress {
  try {
    return addressOf(new URL(text))
  } catch (error) {
    if (error instanceof StoreError) throw error
    // The text may hold a password: it is not repeated.
    throw new StoreError('INVALID', 'the address of the primary is not a URL')
  }
}

/** Throws URIError where a percent sign is followed by what is no UTF-8. */
function addressOf({ protocol, hostname, port, username, password, pathname }: URL): PrimaryAddress {
  if (protocol === 'unix:') return { path: decodeURIComponent(pathname) }
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw new StoreError('INVALID', `an address starts with redis:, rediss: or unix:, not ${protocol}`)
  }
  const address: PrimaryAddress = { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 6379 : Number(port) }
  if (username !== '') address.username = decodeURIComponent(username)
  if (password !== '') address.password = decodeURIComponent(password)
  if (protocol === 'rediss:') address.tls = {}
  return address
}
