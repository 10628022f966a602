// Sets: what a group of random commands is made of, see group.ts.

import { count, counted, key, line, maybe, member, options, some, words } from './grammar.js'
import type { Group } from './group.js'

export const sets: Group = {
  title: 'sets',
  config: { 'set-max-intset-entries': '8' },
  likeness: {
    SMEMBERS: 'members',
    SUNION: 'members',
    SINTER: 'members',
    SDIFF: 'members',
    SSCAN: 'shape',
    SPOP: 'members',
    SRANDMEMBER: 'shape',
  },
  commands: [
    line('SADD', key, some(member, 4, 1)),
    line('SADD', key, some(words('1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '-1'), 6, 1)),
    line('SREM', key, some(member, 3, 1)),
    line('SISMEMBER', key, member),
    line('SMISMEMBER', key, some(member, 3, 1)),
    line('SCARD', key),
    line('SMEMBERS', key),
    // All of them, or none: else chance would part the two.
    line('SPOP', key, words('1000', '0', '-1', 'x')),
    line('SRANDMEMBER', key, maybe(line('', count))),
    line('SMOVE', key, key, member),
    line('SUNION', some(key, 3, 1)),
    line('SINTER', some(key, 3, 1)),
    line('SDIFF', some(key, 3, 1)),
    line('SUNIONSTORE', key, some(key, 3, 1)),
    line('SINTERSTORE', key, some(key, 3, 1)),
    line('SDIFFSTORE', key, some(key, 3, 1)),
    line('SINTERCARD', counted(key), options(line('LIMIT', count))),
    line('SSCAN', key, '0', options(line('MATCH', words('*', 'm*', '?')), line('COUNT', count))),
    line('OBJECT ENCODING', key),
  ],
}
