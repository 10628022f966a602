// One call of a command, as its handler sees it: see Context. The engine has two of these, one for calls and one for the
// commands of a transaction inside a call, and fills them anew each time.

import type { Arg } from '../bytes.js'
import type { Client } from '../commands/client.js'
import type { Context, EventClass, Server, Wait } from '../commands/command.js'
import type { Keyspace } from '../keyspace/keyspace.js'
import type { Reply } from '../protocol/writer.js'

export class CallContext implements Context {
  readonly server: Server & { now: number }
  client!: Client
  reply!: Reply
  db!: Keyspace
  /** Its number when the call began: SWAPDB changes numbers. */
  dbIndex = 0
  fromPrimary = false
  /** Changes counted so far. */
  changes = 0
  wasChanged = false
  isSilent = false
  effects: (Arg | number)[][] | null = null

  constructor(server: Server & { now: number }) {
    this.server = server
  }

  mayBlock = false
  readyKey: string | undefined = undefined
  /** What the handler wants to wait for. */
  wait: Wait | null = null

  begin(client: Client, db: Keyspace): void {
    this.client = client
    this.reply = client.reply
    this.db = db
    this.dbIndex = db.index
    this.fromPrimary = client.kind === 'primary'
    this.changes = 0
    this.wasChanged = false
    this.isSilent = false
    this.effects = null
    this.mayBlock = false
    this.readyKey = undefined
    this.wait = null
  }

  get now(): number {
    return this.server.now
  }

  changed(count = 1): void {
    this.changes += count
    this.wasChanged = true
  }

  effect(...argv: (Arg | number)[]): void {
    if (this.effects === null) this.effects = [argv]
    else this.effects.push(argv)
  }

  noEffect(): void {
    this.isSilent = true
  }

  notify(eventClass: EventClass, event: string, key: string): void {
    this.server.notify(eventClass, event, key, this.db.index)
  }

  block(wait: Wait): void {
    this.wait = wait
  }
}
