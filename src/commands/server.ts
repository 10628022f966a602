// Commands about the node as a whole: its data, its settings, its state.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors, StoreError } from '../errors.js'
import { HOTSPARE_VERSION, REDIS_VERSION } from '../version.js'
import type { Client } from './client.js'
import {
  type Command,
  type Context,
  command,
  freshStats,
  INT32_MAX,
  INT32_MIN,
  integer,
  option,
  parseInteger,
  type Server,
  text,
} from './command.js'
import { isLocal } from './connection.js'
import { debugCommand } from './debug.js'
import { helpCommand } from './help.js'
import { infoText } from './info.js'
import { commandCommand } from './introspection.js'
import { latencyCommand } from './latency.js'
import { memoryCommand } from './memory.js'
import { slowlogCommand } from './slowlog.js'

const group = 'server'

export const serverCommands: readonly Command[] = [
  command({
    name: 'DBSIZE',
    arity: 1,
    flags: 'readonly fast',
    group,
    since: '1.0.0',
    summary: 'Counts the keys of the database.',
    complexity: 'O(1)',
    run: ({ db, reply }) => reply.integer(db.size),
  }),
  command({
    name: 'FLUSHDB',
    arity: -1,
    flags: 'write',
    group,
    since: '1.0.0',
    summary: 'Removes all keys of the database.',
    complexity: 'O(1)',
    syntax: '[ASYNC | SYNC]',
    run: (ctx, argv) => flush(ctx, argv, () => ctx.server.flush(ctx.client.db)),
  }),
  command({
    name: 'FLUSHALL',
    arity: -1,
    flags: 'write',
    group,
    since: '1.0.0',
    summary: 'Removes all keys of all databases.',
    complexity: 'O(N) for N databases.',
    syntax: '[ASYNC | SYNC]',
    run: (ctx, argv) => flush(ctx, argv, () => ctx.server.flushAll()),
  }),
  command({
    name: 'SWAPDB',
    arity: 3,
    flags: 'write fast',
    group,
    since: '4.0.0',
    summary: 'Lets two databases change places.',
    complexity: 'O(N) for N clients that watch keys in them.',
    syntax: 'index1 index2',
    run: (ctx, argv) => {
      const first = databaseIndex(argv[1], 'first')
      const second = databaseIndex(argv[2], 'second')
      const count = ctx.server.dataset.keyspaces.length
      if (first < 0 || first >= count || second < 0 || second >= count) throw replyErrors.dbIndex()
      ctx.server.swap(first, second)
      ctx.changed()
      ctx.reply.ok()
    },
  }),
  command({
    name: 'TIME',
    arity: 1,
    flags: 'loading stale fast',
    group,
    since: '2.6.0',
    summary: 'Tells the time: seconds since 1970, and microseconds.',
    complexity: 'O(1)',
    run: ({ now, reply }) => {
      reply.array(2)
      reply.bulk(String(Math.floor(now / 1000)))
      reply.bulk(String((now % 1000) * 1000))
    },
  }),
  command({
    name: 'INFO',
    arity: -1,
    flags: 'loading stale',
    group,
    since: '1.0.0',
    summary: 'Describes the state of the node.',
    complexity: 'O(1)',
    syntax: '[section [section ...]]',
    run: ({ server, now, reply }, argv) => reply.verbatim(infoText(server, now, argv.slice(1).map(text))),
  }),
  command({
    name: 'LASTSAVE',
    arity: 1,
    flags: 'loading stale fast',
    group,
    since: '1.0.0',
    summary: 'Tells when the data was last saved, in seconds since 1970.',
    complexity: 'O(1)',
    run: ({ server, reply }) => reply.integer(Math.floor(server.lastSaveAt / 1000)),
  }),
  command({
    name: 'MONITOR',
    arity: 1,
    flags: 'admin noscript loading stale',
    group,
    since: '1.0.0',
    summary: 'Shows every command that the node is sent, as it comes.',
    run: ({ server, client, reply }) => {
      if (cannotWait(client)) throw new ReplyError("ERR MONITOR isn't allowed for DENY BLOCKING client")
      if (client.monitor || client.kind === 'replica') return
      server.setMonitor(client, true)
      reply.ok()
    },
  }),
  command({
    name: 'SHUTDOWN',
    arity: -1,
    flags: 'admin noscript loading stale no_multi allow_busy',
    group,
    since: '1.0.0',
    summary: 'Ends the program, after saving if it saves.',
    complexity: 'O(N) for N keys when saving.',
    syntax: '[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]',
    run: shutdown,
  }),
  command({
    name: 'LOLWUT',
    arity: -1,
    flags: 'readonly fast',
    group,
    since: '5.0.0',
    summary: 'Says which versions these are.',
    syntax: '[VERSION version:integer]',
    run: ({ reply }, argv) => {
      if (argv.length > 2 && option(argv[1]) === 'VERSION') integer(argv[2])
      reply.verbatim(`hotspare ver. ${HOTSPARE_VERSION}, as Redis ver. ${REDIS_VERSION}\n`)
    },
  }),
  command({
    name: 'CONFIG',
    arity: -2,
    flags: '',
    group,
    since: '2.0.0',
    summary: 'Container of the commands about settings.',
    complexity: 'Depends on the subcommand.',
    subcommands: [
      command({
        name: 'CONFIG GET',
        arity: -3,
        flags: 'admin noscript loading stale',
        group,
        since: '2.0.0',
        summary: 'Gives the settings whose names match the patterns.',
        complexity: 'O(N) for N patterns.',
        syntax: 'parameter [parameter ...]',
        run: ({ server, reply }, argv) => {
          const found = server.config.matching(argv.slice(2).map(text))
          reply.map(found.length)
          for (const [name, value] of found) {
            reply.bulk(name)
            reply.bulk(value)
          }
        },
      }),
      command({
        name: 'CONFIG SET',
        arity: -4,
        flags: 'admin noscript loading stale',
        group,
        since: '2.0.0',
        summary: 'Changes settings: all that are given, or none.',
        complexity: 'O(N) for N settings.',
        syntax: 'parameter value [parameter value ...]',
        run: configSet,
      }),
      command({
        name: 'CONFIG RESETSTAT',
        arity: 2,
        flags: 'admin noscript loading stale',
        group,
        since: '2.0.0',
        summary: 'Sets the counters of INFO back.',
        complexity: 'O(1)',
        run: ({ server, reply }) => {
          resetStats(server)
          reply.ok()
        },
      }),
      command({
        name: 'CONFIG REWRITE',
        arity: 2,
        flags: 'admin noscript loading stale',
        group,
        since: '2.8.0',
        summary: 'Writes the settings into the configuration file.',
        complexity: 'O(1)',
        run: configRewrite,
      }),
      helpCommand({
        of: 'CONFIG',
        group,
        since: '5.0.0',
        lines: [
          'GET <pattern> [<pattern> ...]',
          '    The settings whose names match, with their values.',
          'SET <name> <value> [<name> <value> ...]',
          '    Change settings.',
          'RESETSTAT',
          '    Set the counters of INFO back.',
          'REWRITE',
          '    Write the settings into the configuration file.',
        ],
      }),
    ],
  }),
  command({
    name: 'MODULE',
    arity: -2,
    flags: '',
    group,
    since: '4.0.0',
    summary: 'Container of the commands about modules, of which there are none.',
    complexity: 'Depends on the subcommand.',
    subcommands: [
      command({
        name: 'MODULE LIST',
        arity: 2,
        flags: 'admin noscript',
        group,
        since: '4.0.0',
        summary: 'Names the modules: none.',
        complexity: 'O(1)',
        run: ({ reply }) => reply.array(0),
      }),
      helpCommand({ of: 'MODULE', group, since: '5.0.0', lines: ['LIST', '    The modules: none.'] }),
    ],
  }),
  commandCommand,
  slowlogCommand,
  latencyCommand,
  memoryCommand,
  debugCommand,
]

/** No reply can come later: the command is part of a transaction, or was not sent over a connection. */
function cannotWait({ transaction, kind }: Client): boolean {
  return transaction !== null || kind === 'internal'
}

function flush(ctx: Context, argv: Arg[], empty: () => number): void {
  const how = argv.length > 1 ? option(argv[1]) : 'SYNC'
  if (argv.length > 2 || (how !== 'SYNC' && how !== 'ASYNC')) throw replyErrors.syntax()
  const count = empty()
  // Replicas are told even if there was nothing here: they may hold something all the same.
  ctx.changed(count)
  ctx.reply.ok()
}

function databaseIndex(arg: Arg, which: string): number {
  const index = parseInteger(arg)
  if (index === undefined || index < INT32_MIN || index > INT32_MAX)
    throw new ReplyError(`ERR invalid ${which} DB index`)
  return Number(index)
}

/** Who asked for the end sees the connection close; only if it fails is there an answer. */
function shutdown(ctx: Context, argv: Arg[]): void {
  const { server, reply } = ctx
  if (ctx.readyKey !== undefined) throw new ReplyError('ERR Errors trying to SHUTDOWN. Check logs.')
  const asked = new Set(argv.slice(1).map(option))
  for (const word of asked) if (!['SAVE', 'NOSAVE', 'NOW', 'FORCE', 'ABORT'].includes(word)) throw replyErrors.syntax()
  const abort = asked.has('ABORT')
  if ((abort && asked.size > 1) || (asked.has('SAVE') && asked.has('NOSAVE'))) throw replyErrors.syntax()
  if (abort) {
    if (!server.farewell.abort()) throw new ReplyError('ERR No shutdown in progress.')
    reply.ok()
    return
  }
  const save = asked.has('SAVE') ? true : asked.has('NOSAVE') ? false : undefined
  const request = { save, now: asked.has('NOW'), force: asked.has('FORCE') }
  if (!ctx.mayBlock) {
    server.farewell.ask(request, () => {})
    return
  }
  // Asked for before the client waits: it may be refused.
  let failed = (): void => {}
  server.farewell.ask(request, () => failed())
  ctx.block({
    keys: [],
    type: 'list',
    timeoutMs: 0,
    timedOut: () => {},
    work: (done) => {
      failed = done
    },
  })
}

function resetStats({ stats, commands }: Server): void {
  Object.assign(stats, freshStats())
  for (const command of commands.values()) {
    for (const one of [command, ...(command.subcommands?.values() ?? [])]) {
      one.calls = one.microseconds = one.rejectedCalls = one.failedCalls = 0
      one.latency = null
    }
  }
}

function configSet(ctx: Context, argv: Arg[]): void {
  const { server, client, reply } = ctx
  if (argv.length % 2 === 1) throw replyErrors.syntax()
  const pairs: [string, string][] = []
  for (let i = 2; i < argv.length; i += 2) pairs.push([text(argv[i]), text(argv[i + 1])])
  const options = { local: isLocal(client), loading: server.loading !== null }
  const dir = pairs.find(([name]) => name.toLowerCase() === 'dir')?.[1]
  if (dir !== undefined && server.folder !== null && ctx.mayBlock && server.config.allowsChange('dir', options)) {
    setWithDir(ctx, dir, pairs, options)
    return
  }
  server.config.set(pairs, options)
  reply.ok()
}

/** What was said of the folder that a client wants to have; kept until its call runs again. */
const folderErrors = new WeakMap<object, Error>()

/** Another store may have the folder: that is known in a while only. */
function setWithDir(
  ctx: Context,
  dir: string,
  pairs: [string, string][],
  options: { local: boolean; loading: boolean },
): void {
  const { server, client, reply } = ctx
  const folder = server.folder!
  if (ctx.readyKey === undefined) {
    const work = (done: () => void): void =>
      folder.prepare(dir, (error) => {
        if (error !== undefined) folderErrors.set(client, error)
        done()
      })
    ctx.block({ keys: [], type: 'list', timeoutMs: 0, timedOut: () => {}, work })
    return
  }
  const error = folderErrors.get(client)
  folderErrors.delete(client)
  if (error !== undefined)
    throw new ReplyError(`ERR CONFIG SET failed (possibly related to argument 'dir') - ${error.message}`)
  try {
    server.config.set(pairs, options)
  } finally {
    folder.unprepare()
  }
  reply.ok()
}

function configRewrite({ server, reply }: Context): void {
  const { log } = server.env
  if (server.configFile === null) throw new ReplyError('ERR The server is running without a config file')
  try {
    server.configFile.rewrite()
    log.warn('CONFIG REWRITE executed with success.')
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    log.warn(`CONFIG REWRITE failed: ${error.message}`)
    throw new ReplyError(`ERR Rewriting config file: ${error.message}`)
  }
  reply.ok()
}
