// CLIENT PAUSE and its end, and CLIENT UNBLOCK: clients that wait.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { type Command, type Context, command, integer, option, parseInteger, text } from './command.js'

function pause({ server, reply, now }: Context, argv: Arg[]): void {
  if (argv.length > 4) throw replyErrors.subcommandUse('CLIENT', text(argv[1]))
  const mode = argv.length === 4 ? option(argv[3]) : 'ALL'
  if (mode !== 'WRITE' && mode !== 'ALL') throw new ReplyError('ERR CLIENT PAUSE mode must be WRITE or ALL')
  const timeoutMs = parseInteger(argv[2])
  if (timeoutMs === undefined || timeoutMs > Number.MAX_SAFE_INTEGER - now)
    throw new ReplyError('ERR timeout is not an integer or out of range')
  if (timeoutMs < 0) throw new ReplyError('ERR timeout is negative')
  server.pause.begin(now + Number(timeoutMs), mode === 'WRITE' ? 'write' : 'all')
  reply.ok()
}

function unblock({ server, reply }: Context, argv: Arg[]): void {
  if (argv.length > 4) throw replyErrors.subcommandUse('CLIENT', text(argv[1]))
  const how = argv.length === 4 ? option(argv[3]) : 'TIMEOUT'
  if (how !== 'TIMEOUT' && how !== 'ERROR') throw new ReplyError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')
  const target = server.clients.get(integer(argv[2]))
  const error = how === 'ERROR' ? 'UNBLOCKED client unblocked via CLIENT UNBLOCK' : undefined
  reply.integer(target !== undefined && server.unblock(target, error) ? 1 : 0)
}

const one = { group: 'connection', flags: 'admin noscript loading stale' } as const

export const clientWaits: readonly Command[] = [
  command({
    ...one,
    name: 'CLIENT PAUSE',
    arity: -3,
    since: '2.9.50',
    summary: 'Lets requests wait for some time: those that may write, or all.',
    complexity: 'O(1)',
    syntax: 'timeout:integer [WRITE | ALL]',
    run: pause,
  }),
  command({
    ...one,
    name: 'CLIENT UNPAUSE',
    arity: 2,
    since: '6.2.0',
    summary: 'Ends CLIENT PAUSE.',
    complexity: 'O(N) for N requests that wait.',
    run: ({ server, reply }) => {
      server.pause.end()
      reply.ok()
    },
  }),
  command({
    ...one,
    name: 'CLIENT UNBLOCK',
    arity: -3,
    since: '5.0.0',
    summary: 'Ends the waiting of a client in a command that blocks.',
    complexity: 'O(1)',
    syntax: 'client-id:integer [TIMEOUT | ERROR]',
    run: unblock,
  }),
]

export const clientWaitsHelp: readonly string[] = [
  'PAUSE <timeout> [WRITE|ALL]',
  '    Let requests of all clients wait for that many milliseconds: those that may write, or all.',
  'UNPAUSE',
  '    Let them go on.',
  'UNBLOCK <clientid> [TIMEOUT|ERROR]',
  '    End the waiting of a client in a command that blocks, as if its time were over, or with an error.',
]
