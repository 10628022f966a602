// A store with an append-only file in a process of its own, to be killed: node kill-child.ts <folder> <appendfsync>. It tells
// its port when it serves.

import { Store } from '../../src/store.js'

const [dir, appendfsync] = process.argv.slice(2)
const store = await Store.open({
  dir,
  config: { appendonly: 'yes', appendfsync, 'auto-aof-rewrite-min-size': '256kb', 'auto-aof-rewrite-percentage': '50' },
})
const { port } = await store.listen({ port: 0 })
process.send?.({ port })
process.on('disconnect', () => process.exit(1))
