// FAILOVER: hands the role of the primary to one of its replicas. How that goes is told in replication/failover.ts.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { Target } from '../replication/failover.js'
import { type Command, type Context, command, integer, option, text } from './command.js'

function failover({ server, reply }: Context, argv: Arg[]): void {
  const { failover } = server.replication
  if (argv.length === 2 && option(argv[1]) === 'ABORT') {
    failover.abort()
    reply.ok()
    return
  }
  let to: Target | null = null
  let force = false
  let timeoutMs = 0
  for (let i = 1; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'TIMEOUT' && i + 1 < argv.length && timeoutMs === 0) {
      timeoutMs = integer(argv[++i])
      if (timeoutMs <= 0) throw new ReplyError('ERR FAILOVER timeout must be greater than 0')
    } else if (word === 'TO' && i + 2 < argv.length && to === null) {
      to = { host: text(argv[i + 1]), port: integer(argv[i + 2]) }
      i += 2
    } else if (word === 'FORCE' && !force) force = true
    else throw replyErrors.syntax()
  }
  failover.begin({ to, force, timeoutMs })
  reply.ok()
}

export const failoverCommands: readonly Command[] = [
  command({
    name: 'FAILOVER',
    arity: -1,
    flags: 'admin noscript stale',
    group: 'server',
    since: '6.2.0',
    summary: 'Hands the role of the primary to one of its replicas, which has everything by then.',
    complexity: 'O(1)',
    syntax: '[TO <host port:integer [FORCE]>] [ABORT] [TIMEOUT milliseconds:integer]',
    run: failover,
  }),
]
