// Commands with arguments that are nearly right: what inputs for clients and streams are put together from.

import { commands } from '../../src/commands/table.js'
import { encodeCommand } from '../../src/protocol/parser.js'
import { type Chance, numbers } from './mutation.js'

/** What does as it is told although it may take for ever, or changes the limits that the run stands under. */
const LEFT_OUT = new Set(['debug', 'shutdown', 'config', 'replicaof', 'slaveof', 'failover'])

const KEYS = ['k', 'l', 's', 'h', 'z', 'x', 'v', 'new', '', 'k\xc3\xa4', '\xff\0', '{t}k']
const WORDS = ['a', 'b', 'field', 'member', '*', '$', '>', '-', '+', '(1', '[a', '0-1', '5-*', '1-1', '@', 'get', 'set']
/** Options of all kinds: a few of them fit nearly everywhere. */
const OPTIONS = (
  'NX XX GT LT CH INCR EX PX EXAT PXAT KEEPTTL PERSIST GET COUNT MATCH TYPE LIMIT BY ASC DESC ALPHA STORE LEFT RIGHT ' +
  'BEFORE AFTER WITHSCORES WITHVALUES WEIGHTS AGGREGATE SUM MIN MAX BYSCORE BYLEX REV RANK MAXLEN MINID NOMKSTREAM ~ = ' +
  'ID GROUP STREAMS BLOCK NOACK CREATE DESTROY SETID MKSTREAM ENTRIESREAD CREATECONSUMER DELCONSUMER IDLE TIME RETRYCOUNT ' +
  'FORCE JUSTID LASTID FULL FIELDS FNX FXX KEEPREF DELREF ACKED REPLACE ABSTTL FREQ IDLETIME DB ASYNC SYNC FREEMEM USAGE ' +
  'ENCODING REFCOUNT OVERFLOW WRAP SAT FAIL u8 i64 u63 #1 BIT BYTE AND OR XOR NOT FROMMEMBER FROMLONLAT BYRADIUS BYBOX m km ' +
  'WITHCOORD WITHDIST WITHHASH ANY LEN IDX MINMATCHLEN WITHMATCHLEN VALUES FP32 REDUCE CAS NOQUANT Q8 BIN EF M SETATTR ' +
  'EPSILON FILTER TRUTH NOTHREAD ELE NO ONE LIST INFO HELP ON OFF OPTIN BCAST PREFIX REDIRECT NOLOOP SKIP WITHVALUE'
).split(' ')

/** Values that are something: a stream's id, a member, a number. */
function argument(chance: Chance): string {
  switch (chance.below(8)) {
    case 0:
    case 1:
    case 2:
      return chance.of(KEYS)
    case 3:
      return chance.of(numbers)
    case 4:
      return String(chance.below(12) - 2)
    case 5:
      return chance.of(OPTIONS)
    case 6:
      return chance.of(WORDS)
    default:
      return chance.bool() ? chance.bytes(chance.few(20)).toString('latin1') : 'y'.repeat(chance.few(300))
  }
}

const usable = [...commands.values()].filter(({ name }) => !LEFT_OUT.has(name))
const names = usable.map(({ name }) => name)

/** One command, in latin1 form. */
export function someCommand(chance: Chance): string {
  const command = chance.of(usable)
  const least = Math.max(0, Math.abs(command.arity) - 1)
  const count = command.arity > 0 && chance.below(10) > 0 ? least : least + chance.few(8) - 1
  const argv = [command.name]
  // Containers have the name of what is meant first.
  const meant = [...(command.subcommands?.keys() ?? [])]
  if (meant.length > 0 && chance.below(10) > 0) argv.push(chance.of(meant))
  else if (count > 0) argv.push(chance.of(KEYS))
  while (argv.length <= count) argv.push(argument(chance))
  return `*${argv.length}\r\n${argv.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`
}

export function someCommands(chance: Chance): string {
  return Array.from({ length: chance.few(24) }, () => someCommand(chance)).join('')
}

export function commandWords(): string[] {
  const whole = [['MULTI'], ['EXEC'], ['SELECT', '1'], ['FLUSHALL'], ['PING']].map(encodeCommand)
  const bulks = [...names, ...OPTIONS, ...KEYS, ...numbers].map((word) => `$${word.length}\r\n${word}\r\n`)
  return [...whole, ...bulks]
}
