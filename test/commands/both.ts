// The same requests to a Store behind a port and to a real redis-server 7.0.15, and the replies, byte for byte, side by side.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { type Argument, encode, RawClient } from '../client.js'
import { missingPeer, startServer } from '../peers.js'

/** For the tests that need the real server. */
export const skip = missingPeer('redis', '7.0.15')

/** A line of words, or the words themselves where one holds a space or is no text. */
export type Request = string | Argument[]

/** Makes equal what cannot be: numbers of connections, times, addresses. */
export type Mask = (reply: string) => string

const same: Mask = (reply) => reply

export class Both {
  readonly ours: RawClient
  readonly real: RawClient

  constructor(ours: RawClient, real: RawClient) {
    this.ours = ours
    this.real = real
  }

  /** Both replies, as bytes in latin1 form. */
  async replies(request: Request): Promise<[ours: string, real: string]> {
    const argv = typeof request === 'string' ? request.split(' ') : request
    const replies = [this.ours, this.real].map(async (client) => (await client.callRaw(...argv)).toString('latin1'))
    const [ours, real] = await Promise.all(replies)
    return [ours, real]
  }

  /** Sends each request to both, one after the other, and fails at the first that is answered differently. */
  async same(requests: readonly Request[], mask = same): Promise<void> {
    for (const request of requests) {
      const [ours, real] = await this.replies(request)
      assert.is(mask(ours), mask(real), String(request))
    }
  }

  /** Sends requests that nobody answers. */
  tell(request: Request): void {
    const argv = typeof request === 'string' ? request.split(' ') : request
    for (const client of [this.ours, this.real]) client.send(encode(...argv))
  }

  /** Both servers close the connection. */
  async closed(): Promise<void> {
    await Promise.all([this.ours.closed, this.real.closed])
  }

  async close(): Promise<void> {
    await Promise.all([this.ours.close(), this.real.close()])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

export interface World {
  store: Store
  /** Ports of the two. */
  ours: number
  real: number
  /** A new connection to each. */
  connect(): Promise<Both>
  close(): Promise<void>
}

/** Starts both. `config`: directives for either. */
export async function startBoth(config: Record<string, string> = {}): Promise<World> {
  const server = await startServer({ family: 'redis', version: '7.0.15', config })
  const store = new Store({ config: { 'enable-debug-command': 'yes', ...config } })
  const listener = await store.listen({ port: 0 })
  const ports = { ours: listener.port!, real: server.port }
  return {
    store,
    ...ports,
    connect: async () => {
      const clients = [ports.ours, ports.real].map((port) => RawClient.connect({ port }))
      const [ours, real] = await Promise.all(clients)
      return new Both(ours, real)
    },
    close: async () => {
      await store.close()
      await server.stop()
    },
  }
}
