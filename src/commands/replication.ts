// Who follows whom: the commands of operators and Sentinel (REPLICAOF, ROLE), and those that replicas speak to their
// primary (REPLCONF, PSYNC, SYNC). What they mean for links and streams is the engine's business.

import type { Arg } from '../bytes.js'
import { splitWords } from '../config/words.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { Client } from './client.js'
import {
  bigInteger,
  type Command,
  type Context,
  command,
  INT32_MAX,
  INT32_MIN,
  integerBetween,
  option,
  parseInteger,
  type Server,
  text,
} from './command.js'

const group = 'server'
const MAX_PORT = 65_535
/** Longest name or address that a replica may give itself, as in Redis. */
const MAX_IP_LENGTH = 255

const follow = {
  arity: 3,
  flags: 'admin noscript stale no_async_loading',
  group,
  complexity: 'O(1)',
  syntax: '<host port | NO ONE>',
  run: replicaof,
} as const

export const replicationCommands: readonly Command[] = [
  command({
    ...follow,
    name: 'REPLICAOF',
    since: '5.0.0',
    summary: 'Makes the node a replica of another one, or a primary.',
  }),
  command({
    ...follow,
    name: 'SLAVEOF',
    since: '1.0.0',
    summary: 'The older name of REPLICAOF.',
  }),
  command({
    name: 'ROLE',
    arity: 1,
    flags: 'noscript loading stale fast',
    group,
    since: '2.8.12',
    summary: 'Tells whether the node is a primary or a replica, and how far it and its replicas are.',
    complexity: 'O(N) for N replicas.',
    run: role,
  }),
  command({
    name: 'REPLCONF',
    arity: -1,
    flags: 'admin noscript loading stale allow_busy',
    group,
    since: '3.0.0',
    summary: 'What a replica tells its primary, and the reverse.',
    complexity: 'O(1)',
    run: replconf,
  }),
  command({
    name: 'PSYNC',
    arity: -3,
    flags: 'admin noscript no_async_loading no_multi',
    group,
    since: '2.8.0',
    summary: 'Makes the connection a replica that goes on from an offset, if it can.',
    syntax: 'replicationid offset',
    run: ({ server, client }, argv) => {
      if (client.kind !== 'normal' || client.monitor) return
      if (argv.length > 3 && option(argv[3]) === 'FAILOVER') takeOver(server, client, text(argv[1]))
      if (!mayAttach(server, client)) return
      const wanted = Number(offsetOf(server, client, argv[2]))
      server.replication.attach(client, text(argv[1]), wanted, false)
    },
  }),
  command({
    name: 'SYNC',
    arity: 1,
    flags: 'admin noscript no_async_loading no_multi',
    group,
    since: '1.0.0',
    summary: 'Makes the connection a replica that starts with a snapshot.',
    run: ({ server, client }) => {
      if (!mayAttach(server, client)) return
      server.replication.attach(client, '?', -1, true)
    },
  }),
]

function replicaof({ server, client, reply }: Context, argv: Arg[]): void {
  server.replication.failover.assertIdle()
  if (option(argv[1]) === 'NO' && option(argv[2]) === 'ONE') {
    if (server.role === 'replica') server.promote()
    reply.ok()
    return
  }
  // A replica's link cannot give orders to its primary.
  if (client.kind === 'replica') throw new ReplyError('ERR Command is not valid when client is a replica.')
  const port = parseInteger(argv[2])
  if (port === undefined || port < 0n || port > MAX_PORT) throw new ReplyError('ERR Invalid master port')
  const host = text(argv[1])
  const primary = server.primary()
  const isSame = primary?.host.toLowerCase() === host.toLowerCase() && primary.port === Number(port)
  if (isSame && !primary.isStopped) {
    reply.status('OK Already connected to specified master')
    return
  }
  server.follow(host, Number(port))
  reply.ok()
}

function role({ server, reply }: Context): void {
  const { history } = server
  const primary = server.primary()
  if (primary === null) {
    const online = server.replicas().filter(({ state }) => state === 'online')
    reply.array(3)
    reply.bulk('master')
    reply.integer(history.offset)
    reply.array(online.length)
    for (const { host, port, offset } of online) {
      reply.array(3)
      reply.bulk(host)
      reply.bulk(String(port))
      reply.bulk(String(offset))
    }
    return
  }
  reply.array(5)
  reply.bulk('slave')
  reply.bulk(primary.host)
  reply.integer(primary.port)
  reply.bulk(primary.state)
  reply.integer(primary.up ? history.offset : -1)
}

/** Our primary hands its role to us. Then it is a replica like any other. */
function takeOver(server: Server, client: Client, replid: string): void {
  server.env.log.warn(`Failover request received for replid ${replid}.`)
  if (server.role === 'primary') throw new ReplyError("ERR PSYNC FAILOVER can't be sent to a master.")
  if (replid.toLowerCase() !== server.history.replid) {
    throw new ReplyError('ERR PSYNC FAILOVER replid must match my replid.')
  }
  server.promote(`failover request from '${client.link?.remote}'`)
}

function offsetOf(server: Server, { link }: Client, arg: Arg): bigint {
  try {
    return bigInteger(arg)
  } catch (error) {
    server.env.log.warn(`Replica ${link?.remote} asks for synchronization but with a wrong offset`)
    throw error
  }
}

/** False when the connection is a replica's already, or can be none: nothing is answered then. */
function mayAttach(server: Server, { kind, monitor }: Client): boolean {
  if (kind !== 'normal' || monitor) return false
  if (server.replication.failover.isUnderWay) {
    throw new ReplyError("NOMASTERLINK Can't SYNC while failing over")
  }
  // Without its own primary a replica has nothing to hand on.
  if (server.primary()?.up === false) throw new ReplyError("NOMASTERLINK Can't SYNC while not connected with my master")
  return true
}

/** Options in pairs. What stands before a mistake has taken effect, as in Redis. */
function replconf(ctx: Context, argv: Arg[]): void {
  if (argv.length % 2 === 0) throw replyErrors.syntax()
  for (let i = 1; i < argv.length; i += 2) {
    if (!setOption(ctx, text(argv[i]), argv, i + 1)) return
  }
  // Tells a replica of our own kind, which asked so, who we are. Others read no further than the plus sign.
  if (argv.length === 3 && text(argv[2]) === 'hotspare') ctx.reply.status('OK hotspare')
  else ctx.reply.ok()
}

/** False for what is never answered: an answer would stand in the middle of the stream. */
function setOption({ server, client }: Context, name: string, argv: readonly Arg[], at: number): boolean {
  const { announced } = client
  const arg = argv[at]
  switch (name.toLowerCase()) {
    case 'listening-port':
      announced.port = integerBetween(arg, INT32_MIN, INT32_MAX)
      return true
    case 'ip-address': {
      const ip = text(arg)
      if (ip.length > MAX_IP_LENGTH)
        throw new ReplyError(`ERR REPLCONF ip-address provided by replica instance is too long: ${ip.length} bytes`)
      announced.ip = ip
      return true
    }
    case 'capa': {
      const capability = text(arg).toLowerCase()
      if (capability === 'eof') announced.eof = true
      else if (capability === 'psync2') announced.psync2 = true
      else if (capability === 'rdb-channel-repl') announced.rdbChannel = true
      return true
    }
    case 'version':
      // From Valkey 8: a replica that says it is told apart from old ones. Redis 7.0 refuses it, and is asked on.
      announced.version = text(arg).slice(0, MAX_IP_LENGTH)
      return true
    case 'hotspare-id':
      // A replica of our own kind. It only says so to a primary that is one too.
      announced.ourId = text(arg).slice(0, MAX_IP_LENGTH)
      return true
    case 'hotspare-verify':
      if (client.kind === 'replica') server.verified(client, text(arg))
      return false
    case 'rdb-only':
      announced.rdbOnly = integerBetween(arg, 0, 1) === 1
      return true
    case 'rdb-filter-only':
      filterSnapshot(client, text(arg))
      return true
    case 'ack': {
      const offset = parseInteger(arg)
      // From Redis 7.2: what is on the replica's disk.
      const fsynced = at + 2 < argv.length && option(argv[at + 1]) === 'FACK' ? parseInteger(argv[at + 2]) : undefined
      if (client.kind === 'replica' && offset !== undefined) {
        server.replication.acknowledge(client, Number(offset), fsynced === undefined ? undefined : Number(fsynced))
      }
      return false
    }
    case 'getack':
      if (client.kind === 'primary') server.replication.acknowledgeNow()
      return false
    default:
      throw new ReplyError(`ERR Unrecognized REPLCONF option: ${name}`)
  }
}

/** What the snapshot is to hold, in words; only functions can be asked for alone, and there are none. */
function filterSnapshot({ announced }: Client, given: string): void {
  const words = splitWords(given)
  if (words === undefined) throw new ReplyError('ERR Missing rdb-filter-only values')
  for (const word of words)
    if (word !== 'functions') throw new ReplyError(`ERR Unsupported rdb-filter-only option: ${word}`)
  announced.noKeys = true
}
