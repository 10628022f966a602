// DEBUG: for tests and for people who look into a node. Refused unless `enable-debug-command` allows it.

import type { Arg } from '../bytes.js'
import { ReplyError, replyErrors } from '../errors.js'
import { isString } from '../keyspace/keyspace.js'
import { loadAof } from './append-only.js'
import { type Context, command, parseInteger, text } from './command.js'
import { isLocal } from './connection.js'
import { protocol } from './debug-protocol.js'
import { datasetDigest, valueDigest } from './digest.js'
import { encodingOf } from './encoding.js'
import { helpText } from './help.js'
import { shownLength } from './lookup.js'
import { reload } from './save.js'

export const debugCommand = command({
  name: 'DEBUG',
  arity: -2,
  flags: 'admin noscript loading stale',
  group: 'server',
  since: '1.0.0',
  summary: 'Container of the commands for tests.',
  complexity: 'Depends on the subcommand.',
  run: debug,
})

const help = helpText('DEBUG', [
  'CHANGE-REPL-ID',
  '    Take a new replication id: no replica can go on partially.',
  'DIGEST',
  '    Forty digits that stand for all data.',
  'DIGEST-VALUE <key> [<key> ...]',
  '    The same for the values of single keys.',
  'ERROR <message>',
  '    Answer with this error.',
  'LOADAOF',
  '    Throw away all data and load the append-only file again.',
  'LOG <message>',
  '    Write this into the log.',
  'OBJECT <key>',
  '    What is known of a value.',
  'PAUSE-CRON (0|1)',
  '    As SET-ACTIVE-EXPIRE, the other way about.',
  'POPULATE <count> [<prefix>] [<size>]',
  '    Set that many strings, of that many bytes. Replicas are not told.',
  'PROTOCOL (string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false)',
  '    Answer with a value of this type.',
  'QUICKLIST-PACKED-THRESHOLD <size>, REPLYBUFFER <what> <value>, SET-DISABLE-DENY-SCRIPTS (0|1)',
  '    Taken, and of no effect.',
  'REPLICATE <word> [<word> ...]',
  '    Send this command to the replicas, and run it nowhere.',
  'SET-ACTIVE-EXPIRE (0|1)',
  '    Leave keys whose time is past alone until somebody reads them.',
  'SLEEP <seconds>',
  '    Stop everything for that long.',
])

interface Subcommand {
  /** Arguments, the two words included; without a limit when it takes several. */
  least: number
  most: number
  run(ctx: Context, argv: Arg[]): void
}

/** It sets something in Redis that has no counterpart here. */
const WITHOUT_MEANING: Subcommand = { least: 3, most: 3, run: ({ reply }) => reply.ok() }

const subcommands: Readonly<Record<string, Subcommand>> = {
  'change-repl-id': {
    least: 2,
    most: 2,
    run: ({ server, reply }) => {
      server.changeReplid()
      reply.ok()
    },
  },
  digest: {
    least: 2,
    most: 2,
    run: ({ server, reply }) => reply.status(datasetDigest(server.env, server.dataset)),
  },
  'digest-value': {
    least: 2,
    most: Number.POSITIVE_INFINITY,
    run: ({ server, db, reply }, argv) => {
      reply.array(argv.length - 2)
      for (const key of argv.slice(2)) reply.status(valueDigest(server.env, db, text(key)))
    },
  },
  error: { least: 3, most: 3, run: ({ reply }, argv) => reply.error(text(argv[2])) },
  help: {
    least: 2,
    most: 2,
    run: ({ reply }) => {
      reply.array(help.length)
      for (const line of help) reply.status(line)
    },
  },
  loadaof: { least: 2, most: 2, run: loadAof },
  log: {
    least: 3,
    most: 3,
    run: ({ server, reply }, argv) => {
      server.env.log.warn(`DEBUG LOG: ${text(argv[2])}`)
      reply.ok()
    },
  },
  object: { least: 3, most: 3, run: describe },
  'pause-cron': {
    least: 3,
    most: 3,
    run: ({ server, reply }, argv) => {
      server.activeExpire = !(Number.parseInt(text(argv[2]), 10) > 0)
      reply.ok()
    },
  },
  populate: { least: 3, most: 5, run: populate },
  protocol: { least: 3, most: 3, run: protocol },
  'quicklist-packed-threshold': WITHOUT_MEANING,
  replicate: {
    least: 3,
    most: Number.POSITIVE_INFINITY,
    run: (ctx, argv) => {
      ctx.effect(...argv.slice(2))
      ctx.changed(0)
      ctx.reply.ok()
    },
  },
  replybuffer: { ...WITHOUT_MEANING, least: 4, most: 4 },
  reload: { least: 2, most: 5, run: reload },
  'set-disable-deny-scripts': WITHOUT_MEANING,
  'set-active-expire': {
    least: 3,
    most: 3,
    run: ({ server, reply }, argv) => {
      server.activeExpire = Number.parseInt(text(argv[2]), 10) > 0
      reply.ok()
    },
  },
  sleep: {
    least: 3,
    most: 3,
    run: ({ server, reply }, argv) => {
      const seconds = Number.parseFloat(text(argv[2]))
      if (seconds > 0) server.env.block(seconds * 1000)
      reply.ok()
    },
  },
}

const byName = new Map(Object.entries(subcommands))

function debug(ctx: Context, argv: Arg[]): void {
  if (!isAllowed(ctx))
    throw new ReplyError(
      'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a ' +
        'local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
    )
  const name = text(argv[1])
  const subcommand = byName.get(name.toLowerCase())
  if (subcommand === undefined || argv.length < subcommand.least || argv.length > subcommand.most)
    throw replyErrors.subcommandUse('DEBUG', name.slice(0, 128))
  subcommand.run(ctx, argv)
}

function isAllowed({ server, client }: Context): boolean {
  const setting = server.config.text('enable-debug-command')
  return setting === 'yes' || (setting === 'local' && isLocal(client))
}

function populate({ db, reply }: Context, argv: Arg[]): void {
  const [count, sizeBytes] = [argv[2], argv[4] ?? '0'].map(positive)
  const prefix = argv.length > 3 ? text(argv[3]) : 'key'
  for (let i = 0; i < count; i++) {
    const key = `${prefix}:${i}`
    if (db.has(key)) continue
    const value = `value:${i}`
    db.set(key, sizeBytes === 0 ? value : value.slice(0, sizeBytes).padEnd(sizeBytes, '\0'))
  }
  reply.ok()
}

function positive(arg: Arg): number {
  const value = parseInteger(arg)
  if (value === undefined || value < 0 || value > Number.MAX_SAFE_INTEGER)
    throw new ReplyError('ERR value is out of range, must be positive')
  return Number(value)
}

/** DEBUG OBJECT. There is no address and no reference count; the serialized length is that of the bytes shown. */
function describe({ server, db, reply }: Context, argv: Arg[]): void {
  const key = text(argv[2])
  const value = db.held(key)
  if (value === undefined) throw replyErrors.noSuchKey()
  const idleSeconds = db.recency?.useOf(key).idleSeconds ?? 0
  reply.status(
    `Value at:0x0 refcount:1 encoding:${encodingOf(server.config, value)} serializedlength:${isString(value) ? shownLength(value) : value.heldBytes} lru:0 lru_seconds_idle:${idleSeconds}`,
  )
}
