// Lists, at random, beside a real server: see group.ts.

import { differential } from './group.js'
import { lists } from './lists.js'

differential(lists).run()
