// How many requests a second does the listener answer beside a redis-server? redis-benchmark GET and SET with 50 clients
// and 1, 16 and 100 requests in the pipeline, at the two programs in turn: as it comes (one key of three bytes), and with
// 100,000 keys of 64 bytes, where the processor's caches have a say. Wanted: 0.8.
//
// The load generator needs a processor of its own, and as much of it as the server: at one request at a time it is the
// limit for both.

import { freePort, peer } from '../test/peers.js'
import { heading, median, program, quick, runToEnd, spread, startProgram, table, versionOf } from './bench.js'

const ROUNDS = quick ? 1 : 5
const depths = [
  { pipeline: 1, requests: 100_000 },
  { pipeline: 16, requests: 600_000 },
  { pipeline: 100, requests: 1_000_000 },
]
const commands = ['SET', 'GET'] as const
const workloads = [
  { title: 'one key of 3 bytes, as redis-benchmark comes', options: [] },
  { title: '100,000 keys of 64 bytes', options: ['-d', '64', '-r', '100000'] },
] as const

const redis = peer('redis', '7.0.15')
if (redis === undefined) {
  console.log('\nlistener: no redis-server 7.0.15 here (test/install-peers), nothing to compare with')
  process.exit()
}

async function requestsPerSecond(
  port: number,
  command: string,
  { pipeline, requests }: (typeof depths)[number],
  options: readonly string[],
): Promise<number> {
  const count = quick ? requests / 20 : requests
  const output = await runToEnd(redis!.benchmark, [
    ...`-p ${port} -t ${command.toLowerCase()} -c 50 -n ${count} -P ${pipeline} --csv`.split(' '),
    ...options,
  ])
  const line = output.split('\n').find((one) => one.startsWith(`"${command}"`))
  if (line === undefined) throw new Error(`redis-benchmark said:\n${output}`)
  return Number(line.split(',')[1].replaceAll('"', ''))
}

const [ourPort, theirPort] = [await freePort(), await freePort()]
const quiet = ['--save', '', '--loglevel', 'notice']
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

for (const { title, options } of workloads) {
  heading(`Requests a second over loopback, ${title}, medians of ${ROUNDS} rounds`)
  const rows = [['', servers[0].name, 'spread', servers[1].name, 'spread', 'ratio']]
  for (const depth of depths) {
    for (const command of commands) {
      const samples = servers.map((): number[] => [])
      for (let round = 0; round < ROUNDS; round++) {
        for (const [i, { running }] of servers.entries())
          samples[i].push(await requestsPerSecond(running.port, command, depth, options))
      }
      const [ours, theirs] = samples.map(median)
      const shown = samples.flatMap((values) => [Math.round(median(values)).toLocaleString('en'), spread(values)])
      rows.push([`${command}, pipeline ${depth.pipeline}`, ...shown, (ours / theirs).toFixed(2)])
    }
  }
  table(rows)
}
for (const { running } of servers) await running.stop()
