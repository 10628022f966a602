// SAVE, BGSAVE, DEBUG RELOAD: the data as a file, or once through the bytes of one. Where the file is, and how it gets to
// the disk, is known to whoever gave the store its file.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors, StoreError } from '../errors.js'
import { type Command, type Context, command, option } from './command.js'

/** The file of a store. */
export interface SaveFile {
  readonly isSaving: boolean
  readonly lastSaveFailed: boolean
  /** Writes everything, and comes back when it is on the disk. Throws StoreError FILE. */
  saveNow(): void
  /** The same beside other work. */
  save(): Promise<void>
}

function fileOf({ server }: Context): SaveFile {
  if (server.file === null) throw new ReplyError('ERR This store is in memory only and has no file')
  return server.file
}

function save(ctx: Context): void {
  const file = fileOf(ctx)
  if (file.isSaving) throw new ReplyError('ERR Background save already in progress')
  try {
    file.saveNow()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    ctx.server.env.log.warn(error.message)
    throw new ReplyError('ERR')
  }
  ctx.reply.ok()
}

function bgsave(ctx: Context, argv: Arg[]): void {
  const { env } = ctx.server
  const isScheduled = argv.length === 2 && option(argv[1]) === 'SCHEDULE'
  if (argv.length > 1 && !isScheduled) throw replyErrors.syntax()
  const file = fileOf(ctx)
  if (file.isSaving && !isScheduled) throw new ReplyError('ERR Background save already in progress')
  env.log.info('Background saving started')
  file.save().then(
    () => env.log.info('Background saving terminated with success'),
    (error: unknown) => env.log.warn(`Background saving error: ${error}`),
  )
  ctx.reply.status(isScheduled ? 'Background saving scheduled' : 'Background saving started')
}

/** DEBUG RELOAD [NOSAVE] [NOFLUSH] [MERGE]: through the bytes of a snapshot and back, as after a restart. No file is touched. */
export function reload({ server, reply }: Context): void {
  server.reload()
  reply.ok()
}

const common = { group: 'server', since: '1.0.0' } as const

export const saveCommands: readonly Command[] = [
  command({
    ...common,
    name: 'SAVE',
    arity: 1,
    flags: 'admin noscript no_async_loading no_multi',
    summary: 'Writes all data to the file; everything waits for it.',
    complexity: 'O(N) for N keys',
    run: save,
  }),
  command({
    ...common,
    name: 'BGSAVE',
    arity: -1,
    flags: 'admin noscript no_async_loading',
    summary: 'Writes all data to the file beside other work.',
    complexity: 'O(1)',
    syntax: '[SCHEDULE]',
    run: bgsave,
  }),
]
