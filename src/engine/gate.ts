// Whether a request may run: the command is known and complete, the client may call it, and this node's state allows it.
// A request that is refused while its client puts a transaction together spoils the transaction.

import { type Arg, textOfArg } from '../bytes.js'
import { isSubscriber } from '../commands/channels.js'
import type { Client, Transaction } from '../commands/client.js'
import type { Command } from '../commands/command.js'
import { findCommand } from '../commands/table.js'
import type { Config } from '../config/config.js'
import { ReplyError, replyErrors } from '../errors.js'
import { quoteArg } from '../protocol/writer.js'

export interface GateHost {
  readonly config: Config
  /** The link to our primary, when this is a replica. */
  link(): { readonly isUp: boolean } | null
  /** What is being loaded at the start. */
  loading(): object | null
  /** Makes room for a write; false when there is none to be made. */
  makeRoom(): boolean
  /** Replicas that acknowledged within so many seconds. */
  goodReplicas(maxLagSeconds: number): number
  unwatch(client: Client): void
  /** Throws MISCONF while what is written cannot be saved. */
  assertFilesTakeWrites(): void
}

/** Run at once even while a transaction is being put together. */
const CONTROLS_TRANSACTION = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])

/** What a subscriber may call with RESP2, whose replies it could not tell from messages. */
const FOR_SUBSCRIBERS = new Set(
  'ping subscribe ssubscribe psubscribe unsubscribe sunsubscribe punsubscribe quit reset'.split(' '),
)

export class Gate {
  readonly #host: GateHost
  // What each call asks of the configuration.
  #needsPassword = false
  #refusesWrites = true
  #minReplicas = 0

  constructor(host: GateHost) {
    this.#host = host
    const names = ['requirepass', 'replica-read-only', 'min-replicas-to-write', 'min-replicas-max-lag'] as const
    for (const name of names) host.config.on(name, () => this.#read())
    this.#read()
  }

  #read(): void {
    const { config } = this.#host
    this.#needsPassword = config.text('requirepass') !== ''
    this.#refusesWrites = config.flag('replica-read-only')
    // Without a lag that would be too much there is no good replica to count.
    this.#minReplicas = config.number('min-replicas-max-lag') > 0 ? config.number('min-replicas-to-write') : 0
  }

  /** Finds and checks the command. Throws the ReplyError that refuses it. */
  admit(client: Client, argv: readonly Arg[]): Command {
    const command = this.#find(client, argv)
    client.lastCommand = command.name
    try {
      if (!command.acceptsCount(argv.length)) throw replyErrors.arity(command.name)
      this.#checkState(client, command)
    } catch (error) {
      command.rejectedCalls++
      throw this.#refuse(client, error as Error, command)
    }
    return command
  }

  /**
   * What depends on the client and on the state of this node. Throws the ReplyError that refuses it: where there are several
   * reasons, the first one in the order of Redis 7.0.
   */
  #checkState(client: Client, command: Command): void {
    const { config } = this.#host
    const link = this.#host.link()
    const isLoading = this.#host.loading() !== null
    if (!client.authenticated && this.#needsPassword && !command.flags.has('no_auth')) {
      throw replyErrors.noAuth()
    }
    if (client.kind === 'primary') return
    if (client.kind === 'replica' && touchesKeys(command)) throw replyErrors.replicaKeys()
    const needs = client.transaction === null ? command : needsOf(client.transaction, command)
    if (needs.deniesOom && link === null && !isLoading && !this.#host.makeRoom()) throw replyErrors.oom()
    if (needs.isWrite || command.name === 'ping') this.#host.assertFilesTakeWrites()
    if (needs.isWrite) this.#checkWrite(client, link !== null)
    if (isSubscriber(client) && client.protocol === 2 && !FOR_SUBSCRIBERS.has(command.name))
      throw forSubscribersOnly(command)
    if (link !== null && !link.isUp && client.kind !== 'internal' && !config.flag('replica-serve-stale-data')) {
      if (!runsThen('stale', client.transaction, command)) throw replyErrors.masterDown()
    }
    if (isLoading && !runsThen('loading', client.transaction, command)) throw replyErrors.loading()
  }

  #checkWrite(client: Client, isReplica: boolean): void {
    if (isReplica) {
      if (client.kind === 'internal' || this.#refusesWrites) throw replyErrors.readOnly()
    } else if (this.#minReplicas > 0) {
      if (this.#host.goodReplicas(this.#host.config.number('min-replicas-max-lag')) < this.#minReplicas)
        throw new ReplyError('NOREPLICAS Not enough good replicas to write.')
    }
  }

  /** Puts the request aside for EXEC if the client has a transaction open; says whether it did. */
  queue(client: Client, command: Command, argv: Arg[]): boolean {
    const { transaction } = client
    if (transaction === null || CONTROLS_TRANSACTION.has(command.name)) return false
    if (command.flags.has('no_multi')) {
      throw this.#refuse(client, new ReplyError('ERR Command not allowed inside a transaction'), command)
    }
    if (!transaction.failed && !client.watchBroken) {
      transaction.queue.push({ command, argv })
    }
    client.reply.status('QUEUED')
    return true
  }

  #find(client: Client, argv: readonly Arg[]): Command {
    const command = findCommand(argv[0])
    if (command === undefined) throw this.#refuse(client, unknownCommand(argv))
    if (command.subcommands === null || argv.length < 2) return command
    const sub = command.subcommands.get(textOfArg(argv[1]).toLowerCase())
    if (sub !== undefined) return sub
    const hint = `Try ${command.name.toUpperCase()} HELP.`
    throw this.#refuse(client, new ReplyError(`ERR unknown subcommand '${quoteArg(argv[1])}'. ${hint}`))
  }

  #refuse(client: Client, error: Error, command?: Command): Error {
    if (client.transaction !== null) client.transaction.failed = true
    if (command?.name !== 'exec') return error
    client.transaction = null
    this.#host.unwatch(client)
    return new ReplyError(`EXECABORT Transaction discarded because of: ${error.message.replace(/^ERR /, '')}`)
  }
}

/** What the link of a replica cannot ask for. */
function touchesKeys({ isWrite, flags }: Command): boolean {
  return isWrite || flags.has('readonly') || flags.has('may_replicate')
}

function forSubscribersOnly({ name }: Command): ReplyError {
  const allowed = '(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET'
  return new ReplyError(`ERR Can't execute '${name}': only ${allowed} are allowed in this context`)
}

/**
 * In a transaction: what waits for EXEC takes memory, whatever it is, and EXEC needs what any of its commands needs. They
 * are not asked again one by one (Redis 7.0): a transaction that makes a replica of its primary still runs to its end.
 */
function needsOf({ queue }: Transaction, command: Command): Pick<Command, 'isWrite' | 'deniesOom'> {
  if (command.name !== 'exec') {
    return { isWrite: command.isWrite, deniesOom: command.deniesOom || !CONTROLS_TRANSACTION.has(command.name) }
  }
  return {
    isWrite: queue.some((queued) => queued.command.isWrite),
    deniesOom: queue.some((queued) => queued.command.deniesOom),
  }
}

/** Whether it may run without a link to the primary, or while a file is loaded: EXEC, if all of its commands may. */
function runsThen(when: 'stale' | 'loading', transaction: Transaction | null, command: Command): boolean {
  if (!command.flags.has(when)) return false
  if (transaction === null || command.name !== 'exec') return true
  return transaction.queue.every((queued) => queued.command.flags.has(when))
}

function unknownCommand(argv: readonly Arg[]): ReplyError {
  let shown = ''
  for (let i = 1; i < argv.length && shown.length < 128; i++) shown += `'${quoteArg(argv[i], 128 - shown.length)}' `
  return new ReplyError(`ERR unknown command '${quoteArg(argv[0])}', with args beginning with: ${shown}`)
}
