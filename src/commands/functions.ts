// FUNCTION: libraries of functions. This node runs none. It keeps those that a primary, a snapshot or a dump brings, as they
// are, and hands them on; clients may look at them, move them as dumps, and delete them.

import { type Arg, latin1OfArg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { globMatch } from '../glob.js'
import { type Libraries, type Library, libraryOf } from '../keyspace/libraries.js'
import { functionsOf, type LibraryFunction } from '../keyspace/library-functions.js'
import type { Reply } from '../protocol/writer.js'
import { dumpFunctions, payloadVersion, restoreFunctions } from '../rdb/payload.js'
import { type Command, type Context, command, type Handler, option, text } from './command.js'
import { helpCommand } from './help.js'
import { NOT_BUSY } from './scripts.js'

const NO_SCRIPTS =
  'ERR No scripts are run here, and no library can be loaded. FUNCTION RESTORE keeps what a real server has dumped.'

/**
 * Only the primary's word is taken for it that the source is good. A client's is refused: to tell good from bad it would have
 * to be run, as Redis runs it, and one bad library in a snapshot is enough that no real server loads that snapshot any more.
 */
function load(ctx: Context, argv: Arg[]): void {
  if (!ctx.fromPrimary) throw new ReplyError(NO_SCRIPTS)
  const library = libraryOf(latin1OfArg(argv[argv.length - 1]))
  if (library === undefined) throw new ReplyError('ERR Missing library metadata')
  ctx.server.dataset.libraries.set(library.name, library)
  ctx.changed()
  ctx.reply.bulk(library.name)
}

function remove(ctx: Context, argv: Arg[]): void {
  const isThere = ctx.server.dataset.libraries.delete(text(argv[2]))
  if (!isThere && !ctx.fromPrimary) throw new ReplyError('ERR Library not found')
  ctx.changed()
  ctx.reply.ok()
}

function flush(ctx: Context, argv: Arg[]): void {
  if (argv.length > 3) throw wrongCount(argv)
  if (argv.length === 3 && !['SYNC', 'ASYNC'].includes(option(argv[2])))
    throw new ReplyError('ERR FUNCTION FLUSH only supports SYNC|ASYNC option')
  ctx.server.dataset.libraries.clear()
  ctx.changed()
  ctx.reply.ok()
}

function wrongCount(argv: readonly Arg[]): ReplyError {
  return new ReplyError(
    `ERR unknown subcommand or wrong number of arguments for '${text(argv[1])}'. Try FUNCTION HELP.`,
  )
}

function dump({ server, reply }: Context): void {
  reply.bytes(dumpFunctions(codesOf(server.dataset.libraries)))
}

function codesOf(libraries: Libraries): string[] {
  return Array.from(libraries.values(), ({ code }) => code)
}

function restore(ctx: Context, argv: Arg[]): void {
  if (argv.length > 4) throw wrongCount(argv)
  const policy = argv.length === 4 ? option(argv[3]) : 'APPEND'
  if (policy !== 'APPEND' && policy !== 'REPLACE' && policy !== 'FLUSH')
    throw new ReplyError('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.')
  const payload = Buffer.from(latin1OfArg(argv[2]), 'latin1')
  if (payloadVersion(payload) === undefined) throw new ReplyError('ERR DUMP payload version or checksum are wrong')
  const restored = librariesOf(restoreFunctions(payload))
  const { libraries } = ctx.server.dataset
  if (policy === 'FLUSH') libraries.clear()
  else if (!ctx.fromPrimary) {
    for (const { name } of restored)
      if (policy === 'APPEND' && libraries.has(name)) throw new ReplyError(`ERR Library ${name} already exists`)
    const staying = [...libraries.values()].filter(({ name }) => !restored.some((one) => one.name === name))
    refuseTwice([...staying, ...restored])
  }
  for (const library of restored) libraries.set(library.name, library)
  ctx.changed()
  ctx.reply.ok()
}

function librariesOf(codes: readonly string[] | undefined): Library[] {
  if (codes === undefined) throw new ReplyError('ERR failed loading the given functions payload')
  const names = new Set<string>()
  return codes.map((code) => {
    const library = libraryOf(code)
    if (library === undefined) throw new ReplyError('ERR Missing library metadata')
    if (names.has(library.name)) throw new ReplyError(`ERR Library '${library.name}' already exists`)
    names.add(library.name)
    return library
  })
}

/** No two libraries may have a function of the same name, as far as names are known: no real server would load both. */
function refuseTwice(libraries: readonly Library[]): void {
  const owners = new Map<string, string>()
  for (const { name: library, code } of libraries) {
    for (const { name } of functionsOf(code)) {
      const owner = owners.get(name.toLowerCase())
      if (owner !== undefined && owner !== library) throw new ReplyError(`ERR Function ${name} already exists`)
      owners.set(name.toLowerCase(), library)
    }
  }
}

/** Of the functions, those that the source names: the others are known only to whoever runs it. */
function list({ server, reply }: Context, argv: Arg[]): void {
  let withCode = false
  let pattern: string | undefined
  for (let i = 2; i < argv.length; i++) {
    const word = option(argv[i])
    if (word === 'WITHCODE' && !withCode) withCode = true
    else if (word === 'LIBRARYNAME' && pattern === undefined) {
      if (++i === argv.length) throw new ReplyError('ERR library name argument was not given')
      pattern = text(argv[i])
    } else throw new ReplyError(`ERR Unknown argument ${text(argv[i])}`)
  }
  const shown = [...server.dataset.libraries.values()].filter(
    ({ name }) => pattern === undefined || globMatch(pattern, name),
  )
  reply.array(shown.length)
  for (const { name, engine, code } of shown) {
    reply.map(withCode ? 4 : 3)
    reply.bulk('library_name')
    reply.bulk(name)
    reply.bulk('engine')
    reply.bulk(engine)
    reply.bulk('functions')
    const functions = functionsOf(code)
    reply.array(functions.length)
    for (const one of functions) replyFunction(reply, one)
    if (!withCode) continue
    reply.bulk('library_code')
    reply.bytes(code)
  }
}

function replyFunction(reply: Reply, { name, description, flags }: LibraryFunction): void {
  reply.map(3)
  reply.bulk('name')
  reply.bytes(name)
  reply.bulk('description')
  if (description === null) reply.null()
  else reply.bytes(description)
  reply.bulk('flags')
  reply.set(flags.length)
  for (const flag of flags) reply.status(flag)
}

function stats({ server, reply }: Context): void {
  const { libraries } = server.dataset
  reply.map(2)
  reply.bulk('running_script')
  reply.null()
  reply.bulk('engines')
  reply.map(1)
  reply.bulk('LUA')
  reply.map(2)
  reply.bulk('libraries_count')
  reply.integer(libraries.size)
  reply.bulk('functions_count')
  reply.integer(codesOf(libraries).reduce((count, code) => count + functionsOf(code).length, 0))
}

function kill(): void {
  throw new ReplyError(NOT_BUSY)
}

const helpLines = [
  'DELETE <library-name>',
  '    Delete a library.',
  'DUMP',
  '    All libraries as bytes that RESTORE takes, here and on a real server.',
  'FLUSH [ASYNC|SYNC]',
  '    Delete all libraries.',
  'KILL',
  '    Stop the function that runs. None ever does.',
  'LIST [LIBRARYNAME pattern] [WITHCODE]',
  '    The libraries that are kept, with the functions that their sources name.',
  'LOAD [REPLACE] <source>',
  '    Taken from our primary only: no scripts are run here.',
  'RESTORE <bytes> [FLUSH|APPEND|REPLACE]',
  '    Keep the libraries of a dump.',
  'STATS',
  '    How many libraries there are, and functions that their sources name.',
]

function subcommand(spec: {
  name: string
  arity: number
  flags: string
  summary: string
  run: Handler
  complexity?: string
  syntax?: string
}): Command {
  const { name, flags } = spec
  const scripting = { group: 'scripting', since: '7.0.0', complexity: 'O(1)' } as const
  return command({ ...scripting, ...spec, name: `FUNCTION ${name}`, flags: `${flags} noscript` })
}

const COUNTED = 'O(N) for N functions'

export const functionCommands: readonly Command[] = [
  command({
    name: 'FUNCTION',
    arity: -2,
    flags: '',
    group: 'scripting',
    since: '7.0.0',
    summary: 'Libraries of functions: kept and handed on, and not run here.',
    complexity: 'See the subcommands',
    subcommands: [
      subcommand({
        name: 'DELETE',
        arity: 3,
        flags: 'write',
        summary: 'Deletes a library.',
        syntax: 'library-name',
        run: remove,
      }),
      subcommand({
        name: 'DUMP',
        arity: 2,
        flags: '',
        summary: 'All libraries as bytes.',
        complexity: COUNTED,
        run: dump,
      }),
      subcommand({
        name: 'FLUSH',
        arity: -2,
        flags: 'write',
        summary: 'Deletes all libraries.',
        complexity: COUNTED,
        syntax: '[ASYNC | SYNC]',
        run: flush,
      }),
      subcommand({ name: 'KILL', arity: 2, flags: 'allow_busy', summary: 'Stops the function that runs.', run: kill }),
      subcommand({
        name: 'LIST',
        arity: -2,
        flags: '',
        summary: 'The libraries that are kept.',
        complexity: COUNTED,
        syntax: '[LIBRARYNAME library-name-pattern] [WITHCODE]',
        run: list,
      }),
      subcommand({
        name: 'LOAD',
        arity: -3,
        flags: 'write denyoom',
        summary: 'Creates a library; from our primary only.',
        syntax: '[REPLACE] function-code',
        run: load,
      }),
      subcommand({
        name: 'RESTORE',
        arity: -3,
        flags: 'write denyoom',
        summary: 'Keeps the libraries of a dump.',
        complexity: COUNTED,
        syntax: 'serialized-value [FLUSH | APPEND | REPLACE]',
        run: restore,
      }),
      subcommand({
        name: 'STATS',
        arity: 2,
        flags: 'allow_busy',
        summary: 'How many libraries there are, and what runs.',
        run: stats,
      }),
      helpCommand({ of: 'FUNCTION', group: 'scripting', since: '7.0.0', lines: helpLines }),
    ],
  }),
]
