// Pending entries of a group that no consumer has (XNACK, Redis 8.8), in the order in which they were given back, and as the
// commands that give them back once more: to who has them already these change nothing.

import type { GroupImage } from '../keyspace/stream.js'
import { formatId, type StreamId, type Uint64 } from '../keyspace/stream-id.js'

const IDS_A_COMMAND = 64
/** XNACK takes no higher count; what Redis 7.0 counted beyond it stands for a negative number. */
const MOST_DELIVERIES = 2n ** 63n - 1n

interface GivenBack {
  readonly id: StreamId
  readonly deliveries: Uint64
  readonly turn: number
}

/** In their order. */
export function givenBackOf({ released, pending }: Pick<GroupImage, 'released' | 'pending'>): GivenBack[] {
  if (released === 0) return []
  const found: GivenBack[] = []
  for (const one of pending) if (one.turn > 0) found.push(one)
  return found.sort((one, other) => one.turn - other.turn)
}

/** XNACK for all of them: with FORCE, as who gets it may have none of them, and with their counts. */
export function* givingBack(key: string, group: GroupImage): Generator<(string | number)[], void> {
  let ids: string[] = []
  let count: Uint64 = 0
  const command = (): (string | number)[] => {
    const argv = ['XNACK', key, group.name, 'FAIL', 'IDS', ids.length, ...ids]
    ids = []
    return [...argv, 'RETRYCOUNT', String(count > MOST_DELIVERIES ? MOST_DELIVERIES : count), 'FORCE']
  }
  for (const { id, deliveries } of givenBackOf(group)) {
    if (ids.length === IDS_A_COMMAND || (ids.length > 0 && deliveries !== count)) yield command()
    count = deliveries
    ids.push(formatId(id))
  }
  if (ids.length > 0) yield command()
}
