// The `hotspare` program as a process of its own: how it is configured, what it says, where it listens, how it ends.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { RawClient } from './client.js'
import { freePort } from './peers.js'
import { suite, until } from './suite.js'

const test = suite('hotspare, the program')

const PROGRAM = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')
const dir = mkdtempSync(join(tmpdir(), 'hotspare-cli-'))

/** `pid:role day time mark message`. */
const LINE = /^\d+:[CMS] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.*#-] ./

class Program {
  output = ''
  errors = ''
  readonly process: ChildProcess
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>

  constructor(args: string[], { input = '', cwd = dir } = {}) {
    this.process = spawn(process.execPath, ['--import', TSX, PROGRAM, ...args], { cwd, stdio: 'pipe' })
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString()
    })
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString()
    })
    this.process.stdin?.on('error', () => {})
    this.process.stdin?.end(input)
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code, signal) => resolve(code ?? signal))
    })
    programs.add(this)
  }

  says(what: RegExp): Promise<unknown> {
    return until(() => what.test(this.output), { what: `${what} in:\n${this.output}${this.errors}` })
  }

  get lines(): string[] {
    return this.output.trimEnd().split('\n')
  }
}

const programs = new Set<Program>()
const killAll = (): void => {
  for (const program of programs) program.process.kill('SIGKILL')
}
process.on('exit', killAll)

async function ready(args: string[], options: { input?: string; cwd?: string } = {}): Promise<Program> {
  const program = new Program(args, options)
  await Promise.race([
    program.says(/Ready to accept connections/),
    program.ended.then((code) => Promise.reject(new Error(`ended with ${code}: ${program.output}${program.errors}`))),
  ])
  return program
}

/** Runs it to its end. */
async function run(args: string[], input = ''): Promise<Program & { code: unknown }> {
  const program = new Program(args, { input })
  const code = await program.ended
  return Object.assign(program, { code })
}

function file(name: string, text: string): string {
  const path = join(dir, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

function folder(name: string): string {
  mkdirSync(join(dir, name), { recursive: true })
  return join(dir, name)
}

async function ask(port: number, ...argv: string[]): Promise<unknown> {
  await using client = await RawClient.connect({ port })
  return await client.call(...argv)
}

test.after.each(async () => {
  killAll()
  await Promise.all([...programs].map((program) => program.ended))
  programs.clear()
})
test.after(() => rmSync(dir, { recursive: true, force: true }))

test('says its version and its usage', async () => {
  for (const flag of ['-v', '--version']) {
    const ran = await run([flag])
    assert.match(ran.output, /^hotspare v=\d+\.\d+\.\d+ redis_version=7\.0\.15 /)
    assert.is(ran.code, 0)
  }
  const help = await run(['--help'])
  assert.match(help.output, /^Usage: hotspare \[\/path\/to\/redis\.conf\] \[options\] \[-\]/)
  assert.is(help.code, 0)
})

test('logs its start as Redis does, answers, and ends on SIGTERM and SIGINT with code 0', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const port = await freePort()
    const program = await ready(['--port', String(port)])
    assert.is(await ask(port, 'PING'), 'PONG')
    program.process.kill(signal)
    assert.is(await program.ended, 0)
    assert.equal(
      program.lines.filter((line) => !LINE.test(line)),
      [],
    )
    assert.match(program.output, /:C .* # hotspare \d+\.\d+\.\d+, redis_version=7\.0\.15, /)
    assert.match(program.output, new RegExp(`:M .* \\* Running mode=standalone, port=${port}\\.`))
    assert.match(program.output, /:M .* # Server initialized\n.*:M .* \* Ready to accept connections/)
    assert.match(program.output, new RegExp(`:M .* # Received ${signal} scheduling shutdown`))
    assert.match(program.lines.at(-1)!, /:M .* # .*ready to exit, bye bye\.\.\./)
    assert.is(program.errors, '')
  }
})

test('always-show-logo: where it listens and as which process, for scripts that read this of redis-server', async () => {
  const port = await freePort()
  const program = await ready(['--port', String(port), '--always-show-logo', 'yes'])
  assert.match(program.output, new RegExp(`\\n +Port: ${port}\\n +PID: ${program.process.pid}\\n`))
  assert.not.match(program.output, /Running mode=/)
})

test('SHUTDOWN ends it with code 0, and its connections', async () => {
  const port = await freePort()
  const program = await ready(['--port', String(port)])
  const client = await RawClient.connect({ port })
  client.send('SHUTDOWN NOSAVE\r\n')
  await client.closed
  assert.is(await program.ended, 0)
  assert.match(program.output, /User requested shutdown\.\.\./)
})

test('SHUTDOWN NOW: replicas get what was written, and nothing that the file does not hold', async () => {
  const port = await freePort()
  const program = await ready(['--port', String(port), '--dir', folder('now'), '--repl-diskless-sync-delay', '0'])
  const replica = await RawClient.connect({ port })
  replica.send('PSYNC ? -1\r\n')
  await until(async () => /state=online/.test(String(await ask(port, 'INFO', 'replication'))), { what: 'it is fed' })
  await using client = await RawClient.connect({ port })
  client.send('SET a 1\r\nSHUTDOWN NOW SAVE\r\n')
  await replica.closed
  const stream = replica.drain().toString('latin1')
  assert.is(await program.ended, 0)
  assert.match(stream, /SET\r\n\$1\r\na\r\n\$1\r\n1\r\n$/)
  assert.match(program.output, /Saving the final RDB snapshot/)
})

test('a client that stays does not keep it from ending', async () => {
  const port = await freePort()
  const program = await ready(['--port', String(port)])
  await using client = await RawClient.connect({ port })
  await client.ok('PING')
  program.process.kill('SIGTERM')
  assert.is(await program.ended, 0)
})

test('a port that is taken: a line that says so, and code 1', async () => {
  const port = await freePort()
  const server = createServer().listen(port, '127.0.0.1')
  try {
    const ran = await run(['--port', String(port), '--bind', '127.0.0.1'])
    assert.is(ran.code, 1)
    const line = `Could not create server TCP listening socket 127.0.0.1:${port}: bind: Address already in use`
    assert.ok(ran.output.includes(line), ran.output)
    assert.match(ran.lines.at(-1)!, new RegExp(`# Failed listening on port ${port} \\(TCP\\), aborting\\.$`))
  } finally {
    server.close()
  }
})

test('an address that it does not have: fatal, unless a dash stands before it', async () => {
  const port = String(await freePort())
  const ran = await run(['--port', port, '--bind', '127.0.0.1', '192.0.2.1'])
  assert.is(ran.code, 1)
  assert.match(ran.output, /192\.0\.2\.1:\d+: bind: Cannot assign requested address/)
  const program = await ready(['--port', port, '--bind', '127.0.0.1', '-192.0.2.1'])
  assert.match(program.output, /Warning: Could not create server TCP listening socket 192\.0\.2\.1/)
})

test('nowhere to listen: code 1', async () => {
  const ran = await run(['--port', '0'])
  assert.is(ran.code, 1)
  assert.match(ran.output, /Configured to not listen anywhere, exiting\./)
})

test('a configuration error is told in the form of Redis, without secrets, with code 1', async () => {
  const cases: [args: string[], text: string][] = [
    [
      [file('unknown.conf', 'port 7000\n# a comment\n\nno-such thing\n')],
      "Reading the configuration file, at line 4\n>>> 'no-such thing'\nBad directive or wrong number of arguments",
    ],
    [['--port', '70000'], `>>> 'port "70000"'\nargument must be between 0 and 65535 inclusive`],
    [['--dir', join(dir, 'nowhere')], 'No such file or directory'],
    [['--logfile', join(dir, 'nowhere', 'log')], "Can't open the log file: No such file or directory"],
    [[join(dir, 'nowhere.conf')], `Fatal error, can't open config file '${join(dir, 'nowhere.conf')}': No such file`],
    [['--user', 'ada', 'on', '>swordfish', '~*', '+@all'], 'Users are not supported'],
    [['--rename-command', 'FLUSHALL', ''], 'Renaming commands is not supported'],
    [['--loadmodule', '/a.so'], 'Modules are not supported'],
  ]
  const all = await Promise.all(cases.map(([args]) => run(args)))
  for (const [i, [args, text]] of cases.entries()) {
    const ran = all[i]
    assert.is(ran.code, 1, args.join(' '))
    assert.ok(ran.errors.includes(text), ran.errors)
    assert.not.ok(ran.errors.includes('swordfish'))
    if (!text.startsWith('Fatal')) assert.match(ran.errors, /^\n\*\*\* FATAL CONFIG FILE ERROR \(hotspare\) \*\*\*\n/)
    assert.is(ran.output, '')
  }
})

test('a file, what it includes, standard input and options: the later ones win', async () => {
  const port = await freePort()
  file('conf.d/1.conf', 'maxclients 100\ntimeout 10\n')
  file('conf.d/2.conf', 'timeout 20\nrepl-timeout 33\n')
  const path = file('main.conf', `include ${dir}/conf.d/*.conf\ninclude ${dir}/none-*.conf\nrepl-timeout 44\nport 1\n`)
  await ready([path, '--port', String(port), '--hz', '50', '-'], { input: 'repl-timeout 55\nhz 20\n' })
  const config = (await ask(port, 'CONFIG', 'GET', 'maxclients')) as string[]
  assert.is(config[1], '100')
  const value = async (name: string): Promise<unknown> => ((await ask(port, 'CONFIG', 'GET', name)) as string[])[1]
  assert.is(await value('timeout'), '20')
  assert.is(await value('repl-timeout'), '55')
  assert.is(await value('hz'), '50')
})

test('loglevel and logfile, which stands in dir; what is ignored is said at debug only', async () => {
  const port = await freePort()
  mkdirSync(join(dir, 'data'), { recursive: true })
  const args = ['--port', String(port), '--dir', join(dir, 'data'), '--logfile', 'log', '--loglevel']
  const log = join(dir, 'data', 'log')
  const quiet = new Program([...args, 'warning'])
  await until(
    () =>
      RawClient.connect({ port }).then(
        (client) => client.close().then(() => true),
        () => false,
      ),
    {
      what: 'it listens',
    },
  )
  quiet.process.kill('SIGTERM')
  assert.is(await quiet.ended, 0)
  assert.is(quiet.output, '')
  const said = readFileSync(log, 'utf8')
  assert.not.match(said, /Ready to accept/)
  assert.match(said, /bye bye/)
  rmSync(log)
  const loud = new Program([...args, 'debug', '--daemonize', 'yes'])
  await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('Ready to accept'), { what: 'it is ready' })
  assert.match(readFileSync(log, 'utf8'), / \. The directive daemonize is kept for CONFIG GET/)
  loud.process.kill('SIGTERM')
  assert.is(await loud.ended, 0)
})

test('saves when told to, and at its end if there are save points; loads the file when it starts again', async () => {
  const folder = mkdtempSync(join(dir, 'saves-'))
  const args = async (...more: string[]): Promise<string[]> => [
    '--port',
    String(await freePort()),
    '--dir',
    folder,
    ...more,
  ]
  const first = await args('--enable-debug-command', 'local')
  const program = await ready(first)
  {
    await using client = await RawClient.connect({ port: Number(first[1]) })
    await client.ok('SET', 'a', '1')
    assert.is(await client.ok('DEBUG', 'RELOAD'), 'OK')
    assert.is(await client.ok('SAVE'), 'OK')
    await client.ok('SET', 'b', '2')
    assert.is(await client.ok('BGSAVE'), 'Background saving started')
    await until(async () => /rdb_bgsave_in_progress:0/.test(String(await client.ok('INFO', 'persistence'))), {
      what: 'saved',
    })
    await client.ok('SET', 'c', '3')
  }
  program.process.kill('SIGTERM')
  assert.is(await program.ended, 0)
  const second = await args('--save', '3600 1')
  const again = await ready(second)
  assert.match(again.output, /DB loaded from disk/)
  {
    await using client = await RawClient.connect({ port: Number(second[1]) })
    assert.equal(
      await client.ok('MGET', 'a', 'b', 'c'),
      ['1', '2', null],
      'without save points nothing is saved at the end',
    )
    await client.ok('SET', 'c', '3')
  }
  again.process.kill('SIGTERM')
  assert.is(await again.ended, 0)
  const third = await args()
  await ready(third)
  await using client = await RawClient.connect({ port: Number(third[1]) })
  assert.is(await client.ok('GET', 'c'), '3')
})

test('listens at a Unix socket, with its permissions', async () => {
  const path = join(dir, 's')
  const program = await ready(['--port', '0', '--unixsocket', path, '--unixsocketperm', '700'])
  await using client = await RawClient.connect({ path })
  assert.is(await client.ok('PING'), 'PONG')
  assert.is(statSync(path).mode & 0o777, 0o700)
  program.process.kill('SIGTERM')
  assert.is(await program.ended, 0)
  assert.not.ok(existsSync(path))
})

/** A certificate for localhost that vouches for itself; undefined without the openssl program. */
function certificate(): { cert: string; key: string } | undefined {
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  try {
    execFileSync('openssl', [...args, ...names, '-out', cert, '-keyout', key], { stdio: 'pipe' })
    return { cert, key }
  } catch (cause) {
    if (process.env.CI === 'true') throw new Error('no openssl program', { cause })
    return undefined
  }
}

const files = certificate()

test('listens with TLS at tls-port', { skip: files ? undefined : 'there is no openssl program' }, async () => {
  const [port, tlsPort] = [await freePort(), await freePort()]
  const { cert, key } = files!
  const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key]
  await ready(['--port', String(port), ...tls, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'])
  const ca = readFileSync(cert)
  await using client = await RawClient.connect({ port: tlsPort, tls: { ca } })
  assert.is(await client.ok('PING'), 'PONG')
  killAll()
  // Otherwise who connects has to show a certificate too.
  const strict = await ready(['--port', '0', ...tls, '--tls-ca-cert-file', cert])
  const connect = (more: object): Promise<unknown> =>
    RawClient.connect({ port: tlsPort, tls: { ca, ...more } }).then((one) => one.call('PING'))
  assert.is(await connect({ cert: ca, key: readFileSync(key) }), 'PONG')
  assert.is(await connect({}).catch(() => 'refused'), 'refused')
  strict.process.kill('SIGTERM')
  assert.is(await strict.ended, 0)
  const bad = await run(['--port', String(port), '--tls-port', String(tlsPort), '--tls-cert-file', join(dir, 'none')])
  assert.is(bad.code, 1)
  assert.match(bad.output, /Failed to load tls-cert-file .*none: No such file or directory/)
})

test('asks for the password of requirepass', async () => {
  const port = await freePort()
  const program = await ready(['--port', String(port), '--requirepass', 'swordfish', '--loglevel', 'debug'])
  assert.match(String(await ask(port, 'PING')), /NOAUTH/)
  await using client = await RawClient.connect({ port, password: 'swordfish' })
  assert.is(await client.ok('PING'), 'PONG')
  assert.not.match(program.output, /swordfish/)
})

test('follows the primary that replicaof names, without waiting for it', async () => {
  const [port, primaryPort] = [await freePort(), await freePort()]
  const replica = await ready(['--port', String(port), '--replicaof', '127.0.0.1', String(primaryPort)])
  assert.match(replica.output, /:S .* \* Ready to accept connections/)
  assert.match(String(await ask(port, 'INFO', 'replication')), /master_link_status:down/)
  await ready(['--port', String(primaryPort), '--dir', folder('primary')])
  await ask(primaryPort, 'SET', 'k', 'v')
  await until(async () => (await ask(port, 'GET', 'k')) === 'v', { what: 'the replica has the key' })
  assert.match(String(await ask(port, 'SET', 'k', 'w')), /^.*READONLY/)
  await ask(port, 'REPLICAOF', 'NO', 'ONE')
  replica.process.kill('SIGTERM')
  assert.is(await replica.ended, 0)
  assert.match(replica.lines.at(-1)!, /:M /)
})

test('while a replica loads its file it is a replica, whose link waits for the end of that; SHUTDOWN is possible', {
  limitMs: 60_000,
}, async () => {
  const [port, primaryPort] = [await freePort(), await freePort()]
  const path = folder('loading')
  const writer = await ready(['--port', String(port), '--dir', path, '--enable-debug-command', 'yes'])
  await ask(port, 'DEBUG', 'POPULATE', '300000', 'key', '100')
  await ask(port, 'SHUTDOWN', 'SAVE').catch(() => undefined)
  assert.is(await writer.ended, 0)
  const size = statSync(join(path, 'dump.rdb')).size
  const options = ['--port', String(port), '--dir', path, '--replicaof', '127.0.0.1', String(primaryPort)]
  const replica = new Program(options)
  const info = await until(() => ask(port, 'INFO').catch(() => undefined), { what: 'it listens' })
  assert.match(String(info), /\nloading:1\r/, 'it is loading')
  assert.match(String(info), new RegExp(`role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:${primaryPort}\r`))
  assert.equal(await ask(port, 'ROLE'), ['slave', '127.0.0.1', primaryPort, 'connect', -1])
  assert.match(String(await ask(port, 'SET', 'a', '1')), 'READONLY')
  assert.match(String(await ask(port, 'GET', 'a')), 'LOADING')
  assert.match(String(await ask(port, 'REPLICAOF', 'NO', 'ONE')), 'LOADING')
  assert.not.match(replica.output, /Connecting to MASTER/)
  await replica.says(/:S .* \* Ready to accept connections[\s\S]*Connecting to MASTER/)
  await ask(port, 'SHUTDOWN', 'NOSAVE').catch(() => undefined)
  assert.is(await replica.ended, 0)
  const another = new Program(options)
  await until(
    () =>
      ask(port, 'PING').then(
        (reply) => /LOADING/.test(String(reply)),
        () => false,
      ),
    { what: 'it loads' },
  )
  await ask(port, 'SHUTDOWN', 'SAVE').catch(() => undefined)
  assert.is(await another.ended, 0)
  assert.not.match(another.output, /Ready to accept connections|DB saved/)
  assert.is(statSync(join(path, 'dump.rdb')).size, size, 'what is loaded by half is not saved')
})

test('CONFIG SET port moves it; a port that is taken leaves it where it was', async () => {
  const [first, second, taken] = [await freePort(), await freePort(), await freePort()]
  const program = await ready(['--port', String(first)])
  const answers = (port: number): Promise<boolean> =>
    ask(port, 'PING').then(
      (reply) => reply === 'PONG',
      () => false,
    )
  await ask(first, 'CONFIG', 'SET', 'port', String(second))
  await until(() => answers(second), { what: 'it listens at the new port' })
  assert.is(await answers(first), false)
  assert.match(String(await ask(second, 'INFO', 'server')), new RegExp(`tcp_port:${second}\r`))
  const server = createServer().listen(taken, '127.0.0.1')
  try {
    await ask(second, 'CONFIG', 'SET', 'port', String(taken))
    await program.says(/The old addresses are kept/)
    await until(() => answers(second), { what: 'it listens at the old port again' })
    assert.equal(await ask(second, 'CONFIG', 'GET', 'port'), ['port', String(second)])
  } finally {
    server.close()
  }
})

test('CONFIG REWRITE keeps the file, with what has changed', async () => {
  const port = await freePort()
  const path = file('kept.conf', `# mine\nport ${port}\nrepl-timeout 44\n`)
  await ready([path])
  await ask(port, 'CONFIG', 'SET', 'repl-timeout', '45', 'maxmemory', '100mb')
  assert.is(await ask(port, 'CONFIG', 'REWRITE'), 'OK')
  const text = readFileSync(path, 'utf8')
  assert.match(text, new RegExp(`^# mine\\nport ${port}\\nrepl-timeout 45\\n`))
  assert.match(text, /\nmaxmemory 100mb\n/)
  const bare = await freePort()
  await ready(['--port', String(bare), '--dir', folder('bare')])
  assert.match(String(await ask(bare, 'CONFIG', 'REWRITE')), /without a config file/)
})

test('CONFIG REWRITE follows the role, and leaves nothing else behind', async () => {
  const port = await freePort()
  const place = folder('rewritten')
  const path = file('rewritten/node.conf', `# first\nport ${port}\nslaveof 127.0.0.1 1\n# last\n`)
  const program = await ready([path])
  const rewritten = async (...argv: string[]): Promise<string> => {
    await ask(port, ...argv)
    assert.is(await ask(port, 'CONFIG', 'REWRITE'), 'OK')
    return readFileSync(path, 'utf8')
  }
  assert.match(
    await rewritten('REPLICAOF', 'NO', 'ONE'),
    new RegExp(`^# first\nport ${port}\n\n# last\n\n?# Generated`),
  )
  assert.match(await rewritten('SLAVEOF', '127.0.0.1', '2'), /\nreplicaof 127\.0\.0\.1 2\n$/)
  chmodSync(path, 0o600)
  const same = await rewritten('PING')
  assert.is(same.match(/^replicaof/gm)?.length, 1)
  assert.is(same.match(/# Generated/g)?.length, 1)
  assert.is(statSync(path).mode & 0o777, 0o644)
  assert.equal(readdirSync(place), ['node.conf'])
  assert.match(String(await ask(port, 'INFO', 'server')), new RegExp(`\r\nconfig_file:${path}\r\n`))
  await program.says(/# CONFIG REWRITE executed with success\./)
  // Where nothing can be written, everything stays as it was.
  rmSync(place, { recursive: true })
  const refused = await ask(port, 'CONFIG', 'REWRITE')
  assert.is(String(refused), 'ErrorReply: ERR Rewriting config file: No such file or directory')
  await program.says(/# CONFIG REWRITE failed: No such file or directory/)
})

test('CONFIG SET dir enters it, or refuses', async () => {
  const port = await freePort()
  const path = file('dir.conf', `port ${port}\nenable-protected-configs yes\n`)
  await ready([path])
  mkdirSync(join(dir, 'other'), { recursive: true })
  assert.is(await ask(port, 'CONFIG', 'SET', 'dir', join(dir, 'other')), 'OK')
  assert.match(String(await ask(port, 'CONFIG', 'SET', 'dir', join(dir, 'nowhere'))), /No such file or directory/)
  assert.equal(await ask(port, 'CONFIG', 'GET', 'dir'), ['dir', join(dir, 'other')])
})

test.run()
