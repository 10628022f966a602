// How CLIENT LIST and CLIENT INFO describe a connection: one line, in the format of Redis 7.0.

import { isSubscriber } from './channels.js'
import type { Client } from './client.js'

/** The user that a primary's stream runs as. */
const SUPERUSER = '(superuser)'

/**
 * One line of CLIENT LIST as Redis 7.0 writes it. There is no descriptor, and there are no fixed buffers to tell of.
 * `asks`: it is this client's request that is being answered, which Redis counts as not read yet.
 */
export function lineOf(client: Client, now: number, asks = false): string {
  const { query: waiting, request, output } = client.buffers()
  const query = asks ? waiting + request : waiting
  const { transaction } = client
  const queuedBytes = transaction?.queuedBytes ?? 0
  const fields: [name: string, value: string | number][] = [
    ['id', client.id],
    ['addr', addressOf(client.link?.remote)],
    ['laddr', addressOf(client.link?.local)],
    ['fd', -1],
    ['name', client.name],
    ['age', secondsBetween(client.createdAt, now)],
    ['idle', secondsBetween(client.lastActiveAt, now)],
    ['flags', flagsOf(client)],
    ['db', client.db],
    ['sub', client.subscriptions?.channel.size ?? 0],
    ['psub', client.subscriptions?.pattern.size ?? 0],
    ['ssub', client.subscriptions?.shard.size ?? 0],
    ['multi', transaction === null ? -1 : transaction.queue.length],
    ['qbuf', query],
    ['qbuf-free', 0],
    ['argv-mem', 0],
    ['multi-mem', queuedBytes],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', output > 0 ? 1 : 0],
    ['omem', output],
    ['tot-mem', query + output + queuedBytes],
    ['events', output > 0 ? 'rw' : 'r'],
    ['cmd', client.lastCommand],
    ['user', client.kind === 'primary' ? SUPERUSER : 'default'],
    ['redir', client.tracking?.redirect ?? -1],
    ['resp', client.protocol],
  ]
  // From Redis 7.2; told of those that said so, that nobody else's line changes.
  if (client.libName !== '' || client.libVersion !== '')
    fields.push(['lib-name', client.libName], ['lib-ver', client.libVersion])
  return fields.map(([name, value]) => `${name}=${value}`).join(' ')
}

export type Type = 'normal' | 'master' | 'replica' | 'pubsub'

export function typeOf(client: Client): Type {
  if (client.kind === 'primary') return 'master'
  if (client.kind === 'replica') return 'replica'
  return isSubscriber(client) ? 'pubsub' : 'normal'
}

/** Redis' `ip:port`; what has no port (a Unix socket, a named node) gets port 0, as Redis does it. */
export function addressOf(name: string | undefined): string {
  if (name === undefined) return ':0'
  return /:\d+$/.test(name) ? name : `${name}:0`
}

function flagsOf(client: Client): string {
  let flags = ''
  if (client.monitor) flags += 'O'
  else if (client.kind === 'replica') flags += 'S'
  if (client.kind === 'primary') flags += 'M'
  if (isSubscriber(client)) flags += 'P'
  if (client.transaction !== null) flags += 'x'
  if (client.blocked !== null || client.isPaused) flags += 'b'
  if (client.tracking !== null) flags += 't'
  if (client.tracking?.isBroken) flags += 'R'
  if (client.tracking?.isBroadcast) flags += 'B'
  if (client.watchBroken) flags += 'd'
  if (client.closeAfterReply) flags += 'c'
  if (client.link?.local.startsWith('/')) flags += 'U'
  if (client.noEvict) flags += 'e'
  if (client.noTouch) flags += 'T'
  return flags === '' ? 'N' : flags
}

function secondsBetween(from: number, to: number): number {
  return Math.max(0, Math.floor((to - from) / 1000))
}
