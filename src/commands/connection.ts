// What a client says of itself: who it is, which protocol it speaks, which database it means. CLIENT is in clients.ts.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { RespReply } from '../protocol/writer.js'
import { REDIS_VERSION } from '../version.js'
import { isSubscriber } from './channels.js'
import type { Client } from './client.js'
import { clientCommand, nameOf } from './clients.js'
import {
  type Command,
  type Context,
  command,
  INT32_MAX,
  INT32_MIN,
  integerBetween,
  option,
  parseInteger,
  text,
} from './command.js'

const group = 'connection'
/** For commands that a connection may need before anything else works. */
const ANY_TIME = 'noscript loading stale fast no_auth allow_busy'
/** The only user there is. */
const USER = 'default'

const HELLO_NEEDS_AUTH =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option ' +
  'can be used to authenticate the client and select the RESP protocol version at the same time'

export const connectionCommands: readonly Command[] = [
  command({
    name: 'PING',
    arity: -1,
    flags: 'fast',
    group,
    since: '1.0.0',
    summary: 'Answers PONG, or the message.',
    complexity: 'O(1)',
    syntax: '[message]',
    run: ({ client, reply }, argv) => {
      if (argv.length > 2) throw replyErrors.arity('ping')
      if (isSubscriber(client) && client.protocol === 2) {
        // In the form of a message: that is all a subscriber's reader understands.
        reply.array(2)
        reply.bulk('pong')
        reply.bulk(argv[1] ?? '')
      } else if (argv.length === 2) reply.bulk(argv[1])
      else reply.status('PONG')
    },
  }),
  command({
    name: 'ECHO',
    arity: 2,
    flags: 'loading stale fast',
    group,
    since: '1.0.0',
    summary: 'Answers the message.',
    complexity: 'O(1)',
    syntax: 'message',
    run: ({ reply }, argv) => reply.bulk(argv[1]),
  }),
  command({
    name: 'HELLO',
    arity: -1,
    flags: ANY_TIME,
    group,
    since: '6.0.0',
    summary: 'Chooses the protocol, and authenticates and names the connection on the way.',
    complexity: 'O(1)',
    syntax: '[protover [AUTH <username password>] [SETNAME clientname]]',
    run: hello,
  }),
  command({
    name: 'AUTH',
    arity: -2,
    flags: ANY_TIME,
    group,
    since: '1.0.0',
    summary: 'Authenticates the connection.',
    complexity: 'O(1)',
    syntax: '[username] password',
    run: auth,
  }),
  command({
    name: 'SELECT',
    arity: 2,
    flags: 'loading stale fast',
    group,
    since: '1.0.0',
    summary: 'Chooses the database that this connection works on.',
    complexity: 'O(1)',
    syntax: 'index',
    run: ({ server, client, reply }, argv) => {
      const index = integerBetween(argv[1], INT32_MIN, INT32_MAX)
      if (index < 0 || index >= server.dataset.keyspaces.length) throw replyErrors.dbIndex()
      client.db = index
      reply.ok()
    },
  }),
  command({
    name: 'QUIT',
    arity: -1,
    flags: ANY_TIME,
    group,
    since: '1.0.0',
    summary: 'Closes the connection after the reply.',
    complexity: 'O(1)',
    run: ({ client, reply }) => {
      reply.ok()
      client.closeAfterReply = true
    },
  }),
  command({
    name: 'RESET',
    arity: 1,
    flags: ANY_TIME,
    group,
    since: '6.2.0',
    summary: 'Makes the connection as it was when it was new.',
    complexity: 'O(1)',
    run: reset,
  }),
  clientCommand,
]

function hello(ctx: Context, argv: Arg[]): void {
  const { server, client, reply } = ctx
  let protocol: 2 | 3 | undefined
  if (argv.length > 1) {
    const version = parseInteger(argv[1])
    if (version === undefined) throw new ReplyError('ERR Protocol version is not an integer or out of range')
    if (version !== 2n && version !== 3n) throw new ReplyError('NOPROTO unsupported protocol version')
    protocol = version === 2n ? 2 : 3
  }
  // Each option takes effect when it is read, as in Redis: a mistake behind it does not take it back.
  for (let i = 2; i < argv.length; i++) {
    const left = argv.length - 1 - i
    const name = option(argv[i])
    if (name === 'AUTH' && left >= 2) {
      authenticate(ctx, text(argv[i + 1]), text(argv[i + 2]))
      i += 2
    } else if (name === 'SETNAME' && left >= 1) {
      client.name = nameOf(argv[i + 1])
      i++
    } else throw new ReplyError(`ERR Syntax error in HELLO option '${text(argv[i])}'`)
  }
  if (!client.authenticated && server.config.text('requirepass') !== '') throw new ReplyError(HELLO_NEEDS_AUTH)
  if (protocol !== undefined) speak(client, protocol)
  reply.map(7)
  reply.bulk('server')
  reply.bulk('redis')
  reply.bulk('version')
  reply.bulk(REDIS_VERSION)
  reply.bulk('proto')
  reply.integer(client.protocol)
  reply.bulk('id')
  reply.integer(client.id)
  reply.bulk('mode')
  reply.bulk('standalone')
  reply.bulk('role')
  reply.bulk(server.role === 'primary' ? 'master' : 'replica')
  reply.bulk('modules')
  reply.array(0)
}

function auth(ctx: Context, argv: Arg[]): void {
  if (argv.length > 3) throw replyErrors.syntax()
  if (argv.length === 3) authenticate(ctx, text(argv[1]), text(argv[2]))
  else {
    if (ctx.server.config.text('requirepass') === '')
      throw new ReplyError(
        'ERR AUTH <password> called without any password configured for the default user. ' +
          'Are you sure your configuration is correct?',
      )
    authenticate(ctx, USER, text(argv[1]))
  }
  ctx.reply.ok()
}

function authenticate({ server, client }: Context, user: string, password: string): void {
  const wanted = server.config.text('requirepass')
  // Without a password the default user takes any.
  if (user !== USER || (wanted !== '' && !isSame(password, wanted))) throw replyErrors.wrongPass()
  client.authenticated = true
}

/** Takes as long for a wrong first character as for a wrong last one. */
function isSame(given: string, wanted: string): boolean {
  let differs = given.length ^ wanted.length
  for (let i = 0; i < given.length; i++) differs |= given.charCodeAt(i) ^ wanted.charCodeAt(i % wanted.length)
  return differs === 0
}

/** Whether a client is on this machine, for settings that allow something `local`. */
export function isLocal({ link }: Client): boolean {
  return link === undefined || !link.fromOutside
}

function speak(client: Client, protocol: 2 | 3): void {
  client.protocol = protocol
  if (client.reply instanceof RespReply) client.reply.protocol = protocol
}

function reset({ server, client, reply }: Context): void {
  if (client.kind === 'replica' || client.kind === 'primary')
    throw new ReplyError('ERR can only reset normal client connections')
  if (client.monitor) server.setMonitor(client, false)
  server.channels.unsubscribeAll(client)
  server.tracking.disable(client)
  client.transaction = null
  server.unwatch(client)
  client.db = 0
  client.name = ''
  client.replyMode = 'on'
  client.authenticated = client.kind === 'internal' || server.config.text('requirepass') === ''
  speak(client, 2)
  reply.status('RESET')
}
