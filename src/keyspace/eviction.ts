// Bounded mode: which keys were used when, and about how many bytes they hold. The order is lru-cache's; this class only
// asks it for the oldest. Deleting the victim is the engine's business, so that replicas hear of it.

import { LRUCache } from 'lru-cache'
import { Binary } from '../bytes.js'
import type { Keyspace, Value } from './keyspace.js'

/** What a key costs beside its characters: measured on a million 16-byte keys with 64-byte values, Node 20, rounded. */
const ENTRY_OVERHEAD_BYTES = 64
/** volatile-lru looks at this many of the oldest keys for one with a time before it takes the next one due. */
const VOLATILE_LOOKS = 1000

export type Policy =
  | 'noeviction'
  | 'allkeys-lru'
  | 'volatile-lru'
  | 'allkeys-random'
  | 'volatile-random'
  | 'volatile-ttl'
  | 'allkeys-lfu'
  | 'volatile-lfu'

/** About how many bytes a key and its value take. */
export function entryBytes(key: string, value: Value): number {
  return ENTRY_OVERHEAD_BYTES + key.length + bytesOf(value)
}

function bytesOf(value: Value): number {
  if (typeof value === 'string') return value.length
  return value instanceof Binary ? value.latin1.length : value.heldBytes
}

/** The order of use of one keyspace's keys. */
export class Recency {
  // lru-cache wants a bound when it is made; ours may move at any time (CONFIG SET maxmemory), so it gets none that it
  // could ever reach, and evicts nothing by itself.
  readonly #order = new LRUCache<string, true>({ maxSize: Number.MAX_SAFE_INTEGER })

  /** About how many bytes the keys and values take. */
  get bytes(): number {
    return this.#order.calculatedSize
  }

  touch(key: string): void {
    this.#order.get(key)
  }

  add(key: string, value: Value): void {
    this.#order.set(key, true, { size: entryBytes(key, value) })
  }

  remove(key: string): void {
    this.#order.delete(key)
  }

  /** The keys, least recently used first. */
  oldest(): Generator<string> {
    return this.#order.rkeys()
  }
}

/**
 * The key to evict from one keyspace, or undefined when the policy finds none. The LFU policies are served by their
 * LRU siblings: use is not counted, only remembered.
 */
export function victimOf(keyspace: Keyspace, policy: Policy, at: number): string | undefined {
  switch (policy) {
    case 'noeviction':
      return undefined
    case 'allkeys-lru':
    case 'allkeys-lfu':
      return keyspace.recency?.oldest().next().value ?? undefined
    case 'allkeys-random':
      return keyspace.randomKey()
    case 'volatile-ttl':
      return keyspace.expiry.first?.key
    case 'volatile-random':
      return keyspace.expiry.any(at)?.key
    case 'volatile-lru':
    case 'volatile-lfu': {
      let looks = 0
      for (const key of keyspace.recency?.oldest() ?? []) {
        if (keyspace.expiresAt(key) != null) return key
        if (++looks === VOLATILE_LOOKS) break
      }
      return keyspace.expiry.first?.key
    }
  }
}
