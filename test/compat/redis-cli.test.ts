// What people do with redis-cli, done with the real one, 7.0 and 8.6, at a Store's port. Each case says what must be seen
// on the screen, and where data is moved (--rdb, --pipe, --replica), that all of it came.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { encode } from '../client.js'
import { digest, missingPeer, type Peer, requirePeer, runPeer, startServer } from '../peers.js'
import { deadline, suite, until } from '../suite.js'

const PASSWORD = 'a pass word'
/** `--latency` measures this long. */
const LATENCY_SECONDS = '0.5'

/** A program that runs while the test talks to it. What it prints, on both channels, is kept, but for colours. */
class Program implements AsyncDisposable {
  output = ''
  #seen = 0
  readonly #child: ChildProcess
  readonly #exited: Promise<void>

  constructor(command: string, args: string[], env: Record<string, string> = {}) {
    this.#child = spawn(command, args, { env: { ...process.env, LC_ALL: 'C', ...env } })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString().replace(/\x1b\[[\d;]*[A-Za-z]/g, '')
      })
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', () => resolve())
      this.#child.once('close', () => resolve())
    })
  }

  type(input: Buffer | string): void {
    this.#child.stdin?.write(input)
  }

  endInput(): void {
    this.#child.stdin?.end()
  }

  /** Waits until this is printed, behind what was seen last. */
  async see(what: string | RegExp): Promise<void> {
    const seen = (): boolean => {
      const fresh = this.output.slice(this.#seen)
      const found = typeof what === 'string' ? fresh.indexOf(what) : fresh.search(what)
      if (found < 0) return false
      this.#seen += found + (typeof what === 'string' ? what : fresh.match(what)![0]).length
      return true
    }
    try {
      await until(seen, { what: `${what} on the screen` })
    } catch (error) {
      throw new Error(`${(error as Error).message}; it said:\n${this.output.slice(-1000)}`, { cause: error })
    }
  }

  async ended(): Promise<void> {
    await deadline(this.#exited, 10_000, 'the program to end')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended()
  }
}

function fill(store: Store<string>): void {
  for (let i = 0; i < 300; i++) store.set(`key:${i}`, `value ${i}`)
  store.set('big', 'x'.repeat(100_000))
  store.set('ä€\u{1f600}', 'ünïcödé')
  store.call('SET', 'bytes', Buffer.of(0, 0xff, 0x0d, 0x0a, 0x80))
  store.set('timed', 'for a day', { ttl: 86_400_000 })
  store.db(3).set('elsewhere', 'in three')
}

for (const version of ['7.0.15', '8.6.3']) {
  const skip = missingPeer('redis', version)
  const test = suite(`redis-cli ${version}`)
  let peer: Peer
  let store: Store<string>
  let port = ''

  const cli = (...args: string[]): Promise<string> => runPeer(peer.cli, ['-p', port, ...args])
  const start = (...args: string[]): Program => new Program(peer.cli, ['-p', port, ...args])
  /** On a terminal of its own, 80 columns wide: as a person sees it. */
  const onTerminal = (...args: string[]): Program =>
    new Program(
      'script',
      ['-qec', `stty cols 80 rows 24; exec ${peer.cli} -p ${port} ${args.join(' ')}`, '/dev/null'],
      {
        TERM: 'xterm',
        HOME: tmpdir(),
        REDISCLI_HISTFILE: '/dev/null',
      },
    )

  test.before(async () => {
    if (skip !== undefined) return
    peer = requirePeer('redis', version)!
    store = new Store<string>({ config: { 'enable-debug-command': 'yes' } })
    port = String((await store.listen({ port: 0 })).port)
  })
  test.before.each(() => {
    if (skip !== undefined) return
    store.call('FLUSHALL')
    fill(store)
  })
  test.after(() => store?.close())

  test('a session on a terminal', { skip }, async () => {
    await using screen = onTerminal()
    let prompt = `127.0.0.1:${port}`
    const type = async (line: string, answer: string | RegExp): Promise<void> => {
      await screen.see(`${prompt}> `)
      screen.type(`${line}\r`)
      await screen.see(answer)
    }
    await type('set greeting "hello there"', /\nOK\r/)
    await type('get greeting', '\n"hello there"\r')
    await type('select 3', /\nOK\r/)
    prompt += '[3]'
    await type('get elsewhere', '\n"in three"\r')
    await type('multi', /\nOK\r/)
    prompt += '(TX)'
    await type('incr n', /\nQUEUED\r/)
    await type('exec', /\n1\) \(integer\) 1\r/)
    prompt = prompt.replace('(TX)', '')
    await type('nonsense a b', "(error) ERR unknown command 'nonsense', with args beginning with: 'a' 'b'")
    await type('exit', 'exit')
    await screen.ended()
    assert.is(store.get('greeting'), 'hello there')
  })

  test('hints while typing, and HELP, out of COMMAND DOCS', { skip }, async () => {
    await using screen = onTerminal()
    const prompt = `127.0.0.1:${port}> `
    await screen.see(prompt)
    screen.type('expire ')
    await screen.see('key seconds')
    screen.type('k 10\r')
    await screen.see('\n(integer) 0')
    await screen.see(prompt)
    screen.type('help getrange\r')
    await screen.see(/GETRANGE key start end/)
    await screen.see(/since: 2\.4\.0/)
    await screen.see(prompt)
    screen.type('help @string\r')
    await screen.see(/SETRANGE key offset value/)
  })

  test('a script of commands on standard input', { skip }, async () => {
    const said = await runPeer(peer.cli, ['-p', port], { input: 'set a 1\nincr a\nget a\nwrong\n' })
    assert.is(said, "OK\n2\n2\nERR unknown command 'wrong', with args beginning with: \n\n")
  })

  test('one command: output for people, raw, CSV and JSON', { skip }, async () => {
    assert.is(await cli('get', 'key:1'), 'value 1\n')
    assert.is(await cli('--no-raw', 'get', 'bytes'), '"\\x00\\xff\\r\\n\\x80"\n')
    assert.is(await cli('--no-raw', 'ttl', 'none'), '(integer) -2\n')
    assert.is(await cli('--csv', 'mget', 'key:1', 'none'), '"value 1",NULL\n')
    assert.is(await cli('--json', 'mget', 'key:1', 'none'), '["value 1",null]\n')
    assert.is(await cli('-r', '3', 'incr', 'times'), '1\n2\n3\n')
    assert.is(await cli('echo', 'ä'), 'ä\n')
    assert.is(await runPeer(peer.cli, ['-p', port, '-x', 'set', 'stdin'], { input: 'from a pipe' }), 'OK\n')
    assert.is(store.get('stdin'), 'from a pipe')
  })

  test('-n chooses the database, -3 the protocol, -u both at once', { skip }, async () => {
    assert.is(await cli('-n', '3', 'get', 'elsewhere'), 'in three\n')
    assert.is(await cli('-3', '--no-raw', 'config', 'get', 'maxmemory'), '1# "maxmemory" => "0"\n')
    assert.is(await cli('-3', '--no-raw', 'get', 'none'), '(nil)\n')
    assert.is(await cli('-3', '-n', '3', 'get', 'elsewhere'), 'in three\n')
    assert.is(await runPeer(peer.cli, ['-u', `redis://127.0.0.1:${port}/3`, 'get', 'elsewhere']), 'in three\n')
    assert.match(await cli('-3', 'client', 'list'), / resp=3/)
  })

  test('-a, --user and REDISCLI_AUTH', { skip }, async () => {
    await using locked = new Store({ config: { requirepass: PASSWORD } })
    const at = ['-p', String((await locked.listen({ port: 0 })).port)]
    locked.set('k', 'v')
    assert.is(await runPeer(peer.cli, [...at, 'get', 'k']), 'NOAUTH Authentication required.\n\n')
    assert.is(await runPeer(peer.cli, [...at, '--no-auth-warning', '-a', PASSWORD, 'get', 'k']), 'v\n')
    assert.is(
      await runPeer(peer.cli, [...at, '--no-auth-warning', '--user', 'default', '--pass', PASSWORD, '-3', 'get', 'k']),
      'v\n',
    )
    await using screen = new Program(peer.cli, [...at, '-a', 'wrong', 'get', 'k'])
    await screen.see('AUTH failed: WRONGPASS invalid username-password pair or user is disabled.')
    await using fromEnvironment = new Program(peer.cli, [...at, 'get', 'k'], { REDISCLI_AUTH: PASSWORD })
    await fromEnvironment.see('v\n')
  })

  test('--scan gives every key once, or those of a pattern', { skip }, async () => {
    const all = (await cli('--scan')).trimEnd().split('\n')
    assert.is(all.length, store.size)
    assert.equal(
      all.filter((key) => key.startsWith('key:')).sort(),
      [...store.scan('key:*')].map(([key]) => key).sort(),
    )
    const few = version.startsWith('7') ? [] : ['--count', '7']
    assert.is((await cli('--scan', '--pattern', 'key:1?', ...few)).trimEnd().split('\n').length, 10)
  })

  test('--bigkeys', { skip }, async () => {
    const big = await cli('--bigkeys')
    assert.match(big, /Biggest string found ["']"?big"?["'] has 100000 bytes/)
    assert.match(big, new RegExp(`Sampled ${store.size} keys in the keyspace!`))
    assert.match(big, new RegExp(`${store.size} strings with \\d+ bytes`))
  })

  test('--hotkeys', { skip }, async () => {
    store.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu')
    try {
      for (let i = 0; i < 1000; i++) store.get('key:7')
      assert.match(await cli('--hotkeys'), /Sampled \d+ keys in the keyspace!/)
    } finally {
      store.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
  })

  test('--stat', { skip }, async () => {
    await using screen = onTerminal('--stat', '-i', '0.05')
    await screen.see(/------- data ------[\s\S]*keys +mem +clients +blocked +requests +connections/)
    // keys, memory, clients, blocked, requests (and how many more), connections
    await screen.see(new RegExp(`(?:\\n${store.size + 1} +[\\d.]+[KMG] +\\d+ +0 +\\d+ \\(\\+\\d+\\) +\\d+ *\\r){3}`))
  })

  test('--latency, and its history', { skip }, async () => {
    const [min, max, average, count] = (await cli('--latency', '--raw', '-i', LATENCY_SECONDS))
      .trim()
      .split(' ')
      .map(Number)
    assert.ok(min <= average && average <= max && max < 400, `${min} ${average} ${max}`)
    assert.ok(count > 5, String(count))
    await using screen = onTerminal('--latency-history', '-i', '0.2')
    await screen.see(/(?:min: \d+, max: \d+, avg: [\d.]+ \(\d+ samples\) -- 0\.\d+ seconds range[\s\S]*){2}/)
  })

  test('--pipe: RESP, inline and errors, all counted', { skip }, async () => {
    const piped = async (input: Buffer | string): Promise<string> => {
      const program = start('--pipe')
      program.type(input)
      program.endInput()
      await program.ended()
      return program.output
    }
    const resp = Buffer.concat(
      Array.from({ length: 20_000 }, (_, i) => encode('SET', `piped:${i}`, Buffer.of(i & 0xff, 0xff))),
    )
    assert.match(await piped(resp), /errors: 0, replies: 20000/)
    assert.is([...store.scan('piped:*')].length, 20_000)
    const lines = Array.from({ length: 500 }, (_, i) => `SET line:${i} "a b ${i}"\r\n`).join('')
    assert.match(await piped(lines), /errors: 0, replies: 500/)
    assert.is(store.get('line:499'), 'a b 499')
    assert.match(await piped('SET a b\r\nINCR a\r\n'), /errors: 1, replies: 2/)
  })

  test('--rdb gives a file that redis-check-rdb accepts and redis-server loads', {
    skip,
    limitMs: 30_000,
  }, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hotspare-cli-'))
    try {
      const file = join(dir, 'dump.rdb')
      await cli('--rdb', file)
      assert.match(await runPeer(peer.checkRdb, [file]), /\\o\/ RDB looks OK! \\o\//)
      await using server = await startServer({ family: 'redis', version, dir })
      assert.is(await server.digest(), await digest(Number(port)))
      assert.is(await server.call('DBSIZE'), store.size)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  test('--replica shows what is written from then on', { skip }, async () => {
    await using screen = onTerminal('--replica')
    await screen.see(/done\b.* Logging commands from/)
    store.set('later', 'ä "quoted"\r\n')
    store.set('timed', 'v', { expiresAt: 4_000_000_000_000 })
    store.db(3).delete('elsewhere')
    await screen.see('"later","\\xc3\\xa4 \\"quoted\\"\\r\\n"')
    await screen.see(/"timed","v","PXAT","4000000000000"/i)
    await screen.see(/"SELECT","3"\r\n"(?:DEL|UNLINK)","elsewhere"/i)
  })

  test('MONITOR shows requests as they come', { skip }, async () => {
    await using screen = start('monitor')
    await screen.see('OK\n')
    await cli('-n', '3', 'set', 'watched', 'a "b"')
    await screen.see(/\n\d{10}\.\d{6} \[3 127\.0\.0\.1:\d+\] "set" "watched" "a \\"b\\""\n/)
    await runPeer(peer.cli, ['-p', port, 'auth', 'secret']).catch(() => undefined)
    await cli('ping')
    await screen.see(/"ping"\n/)
    assert.not.match(screen.output, /secret/)
  })

  test.run()
}
