// OBJECT: what Redis would tell of a value's inner life. We keep strings as JavaScript does, so this is what Redis would
// have made of the same bytes.

import { ReplyError } from '../errors.js'
import { isString, type Value } from '../keyspace/keyspace.js'
import { type Context, command, type Handler, text } from './command.js'
import { encodingOf } from './encoding.js'
import { helpCommand } from './help.js'
import { parseInt64 } from './int64.js'
import { lookupUnnoticed } from './lookup.js'

/** Redis shares the integers below this one between keys, and says so with the largest count there is. */
const SHARED_INTEGERS = 10_000
const SHARED_COUNT = 2 ** 31 - 1

const SWITCHING =
  'Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.'

/** Under a limit of memory that goes by use, each key's integer has to remember its own. */
function isShared({ config }: Context['server'], value: Value): boolean {
  if (config.number('maxmemory') > 0 && /-l[rf]u$/.test(config.text('maxmemory-policy'))) return false
  const number = isString(value) ? parseInt64(value) : undefined
  return number !== undefined && number >= 0 && number < SHARED_INTEGERS
}

/** A subcommand that says something of the value at argv[2], and null when there is none. */
function about(answer: (ctx: Context, value: Value, key: string) => void): Handler {
  return (ctx, argv) => {
    const key = text(argv[2])
    const value = lookupUnnoticed(ctx, key)
    if (value === undefined) ctx.reply.null()
    else answer(ctx, value, key)
  }
}

function countsUse(ctx: Context): boolean {
  return ctx.server.config.text('maxmemory-policy').endsWith('-lfu')
}

const encoding = about((ctx, value) => ctx.reply.bulk(encodingOf(ctx.server.config, value)))
const refcount = about((ctx, value) => ctx.reply.integer(isShared(ctx.server, value) ? SHARED_COUNT : 1))

/** Of a key that was not used since the record of use began: how long ago that was. */
const idletime = about((ctx, _value, key) => {
  if (countsUse(ctx))
    throw new ReplyError(`ERR An LFU maxmemory policy is selected, idle time not tracked. ${SWITCHING}`)
  ctx.server.dataset.askForUse('idleSeconds')
  ctx.reply.integer(ctx.db.recency?.useOf(key).idleSeconds ?? 0)
})

const freq = about((ctx, _value, key) => {
  if (!countsUse(ctx))
    throw new ReplyError(`ERR An LFU maxmemory policy is not selected, access frequency not tracked. ${SWITCHING}`)
  ctx.reply.integer(ctx.db.recency?.useOf(key).frequency ?? 0)
})

const helpLines = [
  'ENCODING <key>',
  '    How Redis would store the value; msgpack for a JavaScript value.',
  'FREQ <key>',
  '    How often the key is used: a logarithm that decays. Under an LFU maxmemory-policy only.',
  'IDLETIME <key>',
  '    Seconds since the key was last used, except under an LFU maxmemory-policy. Without a limit of memory or a',
  '    policy, uses are recorded from the first time this is asked: a key not used since is idle since then.',
  'REFCOUNT <key>',
  '    How many keys would share the value in Redis.',
]

const one = { arity: 3, flags: 'readonly', keys: '2 2 1', group: 'generic', complexity: 'O(1)', syntax: 'key' } as const

export const object = command({
  name: 'OBJECT',
  arity: -2,
  flags: '',
  group: 'generic',
  since: '2.2.3',
  summary: 'Looks at how values are kept.',
  complexity: 'See the subcommands',
  subcommands: [
    command({ ...one, name: 'OBJECT ENCODING', since: '2.2.3', summary: 'How a value is stored.', run: encoding }),
    command({ ...one, name: 'OBJECT FREQ', since: '4.0.0', summary: 'How often a key is used.', run: freq }),
    command({
      ...one,
      name: 'OBJECT IDLETIME',
      since: '2.2.3',
      summary: 'How long ago a key was used.',
      run: idletime,
    }),
    command({ ...one, name: 'OBJECT REFCOUNT', since: '2.2.3', summary: 'How many share a value.', run: refcount }),
    helpCommand({ of: 'OBJECT', group: 'generic', since: '6.2.0', lines: helpLines }),
  ],
})
