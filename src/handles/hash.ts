// A hash as a Map of strings whose fields may have times.

import type { Fields } from '../keyspace/hash.js'
import { Hash } from '../keyspace/hash.js'
import { Handle, type HandleHost } from './handle.js'

export class HashHandle extends Handle<Hash> {
  /** @internal */
  constructor(host: HandleHost, key: string) {
    super(host, key, Hash)
  }

  get size(): number {
    return this.#fields?.size ?? 0
  }

  get(field: string): string | undefined {
    return this.#fields?.get(field)
  }

  has(field: string): boolean {
    return this.#fields?.has(field) ?? false
  }

  /** Sets a field; a time it had is gone. `ttl`: milliseconds until the field is gone. */
  set(field: string, value: string, options: { ttl?: number } = {}): this {
    if (options.ttl === undefined) this.run('HSET', field, value)
    else this.run('HSETEX', 'PX', options.ttl, 'FIELDS', 1, field, value)
    return this
  }

  /** Several fields in one command. */
  assign(fields: Iterable<readonly [string, string]> | Readonly<Record<string, string>>): this {
    const pairs =
      Symbol.iterator in fields ? [...(fields as Iterable<readonly [string, string]>)] : Object.entries(fields)
    if (pairs.length > 0) this.run('HSET', ...pairs.flat())
    return this
  }

  /** Says whether the field was there. The last one takes the key with it. */
  delete(field: string): boolean {
    return this.run('HDEL', field) === 1
  }

  /** Adds to a field that holds a whole number, or nothing, and returns the sum. */
  increment(field: string, by = 1): number {
    return Number(Number.isInteger(by) ? this.run('HINCRBY', field, by) : this.run('HINCRBYFLOAT', field, by))
  }

  /** When the field's time is past, ms since 1970; null when it lasts, undefined when there is none. */
  expiresAt(field: string): number | null | undefined {
    return this.has(field) ? this.#fields!.expiresAt(field) : undefined
  }

  /** Gives a field so many milliseconds. Says whether it is there. */
  expire(field: string, ttl: number): boolean {
    return firstOf(this.run('HPEXPIRE', Math.ceil(ttl), 'FIELDS', 1, field)) > 0
  }

  /** Takes a field's time away. Says whether it had one. */
  persist(field: string): boolean {
    return firstOf(this.run('HPERSIST', 'FIELDS', 1, field)) === 1
  }

  *keys(): IterableIterator<string> {
    for (const [field] of this) yield field
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this) yield value
  }

  *entries(): IterableIterator<[string, string]> {
    yield* this
  }

  *[Symbol.iterator](): IterableIterator<[string, string]> {
    // While a snapshot is read a field that was deleted leaves a mark in its place.
    for (const pair of this.#fields ?? []) if (typeof pair[1] === 'string') yield pair
  }

  forEach(visit: (value: string, field: string, hash: this) => void, thisArg?: unknown): void {
    for (const [field, value] of this) visit.call(thisArg, value, field, this)
  }

  /** Without the fields whose time is past. */
  get #fields(): Fields | undefined {
    const hash = this.held
    return hash === undefined ? undefined : this.host.keyspace.live(hash)
  }
}

function firstOf(reply: unknown): number {
  return Array.isArray(reply) ? Number(reply[0]) : Number(reply)
}
