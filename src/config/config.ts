// What a node is told to be: the values of all directives, and what CONFIG GET, SET and REWRITE do with them. The table is
// directives.ts; how files and the command line say it is conf-file.ts.
// Reads and writes no file, opens no port: the caller hands in text, and whoever a change concerns listens for it.

import { ReplyError, replyErrors, StoreError } from '../errors.js'
import { globMatch } from '../glob.js'
import { type Directive, fatal, RewrittenFile } from './conf-file.js'
import {
  allNames,
  type FlagName,
  findSetting,
  type ListName,
  type NumberName,
  retired,
  type SettingName,
  settings,
} from './directives.js'
import { BadValue } from './setting.js'

export { COMMAND_LINE, type Directive, type Flags, parseConfigText, parseFlags, type ReadInclude } from './conf-file.js'
export { type FlagName, isSensitive, type ListName, type NumberName, type SettingName } from './directives.js'

/** Told after a change. May throw a StoreError or a ReplyError to refuse it: then everything is put back. */
export type ConfigListener = (value: string, name: SettingName) => void

export interface OutputLimit {
  hardBytes: number
  softBytes: number
  softSeconds: number
}

export interface SavePoint {
  seconds: number
  changes: number
}

interface Change {
  name: SettingName
  /** The name that was used: its own, or an alias. */
  as: string
  /** As it was given. */
  value: string
  was: string
}

export class Config {
  readonly #texts = new Map<SettingName, string>()
  /** What `number` gives: a text parsed once. Beyond 2^53 it is the nearest number; `text` stays exact. */
  readonly #numbers = new Map<SettingName, number>()
  readonly #listeners = new Map<SettingName, Set<ConfigListener>>()
  /** Names that a file or the command line set. */
  readonly #loaded = new Set<SettingName>()

  /** `initial` says what holds before any file is read; CONFIG REWRITE still goes by Redis' defaults. */
  constructor(initial: Partial<Record<SettingName, string>> = {}) {
    for (const name of Object.keys(settings) as SettingName[]) this.#put(name, settings[name].initial)
    for (const [name, value] of Object.entries(initial)) this.assign(name as SettingName, value)
  }

  flag(name: FlagName): boolean {
    return this.#texts.get(name) === 'yes'
  }

  /** Bytes, seconds, a count: as the directive has it. */
  number(name: NumberName): number {
    return this.#numbers.get(name)!
  }

  /** Any directive's value as CONFIG GET shows it. */
  text(name: SettingName): string {
    return this.#texts.get(name)!
  }

  list(name: ListName): string[] {
    const value = this.text(name)
    return value === '' ? [] : value.split(' ')
  }

  savePoints(): SavePoint[] {
    const numbers = this.list('save').map(Number)
    return numbers.flatMap((seconds, i) => (i % 2 === 0 ? [{ seconds, changes: numbers[i + 1] }] : []))
  }

  outputLimit(client: 'normal' | 'replica' | 'pubsub'): OutputLimit {
    const words = this.list('client-output-buffer-limit')
    const at = words.indexOf(client === 'replica' ? 'slave' : client)
    const [hardBytes, softBytes, softSeconds] = words.slice(at + 1, at + 4).map(Number)
    return { hardBytes, softBytes, softSeconds }
  }

  /** Whom `replicaof` names. */
  primary(): { host: string; port: number } | undefined {
    const [host, port] = this.list('replicaof')
    return host === undefined ? undefined : { host, port: Number(port) }
  }

  /** Whether `enable-debug-command` and its kin allow a client what they guard; `local` says that it is on this machine. */
  allows(name: 'enable-debug-command' | 'enable-protected-configs', local: boolean): boolean {
    const value = this.text(name)
    return value === 'yes' || (value === 'local' && local)
  }

  /** Calls `listener` after each change of `name` by CONFIG SET or `assign`. Returns what ends that. */
  on(name: SettingName, listener: ConfigListener): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  /** CONFIG GET: names and values for all patterns, each name once and as it was asked for (Redis 7.0). */
  matching(patterns: readonly string[]): [name: string, value: string][] {
    const found = new Map<string, [string, string]>()
    for (const pattern of patterns) {
      if (!/[[*?]/.test(pattern)) {
        const one = findSetting(pattern)
        if (one !== undefined && !found.has(one.as)) found.set(one.as, [pattern, this.#shown(one.name)])
        continue
      }
      for (const { name, as, shown } of allNames())
        if (shown && !found.has(as) && globMatch(pattern, as, true)) found.set(as, [as, this.#shown(name)])
    }
    return [...found.values()]
  }

  /**
   * CONFIG SET: all or nothing. `local` says that the client is on this machine, for `enable-protected-configs local`;
   * `loading` that data is being loaded. Throws a ReplyError with Redis' text.
   */
  set(pairs: readonly (readonly [name: string, value: string])[], { local = false, loading = false } = {}): void {
    const changes = this.#found(pairs, local, loading)
    for (const change of changes) {
      try {
        const { name, value } = change
        // At once: an alias may set the same directive again.
        this.#put(name, settings[name].parse(wordsOf(name, value), this.text(name)))
      } catch (error) {
        this.#putBack(changes)
        throw setError(change.as, error)
      }
    }
    this.#announce(changes, setError)
  }

  /** Whether CONFIG SET may change it at all, whatever the value. */
  allowsChange(name: SettingName, { local = false, loading = false } = {}): boolean {
    const { immutable, protected: isProtected, notWhileLoading } = settings[name]
    if (immutable === true || (loading && notWhileLoading === true)) return false
    return isProtected !== true || this.allows('enable-protected-configs', local)
  }

  /**
   * The node's own doing (REPLICAOF, the port it got, the directory made absolute): no directive is immutable to it.
   * Throws a StoreError for a value that the directive cannot have, and whatever a listener throws.
   */
  assign(given: SettingName, value: string): void {
    const name = findSetting(given)?.name
    if (name === undefined) throw new StoreError('INVALID', `no such directive: ${given}`)
    const change = { name, as: name, was: this.text(name), value }
    try {
      this.#put(name, settings[name].parse(wordsOf(name, value), change.was))
    } catch (error) {
      throw error instanceof BadValue ? new StoreError('INVALID', `${name}: ${error.message}`) : error
    }
    this.#announce([change], (_, error) => error)
  }

  /**
   * Takes what a file and the command line say, in their order, at the start: listeners are not told. Returns the
   * directives that are no settings, for the caller to act on or refuse: `user`, `rename-command`, `loadmodule`, and a
   * module's own, which have a dot in their names.
   */
  load(directives: readonly Directive[]): Directive[] {
    const others: Directive[] = []
    for (const directive of directives) {
      const { name: as, args } = directive
      const found = findSetting(as)
      if (found === undefined) {
        if (!retired.has(as)) others.push(directive)
        continue
      }
      const { name, setting } = found
      let value = setting.parse(args, this.text(name))
      // Lines with save points add up, over files too; the first takes the place of the defaults, an empty one of all.
      if (name === 'save' && value !== '' && this.#loaded.has(name)) value = `${this.text(name)} ${value}`.trim()
      this.#put(name, value)
      this.#loaded.add(name)
    }
    if (this.flag('cluster-enabled') && this.primary() !== undefined)
      throw fatal('replicaof directive not allowed in cluster mode')
    return others
  }

  /** What `load` was told, differs from the default, and means nothing here: worth a line in the log. */
  ignored(): SettingName[] {
    return [...this.#loaded].filter((name) => {
      const { live, initial } = settings[name]
      return live !== true && this.text(name) !== initial
    })
  }

  /**
   * CONFIG REWRITE: the new text for a file that held `original`. Comments and order stay, a directive's first line gets
   * its value, further lines of it go, values that are not the default are added at the end. `users` are the lines for
   * the file's `user` directives, without that word; leave it out and those lines stay as they are.
   */
  rewrite(original: string | undefined, { users }: { users?: readonly string[] } = {}): string {
    const file = new RewrittenFile(original ?? '')
    for (const name of Object.keys(settings) as SettingName[])
      file.replace(name, settings[name].lines(name, this.text(name)))
    if (users !== undefined)
      file.replace(
        'user',
        users.map((user) => ({ line: `user ${user}`, force: true })),
      )
    return file.toString()
  }

  #shown(name: SettingName): string {
    const value = this.text(name)
    return settings[name].shown?.(value) ?? value
  }

  #put(name: SettingName, value: string): void {
    this.#texts.set(name, value)
    if (settings[name].form === 'number')
      this.#numbers.set(name, name === 'unixsocketperm' ? Number.parseInt(value, 8) : Number(value))
  }

  /** Checks all names before any value. */
  #found(pairs: readonly (readonly [string, string])[], local: boolean, loading: boolean): Change[] {
    const changes: Change[] = []
    for (const [as, value] of pairs) {
      const found = findSetting(as)
      if (found === undefined)
        throw new ReplyError(`ERR Unknown option or number of arguments for CONFIG SET - '${as}'`)
      const { name, setting } = found
      if (setting.immutable === true) throw setError(as, new BadValue("can't set immutable config"))
      if (setting.protected === true && !this.allows('enable-protected-configs', local))
        throw setError(as, new BadValue("can't set protected config"))
      if (loading && setting.notWhileLoading === true) throw replyErrors.loading()
      // An alias counts as another parameter, as in Redis 7.0.
      if (changes.some((change) => change.as === found.as)) throw setError(as, new BadValue('duplicate parameter'))
      changes.push({ name, as: found.as, value, was: this.text(name) })
    }
    return changes
  }

  /** Tells the listeners of what has changed. If one refuses, puts everything back and tells them again. */
  #announce(changes: readonly Change[], wrap: (as: string, error: unknown) => unknown): void {
    const told = new Set<SettingName>()
    for (const { name, as, was } of changes) {
      if (told.has(name) || (was === this.text(name) && settings[name].volatile !== true)) continue
      told.add(name)
      try {
        this.#tell(name)
      } catch (error) {
        this.#putBack(changes)
        for (const one of told) this.#tell(one)
        throw wrap(as, error)
      }
    }
  }

  #tell(name: SettingName): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(this.text(name), name)
  }

  #putBack(changes: readonly Change[]): void {
    for (const { name, was } of changes) this.#put(name, was)
  }
}

/** A value given as one string. CONFIG SET parts at single spaces, and "" is no words at all (Redis' sdssplitlen). */
function wordsOf(name: SettingName, value: string): string[] {
  if (!settings[name].multi) return [value]
  return value === '' ? [] : value.split(' ')
}

/** Redis' reply to a CONFIG SET that failed. What is no refusal but a mistake of ours stays itself. */
function setError(as: string, error: unknown): unknown {
  if (!(error instanceof BadValue || error instanceof StoreError || error instanceof ReplyError)) return error
  const reason = error instanceof ReplyError ? error.message.slice(error.code.length + 1) : error.message
  return new ReplyError(`ERR CONFIG SET failed (possibly related to argument '${as}') - ${reason}`)
}
