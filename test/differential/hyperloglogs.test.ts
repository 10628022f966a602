// HyperLogLogs, at random, beside a real server: see group.ts.

import { differential } from './group.js'
import { hyperloglogs } from './hyperloglogs.js'

differential(hyperloglogs).run()
