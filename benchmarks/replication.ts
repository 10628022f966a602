// What does replication cost beside a pair of redis-servers?
//   1. writes a second with one TCP replica that keeps up: counted until the replica has the last of them
//   2. a full sync of 1,000,000 keys: from REPLICAOF until the replica is in step, and the longest time for which the
//      primary's event loop stood still meanwhile (redis-server: the time of its fork)

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { freePort, peer } from '../test/peers.js'
import {
  ask,
  field,
  heading,
  median,
  program,
  quick,
  type Running,
  runToEnd,
  spread,
  startNode,
  startProgram,
  stop,
  table,
  until,
  versionOf,
} from './bench.js'
import type { Order } from './node.js'

const ROUNDS = quick ? 1 : 3
const WRITES = quick ? 20_000 : 500_000
const KEYS = quick ? 20_000 : 1_000_000

const redis = peer('redis', '7.0.15')
const ours = `hotspare ${versionOf.hotspare}`

interface Node {
  port: number
  tell(order: Order): Promise<number>
  stop(): Promise<void>
}

async function answer(child: ChildProcess): Promise<number> {
  const [message] = (await once(child, 'message')) as [{ answer: number }]
  return message.answer
}

async function startOurs(): Promise<Node> {
  const child = startNode(new URL('./node.ts', import.meta.url))
  const port = await answer(child)
  const tell = (order: Order): Promise<number> => {
    const answered = answer(child)
    child.send(order)
    return answered
  }
  return { port, tell, stop: () => stop(child) }
}

async function startServer(kind: 'hotspare' | 'redis', ...args: string[]): Promise<Running> {
  const port = await freePort()
  const common = ['--port', String(port), '--save', '', '--repl-diskless-sync-delay', '0', ...args]
  // As much as a redis-server keeps for a replica that is behind (client-output-buffer-limit).
  const roomy = ['--repl-backlog-size', '256mb']
  if (kind === 'hotspare') return startProgram(process.execPath, [program, ...common, ...roomy], port)
  return startProgram(redis!.server, [...common, '--enable-debug-command', 'yes'], port)
}

/** Writes that clients send, to a pair of servers of one kind. */
async function clientWrites(kind: 'hotspare' | 'redis'): Promise<number> {
  const primary = await startServer(kind)
  const replica = await startServer(kind, '--replicaof', '127.0.0.1', String(primary.port))
  const { port } = replica
  await until(async () => (await field(port, 'replication', 'master_link_status')) === 'up', 'the replica is in step')
  const start = performance.now()
  const load = `-p ${primary.port} -t set -c 50 -d 64 -r 100000 -n ${WRITES} -P 16 --csv`
  await runToEnd(redis!.benchmark, load.split(' '))
  const offset = Number(await field(primary.port, 'replication', 'master_repl_offset'))
  await until(
    async () => Number(await field(port, 'replication', 'slave_repl_offset')) >= offset,
    'the replica has all',
  )
  const seconds = (performance.now() - start) / 1000
  if ((await field(primary.port, 'stats', 'sync_full')) !== '1') throw new Error('the replica did not keep up')
  await replica.stop()
  await primary.stop()
  return WRITES / seconds
}

/** Writes that the service itself makes. */
async function faceWrites(): Promise<number> {
  const [primary, replica] = [await startOurs(), await startOurs()]
  await replica.tell({ do: 'follow', port: primary.port })
  const write = async (count: number): Promise<number> => {
    const start = performance.now()
    const offset = await primary.tell({ do: 'write', count })
    await until(async () => (await replica.tell({ do: 'offset' })) >= offset, 'the replica has all')
    return (performance.now() - start) / 1000
  }
  await write(WRITES / 10) // warms up
  const seconds = await write(WRITES)
  if ((await field(primary.port, 'stats', 'sync_full')) !== '1') throw new Error('the replica did not keep up')
  await replica.stop()
  await primary.stop()
  return WRITES / seconds
}

interface FullSync {
  ms: number
  pauseMs: number
}

async function ourFullSync(): Promise<FullSync> {
  const [primary, replica] = [await startOurs(), await startOurs()]
  await primary.tell({ do: 'fill', count: KEYS })
  await primary.tell({ do: 'watch' })
  const ms = await replica.tell({ do: 'follow', port: primary.port })
  const pauseMs = await primary.tell({ do: 'longest pause' })
  await replica.stop()
  await primary.stop()
  return { ms, pauseMs }
}

async function theirFullSync(): Promise<FullSync> {
  const [primary, replica] = [await startServer('redis'), await startServer('redis')]
  await ask(primary.port, `DEBUG POPULATE ${KEYS} key 64`)
  const start = performance.now()
  await ask(replica.port, `REPLICAOF 127.0.0.1 ${primary.port}`)
  const { port } = replica
  await until(async () => (await field(port, 'replication', 'master_link_status')) === 'up', 'the replica is in step')
  const ms = performance.now() - start
  const pauseMs = Number(await field(primary.port, 'stats', 'latest_fork_usec')) / 1000
  await replica.stop()
  await primary.stop()
  return { ms, pauseMs }
}

async function rounds<T>(measure: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  for (let round = 0; round < ROUNDS; round++) all.push(await measure())
  return all
}

const count = (values: number[]): string[] => [Math.round(median(values)).toLocaleString('en'), spread(values)]
const ratio = (a: number[], b: number[] | undefined): string => (b ? (median(a) / median(b)).toFixed(2) : '-')

heading(`Writes a second with one TCP replica that keeps up, ${WRITES.toLocaleString('en')} writes, ${ROUNDS} rounds`)
const byFace = await rounds(faceWrites)
const rows = [[`${ours}, store.set in the process`, ...count(byFace), '']]
if (redis !== undefined) {
  const [byClients, theirs]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    byClients.push(await clientWrites('hotspare'))
    theirs.push(await clientWrites('redis'))
  }
  rows.push([`${ours}, 50 clients, pipeline 16`, ...count(byClients), ratio(byClients, theirs)])
  rows.push([`redis-server ${redis.version}, the same clients`, ...count(theirs), '1.00'])
}
table([['', 'writes/s', 'spread', 'x Redis'], ...rows])

heading(`Full sync of ${KEYS.toLocaleString('en')} keys with 64-byte values, ${ROUNDS} rounds`)
const own = await rounds(ourFullSync)
const theirs = redis === undefined ? undefined : await rounds(theirFullSync)
const line = (name: string, all: FullSync[], other: FullSync[] | undefined): string[] => [
  name,
  ...count(all.map(({ ms }) => ms)),
  ratio(other?.map(({ ms }) => ms) ?? [], other && all.map(({ ms }) => ms)),
  median(all.map(({ pauseMs }) => pauseMs)).toFixed(1),
  Math.max(...all.map(({ pauseMs }) => pauseMs)).toFixed(1),
]
const syncRows = [line(ours, own, theirs)]
if (redis !== undefined && theirs !== undefined) syncRows.push(line(`redis-server ${redis.version}`, theirs, theirs))
table([['', 'ms', 'spread', 'x Redis (speed)', "primary's longest pause, ms", 'worst'], ...syncRows])
