// A process that is killed at a moment by chance, under load, again and again on the same folder: nothing that was acknowledged
// is lost, and the file always loads. HOTSPARE_KILLS says how often, for each policy; HOTSPARE_SEED makes it the same again.

import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { randomFrom } from '../compat/load.js'
import { deadline, suite } from '../suite.js'

const test = suite('append-only file, killed')

const KILLS = Number(process.env.HOTSPARE_KILLS ?? 2)
const SEED = Number(process.env.HOTSPARE_SEED ?? 5)
const CLIENTS = 4
const PIPELINED = 8
const child = fileURLToPath(new URL('kill-child.ts', import.meta.url))

async function start(dir: string, policy: string): Promise<{ process: ChildProcess; port: number }> {
  const process = fork(child, [dir, policy], { execArgv: ['--import', 'tsx'] })
  const told = new Promise<{ port: number }>((resolve, reject) => {
    process.once('message', (message) => resolve(message as { port: number }))
    process.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
  })
  return { process, port: (await deadline(told, 20_000, 'the store in its own process')).port }
}

/** Counts up in keys of its own until the connection ends: what was sent, and what was acknowledged. */
async function load(port: number, id: number, from: number): Promise<{ sent: number; acknowledged: number }> {
  const client = await RawClient.connect({ port })
  let sent = from
  let acknowledged = from
  try {
    for (;;) {
      await Promise.all(Array.from({ length: PIPELINED }, () => client.ok('SET', `n${id}`, ++sent)))
      acknowledged = sent
      await client.ok('RPUSH', `list${id}`, 'x'.repeat(200))
    }
  } catch {
    return { sent, acknowledged }
  }
}

for (const policy of ['always', 'everysec', 'no']) {
  test(`${policy}: killed ${KILLS} times`, { limitMs: 20_000 + KILLS * 5_000 }, async () => {
    const random = randomFrom(SEED)
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-kill-'))
    try {
      const counts = new Array<number>(CLIENTS).fill(0)
      for (let kill = 0; kill < KILLS; kill++) {
        const { process, port } = await start(dir, policy)
        const gone = new Promise((resolve) => process.once('exit', resolve))
        const loads = counts.map((from, id) => load(port, id, from))
        await new Promise((resolve) => setTimeout(resolve, 20 + random() * 400))
        process.kill('SIGKILL')
        await gone
        const results = await Promise.all(loads)
        const store = await Store.open({ dir, config: { appendonly: 'yes' } })
        results.forEach(({ sent, acknowledged }, id) => {
          const kept = Number(store.call('GET', `n${id}`) ?? 0)
          // The process dies and not the machine: what the system took is kept under every policy.
          assert.ok(
            kept >= acknowledged && kept <= sent,
            `kill ${kill}: ${kept}, ${acknowledged} to ${sent} were expected`,
          )
          counts[id] = kept
        })
        assert.ok(
          results.some(({ acknowledged }, id) => acknowledged > 0 && counts[id] > 0),
          'there was a load',
        )
        await store.close({ save: false })
      }
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

test.run()
