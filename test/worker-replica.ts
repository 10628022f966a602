// What workers.test.ts runs in threads and in cluster workers: a replica of the parent's Store, which tells how far it is
// when it is asked. Not a test.

import { parentPort } from 'node:worker_threads'
import { Store } from '../src/index.js'
import { isLinkMessage, messagePorts } from '../src/transports/message-port.js'

export interface Question {
  ask: number
  /** Costs time: it goes over all data. */
  withDigest: boolean
}

export interface Answer {
  answer: number
  offset: number
  size: number
  digest: string
}

const store = new Store<string>({ config: { 'enable-debug-command': 'local' } })

function say(message: unknown): void {
  if (parentPort !== null) parentPort.postMessage(message)
  else process.send?.(message)
}

;(parentPort ?? process).on('message', (message: unknown) => {
  if (isLinkMessage(message)) return
  const { ask, withDigest } = message as Question
  const { offset } = store.status()
  const digest = withDigest ? String(store.call('DEBUG', 'DIGEST')) : ''
  say({ answer: ask, offset, size: store.size, digest } satisfies Answer)
})

await store.replicaOf(messagePorts())
say('in step')
