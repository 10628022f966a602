// npx tsx examples/follow-redis.ts redis://127.0.0.1:6379 10: a live copy of a Redis or Valkey inside this process. Reads
// cost no round trip; changes come as events. Ends after so many seconds (10).

import { setTimeout as sleep } from 'node:timers/promises'
import { Store } from 'hotspare'

const [url = 'redis://127.0.0.1:6379', seconds = '10'] = process.argv.slice(2)

// `string`: every value as text, whoever wrote it.
const copy = new Store<string>({ codec: 'string' })
copy.on('link', (state) => console.log(`link: ${state}`))

await copy.replicaOf(url, { signal: AbortSignal.timeout(30_000) })
console.log(`${copy.size} keys`)
for (const key of [...copy.keys()].slice(0, 5)) console.log(`  ${key}: ${copy.get(key)}`)

copy.on('set', (key) => console.log(`set ${key}: ${copy.get(key)}`))
copy.on('delete', (key) => console.log(`delete ${key}`))
await sleep(Number(seconds) * 1000)
await copy.close()
