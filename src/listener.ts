// Clients over any transport: bytes in, requests to the engine, replies out. It knows limits and links, no command.
// What all clients sent in one turn of the event loop runs at its end, and then all replies leave, those to one chunk of input
// as one piece: code that runs between system calls takes up to twice as long, and the first reply wakes the process at the
// other end while the rest find it awake (measured with redis-benchmark, 50 clients: 1.2 to 1.6 times as many requests a second
// for replies that leave together, and 1.15 times again for requests that run together). A client that does not read is not
// read from either.

import type { Arg } from './bytes.js'
import { isSubscriber } from './commands/channels.js'
import type { Client } from './commands/client.js'
import { lineOf } from './commands/client-line.js'
import type { Engine } from './engine/engine.js'
import type { Timer } from './env.js'
import type { Link, Listening, Transport } from './link.js'
import { ProtocolError, type RequestLimits, RequestParser, UNAUTHENTICATED_LIMITS } from './protocol/parser.js'
import { RespReply } from './protocol/writer.js'

export interface ListenerOptions {
  /** `read-only` refuses writes, `none` lets replicas in and nobody else. Default `all`. */
  clients?: 'all' | 'read-only' | 'none'
}

/** While this many bytes of replies wait for a client, its requests wait too. */
const OUTPUT_HIGH_WATER_BYTES = 1024 * 1024
/** As long as fewer wait, nobody asks what client-output-buffer-limit says. */
const UNLIMITED_BYTES = 64 * 1024
const MAX_ARGUMENTS = 2 ** 31 - 1

/** What a client may call at a listener for replicas only. */
const REPLICA_COMMANDS = new Set(['ping', 'auth', 'replconf', 'psync', 'sync', 'hello', 'quit'])

const PROTECTED =
  '-DENIED hotspare is running in protected mode because protected mode is enabled and no password is set. In this ' +
  'mode connections are only accepted from the loopback interface. To accept others, set a password ' +
  "(CONFIG SET requirepass), or turn protected mode off with 'CONFIG SET protected-mode no' from a loopback connection.\r\n"

export class Listener {
  readonly #engine: Engine
  readonly #listening: Listening
  readonly #connections = new Set<Connection>()
  /** Links that get a refusal and nothing else. They close when the other end takes it. */
  readonly #refused = new Set<Link>()
  /** Those whose requests wait for the end of this turn, and those whose replies do. */
  #heard: Connection[] = []
  #answered: Connection[] = []
  #turnIsDue = false
  #tick: Timer | null = null
  /** Called when it is closed. The store sets it. */
  closed: () => void = () => {}

  private constructor(engine: Engine, listening: Listening) {
    this.#engine = engine
    this.#listening = listening
  }

  static async open(engine: Engine, transport: Transport, options: ListenerOptions = {}): Promise<Listener> {
    const listening = await transport.listen((link) => listener.#accept(link, options.clients ?? 'all'))
    const listener: Listener = new Listener(engine, listening)
    listener.#watchIdle()
    return listener
  }

  get address(): string {
    return this.#listening.address
  }
  get port(): number | undefined {
    return this.#listening.port
  }

  /** Accepts no more, frees the address, and closes the connections it accepted unless they are to be kept. */
  async close(options: { keepConnections?: boolean } = {}): Promise<void> {
    if (options.keepConnections !== true) {
      this.#tick?.cancel()
      for (const { link } of this.#connections) link.destroy()
      for (const link of this.#refused) link.destroy()
    }
    this.closed()
    await this.#listening.close()
  }

  #accept(link: Link, clients: 'all' | 'read-only' | 'none'): void {
    const { config, stats } = this.#engine
    const refusal = this.#refusal(link)
    if (refusal !== undefined) {
      stats.rejectedConnections++
      this.#refused.add(link)
      link.open({ data() {}, drain() {}, closed: () => void this.#refused.delete(link) })
      link.send(refusal)
      link.end()
      return
    }
    stats.connections++
    const connection: Connection = new Connection(this.#engine, link, clients, {
      heard: () => {
        this.#heard.push(connection)
        this.#turnSoon()
      },
      answered: () => {
        this.#answered.push(connection)
        this.#turnSoon()
      },
      gone: () => this.#connections.delete(connection),
    })
    this.#connections.add(connection)
    connection.client.authenticated = config.text('requirepass') === ''
    connection.open()
  }

  #turnSoon(): void {
    if (this.#turnIsDue) return
    this.#turnIsDue = true
    this.#engine.env.soon(this.#turn)
  }

  /** First all requests, then all replies: either is faster in a row than between reads and writes of sockets. */
  readonly #turn = (): void => {
    this.#turnIsDue = false
    const errors: unknown[] = []
    const heard = this.#heard
    this.#heard = []
    for (const one of heard) {
      try {
        one.work()
      } catch (error) {
        errors.push(error) // a defect of ours: thrown when it keeps nobody else waiting
      }
    }
    const answered = this.#answered
    this.#answered = []
    for (const one of answered) one.flush()
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors)
  }

  #refusal(link: Link): string | undefined {
    const { config, clients } = this.#engine
    if (clients.size >= config.number('maxclients')) return '-ERR max number of clients reached\r\n'
    const guarded = config.flag('protected-mode') && config.text('requirepass') === ''
    return guarded && link.fromOutside ? PROTECTED : undefined
  }

  /** Closes clients that said nothing for `timeout` seconds. */
  #watchIdle(): void {
    const { env, config } = this.#engine
    this.#tick = env.after(1000, () => {
      const idleMs = config.number('timeout') * 1000
      for (const { client, link } of this.#connections) {
        if (idleMs === 0 || client.kind !== 'normal' || client.blocked !== null || isSubscriber(client)) continue
        if (env.now() - client.lastActiveAt > idleMs) link.destroy()
      }
      this.#watchIdle()
    })
  }
}

interface ConnectionOwner {
  /** There are requests: `work` is to be called at the end of this turn. */
  heard(): void
  /** There are replies: `flush` is to be called when this turn's work is done. */
  answered(): void
  gone(): void
}

class Connection {
  readonly client: Client
  readonly link: Link
  readonly #engine: Engine
  readonly #clients: 'all' | 'read-only' | 'none'
  readonly #reply = new RespReply()
  readonly #limits: RequestLimits
  readonly #parser: RequestParser
  readonly #owner: ConnectionOwner
  /** Came in this turn, and waits for `work`. */
  #input: Buffer | null = null
  #flushIsDue = false
  #isExecuting = false
  /** What the client is told of while its transaction runs: its replies may not be parted. */
  #aside = ''
  #state: 'reading' | 'choked' | 'ending' | 'closed' = 'reading'
  #overSoftSince: number | null = null

  constructor(engine: Engine, link: Link, clients: 'all' | 'read-only' | 'none', owner: ConnectionOwner) {
    this.#engine = engine
    this.link = link
    this.#clients = clients
    this.#owner = owner
    this.#limits = { maxBulkBytes: engine.config.number('proto-max-bulk-len'), maxArguments: MAX_ARGUMENTS }
    this.#parser = new RequestParser(this.#limits)
    this.client = engine.connect({ kind: 'normal', reply: this.#reply, link })
    this.client.close = () => this.#kill()
    this.client.send = (latin1) => this.#sendAside(latin1)
    this.client.flush = () => this.#flush()
    this.client.resume = () => this.#resume()
    this.client.buffers = () => {
      const { start, end } = this.#parser.raw ?? { start: 0, end: 0 }
      return { query: this.#parser.bufferedBytes, request: end - start, output: link.pendingBytes }
    }
  }

  open(): void {
    this.link.open({
      data: (chunk) => this.#received(chunk),
      drain: () => this.#drained(),
      closed: () => this.#closed(),
    })
  }

  #received(chunk: Buffer): void {
    const isDue = this.#input !== null
    if (isDue) this.work()
    this.#input = chunk
    if (!isDue) this.#owner.heard()
  }

  /** Runs the requests that `heard` told of. */
  work(): void {
    const chunk = this.#input
    if (chunk === null) return
    this.#input = null
    if (this.#state === 'ending' || this.#state === 'closed') return
    const { client } = this
    client.lastActiveAt = this.#engine.env.now()
    client.bytesIn += chunk.length
    if (client.kind === 'replica') this.#engine.replication.heard(client)
    this.#engine.stats.bytesIn += chunk.length
    this.#parser.limits = this.#limitsNow()
    this.#parser.feed(chunk)
    this.#process()
    const limit = this.#engine.config.number('client-query-buffer-limit')
    if (this.#parser.bufferedBytes > limit) {
      this.#engine.env.log.warn(`Closing client that reached max query buffer length: ${this.link.remote}`)
      this.link.destroy()
    }
  }

  #limitsNow(): RequestLimits {
    if (!this.client.authenticated) return UNAUTHENTICATED_LIMITS
    this.#limits.maxBulkBytes = this.#engine.config.number('proto-max-bulk-len')
    return this.#limits
  }

  /** Runs what is there, as long as the client reads its replies. */
  #process(): void {
    const { client } = this
    this.#engine.timing.pass()
    try {
      while (this.#state === 'reading' && client.blocked === null && !client.isPaused) {
        const { held } = client
        if (held !== null) {
          client.held = null
          this.#run(held, null)
        } else if (this.#parser.next()) this.#run(this.#parser.argv, this.#parser)
        else break
        if (client.closeAfterReply) {
          this.#end()
          return
        }
        if (this.#reply.length > OUTPUT_HIGH_WATER_BYTES) this.#flush()
        // AUTH and RESET change what the next request may be.
        if (client.authenticated === (this.#parser.limits === UNAUTHENTICATED_LIMITS)) {
          this.#parser.limits = this.#limitsNow()
        }
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#reply.error(`ERR Protocol error: ${error.message}`)
      this.#end()
      return
    } finally {
      this.#engine.timing.pass()
    }
    if (this.#reply.length > 0) this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#flushIsDue) return
    this.#flushIsDue = true
    this.#owner.answered()
  }

  /** The client waits no more, for a key or the end of a pause: its reply leaves, and the requests behind it run. */
  #resume(): void {
    const { client } = this
    if (this.#state === 'closed') return
    if (client.replyMode !== 'on' && client.held === null) this.#mute()
    client.lastActiveAt = this.#engine.env.now()
    if (client.closeAfterReply) this.#end()
    else if (this.#state === 'reading') this.#process()
    this.#flush()
  }

  /** Sends the replies that `answered` told of. */
  flush(): void {
    this.#flushIsDue = false
    if (this.#state !== 'closed') this.#flush()
  }

  /** Without the parser, if the request was put aside and the parser is further on. */
  #run(argv: Arg[], parser: RequestParser | null): void {
    const { client } = this
    client.commands++
    if (isHttp(argv[0])) {
      this.#drop('It speaks HTTP: possibly a web page that makes a browser send commands. Closing')
      return
    }
    if (this.#clients !== 'all' && !this.#isAllowed(argv)) return
    if (client.replyMode === 'on') {
      this.#execute(argv, parser)
      if ((client.replyMode as string) === 'skip-next') client.replyMode = 'skip'
      return
    }
    // CLIENT REPLY OFF and SKIP: what is written now is not sent. What was written before is.
    this.#flush()
    this.#execute(argv, parser)
    // One that waits has its reply still to come.
    if (client.isPaused || client.blocked !== null || (client.replyMode as string) === 'on') return
    this.#mute()
  }

  #execute(argv: Arg[], parser: RequestParser | null): void {
    this.#isExecuting = true
    this.#engine.execute(this.client, argv, parser)
    this.#isExecuting = false
    if (this.#aside === '') return
    this.#reply.raw(this.#aside)
    this.#aside = ''
  }

  #mute(): void {
    const { client } = this
    this.#reply.take()
    if (client.replyMode === 'skip') client.replyMode = 'on'
    else if (client.replyMode === 'skip-next') client.replyMode = 'skip'
  }

  #isAllowed(argv: readonly Arg[]): boolean {
    const command = this.#engine.lookup(argv)
    if (command === undefined) return true
    if (this.#clients === 'none' && !REPLICA_COMMANDS.has(command.name)) {
      this.#reply.error('NOPERM This listener serves replicas only')
      return false
    }
    if (this.#clients === 'read-only' && command.isWrite) {
      this.#reply.error("READONLY You can't write through this listener.")
      return false
    }
    return true
  }

  #flush(): void {
    if (this.#reply.length === 0) return
    if (this.client.kind === 'replica') {
      this.#refuseReplica(this.#reply.take())
      return
    }
    this.#engine.beforeReply()
    let taken = true
    for (const piece of this.#reply.take()) taken = this.#transmit(piece)
    if (!taken || this.link.pendingBytes > UNLIMITED_BYTES) this.#choke()
  }

  /** A replica's link carries the stream, and a reply would stand in the middle of it. ACKs have none. */
  #refuseReplica([reply]: readonly string[]): void {
    const { client } = this
    const { env } = this.#engine
    const command = client.lastCommand
    if (reply.startsWith('-')) {
      const error = reply.slice(1, reply.indexOf('\r'))
      env.log.warn(
        `== CRITICAL == This master is sending an error to its replica: '${error}' after processing the command '${command}'`,
      )
    }
    const line = lineOf(client, env.now())
    env.log.warn(`Replica generated a reply to command '${command}', disconnecting it: ${line}`)
    this.link.destroy()
  }

  #transmit(latin1: string): boolean {
    this.client.bytesOut += latin1.length
    this.#engine.stats.bytesOut += latin1.length
    return this.link.send(latin1)
  }

  /**
   * Bytes that no request asked for: messages, lines of MONITOR. They cannot wait for the client to read: past the limit it
   * is closed. They leave with the replies of this turn.
   */
  #sendAside(latin1: string): void {
    const { client } = this
    if (this.#state === 'ending' || this.#state === 'closed') return
    if (client.replyMode !== 'on') {
      // At once: what is written now, but for this, is thrown away.
      if (!this.#isExecuting && client.blocked === null) this.#flush()
      if (!this.#transmit(latin1) || this.link.pendingBytes > UNLIMITED_BYTES) this.#choke()
    } else if (this.#isExecuting && client.transaction !== null) this.#aside += latin1
    else {
      this.#reply.raw(latin1)
      if (this.#reply.length > OUTPUT_HIGH_WATER_BYTES) this.#flush()
      else this.#flushSoon()
    }
  }

  #choke(): void {
    const { client } = this
    this.#checkOutputLimit(isSubscriber(client) || client.monitor ? 'pubsub' : 'normal')
    if (this.#state !== 'reading' || this.link.pendingBytes < OUTPUT_HIGH_WATER_BYTES) return
    this.#state = 'choked'
    this.link.pause()
  }

  #checkOutputLimit(kind: 'normal' | 'pubsub'): void {
    const { config, env } = this.#engine
    const { hardBytes, softBytes, softSeconds } = config.outputLimit(kind)
    const pending = this.link.pendingBytes
    const overSoft = softBytes > 0 && pending > softBytes
    if (!overSoft) this.#overSoftSince = null
    else this.#overSoftSince ??= env.monotonic()
    const tooLong = overSoft && env.monotonic() - this.#overSoftSince! > softSeconds * 1000
    if (!tooLong && !(hardBytes > 0 && pending > hardBytes)) return
    this.#drop('Closing for overcoming of output buffer limits')
  }

  /** Closes at once: no request that is already here is run, and no reply sent. */
  #drop(why: string): void {
    this.#engine.env.log.warn(`${why}: ${this.link.remote}`)
    if (this.#state !== 'closed') this.#state = 'ending'
    this.#reply.take()
    this.link.destroy()
  }

  #drained(): void {
    if (this.client.kind === 'replica') {
      this.#engine.replication.drained(this.client)
      return
    }
    this.#overSoftSince = null
    if (this.#state !== 'choked') return
    this.#state = 'reading'
    this.link.resume()
    this.#process()
  }

  #end(): void {
    this.#flush()
    if (this.#state === 'closed') return
    this.#state = 'ending'
    // For others it is gone by now: it may take its time to close its end.
    this.#engine.disconnect(this.client)
    this.link.end()
  }

  /** It is gone at once: who kills it sees nothing of it any more, in the same transaction neither. */
  #kill(): void {
    if (this.#state === 'closed') return
    this.#state = 'ending'
    this.#engine.disconnect(this.client)
    this.link.destroy()
  }

  #closed(): void {
    this.work() // what had come before is run
    this.#state = 'closed'
    this.#engine.disconnect(this.client)
    this.#owner.gone()
  }
}

/** As Redis, against requests that a web page makes a browser send to a port on its own machine: cross protocol scripting. */
function isHttp(name: Arg): boolean {
  if (typeof name !== 'string') return false
  const first = name.charCodeAt(0) | 0x20
  if (first === 0x70) return name.length === 4 && name.toLowerCase() === 'post'
  return first === 0x68 && name.length === 5 && name.toLowerCase() === 'host:'
}
