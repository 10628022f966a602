// Reads a snapshot into a fresh dataset. Nobody sees it before it is whole.

import { StoreError } from '../errors.js'
import type { Dataset } from '../keyspace/dataset.js'
import type { Value } from '../keyspace/keyspace.js'
import { libraryOf } from '../keyspace/libraries.js'
import type { KeyUse } from '../keyspace/recency.js'
import { RdbReader } from '../rdb/reader.js'
import type { SnapshotLoad } from '../replication/replica.js'

/** Where in a history a snapshot was taken, as it says itself. */
export interface SnapshotPlace {
  /** Empty when it does not say. */
  replid: string
  offset: number
  /** The keyspace in which the stream that follows stands. */
  streamDb: number
  /** What was in it and is not in the dataset, as only a module would understand it. */
  leftOut: Set<string>
}

export interface LoadHooks {
  /** Gets bytes behind the snapshot's end; without it they are an error. */
  followed?: ((bytes: Buffer) => void) | undefined
  /** Gets the fields about the file and its writer. */
  about?: (name: string, value: string) => void
  /** Hears of every key that has a time. */
  expiry?: (expiresAt: number) => void
}

/**
 * `whole` gets the dataset when all of it is there and the checksum is right, and where it stands. Errors are StoreErrors
 * RDB; the dataset is then to be forgotten.
 */
export function loadInto(
  fresh: Dataset,
  whole: (fresh: Dataset, place: SnapshotPlace) => void,
  { followed, about, expiry }: LoadHooks = {},
): SnapshotLoad {
  const { keyspaces } = fresh
  let keyspace = keyspaces[0]
  const place: SnapshotPlace = { replid: '', offset: 0, streamDb: 0, leftOut: new Set() }
  const put = (key: string, value: Value, expiresAt: number | null, use: KeyUse | null): void => {
    const { size } = keyspace
    keyspace.set(key, value, expiresAt)
    if (keyspace.size === size) throw new StoreError('RDB', 'the snapshot holds a key twice')
    if (expiresAt !== null) expiry?.(expiresAt)
    if (use === null) return
    fresh.askForUse(use.idleSeconds === undefined ? 'frequency' : 'idleSeconds')
    keyspace.recency?.assign(key, use)
  }
  const reader = new RdbReader(
    {
      aux: (name, value) => {
        about?.(name, value)
        if (name === 'repl-stream-db' && keyspaces[Number(value)] !== undefined) place.streamDb = Number(value)
        else if (name === 'repl-id' && /^[0-9a-zA-Z]{40}$/.test(value)) place.replid = value
        else if (name === 'repl-offset' && /^\d{1,15}$/.test(value)) place.offset = Number(value)
      },
      selectDb: (index) => {
        if (index >= keyspaces.length)
          throw new StoreError('RDB', `keyspace ${index}, but there are ${keyspaces.length}`)
        keyspace = keyspaces[index]
      },
      resizeDb: (keys) => keyspace.expect(keys),
      string: put,
      value: put,
      leftOut: (what) => void place.leftOut.add(what),
      function: (code) => {
        const library = libraryOf(code)
        if (library === undefined)
          throw new StoreError('RDB', 'the snapshot holds a library of functions without a name')
        if (fresh.libraries.has(library.name)) throw new StoreError('RDB', 'the snapshot holds a library twice')
        fresh.libraries.set(library.name, library)
      },
    },
    { followed },
  )
  return {
    write: (chunk) => reader.write(chunk),
    commit: () => {
      reader.end()
      whole(fresh, place)
    },
    abort: () => {},
  }
}
