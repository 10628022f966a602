// What the tests of configuration share: a Config that has read something, what was refused and how, and the same
// questions to ours and to a real server.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Config, parseConfigText } from '../src/config/config.js'
import { ReplyError, type StoreError } from '../src/errors.js'
import { ErrorReply, type RawClient, type Reply } from './client.js'
import type { PeerServer } from './peers.js'

export function read(text: string): Config {
  const config = new Config()
  config.load(parseConfigText(text, 'redis.conf'))
  return config
}

/** The message of what `fn` throws, which must be a `kind`. */
export function refusal(fn: () => unknown, kind: typeof ReplyError | typeof StoreError): string {
  try {
    fn()
  } catch (error) {
    assert.instance(error, kind)
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

export const setRefusal = (config: Config, ...pairs: [string, string][]): string =>
  refusal(() => config.set(pairs), ReplyError)

/** What a command answered: its error's text, or the reply. */
export const said = (reply: Reply): unknown => (reply instanceof ErrorReply ? reply.message : reply)

export async function realValues(client: RawClient, ...patterns: string[]): Promise<Record<string, string>> {
  return Object.fromEntries((await client.ok('CONFIG', 'GET', ...patterns)) as Map<string, string>)
}

/** Directives that no redis-server has. */
const OUR_OWN: ReadonlySet<string> = new Set(['on-unknown-command', 'snapshot-preimage-limit'])

export function ourValues(config: Config, ...patterns: string[]): Record<string, string> {
  return Object.fromEntries(config.matching(patterns).filter(([name]) => !OUR_OWN.has(name)))
}

/** A Config that has read what `server` has read. */
export function configOf(server: PeerServer): Config {
  const config = new Config()
  config.load(parseConfigText(readFileSync(join(server.dir, 'redis.conf'), 'utf8'), 'redis.conf'))
  return config
}
