// Real Sentinels run the failover of our nodes, and of ours mixed with real servers, as they would among real ones: each
// time one switch, the old primary comes back as a replica, priority 0 is never chosen, and a client goes on writing.
// HOTSPARE_SENTINEL=full runs every step with every set of Sentinels over both kinds of nodes. limit: 300 s

import { missingPeer } from '../peers.js'
import { deadline, suite } from '../suite.js'
import { type Kinds, NAME, SentinelScene, type Software } from './sentinel-scene.js'

const test = suite('compat: Sentinel')

/** What Valkey's Sentinels can do, and Redis' cannot. */
const COORDINATED = 'SENTINEL FAILOVER COORDINATED'

const steps = {
  /** Whoever is connected to a node has to connect anew after its role has changed. */
  'SENTINEL FAILOVER': async (scene: SentinelScene) => {
    const bystanders = await Promise.all(scene.members.map(({ node }) => node.connect()))
    await scene.failOver(
      () => scene.sentinels[1].call('SENTINEL', 'FAILOVER', NAME),
      () => {},
    )
    await deadline(Promise.all(bystanders.map(({ closed }) => closed)), 10_000, 'CLIENT KILL TYPE normal')
  },
  /** Valkey 9: the primary itself hands over. */
  [COORDINATED]: (scene: SentinelScene) => scene.handOver(),
  'SIGSTOP and SIGCONT': (scene: SentinelScene) =>
    scene.failOver(
      ({ node }) => node.pause(),
      ({ node }) => node.resume(),
    ),
  'a partition': (scene: SentinelScene) =>
    scene.failOver(
      ({ proxy }) => proxy.pause(),
      ({ proxy }) => proxy.heal(),
    ),
  SIGKILL: (scene: SentinelScene) =>
    scene.failOver(
      ({ node }) => node.kill(),
      async (old) => {
        old.node = await old.start()
      },
    ),
} as const

type Step = keyof typeof steps

const sets: (Software & { ours: Step[]; mixed: Step[] })[] = [
  {
    family: 'redis',
    version: '7.0.15',
    ours: ['SENTINEL FAILOVER', 'SIGKILL'],
    mixed: ['SIGSTOP and SIGCONT', 'a partition'],
  },
  {
    family: 'redis',
    version: '8.6.3',
    ours: ['SIGSTOP and SIGCONT', 'a partition'],
    mixed: ['SENTINEL FAILOVER', 'SIGKILL'],
  },
  {
    family: 'valkey',
    version: '9.1.2',
    ours: [COORDINATED, 'SIGKILL'],
    mixed: [COORDINATED, 'a partition'],
  },
]

const real: Software = { family: 'redis', version: '7.0.15' }
const nodes = { ours: [undefined, undefined, undefined], mixed: [undefined, real, real] } as const

async function run(software: Software, kinds: Kinds, names: readonly Step[]): Promise<void> {
  const scene = await SentinelScene.start(software, kinds)
  try {
    for (const name of names) await steps[name](scene)
    await scene.checkViews()
    await scene.agree()
  } finally {
    await scene.stop()
  }
}

const isFull = process.env.HOTSPARE_SENTINEL === 'full'

for (const { family, version, ours, mixed } of sets) {
  const skip = missingPeer(family, version) ?? missingPeer('redis', '7.0.15')
  const limitMs = 100_000
  const all = (Object.keys(steps) as Step[]).filter((step) => step !== COORDINATED || family === 'valkey')
  const [oursToo, mixedToo] = isFull ? [all, all] : [ours, mixed]
  const title =
    `Sentinels of ${family} ${version}: over three programs (${oursToo.join(', ')}), ` +
    `and over one and two redis-servers (${mixedToo.join(', ')})`
  test(title, { skip, limitMs }, async () => {
    const ran = await Promise.allSettled([
      run({ family, version }, nodes.ours, oursToo),
      run({ family, version }, nodes.mixed, mixedToo),
    ])
    for (const one of ran) if (one.status === 'rejected') throw one.reason
  })
}

test.run()
