// Configuration values: asked for, changed, refused, by hand and against redis-server 7.0.15: the same CONFIG commands.

import * as assert from 'uvu/assert'
import { Config } from '../src/config/config.js'
import { findSetting, type SettingName, settings } from '../src/config/directives.js'
import { ReplyError, StoreError } from '../src/errors.js'
import { configOf, ourValues, read, realValues, refusal, said, setRefusal } from './configs.js'
import { missingPeer, startServer } from './peers.js'
import { suite } from './suite.js'

const test = suite('config')
const skip = missingPeer('redis', '7.0.15')

test('values are read by their form', () => {
  const config = new Config()
  assert.is(config.number('repl-timeout'), 60)
  assert.is(config.number('repl-backlog-size'), 1_048_576)
  assert.is(config.flag('replica-read-only'), true)
  assert.is(config.text('maxmemory-policy'), 'noeviction')
  assert.equal(config.list('bind'), ['*', '-::*'])
  assert.equal(config.savePoints(), [
    { seconds: 3600, changes: 1 },
    { seconds: 300, changes: 100 },
    { seconds: 60, changes: 10_000 },
  ])
  assert.equal(config.outputLimit('replica'), { hardBytes: 268_435_456, softBytes: 67_108_864, softSeconds: 60 })
  assert.is(config.primary(), undefined)
})

test('what is there at first can be given', () => {
  const config = new Config({ port: '0', dir: '/data', bind: '127.0.0.1' })
  assert.is(config.number('port'), 0)
  assert.is(config.text('dir'), '/data')
  assert.match(
    refusal(() => new Config({ port: 'x' }), StoreError),
    /^port: argument couldn't be parsed/,
  )
})

test('listeners hear of changes, and of changes only', () => {
  const config = new Config()
  const heard: string[] = []
  const off = config.on('repl-timeout', (value, name) => void heard.push(`${name} ${value}`))
  config.set([['repl-timeout', '5']])
  config.set([['repl-timeout', '5']])
  config.set([['timeout', '7']])
  config.assign('repl-timeout', '6')
  off()
  config.set([['repl-timeout', '7']])
  assert.equal(heard, ['repl-timeout 5', 'repl-timeout 6'])
})

test('a directive that is set under two names is told once', () => {
  const config = new Config()
  const heard: string[] = []
  config.on('replica-priority', (value) => void heard.push(value))
  config.set([
    ['slave-priority', '5'],
    ['replica-priority', '6'],
  ])
  assert.equal(heard, ['6'])
})

test('the name of a certificate is told again: the file may have changed', () => {
  const config = new Config({ 'tls-cert-file': '/a.pem' })
  let heard = 0
  config.on('tls-cert-file', () => void heard++)
  config.set([['tls-cert-file', '/a.pem']])
  assert.is(heard, 1)
})

test('a listener that refuses puts everything back', () => {
  const config = new Config()
  const heard: string[] = []
  config.on('timeout', (value) => void heard.push(value))
  config.on('port', (value) => {
    if (value === '1') throw new StoreError('ADDRESS', 'Unable to listen on this port. Check server logs.')
  })
  assert.is(
    setRefusal(config, ['timeout', '5'], ['port', '1']),
    "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.",
  )
  assert.is(config.number('timeout'), 0)
  assert.is(config.number('port'), 6379)
  assert.equal(heard, ['5', '0'])
  assert.throws(() => config.assign('port', '1'), /^Unable to listen/)
  assert.is(config.number('port'), 6379)
})

test('a mistake of a listener is no refusal', () => {
  const config = new Config()
  config.on('timeout', (value) => {
    if (value === '1') throw new TypeError('a bug')
  })
  assert.throws(
    () => config.set([['timeout', '1']]),
    (error: Error) => error instanceof TypeError,
  )
  assert.is(config.number('timeout'), 0)
})

test('CONFIG SET changes all or nothing', () => {
  const config = new Config()
  setRefusal(config, ['timeout', '5'], ['maxmemory', 'x'])
  setRefusal(config, ['timeout', '5'], ['bogus', '1'])
  assert.is(config.number('timeout'), 0)
  config.set([
    ['slave-read-only', 'no'],
    ['replica-read-only', 'yes'],
  ])
  assert.is(config.flag('replica-read-only'), true)
  setRefusal(config, ['slave-read-only', 'no'], ['replica-read-only', 'maybe'])
  assert.is(config.flag('replica-read-only'), true)
})

test('protected directives ask who wants to change them', () => {
  const config = read('enable-protected-configs local')
  assert.match(setRefusal(config, ['dir', '/tmp']), /can't set protected config$/)
  config.set([['dir', '/tmp']], { local: true })
  assert.is(config.text('dir'), '/tmp')
  assert.is(config.allows('enable-debug-command', true), false)
})

test('some directives cannot change while data is loaded', () => {
  const config = new Config()
  assert.match(
    refusal(() => config.set([['appendonly', 'yes']], { loading: true }), ReplyError),
    /^LOADING /,
  )
  config.set([['timeout', '5']], { loading: true })
})

test('CONFIG GET takes names, patterns and aliases', () => {
  const config = new Config()
  assert.equal(config.matching(['PORT', 'port']), [['PORT', '6379']])
  assert.equal(config.matching(['slave-pri*', 'slave-priority']), [['slave-priority', '100']])
  assert.equal(
    config.matching(['*-PRIORITY']).map(([name]) => name),
    ['replica-priority', 'slave-priority'],
  )
  assert.equal(config.matching(['use-exit*', 'bogus', 'set-max-listpack*']), [])
  assert.equal(config.matching(['use-exit-on-panic', 'primaryauth']), [
    ['use-exit-on-panic', 'no'],
    ['primaryauth', ''],
  ])
})

test('the node itself may change what is immutable', () => {
  const config = new Config()
  config.assign('replicaof', '10.0.0.1 6380')
  assert.equal(config.primary(), { host: '10.0.0.1', port: 6380 })
  config.assign('replicaof', 'no one')
  assert.is(config.primary(), undefined)
  assert.is(config.text('replicaof'), '')
})

test('what was set to no effect can be told', () => {
  assert.equal(read('timeout 5\nactivedefrag yes\nappendfsync everysec').ignored(), ['activedefrag'])
})

function ourSet(config: Config, pairs: [string, string][]): unknown {
  try {
    config.set(pairs)
    return 'OK'
  } catch (error) {
    assert.instance(error, ReplyError)
    return (error as Error).message
  }
}

test('all directives and defaults of redis-server 7.0.15', { skip }, async () => {
  await using server = await startServer({ family: 'redis', version: '7.0.15' })
  const client = await server.connect({ protocol: 3 })
  assert.equal(ourValues(configOf(server), '*'), await realValues(client, '*'))
  for (const patterns of [
    ['*-p?rt'],
    ['slave*', 'PORT', 'port'],
    ['[a-c]*s'],
    ['use-exit-on-panic'],
    ['bo[g'],
    ['SLAVEOF', '*of'],
  ])
    assert.equal(ourValues(configOf(server), ...patterns), await realValues(client, ...patterns), patterns.join(' '))
  await client.close()
})

/** Setting these on a server touches sockets, certificates, files, signals or our own connection. */
const untouchable: SettingName[] = [
  ...['bind', 'port', 'requirepass', 'appendonly', 'watchdog-period', 'maxclients', 'maxmemory-clients', 'dir'],
  ...['oom-score-adj', 'oom-score-adj-values', 'activedefrag', 'timeout'],
] as SettingName[]

const tried = [
  ...['', '0', '1', '-1', '-2', '5', '010', '+1', ' 1', '1 ', '100', '65536', '4294967296', '99999999999999999999'],
  ...['1b', '1k', '1KB', '1gb', 'gb', '1x', '5%', '0%', '101%', '9223372036854775808', '18446744073709551616gb'],
  ...['yes', 'NO', 'maybe', 'allkeys-LRU', 'notice', 'a/b', 'a_b', 'a b', '  ', 'save now', 'save nosave', 'default'],
  ...['60 1', '60', '60 -1', '60 1 ', '0 1', 'slave 1mb 1k 10', 'pubsub 0 0 0 replica 1 1 1', 'master 1 1 1'],
  ...['KEA', 'nmtAE', 'g$lshzxetd', 'gn', 'q', '50 99.9999 0', '50 101', '1e1', '.5', 'local', '{title}', '{x}'],
]

test('CONFIG SET takes and refuses what redis-server 7.0.15 does', { skip, limitMs: 60_000 }, async () => {
  await using server = await startServer({ family: 'redis', version: '7.0.15' })
  const client = await server.connect({ protocol: 3 })
  const config = configOf(server)
  const names = Object.keys(await realValues(client, '*'))
  let refused = 0
  for (const name of names) {
    if (untouchable.includes(findSetting(name)!.name) || name.startsWith('tls-')) continue
    const before = config.matching([name])[0][1]
    for (const value of tried) {
      // The limit for ordinary clients would cut us off.
      if (name === 'client-output-buffer-limit' && value.startsWith('normal')) continue
      const real = said(await client.call('CONFIG', 'SET', name, value))
      assert.is(ourSet(config, [[name, value]]), real, `${name} '${value}'`)
      assert.equal(ourValues(config, name), await realValues(client, name), `${name} '${value}'`)
      if (real !== 'OK') refused++
    }
    assert.is(said(await client.call('CONFIG', 'SET', name, before)), ourSet(config, [[name, before]]))
  }
  assert.ok(refused > 4000, `only ${refused} refused`)
  await client.close()
})

test('CONFIG SET of several is as redis-server 7.0.15 has it', { skip }, async () => {
  await using server = await startServer({ family: 'redis', version: '7.0.15' })
  const client = await server.connect({ protocol: 3 })
  const config = configOf(server)
  const cases: [string, string][][] = [
    [
      ['hz', '20'],
      ['timeout', '99'],
    ],
    [
      ['hz', '30'],
      ['timeout', 'x'],
    ],
    [
      ['hz', '30'],
      ['HZ', '31'],
    ],
    [
      ['hz', '30'],
      ['bogus', '1'],
      ['databases', '3'],
    ],
    [
      ['hz', '30'],
      ['Databases', '3'],
      ['bogus', '1'],
    ],
    [
      ['dir', '/tmp'],
      ['databases', '3'],
    ],
    [
      ['slave-read-only', 'no'],
      ['replica-read-only', 'yes'],
    ],
    [
      ['replica-read-only', 'no'],
      ['slave-read-only', 'x'],
    ],
    [['maxmemory-clients', '5%']],
    [['maxmemory-clients', '500%']],
    [['maxmemory-clients', 'x']],
    [['maxclients', '-1']],
    [['maxclients', '0']],
    [['oom-score-adj-values', '1 2']],
    [['oom-score-adj-values', '1 2 x']],
    [['oom-score-adj-values', '1 2 3000']],
    [['timeout', '010']],
    [['port', '65536']],
    [['bind', Array.from({ length: 17 }, () => '127.0.0.1').join(' ')]],
    [['requirepass', 'hush']],
    [['requirepass', '']],
  ]
  for (const pairs of cases) {
    const real = said(await client.call('CONFIG', 'SET', ...pairs.flat()))
    assert.is(ourSet(config, pairs), real, JSON.stringify(pairs))
  }
  assert.equal(ourValues(config, '*'), await realValues(client, '*'))
  await client.close()
})

test('every default is one that its directive takes', () => {
  for (const name of Object.keys(settings) as SettingName[]) {
    const config = new Config()
    config.assign(name, settings[name].initial === '' && name === 'replicaof' ? 'no one' : settings[name].initial)
    assert.is(config.text(name), settings[name].initial, name)
  }
})

test.run()
