// npx tsx examples/unit-test.ts: how code that uses replicas is tested. The network is in the process, the clock stands
// still until the test moves it, and faults are method calls: nothing waits for real, and every run is the same.

import { strict as assert } from 'node:assert'
import { MemoryNetwork, Store } from 'hotspare'

const net = new MemoryNetwork({ seed: 1 })
const primary = new Store<number>({ env: net.env('a') })
const spare = new Store<number>({ env: net.env('b') })

await primary.listen(net.at('a'))
await net.until(spare.replicaOf(net.at('a')))

primary.set('answer', 42, { ttl: 60_000 })
await net.settle()
assert.equal(spare.get('answer'), 42)

// A partition: the spare serves what it has.
net.partition('a', 'b')
primary.set('answer', 43)
await net.advance(5_000)
assert.equal(spare.get('answer'), 42)

net.heal()
await net.settle()
assert.equal(spare.get('answer'), 43)

// A minute passes in no time.
primary.expire('answer', 30_000)
await net.advance(30_001)
assert.equal(spare.has('answer'), false)

// The primary is gone for good: take over.
net.cut('a', 'b')
net.partition('a', 'b')
await net.until(spare.promote())
spare.set('answer', 44)
assert.equal(spare.status().replid2, primary.status().replid)

await net.until(Promise.all([primary.close(), spare.close()]))
console.log('all assertions held')
