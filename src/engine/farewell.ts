// The end of a node: writes are held up until its replicas have everything, or until shutdown-timeout is over. Then whoever
// owns the node saves and closes it. SHUTDOWN ABORT takes it all back.
//
//   open --wait--> waiting --all acknowledged, or too late--> ready --(the node is closed)
//     ^--abort--------/-----------------------------------------/

import type { ShutdownRequest } from '../commands/save.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { ReplyError } from '../errors.js'
import type { Replica } from '../replication/primary.js'
import type { Pause } from './pause.js'
import { viewOfReplica } from './views.js'

export interface FarewellHost {
  readonly env: Env
  readonly config: Config
  readonly history: { readonly offset: number }
  readonly pause: Pause
  replicas(): ReadonlySet<Replica>
  requestAcks(): void
  /** A failover under way is given up. */
  endFailover(): void
}

/** Ends the program. `failed` is to be called if it stays after all. */
export type OnShutdown = (request: ShutdownRequest, failed: () => void) => void

/** How often it is looked whether the replicas have everything. */
const LOOK_MS = 10

export class Farewell {
  /** null inside a service, which nobody may end from outside. */
  onShutdown: OnShutdown | null = null
  readonly #host: FarewellHost
  #state: 'open' | 'waiting' | 'ready' = 'open'

  constructor(host: FarewellHost) {
    this.#host = host
  }

  /** The owner's own writes are refused too. */
  get isUnderWay(): boolean {
    return this.#state !== 'open'
  }

  /** Replicas are waited for no more: what is saved now is the end of the stream. */
  get isReady(): boolean {
    return this.#state === 'ready'
  }

  get mustWait(): boolean {
    return this.#lagging(this.#host.history.offset).length > 0
  }

  ask(request: ShutdownRequest, failed: () => void): void {
    const { onShutdown } = this
    if (onShutdown === null) throw new ReplyError('ERR This store is part of a service and is not ended from outside.')
    this.#host.env.soon(() => onShutdown(request, failed)) // not from inside this call: it closes the store
  }

  /**
   * From now on nothing is written. Resolves when every replica has acknowledged all of it, after
   * `timeoutMs`, or when it is given up: then with false.
   */
  async wait(timeoutMs: number): Promise<boolean> {
    const { env, pause, history } = this.#host
    this.#host.endFailover()
    this.#state = 'waiting'
    pause.begin(Number.MAX_SAFE_INTEGER, 'write', 'shutdown')
    // An ACK that is asked for through the stream does not count the bytes that asked for it.
    const { offset } = history
    if (timeoutMs > 0 && this.#lagging(offset).length > 0) {
      env.log.info('Waiting for replicas before shutting down.')
      this.#host.requestAcks()
      const until = env.monotonic() + timeoutMs
      // Nothing else may be left that keeps the process alive.
      const release = env.hold()
      while (this.isUnderWay && this.#lagging(offset).length > 0 && env.monotonic() < until) {
        await new Promise<void>((resolve) => void env.after(LOOK_MS, resolve))
      }
      release()
    }
    if (!this.isUnderWay) return false
    this.#state = 'ready'
    this.#tell(offset)
    return true
  }

  /** Everything goes on as before; says whether there was anything to give up. */
  abort(): boolean {
    if (this.#state === 'open') return false
    this.#state = 'open'
    this.#host.pause.end('shutdown')
    return true
  }

  /** Also those that are still in a full sync: what is written now is theirs too. */
  #attached(): Replica[] {
    return [...this.#host.replicas()].filter(({ state, traits }) => state !== 'gone' && !traits.rdbOnly)
  }

  #lagging(offset: number): Replica[] {
    return this.#attached().filter(({ acknowledged }) => acknowledged < offset)
  }

  #tell(offset: number): void {
    const { env } = this.#host
    const replicas = this.#attached()
    if (replicas.length === 0) return
    const lagging = this.#lagging(offset)
    for (const replica of lagging) {
      const { state, lagSeconds } = viewOfReplica(replica, env.monotonic())
      const behind = offset - replica.acknowledged
      env.log.info(
        `Lagging replica ${replica.name} reported offset ${behind} behind master, lag=${lagSeconds}, state=${state}.`,
      )
    }
    env.log.info(`${replicas.length - lagging.length} of ${replicas.length} replicas are in sync when shutting down.`)
  }
}
