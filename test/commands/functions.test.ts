// FUNCTION LIST and STATS: the functions that a library's source names, as redis-server shows them that has run it.

import * as assert from 'uvu/assert'
import { functionsOf } from '../../src/keyspace/library-functions.js'
import { suite } from '../suite.js'
import { type Both, skip, startBoth, type World } from './both.js'

const test = suite('functions')
let world: World
let both: Both

test.before(async () => {
  if (skip !== undefined) return
  world = await startBoth()
  both = await world.connect()
})
test.after(async () => {
  await both?.close()
  await world?.close()
})

/** Keeps on both sides what the real server makes of these sources. */
async function keep(...codes: string[]): Promise<Buffer> {
  const { real } = both
  await real.ok('FUNCTION', 'FLUSH')
  for (const code of codes) await real.ok('FUNCTION', 'LOAD', Buffer.from(code, 'latin1'))
  const raw = await real.callRaw('FUNCTION', 'DUMP')
  const dump = raw.subarray(raw.indexOf('\r\n') + 2, raw.length - 2)
  await both.ours.ok('FUNCTION', 'RESTORE', dump, 'FLUSH')
  return dump
}

test('SCRIPT: no script ever runs', { skip }, () =>
  both.same([
    ...['SCRIPT KILL', 'SCRIPT KILL x', 'script exists', 'SCRIPT EXISTS a b', 'SCRIPT FLUSH', 'SCRIPT FLUSH ASYNC'],
    ...[
      'SCRIPT FLUSH x',
      'SCRIPT FLUSH SYNC x',
      'SCRIPT',
      'SCRIPT NONE',
      'SCRIPT LOAD',
      'MULTI',
      'SCRIPT KILL',
      'EXEC',
    ],
  ]),
)

/** Each a library of one function, so that there is only one order. */
const sources: Record<string, string> = {
  'a name and a function': `redis.register_function('f', function(keys, args) return 1 end)`,
  'a name in double quotes': `redis.register_function("f", function() return 1 end)`,
  'a name in long brackets': `redis.register_function([==[f]==], function() return 1 end)`,
  'a function that has a name': `local function work() return 1 end\nredis.register_function('f', work)`,
  'a table': `redis.register_function{function_name='f', callback=function() return 1 end}`,
  'a table in parentheses': `redis.register_function({function_name='f', callback=function() return 1 end})`,
  'a table with everything': `redis.register_function {
    callback = function(keys, args)
      local t = { function_name = 'not this', 1, 2 }
      for i = 1, 2 do if i == 2 then break end end
      repeat t = nil until t == nil
      while false do end
      return { 'a', "b" }
    end; -- function_name = 'nor this'
    description = "says \\"hi\\" in\\tt\\065b\\\\s and \u00ff", flags = {'no-writes', 'allow-stale'},
    ['function_name'] = 'f',
  }`,
  'flags and no description': `redis.register_function{flags={'allow-oom'}, function_name='f', callback=function() end}`,
  'what stands in comments and strings': `
    -- redis.register_function('a', function() end)
    --[[ redis.register_function('b', function() end) ]]
    --[==[ ]] redis.register_function('c', function() end) ]==]
    local text = "redis.register_function('d', function() end)" .. 'it\\'s' .. [[ redis.register_function('e', 1) ]]
    redis . register_function ( 'f' , function() return text end )`,
  'numbers and dots': `local a, b = 1 ..2, 0x1F + .5e-3\nredis.register_function('f', function(...) return select('#', ...) end)`,
  'behind a block': `if true then local a = 1 end\ndo redis.register_function('f', function() end) end`,
  'the same function is called by another': `
    local function outer() local function inner() return 1 end return inner() end
    redis.register_function('f', outer)`,
}

for (const [what, source] of Object.entries(sources))
  test(`as redis-server: ${what}`, { skip }, async () => {
    await keep(`#!lua name=mine\n${source}`)
    for (const version of [2, 3]) {
      await both.ours.ok('HELLO', version)
      await both.real.ok('HELLO', version)
      await both.same([['FUNCTION', 'LIST'], ['FUNCTION', 'STATS'], 'FUNCTION LIST WITHCODE LIBRARYNAME m*'])
    }
  })

test('several functions and libraries are counted', { skip }, async () => {
  const register = (name: string): string => `redis.register_function('${name}', function() return 1 end)\n`
  await keep(`#!lua name=one\n${register('a')}${register('b')}`, `#!lua name=two\n${register('c')}`)
  await both.same(['FUNCTION STATS', 'FUNCTION DELETE one', 'FUNCTION STATS', 'FUNCTION LIST'])
})

test('RESTORE refuses a function that another library has', { skip }, async () => {
  const register = (name: string): string => `redis.register_function('${name}', function() return 1 end)\n`
  const dump = await keep(`#!lua name=one\n${register('f')}`)
  await keep(`#!lua name=two\n${register('F')}`)
  await both.same([
    ['FUNCTION', 'RESTORE', dump],
    ['FUNCTION', 'RESTORE', dump, 'REPLACE'],
    'FUNCTION LIST',
    ['FUNCTION', 'RESTORE', dump, 'FLUSH'],
    ['FUNCTION', 'RESTORE', dump, 'REPLACE'],
    'FUNCTION LIST',
  ])
})

test('what only running tells is not shown', () => {
  const names = (code: string): string[] => functionsOf(code).map(({ name }) => name)
  assert.equal(names(`for i = 1, 3 do redis.register_function('f' .. i, function() end) end`), [])
  assert.equal(names(`local r = redis.register_function\nr('f', function() end)`), [])
  assert.equal(names(`local function add(name) redis.register_function(name, function() end) end\nadd('f')`), [])
  assert.equal(names(`function never() redis.register_function('f', function() end) end`), [])
  assert.equal(names(`other.redis.register_function('f', 1)`), [])
  assert.equal(names(`redis.register_function{function_name='a' .. 'b', callback=1}`), [])
})

test('what is no Lua does no harm', () => {
  for (const code of ['', '#!lua', '"', "'\\", '[==[', '--[[', 'redis.register_function', 'redis.register_function('])
    assert.equal(functionsOf(code), [], code)
  assert.equal(functionsOf('redis.register_function{function_name='), [])
  assert.equal(functionsOf('redis.register_function{flags={'), [])
  assert.equal(functionsOf('end end redis.register_function("f", 1'), [{ name: 'f', description: null, flags: [] }])
  const long = `redis.register_function{${'{'.repeat(100_000)}`
  assert.equal(functionsOf(long.repeat(3)), [])
  const started = performance.now()
  assert.equal(functionsOf('redis.register_function{a={'.repeat(100_000)), [])
  assert.ok(performance.now() - started < 5000, 'each word is read once')
})

test.run()
