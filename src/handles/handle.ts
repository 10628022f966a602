// Live handles on the collections of a store. Reading goes straight to the data structure; every change is the command that
// a client would have sent, so that there is one way to change anything, and one stream that tells of it.

import { textOf } from '../bytes.js'
import { replyErrors } from '../errors.js'
import type { Collection } from '../keyspace/collection.js'
import type { Keyspace } from '../keyspace/keyspace.js'
import type { ReplyValue } from '../protocol/writer.js'

export interface HandleHost {
  /** The keyspace as it is now: a full sync, or FLUSHDB, puts another in its place. */
  readonly keyspace: Keyspace
  /** A number in [0, 1). */
  random(): number
  /** Runs a command; an error reply is thrown. */
  call(...argv: (string | number)[]): ReplyValue
}

/**
 * A handle belongs to a name, not to a value: it can be made before there is anything, and stays good when the key is
 * deleted and made anew. If the key holds another type, every use throws a ReplyError whose `code` is WRONGTYPE.
 */
export abstract class Handle<T extends Collection> {
  readonly key: string
  protected readonly host: HandleHost
  readonly #kind: new (
    ...args: never[]
  ) => T

  constructor(host: HandleHost, key: string, kind: new (...args: never[]) => T) {
    this.host = host
    this.key = key
    this.#kind = kind
  }

  get [Symbol.toStringTag](): string {
    return this.constructor.name
  }

  /** Whether there is anything at the key. */
  get exists(): boolean {
    return this.held !== undefined
  }

  /** Deletes the key. Says whether it was there. */
  clear(): boolean {
    void this.held // another type is not deleted
    return this.host.call('DEL', this.key) === 1
  }

  /** What is there now. Throws WRONGTYPE. */
  protected get held(): T | undefined {
    const value = this.host.keyspace.get(this.key)
    if (value === undefined || value instanceof this.#kind) return value
    throw replyErrors.wrongType()
  }

  /** Runs a command on the key. */
  protected run(name: string, ...args: (string | number)[]): ReplyValue {
    return this.host.call(name, this.key, ...args)
  }
}

/** A bulk reply as text, whatever its bytes. */
export function textOfReply(reply: ReplyValue): string {
  return reply instanceof Buffer ? textOf(reply) : String(reply)
}

export function textOrNone(reply: ReplyValue): string | undefined {
  return reply === null ? undefined : textOfReply(reply)
}
