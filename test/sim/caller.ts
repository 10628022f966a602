// A client of a node on a memory network, by requests as lines of words.

import type { Link } from '../../src/link.js'
import { encodeCommand } from '../../src/protocol/parser.js'
import type { MemoryNetwork } from '../../src/transports/memory.js'

export class Caller {
  isClosed = false
  readonly #link: Link
  #heard = ''

  /** `to` and `name` are names of nodes. */
  constructor(net: MemoryNetwork, to: string, name = 'caller') {
    this.#link = net.at(to).connect(name)
    this.#link.open({
      data: (chunk) => {
        this.#heard += chunk.toString('latin1')
      },
      drain() {},
      closed: () => {
        this.isClosed = true
      },
    })
  }

  send(line: string): void {
    this.#link.send(encodeCommand(line.split(' ').map((word) => (word === '""' ? '' : word))))
  }

  /** What was answered since the last time. */
  heard(): string {
    const heard = this.#heard
    this.#heard = ''
    return heard
  }

  close(): void {
    this.#link.destroy()
  }
}
