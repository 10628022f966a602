// Nothing grows past its limit: buffers, backlogs, clients, what a snapshot keeps aside. How much more than the limit there
// may be for a moment is named here, with the reason.

import type { Snapshot } from '../../src/snapshot.js'
import type { Cluster, SimNode } from './cluster.js'

/** What one chunk of input may hold beyond the limit, and one reply beyond the mark at which a client is not read from. */
const CHUNK_BYTES = 256 * 1024
const OUTPUT_HIGH_WATER_BYTES = 1024 * 1024
const LARGEST_REPLY_BYTES = 2 * 1024 * 1024
/** A segment of the backlog, and what one turn of the event loop wrote before the ring was cut. */
const BACKLOG_SLACK_BYTES = 1024 * 1024

/** What the last change of a key took aside before the limit was met: an image of the largest collection, about. */
const LARGEST_PREIMAGE_BYTES = 300 * 1024

/** How long a replica may lag further behind than it may. */
const LONGEST_LAG_MS = 2500

export function checkLimits(
  cluster: Cluster,
  node: SimNode,
  snapshots: readonly Snapshot[],
  violated: (message: string) => void,
): void {
  const nowMs = cluster.nowMs
  const { engine } = node.store!
  const { config, stream, attached } = engine
  // Its own link to its primary is let in by nobody.
  const clients = [...engine.clients.values()].filter(({ kind }) => kind !== 'primary').length
  const most = config.number('maxclients')
  // Those who are there already may stay when fewer are allowed.
  const allowedClients = Math.max(most, node.clients)
  node.clients = Math.max(most, clients)
  if (clients > allowedClients) violated(`${node.name} serves ${clients} clients, ${most} are allowed`)
  const queryLimit = config.number('client-query-buffer-limit') + CHUNK_BYTES
  for (const client of engine.clients.values()) {
    const { query, output } = client.buffers()
    if (query > queryLimit) violated(`${node.name} keeps ${query} bytes of requests of ${client.link?.remote}`)
    if (client.kind !== 'normal') continue
    if (output > OUTPUT_HIGH_WATER_BYTES + LARGEST_REPLY_BYTES) {
      violated(`${node.name} keeps ${output} bytes of replies for ${client.link?.remote}`)
    }
  }
  const mostAside = config.number('snapshot-preimage-limit')
  for (const { preimageBytes } of snapshots) {
    if (mostAside > 0 && preimageBytes > mostAside + LARGEST_PREIMAGE_BYTES) {
      violated(`${node.name} keeps ${preimageBytes} bytes of pre-images for a snapshot, ${mostAside} are allowed`)
    }
  }
  const { hardBytes } = config.outputLimit('replica')
  let lag = 0
  for (const replica of attached) {
    if (replica.state === 'gone') continue
    const behind = stream.history.offset - replica.position
    if (replica.state !== 'waiting' || replica.transfer !== null) lag = Math.max(lag, behind)
    // Looked at by its primary every second, unless that is frozen.
    const isOver =
      replica.state !== 'waiting' && hardBytes > 0 && behind > Math.max(hardBytes, config.number('repl-backlog-size'))
    const before = node.laggards.get(replica)
    // Who has everything that was there at the last look may have caught up since then.
    const sinceMs = before !== undefined && replica.position < before.offset ? before.sinceMs : nowMs
    if (!isOver || cluster.frozen.has(node.name)) node.laggards.delete(replica)
    else node.laggards.set(replica, { sinceMs, offset: stream.history.offset })
    if (isOver && node.laggards.has(replica) && nowMs - sinceMs > LONGEST_LAG_MS) {
      violated(`${node.name} keeps its replica ${replica.name}, which lags ${behind} bytes, ${hardBytes} are allowed`)
    }
    const { pendingBytes } = replica.link
    if (pendingBytes > cluster.plan.network.highWaterBytes + CHUNK_BYTES) {
      violated(`${node.name} buffers ${pendingBytes} bytes for its replica ${replica.name}, which is a cursor`)
    }
  }
  if (stream.backlog !== null) {
    const { lengthBytes, sizeBytes } = stream.backlog
    node.backlogBytes = Math.max(sizeBytes, stream.backlog.end === node.backlogEnd ? node.backlogBytes : 0)
    node.backlogEnd = stream.backlog.end
    const allowed =
      Math.max(node.backlogBytes, hardBytes > 0 ? Math.min(lag, Math.max(hardBytes, node.backlogBytes)) : lag) +
      BACKLOG_SLACK_BYTES
    if (lengthBytes > allowed) {
      violated(
        `the backlog of ${node.name} holds ${lengthBytes} bytes; its size is ${sizeBytes}, the slowest lags ${lag}`,
      )
    }
  }
}
