// As much of a Sentinel as its clients see, on a memory network: it answers what they ask, and tells them of a switch. What
// it answers is what the test puts into its fields.

import type { Link, Listening } from '../../src/link.js'
import type { MemoryNetwork } from '../../src/transports/memory.js'
import { encode } from '../client.js'
import { parse } from '../resp.js'

export const NAME = 'main'

export class FakeSentinel {
  readonly name: string
  /** Its own id. */
  id: string
  /** Whom it takes for the primary: a node's name; null: it does not know of any. */
  primary: string | null
  epoch = 0
  /** The names of the Sentinels that it knows. */
  peers: string[] = []
  /** Clients have to show it. */
  password = ''
  /** Subcommands that it refuses. */
  refused: string[] = []
  /** What clients asked, but PING. */
  readonly asked: string[] = []
  readonly #net: MemoryNetwork
  readonly #links = new Set<Link>()
  readonly #subscribers = new Map<Link, Set<string>>()
  #listening: Listening | null = null

  constructor(net: MemoryNetwork, name: string, primary: string | null) {
    this.#net = net
    this.name = name
    this.id = idOf(name)
    this.primary = primary
  }

  static async start(net: MemoryNetwork, name: string, primary: string | null): Promise<FakeSentinel> {
    const sentinel = new FakeSentinel(net, name, primary)
    await sentinel.start()
    return sentinel
  }

  async start(): Promise<void> {
    this.#listening = await this.#net.at(this.name).listen((link) => this.#accept(link))
  }

  async stop(): Promise<void> {
    await this.#listening?.close()
    for (const link of this.#links) link.destroy()
  }

  get subscribers(): number {
    return this.#subscribers.size
  }

  /** It learns of a failover, and tells its subscribers unless `silently`. */
  switchTo(primary: string, options: { epoch?: number; silently?: boolean } = {}): void {
    const was = this.primary
    this.primary = primary
    this.epoch = options.epoch ?? this.epoch + 1
    if (options.silently !== true) this.publish('+switch-master', `${NAME} ${was} 1 ${primary} 1`)
  }

  publish(channel: string, message: string): void {
    for (const [link, channels] of this.#subscribers)
      if (channels.has(channel)) link.send(encode('message', channel, message))
  }

  /** Sends these bytes to every subscriber. */
  disturb(bytes: string): void {
    for (const link of this.#subscribers.keys()) link.send(bytes)
  }

  #accept(link: Link): void {
    this.#links.add(link)
    let bytes: Buffer = Buffer.alloc(0)
    let isIn = this.password === ''
    link.open({
      data: (chunk) => {
        bytes = Buffer.concat([bytes, chunk])
        for (;;) {
          const parsed = parse(bytes, 'utf8')
          if (parsed.kind === 'incomplete') return
          bytes = bytes.subarray(parsed.length)
          const argv = parsed.value as string[]
          if (argv[0] === 'AUTH') isIn = argv.at(-1) === this.password
          link.send(isIn ? this.#answer(link, argv) : '-NOAUTH Authentication required.\r\n')
        }
      },
      drain: () => {},
      closed: () => {
        this.#links.delete(link)
        this.#subscribers.delete(link)
      },
    })
  }

  #answer(link: Link, argv: string[]): string | Buffer {
    const [name, ...rest] = argv
    if (name !== 'PING') this.asked.push(argv.join(' '))
    if (name === 'AUTH') return '+OK\r\n'
    if (name === 'PING') return this.#subscribers.has(link) ? encode('pong', '') : '+PONG\r\n'
    if (name === 'SUBSCRIBE') {
      this.#subscribers.set(link, new Set(rest))
      return rest.map((one, i) => `*3\r\n$9\r\nsubscribe\r\n$${one.length}\r\n${one}\r\n:${i + 1}\r\n`).join('')
    }
    if (name !== 'SENTINEL') return `-ERR unknown command '${name}'\r\n`
    const [subcommand, primary] = rest
    if (this.refused.includes(subcommand)) return '-NOPERM this user has no permissions\r\n'
    if (subcommand === 'MYID') return encodeBulk(this.id)
    const isKnown = primary === NAME && this.primary !== null
    if (subcommand === 'GET-MASTER-ADDR-BY-NAME') return isKnown ? encode(this.primary!, '6379') : '*-1\r\n'
    if (!isKnown) return '-ERR No such master with that name\r\n'
    if (subcommand === 'MASTER') return encode('name', NAME, 'ip', this.primary!, 'config-epoch', this.epoch)
    if (subcommand !== 'SENTINELS') return '-ERR unknown subcommand\r\n'
    const peers = this.peers.map((peer) => encode('ip', peer, 'port', '26379', 'runid', idOf(peer)))
    return Buffer.concat([Buffer.from(`*${peers.length}\r\n`), ...peers])
  }
}

export function idOf(name: string): string {
  return name.padEnd(40, '0')
}

function encodeBulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`
}
