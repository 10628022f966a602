// All groups' commands together, for scenes in which it matters who hears of them.

import { bitmaps } from './bitmaps.js'
import { geo } from './geo.js'
import { generic, type Line } from './grammar.js'
import type { Group, Likeness } from './group.js'
import { hashes } from './hashes.js'
import { hyperloglogs } from './hyperloglogs.js'
import { keys } from './keys.js'
import { lists } from './lists.js'
import { sets } from './sets.js'
import { sortedSets } from './sorted-sets.js'
import { streams } from './streams.js'
import { strings } from './strings.js'

const groups: readonly Group[] = [bitmaps, geo, hashes, hyperloglogs, keys, lists, sets, sortedSets, streams, strings]

const all: readonly Line[] = [...groups.flatMap(({ commands }) => commands), ...generic]

// SORT by numbers is left to the groups' own tests: once some number was too large for a double (INCRBYFLOAT k 1e5000),
// Redis 7.0 refuses to sort {"007"} as well, because it does not set errno back before it looks at it.
export const everything: readonly Line[] = all.map((one) =>
  one.filter((argv) => argv[0] !== 'SORT' || argv.includes('ALPHA')),
)

/** Each as in its own group. */
export const likeness: Record<string, Likeness> = Object.assign({}, ...groups.map(({ likeness }) => likeness))
