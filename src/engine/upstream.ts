// Our primary, as one who runs commands here: what comes down the link is applied as it stands, without the checks that the
// primary made, and handed on unchanged. Nothing is past its time meanwhile: the primary deletes.

import { type Arg, textOfArg } from '../bytes.js'
import type { Client } from '../commands/client.js'
import type { Command } from '../commands/command.js'
import { findCommand } from '../commands/table.js'
import type { Config } from '../config/config.js'
import type { Env } from '../env.js'
import { StoreError } from '../errors.js'
import type { Link } from '../link.js'
import type { RequestParser } from '../protocol/parser.js'
import { SilentReply } from '../protocol/silent-reply.js'
import { quoteArg, type Reply } from '../protocol/writer.js'
import type { History } from '../replication/history.js'
import { Applier } from './applier.js'

export interface UpstreamHost {
  readonly env: Env
  readonly config: Config
  readonly history: History
  connect(reply: Reply, link?: Link): Client
  disconnect(client: Client): void
  execute(client: Client, argv: Arg[], parser: RequestParser): void
  lookup(argv: readonly Arg[]): Command | undefined
  relay(chunk: Buffer, start: number, end: number): void
  /** A PING came. */
  met(argv: readonly Arg[]): void
}

/** What a primary's stream may hold that does not touch our data: handed on, and not applied. */
const PASSED_ON = new Set(['script'])

export class Upstream {
  /** Commands that were not known here and passed over (on-unknown-command skip), and how often. */
  readonly skipped = new Map<string, number>()
  readonly #host: UpstreamHost
  readonly #reply = new SilentReply()
  #client: Client
  readonly #applier: Applier
  #isApplying = false

  constructor(host: UpstreamHost) {
    this.#host = host
    this.#client = host.connect(this.#reply)
    this.#applier = new Applier({
      applyCommand: (argv, parser) => this.#applyCommand(argv, parser),
      isInTransaction: () => this.#client.transaction !== null,
      relay: (chunk, start, end) => host.relay(chunk, start, end),
    })
  }

  /** The link to our primary stands, and is a connection like others (CLIENT LIST, CLIENT KILL); or is gone: null. */
  linked(link: Link | null): void {
    if ((link ?? undefined) === this.#client.link) return
    const { db } = this.#client
    this.#host.disconnect(this.#client)
    this.#client = this.#host.connect(this.#reply, link ?? undefined)
    this.#client.db = db
    this.#client.close = () => link?.destroy()
  }

  get isApplying(): boolean {
    return this.#isApplying
  }

  /** The keyspace in which the stream stands. */
  get db(): number {
    return this.#client.db
  }
  set db(db: number) {
    this.#client.db = db
  }

  /** Applies bytes of the stream. Throws StoreError UNKNOWN_COMMAND, and PROTOCOL for what cannot be applied. */
  apply(chunk: Buffer): void {
    this.#client.lastActiveAt = this.#host.env.now()
    this.#applier.apply(chunk)
  }

  /** A transaction of the stream is open. */
  get isInTransaction(): boolean {
    return this.#client.transaction !== null
  }

  /** Applies a command of a file, which nobody is to hear of. Throws as `apply` does. */
  replay(argv: Arg[], parser: RequestParser): void {
    this.#applyCommand(argv, parser)
  }

  /** Drops what was half received: a link ended, or a new one begins. */
  reset(): void {
    this.#applier.reset()
    this.#client.transaction = null
    this.#reply.lastError = null
  }

  #applyCommand(argv: Arg[], parser: RequestParser): void {
    const name = textOfArg(argv[0])
    if (name === 'PING') this.#host.met(argv)
    else if (PASSED_ON.has(name.toLowerCase())) return
    this.#isApplying = true
    try {
      this.#host.execute(this.#client, argv, parser)
    } finally {
      this.#isApplying = false
    }
    const { lastError } = this.#reply
    if (lastError === null) return
    this.#reply.lastError = null
    this.#host.env.log.warn(
      `== CRITICAL == This replica is sending an error to its master: '${lastError}' after processing the command '${quoteArg(name)}'`,
    )
    if (this.#host.lookup(argv) === undefined) this.#metUnknown(argv)
    else throw new StoreError('PROTOCOL', `'${quoteArg(name)}' was answered with: ${lastError}`)
  }

  /** A command that we do not know. To pass over it in silence would part our data from the primary's. */
  #metUnknown(argv: readonly Arg[]): void {
    const { env, config, history } = this.#host
    const words = argv.slice(0, findCommand(argv[0]) === undefined ? 1 : 2)
    const name = words.map((arg) => quoteArg(arg)).join(' ')
    const met = `MASTER sent the command '${name}' at offset ${history.offset}, which is not known here`
    if (config.text('on-unknown-command') === 'stop') {
      throw new StoreError('UNKNOWN_COMMAND', `${met}: the link stops, and what is held stays as it is`)
    }
    const { transaction } = this.#client
    if (transaction !== null) transaction.failed = false
    const count = (this.skipped.get(name) ?? 0) + 1
    this.skipped.set(name, count)
    env.log.warn(`${met}: it is skipped (${count} so far)`)
  }
}
