// Sorted sets, at random, beside a real server: see group.ts.

import { differential } from './group.js'
import { sortedSets } from './sorted-sets.js'

differential(sortedSets).run()
