// A process that is killed at a moment by chance, under load, again and again on the same folder: nothing that was acknowledged
// is lost, under everysec but for the last seconds, and the file always loads. HOTSPARE_KILLS says how often, for each policy
// or the one in HOTSPARE_POLICY; HOTSPARE_SEED makes it the same again.

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
const POLICIES = ['always', 'everysec', 'no'].filter((name) => name === (process.env.HOTSPARE_POLICY ?? name))
const CLIENTS = 4
const PIPELINED = 8
/** Under everysec a write waits for an fsync under way, half a second at most. */
const EVERYSEC_LOSES_MS = 1000
const LONGEST_LOAD_MS: Record<string, number> = { always: 420, everysec: 5000, no: 420 }
const child = fileURLToPath(new URL('kill-child.ts', import.meta.url))

async function start(dir: string, policy: string): Promise<{ process: ChildProcess; port: number }> {
  const process = fork(child, [dir, policy], { execArgv: ['--import', 'tsx'] })
  process.on('error', () => {})
  const told = new Promise<{ port: number }>((resolve, reject) => {
    process.once('message', (message) => resolve(message as { port: number }))
    process.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
  })
  try {
    return { process, port: (await deadline(told, 60_000, 'the store in its own process')).port }
  } catch (error) {
    process.kill('SIGKILL')
    throw error
  }
}

interface Load {
  sent: number
  acknowledged: number
  /** When, and how far it was acknowledged by then. */
  history: { at: number; acknowledged: number }[]
}

/** Counts up in keys of its own until the connection ends: what was sent, and what was acknowledged. */
async function load(port: number, id: number, from: number): Promise<Load> {
  const client = await RawClient.connect({ port })
  let sent = from
  let acknowledged = from
  const history = [{ at: Number.NEGATIVE_INFINITY, acknowledged }]
  try {
    for (;;) {
      await Promise.all(Array.from({ length: PIPELINED }, () => client.ok('SET', `n${id}`, ++sent)))
      acknowledged = sent
      history.push({ at: performance.now(), acknowledged })
      await client.ok('RPUSH', `list${id}`, 'x'.repeat(200))
    }
  } catch {
    return { sent, acknowledged, history }
  }
}

for (const policy of POLICIES) {
  test(`${policy}: killed ${KILLS} times`, { limitMs: 60_000 + KILLS * 10_000 }, async () => {
    const random = randomFrom(SEED)
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-kill-'))
    try {
      const counts = new Array<number>(CLIENTS).fill(0)
      for (let kill = 0; kill < KILLS; kill++) {
        const { process, port } = await start(dir, policy)
        const gone = new Promise((resolve) => process.once('exit', resolve))
        const loads = counts.map((from, id) => load(port, id, from))
        await new Promise((resolve) => setTimeout(resolve, 20 + random() * (LONGEST_LOAD_MS[policy] - 20)))
        const killedAt = performance.now()
        process.kill('SIGKILL')
        await gone
        const results = await Promise.all(loads)
        const store = await Store.open({ dir, config: { appendonly: 'yes' } })
        results.forEach(({ sent, acknowledged, history }, id) => {
          const kept = Number(store.call('GET', `n${id}`) ?? 0)
          // The process dies and not the machine: what the system took is kept under every policy.
          const promised = history.findLast(({ at }) => at <= killedAt - EVERYSEC_LOSES_MS)!
          const least = policy === 'everysec' ? promised.acknowledged : acknowledged
          assert.ok(kept >= least && kept <= sent, `kill ${kill}: ${kept}, ${least} to ${sent} were expected`)
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
