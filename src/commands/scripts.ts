// SCRIPT: this node runs no scripts. It answers what can be answered without: Sentinel sends SCRIPT KILL to a node that seems
// busy, and primaries up to Redis 6.2 stream SCRIPT LOAD and FLUSH, whose scripts never come as such: their effects do.

import type { Arg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { type Command, type Context, command, type Handler, option } from './command.js'
import { helpCommand } from './help.js'

export const NOT_BUSY = 'NOTBUSY No scripts in execution right now.'

const helpLines = [
  'EXISTS <sha1> [<sha1> ...]',
  '    Whether the scripts are there. None ever is.',
  'FLUSH [ASYNC|SYNC]',
  '    Forget all scripts.',
  'KILL',
  '    Stop the script that runs. None ever does.',
  'LOAD <script>',
  '    Taken from our primary only: no scripts are run here.',
]

function exists({ reply }: Context, argv: Arg[]): void {
  reply.array(argv.length - 2)
  for (let i = 2; i < argv.length; i++) reply.integer(0)
}

function flush({ reply }: Context, argv: Arg[]): void {
  if (argv.length > 3 || (argv.length === 3 && !['SYNC', 'ASYNC'].includes(option(argv[2]))))
    throw new ReplyError('ERR SCRIPT FLUSH only support SYNC|ASYNC option')
  reply.ok()
}

function kill(): void {
  throw new ReplyError(NOT_BUSY)
}

function load({ fromPrimary, reply }: Context): void {
  if (!fromPrimary) throw new ReplyError('ERR No scripts are run here')
  reply.ok()
}

function subcommand(spec: {
  name: string
  arity: number
  since: string
  flags?: string
  summary: string
  complexity: string
  syntax?: string
  run: Handler
}): Command {
  const { name, flags = '' } = spec
  return command({ ...spec, group: 'scripting', name: `SCRIPT ${name}`, flags: `noscript ${flags}`.trim() })
}

export const scriptCommands: readonly Command[] = [
  command({
    name: 'SCRIPT',
    arity: -2,
    flags: '',
    group: 'scripting',
    since: '2.6.0',
    summary: 'Scripts, of which none is run here.',
    complexity: 'See the subcommands',
    subcommands: [
      subcommand({
        name: 'EXISTS',
        arity: -3,
        since: '2.6.0',
        summary: 'Tells whether scripts are there.',
        complexity: 'O(N) for N scripts',
        syntax: 'sha1 [sha1 ...]',
        run: exists,
      }),
      subcommand({
        name: 'FLUSH',
        arity: -2,
        since: '2.6.0',
        summary: 'Forgets all scripts.',
        complexity: 'O(1)',
        syntax: '[ASYNC | SYNC]',
        run: flush,
      }),
      subcommand({
        name: 'KILL',
        arity: 2,
        since: '2.6.0',
        flags: 'allow_busy',
        summary: 'Stops the script that runs.',
        complexity: 'O(1)',
        run: kill,
      }),
      subcommand({
        name: 'LOAD',
        arity: 3,
        since: '2.6.0',
        flags: 'stale',
        summary: 'Keeps a script; from our primary only.',
        complexity: 'O(N) for N bytes',
        syntax: 'script',
        run: load,
      }),
      helpCommand({ of: 'SCRIPT', group: 'scripting', since: '5.0.0', lines: helpLines }),
    ],
  }),
]
