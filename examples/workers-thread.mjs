// One thread of workers.ts: a replica of the main thread's Store. (Plain JavaScript, since threads load no TypeScript.)

import { parentPort, workerData } from 'node:worker_threads'
import { messagePorts, Store } from 'hotspare'

const flags = new Store()
await flags.replicaOf(messagePorts())
parentPort.postMessage(`worker ${workerData}: ${flags.size} flags, flag:1 is ${flags.get('flag:1')}`)

flags.on('set', (key) => parentPort.postMessage(`worker ${workerData}: ${key} is ${flags.get(key)} now`))
