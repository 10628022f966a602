// The process in which inputs run: see session.ts, which starts it and watches it. Told what to do by one argument in
// JSON; tells what it does by lines of JSON.

import { openSync, readFileSync, writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { Loop, type LoopOptions } from './loop.js'
import { CURRENT_HEAD_BYTES, type Order, type Word } from './session.js'
import type { Target } from './target.js'

function say(word: Word): void {
  // At once: the process may have no other chance.
  writeSync(1, `${JSON.stringify(word)}\n`)
}

async function obey(order: Order): Promise<void> {
  const current = openSync(order.current, 'w')
  const head = Buffer.alloc(CURRENT_HEAD_BYTES)
  let count = 0
  let running: Buffer = Buffer.alloc(0)
  const starts = (input: Buffer): void => {
    running = input
    head.writeUInt32LE(++count >>> 0, 0)
    head.writeUInt32LE(input.length, 4)
    writeSync(current, Buffer.concat([head, input]), 0, head.length + input.length, 0)
  }
  const failed = (input: Buffer, error: string): void => say({ at: 'failed', input: input.toString('base64'), error })
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: Error) => {
      failed(running, `outside of run: ${error.stack ?? error.message}`)
      process.exit(1)
    })
  const { targets } = (await import(pathToFileURL(order.table).href)) as { targets: readonly Target[] }
  const target = targets.find(({ name }) => name === order.target)
  if (target === undefined) throw new Error(`no target ${order.target}`)
  const { seed, runs, guided } = order
  const options: LoopOptions = {
    seed,
    runs,
    guided,
    seconds: order.seconds ?? Number.POSITIVE_INFINITY,
    corpus: order.corpus.map((file) => readFileSync(file)),
    withoutSeeds: order.withoutSeeds,
    starts,
    kept: (input) => say({ at: 'kept', input: input.toString('base64') }),
    progress: (figures) => say({ at: 'progress', figures }),
  }
  const { figures, failure } = await new Loop(target, options).run()
  if (failure !== null) failed(failure.input, failure.error)
  say({ at: 'end', figures })
}

const [order] = process.argv.slice(2)
if (order !== undefined) await obey(JSON.parse(order))
process.exit()
