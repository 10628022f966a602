// FUNCTION: libraries of scripts. This node runs none; those that a primary sends are kept and handed on.

import { command } from './command.js'

export const functionCommands = [
  command({
    name: 'FUNCTION',
    arity: -2,
    flags: '',
    group: 'scripting',
    since: '7.0.0',
    summary: 'Libraries of functions: kept for replicas, and not run here.',
    subcommands: [
      command({
        name: 'FUNCTION FLUSH',
        arity: -2,
        flags: 'write noscript',
        group: 'scripting',
        since: '7.0.0',
        summary: 'Forgets all libraries.',
        run: ({ reply }) => reply.ok(),
      }),
    ],
  }),
]
