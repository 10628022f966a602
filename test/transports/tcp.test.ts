// TCP, Unix sockets and TLS: the contract over each, addresses, resets, and who is refused. Certificates are made here.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { StoreError } from '../../src/errors.js'
import type { Transport } from '../../src/link.js'
import { isLoopback } from '../../src/transports/socket-link.js'
import { type TcpOptions, type TlsOptions, tcp } from '../../src/transports/tcp.js'
import { suite } from '../suite.js'
import { End, Host, pair, soon, testContract, type World } from './contract.js'

const test = suite('tcp')

const folder = mkdtempSync(join(tmpdir(), 'hotspare-tcp-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
let sockets = 0

function tcpWorld(options: TcpOptions, clientTls?: TlsOptions): World {
  const client = { ...options, ...(clientTls && { tls: clientTls }) }
  return {
    server: tcp({ ...options, port: 0 }),
    client: (listening) => tcp({ ...client, port: listening.port }),
    nowhere: async () => tcp({ ...client, port: await freePort(options.host) }),
    sameAddress: (listening) => tcp({ ...options, port: listening.port }),
    close: async () => {},
  }
}

function unixWorld(tls?: TlsOptions): World {
  const path = socketPath()
  return {
    server: tcp({ path, tls }),
    client: () => tcp({ path, tls }),
    nowhere: async () => tcp({ path: socketPath(), tls }),
    sameAddress: () => tcp({ path, tls }),
    close: async () => assert.not(existsSync(path), 'the file is removed at close'),
  }
}

function socketPath(): string {
  return join(folder, `${++sockets}.sock`)
}

/** A port that was free a moment ago. */
function freePort(host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, host, () => {
      const bound = server.address()
      server.close(() => resolve(bound !== null && typeof bound === 'object' ? bound.port : 0))
    })
  })
}

// Certificates, made by the openssl program. On a developer's machine without it the TLS tests say that they skip.

interface Pem {
  readonly cert: string
  readonly key: string
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
}

function hasOpenssl(): boolean {
  try {
    openssl('version')
    return true
  } catch (cause) {
    if (process.env.CI) throw new Error('CI has no openssl program: the TLS tests cannot run', { cause })
    return false
  }
}

function authority(name: string): Pem {
  openssl(
    ...`req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ${name}.key`.split(' '),
    ...['-out', `${name}.pem`, '-subj', `/CN=${name}`],
  )
  return pemOf(name)
}

function certificate(name: string, authorityName: string, names: string): Pem {
  openssl(
    ...`req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key -out ${name}.csr`.split(' '),
    ...['-subj', `/CN=${name}`],
  )
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}\n`)
  openssl(
    ...`x509 -req -in ${name}.csr -CA ${authorityName}.pem -CAkey ${authorityName}.key -CAcreateserial -days 2`.split(
      ' ',
    ),
    ...['-extfile', `${name}.ext`, '-out', `${name}.pem`],
  )
  return pemOf(name)
}

function pemOf(name: string): Pem {
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
  return { cert: read(`${name}.pem`), key: read(`${name}.key`) }
}

interface Certificates {
  /** The authority behind server and client. */
  readonly ca: string
  readonly server: Pem
  readonly client: Pem
  /** Vouched for by another authority. */
  readonly stranger: Pem
}

function makeCertificates(): Certificates {
  const ca = authority('ca').cert
  authority('elsewhere')
  return {
    ca,
    server: certificate('server', 'ca', 'IP:127.0.0.1,DNS:localhost,DNS:spare.example'),
    client: certificate('client', 'ca', 'DNS:client'),
    stranger: certificate('stranger', 'elsewhere', 'IP:127.0.0.1,DNS:localhost'),
  }
}

const pems = hasOpenssl() ? makeCertificates() : undefined

function tlsTest(name: string, body: (certificates: Certificates) => Promise<void>): void {
  if (pems === undefined) test.skip(name, 'there is no openssl program')
  else test(name, () => body(pems))
}

testContract(test, 'tcp', async () => tcpWorld({}))
testContract(test, 'unix', async () => unixWorld())
if (pems !== undefined) {
  const { ca, server, client } = pems
  testContract(test, 'tls', async () => tcpWorld({ tls: server }, { ca }))
  testContract(test, 'mutual tls', async () =>
    tcpWorld({ tls: { ...server, ca, requestCert: true } }, { ...client, ca }),
  )
  testContract(test, 'tls over unix', async () => unixWorld({ ...server, ca }))
}

async function invalid(make: () => Transport): Promise<StoreError> {
  try {
    make()
  } catch (error) {
    assert.instance(error, StoreError)
    assert.is((error as StoreError).code, 'INVALID')
    return error as StoreError
  }
  throw new Error('nothing was thrown')
}

async function addressError(transport: Transport): Promise<StoreError> {
  const error = await transport.listen(() => {}).catch((reason: unknown) => reason)
  assert.instance(error, StoreError)
  assert.is((error as StoreError).code, 'ADDRESS')
  assert.ok((error as StoreError).cause)
  return error as StoreError
}

test('names of both ends, and of the place', async () => {
  const transport = tcp({})
  assert.equal([transport.address, transport.host, transport.port], ['127.0.0.1:0', '127.0.0.1', 0])
  const host = await Host.at(transport)
  const port = host.listening.port!
  assert.ok(port > 0)
  assert.is(host.listening.address, `127.0.0.1:${port}`)
  const { near, far } = await pair(host, tcp({ port }))
  assert.is(near.link.remote, `127.0.0.1:${port}`)
  assert.is(far.link.remote, near.link.local)
  assert.is(far.link.local, near.link.remote)
  assert.not(near.link.fromOutside)
  assert.not(far.link.fromOutside)
  near.link.destroy()
  await far.closed()
  assert.is(far.link.remote, near.link.local, 'names outlive the link')
  await host.listening.close()
})

const noIPv6 = await freePort('::1').then(
  () => undefined,
  () => 'this machine has no IPv6',
)

test('IPv6, and IPv4 clients of an IPv6 listener', { skip: noIPv6 }, async () => {
  const host = await Host.at(tcp({ host: '::' }))
  const port = host.listening.port!
  assert.is(host.listening.address, `[::]:${port}`)
  const six = await pair(host, tcp({ host: '::1', port }))
  assert.is(six.near.link.remote, `[::1]:${port}`)
  assert.match(six.far.link.remote, /^\[::1\]:\d+$/)
  const four = await pair(host, tcp({ port }))
  assert.match(four.far.link.remote, /^127\.0\.0\.1:\d+$/)
  assert.not(six.far.link.fromOutside)
  assert.not(four.far.link.fromOutside)
  for (const { near } of [six, four]) near.link.destroy()
  await Promise.all([six.far.closed(), four.far.closed()])
  await host.listening.close()
})

test('loopback is all of 127/8, ::1 and their mapped forms, and nothing else', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', 'localhost'])
    assert.ok(isLoopback(host), host)
  for (const host of ['10.0.0.1', '::', '0.0.0.0', '::ffff:10.0.0.1', 'fe80::1', '127.0.0.1.example', '128.0.0.1']) {
    assert.not(isLoopback(host), host)
  }
})

test('a Unix socket is named by its path and never comes from outside', async () => {
  const path = socketPath()
  const transport = tcp({ path })
  assert.equal([transport.address, transport.host, transport.port], [path, path, 0])
  const host = await Host.at(transport)
  assert.is(host.listening.port, undefined)
  const { near, far } = await pair(host, transport)
  assert.is(near.link.remote, path)
  assert.is(far.link.remote, path)
  assert.not(near.link.fromOutside)
  assert.not(far.link.fromOutside)
  near.link.destroy()
  await far.closed()
  await host.listening.close()
})

test('the socket file of a dead process is removed', async () => {
  const path = socketPath()
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  assert.throws(() => execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' }))
  assert.ok(existsSync(path))
  const host = await Host.at(tcp({ path }))
  const { near, far } = await pair(host, tcp({ path }))
  near.link.destroy()
  await far.closed()
  await host.listening.close()
})

test('a file that is no socket is left alone', async () => {
  const path = socketPath()
  writeFileSync(path, 'precious')
  await addressError(tcp({ path }))
  assert.is(readFileSync(path, 'utf8'), 'precious')
})

test('addresses that cannot be had are ADDRESS errors', async () => {
  await addressError(tcp({ path: join(folder, 'no', 'such', 'folder.sock') }))
  await addressError(tcp({ host: '192.0.2.1' }))
})

test('addresses that make no sense are INVALID', async () => {
  await invalid(() => tcp({ port: 65_536 }))
  await invalid(() => tcp({ port: 1.5 }))
  await invalid(() => tcp({ path: '' }))
  await invalid(() => tcp({ path: `/tmp/${'x'.repeat(120)}` }))
})

test('a connection that the other side resets is closed with a LINK error', async () => {
  const host = await Host.at(tcp({}))
  const raw = connect(host.listening.port!, '127.0.0.1')
  const far = new End(await host.next())
  raw.resetAndDestroy()
  await far.closed()
  assert.is((far.error as StoreError).code, 'LINK')
  assert.match(far.error!.message, /ECONNRESET/)
  await host.listening.close()
})

test('when the other side ends its half we close ours', async () => {
  const host = await Host.at(tcp({}))
  const raw = connect(host.listening.port!, '127.0.0.1')
  const far = new End(await host.next())
  far.onData = (chunk) => far.link.send(chunk)
  raw.end('last words')
  let heard = ''
  raw.on('data', (chunk) => {
    heard += chunk
  })
  await far.closed()
  await soon(new Promise((resolve) => raw.once('close', resolve)), 'the raw socket is closed')
  assert.is(heard, 'last words')
  assert.is(far.error, undefined)
  await host.listening.close()
})

test('end does not wait for ever for a side that does not close', async () => {
  const host = await Host.at(tcp({}))
  const raw = connect({ port: host.listening.port!, host: '127.0.0.1', allowHalfOpen: true })
  raw.on('error', () => {})
  raw.resume()
  const far = new End(await host.next())
  far.link.send('bye')
  far.link.end()
  await far.closed()
  raw.destroy()
  await host.listening.close()
})

test('a failed accept does not end the process', async () => {
  // libuv mostly turns clients away by itself when file descriptors run out; what is left comes as this event.
  const servers: Server[] = []
  const { listen } = Server.prototype
  Server.prototype.listen = function (this: Server, ...given: Parameters<typeof listen>): Server {
    servers.push(this)
    return listen.apply(this, given)
  } as typeof listen
  const host = await Host.at(tcp({})).finally(() => {
    Server.prototype.listen = listen
  })
  assert.is(servers.length, 1)
  servers[0]!.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  const { near, far } = await pair(host, tcp({ port: host.listening.port }))
  near.link.destroy()
  await far.closed()
  await host.listening.close()
})

tlsTest('a server that no trusted authority vouches for is refused', async ({ stranger, ca }) => {
  const host = await Host.at(tcp({ tls: stranger }))
  const near = new End(tcp({ port: host.listening.port, tls: { ca } }).connect())
  near.link.send('secret')
  await near.closed()
  assert.equal(near.calls, ['closed'])
  assert.is((near.error as StoreError).code, 'LINK')
  // A rule that is there but undefined is no leave.
  const careless = new End(tcp({ port: host.listening.port, tls: { ca, rejectUnauthorized: undefined } }).connect())
  await careless.closed()
  assert.equal(careless.calls, ['closed'])
  const trusting = await pair(host, tcp({ port: host.listening.port, tls: { rejectUnauthorized: false } }))
  trusting.near.link.destroy()
  await trusting.far.closed()
  await host.listening.close()
})

tlsTest('the certificate must carry the name that was asked for', async ({ server, ca }) => {
  const host = await Host.at(tcp({ tls: server }))
  const { port } = host.listening
  const right = await pair(host, tcp({ port, tls: { ca, servername: 'spare.example' } }))
  const byHost = await pair(host, tcp({ host: 'localhost', port, tls: { ca } }))
  const wrong = new End(tcp({ port, tls: { ca, servername: 'other.example' } }).connect())
  await wrong.closed()
  assert.match(wrong.error!.message, /ALTNAME/)
  for (const { near, far } of [right, byHost]) {
    near.link.destroy()
    await far.closed()
  }
  await host.listening.close()
})

tlsTest('mutual TLS accepts a known client and refuses all others', async ({ server, client, stranger, ca }) => {
  let accepted = 0
  const listening = await tcp({ tls: { ...server, ca, requestCert: true } }).listen((link) => {
    accepted++
    link.open({ data: (chunk) => void link.send(chunk), drain() {}, closed() {} })
  })
  const { port } = listening
  for (const tls of [{ ca }, { ca, ...stranger }]) {
    // TLS 1.3: the client believes that it is connected, until the server has looked at its certificate and hangs up.
    const refused = new End(tcp({ port, tls }).connect())
    refused.link.send('hello')
    await refused.closed()
    assert.is(refused.byteCount, 0)
  }
  assert.is(accepted, 0)
  const known = new End(tcp({ port, tls: { ca, ...client } }).connect())
  known.link.send('hello')
  await known.received(5)
  assert.is(accepted, 1)
  known.link.destroy()
  await known.closed()
  await listening.close()
})

tlsTest('a client that never finishes its handshake is not accepted', async ({ server }) => {
  const listening = await tcp({ tls: server }).listen(() => assert.unreachable('no handshake, no link'))
  const silent = await rawClient(listening.port!)
  const chatty = await rawClient(listening.port!)
  chatty.write('*1\r\n$4\r\nPING\r\n')
  await soon(new Promise((resolve) => chatty.once('close', resolve)), 'plain text is turned away')
  silent.destroy()
  await listening.close()
})

tlsTest('a handshake that ends after the place was closed is not accepted', async ({ server, ca }) => {
  const listening = await tcp({ tls: server }).listen(() => assert.unreachable('the place is closed'))
  // Stands between client and server, and holds the client's first words back.
  const held = await rawClient(listening.port!)
  const middle = createServer((socket) => {
    socket.on('error', () => {})
    void listening.close().then(() => socket.pipe(held).pipe(socket))
  })
  await new Promise<void>((resolve) => middle.listen(0, '127.0.0.1', resolve))
  const bound = middle.address()
  assert.ok(bound !== null && typeof bound === 'object')
  const near = new End(tcp({ port: bound.port, tls: { ca } }).connect())
  await near.closed()
  middle.close()
})

tlsTest('secrets are in no address and no error', async ({ server }) => {
  const error = await invalid(() => tcp({ tls: { ...server, key: 'not a key: hunter2' } }))
  assert.not.match(`${error.stack} ${error.cause}`, /hunter2/)
  const options = { tls: { ...server, passphrase: ['hunter2'] as unknown as string } }
  const typed = await invalid(() => tcp(options))
  assert.not.match(`${typed.stack} ${typed.cause}`, /hunter2/)
  assert.is(tcp({ tls: { ...server, passphrase: 'hunter2' } }).address, '127.0.0.1:0')
})

function rawClient(port: number): Promise<Socket> {
  return soon(
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket))
      socket.on('error', () => {})
    }),
    'the raw socket is connected',
  )
}

test.run()
