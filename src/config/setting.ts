// The kinds of settings: how each checks a new value, shows it, and writes it into a file. Limits, oddities and the texts of
// refusals are those of Redis 7.0.15. Knows no directive by name, and no current value.

import { quote } from './words.js'

/** Why a value is refused, in Redis' words. Never holds the value itself, which may be a secret. */
export class BadValue extends Error {}

export interface RewrittenLine {
  line: string
  /** The line is written even where the file had none for it: the value is not the default. */
  force: boolean
}

interface Marks {
  /** Redis' second name for it. */
  alias?: string
  /** Names that later versions gave it: like `hidden`, not for patterns. */
  also?: readonly string[]
  /** It means something here. The others are only kept for CONFIG GET. */
  live?: true
  /** CONFIG SET refuses it. */
  immutable?: true
  /** CONFIG SET refuses it unless `enable-protected-configs` allows it. */
  protected?: true
  /** Patterns do not find it. */
  hidden?: true
  /** Its value must not reach a log, an error, MONITOR or SLOWLOG. */
  sensitive?: true
  /** CONFIG SET answers LOADING while data is loaded. */
  notWhileLoading?: true
  /** Listeners are told even when the value stays the same: it names a file whose content may have changed. */
  volatile?: true
}

/** How the value is read: `Config.flag`, `.number`, `.text` or `.list`. */
export type Form = 'flag' | 'number' | 'text' | 'list'

export interface Setting<F extends Form = Form> extends Marks {
  readonly form: F
  /** A server that was started without a file answers this. */
  readonly initial: string
  /** Takes several arguments. */
  readonly multi: boolean
  /** The value to be kept, or BadValue. `was` is the value before. */
  parse(args: readonly string[], was: string): string
  /** What CONFIG GET shows of the value, where that is not all of it. */
  shown?(value: string): string
  /** The lines of a file that give this value. None: no line may stand there. */
  lines(name: string, value: string): RewrittenLine[]
}

export const INT_MIN = -(2n ** 31n)
export const INT_MAX = 2n ** 31n - 1n
export const UINT_MAX = 2n ** 32n - 1n
export const LONG_MAX = 2n ** 63n - 1n
export const ULONG_MAX = 2n ** 64n - 1n
export const KB = 1024n
export const MB = 1024n * KB
export const GB = 1024n * MB

const MAX_BIND_ADDRESSES = 16
const MAX_HOSTNAME = 256

type Check = (value: string) => void

/** `name value`, which needs no quotes. */
function plainLine(this: Setting, name: string, value: string): RewrittenLine[] {
  return [{ line: `${name} ${value}`, force: value !== this.initial }]
}

export function flag(initial: boolean, marks: Marks = {}): Setting<'flag'> {
  const parse = ([word]: readonly string[]): string => {
    const value = word.toLowerCase()
    if (value !== 'yes' && value !== 'no') throw new BadValue("argument must be 'yes' or 'no'")
    return value
  }
  return { form: 'flag', initial: initial ? 'yes' : 'no', multi: false, parse, lines: plainLine, ...marks }
}

function checkBetween(value: bigint, min: bigint, max: bigint, radix = 10): void {
  if (value >= min && value <= max) return
  throw new BadValue(`argument must be between ${min.toString(radix)} and ${max.toString(radix)} inclusive`)
}

export function integer(
  initial: number,
  min: number | bigint,
  max: number | bigint,
  { clamp = (value) => value, ...marks }: Marks & { clamp?: (value: bigint) => bigint } = {},
): Setting<'number'> {
  const parse = ([word]: readonly string[]): string => {
    const value = strictInteger(word)
    if (value === undefined) throw new BadValue("argument couldn't be parsed into an integer")
    checkBetween(value, BigInt(min), BigInt(max))
    return String(clamp(value))
  }
  return { form: 'number', initial: String(initial), multi: false, parse, lines: plainLine, ...marks }
}

/** A whole number as Redis' string2ll takes it: 64 bits, no sign but minus, no leading zeros. */
function strictInteger(word: string): bigint | undefined {
  if (!/^(?:0|-?[1-9]\d*)$/.test(word)) return undefined
  const value = BigInt(word)
  return value === BigInt.asIntN(64, value) ? value : undefined
}

/** Octal, as a file mode. As strtoll takes it: with blanks and a sign before it; nothing at all is 0. */
export function octal(initial: number, max: number, marks: Marks = {}): Setting<'number'> {
  const parse = ([word]: readonly string[]): string => {
    const match = /^(?:\s*([+-]?)([0-7]{1,21}))?$/.exec(word)
    if (match === null) throw new BadValue("argument couldn't be parsed as an octal number")
    const size = BigInt(`0o${match[2] ?? '0'}`)
    const value = BigInt.asUintN(64, match[1] === '-' ? -size : size)
    checkBetween(value, 0n, BigInt(max), 8)
    return value.toString(8)
  }
  return { form: 'number', initial: initial.toString(8), multi: false, parse, lines: plainLine, ...marks }
}

const units: Record<string, bigint> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: KB,
  m: 1_000_000n,
  mb: MB,
  g: 1_000_000_000n,
  gb: GB,
}

/** Bytes, as Redis' memtoull takes them: saturating digits, then a product that wraps at 64 bits; no digits are 0. */
function memoryOf(word: string): bigint | undefined {
  const match = /^(\d{0,127})(b|kb?|mb?|gb?|)$/i.exec(word)
  if (match === null) return undefined
  const digits = BigInt(match[1] || '0')
  return BigInt.asUintN(64, (digits > ULONG_MAX ? ULONG_MAX : digits) * units[match[2].toLowerCase()])
}

function memoryText(bytes: bigint): string {
  if (bytes === 0n) return '0'
  if (bytes % GB === 0n) return `${bytes / GB}gb`
  if (bytes % MB === 0n) return `${bytes / MB}mb`
  if (bytes % KB === 0n) return `${bytes / KB}kb`
  return String(bytes)
}

export function memory(
  initial: bigint,
  min: bigint,
  max: bigint,
  { clamp = (value) => value, ...marks }: Marks & { clamp?: (value: bigint) => bigint } = {},
): Setting<'number'> {
  const parse = ([word]: readonly string[]): string => {
    const bytes = memoryOf(word)
    if (bytes === undefined) throw new BadValue('argument must be a memory value')
    const value = max === ULONG_MAX ? bytes : BigInt.asIntN(64, bytes)
    checkBetween(value, min, max)
    return String(clamp(value))
  }
  const lines = (name: string, value: string): RewrittenLine[] => [
    { line: `${name} ${memoryText(BigInt(value))}`, force: value !== String(initial) },
  ]
  return { form: 'number', initial: String(initial), multi: false, parse, lines, ...marks }
}

/** Bytes, or a part of maxmemory: `5%`. */
export function memoryOrPercent(marks: Marks = {}): Setting<'text'> {
  const parse = ([word]: readonly string[]): string => {
    const bytes = memoryOf(word)
    if (bytes !== undefined) {
      checkBetween(bytes, 0n, LONG_MAX)
      return String(bytes)
    }
    const percent = word.endsWith('%') ? strictInteger(word.slice(0, -1)) : undefined
    if (percent === undefined || percent < 0n) throw new BadValue('argument must be a memory or percent value')
    if (percent > 100n) throw new BadValue('percentage argument must be less or equal to 100')
    return percent === 0n ? '0' : `${percent}%`
  }
  const lines = (name: string, value: string): RewrittenLine[] => [
    { line: `${name} ${value.endsWith('%') ? value : memoryText(BigInt(value))}`, force: value !== '0' },
  ]
  return { form: 'text', initial: '0', multi: false, parse, lines, ...marks }
}

function notOneOf(names: readonly string[]): BadValue {
  return new BadValue(`argument(s) must be one of the following: ${names.join(', ')}`)
}

/** One of `names`. `synonyms` are shown as what they mean. */
export function choice(
  initial: string,
  names: readonly string[],
  { synonyms = {}, ...marks }: Marks & { synonyms?: Record<string, string> } = {},
): Setting<'text'> {
  const parse = ([word]: readonly string[]): string => {
    const value = names.find((name) => name.toLowerCase() === word.toLowerCase())
    if (value === undefined) throw notOneOf(names)
    return synonyms[value] ?? value
  }
  return { form: 'text', initial, multi: false, parse, lines: plainLine, ...marks }
}

/** What a signal does: `default`, or some of the others. */
export function signalActions(): Setting<'list'> {
  const names = ['default', 'save', 'nosave', 'now', 'force']
  const parse = (words: readonly string[]): string => {
    const given = words.map((word) => word.toLowerCase())
    if (given.length === 0 || !given.every((word) => names.includes(word))) throw notOneOf(names)
    if (given.includes('save') && given.includes('nosave'))
      throw new BadValue("shutdown options SAVE and NOSAVE can't be used simultaneously")
    return names.filter((name) => name !== 'default' && given.includes(name)).join(' ') || 'default'
  }
  return { form: 'list', initial: 'default', multi: true, parse, lines: plainLine, live: true }
}

/** Free text. Without a default the empty value means "not set", and no line stands for it in a file. */
export function text(
  initial?: string,
  { check = () => {}, ...marks }: Marks & { check?: Check } = {},
): Setting<'text'> {
  const parse = ([word]: readonly string[]): string => {
    check(word)
    return word
  }
  const lines = (name: string, value: string): RewrittenLine[] => {
    if (value === '' && initial === undefined) return []
    return [{ line: `${name} ${quote(value)}`, force: value !== initial }]
  }
  return { form: 'text', initial: initial ?? '', multi: false, parse, lines, ...marks }
}

export function baseName(name: string, what: string, mayBeEmpty = false): Check {
  return (value) => {
    if (value === '' && !mayBeEmpty) throw new BadValue(`${name} can't be empty`)
    if (/[/\\]/.test(value)) throw new BadValue(`${name} can't be a path, just a ${what}`)
  }
}

export function hostname(value: string): void {
  if (value.length >= MAX_HOSTNAME) throw new BadValue(`Hostnames must be less than ${MAX_HOSTNAME} characters`)
  if (/[^A-Za-z0-9.-]/.test(value))
    throw new BadValue('Hostnames may only contain alphanumeric characters, hyphens or dots')
}

export function processTitle(value: string): void {
  const known = ['listen-addr', 'server-mode', 'port', 'tls-port', 'unixsocket', 'config-file']
  // Redis tries it with an empty title, and then something must be left.
  const rest = value
    .replaceAll('{title}', '')
    .replace(/\{([^{}]*)\}/g, (whole, name) => (known.includes(name) ? 'x' : whole))
  if (rest.trim() === '' || rest.includes('{'))
    throw new BadValue('template format is invalid or contains unknown variables')
}

/** As strtoll followed by a look at what is left: blanks and a sign may stand before it; nothing at all is 0. */
function looseInteger(word: string): bigint | undefined {
  if (word === '') return 0n
  return /^\s*[+-]?\d+$/.test(word) ? BigInt(word.trim().replace(/^\+/, '')) : undefined
}

/** Save points: pairs of seconds and changes. */
export function savePoints(): Setting<'list'> {
  const initial = '3600 1 300 100 60 10000'
  const parse = (words: readonly string[]): string => {
    if (words.length === 1 && words[0] === '') return ''
    const numbers = words.map(looseInteger)
    const good = numbers.every((value, i) => value !== undefined && value >= (i % 2 === 0 ? 1n : 0n))
    if (!good || numbers.length % 2 === 1) throw new BadValue('Invalid save parameters')
    return numbers.join(' ')
  }
  // Always forced: a file without the line would mean the defaults, and those may change.
  const lines = (name: string, value: string): RewrittenLine[] => {
    if (value === '') return [{ line: `${name} ""`, force: true }]
    return inGroups(value.split(' '), 2).map((pair) => ({ line: `${name} ${pair.join(' ')}`, force: true }))
  }
  return { form: 'list', initial, multi: true, parse, lines, live: true }
}

function inGroups(words: readonly string[], size: number): string[][] {
  return Array.from({ length: words.length / size }, (_, i) => words.slice(i * size, (i + 1) * size))
}

/** The classes of clients that have an output limit, as CONFIG GET names and orders them. */
const clientClasses = ['normal', 'slave', 'pubsub'] as const

/** `<class> <hard limit> <soft limit> <soft seconds>`, for one class or more; the others keep what they have. */
export function outputLimits(): Setting<'list'> {
  const initial = `normal 0 0 0 slave ${256n * MB} ${64n * MB} 60 pubsub ${32n * MB} ${8n * MB} 60`
  const parse = (words: readonly string[], was: string): string => {
    if (words.length % 4 !== 0) throw new BadValue('Wrong number of arguments in buffer limit configuration.')
    const limits = new Map(inGroups(was.split(' '), 4).map((group) => [group[0], group.join(' ')]))
    for (const [word, hardWord, softWord, secondsWord] of inGroups(words, 4)) {
      const name = word.toLowerCase() === 'replica' ? 'slave' : word.toLowerCase()
      if (!limits.has(name)) throw new BadValue('Invalid client class specified in buffer limit configuration.')
      const hard = memoryOf(hardWord)
      const soft = memoryOf(softWord)
      const seconds = looseInteger(secondsWord)
      if (hard === undefined || soft === undefined || seconds === undefined || seconds < 0n)
        throw new BadValue('Error in hard, soft or soft_seconds setting in buffer limit configuration.')
      limits.set(name, `${name} ${hard} ${soft} ${seconds}`)
    }
    return [...limits.values()].join(' ')
  }
  const lines = (name: string, value: string): RewrittenLine[] => {
    const defaults = inGroups(initial.split(' '), 4)
    return inGroups(value.split(' '), 4).map((group, i) => {
      const [, hard, soft, seconds] = group
      const shown = clientClasses[i] === 'slave' ? 'replica' : clientClasses[i]
      const line = `${name} ${shown} ${memoryText(BigInt(hard))} ${memoryText(BigInt(soft))} ${seconds}`
      return { line, force: group.join(' ') !== defaults[i].join(' ') }
    })
  }
  return { form: 'list', initial, multi: true, parse, lines, live: true }
}

export function oomScores(): Setting<'list'> {
  const parse = (words: readonly string[]): string => {
    if (words.length !== 3) throw new BadValue('wrong number of arguments')
    const scores = words.map(looseInteger)
    if (!scores.every((score) => score !== undefined && score >= -2000n && score <= 2000n))
      throw new BadValue('Invalid oom-score-adj-values, elements must be between -2000 and 2000.')
    return scores.join(' ')
  }
  return { form: 'list', initial: '0 200 800', multi: true, parse, lines: plainLine }
}

/** The classes that `A` stands for, and the others, in the order in which CONFIG GET shows them. */
const EVENT_CLASSES = 'g$lshzxetd'
const OTHER_EVENT_FLAGS = 'nKEm'

export function keyspaceEvents(): Setting<'text'> {
  const parse = ([word]: readonly string[]): string => {
    const known = `A${EVENT_CLASSES}${OTHER_EVENT_FLAGS}`
    if ([...word].some((flag) => !known.includes(flag)))
      throw new BadValue("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
    const has = (flag: string): boolean => word.includes(flag)
    const all = has('A') || [...EVENT_CLASSES].every(has)
    const classes = all ? ['A', 'n'] : [...EVENT_CLASSES, 'n']
    return [...classes, ...'KEm'].filter((flag) => flag === 'A' || has(flag)).join('')
  }
  // Redis 7.0 forgets to show `n` beside `A`, but keeps it.
  const shown = (value: string): string => value.replace('An', 'A')
  const lines = (name: string, value: string): RewrittenLine[] => [
    { line: `${name} ${quote(shown(value))}`, force: value !== '' },
  ]
  return { form: 'text', initial: '', multi: false, parse, shown, lines, live: true }
}

export function addresses(): Setting<'list'> {
  const initial = '* -::*'
  const parse = (words: readonly string[]): string => {
    if (words.length > MAX_BIND_ADDRESSES) throw new BadValue('Too many bind addresses specified.')
    return words.join(' ')
  }
  const lines = (name: string, value: string): RewrittenLine[] =>
    value === initial ? [] : [{ line: `${name} ${value === '' ? '""' : value}`, force: true }]
  return { form: 'list', initial, multi: true, parse, lines, live: true }
}

/** `<host> <port>`, or `no one`, which is shown as nothing. */
export function primaryAddress(marks: Marks): Setting<'list'> {
  const parse = (words: readonly string[]): string => {
    if (words.length !== 2) throw new BadValue('wrong number of arguments')
    const [host, portWord] = words
    if (host.toLowerCase() === 'no' && portWord.toLowerCase() === 'one') return ''
    const port = looseInteger(portWord)
    if (port === undefined || port < 0n || port > 65535n) throw new BadValue('Invalid master port')
    return `${host} ${port}`
  }
  const lines = (name: string, value: string): RewrittenLine[] =>
    value === '' ? [] : [{ line: `${name} ${value}`, force: true }]
  return { form: 'list', initial: '', multi: true, parse, lines, ...marks }
}

export function percentiles(): Setting<'list'> {
  const parse = (words: readonly string[]): string => {
    if (words.length === 1 && words[0] === '') return ''
    const shown = words.map((word) => {
      const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(word) ? Number(word) : Number.NaN
      if (Number.isNaN(value)) throw new BadValue('Invalid latency-tracking-info-percentiles parameters')
      if (value < 0 || value > 100)
        throw new BadValue('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]')
      return value.toFixed(6).replace(/\.?0+$/, '')
    })
    return shown.join(' ')
  }
  const lines = (name: string, value: string): RewrittenLine[] => [
    { line: `${name} ${value === '' ? '""' : value}`, force: true },
  ]
  return { form: 'list', initial: '50 99 99.9', multi: true, parse, lines, live: true }
}

/** Always written: a file must not come to mean another directory when the program is started from elsewhere. */
export function directory(): Setting<'text'> {
  const parse = ([word]: readonly string[]): string => word
  const lines = (name: string, value: string): RewrittenLine[] =>
    value === '' ? [] : [{ line: `${name} ${quote(value)}`, force: true }]
  const marks: Marks = { live: true, protected: true, notWhileLoading: true }
  return { form: 'text', initial: '', multi: false, parse, lines, ...marks }
}
