// What every transport promises, as tests. A transport's own test file makes the world that they run in, and adds what
// only that transport does.

import * as assert from 'uvu/assert'
import { StoreError } from '../../src/errors.js'
import type { Link, Listening, Transport } from '../../src/link.js'
import { deadline, type Suite } from '../suite.js'

/** A fresh pair of places for one test. */
export interface World {
  /** Where the test listens. */
  readonly server: Transport
  /** What connects to it. */
  client(listening: Listening): Transport
  /** A place of the same kind that nobody listens at. */
  nowhere(): Promise<Transport>
  /** Another transport with the address that `listening` has taken. */
  sameAddress(listening: Listening): Transport
  close(): Promise<void>
}

const DEADLINE_MS = 20_000
const MIB = 1024 * 1024

/** Rejects if `promise` takes longer than any sound run does. */
export function soon<T>(promise: Promise<T>, what: string): Promise<T> {
  return deadline(promise, DEADLINE_MS, what)
}

/** One end of a link, with all that its owner was told. Fails on calls that the contract forbids. */
export class End {
  readonly link: Link
  readonly chunks: Buffer[] = []
  /** Of all calls but data, in order. */
  readonly calls: ('opened' | 'drain' | 'closed')[] = []
  error: Error | undefined
  byteCount = 0
  /** What the owner does with each chunk. */
  onData: (chunk: Buffer) => void = () => {}
  readonly #waiting = new Set<() => void>()
  #broken: string | undefined
  #inOpen = true

  constructor(link: Link) {
    this.link = link
    link.open({
      opened: () => this.#told('opened'),
      drain: () => this.#told('drain'),
      data: (chunk) => {
        if (this.isClosed || this.#inOpen) this.#broken = 'data after closed, or inside open()'
        this.chunks.push(chunk)
        this.byteCount += chunk.length
        this.onData(chunk)
        this.#wake()
      },
      closed: (error) => {
        this.error = error
        this.#told('closed')
      },
    })
    this.#inOpen = false
  }

  get isClosed(): boolean {
    return this.calls.includes('closed')
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  count(call: 'opened' | 'drain' | 'closed'): number {
    return this.calls.filter((each) => each === call).length
  }

  /** Waits until the condition holds; it is looked at whenever the owner was told something. */
  async until(holds: () => boolean, what: string): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      const check = (): void => {
        if (!holds()) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
    await soon(reached, what)
    this.verify()
  }

  closed(): Promise<void> {
    return this.until(() => this.isClosed, 'the link is closed')
  }

  received(byteCount: number): Promise<void> {
    return this.until(() => this.byteCount >= byteCount, `${byteCount} bytes are there`)
  }

  /** Throws if the contract was broken so far. */
  verify(): void {
    if (this.#broken !== undefined) throw new Error(this.#broken)
    assert.ok(this.count('opened') <= 1, 'opened at most once')
    assert.ok(this.count('closed') <= 1, 'closed at most once')
  }

  #told(call: 'opened' | 'drain' | 'closed'): void {
    if (this.isClosed || this.#inOpen) this.#broken = `${call} after closed, or inside open()`
    this.calls.push(call)
    this.#wake()
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check()
  }
}

/** Listens, and hands out the accepted links one by one. */
export class Host {
  readonly accepted: Link[] = []
  readonly listening: Listening
  #waiting: ((link: Link) => void)[] = []

  private constructor(listening: Listening) {
    this.listening = listening
  }

  static async at(transport: Transport): Promise<Host> {
    const host: { now?: Host } = {}
    const listening = await transport.listen((link) => host.now?.take(link))
    host.now = new Host(listening)
    return host.now
  }

  private take(link: Link): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.accepted.push(link)
    else next(link)
  }

  next(): Promise<Link> {
    const link = this.accepted.shift()
    if (link !== undefined) return Promise.resolve(link)
    return soon(new Promise<Link>((resolve) => this.#waiting.push(resolve)), 'a link is accepted')
  }
}

/** A link with both of its ends. */
export async function pair(host: Host, client: Transport): Promise<{ near: End; far: End }> {
  const near = new End(client.connect('tester'))
  const far = new End(await host.next())
  await near.until(() => near.count('opened') === 1, 'the link is open')
  return { near, far }
}

/** Bytes that differ along the way, so that a lost, doubled or moved piece shows. */
export function pattern(byteCount: number, start = 0): Buffer {
  const bytes = Buffer.allocUnsafe(byteCount)
  for (let i = 0; i < byteCount; i++) bytes[i] = ((i + start) * 2654435761) >>> 24
  return bytes
}

/** Runs `work` after the event loop has turned a few times: what was going to happen by itself has happened. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Registers the contract's tests under the name of a kind of world. */
export function testContract<T>(test: Suite<T>, name: string, makeWorld: () => Promise<World>): void {
  const contract = (title: string, body: (world: World, host: Host, client: Transport) => Promise<void>): void => {
    test(`${name}: ${title}`, async () => {
      const world = await makeWorld()
      const host = await Host.at(world.server)
      try {
        await body(world, host, world.client(host.listening))
      } finally {
        await host.listening.close()
        await world.close()
      }
    })
  }

  contract('bytes come back in order, whatever their sizes', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    far.onData = (chunk) => far.link.send(chunk)
    const sizes = [1, 2, 0, 3, 100, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1, 300_000]
    const sent = sizes.map((size, i) => pattern(size, i))
    for (const bytes of sent) near.link.send(bytes)
    const expected = Buffer.concat(sent)
    await near.received(expected.length)
    assert.ok(near.bytes.equals(expected))
    near.link.destroy()
    await Promise.all([near.closed(), far.closed()])
  })

  contract('ten MiB in one piece arrive whole', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    const sent = pattern(10 * MIB)
    near.link.send(sent)
    await far.received(sent.length)
    assert.ok(far.bytes.equals(sent))
    assert.is(far.byteCount, sent.length)
    near.link.destroy()
    await far.closed()
  })

  contract('a string stands for one byte a character', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1')
    near.link.send(every)
    near.link.send(pattern(10))
    near.link.send(every.repeat(3000))
    near.link.send('')
    near.link.send('x')
    const expected = Buffer.concat([
      Buffer.from(every, 'latin1'),
      pattern(10),
      Buffer.from(`${every.repeat(3000)}x`, 'latin1'),
    ])
    await far.received(expected.length)
    assert.ok(far.bytes.equals(expected))
    near.link.destroy()
    await far.closed()
  })

  contract('a part of a larger memory is sent alone, and the memory stays usable', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    const segment = pattern(MIB)
    near.link.send(segment.subarray(1000, 3000))
    near.link.send(new Uint8Array(segment.buffer, segment.byteOffset + 5, 7))
    await far.received(2007)
    assert.ok(far.bytes.equals(Buffer.concat([segment.subarray(1000, 3000), segment.subarray(5, 12)])))
    assert.ok(segment.equals(pattern(MIB)))
    near.link.destroy()
    await far.closed()
  })

  contract(
    'a reader that pauses makes send return false; drain comes when it reads on',
    async (_world, host, client) => {
      const { near, far } = await pair(host, client)
      far.link.pause()
      const piece = pattern(256 * 1024)
      let count = 0
      // The kernel's buffers take some megabytes before anything waits here.
      while (near.link.send(piece)) {
        assert.ok(++count < 400, 'a link does not take bytes without end')
        await turns(1)
      }
      count++
      await turns(20)
      assert.ok(near.link.pendingBytes > 0)
      assert.is(near.count('drain'), 0)
      assert.is(far.byteCount, 0)
      far.link.resume()
      await near.until(() => near.count('drain') === 1, 'drain is called')
      assert.ok(near.link.pendingBytes <= MIB)
      await far.received(count * piece.length)
      assert.ok(far.bytes.equals(Buffer.concat(Array.from({ length: count }, () => piece))))
      near.link.destroy()
      await far.closed()
      assert.is(near.link.pendingBytes, 0)
    },
  )

  contract('pausing after each chunk loses nothing', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    far.onData = () => {
      const before = far.byteCount
      far.link.pause()
      setImmediate(() => {
        assert.is(far.byteCount, before, 'nothing comes while the link is paused')
        far.link.resume()
      })
    }
    for (let i = 0; i < 50; i++) near.link.send(pattern(20_000, i))
    near.link.end()
    await far.received(1_000_000)
    assert.ok(far.bytes.equals(Buffer.concat(Array.from({ length: 50 }, (_, i) => pattern(20_000, i)))))
    await Promise.all([near.closed(), far.closed()])
  })

  contract('what comes before the owner is known waits for it', async (_world, host, client) => {
    const near = new End(client.connect('tester'))
    near.link.send('early')
    const accepted = await host.next()
    near.link.send(', later')
    near.link.end()
    await turns(20)
    const far = new End(accepted)
    await far.closed()
    assert.is(far.bytes.toString(), 'early, later')
    assert.is(far.count('opened'), 0, 'an accepted link stands already')
    await near.closed()
  })

  contract('what is sent before the link stands is sent after it', async (_world, host, client) => {
    const near = new End(client.connect('tester'))
    near.link.send('one ')
    near.link.send(Buffer.from('two '))
    assert.is(near.count('opened'), 0)
    const far = new End(await host.next())
    await near.until(() => near.count('opened') === 1, 'the link is open')
    near.link.send('three')
    await far.received(13)
    assert.is(far.bytes.toString(), 'one two three')
    far.link.destroy()
    await near.closed()
  })

  contract('the side that accepts may speak first', async (_world, host, client) => {
    const near = new End(client.connect('tester'))
    near.onData = () => assert.is(near.count('opened'), 1, 'opened comes before data')
    const far = new End(await host.next())
    far.link.send('hello')
    await near.received(5)
    near.link.destroy()
    await far.closed()
  })

  contract('end sends everything and then closes both sides', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    near.link.send(pattern(3 * MIB))
    near.link.end()
    assert.not(near.link.send('no more'))
    near.link.end()
    await Promise.all([near.closed(), far.closed()])
    assert.is(far.byteCount, 3 * MIB)
    assert.is(near.error, undefined)
    assert.is(far.error, undefined)
  })

  contract('when both sides end at once both close', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    near.link.send('a')
    far.link.send('b')
    near.link.end()
    far.link.end()
    await Promise.all([near.closed(), far.closed()])
  })

  for (const reading of ['reads', 'has paused']) {
    contract(`end drops what still comes in, when the owner ${reading}`, async (_world, host, client) => {
      const { near, far } = await pair(host, client)
      if (reading === 'has paused') near.link.pause()
      far.link.send(pattern(4 * MIB))
      if (reading === 'reads') await near.received(1)
      near.link.send('bye')
      near.link.end()
      const before = near.byteCount
      await Promise.all([near.closed(), far.closed()])
      assert.is(near.byteCount, before)
      assert.is(far.bytes.toString(), 'bye')
      assert.is(far.error, undefined)
    })
  }

  contract('nothing is pending once the other side has taken it', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    near.link.send('a little')
    await far.received(8)
    const gone = async (): Promise<void> => {
      while (near.link.pendingBytes > 0) await turns(1)
    }
    await soon(gone(), 'nothing is pending')
    near.link.destroy()
    await far.closed()
  })

  contract('destroy drops what waits, and closes both sides', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    far.link.pause()
    near.link.send(pattern(40 * MIB))
    near.link.destroy()
    assert.not(near.link.send('no more'))
    assert.is(near.link.pendingBytes, 0)
    assert.is(near.isClosed, false, 'closed comes in a later turn')
    far.link.resume()
    await Promise.all([near.closed(), far.closed()])
    assert.is(near.error, undefined)
    assert.ok(far.byteCount < 40 * MIB)
    near.link.destroy()
    near.link.end()
    near.link.pause()
    near.link.resume()
    await turns(20)
    near.verify()
    far.verify()
  })

  contract('destroy hands its error to closed', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    const why = new Error('the owner had enough')
    near.link.destroy(why)
    await Promise.all([near.closed(), far.closed()])
    assert.is(near.error, why)
  })

  contract('after destroy the owner hears closed and nothing else', async (_world, host, client) => {
    const { near, far } = await pair(host, client)
    for (let i = 0; i < 100; i++) far.link.send(pattern(10_000))
    near.onData = () => near.link.destroy()
    await near.closed()
    const count = near.chunks.length
    await far.closed()
    assert.is(near.chunks.length, count)
    assert.is(count, 1)
  })

  contract('a link that is given up before it stands is closed once', async (_world, _host, client) => {
    const near = new End(client.connect('tester'))
    near.link.send('x')
    near.link.destroy()
    await near.closed()
    await turns(20)
    near.verify()
    assert.equal(near.calls, ['closed'])
    assert.is(near.error, undefined)
  })

  contract('connecting where nobody listens ends in a LINK error', async (world) => {
    const near = new End((await world.nowhere()).connect('tester'))
    near.link.send('anybody?')
    await near.closed()
    assert.instance(near.error, StoreError)
    assert.is((near.error as StoreError).code, 'LINK')
    assert.equal(near.calls, ['closed'])
  })

  contract('many links at once do not mix', async (_world, host, client) => {
    const ends: { near: End; far: End }[] = []
    for (let i = 0; i < 50; i++) ends.push(await pair(host, client))
    for (const { far } of ends) far.onData = (chunk) => far.link.send(chunk)
    for (let round = 0; round < 10; round++) {
      for (const [i, { near }] of ends.entries()) near.link.send(`${i}:${round};`)
    }
    for (const [i, { near }] of ends.entries()) {
      const expected = Array.from({ length: 10 }, (_, round) => `${i}:${round};`).join('')
      await near.received(expected.length)
      assert.is(near.bytes.toString(), expected)
    }
    for (const { near } of ends) near.link.end()
    await Promise.all(ends.flatMap(({ near, far }) => [near.closed(), far.closed()]))
  })

  contract('closing the place leaves links alone and frees the address', async (world, host, client) => {
    const { near, far } = await pair(host, client)
    await host.listening.close()
    await host.listening.close()
    const refused = new End(client.connect('tester'))
    await refused.closed()
    assert.is((refused.error as StoreError).code, 'LINK')
    near.link.send('still here')
    await far.received(10)
    const again = await Host.at(world.sameAddress(host.listening))
    const other = await pair(again, client)
    other.near.link.destroy()
    far.link.send('me too')
    await near.received(6)
    near.link.destroy()
    await Promise.all([far.closed(), other.far.closed()])
    await again.listening.close()
  })

  contract('an address that is taken is an ADDRESS error', async (world, host) => {
    let caught: unknown
    await world
      .sameAddress(host.listening)
      .listen(() => {})
      .catch((error: unknown) => {
        caught = error
      })
    assert.instance(caught, StoreError)
    assert.is((caught as StoreError).code, 'ADDRESS')
  })
}
