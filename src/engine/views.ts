// Replication as INFO and ROLE show it.

import type { PrimaryView, ReplicaView } from '../commands/command.js'
import type { Backlog } from '../replication/backlog.js'
import type { Replica } from '../replication/primary.js'
import type { ReplicaLink } from '../replication/replica.js'

const SHOWN = {
  waiting: 'wait_bgsave',
  sending: 'send_bulk',
  acknowledging: 'send_bulk',
  online: 'online',
  gone: 'send_bulk',
} as const

export function viewOfReplica(replica: Replica, now: number): ReplicaView {
  return {
    host: replica.host,
    port: replica.traits.port,
    // As Redis names it: what goes to a socket as it is made is still being made.
    state: replica.state === 'sending' && replica.traits.eof ? 'wait_bgsave' : SHOWN[replica.state],
    isSentSnapshot: replica.transfer !== null,
    offset: replica.acknowledged,
    lagSeconds: replica.state === 'online' ? Math.floor((now - replica.heardAt) / 1000) : 0,
  }
}

export function viewOfLink(link: ReplicaLink): PrimaryView {
  return {
    host: link.transport.host,
    port: link.transport.port,
    state: link.state === 'stopped' ? 'connect' : link.state,
    up: link.isUp,
    isStopped: link.stoppedBy !== null,
    lastIoSeconds: link.isUp ? link.lastIoSeconds : -1,
    syncReadBytes: link.syncReadBytes,
    syncTotalBytes: link.syncTotalBytes,
    syncLastIoSeconds: link.lastIoSeconds,
    downSeconds: link.downSeconds,
  }
}

export interface BacklogView {
  active: boolean
  sizeBytes: number
  firstByte: number
  lengthBytes: number
}

export function viewOfBacklog(backlog: Backlog | null, sizeBytes: number): BacklogView {
  if (backlog === null) return { active: false, sizeBytes, firstByte: 0, lengthBytes: 0 }
  return { active: true, sizeBytes, firstByte: backlog.start + 1, lengthBytes: backlog.lengthBytes }
}
