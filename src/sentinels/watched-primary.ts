// What `replicaOf` takes when Sentinels are to be asked, and how their word reaches the engine.

import type { Engine } from '../engine/engine.js'
import { StoreError } from '../errors.js'
import type { Transport } from '../link.js'
import { nameOf } from '../transports/socket-link.js'
import { type TlsOptions, tcp } from '../transports/tcp.js'
import type { Place } from './sentinel.js'
import { Sentinels } from './sentinels.js'

/** A primary that Sentinels watch. It is found by asking them, and followed through every failover. */
export interface WatchedPrimary {
  /** The name under which they watch it (`sentinel monitor <name> …`). */
  name: string
  /** One is enough to find the others, if it is there. Port 26379 unless given. */
  sentinels: readonly ({ host?: string; port?: number } | Transport)[]
  /** For the Sentinels, which may want a password of their own. */
  sentinelUsername?: string
  sentinelPassword?: string
  sentinelTls?: TlsOptions
  /** For the primary, whoever it is: kept as the directives masteruser and masterauth, as Sentinels change the primary too. */
  username?: string
  password?: string
  tls?: TlsOptions
  /** How long a Sentinel, or a primary that is asked for its role, may take to answer. Default 2000. */
  timeoutMs?: number
}

const SENTINEL_PORT = 26_379
const TIMEOUT_MS = 2000

export interface Follower {
  follow(transport: Transport): void
  /** Where our listeners listen, as a person would name it. */
  addresses(): string[]
}

export interface SentinelsStatus {
  /** Of the primary. */
  name: string
  /** Sentinels that are known, and how many of them are connected. */
  known: number
  connected: number
}

/** The Sentinels that a node asks, if it does. */
export class PrimaryWatch {
  readonly #engine: Engine
  readonly #follower: Follower
  #sentinels: Sentinels | null = null

  constructor(engine: Engine, follower: Follower) {
    this.#engine = engine
    this.#follower = follower
  }

  get status(): SentinelsStatus | null {
    const sentinels = this.#sentinels
    return sentinels && { name: sentinels.name, known: sentinels.known, connected: sentinels.connected }
  }

  /**
   * From now on the node is a replica: of nobody until the Sentinels have named the primary, so that it takes no write that
   * would be lost; or the primary, once they say so. Throws INVALID.
   */
  begin(target: WatchedPrimary): void {
    const { name, username, password } = target
    const sentinels = this.#sentinelsOf(target)
    this.end()
    this.#sentinels = sentinels
    if (password !== undefined) {
      this.#engine.config.assign('masterauth', password)
      this.#engine.config.assign('masteruser', username ?? '')
    }
    this.#follower.follow(nobody(name))
    sentinels.start()
  }

  end(): void {
    this.#sentinels?.stop()
    this.#sentinels = null
  }

  #sentinelsOf(target: WatchedPrimary): Sentinels {
    const { name, tls, sentinelTls, timeoutMs = TIMEOUT_MS } = target
    if (name === '') throw new StoreError('INVALID', 'the Sentinels know the primary by a name: it is missing')
    if (target.sentinels.length === 0) throw new StoreError('INVALID', 'at least one Sentinel must be named')
    if (!(timeoutMs > 0)) throw new StoreError('INVALID', `an answer cannot come within ${timeoutMs} ms`)
    const engine = this.#engine
    const { config } = engine
    const dial = ({ host, port }: Place, secure: TlsOptions | undefined): Transport =>
      secure === undefined ? engine.dial(host, port) : tcp({ host, port, tls: secure })
    return new Sentinels(
      {
        env: engine.env,
        runId: engine.runId,
        dialSentinel: (place) => dial(place, sentinelTls),
        dialNode: (place) => dial(place, tls),
        isOurs: (place) => this.#isOurs(place),
        follow: (transport) => this.#follow(transport, tls !== undefined),
        promote: () => {
          if (engine.role === 'replica') engine.promote()
        },
      },
      {
        name,
        sentinels: target.sentinels.map((one) =>
          'connect' in one
            ? one
            : dial({ host: one.host ?? '127.0.0.1', port: one.port ?? SENTINEL_PORT }, sentinelTls),
        ),
        username: target.sentinelUsername ?? '',
        password: target.sentinelPassword ?? '',
        node: () => ({ username: config.text('masteruser'), password: config.text('masterauth') }),
        timeoutMs,
      },
    )
  }

  /** A Sentinel may have been faster, with SLAVEOF; but that says nothing of TLS. */
  #follow(transport: Transport, secure: boolean): void {
    const { link } = this.#engine
    const isFollowed = link?.transport.host === transport.host && link.transport.port === transport.port
    if (!isFollowed || secure) this.#follower.follow(transport)
  }

  #isOurs(place: Place): boolean {
    return isAnnounced(this.#engine, place) || this.#follower.addresses().includes(nameOf(place.host, place.port))
  }
}

function isAnnounced({ config, port }: Engine, place: Place): boolean {
  const host = config.text('replica-announce-ip')
  const announcedPort = config.number('replica-announce-port') || port
  return host !== '' && host.toLowerCase() === place.host.toLowerCase() && announcedPort === place.port
}

/** Whom a replica follows while its primary is not known: each attempt to connect says so, on the event `link` too. */
function nobody(name: string): Transport {
  const unknown = (): never => {
    throw new StoreError('LINK', `no Sentinel has named the primary ${name} yet`)
  }
  return { address: `${name}, not known yet`, host: '', port: 0, listen: unknown, connect: unknown }
}
