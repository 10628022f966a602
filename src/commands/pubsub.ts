// Publish and subscribe. Who subscribes to what is in channels.ts; this is how clients ask for it. A subscription is
// confirmed by a message, not by a reply: CLIENT REPLY OFF does not silence it.

import { type Arg, latin1Of } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { globMatch } from '../glob.js'
import { bulkLatin1, RespReply } from '../protocol/writer.js'
import { type ChannelKind, subscriptionCount } from './channels.js'
import type { Client } from './client.js'
import { type Command, type Context, command, type Handler, text } from './command.js'
import { helpCommand } from './help.js'

const group = 'pubsub'

/** What the commands are called, and the words that their confirmations begin with. */
const words: Readonly<Record<ChannelKind, readonly [subscribe: string, unsubscribe: string]>> = {
  channel: ['subscribe', 'unsubscribe'],
  pattern: ['psubscribe', 'punsubscribe'],
  shard: ['ssubscribe', 'sunsubscribe'],
}

function subscribe(kind: ChannelKind): Handler {
  const [word] = words[kind]
  return ({ server, client }, argv) => {
    // Inside a transaction Redis allows it for old clients' sake, though not to shard channels, which are younger.
    const isRefused = kind === 'shard' && client.transaction !== null
    if (isRefused || client.kind !== 'normal')
      throw new ReplyError(`ERR ${word.toUpperCase()} isn't allowed for a DENY BLOCKING client`)
    for (let i = 1; i < argv.length; i++) {
      const name = text(argv[i])
      server.channels.subscribe(client, kind, name)
      confirm(client, word, name, subscriptionCount(client, kind))
    }
  }
}

function unsubscribe(kind: ChannelKind): Handler {
  const [, word] = words[kind]
  return ({ server, client }, argv) => {
    const names = argv.length > 1 ? argv.slice(1).map(text) : [...(client.subscriptions?.[kind] ?? [])]
    for (const name of names) {
      server.channels.unsubscribe(client, kind, name)
      confirm(client, word, name, subscriptionCount(client, kind))
    }
    if (names.length === 0) confirm(client, word, null, subscriptionCount(client, kind))
  }
}

function confirm(client: Client, word: string, name: string | null, count: number): void {
  const isOld = client.protocol === 2
  const shown = name === null ? (isOld ? '$-1\r\n' : '_\r\n') : bulkLatin1(latin1Of(name))
  const message = `${isOld ? '*' : '>'}3\r\n${bulkLatin1(word)}${shown}:${count}\r\n`
  // In its place among the replies, of a transaction too; unless those are thrown away.
  if (client.replyMode === 'on' && client.reply instanceof RespReply) client.reply.raw(message)
  else client.send(message)
}

/** The request goes to replicas, whose subscribers hear it too, although nothing was changed. */
function publish(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(ctx.server.channels.publish(text(argv[1]), argv[2]))
  ctx.changed(0)
}

function spublish(ctx: Context, argv: Arg[]): void {
  ctx.reply.integer(ctx.server.channels.publishToShard(text(argv[1]), argv[2]))
  ctx.changed(0)
}

function names(kind: ChannelKind): Handler {
  return ({ server, reply }, argv) => {
    if (argv.length > 3)
      throw new ReplyError(
        `ERR unknown subcommand or wrong number of arguments for '${text(argv[1])}'. Try PUBSUB HELP.`,
      )
    const pattern = argv.length > 2 ? text(argv[2]) : undefined
    const found = [...server.channels.names(kind)].filter((name) => pattern === undefined || globMatch(pattern, name))
    reply.array(found.length)
    for (const name of found) reply.bulk(name)
  }
}

function counts(kind: ChannelKind): Handler {
  return ({ server, reply }, argv) => {
    reply.array((argv.length - 2) * 2)
    for (let i = 2; i < argv.length; i++) {
      reply.bulk(argv[i])
      reply.integer(server.channels.count(kind, text(argv[i])))
    }
  }
}

const listening = { group, flags: 'pubsub noscript loading stale' } as const
const sending = { group, arity: 3, flags: 'pubsub loading stale fast may_replicate' } as const
const asking = { group, flags: 'pubsub loading stale' } as const

const pubsub = command({
  name: 'PUBSUB',
  arity: -2,
  flags: '',
  group,
  since: '2.8.0',
  summary: 'Container of the commands that look at subscriptions.',
  complexity: 'Depends on the subcommand.',
  subcommands: [
    command({
      ...asking,
      name: 'PUBSUB CHANNELS',
      arity: -2,
      since: '2.8.0',
      summary: 'Names the channels that somebody subscribes to, patterns apart.',
      complexity: 'O(N) for N channels.',
      syntax: '[pattern:pattern]',
      run: names('channel'),
    }),
    command({
      ...asking,
      name: 'PUBSUB NUMPAT',
      arity: 2,
      since: '2.8.0',
      summary: 'Counts the patterns that somebody subscribes to, each once.',
      complexity: 'O(1)',
      run: ({ server, reply }) => reply.integer(server.channels.size('pattern')),
    }),
    command({
      ...asking,
      name: 'PUBSUB NUMSUB',
      arity: -2,
      since: '2.8.0',
      summary: 'Counts the subscribers of channels, patterns apart.',
      complexity: 'O(N) for N channels asked for.',
      syntax: '[channel [channel ...]]',
      run: counts('channel'),
    }),
    command({
      ...asking,
      name: 'PUBSUB SHARDCHANNELS',
      arity: -2,
      since: '7.0.0',
      summary: 'Names the shard channels that somebody subscribes to.',
      complexity: 'O(N) for N shard channels.',
      syntax: '[pattern:pattern]',
      run: names('shard'),
    }),
    command({
      ...asking,
      name: 'PUBSUB SHARDNUMSUB',
      arity: -2,
      since: '7.0.0',
      summary: 'Counts the subscribers of shard channels.',
      complexity: 'O(N) for N shard channels asked for.',
      syntax: '[shardchannel [shardchannel ...]]',
      run: counts('shard'),
    }),
    helpCommand({
      of: 'PUBSUB',
      group,
      since: '6.2.0',
      lines: [
        'CHANNELS [<pattern>]',
        '    The channels with subscribers, all or those that match.',
        'NUMPAT',
        '    How many different patterns are subscribed to.',
        'NUMSUB [<channel> ...]',
        '    How many subscribe to each channel; patterns are not counted.',
        'SHARDCHANNELS [<pattern>]',
        '    The shard channels with subscribers, all or those that match.',
        'SHARDNUMSUB [<shardchannel> ...]',
        '    How many subscribe to each shard channel.',
      ],
    }),
  ],
})

export const pubsubCommands: readonly Command[] = [
  command({
    ...listening,
    name: 'SUBSCRIBE',
    arity: -2,
    since: '2.0.0',
    summary: 'Listens to channels.',
    complexity: 'O(N) for N channels.',
    syntax: 'channel [channel ...]',
    run: subscribe('channel'),
  }),
  command({
    ...listening,
    name: 'UNSUBSCRIBE',
    arity: -1,
    since: '2.0.0',
    summary: 'Listens to channels no more: to those named, or to none at all.',
    complexity: 'O(N) for N channels.',
    syntax: '[channel [channel ...]]',
    run: unsubscribe('channel'),
  }),
  command({
    ...listening,
    name: 'PSUBSCRIBE',
    arity: -2,
    since: '2.0.0',
    summary: 'Listens to all channels whose names match patterns.',
    complexity: 'O(N) for N patterns.',
    syntax: 'pattern:pattern [pattern:pattern ...]',
    run: subscribe('pattern'),
  }),
  command({
    ...listening,
    name: 'PUNSUBSCRIBE',
    arity: -1,
    since: '2.0.0',
    summary: 'Listens to patterns no more: to those named, or to none at all.',
    complexity: 'O(N) for N patterns.',
    syntax: '[pattern:pattern [pattern:pattern ...]]',
    run: unsubscribe('pattern'),
  }),
  command({
    ...listening,
    name: 'SSUBSCRIBE',
    arity: -2,
    keys: '1 -1 1',
    since: '7.0.0',
    summary: 'Listens to shard channels.',
    complexity: 'O(N) for N shard channels.',
    syntax: 'shardchannel [shardchannel ...]',
    run: subscribe('shard'),
  }),
  command({
    ...listening,
    name: 'SUNSUBSCRIBE',
    arity: -1,
    keys: '1 -1 1',
    since: '7.0.0',
    summary: 'Listens to shard channels no more: to those named, or to none at all.',
    complexity: 'O(N) for N shard channels.',
    syntax: '[shardchannel [shardchannel ...]]',
    run: unsubscribe('shard'),
  }),
  command({
    ...sending,
    name: 'PUBLISH',
    since: '2.0.0',
    summary: 'Sends a message to all who listen to a channel; how many of them are connected here.',
    complexity: 'O(N+M) for N listeners of the channel and M patterns.',
    syntax: 'channel message',
    run: publish,
  }),
  command({
    ...sending,
    name: 'SPUBLISH',
    keys: '1 1 1',
    since: '7.0.0',
    summary: 'Sends a message to all who listen to a shard channel; how many of them are connected here.',
    complexity: 'O(N) for N listeners.',
    syntax: 'shardchannel message',
    run: spublish,
  }),
  pubsub,
]
