// Memory as INFO and MEMORY show it: `used` is the JavaScript heap in use. Of it the data is known in bounded mode
// only.

import type { Client } from './client.js'
import type { Server } from './command.js'

export interface MemoryUse {
  usedBytes: number
  residentBytes: number
  peakBytes: number
  dataBytes: number
  overheadBytes: number
  backlogBytes: number
  /** Requests and replies that wait, of replicas and of other clients. */
  replicaBytes: number
  clientBytes: number
}

export function memoryUse(server: Server): MemoryUse {
  const { stats, dataset } = server
  const { heapBytes: usedBytes, residentBytes } = server.env.memory()
  stats.peakMemory = Math.max(stats.peakMemory, usedBytes)
  const dataBytes = dataset.bytes === 0 ? usedBytes : Math.min(dataset.bytes, usedBytes)
  const backlog = server.backlog()
  const clients = [...server.clients.values()]
  return {
    usedBytes,
    residentBytes,
    peakBytes: stats.peakMemory,
    dataBytes,
    overheadBytes: usedBytes - dataBytes,
    backlogBytes: backlog.active ? backlog.lengthBytes : 0,
    replicaBytes: bufferBytes(clients.filter(({ kind }) => kind === 'replica')),
    clientBytes: bufferBytes(clients.filter(({ kind }) => kind === 'normal' || kind === 'primary')),
  }
}

function bufferBytes(clients: readonly Client[]): number {
  return clients.reduce((sum, client) => sum + client.buffers().query + client.buffers().output, 0)
}
