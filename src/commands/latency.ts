// LATENCY: events that took at least `latency-monitor-threshold` milliseconds, and how the calls of each command are
// spread over time. What Redis watches besides (forks, files) has no counterpart here.

import type { Arg } from '../bytes.js'
import type { Config } from '../config/config.js'
import { ReplyError } from '../errors.js'
import { type Command, type Context, command, text } from './command.js'
import { helpCommand } from './help.js'
import { type Labelled, sparkline } from './sparkline.js'

/** Samples kept of each event. */
const MAX_SAMPLES = 160
const GRAPH_COLUMNS = 80

interface Sample {
  atSeconds: number
  ms: number
}

interface Series {
  /** The oldest first; one a second at most. */
  samples: Sample[]
  worstMs: number
}

/** `command`, `fast-command`, `expire-cycle`, `eviction-cycle`: events as Redis names them. */
export class LatencyMonitor {
  readonly #series = new Map<string, Series>()
  /** Events that took at least so long are kept; Infinity: none are. */
  thresholdMs = Number.POSITIVE_INFINITY

  constructor(config: Config) {
    const read = (): void => {
      this.thresholdMs = config.number('latency-monitor-threshold') || Number.POSITIVE_INFINITY
    }
    config.on('latency-monitor-threshold', read)
    read()
  }

  get events(): ReadonlyMap<string, Series> {
    return this.#series
  }

  add(event: string, takenMs: number, nowMs: number): void {
    const ms = Math.floor(takenMs)
    if (ms < this.thresholdMs) return
    let series = this.#series.get(event)
    if (series === undefined) this.#series.set(event, (series = { samples: [], worstMs: 0 }))
    series.worstMs = Math.max(series.worstMs, ms)
    const atSeconds = Math.floor(nowMs / 1000)
    const last = series.samples.at(-1)
    if (last?.atSeconds === atSeconds) last.ms = Math.max(last.ms, ms)
    else if (series.samples.push({ atSeconds, ms }) > MAX_SAMPLES) series.samples.shift()
  }

  /** Forgets one event, or all; says how many there were. */
  reset(event?: string): number {
    if (event !== undefined) return this.#series.delete(event) ? 1 : 0
    const count = this.#series.size
    this.#series.clear()
    return count
  }
}

function latest({ server, reply }: Context): void {
  const { events } = server.timing.latency
  reply.array(events.size)
  for (const [name, { samples, worstMs }] of events) {
    const last = samples.at(-1)!
    reply.array(4)
    reply.bulk(name)
    reply.integer(last.atSeconds)
    reply.integer(last.ms)
    reply.integer(worstMs)
  }
}

function history({ server, reply }: Context, argv: Arg[]): void {
  const samples = server.timing.latency.events.get(text(argv[2]))?.samples ?? []
  reply.array(samples.length)
  for (const { atSeconds, ms } of samples) {
    reply.array(2)
    reply.integer(atSeconds)
    reply.integer(ms)
  }
}

function reset({ server, reply }: Context, argv: Arg[]): void {
  const names = argv.slice(2)
  if (names.length === 0) reply.integer(server.timing.latency.reset())
  else reply.integer(names.reduce((count, name) => count + server.timing.latency.reset(text(name)), 0))
}

function graph({ server, reply, now }: Context, argv: Arg[]): void {
  const event = text(argv[2])
  const series = server.timing.latency.events.get(event)
  if (series === undefined) throw new ReplyError(`ERR No samples available for event '${event}'`)
  const points: Labelled[] = series.samples.map(({ atSeconds, ms }) => ({ value: ms, label: ageOf(atSeconds, now) }))
  const values = points.map(({ value }) => value)
  const high = Math.max(...values)
  const low = Math.min(...values)
  const head = `${event} - high ${high} ms, low ${low} ms (all time high ${series.worstMs} ms)\n`
  reply.verbatim(`${head}${'-'.repeat(GRAPH_COLUMNS)}\n${sparkline(points, { columns: GRAPH_COLUMNS, rows: 4 })}`)
}

/** How long ago, in its largest unit: `5m`. */
function ageOf(atSeconds: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor(nowMs / 1000) - atSeconds)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}

function doctor({ server, reply }: Context): void {
  const { events, thresholdMs } = server.timing.latency
  reply.verbatim(thresholdMs === Number.POSITIVE_INFINITY ? NOT_WATCHED : events.size === 0 ? NOTHING : report(events))
}

const NOT_WATCHED =
  'Latency is not watched here. "CONFIG SET latency-monitor-threshold <milliseconds>" has everything that takes at ' +
  'least so long written down.\n'
const NOTHING = 'Nothing has taken as long as latency-monitor-threshold since it was set, or since LATENCY RESET.\n'

function report(events: ReadonlyMap<string, Series>): string {
  const lines = [...events].map(([name, series], i) => `${i + 1}. ${name}: ${summaryOf(series)}`)
  const advice: string[] = []
  if (events.has('command'))
    advice.push('- SLOWLOG GET shows which calls took long: they visit many elements, or large ones.')
  if (events.has('fast-command'))
    advice.push('- Commands that are fast as a rule were slow too: the machine may be busy, or garbage is collected.')
  if (events.has('expire-cycle'))
    advice.push('- Many keys reach their time at once: spread their times, or set fewer of them together.')
  if (events.has('eviction-cycle')) advice.push('- Room for writes takes long to make: raise maxmemory.')
  return `These events took longer than latency-monitor-threshold:\n\n${lines.join('\n')}\n\n${advice.join('\n')}\n`
}

function summaryOf({ samples, worstMs }: Series): string {
  const mean = samples.reduce((sum, { ms }) => sum + ms, 0) / samples.length
  const deviation = samples.reduce((sum, { ms }) => sum + Math.abs(ms - mean), 0) / samples.length
  const span = samples.at(-1)!.atSeconds - samples[0].atSeconds
  const period = (Math.max(1, span) / samples.length).toFixed(2)
  const spread = `average ${Math.round(mean)}ms, mean deviation ${Math.round(deviation)}ms, period ${period} sec`
  return `${samples.length} latency spikes (${spread}). Worst all time event ${worstMs}ms.`
}

function histogram({ server, reply }: Context, argv: Arg[]): void {
  const chosen =
    argv.length > 2 ? argv.slice(2).flatMap((arg) => named(server.commands, text(arg))) : all(server.commands)
  const timed = chosen.filter(({ latency }) => latency !== null)
  reply.map(timed.length)
  for (const { name, latency } of timed) {
    const rows = latency!.cumulative()
    reply.bulk(name)
    reply.map(2)
    reply.bulk('calls')
    reply.integer(latency!.total)
    reply.bulk('histogram_usec')
    reply.map(rows.length)
    for (const [microseconds, calls] of rows) {
      reply.integer(microseconds)
      reply.integer(calls)
    }
  }
}

function all(commands: ReadonlyMap<string, Command>): Command[] {
  return [...commands.values()].flatMap((one) => [one, ...(one.subcommands?.values() ?? [])])
}

/** A command by its full name, and its subcommands if it has any. */
function named(commands: ReadonlyMap<string, Command>, name: string): Command[] {
  const [container, word] = name.toLowerCase().split('|', 2)
  const one = commands.get(container)
  if (one === undefined) return []
  if (word === undefined) return [one, ...(one.subcommands?.values() ?? [])]
  const sub = one.subcommands?.get(word)
  return sub === undefined ? [] : [sub]
}

const one = { group: 'server', flags: 'admin noscript loading stale', since: '2.8.13', complexity: 'O(1)' } as const

export const latencyCommand = command({
  name: 'LATENCY',
  arity: -2,
  flags: '',
  group: 'server',
  since: '2.8.13',
  summary: 'Container of the commands about what took long.',
  complexity: 'Depends on the subcommand.',
  subcommands: [
    command({
      ...one,
      name: 'LATENCY DOCTOR',
      arity: 2,
      summary: 'Says in words what took long, and what may help.',
      run: doctor,
    }),
    command({
      ...one,
      name: 'LATENCY GRAPH',
      arity: 3,
      summary: 'Draws the samples of an event.',
      syntax: 'event',
      run: graph,
    }),
    command({
      ...one,
      name: 'LATENCY HISTOGRAM',
      arity: -2,
      since: '7.0.0',
      summary: 'Tells how many calls of each command took at most how long.',
      complexity: 'O(N) for N commands.',
      syntax: '[command [command ...]]',
      run: histogram,
    }),
    command({
      ...one,
      name: 'LATENCY HISTORY',
      arity: 3,
      summary: 'Gives the samples of an event.',
      syntax: 'event',
      run: history,
    }),
    command({ ...one, name: 'LATENCY LATEST', arity: 2, summary: 'Gives the last sample of each event.', run: latest }),
    command({
      ...one,
      name: 'LATENCY RESET',
      arity: -2,
      summary: 'Forgets the samples of some events, or of all.',
      syntax: '[event [event ...]]',
      run: reset,
    }),
    helpCommand({
      of: 'LATENCY',
      group: 'server',
      since: '2.8.13',
      lines: [
        'DOCTOR',
        '    What took long, in words.',
        'GRAPH <event>',
        '    The samples of an event, drawn.',
        'HISTOGRAM [<command> ...]',
        '    How many calls of these commands, or of all, took at most how many microseconds.',
        'HISTORY <event>',
        '    The samples of an event: seconds since 1970, milliseconds taken.',
        'LATEST',
        '    The last sample and the worst of each event.',
        'RESET [<event> ...]',
        '    Forget these events, or all.',
      ],
    }),
  ],
})
