// DEBUG PROTOCOL: a reply of each type there is, for those who test a client library. The values are Redis' own.

import type { Arg } from '../bytes.js'
import { ReplyError } from '../errors.js'
import { RespReply } from '../protocol/writer.js'
import { type Context, text } from './command.js'

const BIG_NUMBER = '1234567999999999999999999999999999999'

const samples: Readonly<Record<string, (ctx: Context) => void>> = {
  string: ({ reply }) => reply.bulk('Hello World'),
  integer: ({ reply }) => reply.integer(12_345),
  double: ({ reply }) => reply.double(3141 / 1000),
  null: ({ reply }) => reply.null(),
  array: ({ reply }) => {
    reply.array(3)
    for (let i = 0; i < 3; i++) reply.integer(i)
  },
  set: ({ reply }) => {
    reply.set(3)
    for (let i = 0; i < 3; i++) reply.integer(i)
  },
  map: ({ reply }) => {
    reply.map(3)
    for (let i = 0; i < 3; i++) {
      reply.integer(i)
      reply.bool(i === 1)
    }
  },
  bignum: ({ client, reply }) => {
    if (client.protocol === 3 && reply instanceof RespReply) reply.raw(`(${BIG_NUMBER}\r\n`)
    else reply.bulk(BIG_NUMBER)
  },
  attrib: ({ client, reply }) => {
    if (client.protocol === 3 && reply instanceof RespReply) attribute(reply)
    reply.bulk('Some real reply following the attribute')
  },
  push: ({ client, reply }) => {
    if (client.protocol === 2) throw new ReplyError('ERR RESP2 is not supported by this command')
    reply.push(2)
    reply.bulk('server-cpu-usage')
    reply.integer(42)
  },
  true: ({ reply }) => reply.bool(true),
  false: ({ reply }) => reply.bool(false),
  verbatim: ({ reply }) => reply.verbatim('This is a verbatim\nstring'),
}

function attribute(reply: RespReply): void {
  reply.raw('|1\r\n')
  reply.bulk('key-popularity')
  reply.array(2)
  reply.bulk('key:123')
  reply.integer(90)
}

export function protocol(ctx: Context, argv: Arg[]): void {
  const name = text(argv[2]).toLowerCase()
  if (!Object.hasOwn(samples, name))
    throw new ReplyError(
      'ERR Wrong protocol type name. Please use one of the following: ' +
        'string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
    )
  samples[name](ctx)
}
