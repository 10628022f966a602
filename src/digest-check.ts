// Does a real server that follows us hold what we hold? Its DEBUG DIGEST is compared with ours, at an offset at which both
// stand: so nothing may be written for a moment. Where they differ, the digests of single keys tell which.

import { type DigestForm, datasetDigest, REDIS_7_0, REDIS_7_2, VALKEY, valueDigest } from './commands/digest.js'
import type { Engine } from './engine/engine.js'
import type { Env } from './env.js'
import type { Dataset } from './keyspace/dataset.js'
import type { Keyspace } from './keyspace/keyspace.js'
import { SortedSet } from './keyspace/sorted-set.js'
import { Remote } from './remote.js'
import type { Replica } from './replication/primary.js'
import { MAX_KEYS, type Verdict, type VerifiedKey } from './verification.js'

export interface Compared {
  readonly env: Env
  readonly dataset: Dataset
  readonly history: { readonly offset: number }
}

const TRY_EVERY_MS = 50
const KEYS_PER_REQUEST = 200

/** Fills in what can be known of a server that is not of our kind. */
export async function verifyServer(engine: Engine, verdict: Verdict<Replica>, timeoutMs: number): Promise<void> {
  const { host, traits, state } = verdict.replica
  if (traits.port === 0 || state !== 'online') return
  const { config, env } = engine
  try {
    const server = await Remote.connect(env, engine.dial(host, traits.port), {
      username: config.text('masteruser'),
      password: config.text('masterauth'),
      timeoutMs,
    })
    try {
      const same = await holdsTheSame(engine, server, timeoutMs)
      if (same === undefined) return
      if (!same) verdict.keys = await keysThatDiffer(engine, server)
      verdict.result = verdict.keys.length === 0 ? 'equal' : 'different'
    } finally {
      server.close()
    }
  } catch (error) {
    env.log.info(`Replica ${verdict.replica.name} cannot be verified: ${(error as Error).message}`)
  }
}

/** Whether its digest is ours: if not, `keysThatDiffer` has the last word; undefined when no quiet moment was found in time. Throws ReplyError where DEBUG is not allowed. */
export async function holdsTheSame(ours: Compared, server: Remote, timeoutMs: number): Promise<boolean | undefined> {
  const { env, history } = ours
  const form = await formOf(server)
  for (const end = env.monotonic() + timeoutMs; env.monotonic() < end; ) {
    const { offset } = history
    await server.call('MULTI')
    await server.call('INFO', 'replication')
    await server.call('DEBUG', 'DIGEST')
    const [info, digest] = (await server.call('EXEC')) as unknown[]
    if (digest instanceof Error) throw digest
    const itsOffset = Number(/^slave_repl_offset:(\d+)/m.exec(String(info))?.[1])
    if (itsOffset === offset && history.offset === offset) return datasetDigest(env, ours.dataset, form) === digest
    await new Promise<void>((resolve) => env.after(TRY_EVERY_MS, resolve))
  }
  return undefined
}

/** The keys that differ, or that only one of the two has; at most MAX_KEYS. What changes meanwhile may be among them. */
export async function keysThatDiffer(ours: Compared, server: Remote): Promise<VerifiedKey[]> {
  const found: VerifiedKey[] = []
  const form = await formOf(server)
  for (const keyspace of ours.dataset.keyspaces) {
    const db = keyspace.index
    const note = (key: string): boolean => found.push({ db, key }) >= MAX_KEYS
    await server.call('SELECT', db)
    const keys = [...keyspace.keys()]
    for (let from = 0; from < keys.length; from += KEYS_PER_REQUEST) {
      const asked = keys.slice(from, from + KEYS_PER_REQUEST)
      const digests = (await server.call('DEBUG', 'DIGEST-VALUE', ...asked)) as string[]
      for (const [i, key] of asked.entries()) {
        const isSame = digests[i] === valueDigest(ours.env, keyspace, key, form)
        if (!isSame && !(await hasSameScores(keyspace, server, key)) && note(key)) return found
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

/** A score's digits are not always the fewest in a server's digest: the numbers themselves decide. */
async function hasSameScores(keyspace: Keyspace, server: Remote, key: string): Promise<boolean> {
  const value = keyspace.peek(key)
  if (!(value instanceof SortedSet) || (await server.call('TYPE', key)) !== 'zset') return false
  const answer = (await server.call('ZRANGE', key, 0, -1, 'WITHSCORES')) as string[]
  const ours = [...value].flat()
  return answer.length === ours.length && answer.every((one, i) => (i % 2 === 0 ? one : numberOf(one)) === ours[i])
}

function numberOf(score: string): number {
  return score === 'inf' ? Number.POSITIVE_INFINITY : score === '-inf' ? Number.NEGATIVE_INFINITY : Number(score)
}

async function formOf(server: Remote): Promise<DigestForm> {
  const info = String(await server.call('INFO', 'server'))
  if (/^valkey_version:/m.test(info)) return VALKEY
  const [, major, minor] = /^redis_version:(\d+)\.(\d+)/m.exec(info) ?? []
  return Number(major) > 7 || (major === '7' && Number(minor) >= 2) ? REDIS_7_2 : REDIS_7_0
}
