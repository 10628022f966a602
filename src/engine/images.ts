// All data as the bytes of a snapshot, out and in: for a replica, from a primary, to a file and back.

import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { Dataset } from '../keyspace/dataset.js'
import type { KeyspaceOwner } from '../keyspace/keyspace.js'
import type { KeyUse } from '../keyspace/recency.js'
import type { History } from '../replication/history.js'
import type { SnapshotLoad } from '../replication/replica.js'
import { FILE_FORM, type SnapshotForm } from '../replication/snapshot-form.js'
import { Snapshot } from '../snapshot.js'
import { REDIS_VERSION } from '../version.js'
import type { Contents } from './contents.js'
import { loadInto, type SnapshotPlace } from './loading.js'

export interface ImagesHost {
  readonly env: Env
  readonly config: Config
  readonly history: History
  readonly contents: Contents
  readonly owner: KeyspaceOwner
  /** The keyspace in which the stream stands that a snapshot taken now goes before. */
  streamDb(): number
  /** What changes is written to the stream: the data stands at the offset. */
  isStreamed(): boolean
  /** The dataset takes the place of ours; the stream that follows stands in that keyspace. */
  replace(fresh: Dataset, streamDb: number): void
  /** A full sync is through. */
  synced(): void
  /** A backlog that starts here. */
  reopenStream(): void
}

/** A file on its way in. */
export interface Restore extends SnapshotLoad {
  /** How many it has brought so far, and how many of them were past their time when it began. */
  readonly keys: number
  readonly keysPast: number
}

export class Images {
  readonly #host: ImagesHost

  constructor(host: ImagesHost) {
    this.#host = host
  }

  /** The data as it is now. `base`: for an append-only file, of which it is the first part, as an RDB file or as commands. */
  take(form: SnapshotForm = FILE_FORM, base: 'rdb' | 'commands' | null = null): Snapshot {
    const { env, config, history, contents, owner } = this.#host
    const aux: [string, string][] = [
      ['redis-ver', REDIS_VERSION],
      ['redis-bits', '64'],
      ['ctime', String(Math.floor(env.now() / 1000))],
      ['used-mem', String(env.memory().heapBytes)],
    ]
    if (this.#host.isStreamed()) {
      aux.push(['repl-stream-db', String(this.#host.streamDb())])
      aux.push(['repl-id', history.replid], ['repl-offset', String(history.offset)])
    }
    aux.push(['aof-base', base === null ? '0' : '1'])
    return new Snapshot(form.noKeys ? new Dataset(0, owner) : contents.dataset, {
      aux,
      compress: config.flag('rdbcompression'),
      checksum: config.flag('rdbchecksum'),
      version: form.version,
      maxPreimageBytes: config.number('snapshot-preimage-limit'),
      commands: base === 'commands' ? { stampsTime: config.flag('aof-timestamp-enabled') } : undefined,
      uses: usesToldUnder(config.text('maxmemory-policy')),
    })
  }

  /** A full sync's snapshot, from our primary. */
  beginLoad(): SnapshotLoad {
    const whole = (fresh: Dataset, { streamDb, leftOut }: SnapshotPlace): void => {
      this.#tellLeftOut(leftOut)
      this.#host.replace(fresh, streamDb)
      this.#host.synced()
    }
    return loadInto(this.#host.contents.fresh(), whole, { about: (name, value) => this.#tellAbout(name, value) })
  }

  /**
   * Takes the data of a file, and the place in a history where it was written: who stands there too, or knows it, goes on
   * with a partial resync. Only before anything was written or followed. `about` gets what the file says of itself.
   */
  beginRestore(about?: (name: string, value: string) => void): Restore {
    const { contents, env } = this.#host
    const dataset = contents.fresh()
    const now = env.now()
    let keysPast = 0
    const whole = (fresh: Dataset, { streamDb, replid, offset, leftOut }: SnapshotPlace): void => {
      this.#tellLeftOut(leftOut)
      this.#host.replace(fresh, streamDb)
      if (replid !== '') this.restoredAt(replid, offset)
    }
    const load = loadInto(dataset, whole, {
      about: (name, value) => {
        this.#tellAbout(name, value)
        about?.(name, value)
      },
      expiry: (expiresAt) => {
        if (expiresAt < now) keysPast++
      },
    })
    return {
      ...load,
      get keys() {
        return dataset.size
      },
      get keysPast() {
        return keysPast
      },
    }
  }

  /** The lines of Redis. */
  #tellAbout(name: string, value: string): void {
    const { log, now } = this.#host.env
    if (name === 'redis-ver' || name === 'valkey-ver') log.info(`Loading RDB produced by version ${value}`)
    else if (name === 'ctime') log.info(`RDB age ${Math.max(0, Math.floor(now() / 1000) - Number(value))} seconds`)
    else if (name === 'used-mem')
      log.info(`RDB memory usage when created ${(Number(value) / 1024 / 1024).toFixed(2)} Mb`)
  }

  #tellLeftOut(leftOut: ReadonlySet<string>): void {
    for (const what of leftOut)
      this.#host.env.log.warn(`The snapshot holds what is not known here and left out: ${what}`)
  }

  /** Nothing is held any more, and nobody hears of it. */
  clear(): void {
    this.#host.replace(this.#host.contents.fresh(), this.#host.streamDb())
  }

  /** The first part of an append-only file. `followed` gets what stands behind it, `placed` where in a history it was taken. */
  beginBase(followed: (bytes: Buffer) => void, placed: (replid: string, offset: number) => void): SnapshotLoad {
    const { contents } = this.#host
    return loadInto(
      contents.fresh(),
      (fresh, { leftOut, replid, offset, streamDb }) => {
        this.#tellLeftOut(leftOut)
        this.#host.replace(fresh, streamDb)
        if (replid !== '') placed(replid, offset)
      },
      { followed, about: (name, value) => this.#tellAbout(name, value) },
    )
  }

  /** The place in a history where the data of a file stands, once it is loaded. Only before anything was written or followed. */
  restoredAt(replid: string, offset: number): void {
    this.#host.history.becomeRestored(replid, offset)
    this.#host.reopenStream()
  }

  /** Out and in again, as after a restart (DEBUG RELOAD). */
  reload(): void {
    const load = loadInto(this.#host.contents.fresh(), (fresh) => this.#host.replace(fresh, this.#host.streamDb()))
    const snapshot = this.take()
    while (!snapshot.done) for (const chunk of snapshot.read(Number.POSITIVE_INFINITY)) load.write(chunk)
    load.commit()
  }
}

/** What Redis writes of the use of keys: what its policy goes by. */
function usesToldUnder(policy: string): keyof KeyUse | undefined {
  if (policy.endsWith('-lru')) return 'idleSeconds'
  return policy.endsWith('-lfu') ? 'frequency' : undefined
}
