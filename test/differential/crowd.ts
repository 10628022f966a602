// Random scenes of several connections, the same at a redis-server 7.0.15 and at a Store: all that each of them gets,
// replies and messages, is the same, and so is the data in the end. A scene that differs is shrunk.
//
// HOTSPARE_COMMANDS and HOTSPARE_SEED as in group.ts. Several thousand at a time: each test says in its title what repeats it.

import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Argument } from '../client.js'
import { skip, startBoth, type World } from '../commands/both.js'
import { type Suite, suite } from '../suite.js'
import { keys, type Line } from './grammar.js'
import { COMMANDS, type Likeness, likenessOf, SEED, told } from './group.js'
import { type Act, CLOSED, ENDS_TRANSACTION, type Heard, Stage } from './stage.js'
import { type Piece, pieces } from './transcript.js'

const LONGEST_SCENE = 80
/** Commands of one test. */
const PART = 20_000
const PART_LIMIT_MS = 120_000

export interface Crowd {
  title: string
  connections: number
  /** What connection `who` does, as one piece. */
  acts: fc.Arbitrary<Act>
  /** What every scene begins with. */
  prologue?: fc.Arbitrary<Act[]>
  likeness?: Record<string, Likeness>
  /** Messages may come before or after the replies of the same piece: told apart from them. */
  apart?: boolean
  config?: Record<string, string>
}

/** One of these connections sends one line. */
export function by(who: fc.Arbitrary<number>, line: Line): fc.Arbitrary<Act> {
  return fc.record({ who, lines: line.map((argv) => [argv]) })
}

/** Several lines in one piece. */
export function piece(who: fc.Arbitrary<number>, ...lines: Line[]): fc.Arbitrary<Act> {
  return fc.record({ who, lines: fc.tuple(...lines) })
}

/** The tests of a crowd. The file that calls it also calls `run()` on what it gets. */
export function crowd(of: Crowd): Suite<Record<string, unknown>> {
  const test = suite(`differential: ${of.title}`)
  const scene = fc
    .tuple(of.prologue ?? fc.constant([]), fc.array(of.acts, { minLength: 1, maxLength: LONGEST_SCENE, size: 'max' }))
    .map(([first, rest]) => [...first, ...rest])
  let world: World
  let ours: Stage
  let real: Stage
  /** After a scene that failed nobody knows what state they are in: new connections, with ids that are the same again. */
  let isFresh = false

  test.before(async () => {
    if (skip !== undefined) return
    world = await startBoth(of.config)
    ours = await Stage.open(world.ours)
    real = await Stage.open(world.real)
    for (const stage of [ours, real]) await stage.tell(['DEBUG', 'SET-ACTIVE-EXPIRE', '0'])
  })

  test.after(async () => {
    await ours?.close()
    await real?.close()
    await world?.close()
  })

  async function refresh(): Promise<void> {
    const next = Math.max(await ours.nextId(), await real.nextId()) + 1
    for (const stage of [ours, real]) {
      await stage.skipTo(next)
      await stage.cast(of.connections)
    }
    isFresh = true
  }

  async function perform(acts: readonly Act[]): Promise<void> {
    if (!isFresh) await refresh()
    isFresh = false
    const end = [
      ['EXISTS', ...keys],
      ['DEBUG', 'DIGEST'],
    ]
    const [one, other] = await Promise.all(
      [ours, real].map(async (stage) => {
        await stage.begin()
        return { heard: await stage.play(acts), data: await stage.tell(...end) }
      }),
    )
    for (let i = 0; i < Math.max(one.heard.length, other.heard.length); i++)
      assertAlike(acts, one.heard[i], other.heard[i])
    assert.is(one.data, other.data, `the data in the end\n${script(acts, acts.length)}`)
    isFresh = true
  }

  function assertAlike(acts: readonly Act[], one: Heard | undefined, other: Heard | undefined): void {
    const { act, who } = one ?? other!
    const isSame = one?.act === other?.act && one?.who === other?.who
    if (isSame && one?.text === other?.text) return
    const what = `connection ${who}\n${script(acts, act)}`
    if (!isSame) {
      const [ours, real] = [one, other].map((heard) => heard && `${heard.act} ${heard.who}`)
      assert.is(ours, real, `who is answered, ${what}`)
    }
    const lines = executed(acts, act)
    const isExec = lines.some(([name]) => /^EXEC$/i.test(String(name)))
    // Of a reply behind its own end, which a client may bring about within EXEC, Redis writes a header and no more.
    const isCutOff = isExec && one!.text.endsWith(CLOSED) && other!.text.endsWith(CLOSED)
    const likeness = isCutOff ? 'shape' : loosest(lines.map((argv) => likenessOf(of.likeness ?? {}, argv)))
    const [ours, real] = [one!, other!].map(({ text }) => pieces(text, true))
    if (of.apart !== true && !isExec && likeness === 'same') {
      assertSame(shown(ours), shown(real), what)
      return
    }
    const ofKind = (all: Piece[], kind: Piece['kind']): Piece[] => all.filter((piece) => piece.kind === kind)
    for (const kind of ['message', 'reply'] as const) {
      if (kind === 'reply' && likeness === 'shape') return
      const both = [ours, real].map((all) => ofKind(all, kind).map((piece) => piece.tokens.join('')))
      if (likeness === 'members') for (const all of both) all.sort()
      assertSame(both[0].join(''), both[1].join(''), `${kind} to ${what}`)
    }
  }

  for (let part = 0; part * PART < COMMANDS; part++) trial(SEED + part, Math.min(PART, COMMANDS - part * PART))

  function trial(seed: number, count: number): void {
    const title = `random commands: HOTSPARE_SEED=${seed} HOTSPARE_COMMANDS=${count}`
    test(title, { skip, limitMs: PART_LIMIT_MS }, () => tryAll(seed, count))
  }

  async function tryAll(seed: number, count: number): Promise<void> {
    let tried = 0
    await fc.assert(
      fc.asyncProperty(scene, async (acts) => {
        for (const { lines } of acts) tried += lines.length
        await perform(acts)
      }),
      { seed, numRuns: Math.ceil(count / (LONGEST_SCENE / 2)), includeErrorInReport: true },
    )
    assert.ok(tried > count * 0.8, `${tried} commands were tried`)
  }

  return test
}

/** The lines of an act, and those that were queued before it. */
function executed(acts: readonly Act[], at: number): readonly Argument[][] {
  const { who, lines } = acts[at] ?? { who: -1, lines: [] }
  if (lines.length !== 1 || !/^EXEC$/i.test(String(lines[0][0]))) return lines
  let queued: Argument[][] | null = null
  for (const act of acts.slice(0, at)) {
    // What goes as one piece is not sent within a transaction: see stage.ts.
    if (act.who !== who || act.lines.length > 1) continue
    const name = String(act.lines[0]?.[0] ?? 'QUIT').toUpperCase()
    if (ENDS_TRANSACTION.has(name)) queued = null
    else if (queued !== null) queued.push(act.lines[0])
    else if (name === 'MULTI') queued = []
  }
  return [...(queued ?? []), ...lines]
}

function loosest(all: readonly Likeness[]): Likeness {
  return all.includes('shape') ? 'shape' : all.includes('members') ? 'members' : 'same'
}

function shown(all: readonly Piece[]): string {
  return all.map((piece) => piece.tokens.join('')).join('')
}

function assertSame(ours: string, real: string, what: string): void {
  const parting = [...ours].findIndex((byte, i) => byte !== real[i])
  const part = (text: string): string => JSON.stringify(text.slice(Math.max(0, parting - 200), parting + 400))
  assert.is(ours, real, `${what}\nours: ${part(ours)}\nreal: ${part(real)}`)
}

function script(acts: readonly Act[], upTo: number): string {
  return acts
    .slice(0, upTo + 1)
    .map(({ who, lines }) => `${who}: ${lines.length === 0 ? '(hangs up)' : told(lines).replaceAll('\n', ' ;; ')}`)
    .join('\n')
}
