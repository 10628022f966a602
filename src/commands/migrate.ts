// MIGRATE: keys go to another server, and are deleted here once that one has them. Redis stops for as long as it takes. Here
// only the client waits: the work is begun when its call is over, and the call is tried again when the work is. What goes on
// meanwhile is told in migration.ts.

import { type Arg, latin1OfArg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { Client } from './client.js'
import { bigInteger, type Command, type Context, command, option, text } from './command.js'
import { lookupRead } from './lookup.js'

/** What is to be sent where. */
export interface Shipment {
  host: string
  port: number
  /** Null: no AUTH. An empty user name: a password alone. */
  login: { username: Arg; password: Arg } | null
  keys: readonly string[]
  /** The number of the keyspace that the keys are in, and of the one that they go to. */
  fromDb: number
  toDb: string
  /** How long the other end may be silent. */
  timeoutMs: number
  replace: boolean
  copy: boolean
}

/** How it went. */
export interface Delivery {
  /** The target has them, and they are as they were sent. */
  delivered: readonly string[]
  /** The target has them, but they were changed here since they were sent. */
  changed: readonly string[]
  /** What the client is told if not all went well: an error with its code. */
  error: string | undefined
}

/** Whoever can reach other servers. */
export interface Migration {
  /** Starts to send; `done` is called when that is over, never from inside this call. */
  begin(client: Client, shipment: Shipment, done: () => void): void
  /** How it went; called once, after `done`. */
  end(client: Client): Delivery
}

const DEFAULT_TIMEOUT_MS = 1000
/** Redis waits this long at most, too: its own limit is that of a C int. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

function migrate(ctx: Context, argv: Arg[]): void {
  const { client, server, reply } = ctx
  if (ctx.readyKey !== undefined) {
    finish(ctx, argv)
    return
  }
  const shipment = shipmentOf(argv, client.db)
  const keys = [...new Set(shipment.keys)].filter((key) => lookupRead(ctx, key) !== undefined)
  if (keys.length === 0) {
    reply.status('NOKEY')
    return
  }
  // In a transaction the other server's answer cannot be waited for: nothing else may run before its end.
  if (!ctx.mayBlock) throw new ReplyError('ERR MIGRATE waits for another server, which is not possible here')
  const { migration } = server
  if (migration === null) throw new ReplyError('ERR This node cannot connect to others')
  const order = { ...shipment, keys }
  ctx.block({
    keys: [],
    type: 'list',
    timeoutMs: 0,
    timedOut: () => {},
    work: (done) => migration.begin(client, order, done),
  })
}

/** What was delivered and is as it was is deleted, as one DEL for replicas. */
function finish(ctx: Context, argv: readonly Arg[]): void {
  const { server, db, reply } = ctx
  const { delivered, changed, error } = server.migration!.end(ctx.client)
  const { copy } = shipmentOf(argv, 0)
  // It may have become a replica meanwhile, whose data is its primary's.
  const isOurs = server.role === 'primary' || !server.config.flag('replica-read-only')
  const deleted = copy || !isOurs ? [] : delivered.filter((key) => db.delete(key))
  if (deleted.length > 0) {
    ctx.changed(deleted.length)
    ctx.effect('DEL', ...deleted)
    for (const key of deleted) ctx.notify('g', 'del', key)
  }
  if (error !== undefined) throw new ReplyError(error)
  if (!isOurs && !copy) throw new ReplyError('ERR The keys were copied but not deleted: this node became a replica')
  if (changed.length > 0 && !copy)
    throw new ReplyError('ERR Keys were changed while they were copied, and stay here: migrate them again with REPLACE')
  reply.ok()
}

function shipmentOf(argv: readonly Arg[], fromDb: number): Shipment {
  let copy = false
  let replace = false
  let login: Shipment['login'] = null
  let keys = [text(argv[3])]
  for (let i = 6; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'COPY') copy = true
    else if (word === 'REPLACE') replace = true
    else if (word === 'AUTH' && i + 1 < argv.length) login = { username: '', password: argv[++i] }
    else if (word === 'AUTH2' && i + 2 < argv.length) login = { username: argv[++i], password: argv[++i] }
    else if (word === 'KEYS') {
      if (keys[0] !== '')
        throw new ReplyError('ERR When using MIGRATE KEYS option, the key argument must be set to the empty string')
      keys = argv.slice(i + 1).map(text)
      break
    } else throw replyErrors.syntax()
  }
  const timeout = bigInteger(argv[5])
  const toDb = String(bigInteger(argv[4]))
  const timeoutMs = timeout <= 0 ? DEFAULT_TIMEOUT_MS : Math.min(Number(timeout), MAX_TIMEOUT_MS)
  return { host: text(argv[1]), port: portOf(argv[2]), login, keys, fromDb, toDb, timeoutMs, replace, copy }
}

/** As C reads a number: as far as there are digits. */
function portOf(arg: Arg): number {
  return Number.parseInt(latin1OfArg(arg), 10) || 0
}

/** How many arguments stand behind an option, which may look like another one. */
const OPTION_ARGUMENTS: Readonly<Record<string, number>> = { AUTH: 1, AUTH2: 2 }

function keysOf(argv: readonly Arg[]): number[] {
  for (let i = 6; i < argv.length; i++) {
    const word = option(argv[i])
    // With both a key and KEYS it will be refused.
    if (word === 'KEYS') return text(argv[3]) === '' ? argv.slice(i + 1).map((_, k) => i + 1 + k) : []
    i += OPTION_ARGUMENTS[word] ?? 0
  }
  return [3]
}

export const migrateCommands: readonly Command[] = [
  command({
    name: 'MIGRATE',
    arity: -6,
    flags: 'write movablekeys',
    keys: '3 3 1',
    findKeys: keysOf,
    group: 'generic',
    since: '2.6.0',
    summary: 'Sends keys to another server, and deletes them here when it has them.',
    complexity: 'O(N) for values of N elements in all',
    syntax:
      'host port <key | ""> destination-db timeout:integer [COPY] [REPLACE] ' +
      '[[AUTH password] | [AUTH2 <username password>]] [KEYS key ...]',
    run: migrate,
  }),
]
