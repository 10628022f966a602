// The table of every directive: what it is called, what it may hold, what it holds at first. Names, limits and defaults are
// those of Redis 7.0.15. Names of later versions and of Valkey, which files and charts set, stand at the end; they answer
// to their exact name only. Knows no current value: config.ts does.

import {
  addresses,
  baseName,
  choice,
  directory,
  type Form,
  flag,
  GB,
  hostname,
  INT_MAX,
  INT_MIN,
  integer,
  KB,
  keyspaceEvents,
  LONG_MAX,
  MB,
  memory,
  memoryOrPercent,
  octal,
  oomScores,
  outputLimits,
  percentiles,
  primaryAddress,
  processTitle,
  type Setting,
  savePoints,
  signalActions,
  text,
  UINT_MAX,
  ULONG_MAX,
} from './setting.js'

const MIN_HZ = 1
const MAX_HZ = 500
const MIN_BACKLOG = 16n * KB

const live = { live: true } as const
const immutable = { immutable: true } as const
const hidden = { hidden: true } as const
const secret = { sensitive: true } as const
/** A name that Redis 7.0 does not know. */
const later = { hidden: true } as const
const tlsFile = { volatile: true } as const

const protectedActions = ['no', 'yes', 'local']

export const settings = {
  // Where it listens, and for whom
  bind: addresses(),
  port: integer(6379, 0, 65535, live),
  unixsocket: text(undefined, { ...live, ...immutable }),
  unixsocketperm: octal(0, 0o777, { ...live, ...immutable }),
  'tcp-backlog': integer(511, 0, INT_MAX, immutable),
  'tcp-keepalive': integer(300, 0, INT_MAX, live),
  timeout: integer(0, 0, INT_MAX, live),
  maxclients: integer(10000, 1, UINT_MAX, live),
  'protected-mode': flag(true, live),
  requirepass: text(undefined, { ...live, ...secret }),
  'bind-source-addr': text(),
  'socket-mark-id': integer(0, 0, UINT_MAX, immutable),

  // TLS
  'tls-port': integer(0, 0, 65535, live),
  'tls-cert-file': text(undefined, { ...live, ...tlsFile }),
  'tls-key-file': text(undefined, { ...live, ...tlsFile }),
  'tls-key-file-pass': text(undefined, secret),
  'tls-client-cert-file': text(undefined, tlsFile),
  'tls-client-key-file': text(undefined, tlsFile),
  'tls-client-key-file-pass': text(undefined, secret),
  'tls-ca-cert-file': text(undefined, { ...live, ...tlsFile }),
  'tls-ca-cert-dir': text(undefined, tlsFile),
  'tls-dh-params-file': text(undefined, tlsFile),
  'tls-auth-clients': choice('yes', ['no', 'yes', 'optional'], live),
  'tls-replication': flag(false, live),
  'tls-cluster': flag(false),
  'tls-protocols': text(),
  'tls-ciphers': text(),
  'tls-ciphersuites': text(),
  'tls-prefer-server-ciphers': flag(false),
  'tls-session-caching': flag(true),
  'tls-session-cache-size': integer(20480, 0, INT_MAX),
  'tls-session-cache-timeout': integer(300, 0, INT_MAX),

  // Replication
  replicaof: primaryAddress({ ...live, ...immutable, alias: 'slaveof' }),
  masterauth: text(undefined, { ...live, ...secret, also: ['primaryauth'] }),
  masteruser: text(undefined, { ...live, ...secret, also: ['primaryuser'] }),
  'replica-serve-stale-data': flag(true, { ...live, alias: 'slave-serve-stale-data' }),
  'replica-read-only': flag(true, { ...live, alias: 'slave-read-only' }),
  'replica-priority': integer(100, 0, INT_MAX, { ...live, alias: 'slave-priority' }),
  'replica-announced': flag(true, live),
  'replica-announce-ip': text(undefined, { ...live, alias: 'slave-announce-ip' }),
  'replica-announce-port': integer(0, 0, 65535, { ...live, alias: 'slave-announce-port' }),
  'replica-ignore-maxmemory': flag(true, { alias: 'slave-ignore-maxmemory' }),
  'replica-ignore-disk-write-errors': flag(false),
  'replica-lazy-flush': flag(false, { alias: 'slave-lazy-flush' }),
  'repl-backlog-size': memory(MB, 1n, LONG_MAX, {
    ...live,
    clamp: (size) => (size < MIN_BACKLOG ? MIN_BACKLOG : size),
  }),
  'repl-backlog-ttl': integer(3600, 0, LONG_MAX, live),
  'repl-timeout': integer(60, 1, INT_MAX, live),
  'repl-ping-replica-period': integer(10, 1, INT_MAX, { ...live, alias: 'repl-ping-slave-period' }),
  'repl-disable-tcp-nodelay': flag(false),
  'repl-diskless-sync': flag(true, live),
  'repl-diskless-sync-delay': integer(5, 0, INT_MAX, live),
  'repl-diskless-sync-max-replicas': integer(0, 0, INT_MAX, live),
  'repl-diskless-load': choice('disabled', ['disabled', 'on-empty-db', 'swapdb'], { notWhileLoading: true }),
  'min-replicas-to-write': integer(0, 0, INT_MAX, { ...live, alias: 'min-slaves-to-write' }),
  'min-replicas-max-lag': integer(10, 0, INT_MAX, { ...live, alias: 'min-slaves-max-lag' }),
  // Our own: what a replica does when its primary streams a command that it does not know.
  'on-unknown-command': choice('stop', ['stop', 'skip'], live),
  // Our own: bytes of old values that a snapshot under way may hold, about; past it it fails. 0: any number.
  'snapshot-preimage-limit': memory(256n * MB, 0n, LONG_MAX, live),
  'propagation-error-behavior': choice('ignore', ['ignore', 'panic', 'panic-on-replicas']),

  // Memory and time
  databases: integer(16, 1, INT_MAX, { ...live, ...immutable }),
  maxmemory: memory(0n, 0n, ULONG_MAX, live),
  'maxmemory-policy': choice(
    'noeviction',
    [
      'volatile-lru',
      'volatile-lfu',
      'volatile-random',
      'volatile-ttl',
      'allkeys-lru',
      'allkeys-lfu',
      'allkeys-random',
      'noeviction',
    ],
    live,
  ),
  'maxmemory-samples': integer(5, 1, INT_MAX),
  'maxmemory-eviction-tenacity': integer(10, 0, 100),
  'maxmemory-clients': memoryOrPercent(),
  'lfu-log-factor': integer(10, 0, INT_MAX, live),
  'lfu-decay-time': integer(1, 0, INT_MAX, live),
  'lazyfree-lazy-eviction': flag(false, live),
  'lazyfree-lazy-expire': flag(false, live),
  'lazyfree-lazy-server-del': flag(false, live),
  'lazyfree-lazy-user-del': flag(false, live),
  'lazyfree-lazy-user-flush': flag(false, live),
  'active-expire-effort': integer(1, 1, 10, live),
  hz: integer(10, 0, INT_MAX, { ...live, clamp: clampHz }),
  'dynamic-hz': flag(true, live),
  'client-output-buffer-limit': outputLimits(),
  'client-query-buffer-limit': memory(GB, MB, LONG_MAX, live),
  'proto-max-bulk-len': memory(512n * MB, MB, LONG_MAX, live),
  activerehashing: flag(true),
  activedefrag: flag(false),
  'active-defrag-cycle-min': integer(1, 1, 99),
  'active-defrag-cycle-max': integer(25, 1, 99),
  'active-defrag-ignore-bytes': memory(100n * MB, 1n, LONG_MAX),
  'active-defrag-max-scan-fields': integer(1000, 1, LONG_MAX),
  'active-defrag-threshold-lower': integer(10, 0, 1000),
  'active-defrag-threshold-upper': integer(100, 0, 1000),
  'jemalloc-bg-thread': flag(true),

  // Files
  dir: directory(),
  dbfilename: text('dump.rdb', { ...live, protected: true, check: baseName('dbfilename', 'filename', true) }),
  save: savePoints(),
  rdbchecksum: flag(true, { ...live, ...immutable }),
  rdbcompression: flag(true, live),
  'rdb-del-sync-files': flag(false),
  'rdb-save-incremental-fsync': flag(true, live),
  'stop-writes-on-bgsave-error': flag(true, live),
  'sanitize-dump-payload': choice('no', ['no', 'yes', 'clients']),
  appendonly: flag(false, { ...live, notWhileLoading: true }),
  appendfilename: text('appendonly.aof', { ...live, ...immutable, check: baseName('appendfilename', 'filename') }),
  appenddirname: text('appendonlydir', { ...live, ...immutable, check: baseName('appenddirname', 'dirname') }),
  appendfsync: choice('everysec', ['everysec', 'always', 'no'], live),
  'no-appendfsync-on-rewrite': flag(false, live),
  'auto-aof-rewrite-percentage': integer(100, 0, INT_MAX, live),
  'auto-aof-rewrite-min-size': memory(64n * MB, 0n, LONG_MAX, live),
  'aof-load-truncated': flag(true, live),
  'aof-use-rdb-preamble': flag(true, live),
  'aof-rewrite-incremental-fsync': flag(true, live),
  'aof-timestamp-enabled': flag(false, live),
  'aof-disable-auto-gc': flag(false, live),

  // What is told, and to whom
  loglevel: choice('notice', ['debug', 'verbose', 'notice', 'warning'], live),
  logfile: text('', { ...live, ...immutable }),
  'notify-keyspace-events': keyspaceEvents(),
  'slowlog-log-slower-than': integer(10000, -1, LONG_MAX, { ...live, also: ['commandlog-execution-slower-than'] }),
  'slowlog-max-len': integer(128, 0, LONG_MAX, { ...live, also: ['commandlog-slow-execution-max-len'] }),
  'latency-monitor-threshold': integer(0, 0, LONG_MAX, live),
  'latency-tracking': flag(true, live),
  'latency-tracking-info-percentiles': percentiles(),
  'syslog-enabled': flag(false, immutable),
  'syslog-ident': text('redis', immutable),
  'syslog-facility': choice('local0', ['user', ...Array.from({ length: 8 }, (_, i) => `local${i}`)], immutable),
  'crash-log-enabled': flag(true),
  'crash-memcheck-enabled': flag(true),
  'always-show-logo': flag(false, immutable),
  'tracking-table-max-keys': integer(1_000_000, 0, LONG_MAX),

  // What clients may do
  'enable-debug-command': choice('no', protectedActions, { ...live, ...immutable }),
  'enable-module-command': choice('no', protectedActions, immutable),
  'enable-protected-configs': choice('no', protectedActions, { ...live, ...immutable }),
  aclfile: text('', immutable),
  'acllog-max-len': integer(128, 0, LONG_MAX),
  'acl-pubsub-default': choice('resetchannels', ['allchannels', 'resetchannels']),
  'busy-reply-threshold': integer(5000, 0, LONG_MAX, { alias: 'lua-time-limit' }),

  // How values are kept. We keep them otherwise, but Redis' own tests set these.
  'list-max-listpack-size': integer(-2, INT_MIN, INT_MAX, { alias: 'list-max-ziplist-size' }),
  'list-compress-depth': integer(0, 0, INT_MAX),
  'hash-max-listpack-entries': integer(512, 0, LONG_MAX, { alias: 'hash-max-ziplist-entries' }),
  'hash-max-listpack-value': memory(64n, 0n, LONG_MAX, { alias: 'hash-max-ziplist-value' }),
  'zset-max-listpack-entries': integer(128, 0, LONG_MAX, { alias: 'zset-max-ziplist-entries' }),
  'zset-max-listpack-value': memory(64n, 0n, LONG_MAX, { alias: 'zset-max-ziplist-value' }),
  'set-max-intset-entries': integer(512, 0, LONG_MAX),
  'stream-node-max-bytes': memory(4096n, 0n, LONG_MAX),
  'stream-node-max-entries': integer(100, 0, LONG_MAX),
  'hll-sparse-max-bytes': memory(3000n, 0n, LONG_MAX),

  // The process
  daemonize: flag(false, immutable),
  supervised: choice('no', ['upstart', 'systemd', 'auto', 'no'], immutable),
  pidfile: text(undefined, immutable),
  'set-proc-title': flag(true, immutable),
  'proc-title-template': text('{title} {listen-addr} {server-mode}', { check: processTitle }),
  'shutdown-timeout': integer(10, 0, INT_MAX, live),
  'shutdown-on-sigint': signalActions(),
  'shutdown-on-sigterm': signalActions(),
  'oom-score-adj': choice('no', ['no', 'yes', 'relative', 'absolute'], { synonyms: { relative: 'yes' } }),
  'oom-score-adj-values': oomScores(),
  'io-threads': integer(1, 1, 128, immutable),
  'io-threads-do-reads': flag(false, immutable),
  'disable-thp': flag(true, immutable),
  'ignore-warnings': text(''),
  server_cpulist: text(undefined, { ...immutable, also: ['server-cpulist'] }),
  bio_cpulist: text(undefined, { ...immutable, also: ['bio-cpulist'] }),
  aof_rewrite_cpulist: text(undefined, { ...immutable, also: ['aof-rewrite-cpulist'] }),
  bgsave_cpulist: text(undefined, { ...immutable, also: ['bgsave-cpulist'] }),
  'use-exit-on-panic': flag(false, hidden),
  'watchdog-period': integer(0, 0, INT_MAX, hidden),
  'rdb-key-save-delay': integer(0, INT_MIN, INT_MAX, { ...hidden, ...live }),
  'key-load-delay': integer(0, INT_MIN, INT_MAX, { ...hidden, ...live }),
  'loading-process-events-interval-bytes': integer(2_097_152, 1024, INT_MAX, hidden),

  // Redis Cluster
  'cluster-enabled': flag(false, immutable),
  'cluster-config-file': text('nodes.conf', immutable),
  'cluster-port': integer(0, 0, 65535, immutable),
  'cluster-node-timeout': integer(15000, 0, LONG_MAX),
  'cluster-announce-ip': text(),
  'cluster-announce-hostname': text(undefined, { check: hostname }),
  'cluster-announce-port': integer(0, 0, 65535),
  'cluster-announce-tls-port': integer(0, 0, 65535),
  'cluster-announce-bus-port': integer(0, 0, 65535),
  'cluster-preferred-endpoint-type': choice('ip', ['ip', 'hostname', 'unknown-endpoint']),
  'cluster-replica-validity-factor': integer(10, 0, INT_MAX, { alias: 'cluster-slave-validity-factor' }),
  'cluster-replica-no-failover': flag(false, { alias: 'cluster-slave-no-failover' }),
  'cluster-migration-barrier': integer(1, 0, INT_MAX),
  'cluster-allow-replica-migration': flag(true),
  'cluster-require-full-coverage': flag(true),
  'cluster-allow-reads-when-down': flag(false),
  'cluster-allow-pubsubshard-when-down': flag(true),
  'cluster-link-sendbuf-limit': memory(0n, 0n, ULONG_MAX),

  // Redis 7.2 to 8
  'set-max-listpack-entries': integer(128, 0, LONG_MAX, later),
  'set-max-listpack-value': integer(64, 0, LONG_MAX, later),
  'locale-collate': text('', later),
  'hide-user-data-from-log': flag(false, later),
  'max-new-connections-per-cycle': integer(10, 1, 1000, later),
  'max-new-tls-connections-per-cycle': integer(1, 1, 1000, later),
  'cluster-announce-human-nodename': text(undefined, later),
  'cluster-ping-interval': integer(0, 0, LONG_MAX, later),
  'cluster-slot-stats-enabled': flag(false, later),
  'cluster-compatibility-sample-ratio': integer(0, 0, 100, later),
  'repl-rdb-channel': flag(false, later),
  'replica-full-sync-buffer-limit': memory(0n, 0n, LONG_MAX, later),
  lookahead: integer(16, 1, INT_MAX, later),
  'aof-load-corrupt-tail-max-size': memory(0n, 0n, LONG_MAX, later),
  'key-memory-histograms': flag(false, later),
  'tls-auth-clients-user': choice('off', ['CN', 'URI', 'off'], later),
  'stream-idmp-duration': integer(100, 1, 86_400, later),
  'stream-idmp-maxsize': integer(100, 1, 10_000, later),
  'vset-force-single-threaded-execution': flag(false, later),

  // Valkey
  'extended-redis-compatibility': flag(false, later),
  'dual-channel-replication-enabled': flag(false, later),
  'rdb-version-check': choice('strict', ['strict', 'relaxed'], later),
  'import-mode': flag(false, later),
  'availability-zone': text(undefined, later),
  'events-per-io-thread': integer(2, 0, INT_MAX, later),
  'prefetch-batch-max-size': integer(16, 0, 128, later),
  'commandlog-request-larger-than': integer(1_048_576, -1, LONG_MAX, later),
  'commandlog-large-request-max-len': integer(128, 0, LONG_MAX, later),
  'commandlog-reply-larger-than': integer(1_048_576, -1, LONG_MAX, later),
  'commandlog-large-reply-max-len': integer(128, 0, LONG_MAX, later),
  'log-format': choice('legacy', ['legacy', 'logfmt', 'json'], later),
  'log-timestamp-format': choice('legacy', ['legacy', 'iso8601', 'milliseconds'], later),
  unixsocketgroup: text(undefined, { ...immutable, ...later }),
  mptcp: flag(false, { ...immutable, ...later }),
  'repl-mptcp': flag(false, { ...immutable, ...later }),
  'hash-seed': text(undefined, { ...immutable, ...later, ...secret }),
  'tls-auto-reload-interval': integer(0, 0, INT_MAX, later),
  'active-defrag-cycle-us': integer(500, 0, 100_000, later),
  'cluster-databases': integer(1, 1, INT_MAX, { ...immutable, ...later }),
  'cluster-blacklist-ttl': integer(60, 0, LONG_MAX, later),
  'cluster-manual-failover-timeout': integer(5000, 1, INT_MAX, later),
  'cluster-config-save-behavior': choice('sync', ['sync', 'best-effort'], later),
  'cluster-announce-client-port': integer(0, 0, 65535, later),
  'cluster-announce-client-tls-port': integer(0, 0, 65535, later),
  'cluster-announce-client-ipv4': text(undefined, later),
  'cluster-announce-client-ipv6': text(undefined, later),
} satisfies Record<string, Setting>

function clampHz(value: bigint): bigint {
  return value < MIN_HZ ? BigInt(MIN_HZ) : value > MAX_HZ ? BigInt(MAX_HZ) : value
}

export type SettingName = keyof typeof settings
type NamesOf<F extends Form> = {
  [N in SettingName]: (typeof settings)[N] extends Setting<F> ? N : never
}[SettingName]
export type FlagName = NamesOf<'flag'>
export type NumberName = NamesOf<'number'>
export type ListName = NamesOf<'list'>

/** A name by which a directive is known. */
export interface Known {
  /** The directive's own name. */
  name: SettingName
  setting: Setting
  /** As it was looked up, in lower case: the own name, an alias, or a later version's name. */
  as: string
  /** Patterns find it. */
  shown: boolean
}

const known = new Map<string, Known>()
for (const [key, setting] of Object.entries<Setting>(settings)) {
  const name = key as SettingName
  const shown = setting.hidden === undefined
  known.set(key, { name, setting, as: key, shown })
  if (setting.alias !== undefined) known.set(setting.alias, { name, setting, as: setting.alias, shown })
  for (const also of setting.also ?? []) known.set(also, { name, setting, as: also, shown: false })
}

/** The directive of this name, in any case. */
export function findSetting(name: string): Known | undefined {
  return known.get(name.toLowerCase())
}

/** Every name, aliases included. */
export function allNames(): Iterable<Known> {
  return known.values()
}

/** Whether the value of this name must not be shown: for MONITOR, SLOWLOG and the log. */
export function isSensitive(name: string): boolean {
  return findSetting(name)?.setting.sensitive === true
}

/** Directives that Redis once had and still takes, with one argument, to no effect. */
export const retired: ReadonlySet<string> = new Set([
  'list-max-ziplist-entries',
  'list-max-ziplist-value',
  'lua-replicate-commands',
])
