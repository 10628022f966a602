// COMMAND DOCS' argument trees: what one line of syntax gives, and that it gives what redis-server gives, for every command
// that redis-server knows.

import * as assert from 'uvu/assert'
import { type DocArgument, parseSyntax } from '../../src/commands/docs.js'
import { missingPeer, startServer } from '../peers.js'
import { suite } from '../suite.js'

const test = suite('docs')

/** The parts that a person sees: `TOKEN name:type+flags`, blocks in (), choices in {}. */
function outline(args: readonly DocArgument[]): string {
  return args.map(one).join(' ')
}

function one({ name, type, token, flags, arguments: parts, keySpecIndex }: DocArgument): string {
  const mark = token === undefined ? '' : `${token === '' ? '""' : token} `
  const which = keySpecIndex === undefined ? '' : `#${keySpecIndex}`
  const end = flags.map((flag) => `+${flag}`).join('')
  if (type === 'pure-token') return `${token === '' ? '""' : token}${end}`
  if (type === 'block') return `${mark}${name}(${outline(parts!)})${end}`
  if (type === 'oneof') return `${mark}${name}{${parts!.map(one).join(' | ')}}${end}`
  return `${mark}${name}:${type}${which}${end}`
}

const cases: [syntax: string, outline: string][] = [
  ['PING', ''],
  ['GET key', 'key:key#0'],
  ['DEL key [key ...]', 'key:key#0+multiple'],
  ['DEL key ...', 'key:key#0+multiple'],
  ['X [member ...]', 'member:string+optional+multiple'],
  ['X [member [member ...]]', 'member:string+optional+multiple'],
  ['X [a b ...]', 'a_b(a:string b:string)+optional+multiple'],
  ['MSET key value [key value ...]', 'key_value(key:key#0 value:string)+multiple'],
  ['SORT key [GET pattern [GET pattern ...]]', 'key:key#0 GET pattern:pattern+optional+multiple+multiple_token'],
  ['X key [key ...] destination', 'key:key#0+multiple destination:key#1'],
  ['X a ... b', 'a:string+multiple b:string'],
  ['X [STREAMS key [key ...] id [id ...]]', 'STREAMS key_id(key:key#0+multiple id:string+multiple)+optional'],
  ['X [[A a] b c]', 'b_c(A a:string+optional b:string c:string)+optional'],
  ['X CHANNELS c [c ...]', 'CHANNELS c:string+multiple'],
  ['X FIELDS f v [f v ...]', 'FIELDS f_v(f:string v:string)+multiple'],
  ['X ID i t [ID i t ...]', 'ID i_t(i:string t:string)+multiple+multiple_token'],
  ['X [LIMIT offset count]', 'LIMIT offset_count(offset:integer count:integer)+optional'],
  ['X [COUNT count [ANY]]', 'count(COUNT count:integer ANY+optional)+optional'],
  ['X [TO host port [FORCE]]', 'TO host_port(host:string port:integer FORCE+optional)+optional'],
  ['X [ASYNC | SYNC]', 'async_sync{ASYNC | SYNC}+optional'],
  ['X <host port | NO ONE>', 'host_port_no_one{host_port(host:string port:integer) | no_one(NO ONE)}'],
  ['X FULL <[COUNT count]>', 'FULL count(COUNT count:integer+optional)'],
  ['X BY <a b> c', 'BY a_b(a:string b:string) c:string'],
  ['X <* | id>', 'auto_id_id{* | id:string}'],
  ['X <key | "">', 'key_or_empty_string{key:key#0 | ""}'],
  ['X [<A a | B b> ...]', 'a_b{A a:string | B b:string}+optional+multiple'],
  ['COPY source destination', 'source:key#0 destination:key#1'],
  ['LCS key1 key2', 'key1:key#0 key2:key#0'],
  ['CONFIG GET parameter [parameter ...]', 'parameter:string+multiple'],
  ['XREADGROUP GROUP group consumer', 'GROUP group:string consumer:string'],
  ['X start:integer ip:port', 'start:integer ip:port:string'],
  ['X [LEFT | RIGHT] ASC', 'where{LEFT | RIGHT}+optional ASC'],
  ['X key [x [y [z]]]', 'key:key#0 x(x:string y(y:string z:string+optional)+optional)+optional'],
]

for (const [syntax, expected] of cases)
  test(syntax, () => {
    assert.is(outline(parseSyntax(syntax)), expected)
  })

test('leaves say what a hint shows, groups do not', () => {
  const [key, block] = parseSyntax('X key [LIMIT offset count]')
  assert.is(key.displayText, 'key')
  assert.is(block.displayText, undefined)
  assert.is(parseSyntax('X NOW')[0].displayText, 'now')
})

for (const syntax of ['X [a', 'X a]', 'X a > b', 'X a | b', 'X []', 'X ...', 'X [a | ]'])
  test(`a slip is found: ${syntax}`, () => {
    assert.throws(() => parseSyntax(syntax), /broken invariant/)
  })

/** An argument as COMMAND DOCS gives it. */
type Raw = Map<string, unknown>

function ofRaw(raw: Raw): DocArgument {
  const given: DocArgument = {
    name: String(raw.get('name')),
    type: String(raw.get('type')),
    flags: [...((raw.get('flags') as Set<string>) ?? [])],
  }
  const token = raw.get('token')
  // COMMAND DOCS prints the empty token with its quotes.
  if (token !== undefined) given.token = token === '""' ? '' : String(token)
  if (raw.has('key_spec_index')) given.keySpecIndex = Number(raw.get('key_spec_index'))
  if (raw.has('arguments')) given.arguments = (raw.get('arguments') as Raw[]).map(ofRaw)
  return given
}

/** The syntax that stands for an argument tree, with every type spelt out. */
function syntaxOf(argument: DocArgument, outer = ''): string {
  const { name, type, token, flags, arguments: parts = [] } = argument
  const mark = token === undefined ? '' : token === '' ? '""' : token
  let text = `${name}:${type}`
  if (type === 'pure-token') text = mark
  if (type === 'block') text = parts.map((part) => syntaxOf(part)).join(' ')
  if (type === 'oneof') text = parts.map((part) => syntaxOf(part, 'oneof')).join(' | ')
  const bare = parts.length > 0 && !(type === 'block' && outer === 'oneof' && flags.length === 0) ? `<${text}>` : text
  const one = type !== 'pure-token' && mark !== '' ? `${mark} ${bare}` : bare
  const many = flags.includes('multiple')
    ? `${one} [${flags.includes('multiple_token') || mark === '' ? one : bare} ...]`
    : one
  return flags.includes('optional') ? `[${many}]` : many
}

/** What is left when neither the names of groups count, nor whether a block or its first part has the token. */
function plain(argument: DocArgument): DocArgument {
  const { name, type, token, flags, arguments: parts } = argument
  if (parts === undefined) {
    // The name of a token alone is ours to choose.
    const leaf: DocArgument = { name: type === 'pure-token' ? '' : name, type, flags }
    if (token !== undefined) leaf.token = token
    return leaf
  }
  const inner = parts.map(plain)
  // Redis has blocks of one part: CLIENT LIST [ID id [id ...]].
  const [only] = inner
  if (type === 'block' && inner.length === 1 && (token === undefined || !only.flags.includes('optional'))) {
    const all = ['optional', 'multiple', 'multiple_token']
    const merged = { ...only, flags: all.filter((flag) => flags.includes(flag) || only.flags.includes(flag)) }
    return token === undefined ? merged : { ...merged, token }
  }
  if (type === 'block' && token !== undefined && inner.length > 1) only.token = token
  const group: DocArgument = { name: '', type, flags, arguments: inner }
  if ((type !== 'block' || inner.length === 1) && token !== undefined) group.token = token
  return group
}

const skip = missingPeer('redis', '7.0.15')

test('every command of redis-server 7.0.15 can be written down', { skip }, async () => {
  await using server = await startServer({ family: 'redis', version: '7.0.15' })
  const client = await server.connect({ protocol: 3 })
  const docs = (await client.ok('COMMAND', 'DOCS')) as Map<string, Raw>
  const all = [...docs].flatMap(([name, doc]) => [
    [name, doc] as const,
    ...((doc.get('subcommands') as Map<string, Raw>) ?? []),
  ])
  let checked = 0
  for (const [name, doc] of all) {
    const real = ((doc.get('arguments') as Raw[]) ?? []).map(ofRaw)
    const syntax = `X ${real.map((argument) => syntaxOf(argument)).join(' ')}`
    assert.equal(parseSyntax(syntax).map(plain), real.map(plain), `${name}: ${syntax}`)
    checked += real.length
  }
  assert.ok(checked > 500, `only ${checked} arguments`)
  await client.close()
})

/** Syntaxes as a person writes them, and what redis-server has that they leave out or put elsewhere. */
const natural: [syntax: string, except?: (outline: string) => string][] = [
  [
    'SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]',
  ],
  ['GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]'],
  ['SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]'],
  ['EXPIRE key seconds [NX | XX | GT | LT]'],
  ['COPY source destination [DB destination-db] [REPLACE]'],
  ['LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len:integer] [WITHMATCHLEN]'],
  // Redis calls its groups "index" and "index_unit".
  [
    'BITCOUNT key [start:integer end:integer [BYTE | BIT]]',
    (real) => real.replace('index(', 'start_end(').replace('index_unit{', 'byte_bit{'),
  ],
  ['MSET key value [key value ...]'],
  [
    'ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]',
    (real) => real.replace('increment:', 'INCR'),
  ],
  [
    'LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>',
    (real) => real.replace('wherefrom', 'where').replace('whereto', 'where'),
  ],
  ['HSET key field value [field value ...]'],
  ['BLPOP key [key ...] timeout'],
  ['PUBLISH channel message'],
  ['PSUBSCRIBE pattern [pattern ...]', (real) => real.replace(/pattern\(pattern:pattern\)/, 'pattern:pattern')],
]

test('what a person writes gives what redis-server gives', { skip }, async () => {
  await using server = await startServer({ family: 'redis', version: '7.0.15' })
  const client = await server.connect({ protocol: 3 })
  for (const [syntax, except = (real: string) => real] of natural) {
    const name = syntax.split(' ', 1)[0].toLowerCase()
    const docs = (await client.ok('COMMAND', 'DOCS', name)) as Map<string, Raw>
    const real = (docs.get(name)!.get('arguments') as Raw[]).map(ofRaw)
    assert.is(outline(parseSyntax(syntax)), except(outline(real)), syntax)
  }
  await client.close()
})

test.run()
