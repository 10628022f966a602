// The call of a command: a context for it, its handler, and what follows: counting, monitors, effects into the stream, an
// error as a reply. Four kinds of calls: a request, a request of a transaction, the store's owner, and another try of a
// client that waited.

import type { Arg } from '../bytes.js'
import { type Blocked, Client } from '../commands/client.js'
import type { Command, Server, Wait } from '../commands/command.js'
import { monitorLine } from '../commands/monitor.js'
import { ReplyError, StoreError } from '../errors.js'
import type { RequestParser } from '../protocol/parser.js'
import { type ReplyValue, ValueReply } from '../protocol/writer.js'
import type { History } from '../replication/history.js'
import type { Blocking } from './blocking.js'
import type { Bounds } from './bounds.js'
import { CallContext } from './call-context.js'
import type { Gate } from './gate.js'
import type { Journal } from './journal.js'
import { mayReplicate, type Pause } from './pause.js'
import type { Timing } from './timing.js'

/** The engine, as far as calls need it. */
export interface CallServer extends Server {
  now: number
  changesSinceSave: number
  readonly monitors: ReadonlySet<Client>
}

export interface CallParts {
  readonly gate: Gate
  readonly journal: Journal
  readonly bounds: Bounds
  readonly blocking: Blocking
  readonly pause: Pause
  readonly timing: Timing
  /** Throws CLOSED. */
  assertOpen(): void
}

export class Calls {
  readonly #server: CallServer
  readonly #parts: CallParts
  readonly #history: History
  // A transaction's commands run inside the call of EXEC, and another try for a client that waited inside of what woke it.
  readonly #context: CallContext
  readonly #queuedContext: CallContext
  readonly #retryContext: CallContext

  constructor(server: CallServer, parts: CallParts) {
    this.#server = server
    this.#parts = parts
    this.#history = server.history
    this.#context = new CallContext(server)
    this.#queuedContext = new CallContext(server)
    this.#retryContext = new CallContext(server)
  }

  /** Runs one request and writes its reply, errors included. Nothing is thrown for what a client did wrong. */
  execute(client: Client, argv: Arg[], parser: RequestParser | null): void {
    const { gate, pause } = this.#parts
    const ctx = this.#context
    try {
      const command = gate.admit(client, argv)
      if (pause.mayHold && pause.hold(client, command, argv)) return
      if (client.transaction !== null && gate.queue(client, command, argv)) return
      ctx.begin(client, this.#server.dataset.keyspaces[client.db])
      ctx.mayBlock = client.kind === 'normal'
      const wait = this.#call(ctx, command, argv, parser)
      if (wait !== null) this.#wait(client, command, argv, wait)
      else client.offset = this.#history.offset
    } catch (error) {
      this.#replyError(client, error)
    }
  }

  /** Runs a command of a transaction, inside the call of EXEC. */
  callQueued(client: Client, command: Command, argv: Arg[]): void {
    try {
      this.#queuedContext.begin(client, this.#server.dataset.keyspaces[client.db])
      this.#call(this.#queuedContext, command, argv, null)
    } catch (error) {
      this.#replyError(client, error)
    }
  }

  /** Runs a command for the store's owner and returns its reply; an error reply is thrown. */
  callForOwner(argv: Arg[], db: number): ReplyValue {
    const reply = new ValueReply()
    const client = new Client({ id: 0, kind: 'internal', reply, now: this.#server.env.now(), authenticated: true })
    client.db = db
    client.offset = this.#history.offset
    const command = this.#parts.gate.admit(client, argv)
    if (command.isWrite) this.#parts.assertOpen()
    if (this.#parts.pause.mayHold && mayReplicate(command)) this.#parts.pause.assertOwnerMayWrite()
    this.#parts.timing.pass()
    this.#context.begin(client, this.#server.dataset.keyspaces[db])
    try {
      this.#call(this.#context, command, argv, null)
    } catch (error) {
      throw error instanceof RangeError ? beyondV8(error) : error
    } finally {
      this.#parts.timing.pass()
    }
    if (reply.value instanceof ReplyError) throw reply.value
    return reply.value
  }

  #wait(client: Client, command: Command, argv: Arg[], wait: Wait): void {
    this.#parts.blocking.block(client, command, argv, wait)
    const { blocked } = client
    if (wait.work !== undefined && blocked !== null) wait.work(() => this.retry(client, blocked, ''))
  }

  /** Gives a client that waits another try, now that this key was changed. One that is not served goes on waiting. */
  retry(client: Client, blocked: Blocked, key: string): void {
    const ctx = this.#retryContext
    ctx.begin(client, this.#server.dataset.keyspaces[blocked.db])
    ctx.mayBlock = true
    ctx.readyKey = key
    this.#parts.timing.pass()
    try {
      this.#call(ctx, blocked.command, blocked.argv, null)
    } catch (error) {
      this.#replyError(client, error)
    }
    if (ctx.wait !== null) return
    if (ctx.wasChanged) client.offset = this.#history.offset
    this.#parts.blocking.end(client)
  }

  /** Answers a client that waited with an error. */
  refuse(client: Client, { command }: Blocked, error: string): void {
    command.failedCalls++
    this.#replyError(client, new ReplyError(error))
  }

  /** Says what the handler wants to wait for. It is not in `ctx` any more: who hears of the changes may use that anew. */
  #call(ctx: CallContext, command: Command, argv: Arg[], parser: RequestParser | null): Wait | null {
    const { journal, timing, bounds, pause } = this.#parts
    const { stats, monitors, tracking } = this.#server
    // Also for EXEC, in which tracking may be turned on.
    const isTracked = tracking.isOn || ctx.client.transaction !== null
    const outer = isTracked ? tracking.begin(ctx.client) : null
    const wasQuiet = ctx.client.noTouch ? bounds.hush(command.name !== 'touch') : null
    const wasPassing = pause.isPassing
    if (pause.isOn && command.isWrite) pause.isPassing = true
    const beganMs = timing.begin(command, argv)
    journal.enter()
    try {
      command.run(ctx, argv)
      return ctx.wait
    } catch (error) {
      command.failedCalls++
      throw error
    } finally {
      // Another try is no other call.
      if (ctx.readyKey === undefined) {
        command.calls++
        stats.commands++
        if (monitors.size > 0 && !command.flags.has('skip_monitor') && !command.flags.has('admin')) {
          this.#tellMonitors(ctx.client, command, argv)
        }
      }
      if (ctx.wasChanged) this.#settle(ctx, argv, parser)
      if (ctx.wait === null) timing.end(ctx.client, command, argv, beganMs)
      else timing.pause()
      if (isTracked) tracking.end(outer, ctx.client, command, argv)
      if (wasQuiet !== null) bounds.hush(wasQuiet)
      pause.isPassing = wasPassing
      if (command.touchesArbitraryKeys) journal.part()
      journal.leave()
    }
  }

  /** What a call changed is counted and goes into the stream. */
  #settle(ctx: CallContext, argv: Arg[], parser: RequestParser | null): void {
    const { journal, bounds } = this.#parts
    this.#server.changesSinceSave += ctx.changes
    journal.touch()
    if (ctx.fromPrimary) return
    if (!ctx.isSilent) {
      if (ctx.effects === null) journal.writeRequest(ctx.dbIndex, argv, parser)
      else for (const effect of ctx.effects) journal.write(ctx.dbIndex, effect)
    }
    // Behind it: what it wrote may be what has to go, and SWAPDB says in which keyspace.
    if (bounds.hasMaxEntries) bounds.keepWithinEntries()
  }

  #replyError(client: Client, error: unknown): void {
    if (!(error instanceof ReplyError)) {
      if (!(error instanceof StoreError || error instanceof RangeError)) throw error
      error = error instanceof StoreError ? new ReplyError(`ERR ${error.message}`) : beyondV8(error)
    }
    const { code, message } = error as ReplyError
    const { stats } = this.#server
    stats.errorReplies++
    stats.errors.set(code, (stats.errors.get(code) ?? 0) + 1)
    client.reply.error(message)
  }

  #tellMonitors(client: Client, command: Command, argv: readonly Arg[]): void {
    const line = monitorLine(client, command, argv, this.#server.env.now())
    for (const monitor of this.#server.monitors) monitor.send(line)
  }
}

/** V8's limits, for a string's length or a map's entries, are a caller's to meet, not to end the process with. */
function beyondV8({ message }: RangeError): ReplyError {
  return new ReplyError(`OOM ${message}`)
}
