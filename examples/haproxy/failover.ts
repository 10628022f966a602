// npx tsx examples/haproxy/failover.ts: three nodes behind HAProxy (the program has to be installed: `apt install haproxy`).
// A writer that knows HAProxy's port and nothing else goes on while the primary is killed, a replica takes over and the old
// primary comes back. What WAIT confirmed is still there at the end. It exits 0 only if all that holds.
//
// The controller is this process. In real life it is Sentinel, an operator of Kubernetes, or a person.

import { strict as assert } from 'node:assert'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'

interface Node {
  name: string
  port: number
  process: ChildProcess
}

const children: ChildProcess[] = []
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}

async function startNode(name: string, port: number, primary?: Node): Promise<Node> {
  const child = fork(fileOf('./node.ts'), [String(port), ...(primary === undefined ? [] : [String(primary.port)])])
  children.push(child)
  await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${name} did not start`))),
  ])
  return { name, port, process: child }
}

function startHaproxy(nodes: Node[], writes: number, reads: number): void {
  const env: NodeJS.ProcessEnv = { PATH: `${process.env.PATH}:/usr/sbin` }
  env.WRITES = `127.0.0.1:${writes}`
  env.READS = `127.0.0.1:${reads}`
  nodes.forEach((node, i) => {
    env[`NODE_${i + 1}`] = `127.0.0.1:${node.port}`
  })
  const child = spawn('haproxy', ['-db', '-f', fileOf('./haproxy.cfg')], { env, stdio: 'ignore' })
  child.once('error', (error) => {
    console.error(`HAProxy cannot be started (apt install haproxy): ${error.message}`)
    process.exit(1)
  })
  children.push(child)
}

/** Asks a node itself, past HAProxy. */
async function ask(node: Node, ...argv: string[]): Promise<unknown> {
  const client = new Redis({ port: node.port, lazyConnect: true })
  try {
    await client.connect()
    return await client.call(argv[0], ...argv.slice(1))
  } finally {
    client.disconnect()
  }
}

async function offsetOf(node: Node): Promise<number> {
  return Number(/slave_repl_offset:(\d+)/.exec(String(await ask(node, 'INFO', 'replication')))?.[1] ?? -1)
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, `not within 30 s: ${what}`)
    await sleep(20)
  }
}

const started = performance.now()
function say(text: string): void {
  console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${text}`)
}

const [writes, reads, ...ports] = await Promise.all(Array.from({ length: 5 }, freePort))
const one = await startNode('node 1', ports[0])
const [two, three] = await Promise.all([startNode('node 2', ports[1], one), startNode('node 3', ports[2], one)])
startHaproxy([one, two, three], writes, reads)

// The writer. Each write asks for one replica to have it: that is what survives. ioredis connects anew by itself, and what
// was under way then is not sent a second time, so that each key is written once at most.
const writer = new Redis({
  port: writes,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  commandTimeout: 3000,
  retryStrategy: () => 50,
})
writer.on('error', () => {})
const confirmed: string[] = []
let unconfirmed = 0
let isWriting = true
let lastMs = 0
let longestGapMs = 0

async function write(): Promise<void> {
  for (let i = 0; isWriting; i++) {
    try {
      await writer.set(`key:${i}`, i)
      if ((await writer.wait(1, 1000)) < 1) throw new Error('no replica had it in time')
      confirmed.push(`key:${i}`)
      const now = performance.now()
      if (lastMs > 0) longestGapMs = Math.max(longestGapMs, now - lastMs)
      lastMs = now
    } catch {
      unconfirmed++
      await sleep(20)
    }
  }
}

const more = async (count: number): Promise<void> => {
  const wanted = confirmed.length + count
  await until(`${count} more writes`, () => confirmed.length >= wanted)
}

const writing = write()
await more(300)
say(`${one.name} is the primary; ${confirmed.length} writes went through HAProxy and were confirmed by WAIT 1`)

say(`${one.name} is killed (SIGKILL)`)
one.process.kill('SIGKILL')
await once(one.process, 'exit')
const offsets = [await offsetOf(two), await offsetOf(three)]
const [best, other] = offsets[0] >= offsets[1] ? [two, three] : [three, two]
await ask(best, 'REPLICAOF', 'NO', 'ONE')
await ask(other, 'REPLICAOF', '127.0.0.1', String(best.port))
say(`${best.name} has most of the stream (${offsets.join(' and ')}) and is promoted; ${other.name} follows it`)
await more(300)
say(`the writer goes on: ${confirmed.length} confirmed. The longest time without one: ${longestGapMs.toFixed(0)} ms`)

const again = await startNode('node 1', one.port, best)
say('node 1 is back, as a replica')
await more(100)
isWriting = false
await writing
writer.disconnect()

for (const node of [best, other, again]) {
  await until(`${node.name} to have everything`, async () => {
    const values = (await ask(node, 'MGET', ...confirmed)) as (string | null)[]
    return values.every((value, i) => value === confirmed[i].slice('key:'.length))
  })
}
say(`${confirmed.length} writes were confirmed, and every node has all of them; ${unconfirmed} were not confirmed`)
say('Every step held.')
process.exit(0)
