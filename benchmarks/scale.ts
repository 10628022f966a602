// What do ever more keys cost? Of 16 bytes, with values of 64, beside a redis-server: memory a key, and the time a key of set,
// get, save, load and full sync. Wanted: memory at most 1.3 of redis-server's, and times that stay where they are.
//
//   --sizes=10000,1000000     how many keys; 20,000,000 take about 4 GB for each process, two of them for a sync
//   --svg=scale.svg           draws the table too
//   --keep=scale.json         keeps what was measured, and does not measure again what is kept there
//   --jobs=ours,theirs,ours sync,theirs sync

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, peer } from '../test/peers.js'
import { ask, field, heading, quick, startProgram, stop, table, until, versionOf } from './bench.js'
import { keyAt, valueAt } from './scale-keys.js'
import type { ScaleMemory, ScaleOrder } from './scale-node.js'
import { type Line, plot } from './scale-plot.js'

function flag(name: string): string | undefined {
  return process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
}

const sizes =
  flag('sizes')?.split(',').map(Number) ?? (quick ? [1000, 10_000] : [10_000, 100_000, 1_000_000, 10_000_000])
const jobNames = flag('jobs')?.split(',') ?? ['ours', 'theirs', 'ours sync', 'theirs sync']
const keep = flag('keep')
const GETS = quick ? 10_000 : 200_000
const redis = peer('redis', '7.0.15')

/** All times in microseconds a key, all sizes in bytes a key. */
interface Figures {
  memory?: number
  rss?: number
  set?: number
  get?: number
  save?: number
  load?: number
  sync?: number
}

const kept: Record<string, Figures> =
  keep !== undefined && existsSync(keep) ? (JSON.parse(readFileSync(keep, 'utf8')) as Record<string, Figures>) : {}

class Ours {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(dir: string): Promise<Ours> {
    const file = fileURLToPath(new URL('./scale-node.ts', import.meta.url))
    const execArgv = [...process.execArgv, '--max-old-space-size=8192']
    const child = fork(file, { cwd: dir, execArgv })
    process.once('exit', () => child.kill('SIGKILL'))
    await once(child, 'message')
    return new Ours(child)
  }

  async tell<T = number>(order: ScaleOrder): Promise<T> {
    const answered = once(this.#child, 'message')
    const gone = once(this.#child, 'exit').then(() => {
      throw new Error('the process ended')
    })
    this.#child.send(order)
    const [message] = (await Promise.race([answered, gone])) as [{ answer: T }]
    return message.answer
  }

  stop(): Promise<void> {
    return stop(this.#child)
  }
}

async function startRedis(dir: string): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await freePort()
  const settings = [
    '--enable-protected-configs',
    'yes',
    '--save',
    '',
    '--repl-diskless-sync-delay',
    '0',
    '--dbfilename',
    'dump.rdb',
  ]
  // Later settings win: `startProgram` gives a directory of its own.
  const running = await startProgram(redis!.server, ['--port', String(port), ...settings], port)
  await ask(port, `CONFIG SET dir ${dir}`)
  return running
}

async function fillRedis(port: number, count: number): Promise<number> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  let replied = 0
  socket.on('data', (text: string) => {
    replied += text.length
  })
  const start = performance.now()
  for (let from = 0; from < count; from += 1000) {
    let chunk = ''
    for (let i = from; i < Math.min(from + 1000, count); i++)
      chunk += `*3\r\n$3\r\nSET\r\n$16\r\n${keyAt(i)}\r\n$64\r\n${valueAt(i)}\r\n`
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  while (replied < count * '+OK\r\n'.length) await once(socket, 'data')
  socket.destroy()
  return performance.now() - start
}

const jobs: Record<string, (count: number, dir: string) => Promise<Figures>> = {
  ours: async (count, dir) => {
    const node = await Ours.start(dir)
    await node.tell({ do: 'open', dir })
    const before = await node.tell<ScaleMemory>({ do: 'memory' })
    const set = await node.tell({ do: 'fill', count })
    const get = await node.tell({ do: 'get', count: GETS, of: count })
    const after = await node.tell<ScaleMemory>({ do: 'memory' })
    if (after.keys !== count) throw new Error(`${after.keys} keys`)
    const save = await node.tell({ do: 'save' })
    await node.stop()
    const other = await Ours.start(dir)
    const load = await other.tell({ do: 'open', dir })
    if ((await other.tell<ScaleMemory>({ do: 'memory' })).keys !== count) throw new Error('not all were loaded')
    await other.stop()
    return {
      memory: (after.usedBytes - before.usedBytes) / count,
      rss: (after.rssBytes - before.rssBytes) / count,
      set: (set * 1000) / count,
      get: (get * 1000) / GETS,
      save: (save * 1000) / count,
      load: (load * 1000) / count,
    }
  },
  theirs: async (count, dir) => {
    const { port, stop: end } = await startRedis(dir)
    const memory = async (name: string): Promise<number> => Number(await field(port, 'memory', name))
    const [used, rss] = [await memory('used_memory'), await memory('used_memory_rss')]
    await fillRedis(port, count)
    const figures: Figures = {
      memory: ((await memory('used_memory')) - used) / count,
      rss: ((await memory('used_memory_rss')) - rss) / count,
    }
    const start = performance.now()
    await ask(port, 'SAVE')
    figures.save = ((performance.now() - start) * 1000) / count
    await end()
    if (statSync(join(dir, 'dump.rdb')).size < count * 64) throw new Error('not all were saved')
    const again = await startRedisOn(dir)
    figures.load = (again.loadMs * 1000) / count
    if (Number((await ask(again.port, 'DBSIZE')).slice(1).split('\r')[0]) !== count)
      throw new Error('not all were loaded')
    await again.stop()
    return figures
  },
  'ours sync': async (count, dir) => {
    const [primary, replica] = [await Ours.start(dir), await Ours.start(dir)]
    await primary.tell({ do: 'fill', count })
    const port = await primary.tell({ do: 'listen' })
    const ms = await replica.tell({ do: 'follow', port })
    if ((await replica.tell<ScaleMemory>({ do: 'memory' })).keys !== count) throw new Error('not all came')
    await primary.stop()
    await replica.stop()
    return { sync: (ms * 1000) / count }
  },
  'theirs sync': async (count, dir) => {
    const [primary, replica] = [await startRedis(dir), await startRedis(dir)]
    await fillRedis(primary.port, count)
    const start = performance.now()
    await ask(replica.port, `REPLICAOF 127.0.0.1 ${primary.port}`)
    const isUp = async (): Promise<boolean> =>
      /master_link_status:up/.test(await ask(replica.port, 'INFO replication').catch(() => ''))
    await until(isUp, 'the replica is in step')
    const sync = ((performance.now() - start) * 1000) / count
    await primary.stop()
    await replica.stop()
    return { sync }
  },
}

/** On a file that is there: what it says of how long it took to load it. */
async function startRedisOn(dir: string): Promise<{ port: number; loadMs: number; stop(): Promise<void> }> {
  const port = await freePort()
  const log = join(dir, 'redis.log')
  const child = spawn(redis!.server, ['--port', String(port), '--save', '', '--dir', dir, '--logfile', log])
  process.once('exit', () => child.kill('SIGKILL'))
  const loaded = (): RegExpExecArray | null =>
    existsSync(log) ? /DB loaded from disk: ([\d.]+) seconds/.exec(readFileSync(log, 'utf8')) : null
  await until(async () => loaded() !== null, 'the file is loaded')
  return { port, loadMs: Number(loaded()![1]) * 1000, stop: () => stop(child) }
}

for (const count of sizes) {
  for (const name of jobNames) {
    const id = `${name} ${count}`
    if (kept[id] !== undefined || (redis === undefined && name.startsWith('theirs'))) continue
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-scale-'))
    try {
      kept[id] = await jobs[name](count, dir)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
    if (keep !== undefined) writeFileSync(keep, JSON.stringify(kept, null, 1))
  }
}

const figures = (who: 'ours' | 'theirs', count: number): Figures => ({
  ...kept[`${who} ${count}`],
  ...kept[`${who} sync ${count}`],
})
const shown = (value: number | undefined, digits: number): string => (value === undefined ? '-' : value.toFixed(digits))
const ratio = (one: number | undefined, other: number | undefined): string =>
  one === undefined || other === undefined ? '-' : (one / other).toFixed(2)

const [our, their] = [`hotspare ${versionOf.hotspare}`, `redis-server ${redis?.version ?? '(none here)'}`]
heading(`Keys of 16 bytes with values of 64: bytes a key, microseconds a key; ${our}, then ${their}, then the ratio`)
const columns = [
  ['memory', 0],
  ['rss', 0],
  ['set', 2],
  ['get', 2],
  ['save', 2],
  ['load', 2],
  ['sync', 2],
] as const
table([
  ['keys', ...columns.flatMap(([name]) => (name === 'set' || name === 'get' ? [name] : [name, 'Redis', 'x']))],
  ...sizes.map((count) => {
    const [ours, theirs] = [figures('ours', count), figures('theirs', count)]
    const cells = columns.flatMap(([name, digits]) =>
      name === 'set' || name === 'get'
        ? [shown(ours[name], digits)]
        : [shown(ours[name], digits), shown(theirs[name], digits), ratio(ours[name], theirs[name])],
    )
    return [count.toLocaleString('en'), ...cells]
  }),
])

const svg = flag('svg')
if (svg !== undefined) {
  const line = (name: string, who: 'ours' | 'theirs', what: keyof Figures): Line => ({
    name,
    isDashed: who === 'theirs',
    points: sizes.flatMap((count) => {
      const value = figures(who, count)[what]
      return value === undefined ? [] : [[count, value] as const]
    }),
  })
  const both = (name: string, what: keyof Figures): Line[] => [
    line(name, 'ours', what),
    line(`${name}, redis-server`, 'theirs', what),
  ]
  const panels = [
    { title: 'bytes a key', lines: [...both('used memory', 'memory'), ...both('resident', 'rss')] },
    {
      title: 'microseconds a key',
      lines: [
        line('set', 'ours', 'set'),
        line('get', 'ours', 'get'),
        ...both('save', 'save'),
        ...both('load', 'load'),
        ...both('full sync', 'sync'),
      ],
    },
  ]
  writeFileSync(svg, plot(`${our} and ${their}`, panels))
  console.log(`\n  drawn: ${svg}`)
}
