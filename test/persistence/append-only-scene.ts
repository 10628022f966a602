// What the tests of the append-only file are made of: a store on a disk in memory.

import { join } from 'node:path'
import { datasetDigest } from '../../src/commands/digest.js'
import type { SettingName } from '../../src/config/directives.js'
import { Store } from '../../src/store.js'
import { LogLines } from '../compat/nodes.js'
import { until } from '../suite.js'
import type { MemoryDisk } from './memory-disk.js'

export const DIR = '/nowhere'
export const FOLDER = join(DIR, 'appendonlydir')
export const MANIFEST = join(FOLDER, 'appendonly.aof.manifest')
export const inFolder = (name: string): string => join(FOLDER, `appendonly.aof.${name}`)
export const FIRST = inFolder('1.incr.aof')

export type Directives = Partial<Record<SettingName, string>>

const opened: Store[] = []
/** Closes every store that was opened here. */
export async function closeAll(): Promise<void> {
  for (const store of opened.splice(0)) await store.close({ save: false }).catch(() => undefined)
}

/** Another store that `closeAll` closes. */
export function keep(store: Store): Store {
  opened.push(store)
  return store
}

export const BASIC: Directives = {
  appendonly: 'yes',
  appendfsync: 'always',
  'repl-ping-replica-period': '600',
  'enable-debug-command': 'yes',
}

export async function open(disk: MemoryDisk, directives: Directives = {}, log = new LogLines()): Promise<Store> {
  const store = await Store.open({ dir: DIR, disk, log, config: { ...BASIC, ...directives } })
  opened.push(store)
  return store
}

/** What is written so far is in the file, and forced to the disk under `always`. */
export const flush = (store: Store): void => store.engine.beforeReply()
export const digestOf = (store: Store): string => datasetDigest(store.engine.env, store.engine.dataset)

export async function rewritten(store: Store): Promise<void> {
  store.call('BGREWRITEAOF')
  await until(() => !store.engine.appendOnly!.isRewriting, { what: 'the rewrite is over' })
}

export async function rejected(promise: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error & { code?: string }
  }
  throw new Error('it was expected to fail')
}

/** The commands of a file, and nothing else. */
export const commandsOf = (disk: MemoryDisk, path: string): string =>
  disk
    .bytesOf(path)
    .toString('latin1')
    .replace(/^#.*\r\n/gm, '')
