// SLOWLOG: the latest calls that took longer than `slowlog-log-slower-than` microseconds, `slowlog-max-len` of them.

import { type Arg, latin1OfArg } from '../bytes.js'
import type { Config } from '../config/config.js'
import { ReplyError, replyErrors } from '../errors.js'
import type { Client } from './client.js'
import { addressOf } from './client-line.js'
import { type Command, type Context, command, parseInteger, text } from './command.js'
import { helpCommand } from './help.js'
import { REDACTED, secretsIn } from './secrets.js'

/** As Redis: more arguments, and longer ones, are not kept. */
const MAX_ARGUMENTS = 32
const MAX_ARGUMENT_BYTES = 128
const DEFAULT_COUNT = 10

interface Entry {
  id: number
  atSeconds: number
  microseconds: number
  /** In latin1 form. */
  argv: string[]
  address: string
  clientName: string
}

export class Slowlog {
  readonly #config: Config
  /** The oldest first. */
  readonly #entries: Entry[] = []
  #nextId = 0
  /** Calls that took at least so long are kept; Infinity: none are. */
  slowerThanMicroseconds = 0

  constructor(config: Config) {
    this.#config = config
    const read = (): void => {
      const threshold = config.number('slowlog-log-slower-than')
      this.slowerThanMicroseconds = threshold < 0 ? Number.POSITIVE_INFINITY : threshold
    }
    config.on('slowlog-log-slower-than', read)
    read()
  }

  get length(): number {
    return this.#entries.length
  }

  add(client: Client, command: Command, argv: readonly Arg[], microseconds: number, nowMs: number): void {
    this.#entries.push({
      id: this.#nextId++,
      atSeconds: Math.floor(nowMs / 1000),
      microseconds: Math.floor(microseconds),
      argv: trimmed(command, argv),
      address: addressOf(client.link?.remote),
      clientName: client.name,
    })
    this.#trim()
  }

  /** The newest first. */
  latest(count: number): Entry[] {
    return count === 0 ? [] : this.#entries.slice(-count).reverse()
  }

  clear(): void {
    this.#entries.length = 0
  }

  #trim(): void {
    const excess = this.#entries.length - this.#config.number('slowlog-max-len')
    if (excess > 0) this.#entries.splice(0, excess)
  }
}

function trimmed(command: Command, argv: readonly Arg[]): string[] {
  const secrets = secretsIn(command, argv)
  const shown = argv.length > MAX_ARGUMENTS ? MAX_ARGUMENTS - 1 : argv.length
  const words: string[] = []
  for (let i = 0; i < shown; i++) words.push(secrets?.has(i) ? REDACTED : shortened(latin1OfArg(argv[i])))
  if (shown < argv.length) words.push(`... (${argv.length - shown} more arguments)`)
  return words
}

function shortened(latin1: string): string {
  const excess = latin1.length - MAX_ARGUMENT_BYTES
  return excess > 0 ? `${latin1.slice(0, MAX_ARGUMENT_BYTES)}... (${excess} more bytes)` : latin1
}

function get({ server, reply }: Context, argv: Arg[]): void {
  if (argv.length > 3) throw replyErrors.subcommandUse('SLOWLOG', text(argv[1]))
  let count = DEFAULT_COUNT
  if (argv.length === 3) {
    const given = parseInteger(argv[2])
    if (given === undefined || given < -1n) throw new ReplyError('ERR count should be greater than or equal to -1')
    count = given === -1n ? server.timing.slowlog.length : Math.min(Number(given), server.timing.slowlog.length)
  }
  const entries = server.timing.slowlog.latest(count)
  reply.array(entries.length)
  for (const entry of entries) {
    reply.array(6)
    reply.integer(entry.id)
    reply.integer(entry.atSeconds)
    reply.integer(entry.microseconds)
    reply.array(entry.argv.length)
    for (const word of entry.argv) reply.bytes(word)
    reply.bulk(entry.address)
    reply.bulk(entry.clientName)
  }
}

const one = { group: 'server', flags: 'admin loading stale' } as const

export const slowlogCommand = command({
  name: 'SLOWLOG',
  arity: -2,
  flags: '',
  group: 'server',
  since: '2.2.12',
  summary: 'Container of the commands about calls that took long.',
  complexity: 'Depends on the subcommand.',
  subcommands: [
    command({
      ...one,
      name: 'SLOWLOG GET',
      arity: -2,
      since: '2.2.12',
      summary: 'Shows the latest slow calls.',
      complexity: 'O(N) for N calls shown.',
      syntax: '[count:integer]',
      run: get,
    }),
    command({
      ...one,
      name: 'SLOWLOG LEN',
      arity: 2,
      since: '2.2.12',
      summary: 'Counts the slow calls that are kept.',
      complexity: 'O(1)',
      run: ({ server, reply }) => reply.integer(server.timing.slowlog.length),
    }),
    command({
      ...one,
      name: 'SLOWLOG RESET',
      arity: 2,
      since: '2.2.12',
      summary: 'Forgets all slow calls.',
      complexity: 'O(1)',
      run: ({ server, reply }) => {
        server.timing.slowlog.clear()
        reply.ok()
      },
    }),
    helpCommand({
      of: 'SLOWLOG',
      group: 'server',
      since: '6.2.0',
      lines: [
        'GET [<count>]',
        '    The latest slow calls, 10 if not told otherwise; -1 for all. Of each: number, time in',
        '    seconds since 1970, microseconds taken, arguments, address and name of the client.',
        'LEN',
        '    How many slow calls are kept.',
        'RESET',
        '    Forget them.',
      ],
    }),
  ],
})
