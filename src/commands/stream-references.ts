// What becomes of the consumer groups' pending entries when entries are deleted (Redis 8.2): they are kept, dropped with the
// entries, or the entries are kept instead, until every group has acknowledged them.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { StreamId, StreamLog, Trim } from '../keyspace/stream.js'
import { INT64_MAX, option, parseInteger } from './command.js'

export type References = 'KEEPREF' | 'DELREF' | 'ACKED'

const all: ReadonlySet<string> = new Set<References>(['KEEPREF', 'DELREF', 'ACKED'])

export function referencesOption(word: string): References | undefined {
  return all.has(word) ? (word as References) : undefined
}

/** `[KEEPREF | DELREF | ACKED] IDS numids id [id ...]`, from argv[first] on. */
export function deletionArgs(argv: readonly Arg[], first: number): { references: References; ids: readonly Arg[] } {
  let references: References | undefined
  let ids: readonly Arg[] | undefined
  for (let i = first; i < argv.length; i++) {
    const word = option(argv[i])
    const found = referencesOption(word)
    if (found !== undefined && references === undefined) references = found
    else if (word === 'IDS' && i + 1 < argv.length) {
      const count = parseInteger(argv[i + 1])
      if (count === undefined || count < 1n) throw new ReplyError('ERR Number of IDs must be a positive integer')
      if (count > INT64_MAX || i + 1 + Number(count) >= argv.length)
        throw new ReplyError('ERR The `numids` parameter must match the number of arguments')
      ids = argv.slice(i + 2, i + 2 + Number(count))
      i += 1 + Number(count)
    } else throw replyErrors.syntax()
  }
  if (ids === undefined) throw replyErrors.syntax()
  return { references: references ?? 'KEEPREF', ids }
}

/** Whether some group has still to read or to acknowledge it. */
export function isReferenced(stream: StreamLog, id: StreamId): boolean {
  for (const group of stream.groups.values()) if (!group.isDoneWith(id)) return true
  return false
}

/** Takes it off the lists of all groups. Whether it was on one. */
export function dropReferences(stream: StreamLog, id: StreamId): boolean {
  let dropped = false
  for (const group of stream.groups.values()) if (group.acknowledge(id)) dropped = true
  return dropped
}

/** For StreamLog.trim. */
export function trimHooks(stream: StreamLog, references: References | null): Pick<Trim, 'mayGo' | 'onRemoved'> {
  if (references === 'DELREF') return { onRemoved: (id) => void dropReferences(stream, id) }
  return references === 'ACKED' ? { mayGo: (id) => !isReferenced(stream, id) } : {}
}
