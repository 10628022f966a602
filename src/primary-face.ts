// The Map face of the primary, on a replica: `store.primary`. A write is done there, and its promise resolves when it has
// come back down the link, so that whoever wrote reads it here. A read asks the primary how far it is, waits until this
// node is there, and then reads here: what it gives is as new as the question. On a primary all of it is the store itself.

import { type Arg, bufferOf, textOfArg } from './bytes.js'
import type { Engine } from './engine/engine.js'
import { ReplyError, StoreError } from './errors.js'
import { argOf, type Condition, type Face, HostOfHandles, increased, keyOf, type SetOptions, timeOf } from './face.js'
import type { Connection, Forwarding, Request } from './forwarding.js'
import type { Handle, HandleHost } from './handles/handle.js'
import { HashHandle } from './handles/hash.js'
import { ListHandle } from './handles/list.js'
import { type Promised, promisedHandle } from './handles/promised.js'
import { SetHandle } from './handles/set.js'
import { SortedSetHandle } from './handles/sorted-set.js'
import { StreamHandle } from './handles/stream.js'
import type { Collection } from './keyspace/collection.js'
import type { Answer } from './protocol/replies.js'
import type { ReplyValue } from './protocol/writer.js'

/** How often `update` starts over because somebody else changed the key meanwhile. */
const MAX_ATTEMPTS = 100

/** What would change the connection, which all requests share, or would take it away from them. */
const OF_THE_CONNECTION = new Set(
  'ASKING AUTH DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE PSYNC PUNSUBSCRIBE QUIT READONLY READWRITE REPLCONF RESET SELECT SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC UNSUBSCRIBE UNWATCH WATCH'.split(
    ' ',
  ),
)
const OF_CLIENT = new Set(['CACHING', 'REPLY', 'TRACKING'])
/** Commands whose members come in pairs with their scores in RESP3, and one after the other in `store.call`. */
const PAIRING = new Set(
  'HRANDFIELD ZDIFF ZINTER ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE ZUNION'.split(
    ' ',
  ),
)
/** Those whose streams are a map there. */
const MAPPING = new Set(['XREAD', 'XREADGROUP'])
/** Those wait too, though their flags do not say it. */
const WAITING = new Set(['WAIT', 'WAITAOF'])

export interface PrimaryFaceOptions<V> {
  engine: Engine
  forwarding: Forwarding
  /** What is read, and what is written to while this node is a primary. Throws RangeError. */
  faceOf(index: number): Face<V>
  index: number
}

/**
 * Every method throws, as rejections: ReplyError with the primary's own words and `code` (READONLY, NOAUTH, LOADING, OOM,
 * WRONGTYPE …), and StoreError NO_PRIMARY (nobody could be asked: nothing was done), BUSY (likewise), UNCERTAIN (no answer:
 * it was done, or not), BEHIND (it was done, and is not here yet), CLOSED, CODEC, INVALID.
 */
export class PrimaryFace<V> {
  readonly #options: PrimaryFaceOptions<V>
  readonly #engine: Engine
  readonly #forwarding: Forwarding
  readonly #local: Face<V>
  readonly #index: number

  /** @internal */
  constructor(options: PrimaryFaceOptions<V>) {
    this.#options = options
    this.#engine = options.engine
    this.#forwarding = options.forwarding
    this.#index = options.index
    this.#local = options.faceOf(options.index)
  }

  get [Symbol.toStringTag](): string {
    return 'Primary'
  }

  /** Resolves when this node has everything that the primary had when it was asked: what is then read here is as new. */
  async caughtUp(): Promise<void> {
    if (!this.#forwarding.isLocal) await this.#forwarding.run(this.#index, [], 'arrived')
  }

  async get(key: string): Promise<V | undefined> {
    await this.caughtUp()
    return this.#local.get(key)
  }

  async has(key: string): Promise<boolean> {
    await this.caughtUp()
    return this.#local.has(key)
  }

  /** Keys held. */
  async size(): Promise<number> {
    await this.caughtUp()
    return this.#local.size
  }

  /** Milliseconds until the key is gone; null when it lasts, undefined when there is none. */
  async ttl(key: string): Promise<number | null | undefined> {
    await this.caughtUp()
    return this.#local.ttl(key)
  }

  /** Sets a value, and its time, which the primary's clock counts. With `ifAbsent` or `ifPresent`, says whether it was set. */
  set(key: string, value: V, options: SetOptions & Condition): Promise<boolean>
  set(key: string, value: V, options?: SetOptions): Promise<undefined>
  async set(key: string, value: V, options: SetOptions = {}): Promise<boolean | undefined> {
    const isConditional = options.ifAbsent === true || options.ifPresent === true
    if (this.#forwarding.isLocal) {
      const done: unknown = this.#local.set(key, value, options)
      return isConditional ? done === true : undefined
    }
    const answer = await this.#write(['SET', keyOf(key), this.#local.encoded(value), ...wordsOf(options)])
    return isConditional ? answer !== null : undefined
  }

  /** Says whether the key was there. */
  async delete(key: string): Promise<boolean> {
    if (this.#forwarding.isLocal) return this.#local.delete(key)
    return (await this.#write(['DEL', keyOf(key)])) === 1
  }

  /** Empties this keyspace, and no other. */
  async clear(): Promise<void> {
    if (this.#forwarding.isLocal) this.#local.clear()
    else await this.#write(['FLUSHDB'])
  }

  /** Gives the key this many milliseconds, or until that Date. Says whether there is such a key. 0 or less deletes it. */
  async expire(key: string, ttl: number | Date): Promise<boolean> {
    if (this.#forwarding.isLocal) return this.#local.expire(key, ttl)
    const time = timeOf(ttl, 0)
    return (await this.#write([typeof ttl === 'number' ? 'PEXPIRE' : 'PEXPIREAT', keyOf(key), time])) === 1
  }

  /** Takes the key's time away. Says whether it had one. */
  async persist(key: string): Promise<boolean> {
    if (this.#forwarding.isLocal) return this.#local.persist(key)
    return (await this.#write(['PERSIST', keyOf(key)])) === 1
  }

  /**
   * Reads, changes and writes in one step, and keeps the key's time. `undefined` deletes. Returns the new value. `change` is
   * called again when somebody else was faster, a hundred times at most: then BUSY, and nothing was done.
   */
  update(key: string, change: (old: V | undefined) => V): Promise<V>
  update(key: string, change: (old: V | undefined) => V | undefined): Promise<V | undefined>
  async update(key: string, change: (old: V | undefined) => V | undefined): Promise<V | undefined> {
    if (this.#forwarding.isLocal) return this.#local.update(key, change as (old: V | undefined) => V)
    const name = keyOf(key)
    return this.#forwarding.alone(this.#index, async (connection) => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const next = await this.#watched(connection, name, change)
        const request = next === undefined ? ['DEL', name] : ['SET', name, this.#local.encoded(next), 'KEEPTTL']
        if ((await this.#transaction(connection, request, 'arrived')) !== null) return next
      }
      throw new StoreError('BUSY', `'${key}' was changed by others at each of ${MAX_ATTEMPTS} attempts`)
    })
  }

  /** Adds to a number and returns the sum; a key that is not there counts as 0. The key's time stays. Throws INVALID. */
  async increment(key: string, by = 1): Promise<number> {
    return Number(await this.update(key, (old): V => increased(key, old, by) as V))
  }

  /**
   * Runs a command there as a client would, in this keyspace, and returns its reply as `store.call` does. One that changes
   * the connection (MULTI, WATCH, SUBSCRIBE, SELECT …) is refused with INVALID; one that would wait does not.
   */
  async call(...argv: (string | number | bigint | Uint8Array)[]): Promise<ReplyValue> {
    if (this.#forwarding.isLocal) return this.#local.call(...argv)
    if (argv.length === 0) throw new StoreError('INVALID', 'a command has a name')
    const request = argv.map(argOf)
    assertShared(request)
    const command = this.#engine.lookup(request)
    // What only reads leaves nothing to wait for. One that we do not know may do anything.
    const upTo = command === undefined || command.isWrite || command.flags.has('may_replicate') ? 'arrived' : 'answered'
    const name = nameOf(request)
    const mayWait = command?.flags.has('blocking') === true || WAITING.has(name)
    const answer = mayWait
      ? await this.#forwarding.alone(this.#index, (connection) => this.#transaction(connection, request, upTo))
      : (await this.#forwarding.run(this.#index, [request], upTo))[0]
    const given = Array.isArray(answer) && mayWait ? answer[0] : answer
    return replyOf(unpaired(name, thrown(given)))
  }

  /** The same face on another numbered keyspace. Throws RangeError past `databases` of this store. */
  db(index: number): PrimaryFace<V> {
    return index === this.#index ? this : new PrimaryFace({ ...this.#options, index })
  }

  /** The hash at a key, or to be made there: the methods of `store.hashAt`, with promises. */
  hashAt(key: string): Promised<HashHandle> {
    return this.#handle(key, (host, name) => new HashHandle(host, name))
  }

  listAt(key: string): Promised<ListHandle> {
    return this.#handle(key, (host, name) => new ListHandle(host, name))
  }

  setAt(key: string): Promised<SetHandle> {
    return this.#handle(key, (host, name) => new SetHandle(host, name))
  }

  sortedSetAt(key: string): Promised<SortedSetHandle> {
    return this.#handle(key, (host, name) => new SortedSetHandle(host, name))
  }

  streamAt(key: string): Promised<StreamHandle> {
    return this.#handle(key, (host, name) => new StreamHandle(host, name))
  }

  #handle<H extends Handle<Collection>>(key: string, make: (host: HandleHost, key: string) => H): Promised<H> {
    const forwarding = this.#forwarding
    const host = {
      here: new HostOfHandles(this.#engine, this.#index),
      get isHere() {
        return forwarding.isLocal
      },
      call: async (argv: (string | number)[]) => replyOf(await this.#write(argv.map(argOf))),
      caughtUp: () => this.caughtUp(),
    }
    return promisedHandle(host, keyOf(key), make)
  }

  async #write(request: Request): Promise<Answer> {
    return thrown((await this.#forwarding.run(this.#index, [request], 'arrived'))[0])
  }

  /** What `change` makes of a value that EXEC will find unchanged, or else refuse to go on. */
  async #watched(connection: Connection, key: string, change: (old: V | undefined) => V | undefined) {
    try {
      const [answer] = await this.#forwarding.settle(connection.send([['WATCH', key]]), 'arrived')
      thrown(answer)
      return change(this.#local.get(key))
    } catch (error) {
      connection.send([['UNWATCH']])
      throw error
    }
  }

  /** One request as a transaction; what EXEC gave. Null: what was watched has changed. In one nothing waits. */
  async #transaction(connection: Connection, request: Request, upTo: 'answered' | 'arrived'): Promise<Answer[] | null> {
    const sent = connection.send([['MULTI'], request, ['EXEC']])
    const [, queued, given] = await this.#forwarding.settle(sent, upTo)
    if (given === null) return null
    thrown(queued)
    const answers = thrown(given) as Answer[]
    thrown(answers[0])
    return answers
  }
}

/** SET's words for options, as the Map face understands them. */
function wordsOf(options: SetOptions): (string | number)[] {
  const words: (string | number)[] = []
  if (options.ttl !== undefined) {
    const ttl = timeOf(options.ttl, 0)
    // A time that is past already is no time that SET takes.
    words.push(...(ttl > 0 ? ['PX', ttl] : ['PXAT', 1]))
  } else if (options.expiresAt !== undefined) {
    const at = Number(options.expiresAt)
    if (!Number.isSafeInteger(at)) {
      throw new StoreError('INVALID', `a time is a whole number of milliseconds, not ${at}`)
    }
    words.push('PXAT', Math.max(1, at))
  } else if (options.keepTtl === true) words.push('KEEPTTL')
  if (options.ifPresent === true) words.push('XX')
  else if (options.ifAbsent === true) words.push('NX')
  return words
}

function assertShared(request: readonly Arg[]): void {
  const name = nameOf(request)
  const second = request.length > 1 ? textOfArg(request[1]).toUpperCase() : ''
  if (OF_THE_CONNECTION.has(name) || (name === 'CLIENT' && OF_CLIENT.has(second))) {
    throw new StoreError('INVALID', `${name} changes the connection, which is not yours alone`)
  }
}

function unpaired(name: string, answer: Answer): Answer {
  if (Array.isArray(answer) && PAIRING.has(name)) return answer.flat()
  if (answer instanceof Map && MAPPING.has(name)) return [...answer]
  return answer
}

function nameOf(request: readonly Arg[]): string {
  return textOfArg(request[0]).toUpperCase()
}

function thrown<T>(answer: T): T {
  if (answer instanceof ReplyError) throw answer
  return answer
}

/** An answer in the form that `store.call` gives: bytes that are no text as Buffers. */
function replyOf(answer: Answer): ReplyValue {
  if (typeof answer === 'string') return answer.isWellFormed() ? answer : bufferOf(answer)
  if (Array.isArray(answer)) return answer.map(replyOf)
  if (answer instanceof Map) return new Map([...answer].map(([key, value]) => [replyOf(key), replyOf(value)]))
  return answer
}
