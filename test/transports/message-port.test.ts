// Links over message channels: the contract over ports of this thread and over stand-ins for a process' channel, then
// real threads, forked processes and cluster workers.

import { type ChildProcess, fork } from 'node:child_process'
import cluster from 'node:cluster'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { deserialize, serialize } from 'node:v8'
import { MessageChannel, Worker } from 'node:worker_threads'
import * as assert from 'uvu/assert'
import { StoreError } from '../../src/errors.js'
import { isLinkMessage, messagePorts, type ProcessChannel } from '../../src/transports/message-port.js'
import { suite } from '../suite.js'
import { End, Host, pattern, soon, testContract, type World } from './contract.js'

const test = suite('message port')
const ECHO = fileURLToPath(new URL('port-echo.ts', import.meta.url))
const MIB = 1024 * 1024

type Channel = Parameters<typeof messagePorts>[0]

function worldOf([one, other]: [Channel, Channel], spare: [Channel, Channel], close: () => void): World {
  return {
    server: messagePorts(one),
    client: () => messagePorts(other),
    nowhere: async () => {
      // The other end is awake, because it connects, and does not listen.
      new End(messagePorts(spare[0]).connect())
      return messagePorts(spare[1])
    },
    sameAddress: () => messagePorts(one),
    close: async () => close(),
  }
}

testContract(test, 'thread', async () => {
  const channel = new MessageChannel()
  const spare = new MessageChannel()
  return worldOf([channel.port1, channel.port2], [spare.port1, spare.port2], () => {
    channel.port1.close()
    spare.port1.close()
  })
})

/** The two ends of a process' channel, with what each form of serialization does to a message. */
function processChannels(pass: (message: unknown) => unknown): [ProcessChannel, ProcessChannel] {
  class StandIn extends EventEmitter {
    connected = true
    pid = 1
    peer: StandIn | undefined
    send(message: unknown, _handle: undefined, _options: undefined, sent: (error: Error | null) => void): void {
      const passed = pass(message)
      setImmediate(() => {
        this.peer?.emit('message', passed)
        sent(null)
      })
    }
  }
  const one = new StandIn()
  const other = new StandIn()
  one.peer = other
  other.peer = one
  return [one, other]
}

for (const [name, pass] of [
  ['process, JSON', (message: unknown) => JSON.parse(JSON.stringify(message))],
  ['process, advanced', (message: unknown) => deserialize(serialize(message))],
] as const) {
  testContract(test, name, async () => worldOf(processChannels(pass), processChannels(pass), () => {}))
}

test('bytes pass as bytes where the channel takes them, and as base64 where it does not', async () => {
  const seen = new Set<string>()
  const watch = (pass: (message: unknown) => unknown) => (message: unknown) => {
    const { kind, bytes } = message as { kind: string; bytes: unknown }
    if (kind === 'data') seen.add(typeof bytes)
    return pass(message)
  }
  for (const [pass, expected] of [
    [(message: unknown) => JSON.parse(JSON.stringify(message)), 'string'],
    [(message: unknown) => deserialize(serialize(message)), 'object'],
  ] as const) {
    seen.clear()
    const [one, other] = processChannels(watch(pass))
    const host = await Host.at(messagePorts(one))
    const near = new End(messagePorts(other).connect())
    const far = new End(await host.next())
    await near.until(() => near.count('opened') === 1, 'the link is open')
    near.link.send('there')
    far.link.send('back')
    await Promise.all([near.received(4), far.received(5)])
    assert.equal([...seen], [expected])
    near.link.destroy()
    await far.closed()
  }
})

/** Starts port-echo.ts in one of the ways there are. */
interface Started {
  readonly channel: Worker | ChildProcess | import('node:cluster').Worker
  kill(): Promise<unknown>
}

const execArgv = ['--import', 'tsx']
const ways: Record<string, (mode: string) => Started> = {
  thread: (mode) => {
    // tsx does not reach into threads by itself.
    const code = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(ECHO)}) })`
    const worker = new Worker(code, { eval: true, workerData: mode })
    return { channel: worker, kill: () => worker.terminate() }
  },
  'forked process': (mode) => ofProcess(fork(ECHO, [mode], { execArgv })),
  'forked process, advanced': (mode) => ofProcess(fork(ECHO, [mode], { execArgv, serialization: 'advanced' })),
  'cluster worker': (mode) => {
    cluster.setupPrimary({ exec: ECHO, args: [mode], execArgv })
    const worker = cluster.fork()
    return { channel: worker, kill: () => ofProcess(worker.process).kill() }
  },
}

function ofProcess(child: ChildProcess): Started {
  return {
    channel: child,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

function exitOf({ channel }: Started): Promise<unknown[]> {
  return soon(once(channel, 'exit'), 'the worker has exited')
}

for (const [name, start] of Object.entries(ways)) {
  test(`${name}: connects to its parent, and ends by itself when the link does`, async () => {
    const started = start('connect')
    const exit = exitOf(started)
    const host = await Host.at(messagePorts(started.channel))
    const end = new End(await host.next())
    const sent = pattern(5 * MIB)
    for (let at = 0; at < sent.length; at += 100_000) end.link.send(sent.subarray(at, at + 100_000))
    await end.received(sent.length)
    assert.ok(end.bytes.equals(sent))
    assert.not(end.link.fromOutside)
    assert.match(end.link.remote, /^(thread|process) \d+$/)
    end.link.end()
    await end.closed()
    assert.is(end.error, undefined)
    // A cluster worker waits for its primary to disconnect it, whatever we do.
    if (name === 'cluster worker') await started.kill()
    else assert.is((await exit)[0], 0)
  })

  test(`${name}: is connected to, over several links`, async () => {
    const started = start('listen')
    await soon(once(started.channel, 'message'), 'the worker listens')
    const transport = messagePorts(started.channel)
    const ends = [1, 2, 3].map(() => new End(transport.connect()))
    for (const [i, end] of ends.entries()) end.link.send(`${i}`.repeat(50_000))
    for (const [i, end] of ends.entries()) {
      await end.received(50_000)
      assert.is(end.bytes.toString(), `${i}`.repeat(50_000))
    }
    ends[0]!.link.end()
    await ends[0]!.closed()
    await started.kill()
    for (const end of ends.slice(1)) {
      await end.closed()
      assert.instance(end.error, StoreError)
      assert.is((end.error as StoreError).code, 'LINK')
    }
    const late = new End(transport.connect())
    await late.closed()
    assert.match(late.error!.message, /is gone/)
  })

  test(`${name}: one that is killed and started again connects anew`, async () => {
    for (let round = 0; round < 2; round++) {
      const started = start('connect')
      const host = await Host.at(messagePorts(started.channel))
      const end = new End(await host.next())
      end.link.send('hello')
      await end.received(5)
      await started.kill()
      await end.closed()
      assert.match(end.error!.message, /is gone/)
    }
  })

  test(`${name}: messages of the user's own pass beside the links`, async () => {
    const started = start('connect and answer')
    const own: unknown[] = []
    const answered = new Promise<void>((resolve) => {
      started.channel.on('message', (message: unknown) => {
        if (isLinkMessage(message)) return
        own.push(message)
        resolve()
      })
    })
    const host = await Host.at(messagePorts(started.channel))
    const end = new End(await host.next())
    end.link.send('bytes')
    if (started.channel instanceof Worker) started.channel.postMessage({ ask: 1 })
    else started.channel.send({ ask: 1 })
    await Promise.all([end.received(5), soon(answered, 'the user has an answer')])
    assert.equal(own, [{ answer: { ask: 1 } }])
    assert.is(end.bytes.toString(), 'bytes')
    await started.kill()
    await end.closed()
  })
}

test('a worker that connects where nobody listens any more is refused', async () => {
  const started = ways.thread!('connect')
  const exit = exitOf(started)
  const listening = await messagePorts(started.channel).listen(() => assert.unreachable('closed before'))
  await listening.close()
  assert.is((await exit)[0], 0, 'its link was closed, so that it could end')
})

test('a channel whose other end was closed closes its links', async () => {
  const { port1, port2 } = new MessageChannel()
  const host = await Host.at(messagePorts(port1))
  const near = new End(messagePorts(port2).connect())
  const far = new End(await host.next())
  port2.close()
  await Promise.all([near.closed(), far.closed()])
  assert.is((far.error as StoreError).code, 'LINK')
})

test('messages that are not ours, or are for no link, do no harm', async () => {
  const { port1, port2 } = new MessageChannel()
  const host = await Host.at(messagePorts(port1))
  for (const stray of [null, 'text', 7, {}, [], { '@hotspare/link': 9, dialled: true, kind: 'ack', count: 5 }]) {
    port2.postMessage(stray)
  }
  port2.postMessage({ '@hotspare/link': 9, dialled: true, kind: 'data', bytes: new Uint8Array(3) })
  port2.postMessage({ '@hotspare/link': 9, dialled: false, kind: 'close' })
  const near = new End(messagePorts(port2).connect())
  const far = new End(await host.next())
  near.link.send('fine')
  await far.received(4)
  near.link.end()
  await Promise.all([near.closed(), far.closed()])
  port1.close()
})

test('names', () => {
  const { port1 } = new MessageChannel()
  const transport = messagePorts(port1)
  assert.equal([transport.address, transport.host, transport.port], ['port', 'port', 0])
  assert.throws(
    () => messagePorts(),
    (error: unknown) => error instanceof StoreError && error.code === 'INVALID',
  )
})

test.run()
