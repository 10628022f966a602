// In which form a replica gets its snapshot: which version of the RDB format. It has to load there: one that is too new makes
// each sync fail. What it cannot carry follows as commands, if the stream is ours.

import type { ReplicaTraits } from './primary.js'

export interface SnapshotForm {
  /** An RDB version, 80 for Valkey's; `lowest`: the lowest that holds the data without loss. */
  version: number | 'lowest'
  /** Only the frame, without keys. */
  noKeys: boolean
}

/** A file stands alone: it holds everything. */
export const FILE_FORM: SnapshotForm = { version: 'lowest', noKeys: false }

/** What every server since Redis 6.2 loads. */
const COMMON_VERSION = 9
/** What they read is known from their announcements. */
const VALKEY_8_VERSION = 11
const REDIS_8_VERSION = 12
const VALKEY_9_VERSION = 80

/**
 * `isRelaying`: the stream is not ours, so that no command can follow. Then a replica of unknown version gets the lowest one
 * that holds the data, as its own kind would send it.
 */
export function snapshotForm(traits: ReplicaTraits, isRelaying: boolean): SnapshotForm {
  const { noKeys, rdbOnly, version, rdbChannel, ourId, port, psync2 } = traits
  const major = Number.parseInt(version, 10)
  // Another store reads them all, whatever it announces for the sake of other primaries.
  if (rdbOnly || ourId !== '') return { version: 'lowest', noKeys }
  // Every server tells its port or that it knows PSYNC 2. What tells neither is a tool (an older redis-cli --rdb): it may keep
  // the snapshot without the stream, or show the stream to somebody.
  if (port === 0 && !psync2) return { version: 'lowest', noKeys }
  if (rdbChannel) return { version: REDIS_8_VERSION, noKeys }
  if (major >= 9) return { version: VALKEY_9_VERSION, noKeys }
  if (major >= 8) return { version: VALKEY_8_VERSION, noKeys }
  return { version: isRelaying ? 'lowest' : COMMON_VERSION, noKeys }
}
