// The clients that services use, unmodified, at a Store's port: ioredis 6 and 5, node-redis 6 and 4, over RESP3 and RESP2.
// They connect, pipeline, run transactions, carry bytes, walk the keys, and come back after their connection was killed.

import { Redis, type RedisOptions } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { createClient, RESP_TYPES } from 'redis'
import { createClient as createClient4, commandOptions as options4 } from 'redis-4'
import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { suite, until, waitFor } from '../suite.js'

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
const PASSWORD = 'p:a@s/s'
const KEYS = 250

/** The names that CLIENT LIST shows at the moment. */
function names(store: Store): string[] {
  return [...String(store.call('CLIENT', 'LIST')).matchAll(/ name=(\S+) /g)].map((match) => match[1])
}

function field(store: Store, name: string, of: string): string | undefined {
  const line = String(store.call('CLIENT', 'LIST'))
    .split('\n')
    .find((one) => one.includes(` name=${name} `))
  return line?.match(new RegExp(` ${of}=(\\S*)`))?.[1]
}

function kill(store: Store, id: unknown): void {
  assert.is(store.call('CLIENT', 'KILL', 'ID', String(id)), 1)
}

async function startStore(): Promise<{ store: Store; port: number }> {
  const store = new Store({ config: { requirepass: PASSWORD } })
  return { store, port: (await store.listen({ port: 0 })).port! }
}

for (const { title, Client, extra } of [
  { title: 'ioredis 6, RESP3', Client: Redis, extra: {} },
  { title: 'ioredis 6, RESP2', Client: Redis, extra: { protocol: 2 } },
  { title: 'ioredis 5', Client: Redis5 as unknown as typeof Redis, extra: {} },
] satisfies { title: string; Client: typeof Redis; extra: RedisOptions }[]) {
  const test = suite(title)
  let store: Store
  let port = 0
  let client: Redis

  const connect = (more: RedisOptions = {}): Redis => {
    const made = new Client({ port, password: PASSWORD, retryStrategy: () => 1, ...extra, ...more })
    made.on('error', () => undefined) // what goes wrong, the next command says
    return made
  }

  test.before(async () => {
    ;({ store, port } = await startStore())
  })
  test.before.each(() => {
    store.call('FLUSHALL')
    client = connect({ connectionName: 'tested' })
  })
  test.after.each(() => client.disconnect())
  test.after(() => store.close())

  test('connects, with password, name and database', async () => {
    const other = connect({ db: 3, connectionName: 'other' })
    try {
      assert.is(await other.set('k', 'v'), 'OK')
      assert.is(store.db(3).get('k'), 'v')
      assert.ok(names(store).includes('other'))
      assert.is(field(store, 'other', 'resp'), title.endsWith('RESP3') ? '3' : '2')
      assert.is(field(store, 'other', 'lib-name')?.startsWith('ioredis'), true)
    } finally {
      await other.quit()
    }
  })

  test('a wrong password is told', async () => {
    const other = connect({ password: 'wrong', retryStrategy: () => null, lazyConnect: true })
    const [error] = await Promise.all([waitFor(other, 'error'), other.connect().catch(() => undefined)])
    assert.match(String(error), /WRONGPASS/)
    other.disconnect()
  })

  test('commands and their replies', async () => {
    assert.is(await client.set('k', 'ä€\u{1f600}', 'PX', 100_000), 'OK')
    assert.is(await client.get('k'), 'ä€\u{1f600}')
    assert.ok((await client.pttl('k')) > 90_000)
    assert.is(await client.incrby('n', 5), 5)
    assert.is(await client.incrbyfloat('f', 1.5), '1.5')
    assert.equal(await client.mget('k', 'none'), ['ä€\u{1f600}', null])
    assert.is(await client.set('k', 'w', 'NX'), null)
    assert.is(await client.del('k', 'n', 'none'), 2)
    assert.equal(await client.config('GET', 'maxmemory'), ['maxmemory', '0'])
    await client.set('text', 'abc')
    try {
      await client.incr('text')
      assert.unreachable()
    } catch (error) {
      assert.is((error as Error).message, 'ERR value is not an integer or out of range')
    }
  })

  test('a pipeline', async () => {
    const pipeline = client.pipeline()
    for (let i = 0; i < 1000; i++) pipeline.set(`k${i}`, i)
    pipeline.incr('k999').get('k0').call('nonsense')
    const replies = (await pipeline.exec())!
    assert.is(replies.length, 1003)
    assert.equal(replies.slice(1000, 1002), [
      [null, 1000],
      [null, '0'],
    ])
    assert.match(String(replies[1002][0]), /unknown command 'nonsense'/)
    assert.is(store.size, 1000)
  })

  test('a transaction', async () => {
    assert.equal(await client.multi().set('k', 1).incr('k').get('k').exec(), [
      [null, 'OK'],
      [null, 2],
      [null, '2'],
    ])
    const failed = await client.multi().set('text', 'abc').incr('text').exec()
    assert.match(String(failed?.[1][0]), /not an integer/)
    try {
      await client.multi().set('k', 9).call('nonsense').exec()
      assert.unreachable()
    } catch (error) {
      assert.match((error as Error).message, /EXECABORT/)
    }
    assert.is(await client.get('k'), '2')
  })

  test('WATCH', async () => {
    await client.watch('w')
    assert.equal(await client.multi().set('w', '1').exec(), [[null, 'OK']])
    await client.watch('w')
    store.set('w', 'changed by somebody else')
    assert.is(await client.multi().set('w', '2').exec(), null)
    assert.is(store.get('w'), 'changed by somebody else')
  })

  test('bytes, in keys and in values', async () => {
    await client.set(BYTES, BYTES)
    assert.equal(await client.getBuffer(BYTES), BYTES)
    assert.equal(await client.call('STRLEN', BYTES), 256)
    assert.equal(store.get([...store.keys()][0]), BYTES)
    const large = Buffer.alloc(3_000_000, BYTES)
    await client.set('large', large)
    assert.ok(large.equals((await client.getBuffer('large'))!))
  })

  test('subscribes to channels and patterns, and again after it came back', async () => {
    const other = connect({ connectionName: 'subscriber' })
    try {
      assert.is(await other.subscribe('news'), 1)
      assert.is(await other.psubscribe('n?ws'), 2)
      const heard = Promise.all([waitFor(other, 'message'), waitFor(other, 'pmessage')])
      assert.is(await client.publish('news', 'ä€'), 2)
      assert.equal(await heard, [
        ['news', 'ä€'],
        ['n?ws', 'news', 'ä€'],
      ])
      const listed = (): string[] =>
        String(store.call('CLIENT', 'LIST')).match(/id=(\d+) .* name=subscriber .* sub=1 psub=1 /) ?? []
      const [, id] = listed()
      kill(store, id)
      await until(() => listed().length > 0 && listed()[1] !== id, { what: 'a new connection' })
      assert.is(await other.unsubscribe('news'), 1)
    } finally {
      other.disconnect()
    }
  })

  test('scanStream finds every key', async () => {
    for (let i = 0; i < KEYS; i++) store.set(`scan:${i}`, 'v')
    store.set('other', 'v')
    const found = new Set<string>()
    for await (const keys of client.scanStream({ match: 'scan:*', count: 20 })) for (const key of keys) found.add(key)
    assert.is(found.size, KEYS)
  })

  test('comes back after CLIENT KILL, to its database and under its name', async () => {
    const other = connect({ db: 3, connectionName: 'comes-back' })
    try {
      const id = await other.client('ID')
      kill(store, id)
      const again = await until(() => other.client('ID').catch(() => undefined), { what: 'a new connection' })
      assert.is.not(again, id)
      await other.set('k', 'after')
      assert.is(store.db(3).get('k'), 'after')
      assert.is(field(store, 'comes-back', 'db'), '3')
    } finally {
      other.disconnect()
    }
  })

  test('comes back after the listener went and came', async () => {
    const stays = new Store()
    const first = await stays.listen({ port: 0 })
    const other = connect({ port: first.port!, password: undefined })
    try {
      assert.is(await other.set('k', 'v'), 'OK')
      await first.close()
      stays.call('CLIENT', 'KILL', 'TYPE', 'normal')
      await stays.listen({ port: first.port! })
      assert.is(await other.get('k'), 'v')
    } finally {
      other.disconnect()
      await stays.close()
    }
  })

  test.run()
}

/** What the cases need of node-redis, whichever version. */
interface NodeRedis {
  on(event: 'error', listener: (error: Error) => void): unknown
  connect(): Promise<unknown>
  set(key: string | Buffer, value: string | number | Buffer, options?: { PX: number } | { NX: true }): Promise<unknown>
  get(key: string): Promise<unknown>
  mGet(keys: string[]): Promise<unknown>
  pTTL(key: string): Promise<unknown>
  incr(key: string): Promise<unknown>
  incrBy(key: string, by: number): Promise<unknown>
  del(keys: string[]): Promise<unknown>
  watch(key: string): Promise<unknown>
  multi(): NodeRedisMulti
  configGet(name: string): Promise<unknown>
  sendCommand(args: (string | Buffer)[]): Promise<unknown>
  subscribe(channel: string, listener: (message: string, channel: string) => void): Promise<unknown>
  pSubscribe(pattern: string, listener: (message: string, channel: string) => void): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  pUnsubscribe(pattern: string): Promise<unknown>
  publish(channel: string, message: string): Promise<unknown>
  scanIterator(options: { MATCH: string; COUNT: number }): AsyncIterable<string | string[]>
  duplicate(): NodeRedis
  quit(): Promise<unknown>
}

interface NodeRedisMulti {
  set(key: string, value: string): NodeRedisMulti
  incr(key: string): NodeRedisMulti
  get(key: string): NodeRedisMulti
  addCommand(args: string[]): NodeRedisMulti
  exec(): Promise<unknown>
}

interface NodeRedisOptions {
  password?: string
  database?: number
  name?: string
  port: number
}

interface NodeRedisVersion {
  title: string
  resp: string
  create(options: NodeRedisOptions): NodeRedis
  getBuffer(client: NodeRedis, key: Buffer): Promise<unknown>
}

function withSocket({ port, ...options }: NodeRedisOptions): NodeRedisOptions & { socket: object } {
  return { port, ...options, socket: { port, host: '127.0.0.1', reconnectStrategy: () => 1 } }
}

function sixth(title: string, RESP: 2 | 3): NodeRedisVersion {
  return {
    title,
    resp: String(RESP),
    create: (options) => createClient({ ...withSocket(options), RESP }) as unknown as NodeRedis,
    getBuffer: (client, key) =>
      (client as unknown as ReturnType<typeof createClient>)
        .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
        .get(key),
  }
}

const fourth: NodeRedisVersion = {
  title: 'node-redis 4',
  resp: '2',
  create: (options) => createClient4(withSocket(options)) as unknown as NodeRedis,
  getBuffer: (client, key) =>
    (client as unknown as ReturnType<typeof createClient4>).get(options4({ returnBuffers: true }), key),
}

for (const version of [sixth('node-redis 6, RESP3', 3), sixth('node-redis 6, RESP2', 2), fourth]) {
  const test = suite(version.title)
  let store: Store
  let port = 0
  let client: NodeRedis

  const connect = async (more: Partial<NodeRedisOptions> = {}): Promise<NodeRedis> => {
    const made = version.create({ port, password: PASSWORD, ...more })
    made.on('error', () => undefined) // what goes wrong, the next command says
    await made.connect()
    return made
  }

  test.before(async () => {
    ;({ store, port } = await startStore())
  })
  test.before.each(async () => {
    store.call('FLUSHALL')
    client = await connect({ name: 'tested' })
  })
  test.after.each(async () => void (await client.quit()))
  test.after(() => store.close())

  test('connects, with password, name and database', async () => {
    const other = await connect({ database: 3, name: 'other' })
    await other.set('k', 'v')
    assert.is(store.db(3).get('k'), 'v')
    assert.is(field(store, 'other', 'resp'), version.resp)
    assert.is(field(store, 'other', 'lib-name')?.startsWith('node-redis'), true)
    await other.quit()
  })

  test('a wrong password is told', async () => {
    const other = version.create({ port, password: 'wrong' })
    const told = new Promise<Error>((resolve) => other.on('error', resolve))
    const error = await Promise.race([
      told,
      other.connect().then(
        () => undefined,
        (reason: Error) => reason,
      ),
    ])
    assert.match(String(error), /WRONGPASS/)
    ;(other as unknown as { disconnect(): unknown }).disconnect()
  })

  test('commands and their replies', async () => {
    assert.is(await client.set('k', 'ä€\u{1f600}', { PX: 100_000 }), 'OK')
    assert.is(await client.get('k'), 'ä€\u{1f600}')
    assert.ok(Number(await client.pTTL('k')) > 90_000)
    assert.is(await client.incrBy('n', 5), 5)
    assert.equal(await client.mGet(['k', 'none']), ['ä€\u{1f600}', null])
    assert.is(await client.set('k', 'w', { NX: true }), null)
    assert.is(await client.del(['k', 'n', 'none']), 2)
    assert.equal({ ...((await client.configGet('maxmemory')) as object) }, { maxmemory: '0' })
    await client.set('text', 'abc')
    try {
      await client.incr('text')
      assert.unreachable()
    } catch (error) {
      assert.is((error as Error).message, 'ERR value is not an integer or out of range')
    }
  })

  test('commands of one turn of the event loop go as a pipeline', async () => {
    const sets = Array.from({ length: 1000 }, (_, i) => client.set(`k${i}`, String(i)))
    const [, last, error] = await Promise.all([
      ...[Promise.all(sets), client.incr('k999')],
      client.sendCommand(['nonsense']).catch((reason: Error) => reason.message),
    ])
    assert.is(last, 1000)
    assert.match(String(error), /unknown command 'nonsense'/)
    assert.is(store.size, 1000)
  })

  test('a transaction', async () => {
    assert.equal(await client.multi().set('k', '1').incr('k').get('k').exec(), ['OK', 2, '2'])
    try {
      await client.multi().set('k', '9').addCommand(['nonsense']).exec()
      assert.unreachable()
    } catch (error) {
      assert.match(String(error), /EXECABORT|unknown command/)
    }
    assert.is(await client.get('k'), '2')
  })

  test('WATCH', async () => {
    await client.watch('w')
    assert.equal(await client.multi().set('w', '1').exec(), ['OK'])
    await client.watch('w')
    store.set('w', 'changed by somebody else')
    try {
      await client.multi().set('w', '2').exec()
      assert.unreachable()
    } catch (error) {
      assert.is((error as Error).constructor.name, 'WatchError')
    }
    assert.is(store.get('w'), 'changed by somebody else')
  })

  test('bytes, in keys and in values', async () => {
    await client.set(BYTES, BYTES)
    assert.equal(await version.getBuffer(client, BYTES), BYTES)
    assert.is(await client.sendCommand(['STRLEN', BYTES]), 256)
    assert.equal(store.get([...store.keys()][0]), BYTES)
    const large = Buffer.alloc(3_000_000, BYTES)
    await client.set('large', large)
    assert.ok(large.equals((await version.getBuffer(client, Buffer.from('large'))) as Buffer))
  })

  test('subscribes to channels and patterns', async () => {
    const other = await connect()
    const heard: string[][] = []
    const listener = (message: string, channel: string): void => void heard.push([channel, message])
    await other.subscribe('news', listener)
    await other.pSubscribe('n?ws', listener)
    assert.is(await client.publish('news', 'ä€'), 2)
    await until(() => heard.length === 2, { what: 'the messages' })
    assert.equal(heard, [
      ['news', 'ä€'],
      ['news', 'ä€'],
    ])
    await other.unsubscribe('news')
    await other.pUnsubscribe('n?ws')
    await other.set('k', 'v')
    assert.is(store.get('k'), 'v')
    await other.quit()
  })

  test('scanIterator finds every key', async () => {
    for (let i = 0; i < KEYS; i++) store.set(`scan:${i}`, 'v')
    store.set('other', 'v')
    const found = new Set<string>()
    for await (const some of client.scanIterator({ MATCH: 'scan:*', COUNT: 20 }))
      for (const key of [some].flat()) found.add(key)
    assert.is(found.size, KEYS)
  })

  test('comes back after CLIENT KILL, to its database and under its name', async () => {
    const other = await connect({ database: 3, name: 'comes-back' })
    const id = await other.sendCommand(['CLIENT', 'ID'])
    kill(store, id)
    const again = await until(() => other.sendCommand(['CLIENT', 'ID']).catch(() => undefined), {
      what: 'a new connection',
    })
    assert.is.not(again, id)
    await other.set('k', 'after')
    assert.is(store.db(3).get('k'), 'after')
    assert.is(field(store, 'comes-back', 'db'), '3')
    await other.quit()
  })

  test.run()
}
