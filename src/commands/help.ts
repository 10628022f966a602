// The HELP subcommand that every command with subcommands has: lines of text, as simple strings.

import { type Command, command, type Group } from './command.js'

/**
 * `lines`: a subcommand with its arguments, and behind it what it does, indented by four.
 * `since`: the version of Redis that brought the subcommand.
 */
export function helpCommand(options: { of: string; group: Group; since: string; lines: readonly string[] }): Command {
  const { of, group, since, lines } = options
  const text = helpText(of, lines)
  return command({
    name: `${of} HELP`,
    arity: 2,
    flags: 'loading stale',
    group,
    since,
    summary: 'Says what the subcommands do.',
    complexity: 'O(1)',
    run: ({ reply }) => {
      reply.array(text.length)
      for (const line of text) reply.status(line)
    },
  })
}

/** All lines of the reply, the first and the last included. */
export function helpText(of: string, lines: readonly string[]): string[] {
  return [`${of} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`, ...lines, 'HELP', '    Print these lines.']
}
