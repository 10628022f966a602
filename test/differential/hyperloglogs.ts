// HyperLogLogs: what a group of random commands is made of, see group.ts.

import fc from 'fast-check'
import { key, line, some, value, words } from './grammar.js'
import type { Group } from './group.js'

const many = fc.tuple(fc.nat(2000), fc.integer({ min: 1, max: 300 })).map(([from, count]) => {
  return Array.from({ length: count }, (_, i) => `element ${from + i}`)
})

export const hyperloglogs: Group = {
  title: 'hyperloglogs',
  config: { 'hll-sparse-max-bytes': '300' },
  commands: [
    line('PFADD', key, some(value, 4)),
    line('PFADD', key, many),
    line('PFCOUNT', key),
    line('PFCOUNT', some(key, 3, 1)),
    line('PFMERGE', key, some(key, 3)),
    line('GET', key),
    line('STRLEN', key),
    line('SETRANGE', key, fc.integer({ min: 0, max: 7 }).map(String), words('\0', 'x', 'HY')),
    line('LPUSH', key, value),
  ],
}
