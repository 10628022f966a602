// Sets, at random, beside a real server: see group.ts.

import { differential } from './group.js'
import { sets } from './sets.js'

differential(sets).run()
