// Every command there is, by name.

import { type Arg, textOfArg } from '../bytes.js'
import { appendOnlyCommands } from './append-only.js'
import { bitfieldCommands } from './bitfield.js'
import { bitmapCommands } from './bitmaps.js'
import type { Command } from './command.js'
import { connectionCommands } from './connection.js'
import { dumpCommands } from './dump.js'
import { failoverCommands } from './failover.js'
import { fieldTimeCommands } from './field-times.js'
import { functionCommands } from './functions.js'
import { geoCommands } from './geo.js'
import { hashCommands } from './hashes.js'
import { hyperloglogCommands } from './hyperloglog.js'
import { keyCommands } from './keys.js'
import { listCommands } from './lists.js'
import { migrateCommands } from './migrate.js'
import { pubsubCommands } from './pubsub.js'
import { replicationCommands } from './replication.js'
import { saveCommands } from './save.js'
import { scriptCommands } from './scripts.js'
import { serverCommands } from './server.js'
import { setCommands } from './sets.js'
import { sortCommands } from './sort.js'
import { sortedSetCommands } from './sorted-sets.js'
import { streamCommands } from './streams.js'
import { stringCommands } from './strings.js'
import { transactionCommands } from './transactions.js'
import { vectorSetCommands } from './vector-sets.js'
import { waitCommands } from './wait.js'

const all: readonly (readonly Command[])[] = [
  stringCommands,
  bitmapCommands,
  bitfieldCommands,
  hyperloglogCommands,
  hashCommands,
  fieldTimeCommands,
  setCommands,
  keyCommands,
  listCommands,
  sortCommands,
  streamCommands,
  pubsubCommands,
  transactionCommands,
  connectionCommands,
  serverCommands,
  replicationCommands,
  failoverCommands,
  waitCommands,
  functionCommands,
  scriptCommands,
  dumpCommands,
  migrateCommands,
  saveCommands,
  appendOnlyCommands,
  sortedSetCommands,
  geoCommands,
  vectorSetCommands,
]

/** By lower-case name, each command once: what COMMAND shows. */
export const commands: ReadonlyMap<string, Command> = new Map(all.flat().map((command) => [command.name, command]))

// Clients write names in upper or lower case; both are found without making a string.
const spelled = new Map<string, Command>()
for (const [name, command] of commands) spelled.set(name, command).set(name.toUpperCase(), command)

let lastName: Arg = ''
let lastFound: Command | undefined

/** The command of that name in any case; a parent, where there are subcommands. */
export function findCommand(name: Arg): Command | undefined {
  // Clients tend to send the same again: comparing two short strings is cheaper than looking one up.
  if (name === lastName) return lastFound
  const found = spelled.get(name as string) ?? spelled.get(textOfArg(name).toLowerCase())
  if (found !== undefined) {
    lastName = name
    lastFound = found
  }
  return found
}
