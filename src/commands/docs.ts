// The argument tree that COMMAND DOCS gives, from a command's syntax in one line:
//
//   SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]
//
//   word            an argument; its type follows from its name (typesByName), or stands behind it: `start:string`
//   pattern@1       the keys that it leads to are found by the key specification of that number
//   WORD = ~ * $ "" a token: itself an argument, or the mark of the argument (or <group>) right behind it
//   [ ]             may be left out                     < >  must be given
//   a | b           one of them, between brackets       a b  in brackets: both, a block
//   x [x ...]       once or more, also for several: `key value [key value ...]`; short `x ...` and `[x ...]`
//   GET x [GET x ...]   the token comes each time
//
// Knows no command; what it is given is our own text, so a mistake in it is a broken invariant.

import { assert } from '../errors.js'

export interface DocArgument {
  name: string
  type: string
  token?: string
  /** Which of the command's key specifications finds it; keys only. */
  keySpecIndex?: number
  /** `optional`, `multiple`, `multiple_token`. */
  flags: string[]
  /** The parts of a block, the choices of a oneof. */
  arguments?: DocArgument[]
  /** What a hint shows for it (Redis 7.2); neither blocks nor oneofs have one. */
  displayText?: string
}

const types = ['string', 'integer', 'double', 'key', 'pattern', 'unix-time'] as const
type LeafType = (typeof types)[number]

/** What is not here is a string: redis-cli stops its hints at a word that is not of the type, so strings do no harm. */
const typesByName: Record<Exclude<LeafType, 'string'>, readonly string[]> = {
  key: ['key', 'newkey', 'destination', 'destkey', 'source', 'sourcekey', 'src', 'dst'],
  integer: [
    'count',
    'cursor',
    'db',
    'decrement',
    'destination-db',
    'frequency',
    'increment',
    'index',
    'limit',
    'milliseconds',
    'numfields',
    'numkeys',
    'numreplicas',
    'offset',
    'port',
    'protover',
    'rank',
    'seconds',
    'slot',
    'weight',
  ],
  double: ['height', 'latitude', 'longitude', 'radius', 'score', 'timeout', 'width'],
  pattern: ['pattern'],
  'unix-time': ['unix-time-milliseconds', 'unix-time-seconds'],
}

const typeOf = new Map<string, LeafType>()
for (const type of types) if (type !== 'string') for (const name of typesByName[type]) typeOf.set(name, type)

/** Names for tokens that are no words. */
const symbolNames: Record<string, string> = {
  '=': 'equal',
  '~': 'approximately',
  '*': 'auto_id',
  $: 'new_id',
  '+': 'last',
  '-': 'first',
  '""': 'empty_string',
}

/** Names that Redis gives to some choices, by what they offer; the others are called after their members. */
const choiceNames: Record<string, string> = {
  'gt lt': 'comparison',
  'nx xx': 'condition',
  'nx xx gt lt': 'condition',
  'asc desc': 'order',
  'left right': 'where',
  'm km ft mi': 'unit',
  'equal approximately': 'operator',
  'maxlen minid': 'strategy',
  'sum min max': 'aggregate',
  'write all': 'mode',
  'key empty_string': 'key_or_empty_string',
  'password username_password': 'authentication',
}

/** Commands whose second word belongs to their name. */
const containers: ReadonlySet<string> = new Set([
  'ACL',
  'CLIENT',
  'CLUSTER',
  'COMMAND',
  'COMMANDLOG',
  'CONFIG',
  'FUNCTION',
  'LATENCY',
  'MEMORY',
  'MODULE',
  'OBJECT',
  'PUBSUB',
  'SCRIPT',
  'SENTINEL',
  'SLOWLOG',
  'XGROUP',
  'XINFO',
])

/** The arguments of a command, given its whole syntax from the name on. */
export function parseSyntax(syntax: string): DocArgument[] {
  const words = syntax.match(/\.\.\.|"[^"]*"|[[\]<>|]|[^\s[\]<>|]+/g) ?? []
  const nameLength = containers.has(words[0] ?? '') ? 2 : 1
  const parser = new Parser(syntax, words.slice(nameLength))
  return parser.all()
}

/** An argument, and the words it was made of: with them `[x ...]` is recognised as the repetition of x. */
interface Item {
  argument: DocArgument
  words: string
  /** The words without the leading token. */
  wordsBehindToken: string
}

interface Sequence {
  items: Item[]
  /** It ends in `...`. */
  repeated: boolean
}

class Parser {
  readonly #syntax: string
  readonly #words: readonly string[]
  #at = 0
  #keys = 0

  constructor(syntax: string, words: readonly string[]) {
    this.#syntax = syntax
    this.#words = words
  }

  all(): DocArgument[] {
    const { items, repeated } = this.#sequence()
    assert(this.#at === this.#words.length, `'${this.#word}' stands alone in: ${this.#syntax}`)
    if (repeated) repeat(items.at(-1)!.argument)
    return items.map((item) => item.argument)
  }

  get #word(): string | undefined {
    return this.#words[this.#at]
  }

  /** Items up to a `|`, a closing bracket or the end. */
  #sequence(): Sequence {
    const items: Item[] = []
    let repeated = false
    for (let word = this.#word; word !== undefined && !/^[\]>|]$/.test(word); word = this.#word) {
      // Dots in the middle belong to the item before them, at the end it depends on who asks.
      if (repeated) repeat(items.at(-1)!.argument)
      repeated = word === '...'
      if (repeated) {
        assert(items.length > 0, `nothing to repeat in: ${this.#syntax}`)
        this.#at++
      } else if (word === '[') {
        this.#optional(items)
      } else {
        items.push(this.#item())
      }
    }
    return { items, repeated }
  }

  /** What stands between brackets; the closing one is consumed. */
  #choices(close: string): Sequence[] {
    this.#at++
    const choices = [this.#sequence()]
    while (this.#word === '|') {
      this.#at++
      choices.push(this.#sequence())
    }
    assert(this.#word === close && choices.every((one) => one.items.length > 0), `brackets in: ${this.#syntax}`)
    this.#at++
    return choices
  }

  /** `[...]`: an optional item, or word that the items before it may be repeated. */
  #optional(items: Item[]): void {
    const start = this.#at
    const keysBefore = this.#keys
    const choices = this.#choices(']')
    const [first] = choices
    if (choices.length === 1 && first.repeated && repeatsTail(items, first.items)) {
      this.#keys = keysBefore
      return
    }
    const argument = groupOf(choices)
    if (choices.length === 1 && first.repeated) repeat(argument)
    flag(argument, 'optional')
    items.push(this.#made(argument, start))
  }

  /** A word, a token with or without something behind it, or `<...>`. */
  #item(): Item {
    const start = this.#at
    const word = this.#word!
    if (word === '<') {
      const choices = this.#choices('>')
      const argument = groupOf(choices)
      if (choices.length === 1 && choices[0].repeated) repeat(argument)
      return this.#made(argument, start)
    }
    this.#at++
    if (!isToken(word)) return this.#made(this.#leaf(word), start)
    const token = word === '""' ? '' : word
    const next = this.#word
    if (next !== undefined && (next === '<' || !/^(?:[[\]>|]|\.\.\.)$/.test(next)) && !isToken(next)) {
      const { argument, words } = this.#item()
      return { argument: marked(argument, token), words: `${word} ${words}`, wordsBehindToken: words }
    }
    const name = symbolNames[word] ?? word.toLowerCase()
    return this.#made({ name, type: 'pure-token', token, flags: [], displayText: name }, start)
  }

  #leaf(full: string): DocArgument {
    const [word, keySpec] = full.split('@', 2)
    const colon = word.lastIndexOf(':')
    const given = types.find((type) => type === word.slice(colon + 1))
    const name = given !== undefined && colon > 0 ? word.slice(0, colon) : word
    const type = given ?? typeOf.get(name) ?? typeOf.get(name.replace(/\d$/, '')) ?? 'string'
    const argument: DocArgument = { name, type, flags: [], displayText: name }
    // `key1 key2` are of one specification, `source destination` of two.
    if (keySpec !== undefined) {
      argument.keySpecIndex = Number(keySpec)
      this.#keys = Math.max(this.#keys, argument.keySpecIndex + 1)
    } else if (type === 'key') argument.keySpecIndex = /[2-9]$/.test(name) ? this.#keys - 1 : this.#keys++
    return argument
  }

  #made(argument: DocArgument, start: number): Item {
    const words = this.#words.slice(start, this.#at).join(' ')
    return { argument, words, wordsBehindToken: words }
  }
}

function isToken(word: string): boolean {
  return word in symbolNames || /^[A-Z][A-Z0-9_.-]*$/.test(word)
}

function flag(argument: DocArgument, name: 'optional' | 'multiple' | 'multiple_token'): void {
  const order = ['optional', 'multiple', 'multiple_token']
  argument.flags = order.filter((one) => one === name || argument.flags.includes(one))
}

/** `argument` behind `token`. What has a token of its own, or may be left out while the token stays, goes into a block. */
function marked(argument: DocArgument, token: string): DocArgument {
  if (argument.token === undefined && !argument.flags.includes('optional')) return { ...argument, token }
  return { name: argument.name, type: 'block', token, flags: [], arguments: [argument] }
}

function repeat(argument: DocArgument): void {
  flag(argument, 'multiple')
}

/** Whether `repeated` says the last of `items` once more. Then these become one repeated argument. */
function repeatsTail(items: Item[], repeated: readonly Item[]): boolean {
  const tail = items.slice(-repeated.length)
  if (tail.length < repeated.length) return false
  if (!tail.slice(1).every((item, i) => item.words === repeated[i + 1].words)) return false
  const withToken = tail[0].words === repeated[0].words
  if (!withToken && tail[0].wordsBehindToken !== repeated[0].words) return false
  const argument = blockOf(tail)
  repeat(argument)
  if (withToken && argument.token !== undefined && argument.type !== 'pure-token') flag(argument, 'multiple_token')
  const words = tail.map((item) => item.words).join(' ')
  items.splice(-repeated.length, repeated.length, { argument, words, wordsBehindToken: words })
  return true
}

function groupOf(choices: readonly Sequence[]): DocArgument {
  if (choices.length === 1) return blockOf(choices[0].items)
  const parts = choices.map(({ items, repeated }) => {
    const part = blockOf(items)
    if (repeated) repeat(part)
    return part
  })
  return { name: choiceName(parts), type: 'oneof', flags: [], arguments: parts }
}

function choiceName(parts: readonly DocArgument[]): string {
  if (parts.some((part) => part.token === 'EX')) return 'expiration'
  const names = parts.map((part) => part.name)
  return choiceNames[names.join(' ')] ?? names.join('_')
}

/** One item as it is, several as a block. A token before two or more that must be given is the block's. */
function blockOf(items: readonly Item[]): DocArgument {
  const parts = items.map((item) => item.argument)
  const [first] = parts
  if (parts.length === 1) return first
  const block: DocArgument = { name: '', type: 'block', flags: [], arguments: parts }
  const required = parts.filter((part) => !part.flags.includes('optional'))
  block.name = required.map((part) => part.name).join('_') || first.name
  const owned = first.flags.includes('optional') || first.flags.includes('multiple_token')
  if (first.token !== undefined && first.type !== 'pure-token' && required.length > 1 && !owned) {
    block.token = first.token
    delete first.token
  }
  return block
}
