// For how long does the event loop stand still while a snapshot is taken, or loaded?
//   1. 1,000,000 keys of 100 bytes under 20,000 writes a second: nothing else, a save, a full sync of a redis-server (its
//      own primary's longest pause is the time of its fork)
//   2. the same keys are loaded, by a process that starts, with the flags of 1 and with V8's defaults
//   3. one collection of 1,000,000 elements that is written to all over: a save
//   npm run bench -- pauses --only=keys (or collections, hash, zset, list, set, stream) --semi-space=16
// A figure is by how much a 1 ms timer came late; `own` leaves out waits for a processor (see lateness.ts). The first save and
// the first sync are not counted: V8 compiles meanwhile. The replica runs at a low priority, as if it had a machine of its own:
// V8's collector stops the loop until its helpers have stopped, and helpers that wait for a processor do so late.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, peer } from '../test/peers.js'
import { ask, field, heading, median, quick, startNode, startProgram, stop, table, until } from './bench.js'
import type { Answer, CollectionName, LoadedOrder } from './loaded-node.js'

const ROUNDS = quick ? 1 : 5
const KEYS = quick ? 20_000 : 1_000_000
const WRITES_PER_SECOND = 20_000
const REST_MS = quick ? 200 : 1500

/** What the project promises, in ms. */
const LONGEST_MS = 10
const P999_MS = 3

/** MB for young objects, of which V8 stops everything to collect them: with its own 16, that alone takes 10 ms at a time. */
const semiSpace = process.argv.find((arg) => arg.startsWith('--semi-space='))?.slice(13) ?? '1'
/** And so much room for the others that they are not marked while they are loaded. */
const flags = [`--max-semi-space-size=${semiSpace}`, '--initial-old-space-size=1024']

const redis = peer('redis', '7.0.15')
const types: readonly CollectionName[] = ['hash', 'zset', 'list', 'set', 'stream']

interface Node {
  dir: string
  port: number
  tell(order: LoadedOrder): Promise<Answer>
  stop(): Promise<void>
}

async function answer(child: ChildProcess): Promise<Answer> {
  const [message] = (await once(child, 'message')) as [{ answer: Answer }]
  return message.answer
}

async function startOurs(): Promise<Node> {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-pauses-'))
  const child = startNode(new URL('./loaded-node.ts', import.meta.url), flags)
  await answer(child)
  const tell = (order: LoadedOrder): Promise<Answer> => {
    const answered = answer(child)
    child.send(order)
    return answered
  }
  const { ms: port } = await tell({ do: 'open', dir })
  const end = async (): Promise<void> => {
    await stop(child)
    rmSync(dir, { recursive: true, force: true })
  }
  return { dir, port, tell, stop: end }
}

/** How long it took, and the pauses meanwhile. */
async function watched(node: Node, work: () => Promise<Answer>): Promise<Answer> {
  await node.tell({ do: 'watch' })
  const { ms } = await work()
  return { ...(await node.tell({ do: 'pauses' })), ms }
}

async function fullSync(node: Node): Promise<Answer> {
  const port = await freePort()
  const args = ['--port', String(port), '--save', '', '--replicaof', '127.0.0.1', String(node.port)]
  const starting = startProgram(redis!.server, args, port, constants.priority.PRIORITY_LOW)
  const synced = await node.tell({ do: 'synced' })
  const replica = await starting
  await until(async () => (await field(port, 'replication', 'master_link_status')) === 'up', 'the replica is in step')
  const size = Number((await ask(port, 'DBSIZE')).split(/[:\r]/)[1])
  if (size < KEYS) throw new Error(`the replica has ${size} keys`)
  await replica.stop()
  return synced
}

async function loading({ dir }: Node, flags: readonly string[]): Promise<Answer> {
  const folder = mkdtempSync(join(tmpdir(), 'hotspare-pauses-'))
  copyFileSync(join(dir, 'dump.rdb'), join(folder, 'dump.rdb'))
  const child = startNode(new URL('./loaded-node.ts', import.meta.url), flags)
  await answer(child)
  const answered = answer(child)
  child.send({ do: 'load file', dir: folder } satisfies LoadedOrder)
  const loaded = await answered
  await stop(child)
  rmSync(folder, { recursive: true, force: true })
  return loaded
}

const rows: string[][] = [['', 'ms', 'longest pause, ms', '99.9 %', 'own longest', 'worst', '99.9 %', 'writes/s', '']]

function row(name: string, all: readonly Answer[], p999Ms = P999_MS): void {
  const of = (field: keyof Answer): number[] => all.map((answer) => answer[field])
  const isKept = median(of('ownLongestMs')) < LONGEST_MS && median(of('ownP999Ms')) < p999Ms
  rows.push([
    name,
    Math.round(median(of('ms'))).toLocaleString('en'),
    median(of('longestMs')).toFixed(1),
    median(of('p999Ms')).toFixed(2),
    median(of('ownLongestMs')).toFixed(1),
    Math.max(...of('ownLongestMs')).toFixed(1),
    median(of('ownP999Ms')).toFixed(2),
    Math.round(median(all.map(({ writes, ms }) => (writes * 1000) / ms))).toLocaleString('en'),
    isKept ? 'kept' : 'MISSED',
  ])
}

const thousands = KEYS.toLocaleString('en')
heading(
  `Pauses under ${WRITES_PER_SECOND.toLocaleString('en')} writes a second, ${ROUNDS} rounds, node ${flags.join(' ')}; ` +
    `wanted: longest below ${LONGEST_MS} ms, 99.9 % below ${P999_MS} ms`,
)
const node = await startOurs()
const only = process.argv.find((arg) => arg.startsWith('--only='))?.slice(7)
if (only === undefined || only === 'keys') {
  await node.tell({ do: 'fill', count: KEYS })
  await node.tell({ do: 'load', writesPerSecond: WRITES_PER_SECOND, type: 'string' })
  await node.tell({ do: 'rest', ms: REST_MS })
  await node.tell({ do: 'save' })
  if (redis !== undefined) await fullSync(node)
  const [none, save, sync]: Answer[][] = [[], [], []]
  for (let round = 0; round < ROUNDS; round++) {
    none.push(await watched(node, () => node.tell({ do: 'rest', ms: REST_MS })))
    save.push(await watched(node, () => node.tell({ do: 'save' })))
    if (statSync(join(node.dir, 'dump.rdb')).size < KEYS * 100) throw new Error('the file is too small')
    if (redis !== undefined) sync.push(await watched(node, () => fullSync(node)))
  }
  row(`${thousands} keys of 100 bytes, no snapshot`, none)
  row(`${thousands} keys of 100 bytes, a save`, save)
  if (sync.length > 0) row(`${thousands} keys of 100 bytes, a full sync to redis-server ${redis!.version}`, sync)
  await node.tell({ do: 'load', writesPerSecond: 0, type: 'string' })
  const [flagged, plain]: Answer[][] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    flagged.push(await loading(node, flags))
    plain.push(await loading(node, []))
  }
  // So few turns that one in a thousand is the longest.
  row(`${thousands} keys of 100 bytes are loaded`, flagged, LONGEST_MS)
  row(`${thousands} keys of 100 bytes are loaded, V8's defaults`, plain, LONGEST_MS)
}
for (const type of types) {
  if (only !== undefined && only !== type && only !== 'collections') continue
  await node.tell({ do: 'load', writesPerSecond: 0, type })
  await node.tell({ do: 'fill one', type, count: KEYS })
  await node.tell({ do: 'load', writesPerSecond: WRITES_PER_SECOND, type })
  await node.tell({ do: 'rest', ms: REST_MS / 3 })
  await node.tell({ do: 'save' })
  const all: Answer[] = []
  for (let round = 0; round < ROUNDS; round++) {
    all.push(await watched(node, () => node.tell({ do: 'save' })))
  }
  row(`a ${type} of ${thousands} elements, a save`, all)
}
await node.stop()
table(rows)
