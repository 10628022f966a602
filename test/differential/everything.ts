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

export const everything: readonly Line[] = [...groups.flatMap(({ commands }) => commands), ...generic]

/** Each as in its own group. */
export const likeness: Record<string, Likeness> = Object.assign({}, ...groups.map(({ likeness }) => likeness))
