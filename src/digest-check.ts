// Does a real server that follows us hold what we hold? Its DEBUG DIGEST is compared with ours, at an offset at which both
// stand: so nothing may be written for a moment. Where they differ, the digests of single keys tell which.

import { datasetDigest, valueDigest } from './commands/digest.js'
import type { Env } from './env.js'
import type { Dataset } from './keyspace/dataset.js'
import type { Remote } from './remote.js'
import { MAX_KEYS, type VerifiedKey } from './verification.js'

export interface Compared {
  readonly env: Env
  readonly dataset: Dataset
  readonly history: { readonly offset: number }
}

const TRY_EVERY_MS = 50
const KEYS_PER_REQUEST = 200

/** Whether it holds the same; undefined when no quiet moment was found in time. Throws ReplyError where DEBUG is not allowed. */
export async function holdsTheSame(ours: Compared, server: Remote, timeoutMs: number): Promise<boolean | undefined> {
  const { env, history } = ours
  for (const end = env.monotonic() + timeoutMs; env.monotonic() < end; ) {
    const { offset } = history
    await server.call('MULTI')
    await server.call('INFO', 'replication')
    await server.call('DEBUG', 'DIGEST')
    const [info, digest] = (await server.call('EXEC')) as unknown[]
    if (digest instanceof Error) throw digest
    const itsOffset = Number(/^slave_repl_offset:(\d+)/m.exec(String(info))?.[1])
    if (itsOffset === offset && history.offset === offset) return datasetDigest(env, ours.dataset) === digest
    await new Promise<void>((resolve) => env.after(TRY_EVERY_MS, resolve))
  }
  return undefined
}

/** The keys that differ, or that only one of the two has; at most MAX_KEYS. What changes meanwhile may be among them. */
export async function keysThatDiffer(ours: Compared, server: Remote): Promise<VerifiedKey[]> {
  const found: VerifiedKey[] = []
  for (const keyspace of ours.dataset.keyspaces) {
    const db = keyspace.index
    const note = (key: string): boolean => found.push({ db, key }) >= MAX_KEYS
    await server.call('SELECT', db)
    const keys = [...keyspace.keys()]
    for (let from = 0; from < keys.length; from += KEYS_PER_REQUEST) {
      const asked = keys.slice(from, from + KEYS_PER_REQUEST)
      const digests = (await server.call('DEBUG', 'DIGEST-VALUE', ...asked)) as string[]
      for (const [i, key] of asked.entries()) {
        if (digests[i] !== valueDigest(ours.env, keyspace, key) && note(key)) return found
      }
    }
    for (let cursor = '0'; ; ) {
      const [next, itsKeys] = (await server.call('SCAN', cursor, 'COUNT', 1000)) as [string, string[]]
      for (const key of itsKeys) if (!keyspace.has(key) && note(key)) return found
      if (next === '0') break
      cursor = next
    }
  }
  return found
}
