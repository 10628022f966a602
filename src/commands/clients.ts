// CLIENT: the connections there are, what each calls itself, and closing them.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { Client } from './client.js'
import { addressOf, lineOf, type Type, typeOf } from './client-line.js'
import { clientWaits, clientWaitsHelp } from './client-waits.js'
import { type Context, command, option, parseInteger, text } from './command.js'
import { helpCommand } from './help.js'
import { trackingCommands, trackingHelp } from './tracking.js'

const group = 'connection'

export const clientCommand = command({
  name: 'CLIENT',
  arity: -2,
  flags: '',
  group,
  since: '2.4.0',
  summary: 'Container of the commands about connections.',
  complexity: 'Depends on the subcommand.',
  subcommands: [
    command({
      name: 'CLIENT ID',
      arity: 2,
      flags: 'noscript loading stale',
      group,
      since: '5.0.0',
      summary: "Gives this connection's number.",
      complexity: 'O(1)',
      run: ({ client, reply }) => reply.integer(client.id),
    }),
    command({
      name: 'CLIENT GETNAME',
      arity: 2,
      flags: 'noscript loading stale',
      group,
      since: '2.6.9',
      summary: "Gives this connection's name.",
      complexity: 'O(1)',
      run: ({ client, reply }) => reply.bulk(client.name === '' ? null : client.name),
    }),
    command({
      name: 'CLIENT SETNAME',
      arity: 3,
      flags: 'noscript loading stale',
      group,
      since: '2.6.9',
      summary: 'Names this connection.',
      complexity: 'O(1)',
      syntax: 'connection-name',
      run: ({ client, reply }, argv) => {
        client.name = nameOf(argv[2])
        reply.ok()
      },
    }),
    command({
      name: 'CLIENT SETINFO',
      arity: 4,
      flags: 'noscript loading stale',
      group,
      since: '7.2.0',
      summary: 'Says which client library this connection is made with.',
      complexity: 'O(1)',
      syntax: '<LIB-NAME libname | LIB-VER libver>',
      run: setinfo,
    }),
    command({
      name: 'CLIENT INFO',
      arity: 2,
      flags: 'noscript loading stale',
      group,
      since: '6.2.0',
      summary: 'Describes this connection.',
      complexity: 'O(1)',
      run: (ctx) => ctx.reply.verbatim(`${lineOf(ctx.client, ctx.now, true)}\n`),
    }),
    command({
      name: 'CLIENT LIST',
      arity: -2,
      flags: 'admin noscript loading stale',
      group,
      since: '2.4.0',
      summary: 'Describes all connections, or some of them.',
      complexity: 'O(N) for N connections.',
      syntax: '[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID <client-id:integer ...>]',
      run: list,
    }),
    command({
      name: 'CLIENT KILL',
      arity: -3,
      flags: 'admin noscript loading stale',
      group,
      since: '2.4.0',
      summary: 'Closes connections.',
      complexity: 'O(N) for N connections.',
      syntax:
        '<ip:port | <[ID client-id:integer] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | ' +
        '[ADDR ip:port] | [LADDR ip:port] | [SKIPME yes/no]> ...>',
      run: kill,
    }),
    command({
      name: 'CLIENT REPLY',
      arity: 3,
      flags: 'noscript loading stale',
      group,
      since: '3.2.0',
      summary: 'Says whether this connection wants replies.',
      complexity: 'O(1)',
      syntax: '<ON | OFF | SKIP>',
      run: replies,
    }),
    command({
      name: 'CLIENT NO-EVICT',
      arity: 3,
      flags: 'admin noscript loading stale',
      group,
      since: '7.0.0',
      summary: 'Keeps this connection when connections are closed to save memory.',
      complexity: 'O(1)',
      syntax: '<ON | OFF>',
      run: ({ client, reply }, argv) => {
        client.noEvict = isOn(argv[2])
        reply.ok()
      },
    }),
    command({
      name: 'CLIENT NO-TOUCH',
      arity: 3,
      flags: 'noscript loading stale',
      group,
      since: '7.2.0',
      summary: 'Makes what this connection reads not count as use of the keys.',
      complexity: 'O(1)',
      syntax: '<ON | OFF>',
      run: ({ client, reply }, argv) => {
        client.noTouch = isOn(argv[2])
        reply.ok()
      },
    }),
    ...trackingCommands,
    ...clientWaits,
    helpCommand({
      of: 'CLIENT',
      group,
      since: '5.0.0',
      lines: [
        'ID',
        "    This connection's number.",
        'GETNAME',
        "    This connection's name.",
        'SETNAME <name>',
        '    Name this connection; an empty name takes the name away.',
        'SETINFO (LIB-NAME|LIB-VER) <value>',
        '    Say which client library is used.',
        'INFO',
        '    A line about this connection.',
        'LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]',
        '    A line for each connection.',
        'KILL <ip:port>',
        '    Close the connection that comes from there.',
        'KILL <option> <value> [<option> <value> [...]]',
        '    Close all connections that meet every option:',
        '    * ID <id>',
        '    * ADDR <ip:port>, where it comes from',
        '    * LADDR <ip:port>, where it came in',
        '    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
        '    * USER <username>',
        '    * SKIPME (YES|NO), whether to spare this one; YES if not given',
        'REPLY (ON|OFF|SKIP)',
        '    Send replies, send none, or leave out the next one.',
        ...clientWaitsHelp,
        'NO-EVICT (ON|OFF)',
        '    Keep this connection when memory is short.',
        'NO-TOUCH (ON|OFF)',
        '    Read without counting as use of the keys.',
        ...trackingHelp,
      ],
    }),
  ],
})

/** A name for a connection. Spaces would break CLIENT LIST into the wrong fields. */
export function nameOf(arg: Arg): string {
  const name = text(arg)
  if (!isPlain(name)) throw new ReplyError('ERR Client names cannot contain spaces, newlines or special characters.')
  return name
}

function isPlain(name: string): boolean {
  return /^[!-~]*$/.test(name)
}

function isOn(arg: Arg): boolean {
  const word = option(arg)
  if (word !== 'ON' && word !== 'OFF') throw replyErrors.syntax()
  return word === 'ON'
}

/** CLIENT SETINFO, from Redis 7.2: clients send it to every server and do without it where it fails. */
function setinfo({ client, reply }: Context, argv: Arg[]): void {
  const name = text(argv[2]).toLowerCase()
  const value = text(argv[3])
  if (name !== 'lib-name' && name !== 'lib-ver') throw new ReplyError(`ERR Unrecognized option '${text(argv[2])}'`)
  if (!isPlain(value)) throw new ReplyError(`ERR ${name} cannot contain spaces, newlines or special characters.`)
  if (name === 'lib-name') client.libName = value
  else client.libVersion = value
  reply.ok()
}

function replies({ client, reply }: Context, argv: Arg[]): void {
  switch (option(argv[2])) {
    case 'ON':
      client.replyMode = 'on'
      reply.ok()
      break
    case 'OFF':
      client.replyMode = 'off'
      break
    case 'SKIP':
      if (client.replyMode !== 'off') client.replyMode = 'skip-next'
      break
    default:
      throw replyErrors.syntax()
  }
}

function typeNamed(arg: Arg): Type {
  const name = text(arg)
  const type = name.toLowerCase()
  if (type === 'slave') return 'replica'
  if (type === 'normal' || type === 'master' || type === 'replica' || type === 'pubsub') return type
  throw new ReplyError(`ERR Unknown client type '${name}'`)
}

/** Those that hold a connection: the store's own are nobody's business. */
function connections({ server }: Context): Client[] {
  return [...server.clients.values()].filter((client) => client.kind !== 'internal')
}

function list(ctx: Context, argv: Arg[]): void {
  let chosen = connections(ctx)
  const how = argv.length > 2 ? option(argv[2]) : ''
  if (how === 'TYPE' && argv.length === 4) {
    const type = typeNamed(argv[3])
    chosen = chosen.filter((client) => typeOf(client) === type)
  } else if (how === 'ID' && argv.length > 3) {
    const ids = argv.slice(3).map((arg) => {
      const id = parseInteger(arg)
      if (id === undefined) throw new ReplyError('ERR Invalid client ID')
      return Number(id)
    })
    chosen = ids.flatMap((id) => chosen.filter((client) => client.id === id))
  } else if (how !== '') throw replyErrors.syntax()
  ctx.reply.verbatim(chosen.map((client) => `${lineOf(client, ctx.now, client === ctx.client)}\n`).join(''))
}

/** What CLIENT KILL looks for. All that is given has to fit. */
interface Filter {
  id?: number
  address?: string
  localAddress?: string
  type?: Type
  /** Only the default user has connections, besides our primary. */
  user?: string
  skipSelf: boolean
}

function kill(ctx: Context, argv: Arg[]): void {
  const { client: self, reply } = ctx
  const oldForm = argv.length === 3
  const filter = oldForm ? { address: text(argv[2]), skipSelf: false } : filterOf(argv)
  let killed = 0
  for (const client of connections(ctx)) {
    if (!isWanted(client, filter) || (client === self && filter.skipSelf)) continue
    killed++
    // The caller still gets its reply.
    if (client === self) client.closeAfterReply = true
    else client.close()
  }
  if (!oldForm) reply.integer(killed)
  else if (killed > 0) reply.ok()
  else throw new ReplyError('ERR No such client')
}

function filterOf(argv: Arg[]): Filter {
  const filter: Filter = { skipSelf: true }
  for (let i = 2; i < argv.length; i += 2) {
    if (i + 1 === argv.length) throw replyErrors.syntax()
    readFilter(filter, option(argv[i]), argv[i + 1])
  }
  return filter
}

function readFilter(filter: Filter, name: string, arg: Arg): void {
  const value = text(arg)
  switch (name) {
    case 'ID': {
      const id = parseInteger(arg)
      if (id === undefined || id < 1n) throw new ReplyError('ERR client-id should be greater than 0')
      filter.id = Number(id)
      break
    }
    case 'TYPE':
      filter.type = typeNamed(arg)
      break
    case 'ADDR':
      filter.address = value
      break
    case 'LADDR':
      filter.localAddress = value
      break
    case 'USER':
      if (value !== 'default') throw new ReplyError(`ERR No such user '${value}'`)
      filter.user = value
      break
    case 'SKIPME':
      if (!/^(?:yes|no)$/i.test(value)) throw replyErrors.syntax()
      filter.skipSelf = value.toLowerCase() === 'yes'
      break
    default:
      throw replyErrors.syntax()
  }
}

function isWanted(client: Client, { id, address, localAddress, type, user }: Filter): boolean {
  return (
    (id === undefined || client.id === id) &&
    (address === undefined || addressOf(client.link?.remote) === address) &&
    (localAddress === undefined || addressOf(client.link?.local) === localAddress) &&
    (type === undefined || typeOf(client) === type) &&
    (user === undefined || client.kind !== 'primary')
  )
}
