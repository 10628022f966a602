// Streams, at random, beside a real server: see group.ts.

import { differential } from './group.js'
import { streams } from './streams.js'

differential(streams).run()
