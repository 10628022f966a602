// npx tsx examples/sentinel.ts [redis-sentinel]: three Stores and three real Sentinels, each a process. A client writes all
// the while; the primary is killed (SIGKILL). The Sentinels promote another, the client goes on, and the old primary comes
// back as a replica. Every step is checked: it exits 0 only if all hold. Needs redis-sentinel or valkey-sentinel; give its
// path if it is not on the PATH. Takes about half a minute: Sentinels look for replicas every ten seconds.

import { strict as assert } from 'node:assert'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'

const NAME = 'sessions'
const program = process.argv[2] ?? 'redis-sentinel'
const folder = mkdtempSync(join(tmpdir(), 'sentinel-'))
const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const started = performance.now()
function say(text: string): void {
  console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${text}`)
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, `not within 30 s: ${what}`)
    await sleep(20)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

interface Node {
  name: string
  port: number
  process: ChildProcess
  role: string
}

/** `sentinels`: whom it asks for its primary. Resolves when it listens. */
async function startNode(name: string, port: number): Promise<Node> {
  const file = fileURLToPath(new URL('./sentinel-node.ts', import.meta.url))
  const child = fork(file, [port, ...sentinelPorts].map(String))
  children.add(child)
  const node: Node = { name, port, process: child, role: 'primary' }
  child.on('message', (message: { role?: string }) => {
    if (message.role === undefined) return
    node.role = message.role
    say(`${name} is a ${node.role}`)
  })
  await once(child, 'message')
  return node
}

async function startSentinel(port: number, primary: number): Promise<void> {
  const file = join(folder, `${port}.conf`)
  const watch = [`monitor ${NAME} 127.0.0.1 ${primary} 2`, `down-after-milliseconds ${NAME} 1000`]
  const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, ...watch.map((line) => `sentinel ${line}`)]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const child = spawn(program, [file], { stdio: 'ignore' })
  children.add(child)
  await Promise.race([once(child, 'spawn'), once(child, 'error').then(([error]) => Promise.reject(error as Error))])
}

const sentinelPorts = await Promise.all([freePort(), freePort(), freePort()])
const nodePorts = await Promise.all([freePort(), freePort(), freePort()])

say('three nodes, which ask the Sentinels whom to follow, and three Sentinels over the first of them')
await Promise.all(sentinelPorts.map((port) => startSentinel(port, nodePorts[0])))
const nodes = await Promise.all(nodePorts.map((port, i) => startNode(`node ${i + 1}`, port)))

const asking = new Redis({ port: sentinelPorts[0], maxRetriesPerRequest: null })
async function replicasInOrder(): Promise<number> {
  const replicas = (await asking.call('SENTINEL', 'REPLICAS', NAME)) as string[][]
  return replicas.filter((words) => words[words.indexOf('flags') + 1] === 'slave').length
}
await until('the Sentinels know one another', async () => {
  const master = (await asking.call('SENTINEL', 'MASTER', NAME)) as string[]
  return master[master.indexOf('num-other-sentinels') + 1] === '2'
})
await until('the Sentinels know both replicas', async () => (await replicasInOrder()) === 2)
assert.deepEqual(
  nodes.map(({ role }) => role),
  ['primary', 'replica', 'replica'],
)

say('a client writes, and knows of the Sentinels only')
const client = new Redis({
  sentinels: sentinelPorts.map((port) => ({ host: '127.0.0.1', port })),
  name: NAME,
  socketTimeout: 1000,
  retryStrategy: () => 100,
  sentinelRetryStrategy: () => 100,
  maxRetriesPerRequest: 0,
})
client.on('error', () => {}) // each write says what became of it
let acknowledged = 0
let failed = 0
let isWriting = true
const writing = (async () => {
  while (isWriting) {
    try {
      await client.set(`session:${acknowledged}`, 'here')
      acknowledged++
    } catch {
      failed++
    }
    await sleep(5)
  }
})()
await until('200 writes', () => acknowledged >= 200)

const [first] = nodes
say('the primary is killed')
const killedAt = performance.now()
first.process.kill('SIGKILL')
await once(first.process, 'exit')
await until('another is the primary', () => nodes.slice(1).some(({ role }) => role === 'primary'))
const before = acknowledged
await until('the writes go on', () => acknowledged > before + 100)
say(`the writes go on; ${((performance.now() - killedAt) / 1000).toFixed(1)} s for detection, election and promotion`)

say('the old primary is started again, by the same command')
nodes[0] = await startNode('node 1', first.port)
await until('it is a replica', () => nodes[0].role === 'replica')
await until('the Sentinels find everything in order', async () => (await replicasInOrder()) === 2)
assert.equal(nodes.filter(({ role }) => role === 'primary').length, 1)

isWriting = false
await writing
const held = Number(await client.dbsize())
say(`${acknowledged} writes acknowledged, ${failed} refused meanwhile, ${acknowledged - held} lost with the primary`)
await until('the one that came back holds all of it', async () => {
  const there = new Redis({ port: nodes[0].port })
  const size = await there.dbsize()
  there.disconnect()
  return size === held
})
client.disconnect()
asking.disconnect()
say('Every step held.')
process.exit(0)
