// The stream of a primary with which the handshake went well.

import { readdirSync, readFileSync } from 'node:fs'
import { encodeCommand } from '../../../src/protocol/parser.js'
import { commandWords, someCommands } from '../commands.js'
import {
  expectPeersFault,
  expectSound,
  type HeldEnv,
  type HeldLink,
  HeldTransport,
  type Node,
  nodeOf,
} from '../node.js'
import { expect, pieces, type Target } from '../target.js'
import { GREETING, smallSnapshot } from './primary.js'

const CAPTURES = new URL('../../fixtures/streams/', import.meta.url)
const SNAPSHOT = smallSnapshot()
const CAPTURE_BYTES = 1500

export interface Following extends Node {
  link: HeldLink
}

/** A node in step with a primary that stands at that offset, and holds little. */
export function follower(offset: number, env?: HeldEnv): Following {
  const node = nodeOf({}, env)
  const transport = new HeldTransport()
  // It is over when the store closes.
  node.store.replicaOf(transport).catch(() => {})
  const [link] = transport.links
  link.connected()
  const full = `+FULLRESYNC ${'a'.repeat(40)} ${offset}\r\n$${SNAPSHOT.length}\r\n${SNAPSHOT}`
  link.say(Buffer.from(GREETING + full, 'latin1'))
  expect(node.store.status().link === 'connected', 'in step')
  link.read()
  return { ...node, link }
}

/** Streams that real servers sent, cut between two commands. */
function captured(): Buffer[] {
  const found: Buffer[] = []
  for (const name of readdirSync(CAPTURES).filter((one) => one.endsWith('.bin'))) {
    const commands = readFileSync(new URL(name, CAPTURES), 'latin1').split(/(?=\*\d+\r\n\$)/)
    let text = ''
    for (const command of commands) {
      text += command
      if (text.length < CAPTURE_BYTES) continue
      found.push(Buffer.from(text, 'latin1'))
      text = ''
    }
  }
  return found
}

export const stream: Target = {
  name: 'stream',
  about: 'engine/applier.ts and all commands: sound data, an offset that counts what was applied, or a dropped link',
  words: [
    ...commandWords(),
    ...[
      ['MULTI'],
      ['EXEC'],
      ['SELECT', '3'],
      ['REPLCONF', 'GETACK', '*'],
      ['REPLICAOF', 'NO', 'ONE'],
      ['REPLICAOF', 'elsewhere', '1'],
      ['SHUTDOWN', 'NOSAVE'],
      ['CONFIG', 'SET', 'maxmemory', '1'],
      ['PSYNC', '?', '-1'],
      ['DEBUG', 'RELOAD'],
      ['RESET'],
      ['CLIENT', 'KILL', 'TYPE', 'master'],
    ].map(encodeCommand),
  ],
  maxInputBytes: 4096,
  limitBytes: () => 128 * 1024 * 1024,
  seeds: () => [
    ...captured(),
    Buffer.from(
      encodeCommand(['SET', 'a', '1']) + encodeCommand(['REPLICAOF', 'NO', 'ONE']) + encodeCommand(['INCR', 'a']),
    ),
    Buffer.from(
      encodeCommand(['SET', 'a', '1']) + encodeCommand(['REPLICAOF', 'other', '1']) + encodeCommand(['INCR', 'a']),
    ),
  ],
  make: (chance) => Buffer.from(someCommands(chance), 'latin1'),
  run(input) {
    const node = follower(1000)
    const { store, env, link } = node
    for (const piece of pieces(input)) {
      link.say(piece)
      env.turn()
    }
    expectPeersFault(node.errors)
    const { offset } = store.status()
    expect(offset >= 1000 && offset <= 1000 + input.length, `the offset is ${offset}`)
    expectSound(node)
    env.advance(1500)
    expectSound(node)
    void store.close()
  },
}
