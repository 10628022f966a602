// Hashes, at random, beside a real server: see group.ts.

import { differential } from './group.js'
import { hashes } from './hashes.js'

differential(hashes).run()
