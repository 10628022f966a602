// When the listener runs requests and sends replies: at the end of a turn of the event loop, which is made by hand here.

import * as assert from 'uvu/assert'
import { systemEnv } from '../src/env.js'
import type { Link, LinkHandlers, Transport } from '../src/link.js'
import { encodeCommand } from '../src/protocol/parser.js'
import { Store } from '../src/store.js'
import { suite } from './suite.js'

const test = suite('listener')

class Peer implements Link {
  readonly remote = 'peer'
  readonly local = 'here'
  readonly fromOutside = false
  readonly pendingBytes = 0
  sent = ''
  handlers!: LinkHandlers
  open(handlers: LinkHandlers): void {
    this.handlers = handlers
  }
  send(data: Uint8Array | string): boolean {
    this.sent += typeof data === 'string' ? data : Buffer.from(data).toString('latin1')
    return true
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {
    this.handlers.closed()
  }
  says(...argv: string[]): void {
    this.handlers.data(Buffer.from(encodeCommand(argv), 'latin1'))
  }
}

async function scene(clients: number): Promise<{ store: Store; peers: Peer[]; turn(): void }> {
  const due: (() => void)[] = []
  const store = new Store({ env: { ...systemEnv(), soon: (fn) => void due.push(fn) } })
  const peers = Array.from({ length: clients }, () => new Peer())
  let accept: (link: Link) => void = () => assert.unreachable('it listens')
  const place: Transport = {
    address: 'here',
    host: 'here',
    port: 0,
    listen: async (accepting) => {
      accept = accepting
      return { address: 'here', close: async () => {} }
    },
    connect: () => {
      throw new Error('nobody connects')
    },
  }
  await store.listen(place)
  for (const peer of peers) accept(peer)
  return {
    store,
    peers,
    turn: () => {
      for (const fn of due.splice(0)) fn()
    },
  }
}

test('what clients sent in one turn runs at its end, in the order of each client, and is then answered', async () => {
  const {
    store,
    peers: [a, b],
    turn,
  } = await scene(2)
  a.says('SET', 'k', '1')
  b.says('APPEND', 'k', '2')
  a.says('APPEND', 'k', '3')
  assert.is(a.sent, '')
  turn()
  assert.is(store.get('k'), '132')
  assert.is(a.sent, '+OK\r\n:2\r\n')
  assert.is(b.sent, ':3\r\n')
  await store.close()
})

test('what came before a connection ended is run', async () => {
  const {
    store,
    peers: [a],
    turn,
  } = await scene(1)
  a.says('SET', 'k', '1')
  a.handlers.closed()
  assert.is(store.get('k'), '1')
  turn()
  assert.is(store.get('k'), '1')
  await store.close()
})

test('what came when the store was closed is not', async () => {
  const {
    store,
    peers: [a],
    turn,
  } = await scene(1)
  a.says('SET', 'k', '1')
  const closing = store.close({ drainMs: 0 })
  turn()
  await closing
  assert.is(store.engine.dataset.keyspaces[0].size, 0)
  assert.is(a.sent, '')
})

test('a defect that one request meets keeps no other client waiting', async () => {
  const {
    store,
    peers: [a, b],
    turn,
  } = await scene(2)
  const { execute } = store.engine
  let hits = 0
  store.engine.execute = function (client, argv, parser) {
    if (argv[0] === 'GET' && hits++ === 0) throw new Error('a defect')
    execute.call(this, client, argv, parser)
  }
  a.says('GET', 'k')
  b.says('SET', 'k', '1')
  assert.throws(turn, /a defect/)
  assert.is(b.sent, '+OK\r\n')
  a.says('GET', 'k')
  turn()
  assert.is(a.sent, '$1\r\n1\r\n')
  await store.close()
})

test.run()
