// SAVE, BGSAVE, DEBUG RELOAD: the data as a file, or once through the bytes of one. Where the file is, and how it gets to
// the disk, is known to whoever gave the store its file.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors, StoreError } from '../errors.js'
import { type Command, type Context, command, option } from './command.js'

/** How far a save or a load has come. */
export interface Progress {
  readonly of: 'save' | 'load'
  readonly state: 'running' | 'done' | 'failed'
  /** Keys written or read so far. */
  readonly keys: number
  /** Bytes of the file so far. */
  readonly bytes: number
  /** From 0 to 100: of the keys that are saved, of the bytes that are loaded. */
  readonly percent: number
}

/** The file that is being loaded at the start. */
export interface Loading {
  /** Ms since 1970. */
  readonly startedAt: number
  totalBytes: number
  loadedBytes: number
  /** What it took in memory when it was written, as it says itself. */
  usedBytes: number
}

/** What SHUTDOWN asks for. `save` is undefined if that goes by the save points. */
export interface ShutdownRequest {
  save: boolean | undefined
  /** Replicas are not waited for. */
  now: boolean
  /** A save that fails does not stop it. */
  force: boolean
}

/** The file of a store. */
export interface SaveFile {
  readonly isSaving: boolean
  readonly lastSaveFailed: boolean
  /** Saves that were begun, of any kind. */
  readonly saves: number
  /** How long the last save beside other work took, and the one under way has taken so far; -1: there is none. */
  readonly lastSaveSeconds: number
  readonly currentSaveSeconds: number
  /** Of the save under way; null when there is none. */
  readonly saveProgress: { readonly keys: number; readonly totalKeys: number } | null
  /** Keys that were loaded from it at the start, without those that a primary held to be past their time; and how many those were. */
  readonly loadedKeys: number
  readonly loadedPastKeys: number
  /** The error reply to writes while they cannot be saved (stop-writes-on-bgsave-error); null: they can. */
  readonly refusal: string | null
  /** Writes everything, and comes back when it is on the disk. Throws StoreError FILE. */
  saveNow(): void
  /** The same beside other work. */
  save(): Promise<void>
  /** The same before the end. One that fails changes nothing of what INFO shows or of what is refused. */
  saveLast(): Promise<void>
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
    throw new ReplyError('ERR')
  }
  ctx.reply.ok()
}

function bgsave(ctx: Context, argv: Arg[]): void {
  const { env } = ctx.server
  const isScheduled = argv.length === 2 && option(argv[1]) === 'SCHEDULE'
  if (argv.length > 1 && !isScheduled) throw replyErrors.syntax()
  const file = fileOf(ctx)
  if (file.isSaving) throw new ReplyError('ERR Background save already in progress')
  // What goes wrong is in the log, and in INFO.
  const begin = (): void => void file.save().catch(() => {})
  if (ctx.client.transaction === null) begin()
  // What the rest of the transaction writes belongs into the file.
  else env.soon(begin)
  ctx.reply.status(`Background saving ${ctx.client.transaction === null ? 'started' : 'scheduled'}`)
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
