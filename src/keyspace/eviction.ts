// Bounded mode: which key has to go. Deleting the victim is the engine's business, so that replicas hear of it.

import type { Keyspace } from './keyspace.js'

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

export interface Choice {
  /** A number in [0, 1). */
  random(): number
  /** maxmemory-samples: how many keys the LFU policies draw. */
  readonly samples: number
}

/** The key to evict from one keyspace, or undefined when the policy finds none. */
export function victimOf(keyspace: Keyspace, policy: Policy, choice: Choice): string | undefined {
  const { recency, expiry } = keyspace
  switch (policy) {
    case 'noeviction':
      return undefined
    case 'allkeys-lru':
      return recency?.oldest().next().value ?? undefined
    case 'allkeys-lfu':
      return leastUsed(keyspace, choice, () => keyspace.randomKey()) ?? keyspace.randomKey()
    case 'allkeys-random':
      return keyspace.randomKey()
    case 'volatile-ttl':
      return expiry.first?.key
    case 'volatile-random':
      return expiry.any(choice.random())?.key
    case 'volatile-lru': {
      let looks = 0
      for (const key of recency?.oldest() ?? []) {
        if (keyspace.expiresAt(key) != null) return key
        if (++looks === VOLATILE_LOOKS) break
      }
      return expiry.first?.key
    }
    case 'volatile-lfu':
      return leastUsed(keyspace, choice, () => expiry.any(choice.random())?.key, true) ?? expiry.first?.key
  }
}

function leastUsed(
  keyspace: Keyspace,
  { samples }: Choice,
  draw: () => string | undefined,
  isVolatile = false,
): string | undefined {
  const mayGo = (key: string): boolean => (isVolatile ? keyspace.expiresAt(key) != null : keyspace.has(key))
  return keyspace.recency?.leastUsed(draw, samples, mayGo)
}
