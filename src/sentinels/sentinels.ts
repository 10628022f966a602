// All Sentinels that watch one primary, and what a node makes of their word: it follows whom they name, once that one says
// itself that it is a primary, or is the primary when they name the node itself. What they say counts when it changes: in
// between a Sentinel may give the node its role (SLAVEOF) before the others have heard of it, and is not to be contradicted.

import type { Env, Timer } from '../env.js'
import { ReplyError, StoreError } from '../errors.js'
import type { Transport } from '../link.js'
import { Remote } from '../remote.js'
import { type Peer, type Place, Sentinel, type SentinelOptions, type View } from './sentinel.js'

/** The node whose primary the Sentinels know. */
export interface SentinelHost {
  readonly env: Env
  readonly runId: string
  dialSentinel(place: Place): Transport
  dialNode(place: Place): Transport
  /** Whether others reach us there. */
  isOurs(place: Place): boolean
  follow(transport: Transport): void
  /** The Sentinels say that we are the primary. */
  promote(): void
}

export interface SentinelsOptions {
  name: string
  sentinels: readonly Transport[]
  /** For the Sentinels. */
  username: string
  password: string
  /** For the node that they name. */
  node: () => { username: string; password: string }
  timeoutMs: number
}

/** With those that were learned of from others. */
const MAX_SENTINELS = 64
/** Until a node that the Sentinels name, and that is not there or not a primary, is looked at again. */
const RECHECK_MS = 500

export class Sentinels {
  readonly name: string
  readonly #host: SentinelHost
  readonly #options: SentinelsOptions
  readonly #all = new Set<Sentinel>()
  /** Those that were named by the caller; the others may be forgotten. */
  readonly #given = new Set<Sentinel>()
  /** Whom they named last, and we made of it what there was to make. */
  #settled: Place | null = null
  #isChecking = false
  /** The node that is being asked who it is. */
  #remote: Remote | null = null
  /** Whom they name in vain so far, and when that one is looked at again. */
  #waiting: { place: Place; timer: Timer } | null = null
  #stopped = false
  #said = ''

  constructor(host: SentinelHost, options: SentinelsOptions) {
    this.name = options.name
    this.#host = host
    this.#options = options
  }

  start(): void {
    for (const transport of this.#options.sentinels) this.#given.add(this.#add(transport))
  }

  stop(): void {
    this.#stopped = true
    this.#waiting?.timer.cancel()
    this.#remote?.close()
    for (const one of this.#all) one.stop()
    this.#all.clear()
  }

  get known(): number {
    return this.#all.size
  }

  get connected(): number {
    return [...this.#all].filter(({ state }) => state === 'up').length
  }

  #add(transport: Transport): Sentinel {
    const { name, username, password, timeoutMs } = this.#options
    const options: SentinelOptions = {
      env: this.#host.env,
      name,
      username,
      password,
      timeoutMs,
      changed: (sentinel) => this.#changed(sentinel),
    }
    const sentinel = new Sentinel(options, transport)
    this.#all.add(sentinel)
    sentinel.start()
    return sentinel
  }

  #changed(sentinel: Sentinel): void {
    if (this.#stopped) return
    if (!this.#given.has(sentinel) && (this.#isTwice(sentinel) || !this.#isListed(sentinel))) this.#forget(sentinel)
    // Before that it is not known which of them are the same under two addresses.
    if ([...this.#all].every(({ wasTried }) => wasTried)) for (const one of this.#all) this.#learnFrom(one)
    this.#settle()
  }

  /** Known under another address too. */
  #isTwice(sentinel: Sentinel): boolean {
    return sentinel.id !== '' && [...this.#all].some((one) => one !== sentinel && one.id === sentinel.id)
  }

  #learnFrom({ state, peers }: Sentinel): void {
    const { env } = this.#host
    for (const peer of state === 'up' ? peers : []) {
      if (this.#all.size >= MAX_SENTINELS) return
      const isKnown = [...this.#all].some(
        ({ id, transport: { host, port } }) => (id !== '' && id === peer.id) || isSame({ host, port }, peer),
      )
      if (isKnown) continue
      env.log.info(`Learned of Sentinel ${peer.host}:${peer.port}`)
      this.#add(this.#host.dialSentinel(peer))
    }
  }

  /** It is up, or one that is up lists it. */
  #isListed({ state, id, transport }: Sentinel): boolean {
    const isIt = (peer: Peer): boolean => (id !== '' && peer.id === id) || isSame(peer, transport)
    return state === 'up' || [...this.#all].some((one) => one.state === 'up' && one.peers.some(isIt))
  }

  #forget(sentinel: Sentinel): void {
    sentinel.stop()
    this.#all.delete(sentinel)
  }

  /** Whom they name: of those that answer, the one that knows most. At first it is waited until most were asked. */
  #named(): View | null {
    const all = [...this.#all]
    const views = all.map(({ view }) => view).filter((view) => view !== null)
    const isEarly = this.#settled === null && views.length <= all.length / 2 && all.some(({ wasTried }) => !wasTried)
    if (isEarly || views.length === 0) return null
    return views.reduce((best, view) => (view.epoch > best.epoch ? view : best))
  }

  #settle(): void {
    const named = this.#named()
    if (named === null || this.#isChecking || isSame(named, this.#settled)) return
    if (this.#waiting !== null && isSame(named, this.#waiting.place)) return
    this.#waiting?.timer.cancel()
    this.#waiting = null
    this.#isChecking = true
    void this.#check(named).then((problem) => {
      this.#isChecking = false
      if (this.#stopped) return
      if (problem === undefined) this.#said = ''
      else this.#wait(named, problem)
      this.#settle()
    })
  }

  #wait(place: Place, problem: string): void {
    this.#say(`The Sentinels of ${this.name} name ${place.host}:${place.port} as the primary: ${problem}`)
    const timer = this.#host.env.after(RECHECK_MS, () => {
      this.#waiting = null
      this.#settle()
    })
    this.#waiting = { place, timer }
  }

  /** Does what they say; or tells why it cannot be done now. A Sentinel may be behind the times, so the node is asked too. */
  async #check(named: View): Promise<string | undefined> {
    const host = this.#host
    try {
      const transport = host.dialNode(named)
      const isOurs = host.isOurs(named) || (await this.#ask(transport)) === 'ours'
      if (this.#stopped || !isSame(named, this.#named())) return undefined
      this.#settled = { host: named.host, port: named.port }
      host.env.log.info(
        `The Sentinels of ${this.name} name ${named.host}:${named.port} as the primary${isOurs ? ', which is this node' : ''}`,
      )
      if (isOurs) host.promote()
      else host.follow(transport)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }

  /** Who is there. Throws unless it is a primary, or we. */
  async #ask(transport: Transport): Promise<'ours' | 'primary'> {
    const { env, runId } = this.#host
    const { timeoutMs, node } = this.#options
    const remote = Remote.begin(env, transport, timeoutMs, env.name)
    this.#remote = remote
    try {
      const { username, password } = node()
      await remote.login(username, password)
      if (runIdOf(await infoOf(remote)) === runId) return 'ours'
      const role = await roleOf(remote)
      if (role !== 'master') throw new StoreError('INVALID', `it says that it is a ${role}`)
      return 'primary'
    } finally {
      remote.close()
      this.#remote = null
    }
  }

  #say(what: string): void {
    if (this.#said === what) return
    this.#said = what
    this.#host.env.log.warn(what)
  }
}

function isSame(a: Place, b: Place | null): boolean {
  return b !== null && a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase()
}

/** Who may not ask that takes the Sentinels' word for it. */
async function roleOf(remote: Remote): Promise<string> {
  try {
    const answer = await remote.call('ROLE')
    return Array.isArray(answer) ? String(answer[0]).slice(0, 40) : 'stranger'
  } catch (error) {
    if (error instanceof ReplyError && error.code === 'NOPERM') return 'master'
    throw error
  }
}

async function infoOf(remote: Remote): Promise<string> {
  try {
    return String(await remote.call('INFO', 'server'))
  } catch (error) {
    if (error instanceof ReplyError) return ''
    throw error
  }
}

function runIdOf(info: string): string | undefined {
  return /^run_id:(\w+)/m.exec(info)?.[1]
}
