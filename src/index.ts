// The public face: exports, nothing else.

export type { PrimaryAddress } from './address.js'
export type { Codec, CodecName } from './codec.js'
export type { ReplicaView } from './commands/command.js'
export type { Progress } from './commands/save.js'
export { Config, parseConfigText, parseFlags } from './config/config.js'
export { type Env, type Logger, silentLog, systemEnv, type Timer } from './env.js'
export { ReplyError, StoreError, type StoreErrorCode } from './errors.js'
export type { StoreEvents } from './events.js'
export type { AnyHandle, Condition, Face, SetOptions } from './face.js'
export { HashHandle } from './handles/hash.js'
export { ListHandle } from './handles/list.js'
export type { Promised } from './handles/promised.js'
export { SetHandle } from './handles/set.js'
export { type ScoreRange, SortedSetHandle } from './handles/sorted-set.js'
export { type AddOptions, type StreamEntry, StreamHandle } from './handles/stream.js'
export type { Link, LinkHandlers, Listening, Transport } from './link.js'
export type { Listener, ListenerOptions } from './listener.js'
export type { PrimaryFace } from './primary-face.js'
export type { ReplyValue } from './protocol/writer.js'
export type { LinkState } from './replication/replica.js'
export type { SentinelsStatus, WatchedPrimary } from './sentinels/watched-primary.js'
export {
  type FailoverOptions,
  type FileOptions,
  type ListenOptions,
  Store,
  type StoreOptions,
  type StoreStatus,
  type Token,
} from './store.js'
export { MemoryNetwork, type MemoryNetworkOptions, type Nodes } from './transports/memory.js'
export type { NetworkEvent, Told } from './transports/memory-link.js'
export { isLinkMessage, messagePorts, type ProcessChannel, type ThreadChannel } from './transports/message-port.js'
export { type TcpOptions, type TlsOptions, tcp } from './transports/tcp.js'
export type { Verdict, VerifiedKey } from './verification.js'
export { HOTSPARE_VERSION } from './version.js'
