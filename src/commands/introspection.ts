// COMMAND: what clients ask to learn which commands there are. Everything is made from the one table.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { globMatch } from '../glob.js'
import type { Reply } from '../protocol/writer.js'
import {
  categoriesOf,
  deprecated,
  type KeySpec,
  keySpecsOf,
  type SpecPart,
  systemCommands,
  tipsOf,
} from './annotations.js'
import { type Command, type Context, command, type Flag, option, type Server, text } from './command.js'
import { type DocArgument, parseSyntax } from './docs.js'
import { helpCommand } from './help.js'

const group = 'server'
const flags = 'loading stale'

export const commandCommand = command({
  name: 'COMMAND',
  arity: -1,
  flags,
  group,
  since: '2.8.13',
  summary: 'Describes all commands.',
  complexity: 'O(N) for N commands.',
  run: ({ server, reply }) => {
    reply.array(server.commands.size)
    for (const one of server.commands.values()) writeInfo(reply, one)
  },
  subcommands: [
    command({
      name: 'COMMAND COUNT',
      arity: 2,
      flags,
      group,
      since: '2.8.13',
      summary: 'Counts the commands.',
      complexity: 'O(1)',
      run: ({ server, reply }) => reply.integer(server.commands.size),
    }),
    command({
      name: 'COMMAND LIST',
      arity: -2,
      flags,
      group,
      since: '7.0.0',
      summary: 'Names the commands.',
      complexity: 'O(N) for N commands.',
      syntax: '[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]',
      run: list,
    }),
    command({
      name: 'COMMAND INFO',
      arity: -2,
      flags,
      group,
      since: '2.8.13',
      summary: 'Describes some commands, or all: arity, flags, keys.',
      complexity: 'O(N) for N commands.',
      syntax: '[command-name [command-name ...]]',
      run: ({ server, reply }, argv) => {
        const names = argv.slice(2)
        const chosen = names.length === 0 ? [...server.commands.values()] : names.map((name) => find(server, name))
        reply.array(chosen.length)
        for (const one of chosen) one === undefined ? reply.null() : writeInfo(reply, one)
      },
    }),
    command({
      name: 'COMMAND DOCS',
      arity: -2,
      flags,
      group,
      since: '7.0.0',
      summary: 'Explains some commands, or all: purpose and arguments.',
      complexity: 'O(N) for N commands.',
      syntax: '[command-name [command-name ...]]',
      run: ({ server, reply }, argv) => {
        const names = argv.slice(2)
        const chosen = names.length === 0 ? [...server.commands.values()] : names.map((name) => find(server, name))
        const known = chosen.filter((one) => one !== undefined)
        reply.map(known.length)
        for (const one of known) writeDocs(reply, one)
      },
    }),
    command({
      name: 'COMMAND GETKEYS',
      arity: -4,
      flags,
      group,
      since: '2.8.13',
      summary: 'Picks the keys out of a whole command.',
      complexity: 'O(N) for N arguments.',
      run: (ctx, argv) => {
        const { keys } = keysOf(ctx, argv.slice(2))
        ctx.reply.array(keys.length)
        for (const key of keys) ctx.reply.bulk(key)
      },
    }),
    command({
      name: 'COMMAND GETKEYSANDFLAGS',
      arity: -4,
      flags,
      group,
      since: '7.0.0',
      summary: 'Picks the keys out of a whole command, and says what is done with each.',
      complexity: 'O(N) for N arguments.',
      run: ({ server, reply }, argv) => {
        const asked = argv.slice(2)
        const { keys, indexes, one } = keysOf({ server }, asked)
        reply.array(keys.length)
        for (const [i, key] of keys.entries()) {
          reply.array(2)
          reply.bulk(key)
          writeSet(reply, usesOf(one, asked, indexes[i]))
        }
      },
    }),
    helpCommand({
      of: 'COMMAND',
      group,
      since: '5.0.0',
      lines: [
        '(no subcommand)',
        '    Describe all commands.',
        'COUNT',
        '    How many commands there are.',
        'LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]',
        '    The names of all commands, or of some.',
        'INFO [<command> ...]',
        '    Arity, flags and keys of these commands, or of all.',
        'DOCS [<command> ...]',
        '    Purpose and arguments of these commands, or of all.',
        'GETKEYS <whole command>',
        '    The keys in a command.',
        'GETKEYSANDFLAGS <whole command>',
        '    The keys in a command, and what is done with each.',
      ],
    }),
  ],
})

/** By full name: `get`, `client|kill`. */
function find({ commands }: Server, arg: Arg): Command | undefined {
  const [name, word, ...rest] = text(arg).toLowerCase().split('|')
  const one = commands.get(name)
  if (word === undefined) return one
  return rest.length === 0 ? one?.subcommands?.get(word) : undefined
}

function list({ server, reply }: Context, argv: Arg[]): void {
  let chosen = [...server.commands.values()].flatMap((one) => [one, ...(one.subcommands?.values() ?? [])])
  if (argv.length > 2) {
    if (argv.length !== 5 || option(argv[2]) !== 'FILTERBY') throw replyErrors.syntax()
    chosen = chosen.filter(filterOf(option(argv[3]), text(argv[4])))
  }
  reply.array(chosen.length)
  for (const { name } of chosen) reply.bulk(name)
}

function filterOf(by: string, wanted: string): (one: Command) => boolean {
  switch (by) {
    case 'MODULE':
      return () => false
    case 'ACLCAT': {
      const category = wanted.toLowerCase()
      return (one) => categoriesOf(one).includes(category)
    }
    case 'PATTERN':
      return (one) => globMatch(wanted, one.name, true)
    default:
      throw replyErrors.syntax()
  }
}

interface Keys {
  one: Command
  indexes: number[]
  keys: Arg[]
}

function keysOf({ server }: Pick<Context, 'server'>, asked: Arg[]): Keys {
  const one = server.lookup(asked)
  if (one === undefined) throw new ReplyError('ERR Invalid command specified')
  if (one.keys === null) throw new ReplyError('ERR The command has no key arguments')
  if (!one.acceptsCount(asked.length)) throw new ReplyError('ERR Invalid number of arguments specified for command')
  const indexes = one.keyIndexes(asked).sort((a, b) => a - b)
  if (indexes.length === 0) throw new ReplyError('ERR Invalid arguments specified for command')
  return { one, indexes, keys: indexes.map((index) => asked[index]) }
}

/** What a command does with the key at `index`. */
function usesOf(one: Command, argv: readonly Arg[], index: number): string[] {
  const specs = keySpecsOf(one)
  const isItsKey = ({ flags, begin: { type, spec } }: KeySpec): boolean => {
    if (type === 'index') return index >= Number(spec.index)
    // SORT says nothing of where its second key stands, but that it is written.
    return option(argv[index - 1]) === (spec.keyword ?? (flags.includes('OW') ? 'STORE' : ''))
  }
  const { flags } = specs.findLast(isItsKey) ?? specs[0]
  // What is incomplete is the specification, not what is done with the key.
  if (!flags.includes('variable_flags')) return flags.filter((flag) => flag !== 'incomplete')
  if (one.name === 'bitfield') return onlyReadsBits(argv) ? ['RO', 'access'] : ['RW', 'access', 'update']
  // SET reads what it replaces only when it is asked to.
  const reads = argv.slice(3).some((arg) => option(arg) === 'GET')
  return reads ? ['RW', 'access', 'update'] : ['OW', 'update']
}

function onlyReadsBits(argv: readonly Arg[]): boolean {
  for (let i = 2; i < argv.length; ) {
    const word = option(argv[i])
    if (word === 'GET' && i + 2 < argv.length) i += 3
    else if (word === 'OVERFLOW' && i + 1 < argv.length) i += 2
    else return false
  }
  return true
}

/** In the order in which Redis names them; `may_replicate` is nobody's business. */
const flagOrder: readonly Flag[] = [
  'write',
  'readonly',
  'denyoom',
  'module',
  'admin',
  'pubsub',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_monitor',
  'skip_slowlog',
  'asking',
  'fast',
  'no_auth',
  'no_async_loading',
  'no_multi',
  'movablekeys',
  'allow_busy',
]

function writeInfo(reply: Reply, one: Command): void {
  reply.array(10)
  reply.bulk(one.name)
  reply.integer(one.arity)
  const shown = flagOrder.filter((flag) => one.flags.has(flag))
  writeSet(reply, shown)
  for (const position of ['first', 'last', 'step'] as const) reply.integer(one.keys?.[position] ?? 0)
  const categories = categoriesOf(one).map((category) => `@${category}`)
  writeSet(reply, categories)
  const tips = tipsOf(one)
  reply.set(tips.length)
  for (const tip of tips) reply.bulk(tip)
  const specs = keySpecsOf(one)
  reply.set(specs.length)
  for (const spec of specs) writeKeySpec(reply, spec)
  if (one.subcommands === null) reply.set(0)
  else {
    reply.array(one.subcommands.size)
    for (const sub of one.subcommands.values()) writeInfo(reply, sub)
  }
}

function writeSet(reply: Reply, words: readonly string[]): void {
  reply.set(words.length)
  for (const word of words) reply.status(word)
}

function writeKeySpec(reply: Reply, { flags, begin, find }: KeySpec): void {
  reply.map(3)
  reply.bulk('flags')
  writeSet(reply, flags)
  reply.bulk('begin_search')
  writeSpecPart(reply, begin)
  reply.bulk('find_keys')
  writeSpecPart(reply, find)
}

function writeSpecPart(reply: Reply, { type, spec }: SpecPart): void {
  reply.map(2)
  reply.bulk('type')
  reply.bulk(type)
  reply.bulk('spec')
  const entries = Object.entries(spec)
  reply.map(entries.length)
  for (const [name, value] of entries) {
    reply.bulk(name)
    if (typeof value === 'string') reply.bulk(value)
    else reply.integer(value)
  }
}

/** The name and the entry of one command in COMMAND DOCS' map. */
function writeDocs(reply: Reply, one: Command): void {
  const { spec, name, subcommands } = one
  const old = deprecated[name]
  const words: (readonly [string, string | undefined])[] = [
    ['summary', spec.summary],
    ['since', spec.since],
    ['group', spec.group === 'replication' ? 'server' : spec.group],
    ['complexity', spec.complexity],
    ['doc_flags', systemCommands.has(name) ? 'syscmd' : old && 'deprecated'],
    ['deprecated_since', old?.since],
    ['replaced_by', old?.use],
  ]
  const given = words.filter((word): word is [string, string] => word[1] !== undefined)
  const args = spec.syntax === undefined ? [] : parseSyntax(`${spec.name} ${spec.syntax}`)
  reply.bulk(name)
  reply.map(given.length + (args.length > 0 ? 1 : 0) + (subcommands === null ? 0 : 1))
  for (const [field, value] of given) {
    reply.bulk(field)
    if (field === 'doc_flags') writeSet(reply, [value])
    else reply.bulk(value)
  }
  if (args.length > 0) {
    reply.bulk('arguments')
    writeArguments(reply, args)
  }
  if (subcommands !== null) {
    reply.bulk('subcommands')
    reply.map(subcommands.size)
    for (const sub of subcommands.values()) writeDocs(reply, sub)
  }
}

function writeArguments(reply: Reply, args: readonly DocArgument[]): void {
  reply.array(args.length)
  for (const { name, type, token, keySpecIndex, flags, arguments: parts } of args) {
    const more = [keySpecIndex, token, flags.length > 0 || undefined, parts].filter((field) => field !== undefined)
    reply.map(2 + more.length)
    reply.bulk('name')
    reply.bulk(name)
    reply.bulk('type')
    reply.bulk(type)
    if (keySpecIndex !== undefined) {
      reply.bulk('key_spec_index')
      reply.integer(keySpecIndex)
    }
    if (token !== undefined) {
      reply.bulk('token')
      reply.bulk(token)
    }
    if (flags.length > 0) {
      reply.bulk('flags')
      writeSet(reply, flags)
    }
    if (parts !== undefined) {
      reply.bulk('arguments')
      writeArguments(reply, parts)
    }
  }
}
