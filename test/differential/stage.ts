// Several connections to one server that act in turn. Each piece that one of them sends is followed until its replies are
// there, or until the server says that it waits; who was served meanwhile, or closed, is found out before the next acts.

import { type Argument, encode, RawClient } from '../client.js'
import { deadline } from '../suite.js'

/** What a connection sends in one piece: `{n}` stands for the id of connection n. Nothing: it hangs up. */
export interface Act {
  who: number
  lines: readonly Argument[][]
}

/** What a connection had got by then, since it was heard last. */
export interface Heard {
  act: number
  who: number
  text: string
}

/** What stands behind the last bytes that a connection got. */
export const CLOSED = '<closed>'

const PATIENCE_MS = 10_000
const NESTED = '-ERR MULTI calls can not be nested\r\n'
const MAY_WAIT = /^(BL|BR|BZ|XREAD)/
export const ENDS_TRANSACTION: ReadonlySet<string> = new Set(['EXEC', 'DISCARD', 'RESET', 'QUIT'])

interface Actor {
  client: RawClient
  id: string
  inTransaction: boolean
  /** The replies that it waits for. */
  waiting: Promise<string> | null
}

export class Stage {
  readonly #port: number
  readonly #boss: RawClient
  #actors: Actor[] = []
  #heard: Heard[] = []
  #act = 0

  private constructor(port: number, boss: RawClient) {
    this.#port = port
    this.#boss = boss
  }

  static async open(port: number): Promise<Stage> {
    return new Stage(port, await RawClient.connect({ port, timeoutMs: PATIENCE_MS, bulk: 'latin1' }))
  }

  async close(): Promise<void> {
    await this.#clear()
    await this.#boss.close()
  }

  /** The boss' own requests; their replies. */
  async tell(...requests: readonly Argument[][]): Promise<string> {
    this.#boss.send(Buffer.concat(requests.map((argv) => encode(...argv))))
    return (await this.#boss.repliesRaw(requests.length)).map((one) => one.toString('latin1')).join('')
  }

  /** The id that the next connection gets, about: ids go up by one. */
  async nextId(): Promise<number> {
    await this.#clear()
    const probe = await RawClient.connect({ port: this.#port })
    const id = Number(await probe.ok('CLIENT', 'ID'))
    await probe.close()
    return id + 1
  }

  /** Uses ids up, so that the next one is `id`. */
  async skipTo(id: number): Promise<void> {
    while ((await this.nextId()) < id);
  }

  /** New connections, one after the other. */
  async cast(count: number): Promise<void> {
    for (let who = 0; who < count; who++) this.#actors.push(await this.#enter())
  }

  /** Lets all connections be as new. */
  async begin(): Promise<void> {
    for (const { client } of this.#actors) client.send(encode('RESET'))
    for (const { client } of this.#actors) await client.readUntil('+RESET\r\n')
    await this.#boss.ok('FLUSHALL')
    await this.#boss.ok('CONFIG', 'SET', 'notify-keyspace-events', '')
  }

  /** Plays it all; what everybody heard. */
  async play(acts: readonly Act[]): Promise<Heard[]> {
    this.#heard = []
    for (const [i, act] of acts.entries()) {
      this.#act = i
      await this.#perform(act)
    }
    this.#act = acts.length
    for (const [who, actor] of this.#actors.entries()) {
      // Behind what it waits for may be a request that waits too.
      while (actor.waiting !== null) {
        await this.#boss.ok('CLIENT', 'UNBLOCK', actor.id)
        await this.#lookAround(true)
      }
      if (actor.inTransaction) await this.#send(who, [['DISCARD']])
      await this.#send(who, [['PING']])
    }
    return this.#heard
  }

  async #perform({ who, lines }: Act): Promise<void> {
    const actor = this.#actors[who]
    if (actor.waiting !== null || (actor.inTransaction && lines.length > 1)) return
    if (lines.length === 0) {
      await this.#send(who, [])
      await actor.client.close()
      while ((await this.#listed()).has(actor.id));
      await this.#lookAround(true)
      return
    }
    const name = String(lines[0][0]).toUpperCase()
    const isLast = who === this.#actors.length - 1
    const mayWait = !actor.inTransaction && lines.some((argv) => MAY_WAIT.test(String(argv[0])))
    // One is always there to go on.
    if (isLast && mayWait) return
    const filled = lines.map((argv) => argv.map((arg) => this.#filled(arg)))
    if (name === 'MULTI' && lines.length === 1) await this.#beginTransaction(who)
    else await this.#send(who, filled, mayWait)
    const mayKill = name === 'EXEC' || lines.some(([first, sub]) => /^CLIENT KILL$/i.test(`${first} ${sub}`))
    await this.#lookAround(mayKill)
  }

  #filled(arg: Argument): Argument {
    const who = typeof arg === 'string' ? /^\{(\d)\}$/.exec(arg)?.[1] : undefined
    return who === undefined ? arg : this.#actors[Number(who)].id
  }

  /** The end of a transaction's first reply is found by itself: what is sent behind it would be queued. */
  async #beginTransaction(who: number): Promise<void> {
    const actor = this.#actors[who]
    if (actor.inTransaction) return
    await this.#send(who, [])
    actor.client.send(encode('MULTI'))
    const reply = await actor.client.readLine()
    actor.inTransaction = reply === '+OK'
    this.#note(who, `${reply}\r\n`)
  }

  async #send(who: number, lines: readonly Argument[][], mayWait = false): Promise<void> {
    const actor = this.#actors[who]
    if (ENDS_TRANSACTION.has(String(lines[0]?.[0]).toUpperCase())) actor.inTransaction = false
    const word = `#${this.#act}#`
    const [mark, end] = actor.inTransaction ? [['MULTI'], NESTED] : [['PING', word], `${word}\r\n`]
    actor.client.send(Buffer.concat([...lines, mark].map((argv) => encode(...argv))))
    const got = this.#until(actor.client, end)
    if (mayWait && (await this.#waits(actor, got))) actor.waiting = got
    else await this.#take(who, got)
  }

  /** Whether the server says that it waits, before its replies are there. */
  async #waits({ id }: Actor, got: Promise<string>): Promise<boolean> {
    let isThere = false
    const arrived = (): void => {
      isThere = true
    }
    // Or it failed, and whoever takes the replies hears of it.
    const there = got.then(arrived, arrived)
    while (!isThere) {
      const listed = this.#listed()
      await Promise.race([there, listed])
      if (/b/.test((await listed).get(id) ?? '')) return true
    }
    return false
  }

  /** Takes the replies of those who wait no more, and lets come back who was closed. */
  async #lookAround(mayBeClosed: boolean): Promise<void> {
    for (;;) {
      if (!mayBeClosed && this.#actors.every(({ waiting }) => waiting === null)) return
      const listed = await this.#listed()
      let changed = false
      for (const [who, actor] of this.#actors.entries()) {
        const flags = listed.get(actor.id)
        if (flags === undefined) await this.#take(who, actor.waiting ?? this.#until(actor.client, 'no such thing'))
        else if (actor.waiting !== null && !flags.includes('b')) await this.#take(who, actor.waiting)
        else continue
        changed = true
      }
      if (!changed) return
    }
  }

  async #take(who: number, got: Promise<string>): Promise<void> {
    const actor = this.#actors[who]
    const text = await got
    actor.waiting = null
    this.#note(who, text)
    if (text.endsWith(CLOSED)) this.#actors[who] = await this.#enter()
  }

  #note(who: number, text: string): void {
    this.#heard.push({ act: this.#act, who, text })
  }

  /** All bytes up to this, or to the end of the connection. */
  async #until(client: RawClient, end: string): Promise<string> {
    try {
      return (await client.readUntil(end)).toString('latin1')
    } catch (error) {
      if (!/is gone/.test(String(error))) throw error
      return `${client.drain().toString('latin1')}${CLOSED}`
    }
  }

  /** The flags of each connection, by its id. */
  async #listed(): Promise<Map<string, string>> {
    const lines = String(await this.#boss.ok('CLIENT', 'LIST')).split('\n')
    return new Map(lines.map((line) => [/^id=(\d+) /.exec(line)?.[1] ?? '', / flags=(\w+) /.exec(line)?.[1] ?? '']))
  }

  async #enter(): Promise<Actor> {
    const client = await RawClient.connect({ port: this.#port, timeoutMs: PATIENCE_MS, bulk: 'latin1' })
    // One that waits sends again before the first piece is acknowledged.
    client.socket.setNoDelay(true)
    return { client, id: String(await client.ok('CLIENT', 'ID')), inTransaction: false, waiting: null }
  }

  /** Nobody is left but the boss. */
  async #clear(): Promise<void> {
    for (const { client, waiting } of this.#actors.splice(0)) {
      waiting?.catch(() => {})
      await client.close()
    }
    const isEmpty = async (): Promise<void> => {
      while ((await this.#listed()).size > 2);
    }
    await deadline(isEmpty(), PATIENCE_MS, 'connections to be closed')
  }
}
