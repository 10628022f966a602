// MEMORY: what keys take, and what the process holds. Sizes of keys are estimates, kept as collections change; the process'
// are the runtime's own figures. How V8 lays out its heap is not to be had from here, nor is there an allocator to tune.

import type { Arg } from '../bytes.js'
import { replyErrors } from '../errors.js'
import { entryBytes } from '../keyspace/recency.js'
import { bigInteger, type Context, command, INT64_MAX, option, text } from './command.js'
import { helpCommand } from './help.js'
import { type MemoryUse, memoryUse } from './memory-use.js'

/** SAMPLES is checked and otherwise passed over: sizes are known without looking at elements. */
function usage(ctx: Context, argv: Arg[]): void {
  for (let i = 3; i < argv.length; i += 2) {
    if (option(argv[i]) !== 'SAMPLES' || i + 1 === argv.length) throw replyErrors.syntax()
    const samples = bigInteger(argv[i + 1])
    if (samples < 0 || samples > INT64_MAX) throw replyErrors.syntax()
  }
  const key = text(argv[2])
  const value = ctx.db.peek(key)
  if (value === undefined) ctx.reply.null()
  else ctx.reply.integer(entryBytes(key, value))
}

type Row = readonly [name: string, value: number, kind?: 'ratio']

function stats({ server, reply }: Context): void {
  const use = memoryUse(server)
  const keyspaces = server.dataset.keyspaces.filter(({ size }) => size > 0)
  const keys = server.dataset.size
  const before: Row[] = [
    ['peak.allocated', use.peakBytes],
    ['total.allocated', use.usedBytes],
    ['startup.allocated', 0],
    ['replication.backlog', use.backlogBytes],
    ['clients.slaves', use.replicaBytes],
    ['clients.normal', use.clientBytes],
    ['cluster.links', 0],
    ['aof.buffer', 0],
    ['lua.caches', 0],
    ['functions.caches', 0],
  ]
  const after: Row[] = [
    ['overhead.total', use.overheadBytes],
    ['keys.count', keys],
    ['keys.bytes-per-key', keys === 0 ? 0 : Math.floor(use.dataBytes / keys)],
    ['dataset.bytes', use.dataBytes],
    ['dataset.percentage', percentOf(use.dataBytes, use.usedBytes), 'ratio'],
    ['peak.percentage', percentOf(use.usedBytes, use.peakBytes), 'ratio'],
    ['allocator.allocated', use.usedBytes],
    ['allocator.active', use.usedBytes],
    ['allocator.resident', use.residentBytes],
    ['allocator-fragmentation.ratio', 1, 'ratio'],
    ['allocator-fragmentation.bytes', 0],
    ['allocator-rss.ratio', use.residentBytes / use.usedBytes, 'ratio'],
    ['allocator-rss.bytes', use.residentBytes - use.usedBytes],
    ['rss-overhead.ratio', 1, 'ratio'],
    ['rss-overhead.bytes', 0],
    ['fragmentation', use.residentBytes / use.usedBytes, 'ratio'],
    ['fragmentation.bytes', use.residentBytes - use.usedBytes],
  ]
  reply.map(before.length + keyspaces.length + after.length)
  writeRows(reply, before)
  for (const { index } of keyspaces) {
    reply.bulk(`db.${index}`)
    reply.map(3)
    for (const table of ['main', 'expires', 'slot-to-keys']) writeRows(reply, [[`overhead.hashtable.${table}`, 0]])
  }
  writeRows(reply, after)
}

function writeRows(reply: Context['reply'], rows: readonly Row[]): void {
  for (const [name, value, kind] of rows) {
    reply.bulk(name)
    if (kind === 'ratio') reply.double(value)
    else reply.integer(value)
  }
}

function percentOf(part: number, whole: number): number {
  return whole <= 0 ? 0 : (part / whole) * 100
}

function doctor({ server, reply }: Context): void {
  const use = memoryUse(server)
  if (server.dataset.size === 0) {
    reply.verbatim('There is no data here: nothing to find fault with.\n')
    return
  }
  const faults = faultsOf(use)
  reply.verbatim(
    faults.length === 0
      ? 'No memory issues were found.\n'
      : `These may be issues:\n\n${faults.map((fault) => ` * ${fault}\n`).join('\n')}`,
  )
}

function faultsOf(use: MemoryUse): string[] {
  const faults: string[] = []
  if (use.peakBytes > use.usedBytes * 1.5)
    faults.push('Peak: much more memory was in use at some time than is now. The process may keep what it got then.')
  if (use.residentBytes > use.usedBytes * 3)
    faults.push(
      'Resident size: the process holds far more than the heap in use: garbage not collected yet, or buffers.',
    )
  if (use.replicaBytes > 10 * 1024 * 1024)
    faults.push('Replica buffers: a replica reads more slowly than its stream is written.')
  if (use.clientBytes > 32 * 1024 * 1024)
    faults.push('Client buffers: clients read their replies more slowly than they ask for them.')
  return faults
}

const unsure = { group: 'server', flags: '', since: '4.0.0' } as const

export const memoryCommand = command({
  name: 'MEMORY',
  arity: -2,
  flags: '',
  group: 'server',
  since: '4.0.0',
  summary: 'Container of the commands about memory.',
  complexity: 'Depends on the subcommand.',
  subcommands: [
    command({
      name: 'MEMORY USAGE',
      arity: -3,
      flags: 'readonly',
      keys: '2 2 1',
      group: 'server',
      since: '4.0.0',
      summary: 'Tells about how many bytes a key takes.',
      complexity: 'O(1)',
      syntax: 'key [SAMPLES count:integer]',
      run: usage,
    }),
    command({
      ...unsure,
      name: 'MEMORY STATS',
      arity: 2,
      summary: 'Tells what takes memory.',
      complexity: 'O(1)',
      run: stats,
    }),
    command({
      ...unsure,
      name: 'MEMORY DOCTOR',
      arity: 2,
      summary: 'Says in words what may be wrong with the memory in use.',
      complexity: 'O(1)',
      run: doctor,
    }),
    command({
      ...unsure,
      name: 'MEMORY MALLOC-STATS',
      arity: 2,
      summary: "Tells the allocator's figures, of which there are none.",
      complexity: 'O(1)',
      run: ({ reply }) => reply.verbatim('Stats not supported for the current allocator'),
    }),
    command({
      ...unsure,
      name: 'MEMORY PURGE',
      arity: 2,
      summary: 'Asks for memory to be given back, which the runtime does when it sees fit.',
      complexity: 'O(1)',
      run: ({ reply }) => reply.ok(),
    }),
    helpCommand({
      of: 'MEMORY',
      group: 'server',
      since: '4.0.0',
      lines: [
        'DOCTOR',
        '    What may be wrong.',
        'MALLOC-STATS',
        '    Nothing: the runtime has no figures of its allocator.',
        'PURGE',
        '    Does nothing: the runtime gives memory back by itself.',
        'STATS',
        '    What takes memory, in bytes.',
        'USAGE <key> [SAMPLES <count>]',
        '    About how many bytes a key and its value take.',
      ],
    }),
  ],
})
