// One of the three nodes of failover.ts: a service with a Store inside, which opens a port. Started with its port, and with
// whom it follows, if anybody.

import { Store } from 'hotspare'

const [port, primary] = process.argv.slice(2)

const store = new Store({
  config: {
    // A primary that has lost its replicas says NOREPLICAS within this many seconds, and one more: a writer that HAProxy
    // leads to it then does not write into the void for long.
    'min-replicas-to-write': '1',
    'min-replicas-max-lag': '2',
  },
})

await store.listen({ port: Number(port) })
if (primary !== undefined) await store.replicaOf(`redis://127.0.0.1:${primary}`)
process.send?.('ready')
// Without the parent there is nobody to end this process.
process.on('disconnect', () => process.exit())
