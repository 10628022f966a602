// BGREWRITEAOF, DEBUG LOADAOF, and what INFO tells of the append-only file. The file itself is known to whoever gave the
// store its folder.

import { ReplyError } from '../errors.js'
import { type Command, type Context, command, type Server } from './command.js'

/** The append-only file of a store. */
export interface AppendOnly {
  /** Writes go into it. */
  readonly isOn: boolean
  readonly isRewriting: boolean
  /** A rewrite is to begin when what hinders it is over. */
  readonly isScheduled: boolean
  readonly lastRewriteFailed: boolean
  /** Seconds; -1: there was none, or none is under way. */
  readonly lastRewriteSeconds: number
  readonly currentRewriteSeconds: number
  readonly rewrites: number
  readonly failedInARow: number
  /** Why writes are refused, in the system's words; null while all is well. */
  readonly fault: string | null
  readonly currentBytes: number
  readonly baseBytes: number
  readonly queuedBytes: number
  readonly isSyncing: boolean
  readonly delayedSyncs: number
  /** Begins when this turn's work is done. */
  rewrite(): void
  /** Throws away what is held and loads the file again; `done` is called when that is over, never from inside. */
  reload(done: (error?: Error) => void): void
}

function bgrewriteaof({ server, client, reply }: Context): void {
  const { appendOnly } = server
  if (appendOnly === null) throw new ReplyError('ERR This store is in memory only and has no file')
  if (appendOnly.isRewriting) throw new ReplyError('ERR Background append only file rewriting already in progress')
  appendOnly.rewrite()
  // In a transaction it begins when that is over: what the rest of it writes belongs into the file.
  reply.status(`Background append only file rewriting ${client.transaction === null ? 'started' : 'scheduled'}`)
}

/** What the file of the client that asked said; kept until its call runs again. */
const outcomes = new WeakMap<object, Error | null>()

/** DEBUG LOADAOF. */
export function loadAof(ctx: Context): void {
  const { server, client, reply } = ctx
  const { appendOnly } = server
  if (ctx.readyKey !== undefined) {
    const error = outcomes.get(client)
    outcomes.delete(client)
    if (error != null) throw new ReplyError(`ERR ${error.message}`)
    reply.ok()
    return
  }
  if (appendOnly === null) throw new ReplyError('ERR This store is in memory only and has no file')
  if (!ctx.mayBlock) throw new ReplyError('ERR DEBUG LOADAOF is not possible here')
  ctx.block({
    keys: [],
    type: 'list',
    timeoutMs: 0,
    timedOut: () => {},
    work: (done) =>
      appendOnly.reload((error) => {
        outcomes.set(client, error ?? null)
        done()
      }),
  })
}

/** What a write is refused with while the disk takes none. */
export function assertWritable({ file, appendOnly }: Pick<Server, 'file' | 'appendOnly'>): void {
  if (file !== null && file.refusal !== null) throw new ReplyError(file.refusal)
  if (appendOnly === null || appendOnly.fault === null) return
  throw new ReplyError(`MISCONF Errors writing to the AOF file: ${appendOnly.fault}`)
}

type Field = readonly [name: string, value: string | number]

/** The fields of INFO persistence, as far as the version that we say we are shows them. */
export function appendOnlyFields({ appendOnly: file }: Server): { before: Field[]; after: Field[] } {
  const before: Field[] = [
    ['aof_enabled', file?.isOn ? 1 : 0],
    ['aof_rewrite_in_progress', file?.isRewriting ? 1 : 0],
    ['aof_rewrite_scheduled', file?.isScheduled ? 1 : 0],
    ['aof_last_rewrite_time_sec', file?.lastRewriteSeconds ?? -1],
    ['aof_current_rewrite_time_sec', file?.currentRewriteSeconds ?? -1],
    ['aof_last_bgrewrite_status', file?.lastRewriteFailed ? 'err' : 'ok'],
    ['aof_rewrites', file?.rewrites ?? 0],
    ['aof_rewrites_consecutive_failures', file?.failedInARow ?? 0],
    ['aof_last_write_status', file !== null && file.fault !== null ? 'err' : 'ok'],
    ['aof_last_cow_size', 0],
  ]
  if (file === null || !file.isOn) return { before, after: [] }
  const after: Field[] = [
    ['aof_current_size', file.currentBytes],
    ['aof_base_size', file.baseBytes],
    ['aof_pending_rewrite', file.isScheduled ? 1 : 0],
    ['aof_buffer_length', file.queuedBytes],
    ['aof_pending_bio_fsync', file.isSyncing ? 1 : 0],
    ['aof_delayed_fsync', file.delayedSyncs],
  ]
  return { before, after }
}

export const appendOnlyCommands: readonly Command[] = [
  command({
    name: 'BGREWRITEAOF',
    group: 'server',
    since: '1.0.0',
    arity: 1,
    flags: 'admin noscript no_async_loading',
    summary: 'Writes the append-only file anew beside other work, as short as it can be.',
    complexity: 'O(1)',
    run: bgrewriteaof,
  }),
]
