// SORT: the items of a list, set or sorted set in order, by themselves or by what other keys hold for each of them, and
// instead of each what yet other keys hold.

import { type Arg, compareText, textOfLatin1 } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { Hash } from '../keyspace/hash.js'
import { isString, type Value } from '../keyspace/keyspace.js'
import { List } from '../keyspace/list.js'
import { MemberSet } from '../keyspace/set.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { parseDouble } from '../protocol/double.js'
import { type Command, type Context, command, option, text } from './command.js'
import { int64 } from './int64.js'
import { dropExpired, lookupRead, shownBytes } from './lookup.js'

interface Options {
  /** Null: the items stay in the order they have. */
  by: Pattern | 'itself' | null
  gets: Pattern[]
  isAlpha: boolean
  isDescending: boolean
  offset: number
  /** Negative: all. */
  count: number
  store?: string
}

/** `weight_*->field`: the key that belongs to an item, and the field if that is a hash. `#`: the item itself. */
class Pattern {
  readonly #isItem: boolean
  readonly #before: string
  /** None: there is no star, and so no key. */
  readonly #behind: string | undefined
  readonly #field: string | undefined

  constructor(pattern: string) {
    const star = pattern.indexOf('*')
    const arrow = pattern.indexOf('->', star + 1)
    const hasField = arrow >= 0 && arrow + 2 < pattern.length
    this.#isItem = pattern === '#'
    this.#before = pattern.slice(0, star)
    this.#behind = star < 0 ? undefined : pattern.slice(star + 1, hasField ? arrow : undefined)
    this.#field = hasField ? pattern.slice(arrow + 2) : undefined
  }

  /** The string or the field's value that it leads to. Counts as a read of the key. */
  lookup(ctx: Context, item: string): string | undefined {
    if (this.#isItem) return item
    if (this.#behind === undefined) return undefined
    const value = lookupRead(ctx, this.#before + item + this.#behind)
    if (this.#field !== undefined) return value instanceof Hash ? ctx.db.live(value).get(this.#field) : undefined
    if (value === undefined || !isString(value)) return undefined
    return typeof value === 'string' ? value : textOfLatin1(shownBytes(value))
  }
}

function optionsOf(argv: readonly Arg[], mayStore: boolean): Options {
  const options: Options = { by: 'itself', gets: [], isAlpha: false, isDescending: false, offset: 0, count: -1 }
  for (let i = 2; i < argv.length; i++) {
    const word = option(argv[i])
    const left = argv.length - 1 - i
    if (word === 'ASC') options.isDescending = false
    else if (word === 'DESC') options.isDescending = true
    else if (word === 'ALPHA') options.isAlpha = true
    else if (word === 'LIMIT' && left >= 2) {
      options.offset = Number(int64(argv[++i]))
      options.count = Number(int64(argv[++i]))
    } else if (word === 'STORE' && left >= 1 && mayStore) options.store = text(argv[++i])
    else if (word === 'BY' && left >= 1) options.by = byOf(text(argv[++i]))
    else if (word === 'GET' && left >= 1) options.gets.push(new Pattern(text(argv[++i])))
    else throw replyErrors.syntax()
  }
  return options
}

/** A pattern without a star would be the same for each item: they stay as they are. */
function byOf(pattern: string): Pattern | null {
  return pattern.includes('*') ? new Pattern(pattern) : null
}

type Sortable = List | MemberSet | SortedSet

function isSortable(value: Value): value is Sortable {
  return value instanceof List || value instanceof MemberSet || value instanceof SortedSet
}

function itemsOf(value: Sortable): string[] {
  return value instanceof SortedSet ? Array.from(value, ([member]) => member) : [...value]
}

/** A range of what has an order of its own, without a look at the rest; a set's is the one in which it gives its members. */
function rangeOf(value: Sortable, start: number, end: number, isDescending: boolean): string[] {
  if (value instanceof MemberSet) return itemsOf(value).slice(start, end)
  const items: string[] = []
  const first = isDescending ? value.size - 1 - start : start
  const step = isDescending ? -1 : 1
  if (value instanceof SortedSet) value.walk(first, end - start, step, (member) => items.push(member))
  else for (let i = 0; i < end - start; i++) items.push(value.at(first + i * step)!)
  return items
}

interface Weighed {
  item: string
  score: number
  /** What ALPHA compares; none: the key is not there, and the item comes first. */
  word: string | undefined
}

function sorted(ctx: Context, items: readonly string[], { by, isAlpha, isDescending, store }: Options): string[] {
  const weighed = items.map((item): Weighed => {
    const found = by instanceof Pattern ? by.lookup(ctx, item) : item
    // As C's strcoll compares them; what is stored is compared as a whole.
    const word = found === undefined || store !== undefined ? found : upToZero(found)
    return { item, word, score: isAlpha || word === undefined ? 0 : scoreOf(word) }
  })
  // Not before all keys were read: they count as read.
  if (weighed.some(({ score }) => Number.isNaN(score))) throw notNumbers()
  const compare = isAlpha ? compareWords : compareScores
  weighed.sort(isDescending ? (a, b) => compare(b, a) : compare)
  return weighed.map(({ item }) => item)
}

function compareScores(a: Weighed, b: Weighed): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1
  return compareText(a.item, b.item)
}

function compareWords({ word: a }: Weighed, { word: b }: Weighed): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
  return compareText(a, b)
}

/** As C sees a string. */
function upToZero(word: string): string {
  const end = word.indexOf('\0')
  return end < 0 ? word : word.slice(0, end)
}

/** As C's strtod takes it: blanks before the number, nothing behind it but a zero byte. Nothing at all is 0. Or NaN. */
function scoreOf(word: string): number {
  const number = upToZero(word)
  return number === '' ? 0 : (parseDouble(number.replace(BLANKS, '')) ?? Number.NaN)
}

function notNumbers(): ReplyError {
  return new ReplyError("ERR One or more scores can't be converted into double")
}

const BLANKS = /^[ \t\n\v\f\r]+/

/** The items asked for, in the order asked for. */
function chosen(ctx: Context, value: Value | undefined, options: Options): string[] {
  if (value === undefined) return []
  if (!isSortable(value)) throw replyErrors.wrongType()
  const { offset, count, store, isDescending } = options
  const start = Math.min(Math.max(offset, 0), value.size)
  const end = count < 0 ? value.size : Math.min(start + count, value.size)
  // What is stored has to come out the same on every replica: a set has no order that it could stay in.
  const mustOrder = value instanceof MemberSet && store !== undefined
  if (options.by === null && !mustOrder) return rangeOf(value, start, end, isDescending)
  const wanted: Options = options.by === null ? { ...options, by: 'itself', isAlpha: true } : options
  return sorted(ctx, itemsOf(value), wanted).slice(start, end)
}

function sort(ctx: Context, argv: Arg[], mayStore: boolean): void {
  const options = optionsOf(argv, mayStore)
  const items = chosen(ctx, lookupRead(ctx, text(argv[1])), options)
  const { gets, store } = options
  if (store !== undefined) storeResult(ctx, store, items, gets)
  else if (gets.length === 0) {
    ctx.reply.array(items.length)
    for (const item of items) ctx.reply.bulk(item)
  } else {
    ctx.reply.array(items.length * gets.length)
    for (const item of items) for (const pattern of gets) ctx.reply.bulk(pattern.lookup(ctx, item) ?? null)
  }
}

function storeResult(ctx: Context, key: string, items: readonly string[], gets: readonly Pattern[]): void {
  const { db } = ctx
  const list = new List()
  for (const item of items) {
    if (gets.length === 0) list.pushBack(item)
    for (const pattern of gets) list.pushBack(pattern.lookup(ctx, item) ?? '')
  }
  if (list.size > 0) {
    dropExpired(ctx, key)
    db.set(key, list)
    ctx.changed(list.size)
    ctx.notify('l', 'sortstore', key)
  } else if (db.delete(key)) {
    ctx.changed()
    ctx.notify('g', 'del', key)
  }
  ctx.reply.integer(list.size)
}

/** The key, and the one behind the last STORE. */
function keysOf(argv: readonly Arg[]): number[] {
  const indexes = [1]
  for (let i = 2; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'LIMIT') i += 2
    else if (word === 'GET' || word === 'BY') i++
    else if (word === 'STORE' && i + 1 < argv.length) indexes[1] = ++i
  }
  return indexes
}

const syntax = 'key [BY pattern@1] [LIMIT offset count] [GET pattern@1 [GET pattern@1 ...]] [ASC | DESC] [ALPHA]'
const common = {
  group: 'generic',
  arity: -2,
  keys: '1 1 1',
  complexity: 'O(N+M*log(M)) for N items and M answered.',
} as const

export const sortCommands: readonly Command[] = [
  command({
    ...common,
    name: 'SORT',
    flags: 'write denyoom movablekeys',
    findKeys: keysOf,
    since: '1.0.0',
    summary: 'The items of a list, set or sorted set in order, or what other keys hold for them; or stores these.',
    syntax: `${syntax} [STORE destination]`,
    run: (ctx, argv) => sort(ctx, argv, true),
  }),
  command({
    ...common,
    name: 'SORT_RO',
    flags: 'readonly movablekeys',
    since: '7.0.0',
    summary: 'The items of a list, set or sorted set in order, or what other keys hold for them.',
    syntax,
    run: (ctx, argv) => sort(ctx, argv, false),
  }),
]
