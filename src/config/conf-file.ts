// The text of a redis.conf and of the command line: read into directives, and written anew for CONFIG REWRITE.
// Reads no file itself, and keeps no value.

import { StoreError } from '../errors.js'
import { findSetting, isSensitive, retired } from './directives.js'
import { BadValue, type RewrittenLine } from './setting.js'
import { quote, splitWords } from './words.js'

/** One line of a file, or one option of the command line. */
export interface Directive {
  /** In lower case: a setting's name or alias, or one of `include`'s kin (see `Config.load`). */
  name: string
  args: string[]
  /** From 1. */
  line: number
  /** Where it stands, as the caller named it. */
  source: string
}

/** How deep files may include files: one that includes itself must not fill the memory. */
const MAX_INCLUDE_DEPTH = 16
/** How often files may be included in all: sixteen that each include the next one ten times must not either. */
const MAX_INCLUDES = 4096

/** Gives the text that `include path` stands for: of all files that match, if the path has wildcards. */
export type ReadInclude = (path: string) => string

/**
 * Reads a redis.conf. `source` is the file's name, for errors and for the result. An unknown directive or a bad value
 * throws a StoreError whose text is laid out as redis-server's; secrets are left out of it.
 */
export function parseConfigText(text: string, source: string, readInclude?: ReadInclude): Directive[] {
  return parseText(text, source, readInclude, 0, { left: MAX_INCLUDES })
}

function parseText(
  text: string,
  source: string,
  readInclude: ReadInclude | undefined,
  depth: number,
  includes: { left: number },
): Directive[] {
  const directives: Directive[] = []
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/^[ \t\r]+|[ \t\r]+$/g, '')
    if (line === '' || line.startsWith('#')) continue
    const where = { line, number: i + 1, source, included: depth > 0 }
    const words = splitWords(line)
    if (words === undefined) throw fatal('Unbalanced quotes in configuration line', where)
    if (words.length === 0) continue
    const [first, ...args] = words
    const directive = { name: first.toLowerCase(), args, line: i + 1, source }
    if (directive.name === 'include' && args.length === 1) {
      if (readInclude === undefined || depth === MAX_INCLUDE_DEPTH || includes.left-- === 0)
        throw fatal(readInclude ? 'Too many nested includes' : 'Nothing can be included here', where)
      // One by one: a file may have more lines than a call may have arguments.
      for (const one of parseText(readInclude(args[0]), args[0], readInclude, depth + 1, includes)) directives.push(one)
      continue
    }
    try {
      directives.push(checked(directive))
    } catch (error) {
      throw error instanceof BadValue ? fatal(error.message, where) : error
    }
  }
  return directives
}

/** The directive with its arguments as its setting takes them, or BadValue. */
function checked(directive: Directive): Directive {
  const { name, args } = directive
  const found = findSetting(name)
  if (found === undefined) {
    checkOther(name, args.length)
    return directive
  }
  const { setting } = found
  if (!setting.multi && args.length !== 1) throw new BadValue('wrong number of arguments')
  let words = args
  if (setting.multi && args.length === 1 && args[0] !== '') {
    // `--save "60 1"`: one argument that holds them all.
    const split = splitWords(args[0])
    if (split === undefined) throw new BadValue('Unbalanced quotes in configuration line')
    words = split
  }
  setting.parse(words, setting.initial)
  return { ...directive, args: words }
}

/** What a file may hold beside settings. */
function checkOther(name: string, count: number): void {
  if (retired.has(name) && count === 1) return
  if (name === 'rename-command' && count === 2) return
  if ((name === 'user' || name === 'loadmodule') && count >= 1) return
  if (name === 'sentinel') throw new BadValue('sentinel directive while not in sentinel mode')
  if (!name.includes('.') || name === '') throw new BadValue('Bad directive or wrong number of arguments')
  if (count === 0) throw new BadValue('Module config specified without value')
}

export interface Flags {
  /** The configuration file, if one is named. Read it before the rest. */
  file?: string
  /** More configuration comes from standard input (`-`): it is read after the file. */
  stdin: boolean
  /** What the options say. They come last, and win. */
  directives: Directive[]
}

/**
 * The command line behind the program's name, as redis-server takes it: `[file] [-] [--directive value ...]`. `-v`, `-h` and
 * their long forms are the caller's. Errors are those of parseConfigText.
 */
export function parseFlags(argv: readonly string[], readInclude?: ReadInclude): Flags {
  const file = argv.length > 0 && !argv[0].startsWith('-') ? argv[0] : undefined
  const first = file === undefined ? 0 : 1
  const lines: string[] = []
  let stdin = false
  // After an option's name the next word is its value, even if it begins with dashes.
  let wantsValue = false
  for (let i = first; i < argv.length; i++) {
    const word = argv[i]
    const last = i === argv.length - 1
    if (word === '-' && (i === 0 || last)) {
      stdin = true
    } else if (!wantsValue && word.startsWith('--')) {
      lines.push(`${word.slice(2)} `)
      wantsValue = splitWords(word)?.length === 1
      // `--save` with nothing behind it is `--save ""`.
      if (wantsValue && word.toLowerCase() === '--save' && (last || argv[i + 1].startsWith('--'))) {
        lines[lines.length - 1] += '""'
        wantsValue = false
      }
    } else {
      lines[Math.max(0, lines.length - 1)] = `${lines.at(-1) ?? ''}${quote(word)} `
      wantsValue = false
    }
  }
  return { file, stdin, directives: parseText(lines.join('\n'), COMMAND_LINE, readInclude, 0, { left: MAX_INCLUDES }) }
}

/** The `source` of what parseFlags gives. */
export const COMMAND_LINE = 'command line'

interface Where {
  line: string
  number: number
  source: string
  included: boolean
}

export function fatal(reason: string, where?: Where): StoreError {
  const lines = ['*** FATAL CONFIG FILE ERROR (hotspare) ***']
  if (where !== undefined) {
    const { number, source, included } = where
    if (source === COMMAND_LINE) lines.push('Reading the command line')
    else lines.push(`Reading the configuration file, at line ${number}${included ? ` of ${source}` : ''}`)
    lines.push(`>>> '${withoutSecrets(where.line)}'`)
  }
  return new StoreError('CONFIG', [...lines, reason].join('\n'))
}

/** Names that may be a slip of the pen for a directive with a secret. */
const likeASecret = /^(?:req|mas|prim|tls-|user)|pass|auth|user|secret|token|key/i

function withoutSecrets(line: string): string {
  const name = /^["']?[^\s"']*["']?/.exec(line)![0]
  const bare = name.replaceAll(/["']/g, '')
  const known = findSetting(bare)
  // Sentinel's directives are many words long: `sentinel auth-pass name secret`.
  const asked = bare.toLowerCase() === 'sentinel' ? line : bare
  const hide = known === undefined ? likeASecret.test(asked) : isSensitive(bare)
  return hide && name.length < line.length ? `${name} (redacted)` : line
}

/** The line that Redis, and so we, write before the first line that CONFIG REWRITE adds. */
const SIGNATURE = '# Generated by CONFIG REWRITE'

/** Directives that only a file knows: their lines are kept. */
const fileOnly = ['include', 'rename-command', 'user', 'loadmodule', 'sentinel']

/** A configuration file whose lines are being replaced. */
export class RewrittenFile {
  readonly #lines: string[] = []
  /** For each directive, the indexes of its lines that have not been replaced yet. */
  readonly #linesOf = new Map<string, number[]>()
  #signed: boolean

  constructor(original: string) {
    if (original !== '') for (const raw of original.split('\n')) this.#read(raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, ''))
    this.#signed = this.#lines.includes(SIGNATURE)
  }

  #read(line: string): void {
    if (line === '' || line.startsWith('#')) {
      this.#lines.push(line)
      return
    }
    const word = splitWords(line)?.[0].toLowerCase()
    const name = word !== undefined && fileOnly.includes(word) ? word : word && findSetting(word)?.name
    // A line that means nothing must not stop the next start: Redis makes it a comment, in these words.
    if (!name) {
      this.#lines.push(`# ??? ${line}`)
      return
    }
    const indexes = this.#linesOf.get(name) ?? []
    this.#linesOf.set(name, indexes)
    indexes.push(this.#lines.push(line) - 1)
  }

  /** Puts `replacements` in the place of the directive's lines; what does not fit goes to the end if it must be there. */
  replace(name: string, replacements: readonly RewrittenLine[]): void {
    const indexes = this.#linesOf.get(name) ?? []
    for (const { line, force } of replacements) {
      const index = indexes.shift()
      if (index !== undefined) {
        this.#lines[index] = line
      } else if (force) {
        if (!this.#signed) this.#lines.push(SIGNATURE)
        this.#signed = true
        this.#lines.push(line)
      }
    }
    for (const index of indexes.splice(0)) this.#lines[index] = ''
  }

  /** Runs of empty lines become one. */
  toString(): string {
    const kept = this.#lines.filter((line, i) => line !== '' || i === 0 || this.#lines[i - 1] !== '')
    return kept.map((line) => `${line}\n`).join('')
  }
}
