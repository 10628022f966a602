// Which arguments of a request may be a password: MONITOR and SLOWLOG show `(redacted)` in their place.

import { type Arg, textOfArg } from '../bytes.js'
import { isSensitive } from '../config/config.js'
import type { Command } from './command.js'

export const REDACTED = '(redacted)'

/** The indexes of what must not be shown; null, as for nearly every command: none. */
export function secretsIn({ name }: Command, argv: readonly Arg[]): ReadonlySet<number> | null {
  switch (name) {
    case 'auth':
      return range(argv, 1, argv.length)
    case 'acl|setuser':
    case 'acl|deluser':
    case 'acl|getuser':
      return range(argv, 2, argv.length)
    case 'hello':
      return behindWord(argv, 2, { auth: 2 })
    case 'migrate':
      return behindWord(argv, 6, { auth: 1, auth2: 2 })
    case 'config|set':
      return sensitiveValues(argv)
    default:
      return null
  }
}

function range(argv: readonly Arg[], from: number, to: number): Set<number> {
  const indexes = new Set<number>()
  for (let i = from; i < Math.min(to, argv.length); i++) indexes.add(i)
  return indexes
}

/** `counts`: how many arguments behind such an option are secret. */
function behindWord(argv: readonly Arg[], from: number, counts: Record<string, number>): Set<number> | null {
  for (let i = from; i < argv.length; i++) {
    const count = counts[textOfArg(argv[i]).toLowerCase()]
    if (count !== undefined) return range(argv, i + 1, i + 1 + count)
  }
  return null
}

function sensitiveValues(argv: readonly Arg[]): Set<number> | null {
  let indexes: Set<number> | null = null
  for (let i = 2; i + 1 < argv.length; i += 2) {
    if (!isSensitive(textOfArg(argv[i]))) continue
    indexes ??= new Set()
    indexes.add(i + 1)
  }
  return indexes
}
