// Several connections that act in turn, on a real redis-server and on a Store at once, and all the bytes that each of them
// gets: replies, and what it is told of in between.

import * as assert from 'uvu/assert'
import { encode, RawClient } from '../client.js'
import type { World } from './both.js'
import { commandLines } from './cases.js'

/** Lines `name: command`, where several commands leave as one piece if ` ;; ` parts them. `{name}` is a connection's id. */
export async function sameScene(world: World, text: string): Promise<void> {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const [ours, real] = await Promise.all([world.ours, world.real].map((port) => play(port, lines)))
  for (const [i, line] of lines.entries()) assert.is(ours.steps[i], real.steps[i], line)
  assert.equal(ours.rest, real.rest, 'what came after the last line')
}

interface Played {
  /** For each line what the acting connection had got by then, since its last line. */
  steps: string[]
  rest: Record<string, string>
}

async function play(port: number, lines: readonly string[]): Promise<Played> {
  const clients = new Map<string, RawClient>()
  const ids = new Map<string, string>()
  const steps: string[] = []
  const masked = (bytes: string): string => {
    let text = bytes
    for (const [name, id] of ids)
      text = text.replaceAll(new RegExp(`((?:redir.*|[$]2\\r\\nid)\\r\\n:)${id}\\r\\n`, 'g'), `$1{${name}}\\r\\n`)
    return text
  }
  try {
    for (const [i, line] of lines.entries()) {
      const [, name, words] = line.match(/^(\w+): (.*)$/)!
      let client = clients.get(name)
      if (client === undefined) {
        client = await RawClient.connect({ port })
        clients.set(name, client)
        ids.set(name, String(await client.ok('CLIENT', 'ID')))
      }
      const requests = words.replace(/\{(\w+)\}/g, (_, other: string) => ids.get(other) ?? '0').split(' ;; ')
      const mark = `the end of line ${i}`
      client.send(Buffer.concat(requests.flatMap((request) => commandLines(request).map((argv) => encode(...argv)))))
      steps.push(masked(await upTo(client, mark)))
    }
    // Time for what comes at the end of a turn.
    await new Promise((resolve) => setTimeout(resolve, 20))
    const rest: Record<string, string> = {}
    for (const [name, client] of clients) rest[name] = masked(await upTo(client, 'the end'))
    return { steps, rest }
  } finally {
    for (const client of clients.values()) await client.close()
  }
}

/** All bytes before the answer to a PING with this message, which may have the form of a message. */
async function upTo(client: RawClient, mark: string): Promise<string> {
  client.send(encode('PING', mark))
  const bytes = (await client.readUntil(`${mark}\r\n`)).toString('latin1')
  return bytes.replace(/(?:\*2\r\n\$4\r\npong\r\n)?\$\d+\r\nthe end.*\r\n$/, '')
}
