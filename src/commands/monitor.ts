// The lines of MONITOR.

import { type Arg, latin1OfArg } from '../bytes.js'
import type { Client } from './client.js'
import type { Command } from './command.js'
import { REDACTED, secretsIn } from './secrets.js'

const UNPRINTABLE = /["\\\x00-\x1f\x7f-\xff]/g
const SHORT_ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x07': '\\a', '\b': '\\b' }

/** One command as MONITOR shows it: when, who, where, what. Passwords are not shown. In latin1 form. */
export function monitorLine(client: Client, command: Command, argv: readonly Arg[], now: number): string {
  const secrets = secretsIn(command, argv)
  const words = argv.map((arg, i) => (secrets?.has(i) ? REDACTED : latin1OfArg(arg).replace(UNPRINTABLE, escapeByte)))
  const quoted = words.map((word) => `"${word}"`).join(' ')
  return `+${(now / 1000).toFixed(6)} [${client.db} ${client.link?.remote ?? 'store'}] ${quoted}\r\n`
}

function escapeByte(byte: string): string {
  if (byte === '"' || byte === '\\') return `\\${byte}`
  return SHORT_ESCAPES[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
}
