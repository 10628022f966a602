// MULTI and EXEC, and WATCH for doing so only if nothing has changed. Queueing is the engine's: while a client has a
// transaction, everything but these commands, QUIT and RESET is put aside instead of being run.

import { type Arg, textOfArg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { type Command, type Context, command } from './command.js'

const group = 'transactions'

export const transactionCommands: readonly Command[] = [
  command({
    name: 'MULTI',
    arity: 1,
    flags: 'noscript loading stale fast allow_busy',
    group,
    since: '1.2.0',
    summary: 'Begins a transaction: commands wait for EXEC.',
    complexity: 'O(1)',
    run: ({ client, reply }) => {
      if (client.transaction !== null) throw new ReplyError('ERR MULTI calls can not be nested')
      client.transaction = { queue: [], failed: false, queuedBytes: 0 }
      reply.ok()
    },
  }),
  command({
    name: 'EXEC',
    arity: 1,
    flags: 'noscript loading stale skip_slowlog',
    group,
    since: '1.2.0',
    summary: 'Runs all commands since MULTI, with nothing in between.',
    complexity: 'That of the commands.',
    run: exec,
  }),
  command({
    name: 'DISCARD',
    arity: 1,
    flags: 'noscript loading stale fast allow_busy',
    group,
    since: '2.0.0',
    summary: 'Gives up all commands since MULTI.',
    complexity: 'O(N) for N commands.',
    run: (ctx) => {
      if (ctx.client.transaction === null) throw new ReplyError('ERR DISCARD without MULTI')
      endTransaction(ctx)
      ctx.reply.ok()
    },
  }),
  command({
    name: 'WATCH',
    arity: -2,
    flags: 'noscript loading stale fast allow_busy',
    keys: '1 -1 1',
    group,
    since: '2.2.0',
    summary: 'Makes the next EXEC run nothing if one of the keys was changed before it.',
    complexity: 'O(1) for each key.',
    syntax: 'key [key ...]',
    run: watch,
  }),
  command({
    name: 'UNWATCH',
    arity: 1,
    flags: 'noscript loading stale fast allow_busy',
    group,
    since: '2.2.0',
    summary: 'Forgets the watched keys.',
    complexity: 'O(1)',
    run: ({ server, client, reply }) => {
      server.unwatch(client)
      reply.ok()
    },
  }),
]

function exec(ctx: Context): void {
  // The engine fills one Context for every call: what this one needs afterwards is taken out of it first.
  const { server, client, reply } = ctx
  const { transaction } = client
  if (transaction === null) throw new ReplyError('ERR EXEC without MULTI')
  if (transaction.failed) {
    endTransaction(ctx)
    throw replyErrors.execAbort()
  }
  if (client.watchBroken || server.hasExpiredWatch(client)) {
    endTransaction(ctx)
    reply.nullArray()
    return
  }
  // Before the commands run: what they change is no reason against the next transaction.
  server.unwatch(client)
  reply.array(transaction.queue.length)
  server.beginTransaction()
  try {
    for (const { command, argv } of transaction.queue) server.callQueued(client, command, argv)
  } finally {
    client.transaction = null
    server.endTransaction()
  }
}

function endTransaction({ server, client }: Context): void {
  client.transaction = null
  server.unwatch(client)
}

function watch({ server, client, reply }: Context, argv: Arg[]): void {
  if (client.transaction !== null) throw new ReplyError('ERR WATCH inside MULTI is not allowed')
  for (let i = 1; i < argv.length; i++) server.watch(client, textOfArg(argv[i]))
  reply.ok()
}
