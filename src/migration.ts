// MIGRATE's work outside of the engine: keys are sent to another server by RESTORE, while the event loop goes on.
//
// Redis does nothing else until the target has answered, so nobody sees a key in the middle of its way. Here clients go on,
// and nothing may be lost by that:
// - A client's write to a key that is under way waits (see engine/pause.ts) until the key is gone, or stays after all. So to
//   clients it is as in Redis: their writes come before the move, or after it. Reads are served from here meanwhile.
// - Whom nobody can make wait (the store's owner, a full sync from a primary) may change a key all the same. Such a key is not
//   deleted: what is here is newer than what the target got, and the client is told to send it again.
// - A key is deleted only when the target has said OK, as in Redis: if the answer is lost, both have it.
// With COPY nothing is deleted, so nothing has to wait.

import { argOfLatin1 } from './bytes.js'
import type { Client } from './commands/client.js'
import type { Delivery, Migration, Shipment } from './commands/migrate.js'
import type { Watcher } from './engine/contents.js'
import type { Engine } from './engine/engine.js'
import { ReplyError } from './errors.js'
import type { Change, Keyspace } from './keyspace/keyspace.js'
import { VALKEY_VERSION } from './rdb/forms.js'
import { dumpValue, hasSeveralForms } from './rdb/payload.js'
import { Remote } from './remote.js'

/** Requests that are sent before the answers to them are waited for: that many keys, or bytes. */
const BATCH_KEYS = 64
const BATCH_BYTES = 1024 * 1024

type State = 'same' | 'changed' | 'expired'

interface Run {
  readonly shipment: Shipment
  /** Keys that were sent, and what became of them here since. */
  readonly sent: Map<string, State>
  /** Of these, what the target has taken. */
  readonly taken: string[]
  remote: Remote | null
  /** What the client is told; the first error counts. */
  error: string | undefined
  /** What the target reads; undefined: it was not asked yet. */
  reader: number | undefined
}

export class Migrations implements Migration, Watcher {
  readonly #engine: Engine
  readonly #runs = new Map<Client, Run>()
  #closed = false

  constructor(engine: Engine) {
    this.#engine = engine
    engine.contents.addWatcher(this)
  }

  begin(client: Client, shipment: Shipment, done: () => void): void {
    const run: Run = { shipment, sent: new Map(), taken: [], remote: null, error: undefined, reader: undefined }
    this.#runs.set(client, run)
    this.#engine.contents.observeIfNeeded()
    if (!shipment.copy) this.#engine.pause.keep(shipment.fromDb, shipment.keys)
    void this.#deliver(run).finally(() => {
      run.remote?.close()
      if (!this.#closed) done()
    })
  }

  end(client: Client): Delivery {
    const { shipment, sent, taken, error } = this.#runs.get(client)!
    this.#runs.delete(client)
    this.#engine.contents.observeIfNeeded()
    if (!shipment.copy) this.#engine.pause.release(shipment.fromDb, shipment.keys)
    // What has expired meanwhile is gone here, and goes there.
    const those = (state: State): string[] => taken.filter((key) => sent.get(key) === state)
    return { delivered: those('same'), changed: those('changed'), error }
  }

  /** Nothing is to happen any more. */
  close(): void {
    this.#closed = true
    for (const { remote } of this.#runs.values()) remote?.close()
  }

  // What happens to the keys meanwhile.

  get isWatching(): boolean {
    return this.#runs.size > 0
  }

  changed(change: Change, key: string, { index }: Keyspace): void {
    const state = change === 'expire' ? 'expired' : 'changed'
    for (const { shipment, sent } of this.#runs.values()) {
      if (shipment.fromDb !== index) continue
      if (change === 'clear') for (const one of sent.keys()) sent.set(one, state)
      else if (sent.has(key)) sent.set(key, state)
    }
  }

  replaced(index: number): void {
    for (const { shipment, sent } of this.#runs.values())
      if (shipment.fromDb === index) for (const key of sent.keys()) sent.set(key, 'changed')
  }

  // Sending

  async #deliver(run: Run): Promise<void> {
    const { host, port, timeoutMs } = run.shipment
    const { env } = this.#engine
    try {
      run.remote = await Remote.open(env, this.#engine.dial(host, port), timeoutMs, env.name)
    } catch (error) {
      // Redis hears of a refusal when it writes.
      run.error = /refused/i.test((error as Error).message)
        ? 'IOERR error or timeout writing to target instance'
        : 'IOERR error or timeout connecting to the client'
      return
    }
    try {
      if (await this.#isLetIn(run)) await this.#sendAll(run)
    } catch {
      const doing = run.remote.hasUnsent ? 'writing' : 'reading'
      run.error ??= `IOERR error or timeout ${doing} to target instance`
    }
  }

  /** Redis sends the keys before it knows: then a keyspace that is not there makes them land in the first one. */
  async #isLetIn(run: Run): Promise<boolean> {
    const { login, toDb } = run.shipment
    const requests: Parameters<Remote['call']>[] = [['SELECT', toDb]]
    if (login !== null)
      requests.unshift(login.username === '' ? ['AUTH', login.password] : ['AUTH', login.username, login.password])
    await Promise.all(requests.map((request) => this.#ask(run, ...request)))
    return run.error === undefined
  }

  async #sendAll(run: Run): Promise<void> {
    const { keys } = run.shipment
    for (let from = 0; from < keys.length; ) {
      const answers: Promise<void>[] = []
      for (let bytes = 0; from < keys.length && answers.length < BATCH_KEYS && bytes < BATCH_BYTES; from++) {
        const request = await this.#requestFor(run, keys[from])
        if (request === undefined) continue
        bytes += request.payload.length
        answers.push(this.#restore(run, keys[from], request))
      }
      await Promise.all(answers)
    }
  }

  /** Undefined: the key is not there any more. */
  async #requestFor(run: Run, key: string): Promise<{ ttl: number; payload: string } | undefined> {
    const { env, contents } = this.#engine
    const { fromDb } = run.shipment
    const value = contents.keyspace(fromDb).peek(key)
    if (value === undefined) return undefined
    if (run.reader === undefined && hasSeveralForms(value)) {
      run.reader = await readerAt(run.remote!)
      return this.#requestFor(run, key) // it may be another by now
    }
    const expiresAt = contents.keyspace(fromDb).expiresAt(key) ?? null
    run.sent.set(key, 'same')
    return { ttl: expiresAt === null ? 0 : Math.max(1, expiresAt - env.now()), payload: dumpValue(value, run.reader) }
  }

  async #restore(run: Run, key: string, { ttl, payload }: { ttl: number; payload: string }): Promise<void> {
    const replace = run.shipment.replace ? ['REPLACE'] : []
    if (await this.#ask(run, 'RESTORE', key, ttl, argOfLatin1(payload), ...replace)) run.taken.push(key)
  }

  /** Whether it was answered with no error. */
  async #ask(run: Run, ...request: Parameters<Remote['call']>): Promise<boolean> {
    try {
      await run.remote!.call(...request)
      return true
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error
      run.error ??= `ERR Target instance replied with error: ${error.message}`
      return false
    }
  }
}

/** The highest version of the format that the target reads, as far as it says who it is. */
async function readerAt(remote: Remote): Promise<number> {
  let info: string
  try {
    info = String(await remote.call('INFO', 'server'))
  } catch (error) {
    if (error instanceof ReplyError) return Number.POSITIVE_INFINITY // not allowed: the value as it is
    throw error
  }
  const valkey = Number(/^valkey_version:(\d+)/m.exec(info)?.[1])
  if (valkey >= 9) return VALKEY_VERSION
  const [, major, minor] = (/^redis_version:(\d+)\.(\d+)/m.exec(info) ?? []).map(Number)
  // Another store, which reads them all, says that it is a Redis 7.0.
  if (major === undefined || /^hotspare_version:/m.test(info)) return Number.POSITIVE_INFINITY
  if (major < 7) return 9
  return major === 7 && minor < 2 ? 10 : Number.POSITIVE_INFINITY
}
