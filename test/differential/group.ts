// Random sequences of one group's commands, the same to a redis-server 7.0.15 and to a Store: every reply is the same byte
// for byte, the data is the same in the end, and a real replica of the Store holds it too. A sequence that differs is shrunk.
//
//   HOTSPARE_COMMANDS   how many commands are tried, about; 100,000 unless given
//   HOTSPARE_SEED       which ones

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Argument, encode, type RawClient, type Reply } from '../client.js'
import { type Both, skip, startBoth, type World } from '../commands/both.js'
import { type PeerServer, startServer } from '../peers.js'
import { parse } from '../resp.js'
import { type Suite, suite, until } from '../suite.js'
import { generic, keys, type Line } from './grammar.js'

export const COMMANDS = Number(process.env.HOTSPARE_COMMANDS ?? 100_000)
export const SEED = Number(process.env.HOTSPARE_SEED ?? 20261123)
const LONGEST_RUN = 120
export const LIMIT_MS = 60_000 + COMMANDS * 3

/** How replies of a command are compared: `members`: in any order; `shape`: of the same kind. */
export type Likeness = 'same' | 'members' | 'shape'

/** Ours leaves keys past their time out of the digest, Redis does not: looking at them removes them. */
const EXPIRED_GO: Argument[] = ['EXISTS', ...keys]

export interface Group {
  title: string
  /** The group's own commands; what any group does is added. */
  commands: readonly Line[]
  /** By name, `NAME` or `NAME SUB`. Those that are not here have the same replies to the byte. */
  likeness?: Record<string, Likeness>
  config?: Record<string, string>
}

/** The tests of a group. The file that calls it also calls `run()` on what it gets. */
export function differential(group: Group): Suite<Record<string, unknown>> {
  const test = suite(`differential: ${group.title}`)
  const line = fc.oneof(
    { weight: 9, arbitrary: fc.oneof(...group.commands) },
    { weight: 1, arbitrary: fc.oneof(...generic) },
  )
  const run = fc.record({
    protocol: fc.constantFrom<(2 | 3)[]>(2, 3),
    lines: fc.array(line, { minLength: 1, maxLength: LONGEST_RUN, size: 'max' }),
  })
  let world: World
  let both: Both
  let replica: PeerServer
  let observer: RawClient

  test.before(async () => {
    if (skip !== undefined) return
    world = await startBoth(group.config)
    both = await world.connect()
    // Keys past their time are deleted when a command meets them, and then only: so all do it at the same place.
    await both.same(['DEBUG SET-ACTIVE-EXPIRE 0'])
    replica = await startServer({
      family: 'redis',
      version: '7.0.15',
      config: { ...group.config, replicaof: `127.0.0.1 ${world.ours}` },
    })
    observer = await replica.connect()
    await until(async () => (await replica.info('replication')).master_link_status === 'up', { what: 'the replica' })
  })

  test.after(async () => {
    await both?.close()
    await observer?.close()
    await replica?.stop()
    await world?.close()
  })

  async function perform(protocol: 2 | 3, lines: readonly Argument[][]): Promise<void> {
    const all: Argument[][] = [
      ['RESET'],
      ['HELLO', protocol],
      ['FLUSHALL'],
      ...lines,
      ['DISCARD'],
      EXPIRED_GO,
      ['DEBUG', 'DIGEST'],
    ]
    const [ours, real] = await Promise.all([replies(both.ours, all), replies(both.real, all)])
    for (let i = 2; i < all.length; i++) {
      assertAlike(ours[i], real[i], likenessOf(group.likeness ?? {}, all[i]), () => told(all.slice(1, i + 1)))
    }
    const digest = ours.at(-1)!.slice(1, 41)
    let seen = ''
    await until(async () => (seen = String(await observer.ok('DEBUG', 'DIGEST'))) === digest, {
      what: 'the replica to hold the same',
      timeoutMs: 2000,
      everyMs: 1,
    }).catch(() => assert.is(seen, digest, `the replica's data\n${told(all.slice(1))}`))
  }

  test(`about ${COMMANDS} random commands`, { skip, limitMs: LIMIT_MS }, async () => {
    let tried = 0
    await fc.assert(
      fc.asyncProperty(run, async ({ protocol, lines }) => {
        tried += lines.length
        await perform(protocol, lines)
      }),
      { seed: SEED, numRuns: Math.ceil(COMMANDS / (LONGEST_RUN / 2)), includeErrorInReport: true },
    )
    assert.ok(tried > COMMANDS * 0.8, `${tried} commands were tried`)
  })

  test('the replica never had to start anew', { skip }, async () => {
    assert.match(String(await both.ours.ok('INFO', 'stats')), /sync_full:1\r/)
  })

  return test
}

/** The exact bytes of all replies, one a character. */
async function replies(client: RawClient, all: readonly Argument[][]): Promise<string[]> {
  client.send(Buffer.concat(all.map((argv) => encode(...argv))))
  const bytes = await client.repliesRaw(all.length)
  return bytes.map((reply) => reply.toString('latin1'))
}

export function likenessOf(likeness: Record<string, Likeness>, [name, sub]: readonly Argument[]): Likeness {
  const upper = String(name).toUpperCase()
  return likeness[`${upper} ${String(sub).toUpperCase()}`] ?? likeness[upper] ?? 'same'
}

function assertAlike(ours: string, real: string, likeness: Likeness, what: () => string): void {
  if (ours === real) return
  if (likeness === 'members') assert.equal(members(valueIn(ours)), members(valueIn(real)), what())
  else if (likeness === 'shape') assert.is(ours[0], real[0], what())
  else assert.is(ours, real, what())
}

export function told(lines: readonly Argument[][]): string {
  return lines
    .map((argv) =>
      argv
        .map((arg) => JSON.stringify(Buffer.from(typeof arg === 'number' ? String(arg) : arg).toString('latin1')))
        .join(' '),
    )
    .join('\n')
}

function valueIn(reply: string): Reply {
  const parsed = parse(Buffer.from(reply, 'latin1'), 'latin1')
  if (parsed.kind === 'incomplete') throw new Error('incomplete')
  return parsed.value
}

/** All that is in a reply, in an order of its own; a map's pairs stay together. */
function members(reply: Reply): string[] {
  if (reply instanceof Map) return [...reply].map((pair) => JSON.stringify(pair)).sort()
  if (reply instanceof Set) return [...reply].map((one) => JSON.stringify(one)).sort()
  return Array.isArray(reply) ? reply.map((one) => JSON.stringify(one)).sort() : [String(reply)]
}
