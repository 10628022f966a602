// Frames of links over a message channel, from a thread or process that may send anything; in between, what we do with
// the links ourselves. Two bytes of the input are one step.

import { StoreError } from '../../../src/errors.js'
import type { Link } from '../../../src/link.js'
import { messagePorts, type ThreadChannel } from '../../../src/transports/message-port.js'
import { expect, type Target } from '../target.js'

const MARK = '@hotspare/link'

/** A channel whose other end is the fuzzer. */
class Channel implements ThreadChannel {
  readonly threadId = 7
  /** Bytes in frames that were posted. */
  postedBytes = 0
  #listeners: ((value: unknown) => void)[] = []

  postMessage(value: unknown): void {
    const { bytes } = value as { bytes?: Uint8Array }
    this.postedBytes += bytes?.length ?? 0
  }
  on(event: string, listener: (value: unknown) => void): void {
    if (event === 'message') this.#listeners.push(listener)
  }
  off(event: string, listener: (value: unknown) => void): void {
    if (event === 'message') this.#listeners = this.#listeners.filter((one) => one !== listener)
  }
  receive(value: unknown): void {
    for (const listener of [...this.#listeners]) listener(value)
  }
}

/** Somebody who holds a link, and whether what he is told keeps to the contract. */
class Owner {
  state: 'new' | 'open' | 'closed' = 'new'
  sentBytes = 0
  readonly link: Link

  constructor(link: Link) {
    this.link = link
    link.open({
      opened: () => {
        expect(this.state === 'new', 'opened twice, or after it was closed')
        this.state = 'open'
      },
      data: (chunk) => {
        expect(this.state !== 'closed', 'data after it was closed')
        expect(Buffer.isBuffer(chunk), 'data are a Buffer')
      },
      drain: () => expect(this.state !== 'closed', 'drain after it was closed'),
      closed: () => {
        expect(this.state !== 'closed', 'closed twice')
        this.state = 'closed'
      },
    })
  }
}

const junk: readonly unknown[] = [
  undefined,
  null,
  -1,
  0.5,
  Number.NaN,
  '12',
  'x',
  {},
  [],
  new Uint8Array(3),
  2 ** 53,
  true,
]
const kinds: readonly unknown[] = ['open', 'opened', 'data', 'ack', 'close', 'data', 'ack', 'nonsense', undefined, 5]

function frameOf(what: number, how: number): unknown {
  const id = how % 16 === 15 ? junk[how % junk.length] : 1 + (how % 3)
  const kind = kinds[what % kinds.length]
  const bytes = how % 8 === 7 ? junk[(what + how) % junk.length] : new Uint8Array(how * 50)
  const count = how % 8 === 6 ? junk[(what + how) % junk.length] : how * 20
  return { [MARK]: id, dialled: what % 2 === 0, kind, bytes, count }
}

export const ports: Target = {
  name: 'ports',
  about:
    'transports/port-link.ts and message-port.ts: whatever frames come, links keep their contract and their window',
  maxInputBytes: 1024,
  seeds: () => [
    Buffer.from([200, 0, 1, 1, 201, 9, 2, 1, 3, 1, 4, 1]),
    Buffer.from([0, 1, 202, 255, 2, 9, 3, 40, 201, 20, 4, 1, 205, 0]),
    Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 37) % 256)),
  ],
  async run(input) {
    const channel = new Channel()
    const transport = messagePorts(channel)
    const owners: Owner[] = []
    await transport.listen((link) => void owners.push(new Owner(link)))
    for (let i = 0; i + 1 < input.length; i += 2) {
      const [what, how] = input.subarray(i, i + 2)
      const owner = owners[how % Math.max(1, owners.length)]
      if (what < 200) channel.receive(frameOf(what, how))
      else if (what < 206) owners.push(new Owner(transport.connect()))
      else if (owner !== undefined) act(owner, what, how)
      if (how % 3 === 0) await Promise.resolve()
    }
    channel.receive('somebody else')
    await new Promise((resolve) => setImmediate(resolve))
    const sentBytes = owners.reduce((sum, one) => sum + one.sentBytes, 0)
    expect(channel.postedBytes <= sentBytes, 'more was posted than was sent')
    for (const { link, state } of owners) {
      expect(
        link.pendingBytes >= 0 && Number.isSafeInteger(link.pendingBytes),
        `${link.pendingBytes} bytes are pending`,
      )
      if (state !== 'closed') link.destroy(new StoreError('LINK', 'the end'))
    }
    await new Promise((resolve) => setImmediate(resolve))
    expect(
      owners.every(({ state }) => state === 'closed'),
      'closed when it was destroyed',
    )
  },
}

function act(owner: Owner, what: number, how: number): void {
  const { link } = owner
  switch (what % 5) {
    case 0:
      owner.sentBytes += how * 300
      link.send(Buffer.alloc(how * 300))
      break
    case 1:
      link.pause()
      break
    case 2:
      link.resume()
      break
    case 3:
      link.end()
      break
    default:
      link.destroy()
  }
}
