// The manifest of an append-only file: which files it is made of, in which order. A line for each, as Redis 7 writes it:
//   file appendonly.aof.1.base.rdb seq 1 type b        all data at one moment: an RDB file, or commands
//   file appendonly.aof.1.incr.aof seq 1 type i        what came after it: commands; the last one is appended to
//   file appendonly.aof.0.incr.aof seq 0 type h        history: no longer needed, to be deleted
// Lines that begin with # are comments, and keys that are not known here (Redis 8: startoffset) are passed over.

import { join } from 'node:path'
import { quote, splitWords } from '../config/words.js'
import { StoreError } from '../errors.js'
import type { Disk } from './disk.js'

export interface AofPart {
  name: string
  seq: number
}

export interface Manifest {
  base: AofPart | null
  /** In the order in which they are applied, numbers rising. */
  increments: AofPart[]
  history: AofPart[]
}

/** As in Redis. */
const MAX_LINE_BYTES = 1024

const manifestName = (filename: string): string => `${filename}.manifest`
/** An RDB file, or commands (aof-use-rdb-preamble no). */
export type BaseForm = 'rdb' | 'commands'
export const baseName = (filename: string, seq: number, form: BaseForm): string =>
  `${filename}.${seq}.base.${form === 'rdb' ? 'rdb' : 'aof'}`
export const incrementName = (filename: string, seq: number): string => `${filename}.${seq}.incr.aof`

export function emptyManifest(): Manifest {
  return { base: null, increments: [], history: [] }
}

/** Reads a manifest. Throws StoreError AOF with the line that is wrong. */
function parseManifest(text: string): Manifest {
  const manifest = emptyManifest()
  if (text === '') throw bad(0, 'it is empty')
  const lines = text.split('\n')
  if (lines.pop() !== '') throw bad(lines.length + 1, 'the last line is cut off')
  lines.forEach((line, i) => {
    if (line.startsWith('#')) return
    if (line.length >= MAX_LINE_BYTES) throw bad(i + 1, 'it is too long')
    addLine(manifest, line.trim(), i + 1)
  })
  return manifest
}

function addLine(manifest: Manifest, line: string, number: number): void {
  const words = splitWords(line)
  if (words === undefined || words.length < 6 || words.length % 2 !== 0) throw bad(number, 'it is no list of pairs')
  const fields = new Map<string, string>()
  for (let i = 0; i < words.length; i += 2) fields.set(words[i].toLowerCase(), words[i + 1])
  const name = fields.get('file') ?? ''
  const seq = /^\d{1,15}$/.test(fields.get('seq') ?? '') ? Number(fields.get('seq')) : 0
  // A name with a path in it would lead out of the folder.
  if (name === '' || name.includes('/')) throw bad(number, 'the name of the file is missing, or has a path')
  if (seq === 0) throw bad(number, 'the sequence number is missing')
  const part = { name, seq }
  switch (fields.get('type')) {
    case 'b':
      if (manifest.base !== null) throw bad(number, 'there are two base files')
      manifest.base = part
      return
    case 'h':
      manifest.history.push(part)
      return
    case 'i':
      if (seq <= (manifest.increments.at(-1)?.seq ?? 0)) throw bad(number, 'the sequence numbers do not rise')
      manifest.increments.push(part)
      return
    default:
      throw bad(number, 'the type is none of b, h and i')
  }
}

function bad(line: number, why: string): StoreError {
  return new StoreError('AOF', `line ${line} of the manifest: ${why}`)
}

function manifestText({ base, increments, history }: Manifest): string {
  const line = ({ name, seq }: AofPart, type: string): string =>
    `file ${/[\s"'\\]/.test(name) ? quote(name) : name} seq ${seq} type ${type}\n`
  return [
    ...(base === null ? [] : [line(base, 'b')]),
    ...history.map((part) => line(part, 'h')),
    ...increments.map((part) => line(part, 'i')),
  ].join('')
}

/** Puts the new manifest in the place of the old one: after a crash there is the one or the other, whole. */
export function writeManifestNow(disk: Disk, folder: string, filename: string, manifest: Manifest): void {
  const path = join(folder, manifestName(filename))
  const temporary = join(folder, `temp-${manifestName(filename)}`)
  const file = disk.openNow(temporary, 'create')
  try {
    const bytes = Buffer.from(manifestText(manifest), 'utf8')
    for (let done = 0; done < bytes.length; ) done += file.writeNow([bytes.subarray(done)])
    file.syncNow()
  } finally {
    file.closeNow()
  }
  disk.renameNow(temporary, path)
  disk.syncFolderNow(folder)
}

/** The manifest of the folder; undefined if there is none. Throws StoreError AOF. */
export async function readManifest(disk: Disk, folder: string, filename: string): Promise<Manifest | undefined> {
  const path = join(folder, manifestName(filename))
  const size = await disk.size(path)
  if (size === undefined) return undefined
  const file = await disk.open(path, 'read')
  const pieces: Buffer[] = []
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(Math.max(size, 1024))
      const count = await file.read(chunk)
      if (count === 0) break
      pieces.push(chunk.subarray(0, count))
    }
  } finally {
    await file.close()
  }
  try {
    return parseManifest(Buffer.concat(pieces).toString('utf8'))
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause
    throw new StoreError('AOF', `${path}: ${cause.message}`, { cause })
  }
}
