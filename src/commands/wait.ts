// WAIT and WAITAOF: the client goes on when enough replicas have what it wrote, or have it on their disks.

import type { Arg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import type { Reply } from '../protocol/writer.js'
import { bigInteger, type Command, type Context, command, integerBetween, parseInteger } from './command.js'

const onReplica = (name: string): ReplyError =>
  new ReplyError(
    `ERR ${name} cannot be used with replica instances. Please also note that ` +
      (name === 'WAIT'
        ? 'since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just ' +
          'local and are not propagated.'
        : 'writes to replicas are just local and are not propagated.'),
  )

function wait(ctx: Context, argv: Arg[]): void {
  const { server, client, reply } = ctx
  if (server.role === 'replica') throw onReplica('WAIT')
  const replicas = bigInteger(argv[1])
  const timeoutMs = timeoutOf(argv[2])
  const { acknowledgments } = server.replication
  const count = (): number => acknowledgments.count(client.offset)
  const isMet = (): boolean => BigInt(count()) >= replicas
  if (isMet() || !ctx.mayBlock) reply.integer(count())
  else waitUntil(ctx, isMet, timeoutMs, (reply) => reply.integer(count()))
}

function waitaof(ctx: Context, argv: Arg[]): void {
  const { server, client, reply } = ctx
  const local = integerBetween(argv[1], 0, 1)
  const replicas = parseInteger(argv[2])
  if (replicas === undefined || replicas < 0n) throw new ReplyError('ERR value is out of range, must be positive')
  const timeoutMs = timeoutOf(argv[3])
  if (server.role === 'replica') throw onReplica('WAITAOF')
  const isOff = (): boolean => local > 0 && server.appendOnly?.isOn !== true
  // It may be turned off while somebody waits.
  if (isOff()) throw new ReplyError('ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.')
  const { acknowledgments } = server.replication
  const localCount = (): number => (server.durability.offset >= acknowledgments.wanted(client.offset) ? 1 : 0)
  const count = (): number => acknowledgments.countFsynced(client.offset)
  const answer = (reply: Reply): void => {
    reply.array(2)
    reply.integer(localCount())
    reply.integer(count())
  }
  const isMet = (): boolean => localCount() >= local && BigInt(count()) >= replicas
  if (isMet() || !ctx.mayBlock) answer(reply)
  else waitUntil(ctx, () => isOff() || isMet(), timeoutMs, answer)
}

/** The client runs its command again as soon as `isMet`. */
function waitUntil(ctx: Context, isMet: () => boolean, timeoutMs: number, timedOut: (reply: Reply) => void): void {
  const { acknowledgments } = ctx.server.replication
  let forget = (): void => {}
  ctx.block({
    keys: [],
    type: 'list',
    timeoutMs,
    timedOut,
    work: (done) => {
      forget = acknowledgments.wait(isMet, done)
    },
    ended: () => forget(),
  })
}

/** Milliseconds; 0: for ever. */
function timeoutOf(arg: Arg): number {
  const timeoutMs = parseInteger(arg)
  if (timeoutMs === undefined) throw new ReplyError('ERR timeout is not an integer or out of range')
  if (timeoutMs < 0n) throw new ReplyError('ERR timeout is negative')
  return Number(timeoutMs)
}

export const waitCommands: readonly Command[] = [
  command({
    name: 'WAIT',
    arity: 3,
    flags: 'noscript',
    group: 'generic',
    since: '3.0.0',
    summary: 'Waits until so many replicas have what the client has written.',
    complexity: 'O(1)',
    syntax: 'numreplicas:integer timeout:integer',
    run: wait,
  }),
  command({
    name: 'WAITAOF',
    arity: 4,
    flags: 'blocking',
    group: 'generic',
    since: '7.2.0',
    summary:
      'Waits until what the client has written is in the append-only file here, and in those of so many replicas.',
    complexity: 'O(1)',
    syntax: 'numlocal:integer numreplicas:integer timeout:integer',
    run: waitaof,
  }),
]
