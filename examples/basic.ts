// npx tsx examples/basic.ts: a Store is a Map, with time, atomic updates and events.

import { strict as assert } from 'node:assert'
import { Store } from 'hotspare'

interface Session {
  user: string
  visits: number
}

const store = new Store<Session>()
store.on('set', (key) => console.log(`set ${key}`))
store.on('delete', (key) => console.log(`delete ${key}`))

// Map's own methods, synchronous.
store.set('s:1', { user: 'ada', visits: 1 }).set('s:2', { user: 'bo', visits: 7 })
assert.equal(store.get('s:1')?.user, 'ada')
assert.equal(store.size, 2)
for (const [key, session] of store) console.log(key, session)

// Time: in ms.
store.set('s:3', { user: 'cy', visits: 0 }, { ttl: 60_000 })
console.log('s:3 has', store.ttl('s:3'), 'ms left')
store.persist('s:3')

// Read, change and write, as one.
store.update('s:1', (old) => ({ user: 'ada', visits: (old?.visits ?? 0) + 1 }))
assert.equal(store.get('s:1')?.visits, 2)

// What is put in is shared, so it is frozen: a change that the copies would not hear of fails at once.
assert.throws(() => {
  const session = store.get('s:1')
  if (session !== undefined) session.visits = 99
}, TypeError)

// All or nothing, for every replica too.
store.transaction(() => {
  store.delete('s:2')
  store.delete('s:3')
})
assert.deepEqual([...store.keys()], ['s:1'])

// Any Redis command, and other numbered keyspaces.
assert.equal(store.call('DBSIZE'), 1)
store.db(1).set('s:1', { user: 'dee', visits: 0 })
assert.equal(store.get('s:1')?.user, 'ada')

await store.close()
