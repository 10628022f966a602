// What a Store does when its primary, or the way to it, is broken: it serves what it has, says in its log what is wrong,
// tries again, and is in step when the fault is gone.

import * as assert from 'uvu/assert'
import { encode } from '../client.js'
import { cutAfter, FaultyProxy, flip } from '../proxy.js'
import { suite, until } from '../suite.js'
import {
  type Answer,
  FAKE_KEYS,
  FAKE_OFFSET,
  FAKE_REPLID,
  FakePrimary,
  fullSync,
  type Guest,
  snapshot,
} from './fake-primary.js'
import { fill, writeSome } from './load.js'
import { families, follow, inStep, linkUp, placeOf, running, StoreNode, startReal } from './nodes.js'

const test = suite('compat: faults')

const SECRET = 'correct-horse-battery-staple'

/** A fault comes so often, then it is gone. */
const FAULTS = 2

type Start = Parameters<Parameters<typeof running>[0]>[0]

/** A Store with data of its own, which no fault may touch. */
async function storeWithData(start: Start, config: Record<string, string> = {}): Promise<StoreNode> {
  const node = await start(StoreNode.start(config))
  for (let i = 0; i < 100; i++) node.store.set(`old:${i}`, `value ${i}`)
  return node
}

/** Shows that the old data are served as they were: to clients, to callers, and as a whole. */
async function servesOld(node: StoreNode, digest: string): Promise<void> {
  assert.is(node.store.get('old:42'), 'value 42')
  assert.is(await node.call('GET', 'old:7'), 'value 7')
  assert.is(await node.call('DBSIZE'), 100)
  assert.is(await node.digest(), digest)
}

async function servesNew(node: StoreNode): Promise<void> {
  assert.is(node.store.get('old:42'), undefined)
  assert.is(node.store.get('new:42'), `42 ${'v'.repeat(100)}`)
  assert.is(await node.call('DBSIZE'), FAKE_KEYS)
  const { replid, offset } = await placeOf(node)
  assert.is(replid, FAKE_REPLID)
  assert.is(offset, FAKE_OFFSET)
}

interface Told {
  /** What the primary does with a command while it is broken; false: what a good one does. */
  broken: Answer
  /** What the log has to say. */
  log: RegExp
  config?: Record<string, string>
}

/** The first connections meet a broken primary, the next one a good one. */
async function recovers({ broken, log, config }: Told): Promise<void> {
  await running(async (start) => {
    const node = await storeWithData(start, config)
    const digest = await node.digest()
    const primary = await start(
      FakePrimary.start(async (argv, guest) => {
        if (guest.number <= FAULTS) return broken(argv, guest)
        if (argv[0] !== 'PING') return false
        await servesOld(node, digest)
        assert.match(node.log.text, log)
        assert.is(logged(node, log), FAULTS)
        checked = true
        return false
      }),
    )
    let checked = false
    await node.store.replicaOf({ host: '127.0.0.1', port: primary.port })
    assert.ok(checked, 'the checks before the good sync passed')
    await servesNew(node)
  })
}

/** How many lines of the log tell of it. */
function logged(node: StoreNode, what: RegExp): number {
  return node.log.lines.filter((line) => what.test(line)).length
}

const onPsync =
  (answer: (guest: Guest) => void): Answer =>
  ([name], guest) => {
    if (name !== 'PSYNC') return false
    answer(guest)
    return true
  }

const good = snapshot()
const hasty = { 'repl-timeout': '1' }
const fullResync = `+FULLRESYNC ${FAKE_REPLID} ${FAKE_OFFSET}\r\n`
const mark = 'm'.repeat(40)

function changed(at: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(good)
  copy.set(bytes, at)
  return copy
}

/** Where the first key's record starts: its type, then its key. */
const firstRecord = good.indexOf('new:0') - 2
const firstValue = firstRecord + 2 + 'new:0'.length

const damaged: Record<string, { rdb: Buffer; log: RegExp }> = {
  'a wrong checksum': { rdb: changed(good.length - 1, good[good.length - 1] ^ 1), log: /warn .*checksum/ },
  'a changed byte in a value': { rdb: changed(firstValue + 10, 0x21), log: /warn .*checksum/ },
  'an unknown type': { rdb: changed(firstRecord, 99), log: /warn .*type 99 \(unknown\)/ },
  'a string of 8 TB': {
    rdb: changed(firstValue, 0x81, 0, 0, 8, 0, 0, 0, 0, 0),
    log: /warn .*8796093022208 bytes is over the limit/,
  },
  'a string that is longer than the snapshot': {
    rdb: changed(firstValue, 0x80, 0x10, 0, 0, 0),
    log: /warn .*short read/,
  },
  'a length that is none': { rdb: changed(firstValue, 0xbf), log: /warn .*0xbf where a length should be/ },
  'a version from the future': { rdb: changed(5, ...Buffer.from('9999')), log: /warn .*version 9999/ },
  'no snapshot at all': { rdb: Buffer.from('what is this?'), log: /warn .*does not start as an RDB file does/ },
  'a byte too many': { rdb: Buffer.concat([good, Buffer.from([0])]), log: /warn .*trailing bytes/ },
  'a byte too few': { rdb: good.subarray(0, -1), log: /warn .*short read/ },
}

for (const [name, { rdb, log }] of Object.entries(damaged)) {
  test(`a snapshot with ${name}, sent with its length`, () =>
    recovers({ broken: onPsync((guest) => fullSync(guest, rdb)), log }))

  test(`a snapshot with ${name}, sent with a mark`, () => {
    const payload = Buffer.concat([Buffer.from(`${fullResync}$EOF:${mark}\r\n`), rdb, Buffer.from(mark)])
    return recovers({ broken: onPsync((guest) => guest.send(payload)), log })
  })
}

const lost = /warn .*(connection lost|I\/O error|closed)/

test('a snapshot that ends in the middle', async () => {
  const half = good.subarray(0, good.length / 2)
  for (const head of [`$${good.length}\r\n`, `$EOF:${mark}\r\n`]) {
    const sent = Buffer.concat([Buffer.from(fullResync + head), half])
    await recovers({
      log: lost,
      broken: onPsync((guest) => {
        guest.send(sent)
        guest.close()
      }),
    })
  }
})

test('a snapshot that stops coming', async () => {
  const half = good.subarray(0, good.length / 2)
  for (const head of [`$${good.length}\r\n`, `$EOF:${mark}\r\n`]) {
    const sent = Buffer.concat([Buffer.from(fullResync + head), half])
    await recovers({ config: hasty, log: /warn .*[Tt]imeout/, broken: onPsync((guest) => guest.send(sent)) })
  }
})

test('a length that lies by a few bytes', async () => {
  const sent = (length: number): Buffer => Buffer.concat([Buffer.from(`${fullResync}$${length}\r\n`), good])
  await recovers({ log: /warn .*short read/, broken: onPsync((guest) => guest.send(sent(good.length - 4))) })
  // What follows the snapshot is the stream: its first bytes are taken for the snapshot's end.
  const more = Buffer.concat([sent(good.length + 5), encode('PING'), encode('PING')])
  await recovers({ log: /warn .*trailing bytes/, broken: onPsync((guest) => guest.send(more)) })
})

test('something else where the snapshot should begin', () =>
  recovers({ log: /warn .*Bad protocol/, broken: onPsync((guest) => guest.send(`${fullResync}*1\r\n$4\r\nPING\r\n`)) }))

test('an error where the snapshot should begin', () =>
  recovers({
    log: /warn .*aborted replication/,
    broken: onPsync((guest) => guest.send(`${fullResync}-ERR BGSAVE failed, replication can't continue\r\n`)),
  }))

for (const error of ['LOADING Redis is loading the dataset in memory', "NOMASTERLINK Can't SYNC while not connected"])
  test(`-${error.split(' ')[0]} instead of a sync`, () =>
    recovers({
      log: new RegExp(`warn .*${error.split(' ')[0]}`),
      broken: onPsync((guest) => guest.send(`-${error}\r\n`)),
    }))

test('-LOADING to the first PING', () =>
  recovers({
    log: /warn .*PING.*LOADING/,
    broken: ([name], guest) => {
      guest.send(name === 'PING' ? '-LOADING Redis is loading the dataset in memory\r\n' : '')
      return true
    },
  }))

test('no answer to PING', () => recovers({ config: hasty, log: /warn .*[Tt]imeout/, broken: () => true }))

test('no answer to PSYNC', () =>
  recovers({ config: hasty, log: /warn .*[Tt]imeout/, broken: onPsync(() => undefined) }))

test('+CONTINUE that was not asked for', () =>
  recovers({ log: /warn .*continue/i, broken: onPsync((guest) => guest.send('+CONTINUE\r\n')) }))

test('nonsense instead of an answer', async () => {
  for (const answer of [
    '+FULLRESYNC\r\n',
    '+FULLRESYNC abc def\r\n',
    `+FULLRESYNC ${FAKE_REPLID}\r\n`,
    ':1\r\n',
    '\x00\x01\r\n',
  ])
    await recovers({ log: /warn .*Unexpected reply to PSYNC/, broken: onPsync((guest) => guest.send(answer)) })
  const endless = 'x'.repeat(1024 * 1024)
  await recovers({ log: /warn .*line without end/, broken: onPsync((guest) => guest.send(endless)) })
})

test('empty lines keep a slow primary alive, before its answer and before the snapshot', () =>
  running(async (start) => {
    const node = await storeWithData(start, hasty)
    const digest = await node.digest()
    const primary = await start(
      FakePrimary.start(async (argv, guest) => {
        if (argv[0] !== 'PSYNC') return false
        // Longer than repl-timeout, each time.
        for (const next of [fullResync, `$${good.length}\r\n`]) {
          const begin = performance.now()
          const slow = (): boolean => {
            guest.send('\n')
            return performance.now() - begin > 1500
          }
          await until(slow, { what: 'the primary to be slow', everyMs: 100 })
          await servesOld(node, digest)
          guest.send(next)
        }
        guest.send(good)
        return true
      }),
    )
    await node.store.replicaOf({ host: '127.0.0.1', port: primary.port })
    await servesNew(node)
    await until(() => primary.acks.includes(FAKE_OFFSET), { what: 'the ACK' })
    assert.is(primary.guests, 1)
  }))

test('a primary that does not know PSYNC is asked with SYNC', () =>
  running(async (start) => {
    const node = await storeWithData(start)
    const primary = await start(
      FakePrimary.start(([name], guest) => {
        if (name === 'PSYNC') guest.send("-ERR unknown command 'PSYNC'\r\n")
        else if (name === 'REPLCONF') guest.send("-ERR unknown command 'REPLCONF'\r\n")
        else if (name === 'SYNC')
          guest.send(Buffer.concat([Buffer.from(`$${good.length}\r\n`), good, encode('SET', 'new:1', 'changed')]))
        else return false
        return true
      }),
    )
    await node.store.replicaOf({ host: '127.0.0.1', port: primary.port })
    await until(() => node.store.get('new:1') === 'changed', { what: 'the stream to be applied' })
    assert.is(node.store.get('old:1'), undefined)
    assert.ok(primary.commands.includes('SYNC'))
    assert.is(node.log.text.includes('changed'), false)
  }))

test('garbage in the stream', () =>
  running(async (start) => {
    const node = await storeWithData(start)
    const change = encode('SET', 'new:1', 'changed')
    const garbage = [
      '*1\r\n$zz\r\n',
      '*2000000000\r\n',
      '$5\r\nhello\r\n',
      '*1\r\n$-5\r\n',
      '*1\r\n$3\r\nSET\r\n',
      '\x00\xff\xfe\r\n',
    ]
    const primary = await start(
      FakePrimary.start(([name, , wanted], guest) => {
        const bad = garbage[guest.number - 1]
        if (name === 'PSYNC') {
          // Who asks for the next bytes gets them; the others start again.
          if (Number(wanted) === FAKE_OFFSET + change.length + 1) guest.send('+CONTINUE\r\n')
          else {
            fullSync(guest, good)
            guest.send(change)
          }
          if (bad !== undefined) guest.send(bad)
          return true
        }
        return false
      }),
    )
    await node.store.replicaOf({ host: '127.0.0.1', port: primary.port })
    const offset = FAKE_OFFSET + change.length
    await until(() => primary.guests > garbage.length && primary.acks.at(-1) === offset, { what: 'a good stream' })
    await linkUp(node)
    assert.is(node.store.get('new:1'), 'changed')
    assert.is((await placeOf(node)).offset, offset)
    assert.is(primary.guests, garbage.length + 1)
    assert.ok(logged(node, /warn .*cannot be applied/) >= garbage.length, node.log.text)
  }))

test('a command in the stream that is not known here: the link stops, and says which', () =>
  running(async (start) => {
    const node = await storeWithData(start)
    const before = encode('SET', 'new:1', 'changed')
    const unknown = encode('NOSUCH', 'x', 'y')
    const behind = encode('SET', 'new:2', 'lost')
    const primary = await start(
      FakePrimary.start(([name], guest) => {
        if (name !== 'PSYNC') return false
        fullSync(guest, good)
        guest.send(Buffer.concat([before, unknown, behind]))
        return true
      }),
    )
    await node.store.replicaOf({ host: '127.0.0.1', port: primary.port }).catch(() => undefined)
    await until(() => node.store.status().link === 'stopped', { what: 'the link to stop' })
    const { stoppedBy, offset } = node.store.status()
    assert.is(offset, FAKE_OFFSET + before.length)
    assert.is((stoppedBy as { code?: string }).code, 'UNKNOWN_COMMAND')
    assert.match(stoppedBy!.message, /'NOSUCH' at offset/)
    assert.match(node.log.text, /error .*'NOSUCH' at offset/)
    assert.is(node.store.get('new:1'), 'changed', 'what came before is served')
    assert.not.match(String(node.store.get('new:2')), 'lost')
    assert.match(String(node.store.call('INFO', 'replication')), /master_link_status:down/)
    assert.is(primary.guests, 1, 'it is not tried again by itself')
    // Told to skip it, and whom to follow, although that is whom it followed.
    node.store.call('CONFIG', 'SET', 'on-unknown-command', 'skip')
    assert.is(node.store.call('REPLICAOF', '127.0.0.1', primary.port), 'OK')
    await until(() => node.store.get('new:2') === 'lost', { what: 'the rest of the stream' })
    assert.is(node.store.status().stoppedBy, null)
  }))

test('the same, told to skip: it is named in the log and counted, also inside a transaction', () =>
  running(async (start) => {
    const node = await storeWithData(start)
    node.store.call('CONFIG', 'SET', 'on-unknown-command', 'skip')
    const stream = Buffer.concat([
      encode('NOSUCH', 'x', 'y'),
      encode('MULTI'),
      encode('SET', 'new:1', 'changed'),
      encode('NOSUCH', 'z'),
      encode('EXEC'),
      encode('XGROUP', 'NOSUCHTHING', 'k'),
    ])
    const primary = await start(
      FakePrimary.start(([name], guest) => {
        if (name !== 'PSYNC') return false
        fullSync(guest, good)
        guest.send(stream)
        return true
      }),
    )
    await node.store.replicaOf({ host: '127.0.0.1', port: primary.port })
    await until(() => node.store.status().offset === FAKE_OFFSET + stream.length, { what: 'the stream to be applied' })
    assert.is(node.store.get('new:1'), 'changed')
    assert.equal(node.store.status().skippedCommands, { NOSUCH: 2, 'XGROUP NOSUCHTHING': 1 })
    assert.match(node.log.text, /warn .*'NOSUCH' at offset .* skipped \(2 so far\)/)
    assert.is(node.store.status().link, 'connected')
  }))

for (const { name, skip, ...which } of families) {
  test(`the snapshot of ${name} is cut off, then damaged, on its way`, { skip, limitMs: 60_000 }, () =>
    running(async (start) => {
      const primary = await start(startReal(which))
      await fill(primary, 20_000)
      const proxy = await start(FaultyProxy.to(primary.port))
      for (const diskless of ['yes', 'no']) {
        await primary.call('CONFIG', 'SET', 'repl-diskless-sync', diskless)
        const node = await storeWithData(start)
        const digest = await node.digest()
        proxy.tamper = cutAfter(1_000_000)
        const done = node.store.replicaOf({ host: '127.0.0.1', port: proxy.port })
        await until(() => logged(node, lost) >= FAULTS, { what: 'cut-off snapshots in the log' })
        await servesOld(node, digest)
        proxy.tamper = flip(1_000_000)
        const failed = /warn .*Failed trying to load the MASTER synchronization DB/
        const seen = logged(node, failed)
        await until(() => logged(node, failed) >= seen + FAULTS, {
          what: 'damaged snapshots in the log',
          timeoutMs: 20_000,
        })
        await servesOld(node, digest)
        proxy.tamper = undefined
        await done
        await writeSome(primary, 500)
        await inStep([primary, node])
      }
    }),
  )

  test(`the stream of ${name} is damaged on its way`, { skip }, () =>
    running(async (start) => {
      const primary = await start(startReal(which))
      const proxy = await start(FaultyProxy.to(primary.port))
      const node = await start(StoreNode.start())
      await fill(primary, 1000)
      await follow(node, proxy.port)
      const { offset } = await inStep([primary, node])
      // The head of the next command: what follows is none.
      const at = proxy.received
      proxy.tamper = flip(at)
      await primary.call('SET', 'k', 'v')
      await until(() => logged(node, /warn .*cannot be applied/) > 0, { what: 'the damage in the log' })
      proxy.tamper = undefined
      await linkUp(node)
      await writeSome(primary, 500)
      const place = await inStep([primary, node])
      assert.ok(place.offset > offset)
    }),
  )

  test(`the password of ${name}: none, a wrong one, the right one`, { skip }, () =>
    running(async (start) => {
      const primary = await start(startReal(which, { requirepass: SECRET }))
      await fill(primary, 1000)
      const where = { host: '127.0.0.1', port: primary.port }
      const wrong = `${SECRET}-not`

      const without = await storeWithData(start)
      const digest = await without.digest()
      const first = without.store.replicaOf(where)
      first.catch(() => undefined)
      await until(() => logged(without, /warn .*NOAUTH/) >= FAULTS, { what: 'NOAUTH in the log' })
      await servesOld(without, digest)

      const node = await storeWithData(start)
      const second = node.store.replicaOf({ ...where, password: wrong })
      second.catch(() => undefined)
      await until(() => logged(node, /warn .*(WRONGPASS|invalid)/) >= FAULTS, { what: 'WRONGPASS in the log' })
      await servesOld(node, digest)

      // The fault goes away: the right password is set while it tries.
      await without.call('CONFIG', 'SET', 'masterauth', SECRET)
      await linkUp(without)
      await node.store.replicaOf({ ...where, password: SECRET })
      const byUrl = await start(StoreNode.start())
      await byUrl.store.replicaOf(`redis://:${SECRET}@127.0.0.1:${primary.port}`)
      const withUser = await start(StoreNode.start({ masteruser: 'default', masterauth: SECRET }))
      await withUser.store.replicaOf(where)
      const all = [without, node, byUrl, withUser]
      await inStep([primary, ...all])
      for (const one of all) {
        const said = `${one.log.text}${JSON.stringify(one.store.status())}${String(await one.call('INFO'))}`
        assert.not.match(said, SECRET)
      }
    }),
  )
}

test('a primary that is not there yet', () =>
  running(async (start) => {
    const primary = await start(StoreNode.start())
    const proxy = await start(FaultyProxy.to(primary.port))
    proxy.refuse()
    const node = await storeWithData(start)
    const digest = await node.digest()
    const done = node.store.replicaOf({ host: '127.0.0.1', port: proxy.port })
    await until(() => proxy.accepted > FAULTS, { what: 'several attempts' })
    await servesOld(node, digest)
    proxy.heal()
    await done
    await inStep([primary, node])
  }))

test.run()
