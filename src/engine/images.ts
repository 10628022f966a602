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
import { loadInto } from './loading.js'

export interface ImagesHost {
  readonly env: Env
  readonly config: Config
  readonly history: History
  readonly contents: Contents
  readonly owner: KeyspaceOwner
  /** The keyspace in which the stream stands that a snapshot taken now goes before. */
  streamDb(): number
  /** The dataset takes the place of ours; the stream that follows stands in that keyspace. */
  replace(fresh: Dataset, streamDb: number): void
  /** A full sync is through. */
  synced(): void
  /** A backlog that starts here. */
  reopenStream(): void
}

export class Images {
  readonly #host: ImagesHost

  constructor(host: ImagesHost) {
    this.#host = host
  }

  /** The data as it is now. */
  take(form: SnapshotForm = FILE_FORM): Snapshot {
    const { env, config, history, contents, owner } = this.#host
    const aux: [string, string][] = [
      ['redis-ver', REDIS_VERSION],
      ['redis-bits', '64'],
      ['ctime', String(Math.floor(env.now() / 1000))],
      ['used-mem', String(env.memory().heapBytes)],
      ['repl-stream-db', String(this.#host.streamDb())],
      ['repl-id', history.replid],
      ['repl-offset', String(history.offset)],
      ['aof-base', '0'],
    ]
    return new Snapshot(form.noKeys ? new Dataset(0, owner) : contents.dataset, {
      aux,
      compress: config.flag('rdbcompression'),
      checksum: config.flag('rdbchecksum'),
      version: form.version,
      maxPreimageBytes: config.number('snapshot-preimage-limit'),
      uses: usesToldUnder(config.text('maxmemory-policy')),
    })
  }

  /** A full sync's snapshot, from our primary. */
  beginLoad(): SnapshotLoad {
    return loadInto(this.#host.contents.fresh(), (fresh, { streamDb, leftOut }) => {
      this.#tellLeftOut(leftOut)
      this.#host.replace(fresh, streamDb)
      this.#host.synced()
    })
  }

  /**
   * Takes the data of a file, and the place in a history where it was written: who stands there too, or knows it, goes on
   * with a partial resync. Only before anything was written or followed.
   */
  beginRestore(): SnapshotLoad {
    return loadInto(this.#host.contents.fresh(), (fresh, { streamDb, replid, offset, leftOut }) => {
      this.#tellLeftOut(leftOut)
      this.#host.replace(fresh, streamDb)
      if (replid === '') return
      this.#host.history.becomeRestored(replid, offset)
      this.#host.reopenStream()
    })
  }

  #tellLeftOut(leftOut: ReadonlySet<string>): void {
    for (const what of leftOut)
      this.#host.env.log.warn(`The snapshot holds what is not known here and left out: ${what}`)
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
