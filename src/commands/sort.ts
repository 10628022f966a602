// SORT: the items of a list, set or sorted set in order, by themselves or by what other keys hold for each of them, and
// instead of each what yet other keys hold.

import { type Arg, compareText } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { Hash } from '../keyspace/hash.js'
import { isString, type Value } from '../keyspace/keyspace.js'
import { List } from '../keyspace/list.js'
import { MemberSet } from '../keyspace/set.js'
import { SortedSet } from '../keyspace/sorted-set.js'
import { type Command, type Context, command, option, text } from './command.js'
import { int64 } from './int64.js'
import { lookupRead, shownBytes } from './lookup.js'
import { textOfLatin1 } from '../bytes.js'

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

/** `weight_*->field`: the key for an item, and the field if what it holds is a hash. */
interface Pattern {
  /** GET #. */
  isItem: boolean
  /** What stands before and behind the item in the key; none: no key is meant. */
  around?: [before: string, behind: string]
  field?: string
}

function patternOf(arg: Arg): Pattern {
  const pattern = text(arg)
  const star = pattern.indexOf('*')
  if (pattern === '#' || star < 0) return { isItem: pattern === '#' }
  const arrow = pattern.indexOf('->', star + 1)
  const hasField = arrow >= 0 && arrow + 2 < pattern.length
  const behind = pattern.slice(star + 1, hasField ? arrow : undefined)
  const around: [string, string] = [pattern.slice(0, star), behind]
  return hasField ? { isItem: false, around, field: pattern.slice(arrow + 2) } : { isItem: false, around }
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
    else if (word === 'BY' && left >= 1) options.by = text(argv[++i]).includes('*') ? patternOf(argv[i]) : null
    else if (word === 'GET' && left >= 1) options.gets.push(patternOf(argv[++i]))
    else throw replyErrors.syntax()
  }
  return options
}

/** What a pattern leads to for an item: a string's or a field's text. Counts as a read of the key. */
function lookupPattern(ctx: Context, pattern: Pattern, item: string): string | undefined {
  if (pattern.isItem) return item
  if (pattern.around === undefined) return undefined
  const value = lookupRead(ctx, pattern.around[0] + item + pattern.around[1])
  if (value === undefined) return undefined
  if (pattern.field !== undefined) return value instanceof Hash ? value.get(pattern.field) : undefined
  if (!isString(value)) return undefined
  return typeof value === 'string' ? value : textOfLatin1(shownBytes(value))
}

function itemsOf(value: Value | undefined): string[] {
  if (value === undefined) return []
  if (value instanceof List || value instanceof MemberSet) return [...value]
  if (value instanceof SortedSet) return Array.from(value, ([member]) => member)
  throw replyErrors.wrongType()
}

interface Weighed {
  item: string
  score: number
  /** What ALPHA compares; none: the key is not there, and the item comes first. */
  word: string | undefined
}

function sorted(ctx: Context, items: readonly string[], { by, isAlpha, isDescending }: Options): string[] {
  const weighed = items.map((item): Weighed => {
    const word = by === null || by === 'itself' ? item : lookupPattern(ctx, by, item)
    return { item, word, score: isAlpha || word === undefined ? 0 : scoreOf(word) }
  })
  weighed.sort(isAlpha ? compareWords : compareScores)
  if (isDescending) descend(weighed, isAlpha ? compareWords : compareScores)
  return weighed.map(({ item }) => item)
}
