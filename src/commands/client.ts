// One who runs commands: a connection, the Map face, or the primary whose stream is applied. What a command may know of
// it, and what CLIENT LIST prints of it. The listener makes and drives those that have a link.

import type { Arg } from '../bytes.js'
import type { Timer } from '../env.js'
import type { Link } from '../link.js'
import type { Reply } from '../protocol/writer.js'
import type { ReplicaTraits } from '../replication/primary.js'
import type { Subscriptions } from './channels.js'
import type { Command, Wait } from './command.js'
import type { Tracked } from './tracking.js'

/**
 * normal   a connection that sends commands and reads replies
 * replica  a connection that became a replica's link (PSYNC, SYNC)
 * primary  the stream of our primary: its commands are applied, not answered
 * internal the Map face and the store itself
 */
export type ClientKind = 'normal' | 'replica' | 'primary' | 'internal'

export interface Queued {
  command: Command
  argv: Arg[]
}

/** MULTI: what waits for EXEC. */
export interface Transaction {
  queue: Queued[]
  /** A command could not be queued: EXEC will refuse. */
  failed: boolean
  /** Bytes of all arguments queued, as CLIENT LIST shows them. Not counted yet. */
  queuedBytes: number
}

export interface WatchedKey {
  db: number
  key: string
  /** The key was there, but past its time, when it was watched: then its removal is no change. */
  wasExpired: boolean
}

/** A client that waits for a key, and the request that it will run again. */
export interface Blocked {
  readonly command: Command
  readonly argv: Arg[]
  readonly wait: Wait
  readonly db: number
  readonly timer: Timer | null
}

/** What a replica tells of itself before PSYNC (REPLCONF). */
export type Announced = ReplicaTraits

export class Client {
  readonly id: number
  kind: ClientKind
  readonly link: Link | undefined
  readonly reply: Reply
  readonly createdAt: number
  db = 0
  name = ''
  libName = ''
  libVersion = ''
  protocol: 2 | 3 = 2
  authenticated: boolean
  transaction: Transaction | null = null
  watched: WatchedKey[] = []
  /** A watched key was changed: EXEC answers nil. */
  watchBroken = false
  /** It waits for a key (BLPOP): its requests wait too. */
  blocked: Blocked | null = null
  /** Its request waits for the end of CLIENT PAUSE, and so do those behind it. */
  isPaused = false
  /** The request that was put aside, to be run when the pause is over. */
  held: Arg[] | null = null
  monitor = false
  /** What it subscribes to; null: nothing. */
  subscriptions: Subscriptions | null = null
  /** It hears of changes of keys; null: it does not. */
  tracking: Tracked | null = null
  replyMode: 'on' | 'off' | 'skip' | 'skip-next' = 'on'
  noEvict = false
  noTouch = false
  /** Close the link once the replies written so far have left. */
  closeAfterReply = false
  /** Where the stream stood after its last command: WAIT waits until replicas have that. */
  offset = 0
  lastCommand = 'NULL'
  lastActiveAt: number
  commands = 0
  bytesIn = 0
  bytesOut = 0
  readonly announced: Announced = {
    port: 0,
    ip: '',
    eof: false,
    psync2: false,
    rdbChannel: false,
    ourId: '',
    rdbOnly: false,
    noKeys: false,
    version: '',
  }
  /** Closes the link at once, and lets the engine forget the client. The listener sets it. */
  close: () => void = () => {}
  /** Sends bytes in latin1 form that are no reply: a message, a line of MONITOR. The listener sets it. */
  send: (latin1: string) => void = () => {}
  /** Sends the replies written so far, before something else takes over the link. The listener sets it. */
  flush: () => void = () => {}
  /** Goes on with the requests that came while the client waited. The listener sets it. */
  resume: () => void = () => {}
  /** Bytes that wait in the query buffer and the output buffer, and those of the last request. The listener sets it. */
  buffers: () => { query: number; request: number; output: number } = () => ({ query: 0, request: 0, output: 0 })

  constructor(options: {
    id: number
    kind: ClientKind
    reply: Reply
    now: number
    link?: Link | undefined
    authenticated: boolean
  }) {
    this.id = options.id
    this.kind = options.kind
    this.reply = options.reply
    this.link = options.link
    this.createdAt = options.now
    this.lastActiveAt = options.now
    this.authenticated = options.authenticated
  }
}
