// FAILOVER between real processes and Stores, in every form. One play, with the same lines on every stage: what redis-server
// answers and shows in the place of both nodes is what a Store has to in the place of either. Then failovers in a row with a
// writer, which loses nothing that was acknowledged.

import * as assert from 'uvu/assert'
import { ErrorReply, type RawClient, type Reply } from '../client.js'
import { missingPeer } from '../peers.js'
import { FaultyProxy } from '../proxy.js'
import { suite, until } from '../suite.js'
import { fill } from './load.js'
import { follow, inStep, linkUp, type Node, placeOf, running, StoreNode, startReal, syncsOf } from './nodes.js'

const test = suite('compat: failover')

const skip = missingPeer('redis', '7.0.15')
const redis = { family: 'redis', version: '7.0.15' } as const
const SECONDS_TEN = { what: 'the failover', timeoutMs: 10_000, everyMs: 10 }

type Kind = 'redis' | 'store'
const start = (kind: Kind): Promise<Node> => (kind === 'redis' ? startReal(redis) : StoreNode.start())

const said = (reply: Reply): string => (reply instanceof ErrorReply ? `-${reply.message}` : JSON.stringify(reply))

async function states(node: Node): Promise<string> {
  const { role, master_failover_state, master_link_status } = await node.info('replication')
  const first = (await node.call('ROLE')) as Reply[]
  const link = role === 'slave' ? ` ${master_link_status} ${first[3]}` : ''
  return `${role} ${master_failover_state}${link}, ROLE ${first[0]}`
}

const failoverState = async (node: Node): Promise<string> => (await node.info('replication')).master_failover_state

/** Until the node is a primary, or a replica whose link is up, and no failover is under way. */
async function settled(node: Node, role: 'master' | 'slave'): Promise<void> {
  const is = async (): Promise<boolean> => {
    const info = await node.info('replication')
    if (info.role !== role || info.master_failover_state !== 'no-failover') return false
    return role === 'master' || info.master_link_status === 'up'
  }
  await until(is, { ...SECONDS_TEN, what: `the node at ${node.port} to be a ${role}` })
}

/** All that is answered and shown, with ports that were chosen by chance taken out. */
async function play(primaryKind: Kind, targetKind: Kind): Promise<string[]> {
  return running(async (started) => {
    const lines: string[] = []
    const primary = await started(start(primaryKind))
    const target = await started(start(targetKind))
    const sibling = await started(start('redis'))
    // What the primary sends to the target, and what connects to the target, can be held back.
    const down = await started(FaultyProxy.to(primary.port))
    const up = await started(FaultyProxy.to(target.port))
    await target.call('CONFIG', 'SET', 'replica-announce-port', up.port)
    await fill(primary, 200)
    await follow(target, down.port)
    await follow(sibling, primary.port)
    const all = [primary, target, sibling]
    await inStep(all)
    const begun = await Promise.all(all.map(syncsOf))
    /** Full, partial and refused syncs that each of the three served since the beginning. */
    const syncs = async (): Promise<string> =>
      (await Promise.all(all.map(syncsOf)))
        .map((now, i) => [now.full - begun[i].full, now.partial - begun[i].partial, now.refused - begun[i].refused])
        .join(' and ')
    const connect = async (): Promise<RawClient> => started(primary.connect({ timeoutMs: 20_000 }))
    const [client, writer, publisher, blocked] = [await connect(), await connect(), await connect(), await connect()]
    const ask = async (...requests: string[]): Promise<void> => {
      for (const request of requests) {
        const line = request.replace('TARGET', `127.0.0.1 ${up.port}`)
        lines.push(`${request}: ${said(await client.call(...line.split(' ')))}`)
      }
    }
    const told = (what: string, replies: readonly Reply[]): void => {
      lines.push(`${what}: ${replies.map(said).join(', ')}`)
    }

    // The target lags. Refusals, who waits and who does not, and an end of it.
    await ask('FAILOVER FORCE', 'FAILOVER TO 127.0.0.1 1', 'FAILOVER TO TARGET FORCE', 'FAILOVER ABORT')
    down.pause()
    await client.ok('SET', 'k', '1')
    blocked.send('BLPOP list 0\r\n')
    await ask('FAILOVER TO TARGET TIMEOUT 60000')
    writer.send('SET k 2\r\nGET k\r\n')
    publisher.send('PUBLISH c m\r\n')
    const waiting = async (): Promise<boolean> => (await primary.info('clients')).blocked_clients === '3'
    await until(waiting, { ...SECONDS_TEN, what: 'three clients to wait' })
    lines.push(await states(primary), await states(target))
    await ask('FAILOVER', 'FAILOVER TO TARGET', 'REPLICAOF NO ONE', 'REPLICAOF 127.0.0.1 1', 'SLAVEOF NO ONE')
    await ask('GET k', 'PING', 'CLIENT UNPAUSE', 'CONFIG SET timeout 0', 'MULTI', 'GET k', 'EXEC', 'PUBSUB CHANNELS')
    await using latecomer = await primary.connect()
    told('a new replica', [await latecomer.call('PSYNC', '?', '-1')])
    lines.push(await states(primary))
    await ask('FAILOVER ABORT')
    told('the writer', [await writer.reply(), await writer.reply()])
    told('the publisher', [await publisher.reply()])
    lines.push(await states(primary))

    // In step, but it does not answer.
    up.pause()
    await ask('FAILOVER TO TARGET')
    writer.send('SET k 3\r\n')
    down.heal()
    await until(async () => (await failoverState(primary)) === 'failover-in-progress', SECONDS_TEN)
    await until(async () => (await states(primary)).includes('handshake'), SECONDS_TEN)
    lines.push(await states(primary), await states(target))
    told('who waited for a key', [await blocked.reply()])
    await blocked.closed
    await ask('SET k 4', 'GET k', 'FAILOVER', 'REPLICAOF NO ONE', 'WAIT 0 0', 'FAILOVER ABORT')
    told('the writer', [await writer.reply()])
    lines.push(await states(primary))
    up.heal()
    await linkUp(target)
    await linkUp(sibling)
    await inStep(all)
    lines.push(`given up: ${await syncs()}`)

    // It takes over, asked as Valkey's Sentinel asks.
    down.pause()
    await client.ok('SET', 'k', '5')
    await ask('MULTI', 'CLIENT PAUSE 10000 WRITE', 'FAILOVER TO TARGET TIMEOUT 5000', 'EXEC')
    writer.send('SET k 6\r\n')
    const before = await placeOf(primary)
    down.heal()
    await settled(primary, 'slave')
    await ask('MULTI', 'CLIENT UNPAUSE', 'EXEC')
    told('the writer', [await writer.reply()])
    lines.push(await states(primary), await states(target))
    const after = await placeOf(target)
    assert.equal([after.replid2, after.secondOffset], [before.replid, before.offset + 1])
    assert.is(await target.call('GET', 'k'), '5')
    await linkUp(sibling)
    const renamed = async (): Promise<boolean> => (await placeOf(sibling)).replid === after.replid
    await until(renamed, { ...SECONDS_TEN, what: 'the new id to reach the sibling' })
    await inStep(all)
    lines.push(`taken over: ${await syncs()}`)

    // And back, without a name.
    lines.push(`back: ${said(await target.call('FAILOVER'))}`)
    await settled(target, 'slave')
    lines.push(await states(primary), await states(target))
    await linkUp(sibling)
    await inStep(all)
    lines.push(`back: ${await syncs()}`)

    // It takes too long; and again, by force.
    await follow(target, down.port)
    await inStep(all)
    down.pause()
    await client.ok('SET', 'late', '1')
    await ask('FAILOVER TO TARGET TIMEOUT 200')
    writer.send('SET late 2\r\n')
    told('the writer', [await writer.reply()])
    lines.push(await states(primary))
    await ask('FAILOVER TO TARGET FORCE TIMEOUT 200')
    writer.send('SET late 3\r\n')
    told('the writer', [await writer.reply()])
    await settled(primary, 'slave')
    await linkUp(sibling)
    const place = await inStep(all)
    assert.is(place.replid, (await placeOf(target)).replid)
    lines.push(await states(primary), await states(target), said(await target.call('EXISTS', 'late')))
    lines.push(`by force: ${await syncs()}`)
    return lines
  })
}

let reference: Promise<string[]> | undefined

for (const [primary, target] of [
  ['store', 'store'],
  ['store', 'redis'],
  ['redis', 'store'],
] as const) {
  const name = `${primary === 'store' ? 'Store' : 'redis-server'} to ${target === 'store' ? 'Store' : 'redis-server'}`
  test(`${name}: what redis-server does in both places`, { skip, limitMs: 60_000 }, async () => {
    reference ??= play('redis', 'redis')
    const lines = await play(primary, target)
    assert.equal(lines, await reference)
  })
}

/** A writer that goes on through failovers: one write after the other, each to whoever is the primary. */
class Writer {
  /** Writes that were acknowledged, or confirmed by WAIT where that is asked for. */
  readonly confirmed: number[] = []
  written = 0
  readonly #nodes: readonly Node[]
  readonly #replicas: number
  #isStopped = false
  #finished: Promise<void>

  /** `replicas`: how many have to have a write before it counts; 0: WAIT is not asked. */
  constructor(nodes: readonly Node[], replicas: number) {
    this.#nodes = nodes
    this.#replicas = replicas
    this.#finished = this.#write()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#finished
  }

  async #write(): Promise<void> {
    const clients = await Promise.all(this.#nodes.map((node) => node.connect({ timeoutMs: 20_000 })))
    let at = 0
    while (!this.#isStopped) {
      const n = this.written++
      try {
        const reply = await clients[at].call('SET', `w:${n}`, n)
        if (reply instanceof ErrorReply) {
          assert.match(reply.message, /^READONLY /)
          at = (at + 1) % clients.length
        } else if (this.#replicas === 0) this.confirmed.push(n)
        else if (Number(await clients[at].ok('WAIT', this.#replicas, 2000)) >= this.#replicas) this.confirmed.push(n)
      } catch {
        // Sent away while it waited: the node became a replica.
        await clients[at].close()
        clients[at] = await this.#nodes[at].connect({ timeoutMs: 20_000 })
        at = (at + 1) % clients.length
      }
    }
    for (const client of clients) await client.close()
  }
}

/** Hands the role on `count` times while a writer writes. Everything that was confirmed is there at the end. */
async function handOn(kinds: readonly Kind[], count: number, replicas: number): Promise<string> {
  return running(async (started) => {
    const nodes: Node[] = []
    for (const kind of kinds) nodes.push(await started(start(kind)))
    await fill(nodes[0], 200)
    for (const node of nodes.slice(1)) await follow(node, nodes[0].port)
    await inStep(nodes)
    const before = await Promise.all(nodes.map(syncsOf))
    const writer = new Writer(nodes, replicas)
    let primary = nodes[0]
    const began = performance.now()
    for (let i = 0; i < count; i++) {
      const { confirmed } = writer
      const least = confirmed.length + 5
      await until(() => confirmed.length >= least, { what: 'a few writes', timeoutMs: 20_000 })
      assert.is(await primary.call('FAILOVER', 'TIMEOUT', 10_000), 'OK')
      await settled(primary, 'slave')
      const port = Number((await primary.info('replication')).master_port)
      primary = nodes.find((node) => node.port === port)!
      await settled(primary, 'master')
      // A node remembers one history before its own: who misses two failovers syncs anew, as with Redis.
      const { replid } = await placeOf(primary)
      const follows = async (): Promise<boolean> =>
        (await Promise.all(nodes.map(placeOf))).every((place) => place.replid === replid)
      await until(follows, { ...SECONDS_TEN, what: 'the new id to reach everybody' })
    }
    const tookMs = performance.now() - began
    await writer.stop()
    await until(async () => (await primary.info('replication')).connected_slaves !== '0', SECONDS_TEN)
    await inStep(nodes, 60_000)
    const { confirmed, written } = writer
    assert.ok(confirmed.length >= count * 5)
    for (const n of confirmed) assert.is(await primary.call('GET', `w:${n}`), String(n), `write ${n}`)
    const after = await Promise.all(nodes.map(syncsOf))
    assert.equal(
      after.map(({ full }, i) => full - before[i].full),
      nodes.map(() => 0),
      'nobody synced anew',
    )
    return `${count} failovers in ${Math.round(tookMs)} ms; ${confirmed.length} of ${written} writes were confirmed, and all of those are there`
  })
}

for (const kinds of [
  ['store', 'store'],
  ['store', 'redis'],
  ['store', 'redis', 'store'],
] as const) {
  test(`failovers to and fro between ${kinds.join(', ')}, with a writer`, {
    skip: kinds.includes('redis' as never) ? skip : undefined,
    limitMs: 60_000,
  }, async () => {
    await handOn(kinds, 4, 0)
  })
}

const failovers = Number(process.env.HOTSPARE_FAILOVERS ?? 10)

test(`${failovers} failovers in a row with WAIT 1: every write that was confirmed is there`, {
  skip,
  limitMs: 60_000 + failovers * 3000,
}, async () => {
  const outcome = await handOn(['store', 'store', 'redis'], failovers, 1)
  if (process.env.HOTSPARE_FAILOVERS !== undefined) console.log(outcome)
})

test.run()
