// Reads the value of one key, in any of the forms that servers have had for it, from bytes that come in pieces: see
// reader.ts for how that works. Collections are filled element by element, so nothing is held twice but what was packed.
// What a server would refuse is refused here: elements twice, scores that are no numbers, lengths that are not true.

import { Hash } from '../keyspace/hash.js'
import type { Value } from '../keyspace/keyspace.js'
import { List } from '../keyspace/list.js'
import { MemberSet } from '../keyspace/set.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { scanDouble } from '../protocol/double.js'
import * as forms from './forms.js'
import type { RdbInput } from './input.js'
import { Intset } from './intset.js'
import { Listpack } from './listpack.js'
import { Damage, type Packed } from './packed.js'
import { readStream } from './stream-reader.js'
import { readVectorSet } from './vector-set.js'
import { Ziplist } from './ziplist.js'
import { Zipmap } from './zipmap.js'

/** What a value's reading gives: a value, or null for a collection of none, which is no value. */
export type Reading<T> = Generator<void, T, void>

/** How an element of a quicklist is kept. */
const QUICKLIST_PLAIN = 1
const QUICKLIST_PACKED = 2

/** In the place of a score's length. */
const SCORE_NAN = 253
const SCORE_INFINITY = 254
const SCORE_MINUS_INFINITY = 255

/**
 * `type`: one of readableTypes. `fromValkey`: 22 is Valkey's. Throws Damage. Null: a collection of none, which Redis leaves
 * out when it loads a file.
 */
export function* readValue(input: RdbInput, type: number, fromValkey: boolean): Reading<Value | null> {
  switch (type) {
    case forms.STRING:
      while (!input.string()) yield
      return input.arg()
    case forms.LIST:
      return orNull(yield* readList(input))
    case forms.LIST_ZIPLIST:
      return orNull(fillList(new List(), new Ziplist(yield* packed(input))))
    case forms.LIST_QUICKLIST:
    case forms.LIST_QUICKLIST_2:
      return orNull(yield* readQuicklist(input, type === forms.LIST_QUICKLIST_2))
    case forms.SET:
      return orNull(yield* readSet(input))
    case forms.SET_INTSET:
      return orNull(fillSet(new Intset(yield* packed(input))))
    case forms.SET_LISTPACK:
      return orNull(fillSet(new Listpack(yield* packed(input))))
    case forms.ZSET:
    case forms.ZSET_TEXT:
      return orNull(yield* readSortedSet(input, type === forms.ZSET_TEXT))
    case forms.ZSET_ZIPLIST:
      return orNull(fillSortedSet(new Ziplist(yield* packed(input))))
    case forms.ZSET_LISTPACK:
      return orNull(fillSortedSet(new Listpack(yield* packed(input))))
    case forms.HASH:
      return orNull(yield* readHash(input))
    case forms.HASH_ZIPMAP:
      return orNull(fillHash(new Zipmap(yield* packed(input))))
    case forms.HASH_ZIPLIST:
      return orNull(fillHash(new Ziplist(yield* packed(input))))
    case forms.HASH_LISTPACK:
      return orNull(fillHash(new Listpack(yield* packed(input))))
    case forms.HASH_TIMES_22:
      return orNull(fromValkey ? yield* readValkeyHash(input) : yield* readTimedHash(input, null))
    case forms.HASH_TIMES:
      return orNull(yield* readTimedHash(input, yield* readTime(input)))
    case forms.HASH_TIMES_23:
      return orNull(fillTimedHash(new Listpack(yield* packed(input))))
    case forms.HASH_TIMES_LISTPACK:
      yield* readTime(input)
      return orNull(fillTimedHash(new Listpack(yield* packed(input))))
    case forms.STREAM:
    case forms.STREAM_2:
    case forms.STREAM_3:
    case forms.STREAM_4:
    case forms.STREAM_5:
      return yield* readStream(input, type)
    case forms.MODULE:
      return yield* readVectorSet(input)
    default:
      throw new Damage('a type that cannot be read')
  }
}

function orNull<T extends { readonly size: number }>(collection: T): T | null {
  return collection.size === 0 ? null : collection
}

/** The bytes of a packed encoding. Good until the next question to the input: there is none before they are walked over. */
export function* packed(input: RdbInput): Reading<Buffer> {
  while (!input.string()) yield
  return input.view()
}

function* readList(input: RdbInput): Reading<List> {
  const list = new List()
  let count: number
  while ((count = input.length()) < 0) yield
  for (let i = 0; i < count; i++) {
    while (!input.string()) yield
    list.pushBack(input.text())
  }
  return list
}

function* readQuicklist(input: RdbInput, hasContainers: boolean): Reading<List> {
  const list = new List()
  let count: number
  while ((count = input.length()) < 0) yield
  for (let i = 0; i < count; i++) {
    let container = QUICKLIST_PACKED
    if (hasContainers) while ((container = input.length()) < 0) yield
    while (!input.string()) yield
    if (container === QUICKLIST_PLAIN) list.pushBack(input.text())
    else if (container === QUICKLIST_PACKED)
      fillList(list, hasContainers ? new Listpack(input.view()) : new Ziplist(input.view()))
    else throw new Damage(`a part of a quicklist of kind ${container}`)
  }
  return list
}

function fillList(list: List, elements: Packed): List {
  while (elements.next()) list.pushBack(elements.text())
  return list
}

function* readSet(input: RdbInput): Reading<MemberSet> {
  const set = new MemberSet()
  let count: number
  while ((count = input.length()) < 0) yield
  for (let i = 0; i < count; i++) {
    while (!input.string()) yield
    if (!set.add(input.text())) throw new Damage('a member twice')
  }
  return set
}

function fillSet(members: Packed): MemberSet {
  const set = new MemberSet()
  while (members.next()) if (!set.add(members.text())) throw new Damage('a member twice')
  return set
}

function* readSortedSet(input: RdbInput, asText: boolean): Reading<SortedSet> {
  const set = new SortedSet()
  let count: number
  while ((count = input.length()) < 0) yield
  for (let i = 0; i < count; i++) {
    while (!input.string()) yield
    const member = input.text()
    let score: number
    if (asText) score = yield* readScoreText(input)
    else {
      while (!input.has(8)) yield
      score = input.takeDouble()
    }
    putScored(set, member, score)
  }
  return set
}

function* readScoreText(input: RdbInput): Reading<number> {
  while (!input.has(1)) yield
  const length = input.takeByte()
  if (length === SCORE_INFINITY) return Number.POSITIVE_INFINITY
  if (length === SCORE_MINUS_INFINITY) return Number.NEGATIVE_INFINITY
  if (length === SCORE_NAN) return Number.NaN
  while (!input.has(length)) yield
  return scoreOf(input.takeLatin1(length))
}

function fillSortedSet(pairs: Packed): SortedSet {
  const set = new SortedSet()
  while (pairs.next()) {
    const member = pairs.text()
    if (!pairs.next()) throw new Damage('a member without a score')
    putScored(set, member, scoreOf(pairs.text()))
  }
  return set
}

function putScored(set: SortedSet, member: string, score: number): void {
  if (Number.isNaN(score)) throw new Damage('a score that is no number')
  if (set.score(member) !== undefined) throw new Damage('a member twice')
  set.set(member, score)
}

/** NaN when the text is no number. */
function scoreOf(text: string): number {
  const { value, length } = scanDouble(text)
  return length === text.length && length > 0 ? value : Number.NaN
}

function* readHash(input: RdbInput): Reading<Hash> {
  const hash = new Hash()
  let count: number
  while ((count = input.length()) < 0) yield
  for (let i = 0; i < count; i++) {
    while (!input.string()) yield
    const field = input.text()
    while (!input.string()) yield
    putField(hash, field, input.text(), null)
  }
  return hash
}

function fillHash(pairs: Packed): Hash {
  const hash = new Hash()
  while (pairs.next()) {
    const field = pairs.text()
    if (!pairs.next()) throw new Damage('a field without a value')
    putField(hash, field, pairs.text(), null)
  }
  return hash
}

/** `earliest`: what times are counted from; null when they are absolute. */
function* readTimedHash(input: RdbInput, earliest: number | null): Reading<Hash> {
  const hash = new Hash()
  let count: number
  while ((count = input.length()) < 0) yield
  for (let i = 0; i < count; i++) {
    let time: number
    while ((time = input.length()) < 0) yield
    while (!input.string()) yield
    const field = input.text()
    while (!input.string()) yield
    // One more than the difference, as 0 stands for no time.
    const expiresAt = time === 0 ? null : earliest === null ? time : earliest + time - 1
    putField(hash, field, input.text(), expiresAt)
  }
  return hash
}

function* readValkeyHash(input: RdbInput): Reading<Hash> {
  const hash = new Hash()
  let count: number
  while ((count = input.length()) < 0) yield
  for (let i = 0; i < count; i++) {
    while (!input.string()) yield
    const field = input.text()
    while (!input.string()) yield
    const value = input.text()
    const time = yield* readTime(input)
    putField(hash, field, value, time === -1 ? null : time)
  }
  return hash
}

function fillTimedHash(triples: Listpack): Hash {
  const hash = new Hash()
  while (triples.next()) {
    const field = triples.text()
    if (!triples.next()) throw new Damage('a field without a value')
    const value = triples.text()
    if (!triples.next()) throw new Damage('a field without a place for its time')
    const time = Number(triples.integer())
    putField(hash, field, value, time === 0 ? null : time)
  }
  return hash
}

export function* readTime(input: RdbInput): Reading<number> {
  while (!input.has(8)) yield
  return input.takeInt64()
}

function putField(hash: Hash, field: string, value: string, expiresAt: number | null): void {
  if (expiresAt !== null && !(expiresAt >= 0 && expiresAt <= Number.MAX_SAFE_INTEGER))
    throw new Damage(`a field with the time ${expiresAt}`)
  if (!hash.set(field, value, expiresAt)) throw new Damage('a field twice')
}
