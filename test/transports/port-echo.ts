// What message-port.test.ts runs in a thread or a process of its own: an echo over messagePorts(). Not a test.
//
//   connect   connects to the parent and sends back what comes
//   listen    listens for the parent, says `ready`, and sends back what comes
// It answers `{ ask }` of the parent as well, as a user's own protocol on the same channel would.

import { parentPort, workerData } from 'node:worker_threads'
import type { Link } from '../../src/link.js'
import { isLinkMessage, messagePorts } from '../../src/transports/message-port.js'

const mode: unknown = parentPort === null ? process.argv[2] : workerData

function say(message: unknown): void {
  if (parentPort !== null) parentPort.postMessage(message)
  else process.send?.(message)
}

function answer(message: unknown): void {
  if (isLinkMessage(message)) return
  say({ answer: message })
}

function echo(link: Link): void {
  link.open({
    data: (chunk) => {
      if (!link.send(chunk)) link.pause()
    },
    drain: () => link.resume(),
    closed: () => {
      if (mode === 'connect and answer') (parentPort ?? process).off('message', answer)
    },
  })
}

if (mode === 'listen') {
  await messagePorts().listen(echo)
  say('ready')
} else {
  if (mode === 'connect and answer') (parentPort ?? process).on('message', answer)
  echo(messagePorts().connect())
}
