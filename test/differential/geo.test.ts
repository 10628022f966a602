// Places, at random, beside a real server: see group.ts.

import { geo } from './geo.js'
import { differential } from './group.js'

differential(geo).run()
