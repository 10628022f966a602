// A list as an Array of strings, both of whose ends are cheap.

import { List } from '../keyspace/list.js'
import { Handle, type HandleHost, textOrNone } from './handle.js'

export class ListHandle extends Handle<List> {
  /** @internal */
  constructor(host: HandleHost, key: string) {
    super(host, key, List)
  }

  get length(): number {
    return this.held?.size ?? 0
  }

  /** A negative index counts from the end. */
  at(index: number): string | undefined {
    const list = this.held
    return list === undefined ? undefined : list.at(index < 0 ? list.size + index : index)
  }

  /** Appends, and returns the new length. */
  push(...items: string[]): number {
    return items.length === 0 ? this.length : Number(this.run('RPUSH', ...items))
  }

  pop(): string | undefined {
    return textOrNone(this.run('RPOP'))
  }

  /** Puts before the first, in this order, and returns the new length. */
  unshift(...items: string[]): number {
    return items.length === 0 ? this.length : Number(this.run('LPUSH', ...items.reverse()))
  }

  shift(): string | undefined {
    return textOrNone(this.run('LPOP'))
  }

  /** Replaces one item. Throws a ReplyError when there is none at that index. */
  set(index: number, item: string): this {
    this.run('LSET', index, item)
    return this
  }

  /** Inserts before the first item that equals `pivot`. Says whether there was one. */
  insertBefore(pivot: string, item: string): boolean {
    return Number(this.run('LINSERT', 'BEFORE', pivot, item)) > 0
  }

  insertAfter(pivot: string, item: string): boolean {
    return Number(this.run('LINSERT', 'AFTER', pivot, item)) > 0
  }

  /** Removes items that equal this one: all, or the first `most`, or with a negative number the last. Returns how many. */
  remove(item: string, most = 0): number {
    return Number(this.run('LREM', most, item))
  }

  /** Keeps what `slice` with these bounds would give, and removes the rest. */
  truncate(start: number, end: number = this.length): this {
    const { length } = this
    const from = bound(start, length)
    const to = bound(end, length)
    if (from >= to) this.clear()
    else if (length > 0) this.run('LTRIM', from, to - 1)
    return this
  }

  /** A copy of a part, as Array's. */
  slice(start = 0, end: number = this.length): string[] {
    const list = this.held
    if (list === undefined) return []
    const to = bound(end, list.size)
    const found: string[] = []
    for (let i = bound(start, list.size); i < to; i++) found.push(list.at(i)!)
    return found
  }

  indexOf(item: string): number {
    let index = 0
    for (const each of this) {
      if (each === item) return index
      index++
    }
    return -1
  }

  includes(item: string): boolean {
    return this.indexOf(item) >= 0
  }

  *[Symbol.iterator](): IterableIterator<string> {
    yield* this.held ?? []
  }

  *values(): IterableIterator<string> {
    yield* this
  }

  *entries(): IterableIterator<[number, string]> {
    let index = 0
    for (const item of this) yield [index++, item]
  }

  forEach(visit: (item: string, index: number, list: this) => void, thisArg?: unknown): void {
    for (const [index, item] of this.entries()) visit.call(thisArg, item, index, this)
  }

  map<T>(change: (item: string, index: number) => T): T[] {
    return Array.from(this, change)
  }
}

/** An index as Array's slice takes it: negative from the end, and never outside. */
function bound(index: number, length: number): number {
  return index < 0 ? Math.max(0, length + index) : Math.min(index, length)
}
