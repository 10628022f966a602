// CLIENT TRACKING: who has to hear that a key was changed, because it may keep a copy of it. By default a table remembers
// who read which key, and a change strikes the key out; in broadcast mode everybody hears of all keys with its prefixes.
// As in Redis a key is known by its name, in whichever database. Knows clients and commands, and no keyspace.

import { type Arg, latin1Of, textOfLatin1 } from '../bytes.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { ReplyError, replyErrors } from '../errors.js'
import { bulkLatin1 } from '../protocol/writer.js'
import { isSubscriber } from './channels.js'
import type { Client } from './client.js'
import { type Command, type Context, command, integer, option, text } from './command.js'

/** The tracking of one client. */
export interface Tracked {
  /** The client that is told in its place; 0: itself. */
  redirect: number
  /** The client that should be told is gone. */
  isBroken: boolean
  isBroadcast: boolean
  /** OPTIN: only what CLIENT CACHING YES announces is remembered; OPTOUT: all but what CLIENT CACHING NO does. */
  choice: 'optin' | 'optout' | null
  /** CLIENT CACHING was called: it counts for the next command or transaction. */
  isChosen: boolean
  /** It does not want to hear of its own changes. */
  noLoop: boolean
  /** Of broadcast mode, in latin1 form: a prefix may end inside of a character. */
  readonly prefixes: Set<string>
}

export interface TrackingHost {
  readonly env: Env
  readonly config: Config
  readonly clients: ReadonlyMap<number, Client>
  /** Somebody began to track, or the last one ceased. */
  observeIfNeeded(): void
}

interface Broadcast {
  readonly clients: Set<Client>
  /** Keys changed in this turn, in latin1 form, and by whom: null for the node itself. */
  readonly changed: Map<string, Client | null>
}

const INVALIDATE = bulkLatin1('invalidate')
/** Where clients that speak RESP2 hear of it. */
const CHANNEL_MESSAGE = `*3\r\n${bulkLatin1('message')}${bulkLatin1('__redis__:invalidate')}`

export class Tracking {
  readonly #host: TrackingHost
  readonly #clients = new Set<Client>()
  /** Those who are there and may stand in the table, whether they track keys by now or not. */
  readonly #known = new Set<Client>()
  /** Somebody tracks keys: calls have to be told of. */
  isOn = false
  /** By key, the ids of those who read it: most keys have one reader, who needs no set. */
  readonly #readers = new Map<string, number | Set<number>>()
  #readersCount = 0
  readonly #broadcasts = new Map<string, Broadcast>()
  #broadcastIsDue = false
  /** Whose call is under way. */
  #current: Client | null = null
  /** What it will be told when its reply is written: keys, and null for all of them. */
  #pending: (string | null)[] = []
  #maxKeys: number

  constructor(host: TrackingHost) {
    this.#host = host
    this.#maxKeys = host.config.number('tracking-table-max-keys')
    host.config.on('tracking-table-max-keys', () => {
      this.#maxKeys = host.config.number('tracking-table-max-keys')
      this.#keepWithinLimit()
    })
  }

  // What INFO tells

  get clientsCount(): number {
    return this.#clients.size
  }
  get keysCount(): number {
    return this.#readers.size
  }
  /** Keys, each counted once for each of its readers. */
  get itemsCount(): number {
    return this.#readersCount
  }
  get prefixesCount(): number {
    return this.#broadcasts.size
  }

  // Who tracks

  enable(
    client: Client,
    wanted: Omit<Tracked, 'isBroken' | 'isChosen' | 'prefixes'>,
    prefixes: readonly string[],
  ): void {
    const before = client.tracking
    client.tracking = {
      ...wanted,
      isBroken: false,
      isChosen: before?.isChosen ?? false,
      prefixes: before?.prefixes ?? new Set(),
    }
    this.#clients.add(client)
    this.#known.add(client)
    this.isOn = true
    for (const prefix of prefixes) {
      client.tracking.prefixes.add(prefix)
      const broadcast = this.#broadcasts.get(prefix)
      if (broadcast === undefined) this.#broadcasts.set(prefix, { clients: new Set([client]), changed: new Map() })
      else broadcast.clients.add(client)
    }
    this.#host.observeIfNeeded()
  }

  /** What was remembered of the client stays in the table until the keys change: if it tracks again by then, it is told. */
  disable(client: Client): void {
    if (client.tracking === null) return
    for (const prefix of client.tracking.prefixes) {
      const broadcast = this.#broadcasts.get(prefix)
      broadcast?.clients.delete(client)
      if (broadcast?.clients.size === 0) this.#broadcasts.delete(prefix)
    }
    client.tracking = null
    this.#clients.delete(client)
    this.isOn = this.#clients.size > 0
    this.#host.observeIfNeeded()
  }

  /** The client is gone. */
  forget(client: Client): void {
    this.disable(client)
    if (!this.#known.delete(client) || this.#known.size > 0) return
    this.#forgetKeys()
    this.#host.observeIfNeeded()
  }

  // Calls. What is changed by a client in its own call is told behind its reply, so that no reply is torn apart.

  /** A call begins; returns what `end` wants back. */
  begin(client: Client): Client | null {
    const outer = this.#current
    this.#current = client
    return outer
  }

  /** The call is over, and its reply written. */
  end(outer: Client | null, client: Client, command: Command, argv: readonly Arg[]): void {
    this.#current = outer
    if (this.#clients.size === 0) return
    const { tracking } = client
    if (tracking !== null) this.#called(client, tracking, command, argv)
    if (outer !== null || this.#pending.length === 0) return
    const pending = this.#pending
    this.#pending = []
    for (const key of pending) this.#tell(client, key === null ? null : keysLatin1([latin1Of(key)]))
  }

  #called(client: Client, tracking: Tracked, command: Command, argv: readonly Arg[]): void {
    const isWanted = tracking.choice === null || tracking.isChosen === (tracking.choice === 'optin')
    if (isWanted && !tracking.isBroadcast && command.flags.has('readonly')) {
      for (const index of command.keyIndexes(argv)) this.#remember(text(argv[index]), client.id)
      this.#keepWithinLimit()
    }
    if (client.transaction === null && !command.name.startsWith('client')) tracking.isChosen = false
  }

  #remember(key: string, id: number): void {
    const readers = this.#readers.get(key)
    if (readers === id) return
    if (readers === undefined) this.#readers.set(key, id)
    else if (typeof readers === 'number') this.#readers.set(key, new Set([readers, id]))
    else if (readers.has(id)) return
    else readers.add(id)
    this.#readersCount++
  }

  /** Past the limit the oldest keys go. Whoever read them is told, as it will not hear of their changes. */
  #keepWithinLimit(): void {
    if (this.#maxKeys === 0 || this.#readers.size <= this.#maxKeys) return
    for (const key of this.#readers.keys()) {
      if (this.#readers.size <= this.#maxKeys) return
      this.#strike(key, false)
    }
  }

  // Changes

  get isWatching(): boolean {
    return this.isOn || this.#readers.size > 0
  }

  changed(change: string, key: string): void {
    if (change === 'clear') return
    const isOwnDoing = change === 'expire' || change === 'evict'
    if (this.#broadcasts.size > 0) this.#noteForBroadcast(latin1Of(key), isOwnDoing ? null : this.#current)
    this.#strike(key, true)
  }

  /** A flush, or a full sync: `flushed` tells of it, once for all databases. */
  replaced(): void {}

  /** No key can be relied on any more. */
  flushed(): void {
    for (const client of this.#clients) {
      if (client === this.#current) this.#pending.push(null)
      else this.#tell(client, null)
    }
    this.#forgetKeys()
  }

  /** `isChange`: or is it only that there is no room to remember the key? */
  #strike(key: string, isChange: boolean): void {
    const readers = this.#readers.get(key)
    if (readers === undefined) return
    this.#readers.delete(key)
    const ids = typeof readers === 'number' ? [readers] : [...readers]
    this.#readersCount -= ids.length
    for (const id of ids) {
      const client = this.#host.clients.get(id)
      // One that began to broadcast since then hears of the key in another way, if it wants to.
      if (client?.tracking == null || client.tracking.isBroadcast) continue
      if (client !== this.#current) this.#tell(client, keysLatin1([latin1Of(key)]))
      else if (!isChange || !client.tracking.noLoop) this.#pending.push(key)
    }
  }

  #forgetKeys(): void {
    this.#readers.clear()
    this.#readersCount = 0
  }

  #noteForBroadcast(key: string, by: Client | null): void {
    for (const [prefix, { changed }] of this.#broadcasts) {
      if (!key.startsWith(prefix)) continue
      changed.set(key, by)
      if (this.#broadcastIsDue) continue
      this.#broadcastIsDue = true
      this.#host.env.soon(() => this.#broadcast())
    }
  }

  /** The changes of one turn of the event loop, together: one message for each prefix. */
  #broadcast(): void {
    this.#broadcastIsDue = false
    for (const prefix of [...this.#broadcasts.keys()].sort()) {
      const { clients, changed } = this.#broadcasts.get(prefix)!
      if (changed.size === 0) continue
      const keys = [...changed.keys()].sort()
      const all = keysLatin1(keys)
      for (const client of clients) {
        const foreign = client.tracking?.noLoop ? keys.filter((key) => changed.get(key) !== client) : keys
        if (foreign.length > 0) this.#tell(client, foreign.length === keys.length ? all : keysLatin1(foreign))
      }
      changed.clear()
    }
  }

  /** `keys`: an array as RESP, or null for every key there is. */
  #tell(client: Client, keys: string | null): void {
    const { redirect } = client.tracking!
    const to = redirect === 0 ? client : this.#host.clients.get(redirect)
    if (to === undefined) {
      client.tracking!.isBroken = true
      if (client.protocol === 3) client.send(`>2\r\n${bulkLatin1('tracking-redir-broken')}:${redirect}\r\n`)
    } else if (to.protocol === 3) to.send(`>2\r\n${INVALIDATE}${keys ?? '_\r\n'}`)
    // RESP2 has no messages out of band: only one that subscribes to something can be told.
    else if (redirect !== 0 && isSubscriber(to)) to.send(`${CHANNEL_MESSAGE}${keys ?? '$-1\r\n'}`)
  }
}

function keysLatin1(keys: readonly string[]): string {
  return `*${keys.length}\r\n${keys.map(bulkLatin1).join('')}`
}

// The commands

interface Options {
  redirect: number
  isBroadcast: boolean
  optin: boolean
  optout: boolean
  noLoop: boolean
  prefixes: string[]
}

function optionsOf(ctx: Context, argv: readonly Arg[]): Options {
  const options = {
    redirect: 0,
    isBroadcast: false,
    optin: false,
    optout: false,
    noLoop: false,
    prefixes: [] as string[],
  }
  for (let i = 3; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'REDIRECT' && i + 1 < argv.length) {
      if (options.redirect !== 0) throw new ReplyError('ERR A client can only redirect to a single other client')
      options.redirect = integer(argv[++i])
      if (!ctx.server.clients.has(options.redirect))
        throw new ReplyError('ERR The client ID you want redirect to does not exist')
    } else if (word === 'PREFIX' && i + 1 < argv.length) options.prefixes.push(latin1Of(text(argv[++i])))
    else if (word === 'BCAST') options.isBroadcast = true
    else if (word === 'OPTIN') options.optin = true
    else if (word === 'OPTOUT') options.optout = true
    else if (word === 'NOLOOP') options.noLoop = true
    else throw replyErrors.syntax()
  }
  return options
}

function tracking(ctx: Context, argv: Arg[]): void {
  const { server, client, reply } = ctx
  if (client.kind !== 'normal') throw new ReplyError('ERR only a connection can be told of changes')
  const options = optionsOf(ctx, argv)
  const word = option(argv[2])
  if (word !== 'ON' && word !== 'OFF') throw replyErrors.syntax()
  if (word === 'OFF') server.tracking.disable(client)
  else {
    checkOptions(client, options)
    const { redirect, isBroadcast, optin, optout, noLoop, prefixes } = options
    const choice = optin ? 'optin' : optout ? 'optout' : null
    const broadcast = isBroadcast && prefixes.length === 0 ? [''] : prefixes
    server.tracking.enable(client, { redirect, isBroadcast, choice, noLoop }, broadcast)
  }
  reply.ok()
}

/** Whether these options go together, and with the mode that the client is in. */
function checkOptions({ tracking: now }: Client, options: Options): void {
  const { isBroadcast, optin, optout, prefixes } = options
  const again = 'before disabling tracking for this client, and then re-enabling it with a different mode.'
  if (!isBroadcast && prefixes.length > 0) throw new ReplyError('ERR PREFIX option requires BCAST mode to be enabled')
  if (now !== null && now.isBroadcast !== isBroadcast)
    throw new ReplyError(`ERR You can't switch BCAST mode on/off ${again}`)
  if (isBroadcast && (optin || optout)) throw new ReplyError('ERR OPTIN and OPTOUT are not compatible with BCAST')
  if (optin && optout) throw new ReplyError("ERR You can't specify both OPTIN mode and OPTOUT mode")
  if ((optin && now?.choice === 'optout') || (optout && now?.choice === 'optin'))
    throw new ReplyError(`ERR You can't switch OPTIN/OPTOUT mode ${again}`)
  prefixes.forEach((prefix, i) => {
    for (const held of [...(now?.prefixes ?? [])].sort())
      if (overlap(prefix, held)) throw overlaps(prefix, 'an existing', held)
    for (const other of prefixes.slice(i + 1))
      if (overlap(prefix, other)) throw overlaps(prefix, 'another provided', other)
  })
}

function overlap(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a)
}

function overlaps(prefix: string, which: string, other: string): ReplyError {
  const [mine, theirs] = [prefix, other].map(textOfLatin1)
  return new ReplyError(
    `ERR Prefix '${mine}' overlaps with ${which} prefix '${theirs}'. Prefixes for a single client must not overlap.`,
  )
}

function caching({ client, reply }: Context, argv: Arg[]): void {
  const { tracking: now } = client
  if (now === null)
    throw new ReplyError(
      'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
    )
  const word = option(argv[2])
  if (word !== 'YES' && word !== 'NO') throw replyErrors.syntax()
  const needed = word === 'YES' ? 'optin' : 'optout'
  if (now.choice !== needed)
    throw new ReplyError(
      `ERR CLIENT CACHING ${word} is only valid when tracking is enabled in ${needed.toUpperCase()} mode.`,
    )
  now.isChosen = true
  reply.ok()
}

function trackinginfo({ client, reply }: Context): void {
  const { tracking: now } = client
  const flags = now === null ? ['off'] : flagsOf(now)
  reply.map(3)
  reply.bulk('flags')
  reply.set(flags.length)
  for (const flag of flags) reply.bulk(flag)
  reply.bulk('redirect')
  reply.integer(now?.redirect ?? -1)
  reply.bulk('prefixes')
  const prefixes = [...(now?.prefixes ?? [])].sort()
  reply.array(prefixes.length)
  for (const prefix of prefixes) reply.bytes(prefix)
}

function flagsOf({ isBroadcast, choice, isChosen, noLoop, isBroken }: Tracked): string[] {
  const flags = ['on']
  if (isBroadcast) flags.push('bcast')
  if (choice !== null) flags.push(choice)
  if (choice !== null && isChosen) flags.push(choice === 'optin' ? 'caching-yes' : 'caching-no')
  if (noLoop) flags.push('noloop')
  if (isBroken) flags.push('broken_redirect')
  return flags
}

const own = { flags: 'noscript loading stale', group: 'connection' } as const

/** Subcommands of CLIENT. */
export const trackingCommands: readonly Command[] = [
  command({
    ...own,
    name: 'CLIENT TRACKING',
    arity: -3,
    since: '6.0.0',
    summary: 'Says whether this connection wants to hear when keys that it has read are changed.',
    complexity: 'O(1), and O(N) for N prefixes.',
    syntax:
      '<ON | OFF> [REDIRECT client-id:integer] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]',
    run: tracking,
  }),
  command({
    ...own,
    name: 'CLIENT CACHING',
    arity: 3,
    since: '6.0.0',
    summary: 'Says whether the keys of the next command are tracked.',
    complexity: 'O(1)',
    syntax: '<YES | NO>',
    run: caching,
  }),
  command({
    ...own,
    name: 'CLIENT GETREDIR',
    arity: 2,
    since: '6.0.0',
    summary: 'Tells which connection hears of changed keys in the place of this one.',
    complexity: 'O(1)',
    run: ({ client, reply }) => reply.integer(client.tracking?.redirect ?? -1),
  }),
  command({
    ...own,
    name: 'CLIENT TRACKINGINFO',
    arity: 2,
    since: '6.2.0',
    summary: "Tells the state of this connection's tracking.",
    complexity: 'O(1)',
    run: trackinginfo,
  }),
]

export const trackingHelp: readonly string[] = [
  'TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] [NOLOOP]',
  '    Hear when keys are changed: those read before, or with BCAST all with one of the prefixes.',
  'CACHING (YES|NO)',
  '    Track the keys of the next command with OPTIN, or do not with OPTOUT.',
  'GETREDIR',
  '    Which connection hears of changes in the place of this one; 0 for none, -1 without tracking.',
  'TRACKINGINFO',
  '    The state of tracking.',
]
