// Strings, at random, beside a real server: see group.ts.

import { differential } from './group.js'
import { strings } from './strings.js'

differential(strings).run()
