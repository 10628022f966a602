// Asks a node for its replication stream as a replica would, and reads it as the bytes that it is.

import { encode, type RawClient } from '../client.js'
import type { Node } from './nodes.js'

/** What a node says to `PSYNC replid wanted` from a new connection, which is closed then. */
export async function answerToPsync(node: Node, replid: string, wanted: number): Promise<string> {
  await using client = await node.connect()
  return await ask(client, replid, wanted)
}

async function ask(client: RawClient, replid: string, wanted: number): Promise<string> {
  await client.ok('REPLCONF', 'capa', 'eof', 'capa', 'psync2')
  client.send(encode('PSYNC', replid, wanted))
  // Empty lines may come before the answer: somebody keeps the link alive.
  return (await client.readLine()).replace(/^\n+/, '')
}

export interface Tap {
  /** The next so many bytes of the stream. */
  read(count: number): Promise<Buffer>
  close(): Promise<void>
}

/** The stream of a node from behind `offset` on, which has to be in its backlog. */
export async function tap(node: Node, replid: string, offset: number): Promise<Tap> {
  const client = await node.connect({ timeoutMs: 20_000 })
  const answer = await ask(client, replid, offset + 1)
  if (answer.startsWith('+CONTINUE')) return client
  await client.close()
  throw new Error(`the node at ${node.port} has no stream from ${offset} on: ${answer}`)
}
