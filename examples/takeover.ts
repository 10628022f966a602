// npm run demo: two processes, a primary and its spare. The link is cut; the primary is killed, the spare promoted, and the
// old primary returns as a replica; then the worst, a primary that dies without a word. Each time the spare has the data,
// and what comes back falls in line. Every step is checked: it exits 0 only if all hold.
//
// This process is the spare: a service with a Store inside. The primary is takeover-primary.ts, another one like it. What
// an operator would type into redis-cli goes through `ask`.

import { strict as assert } from 'node:assert'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Store } from 'hotspare'
import type { Session } from './takeover-primary.js'

const SESSIONS = 100_000

interface Primary {
  process: ChildProcess
  port: number
}

const folder = mkdtempSync(join(tmpdir(), 'takeover-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

async function startPrimary(sessions: number, follows?: number): Promise<Primary> {
  const file = fileURLToPath(new URL('./takeover-primary.ts', import.meta.url))
  const primary = follows === undefined ? [] : [`redis://127.0.0.1:${follows}`]
  const child = fork(file, [folder, String(sessions), ...primary])
  process.once('exit', () => child.kill('SIGKILL'))
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { process: child, port }
}

/** Sends lines to a port, as redis-cli or netcat would, and gives all that comes back. */
async function ask(port: number, ...lines: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(`${[...lines, 'QUIT'].join('\r\n')}\r\n`)
  let answer = ''
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk
  assert.ok(!answer.startsWith('-'), answer)
  return answer
}

function fieldOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, `not within 10 s: ${what}`)
    await sleep(5)
  }
}

const infoHere = (section: string): string => String(spare.call('INFO', section))

const offsetOf = (info: string): string | undefined => fieldOf(info, 'master_repl_offset')

/** The same offset on both sides. */
async function inStep(port: number): Promise<void> {
  await until('both sides are in step', async () => {
    const there = await ask(port, 'INFO replication')
    const link = fieldOf(there, 'master_link_status') ?? fieldOf(infoHere('replication'), 'master_link_status')
    return link === 'up' && offsetOf(there) === offsetOf(infoHere('replication'))
  })
}

/** The same data on both sides: forty digits stand for every key, value and time. */
async function sameData(port: number): Promise<void> {
  const asked = ask(port, 'DEBUG DIGEST')
  await sleep(20) // so that both processes compute at the same time
  const here = spare.call('DEBUG', 'DIGEST')
  assert.equal((await asked).slice(1, 41), here, 'both sides hold the same data')
  console.log(`  both sides> debug digest\n    ${here}`)
}

const started = performance.now()

function say(text: string): void {
  console.log(`\n\x1b[1m${((performance.now() - started) / 1000).toFixed(1).padStart(4)} s  ${text}\x1b[0m`)
}

const shown =
  /^(?:role|master_link_status|connected_slaves|slave\d|master_replid2?|master_repl_offset|second_repl_offset):/

async function show(port: number): Promise<void> {
  print('the first process', await ask(port, 'INFO replication'))
  print('the spare', infoHere('replication'))
}

function print(name: string, info: string): void {
  console.log(`  ${name}> info replication`)
  for (const line of info.split('\r\n')) if (shown.test(line)) console.log(`    ${line}`)
}

// A frozen process would stay behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const spare = new Store<Session>({
  config: { 'enable-debug-command': 'local', 'repl-ping-replica-period': '600' },
})
const door = await spare.listen({ port: 0 })
let primary = await startPrimary(SESSIONS)

say(`A primary with ${SESSIONS.toLocaleString('en')} entries; this process becomes its spare`)
await spare.replicaOf({ host: '127.0.0.1', port: primary.port })
await inStep(primary.port)
assert.equal(spare.size, SESSIONS)
await show(primary.port)

say('The spare answers reads from its own memory, and refuses a write')
const before = performance.now()
for (let i = 0; i < SESSIONS; i++) assert.equal(spare.get(`session:${i}`)?.visits, i % 100)
const nanoseconds = ((performance.now() - before) * 1e6) / SESSIONS
console.log(`  ${SESSIONS.toLocaleString('en')} reads, ${nanoseconds.toFixed(0)} ns each, the first of every entry`)
assert.throws(() => spare.set('session:0', { user: 'nobody', visits: 0 }), { code: 'READONLY' })
console.log("  spare.set(...): READONLY You can't write against a read only replica.")

say('The link is cut while the primary is written to: it comes back with a partial resync')
const writes = Array.from({ length: 1000 }, (_, i) => `SET late:${i} ${i}`)
await ask(primary.port, 'CLIENT KILL TYPE replica', ...writes)
await inStep(primary.port)
const stats = await ask(primary.port, 'INFO stats')
assert.equal(fieldOf(stats, 'sync_full'), '1', 'no second full sync')
assert.equal(fieldOf(stats, 'sync_partial_ok'), '1', 'one partial resync')
assert.equal(spare.size, SESSIONS + 1000)
await sameData(primary.port)
console.log('  the primary counts: sync_full:1, sync_partial_ok:1')

say('The primary is killed: the spare is promoted, and takes writes')
await killPrimary('SIGTERM')
await promoteSpare()
spare.set('session:0', { user: 'user-0', visits: 1 })

say('The old primary is started again, as a replica. It had time to write its file: a partial resync is enough')
primary = await startPrimary(0, door.port)
await inStep(primary.port)
assert.equal(fieldOf(infoHere('stats'), 'sync_full'), '0', 'it did not need the snapshot')
assert.equal(fieldOf(infoHere('stats'), 'sync_partial_ok'), '1')
await sameData(primary.port)
await show(primary.port)

say('They change places again, as an operator would do it')
await ask(primary.port, 'REPLICAOF NO ONE')
await spare.replicaOf({ host: '127.0.0.1', port: primary.port })
await inStep(primary.port)
assert.equal(fieldOf(await ask(primary.port, 'INFO stats'), 'sync_full'), '0', 'a partial resync, again')

say('The primary freezes (SIGSTOP) and is replaced; it wakes up, and falls in line with a partial resync')
primary.process.kill('SIGSTOP')
await promoteSpare()
primary.process.kill('SIGCONT')
await ask(primary.port, `REPLICAOF 127.0.0.1 ${door.port}`)
await inStep(primary.port)
assert.equal(fieldOf(infoHere('stats'), 'sync_full'), '0')
assert.equal(fieldOf(infoHere('stats'), 'sync_partial_ok'), '2')
await ask(primary.port, 'REPLICAOF NO ONE')
await spare.replicaOf({ host: '127.0.0.1', port: primary.port })
await inStep(primary.port)

say('The primary dies without a word (SIGKILL): nothing is lost. Its file is too old to go on from: a full sync')
await killPrimary('SIGKILL')
await promoteSpare()
assert.equal(spare.size, SESSIONS + 1000)
primary = await startPrimary(0, door.port)
await inStep(primary.port)
assert.equal(fieldOf(infoHere('stats'), 'sync_full'), '1')
await sameData(primary.port)
await show(primary.port)

primary.process.kill()
await spare.close()
say('Every step held.')

async function killPrimary(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  primary.process.kill(signal)
  await once(primary.process, 'exit')
}

async function promoteSpare(): Promise<void> {
  const { replid, offset } = spare.status()
  await spare.promote()
  const status = spare.status()
  assert.equal(status.role, 'primary')
  assert.notEqual(status.replid, replid, 'a new history begins')
  assert.equal(status.replid2, replid, 'and remembers the old one')
  assert.equal(status.secondOffset, offset + 1)
  print('the spare', infoHere('replication'))
}
