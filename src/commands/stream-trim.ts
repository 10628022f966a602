// How XADD and XTRIM say what to trim, how it is done, and how it is streamed: as what it came to, so that it does not depend
// on how a replica keeps its nodes.

import type { Arg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { formatId, type StreamId, type StreamLog } from '../keyspace/stream.js'
import { bigInteger, type Context, option, text } from './command.js'
import { idArg } from './stream-args.js'
import { type References, referencesOption } from './stream-references.js'

/** At most so many nodes' worth of entries goes at once, where the request does not say (LIMIT). */
const NODES_AT_ONCE = 100
const DEFAULT_LIMIT = 10_000
const MAX_LIMIT = 1_000_000

export interface Trimming {
  strategy: 'MAXLEN' | 'MINID'
  upTo: { length: number } | { id: StreamId }
  approximate: boolean
  /** Where the threshold stands in argv. */
  at: number
}

/** What XADD and XTRIM have in common, while it is read option by option. */
export class TrimOptions {
  trimming: Trimming | null = null
  references: References | null = null
  #limit: number | null = null

  /** Takes the option at `i`, if it is one of these. Says how many arguments it takes; 0 for another. */
  take(argv: readonly Arg[], i: number): number {
    const word = option(argv[i])
    const left = argv.length - 1 - i
    const references = referencesOption(word)
    if (references !== undefined) {
      if (this.references !== null) return 0
      this.references = references
      return 1
    }
    if (left === 0) return 0
    if (word === 'MAXLEN' || word === 'MINID') return this.#takeStrategy(word, argv, i, left)
    if (word !== 'LIMIT') return 0
    this.#limit = notNegative(argv[i + 1], 'LIMIT')
    return 2
  }

  /** How many entries may go at most, 0 for all. Throws when the options do not go together. */
  limit({ server, fromPrimary }: Context, mustTrim: boolean): number {
    const { trimming } = this
    if (this.#limit !== null && this.#limit > 0 && trimming === null) {
      throw new ReplyError('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy')
    }
    if (trimming === null && mustTrim) {
      throw new ReplyError('ERR syntax error, XTRIM must be called with a trimming strategy')
    }
    // A primary names what trimming came to, and leaves the other options as they were.
    if (fromPrimary) return 0
    if (this.#limit !== null) {
      if (trimming?.approximate) return this.#limit
      throw new ReplyError('ERR syntax error, LIMIT cannot be used without the special ~ option')
    }
    if (!trimming?.approximate) return 0
    const usual = NODES_AT_ONCE * server.config.number('stream-node-max-entries')
    return usual <= 0 ? DEFAULT_LIMIT : Math.min(usual, MAX_LIMIT)
  }

  #takeStrategy(word: 'MAXLEN' | 'MINID', argv: readonly Arg[], i: number, left: number): number {
    if (this.trimming !== null) {
      throw new ReplyError('ERR syntax error, MAXLEN and MINID options at the same time are not compatible')
    }
    const mark = text(argv[i + 1])
    const at = left >= 2 && (mark === '~' || mark === '=') ? i + 2 : i + 1
    const upTo = word === 'MAXLEN' ? { length: notNegative(argv[at], 'MAXLEN') } : { id: idArg(argv[at]) }
    this.trimming = { strategy: word, upTo, approximate: at === i + 2 && mark === '~', at }
    return at - i + 1
  }
}

function notNegative(arg: Arg, name: string): number {
  const value = bigInteger(arg)
  if (value < 0n) throw new ReplyError(`ERR The ${name} argument must be >= 0.`)
  return Number(value)
}

/** Replaces a threshold that is only approximate by what trimming came to. */
export function settleThreshold(argv: Arg[], { strategy, approximate, at }: Trimming, stream: StreamLog): void {
  if (!approximate) return
  argv[at - 1] = '='
  argv[at] = strategy === 'MAXLEN' ? String(stream.size) : formatId(stream.firstKeptId)
}
