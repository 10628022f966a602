// What must not stand in a stream: requests that mean one thing where they are written and another where they are applied. A
// replica of our own may get along with some of them; a real server would wait, draw another member, or count from now.

import { findCommand } from '../../src/commands/table.js'

const BY_CHANCE = ['SPOP']
const FROM_NOW = ['EXPIRE', 'PEXPIRE', 'SETEX', 'PSETEX', 'GETEX', 'HEXPIRE', 'HPEXPIRE']
const unfit = new Set([...BY_CHANCE, ...FROM_NOW])

/** The name of the command, if the request, of which only the beginning is needed, is one of them. */
export function unfitToStream(request: string): string | undefined {
  const name = /^\*\d+\r\n\$\d+\r\n(\w+)\r\n/.exec(request)?.[1].toUpperCase()
  if (name === undefined) return undefined
  return unfit.has(name) || findCommand(name)?.flags.has('blocking') === true ? name : undefined
}
