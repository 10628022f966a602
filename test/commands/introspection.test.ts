// COMMAND: what clients learn of each command that we have is what they would learn from a real server.

import * as assert from 'uvu/assert'
import type { RawClient, Reply } from '../client.js'
import { suite } from '../suite.js'
import { type Both, skip, startBoth, type World } from './both.js'

const test = suite('introspection')
let world: World

test.before(async () => {
  if (skip === undefined) world = await startBoth()
})
test.after(() => world?.close())

async function onBoth(run: (both: Both) => Promise<void>): Promise<void> {
  await using both = await world.connect()
  await run(both)
}

/** All commands that we have, subcommands included, but for those of later versions, which a server of 7.0 does not have. */
async function shared({ ours }: Both): Promise<string[]> {
  const names = (await ours.ok('COMMAND', 'LIST')) as string[]
  assert.ok(names.length > 50, `only ${names.length} commands`)
  const isLater = await Promise.all(names.map(async (name) => isAfter70(await sinceOf(ours, name))))
  return names.filter((_, i) => !isLater[i])
}

/** COMMAND DOCS lists a subcommand within its container. */
async function sinceOf(client: RawClient, name: string): Promise<string> {
  const reply = String(await client.callRaw('COMMAND', 'DOCS', name))
  return /since\r\n\$\d+\r\n([\d.]+)/.exec(reply)![1]
}

function isAfter70(version: string): boolean {
  const [major, minor] = version.split('.').map(Number)
  return major > 7 || (major === 7 && minor > 0)
}

/** An entry of COMMAND INFO without its subcommands, which stand for themselves, and without notes for people. */
function entryOf(reply: Reply): unknown {
  const [name, arity, flags, first, last, step, categories, tips, specs] = reply as Reply[]
  const positions = [...(specs as Iterable<Map<string, Reply>>)].map((spec) =>
    [...spec].filter(([field]) => field !== 'notes'),
  )
  return { name, arity, flags, first, last, step, categories, tips, positions }
}

test('COMMAND INFO of every command: arity, flags, keys, categories, tips', { skip }, () =>
  onBoth(async (both) => {
    await both.replies('HELLO 3')
    const wrong: string[] = []
    for (const name of await shared(both)) {
      const [ours, real] = await Promise.all(
        [both.ours, both.real].map(async (one) => ((await one.ok('COMMAND', 'INFO', name)) as Reply[])[0]),
      )
      try {
        assert.equal(entryOf(ours), entryOf(real))
      } catch (error) {
        wrong.push(`${name}: ${(error as { details?: string }).details ?? error}`)
      }
    }
    assert.is(wrong.join('\n'), '')
  }),
)

test('COMMAND INFO in RESP2 and RESP3, byte for byte', { skip }, () =>
  onBoth(async (both) => {
    const requests = [
      'get',
      'GET',
      'mset',
      'del',
      'ping',
      'client|id',
      'CLIENT|INFO',
      'psync',
      'nosuch',
      'client|nosuch',
    ]
    const all = [...requests.map((name) => `COMMAND INFO ${name}`), 'COMMAND INFO nosuch get']
    await both.same(all)
    await both.replies('HELLO 3')
    await both.same(all)
  }),
)

type Doc = Map<string, Reply>

/** Arguments without the names of groups and lone tokens, which say nothing to a reader, and without their versions. */
function plain(argument: Doc): unknown {
  const type = argument.get('type')
  const parts = argument.get('arguments') as Doc[] | undefined
  const named = type !== 'block' && type !== 'oneof' && type !== 'pure-token'
  const given: Record<string, unknown> = { type, flags: [...((argument.get('flags') as Set<string>) ?? [])] }
  if (named) given.name = argument.get('name')
  for (const field of ['token', 'key_spec_index']) if (argument.has(field)) given[field] = argument.get(field)
  if (parts === undefined) return given
  const inner = parts.map(plain) as Record<string, unknown>[]
  // Whether a block or its first part has the token is the same to a reader.
  if (type === 'block' && given.token !== undefined) {
    inner[0].token ??= given.token
    delete given.token
  }
  return { ...given, parts: inner }
}

/** Commands whose arguments redis-server describes in a way that is not ours. */
const otherwise: Record<string, string> = {
  'client|list': 'a block around ID, which the token belongs to',
  'config|get': 'a block around the one argument',
  psubscribe: 'a block around the one argument',
}

test('COMMAND DOCS of every command: group, since, deprecation, arguments', { skip }, () =>
  onBoth(async (both) => {
    await both.replies('HELLO 3')
    const wrong: string[] = []
    for (const name of await shared(both)) {
      const [ours, real] = await Promise.all(
        [both.ours, both.real].map(
          async (one) => ((await one.ok('COMMAND', 'DOCS', name)) as Map<string, Doc>).get(name)!,
        ),
      )
      const fields = ['since', 'group', 'doc_flags', 'deprecated_since', 'replaced_by']
      for (const field of fields)
        if (String([...((ours.get(field) ?? '') as string)]) !== String([...((real.get(field) ?? '') as string)]))
          wrong.push(`${name} ${field}: ${String(ours.get(field))}, not ${String(real.get(field))}`)
      if (!ours.get('summary')) wrong.push(`${name}: no summary`)
      if (ours.has('complexity') !== real.has('complexity')) wrong.push(`${name}: complexity`)
      const [mine, theirs] = [ours, real].map((doc) =>
        JSON.stringify(((doc.get('arguments') as Doc[]) ?? []).map(plain)),
      )
      if (mine !== theirs && otherwise[name] === undefined) wrong.push(`${name}\n  ${mine}\n  ${theirs}`)
    }
    assert.is(wrong.join('\n'), '')
  }),
)

test('COMMAND without arguments, COUNT and LIST agree', { skip }, () =>
  onBoth(async ({ ours }) => {
    const all = (await ours.ok('COMMAND')) as Reply[][]
    assert.equal(
      all.map(([name]) => name),
      ((await ours.ok('COMMAND', 'INFO')) as Reply[][]).map(([name]) => name),
    )
    assert.is(all.length, await ours.ok('COMMAND', 'COUNT'))
    const names = (await ours.ok('COMMAND', 'LIST')) as string[]
    assert.is(names.filter((name) => !name.includes('|')).length, all.length)
    const docs = (await ours.ok('COMMAND', 'DOCS')) as Reply[]
    assert.is(docs.length, all.length * 2)
  }),
)

test('COMMAND LIST FILTERBY', { skip }, () =>
  onBoth(async (both) => {
    await both.same([
      'COMMAND LIST x',
      'COMMAND LIST FILTERBY x y',
      'COMMAND LIST FILTERBY MODULE',
      'COMMAND LIST FILTERBY MODULE x',
      'COMMAND LIST FILTERBY ACLCAT nosuch',
      'COMMAND LIST FILTERBY PATTERN nosuch*',
      'COMMAND LIST FILTERBY PATTERN CLIENT|K*',
      'command list filterby pattern get',
    ])
    const known = new Set(await shared(both))
    for (const filter of ['ACLCAT transaction', 'ACLCAT DANGEROUS', 'ACLCAT fast', 'PATTERN *e*', 'ACLCAT keyspace']) {
      const lists = await Promise.all(
        [both.ours, both.real].map((one) => one.ok('COMMAND', 'LIST', 'FILTERBY', ...filter.split(' '))),
      )
      const [ours, real] = lists.map((list) => (list as string[]).filter((name) => known.has(name)).sort())
      assert.equal(ours, real, filter)
      assert.ok(ours.length > 0, filter)
    }
  }),
)

test('COMMAND GETKEYS and GETKEYSANDFLAGS', { skip }, () =>
  onBoth(async (both) => {
    const commands = [
      ...[
        'get',
        'get a',
        'GET a b',
        'nosuch a',
        'ping a',
        'mset a 1 b',
        'mset a 1 b 2',
        'set a b',
        'set a b GET',
        'del a b',
      ],
      ...[
        'rename a b',
        'copy a b',
        'client id a',
        'config get x',
        'object encoding foo',
        'object nosuch foo',
        'watch a b',
      ],
      ...[
        'getex a ex 10',
        'lcs a b idx',
        'msetnx a 1 b 2',
        'exists a a a',
        'touch a b',
        'unlink a',
        'psync a b',
        'client|id a',
      ],
    ]
    const requests = commands.flatMap((line) => [`COMMAND GETKEYS ${line}`, `COMMAND GETKEYSANDFLAGS ${line}`])
    await both.same(requests)
    await both.replies('HELLO 3')
    await both.same(requests)
  }),
)

test('COMMAND with what is no subcommand, or too much for one', { skip }, () =>
  onBoth((both) =>
    both.same([
      'COMMAND foo',
      'COMMAND COUNT x',
      'COMMAND GETKEYS',
      'COMMAND DOCS nosuch',
      'COMMAND INFO nosuch',
      'COMMAND HELP x',
    ]),
  ),
)

test.run()
