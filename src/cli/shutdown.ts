// How the program ends: on SHUTDOWN, and on the signals that ask for it. Writes are held up, replicas get what is left for
// them, the data is saved if it is to be, and only then connections and addresses are closed. As redis-server, a program
// that cannot save stays.

import type { ShutdownRequest } from '../commands/save.js'
import type { Config } from '../config/config.js'
import type { Logger } from '../env.js'
import type { Store } from '../store.js'

export class Shutdown {
  readonly #store: Store
  readonly #config: Config
  readonly #log: Logger
  #state: 'running' | 'stopping' = 'running'

  constructor(store: Store, config: Config, log: Logger) {
    this.#store = store
    this.#config = config
    this.#log = log
    store.engine.farewell.onShutdown = (request, failed) => {
      if (this.isUnderWay) return
      log.warn('User requested shutdown...')
      void this.#stop(request, failed)
    }
    // The terminal it was started from may go.
    process.on('SIGHUP', () => {})
    process.on('SIGTERM', () => this.#signalled('SIGTERM'))
    process.on('SIGINT', () => this.#signalled('SIGINT'))
  }

  get isUnderWay(): boolean {
    return this.#state === 'stopping'
  }

  /** A second signal does not wait any longer. */
  #signalled(signal: 'SIGTERM' | 'SIGINT'): void {
    const log = this.#log
    if (this.isUnderWay) {
      log.warn(`Received ${signal} again: exiting at once.`)
      process.exit(1)
    }
    log.warn(`Received ${signal} scheduling shutdown...`)
    log.warn('User requested shutdown...')
    const asked = this.#config.list(signal === 'SIGTERM' ? 'shutdown-on-sigterm' : 'shutdown-on-sigint')
    const save = asked.includes('save') ? true : asked.includes('nosave') ? false : undefined
    const request = { save, now: asked.includes('now'), force: asked.includes('force') }
    void this.#stop(request, () =>
      log.warn(`${signal} received but errors trying to shut down the server, check the logs for more information`),
    )
  }

  async #stop({ save, now, force }: ShutdownRequest, failed: () => void): Promise<void> {
    const log = this.#log
    const { engine } = this.#store
    const { farewell } = engine
    this.#state = 'stopping'
    const stay = (): void => {
      log.warn('Errors trying to shut down the server. Check the logs for more information.')
      goOn()
    }
    const goOn = (): void => {
      this.#state = 'running'
      farewell.abort()
      failed()
    }
    if (engine.loading === null) {
      const timeoutMs = now ? 0 : this.#config.number('shutdown-timeout') * 1000
      if (!(await farewell.wait(timeoutMs))) {
        log.info('Shutdown manually aborted.')
        goOn()
        return
      }
      if (save ?? this.#config.savePoints().length > 0) {
        log.info('Saving the final RDB snapshot before exiting.')
        try {
          await engine.file?.saveLast()
        } catch {
          if (!force) {
            log.warn("Error trying to save the DB, can't exit.")
            stay()
            return
          }
          log.warn('Error trying to save the DB, but exiting anyway.')
        }
        if (!farewell.isUnderWay) {
          log.info('Shutdown manually aborted.')
          goOn()
          return
        }
      }
    }
    // Replicas were waited for above. To ask them again would move the stream past what was saved.
    await this.#store.close({ save: false, drainMs: 0 })
    log.warn('hotspare is now ready to exit, bye bye...')
    process.exit(0)
  }
}
