// What the program was started with: the command line, the files it names and includes, standard input; in the order in
// which redis-server takes them, and with its words for what is wrong.

import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fatal } from '../config/conf-file.js'
import { COMMAND_LINE, Config, type Directive, parseConfigText, parseFlags } from '../config/config.js'
import { StoreError } from '../errors.js'
import { globMatch } from '../glob.js'

export interface Loaded {
  config: Config
  /** The configuration file, absolute: what CONFIG REWRITE writes. */
  file?: string
}

/**
 * What holds before any file is read, where it is not as in Redis: loopback only, as nobody asked for more, and no save
 * points, as nothing is saved; no wait before a full sync, as a snapshot needs no fork.
 */
const initial = { bind: '127.0.0.1 -::1', save: '', 'repl-diskless-sync-delay': '0' } as const

/** `argv` without the program. Throws a StoreError (CONFIG) whose text is for the terminal as it stands. */
export function loadConfig(argv: readonly string[]): Loaded {
  const flags = parseFlags(argv, readIncluded)
  const file = flags.file === undefined ? undefined : resolve(flags.file)
  const directives: Directive[] = []
  if (flags.file !== undefined)
    directives.push(...parseConfigText(readConfigFile(flags.file), flags.file, readIncluded))
  if (flags.stdin) directives.push(...parseConfigText(readFileSync(0, 'utf8'), 'standard input', readIncluded))
  directives.push(...flags.directives)
  const config = new Config(initial)
  for (const directive of config.load(directives)) throw refused(directive)
  enterDirectory(
    config,
    directives.findLast(({ name }) => name === 'dir'),
  )
  return { config, file }
}

/** Enters the working directory: where the log file and a relative include stand. From here on its name is absolute. */
function enterDirectory(config: Config, directive: Directive | undefined): void {
  try {
    if (directive !== undefined) process.chdir(config.text('dir'))
  } catch (error) {
    throw fatal(systemText(error), whereOf(directive!))
  }
  config.assign('dir', process.cwd())
}

const reasons: Readonly<Record<string, string>> = {
  user: 'Users are not supported by this version: use requirepass',
  'rename-command': 'Renaming commands is not supported by this version',
  loadmodule: 'Modules are not supported',
}

/**
 * Directives that close a door (`user`, `rename-command`) or promise a command (`loadmodule`) cannot be passed over in
 * silence: a node that starts without them is not the one that was asked for.
 */
function refused(directive: Directive): StoreError {
  return fatal(reasons[directive.name] ?? 'Bad directive or wrong number of arguments', whereOf(directive))
}

function whereOf({ name, args, line, source }: Directive): Parameters<typeof fatal>[1] {
  return { line: [name, ...args].join(' '), number: line, source, included: source !== COMMAND_LINE }
}

function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new StoreError('CONFIG', `Fatal error, can't open config file '${path}': ${systemText(error)}`)
  }
}

/** `include path`: relative to the working directory; with wildcards all files that match, or none. */
function readIncluded(pattern: string): string {
  if (!/[*?[]/.test(pattern)) return readConfigFile(pattern)
  return matchingFiles(pattern)
    .map((path) => readConfigFile(path))
    .join('\n')
}

/** As glob(3): wildcards in any part of the path, names in order, a leading dot only for a pattern that has one. */
function matchingFiles(pattern: string): string[] {
  let found = [isAbsolute(pattern) ? '/' : '']
  for (const part of pattern.split('/').filter((word) => word !== '')) {
    found = found.flatMap((path) => (/[*?[]/.test(part) ? matchingNames(path, part) : [join(path, part)]))
  }
  return found.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
}

function matchingNames(folder: string, pattern: string): string[] {
  try {
    return readdirSync(folder === '' ? '.' : folder)
      .filter((name) => (pattern.startsWith('.') || !name.startsWith('.')) && globMatch(pattern, name))
      .sort()
      .map((name) => join(folder, name))
  } catch {
    return [] // no folder, or one that may not be read: nothing matches there
  }
}

const texts: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EISDIR: 'Is a directory',
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
}

/** What the system calls this error; Node has a code only. */
export function systemText(error: unknown): string {
  const code = codeOf(error)
  if (code !== undefined) return texts[code] ?? code
  return error instanceof Error ? error.message : String(error)
}

/** The system's code of an error, or of what caused it. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof StoreError) return codeOf(error.cause)
  return 'code' in error ? String(error.code) : undefined
}

/**
 * CONFIG REWRITE: the new file takes the old one's place whole and on the disk, or not at all. It is written beside it, so
 * that the rename cannot leave the disk. Throws CONFIG.
 */
export function rewriteFile(config: Config, file: string): void {
  const temporary = join(dirname(file), `.${process.pid}.${Date.now()}.conf`)
  try {
    const text = config.rewrite(readOriginal(file))
    try {
      writeWhole(temporary, text)
      renameSync(temporary, file)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
    syncFolder(dirname(file))
  } catch (error) {
    throw new StoreError('CONFIG', systemText(error), { cause: error })
  }
}

function writeWhole(path: string, text: string): void {
  const handle = openSync(path, 'wx', 0o644)
  try {
    writeFileSync(handle, text)
    fchmodSync(handle, 0o644) // whatever the mask of the process is, as Redis does
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** What was renamed in it stays so. */
function syncFolder(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function readOriginal(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return undefined
  }
}
