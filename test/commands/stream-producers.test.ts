// Messages that come twice: as redis-server 8.6.3 answers and streams them, and all that else it streams of streams.

import * as assert from 'uvu/assert'
import { Store } from '../../src/store.js'
import { RawClient } from '../client.js'
import { missingPeer, startServer } from '../peers.js'
import { suite, until } from '../suite.js'
import { Both } from './both.js'
import { commandLines } from './cases.js'

const test = suite('stream producers')
const skip = missingPeer('redis', '8.6.3')

const quick = { 'repl-diskless-sync-delay': '0', 'enable-debug-command': 'yes' }

async function onBoth(run: (both: Both, store: Store, port: number) => Promise<void>): Promise<void> {
  const server = await startServer({ family: 'redis', version: '8.6.3', config: quick })
  await using store = new Store({ config: { 'enable-debug-command': 'yes' } })
  const listener = await store.listen({ port: 0 })
  const ports = [listener.port!, server.port]
  const [ours, real] = await Promise.all(ports.map((port) => RawClient.connect({ port })))
  await run(new Both(ours, real), store, server.port)
  await Promise.all([ours.close(), real.close()])
  await server.stop()
}

test('IDMP, IDMPAUTO and XCFGSET', { skip }, () =>
  onBoth(async (both) => {
    // Ids are made of the clock's time.
    const mask = (reply: string) => reply.replace(/\d{13}-\d+/, 'id')
    await both.same(
      commandLines(`
        XADD s IDMP p one * a 1; XLEN s; XADD s IDMP p one * a 2; XLEN s; XADD s IDMP p two * a 2; XADD s IDMP q one * a 2; XLEN s
        XADD s IDMPAUTO p * a 1; XADD s IDMPAUTO p * a 1; XLEN s; XADD s IDMPAUTO p * a 2; XADD s IDMPAUTO p * a 1 b 2; XLEN s
        XADD s IDMP p one 5-1 a 1; XADD s IDMP p one 5-* a 1; XADD s IDMP p * a 1; XADD s IDMP "" one * a 1; XADD s IDMP p "" * a 1
        XADD s IDMP p one IDMPAUTO p * a 1; XADD s IDMPAUTO p IDMP p one * a 1; XADD s IDMPAUTO "" * a 1; XADD s IDMP p one
        XADD nosuch NOMKSTREAM IDMP p one * a 1; EXISTS nosuch; XADD s IDMP p one MAXLEN 1 * a 1; XLEN s; XCFGSET s; XCFGSET nosuch
        XCFGSET nosuch IDMP-DURATION 5; XCFGSET s IDMP-DURATION 0; XCFGSET s IDMP-DURATION 86401; XCFGSET s IDMP-DURATION x
        XCFGSET s IDMP-MAXSIZE 0; XCFGSET s IDMP-MAXSIZE 10001; XCFGSET s FOO 1; XCFGSET s IDMP-MAXSIZE; XCFGSET s IDMP-DURATION 100
        XADD s IDMP p one * a 1; XLEN s; XCFGSET s IDMP-DURATION 50 IDMP-MAXSIZE 2; XADD s IDMP p one * a 1; XLEN s
        XADD s IDMP p two * a 1; XADD s IDMP p three * a 1; XLEN s; XADD s IDMP p one * a 1; XADD s IDMP p three * a 1; XLEN s
        XADD t 1-1 a 1; XIDMPRECORD t p one 1-1; XIDMPRECORD t p one 2-1; XIDMPRECORD t p one x
        XIDMPRECORD nosuch p one 1-1
      `),
      mask,
    )
  }),
)

test('a Store that follows applies what is streamed of streams', { skip }, () =>
  onBoth(async (both, store, port) => {
    await store.replicaOf(`redis://127.0.0.1:${port}`)
    const { real } = both
    const lines = commandLines(`
      XADD s * a 1; XADD s MAXLEN ~ 100 * a 1; XADD s NOMKSTREAM * a 1; XADD s IDMP p one * a 1; XADD s IDMP p one * a 1
      XADD s IDMPAUTO p * a 1; XADD s IDMPAUTO p * a 1; XCFGSET s IDMP-MAXSIZE 5; XADD s IDMP p one * a 1; XADD t 1-* a 1; XADD t 3-1 b 2
      XADD t 4-1 a 1; XADD t 5-1 a 1; XSETID t 11-1 ENTRIESADDED 20 MAXDELETEDID 3-0; XGROUP CREATE t g 0; XGROUP CREATE u g $ MKSTREAM
      XREADGROUP GROUP g c COUNT 2 STREAMS t >; XREADGROUP GROUP g d NOACK COUNT 1 STREAMS t >; XADD t 12-1 a 1; XADD t 12-2 a 2
      XREADGROUP GROUP g d STREAMS t >; XCLAIM t g e 0 12-1; XAUTOCLAIM t g f 0 0; XACK t g 12-1; XADD t 14-1 k 1; XADD t 14-2 k 1
      XREADGROUP GROUP g e STREAMS t >; XDELEX t DELREF IDS 1 14-1; XACKDEL t g ACKED IDS 1 14-2; XADD t ACKED MAXLEN 100 15-1 k 1
      XADD t MAXLEN ~ 1 ACKED 16-1 a 1; XTRIM t MAXLEN ~ 2 DELREF; XGROUP CREATECONSUMER t g h; XGROUP SETID t g 12-1; XADD v 1-1 a 1
      XGROUP CREATE v g 0; XGROUP CREATE v h 0; XREADGROUP GROUP g c STREAMS v >; XGROUP DESTROY v h; XGROUP DELCONSUMER t g d; XDEL v 1-1
    `)
    for (const argv of lines) await real.ok(...argv)
    const queries = [
      'DEBUG DIGEST',
      'XLEN s',
      'XINFO GROUPS u',
      'XRANGE s - +',
      'XRANGE t - +',
      'XPENDING t g',
      'XPENDING v g',
      'DBSIZE',
    ]
    const offset = async (one: RawClient) =>
      /master_repl_offset:\d+/.exec(String(await one.ok('INFO', 'replication')))![0]
    const isApplied = async () => (await offset(both.ours)) === (await offset(real))
    await until(isApplied, { what: 'the stream to be applied' })
    await both.same(queries)
    const consumers = async (one: RawClient) =>
      ((await one.ok('XINFO', 'CONSUMERS', 't', 'g')) as unknown[][]).map(([, name, , pending]) => [name, pending])
    assert.equal(await consumers(both.ours), await consumers(real))
  }),
)

test.run()
