// The base of an append-only file: a snapshot written beside other work into a file of its own, in slices, forced to the
// disk, and then given its name.

import type { Env } from '../env.js'
import { readSlice, type SnapshotSource } from '../snapshot-pace.js'
import type { Disk } from './disk.js'

/** With aof-rewrite-incremental-fsync: a disk that gets gigabytes at once hangs. */
const SYNC_EVERY_BYTES = 4 * 1024 * 1024

/** The set of files that it was written for is not wanted any more. */
export class Unwanted extends Error {
  constructor() {
    super('it is no longer wanted')
  }
}

/** Writes all of it; how many bytes. What was written of a failed one is taken away. */
export async function writeBase(
  disk: Disk,
  env: Env,
  path: string,
  snapshot: SnapshotSource,
  options: { syncsOften: boolean; isWanted: () => boolean },
): Promise<number> {
  let bytes = 0
  let unsynced = 0
  try {
    const file = await disk.open(path, 'create')
    try {
      while (!snapshot.done) {
        if (!options.isWanted()) throw new Unwanted()
        for (const chunk of readSlice(env, snapshot)) {
          await file.write(chunk)
          bytes += chunk.length
          unsynced += chunk.length
        }
        if (options.syncsOften && unsynced >= SYNC_EVERY_BYTES) {
          unsynced = 0
          await file.sync()
        }
        await new Promise<void>((resolve) => env.soon(resolve))
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return bytes
  } catch (error) {
    snapshot.cancel()
    await disk.remove(path).catch(() => undefined)
    throw error
  }
}
