// A set of strings, as a Set.

import { MemberSet } from '../keyspace/set.js'
import { Handle, type HandleHost, textOrNone } from './handle.js'

export class SetHandle extends Handle<MemberSet> {
  /** @internal */
  constructor(host: HandleHost, key: string) {
    super(host, key, MemberSet)
  }

  get size(): number {
    return this.held?.size ?? 0
  }

  has(member: string): boolean {
    return this.held?.has(member) ?? false
  }

  add(...members: string[]): this {
    if (members.length > 0) this.run('SADD', ...members)
    return this
  }

  /** Says whether it was there. The last one takes the key with it. */
  delete(member: string): boolean {
    return this.run('SREM', member) === 1
  }

  /** Removes a member by chance, and returns it. */
  pop(): string | undefined {
    return textOrNone(this.run('SPOP'))
  }

  /** A member by chance, which stays. */
  random(): string | undefined {
    return this.held?.pick(this.host.random())
  }

  *values(): IterableIterator<string> {
    yield* this
  }

  *keys(): IterableIterator<string> {
    yield* this
  }

  *entries(): IterableIterator<[string, string]> {
    for (const member of this) yield [member, member]
  }

  *[Symbol.iterator](): IterableIterator<string> {
    yield* this.held ?? []
  }

  forEach(visit: (member: string, again: string, set: this) => void, thisArg?: unknown): void {
    for (const member of this) visit.call(thisArg, member, member, this)
  }

  /** What is in this set or in the other, as a Set of its own. The other may be any Set, or a handle. */
  union(other: Iterable<string>): Set<string> {
    return new Set([...this, ...other])
  }

  /** What is in both. */
  intersection(other: { has(member: string): boolean }): Set<string> {
    return new Set([...this].filter((member) => other.has(member)))
  }

  /** What is in this set and not in the other. */
  difference(other: { has(member: string): boolean }): Set<string> {
    return new Set([...this].filter((member) => !other.has(member)))
  }
}
