// Streams: what a group of random commands is made of, see group.ts.

import fc from 'fast-check'
import { count, integer, key, line, maybe, member, options, some, value, words } from './grammar.js'
import type { Group } from './group.js'

const id = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 4 }))
      .map(([ms, seq]) => `${ms}-${seq}`),
  },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 12 }).map(String) },
  {
    weight: 1,
    arbitrary: words(
      '18446744073709551615-18446744073709551615',
      '0',
      '0-0',
      '1-',
      'x',
      '-',
      '18446744073709551616',
      '5-*',
    ),
  },
)
const bound = fc.oneof(
  { weight: 2, arbitrary: words('-', '+') },
  { weight: 4, arbitrary: id },
  id.map((one) => `(${one}`),
)
const group = words('g', 'h')
const consumer = words('x', 'y')
const fields = some(
  fc.tuple(member, value).map((both) => both as (typeof both)[number][]),
  3,
  1,
)
const trim = fc.oneof(
  line('MAXLEN', count),
  line('MAXLEN', '~', count),
  line('MINID', id),
  line('MINID', '~', id, maybe(line('LIMIT', count))),
)

export const streams: Group = {
  title: 'streams',
  config: { 'stream-node-max-entries': '3' },
  likeness: {
    // Times since a consumer was seen, and the tree that Redis keeps its nodes in.
    'XINFO CONSUMERS': 'shape',
    'XINFO STREAM': 'shape',
  },
  commands: [
    line('XADD', key, maybe(line('NOMKSTREAM')), maybe(trim), id, fields),
    line('XADD', key, id, fields),
    line('XADD', key, id, fields),
    line('XLEN', key),
    line('XRANGE', key, bound, bound, options(line('COUNT', integer))),
    line('XREVRANGE', key, bound, bound, options(line('COUNT', integer))),
    line('XDEL', key, some(id, 3, 1)),
    line('XTRIM', key, trim),
    line('XSETID', key, id, maybe(line('ENTRIESADDED', integer), line('ENTRIESADDED', count, 'MAXDELETEDID', id))),
    line('XREAD', options(line('COUNT', count)), 'STREAMS', key, id),
    line('XREAD', 'STREAMS', key, key, id, id),
    line('XGROUP CREATE', key, group, fc.oneof(id, words('$')), options(line('MKSTREAM'), line('ENTRIESREAD', count))),
    line('XGROUP SETID', key, group, fc.oneof(id, words('$')), maybe(line('ENTRIESREAD', integer))),
    line('XGROUP DESTROY', key, group),
    line('XGROUP CREATECONSUMER', key, group, consumer),
    line('XGROUP DELCONSUMER', key, group, consumer),
    line(
      'XREADGROUP GROUP',
      group,
      consumer,
      options(line('COUNT', count), line('NOACK')),
      'STREAMS',
      key,
      fc.oneof(words('>', '>'), id),
    ),
    line('XACK', key, group, some(id, 3, 1)),
    line('XPENDING', key, group),
    line('XINFO GROUPS', key),
    line('XINFO CONSUMERS', key, group),
    line('XINFO STREAM', key),
    line(
      'XCLAIM',
      key,
      group,
      consumer,
      '0',
      some(id, 3, 1),
      options(line('FORCE'), line('JUSTID'), line('LASTID', id)),
    ),
    line('XAUTOCLAIM', key, group, consumer, '0', id, options(line('COUNT', count), line('JUSTID'))),
    line('XGROUP', words('CREATE', 'FOO', 'SETID'), key),
  ],
}
