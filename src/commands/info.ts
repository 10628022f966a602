// INFO: sections of `name:value` lines, with the names and in the order of Redis 7.0, as monitoring, Sentinel and clients
// read them. What has no counterpart here (a fork, a Lua heap) or is not measured (processor time, rates) is 0.

import { HOTSPARE_VERSION, REDIS_VERSION } from '../version.js'
import { appendOnlyFields } from './append-only.js'
import type { Client } from './client.js'
import type { Command, Server } from './command.js'
import { memoryUse } from './memory-use.js'
import type { Loading } from './save.js'

export type Field = readonly [name: string, value: string | number]
type Section = (server: Server, now: number) => Field[]

/** In the order of the reply. */
const sections: Readonly<Record<string, { title: string; fields: Section; inDefault: boolean }>> = {
  server: { title: 'Server', fields: serverFields, inDefault: true },
  clients: { title: 'Clients', fields: clientFields, inDefault: true },
  memory: { title: 'Memory', fields: memoryFields, inDefault: true },
  persistence: { title: 'Persistence', fields: persistenceFields, inDefault: true },
  stats: { title: 'Stats', fields: statsFields, inDefault: true },
  replication: { title: 'Replication', fields: replicationFields, inDefault: true },
  cpu: { title: 'CPU', fields: cpuFields, inDefault: true },
  modules: { title: 'Modules', fields: () => [], inDefault: true },
  commandstats: { title: 'Commandstats', fields: commandFields, inDefault: false },
  errorstats: { title: 'Errorstats', fields: errorFields, inDefault: true },
  latencystats: { title: 'Latencystats', fields: latencyFields, inDefault: false },
  cluster: { title: 'Cluster', fields: () => [['cluster_enabled', 0]], inDefault: true },
  keyspace: { title: 'Keyspace', fields: keyspaceFields, inDefault: true },
}

/** The reply to INFO with these section names, in any case; none: the default ones. Unknown names are passed over. */
export function infoText(server: Server, now: number, names: readonly string[]): string {
  const asked = new Set((names.length === 0 ? ['default'] : names).map((name) => name.toLowerCase()))
  const everything = asked.has('all') || asked.has('everything')
  return Object.entries(sections)
    .filter(([name, { inDefault }]) => everything || asked.has(name) || (inDefault && asked.has('default')))
    .map(([, { title, fields }]) => {
      const lines = fields(server, now).map(([name, value]) => `${name}:${value}\r\n`)
      return `# ${title}\r\n${lines.join('')}`
    })
    .join('\r\n')
}

/** Fields that are always 0 here. */
function zeros(names: string): Field[] {
  return names.split(' ').map((name) => [name, 0] as const)
}

function serverFields({ env, config, configFile, runId, port, startedAt }: Server, now: number): Field[] {
  const { pid, arch, platform, nodeVersion } = env.process
  const upSeconds = Math.max(0, Math.floor((now - startedAt) / 1000))
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_git_sha1', '00000000'],
    ['redis_git_dirty', 0],
    ['redis_build_id', '0'],
    ['redis_mode', 'standalone'],
    ['hotspare_version', HOTSPARE_VERSION],
    ['node_version', nodeVersion],
    ['os', `${platform} ${arch}`],
    ['arch_bits', /64|s390x/.test(arch) ? 64 : 32],
    ['monotonic_clock', 'performance.now'],
    ['multiplexing_api', 'libuv'],
    ['atomicvar_api', 'none'],
    ['gcc_version', '0.0.0'],
    ['process_id', pid],
    ['process_supervised', 'no'],
    ['run_id', runId],
    ['tcp_port', port],
    ['server_time_usec', now * 1000],
    ['uptime_in_seconds', upSeconds],
    ['uptime_in_days', Math.floor(upSeconds / 86_400)],
    ['hz', config.number('hz')],
    ['configured_hz', config.number('hz')],
    ['lru_clock', Math.floor(now / 1000) & 0xffffff],
    ['executable', ''],
    ['config_file', configFile?.path ?? ''],
    ['io_threads_active', 0],
  ]
}

/** Connections other than replicas' and the store's own. */
function connections({ clients }: Server): Client[] {
  return [...clients.values()].filter(({ kind }) => kind === 'normal' || kind === 'primary')
}

function clientFields(server: Server): Field[] {
  const buffers = connections(server).map((client) => client.buffers())
  return [
    ['connected_clients', buffers.length],
    ['cluster_connections', 0],
    ['maxclients', server.config.number('maxclients')],
    ['client_recent_max_input_buffer', Math.max(0, ...buffers.map(({ query }) => query))],
    ['client_recent_max_output_buffer', Math.max(0, ...buffers.map(({ output }) => output))],
    ['blocked_clients', server.blockedClients],
    ['tracking_clients', server.tracking.clientsCount],
    ['clients_in_timeout_table', [...server.clients.values()].filter(({ blocked }) => blocked?.timer != null).length],
  ]
}

function memoryFields(server: Server): Field[] {
  const { config } = server
  const use = memoryUse(server)
  const { usedBytes: used, residentBytes: resident, peakBytes: peak, dataBytes: data } = use
  const limit = config.number('maxmemory')
  return [
    ...withHuman('used_memory', used),
    ...withHuman('used_memory_rss', resident),
    ...withHuman('used_memory_peak', peak),
    ['used_memory_peak_perc', percent(used, peak)],
    ['used_memory_overhead', use.overheadBytes],
    ['used_memory_startup', 0],
    ['used_memory_dataset', data],
    ['used_memory_dataset_perc', percent(data, used)],
    ['allocator_allocated', used],
    ['allocator_active', used],
    ['allocator_resident', resident],
    ...withHuman('total_system_memory', 0),
    ...zeros('used_memory_lua used_memory_vm_eval'),
    ['used_memory_lua_human', human(0)],
    ...zeros('used_memory_scripts_eval number_of_cached_scripts number_of_functions number_of_libraries'),
    ...zeros('used_memory_vm_functions'),
    ...withHuman('used_memory_vm_total', 0),
    ...zeros('used_memory_functions'),
    ...withHuman('used_memory_scripts', 0),
    ...withHuman('maxmemory', limit),
    ['maxmemory_policy', config.text('maxmemory-policy')],
    ['allocator_frag_ratio', '1.00'],
    ['allocator_frag_bytes', 0],
    ['allocator_rss_ratio', ratio(resident, used)],
    ['allocator_rss_bytes', resident - used],
    ['rss_overhead_ratio', '1.00'],
    ['rss_overhead_bytes', 0],
    ['mem_fragmentation_ratio', ratio(resident, used)],
    ['mem_fragmentation_bytes', resident - used],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', use.backlogBytes],
    ['mem_total_replication_buffers', use.backlogBytes + use.replicaBytes],
    ['mem_clients_slaves', use.replicaBytes],
    ['mem_clients_normal', use.clientBytes],
    ...zeros('mem_cluster_links'),
    ['mem_aof_buffer', server.appendOnly?.queuedBytes ?? 0],
    ['mem_allocator', 'v8'],
    ...zeros('active_defrag_running lazyfree_pending_objects lazyfreed_objects'),
  ]
}

function persistenceFields(server: Server, now: number): Field[] {
  const { loading, lastSaveAt, changesSinceSave, file } = server
  const aof = appendOnlyFields(server)
  const { keys, totalKeys } = file?.saveProgress ?? { keys: 0, totalKeys: 0 }
  return [
    ['loading', loading === null ? 0 : 1],
    // What we hold is served until our primary's snapshot is whole.
    ['async_loading', server.primary()?.state === 'sync' ? 1 : 0],
    ...zeros('current_cow_peak current_cow_size current_cow_size_age'),
    ['current_fork_perc', totalKeys === 0 ? '0.00' : ((keys / totalKeys) * 100).toFixed(2)],
    ['current_save_keys_processed', keys],
    ['current_save_keys_total', totalKeys],
    ['rdb_changes_since_last_save', changesSinceSave],
    ['rdb_bgsave_in_progress', file?.isSaving || server.replicas().some((one) => one.isSentSnapshot) ? 1 : 0],
    ['rdb_last_save_time', Math.floor(lastSaveAt / 1000)],
    ['rdb_last_bgsave_status', file?.lastSaveFailed ? 'err' : 'ok'],
    ['rdb_last_bgsave_time_sec', file?.lastSaveSeconds ?? -1],
    ['rdb_current_bgsave_time_sec', file?.currentSaveSeconds ?? -1],
    ['rdb_saves', file?.saves ?? 0],
    ...zeros('rdb_last_cow_size'),
    ['rdb_last_load_keys_expired', file?.loadedPastKeys ?? 0],
    ['rdb_last_load_keys_loaded', file?.loadedKeys ?? 0],
    ...aof.before,
    ...zeros('module_fork_in_progress module_fork_last_cow_size'),
    ...aof.after,
    ...(loading === null ? [] : loadingFields(loading, now)),
  ]
}

function loadingFields({ startedAt, totalBytes, loadedBytes, usedBytes }: Loading, now: number): Field[] {
  const elapsed = Math.floor(now / 1000) - Math.floor(startedAt / 1000)
  // As Redis guesses it. Clients wait that long before they ask again.
  const eta = elapsed === 0 || loadedBytes === 0 ? 1 : Math.floor((elapsed * (totalBytes - loadedBytes)) / loadedBytes)
  return [
    ['loading_start_time', Math.floor(startedAt / 1000)],
    ['loading_total_bytes', totalBytes],
    ['loading_rdb_used_mem', usedBytes],
    ['loading_loaded_bytes', loadedBytes],
    ['loading_loaded_perc', totalBytes === 0 ? '0.00' : ((loadedBytes / totalBytes) * 100).toFixed(2)],
    ['loading_eta_seconds', eta],
  ]
}

function statsFields({ stats, channels, tracking }: Server): Field[] {
  return [
    ['total_connections_received', stats.connections],
    ['total_commands_processed', stats.commands],
    ['instantaneous_ops_per_sec', 0],
    ['total_net_input_bytes', stats.bytesIn],
    ['total_net_output_bytes', stats.bytesOut],
    ...zeros('total_net_repl_input_bytes total_net_repl_output_bytes'),
    ['instantaneous_input_kbps', '0.00'],
    ['instantaneous_output_kbps', '0.00'],
    ['instantaneous_input_repl_kbps', '0.00'],
    ['instantaneous_output_repl_kbps', '0.00'],
    ['rejected_connections', stats.rejectedConnections],
    ['sync_full', stats.syncFull],
    ['sync_partial_ok', stats.syncPartialOk],
    ['sync_partial_err', stats.syncPartialErr],
    ['expired_keys', stats.expired],
    ['expired_stale_perc', '0.00'],
    ...zeros('expired_time_cap_reached_count expire_cycle_cpu_milliseconds'),
    ['evicted_keys', stats.evicted],
    ...zeros('evicted_clients total_eviction_exceeded_time current_eviction_exceeded_time'),
    ['keyspace_hits', stats.hits],
    ['keyspace_misses', stats.misses],
    ['pubsub_channels', channels.size('channel')],
    ['pubsub_patterns', channels.size('pattern')],
    ['pubsubshard_channels', channels.size('shard')],
    ...zeros('latest_fork_usec total_forks migrate_cached_sockets'),
    ...zeros('slave_expires_tracked_keys active_defrag_hits active_defrag_misses active_defrag_key_hits'),
    ...zeros('active_defrag_key_misses total_active_defrag_time current_active_defrag_time'),
    ['tracking_total_keys', tracking.keysCount],
    ['tracking_total_items', tracking.itemsCount],
    ['tracking_total_prefixes', tracking.prefixesCount],
    ...zeros('unexpected_error_replies'),
    ['total_error_replies', stats.errorReplies],
    ...zeros('dump_payload_sanitizations total_reads_processed total_writes_processed io_threaded_reads_processed'),
    ...zeros('io_threaded_writes_processed reply_buffer_shrinks reply_buffer_expands'),
  ]
}

/** Sentinel reads this line by line, and wants `role` before the fields of a replica. */
function replicationFields(server: Server): Field[] {
  const { role, history, config } = server
  const replicas = server.replicas()
  const backlog = server.backlog()
  const maxLag = config.number('min-replicas-max-lag')
  const countsGood = config.number('min-replicas-to-write') > 0 && maxLag > 0
  return [
    ['role', role === 'primary' ? 'master' : 'slave'],
    ...primaryFields(server),
    ['connected_slaves', replicas.length],
    ...(countsGood ? [['min_slaves_good_slaves', server.replication.goodReplicas(maxLag)] as const] : []),
    ...replicas.map(
      ({ host, port, state, offset, lagSeconds }, i) =>
        [`slave${i}`, `ip=${host},port=${port},state=${state},offset=${offset},lag=${lagSeconds}`] as const,
    ),
    ['master_failover_state', server.replication.failover.state],
    ['master_replid', history.replid],
    ['master_replid2', history.replid2],
    ['master_repl_offset', history.offset],
    ['second_repl_offset', history.secondOffset],
    ['repl_backlog_active', backlog.active ? 1 : 0],
    ['repl_backlog_size', backlog.sizeBytes],
    ['repl_backlog_first_byte_offset', backlog.active ? backlog.firstByte : 0],
    ['repl_backlog_histlen', backlog.active ? backlog.lengthBytes : 0],
  ]
}

function primaryFields(server: Server): Field[] {
  const { config, history } = server
  const primary = server.primary()
  if (primary === null) return []
  const { host, port, state, up, lastIoSeconds, syncReadBytes, syncTotalBytes, syncLastIoSeconds, downSeconds } =
    primary
  const total = Math.max(0, syncTotalBytes)
  const progress: Field[] = [
    ['master_sync_total_bytes', total],
    ['master_sync_read_bytes', syncReadBytes],
    // Goes below zero while the whole is not known, as in Redis.
    ['master_sync_left_bytes', total - syncReadBytes],
    ['master_sync_perc', total === 0 ? '0.00' : ((syncReadBytes / total) * 100).toFixed(2)],
    ['master_sync_last_io_seconds_ago', syncLastIoSeconds],
  ]
  return [
    ['master_host', host],
    ['master_port', port],
    ['master_link_status', up ? 'up' : 'down'],
    ['master_last_io_seconds_ago', lastIoSeconds],
    ['master_sync_in_progress', state === 'sync' ? 1 : 0],
    ['slave_read_repl_offset', history.offset],
    ['slave_repl_offset', history.offset],
    ...(state === 'sync' ? progress : []),
    ...(up ? [] : [['master_link_down_since_seconds', downSeconds] as const]),
    ['slave_priority', config.number('replica-priority')],
    ['slave_read_only', config.flag('replica-read-only') ? 1 : 0],
    ['replica_announced', config.flag('replica-announced') ? 1 : 0],
  ]
}

function cpuFields(): Field[] {
  const names = ['sys', 'user', 'sys_children', 'user_children', 'sys_main_thread', 'user_main_thread']
  return names.map((name) => [`used_cpu_${name}`, '0.000000'])
}

function all({ commands }: Server): Command[] {
  return [...commands.values()].flatMap((one) => [one, ...(one.subcommands?.values() ?? [])])
}

function commandFields(server: Server): Field[] {
  return all(server)
    .filter((one) => one.calls + one.failedCalls + one.rejectedCalls > 0)
    .map(statsOf)
}

function statsOf({ name, calls, microseconds, rejectedCalls, failedCalls }: Command): Field {
  const perCall = (calls === 0 ? 0 : microseconds / calls).toFixed(2)
  const usec = Math.round(microseconds)
  const counts = `rejected_calls=${rejectedCalls},failed_calls=${failedCalls}`
  return [`cmdstat_${name}`, `calls=${calls},usec=${usec},usec_per_call=${perCall},${counts}`]
}

/** How long calls of each command took, in microseconds: the percentiles that are asked for. */
function latencyFields(server: Server): Field[] {
  const percentiles = server.config.list('latency-tracking-info-percentiles')
  return all(server).flatMap(({ name, latency }) => {
    if (latency === null) return []
    const shown = percentiles.map((p) => `p${p}=${(latency.percentile(Number(p)) / 1000).toFixed(3)}`)
    return [[`latency_percentiles_usec_${name}`, shown.join(',')] as const]
  })
}

function errorFields({ stats }: Server): Field[] {
  return [...stats.errors].map(([code, count]) => [`errorstat_${code}`, `count=${count}`])
}

/** Keys with a time that are looked at for the average. */
const SAMPLED_KEYS = 20

function keyspaceFields({ dataset }: Server, now: number): Field[] {
  return dataset.keyspaces
    .filter(({ size }) => size > 0)
    .map(({ index, size, expiry }) => {
      let sum = 0
      let sampled = 0
      for (const { expiresAt } of expiry) {
        if (sampled === SAMPLED_KEYS) break
        sum += Math.max(0, expiresAt - now)
        sampled++
      }
      const average = sampled === 0 ? 0 : Math.round(sum / sampled)
      return [`db${index}`, `keys=${size},expires=${expiry.size},avg_ttl=${average}`]
    })
}

function withHuman(name: string, bytes: number): Field[] {
  return [
    [name, bytes],
    [`${name}_human`, human(bytes)],
  ]
}

/** As Redis shortens bytes: `894.81K`. */
function human(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T', 'P']
  let size = bytes
  let unit = 0
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return unit === 0 ? `${bytes}B` : `${size.toFixed(2)}${units[unit]}`
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : (part / whole) * 100).toFixed(2)}%`
}

function ratio(a: number, b: number): string {
  return (b === 0 ? 0 : a / b).toFixed(2)
}
