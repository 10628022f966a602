// Do our replicas hold what we hold? A marker in the stream, a PING with an argument, says where to compare: whoever comes to
// it takes the checksums of its data there, in slices, while changes go on. Servers that are not ours answer PING and think
// nothing of it. Ours answer up the link. Two rounds: the checksums of all buckets, then the keys of those that differ.
//
//   primary                         replica
//   PING "hotspare verify 5f3a-7 buckets"  ->  sums its data at this place of the stream
//   <- REPLCONF hotspare-verify {"id":"5f3a-7","sums":{"0":["5fe3...",...]}}
//   PING "hotspare verify 5f3a-8 keys 0:17"  ->
//   <- REPLCONF hotspare-verify {"id":"5f3a-8","sums":{"0":{"user:1":"99d1..."}}}

import { BUCKETS, Checksums, mixed } from './checksums.js'
import type { Env, Timer } from './env.js'
import { StoreError } from './errors.js'
import type { Dataset } from './keyspace/dataset.js'

/** By keyspace: the checksum of each bucket. Keyspaces without keys are left out. */
type Buckets = Record<string, string[]>
/** By keyspace: the checksum of each key. */
type Keys = Record<string, Record<string, string>>

export interface VerifiedKey {
  db: number
  key: string
}

/** What is known of one replica's data. */
export interface Verdict<R = string> {
  /** As the log names it. */
  replica: R
  /** `unknown`: it did not answer in time, or it is a server that cannot be asked like this. */
  result: 'equal' | 'different' | 'unknown'
  /** Keys that are not the same, or on one side only; at most MAX_KEYS of them. */
  keys: VerifiedKey[]
}

/** Somebody who can be asked. */
export interface Asked {
  readonly traits: { readonly ourId: string }
  readonly state: string
}

export interface VerificationHost<R extends Asked> {
  readonly env: Env
  readonly dataset: Dataset
  replicas(): R[]
  /** Writes a PING with this argument into the stream. */
  mark(text: string): void
  /** Sends the answer up the link. */
  answer(json: string): void
}

const PREFIX = 'hotspare verify '
const NAME_BYTES = 6
/** Keys that one slice sums: about a millisecond. */
const KEYS_PER_SLICE = 300
/** Differing keys that a verdict names at most. */
export const MAX_KEYS = 1000
/** Buckets whose keys are asked for at most: more differ when nearly everything does. */
const MAX_BUCKETS = 64

interface Round<R> {
  ours: Buckets | Keys | null
  readonly waiting: Set<R>
  readonly answers: Map<R, Buckets | Keys>
  readonly timer: Timer
  readonly done: () => void
}

export class Verification<R extends Asked> {
  readonly #host: VerificationHost<R>
  readonly #rounds = new Map<string, Round<R>>()
  /** Marks of others may stand in the stream before ours: of primaries before us. */
  #name = ''
  #next = 1

  constructor(host: VerificationHost<R>) {
    this.#host = host
  }

  /** Compares with every replica that is in step with the stream. */
  async verify(timeoutMs: number): Promise<Verdict<R>[]> {
    const asked = this.#host.replicas()
    // One whose snapshot was taken comes to the mark, however far it is; one that waits for its snapshot does not.
    const able = asked.filter(({ traits, state }) => traits.ourId !== '' && state !== 'waiting')
    const verdicts = new Map<R, Verdict<R>>(asked.map((one) => [one, { replica: one, result: 'unknown', keys: [] }]))
    if (able.length > 0) {
      const { ours, answers } = await this.#ask('buckets', able, timeoutMs)
      for (const [replica, theirs] of answers) {
        const verdict = verdicts.get(replica)!
        const differing = differingBuckets(ours as Buckets, theirs as Buckets)
        verdict.result = differing.length === 0 ? 'equal' : 'different'
        if (differing.length === 0) continue
        const places = differing.slice(0, MAX_BUCKETS).map(([db, bucket]) => `${db}:${bucket}`)
        const second = await this.#ask(`keys ${places.join(',')}`, [replica], timeoutMs)
        const keys = second.answers.get(replica)
        if (keys !== undefined) verdict.keys = differingKeys(second.ours as Keys, keys as Keys)
      }
    }
    return [...verdicts.values()]
  }

  /** A PING in the stream, before it is counted: if it is a marker, our data is summed as it is here. */
  met(text: string): void {
    if (!text.startsWith(PREFIX)) return
    const [id, what, places] = text.slice(PREFIX.length).split(' ')
    this.#sum(what, places, (sums) => this.#host.answer(JSON.stringify({ id, sums })))
  }

  /** A replica's answer. What nobody asked for is passed over. */
  answered(replica: R, json: string): void {
    const { id, sums } = parsed(json)
    const round = this.#rounds.get(id)
    if (round === undefined || !round.waiting.delete(replica)) return
    round.answers.set(replica, sums)
    this.#settle(round)
  }

  close(): void {
    for (const round of this.#rounds.values()) {
      round.waiting.clear()
      round.timer.cancel()
      round.done()
    }
  }

  #ask(
    what: string,
    replicas: readonly R[],
    timeoutMs: number,
  ): Promise<{ ours: Buckets | Keys; answers: Round<R>['answers'] }> {
    this.#name ||= this.#host.env.randomHex(NAME_BYTES)
    const id = `${this.#name}-${this.#next++}`
    return new Promise((resolve) => {
      const round: Round<R> = {
        ours: null,
        waiting: new Set(replicas),
        answers: new Map(),
        timer: this.#host.env.after(timeoutMs, () => {
          round.waiting.clear()
          this.#settle(round)
        }),
        done: () => {
          this.#rounds.delete(id)
          resolve({ ours: round.ours ?? {}, answers: round.answers })
        },
      }
      this.#rounds.set(id, round)
      const [kind, places] = what.split(' ')
      this.#sum(kind, places, (sums) => {
        round.ours = sums
        this.#settle(round)
      })
      this.#host.mark(`${PREFIX}${id} ${what}`)
    })
  }

  #settle(round: Round<R>): void {
    if (round.ours === null || round.waiting.size > 0) return
    round.timer.cancel()
    round.done()
  }

  /** Sums the data as it is now; `done` is called later, when all was walked. */
  #sum(kind: string, places: string | undefined, done: (sums: Buckets | Keys) => void): void {
    const { env, dataset } = this.#host
    const buckets: Buckets = {}
    const keys: Keys = {}
    const wanted = new Set(places?.split(','))
    const walk = new Checksums(env, dataset, (db, bucket, key, checksum) => {
      if (kind === 'buckets') {
        buckets[db] ??= Array<string>(BUCKETS).fill('')
        buckets[db][bucket] = buckets[db][bucket] === '' ? checksum : mixed(buckets[db][bucket], checksum)
      } else if (wanted.has(`${db}:${bucket}`)) {
        keys[db] ??= Object.create(null) as Record<string, string>
        keys[db][key] = checksum
      }
    })
    const step = (): void => {
      if (walk.step(KEYS_PER_SLICE)) env.soon(step)
      else done(kind === 'buckets' ? buckets : keys)
    }
    step()
  }
}

function parsed(json: string): { id: string; sums: Buckets | Keys } {
  try {
    const { id, sums } = JSON.parse(json) as { id: unknown; sums: unknown }
    if (typeof id === 'string' && typeof sums === 'object' && sums !== null) return { id, sums: sums as Buckets }
  } catch {
    // told below
  }
  throw new StoreError('PROTOCOL', 'an answer about checksums is none')
}

function differingBuckets(ours: Buckets, theirs: Buckets): [db: string, bucket: number][] {
  const found: [string, number][] = []
  for (const db of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if ((ours[db]?.[bucket] ?? '') !== (theirs[db]?.[bucket] ?? '')) found.push([db, bucket])
    }
  }
  return found
}

function differingKeys(ours: Keys, theirs: Keys): VerifiedKey[] {
  const found: VerifiedKey[] = []
  for (const db of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    for (const key of new Set([...Object.keys(ours[db] ?? {}), ...Object.keys(theirs[db] ?? {})])) {
      if (ours[db]?.[key] !== theirs[db]?.[key] && found.push({ db: Number(db), key }) === MAX_KEYS) return found
    }
  }
  return found
}
