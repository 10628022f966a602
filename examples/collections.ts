// npx tsx examples/collections.ts: Redis' types as live JavaScript collections, in step on two stores.

import { strict as assert } from 'node:assert'
import { MemoryNetwork, Store } from 'hotspare'

const network = new MemoryNetwork()
const store = new Store()
const spare = new Store()
await store.listen(network.at('primary'))
await spare.replicaOf(network.at('primary'))

// A hash is a Map of strings.
const user = store.hashAt('user:1').assign({ name: 'ada', visits: '1' })
user.increment('visits')
console.log('a hash:', new Map(user))

// A list is an Array with cheap ends.
const queue = store.listAt('queue')
queue.push('mow', 'rake')
queue.unshift('wake up')
console.log('next:', queue.shift(), '- left:', [...queue])

// A set is a Set.
const tags = store.setAt('tags').add('red', 'green')
console.log('both have:', tags.intersection(new Set(['green', 'blue'])))

// A sorted set is a Map in the order of its scores.
const board = store.sortedSetAt('board').set('ann', 30).set('bob', 10).set('cid', 20)
assert.equal(board.rank('cid'), 1)
console.log('the best two:', board.range({ reverse: true, limit: 2 }))

// A stream is a log.
const log = store.streamAt('log')
log.add({ kind: 'start' })
log.add({ kind: 'stop' }, { maxLength: 100 })
for (const { id, fields } of log) console.log(id, Object.fromEntries(fields))

// The spare has all of it, and says so.
const [verdict] = await store.verify()
assert.equal(verdict.result, 'equal')
assert.deepEqual([...spare.listAt('queue')], ['mow', 'rake'])
assert.equal(spare.hashAt('user:1').get('visits'), '2')
console.log('the spare holds the same')

await Promise.all([store.close(), spare.close()])
