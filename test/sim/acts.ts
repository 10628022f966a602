// What a step can do. Each act works in any state of the cluster: what makes no sense there does nothing, so that a schedule
// stays one when steps are taken out of it. To add a fault or another kind of work, add an act here and let generate.ts use it.

import { argOfLatin1 } from '../../src/bytes.js'
import { ReplyError, StoreError } from '../../src/errors.js'
import type { Face } from '../../src/face.js'
import type { Told } from '../../src/transports/memory-link.js'
import type { Act as DiskAct } from '../persistence/memory-disk.js'
import type { Checker } from './checker.js'
import { type Cluster, placeOf, type SimNode } from './cluster.js'
import type { Crash, Rot } from './sim-disk.js'

export interface ActContext {
  readonly cluster: Cluster
  readonly checker: Checker
}

type Act = (ctx: ActContext, ...args: string[]) => void | Promise<void>

/** Parts requests of one step from each other. */
export const NEXT = '|'

export const acts: Record<string, Act> = {
  // Work through the face of a store. `node` may be `*0`: one of the primaries.

  /** node, keyspace, request [| request ...] */
  call: (ctx, name, db, ...words) => {
    withFace(ctx, name, db, (face) => {
      for (const argv of requestsOf(words)) tried(ctx, name, argv, () => call(face, argv))
    })
  },
  /** The same as one transaction: all of it, or nothing if one request fails. */
  transaction: (ctx, name, db, ...words) => {
    const living = ctx.cluster.living(name)
    if (living === undefined) return
    const { store } = living
    tried(ctx, name, ['transaction', ...words], () =>
      store.transaction(() => {
        for (const argv of requestsOf(words)) call(store.db(Number(db)), argv)
      }),
    )
  },
  /** node, keyspace, key, value [, ttl in ms]: the short cut. */
  set: (ctx, name, db, key, value, ttl) => {
    withFace(ctx, name, db, (face) =>
      tried(ctx, name, ['set', key], () => face.set(key, native(value), ttl === undefined ? {} : { ttl: Number(ttl) })),
    )
  },
  get: (ctx, name, db, key) => {
    withFace(ctx, name, db, (face) => tried(ctx, name, ['get', key], () => face.get(key)))
  },
  delete: (ctx, name, db, key) => {
    withFace(ctx, name, db, (face) => tried(ctx, name, ['delete', key], () => face.delete(key)))
  },
  /** node: somebody looks at each key, those that are past their time included. */
  read: ({ cluster }, name) => {
    const store = cluster.living(name)?.store
    for (const { index, slots } of store?.engine.dataset.keyspaces ?? []) {
      for (const key of [...slots.keys()]) store!.db(index).has(key)
    }
  },
  /** node, keyspace, prefix, count, bytes of each value */
  fill: (ctx, name, db, prefix, count, bytes) => {
    withFace(ctx, name, db, (face) =>
      tried(ctx, name, ['fill', prefix, count], () => {
        for (let i = 0; i < Number(count); i++) face.set(`${prefix}${i}`, noise(i, Number(bytes)))
      }),
    )
  },
  /** node, keyspace, command, key, count: as many elements. */
  grow: (ctx, name, db, command, key, count) => {
    withFace(ctx, name, db, (face) => {
      const argv = [command, key]
      for (let i = 0; i < Number(count); i++) {
        if (command === 'HSET' || command === 'ZADD') argv.push(String(i))
        argv.push(`element ${i}`)
      }
      tried(ctx, name, [command, key, count], () => call(face, argv))
    })
  },

  // Clients.

  /** client, node */
  connect: ({ cluster }, client, name) => {
    const to = name.startsWith('*') ? cluster.living(name)?.node.name : name
    if (to !== undefined) cluster.client(client).connect(to)
  },
  /** client, request [| request ...], as one piece */
  send: ({ cluster, checker }, client, ...words) => {
    const requests = requestsOf(words)
    checker.commands += requests.length
    cluster.client(client).send(cluster.encode(requests), requests.length)
  },
  /** client, request: what comes back from now on are not only replies. */
  subscribe: ({ cluster }, client, ...argv) => {
    const one = cluster.client(client)
    one.isSubscriber = true
    one.send(cluster.encode([argv]), 0)
  },
  'stop-reading': ({ cluster }, client) => cluster.client(client).pause(),
  'go-on-reading': ({ cluster }, client) => cluster.client(client).resume(),
  'hang-up': ({ cluster }, client) => cluster.client(client).hangUp(),

  // Who follows whom.

  /** node, node */
  follow: ({ cluster }, name, target) => {
    const living = cluster.living(name)
    const to = cluster.living(target)?.node.name ?? target
    if (living !== undefined) cluster.follow(living.node, to)
  },
  /** The same by the command of operators. */
  replicaof: (ctx, name, target) => {
    const living = ctx.cluster.living(name)
    if (living === undefined) return
    tried(ctx, name, ['REPLICAOF', target], () => {
      living.store.call('REPLICAOF', target, '0')
      living.node.follows = target
    })
  },
  promote: async ({ cluster }, name) => {
    const living = cluster.living(name)
    if (living !== undefined) await cluster.promote(living.node)
  },
  /** node: its first replica has to sync in full. */
  reload: ({ cluster }, name) => {
    const living = cluster.living(name)
    const [replica] = living?.store.engine.attached ?? []
    if (replica !== undefined) living!.store.engine.reloadReplica(replica)
  },
  verify: ({ cluster, checker }, name) => {
    const living = cluster.living(name)
    if (living === undefined || living.store.role === 'replica') return
    const verdicts = living.store.verify({ timeoutMs: 30_000 }).then((all) => {
      for (const { result, replica, keys } of all) {
        if (result === 'different') checker.violated('verified', `${replica} differs in ${keys.length} keys`)
      }
    })
    cluster.begin('verification', living.node, verdicts)
  },
  /** node, directive, value */
  config: (ctx, name, directive, value) => {
    const living = ctx.cluster.living(name)
    if (living === undefined) return
    tried(ctx, name, ['CONFIG SET', directive, value], () => living.store.call('CONFIG', 'SET', directive, value))
  },

  // Roles that are handed over, and who waits for replicas.

  /** node, node or '' for any replica, ms or 0 for no limit [, force] */
  failover: ({ cluster }, name, target, ms, force) => {
    const living = cluster.living(name)
    if (living === undefined) return
    const { node, store } = living
    if (!store.engine.replication.failover.isUnderWay) node.isForced = force === 'force'
    const to = target === '' ? undefined : cluster.net.at(target)
    cluster.begin(
      `failover to ${to?.host ?? 'any'}`,
      node,
      store.failover({ to, timeoutMs: Number(ms), force: force === 'force' }),
    )
  },
  'abort-failover': ({ cluster }, name) => {
    const { failover } = cluster.living(name)?.store.engine.replication ?? {}
    if (failover?.isUnderWay) failover.abort()
  },
  /** node, replicas, ms or 0 for no limit */
  wait: ({ cluster }, name, replicas, ms) => {
    const living = cluster.living(name)
    if (living === undefined) return
    cluster.begin(`wait for ${replicas}`, living.node, living.store.wait(Number(replicas), { timeoutMs: Number(ms) }))
  },
  /** node, another, ms: that one waits until it has what the first has now. */
  token: ({ cluster, checker }, name, other, ms) => {
    const [from, living] = [cluster.living(name), cluster.living(other)]
    if (from === undefined || living === undefined) return
    const token = from.store.token()
    const { node, store } = living
    const arrival = store.waitFor(token, { timeoutMs: Number(ms) }).then(() => checker.arrived(node, store, token))
    cluster.begin(`wait for ${token.replid.slice(0, 6)}:${token.offset}`, node, arrival)
  },
  /** node, request: it is done on the primary of that node, and what came of it is awaited there. */
  forward: ({ cluster, checker }, name, ...words) => {
    const living = cluster.living(name)
    if (living === undefined) return
    const [command, ...args] = words
    checker.commands++
    cluster.begin(`${command} on the primary`, living.node, living.store.primary.call(command, ...args.map(bytesOf)))
  },

  // Life and death.

  start: async ({ cluster }, name) => {
    const node = cluster.node(name)
    if (node !== undefined) await cluster.start(node)
  },
  close: async ({ cluster, checker }, name) => {
    const node = nodeOf(cluster, name)
    if (node === undefined) return
    const left = await cluster.close(node)
    if (left !== undefined) checker.violated('nothing left', left)
  },
  /** node, or `*` for every one: it comes back as what it was when it went. */
  restart: async ({ cluster }, name) => {
    for (const node of name === '*' ? cluster.nodes : [cluster.node(name)]) {
      if (node === undefined || node.store !== null) continue
      const { follows } = node
      await cluster.start(node)
      if (follows !== null && node.store !== null) cluster.follow(node, follows)
    }
  },
  /** node [, silent]: the process is killed, or with `silent` the machine is without power, and nobody hears of it. */
  crash: ({ cluster }, name, silent) => {
    const node = nodeOf(cluster, name)
    if (node !== undefined) cluster.crash(node, silent === 'silent', silent === 'silent' ? 'power' : 'kill')
  },
  /** node: the machine is without power, and all others hear of it. */
  outage: ({ cluster }, name) => {
    const node = nodeOf(cluster, name)
    if (node !== undefined) cluster.crash(node, false, 'power')
  },
  freeze: ({ cluster }, name) => cluster.freeze(name),
  thaw: ({ cluster }, name) => cluster.thaw(name),

  // The disk of a node that has one. `node` may be `*0` here too.

  /** node, acts, kill or power: it crashes before its disk does the next act but so many. */
  'disk-crash': ({ cluster }, name, acts, how) => {
    const node = nodeOf(cluster, name)
    node?.disk?.crashAt(Number(acts), () => cluster.crash(node, false, how as Crash))
  },
  /** node, bytes that it takes still */
  'disk-full': ({ cluster }, name, bytes) => nodeOf(cluster, name)?.disk?.fill(Number(bytes)),
  /** node, acts that fail, parted by commas */
  'disk-failing': ({ cluster }, name, acts) => nodeOf(cluster, name)?.disk?.fail(acts.split(',') as DiskAct[]),
  /** node, ms that a sync takes */
  'disk-slow': ({ cluster }, name, ms) => nodeOf(cluster, name)?.disk?.slow(Number(ms)),
  /** node, or `*` for every one */
  'disk-mended': ({ cluster }, name) => {
    for (const node of cluster.nodes) if (name === '*' || name === node.name) node.disk?.mend()
  },
  /** node, snapshot or increment, which bit: while the node is away. */
  'bit-rot': ({ cluster }, name, kind, bit) => {
    const node = cluster.node(name)
    if (node !== undefined && node.store === null) node.disk?.damage(kind as Rot, Number(bit))
  },
  /** node, directive, value: CONFIG SET, and the same when it comes back. */
  'config-kept': (ctx, name, directive, value) => {
    const node = ctx.cluster.node(name)
    if (node === undefined) return
    node.settings[directive] = value
    acts.config(ctx, name, directive, value)
  },

  // The network.

  /** node [, node or '' [, told]] */
  cut: ({ cluster }, a, b, told) =>
    cluster.net.cut(a, b === '' ? undefined : b, told === undefined ? {} : { told: told as Told }),
  /** nodes, nodes [, one-way]; names parted by commas */
  partition: ({ cluster }, a, b, oneWay) =>
    cluster.net.partition(a.split(','), b.split(','), { oneWay: oneWay === 'one-way' }),
  heal: ({ cluster }, a, b) => {
    if (a === undefined || b === undefined) cluster.net.heal()
    else cluster.net.heal(a.split(','), b.split(','))
  },
  /** ms [, node, node] */
  delay: ({ cluster }, ms, a, b) => {
    if (a === undefined || b === undefined) cluster.net.delay(Number(ms))
    else cluster.net.delay(Number(ms), a, b)
  },
  jitter: ({ cluster }, ms) => cluster.net.jitter(Number(ms)),
  loss: ({ cluster }, probability) => cluster.net.loss(Number(probability)),
  /** node, bytes a second */
  slow: ({ cluster }, name, bytesPerSecond) => cluster.net.slow(name, Number(bytesPerSecond)),
}

/** Text that does not compress, so that a snapshot is as large as the data. */
function noise(seed: number, length: number): string {
  let text = `${seed} `
  for (let word = seed + 1; text.length < length; ) {
    word = Math.imul(word, 0x9e3779b1) ^ (word >>> 13)
    text += (word >>> 0).toString(36)
  }
  return text.slice(0, length)
}

function requestsOf(words: readonly string[]): string[][] {
  const requests: string[][] = [[]]
  for (const word of words) {
    if (word === NEXT) requests.push([])
    else requests.at(-1)!.push(word)
  }
  return requests.filter((argv) => argv.length > 0)
}

function nodeOf(cluster: Cluster, name: string): SimNode | undefined {
  return name.startsWith('*') ? cluster.living(name)?.node : cluster.node(name)
}

function withFace({ cluster }: ActContext, name: string, db: string, work: (face: Face<unknown>) => void): void {
  const living = cluster.living(name)
  if (living !== undefined) work(living.store.db(Number(db)))
}

function call(face: Face<unknown>, [name, ...args]: readonly string[]): void {
  face.call(name, ...args.map((arg) => bytesOf(arg)))
}

function bytesOf(latin1: string): string | Buffer {
  const arg = argOfLatin1(latin1)
  return typeof arg === 'string' ? arg : Buffer.from(latin1, 'latin1')
}

/** Some values are more than strings. */
function native(value: string): unknown {
  if (value.startsWith('#')) return Number(value.slice(1))
  return value.startsWith('{') ? { value, list: [1, value] } : value
}

/** Runs what a caller may get an error from. Errors of ours come out, and end the run. */
function tried({ cluster, checker }: ActContext, name: string, what: readonly string[], work: () => void): void {
  checker.commands++
  const living: { node: SimNode } | undefined = cluster.living(name)
  const who = living?.node.name ?? name
  try {
    work()
  } catch (error) {
    if (!(error instanceof ReplyError || error instanceof StoreError)) throw error
    cluster.trace.add(who, `${what.join(' ').slice(0, 100)}: ${error.message}`)
    return
  }
  const { store } = cluster.node(who) ?? {}
  if (cluster.trace.isOn)
    cluster.trace.add(who, `${what.join(' ').slice(0, 100)}: ok${store ? `, at ${placeOf(store)}` : ''}`)
}
