// Configuration as text: files, the command line and CONFIG REWRITE, by hand and against redis-server 7.0.15: the same
// files and the same command lines mean the same, and fail alike.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { textOfLatin1 } from '../src/bytes.js'
import { Config, type Directive, isSensitive, parseConfigText, parseFlags } from '../src/config/config.js'
import { quote, splitWords } from '../src/config/words.js'
import { StoreError } from '../src/errors.js'
import { configOf, ourValues, read, realValues, refusal, said, setRefusal } from './configs.js'
import { missingPeer, peer, startServer } from './peers.js'
import { suite } from './suite.js'

const test = suite('configuration files')
const skip = missingPeer('redis', '7.0.15')

test('save points add up until an empty line takes them all away', () => {
  assert.is(read('save 60 1\nsave 30 2').text('save'), '60 1 30 2')
  assert.is(read('save 60 1\nsave ""').text('save'), '')
  assert.is(read('save 60 1\nsave ""\nsave 5 6').text('save'), '5 6')
})

test('files include files, and say where a mistake stands', () => {
  const files: Record<string, string> = { a: 'port 1\ninclude b\ntimeout 3', b: '\ntimeout x', loop: 'include loop' }
  const readInclude = (path: string): string => files[path]
  const message = refusal(() => parseConfigText(files.a, 'a', readInclude), StoreError)
  assert.match(message, /, at line 2 of b\n>>> 'timeout x'\n/)
  files.b = '# nothing\nmaxmemory 1gb'
  const names = parseConfigText(files.a, 'a', readInclude).map((one) => `${one.source}:${one.line} ${one.name}`)
  assert.equal(names, ['a:1 port', 'b:2 maxmemory', 'a:3 timeout'])
  assert.match(
    refusal(() => parseConfigText(files.loop, 'loop', readInclude), StoreError),
    /Too many nested includes/,
  )
  assert.match(
    refusal(() => parseConfigText(files.a, 'a'), StoreError),
    />>> 'include b'/,
  )
})

test('what is no setting is handed back', () => {
  const text = 'port 1\nuser default on\nrename-command FLUSHALL ""\nlua-replicate-commands yes\nsearch.timeout 5'
  const others = new Config().load(parseConfigText(text, 'f'))
  assert.equal(
    others.map((one) => [one.name, ...one.args]),
    [
      ['user', 'default', 'on'],
      ['rename-command', 'FLUSHALL', ''],
      ['search.timeout', '5'],
    ],
  )
})

test('no secret is in an error', () => {
  const lines = [
    'requirepass hush hush',
    'requirepass "hush',
    '"requirepass" hush hush',
    'masterauth hush 2',
    'MASTERAUTH hush 2',
    'primaryauth hush 2',
    'tls-key-file-pass hush 2',
    'requirpass hush',
    'reqirepass hush',
    'masterath hush',
    'user', // no arguments: nothing to hide
    'sentinel auth-pass hush',
  ]
  for (const line of lines) {
    const message = refusal(() => parseConfigText(line, 'f'), StoreError)
    assert.not.match(message, /hush/, line)
  }
  const flags = refusal(() => parseFlags(['--requirepass', 'hush', 'hush']), StoreError)
  assert.match(flags, />>> 'requirepass \(redacted\)'/)
  const config = read('requirepass hush\nenable-protected-configs no')
  assert.not.match(setRefusal(config, ['requirepass', 'hush'], ['databases', '1']), /hush/)
  for (const name of ['requirepass', 'MASTERAUTH', 'masteruser', 'primaryauth', 'tls-key-file-pass'])
    assert.ok(isSensitive(name), name)
  assert.not(isSensitive('port'))
  assert.not(isSensitive('bogus'))
})

test('the command line names a file, standard input and options', () => {
  const summary = (argv: string[]): unknown[] => {
    const { file, stdin, directives } = parseFlags(argv)
    return [file, stdin, ...directives.map((one: Directive) => [one.name, ...one.args].join(' '))]
  }
  assert.equal(summary([]), [undefined, false])
  assert.equal(summary(['r.conf', '-']), ['r.conf', true])
  assert.equal(summary(['-', '--port', '1']), [undefined, true, 'port 1'])
  assert.equal(summary(['--save', '60', '1', '--port', '1']), [undefined, false, 'save 60 1', 'port 1'])
  assert.equal(summary(['--save', '--port', '1', '--save']), [undefined, false, 'save ', 'port 1', 'save '])
  assert.equal(summary(['--replicaof', 'h', '6379', '--port 1']), [undefined, false, 'replicaof h 6379', 'port 1'])
  assert.equal(summary(['--requirepass', '--x']), [undefined, false, 'requirepass --x'])
  assert.equal(summary(['--save', '60 1 30 2']), [undefined, false, 'save 60 1 30 2'])
  assert.equal(summary(['--PORT', '1', '-']), [undefined, true, 'port 1'])
})

test('words come back out of quotes', () => {
  for (const word of ['', ' ', 'a b', '"', "'", '\\', '\n\r\t\b\x07\x00', 'é', '\u{1f600}', '\udcff', '#'])
    assert.equal(splitWords(quote(word)), [word], JSON.stringify(word))
})

test('a new file keeps what a person wrote', () => {
  const original =
    '# mine\r\nport 7000\n\n\n  slaveof 1.2.3.4 5\nuser default on\nport 7001\nbogus 1\nMaxMemory 1048576\n'
  const config = new Config()
  config.load(parseConfigText(original.replace('bogus 1\n', ''), 'f'))
  config.set([
    ['masterauth', 'sé"cret'],
    ['maxmemory', '2gb'],
    ['save', ''],
  ])
  const expected = [
    '# mine',
    'port 7001',
    '',
    'replicaof 1.2.3.4 5',
    'user default on',
    '',
    '# ??? bogus 1',
    'maxmemory 2gb',
    '',
    '# Generated by CONFIG REWRITE',
    'masterauth "s\\xc3\\xa9\\"cret"',
    'save ""',
    'latency-tracking-info-percentiles 50 99 99.9',
    '',
  ].join('\n')
  assert.is(config.rewrite(original), expected)
  // As in Redis the second time adds one empty line, since the text ends in a line break, and then nothing.
  assert.is(config.rewrite(expected), `${expected}\n`)
  assert.is(config.rewrite(`${expected}\n`), `${expected}\n`)
  assert.is(read(expected.replace(/^#.*$/gm, '')).text('masterauth'), 'sé"cret')
  assert.ok(config.rewrite(undefined).startsWith('# Generated by CONFIG REWRITE\nport 7001\n'))
})

/** What redis-server says before it ends: without log lines, ports or its name. */
function fatalOf(args: string[], cwd: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(peer('redis', '7.0.15')!.server, args, { cwd, timeout: 5_000, encoding: 'utf8' }, (_, stdout, stderr) => {
      const lines = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !/^\d+:\w /.test(line))
      resolve(lines.slice(1).join('\n'))
    })
  })
}

/** Ours, without its first line. */
const ourFatal = (fn: () => unknown): string => refusal(fn, StoreError).split('\n').slice(1).join('\n')

const badFiles = [
  'port 0\nbogus yes\n',
  'BOGUS x',
  'port abc',
  'port 70000',
  'port 1 2',
  'port',
  '  maxmemory  "1x" ',
  'loglevel loud',
  'dbfilename "a b',
  'dbfilename "a"b',
  "dbfilename 'a",
  'save 60',
  'save ""\n\n# x\nport x',
  'client-output-buffer-limit foo 1 1 1',
  'client-output-buffer-limit normal 1 1',
  'replicaof 127.0.0.1',
  'slaveof 127.0.0.1 x',
  'replicaof 127.0.0.1 65536',
  'sentinel monitor x',
  'foo.bar',
  'list-max-ziplist-entries',
  'tcp-keepalive 3000000000000',
  'tcp-keepalive 1.5',
  'unixsocketperm 9',
  'unixsocketperm 1777',
  'appendfilename ""',
  'appenddirname a/b',
  'oom-score-adj-values 1 2',
  'notify-keyspace-events K E',
  'notify-keyspace-events q',
  'bind a b c d e f g h i j k l m n o p q',
  'maxmemory-clients 101%',
  'cluster-enabled yes\nreplicaof a 1',
  '"" x',
  'port\v1',
  '\tport "\\x41"',
  'include',
  'rename-command x',
  'user',
  'loadmodule',
]

const badFlags = [
  ['--port'],
  ['--port', '--save'],
  ['--save', '60', '--port', '0'],
  ['--port', 'abc'],
  ['-x'],
  ['--replicaof', '127.0.0.1'],
  ['--replicaof', '127.0.0.1', '--bgsave'],
  ['--bogus', '1'],
  ['--port 1 2'],
  ['--port', '1', '-', '--save', ''],
  ['--loglevel', 'lo"ud\n'],
]

test('mistakes in files and options are told as redis-server 7.0.15 tells them', {
  skip,
  limitMs: 60_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotspare-config-'))
  try {
    for (const text of badFiles) {
      writeFileSync(join(dir, 'x.conf'), text)
      assert.is(
        ourFatal(() => read(text)),
        await fatalOf(['x.conf'], dir),
        JSON.stringify(text),
      )
    }
    for (const argv of badFlags) {
      // The server counts options as lines behind the file's.
      const real = (await fatalOf(argv, dir)).replace(
        /^Reading the configuration file, at line \d+/,
        'Reading the command line',
      )
      assert.is(
        ourFatal(() => parseFlags(argv)),
        real,
        argv.join(' '),
      )
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('files and options mean what they mean to redis-server 7.0.15', { skip }, async () => {
  const lines = {
    save: ['60 1', '"30 2 20 3"', "10 '4'"],
    'client-output-buffer-limit': ['replica 1mb 1kb 10', 'pubsub 5 6 7'],
    masterauth: '"p\\x41\\n\\"\'"',
    'slave-priority': '7',
    'lua-time-limit': '6',
    HZ: '100000',
    bind: '127.0.0.1',
    'notify-keyspace-events': "''",
    'list-max-ziplist-entries': '5',
    'hash-max-ziplist-value': '1k',
    unixsocketperm: '0700',
    'oom-score-adj-values': '1 2 3',
    'shutdown-on-sigterm': 'force nosave',
    'latency-tracking-info-percentiles': '""',
    'maxmemory-clients': '7%',
    'acl-pubsub-default': 'ALLCHANNELS',
    'proc-title-template': "'{title} x'",
  }
  const args = [
    '--save',
    '9',
    '5',
    '--min-slaves-to-write',
    '2',
    '--maxmemory',
    '1GB',
    '--syslog-ident',
    '--x',
    '--loglevel verbose',
  ]
  await using server = await startServer({ family: 'redis', version: '7.0.15', config: lines, args })
  const client = await server.connect({ protocol: 3 })
  const config = configOf(server)
  config.load(parseFlags(args).directives)
  assert.equal(ourValues(config, '*'), await realValues(client, '*'))
  await client.close()
})

/** The lines of a rewritten file: redis-server adds what is new in no order. */
function comparable(text: string): string[] {
  const lines = text.split('\n')
  const end = lines.indexOf('# Generated by CONFIG REWRITE')
  return end < 0 ? lines : [...lines.slice(0, end), ...lines.slice(end).sort()]
}

test('CONFIG REWRITE writes what redis-server 7.0.15 writes', { skip }, async () => {
  await using server = await startServer({
    family: 'redis',
    version: '7.0.15',
    config: {
      maxmemory: '0',
      'client-output-buffer-limit': 'pubsub 1 1 1',
      'list-max-ziplist-value': '1',
      'slave-priority': '9',
    },
  })
  const client = await server.connect({ protocol: 3 })
  const path = join(server.dir, 'redis.conf')
  const config = configOf(server)
  const comments =
    '# first\n\n\n#second\n  timeout   5  \nport 1\nbogus 5\nhz 10\ndbfilename "x"\nsave 1 1\nmasterauth x\n'
  writeFileSync(path, comments + readFileSync(path, 'utf8'))
  const changes: [string, string][][] = [
    [],
    [
      ['save', '5 1 6 2'],
      ['maxmemory', '1536kb'],
      ['client-output-buffer-limit', 'replica 1gb 1000 5'],
    ],
    [
      ['save', ''],
      ['maxmemory-clients', '5%'],
      ['notify-keyspace-events', 'KA'],
      ['hash-max-ziplist-value', '65'],
    ],
    [
      ['masterauth', 'a "b" \\ \xff\n'],
      ['replica-announce-ip', 'x y'],
      ['ignore-warnings', 'ARM64-COW-BUG'],
    ],
    [
      ['masterauth', ''],
      ['replica-announce-ip', ''],
      ['latency-tracking-info-percentiles', ''],
      ['maxmemory', '0'],
    ],
    [
      ['save', '3600 1 300 100 60 10000'],
      ['oom-score-adj-values', '0 200 801'],
      ['repl-diskless-load', 'swapdb'],
    ],
  ]
  for (const pairs of changes) {
    if (pairs.length > 0) {
      await client.ok('CONFIG', 'SET', ...pairs.flat())
      config.set(pairs)
    }
    const original = readFileSync(path, 'utf8')
    await client.ok('CONFIG', 'REWRITE')
    const users = ((await client.ok('ACL', 'LIST')) as string[]).map((line) => line.replace('user ', ''))
    assert.equal(
      comparable(config.rewrite(original, { users })),
      comparable(readFileSync(path, 'utf8')),
      JSON.stringify(pairs),
    )
  }
  await client.close()
})

test('lines are parted into words as redis-server 7.0.15 parts them', { skip }, async () => {
  await using server = await startServer({ family: 'redis', version: '7.0.15' })
  let state = 11
  const random = (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor((state / 2147483648) * below)
  }
  const alphabet = 'ab  "\'"\'\\\\x4nt\t\v\xc3\xa9#'
  let open = 0
  let client = await server.connect({ bulk: 'latin1' })
  for (let i = 0; i < 600; i++) {
    const line = Array.from({ length: random(14) }, () => alphabet[random(alphabet.length)]).join('')
    const words = splitWords(textOfLatin1(line))
    // The command gives back its keys: inline commands are parted as configuration lines are.
    client.send(`COMMAND GETKEYS MGET k ${line}\r\n`)
    const reply = await client.reply()
    if (words === undefined) {
      assert.match(String(said(reply)), /unbalanced quotes/, JSON.stringify(line))
      await client.close()
      client = await server.connect({ bulk: 'latin1' })
      open++
    } else {
      assert.equal((reply as string[]).slice(1).map(textOfLatin1), words, JSON.stringify(line))
    }
  }
  assert.ok(open > 100 && open < 500, `${open} of 600 lines were refused`)
  await client.close()
})

test.run()
