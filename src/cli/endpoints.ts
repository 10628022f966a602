// The addresses of the program: what `bind`, `port`, `unixsocket` and `tls-port` name, opened at the start and again when
// CONFIG SET changes them. Clients and replicas are the store's business.

import { readFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import type { Config, SettingName } from '../config/config.js'
import type { Logger } from '../env.js'
import { StoreError } from '../errors.js'
import type { Listener } from '../listener.js'
import type { Store } from '../store.js'
import { type TlsOptions, tcp } from '../transports/tcp.js'
import { codeOf, systemText } from './config-files.js'

type Kind = 'TCP' | 'TLS' | 'Unix'

/** Directives that a change of opens the addresses of this kind anew. */
const settingsOf: Record<Kind, readonly SettingName[]> = {
  TCP: ['bind', 'port'],
  TLS: ['bind', 'tls-port', 'tls-cert-file', 'tls-key-file', 'tls-ca-cert-file', 'tls-auth-clients'],
  Unix: [],
}

/** Codes that say that this machine has no such kind of address. */
const unsupported = ['EAFNOSUPPORT', 'EPROTONOSUPPORT']

export class Endpoints {
  readonly #store: Store
  readonly #config: Config
  readonly #log: Logger
  readonly #open: Record<Kind, Listener[]> = { TCP: [], TLS: [], Unix: [] }
  /** Changes come one after the other: an address has to be free before it is opened again. */
  #work: Promise<void> = Promise.resolve()

  constructor(store: Store, config: Config, log: Logger) {
    this.#store = store
    this.#config = config
    this.#log = log
  }

  /** Opens them all, or throws ADDRESS after a line in the log that says which it was. */
  async openAll(): Promise<void> {
    for (const kind of ['TCP', 'TLS', 'Unix'] as const) await this.#openKind(kind)
    if (Object.values(this.#open).every((open) => open.length === 0))
      throw new StoreError('ADDRESS', 'Configured to not listen anywhere, exiting.')
    for (const kind of ['TCP', 'TLS'] as const) this.#follow(kind)
  }

  /**
   * Opening takes a turn of the event loop and CONFIG SET answers in this one: so what cannot be opened is said in the
   * log, and the directive gets its old value back.
   */
  #follow(kind: Kind): void {
    const was = new Map(settingsOf[kind].map((name) => [name, this.#config.text(name)]))
    const changed = (_: string, name: SettingName): void => {
      this.#work = this.#work.then(async () => {
        if (was.get(name) === this.#config.text(name) && !name.endsWith('-file')) return
        try {
          await this.#reopen(kind)
          for (const one of was.keys()) was.set(one, this.#config.text(one))
        } catch (error) {
          this.#log.warn(`${messageOf(error)} The old addresses are kept.`)
          for (const [one, value] of was) this.#config.assign(one, value)
          await this.#reopen(kind).catch((again: unknown) => this.#log.warn(messageOf(again)))
        }
      })
    }
    for (const name of settingsOf[kind]) this.#config.on(name, changed)
  }

  async #reopen(kind: Kind): Promise<void> {
    const old = this.#open[kind].splice(0)
    for (const one of old) await one.close({ keepConnections: true })
    await this.#openKind(kind)
  }

  async #openKind(kind: Kind): Promise<void> {
    if (kind === 'Unix') return this.#openUnixSocket()
    const port = this.#config.number(kind === 'TCP' ? 'port' : 'tls-port')
    if (port === 0) return
    const tls = kind === 'TLS' ? tlsOptions(this.#config) : undefined
    const addresses = addressesOf(this.#config)
    if (addresses.length === 0) return // `bind ""`
    for (const address of addresses) await this.#openAddress(kind, address, port, tls)
    if (this.#open[kind].length === 0)
      throw new StoreError('ADDRESS', `Failed listening on port ${port} (${kind}), aborting.`)
  }

  async #openAddress(kind: Kind, address: Address, port: number, tls: TlsOptions | undefined): Promise<void> {
    const keepAliveSeconds = this.#config.number('tcp-keepalive')
    const keepAlive = keepAliveSeconds === 0 ? false : keepAliveSeconds * 1000
    try {
      this.#open[kind].push(await this.#store.listen(tcp({ host: address.host, port, tls, keepAlive, ipv6Only: true })))
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined) throw error
      this.#log.warn(
        `Warning: Could not create server TCP listening socket ${address.text}:${port}: bind: ${systemText(error)}`,
      )
      if (unsupported.includes(code) || (address.optional && code === 'EADDRNOTAVAIL')) return
      throw new StoreError('ADDRESS', `Failed listening on port ${port} (${kind}), aborting.`, { cause: error })
    }
  }

  async #openUnixSocket(): Promise<void> {
    const path = this.#config.text('unixsocket')
    if (path === '') return
    try {
      this.#open.Unix.push(await this.#store.listen({ path }))
      const mode = this.#config.number('unixsocketperm')
      if (mode !== 0) await chmod(path, mode)
    } catch (error) {
      throw new StoreError('ADDRESS', `Failed opening Unix socket: bind: ${systemText(error)}`, { cause: error })
    }
  }
}

interface Address {
  /** As `bind` has it. */
  text: string
  host: string
  /** Written with a dash before it: this machine need not have it. */
  optional: boolean
}

/** The addresses of `bind`. */
function addressesOf(config: Config): Address[] {
  return config.list('bind').map((word): Address => {
    const optional = word.startsWith('-')
    const text = optional ? word.slice(1) : word
    return { text, host: text === '*' ? '0.0.0.0' : text === '::*' ? '::' : text, optional }
  })
}

export function tlsOptions(config: Config): TlsOptions {
  const read = (name: 'tls-cert-file' | 'tls-key-file' | 'tls-ca-cert-file'): Buffer | undefined => {
    const path = config.text(name)
    try {
      return path === '' ? undefined : readFileSync(path)
    } catch (error) {
      throw new StoreError('ADDRESS', `Failed to load ${name} ${path}: ${systemText(error)}`, { cause: error })
    }
  }
  const asked = config.text('tls-auth-clients')
  return {
    cert: read('tls-cert-file'),
    key: read('tls-key-file'),
    ca: read('tls-ca-cert-file'),
    passphrase: config.text('tls-key-file-pass') || undefined,
    requestCert: asked !== 'no',
    // `optional`: who has no certificate comes in too. No rights hang on it, so one that nobody vouches for counts as none.
    rejectUnauthorized: asked === 'yes',
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
