// Lists: what a group of random commands is made of, see group.ts.

import { count, counted, integer, key, line, maybe, options, some, value, words } from './grammar.js'
import type { Group } from './group.js'

const end = words('LEFT', 'RIGHT', 'left', 'x')

export const lists: Group = {
  title: 'lists',
  config: { 'list-max-listpack-size': '4' },
  commands: [
    line('LPUSH', key, some(value, 4, 1)),
    line('RPUSH', key, some(value, 4, 1)),
    line('LPUSHX', key, some(value, 2, 1)),
    line('RPUSHX', key, some(value, 2, 1)),
    line('LPOP', key, maybe(line('', count))),
    line('RPOP', key, maybe(line('', count))),
    line('LLEN', key),
    line('LINDEX', key, integer),
    line('LSET', key, integer, value),
    line('LRANGE', key, integer, integer),
    line('LRANGE', key, '0', '-1'),
    line('LTRIM', key, integer, integer),
    line('LREM', key, integer, value),
    line('LINSERT', key, words('BEFORE', 'after', 'x'), value, value),
    line('LPOS', key, value, options(line('RANK', integer), line('COUNT', count), line('MAXLEN', count))),
    line('LMOVE', key, key, end, end),
    line('RPOPLPUSH', key, key),
    line('LMPOP', counted(key), end, maybe(line('COUNT', count))),
    line('SORT', key, options(line('ALPHA'), line('DESC'), line('LIMIT', integer, integer)), maybe(line('STORE', key))),
    line('OBJECT ENCODING', key),
  ],
}
