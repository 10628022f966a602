// The other types beside a redis-server: redis-benchmark's own list with 1 and 16 requests in the pipeline, a sorted set of a
// million members, and what an element costs in memory. Wanted: 0.8 of redis-server's requests a second, 0.5 on the large set.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Store } from 'hotspare'
import { freePort, peer } from '../test/peers.js'
import { field, heading, median, program, quick, runToEnd, spread, startProgram, table, versionOf } from './bench.js'

const ROUNDS = quick ? 1 : 5
const depths = quick
  ? [{ pipeline: 16, requests: 5000 }]
  : [
      { pipeline: 1, requests: 40_000 },
      { pipeline: 16, requests: 300_000 },
    ]
const brief = 'incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,mset'
/** Each reply takes as long as dozens of the others. */
const long = 'lrange_100,lrange_300,lrange_500,lrange_600'

const redis = peer('redis', '7.0.15')
if (redis === undefined) {
  console.log('\ncollections: no redis-server 7.0.15 here (test/install-peers), nothing to compare with')
  process.exit()
}

const quiet = ['--save', '', '--loglevel', 'notice']
const [ourPort, theirPort] = [await freePort(), await freePort()]
const servers = [
  {
    name: `hotspare ${versionOf.hotspare}`,
    running: await startProgram(process.execPath, [program, '--port', String(ourPort), ...quiet], ourPort),
  },
  {
    name: `redis-server ${redis.version}`,
    running: await startProgram(redis.server, ['--port', String(theirPort), ...quiet], theirPort),
  },
]

/** Requests a second of each test, in the order redis-benchmark tells them. */
async function measured(port: number, args: string): Promise<[name: string, perSecond: number][]> {
  const output = await runToEnd(redis!.benchmark, [...`-p ${port} -c 50 --csv`.split(' '), ...args.split(' ')])
  const rows = output.split('\n').filter((line) => line.startsWith('"') && !line.startsWith('"test"'))
  return rows.map((line) => {
    const [name, perSecond] = line.split('","').map((part) => part.replaceAll('"', ''))
    return [name, Number(perSecond)]
  })
}

/** Runs the same at both, in turn, and prints medians and ratios. Each of `passes` is what one redis-benchmark is told. */
async function compare(title: string, rounds: number, ...passes: string[]): Promise<void> {
  const samples = new Map<string, [number[], number[]]>()
  for (let round = 0; round < rounds; round++) {
    for (const [i, { running }] of servers.entries()) {
      await runToEnd(redis!.cli, ['-p', String(running.port), 'FLUSHALL'])
      if (setUp !== undefined) await setUp(running.port)
      for (const args of passes) {
        for (const [name, perSecond] of await measured(running.port, args)) {
          const both = samples.get(name) ?? [[], []]
          both[i].push(perSecond)
          samples.set(name, both)
        }
      }
    }
  }
  heading(`${title}, requests a second, medians of ${rounds}`)
  const rows = [...samples].map(([name, [ours, theirs]]) => [
    name.slice(0, 48),
    ...[ours, theirs].flatMap((all) => [Math.round(median(all)).toLocaleString('en'), spread(all)]),
    (median(ours) / median(theirs)).toFixed(2),
  ])
  table([['', servers[0].name, 'spread', servers[1].name, 'spread', 'ratio'], ...rows])
}

let setUp: ((port: number) => Promise<void>) | undefined

for (const { pipeline, requests } of depths) {
  const passes = [`-t ${brief} -P ${pipeline} -n ${requests}`, `-t ${long} -P ${pipeline} -n ${requests / 5}`]
  await compare(`redis-benchmark as it comes, pipeline ${pipeline}`, ROUNDS, ...passes)
  const random = passes.map((args) => `${args} -r 100000`)
  await compare(`the same with 100,000 keys and elements, pipeline ${pipeline}`, ROUNDS, ...random)
}

// A large sorted set.
const MEMBERS = quick ? 20_000 : 1_000_000
setUp = async (port) => {
  await runToEnd(redis.benchmark, [
    ...`-p ${port} -c 50 -P 100 -q -n ${MEMBERS * 2} -r ${MEMBERS}`.split(' '),
    ...['ZADD', 'board', '__rand_int__', 'member:__rand_int__'],
  ])
}
for (const [title, command] of [
  ['ZADD', 'ZADD board __rand_int__ member:__rand_int__'],
  ['ZRANK', 'ZRANK board member:__rand_int__'],
  ['ZRANGE of ten', `ZRANGE board __rand_int__ ${MEMBERS * 2} BYSCORE LIMIT 0 10`],
] as const) {
  const count = quick ? 2000 : 200_000
  await compare(
    `a sorted set of ${MEMBERS.toLocaleString('en')}: ${title}, pipeline 16`,
    1,
    `-P 16 -n ${count} -r ${MEMBERS} ${command}`,
  )
}

// Memory: elements of one large key each. Ours in this process, where garbage can be collected before each look at the heap.
const ELEMENTS = quick ? 10_000 : 1_000_000
const commands: Record<string, (n: string) => string[]> = {
  list: (n) => ['RPUSH', 'key', `element:${n}`],
  set: (n) => ['SADD', 'key', `element:${n}`],
  hash: (n) => ['HSET', 'key', `field:${n}`, `value:${n}`],
  'sorted set': (n) => ['ZADD', 'key', n, `element:${n}`],
  stream: (n) => ['XADD', 'key', '*', 'field', `value:${n}`],
}
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const rows = [['', servers[0].name, servers[1].name]]
const theirs = servers[1].running.port
for (const [type, command] of Object.entries(commands)) {
  const store = new Store()
  collect()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < ELEMENTS; i++) store.call(...command(String(i).padStart(12, '0')))
  collect()
  const ours = (process.memoryUsage().heapUsed - before) / ELEMENTS
  await store.close()
  await runToEnd(redis.cli, ['-p', String(theirs), 'FLUSHALL'])
  const empty = Number(await field(theirs, 'memory', 'used_memory'))
  const line = command('__rand_int__')
  await runToEnd(redis.benchmark, [...`-p ${theirs} -c 10 -P 100 -q -n ${ELEMENTS} -r 1000000000`.split(' '), ...line])
  const full = Number(await field(theirs, 'memory', 'used_memory'))
  rows.push([type, ours.toFixed(0), ((full - empty) / ELEMENTS).toFixed(0)])
}
heading(`Bytes an element, ${ELEMENTS.toLocaleString('en')} of about 20 bytes in one key (our heap, their allocator)`)
table(rows)
for (const { running } of servers) await running.stop()
