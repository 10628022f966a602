// The table of targets.

import type { Target } from './target.js'
import { address } from './targets/address.js'
import { answers } from './targets/answers.js'
import { client } from './targets/client.js'
import { codec } from './targets/codec.js'
import { conf, flags } from './targets/conf.js'
import { glob } from './targets/glob.js'
import { payload } from './targets/payload.js'
import { ports } from './targets/ports.js'
import { primary } from './targets/primary.js'
import { rdb } from './targets/rdb.js'
import { replica } from './targets/replica.js'
import { requests } from './targets/requests.js'
import { stream } from './targets/stream.js'

export const targets: readonly Target[] = [
  requests,
  answers,
  rdb,
  payload,
  primary,
  stream,
  replica,
  client,
  conf,
  flags,
  codec,
  address,
  ports,
  glob,
]

export function targetOf(name: string): Target {
  const target = targets.find((one) => one.name === name)
  if (target === undefined) throw new Error(`no target ${name}: ${targets.map((one) => one.name).join(', ')}`)
  return target
}
