// Bitmaps and bit fields, at random, beside a real server: see group.ts.

import { bitmaps } from './bitmaps.js'
import { differential } from './group.js'

differential(bitmaps).run()
