// Keys of every type and what is done with them as wholes, at random, beside a real server: see group.ts.

import { differential } from './group.js'
import { keys } from './keys.js'

differential(keys).run()
