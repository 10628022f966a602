// A stream: a log of entries, each a few fields under an id that grows.

import { ReplyError } from '../errors.js'
import { StreamLog } from '../keyspace/stream.js'
import { formatId, MAX_ID, MIN_ID, parseId, type StreamId, UINT64_MAX } from '../keyspace/stream-id.js'
import type { StreamEntry as HeldEntry } from '../keyspace/stream-node.js'
import { Handle, type HandleHost, textOfReply } from './handle.js'

export interface StreamEntry {
  /** `ms-seq` */
  id: string
  /** Names and values, in their order; a name may come twice. `Object.fromEntries` and `new Map` take them. */
  fields: [name: string, value: string][]
}

export interface AddOptions {
  /** `ms-seq`, or `ms-*`; higher than all before. Default: from the clock. */
  id?: string
  /** Keeps so many entries: the oldest go. */
  maxLength?: number
}

export class StreamHandle extends Handle<StreamLog> {
  /** @internal */
  constructor(host: HandleHost, key: string) {
    super(host, key, StreamLog)
  }

  get length(): number {
    return this.held?.size ?? 0
  }

  /** The id that was given last, whether its entry is still there or not; undefined before the first. */
  get lastId(): string | undefined {
    const log = this.held
    return log === undefined ? undefined : formatId(log.lastId)
  }

  /** Appends an entry and returns its id. */
  add(
    fields: Readonly<Record<string, string>> | Iterable<readonly [string, string]>,
    options: AddOptions = {},
  ): string {
    const { id = '*', maxLength } = options
    const pairs =
      Symbol.iterator in fields ? [...(fields as Iterable<readonly [string, string]>)] : Object.entries(fields)
    const trimmed = maxLength === undefined ? [] : ['MAXLEN', '=', maxLength]
    return textOfReply(this.run('XADD', ...trimmed, id, ...pairs.flat()))
  }

  get(id: string): StreamEntry | undefined {
    const entry = this.held?.get(idOf(id, 0))
    return entry === undefined ? undefined : shown(entry)
  }

  /** Says whether it was there. The key stays, also without entries. */
  delete(id: string): boolean {
    return this.run('XDEL', id) === 1
  }

  /** The entries between two ids, both included. O(log n + found). */
  range(options: { from?: string; to?: string; limit?: number; reverse?: boolean } = {}): StreamEntry[] {
    const { from, to, limit, reverse } = options
    const start = from === undefined ? MIN_ID : idOf(from, 0)
    const end = to === undefined ? MAX_ID : idOf(to, UINT64_MAX)
    return (this.held?.range(start, end, limit, reverse) ?? []).map(shown)
  }

  /** Removes the oldest entries down to a number, and returns how many. */
  trim(maxLength: number): number {
    return Number(this.run('XTRIM', 'MAXLEN', '=', maxLength))
  }

  *[Symbol.iterator](): IterableIterator<StreamEntry> {
    for (const entry of this.held ?? []) yield shown(entry)
  }
}

function idOf(text: string, missingSeq: number | bigint): StreamId {
  const id = parseId(text, missingSeq)
  if (id === undefined) throw new ReplyError('ERR Invalid stream ID specified as stream command argument')
  return id
}

function shown({ id, fields }: HeldEntry): StreamEntry {
  const pairs: [string, string][] = []
  for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i], fields[i + 1]])
  return { id: formatId(id), fields: pairs }
}
