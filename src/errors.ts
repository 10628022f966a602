// Errors that a caller or a client meets. A ReplyError is what a command answers: Redis' own text, whose first word is
// the code. A StoreError is the library's own, for what has no command behind it.

/** An error reply. `message` is what goes over the wire after the `-`; `code` is its first word. */
export class ReplyError extends Error {
  readonly code: string
  constructor(message: string) {
    super(message)
    this.name = 'ReplyError'
    const space = message.indexOf(' ')
    this.code = space < 0 ? message : message.slice(0, space)
  }
}

export type StoreErrorCode =
  | 'CLOSED' // the store was closed
  | 'ABORTED' // the caller's signal fired
  | 'TIMEOUT' // it did not happen in the time allowed
  | 'INVALID' // an argument makes no sense
  | 'CONFIG' // a configuration file or flag is wrong
  | 'CODEC' // a value cannot be turned into bytes, or bytes not into a value
  | 'RDB' // a snapshot is damaged, or holds what this version cannot read
  | 'AOF' // an append-only file is damaged, or cannot be applied
  | 'PROTOCOL' // the peer sent what is not the protocol
  | 'UNKNOWN_COMMAND' // a primary streamed a command that this version does not know
  | 'HISTORY' // a place in the stream that this node's data does not hold, and will not
  | 'PAUSED' // a failover is under way: this node takes no writes until its end
  | 'REFUSED' // a failover's target did not take over
  | 'NO_PRIMARY' // there is no primary that could be asked: nothing was sent to it
  | 'BUSY' // too much is under way: nothing was sent
  | 'UNCERTAIN' // the primary did not answer: it may have done what it was asked, or not
  | 'BEHIND' // the primary answered, what it did is not here yet
  | 'LINK' // a connection could not be made, or broke
  | 'FILE' // a file cannot be read or written
  | 'LOCKED' // another store, of this process or of another, has the folder
  | 'ADDRESS' // an address cannot be listened at

/** An error of the library itself. `code` is stable; `cause` keeps what lies behind it. */
export class StoreError extends Error {
  readonly code: StoreErrorCode
  constructor(code: StoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}

/** What clients that waited are told when their node became a replica. */
export const BECAME_REPLICA =
  'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'

/** Our own mistake, never the caller's or the peer's: nothing can be relied on afterwards. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`hotspare: broken invariant: ${message}`)
}

/** Builds each error when it is thrown, so that its stack is the thrower's. Texts are those of Redis 7.0. */
export const replyErrors = {
  syntax: () => new ReplyError('ERR syntax error'),
  wrongType: () => new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value'),
  notInteger: () => new ReplyError('ERR value is not an integer or out of range'),
  notFloat: () => new ReplyError('ERR value is not a valid float'),
  outOfRange: () => new ReplyError('ERR value is out of range'),
  overflow: () => new ReplyError('ERR increment or decrement would overflow'),
  noSuchKey: () => new ReplyError('ERR no such key'),
  dbIndex: () => new ReplyError('ERR DB index is out of range'),
  arity: (name: string) => new ReplyError(`ERR wrong number of arguments for '${name}' command`),
  readOnly: () => new ReplyError("READONLY You can't write against a read only replica."),
  replicaKeys: () => new ReplyError("ERR Replica can't interact with the keyspace"),
  noAuth: () => new ReplyError('NOAUTH Authentication required.'),
  wrongPass: () => new ReplyError('WRONGPASS invalid username-password pair or user is disabled.'),
  oom: () => new ReplyError("OOM command not allowed when used memory > 'maxmemory'."),
  loading: () => new ReplyError('LOADING Redis is loading the dataset in memory'),
  masterDown: () => new ReplyError("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
  execAbort: () => new ReplyError('EXECABORT Transaction discarded because of previous errors.'),
  /** `word` as the client spelled it. */
  subcommandUse: (of: string, word: string) =>
    new ReplyError(`ERR unknown subcommand or wrong number of arguments for '${word}'. Try ${of} HELP.`),
  invalidExpire: (name: string) => new ReplyError(`ERR invalid expire time in '${name}' command`),
} as const
