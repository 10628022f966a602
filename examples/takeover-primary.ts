// The other process of takeover.ts: a service that keeps its sessions in a Store, with a file, and opens a port so that a
// spare can follow it. Started with its folder, the number of sessions that it makes, and whom it follows, if anybody.

import { Store } from 'hotspare'

export interface Session {
  user: string
  visits: number
}

const [dir, sessions, primary] = process.argv.slice(2)

const store = await Store.open<Session>({
  dir,
  config: {
    // For the check at the end: DEBUG DIGEST stands for all data in forty digits.
    'enable-debug-command': 'local',
    // A frozen primary that wakes up must not write a PING of its own before it hears that it was replaced: those 14
    // bytes would part its history from its successor's, and cost it the partial resync.
    'repl-ping-replica-period': '600',
  },
})

for (let i = 0; i < Number(sessions); i++) store.set(`session:${i}`, { user: `user-${i}`, visits: i % 100 })

const listener = await store.listen({ port: 0 })
if (primary !== undefined) await store.replicaOf(primary)
process.send?.({ port: listener.port })
// A kill that can be heard: what is held goes into the file.
process.once('SIGTERM', () => void store.close().then(() => process.exit()))
// Without the parent there is nobody to end this process.
process.on('disconnect', () => process.exit())
