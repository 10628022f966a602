// One of the three nodes of sentinel.ts: a service with a Store inside, whose primary is whom the Sentinels name. All three
// run this same file; the one that they name finds out that it is the primary itself.

import { Store } from 'hotspare'

const [port, ...sentinels] = process.argv.slice(2).map(Number)

const store = new Store<string>({ config: { 'replica-announce-ip': '127.0.0.1' } })
// What a service does here: label its pod, open or close its writes.
store.on('role', (role) => process.send?.({ role }))
const listener = await store.listen({ port })
process.send?.({ port: listener.port })

await store.replicaOf({ name: 'sessions', sentinels: sentinels.map((one) => ({ port: one })) })
process.send?.({ ready: store.role })
